/* core.h - what the tests of the core share: the library on the virtual clock, with its memory counted
   and its reports noted. */
#ifndef CORE_H_INCLUDED
#define CORE_H_INCLUDED
#ifdef TEST_SHARED
#include "shared.h"
#else
#include "counted.h"
#define AIO_IMPLEMENTATION
#endif
#include "aio_sim.h"
#include "tap.h"

/* Reports land in the notes, so that one that was not expected fails the test. */
static inline void core_report(struct aio_loop *loop, const struct aio_report *report)
{
    (void)loop;
    note("[%s %s %d]", report->name, report->message, report->error);
}
static struct aio_options core_options = { .on_error = core_report };

static inline int core_end(const char *file, int line, int error)
{
    tap_int(file, line, "blocks of memory left over", core_live, 0);
    return error;
}
/* Runs a coroutine in a loop of its own and checks that nothing is left over. Its error. */
#define run(coroutine) core_end(__FILE__, __LINE__, aio_run_with(&core_options, coroutine))

/* CORO_TEST(name, members) { AIO_BEGIN; ... AIO_END; }: a test that is a coroutine. It must end without
   an error and check all of its notes. */
#define CORO_TEST(name, ...) \
    struct name { AIO_FRAME(void); __VA_ARGS__ }; \
    static AIO_DECLARE(name); \
    TEST(name) { CHECK_INT(run(aio_new(name)), 0); CHECK_NOTES(""); } \
    static AIO_CORO(name)

/* A sink that keeps what is written, without the line numbers of places if they are to be left out. */
struct core_text { struct aio_sink sink; size_t n; char text[16384]; };
static inline void core_write(struct aio_sink *sink, const char *text, size_t length)
{
    struct core_text *kept = (struct core_text *)(void *)sink;
    if (length < sizeof kept->text - kept->n) {
        memcpy(kept->text + kept->n, text, length);
        kept->n += length;
        kept->text[kept->n] = 0;
    }
}

/* The step that runs takes so long. The time is all that the virtual clock keeps. */
static inline void takes(aio_time span) { *(aio_time *)aio_loop_current()->poller_data += span; }

/* As many as the machine is good for: fewer under valgrind. */
static inline long core_many(long n) { return getenv("AIO_TEST_SLOW") ? n / 100 : n; }
#endif
