/* gcc,g++ -O0 warning: ignoring return value of .*aio_made_.*warn_unused_result
   gcc,g++ -O2 warning: ignoring return value of .*aio_made_.*warn_unused_result
   clang,clang++ -O0 warning: (ignoring return value|expression result unused)
   AIO_AWAIT forgotten around a coroutine called like a function. */
#include "aio.h"
struct one { AIO_FRAME(int); int x; };
extern AIO_DECLARE(one);
#define one(...) aio_new(one, __VA_ARGS__)
struct lose { AIO_FRAME(void); struct aio_group group; };
AIO_CORO(lose)
{
    AIO_BEGIN;
    one(.x = 1);
    AIO_END;
}
