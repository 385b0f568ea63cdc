/* all -O0 error: aio_timers_fit
   More timers than a parked task can count. */
#include <stdint.h>
#define AIO_POOL_BYTES 4096
#define AIO_TIMERS 0x40000001u
#define AIO_IMPLEMENTATION
#include "aio.h"
