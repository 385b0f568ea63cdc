/* all -O0 error: AIO_MAX_DIRECT must not be negative
   An option out of its range. */
#define AIO_MAX_DIRECT -1
#include "aio.h"
