/* gcc -O0 error: incompatible types when assigning to type .int. from type .struct aio_nothing_
   clang,clang++ -O0 error: assigning to 'int' from incompatible type 'struct aio_nothing_'
   g++ -O0 error: cannot convert .aio_nothing_. to .int.
   The result of a coroutine that has none. */
#include "aio.h"
struct one { AIO_FRAME(int); int x; };
extern AIO_DECLARE(one);
#define one() aio_new(one)
struct lose { AIO_FRAME(void); int x; };
AIO_CORO(lose)
{
    AIO_BEGIN;
    AIO_GATHER(self->x, one(), self->x, aio_sleep(1));
    AIO_END;
}
