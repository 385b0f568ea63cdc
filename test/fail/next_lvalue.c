/* gcc -O1 error: incompatible types when assigning to type .int. from type .struct point
   g++ -O1 error: cannot convert .point. to .int
   clang -O1 error: assigning to .int. from incompatible type .struct point
   clang++ -O1 error: assigning to .int. from incompatible type .struct point
   As AIO_FOREACH. */
#include "aio.h"
struct point { int x, y; };
struct points { AIO_FRAME(struct point); };
struct keep { AIO_FRAME(void); int x; bool more; struct points *points; };
AIO_CORO(keep)
{
    AIO_BEGIN;
    AIO_NEXT(self->more, self->x, self->points);
    AIO_END;
}
