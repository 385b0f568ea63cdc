/* shared.h - for programs that are built with TEST_SHARED: test/shared.c has the implementation, compiled once for
   many. What needs one of its own undefines TEST_SHARED. */
#ifndef SHARED_H_INCLUDED
#define SHARED_H_INCLUDED
#define AIO_H_IMPLEMENTED
#define AIO_EPOLL_H_IMPLEMENTED
#define AIO_SELECT_H_IMPLEMENTED
#define AIO_SIM_H_IMPLEMENTED
#define AIO_NET_H_IMPLEMENTED
#define AIO_SIGNAL_H_IMPLEMENTED
#define AIO_THREAD_H_IMPLEMENTED
#ifndef COUNTED
#define COUNTED _Atomic
#endif
extern COUNTED long core_live;
#endif
