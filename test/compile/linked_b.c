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

size_t linked_loop_bytes(void) { return sizeof(struct aio_loop); }
struct linked *linked_new(int x) { return aio_new(linked, .x = x); }
