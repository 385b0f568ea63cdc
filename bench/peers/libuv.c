/* libuv.c - the suite's workloads in libuv. By hand:

       cc -O2 -DNDEBUG -iquote bench bench/peers/libuv.c -o libuv -luv

   libuv has no queue of what is ready to run. The cheapest thing of its own that is called again once a turn
   of the loop is an idle handle, and so that is a task here. A turn asks the kernel for events too: one
   system call, shared by all tasks. Coroutines, queues and locks: none. */
#define PEER "libuv"
#include "peers.h"
#include <uv.h>

static uv_loop_t loop;

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    require(memory != NULL, "out of memory");
    return memory;
}

static void on_close_free(uv_handle_t *handle) { free(handle); }

/* Runs until no handle is left, which all must be. */
static void loop_finish(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
    require(uv_loop_close(&loop) == 0, "handles are left over");
}

/* ------------------------------------------------------------------------------------ yield */

struct task {
    uv_idle_t idle;
    long yields;
};

static void on_turn(uv_idle_t *idle)
{
    struct task *task = (struct task *)idle->data;
    if (task->yields-- == 0)
        uv_close((uv_handle_t *)idle, NULL);
}

static void yield(const long *arguments)
{
    struct task *tasks = calloc((size_t)arguments[0], sizeof *tasks);
    long i;
    require(tasks != NULL, "out of memory");
    uv_loop_init(&loop);
    for (i = 0; i < arguments[0]; i++) {
        tasks[i].yields = arguments[1];
        tasks[i].idle.data = &tasks[i];
        uv_idle_init(&loop, &tasks[i].idle);
        uv_idle_start(&tasks[i].idle, on_turn);
    }
    stopwatch_start();
    uv_run(&loop, UV_RUN_DEFAULT);
    stopwatch_stop();
    loop_finish();
    free(tasks);
}

/* ------------------------------------------------------------------------ spawn_join, gather */

/* Each member waits for its first turn, yields once more if it is to, and ends. Whoever waits for the last of
   them goes on in that one's close callback. */
struct crowd {
    long members, rounds, unfinished;
    int turns; /* of each member */
};

struct member {
    uv_idle_t idle;
    struct crowd *crowd;
    int turns;
};

static void crowd_start(struct crowd *crowd);

static void on_member_end(uv_handle_t *handle)
{
    struct member *member = (struct member *)handle->data;
    struct crowd *crowd = member->crowd;
    free(member);
    if (--crowd->unfinished == 0 && --crowd->rounds > 0)
        crowd_start(crowd);
}

static void on_member_turn(uv_idle_t *idle)
{
    struct member *member = (struct member *)idle->data;
    if (--member->turns == 0)
        uv_close((uv_handle_t *)idle, on_member_end);
}

static void crowd_start(struct crowd *crowd)
{
    for (; crowd->unfinished < crowd->members; crowd->unfinished++) {
        struct member *member = allocate(sizeof *member);
        member->crowd = crowd;
        member->turns = crowd->turns;
        member->idle.data = member;
        uv_idle_init(&loop, &member->idle);
        uv_idle_start(&member->idle, on_member_turn);
    }
}

static void crowd_run(struct crowd crowd)
{
    uv_loop_init(&loop);
    stopwatch_start();
    crowd_start(&crowd);
    uv_run(&loop, UV_RUN_DEFAULT);
    stopwatch_stop();
    require(crowd.rounds == 0, "somebody was not waited for");
    loop_finish();
}

static void spawn_join(const long *arguments) { crowd_run((struct crowd){1, arguments[0], 0, 1}); }
static void gather(const long *arguments) { crowd_run((struct crowd){arguments[0], arguments[1], 0, 2}); }

/* ----------------------------------------------------------------------------------- timers */

static struct audience audience;

static void on_awake(uv_timer_t *timer)
{
    audience.awake++;
    uv_close((uv_handle_t *)timer, on_close_free);
}

static void sleepers(const long *arguments)
{
    long i;
    audience = (struct audience){arguments[0], arguments[1], 0, 0, 0};
    uv_loop_init(&loop);
    audience_enters(&audience);
    uv_update_time(&loop);
    for (i = 0; i < audience.tasks; i++) {
        uv_timer_t *timer = allocate(sizeof *timer);
        uv_timer_init(&loop, timer);
        uv_timer_start(timer, on_awake, (uint64_t)sleep_ms(&audience, i), 0);
    }
    audience_sleeps(&audience);
    uv_run(&loop, UV_RUN_DEFAULT);
    audience_leaves(&audience);
    loop_finish();
}

static void on_never(uv_timer_t *timer)
{
    (void)timer;
    require(0, "a timer fired early");
}

static uv_timer_t *timers_arm(long pending)
{
    uv_timer_t *timers = allocate((size_t)(pending ? pending : 1) * sizeof *timers);
    long i;
    for (i = 0; i < pending; i++) {
        uv_timer_init(&loop, &timers[i]);
        uv_timer_start(&timers[i], on_never, (uint64_t)(2000 + i) * 1000, 0);
    }
    return timers;
}

