/* Groups: members that do not outlive the coroutine that opened the group. */
#include "core.h"
#include <time.h>

enum { EFIRST = AIO_EUSER - 1, ESECOND = AIO_EUSER - 2, EBODY = AIO_EUSER - 3 };

struct member { AIO_FRAME(int); int id; aio_time sleep; int fail; const int *open; aio_time cleanup; };
static AIO_CORO(member)
{
    AIO_BEGIN;
    note("s%d ", self->id);
    AIO_AWAIT(aio_sleep(self->sleep));
    if (self->fail)
        AIO_RAISE(self->fail);
    note("e%d ", self->id);
    AIO_RETURN(self->id);
    AIO_FINALLY;
    if (self->cleanup)
        AIO_AWAIT(aio_sleep(self->cleanup));
    if (self->open)
        note("%s ", *self->open ? "open" : "CLOSED");
    note("f%d,%d ", self->id, aio_coro_error(self));
    AIO_END;
}
#define member(...) aio_new(member, __VA_ARGS__)
#define SPAWN(group, coroutine) CHECK_INT(aio_group_spawn((group), (coroutine)), 0)

/* ------------------------------------------------------------------------------------ leaving */

enum how { FALL, RETURN, RAISE, WAIT, FAILED_AWAIT };
struct owner { AIO_FRAME(int); enum how how; int fail, flags; aio_time cleanup; int open; struct aio_group group; };
static AIO_CORO(owner)
{
    AIO_BEGIN;
    CHECK_INT(aio_group_open(&self->group, self, 0, self->flags), 0);
    self->open = 1;
    SPAWN(&self->group, member(1, 10, self->fail, &self->open, self->cleanup));
    SPAWN(&self->group, member(2, 20, 0, &self->open, self->cleanup));
    CHECK_INT(aio_group_count(&self->group), 2);
    if (self->how == RETURN)
        AIO_RETURN(5);
    if (self->how == RAISE) {
        AIO_AWAIT(aio_sleep(1));
        AIO_RAISE(EBODY);
    }
    if (self->how == WAIT)
        AIO_AWAIT(aio_sleep(100));
    if (self->how == FAILED_AWAIT)
        AIO_AWAIT(member(3, 1, EBODY));
    self->result = 4;
    AIO_FINALLY;
    CHECK_INT(aio_group_count(&self->group), 0);
    note("close,%d ", aio_coro_error(self));
    self->open = 0;
    AIO_AWAIT(aio_sleep(1));
    note("closed ");
    AIO_END;
}

CORO_TEST(returns, int error, value;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->value, aio_new(owner, RETURN));
    CHECK_INT(self->value, 5);
    CHECK_INT(aio_now(), 21);                   /* the members have ended by themselves */
    CHECK_NOTES("s1 s2 e1 open f1,0 e2 open f2,0 close,0 closed ");
    AIO_AWAIT(self->value, aio_new(owner, FALL));
    CHECK_INT(self->value, 4);
    CHECK_NOTES("s1 s2 e1 open f1,0 e2 open f2,0 close,0 closed ");
    AIO_END;
}

CORO_TEST(raises, int error, value;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(owner, RAISE, .cleanup = 5));
    CHECK_INT(self->error, EBODY);
    CHECK_INT(aio_now(), 7);                    /* members were cancelled, and waited for */
    CHECK_NOTES("s1 s2 open f1,-125 open f2,-125 close,-10003 closed ");
    AIO_TRY(self->error, aio_new(owner, FAILED_AWAIT));
    CHECK_INT(self->error, EBODY);
    CHECK_NOTES("s3 s1 s2 f3,-10003 open f1,-125 open f2,-125 close,-10003 closed ");
    AIO_END;
}

CORO_TEST(cancelled, struct owner *owner; int error;)
{
    AIO_BEGIN;
    self->owner = aio_create_task(aio_new(owner, WAIT, .cleanup = 5));
    AIO_AWAIT(aio_sleep(2));
    CHECK(aio_task_cancel(self->owner));
    AIO_TRY(self->error, self->owner);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(aio_now(), 8);
    CHECK_NOTES("s1 s2 open f1,-125 open f2,-125 close,-125 closed ");
    aio_release(self->owner);
    AIO_END;
}

/* A cancel while settling cancels the members and goes on settling. */
CORO_TEST(cancelled_while_settling, struct owner *owner; int error, value;)
{
    AIO_BEGIN;
    self->owner = aio_create_task(aio_new(owner, RETURN, .cleanup = 5));
    AIO_AWAIT(aio_sleep(2));
    CHECK(aio_task_cancel(self->owner));
    AIO_TRY(self->error, self->value, self->owner);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(self->value, 5);                  /* the result stands */
    CHECK_INT(aio_now(), 8);
    CHECK_NOTES("s1 s2 open f1,-125 open f2,-125 close,-125 closed ");
    aio_release(self->owner);
    AIO_TRY(self->error, aio_wait_for(aio_new(owner, RETURN), 5));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_NOTES("s1 s2 open f1,-125 open f2,-125 close,-125 closed ");
    AIO_END;
}

/* TRY in the same task does not take the cancellation that came in while a child was settling. */
struct tries_owner { AIO_FRAME(void); enum how how; int error; };
static AIO_CORO(tries_owner)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(owner, self->how));
    note("went on ");
    AIO_END;
}

