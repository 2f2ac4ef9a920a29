/*
 * Linux's boot image for x86 (kernel: Documentation/arch/x86/boot.rst): the setup header. Pure; any
 * bytes give an answer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

/* Where things are in struct boot_params ("zero page"), which the setup header is copied into. */
enum {
    FMT_BZIMAGE_PARAMS_BYTES = 4096,
    FMT_BZIMAGE_PARAMS_RSDP = 0x70,
    FMT_BZIMAGE_PARAMS_E820_COUNT = 0x1e8,
    FMT_BZIMAGE_PARAMS_HEADER = 0x1f1,
    FMT_BZIMAGE_PARAMS_LOADER = 0x210,
    FMT_BZIMAGE_PARAMS_LOADFLAGS = 0x211,
    FMT_BZIMAGE_PARAMS_CODE32 = 0x214,
    FMT_BZIMAGE_PARAMS_INITRD = 0x218,
    FMT_BZIMAGE_PARAMS_INITRD_SIZE = 0x21c,
    FMT_BZIMAGE_PARAMS_COMMAND_LINE = 0x228,
    FMT_BZIMAGE_PARAMS_E820 = 0x2d0,
    FMT_BZIMAGE_E820_MAX = 128,
};

struct fmt_bzimage {
    uint16_t version;     /* of the protocol, 0x0204 and up */
    size_t header_size;   /* bytes of the setup header, from 1F1h on */
    size_t kernel_offset; /* of the protected-mode part in the file */
    size_t kernel_size;   /* to the end of the file */
    bool has_64_entry;    /* at 200h in the protected-mode part */
    bool relocatable;
    uint64_t preferred;        /* where it wants to be loaded */
    uint32_t alignment;        /* power of two; 0: unknown */
    uint32_t init_size;        /* memory it needs from there on before it knows the memory map */
    uint32_t initrd_max;       /* highest address of the initrd's last byte */
    uint32_t command_line_max; /* bytes without the closing zero */
};

/* Whether the bytes begin as a Linux boot image. */
bool fmt_bzimage_is(const void *bytes, size_t size);

/* Reads the setup header. -ST_ENOEXEC: not a boot image, or one that is loaded below 1 MiB
 * (zImage); -ST_ECORRUPT: it says that it is longer than it is. */
int fmt_bzimage_parse(const void *bytes, size_t size, struct fmt_bzimage *ret_image,
                      struct st_err *err) ST_MUST_CHECK;
