/* aio_epoll.h - a poller for aio.h over epoll(7). Linux.
   SPDX-License-Identifier: MIT

   Including it makes epoll the default of aio_run and aio_main, if it is the first poller header. Define
   AIO_IMPLEMENTATION in exactly one .c file.

   What epoll(7) is like, and what follows for this file:
   a) Every change of interest is a system call. So a descriptor is registered once, for reading and
      edge-triggered, and for writing too as soon as somebody waits to write; after that, waiting costs
      nothing. Between edges, the loop remembers what is drained (struct aio_fd).
   b) An edge comes for what arrives after the registration, and one at the registration if there is
      something already. So a task may try, find nothing and wait, and misses nothing in between.
   c) A short read from a stream means that it is drained, unless the end was announced with the data, or
      TCP's urgent byte stopped the read: no edge comes any more then. EPOLLRDHUP, EPOLLHUP, EPOLLERR and
      EPOLLPRI are therefore remembered.
   d) A closed descriptor leaves the set only when its last duplicate is closed, and its number is used
      again at once. So events carry a generation beside the number, and older ones are ignored.
   e) Regular files and /dev/null cannot be registered (EPERM): they are always ready.
   f) epoll_wait counts milliseconds. epoll_pwait2 counts nanoseconds, where there is one (Linux 5.11,
      glibc 2.35); elsewhere timeouts are rounded up, for a timer must not fire early. To wake 12,000 times a
      second takes a third of a processor: loop->slack lets dozens of timers have one wake.
   g) The set is shared after a fork. A child must close it and make its own: aio_after_fork. */
#ifndef AIO_EPOLL_H_INCLUDED
#define AIO_EPOLL_H_INCLUDED

#ifndef AIO_DEFAULT_POLLER
#define AIO_DEFAULT_POLLER aio_epoll()
#endif
#include "aio.h"
#if AIO_TIME_32
#error "AIO_TIME_32 is for programs whose clock is AIO_NOW"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The poller, for struct aio_options. Its descriptor can be waited for in a loop of somebody else's:
   aio_loop_fileno. From anywhere. */
AIO_API_ const struct aio_poller *aio_epoll(void);

#ifdef __cplusplus
}
#endif
#endif /* AIO_EPOLL_H_INCLUDED */

#if defined AIO_IMPLEMENTATION && !defined AIO_EPOLL_H_IMPLEMENTED
#define AIO_EPOLL_H_IMPLEMENTED
#include "aio.h"                        /* its implementation, if it came without before */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#ifndef CLOCK_MONOTONIC
#error "aio_epoll.h needs POSIX: compile with -std=gnu11 (or define _GNU_SOURCE first)"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Taken at a time: as many as the loop runs between two looks. More of them would wait while they leave the caches
   (8,000 connections: 1.5 % of the time of an echo, with 256); what is left comes with the next look. */
enum { AIO_EPOLL_EVENTS_ = AIO_LOOK_EVERY_ };
enum { AIO_EPOLL_ALWAYS_ = 4 };         /* in aio_fd.watched: cannot be registered */
/* The event of the eventfd that ends a wait: of descriptor 0, in a generation that it never has. */
#define AIO_EPOLL_WAKE_ ((uint64_t)UINT32_MAX << 32)

struct aio_epoll_ {
    int wake;
    bool coarse;                        /* no epoll_pwait2 in this kernel */
    struct epoll_event events[AIO_EPOLL_EVENTS_];
};

static void aio_epoll_close_(struct aio_loop *loop)
{
    struct aio_epoll_ *epoll = (struct aio_epoll_ *)loop->poller_data;
    if (epoll->wake >= 0)
        close(epoll->wake);
    if (loop->poller_fd >= 0)
        close(loop->poller_fd);
    aio_block_free_(epoll, sizeof *epoll);
    loop->poller_data = NULL;
    loop->poller_fd = -1;
}

/* 0 to 2 are the standard descriptors, also in a process that was started without them. */
static int aio_epoll_above_(int fd)
{
    int high = fd, error;
    if (fd >= 0 && fd <= 2) {
        high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        error = errno;
        close(fd);
        errno = error;
    }
    return high;
}

static int aio_epoll_open_(struct aio_loop *loop)
{
    struct aio_epoll_ *epoll = (struct aio_epoll_ *)aio_block_new_(sizeof *epoll);
    struct epoll_event event;
    int error;
    if (!epoll)
        return AIO_ENOMEM;
    loop->poller_data = epoll;
#if !AIO_BARE_
    loop->slack = AIO_MS(1);
#endif
    epoll->coarse = false;
    epoll->wake = aio_epoll_above_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    loop->poller_fd = aio_epoll_above_(epoll_create1(EPOLL_CLOEXEC));
    event.events = EPOLLIN | EPOLLET;   /* every write to it is an edge: it need not be read */
    event.data.u64 = AIO_EPOLL_WAKE_;
    if (epoll->wake >= 0 && loop->poller_fd >= 0 &&
        epoll_ctl(loop->poller_fd, EPOLL_CTL_ADD, epoll->wake, &event) == 0) {
        if (aio_loop_fd_add(loop, 0))               /* so that every event is of an entry that there is */
            return 0;
        errno = ENOMEM;
    }
    error = -errno;
    aio_epoll_close_(loop);
    return error;
}

