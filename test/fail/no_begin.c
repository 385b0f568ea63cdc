/* all -O0 error: AIO_BEGIN_is_missing_
   An await in a plain function. */
#include "aio.h"
extern void plain(void);
void plain(void)
{
    AIO_AWAIT(aio_sleep(1));
}
