/* The PC: makes the devices, wires them up, resets them. */
#include "machine/pc.h"

#include "base/memops.h"
#include "base/str.h"
#include "machine/pc_priv.h"

const uint16_t pc_serial_ports[PC_SERIAL_PORTS] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
const uint8_t pc_serial_irqs[PC_SERIAL_PORTS] = {4, 3, 4, 3};

enum { MIB = 1 << 20 };

int pc_ram_layout(uint64_t ram_bytes, struct pc_ram_slot ret_slots[3], unsigned *ret_count)
{
    uint64_t low = ST_MIN(ram_bytes, PC_PCI_START);

    if (ram_bytes % MIB != 0 || ram_bytes < PC_RAM_MIN_BYTES || ram_bytes > PC_RAM_MAX_BYTES) {
        return -ST_EINVAL;
    }
    ret_slots[0] = (struct pc_ram_slot){0, PC_LOW_RAM_END, 0};
    ret_slots[1] = (struct pc_ram_slot){PC_HIGH_BIOS, low - PC_HIGH_BIOS, PC_HIGH_BIOS};
    *ret_count = 2;
    if (ram_bytes > low) {
        ret_slots[2] = (struct pc_ram_slot){PC_HIGH_RAM, ram_bytes - low, low};
        *ret_count = 3;
    }
    return 0;
}

uint64_t pc_low_end(const struct pc *pc)
{
    return ST_MIN(pc->config.ram_bytes, PC_PCI_START);
}

unsigned pc_ranges(const struct pc *pc, struct pc_range ret_ranges[PC_RANGES_MAX])
{
    uint64_t low = pc_low_end(pc), high = pc->config.ram_bytes - low;
    unsigned count = 5;

    ret_ranges[0] = (struct pc_range){0, PC_EBDA, PC_MEMORY_RAM};
    ret_ranges[1] = (struct pc_range){PC_EBDA, PC_LOW_RAM_END - PC_EBDA, PC_MEMORY_RESERVED};
    ret_ranges[2] = (struct pc_range){PC_ACPI, PC_ACPI_END - PC_ACPI, PC_MEMORY_RESERVED};
    ret_ranges[3] = (struct pc_range){MIB, low - MIB, PC_MEMORY_RAM};
    ret_ranges[4] = (struct pc_range){PC_ECAM, PC_ECAM_END - PC_ECAM, PC_MEMORY_RESERVED};
    if (high > 0) {
        ret_ranges[count++] = (struct pc_range){PC_HIGH_RAM, high, PC_MEMORY_RAM};
    }
    return count;
}

static void on_reset(void *opaque, unsigned number, bool level)
{
    struct pc *pc = opaque;

    (void)number;
    if (level) {
        pc->config.events.reset(pc->config.events.owner);
    }
}

static void on_power_off(void *opaque, unsigned number, bool level)
{
    struct pc *pc = opaque;

    (void)number;
    if (level) {
        pc->config.events.power_off(pc->config.events.owner);
    }
}

static void make_timers(struct pc *pc)
{
    struct dev_line line = {.owner = pc};

    pc->hpet.messages = (struct dev_messages){.send = pc_message, .owner = pc};
    for (unsigned i = 0; i < DEV_HPET_PINS; i++) {
        pc->hpet.pins[i] = (struct dev_line){.set = pc_hpet_line, .owner = pc, .number = i};
    }
    pc->hpet.legacy[0] = (struct dev_line){.set = pc_hpet_line, .owner = pc, .number = 0};
    pc->hpet.legacy[1] = (struct dev_line){.set = pc_hpet_line, .owner = pc, .number = 8};
    pc->hpet.legacy_taken = (struct dev_line){.set = pc_hpet_taken, .owner = pc};
    dev_hpet_init(&pc->hpet, &pc->bus, PC_HPET);
    line.set = pc_pit_line;
    dev_pit_init(&pc->pit, &pc->bus, line);
    line.set = pc_rtc_line;
    dev_rtc_init(&pc->rtc, &pc->bus, line);
}

