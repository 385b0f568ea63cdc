/* storm.c - interrupts as fast as the machine can take them, each of which posts: sometimes one callback, sometimes
   several, sometimes one again and again. Tasks go on meanwhile, timers stay on time, and for each post there is a
   call that began later. */
#include "embedded/board.h"

#define AIO_POOL_BYTES 4096
#define AIO_TIMERS 8
#define AIO_IMPLEMENTATION
#include "aio.h"
#include "test/tap.h"

enum { STORMS = 600, SOURCES = 4, LATE = AIO_TICK_HZ / 100 };

static struct aio_loop *loop;

/* A device: its interrupt counts, and posts; its callback takes notice of the count. */
struct source {
    struct aio_callback posted;
    volatile uint32_t count;            /* the interrupt's */
    uint32_t seen, posts, calls;
};
static struct source sources[SOURCES];
static struct aio_event rung;           /* set by the first of them */

static uint32_t seed = 1;               /* the interrupt's */
static uint32_t chance(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % n;
}

static void post(struct source *source)
{
    source->count++;
    source->posts++;
    aio_loop_post(loop, &source->posted);
}

static void spin(uint32_t n)
{
    while (n--)
        __asm__ volatile("");
}

/* Half of the time the next one is pending when this one returns: nobody else comes to do much. Otherwise it comes
   after any number of instructions. */
static volatile uint32_t left;
static void interrupt(void)
{
    uint32_t n = chance(4) ? 1 : SOURCES;
    while (n--)
        post(&sources[chance(SOURCES)]);
    if (--left)
        board_alarm(left / 8 % 2 ? 1 : 1 + chance(100), interrupt);
    spin(chance(16));
}

/* The longer it goes on after it has looked, the more posts come in that time. */
static void notice(struct aio_callback *callback)
{
    struct source *source = AIO_CONTAINER_(callback, struct source, posted);
    source->seen = source->count;
    source->calls++;
    if (source == &sources[0])
        aio_event_set(&rung);
    spin(source->seen % 64);
}

/* In every other storm the loop is never idle: this one posts itself, and the inbox is taken all the time. */
static void grind(struct aio_callback *mill)
{
    if (left)
        aio_loop_post(loop, mill);
}

/* What goes on meanwhile: numbers through a queue, in order; sleeps; a task that the interrupts wake. */
struct sends { AIO_FRAME(void); struct aio_queue *queue; uint32_t next; };
static AIO_CORO(sends)
{
    AIO_BEGIN;
    for (;; self->next++)
        AIO_AWAIT(aio_queue_put(self->queue, &self->next));
    AIO_END;
}
struct receives { AIO_FRAME(void); struct aio_queue *queue; uint32_t next, got; };
static AIO_CORO(receives)
{
    AIO_BEGIN;
    for (;; self->next++) {
        AIO_AWAIT(aio_queue_get(self->queue, &self->got));
        CHECK_INT(self->got, self->next);
        AIO_AWAIT(aio_sleep(AIO_US(20)));
    }
    AIO_END;
}
struct sleeps { AIO_FRAME(void); uint32_t span, began, n, most; };
static AIO_CORO(sleeps)
{
    AIO_BEGIN;
    for (;; self->n++) {
        self->began = board_ticks();
        AIO_AWAIT(aio_sleep(AIO_US(self->span)));
        {
            uint32_t took = board_ticks() - self->began;
            CHECK(took >= self->span, "%lu ticks instead of %lu", (unsigned long)took, (unsigned long)self->span);
            self->most = took > self->most ? took : self->most;
        }
    }
    AIO_END;
}
struct wakes { AIO_FRAME(void); uint32_t n; };
static AIO_CORO(wakes)
{
    AIO_BEGIN;
    for (;; self->n++) {
        AIO_AWAIT(aio_event_wait(&rung));
        aio_event_clear(&rung);
    }
    AIO_END;
}

static void check_seen(void)
{
    int i;
    for (i = 0; i < SOURCES; i++)
        CHECK(sources[i].seen == sources[i].count, "source %d: seen %lu of %lu", i, (unsigned long)sources[i].seen,
              (unsigned long)sources[i].count);
}

