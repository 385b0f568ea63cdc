/* Bad luck: no descriptors left, peers that vanish, signals all the time, forks, floods, crowds. */
#undef TEST_SHARED                      /* it has an implementation of its own */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <sys/socket.h>
/* accept4, but a test may say which errors it meets first. */
static const int *accept_script;
static int accept_calls;
static int scripted_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    accept_calls++;
    if (accept_script && *accept_script) {
        errno = *accept_script++;
        return -1;
    }
    return accept4(fd, address, size, flags);
}
#define accept4 scripted_accept4
#include "net.h"
#include <netinet/in.h>
#include <signal.h>
#include <sys/time.h>

static uint16_t port;

struct echo { AIO_FRAME(void); int fd; ptrdiff_t n; char buffer[3000]; };
static AIO_CORO(echo)
{
    AIO_BEGIN;
    AIO_WHILE(self->n, aio_recv(self->fd, self->buffer, sizeof self->buffer))
        AIO_AWAIT(aio_send_all(self->fd, self->buffer, (size_t)self->n));
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}

/* Echoes to whoever comes, until it is cancelled. */
struct server { AIO_FRAME(void); int fd, peer; struct aio_group peers; };
static AIO_CORO(server)
{
    AIO_BEGIN;
    aio_group_open(&self->peers, self, 0, AIO_GROUP_KEEP_GOING);
    AIO_AWAIT(self->fd, aio_listen("127.0.0.1", 0));
    port = (uint16_t)aio_local_port(self->fd);
    for (;;) {
        AIO_AWAIT(self->peer, aio_accept(self->fd));
        if (aio_group_spawn(&self->peers, aio_new(echo, self->peer)) < 0)
            aio_close(self->peer);
    }
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}

/* Sends messages of growing length and checks every byte that comes back. */
struct client { AIO_FRAME(int); int number, rounds, fd; char out[2000], in[2000]; };
static AIO_CORO(client)
{
    const size_t size = 1 + (size_t)(self->result * 311 + self->number) % sizeof self->out;
    AIO_BEGIN;
    AIO_AWAIT(self->fd, aio_connect("127.0.0.1", port));
    while (self->result < self->rounds) {
        pattern_fill(self->out, size, (size_t)self->result, (unsigned)self->number);
        AIO_AWAIT(aio_send_all(self->fd, self->out, size));
        AIO_AWAIT(aio_recv_exactly(self->fd, self->in, size));
        CHECK_INT(pattern_wrong(self->in, size, (size_t)self->result, (unsigned)self->number), 0);
        self->result++;
        AIO_AWAIT(aio_sleep(0));                        /* so that size is computed again */
    }
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}

/* ------------------------------------------------------------------------- no descriptors are left */

CORO_TEST(out_of_descriptors, int fds[5], i; struct server *server; aio_time cpu, until; char byte;)
{
    AIO_BEGIN;
    if (slow())                                         /* valgrind has limits of its own */
        AIO_RETURN();
    self->server = aio_create_task(aio_new(server));
    AIO_AWAIT(aio_sleep(0));
    for (; self->i < 5; self->i++) {                    /* one has a connection, the others will wait for it */
        if (self->i == 1) {
            AIO_AWAIT(aio_send_all(self->fds[0], "0", 1));
            AIO_AWAIT(aio_recv_exactly(self->fds[0], &self->byte, 1));
        }
        AIO_AWAIT(self->fds[self->i], aio_connect("127.0.0.1", port));
        if (self->i)
            AIO_AWAIT(aio_send_all(self->fds[self->i], "x", 1));
    }
    limit_fds(0);
    accept_calls = 0;
    self->cpu = cpu_time();
    self->until = aio_now() + AIO_MS(350);
    while (aio_now() < self->until) {                   /* the established one goes on */
        AIO_AWAIT(aio_send_all(self->fds[0], "y", 1));
        AIO_AWAIT(aio_recv_exactly(self->fds[0], &self->byte, 1));
        CHECK_INT(self->byte, 'y');
        AIO_AWAIT(aio_sleep(AIO_MS(20)));
    }
    self->cpu = cpu_time() - self->cpu;
    CHECK(self->cpu < AIO_MS(150), "%lld us", (long long)self->cpu / 1000);
    CHECK(accept_calls >= 2 && accept_calls <= 6, "%d", accept_calls);
    CHECK_NOTES("[aio_accept cannot accept for now, and tries again -24]");     /* told once */
    unlimit_fds();
    for (self->i = 1; self->i < 5; self->i++) {         /* nobody was turned away */
        AIO_AWAIT(aio_recv_exactly(self->fds[self->i], &self->byte, 1));
        CHECK_INT(self->byte, 'x');
    }
    AIO_FINALLY;
    for (self->i = 0; self->i < 5; self->i++)
        aio_close(self->fds[self->i]);
    aio_task_cancel(self->server);
    aio_release(self->server);
    AIO_END;
}

