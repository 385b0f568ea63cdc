#!/bin/sh
# examples.t - the examples do what their first comments say. Run from the root of the repository.
#
# Each is built by the command in its comment, and again with aio_select.h for aio_epoll.h, and what it prints
# is compared with its comment. Those that make has built run on both pollers, if they are up to date.
#
#   test/examples.t FOLDER      only the programs in that folder, on the poller that AIO_POLLER names
AIO_TEST_QUICK=1
. test/tap.sh
BUILD=${BUILD:-build}
root=$(pwd)
pids=
trap 'for pid in $pids; do kill -9 "$pid" 2>"$tmp/null"; done; rm -rf "$tmp"' 0

# is NAME EXPECTED ACTUAL: two words
is() {
    echo "expected $2, got $3" >"$tmp/log"
    [ "$2" = "$3" ]
    result $? "$1"
}

# silent NAME FILE
silent() {
    cp "$2" "$tmp/log"
    [ ! -s "$2" ]
    result $? "$1"
}

nap() { sleep 0.05 2>"$tmp/null" || sleep 1; }

# until_line FILE LINE: waits up to 20 s until the file has the line, whole
until_line() {
    tries=0
    until grep -qxF -e "$2" "$1" 2>"$tmp/null"; do
        tries=$((tries + 1))
        [ $tries -lt 400 ] || return 1
        nap
    done
}

# await PID: waits for its end, and answers with its status. What takes more than 20 s is killed.
await() {
    : >"$tmp/running.$1"
    (
        tries=0
        while [ -e "$tmp/running.$1" ]; do
            nap
            tries=$((tries + 1))
            [ $tries -lt 400 ] || exec kill -9 "$1"
        done
    ) 4>&- 5>&- 6>&- &
    wait "$1" 2>"$tmp/null"
    set -- "$1" $?
    rm -f "$tmp/running.$1"
    return "$2"
}

# run PROGRAM [ARGUMENT...]: to its end, with its output in $tmp/out and $tmp/err
run() {
    program=$1
    shift
    "$folder/$program" "$@" >"$tmp/out" 2>"$tmp/err" &
    pids="$pids $!"
    await $!
}

# plain NAME [STATUS]
plain() {
    run "$1"
    status=$?
    section Prints: "examples/$1.c" >"$tmp/expected"
    same "$label: $1 prints what it says" "$tmp/expected" "$tmp/out"
    is "$label: $1 ends with ${2:-0}" "${2:-0}" $status
    [ "${2:-0}" -ne 0 ] || silent "$label: $1 says nothing on standard error" "$tmp/err"
}

# serve NAME ID: starts a server; $port, $server
serve() {
    rm -f "$tmp/$2.out"                     # what the last one said
    "$folder/$1" 0 >"$tmp/$2.out" 2>"$tmp/$2.err" &
    server=$!
    pids="$pids $server"
    tries=0
    until grep -q : "$tmp/$2.out" 2>"$tmp/null" || [ $tries -ge 200 ]; do
        tries=$((tries + 1))
        nap
    done
    port=$(sed -n 's/^listening on 127\.0\.0\.1:\([0-9]*\)$/\1/p' "$tmp/$2.out")
    port=${port:-1}
}

# stop NAME ID SIGNAL: ends the server; it must have said what its comment says, and no more
stop() {
    kill "-$3" "$server"
    await "$server"
    is "$label: $1 ends with 0 on $3" 0 $?
    section 'Prints, and then' "examples/$1.c" | sed "s/:7000/:$port/" >"$tmp/expected"
    same "$label: $1 prints what it says ($3)" "$tmp/expected" "$tmp/$2.out"
    silent "$label: $1 says nothing on standard error ($3)" "$tmp/$2.err"
}

