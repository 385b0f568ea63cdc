/* test_dump.c - aio_dump: the tree of who awaits whom, to the letter, on a virtual clock. */
#undef TEST_SHARED                      /* it has an implementation of its own */
#include <stdbool.h>
#include <stdlib.h>
static bool no_memory;
static void *scripted_malloc(size_t n) { return no_memory ? NULL : malloc(n); }
#define malloc scripted_malloc
#include "core.h"

static struct core_text text;

/* The dump of a loop, without the lines, which are there only with AIO_LINES: that they are is checked. */
static const char *dump(struct aio_loop *loop)
{
    char *from, *to;
    int lines = 0;
    text.sink.write = core_write;
    text.n = 0;
    text.text[0] = 0;
    aio_dump(loop, &text.sink);
    for (from = to = text.text; *from; *to++ = *from++)
        if (from[0] == ':' && from[1] >= '0' && from[1] <= '9') {
            lines++;
            from += strcspn(from, ")");
        }
    *to = 0;
    CHECK(AIO_LINES || lines == 0, "%d places with lines", lines);
    return text.text;
}
#define CHECK_DUMP(want) CHECK_STR(dump(aio_loop_current()), want)
#define AT(name) name " (" __FILE__ ")\n"

/* ------------------------------------------------------------------------------------ one of each */

struct sleeps { AIO_FRAME(void); aio_time time; };
static AIO_CORO(sleeps) { AIO_BEGIN; AIO_AWAIT(aio_sleep(self->time)); AIO_END; }
struct waits { AIO_FRAME(void); struct aio_any *other; };
static AIO_CORO(waits) { AIO_BEGIN; AIO_AWAIT(self->other); AIO_END; }
struct shields { AIO_FRAME(void); struct aio_any *other; };
static AIO_CORO(shields) { AIO_BEGIN; AIO_AWAIT(aio_shield(self->other)); AIO_END; }
struct inner { AIO_FRAME(void); };
static AIO_CORO(inner) { AIO_BEGIN; AIO_AWAIT(aio_new(sleeps, AIO_MS(2500))); AIO_END; }
struct limits { AIO_FRAME(void); };
static AIO_CORO(limits)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_wait_for(aio_wait_for(aio_new(inner), AIO_SEC(60)), AIO_SEC(5)));
    AIO_END;
}
struct joins { AIO_FRAME(void); struct aio_group *group; };
static AIO_CORO(joins) { AIO_BEGIN; AIO_AWAIT(aio_group_join(self->group)); AIO_END; }

/* Two groups: of the first, the limit holds one member back. */
struct settles { AIO_FRAME(void); struct aio_any *other; struct aio_group one, two; };
static AIO_CORO(settles)
{
    AIO_BEGIN;
    aio_group_open(&self->one, self, 1, 0);
    aio_group_open(&self->two, self, 0, 0);
    CHECK_INT(aio_group_spawn(&self->one, aio_new(waits, self->other)), 0);
    CHECK_INT(aio_group_spawn(&self->one, aio_new(inner)), 0);
    CHECK(aio_group_create_task(&self->two, aio_new(sleeps, 0)) != NULL);   /* ended, and still a member */
    CHECK_INT(aio_group_spawn(&self->two, aio_new(sleeps, AIO_SEC(1))), 0);
    AIO_END;
}

