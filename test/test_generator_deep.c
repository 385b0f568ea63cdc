/* Generators where nothing is called directly: whatever is awaited is started by the loop. */
#undef TEST_SHARED
#define AIO_MAX_DIRECT 0
#include "test_generator.c"
