/* Queues, channels, broadcasts and watches: what comes out is what went in, once, in its order, whoever waits and
   whoever is cancelled. */
#include "core.h"

/* So many tasks that are ready: the loop looks at the timers before it comes to who is behind them. */
static void crowd(int n)
{
    while (n-- > 0)
        CHECK_INT(aio_spawn(aio_sleep(0)), 0);
}

static char how(int error)
{
    return error == AIO_ECANCELED ? 'x' : error == AIO_ETIMEDOUT ? 't' : error == AIO_ESHUTDOWN ? 's' :
        error == AIO_EPIPE ? 'p' : error == AIO_EOVERFLOW ? 'o' : '?';
}

/* Puts one item. Notes: p7 (it is in), p7x (cancelled), t (timed out), s (shut down), p (nobody reads). */
struct puts { AIO_FRAME(int); struct aio_queue *queue; int item; aio_time limit; bool in; };
static AIO_CORO(puts)
{
    AIO_BEGIN;
    if (self->limit)
        AIO_AWAIT(aio_wait_for(aio_wait_for(aio_queue_put(self->queue, &self->item), self->limit), AIO_SEC(99)));
    else
        AIO_AWAIT(aio_queue_put(self->queue, &self->item));
    note("p%d ", self->item);
    self->in = true;
    AIO_AWAIT(aio_sleep(0));
    AIO_FINALLY;
    if (aio_coro_error(self))
        note("p%d%c ", self->item, how(aio_coro_error(self)));
    AIO_END;
}

/* Gets one. Notes: g1=7 (getter 1 got 7), g1x, g1t, g1s. */
struct gets { AIO_FRAME(int); struct aio_queue *queue; int id; aio_time limit, hold; int item; };
static AIO_CORO(gets)
{
    AIO_BEGIN;
    if (self->limit)
        AIO_AWAIT(aio_wait_for(aio_wait_for(aio_queue_get(self->queue, &self->item), self->limit), AIO_SEC(99)));
    else
        AIO_AWAIT(aio_queue_get(self->queue, &self->item));
    note("g%d=%d ", self->id, self->item);
    AIO_AWAIT(aio_sleep(self->hold));
    AIO_FINALLY;
    if (aio_coro_error(self))
        note("g%d%c ", self->id, how(aio_coro_error(self)));
    AIO_END;
}

/* Joins. Notes: j1. */
struct joins { AIO_FRAME(int); struct aio_queue *queue; int id; };
static AIO_CORO(joins)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_queue_join(self->queue));
    note("j%d ", self->id);
    AIO_FINALLY;
    if (aio_coro_error(self))
        note("j%d%c ", self->id, how(aio_coro_error(self)));
    AIO_END;
}

struct says { AIO_FRAME(void); const char *text; };
static AIO_CORO(says) { AIO_BEGIN; note("%s", self->text); AIO_END; }
#define SAY(text) CHECK_INT(aio_spawn(aio_new(says, text)), 0)

/* Nobody waits any more, and the operations that are a part of it are free. */
static void check_idle(const struct aio_queue *queue)
{
    CHECK(!queue->getters && !queue->putters && !queue->joiners);
    CHECK(!queue->size || (queue->get.aio.flags == AIO_F_DEAD_ && queue->put.aio.flags == AIO_F_DEAD_));
}

static int put(struct aio_queue *queue, int item) { return aio_queue_put_nowait(queue, &item); }
static int get(struct aio_queue *queue)
{
    int item = 0, error = aio_queue_get_nowait(queue, &item);
    return error ? error : item;
}

/* ---------------------------------------------------------------------------------------- orders */

CORO_TEST(first_in_first_out, struct aio_queue queue; int items[3], item, i;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    CHECK_INT(self->queue.capacity, 3);
    SAY("turn ");
    for (self->i = 1; self->i <= 10; self->i++) {               /* round and round */
        AIO_AWAIT(aio_queue_put(&self->queue, &self->i));
        self->item = 100 + self->i;
        AIO_AWAIT(aio_queue_put(&self->queue, &self->item));
        CHECK_INT(self->queue.length, 2);
        AIO_AWAIT(aio_queue_get(&self->queue, &self->item));
        CHECK_INT(self->item, self->i);
        CHECK_INT(get(&self->queue), 100 + self->i);
        CHECK_INT(self->queue.length, 0);
        CHECK_INT(get(&self->queue), AIO_EAGAIN);
    }
    for (self->i = 1; self->i <= 3; self->i++)
        CHECK_INT(put(&self->queue, self->i), 0);
    CHECK_INT(put(&self->queue, 4), AIO_EAGAIN);
    CHECK_INT(self->queue.length, 3);
    CHECK_NOTES("");                                            /* nothing of that suspended */
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("turn ");
    check_idle(&self->queue);
    AIO_END;
}

CORO_TEST(last_in_first_out, struct aio_queue queue; int items[3], i;)
{
    AIO_BEGIN;
    aio_lifo_queue_init(&self->queue, self->items);
    CHECK_INT(put(&self->queue, 1), 0);
    CHECK_INT(put(&self->queue, 2), 0);
    CHECK_INT(get(&self->queue), 2);
    CHECK_INT(put(&self->queue, 3), 0);
    CHECK_INT(put(&self->queue, 4), 0);
    CHECK_INT(put(&self->queue, 5), AIO_EAGAIN);
    for (self->i = 0; self->i < 3; self->i++)
        CHECK_INT(get(&self->queue), "\4\3\1"[self->i]);
    CHECK_INT(get(&self->queue), AIO_EAGAIN);
    AIO_END;
}

struct job { int urgency; char text[20]; };
static bool more_urgent(const void *a, const void *b)
{
    return ((const struct job *)a)->urgency > ((const struct job *)b)->urgency;
}
static int descending(const void *a, const void *b) { return *(const int *)b - *(const int *)a; }

CORO_TEST(by_priority, struct aio_queue queue; struct job jobs[20], job; int model[20], n, i, puts; unsigned seed;)
{
    AIO_BEGIN;
    aio_priority_queue_init(&self->queue, self->jobs, more_urgent);
    for (self->i = 0; self->i < 2000; self->i++) {
        self->seed = self->seed * 1103515245u + 12345u;
        if ((self->seed >> 16) % 100 < (self->i / 100 % 2 ? 30 : 70)) {
            self->job.urgency = (int)(self->seed >> 20) % 10;
            snprintf(self->job.text, sizeof self->job.text, "of %d", self->job.urgency);
            CHECK_INT(aio_queue_put_nowait(&self->queue, &self->job), self->n == 20 ? AIO_EAGAIN : 0);
            if (self->n < 20)
                self->model[self->n++] = self->job.urgency;
        } else {
            CHECK_INT(aio_queue_get_nowait(&self->queue, &self->job), self->n ? 0 : AIO_EAGAIN);
            qsort(self->model, (size_t)self->n, sizeof *self->model, descending);
            if (self->n) {
                char text[20];
                CHECK_INT(self->job.urgency, self->model[0]);
                snprintf(text, sizeof text, "of %d", self->job.urgency);
                CHECK_STR(self->job.text, text);
                memmove(self->model, self->model + 1, (size_t)--self->n * sizeof *self->model);
            }
        }
        CHECK_INT(self->queue.length, self->n);
    }
    AIO_END;
}

CORO_TEST(of_one, struct aio_queue queue[3]; int items[1]; struct job jobs[1], job; int i;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue[0], self->items);
    for (self->i = 0; self->i < 3; self->i++) {
        CHECK_INT(put(&self->queue[0], self->i), 0);
        CHECK_INT(put(&self->queue[0], 9), AIO_EAGAIN);
        CHECK_INT(get(&self->queue[0]), self->i);
    }
    aio_priority_queue_init(&self->queue[1], self->jobs, more_urgent);
    self->job.urgency = 5;
    CHECK_INT(aio_queue_put_nowait(&self->queue[1], &self->job), 0);
    CHECK_INT(aio_queue_put_nowait(&self->queue[1], &self->job), AIO_EAGAIN);
    self->job.urgency = 0;
    CHECK_INT(aio_queue_get_nowait(&self->queue[1], &self->job), 0);
    CHECK_INT(self->job.urgency, 5);
    AIO_END;
}

CORO_TEST(not_an_array, struct aio_queue queue; int *items; int item, i;)
{
    AIO_BEGIN;
    self->items = (int *)malloc(2 * sizeof *self->items);
    CHECK_INT(aio_queue_init_storage(&self->queue, AIO_FIFO, self->items, sizeof *self->items, 2, NULL), 0);
    CHECK_INT(put(&self->queue, 1) || put(&self->queue, 2), 0);
    CHECK_INT(put(&self->queue, 3), AIO_EAGAIN);
    for (self->i = 0; self->i < 5; self->i++) {
        CHECK_INT(aio_queue_init_storage(&self->queue, self->i == 4 ? AIO_PRIORITY : AIO_LIFO,
                                         self->i == 0 ? NULL : self->items, self->i == 1 ? 0 :
                                         self->i == 2 ? SIZE_MAX : sizeof *self->items, self->i == 3 ? 0 : 2, NULL),
                  AIO_EINVAL);
        CHECK_INT(put(&self->queue, 1), AIO_ESHUTDOWN);         /* and it is left shut down */
        CHECK_INT(get(&self->queue), AIO_ESHUTDOWN);
    }
    AIO_FINALLY;
    free(self->items);
    AIO_END;
}

/* Zeroed, it is empty and shut down, for items of any size. */
CORO_TEST(zeroed, struct aio_queue queue; char c; struct job job; int error;)
{
    AIO_BEGIN;
    AIO_TRY(self->error, aio_queue_put(&self->queue, &self->job));
    CHECK_INT(self->error, AIO_ESHUTDOWN);
    AIO_TRY(self->error, aio_queue_put(&self->queue, &self->c));
    CHECK_INT(self->error, AIO_ESHUTDOWN);
    AIO_TRY(self->error, aio_queue_get(&self->queue, &self->c));
    CHECK_INT(self->error, AIO_ESHUTDOWN);
    CHECK_INT(aio_queue_put_nowait(&self->queue, &self->c), AIO_ESHUTDOWN);
    CHECK_INT(aio_queue_get_nowait(&self->queue, &self->job), AIO_ESHUTDOWN);
    AIO_AWAIT(aio_queue_join(&self->queue));
    aio_queue_shutdown(&self->queue, false);
    aio_queue_shutdown(&self->queue, true);
    CHECK_INT(self->queue.unfinished, 0);
    check_idle(&self->queue);
    AIO_END;
}

