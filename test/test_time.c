/* Time: sleeping, deadlines, callbacks. The clock is virtual, so times are exact. */
#include "core.h"

enum { EFIRST = AIO_EUSER - 1 };

struct sleeps { AIO_FRAME(void); int id; aio_time sleep; };
static AIO_CORO(sleeps)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->sleep));
    note("%d@%d ", self->id, (int)aio_now());
    AIO_END;
}

/* -------------------------------------------------------------------------------------- sleep */

CORO_TEST(sleep_order, int i;)
{
    static const aio_time delays[] = { 30, 10, 20, 10, 0, -5, 30, 1 };
    AIO_BEGIN;
    for (self->i = 0; self->i < 8; self->i++)
        CHECK_INT(aio_spawn(aio_new(sleeps, self->i, delays[self->i])), 0);
    AIO_AWAIT(aio_sleep(30));
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("4@0 5@0 7@1 1@10 3@10 2@20 0@30 6@30 ");
    AIO_END;
}

CORO_TEST(equal_deadlines, int i;)
{
    char want[8000] = "";
    AIO_BEGIN;
    for (self->i = 0; self->i < 500; self->i++)
        CHECK_INT(aio_spawn(aio_new(sleeps, self->i, 100)), 0);
    AIO_AWAIT(aio_sleep(200));
    {
        int i;
        for (i = 0; i < 500; i++)
            sprintf(want + strlen(want), "%d@100 ", i);
        CHECK_NOTES(want);
    }
    AIO_END;
}

/* Against a sorted model: many deadlines, some of them taken back. */
struct marks { AIO_FRAME(void); aio_time at; int id; aio_time *last_at; int *last_id, *count; };
static AIO_CORO(marks)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep_until(self->at));
    CHECK_INT(aio_now(), self->at);             /* never early; late is impossible here */
    CHECK(*self->last_at < self->at || (*self->last_at == self->at && *self->last_id < self->id));
    *self->last_at = self->at;
    *self->last_id = self->id;
    ++*self->count;
    AIO_END;
}

CORO_TEST(many_deadlines, struct marks *tasks[3000]; int i, n, last_id, count, cancelled; aio_time last_at;
          unsigned random;)
{
    AIO_BEGIN;
    self->random = 1;
    self->last_at = -1;
    for (self->i = 0; self->i < 3000; self->i++) {
        self->random = self->random * 1103515245u + 12345u;
        self->tasks[self->i] = aio_create_task(aio_new(marks, 1 + (aio_time)(self->random >> 16) % 400, self->i,
                                                       &self->last_at, &self->last_id, &self->count));
    }
    AIO_AWAIT(aio_sleep(0));
    for (self->i = 0; self->i < 3000; self->i++) {
        self->random = self->random * 1103515245u + 12345u;
        if (self->random >> 16 & 1)
            self->cancelled += aio_task_cancel(self->tasks[self->i]);
    }
    CHECK(self->cancelled > 1000 && self->cancelled < 2000);
    AIO_AWAIT(aio_sleep(500));
    CHECK_INT(self->count, 3000 - self->cancelled);
    for (self->i = 0; self->i < 3000; self->i++) {
        CHECK(aio_task_done(self->tasks[self->i]));
        aio_release(self->tasks[self->i]);
    }
    AIO_END;
}

struct spins { AIO_FRAME(void); bool stop; int turns; };
static AIO_CORO(spins)
{
    AIO_BEGIN;
    while (!self->stop && self->turns < 1000) {
        self->turns++;
        AIO_AWAIT(aio_sleep(0));
    }
    AIO_END;
}

#if !AIO_SMALL && !AIO_BARE_
/* loop->slack: who comes in a crowd is woken with the last of it, in order; others are woken when they are due. */
struct late { AIO_FRAME(void); aio_time sleep, *most; int *n; };
static AIO_CORO(late)
{
    AIO_BEGIN;
    self->sleep += aio_now();
    AIO_AWAIT(aio_sleep_until(self->sleep));
    CHECK(aio_now() >= self->sleep);
    if (*self->most < aio_now() - self->sleep)
        *self->most = aio_now() - self->sleep;
    ++*self->n;
    AIO_END;
}
CORO_TEST(slack, int sleepers, i, n; aio_time most;)
{
    AIO_BEGIN;
    for (self->sleepers = 8; self->sleepers < 100; self->sleepers += 8) {
        aio_loop_current()->slack = 1000;
        for (self->n = self->i = 0; self->i < self->sleepers; self->i++)
            CHECK_INT(aio_spawn(aio_new(late, 5000 + 10 * (self->i * 13 % self->sleepers), &self->most, &self->n)), 0);
        self->most = 0;
        AIO_AWAIT(aio_sleep(10000));
        CHECK_INT(self->n, self->sleepers);
        CHECK_INT(self->most, self->sleepers <= 32 ? 0 : 10 * (self->sleepers - 1));
    }
    for (self->i = 0; self->i < 300; self->i++)             /* all at the same time: there is nothing to wait for */
        CHECK_INT(aio_spawn(aio_new(late, 5000, &self->most, &self->n)), 0);
    self->n = 0;
    self->most = 0;
    AIO_AWAIT(aio_sleep(10000));
    CHECK_INT(self->n, 300);
    CHECK_INT(self->most, 0);
    for (self->n = self->i = 0; self->i < 100; self->i++)   /* as many, but further apart */
        CHECK_INT(aio_spawn(aio_new(late, 5000 + 40 * self->i, &self->most, &self->n)), 0);
    self->most = 0;
    AIO_AWAIT(aio_sleep(10000));
    CHECK_INT(self->n, 100);
    CHECK_INT(self->most, 0);
    aio_loop_current()->slack = AIO_FOREVER;                /* as long as you like */
    for (self->n = self->i = 0; self->i < 100; self->i++)
        CHECK_INT(aio_spawn(aio_new(late, 5000 + 40 * self->i, &self->most, &self->n)), 0);
    self->most = 0;
    AIO_AWAIT(aio_sleep_until(aio_now() + 20000));
    CHECK_INT(self->n, 100);
    AIO_END;
}
#define SLACK T(slack),
#else
#define SLACK
#endif

