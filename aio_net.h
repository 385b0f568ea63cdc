/* aio_net.h - sockets and other descriptors as awaitables, for aio.h over a poller that knows descriptors.
   SPDX-License-Identifier: MIT

   TCP and Unix-domain sockets; reading and writing also on pipes, terminals and files. POSIX.

       #define AIO_IMPLEMENTATION
       #include "aio_epoll.h"                  // or aio_select.h
       #include "aio_net.h"

       struct greet { AIO_FRAME(void); int fd; };
       static AIO_CORO(greet)
       {
           AIO_BEGIN;
           AIO_AWAIT(self->fd, aio_connect("127.0.0.1", 7000));
           AIO_AWAIT(aio_send_all(self->fd, "hello\n", 6));
           AIO_FINALLY;
           aio_close(self->fd);                // also when it was never opened: 0 is nothing
           AIO_END;
       }
       int main(void) { return aio_main(aio_new(greet)); }

   Rules
     - Close with aio_close. It tells the loop, and whoever waits for the descriptor gets AIO_EBADF. Where
       somebody else must close it, call aio_forget_fd first.
     - One task at a time may wait to read from a descriptor, and one to write; a second one gets
       AIO_EBUSY.
     - Buffers belong to the caller and must live until the await returns: members of the frame.
     - Everything made here is non-blocking, closed on exec, and never has a number below 3. Descriptors
       from elsewhere are taken as they are: their flags, which other processes share, are not touched,
       and nothing blocks on them all the same (but a file on a slow disk).
     - A write to a peer that is gone gives AIO_EPIPE or AIO_ECONNRESET, never SIGPIPE.
     - Hosts are IPv4 or IPv6 literals; names are not resolved, for that may block.

   Errors beside those named below: AIO_ECANCELED, AIO_ENOMEM, AIO_EBUSY, AIO_EBADF (not open, or closed
   during the wait), AIO_ERANGE (select: a descriptor beyond FD_SETSIZE), and the system's. A count that
   had been reached when an error came is in the result. */
#ifndef AIO_NET_H_INCLUDED
#define AIO_NET_H_INCLUDED
#include "aio.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Every function that returns an awaitable may be called from anywhere on the loop's thread; it suspends
   when it is awaited, if it cannot be done at once. */

/* A listening TCP socket: its descriptor, the caller's to close. host "" or NULL: all IPv4 addresses; port
   0: one that is free (aio_local_port tells). Does not suspend. Errors: AIO_EINVAL (no address literal),
   AIO_EADDRINUSE, AIO_EACCES, AIO_EMFILE... */
struct aio_listen_options {
    int backlog;                        /* connections that may wait to be accepted; 0: the most */
    bool reuse_port;                    /* SO_REUSEPORT: several sockets share the port */
    bool no_reuse_address;              /* without SO_REUSEADDR, which is on by default */
    bool ipv6_only;                     /* IPV6_V6ONLY */
};
AIO_API_ AIO_MUST_USE_ struct aio_int *aio_listen(const char *host, uint16_t port);
AIO_API_ AIO_MUST_USE_ struct aio_int *aio_listen_with(const char *host, uint16_t port,
                                                       const struct aio_listen_options *options);
/* The same on a path. The file stays when the socket is closed, and must not exist: unlink it. */
AIO_API_ AIO_MUST_USE_ struct aio_int *aio_listen_unix(const char *path);

/* The next connection: its descriptor, the caller's to close. When the process or the system is out of
   descriptors, it tells the error handler, and tries again ten times a second: nobody is turned away (and
   nobody gets in, if the clients in the same process hold them all). */
AIO_API_ AIO_MUST_USE_ struct aio_int *aio_accept(int fd);

/* A connection to an address: its descriptor, the caller's to close. Errors: AIO_EINVAL (no address
   literal), AIO_ECONNREFUSED, AIO_ETIMEDOUT (the system's; aio_wait_for sets one of yours)... */
AIO_API_ AIO_MUST_USE_ struct aio_int *aio_connect(const char *host, uint16_t port);
AIO_API_ AIO_MUST_USE_ struct aio_int *aio_connect_unix(const char *path);

/* Reads what is there, at least one byte and at most size: how many; 0 at the end of the stream (and for
   size 0). A cancelled or timed out aio_recv has taken nothing. */
AIO_API_ AIO_MUST_USE_ struct aio_size *aio_recv(int fd, void *buffer, size_t size);
/* Reads exactly size bytes. AIO_EEOF: the stream ended before; the result says how many came. */
AIO_API_ AIO_MUST_USE_ struct aio_size *aio_recv_exactly(int fd, void *buffer, size_t size);
/* Writes what there is room for, at least one byte: how many. */
AIO_API_ AIO_MUST_USE_ struct aio_size *aio_send(int fd, const void *buffer, size_t size);
/* Writes everything: size. If it fails or is cancelled, the result says how much was written. */
AIO_API_ AIO_MUST_USE_ struct aio_size *aio_send_all(int fd, const void *buffer, size_t size);
/* Waits until a read, or a write, would not block. */
AIO_API_ AIO_MUST_USE_ struct aio_void *aio_readable(int fd);
AIO_API_ AIO_MUST_USE_ struct aio_void *aio_writable(int fd);
/* Reads, or writes, what can be done at once, and does not suspend: how many bytes, at least one; 0 at the end of the
   stream (and for size 0); AIO_EAGAIN: nothing; AIO_EPERM: no loop runs; or another error. The loop learns from it
   whether there may be more, so that aio_readable has nothing to ask the system. A connection needs no buffer while it
   is idle if it waits so, and reads into one that it shares with others, until its next await:

       static char shared[65536];
       for (;;) {
           AIO_AWAIT(aio_readable(self->fd));
           self->n = aio_recv_nowait(self->fd, shared, sizeof shared);
           if (self->n == AIO_EAGAIN)
               continue;                       // the news was of what has been read before
           if (self->n <= 0)
               break;
           ...                                 // use what is in it; what is left over goes into memory of your own
       } */
AIO_API_ ptrdiff_t aio_recv_nowait(int fd, void *buffer, size_t size);
AIO_API_ ptrdiff_t aio_send_nowait(int fd, const void *buffer, size_t size);

/* Closes fd: waiters get AIO_EBADF at once, and no event of it reaches a later one of the same number. 0 or
   an error of the system's; the descriptor is closed in any case. fd <= 0: does nothing, 0. At any time,
   from the loop's thread. */
AIO_API_ int aio_close(int fd);
/* Ends one direction of a connection, or both: AIO_WRITABLE: the peer reads the end of the stream;
   AIO_READABLE: we do. 0 or an error. */
AIO_API_ int aio_shutdown(int fd, unsigned directions);
/* A pair of connected stream sockets. 0 or an error, and then both are 0. */
AIO_API_ int aio_socketpair(int fds[2]);
/* The address of this end, of the other end: "127.0.0.1:7000", "[::1]:7000", "unix:/path". Cut to fit size,
   terminated if size > 0. 0 or an error. */
AIO_API_ int aio_local_address(int fd, char *text, size_t size);
AIO_API_ int aio_peer_address(int fd, char *text, size_t size);
/* The TCP port of this end, or an error. */
AIO_API_ int aio_local_port(int fd);

#ifdef __cplusplus
}
#endif
#endif /* AIO_NET_H_INCLUDED */

#if defined AIO_IMPLEMENTATION && !defined AIO_NET_H_IMPLEMENTED
#define AIO_NET_H_IMPLEMENTED
#include "aio.h"                        /* its implementation, if it came without before */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#ifndef F_DUPFD_CLOEXEC
#error "aio_net.h needs POSIX: compile with -std=gnu11 (or define _GNU_SOURCE first)"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifdef PIPE_BUF
enum { AIO_PIPE_BUF_ = PIPE_BUF };      /* what a writable pipe takes without blocking */
#else
enum { AIO_PIPE_BUF_ = 512 };           /* POSIX's least */
#endif
enum { AIO_TERMINAL_BUF_ = 128 };       /* what a writable terminal takes of plain text */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0                  /* SO_NOSIGPIPE does it there */
#endif
#if defined __linux__ && defined SOCK_NONBLOCK && !defined __USE_GNU && !defined __cplusplus
extern int accept4(int, struct sockaddr *, socklen_t *, int);  /* without _GNU_SOURCE it is hidden */
#endif

