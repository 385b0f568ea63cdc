/* all -O0 error: leave AIO_POOL to it
   An option that excludes another. */
#define AIO_DEBUG 1
#define AIO_POOL 1
#include "aio.h"
