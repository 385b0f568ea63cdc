/* Generators: AIO_YIELD, AIO_FOREACH, AIO_NEXT, AIO_CLOSE. Whatever way the loop is left, the generator's
   cleanup has run once, and nothing of it is left. */
#include "core.h"

enum { EFIRST = AIO_EUSER - 1, ESECOND = AIO_EUSER - 2 };

/* 1, 2, ... n, with a pause in front of each; and how it ended. */
struct count { AIO_FRAME(int); int n; aio_time pause, cleanup; int error, cleanup_error; char id; int i; };
static AIO_CORO(count)
{
    AIO_BEGIN;
    for (self->i = 1; self->i <= self->n; self->i++) {
        if (self->pause)
            AIO_AWAIT(aio_sleep(self->pause));
        AIO_YIELD(self->i);
    }
    if (self->error)
        AIO_RAISE(self->error);
    AIO_FINALLY;
    note("%cf%d ", self->id ? self->id : 'c', aio_coro_error(self));
    if (self->cleanup) {
        AIO_AWAIT(aio_sleep(self->cleanup));
        note("%cg%d ", self->id ? self->id : 'c', aio_coro_error(self));
    }
    if (self->cleanup_error)
        AIO_RAISE(self->cleanup_error);
    AIO_END;
}

/* ------------------------------------------------------------------------------------- values */

struct squares { AIO_FRAME(long); int i, n; };
static AIO_CORO(squares)                        /* no AIO_FINALLY */
{
    AIO_BEGIN;
    for (; self->i < self->n; self->i++)
        AIO_YIELD((long)self->i * self->i);
    AIO_END;
}
struct point { int x, y; };
struct points { AIO_FRAME(struct point); int i; };
static AIO_CORO(points)
{
    AIO_BEGIN;
    for (; self->i < 3; self->i++) {
        struct point p;
        p.x = self->i;
        p.y = -self->i;
        AIO_YIELD(p);
    }
    AIO_RETURN();
    AIO_END;
}
struct words { AIO_FRAME(const char *); };
static AIO_CORO(words) { AIO_BEGIN; AIO_YIELD("one"); AIO_YIELD("two"); AIO_END; }
struct block { char text[200]; };
struct blocks { AIO_FRAME(struct block); int i; };
static AIO_CORO(blocks)
{
    AIO_BEGIN;
    for (; self->i < 2; self->i++) {
        memset(self->result.text, 'a' + self->i, sizeof self->result.text);
        AIO_YIELD(self->result);
    }
    AIO_END;
}
/* Yields what it holds in a variable that it changes afterwards: values are copied. */
struct steps { AIO_FRAME(int); int x; };
static AIO_CORO(steps)
{
    AIO_BEGIN;
    AIO_YIELD(self->x); self->x++; AIO_YIELD(self->x); self->x++;      /* two in a line */
    if (self->x == 2) AIO_YIELD(self->x); else AIO_YIELD(-1);          /* without braces */
    AIO_END;
}

CORO_TEST(values, struct squares *squares; struct points *points; struct words *words; struct blocks *blocks;
          struct steps *steps; long square, sum; struct point point; const char *word; int step; struct block block;)
{
    AIO_BEGIN;
    AIO_FOREACH(self->square, self->squares, aio_new(squares, .n = 5))
        self->sum += self->square;              /* a body without braces */
    CHECK_INT(self->sum, 30);
    AIO_FOREACH(self->point, self->points, aio_new(points))
        note("%d,%d ", self->point.x, self->point.y);
    AIO_FOREACH(self->word, self->words, aio_new(words))
        note("%s ", self->word);
    AIO_FOREACH(self->step, self->steps, aio_new(steps))
        note("%d ", self->step);
    CHECK_NOTES("0,0 1,-1 2,-2 one two 0 1 2 ");
    AIO_FOREACH(self->block, self->blocks, aio_new(blocks)) {
        CHECK_INT(self->block.text[199], 'a' + self->blocks->i);
        note("%c ", self->block.text[0]);
    }
    CHECK_NOTES("a b ");
    CHECK(!self->squares && !self->points && !self->words && !self->blocks && !self->steps);
    CHECK_INT(aio_now(), 0);
    AIO_END;
}

/* Its frame is the consumer's to look at, and it may stand anywhere. */
CORO_TEST(placed, struct count slot, *at; int value, twice;)
{
    AIO_BEGIN;
    for (; self->twice < 2; self->twice++) {
        AIO_FOREACH(self->value, self->at, aio_place(&self->slot, count, .n = 9)) {
            CHECK(self->at == &self->slot);
            if (self->at->i == 3)
                break;
        }
        CHECK_INT(self->slot.i, 3);
    }
    CHECK_NOTES("cf-125 cf-125 ");
    AIO_END;
}

CORO_TEST(empty, struct count *slot; struct squares *bare; int value; long square;)
{
    AIO_BEGIN;
    AIO_FOREACH(self->value, self->slot, aio_new(count))
        note("never ");
    CHECK_NOTES("cf0 ");
    AIO_FOREACH(self->square, self->bare, aio_new(squares))
        note("never ");
    self->value = 7;
    AIO_FOREACH(self->value, self->slot, aio_new(count, .cleanup = 3))
        note("never ");
    CHECK_NOTES("cf0 cg0 ");
    CHECK_INT(self->value, 7);
    CHECK_INT(aio_now(), 3);
    CHECK(!self->slot && !self->bare);
    AIO_END;
}

