/* libevent.c - the suite's workloads in libevent. By hand:

       cc -O2 -DNDEBUG -iquote bench bench/peers/libevent.c -o libevent -levent_core -levent_pthreads

   A task is an event that is never added, only made active: libevent calls what is active first come, first
   served, and makes no system call as long as there is any. The servers use plain events, recv() and send(),
   which is faster than bufferevents. Coroutines, queues and locks: none. */
#define PEER "libevent"
#include "peers.h"
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>
#include <event2/thread.h>

static struct event_base *base;

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    require(memory != NULL, "out of memory");
    return memory;
}

static void base_open(void)
{
    base = event_base_new();
    require(base != NULL, "no event base");
}

static struct timeval milliseconds(double ms)
{
    struct timeval time;
    time.tv_sec = (time_t)(ms / 1e3);
    time.tv_usec = (suseconds_t)(ms * 1e3) % 1000000;
    return time;
}

/* -------------------------------------------------------------- yield, spawn_join, gather */

struct task {
    struct event event;
    long yields;
    struct crowd *crowd;
};

struct crowd {
    long members, rounds, yields; /* of each member */
    long unfinished;
};

static void on_turn(evutil_socket_t fd, short what, void *argument)
{
    struct task *task = argument;
    (void)fd;
    (void)what;
    if (task->yields-- > 0)
        event_active(&task->event, 0, 0);
    else
        task->crowd->unfinished--;
}

static void yield(const long *arguments)
{
    struct crowd crowd = {arguments[0], 1, arguments[1], arguments[0]};
    struct task *tasks = allocate((size_t)arguments[0] * sizeof *tasks);
    long i;
    base_open();
    for (i = 0; i < arguments[0]; i++) {
        tasks[i].yields = arguments[1];
        tasks[i].crowd = &crowd;
        event_assign(&tasks[i].event, base, -1, 0, on_turn, &tasks[i]);
        event_active(&tasks[i].event, 0, 0);
    }
    stopwatch_start();
    event_base_dispatch(base);
    stopwatch_stop();
    require(crowd.unfinished == 0, "somebody did not end");
    event_base_free(base);
    free(tasks);
}

static void crowd_start(struct crowd *crowd);

/* Whoever waits for a task, or for the last of many, goes on in its callback. */
static void on_member_turn(evutil_socket_t fd, short what, void *argument)
{
    struct task *task = argument;
    struct crowd *crowd = task->crowd;
    (void)fd;
    (void)what;
    if (task->yields-- > 0) {
        event_active(&task->event, 0, 0);
        return;
    }
    free(task);
    if (--crowd->unfinished == 0 && --crowd->rounds > 0)
        crowd_start(crowd);
}

static void crowd_start(struct crowd *crowd)
{
    for (; crowd->unfinished < crowd->members; crowd->unfinished++) {
        struct task *task = allocate(sizeof *task);
        task->yields = crowd->yields;
        task->crowd = crowd;
        event_assign(&task->event, base, -1, 0, on_member_turn, task);
        event_active(&task->event, 0, 0);
    }
}

static void crowd_run(struct crowd crowd)
{
    base_open();
    stopwatch_start();
    crowd_start(&crowd);
    event_base_dispatch(base);
    stopwatch_stop();
    require(crowd.rounds == 0, "somebody was not waited for");
    event_base_free(base);
}

static void spawn_join(const long *arguments) { crowd_run((struct crowd){1, arguments[0], 0, 0}); }
static void gather(const long *arguments) { crowd_run((struct crowd){arguments[0], arguments[1], 1, 0}); }

/* ----------------------------------------------------------------------------------- timers */

static struct audience audience;

static void on_awake(evutil_socket_t fd, short what, void *event)
{
    (void)fd;
    (void)what;
    audience.awake++;
    free(event);
}

static void sleepers(const long *arguments)
{
    long i;
    audience = (struct audience){arguments[0], arguments[1], 0, 0, 0};
    base_open();
    audience_enters(&audience);
    event_base_update_cache_time(base);
    for (i = 0; i < audience.tasks; i++) {
        struct event *event = allocate(sizeof *event);
        struct timeval delay = milliseconds(sleep_ms(&audience, i));
        evtimer_assign(event, base, on_awake, event);
        evtimer_add(event, &delay);
    }
    audience_sleeps(&audience);
    event_base_dispatch(base);
    audience_leaves(&audience);
    event_base_free(base);
}

