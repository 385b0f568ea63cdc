/* gcc -O1 error: incompatible types when assigning to type .int. from type .struct point
   g++ -O1 error: cannot convert .point. to .int
   clang -O1 error: assigning to .int. from incompatible type .struct point
   clang++ -O1 error: assigning to .int. from incompatible type .struct point
   What a generator yields has the type of its frame. */
#include "aio.h"
struct point { int x, y; };
struct keep { AIO_FRAME(int); struct point p; };
AIO_CORO(keep)
{
    AIO_BEGIN;
    AIO_YIELD(self->p);
    AIO_END;
}
