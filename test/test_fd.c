/* Descriptors of all kinds, and what happens when they are closed, shared, blocking or not there. */
#include "net.h"
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

static char folder[80], path[100];
static const char flood[1 << 20];

/* Counts milliseconds that the loop was free to count. */
static int ticks;
struct ticker { AIO_FRAME(void); };
static AIO_CORO(ticker)
{
    AIO_BEGIN;
    for (ticks = 0;; ticks++)
        AIO_AWAIT(aio_sleep(AIO_MS(1)));
    AIO_END;
}

/* ------------------------------------------------------------------------------------------ pipes */

struct drain { AIO_FRAME(size_t); int fd; ptrdiff_t n; size_t wrong; char buffer[5000]; };
static AIO_CORO(drain)
{
    AIO_BEGIN;
    AIO_WHILE(self->n, aio_recv(self->fd, self->buffer, sizeof self->buffer)) {
        self->wrong += pattern_wrong(self->buffer, (size_t)self->n, self->result, 5);
        self->result += (size_t)self->n;
        if (self->result % 3 == 0)
            AIO_AWAIT(aio_sleep(AIO_US(100)));
    }
    CHECK_INT(self->wrong, 0);
    AIO_END;
}

/* Through a pipe that blocks, and through one that does not: nothing is lost, and the loop does not stop. */
CORO_TEST(pipes, int fds[2], blocking, flags[2], error; ptrdiff_t n; struct drain *drain; struct ticker *ticker;
          char buffer[200000];)
{
    AIO_BEGIN;
    self->ticker = aio_create_task(aio_new(ticker));
    for (; self->blocking < 2; self->blocking++) {
        CHECK_INT(pipe2(self->fds, self->blocking ? 0 : O_NONBLOCK), 0);
        self->flags[0] = fcntl(self->fds[0], F_GETFL);
        self->flags[1] = fcntl(self->fds[1], F_GETFL);
        ticks = 0;
        AIO_TRY(self->error, self->n, aio_wait_for(aio_recv(self->fds[0], self->buffer, 10), AIO_MS(slow() ? 500 : 20)));
        CHECK_INT(self->error, AIO_ETIMEDOUT);
        CHECK(ticks >= 1);
        pattern_fill(self->buffer, sizeof self->buffer, 0, 5);
        ticks = 0;                                      /* nobody reads: it fills up */
        AIO_TRY(self->error, self->n, aio_wait_for(aio_send_all(self->fds[1], self->buffer, sizeof self->buffer),
                                                   AIO_MS(slow() ? 500 : 20)));
        CHECK_INT(self->error, AIO_ETIMEDOUT);
        CHECK(ticks >= 1);
        CHECK(self->n >= 4096 && self->n < (ptrdiff_t)sizeof self->buffer);
        self->drain = aio_create_task(aio_new(drain, self->fds[0]));
        AIO_AWAIT(aio_send_all(self->fds[1], self->buffer + self->n, sizeof self->buffer - (size_t)self->n));
        aio_close(self->fds[1]);
        AIO_AWAIT(self->drain);
        CHECK_INT(self->drain->result, sizeof self->buffer);
        aio_release(self->drain);
        CHECK_INT(fcntl(self->fds[0], F_GETFL), self->flags[0]);
        aio_close(self->fds[0]);
    }
    aio_task_cancel(self->ticker);
    AIO_FINALLY;
    aio_release(self->ticker);
    AIO_END;
}

/* ------------------------------------------------------------------------------------------ files */

