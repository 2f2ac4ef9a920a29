/* The pair of 8259A interrupt controllers. */
#include "devices/dev_pic.h"

#include "base/memops.h"

enum { CASCADE = 2 };

static const uint8_t elcr_fixed[2] = {0x07, 0x21}; /* IRQ 0, 1, 2, 8 and 13 are edge-triggered */

/* How far below the highest priority an input is, 0 to 7. */
static unsigned distance(const struct dev_pic_chip *chip, unsigned input)
{
    return (input - chip->lowest - 1) & 7;
}

/* The input of highest priority in the set, -1: none. */
static int first(const struct dev_pic_chip *chip, uint8_t set)
{
    int best = -1;

    for (unsigned input = 0; input < 8; input++) {
        if ((set >> input & 1) != 0 &&
            (best < 0 || distance(chip, input) < distance(chip, (unsigned)best))) {
            best = (int)input;
        }
    }
    return best;
}

/* The input that would interrupt now, -1: none. */
static int pending(const struct dev_pic *pic, unsigned which)
{
    const struct dev_pic_chip *chip = &pic->chips[which];
    uint8_t service = chip->isr;
    int request = first(chip, chip->irr & (uint8_t)~chip->imr), serving;

    if (chip->special_mask) {
        service &= (uint8_t)~chip->imr;
    }
    if (which == 0 && chip->special_nested) {
        service &= (uint8_t) ~(1u << CASCADE);
    }
    serving = first(chip, service);
    if (request < 0 ||
        (serving >= 0 && distance(chip, (unsigned)serving) <= distance(chip, (unsigned)request))) {
        return -1;
    }
    return request;
}

static void set_input(struct dev_pic_chip *chip, unsigned input, bool level)
{
    uint8_t bit = (uint8_t)(1u << input);

    if ((chip->level & bit) != 0) {
        chip->irr = level ? chip->irr | bit : chip->irr & (uint8_t)~bit;
    } else if (level && (chip->lines & bit) == 0) {
        /* Kept until it is taken: HPET's edges are pulses. */
        chip->irr |= bit;
    }
    chip->lines = level ? chip->lines | bit : chip->lines & (uint8_t)~bit;
}

/* The second chip's output follows its requests; one that is gone is forgotten. */
static void set_cascade(struct dev_pic_chip *chip, bool level)
{
    uint8_t bit = 1u << CASCADE;

    set_input(chip, CASCADE, level);
    chip->irr = level ? chip->irr | bit : chip->irr & (uint8_t)~bit;
}

static void update(struct dev_pic *pic)
{
    bool level;

    set_cascade(&pic->chips[0], pending(pic, 1) >= 0);
    level = pending(pic, 0) >= 0;
    if (level != pic->output_level) {
        pic->output_level = level;
        dev_line_set(&pic->output, level);
    }
}

void dev_pic_set(void *opaque, unsigned irq, bool level)
{
    struct dev_pic *pic = opaque;

    set_input(&pic->chips[irq >> 3 & 1], irq & 7, level);
    update(pic);
}

static void acknowledge(struct dev_pic_chip *chip, unsigned input)
{
    uint8_t bit = (uint8_t)(1u << input);

    if ((chip->level & bit) == 0) {
        chip->irr &= (uint8_t)~bit;
    }
    if (!chip->auto_eoi) {
        chip->isr |= bit;
    } else if (chip->rotate_on_auto_eoi) {
        chip->lowest = (uint8_t)input;
    }
}

int dev_pic_acknowledge(struct dev_pic *pic)
{
    int input = pending(pic, 0), vector = -1;

    if (input == CASCADE) {
        int second = pending(pic, 1);
        acknowledge(&pic->chips[0], CASCADE);
        if (second >= 0) {
            acknowledge(&pic->chips[1], (unsigned)second);
            vector = pic->chips[1].base + second;
        } else {
            vector = pic->chips[1].base + 7; /* spurious */
        }
    } else if (input >= 0) {
        acknowledge(&pic->chips[0], (unsigned)input);
        vector = pic->chips[0].base + input;
    }
    update(pic);
    return vector;
}

static void end_of_interrupt(struct dev_pic_chip *chip, uint8_t value)
{
    unsigned command = value >> 5, input = value & 7;
    int serving = first(chip, chip->special_mask ? chip->isr & (uint8_t)~chip->imr : chip->isr);

    switch (command) {
    case 0: /* rotate on automatic EOI: off, on */
    case 4:
        chip->rotate_on_auto_eoi = command == 4;
        break;
    case 1: /* not specific, without and with rotation */
    case 5:
        if (serving >= 0) {
            chip->isr &= (uint8_t) ~(1u << serving);
            chip->lowest = command == 5 ? (uint8_t)serving : chip->lowest;
        }
        break;
    case 3: /* specific */
    case 7:
        chip->isr &= (uint8_t) ~(1u << input);
        chip->lowest = command == 7 ? (uint8_t)input : chip->lowest;
        break;
    case 6: /* set priority */
        chip->lowest = (uint8_t)input;
        break;
    default:
        break;
    }
}

