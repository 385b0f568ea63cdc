#!/bin/sh
# bench.t - the suite of benchmarks runs, as far as two quick workloads go. No figure is looked at.
# Run from the root of the repository.
. test/tap.sh
export LC_ALL=C COLUMNS=160
unset QUICK PEERS WORKLOADS AIO_BENCH_LIMIT
BUILD=$tmp/build
export BUILD
results=$BUILD/bench/results

# bench ARGUMENT...: a quick run, with what it says in the log
bench() { perl -e 'alarm 100; exec @ARGV' bench/run --quick "$@" >"$tmp/log" 2>&1; }

# says PATTERN: a line of the log
says() { grep -q -e "$1" "$tmp/log"; }

# records PERL: true of $r, which is results.json
records() { perl -MJSON::PP -0777 -ne 'my $r = decode_json($_); exit !do { '"$1"' }' "$results/results.json" 2>>"$tmp/log"; }

if ! perl -MJSON::PP -e 1 >"$tmp/log" 2>&1; then
    skip 'benchmarks' 'no perl with JSON::PP'
    finish
fi

for script in run report charts records.pl; do
    perl -c bench/$script >"$tmp/log" 2>&1 && ! says -i warn
    result $? "$script is Perl"
done

bench/report --readme bench/results >"$tmp/rows" 2>"$tmp/log" && [ -s "$tmp/rows" ] && ! grep -Fxvf README.md "$tmp/rows"
result $? 'the table of the README is that of bench/results'

CXX=false bench --peers=cxx20 --workloads='yield spawn_join'
result $? 'two workloads run'
says '^skipped: cxx20 ('
result $? 'a peer that does not build is named and skipped'
says '^yield, 100 tasks  *ns  *[0-9.]*  *[0-9.]*  *[0-9.]*$'
result $? 'the table has aio, the floor and the ratio'
says '^yield, 100 tasks, times the floor  *<= 1.3  *[0-9.]*  *\(not \)\{0,1\}met$'
result $? 'a target is stated'
says '^1,000,000 sleepers, bytes each  *<= 100  *-  *not measured$'
result $? 'and one that was not measured'
records 'my @all = @{$r->{results}};
    @all == 8 && !grep { @{$_->{runs}} != 3 || $_->{median} < $_->{min} || $_->{min} <= 0 } @all'
result $? 'results.json has each workload and program, with three runs'
records '@{$r->{targets}} && $r->{environment}{skipped}{cxx20} && $r->{environment}{command} =~ /--quick/'
result $? 'and targets, what was skipped, the command'
grep -q '^| yield, 100 tasks | ns | [0-9.]* |' "$results/table.md"
result $? 'table.md has rows'
if have gnuplot; then
    [ -s "$results/yield.svg" ] && [ -s "$results/yield.png" ]
    result $? 'yield has its charts'
else
    skip 'yield has its charts' 'no gnuplot'
fi
bench --peers=nosuch
[ $? -ne 0 ] && says 'no peer nosuch; there are: .*libuv'
result $? 'a peer that nobody knows is an error'
bench --workloads=nosuch
[ $? -ne 0 ] && says 'no workload nosuch; there are: .*yield'
result $? 'and so is a workload'
finish
