/* deep_direct.c - deep.c with awaits that may nest on the C stack, 32 of them. */
#define AIO_MAX_DIRECT 32
#include "deep.c"
