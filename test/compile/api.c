/* The whole API in one program, for C and C++. Runs on the virtual clock, and exits with 0 if what
   came out is what went in. KEYWORDS_ONLY leaves out what C++ and tcc do not have; BARE is for firmware. */
#if (defined __cplusplus || defined __TINYC__) && !defined KEYWORDS_ONLY
#define KEYWORDS_ONLY
#endif
#ifdef BARE                                     /* no system, no C library: two hooks are the virtual clock */
#include <stddef.h>
#include <stdint.h>
static int64_t bare_time;
static void bare_idle(int64_t timeout) { bare_time += timeout < 0 ? 0 : timeout; }
#define AIO_NOW() bare_time
#define AIO_IDLE(timeout) bare_idle(timeout)
#if !defined __arm__ && !defined __riscv && !defined __AVR__
#define AIO_CRITICAL_ENTER() 0u                 /* nothing interrupts it */
#define AIO_CRITICAL_EXIT(state) (void)(state)
#endif
#define AIO_MEMORY 1
#define AIO_IMPLEMENTATION
#include "aio.h"
#define strcmp(a, b) bare_strcmp((a), (b))
static int bare_strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a - *b;
}
#define API_POLLER aio_hooks()
#define API_THREADS 0
#else
#if !defined _GNU_SOURCE && !defined __TINYC__
#define _GNU_SOURCE                             /* for aio_thread.h, whatever the standard */
#endif
#include <string.h>
#define AIO_IMPLEMENTATION
#include "aio_sim.h"
#define API_POLLER aio_sim()
#ifdef __TINYC__
#define API_THREADS 0
#else
#define API_THREADS 1
#include "aio_thread.h"
#endif
#endif

#define REQUIRE(condition) do { if (!(condition)) AIO_RAISE(AIO_EUSER - __LINE__); } while (0)

/* Results of many types. */
struct point { int x, y; };
struct big { char text[3000]; };

struct add { AIO_FRAME(int); int a, b; };
static AIO_CORO(add)
{
    const int sum = self->a + self->b;          /* computed again at each resume: fine */
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    AIO_RETURN(sum);
    AIO_END;
}
#define add(...) aio_new(add, __VA_ARGS__)      /* called like a function, with keyword arguments */

struct flag { AIO_FRAME(bool); bool on; };
static AIO_CORO(flag) { AIO_BEGIN; AIO_RETURN(self->on); AIO_END; }

struct half { AIO_FRAME(double); double of; };
static AIO_CORO(half) { AIO_BEGIN; AIO_RETURN(self->of / 2); AIO_END; }

struct longer { AIO_FRAME(long double); char c; };
static AIO_CORO(longer) { AIO_BEGIN; AIO_AWAIT(aio_sleep(0)); AIO_RETURN(1.5L); AIO_END; }

struct swap { AIO_FRAME(struct point); struct point p; };
static AIO_CORO(swap)
{
    AIO_BEGIN;
#ifdef __cplusplus
    AIO_RETURN(point{ self->p.y, self->p.x });
#else
    AIO_RETURN((struct point){ self->p.y, self->p.x });     /* a comma in the result */
#endif
    AIO_END;
}

struct text { AIO_FRAME(const char *); const char *of; };
static AIO_CORO(text) { AIO_BEGIN; AIO_RETURN(self->of); AIO_END; }

struct address { AIO_FRAME(void *); void *of; };
static AIO_CORO(address) { AIO_BEGIN; AIO_RETURN(self->of); AIO_END; }

struct fill { AIO_FRAME(struct big); char c; };
static AIO_CORO(fill)
{
    AIO_BEGIN;
    memset(self->result.text, self->c, sizeof self->result.text);
    AIO_RETURN();                               /* what self->result holds */
    AIO_END;
}

#ifndef __cplusplus
struct pair { AIO_FRAME(struct { int first, second; }); };
static AIO_CORO(pair)
{
    AIO_BEGIN;
    self->result.first = 1;
    self->result.second = 2;
    AIO_END;
}
#endif

struct nothing { AIO_FRAME(void); int times; };
static AIO_CORO(nothing)
{
    AIO_BEGIN;
    while (self->times--)
        AIO_AWAIT(aio_sleep(0));
    AIO_RETURN();
    AIO_END;
}

struct narrow { AIO_FRAME(unsigned char); unsigned char a; unsigned short b; };
static AIO_CORO(narrow) { AIO_BEGIN; AIO_RETURN((unsigned char)(self->a + self->b)); AIO_END; }

