/* aio_thread.h - blocking work in threads, and calls into a loop from other threads, for aio.h. POSIX.
   SPDX-License-Identifier: MIT

       #include <stdio.h>
       #define AIO_IMPLEMENTATION
       #include "aio_epoll.h"                  // or aio_select.h
       #include "aio_thread.h"                 // link with -pthread

       struct count { AIO_FRAME(long); const char *path; };     // result type, arguments: as for AIO_CORO
       static AIO_JOB(count)                   // the body runs in a thread, to its end: it may block
       {
           FILE *file = fopen(self->path, "r");
           if (!file)
               return AIO_ENOENT;              // the error that comes out of the await
           while (getc(file) != EOF)
               self->result++;
           fclose(file);
           return 0;
       }

       struct program { AIO_FRAME(void); long n; };
       static AIO_CORO(program)
       {
           AIO_BEGIN;
           AIO_AWAIT(self->n, aio_new(count, "/etc/passwd"));   // other tasks go on meanwhile
           printf("%ld bytes\n", self->n);
           AIO_END;
       }
       int main(void) { return aio_main(aio_new(program)); }

   Rules
     - Nothing is started before the first job. Each loop has threads of its own, at most min(32,
       processors + 4), one more whenever a job finds all of them busy; further jobs wait in a queue, first
       come, first served. The threads end when the loop is closed. They block all signals but those of
       faults, so handlers run in the program's own threads.
     - Cancelling the wait for a job that has not begun drops it: it never runs. One that runs cannot be
       stopped from outside. By default the cancellation is held back until it has ended, so that nothing
       it uses is freed under it; it may look at aio_job_cancelled, and end early. (asyncio leaves the
       thread running at once, and can: its objects are kept alive by whoever uses them. In C that would
       be a thread that writes into freed memory.) AIO_JOB_DETACHED is for jobs that need not be waited
       for, because they use nothing but a copy of their frame.
     - A job is plain C in another thread: it must not await, and must not call anything of its loop but
       aio_loop_post and aio_run_threadsafe. It may run a loop of its own (aio_run).
     - The poller must be one that can be woken: aio_epoll.h, aio_select.h; not aio_sim.h (AIO_ENOTSUP).
     - Records of jobs and threads come from AIO_MALLOC, whatever AIO_POOL_BYTES is, and AIO_MALLOC and
       AIO_FREE are called from other threads too.
     - The child of a fork has none of the threads. Jobs stay the parent's. A child that goes on without
       exec calls aio_after_fork, and may then run loops and jobs of its own. */
#ifndef AIO_THREAD_H_INCLUDED
#define AIO_THREAD_H_INCLUDED
#include "aio.h"
#if AIO_TIME_32
#error "AIO_TIME_32 is for programs whose clock is AIO_NOW"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------- blocking work in threads */

/* aio_to_thread(fn, arg): an awaitable: calls fn(arg) in a thread; its result is what fn returns. arg must
   live until the await returns, and that is all: a member of the frame will do, because a cancelled wait
   waits for a job that runs. The result is there even then, for a FINALLY that must give it back:

       AIO_AWAIT(self->file, aio_to_thread(open_log, self->path));
       AIO_FINALLY;
       if (self->file) fclose(self->file);

   Errors: AIO_ECANCELED (it never began, or it ended after all), AIO_ENOMEM, AIO_EAGAIN (no thread could be
   started, and there is none), AIO_ENOTSUP (the poller cannot be woken). From anywhere on the loop's
   thread; suspends. asyncio.to_thread, loop.run_in_executor. */
#define aio_to_thread(fn, arg) aio_to_thread_((fn), (arg), #fn)
AIO_API_ AIO_MUST_USE_ struct aio_ptr *aio_to_thread_(void *(*fn)(void *arg), void *arg, const char *name);

/* AIO_JOB(name) { ... }: the typed form: a coroutine whose body is plain C and runs in a thread. The
   frame, struct name, begins with AIO_FRAME(T); it is made by aio_new or aio_place, and awaited, started as
   a task, put into a group, given a deadline, as any other. static AIO_JOB(name) keeps it to the file, and
   AIO_DECLARE announces it. The body is int (struct name *self): it puts the result into self->result and
   returns 0, or a negative error, which the await raises; the result is handed over in both cases.
   The body works on the frame itself, which stays where it is until the body has ended: no copies, and large
   buffers are fine. Meanwhile the loop must not touch the members; a handle may, with atomics. self->aio is
   not the body's. Errors beside its own: as aio_to_thread. */
#define AIO_JOB(name) AIO_JOB_(name, false)
/* AIO_JOB_DETACHED(name) { ... }: the same on a copy of the frame, which is copied back at the end. A
   cancelled wait ends at once; the body, if it runs, goes on by itself, and nobody gets its result. For
   bodies that use only what is in their copy, or lives as long as the program, and whose result need not be
   given back. One that may outlast the loop (see aio_thread_limits) must not post to it, but may try
   aio_run_threadsafe. */
