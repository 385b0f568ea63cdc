# aio-gdb.py - the tasks of an aio program, seen from gdb (10 or later).
# SPDX-License-Identifier: MIT
#
#     (gdb) source tools/aio-gdb.py
#     (gdb) aio tasks
#     (gdb) aio bt
#
# It only reads memory: the program may be stopped anywhere, in the middle of a step, too, and core
# files will do. It needs the debug information (-g) of the file that defines AIO_IMPLEMENTATION, and
# takes every number and layout from there. Lines of coroutines are known with -DAIO_LINES=1.

import collections
import functools
import os
import time

import gdb

# What a task does in the places where that is all there is to say, as in aio.h's aio_wait_texts_.
PLACES = {
    "AIO_AT_NEVER_": "sleeps for ever", "AIO_AT_READY_": "is ready",
    "AIO_AT_LOCK_": "waits for a lock",
    "AIO_AT_EVENT_": "waits for an event", "AIO_AT_CONDITION_": "waits for a condition",
    "AIO_AT_SEMAPHORE_": "waits for a semaphore", "AIO_AT_BARRIER_": "waits at a barrier",
    "AIO_AT_WAIT_GROUP_": "waits for a wait group", "AIO_AT_PUT_": "waits for room in a queue",
    "AIO_AT_GET_": "waits for an item of a queue", "AIO_AT_QUICK_GET_": "waits for an item of a queue",
    "AIO_AT_QUICK_NEXT_": "waits for an item of a queue",
    "AIO_AT_QUEUE_JOIN_": "waits until a queue is done",
    "AIO_AT_BROADCAST_": "waits for an item of a broadcast", "AIO_AT_WATCH_": "waits for a change of a watch",
    "AIO_AT_SET_": "waits for some of several tasks",
}


@functools.lru_cache(maxsize=None)
def constant(name):
    try:
        return int(gdb.parse_and_eval(name))
    except gdb.error:
        raise gdb.GdbError("no %s in this program: is it built with aio.h, and with -g?" % name)


@functools.lru_cache(maxsize=None)
def pointer_type(name):
    return gdb.lookup_type("struct " + name).pointer()


def pointer(value, type_name):
    return value.cast(pointer_type(type_name))


def is_proxy(c):
    """A proxy has its type in itself."""
    return 0 < int(c["type"]) - int(c) < int(c["type"]["size"])


def proxy(c):
    return pointer(c["type"], "aio_proxy_")


def clock(loop):
    """The time on the loop's clock, or None: it cannot be known, of a core file for example."""
    name = loop["poller"]["name"].string()
    try:
        if name == "sim":
            return int(pointer(loop["poller_data"], "aio_sim_")["now"])
        with open("/proc/%d/status" % gdb.selected_inferior().pid) as status:
            here = "TracerPid:\t%d\n" % os.getpid() in status.read()
        if here and name in ("epoll", "select"):
            return time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    except (gdb.error, OSError):
        pass
    return None