/* Thousands of timers, armed and taken back in every order: each comes when it is due, and equal ones come as they were
   armed. In between, each is where the loop's levels have room for it. */
struct due { struct aio_callback callback; aio_time when; unsigned order; };
static struct { struct due *all; int n; unsigned armed; aio_time when; unsigned order; uint32_t random; bool again; } dues;

static uint32_t dues_random(uint32_t n)
{
    dues.random = dues.random * 1103515245u + 12345u;
    return (dues.random >> 8) % n;
}

static aio_time dues_span(int how, int i)
{
    switch (how) {
    case 0: return 1 + i;                       /* one after the other */
    case 1: return 100000 - i;                  /* each before the others */
    case 2: return 5000;                        /* all at once */
    case 3: return 1 + dues_random(100000);
    case 4: return 1 + dues_random(10) * 10000; /* in crowds */
    default: return dues_random(8) ? 1 + dues_random(1000) : 1000000 + dues_random(1000000);
    }
}

static void dues_arm(struct due *due, aio_time span)
{
    due->order = dues.armed++;
    due->when = aio_now() + span;
    if (dues_random(2))
        CHECK_INT(aio_loop_call_later(aio_loop_current(), &due->callback, span), 0);
    else
        CHECK_INT(aio_loop_call_at(aio_loop_current(), &due->callback, due->when), 0);
}

static void due_now(struct aio_callback *callback)
{
    struct due *due = (struct due *)callback->arg;
    if (due->when != aio_now() || (due->when == dues.when && due->order < dues.order))
        note("wrong ");
    dues.when = due->when;
    dues.order = due->order;
    dues.n--;
    if (dues.again && dues_random(2)) {
        dues.n++;
        dues_arm(due, 1 + dues_random(3000));
    }
}

static void dues_check(const struct aio_loop *loop)
{
#if !AIO_ONE_HEAP_
    unsigned level = loop->timer_levels;
    uint32_t i, n = 0, end = level ? loop->timer_level[level - 1].start : loop->timer_settled;
    bool wrong = end < loop->timer_heap || loop->timer_end > loop->timer_capacity || level > AIO_TIMER_LEVELS_;
    for (i = 0; i < loop->timer_end && !wrong; i++) {
        if (i >= loop->timer_heap && i < end)
            continue;                           /* nobody's */
        n++;
        while (level && i >= loop->timer_level[level - 1].start)
            level--;
        wrong = loop->timers[i].node->u.timer.index != i || loop->timers[i].node->place != AIO_AT_TIMER_;
        if (i >= end && i < loop->timer_settled)
            wrong |= loop->timers[i].deadline < loop->timer_level[level].from;
        if (i < loop->timer_settled && level < loop->timer_levels && i < loop->timer_level[level].start)
            wrong |= loop->timers[i].deadline >= loop->timer_level[level].from;
    }
    if (wrong || n != loop->timer_count)
        note("at %u ", (unsigned)i);
#else
    (void)loop;
#endif
}

/* Arms the i-th one. Now and then one of the others is taken back, and perhaps it comes again. */
static void dues_add(int how, int i)
{
    struct due *due = &dues.all[i], *other = &dues.all[dues_random((uint32_t)i + 1)];
    due->callback.fn = due_now;
    due->callback.arg = due;
    dues.n++;
    dues_arm(due, dues_span(how, i));
    if (i % 8 || !aio_callback_cancel(&other->callback))
        return;
    if (dues_random(2))
        dues_arm(other, dues_span(how, i));
    else
        dues.n--;
}

CORO_TEST(many_in_any_order, int how, i, step, most;)
{
    AIO_BEGIN;
    self->most = (int)core_many(10000);
    dues.all = (struct due *)calloc((size_t)self->most, sizeof *dues.all);
    dues.again = true;
    for (self->how = 0; self->how < 6; self->how++) {
        for (self->i = 0; self->i < self->most; self->i++) {
            dues_add(self->how, self->i);
            if (self->i % 100 == 99) {
                AIO_AWAIT(aio_sleep(dues_random(20)));
                dues_check(aio_loop_current());
            }
        }
        for (self->step = 0; dues.n; self->step++) {
            dues_check(aio_loop_current());
            for (self->i = 0; self->i < 20; self->i++) {
                struct due *other = &dues.all[dues_random((uint32_t)self->most)];
                if (self->how % 2 && aio_callback_cancel(&other->callback))
                    dues.n--;
            }
            dues.again = self->step < 100;
            AIO_AWAIT(aio_sleep(self->step < 1000 ? 100 : 100000));
        }
        CHECK_INT(aio_loop_current()->timer_count, 0);
    }
    free(dues.all);
    AIO_END;
}

/* Those that are left when the loop ends are told, wherever they are. */
struct many_left_over { AIO_FRAME(void); int i, most; };
static AIO_CORO(many_left_over)
{
    AIO_BEGIN;
    self->most = (int)core_many(5000);
    dues.all = (struct due *)calloc((size_t)self->most, sizeof *dues.all);
    dues.again = false;
    for (self->i = 0; self->i < self->most; self->i++) {
        dues.all[self->i].callback.fn = due_now;
        dues.all[self->i].callback.arg = &dues.all[self->i];
        dues_arm(&dues.all[self->i], dues_span(3, self->i));
    }
    AIO_AWAIT(aio_sleep(50000));
    for (self->i = 0; self->i < 100 && self->i < self->most; self->i++)
        if (!aio_callback_pending(&dues.all[self->i].callback))
            dues_arm(&dues.all[self->i], 100000);
    dues_check(aio_loop_current());
    AIO_END;
}
TEST(left_over)
{
    int i;
    CHECK_INT(run(aio_new(many_left_over)), 0);
    for (i = 0; i < core_many(5000); i++)
        if (aio_callback_pending(&dues.all[i].callback))
            note("waits ");
    free(dues.all);
}

