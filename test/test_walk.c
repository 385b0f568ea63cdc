/* A program that uses everything is walked: each of its tasks is cancelled, or meets a deadline, at each of
   its suspensions in turn. Whatever the moment, everything ends, and nothing is lost: no memory, no lock,
   no permit, no item, no wake-up. The clock is virtual, so a task that waits for ever is noticed at once. */
#undef TEST_SHARED                      /* it has an implementation of its own */
#undef AIO_POOL
#define AIO_POOL 0                      /* every object counts */
#include "core.h"

enum { ITEMS = 64 };
typedef AIO_FUTURE(int) int_future;

/* What the tasks share, anew for each run. */
static struct world {
    int accepted, ended;                /* parts: coroutines that were accepted, and have run their FINALLY */
    struct aio_lock lock, tokens_lock, asking;
    bool inside;
    struct aio_event event;
    struct aio_condition changed;
    int tokens, tokens_out;
    struct aio_semaphore permits;
    struct aio_barrier barrier;
    struct aio_wait_group going;
    struct aio_queue queue, raced;
    int items[2], raced_items[1];
    int producers, consumers, racers;
    int taken, put[ITEMS], got[ITEMS], returned[ITEMS];
    struct aio_channel direct, buffered;
    int buffer[2];
    int sent, received, buffered_sent, buffered_received;
    struct aio_broadcast news;
    int news_items[2];
    struct aio_watch watch;
    int watched;
    int_future future;
    struct numbers *numbers;
    int askers;
} w;

/* A coroutine that was accepted runs its FINALLY once; and it takes its time to do it. */
struct part { AIO_FRAME(int); int value; aio_time span; int error; };
static AIO_CORO(part)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->span));
    if (self->error)
        AIO_RAISE(self->error);
    AIO_RETURN(self->value);
    AIO_FINALLY;
    w.ended++;
    AIO_AWAIT(aio_sleep(0));
    AIO_END;
}
static struct part *part(int value, aio_time span, int error)
{
    w.accepted++;
    return aio_new(part, value, span, error);
}
/* For what answers with an error if it was not accepted. */
static int refused(int error)
{
    w.accepted -= error < 0;
    return error;
}

#define WORKER(name, ...) \
    struct name { AIO_FRAME(void); int id; __VA_ARGS__ }; \
    static AIO_CORO(name)
#define DONE() aio_wait_group_done(&w.going)

/* ------------------------------------------------------------------------------ the tasks */

WORKER(locker, int i;)
{
    AIO_BEGIN;
    for (; self->i < 3; self->i++) {
        AIO_AWAIT(aio_lock_acquire(&w.lock));
        CHECK(!w.inside);
        w.inside = true;
        AIO_AWAIT(aio_sleep(self->i == 1));
        w.inside = false;
        aio_lock_release(&w.lock);
    }
    AIO_FINALLY;
    if (aio_lock_held(&w.lock)) {
        w.inside = false;
        aio_lock_release(&w.lock);
    }
    DONE();
    AIO_END;
}

/* The same, with limits that are too short now and then. */
WORKER(timed, struct aio_timeout scope; int i, error;)
{
    AIO_BEGIN;
    for (; self->i < 4; self->i++) {
        AIO_TIMEOUT(&self->scope, self->i) {
            AIO_AWAIT(aio_lock_acquire(&w.lock));
            CHECK(!w.inside);
            w.inside = true;
            AIO_AWAIT(aio_sleep(1));
        }
        if (aio_lock_held(&w.lock)) {
            w.inside = false;
            aio_lock_release(&w.lock);
        }
        AIO_TRY(self->error, aio_wait_for(aio_lock_acquire(&w.lock), 1));
        CHECK(self->error == (aio_lock_held(&w.lock) ? 0 : AIO_ETIMEDOUT));
        if (aio_lock_held(&w.lock))
            aio_lock_release(&w.lock);
    }
    AIO_FINALLY;
    if (aio_lock_held(&w.lock)) {
        w.inside = false;
        aio_lock_release(&w.lock);
    }
    DONE();
    AIO_END;
}

