/* ACPI's fixed hardware. */
#include "devices/dev_pm.h"

#include "base/memops.h"

enum {
    FREQUENCY = 3579545,
    STATUS_TIMER = 1 << 0,
    STATUS_GLOBAL = 1 << 5,
    STATUS_POWER_BUTTON = 1 << 8,
    STATUS_WRITABLE = 0x8531,
    ENABLE_WRITABLE = 0x0521,
    CONTROL_SCI = 1,
    CONTROL_WRITABLE = 0x1c02,
    CONTROL_SLEEP = 1 << 13,
};
#define SECOND_NS UINT64_C(1000000000)

static uint64_t ticks(const struct dev_pm *pm)
{
    uint64_t ns = plat_now_ns(pm->platform);
    return ns / SECOND_NS * FREQUENCY + ns % SECOND_NS * FREQUENCY / SECOND_NS;
}

static void update(struct dev_pm *pm)
{
    uint64_t changes = ticks(pm) >> 31, at = PLAT_NEVER;

    if (changes != pm->overflow_seen) {
        pm->overflow_seen = changes;
        pm->status |= STATUS_TIMER;
    }
    if ((pm->enable & STATUS_TIMER) != 0 && (pm->status & STATUS_TIMER) == 0) {
        uint64_t next = (changes + 1) << 31;
        at = next / FREQUENCY * SECOND_NS + next % FREQUENCY * SECOND_NS / FREQUENCY + 1;
    }
    plat_timer_set(pm->platform, &pm->timer, at);
    dev_line_set(&pm->sci, (pm->status & pm->enable &
                            (STATUS_TIMER | STATUS_GLOBAL | STATUS_POWER_BUTTON)) != 0);
}

static void fire(void *argument)
{
    update(argument);
}

static uint64_t pm_read(void *device, uint64_t offset, unsigned access_bytes)
{
    struct dev_pm *pm = device;
    uint64_t value = 0;

    (void)access_bytes;
    update(pm);
    switch (offset & ~UINT64_C(3)) {
    case 0:
        value = pm->status | (uint32_t)pm->enable << 16;
        break;
    case 4:
        value = pm->control | (uint32_t)CONTROL_SCI;
        break;
    case 8:
        value = (uint32_t)ticks(pm);
        break;
    default:
        break;
    }
    return value >> (8 * (offset & 3));
}

static void write_control(struct dev_pm *pm, uint16_t value)
{
    pm->control = value & CONTROL_WRITABLE;
    if ((value & CONTROL_SLEEP) != 0 && (value >> 10 & 7) == DEV_PM_S5_TYPE) {
        dev_line_set(&pm->power_off, true);
    }
}

static void pm_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_pm *pm = device;

    /* Bytes of these registers are written together, as the specification has it. */
    if (offset == 0 && access_bytes >= 2) {
        pm->status &= (uint16_t) ~(value & STATUS_WRITABLE);
        if (access_bytes == 4) {
            pm->enable = value >> 16 & ENABLE_WRITABLE;
        }
    } else if (offset == 2 && access_bytes >= 2) {
        pm->enable = value & ENABLE_WRITABLE;
    } else if (offset == 4 && access_bytes >= 2) {
        write_control(pm, (uint16_t)value);
    }
    update(pm);
}

void dev_pm_init(struct dev_pm *pm, struct dev_bus *bus, uint16_t base, struct dev_line sci,
                 struct dev_line power_off)
{
    memset(pm, 0, sizeof *pm);
    pm->platform = bus->platform;
    pm->sci = sci;
    pm->power_off = power_off;
    pm->timer = (struct plat_timer){.fire = fire, .argument = pm, .deadline_ns = PLAT_NEVER};
    pm->region = (struct dev_region){
        .start = base, .size = DEV_PM_BYTES, .read = pm_read, .write = pm_write, .device = pm};
    dev_space_add(&bus->io, &pm->region);
    dev_pm_reset(pm);
}

void dev_pm_reset(struct dev_pm *pm)
{
    pm->status = pm->enable = pm->control = 0;
    pm->overflow_seen = ticks(pm) >> 31;
    update(pm);
}

void dev_pm_done(struct dev_pm *pm)
{
    plat_timer_set(pm->platform, &pm->timer, PLAT_NEVER);
}

void dev_pm_power_button(struct dev_pm *pm)
{
    pm->status |= STATUS_POWER_BUTTON;
    update(pm);
}
