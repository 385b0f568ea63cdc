/* Mistakes of the caller's end the program with a message that names the coroutine and the place; in release
   builds, too. Each is made in a child process. */
#undef AIO_DEBUG                        /* whatever the others are built with */
#undef AIO_POOL
#define AIO_POOL 1                      /* freed frames can be looked at, with ASan too */
#include "death.h"

struct nap { AIO_FRAME(int); aio_time span; };
static AIO_CORO(nap)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->span));
    AIO_END;
}

/* Each scenario is a coroutine, and what runs it. */
#define SCENARIO(name, ...) \
    struct name { AIO_FRAME(void); __VA_ARGS__ }; \
    static AIO_DECLARE(name); \
    static void run_##name(void) { (void)aio_run(aio_new(name)); } \
    static AIO_CORO(name)

SCENARIO(twice, struct nap *nap;)
{
    AIO_BEGIN;
    self->nap = aio_new(nap);
    AIO_AWAIT(self->nap);
    AIO_AWAIT(self->nap);
    AIO_END;
}
SCENARIO(twice_a_task, struct nap *nap, *task;)
{
    AIO_BEGIN;
    self->nap = aio_new(nap);
    self->task = aio_create_task(self->nap);
    self->task = aio_create_task(self->nap);
    AIO_AWAIT(self->task);
    AIO_END;
}
SCENARIO(twice_placed, struct nap nap, *at;)
{
    AIO_BEGIN;
    self->at = aio_place(&self->nap, nap);
    AIO_AWAIT(self->at);
    AIO_AWAIT(self->at);
    AIO_END;
}
SCENARIO(itself, )
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(0));
    AIO_AWAIT(aio_new(nap));
    aio_discard(self);
    AIO_END;
}
TEST(a_coroutine_object_runs_only_once)
{
    CHECK_DIES(run_twice, "nap", 0, "used after it was freed (awaited twice?)");
    CHECK_DIES(run_twice_a_task, "nap", 0, "is a task or a future, a coroutine object was expected");
    CHECK_DIES(run_twice_placed, "nap", 0, "a coroutine object runs only once");
    CHECK_STR(dies(run_itself), "(status 0)");      /* a task is not discarded */
}

SCENARIO(released_twice, struct nap *nap, *alias;)
{
    AIO_BEGIN;
    self->alias = self->nap = aio_create_task(aio_new(nap, 5));
    AIO_AWAIT(self->nap);
    aio_release(self->nap);
    aio_release(self->alias);
    AIO_END;
}
/* The task still runs: the reference that is left is the loop's. */
SCENARIO(released_early, struct nap *nap, *alias;)
{
    AIO_BEGIN;
    self->alias = self->nap = aio_create_task(aio_new(nap, 5));
    aio_release(self->nap);
    aio_release(self->alias);
    AIO_END;
}
SCENARIO(released_member, struct nap *nap; struct aio_group group;)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    self->nap = aio_group_create_task(&self->group, aio_new(nap, 5));
    AIO_AWAIT(self->nap);
    aio_release(self->nap);
    AIO_END;
}
static struct nap *awaited;
static void releases(struct aio_callback *callback)
{
    (void)callback;
    aio_release(awaited);
}
SCENARIO(released_while_awaited, struct aio_callback soon;)
{
    AIO_BEGIN;
    awaited = aio_create_task(aio_new(nap, 5));
    self->soon.fn = releases;
    aio_loop_call_soon(aio_loop_current(), &self->soon);
    AIO_AWAIT(awaited);
    AIO_END;
}
SCENARIO(released_while_shielded, struct aio_callback soon;)
{
    AIO_BEGIN;
    awaited = aio_create_task(aio_new(nap, 5));
    self->soon.fn = releases;
    aio_loop_call_soon(aio_loop_current(), &self->soon);
    AIO_AWAIT(aio_shield(awaited));
    AIO_END;
}
SCENARIO(released_while_timed, struct aio_callback soon;)
{
    AIO_BEGIN;
    awaited = aio_create_task(aio_new(nap, 5));
    self->soon.fn = releases;
    aio_loop_call_soon(aio_loop_current(), &self->soon);
    AIO_AWAIT(aio_wait_for(awaited, AIO_SEC(1)));
    AIO_END;
}
TEST(a_release_too_many)
{
    CHECK_DIES(run_released_twice, "nap", 0, "not a task, or its last handle was released");
    CHECK_DIES(run_released_early, "nap", 0, "is released once too often");
    CHECK_DIES(run_released_member, "nap", 0, "is released once too often");
    CHECK_DIES(run_released_while_awaited, "nap", 0, "was released by its last owner while it was awaited");
    CHECK_DIES(run_released_while_shielded, "nap", 0, "was released by its last owner while it was awaited");
    CHECK_DIES(run_released_while_timed, "nap", 0, "was released by its last owner while it was awaited");
}

