/* lock.c - and locks: the button has the light to itself for two seconds, as soon as the pulse that is on has ended. */
#include "options.h"

static struct aio_loop loop;
static struct aio_event pressed;
static struct aio_callback press;
static struct aio_lock light;

struct pulse { AIO_FRAME(void); aio_time on, off; };

static AIO_CORO(pulse)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_lock_acquire(&light));
    board_light = 1;
    AIO_AWAIT(aio_sleep(self->on));
    board_light = 0;
    AIO_AWAIT(aio_sleep(self->off));
    AIO_FINALLY;
    if (aio_lock_held(&light))
        aio_lock_release(&light);
    AIO_END;
}

struct blink { AIO_FRAME(void); };

static AIO_CORO(blink)
{
    AIO_BEGIN;
    for (;;)
        AIO_AWAIT(aio_new(pulse, .on = AIO_MS(500), .off = AIO_MS(500)));
    AIO_END;
}

struct button { AIO_FRAME(void); };

static AIO_CORO(button)
{
    AIO_BEGIN;
    for (;;) {
        AIO_AWAIT(aio_event_wait(&pressed));
        aio_event_clear(&pressed);
        AIO_AWAIT(aio_new(pulse, .on = AIO_MS(1900), .off = AIO_MS(100)));
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
