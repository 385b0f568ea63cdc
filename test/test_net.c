/* Sockets: listen, accept, connect, recv, send, their counts when they fail, and what is made of them. */
#include "net.h"
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/un.h>

static uint16_t port_of(int fd) { return (uint16_t)aio_local_port(fd); }

/* -------------------------------------------------------------------------- listen and connect */

CORO_TEST(listen_ipv4, int fd; char text[64], want[64];)
{
    AIO_BEGIN;
    AIO_AWAIT(self->fd, aio_listen("127.0.0.1", 0));
    CHECK(aio_local_port(self->fd) > 0);
    CHECK_INT(aio_local_address(self->fd, self->text, sizeof self->text), 0);
    snprintf(self->want, sizeof self->want, "127.0.0.1:%d", aio_local_port(self->fd));
    CHECK_STR(self->text, self->want);
    aio_close(self->fd);
    AIO_AWAIT(self->fd, aio_listen(NULL, 0));
    CHECK_INT(aio_local_address(self->fd, self->text, 9), 0);
    CHECK_STR(self->text, "0.0.0.0:");                  /* cut, and terminated */
    aio_close(self->fd);
    AIO_AWAIT(self->fd, aio_listen("", 0));
    CHECK_INT(aio_local_address(self->fd, NULL, 0), 0);
    CHECK(aio_peer_address(self->fd, self->text, sizeof self->text) == AIO_ENOTCONN);
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}

CORO_TEST(ipv6, int listener, fd, peer, error; char text[64], other[64];)
{
    AIO_BEGIN;
    AIO_TRY(self->error, self->listener, aio_listen("::1", 0));
    if (self->error == AIO_EADDRNOTAVAIL || self->error == -EAFNOSUPPORT)
        AIO_RETURN();                                   /* a machine without IPv6 */
    CHECK_INT(self->error, 0);
    AIO_AWAIT(self->fd, aio_connect("::1", port_of(self->listener)));
    AIO_AWAIT(self->peer, aio_accept(self->listener));
    aio_local_address(self->fd, self->text, sizeof self->text);
    aio_peer_address(self->peer, self->other, sizeof self->other);
    CHECK_STR(self->text, self->other);
    CHECK(strncmp(self->text, "[::1]:", 6) == 0, "%s", self->text);
    AIO_FINALLY;
    aio_close(self->listener);
    aio_close(self->fd);
    aio_close(self->peer);
    AIO_END;
}

static int socket_option(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;
    return getsockopt(fd, level, option, &value, &size) < 0 ? -1 : value != 0;
}

CORO_TEST(listen_options, int a, b, c, error;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->a, aio_listen_with("127.0.0.1", 0, &(struct aio_listen_options){ .reuse_port = true }));
    AIO_AWAIT(self->b, aio_listen_with("127.0.0.1", port_of(self->a), &(struct aio_listen_options){ .reuse_port = true }));
    CHECK_INT(port_of(self->a), port_of(self->b));
    CHECK_INT(socket_option(self->a, SOL_SOCKET, SO_REUSEADDR), 1);
    AIO_TRY(self->error, self->c, aio_listen("127.0.0.1", port_of(self->a)));
    CHECK_INT(self->error, AIO_EADDRINUSE);
    CHECK_INT(self->c, 0);
    AIO_AWAIT(self->c, aio_listen_with("127.0.0.1", 0, &(struct aio_listen_options){ .no_reuse_address = true, .backlog = 1 }));
    CHECK_INT(socket_option(self->c, SOL_SOCKET, SO_REUSEADDR), 0);
    CHECK_INT(socket_option(self->c, SOL_SOCKET, SO_REUSEPORT), 0);
    aio_close(self->c);
    AIO_TRY(self->error, self->c, aio_listen_with("::", 0, &(struct aio_listen_options){ .ipv6_only = true }));
    if (!self->error)
        CHECK_INT(socket_option(self->c, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    AIO_FINALLY;
    aio_close(self->a);
    aio_close(self->b);
    aio_close(self->c);
    AIO_END;
}

static const char *const no_literals[] = {
    "localhost", "256.0.0.1", "1.2.3", "::g", " 127.0.0.1", "127.0.0.1 ", "[::1]", "127.0.0.1:80", "\n"
};
CORO_TEST(no_address_literals, size_t i; int fd, error;)
{
    AIO_BEGIN;
    for (; self->i < sizeof no_literals / sizeof *no_literals; self->i++) {
        AIO_TRY(self->error, self->fd, aio_listen(no_literals[self->i], 0));
        CHECK(self->error == AIO_EINVAL && self->fd == 0, "%s", no_literals[self->i]);
        AIO_TRY(self->error, self->fd, aio_connect(no_literals[self->i], 80));
        CHECK(self->error == AIO_EINVAL && self->fd == 0, "%s", no_literals[self->i]);
    }
    AIO_END;
}

CORO_TEST(connect_refused, int fd, error; uint16_t port;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->fd, aio_listen("127.0.0.1", 0));
    self->port = port_of(self->fd);
    aio_close(self->fd);
    AIO_TRY(self->error, self->fd, aio_connect("127.0.0.1", self->port));
    CHECK_INT(self->error, AIO_ECONNREFUSED);
    CHECK_INT(self->fd, 0);
    AIO_END;
}

