/* all -O0 -Wall -Wextra silent:
   all -O1 -Wall -Wextra silent:
   all -O2 -Wall -Wextra silent:
   Locals that live between two awaits: set and used up before the next one. */
#include "aio.h"
extern int make(void);
extern void use(int);
struct one { AIO_FRAME(int); };
extern AIO_DECLARE(one);
struct keep { AIO_FRAME(void); int i; };
AIO_CORO(keep)
{
    int error, n;
    AIO_BEGIN;
    {
        int i, m = make();
        for (i = 0; i < m; i++)
            use(i);
    }
    AIO_AWAIT(n, aio_new(one));
    use(n);
    AIO_TRY(error, aio_sleep(1));
    if (error)
        AIO_RAISE(error);
    AIO_CATCH(error, n, aio_new(one));
    use(error + n);
    n = make();
    use(n);
    AIO_AWAIT(aio_sleep(1));
    for (self->i = 0; self->i < 3; self->i++) {
        {
            int k = make();
            use(k);
        }
        AIO_AWAIT(aio_sleep(1));
    }
    AIO_WHILE(n, aio_new(one))
        use(n);
    AIO_WHILE(n, aio_new(one)) {
        use(n);
        AIO_AWAIT(aio_sleep(1));
    }
    switch (make()) {
    case 1:
        use(1);
        break;
    default:
        AIO_RETURN();
    }
    AIO_FINALLY;
    AIO_TRY(error, aio_sleep(1));
    use(error);
    AIO_END;
}
