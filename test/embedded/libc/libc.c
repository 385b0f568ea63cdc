/* libc.c - see libc.h. Short, not fast. Memory functions are aio.h's own, by AIO_MEMORY. */
#include "libc.h"
#include "embedded/board.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#undef main
int main(void);
int main(void)
{
    static char name[] = "test", *argv[] = { name, NULL };
    return libc_main(1, argv);
}

/* ----------------------------------------------------------------------------------- printing */

/* Where formatted text goes: to the board, or to an array that it may not fit into. */
struct out { char *to; size_t size, length; };

static void out_char(struct out *out, char c)
{
    if (!out->to)
        board_put(&c, 1);
    else if (out->length + 1 < out->size)
        out->to[out->length] = c;
    out->length++;
}

/* What stands between % and the letter. */
struct spec { int width, precision; bool zero, left; };

static void out_text(struct out *out, const struct spec *spec, const char *text, size_t n)
{
    size_t fill = (size_t)spec->width > n ? (size_t)spec->width - n : 0;
    for (; fill && !spec->left; fill--)
        out_char(out, spec->zero ? '0' : ' ');
    for (; n--; text++)
        out_char(out, *text);
    while (fill--)
        out_char(out, ' ');
}

static void out_number(struct out *out, const struct spec *spec, unsigned long long x, unsigned base, bool negative)
{
    char text[24], *at = text + sizeof text;
    do
        *--at = "0123456789abcdef"[x % base];
    while (x /= base);
    if (negative)
        *--at = '-';
    out_text(out, spec, at, (size_t)(text + sizeof text - at));
}

/* As %g does it for numbers that are neither large nor small: up to 6 decimals, no zeros at the end. */
static void out_double(struct out *out, const struct spec *spec, double x)
{
    const struct spec plain = { 0, -1, false, false }, six = { 6, -1, true, false };
    unsigned long long parts = (unsigned long long)((x < 0 ? -x : x) * 1e6 + 0.5);
    unsigned fraction = (unsigned)(parts % 1000000), width = 6;
    struct spec digits = six;
    (void)spec;
    out_number(out, &plain, parts / 1000000, 10, x < 0);
    if (!fraction)
        return;
    for (; fraction % 10 == 0; fraction /= 10)
        width--;
    digits.width = (int)width;
    out_char(out, '.');
    out_number(out, &digits, fraction, 10, false);
}

static const char *spec_read(struct spec *spec, const char *at, va_list *arguments)
{
    spec->width = 0;
    spec->precision = -1;
    for (spec->zero = spec->left = false; *at == '0' || *at == '-'; at++)
        *(*at == '0' ? &spec->zero : &spec->left) = true;
    for (; *at >= '0' && *at <= '9'; at++)
        spec->width = spec->width * 10 + *at - '0';
    if (*at != '.')
        return at;
    if (*++at == '*') {
        spec->precision = va_arg(*arguments, int);
        return at + 1;
    }
    for (spec->precision = 0; *at >= '0' && *at <= '9'; at++)
        spec->precision = spec->precision * 10 + *at - '0';
    return at;
}

static void out_string(struct out *out, const struct spec *spec, const char *text)
{
    size_t n = 0;
    while (n != (size_t)spec->precision && text[n])
        n++;
    out_text(out, spec, text, n);
}

/* longs: how many l stand before the letter. */
static void out_one(struct out *out, const struct spec *spec, char letter, int longs, va_list *arguments)
{
    long long x;
    char c;
    if (letter == 's')
        out_string(out, spec, va_arg(*arguments, const char *));
    else if (letter == 'g')
        out_double(out, spec, va_arg(*arguments, double));
    else if (letter == 'c') {
        c = (char)va_arg(*arguments, int);
        out_text(out, spec, &c, 1);
    } else if (letter == 'd' || letter == 'i') {
        x = longs > 1 ? va_arg(*arguments, long long) : longs ? va_arg(*arguments, long) : va_arg(*arguments, int);
        out_number(out, spec, x < 0 ? 0 - (unsigned long long)x : (unsigned long long)x, 10, x < 0);
    } else if (letter == 'u' || letter == 'x' || letter == 'p')
        out_number(out, spec, letter == 'p' ? (uintptr_t)va_arg(*arguments, void *) :
                   longs > 1 ? va_arg(*arguments, unsigned long long) :
                   longs ? va_arg(*arguments, unsigned long) : va_arg(*arguments, unsigned),
                   letter == 'u' ? 10 : 16, false);
    else
        out_char(out, letter);
}

static int out_format(struct out *out, const char *format, va_list arguments)
{
    va_list rest;
    struct spec spec;
    int longs;
    va_copy(rest, arguments);
    for (; *format; format++) {
        if (*format != '%') {
            out_char(out, *format);
            continue;
        }
        format = spec_read(&spec, format + 1, &rest);
        for (longs = 0; *format == 'l' || *format == 'z'; format++)
            longs++;                    /* a size_t is as long as a long here */
        out_one(out, &spec, *format, longs, &rest);
    }
    va_end(rest);
    if (out->size)
        out->to[out->length < out->size ? out->length : out->size - 1] = 0;
    return (int)out->length;
}

