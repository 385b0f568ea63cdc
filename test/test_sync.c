/* Locks, events, conditions, semaphores, barriers and wait groups: who gets what, in which order, and that a
   cancellation loses nothing, wherever it strikes. Queues are in test_queue.c. */
#include "core.h"

/* One of each. */
struct all {
    struct aio_lock lock;
    struct aio_event event;
    struct aio_condition condition;
    struct aio_semaphore semaphore;
    struct aio_barrier barrier;
    struct aio_wait_group todo;
};

/* By letters: lock, event, condition, semaphore, permit (take), barrier, wait group. */
static struct aio_void *ask(struct all *all, char kind, struct aio_permit *permit)
{
    switch (kind) {
    case 'l': return aio_lock_acquire(&all->lock);
    case 'e': return aio_event_wait(&all->event);
    case 'c': return aio_condition_wait(&all->condition, &all->lock);
    case 's': return aio_semaphore_acquire(&all->semaphore);
    case 't': return aio_semaphore_take(&all->semaphore, permit);
    case 'b': return (struct aio_void *)(void *)aio_barrier_wait(&all->barrier);
    default: return aio_wait_group_wait(&all->todo);
    }
}

/* Nothing is to be had: the lock is taken, by whoever calls; of a condition it is free. */
static void take_all(struct all *all, char kind)
{
    memset(all, 0, sizeof *all);
    CHECK(kind == 'c' || aio_lock_try_acquire(&all->lock));
    aio_semaphore_init(&all->semaphore, 0);
    aio_barrier_init(&all->barrier, 4);
    aio_wait_group_add(&all->todo, 1);
}

/* One can be had. */
static void give(struct all *all, char kind)
{
    switch (kind) {
    case 'l': aio_lock_release(&all->lock); break;
    case 'e': aio_event_set(&all->event); break;
    case 'c': aio_condition_notify(&all->condition, 1); break;
    case 's':
    case 't': aio_semaphore_release(&all->semaphore); break;
    case 'b': aio_barrier_reset(&all->barrier); break;
    default: aio_wait_group_done(&all->todo); break;
    }
}

/* Nobody waits any more, and what was lent is back. */
static void check_all_free(const struct all *all, char kind)
{
    CHECK(!all->lock.waiters && !all->event.waiters && !all->condition.waiters && !all->semaphore.waiters &&
          !all->barrier.waiters && !all->todo.waiters, "%c", kind);
    if (kind == 'l' || kind == 'c')
        CHECK(!all->lock.locked, "%c", kind);
    if (kind == 's' || kind == 't')
        CHECK_INT(all->semaphore.value, 1);
    CHECK_INT(all->barrier.waiting, 0);
}

/* Waits for it, keeps it for a while, and gives it back. Notes: 1+ (task 1 has it), 1x (cancelled), 1t (timed
   out), 1! (another error). */
struct asks {
    AIO_FRAME(int);
    struct all *all;
    char kind;
    int id;
    aio_time limit, hold;
    bool has;
    struct aio_permit permit;
};
static AIO_CORO(asks)
{
    AIO_BEGIN;
    if (self->kind == 'c')
        AIO_AWAIT(aio_lock_acquire(&self->all->lock));
    if (self->limit)
        AIO_AWAIT(aio_wait_for(aio_wait_for(ask(self->all, self->kind, &self->permit), self->limit), AIO_SEC(99)));
    else
        AIO_AWAIT(ask(self->all, self->kind, &self->permit));
    self->has = true;
    note("%d+ ", self->id);
    AIO_AWAIT(aio_sleep(self->hold));
    AIO_FINALLY;
    if (aio_coro_error(self))
        note("%d%c ", self->id, aio_coro_error(self) == AIO_ECANCELED ? 'x' :
             aio_coro_error(self) == AIO_ETIMEDOUT ? 't' : '!');
    if (aio_lock_held(&self->all->lock))
        aio_lock_release(&self->all->lock);
    if (self->has && self->kind == 's')
        aio_semaphore_release(&self->all->semaphore);
    aio_permit_return(&self->permit);
    AIO_END;
}

/* So many tasks that are ready: the loop looks at the timers before it comes to who is behind them. */
static void crowd(int n)
{
    while (n-- > 0)
        CHECK_INT(aio_spawn(aio_sleep(0)), 0);
}

struct says { AIO_FRAME(void); const char *text; };
static AIO_CORO(says) { AIO_BEGIN; note("%s", self->text); AIO_END; }
#define SAY(text) CHECK_INT(aio_spawn(aio_new(says, text)), 0)

enum { TASKS = 4 };
static void release_all(struct asks **tasks, int n)
{
    while (n-- > 0)
        aio_release(tasks[n]);
}

/* ------------------------------------------------------------------------- what is free, and order */

CORO_TEST(free_is_taken_at_once, struct all all; struct aio_permit permit; int i;)
{
    AIO_BEGIN;                                  /* zeroed, they are ready to use */
    aio_semaphore_init(&self->all.semaphore, 2);
    aio_barrier_init(&self->all.barrier, 1);
    aio_event_set(&self->all.event);
    SAY("turn ");
    for (self->i = 0; self->i < 6; self->i++)
        AIO_AWAIT(ask(&self->all, "lestbw"[self->i], &self->permit));
    CHECK_NOTES("");                            /* without suspending */
    CHECK(self->all.lock.locked && aio_lock_held(&self->all.lock));
    CHECK(self->permit.semaphore == &self->all.semaphore);
    CHECK_INT(self->all.semaphore.value, 0);
    CHECK(!aio_semaphore_try_acquire(&self->all.semaphore) && !aio_lock_try_acquire(&self->all.lock));
    aio_lock_release(&self->all.lock);
    aio_permit_return(&self->permit);
    CHECK(!self->permit.semaphore && !self->all.lock.locked && !aio_lock_held(&self->all.lock));
    CHECK_INT(self->all.semaphore.value, 1);
    aio_permit_return(&self->permit);           /* an empty one: nothing */
    CHECK_INT(self->all.semaphore.value, 1);
    CHECK(aio_semaphore_try_acquire(&self->all.semaphore) && aio_lock_try_acquire(&self->all.lock));
    CHECK(aio_lock_held(&self->all.lock));
    CHECK_INT(self->all.semaphore.value, 0);
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("turn ");
    AIO_END;
}

/* Handed over to who waits longest: between the release and the wake-up it is not free, and who comes then
   queues behind. */
