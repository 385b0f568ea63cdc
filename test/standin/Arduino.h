/* A stand-in for Arduino.h: as much of it as embedded/arduino/blink uses, to build and run that on a computer.
   Nothing of Arduino is in it. */
#ifndef STANDIN_ARDUINO_H_INCLUDED
#define STANDIN_ARDUINO_H_INCLUDED
#include <stdbool.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
enum { LOW = 0, HIGH = 1, INPUT_PULLUP = 2, OUTPUT = 1, FALLING = 2, LED_BUILTIN = 13 };
#define digitalPinToInterrupt(pin) ((pin) - 2)
unsigned long millis(void);
void pinMode(uint8_t pin, uint8_t mode);
void digitalWrite(uint8_t pin, uint8_t level);
void attachInterrupt(uint8_t interrupt, void (*handler)(void), int mode);
void setup(void);
void loop(void);
#ifdef __cplusplus
}
#endif
#endif
