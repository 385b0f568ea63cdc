/* death.h - what the tests of assertions and reports share: a poller with a virtual clock whose print can
   be read back, and functions that are expected to die. */
#ifndef DEATH_H_INCLUDED
#define DEATH_H_INCLUDED
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define AIO_DEFAULT_POLLER (&death_poller)
#define AIO_IMPLEMENTATION
#include "aio.h"
#include "aio_net.h"
#include "tap.h"
#include <pthread.h>
#include <sys/wait.h>

static aio_time death_time;
static int death_pipe = 2;
static int death_open(struct aio_loop *loop) { return loop->poller_fd = 0; }
static void death_close(struct aio_loop *loop) { (void)loop; }
static int death_wait(struct aio_loop *loop, aio_time timeout)
{
    (void)loop;
    if (timeout < 0)
        return AIO_EDEADLK;
    death_time += timeout;
    return 0;
}
static aio_time death_now(struct aio_loop *loop)
{
    (void)loop;
    return death_time;
}
static void death_print(const char *text, size_t length)
{
    ssize_t n = write(death_pipe, text, length);
    (void)n;
}
static const struct aio_poller death_poller = {
    "death", death_open, death_close, NULL, NULL, death_wait, NULL, death_now, death_print
};

/* Runs a function in a child. What it printed before it was aborted; if it was not, that it lived. */
static const char *dies(void (*function)(void))
{
    static char text[4096];
    size_t n = 0;
    ssize_t got;
    int ends[2], status = 0;
    pid_t child;
    text[0] = 0;
    if (pipe(ends) < 0 || (child = fork()) < 0)
        return "no pipe or no process";
    if (child == 0) {
        close(ends[0]);
        death_pipe = ends[1];
        function();
        _exit(0);
    }
    close(ends[1]);
    while (n < sizeof text - 32 && (got = read(ends[0], text + n, sizeof text - 32 - n)) > 0)
        n += (size_t)got;
    text[n] = 0;
    close(ends[0]);
    waitpid(child, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        snprintf(text + n, 32, "(status %d)", status);
    return text;
}

/* "aio: 'name' (this file:line): message\n"; line 0: not known. */
static const char *death_text(const char *file, const char *name, int line, const char *message)
{
    static char text[512];
    char number[16] = "";
    if (line)
        snprintf(number, sizeof number, ":%d", line);
    snprintf(text, sizeof text, "aio: '%s' (%s%s): %s\n", name, file, number, message);
    return text;
}
#define CHECK_DIES(function, name, line, message) CHECK_STR(dies(function), \
    death_text(__FILE__, (name), (line), (message)))
#endif
