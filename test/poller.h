/* poller.h - lets the environment choose the poller of examples, tests and benches:
   AIO_POLLER=epoll (the default on Linux) or AIO_POLLER=select. The Makefile includes it in front of
   them with -include; their own text knows nothing of it. */
#ifndef TEST_POLLER_H_INCLUDED
#define TEST_POLLER_H_INCLUDED
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define AIO_DEFAULT_POLLER test_poller()
#ifdef TEST_SHARED
#include "shared.h"
#else
#define AIO_IMPLEMENTATION
#endif
#ifdef __linux__
#include "aio_epoll.h"
#endif
#include "aio_select.h"
#include "aio_net.h"
#include "aio_signal.h"
#include "aio_thread.h"
#include <stdlib.h>
#include <string.h>

static inline const struct aio_poller *test_poller(void)
{
#ifdef __linux__
    const char *name = getenv("AIO_POLLER");
    return name && strcmp(name, "select") == 0 ? aio_select() : aio_epoll();
#else
    return aio_select();
#endif
}
#endif
