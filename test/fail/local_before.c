/* gcc,g++ -O1 warning: lost. may be used uninitialized
   clang,clang++ -O0 warning: 'lost' may be uninitialized when used here
   A local in front of AIO_BEGIN, set in front of an await and used behind it. */
#include "aio.h"
extern int make(void);
extern void use(int);
struct lose { AIO_FRAME(void); };
AIO_CORO(lose)
{
    int lost;
    AIO_BEGIN;
    lost = make();
    AIO_AWAIT(aio_sleep(1));
    use(lost);
    AIO_END;
}
