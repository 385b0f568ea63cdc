/* 16-generators.c - a pipeline of generators: numbers, the odd ones among them, and those by threes.

   A generator hands out values with AIO_YIELD, and may await between them. AIO_FOREACH takes one
   after another, so nothing is computed that nobody asks for, and nothing is stored. When the loop is
   left, by break here, the whole pipeline is closed, and AIO_FINALLY of each stage cleans up.

   Build:
       cc -iquote . examples/16-generators.c -o generators

   Prints:
       1 3 5
       7 9 11
       13 15 17
       19 21 23
       numbers: closed after 23
       odds: closed
       threes: closed
       enough
*/
#include <stdio.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"

struct numbers { AIO_FRAME(int); int from, n; };

static AIO_CORO(numbers)
{
    AIO_BEGIN;
    for (self->n = self->from; ; self->n++) {
        AIO_AWAIT(aio_sleep(AIO_US(100)));          /* from a sensor, a socket, a database */
        AIO_YIELD(self->n);
    }
    AIO_FINALLY;
    printf("numbers: closed after %d\n", self->n);
    AIO_END;
}

struct odds { AIO_FRAME(int); struct numbers *source; int n; };

static AIO_CORO(odds)
{
    AIO_BEGIN;
    AIO_FOREACH(self->n, self->source, aio_new(numbers, .from = 1))
        if (self->n % 2)
            AIO_YIELD(self->n);
    AIO_FINALLY;
    printf("odds: closed\n");
    AIO_END;
}

struct three { int count, items[3]; };              /* a value like any other; the last may be short */

struct threes { AIO_FRAME(struct three); struct odds *source; struct three three; int n; };

static AIO_CORO(threes)
{
    AIO_BEGIN;
    AIO_FOREACH(self->n, self->source, aio_new(odds)) {
        self->three.items[self->three.count++] = self->n;
        if (self->three.count == 3) {
            AIO_YIELD(self->three);
            self->three.count = 0;
        }
    }
    if (self->three.count)
        AIO_YIELD(self->three);
    AIO_FINALLY;
    printf("threes: closed\n");
    AIO_END;
}

struct program { AIO_FRAME(void); struct threes *source; struct three three; };

static AIO_CORO(program)
{
    AIO_BEGIN;
    AIO_FOREACH(self->three, self->source, aio_new(threes)) {
        printf("%d %d %d\n", self->three.items[0], self->three.items[1], self->three.items[2]);
        if (self->three.items[2] > 20)
            break;
    }
    printf("enough\n");
    AIO_END;
}

int main(void)
{
    return aio_main(aio_new(program));
}
