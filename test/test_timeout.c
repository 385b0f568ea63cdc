/* AIO_TIMEOUT: a deadline for a part of a body. Whatever leaves the block takes the deadline and its request
   with it, and only the scope that expired takes the cancellation for a timeout. */
#include "core.h"

enum { EFIRST = AIO_EUSER - 1, ESECOND = AIO_EUSER - 2 };

/* Sleeps, and cleans up. */
struct nap { AIO_FRAME(int); aio_time span, cleanup; int error, id; };
static AIO_CORO(nap)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->span));
    if (self->error)
        AIO_RAISE(self->error);
    AIO_RETURN(7);
    AIO_FINALLY;
    note("f%d,%d ", self->id, aio_coro_error(self));
    if (self->cleanup)
        AIO_AWAIT(aio_sleep(self->cleanup));
    AIO_END;
}

/* No request is left on the task that runs, and none is on its way. */
#define CHECK_CLEAN() do { \
    CHECK_INT(aio_task_cancelling(aio_current_task()), 0); \
    AIO_AWAIT(aio_sleep(0)); } while (0)
#define CHECK_NO_TIMER() CHECK(aio_loop_current()->timer_count == 0)

/* ---------------------------------------------------------------------------- one and its end */

CORO_TEST(in_time, struct aio_timeout scope; int value; aio_time then;)
{
    AIO_BEGIN;
    CHECK(!self->scope.expired);                /* zeroed: not open */
    AIO_AWAIT(aio_sleep(3));
    AIO_TIMEOUT(&self->scope, 10) {
        CHECK_INT(self->scope.when, 13);
        AIO_AWAIT(aio_sleep(4));
        AIO_AWAIT(self->value, aio_new(nap, 4));
    }
    CHECK(!self->scope.expired);
    CHECK_INT(self->value, 7);
    CHECK_INT(self->scope.when, 13);
    CHECK_NO_TIMER();
    CHECK_CLEAN();
    AIO_AWAIT(aio_sleep(100));
    CHECK_INT(aio_now(), 111);
    CHECK_NOTES("f0,0 ");
    AIO_END;
}

CORO_TEST(several_awaits, struct aio_timeout scope; int value;)
{
    AIO_BEGIN;
    self->value = 9;
    AIO_TIMEOUT(&self->scope, 10) {
        AIO_AWAIT(aio_sleep(4));
        CHECK(!self->scope.expired);
        AIO_AWAIT(aio_sleep(4));
        note("8 ");
        AIO_AWAIT(self->value, aio_new(nap, 4, 3));
        note("never ");
    }
    CHECK(self->scope.expired);
    CHECK_INT(aio_coro_error(self), 0);
    CHECK_INT(self->value, 0);                  /* written on error, too */
    CHECK_INT(aio_now(), 13);                   /* its cleanup has been waited for */
    CHECK_CLEAN();
    AIO_AWAIT(aio_sleep(5));
    CHECK_NOTES("8 f0,-125 ");
    AIO_END;
}

CORO_TEST(without_braces, struct aio_timeout scope;)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->scope, 10)
        AIO_AWAIT(aio_sleep(20));
    CHECK(self->scope.expired);
    AIO_TIMEOUT(&self->scope, 10) AIO_AWAIT(aio_sleep(2));
    CHECK(!self->scope.expired);
    AIO_TIMEOUT(&self->scope, 10) { } AIO_TIMEOUT(&self->scope, 10) { }         /* two in a line */
    CHECK(!self->scope.expired);
    CHECK_INT(aio_now(), 12);
    CHECK_CLEAN();
    AIO_END;
}

CORO_TEST(as_a_branch, struct aio_timeout scope; int i;)
{
    AIO_BEGIN;
    for (; self->i < 2; self->i++)
        if (self->i) {
            AIO_TIMEOUT(&self->scope, 10)
                AIO_AWAIT(aio_sleep(20));
        } else {
            AIO_TIMEOUT(&self->scope, 20)
                AIO_AWAIT(aio_sleep(10));
        }
    CHECK(self->scope.expired);
    CHECK_INT(aio_now(), 20);
    AIO_END;
}

struct leaves { AIO_FRAME(int); char how; struct aio_timeout scope; aio_time cleanup; int i, value; };
static AIO_CORO(leaves)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 3; self->i++) {
        AIO_TIMEOUT(&self->scope, 10) {
            AIO_AWAIT(aio_sleep(1));
            if (self->how == 'b')
                break;
            if (self->how == 'c')
                continue;
            if (self->how == 'r')
                AIO_RETURN(5);
            if (self->how == 'e')
                AIO_RAISE(EFIRST);
            if (self->how == 'a')
                AIO_AWAIT(aio_new(nap, 1, .error = ESECOND));
            if (self->how == 'm')
                AIO_AWAIT((struct aio_void *)NULL);
            if (self->how == 's')
                AIO_AWAIT(aio_new(nap, AIO_FOREVER, self->cleanup));
            note("%d ", self->i);
        }
        CHECK_INT(self->scope.expired, self->how == 's');
        note("behind ");
    }
    AIO_RETURN(6);
    AIO_FINALLY;
    note("F%d,%d ", aio_coro_error(self), self->scope.expired);
    CHECK_CLEAN();
    AIO_AWAIT(aio_sleep(50));                   /* nobody cuts this short */
    AIO_END;
}
CORO_TEST(ways_out, int error, value; aio_time then;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->value, aio_new(leaves, 'n'));
    CHECK_INT(self->value, 6);
    CHECK_NOTES("0 behind 1 behind 2 behind F0,0 ");
    CHECK_INT(aio_now(), 53);
    AIO_TRY(self->error, self->value, aio_new(leaves, 'b'));
    CHECK_NOTES("behind behind behind F0,0 ");
    AIO_TRY(self->error, self->value, aio_new(leaves, 'c'));
    CHECK_INT(self->value, 6);
    CHECK_NOTES("behind behind behind F0,0 ");
    AIO_TRY(self->error, self->value, aio_new(leaves, 'r'));
    CHECK(self->error == 0 && self->value == 5);
    CHECK_NOTES("F0,0 ");
    AIO_TRY(self->error, aio_new(leaves, 'e'));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("F-10001,0 ");
    AIO_TRY(self->error, aio_new(leaves, 'a'));
    CHECK_INT(self->error, ESECOND);
    CHECK_NOTES("f0,-10002 F-10002,0 ");
    AIO_TRY(self->error, aio_new(leaves, 'm'));
    CHECK_INT(self->error, AIO_ENOMEM);
    CHECK_NOTES("F-12,0 ");
    self->then = aio_now();
    AIO_TRY(self->error, self->value, aio_new(leaves, 's'));
    CHECK_INT(self->value, 6);
    CHECK_NOTES("f0,-125 behind f0,-125 behind f0,-125 behind F0,1 ");
    CHECK_INT(aio_now(), self->then + 80);
    AIO_END;
}

