/* Cancellation: a counted request, delivered once, at the innermost await, with all cleanup. */
#include "core.h"

enum { EFIRST = AIO_EUSER - 1 };

/* Waits, and tells how that and its cleanup went. */
struct waits { AIO_FRAME(int); int id; aio_time sleep, cleanup; };
static AIO_CORO(waits)
{
    AIO_BEGIN;
    note("s%d ", self->id);
    self->result = 1;
    AIO_AWAIT(aio_sleep(self->sleep));
    note("e%d ", self->id);
    AIO_RETURN(2);
    AIO_FINALLY;
    note("f%d,%d ", self->id, aio_coro_error(self));
    if (self->cleanup) {
        AIO_AWAIT(aio_sleep(self->cleanup));
        note("g%d,%d ", self->id, aio_coro_error(self));
    }
    AIO_END;
}

/* Starts one, lets it run to its await, cancels it, waits for its end. */
#define START(task, ...) do { (task) = aio_create_task(aio_new(__VA_ARGS__)); AIO_AWAIT(aio_sleep(1)); } while (0)

CORO_TEST(plain, struct waits *task; int error, value;)
{
    AIO_BEGIN;
    START(self->task, waits, 1, AIO_FOREVER);
    CHECK_INT(aio_task_cancelling(self->task), 0);
    CHECK(aio_task_cancel(self->task));
    CHECK_NOTES("s1 ");                         /* on a later turn, not inside the call */
    CHECK_INT(aio_task_cancelling(self->task), 1);
    CHECK(!aio_task_done(self->task));
    self->value = 9;
    AIO_TRY(self->error, self->value, self->task);          /* somebody else's: TRY takes it */
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(self->value, 1);
    CHECK_NOTES("f1,-125 ");
    CHECK(aio_task_cancelled(self->task));
    CHECK(!aio_task_cancel(self->task));        /* a finished task answers false */
    CHECK_INT(aio_task_cancelling(self->task), 1);
    aio_release(self->task);
    CHECK_INT(aio_now(), 1);
    AIO_END;
}

CORO_TEST(before_first_step, struct waits *task; struct aio_void *sleep; int error;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(waits, 1, 5));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("f1,-125 ");                    /* only its FINALLY ran */
    aio_release(self->task);
    self->task = aio_create_task(aio_new(waits, 2, 5, 5));
    CHECK(aio_task_cancel(self->task));
    CHECK(aio_task_cancel(self->task));         /* counted, delivered once */
    CHECK_INT(aio_task_cancelling(self->task), 2);
    AIO_TRY(self->error, self->task);
    CHECK_NOTES("f2,-125 g2,-125 ");
    CHECK_INT(aio_now(), 5);
    aio_release(self->task);
    self->task = aio_create_task(aio_wait_for(aio_new(waits, 3, 5), 9));    /* through a deadline */
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("f3,-125 ");
    aio_release(self->task);
    self->sleep = aio_create_task(aio_sleep(5));
    CHECK(aio_task_cancel(self->sleep));
    AIO_TRY(self->error, self->sleep);
    CHECK_INT(self->error, AIO_ECANCELED);
    aio_release(self->sleep);
    AIO_END;
}

struct counts { AIO_FRAME(int); int error; };
static AIO_CORO(counts)
{
    AIO_BEGIN;
    AIO_CATCH(self->error, aio_sleep(AIO_FOREVER));
    note("%d ", self->error);
    AIO_CATCH(self->error, aio_sleep(10));      /* delivered once: this one is left alone */
    note("%d ", self->error);
    AIO_RETURN(5);
    AIO_END;
}

CORO_TEST(swallowed, struct counts *task; int error, value;)
{
    AIO_BEGIN;
    START(self->task, counts);
    CHECK(aio_task_cancel(self->task));
    CHECK(aio_task_cancel(self->task));
    CHECK(aio_task_cancel(self->task));
    CHECK_INT(aio_task_cancelling(self->task), 3);
    AIO_TRY(self->error, self->value, self->task);
    CHECK_INT(self->error, 0);                  /* it ended normally */
    CHECK_INT(self->value, 5);
    CHECK(!aio_task_cancelled(self->task));
    CHECK_INT(aio_task_cancelling(self->task), 3);
    CHECK_INT(aio_task_uncancel(self->task), 2);
    CHECK_INT(aio_task_uncancel(self->task), 1);
    CHECK_INT(aio_task_uncancel(self->task), 0);
    CHECK_INT(aio_task_uncancel(self->task), 0);
    aio_release(self->task);
    CHECK_NOTES("-125 0 ");
    CHECK_INT(aio_now(), 11);
    START(self->task, counts);                  /* once, and once more */
    CHECK(aio_task_cancel(self->task));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->value, self->task);
    CHECK_NOTES("-125 -125 ");
    CHECK_INT(self->value, 5);
    aio_release(self->task);
    AIO_END;
}

