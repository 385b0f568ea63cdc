/* libc.h - as much of a C library as the tests take, for machines that have none. Programs find it under the
   names that they include: -isystem test/embedded/libc. It prints through the board.

   It is for the tests alone: firmware needs nothing of it, and aio.h needs no C library at all. */
#ifndef LIBC_H_INCLUDED
#define LIBC_H_INCLUDED
#include <stdarg.h>
#include <stddef.h>

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
char *strcpy(char *to, const char *from);
char *strcat(char *to, const char *from);

/* unistd.h: whoever runs the emulator has a watch of his own. */
static inline unsigned alarm(unsigned seconds) { return seconds; }

/* time.h */
typedef int clockid_t;
enum { CLOCK_PROCESS_CPUTIME_ID };
struct timespec { long tv_sec, tv_nsec; };
int clock_gettime(clockid_t clock, struct timespec *now);
#endif
