/*
 * ELF kernels: with PVH's note by Xen's PVH protocol (xen: docs/misc/pvh.pandoc, start_info.h);
 * others at their entry, in the mode of their class. A plain one finds PVH's start info in EBX and
 * Linux's boot parameters in ESI, so that a vmlinux without the note boots too.
 */
#include "base/memops.h"
#include "format/fmt_elf.h"
#include "machine/pc_priv.h"

enum {
    MODULE_AT = 64, /* in the page of the start info */
    MEMORY_MAP_AT = 128,
};
#define START_INFO_MAGIC 0x336ec578u

static void put(uint8_t *at, uint64_t value, unsigned size)
{
    memcpy(at, &value, size);
}

static int write_start_info(struct pc *pc, uint64_t initrd, struct st_err *err)
{
    uint8_t page[1024] = {0};
    struct pc_range ranges[PC_RANGES_MAX];
    unsigned count = pc_ranges(pc, ranges);

    put(page, START_INFO_MAGIC, 4);
    put(page + 4, 1, 4); /* version: with a memory map */
    if (initrd != 0) {
        put(page + 12, 1, 4);
        put(page + 16, PC_BOOT_INFO + MODULE_AT, 8);
        put(page + MODULE_AT, initrd, 8);
        put(page + MODULE_AT + 8, pc->config.boot.initrd_size, 8);
    }
    put(page + 24, PC_BOOT_COMMAND_LINE, 8);
    put(page + 32, PC_ACPI, 8);
    put(page + 40, PC_BOOT_INFO + MEMORY_MAP_AT, 8);
    put(page + 48, count, 4);
    for (unsigned i = 0; i < count; i++) {
        uint8_t *entry = page + MEMORY_MAP_AT + (size_t)24 * i;
        put(entry, ranges[i].start, 8);
        put(entry + 8, ranges[i].size, 8);
        put(entry + 16, ranges[i].kind, 4);
    }
    return pc_put(pc, PC_BOOT_INFO, page, sizeof page, "the start info", err);
}

int pc_boot_elf(struct pc *pc, struct vcpu_state *state, struct st_err *err)
{
    const struct pc_boot *boot = &pc->config.boot;
    const uint8_t no_header[1] = {0};
    uint64_t end, initrd;
    struct fmt_elf elf;
    int r = fmt_elf_parse(boot->kernel, boot->kernel_size, &elf, err);

    r = r < 0 ? r : pc_boot_segments(pc, &elf, &end, err);
    r = r < 0 ? r : pc_boot_initrd(pc, end, PC_PCI_START, &initrd, err);
    r = r < 0 ? r : pc_boot_command_line(pc, "", PC_BOOT_COMMAND_LINE_MAX, err);
    r = r < 0 ? r : write_start_info(pc, initrd, err);
    r = r < 0 ? r : pc_boot_params(pc, no_header, 0, 0, initrd, err);
    if (r < 0) {
        return r;
    }
    state->gpr[3] = PC_BOOT_INFO; /* RBX */
    if (elf.has_pvh) {
        return pc_boot_enter_32(pc, state, elf.pvh_entry, err);
    }
    state->gpr[6] = PC_BOOT_PARAMS; /* RSI */
    return elf.is_64 ? pc_boot_enter_64(pc, state, fmt_elf_physical_entry(&elf), err)
                     : pc_boot_enter_32(pc, state, fmt_elf_physical_entry(&elf), err);
}