WORKER(setter, )
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(2));
    AIO_FINALLY;
    aio_event_set(&w.event);
    if (!aio_future_done(&w.future))
        CHECK_INT(aio_future_set_result(&w.future, 3), 0);
    DONE();
    AIO_END;
}
/* Waits for the event, and for the future, which a cancel of one of them ends for all, but for a shield. */
WORKER(waiter, int error, value;)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_event_wait(&w.event));
    if (self->id)
        AIO_TRY(self->error, self->value, &w.future);
    else
        AIO_TRY(self->error, self->value, aio_wait_for(aio_shield(&w.future), 50));
    CHECK(self->value == 3 || aio_future_cancelled(&w.future));
    AIO_FINALLY;
    DONE();
    AIO_END;
}
/* Is there before it is set. */
WORKER(early, int error, value;)
{
    AIO_BEGIN;
    if (self->id)
        AIO_TRY(self->error, self->value, &w.future);
    else
        AIO_TRY(self->error, self->value, aio_shield(&w.future));
    CHECK(self->value == 3 || aio_future_cancelled(&w.future));
    AIO_FINALLY;
    DONE();
    AIO_END;
}

/* One token for three: whoever has had it notifies one of the others, so none may be lost. */
WORKER(token, bool mine; int i;)
{
    AIO_BEGIN;
    for (; self->i < 2; self->i++) {
        AIO_AWAIT(aio_lock_acquire(&w.tokens_lock));
        while (!w.tokens)
            AIO_AWAIT(aio_condition_wait(&w.changed, &w.tokens_lock));
        w.tokens--;
        self->mine = true;
        AIO_AWAIT(aio_sleep(self->i));
        self->mine = false;
        w.tokens++;
        aio_condition_notify(&w.changed, 1);
        aio_lock_release(&w.tokens_lock);
    }
    AIO_FINALLY;
    if (self->mine) {
        w.tokens++;
        aio_condition_notify(&w.changed, 1);
    }
    if (aio_lock_held(&w.tokens_lock))
        aio_lock_release(&w.tokens_lock);
    DONE();
    AIO_END;
}
WORKER(notifier, bool done;)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(1));
    AIO_AWAIT(aio_lock_acquire(&w.tokens_lock));
    AIO_AWAIT(aio_sleep(1));
    w.tokens++;
    self->done = true;
    aio_condition_notify(&w.changed, 1);
    aio_lock_release(&w.tokens_lock);
    AIO_FINALLY;
    if (!self->done) {
        w.tokens++;
        aio_condition_notify(&w.changed, 1);
    }
    if (aio_lock_held(&w.tokens_lock))
        aio_lock_release(&w.tokens_lock);
    DONE();
    AIO_END;
}

WORKER(taker, struct aio_permit permit; int i, which;)
{
    AIO_BEGIN;
    for (; self->i < 3; self->i++) {
        if (self->id == 0 && self->i == 1)
            AIO_RACE(self->which, aio_semaphore_take(&w.permits, &self->permit), part(1, 3, 0));
        else
            AIO_AWAIT(aio_semaphore_take(&w.permits, &self->permit));
        AIO_AWAIT(aio_sleep(1));
        aio_permit_return(&self->permit);
    }
    AIO_FINALLY;
    aio_permit_return(&self->permit);
    DONE();
    AIO_END;
}

WORKER(meets, int i, error, place;)
{
    AIO_BEGIN;
    for (; self->i < 3 && self->error != AIO_EBROKEN; self->i++) {
        AIO_AWAIT(aio_sleep(self->id));
        AIO_TRY(self->error, self->place, aio_barrier_wait(&w.barrier));
    }
    AIO_FINALLY;
    if (self->i < 3)
        aio_barrier_abort(&w.barrier);
    DONE();
    AIO_END;
}

