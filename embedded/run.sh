#!/bin/sh
# run.sh - runs an image on its board, in QEMU.
#
#   embedded/run.sh BOARD FILE.elf [QEMU OPTIONS...]
#   embedded/run.sh -n BOARD        runs nothing: names what is missing here to build for that board and to run it
#
# Ends with the program's status; 124 if it takes more than LIMIT seconds (20). Time is the program's own: 32 ns for
# an instruction, and none while it sleeps. So every run takes the same course, and is over soon. REAL=1: the clock
# on the wall, for programs that we talk to.
limit="timeout -k 1 ${LIMIT:-20}"       # QEMU does not always end when it is asked to
only=
[ "$1" != -n ] || { only=1; shift; }
board=$1
case $board in
mps2-an385 | microbit) compiler=${ARM_CC:-arm-none-eabi-gcc} qemu=qemu-system-arm ;;
virt) compiler=${RISCV_CC:-riscv64-unknown-elf-gcc} qemu=qemu-system-riscv32 ;;
*) echo "run.sh: no board '$board'" >&2; exit 2 ;;
esac
if [ -n "$only" ]; then
    for tool in $compiler $qemu; do
        where=$(command -v $tool) || { echo $tool; exit 1; }
    done
    exit 0
fi
image=$2
shift 2
[ "${REAL:-0}" != 0 ] || set -- -icount shift=5,sleep=off "$@"
[ $board != virt ] || set -- -bios none -rtc clock=vm "$@"
[ $board = virt ] || set -- -semihosting-config enable=on,target=native "$@"
exec $limit $qemu -machine $board -display none -monitor none -serial stdio "$@" -kernel "$image"