/* ------------------------------------------------------------------------- all the ways out */

struct consume {
    AIO_FRAME(int);
    char how;
    aio_time cleanup;
    int error, cleanup_error;
    struct count *slot;
    int value;
};
static AIO_CORO(consume)
{
    AIO_BEGIN;
    AIO_FOREACH(self->value, self->slot, aio_new(count, 3, 1, self->cleanup, self->error, self->cleanup_error)) {
        CHECK(self->slot && self->slot->result == self->value);
        if (self->value == 2) {
            if (self->how == 'b')
                break;
            if (self->how == 'c')
                continue;
            if (self->how == 'r')
                AIO_RETURN(self->value);
            if (self->how == 'e')
                AIO_RAISE(EFIRST);
            if (self->how == 's')
                AIO_AWAIT(aio_sleep(AIO_FOREVER));
            if (self->how == 'x') {
                AIO_AWAIT(self->value, (struct aio_int *)NULL);
                note("never ");
            }
        }
        note("%d ", self->value);
    }
    CHECK(!self->slot);
    note("behind ");
    AIO_FINALLY;
    CHECK(!self->slot);
    note("F%d", aio_coro_error(self));
    AIO_END;
}

CORO_TEST(ways_out, int error, value;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(consume, 'n'));
    CHECK_INT(self->error, 0);
    CHECK_NOTES("1 2 3 cf0 behind F0");
    AIO_TRY(self->error, aio_new(consume, 'n', 5));
    CHECK_NOTES("1 2 3 cf0 cg0 behind F0");
    AIO_TRY(self->error, aio_new(consume, 'c', 5));
    CHECK_NOTES("1 3 cf0 cg0 behind F0");
    AIO_TRY(self->error, aio_new(consume, 'b'));
    CHECK_NOTES("1 cf-125 behind F0");
    AIO_TRY(self->error, aio_new(consume, 'b', 5));
    CHECK_INT(self->error, 0);
    CHECK_NOTES("1 cf-125 cg-125 behind F0");
    AIO_TRY(self->error, self->value, aio_new(consume, 'r'));
    CHECK_INT(self->value, 2);
    CHECK_NOTES("1 cf-125 F0");
    self->value = 0;
    AIO_TRY(self->error, self->value, aio_new(consume, 'r', 5));
    CHECK_INT(self->error, 0);
    CHECK_INT(self->value, 2);
    CHECK_NOTES("1 cf-125 cg-125 F0");
    AIO_TRY(self->error, aio_new(consume, 'e'));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("1 cf-125 F-10001");
    AIO_TRY(self->error, aio_new(consume, 'e', 5));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("1 cf-125 cg-125 F-10001");
    AIO_TRY(self->error, aio_new(consume, 'x', 5));
    CHECK_INT(self->error, AIO_ENOMEM);
    CHECK_NOTES("1 cf-125 cg-125 F-12");
    AIO_END;
}

CORO_TEST(errors_of_the_generator, int error;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(consume, 'n', 0, ESECOND));
    CHECK_INT(self->error, ESECOND);
    CHECK_NOTES("1 2 3 cf-10002 F-10002");
    AIO_TRY(self->error, aio_new(consume, 'n', 5, ESECOND));
    CHECK_NOTES("1 2 3 cf-10002 cg-10002 F-10002");
    AIO_TRY(self->error, aio_new(consume, 'n', 5, EFIRST, ESECOND));
    CHECK_INT(self->error, ESECOND);
    CHECK_NOTES("1 2 3 cf-10001 cg-10001 F-10002");
    AIO_TRY(self->error, aio_new(consume, 'n', 0, 0, ESECOND));
    CHECK_INT(self->error, ESECOND);
    CHECK_NOTES("1 2 3 cf0 F-10002");
    AIO_TRY(self->error, aio_new(consume, 'b', 0, 0, ESECOND));
    CHECK_INT(self->error, ESECOND);            /* of its cleanup: jumps, too */
    CHECK_NOTES("1 cf-125 F-10002");
    AIO_TRY(self->error, aio_new(consume, 'b', 5, 0, ESECOND));
    CHECK_INT(self->error, ESECOND);
    CHECK_NOTES("1 cf-125 cg-125 F-10002");
    AIO_TRY(self->error, aio_new(consume, 'r', 5, 0, ESECOND));
    CHECK_INT(self->error, ESECOND);
    CHECK_NOTES("1 cf-125 cg-125 F-10002");
    AIO_TRY(self->error, aio_new(consume, 'e', 5, 0, ESECOND));
    CHECK_INT(self->error, ESECOND);            /* replaces the one in flight */
    CHECK_NOTES("1 cf-125 cg-125 F-10002");
    AIO_END;
}

/* Cancelled at a point in time, and again at another. */
struct cancelled { AIO_FRAME(int); char how; aio_time first, second, cleanup; struct consume *task; int error; };
static AIO_CORO(cancelled)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(consume, self->how, self->cleanup));
    AIO_AWAIT(aio_sleep(self->first));
    CHECK(aio_task_cancel(self->task));
    if (self->second) {
        AIO_AWAIT(aio_sleep(self->second));
        CHECK(aio_task_cancel(self->task));
    }
    AIO_TRY(self->error, self->task);
    CHECK(aio_task_cancelled(self->task));
    aio_release(self->task);
    AIO_RETURN(self->error);
    AIO_END;
}

