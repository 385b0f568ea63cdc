/* Tasks: handles, waiting for them, turns, names, errors that nobody looked at, tracebacks, dumps. */
#include "core.h"

enum { EFIRST = AIO_EUSER - 1, ESECOND = AIO_EUSER - 2 };

struct work { AIO_FRAME(int); int value; aio_time sleep; int fail; };
static AIO_CORO(work)
{
    AIO_BEGIN;
    note("w%d ", self->value);
    if (self->sleep)
        AIO_AWAIT(aio_sleep(self->sleep));
    if (self->fail)
        AIO_RAISE(self->fail);
    AIO_RETURN(self->value);
    AIO_FINALLY;
    note("f%d ", self->value);
    AIO_END;
}

/* ----------------------------------------------------------------------------------- handles */

CORO_TEST(create_task, struct work *task, *object; int value;)
{
    AIO_BEGIN;
    self->object = aio_new(work, 1, .sleep = 5);
    self->task = aio_create_task(self->object);
    CHECK(self->task == self->object);          /* the same pointer, now a handle */
    CHECK_NOTES("");                            /* the first step runs in the next turn */
    CHECK(!aio_task_done(self->task));
    CHECK_INT(aio_task_error(self->task), AIO_EAGAIN);
    CHECK_INT(self->task->value, 1);
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("w1 ");
    AIO_AWAIT(self->value, self->task);
    CHECK_INT(self->value, 1);
    CHECK_INT(aio_now(), 5);
    CHECK(aio_task_done(self->task));
    CHECK(!aio_task_cancelled(self->task));
    CHECK_INT(aio_task_error(self->task), 0);
    CHECK(!aio_task_cancel(self->task));        /* a finished task answers false */
    CHECK_INT(aio_task_cancelling(self->task), 0);
    self->value = 0;
    AIO_AWAIT(self->value, self->task);         /* again: awaiting only borrows */
    CHECK_INT(self->value, 1);
    CHECK_INT(self->task->result, 1);
    aio_release(self->task);
    CHECK(self->task == NULL);
    aio_release(self->task);                    /* NULL may be released */
    CHECK_NOTES("f1 ");
    AIO_END;
}

CORO_TEST(release_unfinished, struct work *task;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(work, 1, .sleep = 5));
    aio_release(self->task);                    /* goes on all the same */
    AIO_AWAIT(aio_sleep(6));
    CHECK_NOTES("w1 f1 ");
    AIO_END;
}

CORO_TEST(retain, struct work *a, *b; int value;)
{
    AIO_BEGIN;
    self->a = aio_create_task(aio_new(work, 3));
    self->b = aio_retain(self->a);
    CHECK(self->a == self->b);
    AIO_AWAIT(self->a);
    aio_release(self->a);
    AIO_AWAIT(self->value, self->b);
    CHECK_INT(self->value, 3);
    aio_release(self->b);
    CHECK_NOTES("w3 f3 ");
    AIO_END;
}

/* A handle stays valid when its loop is closed, until it is released. */
static struct work *kept;
struct keeps { AIO_FRAME(void); };
static AIO_CORO(keeps)
{
    AIO_BEGIN;
    kept = aio_create_task(aio_new(work, 4, .sleep = 1));
    AIO_AWAIT(kept);
    AIO_END;
}

TEST(handle_outlives_loop)
{
    CHECK_INT(aio_run_with(&core_options, aio_new(keeps)), 0);
    CHECK(aio_task_done(kept));
    CHECK_INT(kept->result, 4);
    aio_release(kept);
    CHECK_INT(core_live, 0);
    tap_text[0] = 0;                            /* AIO_DEBUG warned of it */
}

struct returns { AIO_FRAME(void); int *at; };
static AIO_CORO(returns) { AIO_BEGIN; ++*self->at; AIO_END; }

CORO_TEST(spawn, int count, i;)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(work, 1, .sleep = 1)), 0);
    CHECK_INT(aio_spawn(aio_new(work, 2, .fail = EFIRST)), 0);
    CHECK_INT(aio_spawn(aio_sleep(1)), 0);      /* anything that is a coroutine object */
    CHECK_INT(aio_spawn(aio_sleep(0)), 0);
    CHECK_INT(aio_spawn(aio_wait_for(aio_sleep(5), 9)), 0);
    CHECK_NOTES("");
    AIO_AWAIT(aio_sleep(9));
    CHECK_NOTES("w1 w2 f2 [work failed -10001]f1 ");
    for (self->i = 0; self->i < 1000; self->i++)
        CHECK_INT(aio_spawn(aio_new(returns, &self->count)), 0);
    AIO_AWAIT(aio_sleep(0));
    CHECK_INT(self->count, 1000);
    AIO_END;
}

