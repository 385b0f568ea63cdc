/* libc.h - as much of a C library as the tests take, for machines that have none. Programs find it under the
   names that they include: -isystem test/embedded/libc. It prints through the board.

   It is for the tests alone: firmware needs nothing of it, and aio.h needs no C library at all. */
#ifndef LIBC_H_INCLUDED
#define LIBC_H_INCLUDED
#include <stdarg.h>
#include <stddef.h>

/* A board knows no arguments: its main, in libc.c, calls the program's with none. */
#define main libc_main
int main(int argc, char **argv);

/* stdio.h. Of formats: d, i, u, x, c, s, p, g, with l, ll, z, a width, 0, - and a precision for strings. */
typedef struct libc_file FILE;
#define stdout ((FILE *)0)
#define stderr ((FILE *)0)
enum { _IOLBF };
#define LIBC_FORMAT_(at, from) __attribute__((format(printf, at, from)))
int printf(const char *format, ...) LIBC_FORMAT_(1, 2);
int sprintf(char *to, const char *format, ...) LIBC_FORMAT_(2, 3);
int snprintf(char *to, size_t size, const char *format, ...) LIBC_FORMAT_(3, 4);
int vprintf(const char *format, va_list arguments) LIBC_FORMAT_(1, 0);
int vsnprintf(char *to, size_t size, const char *format, va_list arguments) LIBC_FORMAT_(3, 0);
int setvbuf(FILE *file, char *buffer, int mode, size_t size);

/* stdlib.h. Of the environment there is only AIO_TEST_SLOW: an emulated machine is not in a hurry. */
void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void free(void *block);
void qsort(void *array, size_t n, size_t size, int (*compare)(const void *, const void *));
char *getenv(const char *name);
__attribute__((noreturn)) void abort(void);

/* string.h */
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *text, int c);
char *strrchr(const char *text, int c);
char *strstr(const char *text, const char *part);
size_t strcspn(const char *text, const char *stops);
char *strcpy(char *to, const char *from);
char *strcat(char *to, const char *from);

/* unistd.h: whoever runs the emulator has a watch of his own. */
static inline unsigned alarm(unsigned seconds) { return seconds; }

/* time.h: by the board's counter, in microseconds. */
typedef int clockid_t;
enum { CLOCK_PROCESS_CPUTIME_ID };
struct timespec { long tv_sec, tv_nsec; };
int clock_gettime(clockid_t id, struct timespec *now);
typedef long clock_t;
#define CLOCKS_PER_SEC 1000000L
clock_t clock(void);

/* pthread.h: a thread runs to its end while it is made. */
typedef int pthread_t, pthread_attr_t;
static inline int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
    (void)attributes;
    *thread = 0;
    run(arg);
    return 0;
}
static inline int pthread_join(pthread_t thread, void **result) { return (void)result, thread; }
static inline int pthread_attr_init(pthread_attr_t *attributes) { return *attributes = 0; }
static inline int pthread_attr_setstacksize(pthread_attr_t *attributes, size_t n) { return (void)n, *attributes; }
static inline int pthread_attr_destroy(pthread_attr_t *attributes) { return *attributes; }
#endif
