/* gcc -O1 warning: assignment to .struct other \*. from incompatible pointer type .struct one
   clang -O1 warning: incompatible pointer types assigning to .struct other \*. from .struct one
   g++ -O1 error: cannot convert .one\*. to .other\*. in assignment
   clang++ -O1 error: (assigning to .struct other \*. from incompatible type .struct one|incompatible pointer types)
   The slot is a pointer to the generator's struct. */
#include "aio.h"
struct one { AIO_FRAME(int); };
struct other { AIO_FRAME(int); };
extern AIO_DECLARE(one);
struct keep { AIO_FRAME(void); int x; struct other *slot; };
AIO_CORO(keep)
{
    AIO_BEGIN;
    AIO_FOREACH(self->x, self->slot, aio_new(one)) { }
    AIO_END;
}
