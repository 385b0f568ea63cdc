/* test_hooks_wide_rtc.c - the same, where a tick is no whole number of nanoseconds; under an RTOS. See hooks.h. */
#define HOOKS_HZ 32768
#define HOOKS_32 0
#define HOOKS_WAKE 1
#include "hooks.h"