/* ------------------------------------------------------------------------- TRY, AWAIT, CATCH */

struct takes { AIO_FRAME(int); char how; aio_time cleanup; int error, value; };
static AIO_CORO(takes)
{
    AIO_BEGIN;
    if (self->how == 'a')
        AIO_AWAIT(self->value, aio_new(waits, 1, AIO_FOREVER, self->cleanup));
    else if (self->how == 't')
        AIO_TRY(self->error, self->value, aio_new(waits, 1, AIO_FOREVER, self->cleanup));
    else
        AIO_CATCH(self->error, self->value, aio_new(waits, 1, AIO_FOREVER, self->cleanup));
    note("went on with %d,%d ", self->error, self->value);
    AIO_FINALLY;
    note("%c:%d ", self->how, aio_coro_error(self));
    AIO_END;
}

CORO_TEST(own_through_a_child, struct takes *task; int i, error; aio_time cleanup;)
{
    AIO_BEGIN;
    for (self->cleanup = 0; self->cleanup < 2; self->cleanup++)
        for (self->i = 0; self->i < 3; self->i++) {
            START(self->task, takes, "atc"[self->i], self->cleanup);
            CHECK(aio_task_cancel(self->task));
            AIO_TRY(self->error, self->task);
            CHECK_INT(self->error, self->i == 2 ? 0 : AIO_ECANCELED);
            aio_release(self->task);
            if (self->i == 2)
                CHECK_NOTES(self->cleanup ? "s1 f1,-125 g1,-125 went on with -125,1 c:0 "
                                          : "s1 f1,-125 went on with -125,1 c:0 ");
            else if (self->i == 1)
                CHECK_NOTES(self->cleanup ? "s1 f1,-125 g1,-125 t:-125 " : "s1 f1,-125 t:-125 ");
            else
                CHECK_NOTES(self->cleanup ? "s1 f1,-125 g1,-125 a:-125 " : "s1 f1,-125 a:-125 ");
        }
    AIO_END;
}

/* Somebody else's task is cancelled while one waits for it: directly, and through inline children. */
struct awaits { AIO_FRAME(int); struct waits *task; int depth; };
static AIO_CORO(awaits)
{
    AIO_BEGIN;
    if (self->depth)
        AIO_AWAIT(aio_new(awaits, self->task, self->depth - 1));
    AIO_AWAIT(self->task);
    note("never ");
    AIO_FINALLY;
    note("i%d ", self->depth);
    AIO_AWAIT(aio_sleep(1));
    AIO_END;
}

struct tries { AIO_FRAME(int); struct waits *task; int depth, error; };
static AIO_CORO(tries)
{
    AIO_BEGIN;
    if (self->depth)
        AIO_TRY(self->error, aio_new(awaits, self->task, self->depth - 1));
    else
        AIO_TRY(self->error, self->task);
    note("took %d ", self->error);
    AIO_RETURN(7);
    AIO_END;
}

CORO_TEST(somebody_elses, struct waits *task; struct tries *taker; int depth, error, value;)
{
    AIO_BEGIN;
    for (self->depth = 0; self->depth < 3; self->depth++) {
        START(self->task, waits, 1, AIO_FOREVER, 3);
        START(self->taker, tries, self->task, self->depth);
        CHECK(aio_task_cancel(self->task));
        AIO_TRY(self->error, self->value, self->taker);
        CHECK_INT(self->error, 0);
        CHECK_INT(self->value, 7);
        CHECK_INT(aio_task_cancelling(self->taker), 0);
        CHECK_NOTES(self->depth == 0 ? "s1 f1,-125 g1,-125 took -125 " :
                    self->depth == 1 ? "s1 f1,-125 g1,-125 i0 took -125 "
                                     : "s1 f1,-125 g1,-125 i0 i1 took -125 ");
        aio_release(self->taker);
        aio_release(self->task);
    }
    AIO_END;
}

