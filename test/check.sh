#!/bin/sh
# check.sh - everything: every test with both compilers, optimised and not, on each poller, with the sanitizers
# and valgrind; what must compile and what must not; the examples; the gdb script; sizes on small machines; firmware,
# in QEMU. Needs prove, gcc, clang and what else .ci/run installs; what is missing is named and skipped. Ends with
# 'N passed, N failed[, N skipped]'.
#
#   test/check.sh [NAME...]     only the configurations whose names contain one of these
BUILD=${BUILD:-build}
logs=$BUILD/check
passed=0 failed=0 skipped=0
mkdir -p "$logs"

wanted() {
    [ $# -gt 1 ] || return 0
    name=$1
    shift
    for part; do case $name in *"$part"*) return 0 ;; esac; done
    return 1
}

# count NAME STATUS: adds up the TAP of a run; a failure that printed no 'not ok' counts as one
count() {
    log=$logs/$1.log
    ok=$(grep -c '^ok ' "$log") bad=$(grep -c '^not ok ' "$log")
    [ "$2" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
    passed=$((passed + ok)) failed=$((failed + bad))
    if [ "$bad" -eq 0 ]; then
        echo "ok    $1: $ok tests"
    else
        echo "FAIL  $1: $bad of $((ok + bad)), see $log"
        grep -E '^not ok |^#|error:|Non-zero|Dubious' "$log" | head -n 20
    fi
}

# run NAME CC POLLER CFLAGS [PROVE-OPTIONS...]
run() {
    name=$1 cc=$2 poller=$3 flags=$4
    shift 4
    wanted "$name" $only || return 0
    if ! command -v "$cc" >/dev/null; then
        echo "skip  $name: no $cc"
        skipped=$((skipped + 1))
        return 0
    fi
    make -s -j2 BUILD="$BUILD/$name" CC="$cc" CFLAGS="$flags" programs examples >"$logs/$name.log" 2>&1
    status=$?
    if [ $status -eq 0 ]; then
        tests=$(cd "$BUILD/$name/test" && ls $programs | sed "s|^|$BUILD/$name/test/|")
        AIO_POLLER=$poller prove -v -j2 "$@" $tests >>"$logs/$name.log" 2>&1
        status=$?
    fi
    count "$name" $status
}

# script NAME FILE: a test that is a script
script() {
    wanted "$1" $only || return 0
    prove -v --exec sh "$2" >"$logs/$1.log" 2>&1
    count "$1" $?
}

only=$*
programs=                               # all
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
run gcc-O0-epoll gcc epoll '-O0 -g -Werror' --exec ''
run gcc-O2-epoll gcc epoll '-O2 -DNDEBUG -Werror' --exec ''
run gcc-O2-select gcc select '-O2 -DNDEBUG -Werror' --exec ''
run clang-O0-select clang select '-O0 -g -Werror' --exec ''
run clang-O2-epoll clang epoll '-O2 -DNDEBUG -Werror' --exec ''
run musl-O2-epoll musl-gcc epoll '-O2 -Werror' --exec ''
run sanitizers-epoll gcc epoll '-O1 -g -fsanitize=address,undefined' --exec ''
run sanitizers-select gcc select '-O1 -g -fsanitize=address,undefined' --exec ''
programs='loop signal thread'
run threads-epoll gcc epoll '-O1 -g -fsanitize=thread' --exec ''
programs=
run debug-epoll gcc epoll '-O1 -g -DAIO_DEBUG=1' --exec ''
run debug-select clang select '-O1 -g -DAIO_DEBUG=1' --exec ''
if command -v valgrind >/dev/null; then
    export AIO_TEST_SLOW=1
    run valgrind-epoll gcc epoll '-O1 -g -DAIO_POOL=0' --exec 'valgrind -q --error-exitcode=99 --leak-check=full'
    unset AIO_TEST_SLOW
else
    echo "skip  valgrind: not installed"
    skipped=$((skipped + 1))
fi
script compile test/compile.t
script cross test/cross.t
script fail test/fail.t
script examples test/examples.t
script gdb test/gdb.t
script sizes test/sizes.t
script embedded test/embedded.t
script target test/target.t
echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
[ $failed -eq 0 ]
