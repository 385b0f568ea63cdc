/* cxx20.cpp - the suite's workloads in raw C++20 coroutines, with a run queue and timers written for the
   purpose. By hand:

       c++ -std=c++20 -fcoroutines -O2 -DNDEBUG -iquote bench bench/peers/cxx20.cpp -o cxx20 -lpthread

   The least that an expert would write: lazy tasks that call each other by symmetric transfer, awaiters that
   stand in the waiting frame so that nothing but frames is allocated, and frames from a pool. With -DNO_POOL
   they come from the default operator new, and the name is cxx20_plain. No errors, no cancellation, no
   sockets. */
#ifdef NO_POOL
#define PEER "cxx20_plain"
#else
#define PEER "cxx20"
#endif
#include "peers.h"
#include <atomic>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <utility>
#include <vector>

/* ------------------------------------------------------------------------------- run queue */

/* A ring that grows; its size is a power of two. */
class run_queue
{
  public:
    bool empty() const { return head == tail; }

    void push(std::coroutine_handle<> handle)
    {
        if (tail - head == ring.size())
            grow();
        ring[tail++ & (ring.size() - 1)] = handle;
    }

    std::coroutine_handle<> pop() { return ring[head++ & (ring.size() - 1)]; }

  private:
    void grow()
    {
        std::vector<std::coroutine_handle<>> bigger(ring.size() * 2);
        for (size_t i = head; i != tail; i++)
            bigger[i & (bigger.size() - 1)] = ring[i & (ring.size() - 1)];
        ring.swap(bigger);
    }

    std::vector<std::coroutine_handle<>> ring{64};
    size_t head = 0, tail = 0;
};

static run_queue ready;

/* ------------------------------------------------------------------------------------ tasks */

#ifdef NO_POOL
struct pooled {
};
#else
/* Free lists by size, filled from slabs that are never given back. */
class pool
{
  public:
    static void *get(size_t size)
    {
        size_t kind = (size + 15) / 16;
        if (kind >= KINDS)
            return ::operator new(size);
        block *first = lists[kind];
        if (!first)
            return carve(kind * 16);
        lists[kind] = first->next;
        return first;
    }

    static void put(void *memory, size_t size)
    {
        size_t kind = (size + 15) / 16;
        if (kind >= KINDS) {
            ::operator delete(memory);
            return;
        }
        lists[kind] = new (memory) block{lists[kind]};
    }

  private:
    struct block {
        block *next;
    };
    static constexpr size_t KINDS = 64, SLAB = 65536;

    static void *carve(size_t size)
    {
        if (left < size) {
            slab = static_cast<char *>(::operator new(SLAB));
            left = SLAB;
        }
        left -= size;
        return slab + left;
    }

    static inline block *lists[KINDS];
    static inline char *slab;
    static inline size_t left;
};

struct pooled {
    static void *operator new(size_t size) { return pool::get(size); }
    static void operator delete(void *memory, size_t size) { pool::put(memory, size); }
};
#endif

/* At its end a coroutine goes on with whoever waits for it; a detached one frees itself. */
struct promise_base : pooled {
    struct final_awaiter {
        bool await_ready() noexcept { return false; }
        template <typename Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept
        {
            std::coroutine_handle<> next = ended.promise().continuation;
            if (!next)
                return std::noop_coroutine();
            if (next != detached())
                return next;
            ended.destroy();
            return std::noop_coroutine();
        }
        void await_resume() noexcept {}
    };

    std::suspend_always initial_suspend() noexcept { return {}; }
    final_awaiter final_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { std::terminate(); }

    /* A mark in place of a continuation. */
    static std::coroutine_handle<> detached() noexcept
    {
        static char mark;
        return std::coroutine_handle<>::from_address(&mark);
    }

    std::coroutine_handle<> continuation;
};

template <typename T> struct promise_of : promise_base {
    void return_value(T value) noexcept { result = value; }
    T take() { return result; }
    T result;
};

template <> struct promise_of<void> : promise_base {
    void return_void() noexcept {}
    void take() {}
};

