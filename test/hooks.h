/* hooks.h - the tests of the poller that is made of two hooks. They are built once for each way of counting
   time, by test_hooks_*.c, which define
     HOOKS_HZ       what AIO_TICK_HZ is; 0: nanoseconds
     HOOKS_32       what AIO_TIME_32 is
     HOOKS_WAKE     1: as under an RTOS: AIO_WAKE gives a semaphore, which AIO_IDLE takes
     HOOKS_LOCKED   1: as on a machine without atomic pointers: posting masks interrupts

   The hooks are those of a machine that stands still between them. It has a clock, an interrupt that can be set
   for any time or for any call of a hook, and the ways of a processor: what comes while interrupts are masked is
   pending, keeps it from sleeping, and is served when they are let in again. */
#ifndef HOOKS_H_INCLUDED
#define HOOKS_H_INCLUDED
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "tap.h"
#ifndef HOOKS_WAKE
#define HOOKS_WAKE 0
#endif
#ifndef HOOKS_LOCKED
#define HOOKS_LOCKED 0
#endif

/* The clock never goes back, as AIO_NOW promises; the program sees whole ticks, low 32 bits of them. */
enum { PARTS = 8 };                     /* of a tick */
static struct {
    uint64_t parts;
    uint64_t alarm;                     /* when the interrupt comes; 0: no more */
    void (*handler)(void);
    int calls, strike;                  /* of hooks; it comes at this one, counted from 1; 0: at none */
    bool masked, pending, given;        /* given: the semaphore */
    bool struck_asleep;                 /* the strike had to wait until nothing else could happen */
    bool ticking;                       /* every tick is an interrupt, which ends any sleep */
    bool quiet;                         /* what AIO_IDLE is told goes into no notes */
    int idles, forever;                 /* of idles that nothing could end */
    uint64_t struck;                    /* when the interrupt came last */
} machine;

static void machine_serve(void)
{
    if (machine.pending && !machine.masked) {
        machine.pending = false;
        machine.handler();
    }
}

static void machine_interrupt(void)
{
    machine.pending = true;
    machine.struck = machine.parts;
    machine_serve();
}

/* Time that passes. */
static void machine_work(uint64_t parts)
{
    machine.parts += parts;
    if (machine.alarm && machine.alarm <= machine.parts) {
        machine.alarm = 0;
        machine_interrupt();
    }
}

static void machine_call(void)
{
    if (++machine.calls == machine.strike)
        machine_interrupt();
}

static uint64_t machine_now(void)
{
    machine_call();
    return machine.parts / PARTS;
}

static inline uint32_t machine_mask(void)
{
    uint32_t state = machine.masked;
    machine_call();
    machine.masked = true;
    machine_call();
    return state;
}

static inline void machine_unmask(uint32_t state)
{
    machine_call();
    machine.masked = state;
    machine_serve();
    machine_call();
}

/* Nothing is due and no interrupt is set: it would sleep for good. A counter that must be looked at now and then
   wakes up for nothing. */
static void machine_asleep(void)
{
    if (machine.strike > machine.calls) {
        machine.strike = 0;
        machine.struck_asleep = true;
        machine_interrupt();
    } else if (++machine.forever > 10) {
        printf("Bail out! the machine sleeps for ever\n");
        exit(1);
    }
}

static void machine_idle(int64_t timeout)
{
    uint64_t end = (machine.parts / PARTS + (uint64_t)timeout) * PARTS;
    bool endless = timeout < 0 || (HOOKS_HZ && !HOOKS_32 && timeout == INT32_MAX);
    machine.idles++;
    if (!machine.quiet)
        note("%lld ", (long long)timeout);
    if (machine.masked == HOOKS_WAKE)
        tap_fail(__FILE__, __LINE__, "interrupts are masked, but under an RTOS", "");
    machine_call();
    if (machine.given || machine.pending) {
        machine.given = false;
        return;
    }
    if (machine.alarm && (machine.alarm < end || endless))
        machine_work(machine.alarm - machine.parts);
    else {
        if (timeout >= 0)
            machine.parts = machine.ticking ? (machine.parts / PARTS + 1) * PARTS : end;
        if (endless)
            machine_asleep();
    }
    machine.given = false;
}

static inline void machine_give(void)
{
    machine_call();
    machine.given = true;
}

#define AIO_TIME_32 HOOKS_32
#define AIO_TICK_HZ 8 * HOOKS_HZ / 8            /* an expression without parentheses, as F_CPU / 64 may be */
#if HOOKS_HZ
static uint32_t now;
#else
static int64_t now;
#endif
static inline void machine_show(void)
{
    uint64_t ticks = machine_now();
#if HOOKS_HZ
    now = (uint32_t)ticks;
#else
    now = (int64_t)ticks;
#endif
}
#define AIO_NOW() (machine_show(), now)         /* a name that others have for something else */
#define AIO_IDLE(timeout) machine_idle(timeout)
#if HOOKS_WAKE
#define AIO_WAKE() machine_give()
#endif
#define AIO_CRITICAL_ENTER() machine_mask()
#define AIO_CRITICAL_EXIT(state) machine_unmask(state)
#if HOOKS_LOCKED
#undef __GCC_ATOMIC_POINTER_LOCK_FREE
#endif
#define AIO_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"       /* by their own now */
#include "aio.h"
#pragma GCC diagnostic pop

