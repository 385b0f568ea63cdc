/* poller.c - the implementation for programs that are built with TEST_POLLER_SHARED. */
#include "poller.h"