#define AIO_JOB_DETACHED(name) AIO_JOB_(name, true)
#define AIO_JOB_(name, detached) \
    const struct aio_type *name##_type_(void); \
    static int name##_body_(struct name *self); \
    static int name##_run_(struct aio_coro *aio_self_) \
    { return name##_body_((struct name *)(void *)aio_self_); } \
    static struct aio_coro *name##_enter_(struct aio_coro *aio_self_, struct aio_coro *aio_ret_) \
    { return aio_job_step_(aio_self_, aio_ret_, name##_run_, #name, (detached)); } \
    const struct aio_type *name##_type_(void) \
    { \
        static const struct aio_type type = { name##_enter_, #name, __FILE__, AIO_SIZE_(struct name) }; \
        return &type; \
    } \
    static int name##_body_(AIO_UNUSED_ struct name *self)
/* Private: one step of a coroutine whose body is run in a thread. */
AIO_API_ struct aio_coro *aio_job_step_(struct aio_coro *c, struct aio_coro *ret,
                                        int (*run)(struct aio_coro *frame), const char *name, bool detached);

/* In a job: has the wait for it been cancelled, or is its loop being closed? Long jobs ask now and then,
   and return. False elsewhere. */
AIO_API_ bool aio_job_cancelled(void);

/* How many threads the loop may have (0: min(32, processors + 4), as asyncio), and its patience with jobs
   that were cancelled (0: options.shutdown_timeout of the loop; AIO_FOREVER: no end). A job that its cancelled
   wait waits for is named to the loop's error handler when it runs on for so long, and waited for all the
   same. One that is detached is waited for so long when the loop is closed; then it is named, and its thread
   left to itself, which touches nothing of the loop's any more. From the loop's thread, at any time; fewer threads than
   there are end none. 0, AIO_ENOMEM, AIO_ENOTSUP. */
AIO_API_ int aio_thread_limits(struct aio_loop *loop, unsigned threads, aio_time patience);

/* ----------------------------------------------------------------- into a loop from a thread */

/* Lets other threads use aio_run_threadsafe on this loop, until it is closed. From the loop's thread,
   before they do; a loop that has had a job lets them in already. 0, AIO_ENOMEM, AIO_ENOTSUP. */
AIO_API_ int aio_thread_admit(struct aio_loop *loop);

/* aio_run_threadsafe(loop, timeout, coroutine), aio_run_threadsafe(loop, timeout, lvalue, coroutine): runs a
   coroutine as a task of a loop that another thread runs, and waits here, blocking this thread, for its end
   and its result:

       struct add slot;                                 // its frame, on this thread's stack
       error = aio_run_threadsafe(loop, AIO_SEC(5), sum, aio_place(&slot, add, .a = 1, .b = 2));

   The coroutine must be made by aio_place: what aio_new makes belongs to the thread that made it. The slot is
   free again when the call returns: handles of the task must not be kept. timeout: AIO_FOREVER, or after so
   long it is cancelled, and waited for; if the loop has not even begun with it by then, it is dropped, unrun.
   0 and the result, or the error it ended with; AIO_ETIMEDOUT; AIO_EDEADLK: the loop is this thread's own;
   AIO_ESHUTDOWN: the loop is closed, is being closed, or was never opened to other threads (the task did not
   run; loop may even be a pointer to one that is gone); AIO_ECANCELED: also, it was closed meanwhile;
   AIO_ENOMEM. From any thread but the loop's. asyncio.run_coroutine_threadsafe(...).result(timeout). To only
   start something, aio_loop_post a callback that spawns it. */
#define aio_run_threadsafe(...) \
    AIO_SELECT4_(__VA_ARGS__, AIO_THREADSAFE2_, AIO_THREADSAFE1_, , , )(__VA_ARGS__)
#define AIO_SELECT4_(a, b, c, d, name, ...) name
AIO_API_ int aio_run_threadsafe_(struct aio_loop *loop, aio_time timeout, struct aio_coro *c, size_t offset,
                                 void *result, size_t size);
#define AIO_THREADSAFE1_(loop, timeout, c) aio_run_threadsafe_((loop), (timeout), aio_of_(c), 0, NULL, 0)
#if defined __cplusplus
}
template <class T, class L>
inline int aio_run_threadsafe_typed_(struct aio_loop *loop, aio_time timeout, T *c, L &lvalue)
{
    decltype(c->result) result;
    int error = aio_run_threadsafe_(loop, timeout, (struct aio_coro *)(void *)c, AIO_RESULT_OFFSET_IN_(T, c), &result,
                                    sizeof result);
    lvalue = result;
    return error;
}
extern "C" {
#define AIO_THREADSAFE2_(loop, timeout, lvalue, c) aio_run_threadsafe_typed_((loop), (timeout), (c), (lvalue))
#elif AIO_STATEMENT_EXPRESSIONS
#define AIO_THREADSAFE2_(loop, timeout, lvalue, c) __extension__ ({ \
    aio_typeof_((c)->result) aio_result_; \
    int aio_error_ = aio_run_threadsafe_((loop), (timeout), aio_of_(c), \
        AIO_RESULT_OFFSET_(c), &aio_result_, sizeof aio_result_); \
    (lvalue) = aio_result_; aio_error_; })
#else
#define AIO_THREADSAFE2_(loop, timeout, lvalue, c) aio_run_threadsafe_((loop), (timeout), aio_of_(c), \
    AIO_RESULT_OFFSET_(c), &(lvalue), sizeof (lvalue) == sizeof (c)->result ? sizeof (lvalue) : 0)
#endif

#ifdef __cplusplus
}
#endif
#endif /* AIO_THREAD_H_INCLUDED */

/* ========================================================================== implementation === */

