#!/bin/sh
# instructions.t - no hot path takes 3 % more instructions than bench/instructions.txt says. Run from the root of the
# repository. bench/instructions shows all of them; where it cannot compare, this is skipped.
#     prove test/instructions.t                      all paths
#     AIO_TEST_QUICK=1 prove test/instructions.t     a few
. test/tap.sh

paths=
[ $quick = 1 ] && paths='yield_100 spawn_join call chan timeout_cancel_0'

# path NAME WAS IS CHANGE: a line of the table
path() {
    if [ "$4" = new ]; then
        echo "$1 takes $3 instructions, and has no line in the file. To write it: bench/instructions --write" >"$tmp/log"
        result 1 "$1"
        return
    fi
    changed="$1 took $2 instructions, and takes $3 now ($4)"
    echo "$changed. If that is on purpose: bench/instructions --write" >"$tmp/log"
    case $(awk "BEGIN { print ($3 > $2 * 1.03) ? \"worse\" : ($3 < $2 * 0.97) ? \"better\" : \"same\" }") in
    worse) result 1 "$1" ;;
    better)
        result 0 "$1"
        echo "# $changed. To keep that: bench/instructions --write"
        ;;
    *) result 0 "$1" ;;
    esac
}

BUILD=$tmp bench/instructions $paths >"$tmp/table" 2>"$tmp/error"
status=$?
if [ $status -eq 77 ]; then
    skip 'instructions of the hot paths' "$(tr '\n' ' ' <"$tmp/table")"
    finish
fi
sed 1d "$tmp/table" >"$tmp/lines"
while read -r name was is change; do
    path "$name" "$was" "$is" "$change"
done <"$tmp/lines"
cat "$tmp/error" "$tmp/table" >"$tmp/log"
[ $status -eq 0 ] && [ -s "$tmp/lines" ]
result $? 'all are counted'
finish