/* Lazy: awaited, it runs like a call; started, it waits for its turn in the queue and is joined later. */
template <typename T = void> class [[nodiscard]] task
{
  public:
    struct promise_type : promise_of<T> {
        task get_return_object() { return task(handle_type::from_promise(*this)); }
    };
    using handle_type = std::coroutine_handle<promise_type>;

    task(task &&other) noexcept : handle(std::exchange(other.handle, nullptr)) {}
    ~task()
    {
        if (handle)
            handle.destroy();
    }

    void start() { ready.push(handle); }

    /* Starts it and leaves it to itself. */
    void detach()
    {
        handle.promise().continuation = promise_base::detached();
        ready.push(std::exchange(handle, nullptr));
    }

    bool await_ready() noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept
    {
        handle.promise().continuation = caller;
        return handle;
    }
    T await_resume() { return handle.promise().take(); }

    auto join()
    {
        struct awaiter {
            bool await_ready() noexcept { return handle.done(); }
            void await_suspend(std::coroutine_handle<> caller) noexcept
            {
                handle.promise().continuation = caller;
            }
            T await_resume() { return handle.promise().take(); }
            handle_type handle;
        };
        return awaiter{handle};
    }

  private:
    explicit task(handle_type handle) : handle(handle) {}
    handle_type handle;
};

struct yield {
    bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<> caller) { ready.push(caller); }
    void await_resume() noexcept {}
};

/* ----------------------------------------------------------------------------------- timers */

/* Somewhere in a frame; while it is armed, the heap points at it, and it knows its place there. */
struct timer {
    void (*fire)(timer &);
    size_t place = 0; /* 0: not armed */
};

/* A 4-ary heap, counted from 1. */
class timer_heap
{
  public:
    bool empty() const { return heap.size() == 1; }
    int64_t earliest() const { return heap[1].deadline; }
    timer &first() { return *heap[1].who; }

    void arm(timer &timer, int64_t deadline)
    {
        heap.push_back({deadline, &timer});
        rise(heap.size() - 1, heap.back());
    }

    void disarm(timer &timer)
    {
        size_t hole = std::exchange(timer.place, 0);
        entry last = heap.back();
        heap.pop_back();
        if (hole == heap.size())
            return;
        if (hole > 1 && last.deadline < heap[parent(hole)].deadline)
            rise(hole, last);
        else
            sink(hole, last);
    }

  private:
    struct entry {
        int64_t deadline;
        timer *who;
    };

    static size_t parent(size_t i) { return (i + 2) / 4; }
    static size_t child(size_t i) { return 4 * i - 2; }

    void put(size_t i, entry entry)
    {
        heap[i] = entry;
        entry.who->place = i;
    }

    void rise(size_t i, entry entry)
    {
        for (; i > 1 && entry.deadline < heap[parent(i)].deadline; i = parent(i))
            put(i, heap[parent(i)]);
        put(i, entry);
    }

    void sink(size_t i, entry entry)
    {
        while (child(i) < heap.size()) {
            size_t least = child(i), end = least + 4 < heap.size() ? least + 4 : heap.size();
            for (size_t other = least + 1; other < end; other++)
                if (heap[other].deadline < heap[least].deadline)
                    least = other;
            if (heap[least].deadline >= entry.deadline)
                break;
            put(i, heap[least]);
            i = least;
        }
        put(i, entry);
    }

    std::vector<entry> heap{1};
};

static constexpr int64_t MILLISECOND = 1000000, SECOND = 1000 * MILLISECOND;

static timer_heap timers;
static int64_t now; /* nanoseconds; looked at once in a turn of the loop */

static void look_at_clock()
{
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    now = time.tv_sec * SECOND + time.tv_nsec;
}

class sleep_for : timer
{
  public:
    explicit sleep_for(int64_t delay) : timer{wake}, delay(delay) {}
    bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<> caller)
    {
        timers.arm(*this, now + delay);
        sleeper = caller.address();
    }
    void await_resume() noexcept {}

  private:
    static void wake(timer &timer)
    {
        ready.push(std::coroutine_handle<>::from_address(static_cast<sleep_for &>(timer).sleeper));
    }
    union { /* before, and while it sleeps */
        int64_t delay;
        void *sleeper;
    };
};

/* A time limit for what is done while it stands. */
class time_limit : timer
{
  public:
    explicit time_limit(int64_t limit) : timer{expire} { timers.arm(*this, now + limit); }
    ~time_limit()
    {
        if (place)
            timers.disarm(*this);
    }

  private:
    static void expire(timer &) { require(0, "a timer fired early"); }
};

/* ------------------------------------------------------------------------------------- loop */

static mailbox calls; /* from another thread */
static std::atomic<unsigned> mail;
static bool mail_expected, stopped;

