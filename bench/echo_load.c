/* echo_load.c - keeps an echo server busy: build/bench/echo_load PORT CONNECTIONS REQUESTS SIZE

   One process, blocking in rounds: writes a request to every connection, then reads every answer. Prints
   the requests per second. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int connect_to(int port)
{
    struct sockaddr_in address;
    int fd = socket(AF_INET, SOCK_STREAM, 0), tries;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (tries = 0; connect(fd, (struct sockaddr *)&address, sizeof address) < 0; tries++) {
        if (tries == 100) {
            perror("connect");
            exit(1);
        }
        usleep(20000);
    }
    return fd;
}

static void exactly(int fd, char *buffer, size_t size)
{
    while (size) {
        ssize_t n = recv(fd, buffer, size, 0);
        if (n <= 0) {
            fprintf(stderr, "the server closed the connection\n");
            exit(1);
        }
        buffer += n;
        size -= (size_t)n;
    }
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    struct timespec began, ended;
    long connections, requests, size, done, i;
    char *out, *in;
    int *fds;
    double seconds;
    if (argc != 5) {
        fprintf(stderr, "usage: %s PORT CONNECTIONS REQUESTS SIZE\n", argv[0]);
        return 2;
    }
    connections = atol(argv[2]);
    requests = atol(argv[3]);
    size = atol(argv[4]);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    fds = calloc((size_t)connections, sizeof *fds);
    out = malloc((size_t)size);
    in = malloc((size_t)size);
    if (!fds || !out || !in)
        return 1;
    memset(out, 'x', (size_t)size);
    for (i = 0; i < connections; i++)
        fds[i] = connect_to(atoi(argv[1]));
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (done = 0; done < requests; done += connections) {
        for (i = 0; i < connections; i++)
            if (send(fds[i], out, (size_t)size, MSG_NOSIGNAL) != size)
                return 1;
        for (i = 0; i < connections; i++)
            exactly(fds[i], in, (size_t)size);
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    seconds = (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) * 1e-9;
    printf("%ld requests, %.0f per second\n", done, (double)done / seconds);
    return 0;
}
