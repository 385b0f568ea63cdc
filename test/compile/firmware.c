/* Firmware, as cross.t builds it: the hooks are functions that somebody else defines, options come by -D. No C
   library. Coroutines in a static pool or from AIO_MALLOC, or, with PLACED, in storage of their own. */
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#ifdef NANOSECONDS
int64_t board_ticks(void);
void board_idle(int64_t ticks);
#else
#define AIO_TICK_HZ 1000
uint32_t board_ticks(void);
void board_idle(int32_t ticks);
#endif
void *board_malloc(unsigned n);
void board_free(void *block);
void board_interrupt(void);
int board_main(void);
#ifdef __cplusplus
}
#endif
#define AIO_NOW() board_ticks()
#define AIO_IDLE(ticks) board_idle(ticks)
#define AIO_MEMORY 1
#ifdef OWN_MALLOC
#define AIO_MALLOC(n) board_malloc((unsigned)(n))
#define AIO_FREE(block) board_free(block)
#endif
#define AIO_IMPLEMENTATION
#include "aio.h"

struct blink { AIO_FRAME(int); struct aio_event *pressed; int i; };
static AIO_CORO(blink)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 3; self->i++) {
        AIO_AWAIT(aio_sleep(AIO_MS(10 + self->i)));     /* whole numbers need no others */
        AIO_AWAIT(aio_sleep(AIO_US(self->i)));
        AIO_AWAIT(aio_event_wait(self->pressed));
    }
    AIO_RETURN(self->i);
    AIO_FINALLY;
    AIO_AWAIT(aio_sleep(AIO_SEC(0.5)));
    AIO_END;
}

static struct aio_loop loop;
static struct aio_event pressed;
static void press(struct aio_callback *callback)
{
    (void)callback;
    aio_event_set(&pressed);
}
static struct aio_callback button;

/* The handler of an interrupt. */
void board_interrupt(void) { aio_loop_post(&loop, &button); }

int board_main(void)
{
    int count = 0, error;
    button.fn = press;
    error = aio_loop_init(&loop, NULL);
    if (error)
        return error;
#ifdef PLACED
    {
        static struct blink frame;
        error = aio_loop_run_until_complete(&loop, count, aio_place(&frame, blink, .pressed = &pressed));
    }
#else
    error = aio_loop_run_until_complete(&loop, count, aio_new(blink, .pressed = &pressed));
#endif
    aio_loop_close(&loop);
    return error ? error : count;
}
