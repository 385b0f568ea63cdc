#!/bin/sh
# target.t - the tests of test/embedded, and those of the core that need no system, on emulated boards. Each is a
# program that prints TAP; here it is one line. Run from the root of the repository.
. test/tap.sh
BUILD=${BUILD:-$tmp/build}
export BUILD

# green NAME COMMAND...: the command succeeds, prints TAP, and all of it is well.
green() {
    green_name=$1
    shift
    "$@" >"$tmp/said" 2>&1 </dev/null
    green_status=$?
    { echo "$* (status $green_status)"; grep -v '^ok' "$tmp/said"; } >"$tmp/log"
    [ $green_status -eq 0 ] && grep -q '^1\.\.[1-9]' "$tmp/said" && ! grep -q '^not ok' "$tmp/said"
    result $? "$green_name"
}

# board NAME COMPILER EMULATOR
board() {
    for tool in "$2" "$3"; do
        have "$tool" && continue
        skip "$1" "no $tool"
        return
    done
    try "$1: builds" make -s -j2 -f test/embedded/Makefile BOARDS="$1"
    for image in "$BUILD/embedded/$1/test"/*.elf "$BUILD/embedded/$1/core"/*.elf; do
        [ -f "$image" ] || continue
        name=$(basename "$image" .elf)
        [ "$name" = latency ] || green "$1: $name" env LIMIT=60 sh embedded/run.sh "$1" "$image"
    done
}

board mps2-an385 arm-none-eabi-gcc qemu-system-arm
board microbit arm-none-eabi-gcc qemu-system-arm
board virt riscv64-unknown-elf-gcc qemu-system-riscv32
finish