/* Slow steps are no news: the clock is moved on inside of them. */
static void hooks_report(struct aio_loop *loop, const struct aio_report *report)
{
    (void)loop;
    if (strncmp(report->message, "held the loop for ", 18) != 0)
        note("[%s %s %d]", report->name, report->message, report->error);
}
static struct aio_options hooks_options = { .on_error = hooks_report };
#define run(coroutine) aio_run_with(&hooks_options, coroutine)

/* CORO_TEST, as in core.h. */
#define CORO_TEST(name, ...) \
    struct name { AIO_FRAME(void); __VA_ARGS__ }; \
    static AIO_DECLARE(name); \
    TEST(name) { machine_begin(); CHECK_INT(run(aio_new(name)), 0); CHECK_NOTES(""); } \
    static AIO_CORO(name)

static void nobody(void) { }

/* The state at power-up, but for the clock. */
static void machine_begin(void)
{
    uint64_t parts = machine.parts;
    memset(&machine, 0, sizeof machine);
    machine.parts = parts;
    machine.handler = nobody;
}

/* Moves the clock on to the next tick whose low 32 bits are these, and so many parts of it are over. */
static void machine_clock(uint32_t low, unsigned parts)
{
    uint64_t ticks = machine.parts / PARTS + 1;
    ticks += (uint32_t)(low - (uint32_t)ticks);
    machine.parts = ticks * PARTS + parts;
    machine.calls = 0;
}

/* The span of n ticks; not shorter, where a tick is no whole number of nanoseconds. */
static aio_time span(int64_t n)
{
#if HOOKS_HZ && !HOOKS_32
    return n / HOOKS_HZ * 1000000000 + (n % HOOKS_HZ * 1000000000 + HOOKS_HZ - 1) / HOOKS_HZ;
#else
    return (aio_time)n;
#endif
}

/* A tick may be partly over when a sleep begins, which takes one more, where ticks are not what is counted in. */
#if !HOOKS_HZ
#define MORE 0
#elif !HOOKS_32 && 1000000000 % HOOKS_HZ
#define MORE 2                          /* and the nanoseconds do not come out even */
#else
#define MORE 1
#endif
#if HOOKS_HZ && !HOOKS_32
#define ENDLESS INT32_MAX
#else
#define ENDLESS -1
#endif

/* A point in time so many ticks from now: AIO_TIME_32 goes round, which signed numbers must not. */
static aio_time point(int64_t ticks)
{
#if HOOKS_32
    return (aio_time)((uint32_t)aio_now() + (uint32_t)ticks);
#else
    return aio_now() + span(ticks);
#endif
}

/* What AIO_IDLE was told since the last look. */
#define CHECK_TOLD(...) do { \
    static const long long told_[] = { __VA_ARGS__ }; \
    check_told(__LINE__, told_, sizeof told_ / sizeof *told_); \
} while (0)
static void check_told(int line, const long long *told, size_t n)
{
    char want[1000] = "";
    size_t i;
    for (i = 0; i < n; i++)
        sprintf(want + strlen(want), "%lld ", told[i]);
    tap_str(__FILE__, line, "what AIO_IDLE was told", tap_text, want);
    tap_text[0] = 0;
}

/* ---------------------------------------------------------------------------- how long it sleeps */

CORO_TEST(told_how_long, struct aio_event event;)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(span(10)));
    CHECK_TOLD(10 + MORE);
    machine_work(PARTS / 2);
    AIO_AWAIT(aio_sleep(span(10)));
    CHECK_TOLD(10 + MORE);
    AIO_AWAIT(aio_sleep(span(1)));
    CHECK_TOLD(1 + MORE);
    AIO_AWAIT(aio_sleep(0));
    AIO_AWAIT(aio_sleep(-5));
    AIO_AWAIT(aio_sleep_until(aio_now()));
    CHECK_NOTES("");                    /* not at all */
    AIO_END;
}

/* Sleepers of 30, 10 and 20 ticks: told of the next one only. */
struct naps { AIO_FRAME(void); int ticks; };
static AIO_CORO(naps)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(span(self->ticks)));
    note("#%d ", self->ticks);
    AIO_END;
}
CORO_TEST(told_of_the_next, )
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(naps, 30)), 0);
    CHECK_INT(aio_spawn(aio_new(naps, 10)), 0);
    CHECK_INT(aio_spawn(aio_new(naps, 20)), 0);
    AIO_AWAIT(aio_sleep(span(40)));
    if (MORE < 2)
        CHECK_NOTES(MORE ? "11 #10 10 #20 10 #30 10 " : "10 #10 10 #20 10 #30 10 ");
    else
        CHECK_NOTES("12 #10 10 #20 10 #30 10 ");
    AIO_END;
}

/* Woken by what is none of ours: the rest is slept, no less and no more. */
CORO_TEST(early, uint64_t begin;)
{
    AIO_BEGIN;
    self->begin = machine.parts / PARTS;
    machine.alarm = (self->begin + 30) * PARTS + 3;
    AIO_AWAIT(aio_sleep(span(100)));
    if (MORE < 2)
        CHECK_TOLD(100 + MORE, 70 + MORE);
    CHECK(machine.parts / PARTS - self->begin <= 100 + MORE);
    CHECK(machine.parts / PARTS - self->begin >= 100 + (MORE > 0));
    tap_text[0] = 0;
    AIO_END;
}

