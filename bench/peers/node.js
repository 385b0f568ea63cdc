#!/usr/bin/env node
/* node.js - the suite's workloads in JavaScript, on Node:

       bench/peers/node.js yield 100 30000

   A task is an async function, which starts at once and is queued when it awaits; the queue is that
   of microtasks. Node has no lock and no queue of items: both are written here as everybody writes
   them, of promises. There is no post: a callback can not be handed to another thread's loop, only
   a message that is serialised. */
'use strict';

const fs = require('fs');
const net = require('net');
const os = require('os');
const path = require('path');

const BUFFER = 16384;
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!';

/* CPU time of the process, all its threads, in seconds. */
function cpuSeconds() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
}

let elapsed = 0;                    /* between the last start and stop */
function stopwatchStart() { elapsed = -cpuSeconds(); }
function stopwatchStop() { elapsed += cpuSeconds(); }

function residentBytes() {
    const PAGE = 4096;
    return Number(fs.readFileSync('/proc/self/statm', 'latin1').split(' ')[1]) * PAGE;
}

function fail(what) {
    process.stderr.write(`node: ${what}\n`);
    process.exit(1);
}

function require_(condition, what) {
    if (!condition)
        fail(what);
}

/* ------------------------------------------------------------------------------------- tasks */

/* To await what is not a promise is a turn of the microtask queue: the cheapest yield there is. It
   lets the other tasks run, but neither timers nor sockets. */
async function yielder(yields) {
    for (let i = 0; i < yields; i++)
        await null;
}

async function yield_(tasks, yields) {
    const running = [];
    for (let i = 0; i < tasks; i++)
        running.push(yielder(yields));
    stopwatchStart();
    for (const task of running)
        await task;
    stopwatchStop();
}

async function spawnJoin(n) {
    const task = async () => { await null; };
    stopwatchStart();
    for (let i = 0; i < n; i++)
        await task();
    stopwatchStop();
}

async function add(a, b) { return a + b; }

async function call(n) {
    let total = 0;
    stopwatchStart();
    for (let i = 0; i < n; i++)
        total += await add(i, 1);
    stopwatchStop();
    require_(total === n * (n + 1) / 2, 'the sum is wrong');
}

async function deep(depth, yields) {
    if (depth > 1) {
        await deep(depth - 1, yields);
        return;
    }
    stopwatchStart();
    for (let i = 0; i < yields; i++)
        await null;
    stopwatchStop();
}

/* With room for one item, and for one who waits at each end. What need not wait makes no promise. */
class Queue {
    #item;
    #full = false;
    #getter = null;
    #putter = null;