#if defined AIO_IMPLEMENTATION && !defined AIO_THREAD_H_IMPLEMENTED
#define AIO_THREAD_H_IMPLEMENTED
#include "aio.h"                        /* its implementation, if it came without before */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#ifndef CLOCK_MONOTONIC
#error "aio_thread.h needs POSIX: compile with -std=gnu11 (or define _GNU_SOURCE first)"
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum { AIO_THREADS_MOST_ = 32, AIO_THREADS_SPARE_ = 4 };    /* min(32, processors + 4), as asyncio */

/* Where a job is. Guarded by the mutex of its threads. */
enum { AIO_JOB_QUEUED_, AIO_JOB_RUNNING_, AIO_JOB_DONE_ };

/* A job, and the innermost frame of the task that waits for it. It belongs to the wait and to what will
   happen to the job (the queue, the thread, the callback), and is freed when both are through with it: the
   frame that asked for it may be gone long before. */
struct aio_job_ {
    struct aio_coro aio;                /* the leaf; its caller is the frame that asked for it */
    struct aio_node *waiters;           /* the task that waits, or nobody */
    struct aio_callback done;           /* the thread posts it when the body has ended */
    struct aio_callback late;           /* its wait was cancelled, and it runs on and on */
    struct aio_threads_ *threads;
    struct aio_job_ *next, *prev;       /* in the queue; guarded */
    struct aio_job_ *younger, *older;   /* among all jobs of the loop */
    int (*run)(struct aio_coro *frame);
    struct aio_coro *frame;             /* what it works on: the frame itself, or a copy behind this struct */
    const char *name, *file;
    int value;                          /* what it returned */
    uint8_t state;                      /* AIO_JOB_...; guarded */
    uint8_t refs;                       /* the wait's, and that of the job's way; the loop's thread only */
    uint8_t cancelled;                  /* atomic: for aio_job_cancelled */
    bool detached;
    bool ended;                         /* it has run, and the loop's thread knows */
};

/* One thread. */
struct aio_worker_ {
    struct aio_threads_ *threads;
    struct aio_worker_ *next;           /* only the loop's thread adds and removes */
    pthread_t id;
    struct aio_job_ *job;               /* that it runs, or NULL; guarded */
    bool posting;                       /* it tells the loop of one that has ended; guarded */
    bool over;                          /* it will end; guarded */
};

/* What a loop has of threads. */
struct aio_threads_ {
    struct aio_callback closing;        /* found by it in loop->at_close */
    struct aio_loop *loop;
    const struct aio_thread_ *owner;    /* the loop's thread */
    pid_t pid;                          /* in the child of a fork, it is not ours */
    aio_time patience;
    struct aio_job_ *jobs;              /* all, newest first; the loop's thread only */
    pthread_mutex_t mutex;              /* guards what follows */
    pthread_cond_t work, ended;         /* there is something in the queue, or the end; a thread is over */
    struct aio_job_ *first, *last;      /* the queue */
    struct aio_worker_ *workers;
    unsigned limit, count, queued;
    unsigned idle;                      /* threads that will look at the queue, beginners too */
    bool closed;                        /* idle threads end */
    bool left;                          /* the loop is gone: threads end by themselves, the last frees this */
    struct aio_threads_ *next;          /* among those that can be visited; under aio_visit_mutex_ */
    struct aio_visit_ *visits;          /* the same */
};

static AIO_THREAD_LOCAL struct aio_job_ *aio_job_current_;

/* ---------------------------------------------------------------------- waiting, with a limit */

static aio_time aio_monotonic_(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (aio_time)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* When a time that begins now is over. */
static aio_time aio_monotonic_end_(aio_time span)
{
    aio_time now = aio_monotonic_();
    return span <= 0 ? now : span > AIO_FOREVER - now ? AIO_FOREVER : now + span;
}

static int aio_cond_init_(pthread_cond_t *cond)
{
#ifdef __APPLE__                        /* its conditions cannot take the clock, but spans */
    return pthread_cond_init(cond, NULL);
#else
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);
    if (error)
        return error;
    error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (!error)
        error = pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
    return error;
#endif
}

/* False: the time is up. */
static bool aio_cond_wait_(pthread_cond_t *cond, pthread_mutex_t *mutex, aio_time deadline)
{
    struct timespec at;
    if (deadline == AIO_FOREVER)
        return pthread_cond_wait(cond, mutex) == 0;
#ifdef __APPLE__
    deadline -= aio_monotonic_();
    deadline = deadline > 0 ? deadline : 0;
#endif
    at.tv_sec = (time_t)(deadline / 1000000000);
    at.tv_nsec = (long)(deadline % 1000000000);
#ifdef __APPLE__
    return pthread_cond_timedwait_relative_np(cond, mutex, &at) != ETIMEDOUT;
#else
    return pthread_cond_timedwait(cond, mutex, &at) != ETIMEDOUT;
#endif
}

/* ---------------------------------------------------------------------------------- the pool */

static void aio_threads_free_(struct aio_threads_ *threads)
{
    pthread_mutex_destroy(&threads->mutex);
    pthread_cond_destroy(&threads->work);
    pthread_cond_destroy(&threads->ended);
    AIO_FREE(threads);
}

static void aio_job_unqueue_(struct aio_threads_ *threads, struct aio_job_ *job)
{
    *(job->prev ? &job->prev->next : &threads->first) = job->next;
    *(job->next ? &job->next->prev : &threads->last) = job->prev;
    threads->queued--;
}

static void aio_job_enqueue_(struct aio_threads_ *threads, struct aio_job_ *job)
{
    job->next = NULL;
    job->prev = threads->last;
    *(threads->last ? &threads->last->next : &threads->first) = job;
    threads->last = job;
    threads->queued++;
}

