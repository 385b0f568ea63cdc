/* blink.c - a blinker with a button, debounced: what firmware looks like here.

   One task blinks. Another waits for the button, whose contact bounces for some milliseconds when it closes and
   opens: it counts when it has been still for 20 ms. A press toggles between slow and fast. The interrupt handler
   only notes the level and posts a callback; in between the processor sleeps, without a periodic tick. The finger
   at the end is for QEMU, which has none.

   Build and run:
       make embedded PROGRAMS=blink

   Prints:
       0.0 s  led on
       0.5 s  led off
       1.0 s  led on
       1.2 s  pressed: fast
       1.2 s  led off
       1.3 s  led on
       1.4 s  led off
       1.5 s  led on
       1.6 s  led off
       1.7 s  led on
       1.8 s  led off
       1.9 s  led on
       2.0 s  led off
       2.1 s  led on
       2.1 s  pressed: slow
       2.1 s  led off
       2.6 s  led on
       2 presses from 26 changes of the contact
*/
#define AIO_POOL_BYTES 2048             /* memory for coroutines and tasks: an array, no malloc */
#define AIO_TIMERS 8
#define AIO_IMPLEMENTATION
#include "board.h"
#include "aio.h"

/* ------------------------------------------------------------------- interrupts: only notes and posts */

static struct aio_loop *loop;
static volatile bool contact;           /* as the last interrupt saw it */
static volatile unsigned changes;
static struct aio_event moved;          /* the contact has changed; of the loop, not for interrupts */

/* The loop calls this, soon after the interrupt. However often that came in between, it is once. */
static void contact_moved(struct aio_callback *callback)
{
    (void)callback;
    aio_event_set(&moved);
}

static void button_interrupt(bool closed)
{
    static struct aio_callback callback = { .fn = contact_moved };
    contact = closed;
    changes++;
    aio_loop_post(loop, &callback);     /* wakes the loop, also from its sleep */
}

/* ------------------------------------------------------------------------------------------- the tasks */

static unsigned presses;
static struct aio_event pressed;
static aio_time half = AIO_MS(500);     /* of a period */

static void say(const char *what)
{
    unsigned long tenths = board_ticks() / 100000;
    board_print("%lu.%lu s  %s\n", tenths / 10, tenths % 10, what);
}

/* Waits until the contact has moved, and then been still for 20 ms; the level it is at then. */
struct settle { AIO_FRAME(bool); int error; };

static AIO_CORO(settle)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_event_wait(&moved));
    do {
        aio_event_clear(&moved);
        AIO_TRY(self->error, aio_wait_for(aio_event_wait(&moved), AIO_MS(20)));
    } while (self->error == 0);         /* it has moved again */
    if (self->error != AIO_ETIMEDOUT)
        AIO_RAISE(self->error);         /* memory is out, say */
    AIO_RETURN(contact);
    AIO_END;
}

struct button { AIO_FRAME(void); bool closed, was_closed; };

static AIO_CORO(button)
{
    AIO_BEGIN;
    for (;;) {
        AIO_AWAIT(self->closed, aio_new(settle));
        if (self->closed && !self->was_closed) {
            presses++;
            half = half == AIO_MS(500) ? AIO_MS(100) : AIO_MS(500);
            say(half == AIO_MS(100) ? "pressed: fast" : "pressed: slow");
            aio_event_set(&pressed);
        }
        self->was_closed = self->closed;
    }
    AIO_END;
}

struct blink { AIO_FRAME(void); int error; };

static AIO_CORO(blink)
{
    AIO_BEGIN;
    for (;;) {
        board_led(!board_led_is_on());
        say(board_led_is_on() ? "led on" : "led off");
        aio_event_clear(&pressed);
        AIO_TRY(self->error, aio_wait_for(aio_event_wait(&pressed), half));  /* a press is answered at once */
        if (self->error && self->error != AIO_ETIMEDOUT)
            AIO_RAISE(self->error);
    }
    AIO_END;
}

/* ------------------------------------------------------------------------------------ and a finger */

/* Two presses, with bounces, and between them a spark that is none. In microseconds after the one before. */
static const struct board_contact script[] = {
    { 1200000, true }, { 300, false }, { 200, true }, { 900, false }, { 90, true }, { 2000, false }, { 1500, true },
    { 150000, false }, { 400, true }, { 100, false }, { 30, true }, { 800, false },
    { 300000, true }, { 50, false }, { 700, true }, { 60, false },
    { 450000, true }, { 1000, false }, { 10, true }, { 10, false }, { 4000, true },
    { 200000, false }, { 500, true }, { 500, false }, { 1, true }, { 1, false },
};

struct program { AIO_FRAME(void); };

static AIO_CORO(program)
{
    AIO_BEGIN;
    loop = aio_loop_current();
    board_on_button(button_interrupt);
    board_finger(script, sizeof script / sizeof *script);
    if (aio_spawn(aio_new(blink)) < 0 || aio_spawn(aio_new(button)) < 0)
        AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(aio_sleep(AIO_SEC(3)));   /* an example has an end; firmware would have none */
    board_print("%u presses from %u changes of the contact\n", presses, changes);
    AIO_END;
}

int main(void) { return aio_run(aio_new(program)); }
