/* event.c - and events: a light that blinks, and a button that makes it blink fast, then slowly, and so on.
   superloop.c and protothread.c do the same. */
#include "options.h"

static struct aio_loop loop;
static struct aio_event pressed;
static struct aio_callback press;
static bool fast;

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
        AIO_AWAIT(aio_new(pulse, .span = fast ? AIO_MS(100) : AIO_MS(500)));
    AIO_END;
}

struct button { AIO_FRAME(void); };

static AIO_CORO(button)
{
    AIO_BEGIN;
    for (;;) {
        AIO_AWAIT(aio_event_wait(&pressed));
        aio_event_clear(&pressed);
        fast = !fast;
    }
    AIO_END;
}

void board_pressed(void) { aio_loop_post(&loop, &press); }

static void on_press(struct aio_callback *callback)
{
    (void)callback;
    aio_event_set(&pressed);
}

int main(void)
{
    press.fn = on_press;
    if (aio_loop_init(&loop, NULL) < 0 || aio_loop_spawn(&loop, aio_new(blink)) < 0 ||
        aio_loop_spawn(&loop, aio_new(button)) < 0)
        return 1;
    return aio_loop_run_forever(&loop);
}
