/* The language: coroutine objects, arguments, results, await in all its forms, errors, FINALLY. */
#include "core.h"
#include <pthread.h>

enum { EFIRST = AIO_EUSER - 1, ESECOND = AIO_EUSER - 2 };

/* Sleeps if asked to, then returns or fails. */
struct work { AIO_FRAME(int); int value; aio_time sleep; int fail; };
static AIO_CORO(work)
{
    AIO_BEGIN;
    note("w%d ", self->value);
    if (self->sleep)
        AIO_AWAIT(aio_sleep(self->sleep));
    self->result = self->value;
    if (self->fail)
        AIO_RAISE(self->fail);
    AIO_END;
}

/* ------------------------------------------------------------------------ objects, arguments */

CORO_TEST(lazy, struct work *work; int value;)
{
    AIO_BEGIN;
    self->work = aio_new(work, .value = 7);
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("");                            /* making one runs nothing, however long one waits */
    AIO_AWAIT(self->value, self->work);
    CHECK_INT(self->value, 7);
    CHECK_NOTES("w7 ");
    AIO_END;
}

CORO_TEST(discarded, struct work *nothing;)
{
    AIO_BEGIN;
    aio_discard(aio_new(work, 7));
    aio_discard(aio_wait_for(aio_new(work, 7), 5));
    aio_discard(aio_wait_for(aio_wait_for(aio_sleep(7), 5), 5));
    aio_discard(self->nothing);
    aio_discard(aio_sleep(0));
    CHECK_NOTES("");
    AIO_END;
}

struct args { AIO_FRAME(int); int a; const char *s; double d; int local; };
static AIO_CORO(args)
{
    AIO_BEGIN;
    note("%d,%s,%g,%d ", self->a, self->s ? self->s : "-", self->d, self->local);
    AIO_RETURN(self->a);
    AIO_END;
}

CORO_TEST(arguments,)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(args));
    AIO_AWAIT(aio_new(args, .s = "k", .a = 2));
    AIO_AWAIT(aio_new(args, 3, "p", 1.5));
    AIO_AWAIT(aio_new(args, 4, .d = 2.5));
    CHECK_NOTES("0,-,0,0 2,k,0,0 3,p,1.5,0 4,-,2.5,0 ");
    AIO_END;
}

/* A frame comes from the pool as zero, whatever it was used for before. */
struct dirty { AIO_FRAME(int); unsigned char bytes[200]; int sum; };
static AIO_CORO(dirty)
{
    AIO_BEGIN;
    {
        size_t i;
        for (i = 0; i < sizeof self->bytes; i++)
            self->sum += self->bytes[i];
        memset(self->bytes, 0xff, sizeof self->bytes);
    }
    AIO_RETURN(self->sum + self->result);
    AIO_END;
}

CORO_TEST(zeroed, int sum;)
{
    AIO_BEGIN;
    self->sum = 1;
    AIO_AWAIT(self->sum, aio_new(dirty));
    CHECK_INT(self->sum, 0);
    AIO_AWAIT(self->sum, aio_new(dirty));
    CHECK_INT(self->sum, 0);
    AIO_END;
}

CORO_TEST(placed, struct args slot; struct work work; int value; struct work *task;)
{
    long before;
    AIO_BEGIN;
    {
        before = core_live;
        CHECK(aio_place(&self->slot, args, .a = 5) == &self->slot);
        CHECK_INT(core_live, before);
    }
    AIO_AWAIT(self->value, &self->slot);
    CHECK_INT(self->value, 5);
    AIO_AWAIT(self->value, aio_place(&self->slot, args, 6));        /* again in the same place */
    CHECK_INT(self->value, 6);
    AIO_AWAIT(aio_place(&self->slot, args));
    CHECK_NOTES("5,-,0,0 6,-,0,0 0,-,0,0 ");
    AIO_AWAIT(self->value, aio_place(&self->work, work, .value = 3, .sleep = 5));
    CHECK_INT(self->value, 3);
    self->task = aio_create_task(aio_place(&self->work, work, .value = 4, .sleep = 5));
    CHECK(self->task == &self->work);
    AIO_AWAIT(self->value, self->task);
    CHECK_INT(self->value, 4);
    aio_release(self->task);
    CHECK_INT(self->work.result, 4);                                /* the storage is ours */
    aio_discard(aio_place(&self->slot, args, 6));
    CHECK_NOTES("w3 w4 ");
    AIO_END;
}

