#!/bin/sh
# compile.t - what must compile, and without a warning: every header, alone and beside the system's, in
# every standard, by every compiler that is here. The sources are in test/compile/.
#     prove test/compile.t                       all compilers
#     AIO_TEST_QUICK=1 prove test/compile.t      $CC only, one standard
. test/tap.sh

warn='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror'
from="-iquote . -iquote $tmp -iquote test/compile"
headers=$(ls aio*.h)
[ "$(uname)" = Linux ] || headers=$(ls aio*.h | grep -v epoll)
for header in $headers; do
    echo "#include \"$header\""
done >"$tmp/all.h"
printf '#include "all.h"\nextern int all_c;\nint all_c;\n' >"$tmp/all.c"

# alone COMPILER...: every header in a file by itself.
alone() {
    for header in $headers; do
        "$@" -DHEADER="\"$header\"" test/compile/header.c || return 1
    done
}

# beside COMPILER...: with <aio.h> and <limits.h> in each order.
beside() {
    for order in '' -DOURS_FIRST; do
        for limits in '' -DLIMITS_FIRST; do
            "$@" $order $limits test/compile/beside.c || return 1
        done
    done
}

# linked COMPILER...: two files make one program, also if AIO_SMALL differs.
linked() {
    for small in 00 01 10; do
        "$@" -D_GNU_SOURCE -DAIO_SMALL=${small%?} -c test/compile/linked_a.c -o "$tmp/a.o" &&
            "$@" -DAIO_SMALL=${small#?} -c test/compile/linked_b.c -o "$tmp/b.o" &&
            "$@" -x none "$tmp/a.o" "$tmp/b.o" -o "$tmp/linked" && "$tmp/linked" || return 1
    done
}

# apart COMPILER...: two files that were not built with the same layout do not make a program.
apart() {
    for option in AIO_DEBUG AIO_LINES; do
        "$@" -D_GNU_SOURCE -c test/compile/linked_a.c -o "$tmp/a.o" &&
            "$@" -D$option=1 -c test/compile/linked_b.c -o "$tmp/b.o" || return 1
        "$@" -x none "$tmp/a.o" "$tmp/b.o" -o "$tmp/linked" >"$tmp/apart" 2>&1 && return 1
        grep -q "aio_built_with_${option}_" "$tmp/apart" || return 1
    done
}

# run COMPILER...: builds it, and what it builds exits with 0.
run() { "$@" -o "$tmp/program" && "$tmp/program"; }

# bare COMPILER...: what the object wants from outside.
bare() {
    "$@" -c test/compile/bare.c -o "$tmp/bare.o" || return 1
    nm -u "$tmp/bare.o" | awk '{ print $NF }' |
        grep -vxE '_?(abort|mem(cpy|set|move|cmp)|_GLOBAL_OFFSET_TABLE_|__stack_chk_fail)' && return 1
    return 0
}

# matrix COMPILER LANGUAGE STANDARD...: in each standard, every header alone, as declarations and with
# its implementation, which the POSIX ones need more than the bare standard for.
matrix() {
    matrix_cc=$1 matrix_language=$2
    shift 2
    for standard; do
        check="$matrix_cc -x $matrix_language -std=$standard $warn $from -fsyntax-only"
        try "$matrix_cc $standard: each header alone" alone $check
        try "$matrix_cc $standard: each with its implementation" \
            alone $check -D_GNU_SOURCE -DAIO_IMPLEMENTATION
        try "$matrix_cc $standard: all headers" $check "$tmp/all.c"
    done
}

# options COMPILER LANGUAGE STANDARD: what does not depend on the standard much.
options() {
    check="$1 -x $2 -std=$3 $warn $from"
    all="$check -D_GNU_SOURCE -DAIO_IMPLEMENTATION -fsyntax-only"
    try "$1: implementation after the declarations" alone $check -D_GNU_SOURCE -DLATER -fsyntax-only
    try "$1: AIO_DEF=static" $all -DAIO_DEF=static "$tmp/all.c"
    try "$1: AIO_DEBUG=1" $all -DAIO_DEBUG=1 "$tmp/all.c"
    try "$1: AIO_LINES=1" $all -DAIO_LINES=1 "$tmp/all.c"
    try "$1: AIO_POOL=0" $all -DAIO_POOL=0 "$tmp/all.c"
    try "$1: AIO_POOL_BYTES" $all -DAIO_POOL_BYTES=65536 -DAIO_TIMERS=16 "$tmp/all.c"
    try "$1: AIO_STRINGS=0" alone $all -DAIO_STRINGS=0
    try "$1: AIO_CHECK_SWITCH=0" $all -DAIO_CHECK_SWITCH=0 "$tmp/all.c"
    try "$1: beside <aio.h>" beside $check -fsyntax-only
    try "$1: beside <aio.h>, _GNU_SOURCE" beside $check -fsyntax-only -D_GNU_SOURCE
    try "$1: beside <aio.h>, implementation" beside $all
    try "$1: two files linked" linked $check
    try "$1: two files that differ in their layout" apart $check
    try "$1: freestanding" bare $check -ffreestanding
    try "$1: freestanding, optimised" bare $check -ffreestanding -O2
    try "$1: bare-metal form runs" run $check -DBARE_HOSTED test/compile/bare.c
    try "$1: the whole API" run $check test/compile/api.c
    try "$1: the whole API, AIO_DEBUG=1" run $check -DAIO_DEBUG=1 test/compile/api.c
}

# optimised COMPILER LANGUAGE STANDARD: some warnings come only then.
optimised() {
    check="$1 -x $2 -std=$3 -O2 $warn $from"
    try "$1 -O2: all headers" $check -D_GNU_SOURCE -DAIO_IMPLEMENTATION -c "$tmp/all.c" -o "$tmp/all.o"
    try "$1 -O2: the whole API" run $check test/compile/api.c
}

# exported COMPILER: only names that begin with aio_, and none that is somebody else's.
theirs='(aio_(read|write|error|return|cancel|suspend|fsync|init)(64)?|lio_[a-z0-9_]*|aiocb(64)?|aioinit'
theirs="$theirs|AIO_(CANCELED|NOTCANCELED|ALLDONE|LISTIO_MAX|MAX|PRIO_DELTA_MAX|READ|WRITE|SYNC|INPROGRESS)"
theirs="$theirs|LIO_[A-Z0-9_]*|aio_(waitcomplete|mlock|readv|writev|read2|write2|waitn|listio|nwait)|_AIO_H)"
exported() {
    $1 -D_GNU_SOURCE -DAIO_IMPLEMENTATION $from -c "$tmp/all.c" -o "$tmp/all.o" || return 1
    nm -g "$tmp/all.o" | awk '$2 != "U" && NF == 3 { print $3 }' | grep -vx '_*all_c' >"$tmp/symbols"
    [ -s "$tmp/symbols" ] || { echo 'no symbols'; return 1; }
    grep -vE '^_?aio_' "$tmp/symbols" && return 1
    grep -xE "_?$theirs" "$tmp/symbols" && return 1
    $1 -D_GNU_SOURCE -DAIO_IMPLEMENTATION -DAIO_DEF=static $from -c "$tmp/all.c" -o "$tmp/all.o" || return 1
    nm -g "$tmp/all.o" | awk '$2 != "U" && NF == 3 { print $3 }' | grep -vx '_*all_c' && return 1
    return 0
}

# macros COMPILER: the same of macros; only those from our own files count.
macros() {
    $1 -E -dD -D_GNU_SOURCE -DAIO_IMPLEMENTATION $from "$tmp/all.c" | awk '
        /^# [0-9]+ "/ { ours = $3 ~ /^"(\.\/)?aio[a-z_]*\.h"$/ }
        ours && $1 == "#define" { sub(/\(.*/, "", $2); print $2 }' | sort -u >"$tmp/macros"
    grep -qx AIO_AWAIT "$tmp/macros" || { echo 'no macros'; return 1; }
    grep -vE '^(AIO|aio)_' "$tmp/macros" && return 1
    grep -xE "$theirs|.*_(MAX|MIN)" "$tmp/macros" && return 1
    return 0
}

# words: the headers' text without its comments.
words() {
    for header in $headers; do
        awk '{
            while (1) {
                if (inside) {
                    at = index($0, "*/")
                    if (!at) next
                    $0 = substr($0, at + 2)
                    inside = 0
                }
                at = index($0, "/*")
                if (!at) break
                printf "%s ", substr($0, 1, at - 1)
                $0 = substr($0, at + 2)
                inside = 1
            }
            print
        }' "$header" >"$tmp/text"
        grep -nwE "$theirs" "$tmp/text" && { echo "in $header"; return 1; }
        grep -nE 'typedef[^;]*_t *(;|\[|\) *\()' "$tmp/text" && { echo "in $header"; return 1; }
        grep -n 'include *<aio\.h>' "$tmp/text" && { echo "in $header"; return 1; }
    done
    return 0
}

try 'no word of POSIX AIO, no typedef ending in _t' words

if [ $quick = 1 ]; then
    try "$CC: exported symbols" exported "$CC"
    try "$CC: macros" macros "$CC"
    matrix "$CC" c gnu11
    options "$CC" c gnu11
    finish
fi

for compiler in $c_compilers; do
    try "$compiler: exported symbols" exported $compiler
    try "$compiler: macros" macros $compiler
    newest=c2x
    takes $compiler -std=c23 && newest=c23
    matrix $compiler c c99 c11 c17 $newest gnu99
    options $compiler c c99
    optimised $compiler c c99
    standard="$compiler -std=c99 -pedantic-errors -DAIO_STATEMENT_EXPRESSIONS=0 $from"
    try "$compiler: the whole API, no extensions" run $standard test/compile/api.c
done
for compiler in $cxx_compilers; do
    matrix $compiler c++ c++20
    options $compiler c++ c++20
    optimised $compiler c++ c++20
    try "$compiler: the whole API, as C++11 with extensions" run $compiler -x c++ -std=gnu++11 $from test/compile/api.c
done
if have tcc; then                       # it has no -iquote
    try 'tcc: the whole API' run tcc -I. test/compile/api.c
    try 'tcc: each header alone' alone tcc -I. -c -o "$tmp/all.o"
else
    skip 'tcc: the whole API' 'not here'
fi
finish