CORO_TEST(cancellation, int error; aio_time then;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->error, aio_new(cancelled, 'n', 2));         /* in the generator */
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("1 cf-125 F-125");
    AIO_AWAIT(self->error, aio_new(cancelled, 'n', 2, 0, 5));
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("1 cf-125 cg-125 F-125");
    self->then = aio_now();
    AIO_AWAIT(self->error, aio_new(cancelled, 'n', 2, 2, 5));   /* and in its cleanup, which is hurried */
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(aio_now(), self->then + 4);
    CHECK_NOTES("1 cf-125 cg-125 F-125");
    AIO_AWAIT(self->error, aio_new(cancelled, 's', 4));         /* in the body */
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("1 cf-125 F-125");
    AIO_AWAIT(self->error, aio_new(cancelled, 's', 4, 0, 5));
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("1 cf-125 cg-125 F-125");
    self->then = aio_now();
    AIO_AWAIT(self->error, aio_new(cancelled, 's', 4, 2, 5));   /* and in the cleanup that follows */
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(aio_now(), self->then + 6);
    CHECK_NOTES("1 cf-125 cg-125 F-125");
    AIO_AWAIT(self->error, aio_new(cancelled, 'b', 4, 0, 9));   /* in the cleanup, after break */
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("1 cf-125 cg-125 F-125");
    AIO_AWAIT(self->error, aio_new(cancelled, 'r', 4, 0, 9));   /* after return */
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("1 cf-125 cg-125 F-125");
    AIO_AWAIT(self->error, aio_new(cancelled, 'n', 6, 0, 9));   /* after its end */
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("1 2 3 cf0 cg-125 F-125");
    AIO_END;
}

/* Cancelled while it has nothing to wait for: at the next suspension, wherever that is. */
struct cancels_itself { AIO_FRAME(void); struct count *slot; int value; };
static AIO_CORO(cancels_itself)
{
    AIO_BEGIN;
    AIO_FOREACH(self->value, self->slot, aio_new(count, 3)) {
        note("%d ", self->value);
        if (self->value == 2)
            aio_task_cancel(aio_current_task());
    }
    AIO_AWAIT(aio_sleep(0));
    note("never ");
    AIO_END;
}
CORO_TEST(cancel_without_suspension, struct cancels_itself *task; int error;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(cancels_itself));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("1 2 3 cf0 ");
    aio_release(self->task);
    AIO_END;
}

/* The cancellation of somebody else's task, in the generator or the body, is an error like any other. */
struct asks { AIO_FRAME(int); struct count *other; };
static AIO_CORO(asks)
{
    AIO_BEGIN;
    AIO_YIELD(1);
    AIO_AWAIT(self->other);
    AIO_FINALLY;
    note("af%d ", aio_coro_error(self));
    AIO_END;
}
struct takes { AIO_FRAME(void); struct aio_void *other; bool inside; struct asks *slot; int value; };
static AIO_CORO(takes)
{
    AIO_BEGIN;
    AIO_FOREACH(self->value, self->slot, aio_new(asks, .other = (struct count *)(void *)self->other))
        if (self->inside)
            AIO_AWAIT(self->other);
    note("never ");
    AIO_FINALLY;
    CHECK(!self->slot);
    AIO_END;
}
CORO_TEST(somebody_elses_cancellation, struct aio_void *other; int inside, error;)
{
    AIO_BEGIN;
    for (; self->inside < 2; self->inside++) {
        self->other = aio_create_task(aio_sleep(AIO_FOREVER));
        aio_task_cancel(self->other);
        AIO_TRY(self->error, aio_new(takes, self->other, self->inside));
        CHECK_INT(self->error, AIO_ECANCELED);  /* taken: it was not our own */
        CHECK_NOTES("af-125 ");
        aio_release(self->other);
    }
    AIO_END;
}

/* ------------------------------------------------------------------------ memory and nothing */

struct nothing { AIO_FRAME(void); struct count *slot; int value; bool final; };
static AIO_CORO(nothing)
{
    AIO_BEGIN;
    if (!self->final) {
        AIO_FOREACH(self->value, self->slot, (struct count *)NULL)
            note("never ");
        note("never ");
    }
    AIO_FINALLY;
    CHECK(!self->slot);
    note("%d ", aio_coro_error(self));
    if (self->final) {
        AIO_FOREACH(self->value, self->slot, (struct count *)NULL)
            note("never ");
        CHECK(!self->slot);
        note("%d ", aio_coro_error(self));
    }
    AIO_END;
}
CORO_TEST(no_generator, struct count *none; int error; bool more;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(nothing));
    CHECK_INT(self->error, AIO_ENOMEM);
    CHECK_NOTES("-12 ");
    AIO_TRY(self->error, aio_new(nothing, .final = true));
    CHECK_INT(self->error, AIO_ENOMEM);
    CHECK_NOTES("0 -12 ");
    CHECK_INT(aio_now(), 0);
    AIO_CLOSE(self->none);
    AIO_CLOSE(self->none);
    AIO_END;
}
struct next_of_nothing { AIO_FRAME(void); struct count *none; int value; bool more; };
static AIO_CORO(next_of_nothing)
{
    AIO_BEGIN;
    self->more = true;
    AIO_NEXT(self->more, self->value, self->none);
    note("never ");
    AIO_FINALLY;
    CHECK(!self->more);
    AIO_END;
}
CORO_TEST(next_of_null, int error;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(next_of_nothing));
    CHECK_INT(self->error, AIO_ENOMEM);
    AIO_END;
}

