// golang.go - the suite's workloads in Go, as its standard library offers them:
//
//	go build -o build/bench/golang bench/peers/golang.go && build/bench/golang yield 100 30000
//
// A goroutine is the task, a channel the queue and the lock (a sync.Mutex is not handed over: who
// releases it may take it again). One thread runs Go code (GOMAXPROCS 1), but for post. Go sets
// TCP_NODELAY on each socket by itself: one system call per connection more than the others have.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const bufferSize = 16384

// What a workload adds up, for all to see: nothing is optimised away.
var total int64

// ---------------------------------------------------------------------------- clock and memory

func cpuTime() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

var elapsed time.Duration // CPU time between the last start and stop

func stopwatchStart() { elapsed = -cpuTime() }
func stopwatchStop()  { elapsed += cpuTime() }

func residentBytes() float64 {
	var size, resident int
	text, err := os.ReadFile("/proc/self/statm")
	check(err)
	_, err = fmt.Sscan(string(text), &size, &resident)
	check(err)
	return float64(resident * os.Getpagesize())
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "golang:", err)
		os.Exit(1)
	}
}

func require(ok bool, what string) {
	if !ok {
		check(errors.New(what))
	}
}

// ------------------------------------------------------------------------------------- tasks

// All are there before the first yield that counts.
func yield(tasks, yields int) {
	var all sync.WaitGroup
	var open atomic.Bool
	all.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			for !open.Load() {
				runtime.Gosched()
			}
			for j := 0; j < yields; j++ {
				runtime.Gosched()
			}
			all.Done()
		}()
	}
	runtime.Gosched()
	open.Store(true)
	stopwatchStart()
	all.Wait()
	stopwatchStop()
}

func spawnJoin(_, n int) {
	done := make(chan struct{})
	task := func() { done <- struct{}{} }
	stopwatchStart()
	for i := 0; i < n; i++ {
		go task()
		<-done
	}
	stopwatchStop()
}

// Each function may suspend: a call of one that does not is a plain call.
//
//go:noinline
func add(a, b int64) int64 { return a + b }

func call(_, n int) {
	total = 0
	stopwatchStart()
	for i := 0; i < n; i++ {
		total += add(int64(i), 1)
	}
	stopwatchStop()
	require(total == int64(n)*int64(n+1)/2, "the sum is wrong")
}

//go:noinline
func deep(depth, yields int) {
	if depth > 1 {
		deep(depth-1, yields)
		total++ // not a tail call
		return
	}
	stopwatchStart()
	for i := 0; i < yields; i++ {
		runtime.Gosched()
	}
	stopwatchStop()
}

func channels(_, n int) {
	there, back := make(chan int64, 1), make(chan int64, 1)
	go func() {
		for item := range there {
			back <- item
		}
	}()
	stopwatchStart()
	for i := 0; i < n; i++ {
		there <- int64(i)
		require(<-back == int64(i), "another item came back")
	}
	stopwatchStop()
	close(there)
}

// A channel with room for one is a lock whose waiters are served in turn: a release gives the
// room to the next of them.
func handover(_, n int) {
	var both sync.WaitGroup
	lock := make(chan struct{}, 1)
	owner, handed := -1, 0
	contend := func(self, times int) {
		for i := 0; i < times; i++ {
			lock <- struct{}{}
			if owner != self {
				handed++
			}
			owner = self
			runtime.Gosched()
			<-lock
		}
		both.Done()
	}
	both.Add(2)
	stopwatchStart()
	go contend(0, n-n/2)
	go contend(1, n/2)
	both.Wait()
	stopwatchStop()
	require(handed >= n-1, "the lock was not handed over") // at the end one may be left alone
}

func gather(members, n int) {
	var all sync.WaitGroup
	results := make([]int64, members)
	total = 0
	stopwatchStart()
	for i := 0; i < n; i++ {
		all.Add(members)
		for j := range results {
			j := j
			go func() {
				runtime.Gosched()
				results[j] = 1
				all.Done()
			}()
		}
		all.Wait()
		for j, result := range results {
			total += result
			results[j] = 0
		}
	}
	stopwatchStop()
	require(total == int64(members)*int64(n), "a result is missing")
}

// ------------------------------------------------------------------------------------- timers

