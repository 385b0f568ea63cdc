/* board.h - the board that these programs run on: a light, a button, a clock, no operating system. What is behind it
   (board.c) is in every image, and is not counted. */
#ifndef BOARD_H_INCLUDED
#define BOARD_H_INCLUDED

#include <stdint.h>

extern volatile unsigned char board_light;      /* 1: on */
uint32_t board_ticks(void);                     /* milliseconds; goes round */
void board_idle(int32_t ticks);                 /* until an interrupt, or so long at most; < 0: no limit */
uint32_t board_mask(void);                      /* masks interrupts */
void board_unmask(uint32_t state);
void board_pressed(void);                       /* the program's: the button's interrupt */

#endif