/* The other one was cancelled, and so are we: it is our own, too, and TRY leaves it. */
CORO_TEST(forwarded, struct waits *task; struct tries *taker; int depth, error;)
{
    AIO_BEGIN;
    for (self->depth = 0; self->depth < 3; self->depth++) {
        START(self->task, waits, 1, AIO_FOREVER, 3);
        START(self->taker, tries, self->task, self->depth);
        CHECK(aio_task_cancel(self->taker));
        CHECK_INT(aio_task_cancelling(self->task), 1);
        AIO_TRY(self->error, self->taker);
        CHECK_INT(self->error, AIO_ECANCELED);
        CHECK(aio_task_cancelled(self->task));
        CHECK(!strstr(tap_text, "took"));
        CHECK_INT(strncmp(tap_text, "s1 f1,-125 g1,-125 ", 19), 0);
        tap_text[0] = 0;
        aio_release(self->taker);
        aio_release(self->task);
    }
    AIO_END;
}

/* A forwarded request that the other swallows: the waiter gets its value and goes on. */
struct awaits_counts { AIO_FRAME(int); struct counts *task; int value; };
static AIO_CORO(awaits_counts)
{
    AIO_BEGIN;
    AIO_AWAIT(self->value, self->task);
    AIO_AWAIT(aio_sleep(5));
    AIO_RETURN(self->value + 1);
    AIO_END;
}

CORO_TEST(forwarded_and_swallowed, struct counts *task; struct awaits_counts *waiter; int value;)
{
    AIO_BEGIN;
    START(self->task, counts);
    START(self->waiter, awaits_counts, self->task);
    CHECK(aio_task_cancel(self->waiter));
    AIO_AWAIT(self->value, self->waiter);
    CHECK_INT(self->value, 6);
    CHECK_NOTES("-125 0 ");
    aio_release(self->waiter);
    aio_release(self->task);
    AIO_END;
}

/* Cleanup that takes the cancellation of others, and other errors, while one's own is in flight. Neither
   makes it somebody else's, and neither is taken for it. */
struct helper { AIO_FRAME(void); struct waits *task; int error; };
static AIO_CORO(helper)
{
    AIO_BEGIN;
    aio_task_cancel(self->task);
    AIO_TRY(self->error, self->task);           /* the way to wait for its end */
    note("gone,%d ", self->error);
    AIO_FINALLY;
    note("helped ");
    AIO_END;
}
struct fails { AIO_FRAME(void); aio_time sleep; };
static AIO_CORO(fails) { AIO_BEGIN; AIO_AWAIT(aio_sleep(self->sleep)); AIO_RAISE(EFIRST); AIO_END; }

struct cleans { AIO_FRAME(void); char how; struct waits *task; int error; };
static AIO_CORO(cleans)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(waits, 1, AIO_FOREVER));
    AIO_AWAIT(aio_sleep(AIO_FOREVER));
    AIO_FINALLY;
    if (self->how == 'h')
        AIO_AWAIT(aio_new(helper, self->task));
    if (self->how == 't') {
        aio_task_cancel(self->task);
        AIO_TRY(self->error, self->task);
        note("gone,%d ", self->error);
    }
    if (self->how == 'f') {
        AIO_TRY(self->error, aio_new(fails, 1));
        note("failed,%d ", self->error);
    }
    if (self->how == 'c') {
        AIO_CATCH(self->error, aio_new(fails, 0));
        note("failed,%d ", self->error);
    }
    if (self->how == 'w') {
        AIO_TRY(self->error, aio_wait_for(aio_sleep(AIO_FOREVER), 5));
        note("late,%d ", self->error);
    }
    note("%d ", aio_coro_error(self));
    aio_task_cancel(self->task);
    aio_release(self->task);
    AIO_END;
}
struct tries_cleans { AIO_FRAME(void); char how; int error; };
static AIO_CORO(tries_cleans)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(cleans, self->how));
    note("taken,%d ", self->error);
    AIO_END;
}

