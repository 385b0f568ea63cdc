/* The pool: what a run took is given back when the last loop is closed, what outlives the loop keeps its
   memory, and memory is used again. */
#undef TEST_SHARED                      /* it has an implementation of its own */
#undef AIO_DEBUG                        /* whatever the others are built with */
#undef AIO_POOL
#define AIO_POOL 1                      /* with ASan, too */
#include "core.h"

struct leaf { AIO_FRAME(int); int value; };
static AIO_CORO(leaf)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(1));
    AIO_RETURN(self->value);
    AIO_END;
}

struct spawner { AIO_FRAME(void); long n, i; int error; };
static AIO_CORO(spawner)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < self->n; self->i++) {
        self->error = aio_spawn(aio_new(leaf, 1));
        if (self->error)
            AIO_RAISE(self->error);
    }
    AIO_AWAIT(aio_sleep(2));
    AIO_END;
}
TEST(all_is_given_back)
{
    long n;
    for (n = 0; n < 20000; n = n * 4 + 1)
        CHECK_INT(run(aio_new(spawner, n)), 0);
}

/* A million of them, a few at a time, take no more than the few. */
struct stream { AIO_FRAME(void); long n, i; struct leaf *handle; size_t peak; long blocks; int value; };
static AIO_CORO(stream)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < self->n; self->i++) {
        CHECK_INT(aio_spawn(aio_new(leaf, 1)), 0);
        self->handle = aio_create_task(aio_new(leaf, 2));
        AIO_AWAIT(self->value, aio_wait_for(self->handle, 10));
        aio_release(self->handle);
        if (self->i == 10) {
            self->peak = aio_pool_peak();
            self->blocks = core_live;
        }
    }
    CHECK_INT(aio_pool_peak(), self->peak);
    CHECK_INT(core_live, self->blocks);
    AIO_END;
}
TEST(memory_is_used_again) { CHECK_INT(run(aio_new(stream, core_many(500000))), 0); }

/* Every size has its own list; nobody writes over a neighbour. */
#define SIZED(n) \
    struct sized##n { AIO_FRAME(int); unsigned char bytes[n]; int i; }; \
    static AIO_CORO(sized##n) \
    { \
        AIO_BEGIN; \
        memset(self->bytes, n % 251, sizeof self->bytes); \
        AIO_AWAIT(aio_sleep(n % 7)); \
        for (self->i = 0; self->i < n; self->i++) \
            CHECK_INT(self->bytes[self->i], n % 251); \
        AIO_END; \
    }
SIZED(1) SIZED(17) SIZED(100) SIZED(500) SIZED(960) SIZED(1000) SIZED(5000)
struct sizes { AIO_FRAME(void); int i; struct aio_group group; };
static AIO_CORO(sizes)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    for (self->i = 0; self->i < 100; self->i++) {
        CHECK_INT(aio_group_spawn(&self->group, aio_new(sized1)), 0);
        CHECK_INT(aio_group_spawn(&self->group, aio_new(sized17)), 0);
        CHECK_INT(aio_group_spawn(&self->group, aio_new(sized100)), 0);
        CHECK_INT(aio_group_spawn(&self->group, aio_new(sized500)), 0);
        CHECK_INT(aio_group_spawn(&self->group, aio_new(sized960)), 0);
        CHECK_INT(aio_group_spawn(&self->group, aio_new(sized1000)), 0);
        CHECK_INT(aio_group_spawn(&self->group, aio_new(sized5000)), 0);
        AIO_AWAIT(aio_sleep(1));
    }
    AIO_END;
}
TEST(frames_of_all_sizes) { CHECK_INT(run(aio_new(sizes)), 0); }

/* A handle keeps its record and its frame, and nothing of the loop: neither timers nor the poller's. */
TEST(handles_outlive_the_loop)
{
    struct aio_loop loop;
    struct leaf *handles[700];          /* more than a slab */
    int i, n = sizeof handles / sizeof *handles;
    long held;
    CHECK_INT(aio_loop_init(&loop, &core_options), 0);
    for (i = 0; i < n; i++)
        handles[i] = aio_loop_create_task(&loop, aio_new(leaf, i));
    CHECK_INT(aio_loop_run_until_complete(&loop, aio_new(spawner, 5000)), 0);
    held = core_live;
    CHECK_INT(aio_loop_close(&loop), 0);
    memset(&loop, 0xa5, sizeof loop);
    CHECK(core_live <= held - 2, "%ld of %ld blocks", core_live, held);
    CHECK(core_live > 0);
    for (i = 0; i < n; i++) {
        CHECK(aio_task_done(handles[i]));
        CHECK_INT(handles[i]->result, i);
        if (i % 3)
            aio_release(handles[i]);
    }
    CHECK_INT(aio_run_with(&core_options, aio_new(spawner, 1000)), 0);  /* another one, meanwhile */
    for (i = 0; i < n; i += 3) {
        CHECK(core_live > 0);
        CHECK_INT(handles[i]->result, i);
        aio_release(handles[i]);
        CHECK(handles[i] == NULL);
    }
    CHECK_INT(core_live, 0);
}

/* An object that was made and not run keeps its memory from one loop to the next. */
TEST(objects_outlive_the_loop)
{
    struct leaf *waits = aio_new(leaf, 42), *never = aio_new(leaf, 1);
    int result = 0;
    CHECK_INT(aio_run_with(&core_options, aio_new(spawner, 100)), 0);
    CHECK(core_live > 0);
    CHECK_INT(waits->value, 42);
    CHECK_INT(aio_run_with(&core_options, result, waits), 0);
    CHECK_INT(result, 42);
    CHECK(core_live > 0);
    aio_discard(never);
    CHECK_INT(run(aio_new(spawner, 1)), 0);
}

/* The memory is the thread's: the last of its loops gives it back. */
TEST(two_loops)
{
    struct aio_loop one, two;
    CHECK_INT(aio_loop_init(&one, &core_options), 0);
    CHECK_INT(aio_loop_init(&two, &core_options), 0);
    CHECK_INT(aio_loop_run_until_complete(&two, aio_new(spawner, 100)), 0);
    CHECK_INT(aio_loop_run_until_complete(&one, aio_new(spawner, 10)), 0);
    CHECK_INT(aio_loop_close(&one), 0);
    CHECK(core_live > 0);
    CHECK_INT(aio_loop_run_until_complete(&two, aio_new(spawner, 100)), 0);
    CHECK_INT(aio_loop_close(&two), 0);
    CHECK_INT(core_live, 0);
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(all_is_given_back), T(memory_is_used_again), T(frames_of_all_sizes),
        T(handles_outlive_the_loop), T(objects_outlive_the_loop), T(two_loops));
}
