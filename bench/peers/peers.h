/* peers.h - what the peers in C and C++ share: the command line, the clock, the line of output, and the few
   parts of the workloads that have nothing to do with the library under test.

   A peer defines PEER (its name), includes this, and hands peer_main() a table of the workloads that it has:

       PROGRAM WORKLOAD ARGUMENTS...     prints `WORKLOAD NAME VALUE UNIT`; exit status 2: not understood, or
   not offered; 1: the workload itself went wrong

   Times are CPU time of the process, all threads. C11 or C++20, Linux. */
#ifndef PEERS_H_INCLUDED
#define PEERS_H_INCLUDED

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A failed check ends the program: a figure of a workload that went wrong is worth nothing. */
static inline void require(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, PEER ": %s\n", what);
    exit(1);
}

/* -------------------------------------------------------------------------------- the clock */

static inline double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double stopwatch; /* CPU seconds between the last start and stop */

static inline void stopwatch_start(void) { stopwatch = -seconds_of(CLOCK_PROCESS_CPUTIME_ID); }
static inline void stopwatch_stop(void) { stopwatch += seconds_of(CLOCK_PROCESS_CPUTIME_ID); }

/* Bytes of memory that are resident now. */
static inline double resident_bytes(void)
{
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    require(file && fscanf(file, "%ld %ld", &size, &resident) == 2, "no /proc/self/statm");
    fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

/* ------------------------------------------------------------------------- the command line */

struct workload {
    const char *name;
    void (*run)(const long *arguments);
};

/* What a workload's time is divided by. */
enum per { PER_LAST, PER_PRODUCT, PER_PAGE, PRINTS_ITSELF };

struct known_workload {
    const char *name, *words;
    int arguments;
    long least; /* of the first argument: how much is pending may be nothing, and a port any */
    enum per per;
    int warms_up; /* first with a tenth of the last argument */
};

static const struct known_workload known_workloads[] = {
    {"yield", "TASKS YIELDS", 2, 1, PER_PRODUCT, 1},
    {"spawn_join", "N", 1, 1, PER_LAST, 1},
    {"call", "N", 1, 1, PER_LAST, 1},
    {"deep", "DEPTH YIELDS", 2, 1, PER_LAST, 1},
    {"chan", "N", 1, 1, PER_LAST, 1},
    {"handover", "N", 1, 1, PER_LAST, 1},
    {"gather", "MEMBERS N", 2, 1, PER_PRODUCT, 1},
    {"sleepers", "N MS", 2, 1, PRINTS_ITSELF, 0},
    {"timeout_cancel", "PENDING N", 2, 0, PER_LAST, 1},
    {"timeout_expire", "PENDING N", 2, 0, PER_LAST, 1},
    {"post", "N", 1, 1, PER_LAST, 1},
    {"ring", "PAIRS ACTIVE EVENTS", 3, 1, PER_LAST, 1},
    {"crawl", "PORT PAGES LIMIT", 3, 1, PER_PAGE, 0},
    {"echo", "PORT", 1, 0, PRINTS_ITSELF, 0},
    {"http", "PORT", 1, 0, PRINTS_ITSELF, 0},
};

static inline const struct known_workload *known_workload(const char *name)
{
    size_t i;
    for (i = 0; i < sizeof known_workloads / sizeof *known_workloads; i++)
        if (strcmp(known_workloads[i].name, name) == 0)
            return &known_workloads[i];
    return NULL;
}

static inline int parse_number(const char *text, long least, long *number)
{
    char *end;
    errno = 0;
    *number = strtol(text, &end, 10);
    return end != text && !*end && !errno && *number >= least && *number <= 2000000000;
}

static inline int peer_usage(const struct workload *workloads)
{
    fputs("usage, one of:\n", stderr);
    for (; workloads->name; workloads++)
        fprintf(stderr, "    " PEER " %s %s\n", workloads->name, known_workload(workloads->name)->words);
    return 2;
}

static inline void print_time(const struct known_workload *known, const long *arguments)
{
    double last = (double)arguments[known->arguments - 1];
    switch (known->per) {
    case PER_LAST:
        printf("%s " PEER " %.2f ns\n", known->name, stopwatch / last * 1e9);
        break;
    case PER_PRODUCT:
        printf("%s " PEER " %.2f ns\n", known->name, stopwatch / last / (double)arguments[0] * 1e9);
        break;
    case PER_PAGE:
        printf("%s " PEER " %.2f us\n", known->name, stopwatch / (double)arguments[1] * 1e6);
        break;
    case PRINTS_ITSELF:
        break;
    }
}

/* The table ends with a NULL name. */
static inline int peer_main(int argc, char **argv, const struct workload *workloads)
{
    const struct workload *chosen = workloads;
    const struct known_workload *known;
    long arguments[3], warm[3];
    struct rlimit limit;
    int i;
    while (chosen->name && (argc < 2 || strcmp(chosen->name, argv[1]) != 0))
        chosen++;
    known = chosen->name ? known_workload(chosen->name) : NULL;
    if (!known || argc != 2 + known->arguments)
        return peer_usage(workloads);
    for (i = 0; i < known->arguments; i++)
        if (!parse_number(argv[2 + i], i ? 1 : known->least, &arguments[i]))
            return peer_usage(workloads);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) { /* thousands of sockets */
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    signal(SIGPIPE, SIG_IGN);
    if (known->warms_up) {
        memcpy(warm, arguments, sizeof warm);
        warm[known->arguments - 1] = warm[known->arguments - 1] / 10 + 1;
        chosen->run(warm);
    }
    chosen->run(arguments);
    print_time(known, arguments);
    return 0;
}

/* --------------------------------------------------------------------------------- sleepers */

struct audience {
    long tasks, ms, awake;
    double bytes, began;
};

/* How long task number i sleeps. */
static inline double sleep_ms(const struct audience *audience, long i)
{
    return (double)audience->ms + (double)audience->ms * (double)i / (double)audience->tasks;
}

static inline void audience_enters(struct audience *audience)
{
    resident_bytes(); /* its own memory does not count */
    audience->bytes = -resident_bytes();
    audience->began = seconds_of(CLOCK_MONOTONIC);
    stopwatch_start();
}

static inline void audience_sleeps(struct audience *audience) { audience->bytes += resident_bytes(); }

/* Libraries with a coarse clock, or one that they look at once a turn, may be up to a tick early. */
static inline void audience_leaves(const struct audience *audience)
{
    double took = seconds_of(CLOCK_MONOTONIC) - audience->began;
    stopwatch_stop();
    require(audience->awake == audience->tasks, "somebody overslept");
    require(took * 1e3 + 10 >= sleep_ms(audience, audience->tasks - 1), "somebody woke early");
    printf("sleepers " PEER " %.1f bytes\n", audience->bytes / (double)audience->tasks);
    printf("sleepers " PEER " %.4f s\n", stopwatch);
}

/* ------------------------------------------------------------------------------------- post */

/* The poster never has more than OUTSTANDING calls under way, and waits for room without spinning: each half
   that was counted is given back in one piece, so keeping the bound costs next to nothing. */
enum { OUTSTANDING = 1024, HALF = OUTSTANDING / 2 };

struct posting {
    long n, counted;
    sem_t room;           /* in halves */
    void (*post)(void *); /* hands posting_count(posting) to the loop */
    pthread_t thread;
};

static inline void *posting_thread(void *argument)
{
    struct posting *posting = (struct posting *)argument;
    long i;
    for (i = 0; i < posting->n; i++) {
        if (i % HALF == 0)
            while (sem_wait(&posting->room) < 0)
                ;
        posting->post(posting);
    }
    return NULL;
}

static inline void posting_start(struct posting *posting)
{
    sem_init(&posting->room, 0, 2);
    stopwatch_start();
    require(pthread_create(&posting->thread, NULL, posting_thread, posting) == 0, "no thread");
}

/* What is posted. 1: that was the last. */
static inline int posting_count(struct posting *posting)
{
    if (++posting->counted % HALF == 0)
        sem_post(&posting->room);
    return posting->counted == posting->n;
}

static inline void posting_end(struct posting *posting)
{
    pthread_join(posting->thread, NULL);
    stopwatch_stop();
    require(posting->counted == posting->n, "posts were lost");
    sem_destroy(&posting->room);
}

/* For libraries that can be woken from another thread but carry nothing: calls to be made by the loop, in two
   halves that are swapped, so the lock is held for a moment only. */
struct letter {
    void (*call)(void *);
    void *argument;
};

struct mailbox {
    pthread_mutex_t lock;
    int filling;
    size_t count;
    struct letter letters[2][OUTSTANDING];
};

static inline void mailbox_init(struct mailbox *mailbox)
{
    pthread_mutex_init(&mailbox->lock, NULL);
    mailbox->filling = 0;
    mailbox->count = 0;
}

/* 1: it was empty, so the loop has to be woken. */
static inline int mailbox_put(struct mailbox *mailbox, void (*call)(void *), void *argument)
{
    struct letter letter = {call, argument};
    int empty;
    pthread_mutex_lock(&mailbox->lock);
    empty = mailbox->count == 0;
    mailbox->letters[mailbox->filling][mailbox->count++] = letter;
    pthread_mutex_unlock(&mailbox->lock);
    return empty;
}

/* Makes the calls that are in it now. */
static inline void mailbox_run(struct mailbox *mailbox)
{
    struct letter *letters;
    size_t count, i;
    pthread_mutex_lock(&mailbox->lock);
    letters = mailbox->letters[mailbox->filling];
    count = mailbox->count;
    mailbox->filling = !mailbox->filling;
    mailbox->count = 0;
    pthread_mutex_unlock(&mailbox->lock);
    for (i = 0; i < count; i++)
        letters[i].call(letters[i].argument);
}

/* ------------------------------------------------------------------------------- the servers */

static const char HTTP_ANSWER[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!";

/* What a server knows of one connection, whoever reads and writes: received bytes go to buffer + used, then
   talk_received() says what is to be sent: `left` bytes from `out`. The buffer stays last, so that an idle
   connection touches only its first page. */
struct talk {
    size_t used, left;
    const char *out;
    int http, closing; /* closing: after what is to be sent */
    char buffer[16384];
};

static inline void talk_init(struct talk *talk, int http)
{
    talk->used = talk->left = 0;
    talk->out = NULL;
    talk->http = http;
    talk->closing = 0;
}

/* Is there a whole head, up to its blank line? Notes whether it asks to close. */
static inline int talk_has_head(struct talk *talk)
{
    static const char CLOSE[] = "Connection: close";
    const char *line = talk->buffer, *end = talk->buffer + talk->used, *feed;
    for (; (feed = (const char *)memchr(line, '\n', (size_t)(end - line))) != NULL; line = feed + 1) {
        if (feed == line + 1 && *line == '\r')
            return 1;
        if ((size_t)(feed - line) >= sizeof CLOSE - 1 && strncasecmp(line, CLOSE, sizeof CLOSE - 1) == 0)
            talk->closing = 1;
    }
    return 0;
}

static inline void talk_received(struct talk *talk, size_t n)
{
    if (!talk->http) {
        talk->out = talk->buffer;
        talk->left = n;
        return;
    }
    talk->used += n;
    talk->left = 0;
    if (talk_has_head(talk)) {
        talk->used = 0;
        talk->out = HTTP_ANSWER;
        talk->left = sizeof HTTP_ANSWER - 1;
    } else if (talk->used == sizeof talk->buffer) {
        talk->closing = 1; /* no head is so long */
    }
}

/* n: what send() gave. */
static inline void talk_sent(struct talk *talk, ssize_t n)
{
    if (n > 0) {
        talk->out += n;
        talk->left -= (size_t)n;
    }
}

static inline struct sockaddr_in loopback(long port)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static inline void print_port(int listener)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    require(getsockname(listener, (struct sockaddr *)&address, &size) == 0, "getsockname");
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
}

/* A non-blocking listening socket, for libraries that leave this to their users. */
static inline int listen_on(long port)
{
    struct sockaddr_in address = loopback(port);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    require(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, SOMAXCONN) == 0,
            "cannot listen");
    return fd;
}