TEST(without_a_loop)
{
    CHECK_INT(aio_spawn(aio_new(work, 1)), AIO_EPERM);
    CHECK(aio_create_task(aio_new(work, 1)) == NULL);
    CHECK(aio_current_task() == NULL);
    CHECK(aio_loop_current() == NULL);
    CHECK_NOTES("");
}

CORO_TEST(nested_run, int value;)
{
    AIO_BEGIN;
    CHECK_INT(aio_run(aio_new(work, 1)), AIO_EBUSY);
    self->value = 5;
    CHECK_INT(aio_run(self->value, aio_new(work, 1)), AIO_EBUSY);
    CHECK_INT(self->value, 0);
    CHECK(aio_loop_current() != NULL);
    AIO_AWAIT(aio_sleep(1));                    /* and the loop is unharmed */
    AIO_END;
}

CORO_TEST(names, struct work *a, *b;)
{
    AIO_BEGIN;
    self->a = aio_create_task(aio_new(work, 1));
    self->b = aio_create_task(aio_new(work, 2));
    CHECK_STR(aio_task_name(self->a), "work");
    CHECK_INT(aio_task_set_name(self->a, "fetch"), 0);
    CHECK_STR(aio_task_name(self->a), "fetch");
    CHECK_STR(aio_task_name(self->b), "work");
    CHECK_STR(aio_task_name(self), "names");
    AIO_AWAIT(self->a);
    AIO_AWAIT(self->b);
    CHECK_STR(aio_task_name(self->a), "fetch");
    aio_release(self->a);
    aio_release(self->b);
    CHECK_NOTES("w1 f1 w2 f2 ");
    AIO_END;
}

/* -------------------------------------------------------------------------------- who is there */

static struct aio_any *seen_current;
static void sees_current(struct aio_callback *callback) { (void)callback; seen_current = aio_current_task(); }
struct tells_current { AIO_FRAME(struct aio_any *); aio_time sleep; };
static AIO_CORO(tells_current)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->sleep));
    AIO_RETURN(aio_current_task());
    AIO_END;
}

CORO_TEST(current_task, struct tells_current *task; struct aio_any *current; struct aio_callback callback;)
{
    AIO_BEGIN;
    CHECK(aio_current_task() == aio_any(self));
    AIO_AWAIT(self->current, aio_new(tells_current, 1));
    CHECK(self->current == aio_any(self));      /* a coroutine runs in its caller's task */
    AIO_AWAIT(self->current, aio_wait_for(aio_new(tells_current, 1), 5));
    CHECK(self->current == aio_any(self));
    self->task = aio_create_task(aio_new(tells_current, 1));
    AIO_AWAIT(self->current, self->task);
    CHECK(self->current == aio_any(self->task));
    aio_release(self->task);
    seen_current = aio_any(self);
    self->callback.fn = sees_current;
    CHECK_INT(aio_loop_call_soon(aio_loop_current(), &self->callback), 0);
    AIO_AWAIT(aio_sleep(0));
    CHECK(seen_current == NULL);                /* none in a callback */
    AIO_END;
}

enum { MANY = 1000 };
struct sleeps { AIO_FRAME(void); aio_time sleep; };
static AIO_CORO(sleeps) { AIO_BEGIN; AIO_AWAIT(aio_sleep(self->sleep)); AIO_END; }

CORO_TEST(all_tasks, struct sleeps *tasks[2 * MANY]; struct aio_any *all[2 * MANY + 1]; int i, k; size_t n;)
{
    AIO_BEGIN;
    CHECK_INT(aio_all_tasks(aio_loop_current(), self->all, 5), 1);
    CHECK(self->all[0] == aio_any(self));
    CHECK_INT(aio_all_tasks(aio_loop_current(), NULL, 0), 1);
    for (self->i = 0; self->i < MANY; self->i++)
        self->tasks[self->i] = aio_create_task(aio_new(sleeps, self->i % 3 ? AIO_SEC(9) : 5));
    AIO_AWAIT(aio_sleep(6));                    /* every third has ended: its record is used again */
    for (self->i = self->k = 0; self->i < MANY; self->i++) {
        if (self->i % 3)
            self->tasks[self->k++] = self->tasks[self->i];
        else
            aio_release(self->tasks[self->i]);
    }
    for (self->i = 0; self->i < MANY; self->i++)
        self->tasks[self->k++] = aio_create_task(aio_new(sleeps, AIO_SEC(9)));
    self->n = aio_all_tasks(aio_loop_current(), self->all, 2 * MANY + 1);
    CHECK_INT(self->n, self->k + 1);
    CHECK(self->all[0] == aio_any(self));
    for (self->i = 0; self->i < self->k && self->all[self->i + 1] == aio_any(self->tasks[self->i]);)
        self->i++;
    CHECK_INT(self->i, self->k);                /* in order of creation */
    self->all[2] = NULL;
    CHECK_INT(aio_all_tasks(aio_loop_current(), self->all, 2), self->k + 1);
    CHECK(self->all[2] == NULL);                /* at most as many as there is room for */
    for (self->i = 0; self->i < self->k; self->i++) {
        AIO_AWAIT(self->tasks[self->i]);
        aio_release(self->tasks[self->i]);
    }
    CHECK_INT(aio_all_tasks(aio_loop_current(), self->all, 2), 1);
    AIO_END;
}

