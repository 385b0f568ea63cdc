/* board.h - what the programs in this folder ask of a board, and the hooks that aio.h asks of firmware.

   boards/ has three boards, all of them machines of QEMU: mps2-an385 (Cortex-M3), microbit (Cortex-M0) and
   virt (RISC-V, rv32imc). To bring up a board of your own, write one more file of this shape: it is a timer, a UART
   and two pins. Each has a linker script beside it; the start-up code is in boards/start_...c.
   By hand, a program for one of them is built so:

       arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb -Os -ffreestanding -iquote . embedded/blink.c \
           embedded/boards/microbit.c embedded/boards/start_cortex_m.c embedded/boards/common.c \
           -L embedded/boards -T microbit.ld -nostdlib -lgcc -o blink.elf

   Everything may be called from tasks and from interrupt handlers alike, but for board_idle. */
#ifndef BOARD_H_INCLUDED
#define BOARD_H_INCLUDED
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The hooks. A tick is a microsecond on all three boards, for their timers count that by themselves. It makes
   AIO_SEC(1073) the longest span, and the counter goes round in 71 minutes; with milliseconds these
   are 12 days and 49. */
#define AIO_TICK_HZ 1000000
#define AIO_NOW() board_ticks()
#define AIO_IDLE(ticks) board_idle(ticks)
#ifndef AIO_TIME_32
#define AIO_TIME_32 1                   /* no arithmetic of 64 bits */
#endif
#ifndef AIO_MEMORY
#define AIO_MEMORY 1                    /* there is no C library */
#endif

/* Where board_ticks begins: tests let it begin just before it goes round. */
#ifndef BOARD_TICKS_START
#define BOARD_TICKS_START 0u
#endif

/* ------------------------------------------------------------------------------ what a board has */

/* Called once, before main. Nothing interrupts yet: interrupts are on when main begins. */
void board_init(void);
/* Microseconds, from a timer that runs by itself. Goes round. */
uint32_t board_ticks(void);
/* Sleeps until an interrupt is pending, so many ticks at most; < 0: no limit. There is no periodic tick: the timer
   is set to the very moment. Interrupts are masked, and stay so: the handler runs when aio.h lets it. */
void board_idle(int32_t ticks);
/* Writes to the UART, and waits until it has taken the last byte. */
void board_put(const char *text, size_t n);
/* From now on, each byte that the UART receives is handed to fn, in its interrupt. */
void board_on_byte(void (*fn)(uint8_t byte));
/* A second timer, for whatever must happen on time: calls fn once, in its interrupt, so many ticks from now (at
   least 1). Asked again before, also by fn itself, it forgets what was asked before. At most BOARD_ALARM_LONGEST. */
void board_alarm(uint32_t ticks, void (*fn)(void));
#define BOARD_ALARM_LONGEST 100000000u  /* 100 s */
void board_led(bool on);
bool board_led_is_on(void);
/* The end of the program, and of QEMU, with this exit status. */
_Noreturn void board_exit(int status);

/* ------------------------------------------------- what is the same on all of them: boards/common.c */

/* %s %c %d %u %x, with l or without, and %%; no widths. */
#if defined __GNUC__
__attribute__((format(printf, 1, 2)))
#endif
void board_print(const char *format, ...);
/* Bytes of stack that have never been used: the start-up code paints it. stack_size: all there is. */
size_t board_stack_unused(void);
size_t board_stack_size(void);
/* From now on, fn is told every change of the button's contact, in an interrupt: true: closed. It bounces. */
void board_on_button(void (*fn)(bool closed));
/* QEMU has no fingers. This one plays a script of contacts, by board_alarm, whose interrupt stands for the pin's:
   so many ticks after the one before, the contact is closed or open. The script must outlive its end. */
struct board_contact { uint32_t after; bool closed; };
void board_finger(const struct board_contact *script, size_t n);
/* Something is broken beyond repair: says so, and ends with status 3. Faults of the processor come here. */
_Noreturn void board_panic(const char *what);

/* Of boards/start_*.c and the linker script: the first and the last word of the stack. */
extern uint32_t stack_bottom[], stack_top[];
enum { BOARD_PAINT = 0x57ac57ac };
#endif
