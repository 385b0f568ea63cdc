/* 12-crawl.c - fetches a list of pages, three at a time, and no page spoils it for the others.

   All visits are members of one group: its limit lets three run, the others wait for their turn.
   Each has a time of its own, and keeps its error to itself: a group ends its members when one of
   them fails.

   Build:
       cc -iquote . examples/12-crawl.c -o crawl

   Prints:
       /: 4200 bytes
       /news: 17300 bytes
       /slow: timed out
       /shop: connection refused
       /team: 900 bytes
       /jobs: unexpected end of the stream
       /press: 2500 bytes
       3 at a time
*/
#include <stdio.h>
#define AIO_IMPLEMENTATION
#include "aio_epoll.h"

enum { AT_A_TIME = 3, PAGES = 7 };

struct page { const char *path; aio_time takes; int comes; /* bytes, or an error */ int bytes, error; };

/* Stands for aio_connect, aio_send_all, aio_recv, and aio_close behind AIO_FINALLY: see 07-client.c. */
struct fetch { AIO_FRAME(int); const struct page *page; };

static AIO_CORO(fetch)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->page->takes));
    if (self->page->comes < 0)
        AIO_RAISE(self->page->comes);
    AIO_RETURN(self->page->comes);
    AIO_END;
}

struct visit { AIO_FRAME(void); struct page *page; int *now, *most; };

static AIO_CORO(visit)
{
    AIO_BEGIN;
    if (++*self->now > *self->most)
        *self->most = *self->now;
    AIO_TRY(self->page->error, self->page->bytes, aio_wait_for(aio_new(fetch, self->page), AIO_MS(250)));
    --*self->now;
    AIO_END;
}

/* How many visits there were at a time. */
struct crawl { AIO_FRAME(int); struct page *pages; int i, now; struct aio_group visits; };

static AIO_CORO(crawl)
{
    AIO_BEGIN;
    aio_group_open(&self->visits, self, AT_A_TIME, 0);
    for (self->i = 0; self->i < PAGES; self->i++)
        if (aio_group_spawn(&self->visits, aio_new(visit, &self->pages[self->i], &self->now, &self->result)) < 0)
            AIO_RAISE(AIO_ENOMEM);
    AIO_END;                                        /* waits for the members */
}

static struct page pages[PAGES] = {
    { "/", AIO_MS(5), 4200, 0, 0 }, { "/news", AIO_MS(10), 17300, 0, 0 }, { "/slow", AIO_SEC(60), 800, 0, 0 },
    { "/shop", AIO_MS(5), AIO_ECONNREFUSED, 0, 0 }, { "/team", AIO_MS(5), 900, 0, 0 },
    { "/jobs", AIO_MS(10), AIO_EEOF, 0, 0 }, { "/press", AIO_MS(5), 2500, 0, 0 }
};

int main(void)
{
    int most, i, error = aio_run(most, aio_new(crawl, pages));
    if (error) {
        fprintf(stderr, "crawl: %s\n", aio_strerror(error));
        return 1;
    }
    for (i = 0; i < PAGES; i++)
        if (pages[i].error)
            printf("%s: %s\n", pages[i].path, aio_strerror(pages[i].error));
        else
            printf("%s: %d bytes\n", pages[i].path, pages[i].bytes);
    printf("%d at a time\n", most);
    return 0;
}