CORO_TEST(cancelled_while_settling_in_try, struct tries_owner *task; int how, error;)
{
    AIO_BEGIN;
    for (self->how = FALL; self->how <= WAIT; self->how += 3) {
        self->task = aio_create_task(aio_new(tries_owner, (enum how)self->how));
        AIO_AWAIT(aio_sleep(2));
        CHECK(aio_task_cancel(self->task));
        AIO_TRY(self->error, self->task);
        CHECK_INT(self->error, AIO_ECANCELED);
        CHECK_NOTES("s1 s2 open f1,-125 open f2,-125 close,-125 closed ");
        aio_release(self->task);
    }
    AIO_END;
}

struct no_finally { AIO_FRAME(int); struct aio_group group; };
static AIO_CORO(no_finally)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    SPAWN(&self->group, member(1, 5));
    AIO_RETURN(4);
    AIO_END;
}

struct in_finally { AIO_FRAME(int); int fail_body, fail_member; struct aio_group group; };
static AIO_CORO(in_finally)
{
    AIO_BEGIN;
    if (self->fail_body)
        AIO_RAISE(self->fail_body);
    AIO_RETURN(6);
    AIO_FINALLY;
    aio_group_open(&self->group, self, 0, 0);
    SPAWN(&self->group, member(1, 5, self->fail_member));
    note("last ");
    AIO_END;
}

CORO_TEST(without_finally_and_in_finally, int error, value;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->value, aio_new(no_finally));
    CHECK_INT(self->value, 4);
    CHECK_INT(aio_now(), 5);
    CHECK_NOTES("s1 e1 f1,0 ");
    AIO_AWAIT(self->value, aio_new(in_finally));
    CHECK_INT(self->value, 6);
    CHECK_INT(aio_now(), 10);
    CHECK_NOTES("last s1 e1 f1,0 ");
    AIO_TRY(self->error, self->value, aio_new(in_finally, .fail_member = EFIRST));
    CHECK_INT(self->error, EFIRST);
    CHECK_INT(self->value, 6);
    CHECK_NOTES("last s1 f1,-10001 ");
    AIO_TRY(self->error, self->value, aio_new(in_finally, .fail_body = EBODY));
    CHECK_INT(self->error, EBODY);              /* leaving with an error: the member is cancelled */
    CHECK_NOTES("last f1,-125 ");
    AIO_END;
}

/* Newest first. */
struct two_groups { AIO_FRAME(void); int fail; struct aio_group a, b; };
static AIO_CORO(two_groups)
{
    AIO_BEGIN;
    aio_group_open(&self->a, self, 0, 0);
    aio_group_open(&self->b, self, 0, 0);
    SPAWN(&self->a, member(1, 100, .cleanup = 1));
    SPAWN(&self->b, member(2, 100, .cleanup = 5));
    AIO_AWAIT(aio_sleep(1));
    AIO_RAISE(EBODY);
    AIO_END;
}

CORO_TEST(newest_first, int error;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(two_groups));
    CHECK_INT(self->error, EBODY);
    CHECK_NOTES("s1 s2 f2,-125 f1,-125 ");
    AIO_END;
}

/* ------------------------------------------------------------------------------ members' errors */

CORO_TEST(member_fails, int error, value; aio_time began;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->value, aio_new(owner, RETURN, .fail = EFIRST));      /* while settling */
    CHECK_INT(self->error, EFIRST);
    CHECK_INT(self->value, 5);
    CHECK_INT(aio_now(), 11);
    CHECK_NOTES("s1 s2 open f1,-10001 open f2,-125 close,-10001 closed ");
    self->began = aio_now();
    AIO_TRY(self->error, self->value, aio_new(owner, WAIT, .fail = EFIRST, .cleanup = 3)); /* interrupts the body */
    CHECK_INT(self->error, EFIRST);
    CHECK_INT(self->value, 0);
    CHECK_INT(aio_now() - self->began, 17);
    CHECK_NOTES("s1 s2 open f1,-10001 open f2,-125 close,-10001 closed ");
    CHECK_INT(aio_task_cancelling(self), 0);    /* the request was the group's, and is withdrawn */
    AIO_AWAIT(aio_sleep(1));
    AIO_END;
}

struct catches { AIO_FRAME(int); char how; int error; struct aio_group group; };
static AIO_CORO(catches)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    SPAWN(&self->group, member(1, 5, EFIRST));
    if (self->how == 'c')
        AIO_CATCH(self->error, aio_sleep(100));
    else
        AIO_TRY(self->error, aio_sleep(100));
    note("%d@%d ", self->error, (int)aio_now());
    AIO_FINALLY;
    note("out %d ", aio_coro_error(self));
    AIO_END;
}

CORO_TEST(interruption, int error;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(catches, 'c'));
    CHECK_INT(self->error, EFIRST);             /* it comes out on leaving all the same */
    CHECK_NOTES("s1 f1,-10001 -125@5 out -10001 ");
    AIO_TRY(self->error, aio_new(catches, 't'));
    CHECK_INT(self->error, EFIRST);             /* to TRY it is like a cancellation of one's own */
    CHECK_NOTES("s1 f1,-10001 out -10001 ");
    AIO_END;
}

struct two_fail { AIO_FRAME(int); struct aio_group group; };
static AIO_CORO(two_fail)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    SPAWN(&self->group, member(1, 10, ESECOND));
    SPAWN(&self->group, member(2, 5, EFIRST));
    SPAWN(&self->group, member(3, 5, ESECOND));
    AIO_END;
}

CORO_TEST(first_error_comes_out, int error;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(two_fail));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("s1 s2 s3 f2,-10001 f3,-125 f1,-125 ");
    AIO_END;
}

