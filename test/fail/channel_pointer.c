/* gcc -O0 error: is_not_an_array
   clang -O0 error: is_not_an_array
   g++ -O0 error: no matching function for call to .aio_length_
   clang++ -O0 error: no matching function for call to 'aio_length_'
   A channel in an array that is none. */
#include "aio.h"
void lose(struct aio_channel *channel, int *items);
void lose(struct aio_channel *channel, int *items) { aio_channel_init(channel, items); }
