/* net_floor.c - the floor for net.c: what would the same cost by hand? The same workloads (but idle), command
   line and output, in the least C that does the same job over bare epoll: no tasks, no cancellation,
   no errors but the one that closes the connection, no end but that of SIGTERM.

   System calls are as few as epoll can do with: a connection is registered once, edge-triggered, for
   both directions, and a short read is taken as the end of what there is, unless the peer has closed
   (EPOLLRDHUP). make build/bench/net_floor; by hand:

       cc -O2 bench/net_floor.c -o net_floor && ./net_floor echo 7000 */
#include "net.h"
#include <arpa/inet.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256 };                  /* taken at a time */
enum { GONE = EPOLLRDHUP | EPOLLHUP | EPOLLERR };

static void check(bool fine, const char *what)
{
    if (!fine) {
        perror(what);
        exit(1);
    }
}

static struct sockaddr_in loopback(long port)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int watch(int ep, int fd, uint32_t events, void *data)
{
    struct epoll_event event;
    event.events = events;
    event.data.ptr = data;
    return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
}

/* -------------------------------------------------------------------------- echo and http */

struct connection {
    int fd;
    bool last;                          /* close it when the answer is out */
    size_t used;                        /* of the buffer, by a head that is not complete */
    const char *rest;                   /* what there was no room for when it was sent */
    size_t size;
    char buffer[NET_BUFFER];
};

/* What there was no room for waits until an event says that there is some. False: it is over. */
static bool put_off(struct connection *c, const char *text, size_t size, ssize_t sent)
{
    if (sent < 0 && errno != EAGAIN)
        return false;
    c->rest = text + (sent > 0 ? sent : 0);
    c->size = size - (size_t)(sent > 0 ? sent : 0);
    return true;
}

static inline bool put(struct connection *c, const char *text, size_t size)
{
    ssize_t n = send(c->fd, text, size, MSG_NOSIGNAL);
    c->size = 0;
    return n == (ssize_t)size || put_off(c, text, size, n);
}

/* An event tells all that is the case, not only what is new: nothing has to be remembered from one to the
   next, but what was put off. Both return false when the connection is to be closed. */
static bool echo(struct connection *c, uint32_t events)
{
    bool more = events & (EPOLLIN | GONE);
    if (c->size && !put(c, c->rest, c->size))
        return false;
    while (more && !c->size) {
        ssize_t n = recv(c->fd, c->buffer, sizeof c->buffer, 0);
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        if (!put(c, c->buffer, (size_t)n))
            return false;
        more = n == sizeof c->buffer || events & GONE;
    }
    return true;
}

static bool http(struct connection *c, uint32_t events)
{
    bool more = events & (EPOLLIN | GONE);
    if (c->size && !put(c, c->rest, c->size))
        return false;
    while (more && !c->size && !c->last) {
        size_t room = sizeof c->buffer - c->used;
        ssize_t n = recv(c->fd, c->buffer + c->used, room, 0);
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        c->used += (size_t)n;
        if (net_head_ends(c->buffer, c->used, &c->last)) {
            c->used = 0;
            if (!put(c, net_answer, sizeof net_answer - 1))
                return false;
        }
        more = (size_t)n == room || events & GONE;
    }
    return c->size || !c->last;
}

static void accept_one(int ep, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    struct connection *c;
    if (fd < 0)
        return;
    c = (struct connection *)malloc(sizeof *c);
    if (c)
        memset(c, 0, offsetof(struct connection, buffer));
    if (!c || watch(ep, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, c) < 0) {
        close(fd);
        free(c);
        return;
    }
    c->fd = fd;
}

static int listen_on(long port)
{
    struct sockaddr_in address = loopback(port);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    check(bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, SOMAXCONN) == 0 &&
          getsockname(fd, (struct sockaddr *)&address, &size) == 0, "listen");
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void server(long port, bool (*serve)(struct connection *c, uint32_t events))
{
    struct epoll_event events[EVENTS];
    int listener = listen_on(port), ep = epoll_create1(0), n, i;
    check(ep >= 0 && watch(ep, listener, EPOLLIN, NULL) == 0, "epoll");
    for (;;) {
        n = epoll_wait(ep, events, EVENTS, -1);
        for (i = 0; i < n; i++) {
            struct connection *c = (struct connection *)events[i].data.ptr;
            if (!c) {
                accept_one(ep, listener);
                continue;
            }
            if (!serve(c, events[i].events)) {
                close(c->fd);
                free(c);
            }
        }
    }
}

/* ----------------------------------------------------------------------------------- ring */

struct pair { int in, out; };

/* A token is one byte, and a reader takes one at a time; so the events are level-triggered, and no read has
   to find out that there is nothing left. */
