/* gcc,g++ -O0 error: lvalue required|using temporary as lvalue
   clang,clang++ -O0 error: expression is not assignable
   A result put into something that is no lvalue. */
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
    AIO_AWAIT(self->x + 1, aio_new(one));
    AIO_END;
}
