/* blink.ino - aio on an Arduino: a blinker with a button.

   The sketch sets up the pins and gives the loop its turns; the coroutines are in tasks.c. They are not in here,
   because a sketch is C++, and the compiler of the AVR boards, avr-gcc 7, has no keyword arguments there
   (designated initialisers), whatever the standard. In C, which every Arduino compiles beside the sketch, it has.

   A button between pin 2 and ground makes it blink fast, and slowly again.

   test/integration.t runs it with a stand-in for Arduino.h, test/standin, and builds it for an Uno's processor with
   the flags of Arduino's core; a board is not there.

   Prints there, from its pins, with presses after 1.25 and 2.03 s:
       0.0 s  led on
       0.5 s  led off
       1.0 s  led on
       1.2 s  led off
       1.3 s  led on
       1.4 s  led off
       1.5 s  led on
       1.6 s  led off
       1.7 s  led on
       1.8 s  led off
       1.9 s  led on
       2.0 s  led off
       2.5 s  led on
       3.0 s  led off
*/
#include "tasks.h"

void setup()
{
    pinMode(LED_BUILTIN, OUTPUT);
    pinMode(2, INPUT_PULLUP);
    if (tasks_begin())
        attachInterrupt(digitalPinToInterrupt(2), tasks_button, FALLING);
}

void loop()
{
    tasks_turn();                       /* whatever else a sketch does stands beside it, if it does not wait */
}
