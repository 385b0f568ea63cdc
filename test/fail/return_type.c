/* gcc -O0 error: incompatible types when assigning
   clang -O0 error: assigning to 'int' from incompatible type 'struct other'
   g++ -O0 error: cannot convert .other. to .int.
   clang++ -O0 error: assigning to 'int' from incompatible type 'struct other'
   A result of another type. */
#include "aio.h"
struct other { int x; };
struct one { AIO_FRAME(int); int x; };
extern AIO_DECLARE(one);
struct none { AIO_FRAME(void); };
extern AIO_DECLARE(none);
struct lose { AIO_FRAME(int); int x; struct other other; const char *text; };
AIO_CORO(lose)
{
    AIO_BEGIN;
    AIO_RETURN(self->other);
    AIO_END;
}
