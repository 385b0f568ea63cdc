/* gcc,g++ -O0 error: has no member named .aio.
   clang,clang++ -O0 error: no member named 'aio' in '(struct )?other'
   A struct without AIO_FRAME is no awaitable. */
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
    AIO_AWAIT(&self->other);
    AIO_END;
}
