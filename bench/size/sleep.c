/* sleep.c - and sleep: a light that blinks. */
#include "options.h"

struct pulse { AIO_FRAME(void); aio_time span; };

static AIO_CORO(pulse)
{
    AIO_BEGIN;
    board_light = 1;
    AIO_AWAIT(aio_sleep(self->span));
    board_light = 0;
    AIO_AWAIT(aio_sleep(self->span));
    AIO_END;
}

struct blink { AIO_FRAME(void); };

static AIO_CORO(blink)
{
    AIO_BEGIN;
    for (;;)
        AIO_AWAIT(aio_new(pulse, .span = AIO_MS(500)));
    AIO_END;
}

int main(void)
{
    static struct aio_loop loop;
    if (aio_loop_init(&loop, NULL) < 0 || aio_loop_spawn(&loop, aio_new(blink)) < 0)
        return 1;
    return aio_loop_run_forever(&loop);
}