/* A sleep that is over when the loop looks costs two readings of the clock: when it begins, and when the loop looks. */
static int readings;
static aio_time running_now(struct aio_loop *loop)
{
    readings++;
    return *(aio_time *)loop->poller_data += 10;
}
struct brief { AIO_FRAME(void); int i; };
static AIO_CORO(brief)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(1));
    for (readings = 0; self->i < 100; self->i++)
        AIO_AWAIT(aio_sleep(1));
    CHECK(readings == (AIO_SMALL ? 300 : 200) || AIO_DEBUG);     /* which measures every step */
    AIO_END;
}
TEST(readings_of_the_clock)
{
    struct aio_poller running = *aio_sim();
    struct aio_options options = { .poller = &running };
    running.now = running_now;
    CHECK_INT(aio_run_with(&options, aio_new(brief)), 0);
}

CORO_TEST(sleep_until, struct spins *spinner; int turns;)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep_until(50));
    CHECK_INT(aio_now(), 50);
    AIO_AWAIT(aio_sleep_until(20));             /* past */
    AIO_AWAIT(aio_sleep_until(50));
    AIO_AWAIT(aio_sleep_until(0));
    AIO_AWAIT(aio_sleep_until(-7));
    CHECK_INT(aio_now(), 50);
    AIO_AWAIT(aio_sleep_until(51));
    CHECK_INT(aio_now(), 51);
    self->spinner = aio_create_task(aio_new(spins));
    AIO_AWAIT(aio_sleep(0));
    self->turns = self->spinner->turns;
    AIO_AWAIT(aio_sleep_until(20));             /* a past one is as aio_sleep(0): one turn */
    CHECK_INT(self->spinner->turns, self->turns + 1);
    AIO_AWAIT(aio_sleep_until(-1));
    CHECK_INT(self->spinner->turns, self->turns + 2);
    AIO_AWAIT(aio_sleep(-AIO_FOREVER));
    CHECK_INT(self->spinner->turns, self->turns + 3);
    self->spinner->stop = true;
    AIO_AWAIT(self->spinner);
    aio_release(self->spinner);
    AIO_END;
}

