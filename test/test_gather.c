/* Several at once: AIO_GATHER, AIO_ALL and AIO_RACE, and waiting for arrays of handles. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "core.h"
#include <time.h>

enum { EFIRST = AIO_EUSER - 1, ESECOND = AIO_EUSER - 2, ETHIRD = AIO_EUSER - 3 };

/* Says when it starts, comes to its end, and has cleaned up, and why. */
struct item { AIO_FRAME(int); int id; aio_time sleep; int fail; aio_time cleanup; int fail_late; };
static AIO_CORO(item)
{
    AIO_BEGIN;
    note("s%d ", self->id);
    if (self->sleep >= 0)
        AIO_AWAIT(aio_sleep(self->sleep));
    if (self->fail)
        AIO_RAISE(self->fail);
    note("e%d ", self->id);
    AIO_RETURN(self->id);
    AIO_FINALLY;
    if (self->cleanup)
        AIO_AWAIT(aio_sleep(self->cleanup));
    note("f%d,%d@%d ", self->id, aio_coro_error(self), (int)aio_now());
    if (self->fail_late)
        AIO_RAISE(self->fail_late);
    AIO_END;
}
#define item(...) aio_new(item, __VA_ARGS__)
enum { AT_ONCE = -1 };                  /* as a sleep: does not suspend */

/* --------------------------------------------------------------------------------- AIO_GATHER */

struct point { int x, y; };
struct big { char text[200]; };
struct whole { AIO_FRAME(int); int value; aio_time sleep; };
static AIO_CORO(whole) { AIO_BEGIN; AIO_AWAIT(aio_sleep(self->sleep)); AIO_RETURN(self->value); AIO_END; }
struct half { AIO_FRAME(double); double of; };
static AIO_CORO(half) { AIO_BEGIN; AIO_RETURN(self->of / 2); AIO_END; }
struct swap { AIO_FRAME(struct point); struct point of; };
static AIO_CORO(swap)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(2));
    AIO_RETURN((struct point){ self->of.y, self->of.x });
    AIO_END;
}
struct address { AIO_FRAME(void *); void *of; };
static AIO_CORO(address) { AIO_BEGIN; AIO_AWAIT(aio_sleep(1)); AIO_RETURN(self->of); AIO_END; }
struct fill { AIO_FRAME(struct big); char with; };
static AIO_CORO(fill)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(3));
    memset(self->result.text, self->with, sizeof self->result.text);
    AIO_END;
}

CORO_TEST(one_to_eight, int r[8];)
{
    AIO_BEGIN;
    AIO_GATHER(self->r[0], aio_new(whole, 1));
    CHECK_INT(self->r[0], 1);
    AIO_GATHER(self->r[0], aio_new(whole, 2), self->r[1], aio_new(whole, 3));
    CHECK(self->r[0] == 2 && self->r[1] == 3);
    AIO_GATHER(self->r[2], aio_new(whole, 4), self->r[1], aio_new(whole, 5), self->r[0], aio_new(whole, 6));
    CHECK(self->r[2] == 4 && self->r[1] == 5 && self->r[0] == 6);
    AIO_GATHER(self->r[0], aio_new(whole, 1), self->r[1], aio_new(whole, 2), self->r[2], aio_new(whole, 3),
               self->r[3], aio_new(whole, 4));
    CHECK(self->r[0] == 1 && self->r[3] == 4);
    AIO_GATHER(self->r[0], aio_new(whole, 11), self->r[1], aio_new(whole, 12), self->r[2], aio_new(whole, 13),
               self->r[3], aio_new(whole, 14), self->r[4], aio_new(whole, 15));
    CHECK(self->r[0] == 11 && self->r[4] == 15);
    AIO_GATHER(self->r[0], aio_new(whole, 1), self->r[1], aio_new(whole, 2), self->r[2], aio_new(whole, 3),
               self->r[3], aio_new(whole, 4), self->r[4], aio_new(whole, 5), self->r[5], aio_new(whole, 6));
    CHECK(self->r[0] == 1 && self->r[5] == 6);
    AIO_GATHER(self->r[0], aio_new(whole, 1), self->r[1], aio_new(whole, 2), self->r[2], aio_new(whole, 3),
               self->r[3], aio_new(whole, 4), self->r[4], aio_new(whole, 5), self->r[5], aio_new(whole, 6),
               self->r[6], aio_new(whole, 7));
    CHECK(self->r[4] == 5 && self->r[6] == 7);
    AIO_GATHER(self->r[7], aio_new(whole, 17, 8), self->r[6], aio_new(whole, 16, 7), self->r[5], aio_new(whole, 15, 6),
               self->r[4], aio_new(whole, 14, 5), self->r[3], aio_new(whole, 13, 4), self->r[2], aio_new(whole, 12, 3),
               self->r[1], aio_new(whole, 11, 2), self->r[0], aio_new(whole, 10, 1));
    CHECK_INT(aio_now(), 8);                    /* at once, not one after the other */
    CHECK(self->r[0] == 10 && self->r[1] == 11 && self->r[2] == 12 && self->r[3] == 13 && self->r[4] == 14 &&
          self->r[5] == 15 && self->r[6] == 16 && self->r[7] == 17);
    if (self->r[0] == 10)
        AIO_GATHER(self->r[0], aio_new(whole, 20)); /* one statement */
    else
        note("never ");
    AIO_GATHER(self->r[0], aio_new(whole, 1)); AIO_ALL(aio_new(whole)); AIO_GATHER(self->r[1], aio_new(whole, 2));
    CHECK(self->r[0] == 1 && self->r[1] == 2);
    AIO_END;
}

CORO_TEST(types, int i; double d; struct point p; void *v; struct aio_nothing_ none; struct big b;
          struct whole *task; AIO_FUTURE(struct big) future; struct fill *filling;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(whole, 7, 5));
    self->filling = aio_create_task(aio_new(fill, 'x'));
    AIO_GATHER(self->i, self->task, self->d, aio_new(half, 5), self->p, aio_new(swap, { 1, 2 }), self->v,
               aio_new(address, self), self->none, aio_sleep(4), self->b, aio_wait_for(aio_new(fill, 'y'), 10));
    CHECK(self->i == 7 && self->d > 2.4 && self->d < 2.6 && self->p.x == 2 && self->p.y == 1 && self->v == self);
    CHECK(self->b.text[0] == 'y' && self->b.text[199] == 'y');
    CHECK_INT(aio_now(), 5);
    memset(self->future.result.text, 'z', sizeof self->future.result.text);
    CHECK_INT(aio_future_set_result(&self->future, self->future.result), 0);
    AIO_GATHER(self->b, self->filling, self->none, aio_sleep(0), self->i, aio_shield(self->task));
    CHECK(self->b.text[0] == 'x' && self->b.text[199] == 'x' && self->i == 7);
    AIO_GATHER(self->b, &self->future);
    CHECK(self->b.text[0] == 'z' && self->b.text[199] == 'z');
    CHECK_INT(aio_now(), 5);
    AIO_FINALLY;
    aio_release(self->task);
    aio_release(self->filling);
    AIO_END;
}

/* What has no object of its own, and what is only borrowed. */
struct gives { AIO_FRAME(void); struct aio_queue *queue; struct aio_lock *lock; struct aio_channel *channel; };
static AIO_CORO(gives)
{
    int seven = 7, eight = 8;
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(3));
    CHECK_INT(aio_queue_put_nowait(self->queue, &seven), 0);
    AIO_AWAIT(aio_sleep(3));
    CHECK_INT(aio_channel_try_send(self->channel, &eight), 0);
    aio_lock_release(self->lock);
    AIO_END;
}
CORO_TEST(operations, struct aio_queue queue; struct aio_lock lock; struct aio_channel channel; int items[2], slots[2];
          int got, received, more, value; struct aio_nothing_ none; AIO_FUTURE(int) future; struct item slot;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    aio_channel_init(&self->channel, self->slots);
    CHECK(aio_lock_try_acquire(&self->lock));
    CHECK_INT(aio_future_set_result(&self->future, 9), 0);
    AIO_GATHER(self->none, aio_new(gives, &self->queue, &self->lock, &self->channel),
               self->none, aio_queue_get(&self->queue, &self->got),
               self->more, aio_channel_recv(&self->channel, &self->received),
               self->none, aio_lock_acquire(&self->lock), self->value, &self->future,
               self->none, aio_wait_for(aio_sleep(1), 10), self->none, aio_sleep(0));
    CHECK(self->got == 7 && self->received == 8 && self->more == 1 && self->value == 9 && self->lock.locked);
    CHECK_INT(aio_now(), 6);
    AIO_ALL(aio_place(&self->slot, item, 4, 2), aio_queue_put(&self->queue, &self->got), aio_sleep_until(3));
    CHECK_INT(self->queue.length, 1);
    CHECK_NOTES("s4 e4 f4,0@8 ");
    AIO_END;
}

/* Once each, and in order. */
static int turn_of(int *turns, int i)
{
    note("%d", i);
    return turns[i]++, i;
}
CORO_TEST(evaluated_once, int turns[8], r[8], which;)
{
    AIO_BEGIN;
    AIO_GATHER(self->r[0], aio_new(whole, turn_of(self->turns, 0)), self->r[1], aio_new(whole, turn_of(self->turns, 1)),
               self->r[2], aio_new(whole, turn_of(self->turns, 2), 5));
    CHECK_NOTES("012");
    AIO_ALL(aio_new(whole, turn_of(self->turns, 3)), aio_new(whole, turn_of(self->turns, 4)));
    CHECK_NOTES("34");
    AIO_RACE(self->which, aio_new(whole, turn_of(self->turns, 5)), aio_new(whole, turn_of(self->turns, 6)));
    CHECK_NOTES("56");
    AIO_RACE(*(note("which "), &self->which), aio_sleep(5), aio_sleep(4));
    CHECK_NOTES("which ");
    CHECK_INT(self->which, 1);
    AIO_GATHER(*(note("l"), &self->r[3]), aio_new(whole, 8), *(note("l"), &self->r[4]), aio_new(whole, 9));
    CHECK_NOTES("ll");
    CHECK(self->r[3] == 8 && self->r[4] == 9);
    AIO_END;
}

