/*
 * Writes ACPI machine language. Lengths are always written in their four-byte form, so that nothing
 * moves when something is closed.
 */
#include "format/fmt_aml.h"

#include "base/memops.h"
#include "base/str.h"

enum { LENGTH_BYTES = 4, LENGTH_MAX = 0x0fffffff, BUFFER_SIZE_AT = 5 };

static void put(struct fmt_aml *aml, const void *bytes, size_t size)
{
    if (aml->failed || size > aml->capacity - aml->size) {
        aml->failed = true;
        return;
    }
    memcpy(aml->bytes + aml->size, bytes, size);
    aml->size += size;
}

static void put_value(struct fmt_aml *aml, uint64_t value, unsigned size)
{
    put(aml, &value, size);
}

void fmt_aml_op(struct fmt_aml *aml, uint8_t op)
{
    put_value(aml, op, 1);
}

void fmt_aml_init(struct fmt_aml *aml, void *bytes, size_t capacity)
{
    memset(aml, 0, sizeof *aml);
    aml->bytes = bytes;
    aml->capacity = capacity;
}

int fmt_aml_done(const struct fmt_aml *aml, size_t *ret_size)
{
    if (aml->failed) {
        return -ST_ENOSPC;
    }
    if (aml->depth > 0) {
        return -ST_EINVAL;
    }
    *ret_size = aml->size;
    return 0;
}

/* Begins something with a package length. */
static void begin(struct fmt_aml *aml, bool resources)
{
    if (aml->depth == FMT_AML_DEPTH) {
        aml->failed = true;
        return;
    }
    aml->opened[aml->depth] = aml->size;
    aml->resources[aml->depth++] = resources;
    put_value(aml, 0, LENGTH_BYTES);
}

void fmt_aml_close(struct fmt_aml *aml)
{
    size_t start, length;

    if (aml->depth == 0 || aml->failed) {
        aml->failed = true;
        return;
    }
    start = aml->opened[--aml->depth];
    if (aml->resources[aml->depth]) {
        put_value(aml, 0x0079, 2); /* end tag, checksum 0: not looked at */
        if (aml->failed) {
            return;
        }
        length = aml->size - start - LENGTH_BYTES - BUFFER_SIZE_AT;
        memcpy(aml->bytes + start + LENGTH_BYTES + 1, &length, 4);
    }
    length = aml->size - start;
    aml->bytes[start] = (uint8_t)(0xc0 | (length & 0xf));
    aml->bytes[start + 1] = (uint8_t)(length >> 4);
    aml->bytes[start + 2] = (uint8_t)(length >> 12);
    aml->bytes[start + 3] = (uint8_t)(length >> 20);
    aml->failed = length > LENGTH_MAX;
}

/* A name path: root, then one, two or more segments, each filled up with underscores. */
void fmt_aml_reference(struct fmt_aml *aml, const char *name)
{
    unsigned segments = 1;

    if (*name == '\\') {
        fmt_aml_op(aml, '\\');
        name++;
    }
    for (const char *at = name; *at != '\0'; at++) {
        segments += *at == '.';
    }
    if (segments == 2) {
        fmt_aml_op(aml, 0x2e);
    } else if (segments > 2) {
        fmt_aml_op(aml, 0x2f);
        fmt_aml_op(aml, (uint8_t)segments);
    }
    while (segments-- > 0) {
        char segment[4] = {'_', '_', '_', '_'};
        for (unsigned i = 0; *name != '\0' && *name != '.'; i++) {
            if (i < sizeof segment) {
                segment[i] = *name;
            }
            name++;
        }
        name += *name == '.';
        put(aml, segment, sizeof segment);
    }
}

void fmt_aml_open(struct fmt_aml *aml, enum fmt_aml_kind kind, const char *name)
{
    if (kind == FMT_AML_DEVICE) {
        put_value(aml, 0x825b, 2);
    } else {
        fmt_aml_op(aml, 0x10);
    }
    begin(aml, false);
    fmt_aml_reference(aml, name);
}

void fmt_aml_method(struct fmt_aml *aml, const char *name, unsigned arguments)
{
    fmt_aml_op(aml, 0x14);
    begin(aml, false);
    fmt_aml_reference(aml, name);
    fmt_aml_op(aml, (uint8_t)(arguments | 8)); /* serialized: it may make names */
}

void fmt_aml_if(struct fmt_aml *aml)
{
    fmt_aml_op(aml, 0xa0);
    begin(aml, false);
}

void fmt_aml_package(struct fmt_aml *aml, uint8_t elements)
{
    fmt_aml_op(aml, 0x12);
    begin(aml, false);
    fmt_aml_op(aml, elements);
}

