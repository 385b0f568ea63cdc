/* 07-client.c - a TCP client that sends lines and prints what comes back.

   Two directions at once: a task of a group sends while we receive, so neither waits for the other.
   A server that does not answer in time is an error.

   Build:
       cc -iquote . examples/07-client.c -o client

   Usage: client PORT [LINE...]    (LINE -: those of standard input, without a time limit)

   Prints, if the port is that of 06-echo-server.c:
       hello
       how are you?
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"
#include "aio_net.h"

struct send_lines { AIO_FRAME(void); int fd; char **lines; ptrdiff_t n; char buffer[4096]; };

static AIO_CORO(send_lines)
{
    AIO_BEGIN;
    for (; *self->lines; self->lines++) {
        if (strcmp(*self->lines, "-") == 0) {
            AIO_WHILE(self->n, aio_recv(0, self->buffer, sizeof self->buffer))
                AIO_AWAIT(aio_send_all(self->fd, self->buffer, (size_t)self->n));
        } else {
            AIO_AWAIT(aio_send_all(self->fd, *self->lines, strlen(*self->lines)));
            AIO_AWAIT(aio_send_all(self->fd, "\n", 1));
        }
    }
    aio_shutdown(self->fd, AIO_WRITABLE);           /* the server reads the end of the stream */
    AIO_END;
}

struct talk {
    AIO_FRAME(void);
    uint16_t port;
    char **lines;
    aio_time patience;
    int fd;
    ptrdiff_t n;
    struct aio_group sender;
    char buffer[4096];
};

static AIO_CORO(talk)
{
    AIO_BEGIN;
    aio_group_open(&self->sender, self, 0, 0);
    AIO_AWAIT(self->fd, aio_wait_for(aio_connect("127.0.0.1", self->port), AIO_SEC(5)));
    if (aio_group_spawn(&self->sender, aio_new(send_lines, self->fd, self->lines)) < 0)
        AIO_RAISE(AIO_ENOMEM);
    AIO_WHILE(self->n, aio_wait_for(aio_recv(self->fd, self->buffer, sizeof self->buffer), self->patience)) {
        fwrite(self->buffer, 1, (size_t)self->n, stdout);
        fflush(stdout);
    }
    aio_group_cancel(&self->sender);                /* whom would it send to? */
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}

int main(int argc, char **argv)
{
    static char *greeting[] = { "hello", "how are you?", NULL };
    char **lines = argc > 2 ? argv + 2 : greeting;
    if (argc < 2) {
        fprintf(stderr, "usage: client PORT [LINE...]\n");
        return 2;
    }
    return aio_main(aio_new(talk, .port = (uint16_t)atoi(argv[1]), .lines = lines,
        .patience = argc > 2 && strcmp(argv[argc - 1], "-") == 0 ? AIO_FOREVER : AIO_SEC(5)));
}
