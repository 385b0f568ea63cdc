/* 01-hello.c - a coroutine, an await, a result.

   Making a coroutine runs nothing. It runs when it is awaited, may pause at every AIO_AWAIT of its
   own, and gives a result of the type that its frame declares.

   Build:
       cc -iquote . examples/01-hello.c -o hello

   Prints:
       made, but nothing runs yet
       hello, world
       that was 12 characters
*/
#include <stdio.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"

/* The frame: the type of the result, the arguments, then what must outlive an await. */
struct greet { AIO_FRAME(int); const char *whom; };

static AIO_CORO(greet)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_MS(10)));               /* others could run now */
    AIO_RETURN(printf("hello, %s\n", self->whom) - 1);
    AIO_END;
}

struct hello { AIO_FRAME(void); struct greet *greeting; int length; };

static AIO_CORO(hello)
{
    AIO_BEGIN;
    self->greeting = aio_new(greet, .whom = "world");
    printf("made, but nothing runs yet\n");
    AIO_AWAIT(self->length, self->greeting);        /* runs it, and uses it up */
    printf("that was %d characters\n", self->length);
    AIO_END;
}

int main(void)
{
    return aio_main(aio_new(hello));                /* the exit status: 0, or 1 and a traceback */
}
