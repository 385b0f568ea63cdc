/* board.c - the least that links. It is no real board: the registers of one are not what is measured here. */
#include "board.h"

volatile unsigned char board_light;
static volatile uint32_t ticks;

/* hello.c and sleep.c have no button. */
__attribute__((weak)) void board_pressed(void);

uint32_t board_ticks(void) { return ticks; }
uint32_t board_mask(void) { return 0; }
void board_unmask(uint32_t state) { (void)state; }

void board_idle(int32_t time)
{
    ticks += (uint32_t)time;
    if (board_pressed)
        board_pressed();
}
