/* gcc,g++ -O1 warning: .p. may be used uninitialized
   clang,clang++ -O0 warning: 'p' may be uninitialized when used here
   A local of the body, used in the cleanup. */
#include "aio.h"
extern void *make(void);
extern void drop(void *);
struct lose { AIO_FRAME(void); };
AIO_CORO(lose)
{
    void *p;
    AIO_BEGIN;
    p = make();
    AIO_AWAIT(aio_sleep(1));
    AIO_FINALLY;
    drop(p);
    AIO_END;
}
