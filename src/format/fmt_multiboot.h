/*
 * Multiboot headers (Multiboot Specification 0.6.96 and 2.0): found in the first bytes of a kernel.
 * Pure; any bytes give an answer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

enum {
    FMT_MULTIBOOT_MAGIC = 0x2badb002,  /* in EAX when a kernel of version 1 starts */
    FMT_MULTIBOOT2_MAGIC = 0x36d76289, /* likewise of version 2 */
};

struct fmt_multiboot {
    unsigned version;     /* 1 or 2 */
    bool has_addresses;   /* the header says where to load; otherwise the file is ELF */
    uint32_t load;        /* physical address of the first byte that is loaded */
    size_t load_offset;   /* of that byte in the file */
    size_t load_size;     /* bytes of the file */
    uint64_t memory_size; /* >= load_size: what follows is zero */
    bool has_entry;       /* `entry` is the header's; otherwise ELF's */
    uint32_t entry;
    bool page_align_modules;
};

/* Looks for a header. -ST_ENOEXEC: there is none; -ST_ECORRUPT: its addresses make no sense;
 * -ST_EUNSUPPORTED: it requires something that is not given (video modes, EFI services). */
int fmt_multiboot_parse(const void *bytes, size_t size, struct fmt_multiboot *ret_header,
                        struct st_err *err) ST_MUST_CHECK;
