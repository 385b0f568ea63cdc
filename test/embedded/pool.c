/* pool.c - memory and timers run out: at an await, at a task, at a timer, at a group. It is AIO_ENOMEM there and
   nowhere else, cleanups run, and what is given back is there to be used again. */
#include "embedded/board.h"

#define AIO_POOL_BYTES 2048
#define AIO_TIMERS 4
#define AIO_MALLOC(n) malloc_is_called /* would not compile */
#define AIO_FREE(p) free_is_called
#define AIO_IMPLEMENTATION
#include "aio.h"
#include "test/tap.h"

static int alive, cleanups;

/* A pile: every coroutine awaits the next, until there is no more memory. */
struct pile { AIO_FRAME(int); struct pile *next; int depth; bool counted; };
static AIO_CORO(pile)
{
    AIO_BEGIN;
    alive++;
    self->counted = true;
    AIO_AWAIT(self->depth, aio_new(pile));
    CHECK(!"there is no end of memory");
    AIO_FINALLY;
    cleanups++;
    alive -= self->counted;
    AIO_END;
}

struct await_fails { AIO_FRAME(void); int error, depth, first; };
static AIO_CORO(await_fails)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->depth, aio_new(pile));
    CHECK_INT(self->error, AIO_ENOMEM);
    CHECK_INT(alive, 0);
    CHECK(cleanups > 10, "%d", cleanups);
    self->first = cleanups;
    cleanups = 0;
    AIO_TRY(self->error, self->depth, aio_new(pile));      /* all of it came back */
    CHECK_INT(self->error, AIO_ENOMEM);
    CHECK_INT(cleanups, self->first);
    printf("# %d coroutines deep\n", self->first);
    AIO_END;
}
TEST(at_an_await)
{
    cleanups = 0;
    CHECK_INT(aio_run(aio_new(await_fails)), 0);
    CHECK(aio_pool_peak() > AIO_POOL_BYTES / 4 * 3 && aio_pool_peak() <= AIO_POOL_BYTES, "%lu",
          (unsigned long)aio_pool_peak());
}

/* Tasks until there are no more; they wait for an event, and need no timer. */
static struct aio_event gate;
struct waits { AIO_FRAME(int); int id; };
static AIO_CORO(waits)
{
    AIO_BEGIN;
    alive++;
    AIO_AWAIT(aio_event_wait(&gate));
    AIO_RETURN(self->id);
    AIO_FINALLY;
    cleanups++;
    alive--;
    AIO_END;
}

enum { MANY = 64 };
static struct waits *tasks[MANY];       /* not in a frame: it would leave no room for tasks */
struct tasks_fail { AIO_FRAME(void); struct aio_void *spare; int i, n, round, first; };
static AIO_CORO(tasks_fail)
{
    AIO_BEGIN;
    for (self->round = 0; self->round < 3; self->round++) {
        aio_event_clear(&gate);
        self->spare = aio_event_wait(&gate);        /* or they would fail at their await */
        cleanups = 0;
        for (self->n = 0; self->n < MANY; self->n++)
            if (!(tasks[self->n] = aio_create_task(aio_new(waits, self->n))))
                break;
        CHECK(self->n > 5 && self->n < MANY, "%d", self->n);
        CHECK_INT(aio_spawn(aio_new(waits, 99)), AIO_ENOMEM);
        aio_discard(self->spare);
        AIO_AWAIT(aio_sleep(0));
        CHECK_INT(alive, self->n);
        aio_event_set(&gate);
        for (self->i = 0; self->i < self->n; self->i++) {
            int result;
            AIO_AWAIT(result, tasks[self->i]);
            CHECK_INT(result, self->i);
            aio_release(tasks[self->i]);
        }
        CHECK_INT(cleanups, self->n);
        CHECK_INT(alive, 0);
        self->first = self->round ? self->first : self->n;
        CHECK_INT(self->n, self->first);
    }
    printf("# %d tasks\n", self->first);
    AIO_END;
}
TEST(at_create_task) { CHECK_INT(aio_run(aio_new(tasks_fail)), 0); }

