/* 17-threads.c - blocking work in threads, beside a clock that keeps ticking.

   AIO_JOB is a coroutine whose body is plain C and runs in a thread: it may compute, or block, as
   long as it likes, and the loop goes on. Arguments and result are members of the frame, as
   ever; what the body returns is 0 or the error that the await raises. For a function that is there
   already, there is aio_to_thread(fn, arg).

   Build:
       cc -iquote . examples/17-threads.c -o threads -pthread

   Prints:
       primes below 200000: 17984
       primes below 400000: 33860
       nobody counts below -1: invalid argument
       strdup in a thread: hello
       the clock has ticked
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"
#include "aio_thread.h"

struct primes { AIO_FRAME(int); int below; };

static AIO_JOB(primes)                              /* not AIO_CORO: no AIO_BEGIN, no await */
{
    int n, d;
    if (self->below < 0)
        return AIO_EINVAL;                          /* comes out of the await */
    for (n = 2; n < self->below; n++) {
        for (d = 2; d * d <= n && n % d != 0; d++)
            continue;
        self->result += d * d > n;
        if (aio_job_cancelled())                    /* whoever waits for us wants to go */
            return AIO_ECANCELED;
    }
    return 0;
}

static void *copy(void *text) { return strdup(text); }

struct ticker { AIO_FRAME(void); int *ticks; };

static AIO_CORO(ticker)
{
    AIO_BEGIN;
    for (;; ++*self->ticks)
        AIO_AWAIT(aio_sleep(AIO_MS(1)));
    AIO_END;
}

struct program { AIO_FRAME(void); struct primes *one, *two; int n, error, ticks; char *text; };

static AIO_CORO(program)
{
    AIO_BEGIN;
    if (aio_spawn(aio_new(ticker, &self->ticks)) < 0)
        AIO_RAISE(AIO_ENOMEM);
    self->one = aio_create_task(aio_new(primes, .below = 200000));      /* both at once */
    self->two = aio_create_task(aio_new(primes, .below = 400000));
    AIO_AWAIT(self->n, self->one);
    printf("primes below %d: %d\n", self->one->below, self->n);
    AIO_AWAIT(self->n, self->two);
    printf("primes below %d: %d\n", self->two->below, self->n);
    AIO_TRY(self->error, aio_wait_for(aio_new(primes, .below = -1), AIO_SEC(5)));
    printf("nobody counts below -1: %s\n", aio_strerror(self->error));
    AIO_AWAIT(self->text, aio_to_thread(copy, "hello"));
    printf("strdup in a thread: %s\n", self->text ? self->text : "(no memory)");
    printf("the clock has %s\n", self->ticks > 0 ? "ticked" : "stood still");
    AIO_FINALLY;
    free(self->text);                               /* also when we were cancelled: it is always handed over */
    aio_release(self->one);
    aio_release(self->two);
    AIO_END;
}

int main(void)
{
    return aio_main(aio_new(program));
}