/* ----------------------------------------------------------------------------- outer cancels */

struct bounded { AIO_FRAME(int); aio_time limit, span, cleanup; struct aio_timeout scope; int error; };
static AIO_CORO(bounded)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->scope, self->limit)
        AIO_AWAIT(aio_new(nap, self->span, self->cleanup));
    note("behind,%d ", self->scope.expired);
    CHECK_CLEAN();
    AIO_RETURN(1);
    AIO_FINALLY;
    note("F%d@%d ", aio_coro_error(self), (int)aio_now());
    CHECK_INT(aio_task_cancelling(aio_current_task()), aio_coro_error(self) == AIO_ECANCELED);
    AIO_END;
}
/* The outer cancel at a time; armed before the deadline, so that it is the first of the two that are due at once, or
   after it. */
struct cancels { AIO_FRAME(int); aio_time when; bool first; struct bounded *task; aio_time cleanup; };
static void cancel_it(struct aio_callback *callback)
{
    aio_task_cancel((struct bounded *)callback->arg);
}
static struct aio_callback canceller;
static AIO_CORO(cancels)
{
    AIO_BEGIN;
    memset(&canceller, 0, sizeof canceller);
    canceller.fn = cancel_it;
    self->task = aio_create_task(aio_new(bounded, 10, 100, self->cleanup));
    canceller.arg = self->task;
    if (self->first)
        CHECK_INT(aio_loop_call_later(aio_loop_current(), &canceller, self->when), 0);
    AIO_AWAIT(aio_sleep(0));
    if (!self->first)
        CHECK_INT(aio_loop_call_later(aio_loop_current(), &canceller, self->when), 0);
    AIO_TRY(self->result, self->task);
    aio_release(self->task);
    aio_callback_cancel(&canceller);
    AIO_END;
}
CORO_TEST(outer_cancel, int error; aio_time then, cleanup; int first;)
{
    AIO_BEGIN;
    for (; self->first < 2; self->first++)
        for (self->cleanup = 0; self->cleanup < 10; self->cleanup += 5) {
            self->then = aio_now();
            AIO_AWAIT(self->error, aio_new(cancels, 9, self->first, .cleanup = self->cleanup)); /* just before */
            CHECK_INT(self->error, AIO_ECANCELED);
            CHECK(strncmp(tap_text, "f0,-125 F-125@", 14) == 0);
            tap_text[0] = 0;
            AIO_AWAIT(self->error, aio_new(cancels, 10, self->first, .cleanup = self->cleanup));
            CHECK_INT(self->error, AIO_ECANCELED);              /* at once; armed last, it finds it gone on */
            CHECK(strncmp(tap_text, self->first || self->cleanup ? "f0,-125 F-125@" : "f0,-125 behind,1 F-125@", 14)
                  == 0);
            tap_text[0] = 0;
            AIO_AWAIT(self->error, aio_new(cancels, 11, self->first, .cleanup = self->cleanup)); /* just after */
            CHECK_INT(self->error, self->cleanup ? AIO_ECANCELED : 0);
            CHECK(strncmp(tap_text, self->cleanup ? "f0,-125 F-125@" : "f0,-125 behind,1 F0@", 14) == 0);
            tap_text[0] = 0;
        }
    AIO_END;
}

/* A request that stood before, and one that has not struck yet when the block begins. */
struct stood { AIO_FRAME(void); char how; struct aio_timeout scope, inner; int error; };
static AIO_CORO(stood)
{
    AIO_BEGIN;
    aio_task_cancel(aio_current_task());
    if (self->how == 'c') {
        AIO_CATCH(self->error, aio_sleep(1));
        CHECK_INT(self->error, AIO_ECANCELED);
        AIO_TIMEOUT(&self->scope, 10)
            AIO_AWAIT(aio_sleep(20));
        CHECK(self->scope.expired);
        CHECK_INT(aio_task_cancelling(aio_current_task()), 1);
        AIO_AWAIT(aio_sleep(1));
    } else if (self->how == 's') {
        AIO_TIMEOUT(&self->scope, 0)
            AIO_AWAIT(aio_sleep(20));
        note("never ");
    } else if (self->how == 'n') {
        AIO_TIMEOUT(&self->scope, 0) { }
        CHECK(!self->scope.expired);
        note("behind ");
        AIO_AWAIT(aio_sleep(1));
        note("never ");
    } else if (self->how == 'w') {
        AIO_TRY(self->error, aio_wait_for(aio_sleep(20), 0));
        AIO_AWAIT(aio_sleep(1));
        note("never ");
    }
    AIO_FINALLY;
    note("F%d,%d ", aio_coro_error(self), aio_task_cancelling(aio_current_task()));
    AIO_END;
}
CORO_TEST(requests_before, struct stood *task; int i, error;)
{
    AIO_BEGIN;
    for (; self->i < 4; self->i++) {
        self->task = aio_create_task(aio_new(stood, "csnw"[self->i]));
        AIO_TRY(self->error, self->task);
        CHECK_INT(self->error, self->i ? AIO_ECANCELED : 0);
        CHECK_NOTES(self->i == 0 ? "F0,1 " : self->i == 2 ? "behind F-125,1 " : "F-125,1 ");
        aio_release(self->task);
    }
    AIO_END;
}

/* Two requests of others: both stay. */
CORO_TEST(requests_are_counted, struct bounded *task; int error;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(bounded, 10, 100, 50));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->task));
    AIO_AWAIT(aio_sleep(14));                   /* the deadline hurries the cleanup */
    CHECK(aio_task_done(self->task));
    CHECK_INT(aio_task_cancelling(self->task), 1);
    CHECK_NOTES("f0,-125 F-125@10 ");
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    aio_release(self->task);
    AIO_END;
}

