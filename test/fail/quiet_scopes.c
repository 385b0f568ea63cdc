/* all -O0 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef silent:
   all -O1 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef silent:
   all -O2 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef silent:
   gcc,clang -std=c99 -O2 -Wall -Wextra -Wpedantic -Wshadow -Wconversion silent:
   gcc,clang -std=c2x -O2 -Wall -Wextra -Wpedantic -Wshadow -Wconversion silent:
   all -O2 -Wall -Wextra -DAIO_POOL=0 -DAIO_IMPLEMENTATION silent:
   all -O2 -Wall -Wextra -DAIO_DEBUG=1 -DAIO_IMPLEMENTATION silent:
   Timeouts and generators, in every way there is. */
#include "aio_sim.h"
struct point { int x, y; };
struct points { AIO_FRAME(struct point); struct point p; struct aio_timeout scope; };
extern AIO_DECLARE(points);
AIO_CORO(points)
{
    AIO_BEGIN;
    for (; self->p.x < 3; self->p.x++) {
        AIO_TIMEOUT(&self->scope, AIO_MS(1))
            AIO_AWAIT(aio_sleep(1));
        if (self->scope.expired)
            break;
        if (self->p.x)
            AIO_YIELD(self->p);
        else
            AIO_YIELD(self->p);
    }
    AIO_FINALLY;
    AIO_AWAIT(aio_sleep(1));
    AIO_END;
}
struct chars { AIO_FRAME(unsigned char); };
AIO_CORO(chars) { AIO_BEGIN; AIO_YIELD('a'); AIO_YIELD('b'); AIO_END; }
struct keep {
    AIO_FRAME(int);
    struct point p;
    unsigned char c;
    int more;
    bool is;
    struct points *slot, *kept;
    struct chars *chars;
    struct aio_timeout outer, inner;
};
AIO_CORO(keep)
{
    AIO_BEGIN;
    AIO_FOREACH(self->p, self->slot, aio_new(points, .p = { 1, 2 })) {
        {
            int sum = self->p.x + self->p.y;
            if (sum > 3)
                break;
            if (sum > 2)
                continue;
        }
        AIO_FOREACH(self->c, self->chars, aio_new(chars))
            if (self->c == 'a')
                AIO_AWAIT(aio_sleep(1));
            else
                break;
    }
    self->kept = aio_new(points);
    do
        AIO_NEXT(self->more, self->p, self->kept);
    while (self->more);
    AIO_NEXT(self->is, self->p, self->kept);
    if (self->is)
        AIO_CLOSE(self->kept);
    else
        AIO_CLOSE(self->kept);
    AIO_TIMEOUT(&self->outer, AIO_SEC(1)) {
        AIO_TIMEOUT_AT(&self->inner, aio_now() + 5)
            AIO_AWAIT(aio_sleep(2));
        if (aio_timeout_reschedule(&self->outer, 5) < 0)
            AIO_RETURN(1);
        if (aio_timeout_reschedule_at(&self->outer, AIO_FOREVER) < 0)
            AIO_RAISE(AIO_EINVAL);
        AIO_AWAIT(aio_sleep(1));
        if (self->inner.expired)
            break;
    }
    AIO_FINALLY;
    AIO_TIMEOUT(&self->inner, 5)
        AIO_FOREACH(self->c, self->chars, aio_new(chars)) { AIO_AWAIT(aio_sleep(self->c)); }
    AIO_END;
}
extern int go(void);
int go(void) { return aio_run(aio_new(keep)); }