/* ------------------------------------------------------------------------------------- crawl */

static inline size_t print_request(char *buffer, size_t size, long page)
{
    return (size_t)snprintf(buffer, size, "GET /%ld HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                            page);
}

/* Is this a whole answer with the body that was promised? */
static inline int page_is_right(const char *answer, size_t size)
{
    const char *body = (const char *)memmem(answer, size, "\r\n\r\n", 4);
    return body && size - (size_t)(body + 4 - answer) == 13 && memcmp(body + 4, "Hello, world!", 13) == 0;
}

/* -------------------------------------------------------------------------------------- ring */

/* Socket pairs in a circle: what is written to `in` of one is read from `out`. */
struct pipes {
    long pairs, active, events, seen;
    int (*fds)[2]; /* out, in */
};

static inline void pipes_open(struct pipes *pipes, const long *arguments)
{
    long i;
    pipes->pairs = arguments[0];
    pipes->active = arguments[1] < arguments[0] ? arguments[1] : arguments[0];
    pipes->events = arguments[2];
    pipes->seen = 0;
    pipes->fds = (int(*)[2])calloc((size_t)pipes->pairs, sizeof *pipes->fds);
    require(pipes->fds != NULL, "out of memory");
    for (i = 0; i < pipes->pairs; i++)
        require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pipes->fds[i]) == 0,
                "socketpair");
}

