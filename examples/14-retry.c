/* 14-retry.c - tries again, waits longer each time, and gives up when the time for all is up.

   aio_wait_for limits one try. AIO_TIMEOUT limits a block, here all tries and the pauses between
   them: when it strikes, what the block awaits is cancelled, and the body goes on behind the block.
   A cancellation by somebody else is neither's business: it passes through both.

   Build:
       cc -iquote . examples/14-retry.c -o retry

   Prints:
       mail, try 1: connection refused
       mail, try 2: timed out
       mail, try 3: connection refused
       mail: sent by try 4
       fax, try 1: connection refused
       fax, try 2: connection refused
       fax, try 3: connection refused
       fax: timed out
       pigeon: not permitted here
*/
#include <stdio.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"

enum { HANGS = 1 };

struct deliver { AIO_FRAME(void); int fate; };      /* stands for what is not reliable */

static AIO_CORO(deliver)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->fate == HANGS ? AIO_FOREVER : AIO_MS(1)));
    if (self->fate)
        AIO_RAISE(self->fate);
    AIO_END;
}

struct message { const char *by; aio_time limit; int fates[4]; };

struct retry { AIO_FRAME(int); const struct message *message; aio_time pause; struct aio_timeout all; int error; };

static AIO_CORO(retry)                              /* how many tries it took */
{
    AIO_BEGIN;
    self->pause = AIO_MS(10);
    AIO_TIMEOUT(&self->all, self->message->limit) {
        for (self->result = 1; ; self->result++) {
            AIO_TRY(self->error, aio_wait_for(aio_new(deliver, self->message->fates[self->result - 1]), AIO_MS(100)));
            if (!self->error)
                AIO_RETURN();                       /* leaves the block, too */
            if (self->error != AIO_ECONNREFUSED && self->error != AIO_ETIMEDOUT)
                AIO_RAISE(self->error);             /* to try again would not help */
            printf("%s, try %d: %s\n", self->message->by, self->result, aio_strerror(self->error));
            AIO_AWAIT(aio_sleep(self->pause));
            self->pause *= 5;                       /* and a random part, if many do the same */
        }
    }
    AIO_RAISE(AIO_ETIMEDOUT);                       /* only the deadline leads here */
    AIO_END;
}

static const struct message messages[] = {
    { "mail", AIO_SEC(60), { AIO_ECONNREFUSED, HANGS, AIO_ECONNREFUSED, 0 } },
    { "fax", AIO_MS(180), { AIO_ECONNREFUSED, AIO_ECONNREFUSED, AIO_ECONNREFUSED, 0 } },
    { "pigeon", AIO_SEC(60), { AIO_EPERM, 0, 0, 0 } }
};

struct program { AIO_FRAME(void); int i, tries, error; };

static AIO_CORO(program)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 3; self->i++) {
        AIO_TRY(self->error, self->tries, aio_new(retry, &messages[self->i]));
        if (self->error)
            printf("%s: %s\n", messages[self->i].by, aio_strerror(self->error));
        else
            printf("%s: sent by try %d\n", messages[self->i].by, self->tries);
    }
    AIO_END;
}

int main(void)
{
    return aio_main(aio_new(program));
}