/* The body has ended. The loop is there to be told, and waits with its close until it has been; or it is
   known to be gone. Under the mutex, but not while it posts: the loop may want the mutex at once. */
static void aio_job_ended_(struct aio_threads_ *threads, struct aio_worker_ *worker)
{
    struct aio_job_ *job = worker->job;
    worker->job = NULL;
    job->state = AIO_JOB_DONE_;
    if (threads->left) {
        AIO_FREE(job);
        return;
    }
    worker->posting = true;
    threads->idle++;                            /* a job that the loop sends back at once is for this thread */
    pthread_mutex_unlock(&threads->mutex);
    aio_loop_post(threads->loop, &job->done);
    pthread_mutex_lock(&threads->mutex);
    threads->idle--;
    worker->posting = false;
}

static void aio_worker_work_(struct aio_threads_ *threads, struct aio_worker_ *worker)
{
    struct aio_job_ *job;
    for (;;) {
        while (!threads->first && !threads->closed) {
            threads->idle++;
            pthread_cond_wait(&threads->work, &threads->mutex);
            threads->idle--;
        }
        job = threads->first;
        if (!job)
            return;
        aio_job_unqueue_(threads, job);
        job->state = AIO_JOB_RUNNING_;
        worker->job = job;
        pthread_mutex_unlock(&threads->mutex);
        aio_job_current_ = job;
        job->value = job->run(job->frame);
        aio_job_current_ = NULL;
        pthread_mutex_lock(&threads->mutex);
        aio_job_ended_(threads, worker);
    }
}

static void *aio_worker_run_(void *arg)
{
    struct aio_worker_ *worker = (struct aio_worker_ *)arg;
    struct aio_threads_ *threads = worker->threads;
    bool left, last;
    pthread_mutex_lock(&threads->mutex);
    threads->idle--;
    aio_worker_work_(threads, worker);
    worker->over = true;
    threads->count--;
    left = threads->left;
    last = left && threads->count == 0;
    pthread_cond_signal(&threads->ended);
    pthread_mutex_unlock(&threads->mutex);      /* from here on, all is gone unless it was left to us */
    if (left)
        AIO_FREE(worker);
    if (last)
        aio_threads_free_(threads);
    return NULL;
}

/* Starts a thread, with the signals blocked that are not faults of its own. Under the mutex. */
static int aio_worker_start_(struct aio_threads_ *threads)
{
    struct aio_worker_ *worker = (struct aio_worker_ *)AIO_MALLOC(sizeof *worker);
    sigset_t all, before;
    int error;
    if (!worker)
        return AIO_ENOMEM;
    aio_memset_(worker, 0, sizeof *worker);
    worker->threads = threads;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGTRAP);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&worker->id, NULL, aio_worker_run_, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        AIO_FREE(worker);
        return AIO_EAGAIN;
    }
    worker->next = threads->workers;
    threads->workers = worker;
    threads->count++;
    threads->idle++;
    return 0;
}

/* Is there more in the queue than idle threads will take, and may there be one more? */
static bool aio_threads_want_(const struct aio_threads_ *threads)
{
    return threads->queued > threads->idle && threads->count < threads->limit;
}

/* A job joins the queue; a thread more, if those that there are have enough to do. */
static int aio_threads_submit_(struct aio_threads_ *threads, struct aio_job_ *job)
{
    int error = 0;
    bool idle;
    pthread_mutex_lock(&threads->mutex);
    aio_job_enqueue_(threads, job);
    if (aio_threads_want_(threads))
        error = aio_worker_start_(threads);
    if (error && threads->count)
        error = 0;                              /* somebody will come to it */
    else if (error)
        aio_job_unqueue_(threads, job);
    idle = threads->idle != 0;
    pthread_mutex_unlock(&threads->mutex);
    if (idle)
        pthread_cond_signal(&threads->work);
    return error;
}

static unsigned aio_threads_default_(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN), n = (processors < 1 ? 1 : processors) + AIO_THREADS_SPARE_;
    return n < AIO_THREADS_MOST_ ? (unsigned)n : (unsigned)AIO_THREADS_MOST_;
}

static void aio_threads_closing_(struct aio_callback *callback);
static void aio_visits_open_(struct aio_threads_ *threads);

static struct aio_threads_ *aio_threads_find_(struct aio_loop *loop)
{
    struct aio_node *node = loop->at_close ? &loop->at_close->node : NULL;
    for (; node; node = node->link.next)
        if (aio_node_callback_(node)->fn == aio_threads_closing_)
            return AIO_CONTAINER_(aio_node_callback_(node), struct aio_threads_, closing);
    return NULL;
}

static bool aio_threads_init_(struct aio_threads_ *threads)
{
    if (pthread_mutex_init(&threads->mutex, NULL))
        return false;
    if (aio_cond_init_(&threads->work) == 0) {
        if (aio_cond_init_(&threads->ended) == 0)
            return true;
        pthread_cond_destroy(&threads->work);
    }
    pthread_mutex_destroy(&threads->mutex);
    return false;
}

