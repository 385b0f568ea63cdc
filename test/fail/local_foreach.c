/* gcc -O2 warning: .sum. may be used uninitialized
   g++ -O2 warning: .sum. may be used uninitialized
   clang,clang++ -O1 warning: variable .sum. may be uninitialized
   A local that is to live across the awaits of a loop. */
#include "aio.h"
extern void use(int);
struct one { AIO_FRAME(int); };
extern AIO_DECLARE(one);
struct keep { AIO_FRAME(void); int x; struct one *slot; };
AIO_CORO(keep)
{
    int sum;
    AIO_BEGIN;
    sum = 0;
    AIO_FOREACH(self->x, self->slot, aio_new(one))
        sum += self->x;
    use(sum);
    AIO_END;
}
