/* net.c - the network programs of the suite, as one writes them with aio. One workload per call:

       net echo PORT                   a TCP server that sends back what it gets; each connection has a
                                       buffer of 16 KiB in its frame
       net idle PORT                   the same, and a connection has no buffer while it waits
       net http PORT                   answers each request with "Hello, world!"
       net ring PAIRS ACTIVE EVENTS    socket pairs in a ring; whoever reads a byte writes one into the
                                       next pair, until EVENTS were read: ns per event
       net crawl PORT PAGES LIMIT      fetches pages from an http server, a connection each, at most
                                       LIMIT at once: us per page

   A server listens on 127.0.0.1, prints `port NUMBER` (PORT 0: a free one), and ends on SIGTERM; load.c
   is the client that measures it. The others measure their own CPU time and print one line, such as
   `ring aio 1234.5 ns`. net_floor.c does the same by hand. make build/bench/net; by hand:

       cc -O2 -DNDEBUG -iquote . bench/net.c -o net && ./net echo 7000 */
#include "net.h"
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"
#include "aio_net.h"
#include "aio_signal.h"
#include <signal.h>

/* ----------------------------------------------------------------------------------- echo */

struct echo { AIO_FRAME(void); int fd; ptrdiff_t n; char buffer[NET_BUFFER]; };
static AIO_CORO(echo)
{
    AIO_BEGIN;
    AIO_WHILE(self->n, aio_recv(self->fd, self->buffer, sizeof self->buffer))
        AIO_AWAIT(aio_send_all(self->fd, self->buffer, (size_t)self->n));
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}
static struct aio_any *echo(int fd) { return aio_any(aio_new(echo, .fd = fd)); }

/* ----------------------------------------------------------------------------------- idle */

/* There is one buffer for all connections, unless a client does not read what it is sent: its connection
   keeps the buffer until it does, and the next one to read makes another. */
struct buffer { struct buffer *next; char bytes[NET_BUFFER]; };
static struct buffer *buffers;          /* those that nobody has */

static struct buffer *take_buffer(void)
{
    struct buffer *buffer = buffers;
    if (!buffer)
        return (struct buffer *)malloc(sizeof *buffer);
    buffers = buffer->next;
    return buffer;
}

static void give_buffer(struct buffer **buffer)
{
    if (!*buffer)
        return;
    (*buffer)->next = buffers;
    buffers = *buffer;
    *buffer = NULL;
}

struct idle { AIO_FRAME(void); int fd; ptrdiff_t n; struct buffer *buffer; };
static AIO_CORO(idle)
{
    AIO_BEGIN;
    for (;;) {
        AIO_AWAIT(aio_readable(self->fd));
        if ((self->buffer = take_buffer()) == NULL)
            AIO_RAISE(AIO_ENOMEM);
        AIO_AWAIT(self->n, aio_recv(self->fd, self->buffer->bytes, sizeof self->buffer->bytes));
        if (self->n == 0)
            AIO_RETURN();
        AIO_AWAIT(aio_send_all(self->fd, self->buffer->bytes, (size_t)self->n));
        give_buffer(&self->buffer);
    }
    AIO_FINALLY;
    give_buffer(&self->buffer);
    aio_close(self->fd);
    AIO_END;
}
static struct aio_any *idle(int fd) { return aio_any(aio_new(idle, .fd = fd)); }

/* ----------------------------------------------------------------------------------- http */

struct http { AIO_FRAME(void); int fd; bool last; ptrdiff_t n; size_t used; char head[NET_BUFFER]; };
static AIO_CORO(http)
{
    AIO_BEGIN;
    while (!self->last) {
        self->used = 0;
        do {
            AIO_AWAIT(self->n, aio_recv(self->fd, self->head + self->used, sizeof self->head - self->used));
            if (self->n == 0)
                AIO_RETURN();                       /* the end; or a head that is too long */
            self->used += (size_t)self->n;
        } while (!net_head_ends(self->head, self->used, &self->last));
        AIO_AWAIT(aio_send_all(self->fd, net_answer, sizeof net_answer - 1));
    }
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}
static struct aio_any *http(int fd) { return aio_any(aio_new(http, .fd = fd)); }

/* --------------------------------------------------------------------------------- server */

struct server { const char *name; struct aio_any *(*connection)(int fd); };
static const struct server servers[] = { { "echo", echo }, { "idle", idle }, { "http", http } };

struct serve {
    AIO_FRAME(void);
    const struct server *server;
    long port;
    int fd, peer;
    struct aio_group peers;
};

static AIO_CORO(serve)
{
    AIO_BEGIN;
    aio_group_open(&self->peers, self, 0, AIO_GROUP_KEEP_GOING);
    AIO_AWAIT(self->fd, aio_listen("127.0.0.1", (uint16_t)self->port));
    printf("port %d\n", aio_local_port(self->fd));
    fflush(stdout);
    for (;;) {
        AIO_AWAIT(self->peer, aio_accept(self->fd));
        if (aio_group_spawn(&self->peers, self->server->connection(self->peer)) < 0)
            aio_close(self->peer);                  /* not started: the descriptor is still ours */
    }
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}

/* Whichever ends first ends the other. */
struct serve_until_signal { AIO_FRAME(void); const struct server *server; long port; int which; };
static AIO_CORO(serve_until_signal)
{
    AIO_BEGIN;
    AIO_RACE(self->which, aio_signal_wait(SIGTERM),
             aio_new(serve, .server = self->server, .port = self->port));
    AIO_END;
}

/* ----------------------------------------------------------------------------------- ring */

struct ring {
    AIO_FRAME(void);
    long pairs, active, events;
    long i, left;
    int (*fds)[2];                      /* of each pair: where it is read, where it is written */
    double seconds;
    struct aio_event done;
    struct aio_group readers;
};

