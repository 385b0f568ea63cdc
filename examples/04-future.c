/* 04-future.c - a result that somebody will set later.

   One task computes, two wait for the number; a callback hears of it too. A future without a result
   (void) says no more than "now": it holds the computation back until both are waiting.

   Build:
       cc -iquote . examples/04-future.c -o future

   Prints:
       anna waits
       bert waits
       go
       anna got 42
       bert got 42
       the callback saw 42
*/
#include <stdio.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"

/* Zeroed, a future is pending. This one is never moved while anybody waits: it is in a frame. */
struct answer {
    AIO_FUTURE(void) go;
    AIO_FUTURE(int) number;
};

struct compute { AIO_FRAME(void); struct answer *answer; };

static AIO_CORO(compute)
{
    AIO_BEGIN;
    AIO_AWAIT(&self->answer->go);
    printf("go\n");
    AIO_AWAIT(aio_sleep(AIO_MS(10)));               /* hard work */
    aio_future_set_result(&self->answer->number, 42);
    AIO_END;
}

struct person { AIO_FRAME(void); const char *name; struct answer *answer; int number; };

static AIO_CORO(person)
{
    AIO_BEGIN;
    printf("%s waits\n", self->name);
    AIO_AWAIT(self->number, &self->answer->number);
    printf("%s got %d\n", self->name, self->number);
    AIO_END;
}

static void heard(struct aio_callback *callback)
{
    const struct answer *answer = callback->arg;
    printf("the callback saw %d\n", answer->number.result);
}

struct program {
    AIO_FRAME(void);
    struct answer answer;
    struct aio_callback callback;
    struct aio_group people;
};

static AIO_CORO(program)
{
    AIO_BEGIN;
    aio_group_open(&self->people, self, 0, 0);
    if (aio_group_spawn(&self->people, aio_new(compute, &self->answer)) < 0 ||
        aio_group_spawn(&self->people, aio_new(person, "anna", &self->answer)) < 0 ||
        aio_group_spawn(&self->people, aio_new(person, "bert", &self->answer)) < 0)
        AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(aio_sleep(0));                        /* a turn: they run until they wait */
    self->callback.fn = heard;
    self->callback.arg = &self->answer;
    aio_add_done_callback(&self->answer.number, &self->callback);   /* waits in the same queue */
    aio_future_set_result(&self->answer.go);
    AIO_AWAIT(aio_group_join(&self->people));
    AIO_END;
}

int main(void)
{
    return aio_main(aio_new(program));
}
