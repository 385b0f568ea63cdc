/* 13-shutdown.c - ends on SIGTERM, and finishes what it has begun: nothing that was accepted is lost.

   One task makes orders, another one handles them, and a queue is between them. On SIGTERM the
   queue is shut down: put fails from now on, and the consumer gets what is left, and 0 then. So both
   tasks end by themselves, the consumer last. Who takes more than ten seconds is cancelled.

   Build:
       cc -iquote . examples/13-shutdown.c -o shutdown

   Prints:
       order 1 handled
       order 2 handled
       somebody sends SIGTERM
       no more orders
       order 7 refused
       order 3 handled
       order 4 handled
       order 5 handled
       order 6 handled
       bye
*/
#include <signal.h>
#include <stdio.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"
#include "aio_signal.h"

struct producer { AIO_FRAME(void); struct aio_queue *orders; int order, error; };

static AIO_CORO(producer)
{
    AIO_BEGIN;
    for (self->order = 1; ; self->order++) {
        AIO_TRY(self->error, aio_queue_put(self->orders, &self->order));
        if (self->error)
            break;
    }
    if (self->error != AIO_ESHUTDOWN)
        AIO_RAISE(self->error);
    printf("order %d refused\n", self->order);      /* it was not put: it is still ours, to be told of */
    AIO_END;
}

struct consumer { AIO_FRAME(void); struct aio_queue *orders; int order, more; };

static AIO_CORO(consumer)
{
    AIO_BEGIN;
    AIO_WHILE(self->more, aio_queue_next(self->orders, &self->order)) {
        if (self->order == 3) {
            printf("somebody sends SIGTERM\n");     /* kill, systemd, a container that is stopped */
            raise(SIGTERM);
        }
        AIO_AWAIT(aio_sleep(AIO_MS(20)));           /* it takes a while */
        printf("order %d handled\n", self->order);
    }
    AIO_END;
}

struct shop { AIO_FRAME(void); int waiting[3], error; struct aio_queue orders; struct aio_group tasks; };

static AIO_CORO(shop)
{
    AIO_BEGIN;
    aio_queue_init(&self->orders, self->waiting);
    aio_group_open(&self->tasks, self, 0, 0);
    if (aio_group_spawn(&self->tasks, aio_new(producer, &self->orders)) < 0 ||
        aio_group_spawn(&self->tasks, aio_new(consumer, &self->orders)) < 0)
        AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(aio_signal_wait(SIGTERM));            /* or the error of a task */
    printf("no more orders\n");
    aio_queue_shutdown(&self->orders, false);
    AIO_TRY(self->error, aio_wait_for(aio_group_join(&self->tasks), AIO_SEC(10)));
    if (self->error) {
        aio_group_cancel(&self->tasks);
        AIO_RAISE(self->error);
    }
    printf("bye\n");
    AIO_END;
}

int main(void)
{
    return aio_main(aio_new(shop));
}
