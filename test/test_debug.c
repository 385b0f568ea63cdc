/* What AIO_DEBUG reports and asserts, with its exact text. */
#undef AIO_DEBUG                        /* whatever the others are built with */
#undef AIO_POOL
#define AIO_DEBUG 1
#define AIO_SLOW_STEP AIO_MS(20)
#include "death.h"

/* What was reported, as it is printed. */
static char said[8192];
static void say(struct aio_sink *sink, const char *text, size_t length)
{
    (void)sink;
    strncat(said, text, length < sizeof said - strlen(said) - 1 ? length : 0);
}
static struct aio_sink sink = { say };
static void report(struct aio_loop *loop, const struct aio_report *what)
{
    (void)loop;
    aio_report_write(what, &sink);
}
static const struct aio_options *reporting(void)
{
    static struct aio_options options;
    options.on_error = report;
    said[0] = 0;
    death_time = 0;
    return &options;
}
#define run(coroutine) aio_run_with(reporting(), coroutine)

/* CHECK_SAID(format, ...): all that was reported. */
static void check_said(const char *file, int line, const char *format, ...)
{
    char want[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(want, sizeof want, format, arguments);
    va_end(arguments);
    tap_str(file, line, "reports", said, want);
    said[0] = 0;
}
#define CHECK_SAID(...) check_said(__FILE__, __LINE__, __VA_ARGS__)

struct nap { AIO_FRAME(int); aio_time span; int error; };
static AIO_CORO(nap)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->span));
    if (self->error)
        AIO_RAISE(self->error);
    AIO_END;
}
enum { NAP_RAISES = __LINE__ - 3 };

struct forgets { AIO_FRAME(void); struct nap *nap; };
static AIO_CORO(forgets)
{
    AIO_BEGIN;
    self->nap = aio_new(nap, 5);
    AIO_END;
}
enum { FORGETS = __LINE__ - 3 };
TEST(never_awaited)
{
    CHECK_INT(run(aio_new(forgets)), 0);
    CHECK_SAID("warning: 'nap' was never awaited (%s:%d)\n", __FILE__, FORGETS);
    CHECK_INT(run(aio_new(nap)), 0);
    CHECK_SAID("");                                 /* told once */
}

static struct nap *kept;
struct keeps { AIO_FRAME(void); };
static AIO_CORO(keeps)
{
    AIO_BEGIN;
    kept = aio_create_task(aio_new(nap, 5));
    AIO_AWAIT(kept);
    AIO_END;
}
enum { KEEPS = __LINE__ - 4 };
TEST(never_released)
{
    CHECK_INT(run(aio_new(keeps)), 0);
    CHECK_SAID("warning: task 'nap' was never released (%s:%d)\n", __FILE__, KEEPS);
    aio_release(kept);
}

struct ignores { AIO_FRAME(void); struct nap *looked, *ignored, *cancelled; int error; };
static AIO_CORO(ignores)
{
    AIO_BEGIN;
    self->looked = aio_create_task(aio_new(nap, 5, AIO_EIO));
    self->ignored = aio_create_task(aio_new(nap, 6, AIO_EUSER));
    self->cancelled = aio_create_task(aio_new(nap, 7, AIO_EIO));
    aio_task_cancel(self->cancelled);
    aio_task_set_name(self->ignored, "Otto");
    AIO_TRY(self->error, self->looked);
    AIO_AWAIT(aio_sleep(10));
    AIO_FINALLY;
    aio_release(self->looked);
    aio_release(self->ignored);
    aio_release(self->cancelled);
    AIO_END;
}
TEST(nobody_looked_at_its_error)
{
    CHECK_INT(run(aio_new(ignores)), 0);
    CHECK_SAID("Traceback (most recent call last):\n  nap (%s:%d)\n"
               "error: task 'Otto' failed, and nobody looked at its error: error of the application (-10000)\n",
               __FILE__, NAP_RAISES);
}

