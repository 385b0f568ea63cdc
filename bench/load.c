/* load.c - the client of the servers of the suite, and what a request costs them:

       load echo PORT PID CONNECTIONS REQUESTS SIZE    us of the server's CPU per request
       load churn PORT PID N                           us of its CPU per connection: connect, send and get
                                                       back 64 bytes, close, one after the other
       load idle PORT PID N                            bytes of its memory per idle connection, which has
                                                       sent and got back one byte

   prints one line, `echo 4.512 us`. PID is the server's process: CPU time, user and system, of all its
   threads (clock_getcpuclockid), and resident memory as /proc tells. One process that blocks: echo goes
   in rounds, in each of which it writes a request to every connection and then reads every answer;
   REQUESTS are rounded up to whole rounds. Before it measures, each connection has one exchange, and then
   all of them one round (churn: 100 connections). Client and server on one core (taskset -c 0) give
   figures that repeat. make build/bench/load; by hand: cc -O2 bench/load.c -o load */
#include "net.h"
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE = 30 };                 /* seconds to wait for the server, which may run under valgrind */
enum { CHURN_SIZE = 64, CHURN_WARM_UP = 100 };

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void *memory(size_t size)
{
    void *block = calloc(1, size);
    if (!block)
        fail("calloc");
    return block;
}

/* Tries again where the system is short of ports for a moment, or the server not quite there. */
static int connect_to(long port)
{
    struct sockaddr_in address;
    struct timeval patience = { PATIENCE, 0 };
    int fd, tries;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (tries = 0; tries < 250; tries++) {
        fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0)
            fail("socket");
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
            return fd;
        if (errno != EADDRNOTAVAIL && errno != ECONNREFUSED)
            break;
        close(fd);
        usleep(20000);
    }
    fail("connect");
}

static void put(int fd, const char *buffer, size_t size)
{
    while (size) {
        ssize_t n = send(fd, buffer, size, MSG_NOSIGNAL);
        if (n < 0)
            fail("send");
        buffer += n;
        size -= (size_t)n;
    }
}

static void get(int fd, char *buffer, size_t size)
{
    while (size) {
        ssize_t n = recv(fd, buffer, size, 0);
        if (n < 0)
            fail("recv");
        if (n == 0) {
            fputs("recv: the server has closed the connection\n", stderr);
            exit(1);
        }
        buffer += n;
        size -= (size_t)n;
    }
}

static void check_echo(const char *out, const char *in, size_t size)
{
    if (memcmp(out, in, size) != 0) {
        fputs("recv: not what was sent\n", stderr);
        exit(1);
    }
}

static void exchange(int fd, const char *out, char *in, size_t size)
{
    put(fd, out, size);
    get(fd, in, size);
    check_echo(out, in, size);
}

/* ----------------------------------------------------------------------------------- echo */

struct load { long port, pid, connections, requests, size; clockid_t clock; };

static void round_of(const int *fds, long connections, const char *out, char *in, size_t size)
{
    long i;
    for (i = 0; i < connections; i++)
        put(fds[i], out, size);
    for (i = 0; i < connections; i++)
        get(fds[i], in, size);
}

/* Each connection has its exchange before the next one is made: no queue of the listener's can run over. */
static int *connect_all(const struct load *load, const char *out, char *in, size_t size)
{
    int *fds = (int *)memory((size_t)load->connections * sizeof *fds);
    long i;
    for (i = 0; i < load->connections; i++) {
        fds[i] = connect_to(load->port);
        exchange(fds[i], out, in, size);
    }
    return fds;
}

static void echo(const struct load *load)
{
    size_t size = (size_t)load->size;
    char *out = (char *)memory(size), *in = (char *)memory(size);
    double seconds;
    long done;
    int *fds;
    memset(out, 'x', size);
    fds = connect_all(load, out, in, size);
    round_of(fds, load->connections, out, in, size);
    seconds = -net_seconds(load->clock);
    for (done = 0; done < load->requests; done += load->connections)
        round_of(fds, load->connections, out, in, size);
    seconds += net_seconds(load->clock);
    check_echo(out, in, size);
    printf("echo %.3f us\n", seconds / (double)done * 1e6);
}

/* ---------------------------------------------------------------------------------- churn */

static void churn_once(long port)
{
    char out[CHURN_SIZE], in[CHURN_SIZE];
    int fd = connect_to(port);
    memset(out, 'x', sizeof out);
    exchange(fd, out, in, sizeof out);
    close(fd);
}

static void churn(const struct load *load)
{
    double seconds;
    long i;
    for (i = 0; i < CHURN_WARM_UP; i++)
        churn_once(load->port);
    seconds = -net_seconds(load->clock);
    for (i = 0; i < load->connections; i++)
        churn_once(load->port);
    seconds += net_seconds(load->clock);
    printf("churn %.3f us\n", seconds / (double)load->connections * 1e6);
}

/* ----------------------------------------------------------------------------------- idle */

/* Resident memory in bytes. smaps_rollup counts the pages; statm, where it is all there is, lags behind. */
static double resident(long pid)
{
    char path[64], line[128];
    long pages;
    double bytes = -1;
    FILE *file;
    snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", pid);
    file = fopen(path, "r");
    while (file && bytes < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, "Rss:", 4) == 0)
            bytes = strtod(line + 4, NULL) * 1024;
    if (file)
        fclose(file);
    if (bytes >= 0)
        return bytes;
    snprintf(path, sizeof path, "/proc/%ld/statm", pid);
    file = fopen(path, "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1)
        fail(path);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void idle(const struct load *load)
{
    double bytes = resident(load->pid);
    char in;
    connect_all(load, "x", &in, 1);
    bytes = resident(load->pid) - bytes;
    printf("idle %.1f bytes\n", bytes / (double)load->connections);
}

/* ----------------------------------------------------------------------------------- main */

static int usage(void)
{
    fputs("usage: echo PORT PID CONNECTIONS REQUESTS SIZE | churn PORT PID N | idle PORT PID N\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    struct load load = { 0, 0, 0, 0, 0, CLOCK_MONOTONIC };
    bool is_echo = argc > 1 && strcmp(argv[1], "echo") == 0;
    bool is_churn = argc > 1 && strcmp(argv[1], "churn") == 0;
    int error;
    if (!is_echo && !is_churn && (argc < 2 || strcmp(argv[1], "idle") != 0))
        return usage();
    if (argc != (is_echo ? 7 : 5) || !net_number(argv[2], 1, 65535, &load.port) ||
        !net_number(argv[3], 1, 2000000000, &load.pid) ||
        !net_number(argv[4], 1, 100000000, &load.connections))
        return usage();
    if (is_echo && (!net_number(argv[5], 1, 2000000000, &load.requests) ||
                    !net_number(argv[6], 1, 1 << 24, &load.size)))
        return usage();
    error = clock_getcpuclockid((pid_t)load.pid, &load.clock);
    if (error) {
        fprintf(stderr, "process %ld: %s\n", load.pid, strerror(error));
        return 1;
    }
    net_raise_limit();
    if (is_echo)
        echo(&load);
    else if (is_churn)
        churn(&load);
    else
        idle(&load);
    return 0;
}
