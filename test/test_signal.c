/* Signals as awaitables. */
#include "net.h"
#include <pthread.h>
#include <signal.h>

static volatile sig_atomic_t own_calls;
static void own_handler(int number)
{
    (void)number;
    own_calls++;
}
static void (*disposition(int number))(int)
{
    struct sigaction action;
    sigaction(number, NULL, &action);
    return action.sa_handler;
}

/* Sends a signal to the process after a while, so that it comes during the wait. */
struct sender { AIO_FRAME(void); int number; };
static AIO_CORO(sender)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_MS(2)));
    kill(getpid(), self->number);
    AIO_END;
}

CORO_TEST(during_the_wait, int number, i;)
{
    AIO_BEGIN;
    for (; self->i < 3; self->i++) {
        CHECK_INT(aio_spawn(aio_new(sender, SIGUSR1)), 0);
        AIO_AWAIT(self->number, aio_signal_wait(SIGUSR1));
        CHECK_INT(self->number, SIGUSR1);
    }
    AIO_END;
}

/* With nobody waiting it is remembered; several of a kind are one. */
CORO_TEST(between_two_waits, int number, error;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_wait_for(aio_signal_wait(SIGUSR1), 0));    /* not begun: nothing is installed */
    CHECK(disposition(SIGUSR1) == SIG_DFL);
    AIO_TRY(self->error, self->number, aio_wait_for(aio_signal_wait(SIGUSR1), AIO_MS(1)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_INT(self->number, 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    raise(SIGUSR1);
    AIO_AWAIT(self->number, aio_signal_wait(SIGUSR1));
    CHECK_INT(self->number, SIGUSR1);
    AIO_TRY(self->error, self->number, aio_wait_for(aio_signal_wait(SIGUSR1), AIO_MS(2)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    raise(SIGUSR1);                                     /* and it works on */
    AIO_AWAIT(self->number, aio_signal_wait(SIGUSR1));
    AIO_END;
}

CORO_TEST(two_waiters, struct aio_int *one, *two, *other; int error, number;)
{
    AIO_BEGIN;
    self->one = aio_create_task(aio_signal_wait(SIGUSR1));
    self->two = aio_create_task(aio_signal_wait(SIGUSR1));
    self->other = aio_create_task(aio_signal_wait(SIGUSR2));
    AIO_AWAIT(aio_sleep(0));
    raise(SIGUSR1);
    AIO_AWAIT(self->number, self->one);
    CHECK_INT(self->number, SIGUSR1);
    AIO_AWAIT(self->number, self->two);
    CHECK_INT(self->number, SIGUSR1);
    CHECK(!aio_task_done(self->other));
    AIO_TRY(self->error, aio_wait_for(aio_signal_wait(SIGUSR1), AIO_MS(1)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);              /* it was taken */
    raise(SIGUSR2);
    AIO_AWAIT(self->number, self->other);
    CHECK_INT(self->number, SIGUSR2);
    AIO_FINALLY;
    aio_release(self->one);
    aio_release(self->two);
    aio_release(self->other);
    AIO_END;
}

CORO_TEST(cancelled, struct aio_int *one, *two; int error, number;)
{
    AIO_BEGIN;
    self->one = aio_create_task(aio_signal_wait(SIGUSR1));
    self->two = aio_create_task(aio_signal_wait(SIGUSR1));
    AIO_AWAIT(aio_sleep(0));
    CHECK(aio_task_cancel(self->one));
    AIO_TRY(self->error, self->number, self->one);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(self->number, 0);
    CHECK(!aio_task_done(self->two));
    raise(SIGUSR1);                                     /* the other one still gets it */
    AIO_AWAIT(self->number, self->two);
    CHECK_INT(self->number, SIGUSR1);
    AIO_FINALLY;
    aio_release(self->one);
    aio_release(self->two);
    AIO_END;
}

/* Woken by the signal, and cancelled before it ran: it is not lost, the next wait gets it. But not if
   somebody else has got it, who was woken with it. */
struct rival { AIO_FRAME(void); struct aio_int *victim; };
static AIO_CORO(rival)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_signal_wait(SIGUSR1));
    CHECK(aio_task_cancel(self->victim));
    AIO_END;
}
CORO_TEST(cancelled_with_another, struct aio_int *victim; struct rival *rival; int error, number;)
{
    AIO_BEGIN;
    self->rival = aio_create_task(aio_new(rival));
    self->victim = aio_create_task(aio_signal_wait(SIGUSR1));
    self->rival->victim = self->victim;
    AIO_AWAIT(aio_sleep(0));
    raise(SIGUSR1);
    AIO_AWAIT(self->rival);
    AIO_TRY(self->error, self->number, self->victim);
    CHECK_INT(self->error, AIO_ECANCELED);
    AIO_TRY(self->error, aio_wait_for(aio_signal_wait(SIGUSR1), AIO_MS(2)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    AIO_FINALLY;
    aio_release(self->rival);
    aio_release(self->victim);
    AIO_END;
}

static struct aio_int *victim;
static void cancel_victim(struct aio_callback *callback)
{
    (void)callback;
    CHECK(aio_task_cancel(victim));
}
CORO_TEST(cancelled_after_the_wake, int error, number; struct aio_callback cancel;)
{
    AIO_BEGIN;
    victim = aio_create_task(aio_signal_wait(SIGUSR1));
    AIO_AWAIT(aio_sleep(0));
    self->cancel.fn = cancel_victim;
    raise(SIGUSR1);                                     /* posts its arrival, which wakes the victim */
    aio_loop_post(aio_loop_current(), &self->cancel);   /* next in the same turn; the victim runs after it */
    AIO_TRY(self->error, self->number, victim);
    CHECK_INT(self->error, AIO_ECANCELED);
    AIO_AWAIT(self->number, aio_wait_for(aio_signal_wait(SIGUSR1), AIO_SEC(1)));
    CHECK_INT(self->number, SIGUSR1);
    AIO_FINALLY;
    aio_release(victim);
    AIO_END;
}

/* ---------------------------------------------------------------------- what is refused */

static const int invalid[] = { 0, -1, INT_MIN, SIGKILL, SIGSTOP, 65, 1000, INT_MAX };
CORO_TEST(no_such_signal, size_t i; int error, number;)
{
    AIO_BEGIN;
    for (; self->i < sizeof invalid / sizeof *invalid; self->i++) {
        AIO_TRY(self->error, self->number, aio_signal_wait(invalid[self->i]));
        CHECK(self->error == AIO_EINVAL && self->number == 0, "%d: %d", invalid[self->i], self->error);
    }
    AIO_END;
}

/* -------------------------------------------------------------------- what was there before */

struct take { AIO_FRAME(void); int number; };
static AIO_CORO(take)
{
    AIO_BEGIN;
    raise(self->number);
    AIO_END;
}
struct use { AIO_FRAME(void); int number, got; struct aio_int *task; };
static AIO_CORO(use)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_signal_wait(self->number));
    AIO_AWAIT(aio_sleep(0));
    CHECK(disposition(self->number) != SIG_DFL && disposition(self->number) != SIG_IGN &&
          disposition(self->number) != own_handler);
    raise(self->number);
    AIO_AWAIT(self->got, self->task);
    CHECK_INT(self->got, self->number);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}
TEST(old_disposition_comes_back)
{
    int i;
    for (i = 0; i < 3; i++) {
        void (*before)(int) = i == 0 ? SIG_DFL : i == 1 ? SIG_IGN : own_handler;
        signal(SIGUSR1, before);
        CHECK_INT(run(aio_new(use, SIGUSR1)), 0);
        CHECK(disposition(SIGUSR1) == before);
    }
    CHECK_INT(own_calls, 0);
    CHECK_INT(run(aio_new(take, SIGUSR1)), 0);          /* a loop without a wait installs nothing */
    CHECK_INT(own_calls, 1);
    CHECK(disposition(SIGUSR1) == own_handler);
    signal(SIGUSR1, SIG_DFL);
}

/* A signal that came for nobody does not haunt the next loop. */
struct ignore { AIO_FRAME(void); int error; };
static AIO_CORO(ignore)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_wait_for(aio_signal_wait(SIGUSR1), AIO_US(500)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    raise(SIGUSR1);
    AIO_END;
}
TEST(loops_one_after_another)
{
    CHECK_INT(run(aio_new(ignore)), 0);
    CHECK_INT(run(aio_new(ignore)), 0);
    CHECK_INT(run(aio_new(use, SIGUSR1)), 0);
}

/* ------------------------------------------------------------------------------------ threads */

static int stage;                       /* atomic: what the threads wait for */
static void wait_for_stage(int n)
{
    while (__atomic_load_n(&stage, __ATOMIC_ACQUIRE) < n)
        usleep(200);
}
static void set_stage(int n) { __atomic_store_n(&stage, n, __ATOMIC_RELEASE); }

struct refused { AIO_FRAME(void); int error; };
static AIO_CORO(refused)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_signal_wait(SIGUSR1));
    CHECK_INT(self->error, AIO_EBUSY);
    AIO_END;
}
static void *refused_thread(void *arg)
{
    struct aio_loop loop;
    int error = aio_loop_init_(&loop, NULL, test_poller());
    if (!error)
        error = aio_loop_run_until_complete(&loop, aio_new(refused));
    aio_loop_close(&loop);
    set_stage(1);
    *(int *)arg = error;
    return NULL;
}
struct owner { AIO_FRAME(void); struct aio_int *task; pthread_t thread; int number, outcome; };
static AIO_CORO(owner)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_signal_wait(SIGUSR1));
    AIO_AWAIT(aio_sleep(0));
    set_stage(0);
    self->outcome = 1;
    CHECK_INT(pthread_create(&self->thread, NULL, refused_thread, &self->outcome), 0);
    pthread_join(self->thread, NULL);
    CHECK_INT(self->outcome, 0);
    raise(SIGUSR1);                                     /* it is still ours */
    AIO_AWAIT(self->number, self->task);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}
