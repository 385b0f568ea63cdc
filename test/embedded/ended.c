/* ended.c - what comes too late for a task: an interrupt's post, an event, a future, a cancel, when it has been
   cancelled, or has ended, and somebody else has its memory. */
#include "embedded/board.h"

#define AIO_POOL_BYTES 2048
#define AIO_TIMERS 8
#define AIO_IMPLEMENTATION
#include "aio.h"
#include "test/tap.h"

static struct aio_loop *loop;

/* Somebody who looks after his memory: whatever a late wake-up writes, or whomever it wakes, shows. */
static int squatters, woken;
struct squats { AIO_FRAME(void); unsigned char bytes[24]; aio_time until; };
static AIO_CORO(squats)
{
    AIO_BEGIN;
    squatters++;
    memset(self->bytes, 0x5a, sizeof self->bytes);
    self->until = aio_now() + AIO_MS(3);
    AIO_AWAIT(aio_sleep(AIO_MS(3)));
    woken++;
    CHECK(aio_now() - self->until >= 0);
    {
        size_t i;
        for (i = 0; i < sizeof self->bytes; i++)
            CHECK_INT(self->bytes[i], 0x5a);
    }
    AIO_END;
}

/* Three of them move in where others have moved out: the same size of frame, the same records. */
static void move_in(struct aio_group *group)
{
    int i;
    for (i = 0; i < 3; i++)
        CHECK_INT(aio_group_spawn(group, aio_new(squats)), 0);
}

/* What the interrupt's callback does: it belongs to no task, and knows one only through these. */
static struct aio_event event;
static AIO_FUTURE(int) future;
static struct aio_callback posted;
static int posts;
static void on_post(struct aio_callback *callback)
{
    (void)callback;
    posts++;
    aio_event_set(&event);
    if (!aio_future_done(&future))
        aio_future_set_result(&future, 42);
}
static void on_alarm(void) { aio_loop_post(loop, &posted); }

struct waits { AIO_FRAME(int); char what; unsigned char bytes[24]; };
static AIO_CORO(waits)
{
    AIO_BEGIN;
    if (self->what == 'e')
        AIO_AWAIT(aio_event_wait(&event));
    else if (self->what == 'f')
        AIO_AWAIT(self->result, &future);
    else if (self->what == 'h')
        AIO_AWAIT(self->result, aio_shield(&future));
    else
        AIO_AWAIT(aio_sleep(AIO_MS(2)));
    note("%c woken ", self->what);
    AIO_FINALLY;
    if (aio_coro_error(self))
        note("%c %d ", self->what, aio_coro_error(self));
    AIO_END;
}

/* The alarm strikes when its waiter is gone: cancelled, out of time, or never begun; each leaves its memory to the
   crowd before. */
struct late { AIO_FRAME(void); char what; int error, way; struct waits *task; struct aio_group crowd; };
static AIO_CORO(late)
{
    AIO_BEGIN;
    loop = aio_loop_current();
    aio_group_open(&self->crowd, self, 0, 0);
    for (self->way = 0; self->way < 3; self->way++) {
        memset(&future, 0, sizeof future);
        aio_event_clear(&event);
        posts = squatters = woken = 0;
        board_alarm(2000, on_alarm);
        self->task = aio_create_task(aio_new(waits, self->what));
        if (self->way == 0) {
            AIO_AWAIT(aio_sleep(AIO_US(500)));
            CHECK(aio_task_cancel(self->task));
            AIO_TRY(self->error, self->task);
            CHECK_INT(self->error, AIO_ECANCELED);
        } else if (self->way == 1) {
            AIO_TRY(self->error, aio_wait_for(self->task, AIO_US(500)));
            CHECK_INT(self->error, AIO_ETIMEDOUT);
        } else {
            CHECK(aio_task_cancel(self->task));
            AIO_TRY(self->error, self->task);
            CHECK_INT(self->error, AIO_ECANCELED);
        }
        aio_release(self->task);
        CHECK(!self->task);
        move_in(&self->crowd);
        CHECK_INT(posts, 0);
        AIO_AWAIT(aio_group_join(&self->crowd));
        CHECK_INT(posts, 1);
        CHECK_INT(squatters, 3);
        CHECK_INT(woken, 3);
        CHECK(event.is_set && aio_future_done(&future));
        CHECK_INT(future.result, self->what == 'f' && self->way < 2 ? 0 : 42);  /* a cancel goes on to a future */
    }
    AIO_END;
}
TEST(an_event)
{
    posted.fn = on_post;
    CHECK_INT(aio_run(aio_new(late, 'e')), 0);
    CHECK_NOTES("e -125 e -125 e -125 ");
}
TEST(a_future)
{
    CHECK_INT(aio_run(aio_new(late, 'f')), 0);
    CHECK_NOTES("f -125 f -125 f -125 ");
}
TEST(a_shielded_future)
{
    CHECK_INT(aio_run(aio_new(late, 'h')), 0);
    CHECK_NOTES("h -125 h -125 h -125 ");
}
TEST(a_sleep)
{
    CHECK_INT(aio_run(aio_new(late, 's')), 0);
    CHECK_NOTES("s -125 s -125 s -125 ");
}

