/* gcc -O0 error: error: .*AIO_GATHER_takes_pairs_of_an_lvalue_and_an_awaitable.*negative
   clang -O0 error: error: .*AIO_GATHER_takes_pairs_of_an_lvalue_and_an_awaitable.*negative
   g++,clang++ -O0 error: error: static.assert.* failed.* .?AIO_GATHER_takes_pairs_of_an_lvalue_and_an_awaitable
   Nothing to gather. */
#include "aio.h"
struct one { AIO_FRAME(int); int x; };
extern AIO_DECLARE(one);
#define one() aio_new(one)
struct lose { AIO_FRAME(void); int x; };
AIO_CORO(lose)
{
    AIO_BEGIN;
    AIO_GATHER();
    AIO_END;
}