static struct aio_loop *posted_loop;
static struct aio_event posted_event;
static int posted_calls;
static void posted_set(struct aio_callback *callback)
{
    (void)callback;
    posted_calls++;
    aio_event_set(&posted_event);
}
static struct aio_callback posted = { .fn = posted_set };
static void post(void) { aio_loop_post(posted_loop, &posted); }

CORO_TEST(nothing_is_due, uint64_t begin;)
{
    AIO_BEGIN;
    posted_loop = aio_loop_current();
    aio_event_clear(&posted_event);
    machine.handler = post;
    self->begin = machine.parts / PARTS;
    machine.alarm = (self->begin + 1000) * PARTS;
    AIO_AWAIT(aio_event_wait(&posted_event));
    CHECK_TOLD(ENDLESS);
    CHECK_INT(machine.parts / PARTS - self->begin, 1000);
    AIO_END;
}

/* No span, however long, keeps the loop from what is posted, and none ends by itself. */
CORO_TEST(for_ever, int i, error; struct aio_timeout scope, other; struct aio_callback later;)
{
    static const uint32_t clocks[] = { 5, 0x7ffffffd, 0x7ffffffe, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };
    AIO_BEGIN;
    posted_loop = aio_loop_current();
    machine.handler = post;
    self->later.fn = posted_set;
    for (self->i = 0; self->i < (int)(sizeof clocks / sizeof *clocks) * 2; self->i++) {
        aio_event_clear(&posted_event);
        machine_clock(clocks[self->i / 2], (unsigned)self->i % 2 * 5);
        machine.alarm = machine.parts + 1000 * PARTS;
        CHECK_INT(aio_loop_call_later(posted_loop, &self->later, AIO_FOREVER), 0);
        AIO_TIMEOUT(&self->scope, AIO_FOREVER)
            AIO_TIMEOUT_AT(&self->other, AIO_FOREVER)
                AIO_RACE(self->error, aio_sleep(AIO_FOREVER), aio_sleep_until(AIO_FOREVER),
                         aio_wait_for(aio_sleep(AIO_FOREVER), AIO_FOREVER), aio_event_wait(&posted_event));
        CHECK_INT(self->error, 3);
        CHECK(!self->scope.expired && !self->other.expired);
        CHECK_TOLD(ENDLESS);
        CHECK(aio_callback_cancel(&self->later));
    }
    AIO_END;
}

/* ------------------------------------------------------------------------------ never early, any time */

/* From each tick around the places where a counter of 32 bits has its seams, a sleep of each length: over no earlier
   than asked for, and as soon as whole ticks allow. The ways to wait are taken in turns. */
static const uint32_t seams[] = { 0x00000000, 0x80000000, 0x40000000, 0xc0000000 };
enum { SEAMS = HOOKS_32 ? 4 : 1, SEAM = 12 };       /* so many ticks around each are tried */
static void check_took(unsigned at, unsigned ticks, unsigned parts, uint64_t took)
{
    CHECK(took >= ticks * PARTS && took <= (ticks + 2 + (MORE > 1)) * PARTS, "%u ticks from %x + %u/%u: %u/%u", ticks,
          (unsigned)(seams[at / SEAM] - SEAM / 2 + at % SEAM), parts, PARTS, (unsigned)took, PARTS);
}
struct seam { AIO_FRAME(void); unsigned at, ticks, parts; uint64_t begin; int error; struct aio_timeout scope; };
static AIO_CORO(seam)
{
    AIO_BEGIN;
    machine_clock(seams[self->at / SEAM] - SEAM / 2 + self->at % SEAM, self->parts);
    self->begin = machine.parts;
    if (self->ticks % 3 == 0)
        AIO_AWAIT(aio_sleep(span(self->ticks)));
    if (self->ticks % 3 == 1) {
        AIO_TRY(self->error, aio_wait_for(aio_sleep(AIO_FOREVER), span(self->ticks)));
        CHECK_INT(self->error, AIO_ETIMEDOUT);
    }
    if (self->ticks % 3 == 2) {
        AIO_TIMEOUT(&self->scope, span(self->ticks))
            AIO_AWAIT(aio_sleep(AIO_FOREVER));
        CHECK(self->scope.expired);
    }
    check_took(self->at, self->ticks, self->parts, machine.parts - self->begin);
    AIO_END;
}
CORO_TEST(around_the_seams, unsigned at, ticks;)
{
    AIO_BEGIN;
    machine.quiet = true;
    for (self->at = 0; self->at < SEAMS * SEAM; self->at++)
        for (self->ticks = 1; self->ticks <= SEAM; self->ticks++) {
            machine.ticking = (self->at + self->ticks) % 2;
            AIO_AWAIT(aio_new(seam, self->at, self->ticks, .parts = 0));
            AIO_AWAIT(aio_new(seam, self->at, self->ticks, .parts = HOOKS_HZ ? PARTS - 1 : 0));
        }
    AIO_END;
}