void fmt_aml_int(struct fmt_aml *aml, uint64_t value)
{
    static const uint8_t prefix[9] = {[1] = 0x0a, [2] = 0x0b, [4] = 0x0c, [8] = 0x0e};
    unsigned size = value <= UINT8_MAX ? 1 : value <= UINT16_MAX ? 2 : value <= UINT32_MAX ? 4 : 8;

    if (value <= 1) {
        fmt_aml_op(aml, (uint8_t)value); /* Zero, One */
        return;
    }
    fmt_aml_op(aml, prefix[size]);
    put_value(aml, value, size);
}

void fmt_aml_buffer(struct fmt_aml *aml, const void *bytes, size_t size)
{
    fmt_aml_op(aml, 0x11);
    begin(aml, false);
    fmt_aml_int(aml, size);
    put(aml, bytes, size);
    fmt_aml_close(aml);
}

void fmt_aml_name(struct fmt_aml *aml, const char *name)
{
    fmt_aml_op(aml, 0x08);
    fmt_aml_reference(aml, name);
}

void fmt_aml_name_int(struct fmt_aml *aml, const char *name, uint64_t value)
{
    fmt_aml_name(aml, name);
    fmt_aml_int(aml, value);
}

void fmt_aml_name_text(struct fmt_aml *aml, const char *name, const char *text)
{
    fmt_aml_name(aml, name);
    fmt_aml_op(aml, 0x0d);
    put(aml, text, st_strlen(text) + 1);
}

static unsigned hex(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10) & 15;
}

void fmt_aml_name_eisa(struct fmt_aml *aml, const char *name, const char *id)
{
    uint32_t value = (uint32_t)((id[0] & 31) << 26 | (id[1] & 31) << 21 | (id[2] & 31) << 16);

    for (unsigned i = 0; i < 4; i++) {
        value |= hex(id[3 + i]) << (12 - 4 * i);
    }
    fmt_aml_name(aml, name);
    fmt_aml_op(aml, 0x0c);
    put_value(aml, __builtin_bswap32(value), 4);
}

/* ---- resources ---- */

void fmt_aml_resources(struct fmt_aml *aml, const char *name)
{
    fmt_aml_name(aml, name);
    fmt_aml_op(aml, 0x11);
    begin(aml, true);
    fmt_aml_op(aml, 0x0c); /* the buffer's size, filled in by close */
    put_value(aml, 0, 4);
}

void fmt_aml_resource_io(struct fmt_aml *aml, uint16_t start, uint8_t size)
{
    fmt_aml_op(aml, 0x47);
    fmt_aml_op(aml, 1); /* 16 bits decoded */
    put_value(aml, start, 2);
    put_value(aml, start, 2);
    fmt_aml_op(aml, 1);
    fmt_aml_op(aml, size);
}

void fmt_aml_resource_irq(struct fmt_aml *aml, unsigned irq)
{
    fmt_aml_op(aml, 0x22); /* edge-triggered, active high */
    put_value(aml, 1u << irq, 2);
}

void fmt_aml_resource_memory(struct fmt_aml *aml, uint32_t start, uint32_t size)
{
    fmt_aml_op(aml, 0x86);
    put_value(aml, 9, 2);
    fmt_aml_op(aml, 1); /* read and write */
    put_value(aml, start, 4);
    put_value(aml, size, 4);
}

/* An address space descriptor: a window that a bridge passes on, fixed at both ends. */
static void window(struct fmt_aml *aml, unsigned type, unsigned flags, uint64_t first,
                   uint64_t last, unsigned width)
{
    fmt_aml_op(aml, width == 2 ? 0x88 : 0x87);
    put_value(aml, 3 + 5 * width, 2);
    fmt_aml_op(aml, (uint8_t)type);
    fmt_aml_op(aml, 0x0c); /* producer, minimum and maximum are fixed */
    fmt_aml_op(aml, (uint8_t)flags);
    put_value(aml, 0, width); /* granularity */
    put_value(aml, first, width);
    put_value(aml, last, width);
    put_value(aml, 0, width); /* translation */
    put_value(aml, last - first + 1, width);
}

void fmt_aml_resource_buses(struct fmt_aml *aml, uint16_t first, uint16_t last)
{
    window(aml, 2, 0, first, last, 2);
}

void fmt_aml_resource_io_window(struct fmt_aml *aml, uint16_t first, uint16_t last)
{
    window(aml, 1, 3, first, last, 2);
}

void fmt_aml_resource_memory_window(struct fmt_aml *aml, uint32_t first, uint32_t last)
{
    window(aml, 0, 1, first, last, 4);
}
