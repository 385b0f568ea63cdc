/* The loop as an object: turns, several loops, threads, posts, and its end. */
#include "net.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

static int init(struct aio_loop *loop) { return aio_loop_init_(loop, &net_options, test_poller()); }

struct add { AIO_FRAME(int); int a, b; aio_time sleep; };
static AIO_CORO(add)
{
    AIO_BEGIN;
    AIO_AWAIT(aio_sleep(self->sleep));
    AIO_RETURN(self->a + self->b);
    AIO_END;
}

/* Notes its name when it begins, and when it is cancelled. */
struct sleeper { AIO_FRAME(void); char name; aio_time sleep; };
static AIO_CORO(sleeper)
{
    AIO_BEGIN;
    note("%c", self->name);
    AIO_AWAIT(aio_sleep(self->sleep));
    note("%c'", self->name);
    AIO_FINALLY;
    if (aio_coro_error(self) == AIO_ECANCELED)
        note("-%c", self->name);
    AIO_END;
}

static void note_arg(struct aio_callback *callback) { note("%s ", (const char *)callback->arg); }
static void stop_loop(struct aio_callback *callback) { aio_loop_stop(callback->loop); }

/* ------------------------------------------------------------------------------- one loop, many runs */

TEST(run_until_complete)
{
    struct aio_loop loop;
    int before = open_fds();
    struct sleeper *other;
    struct add *task;
    CHECK_INT(init(&loop), 0);
    CHECK(loop.poller == test_poller() && loop.user == NULL);
    other = aio_loop_create_task(&loop, aio_new(sleeper, 'o', AIO_MS(5)));
    CHECK_INT(aio_loop_run_until_complete(&loop, aio_new(add, 1, 2)), 0);
    CHECK_NOTES("o");                                   /* it lives on till the next run */
    CHECK(!aio_task_done(other));
    CHECK_INT(aio_loop_run_until_complete(&loop, aio_wait_for(aio_sleep(AIO_SEC(9)), AIO_MS(1))), AIO_ETIMEDOUT);
    task = aio_loop_create_task(&loop, aio_new(add, 3, 4, AIO_MS(10)));
    CHECK_INT(aio_loop_run_until_complete(&loop, aio_new(add, 5, 6, AIO_MS(15))), 0);
    CHECK_NOTES("o'");
    CHECK(aio_task_done(other) && aio_task_done(task));
    CHECK_INT(task->result, 7);
    CHECK(aio_loop_current() == NULL);
    aio_release(task);
    aio_release(other);
    CHECK_INT(aio_loop_close(&loop), 0);
    CHECK_INT(open_fds(), before);
}

TEST(run_forever_and_stop)
{
    struct aio_loop loop;
    struct aio_callback soon = { .fn = note_arg, .arg = "soon" }, stop = { .fn = stop_loop };
    struct aio_callback late = { .fn = note_arg, .arg = "late" };
    aio_time began;
    CHECK_INT(init(&loop), 0);
    began = aio_loop_time(&loop);
    aio_loop_call_later(&loop, &stop, AIO_MS(10));
    CHECK_INT(aio_loop_run_forever(&loop), 0);
    CHECK(aio_loop_time(&loop) - began >= AIO_MS(10));
    aio_loop_call_soon(&loop, &stop);
    aio_loop_call_soon(&loop, &soon);                   /* the turn that is going on ends */
    CHECK_INT(aio_loop_run_forever(&loop), 0);
    CHECK_NOTES("soon ");
    aio_loop_call_later(&loop, &late, AIO_SEC(50));
    aio_loop_stop(&loop);                               /* stopped before: one turn, that does not wait */
    aio_loop_call_soon(&loop, &soon);
    CHECK_INT(aio_loop_call_soon(&loop, &soon), AIO_EBUSY);
    CHECK_INT(aio_loop_run_forever(&loop), 0);
    CHECK_NOTES("soon ");
    began = aio_loop_time(&loop);
    aio_loop_stop(&loop);                               /* the same with nothing that is ready */
    CHECK_INT(aio_loop_run_forever(&loop), 0);
    CHECK(aio_loop_time(&loop) - began < AIO_SEC(5));
    CHECK(aio_callback_cancel(&late) && !aio_callback_cancel(&late) && !aio_callback_cancel(&soon));
    CHECK_INT(aio_loop_close(&loop), 0);
}

