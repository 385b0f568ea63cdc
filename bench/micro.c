/* micro.c - what does each operation of aio cost? One workload per call of the program:

       micro yield TASKS YIELDS          every task awaits aio_sleep(0) YIELDS times: ns per yield
       micro spawn_join N                aio_create_task, await, aio_release: ns per task
       micro spawn_batch TASKS ROUNDS    so many tasks into a group, then join: ns per task
       micro call N                      await a coroutine that does not suspend: ns per call
       micro deep DEPTH YIELDS           a leaf DEPTH coroutines deep yields: ns per yield
       micro chan N                      two tasks pass an item to and fro, through queues of capacity 1:
                                         ns per round trip
       micro queue N                     put into a queue that has room, get from it: ns per pair
       micro lock N                      an uncontended lock is acquired and released: ns per pair;
       micro semaphore N                 the same of a semaphore
       micro handover N                  two tasks want one lock, and hold it across a yield, so that every
                                         release hands it over: ns per hand-over
       micro gather MEMBERS N            so many coroutines at once that yield once each, and their results:
                                         ns per member
       micro sleepers N MS               N tasks sleep, between MS and 2 * MS: resident bytes per task
                                         while all sleep, and CPU seconds from spawn to end
       micro timeout_cancel PENDING N    aio_wait_for something that is done at once, while PENDING
                                         tasks sleep longer than the timeout: ns per wait
       micro timeout_expire PENDING N    a task sleeps for the least there is, while PENDING tasks sleep
                                         longer: ns per sleep
       micro post N                      another thread calls aio_loop_post, with 1024 callbacks on their
                                         way at most: ns per callback, of both threads

   prints one line, `yield aio 2.31 ns` (sleepers: two, `sleepers aio 104.0 bytes` and
   `sleepers aio 0.1 s`), after a warm-up of a tenth of the size. floor.c does the same by hand; run
   the two by turns to compare. make build/bench/micro; by hand:

       cc -O2 -iquote . bench/micro.c -o micro -pthread && ./micro yield 100 100000 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define AIO_IMPLEMENTATION
#ifdef __linux__
#include "aio_epoll.h"
#else
#include "aio_select.h"
#endif
#include "bench.h"

/* ----------------------------------------------------------------------------------- yield */

struct crowd { AIO_FRAME(void); long tasks, yields, unfinished; AIO_FUTURE(void) done; };

struct yielder { AIO_FRAME(void); long yields; struct crowd *crowd; };
static AIO_CORO(yielder)
{
    AIO_BEGIN;
    while (self->yields-- > 0)
        AIO_AWAIT(aio_sleep(0));
    if (--self->crowd->unfinished == 0)
        aio_future_set_result(&self->crowd->done);
    AIO_END;
}

static AIO_CORO(crowd)
{
    AIO_BEGIN;
    for (; self->unfinished < self->tasks; self->unfinished++)
        if (aio_spawn(aio_new(yielder, .yields = self->yields, .crowd = self)) < 0)
            AIO_RAISE(AIO_ENOMEM);
    stopwatch_start();
    AIO_AWAIT(&self->done);
    stopwatch_stop();
    AIO_END;
}

static struct aio_any *crowd(long tasks, long yields)
{
    return aio_any(aio_new(crowd, .tasks = tasks, .yields = yields));
}

/* ----------------------------------------------------------------------------------- spawn */

struct nothing { AIO_FRAME(void); };
static AIO_CORO(nothing)
{
    AIO_BEGIN;
    AIO_END;
}

struct joins { AIO_FRAME(void); long n; struct nothing *task; };
static AIO_CORO(joins)
{
    AIO_BEGIN;
    stopwatch_start();
    while (self->n-- > 0) {
        self->task = aio_create_task(aio_new(nothing));
        AIO_AWAIT(self->task);
        aio_release(self->task);
    }
    stopwatch_stop();
    AIO_END;
}

static struct aio_any *joins(long unused, long n)
{
    (void)unused;
    return aio_any(aio_new(joins, .n = n));
}

struct batches { AIO_FRAME(void); long tasks, rounds, i; struct aio_group group; };
static AIO_CORO(batches)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    stopwatch_start();
    while (self->rounds-- > 0) {
        for (self->i = 0; self->i < self->tasks; self->i++)
            if (aio_group_spawn(&self->group, aio_new(nothing)) < 0)
                AIO_RAISE(AIO_ENOMEM);
        AIO_AWAIT(aio_group_join(&self->group));
    }
    stopwatch_stop();
    AIO_END;
}

