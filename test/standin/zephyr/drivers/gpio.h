/* A stand-in for Zephyr's <zephyr/drivers/gpio.h>: a pin with a light, and one with a button. See kernel.h. */
#ifndef STANDIN_ZEPHYR_GPIO_H_INCLUDED
#define STANDIN_ZEPHYR_GPIO_H_INCLUDED
#include "../../host.h"
#include <stddef.h>

struct device { const char *name; };
struct gpio_dt_spec { const struct device *port; uint8_t pin; };
struct gpio_callback;
typedef void (*gpio_callback_handler_t)(const struct device *port, struct gpio_callback *callback, uint32_t pins);
struct gpio_callback { gpio_callback_handler_t handler; uint32_t pin_mask; };

#define DT_ALIAS(alias) STANDIN_##alias
#define GPIO_DT_SPEC_GET(node, property) { NULL, node }
#define STANDIN_led0 1
#define STANDIN_sw0 2
enum { GPIO_OUTPUT_INACTIVE = 1, GPIO_INPUT = 2, GPIO_INT_EDGE_TO_ACTIVE = 4 };

static struct gpio_callback *standin_callback;
static inline void standin_button(void)
{
    standin_callback->handler(NULL, standin_callback, standin_callback->pin_mask);
}

static inline int gpio_pin_configure_dt(const struct gpio_dt_spec *spec, unsigned flags)
{
    return spec->pin == STANDIN_led0 ? flags != GPIO_OUTPUT_INACTIVE : flags != GPIO_INPUT;
}
static inline int gpio_pin_set_dt(const struct gpio_dt_spec *spec, int value)
{
    if (spec->pin == STANDIN_led0)
        host_led(value != 0);
    return 0;
}
static inline void gpio_init_callback(struct gpio_callback *callback, gpio_callback_handler_t handler, uint32_t mask)
{
    callback->handler = handler;
    callback->pin_mask = mask;
}
static inline int gpio_add_callback(const struct device *port, struct gpio_callback *callback)
{
    (void)port;
    standin_callback = callback;
    return 0;
}
static inline int gpio_pin_interrupt_configure_dt(const struct gpio_dt_spec *spec, unsigned flags)
{
    if (spec->pin == STANDIN_sw0 && flags == GPIO_INT_EDGE_TO_ACTIVE)
        host_on_button(standin_button);
    return 0;
}
#endif
