/* gcc -O0 error: is_not_an_array
   clang -O0 error: is_not_an_array
   g++ -O0 error: no matching function for call to .aio_length_
   clang++ -O0 error: no matching function for call to 'aio_length_'
   A queue in an array that is none: its length is not known. */
#include "aio.h"
void lose(struct aio_queue *queue, int *items);
void lose(struct aio_queue *queue, int *items) { aio_queue_init(queue, items); }
