/* counted.h - counts the library's memory; COUNTED _Atomic: from whatever thread it is asked for. */
#ifndef COUNTED_H_INCLUDED
#define COUNTED_H_INCLUDED
#include <stdlib.h>

#ifndef COUNTED
#define COUNTED
#endif
COUNTED long core_live;                 /* blocks of memory that the library holds */
static inline void *core_malloc(size_t n)
{
    void *block = malloc(n);
    core_live += block != NULL;
    return block;
}
static inline void core_free(void *block)
{
    core_live -= block != NULL;
    free(block);
}
#define AIO_MALLOC(n) core_malloc(n)
#define AIO_FREE(p) core_free(p)
#endif