/* Our code for an errno. The values differ between systems, ours do not. */
static int aio_errno_(int number)
{
    switch (number) {
    case EADDRINUSE: return AIO_EADDRINUSE;
    case EADDRNOTAVAIL: return AIO_EADDRNOTAVAIL;
    case ECANCELED: return AIO_ECANCELED;
    case ECONNABORTED: return AIO_ECONNABORTED;
    case ECONNREFUSED: return AIO_ECONNREFUSED;
    case ECONNRESET: return AIO_ECONNRESET;
    case EDEADLK: return AIO_EDEADLK;
    case EAGAIN: return AIO_EAGAIN;
    case EHOSTUNREACH: return AIO_EHOSTUNREACH;
    case ENETUNREACH: return AIO_ENETUNREACH;
    case ENOTCONN: return AIO_ENOTCONN;
    case ENOTSOCK: return AIO_ENOTSOCK;
    case EOPNOTSUPP: return AIO_ENOTSUP;
    case ESHUTDOWN: return AIO_ESHUTDOWN;
    case ETIMEDOUT: return AIO_ETIMEDOUT;
    default: return -number;
    }
}

/* -------------------------------------------------------------------------- descriptors */

/* What a descriptor is: how to read and write it without blocking. In aio_fd.kind. */
enum {
    AIO_FD_NEW_,                        /* not looked at yet */
    AIO_FD_STREAM_,                     /* a socket: a short read has drained it */
    AIO_FD_STREAM_BLOCKING_,            /* the same without O_NONBLOCK: ask poll(2) before accept(2) */
    AIO_FD_LOCAL_,                      /* a local stream with O_NONBLOCK: a short read has drained it, or has ended
                                           at a descriptor that was sent along: unix(7) */
    AIO_FD_MESSAGE_,                    /* a socket that keeps messages apart, with or without; a local one without */
    AIO_FD_FILE_,                       /* a regular file, a directory: never waits */
    AIO_FD_NONBLOCKING_,                /* something else, with O_NONBLOCK */
    AIO_FD_BLOCKING_,                   /* something else without: ask poll(2) before each try */
    AIO_FD_TERMINAL_                    /* the same, and it takes little at a time */
};

static bool aio_fd_is_local_(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    return getsockname(fd, (struct sockaddr *)&address, &size) == 0 && address.ss_family == AF_UNIX;
}

static int aio_fd_kind_of_(int fd)
{
    int type = 0, flags;
    socklen_t size = sizeof type;
    struct stat status;
    flags = fcntl(fd, F_GETFL);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0)
        return type != SOCK_STREAM ? AIO_FD_MESSAGE_ :
            aio_fd_is_local_(fd) ? (flags & O_NONBLOCK ? AIO_FD_LOCAL_ : AIO_FD_MESSAGE_) :
            flags & O_NONBLOCK ? AIO_FD_STREAM_ : AIO_FD_STREAM_BLOCKING_;
    if (errno != ENOTSOCK)
        return aio_errno_(errno);
    if (fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)))
        return AIO_FD_FILE_;
    if (flags < 0)
        return aio_errno_(errno);
    return flags & O_NONBLOCK ? AIO_FD_NONBLOCKING_ : isatty(fd) ? AIO_FD_TERMINAL_ : AIO_FD_BLOCKING_;
}

static AIO_NOINLINE_ struct aio_fd *aio_fd_look_at_(struct aio_loop *loop, int fd, int *error)
{
    struct aio_fd *entry;
    int kind = fd < 0 ? AIO_EBADF : aio_fd_kind_of_(fd);
    entry = kind < 0 ? NULL : aio_loop_fd_add(loop, fd);
    *error = kind < 0 ? kind : AIO_ENOMEM;
    if (entry)
        entry->kind = (uint8_t)kind;
    return entry;
}

/* The loop's entry for a descriptor, looked at if it is new. NULL: *error says why. */
static inline struct aio_fd *aio_fd_find_(struct aio_loop *loop, int fd, int *error)
{
    if (aio_fd_is_known_(loop, fd) && aio_likely_(loop->fds[fd].kind != AIO_FD_NEW_))
        return &loop->fds[fd];
    return aio_fd_look_at_(loop, fd, error);
}

/* A new descriptor of ours: not 0 to 2, non-blocking, closed on exec, fresh to the loop. Or the error. */
static int aio_fd_adopt_(int fd, bool prepared, int kind)
{
    struct aio_loop *loop = aio_thread_.loop;
    struct aio_fd *entry;
    if (fd < 0)
        return aio_errno_(errno);
    if (fd <= 2) {
        int high = fcntl(fd, F_DUPFD_CLOEXEC, 3), error = errno;
        close(fd);
        if (high < 0)
            return aio_errno_(error);
        fd = high;
    }
    if (!prepared && (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ||
                      fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)) {
        int error = aio_errno_(errno);
        close(fd);
        return error;
    }
#ifdef SO_NOSIGPIPE
    {
        int on = 1;
        setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
    }
#endif
    aio_forget_fd(fd);                  /* whoever closed the last one of this number may not have told */
    entry = loop ? aio_loop_fd_add(loop, fd) : NULL;
    if (entry)
        entry->kind = (uint8_t)kind;    /* otherwise it is looked at later */
    return fd;
}

static int aio_socket_(int family)
{
    int kind = family == AF_UNIX ? AIO_FD_LOCAL_ : AIO_FD_STREAM_;
#ifdef SOCK_NONBLOCK
    return aio_fd_adopt_(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), true, kind);
#else
    return aio_fd_adopt_(socket(family, SOCK_STREAM, 0), false, kind);
#endif
}

AIO_API_ int aio_close(int fd)
{
    if (fd <= 0)
        return 0;
    aio_forget_fd(fd);
    return close(fd) < 0 && errno != EINTR ? aio_errno_(errno) : 0;     /* EINTR: closed all the same */
}

AIO_API_ int aio_shutdown(int fd, unsigned directions)
{
    int how = directions == AIO_READABLE ? SHUT_RD : directions == AIO_WRITABLE ? SHUT_WR : SHUT_RDWR;
    return shutdown(fd, how) < 0 ? aio_errno_(errno) : 0;
}

AIO_API_ int aio_socketpair(int fds[2])
{
    int type = SOCK_STREAM, i;
    bool prepared = false;
#ifdef SOCK_NONBLOCK
    type |= SOCK_NONBLOCK | SOCK_CLOEXEC;
    prepared = true;
#endif
    if (socketpair(AF_UNIX, type, 0, fds) < 0) {
        fds[0] = fds[1] = 0;
        return aio_errno_(errno);
    }
    for (i = 0; i < 2; i++) {
        int fd = aio_fd_adopt_(fds[i], prepared, AIO_FD_LOCAL_);
        if (fd < 0) {
            aio_close(fds[1 - i]);
            fds[0] = fds[1] = 0;
            return fd;
        }
        fds[i] = fd;
    }
    return 0;
}

/* ------------------------------------------------------------------------------ addresses */

struct aio_address_ {
    union { struct sockaddr any; struct sockaddr_in in; struct sockaddr_in6 in6; struct sockaddr_un un;
            struct sockaddr_storage storage; } u;
    socklen_t size;
};

static int aio_address_ip_(struct aio_address_ *address, const char *host, uint16_t port)
{
    memset(address, 0, sizeof *address);
    if (!host || !host[0])
        host = "0.0.0.0";
    if (inet_pton(AF_INET, host, &address->u.in.sin_addr) == 1) {
        address->u.in.sin_family = AF_INET;
        address->u.in.sin_port = htons(port);
        address->size = sizeof address->u.in;
        return 0;
    }
    if (inet_pton(AF_INET6, host, &address->u.in6.sin6_addr) == 1) {
        address->u.in6.sin6_family = AF_INET6;
        address->u.in6.sin6_port = htons(port);
        address->size = sizeof address->u.in6;
        return 0;
    }
    return AIO_EINVAL;
}

