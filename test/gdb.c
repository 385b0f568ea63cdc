/* gdb.c - for test/gdb.t: a task in each kind of wait, and then a stop in the middle of a step. */
#include <stdio.h>
#include <unistd.h>
#define AIO_IMPLEMENTATION
#include "aio_select.h"
#include "aio_net.h"

void stop_here(void);
__attribute__((noinline)) void stop_here(void)
{
    __asm__ volatile("");                           /* not to be left out */
}

struct sleeps { AIO_FRAME(void); aio_time time; };
static AIO_CORO(sleeps) { AIO_BEGIN; AIO_AWAIT(aio_sleep(self->time)); AIO_END; }
struct limited { AIO_FRAME(void); };
static AIO_CORO(limited)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_wait_for(aio_new(sleeps, AIO_SEC(60)), AIO_SEC(30)));
    AIO_END;
}
struct waits { AIO_FRAME(void); struct aio_any *other; };
static AIO_CORO(waits) { AIO_BEGIN; AIO_AWAIT(self->other); AIO_END; }
struct shields { AIO_FRAME(void); struct aio_any *other; };
static AIO_CORO(shields) { AIO_BEGIN; AIO_AWAIT(aio_shield(self->other)); AIO_END; }
struct reads { AIO_FRAME(void); int fd; };
static AIO_CORO(reads) { AIO_BEGIN; AIO_AWAIT(aio_readable(self->fd)); AIO_END; }
struct settles { AIO_FRAME(void); struct aio_group group; };
static AIO_CORO(settles)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 1, 0);
    if (aio_group_spawn(&self->group, aio_new(sleeps, AIO_FOREVER)) < 0 ||
        aio_group_spawn(&self->group, aio_new(sleeps, AIO_FOREVER)) < 0)
        AIO_RAISE(AIO_ENOMEM);
    AIO_END;
}
struct joins { AIO_FRAME(void); struct aio_group *group; };
static AIO_CORO(joins) { AIO_BEGIN; AIO_AWAIT(aio_group_join(self->group)); AIO_END; }
struct stubborn { AIO_FRAME(void); };
static AIO_CORO(stubborn)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_FOREVER));
    AIO_FINALLY;
    AIO_AWAIT(aio_sleep(AIO_SEC(60)));
    AIO_END;
}
struct called { AIO_FRAME(void); };
static AIO_CORO(called) { AIO_BEGIN; stop_here(); AIO_END; }
struct calls { AIO_FRAME(void); };
static AIO_CORO(calls) { AIO_BEGIN; AIO_AWAIT(aio_new(called)); AIO_END; }

static AIO_FUTURE(void) future;

struct program { AIO_FRAME(void); int fds[2]; struct waits *anna; struct settles *settles; struct stubborn *stubborn; };
static AIO_CORO(program)
{
    AIO_BEGIN;
    if (aio_socketpair(self->fds) < 0)
        AIO_RAISE(AIO_EMFILE);
    self->anna = aio_create_task(aio_new(waits, aio_any(&future)));
    if (aio_task_set_name(self->anna, "Anna") < 0 ||
        aio_spawn(aio_new(waits, aio_any(self->anna))) < 0 ||
        aio_spawn(aio_new(shields, aio_any(self->anna))) < 0 ||
        aio_spawn(aio_new(reads, self->fds[0])) < 0 ||
        aio_spawn(aio_new(limited)) < 0)
        AIO_RAISE(AIO_ENOMEM);
    self->settles = aio_create_task(aio_new(settles));
    self->stubborn = aio_create_task(aio_new(stubborn));
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    aio_task_cancel(self->stubborn);
    if (aio_spawn(aio_new(joins, &self->settles->group)) < 0)
        AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    if (aio_spawn(aio_new(sleeps, 0)) < 0)
        AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(aio_new(calls));
    _exit(0);
    AIO_END;
}

int main(void)
{
    return aio_main(aio_new(program));
}
