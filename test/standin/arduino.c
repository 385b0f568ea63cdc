/* arduino.c - what Arduino's core does, for the stand-in: setup once, loop for ever. Each round takes 100 us. */
#include "Arduino.h"
#include "host.h"
#include <stdlib.h>

static uint8_t modes[20];
unsigned long millis(void) { return (unsigned long)(host_now / 1000); }
void pinMode(uint8_t pin, uint8_t mode) { modes[pin] = mode; }
void digitalWrite(uint8_t pin, uint8_t level)
{
    if (pin == LED_BUILTIN && modes[pin] == OUTPUT)
        host_led(level == HIGH);
}
void attachInterrupt(uint8_t interrupt, void (*handler)(void), int mode)
{
    if (interrupt == 0 && mode == FALLING && modes[2] == INPUT_PULLUP)
        host_on_button(handler);
}

int main(void)
{
    setup();
    for (;;) {
        loop();
        host_wait(host_now + 100);
    }
}
