/* 05-timeout-cancel.c - how to stop waiting, and how to stop.

   aio_wait_for gives up after a while, and cancels what it waited for. aio_task_cancel asks a task
   to end: AIO_ECANCELED comes out of the await it stands at, and AIO_FINALLY cleans up. What is
   behind an aio_shield goes on when the wait for it ends: it must not be left half done.

   Build:
       cc -iquote . examples/05-timeout-cancel.c -o cancel

   Prints:
       wall: done
       fence: stopped, cleaning up
       gave up: timed out
       tower: stopped, cleaning up
       stopped: operation cancelled
       bridge: timed out, but it goes on
       bridge: done
*/
#include <stdio.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"

struct build { AIO_FRAME(void); const char *what; aio_time time; };

static AIO_CORO(build)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->time));
    printf("%s: done\n", self->what);
    AIO_FINALLY;
    if (aio_coro_error(self) == AIO_ECANCELED) {
        printf("%s: stopped, cleaning up\n", self->what);
        AIO_AWAIT(aio_sleep(AIO_MS(10)));           /* cleanup may take its time */
    }
    AIO_END;
}

struct site { AIO_FRAME(void); struct build *task; int error; };

static AIO_CORO(site)
{
    AIO_BEGIN;
    /* In time; too late. When the wait returns, the fence has been cleaned up. */
    AIO_AWAIT(aio_wait_for(aio_new(build, "wall", AIO_MS(50)), AIO_SEC(1)));
    AIO_TRY(self->error, aio_wait_for(aio_new(build, "fence", AIO_SEC(60)), AIO_MS(50)));
    printf("gave up: %s\n", aio_strerror(self->error));

    /* Ask a task to end, then wait until it has: that is its result, so AIO_TRY gets it. */
    self->task = aio_create_task(aio_new(build, "tower", AIO_SEC(60)));
    AIO_AWAIT(aio_sleep(AIO_MS(50)));
    aio_task_cancel(self->task);
    AIO_TRY(self->error, self->task);
    printf("stopped: %s\n", aio_strerror(self->error));
    aio_release(self->task);

    /* The time is up for the wait only. */
    self->task = aio_create_task(aio_new(build, "bridge", AIO_MS(150)));
    AIO_TRY(self->error, aio_wait_for(aio_shield(self->task), AIO_MS(50)));
    printf("bridge: %s, but it goes on\n", aio_strerror(self->error));
    AIO_AWAIT(self->task);
    AIO_FINALLY;
    aio_release(self->task);
    AIO_END;
}

int main(void)
{
    return aio_main(aio_new(site));
}
