/* tasks.c - the coroutines of blink.ino. */
#include <Arduino.h>
#include "tasks.h"
#define AIO_TIME_32 1                   /* milliseconds */
#define AIO_NOW() millis()
#define AIO_IDLE(ticks) (void)(ticks)   /* never called: the sketch gives turns that do not wait */
#define AIO_POOL_BYTES 512
#define AIO_TIMERS 4
#define AIO_STRINGS 0                   /* half a kilobyte of RAM on AVR, where strings take RAM */
#define AIO_TRACE_DEPTH 0
#define AIO_IMPLEMENTATION
#include "aio.h"

static struct aio_loop aio;             /* not loop: that is the sketch's */
static struct aio_event pressed;

static void press(struct aio_callback *callback)
{
    (void)callback;
    aio_event_set(&pressed);
}

/* In the interrupt: hands over to the loop. */
void tasks_button(void)
{
    static struct aio_callback post = { .fn = press };
    aio_loop_post(&aio, &post);
}

struct blink { AIO_FRAME(void); aio_time half; bool on; int error; };

static AIO_CORO(blink)
{
    AIO_BEGIN;
    for (self->half = AIO_MS(500);;) {
        self->on = !self->on;
        digitalWrite(LED_BUILTIN, self->on ? HIGH : LOW);
        AIO_TRY(self->error, aio_wait_for(aio_event_wait(&pressed), self->half));
        if (self->error == 0) {         /* a press: fast, or slow again */
            aio_event_clear(&pressed);
            self->half = self->half == AIO_MS(500) ? AIO_MS(100) : AIO_MS(500);
        } else if (self->error != AIO_ETIMEDOUT)
            AIO_RAISE(self->error);
    }
    AIO_END;
}

bool tasks_begin(void)
{
    return aio_loop_init(&aio, NULL) == 0 && aio_loop_spawn(&aio, aio_new(blink)) == 0;
}

void tasks_turn(void) { (void)aio_loop_turn(&aio, 0); }