/* --------------------------------------------------------------------------------- nested */

struct nested {
    AIO_FRAME(int);
    aio_time outer_limit, middle_limit, inner_limit, span, cleanup;
    struct aio_timeout outer, middle, inner;
};
static AIO_CORO(nested)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->outer, self->outer_limit) {
        AIO_TIMEOUT(&self->middle, self->middle_limit) {
            AIO_TIMEOUT(&self->inner, self->inner_limit) {
                AIO_AWAIT(aio_new(nap, self->span, self->cleanup));
                note("end ");
            }
            note("i ");
            AIO_AWAIT(aio_sleep(1));
        }
        note("m ");
        AIO_AWAIT(aio_sleep(1));
    }
    note("o %d%d%d@%d ", self->outer.expired, self->middle.expired, self->inner.expired, (int)aio_now());
    CHECK_CLEAN();
    AIO_END;
}
/* The same through frames. */
struct through { AIO_FRAME(int); int depth; aio_time limits[3]; struct aio_timeout scope; aio_time span, cleanup; };
static AIO_DECLARE(through);
static struct through *through(const struct through *of)
{
    struct through *made = aio_new(through, .depth = of->depth + 1, .span = of->span, .cleanup = of->cleanup);
    if (made)
        memcpy(made->limits, of->limits, sizeof made->limits);
    return made;
}
static AIO_CORO(through)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->scope, self->limits[self->depth]) {
        if (self->depth < 2)
            AIO_AWAIT(through(self));
        else {
            AIO_AWAIT(aio_new(nap, self->span, self->cleanup));
            note("end ");
        }
    }
    note("%c%d ", "omi"[self->depth], self->scope.expired);
    AIO_AWAIT(aio_sleep(1));
    AIO_END;
}
static const struct { aio_time limits[3], span, cleanup; const char *same_frame, *frames; } nestings[] = {
    { { 50, 40, 30 }, 10, 0, "f0,0 end i m o 000@12 ", "f0,0 end i0 m0 o0 " },
    { { 50, 40, 30 }, 90, 0, "f0,-125 i m o 001@32 ", "f0,-125 i1 m0 o0 " },
    { { 50, 30, 40 }, 90, 0, "f0,-125 m o 010@31 ", "f0,-125 m1 o0 " },
    { { 30, 40, 50 }, 90, 0, "f0,-125 o 100@30 ", "f0,-125 o1 " },
    { { 30, 30, 30 }, 90, 0, "f0,-125 o 111@30 ", "f0,-125 o1 " },      /* all at once: the outermost */
    { { 40, 30, 30 }, 90, 0, "f0,-125 m o 011@31 ", "f0,-125 m1 o0 " },
    { { 31, 50, 30 }, 90, 5, "f0,-125 o 101@31 ", "f0,-125 o1 " },      /* while the inner one's cleanup runs */
    { { 31, 50, 30 }, 90, 0, "f0,-125 i o 101@31 ", "f0,-125 i1 o1 " }, /* while the next await waits */
    { { 0, 50, 30 }, 90, 0, "f0,-125 o 100@0 ", "f0,-125 o1 " },
    { { 0, 0, 0 }, 90, 0, "f0,-125 o 111@0 ", "f0,-125 o1 " },
    { { 50, -5, 30 }, 90, 0, "f0,-125 m o 010@1 ", "f0,-125 m1 o0 " },
    { { AIO_FOREVER, AIO_FOREVER, 30 }, 90, 0, "f0,-125 i m o 001@32 ", "f0,-125 i1 m0 o0 " },
};
TEST(nested)
{
    size_t i;
    for (i = 0; i < sizeof nestings / sizeof *nestings; i++) {
        const aio_time *limits = nestings[i].limits;
        CHECK_INT(run(aio_new(nested, limits[0], limits[1], limits[2], nestings[i].span, nestings[i].cleanup)), 0);
        CHECK_NOTES(nestings[i].same_frame);
        CHECK_INT(run(aio_new(through, .limits = { limits[0], limits[1], limits[2] }, .span = nestings[i].span,
                              .cleanup = nestings[i].cleanup)), 0);
        CHECK_NOTES(nestings[i].frames);
    }
}

CORO_TEST(in_a_loop, struct aio_timeout scope, inner; int i, j, expired;)
{
    AIO_BEGIN;
    for (; self->i < 100; self->i++) {
        AIO_TIMEOUT(&self->scope, 10) {
            for (self->j = 0; self->j < 4; self->j++)
                AIO_TIMEOUT(&self->inner, 3)
                    AIO_AWAIT(aio_sleep(self->i % 5));
            CHECK_INT(self->inner.expired, self->i % 5 == 4);
        }
        self->expired += self->scope.expired;
        if (self->scope.expired)
            CHECK(self->i % 5 > 2);
    }
    CHECK_INT(self->expired, 40);
    CHECK_CLEAN();
    AIO_END;
}

/* -------------------------------------------------------------------------------- no limit left */

CORO_TEST(zero, struct aio_timeout scope; AIO_FUTURE(int) future; int value, i;)
{
    AIO_BEGIN;
    aio_future_set_result(&self->future, 3);
    for (; self->i < 3; self->i++) {
        AIO_TIMEOUT(&self->scope, -self->i) {
            AIO_AWAIT(self->value, &self->future);              /* ready: does not suspend */
            note("a ");
            AIO_AWAIT(aio_sleep(0));
            note("never ");
        }
        CHECK(self->scope.expired);
        CHECK_INT(self->value, 3);
        CHECK_CLEAN();
        AIO_TIMEOUT(&self->scope, -self->i)                     /* never suspends: is not struck */
            AIO_AWAIT(self->value, &self->future);
        CHECK(!self->scope.expired);
        CHECK_CLEAN();
        AIO_AWAIT(aio_sleep(5));
    }
    AIO_TIMEOUT(&self->scope, -AIO_FOREVER)
        AIO_AWAIT(aio_new(nap, 3));
    CHECK(self->scope.expired);
    CHECK_INT(aio_now(), 15);
    CHECK_NOTES("a a a f0,-125 ");
    AIO_END;
}

