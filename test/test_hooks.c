/* test_hooks.c - the poller of two hooks, whose clock counts nanoseconds. See hooks.h. */
#define HOOKS_HZ 0
#define HOOKS_32 0
#include "hooks.h"
