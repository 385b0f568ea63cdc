/* net.h - what the tests of descriptors share: tests that are coroutines, on the poller that AIO_POLLER
   names, with the open descriptors counted and the reports noted. */
#ifndef NET_H_INCLUDED
#define NET_H_INCLUDED
#include "poller.h"
#include "tap.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

/* Under valgrind, loops are shorter. */
static inline int slow(void) { return getenv("AIO_TEST_SLOW") != NULL; }
static inline int on_select(void) { return strcmp(test_poller()->name, "select") == 0; }

static inline int open_fds(void)
{
    int fd, count = 0;
    for (fd = 0; fd < 3000; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static inline aio_time cpu_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (aio_time)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Only so many more descriptors can be opened from now on, until unlimit_fds. The limit is on the number,
   so gaps below it count. */
static struct rlimit fd_limit;
static inline void limit_fds(int more)
{
    struct rlimit now;
    int fd = 0;
    getrlimit(RLIMIT_NOFILE, &fd_limit);
    while (more > 0 || fcntl(fd, F_GETFD) >= 0)
        more -= fcntl(fd++, F_GETFD) < 0;
    now = fd_limit;
    now.rlim_cur = (rlim_t)fd;
    setrlimit(RLIMIT_NOFILE, &now);
}
static inline void unlimit_fds(void) { setrlimit(RLIMIT_NOFILE, &fd_limit); }

/* Reports land in the notes, so that one that was not expected fails the test. */
static inline void net_report(struct aio_loop *loop, const struct aio_report *report)
{
    (void)loop;
    note("[%s %s %d]", report->name, report->message, report->error);
}
static struct aio_options net_options = { .on_error = net_report };

/* Runs a coroutine in a loop of its own and checks that no descriptor is left open. Its error. */
#define run(coroutine) net_run(__FILE__, __LINE__, open_fds(), aio_any(coroutine))
static inline int net_run(const char *file, int line, int before, struct aio_any *coroutine)
{
    int error = aio_run_(&net_options, test_poller(), &coroutine->aio, 0, NULL, 0);
    tap_int(file, line, "open descriptors", open_fds(), before);
    return error;
}

/* CORO_TEST(name, members) { AIO_BEGIN; ... AIO_END; }: a test that is a coroutine. It must end without
   an error, close its descriptors and check all of its notes. */
#define CORO_TEST(name, ...) \
    struct name { AIO_FRAME(void); __VA_ARGS__ }; \
    static AIO_DECLARE(name); \
    TEST(name) { CHECK_INT(run(aio_new(name)), 0); CHECK_NOTES(""); } \
    static AIO_CORO(name)

/* Two ends of a TCP connection over loopback. */
struct tcp_pair { AIO_FRAME(void); int *fds; int listener; };
static AIO_UNUSED_ AIO_CORO(tcp_pair)
{
    AIO_BEGIN;
    AIO_AWAIT(self->listener, aio_listen("127.0.0.1", 0));
    AIO_AWAIT(self->fds[0], aio_connect("127.0.0.1", (uint16_t)aio_local_port(self->listener)));
    AIO_AWAIT(self->fds[1], aio_accept(self->listener));
    AIO_FINALLY;
    aio_close(self->listener);
    AIO_END;
}

/* Bytes that differ from their neighbours near and far, so that none can be lost or swapped unseen. */
static inline unsigned char pattern(size_t at, unsigned salt)
{
    return (unsigned char)(at * 31 + at / 256 * 7 + at / 65536 * 13 + salt);
}
static inline void pattern_fill(char *buffer, size_t n, size_t at, unsigned salt)
{
    size_t i;
    for (i = 0; i < n; i++)
        buffer[i] = (char)pattern(at + i, salt);
}
/* How many of the bytes are wrong. */
static inline size_t pattern_wrong(const char *buffer, size_t n, size_t at, unsigned salt)
{
    size_t i, wrong = 0;
    for (i = 0; i < n; i++)
        wrong += (unsigned char)buffer[i] != pattern(at + i, salt);
    return wrong;
}

/* A folder of one's own, where the system keeps such: 0, or -1. */
static inline int net_folder(char *folder, size_t size)
{
    const char *where = getenv("TMPDIR");
    snprintf(folder, size, "%s/aio_test_XXXXXX", where ? where : P_tmpdir);
    return mkdtemp(folder) ? 0 : -1;
}
#endif