CORO_TEST(duplicates, struct whole *task; int a, b, c;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(whole, 3, 5));
    AIO_GATHER(self->a, self->task, self->b, self->task, self->c, aio_wait_for(self->task, 9));
    CHECK(self->a == 3 && self->b == 3 && self->c == 3);
    aio_release(self->task);
    AIO_END;
}

struct three { AIO_FRAME(int); struct item *x, *y, *z; int a, b, c; };
static AIO_CORO(three)
{
    AIO_BEGIN;
    self->a = self->b = self->c = -1;
    AIO_GATHER(self->a, self->x, self->b, self->y, self->c, self->z);
    CHECK(self->a > 0 && self->b > 0 && self->c > 0);
    AIO_RETURN(1);
    AIO_FINALLY;
    if (aio_coro_error(self))
        CHECK(self->a <= 0 && self->b == self->a && self->c == self->a, "%d %d %d", self->a, self->b, self->c);
    note("out,%d ", aio_coro_error(self));
    AIO_END;
}

CORO_TEST(first_error, int error, value;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->value, aio_new(three, item(1, 9, 0, 2), item(2, 5, EFIRST), item(3, 20, 0, 3)));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("s1 s2 s3 f2,-10001@5 f1,-125@7 f3,-125@8 out,-10001 ");
    /* one that has ended, and then an error: its result is not written either */
    AIO_TRY(self->error, self->value, aio_new(three, item(1, 1), item(2, 5, EFIRST), item(3, 20)));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("s1 s2 s3 e1 f1,0@9 f2,-10001@13 f3,-125@13 out,-10001 ");
    /* two in one turn: the first one of them */
    AIO_TRY(self->error, self->value, aio_new(three, item(1, 20), item(2, 5, ESECOND), item(3, 5, EFIRST)));
    CHECK_INT(self->error, ESECOND);
    CHECK_NOTES("s1 s2 s3 f2,-10002@18 f3,-125@18 f1,-125@18 out,-10002 ");
    /* before the others have begun */
    AIO_TRY(self->error, self->value, aio_new(three, item(1, AT_ONCE, EFIRST), item(2, 5), item(3, 5)));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("s1 f1,-10001@18 f2,-125@18 f3,-125@18 out,-10001 ");
    /* their cleanup fails: the first error stands */
    AIO_TRY(self->error, self->value, aio_new(three, item(1, 20, 0, 0, ETHIRD), item(2, 5, EFIRST), item(3, 5, 0, 2, ESECOND)));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("s1 s2 s3 f2,-10001@23 f1,-125@23 f3,-125@25 out,-10001 ");
    CHECK_INT(aio_task_cancelling(self), 0);
    AIO_END;
}

CORO_TEST(gather_cancelled, struct three *task; int error;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(three, item(1, 9), item(2, 9), item(3, 9)));
    aio_task_cancel(self->task);                /* its body never runs: its arguments are nobody's but ours */
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    aio_discard(self->task->x);
    aio_discard(self->task->y);
    aio_discard(self->task->z);
    CHECK_NOTES("out,-125 ");
    aio_release(self->task);
    /* the request is delivered in a later turn than that of their first step */
    self->task = aio_create_task(aio_new(three, item(1, 9), item(2, 9), item(3, 9)));
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("");
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("s1 s2 s3 f1,-125@0 f2,-125@0 f3,-125@0 out,-125 ");
    aio_release(self->task);
    /* while they run */
    self->task = aio_create_task(aio_new(three, item(1, 9, 0, 2), item(2, 1), item(3, 9, 0, 3)));
    AIO_AWAIT(aio_sleep(2));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("s1 s2 s3 e2 f2,0@1 f1,-125@4 f3,-125@5 out,-125 ");
    aio_release(self->task);
    /* twice: the second request hurries nobody's cleanup, and skips nothing */
    self->task = aio_create_task(aio_new(three, item(1, 9, 0, 20), item(2, 1), item(3, 9, 0, 30)));
    AIO_AWAIT(aio_sleep(2));
    CHECK(aio_task_cancel(self->task));
    AIO_AWAIT(aio_sleep(2));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    note("@%d ", (int)aio_now());
    AIO_FINALLY;
    aio_release(self->task);
    CHECK_NOTES("s1 s2 s3 e2 f2,0@6 f1,-125@27 f3,-125@37 out,-125 @37 ");
    AIO_END;
}

/* A member's own AIO_ECANCELED is an error as any other: a result is missing. AIO_TRY takes it. */
struct gathers_task { AIO_FRAME(void); struct item *task; int a, b; };
static AIO_CORO(gathers_task)
{
    AIO_BEGIN;
    self->a = self->b = -1;
    AIO_GATHER(self->a, self->task, self->b, item(2, 20));
    note("never ");
    AIO_FINALLY;
    CHECK(self->a == -1 && self->b == -1);
    AIO_END;
}
struct waits_all { AIO_FRAME(void); struct item *task; };
static AIO_CORO(waits_all) { AIO_BEGIN; AIO_ALL(self->task, item(2, 20)); note("never "); AIO_END; }
struct cancels_later { AIO_FRAME(void); struct item *task; aio_time when; };
static AIO_CORO(cancels_later)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->when));
    CHECK(aio_task_cancel(self->task));
    AIO_END;
}
struct cleans_up { AIO_FRAME(void); struct item *task; };
static AIO_CORO(cleans_up)
{
    AIO_BEGIN;
    AIO_ALL(self->task, item(2, 20));
    AIO_FINALLY;
    AIO_AWAIT(aio_sleep(5));
    note("out,%d@%d ", aio_coro_error(self), (int)aio_now());
    AIO_END;
}
CORO_TEST(member_cancelled, struct item *task; struct cleans_up *both; int error;)
{
    AIO_BEGIN;
    self->task = aio_create_task(item(1, 20));
    CHECK_INT(aio_spawn(aio_new(cancels_later, self->task, 3)), 0);
    AIO_TRY(self->error, aio_new(gathers_task, self->task));
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("s1 s2 f1,-125@3 f2,-125@3 ");
    aio_release(self->task);
    self->task = aio_create_task(item(1, 20));
    CHECK_INT(aio_spawn(aio_new(cancels_later, self->task, 3)), 0);
    AIO_TRY(self->error, aio_new(waits_all, self->task));
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("s1 s2 f1,-125@6 f2,-125@6 ");
    AIO_TRY(self->error, aio_new(waits_all, self->task));   /* cancelled long ago */
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("f2,-125@6 ");
    aio_release(self->task);
    CHECK_INT(aio_task_cancelling(self), 0);
    /* it, and then whoever gathers: that strikes once, and not in the cleanup */
    self->task = aio_create_task(item(1, 20));
    self->both = aio_create_task(aio_new(cleans_up, self->task));
    AIO_AWAIT(aio_sleep(2));
    CHECK(aio_task_cancel(self->task));
    AIO_AWAIT(aio_sleep(0));                    /* who waits for it has been told, and has not run yet */
    CHECK(aio_task_cancel(self->both));
    AIO_TRY(self->error, self->both);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("s1 s2 f1,-125@8 f2,-125@8 out,-125@13 ");
    aio_release(self->both);
    aio_release(self->task);
    AIO_END;
}

struct gathers_late { AIO_FRAME(void); int fail, a, b; };
static AIO_CORO(gathers_late)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(5));
    AIO_FINALLY;
    self->a = self->b = -1;
    AIO_GATHER(self->a, item(1, 2), self->b, item(2, 3, self->fail));
    note("a%d b%d ", self->a, self->b);
    AIO_ALL(item(3, 1), item(4, 1));
    note("out,%d@%d ", aio_coro_error(self), (int)aio_now());
    AIO_END;
}
CORO_TEST(in_finally, struct gathers_late *task; int error;)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(gathers_late));
    CHECK_NOTES("s1 s2 e1 f1,0@7 e2 f2,0@8 a1 b2 s3 s4 e3 f3,0@9 e4 f4,0@9 out,0@9 ");
    AIO_TRY(self->error, aio_new(gathers_late, EFIRST));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("s1 s2 e1 f1,0@16 f2,-10001@17 a-1 b-1 s3 s4 e3 f3,0@18 e4 f4,0@18 out,-10001@18 ");
    /* cancelled before, and then in the cleanup: the members are hurried, and nothing is skipped */
    self->task = aio_create_task(aio_new(gathers_late));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->task));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("s1 s2 f1,-125@20 f2,-125@20 a-1 b-1 s3 s4 e3 f3,0@21 e4 f4,0@21 out,-125@21 ");
    aio_release(self->task);
    AIO_END;
}

struct nest { AIO_FRAME(int); int depth, fail, a, b; };
static AIO_DECLARE(nest);
static AIO_CORO(nest)
{
    AIO_BEGIN;
    if (!self->depth) {
        AIO_AWAIT(aio_sleep(3));
        if (self->fail)
            AIO_RAISE(EFIRST);
        AIO_RETURN(1);
    }
    AIO_GATHER(self->a, aio_new(nest, self->depth - 1), self->b, aio_new(nest, self->depth - 1, self->fail));
    AIO_RETURN(self->a + self->b);
    AIO_END;
}
CORO_TEST(nested, struct nest *task; int error, value;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->value, aio_new(nest, 6));
    CHECK_INT(self->value, 64);
    CHECK_INT(aio_now(), 3);
    AIO_TRY(self->error, aio_new(nest, 6, 1));
    CHECK_INT(self->error, EFIRST);
    CHECK_INT(aio_now(), 6);
    self->task = aio_create_task(aio_new(nest, 6));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(aio_now(), 7);
    aio_release(self->task);
    AIO_TRY(self->error, aio_wait_for(aio_new(nest, 6), 2));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_INT(aio_all_tasks(aio_loop_current(), NULL, 0), 1);
    AIO_END;
}

