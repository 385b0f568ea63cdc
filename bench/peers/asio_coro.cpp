/* asio_coro.cpp - the suite's workloads in coroutines of Boost.Asio. By hand:

       c++ -std=c++20 -fcoroutines -O2 -DNDEBUG -iquote bench bench/peers/asio_coro.cpp -o asio_coro -lpthread

   Everything names the io_context's own executor, which spares Asio its type-erased one. Boost 1.74 has no
   channels and no locks for coroutines: those here are asynchronous operations that keep the handler of
   whoever waits and post it. */
#define PEER "asio_coro"
#include "peers.h"
#include <utility> /* which this version of Boost needs and does not include */
#include <boost/asio.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using boost::system::error_code;
using executor = asio::io_context::executor_type;
template <typename T = void> using task = asio::awaitable<T, executor>;
using token = asio::use_awaitable_t<executor>;
using timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, executor>;
using tcp = asio::ip::tcp;
using tcp_socket = asio::basic_stream_socket<tcp, executor>;
using tcp_acceptor = asio::basic_socket_acceptor<tcp, executor>;
using descriptor = asio::posix::basic_stream_descriptor<executor>;

static constexpr token use{};

/* No mutexes, as no other thread comes near (but in `post`). With 1 instead, yields took 10 % longer. */
#ifndef HINT
#define HINT BOOST_ASIO_CONCURRENCY_HINT_UNSAFE
#endif

/* What is suspended in an operation that ends with these values: a handler, to be called once. */
template <typename... Values>
using waiter = typename asio::async_result<token, void(Values...)>::handler_type;

/* Waits until somebody calls what `keep` was given. */
template <typename... Values, typename Keep> static auto wait(Keep keep)
{
    return asio::async_initiate<const token, void(Values...)>(std::move(keep), use);
}

/* Resumes it through the run queue. */
template <typename Waiter, typename... Values> static void wake(Waiter waiter, Values... values)
{
    auto where = asio::get_associated_executor(waiter);
    asio::post(where, [waiter = std::move(waiter), values...]() mutable { waiter(values...); });
}

static auto yield() { return asio::post(use); }

/* Runs a coroutine, and all that it starts, to the end. */
template <typename Task> static void run(asio::io_context &context, Task &&task)
{
    asio::co_spawn(context, std::forward<Task>(task), asio::detached);
    context.run();
}

/* ------------------------------------------------------------------------------------ yield */

static task<> yielder(long yields)
{
    while (yields-- > 0)
        co_await yield();
}

static void yields(const long *arguments)
{
    asio::io_context context(HINT);
    for (long i = 0; i < arguments[0]; i++)
        asio::co_spawn(context, yielder(arguments[1]), asio::detached);
    stopwatch_start();
    context.run();
    stopwatch_stop();
}

/* ------------------------------------------------------------------------ spawn_join, gather */

static task<> nothing() { co_return; }

static task<> joins(executor where, long n)
{
    while (n-- > 0)
        co_await asio::co_spawn(where, nothing(), use);
}

static void spawn_join(const long *arguments)
{
    asio::io_context context(HINT);
    stopwatch_start();
    run(context, joins(context.get_executor(), arguments[0]));
    stopwatch_stop();
}

static task<> member() { co_await yield(); }

static task<> gathers(executor where, long members, long n)
{
    while (n-- > 0) {
        long unfinished = members;
        std::optional<waiter<>> all;
        for (long i = 0; i < members; i++)
            asio::co_spawn(where, member(), [&](std::exception_ptr) {
                if (--unfinished == 0)
                    wake(std::move(*all));
            });
        co_await wait([&](auto handler) { all.emplace(std::move(handler)); });
    }
}

static void gather(const long *arguments)
{
    asio::io_context context(HINT);
    stopwatch_start();
    run(context, gathers(context.get_executor(), arguments[0], arguments[1]));
    stopwatch_stop();
}

/* ------------------------------------------------------------------------------- call, deep */

static task<long> add(long a, long b) { co_return a + b; }

static task<> calls(long n)
{
    unsigned long long total = 0;
    stopwatch_start();
    for (long i = 0; i < n; i++)
        total += (unsigned long long)co_await add(i, 1);
    stopwatch_stop();
    require(total == (unsigned long long)n * (unsigned long long)(n + 1) / 2, "wrong sum");
}

static void call(const long *arguments)
{
    asio::io_context context(HINT);
    run(context, calls(arguments[0]));
}

static task<> leaf(long depth, long yields)
{
    if (depth > 1) {
        co_await leaf(depth - 1, yields);
        co_return;
    }
    stopwatch_start();
    while (yields-- > 0)
        co_await yield();
    stopwatch_stop();
}

static void deep(const long *arguments)
{
    asio::io_context context(HINT);
    run(context, leaf(arguments[0], arguments[1]));
}

/* --------------------------------------------------------------------------- chan, handover */

