/* wakeup.c - no wake-up is lost between the loop's last look at its inbox and the processor's sleep.

   An alarm is set so that its interrupt comes around the moment at which the loop goes idle: before the last look,
   between the look and the sleep, after it, instruction by instruction. Each must wake its waiter at once. A guard
   timer, much later, finds those that sleep on.

   That it would find them shows a hook that unmasks interrupts before it sleeps, the mistake that everybody makes
   once: built with -DLOSSY=1, this program says "not ok", and how many were lost. */
#include "embedded/board.h"

#ifndef LOSSY
#define LOSSY 0
#endif
static void idle(int32_t ticks);
#undef AIO_IDLE
#define AIO_IDLE(ticks) idle(ticks)
#define AIO_POOL_BYTES 2048
#define AIO_IMPLEMENTATION
#include "aio.h"
#include "test/tap.h"

enum { ROUNDS = 20000, GUARD = AIO_TICK_HZ / 20, AROUND = 12, SPINS = 20 };

static struct aio_loop *loop;
static struct aio_callback posted;
static struct aio_event rung;
static uint32_t aim = 1000;             /* how long after it was set an alarm strikes at that moment, about */
static unsigned idles, lost, late;
static volatile bool came;              /* the interrupt */

/* Called with interrupts masked; it comes back so. */
static void idle(int32_t ticks)
{
    uint32_t began = board_ticks();
    idles++;
#if LOSSY
    aio_unmask_(8);                     /* primask or mstatus: they are on now */
#endif
    board_idle(ticks);
#if LOSSY
    (void)aio_mask_();
#endif
    late += board_ticks() - began > GUARD / 2;
}

static void on_alarm(void)
{
    came = true;
    aio_loop_post(loop, &posted);
}

static void ring(struct aio_callback *callback)
{
    (void)callback;
    aio_event_set(&rung);
}

static void spin(unsigned n)
{
    while (n--)
        __asm__ volatile("");
}

static uint32_t seed = 1;
static uint32_t chance(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % n;
}

/* After an alarm that came before the loop was idle, the next one comes later; after one that came then, earlier. */
struct waits { AIO_FRAME(void); int round, error; unsigned idles; };
static AIO_CORO(waits)
{
    AIO_BEGIN;
    loop = aio_loop_current();
    posted.fn = ring;
    for (self->round = 0; self->round < ROUNDS && lost < 100; self->round++) {
        aio_event_clear(&rung);
        came = false;
        self->idles = idles;
        board_alarm(aim + chance(AROUND), on_alarm);
        spin(chance(SPINS));
        AIO_TRY(self->error, aio_wait_for(aio_event_wait(&rung), GUARD));
        CHECK(came);
        lost += self->error == AIO_ETIMEDOUT;
        aim = idles == self->idles ? aim + 1 : aim > 1 ? aim - 1 : 1;
    }
    printf("# %d rounds, %u of them idle, %u lost\n", self->round, idles, lost);
    AIO_END;
}

TEST(no_wake_up_is_lost)
{
    CHECK_INT(aio_run(aio_new(waits)), 0);
    CHECK_INT(lost, 0);
    CHECK_INT(late, 0);
    CHECK(idles > ROUNDS / 4 && idles < ROUNDS / 4 * 3, "%u", idles);   /* or they were not aimed well */
}

int main(int argc, char **argv) { RUN(argc, argv, T(no_wake_up_is_lost)); }
