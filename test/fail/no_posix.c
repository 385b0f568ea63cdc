/* gcc,clang -std=c99 error: needs POSIX: compile with -std=gnu11
   The implementation of a POSIX header, in a standard that hides POSIX. */
#define AIO_IMPLEMENTATION
#include "aio_select.h"