/* A member that is cancelled, by itself or from outside, is no error. */
struct member_cancelled { AIO_FRAME(int); struct aio_group group; struct member *member; };
static AIO_CORO(member_cancelled)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    self->member = aio_group_create_task(&self->group, member(1, 100));
    SPAWN(&self->group, member(2, 5));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->member));
    AIO_RETURN(3);
    AIO_END;
}

CORO_TEST(cancelled_member, int value;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->value, aio_new(member_cancelled));
    CHECK_INT(self->value, 3);
    CHECK_NOTES("s1 s2 f1,-125 e2 f2,0 ");
    AIO_END;
}

CORO_TEST(keep_going, int error, value;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->value, aio_new(owner, RETURN, .fail = EFIRST, .flags = AIO_GROUP_KEEP_GOING));
    CHECK_INT(self->error, 0);
    CHECK_INT(self->value, 5);
    CHECK_NOTES("s1 s2 open f1,-10001 [member failed -10001]e2 open f2,0 close,0 closed ");
    AIO_TRY(self->error, self->value, aio_new(owner, WAIT, .fail = EFIRST, .flags = AIO_GROUP_KEEP_GOING));
    CHECK_INT(self->error, 0);
    CHECK_INT(self->value, 4);                  /* the body was left alone */
    CHECK_NOTES("s1 s2 open f1,-10001 [member failed -10001]e2 open f2,0 close,0 closed ");
    AIO_END;
}

/* Cancelled from outside, and then a member fails while it is cleaning up: the error comes out, and the
   request still stands. */
struct cleanup_fails { AIO_FRAME(void); };
static AIO_CORO(cleanup_fails)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_FOREVER));
    AIO_FINALLY;
    AIO_RAISE(EFIRST);
    AIO_END;
}
struct owns_cleanup_fails { AIO_FRAME(void); struct aio_group group; };
static AIO_CORO(owns_cleanup_fails)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    SPAWN(&self->group, aio_new(cleanup_fails));
    AIO_AWAIT(aio_sleep(AIO_FOREVER));
    AIO_END;
}
struct goes_on { AIO_FRAME(void); int error; };
static AIO_CORO(goes_on)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(owns_cleanup_fails));
    note("%d ", self->error);
    AIO_AWAIT(aio_sleep(10));                   /* strikes here */
    note("never ");
    AIO_END;
}

CORO_TEST(cancel_and_error, struct goes_on *task; struct owns_cleanup_fails *direct; int error;)
{
    AIO_BEGIN;
    self->direct = aio_create_task(aio_new(owns_cleanup_fails));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->direct));
    AIO_TRY(self->error, self->direct);
    CHECK_INT(self->error, EFIRST);
    aio_release(self->direct);
    self->task = aio_create_task(aio_new(goes_on));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("-10001 ");
    aio_release(self->task);
    AIO_END;
}

/* The body is interrupted, and then cancelled from outside while the members clean up: as above. */
struct interrupted { AIO_FRAME(void); struct aio_group group; };
static AIO_CORO(interrupted)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    SPAWN(&self->group, member(1, 5, EFIRST));
    SPAWN(&self->group, member(2, 100, .cleanup = 10));
    AIO_AWAIT(aio_sleep(100));
    AIO_FINALLY;
    note("out %d ", aio_coro_error(self));
    AIO_END;
}
struct tries_interrupted { AIO_FRAME(void); int error; };
static AIO_CORO(tries_interrupted)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(interrupted));
    note("%d ", self->error);
    AIO_AWAIT(aio_sleep(1));
    note("never ");
    AIO_END;
}

CORO_TEST(interrupted_and_cancelled, struct tries_interrupted *task; struct interrupted *direct; int error;)
{
    AIO_BEGIN;
    self->direct = aio_create_task(aio_new(interrupted));
    AIO_AWAIT(aio_sleep(8));
    CHECK_NOTES("s1 s2 f1,-10001 ");
    CHECK(aio_task_cancel(self->direct));
    AIO_TRY(self->error, self->direct);
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("f2,-125 out -10001 ");
    aio_release(self->direct);
    self->task = aio_create_task(aio_new(tries_interrupted));
    AIO_AWAIT(aio_sleep(8));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("s1 s2 f1,-10001 f2,-125 out -10001 -10001 ");
    aio_release(self->task);
    AIO_END;
}

/* ---------------------------------------------------------------------------------------- limit */

static int running, most;
struct limited { AIO_FRAME(void); int id; aio_time sleep; };
static AIO_CORO(limited)
{
    AIO_BEGIN;
    running++;
    if (running > most)
        most = running;
    note("%d@%d ", self->id, (int)aio_now());
    AIO_AWAIT(aio_sleep(self->sleep));
    running--;
    AIO_FINALLY;
    note("f%d ", self->id);
    AIO_END;
}
struct limits { AIO_FRAME(void); unsigned limit; int n; int i; struct aio_group group; };
static AIO_CORO(limits)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, self->limit, 0);
    for (self->i = 0; self->i < self->n; self->i++)
        SPAWN(&self->group, aio_new(limited, self->i, 10));
    CHECK_INT(aio_group_count(&self->group), self->n);
    AIO_AWAIT(aio_group_join(&self->group));
    CHECK_INT(aio_group_count(&self->group), 0);
    AIO_END;
}