/* ----------------------------------------------------------------------------------------- items */

/* Of every size, stored, handed to a getter, kept for a putter, through a channel without room, by tasks. */
#define ITEMS_OF(size) \
    struct item##size { unsigned char bytes[size]; }; \
    static struct item##size item##size(int i) \
    { \
        struct item##size item; \
        memset(&item, 'a' + i, sizeof item); \
        item.bytes[size - 1] = (unsigned char)i; \
        return item; \
    } \
    static bool is##size(const struct item##size *item, int i) \
    { \
        struct item##size wanted = item##size(i); \
        return memcmp(item, &wanted, sizeof wanted) == 0; \
    } \
    struct puts##size { AIO_FRAME(void); struct aio_queue *queue; struct aio_channel *channel; int i; struct item##size item; }; \
    static AIO_CORO(puts##size) \
    { \
        AIO_BEGIN; \
        self->item = item##size(self->i); \
        if (self->queue) \
            AIO_AWAIT(aio_queue_put(self->queue, &self->item)); \
        else \
            AIO_AWAIT(aio_channel_send(self->channel, &self->item)); \
        AIO_END; \
    } \
    CORO_TEST(items_of_##size, struct aio_queue queue; struct aio_channel channel; struct item##size items[3], item, more[2]; \
              struct aio_void *bare[2]; int i, got; unsigned char guard;) \
    { \
        AIO_BEGIN; \
        aio_queue_init(&self->queue, self->items); \
        for (self->i = 0; self->i < 6; self->i++)               /* three fit, three wait */ \
            CHECK_INT(aio_spawn(aio_new(puts##size, &self->queue, .i = self->i)), 0); \
        AIO_AWAIT(aio_sleep(1)); \
        CHECK_INT(self->queue.length, 3); \
        for (self->i = 0; self->i < 6; self->i++) { \
            AIO_AWAIT(aio_queue_get(&self->queue, &self->item)); \
            CHECK(is##size(&self->item, self->i), "%d", self->i); \
        } \
        CHECK_INT(aio_spawn(aio_new(puts##size, &self->queue, .i = 7)), 0); \
        AIO_AWAIT(aio_queue_get(&self->queue, &self->item));    /* handed over */ \
        CHECK(is##size(&self->item, 7)); \
        self->item = item##size(8); \
        AIO_AWAIT(aio_queue_put(&self->queue, &self->item)); \
        self->bare[0] = aio_create_task(aio_queue_get(&self->queue, &self->more[0])); \
        self->bare[1] = aio_create_task(aio_queue_get(&self->queue, &self->more[1])); \
        self->item = item##size(9); \
        AIO_AWAIT(aio_sleep(1)); \
        AIO_AWAIT(aio_queue_put(&self->queue, &self->item)); \
        AIO_AWAIT(self->bare[1]); \
        CHECK(is##size(&self->more[0], 8) && is##size(&self->more[1], 9)); \
        aio_release(self->bare[0]); \
        aio_release(self->bare[1]); \
        aio_channel_init_unbuffered(&self->channel, size); \
        for (self->i = 0; self->i < 2; self->i++) { \
            CHECK_INT(aio_spawn(aio_new(puts##size, .channel = &self->channel, .i = self->i)), 0); \
            if (self->i)                                        /* once the sender comes first, once the receiver */ \
                AIO_AWAIT(aio_sleep(1)); \
            AIO_AWAIT(self->got, aio_channel_recv(&self->channel, &self->item)); \
            CHECK(self->got == 1 && is##size(&self->item, self->i)); \
        } \
        CHECK_INT(self->guard, 0); \
        check_idle(&self->queue); \
        check_idle(&self->channel.queue); \
        AIO_END; \
    }
ITEMS_OF(1)
ITEMS_OF(4)
ITEMS_OF(8)
ITEMS_OF(16)
ITEMS_OF(17)
ITEMS_OF(100)

/* A put copies at the call. */
CORO_TEST(copied_at_the_call, struct aio_queue queue; int items[1], item; struct aio_void *put; struct job jobs[1], job;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    self->item = 1;
    self->put = aio_queue_put(&self->queue, &self->item);
    self->item = 2;
    AIO_AWAIT(self->put);
    self->put = aio_create_task(aio_queue_put(&self->queue, &self->item));
    self->item = 3;
    AIO_AWAIT(aio_sleep(1));
    self->item = 4;                             /* it waits meanwhile */
    CHECK_INT(get(&self->queue), 1);
    AIO_AWAIT(self->put);
    CHECK_INT(get(&self->queue), 2);
    aio_release(self->put);
    aio_queue_init(&self->queue, self->jobs);
    self->job.urgency = 1;
    self->put = aio_queue_put(&self->queue, &self->job);
    self->job.urgency = 2;
    AIO_AWAIT(self->put);
    CHECK_INT(aio_queue_get_nowait(&self->queue, &self->job), 0);
    CHECK_INT(self->job.urgency, 1);
    AIO_END;
}

/* ---------------------------------------------------------------------------------- who waits */

CORO_TEST(getters_in_order, struct aio_queue queue; int items[2], i; struct gets *tasks[4];)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    for (self->i = 0; self->i < 3; self->i++)
        self->tasks[self->i] = aio_create_task(aio_new(gets, &self->queue, self->i + 1));
    AIO_AWAIT(aio_sleep(1));
    CHECK_INT(put(&self->queue, 11), 0);        /* handed to the first: nobody else gets it */
    CHECK_INT(self->queue.length, 0);
    CHECK_INT(get(&self->queue), AIO_EAGAIN);
    CHECK_NOTES("");
    self->tasks[3] = aio_create_task(aio_new(gets, &self->queue, 4));
    CHECK_INT(put(&self->queue, 12), 0);
    AIO_AWAIT(aio_sleep(1));
    for (self->i = 13; self->i <= 14; self->i++)
        AIO_AWAIT(aio_queue_put(&self->queue, &self->i));
    AIO_AWAIT(self->tasks[3]);
    CHECK_NOTES("g1=11 g2=12 g3=13 g4=14 ");
    for (self->i = 0; self->i < 4; self->i++)
        aio_release(self->tasks[self->i]);
    check_idle(&self->queue);
    AIO_END;
}

/* A get that is not awaited yet leaves alone what another one waits with, which begins before or behind it. */
CORO_TEST(getters_apart, struct aio_queue queue; int items[1], item, other, error; struct gets *task; struct aio_void *get, *second;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    self->task = aio_create_task(aio_new(gets, &self->queue, 1));
    AIO_AWAIT(aio_sleep(0));                    /* it waits */
    self->get = aio_queue_get(&self->queue, &self->item);
    self->second = aio_queue_get(&self->queue, &self->other);
    for (self->item = 11; self->item <= 13; self->item++)
        CHECK_INT(put(&self->queue, self->item), self->item == 13 ? AIO_EAGAIN : 0);
    AIO_AWAIT(self->get);
    CHECK_INT(self->item, 12);
    AIO_AWAIT(self->task);
    CHECK_NOTES("g1=11 ");
    aio_release(self->task);
    self->task = aio_create_task(aio_new(gets, &self->queue, 2));
    AIO_AWAIT(aio_sleep(0));
    CHECK(aio_task_cancel(self->task));         /* and nobody waits any more */
    self->get = aio_queue_get(&self->queue, &self->item);
    CHECK_INT(put(&self->queue, 14), 0);
    AIO_AWAIT(self->second);
    CHECK_INT(self->other, 14);
    CHECK_INT(put(&self->queue, 15), 0);
    AIO_AWAIT(self->get);
    CHECK_INT(self->item, 15);
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_NOTES("g2x ");
    aio_release(self->task);
    self->get = aio_queue_get(&self->queue, &self->item);
    CHECK_INT(put(&self->queue, 16), 0);
    AIO_AWAIT(aio_queue_get(&self->queue, &self->other));
    CHECK(self->item == 15 && self->other == 16);
    aio_discard(self->get);
    aio_task_cancel(aio_current_task());        /* before it waits */
    AIO_CATCH(self->error, aio_queue_get(&self->queue, &self->item));
    CHECK_INT(self->error, AIO_ECANCELED);
    check_idle(&self->queue);
    AIO_END;
}

/* What an await does is up to the awaitable, not to its static type, which may be that of another one. */
CORO_TEST(either, struct aio_queue queue; int items[1], item, error, i;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    for (self->i = 0; self->i < 4; self->i++)
        AIO_AWAIT(self->i % 2 ? aio_queue_get(&self->queue, &self->item) : aio_queue_put(&self->queue, &self->i));
    CHECK_INT(self->item, 2);
    for (self->i = 0; self->i < 4; self->i++)
        AIO_AWAIT(self->i % 2 ? aio_sleep(1) : self->i == 2 ? aio_queue_get(&self->queue, &self->item) :
                  aio_queue_put(&self->queue, &self->i));
    CHECK_INT(self->item, 0);
    AIO_TRY(self->error, aio_wait_for(aio_queue_get(&self->queue, &self->item), 1));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    AIO_END;
}

/* Two loops of one thread, and a queue of both, which no rule forbids: each goes on with its own task. */
static struct aio_queue shared;
TEST(loops_apart)
{
    struct aio_loop a, b;
    int items[1], item = 7;
    struct gets *getter;
    struct puts *putter;
    aio_queue_init(&shared, items);
    CHECK_INT(aio_loop_init(&a, &core_options), 0);
    CHECK_INT(aio_loop_init(&b, &core_options), 0);
    getter = aio_loop_create_task(&a, aio_new(gets, &shared, 1));
    CHECK_INT(aio_loop_turn(&a, 0), 1);
    putter = aio_loop_create_task(&b, aio_new(puts, &shared, item));
    CHECK_INT(aio_loop_turn(&b, 0), 1);
    CHECK_INT(aio_loop_turn(&b, 0), 1);
    CHECK_INT(aio_loop_turn(&b, 0), 0);
    CHECK_NOTES("p7 ");
    CHECK_INT(aio_loop_turn(&a, 0), 1);
    CHECK_NOTES("g1=7 ");
    aio_release(getter);
    aio_release(putter);
    CHECK_INT(aio_loop_close(&a), 0);
    CHECK_INT(aio_loop_close(&b), 0);
}

CORO_TEST(putters_in_order, struct aio_queue queue; int items[2], i; struct puts *tasks[4];)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    for (self->i = 0; self->i < 4; self->i++)
        self->tasks[self->i] = aio_create_task(aio_new(puts, &self->queue, self->i + 1));
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("p1 p2 ");
    CHECK_INT(get(&self->queue), 1);            /* lets in the first one who waits, at once */
    CHECK_INT(self->queue.length, 2);
    CHECK_INT(put(&self->queue, 9), AIO_EAGAIN);    /* so nobody comes between */
    CHECK_INT(self->queue.unfinished, 3);
    CHECK_NOTES("");
    CHECK_INT(get(&self->queue), 2);
    CHECK_INT(put(&self->queue, 9), AIO_EAGAIN);
    AIO_AWAIT(self->tasks[3]);
    CHECK_NOTES("p3 p4 ");
    CHECK_INT(get(&self->queue), 3);
    CHECK_INT(get(&self->queue), 4);
    CHECK_INT(get(&self->queue), AIO_EAGAIN);
    CHECK_INT(self->queue.unfinished, 4);
    for (self->i = 0; self->i < 4; self->i++)
        aio_release(self->tasks[self->i]);
    check_idle(&self->queue);
    AIO_END;
}

/* Of a stack and a heap too, what waits comes in when one leaves. */
static bool smaller(const void *a, const void *b) { return *(const int *)a < *(const int *)b; }
CORO_TEST(putters_of_other_orders, struct aio_queue queue; int items[2], i, k; struct puts *tasks[4];)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 2; self->k++) {
        if (self->k)
            aio_priority_queue_init(&self->queue, self->items, smaller);
        else
            aio_lifo_queue_init(&self->queue, self->items);
        for (self->i = 0; self->i < 4; self->i++)
            self->tasks[self->i] = aio_create_task(aio_new(puts, &self->queue, 4 - self->i));
        AIO_AWAIT(aio_sleep(1));
        for (self->i = 0; self->i < 4; self->i++)
            CHECK_INT(get(&self->queue), "\3\2\1\4"[self->i]);
        AIO_AWAIT(self->tasks[3]);
        CHECK_NOTES("p4 p3 p2 p1 ");
        for (self->i = 0; self->i < 4; self->i++)
            aio_release(self->tasks[self->i]);
    }
    AIO_END;
}

/* --------------------------------------------------------------------------------- cancellation */

CORO_TEST(cancel_a_getter, struct aio_queue queue; int items[2], i, n, victim, error; struct gets *tasks[3];)
{
    AIO_BEGIN;
    for (self->n = 1; self->n <= 3; self->n += 2)
        for (self->victim = 0; self->victim < self->n; self->victim++) {
            aio_queue_init(&self->queue, self->items);
            for (self->i = 0; self->i < self->n; self->i++)
                self->tasks[self->i] = aio_create_task(aio_new(gets, &self->queue, self->i + 1));
            AIO_AWAIT(aio_sleep(1));
            CHECK(aio_task_cancel(self->tasks[self->victim]));
            CHECK_INT(put(&self->queue, 7), 0);
            CHECK_INT(put(&self->queue, 8), 0);
            for (self->i = 0; self->i < self->n; self->i++) {
                AIO_TRY(self->error, self->tasks[self->i]);
                CHECK_INT(self->error, self->i == self->victim ? AIO_ECANCELED : 0);
                aio_release(self->tasks[self->i]);
            }
            CHECK_NOTES(self->n == 1 ? "g1x " : self->victim == 0 ? "g1x g2=7 g3=8 " :
                        self->victim == 1 ? "g2x g1=7 g3=8 " : "g3x g1=7 g2=8 ");
            CHECK_INT(self->queue.length, self->n == 1 ? 2 : 0);
            check_idle(&self->queue);
        }
    AIO_END;
}

CORO_TEST(cancel_a_putter, struct aio_queue queue; int items[1], i, n, victim, error; struct puts *tasks[3];)
{
    AIO_BEGIN;
    for (self->n = 1; self->n <= 3; self->n += 2)
        for (self->victim = 0; self->victim < self->n; self->victim++) {
            aio_queue_init(&self->queue, self->items);
            CHECK_INT(put(&self->queue, 9), 0);
            for (self->i = 0; self->i < self->n; self->i++)
                self->tasks[self->i] = aio_create_task(aio_new(puts, &self->queue, self->i + 1));
            AIO_AWAIT(aio_sleep(1));
            CHECK(aio_task_cancel(self->tasks[self->victim]));
            AIO_AWAIT(aio_sleep(1));
            CHECK_INT(get(&self->queue), 9);
            for (self->i = 0; self->i < self->n; self->i++)     /* in their order, without that one */
                if (self->i != self->victim)
                    CHECK_INT(get(&self->queue), self->i + 1);
            CHECK_INT(get(&self->queue), AIO_EAGAIN);
            for (self->i = 0; self->i < self->n; self->i++) {
                AIO_TRY(self->error, self->tasks[self->i]);
                aio_release(self->tasks[self->i]);
            }
            CHECK_NOTES(self->n == 1 ? "p1x " : self->victim == 0 ? "p1x p2 p3 " :
                        self->victim == 1 ? "p2x p1 p3 " : "p3x p1 p2 ");
            check_idle(&self->queue);
        }
    AIO_END;
}

/* The item was handed over, or let in, and the wake-up is on its way. */
CORO_TEST(cancel_after_the_grant, struct aio_queue queue; int items[1], k, error; struct gets *getter; struct puts *putter;)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 4; self->k++) {     /* by cancel, by deadline; then both */
        aio_queue_init(&self->queue, self->items);
        self->getter = aio_create_task(aio_new(gets, &self->queue, 1, self->k ? 10 : 0, 50));
        AIO_AWAIT(aio_sleep(1));
        crowd(200);
        CHECK_INT(put(&self->queue, 7), 0);
        if (self->k != 1)
            CHECK(aio_task_cancel(self->getter));
        takes(self->k ? 20 : 0);
        AIO_TRY(self->error, self->getter);
        CHECK_INT(self->error, self->k == 1 ? 0 : AIO_ECANCELED);
        CHECK_INT(self->getter->item, 7);
        CHECK_INT(self->queue.length, 0);
        CHECK_NOTES(self->k == 1 ? "g1=7 " : "g1=7 g1x ");
        aio_release(self->getter);

        CHECK_INT(put(&self->queue, 8), 0);
        self->putter = aio_create_task(aio_new(puts, &self->queue, 9, self->k ? 10 : 0));
        AIO_AWAIT(aio_sleep(1));
        crowd(200);
        CHECK_INT(get(&self->queue), 8);
        if (self->k != 1)
            CHECK(aio_task_cancel(self->putter));
        takes(self->k ? 20 : 0);
        AIO_TRY(self->error, self->putter);
        CHECK_INT(self->error, self->k == 1 ? 0 : AIO_ECANCELED);
        CHECK(self->putter->in);
        CHECK_NOTES(self->k == 1 ? "p9 " : "p9 p9x ");
        CHECK_INT(get(&self->queue), 9);
        aio_release(self->putter);
        check_idle(&self->queue);
    }
    AIO_END;
}

CORO_TEST(timeouts, struct aio_queue queue; int items[1], error; struct gets *getters[2]; struct puts *putters[2]; aio_time start;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    self->getters[0] = aio_create_task(aio_new(gets, &self->queue, 1, 10));
    self->getters[1] = aio_create_task(aio_new(gets, &self->queue, 2));
    AIO_TRY(self->error, self->getters[0]);
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_INT(aio_now(), 10);
    CHECK_INT(put(&self->queue, 7), 0);
    AIO_AWAIT(self->getters[1]);
    CHECK_NOTES("g1t g2=7 ");
    self->start = aio_now();
    CHECK_INT(put(&self->queue, 8), 0);
    self->putters[0] = aio_create_task(aio_new(puts, &self->queue, 1, 10));
    self->putters[1] = aio_create_task(aio_new(puts, &self->queue, 2));
    AIO_TRY(self->error, self->putters[0]);
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_INT(aio_now() - self->start, 10);
    CHECK_INT(get(&self->queue), 8);
    CHECK_INT(get(&self->queue), 2);
    AIO_AWAIT(self->putters[1]);
    CHECK_NOTES("p1t p2 ");
    AIO_TRY(self->error, aio_wait_for(aio_queue_put(&self->queue, &self->error), 0));   /* before it runs */
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_INT(self->queue.length, 0);
    AIO_TRY(self->error, aio_wait_for(aio_queue_join(&self->queue), 5));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    AIO_FINALLY;
    aio_release(self->getters[0]);
    aio_release(self->getters[1]);
    aio_release(self->putters[0]);
    aio_release(self->putters[1]);
    check_idle(&self->queue);
    AIO_END;
}

/* ------------------------------------------------------------------------- operations in all places */

CORO_TEST(as_tasks, struct aio_queue queue; int items[1], item, k, error; struct aio_void *task;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    self->item = 5;
    self->task = aio_create_task(aio_queue_put(&self->queue, &self->item));
    CHECK(aio_task_cancel(self->task));             /* before its first step */
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(self->queue.length, 0);
    check_idle(&self->queue);
    aio_release(self->task);
    self->task = aio_create_task(aio_queue_get(&self->queue, &self->item));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->task));             /* while it waits */
    CHECK_INT(put(&self->queue, 6), 0);
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(self->item, 5);
    CHECK_INT(get(&self->queue), 6);
    aio_release(self->task);
    for (self->k = 0; self->k < 2; self->k++) {     /* after the grant: it ends with what it has */
        self->task = aio_queue_get(&self->queue, &self->item);
        self->task = aio_create_task(self->k ? aio_wait_for(self->task, 50) : self->task);
        AIO_AWAIT(aio_sleep(1));
        CHECK_INT(put(&self->queue, 7 + self->k), 0);
        CHECK(aio_task_cancel(self->task));
        AIO_TRY(self->error, self->task);
        CHECK_INT(self->error, 0);
        CHECK_INT(self->item, 7 + self->k);
        aio_release(self->task);
        CHECK_INT(put(&self->queue, 9), 0);
        self->task = aio_queue_put(&self->queue, &self->item);
        self->task = aio_create_task(self->k ? aio_wait_for(self->task, 50) : self->task);
        AIO_AWAIT(aio_sleep(1));
        CHECK_INT(get(&self->queue), 9);
        CHECK(aio_task_cancel(self->task));
        AIO_TRY(self->error, self->task);
        CHECK_INT(self->error, 0);
        CHECK_INT(get(&self->queue), 7 + self->k);
        aio_release(self->task);
    }
    self->task = aio_create_task(aio_queue_get(&self->queue, &self->item));
    AIO_TRY(self->error, aio_wait_for(aio_shield(self->task), 5));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_INT(put(&self->queue, 10), 0);
    AIO_TRY(self->error, aio_wait_for(self->task, 5));
    CHECK_INT(self->error, 0);
    CHECK_INT(self->item, 10);
    aio_release(self->task);
    check_idle(&self->queue);
    AIO_END;
}

struct drains { AIO_FRAME(void); struct aio_queue *queue; int item; };
static AIO_CORO(drains)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_FOREVER));
    AIO_FINALLY;
    AIO_AWAIT(aio_queue_get(self->queue, &self->item));     /* a second cancel skips this */
    note("%d ", self->item);
    self->item = 0;
    AIO_AWAIT(aio_queue_put(self->queue, &self->item));     /* and a third one this */
    note("%d ", aio_coro_error(self));
    AIO_END;
}
CORO_TEST(in_groups_and_in_finally, struct aio_queue queue; int items[1], out[3], k, error; struct aio_group group;
          struct aio_void *kept; struct drains *task;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    CHECK_INT(aio_group_open(&self->group, self, 2, 0), 0);
    CHECK_INT(aio_group_spawn(&self->group, aio_queue_get(&self->queue, &self->out[0])), 0);
    CHECK_INT(aio_group_spawn(&self->group, aio_queue_get(&self->queue, &self->out[1])), 0);
    self->kept = aio_group_create_task(&self->group, aio_queue_get(&self->queue, &self->out[2]));
    for (self->k = 1; self->k <= 3; self->k++)
        AIO_AWAIT(aio_queue_put(&self->queue, &self->k));
    AIO_AWAIT(aio_group_join(&self->group));
    CHECK(aio_task_error(self->kept) == 0 && self->out[0] == 1 && self->out[1] == 2 && self->out[2] == 3);
    for (self->k = 0; self->k < 2; self->k++) {
        self->task = aio_create_task(aio_new(drains, &self->queue));
        AIO_AWAIT(aio_sleep(1));
        CHECK(aio_task_cancel(self->task));
        AIO_AWAIT(aio_sleep(1));
        if (self->k) {
            CHECK(aio_task_cancel(self->task));
            CHECK_INT(put(&self->queue, 3), 0);
            AIO_AWAIT(aio_sleep(1));
            CHECK(aio_task_cancel(self->task));
        } else
            CHECK_INT(put(&self->queue, 4), 0);
        AIO_TRY(self->error, self->task);
        CHECK_INT(self->error, AIO_ECANCELED);
        CHECK_NOTES(self->k ? "0 -125 " : "4 -125 ");
        CHECK_INT(get(&self->queue), self->k ? 3 : 0);
        aio_release(self->task);
    }
    check_idle(&self->queue);
    AIO_END;
}

CORO_TEST(discarded, struct aio_queue queue; int items[1], item; struct job jobs[1], job; struct aio_void *first, *second;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    self->item = 1;
    aio_discard(aio_queue_put(&self->queue, &self->item));
    aio_discard(aio_wait_for(aio_queue_put(&self->queue, &self->item), 5));
    CHECK_INT(self->queue.length, 0);
    CHECK_INT(put(&self->queue, 7), 0);
    aio_discard(aio_queue_get(&self->queue, &self->item));
    aio_discard(aio_wait_for(aio_queue_get(&self->queue, &self->item), 5));
    aio_discard(aio_queue_join(&self->queue));
    CHECK_INT(self->item, 1);
    CHECK_INT(self->queue.length, 1);
    self->first = aio_queue_get(&self->queue, &self->item);     /* two at once: one is no part of it */
    self->second = aio_queue_get(&self->queue, &self->item);
    aio_discard(self->first);
    AIO_AWAIT(self->second);
    CHECK_INT(self->item, 7);
    check_idle(&self->queue);
    aio_queue_init(&self->queue, self->jobs);
    aio_discard(aio_queue_put(&self->queue, &self->job));
    CHECK_INT(self->queue.length, 0);
    AIO_END;
}

/* A task on a queue that is always ready lets the others run. */
struct moves { AIO_FRAME(void); struct aio_queue *queue; int item, done; };
static AIO_CORO(moves)
{
    AIO_BEGIN;
    for (;;) {
        AIO_AWAIT(aio_queue_put(self->queue, &self->done));
        self->done++;
        AIO_AWAIT(aio_queue_get(self->queue, &self->item));
        CHECK_INT(self->item, self->done - 1);
    }
    AIO_FINALLY;
    note("%d ", aio_coro_error(self));
    AIO_END;
}
CORO_TEST(budget, struct aio_queue queue; int items[1], k, error; struct moves *task;)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 2; self->k++) {
        aio_queue_init(&self->queue, self->items);
        self->task = aio_create_task(aio_new(moves, &self->queue));
        AIO_AWAIT(aio_sleep(0));
        CHECK_INT(self->task->done, AIO_BUDGET / 2);
        AIO_AWAIT(aio_sleep(0));
        CHECK_INT(self->task->done, AIO_BUDGET);
        if (self->k)                                /* it stands before a put */
            aio_queue_shutdown(&self->queue, false);
        else
            CHECK(aio_task_cancel(self->task));
        AIO_TRY(self->error, self->task);
        CHECK_INT(self->error, self->k ? AIO_ESHUTDOWN : AIO_ECANCELED);
        CHECK_INT(self->task->done, AIO_BUDGET);
        CHECK_INT(self->queue.length, 0);
        aio_release(self->task);
        check_idle(&self->queue);
    }
    CHECK_NOTES("-125 -108 ");
    AIO_END;
}

/* Who has to wait waits at once, also with a budget that is used up: nobody who comes later gets before. */
struct wide { int value, more[2]; };
struct spends { AIO_FRAME(void); struct aio_queue *queue; bool all; int i; struct aio_queue own; struct wide items[1], item; };
static AIO_CORO(spends)
{
    AIO_BEGIN;
    aio_queue_init(&self->own, self->items);
    for (self->i = 0; self->all && self->i < AIO_BUDGET / 2; self->i++) {
        AIO_AWAIT(aio_queue_put(&self->own, &self->item));
        AIO_AWAIT(aio_queue_get(&self->own, &self->item));
    }
    AIO_AWAIT(aio_queue_get(self->queue, &self->item));
    note("%c%d ", self->all ? 'a' : 'b', self->item.value);
    AIO_END;
}
CORO_TEST(waits_at_once, struct aio_queue queue; struct wide items[2], item; struct spends *first, *second;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    self->first = aio_create_task(aio_new(spends, &self->queue, true));
    self->second = aio_create_task(aio_new(spends, &self->queue, false));
    AIO_AWAIT(aio_sleep(0));
    AIO_AWAIT(aio_sleep(0));
    for (self->item.value = 1; self->item.value <= 2; self->item.value++)
        CHECK_INT(aio_queue_put_nowait(&self->queue, &self->item), 0);
    AIO_ALL(self->first, self->second);
    CHECK_NOTES(AIO_SMALL ? "b1 a2 " : "a1 b2 ");
    aio_release(self->first);
    aio_release(self->second);
    AIO_END;
}

/* ------------------------------------------------------------------------------ join and shutdown */

/* What one asks for is told by the operation that ends, not by the one before it. */
struct shuts { AIO_FRAME(void); struct aio_queue *queue; };
static AIO_CORO(shuts)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(1));
    aio_queue_shutdown(self->queue, false);
    AIO_END;
}
CORO_TEST(get_behind_next, struct aio_queue queue; int items[1], item, value, k, error;)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 2; self->k++) {
        aio_queue_init(&self->queue, self->items);
        AIO_AWAIT(aio_queue_put(&self->queue, &self->item));
        AIO_AWAIT(self->value, aio_queue_next_(&self->queue, &self->item, sizeof self->item, AIO_HERE_));   /* no hint */
        CHECK_INT(self->value, 1);
        CHECK_INT(aio_spawn(aio_new(shuts, &self->queue)), 0);
        self->value = 1;
        if (self->k)
            AIO_TRY(self->error, self->value, aio_wait_for(aio_queue_next(&self->queue, &self->item), AIO_SEC(1)));
        else
            AIO_TRY(self->error, aio_wait_for(aio_queue_get(&self->queue, &self->item), AIO_SEC(1)));
        CHECK_INT(self->error, self->k ? 0 : AIO_ESHUTDOWN);
        CHECK_INT(self->value, !self->k);
    }
    AIO_END;
}

