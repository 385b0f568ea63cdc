/* A stand-in for FreeRTOS's FreeRTOS.h: as much of it as embedded/freertos/main.c uses, to build and run that on a
   computer. Nothing of FreeRTOS is in it. */
#ifndef STANDIN_FREERTOS_H_INCLUDED
#define STANDIN_FREERTOS_H_INCLUDED
#include "host.h"
#include <stddef.h>

typedef uint32_t TickType_t;
typedef long BaseType_t;
typedef unsigned long UBaseType_t;
#define configTICK_RATE_HZ ((TickType_t)1000)
#define portMAX_DELAY ((TickType_t)0xffffffff)
#define pdFALSE ((BaseType_t)0)
#define pdTRUE ((BaseType_t)1)
#define pdPASS pdTRUE
#define portYIELD_FROM_ISR(woken) (void)(woken)
static inline BaseType_t xPortIsInsideInterrupt(void) { return host_in_interrupt; }
#endif
