/* gcc -O0 warning: makes pointer from integer without a cast
   clang -O0 warning: incompatible integer to pointer conversion
   g++ -O0 error: invalid conversion from .int. to .const char
   clang++ -O0 error: (assigning to|conversion assigning to) 'const char \*' from
   A number put into a pointer. */
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
    AIO_AWAIT(self->text, aio_new(one));
    AIO_END;
}
