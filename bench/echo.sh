#!/bin/sh
# echo.sh - CPU time per request of bench/echo_server beside a bare epoll loop (bench/echo_floor), in turns.
#
#   make build/bench/echo_server build/bench/echo_floor build/bench/echo_load CFLAGS='-O2 -DNDEBUG'
#   bench/echo.sh [CONNECTIONS [REQUESTS [SIZE [ROUNDS]]]]
#
# Client and server share one core where taskset exists, which makes the figures repeatable. Linux.
BUILD=${BUILD:-build}
connections=${1:-50} requests=${2:-200000} size=${3:-64} rounds=${4:-5}
port=$((20000 + $$ % 20000))
pin=$(command -v taskset >/dev/null && echo 'taskset -c 0')

# measure SERVER: microseconds of server CPU time per request
measure() {
    port=$((port + 1))
    $pin "$BUILD/bench/$1" $port & pid=$!
    $pin "$BUILD/bench/echo_load" $port "$connections" "$connections" "$size" >/dev/null || exit 1
    before=$(cut -d' ' -f1 /proc/$pid/schedstat)
    $pin "$BUILD/bench/echo_load" $port "$connections" "$requests" "$size" >/dev/null || exit 1
    after=$(cut -d' ' -f1 /proc/$pid/schedstat)
    kill $pid; wait $pid 2>/dev/null
    awk "BEGIN { printf \"%.3f\n\", ($after - $before) / 1000 / $requests }"
}

median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }

floor= aio= i=0
while [ $i -lt "$rounds" ]; do
    floor="$floor $(measure echo_floor)"
    aio="$aio $(measure echo_server)"
    i=$((i + 1))
done
floor=$(printf '%s\n' $floor | median) aio=$(printf '%s\n' $aio | median)
echo "echo of $size bytes, $connections connections, medians of $rounds runs of $requests requests"
echo "bare epoll  $floor us of server CPU per request"
echo "aio         $aio us   ratio $(awk "BEGIN { printf \"%.3f\", $aio / $floor }")"
