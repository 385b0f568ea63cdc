/* all -O0 error: AIO_SLAB_BYTES must be a power of two
   An option out of its range. */
#define AIO_SLAB_BYTES 1000
#include "aio.h"