CORO_TEST(sizes,)
{
    AIO_BEGIN;
    CHECK_INT(aio_size_of(work), sizeof(struct work));
    if (sizeof(void *) == 8 && !AIO_LINES)
        CHECK_INT(sizeof(struct aio_coro), 24);
    CHECK((void *)aio_any(self) == (void *)self);
    CHECK(aio_any(self) == aio_current_task());
    AIO_END;
}

/* ----------------------------------------------------------------------------------- results */

struct point { int x; double y; };
struct large { unsigned char bytes[3000]; };

struct ret_long_double { AIO_FRAME(long double); };
static AIO_CORO(ret_long_double) { AIO_BEGIN; AIO_AWAIT(aio_sleep(1)); AIO_RETURN(0.1L); AIO_END; }
struct ret_double { AIO_FRAME(double); };
static AIO_CORO(ret_double) { AIO_BEGIN; AIO_RETURN(2.5); AIO_END; }
struct ret_pointer { AIO_FRAME(const char *); };
static AIO_CORO(ret_pointer) { AIO_BEGIN; AIO_RETURN("text"); AIO_END; }
struct ret_void_pointer { AIO_FRAME(void *); };
static AIO_CORO(ret_void_pointer) { AIO_BEGIN; AIO_AWAIT(aio_sleep(1)); AIO_RETURN(self); AIO_END; }
struct ret_point { AIO_FRAME(struct point); };
static AIO_CORO(ret_point)
{
    AIO_BEGIN;
    AIO_RETURN((struct point){ 3, 4.5 });
    AIO_END;
}
struct ret_char { AIO_FRAME(signed char); };
static AIO_CORO(ret_char) { AIO_BEGIN; AIO_AWAIT(aio_sleep(0)); AIO_RETURN(-7); AIO_END; }
struct ret_int64 { AIO_FRAME(int64_t); };
static AIO_CORO(ret_int64) { AIO_BEGIN; AIO_RETURN(INT64_MIN); AIO_END; }
struct ret_large { AIO_FRAME(struct large); int i; };
static AIO_CORO(ret_large)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 3000; self->i++)
        self->result.bytes[self->i] = (unsigned char)(self->i * 7);
    AIO_AWAIT(aio_sleep(1));
    AIO_RETURN();
    AIO_END;
}
struct ret_void { AIO_FRAME(void); };
static AIO_CORO(ret_void) { AIO_BEGIN; note("void "); AIO_RETURN(); AIO_END; }
struct ret_nothing { AIO_FRAME(int); };
static AIO_CORO(ret_nothing) { AIO_BEGIN; AIO_RETURN(); AIO_END; }
struct ret_accumulator { AIO_FRAME(int); int i; };
static AIO_CORO(ret_accumulator)
{
    AIO_BEGIN;
    for (self->i = 1; self->i <= 4; self->i++) {
        self->result += self->i;
        AIO_AWAIT(aio_sleep(0));
    }
    AIO_END;                                    /* falling off the end is AIO_RETURN() */
}
struct ret_last { AIO_FRAME(int); int stop; };
static AIO_CORO(ret_last)
{
    AIO_BEGIN;
    if (self->stop)
        AIO_RETURN(1);
    else
        AIO_RETURN(self->stop ? 3 : 2);
    note("never ");
    AIO_END;
}