static AIO_FUTURE(int) future;
static void future_twice(void)
{
    aio_future_set_result(&future, 1);
    aio_future_set_result(&future, 2);
}
static void future_error_twice(void)
{
    aio_future_set_error(&future, AIO_EIO);
    aio_future_set_error(&future, AIO_EIO);
}
static void future_positive(void) { aio_future_set_error(&future, 5); }
static void future_is_a_coroutine(void) { aio_future_set_result(aio_new(nap), 5); }
static void cancel_of_a_future(void) { aio_task_cancel(&future); }
/* Outside of a loop nobody knows where to print to; a loop that was there says where. */
#define IN_A_LOOP(name, function) \
    SCENARIO(name, ) \
    { \
        AIO_BEGIN; \
        function(); \
        AIO_END; \
    }
IN_A_LOOP(f1, future_twice)
IN_A_LOOP(f2, future_error_twice)
IN_A_LOOP(f3, future_positive)
IN_A_LOOP(f4, future_is_a_coroutine)
IN_A_LOOP(f5, cancel_of_a_future)
TEST(futures)
{
    CHECK_STR(dies(run_f1), "aio: 'future': a future has one result, and this one has it\n");
    CHECK_STR(dies(run_f2), "aio: 'future': a future has one result, and this one has it\n");
    CHECK_STR(dies(run_f3), "aio: 'future': an error is a negative number\n");
    CHECK_DIES(run_f4, "nap", 0, "is not a future");
    CHECK_STR(dies(run_f5), "aio: 'future': not a task, or its last handle was released\n");
}

SCENARIO(raises, )
{
    AIO_BEGIN;
    AIO_RAISE(0);
    AIO_END;
}
enum { RAISE_LINE = __LINE__ - 3 };
SCENARIO(shields, )
{
    AIO_BEGIN;
    AIO_AWAIT(aio_shield(aio_new(nap)));
    AIO_END;
}
TEST(wrong_arguments)
{
    CHECK_DIES(run_raises, "raises", RAISE_LINE, "AIO_RAISE takes a negative number");
    CHECK_DIES(run_shields, "nap", 0, "aio_shield takes a task or a future");
}

/* The place that is resumed does not exist: compilers warn of an await in one's own switch where they can,
   so it is made by hand. */
SCENARIO(lost, )
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(1));
    AIO_END;
}
static void resumes_elsewhere(void)
{
    struct aio_loop loop;
    struct lost *task;
    aio_loop_init(&loop, NULL);
    task = aio_loop_create_task(&loop, aio_new(lost));
    aio_loop_run_until_complete(&loop, aio_new(nap, 0));
    task->aio.pc = 77;
    aio_loop_run_until_complete(&loop, aio_new(nap, 9));
}
TEST(a_place_that_does_not_exist)
{
    CHECK_DIES(resumes_elsewhere, "lost", 0,
               "resumed at a place that does not exist (an await inside a switch of its own?)");
    CHECK_STR(dies(run_lost), "(status 0)");
}

/* ------------------------------------------------------------------ timeouts and generators */

SCENARIO(opened_twice, struct aio_timeout scope;)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->scope, 5) {
        AIO_TIMEOUT(&self->scope, 5)
            AIO_AWAIT(aio_sleep(1));
    }
    AIO_END;
}
TEST(timeouts) { CHECK_DIES(run_opened_twice, "opened_twice", 0, "opens a timeout that is open already"); }