/* Queue: two at each end, one of those who take with a limit, and one who waits until all is done. */
static void take_all(struct aio_queue *queue, bool done)
{
    while (aio_queue_get_nowait(queue, &w.taken) == 0) {
        w.returned[w.taken]++;
        if (done)
            aio_queue_task_done(queue);
    }
}
WORKER(producer, int item, i, error;)
{
    AIO_BEGIN;
    for (; self->i < 5; self->i++) {
        self->item = self->id * 8 + self->i;
        AIO_TRY(self->error, aio_queue_put(&w.queue, &self->item));
        if (self->error)
            break;
        w.put[self->item]++;
        if (self->i == 3)
            AIO_AWAIT(aio_sleep(2));
    }
    AIO_FINALLY;
    if (--w.producers == 0)
        aio_queue_shutdown(&w.queue, false);
    DONE();
    AIO_END;
}
WORKER(consumer, int item, error; bool holds;)
{
    AIO_BEGIN;
    for (;;) {
        if (self->id == 0)
            AIO_TRY(self->error, aio_queue_get(&w.queue, &self->item));
        else
            AIO_TRY(self->error, aio_wait_for(aio_queue_get(&w.queue, &self->item), 1));
        if (self->error == AIO_ETIMEDOUT)
            continue;
        if (self->error)
            break;
        w.got[self->item]++;
        self->holds = true;
        AIO_AWAIT(aio_sleep(self->item & 1));
        self->holds = false;
        aio_queue_task_done(&w.queue);
    }
    CHECK_INT(self->error, AIO_ESHUTDOWN);
    AIO_FINALLY;
    if (self->holds)
        aio_queue_task_done(&w.queue);
    if (--w.consumers == 0) {
        aio_queue_shutdown(&w.queue, false);
        take_all(&w.queue, true);
    }
    DONE();
    AIO_END;
}
WORKER(joiner, )
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(1));
    AIO_AWAIT(aio_queue_join(&w.queue));
    CHECK_INT(w.queue.unfinished, 0);
    AIO_FINALLY;
    DONE();
    AIO_END;
}

/* A queue in a race: of the winner's value nothing is lost, even if a cancel comes with it. */
WORKER(feeder, int item, i, error;)
{
    AIO_BEGIN;
    for (; self->i < 4; self->i++) {
        self->item = 40 + self->i;
        AIO_TRY(self->error, aio_queue_put(&w.raced, &self->item));
        if (self->error)
            break;
        w.put[self->item]++;
        AIO_AWAIT(aio_sleep(self->i));
    }
    AIO_FINALLY;
    DONE();
    AIO_END;
}
WORKER(racer, int item, which, i; bool began;)
{
    AIO_BEGIN;
    self->began = true;
    self->item = -1;
    for (; self->i < 6; self->i++) {
        self->item = -1;
        AIO_RACE(self->which, aio_event_wait(&w.event), aio_sleep(1));
        AIO_RACE(self->which, aio_queue_get(&w.raced, &self->item), part(1, 1, 0), aio_sleep(2));
        CHECK((self->which == 0) == (self->item >= 0));
        if (self->which == 0)
            w.got[self->item]++;
        self->item = -1;
    }
    AIO_FINALLY;
    if (self->began && self->item >= 0)
        w.got[self->item]++;                    /* won, and cancelled */
    if (--w.racers == 0) {
        aio_queue_shutdown(&w.raced, false);
        take_all(&w.raced, false);
    }
    DONE();
    AIO_END;
}