/* -------------------------------------------------------------- in one another, and elsewhere */

CORO_TEST(nested, struct count *outer, *inner; int x, y;)
{
    AIO_BEGIN;
    AIO_FOREACH(self->x, self->outer, aio_new(count, 3, 1, .id = 'o'))
        AIO_FOREACH(self->y, self->inner, aio_new(count, self->x, 1, .id = 'i')) {
            if (self->y == 2)
                break;
            note("%d%d ", self->x, self->y);
        }
    CHECK_NOTES("11 if0 21 if-125 31 if-125 of0 ");
    CHECK_INT(aio_now(), 8);
    AIO_END;
}
struct leaves_both { AIO_FRAME(int); char how; struct count *outer, *inner; int x, y; };
static AIO_CORO(leaves_both)
{
    AIO_BEGIN;
    AIO_FOREACH(self->x, self->outer, aio_new(count, 3, 1, 2, .id = 'o'))
        AIO_FOREACH(self->y, self->inner, aio_new(count, 3, 1, 2, .id = 'i')) {
            if (self->how == 'r')
                AIO_RETURN(5);
            if (self->how == 'e')
                AIO_RAISE(EFIRST);
            AIO_AWAIT(aio_sleep(AIO_FOREVER));
        }
    AIO_FINALLY;
    CHECK(!self->outer && !self->inner);
    note("F%d ", aio_coro_error(self));
    AIO_END;
}
CORO_TEST(nested_ways_out, int error, value; struct leaves_both *task;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->value, aio_new(leaves_both, 'r'));
    CHECK_INT(self->value, 5);
    CHECK_NOTES("if-125 ig-125 of-125 og-125 F0 ");             /* newest first */
    AIO_TRY(self->error, aio_new(leaves_both, 'e'));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("if-125 ig-125 of-125 og-125 F-10001 ");
    self->task = aio_create_task(aio_new(leaves_both, 's'));
    AIO_AWAIT(aio_sleep(4));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("if-125 ig-125 of-125 og-125 F-125 ");
    aio_release(self->task);
    AIO_END;
}

/* A pipeline: each stage takes the values of the one below it. */
struct stage { AIO_FRAME(int); int depth, n; aio_time pause, cleanup; int error; bool open; struct stage *slot; int value; };
static AIO_DECLARE(stage);
static struct stage *stage(int depth, int n, aio_time pause, aio_time cleanup, int error)
{
    return aio_new(stage, depth, n, pause, cleanup, error);
}
static AIO_CORO(stage)
{
    AIO_BEGIN;
    if (self->depth) {
        AIO_FOREACH(self->value, self->slot,
                    stage(self->depth - 1, self->n, self->pause, self->cleanup, self->error))
            AIO_YIELD(self->value + 1);
    } else {
        for (; self->value < self->n; self->value++) {
            if (self->pause)
                AIO_AWAIT(aio_sleep(self->pause));
            AIO_YIELD(self->value);
        }
        if (self->error)
            AIO_RAISE(self->error);
    }
    AIO_FINALLY;
    CHECK(!self->slot);
    note("%d,%d ", self->depth, aio_coro_error(self));
    if (self->cleanup)
        AIO_AWAIT(aio_sleep(self->cleanup));
    AIO_END;
}
struct drains { AIO_FRAME(int); int depth, most, error; aio_time pause, cleanup; struct stage *slot; int value; };
static AIO_CORO(drains)
{
    AIO_BEGIN;
    AIO_FOREACH(self->value, self->slot, stage(self->depth, 4, self->pause, self->cleanup, self->error)) {
        self->result += self->value;
        if (self->value == self->most)
            break;
    }
    AIO_END;
}
CORO_TEST(pipeline, int error, value, i; struct drains *task;)
{
    AIO_BEGIN;
    for (; self->i < 2; self->i++) {
        AIO_AWAIT(self->value, aio_new(drains, 3, -1, 0, self->i, self->i));
        CHECK_INT(self->value, 3 + 4 + 5 + 6);
        CHECK_NOTES("0,0 1,0 2,0 3,0 ");
        AIO_AWAIT(self->value, aio_new(drains, 3, 4, 0, self->i, self->i));     /* closed from the outside */
        CHECK_INT(self->value, 3 + 4);
        CHECK_NOTES("0,-125 1,-125 2,-125 3,-125 ");
        AIO_TRY(self->error, aio_new(drains, 3, -1, EFIRST, self->i, self->i));
        CHECK_INT(self->error, EFIRST);
        CHECK_NOTES("0,-10001 1,-10001 2,-10001 3,-10001 ");
    }
    self->task = aio_create_task(aio_new(drains, 3, -1, 0, AIO_FOREVER, 1));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    aio_release(self->task);
    CHECK_NOTES("0,-125 1,-125 2,-125 3,-125 ");
    AIO_END;
}

