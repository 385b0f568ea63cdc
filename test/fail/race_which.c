/* gcc -O0 error: lvalue required
   clang -O0 error: expression is not assignable
   g++ -O0 error: lvalue required
   clang++ -O0 error: expression is not assignable
   The int forgotten that says who has won. */
#include "aio.h"
struct one { AIO_FRAME(int); int x; };
extern AIO_DECLARE(one);
#define one() aio_new(one)
struct lose { AIO_FRAME(void); int x; };
AIO_CORO(lose)
{
    AIO_BEGIN;
    AIO_RACE(one(), one());
    AIO_END;
}
