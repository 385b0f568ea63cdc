/* The end of a run: what is left over is cancelled in order of creation, generators are closed, each step has a
   deadline that names the culprits; and one loop for several runs. */
#include "core.h"

/* Reports land in the notes with their places, but for the folder. */
static void told(struct aio_loop *loop, const struct aio_report *report)
{
    const char *file = report->file ? strrchr(report->file, '/') : NULL;
    (void)loop;
    note("['%s' %s, %s]", report->name, report->message, file ? file + 1 : report->file ? report->file : "");
}

/* -------------------------------------------------------------------------------- cleanups that need others */

struct part { AIO_FRAME(int); int id; aio_time sleep; };
static AIO_CORO(part)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->sleep));
    note("p%d@%d ", self->id, (int)aio_now());
    AIO_RETURN(self->id);
    AIO_FINALLY;
    if (aio_coro_error(self))
        note("p%d:%d ", self->id, aio_coro_error(self));
    AIO_END;
}

struct cleans { AIO_FRAME(void); char how; int a, b; struct part *task; struct aio_group group; };
static AIO_CORO(cleans)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_FOREVER));
    AIO_FINALLY;
    note("%c ", self->how);
    if (self->how == 'g') {
        AIO_GATHER(self->a, aio_new(part, 1, 5), self->b, aio_new(part, 2, 3));
        note("%d,%d ", self->a, self->b);
    } else if (self->how == 't') {
        self->task = aio_create_task(aio_new(part, 3, 4));
        AIO_AWAIT(self->a, self->task);
        aio_release(self->task);
        note("%d ", self->a);
    } else {
        aio_group_open(&self->group, self, 0, 0);
        if (aio_group_spawn(&self->group, aio_new(part, 4, 2)) < 0)
            note("refused ");
        AIO_AWAIT(aio_group_join(&self->group));
    }
    note("done@%d ", (int)aio_now());
    AIO_END;
}

struct leaves { AIO_FRAME(void); char how; };
static AIO_CORO(leaves)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(cleans, self->how)), 0);
    AIO_AWAIT(aio_sleep(1));
    AIO_END;
}

TEST(cleanups_may_start_tasks)
{
    CHECK_INT(run(aio_new(leaves, 'g')), 0);
    CHECK_NOTES("g p2@4 p1@6 1,2 done@6 ");
    CHECK_INT(run(aio_new(leaves, 't')), 0);
    CHECK_NOTES("t p3@5 3 done@5 ");
    CHECK_INT(run(aio_new(leaves, 'j')), 0);
    CHECK_NOTES("j p4@3 done@3 ");
}

/* --------------------------------------------------------------------------------------------- deadlines */

struct stubborn { AIO_FRAME(void); int error; };
static AIO_CORO(stubborn)
{
    AIO_BEGIN;
    for (;;)
        AIO_CATCH(self->error, aio_sleep(AIO_SEC(1)));
    AIO_END;
}

struct main_ { AIO_FRAME(int); struct aio_any *tasks[3]; int i; };
static AIO_CORO(main_)
{
    AIO_BEGIN;
    self->tasks[0] = aio_any(aio_create_task(aio_new(stubborn)));
    self->tasks[1] = aio_any(aio_create_task(aio_new(part, 1, AIO_FOREVER)));
    self->tasks[2] = aio_any(aio_create_task(aio_new(stubborn)));
    aio_task_set_name(self->tasks[2], "the worst");
    AIO_AWAIT(aio_sleep(1));
    AIO_RETURN(7);
    AIO_FINALLY;
    for (self->i = 0; self->i < 3; self->i++)
        aio_release(self->tasks[self->i]);
    AIO_END;
}

/* The frames of the culprits are lost, and what AIO_DEBUG keeps of the freed ones with them: not counted here. */
static void check_live(long live)
{
    if (!AIO_DEBUG)
        CHECK_INT(core_live, live);
}

TEST(culprits_are_named)
{
    struct aio_options options = { .on_error = told, .shutdown_timeout = AIO_SEC(10) };
    long live = core_live;
    int result = 0;
    CHECK_INT(aio_run_with(&options, result, aio_new(main_)), AIO_ETIMEDOUT);
    CHECK_INT(result, 7);
    CHECK_NOTES("p1:-125 "
                "['stubborn' did not end within 10.000 s of the loop's closing, test_shutdown.c]"
                "['the worst' did not end within 10.000 s of the loop's closing, test_shutdown.c]");
    CHECK(core_live > live);
    core_live = live;
}

struct endless { AIO_FRAME(int); int error; };
static AIO_CORO(endless)
{
    AIO_BEGIN;
    AIO_YIELD(1);
    AIO_FINALLY;
    AIO_AWAIT(aio_sleep(AIO_SEC(1000)));
    AIO_END;
}

struct asks { AIO_FRAME(void); bool more; int value; struct endless *generator; };
static AIO_CORO(asks)
{
    AIO_BEGIN;
    self->generator = aio_new(endless);
    AIO_NEXT(self->more, self->value, self->generator);
    AIO_END;
}