CORO_TEST(join, struct aio_queue queue; int items[2], i; struct joins *tasks[2];)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    AIO_AWAIT(aio_queue_join(&self->queue));        /* nothing was ever put */
    CHECK_INT(put(&self->queue, 1), 0);
    CHECK_INT(put(&self->queue, 2), 0);
    CHECK_INT(self->queue.unfinished, 2);
    self->tasks[0] = aio_create_task(aio_new(joins, &self->queue, 1));
    self->tasks[1] = aio_create_task(aio_new(joins, &self->queue, 2));
    AIO_AWAIT(aio_sleep(1));
    CHECK_INT(get(&self->queue), 1);
    CHECK_INT(get(&self->queue), 2);
    CHECK_INT(self->queue.unfinished, 2);           /* got is not done */
    aio_queue_task_done(&self->queue);
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("");
    aio_queue_task_done(&self->queue);
    CHECK_INT(put(&self->queue, 3), 0);             /* too late for those who waited */
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("j1 j2 ");
    for (self->i = 0; self->i < 2; self->i++)
        aio_release(self->tasks[self->i]);
    self->tasks[0] = aio_create_task(aio_new(joins, &self->queue, 3));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->tasks[0]));
    AIO_TRY(self->i, self->tasks[0]);
    aio_release(self->tasks[0]);
    CHECK_NOTES("j3x ");
    check_idle(&self->queue);
    AIO_END;
}