CORO_TEST(cleanup_takes, struct tries_cleans *task; int i, error;)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 5; self->i++) {
        START(self->task, tries_cleans, "htfcw"[self->i]);
        CHECK_NOTES("s1 ");
        CHECK(aio_task_cancel(self->task));
        AIO_TRY(self->error, self->task);
        CHECK_INT(self->error, AIO_ECANCELED);
        aio_release(self->task);
        AIO_AWAIT(aio_sleep(1));
        CHECK_NOTES(self->i == 0 ? "f1,-125 gone,-125 helped -125 " :
                    self->i == 1 ? "f1,-125 gone,-125 -125 " :
                    self->i <= 3 ? "failed,-10001 -125 f1,-125 " : "late,-110 -125 f1,-125 ");
    }
    AIO_END;
}

/* Also when its first step was never taken. */
struct cleans_with { AIO_FRAME(void); struct waits *task; };
static AIO_CORO(cleans_with)
{
    AIO_BEGIN;
    AIO_FINALLY;
    AIO_AWAIT(aio_new(helper, self->task));
    note("%d ", aio_coro_error(self));
    AIO_END;
}

CORO_TEST(cleanup_before_first_step, struct cleans_with *task; struct waits *other; int error;)
{
    AIO_BEGIN;
    START(self->other, waits, 1, AIO_FOREVER);
    self->task = aio_create_task(aio_new(cleans_with, self->other));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("s1 f1,-125 gone,-125 helped -125 ");
    aio_release(self->task);
    aio_release(self->other);
    AIO_END;
}

/* An error that replaces the cancellation is an error like any other. */
struct replaces { AIO_FRAME(void); };
static AIO_CORO(replaces)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_FOREVER));
    AIO_FINALLY;
    AIO_AWAIT(aio_new(fails, 1));
    AIO_END;
}
struct tries_replaces { AIO_FRAME(void); int error; };
static AIO_CORO(tries_replaces)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(replaces));
    note("%d ", self->error);
    AIO_END;
}

CORO_TEST(replaced, struct tries_replaces *task; int error;)
{
    AIO_BEGIN;
    START(self->task, tries_replaces);
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, 0);
    CHECK_NOTES("-10001 ");
    aio_release(self->task);
    AIO_END;
}

/* ------------------------------------------------------------------------------------ oneself */

struct cancels_itself { AIO_FRAME(int); bool suspend, uncancel; int times; AIO_FUTURE(int) future; };
static AIO_CORO(cancels_itself)
{
    AIO_BEGIN;
    for (; self->times > 0; self->times--)
        CHECK(aio_task_cancel(aio_current_task()));
    aio_future_set_result(&self->future, 1);
    AIO_AWAIT(self->result, &self->future);     /* ready: no suspension */
    note("a ");
    if (self->uncancel)
        CHECK_INT(aio_task_uncancel(aio_current_task()), 0);
    if (self->suspend)
        AIO_AWAIT(aio_sleep(0));
    note("b ");
    AIO_RETURN(2);
    AIO_FINALLY;
    note("f%d ", aio_coro_error(self));
    AIO_AWAIT(aio_sleep(1));                    /* delivered once: the cleanup is left alone */
    note("g ");
    AIO_END;
}

CORO_TEST(oneself, int error; struct cancels_itself *task;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(cancels_itself, .suspend = true, .times = 1));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("a f-125 g ");
    aio_release(self->task);
    self->task = aio_create_task(aio_new(cancels_itself, .suspend = true, .times = 2));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("a f-125 g ");
    aio_release(self->task);
    self->task = aio_create_task(aio_new(cancels_itself, .suspend = true, .times = 1, .uncancel = true));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, 0);                  /* taken back before it struck */
    CHECK_NOTES("a b f0 g ");
    aio_release(self->task);
    AIO_END;
}

struct ends_at_once { AIO_FRAME(int); };
static AIO_CORO(ends_at_once)
{
    AIO_BEGIN;
    CHECK(aio_task_cancel(aio_current_task()));
    AIO_RETURN(3);
    AIO_END;
}

CORO_TEST(oneself_without_suspending, int error, value; struct ends_at_once *task;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(ends_at_once));
    AIO_TRY(self->error, self->value, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);      /* it still ends cancelled */
    aio_release(self->task);
    AIO_END;
}

/* Oneself, and then one waits for a task: it is passed on at that point. */
struct cancels_then_waits { AIO_FRAME(void); struct waits *task; int error; };
static AIO_CORO(cancels_then_waits)
{
    AIO_BEGIN;
    CHECK(aio_task_cancel(aio_current_task()));
    AIO_TRY(self->error, self->task);
    note("never ");
    AIO_FINALLY;
    note("%d ", aio_coro_error(self));
    AIO_END;
}