CORO_TEST(huge, int error;)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_SEC(3600)));
    AIO_TRY(self->error, aio_wait_for(aio_sleep(AIO_FOREVER), AIO_SEC(100)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_INT(aio_now(), AIO_SEC(3700));
    AIO_TRY(self->error, aio_wait_for(aio_sleep(AIO_FOREVER - 1), AIO_SEC(100)));   /* does not overflow */
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    AIO_TRY(self->error, aio_wait_for(aio_sleep_until(AIO_FOREVER), AIO_SEC(100)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    AIO_TRY(self->error, aio_wait_for(aio_sleep(5), AIO_FOREVER - 1));
    CHECK_INT(self->error, 0);
    AIO_TRY(self->error, aio_wait_for(aio_sleep(5), AIO_FOREVER));
    CHECK_INT(self->error, 0);
    CHECK_INT(aio_now(), AIO_SEC(3900) + 10);
    CHECK_INT(AIO_MS(1.5), 1500000);
    CHECK_INT(AIO_US(2), 2000);
    AIO_END;
}

#if defined __GNUC__ || defined __clang__
/* As many seconds as a user may ask for, infinity too, and each expression once. */
TEST(units)
{
    static const aio_time constant = AIO_SEC(1.5);
    volatile double huge = 1e10, infinite = 1e300 * 1e10;
    volatile int64_t ms = 20;
    int times = 0;
    CHECK_INT(constant, 1500000000);
    CHECK_INT(AIO_MS(ms), 20000000);
    CHECK_INT(AIO_SEC(huge), AIO_FOREVER);
    CHECK_INT(AIO_MS(infinite), AIO_FOREVER);
    CHECK_INT(AIO_SEC(1e10), AIO_FOREVER);
    CHECK_INT(AIO_SEC(-huge), -AIO_FOREVER);
    CHECK_INT(AIO_SEC(++times), 1000000000);
    CHECK_INT(times, 1);
}
#else
TEST(units) { }
#endif

CORO_TEST(sleep_as_task, struct aio_void *a, *b; int error;)
{
    AIO_BEGIN;
    self->a = aio_create_task(aio_sleep(10));
    self->b = aio_create_task(aio_sleep(0));
    AIO_AWAIT(self->b);
    CHECK_INT(aio_now(), 0);
    AIO_AWAIT(self->a);
    CHECK_INT(aio_now(), 10);
    aio_release(self->a);
    aio_release(self->b);
    self->a = aio_create_task(aio_sleep(10));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->a));
    AIO_TRY(self->error, self->a);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(aio_now(), 11);
    aio_release(self->a);
    AIO_END;
}

/* ----------------------------------------------------------------------------------- wait_for */

struct work { AIO_FRAME(int); aio_time sleep; int value; int swallow, fail; aio_time cleanup; int error; };
static AIO_CORO(work)
{
    AIO_BEGIN;
    note("s ");
    if (self->swallow)
        AIO_CATCH(self->error, aio_sleep(self->sleep));
    else
        AIO_AWAIT(aio_sleep(self->sleep));
    if (self->fail)
        AIO_RAISE(self->fail);
    AIO_RETURN(self->value);
    AIO_FINALLY;
    note("f%d ", aio_coro_error(self));
    if (self->cleanup)
        AIO_AWAIT(aio_sleep(self->cleanup));
    note("F%d ", aio_coro_error(self));
    AIO_END;
}
#define work(...) aio_new(work, __VA_ARGS__)

/* What came out, at what time since the last. */
static aio_time since;
static const char *outcome(int error, int value)
{
    static char text[80];
    snprintf(text, sizeof text, "%d,%d after %d", error, value, (int)(aio_now() - since));
    since = aio_now();
    return text;
}

CORO_TEST(wait_for_coroutine, int error, value;)
{
    AIO_BEGIN;
    since = 0;
    AIO_TRY(self->error, self->value, aio_wait_for(work(10, 7), 100));
    CHECK_STR(outcome(self->error, self->value), "0,7 after 10");
    CHECK_NOTES("s f0 F0 ");
    self->value = 9;
    AIO_TRY(self->error, self->value, aio_wait_for(work(100, 7), 10));
    CHECK_STR(outcome(self->error, self->value), "-110,0 after 10");
    CHECK_NOTES("s f-125 F-125 ");
    AIO_TRY(self->error, self->value, aio_wait_for(work(100, 7, .cleanup = 5), 10));
    CHECK_STR(outcome(self->error, self->value), "-110,0 after 15");        /* waits for its cleanup */
    CHECK_NOTES("s f-125 F-125 ");
    AIO_TRY(self->error, self->value, aio_wait_for(work(5, 7, .cleanup = 20), 10));
    CHECK_STR(outcome(self->error, self->value), "-110,7 after 10");        /* it hurries the cleanup */
    CHECK_NOTES("s f0 F-125 ");
    AIO_TRY(self->error, self->value, aio_wait_for(work(100, 7, .swallow = 1), 10));
    CHECK_STR(outcome(self->error, self->value), "0,7 after 10");           /* its value comes out */
    CHECK_NOTES("s f0 F0 ");
    AIO_TRY(self->error, self->value, aio_wait_for(work(100, 7, .swallow = 1, .fail = EFIRST), 10));
    CHECK_STR(outcome(self->error, self->value), "-10001,0 after 10");
    CHECK_NOTES("s f-10001 F-10001 ");
    AIO_TRY(self->error, self->value, aio_wait_for(work(3, 7, .fail = EFIRST), 10));
    CHECK_STR(outcome(self->error, self->value), "-10001,0 after 3");
    CHECK_NOTES("s f-10001 F-10001 ");
    AIO_TRY(self->error, self->value, aio_wait_for(work(0, 7), 1));
    CHECK_STR(outcome(self->error, self->value), "0,7 after 0");
    CHECK_NOTES("s f0 F0 ");
    AIO_AWAIT(aio_sleep(200));                  /* no deadline is left behind */
    AIO_END;
}

/* Results of every size pass through, with spans that are long enough to be taken back before the clock is read, and
   nothing of what stood in the memory before, or stands behind the result. */
struct triple { long a, b, c; };
struct large { char text[100]; };
#define GIVES(name, T) \
    struct name { AIO_FRAME(T); aio_time sleep; T value; }; \
    static AIO_CORO(name) \
    { \
        AIO_BEGIN; \
        self->result = self->value; \
        AIO_AWAIT(aio_sleep(self->sleep)); \
        AIO_END; \
    }
GIVES(gives_char, char)
GIVES(gives_short, short)
GIVES(gives_int, int)
GIVES(gives_long, long)
GIVES(gives_pointer, const char *)
GIVES(gives_double, long double)
GIVES(gives_triple, struct triple)
GIVES(gives_large, struct large)

struct passes { AIO_FRAME(void); aio_time sleep, limit; int error; char c; short s; int i; long l; const char *p; long double d;
    struct triple t; struct large large; };
static AIO_CORO(passes)
{
    static const struct triple triple = { 1, 2, 3 };
    static const struct large large = { "large" };
    bool late = self->sleep > self->limit;
    AIO_BEGIN;
    memset(&self->c, 0x5a, (size_t)((char *)(self + 1) - &self->c));
    AIO_TRY(self->error, aio_wait_for(aio_sleep(self->sleep), self->limit));
    AIO_TRY(self->error, self->c, aio_wait_for(aio_new(gives_char, self->sleep, 'c'), self->limit));
    AIO_TRY(self->error, self->s, aio_wait_for(aio_new(gives_short, self->sleep, 12345), self->limit));
    AIO_TRY(self->error, self->i, aio_wait_for(aio_new(gives_int, self->sleep, -2), self->limit));
    AIO_TRY(self->error, self->l, aio_wait_for(aio_new(gives_long, self->sleep, -3), self->limit));
    AIO_TRY(self->error, self->p, aio_wait_for(aio_new(gives_pointer, self->sleep, "pointer"), self->limit));
    AIO_TRY(self->error, self->d, aio_wait_for(aio_new(gives_double, self->sleep, 0.5L), self->limit));
    AIO_TRY(self->error, self->t, aio_wait_for(aio_new(gives_triple, self->sleep, triple), self->limit));
    AIO_TRY(self->error, self->large, aio_wait_for(aio_new(gives_large, self->sleep, large), self->limit));
    CHECK_INT(self->error, late ? AIO_ETIMEDOUT : 0);
    /* what stood there when it was cancelled, or nothing if it never ran */
    CHECK(self->limit > 0 ? self->c == 'c' && self->s == 12345 && self->i == -2 && self->l == -3 :
          !self->c && !self->s && !self->i && !self->l);
    CHECK(self->limit > 0 ? self->d == 0.5L && strcmp(self->p, "pointer") == 0 : self->d == 0 && !self->p);
    CHECK(self->limit > 0 ? self->t.a == 1 && self->t.c == 3 && strcmp(self->large.text, "large") == 0 :
          !self->t.a && !self->t.c && !self->large.text[0] && !self->large.text[99]);
    CHECK(aio_loop_current()->timer_count == 0);
    AIO_END;
}
CORO_TEST(wait_for_results, int i;)
{
    AIO_BEGIN;
    for (; self->i < 3; self->i++) {            /* in memory that is new, and in what others have left */
        AIO_AWAIT(aio_new(passes, 0, AIO_SEC(1)));
        AIO_AWAIT(aio_new(passes, AIO_MS(5), AIO_SEC(1)));
        AIO_AWAIT(aio_new(passes, AIO_SEC(1), AIO_MS(5)));
        AIO_AWAIT(aio_new(passes, AIO_SEC(1), 0));
        AIO_AWAIT(aio_new(passes, AIO_SEC(1), AIO_FOREVER));
    }
    AIO_END;
}

/* Long spans are armed in one place and taken back from wherever they are: the newest, one in the middle, one that
   has been looked at, with others that are due before and after. */
CORO_TEST(wait_for_spans, int error, value, i; struct aio_void *nap; struct work *task;)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(sleeps, 1, AIO_MS(7))), 0);
    CHECK_INT(aio_spawn(aio_new(sleeps, 2, AIO_SEC(2))), 0);
    AIO_AWAIT(self->value, aio_wait_for(aio_wait_for(work(0, 7), AIO_MS(3)), AIO_MS(2)));
    CHECK_INT(self->value, 7);
    since = aio_now();
    AIO_TRY(self->error, aio_wait_for(aio_wait_for(work(AIO_MS(9), 7), AIO_MS(3)), AIO_MS(2)));
    CHECK_STR(outcome(self->error, 0), "-110,0 after 2000000");
    AIO_TRY(self->error, aio_wait_for(aio_wait_for(work(AIO_MS(9), 7), AIO_MS(2)), AIO_MS(3)));
    CHECK_STR(outcome(self->error, 0), "-110,0 after 2000000");
    self->task = aio_create_task(work(0, 8));
    for (self->i = 0; self->i < 3; self->i++) {
        AIO_AWAIT(self->value, aio_wait_for(self->task, AIO_MS(1)));
        CHECK_INT(self->value, 8);
        self->nap = aio_create_task(aio_wait_for(aio_sleep(AIO_FOREVER), AIO_MS(1)));
        AIO_AWAIT(self->value, aio_wait_for(work(0, 9), AIO_MS(1)));
        AIO_AWAIT(self->value, aio_wait_for(work(AIO_US(10), 9), AIO_MS(1)));
        CHECK_INT(self->value, 9);
        CHECK(aio_task_cancel(self->nap));
        AIO_TRY(self->error, self->nap);
        CHECK_INT(self->error, AIO_ECANCELED);
        aio_release(self->nap);
    }
    aio_release(self->task);
    CHECK_INT(aio_loop_current()->timer_count, 2);
    tap_text[0] = 0;
    AIO_AWAIT(aio_sleep(AIO_SEC(3)));
    CHECK_NOTES("1@7000000 2@2000000000 ");
    AIO_END;
}

