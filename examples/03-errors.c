/* 03-errors.c - errors are numbers that travel up, through the cleanup of everybody they pass.

   AIO_RAISE starts one, each AIO_AWAIT on its way hands it on, AIO_FINALLY cleans up, and AIO_TRY
   takes it. Nobody takes the last one here: aio_main reports it, with the places it came through,
   and the exit status is 1.

   Build:
       cc -iquote . examples/03-errors.c -o errors

   Prints:
       "42": opened, closed
         value 42
       "many": opened, closed after error -10001
         not a number
       "1000": opened, closed after error -34
         out of range
       "": opened, closed after error -10000

   Prints on standard error:
       Traceback (most recent call last):
         program (examples/03-errors.c:85)
         load (examples/03-errors.c:59)
         parse (examples/03-errors.c:43)
       error: task 'program' failed: error of the application (-10000)
*/
#include <stdio.h>
#include <stdlib.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"

enum { EMPTY = AIO_EUSER, NOT_A_NUMBER = AIO_EUSER - 1 };   /* ours: from AIO_EUSER down */

struct parse { AIO_FRAME(int); const char *text; };

static AIO_CORO(parse)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_MS(1)));                /* it takes a while */
    {
        char *end;
        long value = strtol(self->text, &end, 10);
        if (!self->text[0])
            AIO_RAISE(EMPTY);
        if (*end)
            AIO_RAISE(NOT_A_NUMBER);
        if (value > 100)
            AIO_RAISE(AIO_ERANGE);
        AIO_RETURN((int)value);
    }
    AIO_END;
}

struct load { AIO_FRAME(int); const char *text; };

static AIO_CORO(load)
{
    AIO_BEGIN;
    printf("\"%s\": opened, ", self->text);
    AIO_AWAIT(self->result, aio_new(parse, self->text));    /* an error goes on to AIO_FINALLY */
    AIO_RETURN();
    AIO_FINALLY;                                            /* always, and once */
    printf("closed");
    if (aio_coro_error(self))
        printf(" after error %d", aio_coro_error(self));
    printf("\n");
    AIO_END;
}

static const char *explain(int error)
{
    return error == EMPTY ? "empty" : error == NOT_A_NUMBER ? "not a number" : aio_strerror(error);
}

struct program { AIO_FRAME(void); int value, error; };

static AIO_CORO(program)
{
    AIO_BEGIN;
    AIO_AWAIT(self->value, aio_new(load, "42"));
    printf("  value %d\n", self->value);
    AIO_TRY(self->error, self->value, aio_new(load, "many"));
    printf("  %s\n", explain(self->error));
    AIO_TRY(self->error, aio_new(load, "1000"));
    printf("  %s\n", explain(self->error));
    AIO_AWAIT(aio_new(load, ""));
    printf("  never printed\n");
    AIO_END;
}

int main(void)
{
    return aio_main(aio_new(program));
}
