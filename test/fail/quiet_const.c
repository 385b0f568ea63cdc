/* all -O0 -Wall -Wextra silent:
   all -O2 -Wall -Wextra silent:
   Constants computed from self in front of AIO_BEGIN are computed again at each resume. */
#include "aio.h"
extern void use(int);
struct keep { AIO_FRAME(void); int x; };
AIO_CORO(keep)
{
    const int twice = 2 * self->x;
    struct keep *const me = self;
    AIO_BEGIN;
    use(twice);
    AIO_AWAIT(aio_sleep(1));
    use(twice + me->x);
    AIO_FINALLY;
    AIO_AWAIT(aio_sleep(1));
    use(twice);
    AIO_END;
}