CORO_TEST(results, long double ld; double d; const char *s; void *p; struct point point; signed char c;
          int64_t i64; struct large large; int i; struct ret_large *task; struct ret_void_pointer *vp;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->ld, aio_new(ret_long_double));
    CHECK(self->ld == 0.1L);
    AIO_AWAIT(self->d, aio_new(ret_double));
    CHECK(self->d >= 2.5 && self->d <= 2.5);
    AIO_AWAIT(self->s, aio_new(ret_pointer));
    CHECK_STR(self->s, "text");
    self->vp = aio_new(ret_void_pointer);
    AIO_AWAIT(self->p, aio_create_task(self->vp));
    CHECK(self->p == (void *)self->vp);
    aio_release(self->vp);
    AIO_AWAIT(self->point, aio_new(ret_point));
    CHECK(self->point.x == 3 && self->point.y >= 4.5 && self->point.y <= 4.5);
    AIO_AWAIT(self->c, aio_new(ret_char));
    CHECK_INT(self->c, -7);
    AIO_AWAIT(self->i64, aio_new(ret_int64));
    CHECK(self->i64 == INT64_MIN);
    AIO_AWAIT(self->large, aio_new(ret_large));
    CHECK(self->large.bytes[0] == 0 && self->large.bytes[2999] == (unsigned char)(2999 * 7));
    memset(&self->large, 0, sizeof self->large);
    self->task = aio_create_task(aio_new(ret_large));
    AIO_AWAIT(self->large, aio_wait_for(self->task, AIO_SEC(1)));
    aio_release(self->task);
    CHECK(self->large.bytes[1] == 7 && self->large.bytes[2999] == (unsigned char)(2999 * 7));
    AIO_AWAIT(aio_new(ret_void));
    CHECK_NOTES("void ");
    self->i = 9;
    AIO_AWAIT(self->i, aio_new(ret_nothing));
    CHECK_INT(self->i, 0);
    AIO_AWAIT(self->i, aio_new(ret_accumulator));
    CHECK_INT(self->i, 10);
    AIO_AWAIT(self->i, aio_new(ret_last, 1));
    CHECK_INT(self->i, 1);
    AIO_AWAIT(self->i, aio_new(ret_last));
    CHECK_INT(self->i, 2);
    AIO_AWAIT(aio_new(ret_int64));              /* a result that nobody takes */
    AIO_END;
}

TEST(run_result)
{
    int value = 9;
    double d = 0;
    struct large large;
    CHECK_INT(core_end(__FILE__, __LINE__, aio_run(value, aio_new(work, .value = 5, .sleep = 1))), 0);
    CHECK_INT(value, 5);
    CHECK_INT(core_end(__FILE__, __LINE__, aio_run(d, aio_new(ret_double))), 0);
    CHECK(d >= 2.5 && d <= 2.5);
    CHECK_INT(core_end(__FILE__, __LINE__, aio_run_with(&core_options, large, aio_new(ret_large))), 0);
    CHECK_INT(large.bytes[3], 21);
    CHECK_INT(core_end(__FILE__, __LINE__, aio_run(value, aio_new(work, 6, .fail = EFIRST))), EFIRST);
    CHECK_INT(value, 6);                        /* the result stands whatever the error */
    CHECK_INT(aio_run((struct work *)NULL), AIO_ENOMEM);
    value = 9;
    CHECK_INT(aio_run(value, (struct work *)NULL), AIO_ENOMEM);
    CHECK_INT(value, 0);
    CHECK_NOTES("w5 w6 ");
}

/* ------------------------------------------------------------------------------------- await */

static int evaluated;
static struct work *count_work(int value)
{
    evaluated++;
    return aio_new(work, value, .sleep = 1);
}

CORO_TEST(evaluated_once, int value, error, i; int values[4];)
{
    AIO_BEGIN;
    evaluated = 0;
    AIO_AWAIT(count_work(1));
    AIO_AWAIT(self->value, count_work(2));
    AIO_TRY(self->error, count_work(3));
    AIO_TRY(self->error, self->value, count_work(4));
    AIO_CATCH(self->error, count_work(5));
    AIO_CATCH(self->error, self->value, count_work(6));
    CHECK_INT(evaluated, 6);
    self->i = 0;
    AIO_AWAIT(self->values[self->i++], aio_new(work, 7));   /* so is the lvalue */
    CHECK_INT(self->i, 1);
    CHECK_INT(self->values[0], 7);
    CHECK_NOTES("w1 w2 w3 w4 w5 w6 w7 ");
    AIO_END;
}

CORO_TEST(one_line, int a, b, c;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->a, aio_new(work, 1, 1)); AIO_AWAIT(self->b, aio_new(work, 2, 2)); AIO_AWAIT(self->c, aio_new(work, 3));
    CHECK_INT(self->a * 100 + self->b * 10 + self->c, 123);
    CHECK_NOTES("w1 w2 w3 ");
    AIO_END;
}