CORO_TEST(files, int fd, error; ptrdiff_t n; char buffer[16];)
{
    AIO_BEGIN;
    self->fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    AIO_AWAIT(self->n, aio_recv(self->fd, self->buffer, 16));
    CHECK_INT(self->n, 0);
    AIO_AWAIT(self->n, aio_send_all(self->fd, "0123456789", 10));
    CHECK_INT(self->n, 10);
    lseek(self->fd, 0, SEEK_SET);
    AIO_AWAIT(self->n, aio_recv_exactly(self->fd, self->buffer, 4));
    CHECK(self->n == 4 && memcmp(self->buffer, "0123", 4) == 0);
    AIO_AWAIT(aio_readable(self->fd));
    AIO_AWAIT(aio_writable(self->fd));
    AIO_TRY(self->error, self->n, aio_recv_exactly(self->fd, self->buffer, 16));
    CHECK(self->error == AIO_EEOF && self->n == 6 && memcmp(self->buffer, "456789", 6) == 0);
    AIO_AWAIT(aio_readable(self->fd));                  /* at the end, too */
    aio_close(self->fd);
    self->fd = open(path, O_RDONLY);
    AIO_TRY(self->error, self->n, aio_send(self->fd, "x", 1));
    CHECK_INT(self->error, AIO_EBADF);
    aio_close(self->fd);
    self->fd = open(folder, O_RDONLY);
    AIO_TRY(self->error, self->n, aio_recv(self->fd, self->buffer, 16));
    CHECK_INT(self->error, -EISDIR);
    aio_close(self->fd);
    self->fd = open("/dev/null", O_RDWR);
    AIO_AWAIT(self->n, aio_recv(self->fd, self->buffer, 16));
    CHECK_INT(self->n, 0);
    AIO_AWAIT(self->n, aio_send_all(self->fd, flood, sizeof flood));
    CHECK_INT(self->n, sizeof flood);
    AIO_AWAIT(aio_readable(self->fd));
    AIO_AWAIT(aio_writable(self->fd));
    AIO_FINALLY;
    aio_close(self->fd);
    AIO_END;
}

/* Reading a file that never ends lets the others run. */
struct endless { AIO_FRAME(void); int fd; size_t reads; ptrdiff_t n; char buffer[64]; };
static AIO_CORO(endless)
{
    AIO_BEGIN;
    AIO_WHILE(self->n, aio_recv(self->fd, self->buffer, sizeof self->buffer))
        self->reads++;
    AIO_END;
}
CORO_TEST(endless_files_take_turns, int fd; struct endless *task;)
{
    AIO_BEGIN;
    self->fd = open("/dev/zero", O_RDONLY);
    self->task = aio_create_task(aio_new(endless, self->fd));
    AIO_AWAIT(aio_sleep(AIO_MS(5)));
    CHECK(self->task->reads >= AIO_BUDGET);
    CHECK(aio_task_cancel(self->task));
    AIO_FINALLY;
    aio_release(self->task);
    aio_close(self->fd);
    AIO_END;
}

/* ------------------------------------------------------------------------------------------- ttys */