static struct aio_any *batches(long tasks, long rounds)
{
    return aio_any(aio_new(batches, .tasks = tasks, .rounds = rounds));
}

/* -------------------------------------------------------------------------- deep and call */

struct deep { AIO_FRAME(void); long depth, yields; };
static AIO_CORO(deep)
{
    AIO_BEGIN;
    if (self->depth > 1) {
        AIO_AWAIT(aio_new(deep, .depth = self->depth - 1, .yields = self->yields));
        AIO_RETURN();
    }
    stopwatch_start();
    while (self->yields-- > 0)
        AIO_AWAIT(aio_sleep(0));
    stopwatch_stop();
    AIO_END;
}

static struct aio_any *deep(long depth, long yields)
{
    return aio_any(aio_new(deep, .depth = depth, .yields = yields));
}

struct add { AIO_FRAME(long); long a, b; };
static AIO_CORO(add)
{
    AIO_BEGIN;
    AIO_RETURN(self->a + self->b);
    AIO_END;
}

struct calls { AIO_FRAME(void); long n, i, sum; unsigned long long total; };
static AIO_CORO(calls)
{
    AIO_BEGIN;
    stopwatch_start();
    for (self->i = 0; self->i < self->n; self->i++) {
        AIO_AWAIT(self->sum, aio_new(add, .a = self->i, .b = 1));
        self->total += (unsigned long long)self->sum;
    }
    stopwatch_stop();
    if (self->total != (unsigned long long)self->n * (unsigned long long)(self->n + 1) / 2)
        AIO_RAISE(AIO_EUSER);
    AIO_END;
}

static struct aio_any *calls(long unused, long n)
{
    (void)unused;
    return aio_any(aio_new(calls, .n = n));
}

/* --------------------------------------------------------------- queues, locks, semaphores */

struct tube { struct aio_queue queue; long items[1]; };

struct answers { AIO_FRAME(void); struct tube *in, *out; long item; };
static AIO_CORO(answers)
{
    AIO_BEGIN;
    for (;;) {
        AIO_AWAIT(aio_queue_get(&self->in->queue, &self->item));
        AIO_AWAIT(aio_queue_put(&self->out->queue, &self->item));
    }
    AIO_END;
}

struct asks { AIO_FRAME(void); long n, item; int error; struct tube there, back; struct answers *task; };
static AIO_CORO(asks)
{
    AIO_BEGIN;
    aio_queue_init(&self->there.queue, self->there.items);
    aio_queue_init(&self->back.queue, self->back.items);
    self->task = aio_create_task(aio_new(answers, .in = &self->there, .out = &self->back));
    AIO_AWAIT(aio_sleep(0));
    stopwatch_start();
    while (self->n-- > 0) {
        AIO_AWAIT(aio_queue_put(&self->there.queue, &self->n));
        AIO_AWAIT(aio_queue_get(&self->back.queue, &self->item));
        if (self->item != self->n)
            AIO_RAISE(AIO_EUSER);
    }
    stopwatch_stop();
    aio_task_cancel(self->task);
    AIO_TRY(self->error, self->task);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

static struct aio_any *asks(long unused, long n)
{
    (void)unused;
    return aio_any(aio_new(asks, .n = n));
}

struct locks { AIO_FRAME(void); long n; struct aio_lock lock; };
static AIO_CORO(locks)
{
    AIO_BEGIN;
    stopwatch_start();
    while (self->n-- > 0) {
        AIO_AWAIT(aio_lock_acquire(&self->lock));
        aio_lock_release(&self->lock);
    }
    stopwatch_stop();
    AIO_END;
}

static struct aio_any *locks(long unused, long n)
{
    (void)unused;
    return aio_any(aio_new(locks, .n = n));
}

struct permits { AIO_FRAME(void); long n; struct aio_semaphore semaphore; };
static AIO_CORO(permits)
{
    AIO_BEGIN;
    aio_semaphore_init(&self->semaphore, 2);
    stopwatch_start();
    while (self->n-- > 0) {
        AIO_AWAIT(aio_semaphore_acquire(&self->semaphore));
        aio_semaphore_release(&self->semaphore);
    }
    stopwatch_stop();
    AIO_END;
}

static struct aio_any *permits(long unused, long n)
{
    (void)unused;
    return aio_any(aio_new(permits, .n = n));
}

struct stores { AIO_FRAME(void); long n, item, items[4]; struct aio_queue queue; };
static AIO_CORO(stores)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    stopwatch_start();
    while (self->n-- > 0) {
        AIO_AWAIT(aio_queue_put(&self->queue, &self->n));
        AIO_AWAIT(aio_queue_get(&self->queue, &self->item));
    }
    stopwatch_stop();
    AIO_END;
}

