/* Jobs in threads, and calls into a loop from other threads. */
#undef TEST_SHARED                      /* it has an implementation of its own */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

/* Memory is counted, over all threads, and can be made to run out; threads can be refused. */
static long live, calls, fail_at;       /* atomic */
static inline void *test_malloc(size_t n)
{
    long call = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    void *block = call == __atomic_load_n(&fail_at, __ATOMIC_RELAXED) ? NULL : malloc(n);
    if (block)
        __atomic_add_fetch(&live, 1, __ATOMIC_RELAXED);
    return block;
}
static inline void test_free(void *block)
{
    if (block)
        __atomic_sub_fetch(&live, 1, __ATOMIC_RELAXED);
    free(block);
}
static int threads_made, threads_left = -1;     /* atomic; the second: so many can be made; -1: no limit */
static inline int test_create(pthread_t *id, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg)
{
    if (__atomic_load_n(&threads_left, __ATOMIC_ACQUIRE) == 0)
        return EAGAIN;
    if (__atomic_load_n(&threads_left, __ATOMIC_ACQUIRE) > 0)
        __atomic_sub_fetch(&threads_left, 1, __ATOMIC_ACQ_REL);
    __atomic_add_fetch(&threads_made, 1, __ATOMIC_ACQ_REL);
    return pthread_create(id, attributes, fn, arg);
}
#define AIO_SLOW_STEP AIO_SEC(60)       /* on a busy machine a step may stand for long */
#define AIO_MALLOC(n) test_malloc(n)
#define AIO_FREE(p) test_free(p)
#define pthread_create test_create
#include "net.h"
#undef pthread_create
#include "aio_sim.h"

#ifdef __SANITIZE_THREAD__
#define TSAN 1
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif
#ifndef TSAN
#define TSAN 0
#endif

/* All memory is given back, if need be by a thread that was left to itself. */
static int all_free(void)
{
    time_t end = time(NULL) + 20;
    while (__atomic_load_n(&live, __ATOMIC_ACQUIRE) && time(NULL) < end)
        sched_yield();
    return __atomic_load_n(&live, __ATOMIC_ACQUIRE) == 0;
}
#undef run
#define run(coroutine) run_(__FILE__, __LINE__, open_fds(), aio_any(coroutine))
static int run_(const char *file, int line, int before, struct aio_any *coroutine)
{
    int error = net_run(file, line, before, coroutine);
    tap_int(file, line, "all memory is free", all_free(), 1);
    threads_left = -1;
    return error;
}

/* A coroutine with these members. */
#define CORO(name, ...) struct name { AIO_FRAME(void); __VA_ARGS__ }; static AIO_CORO(name)

/* -------------------------------------------------------------------- how threads meet in tests */

/* Threads wait for it to be opened. */
struct gate { pthread_mutex_t mutex; pthread_cond_t cond; int opened, waiting; };
#define GATE { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0 }
static void gate_close(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->opened = 0;
    pthread_mutex_unlock(&gate->mutex);
}
static void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->opened = 1;
    pthread_cond_broadcast(&gate->cond);
    pthread_mutex_unlock(&gate->mutex);
}
static void gate_wait(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->waiting++;
    while (!gate->opened)
        pthread_cond_wait(&gate->cond, &gate->mutex);
    gate->waiting--;
    pthread_mutex_unlock(&gate->mutex);
}
static int gate_waiting(struct gate *gate)
{
    int waiting;
    pthread_mutex_lock(&gate->mutex);
    waiting = gate->waiting;
    pthread_mutex_unlock(&gate->mutex);
    return waiting;
}
static struct gate gate = GATE, other_gate = GATE;

/* Something that a thread tells the loop: posts, which set a future each. */
struct news { AIO_FUTURE(void) came; struct aio_callback callback; struct aio_loop *loop; };
static void news_arrive(struct aio_callback *callback)
{
    struct news *news = AIO_CONTAINER_(callback, struct news, callback);
    aio_future_set_result(&news->came);
}
static void news_expect(struct news *news)
{
    memset(news, 0, sizeof *news);
    news->callback.fn = news_arrive;
    news->loop = aio_loop_current();
}
static void news_tell(struct news *news) { aio_loop_post(news->loop, &news->callback); }
static struct news begun;

static int atomic_get(int *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static void atomic_add(int *p, int n) { __atomic_add_fetch(p, n, __ATOMIC_ACQ_REL); }

/* Blocks the loop's thread until somebody has posted something. */
static void until_posted(void)
{
    while (!__atomic_load_n(&aio_loop_current()->inbox, __ATOMIC_ACQUIRE))
        sched_yield();
}

/* Jobs: say that they have begun, wait for the gate, end. */
static int ran, saw_cancel;             /* atomic */
static void *held(void *arg)
{
    news_tell(&begun);
    gate_wait(&gate);
    atomic_add(&saw_cancel, aio_job_cancelled());
    atomic_add(&ran, 1);
    return arg;
}
static void *count_run(void *arg)
{
    atomic_add(&ran, 1);
    return arg;
}
/* Until it is cancelled. */
static void *until_cancelled(void *arg)
{
    news_tell(&begun);
    while (!aio_job_cancelled())
        sched_yield();
    atomic_add(&ran, 1);
    return arg;
}

struct stay { AIO_FRAME(int); int value; };
static AIO_JOB(stay)
{
    self->result = self->value;
    held(NULL);
    return 0;
}
struct wander { AIO_FRAME(int); int value; char text[200]; };
static AIO_JOB_DETACHED(wander)
{
    held(NULL);
    self->result = self->value + (int)strlen(self->text);
    self->value = -1;
    strcpy(self->text, "changed");
    return 0;
}

/* ------------------------------------------------------------------------------------- results */

static void *next(void *arg) { return (void *)((uintptr_t)arg + 1); }
static void *my_thread(void *arg)
{
    *(pthread_t *)arg = pthread_self();
    return NULL;
}
CORO_TEST(to_thread, char text[2]; void *got; pthread_t id;)
{
    AIO_BEGIN;
    threads_made = 0;
    AIO_AWAIT(aio_sleep(0));
    CHECK_INT(threads_made, 0);
    AIO_AWAIT(self->got, aio_to_thread(next, self->text));
    CHECK(self->got == self->text + 1);
    AIO_AWAIT(self->got, aio_to_thread(my_thread, &self->id));
    CHECK(self->got == NULL && !pthread_equal(self->id, pthread_self()));
    CHECK(!aio_job_cancelled());
    CHECK_INT(threads_made, 1);                         /* the first was idle */
    aio_discard(aio_to_thread(next, NULL));
    AIO_END;
}

struct nothing { AIO_FRAME(void); int *out; };
static AIO_JOB(nothing)
{
    *self->out = 7;
    return 0;
}
struct half { AIO_FRAME(double); double of; };
static AIO_JOB(half)
{
    self->result = self->of / 2;
    return 0;
}
struct big { char text[3000]; };
struct fill { AIO_FRAME(struct big); char c; };
static AIO_JOB_DETACHED(fill)
{
    memset(self->result.text, self->c, sizeof self->result.text);
    return 0;
}
struct fails { AIO_FRAME(int); int error; };
static AIO_JOB(fails)
{
    self->result = 3;
    return self->error;
}
struct fails_copied { AIO_FRAME(int); int error; };
static AIO_JOB_DETACHED(fails_copied)
{
    self->result = 4;
    return self->error;
}
CORO_TEST(typed, int n, error; double d; struct big big; struct half slot; struct fill *task;)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(nothing, &self->n));
    CHECK_INT(self->n, 7);
    AIO_AWAIT(self->d, aio_new(half, .of = 5));
    CHECK(self->d > 2.4 && self->d < 2.6);
    AIO_AWAIT(self->d, aio_place(&self->slot, half, 7));
    CHECK(self->d > 3.4 && self->d < 3.6);
    AIO_AWAIT(self->big, aio_new(fill, 'x'));
    CHECK(self->big.text[0] == 'x' && self->big.text[2999] == 'x');
    self->task = aio_create_task(aio_new(fill, 'y'));
    AIO_AWAIT(self->task);
    CHECK(self->task->result.text[2999] == 'y' && self->task->c == 'y');
    aio_release(self->task);
    AIO_TRY(self->error, self->n, aio_new(fails, AIO_EPIPE));
    CHECK(self->error == AIO_EPIPE && self->n == 3);
    AIO_TRY(self->error, self->n, aio_new(fails_copied, AIO_EUSER));
    CHECK(self->error == AIO_EUSER && self->n == 4);
    AIO_AWAIT(self->n, aio_wait_for(aio_new(fails), AIO_FOREVER));
    CHECK_INT(self->n, 3);
    AIO_END;
}