/* Points in time that lie behind a seam, and such that are past already. */
CORO_TEST(points_around_the_seams, unsigned at; int ahead, took; bool late; uint64_t begin; aio_time when;
          struct aio_callback callback;)
{
    AIO_BEGIN;
    machine.quiet = true;
    self->callback.fn = posted_set;
    for (self->at = 0; self->at < SEAMS * SEAM; self->at++)
        for (self->ahead = -SEAM; self->ahead <= SEAM; self->ahead++) {
            machine_clock(seams[self->at / SEAM] - SEAM / 2 + self->at % SEAM, 0);
            self->begin = machine.parts / PARTS;
            self->when = point(self->ahead);
            if (self->when == AIO_FOREVER)          /* is no point in time, under AIO_TIME_32 */
                continue;
            posted_calls = 0;
            CHECK_INT(aio_loop_call_at(aio_loop_current(), &self->callback, self->when), 0);
            CHECK_INT(aio_callback_when(&self->callback), self->when);
            if (self->ahead > 0) {
                AIO_AWAIT(aio_sleep_until(self->when));
                self->took = (int)(machine.parts / PARTS - self->begin);
                self->late = HOOKS_32 && (uint32_t)self->begin == 0x7fffffff;   /* which no clock shows */
                CHECK(self->took >= self->ahead && self->took <= self->ahead + self->late + (MORE > 1));
            } else {
                AIO_AWAIT(aio_sleep_until(self->when));
                CHECK_INT(machine.parts / PARTS - self->begin, 0);
                AIO_AWAIT(aio_sleep(span(1)));
            }
            CHECK_INT(posted_calls, 1);
        }
    AIO_END;
}

/* Deadlines on both sides of each seam, armed in another order; equal ones as they were armed. */
struct marks { AIO_FRAME(void); int id, ticks; };
static AIO_CORO(marks)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(span(self->ticks)));
    note("%d ", self->id);
    AIO_END;
}
CORO_TEST(in_order, int seam, i;)
{
    static const int ticks[] = { 9, 3, 9, 1, 7, 3, 2, 9, 1, 8 };
    AIO_BEGIN;
    machine.quiet = true;
    for (self->seam = 0; self->seam < SEAMS; self->seam++) {
        machine_clock(seams[self->seam] - 5, 2);
        for (self->i = 0; self->i < 10; self->i++)
            CHECK_INT(aio_spawn(aio_new(marks, self->i, ticks[self->i])), 0);
        AIO_AWAIT(aio_sleep(span(20)));
        CHECK_NOTES("3 8 6 1 5 4 9 0 2 7 ");
    }
    AIO_END;
}

/* Longer than the counter is: it goes round several times meanwhile, nobody else being there to look at it. */
#if !HOOKS_32
CORO_TEST(longer_than_the_counter, uint64_t begin;)
{
    AIO_BEGIN;
    machine.quiet = true;
    self->begin = machine.parts;
    AIO_AWAIT(aio_sleep(span(INT64_C(0x3f0001234))));
    CHECK(machine.parts - self->begin >= INT64_C(0x3f0001234) * PARTS);
    CHECK(machine.parts - self->begin <= (INT64_C(0x3f0001234) + MORE) * PARTS);
    AIO_END;
}
#if HOOKS_HZ
/* Nor does anybody look at it in a program without a timer, be that idle or busy, but the loop itself. */
enum { ROUNDS = 10 };
CORO_TEST(goes_round_without_timers, uint64_t begin; aio_time noted; int i;)
{
    AIO_BEGIN;
    machine.quiet = true;
    machine.handler = post;
    posted_loop = aio_loop_current();
    self->begin = machine.parts;
    self->noted = aio_now();
    for (self->i = 0; self->i < ROUNDS; self->i++) {
        aio_event_clear(&posted_event);
        machine.alarm = machine.parts + UINT64_C(0x60000000) * PARTS;
        AIO_AWAIT(aio_event_wait(&posted_event));
    }
    for (self->i = 0; self->i < ROUNDS * AIO_LOOK_EVERY_; self->i++) {      /* a busy loop does not look each time */
        machine_work(UINT64_C(0x60000000) / AIO_LOOK_EVERY_ * PARTS);
        AIO_AWAIT(aio_sleep(0));
    }
    self->noted += span((int64_t)((machine.parts - self->begin) / PARTS));
    CHECK(machine.parts - self->begin >= 2 * ROUNDS * UINT64_C(0x60000000) * PARTS);
    CHECK(aio_now() >= self->noted - 1 && aio_now() <= self->noted + 1, "%lld s late",
          (long long)(self->noted - aio_now()) / 1000000000);
    AIO_END;
}
#define LONGEST T(longer_than_the_counter), T(goes_round_without_timers)
#else
#define LONGEST T(longer_than_the_counter)
#endif
#else
/* The longest span that there is. */
CORO_TEST(the_longest, uint64_t begin; int seam;)
{
    AIO_BEGIN;
    machine.quiet = true;
    for (self->seam = 0; self->seam < SEAMS; self->seam++) {
        machine_clock(seams[self->seam] - 5, 2);
        self->begin = machine.parts / PARTS;
        CHECK_INT(aio_spawn(aio_new(marks, 1, (1 << 30) - 1)), 0);
        CHECK_INT(aio_spawn(aio_new(marks, 2, 1)), 0);
        AIO_AWAIT(aio_sleep(1 << 30));
        CHECK_INT(machine.parts / PARTS - self->begin, (1 << 30) + 1);
        CHECK_NOTES("2 1 ");
    }
    AIO_END;
}
#define LONGEST T(the_longest)
#endif

