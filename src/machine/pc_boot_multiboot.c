/*
 * Multiboot 1 and 2 (Multiboot Specification 0.6.96 and 2.0): the kernel is entered in flat
 * protected mode with the boot information in EBX. The initrd is the first module.
 */
#include "base/memops.h"
#include "base/str.h"
#include "format/fmt_elf.h"
#include "format/fmt_multiboot.h"
#include "machine/pc_priv.h"

enum {
    INFO_BYTES = 2048,
    MODULES_AT = 128, /* in version 1's page */
    MAP_AT = 192,
    LOADER_AT = 512,
    FLAG_MEMORY = 1 << 0,
    FLAG_COMMAND_LINE = 1 << 2,
    FLAG_MODULES = 1 << 3,
    FLAG_MAP = 1 << 6,
    FLAG_LOADER = 1 << 9,
};

static const char loader_name[] = "Strata";

/* The path of the kernel comes first; here it has none. */
static const char program_name[] = "kernel ";

static void put(uint8_t *at, uint64_t value, unsigned size)
{
    memcpy(at, &value, size);
}

/* Loads the image. ret_end: first address after it. */
static int load(struct pc *pc, const struct fmt_multiboot *header, uint64_t *ret_entry,
                uint64_t *ret_end, struct st_err *err)
{
    const struct pc_boot *boot = &pc->config.boot;
    const uint8_t *bytes = boot->kernel;
    struct fmt_elf elf;
    int r;

    if (!header->has_addresses) {
        r = fmt_elf_parse(bytes, boot->kernel_size, &elf, err);
        r = r < 0 ? r : pc_boot_segments(pc, &elf, ret_end, err);
        if (r >= 0) {
            *ret_entry = header->has_entry ? header->entry : fmt_elf_physical_entry(&elf);
        }
        return r;
    }
    r = pc_boot_piece(pc, header->load, bytes + header->load_offset, header->load_size,
                      header->memory_size, err);
    *ret_entry = header->entry;
    *ret_end = header->load + header->memory_size;
    return r;
}

static int write_info_1(struct pc *pc, uint64_t initrd, struct st_err *err)
{
    uint8_t page[INFO_BYTES] = {0};
    struct pc_range ranges[PC_RANGES_MAX];
    unsigned count = pc_ranges(pc, ranges);
    uint32_t flags = FLAG_MEMORY | FLAG_COMMAND_LINE | FLAG_MODULES | FLAG_MAP | FLAG_LOADER;

    put(page, flags, 4);
    put(page + 4, PC_LOW_RAM_END / 1024, 4);
    put(page + 8, (pc_low_end(pc) - 0x100000) / 1024, 4);
    put(page + 16, PC_BOOT_COMMAND_LINE, 4);
    if (initrd != 0) {
        put(page + 20, 1, 4);
        put(page + MODULES_AT, initrd, 4);
        put(page + MODULES_AT + 4, initrd + pc->config.boot.initrd_size, 4);
        put(page + MODULES_AT + 8, PC_BOOT_INFO + LOADER_AT, 4); /* a name for it */
    }
    put(page + 24, PC_BOOT_INFO + MODULES_AT, 4);
    put(page + 44, (uint64_t)24 * count, 4);
    put(page + 48, PC_BOOT_INFO + MAP_AT, 4);
    put(page + 64, PC_BOOT_INFO + LOADER_AT, 4);
    memcpy(page + LOADER_AT, loader_name, sizeof loader_name);
    for (unsigned i = 0; i < count; i++) {
        uint8_t *entry = page + MAP_AT + (size_t)24 * i;
        put(entry, 20, 4); /* bytes that follow */
        put(entry + 4, ranges[i].start, 8);
        put(entry + 12, ranges[i].size, 8);
        put(entry + 20, ranges[i].kind, 4);
    }
    return pc_put(pc, PC_BOOT_INFO, page, sizeof page, "multiboot's information", err);
}

/* Begins a tag of version 2; returns where the next one goes. */
static uint8_t *tag(uint8_t *at, uint32_t type, uint32_t size)
{
    put(at, type, 4);
    put(at + 4, size, 4);
    return at + ((size + 7) & ~7u);
}

static uint8_t *text_tag(uint8_t *at, uint32_t type, const char *text)
{
    uint32_t size = (uint32_t)st_strlen(text) + 1;

    memcpy(at + 8, text, size);
    return tag(at, type, 8 + size);
}

static int write_info_2(struct pc *pc, uint64_t initrd, struct st_err *err)
{
    uint8_t page[INFO_BYTES] = {0}, *at = page + 8, *entry;
    struct pc_range ranges[PC_RANGES_MAX];
    unsigned count = pc_ranges(pc, ranges);
    const char *line = pc->config.boot.command_line;
    uint8_t rsdp[36];

    line = line != NULL ? line : "";
    if (st_strlen(line) > INFO_BYTES / 2) {
        return st_fail(err, ST_E2BIG, "the kernel's command line has more than %d bytes",
                       INFO_BYTES / 2);
    }
    at = text_tag(at, 1, line);
    at = text_tag(at, 2, loader_name);
    if (initrd != 0) {
        put(at + 8, initrd, 4);
        put(at + 12, initrd + pc->config.boot.initrd_size, 4);
        at = tag(at, 3, 17); /* with an empty name */
    }
    put(at + 8, PC_LOW_RAM_END / 1024, 4);
    put(at + 12, (pc_low_end(pc) - 0x100000) / 1024, 4);
    at = tag(at, 4, 16);
    put(at + 8, 24, 4); /* bytes an entry; version 0 */
    entry = at + 16;
    for (unsigned i = 0; i < count; i++, entry += 24) {
        put(entry, ranges[i].start, 8);
        put(entry + 8, ranges[i].size, 8);
        put(entry + 16, ranges[i].kind, 4);
    }
    at = tag(at, 6, 16 + 24 * count);
    if (mem_read(pc->config.memory, GPA(PC_ACPI), rsdp, sizeof rsdp) == 0) {
        memcpy(at + 8, rsdp, sizeof rsdp);
        at = tag(at, 15, 8 + sizeof rsdp);
    }
    at = tag(at, 0, 8);
    put(page, (uint64_t)(at - page), 4);
    return pc_put(pc, PC_BOOT_INFO, page, sizeof page, "multiboot's information", err);
}

int pc_boot_multiboot(struct pc *pc, struct vcpu_state *state, struct st_err *err)
{
    const struct pc_boot *boot = &pc->config.boot;
    struct fmt_multiboot header;
    uint64_t entry, end, initrd;
    int r = fmt_multiboot_parse(boot->kernel, boot->kernel_size, &header, err);

    r = r < 0 ? r : load(pc, &header, &entry, &end, err);
    r = r < 0 ? r : pc_boot_initrd(pc, end, PC_PCI_START, &initrd, err);
    r = r < 0 ? r : pc_boot_command_line(pc, program_name, PC_BOOT_COMMAND_LINE_MAX, err);
    if (r < 0) {
        return r;
    }
    r = header.version == 1 ? write_info_1(pc, initrd, err) : write_info_2(pc, initrd, err);
    state->gpr[0] = header.version == 1 ? (uint64_t)FMT_MULTIBOOT_MAGIC : FMT_MULTIBOOT2_MAGIC;
    state->gpr[3] = PC_BOOT_INFO; /* RBX */
    return r < 0 ? r : pc_boot_enter_32(pc, state, entry, err);
}