/* Recursion, announced further up; a constructor that is a function. */
static AIO_DECLARE(factorial);
struct factorial { AIO_FRAME(long); int of; long rest; };
static struct factorial *factorial_of(int of) { return aio_new(factorial, .of = of); }
static AIO_CORO(factorial)
{
    AIO_BEGIN;
    if (self->of < 2)
        AIO_RETURN(1);
    AIO_AWAIT(self->rest, factorial_of(self->of - 1));
    AIO_RETURN(self->of * self->rest);
    AIO_END;
}

struct countdown { AIO_FRAME(int); int *from; };
static AIO_CORO(countdown) { AIO_BEGIN; AIO_RETURN((*self->from)--); AIO_END; }

struct fails { AIO_FRAME(int); int error; int *cleanups; };
static AIO_CORO(fails)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_MS(5)));
    if (self->error)
        AIO_RAISE(self->error);
    AIO_FINALLY;
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    if (self->cleanups)
        *self->cleanups += aio_coro_error(self) != 0;
    AIO_END;
}

/* Several at once, arrays of handles, and all that groups have. */
struct member { AIO_FRAME(void); struct aio_group *group; int error; };
static AIO_CORO(member)
{
    int error;
    AIO_BEGIN;
    AIO_TRY(error, aio_group_join(self->group));
    REQUIRE(error == AIO_EDEADLK);
    if (self->error)
        AIO_RAISE(self->error);
    AIO_END;
}

struct several {
    AIO_FRAME(void);
    int x, y, which;
    double d;
    struct point p;
    struct big b;
    ptrdiff_t n;
    bool more;
    size_t i;
    struct add *one, *two;
    struct fill *three;
    AIO_FUTURE(int) future;
    struct aio_any *all[4], *next;
    struct aio_completed *slot;
    struct aio_group group;
    struct nothing placed;
    struct aio_timeout scope;
};
static AIO_CORO(several)
{
    int error;
    AIO_BEGIN;
    AIO_GATHER(self->x, add(.a = 1, .b = 2)); REQUIRE(self->x == 3);
    AIO_GATHER(self->x, add(.a = 1, .b = 2), self->d, aio_new(half, .of = 5), self->p,
               aio_wait_for(aio_new(swap, .p = { .x = 1, .y = 2 }), AIO_SEC(1)), self->b, aio_new(fill, .c = 'g'));
    REQUIRE(self->x == 3 && self->d > 2.4 && self->p.x == 2 && self->b.text[2999] == 'g');
    AIO_GATHER(self->x, add(), self->x, add(), self->x, add(), self->x, add(), self->x, add(), self->x, add(),
               self->x, add(), self->y, add(.a = 8));
    REQUIRE(self->x == 0 && self->y == 8);
    AIO_ALL(aio_sleep(0)); AIO_ALL(aio_sleep(AIO_MS(1)), aio_place(&self->placed, nothing, .times = 2), add());
    AIO_ALL(add(), add(), add(), add(), add(), add(), add(), aio_new(fill));
    AIO_RACE(self->which, add()); REQUIRE(self->which == 0);
    if (self->which == 0)
        AIO_RACE(self->which, aio_sleep(AIO_MS(9)), aio_new(nothing, .times = 3), aio_new(fails, .error = AIO_EUSER));
    else
        AIO_ALL(aio_sleep(0));
    REQUIRE(self->which == 1);
    AIO_TIMEOUT(&self->scope, AIO_MS(2))
        AIO_RACE(self->which, aio_sleep(AIO_SEC(1)), aio_sleep(AIO_SEC(2)));
    REQUIRE(self->which == -1 && self->scope.expired);

    self->one = aio_create_task(add(.a = 1));
    self->two = aio_create_task(add(.a = 2));
    self->three = aio_create_task(aio_new(fill, .c = 't'));
    REQUIRE(aio_future_set_result(&self->future, 7) == 0);
    AIO_GATHER(self->x, self->one, self->y, aio_shield(self->two), self->b, self->three, self->x, &self->future);
    REQUIRE(self->x == 7 && self->y == 2 && self->b.text[0] == 't');
    self->all[0] = aio_any(self->one);
    self->all[1] = aio_any(self->two);
    self->all[2] = aio_any(self->three);
    self->all[3] = aio_any(&self->future);
    AIO_AWAIT(aio_gather(self->all, 4, 0));
    AIO_AWAIT(aio_wait_for(aio_gather(self->all, 4, AIO_RETURN_EXCEPTIONS | AIO_CANCEL_ON_ERROR), AIO_SEC(1)));
    AIO_AWAIT(self->n, aio_wait(self->all, 4, AIO_ALL_COMPLETED, AIO_FOREVER));
    REQUIRE(self->n == 4);
    AIO_AWAIT(self->n, aio_wait(self->all, 4, AIO_FIRST_EXCEPTION, 0));
    AIO_TRY(error, self->n, aio_wait(self->all, 0, AIO_FIRST_COMPLETED, AIO_MS(1)));
    REQUIRE(error == AIO_EINVAL && self->n == 0);
    AIO_FOREACH(self->next, self->slot, aio_as_completed(self->all, 4, AIO_SEC(1))) {
        REQUIRE(self->next == self->all[self->n]);
        if (++self->n == 3)
            break;
    }
    self->slot = aio_as_completed(self->all, 1, AIO_FOREVER);
    AIO_NEXT(self->more, self->next, self->slot);
    REQUIRE(self->more && self->next == self->all[0]);
    AIO_CLOSE(self->slot);
    aio_release(self->one);
    aio_release(self->two);
    aio_release(self->three);

    REQUIRE(aio_group_open(&self->group, self, 0, 0) == 0 && aio_group_error(&self->group, 0) == 0);
    REQUIRE(aio_group_spawn(&self->group, aio_new(member, .group = &self->group)) == 0);
    REQUIRE(aio_group_spawn(&self->group, aio_new(member, .group = &self->group, .error = AIO_EUSER)) == 0);
    AIO_TRY(error, aio_group_join(&self->group));
    REQUIRE(error == AIO_EUSER && aio_group_error(&self->group, 0) == error && !aio_group_error(&self->group, 1));
    REQUIRE(aio_group_spawn(&self->group, aio_new(member)) == AIO_ESHUTDOWN && aio_group_count(&self->group) == 0);
    AIO_END;
}