CORO_TEST(accept_and_addresses, int listener, fds[3]; char here[64], there[64];)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(tcp_pair, self->fds));
    CHECK_INT(aio_local_address(self->fds[0], self->here, sizeof self->here), 0);
    CHECK_INT(aio_peer_address(self->fds[1], self->there, sizeof self->there), 0);
    CHECK_STR(self->here, self->there);
    aio_peer_address(self->fds[0], self->here, sizeof self->here);
    aio_local_address(self->fds[1], self->there, sizeof self->there);
    CHECK_STR(self->here, self->there);
    CHECK_INT(aio_local_port(-1), AIO_EBADF);
    CHECK_INT(aio_local_address(-1, self->here, sizeof self->here), AIO_EBADF);
    AIO_FINALLY;
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

CORO_TEST(accept_what_cannot, int fds[2], pipe[2], fd, error;)
{
    AIO_BEGIN;
    CHECK_INT(aio_socketpair(self->fds), 0);
    CHECK_INT(pipe(self->pipe), 0);
    AIO_TRY(self->error, self->fd, aio_accept(self->fds[0]));
    CHECK_INT(self->error, AIO_EINVAL);
    AIO_TRY(self->error, self->fd, aio_accept(self->pipe[0]));
    CHECK_INT(self->error, AIO_ENOTSOCK);
    AIO_TRY(self->error, self->fd, aio_accept(-1));
    CHECK_INT(self->error, AIO_EBADF);
    CHECK_INT(self->fd, 0);
    CHECK_INT(aio_local_address(self->pipe[0], NULL, 0), AIO_ENOTSOCK);
    CHECK_INT(aio_local_port(self->fds[0]), AIO_ENOTSUP);
    AIO_FINALLY;
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    aio_close(self->pipe[0]);
    aio_close(self->pipe[1]);
    AIO_END;
}

