/* superloop.c - what event.c does, by hand: a state machine and a loop around it, which sleeps between deadlines. */
#include <stdbool.h>
#include "board.h"

enum { FAST = 100, SLOW = 500 };
enum state { OFF, ON };

static volatile bool pressed;
static enum state state;
static uint32_t deadline;               /* of the state */
static uint32_t span = SLOW;            /* of the pulse that is being given */
static bool fast;

void board_pressed(void) { pressed = true; }

static void button(void)
{
    if (!pressed)
        return;
    pressed = false;
    fast = !fast;
}

static void enter(enum state next)
{
    state = next;
    board_light = next == ON;
    deadline += span;
}

static void blink(void)
{
    if ((int32_t)(board_ticks() - deadline) < 0)
        return;
    switch (state) {
    case OFF:
        span = fast ? FAST : SLOW;
        enter(ON);
        break;
    case ON:
        enter(OFF);
        break;
    }
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
        button();
        blink();
        idle();
    }
}