CORO_TEST(unbraced, int i, x;)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 4; self->i++)
        if (self->i == 0)
            AIO_AWAIT(self->x, aio_new(work, 10, 1));
        else if (self->i == 1)
            AIO_TRY(self->x, aio_new(work, 11, 1));
        else if (self->i == 2)
            AIO_CATCH(self->x, aio_new(work, 12, 1));
        else
            AIO_AWAIT(aio_new(work, 13, 1));
    do AIO_AWAIT(aio_new(work, self->i--, 1)); while (self->i > 2);
    CHECK_NOTES("w10 w11 w12 w13 w4 w3 ");
    AIO_END;
}

/* What is ready at once never gives way to others. */
struct marker { AIO_FRAME(void); };
static AIO_CORO(marker) { AIO_BEGIN; note("other "); AIO_END; }

CORO_TEST(ready_does_not_yield, AIO_FUTURE(int) future; int value; struct work *task;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(work, 1));
    AIO_AWAIT(self->task);
    CHECK_NOTES("w1 ");
    CHECK_INT(aio_spawn(aio_new(marker)), 0);
    aio_future_set_result(&self->future, 5);
    AIO_AWAIT(self->value, &self->future);
    CHECK_INT(self->value, 5);
    AIO_AWAIT(self->value, self->task);
    AIO_AWAIT(aio_new(ret_void));
    AIO_AWAIT(aio_wait_for(aio_new(ret_void), AIO_SEC(1)));
    CHECK_NOTES("void void ");
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("other ");
    aio_release(self->task);
    AIO_END;
}

CORO_TEST(null, int error, value; struct work *nothing; struct aio_void *v;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->nothing);
    CHECK_INT(self->error, AIO_ENOMEM);
    self->value = 9;
    AIO_TRY(self->error, self->value, self->nothing);
    CHECK_INT(self->error, AIO_ENOMEM);
    CHECK_INT(self->value, 0);
    AIO_CATCH(self->error, self->v);
    CHECK_INT(self->error, AIO_ENOMEM);
    AIO_TRY(self->error, aio_wait_for(self->nothing, 5));
    CHECK_INT(self->error, AIO_ENOMEM);
    CHECK(aio_create_task(self->nothing) == NULL);
    CHECK_INT(aio_spawn(self->nothing), AIO_ENOMEM);
    aio_release(self->nothing);
    CHECK(!aio_task_cancel(self->nothing));
    AIO_END;
}

/* ------------------------------------------------------------------------------------ errors */

struct passes { AIO_FRAME(int); int fail; aio_time sleep; };
static AIO_CORO(passes)
{
    AIO_BEGIN;
    self->result = 1;
    AIO_AWAIT(self->result, aio_new(work, 4, self->sleep, self->fail));
    note("unreached ");
    AIO_END;
}

CORO_TEST(errors, int error, value;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(work, 1));
    CHECK_INT(self->error, 0);
    AIO_TRY(self->error, self->value, aio_new(work, 2, .fail = EFIRST));
    CHECK_INT(self->error, EFIRST);
    CHECK_INT(self->value, 2);                  /* the lvalue is written on error, too */
    self->error = 9;
    AIO_TRY(self->error, self->value, aio_new(work, 3));
    CHECK_INT(self->error, 0);
    CHECK_INT(self->value, 3);
    AIO_TRY(self->error, self->value, aio_new(passes, .fail = ESECOND));
    CHECK_INT(self->error, ESECOND);
    CHECK_INT(self->value, 4);
    AIO_TRY(self->error, self->value, aio_new(passes, .fail = AIO_EPIPE, .sleep = 3));
    CHECK_INT(self->error, AIO_EPIPE);
    AIO_CATCH(self->error, aio_new(passes, .fail = EFIRST));
    CHECK_INT(self->error, EFIRST);
    AIO_CATCH(self->error, self->value, aio_new(work, 5, 1));
    CHECK_INT(self->error, 0);
    CHECK_INT(self->value, 5);
    CHECK_NOTES("w1 w2 w3 w4 w4 w4 w5 ");
    AIO_END;
}