CORO_TEST(shutdown, struct aio_queue queue; int items[2], k, i, error; struct puts *putters[2]; struct gets *getters[2];
          struct joins *joiner;)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 2; self->k++) {
        aio_queue_init(&self->queue, self->items);
        CHECK_INT(put(&self->queue, 1), 0);
        CHECK_INT(put(&self->queue, 2), 0);
        CHECK_INT(put(&self->queue, 0), AIO_EAGAIN);
        self->putters[0] = aio_create_task(aio_new(puts, &self->queue, 3));
        self->putters[1] = aio_create_task(aio_new(puts, &self->queue, 4));
        self->joiner = aio_create_task(aio_new(joins, &self->queue, 1));
        AIO_AWAIT(aio_sleep(1));
        aio_queue_shutdown(&self->queue, self->k == 1);
        CHECK_INT(self->queue.length, self->k ? 0 : 2);
        CHECK_INT(self->queue.unfinished, self->k ? 0 : 2);
        CHECK_INT(put(&self->queue, 5), AIO_ESHUTDOWN);
        AIO_TRY(self->error, self->putters[0]);
        CHECK_INT(self->error, AIO_ESHUTDOWN);
        AIO_TRY(self->error, self->putters[1]);
        CHECK_INT(self->error, AIO_ESHUTDOWN);
        CHECK_NOTES(self->k ? "j1 p3s p4s " : "p3s p4s ");
        if (!self->k) {                             /* what is in it comes out */
            self->getters[0] = aio_create_task(aio_new(gets, &self->queue, 1));
            AIO_AWAIT(self->getters[0]);
            aio_release(self->getters[0]);
            CHECK_INT(get(&self->queue), 2);
            aio_queue_task_done(&self->queue);
            aio_queue_task_done(&self->queue);
            AIO_AWAIT(self->joiner);
            CHECK_NOTES("g1=1 j1 ");
        }
        CHECK_INT(get(&self->queue), AIO_ESHUTDOWN);
        AIO_TRY(self->error, aio_queue_get(&self->queue, &self->i));
        CHECK_INT(self->error, AIO_ESHUTDOWN);
        AIO_TRY(self->error, aio_queue_put(&self->queue, &self->i));
        CHECK_INT(self->error, AIO_ESHUTDOWN);
        aio_queue_shutdown(&self->queue, self->k == 1);     /* twice is once */
        AIO_AWAIT(aio_queue_join(&self->queue));
        for (self->i = 0; self->i < 2; self->i++)
            aio_release(self->putters[self->i]);
        aio_release(self->joiner);

        aio_queue_init(&self->queue, self->items);          /* who waits to get */
        for (self->i = 0; self->i < 2; self->i++)
            self->getters[self->i] = aio_create_task(aio_new(gets, &self->queue, self->i + 1));
        AIO_AWAIT(aio_sleep(1));
        aio_queue_shutdown(&self->queue, self->k == 1);
        CHECK(aio_task_cancel(self->getters[1]));           /* a cancel replaces an error */
        AIO_TRY(self->error, self->getters[0]);
        CHECK_INT(self->error, AIO_ESHUTDOWN);
        AIO_TRY(self->error, self->getters[1]);
        CHECK_INT(self->error, AIO_ECANCELED);
        CHECK_NOTES("g1s g2x ");
        for (self->i = 0; self->i < 2; self->i++)
            aio_release(self->getters[self->i]);
        check_idle(&self->queue);
    }
    AIO_END;
}

