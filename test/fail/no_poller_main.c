/* all -O0 error: include_a_poller_header_first_
   aio_main with aio.h alone. */
#include "aio.h"
struct one { AIO_FRAME(int); };
extern AIO_DECLARE(one);
int main(void) { return aio_main(aio_new(one)); }