CORO_TEST(tree, AIO_FUTURE(void) future; struct aio_any *task; struct settles *settles;)
{
    AIO_BEGIN;
    self->task = aio_any(aio_create_task(aio_new(waits, aio_any(&self->future))));
    aio_task_set_name(self->task, "Anna");
    CHECK_INT(aio_spawn(aio_new(waits, self->task)), 0);
    CHECK_INT(aio_spawn(aio_new(shields, self->task)), 0);
    CHECK_INT(aio_spawn(aio_new(shields, aio_any(&self->future))), 0);
    CHECK_INT(aio_spawn(aio_new(limits)), 0);
    CHECK_INT(aio_spawn(aio_new(sleeps, AIO_FOREVER)), 0);
    self->settles = aio_create_task(aio_new(settles, self->task));
    AIO_AWAIT(aio_sleep(0));
    CHECK_INT(aio_spawn(aio_new(joins, &self->settles->one)), 0);
    AIO_AWAIT(aio_sleep(AIO_MS(750)));
    CHECK_INT(aio_spawn(aio_new(inner)), 0);
    CHECK_DUMP("13 tasks\n"
        "task 1 'tree' runs\n"
        "  " AT("tree")
        "task 3 'waits' waits for task 2 'Anna'\n"
        "  " AT("waits")
        "    task 2 'Anna' waits for a future\n"
        "      " AT("waits")
        "task 4 'shields' waits for task 2 'Anna'\n"
        "  " AT("shields")
        "  aio_shield\n"
        "task 5 'shields' waits for a future\n"
        "  " AT("shields")
        "  aio_shield\n"
        "task 6 'limits' sleeps, 1.750 s left; timeout: 4.250 s left\n"
        "  " AT("limits")
        "  aio_wait_for\n"
        "  aio_wait_for\n"
        "  " AT("inner")
        "  " AT("sleeps")
        "task 7 'sleeps' sleeps for ever\n"
        "  " AT("sleeps")
        "task 8 'settles' waits for its group, 3 members left\n"
        "  " AT("settles")
        "    task 9 'waits' waits for task 2 'Anna'\n"
        "      " AT("waits")
        "    task 10 'inner' waits for its turn in its group\n"
        "      " AT("inner")
        "    task 12 'sleeps' sleeps, 0.250 s left\n"
        "      " AT("sleeps")
        "task 13 'joins' waits for the group of task 8 'settles', 2 members left\n"
        "  " AT("joins")
        "  aio_group_join\n"
        "task 14 'inner' is ready\n"
        "  " AT("inner"));
    aio_future_set_result(&self->future);
    AIO_AWAIT(self->task);
    AIO_AWAIT(self->settles);
    AIO_FINALLY;
    aio_release(self->task);
    aio_release(self->settles);
    AIO_END;
}

/* The owner that joins, and its members that wait for each other. */
struct joins_own { AIO_FRAME(void); struct aio_group group; struct aio_any *first; };
static AIO_CORO(joins_own)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    self->first = aio_any(aio_group_create_task(&self->group, aio_new(sleeps, AIO_MS(1))));
    CHECK_INT(aio_group_spawn(&self->group, aio_new(waits, self->first)), 0);
    AIO_AWAIT(aio_group_join(&self->group));
    AIO_END;
}
CORO_TEST(a_group_that_is_joined, struct joins_own *task;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(joins_own));
    AIO_AWAIT(aio_sleep(0));
    AIO_AWAIT(aio_sleep(0));
    CHECK_DUMP("4 tasks\n"
        "task 1 'a_group_that_is_joined' runs\n"
        "  " AT("a_group_that_is_joined")
        "task 2 'joins_own' waits for its group, 2 members left\n"
        "  " AT("joins_own")
        "  aio_group_join\n"
        "    task 3 'sleeps' sleeps, 0.001 s left\n"
        "      " AT("sleeps")
        "    task 4 'waits' waits for task 3 'sleeps'\n"
        "      " AT("waits"));
    AIO_AWAIT(self->task);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

/* Library awaitables as tasks: the leaf is the task's own. One that is held back has not begun to wait. */
CORO_TEST(bare_awaitables, struct aio_group group; struct aio_any *first;)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 2, 0);
    self->first = aio_any(aio_group_create_task(&self->group, aio_sleep(AIO_MS(1))));
    CHECK_INT(aio_group_spawn(&self->group, aio_shield(self->first)), 0);
    CHECK_INT(aio_group_spawn(&self->group, aio_shield(self->first)), 0);
    CHECK_INT(aio_group_spawn(&self->group, aio_group_join(&self->group)), 0);
    AIO_AWAIT(aio_sleep(0));
    CHECK_DUMP("5 tasks\n"
        "task 1 'bare_awaitables' runs\n"
        "  " AT("bare_awaitables")
        "task 3 'aio_shield' waits for task 2 'aio_sleep'\n"
        "  aio_shield\n"
        "    task 2 'aio_sleep' sleeps, 0.001 s left\n"
        "      aio_sleep\n"
        "task 4 'aio_shield' waits for its turn in its group\n"
        "  aio_shield\n"
        "task 5 'aio_group_join' waits for its turn in its group\n"
        "  aio_group_join\n");
    aio_group_cancel(&self->group);
    AIO_END;
}