/* Those of the loop, made now if it has none. No thread is started. NULL: *error says why. */
static struct aio_threads_ *aio_threads_of_(struct aio_loop *loop, int *error)
{
    struct aio_threads_ *threads = aio_threads_find_(loop);
    *error = loop->poller->wake ? AIO_ENOMEM : AIO_ENOTSUP;
    if (threads || !loop->poller->wake)
        return threads;
    threads = (struct aio_threads_ *)AIO_MALLOC(sizeof *threads);
    if (!threads)
        return NULL;
    aio_memset_(threads, 0, sizeof *threads);
    if (!aio_threads_init_(threads)) {
        AIO_FREE(threads);
        return NULL;
    }
    threads->loop = loop;
    threads->owner = loop->thread;
    threads->pid = getpid();
    threads->patience = loop->shutdown_timeout;
    threads->limit = aio_threads_default_();
    threads->closing.fn = aio_threads_closing_;
    aio_loop_at_close(loop, &threads->closing);
    aio_visits_open_(threads);
    return threads;
}

AIO_API_ int aio_thread_limits(struct aio_loop *loop, unsigned limit, aio_time patience)
{
    int error;
    struct aio_threads_ *threads = aio_threads_of_(loop, &error);
    if (!threads)
        return error;
    threads->patience = patience > 0 ? patience : loop->shutdown_timeout;
    pthread_mutex_lock(&threads->mutex);
    threads->limit = limit ? limit : aio_threads_default_();
    while (aio_threads_want_(threads) && aio_worker_start_(threads) == 0)
        continue;
    pthread_mutex_unlock(&threads->mutex);
    return 0;
}

AIO_API_ int aio_thread_admit(struct aio_loop *loop)
{
    int error;
    return aio_threads_of_(loop, &error) ? 0 : error;
}

/* ----------------------------------------------------------------------------------- the job */

AIO_API_ bool aio_job_cancelled(void)
{
    return aio_job_current_ && __atomic_load_n(&aio_job_current_->cancelled, __ATOMIC_ACQUIRE);
}

static void aio_job_free_(struct aio_job_ *job)
{
    aio_callback_cancel(&job->late);
    *(job->younger ? &job->younger->older : &job->threads->jobs) = job->older;
    if (job->older)
        job->older->younger = job->younger;
    AIO_FREE(job);
}

static void aio_job_unref_(struct aio_job_ *job)
{
    if (--job->refs == 0)
        aio_job_free_(job);
}

/* The thread has posted it. */
static void aio_job_done_(struct aio_callback *callback)
{
    struct aio_job_ *job = AIO_CONTAINER_(callback, struct aio_job_, done);
    struct aio_node *node = aio_list_pop_(&job->waiters);
    job->ended = true;
    if (node)
        aio_wake_(callback->loop, aio_node_task_(node), aio_constant_(aio_ok_));
    aio_job_unref_(job);
}

static void aio_job_report_(struct aio_loop *loop, const char *message, const char *name, const char *file)
{
    aio_report_place_(loop, message, NULL, name, file, 0);
}

static void aio_job_late_(struct aio_callback *callback)
{
    struct aio_job_ *job = AIO_CONTAINER_(callback, struct aio_job_, late);
    aio_job_report_(callback->loop, "was cancelled, but its job runs on and is waited for", job->name, job->file);
}

static int aio_job_state_(struct aio_job_ *job)
{
    int state;
    pthread_mutex_lock(&job->threads->mutex);
    state = job->state;
    if (state == AIO_JOB_QUEUED_)
        aio_job_unqueue_(job->threads, job);
    pthread_mutex_unlock(&job->threads->mutex);
    return state;
}

/* The wait is cancelled. False: it must go on, because the job uses the frame. */
static bool aio_job_leave_(struct aio_loop *loop, struct aio_job_ *job)
{
    int state;
    bool again = job->aio.error == AIO_ECANCELED;
    __atomic_store_n(&job->cancelled, 1, __ATOMIC_RELEASE);
    job->aio.error = AIO_ECANCELED;
    state = aio_job_state_(job);                /* it is taken out of the queue, if it is there */
    if (state == AIO_JOB_QUEUED_)
        job->refs--;
    job->ended = state == AIO_JOB_DONE_;
    if (state != AIO_JOB_RUNNING_ || job->detached)
        return true;
    if (!again && job->threads->patience != AIO_FOREVER)
        (void)aio_loop_call_later(loop, &job->late, job->threads->patience);    /* without a timer, it is not told */
    return false;
}

/* The leaf: woken because the job is done, or cancelled. */
static struct aio_coro *aio_job_wait_(struct aio_coro *c, struct aio_coro *ret)
{
    struct aio_job_ *job = (struct aio_job_ *)(void *)c;
    struct aio_loop *loop = aio_thread_.loop;
    if (ret->error && !aio_job_leave_(loop, job)) {
        aio_park_list_(loop->current, c, &job->waiters, AIO_AT_LIST_);
        return NULL;
    }
    return c;
}

static const struct aio_type aio_job_type_ = { aio_job_wait_, AIO_NAMED_("thread", NULL) AIO_SIZE_(struct aio_job_) };

static struct aio_job_ *aio_job_new_(struct aio_threads_ *threads, struct aio_coro *c, bool detached)
{
    size_t size = detached ? c->type->size : 0;
    struct aio_job_ *job = (struct aio_job_ *)AIO_MALLOC(sizeof *job + size);
    if (!job)
        return NULL;
    aio_memset_(job, 0, sizeof *job);
    if (detached)
        aio_memcpy_((void *)(job + 1), c, size);
    job->frame = detached ? (struct aio_coro *)(void *)(job + 1) : c;
    job->detached = detached;
    job->aio.type = &aio_job_type_;
    job->aio.flags = AIO_F_CORO_ | AIO_F_PLACED_;
    job->aio.pc = AIO_PC_END_;
    job->aio.up.caller = c;
    job->done.fn = aio_job_done_;
    job->late.fn = aio_job_late_;
    job->threads = threads;
    job->refs = 2;
    job->older = threads->jobs;
    if (threads->jobs)
        threads->jobs->younger = job;
    threads->jobs = job;
    return job;
}