/* Many lengths, interrupts that wake for nothing, a processor that is busy now and then. */
static uint64_t counted(void) { return HOOKS_HZ ? machine.parts : machine.parts / PARTS * PARTS; }
struct any { AIO_FRAME(void); unsigned random; int ticks, rounds; uint64_t begin; };
static unsigned any_random(struct any *any) { return (any->random = any->random * 1103515245u + 12345u) >> 16; }
static int any_left;
static AIO_CORO(any)
{
    AIO_BEGIN;
    for (; self->rounds; self->rounds--) {
        self->ticks = (int)(any_random(self) % 300);
        self->begin = counted();
        AIO_AWAIT(aio_sleep(span(self->ticks)));
        CHECK(counted() - self->begin >= (unsigned)self->ticks * PARTS, "%d ticks", self->ticks);
        if (any_random(self) % 4 == 0)
            machine_work(any_random(self) % (30 * PARTS));
        if (any_random(self) % 3 == 0)
            machine.alarm = machine.parts + any_random(self) % (100 * PARTS);
    }
    any_left--;
    AIO_END;
}
CORO_TEST(any_time, int i;)
{
    AIO_BEGIN;
    machine.quiet = true;
    machine_clock(0x80000000u - 2000, 0);
    any_left = 20;
    for (self->i = 0; self->i < any_left; self->i++)
        CHECK_INT(aio_spawn(aio_new(any, .random = (unsigned)self->i, .rounds = 100)), 0);
    while (any_left) {
        AIO_AWAIT(aio_sleep(span(1000)));
        machine_work(PARTS);
    }
    AIO_END;
}

/* A dump names the deadline that comes first, on whatever side of a seam. */
struct text { struct aio_sink sink; char text[500]; };
static void text_write(struct aio_sink *sink, const char *text, size_t length)
{
    strncat(((struct text *)(void *)sink)->text, text, length);
}
struct limits { AIO_FRAME(void); int error; struct aio_timeout outer, inner; };
static AIO_CORO(limits)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->outer, AIO_SEC(0.005))
        AIO_TIMEOUT(&self->inner, AIO_SEC(0.75))
            AIO_TRY(self->error, aio_wait_for(aio_sleep(AIO_FOREVER), AIO_SEC(0.5)));
    AIO_END;
}
CORO_TEST(dump_of_deadlines, int i;)
{
    struct text text = { { text_write }, "" };
    AIO_BEGIN;
    machine.quiet = true;
    for (self->i = 0; self->i < SEAMS; self->i++) {
        machine_clock(seams[self->i] - (HOOKS_HZ ? (uint32_t)HOOKS_HZ : 1000000000u) / 10, 0);
        CHECK_INT(aio_spawn(aio_new(limits)), 0);
        AIO_AWAIT(aio_sleep(0));
        text.text[0] = 0;
        text.sink.write = text_write;
        aio_dump(aio_loop_current(), &text.sink);
        CHECK(strstr(text.text, "timeout: 0.005 s left") || strstr(text.text, "timeout: 0.006 s left"), "%s",
              text.text);
        CHECK(strstr(text.text, "sleeps for ever"), "%s", text.text);
        AIO_AWAIT(aio_sleep(AIO_SEC(1)));
    }
    AIO_END;
}

/* ------------------------------------------------------------------------------------------- spans */

/* Spans are what the hooks count in, rounded up. */
#if HOOKS_32
#define UNITS HOOKS_HZ
#else
#define UNITS INT64_C(1000000000)
#endif
static aio_time up(double t) { return (aio_time)t + (HOOKS_32 && t > (double)(aio_time)t); }
TEST(spans)
{
    static const aio_time constants[] = { AIO_SEC(2), AIO_MS(3), AIO_US(5), AIO_SEC(1.5), AIO_MS(0.25), AIO_US(0) };
    static const int whole[] = { 0, 1, 2, 3, 7, 10, 999, 1000, 1001, 1023, -1, -1000 };
    static const double parts[] = { 0.5, 1.25, 0.001, 999.9, 1.0 };
    char small = 3;
    unsigned char byte = 200;
    unsigned short word = 1000;
    unsigned i;
    int once = 1;
    CHECK_INT(constants[0], 2 * UNITS);
    CHECK_INT(constants[1], up(3 * (UNITS / 1000.)));
    CHECK_INT(constants[2], up(5 * (UNITS / 1000000.)));
    CHECK_INT(constants[3], up(1.5 * UNITS));
    CHECK_INT(constants[4], up(UNITS / 4000.));
    CHECK_INT(constants[5], 0);
    for (i = 0; i < sizeof whole / sizeof *whole; i++) {
        volatile int x = whole[i];
        CHECK_INT(AIO_SEC(x), x * UNITS);
        CHECK_INT(AIO_MS(x), up(x * (double)UNITS / 1000));
        CHECK_INT(AIO_US(x), up(x * (double)UNITS / 1000000));
    }
    for (i = 0; i < sizeof parts / sizeof *parts; i++) {
        volatile double x = parts[i];
        volatile float f = (float)parts[i];
        CHECK_INT(AIO_SEC(x), up(x * UNITS));
        CHECK_INT(AIO_MS(x), up(x * UNITS / 1000));
        CHECK_INT(AIO_US(x), up(x * UNITS / 1000000));
        CHECK_INT(AIO_MS(f), up((double)f * UNITS / 1000));
    }
    CHECK_INT(AIO_SEC(small), 3 * UNITS);
    CHECK_INT(AIO_MS(byte), up(200 * (UNITS / 1000.)));
    CHECK_INT(AIO_MS(word), UNITS);
    CHECK_INT(AIO_SEC(once++), UNITS);
    CHECK_INT(once, 2);
}

