/* all -O1 error: (no member named|has no member named) .(aio|result).
   What AIO_FOREACH takes is a coroutine. */
#include "aio.h"
struct one { int x; };
extern struct one *make(void);
struct keep { AIO_FRAME(void); int x; struct one *slot; };
AIO_CORO(keep)
{
    AIO_BEGIN;
    AIO_FOREACH(self->x, self->slot, make()) { }
    AIO_END;
}
