/* aio_sim.h - a poller for aio.h with a virtual clock: tests of time take no time.
   SPDX-License-Identifier: MIT

   The clock begins at 0. When nothing is ready, it jumps to the next deadline; when there is none
   either, nothing can ever happen any more, and the run ends with AIO_EDEADLK. Between jumps it
   stands still, so everything that a program does takes no time, and every run is the same.
   There are no descriptors: waiting for one gives AIO_ENOTSUP. Where there is a C library, assertions and
   reports are printed on standard error.

       #define AIO_IMPLEMENTATION
       #include "aio_sim.h"
       ...
       struct aio_options options = { .poller = aio_sim() };
       int error = aio_run_with(&options, aio_new(test));            // or aio_run: it is the default */
#ifndef AIO_SIM_H_INCLUDED
#define AIO_SIM_H_INCLUDED

#ifndef AIO_DEFAULT_POLLER
#define AIO_DEFAULT_POLLER aio_sim()
#endif
#include "aio.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The poller. From anywhere. */
AIO_API_ const struct aio_poller *aio_sim(void);

#ifdef __cplusplus
}
#endif
#endif /* AIO_SIM_H_INCLUDED */

#if defined AIO_IMPLEMENTATION && !defined AIO_SIM_H_IMPLEMENTED
#define AIO_SIM_H_IMPLEMENTED
#include "aio.h"                        /* its implementation, if it came without before */
#if __STDC_HOSTED__
#include <stdio.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct aio_sim_ { aio_time now; };

static int aio_sim_open_(struct aio_loop *loop)
{
    struct aio_sim_ *sim = (struct aio_sim_ *)aio_block_new_(sizeof *sim);
    loop->poller_data = sim;
    if (!sim)
        return AIO_ENOMEM;
    sim->now = 0;
    return 0;
}

static void aio_sim_close_(struct aio_loop *loop)
{
    aio_block_free_(loop->poller_data, sizeof(struct aio_sim_));
}

static int aio_sim_wait_(struct aio_loop *loop, aio_time timeout)
{
    struct aio_sim_ *sim = (struct aio_sim_ *)loop->poller_data;
    if (timeout < 0)
        return AIO_EDEADLK;
    sim->now += timeout;
    return 0;
}

static aio_time aio_sim_now_(struct aio_loop *loop)
{
    return ((struct aio_sim_ *)loop->poller_data)->now;
}

#if __STDC_HOSTED__
static void aio_sim_print_(const char *text, size_t length)
{
    fwrite(text, 1, length, stderr);
}
#else
#define aio_sim_print_ NULL
#endif

AIO_API_ const struct aio_poller *aio_sim(void)
{
    static const struct aio_poller poller = {
        "sim", aio_sim_open_, aio_sim_close_, NULL, NULL, aio_sim_wait_, NULL, aio_sim_now_, aio_sim_print_
    };
    return &poller;
}

#ifdef __cplusplus
}
#endif
#endif /* AIO_IMPLEMENTATION */