/* Awaits in macros of the user's, and inside braces, loops and conditions without braces. */
#define TWICE(x) AIO_AWAIT(x); AIO_AWAIT(x)
#define SUM(lvalue, x, y) AIO_AWAIT(lvalue, aio_new(add, .a = (x), .b = (y)))

struct awaits {
    AIO_FRAME(void);
    int x, y, i;
    unsigned char small;
    bool on;
    double d;
    long double l;
    long n;
    struct point p;
    const char *s;
    void *v;
    struct big b;
    struct nothing slot;
};
static AIO_CORO(awaits)
{
    int error, left;
    AIO_BEGIN;
    AIO_AWAIT(self->x, add(.a = 1, .b = 2)); AIO_AWAIT(self->y, add(.b = 4)); REQUIRE(self->x == 3 && self->y == 4);
    AIO_AWAIT(add()); AIO_AWAIT(aio_new(add)); AIO_AWAIT(aio_new(add, .a = 1)); AIO_AWAIT(aio_new(add, ));
    AIO_AWAIT(self->on, aio_new(flag, .on = true));
    REQUIRE(self->on);
    AIO_AWAIT(self->on, aio_new(flag));
    REQUIRE(!self->on);
    AIO_AWAIT(self->d, aio_new(half, .of = 5));
    REQUIRE(self->d > 2.4 && self->d < 2.6);
    AIO_AWAIT(self->l, aio_new(longer));
    REQUIRE(self->l > 1.4L && self->l < 1.6L);
    AIO_AWAIT(self->p, aio_new(swap, .p = { .x = 1, .y = 2 }));
    REQUIRE(self->p.x == 2 && self->p.y == 1);
    AIO_AWAIT(self->s, aio_new(text, .of = "text"));
    REQUIRE(strcmp(self->s, "text") == 0);
    AIO_AWAIT(self->v, aio_new(address, .of = self));
    REQUIRE(self->v == self);
    AIO_AWAIT(self->b, aio_new(fill, .c = 'x'));
    REQUIRE(self->b.text[0] == 'x' && self->b.text[2999] == 'x');
    AIO_AWAIT(self->small, aio_new(narrow, .a = 250, .b = 5));
    REQUIRE(self->small == 255);
    AIO_AWAIT(self->n, factorial_of(10));
    REQUIRE(self->n == 3628800);
    TWICE(aio_new(nothing, .times = 2));
    if (self->on)
        AIO_AWAIT(self->x, add(.a = 7, .b = 7));
    else
        AIO_AWAIT(self->x, add(.a = 8, .b = 8));
    if (self->x == 16)
        SUM(self->y, 20, 1);
    else if (self->on)
        AIO_RAISE(AIO_EINVAL);
    else
        AIO_RETURN();
    REQUIRE(self->y == 21);
    for (self->i = 0; self->i < 3; self->i++)
        AIO_AWAIT(self->x, add(.a = self->x, .b = self->i));
    REQUIRE(self->x == 19);
    do
        AIO_AWAIT(aio_sleep(0));
    while (--self->i);
    self->y = 3;
    AIO_WHILE(self->x, aio_new(countdown, .from = &self->y))
        if (self->x == 1)
            break;
        else
            continue;
    REQUIRE(self->x == 1 && self->y == 0);
    AIO_WHILE(left, aio_new(countdown, .from = &self->y)) {
        REQUIRE(left < 0);
        if (left < -2)
            break;
    }
    AIO_TRY(error, aio_new(fails, .error = AIO_EUSER));
    REQUIRE(error == AIO_EUSER);
    AIO_TRY(error, self->x, add(.a = 2, .b = 2));
    REQUIRE(error == 0 && self->x == 4);
    AIO_CATCH(error, aio_wait_for(aio_new(fails), AIO_MS(1)));
    REQUIRE(error == AIO_ETIMEDOUT);
    AIO_CATCH(error, self->s, aio_wait_for(aio_new(text, .of = "late"), AIO_FOREVER));
    REQUIRE(error == 0 && strcmp(self->s, "late") == 0);
    AIO_AWAIT(aio_place(&self->slot, nothing));
    AIO_AWAIT(aio_place(&self->slot, nothing, .times = 1));
    AIO_AWAIT(aio_sleep_until(aio_time_after(aio_now(), AIO_SEC(1.5))));
    REQUIRE(!aio_time_before(aio_now(), 0));
    aio_discard(add(.a = 1));
    AIO_AWAIT(aio_new(several));
    AIO_END;
}

