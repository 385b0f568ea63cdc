/* gcc -O1 -Wno-maybe-uninitialized silent:
   g++ -O1 -Wno-maybe-uninitialized silent:
   clang,clang++ -O1 silent:
   What AIO_CORO asks the compiler to look for ends with AIO_END: the user's other functions are theirs. */
#include "aio.h"
extern void use(int);
extern int after(int);
struct keep { AIO_FRAME(void); };
AIO_CORO(keep)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(1));
    AIO_END;
}
int after(int k)
{
    int maybe;
    if (k)
        maybe = k;
#ifndef __cplusplus
    switch (k) {
    case 0:
        use(0);
        int z = 3;
        use(z);
        break;
    case 1:
        z = 4;
        use(z);
    }
#endif
    if (k)
        use(maybe);
    return 0;
}