/* ---------------------------------------------------------------------------------- descriptors */

struct parks { AIO_FRAME(void); int fd; unsigned want; };
static struct aio_coro *parks_body(struct aio_coro *c, struct aio_coro *ret)
{
    struct parks *parks = (struct parks *)(void *)c;
    if (!ret && c->pc == AIO_PC_START_) {
        c->pc = AIO_PC_END_;
        if (aio_park_fd(c, parks->fd, parks->want) == 0)
            return NULL;
    }
    c->error = ret ? ret->error : AIO_EIO;
    return c;
}
static const struct aio_type parks_type = { parks_body, "parks", NULL, AIO_SIZE_(struct parks) };
static struct parks *parks(int fd, unsigned want)
{
    struct parks *made = (struct parks *)(void *)aio_frame_new(&parks_type, sizeof *made);
    made->fd = fd;
    made->want = want;
    return made;
}

static int watch(struct aio_loop *loop, int fd, unsigned want)
{
    (void)loop, (void)fd, (void)want;
    return 0;
}
struct descriptors { AIO_FRAME(void); struct parks *reader; };
static AIO_CORO(descriptors)
{
    AIO_BEGIN;
    self->reader = aio_create_task(parks(7, AIO_READABLE));
    CHECK_INT(aio_spawn(parks(12, AIO_WRITABLE)), 0);
    AIO_AWAIT(aio_sleep(0));
    CHECK_DUMP("3 tasks\n"
        "task 1 'descriptors' runs\n"
        "  " AT("descriptors")
        "task 2 'parks' waits until descriptor 7 is readable\n"
        "  parks\n"
        "task 3 'parks' waits until descriptor 12 is writable\n"
        "  parks\n");
    aio_task_cancel(self->reader);
    AIO_FINALLY;
    aio_release(self->reader);
    AIO_END;
}
TEST(waits_for_descriptors)
{
    struct aio_poller poller = *aio_sim();
    struct aio_options options = { .poller = &poller, .on_error = core_report };
    poller.watch = watch;
    CHECK_INT(aio_run_with(&options, aio_new(descriptors)), 0);
    CHECK_NOTES("");
}

/* ------------------------------------------------------------------------------------------ rings */

/* 3 and 4 wait for each other, 2 and 5 for them. 6, 7 and 8 are a ring that nobody else awaits. */
CORO_TEST(rings, struct waits *task[9]; int i, error;)
{
    AIO_BEGIN;
    for (self->i = 2; self->i < 9; self->i++)
        self->task[self->i] = aio_create_task(aio_new(waits));
    self->task[2]->other = aio_any(self->task[3]);
    self->task[3]->other = aio_any(self->task[4]);
    self->task[4]->other = aio_any(self->task[3]);
    self->task[5]->other = aio_any(self->task[4]);
    self->task[6]->other = aio_any(self->task[8]);
    self->task[7]->other = aio_any(self->task[6]);
    self->task[8]->other = aio_any(self->task[7]);
    AIO_AWAIT(aio_sleep(0));
    CHECK_DUMP("8 tasks\n"
        "task 1 'rings' runs\n"
        "  " AT("rings")
        "task 2 'waits' waits for task 3 'waits'\n"
        "  " AT("waits")
        "    task 3 'waits' waits for task 4 'waits'\n"
        "      " AT("waits")
        "        task 4 'waits' waits for task 3 'waits', in a ring\n"
        "          " AT("waits")
        "task 5 'waits' waits for task 4 'waits'\n"
        "  " AT("waits")
        "task 6 'waits' waits for task 8 'waits'\n"
        "  " AT("waits")
        "    task 8 'waits' waits for task 7 'waits'\n"
        "      " AT("waits")
        "        task 7 'waits' waits for task 6 'waits', in a ring\n"
        "          " AT("waits"));
    AIO_FINALLY;
    aio_task_cancel(self->task[3]);
    aio_task_cancel(self->task[6]);
    for (self->i = 2; self->i < 9; self->i++)
        AIO_TRY(self->error, self->task[self->i]);
    for (self->i = 2; self->i < 9; self->i++)
        aio_release(self->task[self->i]);
    AIO_END;
}