CORO_TEST(ttys, int master, slave, flags, error; ptrdiff_t n, k; char buffer[65536]; struct aio_size *task;
          struct ticker *ticker;)
{
    struct termios raw;
    AIO_BEGIN;
    CHECK_INT(openpty(&self->master, &self->slave, NULL, NULL, NULL), 0);
    tcgetattr(self->slave, &raw);
    raw.c_lflag &= (tcflag_t)~(ICANON | ECHO);          /* output is still processed: \n becomes \r\n */
    tcsetattr(self->slave, TCSANOW, &raw);
    self->flags = fcntl(self->slave, F_GETFL);
    self->ticker = aio_create_task(aio_new(ticker));
    self->task = aio_create_task(aio_recv(self->slave, self->buffer, 16));
    AIO_AWAIT(aio_sleep(AIO_MS(slow() ? 200 : 5)));
    CHECK(ticks >= 1 && !aio_task_done(self->task));
    AIO_AWAIT(aio_send_all(self->master, "keys", 4));
    AIO_AWAIT(self->n, self->task);
    CHECK(self->n == 4 && memcmp(self->buffer, "keys", 4) == 0);
    aio_release(self->task);
    /* Nobody reads the terminal's output: who writes waits, and the loop does not. */
    memset(self->buffer, 'x', sizeof self->buffer);
    ticks = 0;
    self->task = aio_create_task(aio_send_all(self->slave, self->buffer, sizeof self->buffer));
    AIO_TRY(self->error, self->n, aio_wait_for(self->task, AIO_MS(50)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK(ticks >= 1);
    CHECK(self->n > 0 && self->n < (ptrdiff_t)sizeof self->buffer);
    for (; self->n > 0; self->n -= self->k)         /* what went in comes out */
        AIO_AWAIT(self->k, aio_recv(self->master, self->buffer, sizeof self->buffer));
    CHECK_INT(self->n, 0);
    memset(self->buffer, '\n', sizeof self->buffer);
    do                                                  /* and the same with lines, which grow */
        AIO_TRY(self->error, aio_wait_for(aio_send_all(self->slave, self->buffer, sizeof self->buffer), AIO_MS(50)));
    while (!self->error);
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    CHECK_INT(fcntl(self->slave, F_GETFL), self->flags);
    aio_task_cancel(self->ticker);
    AIO_FINALLY;
    aio_release(self->task);
    aio_release(self->ticker);
    aio_close(self->master);
    aio_close(self->slave);
    AIO_END;
}

/* ------------------------------------------------------------------------------------- bad numbers */

static const int bad[] = { -1, INT_MIN, 2500, 1 << 20, INT_MAX };
CORO_TEST(not_open, size_t i; int fd, error; ptrdiff_t n; char buffer[4];)
{
    AIO_BEGIN;
    for (; self->i < sizeof bad / sizeof *bad; self->i++) {
        self->fd = bad[self->i];
        AIO_TRY(self->error, self->n, aio_recv(self->fd, self->buffer, 4));
        CHECK_INT(self->error, AIO_EBADF);
        AIO_TRY(self->error, self->n, aio_send_all(self->fd, self->buffer, 4));
        CHECK_INT(self->error, AIO_EBADF);
        AIO_TRY(self->error, aio_readable(self->fd));
        CHECK_INT(self->error, AIO_EBADF);
        AIO_TRY(self->error, aio_writable(self->fd));
        CHECK_INT(self->error, AIO_EBADF);
        AIO_TRY(self->error, aio_accept(self->fd));
        CHECK_INT(self->error, AIO_EBADF);
        if (self->fd > 0)
            CHECK_INT(aio_close(self->fd), AIO_EBADF);
        aio_forget_fd(self->fd);
    }
    self->fd = dup(1);                                  /* known to the loop, and closed */
    AIO_AWAIT(aio_writable(self->fd));
    aio_close(self->fd);
    AIO_TRY(self->error, aio_writable(self->fd));
    CHECK_INT(self->error, AIO_EBADF);
    AIO_END;
}

/* A number that select cannot take is refused, and only that. Without a wait it works there, too. */
CORO_TEST(beyond_fd_setsize, int fds[2], high, error; ptrdiff_t n; char byte; struct aio_size *task, *other; char more;)
{
    AIO_BEGIN;
    CHECK_INT(aio_socketpair(self->fds), 0);
    self->high = fcntl(self->fds[0], F_DUPFD, FD_SETSIZE + 100);
    CHECK(self->high >= FD_SETSIZE);
    self->task = aio_create_task(aio_recv(self->high, &self->byte, 1));
    self->other = aio_create_task(aio_recv(self->fds[1], &self->more, 1));
    AIO_AWAIT(aio_sleep(AIO_MS(2)));
    CHECK_INT(aio_task_error(self->task), on_select() ? AIO_ERANGE : AIO_EAGAIN);
    CHECK_INT(aio_task_error(self->other), AIO_EAGAIN);
    AIO_AWAIT(aio_send_all(self->high, "o", 1));
    AIO_AWAIT(self->n, self->other);
    CHECK(self->n == 1 && self->more == 'o');
    AIO_AWAIT(aio_send_all(self->fds[1], "t", 1));
    if (on_select())
        AIO_AWAIT(self->n, aio_recv(self->high, &self->byte, 1));
    else
        AIO_AWAIT(self->n, self->task);
    CHECK(self->n == 1 && self->byte == 't');
    AIO_FINALLY;
    aio_release(self->task);
    aio_release(self->other);
    aio_close(self->high);
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

CORO_TEST(two_readers, int fds[2], error; ptrdiff_t n; char a, b; struct aio_size *reader, *writer;)
{
    AIO_BEGIN;
    CHECK_INT(aio_socketpair(self->fds), 0);
    self->reader = aio_create_task(aio_recv(self->fds[0], &self->a, 1));
    self->writer = aio_create_task(aio_send_all(self->fds[0], flood, sizeof flood));    /* not in its way */
    AIO_AWAIT(aio_sleep(0));
    AIO_TRY(self->error, self->n, aio_recv(self->fds[0], &self->b, 1));
    CHECK_INT(self->error, AIO_EBUSY);
    AIO_TRY(self->error, aio_readable(self->fds[0]));
    CHECK_INT(self->error, AIO_EBUSY);
    AIO_TRY(self->error, self->n, aio_send(self->fds[0], "x", 1));
    CHECK_INT(self->error, AIO_EBUSY);
    AIO_TRY(self->error, aio_writable(self->fds[0]));
    CHECK_INT(self->error, AIO_EBUSY);
    CHECK(!aio_task_done(self->reader) && !aio_task_done(self->writer));
    AIO_AWAIT(aio_send_all(self->fds[1], "12", 2));
    AIO_AWAIT(self->n, self->reader);                   /* the first one was not disturbed */
    CHECK(self->n == 1 && self->a == '1');
    AIO_AWAIT(self->n, aio_recv(self->fds[0], &self->b, 1));
    CHECK(self->n == 1 && self->b == '2');
    aio_task_cancel(self->writer);
    AIO_TRY(self->error, self->writer);
    AIO_FINALLY;
    aio_release(self->reader);
    aio_release(self->writer);
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

/* ------------------------------------------------------------------------- closed during a wait */

/* One reads while another one writes: who begins, who is woken, who is cancelled and who gets AIO_EBUSY has nothing to
   do with the other direction. */
static char sink_bytes[65536];
CORO_TEST(both_directions, int fds[2], how, error; ptrdiff_t n; struct aio_void *reader, *writer;)
{
    AIO_BEGIN;
    for (; self->how < 8; self->how++) {
        AIO_AWAIT(aio_new(tcp_pair, self->fds));
        while (aio_send_nowait(self->fds[0], flood, 65536) > 0)
            continue;
        if (self->how & 1)
            CHECK((self->writer = aio_create_task(aio_writable(self->fds[0]))) != NULL);
        AIO_AWAIT(aio_sleep(0));
        CHECK((self->reader = aio_create_task(aio_readable(self->fds[0]))) != NULL);
        AIO_AWAIT(aio_sleep(0));
        if (!(self->how & 1))
            CHECK((self->writer = aio_create_task(aio_writable(self->fds[0]))) != NULL);
        AIO_AWAIT(aio_sleep(0));
        CHECK(!aio_task_done(self->reader) && !aio_task_done(self->writer));
        AIO_TRY(self->error, self->n, aio_recv(self->fds[0], sink_bytes, 1));
        CHECK_INT(self->error, AIO_EBUSY);
        AIO_TRY(self->error, self->n, aio_send(self->fds[0], "x", 1));
        CHECK_INT(self->error, AIO_EBUSY);
        AIO_TRY(self->error, aio_writable(self->fds[0]));
        CHECK_INT(self->error, AIO_EBUSY);
        switch (self->how / 2) {
        case 0: aio_close(self->fds[0]); break;
        case 1: aio_task_cancel(self->reader); break;
        case 2: aio_task_cancel(self->writer); break;
        default: CHECK_INT(aio_send_nowait(self->fds[1], "x", 1), 1);
        }
        if (self->how / 2 == 1)
            while (aio_recv_nowait(self->fds[1], sink_bytes, sizeof sink_bytes) > 0)
                AIO_AWAIT(aio_sleep(AIO_US(100)));
        else if (self->how / 2 == 2)
            CHECK_INT(aio_send_nowait(self->fds[1], "x", 1), 1);
        AIO_TRY(self->error, aio_wait_for(self->reader, AIO_SEC(5)));
        CHECK_INT(self->error, self->how / 2 == 0 ? AIO_EBADF : self->how / 2 == 1 ? AIO_ECANCELED : 0);
        if (self->how / 2 == 3) {
            CHECK(!aio_task_done(self->writer));
            while (aio_recv_nowait(self->fds[1], sink_bytes, sizeof sink_bytes) > 0)
                AIO_AWAIT(aio_sleep(AIO_US(100)));
        }
        AIO_TRY(self->error, aio_wait_for(self->writer, AIO_SEC(5)));
        CHECK_INT(self->error, self->how / 2 == 0 ? AIO_EBADF : self->how / 2 == 2 ? AIO_ECANCELED : 0);
        aio_release(self->reader);
        aio_release(self->writer);
        if (self->how / 2)
            aio_close(self->fds[0]);
        aio_close(self->fds[1]);
    }
    AIO_END;
}

CORO_TEST(closed_during_a_wait, int fds[2], listener, error; char byte; struct aio_size *reader, *writer;
          struct aio_int *accept; struct aio_void *readable;)
{
    AIO_BEGIN;
    CHECK_INT(aio_socketpair(self->fds), 0);
    AIO_AWAIT(self->listener, aio_listen("127.0.0.1", 0));
    self->reader = aio_create_task(aio_recv(self->fds[0], &self->byte, 1));
    self->writer = aio_create_task(aio_send_all(self->fds[0], flood, sizeof flood));
    self->readable = aio_create_task(aio_readable(self->fds[1]));
    self->accept = aio_create_task(aio_accept(self->listener));
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    CHECK(aio_task_done(self->readable));
    CHECK(!aio_task_done(self->reader) && !aio_task_done(self->writer) && !aio_task_done(self->accept));
    CHECK_INT(aio_close(self->fds[0]), 0);
    CHECK_INT(aio_close(self->listener), 0);
    AIO_AWAIT(aio_sleep(0));                            /* one turn later, all know */
    CHECK_INT(aio_task_error(self->reader), AIO_EBADF);
    CHECK_INT(aio_task_error(self->writer), AIO_EBADF);
    CHECK_INT(aio_task_error(self->accept), AIO_EBADF);
    CHECK(self->writer->result > 0);
    AIO_FINALLY;
    aio_release(self->reader);
    aio_release(self->writer);
    aio_release(self->readable);
    aio_release(self->accept);
    aio_close(self->fds[1]);
    AIO_END;
}

/* An accept that waits for descriptors to be free is a wait, too. */
CORO_TEST(closed_in_the_back_off, int listener, client, error, i; struct aio_int *accept;)
{
    AIO_BEGIN;
    for (; self->i < 2 && !slow(); self->i++) {
        AIO_AWAIT(self->listener, aio_listen("127.0.0.1", 0));
        AIO_AWAIT(self->client, aio_connect("127.0.0.1", (uint16_t)aio_local_port(self->listener)));
        limit_fds(0);
        self->accept = aio_create_task(aio_accept(self->listener));
        AIO_AWAIT(aio_sleep(AIO_MS(3)));
        CHECK(!aio_task_done(self->accept));
        CHECK_NOTES("[aio_accept cannot accept for now, and tries again -24]");
        unlimit_fds();
        if (self->i)
            CHECK(aio_task_cancel(self->accept));
        else
            CHECK_INT(aio_close(self->listener), 0);
        AIO_AWAIT(aio_sleep(0));
        CHECK_INT(aio_task_error(self->accept), self->i ? AIO_ECANCELED : AIO_EBADF);
        aio_release(self->accept);
        if (self->i)
            aio_close(self->listener);
        aio_close(self->client);
    }
    AIO_END;
}

/* The number is used again at once, and a duplicate of the old socket lives on and can be read. Whoever
   waits for the new one hears nothing of it. */
CORO_TEST(same_number_again, int old[2], new[2], copy, error; ptrdiff_t n; char byte; struct aio_size *waiter, *other;)
{
    AIO_BEGIN;
    CHECK_INT(aio_socketpair(self->old), 0);
    self->waiter = aio_create_task(aio_recv(self->old[0], &self->byte, 1));
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    self->copy = dup(self->old[0]);
    aio_close(self->old[0]);
    CHECK_INT(aio_socketpair(self->new), 0);
    CHECK_INT(self->new[0], self->old[0]);
    self->other = aio_create_task(aio_recv(self->new[0], &self->byte, 1));
    AIO_AWAIT(aio_sleep(0));
    CHECK_INT(aio_task_error(self->waiter), AIO_EBADF);
    AIO_AWAIT(aio_send_all(self->old[1], "old", 3));
    AIO_TRY(self->error, aio_wait_for(aio_shield(self->other), AIO_MS(5)));
    CHECK_INT(self->error, AIO_ETIMEDOUT);
    AIO_AWAIT(aio_send_all(self->new[1], "n", 1));
    AIO_AWAIT(self->n, self->other);
    CHECK(self->n == 1 && self->byte == 'n');
    aio_release(self->other);
    /* What only waits believes every event, so it must get none. */
    {
        struct aio_void *wait = aio_create_task(aio_readable(self->new[0]));
        self->other = (struct aio_size *)(void *)wait;
    }
    AIO_AWAIT(aio_send_all(self->old[1], "old", 3));
    AIO_AWAIT(aio_sleep(AIO_MS(2)));
    CHECK(!aio_task_done(self->other));
    aio_task_cancel(self->other);
    AIO_AWAIT(self->n, aio_recv(self->copy, &self->byte, 1));   /* the copy is a descriptor like any other */
    CHECK(self->n == 1 && self->byte == 'o');
    AIO_FINALLY;
    aio_release(self->waiter);
    aio_release(self->other);
    aio_close(self->copy);
    aio_close(self->new[0]);
    aio_close(self->new[1]);
    aio_close(self->old[1]);
    AIO_END;
}

/* Two descriptors are readable in the same look. Who runs first closes the other's, and opens the number
   again with something to read in it: that is not for the one who waited for the old. */
struct stealer { AIO_FRAME(void); int mine, theirs, *fds; char byte; };
static AIO_CORO(stealer)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_recv(self->mine, &self->byte, 1));
    aio_close(self->theirs);
    CHECK_INT(aio_socketpair(self->fds), 0);
    CHECK_INT(self->fds[0], self->theirs);
    AIO_AWAIT(aio_send_all(self->fds[1], "new", 3));
    AIO_END;
}
CORO_TEST(closed_with_the_event_under_way, int a[2], b[2], new[2], error; char byte; struct aio_size *waiter;
          struct stealer *stealer; ptrdiff_t n; char text[4];)
{
    AIO_BEGIN;
    CHECK_INT(aio_socketpair(self->a), 0);
    CHECK_INT(aio_socketpair(self->b), 0);
    self->stealer = aio_create_task(aio_new(stealer, self->a[0], self->b[0], self->new));
    self->waiter = aio_create_task(aio_recv(self->b[0], &self->byte, 1));
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    AIO_AWAIT(aio_send_all(self->a[1], "a", 1));
    AIO_AWAIT(aio_send_all(self->b[1], "b", 1));
    AIO_AWAIT(self->stealer);
    AIO_TRY(self->error, self->n, self->waiter);
    CHECK_INT(self->error, AIO_EBADF);
    CHECK_INT(self->n, 0);
    AIO_AWAIT(self->n, aio_recv(self->new[0], self->text, 4));
    CHECK(self->n == 3 && memcmp(self->text, "new", 3) == 0);
    AIO_FINALLY;
    aio_release(self->stealer);
    aio_release(self->waiter);
    aio_close(self->a[0]);
    aio_close(self->a[1]);
    aio_close(self->b[1]);
    aio_close(self->new[0]);
    aio_close(self->new[1]);
    AIO_END;
}

/* select is told nothing, but finds out, and only the one concerned fails. */
CORO_TEST(closed_behind_the_back, int a[2], b[2], error; char byte; ptrdiff_t n; struct aio_size *one, *two;)
{
    AIO_BEGIN;
    CHECK_INT(aio_socketpair(self->a), 0);
    CHECK_INT(aio_socketpair(self->b), 0);
    self->one = aio_create_task(aio_recv(self->a[0], &self->byte, 1));
    self->two = aio_create_task(aio_recv(self->b[0], &self->byte, 1));
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    close(self->a[0]);
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    if (on_select())
        CHECK_INT(aio_task_error(self->one), AIO_EBADF);
    else
        aio_forget_fd(self->a[0]);                      /* epoll cannot know */
    AIO_TRY(self->error, self->n, self->one);
    CHECK_INT(self->error, AIO_EBADF);
    AIO_AWAIT(aio_send_all(self->b[1], "b", 1));
    AIO_AWAIT(self->n, self->two);
    CHECK(self->n == 1 && self->byte == 'b');
    /* A number that was closed so, and used again, works. */
    close(self->b[0]);
    close(self->b[1]);
    CHECK_INT(aio_socketpair(self->b), 0);
    AIO_AWAIT(aio_send_all(self->b[1], "c", 1));
    AIO_AWAIT(self->n, aio_recv(self->b[0], &self->byte, 1));
    CHECK(self->n == 1 && self->byte == 'c');
    AIO_FINALLY;
    aio_release(self->one);
    aio_release(self->two);
    aio_close(self->a[1]);
    aio_close(self->b[0]);
    aio_close(self->b[1]);
    AIO_END;
}

/* ----------------------------------------------------------------------------- what is not ours */

CORO_TEST(foreign_flags, int fds[2], i, flags[2], error; ptrdiff_t n; char byte; struct aio_size *task;)
{
    AIO_BEGIN;
    for (; self->i < 3; self->i++) {
        if (self->i == 0)
            CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, self->fds), 0);
        else if (self->i == 1)
            CHECK_INT(socketpair(AF_UNIX, SOCK_DGRAM, 0, self->fds), 0);
        else
            CHECK_INT(pipe(self->fds), 0);
        self->flags[0] = fcntl(self->fds[0], F_GETFL);
        self->flags[1] = fcntl(self->fds[1], F_GETFL);
        self->task = aio_create_task(aio_recv(self->fds[0], &self->byte, 1));
        AIO_AWAIT(aio_sleep(0));
        CHECK(!aio_task_done(self->task));
        AIO_AWAIT(aio_send_all(self->fds[1], "x", 1));
        AIO_AWAIT(self->n, self->task);
        CHECK(self->n == 1 && self->byte == 'x');
        aio_release(self->task);
        do                                              /* until it is full, where a write would block */
            AIO_TRY(self->error, self->n, aio_wait_for(aio_send_all(self->fds[1], flood, 4096), AIO_MS(10)));
        while (!self->error);
        CHECK_INT(self->error, AIO_ETIMEDOUT);
        CHECK(fcntl(self->fds[0], F_GETFL) == self->flags[0] && fcntl(self->fds[1], F_GETFL) == self->flags[1]);
        CHECK(!(self->flags[0] & O_NONBLOCK) && fcntl(self->fds[0], F_GETFD) == 0);
        aio_close(self->fds[0]);
        aio_close(self->fds[1]);
    }
    AIO_END;
}

