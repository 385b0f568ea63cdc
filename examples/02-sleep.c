/* 02-sleep.c - one after another, or at once.

   Awaiting a coroutine is a call: the next line runs when it has ended. aio_create_task starts it
   beside us, and gives a handle to await later. Three naps take 0.6 s the first way, and as long as
   the longest the second way.

   Build:
       cc -iquote . examples/02-sleep.c -o naps

   Prints:
       one after another: a b c, 0.6 s
       at once: b c a, 0.3 s
*/
#include <stdio.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"

struct nap { AIO_FRAME(void); const char *name; aio_time length; };

static AIO_CORO(nap)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->length));
    printf(" %s", self->name);
    AIO_END;
}

struct naps { AIO_FRAME(void); aio_time start; struct nap *a, *b, *c; };

static double seconds_since(aio_time start)
{
    return (double)(aio_now() - start) / 1e9;
}

static AIO_CORO(naps)
{
    AIO_BEGIN;
    printf("one after another:");
    self->start = aio_now();
    AIO_AWAIT(aio_new(nap, "a", AIO_MS(300)));
    AIO_AWAIT(aio_new(nap, "b", AIO_MS(100)));
    AIO_AWAIT(aio_new(nap, "c", AIO_MS(200)));
    printf(", %.1f s\n", seconds_since(self->start));

    printf("at once:");
    self->start = aio_now();
    self->a = aio_create_task(aio_new(nap, "a", AIO_MS(300)));
    self->b = aio_create_task(aio_new(nap, "b", AIO_MS(100)));
    self->c = aio_create_task(aio_new(nap, "c", AIO_MS(200)));
    AIO_AWAIT(self->a);                             /* a task that did not start (NULL: memory is */
    AIO_AWAIT(self->b);                             /* out) is AIO_ENOMEM here */
    AIO_AWAIT(self->c);
    printf(", %.1f s\n", seconds_since(self->start));
    AIO_FINALLY;
    aio_release(self->a);                           /* handles are ours to give back; NULL is fine */
    aio_release(self->b);
    aio_release(self->c);
    AIO_END;
}

int main(void)
{
    return aio_main(aio_new(naps));
}