static int aio_address_unix_(struct aio_address_ *address, const char *path)
{
    size_t length = path ? strlen(path) : 0;
    memset(address, 0, sizeof *address);
    if (!length || length >= sizeof address->u.un.sun_path)
        return AIO_EINVAL;
    address->u.un.sun_family = AF_UNIX;
    memcpy(address->u.un.sun_path, path, length + 1);
    address->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    return 0;
}

static int aio_address_text_(const struct aio_address_ *address, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN];
    switch (address->u.any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &address->u.in.sin_addr, host, sizeof host);
        snprintf(text, size, "%s:%u", host, (unsigned)ntohs(address->u.in.sin_port));
        return 0;
    case AF_INET6:
        inet_ntop(AF_INET6, &address->u.in6.sin6_addr, host, sizeof host);
        snprintf(text, size, "[%s]:%u", host, (unsigned)ntohs(address->u.in6.sin6_port));
        return 0;
    case AF_UNIX:
        snprintf(text, size, "unix:%.*s",
                 (int)(address->size - (socklen_t)offsetof(struct sockaddr_un, sun_path)),
                 address->u.un.sun_path);
        return 0;
    default:
        return AIO_ENOTSUP;
    }
}

AIO_API_ int aio_local_address(int fd, char *text, size_t size)
{
    struct aio_address_ address;
    address.size = sizeof address.u;
    if (getsockname(fd, &address.u.any, &address.size) < 0)
        return aio_errno_(errno);
    return aio_address_text_(&address, text, size);
}

AIO_API_ int aio_peer_address(int fd, char *text, size_t size)
{
    struct aio_address_ address;
    address.size = sizeof address.u;
    if (getpeername(fd, &address.u.any, &address.size) < 0)
        return aio_errno_(errno);
    return aio_address_text_(&address, text, size);
}

AIO_API_ int aio_local_port(int fd)
{
    struct aio_address_ address;
    address.size = sizeof address.u;
    if (getsockname(fd, &address.u.any, &address.size) < 0)
        return aio_errno_(errno);
    switch (address.u.any.sa_family) {
    case AF_INET: return ntohs(address.u.in.sin_port);
    case AF_INET6: return ntohs(address.u.in6.sin6_port);
    default: return AIO_ENOTSUP;
    }
}

/* ------------------------------------------------------------------------- read and write */

/* The last two are reads that have begun to wait, and that take the long way from the beginning. */
enum { AIO_IO_RECV_, AIO_IO_RECV_EXACTLY_, AIO_IO_SEND_, AIO_IO_SEND_ALL_, AIO_IO_RECV_RESUMED_, AIO_IO_RECV_LONG_ };

struct aio_io_ {
    AIO_FRAME(ptrdiff_t);
    int fd;
    uint32_t generation;                /* of the descriptor when we began */
    struct { char *buffer; size_t size; } where;    /* as a struct iovec */
};

static struct aio_coro *aio_recv_body_(struct aio_coro *c, struct aio_coro *ret);
static struct aio_coro *aio_recv_resumed_body_(struct aio_coro *c, struct aio_coro *ret);
static AIO_NOINLINE_ struct aio_coro *aio_io_body_(struct aio_coro *c, struct aio_coro *ret);
static const struct aio_type aio_io_types_[] = {        /* by AIO_IO_... */
    { aio_recv_body_, AIO_NAMED_("aio_recv", NULL) AIO_SIZE_(struct aio_io_) },
    { aio_io_body_, AIO_NAMED_("aio_recv_exactly", NULL) AIO_SIZE_(struct aio_io_) },
    { aio_io_body_, AIO_NAMED_("aio_send", NULL) AIO_SIZE_(struct aio_io_) },
    { aio_io_body_, AIO_NAMED_("aio_send_all", NULL) AIO_SIZE_(struct aio_io_) },
    { aio_recv_resumed_body_, AIO_NAMED_("aio_recv", NULL) AIO_SIZE_(struct aio_io_) },
    { aio_io_body_, AIO_NAMED_("aio_recv", NULL) AIO_SIZE_(struct aio_io_) },
};
static int aio_io_what_(const struct aio_io_ *io)
{
    int what = (int)(io->aio.type - aio_io_types_);
    return what < AIO_IO_RECV_RESUMED_ ? what : AIO_IO_RECV_;
}

/* Asks the system whether a try would block. */
static bool aio_io_would_block_(int fd, unsigned want)
{
    struct pollfd query;
    int n;
    query.fd = fd;
    query.events = want == AIO_READABLE ? POLLIN : POLLOUT;
    query.revents = 0;
    do
        n = poll(&query, 1, 0);
    while (n < 0 && errno == EINTR);
    return n == 0;
}

/* write(2), which raises SIGPIPE where send(2) can be told not to: the signal is held back meanwhile, and
   taken away if this write has raised it. */
static ssize_t aio_io_write_(int fd, const void *buffer, size_t size)
{
    sigset_t pipe_only, before, pending;
    int saved, taken;
    bool was_pending;
    ssize_t n;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    n = write(fd, buffer, size);
    saved = errno;
    if (n < 0 && saved == EPIPE && !was_pending)
        sigwait(&pipe_only, &taken);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return n;
}

/* How much a terminal that is writable takes without blocking: a run of plain text, or one control character,
   for those it treats one by one, and may run out of room between two of them. */
static size_t aio_io_terminal_run_(const char *text, size_t size)
{
    size_t n = 0;
    while (n < size && n < AIO_TERMINAL_BUF_ && (unsigned char)text[n] >= ' ')
        n++;
    return n ? n : 1;
}

#ifdef __linux__
/* Of each thread: recvmsg(2) writes into it how much control data there was and flags, and nothing else, so that it
   is not made anew for each call. */
static AIO_THREAD_LOCAL struct msghdr aio_io_message_;
#endif

/* One try at a local stream. *more: there may be more than that; Linux tells that it has left out a descriptor, at
   which a read ends, so nobody needs another try to learn it. */
static inline ssize_t aio_io_try_local_(int fd, struct iovec *where, bool *more)
{
    ssize_t n;
#ifdef __linux__
    struct msghdr *message = &aio_io_message_;
    message->msg_iov = where;
    message->msg_iovlen = 1;
    n = recvmsg(fd, message, MSG_DONTWAIT);
    *more = (message->msg_flags & MSG_CTRUNC) != 0;
#else
    n = recv(fd, where->iov_base, where->iov_len, MSG_DONTWAIT);
    *more = true;
#endif
    return n;
}

static AIO_NOINLINE_ ssize_t aio_io_try_local_at_(int fd, struct aio_fd *entry, char *at, size_t left)
{
    struct iovec where;
    bool more;
    ssize_t n;
    where.iov_base = at;
    where.iov_len = left;
    n = aio_io_try_local_(fd, &where, &more);
    if (n < 0 ? errno == EAGAIN : n > 0 && (size_t)n < left && !more && !entry->hangup)
        entry->drained |= AIO_READABLE;
    return n;
}

