/* Futures: results that somebody sets later, those who wait for them, callbacks when they are done. */
#include "core.h"

enum { EFIRST = AIO_EUSER - 1 };

_Static_assert(sizeof(AIO_FUTURE(void)) >= sizeof(struct aio_coro), "a future has a header");
typedef AIO_FUTURE(int) int_future;

struct waits { AIO_FRAME(void); int id; int_future *future; int value, error; };
static AIO_CORO(waits)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->value, self->future);
    note("%d:%d,%d ", self->id, self->value, self->error);
    AIO_FINALLY;
    if (aio_coro_error(self))
        note("%d!%d ", self->id, aio_coro_error(self));
    AIO_END;
}

static void note_callback(struct aio_callback *callback) { note("%s ", (const char *)callback->arg); }

struct sets { AIO_FRAME(void); int_future *future; aio_time sleep; int value, error; };
static AIO_CORO(sets)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->sleep));
    CHECK_INT(self->error ? aio_future_set_error(self->future, self->error)
                          : aio_future_set_result(self->future, self->value), 0);
    AIO_END;
}

CORO_TEST(zeroed, int_future future; int value;)
{
    AIO_BEGIN;
    CHECK(!aio_future_done(&self->future));     /* zeroed, it is pending */
    CHECK(!aio_future_cancelled(&self->future));
    CHECK_INT(aio_future_error(&self->future), AIO_EAGAIN);
    CHECK_INT(aio_future_set_result(&self->future, 7), 0);
    CHECK(aio_future_done(&self->future));
    CHECK(!aio_future_cancelled(&self->future));
    CHECK(!aio_future_cancel(&self->future));
    CHECK_INT(aio_future_error(&self->future), 0);
    AIO_AWAIT(self->value, &self->future);
    CHECK_INT(self->value, 7);
    CHECK_INT(self->future.result, 7);
    memset(&self->future, 0, sizeof self->future);          /* and it may be used again */
    CHECK_INT(aio_spawn(aio_new(sets, &self->future, 1, 8)), 0);
    AIO_AWAIT(self->value, &self->future);
    CHECK_INT(self->value, 8);
    AIO_END;
}

struct point { double x, y; };
CORO_TEST(types, AIO_FUTURE(struct point) point; AIO_FUTURE(void *) pointer; AIO_FUTURE(void) nothing;
          struct point got; void *p; int error;)
{
    AIO_BEGIN;
    {
        struct point value = { 1.5, 2.5 };
        CHECK_INT(aio_future_set_result(&self->point, value), 0);
    }
    AIO_AWAIT(self->got, &self->point);
    CHECK(self->got.x > 1 && self->got.y > 2);
    CHECK_INT(aio_future_set_result(&self->pointer, self), 0);
    AIO_AWAIT(self->p, &self->pointer);
    CHECK(self->p == (void *)self);
    CHECK_INT(aio_future_set_result(&self->nothing), 0);
    AIO_AWAIT(&self->nothing);
    memset(&self->nothing, 0, sizeof self->nothing);
    CHECK_INT(aio_future_set_error(&self->nothing, EFIRST), 0);
    AIO_TRY(self->error, &self->nothing);
    CHECK_INT(self->error, EFIRST);
    AIO_END;
}

CORO_TEST(errors, int_future future; int error, value;)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(sets, &self->future, 5, .error = EFIRST)), 0);
    self->value = 9;
    AIO_TRY(self->error, self->value, &self->future);
    CHECK_INT(self->error, EFIRST);
    CHECK_INT(self->value, 0);
    CHECK_INT(aio_future_error(&self->future), EFIRST);
    AIO_TRY(self->error, &self->future);        /* every waiter gets it, late ones too */
    CHECK_INT(self->error, EFIRST);
    CHECK_INT(aio_now(), 5);
    AIO_END;
}

CORO_TEST(order, int_future future; struct aio_callback first, second, third;)
{
    AIO_BEGIN;
    self->first.fn = self->second.fn = self->third.fn = note_callback;
    self->first.arg = (void *)(uintptr_t)"A";
    self->second.arg = (void *)(uintptr_t)"B";
    self->third.arg = (void *)(uintptr_t)"C";
    aio_add_done_callback(&self->future, &self->first);
    CHECK_INT(aio_spawn(aio_new(waits, 1, &self->future)), 0);
    CHECK_INT(aio_spawn(aio_new(waits, 2, &self->future)), 0);
    AIO_AWAIT(aio_sleep(0));
    aio_add_done_callback(&self->future, &self->second);
    CHECK_INT(aio_spawn(aio_new(waits, 3, &self->future)), 0);
    AIO_AWAIT(aio_sleep(0));
    aio_add_done_callback(&self->future, &self->third);
    CHECK_INT(aio_future_set_result(&self->future, 4), 0);
    CHECK_NOTES("");                            /* by the loop, never inside the call */
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("A 1:4,0 2:4,0 B 3:4,0 C ");
    aio_add_done_callback(&self->future, &self->first);     /* used again; it is done already: soon */
    CHECK_NOTES("");
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("A ");
    AIO_END;
}

