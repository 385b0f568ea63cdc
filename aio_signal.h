/* aio_signal.h - a signal as an awaitable, for aio.h. POSIX.
   SPDX-License-Identifier: MIT

       AIO_AWAIT(aio_signal_wait(SIGTERM));        // until somebody wants us to end
       aio_group_cancel(&self->connections);

   Nothing is installed until aio_signal_wait is awaited for a signal: let a task wait for it before you tell
   the world that you are there. From then until the loop is closed
   the signal does not do what it did before: it is remembered, also between two waits, so that none is
   missed (several of a kind are one, as with signals everywhere). Closing the loop puts the old
   disposition back. A signal belongs to one loop at a time. */
#ifndef AIO_SIGNAL_H_INCLUDED
#define AIO_SIGNAL_H_INCLUDED
#include "aio.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Waits for a signal: its number. All who wait for it are woken. Errors: AIO_EINVAL (no such signal, or one
   that cannot be caught), AIO_EBUSY (another loop has it), AIO_ECANCELED, AIO_ENOMEM. From anywhere on the
   loop's thread. */
AIO_API_ AIO_MUST_USE_ struct aio_int *aio_signal_wait(int signal_number);

#ifdef __cplusplus
}
#endif
#endif /* AIO_SIGNAL_H_INCLUDED */

#if defined AIO_IMPLEMENTATION && !defined AIO_SIGNAL_H_IMPLEMENTED
#define AIO_SIGNAL_H_IMPLEMENTED
#include "aio.h"                        /* its implementation, if it came without before */
#include <errno.h>
#include <signal.h>
#ifndef SA_RESTART
#error "aio_signal.h needs POSIX: compile with -std=gnu11 (or define _GNU_SOURCE first)"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifdef NSIG
enum { AIO_SIGNALS_ = NSIG };
#else
enum { AIO_SIGNALS_ = 65 };
#endif

/* One for each signal of the process. A handler must find it without a lock, so it is a table. */
struct aio_signal_ {
    struct aio_loop *loop;              /* atomic: who has it; NULL: nobody, and nothing is installed */
    struct sigaction before;
    struct aio_callback arrived, closing;
    struct aio_node *waiters;
    int pending;                        /* atomic: it came, and nobody has been told */
    unsigned woken;                     /* waiters that were told and have not run yet */
    bool taken;                         /* one of those who were told has it */
};
static struct aio_signal_ aio_signals_[AIO_SIGNALS_];

struct aio_signal_wait_ { AIO_FRAME(int); int number; bool told; };

static void aio_signal_handler_(int number)
{
    struct aio_signal_ *state = &aio_signals_[number];
    struct aio_loop *loop = __atomic_load_n(&state->loop, __ATOMIC_ACQUIRE);
    int saved = errno;
    __atomic_store_n(&state->pending, 1, __ATOMIC_RELEASE);
    if (loop)
        aio_loop_post(loop, &state->arrived);
    errno = saved;
}

static void aio_signal_arrived_(struct aio_callback *callback)
{
    struct aio_signal_ *state = AIO_CONTAINER_(callback, struct aio_signal_, arrived);
    struct aio_node *node;
    if (!state->waiters || !__atomic_exchange_n(&state->pending, 0, __ATOMIC_ACQ_REL))
        return;
    state->taken = false;
    while ((node = aio_list_pop_(&state->waiters)) != NULL) {
        AIO_CONTAINER_(aio_node_task_(node)->leaf, struct aio_signal_wait_, aio)->told = true;
        state->woken++;
        aio_wake_(state->loop, aio_node_task_(node), aio_constant_(aio_ok_));
    }
}

/* A waiter that was told runs. If all of them were cancelled in between, the signal is remembered again. */
static void aio_signal_told_(struct aio_signal_ *state, int error)
{
    state->taken |= error == 0;
    if (--state->woken || state->taken)
        return;
    __atomic_store_n(&state->pending, 1, __ATOMIC_RELEASE);
    if (state->waiters)
        aio_loop_post(state->loop, &state->arrived);
}

static void aio_signal_closing_(struct aio_callback *callback)
{
    struct aio_signal_ *state = AIO_CONTAINER_(callback, struct aio_signal_, closing);
    sigaction((int)(state - aio_signals_), &state->before, NULL);
    __atomic_store_n(&state->loop, (struct aio_loop *)NULL, __ATOMIC_RELEASE);
}

static int aio_signal_install_(struct aio_loop *loop, int number)
{
    struct aio_signal_ *state = &aio_signals_[number];
    struct aio_loop *owner = NULL;
    struct sigaction action;
    if (!__atomic_compare_exchange_n(&state->loop, &owner, loop, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return owner == loop ? 0 : AIO_EBUSY;
    aio_memset_(&state->arrived, 0, sizeof state->arrived);
    state->waiters = NULL;
    state->woken = 0;
    __atomic_store_n(&state->pending, 0, __ATOMIC_RELAXED);
    aio_memset_(&action, 0, sizeof action);
    action.sa_handler = aio_signal_handler_;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    state->arrived.fn = aio_signal_arrived_;
    state->closing.fn = aio_signal_closing_;
    if (sigaction(number, &action, &state->before) < 0) {
        __atomic_store_n(&state->loop, (struct aio_loop *)NULL, __ATOMIC_RELEASE);
        return AIO_EINVAL;
    }
    aio_loop_at_close(loop, &state->closing);
    return 0;
}

static struct aio_coro *aio_signal_body_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_signal_wait_ *wait = (struct aio_signal_wait_ *)(void *)c;
    struct aio_loop *loop = aio_thread_.loop;
    if (c->pc == AIO_PC_FINALLY_)
        return c;
    if (c->pc == AIO_PC_START_) {
        struct aio_signal_ *state = &aio_signals_[wait->number];
        c->error = aio_signal_install_(loop, wait->number);
        if (!c->error && !__atomic_exchange_n(&state->pending, 0, __ATOMIC_ACQ_REL)) {
            if (aio_may_park_(loop->current)) {
                c->pc = AIO_PC_END_;
                aio_park_list_(loop->current, c, &state->waiters, AIO_AT_LIST_);
                return NULL;
            }
            c->error = AIO_ECANCELED;
        }
    } else {
        c->error = ret->error;
        if (wait->told)
            aio_signal_told_(&aio_signals_[wait->number], c->error);
    }
    wait->result = c->error ? 0 : wait->number;
    return c;
}

static const struct aio_type aio_signal_type_ = {
    aio_signal_body_, AIO_NAMED_("aio_signal_wait", NULL) AIO_SIZE_(struct aio_signal_wait_)
};

AIO_API_ struct aio_int *aio_signal_wait(int signal_number)
{
    struct aio_signal_wait_ *wait = (struct aio_signal_wait_ *)(void *)aio_frame_new(&aio_signal_type_, sizeof *wait);
    if (wait)       /* 0 is no signal: sigaction will say so */
        wait->number = signal_number > 0 && signal_number < AIO_SIGNALS_ ? signal_number : 0;
    return (struct aio_int *)(void *)wait;
}

#ifdef __cplusplus
}
#endif
#endif /* AIO_IMPLEMENTATION */
