/* bench.h - what the C programs of the suite share: the command line, the clock, the lines of output.
   Times are CPU time of the process, all its threads, so that neighbours on the machine count for
   less. Define _GNU_SOURCE (or _POSIX_C_SOURCE 200112L) before anything is included. */
#ifndef BENCH_H_INCLUDED
#define BENCH_H_INCLUDED

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double stopwatch;            /* seconds between the last start and stop */

static inline double cpu_seconds(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static inline void stopwatch_start(void) { stopwatch = -cpu_seconds(); }
static inline void stopwatch_stop(void) { stopwatch += cpu_seconds(); }

/* Bytes of memory that are resident now; 0 where there is no /proc. */
static inline double resident_bytes(void)
{
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        return 0;
    if (fscanf(file, "%ld %ld", &size, &resident) != 2)
        resident = 0;
    fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

/* ------------------------------------------------------------------------------ command line */

/* The last argument of a workload is how often it is repeated. The one before it is how much is done
   in each repetition, or, where that is not counted, only a circumstance. */
struct workload { const char *name, *arguments; int count, counted; long least; };
static const struct workload workloads[] = {
    { "yield", "TASKS YIELDS", 2, 1, 1 },
    { "spawn_join", "N", 1, 0, 1 },
    { "spawn_batch", "TASKS ROUNDS", 2, 1, 1 },
    { "call", "N", 1, 0, 1 },
    { "deep", "DEPTH YIELDS", 2, 0, 1 },
    { "chan", "N", 1, 0, 1 },
    { "queue", "N", 1, 0, 1 },
    { "lock", "N", 1, 0, 1 },
    { "semaphore", "N", 1, 0, 1 },
    { "handover", "N", 1, 0, 1 },
    { "gather", "MEMBERS N", 2, 1, 1 },
    { "sleepers", "N MS", 2, 0, 1 },
    { "timeout_cancel", "PENDING N", 2, 0, 0 },
    { "timeout_expire", "PENDING N", 2, 0, 0 },
    { "post", "N", 1, 0, 1 },
};
enum { WORKLOADS = sizeof workloads / sizeof *workloads };

/* What a run is asked for. */
struct request { const char *workload; long amount, repeat; int counted; };

static inline int usage(void)
{
    size_t i;
    fputs("usage: one of\n", stderr);
    for (i = 0; i < WORKLOADS; i++)
        fprintf(stderr, "    %s %s\n", workloads[i].name, workloads[i].arguments);
    return 2;
}

static inline int parse_number(const char *text, long least, long *number)
{
    char *end;
    *number = strtol(text, &end, 10);
    return end != text && !*end && *number >= least && *number <= 2000000000;
}

/* 1: understood. */
static inline int parse_request(int argc, char **argv, struct request *request)
{
    size_t i;
    for (i = 0; argc > 1 && i < WORKLOADS; i++) {
        const struct workload *workload = &workloads[i];
        if (strcmp(argv[1], workload->name) != 0)
            continue;
        request->workload = workload->name;
        request->counted = workload->counted;
        request->amount = 1;
        return argc == 2 + workload->count &&
               (workload->count == 1 || parse_number(argv[2], workload->least, &request->amount)) &&
               parse_number(argv[argc - 1], 1, &request->repeat);
    }
    return 0;
}

static inline void print_time(const char *who, const struct request *request)
{
    double operations = (double)request->repeat * (request->counted ? (double)request->amount : 1);
    printf("%s %s %.2f ns\n", request->workload, who, stopwatch / operations * 1e9);
}

static inline void print_sleepers(const char *who, const struct request *request, double bytes)
{
    printf("sleepers %s %.1f bytes\n", who, bytes / (double)request->amount);
    printf("sleepers %s %.4f s\n", who, stopwatch);
}

/* ---------------------------------------------------------------------------------- room

   For post: at most ROOM posts are on their way. The poster asks before each; the loop tells after each,
   and every half of ROOM that it is through makes room for as many. So the poster sleeps when it is ahead, where
   to spin would count as CPU time, and all this costs a lock in 512 posts. */
enum { ROOM = 1024 };

static struct { pthread_mutex_t mutex; pthread_cond_t changed; int halves; } room =
    { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 };

static inline void room_open(void) { room.halves = 2; }

/* Before the i-th post, counted from 0. */
static inline void room_take(long i)
{
    if (i % (ROOM / 2) != 0)
        return;
    pthread_mutex_lock(&room.mutex);
    while (room.halves == 0)
        pthread_cond_wait(&room.changed, &room.mutex);
    room.halves--;
    pthread_mutex_unlock(&room.mutex);
}

/* After so many have arrived. */
static inline void room_give(long arrived)
{
    if (arrived % (ROOM / 2) != 0)
        return;
    pthread_mutex_lock(&room.mutex);
    room.halves++;
    pthread_cond_signal(&room.changed);
    pthread_mutex_unlock(&room.mutex);
}

#endif