/* Deeper than the C stack is: asked, and closed. */
struct deep { AIO_FRAME(long); long depth; struct deep *slot; long value; };
static AIO_DECLARE(deep);
static struct deep *deep(long depth) { return aio_new(deep, .depth = depth); }
static long finals;
static AIO_CORO(deep)
{
    AIO_BEGIN;
    if (self->depth) {
        AIO_FOREACH(self->value, self->slot, deep(self->depth - 1))
            AIO_YIELD(self->value + 1);
    } else
        while (self->value < 3) {
            AIO_AWAIT(aio_sleep(self->value));
            AIO_YIELD(self->value++);
        }
    AIO_FINALLY;
    finals++;
    AIO_END;
}
CORO_TEST(deep_pipeline, struct deep *slot; long n, value, sum;)
{
    AIO_BEGIN;
    self->n = AIO_DEBUG && !AIO_MAX_DIRECT ? 1000 : core_many(100000);  /* debug looks at the whole chain in each step */
    finals = 0;
    AIO_FOREACH(self->value, self->slot, deep(self->n))
        self->sum += self->value - self->n;
    CHECK_INT(self->sum, 3);
    CHECK_INT(finals, self->n + 1);
    AIO_FOREACH(self->value, self->slot, deep(self->n))
        break;
    CHECK_INT(finals, 2 * (self->n + 1));
    AIO_END;
}

/* A deadline that strikes while a generator is being closed strikes at the next await behind that, whichever resumption
   the loop looks at its clock in. (test_generator_deep.c: closing is a step of its own.) */
struct quits { AIO_FRAME(int); struct count *slot; int value; };
static AIO_CORO(quits)
{
    AIO_BEGIN;
    AIO_FOREACH(self->value, self->slot, aio_new(count, 3)) {
        takes(AIO_MS(20));
        AIO_RETURN(7);
    }
    AIO_END;
}
CORO_TEST(timeout_of_closing, int n, i, value; struct aio_timeout scope;)
{
    AIO_BEGIN;
    for (self->n = 60; self->n < 140; self->n++) {
        AIO_TIMEOUT(&self->scope, AIO_MS(10)) {
            for (self->i = 0; self->i < self->n; self->i++)
                AIO_AWAIT(aio_sleep(0));
            AIO_AWAIT(self->value, aio_new(quits));
            CHECK_INT(self->value, 7);
            AIO_AWAIT(aio_sleep(AIO_SEC(10)));
            note("%d slept to the end ", self->n);
        }
        CHECK(self->scope.expired);
        CHECK_NOTES("cf-125 ");
    }
    AIO_END;
}

struct in_finally { AIO_FRAME(void); int error; char how; struct count *slot; int value; };
static AIO_CORO(in_finally)
{
    AIO_BEGIN;
    if (self->error)
        AIO_RAISE(self->error);
    AIO_FINALLY;
    AIO_FOREACH(self->value, self->slot, aio_new(count, 3, 1, 2, self->how == 'g' ? ESECOND : 0)) {
        note("%d ", self->value);
        if (self->value == 2 && self->how == 'b')
            break;
        if (self->value == 2 && self->how == 'r')
            AIO_RETURN();
        if (self->value == 2 && self->how == 's')
            AIO_AWAIT(aio_sleep(50));
    }
    CHECK(!self->slot);
    note("F%d ", aio_coro_error(self));
    AIO_END;
}
CORO_TEST(finally, int error; struct in_finally *task;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(in_finally));
    CHECK_INT(self->error, 0);
    CHECK_NOTES("1 2 3 cf0 cg0 F0 ");
    AIO_TRY(self->error, aio_new(in_finally, EFIRST));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("1 2 3 cf0 cg0 F-10001 ");
    AIO_TRY(self->error, aio_new(in_finally, EFIRST, 'b'));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("1 2 cf-125 cg-125 F-10001 ");
    AIO_TRY(self->error, aio_new(in_finally, EFIRST, 'r'));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("1 2 cf-125 cg-125 ");
    AIO_TRY(self->error, aio_new(in_finally, EFIRST, 'g'));
    CHECK_INT(self->error, ESECOND);            /* recorded, and the cleanup goes on */
    CHECK_NOTES("1 2 3 cf-10002 cg-10002 F-10002 ");
    self->task = aio_create_task(aio_new(in_finally, 0, 's'));
    AIO_AWAIT(aio_sleep(5));
    CHECK(aio_task_cancel(self->task));         /* hurries the body, skips nothing */
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("1 2 3 cf0 cg0 F-125 ");
    aio_release(self->task);
    AIO_END;
}

