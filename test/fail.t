#!/bin/sh
# fail.t - what must not compile, or not without a word: every file in test/fail/. Its first comment says
# what is expected, one line for each compiler and set of flags:
#     COMPILER FLAGS... KIND: PATTERN
# COMPILER is gcc, clang, g++ (C++20), clang++, or several joined by commas, or all. KIND is error (and it
# fails), warning (and it compiles), or silent (no pattern). PATTERN is one of grep -E.
#     AIO_TEST_QUICK=1 prove test/fail.t         $CC only
. test/tap.sh

# expect COMPILER FAMILY LANGUAGE FILE: every line of the file that is meant for the compiler.
expect() {
    sed -n '1,/\*\//{ s/^\/\* *//; s/ *\*\/$//; s/^ *//; p; }' "$4" |
        grep -E '^[a-z,+]+ .*(error|warning|silent):' >"$tmp/expected"
    while read -r who line; do
        case ,$who, in
        *,$2,* | ,all,) ;;
        *) continue ;;
        esac
        kind=$(echo "$line" | sed 's/^\(-[^ ]* \)*\([a-z]*\):.*/\2/')
        flags=$(echo "$line" | sed "s/ *$kind:.*//")
        pattern=$(echo "$line" | sed "s/.*$kind: *//")
        command="$1 -x $3 $flags -iquote . -c $4 -o $tmp/fail.o"
        LC_ALL=C $command >"$tmp/said" 2>&1
        status=$?
        { echo "$command"; echo "# expected $kind: $pattern"; cat "$tmp/said"; } >"$tmp/log"
        grep -E 'error|warning' "$tmp/said" >"$tmp/heads"
        case $kind in
        error) [ $status -ne 0 ] && grep -qE -e "$pattern" "$tmp/said" ;;
        warning) [ $status -eq 0 ] && grep -qE -e "$pattern" "$tmp/heads" ;;
        silent) [ $status -eq 0 ] && [ ! -s "$tmp/heads" ] ;;
        *) false ;;
        esac
        result $? "$(basename "$4" .c): $1 $flags: $kind"
    done <"$tmp/expected"
}

all() {
    for file in test/fail/*.c; do
        expect "$1" "$2" "$3" "$file"
    done
}

if [ $quick = 1 ]; then
    [ "$(family "$CC")" = other ] && skip "$CC" 'neither gcc nor clang'
    all "$CC" "$(family "$CC")" c
    finish
fi
for compiler in $c_compilers; do
    all $compiler $compiler c
done
for compiler in $cxx_compilers; do
    all "$compiler -std=c++20" $compiler c++
done
finish
