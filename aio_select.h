/* aio_select.h - a poller for aio.h over select(2). Any POSIX system.
   SPDX-License-Identifier: MIT

   Including it makes select the default of aio_run and aio_main, if it is the first poller header. Define
   AIO_IMPLEMENTATION in exactly one .c file.

   What select(2) is like, and what follows for this file:
   a) A set holds descriptors below FD_SETSIZE (1024 on most systems) and writing a higher one into it
      destroys memory. Waiting for one gives AIO_ERANGE; the rest of the loop goes on.
   b) It looks at every descriptor up to the highest, and so do we: fine for some hundreds.
   c) It tells what is the case, not what changes. A descriptor stays in the set only while somebody
      waits for it: it is taken out when it is reported. One whose waiter was cancelled is reported
      once more, to nobody, and taken out then.
   d) A closed descriptor in the set makes every call fail (EBADF) and is not named. It is looked for,
      and whoever waits for it gets AIO_EBADF.
   e) Regular files are always ready.
   f) Some systems refuse long timeouts: we wait for a day at most, and then again. Where dozens of timers are due
      within a millisecond they have one wake (loop->slack): a look at all descriptors is dear.
   g) A thread or a signal handler ends a wait through a pipe. */
#ifndef AIO_SELECT_H_INCLUDED
#define AIO_SELECT_H_INCLUDED

#ifndef AIO_DEFAULT_POLLER
#define AIO_DEFAULT_POLLER aio_select()
#endif
#include "aio.h"
#if AIO_TIME_32
#error "AIO_TIME_32 is for programs whose clock is AIO_NOW"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The poller, for struct aio_options. It has no descriptor for aio_loop_fileno. From anywhere. */
AIO_API_ const struct aio_poller *aio_select(void);

#ifdef __cplusplus
}
#endif
#endif /* AIO_SELECT_H_INCLUDED */

#if defined AIO_IMPLEMENTATION && !defined AIO_SELECT_H_IMPLEMENTED
#define AIO_SELECT_H_IMPLEMENTED
#include "aio.h"                        /* its implementation, if it came without before */
#include <errno.h>
#include <fcntl.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#ifndef CLOCK_MONOTONIC
#error "aio_select.h needs POSIX: compile with -std=gnu11 (or define _GNU_SOURCE first)"
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct aio_select_ {
    fd_set want[2];                     /* readers, writers */
    int highest;                        /* no descriptor above this one is in them */
    int wake[2];                        /* a pipe */
};

static void aio_select_close_(struct aio_loop *loop)
{
    struct aio_select_ *select_ = (struct aio_select_ *)loop->poller_data;
    if (select_->wake[0] >= 0) {
        close(select_->wake[0]);
        close(select_->wake[1]);
    }
    aio_block_free_(select_, sizeof *select_);
    loop->poller_data = NULL;
}

/* A pipe that nobody else notices: not among the standard descriptors, 0 to 2, also in a process that was
   started without them. Whatever the error, what is in fds is to be closed. */
static int aio_select_pipe_(int fds[2])
{
    int i, low;
    if (pipe(fds) < 0) {
        fds[0] = fds[1] = -1;
        return -errno;
    }
    for (i = 0; i < 2; i++) {
        low = fds[i];
        if (low <= 2 && (fds[i] = fcntl(low, F_DUPFD_CLOEXEC, 3)) >= 0)
            close(low);
        else if (low <= 2)
            fds[i] = low;
        if (fds[i] <= 2 || fds[i] >= FD_SETSIZE || fcntl(fds[i], F_SETFL, O_NONBLOCK) < 0 ||
            fcntl(fds[i], F_SETFD, FD_CLOEXEC) < 0)
            return AIO_EMFILE;
    }
    return 0;
}

static int aio_select_open_(struct aio_loop *loop)
{
    struct aio_select_ *select_ = (struct aio_select_ *)aio_block_new_(sizeof *select_);
    int error;
    if (!select_)
        return AIO_ENOMEM;
    loop->poller_data = select_;
#if !AIO_BARE_
    loop->slack = AIO_MS(1);
#endif
    FD_ZERO(&select_->want[0]);
    FD_ZERO(&select_->want[1]);
    select_->highest = -1;
    error = aio_select_pipe_(select_->wake);
    if (error)
        aio_select_close_(loop);
    return error;
}

