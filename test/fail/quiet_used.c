/* all -O0 -Wall -Wextra silent:
   all -O2 -Wall -Wextra silent:
   Awaitables that are taken, in every way there is. */
#include "aio_sim.h"
struct one { AIO_FRAME(int); int x; };
extern AIO_DECLARE(one);
extern struct one *wrapped(void);
struct one *wrapped(void) { return aio_new(one, .x = 1); }
struct keep { AIO_FRAME(void); int x; struct one *task; struct one slot; struct aio_group group; };
AIO_CORO(keep)
{
    AIO_BEGIN;
    AIO_AWAIT(wrapped());
    AIO_AWAIT(aio_wait_for(wrapped(), 5));
    AIO_AWAIT(aio_place(&self->slot, one));
    aio_place(&self->slot, one, .x = 2);
    AIO_AWAIT(&self->slot);
    aio_discard(aio_new(one));
    self->task = aio_create_task(wrapped());
    aio_retain(self->task);
    aio_task_cancel(self->task);
    aio_release(self->task);
    if (aio_spawn(wrapped()) < 0)
        AIO_RAISE(AIO_ENOMEM);
    aio_group_open(&self->group, self, 0, 0);
    if (!aio_group_create_task(&self->group, wrapped()))
        AIO_RAISE(AIO_ENOMEM);
    AIO_END;
}
extern int go(void);
int go(void) { return aio_run(aio_new(keep)); }