/* The same when it is the system that has none, and other errors that are not the listener's. */
static const int transient[] = { ECONNABORTED, EINTR, EPROTO, ENFILE, ENOBUFS, ECONNABORTED, ENOMEM, ENETUNREACH, 0 };
static const int fatal[] = { EPERM, 0 };
CORO_TEST(accept_errors, int listener, client, fd, error; aio_time began;)
{
    AIO_BEGIN;
    AIO_AWAIT(self->listener, aio_listen("127.0.0.1", 0));
    AIO_AWAIT(self->client, aio_connect("127.0.0.1", (uint16_t)aio_local_port(self->listener)));
    accept_script = fatal;
    AIO_TRY(self->error, self->fd, aio_accept(self->listener));
    CHECK_INT(self->error, AIO_EPERM);
    accept_script = transient;
    accept_calls = 0;
    self->began = aio_now();
    AIO_AWAIT(self->fd, aio_accept(self->listener));
    CHECK_INT(accept_calls, 9);
    CHECK(aio_now() - self->began >= AIO_MS(250));      /* three times it had to wait */
    CHECK_NOTES("[aio_accept cannot accept for now, and tries again -23]");
    AIO_FINALLY;
    accept_script = NULL;
    aio_close(self->fd);
    aio_close(self->client);
    aio_close(self->listener);
    AIO_END;
}

/* ------------------------------------------------------------------------------- peers that vanish */

static void reset(int fd)                               /* closes with RST */
{
    struct linger linger = { 1, 0 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    aio_close(fd);
}

CORO_TEST(reset_in_a_message, int fds[2], error; ptrdiff_t n; char buffer[8]; struct aio_size *task;)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(tcp_pair, self->fds));
    self->task = aio_create_task(aio_recv_exactly(self->fds[0], self->buffer, 8));
    AIO_AWAIT(aio_send_all(self->fds[1], "abc", 3));
    AIO_AWAIT(aio_sleep(AIO_MS(2)));
    reset(self->fds[1]);
    AIO_TRY(self->error, self->n, self->task);
    CHECK_INT(self->error, AIO_ECONNRESET);
    CHECK_INT(self->n, 3);
    AIO_TRY(self->error, self->n, aio_send(self->fds[0], "x", 1));
    CHECK_INT(self->error, AIO_EPIPE);
    AIO_FINALLY;
    aio_release(self->task);
    aio_close(self->fds[0]);
    AIO_END;
}

static const char flood[1 << 22];
CORO_TEST(closed_while_we_write, int fds[2], error, how; ptrdiff_t n; struct aio_size *task;)
{
    AIO_BEGIN;
    for (; self->how < 2; self->how++) {
        AIO_AWAIT(aio_new(tcp_pair, self->fds));
        self->task = aio_create_task(aio_send_all(self->fds[0], flood, sizeof flood));
        AIO_AWAIT(aio_sleep(AIO_MS(1)));
        CHECK(!aio_task_done(self->task));
        if (self->how)
            reset(self->fds[1]);
        else
            aio_close(self->fds[1]);                    /* with unread data: that is a reset, too */
        AIO_TRY(self->error, self->n, self->task);
        CHECK(self->error == AIO_ECONNRESET || self->error == AIO_EPIPE, "%d", self->error);
        CHECK(self->n > 0 && self->n < (ptrdiff_t)sizeof flood);
        aio_release(self->task);
        aio_close(self->fds[0]);
    }
    AIO_END;
}

/* ------------------------------------------------------------------------------------------ signals */