CORO_TEST(nobody_overtakes, struct all all; struct asks *tasks[TASKS]; int i, k; char kind;)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 3; self->k++) {
        self->kind = "lst"[self->k];
        take_all(&self->all, self->kind);
        for (self->i = 0; self->i < 3; self->i++) {
            self->tasks[self->i] = aio_create_task(aio_new(asks, &self->all, self->kind, self->i + 1, 0, 5));
            AIO_AWAIT(aio_sleep(1));
        }
        SAY("turn ");
        give(&self->all, self->kind);
        CHECK_NOTES("");                        /* the waiter runs in a later turn */
        if (self->kind == 'l')
            CHECK(self->all.lock.locked && !aio_lock_try_acquire(&self->all.lock) && !aio_lock_held(&self->all.lock));
        else
            CHECK(self->all.semaphore.value == 0 && !aio_semaphore_try_acquire(&self->all.semaphore));
        self->tasks[3] = aio_create_task(aio_new(asks, &self->all, self->kind, 4, 0, 5));
        AIO_AWAIT(self->tasks[3]);
        CHECK_NOTES("turn 1+ 2+ 3+ 4+ ");
        check_all_free(&self->all, self->kind);
        release_all(self->tasks, 4);
    }
    AIO_END;
}

/* From a callback as from a task. */
struct release { struct aio_callback callback; struct all *all; char kind; bool held; };
static void releases(struct aio_callback *callback)
{
    struct release *release = (struct release *)callback->arg;
    release->held = aio_lock_held(&release->all->lock);
    give(release->all, release->kind);
}
CORO_TEST(from_a_callback, struct all all; struct asks *tasks[2]; struct release release; int i;)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 6; self->i++) {
        self->release.kind = "lestcw"[self->i];
        take_all(&self->all, self->release.kind);
        self->release.all = &self->all;
        self->release.callback.fn = releases;
        self->release.callback.arg = &self->release;
        self->release.held = true;
        self->tasks[0] = aio_create_task(aio_new(asks, &self->all, self->release.kind, 1));
        self->tasks[1] = aio_create_task(aio_new(asks, &self->all, self->release.kind, 2));
        AIO_AWAIT(aio_sleep(1));
        CHECK_INT(aio_loop_call_soon(aio_loop_current(), &self->release.callback), 0);
        AIO_AWAIT(self->tasks[0]);
        if (self->release.kind == 'c')
            give(&self->all, 'c');
        AIO_AWAIT(self->tasks[1]);
        CHECK_NOTES("1+ 2+ ");
        CHECK(!self->release.held);
        release_all(self->tasks, 2);
        check_all_free(&self->all, self->release.kind);
    }
    AIO_END;
}

/* Outside of a loop, too: a static one that is set up before the loop runs. */
TEST(before_the_loop)
{
    struct all all;
    memset(&all, 0, sizeof all);
    CHECK(aio_lock_try_acquire(&all.lock) && !aio_lock_try_acquire(&all.lock) && !aio_lock_held(&all.lock));
    aio_lock_release(&all.lock);
    aio_event_set(&all.event);
    aio_event_clear(&all.event);
    aio_semaphore_init(&all.semaphore, 1);
    CHECK(aio_semaphore_try_acquire(&all.semaphore));
    aio_semaphore_release(&all.semaphore);
    aio_condition_notify_all(&all.condition);
    aio_wait_group_add(&all.todo, 1);
    aio_wait_group_done(&all.todo);
    aio_barrier_abort(&all.barrier);
    CHECK_INT(run(aio_new(asks, &all, 'l', 1)), 0);
    CHECK_INT(run(aio_new(asks, &all, 'b', 2)), AIO_EBROKEN);
    aio_barrier_reset(&all.barrier);
    CHECK_INT(run(aio_new(asks, &all, 'b', 3)), AIO_EINVAL);    /* of nobody */
    CHECK_NOTES("1+ 2! 3! ");
}

/* ------------------------------------------------------------------------------------ cancellation */

/* The first, the middle, the last, the only one of who waits. */
CORO_TEST(cancel_who_waits, struct all all; struct asks *tasks[3]; int i, k, n, victim, error; char kind, want[32];)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 6; self->k++)
        for (self->n = 1; self->n <= 3; self->n += 2)
            for (self->victim = 0; self->victim < self->n; self->victim++) {
                self->kind = "lestcw"[self->k];
                take_all(&self->all, self->kind);
                for (self->i = 0; self->i < self->n; self->i++)
                    self->tasks[self->i] = aio_create_task(aio_new(asks, &self->all, self->kind, self->i + 1));
                AIO_AWAIT(aio_sleep(1));
                CHECK(aio_task_cancel(self->tasks[self->victim]));
                AIO_TRY(self->error, self->tasks[self->victim]);
                CHECK_INT(self->error, AIO_ECANCELED);
                snprintf(self->want, sizeof self->want, "%dx ", self->victim + 1);
                CHECK_NOTES(self->want);
                for (self->i = 0; self->i < self->n; self->i++) {
                    if (self->kind == 'c' || !self->i)
                        give(&self->all, self->kind);
                    AIO_TRY(self->error, self->tasks[self->i]);
                }
                CHECK_NOTES(self->n == 1 ? "" : self->victim == 0 ? "2+ 3+ " : self->victim == 1 ? "1+ 3+ " : "1+ 2+ ");
                check_all_free(&self->all, self->kind);
                release_all(self->tasks, self->n);
            }
    AIO_END;
}

/* It has been handed over, and the wake-up is on its way: the await returns, and the request strikes at the
   next suspension. Then it is given back, and the next one has it. */
CORO_TEST(cancel_after_the_grant, struct all all; struct asks *tasks[2]; int k, times, error; char kind;)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 4; self->k++)
        for (self->times = 1; self->times <= 2; self->times++) {
            self->kind = "lstc"[self->k];
            take_all(&self->all, self->kind);
            self->tasks[0] = aio_create_task(aio_new(asks, &self->all, self->kind, 1, 0, AIO_FOREVER));
            self->tasks[1] = aio_create_task(aio_new(asks, &self->all, self->kind, 2));
            AIO_AWAIT(aio_sleep(1));
            give(&self->all, self->kind);
            CHECK(aio_task_cancel(self->tasks[0]));
            if (self->times == 2)
                CHECK(aio_task_cancel(self->tasks[0]));
            CHECK_INT(aio_task_cancelling(self->tasks[0]), self->times);
            AIO_TRY(self->error, self->tasks[0]);
            CHECK_INT(self->error, AIO_ECANCELED);
            if (self->kind == 'c')
                give(&self->all, self->kind);
            AIO_AWAIT(self->tasks[1]);
            CHECK_NOTES("1+ 1x 2+ ");
            check_all_free(&self->all, self->kind);
            release_all(self->tasks, 2);
        }
    AIO_END;
}

