/* Bare metal: the pool and the timers are static arrays, malloc is never called, two hooks are the poller.
   Memory runs out at the await, with AIO_ENOMEM, and comes back. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdint.h>
#include <stdlib.h>

static int64_t test_time;
static int idle_for_ever;
static void test_idle(int64_t timeout)
{
    if (timeout < 0)
        idle_for_ever++;
    if (timeout < 0 && idle_for_ever > 3)
        abort();                        /* nothing will ever happen */
    test_time += timeout < 0 ? 0 : timeout;
}

#undef AIO_DEBUG                        /* whatever the others are built with */
#undef AIO_POOL
#define AIO_POOL_BYTES 16384
#define AIO_TIMERS 8
#define AIO_MALLOC(n) malloc_is_called          /* would not compile */
#define AIO_FREE(p) free_is_called
#define AIO_NOW() test_time
#define AIO_IDLE(timeout) test_idle(timeout)
#define AIO_IMPLEMENTATION
#include "aio.h"
#include "tap.h"
#include <pthread.h>

#define run(coroutine) aio_run(coroutine)

struct nap { AIO_FRAME(int); aio_time span; };
static AIO_CORO(nap)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->span));
    AIO_RETURN(7);
    AIO_FINALLY;
    note("-");
    AIO_END;
}

struct simple { AIO_FRAME(void); int value; };
static AIO_CORO(simple)
{
    AIO_BEGIN;
    AIO_AWAIT(self->value, aio_new(nap, 50));
    CHECK_INT(self->value, 7);
    AIO_AWAIT(self->value, aio_wait_for(aio_new(nap, 50), 100));
    CHECK_INT(self->value, 7);
    AIO_TRY(self->value, aio_wait_for(aio_new(nap, 100), 50));
    CHECK_INT(self->value, AIO_ETIMEDOUT);
    CHECK_INT(aio_now(), 150);
    AIO_END;
}
TEST(without_malloc)
{
    test_time = 0;
    CHECK_INT(run(aio_new(simple)), 0);
    CHECK_NOTES("---");
    CHECK(aio_pool_peak() > 0 && aio_pool_peak() < AIO_POOL_BYTES, "%d", (int)aio_pool_peak());
}

/* Tasks until no more can be made: all that were accepted run, and then as many fit again. */
struct waits { AIO_FRAME(void); struct aio_callback *unused; };
static int waiting;
static AIO_CORO(waits)
{
    AIO_BEGIN;
    waiting++;
    AIO_AWAIT(aio_sleep(0));
    AIO_AWAIT(aio_sleep(0));
    AIO_FINALLY;
    waiting--;
    AIO_END;
}
struct fills { AIO_FRAME(void); int round, made[3], error; };
static AIO_CORO(fills)
{
    AIO_BEGIN;
    for (self->round = 0; self->round < 3; self->round++) {
        while ((self->error = aio_spawn(aio_new(waits))) == 0)
            self->made[self->round]++;
        CHECK_INT(self->error, AIO_ENOMEM);
        AIO_TRY(self->error, aio_new(nap, 1));
        CHECK(self->error == AIO_ENOMEM || self->error == 0, "%d", self->error);
        AIO_AWAIT(aio_sleep(0));                /* takes no memory */
        while (waiting)
            AIO_AWAIT(aio_sleep(0));
    }
    CHECK(self->made[0] > 50, "%d", self->made[0]);
    CHECK_INT(self->made[1], self->made[0]);
    CHECK_INT(self->made[2], self->made[0]);
    AIO_END;
}
TEST(the_pool_runs_out_and_recovers)
{
    int i;
    for (i = 0; i < 3; i++)
        CHECK_INT(run(aio_new(fills)), 0);
    CHECK(aio_pool_peak() <= AIO_POOL_BYTES && aio_pool_peak() > AIO_POOL_BYTES * 3 / 4, "%d", (int)aio_pool_peak());
    tap_text[0] = 0;
}

