/* gcc -O0 error: error: .*AIO_RACE_takes_8_awaitables_at_most_use_aio_wait.*negative
   clang -O0 error: error: .*AIO_RACE_takes_8_awaitables_at_most_use_aio_wait.*negative
   g++,clang++ -O0 error: error: static.assert.* failed.* .?AIO_RACE_takes_8_awaitables_at_most_use_aio_wait
   Nine awaitables. */
#include "aio.h"
struct one { AIO_FRAME(int); int x; };
extern AIO_DECLARE(one);
#define one() aio_new(one)
struct lose { AIO_FRAME(void); int x; };
AIO_CORO(lose)
{
    AIO_BEGIN;
    AIO_RACE(self->x, one(), one(), one(), one(), one(), one(), one(), one(), one());
    AIO_END;
}
