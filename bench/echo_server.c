/* echo_server.c - a TCP echo server to be measured: build/bench/echo_server PORT [epoll|select]

   Listens on 127.0.0.1, prints nothing, ends on SIGTERM or SIGINT. What to measure, with a client that
   keeps 50 connections busy (bench/echo_load.c):

       strace -f -c -p PID             system calls per request
       valgrind --tool=callgrind       instructions per request in user mode
       bench/echo.sh                   CPU time per request beside a bare epoll loop */
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"
#include "aio_select.h"
#include "aio_net.h"
#include "aio_signal.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct echo { AIO_FRAME(void); int fd; ssize_t n; char buffer[16384]; };
static AIO_CORO(echo)
{
    AIO_BEGIN;
    AIO_WHILE(self->n, aio_recv(self->fd, self->buffer, sizeof self->buffer))
        AIO_AWAIT(aio_send_all(self->fd, self->buffer, (size_t)self->n));
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}

struct serve { AIO_FRAME(void); uint16_t port; int fd, peer; struct aio_group peers; };
static AIO_CORO(serve)
{
    AIO_BEGIN;
    aio_group_open(&self->peers, self, 0, AIO_GROUP_KEEP_GOING);
    AIO_AWAIT(self->fd, aio_listen("127.0.0.1", self->port));
    for (;;) {
        AIO_AWAIT(self->peer, aio_accept(self->fd));
        if (aio_group_spawn(&self->peers, aio_new(echo, .fd = self->peer)) < 0)
            aio_close(self->peer);
    }
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}

struct stop_on { AIO_FRAME(void); int signal_number; struct aio_any *server; };
static AIO_CORO(stop_on)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_signal_wait(self->signal_number));
    aio_task_cancel(self->server);
    AIO_END;
}

struct run { AIO_FRAME(void); uint16_t port; int error; struct serve *server; };
static AIO_CORO(run)
{
    AIO_BEGIN;
    self->server = aio_create_task(aio_new(serve, .port = self->port));
    if (aio_spawn(aio_new(stop_on, .signal_number = SIGTERM, .server = aio_any(self->server))) < 0 ||
        aio_spawn(aio_new(stop_on, .signal_number = SIGINT, .server = aio_any(self->server))) < 0)
        AIO_RAISE(AIO_ENOMEM);
    AIO_TRY(self->error, self->server);
    if (self->error != AIO_ECANCELED)
        AIO_RAISE(self->error);
    AIO_FINALLY;
    aio_release(self->server);
    AIO_END;
}

int main(int argc, char **argv)
{
    struct aio_options options = { .poller = aio_epoll() };
    long port = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    if (argc > 2 && strcmp(argv[2], "select") == 0)
        options.poller = aio_select();
    if (port <= 0 || port > 65535 || argc > 3 ||
        (argc > 2 && strcmp(argv[2], "select") != 0 && strcmp(argv[2], "epoll") != 0)) {
        fprintf(stderr, "usage: %s PORT [epoll|select]\n", argv[0]);
        return 2;
    }
    return aio_run_with(&options, aio_new(run, .port = (uint16_t)port)) ? 1 : 0;
}
