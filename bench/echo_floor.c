/* echo_floor.c - the floor for echo_server.c: build/bench/echo_floor PORT

   The least that can do the job: a bare edge-triggered epoll loop, one recv and one send per request, no
   coroutines, no error handling beyond closing. Ends on SIGTERM. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[16384];

static void serve(int fd)
{
    for (;;) {
        ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT), sent = 0;
        if (n < 0)
            return;
        if (n == 0) {
            close(fd);
            return;
        }
        while (sent < n) {
            ssize_t k = send(fd, buffer + sent, (size_t)(n - sent), MSG_NOSIGNAL);
            if (k < 0) {
                close(fd);
                return;
            }
            sent += k;
        }
        if ((size_t)n < sizeof buffer)
            return;
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in address;
    struct epoll_event event, events[256];
    int listener, ep, on = 1, n, i;
    if (argc != 2) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return 2;
    }
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, SOMAXCONN) < 0)
        return 1;
    ep = epoll_create1(0);
    event.events = EPOLLIN;
    event.data.fd = listener;
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        n = epoll_wait(ep, events, 256, -1);
        for (i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                serve(fd);
                continue;
            }
            fd = accept4(listener, NULL, NULL, 0);
            event.events = EPOLLIN | EPOLLET | EPOLLRDHUP;
            event.data.fd = fd;
            if (fd >= 0)
                epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
        }
    }
}