static ssize_t aio_io_call_(int fd, int kind, unsigned want, char *at, size_t left)
{
    if (kind >= AIO_FD_BLOCKING_ && aio_io_would_block_(fd, want)) {
        errno = EAGAIN;
        return -1;
    }
    if (kind <= AIO_FD_MESSAGE_)
        return want == AIO_READABLE ? recv(fd, at, left, MSG_DONTWAIT) : send(fd, at, left, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (want == AIO_READABLE)
        return read(fd, at, left);
    /* What is said to be writable takes this much without blocking. */
    if (kind == AIO_FD_BLOCKING_ && left > AIO_PIPE_BUF_)
        left = AIO_PIPE_BUF_;
    if (kind == AIO_FD_TERMINAL_)
        left = aio_io_terminal_run_(at, left);
    return aio_io_write_(fd, at, left);
}

static AIO_NOINLINE_ ssize_t aio_io_try_other_(int fd, struct aio_fd *entry, unsigned want, char *at, size_t left)
{
    ssize_t n = aio_io_call_(fd, entry->kind, want, at, left);
    if (n < 0 && errno == EAGAIN)
        entry->drained |= (uint8_t)want;
    return n;
}

/* One try, of which the entry learns. -1 and errno, as the system calls; EAGAIN also where they would block. */
static inline ssize_t aio_io_try_(int fd, struct aio_fd *entry, unsigned want, char *at, size_t left)
{
    ssize_t n;
    if (aio_unlikely_(entry->kind > AIO_FD_LOCAL_))
        return aio_io_try_other_(fd, entry, want, at, left);
    if (want == AIO_READABLE && aio_unlikely_(entry->kind == AIO_FD_LOCAL_))
        return aio_io_try_local_at_(fd, entry, at, left);
    n = want == AIO_READABLE ? recv(fd, at, left, MSG_DONTWAIT) : send(fd, at, left, MSG_DONTWAIT | MSG_NOSIGNAL);
    if ((size_t)n != left && (aio_likely_(n > 0) ? !entry->hangup : n < 0 && errno == EAGAIN))
        entry->drained |= (uint8_t)want;
    return n;
}

/* Takes what a try has brought: n, or -1 and errno. True: the operation is finished, error and result are set. */
static bool aio_io_took_(struct aio_io_ *io, unsigned want, ssize_t n)
{
    bool all = aio_io_what_(io) == AIO_IO_RECV_EXACTLY_ || aio_io_what_(io) == AIO_IO_SEND_ALL_;
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    if (n < 0) {
        io->aio.error = aio_errno_(errno);
        return true;
    }
    if (n == 0 && want == AIO_READABLE) {
        io->aio.error = all ? AIO_EEOF : 0;
        return true;
    }
    io->result += n;
    return !all || (size_t)io->result == io->where.size;
}

/* Goes on with an operation. 1: finished; 0: it has to wait for the descriptor; -1: it has to yield first, for the
   budget is used up. */
static int aio_io_step_(struct aio_io_ *io, struct aio_fd *entry, unsigned want)
{
    while ((size_t)io->result < io->where.size) {
        size_t left = io->where.size - (size_t)io->result;
        if (entry->drained & want)
            return 0;
        if (!aio_budget_take())
            return -1;
        if (aio_io_took_(io, want, aio_io_try_(io->fd, entry, want, io->where.buffer + io->result, left)))
            return 1;
    }
    return 1;
}

static struct aio_coro *aio_io_end_(struct aio_io_ *io, int error)
{
    io->aio.error = error;
    return &io->aio;
}

/* Goes on until it has ended, or has to wait: NULL. */
static struct aio_coro *aio_io_go_on_(struct aio_io_ *io, struct aio_fd *entry, unsigned want)
{
    for (;;) {
        int state = aio_io_step_(io, entry, want), error;
        if (state == 1)
            return &io->aio;
        error = state < 0 ? aio_park_yield(&io->aio) : aio_park_fd(&io->aio, io->fd, want);
        if (error == 0)
            return NULL;
        entry->drained &= (uint8_t)~want;           /* the poller will not tell; or AIO_ALWAYS_READY */
        if (error < 0)
            return aio_io_end_(io, error);
        if (entry->kind >= AIO_FD_BLOCKING_)
            entry->kind = AIO_FD_FILE_;             /* /dev/null and the like */
    }
}

static AIO_NOINLINE_ struct aio_coro *aio_io_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_io_ *io = (struct aio_io_ *)(void *)c;
    unsigned want = aio_io_what_(io) <= AIO_IO_RECV_EXACTLY_ ? AIO_READABLE : AIO_WRITABLE;
    int error = 0;
    struct aio_fd *entry;
    if (aio_io_what_(io) == AIO_IO_RECV_)
        io->result = 0;
    if (c->pc == AIO_PC_FINALLY_)
        return c;
    if (c->pc != AIO_PC_START_ && ret->error)
        return aio_io_end_(io, ret->error);
    entry = aio_fd_find_(aio_thread_.loop, io->fd, &error);
    if (!entry)
        return aio_io_end_(io, error);
    if (c->pc == AIO_PC_START_) {
        if (aio_io_what_(io) == AIO_IO_RECV_)
            c->type = &aio_io_types_[AIO_IO_RECV_LONG_];
        io->generation = entry->generation;
        if (io->where.size > PTRDIFF_MAX)
            io->where.size = PTRDIFF_MAX;
        if (aio_fd_waiter_(entry, want))
            return aio_io_end_(io, AIO_EBUSY);
    } else if (entry->generation != io->generation)
        return aio_io_end_(io, AIO_EBADF);          /* closed, and opened again, while we yielded */
    c->pc = AIO_PC_END_;
    return aio_io_go_on_(io, entry, want);
}

/* As aio_frame_new, which has to zero what it does not know. */
static inline struct aio_coro *aio_io_frame_(const struct aio_type *type, size_t size)
{
    struct aio_coro *c = (struct aio_coro *)aio_own_alloc_(size);
    if (!c)
        return NULL;
    c->type = type;
    c->up.caller = NULL;
    c->pc = AIO_PC_START_;
    c->flags = AIO_F_CORO_;
    c->error = 0;
#if AIO_LINES
    c->line = 0;
#endif
    return c;
}

static inline struct aio_coro *aio_io_make_(int what, int fd, void *buffer, size_t size)
{
    struct aio_io_ *io = (struct aio_io_ *)(void *)aio_io_frame_(&aio_io_types_[what], sizeof *io);
    if (AIO_DEBUG)
        aio_check_buffer(buffer, aio_name_of_(&aio_io_types_[what]));
    if (!io)
        return NULL;
    if (what != AIO_IO_RECV_)                       /* it is set at the end, whatever that is */
        io->result = 0;
    io->fd = fd;
    io->where.buffer = (char *)buffer;
    io->where.size = size;
    return &io->aio;
}

static AIO_NOINLINE_ struct aio_coro *aio_io_make_slowly_(int what, int fd, void *buffer, size_t size)
{
    return aio_io_make_(what, fd, buffer, size);
}

#if defined __GNUC__ || defined __clang__
#define AIO_IS_CONSTANT_(x) __builtin_constant_p(x)
#else
#define AIO_IS_CONSTANT_(x) false
#endif

/* Out of the pool's list of free ones, if there is one. The slow way is another function, as the last thing that is
   done, so that nothing has to be saved on the short one: 21 instructions, not 31. With a constant size this stands
   in the coroutine itself, where compilers know more of a frame that is made in one place only: 2 to 4 instructions
   less. */
static inline struct aio_coro *aio_io_new_(int what, int fd, void *buffer, size_t size)
{
    if (AIO_IS_CONSTANT_(size))
        return aio_io_make_(what, fd, buffer, size);
    if (AIO_POOL && !AIO_DEBUG && aio_likely_(aio_thread_.free[AIO_BIN_(sizeof(struct aio_io_))] != NULL))
        return aio_io_make_(what, fd, buffer, size);
    return aio_io_make_slowly_(what, fd, buffer, size);
}

/* The short way through aio_io_body_, for what nearly every request to a server consists of: a socket that is drained,
   and watched, is waited for, and one try does the whole job. Anything else goes the long way, at whatever point it
   shows. Measured in an echo server, in user mode, per request: 298 instructions, and 693 without. */

/* What is known of a descriptor, by several conditions at once. */
static inline uint32_t aio_fd_bits_(unsigned drained, unsigned hangup, unsigned watched, unsigned kind)
{
    uint8_t bytes[4];
    uint32_t bits;
    bytes[0] = (uint8_t)drained;
    bytes[1] = (uint8_t)hangup;
    bytes[2] = (uint8_t)watched;
    bytes[3] = (uint8_t)kind;
    memcpy(&bits, bytes, sizeof bits);
    return bits;
}

