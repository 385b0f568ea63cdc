/* libev.c - the suite's workloads in libev. By hand:

       cc -O2 -DNDEBUG -iquote bench bench/peers/libev.c -o libev -lev

   A task is a watcher that is fed to the loop with ev_feed_event(), which costs a store and a call, and no
   system call. libev calls the newest fed first, so a task that feeds itself would run again before the
   others: tasks that yield are kept in an array, and the last of a round feeds them all. Coroutines, queues
   and locks: none. */
#define PEER "libev"
#include "peers.h"
#include <ev.h>

static struct ev_loop *main_loop;

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    require(memory != NULL, "out of memory");
    return memory;
}

static void loop_open(void)
{
    main_loop = ev_loop_new(EVFLAG_AUTO);
    require(main_loop != NULL, "no loop");
}

/* -------------------------------------------------------------- yield, spawn_join, gather */

/* ev_idle: the smallest kind of watcher. It is never started. */
struct task {
    ev_idle watcher;
    long yields;
    struct crowd *crowd;
};

struct crowd {
    struct task **waiting; /* have yielded in this round */
    long count, unfinished;
    long members, rounds; /* gather */
};

/* The newest fed is called first: feed from the end. */
static void crowd_feed(struct crowd *crowd)
{
    while (crowd->count > 0)
        ev_feed_event(main_loop, &crowd->waiting[--crowd->count]->watcher, 0);
}

static void task_yield(struct task *task)
{
    struct crowd *crowd = task->crowd;
    crowd->waiting[crowd->count++] = task;
    if (crowd->count == crowd->unfinished)
        crowd_feed(crowd);
}

static void on_turn(EV_P_ ev_idle *watcher, int revents)
{
    struct task *task = (struct task *)watcher;
    struct crowd *crowd = task->crowd;
    (void)loop;
    (void)revents;
    if (task->yields-- > 0) {
        task_yield(task);
    } else if (crowd->count == --crowd->unfinished) {
        crowd_feed(crowd);
    }
}

/* Nothing is started, so ev_run() would end at once: what is fed is run by ev_invoke_pending(), as
   ev_run() does. */
static void yield(const long *arguments)
{
    struct crowd crowd = {NULL, 0, arguments[0], 0, 0};
    struct task *tasks = calloc((size_t)arguments[0], sizeof *tasks);
    long i;
    crowd.waiting = calloc((size_t)arguments[0], sizeof *crowd.waiting);
    require(tasks && crowd.waiting, "out of memory");
    loop_open();
    for (i = 0; i < arguments[0]; i++) {
        ev_idle_init(&tasks[i].watcher, on_turn);
        tasks[i].yields = arguments[1];
        tasks[i].crowd = &crowd;
        ev_feed_event(main_loop, &tasks[i].watcher, 0);
    }
    stopwatch_start();
    ev_invoke_pending(main_loop);
    stopwatch_stop();
    require(crowd.unfinished == 0, "somebody did not end");
    ev_loop_destroy(main_loop);
    free(crowd.waiting);
    free(tasks);
}

static void gather_start(struct crowd *crowd);

/* Whoever waits for the last one goes on in its callback. */
static void on_member_turn(EV_P_ ev_idle *watcher, int revents)
{
    struct task *task = (struct task *)watcher;
    struct crowd *crowd = task->crowd;
    (void)loop;
    (void)revents;
    if (task->yields-- > 0) {
        task_yield(task);
        return;
    }
    free(task);
    if (--crowd->unfinished == 0 && --crowd->rounds > 0)
        gather_start(crowd);
}

static void gather_start(struct crowd *crowd)
{
    for (; crowd->unfinished < crowd->members; crowd->unfinished++) {
        struct task *task = allocate(sizeof *task);
        ev_idle_init(&task->watcher, on_member_turn);
        task->yields = 1;
        task->crowd = crowd;
        ev_feed_event(main_loop, &task->watcher, 0);
    }
}

static void gather(const long *arguments)
{
    struct crowd crowd = {NULL, 0, 0, arguments[0], arguments[1]};
    crowd.waiting = allocate((size_t)arguments[0] * sizeof *crowd.waiting);
    loop_open();
    stopwatch_start();
    gather_start(&crowd);
    ev_invoke_pending(main_loop);
    stopwatch_stop();
    require(crowd.rounds == 0, "somebody was not waited for");
    ev_loop_destroy(main_loop);
    free(crowd.waiting);
}