static volatile sig_atomic_t interruptions;
static void interrupted(int number)
{
    (void)number;
    interruptions++;
}

struct push_pipe { AIO_FRAME(void); int fd, i; char buffer[997]; };
static AIO_CORO(push_pipe)
{
    AIO_BEGIN;
    for (; self->i < 200; self->i++) {
        pattern_fill(self->buffer, sizeof self->buffer, (size_t)self->i * sizeof self->buffer, 9);
        AIO_AWAIT(aio_send_all(self->fd, self->buffer, sizeof self->buffer));
        if (self->i % 5 == 0)
            AIO_AWAIT(aio_sleep(AIO_US(300)));
    }
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}

/* A signal every millisecond, which interrupts system calls (no SA_RESTART), in the middle of traffic. */
CORO_TEST(signals_all_the_time, int i, pipe[2]; size_t at; ptrdiff_t n; char buffer[512]; struct server *server;
          struct aio_group group;)
{
    AIO_BEGIN;
    {
        struct sigaction action = { .sa_handler = interrupted };
        struct itimerval timer = { { 0, 1000 }, { 0, 1000 } };
        sigaction(SIGALRM, &action, NULL);
        setitimer(ITIMER_REAL, &timer, NULL);
    }
    interruptions = 0;
    self->server = aio_create_task(aio_new(server));
    AIO_AWAIT(aio_sleep(0));
    aio_group_open(&self->group, self, 0, 0);
    for (; self->i < 10; self->i++)
        CHECK_INT(aio_group_spawn(&self->group, aio_new(client, self->i, slow() ? 10 : 200)), 0);
    CHECK_INT(pipe(self->pipe), 0);                     /* a pipe that blocks is the most delicate */
    CHECK_INT(aio_group_spawn(&self->group, aio_new(push_pipe, self->pipe[1])), 0);
    AIO_WHILE(self->n, aio_recv(self->pipe[0], self->buffer, sizeof self->buffer)) {
        CHECK_INT(pattern_wrong(self->buffer, (size_t)self->n, self->at, 9), 0);
        self->at += (size_t)self->n;
    }
    CHECK_INT(self->at, 200 * 997);
    AIO_AWAIT(aio_group_join(&self->group));
    CHECK(interruptions > (slow() ? 0 : 5), "%d", (int)interruptions);
    AIO_FINALLY;
    {
        struct itimerval none = { { 0, 0 }, { 0, 0 } };
        setitimer(ITIMER_REAL, &none, NULL);
    }
    signal(SIGALRM, SIG_IGN);                           /* drops one that is still pending */
    signal(SIGALRM, SIG_DFL);
    alarm(slow() ? 600 : ALARM);                        /* the one that setitimer replaced */
    aio_close(self->pipe[0]);
    aio_task_cancel(self->server);
    aio_release(self->server);
    AIO_END;
}

/* ------------------------------------------------------------------------------------------- forks */

/* What a child does: a loop of its own, with timers, sockets, and all. */
struct small_life { AIO_FRAME(int); struct server *server; struct client *client; };
static AIO_CORO(small_life)
{
    AIO_BEGIN;
    self->server = aio_create_task(aio_new(server));
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    AIO_AWAIT(self->result, aio_new(client, 3, 5));
    aio_task_cancel(self->server);
    AIO_FINALLY;
    aio_release(self->server);
    AIO_END;
}
static void child_life(struct aio_size *old)
{
    int result = 0, error;
    aio_after_fork();
    error = aio_run(result, aio_new(small_life));
    aio_release(old);                                   /* a handle from before the fork is still one */
    _exit(error ? 1 : result != 5 ? 2 : tap_failed ? 3 : 0);
}

