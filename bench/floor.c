/* floor.c - what would the same cost by hand? The workloads of micro.c, with the same command line and
   the same output (`yield floor 1.52 ns`), in the least C that does the same job: state machines
   that are switch statements, one ready queue, a 4-ary heap of timers, a free list for each kind of
   frame. Nothing can fail, be cancelled or be inspected here, and nothing checks anything: it is what
   aio.h is measured against, not a way to write programs. make build/bench/floor; by hand:

       cc -O2 bench/floor.c -o floor && ./floor yield 100 100000 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
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

static struct frame *ready_head, *ready_tail;

static inline void ready_push(struct frame *frame)
{
    frame->next = NULL;
    if (ready_head)
        ready_tail->next = frame;
    else
        ready_head = frame;
    ready_tail = frame;
}

struct slot { int64_t deadline; struct timer *timer; };
static struct slot *heap;
static uint32_t heap_count, heap_capacity;

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
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
    int64_t left = heap[0].deadline - now();
    struct timespec span;
    if (left > 0) {
        span.tv_sec = (time_t)(left / 1000000000);
        span.tv_nsec = (long)(left % 1000000000);
        nanosleep(&span, NULL);
    }
    left = now();
    while (heap_count && heap[0].deadline <= left) {
        struct timer *timer = heap[0].timer;
        timer_disarm(timer);
        timer->fire(timer);
    }
}

static bool stopped;

static void loop_run(struct frame *first)
{
    ready_push(first);
    for (stopped = false; !stopped;) {
        struct frame *frame = ready_head;
        if (!frame) {
            timers_run();
            continue;
        }
        ready_head = frame->next;
        while (frame->step(frame))
            frame = frame->caller;
    }
    ready_head = NULL;
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
        timer_arm(&self->timer, now() + self->delay);
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
            timer_arm(&self->timer, now() + (int64_t)1000 * 1000000000);
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

static void timeout_cancel(long pending, long n)
{
    struct timeouts timeouts = { { timeouts_step, NULL, NULL, 0 }, n, NULL, { timeouts_fire, 0 } };
    for (heap_count = 0; pending-- > 0;)
        sleeper_spawn((int64_t)(2000 + pending) * 1000000000);
    loop_run(&timeouts.frame);
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
        timer_arm(&self->timer, now() + 2 * shortest);
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

/* -------------------------------------------------------------------------------------- main */

struct benchmark { const char *name; void (*run)(long amount, long repeat); };
static const struct benchmark benchmarks[] = {
    { "yield", yield }, { "spawn_join", spawn_join }, { "spawn_batch", spawn_batch }, { "deep", deep },
    { "call", call }, { "chan", chan }, { "timeout_cancel", timeout_cancel },
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