class Task:
    def __init__(self, record, loop):
        self.record = record            # struct aio_task *
        self.loop = loop
        self.place = int(record["node"]["place"])
        self.leaf = record["leaf"]
        self.extension = record["extension"]
        self.seq = int(record["node"]["seq"])

    def frames(self):
        """Its coroutines, innermost first."""
        c = self.leaf
        yield c
        while not int(c["flags"]) & self.loop.ROOT:
            c = c["up"]["caller"]
            yield c

    def is_whole(self):
        """Has its extension more than what a member of a group needs?"""
        return self.extension["whole"] or constant("AIO_MEMBER_SIZE_") == self.extension.type.target().sizeof

    def name(self):
        if self.extension and self.is_whole() and self.extension["name"]:
            return self.extension["name"].string()
        *_, root = self.frames()
        return root["type"]["name"].string()

    def title(self):
        return "task %d '%s'" % (self.seq, self.name())

    def leaf_is(self, name):
        return not self.leaf["type"]["file"] and self.leaf["type"]["name"].string() == name

    def target(self):
        """The task or future (struct aio_coro *) that it waits for, behind a shield, too; or None."""
        if self.place == constant("AIO_AT_TARGET_"):
            return self.record["node"]["u"]["target"]
        if self.place == constant("AIO_AT_LIST_") and self.leaf_is("aio_shield"):
            return proxy(self.leaf)["inner"]
        return None

    def wait(self):
        """What it waits for, in the words of aio_dump."""
        loop, node, place = self.loop, self.record["node"], self.place
        if int(node["flags"]) & constant("AIO_N_HELD_"):
            return "waits for its turn in its group"
        target = self.target()
        if target is not None:
            if not int(target["flags"]) & loop.ROOT:
                return "waits for a future"
            other = loop.tasks.get(int(target["up"]["task"]))
            return "waits for " + (other.title() if other else "a task of another loop")
        if place == constant("AIO_AT_SETTLE_"):
            return "waits for its group, " + self.members(loop.owned()[int(self.leaf)])
        if place == constant("AIO_AT_LIST_") and self.leaf_is("aio_group_join"):
            group = pointer(self.leaf, "aio_join_")["group"]
            owner = loop.tasks.get(int(group["owner_task"]))
            whose = "its group" if owner is self else "the group of " + (owner.title() if owner else "a task")
            return "waits for %s, %s" % (whose, self.members(int(group["active"])))
        if place == constant("AIO_AT_READY_") and int(loop.loop["current"]) == int(self.record):
            return "runs"
        if place == constant("AIO_AT_TIMER_"):
            return "sleeps, " + loop.left(node)
        if place == constant("AIO_AT_READER_"):
            return "waits until descriptor %d is readable" % int(node["u"]["fd"])
        if place == constant("AIO_AT_WRITER_"):
            return "waits until descriptor %d is writable" % int(node["u"]["fd"])
        for name, text in PLACES.items():
            if place == constant(name):
                return text
        return "waits in " + self.leaf["type"]["name"].string()

    @staticmethod
    def members(n):
        return "%d member%s left" % (n, "" if n == 1 else "s")

    def owner(self):
        """The address of the coroutine that opened the group it is a member of, or 0."""
        return int(self.extension["group"]["scope"]["owner"]) if self.extension and self.extension["group"] else 0

    def timeout(self):
        """The next deadline of an aio_wait_for among its coroutines, as text."""
        nodes = [proxy(c)["deadline"]["node"] for c in self.frames() if is_proxy(c)]
        nodes = [node for node in nodes if int(node["place"]) == constant("AIO_AT_TIMER_")]
        return "; timeout: " + self.loop.left(min(nodes, key=self.loop.deadline)) if nodes else ""

    def line(self):
        asked = "; is being cancelled" if int(self.record["node"]["cancels"]) else ""
        return self.title() + " " + self.wait() + self.timeout() + asked

    def backtrace(self):
        """Its coroutines as text, outermost first."""
        lines = []
        for c in self.frames():
            text = "  " + c["type"]["name"].string()
            if c["type"]["file"]:
                text += " (" + c["type"]["file"].string()
                if self.loop.has_lines and int(c["line"]):
                    text += ":%d" % int(c["line"])
                text += ")"
            lines.append(text)
        return lines[::-1]


class Loop:
    def __init__(self, loop, thread=None):
        self.loop = loop                # struct aio_loop *
        self.thread = thread
        self.ROOT = constant("AIO_F_ROOT_")
        self.has_lines = any(f.name == "line" for f in gdb.lookup_type("struct aio_coro").fields())
        self.now = clock(loop)
        self.owners = None
        self.tasks = {}                 # by the address of their record, in order of creation
        found, slab = [], loop["slabs"]
        finished = (constant("AIO_AT_NOTHING_"), constant("AIO_AT_DONE_"))
        while slab:
            first = int(slab) + constant("AIO_SLAB_FIRST_")
            records = pointer(gdb.Value(first), "aio_task")
            for i in range(int(slab["carved"])):
                if int((records + i)["node"]["place"]) not in finished:
                    found.append(Task(records + i, self))
            slab = slab["next"]
        for task in sorted(found, key=lambda task: task.seq):
            self.tasks[int(task.record)] = task
        self.current = self.tasks.get(int(loop["current"]))
        if self.current:
            self.current.leaf = self.innermost(self.current)

    def owned(self):
        """How many members the groups of a coroutine have, by its address."""
        if self.owners is None:
            self.owners = collections.Counter(task.owner() for task in self.tasks.values())
        return self.owners

    def deadline(self, node):
        index = int(node["u"]["timer"]["index"])
        deadline = int(self.loop["timers"][index]["deadline"])
        has_spans = "timer_end" in self.loop.type.keys() and int(self.loop["timer_end"])    # not under AIO_SMALL
        if not has_spans or index < int(self.loop["timer_settled"]):
            return deadline
        return deadline + (self.now or 0)       # armed since the loop read the clock: a span still

    def left(self, node):
        if self.now is None:
            return "due at %.3f s" % (self.deadline(node) / 1e9)
        left = self.deadline(node) - self.now
        return "%.3f s %s" % (abs(left) / 1e9, "left" if left >= 0 else "late")

    def innermost(self, task):
        """A running task's record knows the coroutine that was resumed; those that it called are on the
        C stack of its thread."""
        if not self.thread:
            return task.leaf
        before = gdb.selected_thread()
        self.thread.switch()
        try:
            frame = gdb.newest_frame()
            while frame:
                name = (frame.name() or "").split("(")[0]       # C++ adds the arguments
                if name.endswith("_body_") or name.endswith("_enter_"):
                    for variable in ("self", "aio_self_", "c"):
                        c = self.coroutine(frame, variable, task)
                        if c is not None:
                            return c
                frame = frame.older()
            return task.leaf
        finally:
            before.switch()

    def coroutine(self, frame, variable, task):
        """The variable as a coroutine of the task, or None: it is none, or optimised out."""
        try:
            leaf = c = pointer(frame.read_var(variable), "aio_coro")
            while not int(c["flags"]) & self.ROOT:
                c = c["up"]["caller"]
            return leaf if c["up"]["task"] == task.record else None
        except (ValueError, gdb.error):
            return None