CORO_TEST(forever, struct aio_timeout scope;)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->scope, AIO_FOREVER) {
        CHECK(self->scope.when == AIO_FOREVER);
        CHECK_NO_TIMER();
        AIO_AWAIT(aio_sleep(AIO_SEC(1e6)));
    }
    CHECK(!self->scope.expired);
    AIO_TIMEOUT(&self->scope, AIO_FOREVER - 1)
        CHECK(self->scope.when == AIO_FOREVER);                 /* too long to count */
    AIO_TIMEOUT_AT(&self->scope, AIO_FOREVER)
        AIO_AWAIT(aio_sleep(1));
    CHECK(!self->scope.expired);
    AIO_END;
}

CORO_TEST(at, struct aio_timeout scope;)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(100));
    AIO_TIMEOUT_AT(&self->scope, 110) {
        CHECK_INT(self->scope.when, 110);
        AIO_AWAIT(aio_sleep(50));
    }
    CHECK(self->scope.expired);
    CHECK_INT(aio_now(), 110);
    AIO_TIMEOUT_AT(&self->scope, 110)           /* now */
        AIO_AWAIT(aio_sleep(50));
    CHECK(self->scope.expired);
    CHECK_INT(aio_now(), 110);
    AIO_TIMEOUT_AT(&self->scope, 5) {           /* past */
        CHECK_INT(self->scope.when, 5);
        AIO_AWAIT(aio_sleep(0));
        note("never ");
    }
    CHECK(self->scope.expired);
    AIO_TIMEOUT_AT(&self->scope, 120)
        AIO_AWAIT(aio_sleep(9));
    CHECK(!self->scope.expired);
    CHECK_CLEAN();
    AIO_END;
}

/* ------------------------------------------------------------------------------- reschedule */

struct changes { AIO_FRAME(void); struct aio_timeout *scope; aio_time after, limit; int want; };
static AIO_CORO(changes)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->after));
    CHECK_INT(aio_timeout_reschedule(self->scope, self->limit), self->want);
    AIO_END;
}
static struct aio_timeout *called_with;
static void reschedules(struct aio_callback *callback)
{
    (void)callback;
    CHECK_INT(aio_timeout_reschedule(called_with, 5), 0);
}
CORO_TEST(reschedule, struct aio_timeout scope, none; struct aio_callback callback; aio_time then; int error;)
{
    AIO_BEGIN;
    CHECK_INT(aio_timeout_reschedule(&self->scope, 5), AIO_EINVAL);             /* not open */
    CHECK_INT(aio_timeout_reschedule_at(&self->scope, 5), AIO_EINVAL);
    AIO_TIMEOUT(&self->scope, 10) {             /* later */
        AIO_AWAIT(aio_sleep(9));
        CHECK_INT(aio_timeout_reschedule(&self->scope, 10), 0);
        CHECK_INT(self->scope.when, 19);
        AIO_AWAIT(aio_sleep(50));
    }
    CHECK(self->scope.expired);
    CHECK_INT(aio_now(), 19);
    CHECK_INT(aio_timeout_reschedule(&self->scope, 5), AIO_EINVAL);             /* not open any more */
    AIO_TIMEOUT(&self->scope, 100) {            /* sooner */
        CHECK_INT(aio_timeout_reschedule(&self->scope, 10), 0);
        AIO_AWAIT(aio_sleep(50));
    }
    CHECK(self->scope.expired);
    CHECK_INT(aio_now(), 29);
    AIO_TIMEOUT(&self->scope, 10) {             /* never, and again */
        CHECK_INT(aio_timeout_reschedule(&self->scope, AIO_FOREVER), 0);
        CHECK(self->scope.when == AIO_FOREVER);
        AIO_AWAIT(aio_sleep(50));
        CHECK_INT(aio_timeout_reschedule(&self->scope, AIO_FOREVER), 0);
        AIO_AWAIT(aio_sleep(1));
        CHECK_INT(aio_timeout_reschedule_at(&self->scope, 90), 0);
        CHECK_INT(aio_timeout_reschedule_at(&self->scope, 91), 0);
        AIO_AWAIT(aio_sleep(50));
    }
    CHECK(self->scope.expired);
    CHECK_INT(aio_now(), 91);
    AIO_TIMEOUT(&self->scope, AIO_FOREVER) {    /* now, and in the past */
        CHECK_INT(aio_timeout_reschedule(&self->scope, 0), 0);
        AIO_AWAIT(aio_sleep(50));
    }
    CHECK(self->scope.expired);
    AIO_TIMEOUT(&self->scope, 10) {
        CHECK_INT(aio_timeout_reschedule_at(&self->scope, 3), 0);
        AIO_AWAIT(aio_sleep(50));
    }
    CHECK(self->scope.expired);
    CHECK_INT(aio_now(), 91);
    AIO_TIMEOUT(&self->scope, 10) {             /* sooner, and it never suspends */
        CHECK_INT(aio_timeout_reschedule(&self->scope, 0), 0);
    }
    CHECK(!self->scope.expired);
    CHECK_CLEAN();
    AIO_TIMEOUT(&self->scope, 10) {             /* after it has expired */
        AIO_CATCH(self->error, aio_sleep(50));
        CHECK_INT(self->error, AIO_ECANCELED);
        CHECK(self->scope.expired);
        CHECK_INT(aio_timeout_reschedule(&self->scope, 50), AIO_EINVAL);
        CHECK_INT(aio_timeout_reschedule_at(&self->scope, AIO_FOREVER), AIO_EINVAL);
    }
    CHECK_INT(aio_now(), 101);
    CHECK_INT(aio_spawn(aio_new(changes, &self->scope, 5, 20)), 0);             /* from another task */
    CHECK_INT(aio_spawn(aio_new(changes, &self->scope, 26, 20, AIO_EINVAL)), 0);
    AIO_TIMEOUT(&self->scope, 10)
        AIO_AWAIT(aio_sleep(50));
    CHECK(self->scope.expired);
    CHECK_INT(aio_now(), 126);
    AIO_AWAIT(aio_sleep(1));
    self->callback.fn = reschedules;            /* from a callback */
    called_with = &self->scope;
    CHECK_INT(aio_loop_call_later(aio_loop_current(), &self->callback, 5), 0);
    AIO_TIMEOUT(&self->scope, AIO_FOREVER)
        AIO_AWAIT(aio_sleep(50));
    CHECK(self->scope.expired);
    CHECK_INT(aio_now(), 137);
    CHECK_INT(aio_timeout_reschedule(&self->none, AIO_FOREVER), AIO_EINVAL);
    CHECK_CLEAN();
    AIO_END;
}

