/* Task-local values: what a task sets is seen by itself, by what it awaits, and by the tasks it creates. */
#include "core.h"

static struct aio_local user = { "nobody" }, request;
static const char *who(void) { return (const char *)aio_local_get(&user); }
static int set_who(const char *name) { return aio_local_set(&user, (void *)(uintptr_t)name); }

struct shows { AIO_FRAME(void); const char *name; int sleep; };
static AIO_CORO(shows)
{
    AIO_BEGIN;
    note("%s ", who());
    if (self->name)
        CHECK_INT(set_who(self->name), 0);
    AIO_AWAIT(aio_sleep(self->sleep));
    note("%s ", who());
    AIO_END;
}

CORO_TEST(inherited_at_creation, struct shows *a, *b;)
{
    AIO_BEGIN;
    CHECK_STR(who(), "nobody");
    CHECK(aio_local_get(&request) == NULL);
    self->a = aio_create_task(aio_new(shows, "ann", 2));        /* before anything was set */
    CHECK_INT(set_who("zoe"), 0);
    self->b = aio_create_task(aio_new(shows, NULL, 2));
    CHECK_INT(set_who("yan"), 0);                               /* after: not for those that exist */
    AIO_AWAIT(aio_sleep(1));
    CHECK_NOTES("nobody zoe ");
    CHECK_STR(who(), "yan");
    AIO_AWAIT(self->a);
    AIO_AWAIT(self->b);
    CHECK_NOTES("ann zoe ");
    CHECK_STR(who(), "yan");                                    /* what others set is theirs */
    aio_release(self->a);
    aio_release(self->b);
    AIO_AWAIT(aio_new(shows, "bob"));                           /* a plain await shares */
    CHECK_NOTES("yan bob ");
    CHECK_STR(who(), "bob");
    AIO_END;
}

struct keeps { AIO_FRAME(void); int i; };
static AIO_CORO(keeps)
{
    AIO_BEGIN;
    CHECK_INT(aio_local_set(&request, &self->i), 0);
    AIO_AWAIT(aio_sleep(self->i));
    CHECK(aio_local_get(&request) == &self->i);
    CHECK_STR(who(), "owner");
    AIO_END;
}

/* Members of a group, and of a gather, have the values of whoever spawned them. */
CORO_TEST(groups, struct aio_group group; int i;)
{
    AIO_BEGIN;
    CHECK_INT(set_who("owner"), 0);
    aio_group_open(&self->group, self, 0, 0);
    for (self->i = 1; self->i < 5; self->i++)
        CHECK_INT(aio_group_spawn(&self->group, aio_new(keeps, self->i)), 0);
    AIO_AWAIT(aio_group_join(&self->group));
    AIO_ALL(aio_new(keeps, 2), aio_wait_for(aio_new(keeps, 1), 5));
    CHECK(aio_local_get(&request) == NULL);
    AIO_END;
}

/* Set again and again, with children that keep the old values alive: memory does not grow. */
CORO_TEST(again_and_again, int i; struct shows *task; long before;)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 100; self->i++) {
        if (self->i == 50)
            self->before = core_live;
        CHECK_INT(set_who(self->i % 2 ? "odd" : "even"), 0);
        self->task = aio_create_task(aio_new(shows));
        CHECK_INT(set_who("between"), 0);
        AIO_AWAIT(self->task);
        aio_release(self->task);
        CHECK_NOTES(self->i % 2 ? "odd odd " : "even even ");
    }
    CHECK(core_live <= self->before + 1);
    AIO_END;
}

static void looks(struct aio_callback *callback)
{
    note("%s ", who());
    CHECK_INT(set_who("callback"), AIO_EPERM);
    (void)callback;
}

CORO_TEST(not_in_callbacks, struct aio_callback callback;)
{
    AIO_BEGIN;
    CHECK_INT(set_who("me"), 0);
    self->callback.fn = looks;
    CHECK_INT(aio_loop_call_soon(aio_loop_current(), &self->callback), 0);
    CHECK(aio_callback_pending(&self->callback));
    CHECK(aio_callback_when(&self->callback) == AIO_FOREVER);
    AIO_AWAIT(aio_sleep(0));
    CHECK_NOTES("nobody ");
    CHECK(!aio_callback_pending(&self->callback));
    CHECK_INT(aio_loop_call_later(aio_loop_current(), &self->callback, 5), 0);
    CHECK_INT(aio_callback_when(&self->callback), 5);
    CHECK(aio_callback_cancel(&self->callback));
    CHECK_STR(who(), "me");
    AIO_END;
}

TEST(outside_a_loop)
{
    CHECK_STR(who(), "nobody");
    CHECK_INT(set_who("me"), AIO_EPERM);
}

/* Many keys. */
struct many { AIO_FRAME(void); struct aio_local keys[20]; int i; };
static AIO_CORO(many)
{
    AIO_BEGIN;
    for (self->i = 0; self->i < 20; self->i++)
        CHECK_INT(aio_local_set(&self->keys[self->i], &self->keys[19 - self->i]), 0);
    AIO_AWAIT(aio_new(shows));
    for (self->i = 0; self->i < 20; self->i++)
        CHECK(aio_local_get(&self->keys[self->i]) == &self->keys[19 - self->i]);
    AIO_END;
}
TEST(many_keys)
{
    CHECK_INT(run(aio_new(many)), 0);
    CHECK_NOTES("nobody nobody ");
}

int main(int argc, char **argv)
{
    RUN(argc, argv, T(inherited_at_creation), T(groups), T(again_and_again), T(not_in_callbacks), T(outside_a_loop),
        T(many_keys));
}
