/* What once went wrong and is in nobody's area: each test failed before its fix. */
#undef TEST_SHARED                      /* it has an implementation of its own */
#undef AIO_DEBUG                        /* its own reports would be among the notes */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "core.h"
#include <sys/wait.h>

struct nap { AIO_FRAME(void); aio_time span; };
static AIO_CORO(nap)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->span));
    AIO_END;
}

static void called(struct aio_callback *callback) { note("%s ", (const char *)callback->arg); }
static struct aio_callback callback_of(const char *name)
{
    struct aio_callback callback;
    memset(&callback, 0, sizeof callback);
    callback.fn = called;
    callback.arg = (void *)(uintptr_t)name;
    return callback;
}

/* Callbacks that are due are called on the way out; later ones may be cancelled and used again, though
   their loop is gone. */
TEST(callbacks_survive_their_loop)
{
    struct aio_callback soon = callback_of("soon"), later = callback_of("later");
    struct aio_loop loop;
    int i;
    for (i = 0; i < 2; i++) {
        CHECK_INT(aio_loop_init(&loop, &core_options), 0);
        CHECK_INT(aio_loop_call_soon(&loop, &soon), 0);
        CHECK_INT(aio_loop_call_later(&loop, &later, 100), 0);
        CHECK_INT(aio_loop_close(&loop), 0);
        memset(&loop, 0xa5, sizeof loop);
        CHECK_NOTES("soon ");
        CHECK(!aio_callback_cancel(&later));
    }
    CHECK_INT(core_live, 0);
}

static struct aio_callback ended, again, posted;
static void spawns(struct aio_callback *callback)
{
    CHECK_INT(aio_spawn(aio_new(nap, 5)), 0);
    called(callback);
}
struct watched { AIO_FRAME(void); struct aio_any *me; };
static AIO_CORO(watched)
{
    AIO_BEGIN;
    aio_add_done_callback(aio_current_task(), &ended);
    AIO_AWAIT(aio_sleep(5));
    CHECK_INT(aio_loop_call_soon(aio_loop_current(), &again), 0);
    aio_loop_post(aio_loop_current(), &posted);
    AIO_END;
}
/* The end of the main task is told, too, and what that starts is cancelled and waited for. */
TEST(callbacks_of_the_last_turn)
{
    ended = callback_of("ended");
    ended.fn = spawns;
    again = callback_of("again");
    posted = callback_of("posted");
    CHECK_INT(run(aio_new(watched)), 0);
    CHECK_NOTES("again ended posted ");
}

/* A finished task that has outlived its loop tells the loop that runs now. */
struct asks { AIO_FRAME(void); struct nap *old; struct aio_callback callback; };
static AIO_CORO(asks)
{
    AIO_BEGIN;
    self->callback = callback_of("done");
    aio_add_done_callback(self->old, &self->callback);
    CHECK(!aio_task_cancel(self->old));
    AIO_AWAIT(self->old);
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("done ");
    AIO_END;
}
TEST(callback_of_a_task_without_loop)
{
    struct aio_loop loop;
    struct nap *old;
    CHECK_INT(aio_loop_init(&loop, &core_options), 0);
    old = aio_loop_create_task(&loop, aio_new(nap, 5));
    CHECK_INT(aio_loop_run_until_complete(&loop, aio_new(nap, 10)), 0);
    CHECK_INT(aio_loop_close(&loop), 0);
    memset(&loop, 0xa5, sizeof loop);
    CHECK_INT(aio_run_with(&core_options, aio_new(asks, old)), 0);
    CHECK_STR(aio_task_name(old), "nap");
    aio_release(old);
    CHECK_INT(core_live, 0);
}

