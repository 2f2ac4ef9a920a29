/*
 * Writes ACPI machine language (ACPI 6.4 chapter 20) and the resource descriptors in it (section
 * 6.4). Names are paths as ASL has them ("\\_SB.PCI0"); each segment is at most 4 characters. The
 * storage is the caller's; what does not fit is dropped and told by fmt_aml_done. Not thread-safe.
 *
 *     fmt_aml_init(&aml, buffer, sizeof buffer);
 *     fmt_aml_open(&aml, FMT_AML_DEVICE, "\\_SB.HPET");
 *     fmt_aml_name_eisa(&aml, "_HID", "PNP0103");
 *     fmt_aml_close(&aml);
 *     r = fmt_aml_done(&aml, &size);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

enum { FMT_AML_DEPTH = 12 };

struct fmt_aml {
    uint8_t *bytes;
    size_t size, capacity;
    size_t opened[FMT_AML_DEPTH]; /* where the package lengths of what is open go */
    bool resources[FMT_AML_DEPTH];
    unsigned depth;
    bool failed;
};

/* What has a length and ends with fmt_aml_close. */
enum fmt_aml_kind { FMT_AML_SCOPE, FMT_AML_DEVICE };

void fmt_aml_init(struct fmt_aml *aml, void *bytes, size_t capacity);
/* -ST_ENOSPC: it did not fit; -ST_EINVAL: something is still open. */
int fmt_aml_done(const struct fmt_aml *aml, size_t *ret_size) ST_MUST_CHECK;

void fmt_aml_open(struct fmt_aml *aml, enum fmt_aml_kind kind, const char *name);
void fmt_aml_method(struct fmt_aml *aml, const char *name, unsigned arguments);
void fmt_aml_close(struct fmt_aml *aml);

/* Name (name, what follows) */
void fmt_aml_name(struct fmt_aml *aml, const char *name);
void fmt_aml_name_int(struct fmt_aml *aml, const char *name, uint64_t value);
void fmt_aml_name_text(struct fmt_aml *aml, const char *name, const char *text);
/* An identifier like PNP0A08 in its compressed form. */
void fmt_aml_name_eisa(struct fmt_aml *aml, const char *name, const char *id);

/* Terms, for packages and methods. */
void fmt_aml_int(struct fmt_aml *aml, uint64_t value);
void fmt_aml_package(struct fmt_aml *aml, uint8_t elements); /* ended by fmt_aml_close */
void fmt_aml_reference(struct fmt_aml *aml, const char *name);
void fmt_aml_op(struct fmt_aml *aml, uint8_t op);
void fmt_aml_if(struct fmt_aml *aml); /* a predicate follows, then what is done; ended by close */
void fmt_aml_buffer(struct fmt_aml *aml, const void *bytes, size_t size);

/* One-byte opcodes of terms. */
enum {
    FMT_AML_LOCAL0 = 0x60,
    FMT_AML_ARG0 = 0x68,
    FMT_AML_STORE = 0x70,
    FMT_AML_AND = 0x7b,
    FMT_AML_OR = 0x7d,
    FMT_AML_CREATE_DWORD_FIELD = 0x8a,
    FMT_AML_NOT = 0x92,
    FMT_AML_EQUAL = 0x93,
    FMT_AML_RETURN = 0xa4,
};

/* Name (_CRS, ResourceTemplate () { ... }), ended by fmt_aml_close. */
void fmt_aml_resources(struct fmt_aml *aml, const char *name);
void fmt_aml_resource_io(struct fmt_aml *aml, uint16_t start, uint8_t size);
void fmt_aml_resource_irq(struct fmt_aml *aml, unsigned irq);
void fmt_aml_resource_memory(struct fmt_aml *aml, uint32_t start, uint32_t size);
/* Windows of a bridge. */
void fmt_aml_resource_buses(struct fmt_aml *aml, uint16_t first, uint16_t last);
void fmt_aml_resource_io_window(struct fmt_aml *aml, uint16_t first, uint16_t last);
void fmt_aml_resource_memory_window(struct fmt_aml *aml, uint32_t first, uint32_t last);
