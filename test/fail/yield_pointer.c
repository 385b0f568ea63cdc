/* gcc -O1 warning: makes integer from pointer without a cast
   clang -O1 warning: incompatible pointer to integer conversion
   g++ -O1 error: invalid conversion from .const char\*. to .int
   clang++ -O1 error: assigning to .int. from incompatible type
   What a generator yields has the type of its frame. */
#include "aio.h"
struct keep { AIO_FRAME(int); };
AIO_CORO(keep)
{
    AIO_BEGIN;
    AIO_YIELD("one");
    AIO_END;
}
