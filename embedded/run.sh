#!/bin/sh
# run.sh - runs an image on its board, in QEMU: embedded/run.sh BOARD FILE.elf [QEMU OPTIONS...]
# Ends with the status that the program ends with; 124 if it takes more than LIMIT seconds (20).
#
# Time is the program's own: so many nanoseconds an instruction, and none while it sleeps. So every run takes
# the same course, and is over soon. REAL=1: the clock on the wall, for programs that we talk to.
board=$1 image=$2
shift 2
[ "${REAL:-0}" != 0 ] || set -- -icount shift=5,sleep=off "$@"
set -- -machine "$board" -display none -monitor none -serial stdio "$@" -kernel "$image"
case $board in
mps2-an385 | microbit) exec timeout -k 1 "${LIMIT:-20}" qemu-system-arm -semihosting-config enable=on,target=native "$@" ;;
virt) exec timeout -k 1 "${LIMIT:-20}" qemu-system-riscv32 -bios none -rtc clock=vm "$@" ;;
esac
echo "run.sh: no board '$board'" >&2
exit 2