struct instant { AIO_FRAME(int); };
static AIO_CORO(instant) { AIO_BEGIN; note("ran "); AIO_RETURN(3); AIO_FINALLY; note("f "); AIO_END; }

CORO_TEST(wait_for_no_time, int error, value; aio_time timeout; struct instant *task; AIO_FUTURE(int) future;)
{
    AIO_BEGIN;
    for (self->timeout = 0; self->timeout > -10; self->timeout -= 9) {
        since = aio_now();
        AIO_TRY(self->error, self->value, aio_wait_for(work(5, 7, .cleanup = 5), self->timeout));
        CHECK_STR(outcome(self->error, self->value), "-110,0 after 5");     /* the body never ran */
        CHECK_NOTES("f-125 F-125 ");
        AIO_TRY(self->error, self->value, aio_wait_for(aio_new(instant), self->timeout));
        CHECK_STR(outcome(self->error, self->value), "-110,0 after 0");
        CHECK_NOTES("f ");
        AIO_TRY(self->error, aio_wait_for(aio_sleep(5), self->timeout));
        CHECK_STR(outcome(self->error, 0), "-110,0 after 0");
        AIO_TRY(self->error, aio_wait_for(aio_sleep(0), self->timeout));
        CHECK_STR(outcome(self->error, 0), "-110,0 after 0");
        AIO_TRY(self->error, aio_wait_for(aio_wait_for(work(5, 7), 100), self->timeout));
        CHECK_STR(outcome(self->error, 0), "-110,0 after 0");
        CHECK_NOTES("f-125 F-125 ");
        self->task = aio_create_task(aio_new(instant));
        AIO_TRY(self->error, self->value, aio_wait_for(self->task, self->timeout));
        CHECK_STR(outcome(self->error, self->value), "-110,0 after 0");     /* not done: cancelled */
        CHECK(aio_task_cancelled(self->task));
        CHECK_NOTES("f ");
        aio_release(self->task);
        self->task = aio_create_task(aio_new(instant));
        AIO_AWAIT(self->task);
        AIO_TRY(self->error, self->value, aio_wait_for(self->task, self->timeout));
        CHECK_STR(outcome(self->error, self->value), "0,3 after 0");        /* done: its result */
        CHECK_NOTES("ran f ");
        aio_release(self->task);
        memset(&self->future, 0, sizeof self->future);
        AIO_TRY(self->error, self->value, aio_wait_for(&self->future, self->timeout));
        CHECK_STR(outcome(self->error, self->value), "-110,0 after 0");
        memset(&self->future, 0, sizeof self->future);
        aio_future_set_result(&self->future, 4);
        AIO_TRY(self->error, self->value, aio_wait_for(&self->future, self->timeout));
        CHECK_STR(outcome(self->error, self->value), "0,4 after 0");
    }
    AIO_END;
}

