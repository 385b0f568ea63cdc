/* sizes_board.c - the board of bench/size on a computer, for sizes.t: time jumps, the button is pressed twice, and how
   long the light was on and off is printed, in milliseconds rounded to 10 (a sleep may take a tick more). A program
   that never sleeps, hello.c, is looked at by a real interrupt, until the light was seen both on and off. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#include "../bench/size/board.h"

enum { END = 4900, LOOKS = 500 };

volatile unsigned char board_light;
static uint32_t now, since;             /* since: when the light changed */
static unsigned char light;             /* as it was at the last look */

void board_pressed(void) __attribute__((weak));

static void say(const char *text)
{
    ssize_t n = write(1, text, strlen(text));
    _exit(n < 0);
}

static void interrupt(int signal)
{
    static int looks, seen[2];
    (void)signal;
    seen[board_light != 0]++;
    if (now == 0 && seen[0] && seen[1])
        say("flickers\n");
    if (++looks == LOOKS)
        say("neither sleeps nor flickers\n");
}

static void end(void)
{
    if (now < END && board_light)       /* everything.c returns */
        say("the light is on\n");
}

__attribute__((constructor)) static void begin(void)
{
    const struct itimerval every = { { 0, 2000 }, { 0, 2000 } };
    atexit(end);
    signal(SIGALRM, interrupt);
    setitimer(ITIMER_REAL, &every, NULL);
}

static void look(void)
{
    if (board_light == light)
        return;
    if (now > since)
        printf("%d %u\n", light, (now - since + 5) / 10 * 10);
    light = board_light;
    since = now;
}

uint32_t board_ticks(void)
{
    look();
    return now;
}

uint32_t board_mask(void) { return 0; }
void board_unmask(uint32_t state) { (void)state; }

void board_idle(int32_t ticks)
{
    static const uint32_t press[] = { 1250, 2530, END };
    static int next;
    look();
    if (ticks >= 0 && now + (uint32_t)ticks < press[next]) {
        now += (uint32_t)ticks;
        return;
    }
    now = press[next++];
    if (now == END)
        exit(0);
    if (board_pressed)
        board_pressed();
}
