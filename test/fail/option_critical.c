/* all -O0 -ffreestanding error: how are interrupts masked here
   Bare metal on a machine that aio.h does not know. */
#include <stdint.h>
#define AIO_NOW() INT64_C(0)
#define AIO_IDLE(timeout) (void)(timeout)
#define AIO_IMPLEMENTATION
#include "aio.h"
