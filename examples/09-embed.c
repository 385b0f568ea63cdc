/* 09-embed.c - a guest in somebody else's loop.

   The host here is a plain poll(2) loop with a descriptor of its own. It waits for ours beside it
   (aio_loop_fileno), for no longer than until our next timer (aio_loop_poll_timeout), and then gives
   us a turn that does not wait (aio_loop_turn). A poller without a descriptor, as select, gets its
   turns at least every 10 ms.

   Build:
       cc -iquote . examples/09-embed.c -o embed

   Prints:
       host: got "tick 1"
       host: got "tick 2"
       host: got "tick 3"
       guest: the host answered 3 times
*/
#include <poll.h>
#include <stdio.h>
#include <unistd.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"
#include "aio_net.h"

/* The guest: sends a tick now and then, and waits for an answer each time. */
struct ticker { AIO_FRAME(int); int fd, tick; char line[16], answer[1]; };

static AIO_CORO(ticker)
{
    AIO_BEGIN;
    for (self->tick = 1; self->tick <= 3; self->tick++) {
        AIO_AWAIT(aio_sleep(AIO_MS(20)));
        snprintf(self->line, sizeof self->line, "tick %d", self->tick);
        AIO_AWAIT(aio_send_all(self->fd, self->line, sizeof self->line));
        AIO_AWAIT(aio_recv_exactly(self->fd, self->answer, 1));
        self->result++;
    }
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}

/* The host's: something came in. */
static void host_input(int fd)
{
    char line[16];
    if (read(fd, line, sizeof line) == (ssize_t)sizeof line && write(fd, "!", 1) == 1)
        printf("host: got \"%s\"\n", line);
}

int main(void)
{
    struct aio_loop loop;
    struct ticker *guest;
    struct pollfd polled[2] = { { .events = POLLIN }, { .events = POLLIN } };
    int pair[2], error = aio_loop_init(&loop, NULL);
    if (error < 0 || (error = aio_socketpair(pair)) < 0) {
        fprintf(stderr, "no loop, or no sockets: %s\n", aio_strerror(error));
        return 1;
    }
    polled[0].fd = pair[0];
    polled[1].fd = aio_loop_fileno(&loop);          /* poll(2) passes over a negative one */
    guest = aio_loop_create_task(&loop, aio_new(ticker, .fd = pair[1]));
    while (guest && !aio_task_done(guest) && error >= 0) {
        poll(polled, 2, aio_loop_poll_timeout(&loop));
        if (polled[0].revents)
            host_input(pair[0]);
        error = aio_loop_turn(&loop, 0);            /* how many tasks and callbacks ran */
    }
    if (error >= 0)
        error = guest ? aio_task_error(guest) : AIO_ENOMEM;
    if (error == 0)
        printf("guest: the host answered %d times\n", guest->result);
    else
        fprintf(stderr, "failed: %s\n", aio_strerror(error));
    aio_release(guest);
    aio_loop_close(&loop);                          /* would end the guest, had it not ended */
    aio_close(pair[0]);
    return error == 0 ? 0 : 1;
}