/* Every one of five waiters and callbacks is removed in turn, in every position. */
CORO_TEST(callbacks_removed, int_future future; struct aio_callback callbacks[5]; int i, mask;)
{
    static const char *const names[] = { "a", "b", "c", "d", "e" };
    AIO_BEGIN;
    for (self->mask = 0; self->mask < 64; self->mask++) {
        memset(&self->future, 0, sizeof self->future);
        for (self->i = 0; self->i < 5; self->i++) {
            self->callbacks[self->i].fn = note_callback;
            self->callbacks[self->i].arg = (void *)(uintptr_t)names[self->i];
            if (self->i == 2 && self->mask & 32) {          /* with a task in the middle, and without */
                CHECK_INT(aio_spawn(aio_new(waits, 1, &self->future)), 0);
                AIO_AWAIT(aio_sleep(0));
            }
            aio_add_done_callback(&self->future, &self->callbacks[self->i]);
        }
        for (self->i = 0; self->i < 5; self->i++)
            if (self->mask & 1 << self->i) {
                CHECK(aio_callback_cancel(&self->callbacks[self->i]));
                CHECK(!aio_callback_cancel(&self->callbacks[self->i]));
            }
        aio_future_set_result(&self->future, 3);
        AIO_AWAIT(aio_sleep(0));
        {
            char want[40] = "";
            int i;
            for (i = 0; i < 5; i++) {
                if (i == 2 && self->mask & 32)
                    strcat(want, "1:3,0 ");
                if (!(self->mask & 1 << i))
                    strcat(strcat(want, names[i]), " ");
            }
            CHECK_NOTES(want);
        }
    }
    AIO_END;
}

CORO_TEST(callback_removed_when_done, int_future future; struct aio_callback a, b;)
{
    AIO_BEGIN;
    self->a.fn = self->b.fn = note_callback;
    self->a.arg = (void *)(uintptr_t)"a";
    self->b.arg = (void *)(uintptr_t)"b";
    aio_add_done_callback(&self->future, &self->a);
    aio_add_done_callback(&self->future, &self->b);
    aio_future_set_result(&self->future, 1);
    CHECK(aio_callback_cancel(&self->b));       /* it was queued to be called already */
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("a ");
    CHECK(!aio_callback_cancel(&self->a));
    AIO_END;
}

struct works { AIO_FRAME(int); int value; };
static AIO_CORO(works) { AIO_BEGIN; AIO_AWAIT(aio_sleep(5)); note("end "); AIO_RETURN(self->value); AIO_END; }

CORO_TEST(callback_of_task, struct works *task; struct aio_callback a, b; int value;)
{
    AIO_BEGIN;
    self->a.fn = self->b.fn = note_callback;
    self->a.arg = (void *)(uintptr_t)"a";
    self->b.arg = (void *)(uintptr_t)"b";
    self->task = aio_create_task(aio_new(works, 3));
    aio_add_done_callback(self->task, &self->a);
    aio_add_done_callback(self->task, &self->b);
    CHECK(aio_callback_cancel(&self->b));
    AIO_AWAIT(self->value, self->task);
    CHECK_INT(self->value, 3);
    CHECK_NOTES("end a ");                      /* it was there before we were */
    aio_add_done_callback(self->task, &self->b);
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("b ");
    aio_release(self->task);
    AIO_END;
}

CORO_TEST(cancel, int_future future; int error, value;)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(waits, 1, &self->future)), 0);
    CHECK_INT(aio_spawn(aio_new(waits, 2, &self->future)), 0);
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_future_cancel(&self->future));
    CHECK(!aio_future_cancel(&self->future));
    CHECK(aio_future_done(&self->future) && aio_future_cancelled(&self->future));
    CHECK_INT(aio_future_error(&self->future), AIO_ECANCELED);
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("1:0,-125 2:0,-125 ");          /* the future was cancelled, not they: TRY takes it */
    CHECK_INT(aio_future_set_result(&self->future, 5), AIO_ECANCELED);
    CHECK_INT(aio_future_set_error(&self->future, EFIRST), AIO_ECANCELED);
    self->value = 9;
    AIO_TRY(self->error, self->value, &self->future);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(self->value, 0);                  /* and the result was not touched */
    AIO_END;
}