CORO_TEST(timeout, struct count *slot; struct aio_timeout scope; int value, turn;)
{
    AIO_BEGIN;
    for (; self->turn < 2; self->turn++) {
        AIO_TIMEOUT(&self->scope, 25)                           /* strikes in the generator */
            AIO_FOREACH(self->value, self->slot, aio_new(count, 100, 10, 5))
                note("%d ", self->value);
        CHECK(self->scope.expired && !self->slot);
        CHECK_NOTES("1 2 cf-125 cg-125 ");
        AIO_TIMEOUT(&self->scope, 25)                           /* in the body */
            AIO_FOREACH(self->value, self->slot, aio_new(count, 100, 10, 5)) {
                note("%d ", self->value);
                AIO_AWAIT(aio_sleep(10));
            }
        CHECK(self->scope.expired && !self->slot);
        CHECK_NOTES("1 cf-125 cg-125 ");
        AIO_FOREACH(self->value, self->slot, aio_new(count, 3, 10)) {
            AIO_TIMEOUT(&self->scope, 5)                        /* inside the loop */
                AIO_AWAIT(aio_sleep(self->value == 2 ? 50 : 1));
            note("%d%d ", self->value, self->scope.expired);
        }
        CHECK_NOTES("10 21 30 cf0 ");
        AIO_TIMEOUT(&self->scope, 1000)                         /* it leaves the block by itself */
            AIO_FOREACH(self->value, self->slot, aio_new(count, 3, 10))
                if (self->value == 2)
                    break;
        CHECK(!self->scope.expired && !self->slot);
        CHECK_NOTES("cf-125 ");
    }
    CHECK_INT(aio_task_cancelling(aio_current_task()), 0);
    AIO_END;
}

/* A deadline, a group, a race inside a generator, between two values. */
struct works { AIO_FRAME(int); struct aio_group group; struct aio_timeout scope; int i, which; };
static AIO_CORO(works)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    for (; self->i < 3; self->i++) {
        AIO_TIMEOUT(&self->scope, 5)
            AIO_AWAIT(aio_sleep(self->i == 1 ? 50 : 1));
        if (aio_group_spawn(&self->group, aio_new(drains, 1, 2)) < 0)
            AIO_RAISE(AIO_ENOMEM);
        AIO_AWAIT(aio_group_join(&self->group));
        AIO_RACE(self->which, aio_sleep(5), aio_new(drains, 1));
        AIO_YIELD(self->i * 10 + self->scope.expired);
    }
    AIO_FINALLY;
    note("wf%d ", aio_coro_error(self));
    AIO_END;
}
CORO_TEST(scopes_in_a_generator, struct works *slot; int value, turn;)
{
    AIO_BEGIN;
    for (; self->turn < 2; self->turn++) {
        tap_text[0] = 0;
        AIO_FOREACH(self->value, self->slot, aio_new(works)) {
            tap_text[0] = 0;
            CHECK_INT(self->value, self->slot->i * 10 + (self->slot->i == 1));
            if (self->turn && self->value == 11)
                break;
        }
        CHECK_NOTES(self->turn ? "wf-125 " : "wf0 ");
    }
    AIO_END;
}

/* Members of one group, and one generator that they ask in turn. */
struct asker { AIO_FRAME(void); struct count *generator; char id; int value; bool more; struct aio_lock *lock; };
static AIO_CORO(asker)
{
    AIO_BEGIN;
    for (;;) {
        AIO_AWAIT(aio_lock_acquire(self->lock));
        AIO_NEXT(self->more, self->value, self->generator);
        aio_lock_release(self->lock);
        if (!self->more)
            break;
        note("%c%d ", self->id, self->value);
    }
    AIO_END;
}
CORO_TEST(shared, struct count *generator; struct aio_group group; struct aio_lock lock; int value; bool more;)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    self->generator = aio_new(count, 5, 1, 1);
    if (aio_group_spawn(&self->group, aio_new(asker, self->generator, 'a', .lock = &self->lock)) < 0 ||
        aio_group_spawn(&self->group, aio_new(asker, self->generator, 'b', .lock = &self->lock)) < 0)
        AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(aio_group_join(&self->group));
    CHECK_NOTES("a1 b2 a3 b4 a5 cf0 cg0 ");
    AIO_NEXT(self->more, self->value, self->generator);
    CHECK(!self->more);
    CHECK_INT(self->value, 0);
    AIO_CLOSE(self->generator);
    CHECK(!self->generator);
    CHECK_NOTES("");
    AIO_END;
}

/* The task that opened the generator's group has ended when the next one asks. */
struct fails { AIO_FRAME(void); aio_time pause; };
static AIO_CORO(fails) { AIO_BEGIN; AIO_AWAIT(aio_sleep(self->pause)); AIO_RAISE(EFIRST); AIO_END; }
struct grouped { AIO_FRAME(int); struct aio_group group; };
static AIO_CORO(grouped)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    AIO_YIELD(1);
    if (aio_group_spawn(&self->group, aio_new(fails, 1)) < 0)
        AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(aio_sleep(AIO_FOREVER));
    AIO_FINALLY;
    note("f%d ", aio_coro_error(self));
    AIO_END;
}
struct asks_once { AIO_FRAME(bool); struct grouped *generator; int value, error; };
static AIO_CORO(asks_once)
{
    AIO_BEGIN;
    AIO_NEXT(self->result, self->value, self->generator);
    AIO_END;
}
CORO_TEST(group_of_a_generator, struct grouped *generator; struct asks_once *tasks[2]; int i, error; bool more;)
{
    AIO_BEGIN;
    self->generator = aio_new(grouped);
    for (; self->i < 2; self->i++) {
        self->tasks[self->i] = aio_create_task(aio_new(asks_once, self->generator));
        AIO_TRY(self->error, self->more, self->tasks[self->i]);
        CHECK_INT(self->error, self->i ? EFIRST : 0);
        CHECK_INT(self->more, !self->i);
        CHECK_INT(aio_task_cancelling(self->tasks[self->i]), 0);
    }
    CHECK_NOTES("f-10001 ");
    CHECK_INT(aio_task_cancelling(self->tasks[0]), 0);          /* it had ended, and was left alone */
    aio_release(self->tasks[0]);
    aio_release(self->tasks[1]);
    AIO_CLOSE(self->generator);
    AIO_END;
}

