/* all -O0 error: AIO_POOL_BYTES needs AIO_POOL 1 and AIO_DEBUG 0
   An option out of its range. */
#define AIO_POOL_BYTES 4096
#define AIO_DEBUG 1
#include "aio.h"
