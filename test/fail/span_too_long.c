/* gcc -O0 error: size of .*array .*negative
   gcc -O2 error: size of .*array .*negative
   A constant that AIO_TIME_32 cannot count: thirteen days of milliseconds. */
#define AIO_TIME_32 1
#include "aio.h"
extern aio_time span(void);
aio_time span(void) { return AIO_SEC(13L * 86400); }
