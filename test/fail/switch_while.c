/* gcc -O0 warning: changes value from '[0-9]*' to
   clang -O0 warning: overflow converting case value to switch condition type
   g++ -O0 error: narrowing conversion of '[0-9]*'
   clang++ -O0 error: case value evaluates to [0-9]*, which cannot be narrowed
   The other awaits have labels too. */
#include "aio.h"
struct one { AIO_FRAME(int); };
extern AIO_DECLARE(one);
struct lose { AIO_FRAME(void); int x; };
AIO_CORO(lose)
{
    AIO_BEGIN;
    switch (self->x) {
    case 1:
        AIO_WHILE(self->x, aio_new(one))
            continue;
    }
    AIO_END;
}