/* A member waits for the owner of its group, which must wait for its members. */
struct owns { AIO_FRAME(void); struct aio_group group; struct aio_any *own; };
static AIO_CORO(owns)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    self->own = aio_any(self);
    CHECK_INT(aio_group_spawn(&self->group, aio_new(sleeps, AIO_FOREVER)), 0);
    CHECK_INT(aio_group_spawn(&self->group, aio_new(waits, self->own)), 0);
    AIO_END;
}
CORO_TEST(a_ring_through_a_group, struct owns *task; int error;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(owns));
    AIO_AWAIT(aio_sleep(0));
    AIO_AWAIT(aio_sleep(0));
    CHECK_DUMP("4 tasks\n"
        "task 1 'a_ring_through_a_group' runs\n"
        "  " AT("a_ring_through_a_group")
        "task 2 'owns' waits for its group, 2 members left\n"
        "  " AT("owns")
        "    task 3 'sleeps' sleeps for ever\n"
        "      " AT("sleeps")
        "    task 4 'waits' waits for task 2 'owns', in a ring\n"
        "      " AT("waits"));
    AIO_FINALLY;
    aio_task_cancel(self->task);
    AIO_TRY(self->error, self->task);
    aio_release(self->task);
    AIO_END;
}

/* ---------------------------------------------------------------------------- cancelled, late, far */

struct stubborn { AIO_FRAME(void); };
static AIO_CORO(stubborn)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_FOREVER));
    AIO_FINALLY;
    AIO_AWAIT(aio_sleep(AIO_SEC(1)));
    AIO_END;
}
CORO_TEST(being_cancelled, struct stubborn *task;)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(stubborn));
    AIO_AWAIT(aio_sleep(0));
    aio_task_cancel(self->task);
    AIO_AWAIT(aio_sleep(0));
    CHECK_DUMP("2 tasks\n"
        "task 1 'being_cancelled' runs\n"
        "  " AT("being_cancelled")
        "task 2 'stubborn' sleeps, 1.000 s left; is being cancelled\n"
        "  " AT("stubborn"));
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

/* A step that takes so long that the timers of others are late. */
CORO_TEST(late, aio_time *clock;)
{
    AIO_BEGIN;
    self->clock = &((struct aio_sim_ *)aio_loop_current()->poller_data)->now;
    CHECK_INT(aio_spawn(aio_wait_for(aio_new(sleeps, AIO_MS(100)), AIO_MS(150))), 0);
    AIO_AWAIT(aio_sleep(1));                        /* the loop has looked at the clock: from then on they run */
    *self->clock += AIO_MS(1200);
    CHECK_DUMP("2 tasks\n"
        "task 1 'late' runs\n"
        "  " AT("late")
        "task 2 'aio_wait_for' sleeps, 1.100 s late; timeout: 1.050 s late\n"
        "  aio_wait_for\n"
        "  " AT("sleeps"));
    *self->clock -= AIO_MS(1200);                   /* or debug would report the step */
    AIO_END;
}

struct deep { AIO_FRAME(void); int n; struct aio_any *other; };
static AIO_CORO(deep)
{
    AIO_BEGIN;
    if (self->n > 1)
        AIO_AWAIT(aio_new(deep, self->n - 1, self->other));
    else
        AIO_AWAIT(self->other);
    AIO_END;
}
#define REPEAT8(text) text text text text text text text text
CORO_TEST(deep_frames, struct deep *task; struct sleeps *other;)
{
    AIO_BEGIN;
    self->other = aio_create_task(aio_new(sleeps, AIO_SEC(1)));
    self->task = aio_create_task(aio_new(deep, AIO_TRACE_DEPTH + 5, aio_any(self->other)));
    AIO_AWAIT(aio_sleep(0));
    CHECK_DUMP("3 tasks\n"
        "task 1 'deep_frames' runs\n"
        "  " AT("deep_frames")
        "task 3 'deep' waits for task 2 'sleeps'\n"
        REPEAT8("  " AT("deep"))
        "  ... 5 more\n"
        REPEAT8("  " AT("deep"))
        "    task 2 'sleeps' sleeps, 1.000 s left\n"
        "      " AT("sleeps"));
    AIO_AWAIT(self->task);
    AIO_FINALLY;
    aio_release(self->task);
    aio_release(self->other);
    AIO_END;
}

