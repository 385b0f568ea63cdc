/* wrap.c - the tick counter goes round in the middle of a sleep, of a timeout, of several sleepers in order.
   Nothing is early, nothing much later than it should be, and nobody sleeps for ever.

   It happens in two places: where the counter goes from 2^32 - 1 to 0, and, for AIO_TIME_32, where an int32_t goes
   from its largest number, which is AIO_FOREVER as a timeout, to its smallest. wrap_64.c is the same with time
   of 64 bits, made from the same counter. */
#include "embedded/board.h"

static uint32_t clock_shift;            /* the tests set the clock */
#undef AIO_NOW
#define AIO_NOW() (board_ticks() + clock_shift)
#ifndef AIO_POOL_BYTES
#define AIO_POOL_BYTES 4096
#endif
#define AIO_TIMERS 16
#define AIO_IMPLEMENTATION
#include "aio.h"
#include "test/tap.h"

/* From now on the counter is so many ticks before that value. */
static void set_clock(uint32_t before, uint32_t value) { clock_shift = value - before - board_ticks(); }

/* Since then, in ticks: of the counter itself, not of what the library makes of it. */
static uint32_t ticks_since(uint32_t then) { return AIO_NOW() - then; }

/* What a machine may need to get going again, and the tick that a sleep is rounded up by. */
enum { LATE = 1500 };
#define CHECK_SLEPT(since, span) CHECK(ticks_since(since) >= (span) && ticks_since(since) <= (span) + LATE, \
    "%lu ticks instead of %lu", (unsigned long)ticks_since(since), (unsigned long)(span))

static const uint32_t edges[] = { 0, 0x80000000 };

struct sleeps { AIO_FRAME(void); uint32_t span, began; };
static AIO_CORO(sleeps)
{
    AIO_BEGIN;
    self->began = AIO_NOW();
    AIO_AWAIT(aio_sleep(AIO_US(self->span)));
    CHECK_SLEPT(self->began, self->span);
    AIO_END;
}

static uint32_t before;                 /* how far the edge is away when a test's coroutine begins */
static uint32_t edge;
static void each(int (*run)(void), const uint32_t *distances)
{
    size_t i, k;
    for (i = 0; i < sizeof edges / sizeof *edges; i++)
        for (k = 0; distances[k]; k++) {
            edge = edges[i];
            before = distances[k];
            set_clock(before, edge);
            CHECK_INT(run(), 0);
        }
}

/* The deadline is before the edge, at it, behind it, and so is the clock whenever it is read; the timers are looked
   at while the long sleep goes on. Steps of a tick: some run meets each of them. */
struct two { AIO_FRAME(void); };
static AIO_CORO(two)
{
    AIO_BEGIN;
    AIO_ALL(aio_new(sleeps, 3000), aio_new(sleeps, 50));
    AIO_END;
}
static int run_two(void) { return aio_run(aio_new(two)); }
TEST(sleeps_tick_by_tick)
{
    enum { ALL = 500 };
    uint32_t distances[ALL + 1], i;
    for (i = 0; i < ALL; i++)
        distances[i] = i + 1;
    distances[ALL] = 0;
    each(run_two, distances);
}

/* Deadlines of either side in one heap: they end in the order of their deadlines. */
struct sleeper { AIO_FRAME(void); int id; uint32_t span; };
static AIO_CORO(sleeper)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(sleeps, self->span));
    note("%d ", self->id);
    AIO_END;
}
struct several { AIO_FRAME(void); struct aio_group group; };
static AIO_CORO(several)
{
    static const uint32_t spans[] = { 5000, 1000, 3000, 20000, 2000, 4000, 10000 };
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    {
        int i;
        for (i = 0; i < (int)(sizeof spans / sizeof *spans); i++)
            CHECK_INT(aio_group_spawn(&self->group, aio_new(sleeper, i, spans[i])), 0);
    }
    AIO_AWAIT(aio_group_join(&self->group));
    CHECK_NOTES("1 4 2 5 0 6 3 ");
    AIO_END;
}
static int run_several(void) { return aio_run(aio_new(several)); }
TEST(sleepers_in_order)
{
    static const uint32_t distances[] = { 100, 1500, 2500, 3001, 4500, 7000, 15000, 20002, 30000, 0 };
    each(run_several, distances);
}

