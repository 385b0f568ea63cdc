/* bench.h - what micro.c and floor.c share: the command line, the clock, the one line of output.
   Times are CPU time of the process, so that neighbours on the machine count for less. */
#ifndef BENCH_H_INCLUDED
#define BENCH_H_INCLUDED

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double stopwatch;            /* seconds between the last start and stop */

static double cpu_seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }
static void stopwatch_start(void) { stopwatch = -cpu_seconds(); }
static void stopwatch_stop(void) { stopwatch += cpu_seconds(); }

/* Bytes of memory that are resident now; 0 where there is no /proc. */
static double resident_bytes(void)
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

/* What a run is asked for. The last argument of a workload is how often it is repeated. */
struct request { const char *workload; long amount, repeat; };

static int usage(void)
{
    fputs("usage: yield TASKS YIELDS | spawn_join N | spawn_batch TASKS ROUNDS | deep DEPTH YIELDS |\n"
          "       call N | chan N | lock N | semaphore N | queue N | sleepers N MS | timeout_cancel PENDING N\n", stderr);
    return 2;
}

static int parse_number(const char *text, long least, long *number)
{
    char *end;
    *number = strtol(text, &end, 10);
    return end != text && !*end && *number >= least && *number <= 2000000000;
}

/* 1: understood. */
static int parse_request(int argc, char **argv, struct request *request)
{
    static const struct { const char *name; int arguments; long least; } workloads[] = {
        { "yield", 2, 1 }, { "spawn_join", 1, 1 }, { "spawn_batch", 2, 1 }, { "deep", 2, 1 },
        { "call", 1, 1 }, { "chan", 1, 1 }, { "lock", 1, 1 }, { "semaphore", 1, 1 }, { "queue", 1, 1 },
        { "sleepers", 2, 0 }, { "timeout_cancel", 2, 0 },
    };
    size_t i;
    for (i = 0; argc > 1 && i < sizeof workloads / sizeof *workloads; i++) {
        if (strcmp(argv[1], workloads[i].name) != 0)
            continue;
        request->workload = workloads[i].name;
        request->amount = 1;
        return argc == 2 + workloads[i].arguments &&
               (argc == 3 || parse_number(argv[2], workloads[i].least, &request->amount)) &&
               parse_number(argv[argc - 1], 1, &request->repeat);
    }
    return 0;
}

/* yield and spawn_batch do the amount in each repetition; to the others it is a circumstance. */
static void print_time(const char *who, const struct request *request)
{
    int counts = strcmp(request->workload, "yield") == 0 || strcmp(request->workload, "spawn_batch") == 0;
    double operations = (double)request->repeat * (counts ? (double)request->amount : 1);
    printf("%s %s %.2f ns\n", request->workload, who, stopwatch / operations * 1e9);
}

static void print_sleepers(const char *who, const struct request *request, double bytes)
{
    printf("sleepers %s %.1f bytes\n", who, request->amount ? bytes / (double)request->amount : 0);
    printf("sleepers %s %.4f s\n", who, stopwatch);
}

#endif