CORO_TEST(limit, int i;)
{
    AIO_BEGIN;
    running = most = 0;
    AIO_AWAIT(aio_new(limits, 2, 5));
    CHECK_INT(most, 2);
    CHECK_NOTES("0@0 1@0 f0 f1 2@10 3@10 f2 f3 4@20 f4 ");      /* first in, first out */
    most = 0;
    AIO_AWAIT(aio_new(limits, 1, 3));
    CHECK_INT(most, 1);
    CHECK_NOTES("0@30 f0 1@40 f1 2@50 f2 ");
    for (self->i = 0; self->i < 2; self->i++) {
        most = 0;
        AIO_AWAIT(aio_new(limits, self->i ? 100 : 0, 50));
        CHECK_INT(most, 50);
        tap_text[0] = 0;
    }
    AIO_END;
}

/* Members that the limit holds back are cancelled like others: only their FINALLY runs. */
CORO_TEST(held_are_cancelled, struct limits *task; int error;)
{
    AIO_BEGIN;
    running = most = 0;
    self->task = aio_create_task(aio_new(limits, 2, 5));
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("0@0 1@0 ");
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("f0 f1 f2 f3 f4 ");
    aio_release(self->task);
    AIO_END;
}

struct cancels_held { AIO_FRAME(void); struct limited *members[4]; int i; struct aio_group group; };
static AIO_CORO(cancels_held)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 1, 0);
    for (self->i = 0; self->i < 4; self->i++)
        self->members[self->i] = aio_group_create_task(&self->group, aio_new(limited, self->i, 10));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->members[2]));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancelled(self->members[2]));
    CHECK_INT(aio_group_count(&self->group), 3);
    AIO_END;
}

CORO_TEST(one_held_is_cancelled,)
{
    AIO_BEGIN;
    running = most = 0;
    AIO_AWAIT(aio_new(cancels_held));
    CHECK_INT(most, 1);
    CHECK_NOTES("0@0 f2 f0 1@10 f1 3@20 f3 ");
    AIO_END;
}

/* ----------------------------------------------------------------------------- join, spawn, codes */

struct joins { AIO_FRAME(int); struct aio_group group; int error; };
static AIO_CORO(joins)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_group_join(&self->group));    /* never opened: at once */
    aio_group_open(&self->group, self, 0, 0);
    AIO_AWAIT(aio_group_join(&self->group));    /* empty: at once */
    SPAWN(&self->group, member(1, 5));
    AIO_AWAIT(aio_group_join(&self->group));
    note("joined@%d ", (int)aio_now());
    SPAWN(&self->group, member(2, 5));          /* it may be used again */
    SPAWN(&self->group, member(3, 5, EFIRST));
    SPAWN(&self->group, member(4, 100));
    AIO_TRY(self->error, aio_group_join(&self->group));
    note("join %d ", self->error);
    CHECK_INT(aio_group_spawn(&self->group, member(5, 1)), AIO_ESHUTDOWN);
    AIO_AWAIT(aio_sleep(1));                    /* was not interrupted: it had been waiting for the group */
    AIO_RETURN(2);
    AIO_END;
}

CORO_TEST(join, int error, value;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->value, aio_new(joins));
    CHECK_INT(self->error, 0);                  /* told once, by the join */
    CHECK_INT(self->value, 2);
    CHECK_NOTES("s1 e1 f1,0 joined@5 s2 s3 s4 e2 f2,0 f3,-10001 f4,-125 join -10001 ");
    AIO_END;
}

/* Members start members while the owner joins, or is on its way out. */
struct breeds { AIO_FRAME(void); struct aio_group *group; int n; };
static AIO_CORO(breeds)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(1));
    note("%d ", self->n);
    if (self->n)
        SPAWN(self->group, aio_new(breeds, self->group, self->n - 1));
    AIO_END;
}
struct owns_breeds { AIO_FRAME(void); int join; struct aio_group group; };
static AIO_CORO(owns_breeds)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    SPAWN(&self->group, aio_new(breeds, &self->group, 3));
    if (self->join)
        AIO_AWAIT(aio_group_join(&self->group));
    note("body ");
    AIO_FINALLY;
    note("out ");
    AIO_END;
}

CORO_TEST(late_members,)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(owns_breeds, 1));
    CHECK_NOTES("3 2 1 0 body out ");
    AIO_AWAIT(aio_new(owns_breeds, 0));
    CHECK_NOTES("body 3 2 1 0 out ");
    AIO_END;
}

/* A member that joined would wait for itself, and so would a member's member, in whatever way it asks. */
struct joins_own { AIO_FRAME(void); struct aio_group *group; int depth, error; struct aio_group inner; };
static AIO_CORO(joins_own)
{
    AIO_BEGIN;
    if (self->depth) {
        aio_group_open(&self->inner, self, 0, 0);
        SPAWN(&self->inner, aio_new(joins_own, self->group, self->depth - 1));
        AIO_AWAIT(aio_group_join(&self->inner));
    }
    AIO_TRY(self->error, aio_group_join(self->group));
    note("%d,%d ", self->depth, self->error);
    AIO_TRY(self->error, aio_wait_for(aio_group_join(self->group), 5));
    CHECK_INT(self->error, AIO_EDEADLK);
    AIO_ALL(aio_sleep(1), aio_group_join(self->group));
    note("never ");
    AIO_FINALLY;
    note("%d ", aio_coro_error(self));
    AIO_END;
}
struct waits_group { AIO_FRAME(void); struct aio_group *group; };
static AIO_CORO(waits_group)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_group_join(self->group));
    note("other@%d ", (int)aio_now());
    AIO_END;
}
CORO_TEST(joined_by_members, struct aio_group group, watchers; int error;)
{
    AIO_BEGIN;
    aio_group_open(&self->watchers, self, 0, 0);
    aio_group_open(&self->group, self, 0, AIO_GROUP_KEEP_GOING);
    SPAWN(&self->group, aio_new(joins_own, &self->group, 0));
    AIO_AWAIT(aio_group_join(&self->group));
    CHECK_NOTES("0,-35 -35 [joins_own failed -35]");
    SPAWN(&self->group, aio_new(joins_own, &self->group, 2));
    AIO_AWAIT(aio_group_join(&self->group));
    CHECK_NOTES("0,-35 -35 -35 -35 [joins_own failed -35]");
    SPAWN(&self->group, member(1, 3));
    SPAWN(&self->watchers, aio_new(waits_group, &self->group));     /* not its member: waits */
    AIO_ALL(aio_group_join(&self->group), aio_group_join(&self->group));    /* nor are these */
    AIO_AWAIT(aio_group_join(&self->watchers));
    CHECK_NOTES("s1 e1 f1,0 other@3 ");
    AIO_END;
}

