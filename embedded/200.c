/* 200.c - two hundred coroutines at once on 8 KiB of RAM, which hold the program's variables and its stack too.

   Fifty sensors hang on one bus. Each has a task, and in it four coroutines that await one another: sample awaits
   probe, which awaits transact, which awaits transfer, which waits for the bus. Nobody gets it before all of them
   are there; then they take turns.

   Build and run, with a linker script that is told of 8 KiB only:
       make embedded PROGRAMS=200

   Prints, with numbers of bytes that are a micro:bit's:
       200 coroutines in 50 tasks wait for the bus
       50 readings, 50 of them in order, sum 63475; 0 coroutines are left
       pool: 6624 bytes at most, of 6784
       stack: 448 bytes never used, of 1168
*/
#define AIO_POOL_BYTES 6784
#define AIO_TIMERS 4
#define AIO_IMPLEMENTATION
#include "board.h"
#include "aio.h"

enum { SENSORS = 50 };
static struct aio_lock bus;
static uint8_t alive, samples, in_order;
static unsigned sum;

/* One byte over the bus, and one back. */
struct transfer { AIO_FRAME(uint8_t); uint8_t out; };

static AIO_CORO(transfer)
{
    AIO_BEGIN;
    alive++;
    AIO_AWAIT(aio_lock_acquire(&bus));
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    AIO_RETURN((uint8_t)(self->out ^ 0x5a));
    AIO_FINALLY;
    if (aio_lock_held(&bus))
        aio_lock_release(&bus);
    alive--;
    AIO_END;
}

/* A command, and the answer in clear. */
struct transact { AIO_FRAME(uint8_t); uint8_t command; };

static AIO_CORO(transact)
{
    AIO_BEGIN;
    alive++;
    AIO_AWAIT(self->result, aio_new(transfer, .out = self->command));
    self->result ^= 0x5a;
    AIO_FINALLY;
    alive--;
    AIO_END;
}

/* The reading of a sensor, in thousandths of something. */
struct probe { AIO_FRAME(uint16_t); uint8_t sensor, answer; };

static AIO_CORO(probe)
{
    AIO_BEGIN;
    alive++;
    AIO_AWAIT(self->answer, aio_new(transact, .command = self->sensor));
    AIO_RETURN((uint16_t)(1000 + self->answer * 11));
    AIO_FINALLY;
    alive--;
    AIO_END;
}

struct sample { AIO_FRAME(void); uint8_t sensor; uint16_t reading; };

static AIO_CORO(sample)
{
    AIO_BEGIN;
    alive++;
    AIO_AWAIT(self->reading, aio_new(probe, .sensor = self->sensor));
    sum += self->reading;
    if (self->sensor == samples++)
        in_order++;
    AIO_FINALLY;
    alive--;
    AIO_END;
}

struct program { AIO_FRAME(void); uint8_t i; };

static AIO_CORO(program)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_lock_acquire(&bus));
    for (self->i = 0; self->i < SENSORS; self->i++)
        if (aio_spawn(aio_new(sample, .sensor = self->i)) < 0)
            AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(aio_sleep(AIO_MS(1)));        /* they run until they wait */
    board_print("%u coroutines in %u tasks wait for the bus\n", alive, (unsigned)SENSORS);
    aio_lock_release(&bus);
    AIO_AWAIT(aio_lock_acquire(&bus));      /* behind all of them */
    AIO_AWAIT(aio_sleep(0));                /* the last one ends */
    board_print("%u readings, %u of them in order, sum %u; %u coroutines are left\n", samples, in_order, sum, alive);
    board_print("pool: %u bytes at most, of %u\n", (unsigned)aio_pool_peak(), (unsigned)AIO_POOL_BYTES);
    board_print("stack: %u bytes never used, of %u\n", (unsigned)board_stack_unused(), (unsigned)board_stack_size());
    AIO_END;
}

/* Whoever fails and has nobody to tell: a task that got no memory, if the pool were too small. */
static bool failed;

static void report(struct aio_loop *loop, const struct aio_report *report)
{
    (void)loop;
    board_print("%s: %s %d\n", report->name, report->message, report->error);
    failed = true;
}

int main(void)
{
    const struct aio_options options = { .on_error = report };
    return aio_run_with(&options, aio_new(program)) || failed;
}
