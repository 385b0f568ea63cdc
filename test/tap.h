/* tap.h - the tests' own runner: TAP on standard output, for prove.

   A test is TEST(name) { CHECK(...); }. A program lists its tests in main:

       int main(int argc, char **argv) { RUN(argc, argv, T(name), T(other)); }

   With arguments it runs only the tests whose names contain one of them. Every program runs alone, in a
   debugger too, and ends itself after ALARM seconds (600 under valgrind, if AIO_TEST_SLOW is set). */
#ifndef TAP_H_INCLUDED
#define TAP_H_INCLUDED
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef ALARM
#define ALARM 60
#endif

struct tap_test { const char *name; void (*run)(void); };
static int tap_failed;                  /* checks, in the test that runs */

#define TEST(name) static void test_##name(void)
#define T(name) { #name, test_##name }
#define RUN(argc, argv, ...) \
    static const struct tap_test tap_tests[] = { __VA_ARGS__ }; \
    return tap_run(argc, argv, tap_tests, sizeof tap_tests / sizeof *tap_tests)

/* CHECK(condition); CHECK(condition, "format", ...): a failure is told and the test goes on. */
#define CHECK(...) CHECK_(__VA_ARGS__, "", 0)
#define CHECK_(condition, ...) ((condition) ? (void)0 : tap_fail(__FILE__, __LINE__, #condition, __VA_ARGS__))
/* Of whole numbers and of strings, with both sides shown. */
#define CHECK_INT(got, want) tap_int(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))
#define CHECK_STR(got, want) tap_str(__FILE__, __LINE__, #got, (got), (want))

static inline void tap_fail(const char *file, int line, const char *text, const char *format, ...)
{
    va_list arguments;
    tap_failed++;
    printf("# %s:%d: %s", file, line, text);
    if (format[0]) {
        printf(": ");
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
    }
    printf("\n");
}

static inline void tap_int(const char *file, int line, const char *text, long long got, long long want)
{
    if (got != want)
        tap_fail(file, line, text, "got %lld, want %lld", got, want);
}

static inline void tap_str(const char *file, int line, const char *text, const char *got, const char *want)
{
    if (strcmp(got, want) != 0)
        tap_fail(file, line, text, "\n# got:  %s\n# want: %s", got, want);
}

/* A log that tests write events to, to check their order. */
#ifndef TAP_NOTES
#define TAP_NOTES 8192
#endif
static char tap_text[TAP_NOTES];
static inline void note(const char *format, ...)
{
    size_t n = strlen(tap_text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(tap_text + n, sizeof tap_text - n, format, arguments);
    va_end(arguments);
}
#define CHECK_NOTES(want) (tap_str(__FILE__, __LINE__, "notes", tap_text, (want)), (void)(tap_text[0] = 0))

static inline int tap_run(int argc, char **argv, const struct tap_test *tests, size_t count)
{
    size_t i;
    int k, number = 0, failed = 0, wanted;
    setvbuf(stdout, NULL, _IOLBF, 0);
    alarm(getenv("AIO_TEST_SLOW") ? 600 : ALARM);
    for (i = 0; i < count; i++) {
        for (wanted = argc < 2, k = 1; k < argc; k++)
            wanted |= strstr(tests[i].name, argv[k]) != NULL;
        if (!wanted)
            continue;
        tap_failed = 0;
        tap_text[0] = 0;
        tests[i].run();
        failed += tap_failed != 0;
        printf("%sok %d - %s\n", tap_failed ? "not " : "", ++number, tests[i].name);
    }
    printf("1..%d\n", number);
    return failed != 0;
}
#endif
