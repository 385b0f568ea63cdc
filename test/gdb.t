#!/bin/sh
# gdb.t - tools/aio-gdb.py on test/gdb.c, stopped in the middle of a step. Run from the root of the repository.
#     prove test/gdb.t                           all compilers
#     AIO_TEST_QUICK=1 prove test/gdb.t          $CC only
. test/tap.sh

# in_gdb ARGUMENT...: what gdb says, in $tmp/said. No init files, no questions.
in_gdb() {
    LC_ALL=C gdb -nx -q -batch -ex 'set confirm off' -ex 'set debuginfod enabled off' "$@" >"$tmp/said" 2>&1
}

# aio: of what gdb said, what the script did, without what differs from run to run
aio() {
    grep -E '^[0-9]+ tasks? of|^task |^  ' "$tmp/said" |
        sed 's/ at 0x[0-9a-f]*/ at LOOP/; s/[0-9]*\.[0-9]* s/T s/g; s/descriptor [0-9]*/descriptor N/'
}

# same NAME: is that what $tmp/expected says?
same() {
    aio | diff "$tmp/expected" - >"$tmp/log" 2>&1
    set -- $? "$1"
    [ "$1" -eq 0 ] || { echo; cat "$tmp/said"; } >>"$tmp/log"
    result "$@"
}

# says NAME TEXT: is the text among what gdb said?
says() {
    cp "$tmp/said" "$tmp/log"
    grep -qF -e "$2" "$tmp/said"
    result $? "$1"
}

# line TEXT: the number of the line of test/gdb.c that has it
line() { grep -nF -e "$1" test/gdb.c | sed 's/:.*//'; }

# tasks LEFT LINES: what aio tasks must print. LEFT: how a span of time is told.
tasks() {
    cat <<END
12 tasks of the loop at LOOP, thread 1
task 1 'program' runs
task 2 'Anna' waits for a future
task 3 'waits' waits for task 2 'Anna'
task 4 'shields' waits for task 2 'Anna'
task 5 'reads' waits until descriptor N is readable
task 6 'limited' sleeps, $1; timeout: $1
task 7 'settles' waits for its group, 2 members left
task 8 'stubborn' sleeps, $1; is being cancelled
task 9 'sleeps' sleeps for ever
task 10 'sleeps' waits for its turn in its group
task 11 'joins' waits for the group of task 7 'settles', 2 members left
task 12 'sleeps' is ready
END
}

# backtraces LEFT PROGRAM CALLS LIMITED SLEEPS: what aio bt, aio bt 6 and aio bt 4 must print
backtraces() {
    cat <<END
task 1 'program' runs
  program (test/gdb.c$2)
  calls (test/gdb.c$3)
  called (test/gdb.c)
task 6 'limited' sleeps, $1; timeout: $1
  limited (test/gdb.c$4)
  aio_wait_for
  sleeps (test/gdb.c$5)
END
}

# stopped COMPILER FLAGS...: everything, on the program built so
stopped() {
    label="$*"
    log=$("$@" -g -iquote . test/gdb.c -o "$tmp/program" 2>&1) || {
        echo "$log" >"$tmp/log"
        result 1 "$label: builds"
        return
    }
    in_gdb -ex 'source tools/aio-gdb.py' -ex 'break stop_here' -ex run -ex 'aio tasks' \
        -ex "generate-core-file $tmp/core" "$tmp/program"
    tasks 'T s left' >"$tmp/expected"
    same "$label: aio tasks"

    in_gdb -ex 'source tools/aio-gdb.py' -ex 'break stop_here' -ex run \
        -ex 'aio bt' -ex 'aio bt 6' "$tmp/program"
    case $label in
    *LINES*) backtraces 'T s left' ":$(line 'aio_new(calls)')" ":$(line 'aio_new(called)')" \
        ":$(line 'AIO_SEC(30)')" ":$(line 'aio_sleep(self->time)')" ;;
    *) backtraces 'T s left' ;;
    esac >"$tmp/expected"
    same "$label: aio bt, aio bt 6"

    in_gdb -ex 'source tools/aio-gdb.py' -ex 'break stop_here' -ex run -ex 'aio bt all' "$tmp/program"
    aio | grep '^task ' >"$tmp/all"
    tasks 'T s left' | sed 1d | diff - "$tmp/all" >"$tmp/log" 2>&1
    result $? "$label: aio bt all"

    if [ -s "$tmp/core" ]; then
        in_gdb -ex 'source tools/aio-gdb.py' -ex 'aio tasks' "$tmp/program" "$tmp/core"
        tasks 'due at T s' >"$tmp/expected"
        same "$label: aio tasks of a core file"
        rm "$tmp/core"
    else
        skip "$label: aio tasks of a core file" 'gdb writes none here'
    fi
}

if ! have gdb; then
    skip gdb 'not installed'
    finish
fi
in_gdb -ex 'python print("python " + str(1 + 1))'
if ! grep -q 'python 2' "$tmp/said"; then
    skip gdb 'built without Python'
    finish
fi
echo 'int main(void) { return 0; }' >"$tmp/empty.c"
$CC -g "$tmp/empty.c" -o "$tmp/empty"
in_gdb -ex 'break main' -ex run -ex 'print 40 + 2' -ex kill "$tmp/empty"
if ! grep -q '^Breakpoint 1, main' "$tmp/said"; then
    skip gdb "it cannot run a program here: $(grep -iE 'ptrace|permitted|cannot|warning' "$tmp/said" | sed 1q)"
    finish
fi

in_gdb -ex 'source tools/aio-gdb.py' -ex 'aio tasks' "$tmp/empty"
says 'no program' 'the program is not running'
in_gdb -ex 'source tools/aio-gdb.py' -ex 'break main' -ex run -ex 'aio tasks' "$tmp/empty"
says 'a program without aio' 'no AIO_F_ROOT_ in this program: is it built with aio.h, and with -g?'
$CC -g -iquote . test/gdb.c -o "$tmp/program"
in_gdb -ex 'source tools/aio-gdb.py' -ex 'break main' -ex run -ex 'aio bt' "$tmp/program"
says 'no loop yet' 'no aio loop is open here'
in_gdb -ex 'source tools/aio-gdb.py' -ex 'break stop_here' -ex run -ex 'aio bt 99' "$tmp/program"
says 'no such task' 'no such task'
in_gdb -ex 'source tools/aio-gdb.py' -ex 'break stop_here' -ex run -ex 'aio bt x' "$tmp/program"
says 'not a number' 'the number of a task, or all: aio bt [NUMBER | all]'
in_gdb -ex 'source tools/aio-gdb.py' -ex 'break stop_here' -ex run -ex 'aio tasks nothing' "$tmp/program"
says 'not an expression' 'No symbol "nothing" in current context.'
in_gdb -ex 'source tools/aio-gdb.py' -ex 'break stop_here' -ex run -ex 'aio tasks aio_thread_.loop' "$tmp/program"
tasks 'T s left' | sed 's/, thread 1$//' >"$tmp/expected"
same 'a loop that is named'
in_gdb -ex 'source tools/aio-gdb.py' -ex 'help aio' -ex 'help aio tasks' -ex 'help aio bt'
says 'help' 'Usage: aio bt [NUMBER | all]'

[ $quick = 1 ] && c_compilers=$CC
for compiler in $c_compilers; do
    stopped $compiler -O0 -DAIO_LINES=1
    stopped $compiler -O2
    stopped $compiler -Os
    [ $quick = 1 ] || stopped $compiler -O1 -DAIO_DEBUG=1 -DAIO_LINES=1
done
finish