/* What hands nothing over: the cancel replaces the wake-up. */
CORO_TEST(cancel_after_the_wake_up, struct all all; struct asks *tasks[2]; int k, error; char kind;)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 3; self->k++) {
        self->kind = "ewb"[self->k];
        take_all(&self->all, self->kind);
        self->tasks[0] = aio_create_task(aio_new(asks, &self->all, self->kind, 1, 0, AIO_FOREVER));
        self->tasks[1] = aio_create_task(aio_new(asks, &self->all, self->kind, 2));
        AIO_AWAIT(aio_sleep(1));
        give(&self->all, self->kind);
        CHECK(aio_task_cancel(self->tasks[0]));
        AIO_TRY(self->error, self->tasks[0]);
        AIO_TRY(self->error, self->tasks[1]);
        CHECK_NOTES(self->kind == 'b' ? "1x 2! " : "1x 2+ ");
        check_all_free(&self->all, self->kind);
        release_all(self->tasks, 2);
    }
    AIO_END;
}

/* The deadline strikes after the grant: its own request is withdrawn, and the value comes out. */
CORO_TEST(deadline_after_the_grant, struct all all; struct asks *tasks[2]; int k; char kind;)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 4; self->k++) {
        self->kind = "lstc"[self->k];
        take_all(&self->all, self->kind);
        self->tasks[0] = aio_create_task(aio_new(asks, &self->all, self->kind, 1, .limit = 10, .hold = 30));
        self->tasks[1] = aio_create_task(aio_new(asks, &self->all, self->kind, 2));
        AIO_AWAIT(aio_sleep(1));
        crowd(200);
        give(&self->all, self->kind);
        takes(20);
        crowd(200);
        AIO_AWAIT(self->tasks[0]);
        CHECK_INT(aio_task_cancelling(self->tasks[0]), 0);
        if (self->kind == 'c')
            give(&self->all, self->kind);
        AIO_AWAIT(self->tasks[1]);
        CHECK_NOTES("1+ 2+ ");
        check_all_free(&self->all, self->kind);
        release_all(self->tasks, 2);
    }
    AIO_END;
}

/* The same, and an outer cancel besides: that one stands. */
CORO_TEST(deadline_and_cancel_after_the_grant, struct all all; struct asks *task; int k, error; char kind;)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 4; self->k++) {
        self->kind = "lstc"[self->k];
        take_all(&self->all, self->kind);
        self->task = aio_create_task(aio_new(asks, &self->all, self->kind, 1, .limit = 10, .hold = 30));
        AIO_AWAIT(aio_sleep(1));
        crowd(200);
        give(&self->all, self->kind);
        CHECK(aio_task_cancel(self->task));
        takes(20);
        AIO_TRY(self->error, self->task);
        CHECK_INT(self->error, AIO_ECANCELED);
        CHECK_NOTES("1+ 1x ");
        check_all_free(&self->all, self->kind);
        aio_release(self->task);
    }
    AIO_END;
}

CORO_TEST(timeouts, struct all all; struct asks *tasks[2]; int k, error; aio_time start; char kind;)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 7; self->k++) {
        self->kind = "lestcwb"[self->k];
        take_all(&self->all, self->kind);
        self->start = aio_now();
        self->tasks[0] = aio_create_task(aio_new(asks, &self->all, self->kind, 1, .limit = 10));
        self->tasks[1] = aio_create_task(aio_new(asks, &self->all, self->kind, 2));
        AIO_TRY(self->error, self->tasks[0]);
        CHECK_INT(self->error, AIO_ETIMEDOUT);
        CHECK_INT(aio_now() - self->start, 10);
        give(&self->all, self->kind);
        AIO_TRY(self->error, self->tasks[1]);
        CHECK_NOTES(self->kind == 'b' ? "1t 2! " : "1t 2+ ");
        check_all_free(&self->all, self->kind);
        release_all(self->tasks, 2);
    }
    AIO_END;
}

/* A timeout of 0 cancels it before it runs, even if it is free. */
CORO_TEST(no_time_at_all, struct all all; struct aio_permit permit; int k, error;)
{
    AIO_BEGIN;
    aio_event_set(&self->all.event);
    aio_semaphore_init(&self->all.semaphore, 1);
    aio_barrier_init(&self->all.barrier, 1);
    for (self->k = 0; self->k < 6; self->k++) {
        AIO_TRY(self->error, aio_wait_for(ask(&self->all, "lestwb"[self->k], &self->permit), 0));
        CHECK_INT(self->error, AIO_ETIMEDOUT);
    }
    CHECK(!self->permit.semaphore);
    check_all_free(&self->all, 'l');
    check_all_free(&self->all, 's');
    AIO_AWAIT(aio_lock_acquire(&self->all.lock));
    AIO_TRY(self->error, aio_wait_for(ask(&self->all, 'c', NULL), 0));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK(aio_lock_held(&self->all.lock));      /* it was never released */
    aio_lock_release(&self->all.lock);
    AIO_END;
}

/* A cancel that was asked for before does not strike at what needs no suspension, but at what does. */
struct pending { AIO_FRAME(void); struct all *all; char kind; };
static AIO_CORO(pending)
{
    AIO_BEGIN;
    aio_task_cancel(aio_current_task());
    AIO_AWAIT(ask(self->all, self->kind, NULL));
    note("one ");
    AIO_AWAIT(ask(self->all, self->kind, NULL));
    note("two ");
    AIO_END;
}
CORO_TEST(cancel_was_pending, struct all all; struct pending *task; int k, error; char kind;)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 3; self->k++) {
        self->kind = "lsb"[self->k];
        memset(&self->all, 0, sizeof self->all);
        aio_semaphore_init(&self->all.semaphore, 1);
        aio_barrier_init(&self->all.barrier, self->kind == 'b' ? 2 : 1);
        self->task = aio_create_task(aio_new(pending, &self->all, self->kind));
        AIO_TRY(self->error, self->task);
        CHECK_INT(self->error, AIO_ECANCELED);
        CHECK_NOTES(self->kind == 'b' ? "" : "one ");
        CHECK(!self->all.lock.waiters && !self->all.semaphore.waiters);
        CHECK_INT(self->all.barrier.waiting, 0);
        aio_release(self->task);
    }
    AIO_END;
}

/* ------------------------------------------------------------------------- operations in all places */

