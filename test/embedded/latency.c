/* latency.c - from the first instruction of an interrupt handler to the first that the coroutine which waits for it
   runs behind its await: through aio_loop_post, the callback, aio_event_set, and whoever is ready before.

   In QEMU with -icount, time is instructions, so that a counter of time counts those; this one measures first how
   many of its ticks a thousand of them take. The finer the counter the better: of what run.sh sets up by itself an
   instruction is half a tick of the micro:bit's counter, and with this, two:
       embedded/run.sh microbit latency.elf -icount shift=7,sleep=off */
#include "embedded/board.h"

#define AIO_POOL_BYTES 9216
#define AIO_TIMERS 4
#define AIO_STRINGS 0
#define AIO_TRACE_DEPTH 0
#define AIO_IMPLEMENTATION
#include "aio.h"
#include "test/tap.h"

/* The finest counter of the machine. */
#if defined __riscv
enum { COUNTER_BITS = 32 };
static void counter_start(void) {}
static inline uint32_t counter(void)
{
    uint32_t cycles;
    __asm__ volatile("csrr %0, mcycle" : "=r"(cycles) : : "memory");
    return cycles;
}
#else
enum { COUNTER_BITS = 24 };
#define SYSTICK ((volatile uint32_t *)0xe000e010)
static void counter_start(void)
{
    SYSTICK[1] = 0xffffff;
    SYSTICK[2] = 0;
    SYSTICK[0] = 5;                     /* it runs, at the processor's rate, and does not interrupt */
}
static inline uint32_t counter(void)
{
    __asm__ volatile("" : : : "memory");
    return 0 - SYSTICK[2];              /* it counts down */
}
#endif

static inline uint32_t since(uint32_t then) { return (counter() - then) & (UINT32_MAX >> (32 - COUNTER_BITS)); }

static uint32_t per_thousand, overhead; /* ticks of the counter: a thousand instructions; reading it twice */
#define NOPS(n) \
    static AIO_NOINLINE_ uint32_t nops_##n(void) \
    { \
        uint32_t began = counter(); \
        __asm__ volatile(".rept " #n "\n\tnop\n\t.endr" : : : "memory"); \
        return since(began); \
    }
NOPS(50) NOPS(300)                      /* what is around them takes the same time in both */
static void calibrate(void)
{
    uint32_t began, i;
    counter_start();
    began = counter();
    overhead = since(began);
    for (i = 0; i < 20; i++)
        per_thousand += nops_300() - nops_50();
    per_thousand /= 5;
}

static uint32_t seed = 1;
static uint32_t chance(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % n;
}

enum { ROUNDS = 4000, KEPT = 1000 };
static struct aio_loop *loop;
static struct aio_callback posted;
static struct aio_event event;
static volatile uint32_t struck_at;
static uint16_t kept[KEPT];             /* every so many-th, for the median */
static uint32_t worst;
static bool over;

static void on_alarm(void)
{
    struck_at = counter();
    aio_loop_post(loop, &posted);
}

static void on_post(struct aio_callback *callback)
{
    (void)callback;
    aio_event_set(&event);
}

struct waits { AIO_FRAME(void); int others, i; };
static AIO_CORO(waits)
{
    AIO_BEGIN;
    worst = 0;
    for (self->i = 0; self->i < ROUNDS; self->i++) {
        aio_event_clear(&event);
        /* Before the loop is idle, while it goes idle, or long after; anywhere in one round of the others. */
        board_alarm(1 + chance(self->others ? 1500 : 60), on_alarm);
        AIO_AWAIT(aio_event_wait(&event));
        {
            uint32_t took = (uint32_t)((since(struck_at) - overhead) * (uint64_t)1000 / per_thousand);
            worst = took > worst ? took : worst;
            kept[self->i % KEPT] = (uint16_t)(took < UINT16_MAX ? took : UINT16_MAX);
        }
        AIO_AWAIT(aio_sleep(0));
    }
    over = true;
    AIO_END;
}

struct other { AIO_FRAME(void); };
static AIO_CORO(other)
{
    AIO_BEGIN;
    while (!over)
        AIO_AWAIT(aio_sleep(0));
    AIO_END;
}

struct measures { AIO_FRAME(void); int others, i; };
static AIO_CORO(measures)
{
    AIO_BEGIN;
    loop = aio_loop_current();
    posted.fn = on_post;
    for (self->i = 0; self->i < self->others; self->i++)
        CHECK_INT(aio_spawn(aio_new(other)), 0);
    AIO_AWAIT(aio_new(waits, .others = self->others));
    AIO_END;
}

static int ascending(const void *a, const void *b) { return *(const uint16_t *)a - *(const uint16_t *)b; }

/* Whoever is ready may run for 64 steps before the loop looks at its inbox; then it is the callback's turn, and then
   the coroutine's, each behind all others. More than 300 instructions a step would be a mistake of ours. */
static void measure(int others)
{
    over = false;
    CHECK_INT(aio_run(aio_new(measures, others)), 0);
    qsort(kept, KEPT, sizeof *kept, ascending);
    printf("# %3d others ready: median %5u, worst %5lu instructions\n", others, kept[KEPT / 2], (unsigned long)worst);
    CHECK(kept[0] > 20 && worst >= kept[KEPT - 1]);
    CHECK(worst <= (others ? 64 + 2 * (uint32_t)others + 5 : 5) * 300, "%lu", (unsigned long)worst);
}

TEST(interrupt_to_resume)
{
    calibrate();
    printf("# an instruction is %lu.%03lu ticks of the counter\n", (unsigned long)per_thousand / 1000,
           (unsigned long)per_thousand % 1000);
    CHECK(per_thousand > 400);
    measure(0);
    measure(10);
    measure(100);
}

int main(int argc, char **argv) { RUN(argc, argv, T(interrupt_to_resume)); }