static bool sigpipe_is_pending(void)
{
    sigset_t set;
    sigpending(&set);
    return sigismember(&set, SIGPIPE) == 1;
}

/* Its default would end this program. */
CORO_TEST(no_sigpipe, int fds[2], i, error; ptrdiff_t n; sigset_t set;)
{
    AIO_BEGIN;
    signal(SIGPIPE, SIG_DFL);
    for (; self->i < 3; self->i++) {
        if (self->i == 0)
            CHECK_INT(pipe(self->fds), 0);
        else if (self->i == 1)
            CHECK_INT(pipe2(self->fds, O_NONBLOCK), 0);
        else
            CHECK_INT(aio_socketpair(self->fds), 0);
        aio_close(self->fds[0]);
        AIO_TRY(self->error, self->n, aio_send_all(self->fds[1], "x", 1));
        CHECK_INT(self->error, AIO_EPIPE);
        CHECK_INT(self->n, 0);
        CHECK(!sigpipe_is_pending());
        if (self->i == 0) {                             /* one that was pending already is left alone */
            sigemptyset(&self->set);
            sigaddset(&self->set, SIGPIPE);
            sigprocmask(SIG_BLOCK, &self->set, NULL);
            raise(SIGPIPE);
            AIO_TRY(self->error, self->n, aio_send_all(self->fds[1], "x", 1));
            CHECK_INT(self->error, AIO_EPIPE);
            CHECK(sigpipe_is_pending());
            sigwait(&self->set, &self->error);
            sigprocmask(SIG_UNBLOCK, &self->set, NULL);
        }
        aio_close(self->fds[1]);
    }
    AIO_END;
}