/* A bare operation as a task, a member, behind a shield. */
CORO_TEST(as_tasks, struct all all; struct aio_void *task, *second; struct aio_permit permit; int k, error; char kind;)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 6; self->k++) {
        self->kind = "lestwb"[self->k];
        take_all(&self->all, self->kind);
        self->permit.semaphore = NULL;
        self->task = aio_create_task(ask(&self->all, self->kind, &self->permit));
        CHECK(aio_task_cancel(self->task));     /* before its first step */
        AIO_TRY(self->error, self->task);
        CHECK_INT(self->error, AIO_ECANCELED);
        aio_release(self->task);
        self->task = aio_create_task(ask(&self->all, self->kind, &self->permit));
        AIO_AWAIT(aio_sleep(1));
        CHECK(!aio_task_done(self->task));
        CHECK(aio_task_cancel(self->task));     /* while it waits */
        AIO_TRY(self->error, self->task);
        CHECK_INT(self->error, AIO_ECANCELED);
        aio_release(self->task);
        self->task = aio_create_task(ask(&self->all, self->kind, &self->permit));
        AIO_TRY(self->error, aio_wait_for(aio_shield(self->task), 5));
        CHECK_INT(self->error, AIO_ETIMEDOUT);  /* the shield's; the task waits on */
        CHECK(!aio_task_done(self->task) && aio_task_cancelling(self->task) == 0);
        give(&self->all, self->kind);
        AIO_TRY(self->error, self->task);
        CHECK_INT(self->error, self->kind == 'b' ? AIO_EBROKEN : 0);
        aio_release(self->task);
        if (self->kind == 'l') {
            CHECK(self->all.lock.locked && !aio_lock_held(&self->all.lock));
            aio_lock_release(&self->all.lock);
        }
        if (self->kind == 't')
            CHECK(self->permit.semaphore == &self->all.semaphore);
        aio_permit_return(&self->permit);
    }
    AIO_END;
}

/* Such a task has no suspension left for a cancel to strike at after the grant: it ends with what it has. */
CORO_TEST(as_tasks_after_the_grant, struct all all; struct aio_void *task; struct aio_permit permit; int k, deadlines, error; char kind;)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 3; self->k++)
        for (self->deadlines = 0; self->deadlines < 3; self->deadlines++) {
            self->kind = "lst"[self->k];
            take_all(&self->all, self->kind);
            self->task = ask(&self->all, self->kind, &self->permit);
            if (self->deadlines > 0)
                self->task = aio_wait_for(self->task, 50);
            if (self->deadlines > 1)
                self->task = aio_wait_for(self->task, 60);
            self->task = aio_create_task(self->task);
            AIO_AWAIT(aio_sleep(1));
            give(&self->all, self->kind);
            CHECK(aio_task_cancel(self->task));
            AIO_TRY(self->error, self->task);
            CHECK_INT(self->error, 0);
            CHECK(!aio_task_cancelled(self->task));
            if (self->kind == 't')
                aio_permit_return(&self->permit);
            else
                give(&self->all, self->kind);
            check_all_free(&self->all, self->kind);
            aio_release(self->task);
        }
    AIO_END;
}

/* The lock of a condition is such a thing, too. */
CORO_TEST(condition_as_a_task, struct all all; struct aio_void *task; int error;)
{
    AIO_BEGIN;
    CHECK(aio_lock_try_acquire(&self->all.lock));
    self->task = aio_create_task(ask(&self->all, 'c', NULL));
    AIO_AWAIT(aio_sleep(1));
    CHECK(!self->all.lock.locked);
    aio_condition_notify(&self->all.condition, 1);
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, 0);
    CHECK(self->all.lock.locked);
    aio_release(self->task);
    AIO_END;
}

CORO_TEST(in_a_group, struct all all; struct aio_group group; struct aio_permit permit; struct aio_void *kept; int error;)
{
    AIO_BEGIN;
    take_all(&self->all, 'l');
    CHECK_INT(aio_group_open(&self->group, self, 2, 0), 0);
    CHECK_INT(aio_group_spawn(&self->group, aio_lock_acquire(&self->all.lock)), 0);
    CHECK_INT(aio_group_spawn(&self->group, aio_event_wait(&self->all.event)), 0);
    CHECK_INT(aio_group_spawn(&self->group, aio_semaphore_take(&self->all.semaphore, &self->permit)), 0);
    CHECK_INT(aio_group_spawn(&self->group, aio_wait_group_wait(&self->all.todo)), 0);
    self->kept = aio_group_create_task(&self->group, aio_semaphore_acquire(&self->all.semaphore));
    aio_semaphore_release(&self->all.semaphore);
    aio_semaphore_release(&self->all.semaphore);
    AIO_AWAIT(aio_sleep(1));
    CHECK_INT(self->all.semaphore.value, 2);    /* held back by the limit */
    aio_lock_release(&self->all.lock);
    aio_event_set(&self->all.event);
    aio_wait_group_done(&self->all.todo);
    AIO_AWAIT(aio_group_join(&self->group));
    CHECK_INT(aio_task_error(self->kept), 0);
    CHECK(self->all.lock.locked && self->permit.semaphore);
    CHECK_INT(self->all.semaphore.value, 0);
    CHECK_INT(aio_spawn(aio_lock_acquire(&self->all.lock)), 0);     /* cancelled at the end of the loop */
    AIO_END;
}

/* Who cleans up may wait; a second cancel hurries it. */
struct cleans { AIO_FRAME(void); struct all *all; char kind; struct aio_permit permit; };
static AIO_CORO(cleans)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_FOREVER));
    AIO_FINALLY;
    AIO_AWAIT(ask(self->all, self->kind, &self->permit));
    note("%d ", aio_lock_held(&self->all->lock) || self->permit.semaphore || self->all->event.is_set);
    if (aio_lock_held(&self->all->lock))
        aio_lock_release(&self->all->lock);
    aio_permit_return(&self->permit);
    AIO_END;
}
CORO_TEST(in_finally, struct all all; struct cleans *task; int k, twice, error; char kind;)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 3; self->k++)
        for (self->twice = 0; self->twice < 2; self->twice++) {
            self->kind = "let"[self->k];
            take_all(&self->all, self->kind);
            self->task = aio_create_task(aio_new(cleans, &self->all, self->kind));
            AIO_AWAIT(aio_sleep(1));
            CHECK(aio_task_cancel(self->task));
            AIO_AWAIT(aio_sleep(1));
            CHECK(!aio_task_done(self->task));
            if (self->twice)
                CHECK(aio_task_cancel(self->task));
            else
                give(&self->all, self->kind);
            AIO_TRY(self->error, self->task);
            CHECK_INT(self->error, AIO_ECANCELED);
            CHECK_NOTES(self->twice ? "0 " : "1 ");
            CHECK(!self->all.lock.waiters && !self->all.semaphore.waiters && !self->all.event.waiters);
            aio_release(self->task);
        }
    AIO_END;
}