static long to_spawn;

static void on_spawned(EV_P_ ev_idle *watcher, int revents)
{
    (void)revents;
    free(watcher);
    if (--to_spawn > 0) {
        watcher = allocate(sizeof *watcher);
        ev_idle_init(watcher, on_spawned);
        ev_feed_event(EV_A_ watcher, 0);
    }
}

static void spawn_join(const long *arguments)
{
    ev_idle *first = allocate(sizeof *first);
    to_spawn = arguments[0];
    loop_open();
    stopwatch_start();
    ev_idle_init(first, on_spawned);
    ev_feed_event(main_loop, first, 0);
    ev_invoke_pending(main_loop);
    stopwatch_stop();
    require(to_spawn == 0, "somebody was not waited for");
    ev_loop_destroy(main_loop);
}

/* ----------------------------------------------------------------------------------- timers */

static struct audience audience;

static void on_awake(EV_P_ ev_timer *timer, int revents)
{
    (void)loop;
    (void)revents;
    audience.awake++;
    free(timer);
}

static void sleepers(const long *arguments)
{
    long i;
    audience = (struct audience){arguments[0], arguments[1], 0, 0, 0};
    loop_open();
    audience_enters(&audience);
    ev_now_update(main_loop);
    for (i = 0; i < audience.tasks; i++) {
        ev_timer *timer = allocate(sizeof *timer);
        ev_timer_init(timer, on_awake, sleep_ms(&audience, i) * 1e-3, 0.);
        ev_timer_start(main_loop, timer);
    }
    audience_sleeps(&audience);
    ev_run(main_loop, 0);
    audience_leaves(&audience);
    ev_loop_destroy(main_loop);
}

static void on_never(EV_P_ ev_timer *timer, int revents)
{
    (void)loop;
    (void)timer;
    (void)revents;
    require(0, "a timer fired early");
}

static ev_timer *timers_arm(long pending)
{
    ev_timer *timers = allocate((size_t)(pending ? pending : 1) * sizeof *timers);
    long i;
    for (i = 0; i < pending; i++) {
        ev_timer_init(&timers[i], on_never, 2000. + (double)i, 0.);
        ev_timer_start(main_loop, &timers[i]);
    }
    return timers;
}

static void timeout_cancel(const long *arguments)
{
    ev_timer *timers, timeout;
    long n;
    loop_open();
    timers = timers_arm(arguments[0]);
    ev_init(&timeout, on_never);
    stopwatch_start();
    for (n = arguments[1]; n > 0; n--) {
        ev_timer_set(&timeout, 1000., 0.);
        ev_timer_start(main_loop, &timeout);
        ev_timer_stop(main_loop, &timeout);
    }
    stopwatch_stop();
    ev_loop_destroy(main_loop);
    free(timers);
}

static long expiries;

static void on_expire(EV_P_ ev_timer *timer, int revents)
{
    (void)revents;
    if (--expiries > 0) {
        ev_timer_set(timer, 0., 0.);
        ev_timer_start(EV_A_ timer);
    } else {
        ev_break(EV_A_ EVBREAK_ALL);
    }
}

static void timeout_expire(const long *arguments)
{
    ev_timer *timers, timeout;
    loop_open();
    timers = timers_arm(arguments[0]);
    expiries = arguments[1];
    stopwatch_start();
    ev_timer_init(&timeout, on_expire, 0., 0.);
    ev_timer_start(main_loop, &timeout);
    ev_run(main_loop, 0);
    stopwatch_stop();
    require(expiries == 0, "a timer did not expire");
    ev_loop_destroy(main_loop);
    free(timers);
}

/* ------------------------------------------------------------------------------------- post */

/* An async watcher wakes the loop and carries nothing, so the calls are in a list of one's own. */
static ev_async async;
static struct mailbox mailbox;

static void on_letter(void *posting)
{
    if (posting_count(posting))
        ev_async_stop(main_loop, &async);
}

static void on_post(void *posting)
{
    if (mailbox_put(&mailbox, on_letter, posting))
        ev_async_send(main_loop, &async);
}

static void on_async(EV_P_ ev_async *watcher, int revents)
{
    (void)loop;
    (void)watcher;
    (void)revents;
    mailbox_run(&mailbox);
}