int vprintf(const char *format, va_list arguments)
{
    struct out out = { NULL, 0, 0 };
    return out_format(&out, format, arguments);
}

int vsnprintf(char *to, size_t size, const char *format, va_list arguments)
{
    struct out out = { to, size, 0 };
    return out_format(&out, format, arguments);
}

#define FORMAT_(call) do { va_list arguments; int n; va_start(arguments, format); n = call; va_end(arguments); \
    return n; } while (0)
int printf(const char *format, ...) { FORMAT_(vprintf(format, arguments)); }
int sprintf(char *to, const char *format, ...) { FORMAT_(vsnprintf(to, INT_MAX, format, arguments)); }
int snprintf(char *to, size_t size, const char *format, ...) { FORMAT_(vsnprintf(to, size, format, arguments)); }

int setvbuf(FILE *file, char *buffer, int mode, size_t size)
{
    (void)file, (void)buffer, (void)mode, (void)size;
    return 0;
}

/* ------------------------------------------------------------------------------------ memory */

/* Blocks are powers of two behind a head, carved once and kept in a list for each size. */
#ifndef HEAP_BYTES
#define HEAP_BYTES 4096
#endif
union head { union head *next; unsigned power; long double align; };
static union { long double align; char bytes[HEAP_BYTES]; } heap;
static size_t heap_used;
static union head *heap_free[sizeof(size_t) * CHAR_BIT];

void *malloc(size_t size)
{
    unsigned power = 4;
    union head *head;
    if (size > HEAP_BYTES)
        return NULL;
    while (((size_t)1 << power) < size)
        power++;
    head = heap_free[power];
    if (head)
        heap_free[power] = head->next;
    else if (HEAP_BYTES - heap_used >= ((size_t)1 << power) + sizeof *head) {
        head = (union head *)(void *)(heap.bytes + heap_used);
        heap_used += ((size_t)1 << power) + sizeof *head;
    } else
        return NULL;
    head->power = power;
    return head + 1;
}

void *calloc(size_t n, size_t size)
{
    void *block = malloc(n * size);
    return block ? memset(block, 0, n * size) : NULL;
}

void free(void *block)
{
    union head *head = (union head *)block - 1;
    unsigned power;
    if (!block)
        return;
    power = head->power;
    head->next = heap_free[power];
    heap_free[power] = head;
}

void qsort(void *array, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    char *items = (char *)array, c;
    size_t i, k, b;
    for (i = 1; i < n; i++)
        for (k = i; k && compare(items + (k - 1) * size, items + k * size) > 0; k--)
            for (b = 0; b < size; b++) {
                c = items[k * size + b];
                items[k * size + b] = items[(k - 1) * size + b];
                items[(k - 1) * size + b] = c;
            }
}

char *getenv(const char *name)
{
    static char yes[] = "1";
    return strcmp(name, "AIO_TEST_SLOW") == 0 ? yes : NULL;
}

void abort(void)
{
    printf("Bail out! aborted\n");
    board_exit(1);
    for (;;)
        continue;
}

/* ------------------------------------------------------------------------------------- text */

size_t strlen(const char *text)
{
    size_t n = 0;
    while (text[n])
        n++;
    return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n && *a && *a == *b; n--, a++)
        b++;
    return n ? (unsigned char)*a - (unsigned char)*b : 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, SIZE_MAX); }

char *strchr(const char *text, int c)
{
    while (*text && *text != (char)c)
        text++;
    return *text == (char)c ? (char *)(uintptr_t)text : NULL;
}

char *strrchr(const char *text, int c)
{
    const char *at = text + strlen(text);
    while (at > text && *at != (char)c)
        at--;
    return *at == (char)c ? (char *)(uintptr_t)at : NULL;
}

char *strstr(const char *text, const char *part)
{
    size_t n = strlen(part);
    for (; strncmp(text, part, n) != 0; text++)
        if (!*text)
            return NULL;
    return (char *)(uintptr_t)text;
}

size_t strcspn(const char *text, const char *stops)
{
    size_t n = 0;
    while (text[n] && !strchr(stops, text[n]))
        n++;
    return n;
}

char *strcpy(char *to, const char *from)
{
    memcpy(to, from, strlen(from) + 1);
    return to;
}

char *strcat(char *to, const char *from)
{
    strcpy(to + strlen(to), from);
    return to;
}

_Static_assert(AIO_TICK_HZ == CLOCKS_PER_SEC, "the board counts microseconds");
clock_t clock(void) { return (clock_t)board_ticks(); }

int clock_gettime(clockid_t id, struct timespec *now)
{
    uint32_t ticks = board_ticks();
    (void)id;
    now->tv_sec = (long)(ticks / AIO_TICK_HZ);
    now->tv_nsec = (long)(ticks % AIO_TICK_HZ * 1000);
    return 0;
}
