/*
 * Booting without firmware: which protocol a kernel wants, and what they all do: place things in
 * guest memory, and enter the kernel in flat protected or 64-bit mode.
 */
#include "base/memops.h"
#include "base/str.h"
#include "format/fmt_bzimage.h"
#include "format/fmt_elf.h"
#include "format/fmt_multiboot.h"
#include "machine/pc_priv.h"

enum {
    SELECTOR_CODE = 0x10, /* as Linux's boot protocol asks */
    SELECTOR_DATA = 0x18,
    SELECTOR_TSS = 0x20,
    ATTRIBUTES_CODE_32 = 0xc09b,
    ATTRIBUTES_CODE_64 = 0xa09b,
    ATTRIBUTES_DATA = 0xc093,
    ATTRIBUTES_TSS = 0x008b,
    PAGE_TABLE = 0x03,
    PAGE_LARGE = 0x83,
    LAPIC_SVR = 0xf0,
    LAPIC_LINT0 = 0x350,
    LAPIC_LINT1 = 0x360,
    MTRR_WRITE_BACK = 6,
    MTRR_FIXED = 1 << 10,
    MTRR_ENABLED = 1 << 11,
    MTRR_FIXED_A0000 = 2, /* after 64K_00000 and 16K_80000 */
};

int pc_boot_check(const struct pc_boot *boot, struct st_err *err)
{
    struct fmt_multiboot multiboot;
    struct fmt_bzimage image;
    struct fmt_elf elf;

    if (boot->kernel == NULL || boot->kernel_size == 0) {
        return st_fail(err, ST_EINVAL, "there is no kernel to boot");
    }
    if (fmt_bzimage_is(boot->kernel, boot->kernel_size)) {
        return fmt_bzimage_parse(boot->kernel, boot->kernel_size, &image, err);
    }
    if (fmt_elf_is(boot->kernel, boot->kernel_size)) {
        return fmt_elf_parse(boot->kernel, boot->kernel_size, &elf, err);
    }
    if (fmt_multiboot_parse(boot->kernel, boot->kernel_size, &multiboot, NULL) >= 0 &&
        multiboot.has_addresses) {
        return 0;
    }
    return st_fail(err, ST_ENOEXEC,
                   "the kernel is neither a Linux boot image nor ELF nor multiboot");
}

int pc_boot_load(struct pc *pc, struct vcpu_state *state, struct st_err *err)
{
    const struct pc_boot *boot = &pc->config.boot;
    static const uint32_t lapic[][2] = {
        /* The virtual wire that firmware leaves: on, the PIC at LINT0, NMI at LINT1. */
        {LAPIC_SVR, 0x1ff},
        {LAPIC_LINT0, 0x700},
        {LAPIC_LINT1, 0x400},
    };
    struct fmt_multiboot multiboot;

    /* Memory types as firmware leaves them: all is written back but the VGA hole. */
    state->mtrr_def_type = MTRR_WRITE_BACK | MTRR_FIXED | MTRR_ENABLED;
    memset(state->mtrr_fixed, MTRR_WRITE_BACK, sizeof state->mtrr_fixed);
    state->mtrr_fixed[MTRR_FIXED_A0000] = 0;
    for (unsigned i = 0; i < ST_COUNT(lapic); i++) {
        memcpy(state->lapic + lapic[i][0], &lapic[i][1], sizeof lapic[i][1]);
    }
    if (fmt_bzimage_is(boot->kernel, boot->kernel_size)) {
        return pc_boot_linux(pc, state, err);
    }
    /* A kernel with both a multiboot header and PVH's note (Xen) means the latter for guests of
     * Xen. */
    if (fmt_multiboot_parse(boot->kernel, boot->kernel_size, &multiboot, NULL) >= 0) {
        return pc_boot_multiboot(pc, state, err);
    }
    return pc_boot_elf(pc, state, err);
}

