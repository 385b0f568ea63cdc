/* 10-demo.c - an echo server and a thousand clients in one thread of one process.

   Each client connects over TCP, sends 100 messages of random length, and waits for each to come
   back before it sends the next. Every byte is compared. The exit status is 0 only if all was right.

   Build:
       cc -O2 -iquote . examples/10-demo.c -o demo

   Usage: demo [CLIENTS]           (1000 by default; on select, which stops at FD_SETSIZE, 400)

   Prints, with other numbers:
       1,000 clients talk to an echo server, 100 messages each (epoll)

         messages    100,000, of 1 to 4,096 bytes, every byte compared
         data        205.0 MB there, and back
         time        1.77 s
         rate        56,418 messages/s, 116 MB/s each way
         memory      8.6 KB for a client and its connection, 8 KB of them buffers
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"
#include "aio_net.h"

enum { MESSAGES = 100, LONGEST = 4096, NOISE = 65536 };
enum { SPARE = 24 };                                /* descriptors for everything but clients */
enum { WRONG_BYTES = AIO_EUSER };

static char noise[NOISE + LONGEST];                 /* each message is a piece of this */

static uint32_t random_next(uint32_t *state)        /* xorshift32: state must not be 0 */
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

struct echo { AIO_FRAME(void); int fd; ptrdiff_t n; char buffer[LONGEST]; };

static AIO_CORO(echo)
{
    AIO_BEGIN;
    AIO_WHILE(self->n, aio_recv(self->fd, self->buffer, sizeof self->buffer))
        AIO_AWAIT(aio_send_all(self->fd, self->buffer, (size_t)self->n));
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}

struct serve { AIO_FRAME(void); int fd, peer, error; struct aio_group peers; };

static AIO_CORO(serve)
{
    AIO_BEGIN;
    aio_group_open(&self->peers, self, 0, 0);
    for (;;) {
        AIO_AWAIT(self->peer, aio_accept(self->fd));
        self->error = aio_group_spawn(&self->peers, aio_new(echo, .fd = self->peer));
        if (self->error < 0) {
            aio_close(self->peer);
            AIO_RAISE(self->error);
        }
    }
    AIO_END;
}

struct client {
    AIO_FRAME(void);
    uint16_t port;
    uint32_t random;
    int64_t *bytes;                                 /* that came back, of all clients */
    int fd, message;
    const char *sent;
    size_t length;
    char buffer[LONGEST];
};

static AIO_CORO(client)
{
    AIO_BEGIN;
    AIO_AWAIT(self->fd, aio_connect("127.0.0.1", self->port));
    for (self->message = 0; self->message < MESSAGES; self->message++) {
        self->length = 1 + random_next(&self->random) % LONGEST;
        self->sent = noise + random_next(&self->random) % NOISE;
        AIO_AWAIT(aio_send_all(self->fd, self->sent, self->length));
        AIO_AWAIT(aio_recv_exactly(self->fd, self->buffer, self->length));
        if (memcmp(self->buffer, self->sent, self->length) != 0)
            AIO_RAISE(WRONG_BYTES);
        *self->bytes += (int64_t)self->length;
    }
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}

static char *thousands(char text[32], int64_t number)   /* 1234567: "1,234,567" */
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)number), i, at = 0;
    for (i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

static void tell(int clients, int64_t bytes, aio_time time)
{
    double seconds = (double)time / 1e9, megabytes = (double)bytes / 1e6;
    int64_t messages = (int64_t)clients * MESSAGES;
    char a[32], b[32];
    printf("  messages    %s, of 1 to %s bytes, every byte compared\n",
           thousands(a, messages), thousands(b, LONGEST));
    printf("  data        %.1f MB there, and back\n", megabytes);
    printf("  time        %.2f s\n", seconds);
    printf("  rate        %s messages/s, %.0f MB/s each way\n",
           thousands(a, (int64_t)((double)messages / seconds)), megabytes / seconds);
    if (AIO_POOL)                                   /* small things are in the pool, these two not */
        printf("  memory      %.1f KB for a client and its connection, %d KB of them buffers\n",
               ((double)aio_pool_peak() / clients + aio_size_of(client) + aio_size_of(echo)) / 1024,
               2 * LONGEST / 1024);
}

/* Fits the number of clients, 0: the default, to what poller and system allow. */
static int fit(int clients, bool select)
{
    int most = INT_MAX;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;            /* as many descriptors as we may have */
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INT_MAX)
            most = (int)limit.rlim_cur;
    }
    if (select && most > FD_SETSIZE)
        most = FD_SETSIZE;
    if (clients == 0)
        clients = select ? 400 : 1000;
    return clients < (most - SPARE) / 2 ? clients : (most - SPARE) / 2;     /* two ends each */
}

struct demo {
    AIO_FRAME(void);
    int clients, fd, i;
    struct aio_group server, crowd;
    int64_t bytes;
    aio_time start;
};

static AIO_CORO(demo)
{
    AIO_BEGIN;
    {
        const char *poller = aio_loop_current()->poller->name;
        char text[32];
        self->clients = fit(self->clients, strcmp(poller, "select") == 0);
        printf("%s clients talk to an echo server, %d messages each (%s)\n\n",
               thousands(text, self->clients), MESSAGES, poller);
        fflush(stdout);
    }
    aio_group_open(&self->server, self, 0, 0);
    aio_group_open(&self->crowd, self, 0, 0);
    AIO_AWAIT(self->fd, aio_listen("127.0.0.1", 0));
    self->start = aio_now();
    if (aio_group_spawn(&self->server, aio_new(serve, .fd = self->fd)) < 0)
        AIO_RAISE(AIO_ENOMEM);
    for (self->i = 0; self->i < self->clients; self->i++)
        if (aio_group_spawn(&self->crowd, aio_new(client, .port = (uint16_t)aio_local_port(self->fd),
                .random = (uint32_t)self->i + 1, .bytes = &self->bytes)) < 0)
            AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(aio_wait_for(aio_group_join(&self->crowd), AIO_SEC(60)));  /* or a client's error */
    tell(self->clients, self->bytes, aio_now() - self->start);
    aio_group_cancel(&self->server);
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}

int main(int argc, char **argv)
{
    int clients = argc > 1 ? atoi(argv[1]) : 0;
    uint32_t random = 1;
    size_t i;
    if (argc > 1 && clients <= 0) {
        fprintf(stderr, "usage: demo [CLIENTS]\n");
        return 2;
    }
    for (i = 0; i < sizeof noise; i++)
        noise[i] = (char)(random_next(&random) >> 24);
    return aio_main(aio_new(demo, .clients = clients));
}