/* Whichever of those that are queued is taken back, the others come in their order, and so does a later one. */
static void note_name(struct aio_callback *callback) { note("%s ", (const char *)callback->arg); }
TEST(taken_out_of_the_queue)
{
    static const char *const names[] = { "a", "b", "c", "d", "e" };
    static const char *const left[] = { "b c d ", "a c e ", "a b d ", "e " };
    struct aio_callback callbacks[5];
    struct aio_loop loop;
    unsigned i, k;
    CHECK_INT(aio_loop_init(&loop, &net_options), 0);
    memset(callbacks, 0, sizeof callbacks);
    for (k = 0; k < 5; k++) {
        callbacks[k].fn = note_name;
        callbacks[k].arg = (void *)(uintptr_t)names[k];
    }
    for (i = 0; i < 4; i++) {                           /* again and again: old links are in them */
        for (k = 0; k < 3; k++)
            CHECK_INT(aio_loop_call_soon(&loop, &callbacks[k]), 0);
        for (k = 0; k < 3; k++)
            if (i == k || i == 3)                       /* one of them, or all */
                CHECK(aio_callback_cancel(&callbacks[k]) && !aio_callback_pending(&callbacks[k]));
        CHECK_INT(aio_loop_call_soon(&loop, &callbacks[3 + i % 2]), 0);
        CHECK_INT(aio_loop_turn(&loop, 0), i < 3 ? 3 : 1);
        CHECK_NOTES(left[i]);
    }
    CHECK_INT(aio_loop_close(&loop), 0);
}

/* A turn that the poller has ended with an error leaves nothing behind that would end the next run. */
static int waits_left;
static int failing_wait(struct aio_loop *loop, aio_time timeout)
{
    return waits_left && --waits_left == 0 ? AIO_EIO : test_poller()->wait(loop, timeout);
}

TEST(run_after_a_poller_error)
{
    struct aio_poller poller = *test_poller();
    struct aio_loop loop;
    int sum = 0, turns = 0, error;
    poller.wait = failing_wait;
    CHECK_INT(aio_loop_init_(&loop, &net_options, &poller), 0);
    do {
        waits_left = ++turns;                           /* which of its waits fails: until none does */
        error = aio_loop_turn(&loop, 1);
        CHECK(error == 0 || error == AIO_EIO);
        CHECK_INT(aio_loop_run_until_complete(&loop, sum, aio_new(add, turns, 2, AIO_MS(1))),
                  error == 0 ? AIO_EIO : 0);
        CHECK_INT(sum, error == 0 ? 0 : turns + 2);
    } while (error);
    CHECK(turns > 1);
    CHECK_INT(aio_loop_close(&loop), 0);
}

/* A stop in the middle of run_until_complete must not make it spin while it waits. */
TEST(stop_while_completing)
{
    struct aio_loop loop;
    aio_time cpu;
    CHECK_INT(init(&loop), 0);
    aio_loop_stop(&loop);
    cpu = cpu_time();
    CHECK_INT(aio_loop_run_until_complete(&loop, aio_sleep(AIO_MS(100))), 0);
    CHECK(cpu_time() - cpu < AIO_MS(slow() ? 90 : 50), "%lld us", (long long)(cpu_time() - cpu) / 1000);
    CHECK_INT(aio_loop_close(&loop), 0);
}