/* It does not end, though it is asked to, and nothing will ever wake it. */
struct stubborn { AIO_FRAME(void); int error; AIO_FUTURE(void) never, ever; };
static AIO_CORO(stubborn)
{
    AIO_BEGIN;
    AIO_CATCH(self->error, &self->never);
    AIO_AWAIT(&self->ever);
    AIO_END;
}
static void loses(void)
{
    struct aio_loop loop;
    struct stubborn *lost;
    aio_loop_init(&loop, reporting());
    lost = aio_loop_create_task(&loop, aio_new(stubborn));
    (void)lost;
    aio_loop_run_until_complete(&loop, aio_new(nap));
    CHECK_INT(aio_loop_close(&loop), AIO_EDEADLK);
    death_print(said, strlen(said));
}
enum { LOSES = __LINE__ - 6 };
TEST(destroyed_while_pending)
{
    char want[200];
    snprintf(want, sizeof want, "warning: task 'stubborn' was destroyed while pending (%s:%d)\n(status 0)",
             __FILE__, LOSES);
    CHECK_STR(dies(loses), want);
}

struct slow { AIO_FRAME(void); };
static AIO_CORO(slow)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(5));
    death_time += AIO_MS(250);
    AIO_AWAIT(aio_sleep(5));
    death_time += AIO_MS(19);
    AIO_END;
}
enum { SLOW = __LINE__ - 4 };
static void slow_callback(struct aio_callback *callback)
{
    (void)callback;
    death_time += AIO_SEC(3);
}
static struct aio_callback callback;
TEST(slow_step)
{
    struct aio_loop loop;
    CHECK_INT(run(aio_new(slow)), 0);
    CHECK_SAID("warning: 'slow' held the loop for 0.250 s in one step (%s:%d)\n", __FILE__, SLOW);
    callback.fn = slow_callback;
    aio_loop_init(&loop, reporting());
    aio_loop_call_soon(&loop, &callback);
    aio_loop_close(&loop);
    CHECK_SAID("warning: 'callback' held the loop for 3.000 s in one step\n");
}

/* The pattern of what is dead. */
static bool dead(const volatile unsigned char *bytes, size_t n)
{
    while (n && *bytes == 0xa5)
        n--, bytes++;
    return n == 0;
}

struct poisoned { AIO_FRAME(void); struct nap *nap; };
static AIO_CORO(poisoned)
{
    AIO_BEGIN;
    self->nap = aio_new(nap, 5);
    AIO_AWAIT(self->nap);
    CHECK(dead((const unsigned char *)&self->nap->span, sizeof self->nap->span));
    AIO_END;
}
TEST(freed_frames_are_poisoned) { CHECK_INT(run(aio_new(poisoned)), 0); }

/* An array on the C stack, which no compiler warns of. Not with tools that have their own idea of what a
   dead stack holds. */
struct scribbled { AIO_FRAME(void); bool lost; };
static AIO_CORO(scribbled)
{
    volatile unsigned char local[64];
    AIO_BEGIN;
    memset((void *)(uintptr_t)local, 1, sizeof local);
    AIO_AWAIT(aio_sleep(5));
    self->lost = dead(local, sizeof local);
    CHECK(self->lost);
    AIO_END;
}
TEST(the_dead_stack_is_scribbled)
{
    if (!AIO_ASAN_ && !getenv("AIO_TEST_SLOW"))
        CHECK_INT(run(aio_new(scribbled)), 0);
}

/* A return of one's own, where nothing has been awaited: the task would wait for ever. */
struct returns { AIO_FRAME(void); int when; };
static AIO_CORO(returns)
{
    AIO_BEGIN;
    if (self->when == 0)
        return 0;
    AIO_AWAIT(aio_sleep(5));
    return 0;
    AIO_END;
}
struct awaits_returns { AIO_FRAME(void); };
static AIO_CORO(awaits_returns)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(returns, 0));
    AIO_END;
}
enum { AWAITS_RETURNS = __LINE__ - 3, RETURNS = AWAITS_RETURNS - 8 };
static void returns_at_once(void) { (void)aio_run(aio_new(returns, 0)); }
static void returns_later(void) { (void)aio_run(aio_new(returns, 1)); }
static void returns_below(void) { (void)aio_run(aio_new(awaits_returns)); }
static const char *return_text(const char *name, int line)
{
    static char want[200];
    snprintf(want, sizeof want, "aio: '%s' (%s:%d): this, or what it awaits, has returned without waiting: "
             "AIO_RETURN, not return\n", name, __FILE__, line);
    return want;
}
TEST(returned)
{
    char at_once[200];
    snprintf(at_once, sizeof at_once, "aio: 'returns' (%s): this, or what it awaits, has returned without waiting: "
             "AIO_RETURN, not return\n", __FILE__);
    CHECK_STR(dies(returns_at_once), at_once);
    CHECK_STR(dies(returns_later), return_text("returns", RETURNS));
    CHECK_STR(dies(returns_below), return_text("awaits_returns", AWAITS_RETURNS));
}