CORO_TEST(in_timeout, struct aio_timeout scope; int a, b, which;)
{
    AIO_BEGIN;
    self->a = self->b = -1;
    AIO_TIMEOUT(&self->scope, 5) {
        AIO_GATHER(self->a, item(1, 2), self->b, item(2, 20, 0, 3));
        note("never ");
    }
    CHECK(self->scope.expired && self->a == -1 && self->b == -1);
    CHECK_NOTES("s1 s2 e1 f1,0@2 f2,-125@8 ");
    AIO_TIMEOUT(&self->scope, 5) {
        AIO_GATHER(self->a, item(1, 2), self->b, item(2, 3));
        AIO_RACE(self->which, item(3, 1), item(4, 2));
    }
    CHECK(!self->scope.expired && self->a == 1 && self->b == 2 && self->which == 0);
    CHECK_NOTES("s1 s2 e1 f1,0@10 e2 f2,0@11 s3 s4 e3 f3,0@12 f4,-125@12 ");
    self->which = 7;
    AIO_TIMEOUT(&self->scope, 5) {
        AIO_RACE(self->which, item(3, 10), item(4, 20));
        note("never ");
    }
    CHECK(self->scope.expired && self->which == -1);
    CHECK_NOTES("s3 s4 f3,-125@17 f4,-125@17 ");
    AIO_TIMEOUT(&self->scope, 0)
        AIO_ALL(item(1, 2), item(2, 2));
    CHECK(self->scope.expired);
    CHECK_NOTES("f1,-125@17 f2,-125@17 ");
    AIO_END;
}

/* The generator's members are the consumer's business as long as it waits for the next value. */
struct sums { AIO_FRAME(int); int n, a, b, which; };
static AIO_CORO(sums)
{
    AIO_BEGIN;
    while (self->n--) {
        AIO_GATHER(self->a, aio_new(whole, self->n, 2), self->b, aio_new(whole, 10, 1));
        AIO_RACE(self->which, aio_sleep(5), aio_sleep(1));
        AIO_YIELD(self->a + self->b + self->which);
    }
    AIO_FINALLY;
    AIO_ALL(item(1, 1), item(2, 1));
    AIO_END;
}
struct sums_up { AIO_FRAME(int); int leave, value; struct sums *slot; };
static AIO_CORO(sums_up)
{
    AIO_BEGIN;
    AIO_FOREACH(self->value, self->slot, aio_new(sums, 3)) {
        self->result += self->value;
        if (self->leave)
            break;
    }
    AIO_END;
}
CORO_TEST(in_generators, int value, error; struct sums *generator; bool more;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->value, aio_new(sums_up));
    CHECK_INT(self->value, 36);
    CHECK_NOTES("s1 s2 e1 f1,0@10 e2 f2,0@10 ");
    AIO_AWAIT(self->value, aio_new(sums_up, 1));
    CHECK_INT(self->value, 13);
    CHECK_NOTES("s1 s2 e1 f1,0@14 e2 f2,0@14 ");
    AIO_TRY(self->error, aio_wait_for(aio_new(sums_up), 1));    /* while it gathers */
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_NOTES("s1 s2 e1 f1,0@16 e2 f2,0@16 ");
    self->generator = aio_new(sums, 2);
    AIO_NEXT(self->more, self->value, self->generator);
    CHECK(self->more && self->value == 12);
    AIO_CLOSE(self->generator);
    CHECK_NOTES("s1 s2 e1 f1,0@20 e2 f2,0@20 ");
    AIO_END;
}

/* ------------------------------------------------------------------------------------ AIO_RACE */

struct races { AIO_FRAME(int); struct item *x, *y, *z; int which; };
static AIO_CORO(races)
{
    AIO_BEGIN;
    self->which = 7;
    AIO_RACE(self->which, self->x, self->y, self->z);
    AIO_FINALLY;
    self->result = self->which;
    note("out,%d ", aio_coro_error(self));
    AIO_END;
}

CORO_TEST(race, int which, error; struct item *task;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->which, aio_new(races, item(1, 9, 0, 2), item(2, 3), item(3, 9, 0, 5)));
    CHECK_INT(self->which, 1);
    CHECK_NOTES("s1 s2 s3 e2 f2,0@3 f1,-125@5 f3,-125@8 out,0 ");
    AIO_TRY(self->error, self->which, aio_new(races, item(1, 9), item(2, 9), item(3, 3, EFIRST)));
    CHECK(self->error == EFIRST && self->which == 2);
    CHECK_NOTES("s1 s2 s3 f3,-10001@11 f1,-125@11 f2,-125@11 out,-10001 ");
    /* at once: the others do not even begin */
    AIO_AWAIT(self->which, aio_new(races, item(1, AT_ONCE), item(2, AT_ONCE), item(3, 1)));
    CHECK_INT(self->which, 0);
    CHECK_NOTES("s1 e1 f1,0@11 f2,-125@11 f3,-125@11 out,0 ");
    AIO_TRY(self->error, self->which, aio_new(races, item(1, 1), item(2, AT_ONCE, ESECOND), item(3, AT_ONCE)));
    CHECK(self->error == ESECOND && self->which == 1);
    CHECK_NOTES("s1 s2 f2,-10002@11 f3,-125@11 f1,-125@11 out,-10002 ");
    /* ties: whoever comes first in the turn */
    AIO_AWAIT(self->which, aio_new(races, item(1, 6), item(2, 5), item(3, 5)));
    CHECK_INT(self->which, 1);
    CHECK_NOTES("s1 s2 s3 e2 f2,0@16 f3,-125@16 f1,-125@16 out,0 ");
    /* one of one, and what is no coroutine */
    AIO_RACE(self->which, item(1, 1));
    CHECK_INT(self->which, 0);
    AIO_RACE(self->which, aio_sleep(0));
    CHECK_INT(self->which, 0);
    self->task = aio_create_task(item(2, 1));
    AIO_RACE(self->which, aio_sleep(5), self->task, aio_sleep(6), aio_sleep(6), aio_sleep(6), aio_sleep(6), aio_sleep(6),
             aio_sleep(6));
    CHECK_INT(self->which, 1);
    AIO_RACE(self->which, aio_sleep(5), self->task);    /* done long ago */
    CHECK_INT(self->which, 1);
    aio_release(self->task);
    tap_text[0] = 0;
    AIO_END;
}

CORO_TEST(race_cancelled_member, int error, which; struct item *task; AIO_FUTURE(int) future;)
{
    AIO_BEGIN;
    self->task = aio_create_task(item(1, 20));
    CHECK_INT(aio_spawn(aio_new(cancels_later, self->task, 2)), 0);
    AIO_TRY(self->error, self->which, aio_new(races, item(2, 9), aio_wait_for(self->task, 50), item(3, 9)));
    CHECK(self->error == AIO_ECANCELED && self->which == 1);    /* that is how it has ended: it wins */
    CHECK_NOTES("s1 s2 s3 f1,-125@2 f2,-125@2 f3,-125@2 out,-125 ");
    aio_release(self->task);
    /* losers that are tasks and futures are cancelled, too; those behind a shield are not */
    self->task = aio_create_task(item(1, 20));
    AIO_RACE(self->which, aio_sleep(2), self->task, &self->future);
    CHECK(self->which == 0 && aio_task_cancelled(self->task) && aio_future_cancelled(&self->future));
    CHECK_NOTES("s1 f1,-125@4 ");
    aio_release(self->task);
    self->task = aio_create_task(item(1, 3));
    AIO_RACE(self->which, aio_sleep(2), aio_shield(self->task));
    CHECK(self->which == 0 && !aio_task_done(self->task));
    AIO_AWAIT(self->task);
    CHECK_NOTES("s1 e1 f1,0@7 ");
    aio_release(self->task);
    AIO_END;
}

CORO_TEST(race_cancelled, struct races *task; int error;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(races, item(1, 9), item(2, 9), item(3, 9, 0, 4)));
    AIO_AWAIT(aio_sleep(2));
    CHECK(aio_task_cancel(self->task));
    AIO_AWAIT(aio_sleep(1));
    CHECK(!aio_task_done(self->task));
    AIO_TRY(self->error, self->task);
    CHECK(self->error == AIO_ECANCELED && self->task->which == -1);
    CHECK_NOTES("s1 s2 s3 f1,-125@2 f2,-125@2 f3,-125@6 out,-125 ");
    aio_release(self->task);
    /* when it is decided, and the losers clean up: it has been won */
    self->task = aio_create_task(aio_new(races, item(1, 9, 0, 4), item(2, 2), item(3, 9, 0, 4)));
    AIO_AWAIT(aio_sleep(3));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK(self->error == AIO_ECANCELED && self->task->which == 1);
    CHECK_NOTES("s1 s2 s3 e2 f2,0@8 f1,-125@12 f3,-125@12 out,-125 ");
    aio_release(self->task);
    /* in the turn in which it is decided */
    self->task = aio_create_task(aio_new(races, item(1, 9), item(2, 2), item(3, 9)));
    CHECK_INT(aio_spawn(aio_new(cancels_later, (struct item *)(void *)self->task, 2)), 0);
    AIO_TRY(self->error, self->task);
    CHECK(self->error == AIO_ECANCELED && self->task->which == 1);      /* neither is forgotten */
    CHECK_NOTES("s1 s2 s3 e2 f2,0@14 f1,-125@14 f3,-125@14 out,-125 ");
    aio_release(self->task);
    /* in the turn of the members' first step */
    self->task = aio_create_task(aio_new(races, item(1, 9), item(2, 2), item(3, 9)));
    AIO_AWAIT(aio_sleep(0));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK(self->error == AIO_ECANCELED && self->task->which == -1);
    CHECK_NOTES("s1 s2 s3 f1,-125@14 f2,-125@14 f3,-125@14 out,-125 ");
    aio_release(self->task);
    AIO_END;
}

