/* protothread.c - what event.c does, with functions that are left and entered again by a switch, and nothing else:
   no results, no errors, no cancellation, no frames of their own; whoever can go on is found by asking everybody. */
#include <stdbool.h>
#include "board.h"

/* A thread is the line where it waits. WAIT_UNTIL leaves the function, which goes on from there at the next call. */
struct thread { uint16_t line; };
#define THREAD_BEGIN(thread) switch ((thread)->line) { case 0:
#define THREAD_END(thread) }
#define WAIT_UNTIL(thread, condition) \
    do { (thread)->line = __LINE__; /* fall through */ case __LINE__: if (!(condition)) return; } while (0)

enum { FAST = 100, SLOW = 500 };

static volatile bool pressed;
static struct thread blink_thread, button_thread;
static uint32_t deadline;               /* of the only one that sleeps */
static uint32_t span;                   /* of the pulse that is being given */
static bool fast;

void board_pressed(void) { pressed = true; }

static bool is_due(void) { return (int32_t)(board_ticks() - deadline) >= 0; }

static void blink(struct thread *self)
{
    THREAD_BEGIN(self);
    for (;;) {
        span = fast ? FAST : SLOW;
        board_light = 1;
        deadline += span;
        WAIT_UNTIL(self, is_due());
        board_light = 0;
        deadline += span;
        WAIT_UNTIL(self, is_due());
    }
    THREAD_END(self);
}

static void button(struct thread *self)
{
    THREAD_BEGIN(self);
    for (;;) {
        WAIT_UNTIL(self, pressed);
        pressed = false;
        fast = !fast;
    }
    THREAD_END(self);
}

/* A press that comes after the last look ends the wait: interrupts are masked until then. */
static void idle(void)
{
    uint32_t mask = board_mask();
    int32_t left = (int32_t)(deadline - board_ticks());
    if (!pressed && left > 0)
        board_idle(left);
    board_unmask(mask);
}

int main(void)
{
    deadline = board_ticks();
    for (;;) {
        button(&button_thread);
        blink(&blink_thread);
        idle();
    }
}