static inline uint32_t aio_fd_state_(const struct aio_fd *entry)
{
    uint32_t bits;
    memcpy(&bits, (const char *)entry + offsetof(struct aio_fd, drained), sizeof bits);
    return bits;
}

enum { AIO_FD_SIMPLE_ = 0xff & ~(AIO_FD_STREAM_ ^ AIO_FD_LOCAL_) };    /* a kind that is one of these two, masked */

/* A stream that is drained, and watched, and at which nobody waits. */
static inline bool aio_fd_is_idle_(const struct aio_fd *entry, unsigned want)
{
    uint32_t known = aio_fd_bits_(want, 0, want, AIO_FD_SIMPLE_), is = aio_fd_bits_(want, 0, want, AIO_FD_STREAM_);
    return !AIO_DEBUG && aio_likely_((aio_fd_state_(entry) & known) == is) && aio_likely_(!entry->waiter);
}

/* A stream that nobody knows to be drained, as somebody would who waits for it; nor, to be read, that its end is near. */
static inline bool aio_fd_is_busy_(const struct aio_fd *entry, unsigned want)
{
    uint32_t known = aio_fd_bits_(want, want == AIO_READABLE ? 0xff : 0, 0, AIO_FD_SIMPLE_);
    return aio_likely_((aio_fd_state_(entry) & known) == aio_fd_bits_(0, 0, 0, AIO_FD_STREAM_));
}

/* What is left of the short way if the try was not what it is made for. */
static AIO_NOINLINE_ struct aio_coro *aio_io_short_end_(struct aio_io_ *io, unsigned want, ssize_t n)
{
    struct aio_fd *entry = &aio_thread_.loop->fds[io->fd];
    if (n < 0 && errno == EAGAIN)
        entry->drained |= (uint8_t)want;
    return aio_io_took_(io, want, n) ? &io->aio : aio_io_go_on_(io, entry, want);
}

/* The caller goes on with what came of a frame that the loop has resumed. The loop would do it, too, in 7 instructions
   more: it would find out first what came back to it. */
static inline struct aio_coro *aio_io_go_up_(struct aio_coro *caller, struct aio_coro *ret)
{
    aio_thread_.loop->current->leaf = caller;
    return caller->type->body(caller, ret);
}

#define AIO_IO_QUICK_ (AIO_POOL && !AIO_DEBUG)
#if AIO_IO_QUICK_
/* What was read or written at once: constants that only we write to, so that whoever gets one has nothing to free. */
static AIO_THREAD_LOCAL struct aio_size aio_io_count_ = { AIO_UNIT_HEADER_(AIO_PC_DONE_, 0), { 0 } };
static AIO_THREAD_LOCAL struct aio_size aio_io_error_ = { AIO_UNIT_HEADER_(AIO_PC_DONE_, AIO_ENOMEM), { 0 } };
static inline struct aio_coro *aio_io_counted_(struct aio_size *count, ssize_t n)
{
    count->result = n;
    return &count->aio;
}
#endif

/* The end of a read that the loop has resumed. */
static inline struct aio_coro *aio_recv_resumed_end_(struct aio_io_ *io, ssize_t n)
{
    struct aio_coro *c = &io->aio, *caller = c->up.caller;
    if (aio_unlikely_(c->flags & AIO_F_ROOT_)) {
        io->result = n;
        return c;
    }
#if AIO_IO_QUICK_
    c->up.link = aio_thread_.free[AIO_BIN_(sizeof *io)];    /* as aio_free_; its pc tells, too, that it is dead */
    aio_thread_.free[AIO_BIN_(sizeof *io)] = c;
    return aio_io_go_up_(caller, aio_io_counted_(&aio_io_count_, n));
#else
    io->result = n;
    return aio_io_go_up_(caller, c);
#endif
}

/* Begins to wait. */
static inline struct aio_coro *aio_recv_park_(struct aio_io_ *io, struct aio_loop *loop)
{
    if (aio_likely_(aio_park_unwatched_(loop, &io->aio, io->fd, AIO_READABLE) == 0))
        return NULL;
    io->result = 0;
    return aio_io_end_(io, AIO_ECANCELED);
}

/* The end of one that has read something. */
static inline struct aio_coro *aio_recv_end_(struct aio_io_ *io, ssize_t n, bool resumed)
{
    if (resumed)
        return aio_recv_resumed_end_(io, n);
    io->result = n;
    return &io->aio;
}

/* What is left to be done if the try was no short read, which drains: it has filled the buffer, or found nothing. */
static AIO_INLINE_ struct aio_coro *aio_recv_odd_(struct aio_io_ *io, ssize_t n, bool resumed)
{
    struct aio_loop *loop = aio_thread_.loop;
    struct aio_fd *entry = &loop->fds[io->fd];
    if (n < 0 && errno == EAGAIN && aio_fd_is_idle_(entry, AIO_READABLE))
        return aio_recv_park_(io, loop);
    entry->drained &= (uint8_t)~AIO_READABLE;
    if (n > 0)
        return aio_recv_end_(io, n, resumed);
    io->result = 0;
    return aio_io_short_end_(io, AIO_READABLE, n);
}
static AIO_NOINLINE_ struct aio_coro *aio_recv_odd_first_(struct aio_io_ *io, ssize_t n)
{
    return aio_recv_odd_(io, n, false);
}
static AIO_NOINLINE_ struct aio_coro *aio_recv_odd_again_(struct aio_io_ *io, ssize_t n)
{
    return aio_recv_odd_(io, n, true);
}

/* The try, of a read that the loop has resumed, or has not. A short read drains the descriptor, and this is set before:
   nothing but io has to be kept in a register that would have to be saved. Not inlined, so that nothing is saved where
   there is no try. */
static AIO_INLINE_ struct aio_coro *aio_recv_try_(struct aio_io_ *io, struct aio_fd *entry, bool local, bool resumed)
{
    bool more = false;
    ssize_t n;
    entry->drained |= AIO_READABLE;
    if (local)
        n = aio_io_try_local_(io->fd, (struct iovec *)(void *)&io->where, &more);
    else
        n = recv(io->fd, io->where.buffer, io->where.size, MSG_DONTWAIT);
    if (aio_unlikely_(n <= 0) || aio_unlikely_((size_t)n >= io->where.size) || aio_unlikely_(more))
        return resumed ? aio_recv_odd_again_(io, n) : aio_recv_odd_first_(io, n);
    return aio_recv_end_(io, n, resumed);
}
static AIO_NOINLINE_ struct aio_coro *aio_recv_first_(struct aio_io_ *io, struct aio_fd *entry)
{
    return aio_recv_try_(io, entry, false, false);
}
static AIO_NOINLINE_ struct aio_coro *aio_recv_first_local_(struct aio_io_ *io, struct aio_fd *entry)
{
    return aio_recv_try_(io, entry, true, false);
}
static AIO_NOINLINE_ struct aio_coro *aio_recv_again_(struct aio_io_ *io, struct aio_fd *entry)
{
    return aio_recv_try_(io, entry, false, true);
}
static AIO_NOINLINE_ struct aio_coro *aio_recv_again_local_(struct aio_io_ *io, struct aio_fd *entry)
{
    return aio_recv_try_(io, entry, true, true);
}

static inline void aio_recv_begin_(struct aio_io_ *io, const struct aio_fd *entry)
{
    io->aio.type = &aio_io_types_[AIO_IO_RECV_RESUMED_];
    io->aio.pc = AIO_PC_PARKED_;
    io->generation = entry->generation;
}

