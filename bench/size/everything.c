/* everything.c - all the rest: each part of the API once, so that none is left out. Nobody writes such a program; it is
   here for its size. The light goes on if everything did what it should. */
#include "options.h"

static struct aio_loop loop;
static struct aio_local local;
static struct aio_callback press;
static struct aio_event pressed, rung;
static size_t written;                  /* characters of reports and of the dump */

#define REQUIRE(condition) do { if (!(condition)) AIO_RAISE(AIO_EUSER - __LINE__); } while (0)

struct nap { AIO_FRAME(int); aio_time span; int value, error; };
static AIO_CORO(nap)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep_until(aio_now() + self->span));
    if (self->error)
        AIO_RAISE(self->error);
    AIO_RETURN(self->value);
    AIO_END;
}
#define nap(ms, value) aio_new(nap, AIO_MS(ms), (value))

/* Tasks, futures, callbacks. */
static void called(struct aio_callback *callback) { aio_event_set((struct aio_event *)callback->arg); }

struct tasks { AIO_FRAME(void); struct nap *task, *same; AIO_FUTURE(int) future; struct aio_callback callback; int x; };
static AIO_CORO(tasks)
{
    AIO_BEGIN;
    self->task = aio_create_task(nap(100, 1));
    REQUIRE(self->task && aio_current_task() && aio_all_tasks(&loop, NULL, 0) == 2);
    REQUIRE(aio_task_set_name(self->task, "nap") == 0 && aio_task_name(self->task) != NULL);
    self->same = aio_retain(self->task);
    aio_release(self->same);
    AIO_AWAIT(self->x, aio_shield(self->task));
    REQUIRE(self->x == 1 && aio_task_done(self->task) && aio_task_error(self->task) == 0);
    aio_release(self->task);

    self->task = aio_create_task(nap(100, 1));
    REQUIRE(aio_task_cancel(self->task) && aio_task_cancelling(self->task) && aio_task_uncancel(self->task) == 0);
    aio_task_cancel(self->task);
    AIO_TRY(self->x, self->task);
    REQUIRE(self->x == AIO_ECANCELED && aio_task_cancelled(self->task) && aio_strerror(self->x));
    aio_release(self->task);

    self->callback.fn = called;
    self->callback.arg = &rung;
    REQUIRE(aio_loop_call_later(&loop, &self->callback, AIO_MS(10)) == 0 && aio_callback_pending(&self->callback));
    REQUIRE(aio_callback_when(&self->callback) > aio_now() && aio_callback_cancel(&self->callback));
    REQUIRE(aio_loop_call_at(&loop, &self->callback, aio_now() + AIO_MS(10)) == 0);
    AIO_AWAIT(aio_event_wait(&rung));
    aio_event_clear(&rung);
    aio_add_done_callback(&self->future, &self->callback);
    REQUIRE(aio_future_set_result(&self->future, 7) == 0 && !aio_future_cancel(&self->future));
    AIO_AWAIT(self->x, &self->future);
    AIO_AWAIT(aio_event_wait(&rung));
    REQUIRE(self->x == 7 && aio_loop_call_soon(&loop, &self->callback) == 0 && aio_callback_cancel(&self->callback));
    REQUIRE(aio_local_set(&local, &loop) == 0 && aio_local_get(&local) == &loop);
    aio_discard(nap(0, 0));
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

/* Several at once, and not for ever. */
struct several {
    AIO_FRAME(void);
    struct aio_group group;
    struct aio_timeout limit;
    struct aio_completed *slot;
    struct nap *one, *two;
    struct aio_any *all[2], *next;
    ptrdiff_t n;
    int x, y;
    bool more;
};
static AIO_CORO(several)
{
    AIO_BEGIN;
    AIO_GATHER(self->x, nap(20, 1), self->y, nap(10, 2));
    REQUIRE(self->x == 1 && self->y == 2);
    AIO_ALL(nap(1, 0), nap(2, 0));
    AIO_RACE(self->x, nap(20, 1), nap(10, 2));
    REQUIRE(self->x == 1);
    AIO_TRY(self->x, aio_wait_for(nap(20, 1), AIO_MS(10)));
    REQUIRE(self->x == AIO_ETIMEDOUT);
    AIO_TIMEOUT(&self->limit, AIO_MS(5)) {
        REQUIRE(aio_timeout_reschedule(&self->limit, AIO_MS(10)) == 0);
        AIO_AWAIT(nap(20, 1));
    }
    REQUIRE(self->limit.expired);

    REQUIRE(aio_group_open(&self->group, self, 1, 0) == 0 && aio_group_spawn(&self->group, nap(10, 1)) == 0);
    REQUIRE(aio_group_create_task(&self->group, aio_new(nap, .error = AIO_EUSER)) != NULL);
    REQUIRE(aio_group_count(&self->group) == 2);
    AIO_TRY(self->x, aio_group_join(&self->group));
    REQUIRE(self->x == AIO_EUSER && aio_group_error(&self->group, 0) == AIO_EUSER);
    aio_group_cancel(&self->group);

    self->one = aio_create_task(nap(10, 1));
    self->two = aio_create_task(nap(20, 2));
    self->all[0] = aio_any(self->one);
    self->all[1] = aio_any(self->two);
    AIO_AWAIT(self->n, aio_wait(self->all, 2, AIO_FIRST_COMPLETED, AIO_MS(50)));
    AIO_AWAIT(aio_gather(self->all, 2, AIO_RETURN_EXCEPTIONS));
    AIO_FOREACH(self->next, self->slot, aio_as_completed(self->all, 2, AIO_FOREVER))
        self->n++;
    REQUIRE(self->n == 3);
    AIO_FINALLY;
    aio_release(self->one);
    aio_release(self->two);
    AIO_END;
}

struct count { AIO_FRAME(int); int to, i; };
static AIO_CORO(count)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < self->to; self->i++)
        AIO_YIELD(self->i);
    AIO_END;
}