static int aio_epoll_register_(struct aio_loop *loop, int fd, struct epoll_event *event, int how)
{
    int other = how == EPOLL_CTL_ADD ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(loop->poller_fd, how, fd, event) == 0)
        return 0;
    /* Closed and opened again without aio_close, or given to the loop by a duplicate: repair. */
    if ((errno == EEXIST || errno == ENOENT) && epoll_ctl(loop->poller_fd, other, fd, event) == 0)
        return 0;
    return -errno;
}

static int aio_epoll_watch_(struct aio_loop *loop, int fd, unsigned want)
{
    struct aio_fd *entry = aio_loop_fd(loop, fd);
    unsigned interest = entry->watched | want | AIO_READABLE;
    struct epoll_event event;
    int error;
    if (entry->watched & AIO_EPOLL_ALWAYS_)
        return AIO_ALWAYS_READY;
    event.events = EPOLLET | EPOLLIN | EPOLLRDHUP | EPOLLPRI;
    if (interest & AIO_WRITABLE)
        event.events |= EPOLLOUT;
    event.data.u64 = (uint64_t)entry->generation << 32 | (uint32_t)fd;
    error = aio_epoll_register_(loop, fd, &event, entry->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD);
    if (error == -EPERM) {
        entry->watched = AIO_EPOLL_ALWAYS_;
        return AIO_ALWAYS_READY;
    }
    if (!error)
        entry->watched = (uint8_t)interest;
    return error;
}

/* The kernel drops the registration with the descriptor; the generation deals with what it had
   reported, or will report of a duplicate. */
static void aio_epoll_forget_(struct aio_loop *loop, int fd)
{
    (void)loop;
    (void)fd;
}

static AIO_NOINLINE_ int aio_epoll_events_(struct aio_loop *loop, struct aio_epoll_ *epoll, aio_time timeout)
{
    int64_t ms;
#if defined __GLIBC__ && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 35)
    if (!epoll->coarse) {
        struct timespec span;
        int n;
        span.tv_sec = (time_t)(timeout / 1000000000);
        span.tv_nsec = (long)(timeout % 1000000000);
        n = epoll_pwait2(loop->poller_fd, epoll->events, AIO_EPOLL_EVENTS_, &span, NULL);
        if (n >= 0 || errno != ENOSYS)
            return n;
        epoll->coarse = true;
    }
#endif
    ms = timeout / 1000000 + (timeout % 1000000 != 0);
    return epoll_wait(loop->poller_fd, epoll->events, AIO_EPOLL_EVENTS_, ms > INT_MAX ? INT_MAX : (int)ms);
}

static AIO_NOINLINE_ void aio_epoll_report_(struct aio_loop *loop, struct aio_fd *entry, uint32_t events)
{
    bool hangup = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    unsigned ready = events & EPOLLIN || hangup ? AIO_READABLE : 0;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        ready |= AIO_WRITABLE;
    aio_fd_ready_(loop, entry, ready, hangup || events & EPOLLPRI);
}

static int aio_epoll_wait_(struct aio_loop *loop, aio_time timeout)
{
    struct aio_epoll_ *epoll = (struct aio_epoll_ *)loop->poller_data;
    int n, i;
    if (timeout > 0)
        n = aio_epoll_events_(loop, epoll, timeout);
    else
        n = epoll_wait(loop->poller_fd, epoll->events, AIO_EPOLL_EVENTS_, timeout ? -1 : 0);
    if (aio_unlikely_(n < 0))
        return errno == EINTR ? 0 : -errno;
    for (i = 0; i < n; i++) {
        uint64_t data = epoll->events[i].data.u64;
        uint32_t events = epoll->events[i].events;
        struct aio_fd *entry = &loop->fds[(uint32_t)data];
        if (aio_unlikely_(entry->generation != (uint32_t)(data >> 32)))
            continue;
        if (aio_likely_(events == EPOLLIN))
            aio_fd_ready_(loop, entry, AIO_READABLE, false);
        else
            aio_epoll_report_(loop, entry, events);
    }
    return 0;
}

/* Async-signal-safe: one write, and errno as it was. */
static void aio_epoll_wake_(struct aio_loop *loop)
{
    int saved = errno;
    uint64_t one = 1;
    ssize_t n = write(((struct aio_epoll_ *)loop->poller_data)->wake, &one, sizeof one);
    (void)n;                            /* it fails only when it is readable anyway */
    errno = saved;
}

static aio_time aio_epoll_now_(struct aio_loop *loop)
{
    struct timespec now;
    (void)loop;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (aio_time)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void aio_epoll_print_(const char *text, size_t length)
{
    while (length) {
        ssize_t n = write(2, text, length);
        if (n <= 0)
            return;
        text += n;
        length -= (size_t)n;
    }
}

AIO_API_ const struct aio_poller *aio_epoll(void)
{
    static const struct aio_poller poller = {
        "epoll", aio_epoll_open_, aio_epoll_close_, aio_epoll_watch_, aio_epoll_forget_,
        aio_epoll_wait_, aio_epoll_wake_, aio_epoll_now_, aio_epoll_print_
    };
    return &poller;
}

#ifdef __cplusplus
}
#endif
#endif /* AIO_IMPLEMENTATION */