static struct aio_coro *aio_recv_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_io_ *io = (struct aio_io_ *)(void *)c;
    struct aio_loop *loop = aio_thread_.loop;
    (void)ret;                                      /* this is only the first step */
    if (aio_likely_(c->pc == AIO_PC_START_) && aio_fd_is_known_(loop, io->fd)) {
        struct aio_fd *entry = &loop->fds[io->fd];
        if (aio_fd_is_idle_(entry, AIO_READABLE)) {
            aio_recv_begin_(io, entry);
            return aio_recv_park_(io, loop);
        }
        if (aio_fd_is_busy_(entry, AIO_READABLE) && aio_budget_take()) {
            aio_recv_begin_(io, entry);
            return entry->kind == AIO_FD_STREAM_ ? aio_recv_first_(io, entry) : aio_recv_first_local_(io, entry);
        }
    }
    return aio_io_body_(c, NULL);
}

static struct aio_coro *aio_recv_resumed_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_io_ *io = (struct aio_io_ *)(void *)c;
    if (aio_likely_(ret->error == 0)) {
        struct aio_fd *entry = &aio_thread_.loop->fds[io->fd];
        if (aio_likely_(entry->generation == io->generation) && aio_likely_(!entry->hangup))
            return aio_likely_(entry->kind == AIO_FD_STREAM_) ? aio_recv_again_(io, entry) :
                aio_recv_again_local_(io, entry);
    }
    return aio_io_body_(c, ret);
}

/* Most writes are done at once. So a thread has an object for the first try of whatever it writes: it is an operation
   (see aio.h), and whoever needs more, because he has to wait or another one has it, gets a frame. */
#if AIO_IO_QUICK_
struct aio_send_once_ {
    struct aio_op_ op;                  /* object: what is written. Its pc is AIO_PC_DONE_ while nobody has it */
    size_t size;
    int fd;
};

static struct aio_coro *aio_send_once_body_(struct aio_coro *c, struct aio_coro *ret);
static const struct aio_type aio_send_once_types_[] = {     /* from AIO_IO_SEND_ */
    { aio_send_once_body_, AIO_NAMED_("aio_send", NULL) 0, sizeof(ptrdiff_t) },
    { aio_send_once_body_, AIO_NAMED_("aio_send_all", NULL) 0, sizeof(ptrdiff_t) },
};
#define AIO_SEND_ONCE_FREE_(type) \
    { { AIO_HEADER_OF_((type), AIO_PC_DONE_, AIO_F_CORO_, 0), { 0 }, 1, NULL, { NULL } }, 0, 0 }
static AIO_THREAD_LOCAL struct aio_send_once_ aio_sends_[] = {
    AIO_SEND_ONCE_FREE_(&aio_send_once_types_[0]), AIO_SEND_ONCE_FREE_(&aio_send_once_types_[1])
};

/* A frame in its place. NULL: no memory. */
static struct aio_io_ *aio_send_once_move_(struct aio_send_once_ *once)
{
    int what = AIO_IO_SEND_ + (int)(once->op.aio.type - aio_send_once_types_);
    struct aio_io_ *io = (struct aio_io_ *)(void *)aio_io_new_(what, once->fd, once->op.object, once->size);
    if (io) {
        io->aio.up = once->op.aio.up;
        io->aio.pc = once->op.aio.pc;
        io->aio.flags = once->op.aio.flags;
        io->aio.error = once->op.aio.error;
    }
    once->op.aio.pc = AIO_PC_DONE_;
    return io;
}

/* The same for an error. */
static struct aio_coro *aio_io_failed_(int error, ssize_t n)
{
    aio_io_error_.aio.error = error;
    return aio_io_counted_(&aio_io_error_, n);
}

/* The try has not written all of it. There is a frame only if there is more to be done. */
static AIO_NOINLINE_ struct aio_coro *aio_send_odd_(struct aio_send_once_ *once, ssize_t n)
{
    struct aio_fd *entry = &aio_thread_.loop->fds[once->fd];
    int saved = errno;
    bool tried_again = n < 0 && (saved == EAGAIN || saved == EINTR);
    struct aio_io_ *io;
    if (once->size == 0)                            /* there was nothing to fail with */
        n = 0;
    if (n > 0 && !entry->hangup)
        entry->drained |= AIO_WRITABLE;
    if (once->size == 0 || (n > 0 && once == &aio_sends_[0]) || (n < 0 && !tried_again)) {
        once->op.aio.pc = AIO_PC_DONE_;
        return n < 0 ? aio_io_failed_(aio_errno_(saved), 0) : aio_io_counted_(&aio_io_count_, n);
    }
    io = aio_send_once_move_(once);
    if (!io)
        return aio_io_failed_(AIO_ENOMEM, n > 0 ? n : 0);
    io->aio.pc = AIO_PC_END_;
    io->generation = entry->generation;
    errno = saved;
    return aio_io_short_end_(io, AIO_WRITABLE, n);
}

static AIO_NOINLINE_ struct aio_coro *aio_send_long_(struct aio_send_once_ *once)
{
    struct aio_io_ *io = aio_send_once_move_(once);
    return io ? aio_io_body_(&io->aio, NULL) : aio_io_failed_(AIO_ENOMEM, 0);
}

static struct aio_coro *aio_send_once_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_send_once_ *once = (struct aio_send_once_ *)(void *)c;
    struct aio_loop *loop = aio_thread_.loop;
    ssize_t n;
    (void)ret;
    if (aio_unlikely_(c->pc != AIO_PC_START_) || !aio_fd_is_known_(loop, once->fd) ||
        !aio_fd_is_busy_(&loop->fds[once->fd], AIO_WRITABLE) || aio_unlikely_(!aio_budget_take()))
        return aio_send_long_(once);
    n = send(once->fd, once->op.object, once->size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (aio_unlikely_((size_t)n != once->size))
        return aio_send_odd_(once, n);
    c->pc = AIO_PC_DONE_;
    return aio_io_counted_(&aio_io_count_, n);
}
#endif

AIO_API_ struct aio_size *aio_recv(int fd, void *buffer, size_t size)
{
    int what = aio_likely_((ptrdiff_t)size > 0) ? AIO_IO_RECV_ : AIO_IO_RECV_LONG_;
    return (struct aio_size *)(void *)aio_io_new_(what, fd, buffer, size);
}

AIO_API_ struct aio_size *aio_recv_exactly(int fd, void *buffer, size_t size)
{
    return (struct aio_size *)(void *)aio_io_new_(AIO_IO_RECV_EXACTLY_, fd, buffer, size);
}

#if AIO_IO_QUICK_
static inline struct aio_coro *aio_send_take_(struct aio_send_once_ *once, int fd, void *buffer, size_t size)
{
    once->op.aio.pc = AIO_PC_START_;
    once->op.aio.flags = AIO_F_CORO_;
    once->op.aio.error = 0;
    once->op.object = buffer;
    once->size = size & PTRDIFF_MAX;                /* a count that is no error */
    once->fd = fd;
    return &once->op.aio;
}

/* Somebody has it, unless it was discarded, and freed as operations are. */
static AIO_NOINLINE_ struct aio_coro *aio_send_again_(int what, int fd, void *buffer, size_t size)
{
    struct aio_send_once_ *once = &aio_sends_[what - AIO_IO_SEND_];
    if (once->op.size && !(once->op.aio.flags & AIO_F_DEAD_))
        return aio_io_new_(what, fd, buffer, size);
    once->op.size = 1;
    return aio_send_take_(once, fd, buffer, size);
}

static inline struct aio_coro *aio_send_new_(int what, int fd, void *buffer, size_t size)
{
    struct aio_send_once_ *once = &aio_sends_[what - AIO_IO_SEND_];
    if (aio_likely_(once->op.aio.pc == AIO_PC_DONE_))
        return aio_send_take_(once, fd, buffer, size);
    return aio_send_again_(what, fd, buffer, size);
}
#else
#define aio_send_new_ aio_io_new_
#endif

/* What is sent is only read, though the frame is shared with those that write to their buffer. */
AIO_API_ struct aio_size *aio_send(int fd, const void *buffer, size_t size)
{
    return (struct aio_size *)(void *)aio_send_new_(AIO_IO_SEND_, fd, (void *)(uintptr_t)buffer, size);
}

AIO_API_ struct aio_size *aio_send_all(int fd, const void *buffer, size_t size)
{
    return (struct aio_size *)(void *)aio_send_new_(AIO_IO_SEND_ALL_, fd, (void *)(uintptr_t)buffer, size);
}

