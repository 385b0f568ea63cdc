/* A stand-in for FreeRTOS's task.h: one task. See FreeRTOS.h. */
#ifndef STANDIN_TASK_H_INCLUDED
#define STANDIN_TASK_H_INCLUDED
#include "FreeRTOS.h"
#include <stdlib.h>

struct standin_task { void (*run)(void *argument); void *argument; uint32_t notified; };
typedef struct standin_task *TaskHandle_t;
static struct standin_task standin_task;

/* As FreeRTOS has it: notifying is one function for tasks, and another for interrupts. */
static inline void standin_context(bool interrupt)
{
    if (host_in_interrupt != interrupt)
        abort();
}

static inline BaseType_t xTaskCreate(void (*run)(void *), const char *name, unsigned stack, void *argument,
                                     UBaseType_t priority, TaskHandle_t *task)
{
    (void)name, (void)stack, (void)priority;
    standin_task.run = run;
    standin_task.argument = argument;
    if (task)
        *task = &standin_task;
    return pdPASS;
}
static inline void vTaskStartScheduler(void) { standin_task.run(standin_task.argument); }
static inline void vTaskDelete(TaskHandle_t task)
{
    (void)task;
    exit(1);
}
static inline TaskHandle_t xTaskGetCurrentTaskHandle(void) { return &standin_task; }
static inline TickType_t xTaskGetTickCount(void) { return (TickType_t)(host_now / 1000); }

static inline uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t ticks)
{
    uint64_t until = ticks == portMAX_DELAY ? UINT64_MAX : (host_now / 1000 + ticks) * 1000;
    uint32_t notified;
    standin_context(false);
    while (!standin_task.notified && host_now < until)
        host_wait(until);
    notified = standin_task.notified;
    standin_task.notified = clear || !notified ? 0 : notified - 1;
    return notified;
}
static inline void vTaskNotifyGiveFromISR(TaskHandle_t task, BaseType_t *woken)
{
    standin_context(true);
    task->notified++;
    *woken = pdTRUE;
}
static inline BaseType_t xTaskNotifyGive(TaskHandle_t task)
{
    standin_context(false);
    task->notified++;
    return pdPASS;
}

/* The board of embedded/freertos/main.c. */
void board_led(int on);
void board_button_start(void);
void button_interrupt(void);
void board_led(int on) { host_led(on != 0); }
void board_button_start(void) { host_on_button(button_interrupt); }
#endif
