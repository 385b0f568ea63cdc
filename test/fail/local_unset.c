/* gcc,g++ -O1 warning: lost. may be used uninitialized
   clang,clang++ -O0 warning: 'lost' may be uninitialized when used here
   Declared without a value, so that nothing is jumped over. */
#include "aio.h"
extern int make(void);
extern void use(int);
struct lose { AIO_FRAME(void); };
AIO_CORO(lose)
{
    AIO_BEGIN;
    {
        int lost;
        lost = make();
        AIO_AWAIT(aio_sleep(1));
        use(lost);
    }
    AIO_END;
}