struct local_buffer { AIO_FRAME(void); };
static AIO_CORO(local_buffer)
{
    char buffer[64];
    AIO_BEGIN;
    AIO_AWAIT(aio_recv(5, buffer, sizeof buffer));
    AIO_END;
}
static void receives(void) { (void)aio_run(aio_new(local_buffer)); }
struct other_buffer { AIO_FRAME(void); char *outer; char inner[8]; int error; };
static AIO_CORO(other_buffer)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_recv(-1, self->inner, sizeof self->inner));
    CHECK_INT(self->error, AIO_EBADF);
    AIO_TRY(self->error, aio_recv(-1, self->outer, 8));
    CHECK_INT(self->error, AIO_EBADF);
    AIO_END;
}
TEST(local_buffers)
{
    char outer[8];                                  /* on the stack, and outside of the loop */
    CHECK_STR(dies(receives),
              "aio: 'aio_recv': the buffer is a local variable, which is gone when the await returns\n");
    CHECK_INT(run(aio_new(other_buffer, outer)), 0);
}

/* What is got must not land there, either. What is put is copied. */
struct got { AIO_FRAME(void); char what; struct aio_queue queue; struct aio_channel channel; struct aio_semaphore semaphore;
             struct aio_broadcast broadcast; struct aio_subscription to; struct aio_watch watch; struct aio_watcher watcher;
             int items[1], item; };
static AIO_CORO(got)
{
    int item = 1;
    struct aio_permit permit = { NULL };
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    aio_channel_init(&self->channel, self->items);
    aio_broadcast_init(&self->broadcast, self->items);
    aio_broadcast_subscribe(&self->broadcast, &self->to);
    aio_watch_init(&self->watch, &self->item);
    aio_watch_subscribe(&self->watch, &self->watcher);
    AIO_AWAIT(aio_queue_put(&self->queue, &item));
    if (self->what == 'q')
        AIO_AWAIT(aio_queue_get(&self->queue, &item));
    if (self->what == 'c')
        AIO_AWAIT(aio_channel_recv(&self->channel, &item));
    if (self->what == 'b')
        AIO_AWAIT(aio_broadcast_recv(&self->to, &item));
    if (self->what == 'w')
        AIO_AWAIT(aio_watch_next(&self->watcher, &item));
    if (self->what == 's')
        AIO_AWAIT(aio_semaphore_take(&self->semaphore, &permit));
    AIO_END;
}
static void gets(void) { (void)aio_run(aio_new(got, 'q')); }
static void recvs(void) { (void)aio_run(aio_new(got, 'c')); }
static void hears(void) { (void)aio_run(aio_new(got, 'b')); }
static void looks(void) { (void)aio_run(aio_new(got, 'w')); }
static void takes(void) { (void)aio_run(aio_new(got, 's')); }
TEST(local_items)
{
#define CHECK_LOCAL(function, name) CHECK_STR(dies(function), \
    "aio: '" name "': the buffer is a local variable, which is gone when the await returns\n")
    CHECK_LOCAL(gets, "aio_queue_get");
    CHECK_LOCAL(recvs, "aio_channel_recv");
    CHECK_LOCAL(hears, "aio_broadcast_recv");
    CHECK_LOCAL(looks, "aio_watch_next");
    CHECK_LOCAL(takes, "aio_semaphore_take");
    CHECK_INT(run(aio_new(got)), 0);
    CHECK_SAID("");
}

