/* net.h - what the network programs share: arguments, the clock, descriptors enough, and as much of HTTP
   as the workloads need. None of it is what is measured, but for http_head_ends, which everybody in C
   calls alike. */
#ifndef BENCH_NET_H_INCLUDED
#define BENCH_NET_H_INCLUDED

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <time.h>

enum { NET_BUFFER = 16384 };            /* what a connection reads into */

static inline bool net_number(const char *text, long least, long most, long *number)
{
    char *end;
    *number = strtol(text, &end, 10);
    return end != text && !*end && *number >= least && *number <= most;
}

/* CPU time of a clock, in seconds. */
static inline double net_seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* As many descriptors as the system lets us have: 8000 connections are more than the usual 1024. */
static inline void net_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* ---------------------------------------------------------------------------------- HTTP */

#define NET_BODY "Hello, world!"
static const char net_answer[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\n" NET_BODY;

/* Has the head of the request come up to its blank line? If so, *last: the client wants it to be the
   last one. */
static inline bool net_head_ends(const char *head, size_t size, bool *last)
{
    const char *line = head, *end = head + size, *next;
    bool close_it = false;
    while (line < end && (next = (const char *)memchr(line, '\n', (size_t)(end - line))) != NULL) {
        if (*line == '\r' || *line == '\n') {
            *last = close_it;
            return true;
        }
        if ((*line | ' ') == 'c' && next - line > 17 && strncasecmp(line, "connection: close", 17) == 0)
            close_it = true;
        line = next + 1;
    }
    return false;
}

static inline int net_ask(char *text, size_t size, long page)
{
    return snprintf(text, size, "GET /%ld HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", page);
}

/* Is this an answer with all of its body? */
static inline bool net_answer_is_whole(const char *text, size_t size)
{
    const char *blank = (const char *)memmem(text, size, "\r\n\r\n", 4);
    size_t length = sizeof NET_BODY - 1;
    return blank && size >= 12 && memcmp(text, "HTTP/1.1 200", 12) == 0 &&
           (size_t)(text + size - (blank + 4)) == length && memcmp(blank + 4, NET_BODY, length) == 0;
}

/* --------------------------------------------------------------------------- command line */

/* WORKLOAD and up to three numbers. */
struct net_request { const char *workload; long argument[3]; };

static inline bool net_parse(int argc, char **argv, struct net_request *request)
{
    static const struct { const char *name; int arguments; long least[3], most[3]; } workloads[] = {
        { "echo", 1, { 0 }, { 65535 } },
        { "idle", 1, { 0 }, { 65535 } },
        { "http", 1, { 0 }, { 65535 } },
        { "ring", 3, { 2, 1, 1 }, { 1000000, 1000000, 2000000000 } },
        { "crawl", 3, { 1, 1, 1 }, { 65535, 2000000000, 1000000 } },
    };
    size_t i;
    int k;
    for (i = 0; argc > 1 && i < sizeof workloads / sizeof *workloads; i++) {
        if (strcmp(argv[1], workloads[i].name) != 0)
            continue;
        request->workload = workloads[i].name;
        for (k = 0; k < workloads[i].arguments && k + 2 < argc; k++)
            if (!net_number(argv[k + 2], workloads[i].least[k], workloads[i].most[k], &request->argument[k]))
                return false;
        return argc == k + 2 && k == workloads[i].arguments &&
               (strcmp(argv[1], "ring") != 0 || request->argument[1] <= request->argument[0]);
    }
    return false;
}

static inline int net_usage(void)
{
    fputs("usage: echo PORT | idle PORT | http PORT | ring PAIRS ACTIVE EVENTS | crawl PORT PAGES LIMIT\n",
          stderr);
    return 2;
}

#endif
