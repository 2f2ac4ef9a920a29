/*
 * What a Linux kernel module says of itself: section .modinfo of an ELF object of 64 bits,
 * little-endian (System V ABI, gabi 4.1), which holds texts "key=value", each ended by a zero
 * (kernel: include/linux/moduleparam.h, __MODULE_INFO). Pure; any bytes give an answer.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct fmt_modinfo {
    const char *texts; /* in the module's bytes */
    size_t size;       /* the last byte, if there is one, is a zero */
};

/* Finds the section. -ST_ENOEXEC: not such an ELF file; -ST_ECORRUPT: headers or sections outside
 * the file, or texts without an end; -ST_ENOTFOUND: no such section. */
int fmt_modinfo_parse(const void *bytes, size_t size, struct fmt_modinfo *ret_info) ST_MUST_CHECK;

/* The value of a key's first text, NULL when there is none. Lives as long as the module's bytes. */
const char *fmt_modinfo_get(const struct fmt_modinfo *info, const char *key);