/* Who yields with a cancel pending has its turn out, as in asyncio, however the file is compiled. */
struct says { AIO_FRAME(void); };
static AIO_CORO(says)
{
    AIO_BEGIN;
    note("other ");
    AIO_END;
}

CORO_TEST(oneself_then_yielding, int error;)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(says)), 0);
    CHECK(aio_task_cancel(aio_current_task()), "not cancelled");
    AIO_CATCH(self->error, aio_sleep(0));
    note("caught%d ", self->error);
    CHECK_NOTES("other caught-125 ");
    CHECK_INT(aio_task_uncancel(aio_current_task()), 0);
    AIO_END;
}

CORO_TEST(oneself_then_waiting, struct waits *task; struct cancels_then_waits *waiter; int error;)
{
    AIO_BEGIN;
    START(self->task, waits, 1, AIO_FOREVER, 2);
    self->waiter = aio_create_task(aio_new(cancels_then_waits, self->task));
    AIO_TRY(self->error, self->waiter);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("s1 f1,-125 g1,-125 -125 ");
    aio_release(self->waiter);
    aio_release(self->task);
    AIO_END;
}

/* ------------------------------------------------------------------ against a queued wake-up */

typedef AIO_FUTURE(int) int_future;
struct woken { AIO_FRAME(int); char by; int_future *future; struct waits *task; int value; };
static AIO_CORO(woken)
{
    AIO_BEGIN;
    if (self->by == 's')
        AIO_AWAIT(aio_sleep(5));
    else if (self->by == 'f')
        AIO_AWAIT(self->value, self->future);
    else if (self->by == 't')
        AIO_AWAIT(self->value, self->task);
    else
        AIO_AWAIT(aio_sleep(0));
    note("never ");
    AIO_FINALLY;
    note("%c%d,%d ", self->by, aio_coro_error(self), self->value);
    AIO_END;
}

/* Cancels in the moment in which the other one has been woken but has not run. */
CORO_TEST(against_wake_up, int_future future; struct woken *task; struct waits *other; int error, value;)
{
    AIO_BEGIN;
    /* future */
    START(self->task, woken, 'f', &self->future);
    CHECK_INT(aio_future_set_result(&self->future, 3), 0);
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("f-125,0 ");
    aio_release(self->task);
    AIO_AWAIT(self->value, &self->future);      /* nothing is lost */
    CHECK_INT(self->value, 3);
    /* turn */
    self->task = aio_create_task(aio_new(woken, '0'));
    AIO_AWAIT(aio_sleep(0));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("0-125,0 ");
    aio_release(self->task);
    /* sleep: ours was armed before, so we run before it */
    self->value = (int)aio_now() + 5;
    self->other = NULL;
    self->task = aio_create_task(aio_new(woken, 's'));
    AIO_AWAIT(aio_sleep_until(self->value));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("s-125,0 ");
    CHECK_INT(aio_now(), self->value);
    aio_release(self->task);
    AIO_END;
}

/* A waits for T; B, woken by T before A is, cancels A. */
struct killer { AIO_FRAME(void); struct waits *task; struct woken **victim; };
static AIO_CORO(killer)
{
    AIO_BEGIN;
    AIO_AWAIT(self->task);
    CHECK(aio_task_cancel(*self->victim));
    AIO_END;
}

CORO_TEST(against_task_wake_up, struct waits *task; struct killer *killer; struct woken *victim; int error, value;)
{
    AIO_BEGIN;
    START(self->task, waits, 1, 5);
    START(self->killer, killer, self->task, &self->victim);
    START(self->victim, woken, 't', .task = self->task);
    AIO_TRY(self->error, self->victim);
    CHECK_INT(self->error, AIO_ECANCELED);
    AIO_AWAIT(self->value, self->task);
    CHECK_INT(self->value, 2);
    CHECK_INT(aio_task_cancelling(self->task), 0);          /* it was not forwarded: it had ended */
    CHECK_NOTES("s1 e1 f1,0 t-125,0 ");
    aio_release(self->task);
    aio_release(self->killer);
    aio_release(self->victim);
    AIO_END;
}

/* ------------------------------------------------------------------------------------ cleanup */