int pc_put(struct pc *pc, uint64_t to, const void *bytes, size_t size, const char *what,
           struct st_err *err)
{
    int r = mem_write(pc->config.memory, GPA(to), bytes, size);

    return r < 0 ? st_fail_os(err, r, "%s: no memory at %jx", what, (uintmax_t)to) : 0;
}

/* Where the machine puts what it tells the kernel, which the kernel must not be loaded over. */
static const struct pc_range kept[] = {
    {PC_BOOT_GDT, PC_BOOT_COMMAND_LINE + PC_BOOT_COMMAND_LINE_MAX - PC_BOOT_GDT,
     PC_MEMORY_RESERVED},
    {PC_LOW_RAM_END, PC_ACPI_END - PC_LOW_RAM_END, PC_MEMORY_RESERVED},
};

int pc_boot_piece(struct pc *pc, uint64_t to, const void *bytes, uint64_t size,
                  uint64_t memory_size, struct st_err *err)
{
    int r;

    for (unsigned i = 0; i < ST_COUNT(kept); i++) {
        if (to < kept[i].start + kept[i].size && to + memory_size > kept[i].start) {
            return st_fail(err, ST_ENOEXEC,
                           "the kernel's part at %jx lies where the boot information goes",
                           (uintmax_t)to);
        }
    }
    r = pc_put(pc, to, bytes, size, "the kernel", err);
    if (r >= 0 && memory_size > size) {
        r = mem_fill(pc->config.memory, GPA(to + size), 0, memory_size - size);
        r = r < 0 ? st_fail_os(err, r, "the kernel's part at %jx: no memory", (uintmax_t)to) : 0;
    }
    return r;
}

int pc_boot_segments(struct pc *pc, const struct fmt_elf *elf, uint64_t *ret_end,
                     struct st_err *err)
{
    const uint8_t *bytes = pc->config.boot.kernel;
    uint64_t end = 0;

    for (unsigned i = 0; i < elf->segments_count; i++) {
        const struct fmt_elf_segment *segment = &elf->segments[i];
        uint64_t last = segment->physical + segment->memory_size;
        int r = pc_boot_piece(pc, segment->physical, bytes + segment->offset, segment->size,
                              segment->memory_size, err);
        if (r < 0) {
            return r;
        }
        end = last > end && last <= PC_PCI_START ? last : end;
    }
    *ret_end = end;
    return 0;
}

int pc_boot_initrd(struct pc *pc, uint64_t floor, uint64_t limit, uint64_t *ret_start,
                   struct st_err *err)
{
    const struct pc_boot *boot = &pc->config.boot;
    uint64_t top = ST_MIN(limit, pc_low_end(pc)) & ~UINT64_C(0xfff), start;

    floor = ST_MAX(floor, (uint64_t)PC_ACPI_END);
    if (boot->initrd == NULL || boot->initrd_size == 0) {
        *ret_start = 0;
        return 0;
    }
    if (top < floor || boot->initrd_size > top - floor) {
        return st_fail(err, ST_ENOSPC, "the initrd of %zu bytes does not fit beside the kernel",
                       boot->initrd_size);
    }
    start = (top - boot->initrd_size) & ~UINT64_C(0xfff);
    if (start < floor) {
        return st_fail(err, ST_ENOSPC, "the initrd of %zu bytes does not fit beside the kernel",
                       boot->initrd_size);
    }
    *ret_start = start;
    return pc_put(pc, start, boot->initrd, boot->initrd_size, "the initrd", err);
}

int pc_boot_command_line(struct pc *pc, const char *prefix, size_t max, struct st_err *err)
{
    const char *line = pc->config.boot.command_line;
    size_t before = st_strlen(prefix), size;
    int r;

    line = line != NULL ? line : "";
    size = st_strlen(line);
    max = ST_MIN(max, (size_t)PC_BOOT_COMMAND_LINE_MAX - 1);
    if (size > max || before > max - size) {
        return st_fail(err, ST_E2BIG, "the kernel's command line has %zu bytes, it takes %zu", size,
                       max - before);
    }
    r = pc_put(pc, PC_BOOT_COMMAND_LINE, prefix, before, "the command line", err);
    return r < 0
               ? r
               : pc_put(pc, PC_BOOT_COMMAND_LINE + before, line, size + 1, "the command line", err);
}

