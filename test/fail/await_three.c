/* gcc,clang -O0 error: error: .*AIO_AWAIT_takes_an_awaitable_or_an_lvalue_and_an_awaitable.*negative
   g++,clang++ -O0 error: error: static.assert.* failed.* .?AIO_AWAIT_takes_an_awaitable_or_an_lvalue_and_an_awaitable
   As AIO_TRY would take it. */
#include "aio.h"
struct one { AIO_FRAME(int); };
extern AIO_DECLARE(one);
struct lose { AIO_FRAME(void); int error, value; };
AIO_CORO(lose)
{
    AIO_BEGIN;
    AIO_AWAIT(self->error, self->value, aio_new(one));
    AIO_END;
}