struct yields { AIO_FRAME(int); char how; struct aio_timeout scope; struct aio_group group; };
static AIO_CORO(yields)
{
    AIO_BEGIN;
    if (self->how == 't') {
        AIO_TIMEOUT(&self->scope, 5)
            AIO_YIELD(1);
    }
    if (self->how == 'g') {
        aio_group_open(&self->group, self, 0, 0);
        if (aio_group_spawn(&self->group, aio_new(nap, 5)) < 0)
            AIO_RAISE(AIO_ENOMEM);
        AIO_YIELD(1);
    }
    if (self->how == 's')
        AIO_AWAIT(aio_sleep(5));
    if (self->how != 'f')
        AIO_YIELD(1);
    AIO_FINALLY;
    if (self->how == 'f')
        AIO_YIELD(1);
    AIO_END;
}
SCENARIO(yields_awaited, ) { AIO_BEGIN; AIO_AWAIT(aio_new(yields)); AIO_END; }
SCENARIO(yields_as_task, struct yields *task;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(yields));
    AIO_AWAIT(self->task);
    AIO_END;
}
#define YIELDS(name, how) \
    SCENARIO(name, struct yields *slot; int value;) \
    { AIO_BEGIN; AIO_FOREACH(self->value, self->slot, aio_new(yields, how)) { } AIO_END; }
YIELDS(yields_in_finally, 'f')
YIELDS(yields_in_timeout, 't')
YIELDS(yields_with_members, 'g')
SCENARIO(foreach_over_task, struct yields *slot; int value;)
{
    AIO_BEGIN;
    AIO_FOREACH(self->value, self->slot, aio_create_task(aio_new(yields))) { }
    AIO_END;
}
SCENARIO(foreach_over_open, struct yields *open, *slot; int value; bool more;)
{
    AIO_BEGIN;
    self->open = aio_new(yields);
    AIO_NEXT(self->more, self->value, self->open);
    AIO_FOREACH(self->value, self->slot, self->open) { }
    AIO_END;
}
static struct yields *shared;
struct asks { AIO_FRAME(void); int value; bool more; };
static AIO_CORO(asks) { AIO_BEGIN; AIO_NEXT(self->more, self->value, shared); AIO_END; }
SCENARIO(asked_by_two, struct asks *task; int value; bool more;)
{
    AIO_BEGIN;
    shared = aio_new(yields, 's');
    self->task = aio_create_task(aio_new(asks));
    AIO_NEXT(self->more, self->value, shared);
    AIO_END;
}
SCENARIO(closed_while_asked, struct asks *task; int value; bool more;)
{
    AIO_BEGIN;
    shared = aio_new(yields, 's');
    self->task = aio_create_task(aio_new(asks));
    AIO_AWAIT(aio_sleep(1));
    AIO_CLOSE(shared);
    AIO_END;
}
/* The line of the k-th AIO_YIELD of yields stands in the message; only that it is one of this file is checked. */
static const char *without_line(const char *text)
{
    static char kept[512];
    const char *at = strstr(text, ".c:"), *end = at ? strchr(at, ')') : NULL;
    if (!end)
        return text;
    snprintf(kept, sizeof kept, "%.*s%s", (int)(at + 2 - text), text, end);
    return kept;
}
#define CHECK_YIELD(function, message) \
    CHECK_STR(without_line(dies(function)), death_text(__FILE__, "yields", 0, message))
TEST(generators)
{
    CHECK_YIELD(run_yields_awaited, "AIO_YIELD in a coroutine that was not asked by AIO_FOREACH or AIO_NEXT");
    CHECK_YIELD(run_yields_as_task, "AIO_YIELD in a coroutine that was not asked by AIO_FOREACH or AIO_NEXT");
    CHECK_YIELD(run_yields_in_finally, "AIO_YIELD in AIO_FINALLY");
    CHECK_YIELD(run_yields_in_timeout, "AIO_YIELD inside a timeout, or while its group has members");
    CHECK_YIELD(run_yields_with_members, "AIO_YIELD inside a timeout, or while its group has members");
    CHECK_DIES(run_foreach_over_task, "yields", 0, "is a task or a future, a coroutine object was expected");
    CHECK_DIES(run_foreach_over_open, "yields", 0, "a coroutine object runs only once");
    CHECK_DIES(run_asked_by_two, "yields", 0, "a generator is asked while it runs");
    CHECK_DIES(run_closed_while_asked, "yields", 0, "a generator is closed while it runs");
}

static struct aio_callback callback;
SCENARIO(callback_twice, )
{
    AIO_BEGIN;
    aio_loop_call_soon(aio_loop_current(), &callback);
    aio_add_done_callback(&future, &callback);
    AIO_END;
}
TEST(callbacks)
{
    CHECK_STR(dies(run_callback_twice), "aio: 'future': the callback waits for something else already\n");
}