WORKER(sender, int i, error; struct aio_channel *channel;)
{
    AIO_BEGIN;
    for (; self->i < 4; self->i++) {
        AIO_TRY(self->error, aio_channel_send(self->channel, &self->i));
        if (self->error)
            break;
        ++*(self->channel == &w.direct ? &w.sent : &w.buffered_sent);
        if (self->i == 2)
            AIO_AWAIT(aio_sleep(1));
    }
    AIO_FINALLY;
    aio_channel_close_send(self->channel);
    DONE();
    AIO_END;
}
WORKER(receiver, int item, more; struct aio_channel *channel;)
{
    AIO_BEGIN;
    AIO_WHILE(self->more, aio_channel_recv(self->channel, &self->item)) {
        ++*(self->channel == &w.direct ? &w.received : &w.buffered_received);
        AIO_AWAIT(aio_sleep(self->item & 1));
    }
    AIO_FINALLY;
    while (aio_channel_try_recv(self->channel, &self->item) == 0)
        ++*(self->channel == &w.direct ? &w.received : &w.buffered_received);
    aio_channel_close_recv(self->channel);
    DONE();
    AIO_END;
}

WORKER(speaker, int i;)
{
    AIO_BEGIN;
    for (; self->i < 6; self->i++) {
        CHECK_INT(aio_broadcast_send(&w.news, &self->i), 0);
        CHECK_INT(aio_watch_set(&w.watch, &self->i), 0);
        AIO_AWAIT(aio_sleep(self->i & 1));
    }
    AIO_FINALLY;
    aio_broadcast_close(&w.news);
    aio_watch_close(&w.watch);
    DONE();
    AIO_END;
}
WORKER(listener, struct aio_subscription subscription; int error, more, item, last;)
{
    AIO_BEGIN;
    aio_broadcast_subscribe(&w.news, &self->subscription);
    self->more = 1;
    self->last = -1;
    while (self->more) {
        AIO_TRY(self->error, self->more, aio_broadcast_recv(&self->subscription, &self->item));
        if (self->error == AIO_EOVERFLOW) {
            self->more = 1;
            continue;
        }
        CHECK_INT(self->error, 0);
        if (self->more) {
            CHECK(self->item > self->last);
            self->last = self->item;
            AIO_AWAIT(aio_sleep(self->id));
        }
    }
    AIO_FINALLY;
    DONE();
    AIO_END;
}
WORKER(watcher, struct aio_watcher watcher; int more, value;)
{
    AIO_BEGIN;
    aio_watch_subscribe(&w.watch, &self->watcher);
    AIO_WHILE(self->more, aio_watch_next(&self->watcher, &self->value))
        AIO_AWAIT(aio_sleep(self->id));
    AIO_FINALLY;
    DONE();
    AIO_END;
}

/* Generators: with a lock while they are open, one upon the other, and shared by two tasks. */
struct numbers { AIO_FRAME(int); int n; bool locked; int i; };
static AIO_CORO(numbers)
{
    AIO_BEGIN;
    for (; self->i < self->n; self->i++) {
        AIO_AWAIT(aio_sleep(self->i & 1));
        AIO_YIELD(self->i);
    }
    AIO_FINALLY;
    w.ended++;
    AIO_AWAIT(aio_sleep(1));
    AIO_END;
}
static struct numbers *numbers(int n)
{
    w.accepted++;
    return aio_new(numbers, .n = n);
}
struct doubled { AIO_FRAME(int); int n, value; struct numbers *slot; struct aio_timeout scope; };
static AIO_CORO(doubled)
{
    AIO_BEGIN;
    AIO_FOREACH(self->value, self->slot, numbers(self->n)) {
        AIO_TIMEOUT(&self->scope, 2)
            AIO_AWAIT(aio_sleep(self->value));
        CHECK_INT(self->scope.expired, self->value >= 2);
        AIO_YIELD(self->value * 2);
    }
    AIO_FINALLY;
    CHECK(!self->slot);
    w.ended++;
    AIO_AWAIT(aio_sleep(0));
    AIO_END;
}
WORKER(each, int value, inner, sum; struct doubled *slot; struct numbers *nested;)
{
    AIO_BEGIN;
    w.accepted++;
    AIO_FOREACH(self->value, self->slot, aio_new(doubled, .n = 4)) {
        if (self->id && self->value == 4)
            break;
        AIO_FOREACH(self->inner, self->nested, numbers(2))
            self->sum += self->inner + self->value;
    }
    AIO_FINALLY;
    CHECK(!self->slot && !self->nested);
    DONE();
    AIO_END;
}
WORKER(asker, int value; bool more;)
{
    AIO_BEGIN;
    for (self->more = true; self->more;) {
        AIO_AWAIT(aio_lock_acquire(&w.asking));
        AIO_NEXT(self->more, self->value, w.numbers);
        aio_lock_release(&w.asking);
        AIO_AWAIT(aio_sleep(0));
    }
    AIO_FINALLY;
    if (aio_lock_held(&w.asking))
        aio_lock_release(&w.asking);
    if (--w.askers == 0) {
        if (!w.numbers->i && !(w.numbers->aio.flags & AIO_F_GENERATOR_))
            w.accepted--;                       /* never asked: it is discarded */
        AIO_CLOSE(w.numbers);
    }
    DONE();
    AIO_END;
}