/* --------------------------------------------------------------------- what a wait leaves behind */

CORO_TEST(timed_out_and_cancelled_waits, int fds[2], i, error; ptrdiff_t n; char byte, text[8]; struct aio_size *task;)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(tcp_pair, self->fds));
    for (; self->i < 20; self->i++) {
        AIO_TRY(self->error, self->n, aio_wait_for(aio_recv(self->fds[0], self->text, 8), AIO_US(200)));
        CHECK_INT(self->error, AIO_ETIMEDOUT);
        AIO_AWAIT(aio_send_all(self->fds[1], "lost", 4));
        AIO_AWAIT(self->n, aio_recv_exactly(self->fds[0], self->text, 4));
        CHECK(self->n == 4 && memcmp(self->text, "lost", 4) == 0);
        /* Cancelled before, in, and after the turn in which the data comes. */
        self->task = aio_create_task(aio_recv(self->fds[0], self->text, 8));
        AIO_AWAIT(aio_sleep(0));
        AIO_AWAIT(aio_send_all(self->fds[1], "data", 4));
        if (self->i % 3 == 1)
            AIO_AWAIT(aio_sleep(0));
        if (self->i % 3 == 2)
            AIO_AWAIT(aio_sleep(AIO_US(300)));
        aio_task_cancel(self->task);
        AIO_TRY(self->error, self->n, self->task);
        aio_release(self->task);
        CHECK(self->error == AIO_ECANCELED ? self->n == 0 : self->n == 4);
        if (self->n == 0)
            AIO_AWAIT(self->n, aio_recv(self->fds[0], self->text, 8));
        CHECK(self->n == 4 && memcmp(self->text, "data", 4) == 0);
    }
    AIO_FINALLY;
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}

