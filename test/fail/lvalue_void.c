/* gcc -O0 error: incompatible types when assigning
   clang -O0 error: assigning to 'int' from incompatible type 'struct aio_nothing_'
   g++ -O0 error: cannot convert .*aio_nothing_. to .int.
   clang++ -O0 error: assigning to 'int' from incompatible type '(struct )?aio_nothing_'
   The result of a coroutine that has none. */
#include "aio.h"
struct other { int x; };
struct one { AIO_FRAME(int); int x; };
extern AIO_DECLARE(one);
struct none { AIO_FRAME(void); };
extern AIO_DECLARE(none);
struct lose { AIO_FRAME(void); int x; struct other other; const char *text; };
AIO_CORO(lose)
{
    AIO_BEGIN;
    AIO_AWAIT(self->x, aio_new(none));
    AIO_END;
}