func sleepers(n, ms int) {
	var all sync.WaitGroup
	var started, ended atomic.Int64
	shortest := time.Duration(ms) * time.Millisecond
	all.Add(n)
	bytes := -residentBytes()
	stopwatchStart()
	for i := 0; i < n; i++ {
		delay := shortest + shortest/time.Duration(n)*time.Duration(i)
		go func() {
			started.Add(1)
			time.Sleep(delay)
			ended.Add(1)
			all.Done()
		}()
	}
	for started.Load() < int64(n) {
		runtime.Gosched()
	}
	bytes += residentBytes()
	allSlept := ended.Load() == 0
	all.Wait()
	stopwatchStop()
	if allSlept {
		fmt.Printf("sleepers golang %.1f bytes\n", bytes/float64(n))
	} else {
		fmt.Fprintln(os.Stderr, "golang: some woke up before all slept: for the bytes, more ms are needed")
	}
	fmt.Printf("sleepers golang %.4f s\n", elapsed.Seconds())
}

func armPending(pending int) (stop func()) {
	timers := make([]*time.Timer, pending)
	for i := range timers {
		timers[i] = time.AfterFunc(time.Duration(2000+i)*time.Second, func() {})
	}
	return func() {
		for _, timer := range timers {
			timer.Stop()
		}
	}
}

// One timer, armed again and again, as package net does it with deadlines: the cheapest way. A
// context.WithTimeout for each call takes several times as long.
func timeoutCancel(pending, n int) {
	defer armPending(pending)()
	timer := time.AfterFunc(time.Hour, func() { require(false, "it took 1000 s") })
	total = 0
	stopwatchStart()
	for i := 0; i < n; i++ {
		timer.Reset(1000 * time.Second)
		total += add(int64(i), 1)
		require(timer.Stop(), "the timer was not armed")
	}
	stopwatchStop()
}

func timeoutExpire(pending, n int) {
	defer armPending(pending)()
	stopwatchStart()
	for i := 0; i < n; i++ {
		time.Sleep(1)
	}
	stopwatchStop()
}

// --------------------------------------------------------------------------------------- post

// The goroutine that posts may run in parallel to the loop; the channel has room for 1024.
func post(_, n int) {
	runtime.GOMAXPROCS(2)
	posts := make(chan func(), 1024)
	total = 0
	stopwatchStart()
	go func() {
		for i := 0; i < n; i++ {
			posts <- func() { total++ }
		}
		close(posts)
	}()
	for callback := range posts {
		callback()
	}
	stopwatchStop()
	require(total == int64(n), "a post was lost")
}

// ------------------------------------------------------------------------------------ servers

// Keep-alive probes are switched off: nobody else in the suite asks for them.
func serve(port int, talk func(net.Conn)) {
	config := net.ListenConfig{KeepAlive: -1}
	listener, err := config.Listen(context.Background(), "tcp4", address(port))
	check(err)
	fmt.Printf("port %d\n", listener.Addr().(*net.TCPAddr).Port)
	for {
		conn, err := listener.Accept()
		check(err)
		go talk(conn)
	}
}

func echo(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, bufferSize)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if _, err = conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}

var (
	answer    = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!")
	endOfHead = []byte("\r\n\r\n")
	lastOne   = []byte("\r\nconnection: close\r\n")
)

// By hand, as in all programs of the suite; net/http does much more.
func http(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, bufferSize)
	for used := 0; used < len(buffer); {
		n, err := conn.Read(buffer[used:])
		if err != nil {
			return
		}
		used += n
		end := bytes.Index(buffer[:used], endOfHead)
		if end < 0 {
			continue
		}
		last := bytes.Contains(bytes.ToLower(buffer[:end+2]), lastOne)
		if _, err = conn.Write(answer); err != nil || last {
			return
		}
		used = copy(buffer, buffer[end+len(endOfHead):used])
	}
}

// -------------------------------------------------------------------------------------- ring

// The two ends of a pair, in the care of the runtime's poller.
func socketPair() (*os.File, *os.File) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	check(err)
	return os.NewFile(uintptr(fds[0]), "reader"), os.NewFile(uintptr(fds[1]), "writer")
}

func ring(pairs, active, events int) {
	var read atomic.Int64
	done := make(chan struct{})
	readers, writers := make([]*os.File, pairs), make([]*os.File, pairs)
	for i := range readers {
		readers[i], writers[i] = socketPair()
	}
	for i := range readers {
		reader, next := readers[i], writers[(i+1)%pairs]
		go func() {
			buffer := make([]byte, 1)
			for {
				_, err := reader.Read(buffer)
				check(err)
				if read.Add(1) == int64(events) {
					close(done)
					select {}
				}
				_, err = next.Write(buffer)
				check(err)
			}
		}()
	}
	runtime.Gosched()
	stopwatchStart()
	for i := 0; i < active; i++ {
		_, err := writers[i*pairs/active].Write([]byte{'x'})
		check(err)
	}
	<-done
	stopwatchStop()
	fmt.Printf("ring golang %.1f ns\n", float64(elapsed.Nanoseconds())/float64(events))
}