/* ------------------------------------------------------------------------- NEXT and CLOSE */

CORO_TEST(next, struct count *generator; int value; int more;)
{
    AIO_BEGIN;
    self->generator = aio_new(count, 2, 1);
    AIO_NEXT(self->more, self->value, self->generator);
    CHECK(self->more == 1 && self->value == 1);
    AIO_NEXT(self->more, self->value, self->generator); CHECK(self->more && self->value == 2);
    AIO_NEXT(self->more, self->value, self->generator); CHECK(!self->more && self->value == 2);
    CHECK_NOTES("cf0 ");
    AIO_NEXT(self->more, self->value, self->generator);
    CHECK(!self->more);
    CHECK_INT(self->generator->i, 3);           /* its frame is there until it is closed */
    AIO_CLOSE(self->generator);
    CHECK(!self->generator);
    AIO_CLOSE(self->generator);
    CHECK_NOTES("");
    self->generator = aio_new(count, 5);        /* open */
    AIO_NEXT(self->more, self->value, self->generator);
    if (self->more)
        AIO_CLOSE(self->generator);             /* without braces */
    else
        note("never ");
    CHECK(!self->generator);
    CHECK_NOTES("cf-125 ");
    self->generator = aio_new(count, 5, .cleanup = 3);          /* and its cleanup takes its time */
    AIO_NEXT(self->more, self->value, self->generator);
    AIO_CLOSE(self->generator);
    CHECK(!self->generator);
    CHECK_NOTES("cf-125 cg-125 ");
    CHECK_INT(aio_now(), 5);
    self->generator = aio_new(count, 5);        /* never asked: nothing runs */
    AIO_CLOSE(self->generator);
    CHECK(!self->generator);
    CHECK_NOTES("");
    AIO_END;
}

struct nexts { AIO_FRAME(void); struct count *generator; char how; int value; bool more; };
static AIO_CORO(nexts)
{
    AIO_BEGIN;
    self->more = true;
    while (self->more)
        AIO_NEXT(self->more, self->value, self->generator);
    note("end ");
    AIO_FINALLY;
    note("F%d,%d ", aio_coro_error(self), self->more);
    if (self->how == 'c')
        AIO_CLOSE(self->generator);
    AIO_END;
}
CORO_TEST(next_fails, struct count *generator; int error, value; bool more;)
{
    AIO_BEGIN;
    self->generator = aio_new(count, 2, 1, .error = EFIRST);
    AIO_TRY(self->error, aio_new(nexts, self->generator));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("cf-10001 F-10001,0 ");
    AIO_TRY(self->error, aio_new(nexts, self->generator));      /* that was its end */
    CHECK_INT(self->error, 0);
    CHECK_NOTES("end F0,0 ");
    AIO_CLOSE(self->generator);
    CHECK_NOTES("");
    AIO_TRY(self->error, aio_new(nexts, aio_new(count, 1, 1, .cleanup_error = ESECOND), 'c'));
    CHECK_INT(self->error, ESECOND);
    CHECK_NOTES("cf0 F-10002,0 ");
    AIO_END;
}

struct closes { AIO_FRAME(void); struct count *generator; int value; bool more; };
static AIO_CORO(closes)
{
    AIO_BEGIN;
    AIO_NEXT(self->more, self->value, self->generator);
    AIO_CLOSE(self->generator);
    note("behind ");
    AIO_FINALLY;
    CHECK(!self->generator);
    note("F%d ", aio_coro_error(self));
    AIO_END;
}
CORO_TEST(close_fails, int error; struct closes *task;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(closes, aio_new(count, 2, .cleanup_error = EFIRST)));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("cf-125 F-10001 ");
    self->task = aio_create_task(aio_new(closes, aio_new(count, 2, .cleanup = 9)));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->task));         /* hurries the cleanup, and comes out */
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("cf-125 cg-125 F-125 ");
    CHECK_INT(aio_now(), 1);
    aio_release(self->task);
    AIO_END;
}

/* A task that is cancelled while it asks: the generator ends with it, others find its end. */
CORO_TEST(next_is_cancelled, struct count *generator; struct nexts *task; int error, value; bool more;)
{
    AIO_BEGIN;
    self->generator = aio_new(count, 5, 10);
    self->task = aio_create_task(aio_new(nexts, self->generator));
    AIO_AWAIT(aio_sleep(15));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("cf-125 F-125,0 ");
    aio_release(self->task);
    AIO_NEXT(self->more, self->value, self->generator);
    CHECK(!self->more);
    AIO_CLOSE(self->generator);
    AIO_END;
}

