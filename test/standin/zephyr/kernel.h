/* A stand-in for Zephyr's <zephyr/kernel.h>: as much of it as embedded/zephyr/main.c uses, to build and run that on
   a computer. Nothing of Zephyr is in it. */
#ifndef STANDIN_ZEPHYR_KERNEL_H_INCLUDED
#define STANDIN_ZEPHYR_KERNEL_H_INCLUDED
#include "../host.h"
#include <stddef.h>

#define CONFIG_SYS_CLOCK_TICKS_PER_SEC 10000
#define BIT(n) (1u << (n))

typedef struct { int64_t ticks; } k_timeout_t;
#define K_FOREVER ((k_timeout_t) { -1 })
#define K_TICKS(n) ((k_timeout_t) { (n) })

struct k_sem { unsigned count, limit; };
#define K_SEM_DEFINE(name, initial, most) struct k_sem name = { (initial), (most) }

static inline int64_t k_uptime_ticks(void) { return (int64_t)(host_now / 100); }

/* A timeout begins with the next tick. */
static inline int k_sem_take(struct k_sem *sem, k_timeout_t timeout)
{
    uint64_t until = timeout.ticks < 0 ? UINT64_MAX : (host_now / 100 + (uint64_t)timeout.ticks + 1) * 100;
    while (!sem->count && host_now < until)
        host_wait(until);
    if (!sem->count)
        return -11;
    sem->count--;
    return 0;
}

static inline void k_sem_give(struct k_sem *sem) { sem->count += sem->count < sem->limit; }
#endif
