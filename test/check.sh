#!/bin/sh
# check.sh - everything: every test with both compilers, optimised and not, on each poller, with the sanitizers
# and valgrind; what must compile and what must not; the examples; the gdb script; sizes on small machines; firmware,
# in QEMU. Needs prove, gcc, clang and what else .ci/run installs; what is missing is named and skipped. Ends with
# 'N passed, N failed[, N skipped]'.
#
#   test/check.sh [NAME...]     only the configurations whose names contain one of these
#
# Each line that begins with run or script is a job. As many run at a time as there are processors, each in a process
# of its own (test/check.sh --job NAME), in this order: what takes longest comes first.
BUILD=${BUILD:-build}
logs=$BUILD/check
processors=$(getconf _NPROCESSORS_ONLN)
mkdir -p "$logs"
if [ "$1" = --job ]; then
    job=$2
else
    job='' jobs='' only=$*
fi

wanted() {
    [ "$only" ] || return 0
    for part in $only; do case $1 in *"$part"*) return 0 ;; esac; done
    return 1
}

# chosen NAME [POLLER...]: is this process there for it? The first process only takes down who is to come.
chosen() {
    [ "$job" ] && { [ "$job" = "$1" ]; return; }
    if wanted "$1" || wanted "$1-$2" || wanted "$1-$3"; then
        jobs="$jobs $1"
    fi
    return 1
}

# count NAME STATUS: adds up the TAP of a run; a failure that printed no 'not ok' counts as one
count() {
    log=$logs/$1.log
    ok=$(grep -c '^ok ' "$log") bad=$(grep -c '^not ok ' "$log")
    [ "$2" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
    if [ "$bad" -eq 0 ]; then
        echo "ok    $1: $ok tests"
    else
        printf '%s\n' "FAIL  $1: $bad of $((ok + bad)), see $log" \
            "$(grep -E '^not ok |^#|error:|Non-zero|Dubious' "$log" | head -n 20)"
    fi
}

# with TEXT: the test programs that have it
with() { grep -lE "$1" test/test_*.c | sed "s|^test/test_\(.*\)\.c\$|$BUILD/$name/test/\1|"; }

# run NAME CC POLLERS CFLAGS [TEXT [EXEC]]: builds the programs (that have the text) and runs them on each poller; on
# the second one only those that see a poller, as the others run on a virtual clock.
run() {
    name=$1 cc=$2 pollers=$3 flags=$4 programs='' exec=$6
    chosen "$name" $pollers || return 0
    for tool in $cc ${exec%% *}; do
        command -v "$tool" >"$logs/$name.log" || { echo "skip  $name: no $tool"; return 0; }
    done
    programs=$(with "$5")
    make -s -j"$each" BUILD="$BUILD/$name" CC="$cc" CFLAGS="$flags" TESTS="$(echo $programs)" programs examples \
        >"$logs/$name.log" 2>&1
    built=$?
    for poller in $pollers; do
        wanted "$name-$poller" || continue
        cp "$logs/$name.log" "$logs/$name-$poller.log"
        [ $built -ne 0 ] ||
            AIO_POLLER=$poller prove -v -j"$each" --exec "$exec" $programs >>"$logs/$name-$poller.log" 2>&1
        count "$name-$poller" $((built + $?))
        programs=$(with '"(net|poller)\.h"')
    done
}

# script NAME FILE: a test that is a script
script() {
    chosen "$1" || return 0
    prove -v --exec sh "$2" >"$logs/$1.log" 2>&1
    count "$1" $?
}

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
[ "$job" = valgrind ] && export AIO_TEST_SLOW=1
script target test/target.t
run valgrind gcc epoll '-O1 -g1 -DAIO_POOL=0' '' 'valgrind -q --error-exitcode=99 --leak-check=full'
run sanitizers gcc 'epoll select' '-O0 -g -fsanitize=address,undefined'
run clang-O2 clang epoll '-O2 -DNDEBUG -Werror'
run gcc-O2 gcc 'epoll select' '-O2 -DNDEBUG -Werror'
run gcc-debug gcc epoll '-O1 -DAIO_DEBUG=1 -Werror'
run clang-debug clang select '-O0 -DAIO_DEBUG=1 -Werror'
run gcc-O0 gcc epoll '-O0 -g -Werror'
run clang-O0 clang select '-O0 -g -Werror'
run musl musl-gcc epoll '-Os -Werror'
run threads gcc epoll '-O1 -g1 -fsanitize=thread' pthread.h
script compile test/compile.t
script cross test/cross.t
script integration test/integration.t
script fail test/fail.t
script examples test/examples.t
script gdb test/gdb.t
script sizes test/sizes.t
script instructions test/instructions.t
script embedded test/embedded.t
[ -z "$job" ] || exit 0

[ "$jobs" ] || { echo "no configuration has $* in its name"; exit 1; }
case $jobs in
' '*' '*) each=1 ;;
*) each=$processors ;;
esac
export only each
{
    echo $jobs | xargs -n 1 -P "$processors" sh "$0" --job ||
        echo 'FAIL  check.sh: 1 of 1, a job ended before its end'
} | tee "$logs/all"
awk '/^ok    / { passed += $3 } /^FAIL  / { failed += $3; passed += $5 - $3 } /^skip  / { skipped++ }
    END { printf "%d passed, %d failed%s\n", passed, failed, skipped ? ", " skipped " skipped" : ""; exit failed > 0 }
    ' "$logs/all"