    put(item) {
        if (this.#getter) {
            const resolve = this.#getter;
            this.#getter = null;
            resolve(item);
        } else if (this.#full) {
            return new Promise(resolve => { this.#putter = { item, resolve }; });
        } else {
            this.#item = item;
            this.#full = true;
        }
        return undefined;
    }

    get() {
        if (!this.#full)
            return new Promise(resolve => { this.#getter = resolve; });
        const item = this.#item;
        if (this.#putter) {
            this.#item = this.#putter.item;
            this.#putter.resolve();
            this.#putter = null;
        } else {
            this.#full = false;
        }
        return item;
    }
}

async function chan(n) {
    const there = new Queue(), back = new Queue();
    const answers = async () => {
        for (;;)
            await back.put(await there.get());
    };
    answers();
    stopwatchStart();
    for (let i = 0; i < n; i++) {
        await there.put(i);
        require_(await back.get() === i, 'another item came back');
    }
    stopwatchStop();
}

/* acquire() gives a promise where one has to wait; release() hands the lock to who waits longest. */
class Lock {
    #held = false;
    #waiting = [];

    acquire() {
        if (this.#held)
            return new Promise(resolve => { this.#waiting.push(resolve); });
        this.#held = true;
        return undefined;
    }

    release() {
        if (this.#waiting.length > 0)
            this.#waiting.shift()();
        else
            this.#held = false;
    }
}

async function handover(n) {
    const lock = new Lock();
    let owner = -1, handed = 0;
    const contend = async (self, times) => {
        for (let i = 0; i < times; i++) {
            await lock.acquire();
            if (owner !== self)
                handed++;
            owner = self;
            await null;
            lock.release();
        }
    };
    stopwatchStart();
    await Promise.all([contend(0, n - Math.floor(n / 2)), contend(1, Math.floor(n / 2))]);
    stopwatchStop();
    require_(handed >= n - 1, 'the lock was not handed over');     /* at the end one may be left alone */
}

async function gather(members, n) {
    const part = async () => { await null; return 1; };
    let total = 0;
    stopwatchStart();
    for (let i = 0; i < n; i++) {
        const parts = [];
        for (let j = 0; j < members; j++)
            parts.push(part());
        for (const result of await Promise.all(parts))
            total += result;
    }
    stopwatchStop();
    require_(total === members * n, 'a result is missing');
}

/* ------------------------------------------------------------------------------------ timers */

function sleep(ms) { return new Promise(resolve => { setTimeout(resolve, ms); }); }

async function sleepers(n, ms) {
    let unfinished = n, allEnded;
    const ended = new Promise(resolve => { allEnded = resolve; });
    const sleeper = async delay => {
        await sleep(delay);
        if (--unfinished === 0)
            allEnded();
    };
    let resident = -residentBytes();
    stopwatchStart();
    for (let i = 0; i < n; i++)
        sleeper(ms + ms * i / n);
    await null;
    resident += residentBytes();
    await ended;
    stopwatchStop();
    console.log(`sleepers node ${(resident / n).toFixed(1)} bytes`);
    console.log(`sleepers node ${elapsed.toFixed(4)} s`);
}

/* So many timers, far in the future. */
function armPending(pending) {
    const timers = [];
    for (let i = 0; i < pending; i++)
        timers.push(setTimeout(fail, (2000 + i) * 1000, 'too late'));
    return timers;
}

function disarm(timers) { timers.forEach(clearTimeout); }

async function timeoutCancel(pending, n) {
    const timers = armPending(pending);
    let total = 0;
    stopwatchStart();
    for (let i = 0; i < n; i++) {
        const timer = setTimeout(fail, 1000 * 1000, 'it took 1000 s');
        total += await add(i, 1);
        clearTimeout(timer);
    }
    stopwatchStop();
    require_(total === n * (n + 1) / 2, 'the sum is wrong');
    disarm(timers);
}

/* The least that Node's clock has is 1 ms. So a thousand of them come at each tick; CPU time does not
   see the waits between. */
async function timeoutExpire(pending, n) {
    const timers = armPending(pending);
    const crowd = Math.min(n, 1000);
    const sleeps = async times => {
        for (let i = 0; i < times; i++)
            await sleep(1);
    };
    const running = [];
    stopwatchStart();
    for (let i = 0; i < crowd; i++)
        running.push(sleeps(Math.floor((n + i) / crowd)));
    await Promise.all(running);
    stopwatchStop();
    disarm(timers);
}

/* ----------------------------------------------------------------------------------- servers */

async function serve(talk, port) {
    const server = net.createServer(talk);
    server.listen({ port, host: '127.0.0.1', backlog: 4096 }, () => {
        process.stdout.write(`port ${server.address().port}\n`);
    });
    await new Promise(() => {});
}

function echo(socket) {
    socket.on('error', () => {});
    socket.on('data', chunk => {
        if (!socket.write(chunk)) {
            socket.pause();
            socket.once('drain', () => socket.resume());
        }
    });
}

/* By hand, as in all programs of the suite; module http does much more. */
function http(socket) {
    let received = '';
    socket.setEncoding('latin1');
    socket.on('error', () => {});
    socket.on('data', chunk => {
        received += chunk;
        const end = received.indexOf('\r\n\r\n');
        if (end < 0) {
            if (received.length >= BUFFER)
                socket.destroy();
            return;
        }
        const last = received.slice(0, end + 2).toLowerCase().includes('\r\nconnection: close\r\n');
        received = received.slice(end + 4);
        if (last)
            socket.end(ANSWER, 'latin1');
        else
            socket.write(ANSWER, 'latin1');
    });
}

/* -------------------------------------------------------------------------------------- ring */

/* Node can not make a socket pair: a connection through a unix socket is the same thing. A socket that
   connects can have its own buffer, which is faster, so that is the one that is read. One byte is
   expected; after a short read libuv knows that there is no more, so room for two saves a read. */
async function socketPairs(pairs, read) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ring-'));
    const file = path.join(folder, 'socket');
    const server = net.createServer();
    await new Promise(resolve => { server.listen(file, resolve); });
    const writers = [];
    for (let i = 0; i < pairs; i++) {
        const accepted = new Promise(resolve => { server.once('connection', resolve); });
        net.connect({ path: file, onread: { buffer: Buffer.alloc(2), callback: n => read(i, n) } });
        writers.push(await accepted);
    }
    server.close();
    fs.rmSync(folder, { recursive: true });
    return writers;
}

async function ring(pairs, active, events) {
    const byte = Buffer.from('x');
    let count = 0, done;
    const enough = new Promise(resolve => { done = resolve; });
    const writers = await socketPairs(pairs, (i, n) => {
        count += n;
        if (count >= events)
            done();
        else
            for (let k = 0; k < n; k++)             /* each by itself, so that tokens do not clot */
                writers[(i + 1) % pairs].write(byte);
    });
    stopwatchStart();
    for (let i = 0; i < active; i++)
        writers[Math.floor(i * pairs / active)].write(byte);
    await enough;
    stopwatchStop();
    console.log(`ring node ${(elapsed * 1e9 / events).toFixed(1)} ns`);
}

/* ------------------------------------------------------------------------------------- crawl */

function fetchPage(port, number) {
    return new Promise(resolve => {
        let received = '';
        const socket = net.connect(port, '127.0.0.1');
        socket.setEncoding('latin1');
        socket.on('error', error => fail(error.message));
        socket.on('data', chunk => { received += chunk; });
        socket.on('end', () => {
            const end = received.indexOf('\r\n\r\n');
            require_(received.startsWith('HTTP/1.1 200 ') && end > 0 && received.length - end - 4 === 13,
                'a page is not as it should be');
            resolve();
        });
        socket.write(`GET /${number} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
    });
}

async function crawl(port, pages, limit) {
    let next = 1;
    const fetches = async () => {
        while (next <= pages)
            await fetchPage(port, next++);
    };
    const running = [];
    stopwatchStart();
    for (let i = 0; i < limit; i++)
        running.push(fetches());
    await Promise.all(running);
    stopwatchStop();
    console.log(`crawl node ${(elapsed * 1e6 / pages).toFixed(1)} us`);
}

/* -------------------------------------------------------------------------------------- main */

/* counted: each repetition does something as often as the first argument says. least: the least that
   this may be; 1 where nothing is said. */
const workloads = {
    yield: { run: yield_, args: 'TASKS YIELDS', counted: true },
    spawn_join: { run: spawnJoin, args: 'N' },
    call: { run: call, args: 'N' },
    deep: { run: deep, args: 'DEPTH YIELDS' },
    chan: { run: chan, args: 'N' },
    handover: { run: handover, args: 'N' },
    gather: { run: gather, args: 'MEMBERS N', counted: true },
    timeout_cancel: { run: timeoutCancel, args: 'PENDING N', least: 0 },
    timeout_expire: { run: timeoutExpire, args: 'PENDING N', least: 0 },
};

/* These print for themselves. */
const programs = {
    sleepers: { run: sleepers, args: 'N MS' },
    echo: { run: port => serve(echo, port), args: 'PORT', least: 0 },
    http: { run: port => serve(http, port), args: 'PORT', least: 0 },
    ring: { run: ring, args: 'PAIRS ACTIVE EVENTS' },
    crawl: { run: crawl, args: 'PORT PAGES LIMIT' },
};

function usage() {
    process.stderr.write('usage: one of\n');
    for (const [name, { args }] of Object.entries({ ...workloads, ...programs }))
        process.stderr.write(`    ${name} ${args}\n`);
    process.exit(2);
}

function parse(texts, { args, least = 1 }) {
    const numbers = texts.map(text => (/^[0-9]{1,10}$/.test(text) ? Number(text) : -1));
    if (numbers.length !== args.split(' ').length || numbers[0] < least || numbers.slice(1).some(n => n < 1))
        usage();
    return numbers;
}

async function main([name, ...texts]) {
    if (Object.hasOwn(programs, name ?? '')) {
        await programs[name].run(...parse(texts, programs[name]));
    } else if (Object.hasOwn(workloads, name ?? '')) {
        const { run, counted } = workloads[name];
        const numbers = parse(texts, workloads[name]);
        const repeat = numbers.pop();
        await run(...numbers, Math.floor(repeat / 10) + 1);
        await run(...numbers, repeat);
        const operations = counted ? repeat * numbers[0] : repeat;
        console.log(`${name} node ${(elapsed * 1e9 / operations).toFixed(2)} ns`);
    } else {
        usage();
    }
    process.exit(0);
}

main(process.argv.slice(2));
