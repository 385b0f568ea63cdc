/* shared.c - the implementation for the programs that are built with TEST_SHARED: the examples, and the tests that
   need none of their own. */
#define COUNTED _Atomic
#include "counted.h"
#include "poller.h"
#include "aio_sim.h"