/* Operations have no place that made them; those that are a part of their queue have nothing in front of them. */
struct op_twice { AIO_FRAME(void); char what; struct aio_void *made; int items[1], item; struct aio_lock lock; struct aio_queue queue; };
static AIO_CORO(op_twice)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    AIO_AWAIT(aio_queue_put(&self->queue, &self->item));
    self->made = self->what == 'g' ? aio_queue_get(&self->queue, &self->item) :
        self->what == 'w' ? aio_wait_for(aio_sleep(1), AIO_SEC(1)) : aio_lock_acquire(&self->lock);
    AIO_AWAIT(self->made);
    AIO_AWAIT(self->made);
    AIO_END;
}
static void gets_twice(void) { (void)aio_run(aio_new(op_twice, 'g')); }
static void locks_twice(void) { (void)aio_run(aio_new(op_twice, 'l')); }
static void waits_twice(void) { (void)aio_run(aio_new(op_twice, 'w')); }
TEST(operations_awaited_twice)
{
    CHECK_STR(dies(waits_twice), "aio: 'aio_wait_for': used after it was freed (awaited twice?)\n");
    CHECK_STR(dies(gets_twice), "aio: 'aio_queue_get': used after it was freed (awaited twice?)\n");
    CHECK_STR(dies(locks_twice), "aio: 'aio_lock_acquire': used after it was freed (awaited twice?)\n");
}

/* A coroutine object that was run already is named with the place that made it. */
struct twice { AIO_FRAME(void); struct nap *nap; };
static AIO_CORO(twice)
{
    AIO_BEGIN;
    self->nap = aio_new(nap, 5);
    AIO_AWAIT(self->nap);
    AIO_AWAIT(self->nap);
    AIO_END;
}
enum { TWICE = __LINE__ - 5 };
static void runs_twice(void) { (void)aio_run(aio_new(twice)); }
struct uses { AIO_FRAME(void); struct nap *task, *alias; };
static AIO_CORO(uses)
{
    AIO_BEGIN;
    self->alias = self->task = aio_create_task(aio_new(nap, 5));
    AIO_AWAIT(self->task);
    aio_release(self->task);
    aio_task_cancel(self->alias);
    AIO_END;
}
enum { USES = __LINE__ - 6 };
static void uses_released(void) { (void)aio_run(aio_new(uses)); }
static struct nap *awaited;
static void releases(struct aio_callback *unused)
{
    (void)unused;
    aio_release(awaited);
}
struct awaits { AIO_FRAME(void); struct aio_callback soon; };
static AIO_CORO(awaits)
{
    AIO_BEGIN;
    awaited = aio_create_task(aio_new(nap, 5));
    self->soon.fn = releases;
    aio_loop_call_soon(aio_loop_current(), &self->soon);
    AIO_AWAIT(awaited);
    AIO_END;
}
enum { AWAITS = __LINE__ - 6 };
static void awaits_released(void) { (void)aio_run(aio_new(awaits)); }
TEST(use_after_the_end)
{
    CHECK_DIES(runs_twice, "nap", TWICE, "used after it was freed (awaited twice?)");
    CHECK_DIES(uses_released, "nap", USES, "not a task, or its last handle was released");
    CHECK_DIES(awaits_released, "nap", AWAITS, "was released by its last owner while it was awaited");
}

/* Calls from a thread that is not the loop's. */
static struct aio_loop theirs;
static AIO_FUTURE(int) future;
static struct aio_callback waiting, other;
static struct aio_group *group;
static struct nap *task;
struct member { AIO_FRAME(void); struct aio_group group; int value; };
static AIO_CORO(member)
{
    AIO_BEGIN;
    group = &self->group;
    aio_group_open(&self->group, self, 0, 0);
    aio_add_done_callback(&future, &other);
    AIO_AWAIT(self->value, &future);
    AIO_END;
}
static void calls_create(void) { task = aio_loop_create_task(&theirs, aio_new(nap)); }
static void calls_spawn(void) { (void)!aio_loop_spawn(&theirs, aio_new(nap)); }
static void calls_cancel(void) { aio_task_cancel(task); }
static void calls_release(void) { aio_release(task); }
static void calls_retain(void) { task = aio_retain(task); }
static void calls_set(void) { aio_future_set_result(&future, 1); }
static void calls_fail(void) { aio_future_set_error(&future, AIO_EIO); }
static void calls_future_cancel(void) { aio_future_cancel(&future); }
static void calls_soon(void) { aio_loop_call_soon(&theirs, &callback); }
static void calls_later(void) { aio_loop_call_later(&theirs, &callback, 5); }
static void calls_callback_cancel(void) { aio_callback_cancel(&waiting); }
static void calls_done(void) { aio_add_done_callback(task, &callback); }
static void calls_group(void) { (void)!aio_group_spawn(group, aio_new(nap)); }
static void calls_group_cancel(void) { aio_group_cancel(group); }
static void calls_stop(void) { aio_loop_stop(&theirs); }
static void calls_turn(void) { aio_loop_turn(&theirs, 0); }
static void calls_close(void) { aio_loop_close(&theirs); }
static void calls_post(void) { aio_loop_post(&theirs, &callback); }

