/* 18-sigusr1.c - where is it stuck? A running program answers kill -USR1.

   aio_dump writes all tasks as a tree of who awaits whom. A signal handler must not do that: it may
   have struck while the loop was changing its lists. So the handler only posts a callback to the loop
   (aio_loop_post is the one function that may be called from a handler), and the callback dumps,
   between two steps of tasks. A task that waits for the signal is shorter, and does the same inside:
   for (;;) { AIO_AWAIT(aio_signal_wait(SIGUSR1)); aio_dump(...); } with aio_signal.h.

   Nobody answers the database here, so everybody waits. The program sends itself the signal, and
   when it has been asked, the answer comes after all. A program whose loop does not turn any more, or
   one without a handler, is asked with a debugger: tools/aio-gdb.py.

   Build:
       cc -DAIO_LINES=1 -iquote . examples/18-sigusr1.c -o sigusr1

   Prints:
       5 tasks
       task 1 'serve' waits for its group, 3 members left
         serve (examples/18-sigusr1.c:80)
         aio_group_join
           task 3 'request' waits for task 2 'database'
             request (examples/18-sigusr1.c:66)
             query (examples/18-sigusr1.c:57)
             aio_shield
               task 2 'database' waits for a future
                 database (examples/18-sigusr1.c:48)
           task 4 'request' waits for task 2 'database'
             request (examples/18-sigusr1.c:66)
             query (examples/18-sigusr1.c:57)
             aio_shield
           task 5 'request' waits for its turn in its group
             request (examples/18-sigusr1.c)
*/
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"

static AIO_FUTURE(void) answer;

struct database { AIO_FRAME(void); };

static AIO_CORO(database)
{
    AIO_BEGIN;
    AIO_AWAIT(&answer);
    AIO_END;
}

struct query { AIO_FRAME(void); struct database *database; };

static AIO_CORO(query)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_shield(self->database));          /* it is there for the others, too */
    AIO_END;
}

struct request { AIO_FRAME(void); struct database *database; };

static AIO_CORO(request)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_new(query, self->database));
    AIO_END;
}

struct serve { AIO_FRAME(void); int i; struct database *database; struct aio_group requests; };

static AIO_CORO(serve)
{
    AIO_BEGIN;
    self->database = aio_create_task(aio_new(database));
    aio_group_open(&self->requests, self, 2, 0);    /* two at a time */
    for (self->i = 0; self->i < 3; self->i++)
        if (aio_group_spawn(&self->requests, aio_new(request, self->database)) < 0)
            AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(aio_group_join(&self->requests));
    AIO_FINALLY;
    aio_release(self->database);
    AIO_END;
}

static struct aio_loop loop;
static struct aio_callback dump, signal_ourselves;
static volatile sig_atomic_t posted;                /* and fn has not begun: not to be posted again */

static void on_sigusr1(int number)
{
    int saved = errno;
    (void)number;
    if (!posted) {
        posted = 1;
        aio_loop_post(&loop, &dump);
    }
    errno = saved;
}

static void to_stdout(struct aio_sink *sink, const char *text, size_t length)
{
    (void)sink;
    fwrite(text, 1, length, stdout);
}

static void on_dump(struct aio_callback *callback)
{
    struct aio_sink sink = { to_stdout };
    posted = 0;
    aio_dump(callback->loop, &sink);
    aio_future_set_result(&answer);                 /* so that the example ends */
}

static void on_signal_ourselves(struct aio_callback *callback)
{
    (void)callback;
    kill(getpid(), SIGUSR1);                        /* as somebody else would */
}

int main(void)
{
    struct sigaction action = { .sa_handler = on_sigusr1, .sa_flags = SA_RESTART };
    int error = aio_loop_init(&loop, NULL);
    if (error < 0)
        return fprintf(stderr, "no loop: %s\n", aio_strerror(error)), 1;
    dump.fn = on_dump;
    signal_ourselves.fn = on_signal_ourselves;
    sigaction(SIGUSR1, &action, NULL);
    error = aio_loop_call_later(&loop, &signal_ourselves, AIO_MS(20));
    if (error == 0)
        error = aio_loop_run_until_complete(&loop, aio_new(serve));
    signal(SIGUSR1, SIG_IGN);                       /* nothing may be posted to a closed loop */
    aio_loop_close(&loop);
    if (error < 0)
        fprintf(stderr, "failed: %s\n", aio_strerror(error));
    return error < 0;
}
