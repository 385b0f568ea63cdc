/* all -O0 error: AIO_TIME_32 counts ticks
   An option that needs another. */
#define AIO_TIME_32 1
#define AIO_TICK_HZ 0
#include "aio.h"