static void (*foreign)(void);
static void *thread_main(void *unused)
{
    foreign();
    return unused;
}
static void elsewhere(void)
{
    pthread_t thread;
    struct member *owner;
    aio_loop_init(&theirs, reporting());
    task = aio_loop_create_task(&theirs, aio_new(nap, 50));
    owner = aio_loop_create_task(&theirs, aio_new(member));
    memset(&callback, 0, sizeof callback);
    callback.fn = waiting.fn = other.fn = slow_callback;
    aio_loop_call_later(&theirs, &waiting, 60);
    aio_loop_run_until_complete(&theirs, aio_new(nap, 1));
    pthread_create(&thread, NULL, thread_main, NULL);
    pthread_join(thread, NULL);
    aio_release(owner);
}
#define FOREIGN(function) (foreign = (function), dies(elsewhere))
TEST(foreign_threads)
{
    static void (*const calls[])(void) = {
        calls_create, calls_spawn, calls_cancel, calls_release, calls_retain, calls_set, calls_fail,
        calls_future_cancel, calls_soon, calls_later, calls_callback_cancel, calls_done, calls_group,
        calls_group_cancel, calls_stop
    };
    static const char message[] = "called from a thread that is not the loop's: only aio_loop_post may be\n";
    size_t i;
    for (i = 0; i < sizeof calls / sizeof *calls; i++) {
        const char *text = FOREIGN(calls[i]);
        CHECK(strlen(text) >= sizeof message && strcmp(text + strlen(text) - sizeof message + 1, message) == 0,
              "%d: %s", (int)i, text);
    }
    CHECK_STR(FOREIGN(calls_turn), "aio: a loop is run by the thread that made it\n");
    CHECK_STR(FOREIGN(calls_close), "aio: a loop is run by the thread that made it\n");
    CHECK_STR(FOREIGN(calls_post), "(status 0)");
}

/* The dump has lines: where each coroutine stands. */
struct outer { AIO_FRAME(void); int value; };
static AIO_CORO(outer)
{
    AIO_BEGIN;
    AIO_AWAIT(self->value, aio_new(nap, AIO_MS(1500)));
    AIO_END;
}
enum { OUTER = __LINE__ - 3, NAP_SLEEPS = NAP_RAISES - 2 };
struct dumps { AIO_FRAME(void); struct outer *task; int value; };
static AIO_CORO(dumps)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(outer));
    aio_task_set_name(self->task, "Anna");
    AIO_AWAIT(aio_sleep(0));
    aio_dump(aio_loop_current(), &sink);
    AIO_AWAIT(self->task);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}
enum { DUMPS = __LINE__ - 7 };
TEST(dump_with_lines)
{
    CHECK_INT(run(aio_new(dumps)), 0);
    CHECK_SAID("2 tasks\ntask 1 'dumps' runs\n  dumps (%s:%d)\n"
               "task 2 'Anna' sleeps, 1.500 s left\n  outer (%s:%d)\n  nap (%s:%d)\n",
               __FILE__, DUMPS, __FILE__, OUTER, __FILE__, NAP_SLEEPS);
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(never_awaited), T(never_released), T(nobody_looked_at_its_error), T(destroyed_while_pending),
        T(slow_step), T(freed_frames_are_poisoned), T(returned), T(the_dead_stack_is_scribbled), T(local_buffers),
        T(local_items), T(operations_awaited_twice), T(use_after_the_end), T(foreign_threads), T(dump_with_lines));
}