/* In the middle of a run: the child starts anew, and the parent's descriptors and timers go on. */
CORO_TEST(fork_in_a_loop, int fds[2], done[2], status; pid_t child; ptrdiff_t n; char byte; struct aio_size *waiter, *end;)
{
    AIO_BEGIN;
    CHECK_INT(aio_socketpair(self->fds), 0);
    self->waiter = aio_create_task(aio_recv(self->fds[0], &self->byte, 1));
    AIO_AWAIT(aio_sleep(AIO_MS(1)));                    /* it is registered before the fork */
    CHECK_INT(pipe2(self->done, O_CLOEXEC), 0);
    self->child = fork();
    if (self->child == 0)
        child_life(self->waiter);
    close(self->done[1]);
    AIO_AWAIT(self->n, aio_recv(self->done[0], &self->byte, 1));    /* it ends when the child does */
    CHECK_INT(self->n, 0);
    CHECK_INT(waitpid(self->child, &self->status, 0), self->child);
    CHECK_INT(self->status, 0);
    CHECK(!aio_task_done(self->waiter));
    AIO_AWAIT(aio_send_all(self->fds[1], "p", 1));
    AIO_AWAIT(self->n, self->waiter);
    CHECK(self->n == 1 && self->byte == 'p');
    AIO_FINALLY;
    aio_release(self->waiter);
    aio_close(self->done[0]);
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

TEST(fork_outside_a_loop)
{
    struct aio_loop loop;
    int i, status = -1, error, result = 0;
    pid_t child;
    for (i = 0; i < 2; i++) {                           /* with no loop, and with one between two runs */
        if (i)
            CHECK_INT(aio_loop_init_(&loop, &net_options, test_poller()), 0);
        child = fork();
        if (child == 0)
            child_life(NULL);
        CHECK_INT(waitpid(child, &status, 0), child);
        CHECK_INT(status, 0);
    }
    error = aio_loop_run_until_complete(&loop, aio_new(small_life));
    CHECK_INT(error, 0);
    aio_loop_close(&loop);
    aio_after_fork();                                   /* harmless */
    CHECK_INT(aio_run(result, aio_new(small_life)), 0);
    CHECK_INT(result, 5);
}

/* --------------------------------------------------------------------------------- mistakes of users */

struct never { AIO_FRAME(int); int *ran; };
static AIO_CORO(never)
{
    AIO_BEGIN;
    ++*self->ran;
    AIO_FINALLY;
    ++*self->ran;
    AIO_END;
}
static struct aio_loop second;
struct nested { AIO_FRAME(void); int ran, got; };
static AIO_CORO(nested)
{
    AIO_BEGIN;
    self->got = 7;
    CHECK_INT(aio_run(self->got, aio_new(never, &self->ran)), AIO_EBUSY);
    CHECK_INT(self->got, 0);
    CHECK_INT(aio_loop_run_until_complete(aio_loop_current(), aio_new(never, &self->ran)), AIO_EBUSY);
    CHECK_INT(aio_loop_run_forever(aio_loop_current()), AIO_EBUSY);
    CHECK_INT(aio_loop_turn(aio_loop_current(), 0), AIO_EBUSY);
    CHECK_INT(aio_loop_close(aio_loop_current()), AIO_EBUSY);
    CHECK_INT(aio_loop_init(&second, NULL), 0);         /* making one is allowed, running it is not */
    CHECK_INT(aio_loop_run_until_complete(&second, aio_new(never, &self->ran)), AIO_EBUSY);
    CHECK_INT(aio_loop_turn(&second, 0), AIO_EBUSY);
    CHECK_INT(aio_loop_close(&second), AIO_EBUSY);
    CHECK_INT(self->ran, 0);
    AIO_AWAIT(aio_sleep(AIO_MS(1)));                    /* no harm was done */
    note("on ");
    AIO_END;
}
TEST(run_in_a_run)
{
    int before = open_fds();
    CHECK_INT(aio_run_with(&net_options, aio_new(nested)), 0);
    CHECK_NOTES("on ");
    CHECK_INT(aio_loop_run_until_complete(&second, aio_sleep(AIO_MS(1))), 0);
    CHECK_INT(aio_loop_close(&second), 0);
    CHECK_INT(open_fds(), before);
}

struct text_sink { struct aio_sink sink; char text[1000]; };
static void text_write(struct aio_sink *sink, const char *text, size_t length)
{
    strncat(((struct text_sink *)(void *)sink)->text, text, length);
}
static struct text_sink traceback = { { text_write }, "" };
static void tell(struct aio_loop *loop, const struct aio_report *report)
{
    (void)loop;
    aio_report_write(report, &traceback.sink);
}
struct inner { AIO_FRAME(void); char byte; };
static AIO_CORO(inner)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(0));
    AIO_AWAIT(aio_recv_exactly(2999, &self->byte, 1));
    AIO_END;
}
struct outer { AIO_FRAME(void); };
static AIO_CORO(outer)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(inner));
    AIO_END;
}
struct unlucky { AIO_FRAME(void); int went_on; };
static AIO_CORO(unlucky)
{
    AIO_BEGIN;
    CHECK_INT(aio_spawn(aio_new(outer)), 0);
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    note("on ");
    AIO_END;
}
TEST(error_of_a_spawned_task)
{
    struct aio_options options = { .on_error = tell };
    const char *at[3];
    CHECK_INT(aio_run_with(&options, aio_new(unlucky)), 0);
    CHECK_NOTES("on ");
    at[0] = strstr(traceback.text, "outer");
    at[1] = strstr(traceback.text, "inner");
    at[2] = strstr(traceback.text, "AIO_EBADF");
    CHECK(at[0] && at[1] && at[2], "%s", traceback.text);
    CHECK(strstr(traceback.text, "test_badluck.c:") != NULL);
}

