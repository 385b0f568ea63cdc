/* clang,clang++ -O0 warning: .error. may be uninitialized when used here
   A local that only leaves the body: gcc does not see that one, at any level, nor AIO_RETURN(lost). */
#include "aio.h"
struct lose { AIO_FRAME(void); };
AIO_CORO(lose)
{
    int error;
    AIO_BEGIN;
    AIO_TRY(error, aio_sleep(1));
    AIO_AWAIT(aio_sleep(1));
    if (error)
        AIO_RAISE(error);
    AIO_END;
}
