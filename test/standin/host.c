/* host.c - see host.h. */
#include "host.h"
#include <stdio.h>
#include <stdlib.h>

static const uint64_t presses[] = { 1250000, 2030000, UINT64_MAX };
enum { END = 3300000 };
uint64_t host_now;
bool host_in_interrupt;
static void (*button)(void);
static int pressed;

void host_on_button(void (*handler)(void)) { button = handler; }

void host_led(bool on)
{
    printf("%u.%u s  led %s\n", (unsigned)(host_now / 1000000), (unsigned)(host_now / 100000 % 10), on ? "on" : "off");
}

void host_wait(uint64_t until)
{
    bool press = presses[pressed] <= until;
    host_now = press ? presses[pressed] : until > host_now ? until : host_now;
    if (host_now >= END)
        exit(0);
    if (!press)
        return;
    pressed++;
    host_in_interrupt = true;
    if (button)
        button();
    host_in_interrupt = false;
}