static void run_timers()
{
    look_at_clock();
    if (ready.empty() && timers.earliest() > now) {
        int64_t left = timers.earliest() - now;
        timespec span = {left / SECOND, left % SECOND};
        nanosleep(&span, nullptr);
        look_at_clock();
    }
    while (!timers.empty() && timers.earliest() <= now) {
        timer &first = timers.first();
        timers.disarm(first);
        first.fire(first);
    }
}

/* Until stopped, or nothing is left to wait for. Timers are looked at at least every 64 resumptions. */
static void run()
{
    stopped = false;
    while (!stopped) {
        for (int turn = 0; turn < 64 && !ready.empty(); turn++)
            ready.pop().resume();
        if (stopped)
            break;
        if (!timers.empty())
            run_timers();
        else if (ready.empty() && mail_expected) {
            mail.wait(0);
            mail.store(0);
            mailbox_run(&calls);
        } else if (ready.empty())
            break;
    }
}

static void run(task<> task)
{
    look_at_clock();
    task.start();
    run();
}

/* ------------------------------------------------------------------------------------ yield */

static task<> yielder(long yields)
{
    while (yields-- > 0)
        co_await yield();
}

static void yields(const long *arguments)
{
    for (long i = 0; i < arguments[0]; i++)
        yielder(arguments[1]).detach();
    stopwatch_start();
    run();
    stopwatch_stop();
}

/* ------------------------------------------------------------------------ spawn_join, gather */

static task<> nothing() { co_return; }

static task<> joins(long n)
{
    stopwatch_start();
    while (n-- > 0) {
        task<> task = nothing();
        task.start();
        co_await task.join();
    }
    stopwatch_stop();
}

static void spawn_join(const long *arguments) { run(joins(arguments[0])); }

/* Waits until `count` others have arrived. */
struct latch {
    long count;
    std::coroutine_handle<> waiter;

    void arrive()
    {
        if (--count == 0)
            ready.push(waiter);
    }
    bool await_ready() noexcept { return count == 0; }
    void await_suspend(std::coroutine_handle<> caller) noexcept { waiter = caller; }
    void await_resume() noexcept {}
};

static task<> member(latch &all)
{
    co_await yield();
    all.arrive();
}

static task<> gathers(long members, long n)
{
    stopwatch_start();
    while (n-- > 0) {
        latch all{members, {}};
        for (long i = 0; i < members; i++)
            member(all).detach();
        co_await all;
    }
    stopwatch_stop();
}

static void gather(const long *arguments) { run(gathers(arguments[0], arguments[1])); }

/* ------------------------------------------------------------------------------- call, deep */

static task<long> add(long a, long b) { co_return a + b; }

static task<> calls_add(long n)
{
    unsigned long long total = 0;
    stopwatch_start();
    for (long i = 0; i < n; i++)
        total += (unsigned long long)co_await add(i, 1);
    stopwatch_stop();
    require(total == (unsigned long long)n * (unsigned long long)(n + 1) / 2, "wrong sum");
}

static void call(const long *arguments) { run(calls_add(arguments[0])); }

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

static void deep(const long *arguments) { run(leaf(arguments[0], arguments[1])); }

/* --------------------------------------------------------------------------- chan, handover */

/* Who waits, first come first served; the nodes are awaiters in the waiting frames. */
template <typename Node> class wait_list
{
  public:
    bool empty() const { return !first; }
    void push(Node &node)
    {
        node.next = nullptr;
        (first ? last->next : first) = &node;
        last = &node;
    }
    Node &pop()
    {
        Node &node = *first;
        first = node.next;
        return node;
    }

  private:
    Node *first = nullptr, *last = nullptr;
};

/* A queue of capacity 1. Whoever waits for an item is given it by whoever puts it, and the other way round.
 */
class queue
{
    struct node {
        queue &owner;
        long value;
        std::coroutine_handle<> waiter{};
        node *next{};
    };

  public:
    struct getter : node {
        bool await_ready()
        {
            queue &queue = this->owner;
            if (!queue.full)
                return false;
            value = queue.item;
            queue.full = !queue.putters.empty();
            if (queue.full) {
                node &putter = queue.putters.pop();
                queue.item = putter.value;
                ready.push(putter.waiter);
            }
            return true;
        }
        void await_suspend(std::coroutine_handle<> caller)
        {
            waiter = caller;
            owner.getters.push(*this);
        }
        long await_resume() { return value; }
    };