/* There is room for two tokens, so that a short read tells that there is no second one. Each is sent by
   itself, or they would clot. */
struct reader { AIO_FRAME(void); int from, to; struct ring *ring; ptrdiff_t n, i; char tokens[2]; };
static AIO_CORO(reader)
{
    AIO_BEGIN;
    AIO_WHILE(self->n, aio_recv(self->from, self->tokens, sizeof self->tokens))
        for (self->i = 0; self->i < self->n; self->i++) {
            if (--self->ring->left <= 0) {
                aio_event_set(&self->ring->done);
                AIO_RETURN();
            }
            AIO_AWAIT(aio_send_all(self->to, &self->tokens[self->i], 1));
        }
    AIO_END;
}

static int ring_open(struct ring *ring)
{
    long i;
    ring->fds = (int (*)[2])calloc((size_t)ring->pairs, sizeof *ring->fds);
    for (i = 0; ring->fds && i < ring->pairs; i++) {
        int error = aio_socketpair(ring->fds[i]);
        if (error)
            return error;
    }
    return ring->fds ? 0 : AIO_ENOMEM;
}

static void ring_close(struct ring *ring)
{
    long i;
    for (i = 0; ring->fds && i < ring->pairs; i++) {
        aio_close(ring->fds[i][0]);
        aio_close(ring->fds[i][1]);
    }
    free(ring->fds);
}

static int ring_start_reader(struct ring *ring, long i)
{
    long next = (i + 1) % ring->pairs;
    return aio_group_spawn(&ring->readers, aio_new(reader, .from = ring->fds[i][0], .to = ring->fds[next][1],
                                                   .ring = ring));
}

static AIO_CORO(ring)
{
    int error;
    AIO_BEGIN;
    aio_group_open(&self->readers, self, 0, 0);
    error = ring_open(self);
    for (self->i = 0; !error && self->i < self->pairs; self->i++)
        error = ring_start_reader(self, self->i);
    if (error)
        AIO_RAISE(error);
    AIO_AWAIT(aio_sleep(0));                        /* now they all wait */
    self->left = self->events;
    self->seconds = -net_seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (self->i = 0; self->i < self->active; self->i++)
        AIO_AWAIT(aio_send_all(self->fds[self->i * self->pairs / self->active][1], "", 1));
    AIO_AWAIT(aio_event_wait(&self->done));
    self->seconds += net_seconds(CLOCK_PROCESS_CPUTIME_ID);
    printf("ring aio %.1f ns\n", self->seconds / (double)self->events * 1e9);
    aio_group_cancel(&self->readers);
    AIO_FINALLY;
    ring_close(self);
    AIO_END;
}

/* ---------------------------------------------------------------------------------- crawl */

struct fetch { AIO_FRAME(void); long port, page; int fd; ptrdiff_t n; size_t used; char text[512]; };
static AIO_CORO(fetch)
{
    AIO_BEGIN;
    AIO_AWAIT(self->fd, aio_connect("127.0.0.1", (uint16_t)self->port));
    self->used = (size_t)net_ask(self->text, sizeof self->text, self->page);
    AIO_AWAIT(aio_send_all(self->fd, self->text, self->used));
    self->used = 0;
    AIO_WHILE(self->n, aio_recv(self->fd, self->text + self->used, sizeof self->text - self->used))
        self->used += (size_t)self->n;
    if (!net_answer_is_whole(self->text, self->used))
        AIO_RAISE(AIO_EEOF);
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}

struct crawl { AIO_FRAME(void); long port, pages, limit, next; double seconds; struct aio_group visitors; };

/* One of those who fetch page after page, as long as there are any. */
struct visitor { AIO_FRAME(void); struct crawl *crawl; };
static AIO_CORO(visitor)
{
    AIO_BEGIN;
    while (self->crawl->next < self->crawl->pages)
        AIO_AWAIT(aio_new(fetch, .port = self->crawl->port, .page = self->crawl->next++));
    AIO_END;
}

static AIO_CORO(crawl)
{
    AIO_BEGIN;
    self->seconds = -net_seconds(CLOCK_PROCESS_CPUTIME_ID);
    aio_group_open(&self->visitors, self, 0, 0);
    while (self->limit-- > 0)
        if (aio_group_spawn(&self->visitors, aio_new(visitor, .crawl = self)) < 0)
            AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(aio_group_join(&self->visitors));     /* fails if one of them does */
    self->seconds += net_seconds(CLOCK_PROCESS_CPUTIME_ID);
    printf("crawl aio %.2f us\n", self->seconds / (double)self->pages * 1e6);
    AIO_END;
}

/* ----------------------------------------------------------------------------------- main */

int main(int argc, char **argv)
{
    struct net_request request;
    const struct server *server = servers;
    const long *argument = request.argument;
    int error;
    if (!net_parse(argc, argv, &request))
        return net_usage();
    net_raise_limit();
    if (strcmp(request.workload, "ring") == 0)
        return aio_main(aio_new(ring, .pairs = argument[0], .active = argument[1], .events = argument[2]));
    if (strcmp(request.workload, "crawl") == 0)
        return aio_main(aio_new(crawl, .port = argument[0], .pages = argument[1], .limit = argument[2]));
    while (strcmp(server->name, request.workload) != 0)
        server++;
    /* Not aio_main, which prints the errors of all tasks: a client that resets its connection is no news. */
    error = aio_run(aio_new(serve_until_signal, .server = server, .port = argument[0]));
    if (error)
        fprintf(stderr, "%s: %s\n", request.workload, aio_strerror(error));
    return error != 0;
}
