/* 11-worker-pool.c - three workers share the jobs of a bounded queue.

   aio_queue_put waits while the queue is full: jobs are made no faster than they are done.
   aio_queue_join waits until every job has been reported as done; then the workers, who know no end,
   are cancelled. A job that fails is reported as done, too, or the join would wait for it for ever.

   Build:
       cc -iquote . examples/11-worker-pool.c -o pool

   Prints:
       100: sum of divisors 217
       360: sum of divisors 1170
       -7: out of range
       496: sum of divisors 992
       997: sum of divisors 998
       0: out of range
       1000: sum of divisors 2340
*/
#include <stdio.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"

enum { WORKERS = 3, ROOM = 2, JOBS = 7 };
struct job { int number, sum, error; };

struct divide { AIO_FRAME(int); int number; };

static AIO_CORO(divide)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_MS(5)));                /* a database, another machine */
    if (self->number <= 0)
        AIO_RAISE(AIO_ERANGE);
    {
        int i;
        for (i = 1; i <= self->number; i++)
            if (self->number % i == 0)
                self->result += i;
    }
    AIO_END;
}

struct worker { AIO_FRAME(void); struct aio_queue *queue; struct job *job; };

static AIO_CORO(worker)
{
    AIO_BEGIN;
    for (;;) {
        AIO_AWAIT(aio_queue_get(self->queue, &self->job));  /* is cancelled here, in the end */
        AIO_TRY(self->job->error, self->job->sum, aio_new(divide, self->job->number));
        aio_queue_task_done(self->queue);
    }
    AIO_END;
}

struct program {
    AIO_FRAME(void);
    struct job *jobs, *job;
    struct job *room[ROOM];                         /* what the queue keeps its items in */
    struct aio_queue queue;
    struct aio_group workers;
    int i;
};

static AIO_CORO(program)
{
    AIO_BEGIN;
    aio_queue_init(&self->queue, self->room);
    aio_group_open(&self->workers, self, 0, 0);
    for (self->i = 0; self->i < WORKERS; self->i++)
        if (aio_group_spawn(&self->workers, aio_new(worker, &self->queue)) < 0)
            AIO_RAISE(AIO_ENOMEM);
    for (self->job = self->jobs; self->job < self->jobs + JOBS; self->job++)
        AIO_AWAIT(aio_queue_put(&self->queue, &self->job));     /* copies the pointer */
    AIO_AWAIT(aio_queue_join(&self->queue));
    aio_group_cancel(&self->workers);               /* no error: we asked for it */
    for (self->job = self->jobs; self->job < self->jobs + JOBS; self->job++)
        if (self->job->error)
            printf("%d: %s\n", self->job->number, aio_strerror(self->job->error));
        else
            printf("%d: sum of divisors %d\n", self->job->number, self->job->sum);
    AIO_END;
}

int main(void)
{
    struct job jobs[JOBS] = { { 100, 0, 0 }, { 360, 0, 0 }, { -7, 0, 0 }, { 496, 0, 0 }, { 997, 0, 0 },
                              { 0, 0, 0 }, { 1000, 0, 0 } };
    return aio_main(aio_new(program, jobs));
}
