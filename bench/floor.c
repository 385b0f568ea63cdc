/* floor.c - what would the same cost by hand? The workloads of micro.c, with the same command line and
   the same output (`yield floor 1.52 ns`), in the least C that does the same job: state machines
   that are switch statements, one ready queue, a 4-ary heap of timers, a free list for each kind of
   frame. Nothing can fail, be cancelled or be inspected here, and nothing checks anything: it is what
   aio.h is measured against, not a way to write programs. make build/bench/floor; by hand:

       cc -O2 bench/floor.c -o floor -pthread && ./floor yield 100 100000 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __linux__
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#endif
#include "bench.h"

/* A coroutine: the first member of its frame. The step runs from where it stands; true: it has ended,
   and whoever called it goes on; false: it is in a queue, in the heap, or waits for another one. */
struct frame {
    bool (*step)(struct frame *frame);
    struct frame *caller;
    struct frame *next;             /* in the ready queue, or among the free ones */
    int at;
};

struct timer {
    void (*fire)(struct timer *timer);
    uint32_t index;                 /* in the heap */
};

#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* ------------------------------------------------------------------------------------ memory */

struct pool { struct frame *free; size_t size; char *chunk, *chunk_end; };

static void *pool_refill(struct pool *pool)
{
    void *frame;
    if (pool->chunk == pool->chunk_end) {
        pool->chunk = (char *)malloc(pool->size * 1024);
        if (!pool->chunk)
            abort();
        pool->chunk_end = pool->chunk + pool->size * 1024;
    }
    frame = pool->chunk;
    pool->chunk += pool->size;
    return frame;
}

static inline void *pool_get(struct pool *pool)
{
    struct frame *frame = pool->free;
    if (!frame)
        return pool_refill(pool);
    pool->free = frame->next;
    return frame;
}

static inline void pool_put(struct pool *pool, struct frame *frame)
{
    frame->next = pool->free;
    pool->free = frame;
}

/* -------------------------------------------------------------------------------------- loop */

/* Frames in order. end is where the next one goes. */
struct fifo { struct frame *head, **end; };

static inline void fifo_push(struct fifo *fifo, struct frame *frame)
{
    frame->next = NULL;
    *fifo->end = frame;
    fifo->end = &frame->next;
}

static inline struct frame *fifo_pop(struct fifo *fifo)
{
    struct frame *frame = fifo->head;
    if (frame && !(fifo->head = frame->next))
        fifo->end = &fifo->head;
    return frame;
}

static struct fifo ready = { NULL, &ready.head };

static inline void ready_push(struct frame *frame) { fifo_push(&ready, frame); }

struct slot { int64_t deadline; struct timer *timer; };
static struct slot *heap;
static uint32_t heap_count, heap_capacity;

/* When the loop last looked at the clock. Timers are set from there, as in libev and libuv: a timer that is set
   late in a long step comes that much too early, and no clock is read to set one. */
static int64_t loop_time;