/* A connection that nobody answers: the listener's queue is full. A deadline ends it, and it is closed. */
CORO_TEST(connect_unanswered, int listener, fds[2], fd, error;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->listener, aio_listen_with("127.0.0.1", 0, &(struct aio_listen_options){ .backlog = 1 }));
    AIO_AWAIT(self->fds[0], aio_connect("127.0.0.1", port_of(self->listener)));
    AIO_AWAIT(self->fds[1], aio_connect("127.0.0.1", port_of(self->listener)));
    AIO_TRY(self->error, self->fd, aio_wait_for(aio_connect("127.0.0.1", port_of(self->listener)), AIO_MS(30)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_INT(self->fd, 0);
    AIO_FINALLY;
    aio_close(self->listener);
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

/* --------------------------------------------------------------------------------------- unix */

static char folder[80], path[100];

CORO_TEST(unix_sockets, int listener, fd, peer, error; char text[160], want[160], longest[200];)
{
    AIO_BEGIN;
    AIO_AWAIT(self->listener, aio_listen_unix(path));
    AIO_AWAIT(self->fd, aio_connect_unix(path));
    AIO_AWAIT(self->peer, aio_accept(self->listener));
    snprintf(self->want, sizeof self->want, "unix:%s", path);
    CHECK_INT(aio_peer_address(self->fd, self->text, sizeof self->text), 0);
    CHECK_STR(self->text, self->want);
    CHECK_INT(aio_local_address(self->fd, self->text, sizeof self->text), 0);
    CHECK_STR(self->text, "unix:");                     /* it has no name */
    AIO_TRY(self->error, aio_listen_unix(path));
    CHECK_INT(self->error, AIO_EADDRINUSE);
    aio_close(self->listener);
    AIO_TRY(self->error, self->listener, aio_connect_unix(path));
    CHECK_INT(self->error, AIO_ECONNREFUSED);
    CHECK_INT(unlink(path), 0);                         /* closing has not removed it */
    AIO_TRY(self->error, self->listener, aio_connect_unix(path));
    CHECK_INT(self->error, AIO_ENOENT);
    AIO_TRY(self->error, aio_connect_unix(""));
    CHECK_INT(self->error, AIO_EINVAL);
    AIO_TRY(self->error, aio_listen_unix(NULL));
    CHECK_INT(self->error, AIO_EINVAL);
    memset(self->longest, 'x', sizeof(((struct sockaddr_un *)0)->sun_path));
    AIO_TRY(self->error, aio_listen_unix(self->longest));
    CHECK_INT(self->error, AIO_EINVAL);
    AIO_FINALLY;
    aio_close(self->fd);
    aio_close(self->peer);
    AIO_END;
}

enum { CLIENTS = 8 };
static int connected;
struct connect_late { AIO_FRAME(void); int fd; };
static AIO_CORO(connect_late)
{
    AIO_BEGIN;
    AIO_AWAIT(self->fd, aio_connect_unix(path));
    connected++;
    AIO_AWAIT(aio_send_all(self->fd, "x", 1));
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}

/* Connects do not fail when the queue is full: they wait. (And the listener, which blocks, does not block
   the loop.) */
CORO_TEST(unix_full_backlog, int listener, fd, i, error; char byte; struct aio_group group;)
{
    AIO_BEGIN;
    {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        memcpy(address.sun_path, path, strlen(path) + 1);
        self->listener = socket(AF_UNIX, SOCK_STREAM, 0);
        CHECK_INT(bind(self->listener, (struct sockaddr *)&address, sizeof address), 0);
        CHECK_INT(listen(self->listener, 0), 0);
    }
    connected = 0;
    aio_group_open(&self->group, self, 0, 0);
    for (; self->i < CLIENTS; self->i++)
        CHECK_INT(aio_group_spawn(&self->group, aio_new(connect_late)), 0);
    AIO_AWAIT(aio_sleep(0));
    CHECK_INT(connected, 1);
    AIO_TRY(self->error, aio_wait_for(aio_connect_unix(path), AIO_MS(20)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_INT(connected, 1);
    for (self->i = 0; self->i < CLIENTS; self->i++) {
        AIO_AWAIT(self->fd, aio_accept(self->listener));
        AIO_AWAIT(aio_recv_exactly(self->fd, &self->byte, 1));
        aio_close(self->fd);
    }
    CHECK_INT(connected, CLIENTS);
    AIO_FINALLY;
    aio_close(self->listener);
    unlink(path);
    AIO_END;
}

/* -------------------------------------------------------------------------------- read and write */

CORO_TEST(recv_and_recv_exactly, int fds[2], error; ptrdiff_t n; char buffer[16];)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(tcp_pair, self->fds));
    AIO_AWAIT(self->n, aio_recv(self->fds[0], self->buffer, 0));
    CHECK_INT(self->n, 0);
    AIO_AWAIT(self->n, aio_send(self->fds[1], "abcdef", 6));
    CHECK_INT(self->n, 6);
    AIO_AWAIT(self->n, aio_recv(self->fds[0], self->buffer, 4));
    CHECK(self->n == 4 && memcmp(self->buffer, "abcd", 4) == 0);
    AIO_AWAIT(self->n, aio_recv(self->fds[0], self->buffer, 16));
    CHECK(self->n == 2 && memcmp(self->buffer, "ef", 2) == 0);
    AIO_AWAIT(aio_send_all(self->fds[1], "0123456789", 10));
    AIO_AWAIT(self->n, aio_recv_exactly(self->fds[0], self->buffer, 7));
    CHECK(self->n == 7 && memcmp(self->buffer, "0123456", 7) == 0);
    aio_close(self->fds[1]);
    self->fds[1] = 0;
    AIO_TRY(self->error, self->n, aio_recv_exactly(self->fds[0], self->buffer, 16));
    CHECK_INT(self->error, AIO_EEOF);                   /* in the middle of a message */
    CHECK(self->n == 3 && memcmp(self->buffer, "789", 3) == 0);
    AIO_TRY(self->error, self->n, aio_recv_exactly(self->fds[0], self->buffer, 1));
    CHECK(self->error == AIO_EEOF && self->n == 0);
    AIO_AWAIT(self->n, aio_recv(self->fds[0], self->buffer, 16));
    CHECK_INT(self->n, 0);
    AIO_FINALLY;
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

static int unread(int fd)
{
    int n = 0;
    return ioctl(fd, FIONREAD, &n) < 0 ? -1 : n;
}

static const char flood[1 << 20];

/* What a cancelled or timed out send_all says it has written is what the other end can read. */
CORO_TEST(send_all_cancelled, int fds[2], error, round; ptrdiff_t sent, got, n; struct aio_size *task;
          char buffer[65536];)
{
    AIO_BEGIN;
    for (; self->round < 2; self->round++) {
        CHECK_INT(aio_socketpair(self->fds), 0);
        if (self->round == 0) {
            self->task = aio_create_task(aio_send_all(self->fds[0], flood, sizeof flood));
            AIO_AWAIT(aio_sleep(0));
            CHECK(!aio_task_done(self->task));
            CHECK(aio_task_cancel(self->task));
            AIO_TRY(self->error, self->sent, self->task);
            aio_release(self->task);
            CHECK_INT(self->error, AIO_ECANCELED);
        } else {
            AIO_TRY(self->error, self->sent, aio_wait_for(aio_send_all(self->fds[0], flood, sizeof flood), AIO_MS(10)));
            CHECK_INT(self->error, AIO_ETIMEDOUT);
        }
        CHECK(self->sent > 0 && self->sent < (ptrdiff_t)sizeof flood);
        aio_close(self->fds[0]);
        self->got = 0;
        AIO_WHILE(self->n, aio_recv(self->fds[1], self->buffer, sizeof self->buffer))
            self->got += self->n;
        CHECK_INT(self->got, self->sent);
        aio_close(self->fds[1]);
    }
    AIO_END;
}

/* A send_all that fails on the way says how much went out. */
CORO_TEST(send_all_failed, int fds[2], error; ptrdiff_t sent; struct aio_size *task; char buffer[1000];)
{
    AIO_BEGIN;
    CHECK_INT(aio_socketpair(self->fds), 0);
    self->task = aio_create_task(aio_send_all(self->fds[0], flood, sizeof flood));
    AIO_AWAIT(aio_recv_exactly(self->fds[1], self->buffer, sizeof self->buffer));
    aio_close(self->fds[1]);
    AIO_TRY(self->error, self->sent, self->task);
    CHECK(self->error == AIO_EPIPE || self->error == AIO_ECONNRESET, "%d", self->error);
    CHECK(self->sent >= 1000 && self->sent < (ptrdiff_t)sizeof flood);
    AIO_FINALLY;
    aio_release(self->task);
    aio_close(self->fds[0]);
    AIO_END;
}

CORO_TEST(recv_exactly_cancelled, int fds[2], error; ptrdiff_t n; struct aio_size *task; char buffer[8];)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(tcp_pair, self->fds));
    AIO_AWAIT(aio_send_all(self->fds[1], "abc", 3));
    AIO_TRY(self->error, self->n, aio_wait_for(aio_recv_exactly(self->fds[0], self->buffer, 8), AIO_MS(5)));
    CHECK(self->error == AIO_ETIMEDOUT && self->n == 3 && memcmp(self->buffer, "abc", 3) == 0);
    self->task = aio_create_task(aio_recv_exactly(self->fds[0], self->buffer, 8));
    AIO_AWAIT(aio_sleep(0));
    AIO_AWAIT(aio_send_all(self->fds[1], "de", 2));
    while (unread(self->fds[0]))                 /* until it has taken them */
        AIO_AWAIT(aio_sleep(0));
    aio_task_cancel(self->task);
    AIO_TRY(self->error, self->n, self->task);
    CHECK(self->error == AIO_ECANCELED && self->n == 2 && memcmp(self->buffer, "de", 2) == 0);
    AIO_AWAIT(aio_send_all(self->fds[1], "fghijklm", 8));
    AIO_AWAIT(self->n, aio_recv_exactly(self->fds[0], self->buffer, 8));
    CHECK(self->n == 8 && memcmp(self->buffer, "fghijklm", 8) == 0);
    AIO_FINALLY;
    aio_release(self->task);
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

/* ------------------------------------------------------------------------- large, both ways at once */

struct push { AIO_FRAME(void); int fd; unsigned salt; size_t size, at, step; char buffer[30000]; };
static AIO_CORO(push)
{
    AIO_BEGIN;
    for (; self->at < self->size; self->at += self->step) {
        self->step = 1 + (self->at * 7 + self->salt) % sizeof self->buffer;
        if (self->step > self->size - self->at)
            self->step = self->size - self->at;
        pattern_fill(self->buffer, self->step, self->at, self->salt);
        AIO_AWAIT(aio_send_all(self->fd, self->buffer, self->step));
    }
    CHECK_INT(aio_shutdown(self->fd, AIO_WRITABLE), 0);
    AIO_END;
}

struct pull { AIO_FRAME(size_t); int fd; unsigned salt; ptrdiff_t n; size_t wrong; char buffer[20000]; };
static AIO_CORO(pull)
{
    AIO_BEGIN;
    AIO_WHILE(self->n, aio_recv(self->fd, self->buffer, 1 + self->result % sizeof self->buffer)) {
        self->wrong += pattern_wrong(self->buffer, (size_t)self->n, self->result, self->salt);
        self->result += (size_t)self->n;
    }
    CHECK_INT(self->wrong, 0);
    AIO_END;
}

CORO_TEST(large_both_ways, int fds[2], kind; size_t size; struct aio_group group; struct pull *a, *b;)
{
    AIO_BEGIN;
    self->size = slow() ? 300000 : 8000000;
    for (; self->kind < 2; self->kind++) {
        if (self->kind)
            AIO_AWAIT(aio_new(tcp_pair, self->fds));
        else
            CHECK_INT(aio_socketpair(self->fds), 0);
        aio_group_open(&self->group, self, 0, 0);
        CHECK_INT(aio_group_spawn(&self->group, aio_new(push, self->fds[0], 3, self->size)), 0);
        CHECK_INT(aio_group_spawn(&self->group, aio_new(push, self->fds[1], 77, self->size)), 0);
        self->a = aio_create_task(aio_new(pull, self->fds[0], 77));
        self->b = aio_create_task(aio_new(pull, self->fds[1], 3));
        AIO_AWAIT(aio_group_join(&self->group));
        AIO_AWAIT(self->a);
        AIO_AWAIT(self->b);
        CHECK_INT(self->a->result, self->size);
        CHECK_INT(self->b->result, self->size);
        aio_release(self->a);
        aio_release(self->b);
        aio_close(self->fds[0]);
        aio_close(self->fds[1]);
    }
    AIO_END;
}

CORO_TEST(half_close, int fds[2], i; ptrdiff_t n; char buffer[16];)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(tcp_pair, self->fds));
    AIO_AWAIT(aio_send_all(self->fds[0], "question", 8));
    CHECK_INT(aio_shutdown(self->fds[0], AIO_WRITABLE), 0);
    AIO_AWAIT(self->n, aio_recv(self->fds[1], self->buffer, 16));
    CHECK_INT(self->n, 8);
    AIO_AWAIT(self->n, aio_recv(self->fds[1], self->buffer, 16));
    CHECK_INT(self->n, 0);
    for (; self->i < 3; self->i++) {                    /* the other direction goes on */
        AIO_AWAIT(aio_send_all(self->fds[1], "answer", 6));
        AIO_AWAIT(self->n, aio_recv_exactly(self->fds[0], self->buffer, 6));
        CHECK(memcmp(self->buffer, "answer", 6) == 0);
    }
    CHECK_INT(aio_shutdown(self->fds[1], AIO_READABLE | AIO_WRITABLE), 0);
    AIO_AWAIT(self->n, aio_recv(self->fds[0], self->buffer, 16));
    CHECK_INT(self->n, 0);
    CHECK_INT(aio_shutdown(-1, AIO_READABLE), AIO_EBADF);
    AIO_FINALLY;
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

/* TCP's urgent byte ends a read though there is more, and no edge of epoll's comes for the rest. */
CORO_TEST(urgent_byte, int fds[2], error; ptrdiff_t n; struct aio_size *task; char buffer[16];)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(tcp_pair, self->fds));
    self->task = aio_create_task(aio_recv_exactly(self->fds[0], self->buffer, 6));
    AIO_AWAIT(aio_sleep(0));
    CHECK_INT(send(self->fds[1], "abc", 3, 0), 3);
    CHECK_INT(send(self->fds[1], "!", 1, MSG_OOB), 1);
    CHECK_INT(send(self->fds[1], "def", 3, 0), 3);
    AIO_TRY(self->error, self->n, aio_wait_for(self->task, AIO_SEC(2)));
    CHECK(self->error == 0 && self->n == 6 && memcmp(self->buffer, "abcdef", 6) == 0);
    AIO_FINALLY;
    aio_release(self->task);
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

