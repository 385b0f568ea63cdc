#!/bin/sh
# sizes.t - the programs that bench/sizes.sh measures do what they are said to do, and are not larger than they may be.
# Run from the root of the repository.
#     prove test/sizes.t                         all compilers
#     AIO_TEST_QUICK=1 prove test/sizes.t        $CC only
. test/tap.sh
warn='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror'

# prints COMPILER PROGRAM LINE...: built for a computer, it gives the light these times on and off, and ends well
prints() {
    prints_cc=$1 program=$2
    shift 2
    printf '%s\n' "$@" >"$tmp/expected"
    $prints_cc $warn -iquote . -DAIO_POOL_BYTES=16384 bench/size/$program.c test/sizes_board.c \
        -o "$tmp/program" >"$tmp/log" 2>&1 &&
        "$tmp/program" >"$tmp/said" 2>>"$tmp/log" &&
        diff "$tmp/expected" "$tmp/said" >>"$tmp/log"
    result $? "$prints_cc: $program.c"
}

# computer COMPILER: all programs. Two lines are a pulse; the button is pressed after 1.25 s and 2.53 s
computer() {
    prints "$1" hello flickers
    prints "$1" sleep '1 500' '0 500' '1 500' '0 500' '1 500' '0 500' '1 500' '0 500' '1 500'
    for program in event superloop protothread; do
        prints "$1" $program '1 500' '0 500' '1 500' '0 500' '1 100' '0 100' '1 100' '0 100' '1 100' '0 100' \
            '1 500' '0 500' '1 500' '0 500'
    done
    prints "$1" lock '1 500' '0 500' '1 500' '0 500' '1 1900' '0 100' '1 500'
    prints "$1" queue '1 500' '0 500' '1 500' '0 500' '1 100' '0 100' '1 500' '0 500' '1 200' '0 100' '1 500' '0 500' \
        '1 300'
    prints "$1" everything 'the light is on'
}

# sizes ARGUMENT...: bench/sizes.sh, with what it says in the log
sizes() { BUILD=$tmp/build bench/sizes.sh "$@" >"$tmp/log" 2>&1; }

# frame NAME: how many bytes sizes.sh --frames says that the frame of queue.c has
frame() { sed -n "s/^    0*\([0-9]*\) r $1_frame_bytes_\$/\1/p" "$tmp/frames"; }

# frame_sizes: each frame of queue.c once, with the size that sizeof has for it, and nothing of that in the image
frame_sizes() {
    sizes --frames || return 1
    cp "$tmp/log" "$tmp/frames"
    [ "$(grep -c ' r [a-z]*_frame_bytes_$' "$tmp/frames")" = 4 ] || return 1
    for name in pulse blink serve button; do
        {
            echo '#include "bench/size/queue.c"'
            echo "typedef char same[sizeof(struct $name) == 0$(frame $name | sed 's/^/ + /') ? 1 : -1];"
        } >"$tmp/frame.c"
        arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb -ffreestanding -iquote . -fsyntax-only "$tmp/frame.c" \
            >>"$tmp/log" 2>&1 || return 1
    done
    arm-none-eabi-nm "$tmp"/build/sizes/m0/queue*.elf >"$tmp/names"
    grep -q blink_enter_ "$tmp/names" && ! grep _frame_bytes_ "$tmp/names" >>"$tmp/log"
}

[ $quick = 1 ] && c_compilers=$CC
for compiler in $c_compilers; do
    computer "$compiler"
done

if ! have arm-none-eabi-gcc; then
    skip 'sizes on Cortex-M0' 'no arm-none-eabi-gcc'
    finish
fi
sizes --check
result $? 'sleep and events are not larger than allowed'
! sizes --check 100
result $? 'and that would be noticed'
sizes --unused
result $? 'what is not used is left out'
frame_sizes
result $? 'AIO_FRAME_SYMBOLS tells the sizes of frames'
finish