/* The group is told, and goes on with the members that it has. */
struct group_fails { AIO_FRAME(void); struct aio_void *spare; struct aio_group group; int n, error; };
static AIO_CORO(group_fails)
{
    AIO_BEGIN;
    aio_event_clear(&gate);
    self->spare = aio_event_wait(&gate);
    aio_group_open(&self->group, self, 0, 0);
    for (self->n = cleanups = 0; self->n < MANY; self->n++)
        if ((self->error = aio_group_spawn(&self->group, aio_new(waits, self->n))) != 0)
            break;
    CHECK_INT(self->error, AIO_ENOMEM);
    CHECK(self->n > 5, "%d", self->n);
    aio_discard(self->spare);
    aio_event_set(&gate);
    AIO_AWAIT(aio_group_join(&self->group));
    CHECK_INT(cleanups, self->n);
    AIO_END;
}
TEST(at_a_group) { CHECK_INT(aio_run(aio_new(group_fails)), 0); }

/* More sleepers than slots: the ones too many fail at their sleep, the others sleep as they should. */
struct naps { AIO_FRAME(void); int i, error; uint32_t began; };
static AIO_CORO(naps)
{
    AIO_BEGIN;
    self->began = board_ticks();
    AIO_TRY(self->error, aio_sleep(AIO_MS(5)));
    if (self->i < AIO_TIMERS)
        CHECK(!self->error && board_ticks() - self->began >= AIO_TICK_HZ / 200, "%d: %d", self->i, self->error);
    else
        CHECK_INT(self->error, AIO_ENOMEM);
    note("%d%c", self->i, self->error ? '!' : ' ');
    AIO_END;
}

struct timers_fail { AIO_FRAME(void); int i, error; struct aio_group group; struct aio_timeout timeout; struct aio_callback late; };
static void never(struct aio_callback *callback)
{
    (void)callback;
    CHECK(!"called");
}
static AIO_CORO(timers_fail)
{
    AIO_BEGIN;
    self->late.fn = never;
    aio_group_open(&self->group, self, 0, 0);
    for (self->i = 0; self->i < AIO_TIMERS + 2; self->i++)
        CHECK_INT(aio_group_spawn(&self->group, aio_new(naps, self->i)), 0);
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("4!5!");
    AIO_TRY(self->error, aio_wait_for(aio_event_wait(&gate), AIO_MS(1)));
    CHECK_INT(self->error, AIO_ENOMEM);
    CHECK_INT(aio_loop_call_later(aio_loop_current(), &self->late, AIO_MS(1)), AIO_ENOMEM);
    AIO_AWAIT(aio_group_join(&self->group));
    CHECK_NOTES("0 1 2 3 ");
    AIO_TRY(self->error, aio_wait_for(aio_event_wait(&gate), AIO_MS(1)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    AIO_END;
}
TEST(at_a_timer)
{
    aio_event_clear(&gate);
    CHECK_INT(aio_run(aio_new(timers_fail)), 0);
}

/* A block with a limit needs a slot, too: without one it is not entered, and the error propagates. */
struct block { AIO_FRAME(void); int i; struct aio_group group; struct aio_timeout timeout; };
static AIO_CORO(block)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    for (self->i = 0; self->i < AIO_TIMERS; self->i++)
        CHECK_INT(aio_group_spawn(&self->group, aio_new(naps, self->i)), 0);
    AIO_AWAIT(aio_sleep(0));
    AIO_TIMEOUT(&self->timeout, AIO_MS(50)) {
        CHECK(!"entered");
        AIO_AWAIT(aio_sleep(0));
    }
    CHECK(!"reached");
    AIO_FINALLY;
    CHECK_INT(aio_coro_error(self), AIO_ENOMEM);
    CHECK_INT((int)aio_group_count(&self->group), 0);
    AIO_END;
}
TEST(at_a_timeout_block)
{
    CHECK_INT(aio_run(aio_new(block)), AIO_ENOMEM);
    CHECK_NOTES("");
}

/* Nothing at all: not even the task of the run. */
static char hog[AIO_POOL_BYTES];
struct large { AIO_FRAME(void); char bytes[AIO_POOL_BYTES]; };
static AIO_CORO(large) { AIO_BEGIN; memcpy(self->bytes, hog, sizeof hog); AIO_END; }
struct small { AIO_FRAME(int); };
static AIO_CORO(small) { AIO_BEGIN; AIO_RETURN(7); AIO_END; }
TEST(at_aio_run)
{
    int result = -1;
    CHECK_INT(aio_run(aio_new(large)), AIO_ENOMEM);
    CHECK_INT(aio_run(result, aio_new(small)), 0);          /* it was no worse for that */
    CHECK_INT(result, 7);
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(at_an_await), T(at_create_task), T(at_a_group), T(at_a_timer), T(at_a_timeout_block),
        T(at_aio_run));
}
