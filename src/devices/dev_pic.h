/*
 * The pair of 8259A interrupt controllers and the edge/level register (Intel 8259A data sheet;
 * ICH9 5.8). IRQ 0 to 15; the second one hangs on input 2 of the first. Device lock held.
 */
#pragma once

#include "devices/dev_bus.h"

struct dev_pic_chip {
    uint8_t irr, isr, imr;
    uint8_t lines;     /* levels of the inputs */
    uint8_t level;     /* edge/level register: inputs that are level-triggered */
    uint8_t base;      /* vector of input 0 */
    uint8_t lowest;    /* input of lowest priority */
    uint8_t init_step; /* initialisation command word that is awaited, 0: none */
    bool wants_icw4, auto_eoi, rotate_on_auto_eoi, special_mask, special_nested, poll, read_isr;
};

struct dev_pic {
    struct dev_line output; /* [I] INTR */
    bool output_level;
    struct dev_pic_chip chips[2];
    struct dev_region ports[2], elcr;
};

void dev_pic_init(struct dev_pic *pic, struct dev_bus *bus, struct dev_line output);
void dev_pic_reset(struct dev_pic *pic);

/* The level of an input, 0 to 15. `pic` is a struct dev_pic, so that it fits a dev_line. */
void dev_pic_set(void *pic, unsigned irq, bool level);

/* The CPU's acknowledge cycle: the vector, or -1 when no interrupt is pending any more. */
int dev_pic_acknowledge(struct dev_pic *pic);