/* All that failed, in the order in which they did. */
struct failures { AIO_FRAME(void); int flags, error; struct aio_group group; };
static void note_errors(const struct aio_group *group)
{
    size_t i;
    for (i = 0; aio_group_error(group, i); i++)
        note("#%d ", aio_group_error(group, i));
    CHECK_INT(aio_group_error(group, i + 1), 0);
    CHECK_INT(aio_group_error(group, (size_t)-1), 0);
}
struct fails_twice { AIO_FRAME(void); aio_time sleep; int error, late; };
static AIO_CORO(fails_twice)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->sleep));
    AIO_RAISE(self->error);
    AIO_FINALLY;
    if (self->late)
        AIO_RAISE(self->late);
    AIO_END;
}
static AIO_CORO(failures)
{
    AIO_BEGIN;
    CHECK_INT(aio_group_error(&self->group, 0), 0);
    aio_group_open(&self->group, self, 0, self->flags);
    CHECK_INT(aio_group_error(&self->group, 0), 0);
    SPAWN(&self->group, aio_new(fails_twice, 9, EBODY));
    SPAWN(&self->group, aio_new(fails_twice, 2, ESECOND));
    SPAWN(&self->group, aio_new(fails_twice, 9, EBODY, ESECOND));
    SPAWN(&self->group, aio_new(fails_twice, 1, EFIRST));
    SPAWN(&self->group, aio_sleep(3));
    AIO_TRY(self->error, aio_group_join(&self->group));
    note("join %d ", self->error);
    note_errors(&self->group);
    AIO_FINALLY;
    CHECK_INT(aio_group_error(&self->group, 0), EFIRST);
    AIO_END;
}
CORO_TEST(errors, int error;)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(failures));
    CHECK_NOTES("join -10001 #-10001 #-10002 ");
    AIO_AWAIT(aio_new(failures, AIO_GROUP_KEEP_GOING));
    CHECK_NOTES("[fails_twice failed -10001][fails_twice failed -10002][fails_twice failed -10003]"
                "[fails_twice failed -10002]join 0 #-10001 #-10002 #-10003 #-10002 ");
    AIO_END;
}

/* The owner's body stands elsewhere: all that failed can be read in its cleanup. */
struct elsewhere { AIO_FRAME(void); struct aio_group group; };
static AIO_CORO(elsewhere)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    SPAWN(&self->group, aio_new(fails_twice, 9, EBODY, ESECOND));
    SPAWN(&self->group, aio_new(fails_twice, 1, EFIRST));
    SPAWN(&self->group, aio_new(fails_twice, 9, EBODY, EBODY));
    AIO_AWAIT(aio_sleep(100));
    AIO_FINALLY;
    note("out %d ", aio_coro_error(self));
    note_errors(&self->group);
    CHECK_INT(aio_group_spawn(&self->group, member(1, 1)), AIO_ESHUTDOWN);  /* aborted */
    AIO_END;
}
CORO_TEST(errors_elsewhere, int error;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(elsewhere));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("out -10001 #-10001 #-10002 #-10003 ");
    AIO_END;
}

/* Refused from the moment on at which one has failed, also to the members that are still cleaning up. */
struct spawns_late { AIO_FRAME(void); struct aio_group *group; };
static AIO_CORO(spawns_late)
{
    AIO_BEGIN;
    SPAWN(self->group, member(1, 1));
    AIO_AWAIT(aio_sleep(50));
    AIO_FINALLY;
    CHECK_INT(aio_group_spawn(self->group, member(2, 1)), AIO_ESHUTDOWN);
    CHECK(!aio_group_create_task(self->group, member(3, 1)));
    AIO_AWAIT(aio_sleep(5));
    CHECK_INT(aio_group_spawn(self->group, member(4, 1)), AIO_ESHUTDOWN);
    AIO_END;
}
struct aborts { AIO_FRAME(void); struct aio_group group; };
static AIO_CORO(aborts)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 2, 0);
    SPAWN(&self->group, aio_new(spawns_late, &self->group));
    SPAWN(&self->group, aio_new(fails_twice, 2, EFIRST));
    AIO_END;
}
CORO_TEST(aborting, int error;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(aborts));
    CHECK_INT(self->error, EFIRST);
    CHECK_INT(aio_now(), 7);
    CHECK_NOTES("f1,-125 ");                    /* the limit held it back until it was cancelled */
    AIO_END;
}

/* With a deadline, the join is cancelled; the members are not, until the owner leaves. */
struct joins_late { AIO_FRAME(void); struct aio_group group; int error; };
static AIO_CORO(joins_late)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    SPAWN(&self->group, member(1, 20));
    AIO_TRY(self->error, aio_wait_for(aio_group_join(&self->group), 5));
    note("%d ", self->error);
    CHECK_INT(aio_group_count(&self->group), 1);
    AIO_END;
}

