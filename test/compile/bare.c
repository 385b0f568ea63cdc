/* The bare-metal form: two hooks, a static pool, no poller header, no libc. compile.t looks at what
   the object asks for. */
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
extern volatile uint32_t bare_ticks;
int bare_main(void);
#ifdef __cplusplus
}
#endif
volatile uint32_t bare_ticks;
#define AIO_CRITICAL_ENTER() 0          /* a machine of which aio.h does not know how to mask interrupts */
#define AIO_CRITICAL_EXIT(state) (void)(state)
#define AIO_NOW() ((int64_t)bare_ticks * 1000000)
#define AIO_IDLE(timeout) do { (void)(timeout); bare_ticks = bare_ticks + 1; } while (0)
#define AIO_POOL_BYTES 4096
#define AIO_TIMERS 8
#define AIO_MAX_DIRECT 0
#define AIO_IMPLEMENTATION
#include "aio.h"

struct blink { AIO_FRAME(int); int i; };
static AIO_CORO(blink)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 3; self->i++)
        AIO_AWAIT(aio_sleep(AIO_MS(10)));
    AIO_RETURN(self->i);
    AIO_FINALLY;
    AIO_AWAIT(aio_sleep(0));
    AIO_END;
}

struct bare { AIO_FRAME(int); struct aio_group group; int count; };
static AIO_CORO(bare)
{
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    if (aio_group_spawn(&self->group, aio_new(blink)) < 0)
        AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(self->count, aio_wait_for(aio_new(blink), AIO_SEC(1)));
    AIO_AWAIT(aio_group_join(&self->group));
    AIO_RETURN(self->count);
    AIO_END;
}

int bare_main(void)
{
    int count = 0;
    int error = aio_run(count, aio_new(bare));
    return error ? error : count;
}
#ifdef BARE_HOSTED
int main(void) { return bare_main() != 3; }
#endif