/* An owner that waits for a newer one of its groups hears of an error in an older one. */
struct fails { AIO_FRAME(void); };
static AIO_CORO(fails)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(10));
    AIO_RAISE(AIO_EIO);
    AIO_END;
}
struct two_groups { AIO_FRAME(void); struct aio_group older, newer; };
static AIO_CORO(two_groups)
{
    AIO_BEGIN;
    aio_group_open(&self->older, self, 0, 0);
    aio_group_open(&self->newer, self, 0, 0);
    CHECK_INT(aio_group_spawn(&self->older, aio_new(fails)), 0);
    CHECK_INT(aio_group_spawn(&self->newer, aio_new(nap, AIO_SEC(9))), 0);
    AIO_FINALLY;
    CHECK_INT(aio_now(), 10);
    AIO_END;
}
TEST(error_in_the_older_group) { CHECK_INT(run(aio_new(two_groups)), AIO_EIO); }

/* The same when the newer group is empty, or the failing one is the newer. */
struct other_groups { AIO_FRAME(void); struct aio_group older, newer; };
static AIO_CORO(other_groups)
{
    AIO_BEGIN;
    aio_group_open(&self->older, self, 0, 0);
    aio_group_open(&self->newer, self, 0, 0);
    CHECK_INT(aio_group_spawn(&self->older, aio_new(nap, AIO_SEC(9))), 0);
    CHECK_INT(aio_group_spawn(&self->newer, aio_new(fails)), 0);
    AIO_FINALLY;
    CHECK_INT(aio_now(), 10);
    AIO_END;
}
struct empty_group { AIO_FRAME(void); struct aio_group older, newer; };
static AIO_CORO(empty_group)
{
    AIO_BEGIN;
    aio_group_open(&self->older, self, 0, 0);
    aio_group_open(&self->newer, self, 0, 0);
    CHECK_INT(aio_group_spawn(&self->older, aio_new(nap, 20)), 0);
    CHECK_INT(aio_group_spawn(&self->older, aio_new(fails)), 0);
    AIO_FINALLY;
    CHECK_INT(aio_now(), 10);
    AIO_END;
}
TEST(error_beside_another_group)
{
    CHECK_INT(run(aio_new(other_groups)), AIO_EIO);
    CHECK_INT(run(aio_new(empty_group)), AIO_EIO);
}

/* Frames beyond the pool's largest class come from malloc (it indexed past its lists to find that out);
   the peak is of bytes at one time, not of all times. */
struct large { AIO_FRAME(void); char bytes[1500]; };
static AIO_CORO(large)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(1));
    AIO_END;
}
TEST(large_frames_and_the_peak)
{
    size_t peak;
    CHECK_INT(run(aio_new(large)), 0);
    peak = aio_pool_peak();
    CHECK(peak > 0);
    CHECK_INT(run(aio_new(large)), 0);
    CHECK_INT(run(aio_new(large)), 0);
    CHECK_INT(aio_pool_peak(), peak);
}

/* Where pointers have 32 bits, a timer's place in the heap has 16: there may be no more than fit. */
enum { MANY = 70000 };
static struct aio_callback many[MANY];
static int many_called;
static void count(struct aio_callback *callback)
{
    many_called++;
    (void)callback;
}
TEST(more_timers_than_half_a_word)
{
    struct aio_loop loop;
    int i, armed = 0, error = 0;
    CHECK_INT(aio_loop_init(&loop, &core_options), 0);
    for (i = 0; i < MANY && !error; i++) {
        many[i].fn = count;
        error = aio_loop_call_later(&loop, &many[i], i);
        armed += !error;
    }
    CHECK_INT(armed, sizeof(void *) > 4 ? MANY : 0x8000);
    CHECK_INT(error, sizeof(void *) > 4 ? 0 : AIO_ENOMEM);
    for (i = 0; i < armed; i += 2)
        CHECK(aio_callback_cancel(&many[i]));
    CHECK_INT(aio_loop_run_until_complete(&loop, aio_new(nap, MANY)), 0);
    CHECK_INT(many_called, armed / 2);
    CHECK_INT(aio_loop_close(&loop), 0);
    CHECK_INT(core_live, 0);
}