/* What is too long to count is for ever, and never a short span or one that is over. gcc refuses such constants. */
TEST(spans_that_are_too_long)
{
    volatile double huge = 1e10, hugest = 1e300, none = huge * 0;
    CHECK(AIO_SEC(hugest) == AIO_FOREVER);
    CHECK(AIO_US(hugest) == AIO_FOREVER);
    CHECK(AIO_SEC(-hugest) < 0);
    CHECK(AIO_SEC(hugest * hugest) == AIO_FOREVER);
    CHECK_INT(AIO_SEC(none), 0);
#if HOOKS_32
    {
        volatile int most = (1 << 30) / HOOKS_HZ, least = -most - 1, int_most = INT32_MAX;
        volatile unsigned unsigned_most = UINT32_MAX;
        volatile int64_t long_most = INT64_MAX;
        CHECK_INT(AIO_SEC(most), most * HOOKS_HZ);
        CHECK(AIO_SEC(most + 1) == AIO_FOREVER);
        CHECK(AIO_SEC(int_most) == AIO_FOREVER);
        CHECK(AIO_SEC(unsigned_most) == AIO_FOREVER);
        CHECK(AIO_SEC(long_most) == AIO_FOREVER);
        CHECK(AIO_SEC(huge) == AIO_FOREVER);
        CHECK(AIO_SEC(least) < 0);
        CHECK_INT(AIO_US(int_most), up(INT32_MAX * (HOOKS_HZ / 1000000.)) > 1 << 30 ? AIO_FOREVER :
                  up(INT32_MAX * (HOOKS_HZ / 1000000.)));
    }
#else
    CHECK_INT(AIO_US(huge), INT64_C(10000000000000));
#endif
}

/* Whole milliseconds of a coarse clock are not cut to none: a sleep of 1 us sleeps. */
CORO_TEST(short_spans, uint64_t begin;)
{
    AIO_BEGIN;
    machine.quiet = true;
    self->begin = machine.parts;
    AIO_AWAIT(aio_sleep(AIO_US(1)));
    CHECK(machine.parts > self->begin);
    CHECK((double)(machine.parts - self->begin) >= PARTS * 1e-6 * (HOOKS_HZ ? HOOKS_HZ : 1000000000));
    AIO_END;
}

/* --------------------------------------------------------------------------- from interrupts */

/* The interrupt strikes at every call of a hook there is, one after the other: before the last look, between it and
   the masking, masked, asleep. The wake-up is never lost: the machine would sleep for ever. */
struct waits { AIO_FRAME(void); };
static AIO_CORO(waits)
{
    AIO_BEGIN;
    posted_loop = aio_loop_current();
    aio_event_clear(&posted_event);
    AIO_AWAIT(aio_event_wait(&posted_event));
    posted_calls = 0;
    AIO_AWAIT(aio_wait_for(aio_event_wait(&posted_event), span(100)));
    AIO_END;
}
TEST(no_wake_up_is_lost)
{
    struct aio_loop loop;
    int strike, sleeping = 0, error;
    CHECK_INT(aio_loop_init(&loop, &hooks_options), 0);
    posted_loop = &loop;
    for (strike = 1; strike < 100; strike++) {
        machine_begin();
        machine.quiet = true;
        machine.handler = post;
        machine.strike = strike;
        error = aio_loop_run_until_complete(&loop, aio_new(waits));
        CHECK(error == 0, "strike %d: %d", strike, error);
        CHECK_INT(machine.forever, 0);
        sleeping = machine.struck_asleep;
        if (sleeping)
            break;
    }
    CHECK(sleeping && strike > (HOOKS_WAKE ? 1 : 3), "strikes: %d", strike);
    machine_begin();
    CHECK_INT(aio_loop_close(&loop), 0);
}

/* With a timer: if it strikes before the sleep, that does not begin, or ends at once. */
struct either { AIO_FRAME(int); };
static AIO_CORO(either)
{
    AIO_BEGIN;
    aio_event_clear(&posted_event);
    AIO_TRY(self->result, aio_wait_for(aio_event_wait(&posted_event), span(500)));
    AIO_RETURN();
    AIO_END;
}
TEST(before_the_sleep)
{
    struct aio_loop loop;
    int strike, error = 0;
    uint64_t begin;
    CHECK_INT(aio_loop_init(&loop, &hooks_options), 0);
    posted_loop = &loop;
    for (strike = 1; strike < 100; strike++) {
        machine_begin();
        machine.quiet = true;
        machine.handler = post;
        machine.strike = strike;
        begin = machine.parts;
        CHECK_INT(aio_loop_run_until_complete(&loop, error, aio_new(either)), 0);
        if (machine.struck != begin)
            break;
        CHECK(error == 0 && machine.parts == begin, "strike %d: %d", strike, error);
        if (strike == 1 && !HOOKS_WAKE)
            CHECK_INT(machine.idles, 0);        /* found by the last look */
    }
    CHECK(error == AIO_ETIMEDOUT && strike > (HOOKS_WAKE ? 2 : 3), "strike %d: %d", strike, error);
    machine_begin();
    CHECK_INT(aio_loop_close(&loop), 0);
}

/* What the loop's own tasks post is as good. AIO_IDLE is not called, but under an RTOS, where it must return. */
CORO_TEST(posted_by_a_task, )
{
    AIO_BEGIN;
    posted_loop = aio_loop_current();
    aio_event_clear(&posted_event);
    posted_calls = 0;
    post();
    AIO_AWAIT(aio_event_wait(&posted_event));
    CHECK_INT(posted_calls, 1);
    CHECK_INT(machine.idles, 0);
    AIO_AWAIT(aio_sleep(span(10)));
    tap_text[0] = 0;
    CHECK(machine.idles <= 1 + HOOKS_WAKE);
    AIO_END;
}