CORO_TEST(join_in_time,)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(joins_late));
    CHECK_INT(aio_now(), 20);
    CHECK_NOTES("s1 -110 e1 f1,0 ");
    AIO_END;
}

CORO_TEST(refused, struct aio_group group; struct member *nothing;)
{
    AIO_BEGIN;
    CHECK_INT(aio_group_count(&self->group), 0);
    aio_group_cancel(&self->group);             /* zeroed: nothing happens */
    CHECK_INT(aio_group_spawn(&self->group, member(1, 1)), AIO_EINVAL);     /* never opened */
    CHECK(aio_group_create_task(&self->group, member(1, 1)) == NULL);
    CHECK_INT(aio_group_open(&self->group, self, 0, 0), 0);
    CHECK_INT(aio_group_open(&self->group, self, 0, 0), AIO_EBUSY);
    CHECK_INT(aio_group_spawn(&self->group, self->nothing), AIO_ENOMEM);
    CHECK(aio_group_create_task(&self->group, self->nothing) == NULL);
    SPAWN(&self->group, aio_sleep(3));
    SPAWN(&self->group, aio_sleep(0));
    SPAWN(&self->group, member(1, 100));
    AIO_AWAIT(aio_sleep(1));
    aio_group_cancel(&self->group);
    CHECK_INT(aio_group_spawn(&self->group, member(2, 1)), AIO_ESHUTDOWN);  /* cancelled */
    CHECK(aio_group_create_task(&self->group, member(2, 1)) == NULL);
    AIO_AWAIT(aio_group_join(&self->group));    /* that is no error */
    CHECK_INT(aio_now(), 1);
    CHECK_NOTES("s1 f1,-125 ");
    AIO_END;
}

struct forgets { AIO_FRAME(void); struct aio_group *group; };
static AIO_CORO(forgets)
{
    AIO_BEGIN;
    aio_group_open(self->group, self, 0, 0);
    SPAWN(self->group, member(1, 1));
    AIO_END;
}

CORO_TEST(owner_has_ended, struct aio_group group;)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(forgets, &self->group));
    CHECK_INT(aio_group_spawn(&self->group, member(2, 1)), AIO_ESHUTDOWN);
    CHECK_INT(aio_group_count(&self->group), 0);
    AIO_AWAIT(aio_group_join(&self->group));
    CHECK_NOTES("s1 e1 f1,0 ");
    CHECK_INT(aio_group_open(&self->group, self, 0, 0), 0);         /* and may be opened again */
    SPAWN(&self->group, member(3, 1));
    AIO_AWAIT(aio_group_join(&self->group));
    CHECK_NOTES("s3 e3 f3,0 ");
    AIO_END;
}

/* Handles from aio_group_create_task can be read until the owner ends. */
struct reads { AIO_FRAME(int); int flags; struct member *a, *b; struct aio_group group; int value, error; };
static AIO_CORO(reads)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, self->flags);
    self->a = aio_group_create_task(&self->group, member(1, 5));
    self->b = aio_group_create_task(&self->group, member(2, 6, self->flags ? EFIRST : 0));
    AIO_AWAIT(self->value, self->a);            /* a member can be awaited */
    CHECK_INT(self->value, 1);
    AIO_AWAIT(aio_group_join(&self->group));
    AIO_AWAIT(aio_sleep(10));
    CHECK(aio_task_done(self->a) && aio_task_done(self->b));
    CHECK_INT(self->a->result, 1);
    CHECK_INT(self->a->id, 1);
    CHECK_INT(aio_task_error(self->b), self->flags ? EFIRST : 0);
    AIO_FINALLY;
    CHECK_INT(self->a->result, 1);
    CHECK_INT(self->b->id, 2);
    AIO_END;
}

CORO_TEST(handles, int error;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(reads, 0));
    CHECK_INT(self->error, 0);
    CHECK_NOTES("s1 s2 e1 f1,0 e2 f2,0 ");
    AIO_TRY(self->error, aio_new(reads, AIO_GROUP_KEEP_GOING));
    CHECK_INT(self->error, 0);
    CHECK_NOTES("s1 s2 e1 f1,0 f2,-10001 ");
    AIO_END;
}

/* --------------------------------------------------------------------------------------- nested */

struct nests { AIO_FRAME(void); int depth, fail; struct aio_group group; };
static AIO_CORO(nests)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    if (self->depth)
        SPAWN(&self->group, aio_new(nests, self->depth - 1, self->fail));
    SPAWN(&self->group, member(self->depth, 10 + self->depth, self->depth ? 0 : self->fail));
    AIO_FINALLY;
    note("out%d,%d ", self->depth, aio_coro_error(self));
    AIO_END;
}

CORO_TEST(nested, struct nests *task; int error;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(nests, 2));
    CHECK_INT(self->error, 0);
    CHECK_NOTES("s2 s1 s0 e0 f0,0 out0,0 e1 f1,0 out1,0 e2 f2,0 out2,0 ");
    AIO_TRY(self->error, aio_new(nests, 2, EFIRST));        /* the innermost error comes up through all */
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("s2 s1 s0 f0,-10001 out0,-10001 f1,-125 out1,-10001 f2,-125 out2,-10001 ");
    self->task = aio_create_task(aio_new(nests, 2, EFIRST));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->task));         /* a cancel from outside comes out plain */
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK(strstr(tap_text, "f0,-125 ") && strstr(tap_text, "f1,-125 ") && strstr(tap_text, "f2,-125 "));
    CHECK(strstr(tap_text, "out0,-125 ") && strstr(tap_text, "out1,-125 ") && strstr(tap_text, "out2,-125 "));
    tap_text[0] = 0;
    aio_release(self->task);
    AIO_END;
}