static void *runs_it(void *loop) { return aio_loop_run_forever((struct aio_loop *)loop) ? loop : NULL; }
static void run_elsewhere(void)
{
    struct aio_loop loop;
    pthread_t thread;
    aio_loop_init(&loop, NULL);
    pthread_create(&thread, NULL, runs_it, &loop);
    pthread_join(thread, NULL);
}
TEST(a_loop_on_another_thread)
{
    CHECK_STR(dies(run_elsewhere), "aio: a loop is run by the thread that made it\n");
}

/* Each with the task and the place of the mistake. */
SCENARIO(lock_not_held, struct aio_lock lock;)
{
    AIO_BEGIN;
    aio_lock_release(&self->lock);
    AIO_END;
}
enum { LOCK_NOT_HELD_LINE = __LINE__ - 3 };
SCENARIO(lock_released_twice, struct aio_lock lock;)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_lock_acquire(&self->lock));
    aio_lock_release(&self->lock);
    aio_lock_release(&self->lock);
    AIO_END;
}
enum { LOCK_RELEASED_TWICE_LINE = __LINE__ - 3 };
SCENARIO(condition_without_lock, struct aio_lock lock; struct aio_condition condition;)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_condition_wait(&self->condition, &self->lock));
    AIO_END;
}
enum { CONDITION_WITHOUT_LOCK_LINE = __LINE__ - 3 };
SCENARIO(bounded, struct aio_semaphore semaphore;)
{
    AIO_BEGIN;
    aio_bounded_semaphore_init(&self->semaphore, 2);
    aio_semaphore_release(&self->semaphore);
    AIO_END;
}
enum { BOUNDED_LINE = __LINE__ - 3 };
SCENARIO(bounded_by_none, struct aio_semaphore semaphore; struct aio_void *task;)
{
    AIO_BEGIN;
    aio_bounded_semaphore_init(&self->semaphore, 0);
    self->task = aio_create_task(aio_semaphore_acquire(&self->semaphore));
    AIO_AWAIT(aio_sleep(1));
    aio_semaphore_release(&self->semaphore);
    AIO_END;
}
enum { BOUNDED_BY_NONE_LINE = __LINE__ - 3 };
SCENARIO(bounded_permit, struct aio_semaphore semaphore; struct aio_permit permit;)
{
    AIO_BEGIN;
    aio_bounded_semaphore_init(&self->semaphore, 1);
    AIO_AWAIT(aio_semaphore_take(&self->semaphore, &self->permit));
    aio_semaphore_release(&self->semaphore);
    aio_permit_return(&self->permit);
    AIO_END;
}
enum { BOUNDED_PERMIT_LINE = __LINE__ - 3 };
SCENARIO(permit_in_use, struct aio_semaphore semaphore; struct aio_permit permit;)
{
    AIO_BEGIN;
    aio_semaphore_init(&self->semaphore, 2);
    AIO_AWAIT(aio_semaphore_take(&self->semaphore, &self->permit));
    AIO_AWAIT(aio_semaphore_take(&self->semaphore, &self->permit));
    AIO_END;
}
enum { PERMIT_IN_USE_LINE = __LINE__ - 3 };
SCENARIO(wait_group_done, struct aio_wait_group todo;)
{
    AIO_BEGIN;
    aio_wait_group_add(&self->todo, 1);
    aio_wait_group_done(&self->todo);
    aio_wait_group_done(&self->todo);
    AIO_END;
}
enum { WAIT_GROUP_DONE_LINE = __LINE__ - 3 };
/* A release by a callback has no task. */
static struct aio_lock nobodys;
static void releases_lock(struct aio_callback *soon)
{
    (void)soon;
    aio_lock_release(&nobodys);
}
enum { CALLBACK_LINE = __LINE__ - 2 };
SCENARIO(lock_by_a_callback, struct aio_callback soon;)
{
    AIO_BEGIN;
    self->soon.fn = releases_lock;
    aio_loop_call_soon(aio_loop_current(), &self->soon);
    AIO_AWAIT(aio_sleep(0));
    AIO_END;
}
TEST(synchronisation)
{
    CHECK_DIES(run_lock_not_held, "lock_not_held", LOCK_NOT_HELD_LINE, "releases a lock that nobody holds");
    CHECK_DIES(run_lock_released_twice, "lock_released_twice", LOCK_RELEASED_TWICE_LINE, "releases a lock that nobody holds");
    CHECK_DIES(run_condition_without_lock, "condition_without_lock", CONDITION_WITHOUT_LOCK_LINE, "waits on a condition without holding its lock");
    CHECK_DIES(run_bounded, "bounded", BOUNDED_LINE, "releases a semaphore more often than it was acquired");
    CHECK_DIES(run_bounded_by_none, "bounded_by_none", BOUNDED_BY_NONE_LINE, "releases a semaphore more often than it was acquired");
    CHECK_DIES(run_bounded_permit, "bounded_permit", BOUNDED_PERMIT_LINE, "releases a semaphore more often than it was acquired");
    CHECK_DIES(run_permit_in_use, "permit_in_use", PERMIT_IN_USE_LINE, "takes a permit into one that is in use");
    CHECK_DIES(run_wait_group_done, "wait_group_done", WAIT_GROUP_DONE_LINE, "calls aio_wait_group_done once too often");
    CHECK_DIES(run_lock_by_a_callback, "callback", CALLBACK_LINE, "releases a lock that nobody holds");
}

