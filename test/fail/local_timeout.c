/* gcc -O2 warning: .sum. may be used uninitialized
   g++ -O2 warning: .sum. may be used uninitialized
   clang,clang++ -O1 warning: variable .sum. may be uninitialized
   A local that is to live across a block with a deadline. */
#include "aio.h"
extern int make(void);
extern void use(int);
struct keep { AIO_FRAME(void); struct aio_timeout scope; };
AIO_CORO(keep)
{
    int sum;
    AIO_BEGIN;
    sum = make();
    AIO_TIMEOUT(&self->scope, 5)
        AIO_AWAIT(aio_sleep(1));
    use(sum);
    AIO_END;
}