/* Made and not awaited, they have changed nothing. */
CORO_TEST(discarded, struct all all; struct aio_permit permit; int k, n;)
{
    AIO_BEGIN;
    for (self->n = 0; self->n < 3; self->n++) {
        memset(&self->all, 0, sizeof self->all);
        aio_semaphore_init(&self->all.semaphore, 1);
        aio_barrier_init(&self->all.barrier, 2);
        for (self->k = 0; self->k < 6; self->k++) {
            struct aio_void *made = ask(&self->all, "lestwb"[self->k], &self->permit);
            made = self->n > 0 ? aio_wait_for(made, 5) : made;
            made = self->n > 1 ? aio_wait_for(made, 0) : made;
            aio_discard(made);
        }
        check_all_free(&self->all, 'l');
        check_all_free(&self->all, 's');
        CHECK(!self->permit.semaphore);
        CHECK(aio_lock_try_acquire(&self->all.lock));
        aio_discard(ask(&self->all, 'c', NULL));
        CHECK(aio_lock_held(&self->all.lock));
    }
    AIO_END;
}

/* What is always free lets the others run after AIO_BUDGET operations. */
struct spins { AIO_FRAME(void); struct all *all; char kind; int done; struct aio_permit permit; };
static AIO_CORO(spins)
{
    AIO_BEGIN;
    for (;;) {
        AIO_AWAIT(ask(self->all, self->kind, &self->permit));
        if (self->kind == 'l' || self->kind == 's')
            give(self->all, self->kind);
        aio_permit_return(&self->permit);
        self->done++;
    }
    AIO_FINALLY;
    note("%d ", aio_coro_error(self));
    AIO_END;
}
CORO_TEST(budget, struct all all; struct spins *task; int k, error; char kind;)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 6; self->k++) {
        self->kind = "lestwb"[self->k];
        memset(&self->all, 0, sizeof self->all);
        aio_semaphore_init(&self->all.semaphore, 1);
        aio_event_set(&self->all.event);
        aio_barrier_init(&self->all.barrier, 1);
        self->task = aio_create_task(aio_new(spins, &self->all, self->kind));
        AIO_AWAIT(aio_sleep(0));
        CHECK_INT(self->task->done, AIO_BUDGET);
        AIO_AWAIT(aio_sleep(0));
        CHECK_INT(self->task->done, 2 * AIO_BUDGET);
        CHECK(aio_task_cancel(self->task));     /* which strikes while it lets others run */
        AIO_TRY(self->error, self->task);
        CHECK_INT(self->error, AIO_ECANCELED);
        CHECK_INT(self->task->done % AIO_BUDGET, 0);
        CHECK_NOTES("-125 ");
        check_all_free(&self->all, 'l');
        check_all_free(&self->all, 's');
        aio_release(self->task);
    }
    AIO_END;
}

/* Who lets the others run comes behind who takes it meanwhile. */
CORO_TEST(budget_then_waits, struct all all; struct spins *task; struct asks *late; int error;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(spins, &self->all, 'l'));
    AIO_AWAIT(aio_sleep(0));
    CHECK(aio_lock_try_acquire(&self->all.lock));
    AIO_AWAIT(aio_sleep(0));
    AIO_AWAIT(aio_sleep(0));
    CHECK_INT(self->task->done, AIO_BUDGET);
    CHECK(self->all.lock.waiters);
    aio_lock_release(&self->all.lock);
    AIO_AWAIT(aio_sleep(0));
    CHECK(self->task->done > AIO_BUDGET);
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    aio_release(self->task);
    CHECK_NOTES("-125 ");
    AIO_END;
}

/* Who has to wait for a lock or a permit waits at once: that lets the others run, too. */
struct spent { AIO_FRAME(void); struct all *all; char kind; int i; };
static AIO_CORO(spent)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < AIO_BUDGET; self->i++)
        AIO_AWAIT(aio_event_wait(&self->all->event));
    AIO_AWAIT(ask(self->all, self->kind, NULL));
    AIO_END;
}
CORO_TEST(budget_is_not_for_waiting, struct all all; struct spent *tasks[2];)
{
    AIO_BEGIN;
    take_all(&self->all, 'l');
    aio_event_set(&self->all.event);
    self->tasks[0] = aio_create_task(aio_new(spent, &self->all, 'l'));
    self->tasks[1] = aio_create_task(aio_new(spent, &self->all, 's'));
    AIO_AWAIT(aio_sleep(0));
    CHECK(AIO_SMALL || (self->all.lock.waiters && self->all.semaphore.waiters));
    aio_lock_release(&self->all.lock);
    aio_semaphore_release(&self->all.semaphore);
    AIO_AWAIT(self->tasks[0]);
    AIO_AWAIT(self->tasks[1]);
    aio_release(self->tasks[0]);
    aio_release(self->tasks[1]);
    AIO_END;
}

/* ------------------------------------------------------------------------------------------- lock */

struct holder { AIO_FRAME(void); struct aio_lock *lock; };
static AIO_CORO(holder)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_wait_for(aio_lock_acquire(self->lock), 5));
    CHECK(aio_lock_held(self->lock));           /* a deadline is no task */
    AIO_END;
}
struct looks { AIO_FRAME(bool); struct aio_lock *lock; };
static AIO_CORO(looks) { AIO_BEGIN; AIO_RETURN(aio_lock_held(self->lock)); AIO_END; }

CORO_TEST(lock_held, struct aio_lock lock; bool held;)
{
    AIO_BEGIN;
    CHECK(!aio_lock_held(&self->lock));
    AIO_AWAIT(aio_lock_acquire(&self->lock));
    AIO_AWAIT(self->held, aio_new(looks, &self->lock));     /* the same task */
    CHECK(self->held);
    AIO_AWAIT(self->held, aio_wait_for(aio_new(looks, &self->lock), 5));
    CHECK(self->held);
    aio_lock_release(&self->lock);
    CHECK(!aio_lock_held(&self->lock));
    AIO_AWAIT(aio_new(holder, &self->lock));
    CHECK(aio_lock_held(&self->lock));
    aio_lock_release(&self->lock);
    AIO_END;
}

/* A task that ended and left it locked is not the one that came after it, in the same memory. */
CORO_TEST(lock_left_behind, struct aio_lock lock; struct holder *task; struct looks *next; bool held;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(holder, &self->lock));
    AIO_AWAIT(self->task);
    aio_release(self->task);
    self->next = aio_create_task(aio_new(looks, &self->lock));
    AIO_AWAIT(self->held, self->next);
    aio_release(self->next);
    CHECK(!self->held);
    CHECK(self->lock.locked && !aio_lock_held(&self->lock));
    aio_lock_release(&self->lock);              /* from any task */
    CHECK(!self->lock.locked);
    AIO_END;
}

/* It is not recursive. */
CORO_TEST(lock_twice, struct aio_lock lock; int error;)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_lock_acquire(&self->lock));
    AIO_TRY(self->error, aio_wait_for(aio_lock_acquire(&self->lock), 5));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK(aio_lock_held(&self->lock));
    aio_lock_release(&self->lock);
    AIO_END;
}

