/* mps2-an385.c - ARM's MPS2 with a Cortex-M3 of 25 MHz: two down-counting timers, a free-running counter, a UART,
   and LEDs. */
#include "../board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define NVIC_ENABLE REGISTER(0xe000e100)
enum { IRQ_UART0_RX = 0, IRQ_TIMER0 = 8, IRQ_TIMER1 = 9 };

/* The CMSDK's timers. They count down at the processor's rate, and begin again at reload; 0: they stop. */
enum { TIMER_RUN = 1, TIMER_INTERRUPT = 8, CYCLES = 25 /* in a tick */ };
struct timer { uint32_t control, value, reload, interrupt; };
#define TIMER0 (*(volatile struct timer *)0x40000000)
#define TIMER1 (*(volatile struct timer *)0x40001000)

/* The CMSDK's UART. */
enum { UART_TX = 1, UART_RX = 2, UART_RX_INTERRUPT = 8, UART_TX_FULL = 1, UART_RX_FULL = 2 };
struct uart { uint32_t data, state, control, interrupt, divider; };
#define UART0 (*(volatile struct uart *)0x40004000)

/* Odds and ends of the FPGA, among them a counter of 32 bits behind a prescaler. */
#define FPGA_LEDS REGISTER(0x40028000)
#define FPGA_COUNTER REGISTER(0x40028018)
#define FPGA_PRESCALE REGISTER(0x4002801c)

static void (*on_byte)(uint8_t byte);
static void (*on_alarm)(void);

void irq_0(void);                       /* the names that start_cortex_m.c looks for */
void irq_8(void);
void irq_9(void);

void board_init(void)
{
    FPGA_PRESCALE = CYCLES - 1;
    FPGA_COUNTER = 0;
    UART0.divider = 25000000 / 115200;
    UART0.control = UART_TX;
    NVIC_ENABLE = 1u << IRQ_UART0_RX | 1u << IRQ_TIMER0 | 1u << IRQ_TIMER1;
}

uint32_t board_ticks(void) { return FPGA_COUNTER + BOARD_TICKS_START; }

static void timer_stop(volatile struct timer *timer)
{
    timer->control = 0;
    timer->interrupt = 1;               /* takes back one that is pending */
}

static void timer_start(volatile struct timer *timer, uint32_t ticks)
{
    timer_stop(timer);
    timer->reload = 0;
    timer->value = ticks * CYCLES;
    timer->control = TIMER_RUN | TIMER_INTERRUPT;
}

/* The handler of TIMER0 has nothing to do: that there was an interrupt is enough. */
void board_idle(int32_t ticks)
{
    if (ticks >= 0)                     /* the timer's longest is 171 s: we may come back early */
        timer_start(&TIMER0, ticks == 0 ? 1 : ticks < 170000000 ? (uint32_t)ticks : 170000000);
    __asm__ volatile("dsb\n\twfi" : : : "memory");
    if (ticks >= 0 && !TIMER0.interrupt)
        timer_stop(&TIMER0);
}

void irq_8(void) { timer_stop(&TIMER0); }

void board_alarm(uint32_t ticks, void (*fn)(void))
{
    timer_stop(&TIMER1);
    on_alarm = fn;
    timer_start(&TIMER1, ticks ? ticks : 1);
}

void irq_9(void)
{
    if (!TIMER1.interrupt)              /* asked again in the meantime */
        return;
    timer_stop(&TIMER1);
    on_alarm();
}

void board_put(const char *text, size_t n)
{
    while (n--) {
        while (UART0.state & UART_TX_FULL)
            ;
        UART0.data = (uint8_t)*text++;
    }
    while (UART0.state & UART_TX_FULL)
        ;
}

void board_on_byte(void (*fn)(uint8_t byte))
{
    on_byte = fn;
    UART0.control = UART_TX | UART_RX | UART_RX_INTERRUPT;
}

void irq_0(void)
{
    UART0.interrupt = UART_RX_FULL;
    while (UART0.state & UART_RX_FULL)
        on_byte((uint8_t)UART0.data);
}

void board_led(bool on) { FPGA_LEDS = on; }
bool board_led_is_on(void) { return FPGA_LEDS & 1; }

/* Semihosting: whoever listens at the debug port, here QEMU, takes the call. */
_Noreturn void board_exit(int status)
{
    const uint32_t block[2] = { 0x20026 /* the application ended */, (uint32_t)status };
    register uint32_t operation __asm__("r0") = 0x20 /* SYS_EXIT_EXTENDED */;
    register const uint32_t *argument __asm__("r1") = block;
    for (;;)
        __asm__ volatile("bkpt 0xab" : : "r"(operation), "r"(argument) : "memory");
}
