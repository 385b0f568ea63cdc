#!/usr/bin/python3
"""asyncio.py - the suite's workloads in Python, on asyncio or on uvloop:

    bench/peers/asyncio.py yield 100 3000
    bench/peers/asyncio.py --uvloop yield 100 3000      (apt-get install python3-uvloop)

Python 3.11 or later. Names, defaults and idioms are asyncio's own; servers and clients are protocols,
which are faster than streams.
"""
import os
import sys

# This file's name is that of the module it needs.
sys.path = [path for path in sys.path if path != os.path.dirname(os.path.realpath(__file__))]

import asyncio
import resource
import socket
import threading
import time

NAME = 'asyncio'
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!'
BUFFER = 16384


class Stopwatch:
    """CPU time of the process, all its threads, in seconds."""
    def __enter__(self):
        self.seconds = -time.process_time()
        return self

    def __exit__(self, *error):
        self.seconds += time.process_time()


def resident_bytes():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def require(condition, what):
    if not condition:
        sys.exit(f'{NAME}: {what}')


# ------------------------------------------------------------------------------------- tasks

async def yielder(yields):
    for _ in range(yields):
        await asyncio.sleep(0)


async def yield_(tasks, yields):
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(yielder(yields)) for _ in range(tasks)]
    with Stopwatch() as watch:
        for task in tasks:
            await task
    return watch


async def nothing():
    pass


async def spawn_join(n):
    loop = asyncio.get_running_loop()
    with Stopwatch() as watch:
        for _ in range(n):
            await loop.create_task(nothing())
    return watch


async def add(a, b):
    return a + b