/* Puts it into the queue, and the task to sleep. */
static int aio_job_start_(struct aio_coro *c, int (*run)(struct aio_coro *frame), const char *name, bool detached)
{
    struct aio_loop *loop = aio_thread_.loop;
    struct aio_threads_ *threads;
    struct aio_job_ *job;
    int error;
    if (!aio_may_park_(loop->current))
        return AIO_ECANCELED;
    threads = aio_threads_of_(loop, &error);
    if (!threads)
        return error;
    job = aio_job_new_(threads, c, detached);
    if (!job)
        return AIO_ENOMEM;
    job->run = run;
    job->name = name;
    job->file = aio_file_of_(c->type);
    error = aio_threads_submit_(threads, job);
    if (error)
        aio_job_free_(job);
    else
        aio_park_list_(loop->current, &job->aio, &job->waiters, AIO_AT_LIST_);
    return error;
}

/* Takes the result, the error and leave of a job. */
static void aio_job_take_(struct aio_coro *c, struct aio_job_ *job)
{
    c->error = job->aio.error;
    if (job->ended) {
        AIO_ASSERT(job->value <= 0, "a job returns 0 or a negative error", job->name, job->file, 0);
        c->error = c->error ? c->error : job->value;
        if (job->detached)
            aio_memcpy_((char *)c + sizeof *c, (const char *)job->frame + sizeof *c, c->type->size - sizeof *c);
    }
    aio_job_unref_(job);
}

AIO_API_ struct aio_coro *aio_job_step_(struct aio_coro *c, struct aio_coro *ret,
                                        int (*run)(struct aio_coro *frame), const char *name, bool detached)
{
    if (c->pc == AIO_PC_FINALLY_)               /* cancelled before its first step */
        return c;
    if (c->pc == AIO_PC_START_) {
        c->pc = AIO_PC_END_;
        c->error = aio_job_start_(c, run, name, detached);
        if (!c->error)
            return NULL;
    } else
        aio_job_take_(c, (struct aio_job_ *)(void *)ret);
    if (c->error && c->error != AIO_ECANCELED)
        aio_trace_(aio_thread_.loop, c, NULL, 0);
    return c;
}

struct aio_to_thread_ { AIO_FRAME(void *); void *(*fn)(void *arg); void *arg; const char *name; };
static int aio_to_thread_run_(struct aio_coro *c)
{
    struct aio_to_thread_ *call = (struct aio_to_thread_ *)(void *)c;
    call->result = call->fn(call->arg);
    return 0;
}
static struct aio_coro *aio_to_thread_body_(struct aio_coro *c, struct aio_coro *ret)
{
    return aio_job_step_(c, ret, aio_to_thread_run_, ((struct aio_to_thread_ *)(void *)c)->name, false);
}

static const struct aio_type aio_to_thread_type_ = {
    aio_to_thread_body_, AIO_NAMED_("aio_to_thread", NULL) AIO_SIZE_(struct aio_to_thread_)
};

AIO_API_ struct aio_ptr *aio_to_thread_(void *(*fn)(void *arg), void *arg, const char *name)
{
    struct aio_to_thread_ *call =
        (struct aio_to_thread_ *)(void *)aio_frame_new(&aio_to_thread_type_, sizeof *call);
    if (call) {
        call->fn = fn;
        call->arg = arg;
        call->name = name;
    }
    return (struct aio_ptr *)(void *)call;
}

/* ----------------------------------------------------------------------------- closing the loop */

/* How many threads are not over; *needed: does one work on a frame, or on the inbox of the loop? */
static unsigned aio_threads_busy_(const struct aio_threads_ *threads, bool *needed)
{
    const struct aio_worker_ *worker;
    *needed = false;
    for (worker = threads->workers; worker; worker = worker->next)
        *needed |= worker->posting || (worker->job && !worker->job->detached);
    return threads->count;
}

static void aio_threads_name_(struct aio_threads_ *threads)
{
    struct aio_worker_ *worker;
    for (worker = threads->workers; worker; worker = worker->next) {
        const char *name = worker->job ? worker->job->name : NULL, *file = worker->job ? worker->job->file : NULL;
        if (!name)
            continue;
        pthread_mutex_unlock(&threads->mutex);  /* the handler is the user's */
        aio_job_report_(threads->loop, "does not end, and the loop is being closed", name, file);
        pthread_mutex_lock(&threads->mutex);
    }
}

/* Lets all threads end, for so long as patience lasts. Under the mutex. */
static void aio_threads_end_(struct aio_threads_ *threads)
{
    aio_time deadline = threads->patience == AIO_FOREVER ? AIO_FOREVER : aio_monotonic_end_(threads->patience);
    bool needed, told = false;
    threads->closed = true;
    pthread_cond_broadcast(&threads->work);
    while (aio_threads_busy_(threads, &needed) && (needed || !told))
        if (!aio_cond_wait_(&threads->ended, &threads->mutex, told ? AIO_FOREVER : deadline)) {
            aio_threads_name_(threads);
            told = true;
        }
}