TEST(generators_have_a_deadline)
{
    struct aio_options options = { .on_error = told };
    long live = core_live;
    CHECK_INT(aio_run_with(&options, aio_new(asks)), AIO_ETIMEDOUT);        /* 300 s, if nobody says otherwise */
    CHECK_NOTES("['endless' did not end within 300.000 s of the loop's closing, test_shutdown.c]");
    core_live = live;
    options.shutdown_timeout = AIO_FOREVER;
    CHECK_INT(aio_run_with(&options, aio_new(asks)), 0);
    CHECK_NOTES("");
    check_live(live);
}

/* Who does not end is lost, and nobody else: generators are closed, callbacks that are due are called. */
struct closes { AIO_FRAME(int); };
static AIO_CORO(closes)
{
    AIO_BEGIN;
    AIO_YIELD(1);
    AIO_FINALLY;
    AIO_AWAIT(aio_sleep(1));
    note("closed ");
    AIO_END;
}

static void called(struct aio_callback *callback)
{
    (void)callback;
    note("called ");
}
static struct aio_callback callback = { .fn = called };

struct leaves_all { AIO_FRAME(void); bool more; int value; struct closes *generator; };
static AIO_CORO(leaves_all)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(stubborn)), 0);
    CHECK_INT(aio_spawn(aio_new(part, 1, AIO_FOREVER)), 0);
    self->generator = aio_new(closes);
    AIO_NEXT(self->more, self->value, self->generator);
    CHECK_INT(aio_loop_call_later(aio_loop_current(), &callback, AIO_SEC(2)), 0);
    AIO_AWAIT(aio_sleep(1));
    AIO_END;
}

TEST(one_culprit_does_not_keep_the_rest)
{
    struct aio_options options = { .on_error = told, .shutdown_timeout = AIO_SEC(5) };
    long live = core_live;
    CHECK_INT(aio_run_with(&options, aio_new(leaves_all)), AIO_ETIMEDOUT);
    CHECK_NOTES("p1:-125 called ['stubborn' did not end within 5.000 s of the loop's closing, test_shutdown.c]closed ");
    core_live = live;
}

/* A cleanup that takes its time, but not too much, is not disturbed. */
struct slow { AIO_FRAME(void); };
static AIO_CORO(slow)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_FOREVER));
    AIO_FINALLY;
    AIO_AWAIT(aio_sleep(AIO_SEC(9)));
    note("slow@%d ", (int)(aio_now() / AIO_SEC(1)));
    AIO_END;
}
struct leaves_slow { AIO_FRAME(void); };
static AIO_CORO(leaves_slow)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(slow)), 0);
    AIO_AWAIT(aio_sleep(0));
    AIO_END;
}
TEST(in_time)
{
    struct aio_options options = { .on_error = told, .shutdown_timeout = AIO_SEC(10) };
    CHECK_INT(aio_run_with(&options, aio_new(leaves_slow)), 0);
    CHECK_NOTES("slow@9 ");
}

/* ------------------------------------------------------------------------------------------ several runs */

TEST(one_loop_for_several_runs)
{
    struct aio_loop loop;
    int value = 0;
    CHECK_INT(aio_loop_init(&loop, &core_options), 0);
    CHECK_INT(aio_loop_run_until_complete(&loop, value, aio_new(part, 5, 1)), 0);
    CHECK_INT(value, 5);
    CHECK_INT(aio_loop_spawn(&loop, aio_new(part, 8, 10)), 0);              /* lives on between the runs */
    CHECK_INT(aio_loop_run_until_complete(&loop, value, aio_new(part, 6, 5)), 0);
    CHECK_INT(value, 6);
    CHECK_INT(aio_loop_run_until_complete(&loop, value, aio_wait_for(aio_new(part, 7, 9), 2)), AIO_ETIMEDOUT);
    CHECK_INT(value, 0);
    CHECK_INT(aio_loop_run_until_complete(&loop, aio_new(part, 7, 5)), 0);
    CHECK_INT(aio_loop_spawn(&loop, aio_new(part, 9, AIO_FOREVER)), 0);
    CHECK_INT(aio_loop_run_until_complete(&loop, aio_sleep(0)), 0);
    CHECK_INT(aio_loop_close(&loop), 0);
    CHECK_NOTES("p5@1 p6@6 p7:-125 p8@11 p7@13 p9:-125 ");
    check_live(0);
    CHECK_INT(aio_loop_run_until_complete(&loop, value, aio_new(part, 1, 1)), AIO_EINVAL);
    CHECK_INT(value, 0);
}

int main(int argc, char **argv)
{
    /* What is lost stays in the pool: those who lose something come last. */
    RUN(argc, argv, T(cleanups_may_start_tasks), T(in_time), T(one_loop_for_several_runs), T(culprits_are_named),
        T(generators_have_a_deadline), T(one_culprit_does_not_keep_the_rest));
}