/* Immediately, while items are out: the join still waits for those. An item that was handed over stays so. */
CORO_TEST(shutdown_with_work_out, struct aio_queue queue; int items[3]; struct gets *getter; struct joins *joiner;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    self->getter = aio_create_task(aio_new(gets, &self->queue, 1));
    AIO_AWAIT(aio_sleep(1));
    CHECK_INT(put(&self->queue, 1) || put(&self->queue, 2) || put(&self->queue, 3), 0);
    self->joiner = aio_create_task(aio_new(joins, &self->queue, 1));
    aio_queue_shutdown(&self->queue, true);
    CHECK_INT(self->queue.unfinished, 1);
    AIO_AWAIT(self->getter);
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("g1=1 ");
    aio_queue_task_done(&self->queue);
    AIO_AWAIT(self->joiner);
    CHECK_NOTES("j1 ");
    aio_release(self->getter);
    aio_release(self->joiner);
    check_idle(&self->queue);
    AIO_END;
}

/* --------------------------------------------------------------------------------------- channels */

struct sends { AIO_FRAME(void); struct aio_channel *channel; int from, to; };
static AIO_CORO(sends)
{
    AIO_BEGIN;
    while (self->from < self->to) {
        AIO_AWAIT(aio_channel_send(self->channel, &self->from));
        note("s%d ", self->from++);
    }
    aio_channel_close_send(self->channel);
    AIO_FINALLY;
    if (aio_coro_error(self))
        note("s%d%c ", self->from, how(aio_coro_error(self)));
    AIO_END;
}
struct recvs { AIO_FRAME(int); struct aio_channel *channel; int id, got, item; };
static AIO_CORO(recvs)
{
    AIO_BEGIN;
    AIO_WHILE(self->got, aio_channel_recv(self->channel, &self->item)) {
        CHECK_INT(self->got, 1);
        note("r%d=%d ", self->id, self->item);
    }
    note("r%d. ", self->id);
    AIO_FINALLY;
    if (aio_coro_error(self))
        note("r%d%c ", self->id, how(aio_coro_error(self)));
    AIO_END;
}

CORO_TEST(channel, struct aio_channel channel; int items[2]; struct sends *sender; struct recvs *receiver;)
{
    AIO_BEGIN;
    aio_channel_init(&self->channel, self->items);
    self->sender = aio_create_task(aio_new(sends, &self->channel, 1, 5));
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("s1 s2 ");
    self->receiver = aio_create_task(aio_new(recvs, &self->channel, 1));
    AIO_AWAIT(self->receiver);
    CHECK_NOTES("r1=1 r1=2 r1=3 s3 s4 r1=4 r1. ");
    AIO_AWAIT(self->sender);
    aio_release(self->sender);
    aio_release(self->receiver);
    check_idle(&self->channel.queue);
    AIO_END;
}

/* Without room: neither goes on before the other has come. */
CORO_TEST(rendezvous, struct aio_channel channel; struct sends *sender; struct recvs *receiver; int item;)
{
    AIO_BEGIN;
    aio_channel_init_unbuffered(&self->channel, sizeof self->item);
    CHECK_INT(aio_channel_try_send(&self->channel, &self->item), AIO_EAGAIN);
    CHECK_INT(aio_channel_try_recv(&self->channel, &self->item), AIO_EAGAIN);
    self->sender = aio_create_task(aio_new(sends, &self->channel, 1, 5));
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("");                                    /* the sender waits */
    CHECK_INT(aio_channel_try_recv(&self->channel, &self->item), 0);
    CHECK_INT(self->item, 1);
    CHECK_INT(aio_channel_try_recv(&self->channel, &self->item), AIO_EAGAIN);
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("s1 ");
    self->receiver = aio_create_task(aio_new(recvs, &self->channel, 1));
    AIO_AWAIT(self->receiver);
    CHECK_NOTES("r1=2 s2 s3 r1=3 r1=4 s4 r1. ");
    AIO_AWAIT(self->sender);
    aio_release(self->sender);
    aio_release(self->receiver);
    aio_channel_init_unbuffered(&self->channel, sizeof self->item);
    self->receiver = aio_create_task(aio_new(recvs, &self->channel, 2));
    AIO_AWAIT(aio_sleep(1));                            /* the receiver waits */
    self->item = 7;
    CHECK_INT(aio_channel_try_send(&self->channel, &self->item), 0);
    CHECK_INT(aio_channel_try_send(&self->channel, &self->item), AIO_EAGAIN);
    self->sender = aio_create_task(aio_new(sends, &self->channel, 8, 10));
    AIO_AWAIT(self->receiver);
    CHECK_NOTES("r2=7 s8 r2=8 r2=9 s9 r2. ");
    aio_release(self->sender);
    aio_release(self->receiver);
    check_idle(&self->channel.queue);
    AIO_END;
}