struct generators { AIO_FRAME(void); struct count *count; int i, sum; bool more; };
static AIO_CORO(generators)
{
    AIO_BEGIN;
    AIO_FOREACH(self->i, self->count, aio_new(count, .to = 4))
        self->sum += self->i;
    self->count = aio_new(count, .to = 2);
    AIO_NEXT(self->more, self->i, self->count);
    REQUIRE(self->sum == 6 && self->more && self->i == 0);
    AIO_CLOSE(self->count);
    AIO_END;
}

/* Locks, and what is like them: each is free, so that one task is enough. */
struct locks {
    AIO_FRAME(void);
    struct aio_lock lock;
    struct aio_condition condition;
    struct aio_semaphore semaphore;
    struct aio_permit permit;
    struct aio_barrier barrier;
    struct aio_wait_group group;
    int x;
};
static AIO_CORO(locks)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_lock_acquire(&self->lock));
    REQUIRE(aio_lock_held(&self->lock) && !aio_lock_try_acquire(&self->lock));
    AIO_TRY(self->x, aio_wait_for(aio_condition_wait(&self->condition, &self->lock), AIO_MS(1)));
    aio_condition_notify_all(&self->condition);
    aio_lock_release(&self->lock);
    aio_bounded_semaphore_init(&self->semaphore, 2);
    AIO_AWAIT(aio_semaphore_acquire(&self->semaphore));
    REQUIRE(aio_semaphore_try_acquire(&self->semaphore));
    aio_semaphore_release(&self->semaphore);
    AIO_AWAIT(aio_semaphore_take(&self->semaphore, &self->permit));
    aio_permit_return(&self->permit);
    aio_barrier_init(&self->barrier, 1);
    AIO_AWAIT(self->x, aio_barrier_wait(&self->barrier));
    aio_barrier_abort(&self->barrier);
    aio_barrier_reset(&self->barrier);
    aio_wait_group_add(&self->group, 1);
    aio_wait_group_done(&self->group);
    AIO_AWAIT(aio_wait_group_wait(&self->group));
    AIO_END;
}

static bool before(const void *a, const void *b) { return *(const int *)a < *(const int *)b; }