TEST(closed)
{
    struct aio_loop loop;
    CHECK_INT(init(&loop), 0);
    CHECK_INT(aio_loop_close(&loop), 0);
    CHECK_INT(aio_loop_close(&loop), 0);                /* twice is once */
    CHECK(aio_loop_run_until_complete(&loop, aio_new(sleeper, 'x')) < 0);
    CHECK(aio_loop_run_forever(&loop) < 0);
    CHECK(aio_loop_turn(&loop, 0) < 0);
    CHECK(aio_loop_create_task(&loop, aio_new(sleeper, 'x')) == NULL);
    CHECK(aio_loop_spawn(&loop, aio_new(sleeper, 'x')) < 0);
    CHECK_NOTES("");
    CHECK_INT(init(&loop), 0);                          /* and it can be made anew */
    CHECK_INT(aio_loop_run_until_complete(&loop, aio_new(sleeper, 'x')), 0);
    CHECK_NOTES("xx'");
    CHECK_INT(aio_loop_close(&loop), 0);
}

TEST(leftovers_in_order)
{
    struct aio_loop loop;
    struct sleeper *kept;
    CHECK_INT(init(&loop), 0);
    CHECK_INT(aio_loop_spawn(&loop, aio_new(sleeper, 'a', AIO_SEC(30))), 0);
    kept = aio_loop_create_task(&loop, aio_new(sleeper, 'b', AIO_SEC(10)));
    CHECK_INT(aio_loop_spawn(&loop, aio_new(sleeper, 'c', AIO_SEC(20))), 0);
    CHECK_INT(aio_loop_turn(&loop, 0), 3);
    CHECK_INT(aio_loop_spawn(&loop, aio_new(sleeper, 'd', 0)), 0);      /* it has not begun */
    CHECK_NOTES("abc");
    CHECK_INT(aio_loop_close(&loop), 0);
    if (AIO_DEBUG)
        CHECK_NOTES("-d-a-b-c[sleeper was never released 0]");
    else
        CHECK_NOTES("-d-a-b-c");                        /* d was queued already; the others in order */
    CHECK(aio_task_cancelled(kept));                    /* a handle outlives the loop */
    CHECK_INT(aio_task_error(kept), AIO_ECANCELED);
    CHECK_INT(kept->name, 'b');
    CHECK(!aio_task_cancel(kept));
    CHECK_STR(aio_task_name(kept), "sleeper");
    aio_release(kept);
    CHECK(kept == NULL);
}

/* The close calls what is due. What is not is forgotten: it may be taken back, and used again. */
TEST(callbacks_outlive_the_loop)
{
    struct aio_loop loop;
    struct aio_callback soon = { .fn = note_arg, .arg = "soon" }, late = { .fn = note_arg, .arg = "late" };
    CHECK_INT(init(&loop), 0);
    aio_loop_call_soon(&loop, &soon);
    aio_loop_call_later(&loop, &late, AIO_SEC(5));
    CHECK_INT(aio_loop_close(&loop), 0);
    CHECK_NOTES("soon ");
    CHECK(!aio_callback_cancel(&soon));
    CHECK(!aio_callback_cancel(&late));
    CHECK_INT(init(&loop), 0);
    CHECK_INT(aio_loop_call_soon(&loop, &soon), 0);
    CHECK_INT(aio_loop_call_later(&loop, &late, 0), 0);
    CHECK_INT(aio_loop_run_until_complete(&loop, aio_sleep(AIO_MS(1))), 0);
    CHECK_NOTES("soon late ");
    CHECK_INT(aio_loop_close(&loop), 0);
}