static void make_devices(struct pc *pc)
{
    struct dev_messages messages = {.send = pc_message, .owner = pc};
    struct dev_line reset = {.set = on_reset, .owner = pc};
    struct dev_line power_off = {.set = on_power_off, .owner = pc};
    const struct pc_events *events = &pc->config.events;

    dev_pic_init(&pc->pic, &pc->bus, (struct dev_line){.set = pc_pic_output, .owner = pc});
    dev_ioapic_init(&pc->ioapic, &pc->bus, PC_IOAPIC, messages);
    make_timers(pc);
    dev_pm_init(&pc->pm, &pc->bus, PC_PM_PORT,
                (struct dev_line){.set = pc_interrupt, .owner = pc, .number = PC_SCI}, power_off);
    dev_i8042_init(&pc->kbd, &pc->bus,
                   (struct dev_line){.set = pc_interrupt, .owner = pc, .number = 1}, reset);
    dev_debug_init(&pc->debug, &pc->bus, pc->config.debug_console,
                   pc->config.debug_exit ? events->debug_exit : NULL, events->panicked,
                   events->owner);
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++) {
        if (pc->config.serial[i] != NULL) {
            dev_serial_init(&pc->serial[i], &pc->bus, pc_serial_ports[i],
                            (struct dev_line){.set = pc_serial_line, .owner = pc, .number = i},
                            pc->config.serial[i]);
        }
    }
    if (pc->testdev != NULL) {
        dev_testdev_init(pc->testdev, &pc->bus,
                         (struct dev_line){.set = pc_interrupt, .owner = pc});
    }
    pc->pci.messages = messages;
    pc->pci.reset = reset;
    for (unsigned i = 0; i < 4; i++) {
        pc->pci.intx[i] = (struct dev_line){.set = pc_intx_line, .owner = pc, .number = i};
    }
    dev_pci_host_init(&pc->pci, &pc->bus, PC_ECAM);
}

static int add_items(struct pc *pc, struct st_err *err)
{
    const struct pc_config *config = &pc->config;
    struct dev_fwcfg *fwcfg = &pc->fwcfg;
    const char *line = config->boot.command_line != NULL ? config->boot.command_line : "";
    size_t line_size = st_strlen(line) + 1;
    int r;

    dev_fwcfg_init(fwcfg, &pc->bus);
    r = dev_fwcfg_add_number(fwcfg, DEV_FWCFG_RAM_SIZE, config->ram_bytes, 8);
    r = r < 0 ? r : dev_fwcfg_add_number(fwcfg, DEV_FWCFG_CPUS, config->vcpus, 2);
    r = r < 0 ? r : dev_fwcfg_add_number(fwcfg, DEV_FWCFG_MAX_CPUS, config->vcpus, 2);
    r = r < 0 ? r : dev_fwcfg_add_number(fwcfg, DEV_FWCFG_KERNEL_SIZE, config->boot.kernel_size, 4);
    r = r < 0 ? r
              : dev_fwcfg_add_bytes(fwcfg, DEV_FWCFG_KERNEL_DATA, config->boot.kernel,
                                    config->boot.kernel_size);
    if (config->boot.initrd != NULL) {
        r = r < 0 ? r
                  : dev_fwcfg_add_number(fwcfg, DEV_FWCFG_INITRD_SIZE, config->boot.initrd_size, 4);
        r = r < 0 ? r
                  : dev_fwcfg_add_bytes(fwcfg, DEV_FWCFG_INITRD_DATA, config->boot.initrd,
                                        config->boot.initrd_size);
    }
    r = r < 0 ? r : dev_fwcfg_add_number(fwcfg, DEV_FWCFG_COMMAND_LINE_SIZE, line_size, 4);
    r = r < 0 ? r : dev_fwcfg_add_bytes(fwcfg, DEV_FWCFG_COMMAND_LINE_DATA, line, line_size);
    for (unsigned i = 0; r >= 0 && i < config->files_count; i++) {
        r = dev_fwcfg_add_file(fwcfg, config->files[i].name, config->files[i].bytes,
                               config->files[i].size);
    }
    return r < 0 ? st_fail_os(err, r, "files for the guest's firmware configuration") : 0;
}

int pc_create(const struct pc_config *config, struct pc **ret_pc, struct st_err *err)
{
    struct platform *platform = config->platform;
    struct pc_ram_slot slots[3];
    unsigned count;
    struct pc *pc;
    int r;

    if (config->vcpus < 1 || config->vcpus > VCPU_MAX) {
        return st_fail(err, ST_EINVAL, "%u CPUs: there can be 1 to %d", config->vcpus, VCPU_MAX);
    }
    if (pc_ram_layout(config->ram_bytes, slots, &count) < 0) {
        return st_fail(err, ST_EINVAL, "memory must be whole MiB, from %ju MiB to %ju MiB",
                       (uintmax_t)PC_RAM_MIN_BYTES / MIB, (uintmax_t)PC_RAM_MAX_BYTES / MIB);
    }
    r = pc_boot_check(&config->boot, err);
    if (r < 0) {
        return r;
    }
    pc = plat_alloc(platform, sizeof *pc);
    if (pc == NULL) {
        return st_fail(err, ST_ENOMEM, "no memory for the machine's devices");
    }
    pc->config = *config;
    dev_bus_init(&pc->bus, platform, config->memory);
    r = add_items(pc, err);
    if (r >= 0 && config->test_device) {
        pc->testdev = plat_alloc(platform, sizeof *pc->testdev);
        r = pc->testdev == NULL ? st_fail(err, ST_ENOMEM, "no memory for the test device") : 0;
    }
    if (r < 0) {
        plat_free(platform, pc, sizeof *pc);
        return r;
    }
    plat_lock(platform);
    make_devices(pc);
    plat_unlock(platform);
    *ret_pc = pc;
    return 0;
}