/* Awaits that go deeper than memory: the error comes up through all of them. */
struct deep { AIO_FRAME(int); int levels; int error; char use[100]; };
static AIO_CORO(deep)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->levels, aio_new(deep));
    CHECK_INT(self->error, self->levels ? 0 : AIO_ENOMEM);
    AIO_RETURN(self->levels + 1);
    AIO_END;
}
TEST(the_pool_runs_out_at_an_await)
{
    int levels = 0, again = 0;
    CHECK_INT(aio_run(levels, aio_new(deep)), 0);
    CHECK(levels > 50 && levels < AIO_POOL_BYTES / 100, "%d", levels);
    CHECK_INT(aio_run(again, aio_new(deep)), 0);
    CHECK_INT(again, levels);
}

/* Large frames are cut in powers of two and used again; what is too large for the array is refused. */
struct large { AIO_FRAME(void); char bytes[3000]; };
static AIO_CORO(large)
{
    AIO_BEGIN;
    memset(self->bytes, 'x', sizeof self->bytes);
    AIO_AWAIT(aio_sleep(1));
    AIO_END;
}
struct larges { AIO_FRAME(void); int i; struct large *one; };
static AIO_CORO(larges)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 100; self->i++)
        AIO_AWAIT(aio_new(large));
    CHECK(aio_frame_new(large_type_(), AIO_POOL_BYTES + 1) == NULL);
    CHECK(aio_frame_new(large_type_(), ((size_t)64 << 20) + 1) == NULL);
    CHECK(aio_frame_new(large_type_(), SIZE_MAX / 2) == NULL);
    AIO_END;
}
TEST(large_frames) { CHECK_INT(run(aio_new(larges)), 0); }

/* A large object that is held while the last loop is closed keeps its place. */
TEST(large_objects_outlive_the_loop)
{
    struct large *held = aio_new(large);
    CHECK(held != NULL);
    if (!held)
        return;
    memset(held->bytes, 'y', sizeof held->bytes);
    CHECK_INT(run(aio_new(larges)), 0);
    CHECK_INT(run(aio_new(deep)), 0);
    CHECK_INT(held->bytes[0], 'y');
    CHECK_INT(held->bytes[2999], 'y');
    CHECK_INT(run(held), 0);
}

/* Eight timers, and not one more: at the await, at the call, at the deadline. */
static void called(struct aio_callback *callback) { note("%s", (const char *)callback->arg); }
static struct aio_callback callbacks[AIO_TIMERS + 1];
struct timers { AIO_FRAME(void); int i, error; struct nap *task; };
static AIO_CORO(timers)
{
    AIO_BEGIN;
    for (self->i = 0; self->i <= AIO_TIMERS; self->i++) {
        callbacks[self->i].fn = called;
        callbacks[self->i].arg = (void *)(uintptr_t)"c";
        self->error = aio_loop_call_later(aio_loop_current(), &callbacks[self->i], 100);
        CHECK_INT(self->error, self->i < AIO_TIMERS ? 0 : AIO_ENOMEM);
    }
    AIO_TRY(self->error, aio_sleep(10));
    CHECK_INT(self->error, AIO_ENOMEM);
    AIO_TRY(self->error, aio_wait_for(aio_new(nap, 0), 10));        /* its cleanup runs */
    CHECK_INT(self->error, AIO_ENOMEM);
    CHECK_NOTES("-");
    self->task = aio_create_task(aio_new(nap, 0));
    AIO_TRY(self->error, aio_wait_for(self->task, 10));             /* is left alone */
    CHECK_INT(self->error, AIO_ENOMEM);
    AIO_AWAIT(self->task);
    aio_release(self->task);
    CHECK_NOTES("-");
    CHECK(aio_callback_cancel(&callbacks[0]));
    AIO_AWAIT(aio_sleep(10));                                       /* there is one again */
    AIO_TRY(self->error, aio_wait_for(aio_new(nap, 100), 100));     /* one of the two that it takes */
    CHECK_INT(self->error, AIO_ENOMEM);
    CHECK_NOTES("-");
    AIO_AWAIT(aio_sleep(200));
    CHECK_NOTES("ccccccc");
    AIO_END;
}
TEST(timers_run_out_and_come_back)
{
    CHECK_INT(run(aio_new(timers)), 0);
    CHECK_INT(run(aio_new(timers)), 0);
}