/* What is posted when the close takes no more is forgotten as well. */
static struct aio_callback posted_late;
static void post_late(struct aio_callback *callback) { aio_loop_post(callback->loop, &posted_late); }
TEST(posted_while_closing)
{
    struct aio_loop loop;
    struct aio_callback interrupt = { .fn = post_late };
    posted_late.fn = note_arg;
    posted_late.arg = "late";
    CHECK_INT(init(&loop), 0);
    aio_loop_at_close(&loop, &interrupt);
    CHECK_INT(aio_loop_close(&loop), 0);
    CHECK_NOTES("");
    CHECK(!aio_callback_cancel(&posted_late));
    CHECK_INT(init(&loop), 0);
    aio_loop_post(&loop, &posted_late);
    CHECK_INT(aio_loop_run_until_complete(&loop, aio_sleep(AIO_MS(1))), 0);
    CHECK_NOTES("late ");
    aio_loop_post(&loop, &posted_late);
    CHECK_INT(aio_loop_call_soon(&loop, &posted_late), AIO_EBUSY);
    CHECK_INT(aio_loop_run_until_complete(&loop, aio_sleep(AIO_MS(1))), 0);
    CHECK_NOTES("late ");
    CHECK_INT(aio_loop_call_soon(&loop, &posted_late), 0);
    CHECK_INT(aio_loop_close(&loop), 0);
    CHECK_NOTES("late ");
}

/* In the child of a fork, nothing is posted, and nothing waits for its turn, whatever was at the fork. */
static int in_child(struct aio_callback *posted, struct aio_callback *soon)
{
    struct aio_loop loop;
    aio_after_fork();
    if (init(&loop) || aio_loop_call_soon(&loop, soon))
        return 1;
    aio_loop_post(&loop, posted);
    if (aio_loop_run_until_complete(&loop, aio_sleep(AIO_MS(1))) || aio_loop_close(&loop))
        return 2;
    return strcmp(tap_text, "soon posted ") == 0 ? 0 : 3;
}
TEST(posted_before_a_fork)
{
    static struct aio_callback posted = { .fn = note_arg, .arg = "posted" }, soon = { .fn = note_arg, .arg = "soon" };
    struct aio_loop loop;
    pid_t child;
    int status = -1;
    CHECK_INT(init(&loop), 0);
    CHECK_INT(aio_loop_call_soon(&loop, &soon), 0);
    aio_loop_post(&loop, &posted);
    child = fork();
    if (child == 0)
        _exit(in_child(&posted, &soon));
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
    CHECK_INT(aio_loop_close(&loop), 0);
    CHECK_NOTES("soon posted ");                        /* the parent's are its own */
}

/* ------------------------------------------------------------------------ in a loop of somebody else's */

/* One round of a foreign loop: waits as it should, then lets ours take one turn. How many ran. */
static int foreign_round(struct aio_loop *loop)
{
    aio_time left = aio_loop_deadline(loop) - aio_loop_time(loop);
    struct pollfd query = { aio_loop_fileno(loop), POLLIN, 0 };
    int ms = left <= 0 ? 0 : left > AIO_SEC(1) ? 1000 : (int)(left / 1000000 + 1);
    if (query.fd < 0 && ms > 1)
        ms = 1;                                         /* no descriptor to wait for: look often */
    poll(&query, query.fd >= 0, ms);
    return aio_loop_turn(loop, 0);
}

struct talker { AIO_FRAME(int); int *fds; char byte; };
static AIO_CORO(talker)
{
    AIO_BEGIN;
    for (; self->result < 5; self->result++) {
        AIO_AWAIT(aio_recv_exactly(self->fds[0], &self->byte, 1));
        CHECK_INT(self->byte, '0' + self->result);
    }
    AIO_END;
}