CORO_TEST(losers_errors, int which, error;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->which, aio_new(races, item(1, 2), item(2, 9, 0, 3, ESECOND), item(3, 9, 0, 1)));
    CHECK_INT(self->which, 0);
    CHECK_NOTES("s1 s2 s3 e1 f1,0@2 f3,-125@3 f2,-125@5 [item failed, and nobody looked at its error -10002]out,0 ");
    AIO_TRY(self->error, self->which, aio_new(races, item(1, 2, EFIRST), item(2, 9, 0, 3, ESECOND), item(3, 9)));
    CHECK(self->error == EFIRST && self->which == 0);
    CHECK(strstr(tap_text, "[item failed, and nobody looked at its error -10002]"));
    CHECK(!strstr(tap_text, "-10001]"));
    tap_text[0] = 0;
    AIO_END;
}

struct inner_race { AIO_FRAME(int); struct item *x, *y; int which; };
static AIO_CORO(inner_race)
{
    AIO_BEGIN;
    AIO_RACE(self->which, self->x, self->y);
    AIO_RETURN(self->which);
    AIO_END;
}
CORO_TEST(race_in_race, int which;)
{
    AIO_BEGIN;
    AIO_RACE(self->which, aio_new(inner_race, item(1, 9), item(2, 8)), aio_new(inner_race, item(3, 7), item(4, 3)));
    CHECK_INT(self->which, 1);
    CHECK_NOTES("s1 s2 s3 s4 e4 f4,0@3 f3,-125@3 f1,-125@3 f2,-125@3 ");
    AIO_RACE(self->which, aio_new(inner_race, item(1, 9, 0, 1), item(2, 8, 0, 2)), item(3, 2));
    CHECK_INT(self->which, 1);
    CHECK_NOTES("s3 s1 s2 e3 f3,0@5 f1,-125@6 f2,-125@7 ");
    AIO_END;
}

/* -------------------------------------------------------------- races of locks, queues, channels */

enum { QUEUES = 3, CONSUMERS = 6 };
struct market {
    struct aio_queue queues[QUEUES];
    int items[QUEUES][2];
    struct aio_channel channel, direct;
    int slots[2];
    struct aio_semaphore semaphore;
    struct aio_lock locks[2];
    unsigned seed;
    long put, got, sum_put, sum_got;    /* items */
    int taken[2];                       /* how often the locks are held */
};
static unsigned chance(struct market *market, unsigned n)
{
    market->seed = market->seed * 1103515245 + 12345;
    return (market->seed >> 16) % n;
}

/* A race of gets: exactly one takes effect, or none. */
struct buys { AIO_FRAME(void); struct market *market; int which, a, b, c, d, kind; };
static void settle_up(struct buys *buys)
{
    int got[] = { buys->a, buys->b, buys->c, buys->d }, i, count = 0;
    for (i = 0; i < 4; i++) {
        count += got[i] != 0;
        buys->market->got += got[i] != 0;
        buys->market->sum_got += got[i];
        if (got[i])
            CHECK_INT(buys->which, i);
    }
    CHECK(count <= 1, "%d items", count);
    buys->a = buys->b = buys->c = buys->d = 0;
    buys->which = -1;
}
static AIO_CORO(buys)
{
    struct market *const market = self->market;
    AIO_BEGIN;
    self->which = -1;
    self->kind = (int)chance(market, 4);
    if (self->kind == 0)
        AIO_RACE(self->which, aio_queue_get(&market->queues[0], &self->a),
                 aio_queue_get(&market->queues[1], &self->b), aio_channel_recv(&market->channel, &self->c),
                 aio_channel_recv(&market->direct, &self->d), aio_sleep((aio_time)chance(market, 9)));
    else if (self->kind == 1)
        AIO_RACE(self->which, aio_wait_for(aio_queue_get(&market->queues[0], &self->a), (aio_time)chance(market, 9)),
                 aio_queue_get(&market->queues[0], &self->b),
                 aio_wait_for(aio_wait_for(aio_channel_recv(&market->direct, &self->c), 3), (aio_time)chance(market, 9)),
                 aio_queue_get(&market->queues[2], &self->d));
    else if (self->kind == 2)
        AIO_RACE(self->which, aio_queue_get(&market->queues[1], &self->a), aio_sleep((aio_time)chance(market, 3)),
                 aio_queue_get(&market->queues[1], &self->c));
    else
        AIO_RACE(self->which, aio_channel_recv(&market->direct, &self->a),
                 aio_channel_recv(&market->direct, &self->b), aio_sleep((aio_time)chance(market, 5)));
    settle_up(self);
    if (chance(market, 3) == 0)
        AIO_AWAIT(aio_sleep((aio_time)chance(market, 4)));
    AIO_FINALLY;
    settle_up(self);
    AIO_END;
}

/* A race of puts: as many items are put as win. */
struct sells { AIO_FRAME(void); struct market *market; int which, item, k, many; };
static void account(struct sells *sells, bool put)
{
    sells->market->put += put;
    sells->market->sum_put += put ? sells->item : 0;
    sells->which = -1;
}
static AIO_CORO(sells)
{
    struct market *const market = self->market;
    AIO_BEGIN;
    self->which = -1;
    self->item = 1 + (int)chance(market, 1000);
    self->k = (int)chance(market, QUEUES);
    if (chance(market, 3) == 0) {               /* several in one turn */
        for (self->many = 0; self->many < 3; self->many++) {
            account(self, aio_queue_put_nowait(&market->queues[self->many], &self->item) == 0);
            account(self, aio_channel_try_send(&market->direct, &self->item) == 0);
            account(self, aio_channel_try_send(&market->channel, &self->item) == 0);
        }
    } else {
        AIO_RACE(self->which, aio_queue_put(&market->queues[self->k], &self->item),
                 aio_channel_send(&market->direct, &self->item),
                 aio_wait_for(aio_channel_send(&market->channel, &self->item), (aio_time)chance(market, 5)),
                 aio_queue_put(&market->queues[(self->k + 1) % QUEUES], &self->item));
        account(self, self->which >= 0);
    }
    AIO_AWAIT(aio_sleep((aio_time)chance(market, 4)));
    AIO_FINALLY;
    account(self, self->which >= 0 && aio_coro_error(self) != AIO_ETIMEDOUT);
    AIO_END;
}

/* Permits and locks. */
struct holds { AIO_FRAME(void); struct market *market; int which; struct aio_permit permit, other; };
static void lock_counted(struct holds *holds)
{
    if (holds->which == 0 || holds->which == 1)
        CHECK_INT(holds->market->taken[holds->which]++, 0);
}
static AIO_CORO(holds)
{
    struct market *const market = self->market;
    AIO_BEGIN;
    self->which = -1;
    AIO_RACE(self->which, aio_lock_acquire(&market->locks[0]),
             aio_wait_for(aio_lock_acquire(&market->locks[1]), (aio_time)chance(market, 6)),
             aio_semaphore_take(&market->semaphore, &self->permit),
             aio_semaphore_take(&market->semaphore, &self->other), aio_sleep((aio_time)chance(market, 5)));
    lock_counted(self);
    self->which += 10;                          /* it is counted */
    if (self->which < 14)
        AIO_AWAIT(aio_sleep((aio_time)chance(market, 4)));
    AIO_FINALLY;
    if (aio_coro_error(self) == AIO_ETIMEDOUT)
        self->which = -1;                       /* won by the deadline, which is no lock */
    if (self->which >= 10)
        self->which -= 10;
    else
        lock_counted(self);                     /* won, and then cancelled on the way out of the race */
    if (self->which == 0 || self->which == 1) {
        CHECK_INT(--market->taken[self->which], 0);
        aio_lock_release(&market->locks[self->which]);
    }
    CHECK_INT(self->permit.semaphore != NULL, self->which == 2);
    CHECK_INT(self->other.semaphore != NULL, self->which == 3);
    aio_permit_return(&self->permit);
    aio_permit_return(&self->other);
    AIO_END;
}

/* A lock that was taken in a race, or while gathering, belongs to whoever races: cleanup can ask for it. */
struct takes { AIO_FRAME(void); struct aio_lock *lock, *other; char how; int which; struct aio_nothing_ none; };
static AIO_CORO(takes)
{
    AIO_BEGIN;
    if (self->how == 'r')
        AIO_RACE(self->which, aio_sleep(9), aio_wait_for(aio_lock_acquire(self->lock), 8), aio_lock_acquire(self->other));
    else if (self->how == 'a')
        AIO_ALL(aio_lock_acquire(self->lock), aio_sleep(20));
    else
        AIO_GATHER(self->none, aio_wait_for(aio_lock_acquire(self->lock), 8), self->none, aio_sleep(1));
    CHECK(aio_lock_held(self->lock));
    AIO_FINALLY;
    CHECK(!aio_lock_held(self->other));
    note("%d,%d@%d ", aio_lock_held(self->lock), aio_coro_error(self), (int)aio_now());
    if (aio_lock_held(self->lock))
        aio_lock_release(self->lock);
    AIO_END;
}
CORO_TEST(locks, struct aio_lock lock, other; struct takes *task; int error; const char *how;)
{
    AIO_BEGIN;
    CHECK(aio_lock_try_acquire(&self->other));
    for (self->how = "rag"; *self->how; self->how++) {  /* free */
        self->task = aio_create_task(aio_new(takes, &self->lock, &self->other, *self->how));
        AIO_AWAIT(self->task);
        aio_release(self->task);
        CHECK(!self->lock.locked && aio_lock_held(&self->other));
    }
    CHECK_NOTES("1,0@0 1,0@20 1,0@21 ");
    CHECK(aio_lock_try_acquire(&self->lock));           /* handed over, and then cancelled */
    self->task = aio_create_task(aio_new(takes, &self->lock, &self->other, 'a'));
    AIO_AWAIT(aio_sleep(1));
    aio_lock_release(&self->lock);
    CHECK(self->lock.locked && !aio_lock_held(&self->lock));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("1,-125@23 ");
    CHECK(!self->lock.locked);
    aio_release(self->task);
    CHECK(aio_lock_try_acquire(&self->lock));           /* never had */
    self->task = aio_create_task(aio_new(takes, &self->lock, &self->other, 'g'));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_NOTES("0,-110@31 ");
    aio_release(self->task);
    aio_lock_release(&self->lock);
    aio_lock_release(&self->other);
    AIO_END;
}