static void ring(long pairs, long active, long total)
{
    struct pair *all = (struct pair *)calloc((size_t)pairs, sizeof *all);
    struct epoll_event events[EVENTS];
    int ep = epoll_create1(0), n, i, fds[2];
    long left = total, k;
    double seconds;
    char token = 0;
    check(all && ep >= 0, "ring");
    for (k = 0; k < pairs; k++) {
        check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0, "socketpair");
        all[k].in = fds[0];
        all[(k + pairs - 1) % pairs].out = fds[1];
        check(watch(ep, fds[0], EPOLLIN, &all[k]) == 0, "epoll_ctl");
    }
    seconds = -net_seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (k = 0; k < active; k++)
        check(write(all[(k * pairs / active + pairs - 1) % pairs].out, &token, 1) == 1, "write");
    while (left > 0) {
        n = epoll_wait(ep, events, EVENTS, -1);
        for (i = 0; i < n && left > 0; i++) {
            const struct pair *pair = (const struct pair *)events[i].data.ptr;
            check(read(pair->in, &token, 1) == 1, "read");
            if (--left > 0)
                check(write(pair->out, &token, 1) == 1, "write");
        }
    }
    seconds += net_seconds(CLOCK_PROCESS_CPUTIME_ID);
    printf("ring floor %.1f ns\n", seconds / (double)total * 1e9);
    free(all);
}

/* ---------------------------------------------------------------------------------- crawl */

struct fetch { int fd; bool asked; size_t used; char text[512]; };

static void fetch_start(int ep, struct fetch *fetch, long port)
{
    struct sockaddr_in address = loopback(port);
    fetch->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    fetch->asked = false;
    fetch->used = 0;
    check(connect(fetch->fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS,
          "connect");
    check(watch(ep, fetch->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, fetch) == 0, "epoll_ctl");
}

/* True: the page is here. */
static bool fetch_step(struct fetch *fetch, uint32_t events, long page)
{
    ssize_t n;
    if (!fetch->asked) {
        char text[128];
        int size = net_ask(text, sizeof text, page);
        check(send(fetch->fd, text, (size_t)size, MSG_NOSIGNAL) == size, "send");
        fetch->asked = true;
    }
    if (!(events & (EPOLLIN | GONE)))
        return false;
    for (;;) {
        size_t room = sizeof fetch->text - fetch->used;
        n = recv(fetch->fd, fetch->text + fetch->used, room, 0);
        if (n <= 0) {
            check(n == 0 || errno == EAGAIN, "recv");
            return n == 0;
        }
        fetch->used += (size_t)n;
        if ((size_t)n < room && !(events & GONE))
            return false;
    }
}

static void crawl(long port, long pages, long limit)
{
    struct fetch *all = (struct fetch *)calloc((size_t)limit, sizeof *all);
    struct epoll_event events[EVENTS];
    int ep = epoll_create1(0), n, i;
    long started, asked = 0, here = 0;
    double seconds = -net_seconds(CLOCK_PROCESS_CPUTIME_ID);
    check(all && ep >= 0, "crawl");
    for (started = 0; started < limit && started < pages; started++)
        fetch_start(ep, &all[started], port);
    while (here < pages) {
        n = epoll_wait(ep, events, EVENTS, -1);
        for (i = 0; i < n; i++) {
            struct fetch *fetch = (struct fetch *)events[i].data.ptr;
            long page = fetch->asked ? 0 : asked++;
            if (!fetch_step(fetch, events[i].events, page))
                continue;
            close(fetch->fd);
            if (!net_answer_is_whole(fetch->text, fetch->used)) {
                fputs("crawl: not the page\n", stderr);
                exit(1);
            }
            here++;
            if (started < pages) {
                started++;
                fetch_start(ep, fetch, port);
            }
        }
    }
    seconds += net_seconds(CLOCK_PROCESS_CPUTIME_ID);
    printf("crawl floor %.2f us\n", seconds / (double)pages * 1e6);
    free(all);
}

/* ----------------------------------------------------------------------------------- main */

int main(int argc, char **argv)
{
    struct net_request request;
    const long *argument = request.argument;
    if (!net_parse(argc, argv, &request) || strcmp(request.workload, "idle") == 0)
        return net_usage();
    net_raise_limit();
    if (strcmp(request.workload, "ring") == 0)
        ring(argument[0], argument[1], argument[2]);
    else if (strcmp(request.workload, "crawl") == 0)
        crawl(argument[0], argument[1], argument[2]);
    else
        server(argument[0], strcmp(request.workload, "http") == 0 ? http : echo);
    return 0;
}