/* Tasks, groups, and several at once. */
static void called(struct aio_callback *callback) { ++*(int *)callback->arg; }
WORKER(mixed, struct part *task; struct part *tasks[3]; struct aio_any *handles[3], *handle; struct aio_group group;
       struct aio_callback callback; struct aio_timeout scope; struct aio_completed *completed;
       int error, value, x, y, which, i, calls; ptrdiff_t n;)
{
    AIO_BEGIN;
    CHECK_INT(aio_group_open(&self->group, self, 2, 0), 0);
    AIO_AWAIT(self->value, part(1, 1, 0));
    AIO_TRY(self->error, aio_wait_for(part(1, 5, 0), 1));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    self->task = aio_create_task(part(2, 2, 0));
    self->callback.fn = called;
    self->callback.arg = &self->calls;
    aio_add_done_callback(self->task, &self->callback);
    AIO_TRY(self->error, self->value, aio_wait_for(aio_shield(self->task), 1));
    AIO_AWAIT(self->value, self->task);
    CHECK_INT(self->value, 2);
    AIO_GATHER(self->x, part(1, 1, 0), self->y, part(2, 2, 0), self->value, self->task);
    AIO_ALL(part(1, 1, 0), part(2, 0, 0));
    AIO_RACE(self->which, part(1, 3, 0), part(2, 1, 0), aio_sleep(4));
    CHECK_INT(self->which, 1);
    for (self->i = 0; self->i < 4; self->i++)
        if (refused(aio_group_spawn(&self->group, part(self->i, 1, 0))))
            AIO_RAISE(AIO_ESHUTDOWN);
    AIO_AWAIT(aio_group_join(&self->group));
    for (self->i = 0; self->i < 3; self->i++)
        self->handles[self->i] = aio_any(self->tasks[self->i] = aio_create_task(part(self->i, 3 - self->i, 0)));
    AIO_AWAIT(self->n, aio_wait(self->handles, 3, AIO_FIRST_COMPLETED, 9));
    AIO_FOREACH(self->handle, self->completed, aio_as_completed(self->handles, 3, 9))
        self->x += aio_task_done(self->handle);
    AIO_AWAIT(aio_gather(self->handles, 3, 0));
    for (self->i = 0; self->i < 3; self->i++)
        aio_release(self->tasks[self->i]);
    for (self->i = 0; self->i < 2; self->i++)
        self->handles[self->i] = aio_any(self->tasks[self->i] = aio_create_task(part(self->i, 3, 0)));
    AIO_AWAIT(aio_gather(self->handles, 2, AIO_RETURN_EXCEPTIONS));
    AIO_TIMEOUT(&self->scope, 2) {
        AIO_TRY(self->error, part(1, 1, AIO_EUSER));
        AIO_ALL(part(1, 1, 0), part(2, 9, 0));
    }
    CHECK(self->scope.expired);
    if (refused(aio_group_spawn(&self->group, part(7, 3, 0))))
        AIO_RAISE(AIO_ESHUTDOWN);
    AIO_FINALLY;
    CHECK_INT(aio_group_count(&self->group), 0);
    aio_callback_cancel(&self->callback);
    aio_task_cancel(self->task);
    aio_release(self->task);
    for (self->i = 0; self->i < 3; self->i++) {
        aio_task_cancel(self->tasks[self->i]);
        aio_release(self->tasks[self->i]);
    }
    AIO_TIMEOUT(&self->scope, 1)
        AIO_AWAIT(part(8, 2, 0));
    AIO_GATHER(self->x, part(1, 1, 0), self->y, part(2, 2, 0));
    DONE();
    AIO_END;
}