TEST(another_loop_has_it)
{
    CHECK_INT(run(aio_new(owner)), 0);
    CHECK_INT(run(aio_new(use, SIGUSR1)), 0);           /* and free again afterwards */
}

/* Two threads want the same signal at the same time: one gets it. */
static int winners, losers;             /* atomic */
struct racer { AIO_FRAME(void); int error; };
static AIO_CORO(racer)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_wait_for(aio_signal_wait(SIGUSR2), AIO_MS(20)));
    __atomic_add_fetch(self->error == AIO_EBUSY ? &losers : &winners, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&losers, __ATOMIC_ACQUIRE) + __atomic_load_n(&winners, __ATOMIC_ACQUIRE) < 2)
        AIO_AWAIT(aio_sleep(AIO_MS(1)));
    AIO_END;
}
static void *racer_thread(void *arg)
{
    wait_for_stage(1);
    *(int *)arg = aio_run(aio_new(racer));
    return NULL;
}
TEST(race_for_a_signal)
{
    pthread_t threads[2];
    int results[2], i, round;
    for (round = 0; round < 10; round++) {
        set_stage(0);
        winners = losers = 0;
        for (i = 0; i < 2; i++)
            pthread_create(&threads[i], NULL, racer_thread, &results[i]);
        set_stage(1);
        for (i = 0; i < 2; i++) {
            pthread_join(threads[i], NULL);
            CHECK_INT(results[i], 0);
        }
        CHECK_INT(winners, 1);
        CHECK_INT(losers, 1);
    }
    CHECK(disposition(SIGUSR2) == SIG_DFL);
}

/* The handler runs on another thread than the loop. */
static void *raising_thread(void *arg)
{
    (void)arg;
    pthread_kill(pthread_self(), SIGUSR1);
    return NULL;
}
CORO_TEST(from_another_thread, struct aio_int *task; pthread_t thread; int i, number;)
{
    AIO_BEGIN;
    for (; self->i < 20; self->i++) {
        self->task = aio_create_task(aio_signal_wait(SIGUSR1));
        AIO_AWAIT(aio_sleep(0));
        CHECK_INT(pthread_create(&self->thread, NULL, raising_thread, NULL), 0);
        AIO_AWAIT(self->number, self->task);
        CHECK_INT(self->number, SIGUSR1);
        pthread_join(self->thread, NULL);
        aio_release(self->task);
    }
    AIO_END;
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(during_the_wait), T(between_two_waits), T(two_waiters), T(cancelled),
        T(cancelled_with_another), T(cancelled_after_the_wake), T(no_such_signal), T(old_disposition_comes_back), T(loops_one_after_another),
        T(another_loop_has_it), T(race_for_a_signal), T(from_another_thread));
}
