/* gcc -O0 error: error: .*AIO_RACE_takes_an_int_and_at_least_one_awaitable.*negative
   clang -O0 error: error: .*AIO_RACE_takes_an_int_and_at_least_one_awaitable.*negative
   g++,clang++ -O0 error: error: static.assert.* failed.* .?AIO_RACE_takes_an_int_and_at_least_one_awaitable
   Nobody runs. */
#include "aio.h"
struct one { AIO_FRAME(int); int x; };
extern AIO_DECLARE(one);
#define one() aio_new(one)
struct lose { AIO_FRAME(void); int x; };
AIO_CORO(lose)
{
    AIO_BEGIN;
    AIO_RACE(self->x);
    AIO_END;
}