static void clock_look(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    loop_time = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static inline void heap_set(uint32_t i, struct slot slot)
{
    heap[i] = slot;
    slot.timer->index = i;
}

static void heap_up(uint32_t i, struct slot slot)
{
    for (; i && slot.deadline < heap[(i - 1) / 4].deadline; i = (i - 1) / 4)
        heap_set(i, heap[(i - 1) / 4]);
    heap_set(i, slot);
}

static void heap_down(uint32_t i, struct slot slot)
{
    uint32_t child, best;
    for (; i * 4 + 1 < heap_count; i = best) {
        best = i * 4 + 1;
        for (child = best + 1; child < i * 4 + 5 && child < heap_count; child++)
            if (heap[child].deadline < heap[best].deadline)
                best = child;
        if (slot.deadline <= heap[best].deadline)
            break;
        heap_set(i, heap[best]);
    }
    heap_set(i, slot);
}

static void timer_arm(struct timer *timer, int64_t deadline)
{
    struct slot slot;
    if (heap_count == heap_capacity) {
        heap_capacity = heap_capacity ? heap_capacity * 2 : 64;
        heap = (struct slot *)realloc(heap, heap_capacity * sizeof *heap);
        if (!heap)
            abort();
    }
    slot.deadline = deadline;
    slot.timer = timer;
    heap_up(heap_count++, slot);
}

static void timer_disarm(struct timer *timer)
{
    struct slot last = heap[--heap_count];
    if (timer->index == heap_count)
        return;
    if (timer->index && last.deadline < heap[(timer->index - 1) / 4].deadline)
        heap_up(timer->index, last);
    else
        heap_down(timer->index, last);
}

static void timers_run(void)
{
    clock_look();
    if (heap[0].deadline > loop_time) {
        int64_t left = heap[0].deadline - loop_time;
        struct timespec span;
        span.tv_sec = (time_t)(left / 1000000000);
        span.tv_nsec = (long)(left % 1000000000);
        nanosleep(&span, NULL);
        clock_look();
    }
    while (heap_count && heap[0].deadline <= loop_time) {
        struct timer *timer = heap[0].timer;
        timer_disarm(timer);
        timer->fire(timer);
    }
}

/* Nothing is ready: waits for timers, or else for other threads. No workload has both. */
static void inbox_wait(void);

static bool stopped;

static void loop_run(struct frame *first)
{
    clock_look();
    ready_push(first);
    for (stopped = false; !stopped;) {
        struct frame *frame = fifo_pop(&ready);
        if (frame) {
            while (frame->step(frame))
                frame = frame->caller;
        } else if (heap_count)
            timers_run();
        else
            inbox_wait();
    }
    ready.head = NULL;
    ready.end = &ready.head;
}

/* ------------------------------------------------------------------------------------- yield */

struct yielder { struct frame frame; long yields; };
static struct pool yielders = { NULL, sizeof(struct yielder), NULL, NULL };
static long unfinished;

static bool yielder_step(struct frame *frame)
{
    struct yielder *self = container_of(frame, struct yielder, frame);
    switch (frame->at) {
    case 0:
        while (self->yields-- > 0) {
            ready_push(frame);
            frame->at = 1;
            return false;
    case 1:;
        }
    }
    pool_put(&yielders, frame);
    if (--unfinished == 0)
        stopped = true;
    return false;
}

static void yield(long tasks, long yields)
{
    for (unfinished = 0; unfinished < tasks; unfinished++) {
        struct yielder *task = (struct yielder *)pool_get(&yielders);
        *task = (struct yielder){ { yielder_step, NULL, NULL, 0 }, yields };
        if (unfinished < tasks - 1)
            ready_push(&task->frame);
        else {
            unfinished++;
            stopwatch_start();
            loop_run(&task->frame);
            stopwatch_stop();
            break;
        }
    }
}

/* ------------------------------------------------------------------------------------- spawn */

struct nothing { struct frame frame; struct frame *waiter; bool done; };
static struct pool nothings = { NULL, sizeof(struct nothing), NULL, NULL };

/* A task: nobody called it, so somebody may wait for its end. */
static bool nothing_step(struct frame *frame)
{
    struct nothing *self = container_of(frame, struct nothing, frame);
    self->done = true;
    if (self->waiter)
        ready_push(self->waiter);
    return false;
}

struct joins { struct frame frame; long n; struct nothing *task; };
static bool joins_step(struct frame *frame)
{
    struct joins *self = container_of(frame, struct joins, frame);
    switch (frame->at) {
    case 0:
        while (self->n-- > 0) {
            self->task = (struct nothing *)pool_get(&nothings);
            *self->task = (struct nothing){ { nothing_step, NULL, NULL, 0 }, NULL, false };
            ready_push(&self->task->frame);
            if (!self->task->done) {
                self->task->waiter = frame;
                frame->at = 1;
                return false;
            }
    case 1:
            pool_put(&nothings, &self->task->frame);
        }
    }
    stopped = true;
    return false;
}

static void spawn_join(long unused, long n)
{
    struct joins joins = { { joins_step, NULL, NULL, 0 }, n, NULL };
    (void)unused;
    stopwatch_start();
    loop_run(&joins.frame);
    stopwatch_stop();
}

struct batches { struct frame frame; long tasks, rounds, members; };

struct member { struct frame frame; struct batches *owner; };
static struct pool members = { NULL, sizeof(struct member), NULL, NULL };

static bool member_step(struct frame *frame)
{
    struct batches *owner = container_of(frame, struct member, frame)->owner;
    pool_put(&members, frame);
    if (--owner->members == 0)
        ready_push(&owner->frame);
    return false;
}

static bool batches_step(struct frame *frame)
{
    struct batches *self = container_of(frame, struct batches, frame);
    if (self->rounds-- == 0) {
        stopped = true;
        return false;
    }
    for (; self->members < self->tasks; self->members++) {
        struct member *member = (struct member *)pool_get(&members);
        *member = (struct member){ { member_step, NULL, NULL, 0 }, self };
        ready_push(&member->frame);
    }
    return false;
}

static void spawn_batch(long tasks, long rounds)
{
    struct batches batches = { { batches_step, NULL, NULL, 0 }, tasks, rounds, 0 };
    stopwatch_start();
    loop_run(&batches.frame);
    stopwatch_stop();
}

/* ---------------------------------------------------------------------------- deep and call */

struct deep { struct frame frame; long depth, yields; struct deep *child; };
static struct pool deeps = { NULL, sizeof(struct deep), NULL, NULL };

static bool deep_step(struct frame *frame)
{
    struct deep *self = container_of(frame, struct deep, frame);
    switch (frame->at) {
    case 0:
        if (self->depth > 1) {
            self->child = (struct deep *)pool_get(&deeps);
            *self->child = (struct deep){ { deep_step, frame, NULL, 0 }, self->depth - 1, self->yields, NULL };
            frame->at = 1;
            if (!self->child->frame.step(&self->child->frame))
                return false;
    case 1:
            pool_put(&deeps, &self->child->frame);
            break;
        }
        stopwatch_start();
        while (self->yields-- > 0) {
            ready_push(frame);
            frame->at = 2;
            return false;
    case 2:;
        }
        stopwatch_stop();
    }
    return true;
}

/* Who starts a coroutine that stands for the whole program. */
struct start { struct frame frame; struct frame *child; };
static bool start_step(struct frame *frame)
{
    struct start *self = container_of(frame, struct start, frame);
    switch (frame->at) {
    case 0:
        frame->at = 1;
        if (!self->child->step(self->child))
            return false;
    }
    stopped = true;
    return false;
}

static void deep(long depth, long yields)
{
    struct start start = { { start_step, NULL, NULL, 0 }, NULL };
    struct deep deep = { { deep_step, &start.frame, NULL, 0 }, depth, yields, NULL };
    start.child = &deep.frame;
    loop_run(&start.frame);
}

struct add { struct frame frame; long result, a, b; };
static struct pool adds = { NULL, sizeof(struct add), NULL, NULL };

static bool add_step(struct frame *frame)
{
    struct add *self = container_of(frame, struct add, frame);
    switch (frame->at) {
    case 0:
        self->result = self->a + self->b;
    }
    return true;
}

struct calls { struct frame frame; long n, i; struct add *child; unsigned long long total; };
static bool calls_step(struct frame *frame)
{
    struct calls *self = container_of(frame, struct calls, frame);
    switch (frame->at) {
    case 0:
        for (self->i = 0; self->i < self->n; self->i++) {
            self->child = (struct add *)pool_get(&adds);
            *self->child = (struct add){ { add_step, frame, NULL, 0 }, 0, self->i, 1 };
            frame->at = 1;
            if (!self->child->frame.step(&self->child->frame))
                return false;
    case 1:
            self->total += (unsigned long long)self->child->result;
            pool_put(&adds, &self->child->frame);
        }
    }
    stopped = true;
    return false;
}

static void call(long unused, long n)
{
    struct calls calls = { { calls_step, NULL, NULL, 0 }, n, 0, NULL, 0 };
    (void)unused;
    stopwatch_start();
    loop_run(&calls.frame);
    stopwatch_stop();
    if (calls.total != (unsigned long long)n * (unsigned long long)(n + 1) / 2)
        abort();
}

/* ------------------------------------------------------------------------------------ queues */

/* A queue of capacity 1 with room for one who waits at each end. */
struct queue { long item; bool full; struct frame *getter, *putter; };

static inline void queue_put(struct queue *queue, long item)
{
    queue->item = item;
    queue->full = true;
    if (queue->getter) {
        ready_push(queue->getter);
        queue->getter = NULL;
    }
}

static inline long queue_get(struct queue *queue)
{
    queue->full = false;
    if (queue->putter) {
        ready_push(queue->putter);
        queue->putter = NULL;
    }
    return queue->item;
}

struct answers { struct frame frame; struct queue *in, *out; long item; };
static bool answers_step(struct frame *frame)
{
    struct answers *self = container_of(frame, struct answers, frame);
    switch (frame->at) {
    case 0:
        for (;;) {
            while (!self->in->full) {
                self->in->getter = frame;
                frame->at = 1;
                return false;
    case 1:;
            }
            self->item = queue_get(self->in);
            while (self->out->full) {
                self->out->putter = frame;
                frame->at = 2;
                return false;
    case 2:;
            }
            queue_put(self->out, self->item);
        }
    }
    return true;
}

struct asks { struct frame frame; struct queue *out, *in; long n; };
static bool asks_step(struct frame *frame)
{
    struct asks *self = container_of(frame, struct asks, frame);
    switch (frame->at) {
    case 0:
        stopwatch_start();
        while (self->n-- > 0) {
            while (self->out->full) {
                self->out->putter = frame;
                frame->at = 1;
                return false;
    case 1:;
            }
            queue_put(self->out, self->n);
            while (!self->in->full) {
                self->in->getter = frame;
                frame->at = 2;
                return false;
    case 2:;
            }
            if (queue_get(self->in) != self->n)
                abort();
        }
        stopwatch_stop();
    }
    stopped = true;
    return false;
}

static void chan(long unused, long n)
{
    struct queue there = { 0, false, NULL, NULL }, back = { 0, false, NULL, NULL };
    struct answers answers = { { answers_step, NULL, NULL, 0 }, &there, &back, 0 };
    struct asks asks = { { asks_step, NULL, NULL, 0 }, &there, &back, n };
    (void)unused;
    ready_push(&answers.frame);
    loop_run(&asks.frame);
}

/* ------------------------------------------------------------------------------------- locks */

/* A frame waits for it or is ready, so that one link is enough. */
struct lock { bool held; struct fifo waiters; };

/* False: the frame waits, and has the lock when it goes on. */
static inline bool lock_acquire(struct lock *lock, struct frame *frame)
{
    if (lock->held) {
        fifo_push(&lock->waiters, frame);
        return false;
    }
    return lock->held = true;
}

static inline void lock_release(struct lock *lock)
{
    struct frame *frame = fifo_pop(&lock->waiters);
    if (frame)
        ready_push(frame);
    else
        lock->held = false;
}

struct rival { struct frame frame; long n; struct lock *lock; };
static bool rival_step(struct frame *frame)
{
    struct rival *self = container_of(frame, struct rival, frame);
    switch (frame->at) {
    case 0:
        while (self->n-- > 0) {
            if (!lock_acquire(self->lock, frame)) {
                frame->at = 1;
                return false;
            }
            /* fall through */
    case 1:
            ready_push(frame);
            frame->at = 2;
            return false;
    case 2:
            lock_release(self->lock);
        }
    }
    if (--unfinished == 0)
        stopped = true;
    return false;
}

static void handover(long unused, long n)
{
    struct lock lock = { false, { NULL, &lock.waiters.head } };
    struct rival a = { { rival_step, NULL, NULL, 0 }, n - n / 2, &lock };
    struct rival b = { { rival_step, NULL, NULL, 0 }, n / 2, &lock };
    (void)unused;
    unfinished = 2;
    stopwatch_start();
    ready_push(&a.frame);
    loop_run(&b.frame);
    stopwatch_stop();
}

/* ------------------------------------------------------------------------------------ gather */

struct crew { struct frame frame; long members, rounds, unfinished, sum; struct part **parts; };

struct part { struct frame frame; struct crew *crew; long result; };
static struct pool parts = { NULL, sizeof(struct part), NULL, NULL };

static bool part_step(struct frame *frame)
{
    struct part *self = container_of(frame, struct part, frame);
    switch (frame->at) {
    case 0:
        ready_push(frame);
        frame->at = 1;
        return false;
    }
    self->result = 1;
    if (--self->crew->unfinished == 0)
        ready_push(&self->crew->frame);
    return false;
}

static bool crew_step(struct frame *frame)
{
    struct crew *self = container_of(frame, struct crew, frame);
    long i;
    switch (frame->at) {
    case 0:
        while (self->rounds-- > 0) {
            for (i = 0; i < self->members; i++) {
                self->parts[i] = (struct part *)pool_get(&parts);
                *self->parts[i] = (struct part){ { part_step, NULL, NULL, 0 }, self, 0 };
                ready_push(&self->parts[i]->frame);
            }
            self->unfinished = self->members;
            frame->at = 1;
            return false;
    case 1:
            for (i = 0; i < self->members; i++) {
                self->sum += self->parts[i]->result;
                pool_put(&parts, &self->parts[i]->frame);
            }
        }
    }
    stopped = true;
    return false;
}

static void gather(long size, long n)
{
    struct crew crew = { { crew_step, NULL, NULL, 0 }, size, n, 0, 0, NULL };
    crew.parts = (struct part **)calloc((size_t)size, sizeof *crew.parts);
    if (!crew.parts)
        abort();
    stopwatch_start();
    loop_run(&crew.frame);
    stopwatch_stop();
    if (crew.sum != size * n)
        abort();
    free(crew.parts);
}

/* ------------------------------------------------------------------------------------ timers */

struct sleeper { struct frame frame; struct timer timer; int64_t delay; };
static struct pool sleepers = { NULL, sizeof(struct sleeper), NULL, NULL };

static void sleeper_fire(struct timer *timer)
{
    ready_push(&container_of(timer, struct sleeper, timer)->frame);
}

static bool sleeper_step(struct frame *frame)
{
    struct sleeper *self = container_of(frame, struct sleeper, frame);
    switch (frame->at) {
    case 0:
        timer_arm(&self->timer, loop_time + self->delay);
        frame->at = 1;
        return false;
    }
    pool_put(&sleepers, frame);
    unfinished--;
    return false;
}

static void sleeper_spawn(int64_t delay)
{
    struct sleeper *task = (struct sleeper *)pool_get(&sleepers);
    *task = (struct sleeper){ { sleeper_step, NULL, NULL, 0 }, { sleeper_fire, 0 }, delay };
    ready_push(&task->frame);
    unfinished++;
}

/* wait_for: the deadline lies in the frame of whoever waits. It never comes here. */
struct timeouts { struct frame frame; long n; struct add *child; struct timer timer; };

static void timeouts_fire(struct timer *timer)
{
    (void)timer;
    abort();
}

static bool timeouts_step(struct frame *frame)
{
    struct timeouts *self = container_of(frame, struct timeouts, frame);
    switch (frame->at) {
    case 0:
        stopwatch_start();
        while (self->n-- > 0) {
            self->child = (struct add *)pool_get(&adds);
            *self->child = (struct add){ { add_step, frame, NULL, 0 }, 0, 1, 1 };
            timer_arm(&self->timer, loop_time + (int64_t)1000 * 1000000000);
            frame->at = 1;
            if (!self->child->frame.step(&self->child->frame))
                return false;
    case 1:
            timer_disarm(&self->timer);
            pool_put(&adds, &self->child->frame);
        }
        stopwatch_stop();
    }
    stopped = true;
    return false;
}

/* Runs one frame beside timers that do not come. */
static void run_beside(struct frame *frame, long pending)
{
    while (pending-- > 0)
        sleeper_spawn((int64_t)(2000 + pending) * 1000000000);
    loop_run(frame);
    while (heap_count)
        pool_put(&sleepers, &container_of(heap[--heap_count].timer, struct sleeper, timer)->frame);
}

static void timeout_cancel(long pending, long n)
{
    struct timeouts timeouts = { { timeouts_step, NULL, NULL, 0 }, n, NULL, { timeouts_fire, 0 } };
    run_beside(&timeouts.frame, pending);
}

struct naps { struct frame frame; long n; struct timer timer; };

static void naps_fire(struct timer *timer)
{
    ready_push(&container_of(timer, struct naps, timer)->frame);
}

static bool naps_step(struct frame *frame)
{
    struct naps *self = container_of(frame, struct naps, frame);
    switch (frame->at) {
    case 0:
        stopwatch_start();
        while (self->n-- > 0) {
            timer_arm(&self->timer, loop_time + 1);
            frame->at = 1;
            return false;
    case 1:;
        }
        stopwatch_stop();
    }
    stopped = true;
    return false;
}

static void timeout_expire(long pending, long n)
{
    struct naps naps = { { naps_step, NULL, NULL, 0 }, n, { naps_fire, 0 } };
    run_beside(&naps.frame, pending);
}

struct audience { struct frame frame; const struct request *request; struct timer timer; double bytes; };

static void audience_fire(struct timer *timer)
{
    ready_push(&container_of(timer, struct audience, timer)->frame);
}

static bool audience_step(struct frame *frame)
{
    struct audience *self = container_of(frame, struct audience, frame);
    int64_t shortest = self->request->repeat * (int64_t)1000000;
    long i, n = self->request->amount;
    switch (frame->at) {
    case 0:
        resident_bytes();
        self->bytes = -resident_bytes();
        stopwatch_start();
        for (i = 0; i < n; i++)
            sleeper_spawn(shortest + shortest / n * i);
        ready_push(frame);
        frame->at = 1;
        return false;
    case 1:
        self->bytes += resident_bytes();
        timer_arm(&self->timer, loop_time + 2 * shortest);
        frame->at = 2;
        return false;
    }
    stopwatch_stop();
    if (unfinished)
        abort();
    print_sleepers("floor", self->request, self->bytes);
    stopped = true;
    return false;
}

/* ------------------------------------------------------------------- posts from other threads */

#ifdef __linux__
/* A stack that threads push to. Who finds it empty wakes the loop; the loop takes all of it, and turns it round.
   Every write to the eventfd is an edge, so that it need not be read. */
static _Atomic(struct frame *) inbox;
static int epoll_fd, wake_fd;

static void inbox_open(void)
{
    struct epoll_event event = { EPOLLIN | EPOLLET, { NULL } };
    epoll_fd = epoll_create1(0);
    wake_fd = eventfd(0, EFD_NONBLOCK);
    if (epoll_fd < 0 || wake_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wake_fd, &event) < 0)
        abort();
}

