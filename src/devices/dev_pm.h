/*
 * ACPI's fixed hardware (ACPI 6.4 section 4.8): PM1a event and control blocks, the power management
 * timer, and the SCI. The machine is always in ACPI mode. Device lock held.
 *
 *     base + 0  PM1a status, 2 PM1a enable, 4 PM1a control, 8 PM timer (32 bits)
 */
#pragma once

#include "devices/dev_bus.h"

enum { DEV_PM_BYTES = 16, DEV_PM_S5_TYPE = 5 };

struct dev_pm {
    struct platform *platform; /* [I] */
    struct dev_line sci;       /* [I] level-triggered */
    struct dev_line power_off; /* [I] raised when the guest enters S5 */
    uint16_t status, enable, control;
    uint64_t overflow_seen; /* how often the timer's top bit has changed, as last told */
    struct plat_timer timer;
    struct dev_region region;
};

void dev_pm_init(struct dev_pm *pm, struct dev_bus *bus, uint16_t base, struct dev_line sci,
                 struct dev_line power_off);
void dev_pm_reset(struct dev_pm *pm);
void dev_pm_done(struct dev_pm *pm);

/* Presses the power button. */
void dev_pm_power_button(struct dev_pm *pm);