/* --------------------------------------------------------------------- TRY, CATCH, raised again */

CORO_TEST(swallowed, struct aio_timeout scope; int error;)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->scope, 10) {
        AIO_CATCH(self->error, aio_new(nap, 20));
        CHECK_INT(self->error, AIO_ECANCELED);
        CHECK(self->scope.expired);
        CHECK_INT(aio_task_cancelling(aio_current_task()), 1);
        AIO_AWAIT(aio_sleep(20));               /* it has struck: once */
        note("went on ");
    }
    CHECK(self->scope.expired);
    CHECK_INT(aio_now(), 30);
    CHECK_CLEAN();
    CHECK_NOTES("f0,-125 went on ");
    AIO_END;
}

CORO_TEST(not_tried, struct aio_timeout scope; int error;)
{
    AIO_BEGIN;
    self->error = 5;
    AIO_TIMEOUT(&self->scope, 10) {
        AIO_TRY(self->error, aio_new(nap, 20));
        note("never ");
    }
    CHECK(self->scope.expired);
    CHECK_NOTES("f0,-125 ");
    AIO_TIMEOUT(&self->scope, 10) {             /* what is not its own, it takes */
        AIO_TRY(self->error, aio_new(nap, 2, .error = EFIRST));
        CHECK_INT(self->error, EFIRST);
        AIO_AWAIT(aio_sleep(2));
    }
    CHECK(!self->scope.expired);
    CHECK_NOTES("f0,-10001 ");
    CHECK_CLEAN();
    AIO_END;
}

CORO_TEST(raised_again, struct aio_timeout scope; int error;)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->scope, 10) {
        AIO_CATCH(self->error, aio_new(nap, 20));
        AIO_RAISE(AIO_ECANCELED);
    }
    CHECK(self->scope.expired);
    CHECK_INT(aio_now(), 10);
    CHECK_CLEAN();
    CHECK_NOTES("f0,-125 ");
    AIO_END;
}
struct raises { AIO_FRAME(void); bool later; struct aio_timeout scope; int error; };
static AIO_CORO(raises)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->scope, 10) {
        if (self->later)
            AIO_CATCH(self->error, aio_new(nap, 20));
        AIO_RAISE(self->later ? EFIRST : AIO_ECANCELED);
    }
    note("never ");
    AIO_FINALLY;
    CHECK_INT(self->scope.expired, self->later);
    AIO_END;
}
CORO_TEST(raised_in_the_block, int error;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(raises));      /* by the program, and not for the deadline */
    CHECK_INT(self->error, AIO_ECANCELED);
    AIO_TRY(self->error, aio_new(raises, true));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("f0,-125 ");
    CHECK_CLEAN();
    AIO_END;
}

/* The cleanup of what it cuts short fails: that comes out, and is no timeout. */
struct fails_late { AIO_FRAME(void); };
static AIO_CORO(fails_late) { AIO_BEGIN; AIO_AWAIT(aio_sleep(50)); AIO_FINALLY; AIO_RAISE(ESECOND); AIO_END; }
struct error_wins { AIO_FRAME(void); struct aio_timeout scope; };
static AIO_CORO(error_wins)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->scope, 10)
        AIO_AWAIT(aio_new(fails_late));
    note("never ");
    AIO_FINALLY;
    CHECK(self->scope.expired);
    AIO_END;
}
CORO_TEST(failing_cleanup, int error;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(error_wins));
    CHECK_INT(self->error, ESECOND);
    CHECK_CLEAN();
    AIO_END;
}

/* ----------------------------------------------------------- around and inside everything else */

CORO_TEST(around_tasks, struct aio_timeout scope; struct nap *task; int value, error;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(nap, 20, 5));
    AIO_TIMEOUT(&self->scope, 10)
        AIO_AWAIT(aio_shield(self->task));
    CHECK(self->scope.expired && !aio_task_done(self->task));
    CHECK_INT(aio_now(), 10);
    AIO_TIMEOUT(&self->scope, 5)                /* passed on to the task */
        AIO_AWAIT(self->task);
    CHECK(self->scope.expired && aio_task_cancelled(self->task));
    CHECK_INT(aio_now(), 20);
    CHECK_NOTES("f0,-125 ");
    aio_release(self->task);
    CHECK_CLEAN();
    AIO_END;
}

/* A task that ends with its value all the same. */
struct refuses { AIO_FRAME(int); int error; };
static AIO_CORO(refuses) { AIO_BEGIN; AIO_CATCH(self->error, aio_sleep(50)); AIO_RETURN(3); AIO_END; }
CORO_TEST(refused, struct aio_timeout scope; struct refuses *task; int value;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(refuses));
    AIO_TIMEOUT(&self->scope, 10)
        AIO_AWAIT(self->value, self->task);
    CHECK(self->scope.expired);                 /* it was told to end, and it did */
    CHECK_INT(self->value, 3);
    CHECK_INT(aio_now(), 10);
    aio_release(self->task);
    CHECK_CLEAN();
    AIO_END;
}