/* Posted as often as an interrupt bounces, it is called once. From inside fn, it is posted anew. */
static struct aio_callback bouncing[3];
static int bounced[3], bounce_again;
static void bounce(struct aio_callback *callback)
{
    note("%d ", (int)(callback - bouncing));
    bounced[callback - bouncing]++;
    if (bounce_again) {
        bounce_again--;
        aio_loop_post(callback->loop, callback);
        aio_loop_post(callback->loop, callback);
    }
}
static void storm(void)
{
    int i;
    for (i = 0; i < 100; i++)
        aio_loop_post(posted_loop, &bouncing[(i + 1) % 3]);
}
CORO_TEST(posted_twice, int i;)
{
    AIO_BEGIN;
    machine.quiet = true;
    posted_loop = aio_loop_current();
    for (self->i = 0; self->i < 3; self->i++)
        bouncing[self->i].fn = bounce;
    machine.handler = storm;
    for (self->i = 0; self->i < 3; self->i++) {
        machine.alarm = machine.parts + 10 * PARTS;
        AIO_AWAIT(aio_sleep(span(100)));
        CHECK_NOTES("1 2 0 ");          /* in the order in which they were posted first */
    }
    bounce_again = 2;
    aio_loop_post(posted_loop, &bouncing[1]);
    AIO_AWAIT(aio_sleep(span(10)));
    CHECK_NOTES("1 1 1 ");
    CHECK_INT(bounced[0] + bounced[1] + bounced[2], 12);
    AIO_END;
}

/* While the callback waits in the ready queue, it is posted still; an interrupt at any moment of it calls it once
   more, or not, and never breaks the queue. */
static void bounce_one(void) { aio_loop_post(posted_loop, &bouncing[0]); }
CORO_TEST(posted_at_any_moment, int strike;)
{
    AIO_BEGIN;
    machine.quiet = true;
    posted_loop = aio_loop_current();
    bouncing[0].fn = bouncing[1].fn = bounce;
    for (self->strike = 1; self->strike < 40; self->strike++) {
        bounced[0] = bounced[1] = 0;
        machine.handler = bounce_one;
        machine.calls = 0;
        machine.strike = self->strike;
        aio_loop_post(posted_loop, &bouncing[0]);
        aio_loop_post(posted_loop, &bouncing[1]);
        AIO_AWAIT(aio_sleep(span(10)));
        AIO_AWAIT(aio_sleep(span(10)));
        machine.strike = 0;
        AIO_AWAIT(aio_sleep(0));
        CHECK_INT(bounced[1], 1);
        CHECK(bounced[0] == 1 || bounced[0] == 2, "strike %d: %d", self->strike, bounced[0]);
    }
    tap_text[0] = 0;
    AIO_END;
}

/* A wake of a task that has ended: the callback's own business, and harmless. */
struct ended { AIO_FRAME(int); struct aio_event event; };
static AIO_CORO(ended)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_event_wait(&self->event));
    AIO_RETURN(7);
    AIO_END;
}
static struct ended *ended_task;
static void ended_wake(struct aio_callback *callback)
{
    (void)callback;
    note("%s ", aio_task_done(ended_task) ? "late" : "wake");
    aio_event_set(&ended_task->event);
    CHECK(!aio_task_done(ended_task) || !aio_task_cancel(ended_task));
}
static struct aio_callback ended_post = { .fn = ended_wake };
static void ended_interrupt(void) { aio_loop_post(posted_loop, &ended_post); }
CORO_TEST(wake_of_a_task_that_has_ended, int i;)
{
    AIO_BEGIN;
    machine.quiet = true;
    posted_loop = aio_loop_current();
    machine.handler = ended_interrupt;
    ended_task = aio_create_task(aio_new(ended));
    for (self->i = 0; self->i < 3; self->i++) {
        machine.alarm = machine.parts + 10 * PARTS;
        AIO_AWAIT(aio_sleep(span(20)));
    }
    CHECK_NOTES("wake late late ");
    CHECK_INT(ended_task->result, 7);
    aio_release(ended_task);
    AIO_END;
}

/* ------------------------------------------------------------- turns in a loop of somebody else's */

static void called(struct aio_callback *callback) { note("%s ", (const char *)callback->arg); }

