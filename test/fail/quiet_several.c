/* all -O0 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef silent:
   all -O2 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef silent:
   Several at once, in the ways there are, and what is written around them. */
#include "aio_sim.h"
struct one { AIO_FRAME(int); int x; };
extern AIO_DECLARE(one);
#define one(...) aio_new(one, __VA_ARGS__)
struct keep { AIO_FRAME(void); int x, y, which; struct one *task; struct one slot; AIO_FUTURE(int) future; };
AIO_CORO(keep)
{
    int unused = 0;
    AIO_BEGIN;
    AIO_GATHER(self->x, one(.x = 1));
    AIO_GATHER(self->x, one(), self->y, aio_wait_for(one(.x = 2), 5));
    AIO_ALL(one());
    AIO_ALL(aio_sleep(0));
    AIO_ALL(one(), aio_sleep(1), aio_place(&self->slot, one, .x = 3), &self->future, self->task);
    AIO_RACE(self->which, one());
    AIO_RACE(self->which, one(), aio_sleep(1)); AIO_ALL(one()); AIO_GATHER(self->x, aio_shield(self->task));
    if (self->which)
        AIO_RACE(self->which, aio_sleep(2), one());
    else if (self->x)
        AIO_ALL(one(), one());
    else
        AIO_GATHER(self->x, self->task, self->y, self->task);
    while (self->x--)
        AIO_GATHER(self->y, one());
    (void)unused;
    AIO_FINALLY;
    AIO_ALL(one(), one());
    AIO_END;
}
extern int go(void);
int go(void) { return aio_run(aio_new(keep)); }
