/* See linked_a.c. */
#include "all.h"
#include "linked.h"

AIO_CORO(linked)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    AIO_RETURN(self->x);
    AIO_END;
}

struct linked *linked_new(int x) { return aio_new(linked, .x = x); }