/* A group in a child and one in its caller, in one task: the caller's member interrupts the child. */
struct child { AIO_FRAME(void); int settle; struct aio_group group; };
static AIO_CORO(child)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    SPAWN(&self->group, member(1, 100));
    if (!self->settle)
        AIO_AWAIT(aio_sleep(50));
    AIO_FINALLY;
    note("child %d ", aio_coro_error(self));
    AIO_END;
}
struct calls_child { AIO_FRAME(void); int settle, try, error; struct aio_group group; };
static AIO_CORO(calls_child)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    SPAWN(&self->group, member(2, 10, EFIRST));
    if (self->try)
        AIO_TRY(self->error, aio_new(child, self->settle));
    else
        AIO_AWAIT(aio_new(child, self->settle));
    note("never ");
    AIO_FINALLY;
    note("caller %d ", aio_coro_error(self));
    AIO_END;
}

CORO_TEST(interrupts_child, int i, error;)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 4; self->i++) {
        AIO_TRY(self->error, aio_new(calls_child, .settle = self->i & 1, .try = self->i / 2));
        CHECK_INT(self->error, EFIRST);
        CHECK_NOTES("s2 s1 f2,-10001 f1,-125 child -125 caller -10001 ");
    }
    CHECK_INT(aio_task_cancelling(self), 0);
    AIO_END;
}

/* The traceback of a member's error goes on through its owner. */
static struct core_text report_text;
static void report_whole(struct aio_loop *loop, const struct aio_report *report)
{
    (void)loop;
    aio_report_write(report, &report_text.sink);
}
static struct aio_options tracing = { .on_error = report_whole };
struct spawns_owner { AIO_FRAME(void); };
static AIO_CORO(spawns_owner)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(owner, WAIT, .fail = EFIRST)), 0);
    AIO_AWAIT(aio_sleep(50));
    AIO_END;
}

TEST(traceback)
{
    const char *at;
    report_text.sink.write = core_write;
    report_text.n = 0;
    CHECK_INT(aio_run_with(&tracing, aio_new(spawns_owner)), 0);
    CHECK_INT(core_live, 0);
    tap_text[0] = 0;
    at = strstr(report_text.text, "  owner (");
    CHECK(at && strstr(at, "  member (") && strstr(report_text.text, "error: task 'owner' failed: "),
          "\n%s", report_text.text);
}

/* ------------------------------------------------------------------------------- what they need */

/* A member that gets a name, task-locals or groups of its own needs more than its neighbours do: these, its group and
   those who hold a handle find it all the same. */
static struct aio_local grown_value;
struct grows { AIO_FRAME(void); int i; struct aio_group inner; };
static AIO_CORO(grows)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->i));
    if (self->i == 1)
        aio_task_set_name(self, "one");
    else if (self->i == 2)
        aio_local_set(&grown_value, self);
    else if (self->i == 3) {
        aio_group_open(&self->inner, self, 0, 0);
        SPAWN(&self->inner, aio_new(grows, .i = 4));
    }
    AIO_AWAIT(aio_sleep(10));
    CHECK(aio_local_get(&grown_value) == (self->i == 2 ? self : NULL));
    note("%s%d ", aio_task_name(self), self->i);
    AIO_AWAIT(aio_sleep(AIO_FOREVER));
    AIO_FINALLY;
    note("-%d ", self->i);
    AIO_END;
}

struct grown { AIO_FRAME(void); int i; struct grows *handle; struct aio_group group; };
static AIO_CORO(grown)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    for (self->i = 0; self->i < 6; self->i++) {
        if (self->i == 2)
            CHECK((self->handle = aio_group_create_task(&self->group, aio_new(grows, .i = 2))) != NULL);
        else
            SPAWN(&self->group, aio_new(grows, .i = self->i));
    }
    AIO_AWAIT(aio_sleep(20));
    aio_task_cancel(self->handle);
    AIO_AWAIT(aio_sleep(0));
    aio_group_cancel(&self->group);
    AIO_END;
}

CORO_TEST(members_grow,)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(grown));
    CHECK_NOTES("grows0 one1 grows2 grows3 grows4 grows5 grows4 -2 -0 -1 -4 -5 -4 -3 ");
    AIO_END;
}

/* One that needs nothing takes its frame, its record (which is not counted here) and 32 bytes. */
struct idles { AIO_FRAME(void); };
static AIO_CORO(idles)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_FOREVER));
    AIO_END;
}

CORO_TEST(members_are_small, int i; size_t before; struct aio_group group;)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    for (self->i = 0; self->i < 1100; self->i++) {
        if (self->i == 100)                         /* the list of free ones is used up */
            self->before = aio_thread_.carved;
        SPAWN(&self->group, aio_new(idles));
        AIO_AWAIT(aio_sleep(0));
    }
    if (AIO_POOL && !AIO_DEBUG && !AIO_SMALL && UINTPTR_MAX > 0xffffffff)
        CHECK_INT((aio_thread_.carved - self->before) / 1000, 32 + 32);
    aio_group_cancel(&self->group);
    AIO_END;
}

/* ----------------------------------------------------------------------------------------- many */