/* -------------------------------------------------------------------------------- floods and crowds */

struct flood_in { AIO_FRAME(void); int fd; };
static AIO_CORO(flood_in)
{
    AIO_BEGIN;
    for (;;)
        AIO_AWAIT(aio_send_all(self->fd, flood, 100000));
    AIO_END;
}
struct flood_out { AIO_FRAME(void); int fd; size_t reads; ptrdiff_t n; char buffer[100]; };
static AIO_CORO(flood_out)
{
    AIO_BEGIN;
    AIO_WHILE(self->n, aio_recv(self->fd, self->buffer, sizeof self->buffer))
        self->reads++;
    AIO_END;
}

/* A socket that can always be read does not keep timers and other sockets from their turn. */
CORO_TEST(no_starvation, int fds[2], i; struct server *server; struct flood_in *in; struct flood_out *out; int rounds;
          aio_time began;)
{
    AIO_BEGIN;
    CHECK_INT(aio_socketpair(self->fds), 0);
    self->server = aio_create_task(aio_new(server));
    self->in = aio_create_task(aio_new(flood_in, self->fds[0]));
    self->out = aio_create_task(aio_new(flood_out, self->fds[1]));
    self->began = aio_now();
    for (; self->i < 10; self->i++)
        AIO_AWAIT(aio_sleep(AIO_MS(1)));
    CHECK(aio_now() - self->began < AIO_MS(slow() ? 3000 : 300));
    AIO_AWAIT(self->rounds, aio_wait_for(aio_new(client, 1, 5), AIO_SEC(10)));
    CHECK_INT(self->rounds, 5);
    CHECK(self->out->reads > AIO_BUDGET);
    AIO_FINALLY;
    aio_task_cancel(self->in);
    aio_task_cancel(self->out);
    aio_task_cancel(self->server);
    AIO_CATCH(self->i, self->in);
    AIO_CATCH(self->i, self->out);
    aio_release(self->in);
    aio_release(self->out);
    aio_release(self->server);
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

CORO_TEST(crowd, int i, count, rounds; struct server *server; struct client *clients[1000];)
{
    AIO_BEGIN;
    self->count = slow() ? 50 : on_select() ? 400 : 1000;
    self->server = aio_create_task(aio_new(server));
    AIO_AWAIT(aio_sleep(0));
    for (; self->i < self->count; self->i++)
        self->clients[self->i] = aio_create_task(aio_new(client, self->i, 10));
    for (self->i = 0; self->i < self->count; self->i++) {
        AIO_AWAIT(self->rounds, self->clients[self->i]);
        CHECK_INT(self->rounds, 10);
        aio_release(self->clients[self->i]);
    }
    AIO_FINALLY;
    aio_task_cancel(self->server);
    aio_release(self->server);
    AIO_END;
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(out_of_descriptors), T(accept_errors), T(reset_in_a_message), T(closed_while_we_write),
        T(signals_all_the_time), T(fork_in_a_loop), T(fork_outside_a_loop), T(run_in_a_run),
        T(error_of_a_spawned_task), T(no_starvation), T(crowd));
}