CORO_TEST(during_cleanup, struct waits *task; int error, value;)
{
    AIO_BEGIN;
    START(self->task, waits, 1, 5, 10);         /* a normal end, its cleanup goes on */
    AIO_AWAIT(aio_sleep(10));
    CHECK_NOTES("s1 e1 f1,0 ");
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->value, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(self->value, 2);                  /* the result stands */
    CHECK_NOTES("g1,-125 ");
    CHECK_INT(aio_now(), 11);                   /* hurried */
    aio_release(self->task);
    AIO_END;
}

struct long_cleanup { AIO_FRAME(void); };
static AIO_CORO(long_cleanup)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_FOREVER));
    AIO_FINALLY;
    note("1@%d ", (int)aio_now());
    AIO_AWAIT(aio_sleep(10));
    note("2@%d ", (int)aio_now());
    AIO_AWAIT(aio_sleep(10));
    note("3@%d ", (int)aio_now());
    AIO_END;
}

CORO_TEST(second_cancel_in_cleanup, struct long_cleanup *task; int error;)
{
    AIO_BEGIN;
    START(self->task, long_cleanup);
    CHECK(aio_task_cancel(self->task));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->task));         /* hurries the await it stands at, skips nothing */
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("1@1 2@2 3@12 ");
    aio_release(self->task);
    AIO_END;
}

/* Cancelled when its cleanup has begun with an error: the cancellation replaces it. */
struct fails_slowly { AIO_FRAME(void); };
static AIO_CORO(fails_slowly)
{
    AIO_BEGIN;
    AIO_RAISE(EFIRST);
    AIO_FINALLY;
    AIO_AWAIT(aio_sleep(10));
    note("%d ", aio_coro_error(self));
    AIO_END;
}
struct tries_fails_slowly { AIO_FRAME(void); int error; };
static AIO_CORO(tries_fails_slowly)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(fails_slowly));
    note("never ");
    AIO_END;
}

CORO_TEST(cancel_replaces_error, struct tries_fails_slowly *task; int error;)
{
    AIO_BEGIN;
    START(self->task, tries_fails_slowly);
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("-125 ");
    aio_release(self->task);
    AIO_END;
}

/* ------------------------------------------------------------------------------------- shield */

struct shields { AIO_FRAME(int); struct waits *task; int value; };
static AIO_CORO(shields)
{
    AIO_BEGIN;
    AIO_AWAIT(self->value, aio_shield(self->task));
    AIO_RETURN(self->value);
    AIO_FINALLY;
    note("c%d ", aio_coro_error(self));
    AIO_END;
}

CORO_TEST(shield, struct waits *task; struct shields *waiter; int error, value;)
{
    AIO_BEGIN;
    START(self->task, waits, 1, 10);
    START(self->waiter, shields, self->task);
    CHECK(aio_task_cancel(self->waiter));
    AIO_TRY(self->error, self->waiter);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(aio_task_cancelling(self->task), 0);
    CHECK_NOTES("s1 c-125 ");
    aio_release(self->waiter);
    AIO_AWAIT(self->value, aio_shield(self->task));         /* it ran on */
    CHECK_INT(self->value, 2);
    AIO_AWAIT(self->value, aio_shield(self->task));         /* done already */
    CHECK_INT(self->value, 2);
    aio_release(self->task);
    CHECK_NOTES("e1 f1,0 ");
    START(self->task, waits, 2, 10);            /* the inner one's own cancellation comes out */
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->value, aio_shield(self->task));
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(self->value, 1);
    aio_release(self->task);
    CHECK_NOTES("s2 f2,-125 ");
    START(self->task, waits, 3, 10);            /* before the first step of the wait */
    self->waiter = aio_create_task(aio_new(shields, self->task));
    CHECK(aio_task_cancel(self->waiter));
    AIO_TRY(self->error, self->waiter);
    CHECK_INT(self->error, AIO_ECANCELED);
    AIO_AWAIT(self->value, self->task);
    CHECK_INT(self->value, 2);
    aio_release(self->waiter);
    aio_release(self->task);
    CHECK_NOTES("s3 c-125 e3 f3,0 ");
    aio_discard(aio_shield(self));
    AIO_END;
}

/* ------------------------------------------------------------------------------- many of them */

static long finals;
struct link { AIO_FRAME(void); struct link *next; };
static AIO_CORO(link)
{
    AIO_BEGIN;
    if (self->next)
        AIO_AWAIT(self->next);
    else
        AIO_AWAIT(aio_sleep(AIO_FOREVER));
    AIO_FINALLY;
    finals += aio_coro_error(self) == AIO_ECANCELED;
    aio_release(self->next);
    AIO_END;
}

