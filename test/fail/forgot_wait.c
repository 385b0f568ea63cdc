/* gcc,g++ -O0 warning: ignoring return value of .*aio_wait.*warn_unused_result
   clang,clang++ -O0 warning: (ignoring return value|expression result unused)
   AIO_AWAIT forgotten around a wait for an array of handles. */
#include "aio.h"
struct lose { AIO_FRAME(void); struct aio_any *all[1]; };
AIO_CORO(lose)
{
    AIO_BEGIN;
    aio_wait(self->all, 1, AIO_ALL_COMPLETED, 5);
    AIO_END;
}