/* ------------------------------------------------------------------------------ waiting, turns */

struct waits { AIO_FRAME(void); int id; struct work *task; int value, error; };
static AIO_CORO(waits)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->value, self->task);
    note("%d:%d,%d ", self->id, self->value, self->error);
    AIO_END;
}

CORO_TEST(many_waiters, struct work *task; int i;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(work, 7, .sleep = 5));
    for (self->i = 0; self->i < 5; self->i++)
        CHECK_INT(aio_spawn(aio_new(waits, self->i, self->task)), 0);
    AIO_AWAIT(aio_sleep(9));
    CHECK_NOTES("w7 f7 0:7,0 1:7,0 2:7,0 3:7,0 4:7,0 ");
    aio_release(self->task);
    self->task = aio_create_task(aio_new(work, 7, .sleep = 5, .fail = EFIRST));
    for (self->i = 0; self->i < 3; self->i++)
        CHECK_INT(aio_spawn(aio_new(waits, self->i, self->task)), 0);
    AIO_AWAIT(aio_sleep(9));
    CHECK_NOTES("w7 f7 0:0,-10001 1:0,-10001 2:0,-10001 ");
    aio_release(self->task);
    AIO_END;
}

struct spins { AIO_FRAME(void); const char *id; int turns; int i; };
static AIO_CORO(spins)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < self->turns; self->i++) {
        note("%s", self->id);
        AIO_AWAIT(aio_sleep(0));
    }
    AIO_END;
}

CORO_TEST(turns, struct spins *late;)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(spins, "a", 3)), 0);
    CHECK_INT(aio_spawn(aio_new(spins, "b", 2)), 0);
    CHECK_INT(aio_spawn(aio_new(spins, "c", 3)), 0);
    note("0");
    AIO_AWAIT(aio_sleep(0));
    note("1");
    AIO_AWAIT(aio_sleep(-5));                   /* as 0 */
    note("2");
    self->late = aio_create_task(aio_new(spins, "L", 1));   /* behind whoever is in the queue */
    AIO_AWAIT(aio_sleep(0));
    note("3");
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("0abc1abc2acL3");
    AIO_AWAIT(self->late);
    aio_release(self->late);
    AIO_END;
}

/* One turn of the loop runs what was queued when it began; what that queues waits for the next. */
static int turn_count(struct aio_loop *loop)
{
    int n = aio_loop_turn(loop, 0);
    note("|");
    return n;
}

struct begets { AIO_FRAME(void); int depth; };
static AIO_CORO(begets)
{
    AIO_BEGIN;
    note("%d", self->depth);
    if (self->depth)
        CHECK_INT(aio_spawn(aio_new(begets, self->depth - 1)), 0);
    AIO_END;
}

TEST(turn_by_turn)
{
    struct aio_loop loop;
    CHECK_INT(aio_loop_init(&loop, &core_options), 0);
    CHECK_INT(turn_count(&loop), 0);
    CHECK_INT(aio_loop_spawn(&loop, aio_new(begets, 2)), 0);
    CHECK_INT(aio_loop_spawn(&loop, aio_new(spins, "a", 2)), 0);
    CHECK_NOTES("|");
    CHECK_INT(turn_count(&loop), 2);
    CHECK_INT(turn_count(&loop), 2);
    CHECK_INT(turn_count(&loop), 2);
    CHECK_INT(turn_count(&loop), 0);
    CHECK_NOTES("2a|1a|0|" "|");
    CHECK_INT(aio_loop_close(&loop), 0);
    CHECK_INT(aio_loop_close(&loop), 0);        /* twice is once */
    CHECK_INT(core_live, 0);
}

/* Spinners do not keep timers from firing: they are looked at every 64 resumptions at least. */
struct spins_until { AIO_FRAME(int); bool *stop; };
static AIO_CORO(spins_until)
{
    AIO_BEGIN;
    while (!*self->stop && self->result < 10000) {
        self->result++;
        AIO_AWAIT(aio_sleep(0));
    }
    AIO_END;
}

CORO_TEST(spinners_do_not_starve_timers, bool stop; struct spins_until *spinner; int n; struct aio_callback callback;)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(10));
    self->callback.fn = sees_current;
    CHECK_INT(aio_loop_call_later(aio_loop_current(), &self->callback, 0), 0);      /* a timer, due now */
    self->spinner = aio_create_task(aio_new(spins_until, &self->stop));
    seen_current = aio_any(self);
    for (self->n = 0; seen_current && self->n < 1000; self->n++)
        AIO_AWAIT(aio_sleep(0));
    CHECK(self->n <= 64, "looked at timers after %d turns of two tasks", self->n);
    self->stop = true;
    AIO_AWAIT(self->spinner);
    aio_release(self->spinner);
    AIO_END;
}

