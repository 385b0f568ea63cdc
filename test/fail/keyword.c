/* gcc -O0 error: .struct one. has no member named .y.
   g++ -O0 error: has no non-static data member named .y.
   clang,clang++ -O0 error: field designator 'y' does not refer to any field
   An argument that the coroutine does not have. */
#include "aio.h"
struct other { int x; };
struct one { AIO_FRAME(int); int x; };
extern AIO_DECLARE(one);
struct none { AIO_FRAME(void); };
extern AIO_DECLARE(none);
struct lose { AIO_FRAME(void); int x; struct other other; const char *text; };
AIO_CORO(lose)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(one, .y = 1));
    AIO_END;
}