static long finals;
struct one_of_many { AIO_FRAME(void); aio_time sleep; };
static AIO_CORO(one_of_many)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->sleep));
    AIO_FINALLY;
    finals++;
    AIO_END;
}
struct many { AIO_FRAME(void); unsigned limit; int fail; long i, n; struct aio_group group; };
static AIO_CORO(many)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, self->limit, 0);
    self->n = core_many(10000);
    for (self->i = 0; self->i < self->n; self->i++)
        SPAWN(&self->group, aio_new(one_of_many, 1 + self->i % 7));
    if (self->fail) {
        AIO_AWAIT(aio_sleep(0));
        AIO_RAISE(self->fail);
    }
    AIO_END;
}

CORO_TEST(ten_thousand, int i, error; size_t tasks;)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 4; self->i++) {
        finals = 0;
        AIO_TRY(self->error, aio_new(many, .limit = self->i & 1 ? 10 : 0, .fail = self->i & 2 ? EBODY : 0));
        CHECK_INT(self->error, self->i & 2 ? EBODY : 0);
        CHECK_INT(finals, core_many(10000));
        CHECK_INT(aio_all_tasks(aio_loop_current(), NULL, 0), 1);
    }
    AIO_END;
}

/* Members that end do not pile up: the memory of ten thousand, one after the other, is that of one. */
struct stream { AIO_FRAME(void); long i, n, most; struct aio_group group; };
static AIO_CORO(stream)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    self->n = core_many(10000);
    for (self->i = 0; self->i < self->n; self->i++) {
        SPAWN(&self->group, aio_new(one_of_many, 0));
        AIO_AWAIT(aio_sleep(1));
        if (self->i == 10)
            self->most = core_live;
    }
    CHECK(core_live <= self->most + 64, "%ld blocks, %ld after ten", core_live, self->most);
    AIO_END;
}

CORO_TEST(ended_members_are_freed,)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(stream));
    AIO_END;
}

/* Cancelling many that wait takes as long for each as cancelling few. Processor time, so generously. */
static struct aio_lock busy;
static AIO_FUTURE(int) promise;
struct one_waits { AIO_FRAME(void); char how; long i; };
static AIO_CORO(one_waits)
{
    AIO_BEGIN;
    if (self->how == 'l' || self->how == 'b')
        AIO_AWAIT(aio_lock_acquire(&busy));
    else if (self->how == 'f')
        AIO_AWAIT(&promise);
    else
        AIO_AWAIT(aio_sleep(1000 + self->i * 7919 % 1000));
    AIO_FINALLY;
    finals++;
    AIO_END;
}
struct crowd { AIO_FRAME(void); char how; long n, i; struct one_waits **all; clock_t took; struct aio_group group; };
static AIO_CORO(crowd)
{
    AIO_BEGIN;
    memset(&promise, 0, sizeof promise);
    busy.locked = true;
    finals = 0;
    aio_group_open(&self->group, self, 0, 0);
    self->all = (struct one_waits **)calloc((size_t)self->n, sizeof *self->all);
    for (self->i = 0; self->i < self->n; self->i++)
        if (self->how == 'g')
            SPAWN(&self->group, aio_new(one_waits, self->how, self->i));
        else
            self->all[self->i] = aio_create_task(aio_new(one_waits, self->how, self->i));
    AIO_AWAIT(aio_sleep(1));
    self->took = clock();
    if (self->how == 'g')
        aio_group_cancel(&self->group);
    for (self->i = 0; self->i < self->n; self->i++)     /* in order, or backwards */
        aio_task_cancel(self->all[self->how == 'b' ? self->n - 1 - self->i : self->i]);
    AIO_AWAIT(aio_sleep(1));
    self->took = clock() - self->took;
    CHECK_INT(finals, self->n);
    AIO_FINALLY;
    for (self->i = 0; self->i < self->n; self->i++)
        aio_release(self->all[self->i]);
    free(self->all);
    AIO_END;
}
static long crowd_took;
struct best_of { AIO_FRAME(void); char how; long n; int i; struct crowd *crowd; };
static AIO_CORO(best_of)
{
    AIO_BEGIN;
    crowd_took = LONG_MAX;
    for (self->i = 0; self->i < 3; self->i++) {
        self->crowd = aio_create_task(aio_new(crowd, self->how, self->n));
        AIO_AWAIT(self->crowd);
        if (self->crowd->took < crowd_took)
            crowd_took = self->crowd->took;
        aio_release(self->crowd);
    }
    AIO_END;
}
TEST(cancelling_many)
{
    const char *how;
    long n = core_many(20000), few;
    for (how = "slbgf"; *how; how++) {
        CHECK_INT(run(aio_new(best_of, *how, n)), 0);
        few = crowd_took;
        CHECK_INT(run(aio_new(best_of, *how, 4 * n)), 0);
        CHECK(crowd_took < 12 * few + CLOCKS_PER_SEC / 100, "%c: %ld, and four times as many: %ld", *how, few, crowd_took);
    }
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(returns), T(raises), T(cancelled), T(cancelled_while_settling),
        T(cancelled_while_settling_in_try), T(without_finally_and_in_finally), T(newest_first), T(member_fails),
        T(interruption), T(first_error_comes_out), T(cancelled_member), T(keep_going), T(cancel_and_error),
        T(interrupted_and_cancelled), T(limit), T(held_are_cancelled), T(one_held_is_cancelled), T(join),
        T(late_members), T(join_in_time), T(refused), T(owner_has_ended), T(handles), T(nested),
        T(interrupts_child), T(traceback), T(members_grow), T(members_are_small), T(ten_thousand),
        T(ended_members_are_freed), T(joined_by_members), T(errors), T(errors_elsewhere), T(aborting),
        T(cancelling_many));
}