async def call(n):
    total = 0
    with Stopwatch() as watch:
        for i in range(n):
            total += await add(i, 1)
    require(total == n * (n + 1) // 2, 'the sum is wrong')
    return watch


async def nested(depth, yields):
    if depth > 1:
        return await nested(depth - 1, yields)
    with Stopwatch() as watch:
        for _ in range(yields):
            await asyncio.sleep(0)
    return watch


async def deep(depth, yields):
    """Each yield goes through all of them, on the stack of C: it has no room for many more."""
    if depth > 5000:
        print(f'{NAME}: at most 5000 deep', file=sys.stderr)
        sys.exit(2)
    sys.setrecursionlimit(depth + 1000)
    return await nested(depth, yields)


async def answers(questions, replies):
    while True:
        await replies.put(await questions.get())


async def chan(n):
    there, back = asyncio.Queue(1), asyncio.Queue(1)
    answerer = asyncio.create_task(answers(there, back))
    with Stopwatch() as watch:
        for i in range(n):
            await there.put(i)
            require(await back.get() == i, 'another item came back')
    answerer.cancel()
    return watch


async def handover(n):
    lock = asyncio.Lock()
    owner, handed = -1, 0

    async def contend(self, times):
        nonlocal owner, handed
        for _ in range(times):
            async with lock:
                handed += owner != self
                owner = self
                await asyncio.sleep(0)

    with Stopwatch() as watch:
        await asyncio.gather(contend(0, n - n // 2), contend(1, n // 2))
    require(handed >= n - 1, 'the lock was not handed over')    # at the end one may be left alone
    return watch


async def part():
    await asyncio.sleep(0)
    return 1


async def gather(members, n):
    total = 0
    with Stopwatch() as watch:
        for _ in range(n):
            total += sum(await asyncio.gather(*[part() for _ in range(members)]))
    require(total == members * n, 'a result is missing')
    return watch


# ------------------------------------------------------------------------------------- timers

async def sleepers(n, ms):
    loop = asyncio.get_running_loop()
    unfinished, all_ended = n, loop.create_future()

    async def sleeper(delay):
        nonlocal unfinished
        await asyncio.sleep(delay)
        unfinished -= 1
        if unfinished == 0:
            all_ended.set_result(None)

    resident = -resident_bytes()
    with Stopwatch() as watch:
        tasks = [loop.create_task(sleeper((ms + ms * i / n) / 1000)) for i in range(n)]
        await asyncio.sleep(0)
        resident += resident_bytes()
        all_slept = unfinished == n
        await all_ended
    if all_slept:
        print(f'sleepers {NAME} {resident / n:.1f} bytes')
    else:
        print(f'{NAME}: some woke up before all slept: for the bytes, more ms are needed', file=sys.stderr)
    print(f'sleepers {NAME} {watch.seconds:.4f} s')
    del tasks


class Pending:
    """So many timers, far in the future."""
    def __init__(self, amount):
        self.amount = amount

    def __enter__(self):
        loop = asyncio.get_running_loop()
        self.timers = [loop.call_later(2000 + i, print, 'too late') for i in range(self.amount)]

    def __exit__(self, *error):
        for timer in self.timers:
            timer.cancel()


async def timeout_cancel(pending, n):
    with Pending(pending), Stopwatch() as watch:
        for _ in range(n):
            async with asyncio.timeout(1000):
                await nothing()
    return watch


async def sleeps(delay, times):
    for _ in range(times):
        await asyncio.sleep(delay)


async def timeout_expire(pending, n):
    """uvloop's clock counts milliseconds and calls at once what is due in less, without a timer. So a
    thousand of them come at each tick there; CPU time does not see the waits between."""
    with Pending(pending), Stopwatch() as watch:
        if NAME == 'uvloop':
            crowd = min(n, 1000)
            await asyncio.gather(*[sleeps(0.001, (n + i) // crowd) for i in range(crowd)])
        else:
            await sleeps(1e-9, n)
    return watch


# --------------------------------------------------------------------------------------- post

async def post(n):
    """The other thread waits when it is 1024 ahead; the loop gives it room for 512 at once."""
    loop = asyncio.get_running_loop()
    room, all_arrived, arrived = threading.Semaphore(2), loop.create_future(), 0

    def callback():
        nonlocal arrived
        arrived += 1
        if arrived % 512 == 0:
            room.release()
        if arrived == n:
            all_arrived.set_result(None)

    def poster():
        for i in range(n):
            if i % 512 == 0:
                room.acquire()
            loop.call_soon_threadsafe(callback)

    thread = threading.Thread(target=poster)
    with Stopwatch() as watch:
        thread.start()
        await all_arrived
        thread.join()
    return watch


# ------------------------------------------------------------------------------------ servers

class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


class Http(asyncio.Protocol):
    """By hand, as in all programs of the suite."""
    def connection_made(self, transport):
        self.transport = transport
        self.received = b''

    def data_received(self, data):
        self.received = received = self.received + data if self.received else data
        end = received.find(b'\r\n\r\n')
        if end < 0:
            if len(received) >= BUFFER:
                self.transport.abort()
            return
        self.received = received[end + 4:]
        self.transport.write(ANSWER)
        if b'\r\nconnection: close\r\n' in received[:end + 2].lower():
            self.transport.close()


async def serve(protocol, port):
    server = await asyncio.get_running_loop().create_server(protocol, '127.0.0.1', port, backlog=4096)
    print('port', server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# -------------------------------------------------------------------------------------- ring

async def ring(pairs, active, events):
    loop = asyncio.get_running_loop()
    ends, done, count = [socket.socketpair() for _ in range(pairs)], loop.create_future(), 0

    def readable(receive, send):
        nonlocal count
        byte = receive(1)
        count += 1
        if count < events:
            send(byte)
        elif count == events:
            done.set_result(None)

    for i, (reader, writer) in enumerate(ends):
        reader.setblocking(False)
        writer.setblocking(False)
        loop.add_reader(reader, readable, reader.recv, ends[(i + 1) % pairs][1].send)
    with Stopwatch() as watch:
        for i in range(active):
            ends[i * pairs // active][1].send(b'x')
        await done
    print(f'ring {NAME} {watch.seconds * 1e9 / events:.1f} ns')


# ------------------------------------------------------------------------------------- crawl

class Page(asyncio.Protocol):
    def __init__(self, number, done):
        self.number, self.done, self.received = number, done, b''

    def connection_made(self, transport):
        transport.write(b'GET /%d HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' % self.number)

    def data_received(self, data):
        self.received += data

    def connection_lost(self, error):
        head, _, body = self.received.partition(b'\r\n\r\n')
        require(head.startswith(b'HTTP/1.1 200 ') and len(body) == 13, 'a page is not as it should be')
        self.done.set_result(None)


async def fetch(port, pages):
    loop = asyncio.get_running_loop()
    for number in pages:
        done = loop.create_future()
        await loop.create_connection(lambda: Page(number, done), '127.0.0.1', port)
        await done


async def crawl(port, pages, limit):
    numbers = iter(range(1, pages + 1))
    with Stopwatch() as watch:
        await asyncio.gather(*[fetch(port, numbers) for _ in range(limit)])
    print(f'crawl {NAME} {watch.seconds * 1e6 / pages:.1f} us')


# -------------------------------------------------------------------------------------- main

# name: what to run, its arguments, the least that the first may be, and whether that counts: each
# repetition does something as often as it says.
WORKLOADS = {
    'yield': (yield_, 'TASKS YIELDS', 1, True),
    'spawn_join': (spawn_join, 'N', 1, False),
    'call': (call, 'N', 1, False),
    'deep': (deep, 'DEPTH YIELDS', 1, False),
    'chan': (chan, 'N', 1, False),
    'handover': (handover, 'N', 1, False),
    'gather': (gather, 'MEMBERS N', 1, True),
    'timeout_cancel': (timeout_cancel, 'PENDING N', 0, False),
    'timeout_expire': (timeout_expire, 'PENDING N', 0, False),
    'post': (post, 'N', 1, False),
}

# These print for themselves.
PROGRAMS = {
    'sleepers': (sleepers, 'N MS', 1),
    'echo': (lambda port: serve(Echo, port), 'PORT', 0),
    'http': (lambda port: serve(Http, port), 'PORT', 0),
    'ring': (ring, 'PAIRS ACTIVE EVENTS', 1),
    'crawl': (crawl, 'PORT PAGES LIMIT', 1),
}


def usage():
    print('usage: [--uvloop] one of', file=sys.stderr)
    for name, (_, arguments, *_) in (WORKLOADS | PROGRAMS).items():
        print('   ', name, arguments, file=sys.stderr)
    sys.exit(2)


def parse(arguments, names, least):
    """As many numbers as there are names, the first not below least, the others not below 1."""
    try:
        numbers = [int(argument) for argument in arguments]
    except ValueError:
        usage()
    if len(numbers) != len(names.split()) or numbers[0] < least or min(numbers[1:], default=1) < 1:
        usage()
    return numbers


async def measure(name, arguments):
    function, names, least, counted = WORKLOADS[name]
    *amount, repeat = parse(arguments, names, least)
    await function(*amount, repeat // 10 + 1)
    watch = await function(*amount, repeat)
    operations = repeat * amount[0] if counted else repeat
    print(f'{name} {NAME} {watch.seconds * 1e9 / operations:.2f} ns')


def main(arguments):
    global NAME
    if sys.version_info < (3, 11):
        sys.exit('Python 3.11 or later is needed')
    if arguments[:1] == ['--uvloop']:
        try:
            import uvloop
        except ImportError:
            sys.exit('no uvloop for this Python: apt-get install python3-uvloop')
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        NAME, arguments = 'uvloop', arguments[1:]
    if not arguments:
        usage()
    name, *arguments = arguments
    if name in WORKLOADS:
        asyncio.run(measure(name, arguments))
    elif name in PROGRAMS:
        program, names, least = PROGRAMS[name]
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        asyncio.run(program(*parse(arguments, names, least)))
    else:
        usage()


main(sys.argv[1:])
