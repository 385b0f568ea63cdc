/* hello.c - coroutines and a loop: one awaits another, which lets the others run first; and so on for ever. */
#include "options.h"

struct toggled { AIO_FRAME(unsigned char); unsigned char light; };

static AIO_CORO(toggled)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(0));
    AIO_RETURN(!self->light);
    AIO_END;
}

struct flicker { AIO_FRAME(void); };

static AIO_CORO(flicker)
{
    AIO_BEGIN;
    for (;;)
        AIO_AWAIT(board_light, aio_new(toggled, .light = board_light));
    AIO_END;
}

int main(void)
{
    static struct aio_loop loop;
    if (aio_loop_init(&loop, NULL) < 0 || aio_loop_spawn(&loop, aio_new(flicker)) < 0)
        return 1;
    return aio_loop_run_forever(&loop);
}