CORO_TEST(wait_for_task, struct work *task; int error, value;)
{
    AIO_BEGIN;
    since = 0;
    self->task = aio_create_task(work(10, 7));
    AIO_TRY(self->error, self->value, aio_wait_for(self->task, 50));
    CHECK_STR(outcome(self->error, self->value), "0,7 after 10");
    aio_release(self->task);
    self->task = aio_create_task(work(100, 7, .cleanup = 5));
    AIO_TRY(self->error, self->value, aio_wait_for(self->task, 50));
    CHECK_STR(outcome(self->error, self->value), "-110,0 after 55");
    CHECK(aio_task_cancelled(self->task));      /* to the task it was a cancellation */
    CHECK_INT(aio_task_error(self->task), AIO_ECANCELED);
    AIO_TRY(self->error, aio_wait_for(self->task, 50));     /* and that is its result now */
    CHECK_STR(outcome(self->error, 0), "-125,0 after 0");
    aio_release(self->task);
    self->task = aio_create_task(work(100, 7, .swallow = 1));
    AIO_TRY(self->error, self->value, aio_wait_for(self->task, 50));
    CHECK_STR(outcome(self->error, self->value), "0,7 after 50");
    aio_release(self->task);
    self->task = aio_create_task(work(100, 7));
    AIO_TRY(self->error, self->value, aio_wait_for(aio_shield(self->task), 30));
    CHECK_STR(outcome(self->error, self->value), "-110,0 after 30");
    AIO_AWAIT(self->value, self->task);         /* the deadline belonged to the wait */
    CHECK_STR(outcome(0, self->value), "0,7 after 70");
    aio_release(self->task);
    CHECK_NOTES("s f0 F0 s f-125 F-125 s f0 F0 s f0 F0 ");
    AIO_END;
}

typedef AIO_FUTURE(int) int_future;
static void set_future(struct aio_callback *callback) { aio_future_set_result((int_future *)callback->arg, 6); }

CORO_TEST(wait_for_future, int_future future; struct aio_callback callback; int error, value;)
{
    AIO_BEGIN;
    since = 0;
    AIO_TRY(self->error, self->value, aio_wait_for(&self->future, 10));
    CHECK_STR(outcome(self->error, self->value), "-110,0 after 10");
    CHECK(aio_future_cancelled(&self->future));
    memset(&self->future, 0, sizeof self->future);
    self->callback.fn = set_future;
    self->callback.arg = &self->future;
    CHECK_INT(aio_loop_call_later(aio_loop_current(), &self->callback, 5), 0);
    AIO_TRY(self->error, self->value, aio_wait_for(&self->future, 10));
    CHECK_STR(outcome(self->error, self->value), "0,6 after 5");
    AIO_TRY(self->error, aio_wait_for(aio_sleep(5), 10));
    CHECK_STR(outcome(self->error, 0), "0,0 after 5");
    AIO_TRY(self->error, aio_wait_for(aio_sleep(50), 10));
    CHECK_STR(outcome(self->error, 0), "-110,0 after 10");
    AIO_TRY(self->error, aio_wait_for(aio_sleep(0), 10));
    CHECK_STR(outcome(self->error, 0), "0,0 after 0");
    AIO_TRY(self->error, aio_wait_for(aio_sleep_until(aio_now() + 4), 10));
    CHECK_STR(outcome(self->error, 0), "0,0 after 4");
    AIO_END;
}

CORO_TEST(nested, int error, value;)
{
    AIO_BEGIN;
    since = 0;
    AIO_TRY(self->error, self->value, aio_wait_for(aio_wait_for(work(100, 7), 5), 50));     /* inner first */
    CHECK_STR(outcome(self->error, self->value), "-110,0 after 5");
    AIO_TRY(self->error, self->value, aio_wait_for(aio_wait_for(work(100, 7), 50), 5));     /* outer first */
    CHECK_STR(outcome(self->error, self->value), "-110,0 after 5");
    AIO_TRY(self->error, self->value, aio_wait_for(aio_wait_for(work(100, 7), 5), 5));      /* both */
    CHECK_STR(outcome(self->error, self->value), "-110,0 after 5");
    AIO_TRY(self->error, self->value, aio_wait_for(aio_wait_for(work(4, 7), 5), 5));        /* none */
    CHECK_STR(outcome(self->error, self->value), "0,7 after 4");
    /* the inner one expires, the outer one while it cleans up */
    AIO_TRY(self->error, self->value, aio_wait_for(aio_wait_for(work(100, 7, .cleanup = 20), 5), 10));
    CHECK_STR(outcome(self->error, self->value), "-110,0 after 10");
    AIO_TRY(self->error, self->value, aio_wait_for(aio_wait_for(work(100, 7, .cleanup = 20), 10), 5));
    CHECK_STR(outcome(self->error, self->value), "-110,0 after 10");
    tap_text[0] = 0;
    AIO_AWAIT(aio_sleep(1));                    /* no request is left over */
    CHECK_INT(aio_task_cancelling(self), 0);
    AIO_END;
}

/* Only the scope that expired turns the cancellation into a timeout. */
struct inner_scope { AIO_FRAME(int); aio_time timeout; int error; };
static AIO_CORO(inner_scope)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_wait_for(aio_sleep(100), self->timeout));
    note("inner %d ", self->error);
    AIO_AWAIT(aio_sleep(100));
    note("never ");
    AIO_FINALLY;
    note("out %d ", aio_coro_error(self));
    AIO_END;
}

CORO_TEST(who_expired, int error; struct inner_scope *task;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_wait_for(aio_new(inner_scope, 50), 10));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_NOTES("out -125 ");                   /* TRY inside does not take the outer one's */
    AIO_TRY(self->error, aio_wait_for(aio_new(inner_scope, 10), 50));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_NOTES("inner -110 out -125 ");
    self->task = aio_create_task(aio_new(inner_scope, 50));
    AIO_AWAIT(aio_sleep(5));
    CHECK(aio_task_cancel(self->task));         /* an outer cancel is no timeout */
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("out -125 ");
    aio_release(self->task);
    self->task = aio_create_task(aio_new(inner_scope, 5));
    AIO_AWAIT(aio_sleep(0));
    AIO_AWAIT(aio_sleep(4));
    AIO_AWAIT(aio_sleep(1));                    /* the deadline has struck; now a cancel on top */
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    tap_text[0] = 0;
    aio_release(self->task);
    AIO_END;
}

/* A cancel that comes while the child cleans up after the deadline: it is a cancel. */
struct slow_scope { AIO_FRAME(int); int error; };
static AIO_CORO(slow_scope)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_wait_for(work(100, 7, .cleanup = 20), 10));
    note("never ");
    AIO_END;
}

