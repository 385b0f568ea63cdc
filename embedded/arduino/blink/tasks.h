/* tasks.h - what the sketch calls of tasks.c. */
#ifndef TASKS_H_INCLUDED
#define TASKS_H_INCLUDED
#include <stdbool.h>
#ifdef __cplusplus
extern "C" {
#endif
bool tasks_begin(void);                 /* false: memory is out */
void tasks_turn(void);
void tasks_button(void);                /* an interrupt handler */
#ifdef __cplusplus
}
#endif
#endif
