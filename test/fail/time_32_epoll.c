/* all -O0 error: AIO_TIME_32 is for programs whose clock is AIO_NOW
   A poller of the system, which counts nanoseconds, in a program that counts ticks. */
#define AIO_TIME_32 1
#include "aio_epoll.h"
