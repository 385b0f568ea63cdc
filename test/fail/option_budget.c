/* all -O0 error: AIO_BUDGET must be at least 1
   An option out of its range. */
#define AIO_BUDGET 0
#include "aio.h"