/* Each end closed, with room and without, while the others wait. */
CORO_TEST(closed, struct aio_channel channel; int items[1], item, k, error, got; struct sends *senders[2]; struct recvs *receivers[2];)
{
    AIO_BEGIN;
    for (self->k = 0; self->k < 4; self->k++) {
        if (self->k & 1)
            aio_channel_init(&self->channel, self->items);
        else
            aio_channel_init_unbuffered(&self->channel, sizeof self->item);
        self->senders[0] = aio_create_task(aio_new(sends, &self->channel, 1, 9));
        self->senders[1] = aio_create_task(aio_new(sends, &self->channel, 11, 19));
        AIO_AWAIT(aio_sleep(1));
        if (self->k & 2)
            aio_channel_close_recv(&self->channel);
        else
            aio_channel_close_send(&self->channel);
        AIO_TRY(self->error, self->senders[0]);
        CHECK_INT(self->error, self->k & 2 ? AIO_EPIPE : AIO_ESHUTDOWN);
        AIO_TRY(self->error, self->senders[1]);
        CHECK_INT(self->error, self->k & 2 ? AIO_EPIPE : AIO_ESHUTDOWN);
        CHECK_NOTES(self->k == 0 ? "s1s s11s " : self->k == 1 ? "s1 s2s s11s " : self->k == 2 ? "s1p s11p " :
                    "s1 s2p s11p ");
        AIO_TRY(self->error, aio_channel_send(&self->channel, &self->item));
        CHECK_INT(self->error, self->k & 2 ? AIO_EPIPE : AIO_ESHUTDOWN);
        CHECK_INT(aio_channel_try_send(&self->channel, &self->item), self->k & 2 ? AIO_EPIPE : AIO_ESHUTDOWN);
        if (self->k == 1) {                             /* what is in it comes out */
            AIO_AWAIT(self->got, aio_channel_recv(&self->channel, &self->item));
            CHECK(self->got == 1 && self->item == 1);
        }
        self->got = 5;
        AIO_AWAIT(self->got, aio_channel_recv(&self->channel, &self->item));
        CHECK_INT(self->got, 0);
        CHECK_INT(aio_channel_try_recv(&self->channel, &self->item), AIO_ESHUTDOWN);
        aio_release(self->senders[0]);
        aio_release(self->senders[1]);

        if (self->k & 1)
            aio_channel_init(&self->channel, self->items);
        else
            aio_channel_init_unbuffered(&self->channel, sizeof self->item);
        self->receivers[0] = aio_create_task(aio_new(recvs, &self->channel, 1));
        self->receivers[1] = aio_create_task(aio_new(recvs, &self->channel, 2));
        AIO_AWAIT(aio_sleep(1));
        if (self->k & 2)
            aio_channel_close_recv(&self->channel);
        else
            aio_channel_close_send(&self->channel);
        AIO_AWAIT(self->receivers[0]);
        AIO_AWAIT(self->receivers[1]);
        CHECK_NOTES("r1. r2. ");
        aio_release(self->receivers[0]);
        aio_release(self->receivers[1]);
        check_idle(&self->channel.queue);
    }
    aio_channel_close_recv(&self->channel);             /* both ends */
    aio_channel_close_send(&self->channel);
    CHECK_INT(aio_channel_try_send(&self->channel, &self->item), AIO_EPIPE);
    memset(&self->channel, 0, sizeof self->channel);    /* zeroed: both are closed */
    AIO_TRY(self->error, aio_channel_send(&self->channel, &self->item));
    CHECK_INT(self->error, AIO_ESHUTDOWN);
    self->got = 5;
    AIO_AWAIT(self->got, aio_channel_recv(&self->channel, &self->item));
    CHECK_INT(self->got, 0);
    CHECK_INT(aio_channel_try_recv(&self->channel, &self->item), AIO_ESHUTDOWN);
    aio_channel_close_send(&self->channel);
    AIO_AWAIT(self->got, aio_channel_recv(&self->channel, &self->item));
    CHECK_INT(self->got, 0);
    AIO_END;
}

/* Cancelled before it met a receiver, an item is not sent; after that, it is. */
CORO_TEST(rendezvous_cancelled, struct aio_channel channel; struct sends *sender; struct aio_int *task; int item, error, got;)
{
    AIO_BEGIN;
    aio_channel_init_unbuffered(&self->channel, sizeof self->item);
    self->sender = aio_create_task(aio_new(sends, &self->channel, 1, 9));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->sender));
    AIO_TRY(self->error, self->sender);
    CHECK_INT(aio_channel_try_recv(&self->channel, &self->item), AIO_EAGAIN);
    aio_release(self->sender);
    self->sender = aio_create_task(aio_new(sends, &self->channel, 1, 9));
    AIO_AWAIT(aio_sleep(1));
    CHECK_INT(aio_channel_try_recv(&self->channel, &self->item), 0);
    CHECK(aio_task_cancel(self->sender));
    AIO_TRY(self->error, self->sender);
    CHECK_NOTES("s1x s1 s2x ");
    aio_release(self->sender);
    self->task = aio_create_task(aio_channel_recv(&self->channel, &self->item));    /* as a task, with its result */
    AIO_AWAIT(aio_sleep(1));
    self->got = 8;
    CHECK_INT(aio_channel_try_send(&self->channel, &self->got), 0);
    CHECK(aio_task_cancel(self->task));
    AIO_AWAIT(self->got, self->task);
    CHECK(self->got == 1 && self->item == 8 && self->task->result == 1);
    aio_release(self->task);
    AIO_TRY(self->error, self->got, aio_wait_for(aio_channel_recv(&self->channel, &self->item), 5));
    CHECK(self->error == AIO_ETIMEDOUT && self->got == 0);
    check_idle(&self->channel.queue);
    AIO_END;
}

/* ------------------------------------------------------------------------------------- broadcasts */

struct hears { AIO_FRAME(void); struct aio_broadcast *broadcast; int id; aio_time slow; int got, error, item; struct aio_subscription to; };
static AIO_CORO(hears)
{
    AIO_BEGIN;
    aio_broadcast_subscribe(self->broadcast, &self->to);
    do {
        AIO_TRY(self->error, self->got, aio_broadcast_recv(&self->to, &self->item));
        if (self->error)
            note("b%d%c%u ", self->id, how(self->error), (unsigned)self->to.missed);
        else if (self->got)
            note("b%d=%d ", self->id, self->item);
        if (self->slow)
            AIO_AWAIT(aio_sleep(self->slow));
    } while (self->error || self->got);
    note("b%d. ", self->id);
    AIO_FINALLY;
    if (aio_coro_error(self))
        note("b%d%c ", self->id, how(aio_coro_error(self)));
    AIO_END;
}
static int tell(struct aio_broadcast *broadcast, int item) { return aio_broadcast_send(broadcast, &item); }

CORO_TEST(broadcast, struct aio_broadcast broadcast; int items[3]; struct hears *tasks[2];)
{
    AIO_BEGIN;
    aio_broadcast_init(&self->broadcast, self->items);
    CHECK_INT(tell(&self->broadcast, 1), 0);            /* nobody has subscribed */
    self->tasks[0] = aio_create_task(aio_new(hears, &self->broadcast, 1));
    AIO_AWAIT(aio_sleep(1));
    CHECK_INT(tell(&self->broadcast, 2), 0);
    self->tasks[1] = aio_create_task(aio_new(hears, &self->broadcast, 2));
    AIO_AWAIT(aio_sleep(1));
    CHECK_INT(tell(&self->broadcast, 3), 0);
    CHECK_INT(tell(&self->broadcast, 4), 0);
    CHECK_INT(tell(&self->broadcast, 5), 0);            /* as many as it holds */
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("b1=2 b1=3 b1=4 b1=5 b2=3 b2=4 b2=5 ");
    CHECK_INT(tell(&self->broadcast, 6), 0);
    aio_broadcast_close(&self->broadcast);              /* what was sent is still heard */
    CHECK_INT(tell(&self->broadcast, 7), AIO_ESHUTDOWN);
    AIO_AWAIT(self->tasks[0]);
    AIO_AWAIT(self->tasks[1]);
    CHECK_NOTES("b1=6 b1. b2=6 b2. ");
    aio_release(self->tasks[0]);
    aio_release(self->tasks[1]);
    CHECK(!self->broadcast.waiters);
    AIO_END;
}

CORO_TEST(broadcast_lags, struct aio_broadcast broadcast; int items[3], i, got, item, error; struct hears *task; struct aio_subscription to;)
{
    AIO_BEGIN;
    aio_broadcast_init(&self->broadcast, self->items);
    self->task = aio_create_task(aio_new(hears, &self->broadcast, 1));
    AIO_AWAIT(aio_sleep(1));
    for (self->i = 1; self->i <= 4; self->i++)          /* one too many, while its wake-up is on its way */
        CHECK_INT(tell(&self->broadcast, self->i), 0);
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("b1o1 b1=2 b1=3 b1=4 ");
    for (self->i = 5; self->i <= 14; self->i++)
        CHECK_INT(tell(&self->broadcast, self->i), 0);
    aio_broadcast_close(&self->broadcast);
    AIO_AWAIT(self->task);
    CHECK_NOTES("b1o8 b1=12 b1=13 b1=14 b1. ");         /* 7 more, in all 8 */
    aio_release(self->task);
    aio_broadcast_init(&self->broadcast, self->items);  /* missed, and missed again before the next call */
    aio_broadcast_subscribe(&self->broadcast, &self->to);
    for (self->i = 1; self->i <= 4; self->i++)
        CHECK_INT(tell(&self->broadcast, self->i), 0);
    AIO_TRY(self->error, self->got, aio_broadcast_recv(&self->to, &self->item));
    CHECK_INT(self->error, AIO_EOVERFLOW);
    CHECK_INT(tell(&self->broadcast, 5), 0);
    AIO_TRY(self->error, self->got, aio_broadcast_recv(&self->to, &self->item));
    CHECK_INT(self->error, AIO_EOVERFLOW);
    CHECK_INT(self->to.missed, 2);
    AIO_AWAIT(self->got, aio_broadcast_recv(&self->to, &self->item));
    CHECK(self->got == 1 && self->item == 3);
    aio_broadcast_subscribe(&self->broadcast, &self->to);       /* anew */
    CHECK_INT(self->to.missed, 0);
    self->broadcast.sent = self->to.next = UINT32_MAX;  /* the count of items goes round */
    CHECK_INT(tell(&self->broadcast, 6) || tell(&self->broadcast, 7), 0);
    AIO_AWAIT(self->got, aio_broadcast_recv(&self->to, &self->item));
    CHECK(self->got == 1 && self->item == 6);
    AIO_AWAIT(self->got, aio_broadcast_recv(&self->to, &self->item));
    CHECK(self->got == 1 && self->item == 7);
    AIO_END;
}