echo_server() {
    serve 06-echo-server echo
    section 'Prints, if' examples/07-client.c >"$tmp/expected"
    run 07-client $port
    is "$label: 07-client ends with 0" 0 $?
    same "$label: 07-client prints what it says" "$tmp/expected" "$tmp/out"
    silent "$label: 07-client says nothing on standard error" "$tmp/err"

    clients=
    for i in 1 2 3 4 5 6 7 8; do
        awk -v i=$i 'BEGIN { for (n = 0; n < 20000; n++) print "client", i, "line", n }' >"$tmp/sent.$i"
        "$folder/07-client" $port - <"$tmp/sent.$i" >"$tmp/got.$i" 2>"$tmp/err" &
        clients="$clients $!"
    done
    for pid in $clients; do await $pid || echo failed >>"$tmp/err"; done
    for i in 1 2 3 4 5 6 7 8; do cmp "$tmp/sent.$i" "$tmp/got.$i" >>"$tmp/err" 2>&1; done
    silent "$label: eight clients at a time get back what they sent" "$tmp/err"

    run 06-echo-server $port
    is "$label: 06-echo-server ends with 1 on a port in use" 1 $?
    grep -q AIO_EADDRINUSE "$tmp/err"
    result $? "$label: and says why"

    mkfifo "$tmp/line"
    "$folder/07-client" $port - <"$tmp/line" >"$tmp/idle.out" 2>"$tmp/idle.err" &
    client=$!
    pids="$pids $client"
    exec 4>"$tmp/line"
    echo connected >&4
    until_line "$tmp/idle.out" connected
    stop 06-echo-server echo TERM
    await $client
    is "$label: 07-client ends with 0 when the server goes" 0 $?
    exec 4>&-
    rm "$tmp/line"

    run 07-client $port
    is "$label: 07-client ends with 1 where nobody listens" 1 $?
    grep -q AIO_ECONNREFUSED "$tmp/err"
    result $? "$label: and says why"
    serve 06-echo-server echo
    stop 06-echo-server echo INT
}

# enter NAME FD: a chat client whose lines come through FD
enter() {
    rm -f "$tmp/$1.line"
    mkfifo "$tmp/$1.line"
    "$folder/07-client" $port - <"$tmp/$1.line" >"$tmp/$1.out" 2>"$tmp/$1.err" 4>&- 5>&- 6>&- &
    client=$!
    pids="$pids $client"
    eval "exec $2>\"\$tmp/$1.line\""
    eval "echo $1 >&$2"
}

chat() {
    serve 08-chat chat
    enter ann 4
    ann=$client
    until_line "$tmp/ann.out" 'welcome, ann: 1 here'
    enter bob 5
    bob=$client
    until_line "$tmp/ann.out" 'bob joined'
    enter cat 6
    cat=$client
    until_line "$tmp/ann.out" 'cat joined'
    until_line "$tmp/bob.out" 'cat joined'
    echo 'hello, all' >&4
    until_line "$tmp/bob.out" 'ann: hello, all'
    until_line "$tmp/cat.out" 'ann: hello, all'
    echo 'hi, ann' >&5
    until_line "$tmp/cat.out" 'bob: hi, ann'
    until_line "$tmp/ann.out" 'bob: hi, ann'
    exec 5>&-
    await $bob
    is "$label: a chatter who leaves ends with 0" 0 $?
    until_line "$tmp/ann.out" 'bob left'
    until_line "$tmp/cat.out" 'bob left'
    echo 'alone at last' >&6
    until_line "$tmp/ann.out" 'cat: alone at last'
    printf '%s\n' 'welcome, ann: 1 here' 'bob joined' 'cat joined' 'bob: hi, ann' 'bob left' \
        'cat: alone at last' >"$tmp/expected"
    same "$label: what ann hears" "$tmp/expected" "$tmp/ann.out"
    printf '%s\n' 'welcome, bob: 2 here' 'cat joined' 'ann: hello, all' >"$tmp/expected"
    same "$label: what bob hears" "$tmp/expected" "$tmp/bob.out"
    printf '%s\n' 'welcome, cat: 3 here' 'ann: hello, all' 'bob: hi, ann' 'bob left' >"$tmp/expected"
    same "$label: what cat hears" "$tmp/expected" "$tmp/cat.out"

    # cat stops to read. More is said than any buffer holds; ann hears all of it, and cat is dropped.
    enter dan 5
    until_line "$tmp/cat.out" 'dan joined'
    kill -STOP $cat
    awk 'BEGIN { for (n = 0; n < 200000; n++) print n, "all work and no play makes dan a dull boy, they say, all work and no play" }' |
        tee "$tmp/said.in" >&5
    until_line "$tmp/ann.out" "dan: $(tail -n 1 "$tmp/said.in")"
    sed 's/^/dan: /' "$tmp/said.in" >"$tmp/expected"
    grep '^dan: ' "$tmp/ann.out" >"$tmp/heard"
    cmp "$tmp/expected" "$tmp/heard" >"$tmp/log" 2>&1
    result $? "$label: a slow client does not hold up the others"
    until_line "$tmp/ann.out" 'cat left'
    result $? "$label: and is dropped"
    stop 08-chat chat TERM
    kill -CONT $cat
    await $ann
    is "$label: a chatter ends with 0 when the server goes" 0 $?
    exec 4>&- 5>&- 6>&-
    await $cat
    await $client
}