/* Waits for all the others. */
WORKER(counts, )
{
    AIO_BEGIN;
    AIO_AWAIT(aio_wait_group_wait(&w.going));
    CHECK_INT(w.going.count, 0);
    AIO_FINALLY;
    AIO_END;
}

/* -------------------------------------------------------------------------------- the driver */

enum { MOST = 40 };
static int tasks_made;
#define MAKE(name, ...) do { if (number == i++) return (struct aio_void *)(void *)aio_new(name, __VA_ARGS__); } while (0)
static struct aio_void *worker(int number)
{
    int i = 0;
    MAKE(locker, .id = 0);
    MAKE(timed, .id = 0);
    MAKE(locker, .id = 1);
    MAKE(setter, .id = 0);
    MAKE(waiter, .id = 0);
    MAKE(waiter, .id = 1);
    MAKE(early, .id = 0);
    MAKE(early, .id = 1);
    MAKE(token, .id = 0);
    MAKE(token, .id = 1);
    MAKE(token, .id = 2);
    MAKE(notifier, .id = 0);
    MAKE(taker, .id = 0);
    MAKE(taker, .id = 1);
    MAKE(taker, .id = 2);
    MAKE(meets, .id = 0);
    MAKE(meets, .id = 1);
    MAKE(meets, .id = 2);
    MAKE(producer, .id = 0);
    MAKE(producer, .id = 1);
    MAKE(consumer, .id = 0);
    MAKE(consumer, .id = 1);
    MAKE(joiner, .id = 0);
    MAKE(feeder, .id = 0);
    MAKE(racer, .id = 0);
    MAKE(racer, .id = 1);
    MAKE(sender, .channel = &w.direct);
    MAKE(receiver, .channel = &w.direct);
    MAKE(sender, .channel = &w.buffered);
    MAKE(receiver, .channel = &w.buffered);
    MAKE(speaker, .id = 0);
    MAKE(listener, .id = 0);
    MAKE(listener, .id = 1);
    MAKE(watcher, .id = 1);
    MAKE(each, .id = 0);
    MAKE(each, .id = 1);
    MAKE(asker, .id = 0);
    MAKE(asker, .id = 1);
    MAKE(mixed, .id = 0);
    return NULL;
}

/* How the chosen task is met: by a cancel, by a deadline of each kind, by a cancel from a callback that comes
   in front of whatever else is due at that time, by a cancel together with another task, by the end of the loop. */
enum how { CANCEL, TIMEOUT, WAIT_FOR, CALLBACK, CANCEL_ALSO, CLOSE };
struct timeout_of { AIO_FRAME(void); struct aio_void *worker; struct aio_timeout scope; };
static AIO_CORO(timeout_of)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->scope, AIO_FOREVER)
        AIO_AWAIT(self->worker);
    CHECK_INT(aio_task_cancelling(aio_current_task()), 0);
    AIO_END;
}
static void cancel(struct aio_callback *callback) { aio_task_cancel((struct aio_void *)callback->arg); }

static void begin(void)
{
    memset(&w, 0, sizeof w);
    aio_semaphore_init(&w.permits, 2);
    aio_barrier_init(&w.barrier, 3);
    aio_queue_init(&w.queue, w.items);
    aio_queue_init(&w.raced, w.raced_items);
    w.producers = w.consumers = w.racers = w.askers = 2;
    aio_channel_init_unbuffered(&w.direct, sizeof(int));
    aio_channel_init(&w.buffered, w.buffer);
    aio_broadcast_init(&w.news, w.news_items);
    aio_watch_init(&w.watch, &w.watched);
    w.numbers = numbers(5);
}

