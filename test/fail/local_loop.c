/* gcc -O0 warning: switch jumps over variable initialization
   gcc -O1 warning: .i. may be used uninitialized
   clang -O0 warning: 'i' may be uninitialized when used here
   g++ -O0 error: jump to case label
   clang++ -O0 error: cannot jump from switch statement to this case label
   The variable of a loop with an await in it. */
#include "aio.h"
struct lose { AIO_FRAME(void); };
AIO_CORO(lose)
{
    AIO_BEGIN;
    for (int i = 0; i < 10; i++)
        AIO_AWAIT(aio_sleep(1));
    AIO_END;
}
