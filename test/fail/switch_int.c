/* gcc -O0 warning: changes value from '[0-9]*' to
   clang -O0 warning: overflow converting case value to switch condition type
   g++ -O0 error: narrowing conversion of '[0-9]*'
   clang++ -O0 error: case value evaluates to [0-9]*, which cannot be narrowed
   An await inside a switch of the user's own. */
#include "aio.h"
struct lose { AIO_FRAME(void); int x; };
AIO_CORO(lose)
{
    AIO_BEGIN;
    switch (self->x) {
    case 1:
        AIO_AWAIT(aio_sleep(1));
        break;
    default:
        self->x = 1;
    }
    AIO_END;
}
