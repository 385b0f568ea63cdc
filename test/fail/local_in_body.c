/* gcc -O0 warning: switch jumps over variable initialization
   gcc -O1 warning: lost. may be used uninitialized
   clang -O0 warning: 'lost' may be uninitialized when used here
   g++ -O0 error: jump to case label
   clang++ -O0 error: cannot jump from switch statement to this case label
   A local declared in the body, used behind an await. */
#include "aio.h"
extern int make(void);
extern void use(int);
struct lose { AIO_FRAME(void); };
AIO_CORO(lose)
{
    AIO_BEGIN;
    int lost = make();
    AIO_AWAIT(aio_sleep(1));
    use(lost);
    AIO_END;
}