static struct aio_any *stores(long unused, long n)
{
    (void)unused;
    return aio_any(aio_new(stores, .n = n));
}

/* Two of them: whoever wants the lock finds the other one holding it. */
struct rival { AIO_FRAME(void); long n; struct aio_lock *lock; };
static AIO_CORO(rival)
{
    AIO_BEGIN;
    while (self->n-- > 0) {
        AIO_AWAIT(aio_lock_acquire(self->lock));
        AIO_AWAIT(aio_sleep(0));
        aio_lock_release(self->lock);
    }
    AIO_END;
}

struct rivals { AIO_FRAME(void); long n; struct aio_lock lock; };
static AIO_CORO(rivals)
{
    AIO_BEGIN;
    stopwatch_start();
    AIO_ALL(aio_new(rival, .n = self->n - self->n / 2, .lock = &self->lock),
            aio_new(rival, .n = self->n / 2, .lock = &self->lock));
    stopwatch_stop();
    AIO_END;
}

static struct aio_any *rivals(long unused, long n)
{
    (void)unused;
    return aio_any(aio_new(rivals, .n = n));
}

/* ---------------------------------------------------------------------------------- gather */

struct part { AIO_FRAME(long); };
static AIO_CORO(part)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(0));
    AIO_RETURN(1);
    AIO_END;
}

struct pairs { AIO_FRAME(void); long n, left, a, b, sum; };
static AIO_CORO(pairs)
{
    AIO_BEGIN;
    stopwatch_start();
    for (self->left = self->n; self->left > 0; self->left--) {
        AIO_GATHER(self->a, aio_new(part), self->b, aio_new(part));
        self->sum += self->a + self->b;
    }
    stopwatch_stop();
    if (self->sum != self->n * 2)
        AIO_RAISE(AIO_EUSER);
    AIO_END;
}

/* However many: an array of handles, which have the results. */
struct crews { AIO_FRAME(void); long members, n, left, sum; struct aio_any **tasks; };
static AIO_CORO(crews)
{
    AIO_BEGIN;
    self->tasks = calloc((size_t)self->members, sizeof *self->tasks);
    if (!self->tasks)
        AIO_RAISE(AIO_ENOMEM);
    stopwatch_start();
    for (self->left = self->n; self->left > 0; self->left--) {
        for (long i = 0; i < self->members; i++)
            self->tasks[i] = aio_any(aio_create_task(aio_new(part)));
        AIO_AWAIT(aio_gather(self->tasks, (size_t)self->members, 0));
        for (long i = 0; i < self->members; i++) {
            self->sum += ((struct part *)(void *)self->tasks[i])->result;
            aio_release(self->tasks[i]);
        }
    }
    stopwatch_stop();
    if (self->sum != self->n * self->members)
        AIO_RAISE(AIO_EUSER);
    AIO_FINALLY;
    free(self->tasks);
    AIO_END;
}

static struct aio_any *gathers(long members, long n)
{
    return members == 2 ? aio_any(aio_new(pairs, .n = n)) : aio_any(aio_new(crews, .members = members, .n = n));
}

/* ---------------------------------------------------------------------------------- timers */

struct sleeper { AIO_FRAME(void); aio_time delay; };
static AIO_CORO(sleeper)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->delay));
    AIO_END;
}

static int sleep_long(struct aio_group *group, long pending)
{
    int error = 0;
    while (pending-- > 0 && !error)
        error = aio_group_spawn(group, aio_new(sleeper, .delay = AIO_SEC(2000) + AIO_SEC(1) * pending));
    return error;
}

struct timeouts { AIO_FRAME(void); long pending, n; struct aio_group sleepers; };
static AIO_CORO(timeouts)
{
    AIO_BEGIN;
    aio_group_open(&self->sleepers, self, 0, 0);
    if (sleep_long(&self->sleepers, self->pending) < 0)
        AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(aio_sleep(0));                        /* now all sleep */
    stopwatch_start();
    while (self->n-- > 0)
        AIO_AWAIT(aio_wait_for(aio_new(nothing), AIO_SEC(1000)));
    stopwatch_stop();
    aio_group_cancel(&self->sleepers);
    AIO_END;
}

static struct aio_any *timeouts(long pending, long n)
{
    return aio_any(aio_new(timeouts, .pending = pending, .n = n));
}

