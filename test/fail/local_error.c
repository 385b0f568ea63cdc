/* gcc,g++ -O1 warning: error. may be used uninitialized
   clang,clang++ -O0 warning: 'error' may be uninitialized when used here
   An error that AIO_TRY put into a local, used behind one more await. */
#include "aio.h"
extern void use(int);
struct lose { AIO_FRAME(void); };
AIO_CORO(lose)
{
    int error;
    AIO_BEGIN;
    AIO_TRY(error, aio_sleep(1));
    AIO_AWAIT(aio_sleep(1));
    use(error);
    AIO_END;
}