CORO_TEST(groups, struct aio_timeout scope; struct aio_group group, older; struct nap *kept; int i;)
{
    AIO_BEGIN;
    CHECK_INT(aio_group_open(&self->older, self, 0, 0), 0);
    CHECK_INT(aio_group_spawn(&self->older, aio_new(nap, 1000, .id = 9)), 0);
    for (; self->i < 3; self->i++) {
        AIO_TIMEOUT(&self->scope, 10) {
            CHECK_INT(aio_group_open(&self->group, self, 2, 0), 0);             /* usable in each turn */
            self->kept = aio_group_create_task(&self->group, aio_new(nap, 5, .id = 1));
            CHECK(self->kept != NULL);
            CHECK_INT(aio_group_spawn(&self->group, aio_new(nap, 50, 5, .id = 2)), 0);
            CHECK_INT(aio_group_spawn(&self->group, aio_new(nap, 50, .id = 3)), 0);
            CHECK_INT(aio_group_spawn(&self->group, aio_new(nap, 50, .id = 4)), 0);
            if (self->i == 1)
                AIO_AWAIT(aio_group_join(&self->group));
            AIO_AWAIT(aio_sleep(50));
        }
        CHECK(self->scope.expired);
        CHECK_INT(aio_group_count(&self->group), 0);
        CHECK_INT(aio_now(), 15 * (self->i + 1));               /* waited for */
        CHECK_NOTES("f1,0 f2,-125 f3,-125 f4,-125 ");
        CHECK_INT(aio_group_count(&self->older), 1);            /* which the block had not opened */
        CHECK_INT(aio_task_cancelling(aio_current_task()), 0);
    }
    aio_group_cancel(&self->older);
    AIO_AWAIT(aio_group_join(&self->older));
    CHECK_NOTES("f9,-125 ");
    CHECK_CLEAN();
    AIO_END;
}

/* The block comes to its end: its group stays, as one opened anywhere else in the body. */
CORO_TEST(group_left_open, struct aio_timeout scope; struct aio_group group; struct nap *kept;)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->scope, 10) {
        CHECK_INT(aio_group_open(&self->group, self, 0, 0), 0);
        self->kept = aio_group_create_task(&self->group, aio_new(nap, 20));
        AIO_AWAIT(aio_sleep(1));
    }
    CHECK(!self->scope.expired);
    CHECK_INT(aio_group_open(&self->group, self, 0, 0), AIO_EBUSY);
    AIO_AWAIT(aio_group_join(&self->group));
    CHECK_INT(self->kept->result, 7);
    CHECK_NOTES("f0,0 ");
    CHECK_INT(aio_now(), 20);
    AIO_END;
}

struct group_fails {
    AIO_FRAME(int);
    char how;
    aio_time limit;
    struct aio_timeout scope;
    struct aio_group group;
};
static AIO_CORO(group_fails)
{
    AIO_BEGIN;
    if (self->how == 'o')
        CHECK_INT(aio_group_open(&self->group, self, 0, 0), 0);
    AIO_TIMEOUT(&self->scope, self->limit) {
        if (self->how != 'o')
            CHECK_INT(aio_group_open(&self->group, self, 0, 0), 0);
        CHECK_INT(aio_group_spawn(&self->group, aio_new(nap, 5, .error = EFIRST, .id = 1)), 0);
        CHECK_INT(aio_group_spawn(&self->group, aio_new(nap, 50, 10, .id = 2)), 0);
        if (self->how == 'r')
            AIO_RETURN(5);
        if (self->how == 'j')
            AIO_AWAIT(aio_group_join(&self->group));
        AIO_AWAIT(aio_sleep(50));
    }
    note("never ");
    AIO_FINALLY;
    note("F%d,%d ", aio_coro_error(self), self->scope.expired);
    CHECK_INT(aio_task_cancelling(aio_current_task()), 0);
    AIO_END;
}
CORO_TEST(failing_groups, int i, error;)
{
    AIO_BEGIN;
    for (; self->i < 8; self->i++) {            /* the deadline is late, or strikes while the others clean up */
        AIO_TRY(self->error, aio_new(group_fails, "aojr"[self->i % 4], self->i < 4 ? 100 : 10));
        CHECK_INT(self->error, EFIRST);
        CHECK_INT(strncmp(tap_text, "f1,-10001 f2,-125 F-10001,", 26), 0);
        tap_text[0] = 0;
    }
    CHECK_CLEAN();
    AIO_END;
}

/* A return whose members take too long: the deadline ends them, and comes out. */
struct returns { AIO_FRAME(int); struct aio_timeout scope; struct aio_group group; };
static AIO_CORO(returns)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->scope, 10) {
        CHECK_INT(aio_group_open(&self->group, self, 0, 0), 0);
        CHECK_INT(aio_group_spawn(&self->group, aio_new(nap, 50, 5)), 0);
        AIO_RETURN(5);
    }
    AIO_FINALLY;
    note("F%d,%d ", aio_coro_error(self), self->scope.expired);
    AIO_END;
}
CORO_TEST(return_takes_too_long, int error, value;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->value, aio_new(returns));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_INT(self->value, 5);
    CHECK_INT(aio_now(), 15);
    CHECK_NOTES("f0,-125 F-110,1 ");
    CHECK_CLEAN();
    AIO_END;
}

CORO_TEST(wait_for, struct aio_timeout scope; int error;)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->scope, 10) {
        AIO_TRY(self->error, aio_wait_for(aio_new(nap, 50), 5));
        CHECK_INT(self->error, AIO_ETIMEDOUT);
        AIO_TRY(self->error, aio_wait_for(aio_new(nap, 50), 20));
        note("never ");
    }
    CHECK(self->scope.expired);
    CHECK_INT(aio_now(), 10);
    AIO_TIMEOUT(&self->scope, 10) {             /* both at once: the outer one */
        AIO_TRY(self->error, aio_wait_for(aio_new(nap, 50), 10));
        note("never ");
    }
    CHECK(self->scope.expired);
    CHECK_CLEAN();
    AIO_TRY(self->error, aio_wait_for(aio_new(bounded, 10, 50), 20));           /* inside */
    CHECK_INT(self->error, 0);
    AIO_TRY(self->error, aio_wait_for(aio_new(bounded, 20, 50), 10));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    AIO_TRY(self->error, aio_wait_for(aio_new(bounded, 10, 50), 10));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_NOTES("f0,-125 f0,-125 f0,-125 f0,-125 behind,1 F0@30 f0,-125 F-125@40 f0,-125 F-125@50 ");
    CHECK_CLEAN();
    AIO_END;
}