/* What main leaves behind is cancelled in order of creation; its cleanup runs. What was queued when main ended still
   runs before that, as in asyncio: a task that was made just before begins. */
struct leaves { AIO_FRAME(void); struct work *just_before; };
static AIO_CORO(leaves)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(work, 1, .sleep = AIO_FOREVER)), 0);
    CHECK_INT(aio_spawn(aio_new(work, 2, .sleep = AIO_SEC(5))), 0);
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("w1 w2 ");
    self->just_before = aio_create_task(aio_new(work, 3));
    aio_release(self->just_before);
    AIO_END;
}

TEST(leftovers)
{
    CHECK_INT(run(aio_new(leaves)), 0);
    CHECK_NOTES("w3 f3 f1 f2 ");                /* 3 was in the queue already, 1 and 2 come behind it */
}

struct slow_cleanup { AIO_FRAME(void); int id; int spawn; };
static AIO_CORO(slow_cleanup)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_FOREVER));
    AIO_FINALLY;
    note("c%d ", self->id);
    if (self->spawn)
        CHECK_INT(aio_spawn(aio_new(work, 9, .sleep = AIO_FOREVER)), 0);
    AIO_AWAIT(aio_sleep(AIO_SEC(1)));
    note("d%d@%d ", self->id, (int)(aio_now() / AIO_SEC(1)));
    AIO_END;
}

struct leaves_slow { AIO_FRAME(void); int spawn; };
static AIO_CORO(leaves_slow)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(slow_cleanup, 1)), 0);
    CHECK_INT(aio_spawn(aio_new(slow_cleanup, 2, self->spawn)), 0);
    AIO_AWAIT(aio_sleep(0));
    AIO_END;
}

TEST(leftovers_clean_up)
{
    CHECK_INT(run(aio_new(leaves_slow)), 0);
    CHECK_NOTES("c1 c2 d1@1 d2@1 ");
}

/* A task that a cleanup starts may be what it waits for: it lives as long as the cleanups do, and is cancelled then. */
TEST(leftovers_spawn)
{
    CHECK_INT(run(aio_new(leaves_slow, .spawn = 1)), 0);
    CHECK_NOTES("c1 c2 w9 d1@1 d2@1 f9 ");
}

/* ------------------------------------------------------------------------------------- deadlock */

CORO_TEST(await_self, int error, value; struct await_self *me;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self);
    CHECK_INT(self->error, AIO_EDEADLK);
    AIO_TRY(self->error, aio_shield(self));
    CHECK_INT(self->error, AIO_EDEADLK);
    AIO_TRY(self->error, aio_wait_for(self, AIO_SEC(1)));
    CHECK_INT(self->error, AIO_EDEADLK);
    AIO_END;
}

struct ring { AIO_FRAME(int); int id; struct ring **next; bool releases; };
static AIO_CORO(ring)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(1));
    AIO_AWAIT(*self->next);
    AIO_FINALLY;
    note("%d:%d ", self->id, aio_coro_error(self));
    if (self->releases)
        aio_release(*self->next);
    AIO_END;
}

CORO_TEST(ring_is_cancelled, struct ring *ring[3]; int i, error;)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 3; self->i++)
        self->ring[self->i] = aio_create_task(aio_new(ring, self->i, &self->ring[(self->i + 1) % 3]));
    AIO_AWAIT(aio_sleep(5));
    CHECK(aio_task_cancel(self->ring[1]));
    for (self->i = 0; self->i < 3; self->i++) {
        AIO_TRY(self->error, aio_wait_for(self->ring[self->i], AIO_SEC(1)));
        CHECK_INT(self->error, AIO_ECANCELED);
        aio_release(self->ring[self->i]);
    }
    CHECK(strstr(tap_text, "0:-125 ") && strstr(tap_text, "1:-125 ") && strstr(tap_text, "2:-125 "));
    CHECK_INT(strlen(tap_text), 21);            /* each once */
    tap_text[0] = 0;
    AIO_END;
}

struct leaves_ring { AIO_FRAME(void); struct ring *ring[3]; int i; };
static AIO_CORO(leaves_ring)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 3; self->i++)
        self->ring[self->i] = aio_create_task(aio_new(ring, self->i, &self->ring[(self->i + 1) % 3], true));
    AIO_AWAIT(aio_sleep(5));
    AIO_END;
}

TEST(ring_is_left_over)
{
    CHECK_INT(run(aio_new(leaves_ring)), 0);
    CHECK_INT(strlen(tap_text), 21);
    tap_text[0] = 0;
}

