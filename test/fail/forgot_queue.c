/* gcc,g++ -O0 warning: ignoring return value of .*aio_queue_get_.*warn_unused_result
   clang,clang++ -O0 warning: ignoring return value
   A get that nobody awaits. */
#include "aio.h"
void lose(struct aio_queue *queue, int *item);
void lose(struct aio_queue *queue, int *item) { aio_queue_get(queue, item); }