static int aio_select_watch_(struct aio_loop *loop, int fd, unsigned want)
{
    struct aio_select_ *select_ = (struct aio_select_ *)loop->poller_data;
    if (fd >= FD_SETSIZE)
        return AIO_ERANGE;
    if (want & AIO_READABLE)
        FD_SET((unsigned)fd, &select_->want[0]);
    if (want & AIO_WRITABLE)
        FD_SET((unsigned)fd, &select_->want[1]);
    if (fd > select_->highest)
        select_->highest = fd;
    return 0;
}

static void aio_select_forget_(struct aio_loop *loop, int fd)
{
    struct aio_select_ *select_ = (struct aio_select_ *)loop->poller_data;
    if (fd >= FD_SETSIZE)
        return;
    FD_CLR((unsigned)fd, &select_->want[0]);
    FD_CLR((unsigned)fd, &select_->want[1]);
}

static void aio_select_drop_closed_(struct aio_loop *loop, struct aio_select_ *select_)
{
    int fd;
    for (fd = 0; fd <= select_->highest; fd++)
        if ((FD_ISSET((unsigned)fd, &select_->want[0]) || FD_ISSET((unsigned)fd, &select_->want[1])) &&
            fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            aio_loop_fd_forget(loop, fd);
}

static void aio_select_report_(struct aio_loop *loop, struct aio_select_ *select_, fd_set ready[2])
{
    int fd, highest = -1;
    for (fd = 0; fd <= select_->highest; fd++) {
        unsigned events = 0;
        if (FD_ISSET((unsigned)fd, &ready[0]))
            events |= AIO_READABLE;
        if (FD_ISSET((unsigned)fd, &ready[1]))
            events |= AIO_WRITABLE;
        if (events & AIO_READABLE)
            FD_CLR((unsigned)fd, &select_->want[0]);
        if (events & AIO_WRITABLE)
            FD_CLR((unsigned)fd, &select_->want[1]);
        if (events)
            aio_loop_fd_ready(loop, fd, events, false);
        if (FD_ISSET((unsigned)fd, &select_->want[0]) || FD_ISSET((unsigned)fd, &select_->want[1]))
            highest = fd;
    }
    select_->highest = highest;
}

static int aio_select_wait_(struct aio_loop *loop, aio_time timeout)
{
    struct aio_select_ *select_ = (struct aio_select_ *)loop->poller_data;
    struct timeval span, *limit = &span;
    fd_set ready[2];
    char bytes[64];
    aio_time us = timeout / 1000 + (timeout % 1000 > 0);
    int n;
    if (us > 86400000000)
        us = 86400000000;
    span.tv_sec = (time_t)(us / 1000000);
    span.tv_usec = (suseconds_t)(us % 1000000);
    if (timeout < 0)
        limit = NULL;
    ready[0] = select_->want[0];
    ready[1] = select_->want[1];
    FD_SET((unsigned)select_->wake[0], &ready[0]);
    n = select((select_->highest > select_->wake[0] ? select_->highest : select_->wake[0]) + 1,
               &ready[0], &ready[1], NULL, limit);
    if (n < 0 && errno == EBADF)
        aio_select_drop_closed_(loop, select_);
    else if (n < 0 && errno != EINTR)
        return -errno;
    if (n <= 0)
        return 0;
    if (FD_ISSET((unsigned)select_->wake[0], &ready[0])) {
        FD_CLR((unsigned)select_->wake[0], &ready[0]);
        while (read(select_->wake[0], bytes, sizeof bytes) == (ssize_t)sizeof bytes)
            continue;
    }
    aio_select_report_(loop, select_, ready);
    return 0;
}

/* Async-signal-safe: one write, and errno as it was. A full pipe will end the wait as well. */
static void aio_select_wake_(struct aio_loop *loop)
{
    int saved = errno;
    ssize_t n = write(((struct aio_select_ *)loop->poller_data)->wake[1], "", 1);
    (void)n;
    errno = saved;
}

static aio_time aio_select_now_(struct aio_loop *loop)
{
    struct timespec now;
    (void)loop;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (aio_time)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void aio_select_print_(const char *text, size_t length)
{
    while (length) {
        ssize_t n = write(2, text, length);
        if (n <= 0)
            return;
        text += n;
        length -= (size_t)n;
    }
}

AIO_API_ const struct aio_poller *aio_select(void)
{
    static const struct aio_poller poller = {
        "select", aio_select_open_, aio_select_close_, aio_select_watch_, aio_select_forget_,
        aio_select_wait_, aio_select_wake_, aio_select_now_, aio_select_print_
    };
    return &poller;
}

#ifdef __cplusplus
}
#endif
#endif /* AIO_IMPLEMENTATION */
