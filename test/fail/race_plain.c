/* all -O0 error: AIO_BEGIN_is_missing_
   AIO_RACE in a plain function. */
#include "aio.h"
extern void plain(void);
void plain(void)
{
    int x = 0;
    AIO_RACE(x, aio_sleep(2), aio_sleep(1));
}
