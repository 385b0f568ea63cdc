/* deep.c - awaits nested as deep as memory goes need no more stack than the first few: AIO_MAX_DIRECT says how many
   of them may stand on the C stack at a time. With 0, here, every await goes through the loop; deep_direct.c is the
   same with 32, to show the difference. Measured by the paint on the stack. */
#include "embedded/board.h"

#ifndef AIO_MAX_DIRECT
#define AIO_MAX_DIRECT 0
#endif
#define AIO_POOL_BYTES 9216
#define AIO_TIMERS 4
#define AIO_IMPLEMENTATION
#include "aio.h"
#include "test/tap.h"

/* Down to the bottom, where somebody sleeps, and up again. */
struct sum { AIO_FRAME(int); int n, rest; };
static AIO_CORO(sum)
{
    AIO_BEGIN;
    if (self->n == 0)
        AIO_AWAIT(aio_sleep(AIO_MS(1)));
    else
        AIO_AWAIT(self->rest, aio_new(sum, self->n - 1));
    AIO_RETURN(self->n + self->rest);
    AIO_END;
}

/* The same, down to where there is no memory left. */
struct pit { AIO_FRAME(int); int below; };
static int cleanups;
static AIO_CORO(pit)
{
    AIO_BEGIN;
    AIO_AWAIT(self->below, aio_new(pit));
    AIO_FINALLY;
    cleanups++;
    AIO_END;
}

/* Paints the stack below the caller again. */
static AIO_NOINLINE_ void paint(void)
{
    volatile uint32_t *word = stack_bottom, *end = (uint32_t *)__builtin_frame_address(0) - 16;
    while (word < end)
        *word++ = BOARD_PAINT;
}

/* Bytes of stack that were in use at a time, at most, since then. */
static long stack_used(void) { return (long)(board_stack_size() - board_stack_unused()); }

static long used_by(int depth)
{
    int got = 0, error;
    long used;
    paint();
    error = aio_run(got, aio_new(sum, depth));
    used = stack_used();
    CHECK_INT(error, 0);
    CHECK_INT(got, depth * (depth + 1) / 2);
    printf("# AIO_MAX_DIRECT %d, %d deep: %ld bytes of stack\n", AIO_MAX_DIRECT, depth, used);
    return used;
}

TEST(the_stack_stays_flat)
{
    long five, thirty, deep;
    five = used_by(5);
    thirty = used_by(30);
    deep = used_by(200);
    if (AIO_MAX_DIRECT)
        CHECK(thirty > five + 25 * 16); /* a return address and some registers for each */
    else
        CHECK_INT(thirty, five);
    CHECK(deep <= thirty + 4 * 64);     /* a few more may still nest */
    if (!AIO_MAX_DIRECT)
        CHECK(deep == five && deep < 1024);
}

TEST(to_the_end_of_memory)
{
    long used;
    int error;
    paint();
    error = aio_run(aio_new(pit));
    used = stack_used();
    CHECK_INT(error, AIO_ENOMEM);
    CHECK(cleanups > 250, "%d", cleanups);
    CHECK(used <= used_by(AIO_MAX_DIRECT) + 4 * 64, "%ld", used);
}

int main(int argc, char **argv) { RUN(argc, argv, T(the_stack_stays_flat), T(to_the_end_of_memory)); }
