/* main.c - aio in a thread of Zephyr, here the main one: a blinker with a button.

   The thread sleeps on a semaphore until the next timer is due or somebody posts: an interrupt, a k_timer, a work
   item, another thread. What they post is called in this thread, which is the only one that touches the loop.

   In a Zephyr application this is src/main.c, with aio.h beside it, for a board whose devicetree has the aliases led0
   and sw0. prj.conf needs CONFIG_GPIO=y, and nothing else.

   test/integration.t runs it with stand-ins for Zephyr's headers, test/standin; Zephyr itself is not there.

   Prints there, from its pins, with presses after 1.25 and 2.03 s:
       0.0 s  led on
       0.5 s  led off
       1.0 s  led on
       1.2 s  led off
       1.3 s  led on
       1.4 s  led off
       1.5 s  led on
       1.6 s  led off
       1.7 s  led on
       1.8 s  led off
       1.9 s  led on
       2.0 s  led off
       2.5 s  led on
       3.0 s  led off
*/
#include <zephyr/drivers/gpio.h>
#include <zephyr/kernel.h>

K_SEM_DEFINE(wake, 0, 1);
#define AIO_TICK_HZ CONFIG_SYS_CLOCK_TICKS_PER_SEC      /* 10,000 on most boards: spans of 29 hours at most */
#define AIO_TIME_32 1
#define AIO_NOW() ((uint32_t)k_uptime_ticks())
#define AIO_IDLE(ticks) k_sem_take(&wake, (ticks) < 0 ? K_FOREVER : K_TICKS(ticks))
#define AIO_WAKE() k_sem_give(&wake)
#define AIO_POOL_BYTES 2048
#define AIO_IMPLEMENTATION
#include "aio.h"

static const struct gpio_dt_spec led = GPIO_DT_SPEC_GET(DT_ALIAS(led0), gpios);
static const struct gpio_dt_spec button = GPIO_DT_SPEC_GET(DT_ALIAS(sw0), gpios);

static struct aio_loop loop;
static struct aio_event pressed;

static void press(struct aio_callback *callback)
{
    (void)callback;
    aio_event_set(&pressed);
}

/* In the interrupt: hands over to the loop. */
static void button_interrupt(const struct device *port, struct gpio_callback *callback, uint32_t pins)
{
    static struct aio_callback post = { .fn = press };
    (void)port, (void)callback, (void)pins;
    aio_loop_post(&loop, &post);
}

struct blink { AIO_FRAME(void); aio_time half; int on, error; };

static AIO_CORO(blink)
{
    AIO_BEGIN;
    for (self->half = AIO_MS(500);;) {
        self->on = !self->on;
        gpio_pin_set_dt(&led, self->on);
        AIO_TRY(self->error, aio_wait_for(aio_event_wait(&pressed), self->half));
        if (self->error == 0) {                         /* a press: fast, or slow again */
            aio_event_clear(&pressed);
            self->half = self->half == AIO_MS(500) ? AIO_MS(100) : AIO_MS(500);
        } else if (self->error != AIO_ETIMEDOUT)
            AIO_RAISE(self->error);
    }
    AIO_END;
}

int main(void)
{
    static struct gpio_callback callback;
    int error = aio_loop_init(&loop, NULL);
    if (error)
        return error;
    gpio_pin_configure_dt(&led, GPIO_OUTPUT_INACTIVE);
    gpio_pin_configure_dt(&button, GPIO_INPUT);
    gpio_init_callback(&callback, button_interrupt, BIT(button.pin));
    gpio_add_callback(button.port, &callback);
    gpio_pin_interrupt_configure_dt(&button, GPIO_INT_EDGE_TO_ACTIVE);  /* from here on it may post */
    return aio_loop_run_until_complete(&loop, aio_new(blink));
}
