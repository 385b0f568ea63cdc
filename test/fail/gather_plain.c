/* all -O0 error: AIO_BEGIN_is_missing_
   AIO_GATHER in a plain function. */
#include "aio.h"
extern void plain(void);
void plain(void)
{
    int x = 0;
    AIO_GATHER(x, aio_group_join(0), x, aio_sleep(1));
}