/* What is left open when the loop is closed. */
static struct count *left[4];
struct leaves { AIO_FRAME(void); int i, value; bool more; };
static AIO_CORO(leaves)
{
    AIO_BEGIN;
    left[0] = aio_new(count, 5, 0, 5, 0, 0, 'a');
    left[1] = aio_new(count, 5, 0, 2, 0, 0, 'b');
    left[2] = aio_new(count, 0, 0, 0, 0, 0, 'c');
    left[3] = aio_new(count, 5, 0, 1, 0, EFIRST, 'd');
    for (self->i = 0; self->i < 4; self->i++)
        AIO_NEXT(self->more, self->value, left[self->i]);
    note("- ");
    AIO_END;
}
TEST(left_open)
{
    CHECK_INT(run(aio_new(leaves)), 0);
    CHECK_NOTES("cf0 - af-125 bf-125 df-125 dg-125 [count failed -10001]bg-125 ag-125 ");
}

/* ------------------------------------------------------------------------------ tracebacks */

#define LINE(k) (lines[k] = __LINE__)
static int lines[4];
struct raises { AIO_FRAME(int); };
static AIO_CORO(raises) { AIO_BEGIN; AIO_YIELD(1); LINE(0); AIO_RAISE(EFIRST); AIO_END; }
struct passes { AIO_FRAME(int); struct raises *slot; int value; };
static AIO_CORO(passes)
{
    AIO_BEGIN;
    LINE(1); AIO_FOREACH(self->value, self->slot, aio_new(raises)) { AIO_YIELD(self->value); }
    AIO_END;
}
struct ends { AIO_FRAME(int); struct passes *slot; int value; bool next, more; };
static AIO_CORO(ends)
{
    AIO_BEGIN;
    if (!self->next) {
        LINE(2); AIO_FOREACH(self->value, self->slot, aio_new(passes)) { CHECK_INT(self->value, 1); }
    } else {
        self->slot = aio_new(passes);
        AIO_NEXT(self->more, self->value, self->slot);
        LINE(2); AIO_NEXT(self->more, self->value, self->slot);
    }
    AIO_FINALLY;
    AIO_CLOSE(self->slot);
    AIO_END;
}
struct fails_closing { AIO_FRAME(int); };
static AIO_CORO(fails_closing)
{
    AIO_BEGIN;
    AIO_YIELD(1);
    AIO_FINALLY;
    LINE(0); AIO_AWAIT(aio_new(fails));
    AIO_END;
}
struct breaks { AIO_FRAME(int); struct fails_closing *slot; int value; };
static AIO_CORO(breaks)
{
    AIO_BEGIN;
    LINE(1); AIO_FOREACH(self->value, self->slot, aio_new(fails_closing)) { break; }
    AIO_END;
}
static struct core_text text;
static void keep_report(struct aio_loop *loop, const struct aio_report *report)
{
    (void)loop;
    aio_report_write(report, &text.sink);
}
static const char *report_of(struct aio_void *coroutine)
{
    static struct aio_options options;
    struct aio_loop loop;
    text.sink.write = core_write;
    text.n = 0;
    text.text[0] = 0;
    options.on_error = keep_report;
    CHECK_INT(aio_loop_init(&loop, &options), 0);
    CHECK_INT(aio_loop_spawn(&loop, coroutine), 0);
    while (aio_loop_deadline(&loop) != AIO_FOREVER)
        CHECK(aio_loop_turn(&loop, -1) >= 0);
    CHECK_INT(aio_loop_close(&loop), 0);
    CHECK_INT(core_live, 0);
    return text.text;
}
TEST(tracebacks)
{
    char want[600];
    const char *got = report_of((struct aio_void *)(void *)aio_new(ends));
    snprintf(want, sizeof want, "Traceback (most recent call last):\n  ends (%s:%d)\n  passes (%s:%d)\n"
             "  raises (%s:%d)\nerror: task 'ends' failed: error of the application (-10001)\n",
             __FILE__, lines[2], __FILE__, lines[1], __FILE__, lines[0]);
    CHECK_STR(got, want);
    got = report_of((struct aio_void *)(void *)aio_new(ends, .next = true));
    snprintf(want, sizeof want, "Traceback (most recent call last):\n  ends (%s:%d)\n  passes (%s:%d)\n"
             "  raises (%s:%d)\nerror: task 'ends' failed: error of the application (-10001)\n",
             __FILE__, lines[2], __FILE__, lines[1], __FILE__, lines[0]);
    CHECK_STR(got, want);
    got = report_of((struct aio_void *)(void *)aio_new(breaks));
    CHECK(strstr(got, "task 'breaks' failed"));
    snprintf(want, sizeof want, "  breaks (%s:%d)\n  fails_closing (%s:%d)\n  fails (", __FILE__, lines[1], __FILE__, lines[0]);
    CHECK(strstr(got, want), "%s", got);
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(values), T(placed), T(empty), T(ways_out), T(errors_of_the_generator), T(cancellation),
        T(cancel_without_suspension), T(somebody_elses_cancellation), T(no_generator), T(next_of_null), T(nested),
        T(nested_ways_out), T(pipeline), T(deep_pipeline), T(timeout_of_closing), T(finally), T(timeout), T(scopes_in_a_generator), T(shared),
        T(group_of_a_generator), T(next), T(next_fails), T(close_fails), T(next_is_cancelled), T(left_open),
        T(tracebacks));
}
