/* test_bare.c - what small programs leave out: AIO_STRINGS 0, AIO_TRACE_DEPTH 0; and what they ask for:
   AIO_FRAME_SYMBOLS, AIO_MEMORY. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdint.h>
#include <stdlib.h>
#include "tap.h"
#include <signal.h>
#include <sys/wait.h>

static int failed_to = -1;              /* the pipe to the parent */
static void failed(const char *message)
{
    const char *text = !message ? "no text" : message[0] ? message : "an empty text";
    if (write(failed_to, text, strlen(text)) < 0)
        _exit(2);
}

#undef AIO_DEBUG                        /* whatever the others are built with */
#undef AIO_POOL
#define AIO_POOL 1                      /* freed frames can be looked at, with ASan too */
#define AIO_STRINGS 0
#define AIO_TRACE_DEPTH 0
#define AIO_FRAME_SYMBOLS 1
#define AIO_MEMORY 1
#define AIO_ASSERT_FAILED(message) failed(message)
/* The four functions under other names, for this program has a C library. */
#define memcpy test_memcpy
#define memmove test_memmove
#define memset test_memset
#define memcmp test_memcmp
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
#define AIO_IMPLEMENTATION
#include "aio_sim.h"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp

static void report(struct aio_loop *loop, const struct aio_report *report)
{
    (void)loop;
    note("[%s|%s|%d|%s|%d places]", report->name, report->message, report->error, report->file ? "file" : "no file",
         report->trace ? (int)report->trace->count : 0);
}
static struct aio_options options = { .on_error = report };

/* ------------------------------------------------------------------------------------ no strings */

struct fails { AIO_FRAME(int); int error; };
static AIO_CORO(fails)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(AIO_MS(1)));
    AIO_RAISE(self->error);
    AIO_END;
}
struct calls { AIO_FRAME(int); int error; };
static AIO_CORO(calls)
{
    AIO_BEGIN;
    AIO_AWAIT(self->result, aio_new(fails, self->error));
    AIO_END;
}
struct errors { AIO_FRAME(void); struct calls *task; int error; };
static AIO_CORO(errors)
{
    AIO_BEGIN;
    if (aio_spawn(aio_new(calls, AIO_EUSER - 3)) < 0)
        AIO_RAISE(AIO_ENOMEM);
    AIO_AWAIT(aio_sleep(AIO_MS(5)));
    AIO_TRY(self->error, aio_new(calls, AIO_EPIPE));
    CHECK_INT(self->error, AIO_EPIPE);
    self->task = aio_create_task(aio_new(calls, AIO_EIO));
    AIO_TRY(self->error, aio_wait_for(self->task, AIO_SEC(1)));
    CHECK_INT(self->error, AIO_EIO);
    CHECK_INT(aio_task_error(self->task), AIO_EIO);
    CHECK_INT(aio_task_set_name(self->task, "mine"), 0);
    CHECK_STR(aio_task_name(self->task), "mine");           /* that one is the user's */
    aio_release(self->task);
    AIO_RAISE(AIO_ERANGE);
    AIO_END;
}
TEST(errors_have_their_numbers)
{
    CHECK_INT(aio_run_with(&options, aio_new(errors)), AIO_ERANGE);
    CHECK_NOTES("[||-10003|no file|0 places]");
    CHECK_STR(aio_strerror(AIO_ENOMEM), "");
    CHECK_STR(aio_strerror(12345), "");
    CHECK(aio_error_name(AIO_ENOMEM) == NULL);
}

struct written { struct aio_sink sink; char text[500]; };
static void write_text(struct aio_sink *sink, const char *text, size_t length)
{
    strncat(((struct written *)(void *)sink)->text, text, length);
}
static void dump_report(struct aio_loop *loop, const struct aio_report *report)
{
    struct written written = { { write_text }, "" };
    (void)loop;
    aio_report_write(report, &written.sink);
    note("%s", written.text);
}
struct dumps { AIO_FRAME(void); struct fails *task; int error; };
static AIO_CORO(dumps)
{
    struct written written = { { write_text }, "" };
    AIO_BEGIN;
    self->task = aio_create_task(aio_new(fails, AIO_EIO));
    AIO_AWAIT(aio_sleep(0));
    aio_dump(aio_loop_current(), &written.sink);
    CHECK(strncmp(written.text, "2 tasks\n", 8) == 0, "%s", written.text);
    CHECK(strstr(written.text, "sleeps, 0.001 s"), "%s", written.text);
    CHECK(!strstr(written.text, "dumps") && !strstr(written.text, "fails") && !strstr(written.text, ".c"), "%s",
          written.text);
    AIO_TRY(self->error, self->task);
    aio_release(self->task);
    AIO_END;
}
TEST(dumps_say_little)
{
    struct aio_options dumping = { .on_error = dump_report };
    CHECK_INT(aio_run_with(&options, aio_new(dumps)), 0);
    CHECK_NOTES("");
    CHECK_INT(aio_run_with(&dumping, aio_new(errors)), AIO_ERANGE);
    CHECK(strstr(tap_text, "-10003"), "%s", tap_text);
    CHECK(!strstr(tap_text, "calls") && !strstr(tap_text, ".c"), "%s", tap_text);
    tap_text[0] = 0;
}

