/* gcc,clang -O0 error: error: .*lose_has_to_begin_with_AIO_FRAME_.*negative
   A frame in the middle of its struct. */
#include "aio.h"
struct lose { int x; AIO_FRAME(void); };
AIO_CORO(lose)
{
    AIO_BEGIN;
    self->x = 1;
    AIO_END;
}