static void end(void)
{
    int i;
    CHECK(!w.lock.locked && !w.tokens_lock.locked && !w.asking.locked && !w.inside);
    CHECK(!w.lock.waiters && !w.tokens_lock.waiters && !w.changed.waiters && !w.event.waiters);
    CHECK_INT(w.tokens, 1);
    CHECK_INT(w.permits.value, 2);
    CHECK_INT(w.barrier.waiting, 0);
    CHECK_INT(w.going.count, 0);
    CHECK_INT(w.queue.unfinished, 0);
    CHECK_INT(w.queue.length + w.raced.length, 0);
    for (i = 0; i < ITEMS; i++) {
        CHECK(w.put[i] == w.got[i] + w.returned[i], "item %d: put %d, got %d, returned %d", i, w.put[i], w.got[i],
              w.returned[i]);
    }
    CHECK_INT(w.received, w.sent);
    CHECK_INT(w.buffered_received, w.buffered_sent);
    CHECK(!w.numbers);
    CHECK_INT(w.ended, w.accepted);
    CHECK_INT(core_live, 0);
    CHECK_NOTES("");
}

static void silent(struct aio_loop *loop, const struct aio_report *report)
{
    CHECK(!report->error, "%s %s %d", report->name, report->message, report->error);
    (void)loop;
}

static struct core_text dump;
static void show(struct aio_loop *loop)
{
    dump.sink.write = core_write;
    dump.n = 0;
    aio_dump(loop, &dump.sink);
    printf("# %s\n", dump.text);
}

/* One run. The chosen task (-1: none) is met after k turns, or at the time k, and cancelled again after
   m turns more (-1: only once), or together with task m. False: it had ended before. */
static bool walk(int chosen, enum how how, int k, int m)
{
    struct aio_loop loop;
    struct aio_void *tasks[MOST], *counts_task;
    struct timeout_of *guard = NULL;
    struct aio_callback callback;
    int i, n, turns, left = 0, error = 0;
    bool met = false;
    begin();
    memset(&callback, 0, sizeof callback);
    CHECK_INT(aio_loop_init(&loop, &core_options), 0);
    if (how == CALLBACK && chosen >= 0) {
        callback.fn = cancel;
        CHECK_INT(aio_loop_call_at(&loop, &callback, k), 0);
    }
    counts_task = aio_loop_create_task(&loop, (struct aio_void *)(void *)aio_new(counts));
    for (n = 0; n < MOST && (tasks[n] = worker(n)) != NULL; n++) {
        if (n == chosen && how == TIMEOUT)
            tasks[n] = (struct aio_void *)(void *)(guard = aio_new(timeout_of, tasks[n]));
        if (n == chosen && how == WAIT_FOR)
            tasks[n] = aio_wait_for(tasks[n], k);
        tasks[n] = aio_loop_create_task(&loop, tasks[n]);
        aio_wait_group_add(&w.going, 1);
    }
    tasks_made = n;
    if (how == CALLBACK && chosen >= 0)
        callback.arg = tasks[chosen];
    for (turns = 0; turns < 10000; turns++) {
        for (left = !aio_task_done(counts_task), i = 0; i < n; i++)
            left += !aio_task_done(tasks[i]);
        if (!left || (how == CLOSE && turns == k))
            break;
        if (chosen >= 0 && !aio_task_done(tasks[chosen])) {
            if (how == CANCEL && (turns == k || (m >= 0 && turns == k + m)))
                met |= aio_task_cancel(tasks[chosen]);
            if (how == CANCEL_ALSO && turns == k)
                met = aio_task_cancel(tasks[chosen]) && aio_task_cancel(tasks[m]);
            if (how == TIMEOUT && turns == k && guard)
                met |= turns == 0 || aio_timeout_reschedule(&guard->scope, 0) == 0;
            if (how == WAIT_FOR || how == CALLBACK)
                met |= aio_loop_time(&loop) >= k;
        }
        error = aio_loop_turn(&loop, -1);
        if (error < 0)
            break;
    }
    if (error < 0 || turns == 10000) {
        tap_fail(__FILE__, __LINE__, "walk", "lost wake-up: %d", error);
        show(&loop);
    }
    if (how == CLOSE) {
        met = left != 0;
        loop.on_error = silent;                 /* debug tells of the handles that we hold */
        CHECK_INT(aio_loop_close(&loop), 0);
    }
    for (i = 0; i < n; i++) {
        error = aio_task_error(tasks[i]);
        if (how != CLOSE && i != chosen && !(how == CANCEL_ALSO && i == m))
            CHECK(error == 0, "task %d: %d", i, error);
        else if (how == TIMEOUT)
            CHECK(error == 0, "task %d: %d", i, error);
        else
            CHECK(error == 0 || error == AIO_ECANCELED || error == AIO_ETIMEDOUT, "task %d: %d", i, error);
        aio_release(tasks[i]);
    }
    CHECK(aio_task_error(counts_task) == 0 || how == CLOSE);
    aio_release(counts_task);
    aio_callback_cancel(&callback);
    CHECK_INT(aio_loop_close(&loop), 0);
    end();
    if (tap_failed)
        printf("# task %d, how %d, at %d,%d\n", chosen, (int)how, k, m);
    return met;
}

