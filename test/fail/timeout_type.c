/* gcc -O1 warning: incompatible pointer type
   clang -O1 warning: incompatible pointer types passing .struct aio_group
   g++ -O1 error: cannot convert .aio_group\*. to .aio_timeout
   clang++ -O1 error: no matching function|cannot initialize a parameter
   A deadline's scope is a struct aio_timeout. */
#include "aio.h"
struct keep { AIO_FRAME(void); struct aio_group group; };
AIO_CORO(keep)
{
    AIO_BEGIN;
    AIO_TIMEOUT(&self->group, 5) { }
    AIO_END;
}