TEST(another_loop)
{
    struct aio_loop a, b;
    struct sleeps *task;
    CHECK_INT(aio_loop_init(&a, &core_options), 0);
    CHECK_INT(aio_loop_init(&b, &core_options), 0);
    task = aio_loop_create_task(&a, aio_new(sleeps, AIO_SEC(1)));
    CHECK_INT(aio_loop_spawn(&b, aio_new(waits, aio_any(task))), 0);
    CHECK(aio_loop_turn(&a, 0) >= 0 && aio_loop_turn(&b, 0) >= 0);
    CHECK_STR(dump(&b), "1 task\n"
        "task 1 'waits' waits for task 1 'sleeps' of another loop\n"
        "  " AT("waits"));
    aio_task_cancel(task);
    CHECK(aio_loop_turn(&a, 0) >= 0 && aio_loop_turn(&b, 0) >= 0);
    aio_release(task);
    CHECK_INT(aio_loop_close(&a), 0);
    CHECK_INT(aio_loop_close(&b), 0);
}

/* ----------------------------------------------------------------------------- from where one may */

static void dump_here(struct aio_callback *callback)
{
    (void)callback;
    CHECK_DUMP("1 task\n"
        "task 1 'sleeps' sleeps, 0.500 s left\n"
        "  " AT("sleeps"));
    note("dumped");
}
static void dump_error(struct aio_loop *loop, const struct aio_report *report)
{
    CHECK_STR(dump(loop), "0 tasks\n");
    note("%s %s", report->name, report->message);
}
struct fails { AIO_FRAME(void); };
static AIO_CORO(fails) { AIO_BEGIN; AIO_RAISE(AIO_EIO); AIO_END; }

TEST(from_anywhere)
{
    struct aio_options options = { .on_error = dump_error };
    struct aio_callback callback = { .fn = dump_here };
    struct aio_loop loop;
    CHECK_INT(aio_loop_init(&loop, &options), 0);
    CHECK_STR(dump(&loop), "0 tasks\n");
    CHECK_INT(aio_loop_spawn(&loop, aio_new(sleeps, AIO_MS(500))), 0);
    CHECK_STR(dump(&loop), "1 task\n"               /* before the first turn */
        "task 1 'sleeps' is ready\n"
        "  " AT("sleeps"));
    CHECK(aio_loop_turn(&loop, 0) >= 0);
    CHECK_INT(aio_loop_call_soon(&loop, &callback), 0);
    CHECK(aio_loop_turn(&loop, 0) >= 0);            /* from a callback */
    CHECK_NOTES("dumped");
    CHECK_STR(dump(&loop), "1 task\n"               /* between turns */
        "task 1 'sleeps' sleeps, 0.500 s left\n"
        "  " AT("sleeps"));
    CHECK(aio_loop_turn(&loop, -1) >= 0);
    CHECK_INT(aio_loop_spawn(&loop, aio_new(fails)), 0);
    CHECK(aio_loop_turn(&loop, 0) >= 0);            /* from the error handler */
    CHECK_NOTES("fails failed");
    CHECK_INT(aio_loop_close(&loop), 0);
    CHECK_STR(dump(&loop), "0 tasks\n");
    CHECK_INT(core_live, 0);
}

/* ------------------------------------------------------------------------------------ size and want */

/* Counts lines, tasks below others, and the widest indentation: too much text to keep. */
struct counter { struct aio_sink sink; long lines, tasks; size_t column, indent, widest; bool blank; };
static void count_write(struct aio_sink *sink, const char *s, size_t length)
{
    struct counter *counter = (struct counter *)(void *)sink;
    size_t i;
    for (i = 0; i < length; i++) {
        if (counter->column++ == 0)
            counter->blank = true;
        if (counter->blank && s[i] != ' ') {
            counter->blank = false;
            counter->indent = counter->column - 1;
            counter->tasks += s[i] == 't' && counter->indent % 4 == 0 && counter->column != 1;
            if (counter->indent > counter->widest)
                counter->widest = counter->indent;
        }
        if (s[i] == '\n') {
            counter->column = 0;
            counter->lines++;
        }
    }
}