TEST(turns_in_a_foreign_loop)
{
    struct aio_loop loop;
    struct talker *talker;
    struct add *timer;
    int fds[2], rounds = 0, sent = 0;
    CHECK_INT(init(&loop), 0);
    CHECK(on_select() ? aio_loop_fileno(&loop) == AIO_ENOTSUP : aio_loop_fileno(&loop) > 2);
    CHECK(aio_loop_deadline(&loop) == AIO_FOREVER);
    CHECK_INT(aio_loop_turn(&loop, 0), 0);
    CHECK_INT(aio_socketpair(fds), 0);
    talker = aio_loop_create_task(&loop, aio_new(talker, fds));
    CHECK(aio_loop_deadline(&loop) <= aio_loop_time(&loop));    /* something is ready */
    CHECK_INT(aio_loop_turn(&loop, 0), 1);
    CHECK(aio_loop_deadline(&loop) == AIO_FOREVER);
    timer = aio_loop_create_task(&loop, aio_new(add, 1, 1, AIO_MS(20)));
    aio_loop_turn(&loop, 0);
    CHECK(aio_loop_deadline(&loop) > aio_loop_time(&loop) && aio_loop_deadline(&loop) <= aio_loop_time(&loop) + AIO_MS(20));
    for (; rounds < 10000 && !(aio_task_done(talker) && aio_task_done(timer)); rounds++) {
        if (sent <= talker->result && sent < 5) {
            char byte = (char)('0' + sent++);
            CHECK_INT(write(fds[1], &byte, 1), 1);
        }
        foreign_round(&loop);
    }
    CHECK(aio_task_done(talker) && talker->result == 5);
    CHECK_INT(aio_task_error(timer), 0);
    CHECK(rounds < (on_select() ? 60 : 30), "%d", rounds);
    aio_release(talker);
    aio_release(timer);
    aio_close(fds[0]);
    aio_close(fds[1]);
    CHECK_INT(aio_loop_close(&loop), 0);
}

/* Set, spawned, cancelled and closed between two turns: the next one sees it. */
struct waiter { AIO_FRAME(int); void *future; };
typedef AIO_FUTURE(int) int_future;
static AIO_CORO(waiter)
{
    AIO_BEGIN;
    AIO_AWAIT(self->result, (int_future *)self->future);
    AIO_END;
}
TEST(work_between_turns)
{
    struct aio_loop loop;
    int_future future = { 0 };
    struct waiter *waiter;
    struct sleeper *victim;
    struct aio_void *reader;
    struct aio_callback soon = { .fn = note_arg, .arg = "soon" };
    int fds[2];
    CHECK_INT(init(&loop), 0);
    CHECK_INT(aio_socketpair(fds), 0);
    waiter = aio_loop_create_task(&loop, aio_new(waiter, &future));
    victim = aio_loop_create_task(&loop, aio_new(sleeper, 'v', AIO_SEC(9)));
    reader = aio_loop_create_task(&loop, aio_readable(fds[0]));
    CHECK_INT(aio_loop_turn(&loop, 0), 3);
    CHECK_NOTES("v");
    CHECK_INT(aio_future_set_result(&future, 42), 0);
    CHECK(aio_loop_deadline(&loop) <= aio_loop_time(&loop));
    CHECK(aio_task_cancel(victim));
    aio_close(fds[0]);
    aio_loop_call_soon(&loop, &soon);
    CHECK_INT(aio_loop_turn(&loop, AIO_SEC(5)), 4);     /* does not wait: something is ready */
    CHECK_NOTES("-vsoon ");
    CHECK_INT(waiter->result, 42);
    CHECK_INT(aio_task_error(victim), AIO_ECANCELED);
    CHECK_INT(aio_task_error(reader), AIO_EBADF);
    aio_release(waiter);
    aio_release(victim);
    aio_release(reader);
    aio_close(fds[1]);
    CHECK_INT(aio_loop_close(&loop), 0);
}

TEST(a_turn_waits_so_long)
{
    struct aio_loop loop;
    aio_time began;
    CHECK_INT(init(&loop), 0);
    began = aio_loop_time(&loop);
    CHECK_INT(aio_loop_turn(&loop, AIO_MS(5)), 0);
    CHECK(aio_loop_time(&loop) - began >= AIO_MS(5));
    CHECK_INT(aio_loop_spawn(&loop, aio_sleep(AIO_MS(3))), 0);
    CHECK_INT(aio_loop_turn(&loop, AIO_SEC(9)), 1);
    CHECK_INT(aio_loop_turn(&loop, -1), 1);
    CHECK(aio_loop_time(&loop) - began < AIO_SEC(5));
    CHECK_INT(aio_loop_close(&loop), 0);
}