/* Round after round. How they end is not what this is about. */
struct rounds { AIO_FRAME(void); struct market *market; int kind, rounds, error; };
static struct aio_void *round_of(struct rounds *rounds)
{
    if (rounds->kind == 0)
        return (struct aio_void *)(void *)aio_new(buys, rounds->market);
    if (rounds->kind == 1)
        return (struct aio_void *)(void *)aio_new(sells, rounds->market);
    return (struct aio_void *)(void *)aio_new(holds, rounds->market);
}
static AIO_CORO(rounds)
{
    AIO_BEGIN;
    while (self->rounds--) {
        AIO_TRY(self->error, round_of(self));
        CHECK(self->error == 0 || self->error == AIO_ETIMEDOUT, "%d", self->error);
    }
    AIO_END;
}

struct tries { AIO_FRAME(void); struct rounds *what; aio_time limit; int error; };
static AIO_CORO(tries)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_wait_for(self->what, self->limit));
    CHECK(self->error == 0 || self->error == AIO_ETIMEDOUT, "%d", self->error);
    AIO_END;
}

struct trades { AIO_FRAME(void); struct market market; int i; struct aio_group group; };
static AIO_CORO(trades)
{
    struct market *const market = &self->market;
    int item;
    AIO_BEGIN;
    for (self->i = 0; self->i < QUEUES; self->i++)
        aio_queue_init(&market->queues[self->i], market->items[self->i]);
    aio_channel_init(&market->channel, market->slots);
    aio_channel_init_unbuffered(&market->direct, sizeof(int));
    aio_semaphore_init(&market->semaphore, 2);
    aio_group_open(&self->group, self, 0, 0);
    for (self->i = 0; self->i < 3 * CONSUMERS; self->i++)
        if (aio_group_spawn(&self->group, aio_new(tries, aio_new(rounds, market, self->i % 3, 12),
                                                  (aio_time)(10 + chance(market, 60)))))
            AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(aio_group_join(&self->group));
    for (self->i = 0; self->i < QUEUES; self->i++)
        while (aio_queue_get_nowait(&market->queues[self->i], &item) == 0)
            market->got++, market->sum_got += item;
    while (aio_channel_try_recv(&market->channel, &item) == 0)
        market->got++, market->sum_got += item;
    CHECK_INT(market->got, market->put);
    CHECK_INT(market->sum_got, market->sum_put);
    CHECK_INT(market->semaphore.value, 2);
    CHECK(!market->locks[0].locked && !market->locks[1].locked);
    for (self->i = 0; self->i < QUEUES; self->i++)
        CHECK(!market->queues[self->i].getters && !market->queues[self->i].putters);
    CHECK(!market->semaphore.waiters && !market->locks[0].waiters && !market->locks[1].waiters);
    AIO_END;
}

TEST(nothing_is_lost)
{
    long seed, n = core_many(3000), got = 0;
    struct aio_loop loop;
    for (seed = 0; seed < n && !tap_failed; seed++) {
        struct trades *trades;
        CHECK_INT(aio_loop_init(&loop, &core_options), 0);
        trades = aio_new(trades, .market = { .seed = (unsigned)seed });
        trades = aio_loop_create_task(&loop, trades);
        CHECK_INT(aio_loop_run_until_complete(&loop, aio_shield(trades)), 0);
        got += trades->market.got;
        aio_release(trades);
        CHECK_INT(aio_loop_close(&loop), 0);
        CHECK_INT(core_live, 0);
        if (tap_failed)
            printf("# seed %ld\n", seed);
    }
    CHECK(got > n * 10, "%ld items", got);
    CHECK_NOTES("");
}

/* ---------------------------------------------------------------------------------- aio_gather */

enum { MOST = 8 };
/* Waits for handles in an array of its own, which is made worthless as soon as the wait is over. */
struct waits {
    AIO_FRAME(ptrdiff_t);
    char how;                           /* 'g' aio_gather, 'w' aio_wait, 'c' aio_as_completed */
    struct aio_any *handles[MOST];
    size_t n;
    int flags, error;
    aio_time timeout;
    struct aio_any *next;
    struct aio_completed *slot;
};
static AIO_CORO(waits)
{
    AIO_BEGIN;
    if (self->how == 'g')
        AIO_AWAIT(aio_gather(self->handles, self->n, self->flags));
    else if (self->how == 'w')
        AIO_AWAIT(self->result, aio_wait(self->handles, self->n, self->flags, self->timeout));
    else
        AIO_FOREACH(self->next, self->slot, aio_as_completed(self->handles, self->n, self->timeout)) {
            note("<%d ", ((struct item *)(void *)self->next)->id);
            if (++self->result == self->flags)
                break;
        }
    AIO_FINALLY;
    memset(self->handles, 0xdb, sizeof self->handles);
    note("out,%d@%d ", aio_coro_error(self), (int)aio_now());
    AIO_END;
}

struct items { struct item *a, *b, *c; };
static void make(struct items *items, struct item *a, struct item *b, struct item *c)
{
    items->a = aio_create_task(a);
    items->b = aio_create_task(b);
    items->c = aio_create_task(c);
    CHECK(items->a && items->b && items->c);
}
static void unmake(struct items *items)
{
    aio_release(items->a);
    aio_release(items->b);
    aio_release(items->c);
}
#define WAIT_FOR(how, items, ...) \
    aio_new(waits, how, { aio_any((items).a), aio_any((items).b), aio_any((items).c) }, 3, __VA_ARGS__)

CORO_TEST(gather_array, struct items items; struct aio_any *all[4]; int error; struct half *half; struct fill *fill;
          AIO_FUTURE(struct point) future;)
{
    AIO_BEGIN;
    make(&self->items, item(1, 3), item(2, 1), item(3, 2));
    AIO_AWAIT(WAIT_FOR('g', self->items, 0));
    CHECK_NOTES("s1 s2 s3 e2 f2,0@1 e3 f3,0@2 e1 f1,0@3 out,0@3 ");
    CHECK(self->items.a->result == 1 && self->items.b->result == 2 && self->items.c->result == 3);
    AIO_AWAIT(WAIT_FOR('g', self->items, 0));      /* done ones */
    CHECK_NOTES("out,0@3 ");
    unmake(&self->items);
    AIO_AWAIT(aio_gather(NULL, 0, 0));
    AIO_AWAIT(aio_gather(self->all, 0, AIO_RETURN_EXCEPTIONS));
    /* of any type, twice, and futures */
    self->half = aio_create_task(aio_new(half, 3));
    self->fill = aio_create_task(aio_new(fill, 'f'));
    self->all[0] = aio_any(self->half);
    self->all[1] = aio_any(self->fill);
    self->all[2] = aio_any(&self->future);
    self->all[3] = aio_any(self->half);
    CHECK_INT(aio_future_set_result(&self->future, ((struct point){ 5, 6 })), 0);
    AIO_AWAIT(aio_gather(self->all, 4, 0));
    CHECK(self->half->result > 1.4 && self->fill->result.text[199] == 'f' && self->future.result.y == 6);
    /* what cannot be waited for: nothing happens */
    self->all[2] = NULL;
    AIO_TRY(self->error, aio_gather(self->all, 4, 0));
    CHECK_INT(self->error, AIO_ENOMEM);
    self->all[2] = aio_any(item(9, 9));
    AIO_TRY(self->error, aio_gather(self->all, 4, 0));
    CHECK_INT(self->error, AIO_EINVAL);
    aio_discard(self->all[2]);
    self->all[2] = aio_any(aio_sleep(0));
    AIO_TRY(self->error, aio_gather(self->all, 4, 0));
    CHECK_INT(self->error, AIO_EINVAL);
    self->all[2] = aio_current_task();
    AIO_TRY(self->error, aio_gather(self->all, 4, 0));
    CHECK_INT(self->error, AIO_EDEADLK);
    aio_release(self->half);
    aio_release(self->fill);
    AIO_END;
}