/* A wait that runs out, and one that does not, with either deadline on either side. */
struct limited { AIO_FRAME(void); uint32_t began; int error, value; };
static AIO_CORO(limited)
{
    AIO_BEGIN;
    self->began = AIO_NOW();
    AIO_TRY(self->error, aio_wait_for(aio_new(sleeps, 9000), AIO_US(3000)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_SLEPT(self->began, 3000u);
    self->began = AIO_NOW();
    AIO_TRY(self->error, aio_wait_for(aio_new(sleeps, 3000), AIO_US(9000)));
    CHECK_INT(self->error, 0);
    CHECK_SLEPT(self->began, 3000u);
    AIO_END;
}
static int run_limited(void) { return aio_run(aio_new(limited)); }
TEST(wait_for)
{
    static const uint32_t distances[] = { 1, 1500, 3000, 3001, 3100, 4500, 6000, 6100, 8000, 11000, 20000, 0 };
    each(run_limited, distances);
}

struct block { AIO_FRAME(void); uint32_t began; struct aio_timeout timeout; };
static AIO_CORO(block)
{
    AIO_BEGIN;
    self->began = AIO_NOW();
    AIO_TIMEOUT(&self->timeout, AIO_US(2000)) {
        AIO_AWAIT(aio_new(sleeps, 1000));
        CHECK_INT(aio_timeout_reschedule(&self->timeout, AIO_US(4000)), 0);
        AIO_AWAIT(aio_new(sleeps, 9000));
        CHECK(!"reached");
    }
    CHECK(self->timeout.expired);
    CHECK_SLEPT(self->began, 5000u);
    self->began = AIO_NOW();
    AIO_TIMEOUT(&self->timeout, AIO_US(4000))
        AIO_AWAIT(aio_new(sleeps, 2000));
    CHECK(!self->timeout.expired);
    CHECK_SLEPT(self->began, 2000u);
    AIO_END;
}
static int run_block(void) { return aio_run(aio_new(block)); }
TEST(timeout_block)
{
    static const uint32_t distances[] = { 1, 500, 1001, 1500, 2000, 3000, 4999, 5002, 5050, 6000, 7500, 9000, 20000, 0 };
    each(run_block, distances);
}

static struct aio_callback called;
static void call(struct aio_callback *callback)
{
    bool *it = (bool *)callback->arg;
    *it = true;
}
struct later { AIO_FRAME(void); bool it; };
static AIO_CORO(later)
{
    AIO_BEGIN;
    called.fn = call;
    called.arg = &self->it;
    CHECK_INT(aio_loop_call_later(aio_loop_current(), &called, AIO_US(2000)), 0);
    AIO_AWAIT(aio_new(sleeps, 1900));
    CHECK(!self->it);
    AIO_AWAIT(aio_new(sleeps, 400));
    CHECK(self->it);
    AIO_END;
}
static int run_later(void) { return aio_run(aio_new(later)); }
TEST(call_later)
{
    static const uint32_t distances[] = { 1, 1000, 1950, 2001, 2002, 2100, 5000, 0 };
    each(run_later, distances);
}

/* A loop that is never idle looks at its timers all the same, and at the clock when it is its turn. */
struct busy { AIO_FRAME(void); bool *end; };
static AIO_CORO(busy)
{
    AIO_BEGIN;
    while (!*self->end)
        AIO_AWAIT(aio_sleep(0));
    AIO_END;
}
struct works { AIO_FRAME(void); bool end; };
static AIO_CORO(works)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(busy, &self->end)), 0);
    AIO_AWAIT(aio_new(sleeps, 3000));
    AIO_AWAIT(aio_new(sleeps, 50));
    self->end = true;
    AIO_AWAIT(aio_sleep(AIO_US(10)));
    AIO_END;
}
static int run_works(void) { return aio_run(aio_new(works)); }
TEST(without_idling)
{
    static const uint32_t distances[] = { 1, 1500, 3000, 3001, 3030, 5000, 0 };
    each(run_works, distances);
}

#if !AIO_TIME_32
/* Round and round: aio_now goes on counting. 20 times round would be a day. */
struct rounds { AIO_FRAME(void); int i; aio_time began, span; };
static AIO_CORO(rounds)
{
    AIO_BEGIN;
    self->began = aio_now();
    for (self->i = 1; self->i <= 20; self->i++) {
        set_clock(50, 0);
        AIO_AWAIT(aio_sleep(AIO_MS(2)));
        self->span = aio_now() - self->began;
        CHECK_INT(self->span / ((aio_time)1000 << 32), self->i);
    }
    AIO_END;
}
TEST(many_rounds)
{
    clock_shift = 0 - board_ticks();    /* it stands at 0 */
    CHECK_INT(aio_run(aio_new(rounds)), 0);
}
#define MORE , T(many_rounds)
#else
#define MORE
#endif

int main(int argc, char **argv)
{
    RUN(argc, argv, T(sleeps_tick_by_tick), T(sleepers_in_order), T(wait_for), T(timeout_block), T(call_later),
        T(without_idling) MORE);
}
