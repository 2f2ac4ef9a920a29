/* The keyboard controller. */
#include "devices/dev_i8042.h"

#include "base/memops.h"

enum {
    STATUS_OUTPUT_FULL = 0x01,
    STATUS_SYSTEM = 0x04,
    STATUS_COMMAND = 0x08,
    STATUS_UNLOCKED = 0x10,
    CONFIG_INTERRUPT = 0x01,
    CONFIG_SYSTEM = 0x04,
    CONFIG_KEYBOARD_OFF = 0x10,
    CONFIG_MOUSE_OFF = 0x20,
    OUTPUT_NO_RESET = 0x01,
    OUTPUT_A20 = 0x02,
    ACKNOWLEDGE = 0xfa,
};

static void update(struct dev_i8042 *kbd)
{
    bool full = kbd->queue_count > 0 && kbd->from_keyboard[0];

    dev_line_set(&kbd->keyboard, full && (kbd->config & CONFIG_INTERRUPT) != 0 &&
                                     (kbd->config & CONFIG_KEYBOARD_OFF) == 0);
}

static void put(struct dev_i8042 *kbd, uint8_t byte, bool from_keyboard)
{
    if (kbd->queue_count < DEV_I8042_QUEUE) {
        kbd->queue[kbd->queue_count] = byte;
        kbd->from_keyboard[kbd->queue_count++] = from_keyboard;
    }
}

static uint8_t take(struct dev_i8042 *kbd)
{
    uint8_t byte = kbd->queue[0];

    if (kbd->queue_count > 1) {
        memmove(kbd->queue, kbd->queue + 1, DEV_I8042_QUEUE - 1);
        memmove(kbd->from_keyboard, kbd->from_keyboard + 1, DEV_I8042_QUEUE - 1);
    }
    kbd->queue_count -= kbd->queue_count > 0;
    /* Each byte has an edge of its own. */
    dev_line_set(&kbd->keyboard, false);
    update(kbd);
    return byte; /* an empty buffer gives the last byte again */
}

static void controller_command(struct dev_i8042 *kbd, uint8_t command)
{
    kbd->command = 0;
    switch (command) {
    case 0x20:
        put(kbd, kbd->config, false);
        break;
    case 0x60: /* take a byte */
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xd4:
        kbd->command = command;
        break;
    case 0xa7:
        kbd->config |= CONFIG_MOUSE_OFF;
        break;
    case 0xa9: /* there is no mouse */
        put(kbd, 0xff, false);
        break;
    case 0xaa:
        kbd->config |= CONFIG_SYSTEM;
        put(kbd, 0x55, false);
        break;
    case 0xab:
        put(kbd, 0x00, false);
        break;
    case 0xad:
        kbd->config |= CONFIG_KEYBOARD_OFF;
        break;
    case 0xae:
        kbd->config &= (uint8_t)~CONFIG_KEYBOARD_OFF;
        break;
    case 0xc0:
        put(kbd, 0x80, false);
        break;
    case 0xd0:
        put(kbd, kbd->output_port, false);
        break;
    default:
        /* F0-FF pulse the low bits of the output port; bit 0 is the CPU's reset. */
        if (command >= 0xf0 && (command & 1) == 0) {
            dev_line_set(&kbd->reset, true);
        }
        break;
    }
}

static void controller_data(struct dev_i8042 *kbd, uint8_t byte)
{
    switch (kbd->command) {
    case 0x60:
        kbd->config = byte & 0x7f;
        break;
    case 0xd1:
        kbd->output_port = byte;
        if ((byte & OUTPUT_NO_RESET) == 0) {
            dev_line_set(&kbd->reset, true);
        }
        break;
    case 0xd2:
        put(kbd, byte, true);
        break;
    default:
        break; /* to the mouse, which is not there */
    }
    kbd->command = 0;
}

