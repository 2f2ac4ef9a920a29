/*
 * The PC: chipset devices, memory map, firmware tables and boot protocols around a set of vCPUs.
 * Freestanding; whoever wires a machine up (src/vmm) gives it memory, vCPUs and back ends.
 *
 *     pc_ram_layout(ram_bytes, slots, &count);       where RAM goes; the caller maps and mem_adds
 *     r = pc_create(&config, &pc, err);              devices
 *     pc_bus(pc, &set->bus);                         what the vCPUs call; then make the vCPUs
 *     pc_attach_vcpus(pc, set);
 *     ... vio_block_new(pc_pci(pc), ...)             PCI devices, before the first reset
 *     r = pc_reset(pc, err);                         loads the kernel, sets all vCPUs' states
 *     ... run; on events.reset: stop the vCPUs, pc_reset again ...
 *     pc_free(pc);
 *
 * Memory: 0-9FFFFh and C0000h-(3 GiB - 1) and 4 GiB and up RAM; C0000000h-DFFFFFFFh and
 * E0100000h-FEBFFFFFh PCI devices; E0000000h-E00FFFFFh ECAM; FEC00000h IOAPIC; FED00000h HPET;
 * FEE00000h local APICs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "devices/dev_pci.h"
#include "memory/mem.h"
#include "platform/plat_backend.h"
#include "platform/platform.h"
#include "vcpu/vcpu.h"

struct pc;

enum { PC_SERIAL_PORTS = 4, PC_FILES_MAX = 32 };

#define PC_RAM_MIN_BYTES (UINT64_C(4) << 20)
#define PC_RAM_MAX_BYTES (UINT64_C(1) << 38)

struct pc_ram_slot {
    uint64_t start;  /* guest-physical */
    uint64_t size;   /* bytes */
    uint64_t offset; /* in the machine's RAM of ram_bytes */
};

/* Where RAM of that size is to be added to the memory map; `offset` is into one block of ram_bytes
 * bytes (the part under the VGA hole is not used). -ST_EINVAL: not a multiple of 1 MiB or outside
 * PC_RAM_MIN_BYTES to PC_RAM_MAX_BYTES. */
int pc_ram_layout(uint64_t ram_bytes, struct pc_ram_slot ret_slots[3],
                  unsigned *ret_count) ST_MUST_CHECK;

/* What is booted. All bytes are the caller's and stay until pc_free: each reset loads them anew. */
struct pc_boot {
    const void *kernel; /* PVH or plain ELF, bzImage, multiboot 1 or 2: the bytes say which */
    size_t kernel_size;
    const void *initrd; /* multiboot: the first module; NULL: none */
    size_t initrd_size;
    const char *command_line; /* NULL: empty */
};

/* What SMBIOS says of the system; a text that is NULL is what the machine says by itself, or
 * nothing. At most 64 bytes of each are used. */
struct pc_smbios {
    const char *manufacturer, *product, *version, *serial, *sku, *family;
    uint8_t uuid[16]; /* in the order in which it is written */
};

/* A file in the fw_cfg device. */
struct pc_file {
    char name[56];
    const void *bytes;
    size_t size;
};

/* What the machine tells its owner. Device lock held, on any thread; each may be called more than
 * once. All are set. */
struct pc_events {
    /* The guest asks for a reset (port CF9h, 92h, keyboard controller): stop the vCPUs, then
     * pc_reset. */
    void (*reset)(void *owner);
    /* The guest switched the machine off (ACPI S5). */
    void (*power_off)(void *owner);
    /* The guest's kernel says that it panicked (pvpanic): it may go on to dump or reset. */
    void (*panicked)(void *owner);
    /* The guest wrote to the debug exit port: QEMU's status would be value * 2 + 1. */
    void (*debug_exit)(void *owner, uint32_t value);
    void *owner;
};

struct pc_config {
    struct platform *platform;
    struct mem_map *memory; /* RAM is in it as pc_ram_layout says */
    uint64_t ram_bytes;
    unsigned vcpus; /* 1 to VCPU_MAX; the APIC ID of vCPU i is i */
    struct pc_boot boot;
    struct pc_smbios smbios;
    struct plat_stream *serial[PC_SERIAL_PORTS]; /* COM1 to COM4; NULL: the port is not there */
    struct plat_stream *debug_console;           /* ports E9h and 402h; NULL: not there */
    const struct pc_file *files;                 /* in fw_cfg, beside the boot files */
    unsigned files_count;
    bool debug_exit;  /* port F4h */
    bool test_device; /* kvm-unit-tests' pc-testdev */
    struct pc_events events;
};

/* Makes the machine, with no vCPUs yet. -ST_EINVAL, -ST_ENOEXEC (the kernel's bytes are of no
 * format that it knows), -ST_ENOMEM. Device lock not held. */
int pc_create(const struct pc_config *config, struct pc **ret_pc, struct st_err *err) ST_MUST_CHECK;

/* Frees the machine and the PCI devices plugged into it. NULL allowed. No vCPU runs, no timer
 * fires; device lock not held. Returns NULL. */
struct pc *pc_free(struct pc *pc);

/* Fills in what the vCPUs of this machine call. */
void pc_bus(struct pc *pc, struct vcpu_bus *ret_bus);

/* Tells the machine its vCPUs; set->count is config.vcpus. Once, before pc_reset. */
void pc_attach_vcpus(struct pc *pc, struct vcpu_set *set);

/* Where PCI devices are plugged, before the first pc_reset. */
struct dev_pci_host *pc_pci(struct pc *pc);

/* Power-up: all devices reset, guest memory loaded (what the images don't cover stays as it is),
 * the boot processor's state set to the entry of the boot protocol, the others wait for SIPI. All
 * vCPUs are stopped, device lock not held. -ST_EFAULT, -ST_ENOSPC: the images do not fit into RAM;
 * or what vcpu_set_state says. */
int pc_reset(struct pc *pc, struct st_err *err) ST_MUST_CHECK;

/* Somebody presses the power button. Device lock held. */
void pc_power_button(struct pc *pc);
