/* ram.c - what the parts take in memory, as arrays of their sizes for nm to read. Nobody runs it. */
#include "options.h"

#define RAM(name, type) extern char ram_##name[sizeof(type)]; char ram_##name[sizeof(type)]

RAM(frame, struct aio_coro);
RAM(task, struct aio_task);
RAM(timer, struct aio_timer_slot_);
RAM(sleep, struct aio_sleep_);
RAM(event, struct aio_event);
RAM(lock, struct aio_lock);
RAM(queue, struct aio_queue);
RAM(callback, struct aio_callback);
RAM(loop, struct aio_loop);
