/* all -O0 error: AIO_BEGIN_is_missing_
   A body without AIO_BEGIN. */
#include "aio.h"
struct lose { AIO_FRAME(void); };
AIO_CORO(lose)
{
    AIO_AWAIT(aio_sleep(1));
    return NULL;
}
