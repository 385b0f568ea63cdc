/* test_options.c - struct aio_options: the poller, the handler, and debug in a build without AIO_DEBUG. */
#include "poller.h"
#include "tap.h"

static void handler(struct aio_loop *loop, const struct aio_report *report)
{
    (void)loop;
    if (strncmp(report->message, "held the loop for ", 18) == 0)
        note("[%s held the loop]", report->name);
    else
        note("[%s %s %d]", report->name, report->message, report->error);
}

struct busy { AIO_FRAME(void); aio_time until; };
static AIO_CORO(busy)
{
    AIO_BEGIN;
    for (self->until = aio_now() + AIO_SLOW_STEP; aio_now() < self->until;)
        continue;
    AIO_AWAIT(aio_sleep(0));
    AIO_END;
}

struct careless { AIO_FRAME(void); struct busy *task; };
static AIO_CORO(careless)
{
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(busy));
    AIO_AWAIT(self->task);
    AIO_END;
}

TEST(debug_at_run_time)
{
    struct aio_options options = { .on_error = handler, .debug = true };
    CHECK_INT(aio_run_with(&options, aio_new(careless)), 0);
    CHECK_NOTES("[busy held the loop][busy was never released 0]");
}

TEST(quiet_without)
{
    struct aio_options options = { .on_error = handler };
    CHECK_INT(aio_run_with(&options, aio_new(careless)), 0);
    CHECK_NOTES(AIO_DEBUG ? "[busy held the loop][busy was never released 0]" : "");
}

struct user { AIO_FRAME(int); };
static AIO_CORO(user)
{
    AIO_BEGIN;
    note("%s %s", (const char *)aio_loop_current()->user, aio_loop_current()->poller->name);
    AIO_END;
}

TEST(poller_and_user)
{
    char text[] = "mine";
    struct aio_options options = { .poller = aio_select(), .user = text };
    CHECK_INT(aio_run_with(&options, aio_new(user)), 0);
    CHECK_NOTES("mine select");
}

static void nothing(struct aio_callback *callback) { (void)callback; }

TEST(poll_timeout)
{
    struct aio_loop loop;
    struct aio_callback callback = { .fn = nothing };
    int forever, left;
    CHECK_INT(aio_loop_init(&loop, NULL), 0);
    forever = aio_loop_fileno(&loop) < 0 ? 10 : -1;
    CHECK_INT(aio_loop_poll_timeout(&loop), forever);
    CHECK_INT(aio_loop_call_later(&loop, &callback, AIO_US(8500)), 0);
    left = aio_loop_poll_timeout(&loop);
    CHECK(left <= 9 && (left > 0 || getenv("AIO_TEST_SLOW")), "%d", left);    /* valgrind takes longer to come here */
    CHECK(aio_callback_cancel(&callback));
    CHECK_INT(aio_loop_call_later(&loop, &callback, AIO_SEC(1e8)), 0);
    CHECK_INT(aio_loop_poll_timeout(&loop), forever == 10 ? 10 : INT_MAX);
    CHECK(aio_callback_cancel(&callback));
    CHECK_INT(aio_loop_call_soon(&loop, &callback), 0);
    CHECK_INT(aio_loop_poll_timeout(&loop), 0);
    CHECK_INT(aio_loop_close(&loop), 0);
}

int main(int argc, char **argv) { RUN(argc, argv, T(poll_timeout), T(debug_at_run_time), T(quiet_without), T(poller_and_user)); }
