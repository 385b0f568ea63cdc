/* gcc -O0 error: error: .*AIO_ALL_takes_8_awaitables_at_most_use_aio_gather.*negative
   clang -O0 error: error: .*AIO_ALL_takes_8_awaitables_at_most_use_aio_gather.*negative
   g++,clang++ -O0 error: error: static.assert.* failed.* .?AIO_ALL_takes_8_awaitables_at_most_use_aio_gather
   Nine awaitables. */
#include "aio.h"
struct one { AIO_FRAME(int); int x; };
extern AIO_DECLARE(one);
#define one() aio_new(one)
struct lose { AIO_FRAME(void); int x; };
AIO_CORO(lose)
{
    AIO_BEGIN;
    AIO_ALL(one(), one(), one(), one(), one(), one(), one(), one(), one());
    AIO_END;
}
