/*
 * The DSDT: the namespace of what cannot be found by itself. In ASL:
 *
 *     Name (PICF, 0)   Method (_PIC, 1) { Store (Arg0, PICF) }
 *     Name (_S5, Package () { 5, 5, 0, 0 })
 *     Scope (_SB) {
 *         Device (Cnnn) { ACPI0007 ... }        one a CPU
 *         Device (PCI0) { PNP0A08: _CRS, _OSC, _PRT by PICF
 *             Device (COM1) ...  RTC, HPET, pvpanic, and the resources of the board
 *         }
 *     }
 */
#include "base/memops.h"
#include "base/print.h"
#include "format/fmt_aml.h"
#include "machine/pc_priv.h"

static void write_sleep(struct fmt_aml *aml)
{
    fmt_aml_name(aml, "_S5");
    fmt_aml_package(aml, 4);
    fmt_aml_int(aml, DEV_PM_S5_TYPE);
    fmt_aml_int(aml, DEV_PM_S5_TYPE);
    fmt_aml_int(aml, 0);
    fmt_aml_int(aml, 0);
    fmt_aml_close(aml);
}

static void write_interrupt_model(struct fmt_aml *aml)
{
    fmt_aml_name_int(aml, "PICF", 0);
    fmt_aml_method(aml, "_PIC", 1);
    fmt_aml_op(aml, FMT_AML_STORE);
    fmt_aml_op(aml, FMT_AML_ARG0);
    fmt_aml_reference(aml, "PICF");
    fmt_aml_close(aml);
}

static void write_cpus(struct fmt_aml *aml, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char name[8];
        st_snprintf(name, sizeof name, "C%03u", i);
        fmt_aml_open(aml, FMT_AML_DEVICE, name);
        fmt_aml_name_text(aml, "_HID", "ACPI0007");
        fmt_aml_name_int(aml, "_UID", i);
        fmt_aml_close(aml);
    }
}

/* Name (name, Package () { Package () { slot.FFFF, pin, 0, interrupt }, ... }) */
static void write_routes(struct fmt_aml *aml, const char *name, const uint8_t interrupts[4])
{
    fmt_aml_name(aml, name);
    fmt_aml_package(aml, (DEV_PCI_SLOTS - 1) * 4);
    for (unsigned slot = 1; slot < DEV_PCI_SLOTS; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            fmt_aml_package(aml, 4);
            fmt_aml_int(aml, slot << 16 | 0xffff);
            fmt_aml_int(aml, pin);
            fmt_aml_int(aml, 0);
            fmt_aml_int(aml, interrupts[dev_pci_line(slot, pin + 1)]);
            fmt_aml_close(aml);
        }
    }
    fmt_aml_close(aml);
}

static void write_return(struct fmt_aml *aml, const char *name)
{
    fmt_aml_op(aml, FMT_AML_RETURN);
    fmt_aml_reference(aml, name);
}

static void write_routing(struct fmt_aml *aml)
{
    static const uint8_t pins[4] = {PC_PCI_PIN, PC_PCI_PIN + 1, PC_PCI_PIN + 2, PC_PCI_PIN + 3};

    write_routes(aml, "PRTA", pins);
    write_routes(aml, "PRTP", pc_intx_irqs);
    fmt_aml_method(aml, "_PRT", 0);
    fmt_aml_if(aml);
    fmt_aml_reference(aml, "PICF");
    write_return(aml, "PRTA");
    fmt_aml_close(aml);
    write_return(aml, "PRTP");
    fmt_aml_close(aml);
}

/* CreateDWordField (Arg3, at, name) */
static void write_field(struct fmt_aml *aml, unsigned at, const char *name)
{
    fmt_aml_op(aml, FMT_AML_CREATE_DWORD_FIELD);
    fmt_aml_op(aml, FMT_AML_ARG0 + 3);
    fmt_aml_int(aml, at);
    fmt_aml_reference(aml, name);
}

/* Or (name, bits, name) */
static void write_or(struct fmt_aml *aml, const char *name, uint64_t bits)
{
    fmt_aml_op(aml, FMT_AML_OR);
    fmt_aml_reference(aml, name);
    fmt_aml_int(aml, bits);
    fmt_aml_reference(aml, name);
}

/*
 * _OSC (PCI Firmware Specification 3.2, 4.5): none of the PCI Express features that need firmware's
 * leave is there, so all are refused.
 */
static void write_osc(struct fmt_aml *aml)
{
    /* 33DB4D5B-1FF7-401C-9657-7441C03DD766 */
    static const uint8_t uuid[16] = {0x5b, 0x4d, 0xdb, 0x33, 0xf7, 0x1f, 0x1c, 0x40,
                                     0x96, 0x57, 0x74, 0x41, 0xc0, 0x3d, 0xd7, 0x66};

    fmt_aml_method(aml, "_OSC", 4);
    write_field(aml, 0, "CDW1");
    fmt_aml_if(aml);
    fmt_aml_op(aml, FMT_AML_EQUAL);
    fmt_aml_op(aml, FMT_AML_ARG0);
    fmt_aml_buffer(aml, uuid, sizeof uuid);
    write_field(aml, 8, "CDW3");
    fmt_aml_if(aml);
    fmt_aml_reference(aml, "CDW3");
    fmt_aml_op(aml, FMT_AML_STORE);
    fmt_aml_int(aml, 0);
    fmt_aml_reference(aml, "CDW3");
    write_or(aml, "CDW1", 0x10); /* capabilities were masked */
    fmt_aml_close(aml);
    fmt_aml_op(aml, FMT_AML_RETURN);
    fmt_aml_op(aml, FMT_AML_ARG0 + 3);
    fmt_aml_close(aml);
    write_or(aml, "CDW1", 4); /* UUID not known */
    fmt_aml_op(aml, FMT_AML_RETURN);
    fmt_aml_op(aml, FMT_AML_ARG0 + 3);
    fmt_aml_close(aml);
}