static void timers_end(uv_timer_t *timers, long pending)
{
    long i;
    for (i = 0; i < pending; i++)
        uv_close((uv_handle_t *)&timers[i], NULL);
    loop_finish();
    free(timers);
}

static void timeout_cancel(const long *arguments)
{
    uv_timer_t *timers, timeout;
    long n;
    uv_loop_init(&loop);
    timers = timers_arm(arguments[0]);
    uv_timer_init(&loop, &timeout);
    stopwatch_start();
    for (n = arguments[1]; n > 0; n--) {
        uv_timer_start(&timeout, on_never, 1000 * 1000, 0);
        uv_timer_stop(&timeout);
    }
    stopwatch_stop();
    uv_close((uv_handle_t *)&timeout, NULL);
    timers_end(timers, arguments[0]);
}

static long expiries;

static void on_expire(uv_timer_t *timer)
{
    if (--expiries > 0)
        uv_timer_start(timer, on_expire, 0, 0);
    else
        uv_stop(&loop);
}

/* A delay of 0 is due in the same turn already, which this version of libuv runs without asking the kernel.
 */
static void timeout_expire(const long *arguments)
{
    uv_timer_t *timers, timeout;
    uv_loop_init(&loop);
    timers = timers_arm(arguments[0]);
    uv_timer_init(&loop, &timeout);
    expiries = arguments[1];
    stopwatch_start();
    uv_timer_start(&timeout, on_expire, 0, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    stopwatch_stop();
    require(expiries == 0, "a timer did not expire");
    uv_close((uv_handle_t *)&timeout, NULL);
    timers_end(timers, arguments[0]);
}

/* ------------------------------------------------------------------------------------- post */

/* An async handle wakes the loop and carries nothing, so the calls are in a list of one's own. */
static uv_async_t async;
static struct mailbox mailbox;

static void on_letter(void *posting)
{
    if (posting_count((struct posting *)posting))
        uv_close((uv_handle_t *)&async, NULL);
}

static void on_post(void *posting)
{
    if (mailbox_put(&mailbox, on_letter, posting))
        uv_async_send(&async);
}

static void on_async(uv_async_t *handle)
{
    (void)handle;
    mailbox_run(&mailbox);
}

static void post(const long *arguments)
{
    struct posting posting = {.n = arguments[0], .post = on_post};
    uv_loop_init(&loop);
    uv_async_init(&loop, &async, on_async);
    mailbox_init(&mailbox);
    posting_start(&posting);
    uv_run(&loop, UV_RUN_DEFAULT);
    posting_end(&posting);
    loop_finish();
}

/* ------------------------------------------------------------------------------- the servers */

struct connection {
    uv_tcp_t tcp;
    uv_write_t write;
    struct talk talk;
};

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct talk *talk = &((struct connection *)handle)->talk;
    (void)suggested;
    buffer->base = talk->buffer + talk->used;
    buffer->len = sizeof talk->buffer - talk->used;
}

static void on_echo(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer);
static void on_http(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer);

static void connection_read(struct connection *connection)
{
    uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, connection->talk.http ? on_http : on_echo);
}

static void on_written(uv_write_t *write, int status)
{
    struct connection *connection = (struct connection *)write->handle;
    if (status < 0 || connection->talk.closing)
        uv_close((uv_handle_t *)&connection->tcp, on_close_free);
    else
        connection_read(connection);
}

/* Nearly always all is sent at once. What is not goes to libuv's queue, and reading stops until it is gone.
 */
static void connection_sent(struct connection *connection, int sent)
{
    struct talk *talk = &connection->talk;
    uv_buf_t rest;
    talk_sent(talk, sent);
    if (sent < 0 && sent != UV_EAGAIN) {
        uv_close((uv_handle_t *)&connection->tcp, on_close_free);
    } else if (talk->left > 0) {
        rest = uv_buf_init((char *)talk->out, (unsigned)talk->left);
        uv_read_stop((uv_stream_t *)&connection->tcp);
        if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, &rest, 1, on_written) < 0)
            uv_close((uv_handle_t *)&connection->tcp, on_close_free);
    } else if (talk->closing) {
        uv_close((uv_handle_t *)&connection->tcp, on_close_free);
    }
}

static void on_echo(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct connection *connection = (struct connection *)stream;
    uv_buf_t out;
    int sent;
    if (n <= 0) {
        if (n < 0)
            uv_close((uv_handle_t *)stream, on_close_free);
        return; /* 0: not yet */
    }
    out.base = buffer->base;
    out.len = (size_t)n;
    sent = uv_try_write(stream, &out, 1);
    if (sent == n)
        return;
    talk_received(&connection->talk, (size_t)n);
    connection_sent(connection, sent);
}