CORO_TEST(several_at_once, struct aio_timeout scope, inner; int x, y, which; struct aio_any *handles[2];
          struct nap *a, *b; ptrdiff_t n;)
{
    AIO_BEGIN;
    self->x = self->y = 4;
    AIO_TIMEOUT(&self->scope, 10)
        AIO_GATHER(self->x, aio_new(nap, 5, .id = 1), self->y, aio_new(nap, 50, 3, .id = 2));
    CHECK(self->scope.expired);
    CHECK(self->x == 4 && self->y == 4);        /* not written */
    CHECK_INT(aio_now(), 13);
    CHECK_NOTES("f1,0 f2,-125 ");
    AIO_TIMEOUT(&self->scope, 10)
        AIO_GATHER(self->x, aio_new(nap, 5, .id = 1), self->y, aio_new(nap, 6, .id = 2));
    CHECK(!self->scope.expired && self->x == 7 && self->y == 7);
    CHECK_NOTES("f1,0 f2,0 ");
    AIO_TIMEOUT(&self->scope, 10)
        AIO_RACE(self->which, aio_new(nap, 50, .id = 1), aio_new(nap, 60, .id = 2));
    CHECK(self->scope.expired);
    CHECK_INT(self->which, -1);
    CHECK_NOTES("f1,-125 f2,-125 ");
    AIO_RACE(self->which, aio_new(nap, 50, .id = 1), aio_new(bounded, 10, 50)); /* in one of them */
    CHECK_INT(self->which, 1);
    CHECK_INT(strncmp(tap_text, "f0,-125 behind,1 F0@", 20), 0);
    tap_text[0] = 0;
    self->handles[0] = aio_any(self->a = aio_create_task(aio_new(nap, 5, .id = 1)));
    self->handles[1] = aio_any(self->b = aio_create_task(aio_new(nap, 50, .id = 2)));
    AIO_TIMEOUT(&self->scope, 10)
        AIO_AWAIT(self->n, aio_wait(self->handles, 2, AIO_ALL_COMPLETED, AIO_FOREVER));
    CHECK(self->scope.expired && !aio_task_done(self->b));      /* never cancels them */
    AIO_TIMEOUT(&self->scope, 10)
        AIO_AWAIT(aio_gather(self->handles, 2, 0));
    CHECK(self->scope.expired && aio_task_cancelled(self->b));  /* this one does */
    CHECK_NOTES("f1,0 f2,-125 ");
    aio_release(self->a);
    aio_release(self->b);
    CHECK_CLEAN();
    AIO_END;
}

/* -------------------------------------------------------------------------------- in FINALLY */

struct in_finally { AIO_FRAME(void); int error; char how; struct aio_timeout scope; struct aio_group group; };
static AIO_CORO(in_finally)
{
    AIO_BEGIN;
    if (self->error)
        AIO_RAISE(self->error);
    AIO_FINALLY;
    AIO_TIMEOUT(&self->scope, 10) {
        if (self->how == 'g') {
            CHECK_INT(aio_group_open(&self->group, self, 0, 0), 0);
            CHECK_INT(aio_group_spawn(&self->group, aio_new(nap, 50)), 0);
            AIO_AWAIT(aio_group_join(&self->group));
        }
        AIO_AWAIT(aio_sleep(6));
        note("1@%d ", (int)aio_now());
        if (self->how == 'f')
            AIO_AWAIT(aio_new(nap, 1, .error = ESECOND));
        if (self->how == 'b')
            break;
        if (self->how == 'R')
            AIO_RAISE(ESECOND);
        AIO_AWAIT(aio_sleep(6));
        note("2@%d ", (int)aio_now());
        AIO_AWAIT(aio_sleep(6));
        note("3@%d ", (int)aio_now());
        if (self->how == 'r')
            AIO_RETURN();
    }
    note("F%d,%d ", aio_coro_error(self), self->scope.expired);
    AIO_AWAIT(aio_sleep(20));
    AIO_END;
}
CORO_TEST(finally, int error; struct in_finally *task; aio_time then;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(in_finally));
    CHECK_INT(self->error, 0);
    CHECK_NOTES("1@6 2@10 3@16 F0,1 ");         /* hurries one await, skips nothing */
    CHECK_INT(aio_now(), 36);
    AIO_TRY(self->error, aio_new(in_finally, EFIRST));
    CHECK_INT(self->error, EFIRST);             /* what it was */
    CHECK_NOTES("1@42 2@46 3@52 F-10001,1 ");
    AIO_TRY(self->error, aio_new(in_finally, EFIRST, 'b'));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("1@78 F-10001,0 ");
    AIO_TRY(self->error, aio_new(in_finally, EFIRST, 'r'));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("1@104 2@108 3@114 ");
    AIO_TRY(self->error, aio_new(in_finally, 0, 'r'));
    CHECK_INT(self->error, 0);
    CHECK_NOTES("1@120 2@124 3@130 ");
    AIO_TRY(self->error, aio_new(in_finally, EFIRST, 'R'));
    CHECK_INT(self->error, ESECOND);
    CHECK_NOTES("1@136 ");
    AIO_TRY(self->error, aio_new(in_finally, EFIRST, 'g'));
    CHECK_INT(self->error, EFIRST);
    CHECK_INT(strncmp(tap_text, "1@152 2@158 3@164 F-10001,1 ", 28), 0);
    tap_text[0] = 0;
    self->then = aio_now();
    self->task = aio_create_task(aio_new(in_finally));          /* cancelled, and then the deadline */
    AIO_AWAIT(aio_sleep(3));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(aio_now(), self->then + 3 + 6 + 1 + 20);
    tap_text[0] = 0;
    aio_release(self->task);
    CHECK_CLEAN();
    AIO_END;
}
/* The cancellation that the cleanup is about: it stays in flight, and it stays a cancellation of one's own. */
struct cleans { AIO_FRAME(void); struct aio_timeout scope; };
static AIO_CORO(cleans)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_FOREVER));
    AIO_FINALLY;
    AIO_TIMEOUT(&self->scope, 10)
        AIO_AWAIT(aio_sleep(20));
    note("F%d,%d@%d ", aio_coro_error(self), self->scope.expired, (int)aio_now());
    AIO_END;
}
struct tries { AIO_FRAME(void); int error; };
static AIO_CORO(tries) { AIO_BEGIN; AIO_TRY(self->error, aio_new(cleans)); note("never "); AIO_END; }
CORO_TEST(cleanup_after_cancel, struct tries *task; int error;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(tries));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(aio_task_cancelling(self->task), 1);
    CHECK_NOTES("F-125,1@11 ");
    aio_release(self->task);
    AIO_END;
}

