/* 15-philosophers.c - five philosophers, five forks, and two forks are needed to eat.

   Everybody takes the fork with the lower number first: so they never sit there each with one fork,
   waiting for the next. One falls asleep over his second meal, with both forks in his hands, and is
   asked to leave. His cleanup asks aio_lock_held what there is to put back, for it might have been
   both, one, or none. Then the others can go on.

   Build:
       cc -iquote . examples/15-philosophers.c -o philosophers

   Prints:
       Plato: meals 3, forks put back 0
       Hypatia: meals 3, forks put back 0
       Confucius: meals 3, forks put back 0
       Arendt: meals 3, forks put back 0
       Diogenes: meals 1, forks put back 2
*/
#include <stdio.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"

enum { SEATS = 5, SLEEPY = 4, MEALS = 3 };
struct philosopher {
    AIO_FRAME(void);
    struct aio_lock *forks[2];
    struct aio_event *asleep;                       /* to be set; NULL: stays awake */
    int meals, put_back;
};

static AIO_CORO(philosopher)
{
    AIO_BEGIN;
    while (self->meals < MEALS) {
        AIO_AWAIT(aio_sleep(AIO_MS(1)));            /* thinks */
        AIO_AWAIT(aio_lock_acquire(self->forks[0]));
        AIO_AWAIT(aio_lock_acquire(self->forks[1]));
        if (self->asleep && self->meals == 1) {
            aio_event_set(self->asleep);
            AIO_AWAIT(aio_sleep(AIO_FOREVER));
        }
        AIO_AWAIT(aio_sleep(AIO_MS(1)));            /* eats */
        self->meals++;
        aio_lock_release(self->forks[1]);
        aio_lock_release(self->forks[0]);
    }
    AIO_FINALLY;
    {
        int i;
        for (i = 0; i < 2; i++)
            if (aio_lock_held(self->forks[i])) {
                aio_lock_release(self->forks[i]);
                self->put_back++;
            }
    }
    AIO_END;
}

struct dinner {
    AIO_FRAME(void);
    struct aio_lock forks[SEATS];                   /* zeroed: on the table */
    struct aio_event asleep;
    struct aio_group group;
    struct philosopher *guests[SEATS];
    int i;
};

static AIO_CORO(dinner)
{
    static const char *const names[SEATS] = { "Plato", "Hypatia", "Confucius", "Arendt", "Diogenes" };
    AIO_BEGIN;
    aio_group_open(&self->group, self, 0, 0);
    for (self->i = 0; self->i < SEATS; self->i++) {
        struct aio_lock *left = &self->forks[self->i], *right = &self->forks[(self->i + 1) % SEATS];
        self->guests[self->i] = aio_group_create_task(&self->group, aio_new(philosopher,
            .forks = { left < right ? left : right, left < right ? right : left },
            .asleep = self->i == SLEEPY ? &self->asleep : NULL));
        if (!self->guests[self->i])
            AIO_RAISE(AIO_ENOMEM);
    }
    AIO_AWAIT(aio_event_wait(&self->asleep));
    aio_task_cancel(self->guests[SLEEPY]);          /* a member that was cancelled is no error */
    AIO_AWAIT(aio_group_join(&self->group));
    for (self->i = 0; self->i < SEATS; self->i++)
        printf("%s: meals %d, forks put back %d\n", names[self->i], self->guests[self->i]->meals,
               self->guests[self->i]->put_back);
    AIO_END;
}

int main(void)
{
    return aio_main(aio_new(dinner));
}