CORO_TEST(gather_array_errors, struct items items; int error;)
{
    AIO_BEGIN;
    /* the first error comes out at once; the others run on */
    make(&self->items, item(1, 5), item(2, 2, EFIRST), item(3, 1));
    AIO_TRY(self->error, WAIT_FOR('g', self->items, 0));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("s1 s2 s3 e3 f3,0@1 f2,-10001@2 out,-10001@2 ");
    CHECK(!aio_task_done(self->items.a));
    AIO_TRY(self->error, WAIT_FOR('g', self->items, 0));       /* it is there already */
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("out,-10001@2 ");
    AIO_AWAIT(self->items.a);
    CHECK_NOTES("e1 f1,0@5 ");
    unmake(&self->items);
    /* one that was cancelled is one */
    make(&self->items, item(1, 5), item(2, 4), item(3, 9));
    CHECK_INT(aio_spawn(aio_new(cancels_later, self->items.c, 1)), 0);
    AIO_TRY(self->error, WAIT_FOR('g', self->items, 0));
    CHECK_INT(self->error, AIO_ECANCELED);      /* not our own cancellation: AIO_TRY takes it */
    CHECK_NOTES("s1 s2 s3 f3,-125@6 out,-125@6 ");
    AIO_TRY(self->error, WAIT_FOR('g', self->items, 0));
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(aio_task_cancelling(self), 0);
    AIO_AWAIT(aio_sleep(9));
    CHECK_NOTES("out,-125@6 e2 f2,0@9 e1 f1,0@10 ");
    unmake(&self->items);
    /* AIO_RETURN_EXCEPTIONS */
    make(&self->items, item(1, 3, EFIRST), item(2, 2, ESECOND), item(3, 5));
    aio_task_cancel(self->items.c);
    AIO_AWAIT(WAIT_FOR('g', self->items, AIO_RETURN_EXCEPTIONS));
    CHECK_NOTES("s1 s2 f3,-125@15 f2,-10002@17 f1,-10001@18 out,0@18 ");
    CHECK_INT(aio_task_error(self->items.a), EFIRST);
    CHECK_INT(aio_task_error(self->items.b), ESECOND);
    CHECK_INT(aio_task_error(self->items.c), AIO_ECANCELED);
    unmake(&self->items);
    /* AIO_CANCEL_ON_ERROR */
    make(&self->items, item(1, 9, 0, 2), item(2, 2, EFIRST), item(3, 9, 0, 4));
    AIO_TRY(self->error, WAIT_FOR('g', self->items, AIO_CANCEL_ON_ERROR));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("s1 s2 s3 f2,-10001@20 f1,-125@22 f3,-125@24 out,-10001@24 ");
    unmake(&self->items);
    make(&self->items, item(1, AT_ONCE), item(2, AT_ONCE, EFIRST), item(3, 9));
    AIO_AWAIT(aio_sleep(1));
    AIO_TRY(self->error, WAIT_FOR('g', self->items, AIO_CANCEL_ON_ERROR));      /* failed before */
    CHECK_INT(self->error, EFIRST);
    CHECK(aio_task_cancelled(self->items.c));
    unmake(&self->items);
    tap_text[0] = 0;
    /* two errors: the second one is not looked at, and is not lost */
    make(&self->items, item(1, 2, EFIRST), item(2, 3, ESECOND), item(3, 1));
    AIO_TRY(self->error, WAIT_FOR('g', self->items, 0));
    CHECK_INT(self->error, EFIRST);
    AIO_AWAIT(aio_sleep(5));
    tap_text[0] = 0;
    unmake(&self->items);
    CHECK_NOTES("[item failed, and nobody looked at its error -10002]");
    AIO_END;
}

CORO_TEST(gather_array_cancelled, struct items items; struct waits *task; struct aio_void *gather; int error;
          struct aio_any *all[3]; AIO_FUTURE(int) future;)
{
    AIO_BEGIN;
    make(&self->items, item(1, 9, 0, 2), item(2, 1), item(3, 9, 0, 4));
    self->task = aio_create_task(WAIT_FOR('g', self->items, 0));
    AIO_AWAIT(aio_sleep(2));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);      /* comes out when all have ended */
    CHECK_NOTES("s1 s2 s3 e2 f2,0@1 f1,-125@4 f3,-125@6 out,-125@6 ");
    aio_release(self->task);
    unmake(&self->items);
    /* twice: the second request hurries their cleanup */
    make(&self->items, item(1, 9, 0, 20), item(2, 1), item(3, 9, 0, 40));
    self->task = aio_create_task(WAIT_FOR('g', self->items, 0));
    AIO_AWAIT(aio_sleep(2));
    CHECK(aio_task_cancel(self->task));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("s1 s2 s3 e2 f2,0@7 f1,-125@9 f3,-125@9 out,-125@9 ");
    aio_release(self->task);
    unmake(&self->items);
    /* a deadline, also one that strikes before the first step; the gather itself as a task */
    make(&self->items, item(1, 9, 0, 2), item(2, 1), item(3, 9));
    AIO_TRY(self->error, aio_wait_for(WAIT_FOR('g', self->items, 0), 3));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_NOTES("s1 s2 s3 e2 f2,0@10 f3,-125@12 f1,-125@14 out,-125@14 ");
    unmake(&self->items);
    make(&self->items, item(1, 9, 0, 2), item(2, 1), item(3, 9));
    self->all[0] = aio_any(self->items.a);
    self->all[1] = aio_any(self->items.b);
    self->all[2] = aio_any(&self->future);
    AIO_TRY(self->error, aio_wait_for(aio_gather(self->all, 3, 0), 0));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK(aio_future_cancelled(&self->future));
    CHECK_NOTES("f2,-125@14 s3 f1,-125@16 ");
    aio_task_cancel(self->items.c);
    AIO_TRY(self->error, self->items.c);
    unmake(&self->items);
    tap_text[0] = 0;
    make(&self->items, item(1, 9, 0, 2), item(2, 1), item(3, 9));
    self->all[0] = aio_any(self->items.a);
    self->all[1] = aio_any(self->items.b);
    self->all[2] = aio_any(self->items.c);
    self->gather = aio_create_task(aio_gather(self->all, 3, 0));
    CHECK(aio_task_cancel(self->gather));
    AIO_TRY(self->error, self->gather);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(aio_now(), 18);
    CHECK(aio_task_cancelled(self->items.a) && aio_task_cancelled(self->items.b) && aio_task_cancelled(self->items.c));
    aio_release(self->gather);
    unmake(&self->items);
    tap_text[0] = 0;
    /* behind a shield it goes on */
    make(&self->items, item(1, 3), item(2, 1), item(3, 4));
    self->all[0] = aio_any(self->items.a);
    self->all[1] = aio_any(self->items.b);
    self->all[2] = aio_any(self->items.c);
    self->gather = aio_create_task(aio_wait_for(aio_gather(self->all, 3, 0), 100));
    AIO_TRY(self->error, aio_wait_for(aio_wait_for(aio_shield(self->gather), 2), 50));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    AIO_AWAIT(self->gather);
    CHECK_NOTES("s1 s2 s3 e2 f2,0@19 e1 f1,0@21 e3 f3,0@22 ");
    aio_release(self->gather);
    unmake(&self->items);
    AIO_END;
}

/* One that refuses to be cancelled: the cancellation of the wait comes out all the same, at its end. */
struct refuses { AIO_FRAME(int); int error; };
static AIO_CORO(refuses)
{
    AIO_BEGIN;
    AIO_CATCH(self->error, aio_sleep(10));
    AIO_AWAIT(aio_sleep(5));
    AIO_RETURN(8);
    AIO_END;
}
CORO_TEST(refused_cancel, struct refuses *a; struct aio_any *all[1]; struct aio_void *gather; int error;)
{
    AIO_BEGIN;
    self->a = aio_create_task(aio_new(refuses));
    self->all[0] = aio_any(self->a);
    self->gather = aio_create_task(aio_gather(self->all, 1, 0));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->gather));
    AIO_TRY(self->error, self->gather);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK(aio_now() == 6 && self->a->result == 8 && aio_task_error(self->a) == 0);
    aio_release(self->gather);
    aio_release(self->a);
    AIO_END;
}

/* ------------------------------------------------------------------------------------ aio_wait */

CORO_TEST(wait, struct items items; ptrdiff_t n; int error; struct aio_any *all[2]; AIO_FUTURE(int) future;)
{
    AIO_BEGIN;
    make(&self->items, item(1, 3), item(2, 1, EFIRST), item(3, 2));
    AIO_AWAIT(self->n, WAIT_FOR('w', self->items, AIO_FIRST_COMPLETED, .timeout = 0));      /* only looks */
    CHECK_INT(self->n, 0);
    CHECK_NOTES("out,0@0 ");
    AIO_AWAIT(self->n, WAIT_FOR('w', self->items, AIO_ALL_COMPLETED, .timeout = -5));
    CHECK_INT(self->n, 0);
    AIO_AWAIT(self->n, WAIT_FOR('w', self->items, AIO_FIRST_COMPLETED, .timeout = AIO_FOREVER));
    CHECK_INT(self->n, 1);
    CHECK_NOTES("out,0@0 s1 s2 s3 f2,-10001@1 out,0@1 ");
    CHECK(aio_task_done(self->items.b) && !aio_task_done(self->items.c));
    AIO_AWAIT(self->n, WAIT_FOR('w', self->items, AIO_FIRST_EXCEPTION, .timeout = AIO_FOREVER));    /* it is there */
    CHECK_INT(self->n, 1);
    AIO_AWAIT(self->n, WAIT_FOR('w', self->items, AIO_ALL_COMPLETED, .timeout = 1));
    CHECK_INT(self->n, 2);
    CHECK_NOTES("out,0@1 e3 f3,0@2 out,0@2 ");
    AIO_AWAIT(self->n, WAIT_FOR('w', self->items, AIO_ALL_COMPLETED, .timeout = AIO_FOREVER));
    CHECK_INT(self->n, 3);
    CHECK_NOTES("e1 f1,0@3 out,0@3 ");
    AIO_AWAIT(self->n, WAIT_FOR('w', self->items, AIO_ALL_COMPLETED, .timeout = 0));
    CHECK_INT(self->n, 3);
    CHECK_INT(aio_task_error(self->items.b), EFIRST);       /* the wait does not look at it */
    unmake(&self->items);
    tap_text[0] = 0;
    /* an error, but not a cancellation, ends the wait for the first one; without any it waits for all */
    make(&self->items, item(1, 5), item(2, 3, EFIRST), item(3, 9));
    aio_task_cancel(self->items.a);
    AIO_AWAIT(self->n, WAIT_FOR('w', self->items, AIO_FIRST_EXCEPTION, .timeout = AIO_FOREVER));
    CHECK(self->n == 2 && aio_now() == 6);
    aio_task_cancel(self->items.c);
    CHECK_INT(aio_task_error(self->items.b), EFIRST);
    AIO_AWAIT(self->n, WAIT_FOR('w', self->items, AIO_ALL_COMPLETED, .timeout = AIO_FOREVER));
    CHECK(self->n == 3 && aio_now() == 6);
    unmake(&self->items);
    make(&self->items, item(1, 5), item(2, 3), item(3, 1));
    AIO_AWAIT(self->n, WAIT_FOR('w', self->items, AIO_FIRST_EXCEPTION, .timeout = AIO_FOREVER));
    CHECK(self->n == 3 && aio_now() == 11);
    unmake(&self->items);
    tap_text[0] = 0;
    /* what it is given */
    AIO_TRY(self->error, self->n, aio_wait(self->all, 0, AIO_ALL_COMPLETED, 5));
    CHECK(self->error == AIO_EINVAL && self->n == 0);
    self->all[0] = aio_any(&self->future);
    AIO_TRY(self->error, aio_wait(self->all, 2, AIO_ALL_COMPLETED, 5));
    CHECK_INT(self->error, AIO_ENOMEM);
    self->all[1] = aio_any(item(1, 1));
    AIO_TRY(self->error, aio_wait(self->all, 2, AIO_ALL_COMPLETED, 0));
    CHECK_INT(self->error, AIO_EINVAL);
    aio_discard(self->all[1]);
    self->all[1] = aio_any(self);
    AIO_TRY(self->error, aio_wait(self->all, 2, AIO_ALL_COMPLETED, AIO_FOREVER));
    CHECK_INT(self->error, AIO_EDEADLK);
    self->all[1] = aio_any(&self->future);
    AIO_AWAIT(self->n, aio_wait(self->all, 2, AIO_ALL_COMPLETED, 2));
    CHECK_INT(self->n, 0);
    CHECK_INT(aio_future_set_error(&self->future, EFIRST), 0);
    AIO_AWAIT(self->n, aio_wait(self->all, 2, AIO_FIRST_EXCEPTION, AIO_FOREVER));
    CHECK_INT(self->n, 2);
    CHECK_INT(aio_now(), 13);
    AIO_END;
}