/* A reader that waits is told of the end when its own side is shut. */
CORO_TEST(shutdown_wakes_the_reader, int fds[2]; ptrdiff_t n; struct aio_size *task; char buffer[16];)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(tcp_pair, self->fds));
    self->task = aio_create_task(aio_recv(self->fds[0], self->buffer, 16));
    AIO_AWAIT(aio_sleep(0));
    CHECK_INT(aio_shutdown(self->fds[0], AIO_READABLE), 0);
    AIO_AWAIT(self->n, self->task);
    CHECK_INT(self->n, 0);
    AIO_FINALLY;
    aio_release(self->task);
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

/* ------------------------------------------------------------------------- readable and writable */

CORO_TEST(readable_and_own_reads, int fds[2], i, error; char buffer[64]; struct aio_void *task;)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(tcp_pair, self->fds));
    for (; self->i < 4; self->i++) {
        AIO_TRY(self->error, aio_wait_for(aio_readable(self->fds[0]), AIO_MS(2)));
        CHECK_INT(self->error, AIO_ETIMEDOUT);
        self->task = aio_create_task(aio_readable(self->fds[0]));
        AIO_AWAIT(aio_sleep(0));
        CHECK(!aio_task_done(self->task));
        AIO_AWAIT(aio_send_all(self->fds[1], "0123456789", 10));
        AIO_AWAIT(self->task);
        aio_release(self->task);
        AIO_AWAIT(aio_readable(self->fds[0]));          /* it still is */
        CHECK_INT(read(self->fds[0], self->buffer, 4), 4);
        AIO_AWAIT(aio_readable(self->fds[0]));          /* and still */
        CHECK_INT(read(self->fds[0], self->buffer, 64), 6);
    }
    aio_close(self->fds[1]);
    self->fds[1] = 0;
    AIO_AWAIT(aio_readable(self->fds[0]));              /* the end can be read, too */
    CHECK_INT(read(self->fds[0], self->buffer, 64), 0);
    AIO_FINALLY;
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

