/* gcc,clang -O0 error: error: .*AIO_TRY_and_AIO_CATCH_take_an_error_first_then_an_lvalue_or_none_then_an_awaitable.*negative
   g++,clang++ -O0 error: error: static.assert.* failed.* .?AIO_TRY_and_AIO_CATCH_take_an_error_first
   The variable for the error was forgotten. */
#include "aio.h"
struct lose { AIO_FRAME(void); };
AIO_CORO(lose)
{
    AIO_BEGIN;
    AIO_TRY(aio_sleep(0));
    AIO_END;
}
