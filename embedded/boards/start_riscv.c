/* start_riscv.c - from reset to main on a RISC-V with machine mode only, and the one trap handler there is. */
#include "../board.h"

extern uint32_t data_rom[], data_start[], data_end[], bss_start[], bss_end[];
int main(void);
void board_timer_interrupt(void);       /* of the board */
void board_external_interrupt(void);
void _start(void);
void start(void);

/* The first instructions: no stack yet, so no C. */
__attribute__((naked, section(".start"), used)) void _start(void)
{
    __asm__ volatile("la sp, stack_top\n\tj start");
}

/* mcause: the highest bit tells interrupts from exceptions. */
enum { TIMER = 7, EXTERNAL = 11 };

__attribute__((interrupt, aligned(4))) static void trap(void)
{
    uint32_t cause;
    __asm__ volatile("csrr %0, mcause" : "=r"(cause));
    if (cause == (1u << 31 | TIMER))
        board_timer_interrupt();
    else if (cause == (1u << 31 | EXTERNAL))
        board_external_interrupt();
    else
        board_panic(cause >> 31 ? "an interrupt without a handler" : "fault");
}

__attribute__((used)) _Noreturn void start(void)
{
    /* Volatile, or the compiler makes calls of memcpy and memset of these, whose stack would be painted over. */
    volatile uint32_t *to, *sp;
    const uint32_t *from = data_rom;
    __asm__ volatile("mv %0, sp" : "=r"(sp));
    for (to = data_start; to < data_end; to++)
        *to = *from++;
    for (to = bss_start; to < bss_end; to++)
        *to = 0;
    for (to = stack_bottom; to < sp; to++)
        *to = BOARD_PAINT;
    __asm__ volatile("csrw mtvec, %0" : : "r"(trap));
    board_init();
    __asm__ volatile("csrw mie, %0\n\tcsrsi mstatus, 8" : : "r"(1u << TIMER | 1u << EXTERNAL));
    board_exit(main());
}