CORO_TEST(broadcast_cancelled, struct aio_broadcast broadcast; struct job items[2], job; int numbers[2]; struct hears *tasks[3]; int i, error, got;
          struct aio_subscription to; struct aio_int *task;)
{
    AIO_BEGIN;
    aio_broadcast_init(&self->broadcast, self->numbers);
    for (self->i = 0; self->i < 3; self->i++)
        self->tasks[self->i] = aio_create_task(aio_new(hears, &self->broadcast, self->i + 1));
    AIO_AWAIT(aio_sleep(1));
    CHECK(aio_task_cancel(self->tasks[1]));             /* while it waits */
    CHECK_INT(tell(&self->broadcast, 1), 0);
    CHECK(aio_task_cancel(self->tasks[0]));             /* woken: it is replaced */
    AIO_AWAIT(aio_sleep(1));
    aio_broadcast_close(&self->broadcast);
    AIO_AWAIT(self->tasks[2]);
    CHECK_NOTES("b2x b1x b3=1 b3. ");
    for (self->i = 0; self->i < 3; self->i++)
        aio_release(self->tasks[self->i]);
    aio_broadcast_init(&self->broadcast, self->items);
    aio_broadcast_subscribe(&self->broadcast, &self->to);
    AIO_TRY(self->error, self->got, aio_wait_for(aio_broadcast_recv(&self->to, &self->job), 5));
    CHECK(self->error == AIO_ETIMEDOUT && self->got == 0);
    CHECK(!self->broadcast.waiters);
    self->task = aio_create_task(aio_broadcast_recv(&self->to, &self->job));
    AIO_AWAIT(aio_sleep(1));
    self->items[0].urgency = 0;
    self->job.urgency = 5;
    CHECK_INT(aio_broadcast_send(&self->broadcast, &self->job), 0);
    self->job.urgency = 6;
    CHECK(aio_task_cancel(self->task));
    AIO_TRY(self->error, self->task);
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(self->job.urgency, 6);
    aio_release(self->task);
    aio_discard(aio_broadcast_recv(&self->to, &self->job));
    AIO_AWAIT(self->got, aio_broadcast_recv(&self->to, &self->job));    /* and nothing was lost */
    CHECK(self->got == 1 && self->job.urgency == 5);
    memset(&self->broadcast, 0, sizeof self->broadcast);                /* zeroed: closed */
    memset(&self->to, 0, sizeof self->to);
    self->got = 5;
    AIO_AWAIT(self->got, aio_broadcast_recv(&self->to, &self->job));    /* of nothing */
    CHECK_INT(self->got, 0);
    aio_broadcast_subscribe(&self->broadcast, &self->to);
    CHECK_INT(aio_broadcast_send(&self->broadcast, &self->job), AIO_ESHUTDOWN);
    self->got = 5;
    AIO_AWAIT(self->got, aio_broadcast_recv(&self->to, &self->job));
    CHECK_INT(self->got, 0);
    AIO_END;
}

/* ---------------------------------------------------------------------------------------- watches */

struct watches { AIO_FRAME(void); struct aio_watch *watch; int id; int got, value; struct aio_watcher watcher; };
static AIO_CORO(watches)
{
    AIO_BEGIN;
    aio_watch_subscribe(self->watch, &self->watcher);
    AIO_WHILE(self->got, aio_watch_next(&self->watcher, &self->value))
        note("w%d=%d ", self->id, self->value);
    note("w%d. ", self->id);
    AIO_FINALLY;
    if (aio_coro_error(self))
        note("w%d%c ", self->id, how(aio_coro_error(self)));
    AIO_END;
}
static int set(struct aio_watch *watch, int value) { return aio_watch_set(watch, &value); }

CORO_TEST(watch, struct aio_watch watch; int value, got, error, i; struct watches *tasks[3]; struct aio_watcher watcher;)
{
    AIO_BEGIN;
    self->value = 1;
    aio_watch_init(&self->watch, &self->value);
    self->tasks[0] = aio_create_task(aio_new(watches, &self->watch, 1));
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("w1=1 ");                               /* its first look finds the present value */
    CHECK_INT(set(&self->watch, 2), 0);
    CHECK_INT(self->value, 2);                          /* the variable is kept up to date */
    CHECK(self->watch.value == &self->value);
    CHECK_INT(set(&self->watch, 3), 0);
    self->tasks[1] = aio_create_task(aio_new(watches, &self->watch, 2));
    self->tasks[2] = aio_create_task(aio_new(watches, &self->watch, 3));
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("w1=3 w2=3 w3=3 ");                     /* only the latest */
    CHECK(aio_task_cancel(self->tasks[2]));
    CHECK_INT(set(&self->watch, 3), 0);                 /* set is new, even to the same */
    CHECK(aio_task_cancel(self->tasks[1]));
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("w3x w1=3 w2x ");
    self->value = 4;
    CHECK_INT(aio_watch_set(&self->watch, &self->value), 0);    /* in place */
    aio_watch_subscribe(&self->watch, &self->watcher);
    aio_watch_close(&self->watch);
    CHECK_INT(set(&self->watch, 5), AIO_ESHUTDOWN);
    CHECK_INT(self->value, 4);
    AIO_AWAIT(self->tasks[0]);
    CHECK_NOTES("w1=4 w1. ");                           /* what is new is seen before the end */
    self->value = 0;
    AIO_AWAIT(self->got, aio_watch_next(&self->watcher, &self->i));
    CHECK_INT(self->got, 1);
    AIO_AWAIT(self->got, aio_watch_next(&self->watcher, &self->i));
    CHECK_INT(self->got, 0);
    for (self->i = 0; self->i < 3; self->i++)
        aio_release(self->tasks[self->i]);
    CHECK(!self->watch.waiters);
    aio_watch_init(&self->watch, &self->value);
    aio_watch_subscribe(&self->watch, &self->watcher);
    aio_discard(aio_watch_next(&self->watcher, &self->i));      /* has not looked */
    AIO_AWAIT(self->got, aio_watch_next(&self->watcher, &self->i));
    CHECK_INT(self->got, 1);
    AIO_TRY(self->error, self->got, aio_wait_for(aio_watch_next(&self->watcher, &self->i), 5));
    CHECK(self->error == AIO_ETIMEDOUT && self->got == 0);
    CHECK(!self->watch.waiters);
    self->tasks[0] = aio_create_task(aio_new(watches, &self->watch, 4));
    AIO_AWAIT(aio_sleep(1));
    aio_watch_close(&self->watch);                              /* while it waits */
    AIO_AWAIT(self->tasks[0]);
    CHECK_NOTES("w4=0 w4. ");
    aio_release(self->tasks[0]);
    memset(&self->watch, 0, sizeof self->watch);                /* zeroed: closed */
    memset(&self->watcher, 0, sizeof self->watcher);
    self->got = 5;
    AIO_AWAIT(self->got, aio_watch_next(&self->watcher, &self->i));
    CHECK_INT(self->got, 0);
    aio_watch_subscribe(&self->watch, &self->watcher);
    CHECK_INT(set(&self->watch, 1), AIO_ESHUTDOWN);
    self->got = 5;
    AIO_AWAIT(self->got, aio_watch_next(&self->watcher, &self->i));
    CHECK_INT(self->got, 0);
    AIO_END;
}

/* Both let the others run: a sender that is heard at once by itself. */
struct talks { AIO_FRAME(void); struct aio_broadcast *broadcast; struct aio_watch *watch; int done, item; struct aio_subscription to; struct aio_watcher watcher; };
static AIO_CORO(talks)
{
    AIO_BEGIN;
    if (self->broadcast)
        aio_broadcast_subscribe(self->broadcast, &self->to);
    else
        aio_watch_subscribe(self->watch, &self->watcher);
    for (;; self->done++)
        if (self->broadcast) {
            CHECK_INT(tell(self->broadcast, self->done), 0);
            AIO_AWAIT(aio_broadcast_recv(&self->to, &self->item));
        } else {
            CHECK_INT(set(self->watch, self->done), 0);
            AIO_AWAIT(aio_watch_next(&self->watcher, &self->item));
        }
    AIO_END;
}
CORO_TEST(budget_of_broadcast_and_watch, struct aio_broadcast broadcast; struct aio_watch watch; int items[1], k, error; struct talks *task;)
{
    AIO_BEGIN;
    aio_broadcast_init(&self->broadcast, self->items);
    aio_watch_init(&self->watch, &self->items[0]);
    for (self->k = 0; self->k < 2; self->k++) {
        self->task = aio_create_task(aio_new(talks, self->k ? NULL : &self->broadcast, &self->watch));
        AIO_AWAIT(aio_sleep(0));
        CHECK_INT(self->task->done, AIO_BUDGET);
        CHECK(aio_task_cancel(self->task));
        AIO_TRY(self->error, self->task);
        CHECK_INT(self->error, AIO_ECANCELED);
        CHECK_INT(self->task->done, AIO_BUDGET);
        aio_release(self->task);
    }
    AIO_END;
}

/* --------------------------------------------------------------------------------- all at random

   Producers, consumers and lockers that are cancelled and timed out whenever. No item is lost, none comes twice;
   to one consumer they come in the order in which their producer put them; no permit is lost, no lock is kept; all
   ends. */
enum { PRODUCERS = 6, CONSUMERS = 6, LOCKERS = 6, ROUNDS = 40 };
struct fuzz {
    struct aio_queue queue;
    struct aio_lock lock;
    struct aio_semaphore semaphore;
    struct aio_condition changed;
    struct item { int producer, number, more[4]; } items[3];
    int put[PRODUCERS];                 /* how many went in, */
    int got[PRODUCERS][ROUNDS];         /* and how often each came out */
    int inside, holders, finished;
    unsigned seed;
};
static unsigned roll(struct fuzz *fuzz, unsigned n)
{
    fuzz->seed = fuzz->seed * 1103515245u + 12345u;
    return (fuzz->seed >> 16) % n;
}