struct queues {
    AIO_FRAME(void);
    struct aio_queue queue;
    struct aio_channel channel;
    struct aio_broadcast broadcast;
    struct aio_subscription subscription;
    struct aio_watch watch;
    struct aio_watcher watcher;
    int room[4], news[4], latest, x, more;
};
static AIO_CORO(queues)
{
    AIO_BEGIN;
    aio_priority_queue_init(&self->queue, self->room, before);
    AIO_AWAIT(aio_queue_put(&self->queue, &self->x));
    REQUIRE(aio_queue_put_nowait(&self->queue, &self->x) == 0 && aio_queue_get_nowait(&self->queue, &self->x) == 0);
    AIO_AWAIT(aio_queue_get(&self->queue, &self->x));
    aio_queue_task_done(&self->queue);
    aio_queue_task_done(&self->queue);
    AIO_AWAIT(aio_queue_join(&self->queue));
    aio_queue_shutdown(&self->queue, false);
    AIO_AWAIT(self->more, aio_queue_next(&self->queue, &self->x));
    REQUIRE(!self->more);
    aio_lifo_queue_init(&self->queue, self->room);

    aio_channel_init(&self->channel, self->room);
    AIO_AWAIT(aio_channel_send(&self->channel, &self->x));
    AIO_AWAIT(self->more, aio_channel_recv(&self->channel, &self->x));
    REQUIRE(self->more && aio_channel_try_recv(&self->channel, &self->x) == AIO_EAGAIN);
    aio_channel_close_send(&self->channel);
    aio_channel_close_recv(&self->channel);

    aio_broadcast_init(&self->broadcast, self->news);
    aio_broadcast_subscribe(&self->broadcast, &self->subscription);
    REQUIRE(aio_broadcast_send(&self->broadcast, &self->x) == 0);
    AIO_AWAIT(self->more, aio_broadcast_recv(&self->subscription, &self->x));
    aio_broadcast_close(&self->broadcast);

    aio_watch_init(&self->watch, &self->latest);
    aio_watch_subscribe(&self->watch, &self->watcher);
    REQUIRE(self->more && aio_watch_set(&self->watch, &self->x) == 0);
    AIO_AWAIT(self->more, aio_watch_next(&self->watcher, &self->x));
    aio_watch_close(&self->watch);
    REQUIRE(self->more);
    AIO_END;
}

/* The loop, its reports and its dump. */
static void write(struct aio_sink *sink, const char *text, size_t length)
{
    (void)sink;
    (void)text;
    written += length;
}
static struct aio_sink sink = { write };

static void on_error(struct aio_loop *of, const struct aio_report *report)
{
    (void)of;
    aio_report_write(report, &sink);
}

void board_pressed(void)
{
    if (loop.thread)
        aio_loop_post(&loop, &press);
}

static int each(void)
{
    int n = 0, error = aio_loop_run_until_complete(&loop, aio_new(tasks));
    error = error ? error : aio_loop_run_until_complete(&loop, aio_new(several));
    error = error ? error : aio_loop_run_until_complete(&loop, aio_new(generators));
    error = error ? error : aio_loop_run_until_complete(&loop, aio_new(locks));
    error = error ? error : aio_loop_run_until_complete(&loop, aio_new(queues));
    error = error ? error : aio_loop_run_until_complete(&loop, n, nap(1, 3));
    return error ? error : n;
}

int main(void)
{
    static struct aio_callback stop;
    struct aio_options options = { .on_error = on_error };
    int error;
    press.fn = called;
    press.arg = &pressed;
    stop = press;
    if (aio_loop_init(&loop, &options) < 0)
        return 1;
    error = each();
    if (error != 3 || aio_loop_spawn(&loop, aio_new(nap, .error = AIO_EUSER)) < 0)
        return 1;
    aio_dump(&loop, &sink);
    aio_loop_at_close(&loop, &stop);
    aio_loop_stop(&loop);
    if (aio_loop_run_forever(&loop) < 0 || aio_loop_turn(&loop, 0) < 0 || aio_loop_deadline(&loop) != AIO_FOREVER ||
        aio_loop_close(&loop) < 0 || !written || aio_pool_peak() > AIO_POOL_BYTES)
        return 1;
    board_light = 1;
    return 0;
}
