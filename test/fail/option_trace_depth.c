/* all -O0 error: AIO_TRACE_DEPTH must be even
   An option out of its range. */
#define AIO_TRACE_DEPTH 3
#include "aio.h"