/* The result is that of the moment at which it goes on. Ends in the turn in which the time is up. */
CORO_TEST(wait_ties, struct items items; ptrdiff_t n; int error;)
{
    AIO_BEGIN;
    make(&self->items, item(1, 2), item(2, 2), item(3, 2));
    AIO_AWAIT(self->n, WAIT_FOR('w', self->items, AIO_FIRST_COMPLETED, .timeout = AIO_FOREVER));
    CHECK_INT(self->n, 3);
    unmake(&self->items);
    make(&self->items, item(1, 3), item(2, 3), item(3, 9));
    AIO_AWAIT(aio_sleep(0));
    AIO_AWAIT(self->n, WAIT_FOR('w', self->items, AIO_ALL_COMPLETED, .timeout = 3));
    CHECK(self->n == 2 && aio_now() == 5);
    AIO_TRY(self->error, aio_wait_for(WAIT_FOR('w', self->items, AIO_ALL_COMPLETED, .timeout = 3), 2));
    CHECK(self->error == AIO_ETIMEDOUT && aio_now() == 7 && !aio_task_done(self->items.c));
    AIO_AWAIT(self->items.c);
    unmake(&self->items);
    tap_text[0] = 0;
    AIO_END;
}

CORO_TEST(wait_cancelled, struct items items; struct waits *task; int error;)
{
    AIO_BEGIN;
    make(&self->items, item(1, 3), item(2, 1), item(3, 4));
    self->task = aio_create_task(WAIT_FOR('w', self->items, AIO_ALL_COMPLETED, .timeout = 50));
    AIO_AWAIT(aio_sleep(2));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(self->task->result, 1);           /* so many had ended */
    CHECK_NOTES("s1 s2 s3 e2 f2,0@1 out,-125@2 ");
    aio_release(self->task);
    AIO_AWAIT(self->items.c);                   /* the tasks are left alone */
    CHECK_NOTES("e1 f1,0@3 e3 f3,0@4 ");
    CHECK(aio_task_error(self->items.a) == 0 && aio_task_error(self->items.c) == 0);
    unmake(&self->items);
    make(&self->items, item(1, 3), item(2, 1), item(3, 4));
    self->task = aio_create_task(WAIT_FOR('w', self->items, AIO_FIRST_COMPLETED, .timeout = AIO_FOREVER));
    AIO_AWAIT(aio_sleep(1));
    AIO_AWAIT(aio_sleep(0));                    /* it has been woken, and has not run */
    CHECK(aio_task_done(self->items.b));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(self->task->result, 1);
    AIO_AWAIT(self->items.c);
    aio_release(self->task);
    unmake(&self->items);
    tap_text[0] = 0;
    AIO_END;
}

/* ----------------------------------------------------------------------------- aio_as_completed */

CORO_TEST(as_completed, struct items items; ptrdiff_t n; int error; struct aio_any *all[3], *one;
          struct aio_completed *completed; bool more;)
{
    AIO_BEGIN;
    make(&self->items, item(1, 3), item(2, 1, EFIRST), item(3, 2));
    AIO_AWAIT(self->n, WAIT_FOR('c', self->items, .timeout = AIO_FOREVER));
    CHECK_INT(self->n, 3);
    CHECK_NOTES("s1 s2 s3 f2,-10001@1 <2 e3 f3,0@2 <3 e1 f1,0@3 <1 out,0@3 ");
    AIO_AWAIT(self->n, WAIT_FOR('c', self->items, .timeout = 0));   /* done ones, in the order of the array */
    CHECK_NOTES("<1 <2 <3 out,0@3 ");
    CHECK_INT(aio_task_error(self->items.b), EFIRST);
    unmake(&self->items);
    AIO_AWAIT(aio_new(waits, 'c', .timeout = 0));   /* none */
    CHECK_NOTES("out,0@3 ");
    /* the time is up: nothing is cancelled */
    make(&self->items, item(1, 3), item(2, 1), item(3, 9));
    AIO_TRY(self->error, self->n, WAIT_FOR('c', self->items, .timeout = 5));
    CHECK(self->error == AIO_ETIMEDOUT && self->n == 2);
    CHECK_NOTES("s1 s2 s3 e2 f2,0@4 <2 e1 f1,0@6 <1 out,-110@8 ");
    AIO_TRY(self->error, self->n, WAIT_FOR('c', self->items, .timeout = 0));    /* done ones come first */
    CHECK(self->error == AIO_ETIMEDOUT && self->n == 2);
    CHECK_NOTES("<1 <2 out,-110@8 ");
    AIO_AWAIT(self->items.c);
    CHECK_NOTES("e3 f3,0@12 ");
    unmake(&self->items);
    /* break leaves the others alone, and the array may go */
    make(&self->items, item(1, 3), item(2, 1), item(3, 2));
    AIO_AWAIT(self->n, WAIT_FOR('c', self->items, 1, .timeout = AIO_FOREVER));
    CHECK_NOTES("s1 s2 s3 e2 f2,0@13 <2 out,0@13 ");
    AIO_AWAIT(self->items.a);
    CHECK_NOTES("e3 f3,0@14 e1 f1,0@15 ");
    unmake(&self->items);
    /* one by one, and one of them twice */
    make(&self->items, item(1, 3), item(2, 1), item(3, 9));
    self->all[0] = aio_any(self->items.a);
    self->all[1] = aio_any(self->items.b);
    self->all[2] = aio_any(self->items.a);
    self->completed = aio_as_completed(self->all, 3, AIO_FOREVER);
    AIO_NEXT(self->more, self->one, self->completed);
    CHECK(self->more && self->one == self->all[1]);
    AIO_AWAIT(aio_sleep(5));                    /* they end while it rests */
    AIO_NEXT(self->more, self->one, self->completed);
    CHECK(self->more && self->one == self->all[0]);
    AIO_NEXT(self->more, self->one, self->completed);
    CHECK(self->more && self->one == self->all[0]);
    self->one = NULL;
    AIO_NEXT(self->more, self->one, self->completed);
    CHECK(!self->more && !self->one);
    AIO_NEXT(self->more, self->one, self->completed);
    CHECK(!self->more);
    AIO_CLOSE(self->completed);
    /* left in the middle, with a deadline that is not over */
    self->all[0] = aio_any(self->items.c);
    self->completed = aio_as_completed(self->all, 3, 4);
    AIO_NEXT(self->more, self->one, self->completed);
    CHECK(self->more && self->one == aio_any(self->items.b));
    AIO_CLOSE(self->completed);
    memset(self->all, 0xdb, sizeof self->all);
    AIO_AWAIT(self->items.c);
    unmake(&self->items);
    tap_text[0] = 0;
    /* what is no handle */
    self->all[0] = aio_any(item(1, 1));
    self->completed = aio_as_completed(self->all, 1, AIO_FOREVER);
    AIO_TRY(self->error, aio_new(waits, 'c', { self->all[0] }, 1));
    CHECK_INT(self->error, AIO_EINVAL);
    aio_discard(self->all[0]);
    aio_discard(self->completed);
    AIO_TRY(self->error, aio_new(waits, 'c', { NULL }, 1));
    CHECK_INT(self->error, AIO_ENOMEM);
    tap_text[0] = 0;
    AIO_END;
}

CORO_TEST(as_completed_cancelled, struct items items; struct waits *task; int error;)
{
    AIO_BEGIN;
    make(&self->items, item(1, 3), item(2, 1), item(3, 9));
    self->task = aio_create_task(WAIT_FOR('c', self->items, .timeout = 100));
    AIO_AWAIT(aio_sleep(2));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("s1 s2 s3 e2 f2,0@1 <2 out,-125@2 ");
    aio_release(self->task);
    AIO_TRY(self->error, aio_wait_for(WAIT_FOR('c', self->items, .timeout = 100), 2));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_NOTES("<2 e1 f1,0@3 <1 out,-125@4 ");
    AIO_AWAIT(self->items.c);
    CHECK_NOTES("e3 f3,0@9 ");
    unmake(&self->items);
    AIO_END;
}

/* ----------------------------------------------------------------------------------- together */