/* aio_readable and aio_writable. A connection without a buffer has nothing else while it is idle, so it is small. */
struct aio_wait_ {
    struct aio_coro aio;
    union {
        struct aio_nothing_ result;         /* as AIO_FRAME(void) */
        struct { int fd; uint32_t generation; } at;
    } u;
};

static inline struct aio_coro *aio_wait_end_(struct aio_coro *c, int error)
{
    c->error = error;
    return c;
}

static AIO_NOINLINE_ struct aio_coro *aio_wait_slowly_(struct aio_wait_ *wait, struct aio_coro *ret, unsigned want)
{
    struct aio_coro *c = &wait->aio;
    struct aio_loop *loop = aio_thread_.loop;
    struct aio_fd *entry;
    int fd = wait->u.at.fd, error = 0;
    if (c->pc == AIO_PC_FINALLY_)
        return c;
    if (c->pc == AIO_PC_END_) {
        entry = &loop->fds[fd];
        if (ret->error || entry->generation != wait->u.at.generation)
            return aio_wait_end_(c, ret->error ? ret->error : AIO_EBADF);
    } else {
        entry = aio_fd_find_(loop, fd, &error);
        if (!entry || aio_fd_waiter_(entry, want))
            return aio_wait_end_(c, entry ? AIO_EBUSY : error);
        if (!(entry->drained & want)) {
            if (!aio_io_would_block_(fd, want))
                return c;
            entry->drained |= (uint8_t)want;
        }
        wait->u.at.generation = entry->generation;
        c->pc = AIO_PC_END_;
    }
    if (!(entry->drained & want))
        return c;
    error = aio_park_fd(c, fd, want);
    if (error == 0)
        return NULL;
    entry->drained &= (uint8_t)~want;               /* the poller will not tell; or AIO_ALWAYS_READY */
    return aio_wait_end_(c, error < 0 ? error : 0);
}

/* The short way, as that of aio_recv_body_: begins to wait, and is woken. */
static AIO_INLINE_ struct aio_coro *aio_wait_step_(struct aio_coro *c, struct aio_coro *ret, unsigned want)
{
    struct aio_wait_ *wait = (struct aio_wait_ *)(void *)c;
    struct aio_loop *loop = aio_thread_.loop;
    int fd = wait->u.at.fd;
    const struct aio_fd *entry;
    if (c->pc == AIO_PC_END_ && !ret->error) {
        entry = &loop->fds[fd];
        if (aio_likely_(entry->generation == wait->u.at.generation) && aio_likely_(!(entry->drained & want)))
            return aio_likely_(!(c->flags & AIO_F_ROOT_)) ? aio_io_go_up_(c->up.caller, c) : c;
    } else if (c->pc == AIO_PC_START_ && aio_fd_is_known_(loop, fd)) {
        entry = &loop->fds[fd];
        if (aio_fd_is_idle_(entry, want)) {
            c->pc = AIO_PC_END_;
            wait->u.at.generation = entry->generation;
            return aio_park_unwatched_(loop, c, fd, want) ? aio_wait_end_(c, AIO_ECANCELED) : NULL;
        }
    }
    return aio_wait_slowly_(wait, ret, want);
}

static struct aio_coro *aio_readable_body_(struct aio_coro *c, struct aio_coro *ret)
{
    return aio_wait_step_(c, ret, AIO_READABLE);
}

static struct aio_coro *aio_writable_body_(struct aio_coro *c, struct aio_coro *ret)
{
    return aio_wait_step_(c, ret, AIO_WRITABLE);
}

static inline struct aio_void *aio_wait_new_(const struct aio_type *type, int fd)
{
    struct aio_wait_ *wait = (struct aio_wait_ *)(void *)aio_io_frame_(type, sizeof *wait);
    if (wait)
        wait->u.at.fd = fd;
    return (struct aio_void *)(void *)wait;
}

AIO_API_ struct aio_void *aio_readable(int fd)
{
    static const struct aio_type type =
        { aio_readable_body_, AIO_NAMED_("aio_readable", NULL) AIO_SIZE_(struct aio_wait_) };
    return aio_wait_new_(&type, fd);
}

AIO_API_ struct aio_void *aio_writable(int fd)
{
    static const struct aio_type type =
        { aio_writable_body_, AIO_NAMED_("aio_writable", NULL) AIO_SIZE_(struct aio_wait_) };
    return aio_wait_new_(&type, fd);
}

static inline ptrdiff_t aio_io_nowait_(int fd, char *buffer, size_t size, unsigned want)
{
    struct aio_loop *loop = aio_thread_.loop;
    struct aio_fd *entry;
    int error = AIO_EPERM;
    ssize_t n;
    entry = loop ? aio_fd_find_(loop, fd, &error) : NULL;
    if (aio_unlikely_(!entry))
        return error;
    if (aio_unlikely_((ptrdiff_t)size <= 0))
        return size ? AIO_EINVAL : 0;
    entry->drained &= (uint8_t)~want;               /* who asks here wants to know */
    do
        n = aio_io_try_(fd, entry, want, buffer, size);
    while (aio_unlikely_(n < 0) && errno == EINTR);
    if (aio_unlikely_(aio_fd_waiter_(entry, want)))
        entry->drained |= (uint8_t)want;            /* an event will tell: until then nobody is to pass the waiter */
    return aio_likely_(n >= 0) ? n : aio_errno_(errno);
}

AIO_API_ ptrdiff_t aio_recv_nowait(int fd, void *buffer, size_t size)
{
    return aio_io_nowait_(fd, (char *)buffer, size, AIO_READABLE);
}

AIO_API_ ptrdiff_t aio_send_nowait(int fd, const void *buffer, size_t size)
{
    return aio_io_nowait_(fd, (char *)(uintptr_t)buffer, size, AIO_WRITABLE);
}

/* -------------------------------------------------------------------------------- listen */

struct aio_listen_ {
    AIO_FRAME(int);
    struct aio_address_ address;
    struct aio_listen_options options;
    int refused;                        /* why the address is none */
};

static int aio_listen_now_(const struct aio_listen_ *listener)
{
    const struct aio_listen_options *options = &listener->options;
    int fd = aio_socket_(listener->address.u.any.sa_family), on = 1, error;
    if (fd < 0)
        return fd;
    if ((!options->no_reuse_address && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) ||
#ifdef SO_REUSEPORT
        (options->reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) ||
#endif
        (options->ipv6_only && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
        bind(fd, &listener->address.u.any, listener->address.size) < 0 ||
        listen(fd, options->backlog ? options->backlog : SOMAXCONN) < 0) {
        error = aio_errno_(errno);
        aio_close(fd);
        return error;
    }
    return fd;
}

static AIO_CORO(aio_listen_)
{
    int fd;
    AIO_BEGIN;
    fd = self->refused ? self->refused : aio_listen_now_(self);
    if (fd < 0)
        AIO_RAISE(fd);
    AIO_RETURN(fd);
    AIO_END;
}

AIO_API_ struct aio_int *aio_listen_with(const char *host, uint16_t port, const struct aio_listen_options *options)
{
    struct aio_listen_ *listener = aio_new(aio_listen_, .refused = 0);
    if (listener) {
        listener->refused = aio_address_ip_(&listener->address, host, port);
        if (options)
            listener->options = *options;
    }
    return (struct aio_int *)(void *)listener;
}

AIO_API_ struct aio_int *aio_listen(const char *host, uint16_t port) { return aio_listen_with(host, port, NULL); }

AIO_API_ struct aio_int *aio_listen_unix(const char *path)
{
    struct aio_listen_ *listener = aio_new(aio_listen_, .refused = 0);
    if (listener) {
        listener->refused = aio_address_unix_(&listener->address, path);
        listener->options.no_reuse_address = true;
    }
    return (struct aio_int *)(void *)listener;
}

/* -------------------------------------------------------------------------------- accept */

struct aio_accept_ {
    AIO_FRAME(int);
    int fd;
    uint32_t generation;
    bool told;                          /* the error handler knows that we are out of descriptors */
    struct aio_callback again;          /* wakes us to try again */
};

#define AIO_ACCEPT_AGAIN_ AIO_MS(100)

static void aio_accept_again_(struct aio_callback *callback)
{
    struct aio_accept_ *op = AIO_CONTAINER_(callback, struct aio_accept_, again);
    aio_loop_fd_ready(callback->loop, op->fd, AIO_READABLE, false);
}

/* Of one that does not listen, poll(2) says that nothing has come. */
static int aio_accept_would_block_(int fd)
{
    int listens = 0;
    socklen_t size = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && !listens)
        return AIO_EINVAL;
    return aio_io_would_block_(fd, AIO_READABLE) ? AIO_EAGAIN : 0;
}

