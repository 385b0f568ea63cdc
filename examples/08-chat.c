/* 08-chat.c - a chat server: what one says, all others hear. The first line of a client is its name.

   Slow clients must not hold up the others. So nobody sends to others directly: a line is put into
   the outgoing buffer of each, and each has a task of its own that empties it. The buffer is
   bounded, and who lets it overflow is dropped. Try it with 07-client.c: client 7000 -

   Build:
       cc -iquote . examples/08-chat.c -o chat

   Usage: chat [PORT]              (0, the default: any free port; 7000 below)

   Prints, and then after SIGINT or SIGTERM:
       listening on 127.0.0.1:7000
       bye
*/
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"
#include "aio_net.h"
#include "aio_signal.h"


enum { LINE = 512, OUTBOX = 65536 };
#define GOODBYE AIO_SEC(2)                          /* to take what is left, when a client leaves */

struct room { struct client *first; unsigned count; };

struct client {
    AIO_FRAME(void);
    int fd;
    struct room *room;
    struct client *next;                            /* in the room */
    struct aio_any *task;                           /* its own, to cancel it when it is too slow */
    struct aio_group writer;
    AIO_FUTURE(void) wake;                          /* set: there is something in out, or leaving */
    bool leaving, dropped;
    int error;
    ptrdiff_t n;
    size_t in_used, out_used;
    char name[16], in[LINE], out[OUTBOX];
};

static void wake(struct client *client)
{
    if (!aio_future_done(&client->wake))
        aio_future_set_result(&client->wake);
}

/* Never waits: who has no room for the line is dropped. */
static void put(struct client *to, const char *line, size_t length)
{
    if (to->dropped)
        return;
    if (length > sizeof to->out - to->out_used) {
        to->dropped = true;
        aio_task_cancel(to->task);
        return;
    }
    memcpy(to->out + to->out_used, line, length);
    to->out_used += length;
    wake(to);
}

/* To all in the room but one: "ann", ": ", what she said. */
static void say(struct client *from, const char *verb, const char *text, size_t length)
{
    char line[LINE + 64];
    int n = snprintf(line, sizeof line, "%s%s%.*s\n", from->name, verb, (int)length, text);
    struct client *to;
    for (to = from->room->first; to; to = to->next)
        if (to != from)
            put(to, line, (size_t)n);
}

static void join(struct client *self, const char *name, size_t length)
{
    char line[64];
    snprintf(self->name, sizeof self->name, "%.*s", (int)length, name);
    self->next = self->room->first;
    self->room->first = self;
    snprintf(line, sizeof line, "welcome, %s: %u here\n", self->name, ++self->room->count);
    put(self, line, strlen(line));
    say(self, " joined", "", 0);
}

static void leave(struct client *self)
{
    struct client **at = &self->room->first;
    while (*at && *at != self)
        at = &(*at)->next;
    if (!*at)
        return;                                     /* it had not joined, or has left before */
    *at = self->next;
    self->room->count--;
    say(self, " left", "", 0);
}

/* Takes the lines out of in; a longer one than fits comes out as several. */
static void take_lines(struct client *self)
{
    size_t start = 0, i;
    for (i = 0; i < self->in_used; i++) {
        if (self->in[i] != '\n' && i - start < LINE - 1)
            continue;
        if (self->name[0])
            say(self, ": ", self->in + start, i - start);
        else if (i > start)
            join(self, self->in + start, i - start);
        start = self->in[i] == '\n' ? i + 1 : i;
    }
    self->in_used -= start;
    memmove(self->in, self->in + start, self->in_used);
}

struct writer { AIO_FRAME(void); struct client *client; ptrdiff_t n; };

static AIO_CORO(writer)
{
    struct client *const client = self->client;
    AIO_BEGIN;
    do {
        AIO_AWAIT(&client->wake);
        memset(&client->wake, 0, sizeof client->wake);      /* pending again */
        while (client->out_used) {
            AIO_AWAIT(self->n, aio_send(client->fd, client->out, client->out_used));
            client->out_used -= (size_t)self->n;            /* more may have come meanwhile */
            memmove(client->out, client->out + self->n, client->out_used);
        }
    } while (!client->leaving);
    AIO_END;
}

static AIO_CORO(client)
{
    AIO_BEGIN;
    self->task = aio_current_task();
    aio_group_open(&self->writer, self, 0, 0);
    if (aio_group_spawn(&self->writer, aio_new(writer, self)) < 0)
        AIO_RAISE(AIO_ENOMEM);
    AIO_WHILE(self->n, aio_recv(self->fd, self->in + self->in_used, LINE - self->in_used)) {
        self->in_used += (size_t)self->n;
        take_lines(self);
        AIO_AWAIT(aio_sleep(0));                    /* a turn for the writers: only the slow overflow */
    }
    leave(self);
    self->leaving = true;
    wake(self);
    AIO_TRY(self->error, aio_wait_for(aio_group_join(&self->writer), GOODBYE));
    aio_group_cancel(&self->writer);
    AIO_FINALLY;
    leave(self);
    aio_close(self->fd);
    AIO_END;
}

struct serve { AIO_FRAME(void); uint16_t port; int fd, peer; struct room room; struct aio_group clients; };

static AIO_CORO(serve)
{
    AIO_BEGIN;
    aio_group_open(&self->clients, self, 0, AIO_GROUP_KEEP_GOING);
    AIO_AWAIT(self->fd, aio_listen("127.0.0.1", self->port));
    printf("listening on 127.0.0.1:%d\n", aio_local_port(self->fd));
    fflush(stdout);
    for (;;) {
        AIO_AWAIT(self->peer, aio_accept(self->fd));
        if (aio_group_spawn(&self->clients, aio_new(client, .fd = self->peer, .room = &self->room)) < 0)
            aio_close(self->peer);
    }
    AIO_FINALLY;
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
