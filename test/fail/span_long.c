/* all -O0 -Wall -Wextra -Wconversion silent:
   all -O2 -Wall -Wextra -Wconversion silent:
   Twelve days of milliseconds are not too long for AIO_TIME_32, and a variable may be. */
#define AIO_TIME_32 1
#include "aio.h"
#ifdef __cplusplus
extern "C"
#else
extern
#endif
aio_time span(int n);
aio_time span(int n) { return AIO_SEC(12L * 86400) - AIO_MS(n) + AIO_SEC(1.5) + AIO_US(n * 0.5); }