struct produces { AIO_FRAME(void); struct fuzz *fuzz; int id, i, error, in; struct item item; };
static AIO_CORO(produces)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < ROUNDS; self->i++) {
        self->item.producer = self->id;
        self->item.number = self->fuzz->put[self->id];
        memset(self->item.more, self->item.number, sizeof self->item.more);
        if (roll(self->fuzz, 3) == 0)
            AIO_CATCH(self->error, aio_wait_for(aio_queue_put(&self->fuzz->queue, &self->item), 1 + roll(self->fuzz, 3)));
        else if (roll(self->fuzz, 4) == 0)
            self->error = aio_queue_put_nowait(&self->fuzz->queue, &self->item);
        else
            AIO_CATCH(self->error, aio_queue_put(&self->fuzz->queue, &self->item));
        if (!self->error)
            self->fuzz->put[self->id]++;
        if (roll(self->fuzz, 2))
            AIO_CATCH(self->error, aio_sleep(roll(self->fuzz, 3)));
    }
    self->fuzz->finished++;
    AIO_END;
}

struct eats { AIO_FRAME(void); struct fuzz *fuzz; struct item item; int error, next[PRODUCERS]; };
static AIO_CORO(eats)
{
    AIO_BEGIN;
    for (;;) {
        self->item.number = -1;
        if (roll(self->fuzz, 3) == 0)
            AIO_CATCH(self->error, aio_wait_for(aio_queue_get(&self->fuzz->queue, &self->item), 1 + roll(self->fuzz, 3)));
        else if (roll(self->fuzz, 4) == 0)
            self->error = aio_queue_get_nowait(&self->fuzz->queue, &self->item);
        else
            AIO_CATCH(self->error, aio_queue_get(&self->fuzz->queue, &self->item));
        if (self->error == AIO_ESHUTDOWN)
            break;
        if (self->error)
            CHECK_INT(self->item.number, -1);           /* nothing was written */
        else {
            CHECK(self->item.number >= self->next[self->item.producer]);
            self->next[self->item.producer] = self->item.number + 1;
            CHECK_INT((unsigned char)self->item.more[3], (unsigned char)self->item.number);
            self->fuzz->got[self->item.producer][self->item.number]++;
            aio_queue_task_done(&self->fuzz->queue);
        }
        if (self->error == AIO_EAGAIN || roll(self->fuzz, 2))
            AIO_CATCH(self->error, aio_sleep(roll(self->fuzz, 3)));
    }
    self->fuzz->finished++;
    AIO_END;
}

struct locks { AIO_FRAME(void); struct fuzz *fuzz; int i, error; struct aio_permit permit; };
static AIO_CORO(locks)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < ROUNDS; self->i++) {
        if (roll(self->fuzz, 3) == 0)
            AIO_CATCH(self->error, aio_wait_for(aio_semaphore_take(&self->fuzz->semaphore, &self->permit),
                                                1 + roll(self->fuzz, 2)));
        else
            AIO_CATCH(self->error, aio_semaphore_take(&self->fuzz->semaphore, &self->permit));
        CHECK(!self->error == (self->permit.semaphore != NULL));
        if (self->permit.semaphore) {
            CHECK(++self->fuzz->inside <= 2);
            AIO_CATCH(self->error, aio_sleep(roll(self->fuzz, 3)));
        }
        if (roll(self->fuzz, 3) == 0)
            AIO_CATCH(self->error, aio_wait_for(aio_lock_acquire(&self->fuzz->lock), 1 + roll(self->fuzz, 2)));
        else
            AIO_CATCH(self->error, aio_lock_acquire(&self->fuzz->lock));
        CHECK(!self->error == aio_lock_held(&self->fuzz->lock));
        if (!self->error) {
            CHECK_INT(++self->fuzz->holders, 1);
            AIO_CATCH(self->error, aio_sleep(roll(self->fuzz, 2)));
            if (roll(self->fuzz, 3) == 0) {
                self->fuzz->holders--;
                aio_condition_notify(&self->fuzz->changed, 1 + roll(self->fuzz, 2));
                AIO_CATCH(self->error, aio_wait_for(aio_condition_wait(&self->fuzz->changed, &self->fuzz->lock),
                                                    1 + roll(self->fuzz, 3)));
                CHECK(aio_lock_held(&self->fuzz->lock));
                CHECK_INT(++self->fuzz->holders, 1);
            }
            self->fuzz->holders--;
            aio_lock_release(&self->fuzz->lock);
        }
        if (self->permit.semaphore)
            self->fuzz->inside--;
        aio_permit_return(&self->permit);
    }
    self->fuzz->finished++;
    AIO_END;
}

struct chaos {
    AIO_FRAME(void);
    struct fuzz *fuzz;
    struct aio_any *tasks[PRODUCERS + CONSUMERS + LOCKERS];
    struct produces *producers[PRODUCERS];
    struct eats *consumers[CONSUMERS];
    struct locks *lockers[LOCKERS];
    int i, n, error;
};
static AIO_CORO(chaos)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < PRODUCERS; self->i++) {
        self->producers[self->i] = aio_create_task(aio_new(produces, self->fuzz, self->i));
        self->tasks[self->n++] = aio_any(self->producers[self->i]);
        self->consumers[self->i] = aio_create_task(aio_new(eats, self->fuzz));
        self->tasks[self->n++] = aio_any(self->consumers[self->i]);
        self->lockers[self->i] = aio_create_task(aio_new(locks, self->fuzz));
        self->tasks[self->n++] = aio_any(self->lockers[self->i]);
    }
    AIO_AWAIT(aio_sleep(1));                            /* all have begun, and catch what comes */
    while (self->fuzz->finished < PRODUCERS + LOCKERS) {
        for (self->i = (int)roll(self->fuzz, 6); self->i > 0; self->i--)
            aio_task_cancel(self->tasks[roll(self->fuzz, (unsigned)self->n)]);
        AIO_AWAIT(aio_sleep(roll(self->fuzz, 2)));
    }
    AIO_AWAIT(aio_queue_join(&self->fuzz->queue));
    aio_queue_shutdown(&self->fuzz->queue, false);
    for (self->i = 0; self->i < self->n; self->i++)
        AIO_TRY(self->error, self->tasks[self->i]);     /* a request may have come too late for it to notice */
    AIO_FINALLY;
    for (self->i = 0; self->i < self->n; self->i++)
        aio_release(self->tasks[self->i]);
    AIO_END;
}

TEST(at_random)
{
    unsigned seed;
    int i, k;
    for (seed = 1; seed <= (getenv("AIO_TEST_SLOW") ? 4 : 200) && !tap_failed; seed++) {
        static struct fuzz fuzz;
        int in = 0;
        memset(&fuzz, 0, sizeof fuzz);
        fuzz.seed = seed;
        aio_queue_init(&fuzz.queue, fuzz.items);
        aio_bounded_semaphore_init(&fuzz.semaphore, 2);
        CHECK_INT(run(aio_new(chaos, &fuzz)), 0);
        for (i = 0; i < PRODUCERS; in += fuzz.put[i++])
            for (k = 0; k < ROUNDS; k++)
                CHECK_INT(fuzz.got[i][k], k < fuzz.put[i]);
        CHECK(in > PRODUCERS * ROUNDS / 4, "%d", in);
        CHECK_INT(fuzz.queue.length, 0);
        CHECK_INT(fuzz.queue.unfinished, 0);
        CHECK_INT(fuzz.semaphore.value, 2);
        CHECK(!fuzz.lock.locked && !fuzz.lock.waiters && !fuzz.semaphore.waiters && !fuzz.changed.waiters);
        CHECK_INT(fuzz.finished, PRODUCERS + CONSUMERS + LOCKERS);
        check_idle(&fuzz.queue);
        CHECK_NOTES("");
        if (tap_failed)
            printf("# seed %u\n", seed);
    }
}

/* The consumer of a worker pool: the end of the queue is a result, not an error. */
struct takes_all { AIO_FRAME(int); struct aio_queue *queue; int more, item; };
static AIO_CORO(takes_all)
{
    AIO_BEGIN;
    AIO_WHILE(self->more, aio_queue_next(self->queue, &self->item)) {
        note("%d ", self->item);
        aio_queue_task_done(self->queue);
    }
    note("end ");
    AIO_END;
}

CORO_TEST(next_until_shutdown, struct aio_queue queue; int items[2], i, more; struct aio_group group;)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->items);
    aio_group_open(&self->group, self, 0, 0);
    for (self->i = 0; self->i < 3; self->i++)
        CHECK_INT(aio_group_spawn(&self->group, aio_new(takes_all, .queue = &self->queue)), 0);
    for (self->i = 0; self->i < 5; self->i++)
        AIO_AWAIT(aio_queue_put(&self->queue, &self->i));
    AIO_AWAIT(aio_queue_join(&self->queue));
    aio_queue_shutdown(&self->queue, false);            /* all three wait, one in the queue's own operation */
    AIO_AWAIT(aio_group_join(&self->group));
    CHECK_NOTES("0 1 2 3 4 end end end ");
    AIO_AWAIT(self->more, aio_queue_next(&self->queue, &self->i));
    CHECK_INT(self->more, 0);
    check_idle(&self->queue);
    AIO_END;
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(first_in_first_out), T(last_in_first_out), T(by_priority), T(of_one), T(not_an_array), T(zeroed),
        T(items_of_1), T(items_of_4), T(items_of_8), T(items_of_16), T(items_of_17), T(items_of_100),
        T(copied_at_the_call), T(getters_in_order), T(getters_apart), T(either), T(loops_apart),
        T(putters_in_order), T(putters_of_other_orders),
        T(cancel_a_getter), T(cancel_a_putter), T(cancel_after_the_grant), T(timeouts), T(as_tasks),
        T(in_groups_and_in_finally), T(discarded), T(budget), T(waits_at_once), T(join), T(get_behind_next), T(shutdown),
        T(shutdown_with_work_out),
        T(channel), T(rendezvous), T(closed), T(rendezvous_cancelled), T(broadcast), T(broadcast_lags),
        T(broadcast_cancelled), T(watch), T(budget_of_broadcast_and_watch), T(at_random), T(next_until_shutdown));
}
