# tap.sh - what the shell tests share: TAP on standard output, the compilers, a folder for what they
# write. Sourced from the root of the repository.
#
# AIO_TEST_QUICK=1: only $CC, and one standard. Otherwise all of gcc, g++, clang, clang++ that are here.

CC=${CC:-cc}
CXX=${CXX:-c++}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' 0
trap 'exit 1' 1 2 15
number=0
failed=0

# result STATUS NAME: one line of TAP; on failure, the first lines of the log.
result() {
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        failed=$((failed + 1))
        echo "not ok $number - $2"
        sed -n 's/^/# /; 1,12p' "$tmp/log"
    fi
}

# try NAME COMMAND...: the command must succeed and say nothing.
try() {
    try_name=$1
    shift
    echo "$*" >"$tmp/log"
    "$@" >"$tmp/said" 2>&1
    try_status=$?
    cat "$tmp/said" >>"$tmp/log"
    [ ! -s "$tmp/said" ] || try_status=1
    result $try_status "$try_name"
}

# skip NAME REASON
skip() {
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

finish() {
    echo "1..$number"
    [ $failed -eq 0 ]
    exit
}

# section START FILE: what stands, further indented, under the line of the first comment that begins so
section() {
    sed '/\*\//q' "$2" | awk -v start="$1" '
        /^   [^ ]/ { on = substr($0, 4, length(start)) == start; blank = ""; next }
        on && /^       / { print blank substr($0, 8); blank = "" }
        on && /^$/ { blank = "\n" }'
}

# same NAME EXPECTED ACTUAL: two files; nothing expected is a failure
same() {
    same_status=1
    if [ ! -s "$2" ]; then
        echo "nothing expected" >"$tmp/log"
    elif diff "$2" "$3" >"$tmp/log" 2>&1; then
        same_status=0
    fi
    result $same_status "$1"
}

have() { command -v "$1" >"$tmp/where" 2>&1; }

# family COMMAND: gcc, clang or other, by what it defines.
family() {
    echo >"$tmp/empty.c"
    $1 -dM -E "$tmp/empty.c" >"$tmp/defines" 2>&1 || echo >"$tmp/defines"
    if grep -q __clang__ "$tmp/defines"; then
        echo clang
    elif grep -q __GNUC__ "$tmp/defines"; then
        echo gcc
    else
        echo other
    fi
}

# takes COMMAND FLAG: does the compiler know the flag?
takes() {
    echo >"$tmp/empty.c"
    $1 "$2" -fsyntax-only "$tmp/empty.c" >"$tmp/said" 2>&1
}

if [ "${AIO_TEST_QUICK:-0}" != 0 ]; then
    quick=1
    c_compilers=$CC
    cxx_compilers=
else
    quick=0
    c_compilers=
    cxx_compilers=
    for compiler in gcc clang; do
        have $compiler && c_compilers="$c_compilers $compiler"
    done
    for compiler in g++ clang++; do
        have $compiler && cxx_compilers="$cxx_compilers $compiler"
    done
fi
