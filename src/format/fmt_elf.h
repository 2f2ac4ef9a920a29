/*
 * ELF executables for x86 (System V ABI, gabi 4.1; 32 and 64 bits, little-endian): what is to be
 * loaded where, the entry, and Xen's PVH entry note. Pure; any bytes give an answer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

enum { FMT_ELF_SEGMENTS = 32 };

/* A loadable segment: size bytes of the file from offset, then zeroes up to memory_size. */
struct fmt_elf_segment {
    uint64_t physical, virtual;
    uint64_t offset, size; /* within the file */
    uint64_t memory_size;  /* >= size, not 0 */
};

struct fmt_elf {
    bool is_64;
    uint64_t entry; /* as in the header: a virtual address */
    bool has_pvh;
    uint32_t pvh_entry; /* physical, 32-bit */
    struct fmt_elf_segment segments[FMT_ELF_SEGMENTS];
    unsigned segments_count;
};

/* Whether the bytes begin as an ELF file. */
bool fmt_elf_is(const void *bytes, size_t size);

/* Reads an executable. -ST_ENOEXEC: not an x86 ELF executable, or with nothing to load;
 * -ST_ECORRUPT: headers or segments outside the file; -ST_ELIMIT: more than FMT_ELF_SEGMENTS. */
int fmt_elf_parse(const void *bytes, size_t size, struct fmt_elf *ret_elf,
                  struct st_err *err) ST_MUST_CHECK;

/* The entry as a physical address: through the segment that holds it. */
uint64_t fmt_elf_physical_entry(const struct fmt_elf *elf);