/* ---- entering ---- */

/* A descriptor of base 0 from its parts. */
static uint64_t descriptor(uint32_t limit, uint16_t attributes)
{
    uint32_t pages = (attributes & 0x8000) != 0 ? limit >> 12 : limit;

    return (uint64_t)(attributes & 0xf0ff) << 40 | (pages & 0xffff) |
           (uint64_t)(pages >> 16 & 0xf) << 48;
}

static int set_segments(struct pc *pc, struct vcpu_state *state, uint16_t code_attributes,
                        struct st_err *err)
{
    const struct vcpu_segment data = {
        .limit = UINT32_MAX, .selector = SELECTOR_DATA, .attributes = ATTRIBUTES_DATA};
    uint64_t gdt[6] = {
        [SELECTOR_CODE / 8] = descriptor(UINT32_MAX, code_attributes),
        [SELECTOR_DATA / 8] = descriptor(UINT32_MAX, ATTRIBUTES_DATA),
        [SELECTOR_TSS / 8] = descriptor(0x67, ATTRIBUTES_TSS),
    };

    for (unsigned i = 0; i < 6; i++) {
        state->segments[i] = data;
    }
    state->segments[1].selector = SELECTOR_CODE;
    state->segments[1].attributes = code_attributes;
    state->tr = (struct vcpu_segment){
        .limit = 0x67, .selector = SELECTOR_TSS, .attributes = ATTRIBUTES_TSS};
    state->ldtr = (struct vcpu_segment){0};
    state->gdtr.base = PC_BOOT_GDT;
    state->gdtr.limit = sizeof gdt - 1;
    state->idtr.limit = 0;
    return pc_put(pc, PC_BOOT_GDT, gdt, sizeof gdt, "the descriptor table", err);
}

int pc_boot_enter_32(struct pc *pc, struct vcpu_state *state, uint64_t entry, struct st_err *err)
{
    if (entry > UINT32_MAX) {
        return st_fail(err, ST_ENOEXEC, "the kernel's entry %jx is above 4 GiB", (uintmax_t)entry);
    }
    state->cr0 = 0x11; /* PE, ET */
    state->rip = entry;
    return set_segments(pc, state, ATTRIBUTES_CODE_32, err);
}

int pc_boot_enter_64(struct pc *pc, struct vcpu_state *state, uint64_t entry, struct st_err *err)
{
    uint64_t table[512] = {PC_BOOT_TABLES + 0x1000 + PAGE_TABLE};
    int r = pc_put(pc, PC_BOOT_TABLES, table, sizeof table, "page tables", err);

    for (unsigned i = 0; i < 4; i++) {
        table[i] = PC_BOOT_TABLES + 0x2000 + 0x1000 * i + PAGE_TABLE;
    }
    r = r < 0 ? r : pc_put(pc, PC_BOOT_TABLES + 0x1000, table, sizeof table, "page tables", err);
    for (unsigned i = 0; r >= 0 && i < 4; i++) {
        for (unsigned j = 0; j < 512; j++) {
            table[j] = (uint64_t)(i * 512 + j) << 21 | PAGE_LARGE;
        }
        r = pc_put(pc, PC_BOOT_TABLES + 0x2000 + 0x1000 * i, table, sizeof table, "page tables",
                   err);
    }
    if (r < 0) {
        return r;
    }
    state->cr0 = 0x80000011; /* PG, PE, ET */
    state->cr3 = PC_BOOT_TABLES;
    state->cr4 = 0x20;   /* PAE */
    state->efer = 0x500; /* LMA, LME */
    state->rip = entry;
    return set_segments(pc, state, ATTRIBUTES_CODE_64, err);
}
