#!/bin/sh
# cross.t - aio.h as firmware has it: -ffreestanding, no C library, by the cross compilers that are here, for
# Cortex-M0, M3 and M4, RISC-V rv32imc and rv32imac (which has atomic instructions, of 32 bits), and AVR. Every warning
# is an error. Linked, nothing is missing but the hooks; memory comes from where the options say. Run from the root of
# the repository.
#     prove test/cross.t                         everything
#     AIO_TEST_QUICK=1 prove test/cross.t        one processor of each kind, one build
. test/tap.sh
export LC_ALL=C

warn='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror'
need="-ffreestanding -nostdlib $warn -iquote ."
small='-DAIO_TIME_32=1 -DAIO_TICK_HZ=32768 -DAIO_STRINGS=0 -DAIO_TRACE_DEPTH=0 -DAIO_POOL_BYTES=1024 -DAIO_TIMERS=4'

# target NAME: its compiler, its flags, the nm and objdump that belong to it.
target() {
    cxx=
    case $1 in
    cortex-m*) tools=arm-none-eabi- flags="-mcpu=$1 -mthumb" cxx=g++ ;;
    rv32*) tools=riscv64-unknown-elf- flags="-march=$1 -mabi=ilp32" cxx=g++ ;;
    # avr-gcc 5 misses braces where there are some: gcc bug 53119, mended in gcc 7
    *) tools=avr- flags="-mmcu=$1 -Wno-missing-braces" ;;
    esac
    cc="${tools}gcc $flags"
}

# missing FILE...: links it without a library, and lists what it lacks, in one line. Nobody calls the interrupt handler.
missing() {
    $cc -nostdlib -Wl,--gc-sections -Wl,-e,"$entry" -Wl,-u,board_interrupt "$@" -lgcc -o "$tmp/firmware.elf" \
        >"$tmp/link" 2>&1
    sed -n "s/.*undefined reference to \`\(.*\)'.*/\1/p" "$tmp/link" | sort -u | tr '\n' ' ' >"$tmp/missing"
    grep -vE 'undefined reference to|ld returned|[Ii]n function|more undefined|RWX permissions' "$tmp/link" && return 1
    return 0
}

# lacks OPTIONS NAMES: firmware.c, with these options, lacks these and nothing else.
lacks() {
    $cc $need $optimise $1 -ffunction-sections -fdata-sections -c test/compile/firmware.c -o "$tmp/firmware.o" ||
        return 1
    entry=board_main missing "$tmp/firmware.o" || return 1
    [ "$(cat "$tmp/missing")" = "$2 " ] || { echo "lacks $(cat "$tmp/missing"), not $2"; return 1; }
}

# whole FILE: linked with what it lacks, it has no undefined symbol at all.
whole() {
    printf '%s\n' '#include <stdint.h>' 'uint32_t board_ticks(void); void board_idle(int32_t ticks);' \
        'uint32_t board_ticks(void) { return 0; }' 'void board_idle(int32_t ticks) { (void)ticks; }' >"$tmp/board.c"
    $cc $need -c "$tmp/board.c" -o "$tmp/board.o" || return 1
    entry=board_main missing "$1" "$tmp/board.o" || return 1
    [ ! -s "$tmp/missing" ] || { cat "$tmp/missing"; return 1; }
    ${tools}nm -u "$tmp/firmware.elf" >"$tmp/undefined" || return 1
    [ ! -s "$tmp/undefined" ] || { cat "$tmp/undefined"; return 1; }
}

# never NAME...: no symbol of the image has one of these names.
never() {
    ${tools}nm "$tmp/firmware.elf" >"$tmp/names" || return 1
    grep -q ' board_main$' "$tmp/names" || { echo 'no board_main'; return 1; }
    for name; do
        grep -w "$name" "$tmp/names" && return 1
    done
    return 0
}

# memory OBJDUMP COMPILER...: the four functions of AIO_MEMORY do not call what they are. Compilers are keen on that
# where these functions are the C library's: -fbuiltin.
memory() {
    objdump=$1
    shift
    "$@" -ffreestanding -fbuiltin -iquote . -DAIO_POOL_BYTES=1024 -DAIO_MEMORY=1 -DAIO_IMPLEMENTATION -DHEADER='"aio.h"' \
        -ffunction-sections -c test/compile/header.c -o "$tmp/memory.o" || return 1
    for name in memcpy memmove memset memcmp; do
        $objdump -dr -j .text.$name "$tmp/memory.o" >"$tmp/code" || return 1
        grep -q "<$name>:" "$tmp/code" || { echo "no $name"; return 1; }
        [ $name != memmove ] || sed -i.bak 's/memcpy/its_friend/' "$tmp/code"
        grep -E "R_[A-Z0-9_]+.*mem(cpy|move|set|cmp)($|[^+])" "$tmp/code" && { echo "in $name"; return 1; }
    done
    return 0
}

# frames: nm says what sizeof says.
frames() {
    $cc $need $small -DAIO_FRAME_SYMBOLS=1 -c test/compile/firmware.c -o "$tmp/frames.o" || return 1
    size=$(${tools}nm -S --radix=d "$tmp/frames.o" | sed -n 's/^[0-9]* 0*\([0-9]*\) r blink_frame_bytes_$/\1/p')
    [ "${size:-0}" -gt 0 ] || { echo 'no symbol'; return 1; }
    {
        echo '#include "test/compile/firmware.c"'
        echo "extern char same[sizeof(struct blink) == $size ? 1 : -1];"
    } >"$tmp/frames.c"
    $cc $need $small -fsyntax-only "$tmp/frames.c"
}