struct storm {
    AIO_FRAME(void);
    int i;
    struct aio_callback mill;
    struct aio_group group;
    struct aio_queue queue;
    uint32_t room[3];
    struct receives *receives;
    struct sleeps *sleeps;
    struct wakes *wakes;
};
static AIO_CORO(storm)
{
    AIO_BEGIN;
    loop = aio_loop_current();
    self->mill.fn = grind;
    aio_group_open(&self->group, self, 0, 0);
    aio_queue_init(&self->queue, self->room);
    CHECK_INT(aio_group_spawn(&self->group, aio_new(sends, &self->queue)), 0);
    self->receives = aio_group_create_task(&self->group, aio_new(receives, &self->queue));
    self->sleeps = aio_group_create_task(&self->group, aio_new(sleeps, 300));
    self->wakes = aio_group_create_task(&self->group, aio_new(wakes));
    for (self->i = 0; self->i < STORMS && !tap_failed; self->i++) {
        left = 20 + (unsigned)self->i % 40;
        board_alarm(1, interrupt);
        if (self->i % 2)
            aio_loop_post(loop, &self->mill);
        while (left)
            AIO_AWAIT(aio_sleep(AIO_US(100)));
        AIO_AWAIT(aio_sleep(AIO_US(100)));          /* the last of them is still to be called */
        check_seen();
    }
    printf("# %lu items, %lu sleeps, %lu us late at most, woken %lu times\n", (unsigned long)self->receives->next,
           (unsigned long)self->sleeps->n, (unsigned long)(self->sleeps->most - self->sleeps->span),
           (unsigned long)self->wakes->n);
    CHECK((int)self->receives->next > self->i && (int)self->sleeps->n > self->i && (int)self->wakes->n > self->i);
    CHECK(self->sleeps->most - self->sleeps->span < LATE);
    aio_group_cancel(&self->group);
    AIO_END;
}

TEST(everything_goes_on)
{
    int i;
    memset(sources, 0, sizeof sources);
    for (i = 0; i < SOURCES; i++)
        sources[i].posted.fn = notice;
    CHECK_INT(aio_run(aio_new(storm)), 0);
    for (i = 0; i < SOURCES; i++) {
        printf("# source %d: %lu posts, %lu calls\n", i, (unsigned long)sources[i].posts,
               (unsigned long)sources[i].calls);
        CHECK(sources[i].calls > STORMS && sources[i].calls < sources[i].posts);    /* some fell together */
    }
}

/* Once more, without haste: who is posted again before it begins is called once, in the place of its first post;
   who is posted from then on, also by itself, is called again. */
static void mark(struct aio_callback *callback)
{
    struct source *source = AIO_CONTAINER_(callback, struct source, posted);
    note("%d", (int)(source - sources));
    if (source->count && source->count--)
        aio_loop_post(loop, callback);
}
struct calm { AIO_FRAME(void); };
static AIO_CORO(calm)
{
    static const uint8_t order[] = { 2, 0, 2, 2, 3, 0, 1, 3 };
    size_t i;
    AIO_BEGIN;
    loop = aio_loop_current();
    for (i = 0; i < sizeof order; i++)
        aio_loop_post(loop, &sources[order[i]].posted);
    AIO_AWAIT(aio_sleep(AIO_US(500)));
    CHECK_NOTES("2031");
    sources[3].count = 2;
    aio_loop_post(loop, &sources[3].posted);
    aio_loop_post(loop, &sources[2].posted);
    AIO_AWAIT(aio_sleep(AIO_US(500)));
    CHECK_NOTES("3233");
    AIO_END;
}
TEST(posts_fall_together)
{
    int i;
    memset(sources, 0, sizeof sources);
    for (i = 0; i < SOURCES; i++)
        sources[i].posted.fn = mark;
    CHECK_INT(aio_run(aio_new(calm)), 0);
}

int main(int argc, char **argv) { RUN(argc, argv, T(everything_goes_on), T(posts_fall_together)); }