/* A queue of capacity 1. Whoever waits for an item is given it by whoever puts it. */
class queue
{
  public:
    bool try_put(long value)
    {
        if (!getters.empty()) {
            wake(std::move(getters.front()), value);
            getters.pop_front();
        } else if (!item) {
            item = value;
        } else {
            return false;
        }
        return true;
    }

    task<> put(long value)
    {
        while (!try_put(value))
            co_await wait([this](auto handler) { putters.push_back(std::move(handler)); });
    }

    auto get()
    {
        return wait<long>([this](auto handler) {
            if (!item) {
                getters.push_back(std::move(handler));
                return;
            }
            wake(std::move(handler), *std::exchange(item, std::nullopt));
            if (!putters.empty()) {
                wake(std::move(putters.front()));
                putters.pop_front();
            }
        });
    }

  private:
    std::optional<long> item;
    std::deque<waiter<long>> getters;
    std::deque<waiter<>> putters;
};

static task<> answers(queue &in, queue &out, long n)
{
    while (n-- > 0) {
        long item = co_await in.get();
        if (!out.try_put(item))
            co_await out.put(item);
    }
}

static task<> asks(queue &out, queue &in, long n)
{
    while (n-- > 0) {
        if (!out.try_put(n))
            co_await out.put(n);
        require(co_await in.get() == n, "another item");
    }
}

static void chan(const long *arguments)
{
    asio::io_context context(HINT);
    queue there, back;
    asio::co_spawn(context, answers(there, back, arguments[0]), asio::detached);
    stopwatch_start();
    run(context, asks(there, back, arguments[0]));
    stopwatch_stop();
}

class lock
{
  public:
    auto acquire()
    {
        return wait([this](auto handler) {
            if (held)
                waiters.push_back(std::move(handler));
            else
                wake(std::move(handler));
            held = true;
        });
    }

    void release()
    {
        if (waiters.empty()) {
            held = false;
            return;
        }
        wake(std::move(waiters.front())); /* who holds it from now on */
        waiters.pop_front();
    }

  private:
    bool held = false;
    std::deque<waiter<>> waiters;
};

static task<> contends(lock &lock, long n)
{
    while (n-- > 0) {
        co_await lock.acquire();
        co_await yield();
        lock.release();
    }
}

static void handover(const long *arguments)
{
    asio::io_context context(HINT);
    lock lock;
    asio::co_spawn(context, contends(lock, arguments[0] / 2), asio::detached);
    stopwatch_start();
    run(context, contends(lock, arguments[0] - arguments[0] / 2));
    stopwatch_stop();
}

/* ----------------------------------------------------------------------------------- timers */

static task<> sleeper(executor where, audience &audience, long i, long &asleep)
{
    timer timer(where, std::chrono::microseconds((long long)(sleep_ms(&audience, i) * 1e3)));
    asleep++;
    co_await timer.async_wait(use);
    audience.awake++;
}

static task<> watches(executor where, audience &audience)
{
    long asleep = 0;
    audience_enters(&audience);
    for (long i = 0; i < audience.tasks; i++)
        asio::co_spawn(where, sleeper(where, audience, i, asleep), asio::detached);
    while (asleep < audience.tasks)
        co_await yield();
    audience_sleeps(&audience);
}

static void sleepers(const long *arguments)
{
    asio::io_context context(HINT);
    audience audience{arguments[0], arguments[1], 0, 0, 0};
    run(context, watches(context.get_executor(), audience));
    audience_leaves(&audience);
}

static std::vector<timer> timers_arm(asio::io_context &context, long pending)
{
    std::vector<timer> timers;
    timers.reserve((size_t)pending);
    for (long i = 0; i < pending; i++)
        timers.emplace_back(context, 2000s + i * 1s).async_wait([](error_code) {
            require(0, "a timer fired early");
        });
    return timers;
}

/* A wait that was cancelled still ends, with an error, and by way of the run queue: so that is let run now
   and then, as in a program that goes back to its loop. */
static task<> timeouts(executor where, long n)
{
    timer deadline(where);
    stopwatch_start();
    while (n-- > 0) {
        deadline.expires_after(1000s);
        deadline.async_wait([](error_code error) { require(error.failed(), "a timer fired early"); });
        co_await nothing();
        deadline.cancel();
        if (n % 64 == 0)
            co_await yield();
    }
    stopwatch_stop();
}

/* The io_context does not run out of work while others are pending, so it is stopped. */
template <typename Task> static task<> then_stop(asio::io_context &context, Task task)
{
    co_await std::move(task);
    context.stop();
}

static void timeout_cancel(const long *arguments)
{
    asio::io_context context(HINT);
    auto timers = timers_arm(context, arguments[0]);
    run(context, then_stop(context, timeouts(context.get_executor(), arguments[1])));
}

/* Each arms a timer of the kernel's twice, as the earliest deadline changes, and it goes off. */
static task<> expires(executor where, long n)
{
    timer deadline(where);
    stopwatch_start();
    while (n-- > 0) {
        deadline.expires_after(0s);
        co_await deadline.async_wait(use);
    }
    stopwatch_stop();
}