#ifndef KEYWORDS_ONLY
struct positional { AIO_FRAME(int); int x; struct point p; struct nothing slot; };
static AIO_CORO(positional)
{
    AIO_BEGIN;
    AIO_AWAIT(self->x, add(1, 2)); AIO_AWAIT(aio_new(pair)); REQUIRE(self->x == 3);
    AIO_AWAIT(self->x, add(1, .b = 5));
    REQUIRE(self->x == 6);
    AIO_AWAIT(self->p, aio_new(swap, { 3, 4 }));
    REQUIRE(self->p.x == 4 && self->p.y == 3);
    AIO_AWAIT(self->p, aio_new(swap, (struct point){ 5, 6 }));
    REQUIRE(self->p.x == 6 && self->p.y == 5);
    AIO_AWAIT(aio_place(&self->slot, nothing, 1));
    AIO_END;
}
#endif

/* Tasks, futures, callbacks, groups, deadlines. */
struct setter { AIO_FRAME(void); struct tasks *of; };
struct tasks {
    AIO_FRAME(int);
    int x, cleanups, called;
    double d;
    struct add *task, *again;
    struct fails *failing;
    struct aio_any *mixed[2];
    AIO_FUTURE(double) number;
    AIO_FUTURE(void) event;
    struct { AIO_FRAME(const char *); } words;
    struct aio_callback soon, later, done, never;
    struct aio_group group;
};
static AIO_CORO(setter)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    if (aio_future_set_result(&self->of->number, 0.5) || aio_future_set_result(&self->of->event))
        AIO_RAISE(AIO_EINVAL);
    AIO_END;
}

static void called(struct aio_callback *callback) { ++*(int *)callback->arg; }