CORO_TEST(writable_and_own_writes, int fds[2], error; ptrdiff_t n; size_t sent; struct aio_void *task;
          char buffer[65536];)
{
    AIO_BEGIN;
    CHECK_INT(aio_socketpair(self->fds), 0);
    AIO_AWAIT(aio_writable(self->fds[0]));
    while ((self->n = write(self->fds[0], flood, 4096)) > 0)
        self->sent += (size_t)self->n;
    CHECK_INT(errno, EAGAIN);
    AIO_TRY(self->error, aio_wait_for(aio_writable(self->fds[0]), AIO_MS(2)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    self->task = aio_create_task(aio_writable(self->fds[0]));
    AIO_AWAIT(aio_sleep(0));
    CHECK(!aio_task_done(self->task));
    while (self->sent) {
        AIO_AWAIT(self->n, aio_recv(self->fds[1], self->buffer, sizeof self->buffer));
        self->sent -= (size_t)self->n;
    }
    AIO_AWAIT(self->task);
    CHECK_INT(write(self->fds[0], flood, 1), 1);
    AIO_FINALLY;
    aio_release(self->task);
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

/* ------------------------------------------------------------------------------------ at once */

/* Waits, reads what is there into a buffer that is nobody's, and sends it back. */
static char shared[8];
struct lean { AIO_FRAME(int); int fd; ptrdiff_t n; };
static AIO_CORO(lean)
{
    AIO_BEGIN;
    for (;;) {
        AIO_AWAIT(aio_readable(self->fd));
        self->n = aio_recv_nowait(self->fd, shared, sizeof shared);
        if (self->n == AIO_EAGAIN)
            continue;
        if (self->n <= 0)
            AIO_RETURN((int)self->n);
        CHECK_INT(aio_send_nowait(self->fd, shared, (size_t)self->n), self->n);
    }
    AIO_END;
}

CORO_TEST(lean_echo, int fds[2], kind, i; ptrdiff_t n; char text[32]; struct lean *task;)
{
    AIO_BEGIN;
    for (; self->kind < 2; self->kind++) {
        if (self->kind)
            CHECK_INT(aio_socketpair(self->fds), 0);
        else
            AIO_AWAIT(aio_new(tcp_pair, self->fds));
        self->task = aio_create_task(aio_new(lean, self->fds[0]));
        for (self->i = 1; self->i <= 20; self->i++) {   /* less than the buffer, just so much, and more */
            AIO_AWAIT(aio_send_all(self->fds[1], "abcdefghijklmnopqrstuvwxyz", (size_t)self->i));
            AIO_AWAIT(self->n, aio_wait_for(aio_recv_exactly(self->fds[1], self->text, (size_t)self->i), AIO_SEC(5)));
            CHECK(memcmp(self->text, "abcdefghijklmnopqrstuvwxyz", (size_t)self->i) == 0);
        }
        aio_close(self->fds[1]);
        self->fds[1] = 0;
        AIO_AWAIT(self->i, aio_wait_for(self->task, AIO_SEC(5)));
        CHECK_INT(self->i, 0);
        aio_release(self->task);
        aio_close(self->fds[0]);
        self->fds[0] = 0;
    }
    AIO_FINALLY;
    aio_release(self->task);
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

CORO_TEST(nowait, int fds[2], error; ptrdiff_t n; size_t sent; char text[16], buffer[65536];)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(tcp_pair, self->fds));
    CHECK_INT(aio_recv_nowait(self->fds[0], self->text, 16), AIO_EAGAIN);
    CHECK_INT(aio_recv_nowait(self->fds[0], self->text, 0), 0);
    AIO_TRY(self->error, aio_wait_for(aio_readable(self->fds[0]), AIO_MS(2)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_INT(aio_send_nowait(self->fds[1], "0123456789", 10), 10);
    AIO_AWAIT(aio_readable(self->fds[0]));
    CHECK_INT(aio_recv_nowait(self->fds[0], self->text, 4), 4);
    AIO_AWAIT(aio_readable(self->fds[0]));              /* it still is */
    CHECK_INT(aio_recv_nowait(self->fds[0], self->text, 16), 6);
    AIO_TRY(self->error, aio_wait_for(aio_readable(self->fds[0]), AIO_MS(2)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_INT(aio_send_nowait(self->fds[1], "x", 1), 1);
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    CHECK_INT(aio_recv_nowait(self->fds[0], self->text, 16), 1);
    while ((self->n = aio_send_nowait(self->fds[0], flood, 65536)) > 0)
        self->sent += (size_t)self->n;
    CHECK_INT(self->n, AIO_EAGAIN);
    AIO_TRY(self->error, aio_wait_for(aio_writable(self->fds[0]), AIO_MS(2)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    while (self->sent) {
        AIO_AWAIT(self->n, aio_recv(self->fds[1], self->buffer, sizeof self->buffer));
        self->sent -= (size_t)self->n;
    }
    AIO_AWAIT(aio_writable(self->fds[0]));
    CHECK_INT(aio_send_nowait(self->fds[0], "y", 1), 1);
    AIO_AWAIT(aio_recv_exactly(self->fds[1], self->text, 1));
    CHECK_INT(aio_recv_nowait(-1, self->text, 16), AIO_EBADF);
    CHECK_INT(aio_recv_nowait(self->fds[0], self->text, SIZE_MAX), AIO_EINVAL);
    aio_close(self->fds[1]);
    self->fds[1] = 0;
    AIO_AWAIT(aio_readable(self->fds[0]));
    CHECK_INT(aio_recv_nowait(self->fds[0], self->text, 16), 0);
    AIO_FINALLY;
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

/* Whoever reads at once while somebody waits does not make him lose his place, whatever it leaves. */
CORO_TEST(nowait_beside_a_waiter, int fds[2], error; ptrdiff_t n; char text[8], other[8]; struct aio_size *task;)
{
    AIO_BEGIN;
    CHECK_INT(aio_socketpair(self->fds), 0);
    self->task = aio_create_task(aio_recv(self->fds[0], self->text, 8));
    AIO_AWAIT(aio_sleep(0));
    CHECK_INT(aio_send_nowait(self->fds[1], "0123456", 7), 7);
    CHECK_INT(aio_recv_nowait(self->fds[0], self->other, 3), 3);
    AIO_TRY(self->error, self->n, aio_recv(self->fds[0], self->other, 8));
    CHECK_INT(self->error, AIO_EBUSY);
    AIO_AWAIT(self->n, aio_wait_for(self->task, AIO_SEC(5)));
    CHECK(self->n == 4 && memcmp(self->text, "3456", 4) == 0);
    AIO_FINALLY;
    aio_release(self->task);
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

TEST(nowait_without_a_loop)
{
    char byte;
    CHECK_INT(aio_recv_nowait(0, &byte, 1), AIO_EPERM);
    CHECK_INT(aio_send_nowait(1, "x", 1), AIO_EPERM);
}

/* A write that is done at once needs no frame, but it may be made, kept, thrown away and wrapped as any other. */
CORO_TEST(writes_made_ahead, int fds[2], error; ptrdiff_t n, k; struct aio_size *one, *two, *three; char text[16];)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(tcp_pair, self->fds));
    self->one = aio_send_all(self->fds[0], "one ", 4);
    self->two = aio_send_all(self->fds[0], "two ", 4);
    self->three = aio_send_all(self->fds[0], "three ", 6);
    AIO_AWAIT(self->n, self->two);
    CHECK_INT(self->n, 4);
    aio_discard(self->one);                             /* whichever has no frame */
    self->two = aio_send_all(self->fds[0], "four ", 5);
    AIO_AWAIT(self->n, self->three);
    CHECK_INT(self->n, 6);
    AIO_AWAIT(self->n, self->two);
    CHECK_INT(self->n, 5);
    AIO_AWAIT(self->n, aio_recv_exactly(self->fds[1], self->text, 15));
    CHECK(memcmp(self->text, "two three four ", 15) == 0);
    AIO_GATHER(self->n, aio_send(self->fds[0], "ab", 2), self->k, aio_send(self->fds[0], "cde", 3));
    CHECK(self->n == 2 && self->k == 3);
    self->one = aio_create_task(aio_send_all(self->fds[0], "fghi", 4));
    CHECK_STR(aio_task_name(self->one), "aio_send_all");
    AIO_AWAIT(self->n, aio_send_all(self->fds[0], "-", 1));
    AIO_AWAIT(self->n, self->one);
    CHECK(self->n == 4 && self->one->result == 4);
    aio_release(self->one);
    AIO_TRY(self->error, self->n, aio_wait_for(aio_send_all(self->fds[0], "never", 5), 0));
    CHECK(self->error == AIO_ETIMEDOUT && self->n == 0);
    AIO_AWAIT(self->n, aio_wait_for(aio_send(self->fds[0], "x", 1), AIO_SEC(5)));
    CHECK_INT(self->n, 1);
    AIO_AWAIT(self->n, aio_send_all(self->fds[0], "", 0));
    CHECK_INT(self->n, 0);
    AIO_AWAIT(self->n, aio_recv_exactly(self->fds[1], self->text, 11));
    CHECK(memcmp(self->text, "abcde-fghix", 11) == 0);
    AIO_TRY(self->error, self->n, aio_send(-1, "x", 1));
    CHECK(self->error == AIO_EBADF && self->n == 0);
    AIO_AWAIT(self->n, aio_send(self->fds[0], "y", 1));
    CHECK_INT(self->n, 1);
    CHECK_INT(aio_recv_nowait(self->fds[1], self->text, 16), 1);
    aio_shutdown(self->fds[0], AIO_WRITABLE);
    AIO_AWAIT(self->n, aio_send_all(self->fds[0], "", 0));      /* nothing can fail */
    AIO_TRY(self->error, self->n, aio_send(self->fds[0], "x", 1));
    CHECK(self->error == AIO_EPIPE && self->n == 0);
    if (!slow()) {                                  /* valgrind sees where that ends */
        AIO_TRY(self->error, self->n, aio_send(self->fds[0], "x", (size_t)-1));     /* a count that was an error */
        CHECK(self->error < 0 && self->n == 0, "%d %d", self->error, (int)self->n);
        AIO_TRY(self->error, self->n, aio_send_all(self->fds[0], "x", (size_t)-1));
        CHECK(self->error < 0 && self->n == 0, "%d %d", self->error, (int)self->n);
    }
    AIO_FINALLY;
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

/* A cancel that is pending when a read of a drained connection begins: it strikes there. */
CORO_TEST(recv_with_a_cancel_pending, int fds[2], error; ptrdiff_t n; char text[8];)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(tcp_pair, self->fds));
    AIO_TRY(self->error, self->n, aio_wait_for(aio_recv(self->fds[0], self->text, 8), AIO_MS(2)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK(aio_task_cancel(aio_current_task()));
    AIO_CATCH(self->error, self->n, aio_recv(self->fds[0], self->text, 8));
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(self->n, 0);
    CHECK_INT(aio_task_uncancel(aio_current_task()), 0);
    AIO_AWAIT(aio_send_all(self->fds[1], "kept", 4));
    AIO_AWAIT(self->n, aio_recv(self->fds[0], self->text, 8));
    CHECK_INT(self->n, 4);
    AIO_AWAIT(aio_send_all(self->fds[1], "full", 4));   /* and of one that only a try finds to be drained */
    AIO_AWAIT(self->n, aio_recv(self->fds[0], self->text, 4));
    CHECK_INT(self->n, 4);
    CHECK(aio_task_cancel(aio_current_task()));
    AIO_CATCH(self->error, self->n, aio_recv(self->fds[0], self->text, 8));
    CHECK_INT(self->error, AIO_ECANCELED);
    CHECK_INT(self->n, 0);
    CHECK_INT(aio_task_uncancel(aio_current_task()), 0);
    AIO_AWAIT(aio_send_all(self->fds[1], "again", 5));
    AIO_AWAIT(self->n, aio_recv(self->fds[0], self->text, 8));
    CHECK_INT(self->n, 5);
    AIO_FINALLY;
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

/* -------------------------------------------------------------------------------- other matters */

CORO_TEST(messages_stay_apart, int fds[2], type; ptrdiff_t n; char buffer[16]; struct aio_size *task;)
{
    AIO_BEGIN;
    for (self->type = SOCK_DGRAM; self->type; self->type = self->type == SOCK_DGRAM ? SOCK_SEQPACKET : 0) {
        CHECK_INT(socketpair(AF_UNIX, self->type, 0, self->fds), 0);
        AIO_AWAIT(self->n, aio_send(self->fds[0], "one", 3));
        AIO_AWAIT(self->n, aio_send(self->fds[0], "three", 5));
        AIO_AWAIT(self->n, aio_send(self->fds[0], "fifteen", 7));
        AIO_AWAIT(self->n, aio_recv(self->fds[1], self->buffer, 16));
        CHECK(self->n == 3 && memcmp(self->buffer, "one", 3) == 0);
        AIO_AWAIT(self->n, aio_recv(self->fds[1], self->buffer, 2));    /* the rest of it is lost */
        CHECK(self->n == 2 && memcmp(self->buffer, "th", 2) == 0);
        AIO_AWAIT(self->n, aio_recv(self->fds[1], self->buffer, 16));
        CHECK(self->n == 7 && memcmp(self->buffer, "fifteen", 7) == 0);
        self->task = aio_create_task(aio_recv(self->fds[1], self->buffer, 16));
        AIO_AWAIT(aio_sleep(0));
        AIO_AWAIT(self->n, aio_send(self->fds[0], "late", 4));
        AIO_AWAIT(self->n, self->task);
        CHECK_INT(self->n, 4);
        aio_release(self->task);
        aio_close(self->fds[0]);
        aio_close(self->fds[1]);
    }
    AIO_END;
}

static bool is_ours(int fd)
{
    return fd > 2 && fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK;
}

struct all_made { AIO_FRAME(bool); int listener, fd, peer, fds[2], local, client, server; };
static AIO_CORO(all_made)
{
    AIO_BEGIN;
    AIO_AWAIT(self->listener, aio_listen("127.0.0.1", 0));
    AIO_AWAIT(self->fd, aio_connect("127.0.0.1", port_of(self->listener)));
    AIO_AWAIT(self->peer, aio_accept(self->listener));
    AIO_AWAIT(self->local, aio_listen_unix(path));
    AIO_AWAIT(self->client, aio_connect_unix(path));
    AIO_AWAIT(self->server, aio_accept(self->local));
    aio_socketpair(self->fds);
    self->result = is_ours(self->listener) && is_ours(self->fd) && is_ours(self->peer) && is_ours(self->local) &&
                   is_ours(self->client) && is_ours(self->server) && is_ours(self->fds[0]) && is_ours(self->fds[1]);
    AIO_FINALLY;
    unlink(path);
    aio_close(self->listener);
    aio_close(self->fd);
    aio_close(self->peer);
    aio_close(self->local);
    aio_close(self->client);
    aio_close(self->server);
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

TEST(nonblocking_and_closed_on_exec)
{
    bool fine = false;
    CHECK_INT(aio_run(fine, aio_new(all_made)), 0);
    CHECK(fine);
}

/* A process that was started without standard descriptors: nobody gets their numbers, the poller neither. */
TEST(never_below_three)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        bool fine = false;
        int error;
        struct aio_loop loop;
        close(0);
        close(1);
        close(2);
        error = aio_run(fine, aio_new(all_made));
        if (error || !fine)
            _exit(1);
        if (aio_loop_init(&loop, NULL))
            _exit(2);
        if (fcntl(0, F_GETFD) >= 0 || fcntl(1, F_GETFD) >= 0 || fcntl(2, F_GETFD) >= 0)
            _exit(3);
        aio_loop_close(&loop);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_INT(status, 0);
}

TEST(closing_nothing)
{
    int before = open_fds(), fds[2] = { 7, 8 };
    CHECK_INT(aio_close(0), 0);
    CHECK_INT(aio_close(-1), 0);
    CHECK_INT(aio_close(INT_MIN), 0);
    CHECK_INT(open_fds(), before);
    CHECK_INT(aio_close(2999), AIO_EBADF);
    if (slow())                                         /* valgrind has limits of its own */
        return;
    limit_fds(1);
    CHECK_INT(aio_socketpair(fds), AIO_EMFILE);
    unlimit_fds();
    CHECK(fds[0] == 0 && fds[1] == 0);
    CHECK_INT(open_fds(), before);
}

/* A read on a local socket ends at a descriptor that was sent along, though more bytes wait behind it. */
static void send_descriptor(int fd, int sent, const char *text)
{
    union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
    struct iovec part = { (char *)(uintptr_t)text, strlen(text) };
    struct msghdr message;
    struct cmsghdr *header;
    memset(&message, 0, sizeof message);
    memset(&control, 0, sizeof control);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof sent);
    memcpy(CMSG_DATA(header), &sent, sizeof sent);
    CHECK_INT(sendmsg(fd, &message, 0), (int)strlen(text));
}

struct reads_all { AIO_FRAME(int); int fd; ssize_t n; char text[100]; };
static AIO_CORO(reads_all)
{
    AIO_BEGIN;
    while (self->result < 7) {
        AIO_AWAIT(self->n, aio_recv(self->fd, self->text, sizeof self->text));
        self->result += (int)self->n;
    }
    AIO_END;
}

/* Whoever made the socket. */
CORO_TEST(bytes_behind_a_descriptor, int listener, pair[2], who, bytes; struct reads_all *task;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->listener, aio_listen_unix(path));
    for (; self->who < 4; self->who++) {
        if (self->who == 0)
            CHECK_INT(aio_socketpair(self->pair), 0);
        else if (self->who == 1)
            CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, self->pair), 0);
        else {
            AIO_AWAIT(self->pair[self->who == 3], aio_connect_unix(path));
            AIO_AWAIT(self->pair[self->who == 2], aio_accept(self->listener));
        }
        self->task = aio_create_task(aio_new(reads_all, self->pair[0]));
        AIO_AWAIT(aio_sleep(AIO_MS(1)));
        send_descriptor(self->pair[1], 0, "abc");
        CHECK_INT(send(self->pair[1], "def!", 4, 0), 4);
        AIO_AWAIT(self->bytes, aio_wait_for(self->task, AIO_SEC(5)));
        CHECK_INT(self->bytes, 7);
        aio_release(self->task);
        aio_close(self->pair[0]);
        aio_close(self->pair[1]);
        self->pair[0] = self->pair[1] = 0;
    }
    AIO_FINALLY;
    aio_release(self->task);
    aio_close(self->pair[0]);
    aio_close(self->pair[1]);
    aio_close(self->listener);
    unlink(path);
    AIO_END;
}

int main(int argc, char **argv)
{
    int status;
    if (net_folder(folder, sizeof folder))
        return 1;
    snprintf(path, sizeof path, "%s/socket", folder);
    status = tap_run(argc, argv, (const struct tap_test[]){
        T(listen_ipv4), T(ipv6), T(listen_options), T(no_address_literals), T(connect_refused),
        T(accept_and_addresses), T(accept_what_cannot), T(connect_unanswered), T(unix_sockets),
        T(unix_full_backlog), T(recv_and_recv_exactly), T(send_all_cancelled), T(send_all_failed),
        T(recv_exactly_cancelled), T(large_both_ways), T(half_close), T(urgent_byte), T(shutdown_wakes_the_reader),
        T(readable_and_own_reads), T(writable_and_own_writes), T(messages_stay_apart),
        T(nonblocking_and_closed_on_exec), T(never_below_three), T(closing_nothing),
        T(bytes_behind_a_descriptor), T(lean_echo), T(nowait), T(nowait_beside_a_waiter), T(nowait_without_a_loop),
        T(writes_made_ahead), T(recv_with_a_cancel_pending) }, 31);
    unlink(path);
    rmdir(folder);
    return status;
}
