/* all -O0 error: AIO_TICK_HZ must be 1 to 1000000000
   An option out of its range. */
#define AIO_TICK_HZ -1000
#include "aio.h"
