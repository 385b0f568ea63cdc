/* host.h - the machine behind the stand-ins for Zephyr, FreeRTOS and Arduino: a clock that jumps, a light, a button
   that somebody presses after 1.25 and 2.03 seconds. It ends after 3.3. */
#ifndef HOST_H_INCLUDED
#define HOST_H_INCLUDED
#include <stdbool.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
extern uint64_t host_now;               /* microseconds */
extern bool host_in_interrupt;
/* From now on, the button calls it. */
void host_on_button(void (*handler)(void));
/* Time goes on until then, or until the next interrupt has been. UINT64_MAX: until that. */
void host_wait(uint64_t until);
void host_led(bool on);
#ifdef __cplusplus
}
#endif
#endif