/* A chain of tasks that each wait for the next. */
CORO_TEST(long_chain, AIO_FUTURE(void) future; struct waits **task; long n, i; struct counter counter;)
{
    AIO_BEGIN;
    self->n = core_many(100000);
    self->task = (struct waits **)calloc((size_t)self->n, sizeof *self->task);
    for (self->i = 0; self->i < self->n; self->i++)
        self->task[self->i] = aio_create_task(
            aio_new(waits, self->i ? aio_any(self->task[self->i - 1]) : aio_any(&self->future)));
    AIO_AWAIT(aio_sleep(0));
    self->counter.sink.write = count_write;
    aio_dump(aio_loop_current(), &self->counter.sink);
    CHECK_INT(self->counter.lines, 2 * self->n + 3);
    CHECK_INT(self->counter.tasks, self->n - 1);
    CHECK_INT(self->counter.widest, 62);
    aio_future_set_result(&self->future);
    AIO_AWAIT(self->task[self->n - 1]);
    AIO_FINALLY;
    for (self->i = 0; self->i < self->n; self->i++)
        aio_release(self->task[self->i]);
    free(self->task);
    AIO_END;
}

/* A large group that a large number of others join. */
CORO_TEST(large_groups, AIO_FUTURE(void) future; struct aio_group group; long n, i; struct counter counter;)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    self->n = core_many(100000);
    for (self->i = 0; self->i < self->n; self->i++)
        CHECK_INT(aio_group_spawn(&self->group, aio_new(waits, aio_any(&self->future))), 0);
    for (self->i = 0; self->i < self->n; self->i++)
        CHECK_INT(aio_spawn(aio_new(joins, &self->group)), 0);
    AIO_AWAIT(aio_sleep(0));
    self->counter.sink.write = count_write;
    aio_dump(aio_loop_current(), &self->counter.sink);
    CHECK_INT(self->counter.lines, 3 + self->n * 5);
    CHECK_INT(self->counter.tasks, self->n);
    CHECK_INT(self->counter.widest, 6);
    aio_future_set_result(&self->future);
    AIO_END;
}

/* Without memory for a tree, every task is there all the same. */
CORO_TEST(no_memory_for_a_tree, AIO_FUTURE(void) future; struct waits *task[2];)
{
    AIO_BEGIN;
    self->task[0] = aio_create_task(aio_new(waits, aio_any(&self->future)));
    self->task[1] = aio_create_task(aio_new(waits, aio_any(self->task[0])));
    AIO_AWAIT(aio_sleep(0));
    no_memory = true;
    CHECK_DUMP("3 tasks\n"
        "task 1 'no_memory_for_a_tree' runs\n"
        "  " AT("no_memory_for_a_tree")
        "task 2 'waits' waits for a future\n"
        "  " AT("waits")
        "task 3 'waits' waits for task 2 'waits'\n"
        "  " AT("waits"));
    no_memory = false;
    CHECK_DUMP("3 tasks\n"
        "task 1 'no_memory_for_a_tree' runs\n"
        "  " AT("no_memory_for_a_tree")
        "task 3 'waits' waits for task 2 'waits'\n"
        "  " AT("waits")
        "    task 2 'waits' waits for a future\n"
        "      " AT("waits"));
    aio_future_set_result(&self->future);
    AIO_AWAIT(self->task[1]);
    AIO_FINALLY;
    aio_release(self->task[0]);
    aio_release(self->task[1]);
    AIO_END;
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(tree), T(a_group_that_is_joined), T(bare_awaitables), T(waits_for_descriptors), T(rings),
        T(a_ring_through_a_group), T(being_cancelled), T(late), T(deep_frames), T(another_loop),
        T(from_anywhere), T(long_chain), T(large_groups), T(no_memory_for_a_tree));
}
