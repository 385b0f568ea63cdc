/* 06-echo-server.c - a TCP server that sends back what it gets, and ends well on ^C.

   A task for each connection, all in a group: none of them outlives the server, and one that fails
   is reported on standard error while the others go on. Talk to it with 07-client.c.

   Build:
       cc -iquote . examples/06-echo-server.c -o echo-server

   Usage: echo-server [PORT]       (0, the default: any free port; 7000 below)

   Prints, and then after SIGINT or SIGTERM:
       listening on 127.0.0.1:7000
       bye
*/
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"
#include "aio_net.h"
#include "aio_signal.h"

struct echo { AIO_FRAME(void); int fd; ptrdiff_t n; char buffer[4096]; };

static AIO_CORO(echo)
{
    AIO_BEGIN;
    AIO_WHILE(self->n, aio_recv(self->fd, self->buffer, sizeof self->buffer))
        AIO_AWAIT(aio_send_all(self->fd, self->buffer, (size_t)self->n));
    AIO_FINALLY;                                    /* the end of the stream, an error, or ^C */
    aio_close(self->fd);
    AIO_END;
}

struct serve { AIO_FRAME(void); uint16_t port; int fd, peer; struct aio_group peers; };

static AIO_CORO(serve)
{
    AIO_BEGIN;
    aio_group_open(&self->peers, self, 0, AIO_GROUP_KEEP_GOING);
    AIO_AWAIT(self->fd, aio_listen("127.0.0.1", self->port));
    {
        char address[64];
        aio_local_address(self->fd, address, sizeof address);
        printf("listening on %s\n", address);
        fflush(stdout);
    }
    for (;;) {
        AIO_AWAIT(self->peer, aio_accept(self->fd));
        if (aio_group_spawn(&self->peers, aio_new(echo, .fd = self->peer)) < 0)
            aio_close(self->peer);                  /* not started: the descriptor is still ours */
    }
    AIO_FINALLY;                                    /* all connections have ended by now */
    aio_close(self->fd);
    AIO_END;
}

struct on_signal { AIO_FRAME(void); int number; struct aio_group *tasks; };

static AIO_CORO(on_signal)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_signal_wait(self->number));
    aio_group_cancel(self->tasks);                  /* a member that was cancelled is no error */
    AIO_END;
}

struct program { AIO_FRAME(void); uint16_t port; struct aio_group tasks; };

static AIO_CORO(program)
{
    AIO_BEGIN;
    aio_group_open(&self->tasks, self, 0, 0);
    /* The signals first: until somebody waits for them, they kill. */
    if (aio_group_spawn(&self->tasks, aio_new(on_signal, SIGINT, &self->tasks)) < 0 ||
        aio_group_spawn(&self->tasks, aio_new(on_signal, SIGTERM, &self->tasks)) < 0 ||
        aio_group_spawn(&self->tasks, aio_new(serve, .port = self->port)) < 0)
        AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(aio_group_join(&self->tasks));        /* fails if the server does */
    printf("bye\n");
    AIO_END;
}

int main(int argc, char **argv)
{
    return aio_main(aio_new(program, .port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 0)));
}