static void post(const long *arguments)
{
    struct posting posting = {.n = arguments[0], .post = on_post};
    loop_open();
    ev_async_init(&async, on_async);
    ev_async_start(main_loop, &async);
    mailbox_init(&mailbox);
    posting_start(&posting);
    ev_run(main_loop, 0);
    posting_end(&posting);
    ev_loop_destroy(main_loop);
}

/* ------------------------------------------------------------------------------- the servers */

struct connection {
    ev_io io;
    struct talk talk;
};

static void connection_close(struct connection *connection)
{
    ev_io_stop(main_loop, &connection->io);
    close(connection->io.fd);
    free(connection);
}

static void connection_watch(struct connection *connection, int events)
{
    ev_io_stop(main_loop, &connection->io);
    ev_io_modify(&connection->io, events);
    ev_io_start(main_loop, &connection->io);
}

/* Nearly always all is sent at once. Where it is not, reading stops until it is. */
static void connection_send(struct connection *connection)
{
    struct talk *talk = &connection->talk;
    int writing = connection->io.events & EV_WRITE;
    while (talk->left > 0) {
        ssize_t n = send(connection->io.fd, talk->out, talk->left, MSG_NOSIGNAL);
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

static void on_echo(EV_P_ ev_io *io, int revents)
{
    struct connection *connection = (struct connection *)io;
    struct talk *talk = &connection->talk;
    (void)loop;
    if (revents & EV_READ) {
        ssize_t sent, n = recv(io->fd, talk->buffer, sizeof talk->buffer, 0);
        if (n <= 0) {
            connection_ended(connection, n);
            return;
        }
        sent = send(io->fd, talk->buffer, (size_t)n, MSG_NOSIGNAL);
        if (sent == n)
            return;
        talk_received(talk, (size_t)n);
        talk_sent(talk, sent);
    }
    connection_send(connection);
}

static void on_http(EV_P_ ev_io *io, int revents)
{
    struct connection *connection = (struct connection *)io;
    struct talk *talk = &connection->talk;
    (void)loop;
    if (revents & EV_READ) {
        ssize_t n = recv(io->fd, talk->buffer + talk->used, sizeof talk->buffer - talk->used, 0);
        if (n <= 0) {
            connection_ended(connection, n);
            return;
        }
        talk_received(talk, (size_t)n);
    }
    connection_send(connection);
}

/* One a turn: where there are more, epoll says so again, and looking for one that is not there costs a
   call too. */
static void on_accept(EV_P_ ev_io *listener, int revents)
{
    struct connection *connection;
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    (void)revents;
    if (fd < 0)
        return;
    connection = allocate(sizeof *connection);
    talk_init(&connection->talk, listener->data != NULL);
    ev_io_init(&connection->io, listener->data ? on_http : on_echo, fd, EV_READ);
    ev_io_start(EV_A_ & connection->io);
}

static void serve(long port, void *http)
{
    ev_io listener;
    loop_open();
    ev_io_init(&listener, on_accept, listen_on(port), EV_READ);
    listener.data = http;
    ev_io_start(main_loop, &listener);
    print_port(listener.fd);
    ev_run(main_loop, 0);
}

static void echo(const long *arguments) { serve(arguments[0], NULL); }
static void http(const long *arguments) { serve(arguments[0], &main_loop); }

/* ------------------------------------------------------------------------------------- ring */

struct reader {
    ev_io io;
    long i;
};

static struct pipes pipes;

static void on_token(EV_P_ ev_io *io, int revents)
{
    (void)revents;
    if (pipes_turn(&pipes, ((struct reader *)io)->i))
        ev_break(EV_A_ EVBREAK_ALL);
}

static void ring(const long *arguments)
{
    struct reader *readers = allocate((size_t)arguments[0] * sizeof *readers);
    long i;
    loop_open();
    pipes_open(&pipes, arguments);
    for (i = 0; i < pipes.pairs; i++) {
        readers[i].i = i;
        ev_io_init(&readers[i].io, on_token, pipes.fds[i][0], EV_READ);
        ev_io_start(main_loop, &readers[i].io);
    }
    ev_run(main_loop, EVRUN_NOWAIT); /* registers them all */
    pipes_start(&pipes);
    ev_run(main_loop, 0);
    stopwatch_stop();
    ev_loop_destroy(main_loop);
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
