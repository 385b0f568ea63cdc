/* gcc,g++ -O0 warning: ignoring return value of .*aio_gather.*warn_unused_result
   clang,clang++ -O0 warning: (ignoring return value|expression result unused)
   AIO_AWAIT forgotten around a wait for an array of handles. */
#include "aio.h"
struct lose { AIO_FRAME(void); struct aio_any *all[1]; };
AIO_CORO(lose)
{
    AIO_BEGIN;
    aio_gather(self->all, 1, 0);
    AIO_END;
}
