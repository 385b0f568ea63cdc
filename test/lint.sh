#!/bin/sh
# lint.sh - the headers under clang -Weverything, gcc -fanalyzer and cppcheck. Nothing may be said.
#
# Left out: what is our style (padded structs, braces, declarations in the body of a macro), what other
# standards want (C++98, C90; an empty result has a byte in C++), what stb-style headers cannot avoid (unused functions),
# and two things in which cppcheck 2.10 is mistaken: AIO_MS has a sizeof of its argument, to tell floating point from
# integers, and a loop that ends at NULL may look for a pointer that is NULL.
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
status=0
for header in aio_epoll aio_select aio_sim aio_net aio_signal aio_thread; do
    printf '#define AIO_IMPLEMENTATION\n#include "%s.h"\n' $header >"$dir/$header.c"
done
quiet="-Wno-padded -Wno-used-but-marked-unused -Wno-declaration-after-statement
       -Wno-disabled-macro-expansion -Wno-unreachable-code-fallthrough -Wno-unsafe-buffer-usage
       -Wno-unknown-warning-option -Wno-switch-default -Wno-pre-c11-compat -Wno-c++-compat"
try() {
    if ! command -v "$1" >/dev/null; then
        echo "skip  $1: not installed"
        return
    fi
    "$@" >"$dir/log" 2>&1 && [ ! -s "$dir/log" ] && echo "ok    $1 $(basename "$file" .c).h" && return
    cat "$dir/log"
    echo "FAIL  $*"
    status=1
}
for file in "$dir"/*.c; do
    try clang -Weverything $quiet -D_GNU_SOURCE -iquote . -c -o "$dir/o" "$file"
    try gcc -O2 -Wall -Wextra -Wcast-qual -Wwrite-strings -Wstrict-prototypes -Wvla -Wlogical-op \
        -Wduplicated-cond -Wduplicated-branches -D_GNU_SOURCE -iquote . -c -o "$dir/o" "$file"
    try cppcheck -q --error-exitcode=1 --enable=warning,portability --std=c11 -D_GNU_SOURCE -D__GNUC__=12 \
        -D__linux__ -DCLOCK_MONOTONIC=1 -DF_DUPFD_CLOEXEC=1 -DSA_RESTART=1 --suppress=missingIncludeSystem \
        --suppress=sizeofwithnumericparameter --suppress=nullPointerRedundantCheck -I. "$file"
done
exit $status