    struct putter : node {
        bool await_ready()
        {
            queue &queue = this->owner;
            if (queue.full)
                return false;
            if (queue.getters.empty()) {
                queue.item = value;
                queue.full = true;
            } else {
                node &getter = queue.getters.pop();
                getter.value = value;
                ready.push(getter.waiter);
            }
            return true;
        }
        void await_suspend(std::coroutine_handle<> caller)
        {
            waiter = caller;
            owner.putters.push(*this);
        }
        void await_resume() {}
    };

    getter get() { return {{*this, 0}}; }
    putter put(long value) { return {{*this, value}}; }

  private:
    long item = 0;
    bool full = false;
    wait_list<node> getters, putters;
};

static task<> answers(queue &in, queue &out, long n)
{
    while (n-- > 0)
        co_await out.put(co_await in.get());
}

static task<> asks(queue &out, queue &in, long n)
{
    stopwatch_start();
    while (n-- > 0) {
        co_await out.put(n);
        require(co_await in.get() == n, "another item");
    }
    stopwatch_stop();
}

static void chan(const long *arguments)
{
    queue there, back;
    answers(there, back, arguments[0]).detach();
    run(asks(there, back, arguments[0]));
}

/* Released, it belongs to the first who waits. */
class lock
{
    struct acquirer {
        bool await_ready() noexcept { return !std::exchange(owner.held, true); }
        void await_suspend(std::coroutine_handle<> caller) noexcept
        {
            waiter = caller;
            owner.waiters.push(*this);
        }
        void await_resume() noexcept {}
        lock &owner;
        std::coroutine_handle<> waiter{};
        acquirer *next{};
    };

  public:
    acquirer acquire() { return {*this}; }
    void release()
    {
        if (waiters.empty())
            held = false;
        else
            ready.push(waiters.pop().waiter);
    }

  private:
    bool held = false;
    wait_list<acquirer> waiters;
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
    lock lock;
    contends(lock, arguments[0] / 2).detach();
    contends(lock, arguments[0] - arguments[0] / 2).detach();
    stopwatch_start();
    run();
    stopwatch_stop();
}

/* ------------------------------------------------------------------------ sleepers, timeouts */

static audience audience;

static task<> sleeper(int64_t delay)
{
    co_await sleep_for(delay);
    audience.awake++;
}

static task<> watches()
{
    audience_enters(&audience);
    look_at_clock();
    for (long i = 0; i < audience.tasks; i++)
        sleeper((int64_t)(sleep_ms(&audience, i) * MILLISECOND)).detach();
    co_await yield(); /* now all sleep */
    audience_sleeps(&audience);
}

static void sleepers(const long *arguments)
{
    audience = {arguments[0], arguments[1], 0, 0, 0};
    run(watches());
    audience_leaves(&audience);
}

/* With so many pending, which are let go of at the end. */
static task<> with_pending(long pending, task<> task)
{
    std::vector<time_limit> limits;
    look_at_clock();
    limits.reserve((size_t)pending);
    for (long i = 0; i < pending; i++)
        limits.emplace_back((2000 + i) * SECOND);
    co_await task;
    stopped = true;
}

static task<> timeouts(long n)
{
    stopwatch_start();
    while (n-- > 0) {
        time_limit limit(1000 * SECOND);
        co_await nothing();
    }
    stopwatch_stop();
}

static void timeout_cancel(const long *arguments) { run(with_pending(arguments[0], timeouts(arguments[1]))); }

static task<> expires(long n)
{
    stopwatch_start();
    while (n-- > 0)
        co_await sleep_for(0);
    stopwatch_stop();
}

static void timeout_expire(const long *arguments) { run(with_pending(arguments[0], expires(arguments[1]))); }

/* ------------------------------------------------------------------------------------- post */

static void on_letter(void *posting) { stopped = posting_count((struct posting *)posting); }

static void on_post(void *posting)
{
    if (mailbox_put(&calls, on_letter, posting)) {
        mail.store(1);
        mail.notify_one();
    }
}

static void post(const long *arguments)
{
    posting posting{};
    posting.n = arguments[0];
    posting.post = on_post;
    mailbox_init(&calls);
    mail_expected = true;
    posting_start(&posting);
    run();
    posting_end(&posting);
    mail_expected = false;
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
    {nullptr, nullptr},
};

int main(int argc, char **argv) { return peer_main(argc, argv, workloads); }
