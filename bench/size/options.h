/* options.h - aio.h as a small machine wants it. SIZE_DEFAULTS: strings, tracebacks and 64 bits of time, which are
   there unless they are declined. */
#ifndef OPTIONS_H_INCLUDED
#define OPTIONS_H_INCLUDED

#include "board.h"

#define AIO_NOW() board_ticks()
#define AIO_IDLE(ticks) board_idle(ticks)
#define AIO_TICK_HZ 1000
#ifndef SIZE_DEFAULTS
#define AIO_STRINGS 0
#define AIO_TRACE_DEPTH 0
#define AIO_TIME_32 1
#endif
#ifndef AIO_POOL_BYTES
#define AIO_POOL_BYTES 2048
#endif
#define AIO_TIMERS 8
#define AIO_MEMORY 1
#define AIO_DEF static
#define AIO_IMPLEMENTATION
#include "aio.h"

#endif
