/* main.c - aio in a task of FreeRTOS: a blinker with a button.

   The task sleeps on its notification until the next timer is due or somebody posts: an interrupt, or another task.
   What they post is called in this task, which is the only one that touches the loop.

   Needs configUSE_16_BIT_TICKS 0 and task notifications, which is how FreeRTOS comes. In ESP-IDF the headers are
   "freertos/FreeRTOS.h" and "freertos/task.h", app_main creates the task, and xPortIsInsideInterrupt() is
   xPortInIsrContext(). Of the board, it wants the two functions below.

   test/integration.t runs it with stand-ins for FreeRTOS's headers, test/standin; FreeRTOS itself is not there.

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
#include "FreeRTOS.h"
#include "task.h"

static void idle(int32_t ticks);
static void wake(void);
#define AIO_TICK_HZ 1000                /* a plain number: configTICK_RATE_HZ often has a cast, which #if cannot read */
#define AIO_TIME_32 1
#define AIO_NOW() xTaskGetTickCount()
#define AIO_IDLE(ticks) idle(ticks)
#define AIO_WAKE() wake()
#define AIO_POOL_BYTES 2048
#define AIO_IMPLEMENTATION
#include "aio.h"
_Static_assert(configTICK_RATE_HZ == AIO_TICK_HZ, "AIO_TICK_HZ is what configTICK_RATE_HZ is");
_Static_assert(sizeof(TickType_t) == sizeof(uint32_t), "the ticks of AIO_NOW have 32 bits");

/* The board's. board_button_start: calls button_interrupt, in the interrupt, when the button is pressed. */
void board_led(int on);
void board_button_start(void);
void button_interrupt(void);

static TaskHandle_t loop_task;

static void idle(int32_t ticks)
{
    ulTaskNotifyTake(pdTRUE, ticks < 0 ? portMAX_DELAY : (TickType_t)ticks);
}

static void wake(void)
{
    BaseType_t woken = pdFALSE;
    if (xPortIsInsideInterrupt()) {
        vTaskNotifyGiveFromISR(loop_task, &woken);
        portYIELD_FROM_ISR(woken);
    } else
        xTaskNotifyGive(loop_task);
}

static struct aio_loop loop;
static struct aio_event pressed;

static void press(struct aio_callback *callback)
{
    (void)callback;
    aio_event_set(&pressed);
}

/* In the interrupt: hands over to the loop. */
void button_interrupt(void)
{
    static struct aio_callback post = { .fn = press };
    aio_loop_post(&loop, &post);
}

struct blink { AIO_FRAME(void); aio_time half; int on, error; };

static AIO_CORO(blink)
{
    AIO_BEGIN;
    for (self->half = AIO_MS(500);;) {
        self->on = !self->on;
        board_led(self->on);
        AIO_TRY(self->error, aio_wait_for(aio_event_wait(&pressed), self->half));
        if (self->error == 0) {                         /* a press: fast, or slow again */
            aio_event_clear(&pressed);
            self->half = self->half == AIO_MS(500) ? AIO_MS(100) : AIO_MS(500);
        } else if (self->error != AIO_ETIMEDOUT)
            AIO_RAISE(self->error);
    }
    AIO_END;
}

static void run(void *unused)
{
    (void)unused;
    loop_task = xTaskGetCurrentTaskHandle();
    if (aio_loop_init(&loop, NULL) == 0) {
        board_button_start();                           /* from here on it may post */
        (void)aio_loop_run_until_complete(&loop, aio_new(blink));
    }
    vTaskDelete(NULL);
}

int main(void)
{
    if (xTaskCreate(run, "aio", 512, NULL, 1, NULL) != pdPASS)
        return 1;
    vTaskStartScheduler();                              /* comes back only if memory is out */
    return 1;
}