/* After the wake of a post, and after an event for nobody, the descriptor is quiet again: a foreign loop
   must not spin. */
TEST(no_spin_in_a_foreign_loop)
{
    struct aio_loop loop;
    struct aio_callback posted = { .fn = note_arg, .arg = "posted" };
    struct aio_void *reader;
    struct pollfd query = { -1, POLLIN, 0 };
    int fds[2];
    if (on_select())
        return;                                         /* it has no descriptor */
    CHECK_INT(init(&loop), 0);
    query.fd = aio_loop_fileno(&loop);
    CHECK_INT(poll(&query, 1, 0), 0);
    aio_loop_post(&loop, &posted);
    CHECK_INT(poll(&query, 1, 0), 1);
    CHECK_INT(aio_loop_turn(&loop, 0), 1);
    CHECK_NOTES("posted ");
    aio_loop_turn(&loop, 0);
    CHECK_INT(poll(&query, 1, 0), 0);
    CHECK_INT(aio_socketpair(fds), 0);
    reader = aio_loop_create_task(&loop, aio_readable(fds[0]));
    aio_loop_turn(&loop, 0);
    aio_task_cancel(reader);
    aio_loop_turn(&loop, 0);
    CHECK_INT(write(fds[1], "x", 1), 1);
    CHECK_INT(poll(&query, 1, 0), 1);
    aio_loop_turn(&loop, 0);
    CHECK_INT(poll(&query, 1, 0), 0);
    aio_release(reader);
    aio_close(fds[0]);
    aio_close(fds[1]);
    CHECK_INT(aio_loop_close(&loop), 0);
}

/* --------------------------------------------------------------------------------------- several loops */

/* Two loops with different pollers take turns on one thread, and close in any order. A descriptor that
   both know is forgotten by both. */
TEST(interleaved)
{
    struct aio_options one = { .poller = test_poller() }, two = { .poller = aio_select() };
    struct aio_loop a, b;
    struct aio_void *wait[2];
    struct add *sum[2];
    int fds[2], i, before = open_fds();
    CHECK_INT(aio_loop_init(&a, &one), 0);
    CHECK_INT(aio_loop_init(&b, &two), 0);
    CHECK_INT(aio_socketpair(fds), 0);
    wait[0] = aio_loop_create_task(&a, aio_readable(fds[0]));
    wait[1] = aio_loop_create_task(&b, aio_readable(fds[0]));
    sum[0] = aio_loop_create_task(&a, aio_new(add, 1, 2, AIO_MS(3)));
    sum[1] = aio_loop_create_task(&b, aio_new(add, 3, 4, AIO_MS(3)));
    for (i = 0; i < 10000 && !(aio_task_done(sum[0]) && aio_task_done(sum[1])); i++) {
        CHECK(aio_loop_turn(&a, AIO_US(300)) >= 0);
        CHECK(aio_loop_turn(&b, AIO_US(300)) >= 0);
    }
    CHECK(sum[0]->result == 3 && sum[1]->result == 7);
    CHECK(!aio_task_done(wait[0]) && !aio_task_done(wait[1]));
    aio_close(fds[0]);
    aio_loop_turn(&a, 0);
    aio_loop_turn(&b, 0);
    CHECK_INT(aio_task_error(wait[0]), AIO_EBADF);
    CHECK_INT(aio_task_error(wait[1]), AIO_EBADF);
    for (i = 0; i < 2; i++) {
        aio_release(wait[i]);
        aio_release(sum[i]);
    }
    CHECK_INT(aio_loop_run_until_complete(&a, aio_sleep(AIO_MS(1))), 0);
    CHECK_INT(aio_loop_close(&a), 0);
    CHECK_INT(aio_loop_run_until_complete(&b, aio_sleep(AIO_MS(1))), 0);
    CHECK_INT(aio_loop_close(&b), 0);
    aio_close(fds[1]);
    CHECK_INT(open_fds(), before);
}

