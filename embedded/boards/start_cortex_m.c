/* start_cortex_m.c - from reset to main on any Cortex-M: the vector table, and memory as C expects it.

   A board's interrupt handlers are plain functions with the names irq_0 to irq_31, after the numbers in its
   manual; those that it does not define come to unexpected. */
#include "../board.h"

extern uint32_t data_rom[], data_start[], data_end[], bss_start[], bss_end[];
int main(void);
void start(void);

/* Called by the processor itself, with the stack pointer set. Interrupts are on after a reset, but none is
   enabled yet; the board enables what it handles. */
_Noreturn void start(void)
{
    /* Volatile, or the compiler makes calls of memcpy and memset of these, whose stack would be painted over. */
    volatile uint32_t *to, *sp;
    const uint32_t *from = data_rom;
    __asm__ volatile("mov %0, sp" : "=r"(sp));
    for (to = data_start; to < data_end; to++)
        *to = *from++;
    for (to = bss_start; to < bss_end; to++)
        *to = 0;
    for (to = stack_bottom; to < sp; to++)
        *to = BOARD_PAINT;
    board_init();
    board_exit(main());
}

static void nmi(void) { board_panic("NMI"); }
static void fault(void) { board_panic("fault"); }
static void unexpected(void) { board_panic("an interrupt without a handler"); }

#define IRQ(n) void irq_##n(void) __attribute__((weak, alias("unexpected")));
#define IRQS(do) do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) do(10) do(11) do(12) do(13) do(14) do(15) \
    do(16) do(17) do(18) do(19) do(20) do(21) do(22) do(23) do(24) do(25) do(26) do(27) do(28) do(29) do(30) do(31)
IRQS(IRQ)

/* What the processor finds at address 0: where the stack begins, and whom to call for what. */
#define ENTRY(n) irq_##n,
__attribute__((section(".start"), used)) static const struct {
    uint32_t *stack;
    void (*handlers[15])(void);
    void (*irqs[32])(void);
} vectors = {
    stack_top,
    { start, nmi, fault, fault, fault, fault, unexpected, unexpected, unexpected, unexpected, unexpected, unexpected,
      unexpected, unexpected, unexpected },
    { IRQS(ENTRY) }
};
