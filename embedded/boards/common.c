/* common.c - what needs no hardware: printing, the stack's high-water mark, the finger. */
#include <stdarg.h>
#include "../board.h"

static void put_number(unsigned long value, unsigned base)
{
    char digits[10];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    board_put(digits + at, sizeof digits - at);
}

static size_t length(const char *text)
{
    size_t n = 0;
    while (text[n])
        n++;
    return n;
}

static void put_conversion(char conversion, va_list *arguments)
{
    const char *text;
    char c;
    if (conversion == 's') {
        text = va_arg(*arguments, const char *);
        board_put(text, length(text));
    } else if (conversion == 'c') {
        c = (char)va_arg(*arguments, int);
        board_put(&c, 1);
    } else if (conversion == 'd') {     /* int and long are of one size here */
        long value = va_arg(*arguments, long);
        if (value < 0)
            board_put("-", 1);
        put_number(value < 0 ? -(unsigned long)value : (unsigned long)value, 10);
    } else if (conversion == 'u' || conversion == 'x') {
        put_number(va_arg(*arguments, unsigned long), conversion == 'u' ? 10 : 16);
    } else {
        board_put(&conversion, 1);
    }
}

void board_print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    while (*format) {
        size_t n = 0;
        while (format[n] && format[n] != '%')
            n++;
        board_put(format, n);
        format += n;
        if (!*format)
            break;
        format += format[1] == 'l' ? 2 : 1;
        if (*format)
            put_conversion(*format++, &arguments);
    }
    va_end(arguments);
}

size_t board_stack_size(void) { return (size_t)((char *)stack_top - (char *)stack_bottom); }

size_t board_stack_unused(void)
{
    const volatile uint32_t *word = stack_bottom;
    while (word < stack_top && *word == BOARD_PAINT)
        word++;
    return (size_t)((const volatile char *)word - (char *)stack_bottom);
}

_Noreturn void board_panic(const char *what)
{
    board_print("panic: %s\n", what);
    board_exit(3);
}

/* ---------------------------------------------------------------------------------- the finger */

static void (*on_button)(bool closed);
static const struct board_contact *contact, *contact_end;

static void contact_changes(void)
{
    bool closed = contact->closed;
    if (++contact < contact_end)
        board_alarm(contact->after, contact_changes);
    if (on_button)
        on_button(closed);
}

void board_on_button(void (*fn)(bool closed)) { on_button = fn; }

void board_finger(const struct board_contact *script, size_t n)
{
    contact = script;
    contact_end = script + n;
    if (n)
        board_alarm(script->after, contact_changes);
}
