/* test_hooks_rtc.c - AIO_TIME_32, in ticks of a watch crystal, on a machine without atomic pointers. See hooks.h. */
#define HOOKS_HZ 32768
#define HOOKS_32 1
#define HOOKS_LOCKED 1
#include "hooks.h"
