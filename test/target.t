#!/bin/sh
# target.t - the tests of test/embedded, and those of the core that need no system, on emulated boards. Each is a
# program that prints TAP; here it is one line. Run from the root of the repository.
#     prove test/target.t                        all of them, on all boards: minutes, most of them the compilers'
#     AIO_TEST_QUICK=1 prove test/target.t       one board, and of the core's one test
. test/tap.sh
BUILD=${BUILD:-$tmp/build}

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

# board BOARD COMPILER EMULATOR MACHINE...: the machines are folders of programs that run on the board.
board() {
    board=$1 compiler=$2 emulator=$3
    shift 3
    for tool in "$compiler" "$emulator"; do
        have "$tool" && continue
        skip "$board" "no $tool"
        return
    done
    if [ $quick -eq 1 ]; then
        try "$board: builds" make -s -j2 -f test/embedded/Makefile BOARDS="$board" BUILD="$BUILD" OPTIMISE=-Os CORE=task
    else
        try "$board: builds" make -s -j2 -f test/embedded/Makefile BOARDS="$board" BUILD="$BUILD" OPTIMISE=-Os
    fi
    for machine in "$@"; do
        for image in "$BUILD/embedded/test/$machine"/*.elf; do
            [ ! -f "$image" ] || green "$machine: $(basename "$image" .elf)" env LIMIT=60 sh embedded/run.sh "$board" "$image"
        done
    done
}

board mps2-an385 arm-none-eabi-gcc qemu-system-arm mps2-an385 mps2-an385-m0
[ $quick -eq 1 ] || board microbit arm-none-eabi-gcc qemu-system-arm microbit
[ $quick -eq 1 ] || board virt riscv64-unknown-elf-gcc qemu-system-riscv32 virt
finish