CORO_TEST(cancelled_while_expiring, struct slow_scope *task; int error;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(slow_scope));
    AIO_AWAIT(aio_sleep(15));
    CHECK_NOTES("s f-125 ");
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(aio_now(), 15);
    CHECK_NOTES("F-125 ");
    aio_release(self->task);
    AIO_END;
}

CORO_TEST(wait_for_as_task, struct work *task; int error, value;)
{
    AIO_BEGIN;
    since = 0;
    self->task = aio_create_task(aio_wait_for(work(100, 7), 10));
    AIO_AWAIT(aio_sleep(2));                    /* its time runs from its first step */
    AIO_TRY(self->error, self->value, self->task);
    CHECK_STR(outcome(self->error, self->value), "-110,0 after 10");
    CHECK_INT(aio_task_error(self->task), AIO_ETIMEDOUT);
    aio_release(self->task);
    self->task = aio_create_task(aio_wait_for(work(4, 7), 10));
    AIO_AWAIT(self->value, self->task);
    CHECK_STR(outcome(0, self->value), "0,7 after 4");
    CHECK_INT(self->task->result, 7);
    aio_release(self->task);
    CHECK_INT(aio_spawn(aio_wait_for(work(100, 7), 10)), 0);
    AIO_AWAIT(aio_sleep(20));
    CHECK_NOTES("s f-125 F-125 s f0 F0 s f-125 F-125 [aio_wait_for failed -110]");
    AIO_END;
}

/* The time runs from the first step of the wait, not from the call. */
CORO_TEST(starts_when_awaited, struct aio_void *sleep; int error;)
{
    AIO_BEGIN;
    self->sleep = aio_wait_for(aio_sleep(8), 10);
    AIO_AWAIT(aio_sleep(50));
    AIO_TRY(self->error, self->sleep);
    CHECK_INT(self->error, 0);
    CHECK_INT(aio_now(), 58);
    AIO_END;
}

/* Deadline and result due in one turn: the deadline wins, whichever was armed first. */
CORO_TEST(tie, int error, value; int_future future; struct aio_callback callback; struct work *task;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->value, aio_wait_for(work(10, 7), 10));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    AIO_TRY(self->error, aio_wait_for(aio_sleep(10), 10));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    self->callback.fn = set_future;
    self->callback.arg = &self->future;
    CHECK_INT(aio_loop_call_later(aio_loop_current(), &self->callback, 10), 0);
    AIO_TRY(self->error, self->value, aio_wait_for(&self->future, 10));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    self->task = aio_create_task(work(10, 7));
    AIO_AWAIT(aio_sleep(0));
    AIO_TRY(self->error, self->value, aio_wait_for(self->task, 10));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    aio_release(self->task);
    tap_text[0] = 0;
    AIO_END;
}

/* ---------------------------------------------------------------------------------- callbacks */

static void note_callback(struct aio_callback *callback)
{
    CHECK(aio_current_task() == NULL);
    CHECK(callback->loop == aio_loop_current());
    note("%s@%d ", (const char *)callback->arg, (int)aio_now());
}
static void setup(struct aio_callback *callbacks, int n)
{
    static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
    int i;
    for (i = 0; i < n; i++) {
        callbacks[i].fn = note_callback;
        callbacks[i].arg = (void *)(uintptr_t)names[i];
    }
}

CORO_TEST(callbacks, struct aio_callback c[6]; struct aio_loop *loop;)
{
    AIO_BEGIN;
    setup(self->c, 6);
    self->loop = aio_loop_current();
    CHECK_INT(aio_loop_call_soon(self->loop, &self->c[0]), 0);
    CHECK_INT(aio_loop_call_soon(self->loop, &self->c[1]), 0);
    CHECK_INT(aio_loop_call_soon(self->loop, &self->c[0]), AIO_EBUSY);      /* waits already */
    CHECK_INT(aio_loop_call_later(self->loop, &self->c[0], 5), AIO_EBUSY);
    CHECK_INT(aio_spawn(aio_new(sleeps, 1, 0)), 0);
    CHECK_INT(aio_loop_call_soon(self->loop, &self->c[2]), 0);
    CHECK_NOTES("");
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("a@0 b@0 c@0 ");                /* one FIFO; the task yields once more */
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("1@0 ");
    CHECK_INT(aio_loop_call_later(self->loop, &self->c[0], 30), 0);
    CHECK_INT(aio_loop_call_at(self->loop, &self->c[1], 20), 0);
    CHECK_INT(aio_loop_call_later(self->loop, &self->c[2], 20), 0);
    CHECK_INT(aio_loop_call_at(self->loop, &self->c[3], 10), 0);
    CHECK_INT(aio_loop_call_at(self->loop, &self->c[4], 40), 0);
    CHECK_INT(aio_loop_call_later(self->loop, &self->c[5], -3), 0);
    CHECK_INT(aio_loop_call_later(self->loop, &self->c[0], 5), AIO_EBUSY);
    AIO_AWAIT(aio_sleep(35));
    CHECK_NOTES("f@0 d@10 b@20 c@20 a@30 ");
    CHECK(aio_callback_cancel(&self->c[4]));
    CHECK(!aio_callback_cancel(&self->c[4]));
    CHECK(!aio_callback_cancel(&self->c[0]));   /* it was called */
    AIO_AWAIT(aio_sleep(35));
    CHECK_INT(aio_loop_call_at(self->loop, &self->c[4], 5), 0);     /* past: soon */
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("e@70 ");
    CHECK_INT(aio_loop_call_at(self->loop, &self->c[5], AIO_FOREVER), 0);
    AIO_AWAIT(aio_sleep(AIO_SEC(1)));
    CHECK(aio_callback_cancel(&self->c[5]));
    AIO_END;
}

/* Any of five in the queue is taken back, by the task or by a callback that runs in the same turn. */
static struct aio_callback *victim;
static void cancels_victim(struct aio_callback *callback)
{
    (void)callback;
    note("x ");
    CHECK(aio_callback_cancel(victim));
    CHECK(!aio_callback_cancel(victim));
}