struct naps { AIO_FRAME(void); long pending, n; struct aio_group sleepers; };
static AIO_CORO(naps)
{
    AIO_BEGIN;
    aio_group_open(&self->sleepers, self, 0, 0);
    if (sleep_long(&self->sleepers, self->pending) < 0)
        AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(aio_sleep(0));
    stopwatch_start();
    while (self->n-- > 0)
        AIO_AWAIT(aio_sleep(1));                    /* a nanosecond: it has gone by when the loop looks */
    stopwatch_stop();
    aio_group_cancel(&self->sleepers);
    AIO_END;
}

static struct aio_any *naps(long pending, long n)
{
    return aio_any(aio_new(naps, .pending = pending, .n = n));
}

/* Not in a group, which would add its own bytes to each. The first to end is the first to wake. */
struct sleepers { AIO_FRAME(void); const struct request *request; long i; double bytes; };
static AIO_CORO(sleepers)
{
    AIO_BEGIN;
    resident_bytes();                               /* its own memory does not count */
    self->bytes = -resident_bytes();
    stopwatch_start();
    for (self->i = 0; self->i < self->request->amount; self->i++) {
        aio_time shortest = AIO_MS(1) * self->request->repeat;
        aio_time delay = shortest + shortest / self->request->amount * self->i;
        if (aio_spawn(aio_new(sleeper, .delay = delay)) < 0)
            AIO_RAISE(AIO_ENOMEM);
    }
    AIO_AWAIT(aio_sleep(0));                        /* now all sleep */
    self->bytes += resident_bytes();
    AIO_AWAIT(aio_sleep(AIO_MS(2) * self->request->repeat));
    stopwatch_stop();
    if (aio_all_tasks(aio_loop_current(), NULL, 0) != 1)
        AIO_RAISE(AIO_EUSER);                       /* somebody overslept */
    print_sleepers("aio", self->request, self->bytes);
    AIO_END;
}

/* ------------------------------------------------------------------------------------ post */

struct letters {
    AIO_FRAME(void);
    long n, arrived;
    struct aio_loop *loop;
    pthread_t poster;
    AIO_FUTURE(void) done;
};
static struct aio_callback letter_callbacks[ROOM];

static void letter_arrives(struct aio_callback *callback)
{
    struct letters *letters = callback->arg;
    room_give(++letters->arrived);
    if (letters->arrived == letters->n)
        aio_future_set_result(&letters->done);
}

static void *letters_post(void *arg)
{
    struct letters *letters = arg;
    long n = letters->n, i;
    for (i = 0; i < n; i++) {
        room_take(i);
        aio_loop_post(letters->loop, &letter_callbacks[i % ROOM]);
    }
    return NULL;
}

static AIO_CORO(letters)
{
    AIO_BEGIN;
    self->loop = aio_loop_current();
    for (int i = 0; i < ROOM; i++) {
        letter_callbacks[i].fn = letter_arrives;
        letter_callbacks[i].arg = self;
    }
    room_open();
    stopwatch_start();
    if (pthread_create(&self->poster, NULL, letters_post, self) != 0)
        AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(&self->done);
    pthread_join(self->poster, NULL);
    stopwatch_stop();
    AIO_END;
}

static struct aio_any *letters(long unused, long n)
{
    (void)unused;
    return aio_any(aio_new(letters, .n = n));
}

/* ------------------------------------------------------------------------------------ main */

struct benchmark { const char *name; struct aio_any *(*make)(long amount, long repeat); };
static const struct benchmark benchmarks[] = {
    { "yield", crowd }, { "spawn_join", joins }, { "spawn_batch", batches }, { "call", calls }, { "deep", deep },
    { "chan", asks }, { "queue", stores }, { "lock", locks }, { "semaphore", permits }, { "handover", rivals },
    { "gather", gathers }, { "timeout_cancel", timeouts }, { "timeout_expire", naps }, { "post", letters },
};

struct measure { AIO_FRAME(void); const struct request *request; const struct benchmark *benchmark; };
static AIO_CORO(measure)
{
    AIO_BEGIN;
    AIO_AWAIT(self->benchmark->make(self->request->amount, self->request->repeat / 10 + 1));
    AIO_AWAIT(self->benchmark->make(self->request->amount, self->request->repeat));
    print_time("aio", self->request);
    AIO_END;
}

int main(int argc, char **argv)
{
    struct request request;
    const struct benchmark *benchmark = benchmarks;
    if (!parse_request(argc, argv, &request))
        return usage();
    if (strcmp(request.workload, "sleepers") == 0)
        return aio_main(aio_new(sleepers, .request = &request));
    while (strcmp(benchmark->name, request.workload) != 0)
        benchmark++;
    return aio_main(aio_new(measure, .request = &request, .benchmark = benchmark));
}