static void timeout_expire(const long *arguments)
{
    asio::io_context context(HINT);
    auto timers = timers_arm(context, arguments[0]);
    run(context, then_stop(context, expires(context.get_executor(), arguments[1])));
}

/* ------------------------------------------------------------------------------------- post */

static asio::io_context *posted_to;

static void post_one(void *argument)
{
    asio::post(*posted_to, [posting = (posting *)argument] {
        if (posting_count(posting))
            posted_to->stop();
    });
}

static void post(const long *arguments)
{
    asio::io_context context(1); /* posts from other threads are still allowed */
    auto work = asio::make_work_guard(context);
    posting posting{};
    posting.n = arguments[0];
    posting.post = post_one;
    posted_to = &context;
    posting_start(&posting);
    context.run();
    posting_end(&posting);
}

/* ------------------------------------------------------------------------------- the servers */

static task<> converse(tcp_socket socket, bool http)
{
    talk talk;
    error_code error;
    talk_init(&talk, http);
    while (!talk.closing) {
        size_t n = co_await socket.async_read_some(
            asio::buffer(talk.buffer + talk.used, sizeof talk.buffer - talk.used),
            asio::redirect_error(use, error));
        if (error)
            break;
        talk_received(&talk, n);
        if (talk.left > 0)
            co_await asio::async_write(socket, asio::buffer(talk.out, talk.left),
                                       asio::redirect_error(use, error));
        if (error)
            break;
    }
}

static task<> accepts(executor where, tcp_acceptor &acceptor, bool http)
{
    for (;;) {
        tcp_socket peer = co_await acceptor.async_accept(use);
        asio::co_spawn(where, converse(std::move(peer), http), asio::detached);
    }
}

static void serve(long port, bool http)
{
    asio::io_context context(HINT);
    tcp_acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), (unsigned short)port));
    print_port(acceptor.native_handle());
    run(context, accepts(context.get_executor(), acceptor, http));
}

static void echo(const long *arguments) { serve(arguments[0], false); }
static void http(const long *arguments) { serve(arguments[0], true); }

/* ------------------------------------------------------------------------------------- ring */

/* It reads into more than one byte's room, as after a short read Asio knows that there is no more, and waits
   without another try. */
static task<> passes(asio::io_context &context, pipes &pipes, long i)
{
    descriptor out(context, std::exchange(pipes.fds[i][0], -1));
    char tokens[16];
    size_t n;
    do
        n = co_await out.async_read_some(asio::buffer(tokens), use);
    while (!pipes_pass(&pipes, i, tokens, n));
    context.stop();
}

static void ring(const long *arguments)
{
    pipes pipes;
    pipes_open(&pipes, arguments);
    {
        asio::io_context context(HINT);
        for (long i = 0; i < pipes.pairs; i++)
            asio::co_spawn(context, passes(context, pipes, i), asio::detached);
        context.poll(); /* now all wait */
        pipes_start(&pipes);
        context.run();
        stopwatch_stop();
    }
    pipes_close(&pipes);
}

/* ------------------------------------------------------------------------------------ crawl */

struct crawler {
    tcp::endpoint server;
    long pages, started, fetched;
};

static task<> fetch(executor where, crawler &crawler)
{
    tcp_socket socket(where);
    char request[128], answer[4096];
    size_t used = 0;
    error_code error;
    co_await socket.async_connect(crawler.server, use);
    co_await asio::async_write(
        socket, asio::buffer(request, print_request(request, sizeof request, crawler.started)), use);
    do
        used += co_await socket.async_read_some(asio::buffer(answer + used, sizeof answer - used),
                                                asio::redirect_error(use, error));
    while (!error);
    require(error == asio::error::eof && page_is_right(answer, used), "a page came back wrong");
    crawler.fetched++;
}

static task<> fetches(executor where, crawler &crawler)
{
    while (crawler.started < crawler.pages) {
        crawler.started++;
        co_await fetch(where, crawler);
    }
}

static void crawl(const long *arguments)
{
    asio::io_context context(HINT);
    crawler crawler{tcp::endpoint(asio::ip::address_v4::loopback(), (unsigned short)arguments[0]),
                    arguments[1], 0, 0};
    stopwatch_start();
    for (long i = 0; i < arguments[2] && i < arguments[1]; i++)
        asio::co_spawn(context, fetches(context.get_executor(), crawler), asio::detached);
    context.run();
    stopwatch_stop();
    require(crawler.fetched == crawler.pages, "pages are missing");
}

static const workload workloads[] = {
    {"yield", yields},
    {"spawn_join", spawn_join},
    {"call", call},
    {"deep", deep},
    {"chan", chan},
    {"handover", handover},
    {"gather", gather},
    {"sleepers", sleepers},
    {"timeout_cancel", timeout_cancel},
    {"timeout_expire", timeout_expire},
    {"post", post},
    {"echo", echo},
    {"http", http},
    {"ring", ring},
    {"crawl", crawl},
    {nullptr, nullptr},
};

int main(int argc, char **argv) { return peer_main(argc, argv, workloads); }