/* The virtual clock sees that nothing can ever happen any more. */
struct for_ever { AIO_FRAME(void); AIO_FUTURE(int) future; };
static AIO_CORO(for_ever)
{
    AIO_BEGIN;
    AIO_AWAIT(&self->future);
    AIO_FINALLY;
    note("%d ", aio_coro_error(self));
    AIO_END;
}

TEST(nothing_can_happen)
{
    CHECK_INT(run(aio_new(for_ever)), AIO_EDEADLK);
    CHECK_NOTES("-125 ");
}

/* -------------------------------------------------------------------- errors nobody looked at */

CORO_TEST(unseen_errors, struct work *task; int error;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(work, 1, .fail = EFIRST));
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("w1 f1 ");                      /* there is still a handle: somebody may look */
    aio_release(self->task);
    CHECK_NOTES("[work failed, and nobody looked at its error -10001]");
    self->task = aio_create_task(aio_new(work, 2, .sleep = 1, .fail = EFIRST));
    aio_release(self->task);
    AIO_AWAIT(aio_sleep(2));                    /* nobody can look any more when it ends */
    CHECK_NOTES("w2 f2 [work failed, and nobody looked at its error -10001]");
    AIO_END;
}

CORO_TEST(seen_errors, struct work *task; int error;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(work, 1, .fail = EFIRST));
    AIO_TRY(self->error, self->task);           /* awaited */
    aio_release(self->task);
    self->task = aio_create_task(aio_new(work, 2, .fail = EFIRST));
    AIO_AWAIT(aio_sleep(1));
    CHECK_INT(aio_task_error(self->task), EFIRST);  /* asked for */
    aio_release(self->task);
    self->task = aio_create_task(aio_new(work, 3, .sleep = AIO_FOREVER));
    AIO_AWAIT(aio_sleep(1));
    aio_task_cancel(self->task);                /* cancelled: no error */
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancelled(self->task));
    aio_release(self->task);
    self->task = aio_create_task(aio_new(work, 4, .fail = EFIRST));
    AIO_TRY(self->error, aio_wait_for(aio_shield(self->task), 5));  /* through others */
    CHECK_INT(self->error, EFIRST);
    aio_release(self->task);
    CHECK_NOTES("w1 f1 w2 f2 w3 f3 w4 f4 ");
    AIO_END;
}

/* --------------------------------------------------------------------------------- tracebacks */

static struct core_text report_text;
static void report_whole(struct aio_loop *loop, const struct aio_report *report)
{
    (void)loop;
    aio_report_write(report, &report_text.sink);
}
static struct aio_options tracing = { .on_error = report_whole };

static void report_begin(void)
{
    report_text.sink.write = core_write;
    report_text.n = 0;
    report_text.text[0] = 0;
}

static int line_inner, line_middle, line_outer, line_other;
struct inner { AIO_FRAME(void); aio_time sleep; };
static AIO_CORO(inner)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->sleep));
    line_inner = __LINE__; AIO_RAISE(EFIRST);
    AIO_END;
}
struct middle { AIO_FRAME(void); aio_time sleep; };
static AIO_CORO(middle)
{
    AIO_BEGIN;
    line_middle = __LINE__; AIO_AWAIT(aio_new(inner, self->sleep));
    AIO_FINALLY;
    AIO_AWAIT(aio_sleep(1));                    /* a cleanup does not lose the trace */
    AIO_END;
}
struct outer { AIO_FRAME(void); aio_time sleep; };
static AIO_CORO(outer)
{
    AIO_BEGIN;
    line_outer = __LINE__; AIO_AWAIT(aio_new(middle, self->sleep));
    AIO_END;
}
struct spawns_outer { AIO_FRAME(void); aio_time sleep; };
static AIO_CORO(spawns_outer)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(outer, self->sleep)), 0);
    AIO_AWAIT(aio_sleep(20));
    AIO_END;
}

TEST(traceback)
{
    char want[1000];
    const char *f = __FILE__;
    aio_time sleep;
    for (sleep = 0; sleep < 2; sleep++) {
        report_begin();
        CHECK_INT(aio_run_with(&tracing, aio_new(spawns_outer, sleep)), 0);
        snprintf(want, sizeof want, "Traceback (most recent call last):\n  outer (%s:%d)\n  middle (%s:%d)\n"
                 "  inner (%s:%d)\nerror: task 'outer' failed: error of the application (-10001)\n",
                 f, line_outer, f, line_middle, f, line_inner);
        CHECK_STR(report_text.text, want);
    }
}

struct other { AIO_FRAME(void); struct outer *task; };
static AIO_CORO(other)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(outer, 1));
    aio_task_set_name(self->task, "the outer one");
    line_other = __LINE__; AIO_AWAIT(aio_wait_for(self->task, AIO_SEC(1)));
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}
struct spawns_other { AIO_FRAME(void); };
static AIO_CORO(spawns_other)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(other)), 0);
    AIO_AWAIT(aio_sleep(20));
    AIO_END;
}