static void inbox_post(struct frame *frame)
{
    const uint64_t one = 1;
    struct frame *head = atomic_load_explicit(&inbox, memory_order_relaxed);
    do
        frame->next = head;
    while (!atomic_compare_exchange_weak_explicit(&inbox, &head, frame, memory_order_release, memory_order_relaxed));
    if (!head && write(wake_fd, &one, sizeof one) < 0)
        abort();
}

static void inbox_wait(void)
{
    struct frame *frame = atomic_exchange_explicit(&inbox, NULL, memory_order_acquire), *next;
    struct epoll_event event;
    if (!frame) {
        epoll_wait(epoll_fd, &event, 1, -1);
        return;
    }
    ready.end = &frame->next;                       /* the newest will be the last */
    for (; frame; frame = next) {
        next = frame->next;
        frame->next = ready.head;
        ready.head = frame;
    }
}

struct letter { struct frame frame; struct letters *letters; };
struct letters { struct frame frame; long n, arrived; struct letter letter[ROOM]; };

static bool letter_step(struct frame *frame)
{
    struct letters *letters = container_of(frame, struct letter, frame)->letters;
    room_give(++letters->arrived);
    if (letters->arrived == letters->n)
        ready_push(&letters->frame);
    return false;
}

static bool letters_step(struct frame *frame)
{
    stopped = frame->at++ > 0;                      /* at first it waits for all that come */
    return false;
}

