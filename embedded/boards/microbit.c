/* microbit.c - the BBC micro:bit: an nRF51822, a Cortex-M0 of 16 MHz. One timer of 32 bits serves for everything:
   it runs free, and has four registers to compare it with or to capture it in. */
#include "../board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define NVIC_ENABLE REGISTER(0xe000e100)
enum { IRQ_UART = 2, IRQ_TIMER0 = 8 };

/* TIMER0. Register k of four: the counter is compared with it, or captured there. */
enum { IDLE = 0, NOW = 1, ALARM = 2 };
#define TIMER_START REGISTER(0x40008000)
#define TIMER_CAPTURE(k) REGISTER(0x40008040 + 4 * (k))
#define TIMER_REACHED(k) REGISTER(0x40008140 + 4 * (k))     /* the counter has come there */
#define TIMER_ENABLE REGISTER(0x40008304)                   /* interrupts, by bits */
#define TIMER_DISABLE REGISTER(0x40008308)
#define TIMER_BITMODE REGISTER(0x40008508)
#define TIMER_PRESCALER REGISTER(0x40008510)
#define TIMER_COMPARE(k) REGISTER(0x40008540 + 4 * (k))
#define TIMER_BIT(k) (1u << (16 + (k)))

#define UART_START_RX REGISTER(0x40002000)
#define UART_START_TX REGISTER(0x40002008)
#define UART_RX_READY REGISTER(0x40002108)
#define UART_TX_READY REGISTER(0x4000211c)
#define UART_ENABLE_INTERRUPT REGISTER(0x40002304)
#define UART_ENABLE REGISTER(0x40002500)
#define UART_PIN_TX REGISTER(0x4000250c)
#define UART_PIN_RX REGISTER(0x40002514)
#define UART_RX REGISTER(0x40002518)
#define UART_TX REGISTER(0x4000251c)
#define UART_BAUD REGISTER(0x40002524)
enum { PIN_TX = 24, PIN_RX = 25, UART_INTERRUPT_RX = 4, UART_ON = 4, BAUD_115200 = 0x01d7e000 };

/* The LED at the top left: row 1 high and column 1 low. */
#define GPIO_OUT REGISTER(0x50000504)
#define GPIO_SET REGISTER(0x50000508)
#define GPIO_CLEAR REGISTER(0x5000050c)
#define GPIO_OUTPUTS REGISTER(0x50000518)
enum { ROW_1 = 1 << 13, COLUMN_1 = 1 << 4 };

static void (*on_byte)(uint8_t byte);
static void (*on_alarm)(void);

void irq_2(void);                       /* the names that start_cortex_m.c looks for */
void irq_8(void);

static uint32_t mask(void)
{
    uint32_t state;
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(state) : : "memory");
    return state;
}

static void unmask(uint32_t state) { __asm__ volatile("msr primask, %0" : : "r"(state) : "memory"); }

void board_init(void)
{
    TIMER_BITMODE = 3;                  /* 32 bits */
    TIMER_PRESCALER = 4;                /* 16 MHz / 2^4 */
    TIMER_START = 1;
    GPIO_OUTPUTS = ROW_1 | COLUMN_1 | 1u << PIN_TX;
    UART_PIN_TX = PIN_TX;
    UART_PIN_RX = PIN_RX;
    UART_BAUD = BAUD_115200;
    UART_ENABLE = UART_ON;
    UART_START_TX = 1;
    NVIC_ENABLE = 1u << IRQ_UART | 1u << IRQ_TIMER0;
}

/* An interrupt between the two would capture, too: what we read would still be right, only later. */
static uint32_t counter(void)
{
    TIMER_CAPTURE(NOW) = 1;
    return TIMER_COMPARE(NOW);
}

uint32_t board_ticks(void) { return counter() + BOARD_TICKS_START; }

/* An interrupt so many ticks from now. A compare register says when the counter passes it, and if that has
   happened already it says so in 71 minutes: so look again, and rather be late by a tick or two. */
static void compare_in(int k, uint32_t ticks)
{
    uint32_t start = counter(), passed;
    TIMER_DISABLE = TIMER_BIT(k);
    ticks = ticks < 2 ? 2 : ticks;
    for (;;) {
        TIMER_COMPARE(k) = start + ticks;
        TIMER_REACHED(k) = 0;
        passed = counter() - start;
        if (passed < ticks)
            break;
        ticks = passed + 2;
    }
    TIMER_ENABLE = TIMER_BIT(k);
}

/* The handler has nothing to do for IDLE: that there was an interrupt is enough. */
void board_idle(int32_t ticks)
{
    if (ticks >= 0)
        compare_in(IDLE, (uint32_t)ticks);
    __asm__ volatile("dsb\n\twfi" : : : "memory");
    TIMER_DISABLE = TIMER_BIT(IDLE);
}

void board_alarm(uint32_t ticks, void (*fn)(void))
{
    uint32_t state = mask();            /* or the handler could see fn with the old time */
    on_alarm = fn;
    compare_in(ALARM, ticks);
    unmask(state);
}

void irq_8(void)
{
    void (*fn)(void) = on_alarm;
    TIMER_REACHED(IDLE) = 0;
    if (TIMER_REACHED(ALARM) && fn) {   /* NULL: it has been called, and IDLE is why we are here */
        TIMER_DISABLE = TIMER_BIT(ALARM);
        TIMER_REACHED(ALARM) = 0;
        on_alarm = NULL;
        fn();
    }
}

void board_put(const char *text, size_t n)
{
    while (n--) {
        UART_TX_READY = 0;
        UART_TX = (uint8_t)*text++;
        while (!UART_TX_READY)
            ;
    }
}

void board_on_byte(void (*fn)(uint8_t byte))
{
    on_byte = fn;
    UART_ENABLE_INTERRUPT = UART_INTERRUPT_RX;
    UART_START_RX = 1;
}

void irq_2(void)
{
    while (UART_RX_READY) {             /* there is another one as long as it comes up again */
        UART_RX_READY = 0;
        on_byte((uint8_t)UART_RX);
    }
}

void board_led(bool on)
{
    GPIO_CLEAR = COLUMN_1;
    if (on)
        GPIO_SET = ROW_1;
    else
        GPIO_CLEAR = ROW_1;
}

bool board_led_is_on(void) { return GPIO_OUT & ROW_1; }

/* Semihosting: whoever listens at the debug port, here QEMU, takes the call. */
_Noreturn void board_exit(int status)
{
    const uint32_t block[2] = { 0x20026 /* the application ended */, (uint32_t)status };
    register uint32_t operation __asm__("r0") = 0x20 /* SYS_EXIT_EXTENDED */;
    register const uint32_t *argument __asm__("r1") = block;
    for (;;)
        __asm__ volatile("bkpt 0xab" : : "r"(operation), "r"(argument) : "memory");
}
