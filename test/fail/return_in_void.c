/* gcc -O0 error: incompatible types when assigning
   clang -O0 error: assigning to 'struct aio_nothing_' from incompatible type 'int'
   g++ -O0 error: no match for .operator=.
   clang++ -O0 error: no viable overloaded '='
   A result from a coroutine that has none. */
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
    AIO_RETURN(5);
    AIO_END;
}