/* ------------------------------------------------------------------------------------------ event */

CORO_TEST(event_set_and_cleared, struct all all; struct asks *tasks[3];)
{
    AIO_BEGIN;
    self->tasks[0] = aio_create_task(aio_new(asks, &self->all, 'e', 1));
    self->tasks[1] = aio_create_task(aio_new(asks, &self->all, 'e', 2));
    AIO_AWAIT(aio_sleep(1));
    aio_event_set(&self->all.event);
    CHECK(self->all.event.is_set);
    aio_event_clear(&self->all.event);
    CHECK(!self->all.event.is_set);
    self->tasks[2] = aio_create_task(aio_new(asks, &self->all, 'e', 3));
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("1+ 2+ ");                      /* who waited was woken; who came later waits */
    CHECK(!aio_task_done(self->tasks[2]));
    aio_event_set(&self->all.event);
    aio_event_set(&self->all.event);            /* twice is once */
    AIO_AWAIT(self->tasks[2]);
    AIO_AWAIT(aio_event_wait(&self->all.event));
    CHECK_NOTES("3+ ");
    release_all(self->tasks, 3);
    AIO_END;
}

/* -------------------------------------------------------------------------------------- condition */

CORO_TEST(condition_order, struct all all; struct asks *tasks[4]; int i;)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 4; self->i++)
        self->tasks[self->i] = aio_create_task(aio_new(asks, &self->all, 'c', self->i + 1, 0, 3));
    aio_condition_notify_all(&self->all.condition);     /* nobody waits yet: forgotten */
    AIO_AWAIT(aio_sleep(1));
    CHECK(!self->all.lock.locked);                      /* waiting releases it */
    aio_condition_notify(&self->all.condition, 0);
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("");
    aio_condition_notify(&self->all.condition, 2);      /* the lock is free: the first has it at once */
    CHECK(self->all.lock.locked && !aio_lock_try_acquire(&self->all.lock));
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("1+ ");                                 /* one at a time */
    AIO_AWAIT(aio_sleep(20));
    CHECK_NOTES("2+ ");
    AIO_AWAIT(aio_lock_acquire(&self->all.lock));
    aio_condition_notify_all(&self->all.condition);     /* the lock is held: they queue for it */
    AIO_AWAIT(aio_sleep(20));
    CHECK_NOTES("");
    aio_lock_release(&self->all.lock);
    AIO_AWAIT(self->tasks[3]);
    CHECK_NOTES("3+ 4+ ");
    check_all_free(&self->all, 'c');
    release_all(self->tasks, 4);
    AIO_END;
}

/* Notified ones queue for the lock among the others who want it. */
CORO_TEST(condition_queues_for_the_lock, struct all all; struct asks *tasks[4];)
{
    AIO_BEGIN;
    self->tasks[1] = aio_create_task(aio_new(asks, &self->all, 'c', 2));
    AIO_AWAIT(aio_sleep(1));
    AIO_AWAIT(aio_lock_acquire(&self->all.lock));
    self->tasks[0] = aio_create_task(aio_new(asks, &self->all, 'l', 1));
    AIO_AWAIT(aio_sleep(1));
    aio_condition_notify(&self->all.condition, 1);
    self->tasks[2] = aio_create_task(aio_new(asks, &self->all, 'l', 3));
    AIO_AWAIT(aio_sleep(1));
    aio_lock_release(&self->all.lock);
    AIO_AWAIT(self->tasks[2]);
    CHECK_NOTES("1+ 2+ 3+ ");
    release_all(self->tasks, 3);
    AIO_END;
}

/* Cancelled before it was notified: it comes out with the lock, however long that takes, and however often
   it is asked. */
CORO_TEST(condition_cancelled, struct all all; struct asks *tasks[2]; int times, i, error;)
{
    AIO_BEGIN;
    for (self->times = 1; self->times <= 3; self->times++) {
        self->tasks[0] = aio_create_task(aio_new(asks, &self->all, 'c', 1));
        self->tasks[1] = aio_create_task(aio_new(asks, &self->all, 'c', 2));
        AIO_AWAIT(aio_sleep(1));
        AIO_AWAIT(aio_lock_acquire(&self->all.lock));
        for (self->i = 0; self->i < self->times; self->i++) {
            CHECK(aio_task_cancel(self->tasks[0]));
            AIO_AWAIT(aio_sleep(1));
            CHECK(!aio_task_done(self->tasks[0]));
        }
        CHECK_NOTES("");
        aio_lock_release(&self->all.lock);
        CHECK(self->all.lock.locked);                   /* it was handed over */
        AIO_TRY(self->error, self->tasks[0]);
        CHECK_INT(self->error, AIO_ECANCELED);
        CHECK_NOTES("1x ");
        aio_condition_notify(&self->all.condition, 1);  /* it has taken none: this one is for the other */
        AIO_AWAIT(self->tasks[1]);
        CHECK_NOTES("2+ ");
        check_all_free(&self->all, 'c');
        release_all(self->tasks, 2);
    }
    AIO_END;
}

/* Cancelled with its notification in hand, before it has the lock: it passes it on, when it has. */
CORO_TEST(condition_passes_it_on, struct all all; struct asks *tasks[3]; int times, error;)
{
    AIO_BEGIN;
    for (self->times = 0; self->times <= 2; self->times++) {    /* 0: the lock is free when it looks */
        self->tasks[0] = aio_create_task(aio_new(asks, &self->all, 'c', 1));
        self->tasks[1] = aio_create_task(aio_new(asks, &self->all, 'c', 2));
        self->tasks[2] = aio_create_task(aio_new(asks, &self->all, 'c', 3));
        AIO_AWAIT(aio_sleep(1));
        AIO_AWAIT(aio_lock_acquire(&self->all.lock));
        aio_condition_notify(&self->all.condition, 1);
        CHECK(aio_task_cancel(self->tasks[0]));
        if (self->times)
            AIO_AWAIT(aio_sleep(1));
        if (self->times == 2) {
            CHECK(aio_task_cancel(self->tasks[0]));
            AIO_AWAIT(aio_sleep(1));
        }
        aio_lock_release(&self->all.lock);
        AIO_TRY(self->error, self->tasks[0]);
        CHECK_INT(self->error, AIO_ECANCELED);
        AIO_AWAIT(self->tasks[1]);
        AIO_AWAIT(aio_sleep(5));
        CHECK_NOTES("1x 2+ ");                          /* one notification, one that goes on */
        CHECK(!aio_task_done(self->tasks[2]));
        aio_condition_notify_all(&self->all.condition);
        AIO_AWAIT(self->tasks[2]);
        CHECK_NOTES("3+ ");
        check_all_free(&self->all, 'c');
        release_all(self->tasks, 3);
    }
    AIO_END;
}