# refuses FILE: as its first comment says: KIND: PATTERN
refuses() {
    pattern=$(sed -n '1s/.*error: *//p' "$1")
    $cc -ffreestanding -iquote . -c "$1" -o "$tmp/refused.o" >"$tmp/refusal" 2>&1 &&
        { echo 'it compiles'; return 1; }
    grep -qE -e "$pattern" "$tmp/refusal" || { echo "not: $pattern"; cat "$tmp/refusal"; return 1; }
}

# api OPTIMISE STANDARD OPTIONS: the whole API, compiled and linked. It counts in floating point here and there, for
# which AVR has functions in its C library only.
api() {
    $cc $need $1 -std=$2 -DBARE $3 -ffunction-sections -fdata-sections -c test/compile/api.c -o "$tmp/api.o" ||
        return 1
    entry=main missing "$tmp/api.o" || return 1
    [ $tools = avr- ] && sed -i.bak 's/__[a-z]*sf[0-9]* //g' "$tmp/missing"
    [ ! -s "$tmp/missing" ] || { echo "lacks $(cat "$tmp/missing")"; return 1; }
}

# builds NAME: what there is to see in a single build of each.
builds() {
    optimise='-Os -std=c99'
    try "$1: firmware lacks the hooks only" lacks "$small" 'board_idle board_ticks'
    try "$1: with them, nothing" whole "$tmp/firmware.o"
    try "$1: no allocator, no dump, no queue in it" never malloc calloc free aio_dump aio_queue_init_ aio_group_open_
    try "$1: no floating point" never __aeabi_dmul __aeabi_ddiv __muldf3 __divdf3 __mulsf3 __divsf3
}

# everything NAME
everything() {
    hooks='board_idle board_ticks'
    for optimise in '-Os -std=c99' '-O2 -std=c11'; do
        try "$1 $optimise: declarations alone" $cc $need $optimise -DHEADER='"aio.h"' -fsyntax-only \
            test/compile/header.c
        try "$1 $optimise: a static pool" lacks '-DAIO_POOL_BYTES=2048' "$hooks"
        try "$1 $optimise: 64 bits of nanoseconds" lacks '-DAIO_POOL_BYTES=2048 -DNANOSECONDS' "$hooks"
        try "$1 $optimise: frames in place" lacks "$small -DPLACED" "$hooks"
        try "$1 $optimise: memory of its own" lacks '-DOWN_MALLOC' 'board_free board_idle board_malloc board_ticks'
    done
    optimise=-Os
    try "$1: without a pool of its own, malloc" lacks '-DAIO_TIME_32=1' "$hooks free malloc"
    try "$1: memory functions, -Os" memory ${tools}objdump $cc -Os
    try "$1: memory functions, -O3" memory ${tools}objdump $cc -O3
    try "$1: frame sizes" frames
    for file in test/fail/option_*.c; do
        [ "$(basename $file)" = option_critical.c ] ||      # which is known here
            try "$1: $(basename $file .c)" refuses "$file"
    done
    if [ "$1" != atmega328p ]; then                         # into which it does not fit
        try "$1 -Os: the whole API" api -Os c11 '-DAIO_POOL_BYTES=4096'
        try "$1 -O2: the whole API, small" api -O2 c99 "$small"
    fi
    [ -n "$cxx" ] && plusplus "$1"
}

# plusplus NAME
plusplus() {
    if ! have "$tools$cxx"; then
        skip "$1: C++" "no $tools$cxx"
        return
    fi
    cc="$tools$cxx $flags -x c++ -std=c++20 -fno-exceptions -fno-rtti -fno-asynchronous-unwind-tables"
    for optimise in -Os -O2; do
        try "$1: C++ $optimise: declarations alone" $cc $need $optimise -DHEADER='"aio.h"' -fsyntax-only \
            test/compile/header.c
        $cc $need $optimise $small -ffunction-sections -c test/compile/firmware.c -o "$tmp/cxx.o" >"$tmp/log" 2>&1
        result $? "$1: C++ $optimise: firmware"
    done
    try "$1: C++: the whole API" $cc $need -Os -DBARE -DAIO_POOL_BYTES=4096 -c test/compile/api.c -o "$tmp/api.o"
}

# The same program, with its hooks, on this machine: it does what it is said to do.
runs() {
    $CC $warn -iquote . -DBARE "$@" test/compile/api.c -o "$tmp/api" && perl -e 'alarm 20; exec @ARGV' "$tmp/api"
}
if [ "$(family "$CC")" != other ]; then
    try "$CC: the whole API on two hooks" runs -DAIO_POOL_BYTES=65536
    [ $quick = 1 ] || try "$CC: and in ticks of 32 bits" runs -DAIO_TIME_32=1 -DAIO_TICK_HZ=1000000
    [ $quick = 1 ] || try "$CC: and without strings" runs -DAIO_STRINGS=0 -DAIO_TRACE_DEPTH=0 -O2
fi
for compiler in $c_compilers; do
    [ $quick = 1 ] && break
    try "$compiler: memory functions" memory objdump $compiler -O3
done

targets='cortex-m0 cortex-m3 cortex-m4 rv32imc rv32imac atmega328p atmega2560'
[ $quick = 1 ] && targets='cortex-m0 rv32imc rv32imac atmega328p'
for processor in $targets; do
    target $processor
    if have ${tools}gcc; then
        builds $processor
        [ $quick = 1 ] || everything $processor
    else
        skip "$processor" "no ${tools}gcc"
    fi
done
finish