/* A task that could not be ended is lost with its loop; what it waited for may still happen. */
static AIO_FUTURE(int) outlives;
struct stubborn { AIO_FRAME(void); int error; };
static AIO_CORO(stubborn)
{
    AIO_BEGIN;
    AIO_CATCH(self->error, aio_shield(&outlives));
    CHECK_INT(self->error, AIO_ECANCELED);
    AIO_TRY(self->error, &outlives);
    note("never");
    AIO_END;
}
static void loses(int shield)
{
    struct aio_loop loop;
    struct stubborn *lost;
    memset(&outlives, 0, sizeof outlives);
    CHECK_INT(aio_loop_init(&loop, &core_options), 0);
    lost = aio_loop_create_task(&loop, aio_new(stubborn));
    CHECK_INT(aio_loop_run_until_complete(&loop, aio_new(nap, 0)), 0);
    CHECK_INT(aio_loop_close(&loop), AIO_EDEADLK);
    memset(&loop, 0xa5, sizeof loop);
    CHECK(!aio_task_done(lost));
    CHECK(!aio_task_cancel(lost));
    if (shield)
        CHECK(aio_future_cancel(&outlives));
    else
        CHECK_INT(aio_future_set_result(&outlives, 1), 0);
    _exit(tap_failed || tap_text[0]);               /* its memory is lost, too */
}
TEST(lost_tasks_are_not_woken)
{
    int i, status = -1;
    pid_t child;
    for (i = 0; i < 2; i++) {
        child = fork();
        if (child == 0)
            loses(i);
        CHECK(child > 0 && waitpid(child, &status, 0) == child);
        CHECK_INT(status, 0);
    }
}

/* A child that forgets the loops of its parent runs one of its own, also from inside a task. */
static int in_the_child(void)
{
    int error;
    aio_after_fork();
    error = aio_loop_current() ? 1 : aio_run_with(&core_options, aio_new(nap, 5));
    aio_after_fork();
    return error ? 1 : aio_run_with(&core_options, aio_new(two_groups)) != AIO_EIO;
}
struct forks { AIO_FRAME(void); struct nap *other; int status; };
static AIO_CORO(forks)
{
    pid_t child;
    AIO_BEGIN;
    self->other = aio_create_task(aio_new(nap, 5));
    AIO_AWAIT(aio_sleep(1));
    child = fork();
    if (child == 0)
        _exit(in_the_child());
    CHECK(child > 0 && waitpid(child, &self->status, 0) == child);
    CHECK_INT(self->status, 0);
    AIO_AWAIT(self->other);                         /* nothing has changed for the parent */
    CHECK_INT(aio_now(), 5);
    aio_release(self->other);
    AIO_END;
}
TEST(after_a_fork) { CHECK_INT(run(aio_new(forks)), 0); }

/* A member waits for its own group's owner, who is cancelled while it waits for the member. */
struct owner { AIO_FRAME(void); struct aio_group group; };
static AIO_DECLARE(owner);
static struct owner *owner_handle;
struct member_of { AIO_FRAME(void); int error; };
static AIO_CORO(member_of)
{
    AIO_BEGIN;
    AIO_CATCH(self->error, owner_handle);
    note("member %d ", self->error);
    AIO_END;
}
static AIO_CORO(owner)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    CHECK_INT(aio_group_spawn(&self->group, aio_new(member_of)), 0);
    AIO_END;
}
struct cancels_owner { AIO_FRAME(void); int error; };
static AIO_CORO(cancels_owner)
{
    AIO_BEGIN;
    owner_handle = aio_create_task(aio_new(owner));
    AIO_AWAIT(aio_sleep(1));
    aio_task_cancel(owner_handle);
    AIO_TRY(self->error, owner_handle);
    note("owner %d", self->error);
    AIO_FINALLY;
    aio_release(owner_handle);
    AIO_END;
}
TEST(member_waits_for_its_owner)
{
    CHECK_INT(run(aio_new(cancels_owner)), 0);
    CHECK_NOTES("member -125 owner -125");
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(member_waits_for_its_owner), T(callbacks_survive_their_loop), T(callbacks_of_the_last_turn),
        T(callback_of_a_task_without_loop), T(error_in_the_older_group), T(error_beside_another_group),
        T(large_frames_and_the_peak), T(more_timers_than_half_a_word), T(lost_tasks_are_not_woken),
        T(after_a_fork));
}