static AIO_CORO(tasks)
{
    int error;
    AIO_BEGIN;
    self->task = aio_create_task(add(.a = 5, .b = 6));
    self->failing = aio_create_task(aio_new(fails, .cleanups = &self->cleanups));
    REQUIRE(self->task && self->failing && !aio_task_done(self->task));
    REQUIRE(aio_task_set_name(self->task, "adder") == 0 && strcmp(aio_task_name(self->task), "adder") == 0);
    REQUIRE(aio_all_tasks(aio_loop_current(), self->mixed, 2) == 3);
    self->mixed[0] = aio_any(self->task);
    self->mixed[1] = aio_any(self->failing);
    AIO_AWAIT(self->x, aio_shield(self->task));
    AIO_AWAIT(self->x, self->task);
    REQUIRE(self->x == 11 && self->task->result == 11 && aio_task_error(self->task) == 0);
    self->again = aio_retain(self->task);
    aio_release(self->task);
    REQUIRE(!self->task && self->again->a == 5 && !aio_task_cancelled(self->again));
    REQUIRE(aio_task_cancel(self->mixed[1]) && aio_task_cancelling(self->failing) == 1);
    AIO_TRY(error, self->mixed[1]);
    REQUIRE(error == AIO_ECANCELED && aio_task_cancelled(self->failing) && self->cleanups == 1);
    REQUIRE(aio_task_uncancel(aio_current_task()) == 0);

    REQUIRE(aio_spawn(aio_new(setter, .of = self)) == 0);
    AIO_AWAIT(self->d, &self->number);
    AIO_AWAIT(&self->event);
    REQUIRE(self->d > 0.4 && self->d < 0.6 && aio_future_done(&self->event));
    REQUIRE(aio_future_set_error(&self->words, AIO_EEOF) == 0 && aio_future_error(&self->words) == AIO_EEOF);
    REQUIRE(!aio_future_cancel(&self->words) && !aio_future_cancelled(&self->words));

    self->soon.fn = self->later.fn = self->done.fn = self->never.fn = called;
    self->soon.arg = self->later.arg = self->done.arg = self->never.arg = &self->called;
    REQUIRE(aio_loop_call_soon(aio_loop_current(), &self->soon) == 0);
    REQUIRE(aio_loop_call_later(aio_loop_current(), &self->later, AIO_US(5)) == 0);
    REQUIRE(aio_loop_call_at(aio_loop_current(), &self->never, aio_now() + AIO_SEC(9)) == 0);
    aio_add_done_callback(self->again, &self->done);
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    REQUIRE(self->called == 3 && aio_callback_cancel(&self->never));

    REQUIRE(aio_group_open(&self->group, self, 2, AIO_GROUP_KEEP_GOING) == 0);
    REQUIRE(aio_group_spawn(&self->group, aio_new(nothing, .times = 3)) == 0);
    self->task = aio_group_create_task(&self->group, add(.a = 1, .b = 1));
    AIO_AWAIT(aio_group_join(&self->group));
    REQUIRE(self->task->result == 2 && aio_group_count(&self->group) == 0);
    aio_group_cancel(&self->group);
    self->result = 7;
    AIO_FINALLY;
    aio_release(self->again);
    aio_release(self->failing);
    AIO_END;
}

/* Deadlines for a part of a body, and generators. */
struct pairs { AIO_FRAME(struct point); int n; struct point p; struct aio_timeout scope; };
static AIO_CORO(pairs)
{
    AIO_BEGIN;
    for (; self->p.x < self->n; self->p.x++) {
        AIO_TIMEOUT(&self->scope, AIO_MS(2))
            AIO_AWAIT(aio_sleep(AIO_MS(self->p.x)));
        self->p.y += self->scope.expired;
        AIO_YIELD(self->p);
    }
    AIO_FINALLY;
    AIO_AWAIT(aio_sleep(1));
    AIO_END;
}
struct letters { AIO_FRAME(char); int *cleanups; };
static AIO_CORO(letters)
{
    AIO_BEGIN;
    AIO_YIELD('a'); AIO_YIELD('b'); AIO_YIELD('c');
    AIO_FINALLY;
    ++*self->cleanups;
    AIO_END;
}
struct scopes {
    AIO_FRAME(void);
    struct point p;
    char c;
    int sum, cleanups;
    bool more;
    struct pairs *pairs, slot;
    struct letters *letters;
    struct aio_timeout outer, inner;
};
static AIO_CORO(scopes)
{
    AIO_BEGIN;
    AIO_FOREACH(self->p, self->pairs, aio_new(pairs, .n = 4))
        self->sum += self->p.x;
    REQUIRE(self->sum == 6 && self->p.y == 2 && !self->pairs);
    AIO_FOREACH(self->p, self->pairs, aio_place(&self->slot, pairs, .n = 9)) {
        AIO_FOREACH(self->c, self->letters, aio_new(letters, .cleanups = &self->cleanups)) {
            if (self->c == 'a')
                continue;
            break;
        }
        REQUIRE(self->c == 'b' && !self->letters);
        if (self->p.x == 1)
            break;
    }
    REQUIRE(self->cleanups == 2 && self->p.x == 1 && !self->pairs);
    self->letters = aio_new(letters, .cleanups = &self->cleanups);
    AIO_NEXT(self->more, self->c, self->letters); REQUIRE(self->more && self->c == 'a');
    AIO_CLOSE(self->letters); AIO_CLOSE(self->letters);
    REQUIRE(!self->letters && self->cleanups == 3);
    AIO_TIMEOUT(&self->outer, AIO_SEC(1)) {
        AIO_TIMEOUT_AT(&self->inner, aio_now() + AIO_MS(5))
            AIO_AWAIT(aio_sleep(AIO_SEC(9)));
        REQUIRE(self->inner.expired && !self->outer.expired);
        REQUIRE(aio_timeout_reschedule(&self->inner, 5) == AIO_EINVAL);
        REQUIRE(aio_timeout_reschedule(&self->outer, AIO_FOREVER) == 0 && self->outer.when == AIO_FOREVER);
        REQUIRE(aio_timeout_reschedule_at(&self->outer, aio_now() + 5) == 0);
        AIO_FOREACH(self->c, self->letters, aio_new(letters, .cleanups = &self->cleanups))
            AIO_AWAIT(aio_sleep(9));
    }
    REQUIRE(self->outer.expired && !self->letters && self->cleanups == 4);
    AIO_END;
}