static void on_never(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    (void)argument;
    require(0, "a timer fired early");
}

static struct event *timers_arm(long pending)
{
    struct event *timers = allocate((size_t)(pending ? pending : 1) * sizeof *timers);
    long i;
    for (i = 0; i < pending; i++) {
        struct timeval delay = {2000 + i, 0};
        evtimer_assign(&timers[i], base, on_never, NULL);
        evtimer_add(&timers[i], &delay);
    }
    return timers;
}

static void timers_end(struct event *timers, long pending)
{
    while (pending > 0)
        evtimer_del(&timers[--pending]);
    event_base_free(base);
    free(timers);
}

static long timeouts;

/* In a callback, as libevent looks at the clock once a turn there, and at every call elsewhere. From its
   heap: its queues of equal timeouts (event_base_init_common_timeout) took half as long again. */
static void on_timeouts(evutil_socket_t fd, short what, void *argument)
{
    struct timeval limit = {1000, 0};
    struct event timeout;
    (void)fd;
    (void)what;
    (void)argument;
    evtimer_assign(&timeout, base, on_never, NULL);
    stopwatch_start();
    for (; timeouts > 0; timeouts--) {
        evtimer_add(&timeout, &limit);
        evtimer_del(&timeout);
    }
    stopwatch_stop();
    event_base_loopbreak(base);
}

static void timeout_cancel(const long *arguments)
{
    struct event *timers;
    base_open();
    timers = timers_arm(arguments[0]);
    timeouts = arguments[1];
    event_base_once(base, -1, EV_TIMEOUT, on_timeouts, NULL, NULL);
    event_base_dispatch(base);
    require(timeouts == 0, "no timeout was armed");
    timers_end(timers, arguments[0]);
}

static void on_expire(evutil_socket_t fd, short what, void *event)
{
    static const struct timeval at_once = {0, 0};
    (void)fd;
    (void)what;
    if (--timeouts > 0)
        evtimer_add(event, &at_once);
    else
        event_base_loopbreak(base);
}

static void timeout_expire(const long *arguments)
{
    static const struct timeval at_once = {0, 0};
    struct event *timers, timeout;
    base_open();
    timers = timers_arm(arguments[0]);
    timeouts = arguments[1];
    evtimer_assign(&timeout, base, on_expire, &timeout);
    stopwatch_start();
    evtimer_add(&timeout, &at_once);
    event_base_dispatch(base);
    stopwatch_stop();
    require(timeouts == 0, "a timer did not expire");
    timers_end(timers, arguments[0]);
}

/* ------------------------------------------------------------------------------------- post */

/* An event made active from another thread wakes the loop, and is active once however often: so the calls are
   in a list of one's own. */
static struct event *arrival;
static struct mailbox mailbox;

static void on_letter(void *posting)
{
    if (posting_count(posting))
        event_base_loopbreak(base);
}

static void on_post(void *posting)
{
    if (mailbox_put(&mailbox, on_letter, posting))
        event_active(arrival, 0, 0);
}

static void on_arrival(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    (void)argument;
    mailbox_run(&mailbox);
}

static void post(const long *arguments)
{
    struct posting posting = {.n = arguments[0], .post = on_post};
    require(evthread_use_pthreads() == 0, "no threads");
    base_open();
    arrival = event_new(base, -1, EV_PERSIST, on_arrival, NULL);
    mailbox_init(&mailbox);
    posting_start(&posting);
    event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
    posting_end(&posting);
    event_free(arrival);
    event_base_free(base);
}

/* ------------------------------------------------------------------------------- the servers */

struct connection {
    struct event event;
    struct talk talk;
};

static void connection_close(struct connection *connection)
{
    event_del(&connection->event);
    close(event_get_fd(&connection->event));
    free(connection);
}

static void connection_watch(struct connection *connection, short events)
{
    evutil_socket_t fd = event_get_fd(&connection->event);
    event_del(&connection->event);
    event_assign(&connection->event, base, fd, (short)(events | EV_PERSIST),
                 event_get_callback(&connection->event), connection);
    event_add(&connection->event, NULL);
}