static void write_command(struct dev_pic_chip *chip, uint8_t value)
{
    if ((value & 0x10) != 0) { /* ICW1 */
        uint8_t lines = chip->lines, level = chip->level;
        memset(chip, 0, sizeof *chip);
        chip->lines = lines;
        chip->level = level;
        chip->irr = lines & level;
        chip->lowest = 7;
        chip->init_step = 2;
        chip->wants_icw4 = (value & 1) != 0;
    } else if ((value & 0x08) != 0) { /* OCW3 */
        chip->poll = (value & 4) != 0;
        if ((value & 2) != 0) {
            chip->read_isr = (value & 1) != 0;
        }
        if ((value & 0x40) != 0) {
            chip->special_mask = (value & 0x20) != 0;
        }
    } else {
        end_of_interrupt(chip, value);
    }
}

static void write_data(struct dev_pic_chip *chip, uint8_t value)
{
    switch (chip->init_step) {
    case 2:
        chip->base = value & 0xf8;
        chip->init_step = 3;
        break;
    case 3:
        chip->init_step = chip->wants_icw4 ? 4 : 0;
        break;
    case 4:
        chip->special_nested = (value & 0x10) != 0;
        chip->auto_eoi = (value & 2) != 0;
        chip->init_step = 0;
        break;
    default:
        chip->imr = value;
        break;
    }
}

static void port_write(struct dev_pic *pic, unsigned which, uint64_t offset, uint64_t value)
{
    if (offset == 0) {
        write_command(&pic->chips[which], (uint8_t)value);
    } else {
        write_data(&pic->chips[which], (uint8_t)value);
    }
    update(pic);
}

static uint64_t port_read(struct dev_pic *pic, unsigned which, uint64_t offset)
{
    struct dev_pic_chip *chip = &pic->chips[which];

    if (chip->poll) {
        int input = pending(pic, which);
        chip->poll = false;
        if (input < 0) {
            return 0;
        }
        acknowledge(chip, (unsigned)input);
        update(pic);
        return 0x80u | (unsigned)input;
    }
    if (offset != 0) {
        return chip->imr;
    }
    return chip->read_isr ? chip->isr : chip->irr;
}

static uint64_t first_read(void *device, uint64_t offset, unsigned access_bytes)
{
    (void)access_bytes;
    return port_read(device, 0, offset);
}

static void first_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    (void)access_bytes;
    port_write(device, 0, offset, value);
}

static uint64_t second_read(void *device, uint64_t offset, unsigned access_bytes)
{
    (void)access_bytes;
    return port_read(device, 1, offset);
}

static void second_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    (void)access_bytes;
    port_write(device, 1, offset, value);
}

static uint64_t elcr_read(void *device, uint64_t offset, unsigned access_bytes)
{
    struct dev_pic *pic = device;

    (void)access_bytes;
    return pic->chips[offset].level;
}

static void elcr_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_pic *pic = device;

    (void)access_bytes;
    pic->chips[offset].level = (uint8_t)value & (uint8_t)~elcr_fixed[offset];
}

void dev_pic_init(struct dev_pic *pic, struct dev_bus *bus, struct dev_line output)
{
    memset(pic, 0, sizeof *pic);
    pic->output = output;
    pic->ports[0] = (struct dev_region){
        .start = 0x20, .size = 2, .read = first_read, .write = first_write, .device = pic};
    pic->ports[1] = (struct dev_region){
        .start = 0xa0, .size = 2, .read = second_read, .write = second_write, .device = pic};
    pic->elcr = (struct dev_region){
        .start = 0x4d0, .size = 2, .read = elcr_read, .write = elcr_write, .device = pic};
    dev_space_add(&bus->io, &pic->ports[0]);
    dev_space_add(&bus->io, &pic->ports[1]);
    dev_space_add(&bus->io, &pic->elcr);
    dev_pic_reset(pic);
}

void dev_pic_reset(struct dev_pic *pic)
{
    for (unsigned i = 0; i < 2; i++) {
        memset(&pic->chips[i], 0, sizeof pic->chips[i]);
        pic->chips[i].lowest = 7;
        pic->chips[i].base = i == 0 ? 0x08 : 0x70; /* as a PC's firmware leaves them, masked */
        pic->chips[i].imr = 0xff;
    }
    update(pic);
}
