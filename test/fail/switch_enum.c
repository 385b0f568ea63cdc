/* gcc -O0 warning: changes value from '[0-9]*' to
   clang -O0 warning: overflow converting case value to switch condition type
   g++ -O0 error: narrowing conversion of '[0-9]*'
   clang++ -O0 error: case value evaluates to [0-9]*, which cannot be narrowed
   An await inside a switch of the user's own, over an enum. */
#include "aio.h"
enum colour { RED, BLUE };
struct lose { AIO_FRAME(void); enum colour x; };
AIO_CORO(lose)
{
    AIO_BEGIN;
    switch (self->x) {
    case RED:
        AIO_AWAIT(aio_sleep(1));
        break;
    default:
        AIO_RETURN();
    }
    AIO_END;
}