# what the demo prints, without what differs from run to run
numbers() {
    sed 's/^\(  time *\)[0-9.]* s$/\1T/; s/[0-9,]* messages\/s, [0-9]* MB/R/; s/^\(  memory *\)[0-9.]* KB/\1M/'
}

demo() {
    run 10-demo 100
    is "$label: 10-demo ends with 0" 0 $?
    numbers <"$tmp/out" >"$tmp/told"
    without='^never'
    grep -q '^  memory' "$tmp/told" || without='^  memory'      # debug and sanitizer builds have no pool
    section 'Prints, with' examples/10-demo.c | numbers | grep -v "$without" |
        sed "s/epoll/$poller/; s/1,000/100/; s/100,000/10,000/; s/205\.0/20.6/" >"$tmp/expected"
    same "$label: 10-demo prints what it says" "$tmp/expected" "$tmp/told"
    silent "$label: 10-demo says nothing on standard error" "$tmp/err"
}

# The dump has the lines of coroutines if it was built by the command in its comment; make's has none.
sigusr1() {
    run 18-sigusr1
    status=$?
    section Prints: examples/18-sigusr1.c >"$tmp/expected"
    if [ "$label" != "$poller" ] && ! grep -q ':[0-9]*)$' "$tmp/out"; then
        sed 's/:[0-9]*)$/)/' "$tmp/expected" >"$tmp/without"
        mv "$tmp/without" "$tmp/expected"
    fi
    same "$label: 18-sigusr1 prints what it says" "$tmp/expected" "$tmp/out"
    is "$label: 18-sigusr1 ends with 0" 0 $status
    silent "$label: 18-sigusr1 says nothing on standard error" "$tmp/err"
}

# A server that does not answer: the client must give up after 5 s. Goes on beside the others.
mute() {
    serve 06-echo-server mute
    mute=$server
    kill -STOP $mute
    "$folder/07-client" $port >"$tmp/mute.said" 2>"$tmp/mute.told" &
    unanswered=$!
    pids="$pids $unanswered"
}

mute_end() {
    await $unanswered
    is "$label: 07-client ends with 1 when there is no answer" 1 $?
    grep -q AIO_ETIMEDOUT "$tmp/mute.told"
    result $? "$label: and says why"
    kill -9 $mute
    await $mute
}

# programs FOLDER LABEL POLLER: tests the programs in the folder
programs() {
    folder=$1 label=$2 poller=$3
    mute
    for name in 01-hello 04-future 05-timeout-cancel 09-embed 11-worker-pool 12-crawl 13-shutdown 14-retry \
        15-philosophers 16-generators 17-threads; do
        plain $name
    done
    for try in 1 2 3; do                    # for its timing; a busy machine gets three
        run 02-sleep
        section Prints: examples/02-sleep.c | cmp - "$tmp/out" >"$tmp/null" 2>&1 && break
    done
    plain 02-sleep
    plain 03-errors 1
    section 'Prints on' examples/03-errors.c >"$tmp/expected"
    same "$label: 03-errors reports what it says" "$tmp/expected" "$tmp/err"
    echo_server
    chat
    demo
    sigusr1
    mute_end
}

# build POLLER: by the commands of the comments, with that header
build() {
    mkdir -p "$tmp/$1/examples"
    for source in examples/*.c; do
        name=$(basename "$source" .c)
        sed "s/aio_epoll\.h/aio_$1.h/" "$source" >"$tmp/$1/$source"
        section Build: "$source" | sed "s|^cc |$CC |; s|-iquote \.|-iquote $root|; s|-o .*|-o $name|" >"$tmp/command"
        grep -q "$source -o $name\$" "$tmp/command" || echo 'echo no command; exit 1' >"$tmp/command"
        try "$1: $name builds by its comment" sh -c "cd '$tmp/$1' && $(cat "$tmp/command")"
    done
}

if [ $# -gt 0 ]; then
    programs "$1" "$1, ${AIO_POLLER:-default}" "${AIO_POLLER:-epoll}"
    finish
fi

if [ "$(uname)" = Linux ]; then
    pollers='epoll select'
else
    pollers=select
fi
for each in $pollers; do
    build $each
    programs "$tmp/$each" "$each" $each
done
if make -q CC="$CC" BUILD="$BUILD" examples >"$tmp/null" 2>&1; then
    for each in $pollers; do
        AIO_POLLER=$each
        export AIO_POLLER
        programs "$BUILD/examples" "made, $each" $each
    done
else
    skip 'the examples that make builds' 'not built, or not up to date'
fi
finish