TEST(traceback_across_tasks)
{
    char want[1000];
    const char *f = __FILE__;
    report_begin();
    CHECK_INT(aio_run_with(&tracing, aio_new(spawns_other)), 0);
    snprintf(want, sizeof want, "Traceback (most recent call last):\n  other (%s:%d)\n  outer (%s:%d)\n"
             "  middle (%s:%d)\n  inner (%s:%d)\nerror: task 'other' failed: error of the application (-10001)\n",
             f, line_other, f, line_outer, f, line_middle, f, line_inner);
    CHECK_STR(report_text.text, want);
}

struct chain { AIO_FRAME(void); int n; };
static AIO_CORO(chain)
{
    AIO_BEGIN;
    if (!self->n)
        AIO_RAISE(ESECOND);
    AIO_AWAIT(aio_new(chain, self->n - 1));
    AIO_END;
}
struct spawns_chain { AIO_FRAME(void); int n; };
static AIO_CORO(spawns_chain)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(chain, self->n - 1)), 0);
    AIO_AWAIT(aio_sleep(20));
    AIO_END;
}

static int count_of(const char *text, const char *what)
{
    int n = 0;
    while ((text = strstr(text, what)) != NULL) {
        text++;
        n++;
    }
    return n;
}

TEST(deep_traceback)
{
    int depth;
    char more[40];
    for (depth = AIO_TRACE_DEPTH - 1; depth < AIO_TRACE_DEPTH + 30; depth++) {
        int missing = depth > AIO_TRACE_DEPTH ? depth - AIO_TRACE_DEPTH : 0;
        report_begin();
        CHECK_INT(aio_run_with(&tracing, aio_new(spawns_chain, depth)), 0);
        CHECK_INT(count_of(report_text.text, "  chain ("), depth - missing);
        snprintf(more, sizeof more, "  ... %d more\n", missing);
        CHECK_INT(count_of(report_text.text, more), missing > 0);
    }
}

/* ---------------------------------------------------------------------- awaited when just made

   The loop has nothing to do for a task that is awaited by the only one who runs, and ends in its first step.
   Nobody may be able to tell. */

enum { FRESH_ENDS, FRESH_FAILS, FRESH_YIELDS, FRESH_SLEEPS, FRESH_SPAWNS, FRESH_CALLS, FRESH_CANCELS_WAITER,
       FRESH_CANCELS_ITSELF, FRESH_UNCANCELS, FRESH_IS_WATCHED, FRESH_RETAINS, FRESH_KINDS };

struct fresh {
    AIO_FRAME(int);
    int kind;
    struct awaits_fresh *waiter;
    struct aio_callback callback;
    struct fresh *again;
};
struct awaits_fresh { AIO_FRAME(int); int kind; struct fresh *task; struct work *other; int value, error; };

static void notes_callback(struct aio_callback *callback) { (void)callback; note("cb "); }

struct fresh_inner { AIO_FRAME(void); int kind; };
static AIO_CORO(fresh_inner)
{
    AIO_BEGIN;
    note("inner ");
    if (self->kind == FRESH_YIELDS)
        AIO_AWAIT(aio_sleep(0));
    if (self->kind == FRESH_SLEEPS)
        AIO_AWAIT(aio_sleep(3));
    if (self->kind == FRESH_FAILS)
        AIO_RAISE(EFIRST);
    AIO_END;
}

static AIO_CORO(fresh)
{
    AIO_BEGIN;
    note("fresh ");
    CHECK(aio_current_task() == aio_any(self));
    if (self->kind == FRESH_SPAWNS)
        CHECK_INT(aio_spawn(aio_new(work, 1)), 0);
    if (self->kind == FRESH_CALLS)
        CHECK_INT(aio_loop_call_soon(aio_loop_current(), &self->callback), 0);
    if (self->kind == FRESH_CANCELS_WAITER || self->kind == FRESH_UNCANCELS)
        CHECK(aio_task_cancel(self->waiter));
    if (self->kind == FRESH_CANCELS_ITSELF)
        CHECK(aio_task_cancel(self));
    if (self->kind == FRESH_UNCANCELS)
        CHECK_INT(aio_task_uncancel(self), 0);
    if (self->kind == FRESH_IS_WATCHED)
        aio_add_done_callback(self, &self->callback);
    if (self->kind == FRESH_RETAINS)
        self->again = aio_retain(self);
    AIO_AWAIT(aio_new(fresh_inner, self->kind));
    AIO_RETURN(7);
    AIO_FINALLY;
    note("end ");
    AIO_END;
}

