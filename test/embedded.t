#!/bin/sh
# embedded.t - the firmware in embedded/ prints what its comments say, on each board, in QEMU. Run from the root of
# the repository. What lacks its compiler or its QEMU is skipped.
AIO_TEST_QUICK=1
. test/tap.sh
unset MAKEFLAGS MFLAGS MAKELEVEL        # not the flags of the host's programs

# status NAME WANTED: and no word on standard error
status() {
    { echo "expected $2, got $status"; cat "$tmp/errors"; } >"$tmp/log"
    [ "$status" = "$2" ] && [ ! -s "$tmp/errors" ]
    result $? "$1"
}

# What a terminal shows: a character, a backspace, a blank and a backspace are nothing. No blanks at the ends of lines.
shown() { tr '\010' '<' | sed ':again
s/[^<]< <//
t again
s/ *$//'; }

# What is the same on all boards.
counted() { sed 's/[0-9]* bytes/N bytes/; s/of [0-9]*$/of N/'; }

# RAM is full of rubbish at first, as in life; QEMU's is full of zeros.
blink() {
    case $board in virt) ram=0x80040000 ;; *) ram=0x20000000 ;; esac
    embedded/run.sh $board "$image/blink.elf" -device loader,file="$tmp/rubbish",addr=$ram,force-raw=on \
        >"$tmp/out" 2>"$tmp/errors"
    status=$?
    section Prints: embedded/blink.c >"$tmp/expected"
    same "$board: blink prints what it says" "$tmp/expected" "$tmp/out"
    status "$board: blink ends with 0" 0
}

# In 8 KiB of RAM, and with some of it left.
two_hundred() {
    embedded/run.sh $board "$image/200.elf" >"$tmp/out" 2>"$tmp/errors"
    status=$?
    section 'Prints, with' embedded/200.c | counted >"$tmp/expected"
    counted <"$tmp/out" >"$tmp/counted"
    same "$board: 200 prints what it says" "$tmp/expected" "$tmp/counted"
    status "$board: 200 ends with 0" 0
    cp "$tmp/out" "$tmp/log"
    grep -q '^stack: [1-9][0-9]* bytes never used' "$tmp/out"
    result $? "$board: 200 has not used up its stack"
}

# The linker script sees to it that there is no more RAM than it is told.
too_small() {
    make -s -f embedded/Makefile BUILD="$tmp/less" BOARDS=$board PROGRAMS=200 LINK_200=-Wl,--defsym=ram_bytes=$1 \
        >"$tmp/log" 2>&1
    [ $? -ne 0 ] && grep -qE 'no room for the stack|will not fit' "$tmp/log"
    result $? "$board: 200 does not link in $1 bytes of RAM"
}

# start: what wants the clock on the wall, all at once
start() {
    for how in talk silence flood; do
        embedded/echo.sh $board "$image/echo.elf" $how >"$tmp/$board.$how" 2>"$tmp/$board.$how.errors" &
        echo $! >"$tmp/$board.$how.pid"
    done
}

# finished HOW: waits for it, and shows what it said
finished() {
    wait "$(cat "$tmp/$board.$1.pid")"
    status=$?
    shown <"$tmp/$board.$1" >"$tmp/out"
    cp "$tmp/$board.$1.errors" "$tmp/errors"
}

echoes() {
    section 'Prints, fed' embedded/echo.c >"$tmp/expected"
    finished talk
    if ! cmp -s "$tmp/expected" "$tmp/out"; then    # a busy machine may strike while we talk: once more
        embedded/echo.sh $board "$image/echo.elf" >"$tmp/$board.talk" 2>"$tmp/errors"
        status=$?
        shown <"$tmp/$board.talk" >"$tmp/out"
    fi
    same "$board: echo prints what it says" "$tmp/expected" "$tmp/out"
    status "$board: echo ends with 0" 0

    printf '%s\n' 'a line, please' '>' 'still there?' '>' goodbye >"$tmp/expected"
    finished silence
    same "$board: echo asks, and gives up" "$tmp/expected" "$tmp/out"
    status "$board: echo ends with 0 when nobody is there" 0

    finished flood
    cp "$tmp/out" "$tmp/log"
    grep -q '^you said "0123456789' "$tmp/out" && grep -qx goodbye "$tmp/out"
    result $? "$board: echo survives a flood"
    status "$board: echo ends with 0 after the flood" 0
}

awk 'BEGIN { for (i = 0; i < 2048; i++) printf "rubbish " }' >"$tmp/rubbish"
boards=
for board in mps2-an385 microbit virt; do
    if missing=$(embedded/run.sh -n $board); then
        image=$tmp/embedded/$board
        try "$board: the programs build" make -s -j2 -f embedded/Makefile BUILD="$tmp" BOARDS=$board OPTIMISE=-Os
        boards="$boards $board"
        start
    else
        skip "$board" "there is no $missing"
    fi
done
for board in $boards; do
    image=$tmp/embedded/$board
    blink
    two_hundred
    [ $board != microbit ] || too_small 7168
    echoes
done
finish
