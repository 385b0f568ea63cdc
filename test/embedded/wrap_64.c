/* wrap_64.c - wrap.c with time of 64 bits, in nanoseconds, made from the counter of 32. */
#define AIO_TIME_32 0
#include "wrap.c"
