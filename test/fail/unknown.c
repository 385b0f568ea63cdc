/* all -O0 error: nobody
   A coroutine that was never announced. */
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
    AIO_AWAIT(aio_new(nobody));
    AIO_END;
}
