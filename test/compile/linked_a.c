/* Two files of one program: this one has the implementation, linked_b.c the coroutine. */
#define AIO_IMPLEMENTATION
#include "all.h"
#include "linked.h"

int main(void)
{
    struct aio_options options = { aio_sim(), NULL, NULL, false, 0 };
    int answer = 0;
    return linked_loop_bytes() != sizeof(struct aio_loop) ||
        aio_run_with(&options, answer, linked_new(42)) || answer != 42;
}
