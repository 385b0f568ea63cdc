/* asio.cpp - the suite's workloads in callbacks of Boost.Asio. By hand:

       c++ -std=c++20 -O2 -DNDEBUG -iquote bench bench/peers/asio.cpp -o asio -lpthread

   A task is a function object that is posted to the io_context, which keeps it in memory that it recycles.
   Everything names the io_context's own executor, which spares Asio its type-erased one. Coroutines, queues
   and locks: none (asio_coro.cpp). */
#define PEER "asio"
#include "peers.h"
#include <utility> /* which this version of Boost needs and does not include */
#include <boost/asio.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using boost::system::error_code;
using executor = asio::io_context::executor_type;
using timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, executor>;
using tcp = asio::ip::tcp;
using tcp_socket = asio::basic_stream_socket<tcp, executor>;
using tcp_acceptor = asio::basic_socket_acceptor<tcp, executor>;
using descriptor = asio::posix::basic_stream_descriptor<executor>;

/* No mutexes, as no other thread comes near (but in `post`). */
#ifndef HINT
#define HINT BOOST_ASIO_CONCURRENCY_HINT_UNSAFE
#endif

/* -------------------------------------------------------------- yield, spawn_join, gather */

struct yielder {
    asio::io_context &context;
    long yields;

    void operator()()
    {
        if (yields-- > 0)
            asio::post(context, *this);
    }
};

static void yield(const long *arguments)
{
    asio::io_context context(HINT);
    for (long i = 0; i < arguments[0]; i++)
        asio::post(context, yielder{context, arguments[1]});
    stopwatch_start();
    context.run();
    stopwatch_stop();
}

/* Whoever waits for a task, or for the last of many, goes on at its end. */
struct crowd {
    asio::io_context &context;
    long members, rounds, yields; /* of each member */
    long unfinished = 0;

    void start();
};

struct member {
    crowd &all;
    long yields;

    void operator()()
    {
        if (yields-- > 0)
            asio::post(all.context, *this);
        else if (--all.unfinished == 0 && --all.rounds > 0)
            all.start();
    }
};

void crowd::start()
{
    unfinished = members;
    for (long i = 0; i < members; i++)
        asio::post(context, member{*this, yields});
}

static void crowd_run(long members, long rounds, long yields)
{
    asio::io_context context(HINT);
    crowd crowd{context, members, rounds, yields};
    stopwatch_start();
    crowd.start();
    context.run();
    stopwatch_stop();
    require(crowd.rounds == 0, "somebody was not waited for");
}

static void spawn_join(const long *arguments) { crowd_run(1, arguments[0], 0); }
static void gather(const long *arguments) { crowd_run(arguments[0], arguments[1], 1); }

/* ----------------------------------------------------------------------------------- timers */

static void sleepers(const long *arguments)
{
    asio::io_context context(HINT);
    audience audience{arguments[0], arguments[1], 0, 0, 0};
    audience_enters(&audience);
    for (long i = 0; i < audience.tasks; i++) {
        auto delay = std::chrono::microseconds((long long)(sleep_ms(&audience, i) * 1e3));
        auto sleeper = std::make_unique<timer>(context, delay);
        timer &waits = *sleeper;
        waits.async_wait([&audience, sleeper = std::move(sleeper)](error_code) { audience.awake++; });
    }
    audience_sleeps(&audience);
    context.run();
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
static void timeout_cancel(const long *arguments)
{
    asio::io_context context(HINT);
    auto timers = timers_arm(context, arguments[0]);
    timer deadline(context);
    stopwatch_start();
    for (long n = arguments[1]; n > 0; n--) {
        deadline.expires_after(1000s);
        deadline.async_wait([](error_code error) { require(error.failed(), "a timer fired early"); });
        deadline.cancel();
        if (n % 64 == 0)
            context.poll();
    }
    stopwatch_stop();
}

/* Each arms a timer of the kernel's twice, as the earliest deadline changes, and it goes off. */
struct expirer {
    timer &deadline;
    long n;

    void operator()(error_code)
    {
        if (n-- == 0)
            return;
        deadline.expires_after(0s);
        deadline.async_wait(*this);
    }
};

static void timeout_expire(const long *arguments)
{
    asio::io_context context(HINT);
    auto timers = timers_arm(context, arguments[0]);
    timer deadline(context);
    stopwatch_start();
    deadline.expires_after(0s);
    deadline.async_wait(expirer{deadline, arguments[1] - 1});
    for (long n = arguments[1]; n > 0; n--)
        context.run_one();
    stopwatch_stop();
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

/* Owned by its pending operation: when none is left, the connection is closed. */
struct session {
    tcp_socket socket;
    struct talk talk;

    session(tcp_socket peer, bool http) : socket(std::move(peer)) { talk_init(&talk, http); }

    static void read(std::unique_ptr<session> self)
    {
        session &at = *self;
        auto room = asio::buffer(at.talk.buffer + at.talk.used, sizeof at.talk.buffer - at.talk.used);
        at.socket.async_read_some(room, [self = std::move(self)](error_code error, size_t n) mutable {
            if (error)
                return;
            talk_received(&self->talk, n);
            if (self->talk.left > 0)
                write(std::move(self));
            else if (!self->talk.closing)
                read(std::move(self));
        });
    }

    static void write(std::unique_ptr<session> self)
    {
        session &at = *self;
        asio::async_write(at.socket, asio::buffer(at.talk.out, at.talk.left),
                          [self = std::move(self)](error_code error, size_t) mutable {
                              if (!error && !self->talk.closing)
                                  read(std::move(self));
                          });
    }
};

static void accept_next(tcp_acceptor &acceptor, bool http)
{
    acceptor.async_accept([&acceptor, http](error_code error, tcp_socket peer) {
        if (!error)
            session::read(std::make_unique<session>(std::move(peer), http));
        accept_next(acceptor, http);
    });
}

static void serve(long port, bool http)
{
    asio::io_context context(HINT);
    tcp_acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), (unsigned short)port));
    print_port(acceptor.native_handle());
    accept_next(acceptor, http);
    context.run();
}

static void echo(const long *arguments) { serve(arguments[0], false); }
static void http(const long *arguments) { serve(arguments[0], true); }

/* ------------------------------------------------------------------------------------- ring */

/* It reads into more than one byte's room, as after a short read Asio knows that there is no more, and waits
   without another try. */
struct reader {
    asio::io_context &context;
    pipes &circle;
    long i;
    descriptor out;
    char tokens[16];

    reader(asio::io_context &context, pipes &circle, long i)
        : context(context), circle(circle), i(i), out(context, std::exchange(circle.fds[i][0], -1))
    {
    }

    void read()
    {
        out.async_read_some(asio::buffer(tokens), [this](error_code error, size_t n) {
            require(!error.failed(), "read");
            if (pipes_pass(&circle, i, tokens, n))
                context.stop();
            else
                read();
        });
    }
};

static void ring(const long *arguments)
{
    pipes pipes;
    pipes_open(&pipes, arguments);
    {
        asio::io_context context(HINT);
        std::deque<reader> readers;
        for (long i = 0; i < pipes.pairs; i++)
            readers.emplace_back(context, pipes, i).read();
        context.poll(); /* now all wait */
        pipes_start(&pipes);
        context.run();
        stopwatch_stop();
    }
    pipes_close(&pipes);
}

static const workload workloads[] = {
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
    {nullptr, nullptr},
};

int main(int argc, char **argv) { return peer_main(argc, argv, workloads); }
