/* What the files of the PC share: its parts and its memory map. */
#pragma once

#include "devices/dev_debug.h"
#include "devices/dev_fwcfg.h"
#include "devices/dev_hpet.h"
#include "devices/dev_i8042.h"
#include "devices/dev_ioapic.h"
#include "devices/dev_pci.h"
#include "devices/dev_pic.h"
#include "devices/dev_pit.h"
#include "devices/dev_pm.h"
#include "devices/dev_rtc.h"
#include "devices/dev_serial.h"
#include "devices/dev_testdev.h"
#include "machine/pc.h"

/* The memory map; ports and interrupts of the board. */
enum {
    PC_LOW_RAM_END = 0xa0000,
    PC_EBDA = 0x9fc00,
    PC_HIGH_BIOS = 0xc0000,
    PC_ACPI = 0xe0000, /* firmware tables, up to 1 MiB: ACPI's, from PC_SMBIOS on SMBIOS's */
    PC_SMBIOS = 0xf0000,
    PC_ACPI_END = 0x100000,
    PC_PM_PORT = 0x600,
    PC_PCI_IO = 0xc000,
    PC_SCI = 9,
    PC_PCI_PIN = 16, /* of the I/O APIC, for INTx line 0 */
};
#define PC_PCI_START UINT64_C(0xc0000000) /* RAM ends here at the latest */
#define PC_ECAM UINT64_C(0xe0000000)
#define PC_ECAM_END UINT64_C(0xe0100000)
#define PC_PCI_END UINT64_C(0xfec00000)
#define PC_IOAPIC UINT64_C(0xfec00000)
#define PC_HPET UINT64_C(0xfed00000)
#define PC_LAPIC UINT64_C(0xfee00000)
#define PC_HIGH_RAM UINT64_C(0x100000000)

/* What the boot protocols put below 640 KiB, high enough for kernels that are loaded low. */
enum {
    PC_BOOT_GDT = 0x80000,
    PC_BOOT_INFO = 0x81000, /* start info of PVH and multiboot, 16 KiB */
    PC_BOOT_PARAMS = 0x86000,
    PC_BOOT_TABLES = 0x87000, /* page tables, 6 pages */
    PC_BOOT_COMMAND_LINE = 0x8e000,
    PC_BOOT_COMMAND_LINE_MAX = 0x10000,
};

/* Kinds of memory as E820, PVH and multiboot number them alike. */
enum pc_memory { PC_MEMORY_RAM = 1, PC_MEMORY_RESERVED = 2 };

struct pc_range {
    uint64_t start, size;
    enum pc_memory kind;
};
enum { PC_RANGES_MAX = 8 };

/* The serial ports' places. */
extern const uint16_t pc_serial_ports[PC_SERIAL_PORTS];
extern const uint8_t pc_serial_irqs[PC_SERIAL_PORTS];

/* ISA interrupts of the four INTx lines where the PIC is used. */
extern const uint8_t pc_intx_irqs[4];

struct pc {
    struct pc_config config; /* [I] */
    struct vcpu_set *set;    /* [I] once attached */
    struct dev_bus bus;
    struct dev_pic pic;
    struct dev_ioapic ioapic;
    struct dev_pit pit;
    struct dev_hpet hpet;
    struct dev_rtc rtc;
    struct dev_pm pm;
    struct dev_i8042 kbd;
    struct dev_fwcfg fwcfg;
    struct dev_debug debug;
    struct dev_serial serial[PC_SERIAL_PORTS];
    struct dev_pci_host pci;
    struct dev_testdev *testdev; /* NULL: not there */
    bool hpet_legacy;            /* the HPET drives the interrupts of PIT and RTC */
    uint32_t intx_levels;        /* of the four lines */
    uint32_t serial_levels;      /* of the serial ports, which share interrupts */
};

/* The memory map for the guest, sorted. Returns how many ranges. */
unsigned pc_ranges(const struct pc *pc, struct pc_range ret_ranges[PC_RANGES_MAX]);

/* End of the RAM that begins at 1 MiB. */
uint64_t pc_low_end(const struct pc *pc);

/* Interrupt inputs: 0-15 reach PIC and I/O APIC, 16-23 the I/O APIC. `pc` is a struct pc. Device
 * lock held. */