TEST(turns)
{
    static char a[] = "a", b[] = "b";
    struct aio_loop loop;
    struct aio_callback one = { .fn = called, .arg = a }, two = { .fn = called, .arg = b };
    aio_time when;
    machine_begin();
    machine_clock(0x7ffffff0, 0);       /* of AIO_TIME_32, the deadlines lie behind the seam */
    CHECK_INT(aio_loop_init(&loop, &hooks_options), 0);
    CHECK_INT(aio_loop_fileno(&loop), AIO_ENOTSUP);
    CHECK(aio_loop_deadline(&loop) == AIO_FOREVER);
    CHECK_INT(aio_loop_poll_timeout(&loop), 10);                    /* what it polls, it polls every 10 ms */
    CHECK_INT(aio_loop_turn(&loop, 0), 0);
    CHECK_INT(machine.idles, 0);
    CHECK_INT(aio_loop_call_later(&loop, &one, span(50)), 0);
    when = aio_callback_when(&one);
    CHECK_INT(aio_loop_deadline(&loop), when);
    CHECK_INT(aio_loop_call_later(&loop, &two, span(20)), 0);
    when = aio_callback_when(&two);
    CHECK_INT(aio_loop_deadline(&loop), when);
    CHECK_INT(aio_loop_turn(&loop, span(5)), 0);
    CHECK_TOLD(MORE < 2 ? 5 : 6);
    CHECK_INT(aio_loop_turn(&loop, -1), 1);
    CHECK_INT(aio_loop_turn(&loop, span(1000)), 1);
    CHECK_NOTES(MORE ? "16 b 30 a " : "15 b 30 a ");
    CHECK(aio_loop_deadline(&loop) == AIO_FOREVER);
    aio_loop_post(&loop, &two);
    CHECK(aio_loop_deadline(&loop) != AIO_FOREVER);
    CHECK_INT(aio_loop_poll_timeout(&loop), 0);
    CHECK_INT(aio_loop_turn(&loop, -1), 1);
    CHECK_NOTES("b ");
    CHECK_INT(aio_loop_close(&loop), 0);
}

/* Milliseconds for poll(2), rounded up, but never more than the ten after which it must look again. */
TEST(poll_timeout)
{
    static char a[] = "a";
    struct aio_loop loop;
    struct aio_callback callback = { .fn = called, .arg = a };
    int64_t hz = HOOKS_HZ ? HOOKS_HZ : 1000000000;
    machine_begin();
    machine_clock(0xfffffffe, 0);
    CHECK_INT(aio_loop_init(&loop, &hooks_options), 0);
    CHECK_INT(aio_loop_call_later(&loop, &callback, AIO_MS(5)), 0);
    CHECK(aio_loop_poll_timeout(&loop) >= 5 && aio_loop_poll_timeout(&loop) <= 6);
    machine_work((uint64_t)(hz * PARTS * 3 / 1000));
    CHECK(aio_loop_poll_timeout(&loop) >= 2 && aio_loop_poll_timeout(&loop) <= 4);
    machine_work((uint64_t)(hz * PARTS * 4 / 1000));
    CHECK_INT(aio_loop_poll_timeout(&loop), 0);
    CHECK_INT(aio_loop_turn(&loop, 0), 1);
    CHECK_NOTES("a ");
    CHECK_INT(aio_loop_call_later(&loop, &callback, AIO_SEC(1000)), 0);
    CHECK_INT(aio_loop_poll_timeout(&loop), 10);
    CHECK(aio_callback_cancel(&callback));
    CHECK_INT(aio_loop_close(&loop), 0);
}

/* A task that does not end does not keep the loop from closing, on a machine without AIO_WAKE either. */
static struct aio_event never;
struct stubborn { AIO_FRAME(void); int error; };
static AIO_CORO(stubborn)
{
    AIO_BEGIN;
    for (;;)
        AIO_CATCH(self->error, aio_event_wait(&never));
    AIO_END;
}

TEST(closes_in_time)
{
    static struct stubborn slot;            /* what is lost is not the pool's */
    struct aio_options options = hooks_options;
    struct aio_loop loop;
    options.shutdown_timeout = AIO_MS(50);
    machine_begin();
    machine_clock(0xfffffffe, 0);
    CHECK_INT(aio_loop_init(&loop, &options), 0);
    CHECK_INT(aio_loop_spawn(&loop, aio_place(&slot, stubborn)), 0);
    CHECK(aio_loop_turn(&loop, 0) == 1);
    CHECK_INT(aio_loop_close(&loop), AIO_ETIMEDOUT);
}

/* Points are added to and compared by functions: around the seams, and with AIO_FOREVER. */
TEST(arithmetic_of_points)
{
    unsigned at;
    int ahead;
    for (at = 0; at < SEAMS * SEAM; at++)
        for (ahead = -SEAM; ahead <= SEAM; ahead++) {
            aio_time from = (aio_time)(HOOKS_32 ? (int32_t)(seams[at / SEAM] + at % SEAM) : (int64_t)at * 1000 + 9000);
            aio_time to = aio_time_after(from, (aio_time)ahead);
            if (from == AIO_FOREVER)
                continue;
            CHECK(to != AIO_FOREVER);
            CHECK_INT(aio_time_before(from, to), ahead > 0);
            CHECK_INT(aio_time_before(to, from), ahead < 0);
            CHECK(aio_time_before(from, AIO_FOREVER) && !aio_time_before(AIO_FOREVER, from));
            CHECK(aio_time_after(from, AIO_FOREVER) == AIO_FOREVER);
            CHECK(aio_time_after(AIO_FOREVER, (aio_time)(ahead > 0 ? ahead : 0)) == AIO_FOREVER);
        }
    CHECK(!aio_time_before(AIO_FOREVER, AIO_FOREVER));
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(arithmetic_of_points), T(closes_in_time), T(told_how_long), T(told_of_the_next), T(early), T(nothing_is_due), T(for_ever),
        T(around_the_seams), T(points_around_the_seams), T(in_order), LONGEST, T(any_time), T(dump_of_deadlines),
        T(spans), T(spans_that_are_too_long), T(short_spans), T(no_wake_up_is_lost), T(before_the_sleep),
        T(posted_by_a_task), T(posted_twice), T(posted_at_any_moment), T(wake_of_a_task_that_has_ended), T(turns),
        T(poll_timeout));
}
#endif
