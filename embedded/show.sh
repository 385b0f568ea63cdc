#!/bin/sh
# show.sh - builds the programs of this folder and runs them on each board: make embedded [PROGRAMS='blink echo']
BUILD=${BUILD:-build}
programs=${*:-blink echo 200}
boards=
for board in mps2-an385 microbit virt; do
    if missing=$(embedded/run.sh -n $board); then
        boards="$boards $board"
    else
        echo "$board: skipped, there is no $missing"
    fi
done
[ -n "$boards" ] || exit 0
echo "building for$boards ..."
make -s -j4 -f embedded/Makefile BUILD="$BUILD" BOARDS="$boards" PROGRAMS="$programs" || exit

failed=0
for program in $programs; do
    for board in $boards; do
        image=$BUILD/embedded/$board/$program.elf
        run=embedded/run.sh
        [ ! -e "embedded/$program.sh" ] || run=embedded/$program.sh     # the program's other end
        bytes=$(size "$image" | awk 'NR == 2 { print $1 }')
        printf '\n%s on %s, %s bytes of code and constants\n' "$program" $board "$bytes"
        $run $board "$image" >"$BUILD/embedded/said"
        status=$?
        sed 's/^/    /' "$BUILD/embedded/said"
        [ $status -eq 0 ] || { failed=1; echo "    ended with $status"; }
    done
done
exit $failed
