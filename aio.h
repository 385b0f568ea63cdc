/* aio.h - asyncio in C: coroutines, tasks, groups, timeouts, locks, queues, generators. Version 0.1.0
   SPDX-License-Identifier: MIT (text at the end of this file)

   Stackless coroutines made of switch and case, with typed results, keyword arguments, errors that
   propagate, cancellation with cleanup, and an event loop that is driven by a poller of your choice
   (aio_epoll.h, aio_select.h, aio_sim.h, or two hooks on bare metal). No operating system in here.
   It is asyncio, not POSIX AIO: include it as "aio.h", never as <aio.h>, and point the compiler to
   its folder with -iquote, not with -I (README.md says why).

       #include <stdio.h>
       #define AIO_IMPLEMENTATION              // in exactly one .c file
       #include "aio_epoll.h"                  // the poller; brings aio.h

       struct add { AIO_FRAME(int); int a, b; };            // result type, arguments, variables
       static AIO_CORO(add)
       {
           AIO_BEGIN;
           AIO_AWAIT(aio_sleep(AIO_MS(10)));                // may suspend
           AIO_RETURN(self->a + self->b);
           AIO_END;
       }

       struct sums { AIO_FRAME(void); int one; };
       static AIO_CORO(sums)
       {
           AIO_BEGIN;
           AIO_AWAIT(self->one, aio_new(add, .a = 1, .b = 2));
           printf("1 + 2 = %d\n", self->one);
           AIO_END;
       }

       int main(void) { return aio_main(aio_new(sums)); }

   Rules
     - What must live across an await is a member of the frame (self->x). A local variable is lost
       at every await; compilers that can see it warn (gcc -O1 and up; clang).
     - No await inside a switch of your own: its case labels would capture ours. Use if and else.
     - Between AIO_BEGIN and AIO_END, declare variables in a block of their own: { int i; ... }.
     - An awaitable that you made is yours until somebody accepts it: AIO_AWAIT, aio_create_task,
       aio_spawn, a group. Never accepted, it must be given back with aio_discard.
     - A handle from aio_create_task is yours until aio_release. Awaiting it does not release it.
     - Zero is nothing: a zeroed frame, group, future or callback is a valid empty one.
     - Errors are negative numbers: AIO_E..., on POSIX the negative errno, or your own from AIO_EUSER
       down. They leave the coroutine through AIO_FINALLY unless AIO_TRY or AIO_CATCH takes them.
     - One loop runs per thread. What a loop owns is touched from its own thread only; the one
       exception is aio_loop_post, which may be called from anywhere.

   Options, to be defined before the first inclusion, and the same in every file of a program:
     AIO_DEBUG          0      1: report coroutines never awaited, handles never released, slow steps;
                               check threads and buffers; poison what is freed (see "Debugging")
     AIO_LINES   AIO_DEBUG     1: every frame keeps the line it waits at, for aio_dump
     AIO_DEF        extern     or static, for programs of one file
     AIO_POOL            1     0: every object comes from AIO_MALLOC by itself (ASan, valgrind, tests
                               of failure); it is 0 by default when ASan is on
     AIO_POOL_BYTES      0     n: the pool is a static array of n bytes and malloc is never called
     AIO_TIMERS         64     slots for timers, when AIO_POOL_BYTES is set
     AIO_SLAB_BYTES  16384     task records are carved from slabs of this size (a power of two); 512 or
                               128 in a static pool
     AIO_MALLOC(n)   malloc    and
     AIO_FREE(p)       free    where memory comes from
     AIO_MAX_DIRECT     64     awaits that may nest on the C stack before the loop takes over; on bare metal 4. From
                               32 up there may be 32 more, of tasks that are awaited as soon as they are made
     AIO_BUDGET        128     operations that complete at once before a task must yield (what it fills in
                               that time, a bounded buffer say, must hold that much, or it yields itself).
                               Who has to wait waits at once
     AIO_TRACE_DEPTH    16     places that an error remembers on its way up (an even number; 0: none)
     AIO_SLOW_STEP  AIO_MS(100) AIO_DEBUG: a step that takes longer is reported
     AIO_ASSERT_FAILED(message)  what a broken assertion does; prints and aborts by default
     AIO_SMALL                 1: the macros call functions instead of having their work done in place. Default: 1
                               where the compiler optimises for size (-Os, -Oz); may differ from file to file
     AIO_CHECK_SWITCH    1     make an await inside your own switch a compile-time warning; 0 by default under
                               AIO_SMALL where numbers of 64 bits are dear
     AIO_THREAD_LOCAL          __thread; define it empty where there are no threads (on bare metal it is)
     AIO_STRINGS         1     0: no names, files and messages in the program. Assertions, reports and aio_dump
                               work as before, and have nothing to say; options.debug does nothing
     AIO_FRAME_SYMBOLS   0     1: every AIO_CORO(name) leaves a symbol name_frame_bytes_ of the size of its frame:
                               nm -S --size-sort file.o | grep _frame_bytes_ is the list of all
     AIO_MEMORY          0     1: define memcpy, memmove, memset and memcmp, which compilers call by themselves, for
                               programs without any C library (weak, where the compiler can)

   Bare metal: without a poller header, two hooks of yours, functions or macros, drive the loop.
     AIO_NOW()                 the time: a counter that starts anywhere and never goes back
     AIO_IDLE(timeout)         waits until something happens, or so long at most; < 0: no limit; never 0. It may return
                               early, and nothing but the battery suffers if it returns at once
     AIO_TICK_HZ         0     n: AIO_NOW() counts n ticks a second, in 32 bits that wrap, and AIO_IDLE gets ticks
                               (int32_t; INT32_MAX at most, also for no limit, if aio_time has 64 bits: somebody
                               must look at the counter once in every round). 0: both are in nanoseconds, of 64 bits
     AIO_TIME_32         0     1: aio_time has 32 bits and counts those ticks (AIO_TICK_HZ is 1000 then, if you say
                               nothing else). Spans are 2^30 ticks at most, 12 days of milliseconds, and points in
                               time go round: see aio_time_after, aio_time_before
   Interrupt handlers hand over to the loop by aio_loop_post, and touch nothing else of it:

       static struct aio_loop loop;                         // static, so that handlers know it
       static struct aio_event pressed;
       static void button_pressed(struct aio_callback *c) { (void)c; aio_event_set(&pressed); }    // in the loop
       static struct aio_callback button = { .fn = button_pressed };
       void button_interrupt(void) { aio_loop_post(&loop, &button); }

       int main(void)
       {
           if (aio_loop_init(&loop, NULL) || aio_loop_spawn(&loop, aio_new(blink)))
               return 1;
           return aio_loop_run_forever(&loop);              // start interrupts behind aio_loop_init
       }

   Data goes through a ring of yours that the callback empties, as embedded/echo.c does it. What a program does not use
   is not linked if it is built with -ffunction-sections -fdata-sections -Wl,--gc-sections; of one file, AIO_DEF static
   helps, too. There is nothing to print to: give options.on_error or AIO_ASSERT_FAILED. AIO_IDLE is called with
   interrupts masked, after a last look has found nothing posted, so that no wake-up is lost in between: what it
   sleeps by must end at an interrupt that is pending, though masked. WFI does, on Cortex-M and RISC-V; on AVR it is
   sei() directly followed by sleep_cpu(). How interrupts are masked is known for these three; elsewhere say it:
     AIO_CRITICAL_ENTER()      masks them, and gives a uint32_t for
     AIO_CRITICAL_EXIT(state)  which puts them back as they were
   Under an RTOS, whose own calls do the waiting, define one more, and AIO_IDLE is called with nothing masked:
     AIO_WAKE()                ends an AIO_IDLE, or the next one: gives a semaphore that AIO_IDLE takes

   Limits: 32,000 awaits in one coroutine, 255 references to one task and requests to cancel it (more
   count as 255), 8 awaitables in AIO_GATHER, AIO_ALL and AIO_RACE, frames aligned to 16 bytes,
   results read after AIO_ENOMEM zeroed up to 64 bytes; where pointers have 32 bits, frames are aligned to 8 bytes,
   results zeroed up to 8, and 32,768 timers at a time. */
#ifndef AIO_H_INCLUDED
#define AIO_H_INCLUDED

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AIO_VERSION_MAJOR 0
#define AIO_VERSION_MINOR 1
#define AIO_VERSION_PATCH 0
#define AIO_VERSION (AIO_VERSION_MAJOR * 10000 + AIO_VERSION_MINOR * 100 + AIO_VERSION_PATCH)

/* ------------------------------------------------------------------------------------ options */

#ifndef AIO_DEBUG
#define AIO_DEBUG 0
#endif
#ifndef AIO_LINES
#define AIO_LINES AIO_DEBUG
#endif
#ifndef AIO_DEF
#define AIO_DEF extern
#endif
#ifndef AIO_POOL_BYTES
#define AIO_POOL_BYTES 0
#endif
#ifndef AIO_TIMERS
#define AIO_TIMERS 64
#endif
#if defined __SANITIZE_ADDRESS__
#define AIO_ASAN_ 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define AIO_ASAN_ 1
#endif
#endif
#ifndef AIO_ASAN_
#define AIO_ASAN_ 0
#endif
#ifndef AIO_POOL
#if AIO_DEBUG || (AIO_ASAN_ && !AIO_POOL_BYTES)
#define AIO_POOL 0
#else
#define AIO_POOL 1
#endif
#endif
/* No operating system: hooks, interrupts instead of threads, small stacks. */
#if defined __AVR__ || (defined __ARM_ARCH_PROFILE && __ARM_ARCH_PROFILE == 'M') || \
    (defined __riscv && !defined __linux__)
#define AIO_BARE_ 1
#else
#define AIO_BARE_ !__STDC_HOSTED__
#endif
#ifndef AIO_SLAB_BYTES
#if AIO_POOL_BYTES && AIO_POOL_BYTES <= 16384
#define AIO_SLAB_BYTES 128
#elif AIO_BARE_ || (AIO_POOL_BYTES && AIO_POOL_BYTES < 262144)
#define AIO_SLAB_BYTES 512
#else
#define AIO_SLAB_BYTES 16384
#endif
#endif
#ifndef AIO_MAX_DIRECT
#if AIO_BARE_
#define AIO_MAX_DIRECT 4
#else
#define AIO_MAX_DIRECT 64
#endif
#endif
#ifndef AIO_BUDGET
#define AIO_BUDGET 128
#endif
#ifndef AIO_TRACE_DEPTH
#define AIO_TRACE_DEPTH 16
#endif
#ifndef AIO_SLOW_STEP
#define AIO_SLOW_STEP AIO_MS(100)
#endif
#ifndef AIO_STRINGS
#define AIO_STRINGS 1
#endif
#ifndef AIO_FRAME_SYMBOLS
#define AIO_FRAME_SYMBOLS 0
#endif
#ifndef AIO_MEMORY
#define AIO_MEMORY 0
#endif
#ifndef AIO_TIME_32
#define AIO_TIME_32 0
#endif
#ifndef AIO_TICK_HZ
#define AIO_TICK_HZ (AIO_TIME_32 ? 1000 : 0)
#endif
#define AIO_HZ_ (AIO_TICK_HZ)           /* which may be F_CPU / 64 */
#ifndef AIO_SMALL
#ifdef __OPTIMIZE_SIZE__
#define AIO_SMALL 1
#else
#define AIO_SMALL 0
#endif
#endif
#ifndef AIO_CHECK_SWITCH
#if AIO_SMALL && UINTPTR_MAX <= 0xffffffff
#define AIO_CHECK_SWITCH 0
#elif defined __clang__ || (defined __GNUC__ && __GNUC__ >= 8 && !defined __AVR__)
#define AIO_CHECK_SWITCH 1
#else
#define AIO_CHECK_SWITCH 0
#endif
#endif

#if AIO_SLAB_BYTES & (AIO_SLAB_BYTES - 1)
#error "AIO_SLAB_BYTES must be a power of two"
#endif
#if AIO_MAX_DIRECT < 0
#error "AIO_MAX_DIRECT must not be negative"
#endif
#if AIO_BUDGET < 1
#error "AIO_BUDGET must be at least 1"
#endif
#if AIO_TRACE_DEPTH < 0 || AIO_TRACE_DEPTH % 2
#error "AIO_TRACE_DEPTH must be even, or 0"
#endif
#if AIO_TIME_32 && AIO_HZ_ < 1
#error "AIO_TIME_32 counts ticks: AIO_TICK_HZ says how many a second has"
#endif
#if AIO_HZ_ < 0 || AIO_HZ_ > 1000000000
#error "AIO_TICK_HZ must be 1 to 1000000000 ticks a second, or 0"
#endif
#if !AIO_STRINGS && AIO_DEBUG
#error "AIO_DEBUG has something to say: it needs AIO_STRINGS 1"
#endif
#if AIO_POOL_BYTES && (!AIO_POOL || AIO_DEBUG)
#error "AIO_POOL_BYTES needs AIO_POOL 1 and AIO_DEBUG 0"
#endif
#if AIO_DEBUG && AIO_POOL
#error "AIO_DEBUG keeps its own account of memory: leave AIO_POOL to it"
#endif

/* Files that were built with and without these do not go together: the linker says so, by this name. */
#if AIO_DEBUG
#define aio_thread_ aio_built_with_AIO_DEBUG_
#elif AIO_LINES
#define aio_thread_ aio_built_with_AIO_LINES_
#endif

/* ----------------------------------------------------------------- what differs by compiler */

#if defined __GNUC__ || defined __clang__
#define aio_likely_(x) __builtin_expect(!!(x), 1)
#define aio_unlikely_(x) __builtin_expect(!!(x), 0)
#define AIO_UNUSED_ __attribute__((unused))
#define AIO_NOINLINE_ __attribute__((noinline))
#define AIO_INLINE_ inline __attribute__((always_inline))
#define AIO_COLD_ __attribute__((cold, noinline))
#if !AIO_SMALL
#define AIO_ALIGNED_ __attribute__((aligned(64)))       /* a loop's speed depends on where it lies: a yield of 2.6 ns
                                                           took 3.2 where it was moved by 16 bytes */
#else
#define AIO_ALIGNED_
#endif
#define AIO_MUST_USE_ __attribute__((warn_unused_result))
#define AIO_NORETURN_ __attribute__((noreturn))
#else
#define aio_likely_(x) (x)
#define aio_unlikely_(x) (x)
#define AIO_UNUSED_
#define AIO_NOINLINE_
#define AIO_INLINE_ inline
#define AIO_COLD_
#define AIO_ALIGNED_
#define AIO_MUST_USE_
#define AIO_NORETURN_
#endif
#if defined __clang__ || (defined __GNUC__ && __GNUC__ >= 7)
#define AIO_FALLTHROUGH_ __attribute__((fallthrough))
#else
#define AIO_FALLTHROUGH_ (void)0
#endif
#ifndef AIO_THREAD_LOCAL
#if defined __TINYC__ || AIO_BARE_
#define AIO_THREAD_LOCAL
#elif defined __GNUC__ || defined __clang__
#define AIO_THREAD_LOCAL __thread
#elif defined __cplusplus
#define AIO_THREAD_LOCAL thread_local
#else
#define AIO_THREAD_LOCAL _Thread_local
#endif
#endif
#ifndef AIO_STATEMENT_EXPRESSIONS
#if defined __GNUC__ || defined __clang__ || defined __TINYC__
#define AIO_STATEMENT_EXPRESSIONS 1
#else
#define AIO_STATEMENT_EXPRESSIONS 0
#endif
#endif
#define AIO_API_ AIO_DEF AIO_UNUSED_
#define AIO_CAT_(a, b) AIO_CAT2_(a, b)
#define AIO_CAT2_(a, b) a##b
/* `is`, which nearly always is what we guess: a compiler that cannot see that they are equal has the processor go on
   with the one that is in a register, by way of a branch that it predicts, and not wait for the one that is loaded, or
   was stored a moment ago. */
#if defined __GNUC__ && !AIO_SMALL
#define AIO_GUESS_(T, name) \
    static inline T name(T guess, T is) \
    { \
        if (aio_likely_(guess == is)) { \
            __asm__("" : "+r"(guess)); \
            return guess; \
        } \
        return is; \
    }
#else
#define AIO_GUESS_(T, name) static inline T name(T guess, T is) { (void)guess; return is; }
#endif
#define AIO_CONTAINER_(pointer, type, member) \
    ((type *)(void *)((char *)(pointer) - offsetof(type, member)))
/* Is the list empty? It has no comma, and gets one only if it is put between a macro and its (). */
#define AIO_HAS_COMMA_(...) AIO_HAS_COMMA2_(__VA_ARGS__, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, \
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0)
#define AIO_HAS_COMMA2_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, \
    a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, n, ...) n
#define AIO_COMMA_(...) ,
#define AIO_IS_EMPTY_(...) AIO_IS_EMPTY2_(AIO_HAS_COMMA_(__VA_ARGS__), \
    AIO_HAS_COMMA_(AIO_COMMA_ __VA_ARGS__), AIO_HAS_COMMA_(AIO_COMMA_ __VA_ARGS__ ()))
#define AIO_IS_EMPTY2_(a, b, c) AIO_IS_EMPTY3_(a, b, c)
#define AIO_IS_EMPTY3_(a, b, c) AIO_HAS_COMMA_(AIO_EMPTY_##a##b##c)
#define AIO_EMPTY_001 ,

#ifdef __cplusplus
extern "C" {
#endif

/* -------------------------------------------------------------------------- time and errors */

/* A point in time or a span, in nanoseconds; points are on the poller's monotonic clock. AIO_TIME_32: in ticks,
   and points go round, so that two of them are compared by their difference. */
#if AIO_TIME_32
typedef int32_t aio_time;
#define AIO_FOREVER INT32_MAX           /* as a timeout: none */
#define AIO_UNITS_ AIO_HZ_          /* of aio_time in a second */
#define AIO_LONGEST_ ((aio_time)0x40000000)
#else
typedef int64_t aio_time;
#define AIO_FOREVER INT64_MAX
#define AIO_UNITS_ 1000000000
#define AIO_LONGEST_ INT64_MAX
#define AIO_TICK_ (AIO_HZ_ ? (1000000000 + AIO_HZ_ - 1) / (AIO_HZ_ + !AIO_HZ_) : 1)
#endif
/* Spans. x, an integer or not, is evaluated once. What is too long is AIO_FOREVER: more than 291 years; under
   AIO_TIME_32, more than 2^30 ticks, and if x is a constant gcc does not compile that. */
#define AIO_SEC(x) AIO_SPAN_(x, 1)
#define AIO_MS(x) AIO_SPAN_(x, 1000)
#define AIO_US(x) AIO_SPAN_(x, 1000000)

/* A double that is too large has no value as an aio_time: it may turn negative, and a long wait into none. */
#if AIO_TIME_32
#define AIO_CLAMP_(t) ((t) > -1073741824. && (t) <= 1073741824. ? \
    (aio_time)(t) + ((t) > (double)(aio_time)(t)) : (t) > 0 ? AIO_FOREVER : -AIO_LONGEST_)
#else
#define AIO_CLAMP_(t) ((t) > -9.2e18 && (t) < 9.2e18 ? (aio_time)(t) : (t) > 0 ? AIO_FOREVER : -AIO_FOREVER)
#endif
static inline aio_time aio_span_(double t) { return AIO_CLAMP_(t); }
/* x parts of a second of which it has `parts`, rounded up; what is too long. Constants of constants. */
#define AIO_ROUND_(x, parts) (((x) * AIO_UNITS_ + ((x) > 0 ? (parts) - 1 : 0)) / (parts))
#define AIO_INT_(t) ((t) > AIO_LONGEST_ ? AIO_FOREVER : (t) < -AIO_LONGEST_ ? -AIO_LONGEST_ : (aio_time)(t))
/* x parts of a second of which it has `parts`, rounded up: integers, for machines that count in nothing else. */
static inline aio_time aio_span_int_(int64_t x, int32_t parts)
{
    int32_t times = AIO_UNITS_ / parts, every = parts / AIO_UNITS_;
    if (times && AIO_UNITS_ % parts == 0)
        return x > AIO_LONGEST_ / times ? AIO_FOREVER : x < -(AIO_LONGEST_ / times) ? -AIO_LONGEST_ :
            (aio_time)((aio_time)x * times);
    if (every && parts % AIO_UNITS_ == 0 && x >= INT32_MIN && x <= INT32_MAX)
        return (aio_time)((int32_t)x / every + ((int32_t)x % every > 0));
    x = AIO_ROUND_(x, parts);                       /* of 32 bits both, with their signs */
    return AIO_INT_(x);
}
#if defined __GNUC__ || defined __clang__
#define AIO_SPAN_(x, parts) \
    (__builtin_constant_p(x) ? AIO_SHORT_ENOUGH_(AIO_IS_INT_(x) ? AIO_INT_(AIO_ROUND_((int64_t)(sizeof (x) <= 4 ? (x) : 0), (parts))) : \
        AIO_CLAMP_((double)(x) * AIO_UNITS_ / (parts))) : \
     AIO_IS_INT_(x) ? aio_span_int_((int64_t)(x), (parts)) : aio_span_((double)(x) * AIO_UNITS_ / (parts)))
#define AIO_IS_INT_(x) (sizeof (x) <= 4 && (__typeof__((x) + 0))1 / 2 == 0)
#else                                   /* a constant for a constant */
#define AIO_SPAN_(x, parts) ((aio_time)((x) * (AIO_UNITS_ * 1. / (parts))))
#endif
#if AIO_TIME_32 && defined __GNUC__ && !defined __clang__ && !defined __cplusplus
#define AIO_SHORT_ENOUGH_(t) ((t) + 0 * (aio_time)sizeof(char [(t) == AIO_FOREVER ? -1 : 1]))
#else
#define AIO_SHORT_ENOUGH_(t) (t)
#endif

/* The point in time that is so long after another (before it: < 0); AIO_FOREVER: never. And is one before another?
   AIO_FOREVER is behind all. For AIO_TIME_32, where points go round: + may overflow, and < is wrong half of the time.
   From anywhere. */
static inline aio_time aio_time_after(aio_time point, aio_time span)
{
#if AIO_TIME_32
    aio_time sum = (aio_time)((uint32_t)point + (uint32_t)span);
    if (point == AIO_FOREVER || span == AIO_FOREVER)
        return AIO_FOREVER;
    return sum != AIO_FOREVER ? sum : span < 0 ? AIO_FOREVER - 1 : INT32_MIN;
#else
    return span > 0 && point > AIO_FOREVER - span ? AIO_FOREVER : point + span;
#endif
}
static inline bool aio_time_before(aio_time a, aio_time b)
{
#if AIO_TIME_32
    return a != AIO_FOREVER && (b == AIO_FOREVER || (int32_t)((uint32_t)a - (uint32_t)b) < 0);
#else
    return a < b;
#endif
}

/* Error codes. Values are the negative errno of Linux, and the POSIX headers map the others of the
   system they run on to -errno. Numbers from AIO_EUSER down are the application's. */
enum {
    AIO_EPERM = -1, AIO_ENOENT = -2, AIO_EIO = -5, AIO_EBADF = -9, AIO_EAGAIN = -11,
    AIO_ENOMEM = -12, AIO_EACCES = -13, AIO_EBUSY = -16, AIO_EISDIR = -21, AIO_EINVAL = -22, AIO_ENFILE = -23,
    AIO_EMFILE = -24, AIO_EPIPE = -32, AIO_ERANGE = -34, AIO_EDEADLK = -35, AIO_ENOTSOCK = -88,
    AIO_EOVERFLOW = -75, AIO_ENOTSUP = -95, AIO_EADDRINUSE = -98, AIO_EADDRNOTAVAIL = -99, AIO_ECONNABORTED = -103,
    AIO_ECONNRESET = -104, AIO_ENOTCONN = -107, AIO_ESHUTDOWN = -108, AIO_ETIMEDOUT = -110,
    AIO_ECONNREFUSED = -111, AIO_EHOSTUNREACH = -113, AIO_ENETUNREACH = -101, AIO_ECANCELED = -125,
    AIO_EEOF = -4097,                   /* the stream ended before everything had come */
    AIO_EBROKEN = -4098,                /* the barrier was reset, or aborted */
    AIO_EUSER = -10000                  /* and below: yours */
};

/* The text of an error code: "operation cancelled". Never NULL. May be called from anywhere. */
AIO_API_ const char *aio_strerror(int error);
/* Its name: "AIO_ECANCELED", or NULL if it has none here. */
AIO_API_ const char *aio_error_name(int error);

/* -------------------------------------------------------------------------------- structures */

struct aio_coro;
struct aio_task;
struct aio_loop;
struct aio_group;
struct aio_callback;
struct aio_op_;
struct aio_scope_kind_;
struct aio_scopes_;
struct aio_contexts_;
struct aio_slab_;

/* The head of a wait list, and what hangs in one, have even addresses: a bit of a link is used. */
#if UINTPTR_MAX > 0xffff || !defined __GNUC__
#define AIO_EVEN_
#else
#define AIO_EVEN_ __attribute__((aligned(2)))
#endif
#define AIO_LIST_ AIO_EVEN_ struct aio_node *

#if AIO_STRINGS
#define AIO_TEXT_(text) (text)
#define AIO_NAMED_(name, file) (name), (file),
#define AIO_HERE_ __FILE__, __LINE__
#else
#define AIO_TEXT_(text) ""
#define AIO_NAMED_(name, file)
#define AIO_HERE_ NULL, 0
#endif

/* What is common to all coroutines of one kind. Read only. */
struct aio_type {
    struct aio_coro *(*body)(struct aio_coro *self, struct aio_coro *ret);
#if AIO_STRINGS
    const char *name;                   /* as it stands in AIO_CORO(name) */
    const char *file;
#endif
    size_t size;                        /* of the frame */
    size_t bin;                         /* AIO_BIN_(size) */
};

/* The header of every frame, future and library awaitable. Private, all of it: read errors by
   AIO_TRY, aio_task_error, aio_coro_error. */
struct aio_coro {
    const struct aio_type *type;        /* NULL in a future */
    union {
        struct aio_coro *caller;        /* who awaits this coroutine */
        struct aio_task *task;          /* flags & AIO_F_ROOT_: its task record */
        AIO_LIST_ waiters;              /* of a future */
        void *link;                     /* of a freed one */
    } up;
    uint16_t pc;                        /* where to resume: AIO_PC_..., or the number of the await */
    uint16_t flags;                     /* AIO_F_... */
    int error;                          /* 0, the error in flight, or the one it ended with */
#if AIO_LINES
    uint32_t line;                      /* of the await it stands at */
#endif
};

enum {
    AIO_PC_START_ = 0, AIO_PC_FINALLY_ = 1, AIO_PC_END_ = 2,
    AIO_PC_GRANTED_ = 0x7ffe,           /* of a constant: it came with something that was handed over */
    AIO_PC_DONE_ = 0x7fff
};
enum {
    AIO_F_CORO_ = 1,                    /* a coroutine object. A zeroed header is a future */
    AIO_F_PLACED_ = 2,                  /* its storage is the user's */
    AIO_F_ROOT_ = 8,                    /* it is a task: up.task is its record */
    AIO_F_FINALLY_ = 16,                /* its FINALLY is running */
    AIO_F_OPEN_ = 32,                   /* scopes are open in it: groups, timeouts, generators */
    AIO_F_SETTLING_ = 64,               /* it waits for the members of its groups */
    AIO_F_DEAD_ = 128,                  /* freed */
    AIO_F_UNIT_ = 256,                  /* one of the library's constant results */
    AIO_F_SEEN_ = 512,                  /* somebody has looked at its error */
    AIO_F_OWN_ = 1024,                  /* its AIO_ECANCELED is the cancellation of its own task */
    AIO_F_GENERATOR_ = 2048,            /* it yields: up.caller is its struct aio_generator_ */
    AIO_F_FINE_ = 4096,                 /* a constant result without an error */
    AIO_F_PUTS_ = 8192, AIO_F_GETS_ = 16384,    /* a queue's own operation: see AIO_HINTS_ */
    AIO_F_NEXTS_ = AIO_F_PUTS_ | AIO_F_GETS_
};

/* One node parks a task, a callback or a deadline in exactly one place. Private. */
struct aio_node {
    union {
        struct aio_node *next;          /* in the ready queue or in a wait list */
        void (*fire)(struct aio_loop *loop, struct aio_node *node); /* in the timers */
    } link;
    union {
        struct aio_node *prev;          /* in a wait list; the first one's is the head's address + 1 */
        struct aio_coro *target;        /* AIO_AT_TARGET_: the task or future waited for */
        struct aio_coro *ret;           /* in the ready queue: what the await returns */
#if UINTPTR_MAX > 0xffffffff
        struct { uint32_t index, seq; } timer;
#else
        struct { uint16_t index, seq; } timer;
#endif
        int fd;                         /* waiting for a descriptor */
    } u;
    uint8_t place;                      /* AIO_AT_... */
    uint8_t flags;                      /* AIO_N_... */
    uint8_t cancels;                    /* of a task: requests to cancel, counted */
    uint8_t refs;                       /* of a task: the loop's, the group's, the handle's */
    uint32_t seq;                       /* of a task: order of creation. Of a callback: it is posted */
} AIO_EVEN_;

enum {
    AIO_AT_NOTHING_,
    AIO_AT_READY_,                      /* in the ready queue, or the current task, which runs */
    AIO_AT_TARGET_, AIO_AT_TIMER_,
    AIO_AT_NEVER_,                      /* sleeps for ever: there is no timer */
    AIO_AT_READER_, AIO_AT_WRITER_, AIO_AT_SETTLE_, AIO_AT_DONE_,
    AIO_AT_LIST_,                       /* from here on: in a wait list, which it can leave early, for ... */
    AIO_AT_LOCK_, AIO_AT_EVENT_, AIO_AT_CONDITION_, AIO_AT_SEMAPHORE_, AIO_AT_BARRIER_, AIO_AT_WAIT_GROUP_,
    AIO_AT_PUT_, AIO_AT_GET_, AIO_AT_QUEUE_JOIN_, AIO_AT_BROADCAST_, AIO_AT_WATCH_, AIO_AT_SET_,
    AIO_AT_QUICK_GET_, AIO_AT_QUICK_NEXT_   /* from here on: see aio_queue_get_parks_ */
};
enum {
    AIO_N_CALLBACK_ = 1,                /* a struct aio_callback, not a task */
    AIO_N_MUST_CANCEL_ = 2,             /* a cancel strikes at the next suspension */
    AIO_N_FORWARDED_ = 4,               /* a cancel was passed on to what the task waits for */
    AIO_N_STRUCK_ = 8,                  /* the AIO_ECANCELED of its await is its own, for AIO_F_OWN_ */
    AIO_N_SPAWNED_ = 16,                /* nobody has a handle */
    AIO_N_HELD_ = 32,                   /* held back by its group's limit, not started */
    AIO_N_WATCH_ = 64,                  /* a callback of the library's own, called at once; a task of a loop with
                                           debug, whose steps are watched */
    AIO_N_UNTIL_ = 128,                 /* the run of the loop ends with it */
    AIO_N_UNUSUAL_ = AIO_N_CALLBACK_ | AIO_N_MUST_CANCEL_ | AIO_N_WATCH_    /* aio_turns_ leaves it to aio_node_run_ */
};

/* The record of a task. Private. */
struct aio_task {
    struct aio_node node;
    struct aio_coro *leaf;              /* the innermost frame: the one to resume */
    AIO_LIST_ waiters;                  /* who waits for its end */
    struct aio_extension_ *extension;   /* what few tasks need: name, group, open groups */
};

/* A function to be called by the loop. The user's memory: zero it, set fn and arg, hand it to
   aio_loop_call_soon, _call_later, _call_at, aio_loop_post or aio_add_done_callback; it must live,
   and must not be moved, until it was called or cancelled. It may be used again from then on, also
   from inside fn. */
struct aio_callback {
    struct aio_node node;               /* private */
    struct aio_loop *loop;              /* read only: the loop it was given to */
    void (*fn)(struct aio_callback *callback);
    void *arg;                          /* yours */
};

/* Something that is open in a frame, and is settled before the frame is left. Private. */
struct aio_scope_ {
    struct aio_coro *owner;             /* the frame; NULL: it is not open */
    struct aio_scope_ *next;            /* among the open ones of a task or generator, newest first */
    const struct aio_scope_kind_ *kind; /* what a group, a timeout, a generator does */
};

/* A deadline for what a task does. It makes one cancel request of its own, and takes it back. Private. */
struct aio_deadline_ {
    struct aio_node node;
    struct aio_task *task;
    uint8_t entry;                      /* requests that stood when it began */
    bool expired, requested;
};

/* One place of a traceback: this coroutine, at this line. */
struct aio_place_ { const struct aio_type *type; uint32_t line; };
enum { AIO_TRACE_PLACES_ = AIO_TRACE_DEPTH ? AIO_TRACE_DEPTH : 2 };
struct aio_trace {
    const struct aio_coro *last;        /* private: the frame that added itself last */
    int error;
    unsigned count;                     /* of places in all; more than fit lose the middle ones */
    struct aio_place_ places[AIO_TRACE_PLACES_];
};

/* Where text goes: embed it in a struct of yours, or write to a file. text is not terminated. */
struct aio_sink { void (*write)(struct aio_sink *sink, const char *text, size_t length); };

/* What the error handler of a loop gets. Valid during the call only. */
struct aio_report {
    const char *message;                /* "task failed", "step took 0.250 s" */
    int error;                          /* 0 for a warning */
    struct aio_any *task;               /* the task it is about, or NULL */
    const char *name;                   /* the task's name, or a coroutine's, or "" */
    const char *file;                   /* the place it is about, or NULL */
    uint32_t line;
    const struct aio_trace *trace;      /* how the error came up, or NULL */
};
/* May start tasks and set futures; must not run the loop. */
typedef void aio_error_handler(struct aio_loop *loop, const struct aio_report *report);

/* A way to wait. Every function is called on the loop's own thread, but for wake. See aio_epoll.h
   for one that knows descriptors and aio_sim.h for a small one. */
struct aio_poller {
    const char *name;
    /* Makes what the poller needs; may keep it in loop->poller_data and loop->poller_fd. 0 or an
       error, after which nothing is left open. */
    int (*open)(struct aio_loop *loop);
    void (*close)(struct aio_loop *loop);
    /* A task begins to wait until fd can be read or written (want: AIO_READABLE | AIO_WRITABLE).
       0, or AIO_ALWAYS_READY, or an error (the system's; AIO_ENOTSUP). What it has put into aio_fd.watched
       it goes on watching, and is not asked for again (but with AIO_DEBUG). NULL: no descriptors. */
    int (*watch)(struct aio_loop *loop, int fd, unsigned want);
    /* fd is about to be closed: nothing may be reported of it any more. NULL: no descriptors. */
    void (*forget)(struct aio_loop *loop, int fd);
    /* Waits for events, at most timeout (0: only looks; < 0: no limit), and reports each by
       aio_loop_fd_ready. Returns at once after a wake. 0, or an error that ends the run. A signal
       (EINTR) is no error. */
    int (*wait)(struct aio_loop *loop, aio_time timeout);
    /* Ends a wait that is going on, or the next one. From any thread, signal handler, interrupt. */
    void (*wake)(struct aio_loop *loop);
    aio_time (*now)(struct aio_loop *loop);
    /* Prints for aio_main, broken assertions and AIO_DEBUG. NULL: nowhere to print to. */
    void (*print)(const char *text, size_t length);
};
enum { AIO_READABLE = 1, AIO_WRITABLE = 2, AIO_ALWAYS_READY = 1 };

/* What the loop knows of a descriptor. For pollers and aio_net.h; private to everybody else. */
struct aio_fd {
    struct aio_task *waiter;            /* the reader, whose link leads to the writer; or the writer; or NULL */
    uint32_t generation;                /* one more after each close */
    uint8_t drained;                    /* AIO_READABLE | AIO_WRITABLE: a try found nothing, or somebody waits */
    uint8_t hangup;                     /* a short read drains it no more: the end is near, or urgent data */
    uint8_t watched;                    /* the poller's: what it has registered. What is in it is not watched again */
    uint8_t kind;                       /* aio_net.h's: socket, file, not known yet */
};

struct aio_timer_slot_ { aio_time deadline; struct aio_node *node; };
/* Timers that are not in the heap: from a place on, and none of them is due before that time. */
/* Small code, and machines with a few dozen timers, have one heap and nothing behind it. What is in struct aio_loop does
   not depend on AIO_SMALL, which may differ from file to file. */
#define AIO_ONE_HEAP_ (AIO_SMALL || AIO_BARE_)
struct aio_timer_level_ { aio_time from; uint32_t start; };
enum { AIO_TIMER_LEVELS_ = 10 };

struct aio_options {
    const struct aio_poller *poller;    /* NULL: AIO_DEFAULT_POLLER, the first header included */
    aio_error_handler *on_error;        /* NULL: debug prints, otherwise nothing happens */
    void *user;                         /* becomes loop->user */
    bool debug;                         /* report slow steps, and handles and tasks that are left over at
                                           the end; AIO_DEBUG, which finds more, implies it */
    aio_time shutdown_timeout;          /* how long each step of aio_loop_close may take; 0: 300 s, which is
                                           what asyncio gives its threads; AIO_FOREVER: as long as it takes */
};

struct aio_loop {
    void *user;                         /* yours */
    const struct aio_poller *poller;    /* read only */
    /* Private, and first what is used most: small machines reach the first bytes with shorter instructions. */
    struct aio_task *current;           /* the task that runs, or NULL */
    AIO_LIST_ head;                     /* the ready queue; NULL: empty */
    AIO_LIST_ *tail;                    /* where the next one is hung on: the last one's link, in which is nothing, or head */
    unsigned depth;                     /* direct calls that may still nest */
    unsigned budget;                    /* one more than the operations that may still complete at once in this
                                           resumption */
    uint8_t running;                    /* 1; 2: until something happens, not only for one turn */
    uint8_t closing, stopping, open;
    uint8_t debug;                      /* 0, or AIO_N_WATCH_, the flag of its tasks */
    struct aio_node *inbox;             /* lock-free stack, newest first */
    struct aio_node turn_end;           /* in the ready queue: where the last turn ends */
    uint32_t seq;                       /* of the last task that was made */
    uint32_t lost_seq;                  /* of the last one that the closing has given up */
    uint32_t closing_seq;               /* of the last one that is waited for in this round of the closing */
#if !AIO_BARE_
    uint32_t looked_seq;                /* of the last one that was made before the last look: see aio_await_next_ */
#endif
    size_t closing_count;               /* how many of them are left */
    aio_time shutdown_timeout;
    struct aio_task *free_tasks;
    struct aio_slab_ *slabs;
    struct aio_timer_slot_ *timers;     /* a 4-ary heap, and what is behind it: see aio_timer_place_ */
    uint32_t timer_count, timer_capacity, timer_seq;
#if !AIO_BARE_
    uint32_t timer_heap;                /* so many are the heap */
    uint32_t timer_most;                /* if it gets larger than that, it is divided */
    uint32_t timer_settled, timer_end;  /* those that were armed since the clock was read: their deadline is a span
                                           still. See aio_timer_arm_after_ */
    unsigned timer_levels;
    struct aio_timer_level_ timer_level[AIO_TIMER_LEVELS_];     /* between the two, the farthest first */
#endif
    struct aio_fd *fds;
    int fd_capacity;
    size_t fd_waiters;                  /* tasks that wait for descriptors */
    struct aio_generator_ *generators;  /* that AIO_NEXT has begun, newest first */
    struct aio_callback *at_close;      /* linked by node.link.next, newest first */
    struct aio_thread_ *thread;
    struct aio_loop *older;             /* among the open loops of the thread */
    void (*watch)(struct aio_loop *loop, struct aio_node *node);    /* debug: runs a step, and measures it */
    /* Not private. */
    aio_error_handler *on_error;        /* yours to change */
    void *poller_data;                  /* the poller's */
    int poller_fd;                      /* the poller's; -1: it has none. See aio_loop_fileno */
#if !AIO_BARE_
    aio_time slack;                     /* yours to change. Where more than 32 timers are due within so long, a wait goes
                                           on until the last of them, and serves all: none is early, none waits for
                                           the others for longer than that. Where they are fewer, a wait ends with the
                                           first. Set by pollers that make system calls: a millisecond; otherwise 0:
                                           never. Not used under AIO_SMALL */
#endif
#if AIO_DEBUG
    const char *stack;                  /* where the C stack of its run begins */
#endif
#if AIO_TRACE_DEPTH
    struct aio_trace trace;             /* of the error raised last */
#endif
};

/* -------------------------------------------------------------------------------- the frame */

/* The result of a coroutine that has none. It takes no room where compilers can do that: a task that sleeps has 96
   bytes, not 112. */
#if defined __cplusplus
}
struct aio_nothing_ { };
extern "C" {
#elif defined __GNUC__
struct aio_nothing_ { __extension__ char nothing[0]; };
#define AIO_ZERO_ { }
#else
struct aio_nothing_ { char nothing; };
#define AIO_ZERO_ { 0 }
#endif

#define AIO_IS_VOID_void                /* nothing is left of void; of void * the star */
#define AIO_RESULT_0(...) __extension__ union { __VA_ARGS__ result; __VA_ARGS__ aio_zero_[1]; }
#ifdef __cplusplus
#define AIO_RESULT_1(...) [[no_unique_address]] struct aio_nothing_ result
#else
#define AIO_RESULT_1(...) AIO_RESULT_0(struct aio_nothing_)
#endif
#define AIO_RESULT_FIELD_(...) \
    AIO_CAT_(AIO_RESULT_, AIO_IS_EMPTY_(AIO_IS_VOID_##__VA_ARGS__))(__VA_ARGS__)
/* Where it is, and its size. C++ puts what takes no room at the beginning, and says that it has a byte. */
#ifdef __cplusplus
#define AIO_RESULT_OFFSET_(x) AIO_RESULT_OFFSET_IN_(aio_typeof_(*(x)), x)
#define AIO_RESULT_OFFSET_IN_(T, x) \
    (__is_same(decltype((x)->result), struct aio_nothing_) ? sizeof(struct aio_coro) : offsetof(T, result))
#define AIO_RESULT_SIZE_(x) (__is_same(decltype((x)->result), struct aio_nothing_) ? 0 : sizeof (x)->result)
#else
#define AIO_RESULT_OFFSET_(x) offsetof(aio_typeof_(*(x)), result)
#define AIO_RESULT_SIZE_(x) sizeof (x)->result
#endif

/* AIO_FRAME(T): the first member of a coroutine's struct. T is the type of its result; void for none.
   The frame's arguments follow, then every variable that must live across an await. */
#define AIO_FRAME(...) struct aio_coro aio; AIO_RESULT_FIELD_(__VA_ARGS__)

/* AIO_FUTURE(T): a type: a result that somebody will set later. Zeroed, it is pending; a done one that
   nobody waits for may be zeroed to be used again. Await its address. It must live, and must not be moved,
   as long as anybody waits for it. */
#define AIO_FUTURE(...) struct { AIO_FRAME(__VA_ARGS__); }

/* What the library's own awaitables return; aio_any is any handle. */
struct aio_any { AIO_FRAME(void); };
struct aio_void { AIO_FRAME(void); };
struct aio_int { AIO_FRAME(int); };
struct aio_size { AIO_FRAME(ptrdiff_t); };
struct aio_ptr { AIO_FRAME(void *); };

#define aio_of_(x) ((void)sizeof((x)->aio.pc), (struct aio_coro *)(void *)(x))
#ifdef __cplusplus
#define aio_typeof_(x) decltype(+(x))   /* of pointers; the plus makes a value of an lvalue */
#elif defined __STDC_VERSION__ && __STDC_VERSION__ >= 202311L
#define aio_typeof_(x) typeof(x)
#else
#define aio_typeof_(x) __typeof__(x)
#endif
#ifdef __cplusplus
#define aio_as_(x, p) ((aio_typeof_(x))(void *)(p))
#else                                   /* without its hint: see AIO_HINTS_ */
#define aio_as_(x, p) ((aio_typeof_(*(x)) *)(void *)(p))
#endif
/* clang keeps silent about a value that nobody takes if it was written in a macro's body, but speaks
   if it was a macro's argument. */
#define AIO_UNTAKEN_(...) (__VA_ARGS__)

/* aio_any(h): any awaitable or handle, as a struct aio_any *, for arrays of mixed ones. */
#define aio_any(h) ((struct aio_any *)(void *)aio_of_(h))

/* Where an awaitable was made: debug builds remember it. */
#if AIO_DEBUG
#define AIO_ORIGIN_ , __FILE__, __LINE__
#define AIO_ORIGIN_TYPE_ , const char *file, uint32_t line
#define AIO_ORIGIN_PASS_ , file, line
#else
#define AIO_ORIGIN_
#define AIO_ORIGIN_TYPE_
#define AIO_ORIGIN_PASS_
#endif

/* -------------------------------------------------------- private: memory and the hot paths */

/* Objects up to AIO_POOL_SMALL_ bytes have a free list for every multiple of AIO_POOL_STEP_, larger ones in a static
   pool for every power of two. The lists of a small pool should not take what it has. */
#if UINTPTR_MAX > 0xffffffff
#define AIO_POOL_STEP_ 16
#elif UINTPTR_MAX > 0xffff
#define AIO_POOL_STEP_ 8
#else
#define AIO_POOL_STEP_ 4
#endif
#if AIO_POOL_BYTES && AIO_POOL_BYTES <= 16384
#define AIO_POOL_SMALL_ 128
#else
#define AIO_POOL_SMALL_ 1024
#endif
#define AIO_POOL_FITS_(k) (AIO_POOL_BYTES >> (k) > AIO_POOL_SMALL_)     /* is there a k-th power that it can hold? */
enum {
    AIO_POOL_CLASSES_ = AIO_POOL_SMALL_ / AIO_POOL_STEP_ + 1,
    AIO_POOL_LARGE_ = AIO_POOL_BYTES ? 1 + AIO_POOL_FITS_(1) + AIO_POOL_FITS_(2) + AIO_POOL_FITS_(3) +
        AIO_POOL_FITS_(4) + AIO_POOL_FITS_(5) + AIO_POOL_FITS_(6) + AIO_POOL_FITS_(7) + AIO_POOL_FITS_(8) +
        AIO_POOL_FITS_(9) + AIO_POOL_FITS_(10) + AIO_POOL_FITS_(11) + AIO_POOL_FITS_(12) + AIO_POOL_FITS_(13) +
        AIO_POOL_FITS_(14) + AIO_POOL_FITS_(15) : 0
};
/* The free list of the pool that a size belongs to; 0: it is too large for one. */
#define AIO_BIN_(size) ((size) > AIO_POOL_SMALL_ ? 0 : ((size) + AIO_POOL_STEP_ - 1) / AIO_POOL_STEP_)
#define AIO_SIZE_(type) sizeof(type), AIO_BIN_(sizeof(type))    /* the end of a struct aio_type */
/* Of operations, which know their size. Instead of their bin: the size of their result, if that is not an int. */
/* Of operations, which know their size. Their bin is another thing: none is ever what an await returns, so none is put
   into a list of the pool by it. */
#define AIO_OP_TYPE_(name) { name##_body_, AIO_NAMED_(#name, NULL) 0, 0 }

/* What a thread has: its loop, and the memory of its frames. */
struct aio_thread_ {
    struct aio_loop *loop;              /* whose turn is running, or NULL */
    char *bump, *bump_end;              /* where frames are carved from */
    char *slab, *slab_end;              /* where slabs are */
    struct aio_chunk_ *chunks;
    struct aio_slab_ *free_slabs, *orphans;
    size_t carved, chunk_bytes, held, peak;
    struct aio_loop *newest;            /* of the open ones */
    const struct aio_poller *poller;    /* of the loop that was made last: prints assertions */
    /* What the hot paths come to only after something else was used, which sets it: linkers that drop what is
       not referred to (--gc-sections) drop these, too. */
    const struct aio_scopes_ *scopes;   /* set by the first scope that is opened */
    const struct aio_contexts_ *contexts;   /* by the first task-local value */
    void (*pass_on)(struct aio_coro *target);   /* by the first request to cancel */
    void (*orphan_free)(struct aio_slab_ *slab);    /* by the first loop that is closed */
#if AIO_DEBUG
    struct aio_object_ *objects;        /* all that is alive, newest first */
#endif
    struct aio_coro *free[AIO_POOL_CLASSES_ + AIO_POOL_LARGE_];
};
AIO_API_ AIO_THREAD_LOCAL struct aio_thread_ aio_thread_;

AIO_API_ void *aio_alloc_slow_(size_t size AIO_ORIGIN_TYPE_);
AIO_API_ void aio_free_slow_(void *object, size_t size);
AIO_API_ struct aio_coro *aio_await_slow_(struct aio_coro *self, struct aio_coro *c);
AIO_API_ struct aio_coro *aio_await_deep_(struct aio_coro *self, struct aio_coro *c);
AIO_API_ void aio_yield_called_(struct aio_coro *c);
AIO_API_ int aio_leave_slow_(struct aio_coro *self, struct aio_coro *ret, uint32_t line);
AIO_API_ bool aio_left_slow_(struct aio_coro *self, struct aio_coro *ret, uint32_t line);
AIO_API_ struct aio_coro *aio_left_far_(struct aio_coro *self, struct aio_coro *ret, uint32_t line);
AIO_API_ bool aio_jump_slow_(struct aio_coro *self);
AIO_API_ int aio_catch_slow_(struct aio_coro *self, struct aio_coro *ret, bool own, uint32_t line);
AIO_API_ struct aio_coro *aio_finish_slow_(struct aio_coro *self);
AIO_API_ bool aio_settle_(struct aio_coro *self, uint16_t pc);
AIO_API_ uint16_t aio_way_out_slow_(struct aio_coro *self);
AIO_API_ void aio_raise_(struct aio_coro *self, int error, uint32_t line);
AIO_API_ AIO_NORETURN_ void aio_assert_failed_(const char *message, const char *name,
                                               const char *file, uint32_t line);

/* A broken promise of the caller's: says so, naming a coroutine and a place, and ends the program. */
#if AIO_STRINGS
#define AIO_ASSERT(condition, message, name, file, line) \
    (aio_likely_(condition) ? (void)0 : aio_assert_failed_((message), (name), (file), (line)))
#else
#define AIO_ASSERT(condition, message, name, file, line) \
    ((void)sizeof(name), (void)sizeof(file), (void)sizeof(line), \
     aio_likely_(condition) ? (void)0 : aio_assert_failed_("", NULL, NULL, 0))
#endif

static inline void *aio_alloc_(size_t size AIO_ORIGIN_TYPE_)
{
#if AIO_POOL
    size_t bin = AIO_BIN_(size);
    if (aio_likely_(bin != 0)) {
        struct aio_coro *object = aio_thread_.free[bin];
        if (aio_likely_(object != NULL)) {
            aio_thread_.free[bin] = (struct aio_coro *)object->up.link;
            return object;
        }
    }
#endif
    return aio_alloc_slow_(size AIO_ORIGIN_PASS_);
}

static inline void aio_free_in_(void *memory, size_t size, size_t bin)
{
#if AIO_POOL
    struct aio_coro *object = (struct aio_coro *)memory;
    if (aio_likely_(bin != 0)) {
        object->up.link = aio_thread_.free[bin];
        object->flags = AIO_F_DEAD_;
        aio_thread_.free[bin] = object;
        return;
    }
#endif
    (void)bin;
    aio_free_slow_(memory, size);
}

static inline void aio_free_(void *memory, size_t size) { aio_free_in_(memory, size, AIO_BIN_(size)); }
/* bin: where it probably belongs; 0: nobody knows. What is allocated next waits until the address of this free list is
   known, which takes two loads if it comes from the type (a task made, awaited and released: 23 ns, and 19 so). */
static inline void aio_free_pooled_(struct aio_coro *c, size_t bin)
{
    size_t is = c->type->bin;
    if (bin && aio_likely_(bin == is))
        aio_free_in_(c, c->type->size, bin);
    else
        aio_free_in_(c, c->type->size, is);
}

/* Results that are the same for everybody. Their zeros are read as a result of whatever type. */
enum { AIO_UNIT_RESULT_ = UINTPTR_MAX > 0xffffffff ? 64 : 8 };
struct aio_unit_ { struct aio_coro aio; union { long double align; char zero[AIO_UNIT_RESULT_]; } u; };
#define AIO_UNIT_FLAGS_(error) ((error) ? AIO_F_UNIT_ : AIO_F_UNIT_ | AIO_F_FINE_)
#if AIO_LINES
#define AIO_HEADER_OF_(type, pc, flags, error) { (type), { NULL }, (pc), (flags), (error), 0 }
#else
#define AIO_HEADER_OF_(type, pc, flags, error) { (type), { NULL }, (pc), (flags), (error) }
#endif
#define AIO_UNIT_HEADER_(pc, error) AIO_HEADER_OF_(NULL, (pc), AIO_UNIT_FLAGS_(error), (error))
#define AIO_CONSTANT_(error) { AIO_UNIT_HEADER_(AIO_PC_DONE_, error), { 0 } }
/* Nobody writes to a header that has AIO_F_UNIT_. */
#define aio_constant_(unit) ((struct aio_coro *)(uintptr_t)&(unit).aio)
/* It went well. It is also what aio_sleep(0) returns, not an object, only a mark: to await it is to
   let the others run. */
static const struct aio_unit_ aio_ok_ AIO_UNUSED_ = AIO_CONSTANT_(0);
/* The same with the result 1, and with what was waited for, which has been handed over. */
static const struct aio_int aio_one_ AIO_UNUSED_ = { AIO_UNIT_HEADER_(AIO_PC_DONE_, 0), { 1 } };
static const struct aio_int aio_one_granted_ AIO_UNUSED_ = { AIO_UNIT_HEADER_(AIO_PC_GRANTED_, 0), { 1 } };

/* Records of tasks lie in slabs, aligned to their size: a record finds its loop, and the loop all its
   tasks, without a word in the record. */
struct aio_slab_ {
    struct aio_slab_ *next;
    struct aio_loop *loop;              /* NULL: the loop was closed while records were in use */
    uint32_t carved, live;              /* live: counted from the loop's close on */
};

static inline struct aio_slab_ *aio_slab_of_(struct aio_task *task)
{
    return (struct aio_slab_ *)(void *)((char *)task - ((uintptr_t)task & (AIO_SLAB_BYTES - 1)));
}

/* In a wait list: what the first node has as its predecessor. */
static inline struct aio_node *aio_tag_(struct aio_node **head)
{
    return (struct aio_node *)(void *)((char *)head + 1);
}

static inline void aio_ready_link_(struct aio_loop *loop, struct aio_node *node)
{
    *loop->tail = node;
    loop->tail = &node->link.next;
}

static inline void aio_ready_add_(struct aio_loop *loop, struct aio_node *node)
{
    node->place = AIO_AT_READY_;
    aio_ready_link_(loop, node);
}

/* What a body returns if there is nothing to be taken yet, beside NULL (the task is parked).
   AIO_YIELDS_: whoever called it puts the task at the back of the ready queue, to go on with its frame. The loop has
   both at hand; the body would have to look for them, by two loads that wait for the stores just before (a yield took
   56 instructions in that way, and 49 in this). The task has AIO_AT_READY_ already, as all that run; a cancel that is pending
   strikes when it is resumed.
   AIO_GOES_ON_: the loop goes on with the task's leaf, at once: see aio_go_on_. */
#define AIO_YIELDS_ ((struct aio_coro *)(uintptr_t)1)
#define AIO_GOES_ON_ ((struct aio_coro *)(uintptr_t)2)
/* One of the three: a body that gets it from what it has called returns it to its own caller. */
static inline bool aio_suspends_(const struct aio_coro *ret) { return (uintptr_t)ret <= 2; }

/* The first step of c, called by another body. */
static inline struct aio_coro *aio_call_(struct aio_coro *c)
{
    struct aio_coro *ret = c->type->body(c, NULL);
    if (aio_unlikely_(ret == AIO_YIELDS_)) {
        aio_yield_called_(c);
        ret = NULL;
    }
    return ret;
}

/* Starts or waits for c on behalf of self. Its finished header; or, if aio_suspends_, what self must return: it is
   resumed with the header as its second argument. */
static inline struct aio_coro *aio_await_(struct aio_coro *self, struct aio_coro *c)
{
#if defined __GNUC__ || defined __clang__
    if (__builtin_constant_p(c == aio_constant_(aio_ok_)) && c == aio_constant_(aio_ok_))
        return AIO_YIELDS_;
#endif
    if (aio_likely_(c != NULL) && aio_likely_(c->flags == AIO_F_CORO_) && aio_likely_(c->pc == AIO_PC_START_)) {
        struct aio_loop *loop = aio_thread_.loop;
        struct aio_coro *ret;
        c->up.caller = self;
        if (aio_unlikely_(loop->depth == 0))
            return aio_await_deep_(self, c);
        loop->depth--;
        ret = aio_call_(c);
        loop->depth++;
        return ret;
    }
    return aio_await_slow_(self, c);
}

/* Where an error goes: to AIO_FINALLY, or to the end of the AIO_TIMEOUT that the body stands in. False: nowhere, for
   AIO_FINALLY is not left early. */
static inline bool aio_jump_(struct aio_coro *self)
{
    if (self->flags & AIO_F_FINALLY_)
        return false;
    self->pc = self->flags & AIO_F_OPEN_ ? aio_way_out_slow_(self) : (uint16_t)AIO_PC_FINALLY_;
    return true;
}

/* Takes leave of what was awaited, if there is little to do: it went well, and is freed, or only borrowed (tasks,
   futures, constants). */
static inline bool aio_let_go_of_result_(struct aio_coro *ret)
{
    if (aio_likely_(ret->flags & AIO_F_FINE_))
        return true;
    if (aio_unlikely_(ret->error != 0))
        return false;
    if (aio_likely_(ret->flags == AIO_F_CORO_)) {
        if (!AIO_POOL || aio_unlikely_(!ret->type->bin))
            return false;                           /* a call in the middle makes bodies save registers on every path */
        aio_free_in_(ret, 0, ret->type->bin);
        return true;
    }
    return !(ret->flags & (AIO_F_CORO_ | AIO_F_DEAD_)) || ret->flags & AIO_F_ROOT_;
}
/* What comes of a yield is told by its address: a load is what the processor has least of there (2.6 ns, and 2.8 if
   this were left to the flags). */
static inline bool aio_let_go_(struct aio_coro *ret)
{
    return aio_likely_(ret == aio_constant_(aio_ok_)) || aio_let_go_of_result_(ret);
}

/* The same, whatever there is to do. Not 0: it failed, and self has its error. */
static inline int aio_leave_(struct aio_coro *self, struct aio_coro *ret, uint32_t line)
{
    return aio_likely_(aio_let_go_(ret)) ? 0 : aio_leave_slow_(self, ret, line);
}

/* The same for AIO_TRY (own = false) and AIO_CATCH (own = true): the error, for the user to have. */
static inline int aio_catch_(struct aio_coro *self, struct aio_coro *ret, bool own, uint32_t line)
{
    if (aio_likely_(ret->error == 0) && aio_likely_(ret->flags == AIO_F_CORO_)) {
        aio_free_pooled_(ret, 0);
        return 0;
    }
    return aio_catch_slow_(self, ret, own, line);
}

/* The body has no resume point for its pc. */
AIO_API_ void aio_expect_end_slow_(const struct aio_coro *self);
static inline void aio_expect_end_(const struct aio_coro *self)
{
    if (AIO_SMALL || aio_unlikely_(self->pc > AIO_PC_END_))
        aio_expect_end_slow_(self);
}

static inline struct aio_coro *aio_finish_(struct aio_coro *self)
{
    if (aio_likely_(!(self->flags & (AIO_F_OPEN_ | AIO_F_FINALLY_ | AIO_F_PLACED_))))
        return self;
    return aio_finish_slow_(self);
}

/* May a result of this size be read from ret? The constant ones are too short for the largest. */
static inline bool aio_has_result_(const struct aio_coro *ret, size_t size)
{
    return size <= AIO_UNIT_RESULT_ || !(ret->flags & AIO_F_UNIT_);
}

/* What an AIO_AWAIT is going to meet can be told from its awaitable's static type, where that is a call of
   aio_queue_put, _get or _next with an item of 4 or 8 bytes: the pointer that these return is of a type
   with an alignment of its own, which makes no difference to anything but __alignof__. Then the await has
   the work of the operation in it, instead of an object that is called by its address: a round trip
   through two queues takes 236 instructions, not 513, and 14 ns, not 33. It is a hint, no more: which
   operation it is, its header says. */
#if (defined __GNUC__ || defined __clang__) && !defined __cplusplus && defined __OPTIMIZE__ && \
    !AIO_SMALL && !AIO_BARE_ && !AIO_DEBUG
#define AIO_HINTS_ 1
#define AIO_ALIGN_(alignment) __attribute__((aligned(alignment)))
/* The kind of operation, as in its header, or 0. No pointer has such alignments by itself. */
#define AIO_IF_QUICK_(item, quick, other) \
    __builtin_choose_expr(sizeof *(item) == 4 || sizeof *(item) == 8, quick, other)
#define AIO_HINT_(x) (__extension__(__alignof__(x) == 1 ? AIO_F_PUTS_ : __alignof__(x) != 2 ? 0 : \
    sizeof *(x) == sizeof(struct aio_int) ? AIO_F_NEXTS_ : AIO_F_GETS_))
#else
#define AIO_HINTS_ 0
#define AIO_ALIGN_(alignment)
#define AIO_IF_QUICK_(item, quick, other) other
#define AIO_HINT_(x) 0
#endif
typedef struct aio_void *aio_void_put_ AIO_ALIGN_(1);
typedef struct aio_void *aio_void_get_ AIO_ALIGN_(2);
typedef struct aio_int *aio_int_get_ AIO_ALIGN_(2);

/* AIO_SMALL: without the short cuts. The slow ones know all cases. */
#if AIO_SMALL
#define AIO_HOT_(name) name##slow_
#else
#define AIO_HOT_(name) name
#endif

/* ------------------------------------------------------------------------ coroutine objects */

/* AIO_DECLARE(name); announces AIO_CORO(name), in a header or further up; static works for both. */
#define AIO_DECLARE(name) const struct aio_type *name##_type_(void)

/* AIO_CORO(name) { AIO_BEGIN; ... AIO_END; }: the body of the coroutine whose frame is struct name.
   In it, self is the frame. static AIO_CORO(name) keeps it to the file. The function is entered at
   every resume, so what stands before AIO_BEGIN runs each time: only constants computed from self
   belong there. */
#define AIO_CORO(name) \
    const struct aio_type *name##_type_(void); \
    AIO_FRAME_SYMBOL_(name) AIO_FRAME_FIRST_(name) \
    static struct aio_coro *name##_body_(struct name *self, struct aio_coro *aio_ret_); \
    static struct aio_coro *name##_enter_(struct aio_coro *aio_self_, struct aio_coro *aio_ret_) \
    { return name##_body_((struct name *)(void *)aio_self_, aio_ret_); } \
    const struct aio_type *name##_type_(void) \
    { \
        static const struct aio_type type = { name##_enter_, AIO_NAMED_(#name, __FILE__) AIO_SIZE_(struct name) }; \
        return &type; \
    } \
    AIO_DIAGNOSE_ \
    static struct aio_coro *name##_body_(struct name *self, struct aio_coro *aio_ret_)

#ifndef __cplusplus                     /* where offsetof is for simple structs only */
#define AIO_FRAME_FIRST_(name) \
    typedef char name##_has_to_begin_with_AIO_FRAME_[offsetof(struct name, aio) == 0 ? 1 : -1] AIO_UNUSED_;
#else
#define AIO_FRAME_FIRST_(name)
#endif
#if AIO_FRAME_SYMBOLS                   /* in a section of its own, which --gc-sections drops */
#define AIO_FRAME_SYMBOL_(name) static const char name##_frame_bytes_[sizeof(struct name)] \
    __attribute__((used, section(".rodata.aio_frames." #name))) = { 0 };
#else
#define AIO_FRAME_SYMBOL_(name)
#endif

/* From here to AIO_END, compilers look for locals that are lost at an await. */
#if defined __clang__
#define AIO_DIAGNOSE_ _Pragma("clang diagnostic push") \
    _Pragma("clang diagnostic warning \"-Wconditional-uninitialized\"")
#define AIO_DIAGNOSE_END_ _Pragma("clang diagnostic pop")
#elif defined __GNUC__ && defined __cplusplus
#define AIO_DIAGNOSE_ _Pragma("GCC diagnostic push") \
    _Pragma("GCC diagnostic warning \"-Wmaybe-uninitialized\"")
#define AIO_DIAGNOSE_END_ _Pragma("GCC diagnostic pop")
#elif defined __GNUC__
#define AIO_DIAGNOSE_ _Pragma("GCC diagnostic push") \
    _Pragma("GCC diagnostic warning \"-Wmaybe-uninitialized\"") \
    _Pragma("GCC diagnostic warning \"-Wjump-misses-init\"")
#define AIO_DIAGNOSE_END_ _Pragma("GCC diagnostic pop")
#else
#define AIO_DIAGNOSE_
#define AIO_DIAGNOSE_END_
#endif

/* Initialisers that name some members leave the others zero on purpose. */
#if defined __clang__
#define AIO_QUIET_ _Pragma("clang diagnostic push") \
    _Pragma("clang diagnostic ignored \"-Wmissing-field-initializers\"") \
    _Pragma("clang diagnostic ignored \"-Wmissing-braces\"") \
    _Pragma("clang diagnostic ignored \"-Wshadow\"")
#define AIO_LOUD_ _Pragma("clang diagnostic pop")
#elif defined __GNUC__ && __GNUC__ >= 8
#define AIO_QUIET_ _Pragma("GCC diagnostic push") \
    _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"") \
    _Pragma("GCC diagnostic ignored \"-Wmissing-braces\"") \
    _Pragma("GCC diagnostic ignored \"-Wshadow\"")
#define AIO_LOUD_ _Pragma("GCC diagnostic pop")
#else
#define AIO_QUIET_
#define AIO_LOUD_
#endif

#if AIO_LINES
#define AIO_HEADER_(name, flags) { name##_type_(), { 0 }, 0, (flags), 0, 0 }
#else
#define AIO_HEADER_(name, flags) { name##_type_(), { 0 }, 0, (flags), 0 }
#endif
#ifdef __cplusplus
#define AIO_INIT_(name, flags) .aio = AIO_HEADER_(name, flags), .result = {}
#else
#define AIO_INIT_(name, flags) .aio = AIO_HEADER_(name, flags), .aio_zero_ = AIO_ZERO_
#endif

/* aio_new(name), aio_new(name, .argument = value, ...), aio_new(name, value, ...): a coroutine
   object: struct name *, from the pool, with these arguments and everything else zero. It has not
   run. NULL when memory is out; every function that takes an awaitable takes NULL and answers
   AIO_ENOMEM. The caller's until something accepts it; aio_discard gives it back. */
#define aio_new(...) AIO_PICK_NEW_(__VA_ARGS__, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, \
    N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, 1, )(__VA_ARGS__)
#define AIO_PICK_NEW_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, \
    a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, n, ...) AIO_NEW_##n
#define AIO_NEW_1(name) AIO_NEW2_(name, )
#define AIO_NEW_N(name, ...) AIO_NEW2_(name, __VA_ARGS__)

/* Nothing, but compilers warn when nobody takes what it returns: a forgotten AIO_AWAIT. */
static inline AIO_MUST_USE_ void *aio_made_(void *frame)
{
    return frame;
}
#if !AIO_STATEMENT_EXPRESSIONS
/* Standard C: the frame is made on the C stack and copied. Keep big buffers out of such frames. */
static inline void *aio_copy_(void *memory, const void *frame, size_t size)
{
    size_t i;
    for (i = 0; memory && i < size; i++)
        ((unsigned char *)memory)[i] = ((const unsigned char *)frame)[i];
    return memory;
}
#define AIO_NEW2_(name, ...) \
    AIO_UNTAKEN_((struct name *)aio_made_(aio_copy_(AIO_HOT_(aio_alloc_)(sizeof(struct name) AIO_ORIGIN_), \
        __extension__ &(struct name){ AIO_INIT_(name, AIO_F_CORO_), __VA_ARGS__ }, sizeof(struct name))))
#elif defined __cplusplus
#define AIO_NEW2_(name, ...) AIO_UNTAKEN_((struct name *)aio_made_(__extension__ ({ AIO_QUIET_ \
    struct name *aio_new_ = (struct name *)AIO_HOT_(aio_alloc_)(sizeof(struct name) AIO_ORIGIN_); \
    typedef struct name aio_frame_; \
    if (aio_new_) *aio_new_ = aio_frame_{ AIO_INIT_(name, AIO_F_CORO_), __VA_ARGS__ }; \
    AIO_LOUD_ aio_new_; })))
#else
#define AIO_NEW2_(name, ...) AIO_UNTAKEN_((struct name *)aio_made_(__extension__ ({ AIO_QUIET_ \
    struct name *aio_new_ = (struct name *)AIO_HOT_(aio_alloc_)(sizeof(struct name) AIO_ORIGIN_); \
    if (aio_new_) *aio_new_ = (struct name){ AIO_INIT_(name, AIO_F_CORO_), __VA_ARGS__ }; \
    AIO_LOUD_ aio_new_; })))
#endif

/* aio_place(&slot, name, ...): the same in storage of the caller's: a static variable, or a member
   of a frame that outlives it. Nothing is allocated, nothing freed. Run it once, then place it
   again. */
#define aio_place(slot, ...) AIO_PICK_PLACE_(__VA_ARGS__, N, N, N, N, N, N, N, N, N, N, N, N, N, \
    N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, 1, )(slot, __VA_ARGS__)
#define AIO_PICK_PLACE_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, \
    a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, n, ...) AIO_PLACE_##n
#define AIO_PLACE_1(slot, name) AIO_PLACE2_(slot, name, )
#define AIO_PLACE_N(slot, name, ...) AIO_PLACE2_(slot, name, __VA_ARGS__)
#if !AIO_STATEMENT_EXPRESSIONS
#define AIO_PLACE2_(slot, name, ...) ((struct name *)aio_copy_((slot), \
    __extension__ &(struct name){ AIO_INIT_(name, AIO_F_CORO_ | AIO_F_PLACED_), __VA_ARGS__ }, sizeof(struct name)))
#elif defined __cplusplus
#define AIO_PLACE2_(slot, name, ...) __extension__ ({ AIO_QUIET_ struct name *aio_new_ = (slot); \
    typedef struct name aio_frame_; \
    *aio_new_ = aio_frame_{ AIO_INIT_(name, AIO_F_CORO_ | AIO_F_PLACED_), __VA_ARGS__ }; \
    AIO_LOUD_ aio_new_; })
#else
#define AIO_PLACE2_(slot, name, ...) __extension__ ({ AIO_QUIET_ struct name *aio_new_ = (slot); \
    *aio_new_ = (struct name){ AIO_INIT_(name, AIO_F_CORO_ | AIO_F_PLACED_), __VA_ARGS__ }; \
    AIO_LOUD_ aio_new_; })
#endif

/* aio_size_of(name): bytes of a frame, a constant. */
#define aio_size_of(name) sizeof(struct name)

/* aio_discard(awaitable): gives back a coroutine object that nobody will run. Its FINALLY does not
   run: the arguments are still the caller's. NULL, tasks and futures: does nothing. */
#define aio_discard(awaitable) aio_discard_(aio_of_(awaitable))
AIO_API_ void aio_discard_(struct aio_coro *c);

/* -------------------------------------------------------------------------- inside a body

   All of these stand between AIO_BEGIN and AIO_END. Each says what it may do to the function:
   leave  the function returns to the loop, and is entered again behind the macro
   jump   control goes to AIO_FINALLY, or to AIO_END when there is none
   Their awaitable is evaluated exactly once. Several may share a line. */

/* AIO_BEGIN; opens the body. An await without it is an error that names AIO_BEGIN_is_missing_. */
#define AIO_BEGIN \
    (void)aio_ret_; enum { AIO_BEGIN_is_missing_ = __COUNTER__ - 2 }; goto aio_dispatch_; \
    aio_dispatch_: switch (self->aio.pc AIO_SWITCH_) { case AIO_POINT_(0):
/* Case labels that no switch of the user's can hold, so that compilers warn of an await in it. gcc does not take
   the common part away before it compares: it gets one that an instruction can hold (a body that yields: 45
   instructions, not 54). clang does, and does not warn of that one. */
#if !AIO_CHECK_SWITCH
#define AIO_POINTS_ 0
#elif defined __clang__
#define AIO_POINTS_ (1ULL << 40)
#else
#define AIO_POINTS_ 0xffffffff80000000ULL
#endif
#define AIO_POINT_(n) ((n) + AIO_POINTS_)
#define AIO_SWITCH_ + AIO_POINTS_

/* AIO_END; closes it. Falling off the end is AIO_RETURN(). */
#define AIO_END \
    break; \
    default: /* on the way out of a body without AIO_FINALLY; or at its end, again: what it had open is settled */ \
        aio_expect_end_(&self->aio); \
    } AIO_DIAGNOSE_END_ return AIO_HOT_(aio_finish_)(&self->aio)

/* AIO_FINALLY; from here to AIO_END is cleanup. It runs exactly once, whether the body returned,
   failed or was cancelled, even before its first step, and after the members of its groups have
   ended. Nothing leaves it early: an await in it that fails or is cancelled records its error
   (which replaces the one in flight) and the next statement runs. AIO_RETURN and AIO_RAISE end it,
   and AIO_RETURN leaves the error in flight as it is. May leave, to wait for group members. */
#define AIO_FINALLY \
    AIO_FALLTHROUGH_; case AIO_POINT_(1): \
    if ((self->aio.flags & AIO_F_OPEN_) && !aio_settle_(&self->aio, AIO_PC_FINALLY_)) return 0; \
    self->aio.flags |= AIO_F_FINALLY_

#define AIO_OUT_ do { \
    self->aio.pc = self->aio.flags & AIO_F_FINALLY_ ? AIO_PC_END_ : AIO_PC_FINALLY_; \
    goto aio_dispatch_; } while (0)
#define AIO_FAIL_ do { if (AIO_HOT_(aio_jump_)(&self->aio)) goto aio_dispatch_; } while (0)

/* AIO_RETURN(v); AIO_RETURN(); end the body, the second with whatever self->result holds. Jump. The
   result stands whatever error follows. Put v in parentheses if it is the bare name of a macro that
   takes arguments. */
#define AIO_RETURN(...) AIO_CAT_(AIO_RETURN_, AIO_IS_EMPTY_(__VA_ARGS__))(__VA_ARGS__)
#define AIO_RETURN_0(...) do { self->result = (__VA_ARGS__); AIO_OUT_; } while (0)
#define AIO_RETURN_1(...) AIO_OUT_

/* AIO_RAISE(error); ends the body with an error: negative, AIO_E... or from AIO_EUSER down. Jumps. */
#define AIO_RAISE(error_) do { aio_raise_(&self->aio, (error_), __LINE__); AIO_FAIL_; AIO_OUT_; } while (0)

#define AIO_SELECT2_(a, b, name, ...) name
#define AIO_SELECT3_(a, b, c, name, ...) name
#define AIO_SELECT4_(a, b, c, d, name, ...) name
#define AIO_NUMBER_ (__COUNTER__ - AIO_BEGIN_is_missing_)
#if AIO_LINES
#define AIO_KEEP_LINE_ self->aio.line = __LINE__;
#else
#define AIO_KEEP_LINE_
#endif
#define AIO_SUSPEND_(n, c) \
    AIO_KEEP_LINE_ self->aio.pc = (uint16_t)(n); aio_ret_ = AIO_HOT_(aio_await_)(&self->aio, (c)); \
    if (aio_suspends_(aio_ret_)) { return aio_ret_; } AIO_FALLTHROUGH_; case AIO_POINT_(n):
/* The same for what is awaited as it was written. */
#if AIO_HINTS_
/* With a hint there is no call in it but the last thing that the body does, as in AIO_LEAVE_FAR_. */
#define AIO_START_(n, x) \
    enum { aio_hint_ = AIO_HINT_(x) }; { \
    struct aio_coro *aio_c_; \
    bool aio_parked_ = false; \
    AIO_KEEP_LINE_ if (!aio_hint_) self->aio.pc = (uint16_t)(n); \
    aio_c_ = aio_of_(x); \
    if (!aio_hint_) { \
        aio_ret_ = aio_await_(&self->aio, aio_c_); \
        if (aio_suspends_(aio_ret_)) return aio_ret_; \
    } else if (!(aio_ret_ = aio_quick_(&self->aio, aio_c_, aio_hint_, &aio_parked_))) { \
        self->aio.pc = (uint16_t)(n); \
        return aio_parked_ ? 0 : aio_await_far_(&self->aio, aio_c_); \
    } } AIO_FALLTHROUGH_; case AIO_POINT_(n):
/* An operation that began to wait comes back with a constant that is not aio_ok_. */
#define AIO_LET_GO_ (aio_hint_ ? aio_let_go_of_result_(aio_ret_) : aio_let_go_(aio_ret_))
#else
#define AIO_LET_GO_ aio_let_go_(aio_ret_)
#define AIO_START_(n, x) AIO_SUSPEND_(n, aio_of_(x))
#endif
/* Behind an await: takes leave of what was awaited. */
#if AIO_SMALL
#define AIO_LEAVE_ if (aio_left_slow_(&self->aio, aio_ret_, __LINE__)) goto aio_dispatch_
#else
#define AIO_LEAVE_ \
    if (aio_unlikely_(!aio_let_go_of_result_(aio_ret_)) && aio_left_slow_(&self->aio, aio_ret_, __LINE__)) \
        goto aio_dispatch_
#endif
/* The same where no result was taken, which could be in a local variable. If there is more to do than a free, the
   body returns, and the loop comes back to it at once: as the last thing that a function does, a call costs nothing
   where it is not made, while one in the middle makes compilers save registers on every path (7 instructions of a
   resumption that yields, which had 56 then). The goto, which never happens, tells gcc that any await may follow any
   other: without it -Wmaybe-uninitialized misses locals that are used behind an await. */
#if AIO_SMALL
#define AIO_LEAVE_FAR_ AIO_LEAVE_
#else
#define AIO_LEAVE_FAR_ \
    if (aio_unlikely_(!AIO_LET_GO_)) { \
        if (self->aio.pc == AIO_PC_START_) goto aio_dispatch_; \
        return aio_left_far_(&self->aio, aio_ret_, __LINE__); }
#endif
#define AIO_TAKE_(lvalue, x) /* aio_has_result_, but compilers see that small ones are always there */ \
    if (sizeof (x)->result <= AIO_UNIT_RESULT_ || aio_has_result_(aio_ret_, sizeof (x)->result)) \
        (lvalue) = aio_as_(x, aio_ret_)->result

/* AIO_AWAIT(awaitable); AIO_AWAIT(lvalue, awaitable); run a coroutine object, or wait for a task or
   a future, and take its result. Leaves, if it is not ready at once. An error jumps; the lvalue is
   written all the same (a partial count, or zero). NULL: AIO_ENOMEM. */
#define AIO_AWAIT(...) \
    AIO_SELECT3_(__VA_ARGS__, AIO_AWAIT3_, AIO_AWAIT2_, AIO_AWAIT1_, )(AIO_NUMBER_, __VA_ARGS__)
#define AIO_AWAIT3_(n, a, b, c) AIO_REFUSE_(AIO_AWAIT_takes_an_awaitable_or_an_lvalue_and_an_awaitable)
#define AIO_AWAIT1_(n, x) do { \
    AIO_START_(n, x) AIO_LEAVE_FAR_; } while (0)
#define AIO_AWAIT2_(n, lvalue, x) do { \
    AIO_START_(n, x) AIO_TAKE_(lvalue, x); \
    AIO_LEAVE_; } while (0)

/* AIO_TRY(err, awaitable); AIO_TRY(err, lvalue, awaitable); as AIO_AWAIT, but the error lands in err
   (0 if there is none) and the body goes on. The task's own cancellation is not taken: it jumps.
   That of another task or future is, for it is the result of the wait. */
#define AIO_TRY(...) \
    AIO_SELECT4_(__VA_ARGS__, AIO_TRY4_, AIO_TRY3_, AIO_TRY2_, AIO_TRY1_, )(AIO_NUMBER_, __VA_ARGS__)
#define AIO_TRY1_(n, x) AIO_REFUSE_(AIO_TRY_and_AIO_CATCH_take_an_error_first_then_an_lvalue_or_none_then_an_awaitable)
#define AIO_TRY4_(n, a, b, c, d) AIO_TRY1_(n, a)
#define AIO_TRY2_(n, err, x) do { \
    AIO_START_(n, x) AIO_CAUGHT_(err, false); } while (0)
#define AIO_TRY3_(n, err, lvalue, x) do { \
    AIO_START_(n, x) AIO_TAKE_(lvalue, x); AIO_CAUGHT_(err, false); } while (0)
#define AIO_CAUGHT_(err, own) \
    (err) = AIO_HOT_(aio_catch_)(&self->aio, aio_ret_, (own), __LINE__); \
    if ((err) == AIO_ECANCELED && self->aio.flags & AIO_F_OWN_) AIO_FAIL_

/* AIO_CATCH(err, ...): as AIO_TRY, and takes the task's own cancellation too. Whoever catches that
   should have a reason, and end soon: nobody will ask again. A future or task that one waited for has been
   cancelled, too: awaiting it again returns at once. */
#define AIO_CATCH(...) \
    AIO_SELECT4_(__VA_ARGS__, AIO_TRY4_, AIO_CATCH3_, AIO_CATCH2_, AIO_TRY1_, )(AIO_NUMBER_, __VA_ARGS__)
#define AIO_CATCH2_(n, err, x) do { \
    AIO_START_(n, x) (err) = AIO_HOT_(aio_catch_)(&self->aio, aio_ret_, true, __LINE__); } while (0)
#define AIO_CATCH3_(n, err, lvalue, x) do { \
    AIO_START_(n, x) AIO_TAKE_(lvalue, x); \
    (err) = AIO_HOT_(aio_catch_)(&self->aio, aio_ret_, true, __LINE__); } while (0)

/* AIO_WHILE(lvalue, awaitable) statement: awaits again and again, as long as the result is not 0
   (the end of a file, of an iteration); break and continue work. As the branch of an if it wants braces
   around it, or compilers see a dangling else. Leaves; an error jumps, or, inside AIO_FINALLY, ends the loop. */
#define AIO_WHILE(lvalue, x) AIO_WHILE2_(__COUNTER__, lvalue, x)
#define AIO_WHILE2_(k, lvalue, x) AIO_WHILE3_(k, (k) - AIO_BEGIN_is_missing_, lvalue, x)
#define AIO_WHILE3_(k, n, lvalue, x) \
    for (;;) \
        if (self->aio.pc = (uint16_t)(n), aio_ret_ = aio_await_line_(&self->aio, aio_of_(x), AIO_HINT_(x), __LINE__), \
            aio_suspends_(aio_ret_)) { \
            return aio_ret_; case AIO_POINT_(n): goto AIO_CAT_(aio_ready_, k); \
        } else AIO_CAT_(aio_ready_, k): \
            if (((lvalue) = aio_as_(x, aio_ret_)->result), \
                AIO_HOT_(aio_leave_)(&self->aio, aio_ret_, __LINE__)) { AIO_FAIL_; break; } \
            else if (!(lvalue)) break; \
            else
#if AIO_HINTS_
static AIO_INLINE_ struct aio_coro *aio_quick_(struct aio_coro *self, struct aio_coro *c, uint16_t hint, bool *parked);
#endif
static AIO_INLINE_ struct aio_coro *aio_await_line_(struct aio_coro *self, struct aio_coro *c, uint16_t hint, uint32_t line)
{
#if AIO_HINTS_
    bool parked = false;
    struct aio_coro *ret = hint ? aio_quick_(self, c, hint, &parked) : NULL;
    if (ret || parked)
        return ret;
#endif
    (void)hint;
#if AIO_LINES
    self->line = line;
#endif
    (void)line;
    return AIO_HOT_(aio_await_)(self, c);
}

/* The error in flight, in AIO_FINALLY: 0, or why the body ended. aio_coro_error(self). */
#define aio_coro_error(self_) ((self_)->aio.error)

/* -------------------------------------------------------------------------------- sleeping */

/* Waits for so long, at least. 0 or less: lets the others run, exactly one turn, and allocates
   nothing. AIO_FOREVER: until cancelled. Errors: AIO_ENOMEM.
   This span, and that of a timeout, counts from when the loop next looks at its clock, a few dozen steps later at
   most: while one step takes long, the time of the others does not run out. Points in time are what they are. Where
   timers come in crowds, they may share a wake: see loop->slack (aio_loop_current()->slack = 0; turns that off). */
static inline AIO_MUST_USE_ struct aio_void *aio_sleep(aio_time delay);
/* Waits until a point in time (aio_loop_time's clock): aio_time_after(aio_now(), AIO_MS(20)). A past one: as
   aio_sleep(0). */
AIO_API_ AIO_MUST_USE_ struct aio_void *aio_sleep_until(aio_time deadline);

AIO_API_ struct aio_void *aio_sleep_new_(aio_time delay);
static inline struct aio_void *aio_sleep(aio_time delay)
{
    if (delay <= 0)
        return (struct aio_void *)(void *)aio_constant_(aio_ok_);
    return aio_sleep_new_(delay);
}

/* ----------------------------------------------------------------------------------- tasks */

/* aio_create_task(coroutine): starts it as a task, concurrently: its first step runs in the next
   turn, behind what is ready (if nothing is, and it is awaited first of all: in that await). The
   same typed pointer, now a handle: await it, look at its members, cancel it; it is the caller's
   until aio_release. NULL, and the coroutine is discarded unrun, when memory is out or no loop runs.
   From a task or a callback. */
#define aio_create_task(c) AIO_UNTAKEN_(aio_as_(c, aio_task_new_(NULL, AIO_TASKABLE_(c))))
/* aio_spawn(coroutine): starts it as a task that the loop owns. 0, or AIO_ENOMEM, or AIO_EPERM (no
   loop runs), and then it is discarded unrun. Its error goes to the loop's error handler. */
#define aio_spawn(c) aio_spawn_(NULL, AIO_TASKABLE_(c))
/* The same for a loop that is not running yet, or between two turns. */
#define aio_loop_create_task(loop, c) AIO_UNTAKEN_(aio_as_(c, aio_task_new_((loop), AIO_TASKABLE_(c))))
#define aio_loop_spawn(loop, c) aio_spawn_((loop), AIO_TASKABLE_(c))
/* Some of the library's awaitables do not last: a task gets something around them. Types tell when there is
   nothing to be seen to, and no code for it in the program. */
#if defined __GNUC__ && !defined __cplusplus
#define AIO_TASKABLE_(c) __extension__ _Generic((__typeof__(c))0, struct aio_void *: aio_taskable_, \
    struct aio_int *: aio_taskable_, struct aio_size *: aio_taskable_, struct aio_ptr *: aio_taskable_, \
    struct aio_any *: aio_taskable_, default: aio_as_it_is_)(aio_of_(c))
#else
#define AIO_TASKABLE_(c) aio_taskable_(aio_of_(c))
#endif
AIO_API_ struct aio_coro *aio_taskable_(struct aio_coro *c);
static inline struct aio_coro *aio_as_it_is_(struct aio_coro *c) { return c; }
AIO_API_ AIO_MUST_USE_ struct aio_coro *aio_task_new_(struct aio_loop *loop, struct aio_coro *c);
AIO_API_ AIO_MUST_USE_ int aio_spawn_(struct aio_loop *loop, struct aio_coro *c);

/* aio_release(handle): gives the handle back and sets the variable to NULL. An unfinished task goes
   on. The last release frees the record and the frame. NULL: does nothing. */
#define aio_release(handle) \
    (aio_release_(aio_of_(handle), AIO_BIN_(sizeof *(handle))), (void)((handle) = NULL))
AIO_API_ void aio_release_(struct aio_coro *c, size_t bin);
/* aio_retain(handle): one more handle of the same task, for somebody else to release. */
#define aio_retain(handle) aio_as_(handle, aio_retain_(aio_of_(handle)))
AIO_API_ struct aio_coro *aio_retain_(struct aio_coro *c);

/* aio_task_cancel(handle): asks the task to end. True if it was unfinished: AIO_ECANCELED then comes
   out of the await it stands at (or, from itself, of its next one), after what it waits for was
   cancelled in turn; it may clean up, and may even refuse. Requests are counted. A task that has not
   begun runs only its FINALLY; one that ends without another await ends with AIO_ECANCELED all the same, as in
   asyncio, and its result is in its handle. False, and nothing happens, for a finished one and for NULL. */
#define aio_task_cancel(handle) aio_task_cancel_(aio_of_(handle))
AIO_API_ bool aio_task_cancel_(struct aio_coro *c);
/* aio_task_cancelling(handle): how many requests stand. */
#define aio_task_cancelling(handle) aio_task_cancelling_(aio_of_(handle))
AIO_API_ int aio_task_cancelling_(const struct aio_coro *c);
/* aio_task_uncancel(handle): takes one back; how many are left. At 0, one that was still to strike at the
   next suspension will not; what is on its way out of an await comes out. */
#define aio_task_uncancel(handle) aio_task_uncancel_(aio_of_(handle))
AIO_API_ int aio_task_uncancel_(struct aio_coro *c);

/* aio_task_done(handle): has it ended? aio_task_cancelled(handle): with AIO_ECANCELED? */
#define aio_task_done(handle) (aio_of_(handle)->pc == AIO_PC_DONE_)
#define aio_task_cancelled(handle) (aio_task_done(handle) && aio_of_(handle)->error == AIO_ECANCELED)
/* aio_task_error(handle): what it ended with: 0 or its error; AIO_EAGAIN: it has not ended yet. */
#define aio_task_error(handle) aio_task_error_(aio_of_(handle))
AIO_API_ int aio_task_error_(struct aio_coro *c);
/* aio_task_name(handle): the name it was given, or that of its coroutine. aio_task_set_name(handle,
   name): 0 or AIO_ENOMEM; the string is not copied and must outlive the task. */
#define aio_task_name(handle) aio_task_name_(aio_of_(handle))
AIO_API_ const char *aio_task_name_(const struct aio_coro *c);
#define aio_task_set_name(handle, name) aio_task_set_name_(aio_of_(handle), (name))
AIO_API_ int aio_task_set_name_(struct aio_coro *c, const char *name);

/* The task that runs now, borrowed until it ends; NULL in a callback and outside a loop. */
AIO_API_ struct aio_any *aio_current_task(void);
/* The unfinished tasks of a loop in order of creation, borrowed, at most n; how many there are. */
AIO_API_ size_t aio_all_tasks(struct aio_loop *loop, struct aio_any **tasks, size_t n);

/* Task-local values, as Python's context variables: static struct aio_local user = { "nobody" }; its address is the
   key. A task begins with the values of the task that created it, as they were then; what it sets is seen by itself,
   the coroutines it awaits, and the tasks it creates from then on. */
struct aio_local { void *initial; /* what it is where nobody has set it */ };
/* The value for the task that runs; in a callback and outside a loop, and before it was ever set, the initial one. */
AIO_API_ void *aio_local_get(const struct aio_local *local);
/* Sets it; the value is not copied. 0; AIO_ENOMEM, and nothing is changed; AIO_EPERM: no task runs. */
AIO_API_ int aio_local_set(const struct aio_local *local, void *value);

/* --------------------------------------------------------------------------------- futures */

/* aio_future_set_result(&future, value): wakes all who wait, in waiting order. For AIO_FUTURE(void)
   without a value. 0, or AIO_ECANCELED if it was cancelled before; a second result is a bug, and
   asserts. From the loop's thread. */
#define aio_future_set_result(...) \
    AIO_SELECT2_(__VA_ARGS__, AIO_FUTURE_SET_, AIO_FUTURE_DONE_, )(__VA_ARGS__)
#define AIO_FUTURE_SET_(f, value) \
    (aio_future_pending_(aio_of_(f)) ? \
        ((void)((f)->result = (value)), aio_future_set_(aio_of_(f), 0)) : AIO_ECANCELED)
#define AIO_FUTURE_DONE_(f) aio_future_set_(aio_of_(f), 0)
/* aio_future_set_error(&future, error): the same with an error, which every waiter gets. */
#define aio_future_set_error(f, error_) aio_future_set_(aio_of_(f), (error_))
/* aio_future_cancel(&future): ends it with AIO_ECANCELED. False if it was done already. */
#define aio_future_cancel(f) aio_future_cancel_(aio_of_(f))
#define aio_future_done(f) (aio_of_(f)->pc == AIO_PC_DONE_)
#define aio_future_cancelled(f) (aio_future_done(f) && aio_of_(f)->error == AIO_ECANCELED)
#define aio_future_error(f) aio_task_error_(aio_of_(f))
AIO_API_ int aio_future_set_(struct aio_coro *future, int error);
AIO_API_ bool aio_future_pending_(struct aio_coro *future);
AIO_API_ bool aio_future_cancel_(struct aio_coro *future);

/* aio_add_done_callback(handle, callback): calls it from the loop when the task or future is done,
   or soon, if it is. Waiters and callbacks share one order. aio_callback_cancel removes it. */
#define aio_add_done_callback(handle, callback) aio_add_done_callback_(aio_of_(handle), (callback))
AIO_API_ void aio_add_done_callback_(struct aio_coro *c, struct aio_callback *callback);

/* --------------------------------------------------------------------- deadlines and shields */

/* aio_wait_for(awaitable, timeout): an awaitable of the same static type that ends with
   AIO_ETIMEDOUT when it takes longer: then what it waits for is cancelled, and waited for. The time
   runs from the first step of the wait. 0 or less: what is not done yet is cancelled before it runs.
   AIO_FOREVER: no deadline. If the child ends with a value all the same, that comes out. Of the
   object itself only .aio and .result may be touched. NULL, discarding the awaitable: no memory. */
#define aio_wait_for(awaitable, timeout) AIO_PROXY_(awaitable, (timeout), AIO_WAIT_FOR_)
/* aio_shield(handle): waits for a task or a future without cancelling it when the wait is. */
#define aio_shield(handle) AIO_PROXY_(handle, AIO_FOREVER, AIO_SHIELD_)
enum { AIO_WAIT_FOR_, AIO_SHIELD_, AIO_WRAP_ /* no more than a task of something that cannot be one */ };
AIO_API_ AIO_MUST_USE_ struct aio_coro *aio_proxy_new_(struct aio_coro *inner, size_t offset,
                                                       size_t size, aio_time timeout, int kind);
AIO_API_ AIO_MUST_USE_ struct aio_coro *aio_wait_for_new_(struct aio_coro *inner, size_t offset,
                                                          size_t size, aio_time timeout);
static inline AIO_MUST_USE_ struct aio_coro *aio_proxy_make_(struct aio_coro *inner, size_t offset,
                                                             size_t size, aio_time timeout, int kind)
{
    if (!AIO_SMALL && kind == AIO_WAIT_FOR_)
        return aio_wait_for_new_(inner, offset, size, timeout);
    return aio_proxy_new_(inner, offset, size, timeout, kind);
}
#ifndef __cplusplus
#define AIO_PROXY_(x, timeout, kind) AIO_UNTAKEN_(aio_as_(x, aio_proxy_make_(aio_of_(x), \
    AIO_RESULT_OFFSET_(x), AIO_RESULT_SIZE_(x), (timeout), (kind))))
#else
}
template <class T> inline AIO_MUST_USE_ T *aio_proxy_(T *x, aio_time timeout, int kind)
{
    return (T *)(void *)aio_proxy_make_((struct aio_coro *)(void *)x, AIO_RESULT_OFFSET_IN_(T, x),
                                        AIO_RESULT_SIZE_(x), timeout, kind);
}
extern "C" {
#define AIO_PROXY_(x, timeout, kind) aio_proxy_((x), (timeout), (kind))
#endif

/* A deadline for a part of a body, with several awaits in it. A member of the frame; zeroed, it is not open. */
struct aio_timeout {
    struct aio_scope_ scope;            /* private */
    struct aio_deadline_ deadline;      /* private */
    aio_time when;                      /* read only: when it is due; AIO_FOREVER: never */
    int error;                          /* private: of the cleanup that it was opened in */
    uint16_t pc;                        /* private: where the block ends */
    bool expired;                       /* read only: it cut the block short; also after the block */
    bool entered;                       /* private */
};

/* AIO_TIMEOUT(&self->scope, limit) { ... }: when the block takes longer than limit from now, what it awaits is
   cancelled, and so is what that waits for in turn; then the body goes on behind the block, with
   self->scope.expired:

       AIO_TIMEOUT(&self->scope, AIO_SEC(5)) {
           AIO_AWAIT(self->fd, aio_connect(self->host, 80));
           AIO_AWAIT(aio_send_all(self->fd, self->request, self->n));
       }
       if (self->scope.expired)
           AIO_RAISE(AIO_ETIMEDOUT);            // or try something else

   0 or less: it strikes at the first await that suspends. AIO_FOREVER: no limit, for the time being. Whatever
   else leaves the block (its end, break, return, an error, a cancellation by somebody else) takes the deadline
   with it, and goes where it would have gone; a request that had not struck yet is withdrawn. If the block
   takes the cancellation for itself (AIO_CATCH), it goes on, and expired tells. If what it awaited last was
   handed over in the moment in which its time was up (an item, a lock), or if it never had to wait, it has come to
   its end, and has not expired. When it has, what the block had opened in the frame (AIO_FOREACH, groups) is settled,
   and closed, before the body goes on; a group in a block that came to its end stays open. break and continue leave
   the block, not a loop around it; goto must not. In AIO_FINALLY it hurries what the block awaits, and skips nothing.
   Scopes may be nested: of two that are due, the outer one ends its block. Leaves and jumps; AIO_ENOMEM, and then
   the block is not entered. As the branch of an if it wants braces around it. AIO_TIMEOUT_AT(&self->scope, when): the
   same with a point in time. Behaviour: asyncio.timeout, but for going on behind the block, for C has no except. */
#define AIO_TIMEOUT(scope, limit) AIO_TIMEOUT2_(AIO_NUMBER_, scope, limit, true)
#define AIO_TIMEOUT_AT(scope, when) AIO_TIMEOUT2_(AIO_NUMBER_, scope, when, false)
#define AIO_TIMEOUT2_(n, scope, limit, relative) AIO_TIMEOUT3_(n, scope, limit, relative)
#define AIO_TIMEOUT3_(n, scope, limit, relative) \
    for (aio_ret_ = aio_timeout_open_(&self->aio, (scope), (limit), (relative), (uint16_t)(n)); \
         aio_ret_ || aio_timeout_is_open_(&self->aio, (uint16_t)(n)); \
         aio_ret_ = aio_timeout_close_(&self->aio, (uint16_t)(n))) \
        if (aio_ret_) { \
            if (AIO_HOT_(aio_leave_)(&self->aio, aio_ret_, __LINE__)) { AIO_FAIL_; } break; \
        } else if (0) { \
            case AIO_POINT_(n): \
            if (!aio_timeout_settled_(&self->aio, (uint16_t)(n))) { return 0; } \
            if (!aio_timeout_caught_(&self->aio, (uint16_t)(n))) { AIO_FAIL_; } break; \
        } else \
            while (aio_timeout_enter_(&self->aio, (uint16_t)(n)))
AIO_API_ struct aio_coro *aio_timeout_open_(struct aio_coro *self, struct aio_timeout *timeout, aio_time limit,
                                            bool relative, uint16_t pc);
AIO_API_ bool aio_timeout_is_open_(struct aio_coro *self, uint16_t pc);
AIO_API_ bool aio_timeout_enter_(struct aio_coro *self, uint16_t pc);
AIO_API_ struct aio_coro *aio_timeout_close_(struct aio_coro *self, uint16_t pc);
AIO_API_ bool aio_timeout_settled_(struct aio_coro *self, uint16_t pc);
AIO_API_ bool aio_timeout_caught_(struct aio_coro *self, uint16_t pc);

/* Gives the block that runs another limit, from now on, or another point in time; also from outside the body.
   0; AIO_EINVAL: it has expired, or is not open; AIO_ENOMEM, and then the old limit holds. */
AIO_API_ int aio_timeout_reschedule(struct aio_timeout *timeout, aio_time limit);
AIO_API_ int aio_timeout_reschedule_at(struct aio_timeout *timeout, aio_time when);

/* ------------------------------------------------------------------------------- generators

   A coroutine with AIO_YIELD in its body is an asynchronous generator: a sequence of values that may await
   between them. Its result type is that of the values. It runs in the task of whoever asks for the next one. */

/* AIO_YIELD(v); hands a value to the consumer, and goes on when the next one is asked for. Leaves. Not in
   AIO_FINALLY, nor in an AIO_TIMEOUT, nor while the generator's own group has members: they would go on at a
   time when the generator does not run (asserts). */
#define AIO_YIELD(...) AIO_YIELD2_(AIO_NUMBER_, __VA_ARGS__)
#define AIO_YIELD2_(n, ...) AIO_YIELD3_(n, __VA_ARGS__)
#define AIO_YIELD3_(n, ...) do { \
    self->result = (__VA_ARGS__); AIO_KEEP_LINE_ self->aio.pc = (uint16_t)(n); \
    return aio_yielded_(&self->aio, __LINE__); case AIO_POINT_(n):; } while (0)
AIO_API_ struct aio_coro *aio_yielded_(struct aio_coro *self, uint32_t line);

/* AIO_FOREACH(lvalue, slot, generator) { ... }: for each value of the generator, which is accepted and closed
   at the end, on break, return, error and cancellation: its AIO_FINALLY runs, with AIO_ECANCELED as the error in
   flight if it had not come to its end, and may await. slot: a member of the frame, a pointer to the generator's
   struct, for the time of the loop; NULL afterwards. continue and break work; goto must not leave it. As the branch
   of an if it wants braces around it. Leaves; an error of the generator, or of its cleanup, jumps. */
#define AIO_FOREACH(lvalue, slot, generator) AIO_FOREACH2_(__COUNTER__, __COUNTER__, lvalue, slot, generator)
#define AIO_FOREACH2_(k, l, lvalue, slot, generator) \
    AIO_FOREACH3_(k, (k) - AIO_BEGIN_is_missing_, (l) - AIO_BEGIN_is_missing_, lvalue, slot, generator)
#define AIO_FOREACH3_(k, n, m, lvalue, slot, generator) \
    for ((slot) = (generator), aio_ret_ = aio_foreach_open_(&self->aio, aio_of_(slot), &(slot)); aio_ret_; \
         aio_ret_ = aio_foreach_close_(aio_of_(slot))) \
        if (!aio_foreach_is_open_(aio_ret_)) { \
            AIO_SUSPEND_(m, aio_ret_->flags & AIO_F_UNIT_ ? NULL : aio_ret_) /* NULL: AIO_ENOMEM */ \
            if (aio_foreach_closed_(&self->aio, aio_ret_, __LINE__)) { AIO_FAIL_; } break; \
        } else \
            for (;;) \
                if (1) { \
                    AIO_SUSPEND_(n, aio_generator_next_(aio_of_(slot))) \
                    if (!aio_generator_more_(aio_ret_)) { \
                        if (AIO_HOT_(aio_leave_)(&self->aio, aio_ret_, __LINE__)) { AIO_FAIL_; } \
                        break; \
                    } \
                    (lvalue) = (slot)->result; goto AIO_CAT_(aio_each_, k); \
                } else AIO_CAT_(aio_each_, k):
AIO_API_ struct aio_coro *aio_foreach_open_(struct aio_coro *self, struct aio_coro *generator, void *slot);
AIO_API_ bool aio_foreach_is_open_(const struct aio_coro *ret);
AIO_API_ struct aio_coro *aio_foreach_close_(struct aio_coro *generator);
AIO_API_ int aio_foreach_closed_(struct aio_coro *self, struct aio_coro *ret, uint32_t line);
AIO_API_ struct aio_coro *aio_generator_next_(struct aio_coro *generator);
AIO_API_ bool aio_generator_more_(const struct aio_coro *ret);

/* AIO_NEXT(more, lvalue, generator); asks for one value. more: a bool or an int: was there one? The generator is a
   variable of the frame, which keeps it until AIO_CLOSE, for which AIO_FINALLY is the place: nothing else ends it before
   the loop is closed, and it must not point into the frame by then. Several coroutines and tasks may ask it, one at a
   time. Leaves; an error of the generator jumps, and is its end. */
#define AIO_NEXT(more, lvalue, generator) AIO_NEXT2_(AIO_NUMBER_, more, lvalue, generator)
#define AIO_NEXT2_(n, more, lvalue, generator) AIO_NEXT3_(n, more, lvalue, generator)
#define AIO_NEXT3_(n, more, lvalue, generator) do { \
    AIO_SUSPEND_(n, aio_generator_next_(aio_of_(generator))) \
    (more) = aio_generator_more_(aio_ret_); \
    if (AIO_HOT_(aio_leave_)(&self->aio, aio_ret_, __LINE__)) { AIO_FAIL_; } \
    else if (more) (lvalue) = (generator)->result; } while (0)
/* AIO_CLOSE(generator); ends a generator that was asked by AIO_NEXT, as AIO_FOREACH does, waits for its cleanup, and
   sets the variable to NULL. One that was never asked is discarded; NULL: does nothing. What is still open when the
   loop is closed is closed then, in order of creation. Leaves; an error of the cleanup jumps. */
#define AIO_CLOSE(generator) AIO_CLOSE2_(AIO_NUMBER_, generator)
#define AIO_CLOSE2_(n, generator) AIO_CLOSE3_(n, generator)
#define AIO_CLOSE3_(n, generator) do { \
    aio_ret_ = aio_generator_close_(aio_of_(generator)); \
    if (aio_ret_) { \
        AIO_SUSPEND_(n, aio_ret_) \
        (generator) = NULL; \
        if (aio_foreach_closed_(&self->aio, aio_ret_, __LINE__)) { AIO_FAIL_; } \
    } (generator) = NULL; } while (0)
AIO_API_ struct aio_coro *aio_generator_close_(struct aio_coro *generator);

/* ---------------------------------------------------------------------------------- groups */

/* A group of tasks that do not outlive the coroutine that opened it. A member of its frame; zeroed,
   it is closed. Read only: error. */
struct aio_group {
    struct aio_scope_ scope;            /* private, all */
    struct aio_task *owner_task;
    struct aio_task *first, *last;      /* members, in order of creation; ended ones with a handle too */
    AIO_LIST_ held;                     /* not started yet, because of the limit */
    AIO_LIST_ waiters;                  /* joins */
    unsigned active;                    /* members that have not ended */
    unsigned started, limit;
    int error;                          /* of the member that failed first */
    uint8_t flags, closing, interrupted, told;
    uint8_t entry;                      /* cancel requests that its owner had when it opened */
    struct aio_trace *trace;            /* how that error came up, or NULL */
    struct aio_group_error_ *errors;    /* the others, the last one first */
};
enum {
    AIO_GROUP_KEEP_GOING = 1,           /* one member's error does not end the others */
    AIO_GROUP_RACE_ = 2,                /* private: the first to end cancels the others */
    AIO_GROUP_GATHER_ = 4               /* private: one that was cancelled has failed: its result is missing */
};

/* aio_group_open(group, self, limit, flags): once, in the body of the owner. limit: how many members
   may run at a time, 0: no limit; the others wait for their turn. 0, or AIO_ENOMEM, or AIO_EBUSY (it
   is open); spawning into a group that failed to open answers with the same error.
   From then on, leaving the body waits for the members first: returning lets them end, an error or
   a cancellation cancels them. A member's error cancels the others and comes out of the owner,
   which is interrupted if it is waiting elsewhere; with AIO_GROUP_KEEP_GOING it goes to the loop's
   error handler instead. */
#define aio_group_open(group, self_, limit, flags) \
    aio_group_open_((group), &(self_)->aio, (limit), (flags))
AIO_API_ int aio_group_open_(struct aio_group *group, struct aio_coro *owner, unsigned limit, int flags);
/* aio_group_spawn(group, coroutine): starts a member, from anywhere on the loop's thread; it is freed
   when it ends. 0; or AIO_ENOMEM, AIO_EINVAL (never opened), AIO_ESHUTDOWN (cancelled, aborting, or
   its owner has ended), and then the coroutine is discarded unrun: its arguments are the caller's. */
#define aio_group_spawn(group, c) aio_group_spawn_((group), aio_of_(c))
AIO_API_ AIO_MUST_USE_ int aio_group_spawn_(struct aio_group *group, struct aio_coro *c);
/* aio_group_create_task(group, coroutine): the same, and returns the member's handle, which lives
   until the owner ends. It is the group's: do not release it. NULL: as for aio_group_spawn. */
#define aio_group_create_task(group, c) \
    AIO_UNTAKEN_(aio_as_(c, aio_group_add_((group), aio_of_(c), true, NULL)))
AIO_API_ AIO_MUST_USE_ struct aio_coro *aio_group_add_(struct aio_group *group, struct aio_coro *c,
                                                       bool keep, int *error);
/* aio_group_join(group): an awaitable: waits until no member is left. For the owner's task it fails with
   the error of the member that failed first; other tasks only wait. At once if the group is empty or was
   never opened. AIO_EDEADLK: the task that asks is itself a member, or a member of a member's group. */
AIO_API_ AIO_MUST_USE_ struct aio_void *aio_group_join(struct aio_group *group);
/* Cancels all members, in order of creation, and refuses new ones. From the loop's thread. */
AIO_API_ void aio_group_cancel(struct aio_group *group);
/* How many members have not ended. */
AIO_API_ size_t aio_group_count(const struct aio_group *group);
/* The error that the i-th of the members that failed ended with, in the order in which they failed: 0 is the one
   that comes out. 0: there is none. To be read by the owner until it ends, in its AIO_FINALLY for instance. A
   member that was cancelled has not failed. Later ones are left out if there was no memory to note them. */
AIO_API_ int aio_group_error(const struct aio_group *group, size_t i);

/* ------------------------------------------------------------------------- several at once

   AIO_GATHER(lvalue, awaitable, ...); up to 8 pairs: runs them all at once, each coroutine as a task of its own,
   and takes their results when all have ended. The first error (a member that somebody else cancels has one, too)
   cancels the others, waits for their cleanup, and jumps; what fails after that is dropped. A cancellation does the
   same. No lvalue is written then. It is all or nothing: every awaitable is evaluated, and memory for all is there,
   before the first one starts; if one is NULL or memory is out, none has run, coroutine objects are discarded, and
   AIO_ENOMEM jumps. Tasks and futures may be among them, but not the task that gathers: that is AIO_EDEADLK, in
   the same way. Leaves. */
#define AIO_GATHER(...) AIO_GATHER2_(AIO_NUMBER_, AIO_PAIRS_(__VA_ARGS__), __VA_ARGS__)
#define AIO_GATHER2_(n, k, ...) AIO_GATHER3_(n, k, __VA_ARGS__)
#define AIO_GATHER3_(n, k, ...) AIO_CAT_(AIO_GATHER_OF_, k)(n, k, __VA_ARGS__)
/* AIO_ALL(awaitable, ...); the same without results. */
#define AIO_ALL(...) AIO_ALL2_(AIO_NUMBER_, AIO_EACH_(__VA_ARGS__), __VA_ARGS__)
#define AIO_ALL2_(n, k, ...) AIO_ALL3_(n, k, __VA_ARGS__)
#define AIO_ALL3_(n, k, ...) AIO_CAT_(AIO_ALL_OF_, k)(n, k, __VA_ARGS__)
/* AIO_RACE(which, awaitable, ...); up to 8: the first one to end wins, and which (an int) says which, counted from
   0; the others are cancelled, and waited for. The winner's error jumps; a cancellation jumps, with -1 in which if
   nobody had won. Of several operations on locks, semaphores, queues and channels at most one takes effect: as soon
   as one is served, the others are taken out of their queues. A loser that is a coroutine keeps what it has obtained
   until its AIO_FINALLY has run; its error, if it is another than AIO_ECANCELED, goes to the loop's handler. An
   operation that has been served stays so: a cancellation that comes behind it strikes at the next suspension (so
   it does for AIO_GATHER and AIO_ALL when all were served), and with which >= 0 in AIO_FINALLY, what the winner got
   is yours. All or nothing, as AIO_GATHER. Leaves. */
#define AIO_RACE(which, ...) AIO_RACE2_(AIO_NUMBER_, AIO_EACH_(__VA_ARGS__), which, __VA_ARGS__)
#define AIO_RACE2_(n, k, which, ...) AIO_RACE3_(n, k, which, __VA_ARGS__)
#define AIO_RACE3_(n, k, which, ...) AIO_CAT_(AIO_RACE_OF_, k)(n, k, which, __VA_ARGS__)

#define AIO_GATHER_OK_(n, k, ...) do { \
    { struct aio_gather_ *aio_g_ = aio_gather_new_(AIO_GROUP_GATHER_); AIO_CAT_(AIO_ADD_PAIRS_, k)(__VA_ARGS__) \
    AIO_SUSPEND_GATHER_(n) } \
    AIO_FALLTHROUGH_; case AIO_POINT_(n): \
    if (!aio_ret_->error) { AIO_CAT_(AIO_TAKE_PAIRS_, k)(0, __VA_ARGS__) } \
    if (aio_gather_leave_(&self->aio, aio_ret_, __LINE__)) AIO_FAIL_; } while (0)
#define AIO_ALL_OK_(n, k, ...) do { \
    { struct aio_gather_ *aio_g_ = aio_gather_new_(AIO_GROUP_GATHER_); AIO_CAT_(AIO_ADD_EACH_, k)(__VA_ARGS__) \
    AIO_SUSPEND_GATHER_(n) } \
    AIO_FALLTHROUGH_; case AIO_POINT_(n): \
    if (aio_gather_leave_(&self->aio, aio_ret_, __LINE__)) AIO_FAIL_; } while (0)
#define AIO_RACE_OK_(n, k, which, ...) do { \
    { struct aio_gather_ *aio_g_ = aio_gather_new_(AIO_GROUP_RACE_); AIO_CAT_(AIO_ADD_EACH_, k)(__VA_ARGS__) \
    AIO_SUSPEND_GATHER_(n) } \
    AIO_FALLTHROUGH_; case AIO_POINT_(n): \
    (which) = aio_race_winner_(aio_ret_); \
    if (aio_gather_leave_(&self->aio, aio_ret_, __LINE__)) AIO_FAIL_; } while (0)
#define AIO_SUSPEND_GATHER_(n) AIO_KEEP_LINE_ self->aio.pc = (uint16_t)(n); \
    aio_ret_ = aio_gather_start_(&self->aio, aio_g_); if (aio_suspends_(aio_ret_)) { return aio_ret_; }

/* A statement that cannot be: the message is the name that compilers show. */
#ifdef __cplusplus
#define AIO_REFUSE_(message) do { static_assert(false, #message); } while (0)
#else
#define AIO_REFUSE_(message) do { typedef char message[-1]; } while (0)
#endif
#define AIO_GATHER_OF_0(n, k, ...) AIO_REFUSE_(AIO_GATHER_takes_pairs_of_an_lvalue_and_an_awaitable)
#define AIO_GATHER_OF_ODD(n, k, ...) AIO_REFUSE_(AIO_GATHER_takes_pairs_of_an_lvalue_and_an_awaitable)
#define AIO_GATHER_OF_MANY(n, k, ...) AIO_REFUSE_(AIO_GATHER_takes_8_pairs_at_most_use_aio_gather)
#define AIO_ALL_OF_MANY(n, k, ...) AIO_REFUSE_(AIO_ALL_takes_8_awaitables_at_most_use_aio_gather)
#define AIO_RACE_OF_MANY(n, k, ...) AIO_REFUSE_(AIO_RACE_takes_8_awaitables_at_most_use_aio_wait)
#define AIO_GATHER_OF_1 AIO_GATHER_OK_
#define AIO_GATHER_OF_2 AIO_GATHER_OK_
#define AIO_GATHER_OF_3 AIO_GATHER_OK_
#define AIO_GATHER_OF_4 AIO_GATHER_OK_
#define AIO_GATHER_OF_5 AIO_GATHER_OK_
#define AIO_GATHER_OF_6 AIO_GATHER_OK_
#define AIO_GATHER_OF_7 AIO_GATHER_OK_
#define AIO_GATHER_OF_8 AIO_GATHER_OK_
#define AIO_ALL_OF_1(n, k, ...) AIO_CAT_(AIO_ALL_EMPTY_, AIO_IS_EMPTY_(__VA_ARGS__))(n, k, __VA_ARGS__)
#define AIO_ALL_EMPTY_0 AIO_ALL_OK_
#define AIO_ALL_EMPTY_1(n, k, ...) AIO_REFUSE_(AIO_ALL_takes_at_least_one_awaitable)
#define AIO_ALL_OF_2 AIO_ALL_OK_
#define AIO_ALL_OF_3 AIO_ALL_OK_
#define AIO_ALL_OF_4 AIO_ALL_OK_
#define AIO_ALL_OF_5 AIO_ALL_OK_
#define AIO_ALL_OF_6 AIO_ALL_OK_
#define AIO_ALL_OF_7 AIO_ALL_OK_
#define AIO_ALL_OF_8 AIO_ALL_OK_
#define AIO_RACE_OF_1(n, k, which, ...) AIO_CAT_(AIO_RACE_EMPTY_, AIO_IS_EMPTY_(__VA_ARGS__))(n, k, which, __VA_ARGS__)
#define AIO_RACE_EMPTY_0 AIO_RACE_OK_
#define AIO_RACE_EMPTY_1(n, k, which, ...) AIO_REFUSE_(AIO_RACE_takes_an_int_and_at_least_one_awaitable)
#define AIO_RACE_OF_2 AIO_RACE_OK_
#define AIO_RACE_OF_3 AIO_RACE_OK_
#define AIO_RACE_OF_4 AIO_RACE_OK_
#define AIO_RACE_OF_5 AIO_RACE_OK_
#define AIO_RACE_OF_6 AIO_RACE_OK_
#define AIO_RACE_OF_7 AIO_RACE_OK_
#define AIO_RACE_OF_8 AIO_RACE_OK_
#define AIO_PAIRS_(...) AIO_PICK_32_(__VA_ARGS__, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, \
    MANY, MANY, MANY, MANY, MANY, MANY, MANY, 8, ODD, 7, ODD, 6, ODD, 5, ODD, 4, ODD, 3, ODD, 2, ODD, 1, ODD, )
#define AIO_EACH_(...) AIO_PICK_32_(__VA_ARGS__, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, \
    MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, 8, 7, 6, 5, 4, 3, 2, 1, )
#define AIO_PICK_32_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, \
    a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, k, ...) k
#define AIO_ADD_EACH_1(x) AIO_ADD_(x)
#define AIO_ADD_EACH_2(x, ...) AIO_ADD_(x) AIO_ADD_EACH_1(__VA_ARGS__)
#define AIO_ADD_EACH_3(x, ...) AIO_ADD_(x) AIO_ADD_EACH_2(__VA_ARGS__)
#define AIO_ADD_EACH_4(x, ...) AIO_ADD_(x) AIO_ADD_EACH_3(__VA_ARGS__)
#define AIO_ADD_EACH_5(x, ...) AIO_ADD_(x) AIO_ADD_EACH_4(__VA_ARGS__)
#define AIO_ADD_EACH_6(x, ...) AIO_ADD_(x) AIO_ADD_EACH_5(__VA_ARGS__)
#define AIO_ADD_EACH_7(x, ...) AIO_ADD_(x) AIO_ADD_EACH_6(__VA_ARGS__)
#define AIO_ADD_EACH_8(x, ...) AIO_ADD_(x) AIO_ADD_EACH_7(__VA_ARGS__)
#define AIO_ADD_PAIRS_1(l, x) AIO_ADD_(x)
#define AIO_ADD_PAIRS_2(l, x, ...) AIO_ADD_(x) AIO_ADD_PAIRS_1(__VA_ARGS__)
#define AIO_ADD_PAIRS_3(l, x, ...) AIO_ADD_(x) AIO_ADD_PAIRS_2(__VA_ARGS__)
#define AIO_ADD_PAIRS_4(l, x, ...) AIO_ADD_(x) AIO_ADD_PAIRS_3(__VA_ARGS__)
#define AIO_ADD_PAIRS_5(l, x, ...) AIO_ADD_(x) AIO_ADD_PAIRS_4(__VA_ARGS__)
#define AIO_ADD_PAIRS_6(l, x, ...) AIO_ADD_(x) AIO_ADD_PAIRS_5(__VA_ARGS__)
#define AIO_ADD_PAIRS_7(l, x, ...) AIO_ADD_(x) AIO_ADD_PAIRS_6(__VA_ARGS__)
#define AIO_ADD_PAIRS_8(l, x, ...) AIO_ADD_(x) AIO_ADD_PAIRS_7(__VA_ARGS__)
#define AIO_TAKE_PAIRS_1(i, l, x) AIO_TAKE_CHILD_(i, l, x)
#define AIO_TAKE_PAIRS_2(i, l, x, ...) AIO_TAKE_CHILD_(i, l, x) AIO_TAKE_PAIRS_1(i + 1, __VA_ARGS__)
#define AIO_TAKE_PAIRS_3(i, l, x, ...) AIO_TAKE_CHILD_(i, l, x) AIO_TAKE_PAIRS_2(i + 1, __VA_ARGS__)
#define AIO_TAKE_PAIRS_4(i, l, x, ...) AIO_TAKE_CHILD_(i, l, x) AIO_TAKE_PAIRS_3(i + 1, __VA_ARGS__)
#define AIO_TAKE_PAIRS_5(i, l, x, ...) AIO_TAKE_CHILD_(i, l, x) AIO_TAKE_PAIRS_4(i + 1, __VA_ARGS__)
#define AIO_TAKE_PAIRS_6(i, l, x, ...) AIO_TAKE_CHILD_(i, l, x) AIO_TAKE_PAIRS_5(i + 1, __VA_ARGS__)
#define AIO_TAKE_PAIRS_7(i, l, x, ...) AIO_TAKE_CHILD_(i, l, x) AIO_TAKE_PAIRS_6(i + 1, __VA_ARGS__)
#define AIO_TAKE_PAIRS_8(i, l, x, ...) AIO_TAKE_CHILD_(i, l, x) AIO_TAKE_PAIRS_7(i + 1, __VA_ARGS__)
#define AIO_TAKE_CHILD_(i, lvalue, x) (lvalue) = aio_as_(x, aio_gather_child_(aio_ret_, i))->result;

struct aio_gather_;
AIO_API_ struct aio_gather_ *aio_gather_new_(int flags);
AIO_API_ void aio_gather_add_(struct aio_gather_ *gather, struct aio_coro *c, size_t offset, size_t size);
AIO_API_ struct aio_coro *aio_gather_start_(struct aio_coro *self, struct aio_gather_ *gather);
AIO_API_ struct aio_coro *aio_gather_child_(struct aio_coro *ret, int i);
AIO_API_ int aio_gather_leave_(struct aio_coro *self, struct aio_coro *ret, uint32_t line);
AIO_API_ int aio_race_winner_(const struct aio_coro *ret);
#ifndef __cplusplus
#define AIO_ADD_(x) aio_gather_add_(aio_g_, aio_of_(x), AIO_RESULT_OFFSET_(x), AIO_RESULT_SIZE_(x));
#else
}
template <class T> inline void aio_gather_add_typed_(struct aio_gather_ *gather, T *x)
{
    aio_gather_add_(gather, (struct aio_coro *)(void *)x, AIO_RESULT_OFFSET_IN_(T, x), AIO_RESULT_SIZE_(x));
}
extern "C" {
#define AIO_ADD_(x) aio_gather_add_typed_(aio_g_, (x));
#endif

/* Arrays of handles: of tasks and futures of any type, made by aio_any. They stay their owners', and the array
   must live, unchanged, as long as the wait. AIO_EINVAL: there is something else among them. AIO_ENOMEM: NULL is.
   AIO_EDEADLK: the task that waits is. */

/* Waits for all of them, with asyncio's rules: results are in the handles; the first error comes out at once, and
   the others go on; one that was cancelled counts as an error. A cancellation of the wait cancels all that are
   unfinished, and comes out when they have ended. AIO_RETURN_EXCEPTIONS: waits for all, and no error comes out:
   they are in the handles (aio_task_error). AIO_CANCEL_ON_ERROR: the first error cancels the others, and comes out
   when they have ended. */
AIO_API_ AIO_MUST_USE_ struct aio_void *aio_gather(struct aio_any *const *handles, size_t n, int flags);
enum { AIO_RETURN_EXCEPTIONS = 1, AIO_CANCEL_ON_ERROR = 2 };

/* Waits until all have ended, or the first one, or the first one with an error that is not AIO_ECANCELED (or all),
   or the time is up (AIO_FOREVER: never; 0: only looks). How many have ended (a ptrdiff_t): aio_task_done tells
   which. It never fails with their errors, and never cancels them. AIO_EINVAL: none are given. */
AIO_API_ AIO_MUST_USE_ struct aio_size *aio_wait(struct aio_any *const *handles, size_t n, int until, aio_time timeout);
enum { AIO_ALL_COMPLETED, AIO_FIRST_COMPLETED, AIO_FIRST_EXCEPTION, AIO_FIRST_ERROR_ /* private: or cancelled */ };

/* A generator of the handles in the order in which they end, for AIO_FOREACH and AIO_NEXT. AIO_ETIMEDOUT: the time,
   counted from the first step, is up before the last one has ended; nothing is cancelled. */
struct aio_completed { AIO_FRAME(struct aio_any *); };
AIO_API_ AIO_MUST_USE_ struct aio_completed *aio_as_completed(struct aio_any *const *handles, size_t n,
                                                              aio_time timeout);

/* --------------------------------------------------------------------------- synchronisation

   For the tasks of one loop (aio_loop_post is for threads). All of these are members of a frame or static
   variables, need no clearing up, and are ready to use when zeroed; they must not be moved while somebody
   waits. Waiters are served in the order they came. What one waits for is handed over by whoever releases
   it: nobody overtakes, and a cancelled waiter loses nothing: a request to cancel that meets a lock, a
   permit or an item that has been handed over already strikes at the task's next suspension instead.
   What is free is taken without suspending; after AIO_BUDGET such operations a task lets the others run.
   All are called from tasks and callbacks of the loop's thread, the awaitables are awaited by tasks.
   Awaitables answer AIO_ENOMEM, as all do, and AIO_ECANCELED. Behaviour: asyncio's, of the same names. */

/* One task at a time. */
struct aio_lock {
    AIO_LIST_ waiters;                  /* private */
    uint32_t holder;                    /* private: the number of the task it was taken for, or 0 */
    bool locked;                        /* read only */
};
/* Waits until the lock is the task's own. It is not recursive: taking it twice waits for somebody else to
   release it. */
AIO_API_ AIO_MUST_USE_ struct aio_void *aio_lock_acquire(struct aio_lock *lock);
/* Takes it if it is free. True: it is ours. */
AIO_API_ AIO_MUST_USE_ bool aio_lock_try_acquire(struct aio_lock *lock);
/* Releases it, or hands it to the task that waits longest. From any task or callback. One that is not held
   asserts. */
#define aio_lock_release(lock) aio_lock_release_((lock), AIO_HERE_)
AIO_API_ void aio_lock_release_(struct aio_lock *lock, const char *file, uint32_t line);
/* Was it taken by the task that runs now? What cleanup asks, for its acquire may have been cancelled:
   if (aio_lock_held(&lock)) aio_lock_release(&lock);
   An aio_lock_acquire that stands in AIO_GATHER, AIO_ALL or AIO_RACE takes it for the task that gathers. */
AIO_API_ bool aio_lock_held(const struct aio_lock *lock);

/* Something that has happened, or not yet. */
struct aio_event {
    AIO_LIST_ waiters;                  /* private */
    bool is_set;                        /* read only */
};
/* Waits until the event is set; at once if it is. */
AIO_API_ AIO_MUST_USE_ struct aio_void *aio_event_wait(struct aio_event *event);
/* Sets it, and wakes all who wait now, even if it is cleared before they run. */
AIO_API_ void aio_event_set(struct aio_event *event);
AIO_API_ void aio_event_clear(struct aio_event *event);

/* A change of something that a lock protects: while (!ready) AIO_AWAIT(aio_condition_wait(&c, &lock)); */
struct aio_condition { AIO_LIST_ waiters; /* private */ };
/* Releases the lock, waits until notified, and takes the lock again before it returns, whatever it returns:
   a cancelled waiter has the lock, too, and passes a notification that it had got on to the next one. The
   lock must be held when this is called, or it asserts. */
#define aio_condition_wait(condition, lock) aio_condition_wait_((condition), (lock), AIO_HERE_)
AIO_API_ AIO_MUST_USE_ struct aio_void *aio_condition_wait_(struct aio_condition *condition,
                                                            struct aio_lock *lock, const char *file, uint32_t line);
/* Notifies the n that wait longest. They queue for the lock, which may be held or not. */
AIO_API_ void aio_condition_notify(struct aio_condition *condition, size_t n);
AIO_API_ void aio_condition_notify_all(struct aio_condition *condition);

/* So many permits. Zeroed, it has none. */
struct aio_semaphore {
    AIO_LIST_ waiters;                  /* private */
    uint32_t value;                     /* read only: permits that are free */
    uint32_t bound;                     /* private: how many there are; UINT32_MAX - 1 at most, 0: not bounded */
};
/* Gives it its permits; the bounded one asserts when more are released than were taken. */
AIO_API_ void aio_semaphore_init(struct aio_semaphore *semaphore, uint32_t permits);
AIO_API_ void aio_bounded_semaphore_init(struct aio_semaphore *semaphore, uint32_t permits);
/* Waits for a permit. */
AIO_API_ AIO_MUST_USE_ struct aio_void *aio_semaphore_acquire(struct aio_semaphore *semaphore);
/* Takes one if one is free. */
AIO_API_ AIO_MUST_USE_ bool aio_semaphore_try_acquire(struct aio_semaphore *semaphore);
/* Gives one back, or hands it to the task that waits longest. Also to add permits that were never taken,
   unless it is bounded. */
#define aio_semaphore_release(semaphore) aio_semaphore_release_((semaphore), AIO_HERE_)
AIO_API_ void aio_semaphore_release_(struct aio_semaphore *semaphore, const char *file, uint32_t line);

/* A permit that knows whether it is one: zeroed, it is empty. For frames, whose cleanup cannot know otherwise
   whether the wait was cancelled. */
struct aio_permit { struct aio_semaphore *semaphore; /* read only: NULL: empty */ };
/* As aio_semaphore_acquire, and fills *permit, which must be empty (or it asserts) and must live as long as
   the wait. */
#define aio_semaphore_take(semaphore, permit) aio_semaphore_take_((semaphore), (permit), AIO_HERE_)
AIO_API_ AIO_MUST_USE_ struct aio_void *aio_semaphore_take_(struct aio_semaphore *semaphore,
                                                            struct aio_permit *permit, const char *file, uint32_t line);
/* Gives it back and empties it. An empty one: does nothing. */
#define aio_permit_return(permit) aio_permit_return_((permit), AIO_HERE_)
AIO_API_ void aio_permit_return_(struct aio_permit *permit, const char *file, uint32_t line);

/* A place where so many tasks meet, again and again. */
struct aio_barrier {
    AIO_LIST_ waiters;                  /* private */
    uint32_t parties;                   /* read only: how many meet */
    uint32_t waiting;                   /* read only: how many are there */
    uint32_t generation;                /* private: one more each time they have met */
    bool broken;                        /* read only */
};
/* How many meet; 0: waiting answers AIO_EINVAL. */
AIO_API_ void aio_barrier_init(struct aio_barrier *barrier, uint32_t parties);
/* Waits until all have come; the last one does not suspend. Which one it was: 0 for the first to come. One
   that is cancelled is not counted any more. Errors: AIO_EBROKEN (reset while it waited, or aborted). */
AIO_API_ AIO_MUST_USE_ struct aio_int *aio_barrier_wait(struct aio_barrier *barrier);
/* Empties it: who waits gets AIO_EBROKEN. It works again from now on. */
AIO_API_ void aio_barrier_reset(struct aio_barrier *barrier);
/* The same, and everybody gets AIO_EBROKEN until it is reset. */
AIO_API_ void aio_barrier_abort(struct aio_barrier *barrier);

/* A count of things to be done. */
struct aio_wait_group {
    AIO_LIST_ waiters;                  /* private */
    size_t count;                       /* read only */
};
AIO_API_ void aio_wait_group_add(struct aio_wait_group *group, size_t n);
/* One is done. One too many asserts. */
#define aio_wait_group_done(group) aio_wait_group_done_((group), AIO_HERE_)
AIO_API_ void aio_wait_group_done_(struct aio_wait_group *group, const char *file, uint32_t line);
/* Waits until the count is 0. */
AIO_API_ AIO_MUST_USE_ struct aio_void *aio_wait_group_wait(struct aio_wait_group *group);

/* ----------------------------------------------------------------------------------- queues

   They copy items by value, into an array that the caller gives; nothing is allocated for them. The rules of
   the synchronisation objects hold: first come, first served; handed over; nothing lost by a cancellation.
   An item is passed by its address, and its size is checked against that of the array's items. A put has
   copied the item when the call returns; what a get writes to must live as long as the wait: a member of the
   frame. */

/* An operation on one of these objects. Private. See "operations" below. */
struct aio_op_ {
    AIO_FRAME(int);
    unsigned size;                      /* of it and what follows; 1: it is a part of the object */
    void *object;                       /* the lock, the queue, ... */
    union { void *item; unsigned char bytes[16]; } u;   /* where an item goes to, or comes from; a permit */
};

/* asyncio.Queue, LifoQueue and PriorityQueue. Zeroed, it is empty and shut down. */
struct aio_queue {
    unsigned char *items;               /* private, all but the numbers */
    size_t capacity;                    /* read only */
    size_t length;                      /* read only: items in it */
    size_t first;
    size_t unfinished;                  /* read only: items put, and not reported by aio_queue_task_done */
    unsigned size;                      /* of an item */
    uint8_t order, open, channel;
    uint8_t quick;                      /* the size of an item, if that is 4 or 8, and it is AIO_FIFO, and open; or 0 */
    bool (*before)(const void *a, const void *b);
    AIO_LIST_ getters;
    AIO_LIST_ putters;
    AIO_LIST_ joiners;
    struct aio_op_ get, put;            /* so that one task at each end needs no memory */
};
enum aio_order { AIO_FIFO, AIO_LIFO, AIO_PRIORITY };

/* aio_queue_init(queue, array): a queue that is empty and keeps its items in this array, which gives it its
   capacity. aio_lifo_queue_init: the newest item leaves first. aio_priority_queue_init: the one that is
   before all others, by before(a, b), which is given the addresses of two items; which of two equal ones
   leaves first is open. */
#define aio_queue_init(queue, array) AIO_QUEUE_INIT_(queue, array, AIO_FIFO, NULL)
#define aio_lifo_queue_init(queue, array) AIO_QUEUE_INIT_(queue, array, AIO_LIFO, NULL)
#define aio_priority_queue_init(queue, array, before) AIO_QUEUE_INIT_(queue, array, AIO_PRIORITY, (before))
#define AIO_QUEUE_INIT_(queue, array, order, before) ((void)aio_queue_init_storage((queue), (order), (array), \
    sizeof *(array), AIO_LENGTH_(array), (before)))
/* The same with storage that is not an array: room for capacity items of item_size bytes. 0, or AIO_EINVAL
   for a capacity or a size of 0, no storage, or a priority queue without before: then the queue is left
   shut down. */
AIO_API_ int aio_queue_init_storage(struct aio_queue *queue, enum aio_order order, void *storage,
                                    size_t item_size, size_t capacity, bool (*before)(const void *a, const void *b));
/* aio_queue_put(queue, &item): an awaitable: waits until there is room. AIO_ESHUTDOWN: it was shut down. */
#define aio_queue_put(queue, item) \
    AIO_IF_QUICK_(item, aio_queue_put_quick_, aio_queue_put_)((queue), (item), sizeof *(item), AIO_HERE_)
/* aio_queue_get(queue, &item): an awaitable: waits until there is an item, and copies it to item.
   AIO_ESHUTDOWN: it was shut down, and is empty. */
#define aio_queue_get(queue, item) \
    AIO_IF_QUICK_(item, aio_queue_get_quick_, aio_queue_get_)((queue), (item), sizeof *(item), AIO_HERE_)
/* aio_queue_next(queue, &item): the same with the result 1, or 0 instead of AIO_ESHUTDOWN. Made for AIO_WHILE: a
   consumer that ends when the queue was shut down, without an error. */
#define aio_queue_next(queue, item) \
    AIO_IF_QUICK_(item, aio_queue_next_quick_, aio_queue_next_)((queue), (item), sizeof *(item), AIO_HERE_)
/* The same without waiting: 0, AIO_EAGAIN (full; empty), AIO_ESHUTDOWN. */
#define aio_queue_put_nowait(queue, item) \
    aio_queue_put_nowait_((queue), (item), sizeof *(item), AIO_HERE_)
#define aio_queue_get_nowait(queue, item) \
    aio_queue_get_nowait_((queue), (item), sizeof *(item), AIO_HERE_)
/* An item that was got is done. Once too often asserts. */
#define aio_queue_task_done(queue) aio_queue_task_done_((queue), AIO_HERE_)
/* An awaitable: waits until every item that was ever put has been reported as done. */
AIO_API_ AIO_MUST_USE_ struct aio_void *aio_queue_join(struct aio_queue *queue);
/* No more puts: who waits to put gets AIO_ESHUTDOWN, and so does who gets when it is empty (or 0, by aio_queue_next;
   the error of an aio_queue_get that nobody takes would end the group of the worker). immediate: what is
   in it is dropped, and counts as done; take it out by aio_queue_get_nowait before if it owns something. */
AIO_API_ void aio_queue_shutdown(struct aio_queue *queue, bool immediate);

AIO_API_ struct aio_void *aio_queue_put_slow_(struct aio_queue *queue, const void *item, size_t size,
                                              const char *file, uint32_t line);
AIO_API_ struct aio_void *aio_queue_get_slow_(struct aio_queue *queue, void *item, size_t size, bool next,
                                              const char *file, uint32_t line);
static inline void aio_item_copy_(void *to, const void *from, size_t size)
{
#if defined __GNUC__ || defined __clang__
    if (size == 4)                                  /* a call costs more than these do */
        __builtin_memcpy(to, from, 4);
    else if (size == 8)
        __builtin_memcpy(to, from, 8);
    else
        __builtin_memcpy(to, from, size);
#else
    while (size--)
        ((unsigned char *)to)[size] = ((const unsigned char *)from)[size];
#endif
}
/* Takes one of the queue's own operations, for items of this size, if it is free: see aio_queue_op_new_. */
static AIO_INLINE_ bool aio_queue_op_take_(const struct aio_queue *queue, struct aio_op_ *op, size_t size,
                                           uint16_t hint)
{
    size_t fits = hint ? queue->quick : queue->size;
    if (AIO_SMALL || AIO_DEBUG || aio_unlikely_(fits != size) || aio_unlikely_(op->aio.flags != AIO_F_DEAD_))
        return false;
    if (op == &queue->get && (hint || queue->quick) && aio_unlikely_(queue->getters != NULL))
        return false;
    op->aio.flags = (uint16_t)(AIO_F_CORO_ | hint);
    return true;
}

/* It is none of those: compilers need not look for a way from here into their short way. */
static AIO_INLINE_ struct aio_void *aio_not_quick_(struct aio_void *p)
{
#if AIO_HINTS_
    if (p && p->aio.flags & AIO_F_NEXTS_)
        __builtin_unreachable();
#endif
    return p;
}

static AIO_INLINE_ struct aio_void *aio_queue_put_op_(struct aio_queue *queue, const void *item, size_t size,
                                                      uint16_t hint, const char *file, uint32_t line)
{
    struct aio_op_ *op = &queue->put;
    if (size > sizeof op->u || !aio_queue_op_take_(queue, op, size, hint))
        return aio_not_quick_(aio_queue_put_slow_(queue, item, size, file, line));
    aio_item_copy_(op->u.bytes, item, size);
    return (struct aio_void *)(void *)op;
}

/* next: the end is a result, not an error. */
static AIO_INLINE_ struct aio_void *aio_queue_get_op_(struct aio_queue *queue, void *item, size_t size, bool next,
                                                      uint16_t hint, const char *file, uint32_t line)
{
    struct aio_op_ *op = &queue->get;
    if (!aio_queue_op_take_(queue, op, size, hint))
        return aio_not_quick_(aio_queue_get_slow_(queue, item, size, next, file, line));
    if (!hint)
        op->result = next;
    op->u.item = item;
    return (struct aio_void *)(void *)op;
}

#define AIO_PLACE_TYPE_ size_t size, const char *file, uint32_t line
static inline AIO_MUST_USE_ struct aio_void *aio_queue_put_(struct aio_queue *queue, const void *item, AIO_PLACE_TYPE_)
{
    return aio_queue_put_op_(queue, item, size, 0, file, line);
}
static inline AIO_MUST_USE_ struct aio_void *aio_queue_get_(struct aio_queue *queue, void *item, AIO_PLACE_TYPE_)
{
    return aio_queue_get_op_(queue, item, size, false, 0, file, line);
}
static inline AIO_MUST_USE_ struct aio_int *aio_queue_next_(struct aio_queue *queue, void *item, AIO_PLACE_TYPE_)
{
    return (struct aio_int *)(void *)aio_queue_get_op_(queue, item, size, true, 0, file, line);
}
#if AIO_HINTS_
static inline AIO_MUST_USE_ aio_void_put_ aio_queue_put_quick_(struct aio_queue *queue, const void *item,
                                                               AIO_PLACE_TYPE_)
{
    return aio_queue_put_op_(queue, item, size, AIO_F_PUTS_, file, line);
}
static inline AIO_MUST_USE_ aio_void_get_ aio_queue_get_quick_(struct aio_queue *queue, void *item, AIO_PLACE_TYPE_)
{
    return aio_queue_get_op_(queue, item, size, false, AIO_F_GETS_, file, line);
}
static inline AIO_MUST_USE_ aio_int_get_ aio_queue_next_quick_(struct aio_queue *queue, void *item, AIO_PLACE_TYPE_)
{
    return (struct aio_int *)(void *)aio_queue_get_op_(queue, item, size, true, AIO_F_NEXTS_, file, line);
}
#endif
#undef AIO_PLACE_TYPE_
AIO_API_ AIO_MUST_USE_ int aio_queue_put_nowait_(struct aio_queue *queue, const void *item, size_t size,
                                                 const char *file, uint32_t line);
AIO_API_ AIO_MUST_USE_ int aio_queue_get_nowait_(struct aio_queue *queue, void *item, size_t size,
                                                 const char *file, uint32_t line);
AIO_API_ void aio_queue_task_done_(struct aio_queue *queue, const char *file, uint32_t line);

/* A channel: a queue whose ends are closed one by one, and that may have no room at all: then every send waits
   for its receiver. Zeroed, both ends are closed. */
struct aio_channel { struct aio_queue queue; /* private */ };
/* aio_channel_init(channel, array): open, with room for the items of the array. aio_channel_init_unbuffered
   (channel, item_size): with none. */
#define aio_channel_init(channel, array) \
    aio_channel_init_((channel), (array), sizeof *(array), AIO_LENGTH_(array))
#define aio_channel_init_unbuffered(channel, item_size) aio_channel_init_((channel), NULL, (item_size), 0)
AIO_API_ void aio_channel_init_(struct aio_channel *channel, void *storage, size_t item_size, size_t capacity);
/* aio_channel_send(channel, &item): an awaitable: waits until there is room, or, without any, until it was
   received. Errors: AIO_ESHUTDOWN (this end is closed), AIO_EPIPE (the receiver's is). */
#define aio_channel_send(channel, item) \
    AIO_IF_QUICK_(item, aio_queue_put_quick_, aio_queue_put_)(&(channel)->queue, (item), sizeof *(item), AIO_HERE_)
/* aio_channel_recv(channel, &item): an awaitable with the result 1: an item was received; 0: the sender's end
   is closed, and the channel empty (or this end is closed). Made for AIO_WHILE. */
#define aio_channel_recv(channel, item) \
    AIO_IF_QUICK_(item, aio_queue_next_quick_, aio_queue_next_)(&(channel)->queue, (item), sizeof *(item), AIO_HERE_)
/* The same without waiting: 0, AIO_EAGAIN, AIO_ESHUTDOWN (closed, and empty), AIO_EPIPE (to send: the receiver's
   end is closed). */
#define aio_channel_try_send(channel, item) \
    aio_queue_put_nowait_(&(channel)->queue, (item), sizeof *(item), AIO_HERE_)
#define aio_channel_try_recv(channel, item) \
    aio_queue_get_nowait_(&(channel)->queue, (item), sizeof *(item), AIO_HERE_)
/* Closes the sender's end: what is in it can still be received; who waits to send gets AIO_ESHUTDOWN. */
AIO_API_ void aio_channel_close_send(struct aio_channel *channel);
/* Closes the receiver's end: what is in it is dropped; who waits to send gets AIO_EPIPE, to receive 0. */
AIO_API_ void aio_channel_close_recv(struct aio_channel *channel);

/* Everybody who has subscribed gets every item. Sending never waits: the array keeps the newest items, and a
   subscriber that falls behind by more than it holds misses the older ones. Zeroed, it is closed. */
struct aio_broadcast {
    unsigned char *items;               /* private */
    size_t capacity, at;
    AIO_LIST_ waiters;
    unsigned size;
    uint32_t sent;
    bool open;
};
struct aio_subscription {               /* zeroed: of nothing, which is closed */
    struct aio_broadcast *broadcast;    /* private */
    uint32_t next;                      /* private */
    uint32_t missed;                    /* read only: items that it was too late for, in all */
};
/* aio_broadcast_init(broadcast, array): open; the array's length is how far one may fall behind. */
#define aio_broadcast_init(broadcast, array) \
    aio_broadcast_init_((broadcast), (array), sizeof *(array), AIO_LENGTH_(array))
AIO_API_ void aio_broadcast_init_(struct aio_broadcast *broadcast, void *storage, size_t item_size, size_t capacity);
/* The subscription begins with the next item that is sent. It needs no ending. */
AIO_API_ void aio_broadcast_subscribe(struct aio_broadcast *broadcast, struct aio_subscription *subscription);
/* aio_broadcast_send(broadcast, &item): 0, or AIO_ESHUTDOWN: it is closed. */
#define aio_broadcast_send(broadcast, item) \
    aio_broadcast_send_((broadcast), (item), sizeof *(item), AIO_HERE_)
AIO_API_ int aio_broadcast_send_(struct aio_broadcast *broadcast, const void *item, size_t size,
                                 const char *file, uint32_t line);
/* aio_broadcast_recv(subscription, &item): an awaitable: 1: the next item, or 0: it is closed, and there are no
   more. AIO_EOVERFLOW, once each time that items were missed: the next call gives the oldest that is left. */
#define aio_broadcast_recv(subscription, item) \
    aio_broadcast_recv_((subscription), (item), sizeof *(item), AIO_HERE_)
AIO_API_ AIO_MUST_USE_ struct aio_int *aio_broadcast_recv_(struct aio_subscription *subscription, void *item,
                                                           size_t size, const char *file, uint32_t line);
AIO_API_ void aio_broadcast_close(struct aio_broadcast *broadcast);

/* A value that changes, and that many look at: only the latest counts. Zeroed, it is closed. */
struct aio_watch {
    void *value;                        /* read only: where the latest is */
    AIO_LIST_ waiters;                  /* private */
    unsigned size;
    uint32_t version;
    bool open;
};
struct aio_watcher {                    /* zeroed: of nothing, which is closed */
    struct aio_watch *watch;            /* private */
    uint32_t seen;
};
/* aio_watch_init(watch, &value): open, with this variable, which the watch keeps up to date from now on. */
#define aio_watch_init(watch, value) aio_watch_init_((watch), (value), sizeof *(value))
AIO_API_ void aio_watch_init_(struct aio_watch *watch, void *value, size_t size);
/* The watcher has seen nothing yet: its first look finds the present value. It needs no ending. */
AIO_API_ void aio_watch_subscribe(struct aio_watch *watch, struct aio_watcher *watcher);
/* aio_watch_set(watch, &value): copies the value, and wakes who waits for a new one. 0, or AIO_ESHUTDOWN. */
#define aio_watch_set(watch, value) aio_watch_set_((watch), (value), sizeof *(value), AIO_HERE_)
AIO_API_ int aio_watch_set_(struct aio_watch *watch, const void *value, size_t size, const char *file, uint32_t line);
/* aio_watch_next(watcher, &value): an awaitable: 1, and the latest value, as soon as it is another than the one
   this watcher saw last; 0: it is closed, and nothing new came. */
#define aio_watch_next(watcher, value) \
    aio_watch_next_((watcher), (value), sizeof *(value), AIO_HERE_)
AIO_API_ AIO_MUST_USE_ struct aio_int *aio_watch_next_(struct aio_watcher *watcher, void *value, size_t size,
                                                       const char *file, uint32_t line);
AIO_API_ void aio_watch_close(struct aio_watch *watch);

/* The length of an array, which must be one. */
#ifdef __cplusplus
}
template <class T, size_t N> constexpr size_t aio_length_(T (&)[N]) { return N; }
extern "C" {
#define AIO_LENGTH_(array) aio_length_(array)
#elif defined __GNUC__ || defined __clang__
#define AIO_LENGTH_(array) (sizeof (array) / sizeof *(array) + 0 * sizeof(struct { int is_not_an_array : \
    __builtin_types_compatible_p(__typeof__(array), __typeof__(&*(array))) ? -1 : 1; }))
#else
#define AIO_LENGTH_(array) (sizeof (array) / sizeof *(array))
#endif

/* ------------------------------------------------------------------------------------ loop */

/* AIO_DEFAULT_POLLER: what aio_run takes; the first poller header that is included defines it. */
#if !defined AIO_DEFAULT_POLLER && defined AIO_NOW
#define AIO_DEFAULT_POLLER aio_hooks()
/* The poller made of AIO_NOW() and AIO_IDLE(timeout). */
AIO_API_ const struct aio_poller *aio_hooks(void);
#endif
#ifndef AIO_DEFAULT_POLLER
/* Never defined: what compilers name when aio_run is used without a poller. */
struct include_a_poller_header_first_ { char nothing; };
extern const struct include_a_poller_header_first_ AIO_DEFAULT_POLLER;
#endif

/* aio_run(coroutine), aio_run(lvalue, coroutine): a new loop runs it to its end, cancels what is
   unfinished in order of creation, waits for that, and is closed. 0 and the result, or the error it
   ended with; AIO_EBUSY inside a running loop, AIO_ENOMEM, an error of the poller's; then the
   coroutine is discarded unrun. AIO_EDEADLK: nothing could ever have happened any more (aio_sim). */
#define aio_run(...) \
    AIO_SELECT2_(__VA_ARGS__, AIO_RUN2_, AIO_RUN1_, )(NULL, __VA_ARGS__)
/* aio_run_with(&options, coroutine), aio_run_with(&options, lvalue, coroutine) */
#define aio_run_with(...) AIO_SELECT3_(__VA_ARGS__, AIO_RUN2_, AIO_RUN1_, , )(__VA_ARGS__)
AIO_API_ int aio_run_(const struct aio_options *options, const struct aio_poller *poller,
                      struct aio_coro *c, size_t offset, void *result, size_t size);
#define AIO_RUN1_(options, c) aio_run_((options), AIO_DEFAULT_POLLER, aio_of_(c), 0, NULL, 0)
#if defined __cplusplus
}
template <class T, class L>
inline int aio_run_typed_(const struct aio_options *options, const struct aio_poller *poller, T *c, L &lvalue)
{
    decltype(c->result) result;
    int error = aio_run_(options, poller, (struct aio_coro *)(void *)c, AIO_RESULT_OFFSET_IN_(T, c), &result,
                         sizeof result);
    lvalue = result;
    return error;
}
extern "C" {
#define AIO_RUN2_(options, lvalue, c) aio_run_typed_((options), AIO_DEFAULT_POLLER, (c), (lvalue))
#elif AIO_STATEMENT_EXPRESSIONS
#define AIO_RUN2_(options, lvalue, c) __extension__ ({ \
    aio_typeof_((c)->result) aio_result_; \
    int aio_error_ = aio_run_((options), AIO_DEFAULT_POLLER, aio_of_(c), \
        AIO_RESULT_OFFSET_(c), &aio_result_, sizeof aio_result_); \
    (lvalue) = aio_result_; aio_error_; })
#else
#define AIO_RUN2_(options, lvalue, c) aio_run_((options), AIO_DEFAULT_POLLER, aio_of_(c), \
    AIO_RESULT_OFFSET_(c), &(lvalue), sizeof (lvalue) == sizeof (c)->result ? sizeof (lvalue) : 0)
#endif

/* aio_main(coroutine): aio_run for main(): prints errors with their traceback on standard error, the
   unhandled ones of other tasks too, and gives the exit status: 0 or 1. */
#define aio_main(c) aio_main_(NULL, AIO_DEFAULT_POLLER, aio_of_(c))
/* aio_main_with(&options, coroutine): the same with options; an on_error of yours gets the reports instead. */
#define aio_main_with(options, c) aio_main_((options), AIO_DEFAULT_POLLER, aio_of_(c))
AIO_API_ int aio_main_(const struct aio_options *wanted, const struct aio_poller *poller, struct aio_coro *c);

/* A loop as an object, for several runs, or for turns inside a loop of somebody else's. Zero it or
   not; aio_loop_init fills it in. It must not be moved. 0, or AIO_ENOMEM, or an error of the
   poller's. options may be NULL. */
#define aio_loop_init(loop, options) aio_loop_init_((loop), (options), AIO_DEFAULT_POLLER)
AIO_API_ int aio_loop_init_(struct aio_loop *loop, const struct aio_options *options,
                            const struct aio_poller *poller);
/* aio_loop_run_until_complete(loop, coroutine), aio_loop_run_until_complete(loop, lvalue, coroutine): runs it as a
   task to its end, and takes its result; other tasks live on till the next run. With aio_loop_init before several of
   these and aio_loop_close after them, the loop is asyncio.Runner. Its error, or as aio_run; AIO_EBUSY if this
   thread's loop is running, AIO_EINVAL if it is closed. aio_loop_stop does not end it. */
#define aio_loop_run_until_complete(...) \
    AIO_SELECT3_(__VA_ARGS__, AIO_COMPLETE3_, AIO_COMPLETE2_, , )(__VA_ARGS__)
AIO_API_ int aio_loop_run_until_complete_(struct aio_loop *loop, struct aio_coro *c, size_t offset, void *result,
                                          size_t size);
#define AIO_COMPLETE2_(loop, c) aio_loop_run_until_complete_((loop), AIO_TASKABLE_(c), 0, NULL, 0)
#if defined __cplusplus
}
template <class T, class L> inline int aio_loop_complete_typed_(struct aio_loop *loop, T *c, L &lvalue)
{
    decltype(c->result) result;
    int error = aio_loop_run_until_complete_(loop, AIO_TASKABLE_(c), AIO_RESULT_OFFSET_IN_(T, c), &result,
                                             sizeof result);
    lvalue = result;
    return error;
}
extern "C" {
#define AIO_COMPLETE3_(loop, lvalue, c) aio_loop_complete_typed_((loop), (c), (lvalue))
#elif AIO_STATEMENT_EXPRESSIONS
#define AIO_COMPLETE3_(loop, lvalue, c) __extension__ ({ \
    aio_typeof_((c)->result) aio_result_; \
    int aio_error_ = aio_loop_run_until_complete_((loop), AIO_TASKABLE_(c), AIO_RESULT_OFFSET_(c), &aio_result_, \
        sizeof aio_result_); \
    (lvalue) = aio_result_; aio_error_; })
#else
#define AIO_COMPLETE3_(loop, lvalue, c) aio_loop_run_until_complete_((loop), AIO_TASKABLE_(c), \
    AIO_RESULT_OFFSET_(c), &(lvalue), sizeof (lvalue) == sizeof (c)->result ? sizeof (lvalue) : 0)
#endif
/* Runs until aio_loop_stop: what is queued by then still runs; called before, there is one turn. 0, AIO_EBUSY,
   AIO_EINVAL (the loop is closed), or an error of the poller's. */
AIO_API_ int aio_loop_run_forever(struct aio_loop *loop);
AIO_API_ void aio_loop_stop(struct aio_loop *loop);
/* One turn: waits at most timeout (0: not at all; < 0: no limit) if nothing is ready, then runs what
   is. How many tasks and callbacks ran, or an error: AIO_EBUSY, the poller's. To wait in a loop of
   somebody else's: until aio_loop_fileno can be read or aio_loop_deadline has come. */
AIO_API_ int aio_loop_turn(struct aio_loop *loop, aio_time timeout);
/* The poller's descriptor, which can be read when there is something to do; AIO_ENOTSUP: none. */
AIO_API_ int aio_loop_fileno(const struct aio_loop *loop);
/* When the next turn is due: aio_loop_time now if something is ready, AIO_FOREVER if no timer runs. */
AIO_API_ aio_time aio_loop_deadline(struct aio_loop *loop);
/* The same as a timeout for poll(2): milliseconds, rounded up; -1: no limit. 10 at most for a poller that has
   no descriptor to wait for, which must be given turns all the same. */
AIO_API_ int aio_loop_poll_timeout(struct aio_loop *loop);
/* In this order, as asyncio.run does it: cancels what is unfinished in order of creation and waits for its end;
   what was born meanwhile lives as long as those do, and is then cancelled in turn; closes generators that AIO_NEXT
   has begun; runs the callbacks that are due (others are forgotten, and may be used again); stops threads
   (aio_thread.h); gives everything back. Each step may take options.shutdown_timeout; who takes longer is reported
   by name and place, and lost: its cleanup does not go on. Handles that are still held stay valid until they are
   released; debug names them. 0; AIO_EBUSY from inside its run; AIO_ETIMEDOUT; AIO_EDEADLK if tasks were left that
   could never end (they are lost, and debug names them). Twice is once. */
AIO_API_ int aio_loop_close(struct aio_loop *loop);
/* The time, read from the clock now. */
AIO_API_ aio_time aio_loop_time(struct aio_loop *loop);
/* The loop that runs on this thread, or NULL. */
AIO_API_ struct aio_loop *aio_loop_current(void);
/* aio_now(): the time of the loop that runs on this thread. */
AIO_API_ aio_time aio_now(void);

/* Calls callback->fn from the loop: in the next turn; after a delay; at a point in time (see aio_time_after). 0, or
   AIO_ENOMEM (timers), or AIO_EBUSY if it is waiting already. From the loop's thread. */
AIO_API_ int aio_loop_call_soon(struct aio_loop *loop, struct aio_callback *callback);
AIO_API_ int aio_loop_call_later(struct aio_loop *loop, struct aio_callback *callback, aio_time delay);
AIO_API_ int aio_loop_call_at(struct aio_loop *loop, struct aio_callback *callback, aio_time when);
/* Takes it back: true if it was waiting, and then nothing points at it any more. O(log n) for timers,
   O(n) in the length of the ready queue for others. Not for posted ones. */
AIO_API_ bool aio_callback_cancel(struct aio_callback *callback);
/* Is it waiting to be called? Not for posted ones. */
AIO_API_ bool aio_callback_pending(const struct aio_callback *callback);
/* When a timer's callback is due; AIO_FOREVER: it waits for no point in time. */
AIO_API_ aio_time aio_callback_when(const struct aio_callback *callback);
/* Calls callback->fn from the loop, in the order of the posts. The one function that any thread,
   signal handler or interrupt may call; lock-free where the machine is, with interrupts masked for a few
   instructions where it is not. Posted again before fn has begun, it is called once: however often an
   interrupt comes, nothing piles up. Not one that waits for a timer, a task or a turn. Post nothing once the
   loop is being closed. */
AIO_API_ void aio_loop_post(struct aio_loop *loop, struct aio_callback *callback);
/* Calls callback->fn when the loop is closed, newest first. For libraries that hold something open. */
AIO_API_ void aio_loop_at_close(struct aio_loop *loop, struct aio_callback *callback);

/* In the child of a fork: forgets the loops that the parent had on this thread and closes their
   pollers' descriptors, so that the child can run a loop of its own. What the old loop holds is lost
   to the child; its tasks, and their cleanup, go on in the parent only. Harmless elsewhere. */
AIO_API_ void aio_after_fork(void);

/* -------------------------------------------------------------------------------- debugging */

/* Writes the unfinished tasks as a tree of who awaits whom: first those that nobody awaits, in order of
   creation, and below a task, indented, the one it awaits, or the members of the group that it joins or
   that must end before it can. One that several await stands below the oldest of them. Of each: its
   number and name, what it waits for, and its chain of coroutines, outermost first, with the files (and,
   with AIO_LINES, the lines) they stand at; of a task that runs, as far as the coroutine that was resumed.
   If memory is out, there is no tree, but still every task. From the loop's thread, at any time; not from
   a signal handler: see examples/18-sigusr1.c. */
AIO_API_ void aio_dump(struct aio_loop *loop, struct aio_sink *sink);
/* Writes a report as aio_main prints it: traceback, outermost first, then the error. */
AIO_API_ void aio_report_write(const struct aio_report *report, struct aio_sink *sink);
/* A handler that prints reports by the poller's print function: on POSIX, to standard error. */
AIO_API_ void aio_report_print(struct aio_loop *loop, const struct aio_report *report);
/* Hands a report to the loop's handler. For libraries that have something to say about an error that
   no return value can carry. */
AIO_API_ void aio_loop_report(struct aio_loop *loop, const struct aio_report *report);
/* Most bytes of frames and records that this thread's pool has held at one time. */
AIO_API_ size_t aio_pool_peak(void);

/* --------------------------------------------------- for pollers and libraries of awaitables

   A library's awaitable is a frame with a body of its own (see aio_sleep_body_): it parks the current
   task and returns NULL, or returns itself when it is done. */

/* The poller's report: fd can be read or written (or both); hangup: a short read has not drained it. Wakes who
   waits. A number that the loop does not know, or of an older generation, is ignored. */
AIO_API_ void aio_loop_fd_ready(struct aio_loop *loop, int fd, unsigned ready, bool hangup);
/* What the loop knows of fd; NULL: nothing yet. Valid until the next call that adds one. */
AIO_API_ struct aio_fd *aio_loop_fd(struct aio_loop *loop, int fd);
/* The same, and adds it. NULL: no memory, or fd < 0. fd must be open. */
AIO_API_ struct aio_fd *aio_loop_fd_add(struct aio_loop *loop, int fd);
/* fd is about to be closed, or was made anew: waiters get AIO_EBADF, everything is forgotten. */
AIO_API_ void aio_loop_fd_forget(struct aio_loop *loop, int fd);
/* Parks the current task until fd is ready for want (one of the two), with leaf to be resumed; its
   second argument then has the error, AIO_ECANCELED or AIO_EBADF, or 0. 0: parked, return NULL. 1: it
   is ready. Negative: AIO_EBUSY (somebody else waits), AIO_ECANCELED, AIO_ENOMEM, the poller's. */
AIO_API_ int aio_park_fd(struct aio_coro *leaf, int fd, unsigned want);
/* Parks it for one turn. 0: parked. AIO_ECANCELED. */
AIO_API_ int aio_park_yield(struct aio_coro *leaf);
/* AIO_DEBUG: asserts that a buffer is not on the C stack of a coroutine's step, which is gone when the
   await returns. Otherwise nothing. */
AIO_API_ void aio_check_buffer(const void *buffer, const char *function);
/* fd is about to be closed: tells every open loop of this thread, as aio_loop_fd_forget. */
AIO_API_ void aio_forget_fd(int fd);
/* Takes one from the budget of this resumption. False: it is used up, yield first. */
static inline bool aio_budget_spend_(struct aio_loop *loop)
{
    if (aio_unlikely_(--loop->budget == 0)) {       /* it is one more than that: to come to 0 takes an instruction less */
        loop->budget = 1;
        return false;
    }
    return true;
}
static inline bool aio_budget_take(void) { return aio_budget_spend_(aio_thread_.loop); }

#if AIO_HINTS_
/* AIO_AWAIT of a queue's own operation, at once, where there is next to nothing to think about: an item of
   4 or 8 bytes for the one task that waits for it, or into an open FIFO that has room, or out of one into
   which nobody waits to put. NULL or false: it has not begun. */
static AIO_INLINE_ void aio_item_copy_quickly_(const struct aio_queue *queue, void *to, size_t t, const void *from,
                                               size_t f)
{
    if (aio_likely_(queue->quick == 8))
        __builtin_memcpy((char *)to + t * 8, (const char *)from + f * 8, 8);
    else
        __builtin_memcpy((char *)to + t * 4, (const char *)from + f * 4, 4);
}

/* The task that came last waits quickly, so it is the only one: it has the item. Conditions are joined
   without branches, of which a processor predicts two in a cycle, here and below (15.4 ns a round trip,
   and 14.7). */
static AIO_INLINE_ bool aio_queue_hand_quickly_(struct aio_queue *queue, struct aio_node *node, const void *item)
{
    struct aio_loop *loop = aio_thread_.loop;
    struct aio_task *task = AIO_CONTAINER_(node, struct aio_task, node);
    uintptr_t unusual = (uintptr_t)task->extension | ((uintptr_t)aio_slab_of_(task)->loop ^ (uintptr_t)loop);
    if (aio_unlikely_(unusual != 0) || aio_unlikely_(node->place < AIO_AT_QUICK_GET_) ||
        aio_unlikely_(!aio_budget_spend_(loop)))
        return false;
    queue->getters = NULL;
    aio_item_copy_quickly_(queue, queue->get.u.item, 0, item, 0);
    node->u.ret = aio_constant_(aio_one_granted_);
    aio_ready_add_(loop, node);
    return true;
}

static AIO_INLINE_ struct aio_coro *aio_queue_put_quickly_(struct aio_coro *c)
{
    struct aio_queue *queue = AIO_CONTAINER_(c, struct aio_queue, put);
    unsigned char item[8];
    size_t at;
    __builtin_memcpy(item, queue->put.u.bytes, 8);  /* while compilers know what they have written there */
    if (aio_unlikely_(!queue->quick))
        return NULL;
    if (queue->getters) {
        if (!aio_queue_hand_quickly_(queue, queue->getters, item))
            return NULL;
    } else {
        if (aio_unlikely_(queue->length >= queue->capacity) ||
            aio_unlikely_(!aio_budget_spend_(aio_thread_.loop)))
            return NULL;
        at = queue->first + queue->length;
        if (at >= queue->capacity)
            at -= queue->capacity;
        aio_item_copy_quickly_(queue, queue->items, at, item, 0);
        queue->length++;
    }
    queue->unfinished++;
    return aio_constant_(aio_ok_);
}

/* The task waits in self itself, and the operation is free again; but where the item goes to still stands
   in it, until nobody waits any more. False: somebody else waits, or a cancel is pending. */
static AIO_INLINE_ bool aio_queue_get_parks_(struct aio_queue *queue, struct aio_coro *self, uint8_t place)
{
    struct aio_task *task = aio_thread_.loop->current;
    uintptr_t unusual = (uintptr_t)queue->getters | (uintptr_t)queue->putters | (task->node.flags & AIO_N_MUST_CANCEL_);
    if (aio_unlikely_(unusual != 0))
        return false;
    task->leaf = self;
    task->node.place = place;
    task->node.link.next = queue->getters = &task->node;
    task->node.u.prev = aio_tag_(&queue->getters);
    return true;
}

static AIO_INLINE_ struct aio_coro *aio_queue_get_quickly_(struct aio_coro *self, struct aio_coro *c, uint8_t place,
                                                                bool *parked)
{
    struct aio_queue *queue = AIO_CONTAINER_(c, struct aio_queue, get);
    if (aio_unlikely_(!queue->quick))
        return NULL;
    if (!queue->length) {
        *parked = aio_queue_get_parks_(queue, self, place);
        return NULL;
    }
    if (aio_unlikely_(queue->putters != NULL) || aio_unlikely_(!aio_budget_spend_(aio_thread_.loop)))
        return NULL;
    aio_item_copy_quickly_(queue, queue->get.u.item, 0, queue->items, queue->first);
    queue->length--;
    queue->first = queue->first + 1 == queue->capacity ? 0 : queue->first + 1;
    return aio_constant_(aio_one_);
}

/* kind: what the static type says. If the header has it, too, the operation is free again by the time that
   it is done; a store that compilers find to be none, as nothing has looked at it since it was taken. */
static AIO_INLINE_ struct aio_coro *aio_quick_(struct aio_coro *self, struct aio_coro *c, uint16_t kind, bool *parked)
{
    struct aio_coro *ret;
    if (aio_unlikely_(!c) || aio_unlikely_(c->flags != (AIO_F_CORO_ | kind)))
        return NULL;
    c->flags = AIO_F_DEAD_;
    ret = kind == AIO_F_PUTS_ ? aio_queue_put_quickly_(c) : aio_queue_get_quickly_(self, c,
        kind == AIO_F_GETS_ ? AIO_AT_QUICK_GET_ : AIO_AT_QUICK_NEXT_, parked);
    if (!ret && !*parked)
        c->flags = (uint16_t)(AIO_F_CORO_ | kind);
    return ret;
}
#endif

/* The long way, as the last thing that a body does: what it returns. The loop comes back to it if c is
   done at once. For files with hints, of which this one need not be. */
AIO_API_ struct aio_coro *aio_await_far_(struct aio_coro *self, struct aio_coro *c);

/* Memory for a frame of the library's; free what was not awaited with aio_discard. */
AIO_API_ struct aio_coro *aio_frame_new(const struct aio_type *type, size_t size);

#ifdef __cplusplus
}
#endif
#endif /* AIO_H_INCLUDED */

/* ========================================================================== implementation === */

#if defined AIO_IMPLEMENTATION && !defined AIO_H_IMPLEMENTED
#define AIO_H_IMPLEMENTED

#if defined __GNUC__ || defined __clang__
#ifndef AIO_MALLOC
#define AIO_MALLOC(n) __builtin_malloc(n)
#define AIO_FREE(p) __builtin_free(p)
#if __STDC_HOSTED__
#define AIO_REALLOCS_                   /* large blocks grow without a copy then */
#define AIO_REALLOC_(p, n) __builtin_realloc((p), (n))
#endif
#endif
#ifndef AIO_REALLOC_
#define AIO_REALLOC_(p, n) AIO_MALLOC(n)
#endif
#define aio_memset_(p, c, n) __builtin_memset((p), (c), (n))
#define aio_memcpy_(d, s, n) __builtin_memcpy((d), (s), (n))
#else
#include <stdlib.h>
#include <string.h>
#ifndef AIO_MALLOC
#define AIO_MALLOC(n) malloc(n)
#define AIO_FREE(p) free(p)
#endif
#define AIO_REALLOC_(p, n) AIO_MALLOC(n)
#define aio_memset_(p, c, n) memset((p), (c), (n))
#define aio_memcpy_(d, s, n) memcpy((d), (s), (n))
#endif

/* The end, when nothing can be said any more. */
#if !(defined __GNUC__ || defined __clang__)
#define aio_abort_() abort()
#elif !AIO_BARE_
#define aio_abort_() __builtin_abort()
#elif defined __AVR__                   /* its trap is a call of abort, which is not there */
#define aio_abort_() do { } while (1)
#else
#define aio_abort_() __builtin_trap()
#endif

/* How interrupts are masked. */
#ifndef AIO_CRITICAL_ENTER
#if defined __GNUC__ && defined __ARM_ARCH_PROFILE && __ARM_ARCH_PROFILE == 'M'
static inline uint32_t aio_mask_(void)
{
    uint32_t state;
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(state) : : "memory");
    return state;
}
static inline void aio_unmask_(uint32_t state) { __asm__ volatile("msr primask, %0" : : "r"(state) : "memory"); }
#elif defined __GNUC__ && defined __riscv && AIO_BARE_
/* Since gcc 12, control registers are an extension, which every core has, and which -march=rv32imc leaves out. */
#if defined __riscv_zicsr || __GNUC__ < 12
#define AIO_CSR_(instruction, ...) __asm__ volatile(instruction __VA_ARGS__)
#else
#define AIO_CSR_(instruction, ...) \
    __asm__ volatile inline(".option push\n\t.option arch, +zicsr\n\t" instruction "\n\t.option pop" __VA_ARGS__)
#endif
static inline uint32_t aio_mask_(void)
{
    uintptr_t state;
    AIO_CSR_("csrrci %0, mstatus, 8", : "=r"(state) : : "memory");
    return state & 8;
}
static inline void aio_unmask_(uint32_t state)
{
    uintptr_t bits = state;
    AIO_CSR_("csrs mstatus, %0", : : "r"(bits) : "memory");
}
#elif defined __GNUC__ && defined __AVR__
static inline uint32_t aio_mask_(void)
{
    uint8_t state;
    __asm__ volatile("in %0, __SREG__\n\tcli" : "=r"(state) : : "memory");
    return state;
}
static inline void aio_unmask_(uint32_t state)
{
    __asm__ volatile("out __SREG__, %0" : : "r"((uint8_t)state) : "memory");
}
#elif defined AIO_NOW && !defined AIO_WAKE && AIO_BARE_
#error "how are interrupts masked here? Define AIO_CRITICAL_ENTER() and AIO_CRITICAL_EXIT(state)"
#else                                   /* hooks of a program that has no interrupts */
#define aio_mask_() 0
#define aio_unmask_(state) (void)(state)
#endif
#define AIO_CRITICAL_ENTER() aio_mask_()
#define AIO_CRITICAL_EXIT(state) aio_unmask_(state)
#endif

/* What others may write: the inbox, and whether a callback is in it. */
#if defined __GCC_ATOMIC_POINTER_LOCK_FREE && __GCC_ATOMIC_POINTER_LOCK_FREE == 2
#define aio_load_(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
static inline struct aio_node *aio_take_all_(struct aio_node **inbox)
{
    return __atomic_exchange_n(inbox, (struct aio_node *)NULL, __ATOMIC_ACQUIRE);
}
/* True: it was empty. */
static inline bool aio_push_(struct aio_node **inbox, struct aio_node *node)
{
    struct aio_node *first = __atomic_load_n(inbox, __ATOMIC_RELAXED);
    do
        node->link.next = first;
    while (!__atomic_compare_exchange_n(inbox, &first, node, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
    return !first;
}
/* True: it is posted by this call. */
static inline bool aio_posted_set_(uint32_t *posted) { return !__atomic_exchange_n(posted, 1, __ATOMIC_ACQ_REL); }
/* An exchange, not a store: what the callback reads next must not be read before, or a poster who still found it posted
   has written in vain. */
static inline void aio_posted_clear_(uint32_t *posted)
{
    if (__atomic_load_n(posted, __ATOMIC_RELAXED))
        (void)__atomic_exchange_n(posted, 0, __ATOMIC_ACQ_REL);
}
#else
/* Without atomics there are no threads here: signals and interrupts are all that may post. */
#define aio_load_(p) (*(struct aio_node *volatile *)(p))
static inline struct aio_node *aio_take_all_(struct aio_node **inbox)
{
    uint32_t state = AIO_CRITICAL_ENTER();
    struct aio_node *all = *inbox;
    *inbox = NULL;
    AIO_CRITICAL_EXIT(state);
    return all;
}
static inline bool aio_push_(struct aio_node **inbox, struct aio_node *node)
{
    uint32_t state = AIO_CRITICAL_ENTER();
    struct aio_node *first = *inbox;
    node->link.next = first;
    *inbox = node;
    AIO_CRITICAL_EXIT(state);
    return !first;
}
static inline bool aio_posted_set_(uint32_t *posted)
{
    uint32_t state = AIO_CRITICAL_ENTER();
    bool first = !*posted;
    *posted = 1;
    AIO_CRITICAL_EXIT(state);
    return first;
}
static inline void aio_posted_clear_(uint32_t *posted) { *(volatile uint32_t *)posted = 0; }
#endif
#define AIO_STATIC_ASSERT_(condition, name) typedef char name[(condition) ? 1 : -1] AIO_UNUSED_

#ifdef __cplusplus
extern "C" {
#endif

#if AIO_MEMORY
/* Short, not fast. The loops must not be taken for what they are, or they would call themselves. */
#if defined __clang__
#define AIO_MEMORY_ __attribute__((used, no_builtin("memcpy", "memmove", "memset", "memcmp")))
#else
#define AIO_MEMORY_ __attribute__((used, optimize("no-tree-loop-distribute-patterns")))
#endif
__attribute__((weak)) void *memcpy(void *to, const void *from, size_t n);
AIO_MEMORY_ void *memcpy(void *to, const void *from, size_t n)
{
    unsigned char *t = (unsigned char *)to;
    const unsigned char *f = (const unsigned char *)from;
    while (n--)
        *t++ = *f++;
    return to;
}

__attribute__((weak)) void *memmove(void *to, const void *from, size_t n);
AIO_MEMORY_ void *memmove(void *to, const void *from, size_t n)
{
    unsigned char *t = (unsigned char *)to;
    const unsigned char *f = (const unsigned char *)from;
    size_t i;
    for (i = 0; i < n && (uintptr_t)t <= (uintptr_t)f; i++)
        t[i] = f[i];
    while ((uintptr_t)t > (uintptr_t)f && n--)
        t[n] = f[n];
    return to;
}

__attribute__((weak)) void *memset(void *to, int value, size_t n);
AIO_MEMORY_ void *memset(void *to, int value, size_t n)
{
    unsigned char *t = (unsigned char *)to;
    while (n--)
        *t++ = (unsigned char)value;
    return to;
}

__attribute__((weak)) int memcmp(const void *a, const void *b, size_t n);
AIO_MEMORY_ int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *p = (const unsigned char *)a, *q = (const unsigned char *)b;
    while (n && *p == *q)
        p++, q++, n--;
    return n ? *p - *q : 0;
}
#endif

#define AIO_DEF_IS_extern 0
#define AIO_DEF_IS_static 1
#if !AIO_CAT_(AIO_DEF_IS_, AIO_DEF)
AIO_THREAD_LOCAL struct aio_thread_ aio_thread_;
#endif

static const struct aio_unit_ aio_canceled_ = AIO_CONSTANT_(AIO_ECANCELED);
static const struct aio_unit_ aio_nomem_ = AIO_CONSTANT_(AIO_ENOMEM);
static const struct aio_unit_ aio_deadlk_ = AIO_CONSTANT_(AIO_EDEADLK);
static const struct aio_unit_ aio_badf_ = AIO_CONSTANT_(AIO_EBADF);
static const struct aio_unit_ aio_shutdown_ = AIO_CONSTANT_(AIO_ESHUTDOWN);
static const struct aio_unit_ aio_pipe_ = AIO_CONSTANT_(AIO_EPIPE);
static const struct aio_unit_ aio_overflow_ = AIO_CONSTANT_(AIO_EOVERFLOW);
static const struct aio_unit_ aio_broken_ = AIO_CONSTANT_(AIO_EBROKEN);
/* What was waited for has been handed over. */
static const struct aio_unit_ aio_granted_ = { AIO_UNIT_HEADER_(AIO_PC_GRANTED_, 0), { 0 } };

static struct aio_coro *aio_constant_error_(int error)
{
    switch (error) {
    case AIO_ENOMEM: return aio_constant_(aio_nomem_);
    case AIO_EDEADLK: return aio_constant_(aio_deadlk_);
    case AIO_EBADF: return aio_constant_(aio_badf_);
    case AIO_ESHUTDOWN: return aio_constant_(aio_shutdown_);
    case AIO_EPIPE: return aio_constant_(aio_pipe_);
    case AIO_EOVERFLOW: return aio_constant_(aio_overflow_);
    case AIO_EBROKEN: return aio_constant_(aio_broken_);
    default: return aio_constant_(aio_canceled_);
    }
}

/* ----------------------------------------------------------------------------------- text */

#if AIO_STRINGS
struct aio_error_text_ { int error; const char *name, *text; };
static const struct aio_error_text_ aio_error_texts_[] = {
    { 0, "0", "no error" },
    { AIO_EPERM, "AIO_EPERM", "not permitted here" },
    { AIO_ENOENT, "AIO_ENOENT", "no such file" },
    { AIO_EIO, "AIO_EIO", "input or output failed" },
    { AIO_EBADF, "AIO_EBADF", "not an open descriptor" },
    { AIO_EAGAIN, "AIO_EAGAIN", "not now, try again" },
    { AIO_ENOMEM, "AIO_ENOMEM", "out of memory" },
    { AIO_EACCES, "AIO_EACCES", "access denied" },
    { AIO_EBUSY, "AIO_EBUSY", "in use already" },
    { AIO_EISDIR, "AIO_EISDIR", "is a directory" },
    { AIO_EINVAL, "AIO_EINVAL", "invalid argument" },
    { AIO_ENFILE, "AIO_ENFILE", "too many open files in the system" },
    { AIO_EMFILE, "AIO_EMFILE", "too many open files" },
    { AIO_EPIPE, "AIO_EPIPE", "nobody reads at the other end" },
    { AIO_ERANGE, "AIO_ERANGE", "out of range" },
    { AIO_EDEADLK, "AIO_EDEADLK", "would wait for ever" },
    { AIO_EOVERFLOW, "AIO_EOVERFLOW", "items were missed" },
    { AIO_ENOTSOCK, "AIO_ENOTSOCK", "not a socket" },
    { AIO_ENOTSUP, "AIO_ENOTSUP", "not supported" },
    { AIO_EADDRINUSE, "AIO_EADDRINUSE", "address in use" },
    { AIO_EADDRNOTAVAIL, "AIO_EADDRNOTAVAIL", "address not available" },
    { AIO_ECONNABORTED, "AIO_ECONNABORTED", "connection aborted" },
    { AIO_ECONNRESET, "AIO_ECONNRESET", "connection reset by peer" },
    { AIO_ENOTCONN, "AIO_ENOTCONN", "not connected" },
    { AIO_ESHUTDOWN, "AIO_ESHUTDOWN", "shut down" },
    { AIO_ETIMEDOUT, "AIO_ETIMEDOUT", "timed out" },
    { AIO_ECONNREFUSED, "AIO_ECONNREFUSED", "connection refused" },
    { AIO_EHOSTUNREACH, "AIO_EHOSTUNREACH", "host unreachable" },
    { AIO_ENETUNREACH, "AIO_ENETUNREACH", "network unreachable" },
    { AIO_ECANCELED, "AIO_ECANCELED", "operation cancelled" },
    { AIO_EEOF, "AIO_EEOF", "unexpected end of the stream" },
    { AIO_EBROKEN, "AIO_EBROKEN", "the barrier is broken" },
};

static const struct aio_error_text_ *aio_error_find_(int error)
{
    size_t i;
    for (i = 0; i < sizeof aio_error_texts_ / sizeof *aio_error_texts_; i++)
        if (aio_error_texts_[i].error == error)
            return &aio_error_texts_[i];
    return NULL;
}

AIO_API_ const char *aio_strerror(int error)
{
    const struct aio_error_text_ *found = aio_error_find_(error);
    return found ? found->text : error <= AIO_EUSER ? "error of the application" : "system error";
}

AIO_API_ const char *aio_error_name(int error)
{
    const struct aio_error_text_ *found = aio_error_find_(error);
    return found ? found->name : NULL;
}
#else
AIO_API_ const char *aio_strerror(int error)
{
    (void)error;
    return "";
}

AIO_API_ const char *aio_error_name(int error)
{
    (void)error;
    return NULL;
}
#endif

#if AIO_STRINGS
static const char *aio_name_of_(const struct aio_type *type) { return type->name; }
static const char *aio_file_of_(const struct aio_type *type) { return type->file; }
#else
static const char *aio_name_of_(const struct aio_type *type)
{
    (void)type;
    return "";
}
static const char *aio_file_of_(const struct aio_type *type)
{
    (void)type;
    return NULL;
}
#endif

static void aio_put_(struct aio_sink *sink, const char *text)
{
    size_t n = 0;
    while (text[n])
        n++;
    sink->write(sink, text, n);
}

/* Where nothing else needs 64 bits, no text does. */
#if AIO_TIME_32
typedef int32_t aio_number_;
typedef uint32_t aio_count_;
#else
typedef int64_t aio_number_;
typedef uint64_t aio_count_;
#endif

static void aio_put_number_(struct aio_sink *sink, aio_number_ number, int least_digits)
{
    char text[24];
    size_t at = sizeof text;
    aio_count_ rest = number < 0 ? 0 - (aio_count_)number : (aio_count_)number;
    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
        least_digits--;
    } while (rest || least_digits > 0);
    if (number < 0)
        text[--at] = '-';
    sink->write(sink, text + at, sizeof text - at);
}

/* 1.234 s */
static void aio_put_seconds_(struct aio_sink *sink, aio_time time)
{
    aio_number_ rest = time % AIO_UNITS_, units = AIO_UNITS_;
    if (units > 2000000) {                          /* a thousand times that would not fit 32 bits */
        rest /= 1000;
        units /= 1000;
    }
    aio_put_number_(sink, time / AIO_UNITS_, 1);
    aio_put_(sink, ".");
    aio_put_number_(sink, rest * 1000 / units, 3);
    aio_put_(sink, " s");
}

/* name (file:line) */
static void aio_put_place_(struct aio_sink *sink, const char *name, const char *file, uint32_t line)
{
    aio_put_(sink, name);
    if (!file)
        return;
    aio_put_(sink, " (");
    aio_put_(sink, file);
    if (line) {
        aio_put_(sink, ":");
        aio_put_number_(sink, (aio_number_)line, 1);
    }
    aio_put_(sink, ")");
}

/* The first half of the places stays, the second half is a ring: a deep chain loses its middle. */
static unsigned aio_trace_index_(unsigned i)
{
    unsigned half = AIO_TRACE_PLACES_ / 2;
    return i < half ? i : half + (i - half) % half;
}

static void aio_trace_add_(struct aio_trace *trace, const struct aio_type *type, uint32_t line)
{
    struct aio_place_ *place = &trace->places[aio_trace_index_(trace->count++)];
    place->type = type;
    place->line = line;
}

#if AIO_TRACE_DEPTH
/* How the error of c came up; NULL: others have come up since. */
static const struct aio_trace *aio_trace_of_(const struct aio_loop *loop, const struct aio_coro *c)
{
    return c && loop->trace.last == c ? &loop->trace : NULL;
}

/* Remembers where an error came through: it goes on with the trace of ret, or begins a new one. */
static AIO_COLD_ void aio_trace_(struct aio_loop *loop, struct aio_coro *self, const struct aio_coro *ret,
                                 uint32_t line)
{
    struct aio_trace *trace = &loop->trace;
    if (!ret || trace->last != ret || trace->error != self->error)
        trace->count = 0;
    trace->last = self;
    trace->error = self->error;
    aio_trace_add_(trace, self->type, line);
}

/* The error of `from` goes on as that of `to`, which is no place of its own. */
static void aio_trace_pass_(struct aio_loop *loop, const struct aio_coro *from, const struct aio_coro *to)
{
    if (loop->trace.last != from || !to->error)
        return;
    loop->trace.last = to;
    loop->trace.error = to->error;
}
#else
#define aio_trace_of_(loop, c) ((void)(loop), (void)(c), (const struct aio_trace *)NULL)
#define aio_trace_(loop, self, ret, line) ((void)(loop), (void)(self), (void)(ret), (void)(line))
#define aio_trace_pass_(loop, from, to) ((void)(loop), (void)(from), (void)(to))
#endif

static void aio_put_trace_(struct aio_sink *sink, const struct aio_trace *trace)
{
    unsigned i, half = AIO_TRACE_PLACES_ / 2;
    for (i = trace->count; i-- > 0;) {
        const struct aio_place_ *place = &trace->places[aio_trace_index_(i)];
        if (i >= half && i + half < trace->count) {     /* its slot holds an outer one now */
            aio_put_(sink, "  ... ");
            aio_put_number_(sink, (aio_number_)(i + 1 - half), 1);
            aio_put_(sink, " more\n");
            i = half;
            continue;
        }
        aio_put_(sink, "  ");
        aio_put_place_(sink, aio_name_of_(place->type), aio_file_of_(place->type), place->line);
        aio_put_(sink, "\n");
    }
}

AIO_API_ void aio_report_write(const struct aio_report *report, struct aio_sink *sink)
{
    if (report->trace && report->trace->count) {
        aio_put_(sink, "Traceback (most recent call last):\n");
        aio_put_trace_(sink, report->trace);
    }
    aio_put_(sink, report->error ? "error: " : "warning: ");
    if (report->name[0]) {
        aio_put_(sink, report->task ? "task '" : "'");
        aio_put_(sink, report->name);
        aio_put_(sink, "' ");
    }
    aio_put_(sink, report->message);
    if (report->file)
        aio_put_place_(sink, "", report->file, report->line);
    if (report->error) {
        const char *name = aio_error_name(report->error);
        aio_put_(sink, ": ");
        if (name) {
            aio_put_(sink, name);
            aio_put_(sink, ", ");
        }
        aio_put_(sink, aio_strerror(report->error));
        aio_put_(sink, " (");
        aio_put_number_(sink, report->error, 1);
        aio_put_(sink, ")");
    }
    aio_put_(sink, "\n");
}

/* Collects small pieces, so that a report is written in one piece or a few. */
struct aio_print_ {
    struct aio_sink sink;
    const struct aio_poller *poller;
    size_t n;
    char text[AIO_BARE_ ? 96 : 1024];   /* on the C stack */
};

static void aio_print_flush_(struct aio_print_ *print)
{
    if (print->n && print->poller && print->poller->print)
        print->poller->print(print->text, print->n);
    print->n = 0;
}

static void aio_print_write_(struct aio_sink *sink, const char *text, size_t length)
{
    struct aio_print_ *print = AIO_CONTAINER_(sink, struct aio_print_, sink);
    size_t i;
    for (i = 0; i < length; i++) {
        if (print->n == sizeof print->text)
            aio_print_flush_(print);
        print->text[print->n++] = text[i];
    }
}

static void aio_print_open_(struct aio_print_ *print, const struct aio_poller *poller)
{
    print->sink.write = aio_print_write_;
    print->poller = poller;
    print->n = 0;
}

AIO_API_ void aio_report_print(struct aio_loop *loop, const struct aio_report *report)
{
    struct aio_print_ print;
    aio_print_open_(&print, loop->poller);
    aio_report_write(report, &print.sink);
    aio_print_flush_(&print);
}

AIO_API_ void aio_loop_report(struct aio_loop *loop, const struct aio_report *report)
{
    if (loop->on_error)
        loop->on_error(loop, report);
}

static AIO_COLD_ void aio_report_place_(struct aio_loop *loop, const char *message, struct aio_coro *task,
                                        const char *name, const char *file, uint32_t line)
{
    struct aio_report report;
    aio_memset_(&report, 0, sizeof report);
    report.message = message;
    report.task = (struct aio_any *)(void *)task;
    report.name = name;
    report.file = file;
    report.line = line;
    aio_loop_report(loop, &report);
}

static AIO_COLD_ void aio_report_(struct aio_loop *loop, const char *message, int error, struct aio_coro *task)
{
    struct aio_report report;
    aio_memset_(&report, 0, sizeof report);
    report.message = message;
    report.error = error;
    report.task = (struct aio_any *)(void *)task;
    report.name = task ? aio_task_name_(task) : "";
    report.trace = aio_trace_of_(loop, task);
    aio_loop_report(loop, &report);
}

AIO_API_ AIO_COLD_ void aio_assert_failed_(const char *message, const char *name, const char *file,
                                           uint32_t line)
{
#if AIO_STRINGS
    struct aio_print_ print;
    aio_print_open_(&print, aio_thread_.poller);
    aio_put_(&print.sink, "aio: ");
    if (name) {
        aio_put_(&print.sink, "'");
        aio_put_place_(&print.sink, name, NULL, 0);
        aio_put_(&print.sink, "'");
        aio_put_place_(&print.sink, "", file, line);
        aio_put_(&print.sink, ": ");
    }
    aio_put_(&print.sink, message);
    aio_put_(&print.sink, "\n");
    aio_print_flush_(&print);
#else
    (void)message, (void)name, (void)file, (void)line;
#endif
#ifdef AIO_ASSERT_FAILED
    AIO_ASSERT_FAILED(message);
#endif
    aio_abort_();
}

/* Asserts something of a coroutine that the caller handed in. */
#define AIO_EXPECT_(condition, message, c) AIO_ASSERT((condition), (message), aio_type_name_(c), \
    aio_type_file_(c), aio_origin_line_(c))

static const char *aio_type_name_(const struct aio_coro *c)
{
    return c && c->type ? aio_name_of_(c->type) : AIO_TEXT_("future");
}

/* AIO_DEBUG: what a loop owns is touched by its own thread only. c: what is touched, or NULL. */
static void aio_check_thread_(const struct aio_loop *loop, const struct aio_coro *c);

/* --------------------------------------------------------------------------------- memory */

struct aio_chunk_ { struct aio_chunk_ *next; };

enum {
    AIO_SLAB_FIRST_ = AIO_SLAB_BYTES < 4096 ? (sizeof(struct aio_slab_) + 7) / 8 * 8 : 64,
    AIO_SLAB_TASKS_ = (AIO_SLAB_BYTES - AIO_SLAB_FIRST_) / sizeof(struct aio_task)
};
AIO_STATIC_ASSERT_(sizeof(struct aio_slab_) <= AIO_SLAB_FIRST_, aio_slab_header_fits);
AIO_STATIC_ASSERT_(AIO_SLAB_TASKS_ > 0, aio_slab_holds_a_task);

static struct aio_task *aio_slab_task_(struct aio_slab_ *slab, uint32_t i)
{
    return (struct aio_task *)(void *)((char *)slab + AIO_SLAB_FIRST_) + i;
}

static struct aio_loop *aio_loop_of_(struct aio_task *task)
{
    return aio_slab_of_(task)->loop;
}

static uint32_t aio_line_(const struct aio_coro *c)
{
#if AIO_LINES
    return c->line;
#else
    (void)c;
    return 0;
#endif
}

static char *aio_align_(char *p, uintptr_t alignment)
{
    return p + ((0 - (uintptr_t)p) & (alignment - 1));
}

/* What the pool holds, and the most that it has held. */
static void aio_pool_took_(size_t size)
{
    struct aio_thread_ *thread = &aio_thread_;
    thread->held += size;
    if (thread->held > thread->peak)
        thread->peak = thread->held;
}

#if AIO_POOL_BYTES
static union { long double align; char bytes[AIO_POOL_BYTES]; } aio_arena_;
static struct aio_thread_ *aio_arena_owner_;    /* the one thread that has it. For others memory is out */

/* Everything comes from one array: objects from its bottom, slabs of records from its top. Large blocks are powers of
   two, so that they can be used again. False: there is not so much left. */
static bool aio_arena_has_(size_t size)
{
    struct aio_thread_ *thread = &aio_thread_;
    if (!aio_arena_owner_) {
        aio_arena_owner_ = thread;
        thread->bump = aio_align_(aio_arena_.bytes, AIO_POOL_STEP_);
        thread->bump_end = aio_arena_.bytes + sizeof aio_arena_.bytes;
    }
    return aio_arena_owner_ == thread && (size_t)(thread->bump_end - thread->bump) >= size;
}

static char *aio_carve_(size_t size)
{
    struct aio_thread_ *thread = &aio_thread_;
    if (!aio_arena_has_(size))
        return NULL;
    aio_pool_took_(size);
    thread->bump += size;
    return thread->bump - size;
}

static char *aio_slab_carve_(void)
{
    struct aio_thread_ *thread = &aio_thread_;
    size_t size = AIO_SLAB_BYTES + (aio_arena_has_(0) ? (uintptr_t)thread->bump_end & (AIO_SLAB_BYTES - 1) : 0);
    if (!aio_arena_has_(size))
        return NULL;
    aio_pool_took_(size);
    thread->bump_end -= size;
    return thread->bump_end;
}

static unsigned aio_block_class_(size_t *size)
{
    unsigned k = 0;
    while (k < AIO_POOL_LARGE_ - 1 && ((size_t)AIO_POOL_SMALL_ << (k + 1)) < *size)
        k++;
    *size = (size_t)AIO_POOL_SMALL_ << (k + 1);
    return AIO_POOL_CLASSES_ + k;
}

static size_t aio_block_size_(size_t k) { return (size_t)AIO_POOL_SMALL_ << (k - AIO_POOL_CLASSES_ + 1); }

static void *aio_block_new_(size_t size)
{
    size_t wanted = size;
    struct aio_coro **list = &aio_thread_.free[aio_block_class_(&size)];
    struct aio_coro *block = size < wanted ? NULL : *list;
    if (block)
        *list = (struct aio_coro *)block->up.link;
    else if (size >= wanted && (block = (struct aio_coro *)(void *)aio_carve_(size)) != NULL)
        aio_thread_.carved += size;
    return block;
}

static void aio_block_free_(void *memory, size_t size)
{
    struct aio_coro **list = &aio_thread_.free[aio_block_class_(&size)];
    struct aio_coro *block = (struct aio_coro *)memory;
    if (!block)
        return;
    block->up.link = *list;
    *list = block;
}

#else
static void *aio_block_new_(size_t size) { return AIO_MALLOC(size); }
static void aio_block_free_(void *memory, size_t size)
{
    (void)size;
    if (memory)
        AIO_FREE(memory);
}

/* Chunks double in size up to a megabyte. What is not touched costs no memory where pages are lazy. */
static char *aio_chunk_new_(size_t *size)
{
    struct aio_thread_ *thread = &aio_thread_;
    size_t least = AIO_POOL ? 2 * (size_t)AIO_POOL_SMALL_ : 0, bytes = 4 * (size_t)AIO_SLAB_BYTES;
    struct aio_chunk_ *chunk;
    bytes = thread->chunk_bytes ? thread->chunk_bytes : bytes < least ? least : bytes;
    chunk = (struct aio_chunk_ *)AIO_MALLOC(bytes);
    if (!chunk)
        return NULL;
    *size = bytes;
    thread->chunk_bytes = bytes / 64 < AIO_SLAB_BYTES && bytes <= SIZE_MAX / 4 ? bytes * 2 : bytes;
    chunk->next = thread->chunks;
    thread->chunks = chunk;
    return (char *)chunk;
}

#if AIO_POOL
static char *aio_carve_(size_t size)
{
    struct aio_thread_ *thread = &aio_thread_;
    char *at = thread->bump;
    size_t bytes = 0;
    if ((size_t)(thread->bump_end - at) < size || !at) {
        char *chunk = aio_chunk_new_(&bytes);
        if (!chunk)
            return NULL;
        at = aio_align_(chunk + sizeof(struct aio_chunk_), 64);
        thread->bump_end = chunk + bytes;
    }
    thread->bump = at + size;
    aio_pool_took_(size);
    return at;
}
#endif

static char *aio_slab_carve_(void)
{
    struct aio_thread_ *thread = &aio_thread_;
    char *at = thread->slab;
    size_t bytes = 0;
    if (at == thread->slab_end) {
        char *chunk = aio_chunk_new_(&bytes);
        if (!chunk)
            return NULL;
        at = aio_align_(chunk + sizeof(struct aio_chunk_), AIO_SLAB_BYTES);
        thread->slab_end = at + (size_t)(chunk + bytes - at) / AIO_SLAB_BYTES * AIO_SLAB_BYTES;
    }
    thread->slab = at + AIO_SLAB_BYTES;
    aio_pool_took_(AIO_SLAB_BYTES);
    return at;
}
#endif

#if AIO_DEBUG
/* Debug builds put this in front of every object. */
struct aio_object_ {
    struct aio_object_ *next, *prev;
    const char *file;                   /* where a coroutine object was made; NULL: it is none */
    uint32_t line;
    size_t size;
    union { long double align; char bytes[16]; } u;
};
static AIO_THREAD_LOCAL struct aio_object_ *aio_quarantine_[64];
static AIO_THREAD_LOCAL unsigned aio_quarantine_at_;

static struct aio_object_ *aio_object_of_(const struct aio_coro *c)
{
    return (struct aio_object_ *)(uintptr_t)c - 1;
}

static bool aio_has_origin_(const struct aio_coro *c)
{
    return c && c->type && c->type->size && !(c->flags & (AIO_F_PLACED_ | AIO_F_UNIT_));
}

static const char *aio_type_file_(const struct aio_coro *c)
{
    const char *file = aio_has_origin_(c) ? aio_object_of_(c)->file : NULL;
    return file ? file : c && c->type ? aio_file_of_(c->type) : NULL;
}

static uint32_t aio_origin_line_(const struct aio_coro *c)
{
    return aio_has_origin_(c) && aio_object_of_(c)->file ? aio_object_of_(c)->line : 0;
}

AIO_API_ void *aio_alloc_slow_(size_t size, const char *file, uint32_t line)
{
    struct aio_thread_ *thread = &aio_thread_;
    struct aio_object_ *object = (struct aio_object_ *)AIO_MALLOC(sizeof *object + size);
    if (!object)
        return NULL;
    object->prev = NULL;
    object->next = thread->objects;
    object->file = file;
    object->line = line;
    object->size = size;
    if (thread->objects)
        thread->objects->prev = object;
    thread->objects = object;
    aio_pool_took_(size);
    return object + 1;
}

static void aio_quarantine_put_(struct aio_object_ *object)
{
    struct aio_object_ **slot = &aio_quarantine_[aio_quarantine_at_++ % 64];
    if (*slot)
        AIO_FREE(*slot);
    *slot = object;
}

/* Poisoned, and kept for a while, so that whoever uses it again is caught. The name stays. */
AIO_API_ void aio_free_slow_(void *memory, size_t size)
{
    struct aio_object_ *object = (struct aio_object_ *)memory - 1;
    struct aio_coro *c = (struct aio_coro *)memory;
    const struct aio_type *type = c->type;
    uintptr_t at = (uintptr_t)type - (uintptr_t)c;      /* a proxy has its type in itself */
    bool own = at < object->size && object->size - at >= sizeof *type;
    struct aio_type kept;
    (void)size;
    if (own)
        kept = *type;
    if (object->next)
        object->next->prev = object->prev;
    if (object->prev)
        object->prev->next = object->next;
    else
        aio_thread_.objects = object->next;
    aio_thread_.held -= object->size;
    aio_memset_(memory, 0xa5, object->size);
    if (own)
        *(struct aio_type *)(void *)((char *)memory + at) = kept;
    c->type = type;
    c->flags = AIO_F_DEAD_;
    aio_quarantine_put_(object);
}
#else
static const char *aio_type_file_(const struct aio_coro *c) { return c && c->type ? aio_file_of_(c->type) : NULL; }
static uint32_t aio_origin_line_(const struct aio_coro *c)
{
    (void)c;
    return 0;
}

#if AIO_POOL
static AIO_NOINLINE_ char *aio_object_carve_(size_t size)
{
    char *object = aio_carve_(size);
    if (object)
        aio_thread_.carved += size;
    return object;
}
#endif

AIO_API_ AIO_NOINLINE_ void *aio_alloc_slow_(size_t size)
{
#if AIO_POOL
    size_t bin = AIO_BIN_(size);
    struct aio_coro *object = aio_thread_.free[bin];
    if (bin && object) {
        aio_thread_.free[bin] = (struct aio_coro *)object->up.link;
        return object;
    }
    if (bin)
        return aio_object_carve_(bin * AIO_POOL_STEP_);
#endif
    return aio_block_new_(size);
}

AIO_API_ void aio_free_slow_(void *memory, size_t size)
{
    ((struct aio_coro *)memory)->flags = AIO_F_DEAD_;
    aio_block_free_(memory, size);
}
#endif

static void aio_check_thread_(const struct aio_loop *loop, const struct aio_coro *c)
{
#if AIO_DEBUG
    if (!loop || loop->thread == &aio_thread_)
        return;
    aio_thread_.poller = loop->poller;              /* this thread may have none to print by */
    AIO_ASSERT(false, "called from a thread that is not the loop's: only aio_loop_post may be",
               c ? aio_type_name_(c) : NULL, aio_type_file_(c), aio_origin_line_(c));
#else
    (void)loop;
    (void)c;
#endif
}

/* The library's own objects have no origin. */
#if AIO_DEBUG
#define aio_own_alloc_(size) aio_alloc_((size), NULL, 0)
#else
#define aio_own_alloc_(size) AIO_HOT_(aio_alloc_)(size)
#endif

static bool aio_pool_all_free_(const struct aio_thread_ *thread)
{
    size_t free_bytes = 0, i;
    const struct aio_coro *c;
    for (i = 0; i < AIO_POOL_CLASSES_; i++)
        for (c = thread->free[i]; c; c = (const struct aio_coro *)c->up.link)
            free_bytes += i * AIO_POOL_STEP_;
#if AIO_POOL_BYTES
    for (; i < AIO_POOL_CLASSES_ + AIO_POOL_LARGE_; i++)
        for (c = thread->free[i]; c; c = (const struct aio_coro *)c->up.link)
            free_bytes += aio_block_size_(i);
#endif
    return free_bytes == thread->carved;
}

/* After the last loop of the thread: gives back all memory, unless somebody still holds some of it. */
static void aio_pool_give_back_(void)
{
    struct aio_thread_ *thread = &aio_thread_;
    struct aio_chunk_ *chunk, *next;
    size_t i;
    if (thread->newest || thread->orphans || !aio_pool_all_free_(thread))
        return;
#if AIO_DEBUG
    for (i = 0; i < 64; i++) {
        aio_block_free_(aio_quarantine_[i], 0);
        aio_quarantine_[i] = NULL;
    }
#endif
    for (chunk = thread->chunks; chunk; chunk = next) {
        next = chunk->next;
        aio_block_free_(chunk, 0);
    }
    for (i = 0; i < sizeof thread->free / sizeof *thread->free; i++)
        thread->free[i] = NULL;
    thread->bump = thread->bump_end = thread->slab = thread->slab_end = NULL;
    thread->chunks = NULL;
    thread->free_slabs = NULL;
    thread->carved = thread->chunk_bytes = 0;
#if AIO_POOL_BYTES
    if (aio_arena_owner_ == thread)
        aio_arena_owner_ = NULL;
#endif
#if !AIO_DEBUG
    thread->held = 0;
#endif
}

AIO_API_ size_t aio_pool_peak(void) { return aio_thread_.peak; }

static struct aio_slab_ *aio_slab_new_(struct aio_loop *loop)
{
    struct aio_slab_ *slab = aio_thread_.free_slabs;
    if (slab)
        aio_thread_.free_slabs = slab->next;
    else
        slab = (struct aio_slab_ *)(void *)aio_slab_carve_();
    if (!slab)
        return NULL;
    slab->loop = loop;
    slab->carved = slab->live = 0;
    slab->next = loop->slabs;
    loop->slabs = slab;
    return slab;
}

static AIO_NOINLINE_ struct aio_task *aio_task_carve_(struct aio_loop *loop)
{
    struct aio_slab_ *slab = loop->slabs;
    struct aio_task *task;
    if (!slab || slab->carved == AIO_SLAB_TASKS_)
        slab = aio_slab_new_(loop);
    if (!slab)
        return NULL;
    task = aio_slab_task_(slab, slab->carved++);
    task->waiters = NULL;
    task->extension = NULL;
    task->node.u.ret = NULL;
    return task;
}

/* A free record has no waiters, no extension and nothing to return, as one that has ended: whoever gets it need not
   write that. */
static inline struct aio_task *aio_task_alloc_(struct aio_loop *loop)
{
    struct aio_task *task = loop->free_tasks;
    if (aio_unlikely_(!task))
        return aio_task_carve_(loop);
    loop->free_tasks = (struct aio_task *)(void *)task->node.link.next;
    return task;
}

static inline void aio_task_free_(struct aio_task *task)
{
    struct aio_slab_ *slab = aio_slab_of_(task);
    task->node.place = AIO_AT_NOTHING_;
    if (aio_unlikely_(!slab->loop)) {
        aio_thread_.orphan_free(slab);
        return;
    }
    task->node.link.next = (struct aio_node *)(void *)slab->loop->free_tasks;
    slab->loop->free_tasks = task;
}

AIO_API_ struct aio_coro *aio_frame_new(const struct aio_type *type, size_t size)
{
    struct aio_coro *c = (struct aio_coro *)aio_own_alloc_(size);
    if (!c)
        return NULL;
    aio_memset_(c, 0, size);
    c->type = type;
    c->flags = AIO_F_CORO_;
    return c;
}

/* ------------------------------------------------------------------------------ wait lists

   One word heads the list: its last node, in a circle. What hangs in it is a task or a callback. A
   node that may have to leave early (aio_in_list_) has a link to its predecessor; that of the first
   is the address of the head, plus one, so that a node can be unlinked without knowing its list. A
   task that waits for a task or a future (AIO_AT_TARGET_) never leaves early, for its cancellation is
   passed on; it has a link to what it waits for instead. */

static bool aio_tagged_(const struct aio_node *node) { return ((uintptr_t)node & 1) != 0; }
static struct aio_node **aio_untag_(struct aio_node *node)
{
    return (struct aio_node **)(void *)((char *)node - 1);
}

static struct aio_node **aio_waiters_of_(struct aio_coro *c)
{
    return c->flags & AIO_F_ROOT_ ? &c->up.task->waiters : &c->up.waiters;
}

AIO_GUESS_(struct aio_node *, aio_guess_node_)
AIO_GUESS_(struct aio_loop *, aio_guess_loop_)

static inline bool aio_in_list_(const struct aio_node *node) { return node->place >= AIO_AT_LIST_; }

static void aio_list_add_(struct aio_node **head, struct aio_node *node)
{
    struct aio_node *last = *head;
    node->link.next = last ? last->link.next : node;
    if (aio_in_list_(node))
        node->u.prev = last ? last : aio_tag_(head);
    if (last)
        last->link.next = node;
    *head = node;
}

/* place: AIO_AT_LIST_, or one of those behind it. */
static void aio_list_join_(struct aio_node **head, struct aio_node *node, uint8_t place)
{
    node->place = place;
    aio_list_add_(head, node);
}

/* The first node leaves. */
static struct aio_node *aio_list_pop_(struct aio_node **head)
{
    struct aio_node *last = *head, *first, *second;
    if (!last)
        return NULL;
    first = last->link.next;
    second = first->link.next;
    if (first == last) {
        *head = NULL;
        return first;
    }
    last->link.next = second;
    if (aio_in_list_(second))
        second->u.prev = aio_tag_(head);
    return first;
}

static void aio_list_remove_(struct aio_node *node)
{
    struct aio_node *next = node->link.next, *prev = node->u.prev, **head;
    if (next == node) {                                         /* the only one */
        *aio_untag_(prev) = NULL;
        return;
    }
    if (next->place == AIO_AT_TARGET_) {
        head = aio_waiters_of_(next->u.target);
        head = *head == node ? head : NULL;
    } else
        head = aio_tagged_(next->u.prev) ? aio_untag_(next->u.prev) : NULL;
    if (head) {                                                 /* the last one: next is the first */
        *head = prev;
        prev->link.next = next;
        return;
    }
    if (aio_tagged_(prev))                                      /* the first one */
        (*aio_untag_(prev))->link.next = next;
    else
        prev->link.next = next;
    if (aio_in_list_(next))
        next->u.prev = prev;
}

/* -------------------------------------------------------------------------------- timers */

/* The same of points that are not AIO_FOREVER. */
static inline bool aio_time_before_(aio_time a, aio_time b)
{
#if AIO_TIME_32
    return (int32_t)((uint32_t)a - (uint32_t)b) < 0;
#else
    return a < b;
#endif
}

/* From one to another; 0 if that is not later. */
static aio_time aio_time_until_(aio_time from, aio_time to)
{
    return aio_time_before_(from, to) ? (aio_time)((uint64_t)to - (uint64_t)from) : 0;
}

/* Half a word where pointers have 32 bits: the index and the order of arming of a parked node. */
#if UINTPTR_MAX > 0xffffffff
typedef uint32_t aio_timer_index_;
typedef int32_t aio_timer_order_;
#else
typedef uint16_t aio_timer_index_;
typedef int16_t aio_timer_order_;
#endif

static bool aio_timer_before_(const struct aio_timer_slot_ *a, const struct aio_timer_slot_ *b)
{
    if (a->deadline != b->deadline)
        return aio_time_before_(a->deadline, b->deadline);
    return (aio_timer_order_)(a->node->u.timer.seq - b->node->u.timer.seq) < 0;
}

/* How many of them are the heap, and where the next one is put. */
#if AIO_ONE_HEAP_
#define AIO_TIMER_HEAP_(loop) (loop)->timer_count
#define AIO_TIMER_END_(loop) (loop)->timer_count
#else
#define AIO_TIMER_HEAP_(loop) (loop)->timer_heap
#define AIO_TIMER_END_(loop) (loop)->timer_end
#endif

static void aio_timer_put_(struct aio_loop *loop, uint32_t i, struct aio_timer_slot_ slot)
{
    loop->timers[i] = slot;
    slot.node->u.timer.index = (aio_timer_index_)i;
}

/* There is a hole at i; the slot goes there, or, if that is not its place, up or down from there. */
static void aio_timer_fill_(struct aio_loop *loop, uint32_t i, struct aio_timer_slot_ slot)
{
    uint32_t count = AIO_TIMER_HEAP_(loop);
    for (; i && aio_timer_before_(&slot, &loop->timers[(i - 1) / 4]); i = (i - 1) / 4) {
        aio_timer_put_(loop, i, loop->timers[(i - 1) / 4]);
        count = 0;                                  /* up is not down */
    }
    for (;;) {
        uint32_t child = i * 4 + 1, best = child, end = child + 4;
        if (child >= count)
            break;
        if (end > count)
            end = count;
        while (++child < end)
            if (aio_timer_before_(&loop->timers[child], &loop->timers[best]))
                best = child;
        if (!aio_timer_before_(&loop->timers[best], &slot))
            break;
        aio_timer_put_(loop, i, loop->timers[best]);
        i = best;
    }
    aio_timer_put_(loop, i, slot);
}

/* A parked task keeps its place in the heap in half a word. */
#if UINTPTR_MAX > 0xffffffff
#define AIO_TIMERS_MOST_ 0x40000000u
#else
#define AIO_TIMERS_MOST_ (SIZE_MAX > 0xffff ? 0x8000u : 0x1000u)
#endif
#if AIO_POOL_BYTES
AIO_STATIC_ASSERT_(AIO_TIMERS <= AIO_TIMERS_MOST_, aio_timers_fit);
static struct aio_timer_slot_ aio_timer_slots_[AIO_TIMERS];
static struct aio_loop *aio_timers_owner_;      /* a second loop gets none */
static bool aio_timer_grow_(struct aio_loop *loop)
{
    if (aio_timers_owner_)
        return false;
    aio_timers_owner_ = loop;
    loop->timers = aio_timer_slots_;
    loop->timer_capacity = AIO_TIMERS;
    return true;
}
#else

static bool aio_timer_grow_(struct aio_loop *loop)
{
    uint32_t capacity = loop->timer_capacity ? loop->timer_capacity * 2 : 64;
    struct aio_timer_slot_ *slots = capacity > AIO_TIMERS_MOST_ ? NULL :
        (struct aio_timer_slot_ *)AIO_REALLOC_(loop->timers, (size_t)capacity * sizeof *slots);
    if (!slots)
        return false;
#ifndef AIO_REALLOCS_
    if (loop->timers) {
        aio_memcpy_(slots, loop->timers, (size_t)AIO_TIMER_END_(loop) * sizeof *slots);
        AIO_FREE(loop->timers);
    }
#endif
    loop->timers = slots;
    loop->timer_capacity = capacity;
    return true;
}
#endif

/* A span from a point in time; what is too long to count never ends. A clock of ticks says when the last one was,
   which is up to a tick ago: never early takes one more. */
static aio_time aio_deadline_from_(aio_time now, aio_time delay)
{
    if (delay <= 0)
        return now;
#if AIO_TIME_32
    if (delay > AIO_LONGEST_)
        return AIO_FOREVER;
    return aio_time_after(now, delay + 1 + (now == AIO_FOREVER - 1));   /* a tick that is shown for two */
#else
    delay += AIO_HZ_ && delay < AIO_LONGEST_ - AIO_UNITS_ ? AIO_TICK_ : 0;
    return aio_time_after(now, delay);
#endif
}

static aio_time aio_deadline_after_(struct aio_loop *loop, aio_time delay)
{
    return aio_deadline_from_(loop->poller->now(loop), delay);
}

#if AIO_ONE_HEAP_
#define aio_timer_room_(loop) ((loop)->timer_count != (loop)->timer_capacity || aio_timer_grow_(loop))
#else
/* The timers, when they are many: a heap of the nearest, and behind it levels, which have no order in themselves. None
   of a level is due before those of the levels in front of it. When the heap runs out, the nearest level becomes the
   heap, or, if it is large, a quarter of it, and the rest is a level of its own.
   A heap of a million has ten levels of its own; each step down is a store into the record of another task, which is
   not in the caches. Here most of a million are passed over by a loop, a few times, and one that is far away is armed
   and taken back without a look at others. A million sleepers took 0.19 s with one heap, and take 0.15.

       heap | places of nobody | nearest level | ... | farthest level | spans | free

   Where the heap and the levels meet, places may be free: whoever leaves the heap leaves one. Elsewhere, the last one
   of a level takes the place of one that leaves, and its place goes to the level behind, whose last one takes it. */
enum { AIO_DOZENS_ = 32, AIO_TIMER_BATCH_ = 128, AIO_TIMER_MOST_ = 512 };

/* Where the heap must end. */
static inline uint32_t aio_timer_bound_(const struct aio_loop *loop)
{
    return loop->timer_levels ? loop->timer_level[loop->timer_levels - 1].start : loop->timer_settled;
}

/* Where a level ends. */
static inline uint32_t aio_timer_level_end_(const struct aio_loop *loop, unsigned level)
{
    return level ? loop->timer_level[level - 1].start : loop->timer_settled;
}

/* All behind the heap moves up to it. */
static void aio_timers_join_(struct aio_loop *loop)
{
    uint32_t gap = aio_timer_bound_(loop) - loop->timer_heap, start, end, i;
    unsigned level = loop->timer_levels;
    for (;; level--) {                              /* 0: the spans */
        start = level ? loop->timer_level[level - 1].start : loop->timer_settled;
        end = level ? aio_timer_level_end_(loop, level - 1) : loop->timer_end;
        for (i = 0; gap && i < gap && i < end - start; i++)
            aio_timer_put_(loop, start - gap + i, loop->timers[end - 1 - i]);
        if (!level)
            break;
        loop->timer_level[level - 1].start = start - gap;
    }
    loop->timer_settled -= gap;
    loop->timer_end -= gap;
}

/* Is there a place for one more? There may be some in front, which is worth the moving if they are many. */
static bool aio_timer_room_slow_(struct aio_loop *loop)
{
    uint32_t gap = aio_timer_bound_(loop) - loop->timer_heap;
    if (gap < loop->timer_capacity / 4 + 1 && aio_timer_grow_(loop))
        return true;
    aio_timers_join_(loop);
    return gap != 0;
}

static inline bool aio_timer_room_(struct aio_loop *loop)
{
    return aio_likely_(loop->timer_end != loop->timer_capacity) || aio_timer_room_slow_(loop);
}

/* One more level, from there on. Where there are too many, the two farthest become one. */
static void aio_timer_level_add_(struct aio_loop *loop, uint32_t start, aio_time from)
{
    unsigned i;
    if (loop->timer_levels == AIO_TIMER_LEVELS_) {
        loop->timer_levels--;
        for (i = 0; i < loop->timer_levels; i++)
            loop->timer_level[i] = loop->timer_level[i + 1];
    }
    loop->timer_level[loop->timer_levels].start = start;
    loop->timer_level[loop->timer_levels++].from = from;
}

/* A deadline that about a quarter of them have, or an earlier one: the earliest of three. */
static aio_time aio_timer_pick_(const struct aio_loop *loop, uint32_t start, uint32_t count)
{
    uint32_t random = (loop->timer_seq + count) * 2654435769u, i;     /* another one for each part of a part */
    aio_time pick = AIO_FOREVER;
    for (i = 0; i < 3; i++) {
        aio_time deadline;
        random = random * 1664525u + 1013904223u;
        deadline = loop->timers[start + (uint32_t)((uint64_t)random * count >> 32)].deadline;
        if (i == 0 || aio_time_before_(deadline, pick))
            pick = deadline;
    }
    return pick;
}

/* The nearest level becomes two. False: nothing of it is due later than what was picked, as where most are due at the same
   time: it stays one. */
static bool aio_timer_divide_(struct aio_loop *loop)
{
    struct aio_timer_level_ *level = &loop->timer_level[loop->timer_levels - 1], near = *level;
    uint32_t i = level->start, end = aio_timer_level_end_(loop, loop->timer_levels - 1), j = end;
    aio_time pick = aio_timer_pick_(loop, i, end - i);
    while (i < j) {
        struct aio_timer_slot_ slot = loop->timers[i];
        if (!aio_time_before_(pick, slot.deadline))
            i++;
        else if (aio_time_before_(pick, loop->timers[--j].deadline))
            continue;
        else {
            aio_timer_put_(loop, i++, loop->timers[j]);
            aio_timer_put_(loop, j, slot);
        }
    }
    if (i == end)
        return false;
    level->start = i;
    level->from = aio_time_after(pick, 1);
    aio_timer_level_add_(loop, near.start, near.from);
    return true;
}

/* The heap is short, and there are levels. */
static AIO_NOINLINE_ void aio_timers_refill_(struct aio_loop *loop)
{
    while (loop->timer_levels && loop->timer_heap <= AIO_DOZENS_) {
        uint32_t i = aio_timer_bound_(loop), end = aio_timer_level_end_(loop, loop->timer_levels - 1);
        if (end - i > AIO_TIMER_BATCH_ && aio_timer_divide_(loop))
            continue;
        for (loop->timer_levels--; i < end; i++)
            aio_timer_fill_(loop, loop->timer_heap++, loop->timers[i]);
        loop->timer_most = loop->timer_heap * 2;
    }
    if (!loop->timer_levels && loop->timer_settled == loop->timer_end)
        loop->timer_settled = loop->timer_end = loop->timer_heap;
}

/* The heap is large: it becomes the nearest level, to be divided. */
static AIO_NOINLINE_ void aio_timers_level_(struct aio_loop *loop)
{
    uint32_t bound = aio_timer_bound_(loop), gap = bound - loop->timer_heap, i;
    aio_time from = loop->timers[0].deadline;
    for (i = 0; i < gap && i < loop->timer_heap; i++)
        aio_timer_put_(loop, bound - 1 - i, loop->timers[i]);
    aio_timer_level_add_(loop, gap, from);
    loop->timer_heap = 0;
    aio_timers_refill_(loop);
}

/* There is a hole at timer_settled; the slot, which has its deadline, goes to where it belongs. */
static void aio_timer_place_(struct aio_loop *loop, struct aio_timer_slot_ slot)
{
    uint32_t hole = loop->timer_settled, start, last;
    unsigned level = 0, levels;
    if (aio_unlikely_(loop->timer_heap >= AIO_TIMER_MOST_) && loop->timer_heap >= loop->timer_most)
        aio_timers_level_(loop);
    levels = loop->timer_levels;
    while (level < levels && aio_time_before_(slot.deadline, loop->timer_level[level].from))
        level++;
    if (level == levels && loop->timer_heap != aio_timer_bound_(loop)) {
        last = --loop->timer_end;                   /* into a place of nobody */
        if (hole != last)
            aio_timer_put_(loop, hole, loop->timers[last]);
        aio_timer_fill_(loop, loop->timer_heap++, slot);
        return;
    }
    loop->timer_settled++;
    for (levels = level, level = 0; level < levels; level++) {
        start = loop->timer_level[level].start++;
        if (start != hole)
            aio_timer_put_(loop, hole, loop->timers[start]);
        hole = start;
    }
    if (level == loop->timer_levels)
        aio_timer_fill_(loop, loop->timer_heap++, slot);
    else
        aio_timer_put_(loop, hole, slot);
}

/* Nobody is at i any more. Returns the place among the spans that somebody must take for it; timer_end: none. */
static uint32_t aio_timer_close_(struct aio_loop *loop, uint32_t i)
{
    unsigned level = 0;
    uint32_t last;
    if (i < loop->timer_heap) {
        last = --loop->timer_heap;
        if (i != last)
            aio_timer_fill_(loop, i, loop->timers[last]);
        if (!loop->timer_levels && loop->timer_settled == loop->timer_end)
            loop->timer_settled = loop->timer_end = last;
        return loop->timer_end;
    }
    if (i >= loop->timer_settled)
        return i;
    while (i < loop->timer_level[level].start)
        level++;
    for (;; level--) {
        last = aio_timer_level_end_(loop, level) - 1;
        if (i != last)
            aio_timer_put_(loop, i, loop->timers[last]);
        i = last;                                   /* now it is the first place of the level behind */
        if (!level)
            break;
        loop->timer_level[level - 1].start = i;
    }
    loop->timer_settled = i;
    return i;
}
#endif

/* Adds one at the end, where there is room. (AIO_ONE_HEAP_: to the heap.) */
static inline void aio_timer_push_(struct aio_loop *loop, struct aio_timer_slot_ slot,
                                   void (*fire)(struct aio_loop *, struct aio_node *))
{
    struct aio_node *node = slot.node;
    node->place = AIO_AT_TIMER_;
    node->link.fire = fire;
    node->u.timer.seq = (aio_timer_index_)loop->timer_seq++;
#if AIO_ONE_HEAP_
    aio_timer_fill_(loop, loop->timer_count++, slot);
#else
    loop->timer_count++;
    aio_timer_put_(loop, loop->timer_end++, slot);
#endif
}

/* Adds one whose deadline may be a span. */
static int aio_timer_add_(struct aio_loop *loop, struct aio_node *node, aio_time deadline,
                          void (*fire)(struct aio_loop *, struct aio_node *))
{
    struct aio_timer_slot_ slot;
    if (deadline == AIO_FOREVER) {
        node->place = AIO_AT_NEVER_;
        return 0;
    }
    if (!aio_timer_room_(loop))
        return AIO_ENOMEM;                              /* a task that runs still has the place of those that do */
    slot.deadline = deadline;
    slot.node = node;
    aio_timer_push_(loop, slot, fire);
    return 0;
}

static int aio_timer_arm_(struct aio_loop *loop, struct aio_node *node, aio_time deadline,
                          void (*fire)(struct aio_loop *, struct aio_node *))
{
    int error = aio_timer_add_(loop, node, deadline, fire);
#if !AIO_ONE_HEAP_
    if (!error && node->place == AIO_AT_TIMER_) {
        struct aio_timer_slot_ slot = loop->timers[loop->timer_end - 1];
        aio_timer_put_(loop, loop->timer_end - 1, loop->timers[loop->timer_settled]);
        aio_timer_place_(loop, slot);
    }
#endif
    return error;
}

/* The same a span from now on. "Now" is when the loop next looks at the clock, a few dozen resumptions later at most:
   never early, and neither is the clock read for it, nor has a timeout that does not live so long been in the heap
   (to arm one and take it back took 48 ns, with 100,000 others 95; it takes 25). Spans that are hardly longer than
   reading the clock are worth that: they are over at the next look, without a wait. */
static int aio_timer_arm_after_(struct aio_loop *loop, struct aio_node *node, aio_time delay,
                                void (*fire)(struct aio_loop *, struct aio_node *))
{
    if (AIO_ONE_HEAP_ || delay < AIO_UNITS_ / 1000000)  /* small: a clock that is a register costs less than this code */
        return aio_timer_arm_(loop, node, aio_deadline_after_(loop, delay), fire);
    return aio_timer_add_(loop, node, delay, fire);
}

/* Also one that is not armed. */
static void aio_timer_disarm_(struct aio_loop *loop, struct aio_node *node)
{
    uint32_t i = node->u.timer.index, last = loop->timer_count - 1;
    bool armed = node->place == AIO_AT_TIMER_;
    node->place = AIO_AT_NOTHING_;
    if (!armed)
        return;
    loop->timer_count = last;
#if AIO_ONE_HEAP_
    if (i != last)
        aio_timer_fill_(loop, i, loop->timers[last]);
#else
    i = aio_timer_close_(loop, i);
    if (i != loop->timer_end && i != --loop->timer_end)
        aio_timer_put_(loop, i, loop->timers[loop->timer_end]);
#endif
}

/* The two without a call in them, for timeouts that are mostly taken back before the clock is read. False: the case
   is not the usual one, and goes the long way. */
#if AIO_ONE_HEAP_
#define aio_timer_arm_quickly_(loop, node, delay, fire) false
#define aio_timer_disarm_quickly_(loop, node) false
#else
static inline bool aio_timer_arm_quickly_(struct aio_loop *loop, struct aio_node *node, aio_time delay,
                                          void (*fire)(struct aio_loop *, struct aio_node *))
{
    struct aio_timer_slot_ slot;
    if (delay < AIO_UNITS_ / 1000000 || delay == AIO_FOREVER ||
        loop->timer_end == loop->timer_capacity)
        return false;
    slot.deadline = delay;
    slot.node = node;
    aio_timer_push_(loop, slot, fire);
    return true;
}

static inline bool aio_timer_disarm_quickly_(struct aio_loop *loop, struct aio_node *node)
{
    uint32_t last = loop->timer_end - 1;
    if (node->place != AIO_AT_TIMER_ || node->u.timer.index != last || last < loop->timer_settled)
        return false;
    loop->timer_count--;
    loop->timer_end = last;
    node->place = AIO_AT_NOTHING_;
    return true;
}
#endif

/* Those that were armed since the clock was read get their deadlines, and the places that go with these; and the
   first one of all is in the heap. */
#if AIO_ONE_HEAP_
#define aio_timers_settle_(loop, now) (void)(now)
#define aio_timers_settle_now_(loop) (void)0
#else
static AIO_NOINLINE_ void aio_timers_settle_slow_(struct aio_loop *loop, aio_time now)
{
    while (loop->timer_settled != loop->timer_end) {
        struct aio_timer_slot_ slot = loop->timers[loop->timer_settled];
        slot.deadline = aio_deadline_from_(now, slot.deadline);
        if (slot.deadline != AIO_FOREVER)
            aio_timer_place_(loop, slot);
        else {
            aio_timer_disarm_(loop, slot.node);
            slot.node->place = AIO_AT_NEVER_;
        }
    }
    aio_timers_refill_(loop);
}

static inline void aio_timers_settle_(struct aio_loop *loop, aio_time now)
{
    if (loop->timer_settled != loop->timer_end || loop->timer_levels)
        aio_timers_settle_slow_(loop, now);
}

/* The same for those who want to know a deadline between two looks. */
static void aio_timers_settle_now_(struct aio_loop *loop)
{
    if (loop->timer_settled != loop->timer_end || loop->timer_levels)
        aio_timers_settle_(loop, loop->poller->now(loop));
}
#endif

#if !AIO_ONE_HEAP_
/* The last of the timers of the heap that are due up to then, if they are dozens; otherwise the first. Looks at those only,
   and at their children: in preorder, for which the index of a node of a 4-ary heap is enough. */
static aio_time aio_timers_crowd_(const struct aio_loop *loop, aio_time until)
{
    aio_time first = loop->timers[0].deadline, last = first;
    uint32_t i = 0, n = 0;
    for (;;) {
        if (i < loop->timer_heap && !aio_time_before_(until, loop->timers[i].deadline)) {
            n++;
            if (aio_time_before_(last, loop->timers[i].deadline))
                last = loop->timers[i].deadline;
            i = i * 4 + 1;
            continue;
        }
        while (i && i % 4 == 0)                         /* the last child: up */
            i = (i - 1) / 4;
        if (!i)
            break;
        i++;
    }
    if (n == loop->timer_heap && loop->timer_levels)    /* and there may be more of them */
        return until;
    return n > AIO_DOZENS_ ? last : first;
}

/* When the next wait ends. To wake costs the system and the caches more than most timers do: a million that came over a
   second at one each microsecond took 0.43 s with 12,000 wakes, and 0.19 with 900. */
static aio_time aio_timers_next_(const struct aio_loop *loop)
{
    aio_time first = loop->timers[0].deadline;
    if (loop->slack <= 0 || loop->timer_heap <= AIO_DOZENS_)
        return first;
    return aio_timers_crowd_(loop, aio_time_after(first, loop->slack));
}
#else
#define aio_timers_next_(loop) (loop)->timers[0].deadline
#endif

static void aio_timers_fire_at_(struct aio_loop *loop, aio_time now)
{
    aio_timers_settle_(loop, now);
    while (AIO_TIMER_HEAP_(loop) && !aio_time_before_(now, loop->timers[0].deadline)) {
        struct aio_node *node = loop->timers[0].node;
        aio_timer_disarm_(loop, node);
#if !AIO_ONE_HEAP_
        if (aio_unlikely_(loop->timer_heap <= AIO_DOZENS_) && loop->timer_levels)
            aio_timers_refill_(loop);
#endif
        node->link.fire(loop, node);
    }
}

static void aio_timers_fire_(struct aio_loop *loop)
{
    if (!loop->timer_count && (AIO_TIME_32 || !AIO_HZ_))
        return;                                     /* a clock made of a counter that wraps is looked at all the same */
    aio_timers_fire_at_(loop, loop->poller->now(loop));
}

static bool aio_has_come_(struct aio_loop *loop, aio_time when)
{
    return !aio_time_before(loop->poller->now(loop), when);
}

/* ------------------------------------------------------------------------- parking and waking */

static struct aio_task *aio_node_task_(struct aio_node *node) { return AIO_CONTAINER_(node, struct aio_task, node); }
static struct aio_callback *aio_node_callback_(struct aio_node *node)
{
    return AIO_CONTAINER_(node, struct aio_callback, node);
}

/* Who waits at the same descriptor behind this task. */
static inline struct aio_task *aio_next_waiter_(const struct aio_task *task)
{
    return (struct aio_task *)(void *)task->node.link.next;
}

/* The task runs again, at the back of the queue; its await returns ret. */
static void aio_wake_(struct aio_loop *loop, struct aio_task *task, struct aio_coro *ret)
{
    task->node.u.ret = ret;
    aio_ready_add_(loop, &task->node);
}

static bool aio_runs_(const struct aio_loop *loop, const struct aio_task *task)
{
    return loop->current == task && task->node.place == AIO_AT_READY_;
}

static void aio_ready_first_(struct aio_loop *loop, struct aio_node *node)
{
    node->place = AIO_AT_READY_;
    node->link.next = loop->head;
    if (!loop->head)
        loop->tail = &node->link.next;
    loop->head = node;
}

/* Something has happened that ends the run, or a look is due: aio_turns_ comes to its mark after this resumption. */
static void aio_pause_soon_(struct aio_loop *loop)
{
    if (loop->running > 1 && !loop->turn_end.place)
        aio_ready_first_(loop, &loop->turn_end);
}

/* May the current task go to sleep? Not with a cancel pending: that strikes here. */
static bool aio_may_park_(struct aio_task *task)
{
    if (aio_likely_(!(task->node.flags & AIO_N_MUST_CANCEL_)))
        return true;
    task->node.flags = (uint8_t)((task->node.flags & ~AIO_N_MUST_CANCEL_) | AIO_N_STRUCK_);
    return false;
}

/* The current task goes to the back of the ready queue, to go on with this frame. */
AIO_API_ AIO_NOINLINE_ void aio_yield_called_(struct aio_coro *leaf)
{
    struct aio_loop *loop = aio_thread_.loop;
    loop->current->leaf = leaf;
    aio_wake_(loop, loop->current, aio_constant_(aio_ok_));
}

AIO_API_ int aio_park_yield(struct aio_coro *leaf)
{
    if (!aio_may_park_(aio_thread_.loop->current))
        return AIO_ECANCELED;
    aio_yield_called_(leaf);
    return 0;
}

static void aio_park_list_(struct aio_task *task, struct aio_coro *leaf, struct aio_node **head, uint8_t place)
{
    task->leaf = leaf;
    aio_list_join_(head, &task->node, place);
}

static void aio_task_timer_(struct aio_loop *loop, struct aio_node *node)
{
    aio_wake_(loop, aio_node_task_(node), aio_constant_(aio_ok_));
}

/* Takes a task out of the list of a descriptor, in which there are at most two. */
static inline void aio_fd_leave_(struct aio_loop *loop, struct aio_fd *entry, struct aio_task *task)
{
    if (aio_likely_(entry->waiter == task))
        entry->waiter = aio_next_waiter_(task);
    else
        entry->waiter->node.link.next = NULL;
    loop->fd_waiters--;
}

/* Takes a task out of where it waits. Nothing points at it any more. */
static void aio_unpark_(struct aio_loop *loop, struct aio_task *task)
{
    struct aio_node *node = &task->node;
    switch (node->place) {
    case AIO_AT_TIMER_:
        aio_timer_disarm_(loop, node);
        break;
    case AIO_AT_READER_:
    case AIO_AT_WRITER_:
        aio_fd_leave_(loop, &loop->fds[node->u.fd], task);
        break;
    default:
        if (aio_in_list_(node))
            aio_list_remove_(node);
        break;
    }
    node->place = AIO_AT_NOTHING_;
}

/* --------------------------------------------------------------------------- cancellation */

static struct aio_coro *aio_root_of_(struct aio_task *task)
{
    struct aio_coro *c = task->leaf;
    while (!(c->flags & AIO_F_ROOT_))
        c = c->up.caller;
    return c;
}

/* The request has arrived in a frame that is on its way out. */
static void aio_cancel_own_(struct aio_coro *c)
{
    if (!c->error || c->error == AIO_ECANCELED) {
        c->error = AIO_ECANCELED;
        c->flags |= AIO_F_OWN_;
    }
}

/* A task that has not begun: only its FINALLY will run. */
static void aio_strike_first_step_(struct aio_task *task)
{
    task->leaf->pc = AIO_PC_FINALLY_;
    task->leaf->error = AIO_ECANCELED;
}

static void aio_member_release_(struct aio_loop *loop, struct aio_task *task);

/* Makes one request strike at what the task is doing. Not for AIO_AT_TARGET_. */
static void aio_strike_(struct aio_loop *loop, struct aio_task *task)
{
    struct aio_node *node = &task->node;
    if (aio_runs_(loop, task)) {
        node->flags |= AIO_N_MUST_CANCEL_;
        return;
    }
    if (node->flags & AIO_N_HELD_) {
        aio_strike_first_step_(task);
        aio_member_release_(loop, task);
    } else if (task->leaf->flags & AIO_F_SETTLING_) {           /* it will cancel its members itself */
        task->leaf->flags &= (uint16_t)~AIO_F_SETTLING_;
        if (node->place == AIO_AT_SETTLE_)
            aio_wake_(loop, task, aio_constant_(aio_canceled_));
        aio_cancel_own_(task->leaf);
    } else if (node->place == AIO_AT_READY_) {
        if (task->leaf->pc <= AIO_PC_FINALLY_ && task->leaf->flags & AIO_F_ROOT_)     /* once more: the same */
            aio_strike_first_step_(task);
        else if (!node->u.ret || node->u.ret->pc == AIO_PC_GRANTED_)
            node->flags |= AIO_N_MUST_CANCEL_;                  /* it keeps what it was given; or has no await yet */
        else {
            node->flags |= AIO_N_STRUCK_;
            node->u.ret = aio_constant_(aio_canceled_);
        }
    } else {
        node->flags |= AIO_N_STRUCK_;
        aio_unpark_(loop, task);
        aio_wake_(loop, task, aio_constant_(aio_canceled_));
    }
}

/* Takes a waiter for a task or future out of its list, which has no way back: only for tasks that wait
   for each other in a ring. */
static void aio_detach_(struct aio_task *task)
{
    struct aio_node **head = aio_waiters_of_(task->node.u.target), *node, *list = NULL;
    while ((node = aio_list_pop_(head)) != NULL)
        if (node != &task->node)
            aio_list_add_(&list, node);
    while ((node = aio_list_pop_(&list)) != NULL)
        aio_list_add_(head, node);
    task->node.place = AIO_AT_NOTHING_;
}

static bool aio_awaits_(const struct aio_task *task, const struct aio_task *other)
{
    return task->node.u.target->flags & AIO_F_ROOT_ && task->node.u.target->up.task == other;
}

/* Does the chain of tasks that wait for tasks, from this one on, ever end? */
static bool aio_waits_in_ring_(const struct aio_task *task)
{
    const struct aio_task *slow = task;
    bool odd = false;
    while (task->node.place == AIO_AT_TARGET_ && task->node.u.target->flags & AIO_F_ROOT_) {
        task = task->node.u.target->up.task;
        if (task == slow)
            return true;
        if (odd)
            slow = slow->node.u.target->up.task;
        odd = !odd;
    }
    return false;
}

/* For a task that begins to wait for target with a request pending. */
static void aio_request_cancel_(struct aio_task *task);
static void aio_pass_on_(struct aio_coro *target)
{
    if (target->flags & AIO_F_ROOT_)
        aio_request_cancel_(target->up.task);
    else
        aio_future_cancel_(target);
}

/* A request is passed on to what the task waits for: along the chain of tasks that wait for tasks, to its
   end. Where it has none, a ring, it is broken at the task that was asked; and it is broken before it
   reaches `spared`: a group that cancels its members does not mean their owner, whom one may wait for. */
static void aio_request_cancel_sparing_(struct aio_task *task, const struct aio_task *spared)
{
    bool ring = aio_waits_in_ring_(task);
    aio_thread_.pass_on = aio_pass_on_;
    for (;;) {
        struct aio_loop *loop = aio_loop_of_(task);     /* one may wait for a task of another loop */
        struct aio_coro *target;
        if (task->node.cancels < UINT8_MAX)
            task->node.cancels++;
        if (ring || (spared && task->node.place == AIO_AT_TARGET_ && aio_awaits_(task, spared))) {
            aio_detach_(task);
            task->node.flags = (uint8_t)((task->node.flags & ~AIO_N_FORWARDED_) | AIO_N_STRUCK_);
            aio_wake_(loop, task, aio_constant_(aio_canceled_));
            return;
        }
        if (task->node.place != AIO_AT_TARGET_) {
            aio_strike_(loop, task);
            return;
        }
        task->node.flags |= AIO_N_FORWARDED_;
        target = task->node.u.target;
        if (!(target->flags & AIO_F_ROOT_)) {
            aio_future_cancel_(target);
            return;
        }
        task = target->up.task;
    }
}

static void aio_request_cancel_(struct aio_task *task) { aio_request_cancel_sparing_(task, NULL); }

/* The record of a handle; NULL for NULL. */
static struct aio_task *aio_task_of_(const struct aio_coro *c)
{
    if (!c)
        return NULL;
    AIO_EXPECT_(c->flags & AIO_F_ROOT_, "not a task, or its last handle was released", c);
    return c->up.task;
}

AIO_API_ bool aio_task_cancel_(struct aio_coro *c)
{
    struct aio_task *task = aio_task_of_(c);
    if (!task || task->node.place == AIO_AT_DONE_ || !aio_loop_of_(task))
        return false;
    aio_check_thread_(aio_loop_of_(task), c);
    aio_request_cancel_(task);
    return true;
}

AIO_API_ int aio_task_cancelling_(const struct aio_coro *c)
{
    struct aio_task *task = aio_task_of_(c);
    return task ? task->node.cancels : 0;
}

/* The requests that have struck: one that is pending will strike whoever waits next, and is not his own. */
static uint8_t aio_requests_(const struct aio_task *task)
{
    bool pending = task->node.cancels && task->node.flags & AIO_N_MUST_CANCEL_;
    return (uint8_t)(task->node.cancels - pending);
}

/* One request less. With none left, what has not struck yet will not. */
static void aio_withdraw_(struct aio_task *task, unsigned least)
{
    if (task->node.cancels)
        task->node.cancels--;
    if (task->node.cancels <= least)
        task->node.flags &= (uint8_t)~AIO_N_MUST_CANCEL_;
}

AIO_API_ int aio_task_uncancel_(struct aio_coro *c)
{
    struct aio_task *task = aio_task_of_(c);
    if (!task)
        return 0;
    aio_withdraw_(task, 0);
    return task->node.cancels;
}

/* ---------------------------------------------------------------------------------- tasks */

/* What few tasks need. A member of a group that needs no more has the first part only: it is half of the whole, and
   a connection of a server that serves each in a member is smaller by 32 bytes. */
struct aio_extension_ {
    struct aio_group *group;            /* the group it is a member of */
    struct aio_task *before, *after;    /* its neighbours there */
    bool keep;                          /* the group keeps a handle of it */
    bool whole;                         /* the second part is there */
    const char *name;                   /* here it begins */
    struct aio_scope_ *open;            /* what its frames have open, newest first */
    struct aio_context_ *context;       /* its task-local values, or NULL */
};
enum { AIO_MEMBER_SIZE_ = AIO_SMALL ? sizeof(struct aio_extension_) : offsetof(struct aio_extension_, name) };

static struct aio_scope_ **aio_generator_scopes_(const struct aio_coro *generator);

static bool aio_extension_is_whole_(const struct aio_extension_ *extension)
{
    return extension && (AIO_SMALL || extension->whole);
}

/* With room for what a member of a group needs. */
static struct aio_extension_ *aio_extend_member_(struct aio_task *task)
{
    if (!task->extension) {
        task->extension = (struct aio_extension_ *)aio_own_alloc_(AIO_MEMBER_SIZE_);
        if (task->extension)
            aio_memset_(task->extension, 0, AIO_MEMBER_SIZE_);
    }
    return task->extension;
}

/* A member's moves: nothing points at it but the task. */
static AIO_NOINLINE_ struct aio_extension_ *aio_extend_whole_(struct aio_task *task)
{
    struct aio_extension_ *part = task->extension;
    struct aio_extension_ *whole = (struct aio_extension_ *)aio_own_alloc_(sizeof *whole);
    if (!whole)
        return NULL;
    aio_memset_(whole, 0, sizeof *whole);
    if (part) {
        aio_memcpy_(whole, part, AIO_MEMBER_SIZE_);
        aio_free_(part, AIO_MEMBER_SIZE_);
    }
    whole->whole = true;
    return task->extension = whole;
}

/* With room for everything. */
static inline struct aio_extension_ *aio_extend_(struct aio_task *task)
{
    if (AIO_SMALL)
        return aio_extend_member_(task);
    return aio_likely_(aio_extension_is_whole_(task->extension)) ? task->extension : aio_extend_whole_(task);
}

static struct aio_context_ *aio_context_of_(const struct aio_task *task)
{
    return aio_extension_is_whole_(task->extension) ? task->extension->context : NULL;
}

/* Task-local values. Shared by tasks, and copied by whoever sets one. */
struct aio_contexts_ {
    bool (*inherit)(struct aio_task *task, const struct aio_extension_ *from);
    void (*unref)(struct aio_context_ *context);
};
static const struct aio_contexts_ *aio_late_contexts_(void);
struct aio_context_value_ { const struct aio_local *key; void *value; };
struct aio_context_ { unsigned refs, count; struct aio_context_value_ values[1]; };

static size_t aio_context_size_(unsigned count)
{
    return offsetof(struct aio_context_, values) + count * sizeof(struct aio_context_value_);
}

static void aio_context_unref_(struct aio_context_ *context)
{
    if (context && --context->refs == 0)
        aio_free_(context, aio_context_size_(context->count));
}

static struct aio_context_value_ *aio_context_find_(struct aio_context_ *context, const struct aio_local *key)
{
    uint32_t i;
    for (i = 0; context && i < context->count; i++)
        if (context->values[i].key == key)
            return &context->values[i];
    return NULL;
}

/* The task's own copy, with room for so many values; NULL: no memory. */
static struct aio_context_ *aio_context_own_(struct aio_extension_ *extension, unsigned count)
{
    struct aio_context_ *old = extension->context, *own;
    if (old && old->refs == 1 && old->count == count)
        return old;
    own = (struct aio_context_ *)aio_own_alloc_(aio_context_size_(count));
    if (!own)
        return NULL;
    if (old)
        aio_memcpy_(own, old, aio_context_size_(old->count));
    own->refs = 1;
    own->count = count;
    aio_context_unref_(old);
    extension->context = own;
    return own;
}

static struct aio_task *aio_running_task_(void) { return aio_thread_.loop ? aio_thread_.loop->current : NULL; }

AIO_API_ void *aio_local_get(const struct aio_local *local)
{
    struct aio_task *task = aio_running_task_();
    struct aio_context_ *context = task ? aio_context_of_(task) : NULL;
    struct aio_context_value_ *found = aio_context_find_(context, local);
    return found ? found->value : local->initial;
}

AIO_API_ int aio_local_set(const struct aio_local *local, void *value)
{
    struct aio_task *task = aio_running_task_();
    struct aio_context_ *context;
    struct aio_context_value_ *found;
    unsigned count;
    if (!task)
        return AIO_EPERM;
    if (!aio_extend_(task))
        return AIO_ENOMEM;
    context = task->extension->context;
    count = context ? context->count : 0;
    context = aio_context_own_(task->extension, count + !aio_context_find_(context, local));
    if (!context)
        return AIO_ENOMEM;
    found = count == context->count ? aio_context_find_(context, local) : &context->values[count];
    found->key = local;
    found->value = value;
    aio_thread_.contexts = aio_late_contexts_();
    return 0;
}

/* A new task begins with the values of the one that runs. False: no memory. */
static bool aio_context_inherit_(struct aio_task *task, const struct aio_extension_ *from)
{
    if (!aio_extend_(task))
        return false;
    task->extension->context = from->context;
    from->context->refs++;
    return true;
}

static const struct aio_contexts_ *aio_late_contexts_(void)
{
    static const struct aio_contexts_ contexts = { aio_context_inherit_, aio_context_unref_ };
    return &contexts;
}

static inline void aio_extension_free_(struct aio_task *task)
{
    struct aio_extension_ *extension = task->extension;
    if (!extension)
        return;
    task->extension = NULL;
    if (!aio_extension_is_whole_(extension)) {
        aio_free_(extension, AIO_MEMBER_SIZE_);
        return;
    }
    if (extension->context)
        aio_thread_.contexts->unref(extension->context);
    aio_free_(extension, sizeof *extension);
}

/* The list of the scopes that frames of this task have open; a generator, which may be driven by one task after
   the other, has its own. */
static struct aio_scope_ **aio_scopes_of_(struct aio_task *task, const struct aio_coro *owner)
{
    return owner->flags & AIO_F_GENERATOR_ ? aio_generator_scopes_(owner) : &task->extension->open;
}

/* What is open in a frame and how it is settled. Functions that a kind has no use for are NULL. */
struct aio_scope_kind_ {
    /* False: the task is parked, and resumes self at pc. */
    bool (*settle)(struct aio_scope_ *scope, struct aio_coro *self, uint16_t pc);
    uint16_t (*block_end)(const struct aio_scope_ *scope);  /* where an error goes to; NULL: not into this scope */
    /* Of groups only. */
    void (*close)(struct aio_scope_ *scope);
    void (*member_done)(struct aio_loop *loop, struct aio_task *task, struct aio_coro *root);
    void (*member_release)(struct aio_loop *loop, struct aio_task *task);
    /* Of AIO_GATHER, AIO_ALL and AIO_RACE only. */
    void (*member_ended)(struct aio_group *group, struct aio_task *task, struct aio_coro *root);    /* of a race */
    void (*member_granted)(struct aio_task *task);
    const struct aio_task *(*member_taker)(const struct aio_task *task);    /* for whom it takes a lock */
};

struct aio_scopes_ {
    bool (*settle)(struct aio_coro *self, uint16_t pc);
    void (*close)(struct aio_coro *self);
    uint16_t (*way_out)(const struct aio_coro *self);
};
static const struct aio_scopes_ *aio_late_scopes_(void);

/* False: no memory. */
static inline bool aio_scope_open_(struct aio_scope_ *scope, struct aio_coro *owner, const struct aio_scope_kind_ *kind)
{
    struct aio_task *task = aio_thread_.loop->current;
    struct aio_scope_ **list;
    if (!aio_extend_(task))
        return false;
    list = aio_scopes_of_(task, owner);
    scope->owner = owner;
    scope->kind = kind;
    scope->next = *list;
    *list = scope;
    owner->flags |= AIO_F_OPEN_;
    aio_thread_.scopes = aio_late_scopes_();
    return true;
}

static void aio_scope_close_(struct aio_scope_ *scope)
{
    struct aio_scope_ **at = aio_scopes_of_(aio_thread_.loop->current, scope->owner);
    while (*at != scope)
        at = &(*at)->next;
    *at = scope->next;
    scope->owner = NULL;
}

/* The newest scope that is open in this frame, or the next one in the list; NULL: none. */
static struct aio_scope_ *aio_scope_in_(struct aio_scope_ *scope, const struct aio_coro *owner)
{
    while (scope && scope->owner != owner)
        scope = scope->next;
    return scope;
}

static bool aio_scope_is_group_(const struct aio_scope_ *scope) { return scope->kind->member_done != NULL; }
static bool aio_scope_is_timeout_(const struct aio_scope_ *scope) { return scope->kind->block_end != NULL; }

/* The same, a group. */
static struct aio_scope_ *aio_group_in_(struct aio_scope_ *scope, const struct aio_coro *owner)
{
    while (scope && (scope->owner != owner || !aio_scope_is_group_(scope)))
        scope = scope->next;
    return scope;
}

static void aio_member_release_(struct aio_loop *loop, struct aio_task *task)
{
    task->extension->group->scope.kind->member_release(loop, task);
}

AIO_API_ bool aio_settle_(struct aio_coro *self, uint16_t pc) { return aio_thread_.scopes->settle(self, pc); }
AIO_API_ uint16_t aio_way_out_slow_(struct aio_coro *self) { return aio_thread_.scopes->way_out(self); }

/* Gives back a frame, whatever it is made of. Tasks, futures and constants are borrowed. */
static bool aio_is_op_(const struct aio_coro *c) { return c->type && !c->type->size; }
static inline void aio_op_free_(struct aio_op_ *op);
static void aio_frame_free_(struct aio_coro *c)
{
    if (aio_is_op_(c))
        aio_op_free_((struct aio_op_ *)(void *)c);
    else if (!(c->flags & AIO_F_PLACED_))
        aio_free_pooled_(c, 0);
}

static bool aio_is_task_or_future_(const struct aio_coro *c)
{
    return (c->flags & AIO_F_ROOT_) || !(c->flags & (AIO_F_CORO_ | AIO_F_UNIT_ | AIO_F_DEAD_));
}

static void aio_drop_(struct aio_coro *c)
{
    if (c->flags & AIO_F_UNIT_)
        return;
    if (aio_is_task_or_future_(c))
        c->flags |= AIO_F_SEEN_;
    else
        aio_frame_free_(c);
}

static AIO_COLD_ void aio_expect_unrun_slow_(const struct aio_coro *c)
{
    AIO_EXPECT_(!(c->flags & AIO_F_DEAD_), "used after it was freed (awaited twice?)", c);
    AIO_EXPECT_(c->flags & AIO_F_CORO_ && !(c->flags & AIO_F_ROOT_),
                "is a task or a future, a coroutine object was expected", c);
    AIO_EXPECT_(c->pc == AIO_PC_START_, "a coroutine object runs only once", c);
}

static inline void aio_expect_unrun_(const struct aio_coro *c)
{
    if (aio_unlikely_((c->flags & (AIO_F_CORO_ | AIO_F_ROOT_ | AIO_F_DEAD_)) != AIO_F_CORO_ ||
                      c->pc != AIO_PC_START_))
        aio_expect_unrun_slow_(c);
}

static bool aio_is_proxy_(const struct aio_coro *c);
static struct aio_coro *aio_proxy_inner_(const struct aio_coro *c);
AIO_API_ void aio_discard_(struct aio_coro *c)
{
    while (c && !(c->flags & AIO_F_UNIT_) && !aio_is_task_or_future_(c)) {
        struct aio_coro *inner = aio_is_proxy_(c) ? aio_proxy_inner_(c) : NULL;
        aio_expect_unrun_(c);
        c->pc = AIO_PC_DONE_;
        aio_frame_free_(c);
        c = inner;
    }
}

/* The undoing of aio_task_make_, as long as nobody has seen the task. */
static AIO_COLD_ void aio_task_unmake_(struct aio_task *task, struct aio_coro *c)
{
    aio_extension_free_(task);
    c->flags &= (uint16_t)~AIO_F_ROOT_;
    aio_task_free_(task);
    aio_discard_(c);
}

/* The life of a task that nothing unusual happens to: it is made, ends with somebody who waits for it, and is
   released. For that, AIO_QUICK_, each step has a short way, without a call in it; all else goes the long way.
   A condition for each field: in one expression, compilers join those of neighbours, and a load that is wider than
   the stores before it waits until these have left for the cache (for ten cycles or more). */
#define AIO_QUICK_ (!AIO_SMALL && !AIO_DEBUG)
#if AIO_SMALL
#define AIO_LONG_WAY_                   /* there is no other */
#else
#define AIO_LONG_WAY_ AIO_NOINLINE_
#endif

/* Four bytes of a task at once. */
static inline uint32_t aio_state_of_(uint8_t place, uint8_t flags, uint8_t cancels, uint8_t refs)
{
    const uint8_t bytes[4] = { place, flags, cancels, refs };
    uint32_t state;
    aio_memcpy_(&state, bytes, sizeof state);
    return state;
}
static inline uint32_t aio_task_state_(const struct aio_task *task)
{
    uint32_t state;
    aio_memcpy_(&state, &task->node.place, sizeof state);
    return state;
}
static inline void aio_task_set_state_(struct aio_task *task, uint8_t place, uint8_t flags, uint8_t cancels, uint8_t refs)
{
#if AIO_SMALL
    task->node.place = place;
    task->node.flags = flags;
    task->node.cancels = cancels;
    task->node.refs = refs;
#else
    uint32_t state = aio_state_of_(place, flags, cancels, refs);
    aio_memcpy_(&task->node.place, &state, sizeof state);
#endif
}

static inline void aio_task_fill_(struct aio_loop *loop, struct aio_task *task, struct aio_coro *c, uint8_t place,
                                  uint8_t flags, uint8_t refs)
{
    task->leaf = c;
    aio_task_set_state_(task, place, flags, 0, refs);
    task->node.seq = ++loop->seq;
    c->up.task = task;
    c->flags = (uint16_t)(c->flags | AIO_F_ROOT_);
}

/* Makes a record for c, which is discarded if that fails. The task is not queued yet. */
static inline struct aio_task *aio_task_make_(struct aio_loop *loop, struct aio_coro *c, uint8_t flags, uint8_t refs)
{
    struct aio_task *task;
    aio_expect_unrun_(c);
    task = aio_task_alloc_(loop);
    if (!task) {
        aio_discard_(c);
        return NULL;
    }
    aio_task_fill_(loop, task, c, AIO_AT_NOTHING_, (uint8_t)(flags | (AIO_STRINGS ? loop->debug : 0)), refs);
    if (aio_unlikely_(loop->current && loop->current->extension) && aio_context_of_(loop->current) &&
        !aio_thread_.contexts->inherit(task, loop->current->extension)) {
        aio_task_unmake_(task, c);
        return NULL;
    }
    return task;
}

/* aio_sleep(0) is no object, and an operation does not last: who needs something that can be a task gets it. */
AIO_API_ struct aio_coro *aio_taskable_(struct aio_coro *c)
{
    if (!c)
        return NULL;
    if (c->flags & AIO_F_UNIT_)
        return aio_of_(aio_sleep_new_(0));
    if (!AIO_BARE_ && aio_is_op_(c) && c->type->bin)
        return aio_proxy_new_(c, offsetof(struct aio_size, result), c->type->bin, AIO_FOREVER, AIO_WRAP_);
    if (aio_is_op_(c))
        return aio_proxy_new_(c, offsetof(struct aio_int, result), sizeof(int), AIO_FOREVER, AIO_WRAP_);
    return c;
}

static AIO_LONG_WAY_ struct aio_coro *aio_task_start_slow_(struct aio_loop *loop, struct aio_coro *c, uint8_t flags,
                                                           uint8_t refs)
{
    struct aio_task *task;
    if (!c)
        return NULL;
    if (!loop || loop->closing > 1) {
        aio_discard_(c);
        return NULL;
    }
    aio_check_thread_(loop, c);
    task = aio_task_make_(loop, c, flags, refs);
    if (!task)
        return NULL;
    aio_ready_add_(loop, &task->node);
    return c;
}

/* flags, refs: constants where this is inlined. */
static AIO_INLINE_ struct aio_coro *aio_task_start_(struct aio_loop *loop, struct aio_coro *c, uint8_t flags,
                                                    uint8_t refs)
{
    if (aio_likely_(!loop))
        loop = aio_thread_.loop;
    if (AIO_QUICK_ && aio_likely_(c && loop) && aio_likely_(c->flags == AIO_F_CORO_) &&
        aio_likely_(c->pc == AIO_PC_START_)) {
        struct aio_task *task = loop->free_tasks;
        if (aio_likely_(task && !loop->closing && !loop->debug && !aio_thread_.contexts)) {
            loop->free_tasks = (struct aio_task *)(void *)task->node.link.next;
            aio_task_fill_(loop, task, c, AIO_AT_READY_, flags, refs);
            aio_ready_link_(loop, &task->node);
            return c;
        }
    }
    return aio_task_start_slow_(loop, c, flags, refs);
}

AIO_API_ struct aio_coro *aio_task_new_(struct aio_loop *loop, struct aio_coro *c)
{
    return aio_task_start_(loop, c, 0, 2);
}

AIO_API_ int aio_spawn_(struct aio_loop *loop, struct aio_coro *c)
{
    if (c && !loop && !aio_thread_.loop) {
        aio_discard_(c);
        return AIO_EPERM;
    }
    return aio_task_start_(loop, c, AIO_N_SPAWNED_, 1) ? 0 : AIO_ENOMEM;
}

static AIO_COLD_ void aio_report_unseen_(struct aio_loop *loop, struct aio_coro *root, const char *message)
{
    if (root->error && root->error != AIO_ECANCELED && !(root->flags & AIO_F_SEEN_) && loop && loop->open)
        aio_report_(loop, message, root->error, root);
    root->flags |= AIO_F_SEEN_;
}

static inline void aio_unref_(struct aio_task *task, struct aio_coro *root)
{
    if (--task->node.refs)
        return;
    if (aio_unlikely_(root->error != 0))
        aio_report_unseen_(aio_loop_of_(task), root, AIO_TEXT_("failed, and nobody looked at its error"));
    aio_extension_free_(task);
    root->flags &= (uint16_t)~AIO_F_ROOT_;
    if (aio_likely_(root->flags == AIO_F_CORO_))
        aio_free_pooled_(root, 0);
    else
        aio_frame_free_(root);
    aio_task_free_(task);                           /* last: it may give back all memory */
}

/* References that are not the user's: the loop's, the group's, and that of a step that is watched. */
static unsigned aio_refs_owed_(const struct aio_task *task, const struct aio_loop *loop)
{
    return (unsigned)(task->node.place != AIO_AT_DONE_) +
           (task->extension && task->extension->group && task->extension->keep) +
           (loop && loop->debug && loop->current == task);
}

static AIO_LONG_WAY_ void aio_release_slow_(struct aio_coro *c)
{
    struct aio_task *task = aio_task_of_(c);
    if (!task)
        return;
    aio_check_thread_(aio_loop_of_(task), c);
    if (aio_unlikely_(task->node.place != AIO_AT_DONE_ || task->extension))
        AIO_EXPECT_(task->node.refs > aio_refs_owed_(task, aio_loop_of_(task)), "is released once too often", c);
    aio_unref_(task, c);
}

/* bin: see aio_free_pooled_. */
AIO_API_ void aio_release_(struct aio_coro *c, size_t bin)
{
    (void)bin;
    if (AIO_QUICK_ && aio_likely_(c != NULL) && aio_likely_(c->flags == (AIO_F_CORO_ | AIO_F_ROOT_)) &&
        aio_likely_(!c->error)) {
        struct aio_task *task = c->up.task;
        struct aio_loop *loop = aio_guess_loop_(aio_thread_.loop, aio_loop_of_(task));
        if (aio_likely_(task->node.place == AIO_AT_DONE_) && aio_likely_(task->node.refs == 1) &&
            aio_likely_(!task->extension && loop)) {
            task->node.place = AIO_AT_NOTHING_;
            task->node.link.next = (struct aio_node *)(void *)loop->free_tasks;
            loop->free_tasks = task;
            aio_free_pooled_(c, bin);
            return;
        }
    }
    aio_release_slow_(c);
}

AIO_API_ struct aio_coro *aio_retain_(struct aio_coro *c)
{
    struct aio_task *task = aio_task_of_(c);
    if (task) {
        aio_check_thread_(aio_loop_of_(task), c);
        AIO_EXPECT_(task->node.refs < UINT8_MAX, "has too many handles", c);
        task->node.refs++;
    }
    return c;
}

AIO_API_ int aio_task_error_(struct aio_coro *c)
{
    if (c->pc != AIO_PC_DONE_)
        return AIO_EAGAIN;
    c->flags |= AIO_F_SEEN_;
    return c->error;
}

AIO_API_ const char *aio_task_name_(const struct aio_coro *c)
{
    struct aio_task *task = aio_task_of_(c);
    if (task && aio_extension_is_whole_(task->extension) && task->extension->name)
        return task->extension->name;
    return aio_type_name_(c);
}

AIO_API_ int aio_task_set_name_(struct aio_coro *c, const char *name)
{
    struct aio_task *task = aio_task_of_(c);
    if (!task || !aio_extend_(task))
        return AIO_ENOMEM;
    task->extension->name = name;
    return 0;
}

AIO_API_ struct aio_any *aio_current_task(void)
{
    struct aio_loop *loop = aio_thread_.loop;
    return loop && loop->current ? (struct aio_any *)(void *)aio_root_of_(loop->current) : NULL;
}

/* The unfinished task that was created next after seq: slabs are not in order of creation. */
static bool aio_task_unfinished_(const struct aio_task *task)
{
    return task->node.place != AIO_AT_NOTHING_ && task->node.place != AIO_AT_DONE_;
}

static size_t aio_tasks_collect_(struct aio_loop *loop, struct aio_task **tasks, size_t n)
{
    struct aio_slab_ *slab;
    size_t count = 0;
    uint32_t i;
    for (slab = loop->slabs; slab; slab = slab->next)
        for (i = 0; i < slab->carved; i++) {
            struct aio_task *task = aio_slab_task_(slab, i);
            if (aio_task_unfinished_(task) && count++ < n)
                tasks[count - 1] = task;
        }
    return count;
}

static bool aio_task_older_(const struct aio_task *a, const struct aio_task *b)
{
    return (int32_t)(a->node.seq - b->node.seq) < 0;
}

/* Heapsort, oldest first: no recursion, no memory, n log n on the worst day. */
static void aio_tasks_sort_(struct aio_task **tasks, size_t n)
{
    size_t built = n / 2, end = n;
    while (end > 1) {
        struct aio_task *task;
        size_t i, child;
        if (built)
            task = tasks[i = --built];
        else {
            task = tasks[--end];
            tasks[end] = tasks[0];
            i = 0;
        }
        while ((child = 2 * i + 1) < end) {
            if (child + 1 < end && aio_task_older_(tasks[child], tasks[child + 1]))
                child++;
            if (!aio_task_older_(task, tasks[child]))
                break;
            tasks[i] = tasks[child];
            i = child;
        }
        tasks[i] = task;
    }
}

AIO_API_ size_t aio_all_tasks(struct aio_loop *loop, struct aio_any **tasks, size_t n)
{
    size_t count = aio_tasks_collect_(loop, NULL, 0), i;
    struct aio_task **all = count ? (struct aio_task **)aio_block_new_(count * sizeof *all) : NULL;
    if (!all)
        return count;
    aio_tasks_collect_(loop, all, count);
    aio_tasks_sort_(all, count);
    for (i = 0; i < count && i < n; i++)
        tasks[i] = (struct aio_any *)(void *)aio_root_of_(all[i]);
    aio_block_free_(all, count * sizeof *all);
    return count;
}

static void aio_notify_callback_(struct aio_node *node, struct aio_coro *c)
{
    struct aio_callback *callback = aio_node_callback_(node);
    aio_check_thread_(callback->loop, c);
    if (!(node->flags & AIO_N_WATCH_)) {
        aio_ready_add_(callback->loop, node);
        return;
    }
    node->place = AIO_AT_NOTHING_;
    callback->fn(callback);
}

/* Tells one who waited for c, which is done. */
static inline void aio_notify_(struct aio_node *node, struct aio_coro *c)
{
    struct aio_task *task = aio_node_task_(node);
    if (node->flags & AIO_N_CALLBACK_) {
        aio_notify_callback_(node, c);
        return;
    }
    aio_check_thread_(aio_loop_of_(task), c);
    if (node->flags & AIO_N_FORWARDED_) {
        node->flags &= (uint8_t)~AIO_N_FORWARDED_;
        if (c->error == AIO_ECANCELED)
            node->flags |= AIO_N_STRUCK_;
    }
    aio_wake_(aio_loop_of_(task), task, c);
}

/* Tells all: the whole circle leaves the list at once. */
static inline void aio_notify_all_(struct aio_node **head, struct aio_coro *c)
{
    struct aio_node *last = *head, *node, *next;
    if (!last)
        return;
    *head = NULL;
    next = last->link.next;
    do {
        node = next;
        next = node->link.next;
        aio_notify_(node, c);
    } while (node != last);
}

static bool aio_task_closing_(const struct aio_loop *loop, const struct aio_task *task);
static AIO_LONG_WAY_ void aio_task_finish_slow_(struct aio_loop *loop, struct aio_task *task, struct aio_coro *root)
{
    if (aio_unlikely_(task->node.flags & AIO_N_MUST_CANCEL_) && !root->error)
        root->error = AIO_ECANCELED;                /* asked to end, it ended without noticing */
    root->pc = AIO_PC_DONE_;
    task->node.place = AIO_AT_DONE_;
    task->node.u.ret = NULL;
    task->leaf = root;
    if (aio_unlikely_(task->node.flags & AIO_N_UNTIL_))
        aio_pause_soon_(loop);
    if (aio_unlikely_(loop->closing) && aio_task_closing_(loop, task))
        loop->closing_count--;
    aio_notify_all_(&task->waiters, root);
    if (task->extension && task->extension->group)
        task->extension->group->scope.kind->member_done(loop, task, root);
    else if (aio_unlikely_(root->error != 0) && task->node.flags & AIO_N_SPAWNED_)
        aio_report_unseen_(loop, root, AIO_TEXT_("failed"));
    aio_unref_(task, root);
}

/* The short way (see AIO_QUICK_): it went well, one task waits for it, and somebody has a handle. */
static inline bool aio_task_finish_quickly_(struct aio_loop *loop, struct aio_task *task, struct aio_coro *root)
{
    struct aio_node *waiter = task->waiters;
    if (root->error || loop->closing || task->extension || task->node.refs == 1 || !waiter ||
        waiter->link.next != waiter || waiter->flags & (AIO_N_CALLBACK_ | AIO_N_FORWARDED_) ||
        task->node.flags & (AIO_N_MUST_CANCEL_ | AIO_N_UNTIL_))
        return false;
    root->pc = AIO_PC_DONE_;
    task->node.place = AIO_AT_DONE_;
    task->node.u.ret = NULL;
    task->leaf = root;
    task->node.refs--;
    task->waiters = NULL;
    aio_wake_(aio_guess_loop_(loop, aio_loop_of_(aio_node_task_(waiter))), aio_node_task_(waiter), root);
    return true;
}

static inline void aio_task_finish_(struct aio_loop *loop, struct aio_task *task, struct aio_coro *root)
{
    if (!AIO_QUICK_ || !aio_task_finish_quickly_(loop, task, root))
        aio_task_finish_slow_(loop, task, root);
}

enum { AIO_LOOK_EVERY_ = 64 };          /* resumptions between two looks at timers and descriptors */

/* A step is over, but nothing is going to resume the task: a body was left by a return of the user's. */
static void aio_check_waits_(struct aio_loop *loop, const struct aio_task *task)
{
#if AIO_DEBUG
    const struct aio_node *node = loop->head;
    if (task->node.place != AIO_AT_READY_ || loop->tail == &((struct aio_task *)(uintptr_t)task)->node.link.next)
        return;
    while (node && node != &task->node)
        node = &node->link.next == loop->tail ? NULL : node->link.next;
    AIO_ASSERT(node, "this, or what it awaits, has returned without waiting: AIO_RETURN, not return",
               aio_type_name_(task->leaf), aio_type_file_(task->leaf), aio_line_(task->leaf));
#else
    (void)loop;
    (void)task;
#endif
}

/* One step of a task: from frame to frame up the chain of callers, until one suspends or the task ends.
   The C stack does not grow with the depth. ret: what the first of the frames has returned. True: it yields. */
static AIO_INLINE_ bool aio_resume_with_(struct aio_loop *loop, struct aio_task *task, struct aio_coro *ret)
{
    while (aio_unlikely_(ret != AIO_YIELDS_)) {
        struct aio_coro *frame;
        if (!ret) {
            aio_check_waits_(loop, task);
            return false;
        }
        if (aio_unlikely_(ret == AIO_GOES_ON_)) {
            frame = task->leaf;
            ret = task->node.u.ret;
        } else if (ret->flags & AIO_F_ROOT_) {
            aio_task_finish_(loop, task, ret);
            return false;
        } else
            task->leaf = frame = ret->up.caller;
        ret = frame->type->body(frame, ret);
    }
    task->node.u.ret = aio_constant_(aio_ok_);
    return true;
}

static inline struct aio_coro *aio_resume_leaf_(struct aio_loop *loop, struct aio_task *task)
{
    struct aio_coro *ret = task->node.u.ret, *frame = task->leaf;
    loop->current = task;
    return frame->type->body(frame, ret);
}

static AIO_INLINE_ bool aio_resume_(struct aio_loop *loop, struct aio_task *task)
{
    return aio_resume_with_(loop, task, aio_resume_leaf_(loop, task));
}

/* ---------------------------------------------------------------------------------- await */

/* The task that runs goes on with this frame, when all that were called for it have returned what this does. */
static struct aio_coro *aio_go_on_(struct aio_coro *frame, struct aio_coro *ret)
{
    struct aio_task *task = aio_thread_.loop->current;
    task->leaf = frame;
    task->node.u.ret = ret;
    return AIO_GOES_ON_;
}

AIO_API_ AIO_NOINLINE_ struct aio_coro *aio_await_deep_(struct aio_coro *self, struct aio_coro *c)
{
    c->up.caller = self;
    if (aio_is_op_(c))                              /* it calls nobody */
        return c->type->body(c, NULL);
    return aio_go_on_(c, NULL);
}

/* Waits for a task or a future. forward: a cancel of the wait is passed on to it. */
static inline struct aio_coro *aio_await_target_(struct aio_coro *self, struct aio_coro *c, bool forward)
{
    struct aio_task *task = aio_thread_.loop->current;
    bool strike;
    if (c->pc == AIO_PC_DONE_)
        return c;
    if (c->flags & AIO_F_ROOT_ && c->up.task == task)
        return aio_constant_(aio_deadlk_);
    if (!forward) {
        if (!aio_may_park_(task))
            return aio_constant_(aio_canceled_);
        aio_park_list_(task, self, aio_waiters_of_(c), AIO_AT_LIST_);
        return NULL;
    }
    strike = !aio_may_park_(task);
    task->leaf = self;
    task->node.place = AIO_AT_TARGET_;
    task->node.u.target = c;
    aio_list_add_(aio_waiters_of_(c), &task->node);
    if (strike) {                                   /* counted already: pass it on */
        task->node.flags = (uint8_t)((task->node.flags & ~AIO_N_STRUCK_) | AIO_N_FORWARDED_);
        aio_thread_.pass_on(c);
    }
    return NULL;
}

/* The short way (see AIO_QUICK_) to wait for a task: nobody else does, and no cancel is pending. */
static inline bool aio_await_task_quickly_(struct aio_coro *self, struct aio_coro *c)
{
    struct aio_task *task = aio_thread_.loop->current, *target = c->up.task;
    if (c->pc == AIO_PC_DONE_ || target->waiters || target == task || task->node.flags & AIO_N_MUST_CANCEL_)
        return false;
    task->leaf = self;
    task->node.place = AIO_AT_TARGET_;
    task->node.u.target = c;
    task->node.link.next = target->waiters = &task->node;
    return true;
}

/* A task is awaited that has just been made, by the frame that the loop has resumed, and is the only one that is ready:
   what the loop would do next is done here, above the C stack of the one that waits. It takes its first step; if that is
   its last one, too, and has made nobody else ready, then whoever waits goes on, with the result. Meanwhile everybody is
   in the state that he would have in the loop, so the order of all that happens is the same, with two turns of the loop
   less: a task made, awaited and released takes 14.2 ns, not 19.6. Two things can be told: both steps have one budget, and
   where the loop looks at timers and descriptors: after AIO_LOOK_EVERY_ resumptions, and after AIO_AHEAD_ tasks, so that
   128 steps are the most. That bounds the C stack, too; who wants less of it (AIO_MAX_DIRECT) has none of this.
   NULL: it goes on in the loop. */
enum { AIO_AHEAD_ = AIO_LOOK_EVERY_ / 2 };
#define AIO_AWAITS_NEXT_ (AIO_QUICK_ && !AIO_BARE_ && AIO_MAX_DIRECT >= 32)

#if AIO_AWAITS_NEXT_
static AIO_NOINLINE_ struct aio_coro *aio_await_next_slow_(struct aio_loop *loop, struct aio_task *task,
                                                           struct aio_coro *ret)
{
    struct aio_task *target = loop->current;
    if (aio_resume_with_(loop, target, ret))
        aio_ready_link_(loop, &target->node);
    loop->current = task;
    return NULL;
}

static inline struct aio_coro *aio_await_next_(struct aio_loop *loop, struct aio_task *task, struct aio_task *target)
{
    struct aio_coro *ret;
    if (loop->head != &target->node || loop->tail != &target->node.link.next)
        return NULL;
    if (aio_unlikely_(loop->seq - loop->looked_seq > AIO_AHEAD_)) {
        if (!loop->debug)
            aio_pause_soon_(loop);                  /* for a look, from which on there are as many again */
        return NULL;
    }
    loop->head = NULL;
    loop->tail = &loop->head;
    ret = aio_resume_leaf_(loop, target);
    loop = aio_thread_.loop;                        /* loaded again, as the target: nothing but `task` has to be saved */
    target = loop->current;
    if (aio_unlikely_(ret != task->node.u.target) || aio_unlikely_(loop->head != NULL) ||
        aio_unlikely_(target->extension != NULL) || aio_unlikely_(target->waiters != &task->node) ||
        aio_unlikely_(target->node.u.ret != NULL) ||                /* it has awaited another: see aio_task_alloc_ */
        aio_unlikely_(task->node.flags & (AIO_N_UNUSUAL_ | AIO_N_FORWARDED_)) ||
        aio_unlikely_(aio_task_state_(target) != aio_state_of_(AIO_AT_READY_, 0, 0, 2)))
        return aio_await_next_slow_(loop, task, ret);
    aio_task_set_state_(target, AIO_AT_DONE_, 0, 0, 1);     /* its leaf is its root */
    ret->pc = AIO_PC_DONE_;
    target->waiters = NULL;
    task->node.place = AIO_AT_READY_;
    loop->current = task;
    return ret;
}
#else
static inline struct aio_coro *aio_await_next_(struct aio_loop *loop, struct aio_task *task, struct aio_task *target)
{
    (void)loop;
    (void)task;
    (void)target;
    return NULL;
}
#endif

static AIO_LONG_WAY_ struct aio_coro *aio_await_slower_(struct aio_coro *self, struct aio_coro *c);
AIO_API_ AIO_NOINLINE_ struct aio_coro *aio_await_slow_(struct aio_coro *self, struct aio_coro *c)
{
    if (AIO_QUICK_ && aio_likely_(c != NULL) && c->flags & AIO_F_ROOT_) {
        struct aio_loop *loop = aio_thread_.loop;
        struct aio_task *task = loop->current;
        bool resumed = task->leaf == self;          /* and not called by one that was: to that, leaf would have to go back */
        if (aio_likely_(aio_await_task_quickly_(self, c)))
            return resumed && c->pc == AIO_PC_START_ ? aio_await_next_(loop, task, c->up.task) : NULL;
    }
    return aio_await_slower_(self, c);
}

static struct aio_coro *aio_await_slower_(struct aio_coro *self, struct aio_coro *c)
{
    if (!c)
        return aio_constant_(aio_nomem_);
    if (aio_likely_(aio_is_task_or_future_(c)))
        return aio_await_target_(self, c, true);
    if (c->flags & AIO_F_UNIT_)
        return AIO_YIELDS_;
    aio_expect_unrun_(c);
    if (AIO_MAX_DIRECT == 0 || !aio_thread_.loop->depth)
        return aio_await_deep_(self, c);
    c->up.caller = self;
    aio_thread_.loop->depth--;
    c = aio_call_(c);
    aio_thread_.loop->depth++;
    return c;
}

/* Did ret come back with the cancellation of the task that runs? Its await says so once; from then on
   the frames do, each for the one above it, so that a cleanup on the way may wait for other things. */
static bool aio_is_own_(const struct aio_coro *ret)
{
    struct aio_node *node = &aio_thread_.loop->current->node;
    bool struck = (node->flags & AIO_N_STRUCK_) != 0;
    node->flags &= (uint8_t)~AIO_N_STRUCK_;
    return ret->error == AIO_ECANCELED &&
        (struck || (ret->flags & (AIO_F_OWN_ | AIO_F_ROOT_)) == AIO_F_OWN_);
}

static int aio_leave_with_(struct aio_coro *self, struct aio_coro *ret, bool is_own, uint32_t line)
{
    self->error = ret->error;
    aio_trace_(aio_thread_.loop, self, ret, line);
    self->flags = (uint16_t)((self->flags & (uint16_t)~AIO_F_OWN_) | (is_own ? AIO_F_OWN_ : 0));
    aio_drop_(ret);
    return self->error;
}

/* Whoever awaits a task only borrows it. */
static void aio_expect_alive_(const struct aio_coro *ret)
{
    AIO_EXPECT_(!(ret->flags & AIO_F_DEAD_), "was released by its last owner while it was awaited", ret);
}

AIO_API_ int aio_leave_slow_(struct aio_coro *self, struct aio_coro *ret, uint32_t line)
{
    aio_expect_alive_(ret);
    if (ret->error)
        return aio_leave_with_(self, ret, aio_is_own_(ret), line);
    aio_drop_(ret);
    return 0;
}

AIO_API_ bool aio_jump_slow_(struct aio_coro *self) { return aio_jump_(self); }
AIO_API_ bool aio_left_slow_(struct aio_coro *self, struct aio_coro *ret, uint32_t line)
{
    return aio_leave_slow_(self, ret, line) && aio_jump_(self);
}

/* For AIO_LEAVE_FAR_: the body is entered again by the loop, where it stands or where an error leads. */
AIO_API_ AIO_NOINLINE_ struct aio_coro *aio_left_far_(struct aio_coro *self, struct aio_coro *ret, uint32_t line)
{
    aio_left_slow_(self, ret, line);
    return aio_go_on_(self, aio_constant_(aio_ok_));
}

AIO_API_ int aio_catch_slow_(struct aio_coro *self, struct aio_coro *ret, bool own, uint32_t line)
{
    int error = ret->error;
    bool is_own = error && aio_is_own_(ret);
    aio_expect_alive_(ret);
    if (is_own && !own)
        return aio_leave_with_(self, ret, true, line);
    aio_drop_(ret);
    return error;
}

AIO_API_ void aio_raise_(struct aio_coro *self, int error, uint32_t line)
{
    AIO_ASSERT(error < 0, "AIO_RAISE takes a negative number", aio_name_of_(self->type), aio_file_of_(self->type),
               line);
    self->error = error;
    aio_trace_(aio_thread_.loop, self, NULL, line);
    self->flags &= (uint16_t)~AIO_F_OWN_;
    if (error == AIO_ECANCELED && aio_thread_.loop->current->node.cancels)
        self->flags |= AIO_F_OWN_;                  /* caught, and passed on after all */
}

AIO_API_ void aio_expect_end_slow_(const struct aio_coro *self)
{
    AIO_EXPECT_(self->pc <= AIO_PC_END_, "resumed at a place that does not exist (an await inside a switch of "
                "its own?)", self);
}

AIO_API_ struct aio_coro *aio_finish_slow_(struct aio_coro *self)
{
    if (self->flags & AIO_F_OPEN_) {
        if (!aio_settle_(self, AIO_PC_END_))
            return NULL;
        aio_thread_.scopes->close(self);
    }
    self->flags &= (uint16_t)~AIO_F_FINALLY_;
    self->pc = AIO_PC_DONE_;
    return self;
}

/* --------------------------------------------------------------------------------- sleep */

struct aio_sleep_ { AIO_FRAME(void); aio_time when; };

/* Sleeps so long, or until that time, as arm has it; yield: that is over. */
static struct aio_coro *aio_sleep_park_(struct aio_coro *c, bool yield, aio_time when,
    int (*arm)(struct aio_loop *, struct aio_node *, aio_time, void (*)(struct aio_loop *, struct aio_node *)))
{
    struct aio_loop *loop = aio_thread_.loop;
    struct aio_task *task = loop->current;
    struct aio_coro *leaf = c->flags & AIO_F_ROOT_ ? c : c->up.caller;
    if (yield)
        c->error = aio_park_yield(leaf);
    else if (!aio_may_park_(task))
        c->error = AIO_ECANCELED;
    else {
        c->error = arm(loop, &task->node, when, aio_task_timer_);
        task->leaf = leaf;
    }
    if (c->error)
        return c;
    c->pc = AIO_PC_END_;
    if (leaf != c)
        aio_frame_free_(c);
    return NULL;
}

/* Woken, or cancelled before the first step. */
static struct aio_coro *aio_sleep_end_(struct aio_coro *c, const struct aio_coro *ret)
{
    if (ret)
        c->error = ret->error;
    return c;
}

/* A leaf. Awaited by a coroutine it is gone as soon as the task sleeps: the caller is resumed with a
   constant. As a task of its own it stays, and is the leaf itself. */
static struct aio_coro *aio_sleep_body_(struct aio_coro *c, struct aio_coro *ret)
{
    aio_time delay = ((struct aio_sleep_ *)(void *)c)->when;
    if (c->pc != AIO_PC_START_)
        return aio_sleep_end_(c, ret);
    return aio_sleep_park_(c, delay <= 0, delay, aio_timer_arm_after_);
}

static struct aio_coro *aio_sleep_until_body_(struct aio_coro *c, struct aio_coro *ret)
{
    aio_time deadline = ((struct aio_sleep_ *)(void *)c)->when;
    if (c->pc != AIO_PC_START_)
        return aio_sleep_end_(c, ret);
    return aio_sleep_park_(c, aio_has_come_(aio_thread_.loop, deadline), deadline, aio_timer_arm_);
}

static struct aio_void *aio_sleep_make_(const struct aio_type *type, aio_time when)
{
    struct aio_sleep_ *sleep = (struct aio_sleep_ *)(void *)aio_frame_new(type, sizeof *sleep);
    if (sleep)
        sleep->when = when;
    return (struct aio_void *)(void *)sleep;
}

AIO_API_ struct aio_void *aio_sleep_new_(aio_time delay)
{
    static const struct aio_type type = { aio_sleep_body_, AIO_NAMED_("aio_sleep", NULL) AIO_SIZE_(struct aio_sleep_) };
    return aio_sleep_make_(&type, delay);
}

AIO_API_ struct aio_void *aio_sleep_until(aio_time deadline)
{
    static const struct aio_type type = {
        aio_sleep_until_body_, AIO_NAMED_("aio_sleep", NULL) AIO_SIZE_(struct aio_sleep_)
    };
    return aio_sleep_make_(&type, deadline);
}

/* -------------------------------------------------------------------------------- futures */

static void aio_future_finish_(struct aio_coro *future, int error)
{
    future->pc = AIO_PC_DONE_;
    future->error = error;
    aio_notify_all_(&future->up.waiters, future);
}

static void aio_expect_future_(const struct aio_coro *future)
{
    AIO_EXPECT_(!(future->flags & (uint16_t)~AIO_F_SEEN_), "is not a future", future);
}

AIO_API_ bool aio_future_pending_(struct aio_coro *future)
{
    aio_expect_future_(future);
    if (future->pc != AIO_PC_DONE_)
        return true;
    AIO_EXPECT_(future->error == AIO_ECANCELED, "a future has one result, and this one has it", future);
    return false;
}

AIO_API_ int aio_future_set_(struct aio_coro *future, int error)
{
    if (!aio_future_pending_(future))
        return AIO_ECANCELED;
    AIO_EXPECT_(error <= 0, "an error is a negative number", future);
    aio_future_finish_(future, error);
    return 0;
}

AIO_API_ bool aio_future_cancel_(struct aio_coro *future)
{
    if (!future)
        return false;
    aio_expect_future_(future);
    if (future->pc == AIO_PC_DONE_)
        return false;
    aio_future_finish_(future, AIO_ECANCELED);
    return true;
}

AIO_API_ void aio_add_done_callback_(struct aio_coro *c, struct aio_callback *callback)
{
    AIO_EXPECT_(aio_is_task_or_future_(c), "is not a task or a future", c);
    AIO_EXPECT_(callback->node.place == AIO_AT_NOTHING_, "the callback waits for something else already", c);
    if (c->flags & AIO_F_ROOT_ && aio_loop_of_(c->up.task))
        callback->loop = aio_loop_of_(c->up.task);
    else if (aio_thread_.loop)                      /* of a future, or of a task that has outlived its loop */
        callback->loop = aio_thread_.loop;
    AIO_EXPECT_(callback->loop != NULL, "no loop to call the callback from", c);
    aio_check_thread_(callback->loop, c);
    callback->node.flags = AIO_N_CALLBACK_;
    if (c->pc == AIO_PC_DONE_) {
        aio_ready_add_(callback->loop, &callback->node);
        return;
    }
    aio_list_join_(aio_waiters_of_(c), &callback->node, AIO_AT_LIST_);
}

/* ---------------------------------------------------------------------- deadlines, shields */

static void aio_deadline_fire_(struct aio_loop *loop, struct aio_node *node)
{
    struct aio_deadline_ *deadline = AIO_CONTAINER_(node, struct aio_deadline_, node);
    (void)loop;
    deadline->expired = deadline->requested = true;
    aio_request_cancel_(deadline->task);
}

static void aio_deadline_begin_(struct aio_deadline_ *deadline, struct aio_task *task)
{
    deadline->task = task;
    deadline->entry = aio_requests_(task);
}

/* What comes out of the scope for an error that goes into its end: only its own request, and only if
   nobody else's stands, becomes a timeout. */
static int aio_deadline_end_(struct aio_loop *loop, struct aio_deadline_ *deadline, int error)
{
    struct aio_task *task = deadline->task;
    aio_timer_disarm_(loop, &deadline->node);
    if (deadline->requested)
        aio_withdraw_(task, deadline->entry);
    if (!deadline->expired || error != AIO_ECANCELED || task->node.cancels > deadline->entry)
        return error;
    return AIO_ETIMEDOUT;
}

/* Stands behind the result of the proxy, which lies where that of the inner one does. Each proxy has a type of its own,
   in itself, so that it is freed as any frame is, and what awaits it need not know that there are proxies: with a
   flag for them, to arm a timeout and take it back was 90 instructions longer. */
struct aio_proxy_ {
    struct aio_type type;               /* first: the header's */
    struct aio_coro *inner;
    aio_time timeout;
    size_t offset, size;                /* of the result */
    struct aio_deadline_ deadline;
};

static bool aio_is_proxy_(const struct aio_coro *c)
{
    return c->type && (uintptr_t)c->type - (uintptr_t)c < c->type->size;
}

static struct aio_proxy_ *aio_proxy_of_(const struct aio_coro *c)
{
    return (struct aio_proxy_ *)(uintptr_t)c->type;
}

static struct aio_coro *aio_proxy_inner_(const struct aio_coro *c) { return aio_proxy_of_(c)->inner; }

/* Starts a coroutine object, or, with an error, lets it run only its FINALLY: it was accepted. */
static struct aio_coro *aio_proxy_start_(struct aio_coro *c, struct aio_coro *inner, int error)
{
    if (!error)
        return AIO_HOT_(aio_await_)(c, inner);
    if (inner->flags & AIO_F_UNIT_)
        return error == AIO_ENOMEM ? aio_constant_(aio_nomem_) : aio_constant_(aio_canceled_);
    aio_expect_unrun_(inner);
    inner->pc = AIO_PC_FINALLY_;
    if (error == AIO_ECANCELED)
        aio_cancel_own_(inner);
    else
        inner->error = error;
    inner->up.caller = c;
    return aio_call_(inner);
}

/* What the task was given has arrived, and all that is left of the task is deadlines around it: with no suspension
   to come for a request to strike at, it ends with that, and not as if it had never got it. */
static AIO_NOINLINE_ void aio_proxy_granted_(const struct aio_coro *c)
{
    while (aio_is_proxy_(c) && !(c->flags & AIO_F_ROOT_))
        c = c->up.caller;
    if (aio_is_proxy_(c))
        c->up.task->node.flags &= (uint8_t)~AIO_N_MUST_CANCEL_;
}

/* A word is the most that most results have, and what the frames of all of them have: without a library call. */
static inline void aio_proxy_take_(struct aio_coro *c, const struct aio_proxy_ *proxy, const struct aio_coro *ret)
{
    void *to = (char *)c + proxy->offset;
    const void *from = (const char *)ret + proxy->offset;
    if (AIO_SMALL || aio_unlikely_(proxy->size > sizeof(void *)))
        aio_memcpy_(to, from, proxy->size);
    else if (proxy->size)
        aio_memcpy_(to, from, sizeof(void *));
}

/* The end: the result and the error of ret become the proxy's. */
static AIO_LONG_WAY_ struct aio_coro *aio_proxy_end_slow_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_proxy_ *proxy = aio_proxy_of_(c);
    struct aio_loop *loop = aio_thread_.loop;
    aio_expect_alive_(ret);
    if (aio_is_own_(ret))
        c->flags |= AIO_F_OWN_;
    if (aio_has_result_(ret, proxy->size))
        aio_proxy_take_(c, proxy, ret);
    c->error = proxy->deadline.task ? aio_deadline_end_(loop, &proxy->deadline, ret->error) : ret->error;
    if (ret->pc == AIO_PC_GRANTED_)
        aio_proxy_granted_(c);
    aio_trace_pass_(loop, ret, c);
    aio_drop_(ret);
    c->pc = AIO_PC_DONE_;
    return c;
}

/* The same of a coroutine that went well, in time, and before the loop has looked at the clock. A condition for each
   field: see AIO_QUICK_. */
static inline struct aio_coro *aio_proxy_end_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_proxy_ *proxy = aio_proxy_of_(c);
    if (aio_unlikely_(ret->error != 0))
        return aio_proxy_end_slow_(c, ret);
    if (aio_unlikely_(ret->flags != AIO_F_CORO_) ||
        aio_unlikely_(!aio_timer_disarm_quickly_(aio_thread_.loop, &proxy->deadline.node)))
        return aio_proxy_end_slow_(c, ret);
    aio_proxy_take_(c, proxy, ret);
    aio_free_pooled_(ret, 0);
    c->pc = AIO_PC_DONE_;
    return c;
}

static struct aio_coro *aio_shield_body_(struct aio_coro *c, struct aio_coro *ret);

/* A task or future that is done, also behind a shield: no timeout is too short for it. */
static bool aio_is_done_(struct aio_coro *c)
{
    if (c->type && c->type->body == aio_shield_body_)
        c = aio_proxy_inner_(c);
    return aio_is_task_or_future_(c) && c->pc == AIO_PC_DONE_;
}

/* Begins to wait when that is cancelled before its first step, or there is no time, or no room for a timer. */
static AIO_LONG_WAY_ struct aio_coro *aio_wait_for_late_(struct aio_coro *c, int error)
{
    struct aio_proxy_ *proxy = aio_proxy_of_(c);
    struct aio_coro *inner = proxy->inner, *ret;
    bool borrowed = aio_is_task_or_future_(inner);
    if (error && borrowed) {
        c->error = error;
        return c;
    }
    aio_deadline_begin_(&proxy->deadline, aio_thread_.loop->current);
    if (!error && !aio_is_done_(inner)) {
        proxy->deadline.expired = true;
        if (borrowed && inner->flags & AIO_F_ROOT_)
            aio_task_cancel_(inner);
        else if (borrowed)
            aio_future_cancel_(inner);
        else
            error = AIO_ECANCELED;
    }
    c->error = 0;
    c->pc = AIO_PC_END_;
    ret = aio_proxy_start_(c, inner, error);
    return aio_suspends_(ret) ? ret : aio_proxy_end_slow_(c, ret);
}

static struct aio_coro *aio_wait_for_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_proxy_ *proxy = aio_proxy_of_(c);
    struct aio_loop *loop = aio_thread_.loop;
    if (c->pc == AIO_PC_END_)
        return aio_proxy_end_(c, ret);              /* what was inside may be gone */
    if (aio_unlikely_(c->pc == AIO_PC_FINALLY_))
        return aio_wait_for_late_(c, c->error);
    aio_deadline_begin_(&proxy->deadline, loop->current);
    if (aio_unlikely_(!aio_timer_arm_quickly_(loop, &proxy->deadline.node, proxy->timeout, aio_deadline_fire_))) {
        int error = proxy->timeout <= 0 ? 0 :
            aio_timer_arm_after_(loop, &proxy->deadline.node, proxy->timeout, aio_deadline_fire_);
        if (error || proxy->timeout <= 0)
            return aio_wait_for_late_(c, error);
    }
    c->pc = AIO_PC_END_;
    ret = AIO_HOT_(aio_await_)(c, proxy->inner);
    return aio_suspends_(ret) ? ret : aio_proxy_end_(c, ret);
}

static struct aio_coro *aio_shield_body_(struct aio_coro *c, struct aio_coro *ret)
{
    if (c->pc == AIO_PC_FINALLY_)
        return c;
    if (c->pc == AIO_PC_START_) {
        c->pc = AIO_PC_END_;
        ret = aio_await_target_(c, aio_proxy_inner_(c), false);
    }
    return ret ? aio_proxy_end_slow_(c, ret) : NULL;
}

/* The deadline, the header and the result are zero already. */
static inline struct aio_coro *aio_proxy_fill_(void *memory, const struct aio_type *kind, struct aio_coro *inner,
                                               size_t at, aio_time timeout)
{
    struct aio_proxy_ *proxy = (struct aio_proxy_ *)(void *)((char *)memory + at);
    struct aio_coro *c = (struct aio_coro *)memory;
    proxy->type.body = kind->body;
#if AIO_STRINGS
    proxy->type.name = kind->name ? kind->name : aio_type_name_(inner);
    proxy->type.file = NULL;
#endif
    proxy->type.size = at + sizeof *proxy;
    proxy->type.bin = AIO_BIN_(at + sizeof *proxy);
    proxy->inner = inner;
    proxy->timeout = timeout;
    c->type = &proxy->type;
    c->flags = AIO_F_CORO_;
    return c;
}

/* Behind a result. */
static inline size_t aio_proxy_at_(size_t end)
{
    return (end + AIO_POOL_STEP_ - 1) / AIO_POOL_STEP_ * AIO_POOL_STEP_;
}

/* A type for each kind: its body and name. One that only wraps has the name of what is inside. */
static const struct aio_type aio_proxy_wait_for_ = { aio_wait_for_body_, AIO_NAMED_("aio_wait_for", NULL) 0, 0 };
static const struct aio_type aio_proxy_wrap_ = { aio_wait_for_body_, AIO_NAMED_(NULL, NULL) 0, 0 };
static const struct aio_type aio_proxy_shield_ = { aio_shield_body_, AIO_NAMED_("aio_shield", NULL) 0, 0 };

AIO_API_ struct aio_coro *aio_proxy_new_(struct aio_coro *inner, size_t offset, size_t size,
                                         aio_time timeout, int kind)
{
    static const struct aio_type *const kinds[] = { &aio_proxy_wait_for_, &aio_proxy_shield_, &aio_proxy_wrap_ };
    size_t at = aio_proxy_at_(offset + size);
    struct aio_coro *c;
    if (!inner)
        return NULL;
    if (kind == AIO_SHIELD_)
        AIO_EXPECT_(aio_is_task_or_future_(inner), "aio_shield takes a task or a future", inner);
    c = (struct aio_coro *)aio_own_alloc_(at + sizeof(struct aio_proxy_));
    if (!c) {
        aio_discard_(inner);
        return NULL;
    }
    aio_memset_(c, 0, at + sizeof(struct aio_proxy_));
    aio_proxy_fill_(c, kinds[kind], inner, at, timeout);
    aio_proxy_of_(c)->offset = offset;
    aio_proxy_of_(c)->size = size;
    return c;
}

/* The usual case without a call: a result of a word or less, and the memory of a proxy that was freed. */
AIO_API_ struct aio_coro *aio_wait_for_new_(struct aio_coro *inner, size_t offset, size_t size, aio_time timeout)
{
#if AIO_QUICK_
    size_t at = aio_proxy_at_(offset + size);
    size_t bin = AIO_BIN_(at + sizeof(struct aio_proxy_));
    struct aio_coro *c = aio_thread_.free[bin];
    if (aio_likely_(inner != NULL && c != NULL) && aio_likely_(size <= sizeof(void *)) && bin) {
        aio_thread_.free[bin] = (struct aio_coro *)c->up.link;
        aio_memset_(c, 0, sizeof *c);
        aio_memset_((char *)c + offset, 0, sizeof(void *));     /* without a result: of the proxy, filled now */
        aio_memset_(&((struct aio_proxy_ *)(void *)((char *)c + at))->deadline, 0, sizeof(struct aio_deadline_));
        aio_proxy_fill_(c, &aio_proxy_wait_for_, inner, at, timeout);
        aio_proxy_of_(c)->offset = offset;
        aio_proxy_of_(c)->size = size;
        return c;
    }
#endif
    return aio_proxy_new_(inner, offset, size, timeout, AIO_WAIT_FOR_);
}

/* --------------------------------------------------------------------------------- groups */

static const struct aio_scope_kind_ *aio_kind_group_(void);

/* Field by field: for a structure of this size compilers write zeros by an instruction that takes its time
   to begin (rep stos; an AIO_GATHER of two had two of them, and took 56 ns a member, not 50). */
static void aio_group_clear_(struct aio_group *group)
{
#if AIO_SMALL
    aio_memset_(group, 0, sizeof *group);
#else
    group->scope.owner = NULL;
    group->scope.next = NULL;
    group->scope.kind = NULL;
    group->owner_task = group->first = group->last = NULL;
    group->held = group->waiters = NULL;
    group->active = group->started = group->limit = 0;
    group->error = 0;
    group->flags = group->closing = group->interrupted = group->told = group->entry = 0;
    group->trace = NULL;
    group->errors = NULL;
#endif
}

AIO_API_ int aio_group_open_(struct aio_group *group, struct aio_coro *owner, unsigned limit, int flags)
{
    struct aio_task *task = aio_thread_.loop->current;
    if (group->scope.owner)
        return AIO_EBUSY;
    aio_group_clear_(group);
    if (!aio_scope_open_(&group->scope, owner, aio_kind_group_())) {
        group->error = AIO_ENOMEM;
        return AIO_ENOMEM;
    }
    group->owner_task = task;
    group->limit = limit;
    group->flags = (uint8_t)flags;
    group->entry = aio_requests_(task);
    return 0;
}

/* Why the group takes no member, or 0. */
static int aio_group_refusal_(const struct aio_group *group)
{
    if (group->closing)
        return AIO_ESHUTDOWN;
    if (!group->scope.owner)
        return group->error ? group->error : AIO_EINVAL;
    return 0;
}

static void aio_group_link_(struct aio_group *group, struct aio_task *task)
{
    struct aio_extension_ *extension = task->extension;
    extension->group = group;
    extension->before = group->last;
    extension->after = NULL;
    if (group->last)
        group->last->extension->after = task;
    else
        group->first = task;
    group->last = task;
}

static void aio_group_unlink_(struct aio_group *group, struct aio_task *task)
{
    struct aio_extension_ *extension = task->extension;
    if (extension->before)
        extension->before->extension->after = extension->after;
    else
        group->first = extension->after;
    if (extension->after)
        extension->after->extension->before = extension->before;
    else
        group->last = extension->before;
    extension->group = NULL;
}

static void aio_group_start_(struct aio_loop *loop, struct aio_group *group, struct aio_task *task)
{
    group->started++;
    task->node.flags &= (uint8_t)~AIO_N_HELD_;
    aio_wake_(loop, task, NULL);
}

static void aio_group_release_held_(struct aio_loop *loop, struct aio_task *task)
{
    aio_list_remove_(&task->node);
    aio_group_start_(loop, task->extension->group, task);
}

/* A record for a member, linked into its group, not started. NULL: no memory, and c is discarded. */
static struct aio_task *aio_group_member_(struct aio_group *group, struct aio_coro *c, bool keep)
{
    struct aio_loop *loop = aio_loop_of_(group->owner_task);
    struct aio_task *task;
    aio_check_thread_(loop, c);
    task = aio_task_make_(loop, c, 0, keep ? 2 : 1);
    if (!task)
        return NULL;
    if (!aio_extend_member_(task)) {
        aio_task_unmake_(task, c);
        return NULL;
    }
    task->extension->keep = keep;
    aio_group_link_(group, task);
    group->active++;
    return task;
}

/* The undoing of that, before it was started. */
static void aio_group_unmember_(struct aio_group *group, struct aio_task *task)
{
    aio_group_unlink_(group, task);
    group->active--;
    aio_task_unmake_(task, task->leaf);
}

AIO_API_ struct aio_coro *aio_group_add_(struct aio_group *group, struct aio_coro *c, bool keep, int *error)
{
    struct aio_task *task;
    int refusal = c ? aio_group_refusal_(group) : 0;
    if (error)
        *error = refusal ? refusal : AIO_ENOMEM;
    if (refusal) {
        aio_discard_(c);
        return NULL;
    }
    c = aio_taskable_(c);
    task = c ? aio_group_member_(group, c, keep) : NULL;
    if (!task)
        return NULL;
    if (error)
        *error = 0;
    if (!group->limit || group->started < group->limit)
        aio_group_start_(aio_loop_of_(task), group, task);
    else {
        task->node.flags |= AIO_N_HELD_;
        aio_list_join_(&group->held, &task->node, AIO_AT_LIST_);
    }
    return c;
}

AIO_API_ int aio_group_spawn_(struct aio_group *group, struct aio_coro *c)
{
    int error = 0;
    (void)!aio_group_add_(group, c, false, &error);
    return error;
}

AIO_API_ size_t aio_group_count(const struct aio_group *group) { return group->active; }

/* but: a member that is spared, or NULL. */
static void aio_group_cancel_but_(struct aio_group *group, const struct aio_task *but)
{
    struct aio_task *task;
    aio_check_thread_(group->scope.owner ? aio_loop_of_(group->owner_task) : NULL, group->scope.owner);
    group->closing = group->scope.owner != NULL;
    for (task = group->first; task; task = task->extension->after)
        if (task->node.place != AIO_AT_DONE_ && task != but)
            aio_request_cancel_sparing_(task, group->owner_task);
}

AIO_API_ void aio_group_cancel(struct aio_group *group) { aio_group_cancel_but_(group, NULL); }

/* What a member failed with, after the first one. Without memory for it, it is forgotten. */
struct aio_group_error_ {
    struct aio_group_error_ *older;
    int error;
    struct aio_coro pool;               /* nothing smaller fits into the pool */
};

static void aio_group_note_error_(struct aio_group *group, int error)
{
    struct aio_group_error_ *note = (struct aio_group_error_ *)aio_own_alloc_(sizeof *note);
    if (!note)
        return;
    note->older = group->errors;
    note->error = error;
    group->errors = note;
}

AIO_API_ int aio_group_error(const struct aio_group *group, size_t i)
{
    const struct aio_group_error_ *note;
    size_t count = 1;
    if (i == 0)
        return group->error;
    for (note = group->errors; note; note = note->older)
        count++;
    if (i >= count)
        return 0;
    for (note = group->errors; --count > i; note = note->older)
        continue;
    return note->error;
}

/* A copy of how the error came up, for the owner to go on with: the loop keeps only the last. */
static void aio_group_keep_trace_(struct aio_loop *loop, struct aio_group *group, struct aio_coro *root)
{
    const struct aio_trace *trace = aio_trace_of_(loop, root);
    group->trace = trace ? (struct aio_trace *)aio_own_alloc_(sizeof *trace) : NULL;
    if (group->trace)
        *group->trace = *trace;
}

static void aio_group_tell_trace_(struct aio_loop *loop, struct aio_group *group, struct aio_coro *owner)
{
#if AIO_TRACE_DEPTH
    if (!group->trace)
        return;
    loop->trace = *group->trace;
    aio_trace_add_(&loop->trace, owner->type, aio_line_(owner));
    loop->trace.last = owner;
#else
    (void)loop, (void)group, (void)owner;
#endif
}

struct aio_join_ {
    AIO_FRAME(void);
    struct aio_group *group;
    bool owner;                         /* the owner's task waits. For others, the group may be gone after */
};
static struct aio_coro *aio_join_body_(struct aio_coro *c, struct aio_coro *ret);

static struct aio_group *aio_scope_group_(struct aio_scope_ *scope)
{
    return AIO_CONTAINER_(scope, struct aio_group, scope);
}

/* Of the groups that its owner waits for, is this the newest that has members? */
static bool aio_settles_group_(const struct aio_group *group)
{
    struct aio_coro *owner = group->scope.owner;
    struct aio_scope_ *scope = aio_group_in_(*aio_scopes_of_(group->owner_task, owner), owner);
    while (!aio_scope_group_(scope)->active && scope != &group->scope)
        scope = aio_group_in_(scope->next, owner);
    return scope == &group->scope;
}

static bool aio_waits_for_group_(const struct aio_task *task, const struct aio_group *group)
{
    const struct aio_coro *leaf = task->leaf;
    if (aio_runs_(aio_loop_of_(group->owner_task), task))
        return false;
    if (leaf->flags & AIO_F_SETTLING_ && leaf == group->scope.owner)
        return aio_settles_group_(group);           /* otherwise it waits for a newer one of its groups */
    return leaf->type->body == aio_join_body_ && ((const struct aio_join_ *)(const void *)leaf)->group == group;
}

/* The first error ends the group: its members are cancelled, and so is what the owner is doing. */
static void aio_group_abort_(struct aio_loop *loop, struct aio_group *group, struct aio_coro *root)
{
    struct aio_task *owner = group->owner_task;
    group->error = root->error;
    aio_group_keep_trace_(loop, group, root);
    aio_group_cancel(group);
    if (aio_waits_for_group_(owner, group))
        return;                                     /* it will hear of it when all have ended */
    group->interrupted = true;
    aio_request_cancel_(owner);
}

/* Nobody is left: the owner may go on. */
static void aio_group_empty_(struct aio_loop *loop, struct aio_group *group)
{
    struct aio_task *owner = group->owner_task;
    struct aio_node *node;
    while ((node = aio_list_pop_(&group->waiters)) != NULL)
        aio_wake_(loop, aio_node_task_(node), aio_constant_(aio_ok_));
    if (owner->node.place == AIO_AT_SETTLE_ && owner->leaf == group->scope.owner)
        aio_wake_(loop, owner, NULL);
}

static void aio_group_member_failed_(struct aio_loop *loop, struct aio_group *group, struct aio_task *task,
                                     struct aio_coro *root)
{
    bool first = !group->error;
    if (!first && !(group->flags & AIO_GROUP_GATHER_))
        aio_group_note_error_(group, root->error);
    if (!(group->flags & AIO_GROUP_KEEP_GOING)) {
        root->flags |= AIO_F_SEEN_;
        if (first)
            aio_group_abort_(loop, group, root);
        return;
    }
    if (first)
        group->error = root->error;
    if (!task->extension->keep) {
        root->flags |= AIO_F_SEEN_;
        aio_report_(loop, AIO_TEXT_("failed"), root->error, root);
    }
}

static void aio_group_member_done_(struct aio_loop *loop, struct aio_task *task, struct aio_coro *root)
{
    struct aio_group *group = task->extension->group;
    group->active--;
    if (!task->extension->keep)
        aio_group_unlink_(group, task);
    group->started--;       /* not beside the other: compilers join the two, and one load of what two stores have
                               written waits until these have left for the cache (2 ns a member) */
    if (group->flags & AIO_GROUP_RACE_)
        group->scope.kind->member_ended(group, task, root);
    else if (root->error && (root->error != AIO_ECANCELED || (group->flags & AIO_GROUP_GATHER_ && !group->closing)))
        aio_group_member_failed_(loop, group, task, root);
    if (group->held && group->started < group->limit)
        aio_group_release_held_(loop, aio_node_task_(group->held->link.next));
    if (!group->active)
        aio_group_empty_(loop, group);
}

/* The group's error comes out, once, in place of the interruption that it caused. */
static int aio_group_tell_(struct aio_loop *loop, struct aio_group *group, struct aio_coro *owner, int error)
{
    struct aio_task *task = group->owner_task;
    if (group->interrupted) {
        group->interrupted = false;
        aio_withdraw_(task, group->entry);
    }
    if (!group->error || group->told || group->flags & AIO_GROUP_KEEP_GOING)
        return error;
    if (error && (error != AIO_ECANCELED || group->error == AIO_ECANCELED))
        return error;
    group->told = true;
    if (task->node.cancels > group->entry && error) /* somebody else's request still stands */
        task->node.flags |= AIO_N_MUST_CANCEL_;
    aio_group_tell_trace_(loop, group, owner);
    return group->error;
}

/* Waits for the members of a group that self has open; an error cancels them. False: the task is parked, and
   resumes self at pc. */
static bool aio_group_settle_(struct aio_scope_ *scope, struct aio_coro *self, uint16_t pc)
{
    struct aio_group *group = aio_scope_group_(scope);
    struct aio_loop *loop = aio_thread_.loop;
    struct aio_task *task = loop->current;
    if (!group->active) {
        self->error = aio_group_tell_(loop, group, self, self->error);
        return true;
    }
    if (!aio_may_park_(task)) {
        task->node.flags &= (uint8_t)~AIO_N_STRUCK_;
        aio_cancel_own_(self);
    }
    if (self->error && !group->closing)
        aio_group_cancel(group);
    self->pc = pc;
    self->flags |= AIO_F_SETTLING_;
    task->leaf = self;
    task->node.place = AIO_AT_SETTLE_;
    return false;
}

/* Settles what self has open, newest first, up to `until`, or all of it. Groups stay open, for cleanup may use
   them again. False: the task is parked, and resumes self at pc. */
static bool aio_settle_until_(struct aio_coro *self, uint16_t pc, const struct aio_scope_ *until)
{
    struct aio_scope_ *scope = *aio_scopes_of_(aio_thread_.loop->current, self), *next;
    self->flags &= (uint16_t)~AIO_F_SETTLING_;
    for (scope = aio_scope_in_(scope, self); scope && scope != until; scope = aio_scope_in_(next, self)) {
        next = scope->next;
        if (!scope->kind->settle(scope, self, pc))
            return false;
    }
    return true;
}

static bool aio_settle_all_(struct aio_coro *self, uint16_t pc) { return aio_settle_until_(self, pc, NULL); }

static void aio_group_close_(struct aio_scope_ *scope)
{
    struct aio_group *group = aio_scope_group_(scope);
    struct aio_task *member;
    struct aio_group_error_ *note;
    aio_scope_close_(scope);
    group->closing = true;
    while ((member = group->first) != NULL) {
        group->first = member->extension->after;
        member->extension->group = NULL;
        aio_unref_(member, member->leaf);
    }
    group->last = NULL;
    while ((note = group->errors) != NULL) {
        group->errors = note->older;
        aio_free_(note, sizeof *note);
    }
    if (group->trace)
        aio_free_(group->trace, sizeof *group->trace);
    group->trace = NULL;
}

/* The owner ends, or a block in it: so do its groups, the newest until `until`, or all. */
static void aio_groups_close_until_(struct aio_coro *self, const struct aio_scope_ *until)
{
    struct aio_scope_ **list = aio_scopes_of_(aio_thread_.loop->current, self), *scope, *next;
    for (scope = aio_scope_in_(*list, self); scope && scope != until; scope = aio_scope_in_(next, self)) {
        next = scope->next;
        if (scope->kind->close)
            scope->kind->close(scope);
    }
    if (!until)
        self->flags &= (uint16_t)~AIO_F_OPEN_;
}

static void aio_groups_close_(struct aio_coro *self) { aio_groups_close_until_(self, NULL); }

/* To the end of the block of the newest timeout, or to AIO_FINALLY. */
static uint16_t aio_scopes_way_out_(const struct aio_coro *self)
{
    struct aio_scope_ *scope = *aio_scopes_of_(aio_thread_.loop->current, self);
    for (scope = aio_scope_in_(scope, self); scope; scope = aio_scope_in_(scope->next, self))
        if (scope->kind->block_end)
            return scope->kind->block_end(scope);
    return AIO_PC_FINALLY_;
}

static const struct aio_scopes_ *aio_late_scopes_(void)
{
    static const struct aio_scopes_ scopes = { aio_settle_all_, aio_groups_close_, aio_scopes_way_out_ };
    return &scopes;
}
static const struct aio_scope_kind_ *aio_kind_group_(void)
{
    static const struct aio_scope_kind_ kind = {
        aio_group_settle_, NULL, aio_group_close_, aio_group_member_done_, aio_group_release_held_, NULL, NULL, NULL
    };
    return &kind;
}

/* Is the task a member of the group, or a member's, and so on? The group would wait for it for ever. */
static bool aio_group_has_(const struct aio_group *group, const struct aio_task *task)
{
    const struct aio_group *of;
    for (; task->extension && (of = task->extension->group) != NULL; task = of->owner_task)
        if (of == group)
            return true;
    return false;
}

static struct aio_coro *aio_join_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_join_ *join = (struct aio_join_ *)(void *)c;
    struct aio_group *group = join->group;
    struct aio_task *task = aio_thread_.loop->current;
    if (c->pc == AIO_PC_FINALLY_)
        return c;
    if (c->pc == AIO_PC_START_) {
        join->owner = group->owner_task == task;
        if (group->active && aio_group_has_(group, task)) {
            c->error = AIO_EDEADLK;
            return c;
        }
    }
    c->error = ret ? ret->error : 0;
    if (c->error || (ret && !join->owner))
        return c;
    if (group->active) {                            /* also if one was spawned since the last had ended */
        if (!aio_may_park_(task)) {
            c->error = AIO_ECANCELED;
            return c;
        }
        c->pc = AIO_PC_END_;
        aio_park_list_(task, c, &group->waiters, AIO_AT_LIST_);
        return NULL;
    }
    if (!group->scope.owner && group->error == AIO_ENOMEM)
        c->error = AIO_ENOMEM;                      /* it could not be opened */
    else if (join->owner)
        c->error = aio_group_tell_(aio_thread_.loop, group, c, 0);
    return c;
}

static const struct aio_type aio_join_type_ =
    { aio_join_body_, AIO_NAMED_("aio_group_join", NULL) AIO_SIZE_(struct aio_join_) };

AIO_API_ struct aio_void *aio_group_join(struct aio_group *group)
{
    struct aio_join_ *join = (struct aio_join_ *)(void *)aio_frame_new(&aio_join_type_, sizeof *join);
    if (join)
        join->group = group;
    return (struct aio_void *)(void *)join;
}

/* ----------------------------------------------------------------------------------- timeouts */

static struct aio_timeout *aio_scope_timeout_(struct aio_scope_ *scope)
{
    return AIO_CONTAINER_(scope, struct aio_timeout, scope);
}

/* The one whose block ends at pc; NULL: it is not open. */
static struct aio_timeout *aio_timeout_at_(struct aio_coro *self, uint16_t pc)
{
    struct aio_task *task = aio_thread_.loop->current;
    struct aio_scope_ *scope = self->flags & AIO_F_OPEN_ ? *aio_scopes_of_(task, self) : NULL;
    for (scope = aio_scope_in_(scope, self); scope; scope = aio_scope_in_(scope->next, self))
        if (aio_scope_is_timeout_(scope) && aio_scope_timeout_(scope)->pc == pc)
            return aio_scope_timeout_(scope);
    return NULL;
}

static const struct aio_scope_kind_ *aio_kind_timeout_(void);

static void aio_timeout_fire_(struct aio_loop *loop, struct aio_node *node)
{
    struct aio_timeout *timeout = AIO_CONTAINER_(node, struct aio_timeout, deadline.node);
    timeout->expired = true;
    aio_deadline_fire_(loop, node);
}

static int aio_timeout_arm_(struct aio_loop *loop, struct aio_timeout *timeout, aio_time when)
{
    return aio_timer_arm_(loop, &timeout->deadline.node, when, aio_timeout_fire_);
}

AIO_API_ struct aio_coro *aio_timeout_open_(struct aio_coro *self, struct aio_timeout *timeout, aio_time limit,
                                            bool relative, uint16_t pc)
{
    struct aio_loop *loop = aio_thread_.loop;
    bool late = relative ? limit <= 0 : aio_has_come_(loop, limit);
    AIO_ASSERT(!timeout->scope.owner, "opens a timeout that is open already", aio_name_of_(self->type),
               aio_file_of_(self->type), aio_line_(self));
    aio_memset_(timeout, 0, sizeof *timeout);
    timeout->when = relative ? aio_deadline_after_(loop, limit) : limit;
    timeout->pc = pc;
    timeout->error = self->error;
    if (!late && aio_timeout_arm_(loop, timeout, timeout->when))
        return aio_constant_(aio_nomem_);
    if (!aio_scope_open_(&timeout->scope, self, aio_kind_timeout_())) {
        aio_timer_disarm_(loop, &timeout->deadline.node);
        return aio_constant_(aio_nomem_);
    }
    aio_deadline_begin_(&timeout->deadline, loop->current);
    if (late)
        aio_timeout_fire_(loop, &timeout->deadline.node);
    return NULL;
}

AIO_API_ bool aio_timeout_is_open_(struct aio_coro *self, uint16_t pc) { return aio_timeout_at_(self, pc) != NULL; }

/* The block is entered once. */
AIO_API_ bool aio_timeout_enter_(struct aio_coro *self, uint16_t pc)
{
    struct aio_timeout *timeout = aio_timeout_at_(self, pc);
    bool first = timeout && !timeout->entered;
    if (first)
        timeout->entered = true;
    return first;
}

/* What comes out of it for the error that the frame has. A request that is pending still has hurt nobody. */
static int aio_timeout_end_(struct aio_timeout *timeout, struct aio_coro *self)
{
    if (timeout->deadline.task->node.flags & AIO_N_MUST_CANCEL_)
        timeout->expired = false;
    aio_scope_close_(&timeout->scope);
    return aio_deadline_end_(aio_thread_.loop, &timeout->deadline, self->error);
}

static void aio_timeout_forgive_(struct aio_timeout *timeout, struct aio_coro *self)
{
    self->error = timeout->error;
    if (self->error != AIO_ECANCELED)
        self->flags &= (uint16_t)~AIO_F_OWN_;
}

/* The block has been left at its end, or by break. In AIO_FINALLY its awaits were hurried, if it has expired, and
   the error in flight is again what it was. */
AIO_API_ struct aio_coro *aio_timeout_close_(struct aio_coro *self, uint16_t pc)
{
    struct aio_timeout *timeout = aio_timeout_at_(self, pc);
    if (timeout && aio_timeout_end_(timeout, self) == AIO_ETIMEDOUT && self->error == AIO_ECANCELED)
        aio_timeout_forgive_(timeout, self);
    return NULL;
}

/* The body is left by a return, or by an error that came while something newer was settled. */
static bool aio_timeout_settle_(struct aio_scope_ *scope, struct aio_coro *self, uint16_t pc)
{
    int error = aio_timeout_end_(aio_scope_timeout_(scope), self);
    if (error == AIO_ETIMEDOUT && self->error == AIO_ECANCELED && self->flags & AIO_F_FINALLY_)
        aio_timeout_forgive_(aio_scope_timeout_(scope), self);
    else
        self->error = error;
    (void)pc;
    return true;
}

static uint16_t aio_timeout_block_end_(const struct aio_scope_ *scope)
{
    return ((const struct aio_timeout *)(const void *)((const char *)scope - offsetof(struct aio_timeout, scope)))->pc;
}

static const struct aio_scope_kind_ *aio_kind_timeout_(void)
{
    static const struct aio_scope_kind_ kind = {
        aio_timeout_settle_, aio_timeout_block_end_, NULL, NULL, NULL, NULL, NULL, NULL
    };
    return &kind;
}

/* An error has left the block. False: what the block has opened is not settled yet. */
AIO_API_ bool aio_timeout_settled_(struct aio_coro *self, uint16_t pc)
{
    struct aio_timeout *timeout = aio_timeout_at_(self, pc);
    if (!aio_settle_until_(self, pc, &timeout->scope))
        return false;
    aio_groups_close_until_(self, &timeout->scope);
    return true;
}

/* Was that its own doing? Then the body goes on. */
AIO_API_ bool aio_timeout_caught_(struct aio_coro *self, uint16_t pc)
{
    struct aio_timeout *timeout = aio_timeout_at_(self, pc);
    int error = aio_timeout_end_(timeout, self);
    bool caught = !error || (error == AIO_ETIMEDOUT && self->error == AIO_ECANCELED);
    if (caught)
        aio_timeout_forgive_(timeout, self);
    return caught;
}

AIO_API_ int aio_timeout_reschedule_at(struct aio_timeout *timeout, aio_time when)
{
    struct aio_node *node = &timeout->deadline.node;
    struct aio_loop *loop;
    if (!timeout->scope.owner || timeout->expired)
        return AIO_EINVAL;
    loop = aio_loop_of_(timeout->deadline.task);
    if (node->place == AIO_AT_TIMER_)               /* its slot is free for the new one then */
        aio_timer_disarm_(loop, node);
    else if (when != AIO_FOREVER && !aio_timer_room_(loop))
        return AIO_ENOMEM;
    timeout->when = when;
    return aio_timeout_arm_(loop, timeout, when);
}

AIO_API_ int aio_timeout_reschedule(struct aio_timeout *timeout, aio_time limit)
{
    if (!timeout->scope.owner)
        return AIO_EINVAL;
    return aio_timeout_reschedule_at(timeout, aio_deadline_after_(aio_loop_of_(timeout->deadline.task), limit));
}

/* --------------------------------------------------------------------------------- generators

   Whoever asks a generator for a value awaits this object, which stands between the two for as long as the
   generator lives: the generator's caller is always the same, and while it rests nothing points at the consumer. */
struct aio_generator_ {
    struct aio_coro aio;
    struct aio_coro *body;              /* the generator's frame */
    struct aio_scope_ scope;            /* AIO_FOREACH: open in a frame */
    struct aio_scope_ *open;            /* what the generator's own frame has open */
    void *slot;                         /* the variable of AIO_FOREACH, or NULL */
    struct aio_generator_ *older, **at; /* AIO_NEXT: among those of the loop */
    struct aio_loop *loop;
    bool more, ended, closing;
};

static struct aio_generator_ *aio_generator_of_(const struct aio_coro *body)
{
    return (struct aio_generator_ *)(void *)body->up.caller;
}

static struct aio_scope_ **aio_generator_scopes_(const struct aio_coro *body)
{
    return &aio_generator_of_(body)->open;
}

/* The generator has yielded, or ended. */
static struct aio_coro *aio_generator_rest_(struct aio_generator_ *generator)
{
    struct aio_coro *body = generator->body, *c = &generator->aio;
    c->pc = AIO_PC_START_;                          /* to be awaited again */
    c->error = 0;
    c->flags = AIO_F_CORO_ | AIO_F_PLACED_;
    if (generator->more)
        return c;
    generator->ended = true;
    body->pc = AIO_PC_DONE_;
    if (generator->closing && body->error == AIO_ECANCELED && !(body->flags & AIO_F_OWN_))
        return c;                                   /* that was our own way of ending it */
    c->error = body->error;
    c->flags |= body->flags & AIO_F_OWN_;
    aio_trace_pass_(aio_thread_.loop, body, c);
    return c;
}

/* Its groups, which have no members now, belong to the task that asks. */
static void aio_generator_move_(struct aio_generator_ *generator, struct aio_task *task)
{
    struct aio_scope_ *scope;
    for (scope = generator->open; scope; scope = scope->next)
        if (aio_scope_is_group_(scope)) {
            aio_scope_group_(scope)->owner_task = task;
            aio_scope_group_(scope)->entry = aio_requests_(task);
        }
}

static struct aio_coro *aio_next_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_generator_ *generator = (struct aio_generator_ *)(void *)c;
    struct aio_coro *body = generator->body;
    if (c->pc == AIO_PC_START_) {
        c->error = 0;
        generator->more = false;
        if (generator->ended)
            return c;
        c->pc = AIO_PC_END_;
        aio_generator_move_(generator, aio_thread_.loop->current);
        if (generator->closing) {
            body->pc = AIO_PC_FINALLY_;
            body->error = AIO_ECANCELED;
            body->flags &= (uint16_t)~AIO_F_OWN_;
        }
        ret = aio_call_(body);
    }
    return aio_suspends_(ret) ? ret : aio_generator_rest_(generator);
}
static const struct aio_type aio_next_type_ =
    { aio_next_body_, AIO_NAMED_("aio_next", NULL) AIO_SIZE_(struct aio_generator_) };

static struct aio_generator_ *aio_generator_new_(struct aio_coro *body)
{
    struct aio_generator_ *generator;
    aio_expect_unrun_(body);
    generator = (struct aio_generator_ *)(void *)aio_frame_new(&aio_next_type_, sizeof *generator);
    if (!generator)
        return NULL;
    generator->aio.flags |= AIO_F_PLACED_;          /* leaving it does not free it */
    generator->body = body;
    return generator;
}

static void aio_generator_begin_(struct aio_generator_ *generator)
{
    generator->body->flags |= AIO_F_GENERATOR_;
    generator->body->up.caller = &generator->aio;
}

/* It has ended: nothing is left of it. */
static void aio_generator_free_(struct aio_generator_ *generator)
{
    if (generator->scope.owner)
        aio_scope_close_(&generator->scope);
    if (generator->at) {
        *generator->at = generator->older;
        if (generator->older)
            generator->older->at = generator->at;
    }
    if (generator->slot)
        aio_memset_(generator->slot, 0, sizeof(void *));
    aio_frame_free_(generator->body);
    aio_free_(generator, sizeof *generator);
}

AIO_API_ struct aio_coro *aio_yielded_(struct aio_coro *self, uint32_t line)
{
    struct aio_scope_ *scope = self->flags & AIO_F_GENERATOR_ ? aio_generator_of_(self)->open : NULL;
    const char *name = aio_name_of_(self->type), *file = aio_file_of_(self->type);
    AIO_ASSERT(self->flags & AIO_F_GENERATOR_, "AIO_YIELD in a coroutine that was not asked by AIO_FOREACH or AIO_NEXT",
               name, file, line);
    AIO_ASSERT(!(self->flags & AIO_F_FINALLY_), "AIO_YIELD in AIO_FINALLY", name, file, line);
    for (; scope; scope = scope->next)
        AIO_ASSERT(!aio_scope_is_timeout_(scope) && !(aio_scope_is_group_(scope) && aio_scope_group_(scope)->active),
                   "AIO_YIELD inside a timeout, or while its group has members", name, file, line);
    aio_generator_of_(self)->more = true;           /* its pc says it only while it stands at the AIO_YIELD */
    return self;
}

AIO_API_ bool aio_generator_more_(const struct aio_coro *ret)
{
    return !(ret->flags & AIO_F_UNIT_) && ((const struct aio_generator_ *)(const void *)ret)->more;
}

/* What an AIO_NEXT awaits; the first one makes it. NULL: no memory. */
AIO_API_ struct aio_coro *aio_generator_next_(struct aio_coro *body)
{
    struct aio_loop *loop = aio_thread_.loop;
    struct aio_generator_ *generator;
    if (!body)
        return NULL;
    if (body->flags & AIO_F_GENERATOR_) {
        generator = aio_generator_of_(body);
        AIO_EXPECT_(generator->aio.pc == AIO_PC_START_, "a generator is asked while it runs", body);
        return &generator->aio;
    }
    generator = aio_generator_new_(body);
    if (!generator)
        return NULL;
    aio_generator_begin_(generator);
    generator->loop = loop;
    generator->older = loop->generators;
    generator->at = &loop->generators;
    if (generator->older)
        generator->older->at = &generator->older;
    loop->generators = generator;
    return &generator->aio;
}

/* What closes it, or NULL: there was nothing to close. */
AIO_API_ struct aio_coro *aio_generator_close_(struct aio_coro *body)
{
    if (!body || !(body->flags & AIO_F_GENERATOR_)) {
        aio_discard_(body);
        return NULL;
    }
    AIO_EXPECT_(aio_generator_of_(body)->aio.pc == AIO_PC_START_, "a generator is closed while it runs", body);
    aio_generator_of_(body)->closing = true;
    return &aio_generator_of_(body)->aio;
}

/* The frame of the loop is left: the generator is closed, as if it were awaited. */
static bool aio_generator_settle_(struct aio_scope_ *scope, struct aio_coro *self, uint16_t pc)
{
    struct aio_generator_ *generator = AIO_CONTAINER_(scope, struct aio_generator_, scope);
    struct aio_coro *c = &generator->aio;
    self->pc = pc;
    if (!generator->ended) {
        struct aio_coro *ret;
        generator->closing = true;
        ret = aio_await_slow_(self, c);
        if (ret == AIO_GOES_ON_)                    /* not now, for nobody could be told: as the next one */
            aio_ready_first_(aio_thread_.loop, &aio_thread_.loop->current->node);
        if (aio_suspends_(ret))
            return false;
    }
    if (c->error) {
        self->error = c->error;
        self->flags = (uint16_t)((self->flags & (uint16_t)~AIO_F_OWN_) | (c->flags & AIO_F_OWN_));
    }
    aio_generator_free_(generator);
    return true;
}

static const struct aio_scope_kind_ *aio_kind_generator_(void)
{
    static const struct aio_scope_kind_ kind = {
        aio_generator_settle_, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    };
    return &kind;
}

/* A constant, if there is no memory, or what is awaited for each value. */
AIO_API_ struct aio_coro *aio_foreach_open_(struct aio_coro *self, struct aio_coro *body, void *slot)
{
    struct aio_generator_ *generator = body ? aio_generator_new_(body) : NULL;
    if (!generator || !aio_scope_open_(&generator->scope, self, aio_kind_generator_())) {
        if (generator)
            aio_free_(generator, sizeof *generator);
        aio_discard_(body);
        aio_memset_(slot, 0, sizeof(void *));
        return aio_constant_(aio_nomem_);
    }
    aio_generator_begin_(generator);
    generator->slot = slot;
    return &generator->aio;
}

AIO_API_ bool aio_foreach_is_open_(const struct aio_coro *ret)
{
    return !(ret->flags & AIO_F_UNIT_) && !((const struct aio_generator_ *)(const void *)ret)->closing;
}

AIO_API_ struct aio_coro *aio_foreach_close_(struct aio_coro *body) { return aio_generator_close_(body); }

/* It is closed: not 0: its cleanup failed, and self has the error. */
AIO_API_ int aio_foreach_closed_(struct aio_coro *self, struct aio_coro *ret, uint32_t line)
{
    int error = aio_leave_slow_(self, ret, line);   /* frees nothing yet */
    if (!(ret->flags & AIO_F_UNIT_))
        aio_generator_free_((struct aio_generator_ *)(void *)ret);
    return error;
}

/* The loop is closed: a task for each generator that is still open. */
struct aio_closer_ { AIO_FRAME(void); struct aio_generator_ *generator; };
static struct aio_coro *aio_closer_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_generator_ *generator = ((struct aio_closer_ *)(void *)c)->generator;
    if (c->pc == AIO_PC_START_) {
        c->pc = AIO_PC_END_;
        generator->closing = true;
        generator->aio.up.caller = c;
        ret = aio_next_body_(&generator->aio, NULL);
    }
    if (aio_suspends_(ret))
        return ret;
    c->error = generator->aio.error;
    aio_generator_free_(generator);
    return c;
}
static const struct aio_type aio_closer_type_ =
    { aio_closer_body_, AIO_NAMED_("aio_close", NULL) AIO_SIZE_(struct aio_closer_) };

/* Oldest first. False: there was nothing to close, or no memory to do it. */
static bool aio_generators_close_(struct aio_loop *loop)
{
    struct aio_generator_ *generator, *next, *oldest = NULL;
    bool any = false;
    for (generator = loop->generators; generator; generator = next) {
        next = generator->older;
        generator->at = NULL;
        generator->older = oldest;
        oldest = generator;
    }
    loop->generators = NULL;
    for (generator = oldest; generator; generator = next) {
        struct aio_closer_ *closer = (struct aio_closer_ *)(void *)aio_frame_new(&aio_closer_type_, sizeof *closer);
        next = generator->older;
        if (closer)
            closer->generator = generator;
        if (aio_spawn_(loop, (struct aio_coro *)(void *)closer) == 0) {
            any = true;
            aio_task_set_name_(&closer->aio, aio_name_of_(generator->body->type));
        } else
            aio_report_(loop, AIO_TEXT_("a generator could not be closed"), AIO_ENOMEM, NULL);
    }
    return any;
}

/* -------------------------------------------------------------------------------- operations

   The awaitables of locks, queues and the like are short-lived objects of one kind. Most never park: they are
   freed in their first step, which returns a constant. One that parks is freed at once too if nothing is left
   to be done for it but to wake the task (AIO_AT_LOCK_, say); otherwise it stays as the task's leaf, and whoever
   grants it what it waits for finds its arguments there. So its body runs again only after a cancellation, the
   end of what it waits for, or a look at something that may have changed. It is never a task by itself. */
enum { AIO_PC_YIELDED_ = 3, AIO_PC_BUDGET_ = 3, AIO_PC_PARKED_, AIO_PC_NOTIFIED_, AIO_PC_RELOCK_, AIO_PC_RELOCK_PASS_ };

static inline void aio_op_set_(struct aio_op_ *op, const struct aio_type *type, void *object)
{
    op->aio.type = type;
    op->aio.pc = AIO_PC_START_;
    op->aio.flags = AIO_F_CORO_;
    op->aio.error = 0;
    op->object = object;
}

/* With room for `more` bytes behind it. */
static inline struct aio_op_ *aio_op_new_(const struct aio_type *type, void *object, size_t more)
{
    struct aio_op_ *op = (struct aio_op_ *)aio_own_alloc_(sizeof *op + more);
    if (!op)
        return NULL;
    op->size = (uint32_t)(sizeof *op + more);
    aio_op_set_(op, type, object);
    return op;
}

static struct aio_op_ *aio_op_with_(const struct aio_type *type, void *object, void *item)
{
    struct aio_op_ *op = aio_op_new_(type, object, 0);
    if (op)
        op->u.item = item;
    return op;
}

static struct aio_op_ *aio_op_of_(struct aio_coro *c) { return (struct aio_op_ *)(void *)c; }
static inline void aio_op_free_(struct aio_op_ *op)
{
    if (aio_likely_(op->size == 1)) {
        op->aio.flags = AIO_F_DEAD_;
        op->aio.pc = AIO_PC_START_;
        op->aio.error = 0;
    } else
        aio_free_(op, op->size);
}

/* It has ended with a constant. Called by its caller, it returns that; resumed by the loop, it has the loop
   go on with the caller. */
static inline struct aio_coro *aio_op_end_(struct aio_op_ *op, struct aio_coro *ret)
{
    struct aio_coro *caller = op->aio.up.caller;
    bool called = op->aio.pc <= AIO_PC_FINALLY_;
    aio_op_free_(op);
    if (aio_likely_(called))
        return ret;
    return aio_go_on_(caller, ret);
}

static AIO_NOINLINE_ bool aio_op_waits_its_turn_(struct aio_op_ *op, struct aio_coro *ret, struct aio_coro **out)
{
    if (op->aio.pc == AIO_PC_START_) {
        if (aio_park_yield(&op->aio) == 0) {
            op->aio.pc = AIO_PC_BUDGET_;
            *out = NULL;
            return false;
        }
        ret = aio_constant_(aio_canceled_);
    } else if (op->aio.pc == AIO_PC_FINALLY_)       /* accepted, and ended before its first step */
        ret = op->aio.error == AIO_ENOMEM ? aio_constant_(aio_nomem_) : aio_constant_(aio_canceled_);
    else if (!ret->error && aio_budget_take())
        return true;
    *out = aio_op_end_(op, ret);
    return false;
}

/* Begins an operation, which must not take the processor for itself. False: return *out. */
static inline bool aio_op_begin_(struct aio_op_ *op, struct aio_coro *ret, struct aio_coro **out)
{
    if (aio_likely_(op->aio.pc == AIO_PC_START_) && aio_likely_(aio_budget_take()))
        return true;
    return aio_op_waits_its_turn_(op, ret, out);
}

/* Parks the task and keeps the operation, or ends it: a cancel was pending. */
static struct aio_coro *aio_op_park_(struct aio_op_ *op, struct aio_node **head, uint8_t place)
{
    struct aio_task *task = aio_thread_.loop->current;
    if (!aio_may_park_(task))
        return aio_op_end_(op, aio_constant_(aio_canceled_));
    op->aio.pc = AIO_PC_PARKED_;
    aio_park_list_(task, &op->aio, head, place);
    return NULL;
}

/* The same, and the operation is not needed any more. */
static struct aio_coro *aio_op_park_bare_(struct aio_op_ *op, struct aio_node **head, uint8_t place)
{
    struct aio_task *task = aio_thread_.loop->current;
    struct aio_coro *caller = op->aio.up.caller;
    aio_op_free_(op);
    if (!aio_may_park_(task))
        return aio_constant_(aio_canceled_);
    aio_park_list_(task, caller, head, place);
    return NULL;
}

/* The same for an operation from the pool that has just been begun, where no cancel is pending. */
static inline struct aio_coro *aio_op_park_quickly_(struct aio_op_ *op, struct aio_task *task, struct aio_node **head,
                                                    uint8_t place)
{
    task->leaf = op->aio.up.caller;
    aio_free_(op, sizeof *op);
    task->node.place = place;
    if (*head)
        aio_list_add_(head, &task->node);
    else {
        task->node.link.next = *head = &task->node;
        task->node.u.prev = aio_tag_(head);
    }
    return NULL;
}

/* The first task that waits in a list, unlinked; NULL: nobody does. */
static struct aio_task *aio_first_waiter_(struct aio_node **head)
{
    struct aio_node *node = *head;
    if (!AIO_SMALL && node && aio_likely_(node->link.next == node))
        *head = NULL;                               /* the usual one is the only one */
    else
        node = aio_list_pop_(head);
    if (!node)
        return NULL;
    aio_check_thread_(aio_loop_of_(aio_node_task_(node)), NULL);
    return aio_node_task_(node);
}

/* Wakes all who wait in a list, in their order. */
static void aio_wake_all_(struct aio_node **head, struct aio_coro *ret)
{
    struct aio_task *task;
    while ((task = aio_first_waiter_(head)) != NULL)
        aio_wake_(aio_loop_of_(task), task, ret);
}

/* It may stand in AIO_RACE, which is decided by that, or take a lock for whoever gathers. */
static const struct aio_scope_kind_ *aio_gathered_by_(const struct aio_task *task)
{
    const struct aio_group *group = task->extension ? task->extension->group : NULL;
    return group && group->scope.kind->member_taker ? group->scope.kind : NULL;
}

/* Wakes a task with what it has been given: a request to cancel does not take that away any more. */
static inline void aio_grant_(struct aio_task *task, struct aio_coro *granted)
{
    aio_wake_(aio_loop_of_(task), task, granted);
    if (aio_unlikely_(task->extension != NULL) && aio_gathered_by_(task))
        aio_gathered_by_(task)->member_granted(task);
}

/* The same for one whose operation was kept: that is over, its caller goes on. */
static inline void aio_op_grant_(struct aio_task *task, struct aio_coro *granted)
{
    struct aio_op_ *op = aio_op_of_(task->leaf);
    task->leaf = op->aio.up.caller;
    aio_op_free_(op);
    aio_grant_(task, granted);
}

/* Ends the operations of all who wait in a list. */
static void aio_op_end_all_(struct aio_node **head, struct aio_coro *ret)
{
    struct aio_task *task;
    while ((task = aio_first_waiter_(head)) != NULL)
        aio_op_grant_(task, ret);
}

static AIO_COLD_ AIO_NORETURN_ void aio_misused_(const char *message, const char *file, uint32_t line)
{
    struct aio_loop *loop = aio_thread_.loop;
    const char *name = loop && loop->current ? aio_task_name_(aio_root_of_(loop->current)) : "callback";
    aio_assert_failed_(message, name, file, line);
}
/* Asserts what a caller at file:line has promised. */
#define AIO_PROMISED_(condition, message) \
    (aio_likely_(condition) ? (void)0 : aio_misused_(AIO_TEXT_(message), file, line))

/* ---------------------------------------------------------------------------- synchronisation */

static void aio_lock_take_(struct aio_lock *lock, const struct aio_task *task)
{
    if (task && aio_gathered_by_(task))
        task = aio_gathered_by_(task)->member_taker(task);
    lock->locked = true;
    lock->holder = task ? task->node.seq : 0;       /* a record may be another task's later */
}

AIO_API_ bool aio_lock_try_acquire(struct aio_lock *lock)
{
    if (lock->locked)
        return false;
    aio_lock_take_(lock, aio_thread_.loop ? aio_thread_.loop->current : NULL);
    return true;
}

static AIO_LONG_WAY_ struct aio_coro *aio_lock_acquire_slowly_(struct aio_op_ *op, struct aio_coro *ret)
{
    struct aio_lock *lock = (struct aio_lock *)op->object;
    if (!aio_op_begin_(op, ret, &ret))
        return ret;
    if (lock->locked)
        return aio_op_park_bare_(op, &lock->waiters, AIO_AT_LOCK_);
    aio_lock_take_(lock, aio_thread_.loop->current);
    return aio_op_end_(op, aio_constant_(aio_ok_));
}

static struct aio_coro *aio_lock_acquire_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_op_ *op = aio_op_of_(c);
    struct aio_lock *lock = (struct aio_lock *)op->object;
    struct aio_task *task = aio_thread_.loop->current;
    if (!AIO_SMALL && aio_likely_(c->pc == AIO_PC_START_)) {
        if (lock->locked && aio_likely_(!(task->node.flags & AIO_N_MUST_CANCEL_)))
            return aio_op_park_quickly_(op, task, &lock->waiters, AIO_AT_LOCK_);
        if (!lock->locked && aio_likely_(!task->extension) && aio_likely_(aio_budget_take())) {
            lock->locked = true;
            lock->holder = task->node.seq;
            aio_free_(op, sizeof *op);
            return aio_constant_(aio_ok_);
        }
    }
    return aio_lock_acquire_slowly_(op, ret);
}
static const struct aio_type aio_lock_acquire_type_ = AIO_OP_TYPE_(aio_lock_acquire);

AIO_API_ struct aio_void *aio_lock_acquire(struct aio_lock *lock)
{
    return (struct aio_void *)(void *)aio_op_new_(&aio_lock_acquire_type_, lock, 0);
}

AIO_API_ void aio_lock_release_(struct aio_lock *lock, const char *file, uint32_t line)
{
    struct aio_task *task;
    AIO_PROMISED_(lock->locked, "releases a lock that nobody holds");
    task = lock->waiters ? aio_first_waiter_(&lock->waiters) : NULL;
    lock->holder = 0;
    lock->locked = false;
    if (!task)
        return;
    aio_lock_take_(lock, task);
    aio_grant_(task, aio_constant_(aio_granted_));
}

AIO_API_ bool aio_lock_held(const struct aio_lock *lock)
{
    const struct aio_loop *loop = aio_thread_.loop;
    return lock->holder && loop && loop->current && lock->holder == loop->current->node.seq;
}

static struct aio_coro *aio_event_wait_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_op_ *op = aio_op_of_(c);
    struct aio_event *event = (struct aio_event *)op->object;
    if (!aio_op_begin_(op, ret, &ret))
        return ret;
    if (event->is_set)
        return aio_op_end_(op, aio_constant_(aio_ok_));
    return aio_op_park_bare_(op, &event->waiters, AIO_AT_EVENT_);
}
static const struct aio_type aio_event_wait_type_ = AIO_OP_TYPE_(aio_event_wait);

AIO_API_ struct aio_void *aio_event_wait(struct aio_event *event)
{
    return (struct aio_void *)(void *)aio_op_new_(&aio_event_wait_type_, event, 0);
}

AIO_API_ void aio_event_set(struct aio_event *event)
{
    event->is_set = true;
    aio_wake_all_(&event->waiters, aio_constant_(aio_ok_));
}

AIO_API_ void aio_event_clear(struct aio_event *event) { event->is_set = false; }

/* The lock is to be taken again, come what may: a cancellation is remembered, and comes out at the end. */
static struct aio_coro *aio_condition_relock_(struct aio_op_ *op, struct aio_lock *lock)
{
    struct aio_task *task = aio_thread_.loop->current;
    if (lock->locked) {
        aio_park_list_(task, &op->aio, &lock->waiters, AIO_AT_LOCK_);
        return NULL;
    }
    aio_lock_take_(lock, task);
    if (op->aio.pc == AIO_PC_RELOCK_PASS_)
        aio_condition_notify((struct aio_condition *)op->object, 1);
    return aio_op_end_(op, aio_constant_(aio_canceled_));
}

static struct aio_coro *aio_condition_wait_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_op_ *op = aio_op_of_(c);
    struct aio_condition *condition = (struct aio_condition *)op->object;
    struct aio_lock *lock = (struct aio_lock *)op->u.item;
    switch (c->pc) {
    case AIO_PC_PARKED_:                            /* cancelled, not notified */
        c->pc = AIO_PC_RELOCK_;
        return aio_condition_relock_(op, lock);
    case AIO_PC_NOTIFIED_:
        if (!ret->error)                            /* the lock came with it */
            return aio_op_end_(op, ret);
        c->pc = AIO_PC_RELOCK_PASS_;
        return aio_condition_relock_(op, lock);
    case AIO_PC_RELOCK_:
    case AIO_PC_RELOCK_PASS_:
        if (ret->error)                             /* once more: it changes nothing */
            return aio_condition_relock_(op, lock);
        if (c->pc == AIO_PC_RELOCK_PASS_)
            aio_condition_notify(condition, 1);
        return aio_op_end_(op, aio_constant_(aio_canceled_));
    default:
        if (!aio_op_begin_(op, ret, &ret))
            return ret;
        ret = aio_op_park_(op, &condition->waiters, AIO_AT_CONDITION_);
        if (!ret)
            aio_lock_release(lock);
        return ret;
    }
}
static const struct aio_type aio_condition_wait_type_ = AIO_OP_TYPE_(aio_condition_wait);

AIO_API_ struct aio_void *aio_condition_wait_(struct aio_condition *condition, struct aio_lock *lock,
                                              const char *file, uint32_t line)
{
    AIO_PROMISED_(lock->locked, "waits on a condition without holding its lock");
    return (struct aio_void *)(void *)aio_op_with_(&aio_condition_wait_type_, condition, lock);
}

AIO_API_ void aio_condition_notify(struct aio_condition *condition, size_t n)
{
    struct aio_task *task;
    for (; n && (task = aio_first_waiter_(&condition->waiters)) != NULL; n--) {
        struct aio_lock *lock = (struct aio_lock *)aio_op_of_(task->leaf)->u.item;
        task->leaf->pc = AIO_PC_NOTIFIED_;
        if (lock->locked) {
            aio_list_join_(&lock->waiters, &task->node, AIO_AT_LOCK_);
            continue;
        }
        aio_lock_take_(lock, task);
        aio_grant_(task, aio_constant_(aio_granted_));
    }
}

AIO_API_ void aio_condition_notify_all(struct aio_condition *condition) { aio_condition_notify(condition, SIZE_MAX); }

AIO_API_ void aio_semaphore_init(struct aio_semaphore *semaphore, uint32_t permits)
{
    semaphore->waiters = NULL;
    semaphore->value = permits;
    semaphore->bound = 0;
}

AIO_API_ void aio_bounded_semaphore_init(struct aio_semaphore *semaphore, uint32_t permits)
{
    aio_semaphore_init(semaphore, permits);
    semaphore->bound = permits + 1;                 /* 0 is for those without */
}

AIO_API_ bool aio_semaphore_try_acquire(struct aio_semaphore *semaphore)
{
    if (!semaphore->value)
        return false;
    semaphore->value--;
    return true;
}

static AIO_LONG_WAY_ struct aio_coro *aio_semaphore_acquire_slowly_(struct aio_op_ *op, struct aio_coro *ret)
{
    struct aio_semaphore *semaphore = (struct aio_semaphore *)op->object;
    if (!aio_op_begin_(op, ret, &ret))
        return ret;
    if (!aio_semaphore_try_acquire(semaphore))
        return aio_op_park_bare_(op, &semaphore->waiters, AIO_AT_SEMAPHORE_);
    return aio_op_end_(op, aio_constant_(aio_ok_));
}

static struct aio_coro *aio_semaphore_acquire_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_op_ *op = aio_op_of_(c);
    struct aio_semaphore *semaphore = (struct aio_semaphore *)op->object;
    struct aio_task *task = aio_thread_.loop->current;
    if (!AIO_SMALL && aio_likely_(c->pc == AIO_PC_START_)) {
        if (!semaphore->value && aio_likely_(!(task->node.flags & AIO_N_MUST_CANCEL_)))
            return aio_op_park_quickly_(op, task, &semaphore->waiters, AIO_AT_SEMAPHORE_);
        if (semaphore->value && aio_likely_(aio_budget_take())) {
            semaphore->value--;
            aio_free_(op, sizeof *op);
            return aio_constant_(aio_ok_);
        }
    }
    return aio_semaphore_acquire_slowly_(op, ret);
}
static const struct aio_type aio_semaphore_acquire_type_ = AIO_OP_TYPE_(aio_semaphore_acquire);

AIO_API_ struct aio_void *aio_semaphore_acquire(struct aio_semaphore *semaphore)
{
    return (struct aio_void *)(void *)aio_op_new_(&aio_semaphore_acquire_type_, semaphore, 0);
}

static struct aio_coro *aio_semaphore_take_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_op_ *op = aio_op_of_(c);
    struct aio_semaphore *semaphore = (struct aio_semaphore *)op->object;
    if (c->pc == AIO_PC_PARKED_)
        return aio_op_end_(op, ret);                /* cancelled: a granted one does not come here */
    if (!aio_op_begin_(op, ret, &ret))
        return ret;
    if (!aio_semaphore_try_acquire(semaphore))
        return aio_op_park_(op, &semaphore->waiters, AIO_AT_SEMAPHORE_);
    ((struct aio_permit *)op->u.item)->semaphore = semaphore;
    return aio_op_end_(op, aio_constant_(aio_ok_));
}
static const struct aio_type aio_semaphore_take_type_ = AIO_OP_TYPE_(aio_semaphore_take);

AIO_API_ struct aio_void *aio_semaphore_take_(struct aio_semaphore *semaphore, struct aio_permit *permit,
                                              const char *file, uint32_t line)
{
    AIO_PROMISED_(!permit->semaphore, "takes a permit into one that is in use");
    aio_check_buffer(permit, "aio_semaphore_take");
    return (struct aio_void *)(void *)aio_op_with_(&aio_semaphore_take_type_, semaphore, permit);
}

AIO_API_ void aio_semaphore_release_(struct aio_semaphore *semaphore, const char *file, uint32_t line)
{
    struct aio_task *task;
    AIO_PROMISED_(semaphore->value + 1 != semaphore->bound, "releases a semaphore more often than it was acquired");
    task = semaphore->waiters ? aio_first_waiter_(&semaphore->waiters) : NULL;
    if (!task)
        semaphore->value++;
    else if (task->leaf->type == &aio_semaphore_take_type_) {
        ((struct aio_permit *)aio_op_of_(task->leaf)->u.item)->semaphore = semaphore;
        aio_op_grant_(task, aio_constant_(aio_granted_));
    } else
        aio_grant_(task, aio_constant_(aio_granted_));
}

AIO_API_ void aio_permit_return_(struct aio_permit *permit, const char *file, uint32_t line)
{
    struct aio_semaphore *semaphore = permit->semaphore;
    permit->semaphore = NULL;
    if (semaphore)
        aio_semaphore_release_(semaphore, file, line);
}

struct aio_barrier_wait_ { AIO_FRAME(int); struct aio_barrier *barrier; uint32_t generation; };

static void aio_barrier_empty_(struct aio_barrier *barrier, struct aio_coro *ret)
{
    barrier->waiting = 0;
    barrier->generation++;
    aio_wake_all_(&barrier->waiters, ret);
}

/* All have come. They are numbered only now: some who came may have been cancelled. */
static int aio_barrier_met_(struct aio_barrier *barrier)
{
    struct aio_node *node = barrier->waiters;
    uint32_t i;
    for (i = 0; i < barrier->waiting; i++) {
        node = node->link.next;
        ((struct aio_barrier_wait_ *)(void *)aio_node_task_(node)->leaf)->result = (int)i;
    }
    aio_barrier_empty_(barrier, aio_constant_(aio_ok_));
    return (int)i;
}

static struct aio_coro *aio_barrier_wait_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_barrier_wait_ *wait = (struct aio_barrier_wait_ *)(void *)c;
    struct aio_barrier *barrier = wait->barrier;
    struct aio_task *task = aio_thread_.loop->current;
    if (c->pc == AIO_PC_FINALLY_)
        return c;
    if (c->pc != AIO_PC_END_) {
        c->error = ret ? ret->error : 0;
        if (!c->error && !aio_budget_take() && !ret) {
            c->error = aio_park_yield(c);
            c->pc = AIO_PC_BUDGET_;
            return c->error ? c : NULL;
        }
        if (!c->error)
            c->error = barrier->broken ? AIO_EBROKEN : !barrier->parties ? AIO_EINVAL :
                barrier->waiting + 1 < barrier->parties && !aio_may_park_(task) ? AIO_ECANCELED : 0;
        if (c->error)
            return c;
        if (barrier->waiting + 1 == barrier->parties) {
            wait->result = aio_barrier_met_(barrier);
            return c;
        }
        barrier->waiting++;
        c->pc = AIO_PC_END_;
        wait->generation = barrier->generation;
        aio_park_list_(task, c, &barrier->waiters, AIO_AT_BARRIER_);
        return NULL;
    }
    c->error = ret->error;
    if (c->error && wait->generation == barrier->generation)
        barrier->waiting--;
    if (c->error)
        wait->result = 0;
    return c;
}
static const struct aio_type aio_barrier_wait_type_ =
    { aio_barrier_wait_body_, AIO_NAMED_("aio_barrier_wait", NULL) AIO_SIZE_(struct aio_barrier_wait_) };

AIO_API_ struct aio_int *aio_barrier_wait(struct aio_barrier *barrier)
{
    struct aio_barrier_wait_ *wait =
        (struct aio_barrier_wait_ *)(void *)aio_frame_new(&aio_barrier_wait_type_, sizeof *wait);
    if (wait)
        wait->barrier = barrier;
    return (struct aio_int *)(void *)wait;
}

AIO_API_ void aio_barrier_init(struct aio_barrier *barrier, uint32_t parties)
{
    aio_memset_(barrier, 0, sizeof *barrier);
    barrier->parties = parties;
}

AIO_API_ void aio_barrier_reset(struct aio_barrier *barrier)
{
    barrier->broken = false;
    aio_barrier_empty_(barrier, aio_constant_(aio_broken_));
}

AIO_API_ void aio_barrier_abort(struct aio_barrier *barrier)
{
    aio_barrier_reset(barrier);
    barrier->broken = true;
}

/* One step of an operation that waits until a count is 0. What it counts for may be gone if it does not begin. */
static struct aio_coro *aio_op_until_zero_(struct aio_op_ *op, struct aio_coro *ret, const size_t *count,
                                           struct aio_node **waiters, uint8_t place)
{
    if (!aio_op_begin_(op, ret, &ret))
        return ret;
    if (!*count)
        return aio_op_end_(op, aio_constant_(aio_ok_));
    return aio_op_park_bare_(op, waiters, place);
}

/* One less: at 0, all who wait for that go on. */
static void aio_count_down_(size_t *count, struct aio_node **waiters)
{
    if (--*count == 0)
        aio_wake_all_(waiters, aio_constant_(aio_ok_));
}

AIO_API_ void aio_wait_group_add(struct aio_wait_group *group, size_t n) { group->count += n; }

AIO_API_ void aio_wait_group_done_(struct aio_wait_group *group, const char *file, uint32_t line)
{
    AIO_PROMISED_(group->count, "calls aio_wait_group_done once too often");
    aio_count_down_(&group->count, &group->waiters);
}

static struct aio_coro *aio_wait_group_wait_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_op_ *op = aio_op_of_(c);
    struct aio_wait_group *group = (struct aio_wait_group *)op->object;
    return aio_op_until_zero_(op, ret, &group->count, &group->waiters, AIO_AT_WAIT_GROUP_);
}
static const struct aio_type aio_wait_group_wait_type_ = AIO_OP_TYPE_(aio_wait_group_wait);

AIO_API_ struct aio_void *aio_wait_group_wait(struct aio_wait_group *group)
{
    return (struct aio_void *)(void *)aio_op_new_(&aio_wait_group_wait_type_, group, 0);
}

/* ------------------------------------------------------------------------------------ queues */

enum { AIO_CHANNEL_ = 1, AIO_CHANNEL_DEAF_ = 3 };  /* deaf: the receiver's end is closed */

static void aio_item_swap_(unsigned char *a, unsigned char *b, size_t size)
{
    while (size--) {
        unsigned char byte = *a;
        *a++ = *b;
        *b++ = byte;
    }
}

/* Up in a binary heap, from its last item on. */
static AIO_NOINLINE_ void aio_queue_rise_(struct aio_queue *queue, size_t i)
{
    while (i) {
        unsigned char *item = queue->items + i * queue->size;
        unsigned char *parent = queue->items + (i - 1) / 2 * queue->size;
        if (!queue->before(item, parent))
            return;
        aio_item_swap_(item, parent, queue->size);
        i = (i - 1) / 2;
    }
}

/* And down, from its first. */
static AIO_NOINLINE_ void aio_queue_sink_(struct aio_queue *queue)
{
    size_t i = 0, child;
    while ((child = 2 * i + 1) < queue->length) {
        unsigned char *item = queue->items + i * queue->size, *best = queue->items + child * queue->size;
        if (child + 1 < queue->length && queue->before(best + queue->size, best)) {
            best += queue->size;
            child++;
        }
        if (!queue->before(best, item))
            return;
        aio_item_swap_(item, best, queue->size);
        i = child;
    }
}

/* There is room for it. */
static inline void aio_queue_store_(struct aio_queue *queue, const void *item)
{
    size_t at = queue->length;
    if (queue->order == AIO_FIFO) {
        at += queue->first;
        if (at >= queue->capacity)
            at -= queue->capacity;
    }
    aio_item_copy_(queue->items + at * queue->size, item, queue->size);
    queue->length++;
    if (aio_unlikely_(queue->order == AIO_PRIORITY))
        aio_queue_rise_(queue, at);
}

/* It is not empty. */
static inline void aio_queue_take_(struct aio_queue *queue, void *item)
{
    size_t at = queue->order == AIO_FIFO ? queue->first : queue->order == AIO_LIFO ? queue->length - 1 : 0;
    aio_item_copy_(item, queue->items + at * queue->size, queue->size);
    queue->length--;
    if (queue->order == AIO_FIFO)
        queue->first = at + 1 == queue->capacity ? 0 : at + 1;
    else if (queue->order == AIO_PRIORITY && queue->length) {
        aio_item_copy_(queue->items, queue->items + queue->length * queue->size, queue->size);
        aio_queue_sink_(queue);
    }
}

/* A task that waits for an item waits in an operation, or, quickly, in the coroutine that awaits that. */
static inline bool aio_gets_quickly_(const struct aio_task *task)
{
    return !AIO_SMALL && task->node.place >= AIO_AT_QUICK_GET_;
}

static inline void *aio_queue_target_(struct aio_queue *queue, const struct aio_task *task)
{
    return aio_gets_quickly_(task) ? queue->get.u.item : aio_op_of_(task->leaf)->u.item;
}

static inline void aio_queue_grant_(struct aio_task *task, struct aio_coro *granted)
{
    if (aio_gets_quickly_(task))
        aio_grant_(task, granted);
    else
        aio_op_grant_(task, granted);
}

/* Hands an item to whoever waits for one, or stores it. False: there is no room. */
static AIO_INLINE_ bool aio_queue_give_(struct aio_queue *queue, const void *item)
{
    if (queue->getters) {
        struct aio_task *task = aio_first_waiter_(&queue->getters);
        aio_item_copy_(aio_queue_target_(queue, task), item, queue->size);
        aio_queue_grant_(task, aio_constant_(aio_one_granted_));
    } else if (queue->length < queue->capacity)
        aio_queue_store_(queue, item);
    else
        return false;
    queue->unfinished++;
    return true;
}

/* Takes an item, and lets in that of whoever waits to put one. False: there is none. */
static AIO_INLINE_ bool aio_queue_fetch_(struct aio_queue *queue, void *item)
{
    bool stored = queue->length != 0;
    struct aio_task *task;
    if (stored)
        aio_queue_take_(queue, item);
    if (aio_likely_(!queue->putters))
        return stored;
    task = aio_first_waiter_(&queue->putters);
    if (stored)
        aio_queue_store_(queue, aio_op_of_(task->leaf)->u.bytes);
    else                                            /* a channel without room */
        aio_item_copy_(item, aio_op_of_(task->leaf)->u.bytes, queue->size);
    queue->unfinished++;
    aio_op_grant_(task, aio_constant_(aio_granted_));
    return true;
}

/* Why nothing can be put, or 0. */
static int aio_queue_refusal_(const struct aio_queue *queue)
{
    return queue->open ? 0 : queue->channel == AIO_CHANNEL_DEAF_ ? AIO_EPIPE : AIO_ESHUTDOWN;
}

/* Is it a queue's own operation that begins? If it can be done at once, the short way follows;
   aio_op_begin_ is the long one. */
static inline bool aio_op_is_quick_(const struct aio_op_ *op)
{
    return !AIO_SMALL && aio_likely_(op->aio.pc == AIO_PC_START_) && aio_likely_(op->size == 1);
}

static AIO_NOINLINE_ struct aio_coro *aio_queue_put_slowly_(struct aio_op_ *op, struct aio_coro *ret)
{
    struct aio_queue *queue = (struct aio_queue *)op->object;
    if (op->aio.pc == AIO_PC_PARKED_)
        return aio_op_end_(op, ret);                /* cancelled */
    if (!aio_op_begin_(op, ret, &ret))
        return ret;
    if (!queue->open)
        return aio_op_end_(op, aio_constant_error_(aio_queue_refusal_(queue)));
    if (!aio_queue_give_(queue, op->u.bytes))
        return aio_op_park_(op, &queue->putters, AIO_AT_PUT_);
    return aio_op_end_(op, aio_constant_(aio_ok_));
}

static struct aio_coro *aio_queue_put_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_op_ *op = aio_op_of_(c);
    struct aio_queue *queue = (struct aio_queue *)op->object;
    if (aio_op_is_quick_(op) && aio_likely_(queue->open) && (queue->getters || queue->length < queue->capacity) &&
        aio_likely_(aio_budget_take())) {
        aio_queue_give_(queue, op->u.bytes);
        c->flags = AIO_F_DEAD_;
        return aio_constant_(aio_ok_);
    }
    return aio_queue_put_slowly_(op, ret);
}
static const struct aio_type aio_queue_put_type_ = AIO_OP_TYPE_(aio_queue_put);

AIO_API_ AIO_NOINLINE_ struct aio_coro *aio_await_far_(struct aio_coro *self, struct aio_coro *c)
{
    struct aio_coro *ret = AIO_HOT_(aio_await_)(self, c);
    return aio_suspends_(ret) ? ret : aio_go_on_(self, ret);    /* the loop comes back to self with that */
}

/* What a get comes back with when there will be no more items. */
static struct aio_coro *aio_queue_is_over_(bool next)
{
    return next ? aio_constant_(aio_ok_) : aio_constant_error_(AIO_ESHUTDOWN);
}

static bool aio_op_is_next_(const struct aio_op_ *op)
{
    uint16_t hint = op->aio.flags & AIO_F_NEXTS_;   /* with one, nobody has written the result */
    return hint ? hint == AIO_F_NEXTS_ : op->result != 0;
}

static AIO_NOINLINE_ struct aio_coro *aio_queue_get_slowly_(struct aio_op_ *op, struct aio_coro *ret)
{
    struct aio_queue *queue = (struct aio_queue *)op->object;
    if (op->aio.pc == AIO_PC_PARKED_)
        return aio_op_end_(op, ret);                /* cancelled */
    if (!aio_op_begin_(op, ret, &ret))
        return ret;
    if (aio_queue_fetch_(queue, op->u.item))
        return aio_op_end_(op, aio_constant_(aio_one_));
    if (!queue->open)
        return aio_op_end_(op, aio_queue_is_over_(aio_op_is_next_(op)));
    return aio_op_park_(op, &queue->getters, AIO_AT_GET_);
}

static struct aio_coro *aio_queue_get_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_op_ *op = aio_op_of_(c);
    struct aio_queue *queue = (struct aio_queue *)op->object;
    if (aio_op_is_quick_(op)) {
        if (!queue->length && !queue->putters && queue->open)   /* who has to wait, waits at once */
            return aio_op_park_(op, &queue->getters, AIO_AT_GET_);
        if ((queue->length || queue->putters) && aio_likely_(aio_budget_take())) {
            aio_queue_fetch_(queue, op->u.item);
            c->flags = AIO_F_DEAD_;
            return aio_constant_(aio_one_);
        }
    }
    return aio_queue_get_slowly_(op, ret);
}
static const struct aio_type aio_queue_get_type_ = AIO_OP_TYPE_(aio_queue_get);

/* Its own operations, for one task at each end. */
static void aio_queue_open_(struct aio_queue *queue)
{
    queue->put.aio.type = &aio_queue_put_type_;
    queue->get.aio.type = &aio_queue_get_type_;
    queue->put.aio.flags = queue->get.aio.flags = AIO_F_DEAD_;
    queue->put.size = queue->get.size = 1;
    queue->put.object = queue->get.object = queue;
    queue->open = 1;
    if (!AIO_SMALL && queue->order == AIO_FIFO && (queue->size == 4 || queue->size == 8))
        queue->quick = (uint8_t)queue->size;
}

AIO_API_ int aio_queue_init_storage(struct aio_queue *queue, enum aio_order order, void *storage,
                                    size_t item_size, size_t capacity, bool (*before)(const void *, const void *))
{
    aio_memset_(queue, 0, sizeof *queue);
    if (!storage || !item_size || item_size > UINT_MAX / 2 || !capacity || (order == AIO_PRIORITY && !before))
        return AIO_EINVAL;
    queue->items = (unsigned char *)storage;
    queue->capacity = capacity;
    queue->size = (uint32_t)item_size;
    queue->order = (uint8_t)order;
    queue->before = before;
    aio_queue_open_(queue);
    return 0;
}

/* A zeroed queue has items of any size. */
#define AIO_ITEM_FITS_(object, bytes) \
    AIO_PROMISED_((object)->size == (bytes) || !(object)->size, "passes an item of the wrong size")

/* One of the queue's own operations, if it is free: then it has an AIO_F_DEAD_, and no task that waits
   quickly for an item of a quick queue needs what is in `get`. Or another one, with room for `more` bytes
   behind it. */
static struct aio_op_ *aio_queue_op_new_(struct aio_queue *queue, struct aio_op_ *own, const struct aio_type *type,
                                         size_t more)
{
    if (own->aio.flags != AIO_F_DEAD_ || more || (!AIO_SMALL && own == &queue->get && queue->quick && queue->getters))
        return aio_op_new_(type, queue, more);
    own->aio.flags = AIO_F_CORO_;
    return own;
}

AIO_API_ struct aio_void *aio_queue_put_slow_(struct aio_queue *queue, const void *item, size_t size,
                                              const char *file, uint32_t line)
{
    struct aio_op_ *op;
    AIO_ITEM_FITS_(queue, size);
    op = aio_queue_op_new_(queue, &queue->put, &aio_queue_put_type_, size > sizeof op->u ? size - sizeof op->u : 0);
    if (op)
        aio_item_copy_(op->u.bytes, item, size);
    return (struct aio_void *)(void *)op;
}

AIO_API_ struct aio_void *aio_queue_get_slow_(struct aio_queue *queue, void *item, size_t size, bool next,
                                              const char *file, uint32_t line)
{
    struct aio_op_ *op;
    AIO_ITEM_FITS_(queue, size);
    aio_check_buffer(item, queue->channel ? "aio_channel_recv" : next ? "aio_queue_next" : "aio_queue_get");
    op = aio_queue_op_new_(queue, &queue->get, &aio_queue_get_type_, 0);
    if (op) {
        op->u.item = item;
        op->result = next;
    }
    return (struct aio_void *)(void *)op;
}

AIO_API_ int aio_queue_put_nowait_(struct aio_queue *queue, const void *item, size_t size,
                                   const char *file, uint32_t line)
{
    AIO_ITEM_FITS_(queue, size);
    if (!queue->open)
        return aio_queue_refusal_(queue);
    return aio_queue_give_(queue, item) ? 0 : AIO_EAGAIN;
}

AIO_API_ int aio_queue_get_nowait_(struct aio_queue *queue, void *item, size_t size,
                                   const char *file, uint32_t line)
{
    AIO_ITEM_FITS_(queue, size);
    return aio_queue_fetch_(queue, item) ? 0 : queue->open ? AIO_EAGAIN : AIO_ESHUTDOWN;
}

AIO_API_ void aio_queue_task_done_(struct aio_queue *queue, const char *file, uint32_t line)
{
    AIO_PROMISED_(queue->unfinished, "calls aio_queue_task_done more often than items were put");
    aio_count_down_(&queue->unfinished, &queue->joiners);
}

static struct aio_coro *aio_queue_join_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_op_ *op = aio_op_of_(c);
    struct aio_queue *queue = (struct aio_queue *)op->object;
    return aio_op_until_zero_(op, ret, &queue->unfinished, &queue->joiners, AIO_AT_QUEUE_JOIN_);
}
static const struct aio_type aio_queue_join_type_ = AIO_OP_TYPE_(aio_queue_join);

AIO_API_ struct aio_void *aio_queue_join(struct aio_queue *queue)
{
    return (struct aio_void *)(void *)aio_op_new_(&aio_queue_join_type_, queue, 0);
}

AIO_API_ void aio_queue_shutdown(struct aio_queue *queue, bool immediate)
{
    struct aio_task *task;
    queue->open = queue->quick = 0;
    if (immediate) {
        queue->unfinished -= queue->length;
        queue->length = 0;
        if (!queue->unfinished)
            aio_wake_all_(&queue->joiners, aio_constant_(aio_ok_));
    }
    aio_op_end_all_(&queue->putters, aio_constant_error_(aio_queue_refusal_(queue)));
    while ((task = aio_first_waiter_(&queue->getters)) != NULL)
        aio_queue_grant_(task, aio_queue_is_over_(aio_gets_quickly_(task) ? task->node.place == AIO_AT_QUICK_NEXT_ :
                                                  aio_op_is_next_(aio_op_of_(task->leaf))));
}

AIO_API_ void aio_channel_init_(struct aio_channel *channel, void *storage, size_t item_size, size_t capacity)
{
    aio_memset_(channel, 0, sizeof *channel);
    channel->queue.items = (unsigned char *)storage;
    channel->queue.capacity = capacity;
    channel->queue.size = (uint32_t)item_size;
    channel->queue.channel = AIO_CHANNEL_;
    aio_queue_open_(&channel->queue);
}

AIO_API_ void aio_channel_close_send(struct aio_channel *channel)
{
    channel->queue.channel |= AIO_CHANNEL_;
    aio_queue_shutdown(&channel->queue, false);
}

AIO_API_ void aio_channel_close_recv(struct aio_channel *channel)
{
    channel->queue.channel = AIO_CHANNEL_DEAF_;
    aio_queue_shutdown(&channel->queue, true);
}

AIO_API_ void aio_broadcast_init_(struct aio_broadcast *broadcast, void *storage, size_t item_size, size_t capacity)
{
    aio_memset_(broadcast, 0, sizeof *broadcast);
    broadcast->items = (unsigned char *)storage;
    broadcast->capacity = capacity;
    broadcast->size = (uint32_t)item_size;
    broadcast->open = true;
}

AIO_API_ void aio_broadcast_subscribe(struct aio_broadcast *broadcast, struct aio_subscription *subscription)
{
    subscription->broadcast = broadcast;
    subscription->next = broadcast->sent;
    subscription->missed = 0;
}

AIO_API_ int aio_broadcast_send_(struct aio_broadcast *broadcast, const void *item, size_t size,
                                 const char *file, uint32_t line)
{
    AIO_ITEM_FITS_(broadcast, size);
    if (!broadcast->open)
        return AIO_ESHUTDOWN;
    aio_item_copy_(broadcast->items + broadcast->at * broadcast->size, item, size);
    broadcast->at = broadcast->at + 1 == broadcast->capacity ? 0 : broadcast->at + 1;
    broadcast->sent++;
    aio_wake_all_(&broadcast->waiters, aio_constant_(aio_ok_));
    return 0;
}

/* The next item, of those that are still there. */
static int aio_subscription_take_(struct aio_subscription *subscription, void *item)
{
    struct aio_broadcast *broadcast = subscription->broadcast;
    uint32_t behind = broadcast->sent - subscription->next;
    size_t at = broadcast->at;
    if (behind > broadcast->capacity) {
        uint32_t missed = behind - (uint32_t)broadcast->capacity;
        subscription->missed += missed;
        subscription->next += missed;
        return AIO_EOVERFLOW;
    }
    at = at >= behind ? at - (size_t)behind : at + broadcast->capacity - (size_t)behind;
    aio_item_copy_(item, broadcast->items + at * broadcast->size, broadcast->size);
    subscription->next++;
    return 0;
}

static struct aio_coro *aio_broadcast_recv_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_op_ *op = aio_op_of_(c);
    struct aio_subscription *subscription = (struct aio_subscription *)op->object;
    struct aio_broadcast *broadcast = subscription->broadcast;
    int error;
    if (c->pc == AIO_PC_PARKED_ && ret->error)
        return aio_op_end_(op, ret);
    if (c->pc != AIO_PC_PARKED_ && !aio_op_begin_(op, ret, &ret))
        return ret;
    if (broadcast && broadcast->sent != subscription->next) {
        error = aio_subscription_take_(subscription, op->u.item);
        return aio_op_end_(op, error ? aio_constant_error_(error) : aio_constant_(aio_one_));
    }
    if (!broadcast || !broadcast->open)
        return aio_op_end_(op, aio_constant_(aio_ok_));
    return aio_op_park_(op, &broadcast->waiters, AIO_AT_BROADCAST_);
}
static const struct aio_type aio_broadcast_recv_type_ = AIO_OP_TYPE_(aio_broadcast_recv);

AIO_API_ struct aio_int *aio_broadcast_recv_(struct aio_subscription *subscription, void *item, size_t size,
                                             const char *file, uint32_t line)
{
    if (subscription->broadcast)
        AIO_ITEM_FITS_(subscription->broadcast, size);
    aio_check_buffer(item, "aio_broadcast_recv");
    return (struct aio_int *)(void *)aio_op_with_(&aio_broadcast_recv_type_, subscription, item);
}

AIO_API_ void aio_broadcast_close(struct aio_broadcast *broadcast)
{
    broadcast->open = false;
    aio_wake_all_(&broadcast->waiters, aio_constant_(aio_ok_));
}

AIO_API_ void aio_watch_init_(struct aio_watch *watch, void *value, size_t size)
{
    aio_memset_(watch, 0, sizeof *watch);
    watch->value = value;
    watch->size = (uint32_t)size;
    watch->version = 1;
    watch->open = true;
}

AIO_API_ void aio_watch_subscribe(struct aio_watch *watch, struct aio_watcher *watcher)
{
    watcher->watch = watch;
    watcher->seen = watch->value ? watch->version - 1 : watch->version;     /* a zeroed one has none */
}

AIO_API_ int aio_watch_set_(struct aio_watch *watch, const void *value, size_t size, const char *file, uint32_t line)
{
    AIO_ITEM_FITS_(watch, size);
    if (!watch->open)
        return AIO_ESHUTDOWN;
    if (watch->value != value)
        aio_item_copy_(watch->value, value, size);
    watch->version++;
    aio_wake_all_(&watch->waiters, aio_constant_(aio_ok_));
    return 0;
}

static struct aio_coro *aio_watch_next_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_op_ *op = aio_op_of_(c);
    struct aio_watcher *watcher = (struct aio_watcher *)op->object;
    struct aio_watch *watch = watcher->watch;
    if (c->pc == AIO_PC_PARKED_ && ret->error)
        return aio_op_end_(op, ret);
    if (c->pc != AIO_PC_PARKED_ && !aio_op_begin_(op, ret, &ret))
        return ret;
    if (watch && watch->version != watcher->seen) {
        watcher->seen = watch->version;
        aio_item_copy_(op->u.item, watch->value, watch->size);
        return aio_op_end_(op, aio_constant_(aio_one_));
    }
    if (!watch || !watch->open)
        return aio_op_end_(op, aio_constant_(aio_ok_));
    return aio_op_park_(op, &watch->waiters, AIO_AT_WATCH_);
}
static const struct aio_type aio_watch_next_type_ = AIO_OP_TYPE_(aio_watch_next);

AIO_API_ struct aio_int *aio_watch_next_(struct aio_watcher *watcher, void *value, size_t size,
                                         const char *file, uint32_t line)
{
    if (watcher->watch)
        AIO_ITEM_FITS_(watcher->watch, size);
    aio_check_buffer(value, "aio_watch_next");
    return (struct aio_int *)(void *)aio_op_with_(&aio_watch_next_type_, watcher, value);
}

AIO_API_ void aio_watch_close(struct aio_watch *watch)
{
    watch->open = false;
    aio_wake_all_(&watch->waiters, aio_constant_(aio_ok_));
}

/* -------------------------------------------------------------------------- gather, race */

static const struct aio_scope_kind_ *aio_kind_gather_(void);

enum { AIO_GATHER_MOST_ = 8 };
/* Awaited by the coroutine that gathers: it owns a group, and settles it. */
struct aio_gather_ {
    AIO_FRAME(int);                     /* of a race: who has won, or -1 */
    struct aio_group group;
    struct aio_coro *child[AIO_GATHER_MOST_];
    struct aio_coro *winner;
    uint8_t n, flags;
    bool failed;                        /* not all that is needed is there */
    bool granted;                       /* the winner has been given something */
};

/* Has everybody got what it waits for, in spite of a cancellation? Then that is not lost: it comes out, and the
   request strikes at the next suspension. */
static bool aio_gather_is_served_(const struct aio_gather_ *gather)
{
    unsigned i;
    if (gather->flags & AIO_GROUP_RACE_)
        return gather->granted;
    for (i = 0; i < gather->n; i++)
        if (gather->child[i]->error)
            return false;
    return true;
}

static struct aio_coro *aio_gather_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_gather_ *gather = (struct aio_gather_ *)(void *)c;
    (void)ret;
    c->flags &= (uint16_t)~AIO_F_SETTLING_;
    if (!aio_group_settle_(&gather->group.scope, c, AIO_PC_END_))     /* it has nothing else open */
        return NULL;
    if (c->error == AIO_ECANCELED && c->flags & AIO_F_OWN_ && aio_gather_is_served_(gather)) {
        c->error = 0;
        c->flags &= (uint16_t)~AIO_F_OWN_;
        aio_thread_.loop->current->node.flags |= AIO_N_MUST_CANCEL_;
    }
    if (gather->winner) {
        gather->winner->flags |= AIO_F_SEEN_;
        if (!c->error)
            c->error = gather->winner->error;
        else if (gather->winner->error)
            gather->result = -1;                    /* it has won nothing */
    }
    return c;
}
static const struct aio_type aio_gather_type_ =
    { aio_gather_body_, AIO_NAMED_("aio_gather", NULL) AIO_SIZE_(struct aio_gather_) };

AIO_API_ struct aio_gather_ *aio_gather_new_(int flags)
{
    struct aio_gather_ *gather = (struct aio_gather_ *)aio_own_alloc_(sizeof *gather);
    if (!gather)
        return NULL;
    gather->aio.type = &aio_gather_type_;           /* field by field: see aio_group_clear_ */
    gather->aio.up.caller = NULL;
    gather->aio.pc = AIO_PC_START_;
    gather->aio.flags = AIO_F_CORO_;
    gather->aio.error = 0;
#if AIO_LINES
    gather->aio.line = 0;
#endif
    gather->result = -1;
    gather->group.scope.owner = NULL;               /* not open yet */
    gather->winner = NULL;
    gather->n = 0;
    gather->flags = (uint8_t)flags;
    gather->failed = gather->granted = false;
    return gather;
}

/* Takes it over, whatever happens. */
AIO_API_ void aio_gather_add_(struct aio_gather_ *gather, struct aio_coro *c, size_t offset, size_t size)
{
    if (!gather) {
        aio_discard_(c);
        return;
    }
    if (c && c->flags & AIO_F_ROOT_ && c->up.task == aio_thread_.loop->current) {
        gather->aio.error = AIO_EDEADLK;            /* it would wait for itself */
        return;
    }
    if (c && aio_likely_(c->flags == AIO_F_CORO_) && c->type->size)
        ;                                           /* a coroutine, as it is */
    else if (c && aio_is_task_or_future_(c))        /* a member waits for it */
        c = aio_proxy_new_(c, offset, size, AIO_FOREVER, AIO_WRAP_);
    else
        c = aio_taskable_(c);
    if (c)
        gather->child[gather->n++] = c;
    else
        gather->failed = true;
}

/* Some are members already; nobody has run. */
static void aio_gather_discard_children_(struct aio_gather_ *gather, unsigned members)
{
    unsigned i;
    for (i = members; i-- > 0;)
        aio_group_unmember_(&gather->group, gather->child[i]->up.task);
    for (i = members; i < gather->n; i++)
        aio_discard_(gather->child[i]);
    gather->n = 0;
}

static struct aio_coro *aio_gather_discard_(struct aio_gather_ *gather, unsigned members)
{
    aio_gather_discard_children_(gather, members);
    if (gather->group.scope.owner)
        aio_groups_close_(&gather->aio);
    aio_frame_free_(&gather->aio);
    return aio_constant_(aio_nomem_);
}

/* All records, then all starts; awaited by self. Without memory all has been discarded. */
AIO_API_ struct aio_coro *aio_gather_start_(struct aio_coro *self, struct aio_gather_ *gather)
{
    unsigned i;
    if (!gather)
        return aio_constant_(aio_nomem_);
    gather->aio.up.caller = self;
    if (gather->aio.error) {
        aio_gather_discard_children_(gather, 0);
        return &gather->aio;
    }
    if (gather->failed || aio_group_open_(&gather->group, &gather->aio, 0, gather->flags))
        return aio_gather_discard_(gather, 0);
    gather->group.scope.kind = aio_kind_gather_();
    for (i = 0; i < gather->n; i++)
        if (!aio_group_member_(&gather->group, gather->child[i], true)) {
            gather->child[i] = NULL;                /* it has been discarded */
            return aio_gather_discard_(gather, i);
        }
    for (i = 0; i < gather->n; i++)
        aio_group_start_(aio_thread_.loop, &gather->group, gather->child[i]->up.task);
    return aio_gather_body_(&gather->aio, NULL);
}

AIO_API_ struct aio_coro *aio_gather_child_(struct aio_coro *ret, int i)
{
    return ((struct aio_gather_ *)(void *)ret)->child[i];
}

AIO_API_ int aio_race_winner_(const struct aio_coro *ret)
{
    return ret->flags & AIO_F_UNIT_ ? -1 : ((const struct aio_gather_ *)(const void *)ret)->result;
}

AIO_API_ int aio_gather_leave_(struct aio_coro *self, struct aio_coro *ret, uint32_t line)
{
    if (ret->flags & AIO_F_OPEN_) {
        aio_group_close_(&((struct aio_gather_ *)(void *)ret)->group.scope);
        ret->flags &= (uint16_t)~AIO_F_OPEN_;
    }
    return aio_leave_(self, ret, line);
}

/* For whom a task takes a lock: one that AIO_GATHER or AIO_RACE has made of a bare operation, for whoever gathers. */
static const struct aio_task *aio_gatherer_of_(const struct aio_task *task)
{
    const struct aio_coro *c = task->leaf;
    while (!(c->flags & AIO_F_ROOT_))
        c = c->up.caller;
    return aio_is_proxy_(c) ? task->extension->group->owner_task : task;
}

static void aio_race_won_(struct aio_group *group, struct aio_task *task, struct aio_coro *root)
{
    struct aio_gather_ *race = AIO_CONTAINER_(group, struct aio_gather_, group);
    race->winner = root;
    for (race->result = 0; race->child[race->result] != root;)
        race->result++;
    aio_group_cancel_but_(group, task);
}

/* A winner that ends decides the race, unless it was decided, or called off, before. */
static void aio_race_member_ended_(struct aio_group *group, struct aio_task *task, struct aio_coro *root)
{
    if (!group->closing)
        aio_race_won_(group, task, root);
}

/* So does one that is nothing but an operation, as soon as it is served: or a second one might be, too. */
static void aio_race_granted_(struct aio_task *task)
{
    struct aio_group *group = task->extension->group;
    struct aio_coro *c = task->leaf;
    if (!(group->flags & AIO_GROUP_RACE_) || group->closing)
        return;
    while (aio_is_proxy_(c) || aio_is_op_(c)) {
        if (c->flags & AIO_F_ROOT_) {
            AIO_CONTAINER_(group, struct aio_gather_, group)->granted = true;
            aio_race_won_(group, task, c);
            return;
        }
        c = c->up.caller;
    }
}

static const struct aio_scope_kind_ *aio_kind_gather_(void)
{
    static const struct aio_scope_kind_ kind = {
        aio_group_settle_, NULL, aio_group_close_, aio_group_member_done_, aio_group_release_held_,
        aio_race_member_ended_, aio_race_granted_, aio_gatherer_of_
    };
    return &kind;
}

/* ------------------------------------------------------------------------ arrays of handles */

/* Waits for some of many: a node in the wait list of each. */
struct aio_watching_ {
    struct aio_callback callback;
    struct aio_watching_ *later;        /* the next one that ended */
};
struct aio_set_ {
    AIO_FRAME(ptrdiff_t);
    struct aio_any *const *handles;
    size_t n, pending, ended;           /* ended: with what one waits for: see aio_set_is_over_ */
    struct aio_watching_ *watching;     /* n of them */
    struct aio_watching_ *first, *last; /* those that have ended and were not handed out, in their order */
    AIO_LIST_ waiter;                   /* the task that waits */
    struct aio_node timer;
    aio_time timeout;
    struct aio_coro *failed;            /* the first one that did */
    uint8_t until, flags;
    bool late;                          /* the time is up */
};

static struct aio_coro *aio_set_target_(const struct aio_set_ *set, size_t i) { return &set->handles[i]->aio; }

static void aio_set_wake_(struct aio_set_ *set)
{
    aio_wake_all_(&set->waiter, aio_constant_(aio_ok_));
}

static void aio_set_fire_(struct aio_loop *loop, struct aio_node *node)
{
    struct aio_set_ *set = AIO_CONTAINER_(node, struct aio_set_, timer);
    (void)loop;
    set->late = true;
    aio_set_wake_(set);
}

static void aio_set_count_(struct aio_set_ *set, struct aio_watching_ *watching, struct aio_coro *target)
{
    bool fails = target->error && (target->error != AIO_ECANCELED || set->until == AIO_FIRST_ERROR_);
    set->pending--;
    watching->later = NULL;
    *(set->first ? &set->last->later : &set->first) = watching;
    set->last = watching;
    if (fails && !set->failed)
        set->failed = target;
}

static bool aio_set_is_over_(const struct aio_set_ *set)
{
    return !set->pending || (set->until == AIO_FIRST_COMPLETED && set->first) ||
        (set->until >= AIO_FIRST_EXCEPTION && set->failed);
}

static void aio_set_heard_(struct aio_callback *callback)
{
    struct aio_watching_ *watching = AIO_CONTAINER_(callback, struct aio_watching_, callback);
    struct aio_set_ *set = (struct aio_set_ *)callback->arg;
    aio_set_count_(set, watching, aio_set_target_(set, (size_t)(watching - set->watching)));
    if (aio_set_is_over_(set))
        aio_set_wake_(set);
}

/* 0, or an error: nothing has been done. */
static int aio_set_begin_(struct aio_set_ *set, struct aio_loop *loop)
{
    size_t i;
    for (i = 0; i < set->n; i++)
        if (!set->handles[i])
            return AIO_ENOMEM;
        else if (!aio_is_task_or_future_(aio_set_target_(set, i)))
            return AIO_EINVAL;
        else if (aio_set_target_(set, i)->flags & AIO_F_ROOT_ && aio_set_target_(set, i)->up.task == loop->current)
            return AIO_EDEADLK;
    if (set->n > SIZE_MAX / sizeof *set->watching)
        return AIO_ENOMEM;
    set->watching = set->n ? (struct aio_watching_ *)aio_own_alloc_(set->n * sizeof *set->watching) : NULL;
    if (set->n && !set->watching)
        return AIO_ENOMEM;
    set->pending = set->n;
    for (i = 0; i < set->n; i++) {
        struct aio_callback *callback = &set->watching[i].callback;
        struct aio_coro *target = aio_set_target_(set, i);
        aio_memset_(callback, 0, sizeof *callback);
        callback->fn = aio_set_heard_;
        callback->arg = set;
        callback->loop = loop;
        callback->node.flags = AIO_N_CALLBACK_ | AIO_N_WATCH_;
        if (target->pc == AIO_PC_DONE_)
            aio_set_count_(set, &set->watching[i], target);
        else
            aio_list_join_(aio_waiters_of_(target), &callback->node, AIO_AT_LIST_);
    }
    return 0;
}

static void aio_set_end_(struct aio_set_ *set, struct aio_loop *loop)
{
    size_t i;
    aio_timer_disarm_(loop, &set->timer);
    if (!set->watching)
        return;
    for (i = 0; i < set->n; i++)
        if (aio_in_list_(&set->watching[i].callback.node))
            aio_list_remove_(&set->watching[i].callback.node);
    aio_free_(set->watching, set->n * sizeof *set->watching);
    set->watching = NULL;
}

static int aio_set_arm_(struct aio_set_ *set, struct aio_loop *loop)
{
    set->late = set->timeout <= 0;
    if (set->late || set->timeout == AIO_FOREVER)
        return 0;
    return aio_timer_arm_after_(loop, &set->timer, set->timeout, aio_set_fire_);
}

/* Parks the task until there is news. */
static void aio_set_park_(struct aio_set_ *set, struct aio_loop *loop)
{
    aio_park_list_(loop->current, &set->aio, &set->waiter, AIO_AT_SET_);
}

static struct aio_coro *aio_wait_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_set_ *set = (struct aio_set_ *)(void *)c;
    struct aio_loop *loop = aio_thread_.loop;
    if (c->pc == AIO_PC_FINALLY_)
        return c;
    if (c->pc == AIO_PC_START_) {
        c->pc = AIO_PC_END_;
        c->error = set->n ? aio_set_begin_(set, loop) : AIO_EINVAL;
        if (!c->error && !aio_set_is_over_(set) && (c->error = aio_set_arm_(set, loop)) == 0 && !set->late) {
            if (aio_may_park_(loop->current)) {
                aio_set_park_(set, loop);
                return NULL;
            }
            c->error = AIO_ECANCELED;
        }
    } else
        c->error = ret->error;
    set->result = c->error && c->error != AIO_ECANCELED ? 0 : (ptrdiff_t)(set->n - set->pending);
    aio_set_end_(set, loop);
    return c;
}
static const struct aio_type aio_wait_type_ =
    { aio_wait_body_, AIO_NAMED_("aio_wait", NULL) AIO_SIZE_(struct aio_set_) };

static struct aio_set_ *aio_set_new_(const struct aio_type *type, struct aio_any *const *handles, size_t n,
                                     int until, aio_time timeout)
{
    struct aio_set_ *set = (struct aio_set_ *)(void *)aio_frame_new(type, sizeof *set);
    if (!set)
        return NULL;
    set->handles = handles;
    set->n = n;
    set->until = (uint8_t)until;
    set->timeout = timeout;
    return set;
}

AIO_API_ struct aio_size *aio_wait(struct aio_any *const *handles, size_t n, int until, aio_time timeout)
{
    return (struct aio_size *)(void *)aio_set_new_(&aio_wait_type_, handles, n, until, timeout);
}

static void aio_set_cancel_(struct aio_set_ *set)
{
    size_t i;
    for (i = 0; i < set->n; i++) {
        struct aio_coro *target = aio_set_target_(set, i);
        if (target->flags & AIO_F_ROOT_)
            aio_task_cancel_(target);
        else
            aio_future_cancel_(target);
    }
}

/* A wait that has been cancelled, even before its first step, or has failed with AIO_CANCEL_ON_ERROR, waits for the
   end of all. */
static struct aio_coro *aio_gather_array_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_set_ *set = (struct aio_set_ *)(void *)c;
    struct aio_loop *loop = aio_thread_.loop;
    bool canceled = ret && ret->error, unborn = c->pc == AIO_PC_FINALLY_;
    if (unborn && c->error != AIO_ECANCELED)
        return c;
    if (unborn || c->pc == AIO_PC_START_) {
        int error = aio_set_begin_(set, loop);
        c->pc = AIO_PC_END_;
        if (error) {
            c->error = unborn ? c->error : error;
            return c;
        }
        canceled = unborn || (!aio_set_is_over_(set) && !aio_may_park_(loop->current));
    }
    if (canceled)
        c->error = AIO_ECANCELED;
    if (canceled || (set->failed && set->flags & AIO_CANCEL_ON_ERROR && set->until != AIO_ALL_COMPLETED)) {
        set->until = AIO_ALL_COMPLETED;
        aio_set_cancel_(set);
    }
    if (!aio_set_is_over_(set)) {
        aio_set_park_(set, loop);
        return NULL;
    }
    if (set->failed && !c->error && !(set->flags & AIO_RETURN_EXCEPTIONS)) {
        c->error = set->failed->error;
        set->failed->flags |= AIO_F_SEEN_;
        aio_trace_pass_(loop, set->failed, c);
    }
    aio_set_end_(set, loop);
    return c;
}
static const struct aio_type aio_gather_array_type_ =
    { aio_gather_array_body_, AIO_NAMED_("aio_gather", NULL) AIO_SIZE_(struct aio_set_) };

AIO_API_ struct aio_void *aio_gather(struct aio_any *const *handles, size_t n, int flags)
{
    int until = flags & AIO_RETURN_EXCEPTIONS ? AIO_ALL_COMPLETED : AIO_FIRST_ERROR_;
    struct aio_set_ *set = aio_set_new_(&aio_gather_array_type_, handles, n, until, AIO_FOREVER);
    if (set)
        set->flags = (uint8_t)flags;
    return (struct aio_void *)(void *)set;
}

struct aio_as_completed_ {              /* its result is at another offset, or of another type, than the set's */
    AIO_FRAME(struct aio_any *);
    struct aio_set_ set;
};

static struct aio_coro *aio_as_completed_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_as_completed_ *completed = (struct aio_as_completed_ *)(void *)c;
    struct aio_set_ *set = &completed->set;
    struct aio_loop *loop = aio_thread_.loop;
    struct aio_watching_ *next;
    if (c->pc == AIO_PC_START_) {
        c->error = aio_set_begin_(set, loop);
        if (!c->error)
            c->error = aio_set_arm_(set, loop);
    } else if (ret)
        c->error = ret->error;
    next = set->first;
    if (c->error || c->pc == AIO_PC_FINALLY_ || (!next && !set->pending))
        ;                                           /* the end */
    else if (next) {
        completed->result = set->handles[next - set->watching];
        set->first = next->later;
        c->pc = AIO_PC_YIELDED_;
        return aio_yielded_(c, 0);
    } else if (set->late)
        c->error = AIO_ETIMEDOUT;
    else if (!aio_may_park_(loop->current))
        c->error = AIO_ECANCELED;
    else {
        c->pc = AIO_PC_YIELDED_;
        aio_park_list_(loop->current, c, &set->waiter, AIO_AT_SET_);
        return NULL;
    }
    aio_set_end_(set, loop);
    c->pc = AIO_PC_END_;
    return c;
}
static const struct aio_type aio_as_completed_type_ =
    { aio_as_completed_body_, AIO_NAMED_("aio_as_completed", NULL) AIO_SIZE_(struct aio_as_completed_) };

AIO_API_ struct aio_completed *aio_as_completed(struct aio_any *const *handles, size_t n, aio_time timeout)
{
    struct aio_as_completed_ *completed = (struct aio_as_completed_ *)(void *)
        aio_frame_new(&aio_as_completed_type_, sizeof *completed);
    if (completed) {
        completed->set.handles = handles;
        completed->set.n = n;
        completed->set.until = AIO_FIRST_COMPLETED;
        completed->set.timeout = timeout;
    }
    return (struct aio_completed *)(void *)completed;
}

/* ------------------------------------------------------------------------------ descriptors */

static inline bool aio_fd_is_known_(const struct aio_loop *loop, int fd)
{
    return aio_likely_((unsigned)fd < (unsigned)loop->fd_capacity);
}

AIO_API_ struct aio_fd *aio_loop_fd(struct aio_loop *loop, int fd)
{
    return aio_fd_is_known_(loop, fd) ? &loop->fds[fd] : NULL;
}

AIO_API_ struct aio_fd *aio_loop_fd_add(struct aio_loop *loop, int fd)
{
    int capacity = loop->fd_capacity ? loop->fd_capacity : 64;
    struct aio_fd *fds;
    if (fd < 0 || fd > INT_MAX / 2 / (int)sizeof *fds)
        return NULL;
    if (fd < loop->fd_capacity)
        return &loop->fds[fd];
    while (capacity <= fd)
        capacity *= 2;
    fds = (struct aio_fd *)aio_block_new_((size_t)capacity * sizeof *fds);
    if (!fds)
        return NULL;
    aio_memset_(fds, 0, (size_t)capacity * sizeof *fds);
    if (loop->fds)
        aio_memcpy_(fds, loop->fds, (size_t)loop->fd_capacity * sizeof *fds);
    aio_block_free_(loop->fds, (size_t)loop->fd_capacity * sizeof *fds);
    loop->fds = fds;
    loop->fd_capacity = capacity;
    return &fds[fd];
}

/* Who waits to read, or to write; NULL: nobody does. */
static inline struct aio_task *aio_fd_waiter_(const struct aio_fd *entry, unsigned want)
{
    int place = want == AIO_WRITABLE ? AIO_AT_WRITER_ : AIO_AT_READER_;
    struct aio_task *task = entry->waiter;
    if (place == AIO_AT_WRITER_ && task && task->node.place == AIO_AT_READER_)
        task = aio_next_waiter_(task);
    return task && task->node.place == place ? task : NULL;
}

static inline void aio_fd_wake_(struct aio_loop *loop, struct aio_fd *entry, unsigned want, const struct aio_unit_ *ret)
{
    struct aio_task *task = aio_fd_waiter_(entry, want);
    if (!task)
        return;
    aio_fd_leave_(loop, entry, task);
    aio_wake_(loop, task, aio_constant_(*ret));
}

static inline void aio_fd_ready_(struct aio_loop *loop, struct aio_fd *entry, unsigned ready, bool hangup)
{
    entry->drained &= (uint8_t)~ready;
    if (aio_unlikely_(hangup))
        entry->hangup = true;
    if (ready & AIO_READABLE)
        aio_fd_wake_(loop, entry, AIO_READABLE, &aio_ok_);
    if (ready & AIO_WRITABLE)
        aio_fd_wake_(loop, entry, AIO_WRITABLE, &aio_ok_);
}

AIO_API_ void aio_loop_fd_ready(struct aio_loop *loop, int fd, unsigned ready, bool hangup)
{
    struct aio_fd *entry = aio_loop_fd(loop, fd);
    if (entry)
        aio_fd_ready_(loop, entry, ready, hangup);
}

AIO_API_ void aio_loop_fd_forget(struct aio_loop *loop, int fd)
{
    struct aio_fd *entry = aio_loop_fd(loop, fd);
    if (!entry)
        return;
    aio_fd_wake_(loop, entry, AIO_READABLE, &aio_badf_);
    aio_fd_wake_(loop, entry, AIO_WRITABLE, &aio_badf_);
    if (loop->poller->forget)
        loop->poller->forget(loop, fd);
    entry->generation++;
    entry->drained = entry->hangup = entry->watched = entry->kind = 0;
}

AIO_API_ void aio_forget_fd(int fd)
{
    struct aio_loop *loop;
    for (loop = aio_thread_.newest; loop; loop = loop->older)
        aio_loop_fd_forget(loop, fd);
}

/* Parks the current task at a descriptor that nobody waits for in this direction. The poller is not told. */
static inline int aio_park_unwatched_(struct aio_loop *loop, struct aio_coro *leaf, int fd, unsigned want)
{
    struct aio_fd *entry = &loop->fds[fd];
    struct aio_task *task = loop->current, *other = entry->waiter;
    if (!aio_may_park_(task))
        return AIO_ECANCELED;
    task->leaf = leaf;
    task->node.place = want == AIO_WRITABLE ? AIO_AT_WRITER_ : AIO_AT_READER_;
    task->node.u.fd = fd;
    if (aio_unlikely_(other != NULL) && want == AIO_WRITABLE) {
        task->node.link.next = NULL;
        other->node.link.next = &task->node;
    } else {
        task->node.link.next = (struct aio_node *)(void *)other;
        entry->waiter = task;
    }
    loop->fd_waiters++;
    return 0;
}

AIO_API_ int aio_park_fd(struct aio_coro *leaf, int fd, unsigned want)
{
    struct aio_loop *loop = aio_thread_.loop;
    struct aio_fd *entry = aio_loop_fd_add(loop, fd);
    int error;
    if (!entry)
        return fd < 0 ? AIO_EBADF : AIO_ENOMEM;
    if (aio_fd_waiter_(entry, want))
        return AIO_EBUSY;
    if (AIO_DEBUG || !(entry->watched & want)) {
        if (!loop->poller->watch)
            return AIO_ENOTSUP;
        error = loop->poller->watch(loop, fd, want);
        if (error)
            return error;                           /* AIO_ALWAYS_READY is 1, too */
    }
    error = aio_park_unwatched_(loop, leaf, fd, want);
    if (!error)
        entry->drained = (uint8_t)(entry->drained | want);
    return error;
}

/* -------------------------------------------------------------------------------- callbacks */

/* Does anything point at it? Nothing does at one that waits for ever, and nothing would free it when its loop ends. */
static bool aio_callback_is_linked_(const struct aio_callback *callback)
{
    return (callback->node.place != AIO_AT_NOTHING_ && callback->node.place != AIO_AT_NEVER_) || callback->node.seq;
}

AIO_API_ int aio_loop_call_soon(struct aio_loop *loop, struct aio_callback *callback)
{
    aio_check_thread_(loop, NULL);
    if (aio_callback_is_linked_(callback))
        return AIO_EBUSY;
    callback->loop = loop;
    callback->node.flags = AIO_N_CALLBACK_;
    aio_ready_add_(loop, &callback->node);
    return 0;
}

static void aio_callback_timer_(struct aio_loop *loop, struct aio_node *node)
{
    aio_ready_add_(loop, node);
}

/* 0, or AIO_EBUSY. */
static int aio_callback_take_(struct aio_loop *loop, struct aio_callback *callback)
{
    aio_check_thread_(loop, NULL);
    if (aio_callback_is_linked_(callback))
        return AIO_EBUSY;
    callback->loop = loop;
    callback->node.flags = AIO_N_CALLBACK_;
    return 0;
}

AIO_API_ int aio_loop_call_at(struct aio_loop *loop, struct aio_callback *callback, aio_time when)
{
    int error = aio_callback_take_(loop, callback);
    return error ? error : aio_timer_arm_(loop, &callback->node, when, aio_callback_timer_);
}

AIO_API_ int aio_loop_call_later(struct aio_loop *loop, struct aio_callback *callback, aio_time delay)
{
    int error = aio_callback_take_(loop, callback);
    return error ? error : aio_timer_arm_after_(loop, &callback->node, delay, aio_callback_timer_);
}

/* The one behind it in the ready queue, or NULL. */
static inline struct aio_node *aio_ready_next_(const struct aio_loop *loop, struct aio_node *node)
{
    return loop->tail == &node->link.next ? NULL : node->link.next;
}

/* The first one leaves the ready queue. The one behind it, or NULL. */
static inline struct aio_node *aio_ready_pop_(struct aio_loop *loop, struct aio_node *node)
{
    struct aio_node *next = NULL;
    if (aio_unlikely_(loop->tail == &node->link.next))      /* aio_ready_next_ takes two instructions more */
        loop->tail = &loop->head;
    else
        next = node->link.next;
    loop->head = next;
    return next;
}

/* The ready queue has no links back: this walks to the predecessor. */
static void aio_ready_remove_(struct aio_loop *loop, struct aio_node *node)
{
    AIO_LIST_ *link = &loop->head;
    while (*link != node)
        link = &(*link)->link.next;
    *link = aio_ready_next_(loop, node);
    if (!*link)
        loop->tail = link;
}

AIO_API_ bool aio_callback_cancel(struct aio_callback *callback)
{
    struct aio_node *node = &callback->node;
    aio_check_thread_(node->place != AIO_AT_NOTHING_ ? callback->loop : NULL, NULL);
    switch (node->place) {
    case AIO_AT_READY_:
        aio_ready_remove_(callback->loop, node);
        break;
    case AIO_AT_LIST_:
        aio_list_remove_(node);
        break;
    case AIO_AT_TIMER_:
    case AIO_AT_NEVER_:
        aio_timer_disarm_(callback->loop, node);
        break;
    default:
        return false;
    }
    node->place = AIO_AT_NOTHING_;
    return true;
}

AIO_API_ bool aio_callback_pending(const struct aio_callback *callback)
{
    return callback->node.place != AIO_AT_NOTHING_;
}

AIO_API_ aio_time aio_callback_when(const struct aio_callback *callback)
{
    if (callback->node.place == AIO_AT_TIMER_)
        aio_timers_settle_now_(callback->loop);
    return callback->node.place == AIO_AT_TIMER_ ?
        callback->loop->timers[callback->node.u.timer.index].deadline : AIO_FOREVER;
}

AIO_API_ void aio_loop_at_close(struct aio_loop *loop, struct aio_callback *callback)
{
    aio_check_thread_(loop, NULL);
    callback->loop = loop;
    callback->node.link.next = loop->at_close ? &loop->at_close->node : NULL;
    loop->at_close = callback;
}

/* A stack that anybody may push to; the loop takes all of it and turns it round. */
AIO_API_ void aio_loop_post(struct aio_loop *loop, struct aio_callback *callback)
{
    if (!aio_posted_set_(&callback->node.seq))
        return;
    if (aio_push_(&loop->inbox, &callback->node) && loop->poller->wake)
        loop->poller->wake(loop);
}

static AIO_LONG_WAY_ void aio_inbox_take_slow_(struct aio_loop *loop)
{
    struct aio_node *node, *next, *oldest = NULL;
    if (aio_likely_(!aio_load_(&loop->inbox)))
        return;
    for (node = aio_take_all_(&loop->inbox); node; node = next) {
        next = node->link.next;
        node->link.next = oldest;
        oldest = node;
    }
    for (node = oldest; node; node = next) {
        next = node->link.next;
        node->flags = AIO_N_CALLBACK_;
        aio_node_callback_(node)->loop = loop;
        aio_ready_add_(loop, node);
    }
}

/* Twice for each look: a call and a return less, where there is room for that. */
static inline void aio_inbox_take_(struct aio_loop *loop)
{
    if (AIO_SMALL || aio_unlikely_(aio_load_(&loop->inbox) != NULL))
        aio_inbox_take_slow_(loop);
}

/* ------------------------------------------------------------------------------------- loop */

#if AIO_DEBUG
/* Overwrites the C stack below us, so that a local that was lost at an await is seen to be. */
static AIO_NOINLINE_ void aio_scribble_(void)
{
    volatile unsigned char dead[1024];
    size_t i;
    for (i = 0; i < sizeof dead; i++)
        dead[i] = 0xa5;
}
#else
#define aio_scribble_() (void)0
#endif

static AIO_COLD_ void aio_slow_step_(struct aio_loop *loop, struct aio_coro *at, const char *name, aio_time took)
{
    struct aio_print_ text;
    aio_print_open_(&text, NULL);
    aio_put_(&text.sink, "held the loop for ");
    aio_put_seconds_(&text.sink, took);
    aio_put_(&text.sink, " in one step");
    text.text[text.n] = 0;
    aio_report_place_(loop, text.text, NULL, name, at ? aio_file_of_(at->type) : NULL, at ? aio_line_(at) : 0);
}

/* A task that has yielded with a cancel pending. One that was given something has not: it keeps that. */
static void aio_strike_yielded_(struct aio_task *task)
{
    const struct aio_coro *ret = task->node.u.ret;
    if (ret && ret->pc != AIO_PC_GRANTED_ && !aio_may_park_(task))
        task->node.u.ret = aio_constant_(aio_canceled_);
}

/* All that can stand in the ready queue. aio_turns_ does the usual by itself. */
static void aio_node_step_(struct aio_loop *loop, struct aio_node *node)
{
    if (node->flags & AIO_N_CALLBACK_) {
        struct aio_callback *callback = aio_node_callback_(node);
        node->place = AIO_AT_NOTHING_;
        loop->current = NULL;
        aio_posted_clear_(&node->seq);             /* from here on it may be posted again */
        callback->fn(callback);
    } else {
        aio_strike_yielded_(aio_node_task_(node));
        aio_scribble_();                            /* last of all: other calls write there, too */
        loop->budget = AIO_BUDGET + 1;
        if (aio_resume_(loop, aio_node_task_(node)))
            aio_ready_link_(loop, node);
    }
}

static void aio_node_run_(struct aio_loop *loop, struct aio_node *node)
{
    if (AIO_STRINGS && loop->watch)
        loop->watch(loop, node);
    else
        aio_node_step_(loop, node);
}

/* The same for loops with debug: measures the step. */
static AIO_COLD_ void aio_node_run_watched_(struct aio_loop *loop, struct aio_node *node)
{
    struct aio_coro *root = node->flags & AIO_N_CALLBACK_ ? NULL : aio_root_of_(aio_node_task_(node));
    const char *name = root ? aio_task_name_(root) : "callback";
    aio_time began = loop->poller->now(loop), took;
    bool ended;
    if (root)
        aio_retain_(root);
    aio_node_step_(loop, node);
    loop->current = NULL;
    took = aio_time_until_(began, loop->poller->now(loop));
    ended = !root || root->pc == AIO_PC_DONE_;
    if (took >= AIO_SLOW_STEP)
        aio_slow_step_(loop, ended ? root : aio_node_task_(node)->leaf, name, took);
    if (root)
        aio_release_(root, 0);
}

/* Looks at the inbox, the descriptors and the timers; waits for them if nothing is ready. */
static int aio_look_(struct aio_loop *loop, aio_time timeout)
{
    int error = 0;
    loop->current = NULL;
#if !AIO_BARE_
    loop->looked_seq = loop->seq - (loop->debug ? AIO_AHEAD_ + 1 : 0);      /* debug: each step is measured */
#endif
    aio_inbox_take_(loop);
    if (loop->head)
        timeout = 0;
    else if (timeout != 0 && loop->timer_count) {
        aio_time now = loop->poller->now(loop), left;
        aio_timers_settle_(loop, now);
        left = AIO_TIMER_HEAP_(loop) ? aio_time_until_(now, loop->timers[0].deadline) : timeout;
        if (!AIO_SMALL && left == 0 && !loop->fd_waiters) {
            aio_timers_fire_at_(loop, now);         /* no wait: it is as late as it was (to read a clock takes 20 ns) */
            return 0;
        }
        if (left > 0 && (timeout < 0 || left < timeout))
            left = aio_time_until_(now, aio_timers_next_(loop));
        if (timeout < 0 || left < timeout)
            timeout = left;
    }
    if (timeout != 0 || loop->fd_waiters)
        error = loop->poller->wait(loop, timeout);
    aio_inbox_take_(loop);
    aio_timers_fire_(loop);
    return error;
}

/* Looks. If this is to be the last turn, what is queued then is all of it: a mark behind that says where it ends. */
static int aio_turns_pause_(struct aio_loop *loop, aio_time timeout, bool last, bool one)
{
    int error = aio_look_(loop, timeout);
    if (last && !one)
        error = 0;                                  /* the run is over: what came of it counts */
    if (error >= 0 && last && !loop->turn_end.place)
        aio_ready_add_(loop, &loop->turn_end);
    return error;
}

/* The mark was the next one in the ready queue. True: it is the end of the last turn. Otherwise aio_pause_soon_ has put
   it there, for the run to see whether this is to be its last turn; it looks at timers and descriptors, in any case. */
static bool aio_turns_are_over_(struct aio_loop *loop, const struct aio_coro *until, bool *last)
{
    bool over = *last;
    loop->turn_end.place = AIO_AT_NOTHING_;
    *last = over || (until ? until->pc == AIO_PC_DONE_ : loop->stopping);
    return over;
}

/* May a task that yields go on at once? Nobody else is ready, and there is nothing unusual about it. */
static inline bool aio_is_alone_(const struct aio_loop *loop, const struct aio_node *node)
{
    return !AIO_BARE_ && !loop->head && !(node->flags & AIO_N_UNUSUAL_);
}

/* A turn runs what is queued when it begins; what that queues waits for the next turn. Between two looks at timers
   and descriptors nobody can tell where one turn ends, so only the last one has an end: the one that was asked for
   (one), or what is queued when the task `until` has ended, or the loop was stopped.
   A task that is awaited when it has just been made may run inside the step of the one that awaits: aio_await_next_.
   What runs next is known before the step, and guessed to be so behind it; what is counted down is in a register; a
   task that is alone does not go through the queue. A resumption that yields has 34 instructions here, 21 of one that
   is alone.
   How many ran in this turn, or an error. */
static AIO_ALIGNED_ int aio_turns_(struct aio_loop *loop, aio_time timeout, const struct aio_coro *until, bool one)
{
    struct aio_node *node, *next;
    unsigned ran = 0, left = AIO_LOOK_EVERY_ + 1;   /* resumptions until the next look, and the look */
    bool last = one, yields;
    int error;
    loop->running = one ? 1 : 2;
    error = aio_turns_pause_(loop, timeout, one, one);
    for (node = loop->head; error >= 0;) {
        if (aio_unlikely_(!node) || aio_unlikely_(--left == 0)) {
            ran += AIO_LOOK_EVERY_ + 1 - left - (node != NULL);
            left = AIO_LOOK_EVERY_ + 1;
            error = aio_turns_pause_(loop, last ? 0 : timeout, last, one);
            node = loop->head;
            continue;
        }
        if (AIO_BARE_)
            aio_inbox_take_(loop);                  /* interrupts do not wait for a look */
        next = aio_ready_pop_(loop, node);
        if (!AIO_SMALL && aio_likely_(!(node->flags & AIO_N_UNUSUAL_))) {
            do {
                loop->budget = AIO_BUDGET + 1;
                yields = aio_resume_(loop, aio_node_task_(node));
            } while (yields && aio_unlikely_(!next) && aio_is_alone_(loop, node) && left > 1 && left--);
            if (yields)
                aio_ready_link_(loop, node);
        } else if (node != &loop->turn_end)
            aio_node_run_(loop, node);
        else if (aio_turns_are_over_(loop, until, &last))
            break;
        else
            left = 1;
        node = aio_guess_node_(next, loop->head);
    }
    loop->current = NULL;
    if (error < 0) {
        if (loop->turn_end.place)                   /* the next run is not to end here */
            aio_ready_remove_(loop, &loop->turn_end);
        loop->turn_end.place = AIO_AT_NOTHING_;
        return error;
    }
    ran += AIO_LOOK_EVERY_ - left;                  /* without the mark */
    return (int)(ran & INT_MAX);                    /* a long run has more than an int can count */
}

#if AIO_DEBUG
static AIO_NOINLINE_ const char *aio_stack_(void)
{
#if defined __GNUC__ || defined __clang__
    return (const char *)__builtin_frame_address(0);
#else
    volatile char here = 0;
    uintptr_t at = (uintptr_t)&here;
    return (const char *)at;
#endif
}
#endif

AIO_API_ void aio_check_buffer(const void *buffer, const char *function)
{
#if AIO_DEBUG
    struct aio_loop *loop = aio_thread_.loop;
    uintptr_t at = (uintptr_t)buffer, here = (uintptr_t)aio_stack_();
    AIO_ASSERT(!loop || !loop->current || at < here || at >= (uintptr_t)loop->stack,
               "the buffer is a local variable, which is gone when the await returns", function, NULL, 0);
#else
    (void)buffer;
    (void)function;
#endif
}

static int aio_loop_enter_(struct aio_loop *loop)
{
    if (!loop->open)
        return AIO_EINVAL;
    if (aio_thread_.loop)
        return AIO_EBUSY;
    if (AIO_STRINGS && !aio_thread_.poller)
        aio_thread_.poller = loop->poller;          /* to print what follows by */
    AIO_ASSERT(AIO_BARE_ || loop->thread == &aio_thread_, "a loop is run by the thread that made it", NULL, NULL, 0);
    aio_thread_.loop = loop;
#if AIO_DEBUG
    loop->stack = aio_stack_();
#endif
    loop->running = 1;
    loop->depth = AIO_MAX_DIRECT;
    return 0;
}

static void aio_loop_leave_(struct aio_loop *loop)
{
    loop->running = 0;
    aio_thread_.loop = NULL;
}

AIO_API_ int aio_loop_turn(struct aio_loop *loop, aio_time timeout)
{
    int error = aio_loop_enter_(loop);
    if (error)
        return error;
    /* What has woken somebody else's loop is taken, also if no task waits for it: or it would spin. */
    if (!loop->fd_waiters && loop->poller_fd >= 0)
        error = loop->poller->wait(loop, 0);
    if (error >= 0)
        error = aio_turns_(loop, timeout, NULL, true);
    aio_loop_leave_(loop);
    return error;
}

static int aio_loop_run_(struct aio_loop *loop, struct aio_coro *until)
{
    int error = aio_loop_enter_(loop);
    bool stopped;
    if (error)
        return error;
    stopped = !until && loop->stopping;
    error = aio_turns_(loop, stopped ? 0 : -1, until, stopped);
    if (!until)
        loop->stopping = 0;
    aio_loop_leave_(loop);
    return error < 0 ? error : 0;
}

AIO_API_ int aio_loop_run_forever(struct aio_loop *loop) { return aio_loop_run_(loop, NULL); }
AIO_API_ void aio_loop_stop(struct aio_loop *loop)
{
    aio_check_thread_(loop, NULL);
    loop->stopping = 1;
    aio_pause_soon_(loop);
}

/* Runs c to its end as a task of loop; *root is then a handle, or NULL if it never began. */
static int aio_loop_complete_(struct aio_loop *loop, struct aio_coro *c, struct aio_coro **root)
{
    int error = !c ? AIO_ENOMEM : !loop->open ? AIO_EINVAL : aio_thread_.loop ? AIO_EBUSY : 0;
    *root = NULL;
    if (error) {
        aio_discard_(c);
        return error;
    }
    *root = aio_task_new_(loop, c);
    if (!*root)
        return AIO_ENOMEM;
    (*root)->up.task->node.flags |= AIO_N_UNTIL_;
    error = aio_loop_run_(loop, *root);
    return error ? error : aio_task_error_(*root);
}

/* Takes the result out of a coroutine's frame; zero, if it never ran. */
static void aio_result_take_(const struct aio_coro *root, size_t offset, void *result, size_t size)
{
    if (result && root)
        aio_memcpy_(result, (const char *)root + offset, size);
    else if (result)
        aio_memset_(result, 0, size);
}

AIO_API_ int aio_loop_run_until_complete_(struct aio_loop *loop, struct aio_coro *c, size_t offset, void *result,
                                          size_t size)
{
    struct aio_coro *root;
    int error = aio_loop_complete_(loop, c, &root);
    aio_result_take_(root, offset, result, size);
    aio_release_(root, 0);
    return error;
}

AIO_API_ int aio_loop_fileno(const struct aio_loop *loop)
{
    return loop->poller_fd >= 0 ? loop->poller_fd : AIO_ENOTSUP;
}

AIO_API_ aio_time aio_loop_deadline(struct aio_loop *loop)
{
    if (loop->head || aio_load_(&loop->inbox))
        return loop->poller->now(loop);
    aio_timers_settle_now_(loop);
    return loop->timer_count ? loop->timers[0].deadline : AIO_FOREVER;
}

AIO_API_ int aio_loop_poll_timeout(struct aio_loop *loop)
{
    aio_time deadline = aio_loop_deadline(loop), left = aio_time_until_(loop->poller->now(loop), deadline);
    int64_t ms;
    int most = loop->poller_fd < 0 ? 10 : INT_MAX;
    if (deadline == AIO_FOREVER)
        return loop->poller_fd < 0 ? 10 : -1;
    if (left / AIO_UNITS_ > most / 1000)
        return most;
    ms = (int64_t)(left / AIO_UNITS_) * 1000 + ((int64_t)(left % AIO_UNITS_) * 1000 + AIO_UNITS_ - 1) / AIO_UNITS_;
    return (int)(ms < most ? ms : most);
}

AIO_API_ aio_time aio_loop_time(struct aio_loop *loop) { return loop->poller->now(loop); }
AIO_API_ struct aio_loop *aio_loop_current(void) { return aio_thread_.loop; }
AIO_API_ aio_time aio_now(void) { return aio_thread_.loop->poller->now(aio_thread_.loop); }

AIO_API_ int aio_loop_init_(struct aio_loop *loop, const struct aio_options *options,
                            const struct aio_poller *poller)
{
    int error;
    aio_memset_(loop, 0, sizeof *loop);
    loop->tail = &loop->head;
    loop->turn_end.flags = AIO_N_CALLBACK_;
    loop->poller = options && options->poller ? options->poller : poller;
    loop->on_error = options && options->on_error ? options->on_error : NULL;
    loop->user = options ? options->user : NULL;
    if (AIO_DEBUG || (AIO_STRINGS && options && options->debug)) {
        /* By pointers: a program that never comes here is linked without them. */
        loop->debug = AIO_N_WATCH_;
        loop->watch = aio_node_run_watched_;
        loop->on_error = loop->on_error ? loop->on_error : aio_report_print;
    }
    loop->shutdown_timeout = options && options->shutdown_timeout ? options->shutdown_timeout :
        AIO_LONGEST_ / AIO_UNITS_ > 300 ? (aio_time)300 * AIO_UNITS_ : AIO_FOREVER;
    loop->poller_fd = -1;
    loop->thread = &aio_thread_;
    error = loop->poller->open(loop);
    if (error)
        return error;
    loop->open = 1;
    loop->older = aio_thread_.newest;
    aio_thread_.newest = loop;
    aio_thread_.poller = loop->poller;
    return 0;
}

/* Is it one of those that this round of the closing waits for? */
static bool aio_task_closing_(const struct aio_loop *loop, const struct aio_task *task)
{
    return (int32_t)(task->node.seq - loop->closing_seq) <= 0 && (int32_t)(task->node.seq - loop->lost_seq) > 0;
}

/* How many they are. */
static size_t aio_closing_count_(struct aio_loop *loop)
{
    struct aio_slab_ *slab;
    size_t count = 0;
    uint32_t i;
    for (slab = loop->slabs; slab; slab = slab->next)
        for (i = 0; i < slab->carved; i++)
            count += aio_task_unfinished_(aio_slab_task_(slab, i)) && aio_task_closing_(loop, aio_slab_task_(slab, i));
    return count;
}

/* Cancels them, oldest first. Without memory for a list of them: in the order they lie in. */
static void aio_cancel_all_(struct aio_loop *loop)
{
    size_t count = aio_tasks_collect_(loop, NULL, 0), i;
    struct aio_task **tasks = (struct aio_task **)aio_block_new_(count * sizeof *tasks);
    struct aio_slab_ *slab;
    uint32_t k;
    if (tasks) {
        aio_tasks_collect_(loop, tasks, count);
        aio_tasks_sort_(tasks, count);
        for (i = 0; i < count; i++)
            if (aio_task_closing_(loop, tasks[i]))
                aio_request_cancel_(tasks[i]);
        aio_block_free_(tasks, count * sizeof *tasks);
        return;
    }
    for (slab = loop->slabs; slab; slab = slab->next)
        for (k = 0; k < slab->carved; k++) {
            struct aio_task *task = aio_slab_task_(slab, k);
            if (aio_task_unfinished_(task) && aio_task_closing_(loop, task))
                aio_request_cancel_(task);
        }
}

/* Who has not ended in time. */
static AIO_COLD_ void aio_report_culprits_(struct aio_loop *loop)
{
    size_t count = aio_tasks_collect_(loop, NULL, 0), i;
    struct aio_task **tasks = (struct aio_task **)aio_block_new_(count * sizeof *tasks);
    struct aio_print_ text;
    aio_print_open_(&text, NULL);
    aio_put_(&text.sink, "did not end within ");
    aio_put_seconds_(&text.sink, loop->shutdown_timeout);
    aio_put_(&text.sink, " of the loop's closing");
    text.text[text.n] = 0;
    if (!tasks) {
        aio_report_place_(loop, text.text, NULL, "a task", NULL, 0);
        return;
    }
    aio_tasks_collect_(loop, tasks, count);
    aio_tasks_sort_(tasks, count);
    for (i = 0; i < count; i++) {
        struct aio_coro *root = aio_root_of_(tasks[i]), *leaf = tasks[i]->leaf;
        if (!aio_task_closing_(loop, tasks[i]))
            continue;
        aio_report_place_(loop, text.text, root, aio_task_name_(root), aio_file_of_(leaf->type), aio_line_(leaf));
    }
    aio_block_free_(tasks, count * sizeof *tasks);
}

/* Counted only here: a counter would be written twice in the life of each task. */
static bool aio_has_unfinished_(struct aio_loop *loop) { return aio_tasks_collect_(loop, NULL, 0) != 0; }

/* Waits for all tasks that there are, but for those that were given up; others may be born meanwhile. 0 or an error;
   AIO_ETIMEDOUT, AIO_EDEADLK: they are given up, too. */
static int aio_loop_finish_tasks_(struct aio_loop *loop, bool cancel)
{
    aio_time deadline = aio_deadline_after_(loop, loop->shutdown_timeout), left;
    int error = 0;
    loop->closing_seq = loop->seq;
    loop->closing_count = aio_closing_count_(loop);
    if (cancel)
        aio_cancel_all_(loop);
    while (loop->closing_count && error >= 0) {
        left = aio_time_until_(loop->poller->now(loop), deadline);
        if (!left) {
            aio_report_culprits_(loop);
            error = AIO_ETIMEDOUT;
            break;
        }
        if (deadline == AIO_FOREVER || (!loop->timer_count && !loop->poller->wake))
            left = -1;                              /* and a virtual clock sees that nothing can happen any more */
        error = aio_turns_(loop, left, NULL, true);
    }
    if (error < 0)
        loop->lost_seq = loop->closing_seq;
    return error < 0 ? error : 0;
}

/* Until no task is left, and nothing to be called: the end of the last task, say, and what other threads have
   posted. What is born while others clean up may be what they wait for: its turn comes after them. Tasks that do
   not end do not keep the next steps from being taken. */
static int aio_loop_drain_(struct aio_loop *loop)
{
    int error = 0, step;
    do {
        while (aio_has_unfinished_(loop) && !error)
            error = aio_loop_finish_tasks_(loop, true);
        if (aio_generators_close_(loop)) {
            step = aio_loop_finish_tasks_(loop, false);
            error = error ? error : step;
        }
        step = aio_turns_(loop, 0, NULL, true);
        error = error ? error : step < 0 ? step : 0;
    } while ((aio_has_unfinished_(loop) || loop->generators) && !error);
    return error;
}

#if AIO_DEBUG
static void aio_report_unawaited_(struct aio_loop *loop)
{
    struct aio_object_ *object;
    for (object = aio_thread_.objects; object; object = object->next) {
        struct aio_coro *c = (struct aio_coro *)(void *)(object + 1);
        const char *file = object->file;
        if (!file || c->pc != AIO_PC_START_ || c->flags != AIO_F_CORO_)
            continue;
        object->file = NULL;                        /* told once */
        aio_report_place_(loop, "was never awaited", NULL, aio_name_of_(c->type), file, object->line);
    }
}
#else
#define aio_report_unawaited_(loop) (void)(loop)
#endif

/* What should not be there any more when a loop is closed. named: the tasks that have not ended were. */
static AIO_COLD_ void aio_report_leftovers_(struct aio_loop *loop, bool named)
{
    struct aio_slab_ *slab;
    uint32_t i;
    aio_report_unawaited_(loop);
    for (slab = loop->slabs; slab; slab = slab->next)
        for (i = 0; i < slab->carved; i++) {
            struct aio_task *task = aio_slab_task_(slab, i);
            bool done = task->node.place == AIO_AT_DONE_;
            struct aio_coro *root;
            if (task->node.place == AIO_AT_NOTHING_ || (done ? task->node.flags & AIO_N_SPAWNED_ : named))
                continue;
            root = aio_root_of_(task);
            aio_report_place_(loop, done ? "was never released" : "was destroyed while pending", root,
                              aio_task_name_(root), aio_type_file_(root), aio_origin_line_(root));
        }
}

/* A task that could not be brought to its end: nothing may wake it any more. */
static void aio_task_lose_(struct aio_task *task)
{
    if (aio_in_list_(&task->node))
        aio_list_remove_(&task->node);
    else if (task->node.place == AIO_AT_TARGET_)
        aio_detach_(task);
    task->node.place = AIO_AT_SETTLE_;
}

static AIO_COLD_ void aio_orphan_free_(struct aio_slab_ *slab)
{
    struct aio_slab_ **at = &aio_thread_.orphans;
    if (--slab->live)
        return;
    while (*at != slab)
        at = &(*at)->next;
    *at = slab->next;
    slab->next = aio_thread_.free_slabs;
    aio_thread_.free_slabs = slab;
    aio_pool_give_back_();
}

/* Records that somebody still holds outlive the loop, with their slab. */
static void aio_slabs_close_(struct aio_loop *loop)
{
    struct aio_slab_ *slab, *next, **list;
    uint32_t i;
    aio_thread_.orphan_free = aio_orphan_free_;
    for (slab = loop->slabs; slab; slab = next) {
        next = slab->next;
        for (i = 0; i < slab->carved; i++) {
            struct aio_task *task = aio_slab_task_(slab, i);
            slab->live += task->node.place != AIO_AT_NOTHING_;
            if (aio_task_unfinished_(task))
                aio_task_lose_(task);
        }
        slab->loop = NULL;
        list = slab->live ? &aio_thread_.orphans : &aio_thread_.free_slabs;
        slab->next = *list;
        *list = slab;
    }
    loop->slabs = NULL;
    loop->free_tasks = NULL;
}

/* Callbacks are their owners' memory: they are told that they wait no more. */
static void aio_callbacks_drop_(struct aio_loop *loop)
{
    struct aio_node *node;
    uint32_t i;
    aio_inbox_take_(loop);
#if !AIO_ONE_HEAP_
    aio_timers_join_(loop);
#endif
    for (i = 0; i < loop->timer_count; i++) {
        node = loop->timers[i].node;
        if (node->flags & AIO_N_CALLBACK_)
            node->place = AIO_AT_NOTHING_;
    }
    for (node = loop->head; node; node = aio_ready_next_(loop, node))
        if (node->flags & AIO_N_CALLBACK_) {
            node->place = AIO_AT_NOTHING_;
            aio_posted_clear_(&node->seq);
        }
}

static void aio_loop_free_(struct aio_loop *loop)
{
    struct aio_loop **at;
    aio_callbacks_drop_(loop);
    aio_slabs_close_(loop);
#if AIO_POOL_BYTES
    if (loop->timers)
        aio_timers_owner_ = NULL;
#else
    if (loop->timers)
        AIO_FREE(loop->timers);
#endif
    aio_block_free_(loop->fds, (size_t)loop->fd_capacity * sizeof *loop->fds);
    loop->timers = NULL;
    loop->fds = NULL;
    loop->timer_count = loop->timer_capacity = 0;
#if !AIO_ONE_HEAP_
    loop->timer_heap = loop->timer_settled = loop->timer_end = 0;
    loop->timer_levels = 0;
#endif
    loop->fd_capacity = 0;
    loop->head = NULL;
    loop->tail = &loop->head;
    loop->open = 0;
    for (at = &aio_thread_.newest; *at != loop; at = &(*at)->older)
        continue;
    *at = loop->older;
    aio_pool_give_back_();
}

static void aio_at_close_(struct aio_loop *loop)
{
    struct aio_callback *callback;
    while ((callback = loop->at_close) != NULL) {
        loop->at_close = callback->node.link.next ? aio_node_callback_(callback->node.link.next) : NULL;
        callback->fn(callback);
    }
}

AIO_API_ int aio_loop_close(struct aio_loop *loop)
{
    int error;
    if (!loop->open)
        return 0;
    error = aio_loop_enter_(loop);
    if (error)
        return error;
    loop->closing = 1;
    error = aio_loop_drain_(loop);
    loop->closing = 2;                              /* no more tasks */
    aio_at_close_(loop);
    if (AIO_STRINGS && loop->debug)
        aio_report_leftovers_(loop, error == AIO_ETIMEDOUT);
    aio_loop_leave_(loop);
    loop->poller->close(loop);
    aio_loop_free_(loop);
    return error;
}

AIO_API_ void aio_after_fork(void)
{
    struct aio_loop *loop;
    for (loop = aio_thread_.newest; loop; loop = loop->older) {
        aio_at_close_(loop);
        loop->poller->close(loop);
        aio_callbacks_drop_(loop);
        aio_slabs_close_(loop);                     /* what has a handle is not given back under it */
#if AIO_POOL_BYTES
        aio_timers_owner_ = NULL;
#endif
        loop->open = loop->running = 0;
        loop->poller_fd = -1;
    }
    aio_thread_.newest = aio_thread_.loop = NULL;
}

/* aio_run and aio_main; report: print the error of the main task, while its trace is there. */
static int aio_run_loop_(struct aio_loop *loop, struct aio_coro *c, struct aio_coro **root, bool report)
{
    int error = aio_loop_complete_(loop, aio_taskable_(c), root), closed;
    if (*root)
        (*root)->up.task->node.flags |= AIO_N_SPAWNED_; /* the handle is ours: not one that was forgotten */
    if (error && report)
        aio_report_(loop, AIO_TEXT_("failed"), error, *root);
    closed = aio_loop_close(loop);
    return error ? error : closed;
}

AIO_API_ int aio_run_(const struct aio_options *options, const struct aio_poller *poller,
                      struct aio_coro *c, size_t offset, void *result, size_t size)
{
    struct aio_loop loop;
    struct aio_coro *root = NULL;
    int error = aio_thread_.loop ? AIO_EBUSY : aio_loop_init_(&loop, options, poller);
    if (error)
        aio_discard_(c);
    else
        error = aio_run_loop_(&loop, c, &root, false);
    aio_result_take_(root, offset, result, size);
    aio_release_(root, 0);
    return error;
}

AIO_API_ int aio_main_(const struct aio_options *wanted, const struct aio_poller *poller, struct aio_coro *c)
{
    struct aio_options options;
    struct aio_loop loop;
    struct aio_coro *root = NULL;
    int error;
    aio_memset_(&options, 0, sizeof options);
    if (wanted)
        options = *wanted;
    if (!options.on_error)
        options.on_error = aio_report_print;
    error = aio_thread_.loop ? AIO_EBUSY : aio_loop_init_(&loop, &options, poller);
    if (error) {
        aio_discard_(c);
        loop.poller = options.poller ? options.poller : poller;
        loop.on_error = options.on_error;
        aio_report_(&loop, AIO_TEXT_("the loop could not start"), error, NULL);
        return 1;
    }
    error = aio_run_loop_(&loop, c, &root, true);
    aio_release_(root, 0);
    return error ? 1 : 0;
}

/* ------------------------------------------------------------------------------------- dump */

/* What a task does in the places where that is all there is to say. */
static const struct aio_wait_text_ { uint8_t place; const char *text; } aio_wait_texts_[] = {
    { AIO_AT_READY_, "is ready" },
    { AIO_AT_LOCK_, "waits for a lock" },
    { AIO_AT_EVENT_, "waits for an event" },
    { AIO_AT_CONDITION_, "waits for a condition" },
    { AIO_AT_SEMAPHORE_, "waits for a semaphore" },
    { AIO_AT_BARRIER_, "waits at a barrier" },
    { AIO_AT_WAIT_GROUP_, "waits for a wait group" },
    { AIO_AT_PUT_, "waits for room in a queue" },
    { AIO_AT_GET_, "waits for an item of a queue" },
    { AIO_AT_QUICK_GET_, "waits for an item of a queue" },
    { AIO_AT_QUICK_NEXT_, "waits for an item of a queue" },
    { AIO_AT_QUEUE_JOIN_, "waits until a queue is done" },
    { AIO_AT_BROADCAST_, "waits for an item of a broadcast" },
    { AIO_AT_WATCH_, "waits for a change of a watch" },
};

/* The task or future that a task waits for, behind a shield, too. NULL: it waits for something else. */
static struct aio_coro *aio_dump_target_(const struct aio_task *task)
{
    if (task->node.place == AIO_AT_TARGET_)
        return task->node.u.target;
    if (task->node.place == AIO_AT_LIST_ && !(task->node.flags & AIO_N_HELD_) &&
        task->leaf->type->body == aio_shield_body_)
        return aio_proxy_inner_(task->leaf);
    return NULL;
}

/* The groups whose members a task waits for: the first one, or the one after `after`. NULL: no more. */
static struct aio_group *aio_dump_group_(struct aio_task *task, struct aio_group *after)
{
    struct aio_scope_ *scope;
    if (task->node.place == AIO_AT_SETTLE_) {
        scope = after ? after->scope.next : *aio_scopes_of_(task, task->leaf);
        scope = aio_group_in_(scope, task->leaf);
        return scope ? aio_scope_group_(scope) : NULL;
    }
    if (task->node.place == AIO_AT_LIST_ && !(task->node.flags & AIO_N_HELD_) && !after &&
        task->leaf->type->body == aio_join_body_)
        return ((const struct aio_join_ *)(const void *)task->leaf)->group;
    return NULL;
}

/* The array of handles that a task waits for. NULL: it waits for something else. */
static struct aio_set_ *aio_dump_set_(const struct aio_task *task)
{
    struct aio_coro *leaf = task->leaf;
    if (task->node.place != AIO_AT_SET_)
        return NULL;
    return leaf->type == &aio_as_completed_type_ ? &((struct aio_as_completed_ *)(void *)leaf)->set
                                                 : (struct aio_set_ *)(void *)leaf;
}

/* task 3 'fetch' */
static void aio_put_task_name_(struct aio_sink *sink, struct aio_task *task)
{
    aio_put_(sink, "task ");
    aio_put_number_(sink, (aio_number_)task->node.seq, 1);
    aio_put_(sink, " '");
    aio_put_(sink, aio_task_name_(aio_root_of_(task)));
    aio_put_(sink, "'");
}

static void aio_put_group_(struct aio_sink *sink, struct aio_task *task, struct aio_group *group)
{
    int64_t left = 0;
    aio_put_(sink, group->owner_task == task ? "its group, " : "the group of ");
    if (group->owner_task != task) {
        aio_put_task_name_(sink, group->owner_task);
        aio_put_(sink, ", ");
    }
    for (; group; group = aio_dump_group_(task, group))
        left += group->active;
    aio_put_number_(sink, (aio_number_)left, 1);
    aio_put_(sink, left == 1 ? " member left" : " members left");
}

/* 1.250 s left; late: somebody holds up the loop. */
static void aio_put_left_(struct aio_loop *loop, struct aio_sink *sink, aio_time deadline)
{
    aio_time now = loop->poller->now(loop);
    bool late = aio_time_before_(deadline, now);
    aio_put_seconds_(sink, late ? aio_time_until_(deadline, now) : aio_time_until_(now, deadline));
    aio_put_(sink, late ? " late" : " left");
}

static void aio_put_wait_(struct aio_loop *loop, struct aio_sink *sink, struct aio_task *task)
{
    const struct aio_node *node = &task->node;
    struct aio_coro *target = aio_dump_target_(task);
    struct aio_group *group = aio_dump_group_(task, NULL);
    struct aio_set_ *set = aio_dump_set_(task);
    size_t i = 0;
    if (node->flags & AIO_N_HELD_)
        aio_put_(sink, "waits for its turn in its group");
    else if (target) {
        aio_put_(sink, target->flags & AIO_F_ROOT_ ? "waits for " : "waits for a future");
        if (target->flags & AIO_F_ROOT_)
            aio_put_task_name_(sink, target->up.task);
        if (target->flags & AIO_F_ROOT_ && aio_loop_of_(target->up.task) != loop)
            aio_put_(sink, " of another loop");
    } else if (group) {
        aio_put_(sink, "waits for ");
        aio_put_group_(sink, task, group);
    } else if (set) {
        aio_put_(sink, "waits for ");
        aio_put_number_(sink, (aio_number_)set->pending, 1);
        aio_put_(sink, " of ");
        aio_put_number_(sink, (aio_number_)set->n, 1);
        aio_put_(sink, " tasks");
    } else if (aio_runs_(loop, task))
        aio_put_(sink, "runs");
    else if (node->place == AIO_AT_TIMER_) {
        aio_put_(sink, "sleeps, ");
        aio_put_left_(loop, sink, loop->timers[node->u.timer.index].deadline);
    } else if (node->place == AIO_AT_NEVER_)
        aio_put_(sink, "sleeps for ever");
    else if (node->place == AIO_AT_READER_ || node->place == AIO_AT_WRITER_) {
        aio_put_(sink, "waits until descriptor ");
        aio_put_number_(sink, node->u.fd, 1);
        aio_put_(sink, node->place == AIO_AT_READER_ ? " is readable" : " is writable");
    } else {
        while (i < sizeof aio_wait_texts_ / sizeof *aio_wait_texts_ && aio_wait_texts_[i].place != node->place)
            i++;
        if (i < sizeof aio_wait_texts_ / sizeof *aio_wait_texts_)
            aio_put_(sink, aio_wait_texts_[i].text);
        else {
            aio_put_(sink, "waits in ");
            aio_put_(sink, aio_type_name_(task->leaf));
        }
    }
}

static aio_time aio_dump_sooner_(const struct aio_loop *loop, const struct aio_node *node, aio_time deadline)
{
    aio_time other = node->place == AIO_AT_TIMER_ ? loop->timers[node->u.timer.index].deadline : deadline;
    return aio_time_before(other, deadline) ? other : deadline;
}

/* What hangs over a task: the next of its deadlines, and requests to end. */
static void aio_put_limits_(struct aio_loop *loop, struct aio_sink *sink, struct aio_task *task)
{
    struct aio_coro *c = task->leaf;
    struct aio_scope_ *scope = aio_extension_is_whole_(task->extension) ? task->extension->open : NULL;
    const struct aio_set_ *set = aio_dump_set_(task);
    aio_time deadline = AIO_FOREVER;
    for (;; c = c->up.caller) {
        if (aio_is_proxy_(c))
            deadline = aio_dump_sooner_(loop, &aio_proxy_of_(c)->deadline.node, deadline);
        if (c->flags & AIO_F_ROOT_)
            break;
    }
    for (; scope; scope = scope->next)
        if (aio_scope_is_timeout_(scope))
            deadline = aio_dump_sooner_(loop, &aio_scope_timeout_(scope)->deadline.node, deadline);
    if (set)
        deadline = aio_dump_sooner_(loop, &set->timer, deadline);
    if (deadline != AIO_FOREVER) {
        aio_put_(sink, "; timeout: ");
        aio_put_left_(loop, sink, deadline);
    }
    if (task->node.cancels)
        aio_put_(sink, "; is being cancelled");
}

/* ring: it waits for a task that waits, itself or through others, for it. */
static void aio_put_task_(struct aio_loop *loop, struct aio_sink *sink, struct aio_task *task, bool ring)
{
    struct aio_trace chain;
    struct aio_coro *c = task->leaf;
    aio_put_task_name_(sink, task);
    aio_put_(sink, " ");
    aio_put_wait_(loop, sink, task);
    aio_put_(sink, ring ? ", in a ring" : "");
    aio_put_limits_(loop, sink, task);
    aio_put_(sink, "\n");
    chain.count = 0;
    for (;; c = c->up.caller) {
        aio_trace_add_(&chain, c->type, aio_line_(c));
        if (c->flags & AIO_F_ROOT_)
            break;
    }
    aio_put_trace_(sink, &chain);
}

/* Passes text on with every line indented, to a limit: the tree may be as deep as there are tasks. */
struct aio_indent_ { struct aio_sink sink, *to; size_t width; bool in_line; };
#define AIO_INDENT_ ((size_t)4)
#define AIO_INDENT_LIMIT_ (15 * AIO_INDENT_)

static void aio_indent_write_(struct aio_sink *sink, const char *text, size_t length)
{
    static const char spaces[AIO_INDENT_LIMIT_ + 1] = "                                                            ";
    struct aio_indent_ *indent = AIO_CONTAINER_(sink, struct aio_indent_, sink);
    size_t n, width = indent->width < AIO_INDENT_LIMIT_ ? indent->width : AIO_INDENT_LIMIT_;
    for (; length; text += n, length -= n) {
        for (n = 1; n < length && text[n - 1] != '\n'; n++)
            ;
        if (!indent->in_line && width)
            indent->to->write(indent->to, spaces, width);
        indent->to->write(indent->to, text, n);
        indent->in_line = text[n - 1] != '\n';
    }
}

/* The tree of who awaits whom, in one block of memory, in order of creation. */
struct aio_branch_ {
    struct aio_branch_ *parent;         /* the oldest that awaits it */
    struct aio_branch_ *child, *next;   /* the first below it, the next beside it */
    uint32_t walk;                      /* the walk that came by, see aio_tree_break_rings_ */
    bool inside;                        /* what is being written is below it */
};
struct aio_tree_ { struct aio_branch_ *branches; struct aio_task **tasks; size_t count; };

/* NULL: the task is of another loop. */
static struct aio_branch_ *aio_tree_find_(const struct aio_tree_ *tree, const struct aio_task *task)
{
    size_t from = 0, to = tree->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (aio_task_older_(tree->tasks[middle], task))
            from = middle + 1;
        else
            to = middle;
    }
    return from < tree->count && tree->tasks[from] == task ? &tree->branches[from] : NULL;
}

static void aio_tree_hang_(struct aio_tree_ *tree, const struct aio_task *task, struct aio_branch_ *parent)
{
    struct aio_branch_ *branch = aio_tree_find_(tree, task);
    if (branch && !branch->parent)
        branch->parent = parent;
}

enum { AIO_GROUP_HUNG_ = 128 };         /* in the flags of a group: it needs to be gone through only once */

/* Everything below the oldest that awaits it. */
static void aio_tree_hang_all_(struct aio_tree_ *tree)
{
    struct aio_group *group;
    struct aio_task *member;
    size_t i, k;
    for (i = 0; i < tree->count; i++) {
        struct aio_coro *target = aio_dump_target_(tree->tasks[i]);
        struct aio_set_ *set = aio_dump_set_(tree->tasks[i]);
        if (target && target->flags & AIO_F_ROOT_)
            aio_tree_hang_(tree, target->up.task, &tree->branches[i]);
        for (k = 0; set && k < set->n; k++)
            if (aio_set_target_(set, k)->flags & AIO_F_ROOT_)
                aio_tree_hang_(tree, aio_set_target_(set, k)->up.task, &tree->branches[i]);
        for (group = NULL; (group = aio_dump_group_(tree->tasks[i], group)) != NULL;) {
            for (member = group->flags & AIO_GROUP_HUNG_ ? NULL : group->first; member;
                 member = member->extension->after)
                if (aio_task_unfinished_(member))
                    aio_tree_hang_(tree, member, &tree->branches[i]);
            group->flags |= AIO_GROUP_HUNG_;
        }
    }
    for (i = 0; i < tree->count; i++)
        for (group = NULL; (group = aio_dump_group_(tree->tasks[i], group)) != NULL;)
            group->flags &= (uint8_t)~AIO_GROUP_HUNG_;
}

/* Tasks that wait for each other have no root: the oldest of a ring becomes one. */
static void aio_tree_break_rings_(struct aio_tree_ *tree)
{
    uint32_t walk;
    for (walk = 1; walk <= tree->count; walk++) {
        struct aio_branch_ *branch = &tree->branches[walk - 1], *at, *oldest;
        for (; branch && !branch->walk; branch = branch->parent)
            branch->walk = walk;
        if (!branch || branch->walk != walk)
            continue;
        for (oldest = branch, at = branch->parent; at != branch; at = at->parent)
            if (at < oldest)
                oldest = at;
        oldest->parent = NULL;
    }
}

static void aio_tree_link_(struct aio_tree_ *tree, struct aio_branch_ *root)
{
    size_t i;
    for (i = tree->count; i-- > 0;) {
        struct aio_branch_ *branch = &tree->branches[i];
        if (!branch->parent)
            branch->parent = root;
        branch->next = branch->parent->child;
        branch->parent->child = branch;
    }
}

static void aio_tree_put_(struct aio_loop *loop, struct aio_sink *sink, struct aio_tree_ *tree)
{
    struct aio_branch_ root = { NULL, NULL, NULL, 0, false }, *at;
    struct aio_indent_ indent = { { aio_indent_write_ }, sink, 0, false };
    aio_tree_hang_all_(tree);
    aio_tree_break_rings_(tree);
    aio_tree_link_(tree, &root);
    at = root.child;
    while (at) {
        struct aio_task *task = tree->tasks[at - tree->branches];
        struct aio_coro *target = aio_dump_target_(task);
        struct aio_branch_ *awaited = target && target->flags & AIO_F_ROOT_ ?
            aio_tree_find_(tree, target->up.task) : NULL;
        at->inside = true;
        aio_put_task_(loop, &indent.sink, task, awaited && awaited->inside);
        indent.width += AIO_INDENT_;
        if (at->child) {
            at = at->child;
            continue;
        }
        for (; at != &root; at = at->parent) {
            at->inside = false;
            indent.width -= AIO_INDENT_;
            if (at->next)
                break;
        }
        at = at->next;                  /* the root has none */
    }
}

AIO_API_ void aio_dump(struct aio_loop *loop, struct aio_sink *sink)
{
    struct aio_tree_ tree;
    struct aio_slab_ *slab;
    size_t count = aio_tasks_collect_(loop, NULL, 0), bytes = count * (sizeof *tree.branches + sizeof *tree.tasks);
    uint32_t i;
    aio_timers_settle_now_(loop);
    aio_put_number_(sink, (aio_number_)count, 1);
    aio_put_(sink, count == 1 ? " task\n" : " tasks\n");
    tree.count = count;
    tree.branches = count ? (struct aio_branch_ *)aio_block_new_(bytes) : NULL;
    if (tree.branches) {
        aio_memset_(tree.branches, 0, bytes);
        tree.tasks = (struct aio_task **)(void *)(tree.branches + count);
        aio_tasks_collect_(loop, tree.tasks, count);
        aio_tasks_sort_(tree.tasks, count);
        aio_tree_put_(loop, sink, &tree);
        aio_block_free_(tree.branches, bytes);
        return;
    }
    for (slab = loop->slabs; slab; slab = slab->next)   /* no memory: as they lie */
        for (i = 0; i < slab->carved; i++)
            if (aio_task_unfinished_(aio_slab_task_(slab, i)))
                aio_put_task_(loop, sink, aio_slab_task_(slab, i), false);
}

/* --------------------------------------------------------- the poller of two hooks: bare metal */

#ifdef AIO_NOW
static int aio_hooks_open_(struct aio_loop *loop)
{
    (void)loop;
    return 0;
}
static void aio_hooks_close_(struct aio_loop *loop) { (void)loop; }

/* The hooks themselves, where no name of ours is between them and yours. */
#if AIO_HZ_
static uint32_t aio_hook_now_(void) { return (uint32_t)AIO_NOW(); }
static void aio_hook_idle_(int32_t aio_ticks_) { AIO_IDLE(aio_ticks_); }
#else
static aio_time aio_hook_now_(void) { return AIO_NOW(); }
static void aio_hook_idle_(aio_time aio_timeout_) { AIO_IDLE(aio_timeout_); }
#endif
#ifdef AIO_WAKE
static void aio_hook_wake_(void) { AIO_WAKE(); }
#endif

#if AIO_TIME_32
/* AIO_FOREVER is no point in time: the tick before it is shown for two. */
static aio_time aio_hooks_now_(struct aio_loop *loop)
{
    aio_time now = (aio_time)aio_hook_now_();
    (void)loop;
    return now == AIO_FOREVER ? AIO_FOREVER - 1 : now;
}
#define aio_hooks_ticks_(timeout) (timeout)
#elif AIO_HZ_
/* The counter that wraps, made longer. Somebody must look at it once in every round: the loop does after each time it
   was idle, for which aio_hooks_ticks_ sets a limit, and whenever it looks at timers. */
static aio_time aio_hooks_now_(struct aio_loop *loop)
{
    static uint32_t last, rounds;
    uint32_t now = aio_hook_now_();
    uint64_t ticks;
    (void)loop;
    rounds += now < last;
    last = now;
    ticks = (uint64_t)rounds << 32 | now;
    if (AIO_UNITS_ % AIO_HZ_ == 0)
        return (aio_time)(ticks * (AIO_UNITS_ / AIO_HZ_));
    return (aio_time)(ticks / AIO_HZ_ * AIO_UNITS_ + ticks % AIO_HZ_ * AIO_UNITS_ / AIO_HZ_);
}

static int32_t aio_hooks_ticks_(aio_time timeout)
{
    aio_time seconds = timeout / AIO_UNITS_, rest = timeout % AIO_UNITS_;
    if (timeout < 0 || seconds >= INT32_MAX / AIO_HZ_)
        return INT32_MAX;
    return (int32_t)(seconds * AIO_HZ_ + (rest * AIO_HZ_ + AIO_UNITS_ - 1) / AIO_UNITS_);
}
#else
static aio_time aio_hooks_now_(struct aio_loop *loop)
{
    (void)loop;
    return aio_hook_now_();
}
#define aio_hooks_ticks_(timeout) (timeout)
#endif

#ifdef AIO_WAKE
static int aio_hooks_wait_(struct aio_loop *loop, aio_time timeout)
{
    (void)loop;
    aio_hook_idle_(aio_hooks_ticks_(timeout));
    return 0;
}
static void aio_hooks_wake_(struct aio_loop *loop)
{
    (void)loop;
    aio_hook_wake_();
}
#else
/* An interrupt that comes after the last look at the inbox is pending until the processor sleeps, and wakes it. */
static int aio_hooks_wait_(struct aio_loop *loop, aio_time timeout)
{
    uint32_t state = AIO_CRITICAL_ENTER();
    if (!aio_load_(&loop->inbox))
        aio_hook_idle_(aio_hooks_ticks_(timeout));
    AIO_CRITICAL_EXIT(state);
    return 0;
}
static void aio_hooks_wake_(struct aio_loop *loop) { (void)loop; }      /* the interrupt does */
#endif

AIO_API_ const struct aio_poller *aio_hooks(void)
{
    static const struct aio_poller poller = {
        AIO_TEXT_("hooks"), aio_hooks_open_, aio_hooks_close_, NULL, NULL, aio_hooks_wait_, aio_hooks_wake_,
        aio_hooks_now_, NULL
    };
    return &poller;
}
#endif

#ifdef __cplusplus
}
#endif
#endif /* AIO_IMPLEMENTATION */

/* MIT License

   Copyright (c) 2026 The aio authors

   Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
   associated documentation files (the "Software"), to deal in the Software without restriction,
   including without limitation the rights to use, copy, modify, merge, publish, distribute,
   sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
   furnished to do so, subject to the following conditions:

   The above copyright notice and this permission notice shall be included in all copies or
   substantial portions of the Software.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
   NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
   NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
   DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
   OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE. */
