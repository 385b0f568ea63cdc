/* gcc,g++ -O0 warning: ignoring return value of .*aio_lock_acquire.*warn_unused_result
   clang,clang++ -O0 warning: ignoring return value
   A lock that is not waited for. */
#include "aio.h"
void lose(struct aio_lock *lock);
void lose(struct aio_lock *lock) { aio_lock_acquire(lock); }