/* Those that are over are joined; the others are left to themselves. Under the mutex. Are there any? */
static bool aio_threads_join_(struct aio_threads_ *threads)
{
    struct aio_worker_ *worker, *next;
    for (worker = threads->workers; worker; worker = next) {
        next = worker->next;
        if (worker->over) {
            pthread_join(worker->id, NULL);
            AIO_FREE(worker);
        } else
            pthread_detach(worker->id);
    }
    return threads->left = threads->count != 0;
}

/* A task that waited and could not be brought to its end (the poller failed): it will wait for ever, but
   not in a job. */
static void aio_job_lose_wait_(struct aio_job_ *job)
{
    struct aio_node *node = aio_list_pop_(&job->waiters);
    if (node) {
        node->place = AIO_AT_SETTLE_;
        aio_node_task_(node)->leaf = job->aio.up.caller;
    }
}

static void aio_visits_close_(struct aio_threads_ *threads);

/* After the last task: usually all there is to do is to send idle threads home. */
static void aio_threads_closing_(struct aio_callback *callback)
{
    struct aio_threads_ *threads = AIO_CONTAINER_(callback, struct aio_threads_, closing);
    struct aio_job_ *job, *older;
    bool left;
    if (threads->pid != getpid())
        return;                                 /* a child after a fork: neither threads nor mutex are there */
    aio_visits_close_(threads);
    for (job = threads->jobs; job; job = job->older)
        __atomic_store_n(&job->cancelled, 1, __ATOMIC_RELEASE);
    pthread_mutex_lock(&threads->mutex);
    while (threads->first)
        aio_job_unqueue_(threads, threads->first);
    aio_threads_end_(threads);
    aio_inbox_take_(threads->loop);             /* what they have posted, to take it back */
    for (job = threads->jobs; job; job = older) {
        older = job->older;
        aio_job_lose_wait_(job);
        aio_callback_cancel(&job->late);
        if (job->state != AIO_JOB_RUNNING_) {
            aio_callback_cancel(&job->done);
            aio_job_free_(job);
        }
    }
    left = aio_threads_join_(threads);
    pthread_mutex_unlock(&threads->mutex);
    if (!left)
        aio_threads_free_(threads);
}

/* ------------------------------------------------------------- into a loop from a thread */

/* A coroutine that another thread wants to be run, and waits for. Guarded by aio_visit_mutex_. */
struct aio_visit_ {
    struct aio_callback start, stop, ended;
    struct aio_threads_ *threads;
    struct aio_visit_ *next, *prev;
    struct aio_coro *c;                         /* placed in the memory of the thread that waits */
    pthread_cond_t over;
    uint8_t state;                              /* AIO_VISIT_... */
    int error;
};
enum {
    AIO_VISIT_POSTED_, AIO_VISIT_RUNNING_, AIO_VISIT_OVER_,
    AIO_VISIT_DROPPED_                          /* nobody waits any more; the loop frees it */
};

/* The loops that can be visited. One mutex for all: what is done under it is short. */
static pthread_mutex_t aio_visit_mutex_ = PTHREAD_MUTEX_INITIALIZER;
static struct aio_threads_ *aio_visit_hosts_;

static void aio_visit_lock_(void) { pthread_mutex_lock(&aio_visit_mutex_); }
static void aio_visit_unlock_(void) { pthread_mutex_unlock(&aio_visit_mutex_); }
static void aio_visit_forked_(void)
{
    aio_visit_hosts_ = NULL;                    /* the parent's */
    aio_visit_unlock_();
}
static void aio_visit_once_(void) { pthread_atfork(aio_visit_lock_, aio_visit_unlock_, aio_visit_forked_); }

static void aio_visits_open_(struct aio_threads_ *threads)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, aio_visit_once_);
    aio_visit_lock_();
    threads->next = aio_visit_hosts_;
    aio_visit_hosts_ = threads;
    aio_visit_unlock_();
}

static void aio_visit_free_(struct aio_visit_ *visit)
{
    pthread_cond_destroy(&visit->over);
    AIO_FREE(visit);
}

/* The loop is through with it, and nothing of the loop's points at it or at its coroutine any more. */
static void aio_visit_over_(struct aio_visit_ *visit, int error)
{
    *(visit->prev ? &visit->prev->next : &visit->threads->visits) = visit->next;
    if (visit->next)
        visit->next->prev = visit->prev;
    if (visit->state == AIO_VISIT_DROPPED_) {
        aio_visit_free_(visit);
        return;
    }
    visit->error = error;
    visit->state = AIO_VISIT_OVER_;
    pthread_cond_signal(&visit->over);
}

/* The task is done. The slot must not be pointed at any more: the handle here is the last. */
static int aio_visit_release_(struct aio_visit_ *visit)
{
    int error = aio_task_error_(visit->c);
    AIO_EXPECT_(visit->c->up.task->node.refs == 1, "a handle is left of a task in the memory of another thread",
                visit->c);
    aio_release_(visit->c, 0);
    return error;
}

static void aio_visit_ended_(struct aio_callback *callback)
{
    struct aio_visit_ *visit = AIO_CONTAINER_(callback, struct aio_visit_, ended);
    int error = aio_visit_release_(visit);
    aio_visit_lock_();
    aio_inbox_take_(callback->loop);            /* a request to stop that came too late */
    aio_callback_cancel(&visit->stop);
    aio_visit_over_(visit, error);
    aio_visit_unlock_();
}

static void aio_visit_stop_(struct aio_callback *callback)
{
    aio_task_cancel_(AIO_CONTAINER_(callback, struct aio_visit_, stop)->c);
}