/* Broken promises end the program all the same, without a word; what handles them gets a text, with nothing in
   it. */
struct twice { AIO_FRAME(void); struct fails *frame; int error; };
static AIO_CORO(twice)
{
    AIO_BEGIN;
    self->frame = aio_new(fails);
    AIO_AWAIT(self->frame);
    AIO_AWAIT(self->frame);
    AIO_END;
}
static void run_twice(void) { (void)aio_run(aio_new(twice)); }
static void set_twice(void)
{
    AIO_FUTURE(int) future;
    memset(&future, 0, sizeof future);
    (void)aio_future_set_result(&future, 1);
    (void)aio_future_set_result(&future, 2);
}
static void run_once(void) { (void)aio_run(aio_new(fails, AIO_EIO)); }
static void release_too_often(void)
{
    struct aio_semaphore semaphore;
    aio_bounded_semaphore_init(&semaphore, 1);
    aio_semaphore_release(&semaphore);
}

static const char *dies(void (*function)(void))
{
    static char text[100];
    int ends[2], status = 0;
    ssize_t n;
    pid_t child;
    if (pipe(ends) < 0 || (child = fork()) < 0)
        return "no pipe or no process";
    if (child == 0) {
        close(ends[0]);
        failed_to = ends[1];
        dup2(ends[1], 2);
        function();
        _exit(0);
    }
    close(ends[1]);
    n = read(ends[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    close(ends[0]);
    waitpid(child, &status, 0);
    return !WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT ? "it lived" : text;
}
TEST(assertions_end_the_program)
{
    CHECK_STR(dies(run_twice), "an empty text");
    CHECK_STR(dies(set_twice), "an empty text");
    CHECK_STR(dies(release_too_often), "no text");
    CHECK_STR(dies(run_once), "it lived");
}

/* ------------------------------------------------------------------------------------ frame sizes */

TEST(frame_symbols)
{
    CHECK_INT(sizeof fails_frame_bytes_, sizeof(struct fails));
    CHECK_INT(sizeof errors_frame_bytes_, sizeof(struct errors));
    CHECK_INT(aio_size_of(errors), sizeof(struct errors));
}

/* --------------------------------------------------------------------------------- the four functions */

enum { AREA = 40 };
static unsigned char area[AREA], model[AREA];
static void fill(void)
{
    int i;
    for (i = 0; i < AREA; i++)
        area[i] = model[i] = (unsigned char)(i * 7 + 200);
}
/* Every place, every length, every distance, overlapping or not: nothing beside it is touched. */
TEST(memory_is_copied_and_moved)
{
    size_t from, to, n;
    for (from = 0; from < AREA; from += 3)
        for (to = 0; to < AREA; to++)
            for (n = 0; n <= AREA - (from > to ? from : to); n++) {
                fill();
                memmove(model + to, model + from, n);
                CHECK(test_memmove(area + to, area + from, n) == area + to);
                CHECK(memcmp(area, model, AREA) == 0, "memmove %d, %d, %d", (int)to, (int)from, (int)n);
                if (from + n > to && to + n > from)
                    continue;                           /* overlapping */
                fill();
                memcpy(model + to, model + from, n);
                CHECK(test_memcpy(area + to, area + from, n) == area + to);
                CHECK(memcmp(area, model, AREA) == 0, "memcpy %d, %d, %d", (int)to, (int)from, (int)n);
            }
}

TEST(memory_is_set_and_compared)
{
    size_t at, n, other;
    for (at = 0; at < AREA; at++)
        for (n = 0; n <= AREA - at; n++) {
            fill();
            memset(model + at, 0x1ff, n);
            CHECK(test_memset(area + at, 0x1ff, n) == area + at);
            CHECK(memcmp(area, model, AREA) == 0, "memset %d, %d", (int)at, (int)n);
            fill();
            CHECK(test_memcmp(area + at, model + at, n) == 0);
            for (other = at; other < at + n; other++) {
                model[other] ^= 0x80;
                CHECK((test_memcmp(area + at, model + at, n) < 0) == (memcmp(area + at, model + at, n) < 0));
                CHECK(test_memcmp(area + at, model + at, n) != 0);
                model[other] ^= 0x80;
            }
        }
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(errors_have_their_numbers), T(dumps_say_little), T(assertions_end_the_program),
        T(frame_symbols), T(memory_is_copied_and_moved), T(memory_is_set_and_compared));
}