/* A cancelled waiter cancels what it waits for, as in asyncio: the others see that as its result. */
CORO_TEST(cancelled_waiter, int_future future; struct waits *task; int error;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(waits, 1, &self->future));
    CHECK_INT(aio_spawn(aio_new(waits, 2, &self->future)), 0);
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("1!-125 2:0,-125 ");
    CHECK(aio_future_cancelled(&self->future));
    aio_release(self->task);
    AIO_END;
}

CORO_TEST(shielded, int_future future; int error, value;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_wait_for(aio_shield(&self->future), 5));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK(!aio_future_done(&self->future));     /* and nothing waits for it any more */
    CHECK_INT(aio_future_set_result(&self->future, 6), 0);
    AIO_AWAIT(self->value, aio_shield(&self->future));
    CHECK_INT(self->value, 6);
    AIO_END;
}

static void set_seven(struct aio_callback *callback)
{
    CHECK_INT(aio_future_set_result((int_future *)callback->arg, 7), 0);
}

CORO_TEST(set_from_callback, int_future future, second; struct aio_callback callback; int value;)
{
    AIO_BEGIN;
    self->callback.fn = set_seven;
    self->callback.arg = &self->future;
    CHECK_INT(aio_loop_call_later(aio_loop_current(), &self->callback, 30), 0);
    AIO_AWAIT(self->value, &self->future);
    CHECK_INT(self->value, 7);
    CHECK_INT(aio_now(), 30);
    memset(&self->future, 0, sizeof self->future);
    self->callback.arg = &self->second;         /* one future sets the next */
    aio_add_done_callback(&self->future, &self->callback);
    CHECK_INT(aio_spawn(aio_new(sets, &self->future, 5, 1)), 0);
    AIO_AWAIT(self->value, &self->second);
    CHECK_INT(self->value, 7);
    AIO_END;
}

/* The order of many waiters is theirs, also when some of them have been cancelled by a deadline. */
CORO_TEST(many, int_future future; struct waits *tasks[200]; int i, error;)
{
    char want[4000] = "";
    AIO_BEGIN;
    for (self->i = 0; self->i < 100; self->i++)
        CHECK_INT(aio_spawn(aio_new(waits, self->i, &self->future)), 0);
    AIO_AWAIT(aio_sleep(1));
    AIO_TRY(self->error, aio_wait_for(aio_shield(&self->future), 5));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    aio_future_set_result(&self->future, 2);
    AIO_AWAIT(aio_sleep(1));
    {
        int i;
        for (i = 0; i < 100; i++)
            sprintf(want + strlen(want), "%d:2,0 ", i);
        CHECK_NOTES(want);
    }
    AIO_END;
}

/* Waiters that stand in the middle, shielded, leave one by one. */
struct shields { AIO_FRAME(void); int id; int_future *future; int value, error; };
static AIO_CORO(shields)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->value, aio_shield(self->future));
    note("%d ", self->id);
    AIO_END;
}

CORO_TEST(waiters_leave, int_future future; struct shields *tasks[6]; int i, k, mask, error;)
{
    AIO_BEGIN;
    for (self->mask = 0; self->mask < 64; self->mask++) {
        memset(&self->future, 0, sizeof self->future);
        for (self->i = 0; self->i < 6; self->i++) {
            self->tasks[self->i] = aio_create_task(aio_new(shields, self->i, &self->future));
            if (self->i == 2) {
                AIO_AWAIT(aio_sleep(0));
                CHECK_INT(aio_spawn(aio_new(waits, 9, &self->future)), 0);
            }
        }
        AIO_AWAIT(aio_sleep(1));
        for (self->i = 0; self->i < 6; self->i++) {
            self->k = self->mask & 1 ? self->i : 5 - self->i;       /* from both ends */
            if (self->mask & 1 << self->k)
                CHECK(aio_task_cancel(self->tasks[self->k]));
        }
        AIO_AWAIT(aio_sleep(1));
        CHECK_NOTES("");
        CHECK_INT(aio_future_set_result(&self->future, 1), 0);
        AIO_AWAIT(aio_sleep(1));
        {
            char want[40] = "";
            int i;
            for (i = 0; i < 6; i++) {
                if (!(self->mask & 1 << i))
                    sprintf(want + strlen(want), "%d ", i);
                if (i == 2)
                    strcat(want, "9:1,0 ");
            }
            CHECK_NOTES(want);
        }
        for (self->i = 0; self->i < 6; self->i++) {
            CHECK_INT(aio_task_cancelled(self->tasks[self->i]), self->mask >> self->i & 1);
            aio_release(self->tasks[self->i]);
        }
    }
    AIO_END;
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(zeroed), T(types), T(errors), T(order), T(callbacks_removed), T(callback_removed_when_done),
        T(callback_of_task), T(cancel), T(cancelled_waiter), T(shielded), T(set_from_callback), T(many),
        T(waiters_leave));
}