static int aio_accept_now_(int fd, int kind)
{
    if (kind == AIO_FD_STREAM_BLOCKING_ || kind == AIO_FD_MESSAGE_) {
        int error = aio_accept_would_block_(fd);
        if (error)
            return error;
    }
    if (kind == AIO_FD_STREAM_BLOCKING_)
        kind = AIO_FD_STREAM_;
#if defined __linux__ && defined SOCK_NONBLOCK
    return aio_fd_adopt_(accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), true, kind);
#else
    return aio_fd_adopt_(accept(fd, NULL, NULL), false, kind);
#endif
}

/* Errors of a connection that was gone before we took it: the next one may be fine (accept(2)). */
static bool aio_accept_next_(int error)
{
    return error == -EINTR || error == AIO_ECONNABORTED || error == -EPROTO || error == -ENETDOWN ||
           error == -EHOSTDOWN || error == AIO_EHOSTUNREACH || error == AIO_ENETUNREACH;
}

static bool aio_accept_exhausted_(int error)
{
    return error == AIO_EMFILE || error == AIO_ENFILE || error == AIO_ENOMEM || error == -ENOBUFS;
}

static int aio_accept_wait_for_descriptors_(struct aio_accept_ *op, struct aio_loop *loop, int error)
{
    struct aio_report report;
    if (!op->told) {
        memset(&report, 0, sizeof report);
        report.message = "cannot accept for now, and tries again";
        report.name = "aio_accept";
        report.error = error;
        aio_loop_report(loop, &report);
        op->told = true;
    }
    op->again.fn = aio_accept_again_;
    return aio_loop_call_later(loop, &op->again, AIO_ACCEPT_AGAIN_);
}

/* Is it waiting for the time to try again? */
static bool aio_accept_pauses_(const struct aio_accept_ *op) { return op->again.node.place != AIO_AT_NOTHING_; }

/* Parks it. While it pauses only the timer is to wake it: the poller would say at once that the listener can
   be read, again and again. */
static int aio_accept_park_(struct aio_accept_ *op, struct aio_loop *loop)
{
    if (!aio_accept_pauses_(op))
        return aio_park_fd(&op->aio, op->fd, AIO_READABLE);
    return aio_fd_waiter_(aio_loop_fd(loop, op->fd), AIO_READABLE) ? AIO_EBUSY :
        aio_park_unwatched_(loop, &op->aio, op->fd, AIO_READABLE);
}

/* One round: a descriptor, or an error; AIO_EAGAIN: wait. */
static int aio_accept_step_(struct aio_accept_ *op, struct aio_loop *loop, struct aio_fd *entry)
{
    int fd;
    do
        fd = aio_accept_now_(op->fd, entry->kind);
    while (aio_accept_next_(fd));
    if (aio_accept_exhausted_(fd)) {
        int error = aio_accept_wait_for_descriptors_(op, loop, fd);
        fd = error ? error : AIO_EAGAIN;
    }
    return fd;
}

static struct aio_coro *aio_accept_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_accept_ *op = (struct aio_accept_ *)(void *)c;
    struct aio_loop *loop = aio_thread_.loop;
    struct aio_fd *entry;
    int error = 0, fd;
    if (c->pc == AIO_PC_FINALLY_)
        return c;
    entry = aio_fd_find_(loop, op->fd, &error);
    if (c->pc == AIO_PC_START_ && entry) {
        op->generation = entry->generation;
        error = aio_fd_waiter_(entry, AIO_READABLE) ? AIO_EBUSY : 0;
    } else if (entry)
        error = ret->error ? ret->error : entry->generation != op->generation ? AIO_EBADF : 0;
    c->pc = AIO_PC_END_;
    for (c->error = error; !c->error;) {
        bool blocked = entry->drained & AIO_READABLE || aio_accept_pauses_(op);
        bool yield = !blocked && !aio_budget_take();
        fd = yield || blocked ? AIO_EAGAIN : aio_accept_step_(op, loop, entry);
        entry = aio_loop_fd(loop, op->fd);          /* the table may have grown */
        if (fd >= 0) {
            op->result = fd;
            return c;
        }
        if (fd != AIO_EAGAIN) {
            c->error = fd;
            break;
        }
        if (!yield)
            entry->drained |= AIO_READABLE;
        error = yield ? aio_park_yield(c) : aio_accept_park_(op, loop);
        if (error == 0)
            return NULL;
        entry->drained &= (uint8_t)~AIO_READABLE;   /* the poller will not tell */
        c->error = error < 0 ? error : AIO_EINVAL;  /* always ready: not a socket */
    }
    aio_callback_cancel(&op->again);
    return c;
}

static const struct aio_type aio_accept_type_ = { aio_accept_body_, AIO_NAMED_("aio_accept", NULL) AIO_SIZE_(struct aio_accept_) };

AIO_API_ struct aio_int *aio_accept(int fd)
{
    struct aio_accept_ *op = (struct aio_accept_ *)(void *)aio_frame_new(&aio_accept_type_, sizeof *op);
    if (op)
        op->fd = fd;
    return (struct aio_int *)(void *)op;
}

/* ------------------------------------------------------------------------------- connect */

struct aio_connect_ {
    AIO_FRAME(int);
    struct aio_address_ address;
    int refused, fd, error;
};

/* The outcome of a connect that went on in the background. */
static int aio_connect_outcome_(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    return error ? aio_errno_(error) : 0;
}

static AIO_CORO(aio_connect_)
{
    AIO_BEGIN;
    self->fd = self->refused ? self->refused : aio_socket_(self->address.u.any.sa_family);
    if (self->fd < 0)
        AIO_RAISE(self->fd);
    while (connect(self->fd, &self->address.u.any, self->address.size) < 0) {
        if (errno == EAGAIN) {                      /* a Unix-domain listener whose queue is full */
            AIO_AWAIT(aio_sleep(AIO_MS(5)));
            continue;
        }
        if (errno != EINPROGRESS && errno != EINTR)
            AIO_RAISE(aio_errno_(errno));
        AIO_AWAIT(aio_writable(self->fd));
        self->error = aio_connect_outcome_(self->fd);
        if (self->error)
            AIO_RAISE(self->error);
        break;
    }
    AIO_RETURN(self->fd);
    AIO_FINALLY;
    if (aio_coro_error(self))
        aio_close(self->fd);
    AIO_END;
}

static struct aio_int *aio_connect_start_(struct aio_connect_ *op, int refused)
{
    if (op)
        op->refused = refused;
    return (struct aio_int *)(void *)op;
}

AIO_API_ struct aio_int *aio_connect(const char *host, uint16_t port)
{
    struct aio_connect_ *op = aio_new(aio_connect_, .fd = 0);
    return aio_connect_start_(op, op ? aio_address_ip_(&op->address, host, port) : 0);
}

AIO_API_ struct aio_int *aio_connect_unix(const char *path)
{
    struct aio_connect_ *op = aio_new(aio_connect_, .fd = 0);
    return aio_connect_start_(op, op ? aio_address_unix_(&op->address, path) : 0);
}

#ifdef __cplusplus
}
#endif
#endif /* AIO_IMPLEMENTATION */