CORO_TEST(chain_of_tasks, struct link *first; long i, n; int error;)
{
    AIO_BEGIN;
    finals = 0;
    self->n = core_many(100000);
    for (self->i = 0; self->i < self->n; self->i++)
        self->first = aio_create_task(aio_new(link, self->first));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->first));
    AIO_TRY(self->error, self->first);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(finals, self->n);
    aio_release(self->first);
    AIO_END;
}

struct sleeps { AIO_FRAME(void); long *order; long id; aio_time sleep; };
static AIO_CORO(sleeps)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->sleep));
    AIO_FINALLY;
    if (aio_coro_error(self) == AIO_ECANCELED && *self->order == self->id)
        ++*self->order;
    AIO_END;
}

CORO_TEST(many_sleepers, struct sleeps **tasks; long i, n, order; int error;)
{
    AIO_BEGIN;
    self->n = core_many(100000);
    self->tasks = (struct sleeps **)malloc((size_t)self->n * sizeof *self->tasks);
    if (!self->tasks)
        AIO_RAISE(AIO_ENOMEM);
    for (self->i = 0; self->i < self->n; self->i++)
        self->tasks[self->i] = aio_create_task(aio_new(sleeps, &self->order, self->i, 1000 + self->i * 7919 % 1000));
    AIO_AWAIT(aio_sleep(1));
    for (self->i = 0; self->i < self->n; self->i++)
        CHECK(aio_task_cancel(self->tasks[self->i]));
    AIO_AWAIT(aio_sleep(0));
    CHECK_INT(self->order, self->n);            /* all, in the order of the requests, in one turn */
    CHECK_INT(aio_now(), 1);
    for (self->i = 0; self->i < self->n; self->i++)
        aio_release(self->tasks[self->i]);
    free(self->tasks);
    AIO_END;
}

/* --------------------------------------------------------------------------------------- walk

   A program that uses everything is cancelled at its k-th turn, for every k; twice, with every distance
   in between; and each coroutine that was accepted must run its FINALLY once. */

static int accepted, ended;
struct part { AIO_FRAME(int); int id; aio_time sleep; int fail; };
static AIO_CORO(part)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->sleep));
    if (self->fail)
        AIO_RAISE(self->fail);
    AIO_RETURN(self->id);
    AIO_FINALLY;
    ended++;
    AIO_AWAIT(aio_sleep(0));
    AIO_END;
}
static struct part *part(int id, aio_time sleep, int fail)
{
    struct part *made = aio_new(part, id, sleep, fail);
    accepted++;
    return made;
}

struct counted { AIO_FRAME(int); int *left; };
static AIO_CORO(counted)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(*self->left & 1));
    AIO_RETURN((*self->left)--);
    AIO_FINALLY;
    ended++;
    AIO_END;
}
static struct counted *counted(int *left)
{
    accepted++;
    return aio_new(counted, left);
}

static void set_future(struct aio_callback *callback)
{
    aio_future_set_result((int_future *)callback->arg, 5);
}