TEST(error_out_of_run)
{
    CHECK_INT(run(aio_new(passes, .fail = EFIRST, .sleep = 3)), EFIRST);
    CHECK_NOTES("w4 ");
    CHECK_STR(aio_strerror(AIO_ECANCELED), "operation cancelled");
    CHECK_STR(aio_strerror(AIO_EISDIR), "is a directory");
    CHECK_STR(aio_error_name(AIO_EHOSTUNREACH), "AIO_EHOSTUNREACH");
    CHECK_STR(aio_error_name(AIO_ETIMEDOUT), "AIO_ETIMEDOUT");
    CHECK(aio_error_name(EFIRST) == NULL);
    CHECK(aio_strerror(-3999)[0] != 0);
}

/* ------------------------------------------------------------------------------------- while */

/* Counts down; sleeps before odd numbers; fails at one. */
struct next { AIO_FRAME(int); int *left; int fail_at; };
static AIO_CORO(next)
{
    AIO_BEGIN;
    if (*self->left & 1)
        AIO_AWAIT(aio_sleep(1));
    if (self->fail_at && *self->left == self->fail_at)
        AIO_RAISE(EFIRST);
    AIO_RETURN((*self->left)--);
    AIO_END;
}
#define next(...) aio_new(next, __VA_ARGS__)

CORO_TEST(while_to_the_end, int left, value, inner, rest;)
{
    AIO_BEGIN;
    self->left = 4;
    AIO_WHILE(self->value, next(&self->left))
        note("%d ", self->value);
    CHECK_NOTES("4 3 2 1 ");
    CHECK_INT(self->value, 0);
    self->left = 0;
    AIO_WHILE(self->value, next(&self->left))
        note("never ");
    self->left = 2;
    if (self->left)
        AIO_WHILE(self->value, next(&self->left)) note("%d ", self->value);
    else
        note("else ");
    CHECK_NOTES("2 1 ");
    self->left = 3;
    AIO_WHILE(self->value, next(&self->left)) {
        self->rest = self->value;
        AIO_WHILE(self->inner, next(&self->rest))
            note("%d%d ", self->value, self->inner);
    }
    CHECK_NOTES("33 32 31 22 21 11 ");
    AIO_END;
}

CORO_TEST(while_break_continue, int left, value;)
{
    AIO_BEGIN;
    self->left = 6;
    AIO_WHILE(self->value, next(&self->left)) {
        if (self->value == 5)
            continue;
        AIO_AWAIT(aio_sleep(1));
        if (self->value == 2)
            break;
        note("%d ", self->value);
    }
    CHECK_INT(self->left, 1);
    CHECK_NOTES("6 4 3 ");
    AIO_END;
}

struct while_fails { AIO_FRAME(void); int in_finally, fail_at; int left, value; };
static AIO_CORO(while_fails)
{
    AIO_BEGIN;
    self->left = 4;
    if (!self->in_finally) {
        AIO_WHILE(self->value, next(&self->left, self->fail_at))
            note("%d ", self->value);
        note("after ");
    }
    AIO_FINALLY;
    if (self->in_finally) {
        AIO_WHILE(self->value, next(&self->left, self->fail_at))
            note("f%d ", self->value);
        note("after%d ", self->value);
    }
    AIO_END;
}

CORO_TEST(while_error, int error;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(while_fails, .fail_at = 2));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("4 3 ");
    AIO_TRY(self->error, aio_new(while_fails, .fail_at = 3));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("4 ");
    AIO_TRY(self->error, aio_new(while_fails, .fail_at = 3, .in_finally = 1));
    CHECK_INT(self->error, EFIRST);             /* recorded; it ended the loop only */
    CHECK_NOTES("f4 after0 ");
    AIO_TRY(self->error, aio_new(while_fails, .in_finally = 1));
    CHECK_INT(self->error, 0);
    CHECK_NOTES("f4 f3 f2 f1 after0 ");
    AIO_END;
}

/* ----------------------------------------------------------------------------------- finally */