TEST(one_after_another)
{
    int i, sum = 0, before = open_fds();
    for (i = 0; i < 50; i++) {
        int got = 0;
        CHECK_INT(aio_run(got, aio_new(add, i, 1)), 0);
        sum += got;
    }
    CHECK_INT(sum, 50 * 51 / 2);
    CHECK_INT(open_fds(), before);
}

/* ---------------------------------------------------------------------------------------------- threads */

struct ping { AIO_FRAME(int); int fds[2], rounds; char byte; };
static AIO_CORO(ping)
{
    AIO_BEGIN;
    if (aio_socketpair(self->fds) < 0)
        AIO_RAISE(AIO_EMFILE);
    while (self->result < self->rounds) {
        AIO_AWAIT(aio_send_all(self->fds[0], "p", 1));
        AIO_AWAIT(aio_recv_exactly(self->fds[1], &self->byte, 1));
        AIO_AWAIT(aio_sleep(0));
        self->result++;
    }
    AIO_FINALLY;
    aio_close(self->fds[0]);
    aio_close(self->fds[1]);
    AIO_END;
}
static void *ping_thread(void *arg)
{
    int i;
    for (i = 0; i < 5; i++)
        if (aio_run(*(int *)arg, aio_new(ping, .rounds = 100)))
            *(int *)arg = -1;
    return NULL;
}
TEST(loops_in_threads)
{
    pthread_t threads[4];
    int results[4] = { 0 }, i;
    for (i = 0; i < 4; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, ping_thread, &results[i]), 0);
    for (i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(results[i], 100);
    }
}

enum { POSTERS = 4, POSTS = 10000 };
struct letter { struct aio_callback callback; int thread, number; };
static struct letter letters[POSTERS][POSTS];
static int arrived[POSTERS], wrong_order, posts_left;
static struct aio_loop *post_office;
static void letter_arrives(struct aio_callback *callback)
{
    struct letter *letter = AIO_CONTAINER_(callback, struct letter, callback);
    wrong_order += letter->number != arrived[letter->thread]++;
    if (--posts_left == 0)
        aio_loop_stop(callback->loop);
}
static void *poster_thread(void *arg)
{
    int i, k = *(int *)arg, n = slow() ? 1000 : POSTS;
    for (i = 0; i < n; i++) {
        letters[k][i].callback.fn = letter_arrives;
        letters[k][i].thread = k;
        letters[k][i].number = i;
        aio_loop_post(post_office, &letters[k][i].callback);
    }
    return NULL;
}
TEST(posts_from_threads)
{
    struct aio_loop loop;
    pthread_t threads[POSTERS];
    int k, number[POSTERS], n = slow() ? 1000 : POSTS;
    CHECK_INT(init(&loop), 0);
    post_office = &loop;
    posts_left = POSTERS * n;
    wrong_order = 0;
    for (k = 0; k < POSTERS; k++) {
        number[k] = k;
        arrived[k] = 0;
        CHECK_INT(pthread_create(&threads[k], NULL, poster_thread, &number[k]), 0);
    }
    CHECK_INT(aio_loop_run_forever(&loop), 0);
    for (k = 0; k < POSTERS; k++) {
        pthread_join(threads[k], NULL);
        CHECK_INT(arrived[k], n);
    }
    CHECK_INT(wrong_order, 0);
    CHECK_INT(aio_loop_close(&loop), 0);
}