static AIO_CORO(awaits_fresh)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(fresh, self->kind, self, .callback = { .fn = notes_callback }));
    note("made ");
    AIO_TRY(self->error, self->value, self->task);
    CHECK(aio_current_task() == aio_any(self));
    note("%d %d ", self->error, self->value);
    CHECK(aio_task_done(self->task));
    if (self->task->again)
        CHECK_INT(self->task->again->result, 7);
    aio_release(self->task->again);
    AIO_AWAIT(aio_sleep(0));
    self->other = aio_create_task(aio_new(work, 2, .sleep = 1));
    CHECK(aio_task_cancel(self->other));
    AIO_TRY(self->error, self->other);          /* its cancellation is not ours */
    note("%d ", self->error);
    AIO_FINALLY;
    note("fin ");
    aio_release(self->task);
    aio_release(self->other);
    AIO_END;
}

TEST(fresh)
{
    static const struct { int error; const char *notes; } want[FRESH_KINDS] = {
        [FRESH_ENDS] = { 0, "made fresh inner end 0 7 f2 -125 fin " },
        [FRESH_FAILS] = { 0, "made fresh inner end -10001 0 f2 -125 fin " },
        [FRESH_YIELDS] = { 0, "made fresh inner end 0 7 f2 -125 fin " },
        [FRESH_SLEEPS] = { 0, "made fresh inner end 0 7 f2 -125 fin " },
        [FRESH_SPAWNS] = { 0, "made fresh inner end w1 f1 0 7 f2 -125 fin " },
        [FRESH_CALLS] = { 0, "made fresh inner end cb 0 7 f2 -125 fin " },
        [FRESH_CANCELS_WAITER] = { AIO_ECANCELED, "made fresh inner end fin " },
        [FRESH_CANCELS_ITSELF] = { 0, "made fresh inner end -125 7 f2 -125 fin " },
        [FRESH_UNCANCELS] = { 0, "made fresh inner end 0 7 f2 -125 fin " },
        [FRESH_IS_WATCHED] = { 0, "made fresh inner end 0 7 cb f2 -125 fin " },
        [FRESH_RETAINS] = { 0, "made fresh inner end 0 7 f2 -125 fin " },
    };
    int kind;
    for (kind = 0; kind < FRESH_KINDS; kind++) {
        CHECK_INT(run(aio_new(awaits_fresh, .kind = kind)), want[kind].error);
        CHECK_NOTES(want[kind].notes);
    }
}

/* Without a cleanup; and one whose root itself lets the others run. */
struct plain { AIO_FRAME(int); int yields; };
static AIO_CORO(plain)
{
    AIO_BEGIN;
    while (self->yields--)
        AIO_AWAIT(aio_sleep(0));
    AIO_RETURN(3);
    AIO_END;
}

CORO_TEST(fresh_and_plain, int i, value; struct plain *task;)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 3; self->i++) {
        self->task = aio_create_task(aio_new(plain, .yields = self->i));
        AIO_AWAIT(self->value, self->task);
        CHECK_INT(self->value, 3);
        CHECK(aio_task_done(self->task));
        CHECK_INT(aio_task_error(self->task), 0);
        AIO_AWAIT(self->value, self->task);     /* once more */
        CHECK_INT(self->value, 3);
        aio_release(self->task);
    }
    AIO_END;
}

/* Who awaits it has been called by another coroutine, and is gone when that goes on: nothing may point at it. */
struct awaits_plain { AIO_FRAME(int); int yields; struct plain *task; };
static AIO_CORO(awaits_plain)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(plain, .yields = self->yields));
    AIO_AWAIT(self->result, self->task);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

CORO_TEST(fresh_below, int i, value; struct awaits_plain *task;)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 3; self->i++) {
        AIO_AWAIT(self->value, aio_new(awaits_plain, .yields = self->i));
        CHECK_INT(self->value, 3);
        CHECK(aio_current_task() == aio_any(self));
        CHECK_INT(aio_all_tasks(aio_loop_current(), NULL, 0), 1);
        AIO_AWAIT(aio_sleep(0));                /* it is this frame that goes on */
        self->task = aio_create_task(aio_new(awaits_plain, .yields = self->i));
        AIO_AWAIT(self->value, self->task);     /* one in the first step of another */
        CHECK_INT(self->value, 3);
        aio_release(self->task);
        AIO_AWAIT(aio_sleep(0));
        CHECK(aio_current_task() == aio_any(self));
    }
    AIO_END;
}

/* The record of one that has awaited another is as good as new for the next task: a join, which looks at what its await
   returns, and has begun none yet. */