enum how { FALL, RETURN, RAISE, FAIL, WAIT };
struct ends {
    AIO_FRAME(int);
    enum how how;                               /* how the body ends */
    int await, fail, ret, raise;                /* what FINALLY does */
};
static AIO_CORO(ends)
{
    AIO_BEGIN;
    self->result = 1;
    if (self->how == RETURN)
        AIO_RETURN(2);
    if (self->how == RAISE)
        AIO_RAISE(EFIRST);
    if (self->how == FAIL)
        AIO_AWAIT(aio_new(work, 0, .sleep = 1, .fail = EFIRST));
    if (self->how == WAIT)
        AIO_AWAIT(aio_sleep(AIO_FOREVER));
    note("end ");
    AIO_FINALLY;
    note("f%d ", aio_coro_error(self));
    if (self->await)
        AIO_AWAIT(aio_sleep(5));
    if (self->fail)
        AIO_AWAIT(aio_new(work, 0, .sleep = 1, .fail = self->fail));
    note("g%d ", aio_coro_error(self));
    if (self->ret)
        AIO_RETURN(self->ret);
    if (self->raise)
        AIO_RAISE(self->raise);
    note("h ");
    AIO_END;
}

CORO_TEST(finally_runs_once, int error, value;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->value, aio_new(ends, FALL));
    CHECK_INT(self->error, 0);
    CHECK_INT(self->value, 1);
    CHECK_NOTES("end f0 g0 h ");
    AIO_TRY(self->error, self->value, aio_new(ends, RETURN, .await = 1));
    CHECK_INT(self->error, 0);
    CHECK_INT(self->value, 2);
    CHECK_NOTES("f0 g0 h ");
    AIO_TRY(self->error, self->value, aio_new(ends, RAISE, .await = 1));
    CHECK_INT(self->error, EFIRST);
    CHECK_INT(self->value, 1);
    CHECK_NOTES("f-10001 g-10001 h ");
    AIO_TRY(self->error, self->value, aio_new(ends, FAIL));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("w0 f-10001 g-10001 h ");
    AIO_END;
}

CORO_TEST(finally_fails, int error, value;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->value, aio_new(ends, RETURN, .fail = ESECOND));
    CHECK_INT(self->error, ESECOND);            /* recorded, and the next statement ran */
    CHECK_INT(self->value, 2);                  /* the result stands whatever the error */
    CHECK_NOTES("f0 w0 g-10002 h ");
    AIO_TRY(self->error, self->value, aio_new(ends, RAISE, .fail = ESECOND));
    CHECK_INT(self->error, ESECOND);            /* it replaced the one in flight */
    CHECK_NOTES("f-10001 w0 g-10002 h ");
    AIO_TRY(self->error, self->value, aio_new(ends, RAISE, .fail = ESECOND, .await = 1));
    CHECK_INT(self->error, ESECOND);
    CHECK_NOTES("f-10001 w0 g-10002 h ");
    AIO_END;
}

CORO_TEST(finally_leaves, int error, value;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->value, aio_new(ends, RETURN, .await = 1, .ret = 3));
    CHECK_INT(self->error, 0);
    CHECK_INT(self->value, 3);
    CHECK_NOTES("f0 g0 ");
    AIO_TRY(self->error, self->value, aio_new(ends, FALL, .raise = ESECOND));
    CHECK_INT(self->error, ESECOND);
    CHECK_INT(self->value, 1);
    CHECK_NOTES("end f0 g0 ");
    AIO_TRY(self->error, self->value, aio_new(ends, RAISE, .await = 1, .raise = ESECOND));
    CHECK_INT(self->error, ESECOND);
    CHECK_NOTES("f-10001 g-10001 ");
    AIO_END;
}

CORO_TEST(finally_of_cancelled, struct ends *task; int error, value;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(ends, WAIT, .await = 1));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->value, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(self->value, 1);
    CHECK_NOTES("f-125 g-125 h ");
    aio_release(self->task);
    AIO_END;
}

/* An await in FINALLY sees what TRY and CATCH take, and it is not recorded. */
struct tries { AIO_FRAME(void); int error; };
static AIO_CORO(tries)
{
    AIO_BEGIN;
    AIO_FINALLY;
    AIO_TRY(self->error, aio_new(work, 1, .fail = EFIRST));
    note("%d/%d ", self->error, aio_coro_error(self));
    AIO_CATCH(self->error, aio_new(work, 2, .sleep = 1, .fail = ESECOND));
    note("%d/%d ", self->error, aio_coro_error(self));
    AIO_END;
}

CORO_TEST(finally_takes, int error;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(tries));
    CHECK_INT(self->error, 0);
    CHECK_NOTES("w1 -10001/0 w2 -10002/0 ");
    AIO_END;
}

