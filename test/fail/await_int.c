/* gcc -O0 error: invalid type argument of .->. \(have .int.\)
   g++ -O0 error: base operand of .->. is not a pointer
   clang,clang++ -O0 error: member reference type 'int' is not a pointer
   An int is no awaitable. */
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
    AIO_AWAIT(self->x);
    AIO_END;
}