SCENARIO(task_done, struct aio_queue queue; long items[2], item;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    AIO_AWAIT(aio_queue_put(&self->queue, &self->item));
    aio_queue_task_done(&self->queue);
    aio_queue_task_done(&self->queue);
    AIO_END;
}
enum { TASK_DONE_LINE = __LINE__ - 3 };
SCENARIO(puts_short, struct aio_queue queue; long items[2], item; short small;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    AIO_AWAIT(aio_queue_put(&self->queue, &self->small));
    AIO_END;
}
enum { PUTS_SHORT_LINE = __LINE__ - 3 };
SCENARIO(gets_short, struct aio_queue queue; long items[2], item; short small;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    AIO_AWAIT(aio_queue_get(&self->queue, &self->small));
    AIO_END;
}
enum { GETS_SHORT_LINE = __LINE__ - 3 };
SCENARIO(puts_short_now, struct aio_queue queue; long items[2], item; short small; int error;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    self->error = aio_queue_put_nowait(&self->queue, &self->small);
    AIO_END;
}
enum { PUTS_SHORT_NOW_LINE = __LINE__ - 3 };
SCENARIO(gets_short_now, struct aio_queue queue; long items[2], item; short small; int error;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    self->error = aio_queue_get_nowait(&self->queue, &self->small);
    AIO_END;
}
enum { GETS_SHORT_NOW_LINE = __LINE__ - 3 };
SCENARIO(sends_short, struct aio_channel channel; long items[2], item; short small;)
{
    AIO_BEGIN;
    aio_channel_init_unbuffered(&self->channel, sizeof self->item);
    AIO_AWAIT(aio_channel_send(&self->channel, &self->small));
    AIO_END;
}
enum { SENDS_SHORT_LINE = __LINE__ - 3 };
SCENARIO(receives_short, struct aio_channel channel; long items[2], item; short small;)
{
    AIO_BEGIN;
    aio_channel_init_unbuffered(&self->channel, sizeof self->item);
    AIO_AWAIT(aio_channel_recv(&self->channel, &self->small));
    AIO_END;
}
enum { RECEIVES_SHORT_LINE = __LINE__ - 3 };
SCENARIO(tells_short, struct aio_broadcast broadcast; long items[2]; short small;)
{
    AIO_BEGIN;
    aio_broadcast_init(&self->broadcast, self->items);
    aio_broadcast_send(&self->broadcast, &self->small);
    AIO_END;
}
enum { TELLS_SHORT_LINE = __LINE__ - 3 };
SCENARIO(hears_short, struct aio_broadcast broadcast; struct aio_subscription to; long items[2]; short small;)
{
    AIO_BEGIN;
    aio_broadcast_init(&self->broadcast, self->items);
    aio_broadcast_subscribe(&self->broadcast, &self->to);
    AIO_AWAIT(aio_broadcast_recv(&self->to, &self->small));
    AIO_END;
}
enum { HEARS_SHORT_LINE = __LINE__ - 3 };
SCENARIO(sets_short, struct aio_watch watch; long value; short small;)
{
    AIO_BEGIN;
    aio_watch_init(&self->watch, &self->value);
    aio_watch_set(&self->watch, &self->small);
    AIO_END;
}
enum { SETS_SHORT_LINE = __LINE__ - 3 };
SCENARIO(looks_short, struct aio_watch watch; struct aio_watcher watcher; long value; short small;)
{
    AIO_BEGIN;
    aio_watch_init(&self->watch, &self->value);
    aio_watch_subscribe(&self->watch, &self->watcher);
    AIO_AWAIT(aio_watch_next(&self->watcher, &self->small));
    AIO_END;
}
enum { LOOKS_SHORT_LINE = __LINE__ - 3 };
TEST(queues)
{
    CHECK_DIES(run_task_done, "task_done", TASK_DONE_LINE, "calls aio_queue_task_done more often than items were put");
    CHECK_DIES(run_puts_short, "puts_short", PUTS_SHORT_LINE, "passes an item of the wrong size");
    CHECK_DIES(run_gets_short, "gets_short", GETS_SHORT_LINE, "passes an item of the wrong size");
    CHECK_DIES(run_puts_short_now, "puts_short_now", PUTS_SHORT_NOW_LINE, "passes an item of the wrong size");
    CHECK_DIES(run_gets_short_now, "gets_short_now", GETS_SHORT_NOW_LINE, "passes an item of the wrong size");
    CHECK_DIES(run_sends_short, "sends_short", SENDS_SHORT_LINE, "passes an item of the wrong size");
    CHECK_DIES(run_receives_short, "receives_short", RECEIVES_SHORT_LINE, "passes an item of the wrong size");
    CHECK_DIES(run_tells_short, "tells_short", TELLS_SHORT_LINE, "passes an item of the wrong size");
    CHECK_DIES(run_hears_short, "hears_short", HEARS_SHORT_LINE, "passes an item of the wrong size");
    CHECK_DIES(run_sets_short, "sets_short", SETS_SHORT_LINE, "passes an item of the wrong size");
    CHECK_DIES(run_looks_short, "looks_short", LOOKS_SHORT_LINE, "passes an item of the wrong size");
}