/* The deadline ends the wait, not the taking of the lock. */
CORO_TEST(condition_timeout, struct all all; struct asks *task; aio_time start; int error;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(asks, &self->all, 'c', 1, .limit = 10));
    AIO_AWAIT(aio_sleep(1));
    AIO_AWAIT(aio_lock_acquire(&self->all.lock));
    AIO_AWAIT(aio_sleep(30));
    CHECK(!aio_task_done(self->task));
    aio_lock_release(&self->all.lock);
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_INT(aio_now(), 31);
    CHECK_NOTES("1t ");
    check_all_free(&self->all, 'c');
    aio_release(self->task);
    AIO_END;
}

/* As it is meant to be used. */
struct buffer { struct aio_lock lock; struct aio_condition changed; int items, got; };
struct consumes { AIO_FRAME(void); struct buffer *buffer; };
static AIO_CORO(consumes)
{
    AIO_BEGIN;
    for (;;) {
        AIO_AWAIT(aio_lock_acquire(&self->buffer->lock));
        while (!self->buffer->items)
            AIO_AWAIT(aio_condition_wait(&self->buffer->changed, &self->buffer->lock));
        self->buffer->items--;
        self->buffer->got++;
        aio_lock_release(&self->buffer->lock);
    }
    AIO_FINALLY;
    if (aio_lock_held(&self->buffer->lock))
        aio_lock_release(&self->buffer->lock);
    AIO_END;
}
CORO_TEST(condition_in_use, struct buffer buffer; struct consumes *tasks[3]; int i, error;)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 3; self->i++)
        self->tasks[self->i] = aio_create_task(aio_new(consumes, &self->buffer));
    for (self->i = 0; self->i < 30; self->i++) {
        AIO_AWAIT(aio_lock_acquire(&self->buffer.lock));
        self->buffer.items += self->i % 3;
        aio_condition_notify(&self->buffer.changed, (size_t)self->i % 3);
        aio_lock_release(&self->buffer.lock);
        if (self->i % 4 == 0)
            AIO_AWAIT(aio_sleep(self->i % 8));
        if (self->i == 15)
            CHECK(aio_task_cancel(self->tasks[0]));
    }
    AIO_AWAIT(aio_sleep(1));
    CHECK_INT(self->buffer.got, 30);
    CHECK_INT(self->buffer.items, 0);
    for (self->i = 0; self->i < 3; self->i++) {
        aio_task_cancel(self->tasks[self->i]);
        AIO_TRY(self->error, self->tasks[self->i]);
        CHECK_INT(self->error, AIO_ECANCELED);
        aio_release(self->tasks[self->i]);
    }
    CHECK(!self->buffer.lock.locked);
    AIO_END;
}

/* -------------------------------------------------------------------------------------- semaphore */

CORO_TEST(semaphore_permits, struct all all; struct asks *tasks[4]; int i;)
{
    AIO_BEGIN;
    aio_semaphore_init(&self->all.semaphore, 2);
    for (self->i = 0; self->i < 4; self->i++)
        self->tasks[self->i] = aio_create_task(aio_new(asks, &self->all, "stst"[self->i], self->i + 1, 0, 10));
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("1+ 2+ ");
    aio_semaphore_release(&self->all.semaphore);        /* one more than there was */
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("3+ ");
    AIO_AWAIT(self->tasks[3]);
    CHECK_NOTES("4+ ");
    CHECK_INT(self->all.semaphore.value, 3);
    release_all(self->tasks, 4);
    aio_bounded_semaphore_init(&self->all.semaphore, 2);
    CHECK_INT(self->all.semaphore.value, 2);
    CHECK(aio_semaphore_try_acquire(&self->all.semaphore) && aio_semaphore_try_acquire(&self->all.semaphore));
    CHECK(!aio_semaphore_try_acquire(&self->all.semaphore));
    aio_semaphore_release(&self->all.semaphore);
    aio_semaphore_release(&self->all.semaphore);        /* as many as there are */
    CHECK_INT(self->all.semaphore.value, 2);
    memset(&self->all, 0, sizeof self->all);
    CHECK(!aio_semaphore_try_acquire(&self->all.semaphore));    /* zeroed: none */
    AIO_END;
}

/* ---------------------------------------------------------------------------------------- barrier */

struct meets { AIO_FRAME(int); struct aio_barrier *barrier; int id; aio_time first; };
static AIO_CORO(meets)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->first));
    AIO_AWAIT(self->result, aio_barrier_wait(self->barrier));
    note("%d:%d ", self->id, self->result);
    AIO_RETURN();
    AIO_FINALLY;
    if (aio_coro_error(self))
        note("%d:%d,%d ", self->id, self->result, aio_coro_error(self));
    AIO_END;
}
static void meet(struct meets **tasks, struct aio_barrier *barrier, int n)
{
    int i;
    for (i = 0; i < n; i++)
        CHECK((tasks[i] = aio_create_task(aio_new(meets, barrier, i + 1))) != NULL);
}
static void part(struct meets **tasks, int n)
{
    while (n-- > 0)
        aio_release(tasks[n]);
}

CORO_TEST(barrier_meets_again, struct aio_barrier barrier; struct meets *tasks[6]; int index;)
{
    AIO_BEGIN;
    aio_barrier_init(&self->barrier, 3);
    CHECK_INT(self->barrier.parties, 3);
    meet(self->tasks, &self->barrier, 2);
    AIO_AWAIT(aio_sleep(1));
    CHECK_INT(self->barrier.waiting, 2);
    CHECK_NOTES("");
    SAY("turn ");
    AIO_AWAIT(self->index, aio_barrier_wait(&self->barrier));   /* the last one does not suspend */
    CHECK_INT(self->index, 2);
    CHECK_INT(self->barrier.waiting, 0);
    CHECK_NOTES("");
    AIO_AWAIT(self->tasks[1]);
    CHECK_NOTES("turn 1:0 2:1 ");
    part(self->tasks, 2);
    meet(self->tasks, &self->barrier, 6);                       /* twice three */
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("3:2 6:2 1:0 2:1 4:0 5:1 ");
    part(self->tasks, 6);
    AIO_END;
}

CORO_TEST(barrier_of_one_and_of_none, struct aio_barrier barrier; int index, error;)
{
    AIO_BEGIN;
    aio_barrier_init(&self->barrier, 1);
    SAY("turn ");
    AIO_AWAIT(self->index, aio_barrier_wait(&self->barrier));
    CHECK_INT(self->index, 0);
    AIO_AWAIT(self->index, aio_barrier_wait(&self->barrier));
    CHECK_INT(self->index, 0);
    CHECK_NOTES("");
    aio_barrier_init(&self->barrier, 0);
    AIO_TRY(self->error, aio_barrier_wait(&self->barrier));
    CHECK_INT(self->error, AIO_EINVAL);
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("turn ");
    AIO_END;
}