def thread_variable():
    """What the library has of this thread; its name tells how the program was built."""
    for name in ("aio_thread_", "aio_built_with_AIO_DEBUG_", "aio_built_with_AIO_LINES_"):
        try:
            return gdb.parse_and_eval(name)
        except gdb.error as error:
            if "No symbol" not in str(error):
                raise
    raise gdb.error("no aio here")


def loops_of_thread(thread):
    """The loops that the thread has open, oldest first; without its thread-local variables (a core file,
    a libc that gdb does not know), the loop that its C stack tells of."""
    found = []
    thread.switch()
    try:
        loop = thread_variable()["newest"]
        while loop:
            found.insert(0, loop)
            loop = loop["older"]
    except gdb.error:
        frame = gdb.newest_frame()
        while frame and not found:
            try:
                loop = frame.read_var("loop") if (frame.name() or "").startswith("aio_") else None
                if loop and loop["slabs"].type.target().tag == "aio_slab_":
                    found.append(loop)
            except (ValueError, gdb.error):
                pass
            frame = frame.older()
    return found


def find_loops(expression=None):
    constant.cache_clear()              # it may be another program now
    pointer_type.cache_clear()
    threads = gdb.selected_inferior().threads()
    if not threads:
        raise gdb.GdbError("the program is not running")
    constant("AIO_F_ROOT_")
    before, selected = gdb.selected_thread(), gdb.selected_frame()
    if expression:
        value = gdb.parse_and_eval(expression)
        loop = value if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR else value.address
        return [Loop(pointer(loop, "aio_loop"))]
    try:
        loops = [Loop(loop, thread) for thread in sorted(threads, key=lambda thread: thread.num)
                 for loop in loops_of_thread(thread)]
    finally:
        before.switch()
        selected.select()
    if not loops:
        raise gdb.GdbError("no aio loop is open here; if you know of one, name it: aio tasks LOOP")
    return loops


class Aio(gdb.Command):
    """The tasks of an aio program: aio tasks, aio bt."""

    def __init__(self):
        super().__init__("aio", gdb.COMMAND_STACK, prefix=True)


class Command(gdb.Command):
    def invoke(self, argument, from_tty):
        try:
            self.run(argument.strip())
        except gdb.error as error:      # said without a Python traceback
            raise gdb.GdbError(str(error))


class AioTasks(Command):
    """List the unfinished tasks, in order of creation, and what each waits for.
Usage: aio tasks [LOOP]

LOOP is an expression: a struct aio_loop, or a pointer to one. Without it, all loops that the threads of
the program have open."""

    def __init__(self):
        super().__init__("aio tasks", gdb.COMMAND_STACK, gdb.COMPLETE_EXPRESSION)

    def run(self, argument):
        for loop in find_loops(argument):
            print("%d task%s of the loop at %s%s" % (
                len(loop.tasks), "" if len(loop.tasks) == 1 else "s", hex(int(loop.loop)),
                ", thread %d" % loop.thread.num if loop.thread else ""))
            for task in loop.tasks.values():
                print(task.line())


class AioBt(Command):
    """Print the chain of coroutines of tasks, outermost first.
Usage: aio bt [NUMBER | all]

Without an argument, of the task that runs; if none does, of all."""

    def __init__(self):
        super().__init__("aio bt", gdb.COMMAND_STACK)

    def run(self, argument):
        if argument not in ("", "all") and not argument.isdigit():
            raise gdb.GdbError("the number of a task, or all: aio bt [NUMBER | all]")
        tasks = [task for loop in find_loops() for task in loop.tasks.values()]
        if argument.isdigit():
            tasks = [task for task in tasks if task.seq == int(argument)]
        elif argument == "":
            tasks = [task for task in tasks if task is task.loop.current] or tasks
        if not tasks:
            raise gdb.GdbError("no such task" if argument.isdigit() else "no task is unfinished")
        for task in tasks:
            print("\n".join([task.line()] + task.backtrace()))


Aio()
AioTasks()
AioBt()