/* The same operation twice: one that is freed, those that are a part of their queue, one of a task. */
struct things { struct aio_lock lock; struct aio_queue queue; struct { char bytes[100]; } items[2], item; long numbers[2], number; };
#define TWICE(name, init_, ...) \
    SCENARIO(name, struct things things; struct aio_void *made;) \
    { \
        AIO_BEGIN; \
        init_; \
        self->made = __VA_ARGS__; \
        AIO_AWAIT(self->made); \
        AIO_AWAIT(self->made); \
        AIO_END; \
    }
#define NUMBERS aio_queue_init(&self->things.queue, self->things.numbers)
#define ITEMS aio_queue_init(&self->things.queue, self->things.items)
TWICE(twice_lock, , aio_lock_acquire(&self->things.lock))
TWICE(twice_put, NUMBERS, aio_queue_put(&self->things.queue, &self->things.number))
TWICE(twice_put_large, ITEMS, aio_queue_put(&self->things.queue, &self->things.item))
TWICE(twice_get, NUMBERS; (void)!aio_queue_put_nowait(&self->things.queue, &self->things.number),
      aio_queue_get(&self->things.queue, &self->things.number))
TWICE(twice_wait_for, , aio_wait_for(aio_sleep(1), AIO_SEC(1)))
SCENARIO(twice_in_a_task, struct things things; struct aio_void *made, *task;)
{
    AIO_BEGIN;
    self->made = aio_lock_acquire(&self->things.lock);
    self->task = aio_create_task(self->made);
    AIO_AWAIT(self->made);
    AIO_AWAIT(self->task);
    AIO_END;
}
TEST(an_operation_runs_only_once)
{
    CHECK_STR(dies(run_twice_lock), "aio: 'aio_lock_acquire': used after it was freed (awaited twice?)\n");
    CHECK_STR(dies(run_twice_put), "aio: 'aio_queue_put': used after it was freed (awaited twice?)\n");
    CHECK_STR(dies(run_twice_put_large), "aio: 'aio_queue_put': used after it was freed (awaited twice?)\n");
    CHECK_STR(dies(run_twice_get), "aio: 'aio_queue_get': used after it was freed (awaited twice?)\n");
    CHECK_STR(dies(run_twice_wait_for), "aio: 'aio_wait_for': used after it was freed (awaited twice?)\n");
    CHECK_STR(dies(run_twice_in_a_task), "aio: 'aio_lock_acquire': used after it was freed (awaited twice?)\n");
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(a_coroutine_object_runs_only_once), T(a_release_too_many), T(futures), T(wrong_arguments),
        T(a_place_that_does_not_exist), T(timeouts), T(generators), T(callbacks), T(a_loop_on_another_thread),
        T(synchronisation), T(queues), T(an_operation_runs_only_once));
}