/* The timers belong to one loop at a time. A second one on the thread gets none, and harms nobody. */
TEST(timers_of_two_loops)
{
    struct aio_loop one, two;
    struct aio_callback a, b;
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    a.fn = b.fn = called;
    a.arg = (void *)(uintptr_t)"a";
    b.arg = (void *)(uintptr_t)"b";
    CHECK_INT(aio_loop_init(&one, NULL), 0);
    CHECK_INT(aio_loop_init(&two, NULL), 0);
    CHECK_INT(aio_loop_call_later(&one, &a, 10), 0);
    CHECK_INT(aio_loop_call_later(&two, &b, 5), AIO_ENOMEM);
    CHECK_INT(aio_loop_run_until_complete(&two, aio_new(nap, 5)), AIO_ENOMEM);
    CHECK_INT(aio_loop_run_until_complete(&one, aio_new(nap, 20)), 0);
    CHECK_NOTES("-a-");
    CHECK_INT(aio_loop_close(&one), 0);
    CHECK_INT(aio_loop_call_later(&two, &b, 5), 0);
    CHECK_INT(aio_loop_run_until_complete(&two, aio_new(nap, 20)), 0);
    CHECK_INT(aio_loop_close(&two), 0);
    CHECK_NOTES("b-");
}

/* The array belongs to the thread that took it first; for others, memory is out. */
static void *elsewhere(void *error)
{
    *(int *)error = run(aio_new(nap, 0));
    return NULL;
}
struct threads { AIO_FRAME(void); int error; };
static AIO_CORO(threads)
{
    pthread_t thread;
    AIO_BEGIN;
    CHECK_INT(pthread_create(&thread, NULL, elsewhere, &self->error), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK_INT(self->error, __STDC_HOSTED__ ? AIO_ENOMEM : AIO_EBUSY);   /* without threads: a run inside the run */
    AIO_END;
}
TEST(other_threads)
{
    pthread_t thread;
    int error = 1;
    CHECK_INT(run(aio_new(threads)), 0);
    CHECK_INT(pthread_create(&thread, NULL, elsewhere, &error), 0);     /* nobody has it now */
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK_INT(error, 0);
    CHECK_INT(run(aio_new(nap, 0)), 0);
    CHECK_NOTES("--");
}

/* A sleep that has found no slot has not moved the task from where those that run are: a cancel of its own is noted
   and strikes at the next await, once. */
struct no_slot { AIO_FRAME(int); int i, error; };
static AIO_CORO(no_slot)
{
    AIO_BEGIN;
    for (; self->i < AIO_TIMERS; self->i++)
        CHECK_INT(aio_loop_call_later(aio_loop_current(), &callbacks[self->i], 1000), 0);
    AIO_TRY(self->error, aio_sleep(50));
    CHECK_INT(self->error, AIO_ENOMEM);
    CHECK(aio_task_cancel(aio_current_task()));
    AIO_CATCH(self->error, aio_sleep(0));
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(aio_task_uncancel(aio_current_task()), 0);
    AIO_AWAIT(aio_sleep(0));
    AIO_RETURN(7);
    AIO_FINALLY;
    for (self->i = 0; self->i < AIO_TIMERS; self->i++)
        aio_callback_cancel(&callbacks[self->i]);
    AIO_END;
}
TEST(no_slot)
{
    int result = 0;
    CHECK_INT(aio_run(result, aio_new(no_slot)), 0);
    CHECK_INT(result, 7);
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(without_malloc), T(the_pool_runs_out_and_recovers), T(the_pool_runs_out_at_an_await),
        T(large_frames), T(large_objects_outlive_the_loop), T(timers_run_out_and_come_back),
        T(timers_of_two_loops), T(other_threads), T(no_slot));
}
