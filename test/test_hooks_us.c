/* test_hooks_us.c - AIO_TIME_32, in microseconds, under an RTOS. See hooks.h. */
#define HOOKS_HZ 1000000
#define HOOKS_32 1
#define HOOKS_WAKE 1
#include "hooks.h"
