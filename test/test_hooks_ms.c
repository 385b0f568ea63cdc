/* test_hooks_ms.c - AIO_TIME_32, in milliseconds. See hooks.h. */
#define HOOKS_HZ 1000
#define HOOKS_32 1
#include "hooks.h"