struct pc *pc_free(struct pc *pc)
{
    struct platform *platform;

    if (pc == NULL) {
        return NULL;
    }
    platform = pc->config.platform;
    plat_lock(platform);
    pc->set = NULL;
    dev_pci_host_done(&pc->pci);
    dev_pit_done(&pc->pit);
    dev_hpet_done(&pc->hpet);
    dev_rtc_done(&pc->rtc);
    dev_pm_done(&pc->pm);
    plat_unlock(platform);
    if (pc->testdev != NULL) {
        plat_free(platform, pc->testdev, sizeof *pc->testdev);
    }
    plat_free(platform, pc, sizeof *pc);
    return NULL;
}

void pc_attach_vcpus(struct pc *pc, struct vcpu_set *set)
{
    pc->set = set;
}

struct dev_pci_host *pc_pci(struct pc *pc)
{
    return &pc->pci;
}

void pc_power_button(struct pc *pc)
{
    dev_pm_power_button(&pc->pm);
}

/* Bytes of CMOS memory that tell how much RAM and how many CPUs there are. */
static void fill_cmos(struct pc *pc)
{
    uint8_t *bytes = pc->rtc.bytes;
    uint64_t low = pc_low_end(pc), high = (pc->config.ram_bytes - low) / 65536;
    uint64_t above_1m = ST_MIN((low - MIB) / 1024, (uint64_t)0xfc00);
    uint64_t above_16m = low > 16 * MIB ? (low - 16 * MIB) / 65536 : 0;

    bytes[0x15] = 0x80; /* 640 KiB */
    bytes[0x16] = 0x02;
    bytes[0x17] = bytes[0x30] = (uint8_t)above_1m;
    bytes[0x18] = bytes[0x31] = (uint8_t)(above_1m >> 8);
    bytes[0x34] = (uint8_t)above_16m;
    bytes[0x35] = (uint8_t)(above_16m >> 8);
    bytes[0x5b] = (uint8_t)high;
    bytes[0x5c] = (uint8_t)(high >> 8);
    bytes[0x5d] = (uint8_t)(high >> 16);
    bytes[0x5f] = (uint8_t)(pc->config.vcpus - 1);
    bytes[DEV_RTC_SHUTDOWN_STATUS] = 0;
}

static void reset_devices(struct pc *pc)
{
    pc->intx_levels = 0;
    dev_pit_reset(&pc->pit);
    dev_hpet_reset(&pc->hpet);
    dev_rtc_reset(&pc->rtc);
    dev_pm_reset(&pc->pm);
    dev_i8042_reset(&pc->kbd);
    dev_fwcfg_reset(&pc->fwcfg);
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++) {
        if (pc->config.serial[i] != NULL) {
            dev_serial_reset(&pc->serial[i]);
        }
    }
    dev_pci_host_reset(&pc->pci, PC_PCI_START, PC_ECAM, PC_PCI_IO, pc_intx_irqs);
    dev_ioapic_reset(&pc->ioapic);
    dev_pic_reset(&pc->pic);
    /* As firmware sets it: PCI's inputs and the SCI are level-triggered. */
    pc->pic.chips[1].level = 1u << (PC_SCI - 8) | 1u << (10 - 8) | 1u << (11 - 8);
    if (pc->testdev != NULL) {
        /* kvm-unit-tests' realmode pulses IRQ 11 and expects it open, as a BIOS leaves it. */
        pc->pic.chips[1].level &= (uint8_t) ~(1u << (11 - 8));
        pc->pic.chips[0].imr &= (uint8_t) ~(1u << 2);
        pc->pic.chips[1].imr &= (uint8_t) ~(1u << (11 - 8));
    }
    fill_cmos(pc);
}

int pc_reset(struct pc *pc, struct st_err *err)
{
    struct platform *platform = pc->config.platform;
    struct vcpu_state *state = plat_alloc(platform, sizeof *state);
    int r;

    if (state == NULL) {
        return st_fail(err, ST_ENOMEM, "no memory for a CPU's state");
    }
    plat_lock(platform);
    reset_devices(pc);
    r = pc_write_acpi(pc, err);
    r = r < 0 ? r : pc_write_smbios(pc, err);
    vcpu_state_reset(state, pc->set->vcpus[0]->apic_id, true);
    r = r < 0 ? r : pc_boot_load(pc, state, err);
    plat_unlock(platform);
    for (unsigned i = 0; r >= 0 && i < pc->set->count; i++) {
        if (i > 0) {
            vcpu_state_reset(state, pc->set->vcpus[i]->apic_id, false);
        }
        r = vcpu_set_state(pc->set->vcpus[i], state, err);
    }
    plat_free(platform, state, sizeof *state);
    return r;
}