/* Woken by data, and cancelled before it ran: the data is still there. */
struct canceller { AIO_FRAME(void); int fd; struct aio_size *victim; char byte; };
static AIO_CORO(canceller)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_recv(self->fd, &self->byte, 1));
    CHECK(aio_task_cancel(self->victim));
    AIO_END;
}
CORO_TEST(cancel_against_a_wake, int a[2], b[2], error; ptrdiff_t n; char text[8]; struct aio_size *victim;
          struct canceller *canceller;)
{
    AIO_BEGIN;
    CHECK_INT(aio_socketpair(self->a), 0);
    CHECK_INT(aio_socketpair(self->b), 0);
    self->victim = aio_create_task(aio_recv(self->b[0], self->text, 8));
    self->canceller = aio_create_task(aio_new(canceller, self->a[0], self->victim));
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    AIO_AWAIT(aio_send_all(self->a[1], "a", 1));
    AIO_AWAIT(aio_send_all(self->b[1], "kept", 4));
    AIO_AWAIT(self->canceller);
    AIO_TRY(self->error, self->n, self->victim);
    CHECK(self->error == AIO_ECANCELED && self->n == 0);
    AIO_AWAIT(self->n, aio_recv(self->b[0], self->text, 8));
    CHECK(self->n == 4 && memcmp(self->text, "kept", 4) == 0);
    AIO_FINALLY;
    aio_release(self->victim);
    aio_release(self->canceller);
    aio_close(self->a[0]);
    aio_close(self->a[1]);
    aio_close(self->b[0]);
    aio_close(self->b[1]);
    AIO_END;
}

int main(int argc, char **argv)
{
    int status;
    if (net_folder(folder, sizeof folder))
        return 1;
    snprintf(path, sizeof path, "%s/file", folder);
    status = tap_run(argc, argv, (const struct tap_test[]){
        T(pipes), T(files), T(endless_files_take_turns), T(ttys), T(not_open), T(beyond_fd_setsize), T(two_readers),
        T(both_directions), T(closed_during_a_wait), T(closed_in_the_back_off), T(same_number_again),
        T(closed_with_the_event_under_way), T(closed_behind_the_back), T(foreign_flags), T(no_sigpipe),
        T(timed_out_and_cancelled_waits), T(cancel_against_a_wake) }, 17);
    unlink(path);
    rmdir(folder);
    return status;
}