struct program {
    AIO_FRAME(int);
    struct part slot, *task, *kept;
    struct aio_group group, late;
    struct aio_callback callback;
    int_future future;
    int left, value, error, i, sum;
};
static AIO_CORO(program)
{
    AIO_BEGIN;
    CHECK_INT(aio_group_open(&self->group, self, 2, 0), 0);
    AIO_AWAIT(self->value, part(1, 2, 0));
    AIO_TRY(self->error, part(2, 1, EFIRST));
    AIO_AWAIT(self->value, aio_wait_for(part(3, 1, 0), 5));
    AIO_TRY(self->error, aio_wait_for(part(4, AIO_FOREVER, 0), 3));
    AIO_TRY(self->error, aio_wait_for(aio_wait_for(part(4, AIO_FOREVER, 0), 3), 2));
    self->task = aio_create_task(part(5, 3, 0));
    AIO_AWAIT(self->value, aio_wait_for(aio_shield(self->task), AIO_SEC(1)));
    aio_release(self->task);
    self->task = aio_create_task(part(5, 3, 0));
    AIO_AWAIT(self->value, self->task);
    AIO_AWAIT(self->task);
    accepted++;
    AIO_AWAIT(self->value, aio_place(&self->slot, part, 6, 1));
    self->callback.fn = set_future;
    self->callback.arg = &self->future;
    CHECK_INT(aio_loop_call_later(aio_loop_current(), &self->callback, 2), 0);
    AIO_AWAIT(self->value, &self->future);
    self->left = 3;
    AIO_WHILE(self->value, counted(&self->left))
        AIO_AWAIT(aio_sleep(0));
    for (self->i = 0; self->i < 4; self->i++)
        if (aio_group_spawn(&self->group, part(10 + self->i, 3, 0)) < 0)
            accepted--;
    self->kept = aio_group_create_task(&self->group, part(20, 2, 0));
    if (!self->kept)
        accepted--;
    AIO_AWAIT(aio_group_join(&self->group));
    if (aio_group_spawn(&self->group, part(30, 5, 0)) < 0)
        accepted--;
    AIO_AWAIT(aio_sleep_until(aio_now() + 2));
    AIO_RETURN(1);
    AIO_FINALLY;
    ended++;
    aio_callback_cancel(&self->callback);
    aio_release(self->task);
    AIO_AWAIT(part(40, 1, 0));
    self->left = 2;
    AIO_WHILE(self->value, counted(&self->left))
        self->sum++;
    AIO_TRY(self->error, part(41, 1, EFIRST));
    CHECK_INT(aio_group_open(&self->late, self, 1, 0), 0);
    if (aio_group_spawn(&self->late, part(42, 1, 0)) < 0)
        accepted--;
    if (aio_group_spawn(&self->late, part(43, 1, 0)) < 0)
        accepted--;
    AIO_END;
}

/* Cancels after k turns, and again after m more. The turns that the program took; -1: it had ended
   before the k-th. */
static int walk(int k, int m)
{
    struct aio_loop loop;
    struct program *program;
    int turns = 0, error;
    accepted = 1;
    ended = 0;
    CHECK_INT(aio_loop_init(&loop, &core_options), 0);
    program = aio_loop_create_task(&loop, aio_new(program));
    while (!aio_task_done(program) && turns < 10000) {
        if (turns == k || (m >= 0 && turns == k + m))
            CHECK(aio_task_cancel(program));
        CHECK(aio_loop_turn(&loop, -1) >= 0);
        turns++;
    }
    error = aio_task_error(program);
    if (k < turns && error != AIO_ECANCELED)
        tap_fail(__FILE__, __LINE__, "walk", "turn %d,%d: ended with %d", k, m, error);
    if (k >= turns && error != 0)
        tap_fail(__FILE__, __LINE__, "walk", "ended with %d", error);
    aio_release(program);
    CHECK_INT(aio_loop_close(&loop), 0);
    if (accepted != ended)
        tap_fail(__FILE__, __LINE__, "walk", "turn %d,%d: %d accepted, %d ended", k, m, accepted, ended);
    if (core_live)
        tap_fail(__FILE__, __LINE__, "walk", "turn %d,%d: %ld blocks left over", k, m, core_live);
    if (tap_text[0])
        tap_fail(__FILE__, __LINE__, "walk", "turn %d,%d: %s", k, m, tap_text);
    return k < turns ? turns : -1;
}

TEST(walk_once)
{
    int k = 0;
    while (!tap_failed && walk(k, -1) >= 0)
        k++;
    CHECK(k > 40, "%d turns", k);
}

TEST(walk_twice)
{
    int k, m, turns = 0;
    for (k = 0; !tap_failed && turns >= 0; k += getenv("AIO_TEST_SLOW") ? 7 : 1)
        for (m = 0, turns = 0; !tap_failed && turns >= 0 && (m == 0 || k + m < turns); m++)
            turns = walk(k, m);
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(plain), T(before_first_step), T(swallowed), T(own_through_a_child), T(somebody_elses),
        T(forwarded), T(forwarded_and_swallowed), T(cleanup_takes), T(cleanup_before_first_step), T(replaced),
        T(oneself), T(oneself_without_suspending), T(oneself_then_yielding), T(oneself_then_waiting), T(against_wake_up),
        T(against_task_wake_up), T(during_cleanup), T(second_cancel_in_cleanup),
        T(cancel_replaces_error), T(shield), T(chain_of_tasks), T(many_sleepers), T(walk_once), T(walk_twice));
}
