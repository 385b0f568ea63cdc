/* test_hooks_wide.c - 64 bits of nanoseconds made of a counter of 32, which wraps. See hooks.h. */
#define HOOKS_HZ 1000
#define HOOKS_32 0
#include "hooks.h"