/* An error comes out with the name of the job. */
struct breaks { AIO_FRAME(void); };
static AIO_CORO(breaks)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(fails, AIO_EPIPE));
    AIO_END;
}
static void trace_report(struct aio_loop *loop, const struct aio_report *report)
{
    unsigned i;
    (void)loop;
    for (i = 0; report->trace && i < report->trace->count; i++)
        note("%s ", report->trace->places[i].type->name);
    note("%d", report->error);
}
CORO_TEST(traced,)
{
    AIO_BEGIN;
    aio_loop_current()->on_error = trace_report;
    CHECK_INT(aio_spawn(aio_new(breaks)), 0);
    while (!tap_text[0])
        AIO_AWAIT(aio_sleep(AIO_US(100)));
    CHECK_NOTES("fails breaks -32");
    AIO_END;
}

/* The loop goes on meanwhile. */
CORO_TEST(others_go_on, struct aio_ptr *task; int turns;)
{
    AIO_BEGIN;
    gate_close(&gate);
    news_expect(&begun);
    self->task = aio_create_task(aio_to_thread(held, NULL));
    AIO_AWAIT(&begun.came);
    for (; self->turns < 100; self->turns++)
        AIO_AWAIT(aio_sleep(self->turns % 10 ? 0 : AIO_US(100)));
    CHECK(!aio_task_done(self->task));
    gate_open(&gate);
    AIO_AWAIT(self->task);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

static void keep_text(struct aio_sink *sink, const char *text, size_t length)
{
    (void)sink;
    note("%.*s", (int)length, text);
}
CORO_TEST(dumped, struct stay *task; struct aio_sink sink;)
{
    AIO_BEGIN;
    gate_close(&gate);
    news_expect(&begun);
    self->task = aio_create_task(aio_new(stay, 5));
    AIO_AWAIT(&begun.came);
    self->sink.write = keep_text;
    aio_dump(aio_loop_current(), &self->sink);
    CHECK(strstr(tap_text, "'stay' waits in thread"), "%s", tap_text);
    tap_text[0] = 0;
    gate_open(&gate);
    AIO_AWAIT(self->task);
    CHECK_INT(self->task->result, 5);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

/* ------------------------------------------------------------------------------------ the pool */

static int running, most_running;       /* under the mutex */
static pthread_mutex_t running_mutex = PTHREAD_MUTEX_INITIALIZER;
struct crowd { AIO_FRAME(int); int number; };
static AIO_JOB(crowd)
{
    pthread_mutex_lock(&running_mutex);
    running++;
    most_running = running > most_running ? running : most_running;
    pthread_mutex_unlock(&running_mutex);
    sched_yield();
    pthread_mutex_lock(&running_mutex);
    running--;
    pthread_mutex_unlock(&running_mutex);
    self->result = self->number + 1;
    return 0;
}
struct asks { AIO_FRAME(void); int number, got; };
static AIO_CORO(asks)
{
    AIO_BEGIN;
    AIO_AWAIT(self->got, aio_new(crowd, self->number));
    CHECK_INT(self->got, self->number + 1);
    ran++;
    AIO_END;
}
CORO_TEST(a_thousand_over_four, struct aio_group group; int i;)
{
    AIO_BEGIN;
    ran = most_running = threads_made = 0;
    CHECK_INT(aio_thread_limits(aio_loop_current(), 4, 0), 0);
    CHECK_INT(threads_made, 0);
    aio_group_open(&self->group, self, 0, 0);
    for (; self->i < 1000; self->i++)
        CHECK_INT(aio_group_spawn(&self->group, aio_new(asks, self->i)), 0);
    AIO_AWAIT(aio_group_join(&self->group));
    CHECK_INT(ran, 1000);
    CHECK(most_running <= 4, "%d", most_running);
    CHECK_INT(threads_made, 4);
    AIO_END;
}

/* Those that wait together take the threads in order. */
static int order[50], order_at;         /* one thread writes */
struct ordered { AIO_FRAME(void); int number; };
static AIO_JOB(ordered)
{
    if (self->number == 0)
        gate_wait(&gate);
    order[order_at++] = self->number;
    return 0;
}
CORO_TEST(first_come_first_served, struct aio_group group; int i;)
{
    AIO_BEGIN;
    order_at = threads_made = 0;
    gate_close(&gate);
    CHECK_INT(aio_thread_limits(aio_loop_current(), 1, 0), 0);
    aio_group_open(&self->group, self, 0, 0);
    for (; self->i < 50; self->i++)
        CHECK_INT(aio_group_spawn(&self->group, aio_new(ordered, self->i)), 0);
    AIO_AWAIT(aio_sleep(0));
    gate_open(&gate);
    AIO_AWAIT(aio_group_join(&self->group));
    for (self->i = 0; self->i < 50; self->i++)
        CHECK_INT(order[self->i], self->i);
    CHECK_INT(threads_made, 1);
    AIO_END;
}

/* As many threads as jobs, until the limit; and when that is raised, at once. */
static int inside;                      /* atomic */
static void *come_in(void *arg)
{
    atomic_add(&inside, 1);
    gate_wait(&gate);
    return arg;
}
CORO_TEST(limits, struct aio_group group; int i;)
{
    AIO_BEGIN;
    inside = threads_made = 0;
    gate_close(&gate);
    CHECK_INT(aio_thread_limits(aio_loop_current(), 2, 0), 0);
    aio_group_open(&self->group, self, 0, 0);
    for (; self->i < 5; self->i++) {
        CHECK_INT(aio_group_spawn(&self->group, aio_to_thread(come_in, NULL)), 0);
        AIO_AWAIT(aio_sleep(0));
        CHECK_INT(threads_made, self->i < 2 ? self->i + 1 : 2);
    }
    CHECK_INT(aio_thread_limits(aio_loop_current(), 4, 0), 0);
    CHECK_INT(threads_made, 4);
    while (atomic_get(&inside) < 4)
        AIO_AWAIT(aio_sleep(AIO_US(100)));
    CHECK_INT(aio_thread_limits(aio_loop_current(), 0, 0), 0);
    CHECK_INT(threads_made, 5);
    CHECK_INT(aio_thread_limits(aio_loop_current(), 1, 0), 0);
    gate_open(&gate);
    AIO_AWAIT(aio_group_join(&self->group));
    CHECK_INT(inside, 5);
    AIO_END;
}

/* Handlers run elsewhere; faults can still be caught. */
static void *my_signals(void *arg)
{
    pthread_sigmask(SIG_SETMASK, NULL, (sigset_t *)arg);
    return NULL;
}
CORO_TEST(signals_are_blocked, sigset_t set, before, after;)
{
    AIO_BEGIN;
    pthread_sigmask(SIG_SETMASK, NULL, &self->before);
    AIO_AWAIT(aio_to_thread(my_signals, &self->set));
    CHECK(sigismember(&self->set, SIGUSR1) && sigismember(&self->set, SIGTERM) && sigismember(&self->set, SIGCHLD));
    CHECK(!sigismember(&self->set, SIGSEGV) && !sigismember(&self->set, SIGFPE));
    pthread_sigmask(SIG_SETMASK, NULL, &self->after);
    CHECK(sigismember(&self->before, SIGUSR1) == sigismember(&self->after, SIGUSR1));
    AIO_END;
}

/* -------------------------------------------------------------------------------- cancellation */

CORO_TEST(cancelled_before_it_begins, struct aio_ptr *task; int error;)
{
    AIO_BEGIN;
    ran = threads_made = 0;
    self->task = aio_create_task(aio_to_thread(count_run, NULL));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    AIO_TRY(self->error, aio_wait_for(aio_to_thread(count_run, NULL), 0));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_INT(ran, 0);
    CHECK_INT(threads_made, 0);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

/* Cancels itself, and then begins one. */
struct suicide { AIO_FRAME(void); };
static AIO_CORO(suicide)
{
    AIO_BEGIN;
    aio_task_cancel(aio_current_task());
    AIO_AWAIT(aio_to_thread(count_run, NULL));
    CHECK(false);
    AIO_END;
}
CORO_TEST(cancelled_itself, struct suicide *task; int error;)
{
    AIO_BEGIN;
    ran = threads_made = 0;
    self->task = aio_create_task(aio_new(suicide));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK(ran == 0 && threads_made == 0);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

CORO_TEST(cancelled_in_the_queue, struct aio_ptr *first, *second, *third; int error;)
{
    AIO_BEGIN;
    ran = 0;
    gate_close(&gate);
    news_expect(&begun);
    CHECK_INT(aio_thread_limits(aio_loop_current(), 1, 0), 0);
    self->first = aio_create_task(aio_to_thread(held, NULL));
    self->second = aio_create_task(aio_to_thread(count_run, NULL));
    self->third = aio_create_task(aio_to_thread(count_run, NULL));
    AIO_AWAIT(&begun.came);
    CHECK(aio_task_cancel(self->second));
    AIO_TRY(self->error, self->second);                 /* at once */
    CHECK_INT(self->error, AIO_ECANCELED);
    AIO_TRY(self->error, aio_wait_for(aio_to_thread(count_run, NULL), AIO_MS(1)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK(!aio_task_done(self->first) && !aio_task_done(self->third));
    gate_open(&gate);
    AIO_AWAIT(self->third);
    AIO_AWAIT(self->first);
    CHECK_INT(ran, 2);                                  /* held and the third */
    AIO_FINALLY;
    aio_release(self->first);
    aio_release(self->second);
    aio_release(self->third);
    AIO_END;
}

/* It is waited for, however often it is cancelled, and its result is there. */
struct takes { AIO_FRAME(void); void *got; char here; };
static AIO_CORO(takes)
{
    AIO_BEGIN;
    AIO_AWAIT(self->got, aio_to_thread(held, &self->here));
    CHECK(false);
    AIO_FINALLY;
    CHECK_INT(aio_coro_error(self), AIO_ECANCELED);
    CHECK(self->got == &self->here);
    AIO_AWAIT(self->got, aio_to_thread(next, &self->here));     /* and cleanup may use threads */
    CHECK(self->got == &self->here + 1);
    AIO_END;
}
CORO_TEST(cancelled_while_it_runs, struct takes *task; int error;)
{
    AIO_BEGIN;
    ran = saw_cancel = 0;
    gate_close(&gate);
    news_expect(&begun);
    self->task = aio_create_task(aio_new(takes));
    AIO_AWAIT(&begun.came);
    CHECK(aio_task_cancel(self->task));
    AIO_AWAIT(aio_sleep(0));
    AIO_AWAIT(aio_sleep(0));
    CHECK(aio_task_cancel(self->task));
    AIO_AWAIT(aio_sleep(AIO_MS(2)));
    CHECK(!aio_task_done(self->task) && ran == 0);
    gate_open(&gate);
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK(ran == 1 && saw_cancel == 1);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

CORO_TEST(a_job_that_listens, struct aio_ptr *task; int error;)
{
    AIO_BEGIN;
    ran = 0;
    news_expect(&begun);
    self->task = aio_create_task(aio_to_thread(until_cancelled, NULL));
    AIO_AWAIT(&begun.came);
    AIO_TRY(self->error, aio_wait_for(self->task, AIO_MS(2)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_INT(ran, 1);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

/* It has ended, and the loop does not know yet; or the waiter has been woken, and has not run yet. */
static struct stay *victim;
static void cancel_victim(struct aio_callback *callback)
{
    (void)callback;
    CHECK(aio_task_cancel(victim));
}
CORO_TEST(cancelled_with_the_result_on_its_way, int error, value, round; struct aio_callback cancel;)
{
    AIO_BEGIN;
    for (; self->round < 2; self->round++) {
        gate_close(&gate);
        news_expect(&begun);
        victim = aio_create_task(aio_new(stay, 5));
        AIO_AWAIT(&begun.came);
        gate_open(&gate);
        until_posted();
        if (self->round == 0)
            CHECK(aio_task_cancel(victim));
        else {
            self->cancel.fn = cancel_victim;            /* runs between the job's post and the task's step */
            aio_loop_post(aio_loop_current(), &self->cancel);
        }
        AIO_TRY(self->error, self->value, victim);
        CHECK_INT(self->error, AIO_ECANCELED);
        CHECK_INT(self->value, 5);                      /* nothing is lost */
        aio_release(victim);
        AIO_AWAIT(aio_sleep(0));
    }
    AIO_END;
}

/* ------------------------------------------------------------------------------------ detached */

CORO_TEST(detached, struct wander *task; int n;)
{
    AIO_BEGIN;
    gate_open(&gate);
    news_expect(&begun);
    self->task = aio_create_task(aio_new(wander, .value = 1, .text = "four"));
    AIO_AWAIT(self->n, self->task);
    CHECK(self->n == 5 && self->task->value == -1);
    CHECK_STR(self->task->text, "changed");
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

/* The wait ends at once; the job goes on, in memory of its own. */
CORO_TEST(detached_and_cancelled, struct wander *task; int error, n;)
{
    AIO_BEGIN;
    ran = saw_cancel = 0;
    gate_close(&gate);
    news_expect(&begun);
    self->task = aio_create_task(aio_new(wander, .value = 1, .text = "four"));
    AIO_AWAIT(&begun.came);
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->n, self->task);
    CHECK(self->error == AIO_ECANCELED && self->n == 0 && ran == 0);
    aio_release(self->task);                            /* its frame is gone */
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    gate_open(&gate);
    while (!atomic_get(&ran))
        AIO_AWAIT(aio_sleep(AIO_US(100)));
    CHECK_INT(atomic_get(&saw_cancel), 1);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

CORO_TEST(detached_with_the_result_on_its_way, struct wander *task; int error, n;)
{
    AIO_BEGIN;
    gate_close(&gate);
    news_expect(&begun);
    self->task = aio_create_task(aio_new(wander, .value = 1, .text = "four"));
    AIO_AWAIT(&begun.came);
    gate_open(&gate);
    until_posted();
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->n, self->task);
    CHECK(self->error == AIO_ECANCELED && self->n == 5);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

CORO_TEST(detached_and_timed_out, int error;)
{
    AIO_BEGIN;
    ran = 0;
    gate_close(&gate);
    news_expect(&begun);
    AIO_TRY(self->error, aio_wait_for(aio_new(wander, .value = 1), AIO_MS(3)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_INT(ran, 0);
    gate_open(&gate);                                   /* and the close waits for it */
    AIO_END;
}

/* ---------------------------------------------------------------------------- groups and cleanup */

CORO_TEST(in_a_group, struct aio_group group; int error, i;)
{
    AIO_BEGIN;
    ran = 0;
    news_expect(&begun);
    aio_group_open(&self->group, self, 0, 0);
    CHECK_INT(aio_group_spawn(&self->group, aio_to_thread(until_cancelled, NULL)), 0);
    AIO_AWAIT(&begun.came);
    CHECK_INT(aio_group_spawn(&self->group, aio_new(fails, AIO_EIO)), 0);
    AIO_TRY(self->error, aio_group_join(&self->group)); /* one fails, the other is cancelled, and waited for */
    CHECK_INT(self->error, AIO_EIO);
    CHECK_INT(ran, 1);
    AIO_END;
}

struct cleans { AIO_FRAME(void); char here; void *got; };
static AIO_CORO(cleans)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_SEC(30)));
    AIO_FINALLY;
    gate_close(&gate);
    news_expect(&begun);
    AIO_AWAIT(self->got, aio_to_thread(held, &self->here));
    CHECK(self->got == &self->here);
    note("cleaned %d", aio_coro_error(self));
    AIO_END;
}
CORO_TEST(in_cleanup, struct cleans *task; int error;)
{
    AIO_BEGIN;
    ran = 0;
    self->task = aio_create_task(aio_new(cleans));
    AIO_AWAIT(aio_sleep(0));
    aio_task_cancel(self->task);
    AIO_AWAIT(aio_sleep(0));
    AIO_AWAIT(&begun.came);
    aio_task_cancel(self->task);                        /* hurries it, and skips nothing */
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    CHECK(!aio_task_done(self->task));
    gate_open(&gate);
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("cleaned -125");
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

/* ------------------------------------------------------------------------------------ the close */

/* The main task ends while one job runs and others wait: those never run, that one is asked to end. It
   does when all have been told: a task that was made last hears of it last. */
CORO(opens,)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_SEC(30)));
    AIO_FINALLY;
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    gate_open(&gate);
    AIO_END;
}
CORO(closed_meanwhile, int i;)
{
    AIO_BEGIN;
    ran = saw_cancel = 0;
    gate_close(&gate);
    news_expect(&begun);
    CHECK_INT(aio_thread_limits(aio_loop_current(), 1, 0), 0);
    CHECK_INT(aio_spawn(aio_to_thread(held, NULL)), 0);
    for (; self->i < 10; self->i++)
        CHECK_INT(aio_spawn(self->i % 2 ? aio_any(aio_to_thread(count_run, NULL)) : aio_any(aio_new(wander))), 0);
    CHECK_INT(aio_spawn(aio_new(opens)), 0);
    AIO_AWAIT(&begun.came);
    AIO_END;
}
TEST(closed_meanwhile_waits)
{
    CHECK_INT(run(aio_new(closed_meanwhile)), 0);
    CHECK_INT(ran, 1);
    CHECK_INT(saw_cancel, 1);
}

/* A detached job that goes on: the close waits, then names it, and leaves its thread. */
struct lingers { AIO_FRAME(void); };
static AIO_JOB_DETACHED(lingers)
{
    gate_wait(&gate);
    atomic_add(&saw_cancel, aio_job_cancelled());
    atomic_add(&ran, 1);
    return 0;
}
struct leaves { AIO_FRAME(void); };
static AIO_CORO(leaves)
{
    AIO_BEGIN;
    gate_close(&gate);
    CHECK_INT(aio_thread_limits(aio_loop_current(), 2, AIO_MS(5)), 0);
    CHECK_INT(aio_spawn(aio_new(lingers)), 0);
    AIO_AWAIT(aio_to_thread(next, NULL));
    while (!gate_waiting(&gate))
        AIO_AWAIT(aio_sleep(AIO_US(100)));
    AIO_END;
}
TEST(left_behind)
{
    ran = saw_cancel = 0;
    CHECK_INT(net_run(__FILE__, __LINE__, open_fds(), aio_any(aio_new(leaves))), 0);
    CHECK_NOTES("[lingers does not end, and the loop is being closed 0]");
    CHECK(atomic_get(&ran) == 0 && __atomic_load_n(&live, __ATOMIC_ACQUIRE) > 0);
    gate_open(&gate);
    CHECK(all_free());                                  /* by the thread itself */
    CHECK_INT(atomic_get(&ran), 1);
    CHECK_INT(atomic_get(&saw_cancel), 1);
}

/* One that works on a frame is named too, but waited for. */
static void opening_report(struct aio_loop *loop, const struct aio_report *report)
{
    net_report(loop, report);
    gate_open(&gate);
}
CORO(insists,)
{
    AIO_BEGIN;
    gate_close(&gate);
    news_expect(&begun);
    aio_loop_current()->on_error = opening_report;
    CHECK_INT(aio_thread_limits(aio_loop_current(), 2, AIO_MS(2)), 0);
    CHECK_INT(aio_spawn(aio_to_thread(held, NULL)), 0);
    AIO_AWAIT(&begun.came);
    AIO_END;
}
TEST(waited_for_and_named)
{
    ran = 0;
    CHECK_INT(run(aio_new(insists)), 0);
    CHECK_INT(ran, 1);
    CHECK_NOTES("[held was cancelled, but its job runs on and is waited for 0]");
}

/* ----------------------------------------------------------------------------------- bad luck */

CORO_TEST(no_threads, struct aio_ptr *first; void *got; int error;)
{
    AIO_BEGIN;
    ran = 0;
    threads_left = 0;
    AIO_TRY(self->error, self->got, aio_to_thread(count_run, self));
    CHECK(self->error == AIO_EAGAIN && self->got == NULL && ran == 0);
    AIO_TRY(self->error, aio_new(wander));
    CHECK_INT(self->error, AIO_EAGAIN);
    threads_left = 1;
    gate_close(&gate);
    news_expect(&begun);
    self->first = aio_create_task(aio_to_thread(held, NULL));
    AIO_AWAIT(&begun.came);
    gate_open(&gate);
    AIO_AWAIT(self->got, aio_to_thread(count_run, self));       /* the one there is comes to it */
    CHECK(self->got == self);
    AIO_AWAIT(self->first);
    CHECK_INT(ran, 2);
    AIO_FINALLY;
    aio_release(self->first);
    AIO_END;
}

/* Everything, with each allocation failing in turn. */
struct everything { AIO_FRAME(void); struct aio_group group; struct stay *task; double d; void *got; };
static AIO_CORO(everything)
{
    AIO_BEGIN;
    gate_open(&gate);
    news_expect(&begun);
    AIO_AWAIT(self->got, aio_to_thread(next, self));
    CHECK(self->got == (char *)self + 1);
    AIO_AWAIT(self->d, aio_new(half, 3));
    AIO_AWAIT(self->d, aio_wait_for(aio_new(half, 3), AIO_SEC(30)));
    CHECK(self->d > 1.4 && self->d < 1.6);
    if (aio_group_open(&self->group, self, 0, 0) < 0 || aio_group_spawn(&self->group, aio_new(crowd, 1)) < 0 ||
        aio_group_spawn(&self->group, aio_new(fill, 1)) < 0)
        AIO_RAISE(AIO_ENOMEM);
    self->task = aio_create_task(aio_new(stay, 1));
    AIO_AWAIT(self->task);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}
TEST(out_of_memory)
{
    int error = -1;
    long n;
    for (n = 1; n < 200 && error; n++) {
        __atomic_store_n(&calls, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&fail_at, n, __ATOMIC_RELAXED);
        error = aio_run_with(&net_options, aio_new(everything));
        CHECK(error == 0 || error == AIO_ENOMEM, "%ld: %d", n, error);
        tap_text[0] = 0;                                /* a member that had no memory may be reported */
    }
    fail_at = 0;
    CHECK(error == 0 && n > 10, "%ld", n);
    CHECK(all_free());                                  /* the pool gives back when a loop has been closed */
}

/* A poller that cannot be woken. */
struct refused { AIO_FRAME(void); int error; void *got; };
static AIO_CORO(refused)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->got, aio_to_thread(next, self));
    CHECK(self->error == AIO_ENOTSUP && self->got == NULL);
    AIO_TRY(self->error, aio_new(wander));
    CHECK_INT(self->error, AIO_ENOTSUP);
    CHECK_INT(aio_thread_limits(aio_loop_current(), 1, 0), AIO_ENOTSUP);
    CHECK_INT(aio_thread_admit(aio_loop_current()), AIO_ENOTSUP);
    AIO_END;
}
TEST(no_wake)
{
    struct aio_options options = { .poller = aio_sim() };
    CHECK_INT(aio_run_with(&options, aio_new(refused)), 0);
    CHECK(all_free());
}

/* ------------------------------------------------------------------------- loops inside of jobs */

struct inner { AIO_FRAME(int); int n; double d; };
static AIO_CORO(inner)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_US(100)));
    AIO_AWAIT(self->d, aio_new(half, self->n * 2.0));   /* in threads of its own */
    AIO_RETURN((int)(self->d + 0.5) + 1);
    AIO_END;
}
struct nests { AIO_FRAME(int); int n; };
static AIO_JOB(nests)
{
    return aio_run(self->result, aio_new(inner, self->n));
}
struct nester { AIO_FRAME(void); int n, got; };
static AIO_CORO(nester)
{
    AIO_BEGIN;
    AIO_AWAIT(self->got, aio_new(nests, self->n));
    CHECK_INT(self->got, self->n + 1);
    AIO_END;
}
CORO_TEST(loops_in_jobs, struct aio_group group; int i;)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    for (; self->i < 20; self->i++)
        CHECK_INT(aio_group_spawn(&self->group, aio_new(nester, self->i)), 0);
    AIO_END;
}

/* A job that posts to its loop. */
struct poster { AIO_FRAME(void); struct news *news; int n; };
static AIO_JOB(poster)
{
    int i;
    for (i = 0; i < self->n; i++)
        news_tell(&self->news[i]);
    return 0;
}
CORO_TEST(posts_from_jobs, struct news news[20]; int i;)
{
    AIO_BEGIN;
    for (; self->i < 20; self->i++)
        news_expect(&self->news[self->i]);
    AIO_AWAIT(aio_new(poster, self->news, 20));
    for (self->i = 0; self->i < 20; self->i++)          /* posted before the end, so they are here before it */
        CHECK(aio_future_done(&self->news[self->i].came));
    AIO_END;
}

/* The same loop object, again and again: each has threads of its own. */
TEST(loops_one_after_another)
{
    struct aio_loop loop;
    int i;
    for (i = 0; i < 20; i++) {
        CHECK_INT(aio_loop_init_(&loop, &net_options, test_poller()), 0);
        CHECK_INT(aio_loop_run_until_complete(&loop, aio_new(half, 3)), 0);
        CHECK_INT(aio_loop_run_until_complete(&loop, aio_new(half, 3)), 0);
        CHECK_INT(aio_loop_close(&loop), 0);
    }
    CHECK(all_free());
}

/* ------------------------------------------------------------------------------ run_threadsafe */

static struct aio_loop *host;
struct add { AIO_FRAME(int); int a, b, error; aio_time sleep, cleanup; };
static AIO_CORO(add)
{
    AIO_BEGIN;
    self->result = -1;
    AIO_AWAIT(aio_sleep(self->sleep));
    if (self->error)
        AIO_RAISE(self->error);
    AIO_RETURN(self->a + self->b);
    AIO_FINALLY;
    if (self->cleanup)
        AIO_AWAIT(aio_sleep(self->cleanup));
    atomic_add(&ran, 1);
    AIO_END;
}

/* Runs a function of a test's in a thread beside the loop, as a job, so that the loop goes on till its end. */
#define VISIT(fn) AIO_AWAIT(aio_to_thread(fn, NULL))

static void *visits(void *arg)
{
    struct add slot;
    long sum = 0;
    CHECK_INT(aio_run_threadsafe(host, AIO_FOREVER, aio_place(&slot, add, 1, 2)), 0);
    CHECK_INT(slot.result, 3);
    CHECK_INT(aio_run_threadsafe(host, AIO_SEC(30), sum, aio_place(&slot, add, .a = 3, .b = 4, .sleep = AIO_MS(1))), 0);
    CHECK_INT(sum, 7);
    CHECK_INT(aio_run_threadsafe(host, AIO_SEC(30), sum, aio_place(&slot, add, .error = AIO_EPIPE)), AIO_EPIPE);
    CHECK_INT(sum, -1);
    return arg;
}
CORO_TEST(run_threadsafe,)
{
    AIO_BEGIN;
    host = aio_loop_current();
    VISIT(visits);
    AIO_END;
}

/* It is cancelled, and its cleanup waited for. A busy loop may not have begun with it in time; then it is
   given up, and another one gets longer. */
static void *visits_too_long(void *arg)
{
    struct add slot;
    int sum = 0, before = atomic_get(&ran);
    aio_time limit;
    for (limit = AIO_MS(2); sum == 0 && limit < AIO_SEC(20); limit *= 2)
        CHECK_INT(aio_run_threadsafe(host, limit, sum,
                                     aio_place(&slot, add, .sleep = AIO_SEC(50), .cleanup = AIO_MS(2))), AIO_ETIMEDOUT);
    CHECK_INT(sum, -1);
    CHECK_INT(atomic_get(&ran), before + 1);
    return arg;
}
CORO_TEST(run_threadsafe_timeout,)
{
    AIO_BEGIN;
    host = aio_loop_current();
    VISIT(visits_too_long);
    AIO_END;
}

/* A loop that does not run: what was not begun can be given up. It is not begun later, either. */
static void *visits_nobody(void *arg)
{
    struct add slot;
    int sum = 5;
    CHECK_INT(aio_run_threadsafe(host, AIO_MS(2), sum, aio_place(&slot, add, 1, 2)), AIO_ETIMEDOUT);
    CHECK_INT(sum, 0);
    CHECK_INT(aio_run_threadsafe(host, 0, aio_place(&slot, add, 1, 2)), AIO_ETIMEDOUT);
    return arg;
}
TEST(run_threadsafe_on_an_idle_loop)
{
    struct aio_loop loop;
    pthread_t thread;
    int i;
    ran = 0;
    host = &loop;
    for (i = 0; i < 2; i++) {
        CHECK_INT(aio_loop_init_(&loop, &net_options, test_poller()), 0);
        CHECK_INT(aio_thread_admit(&loop), 0);
        CHECK_INT(aio_thread_admit(&loop), 0);
        pthread_create(&thread, NULL, visits_nobody, NULL);
        pthread_join(thread, NULL);
        if (i)
            CHECK_INT(aio_loop_run_until_complete(&loop, aio_sleep(AIO_MS(1))), 0);
        CHECK_INT(aio_loop_close(&loop), 0);
    }
    CHECK_INT(ran, 0);
    CHECK(all_free());
}

/* Where it would wait for itself, or for nobody. */
static void *visits_closed(void *arg)
{
    struct add slot;
    int sum = 5;
    CHECK_INT(aio_run_threadsafe(host, AIO_FOREVER, sum, aio_place(&slot, add, 1, 2)), AIO_ESHUTDOWN);
    CHECK_INT(sum, 0);
    CHECK_INT(aio_run_threadsafe(host, AIO_FOREVER, sum, (struct add *)NULL), AIO_ENOMEM);
    return arg;
}
struct visits_itself { AIO_FRAME(void); struct add slot; int sum; };
static AIO_CORO(visits_itself)
{
    AIO_BEGIN;
    CHECK_INT(aio_run_threadsafe(aio_loop_current(), AIO_FOREVER, self->sum, aio_place(&self->slot, add, 1, 2)), AIO_EDEADLK);
    CHECK_INT(self->sum, 0);
    AIO_END;
}
TEST(run_threadsafe_refused)
{
    struct aio_loop loop;
    pthread_t thread;
    struct add slot;
    host = &loop;
    CHECK_INT(aio_loop_init_(&loop, &net_options, test_poller()), 0);
    pthread_create(&thread, NULL, visits_closed, NULL); /* nobody is let in */
    pthread_join(thread, NULL);
    CHECK_INT(aio_thread_admit(&loop), 0);
    CHECK_INT(aio_run_threadsafe(&loop, AIO_FOREVER, aio_place(&slot, add, 1, 2)), AIO_EDEADLK);
    CHECK_INT(aio_loop_run_until_complete(&loop, aio_new(visits_itself)), 0);
    CHECK_INT(aio_loop_close(&loop), 0);
    visits_closed(NULL);
    pthread_create(&thread, NULL, visits_closed, NULL);
    pthread_join(thread, NULL);
    CHECK(all_free());
}

/* The loop is closed while a thread waits: for a task that runs, and for one that has not begun. */
static int visit_error;
static void *visits_long(void *arg)
{
    struct add slot;
    gate_open(&other_gate);
    visit_error = aio_run_threadsafe(host, AIO_FOREVER, aio_place(&slot, add, .sleep = AIO_SEC(30), .cleanup = AIO_MS(1)));
    return arg;
}
CORO(closed_under_a_visit, int i;)
{
    AIO_BEGIN;
    while (aio_all_tasks(aio_loop_current(), NULL, 0) < 2)
        AIO_AWAIT(aio_sleep(AIO_US(100)));
    AIO_END;
}
TEST(run_threadsafe_and_close)
{
    struct aio_loop loop;
    pthread_t thread;
    int i;
    host = &loop;
    for (i = 0; i < 3; i++) {
        ran = 0;
        CHECK_INT(aio_loop_init_(&loop, &net_options, test_poller()), 0);
        CHECK_INT(aio_thread_admit(&loop), 0);
        gate_close(&other_gate);
        pthread_create(&thread, NULL, visits_long, NULL);
        gate_wait(&other_gate);
        if (i == 0)
            CHECK_INT(aio_loop_run_until_complete(&loop, aio_new(closed_under_a_visit)), 0);
        else if (i == 1)
            while (!__atomic_load_n(&loop.inbox, __ATOMIC_ACQUIRE))
                sched_yield();
        CHECK_INT(aio_loop_close(&loop), 0);            /* the third time, in a race */
        pthread_join(thread, NULL);
        CHECK(visit_error == (i == 0 ? AIO_ECANCELED : AIO_ESHUTDOWN), "%d: %d", i, visit_error);
        CHECK_INT(ran, i == 0);
    }
    CHECK(all_free());
}

/* Many threads visit until the loop is closed. */
static int visited;                     /* atomic */
static void *visits_often(void *arg)
{
    struct add slot;
    int sum, error, i;
    for (i = 0;; i++) {
        error = aio_run_threadsafe(host, i % 3 ? AIO_FOREVER : AIO_US(30), sum,
                                   aio_place(&slot, add, i, 1, .sleep = i % 2 ? 0 : AIO_US(50)));
        if (error == AIO_ESHUTDOWN)
            break;
        CHECK(error == 0 ? sum == i + 1 : error == AIO_ETIMEDOUT || error == AIO_ECANCELED, "%d", error);
        atomic_add(&visited, 1);
    }
    return arg;
}
CORO(until_visited,)
{
    AIO_BEGIN;
    while (atomic_get(&visited) < (slow() ? 50 : 500))
        AIO_AWAIT(aio_sleep(AIO_US(100)));
    AIO_END;
}
TEST(run_threadsafe_from_many)
{
    struct aio_loop loop;
    pthread_t threads[8];
    int i, round;
    host = &loop;
    for (round = 0; round < 3; round++) {
        visited = 0;
        CHECK_INT(aio_loop_init_(&loop, &net_options, test_poller()), 0);
        CHECK_INT(aio_thread_admit(&loop), 0);
        for (i = 0; i < 8; i++)
            pthread_create(&threads[i], NULL, visits_often, NULL);
        CHECK_INT(aio_loop_run_until_complete(&loop, aio_new(until_visited)), 0);
        CHECK_INT(aio_loop_close(&loop), 0);
        for (i = 0; i < 8; i++)
            pthread_join(threads[i], NULL);
    }
    CHECK(all_free());
}

/* A detached job calls into its loop while that is being closed. */
struct calls_back { AIO_FRAME(void); };
static AIO_JOB_DETACHED(calls_back)
{
    struct add slot;
    news_tell(&begun);
    while (!aio_job_cancelled())
        sched_yield();
    visit_error = aio_run_threadsafe(host, AIO_FOREVER, aio_place(&slot, add, 1, 2));
    return 0;
}
CORO(closing, int error;)
{
    AIO_BEGIN;
    host = aio_loop_current();
    news_expect(&begun);
    CHECK_INT(aio_spawn(aio_new(calls_back)), 0);
    AIO_AWAIT(&begun.came);
    AIO_END;
}
TEST(run_threadsafe_from_a_job_while_closing)
{
    visit_error = 0;
    CHECK_INT(run(aio_new(closing)), 0);
    CHECK_INT(visit_error, AIO_ESHUTDOWN);
}

/* ------------------------------------------------------------- the poller fails; it counts wakes */

static int wakes;                       /* atomic */
static bool poller_broken;
static int strange_wait(struct aio_loop *loop, aio_time timeout)
{
    return poller_broken ? AIO_EIO : test_poller()->wait(loop, timeout);
}
static void strange_wake(struct aio_loop *loop)
{
    atomic_add(&wakes, 1);
    test_poller()->wake(loop);
}
static struct aio_poller strange_poller;
static int strange_init(struct aio_loop *loop)
{
    strange_poller = *test_poller();
    strange_poller.wait = strange_wait;
    strange_poller.wake = strange_wake;
    poller_broken = false;
    wakes = 0;
    return aio_loop_init_(loop, &net_options, &strange_poller);
}

/* Tasks that wait for jobs, and a visitor, are lost with the poller; nobody hangs, nothing is touched. */
CORO(breaks_the_poller, struct aio_void *task;)
{
    AIO_BEGIN;
    gate_close(&gate);
    news_expect(&begun);
    CHECK_INT(aio_thread_limits(aio_loop_current(), 1, AIO_SEC(30)), 0);
    CHECK_INT(aio_spawn(aio_to_thread(until_cancelled, NULL)), 0);
    AIO_AWAIT(&begun.came);
    CHECK_INT(aio_spawn(aio_to_thread(count_run, NULL)), 0);
    while (aio_all_tasks(aio_loop_current(), NULL, 0) < 4)      /* the visitor's */
        AIO_AWAIT(aio_sleep(AIO_US(100)));
    poller_broken = true;
    AIO_AWAIT(aio_sleep(AIO_SEC(30)));
    AIO_END;
}
TEST(poller_fails)
{
    static struct aio_loop loop;
    pthread_t thread;
    long lost;
    ran = 0;
    host = &loop;
    CHECK_INT(strange_init(&loop), 0);
    loop.debug = 0;
    CHECK_INT(aio_thread_admit(&loop), 0);
    pthread_create(&thread, NULL, visits_long, NULL);
    CHECK_INT(aio_loop_run_until_complete(&loop, aio_new(breaks_the_poller)), AIO_EIO);
    CHECK_INT(aio_loop_close(&loop), AIO_EIO);
    pthread_join(thread, NULL);
    CHECK(visit_error == AIO_ESHUTDOWN || visit_error == AIO_ECANCELED, "%d", visit_error);
    CHECK(ran > 0);
    lost = live;                                        /* what unfinished tasks held is lost, as documented */
    CHECK(lost >= 0);
    __atomic_store_n(&live, 0, __ATOMIC_RELAXED);
    tap_text[0] = 0;
}

/* All posts arrive, each thread's in order, and a batch takes one wake. */
enum { POSTERS = 8 };
struct letter { struct aio_callback callback; int from, number; };
struct mail { struct letter *letters; int from, count; };
static int arrived[POSTERS], wrong, missing;
static void letter_arrives(struct aio_callback *callback)
{
    struct letter *letter = AIO_CONTAINER_(callback, struct letter, callback);
    wrong += letter->number != arrived[letter->from]++;
    if (--missing == 0)
        aio_loop_stop(callback->loop);
}
static void *posts_letters(void *arg)
{
    struct mail *mail = arg;
    int i;
    gate_wait(&gate);
    for (i = 0; i < mail->count; i++) {
        mail->letters[i].callback.fn = letter_arrives;
        mail->letters[i].from = mail->from;
        mail->letters[i].number = i;
        aio_loop_post(host, &mail->letters[i].callback);
    }
    return NULL;
}
static struct letter from_handler[100];
static int handled;                      /* atomic */
static void handler_letter_arrives(struct aio_callback *callback)
{
    (void)callback;
    arrived[POSTERS - 1]++;
}
static void posts_from_handler(int number)
{
    struct letter *letter = &from_handler[__atomic_fetch_add(&handled, 1, __ATOMIC_ACQ_REL)];
    (void)number;
    letter->callback.fn = handler_letter_arrives;
    aio_loop_post(host, &letter->callback);
}
TEST(posts)
{
    struct aio_loop loop;
    struct mail mail[POSTERS];
    pthread_t threads[POSTERS];
    int i, n = slow() ? 500 : 20000, turns = 0, ready;
    CHECK_INT(strange_init(&loop), 0);
    host = &loop;
    wrong = 0;
    missing = (POSTERS - 1) * n;
    gate_close(&gate);
    handled = 0;
    signal(SIGUSR1, posts_from_handler);
    memset(arrived, 0, sizeof arrived);
    for (i = 0; i < POSTERS - 1; i++) {
        mail[i].letters = calloc((size_t)n, sizeof *mail[i].letters);
        mail[i].from = i;
        mail[i].count = n;
        pthread_create(&threads[i], NULL, posts_letters, &mail[i]);
    }
    gate_open(&gate);
    for (i = 0; i < 100; i++)                           /* meanwhile, on any of the threads */
        pthread_kill(i % 2 ? pthread_self() : threads[i % (POSTERS - 1)], SIGUSR1);
    while (missing && (ready = aio_loop_turn(&loop, AIO_MS(5))) >= 0)
        turns++;
    for (i = 0; i < POSTERS - 1; i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(arrived[i], n);
        free(mail[i].letters);
    }
    while ((ready = aio_loop_turn(&loop, 0)) > 0)
        turns++;
    CHECK(handled > 0);                                 /* several of a kind are one */
    CHECK_INT(arrived[POSTERS - 1], handled);
    CHECK_INT(wrong, 0);
    turns += POSTERS * n / 64;                          /* a long turn looks every so often */
    CHECK(wakes <= 2 * turns, "%d wakes, %d looks", wakes, turns);
    signal(SIGUSR1, SIG_DFL);
    CHECK_INT(aio_loop_close(&loop), 0);
    CHECK(all_free());
}

TEST(one_wake_for_a_batch)
{
    struct aio_loop loop;
    struct mail mail = { NULL, 0, 1000 };
    pthread_t thread;
    int i, n;
    CHECK_INT(strange_init(&loop), 0);
    host = &loop;
    wrong = arrived[0] = 0;
    missing = 1000;
    mail.letters = calloc(1000, sizeof *mail.letters);
    gate_open(&gate);
    pthread_create(&thread, NULL, posts_letters, &mail);
    pthread_join(thread, NULL);
    CHECK_INT(wakes, 1);
    for (i = 0; i < 10 && missing; i++) {
        n = aio_loop_turn(&loop, AIO_SEC(5));
        CHECK(n > 0, "%d", n);
    }
    CHECK_INT(arrived[0], 1000);
    CHECK_INT(wrong, 0);
    free(mail.letters);
    CHECK_INT(aio_loop_close(&loop), 0);
}

/* Posts, writes, posts again. If the second post finds the first one still waiting, what it calls sees what was
   written; a loop that reads before it says that it may be posted again loses one in many thousands, if two processors
   are free. */
static unsigned written, read_last;      /* atomic */
static int rewriting;                    /* atomic */
static aio_time monotonic(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (aio_time)time.tv_sec * 1000000000 + time.tv_nsec;
}
static void read_written(struct aio_callback *callback)
{
    (void)callback;
    __atomic_store_n(&read_last, __atomic_load_n(&written, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}
static bool is_read(unsigned n)
{
    aio_time end = 0;
    unsigned looks;
    for (looks = 1; __atomic_load_n(&read_last, __ATOMIC_RELAXED) != n; looks++)
        if (looks % 0x10000 == 0) {
            sched_yield();
            end = end ? end : monotonic() + AIO_SEC(5);
            if (monotonic() > end)
                return false;
        }
    return true;
}
static void *rewrites(void *arg)
{
    static struct aio_callback callback = { .fn = read_written };
    aio_time end = monotonic() + (getenv("AIO_TEST_QUICK") || slow() || TSAN ? AIO_MS(500) : AIO_SEC(5));
    unsigned n = 0, random = 12345;
    volatile unsigned pause;
    bool came = true;
    while (came && monotonic() < end) {
        aio_loop_post(host, &callback);
        random = random * 1103515245u + 12345u;
        for (pause = (random >> 16) % 150; pause; pause--) { }
        __atomic_store_n(&written, ++n, __ATOMIC_RELAXED);
        aio_loop_post(host, &callback);
        came = is_read(n);
    }
    *(unsigned *)arg = n;
    __atomic_store_n(&rewriting, 0, __ATOMIC_RELEASE);
    return NULL;
}
CORO_TEST(no_post_is_lost, pthread_t thread; unsigned rounds;)
{
    AIO_BEGIN;
    host = aio_loop_current();
    written = read_last = 0;
    rewriting = 1;
    CHECK_INT(pthread_create(&self->thread, NULL, rewrites, &self->rounds), 0);
    while (atomic_get(&rewriting))
        AIO_AWAIT(aio_sleep(0));
    pthread_join(self->thread, NULL);
    CHECK(self->rounds > 0);
    CHECK_INT(__atomic_load_n(&read_last, __ATOMIC_RELAXED), self->rounds);
    AIO_END;
}

/* ---------------------------------------------------------------------------------------- fork */

/* The child has none of the threads, and makes its own. */
static int in_child(void)
{
    double d = 0;
    aio_after_fork();
    return aio_run(d, aio_new(half, 5)) == 0 && d > 2.4 && d < 2.6 ? 0 : 1;
}
CORO_TEST(forked, struct stay *task; pid_t child; int status;)
{
    AIO_BEGIN;
    if (TSAN)                                           /* which does not allow it */
        AIO_RETURN();
    gate_close(&gate);
    news_expect(&begun);
    self->task = aio_create_task(aio_new(stay, 5));
    AIO_AWAIT(&begun.came);
    self->child = fork();
    if (self->child == 0)
        _exit(in_child());
    CHECK(waitpid(self->child, &self->status, 0) == self->child && self->status == 0, "%d", self->status);
    gate_open(&gate);
    AIO_AWAIT(self->task);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

/* -------------------------------------------------------------------------------- broken promises */

static void *visits_with_a_pooled_one(void *arg)
{
    aio_run_threadsafe(host, AIO_FOREVER, aio_new(add, 1, 2));
    return arg;
}
CORO(breaks_promise, bool positive;)
{
    AIO_BEGIN;
    host = aio_loop_current();
    if (self->positive)
        AIO_AWAIT(aio_new(fails, 1));
    VISIT(visits_with_a_pooled_one);
    AIO_END;
}
/* Runs it in a child: what that said before it was aborted. */
static const char *dies(bool positive)
{
    static char text[1000];
    size_t n = 0;
    ssize_t got;
    int ends[2], status = 0;
    pid_t child;
    if (pipe(ends) < 0 || (child = fork()) < 0)
        return "no pipe or no process";
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], 2);
        aio_run(aio_new(breaks_promise, positive));
        _exit(0);
    }
    close(ends[1]);
    while (n < sizeof text - 1 && (got = read(ends[0], text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = 0;
    close(ends[0]);
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) || TSAN ? text : "it lived";
}
TEST(broken_promises)
{
    const char *text = dies(false);
    CHECK(strstr(text, "must be made by aio_place"), "%s", text);
    text = dies(true);
    CHECK(strstr(text, "'fails'") && strstr(text, "a job returns 0 or a negative error"), "%s", text);
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(to_thread), T(typed), T(traced), T(others_go_on), T(dumped), T(a_thousand_over_four),
        T(first_come_first_served), T(limits), T(signals_are_blocked), T(cancelled_before_it_begins),
        T(cancelled_itself), T(cancelled_in_the_queue), T(cancelled_while_it_runs), T(a_job_that_listens),
        T(cancelled_with_the_result_on_its_way), T(detached), T(detached_and_cancelled),
        T(detached_with_the_result_on_its_way), T(detached_and_timed_out), T(in_a_group), T(in_cleanup),
        T(closed_meanwhile_waits), T(left_behind), T(waited_for_and_named), T(no_threads), T(out_of_memory),
        T(no_wake), T(loops_in_jobs), T(posts_from_jobs), T(loops_one_after_another), T(run_threadsafe),
        T(run_threadsafe_timeout), T(run_threadsafe_on_an_idle_loop), T(run_threadsafe_refused),
        T(run_threadsafe_and_close), T(run_threadsafe_from_many), T(run_threadsafe_from_a_job_while_closing),
        T(posts), T(one_wake_for_a_batch), T(no_post_is_lost), T(forked), T(broken_promises), T(poller_fails));
}
