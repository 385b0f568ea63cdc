/* g++ -O0 error: cannot convert
   gcc -O0 -Werror error: incompatible pointer type
   clang -O0 -Werror error: incompatible pointer types
   clang++ -O0 error: no matching function for call to 'aio_group_spawn_'
   Something that is no group. */
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
    if (aio_group_spawn(&self->other, aio_new(one))) AIO_RETURN();
    AIO_END;
}
