/* Ours beside the system's headers that share our names. -DOURS_FIRST: the other order. all.h is made
   by compile.t and includes every header of ours. */
#ifdef OURS_FIRST
#include "all.h"
#endif
#ifdef LIMITS_FIRST
#include <limits.h>
#include <aio.h>
#else
#include <aio.h>
#include <limits.h>
#endif
#ifdef __linux__
#include <linux/aio_abi.h>
#endif
#ifndef OURS_FIRST
#include "all.h"
#endif

/* Theirs are still what they were, and so are ours. */
struct beside { AIO_FRAME(int); struct aiocb *block; };
static AIO_CORO(beside)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(0));
    AIO_RETURN(aio_error(self->block) ? AIO_CANCELED : AIO_ALLDONE);
    AIO_END;
}
struct beside *beside_new(void);
struct beside *beside_new(void) { return aio_new(beside); }