CORO_TEST(cancel_queued, struct aio_callback c[5], killer; int i, k, who, behind;)
{
    AIO_BEGIN;
    self->killer.fn = cancels_victim;
    for (self->who = 0; self->who < 2; self->who++)
        for (self->behind = 0; self->behind < 2; self->behind++)
            for (self->i = 0; self->i < 5; self->i++) {
                setup(self->c, 5);
                victim = &self->c[self->i];
                if (self->who)                  /* a callback in front takes it back */
                    CHECK_INT(aio_loop_call_soon(aio_loop_current(), &self->killer), 0);
                for (self->k = 0; self->k < 5; self->k++)
                    CHECK_INT(aio_loop_call_soon(aio_loop_current(), &self->c[self->k]), 0);
                if (self->behind)
                    CHECK_INT(aio_spawn(aio_new(sleeps, 9, -1)), 0);
                if (!self->who)
                    CHECK(aio_callback_cancel(victim));
                AIO_AWAIT(aio_sleep(0));
                AIO_AWAIT(aio_sleep(0));
                {
                    char want[80];
                    int k;
                    strcpy(want, self->who ? "x " : "");
                    for (k = 0; k < 5; k++)
                        if (k != self->i)
                            sprintf(want + strlen(want), "%c@0 ", 'a' + k);
                    if (self->behind)
                        strcat(want, "9@0 ");
                    CHECK_NOTES(want);
                }
            }
    AIO_END;
}

/* The last of a turn is taken back by the one before it, with nothing else in the queue: by turns. */
static void again(struct aio_callback *callback)
{
    note("again ");
    if (callback->arg) {
        callback->arg = NULL;
        CHECK_INT(aio_loop_call_soon(callback->loop, callback), 0);
    }
}

TEST(cancel_last_of_turn)
{
    struct aio_loop loop;
    struct aio_callback c[3], killer;
    memset(c, 0, sizeof c);
    memset(&killer, 0, sizeof killer);
    setup(c, 3);
    killer.fn = cancels_victim;
    CHECK_INT(aio_loop_init(&loop, &core_options), 0);
    victim = &c[0];
    CHECK_INT(aio_loop_call_soon(&loop, &killer), 0);
    CHECK_INT(aio_loop_call_soon(&loop, &c[0]), 0);
    CHECK_INT(aio_loop_turn(&loop, 0), 1);      /* the only other one, and the last */
    CHECK_NOTES("x ");
    CHECK_INT(aio_loop_turn(&loop, 0), 0);
    CHECK_INT(aio_loop_call_soon(&loop, &c[1]), 0);
    CHECK_INT(aio_loop_turn(&loop, 0), 1);      /* and the queue is as good as new */
    CHECK_NOTES("b@0 ");
    c[2].fn = again;                            /* the last of a turn queues itself: next turn */
    c[2].arg = &loop;
    CHECK_INT(aio_loop_call_soon(&loop, &c[1]), 0);
    CHECK_INT(aio_loop_call_soon(&loop, &c[2]), 0);
    CHECK_INT(aio_loop_turn(&loop, 0), 2);
    CHECK_NOTES("b@0 again ");
    CHECK_INT(aio_loop_turn(&loop, 0), 1);
    CHECK_NOTES("again ");
    CHECK_INT(aio_loop_turn(&loop, 0), 0);
    victim = &c[0];
    CHECK_INT(aio_loop_call_soon(&loop, &killer), 0);
    CHECK_INT(aio_loop_call_soon(&loop, &c[0]), 0);
    CHECK(aio_callback_cancel(&killer));
    CHECK(aio_callback_cancel(&c[0]));          /* the whole queue */
    CHECK_INT(aio_loop_turn(&loop, 0), 0);
    CHECK_INT(aio_loop_close(&loop), 0);
    CHECK_INT(core_live, 0);
}

/* Timers of one instant: one takes back another, before it or behind it. */
CORO_TEST(cancel_due, struct aio_callback c[3], killer; int i;)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 3; self->i++) {
        setup(self->c, 3);
        self->killer.fn = cancels_victim;
        victim = &self->c[self->i];
        CHECK_INT(aio_loop_call_later(aio_loop_current(), &self->killer, 10), 0);
        CHECK_INT(aio_loop_call_later(aio_loop_current(), &self->c[0], 10), 0);
        CHECK_INT(aio_loop_call_later(aio_loop_current(), &self->c[1], 10), 0);
        CHECK_INT(aio_loop_call_later(aio_loop_current(), &self->c[2], 20), 0);
        AIO_AWAIT(aio_sleep(50));
        CHECK_NOTES(self->i == 0 ? "x b@10 c@20 " : self->i == 1 ? "x a@60 c@70 " : "x a@110 b@110 ");
    }
    AIO_END;
}

/* What is posted comes in the order of the posts. */
CORO_TEST(posts, struct aio_callback c[3];)
{
    AIO_BEGIN;
    setup(self->c, 3);
    aio_loop_post(aio_loop_current(), &self->c[1]);
    aio_loop_post(aio_loop_current(), &self->c[0]);
    aio_loop_post(aio_loop_current(), &self->c[2]);
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("b@0 a@0 c@0 ");
    AIO_END;
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(sleep_order), T(equal_deadlines), T(many_deadlines), SLACK T(many_in_any_order), T(left_over), T(readings_of_the_clock), T(sleep_until), T(huge), T(units), T(sleep_as_task),
        T(wait_for_coroutine), T(wait_for_results), T(wait_for_spans), T(wait_for_no_time), T(wait_for_task), T(wait_for_future), T(nested), T(who_expired),
        T(cancelled_while_expiring), T(wait_for_as_task), T(starts_when_awaited), T(tie), T(callbacks),
        T(cancel_queued), T(cancel_last_of_turn), T(cancel_due), T(posts));
}