static void aio_visit_start_(struct aio_callback *callback)
{
    struct aio_visit_ *visit = AIO_CONTAINER_(callback, struct aio_visit_, start);
    int error = 0;
    aio_visit_lock_();
    if (visit->state == AIO_VISIT_POSTED_ && !callback->loop->closing) {
        if (aio_task_new_(callback->loop, aio_taskable_(visit->c))) {
            visit->state = AIO_VISIT_RUNNING_;
            aio_add_done_callback_(visit->c, &visit->ended);
        } else
            error = AIO_ENOMEM;
    } else
        error = AIO_ESHUTDOWN;
    if (error)
        aio_visit_over_(visit, error);
    aio_visit_unlock_();
}

/* The loop goes. Its tasks have ended, unless the poller has failed; such a task will never run again, and
   lets go of the slot. */
static void aio_visits_close_(struct aio_threads_ *threads)
{
    struct aio_threads_ **at = &aio_visit_hosts_;
    struct aio_visit_ *visit;
    aio_visit_lock_();
    while (*at != threads)
        at = &(*at)->next;
    *at = threads->next;                        /* from here on nobody comes */
    aio_inbox_take_(threads->loop);
    while ((visit = threads->visits) != NULL) {
        int error = AIO_ESHUTDOWN;
        aio_callback_cancel(&visit->start);
        aio_callback_cancel(&visit->stop);
        aio_callback_cancel(&visit->ended);
        if (visit->state == AIO_VISIT_RUNNING_ && visit->c->pc == AIO_PC_DONE_)
            error = aio_visit_release_(visit);
        else if (visit->state == AIO_VISIT_RUNNING_) {
            aio_task_lose_(visit->c->up.task);
            visit->c->up.task->node.place = AIO_AT_NOTHING_;
        }
        aio_visit_over_(visit, error);
    }
    aio_visit_unlock_();
}

/* Posts it to the loop, if that can be visited. Under the mutex. */
static int aio_visit_begin_(struct aio_visit_ *visit, struct aio_loop *loop)
{
    struct aio_threads_ *threads = aio_visit_hosts_;
    while (threads && threads->loop != loop)
        threads = threads->next;
    if (threads && !aio_thread_.poller)
        aio_thread_.poller = loop->poller;      /* this thread may have none to print by */
    aio_expect_unrun_(visit->c);
    AIO_EXPECT_(visit->c->flags & AIO_F_PLACED_, "must be made by aio_place, to be run by another thread's loop",
                visit->c);
    if (!threads)
        return AIO_ESHUTDOWN;
    if (threads->owner == &aio_thread_)
        return AIO_EDEADLK;
    visit->threads = threads;
    visit->next = threads->visits;
    if (visit->next)
        visit->next->prev = visit;
    threads->visits = visit;
    aio_loop_post(loop, &visit->start);
    return 0;
}

/* Waits for its end. What was not begun in time is left to the loop; what was, is cancelled and waited for. */
static int aio_visit_wait_(struct aio_visit_ *visit, struct aio_loop *loop, aio_time deadline)
{
    bool late = false;
    while (visit->state != AIO_VISIT_OVER_)
        if (!aio_cond_wait_(&visit->over, &aio_visit_mutex_, late ? AIO_FOREVER : deadline)) {
            if (visit->state == AIO_VISIT_POSTED_) {
                visit->state = AIO_VISIT_DROPPED_;
                return AIO_ETIMEDOUT;
            }
            if (visit->state == AIO_VISIT_RUNNING_ && !late) {
                aio_loop_post(loop, &visit->stop);
                late = true;
            }
        }
    return late && visit->error == AIO_ECANCELED ? AIO_ETIMEDOUT : visit->error;
}

static int aio_visit_run_(struct aio_loop *loop, aio_time timeout, struct aio_coro *c)
{
    aio_time deadline = timeout == AIO_FOREVER ? AIO_FOREVER : aio_monotonic_end_(timeout);
    struct aio_visit_ *visit = (struct aio_visit_ *)AIO_MALLOC(sizeof *visit);
    int error;
    if (!visit)
        return AIO_ENOMEM;
    aio_memset_(visit, 0, sizeof *visit);
    visit->c = c;
    visit->start.fn = aio_visit_start_;
    visit->stop.fn = aio_visit_stop_;
    visit->ended.fn = aio_visit_ended_;
    if (aio_cond_init_(&visit->over)) {
        AIO_FREE(visit);
        return AIO_ENOMEM;
    }
    aio_visit_lock_();
    error = aio_visit_begin_(visit, loop);
    if (!error)
        error = aio_visit_wait_(visit, loop, deadline);
    if (visit->state != AIO_VISIT_DROPPED_)
        aio_visit_free_(visit);
    aio_visit_unlock_();
    return error;
}

AIO_API_ int aio_run_threadsafe_(struct aio_loop *loop, aio_time timeout, struct aio_coro *c, size_t offset,
                                 void *result, size_t size)
{
    int error = AIO_ENOMEM;
    if (c) {
        error = aio_visit_run_(loop, timeout, c);
        c->pc = AIO_PC_DONE_;                   /* accepted or not, it was used up */
    }
    if (result && c)
        aio_memcpy_(result, (const char *)c + offset, size);
    else if (result)
        aio_memset_(result, 0, size);
    return error;
}

#ifdef __cplusplus
}
#endif
#endif /* AIO_IMPLEMENTATION */
