/* all -O0 error: duplicate case value
   Two AIO_FINALLY in one body. */
#include "aio.h"
struct lose { AIO_FRAME(void); };
AIO_CORO(lose)
{
    AIO_BEGIN;
    AIO_FINALLY;
    AIO_FINALLY;
    AIO_END;
}
