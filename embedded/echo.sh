#!/bin/sh
# echo.sh - the other end of the UART of echo.c, on a board: types, each time when the last line was answered.
#
#   embedded/echo.sh BOARD FILE.elf             what the comment in echo.c says
#   embedded/echo.sh BOARD FILE.elf silence     nothing at all
#   embedded/echo.sh BOARD FILE.elf flood       more than the program can take, then ^D
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' 0
trap 'exit 1' 1 2 15
mkfifo "$folder/line"
: >"$folder/said"
REAL=1 "$(dirname "$0")/run.sh" "$1" "$2" <"$folder/line" >"$folder/said" 2>"$folder/errors" &
program=$!
exec 3>"$folder/line"

# answer TEXT: waits, 6 s at most, until the program has said so
answer() {
    tries=0
    until grep -qF -e "$1" "$folder/said" || [ $tries -ge 120 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
}

type_in() { printf "$1" >&3; }

conversation() {
    type_in 'helo\010\010llo, world\r'
    answer 'you said "hello, world"'
    type_in 'one two three\027\0272\r'
    answer 'you said "one 2"'
    type_in 'forget this\025I forget nothing\r'
    answer 'you said "I forget nothing"'
    type_in wai
    answer 'still there?'
    type_in 't\r'
    answer 'you said "wait"'
    type_in '\004'
}

answer '> '
case ${3:-} in
silence) ;;
flood)
    awk 'BEGIN { for (i = 0; i < 500; i++) printf "0123456789" }' >&3
    sleep 0.5
    type_in '\r'
    answer 'you said "0123456789'
    type_in '\004'
    ;;
*) conversation ;;
esac
wait $program
status=$?
exec 3>&-
cat "$folder/said"
cat "$folder/errors" >&2
exit $status