static void write_serial(struct fmt_aml *aml, const struct pc *pc)
{
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++) {
        char name[8];
        if (pc->config.serial[i] == NULL) {
            continue;
        }
        st_snprintf(name, sizeof name, "COM%u", i + 1);
        fmt_aml_open(aml, FMT_AML_DEVICE, name);
        fmt_aml_name_eisa(aml, "_HID", "PNP0501");
        fmt_aml_name_int(aml, "_UID", i + 1);
        fmt_aml_resources(aml, "_CRS");
        fmt_aml_resource_io(aml, pc_serial_ports[i], 8);
        fmt_aml_resource_irq(aml, pc_serial_irqs[i]);
        fmt_aml_close(aml);
        fmt_aml_close(aml);
    }
}

static void write_board(struct fmt_aml *aml)
{
    fmt_aml_open(aml, FMT_AML_DEVICE, "RTC");
    fmt_aml_name_eisa(aml, "_HID", "PNP0B00");
    fmt_aml_resources(aml, "_CRS");
    fmt_aml_resource_io(aml, 0x70, 2);
    fmt_aml_resource_irq(aml, 8);
    fmt_aml_close(aml);
    fmt_aml_close(aml);

    fmt_aml_open(aml, FMT_AML_DEVICE, "HPET");
    fmt_aml_name_eisa(aml, "_HID", "PNP0103");
    fmt_aml_resources(aml, "_CRS");
    fmt_aml_resource_memory(aml, (uint32_t)PC_HPET, 0x400);
    fmt_aml_close(aml);
    fmt_aml_close(aml);

    fmt_aml_open(aml, FMT_AML_DEVICE, "PEVT"); /* pvpanic */
    fmt_aml_name_text(aml, "_HID", "QEMU0001");
    fmt_aml_name_int(aml, "_STA", 0xf);
    fmt_aml_resources(aml, "_CRS");
    fmt_aml_resource_io(aml, DEV_DEBUG_PVPANIC_PORT, 1);
    fmt_aml_close(aml);
    fmt_aml_close(aml);

    fmt_aml_open(aml, FMT_AML_DEVICE, "MBRD"); /* what no driver may take */
    fmt_aml_name_eisa(aml, "_HID", "PNP0C02");
    fmt_aml_resources(aml, "_CRS");
    fmt_aml_resource_io(aml, 0x4d0, 2);
    fmt_aml_resource_io(aml, PC_PM_PORT, DEV_PM_BYTES);
    fmt_aml_resource_memory(aml, (uint32_t)PC_ECAM, (uint32_t)(PC_ECAM_END - PC_ECAM));
    fmt_aml_close(aml);
    fmt_aml_close(aml);
}

static void write_pci(struct fmt_aml *aml, const struct pc *pc)
{
    fmt_aml_open(aml, FMT_AML_DEVICE, "PCI0");
    fmt_aml_name_eisa(aml, "_HID", "PNP0A08");
    fmt_aml_name_eisa(aml, "_CID", "PNP0A03");
    fmt_aml_name_int(aml, "_UID", 0);
    fmt_aml_name_int(aml, "_SEG", 0);
    fmt_aml_name_int(aml, "_BBN", 0);
    fmt_aml_resources(aml, "_CRS");
    fmt_aml_resource_buses(aml, 0, 0);
    fmt_aml_resource_io(aml, 0xcf8, 8);
    fmt_aml_resource_io_window(aml, 0, 0xcf7);
    fmt_aml_resource_io_window(aml, 0xd00, 0xffff);
    fmt_aml_resource_memory_window(aml, (uint32_t)PC_PCI_START, (uint32_t)PC_ECAM - 1);
    fmt_aml_resource_memory_window(aml, (uint32_t)PC_ECAM_END, (uint32_t)PC_PCI_END - 1);
    fmt_aml_close(aml);
    write_osc(aml);
    write_routing(aml);
    write_serial(aml, pc);
    write_board(aml);
    fmt_aml_close(aml);
}

int pc_write_dsdt(const struct pc *pc, uint8_t *bytes, size_t capacity, size_t *ret_size)
{
    struct fmt_aml aml;

    fmt_aml_init(&aml, bytes, capacity);
    write_interrupt_model(&aml);
    write_sleep(&aml);
    fmt_aml_open(&aml, FMT_AML_SCOPE, "\\_SB");
    write_cpus(&aml, pc->config.vcpus);
    write_pci(&aml, pc);
    fmt_aml_close(&aml);
    return fmt_aml_done(&aml, ret_size);
}