/* Whoever waits for a task, in whatever way, hears of its end in the order in which they came. */
static void called(struct aio_callback *callback) { note("%s ", (const char *)callback->arg); }
struct hears { AIO_FRAME(void); char how; const char *name; struct aio_any *all[2]; };
static AIO_CORO(hears)
{
    AIO_BEGIN;
    if (self->how == 'a')
        AIO_AWAIT(self->all[0]);
    else if (self->how == 's')
        AIO_AWAIT(aio_shield(self->all[0]));
    else if (self->how == 'g')
        AIO_AWAIT(aio_gather(self->all, 1, 0));
    else
        AIO_AWAIT(aio_wait(self->all, 2, AIO_FIRST_COMPLETED, AIO_FOREVER));
    note("%s ", self->name);
    AIO_END;
}
CORO_TEST(in_order, struct whole *task, *later; struct aio_callback first, last; struct aio_group group;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(whole, 1, 5));
    self->later = aio_create_task(aio_new(whole, 1, 50));
    self->first.fn = self->last.fn = called;
    self->first.arg = (void *)(uintptr_t)"first";
    self->last.arg = (void *)(uintptr_t)"last";
    aio_add_done_callback(self->task, &self->first);
    aio_group_open(&self->group, self, 0, 0);
    if (aio_group_spawn(&self->group, aio_new(hears, 'a', "await", { aio_any(self->task), NULL })) ||
        aio_group_spawn(&self->group, aio_new(hears, 'w', "wait", { aio_any(self->later), aio_any(self->task) })) ||
        aio_group_spawn(&self->group, aio_new(hears, 's', "shield", { aio_any(self->task), NULL })) ||
        aio_group_spawn(&self->group, aio_new(hears, 'g', "gather", { aio_any(self->task), NULL })) ||
        aio_group_spawn(&self->group, aio_new(hears, 'a', "again", { aio_any(self->task), NULL })))
        AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(aio_sleep(1));
    aio_add_done_callback(self->task, &self->last);
    AIO_AWAIT(aio_group_join(&self->group));
    CHECK_NOTES("first await wait shield gather again last ");
    aio_release(self->task);
    aio_release(self->later);
    AIO_END;
}

/* Waits for the same things, one in the other. */
CORO_TEST(all_together, struct item *a, *b; struct aio_any *all[2]; int r, which, error; ptrdiff_t n;)
{
    AIO_BEGIN;
    self->a = aio_create_task(item(1, 3));
    self->b = aio_create_task(item(2, 5));
    self->all[0] = aio_any(self->a);
    self->all[1] = aio_any(self->b);
    AIO_GATHER(self->r, aio_shield(self->a), self->n, aio_wait(self->all, 2, AIO_FIRST_COMPLETED, AIO_FOREVER));
    CHECK(self->r == 1 && self->n == 1);
    AIO_RACE(self->which, aio_gather(self->all, 2, 0), aio_sleep(1));
    CHECK(self->which == 1 && aio_task_cancelled(self->b));     /* a gather that loses cancels what it gathers */
    CHECK_NOTES("s1 s2 e1 f1,0@3 f2,-125@4 ");
    aio_release(self->b);
    self->b = aio_create_task(item(2, 5));
    self->all[1] = aio_any(self->b);
    AIO_RACE(self->which, aio_wait(self->all, 2, AIO_ALL_COMPLETED, AIO_FOREVER), aio_sleep(1));
    CHECK(self->which == 1 && !aio_task_done(self->b));         /* a wait does not */
    AIO_TRY(self->error, aio_wait_for(aio_wait_for(aio_wait(self->all, 2, AIO_ALL_COMPLETED, 50), 20), 1));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    AIO_ALL(aio_gather(self->all, 2, 0), aio_wait_for(self->b, 10), aio_wait(self->all, 2, AIO_ALL_COMPLETED, 9));
    CHECK_NOTES("s2 e2 f2,0@9 ");
    aio_release(self->a);
    aio_release(self->b);
    AIO_END;
}

/* ----------------------------------------------------------------------------------------- many */

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
struct crowd { AIO_FRAME(void); char how; size_t n, i; struct aio_any **all, *one; ptrdiff_t count;
               struct aio_completed *slot; };
static AIO_CORO(crowd)
{
    AIO_BEGIN;
    self->all = (struct aio_any **)calloc(self->n, sizeof *self->all);
    for (self->i = 0; self->i < self->n; self->i++)
        self->all[self->i] = aio_any(aio_create_task(aio_new(whole, 1, 1 + (aio_time)(self->i * 7 % 100))));
    if (self->how == 'g')
        AIO_AWAIT(aio_gather(self->all, self->n, 0));
    else if (self->how == 'w') {
        AIO_AWAIT(self->count, aio_wait(self->all, self->n, AIO_ALL_COMPLETED, AIO_FOREVER));
        CHECK_INT(self->count, self->n);
    } else {
        AIO_FOREACH(self->one, self->slot, aio_as_completed(self->all, self->n, AIO_FOREVER))
            self->count += aio_task_done(self->one);
        CHECK_INT(self->count, self->n);
    }
    AIO_FINALLY;
    for (self->i = 0; self->i < self->n; self->i++)
        aio_release(self->all[self->i]);
    free(self->all);
    AIO_END;
}
static double crowd_takes(char how, size_t n)
{
    double best = 1e9, took;
    int k;
    for (k = 0; k < 3; k++) {
        took = seconds();
        CHECK_INT(run(aio_new(crowd, how, n)), 0);
        took = seconds() - took;
        best = took < best ? took : best;
    }
    return best;
}
TEST(twenty_thousand)
{
    const char *how;
    for (how = "gwc"; *how; how++) {
        double once = crowd_takes(*how, (size_t)core_many(5000)), four = crowd_takes(*how, (size_t)core_many(20000));
        CHECK(four < 12 * once || getenv("AIO_TEST_SLOW"), "%c: %g s, and four times as many %g s", *how, once, four);
    }
}

/* Whoever gathers over its own task would wait for itself: nobody runs. */
struct own { AIO_FRAME(void); struct aio_any *me; int ran, which; };
struct ran { AIO_FRAME(int); int *ran; };
static AIO_CORO(ran) { AIO_BEGIN; ++*self->ran; AIO_FINALLY; ++*self->ran; AIO_END; }
static AIO_CORO(own)
{
    AIO_BEGIN;
    if (self->which)
        AIO_RACE(self->which, aio_new(ran, &self->ran), self->me);
    else
        AIO_ALL(aio_new(ran, &self->ran), self->me, aio_new(ran, &self->ran));
    AIO_FINALLY;
    CHECK_INT(aio_coro_error(self), AIO_EDEADLK);
    CHECK_INT(self->ran, 0);
    AIO_END;
}

CORO_TEST(over_oneself, struct own *task; int i, error;)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 2; self->i++) {
        self->task = aio_create_task(aio_new(own, .which = self->i));
        self->task->me = aio_any(self->task);
        AIO_TRY(self->error, self->task);
        CHECK_INT(self->error, AIO_EDEADLK);
        aio_release(self->task);
    }
    AIO_END;
}

/* What all members had been given before the request came out is not lost: it comes out, and the request strikes at
   the next suspension. The winner of a race that failed has won nothing. */
struct served {
    AIO_FRAME(int);
    int how, which, a, b, items[2][1];
    struct aio_queue first, second;
    struct aio_channel channel;
};
static AIO_CORO(served)
{
    AIO_BEGIN;
    self->which = -9;
    aio_queue_init(&self->first, self->items[0]);
    aio_queue_init(&self->second, self->items[1]);
    aio_channel_init_unbuffered(&self->channel, sizeof(int));
    if (self->how == 'a')
        AIO_ALL(aio_queue_get(&self->first, &self->a), aio_queue_get(&self->second, &self->b));
    else if (self->how == 'r')
        AIO_RACE(self->which, aio_queue_get(&self->first, &self->a), aio_queue_get(&self->second, &self->b));
    else
        AIO_RACE(self->which, aio_channel_send(&self->channel, &self->a), aio_sleep(AIO_FOREVER));
    note("through ");
    AIO_AWAIT(aio_sleep(1));
    note("never ");
    AIO_FINALLY;
    note("%d: %d,%d which %d ", aio_coro_error(self), self->a, self->b, self->which);
    AIO_END;
}

CORO_TEST(served_and_cancelled, struct served *task; int i, item, error;)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 4; self->i++) {
        self->task = aio_create_task(aio_new(served, .how = "aarc"[self->i]));
        AIO_AWAIT(aio_sleep(1));
        self->item = 5;
        if (self->i == 3)
            aio_channel_close_send(&self->task->channel);
        else
            CHECK_INT(aio_queue_put_nowait(&self->task->first, &self->item), 0);
        self->item = 6;
        if (self->i == 0)
            CHECK_INT(aio_queue_put_nowait(&self->task->second, &self->item), 0);
        aio_task_cancel(self->task);
        AIO_TRY(self->error, self->task);
        CHECK_INT(self->error, self->i == 3 ? AIO_ESHUTDOWN : AIO_ECANCELED);
        aio_release(self->task);
        CHECK_NOTES(self->i == 0 ? "through -125: 5,6 which -9 " : self->i == 1 ? "-125: 5,0 which -9 " :
                    self->i == 2 ? "through -125: 5,0 which 0 " : "-108: 0,0 which 0 ");
    }
    AIO_END;
}

/* A bare operation that fails in a group is reported by its own name. */
struct sends { AIO_FRAME(void); struct aio_channel channel; struct aio_group group; int item; };
static AIO_CORO(sends)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, AIO_GROUP_KEEP_GOING);
    CHECK_INT(aio_group_spawn(&self->group, aio_channel_send(&self->channel, &self->item)), 0);
    AIO_END;
}
TEST(a_bare_operation_has_a_name)
{
    CHECK_INT(run(aio_new(sends)), 0);
    CHECK_NOTES("[aio_queue_put failed -108]");
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(one_to_eight), T(types), T(operations), T(evaluated_once), T(duplicates), T(first_error),
        T(gather_cancelled), T(member_cancelled), T(in_finally), T(nested), T(in_timeout), T(in_generators), T(race),
        T(race_cancelled_member), T(race_cancelled), T(losers_errors), T(race_in_race), T(locks), T(nothing_is_lost),
        T(gather_array), T(gather_array_errors), T(gather_array_cancelled), T(refused_cancel), T(wait), T(wait_ties),
        T(wait_cancelled), T(as_completed), T(as_completed_cancelled), T(in_order), T(all_together), T(twenty_thousand), T(over_oneself),
        T(served_and_cancelled), T(a_bare_operation_has_a_name));
}