/* Inner cleanup comes before outer cleanup. */
struct nest { AIO_FRAME(void); int depth; };
static AIO_CORO(nest)
{
    AIO_BEGIN;
    if (self->depth)
        AIO_AWAIT(aio_new(nest, self->depth - 1));
    else
        AIO_RAISE(EFIRST);
    AIO_FINALLY;
    note("%d ", self->depth);
    AIO_AWAIT(aio_sleep(1));
    note("%d. ", self->depth);
    AIO_END;
}

CORO_TEST(finally_order, int error;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_new(nest, 3));
    CHECK_INT(self->error, EFIRST);
    CHECK_NOTES("0 0. 1 1. 2 2. 3 3. ");
    AIO_END;
}

/* --------------------------------------------------------------------------------- recursion */

AIO_DECLARE(is_odd);
struct is_even { AIO_FRAME(int); int n; int r; };
struct is_odd { AIO_FRAME(int); int n; int r; };
static AIO_CORO(is_even)
{
    AIO_BEGIN;
    if (!self->n)
        AIO_RETURN(1);
    AIO_AWAIT(self->r, aio_new(is_odd, self->n - 1));
    AIO_RETURN(self->r);
    AIO_END;
}
AIO_CORO(is_odd)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(0));
    if (!self->n)
        AIO_RETURN(0);
    AIO_AWAIT(self->r, aio_new(is_even, self->n - 1));
    AIO_RETURN(self->r);
    AIO_END;
}

CORO_TEST(mutual_recursion, int even;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->even, aio_new(is_even, 1000));
    CHECK_INT(self->even, 1);
    AIO_AWAIT(self->even, aio_new(is_even, 333));
    CHECK_INT(self->even, 0);
    AIO_END;
}

static long finals;
struct deep { AIO_FRAME(long); long n; aio_time sleep; int fail; long below; };
static AIO_CORO(deep)
{
    AIO_BEGIN;
    if (self->n == 0) {
        if (self->sleep)
            AIO_AWAIT(aio_sleep(self->sleep));
        if (self->fail)
            AIO_RAISE(self->fail);
        AIO_RETURN(0);
    }
    AIO_AWAIT(self->below, aio_new(deep, self->n - 1, self->sleep, self->fail));
    AIO_RETURN(self->below + 1);
    AIO_FINALLY;
    finals++;
    AIO_END;
}

struct deeply { AIO_FRAME(void); long n, depth; int error; struct deep *task; };
static AIO_CORO(deeply)
{
    AIO_BEGIN;
    finals = 0;
    AIO_AWAIT(self->depth, aio_new(deep, self->n));                     /* without suspending */
    CHECK_INT(self->depth, self->n);
    AIO_AWAIT(self->depth, aio_new(deep, self->n, .sleep = 5));
    CHECK_INT(self->depth, self->n);
    AIO_TRY(self->error, aio_new(deep, self->n, .sleep = 5, .fail = EFIRST));
    CHECK_INT(self->error, EFIRST);
    self->task = aio_create_task(aio_new(deep, self->n, .sleep = AIO_FOREVER));
    AIO_AWAIT(aio_sleep(1));
    aio_task_cancel(self->task);
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    aio_release(self->task);
    CHECK_INT(finals, 4 * (self->n + 1));
    AIO_END;
}

static void *small_stack(void *argument)
{
    (void)argument;
    CHECK_INT(run(aio_new(deeply, core_many(1000000))), 0);
    return NULL;
}

TEST(recursion)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    CHECK_INT(pthread_attr_setstacksize(&attributes, 256 * 1024), 0);
    CHECK_INT(pthread_create(&thread, &attributes, small_stack, NULL), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(lazy), T(discarded), T(arguments), T(zeroed), T(placed), T(sizes), T(results),
        T(run_result), T(evaluated_once), T(one_line), T(unbraced), T(ready_does_not_yield), T(null),
        T(errors), T(error_out_of_run), T(while_to_the_end), T(while_break_continue), T(while_error),
        T(finally_runs_once), T(finally_fails), T(finally_leaves), T(finally_of_cancelled),
        T(finally_takes), T(finally_order), T(mutual_recursion), T(recursion));
}