static void *letters_post(void *arg)
{
    struct letters *letters = (struct letters *)arg;
    long n = letters->n, i;
    for (i = 0; i < n; i++) {
        room_take(i);
        inbox_post(&letters->letter[i % ROOM].frame);
    }
    return NULL;
}

static void post(long unused, long n)
{
    static struct letters letters;
    pthread_t poster;
    int i;
    (void)unused;
    letters.frame = (struct frame){ letters_step, NULL, NULL, 0 };
    letters.n = n;
    letters.arrived = 0;
    for (i = 0; i < ROOM; i++)
        letters.letter[i] = (struct letter){ { letter_step, NULL, NULL, 0 }, &letters };
    inbox_open();
    room_open();
    stopwatch_start();
    if (pthread_create(&poster, NULL, letters_post, &letters) != 0)
        abort();
    loop_run(&letters.frame);
    pthread_join(poster, NULL);
    stopwatch_stop();
    close(wake_fd);
    close(epoll_fd);
}
#else
static void inbox_wait(void) { abort(); }
#endif

/* -------------------------------------------------------------------------------------- main */

struct benchmark { const char *name; void (*run)(long amount, long repeat); };
static const struct benchmark benchmarks[] = {
    { "yield", yield }, { "spawn_join", spawn_join }, { "spawn_batch", spawn_batch }, { "call", call },
    { "deep", deep }, { "chan", chan }, { "handover", handover }, { "gather", gather },
    { "timeout_cancel", timeout_cancel }, { "timeout_expire", timeout_expire },
#ifdef __linux__
    { "post", post },
#endif
    { NULL, NULL },
};

int main(int argc, char **argv)
{
    struct request request;
    const struct benchmark *benchmark = benchmarks;
    if (!parse_request(argc, argv, &request))
        return usage();
    if (strcmp(request.workload, "sleepers") == 0) {
        struct audience audience = { { audience_step, NULL, NULL, 0 }, &request, { audience_fire, 0 }, 0 };
        loop_run(&audience.frame);
        return 0;
    }
    while (benchmark->name && strcmp(benchmark->name, request.workload) != 0)
        benchmark++;
    if (!benchmark->name)
        return usage();                             /* of aio only: by hand, nothing is left of it */
    benchmark->run(request.amount, request.repeat / 10 + 1);
    benchmark->run(request.amount, request.repeat);
    print_time("floor", &request);
    return 0;
}