/* A post ends a wait that is going on, one at a time, each from a fresh sleep. */
static int bounces;
static struct aio_callback bounce;
static void *bounce_thread(void *arg)
{
    (void)arg;
    usleep(1000);
    aio_loop_post(post_office, &bounce);
    return NULL;
}
static void bounced(struct aio_callback *callback)
{
    bounces++;
    aio_loop_stop(callback->loop);
}
TEST(a_post_ends_a_wait)
{
    struct aio_loop loop;
    pthread_t thread;
    int i;
    CHECK_INT(init(&loop), 0);
    post_office = &loop;
    bounce.fn = bounced;
    bounces = 0;
    for (i = 0; i < 20; i++) {
        CHECK_INT(pthread_create(&thread, NULL, bounce_thread, NULL), 0);
        CHECK_INT(aio_loop_run_forever(&loop), 0);      /* nothing else would end it */
        pthread_join(thread, NULL);
    }
    CHECK_INT(bounces, 20);
    CHECK_INT(aio_loop_close(&loop), 0);
}

/* From a handler, in the middle of a wait. */
static void post_from_handler(int number)
{
    (void)number;
    aio_loop_post(post_office, &bounce);
}
TEST(posts_from_a_signal_handler)
{
    struct aio_loop loop;
    struct sigaction action = { .sa_handler = post_from_handler };
    struct itimerval soon = { { 0, 0 }, { 0, 2000 } };
    int i;
    CHECK_INT(init(&loop), 0);
    post_office = &loop;
    bounce.fn = bounced;
    bounces = 0;
    sigaction(SIGALRM, &action, NULL);
    for (i = 0; i < 10; i++) {
        setitimer(ITIMER_REAL, &soon, NULL);
        CHECK_INT(aio_loop_run_forever(&loop), 0);      /* nothing else would end it */
    }
    CHECK_INT(bounces, 10);
    signal(SIGALRM, SIG_DFL);
    alarm(slow() ? 600 : ALARM);                        /* the one that setitimer replaced */
    CHECK_INT(aio_loop_close(&loop), 0);
}

/* A crowd is woken with its last one, and no turn waits longer than it may. */
TEST(a_crowd)
{
    struct aio_loop loop;
    struct aio_callback callbacks[100];
    aio_time began;
    int i, turns = 0;
    CHECK_INT(init(&loop), 0);
    CHECK(loop.slack == AIO_MS(1));
    memset(callbacks, 0, sizeof callbacks);
    began = aio_loop_time(&loop);
    for (i = 0; i < 100; i++) {
        callbacks[i].fn = note_arg;
        callbacks[i].arg = "";
        CHECK_INT(aio_loop_call_at(&loop, &callbacks[i], began + AIO_MS(20) + AIO_US(5) * i), 0);
    }
    CHECK(aio_loop_turn(&loop, AIO_MS(2)) == 0);
    CHECK(aio_loop_time(&loop) - began >= AIO_MS(2));
    for (; aio_callback_pending(&callbacks[99]); turns++)
        CHECK(aio_loop_turn(&loop, -1) >= 0);
    CHECK(aio_loop_time(&loop) - began >= AIO_MS(20) + AIO_US(5) * 99);
    CHECK(AIO_SMALL || turns <= 3);                     /* one, if nothing holds us up */
    tap_text[0] = 0;
    CHECK_INT(aio_loop_close(&loop), 0);
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(run_until_complete), T(run_forever_and_stop), T(taken_out_of_the_queue), T(run_after_a_poller_error),
        T(stop_while_completing), T(closed),
        T(leftovers_in_order), T(callbacks_outlive_the_loop), T(posted_while_closing), T(posted_before_a_fork),
        T(turns_in_a_foreign_loop), T(work_between_turns),
        T(a_turn_waits_so_long), T(a_crowd), T(no_spin_in_a_foreign_loop), T(interleaved), T(one_after_another),
        T(loops_in_threads), T(posts_from_threads), T(a_post_ends_a_wait), T(posts_from_a_signal_handler));
}
