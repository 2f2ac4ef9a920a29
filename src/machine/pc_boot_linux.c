/*
 * Linux's boot protocol (kernel: Documentation/arch/x86/boot.rst): a boot image is entered in
 * 64-bit mode where it has such an entry, in 32-bit mode otherwise.
 */
#include "base/memops.h"
#include "format/fmt_bzimage.h"
#include "machine/pc_priv.h"

enum { LOADED_HIGH = 1, CAN_USE_HEAP = 0x80, LOADER_OTHER = 0xff, ENTRY_64 = 0x200 };

static void put(uint8_t *at, uint64_t value, unsigned size)
{
    memcpy(at, &value, size);
}

int pc_boot_params(struct pc *pc, const uint8_t *header, size_t header_size, uint64_t kernel,
                   uint64_t initrd, struct st_err *err)
{
    uint8_t params[FMT_BZIMAGE_PARAMS_BYTES] = {0}, *entry = params + FMT_BZIMAGE_PARAMS_E820;
    struct pc_range ranges[PC_RANGES_MAX];
    unsigned count = pc_ranges(pc, ranges);

    memcpy(params + FMT_BZIMAGE_PARAMS_HEADER, header, header_size);
    put(params + FMT_BZIMAGE_PARAMS_RSDP, PC_ACPI, 8);
    params[FMT_BZIMAGE_PARAMS_LOADER] = LOADER_OTHER;
    params[FMT_BZIMAGE_PARAMS_LOADFLAGS] |= LOADED_HIGH;
    params[FMT_BZIMAGE_PARAMS_LOADFLAGS] &= (uint8_t)~CAN_USE_HEAP;
    put(params + FMT_BZIMAGE_PARAMS_CODE32, kernel, 4);
    if (initrd != 0) {
        put(params + FMT_BZIMAGE_PARAMS_INITRD, initrd, 4);
        put(params + FMT_BZIMAGE_PARAMS_INITRD_SIZE, pc->config.boot.initrd_size, 4);
    }
    put(params + FMT_BZIMAGE_PARAMS_COMMAND_LINE, PC_BOOT_COMMAND_LINE, 4);
    params[FMT_BZIMAGE_PARAMS_E820_COUNT] = (uint8_t)count;
    for (unsigned i = 0; i < count; i++, entry += 20) {
        put(entry, ranges[i].start, 8);
        put(entry + 8, ranges[i].size, 8);
        put(entry + 16, ranges[i].kind, 4);
    }
    return pc_put(pc, PC_BOOT_PARAMS, params, sizeof params, "Linux's boot parameters", err);
}

/* Where the kernel is loaded: where it prefers, or as low as it goes if that is beyond RAM. */
static int place(const struct pc *pc, const struct fmt_bzimage *image, uint64_t *ret_start,
                 struct st_err *err)
{
    uint64_t start = image->preferred, end = pc_low_end(pc);
    uint64_t align = image->alignment != 0 ? image->alignment : 0x1000;

    if (image->relocatable && (start < 0x100000 || start > end || end - start < image->init_size)) {
        start = (0x100000 + align - 1) & ~(align - 1);
    }
    if (start < 0x100000 || start > end || end - start < image->init_size ||
        end - start < image->kernel_size) {
        return st_fail(err, ST_ENOSPC, "the kernel needs %u MiB of memory from %ju MiB on",
                       image->init_size >> 20, (uintmax_t)(start >> 20));
    }
    *ret_start = start;
    return 0;
}

int pc_boot_linux(struct pc *pc, struct vcpu_state *state, struct st_err *err)
{
    const struct pc_boot *boot = &pc->config.boot;
    const uint8_t *bytes = boot->kernel;
    struct fmt_bzimage image;
    uint64_t start = 0, initrd = 0;
    int r = fmt_bzimage_parse(bytes, boot->kernel_size, &image, err);

    r = r < 0 ? r : place(pc, &image, &start, err);
    r = r < 0
            ? r
            : pc_put(pc, start, bytes + image.kernel_offset, image.kernel_size, "the kernel", err);
    r = r < 0 ? r
              : pc_boot_initrd(pc, start + image.init_size, (uint64_t)image.initrd_max + 1, &initrd,
                               err);
    r = r < 0 ? r : pc_boot_command_line(pc, "", image.command_line_max, err);
    r = r < 0 ? r
              : pc_boot_params(pc, bytes + FMT_BZIMAGE_PARAMS_HEADER, image.header_size, start,
                               initrd, err);
    if (r < 0) {
        return r;
    }
    state->gpr[6] = PC_BOOT_PARAMS; /* RSI */
    return image.has_64_entry ? pc_boot_enter_64(pc, state, start + ENTRY_64, err)
                              : pc_boot_enter_32(pc, state, start, err);
}