/* Locks and their kin. */
struct guarded { AIO_FRAME(void); struct sync *of; };
struct sync {
    AIO_FRAME(void);
    struct aio_lock lock;
    struct aio_event event;
    struct aio_condition condition;
    struct aio_semaphore semaphore, bounded;
    struct aio_permit permit;
    struct aio_barrier barrier;
    struct aio_wait_group todo;
    struct aio_void *task;
    int index, changes;
};
static AIO_CORO(guarded)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_lock_acquire(&self->of->lock));
    self->of->changes++;
    aio_condition_notify(&self->of->condition, 1);
    aio_condition_notify_all(&self->of->condition);
    aio_lock_release(&self->of->lock);
    aio_event_set(&self->of->event);
    AIO_AWAIT(aio_barrier_wait(&self->of->barrier));
    aio_wait_group_done(&self->of->todo);
    AIO_FINALLY;
    if (aio_lock_held(&self->of->lock))
        aio_lock_release(&self->of->lock);
    AIO_END;
}
static AIO_CORO(sync)
{
    int error;
    AIO_BEGIN;
    aio_semaphore_init(&self->semaphore, 1);
    aio_bounded_semaphore_init(&self->bounded, 1);
    aio_barrier_init(&self->barrier, 2);
    aio_wait_group_add(&self->todo, 1);
    REQUIRE(aio_lock_try_acquire(&self->lock) && self->lock.locked && aio_lock_held(&self->lock));
    REQUIRE(aio_spawn(aio_new(guarded, .of = self)) == 0);
    while (!self->changes)
        AIO_AWAIT(aio_condition_wait(&self->condition, &self->lock));
    aio_lock_release(&self->lock);
    AIO_AWAIT(aio_event_wait(&self->event));
    REQUIRE(self->event.is_set);
    aio_event_clear(&self->event);
    AIO_AWAIT(self->index, aio_barrier_wait(&self->barrier));
    REQUIRE(self->index == 1 && self->barrier.parties == 2 && self->barrier.waiting == 0);
    AIO_AWAIT(aio_wait_group_wait(&self->todo));
    REQUIRE(self->todo.count == 0);
    AIO_AWAIT(aio_semaphore_acquire(&self->semaphore));
    REQUIRE(!aio_semaphore_try_acquire(&self->semaphore) && self->semaphore.value == 0);
    aio_semaphore_release(&self->semaphore);
    AIO_AWAIT(aio_semaphore_take(&self->bounded, &self->permit));
    AIO_TRY(error, aio_wait_for(aio_semaphore_acquire(&self->bounded), AIO_MS(1)));
    REQUIRE(error == AIO_ETIMEDOUT && self->permit.semaphore == &self->bounded);
    aio_permit_return(&self->permit);
    self->task = aio_create_task(aio_lock_acquire(&self->lock));
    AIO_AWAIT(self->task);
    aio_lock_release(&self->lock);
    aio_barrier_abort(&self->barrier);
    AIO_TRY(error, self->index, aio_barrier_wait(&self->barrier));
    REQUIRE(error == AIO_EBROKEN && self->barrier.broken);
    aio_barrier_reset(&self->barrier);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

/* Queues and their kin. */
static bool nearer(const void *a, const void *b) { return ((const struct point *)a)->x < ((const struct point *)b)->x; }
struct feeds { AIO_FRAME(void); struct queues *of; int i; };
struct queues {
    AIO_FRAME(void);
    struct aio_queue fifo, lifo, heap, given;
    struct aio_channel buffered, unbuffered;
    struct aio_broadcast broadcast;
    struct aio_subscription subscription;
    struct aio_watch watch;
    struct aio_watcher watcher;
    int items[2], more[2], news[2], letters[2], room[3], item, i, got, latest;
    struct point points[2], point;
    struct aio_int *task;
};
static AIO_CORO(feeds)
{
    AIO_BEGIN;
    for (self->i = 1; self->i <= 3; self->i++)
        AIO_AWAIT(aio_channel_send(&self->of->unbuffered, &self->i));
    aio_channel_close_send(&self->of->unbuffered);
    REQUIRE(aio_broadcast_send(&self->of->broadcast, &self->i) == 0);
    aio_broadcast_close(&self->of->broadcast);
    REQUIRE(aio_watch_set(&self->of->watch, &self->i) == 0);
    aio_watch_close(&self->of->watch);
    AIO_END;
}
static AIO_CORO(queues)
{
    int error;
    AIO_BEGIN;
    aio_queue_init(&self->fifo, self->items);
    aio_lifo_queue_init(&self->lifo, self->more);
    aio_priority_queue_init(&self->heap, self->points, nearer);
    REQUIRE(aio_queue_init_storage(&self->given, AIO_FIFO, self->room, sizeof *self->room, 3, NULL) == 0);
    REQUIRE(self->fifo.capacity == 2 && self->given.capacity == 3);
    for (self->i = 1; self->i <= 2; self->i++) {
        AIO_AWAIT(aio_queue_put(&self->fifo, &self->i));
        REQUIRE(aio_queue_put_nowait(&self->lifo, &self->i) == 0);
        self->point.x = -self->i;
        AIO_AWAIT(aio_queue_put(&self->heap, &self->point));
    }
    AIO_AWAIT(aio_queue_get(&self->fifo, &self->item));
    REQUIRE(self->item == 1 && self->fifo.length == 1 && self->fifo.unfinished == 2);
    REQUIRE(aio_queue_get_nowait(&self->lifo, &self->item) == 0 && self->item == 2);
    AIO_AWAIT(aio_queue_get(&self->heap, &self->point));
    REQUIRE(self->point.x == -2);
    aio_queue_task_done(&self->fifo);
    aio_queue_shutdown(&self->fifo, true);
    AIO_AWAIT(aio_queue_join(&self->fifo));
    AIO_TRY(error, aio_queue_get(&self->fifo, &self->item));
    REQUIRE(error == AIO_ESHUTDOWN);
    AIO_WHILE(self->got, aio_queue_next(&self->fifo, &self->item))
        REQUIRE(false);

    aio_channel_init(&self->buffered, self->letters);
    AIO_AWAIT(aio_channel_send(&self->buffered, &self->i));
    REQUIRE(aio_channel_try_send(&self->buffered, &self->i) == 0);
    REQUIRE(aio_channel_try_recv(&self->buffered, &self->item) == 0 && self->item == self->i);
    aio_channel_close_recv(&self->buffered);
    REQUIRE(aio_channel_try_send(&self->buffered, &self->i) == AIO_EPIPE);
    self->task = aio_create_task(aio_channel_recv(&self->buffered, &self->item));
    AIO_AWAIT(self->got, self->task);
    REQUIRE(self->got == 0);

    aio_channel_init_unbuffered(&self->unbuffered, sizeof self->item);
    aio_broadcast_init(&self->broadcast, self->news);
    aio_broadcast_subscribe(&self->broadcast, &self->subscription);
    aio_watch_init(&self->watch, &self->latest);
    aio_watch_subscribe(&self->watch, &self->watcher);
    REQUIRE(aio_spawn(aio_new(feeds, .of = self)) == 0);
    self->i = 0;
    AIO_WHILE(self->got, aio_wait_for(aio_channel_recv(&self->unbuffered, &self->item), AIO_SEC(1)))
        REQUIRE(self->item == ++self->i);
    REQUIRE(self->i == 3);
    AIO_WHILE(self->got, aio_broadcast_recv(&self->subscription, &self->item))
        REQUIRE(self->item == 4 && self->subscription.missed == 0);
    AIO_WHILE(self->got, aio_watch_next(&self->watcher, &self->item))
        REQUIRE(self->item == 4 && *(int *)self->watch.value == 4);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

/* Threads. The virtual clock has no wake, so they are refused when they are to run. */
#if API_THREADS
struct square { AIO_FRAME(double); double of; };
static AIO_JOB(square)
{
    self->result = self->of * self->of;
    return aio_job_cancelled() ? AIO_ECANCELED : 0;
}
static AIO_DECLARE(measure);
struct measure { AIO_FRAME(size_t); char text[20]; };
static AIO_JOB_DETACHED(measure)
{
    self->result = strlen(self->text);
    return 0;
}
static void *same(void *arg) { return arg; }

struct threads { AIO_FRAME(void); double d; size_t n; void *v; struct square slot; struct measure *task; };
static AIO_CORO(threads)
{
    int error;
    AIO_BEGIN;
    AIO_TRY(error, self->d, aio_new(square, .of = 3));
    REQUIRE(error == AIO_ENOTSUP);
    AIO_TRY(error, aio_place(&self->slot, square, .of = 3));
    REQUIRE(error == AIO_ENOTSUP);
    AIO_TRY(error, self->n, aio_wait_for(aio_new(measure, .text = "four"), AIO_SEC(1)));
    REQUIRE(error == AIO_ENOTSUP && self->n == 0);
    AIO_TRY(error, self->v, aio_to_thread(same, self));
    REQUIRE(error == AIO_ENOTSUP);
    self->task = aio_create_task(aio_new(measure, .text = "four"));
    AIO_TRY(error, self->task);
    REQUIRE(error == AIO_ENOTSUP && aio_thread_admit(aio_loop_current()) == AIO_ENOTSUP);
    REQUIRE(aio_thread_limits(aio_loop_current(), 4, AIO_SEC(30)) == AIO_ENOTSUP);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}
static int from_a_thread(struct aio_loop *loop)
{
    struct add slot;
    int sum = 1;
    long wide = 1;
    if (aio_run_threadsafe(loop, AIO_FOREVER, aio_place(&slot, add, .a = 1, .b = 2)) != AIO_ESHUTDOWN)
        return 1;
    if (aio_run_threadsafe(loop, AIO_SEC(5), sum, aio_place(&slot, add, .a = 1)) != AIO_ESHUTDOWN || sum)
        return 1;
#if AIO_STATEMENT_EXPRESSIONS                   /* or the lvalue has the type of the result */
    if (aio_run_threadsafe(loop, 0, wide, aio_place(&slot, add, .b = 2)) != AIO_ESHUTDOWN)
        return 1;
    return wide != 0;
#else
    return wide != 1;
#endif
}
#endif

static void on_error(struct aio_loop *loop, const struct aio_report *report)
{
    ++*(int *)loop->user;
    (void)report;
}

static void sink_write(struct aio_sink *sink, const char *text, size_t length)
{
    (void)sink, (void)text, (void)length;
}

int main(void)
{
    int result = 0, errors = 0, failed = 0;
    const char *s = NULL;
    struct big b;
    struct aio_options options = { .poller = API_POLLER, .on_error = on_error, .user = &errors, .debug = false,
                                   .shutdown_timeout = AIO_SEC(10) };
    struct aio_loop loop;
    struct aio_sink sink = { sink_write };

    failed |= aio_run(aio_new(awaits));
#ifndef KEYWORDS_ONLY
    failed |= aio_run(aio_new(positional));
#endif
    failed |= aio_run(aio_new(scopes));
    failed |= aio_run(result, aio_new(tasks)) || result != 7;
    failed |= aio_main(aio_new(sync));
    failed |= aio_main(aio_new(queues));
    failed |= aio_run(s, aio_new(text, .of = "s")) || strcmp(s, "s") != 0;
    failed |= aio_run(b, aio_new(fill, .c = 'b')) || b.text[2999] != 'b';
    failed |= aio_run_with(&options, result, aio_new(add, .a = 4, .b = 5)) || result != 9;
    failed |= aio_run_with(&options, aio_new(fails, .error = AIO_EUSER)) != AIO_EUSER;
    failed |= aio_main(aio_new(nothing, .times = 1));
    failed |= aio_main_with(&options, aio_new(nothing, .times = 1));
    if (aio_loop_init(&loop, &options))
        return 1;
    failed |= aio_loop_spawn(&loop, aio_new(fails, .error = AIO_EUSER)) != 0;
    aio_dump(&loop, &sink);
    while (aio_loop_deadline(&loop) != AIO_FOREVER)
        failed |= aio_loop_turn(&loop, AIO_SEC(1)) < 0;
    failed |= errors != 1;
    failed |= aio_loop_run_until_complete(&loop, aio_new(nothing));
#if API_THREADS
    failed |= aio_loop_run_until_complete(&loop, aio_new(threads)) || from_a_thread(&loop);
#endif
    failed |= aio_loop_close(&loop);
    failed |= !aio_strerror(AIO_ENOMEM) || (AIO_STRINGS && !aio_error_name(AIO_ENOMEM));
    failed |= aio_size_of(add) < 2 * sizeof(int);
    return failed != 0;
}
