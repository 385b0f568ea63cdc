/* gcc,g++ -O1 warning: sum. may be used uninitialized
   clang,clang++ -O0 warning: 'sum' may be uninitialized when used here
   A sum over the results of awaits. */
#include "aio.h"
struct one { AIO_FRAME(int); };
extern AIO_DECLARE(one);
struct lose { AIO_FRAME(int); int i, x; };
AIO_CORO(lose)
{
    int sum;
    AIO_BEGIN;
    sum = 0;
    for (self->i = 0; self->i < 3; self->i++) {
        AIO_AWAIT(self->x, aio_new(one));
        sum += self->x;
    }
    AIO_RETURN(sum);
    AIO_END;
}