void pc_interrupt(void *pc, unsigned number, bool level);
void pc_pit_line(void *pc, unsigned number, bool level);
void pc_rtc_line(void *pc, unsigned number, bool level);
void pc_hpet_line(void *pc, unsigned number, bool level);
void pc_hpet_taken(void *pc, unsigned number, bool level);
void pc_serial_line(void *pc, unsigned number, bool level);
void pc_intx_line(void *pc, unsigned number, bool level);
void pc_pic_output(void *pc, unsigned number, bool level);
void pc_message(void *pc, uint64_t address, uint32_t data);

/* Writes the ACPI tables to guest memory; RSDP at PC_ACPI. -ST_ENOSPC, -ST_EFAULT. */
int pc_write_acpi(struct pc *pc, struct st_err *err) ST_MUST_CHECK;
/* Writes the SMBIOS tables, entry point at PC_SMBIOS. -ST_ENOMEM, -ST_EFAULT. */
int pc_write_smbios(struct pc *pc, struct st_err *err) ST_MUST_CHECK;

/* The DSDT's machine language into `bytes`. -ST_ENOSPC. */
int pc_write_dsdt(const struct pc *pc, uint8_t *bytes, size_t capacity,
                  size_t *ret_size) ST_MUST_CHECK;

/* ---- boot ---- */

/* Whether the kernel is of a format that can be booted. -ST_ENOEXEC and so on. */
int pc_boot_check(const struct pc_boot *boot, struct st_err *err) ST_MUST_CHECK;

/* Loads the kernel and sets *state, which is as after reset, to its entry. */
int pc_boot_load(struct pc *pc, struct vcpu_state *state, struct st_err *err) ST_MUST_CHECK;

/* As pc_boot_load for one protocol. */
int pc_boot_linux(struct pc *pc, struct vcpu_state *state, struct st_err *err) ST_MUST_CHECK;
int pc_boot_multiboot(struct pc *pc, struct vcpu_state *state, struct st_err *err) ST_MUST_CHECK;
int pc_boot_elf(struct pc *pc, struct vcpu_state *state, struct st_err *err) ST_MUST_CHECK;

/* Copies to guest memory; *err names what it was. */
int pc_put(struct pc *pc, uint64_t to, const void *bytes, size_t size, const char *what,
           struct st_err *err) ST_MUST_CHECK;

/* Loads a part of the kernel: size bytes, then zeroes up to memory_size. -ST_ENOEXEC: it would lie
 * over what the machine tells the kernel; -ST_EFAULT: there is no RAM. */
int pc_boot_piece(struct pc *pc, uint64_t to, const void *bytes, uint64_t size,
                  uint64_t memory_size, struct st_err *err) ST_MUST_CHECK;

struct fmt_elf;
/* Loads an ELF file's segments. ret_end: first address after them below 4 GiB. */
int pc_boot_segments(struct pc *pc, const struct fmt_elf *elf, uint64_t *ret_end,
                     struct st_err *err) ST_MUST_CHECK;

/* Places the initrd as high below `limit` as RAM goes, not below `floor`. *ret_start 0: there is
 * none. */
int pc_boot_initrd(struct pc *pc, uint64_t floor, uint64_t limit, uint64_t *ret_start,
                   struct st_err *err) ST_MUST_CHECK;

/* Writes the command line, cut nowhere: -ST_E2BIG if it is longer than max bytes. prefix goes
 * before it. */
int pc_boot_command_line(struct pc *pc, const char *prefix, size_t max,
                         struct st_err *err) ST_MUST_CHECK;

/* struct boot_params with memory map, command line, initrd; for Linux's 64-bit entry of an ELF file
 * (no setup header) and, with one, of a boot image. */
int pc_boot_params(struct pc *pc, const uint8_t *header, size_t header_size, uint64_t kernel,
                   uint64_t initrd, struct st_err *err) ST_MUST_CHECK;

/* Flat protected mode at entry, and 64-bit mode with the first 4 GiB mapped one to one. */
int pc_boot_enter_32(struct pc *pc, struct vcpu_state *state, uint64_t entry,
                     struct st_err *err) ST_MUST_CHECK;
int pc_boot_enter_64(struct pc *pc, struct vcpu_state *state, uint64_t entry,
                     struct st_err *err) ST_MUST_CHECK;