static inline int pipes_next(const struct pipes *pipes, long i)
{
    return pipes->fds[i + 1 < pipes->pairs ? i + 1 : 0][1];
}

static inline void pipes_start(struct pipes *pipes)
{
    long i;
    stopwatch_start();
    for (i = 0; i < pipes->active; i++)
        require(write(pipes->fds[i * pipes->pairs / pipes->active][1], "t", 1) == 1, "write");
}

/* For libraries that read themselves: hands on what was read, nearly always one token. 1: that was the last.
 */
static inline int pipes_pass(struct pipes *pipes, long i, const char *tokens, size_t n)
{
    if (pipes->seen + (long)n >= pipes->events) {
        pipes->seen = pipes->events;
        return 1;
    }
    pipes->seen += (long)n;
    require(write(pipes_next(pipes, i), tokens, n) == (ssize_t)n, "write");
    return 0;
}

/* For libraries that report readiness: reads one token and hands it on. 1: that was the last. */
static inline int pipes_turn(struct pipes *pipes, long i)
{
    char token;
    if (pipes->seen == pipes->events)
        return 1; /* the rest of the last batch */
    return read(pipes->fds[i][0], &token, 1) == 1 && pipes_pass(pipes, i, &token, 1);
}

static inline void pipes_close(struct pipes *pipes)
{
    long i;
    require(pipes->seen == pipes->events, "tokens were lost");
    for (i = 0; i < pipes->pairs; i++) {
        close(pipes->fds[i][0]);
        close(pipes->fds[i][1]);
    }
    free(pipes->fds);
}

#endif