static void walk_all(enum how how)
{
    int chosen, k, step = getenv("AIO_TEST_SLOW") ? 7 : 1, most = 0;
    for (chosen = 0; chosen < tasks_made && !tap_failed; chosen++) {
        for (k = 0; !tap_failed && walk(chosen, how, k, -1); k += step)
            continue;
        most = k > most ? k : most;
    }
    CHECK(most > 20, "%d", most);
}

TEST(undisturbed)
{
    walk(-1, CANCEL, 0, -1);
    CHECK(tasks_made > 30);
    CHECK(w.put[0] && w.put[12] && w.put[43] && w.sent == 4 && w.buffered_sent == 4);
}
TEST(cancelled_once) { walk_all(CANCEL); }
TEST(timed_out) { walk_all(TIMEOUT); }
TEST(waited_for) { walk_all(WAIT_FOR); }
TEST(cancelled_by_a_callback) { walk_all(CALLBACK); }
TEST(cancelled_twice)
{
    static const int gaps[] = { 0, 1, 2, 3, 5, 8 };
    int chosen, k, step = getenv("AIO_TEST_SLOW") ? 11 : 1;
    size_t i;
    for (chosen = 0; chosen < tasks_made; chosen++)
        for (i = 0; i < sizeof gaps / sizeof *gaps; i++)
            for (k = 0; !tap_failed && walk(chosen, CANCEL, k, gaps[i]); k += step)
                continue;
}

TEST(cancelled_together)
{
    int chosen, other, k, step = getenv("AIO_TEST_SLOW") ? 29 : 4;
    for (chosen = 0; chosen < tasks_made; chosen++)
        for (other = chosen + 1; other < tasks_made; other++)
            for (k = (chosen + other) % step; !tap_failed && walk(chosen, CANCEL_ALSO, k, other); k += step)
                continue;
}
TEST(closed)
{
    int k;
    for (k = 0; !tap_failed && walk(-1, CLOSE, k, -1); k++)
        continue;
    CHECK(k > 20, "%d", k);
}

int main(int argc, char **argv)
{
    walk(-1, CANCEL, 0, -1);
    RUN(argc, argv, T(undisturbed), T(cancelled_once), T(timed_out), T(waited_for), T(cancelled_by_a_callback),
        T(cancelled_twice), T(cancelled_together), T(closed));
}
