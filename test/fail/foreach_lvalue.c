/* gcc -O1 error: incompatible types when assigning to type .int. from type .struct point
   g++ -O1 error: cannot convert .point. to .int
   clang -O1 error: assigning to .int. from incompatible type .struct point
   clang++ -O1 error: assigning to .int. from incompatible type .struct point
   The variable of the loop has the type of the generator's values. */
#include "aio.h"
struct point { int x, y; };
struct points { AIO_FRAME(struct point); };
extern AIO_DECLARE(points);
struct keep { AIO_FRAME(void); int x; struct points *slot; };
AIO_CORO(keep)
{
    AIO_BEGIN;
    AIO_FOREACH(self->x, self->slot, aio_new(points)) { }
    AIO_END;
}
