/* all -O0 error: it needs AIO_STRINGS 1
   An option that excludes another. */
#define AIO_STRINGS 0
#define AIO_DEBUG 1
#include "aio.h"