/* Nearly always all is sent at once. Where it is not, reading stops until it is. */
static void connection_send(struct connection *connection, int writing)
{
    struct talk *talk = &connection->talk;
    while (talk->left > 0) {
        ssize_t n = send(event_get_fd(&connection->event), talk->out, talk->left, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            if (!writing)
                connection_watch(connection, EV_WRITE);
            return;
        }
        if (n < 0) {
            connection_close(connection);
            return;
        }
        talk_sent(talk, n);
    }
    if (talk->closing)
        connection_close(connection);
    else if (writing)
        connection_watch(connection, EV_READ);
}

static void connection_ended(struct connection *connection, ssize_t n)
{
    if (n == 0 || errno != EAGAIN)
        connection_close(connection);
}

static void on_echo(evutil_socket_t fd, short what, void *argument)
{
    struct connection *connection = argument;
    struct talk *talk = &connection->talk;
    if (what & EV_READ) {
        ssize_t sent, n = recv(fd, talk->buffer, sizeof talk->buffer, 0);
        if (n <= 0) {
            connection_ended(connection, n);
            return;
        }
        sent = send(fd, talk->buffer, (size_t)n, MSG_NOSIGNAL);
        if (sent == n)
            return;
        talk_received(talk, (size_t)n);
        talk_sent(talk, sent);
    }
    connection_send(connection, what & EV_WRITE);
}

static void on_http(evutil_socket_t fd, short what, void *argument)
{
    struct connection *connection = argument;
    struct talk *talk = &connection->talk;
    if (what & EV_READ) {
        ssize_t n = recv(fd, talk->buffer + talk->used, sizeof talk->buffer - talk->used, 0);
        if (n <= 0) {
            connection_ended(connection, n);
            return;
        }
        talk_received(talk, (size_t)n);
    }
    connection_send(connection, what & EV_WRITE);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int size,
                      void *http)
{
    struct connection *connection = allocate(sizeof *connection);
    (void)listener;
    (void)peer;
    (void)size;
    talk_init(&connection->talk, http != NULL);
    event_assign(&connection->event, base, fd, EV_READ | EV_PERSIST, http ? on_http : on_echo, connection);
    event_add(&connection->event, NULL);
}

static void serve(long port, void *http)
{
    int fd = listen_on(port);
    base_open();
    require(evconnlistener_new(base, on_accept, http, LEV_OPT_CLOSE_ON_EXEC, 0, fd) != NULL, "cannot listen");
    print_port(fd);
    event_base_dispatch(base);
}

static void echo(const long *arguments) { serve(arguments[0], NULL); }
static void http(const long *arguments) { serve(arguments[0], &base); }

/* ------------------------------------------------------------------------------------- ring */

struct reader {
    struct event event;
    long i;
};

static struct pipes pipes;

static void on_token(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    if (pipes_turn(&pipes, ((struct reader *)argument)->i))
        event_base_loopbreak(base);
}

static void ring(const long *arguments)
{
    struct reader *readers = allocate((size_t)arguments[0] * sizeof *readers);
    long i;
    base_open();
    pipes_open(&pipes, arguments);
    for (i = 0; i < pipes.pairs; i++) {
        readers[i].i = i;
        event_assign(&readers[i].event, base, pipes.fds[i][0], EV_READ | EV_PERSIST, on_token, &readers[i]);
        event_add(&readers[i].event, NULL);
    }
    pipes_start(&pipes);
    event_base_dispatch(base);
    stopwatch_stop();
    for (i = 0; i < pipes.pairs; i++)
        event_del(&readers[i].event);
    event_base_free(base);
    pipes_close(&pipes);
    free(readers);
}

static const struct workload workloads[] = {
    {"yield", yield},
    {"spawn_join", spawn_join},
    {"gather", gather},
    {"sleepers", sleepers},
    {"timeout_cancel", timeout_cancel},
    {"timeout_expire", timeout_expire},
    {"post", post},
    {"echo", echo},
    {"http", http},
    {"ring", ring},
    {NULL, NULL},
};

int main(int argc, char **argv) { return peer_main(argc, argv, workloads); }