/* ---------------------------------------------------------------- against a final wake-up

   What is waited for is handed over, and the deadline is due before the one who waits has run: so many others
   run in between that the timers are looked at. */

struct handed { AIO_FRAME(void); char what; bool more; struct aio_timeout scope; int item, value; };
static struct aio_queue queue;
static struct aio_lock lock;
static struct aio_semaphore permits;
static int items[2];
static AIO_CORO(handed)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->scope, 100) {
        if (self->what == 'q')
            AIO_AWAIT(aio_queue_get(&queue, &self->item));
        else if (self->what == 'l')
            AIO_AWAIT(aio_lock_acquire(&lock));
        else
            AIO_AWAIT(aio_semaphore_acquire(&permits));
        note("got ");
        if (self->more) {
            AIO_AWAIT(aio_sleep(0));
            note("never ");
        }
    }
    note("%d,%d ", self->scope.expired, self->item);
    if (self->what == 'l') {
        CHECK(aio_lock_held(&lock));
        aio_lock_release(&lock);
    }
    CHECK_INT(aio_task_cancelling(aio_current_task()), 0);
    AIO_AWAIT(aio_sleep(5));
    note("on ");
    AIO_END;
}
struct filler { AIO_FRAME(void); aio_time until; };
static AIO_CORO(filler) { AIO_BEGIN; AIO_AWAIT(aio_sleep_until(self->until)); AIO_END; }
CORO_TEST(final_wake_up, struct handed *task; int i, k, item;)
{
    AIO_BEGIN;
    for (; self->i < 6; self->i++) {
        aio_queue_init(&queue, items);
        memset(&lock, 0, sizeof lock);
        CHECK(aio_lock_try_acquire(&lock));
        aio_semaphore_init(&permits, 0);
        self->task = aio_create_task(aio_new(handed, "qls"[self->i % 3], self->i >= 3));
        AIO_AWAIT(aio_sleep(1));
        for (self->k = 0; self->k < 150; self->k++)
            CHECK_INT(aio_spawn(aio_new(filler, 0)), 0);
        self->item = 5;
        CHECK_INT(aio_queue_put_nowait(&queue, &self->item), 0);
        aio_lock_release(&lock);
        aio_semaphore_release(&permits);
        CHECK_INT(aio_timeout_reschedule(&self->task->scope, 0), 0);
        AIO_AWAIT(self->task);
        CHECK_NOTES(self->i == 0 ? "got 0,5 on " : self->i < 3 ? "got 0,0 on " :
                    self->i == 3 ? "got 1,5 on " : "got 1,0 on ");
        aio_release(self->task);
    }
    AIO_END;
}

/* What is not handed over is lost to the deadline: it is still there. */
CORO_TEST(result_in_the_same_turn, struct aio_timeout scope; AIO_FUTURE(int) future; int value, k; aio_time when;
          struct nap *task;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(nap, 10));
    AIO_AWAIT(aio_sleep(0));
    AIO_TIMEOUT_AT(&self->scope, 10)
        AIO_AWAIT(self->value, aio_shield(self->task));
    CHECK(self->scope.expired);
    CHECK_INT(aio_now(), 10);
    AIO_AWAIT(self->value, self->task);
    CHECK_INT(self->value, 7);
    CHECK_NOTES("f0,0 ");
    aio_release(self->task);
    CHECK_CLEAN();
    AIO_END;
}

/* ------------------------------------------------------------------------------------- retry */

struct flaky { AIO_FRAME(int); int attempt; };
static AIO_CORO(flaky)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->attempt == 1 ? 50 : 3));
    if (self->attempt < 3)
        AIO_RAISE(EFIRST);
    AIO_RETURN(self->attempt);
    AIO_END;
}
struct retry { AIO_FRAME(int); aio_time total; int attempt, error; struct aio_timeout whole, each; };
static AIO_CORO(retry)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->whole, self->total) {
        for (self->error = AIO_EAGAIN; self->error; self->attempt++) {
            AIO_TIMEOUT(&self->each, 10)
                AIO_TRY(self->error, self->result, aio_new(flaky, self->attempt));
            note("%d%s ", self->attempt, self->each.expired ? "late" : self->error ? "failed" : "");
            if (self->error)
                AIO_AWAIT(aio_sleep(2));
        }
    }
    if (self->whole.expired)
        AIO_RAISE(AIO_ETIMEDOUT);
    AIO_END;
}
CORO_TEST(retries, int value, error;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->value, aio_new(retry, 100));
    CHECK_INT(self->value, 3);
    CHECK_NOTES("0failed 1late 2failed 3 ");
    CHECK_INT(aio_now(), 25);
    AIO_TRY(self->error, aio_new(retry, 16));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_NOTES("0failed 1late ");
    CHECK_INT(aio_now(), 41);
    AIO_TRY(self->error, aio_new(retry, 0));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_CLEAN();
    AIO_END;
}

/* As a task of its own that is cancelled before its first step, and left open at the end of the run. */
CORO_TEST(end_of_the_run, struct bounded *task; int error;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(bounded, 10, 50));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    aio_release(self->task);
    CHECK_NOTES("F-125@0 ");
    tap_text[0] = 0;
    AIO_END;
}
struct leaves_one { AIO_FRAME(void); };
static AIO_CORO(leaves_one)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(bounded, 10, 50, 20)), 0);
    AIO_AWAIT(aio_sleep(1));
    AIO_END;
}
TEST(left_open)
{
    CHECK_INT(run(aio_new(leaves_one)), 0);
    CHECK_NOTES("f0,-125 F-125@10 ");           /* its cleanup was hurried by the deadline */
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(in_time), T(several_awaits), T(without_braces), T(as_a_branch), T(ways_out), T(outer_cancel),
        T(requests_before), T(requests_are_counted), T(nested), T(in_a_loop), T(zero), T(forever), T(at), T(reschedule),
        T(swallowed), T(not_tried), T(raised_again), T(raised_in_the_block), T(failing_cleanup), T(around_tasks),
        T(refused), T(groups), T(group_left_open), T(failing_groups), T(return_takes_too_long), T(wait_for),
        T(several_at_once), T(finally), T(cleanup_after_cancel), T(final_wake_up), T(result_in_the_same_turn),
        T(retries), T(end_of_the_run), T(left_open));
}