static void on_http(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct connection *connection = (struct connection *)stream;
    struct talk *talk = &connection->talk;
    uv_buf_t out;
    (void)buffer;
    if (n <= 0) {
        if (n < 0)
            uv_close((uv_handle_t *)stream, on_close_free);
        return; /* 0: not yet */
    }
    talk_received(talk, (size_t)n);
    out.base = (char *)talk->out;
    out.len = talk->left;
    connection_sent(connection, talk->left > 0 ? uv_try_write(stream, &out, 1) : 0);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct connection *connection = (struct connection *)allocate(sizeof *connection);
    uv_tcp_init(&loop, &connection->tcp);
    talk_init(&connection->talk, server->data != NULL);
    if (status < 0 || uv_accept(server, (uv_stream_t *)&connection->tcp) < 0)
        uv_close((uv_handle_t *)&connection->tcp, on_close_free);
    else
        connection_read(connection);
}

static void serve(long port, void *http)
{
    struct sockaddr_in address = loopback(port);
    uv_tcp_t server;
    uv_os_fd_t fd;
    uv_loop_init(&loop);
    uv_tcp_init(&loop, &server);
    server.data = http;
    require(uv_tcp_bind(&server, (struct sockaddr *)&address, 0) == 0 &&
                uv_listen((uv_stream_t *)&server, SOMAXCONN, on_connection) == 0,
            "cannot listen");
    uv_fileno((uv_handle_t *)&server, &fd);
    print_port(fd);
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void echo(const long *arguments) { serve(arguments[0], NULL); }
static void http(const long *arguments) { serve(arguments[0], &loop); }

/* ------------------------------------------------------------------------------------- ring */

struct reader {
    uv_poll_t poll;
    long i;
};

static struct pipes pipes;

static void on_token(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    if (pipes_turn(&pipes, ((struct reader *)poll)->i))
        uv_stop(&loop);
}

static void ring(const long *arguments)
{
    struct reader *readers = allocate((size_t)arguments[0] * sizeof *readers);
    long i;
    uv_loop_init(&loop);
    pipes_open(&pipes, arguments);
    for (i = 0; i < pipes.pairs; i++) {
        readers[i].i = i;
        uv_poll_init(&loop, &readers[i].poll, pipes.fds[i][0]);
        uv_poll_start(&readers[i].poll, UV_READABLE, on_token);
    }
    uv_run(&loop, UV_RUN_NOWAIT); /* registers them all */
    pipes_start(&pipes);
    uv_run(&loop, UV_RUN_DEFAULT);
    stopwatch_stop();
    for (i = 0; i < pipes.pairs; i++)
        uv_close((uv_handle_t *)&readers[i].poll, NULL);
    loop_finish();
    pipes_close(&pipes);
    free(readers);
}

/* ------------------------------------------------------------------------------------ crawl */

struct fetch {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    size_t used;
    char request[128], answer[4096];
};

static struct {
    struct sockaddr_in address;
    long pages, started, fetched;
} crawler;

static void fetch_start(struct fetch *fetch);

static void on_fetch_closed(uv_handle_t *handle)
{
    struct fetch *fetch = (struct fetch *)handle;
    if (crawler.started < crawler.pages)
        fetch_start(fetch);
    else
        free(fetch);
}

static void on_answer_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct fetch *fetch = (struct fetch *)handle;
    (void)suggested;
    buffer->base = fetch->answer + fetch->used;
    buffer->len = sizeof fetch->answer - fetch->used;
}

static void on_answer(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct fetch *fetch = (struct fetch *)stream;
    (void)buffer;
    if (n >= 0) {
        fetch->used += (size_t)n;
        return;
    }
    require(n == UV_EOF && page_is_right(fetch->answer, fetch->used), "a page came back wrong");
    crawler.fetched++;
    uv_close((uv_handle_t *)stream, on_fetch_closed);
}

static void on_sent(uv_write_t *write, int status)
{
    (void)write;
    require(status == 0, "cannot send");
}

/* The write is done at once, before uv_write() returns, as a new socket has room. */
static void on_connect(uv_connect_t *connect, int status)
{
    struct fetch *fetch = (struct fetch *)connect->handle;
    uv_buf_t out;
    require(status == 0, "cannot connect");
    out = uv_buf_init(fetch->request,
                      (unsigned)print_request(fetch->request, sizeof fetch->request, crawler.started));
    uv_write(&fetch->write, connect->handle, &out, 1, on_sent);
    uv_read_start(connect->handle, on_answer_alloc, on_answer);
}

static void fetch_start(struct fetch *fetch)
{
    crawler.started++;
    fetch->used = 0;
    uv_tcp_init(&loop, &fetch->tcp);
    require(uv_tcp_connect(&fetch->connect, &fetch->tcp, (struct sockaddr *)&crawler.address, on_connect) ==
                0,
            "cannot connect");
}

static void crawl(const long *arguments)
{
    long i;
    uv_loop_init(&loop);
    crawler.address = loopback(arguments[0]);
    crawler.pages = arguments[1];
    stopwatch_start();
    for (i = 0; i < arguments[2] && i < arguments[1]; i++)
        fetch_start(allocate(sizeof(struct fetch)));
    uv_run(&loop, UV_RUN_DEFAULT);
    stopwatch_stop();
    require(crawler.fetched == crawler.pages, "pages are missing");
    loop_finish();
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
    {"crawl", crawl},
    {NULL, NULL},
};

int main(int argc, char **argv) { return peer_main(argc, argv, workloads); }