/* The post and the cancel in one turn, in either order; the waiter ends once, and never twice. */
struct race { AIO_FRAME(void); int error, first; struct waits *task; };
static AIO_CORO(race)
{
    AIO_BEGIN;
    loop = aio_loop_current();
    for (self->first = 0; self->first < 2; self->first++) {
        memset(&future, 0, sizeof future);
        aio_event_clear(&event);
        self->task = aio_create_task(aio_new(waits, 'e'));
        AIO_AWAIT(aio_sleep(AIO_US(500)));
        if (self->first)
            CHECK(aio_task_cancel(self->task));
        board_alarm(1, on_alarm);
        {
            uint32_t began = board_ticks();
            while (board_ticks() - began < 50)      /* the interrupt comes, the loop does not */
                continue;
        }
        if (!self->first)
            CHECK(aio_task_cancel(self->task));
        AIO_TRY(self->error, self->task);
        CHECK_INT(self->error, AIO_ECANCELED);
        aio_release(self->task);
        AIO_AWAIT(aio_sleep(AIO_US(500)));
        CHECK(event.is_set);
    }
    AIO_END;
}
TEST(post_and_cancel_together)
{
    CHECK_INT(aio_run(aio_new(race)), 0);
    CHECK_NOTES("e -125 e -125 ");
}

/* A task that has ended: a cancel says no and does nothing, its result stays until the last handle is released, also
   when that is after the end of the loop. */
struct quick { AIO_FRAME(int); int value; unsigned char bytes[24]; };
static AIO_CORO(quick) { AIO_BEGIN; AIO_RETURN(self->value); AIO_END; }
static struct quick *kept;
struct after { AIO_FRAME(void); struct quick *task, *other; struct aio_group crowd; int value; };
static AIO_CORO(after)
{
    AIO_BEGIN;
    aio_group_open(&self->crowd, self, 0, 0);
    self->task = aio_create_task(aio_new(quick, 7));
    self->other = aio_retain(self->task);
    AIO_AWAIT(aio_sleep(AIO_US(100)));
    CHECK(aio_task_done(self->task));
    CHECK(!aio_task_cancel(self->task));
    CHECK(!aio_task_cancelled(self->task));
    aio_release(self->task);
    move_in(&self->crowd);
    AIO_AWAIT(aio_group_join(&self->crowd));
    AIO_AWAIT(self->value, self->other);            /* ended, held once still */
    CHECK_INT(self->value, 7);
    aio_release(self->other);
    kept = aio_create_task(aio_new(quick, 8));
    AIO_AWAIT(kept);
    AIO_END;
}
TEST(release_after_the_end)
{
    int i;
    for (i = 0; i < 20; i++) {                      /* what is lost each time would be missed */
        CHECK_INT(aio_run(aio_new(after)), 0);
        CHECK(!aio_task_cancel(kept));
        CHECK_INT(kept->result, 8);
        aio_release(kept);
        CHECK(!kept);
    }
    CHECK(aio_pool_peak() <= AIO_POOL_BYTES);
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(an_event), T(a_future), T(a_shielded_future), T(a_sleep),
        T(post_and_cancel_together), T(release_after_the_end));
}