CORO_TEST(fresh_again, int value; struct awaits_plain *task; struct aio_void *join; struct aio_group group;)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    CHECK_INT(aio_group_spawn(&self->group, aio_new(work, 1, .sleep = 5)), 0);
    AIO_AWAIT(aio_sleep(1));
    self->task = aio_create_task(aio_new(awaits_plain, 0));
    AIO_AWAIT(self->value, self->task);
    aio_release(self->task);
    self->join = aio_create_task(aio_group_join(&self->group));
    AIO_AWAIT(self->join);
    CHECK_INT(aio_now(), 5);
    CHECK_NOTES("w1 f1 ");
    AIO_FINALLY;
    aio_release(self->join);
    AIO_END;
}

CORO_TEST(fresh_below_a_proxy, int i, value; struct plain *task;)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 3; self->i++) {
        self->task = aio_create_task(aio_new(plain, .yields = self->i));
        AIO_AWAIT(self->value, aio_wait_for(self->task, AIO_SEC(1)));
        CHECK_INT(self->value, 3);
        aio_release(self->task);
        AIO_AWAIT(aio_sleep(0));
        CHECK(aio_current_task() == aio_any(self));
    }
    AIO_END;
}

CORO_TEST(fresh_in_a_group, struct work *task; struct aio_group group;)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    self->task = aio_group_create_task(&self->group, aio_new(work, 1));
    AIO_AWAIT(self->task);
    AIO_AWAIT(aio_group_join(&self->group));    /* it knows that its member has ended */
    CHECK_NOTES("w1 f1 ");
    AIO_END;
}

/* Whoever has awaited one is like any other who runs, also when he yields and is cancelled then. */
struct cancels { AIO_FRAME(void); struct aio_any *task; };
static AIO_CORO(cancels) { AIO_BEGIN; CHECK(aio_task_cancel(self->task)); AIO_END; }

struct yields_behind { AIO_FRAME(void); struct work *task; int error; };
static AIO_CORO(yields_behind)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(work, 1));
    AIO_AWAIT(self->task);
    CHECK_INT(aio_spawn(aio_new(cancels, aio_any(self))), 0);
    AIO_CATCH(self->error, aio_sleep(0));
    note("%d ", self->error);
    AIO_CATCH(self->error, aio_sleep(1));
    note("%d ", self->error);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

TEST(fresh_then_cancelled)
{
    CHECK_INT(run(aio_new(yields_behind)), 0);
    CHECK_NOTES("w1 f1 -125 0 ");
}

/* Each task awaits one that it makes: the C stack does not grow with them. */
struct begets_awaited { AIO_FRAME(long); long depth; struct begets_awaited *child; };
static AIO_CORO(begets_awaited)
{
    AIO_BEGIN;
    if (self->depth) {
        self->child = aio_create_task(aio_new(begets_awaited, .depth = self->depth - 1));
        AIO_AWAIT(self->result, self->child);
        self->result++;
    }
    AIO_FINALLY;
    aio_release(self->child);
    AIO_END;
}

CORO_TEST(fresh_and_deep, long depth;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->depth, aio_new(begets_awaited, .depth = core_many(200000)));
    CHECK_INT(self->depth, core_many(200000));
    AIO_END;
}

/* They do not keep others waiting: what is posted is looked for after 64 resumptions, and after 32 of these, of which each
   has two steps. */
static bool posted_came;
static void posted_comes(struct aio_callback *callback) { (void)callback; posted_came = true; }

CORO_TEST(fresh_and_many, int n, yields, left; struct plain *task; struct aio_callback callback;)
{
    AIO_BEGIN;
    for (self->yields = 0; self->yields < 70; self->yields++) {
        AIO_AWAIT(aio_sleep(1));
        posted_came = false;
        self->callback.fn = posted_comes;
        aio_loop_post(aio_loop_current(), &self->callback);
        for (self->left = self->yields; self->left > 0; self->left--)
            AIO_AWAIT(aio_sleep(0));
        for (self->n = 0; !posted_came && self->n < 1000; self->n++) {
            self->task = aio_create_task(aio_new(plain, 0));
            AIO_AWAIT(self->task);
            aio_release(self->task);
        }
        CHECK(self->n <= 33, "behind %d yields: looked for what is posted after %d tasks", self->yields, self->n);
    }
    AIO_END;
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(create_task), T(release_unfinished), T(retain), T(handle_outlives_loop), T(spawn),
        T(without_a_loop), T(nested_run), T(names), T(current_task), T(all_tasks), T(many_waiters), T(turns),
        T(turn_by_turn), T(spinners_do_not_starve_timers), T(leftovers), T(leftovers_clean_up),
        T(leftovers_spawn), T(await_self), T(ring_is_cancelled), T(ring_is_left_over), T(nothing_can_happen),
        T(unseen_errors), T(seen_errors), T(traceback), T(traceback_across_tasks), T(deep_traceback), T(fresh),
        T(fresh_and_plain), T(fresh_below), T(fresh_again), T(fresh_below_a_proxy), T(fresh_in_a_group),
        T(fresh_then_cancelled), T(fresh_and_deep), T(fresh_and_many));
}