static void keyboard_byte(struct dev_i8042 *kbd, uint8_t byte)
{
    uint8_t command = kbd->keyboard_command;

    kbd->keyboard_command = 0;
    if (command == 0xf0 && byte == 0) {
        put(kbd, ACKNOWLEDGE, true);
        put(kbd, 2, true); /* the scan code set in use */
        return;
    }
    if (command != 0) {
        put(kbd, ACKNOWLEDGE, true);
        return;
    }
    switch (byte) {
    case 0xee: /* echo */
        put(kbd, 0xee, true);
        break;
    case 0xed: /* lights, scan code set, repeat rate: take a byte */
    case 0xf0:
    case 0xf3:
        kbd->keyboard_command = byte;
        put(kbd, ACKNOWLEDGE, true);
        break;
    case 0xf2:
        put(kbd, ACKNOWLEDGE, true);
        put(kbd, 0xab, true);
        put(kbd, 0x83, true);
        break;
    case 0xf4:
    case 0xf5:
    case 0xf6:
        put(kbd, ACKNOWLEDGE, true);
        break;
    case 0xff:
        put(kbd, ACKNOWLEDGE, true);
        put(kbd, 0xaa, true);
        break;
    default:
        put(kbd, 0xfe, true); /* resend: not understood */
        break;
    }
}

static uint64_t data_read(void *device, uint64_t offset, unsigned access_bytes)
{
    (void)offset;
    (void)access_bytes;
    return take(device);
}

static void data_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_i8042 *kbd = device;

    (void)offset;
    (void)access_bytes;
    kbd->last_was_command = false;
    if (kbd->command != 0) {
        controller_data(kbd, (uint8_t)value);
    } else {
        kbd->config &= (uint8_t)~CONFIG_KEYBOARD_OFF;
        keyboard_byte(kbd, (uint8_t)value);
    }
    update(kbd);
}

static uint64_t status_read(void *device, uint64_t offset, unsigned access_bytes)
{
    struct dev_i8042 *kbd = device;

    (void)offset;
    (void)access_bytes;
    return STATUS_UNLOCKED | (kbd->queue_count > 0 ? STATUS_OUTPUT_FULL : 0u) |
           (kbd->config & STATUS_SYSTEM) | (kbd->last_was_command ? STATUS_COMMAND : 0u);
}

static void status_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_i8042 *kbd = device;

    (void)offset;
    (void)access_bytes;
    kbd->last_was_command = true;
    controller_command(kbd, (uint8_t)value);
    update(kbd);
}

static uint64_t fast_read(void *device, uint64_t offset, unsigned access_bytes)
{
    struct dev_i8042 *kbd = device;

    (void)offset;
    (void)access_bytes;
    return kbd->fast;
}

static void fast_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_i8042 *kbd = device;

    (void)offset;
    (void)access_bytes;
    if ((value & 1) != 0 && (kbd->fast & 1) == 0) {
        dev_line_set(&kbd->reset, true);
    }
    kbd->fast = value & 3;
}

void dev_i8042_init(struct dev_i8042 *kbd, struct dev_bus *bus, struct dev_line keyboard,
                    struct dev_line reset)
{
    memset(kbd, 0, sizeof *kbd);
    kbd->keyboard = keyboard;
    kbd->reset = reset;
    kbd->data = (struct dev_region){
        .start = 0x60, .size = 1, .read = data_read, .write = data_write, .device = kbd};
    kbd->status = (struct dev_region){
        .start = 0x64, .size = 1, .read = status_read, .write = status_write, .device = kbd};
    kbd->fast_port = (struct dev_region){
        .start = 0x92, .size = 1, .read = fast_read, .write = fast_write, .device = kbd};
    dev_space_add(&bus->io, &kbd->data);
    dev_space_add(&bus->io, &kbd->status);
    dev_space_add(&bus->io, &kbd->fast_port);
    dev_i8042_reset(kbd);
}

void dev_i8042_reset(struct dev_i8042 *kbd)
{
    kbd->config = CONFIG_INTERRUPT | CONFIG_SYSTEM | CONFIG_MOUSE_OFF;
    kbd->output_port = OUTPUT_NO_RESET | OUTPUT_A20;
    kbd->command = kbd->keyboard_command = 0;
    kbd->last_was_command = false;
    kbd->fast = 2;
    kbd->queue_count = 0;
    update(kbd);
}