// ------------------------------------------------------------------------------------- crawl

// Reads until the server closes, and looks at what came.
func fetch(dialer *net.Dialer, address string, page int64, buffer []byte) {
	conn, err := dialer.Dial("tcp4", address)
	check(err)
	defer conn.Close()
	request := append(buffer[:0], "GET /"...)
	request = strconv.AppendInt(request, page, 10)
	request = append(request, " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"...)
	_, err = conn.Write(request)
	check(err)
	used := 0
	for err == nil && used < len(buffer) {
		var n int
		n, err = conn.Read(buffer[used:])
		used += n
	}
	if err != io.EOF {
		check(err)
	}
	head, body, _ := bytes.Cut(buffer[:used], endOfHead)
	require(bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) && len(body) == 13, "a page is not as it should be")
}

func crawl(port, pages, limit int) {
	var all sync.WaitGroup
	var next atomic.Int64
	dialer := &net.Dialer{KeepAlive: -1}
	server := address(port)
	all.Add(limit)
	stopwatchStart()
	for i := 0; i < limit; i++ {
		go func() {
			buffer := make([]byte, bufferSize)
			for page := next.Add(1); page <= int64(pages); page = next.Add(1) {
				fetch(dialer, server, page, buffer)
			}
			all.Done()
		}()
	}
	all.Wait()
	stopwatchStop()
	fmt.Printf("crawl golang %.1f us\n", elapsed.Seconds()*1e6/float64(pages))
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// -------------------------------------------------------------------------------------- main

// The last argument says how often something is done; counted: each time as often as the first says.
type workload struct {
	name, arguments string
	least           int
	counted         bool
	run             func(amount, repeat int)
}

var workloads = []workload{
	{"yield", "TASKS YIELDS", 1, true, yield},
	{"spawn_join", "N", 1, false, spawnJoin},
	{"call", "N", 1, false, call},
	{"deep", "DEPTH YIELDS", 1, false, deep},
	{"chan", "N", 1, false, channels},
	{"handover", "N", 1, false, handover},
	{"gather", "MEMBERS N", 1, true, gather},
	{"timeout_cancel", "PENDING N", 0, false, timeoutCancel},
	{"timeout_expire", "PENDING N", 0, false, timeoutExpire},
	{"post", "N", 1, false, post},
}

// These print for themselves.
type program struct {
	name, arguments string
	least           int
	run             func(arguments []int)
}

var programs = []program{
	{"sleepers", "N MS", 1, func(a []int) { sleepers(a[0], a[1]) }},
	{"echo", "PORT", 0, func(a []int) { serve(a[0], echo) }},
	{"http", "PORT", 0, func(a []int) { serve(a[0], http) }},
	{"ring", "PAIRS ACTIVE EVENTS", 1, func(a []int) { ring(a[0], a[1], a[2]) }},
	{"crawl", "PORT PAGES LIMIT", 1, func(a []int) { crawl(a[0], a[1], a[2]) }},
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: one of")
	for _, w := range workloads {
		fmt.Fprintln(os.Stderr, "   ", w.name, w.arguments)
	}
	for _, p := range programs {
		fmt.Fprintln(os.Stderr, "   ", p.name, p.arguments)
	}
	os.Exit(2)
}

// As many numbers as the usage names, the first not below least, the others not below 1.
func parse(names string, least int) []int {
	var numbers []int
	for _, text := range os.Args[2:] {
		number, err := strconv.Atoi(text)
		if err != nil || number < least || number > 2000000000 {
			usage()
		}
		numbers = append(numbers, number)
		least = 1
	}
	if len(numbers) != len(strings.Fields(names)) {
		usage()
	}
	return numbers
}

func main() {
	runtime.GOMAXPROCS(1)
	if len(os.Args) < 2 {
		usage()
	}
	for _, p := range programs {
		if p.name == os.Args[1] {
			p.run(parse(p.arguments, p.least))
			return
		}
	}
	for _, w := range workloads {
		if w.name != os.Args[1] {
			continue
		}
		numbers := append([]int{1}, parse(w.arguments, w.least)...)
		amount, repeat := numbers[len(numbers)-2], numbers[len(numbers)-1]
		w.run(amount, repeat/10+1)
		w.run(amount, repeat)
		operations := float64(repeat)
		if w.counted {
			operations *= float64(amount)
		}
		fmt.Printf("%s golang %.2f ns\n", w.name, float64(elapsed.Nanoseconds())/operations)
		return
	}
	usage()
}