/* A cancelled one is not counted; the numbers of those who meet are 0 to N - 1 all the same. */
CORO_TEST(barrier_cancelled, struct aio_barrier barrier; struct meets *tasks[4]; int i, victim, error;)
{
    AIO_BEGIN;
    for (self->victim = 0; self->victim < 3; self->victim++) {
        aio_barrier_init(&self->barrier, 4);
        meet(self->tasks, &self->barrier, 3);
        AIO_AWAIT(aio_sleep(1));
        CHECK(aio_task_cancel(self->tasks[self->victim]));
        AIO_TRY(self->error, self->tasks[self->victim]);
        CHECK_INT(self->barrier.waiting, 2);
        self->tasks[3] = aio_create_task(aio_new(meets, &self->barrier, 4));
        AIO_AWAIT(aio_sleep(1));
        CHECK_INT(self->barrier.waiting, 3);
        AIO_AWAIT(self->i, aio_barrier_wait(&self->barrier));
        CHECK_INT(self->i, 3);
        AIO_AWAIT(self->tasks[3]);
        CHECK_NOTES(self->victim == 0 ? "1:0,-125 2:0 3:1 4:2 " : self->victim == 1 ? "2:0,-125 1:0 3:1 4:2 " :
                    "3:0,-125 1:0 2:1 4:2 ");
        part(self->tasks, 4);
    }
    aio_barrier_init(&self->barrier, 3);        /* cancelled when all have met: the others have */
    meet(self->tasks, &self->barrier, 2);
    AIO_AWAIT(aio_sleep(1));
    AIO_AWAIT(self->i, aio_barrier_wait(&self->barrier));
    CHECK(aio_task_cancel(self->tasks[1]));
    AIO_TRY(self->error, self->tasks[1]);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(self->barrier.waiting, 0);
    CHECK_NOTES("1:0 2:0,-125 ");               /* and its result is 0 */
    part(self->tasks, 2);
    AIO_END;
}

CORO_TEST(barrier_reset_and_abort, struct aio_barrier barrier; struct meets *tasks[4]; int error;)
{
    AIO_BEGIN;
    aio_barrier_init(&self->barrier, 3);
    meet(self->tasks, &self->barrier, 2);
    AIO_AWAIT(aio_sleep(1));
    aio_barrier_reset(&self->barrier);
    CHECK_INT(self->barrier.waiting, 0);
    CHECK(!self->barrier.broken);
    AIO_TRY(self->error, self->tasks[0]);
    AIO_TRY(self->error, self->tasks[1]);
    CHECK_INT(self->error, AIO_EBROKEN);
    CHECK_NOTES("1:0,-4098 2:0,-4098 ");
    part(self->tasks, 2);
    meet(self->tasks, &self->barrier, 3);       /* it works again */
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("3:2 1:0 2:1 ");
    part(self->tasks, 3);
    meet(self->tasks, &self->barrier, 2);
    AIO_AWAIT(aio_sleep(1));
    aio_barrier_abort(&self->barrier);
    CHECK(self->barrier.broken);
    AIO_TRY(self->error, self->tasks[0]);
    AIO_TRY(self->error, self->tasks[1]);
    AIO_TRY(self->error, aio_barrier_wait(&self->barrier));
    CHECK_INT(self->error, AIO_EBROKEN);        /* until it is reset */
    CHECK_INT(self->barrier.waiting, 0);
    CHECK_NOTES("1:0,-4098 2:0,-4098 ");
    part(self->tasks, 2);
    aio_barrier_reset(&self->barrier);
    CHECK(!self->barrier.broken);
    meet(self->tasks, &self->barrier, 3);
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("3:2 1:0 2:1 ");
    part(self->tasks, 3);
    meet(self->tasks, &self->barrier, 1);       /* a reset, and a cancel on top: it counts for nothing in the next */
    AIO_AWAIT(aio_sleep(1));
    aio_barrier_reset(&self->barrier);
    CHECK(aio_task_cancel(self->tasks[0]));
    AIO_TRY(self->error, self->tasks[0]);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(self->barrier.waiting, 0);
    CHECK_NOTES("1:0,-125 ");
    part(self->tasks, 1);
    AIO_END;
}

/* ------------------------------------------------------------------------------------- wait group */

CORO_TEST(wait_group_counts, struct all all; struct asks *tasks[2];)
{
    AIO_BEGIN;
    aio_wait_group_add(&self->all.todo, 1);
    aio_wait_group_add(&self->all.todo, 2);
    CHECK_INT(self->all.todo.count, 3);
    self->tasks[0] = aio_create_task(aio_new(asks, &self->all, 'w', 1));
    self->tasks[1] = aio_create_task(aio_new(asks, &self->all, 'w', 2));
    AIO_AWAIT(aio_sleep(1));
    aio_wait_group_done(&self->all.todo);
    aio_wait_group_done(&self->all.todo);
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("");
    aio_wait_group_done(&self->all.todo);
    aio_wait_group_add(&self->all.todo, 1);     /* too late for those who waited */
    AIO_AWAIT(self->tasks[0]);
    AIO_AWAIT(self->tasks[1]);
    CHECK_NOTES("1+ 2+ ");
    release_all(self->tasks, 2);
    self->tasks[0] = aio_create_task(aio_new(asks, &self->all, 'w', 3));     /* and again */
    AIO_AWAIT(aio_sleep(1));
    aio_wait_group_done(&self->all.todo);
    AIO_AWAIT(self->tasks[0]);
    CHECK_NOTES("3+ ");
    aio_release(self->tasks[0]);
    AIO_END;
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(free_is_taken_at_once), T(nobody_overtakes), T(from_a_callback), T(before_the_loop),
        T(cancel_who_waits), T(cancel_after_the_grant), T(cancel_after_the_wake_up), T(deadline_after_the_grant),
        T(deadline_and_cancel_after_the_grant), T(timeouts), T(no_time_at_all), T(cancel_was_pending), T(as_tasks),
        T(as_tasks_after_the_grant), T(condition_as_a_task), T(in_a_group), T(in_finally), T(discarded), T(budget), T(budget_then_waits),
        T(budget_is_not_for_waiting),
        T(lock_held), T(lock_left_behind), T(lock_twice), T(event_set_and_cleared), T(condition_order),
        T(condition_queues_for_the_lock), T(condition_cancelled), T(condition_passes_it_on), T(condition_timeout),
        T(condition_in_use), T(semaphore_permits), T(barrier_meets_again), T(barrier_of_one_and_of_none),
        T(barrier_cancelled), T(barrier_reset_and_abort), T(wait_group_counts));
}
