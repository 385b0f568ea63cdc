/* virt.c - QEMU's RISC-V machine: the standard's own timer, a 16550 UART, and a real-time clock whose alarm serves as
   the second timer. */
#include "../board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define BYTE(address) (*(volatile uint8_t *)(address))

/* The machine timer: 64 bits at 10 MHz, and one register to compare it with. */
#define TIME_LOW REGISTER(0x0200bff8)
#define TIME_HIGH REGISTER(0x0200bffc)
#define COMPARE_LOW REGISTER(0x02004000)
#define COMPARE_HIGH REGISTER(0x02004004)
enum { CYCLES = 10 /* in a tick */ };

/* The PLIC, which collects the interrupts of everything else. */
#define PLIC_PRIORITY(irq) REGISTER(0x0c000000 + 4 * (irq))
#define PLIC_ENABLE REGISTER(0x0c002000)
#define PLIC_THRESHOLD REGISTER(0x0c200000)
#define PLIC_CLAIM REGISTER(0x0c200004)
enum { IRQ_UART = 10, IRQ_CLOCK = 11 };

/* The clock, in nanoseconds. Reading the low half keeps the high half for us. */
#define CLOCK_LOW REGISTER(0x00101000)
#define CLOCK_HIGH REGISTER(0x00101004)
#define CLOCK_ALARM_LOW REGISTER(0x00101008)    /* write the high half first: this one sets it */
#define CLOCK_ALARM_HIGH REGISTER(0x0010100c)
#define CLOCK_ENABLE REGISTER(0x00101010)
#define CLOCK_FORGET REGISTER(0x00101014)
#define CLOCK_CLEAR REGISTER(0x0010101c)

#define UART_DATA BYTE(0x10000000)
#define UART_INTERRUPTS BYTE(0x10000001)
#define UART_STATUS BYTE(0x10000005)
enum { UART_INTERRUPT_RX = 1, UART_RX_FULL = 1, UART_TX_EMPTY = 0x20, UART_TX_IDLE = 0x40 };

#define TEST REGISTER(0x00100000)       /* ends QEMU */

static void (*on_byte)(uint8_t byte);
static void (*on_alarm)(void);
static bool led, alarm_set;

void board_timer_interrupt(void);       /* the names that start_riscv.c looks for */
void board_external_interrupt(void);

static uint32_t mask(void)
{
    uint32_t state;
    __asm__ volatile("csrrci %0, mstatus, 8" : "=r"(state) : : "memory");
    return state & 8;
}

static void unmask(uint32_t state) { __asm__ volatile("csrs mstatus, %0" : : "r"(state) : "memory"); }

static uint64_t timer(void)
{
    uint32_t high, low;
    do {
        high = TIME_HIGH;
        low = TIME_LOW;
    } while (high != TIME_HIGH);
    return (uint64_t)high << 32 | low;
}

static void compare(uint64_t when)
{
    COMPARE_HIGH = UINT32_MAX;          /* not too early while it is half written */
    COMPARE_LOW = (uint32_t)when;
    COMPARE_HIGH = (uint32_t)(when >> 32);
}

void board_init(void)
{
    compare(UINT64_MAX);
    TIME_LOW = 0;
    TIME_HIGH = 0;
    PLIC_PRIORITY(IRQ_UART) = PLIC_PRIORITY(IRQ_CLOCK) = 1;
    PLIC_ENABLE = 1u << IRQ_UART | 1u << IRQ_CLOCK;
    PLIC_THRESHOLD = 0;
    CLOCK_ENABLE = 1;
}

/* A tenth, by multiplication: the factor is 2^32 / 10, a billionth too large, and what overflows is the part that
   goes round. */
uint32_t board_ticks(void) { return (uint32_t)(timer() * (UINT32_MAX / CYCLES + 1) >> 32) + BOARD_TICKS_START; }

/* The handler has nothing to do: that there was an interrupt is enough. */
void board_idle(int32_t ticks)
{
    if (ticks >= 0)
        compare(timer() + (uint64_t)(uint32_t)ticks * CYCLES);
    __asm__ volatile("wfi" : : : "memory");
    if (ticks >= 0)
        compare(UINT64_MAX);
}

void board_timer_interrupt(void) { compare(UINT64_MAX); }

void board_alarm(uint32_t ticks, void (*fn)(void))
{
    uint32_t state = mask();            /* or the handler could see fn with the old time */
    uint64_t when = CLOCK_LOW;
    when = ((uint64_t)CLOCK_HIGH << 32 | when) + (uint64_t)ticks * 1000;
    CLOCK_FORGET = 1;
    on_alarm = fn;
    alarm_set = true;
    CLOCK_CLEAR = 1;
    CLOCK_ALARM_HIGH = (uint32_t)(when >> 32);
    CLOCK_ALARM_LOW = (uint32_t)when;
    unmask(state);
}

static void alarm_interrupt(void)
{
    CLOCK_CLEAR = 1;
    if (alarm_set) {
        alarm_set = false;
        on_alarm();
    }
}

void board_external_interrupt(void)
{
    uint32_t irq;
    while ((irq = PLIC_CLAIM) != 0) {
        if (irq == IRQ_CLOCK)
            alarm_interrupt();
        while (irq == IRQ_UART && UART_STATUS & UART_RX_FULL)
            on_byte(UART_DATA);
        PLIC_CLAIM = irq;               /* done with it */
    }
}

void board_put(const char *text, size_t n)
{
    while (n--) {
        while (!(UART_STATUS & UART_TX_EMPTY))
            ;
        UART_DATA = (uint8_t)*text++;
    }
    while (!(UART_STATUS & UART_TX_IDLE))
        ;
}

void board_on_byte(void (*fn)(uint8_t byte))
{
    on_byte = fn;
    UART_INTERRUPTS = UART_INTERRUPT_RX;
}

void board_led(bool on) { led = on; }   /* there is none */
bool board_led_is_on(void) { return led; }

_Noreturn void board_exit(int status)
{
    for (;;)
        TEST = status ? (uint32_t)status << 16 | 0x3333 : 0x5555;
}
