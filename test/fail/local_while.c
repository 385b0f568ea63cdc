/* gcc,g++ -O1 warning: .n. may be used uninitialized
   clang,clang++ -O0 warning: 'n' may be uninitialized when used here
   The variable of AIO_WHILE, used behind an await in its statement. */
#include "aio.h"
extern void use(int);
struct one { AIO_FRAME(int); };
extern AIO_DECLARE(one);
struct lose { AIO_FRAME(void); };
AIO_CORO(lose)
{
    int n;
    AIO_BEGIN;
    AIO_WHILE(n, aio_new(one)) {
        AIO_AWAIT(aio_sleep(1));
        use(n);
    }
    AIO_END;
}
