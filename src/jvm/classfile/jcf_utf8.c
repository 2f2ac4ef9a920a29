/* Modified UTF-8: checked, read and written. Runs of ASCII go eight bytes at a time. */
#include "jvm/classfile/jcf_utf8.h"

#include "base/memops.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)
#define LOW_BITS UINT64_C(0x0101010101010101)

static uint64_t load8(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

static bool continues(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The bytes of the sequence at `text` if it is whole and legal, else 0. */
static size_t legal_sequence(const uint8_t *text, size_t left, bool shortest)
{
    uint8_t lead = text[0];
    if ((lead & 0xE0) == 0xC0) {
        if (left < 2 || !continues(text[1])) {
            return 0;
        }
        unsigned unit = ((lead & 0x1Fu) << 6) | (text[1] & 0x3Fu);
        return !shortest || unit == 0 || unit >= 0x80 ? 2 : 0;
    }
    if ((lead & 0xF0) == 0xE0) {
        if (left < 3 || !continues(text[1]) || !continues(text[2])) {
            return 0;
        }
        unsigned unit = ((lead & 0xFu) << 12) | ((text[1] & 0x3Fu) << 6) | (text[2] & 0x3Fu);
        return !shortest || unit >= 0x800 ? 3 : 0;
    }
    return 0;
}

bool jcf_utf8_is_legal(const uint8_t *text, size_t length, bool shortest)
{
    size_t at = 0;
    while (at < length) {
        if (length - at >= 8) {
            uint64_t word = load8(text + at);
            /* A byte of 0 or above 127 leaves a high bit (one of 0 may spoil its neighbour's). */
            if (((word | (word - LOW_BITS)) & HIGH_BITS) == 0) {
                at += 8;
                continue;
            }
        }
        if (text[at] == 0) {
            return false;
        }
        if (text[at] < 0x80) {
            at++;
            continue;
        }
        size_t taken = legal_sequence(text + at, length - at, shortest);
        if (taken == 0) {
            return false;
        }
        at += taken;
    }
    return true;
}

uint16_t jcf_utf8_next(const uint8_t *text, size_t length, size_t *at)
{
    const uint8_t *p = text + *at;
    size_t left = length - *at;
    if ((p[0] & 0xE0) == 0xC0 && left >= 2 && continues(p[1])) {
        *at += 2;
        return (uint16_t)(((p[0] & 0x1F) << 6) | (p[1] & 0x3F));
    }
    if ((p[0] & 0xF0) == 0xE0 && left >= 3 && continues(p[1]) && continues(p[2])) {
        *at += 3;
        return (uint16_t)(((p[0] & 0xF) << 12) | ((p[1] & 0x3F) << 6) | (p[2] & 0x3F));
    }
    *at += 1;
    return p[0];
}

/* Bytes below 128 from `at` on. */
static size_t ascii_run(const uint8_t *text, size_t length, size_t at)
{
    size_t from = at;
    while (length - at >= 8 && (load8(text + at) & HIGH_BITS) == 0) {
        at += 8;
    }
    while (at < length && text[at] < 0x80) {
        at++;
    }
    return at - from;
}

size_t jcf_utf8_units(const uint8_t *text, size_t length, bool *ret_latin1)
{
    size_t units = 0;
    uint16_t all = 0;
    for (size_t at = 0; at < length;) {
        size_t run = ascii_run(text, length, at);
        units += run;
        at += run;
        if (at < length) {
            all |= jcf_utf8_next(text, length, &at);
            units++;
        }
    }
    if (ret_latin1 != NULL) {
        *ret_latin1 = all < 0x100;
    }
    return units;
}

void jcf_utf8_to_utf16(const uint8_t *text, size_t length, uint16_t *to)
{
    for (size_t at = 0; at < length;) {
        *to++ = jcf_utf8_next(text, length, &at);
    }
}

void jcf_utf8_to_latin1(const uint8_t *text, size_t length, uint8_t *to)
{
    for (size_t at = 0; at < length;) {
        size_t run = ascii_run(text, length, at);
        memcpy(to, text + at, run);
        to += run;
        at += run;
        if (at < length) {
            *to++ = (uint8_t)jcf_utf8_next(text, length, &at);
        }
    }
}

static size_t unit_size(uint16_t unit)
{
    return unit != 0 && unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
}

static uint8_t *put_unit(uint8_t *to, uint16_t unit)
{
    if (unit != 0 && unit < 0x80) {
        *to++ = (uint8_t)unit;
    } else if (unit < 0x800) {
        *to++ = (uint8_t)(0xC0 | (unit >> 6));
        *to++ = (uint8_t)(0x80 | (unit & 0x3F));
    } else {
        *to++ = (uint8_t)(0xE0 | (unit >> 12));
        *to++ = (uint8_t)(0x80 | ((unit >> 6) & 0x3F));
        *to++ = (uint8_t)(0x80 | (unit & 0x3F));
    }
    return to;
}

size_t jcf_utf8_size(const uint16_t *units, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += unit_size(units[i]);
    }
    return size;
}

size_t jcf_utf8_encode(const uint16_t *units, size_t count, uint8_t *to)
{
    uint8_t *at = to;
    for (size_t i = 0; i < count; i++) {
        at = put_unit(at, units[i]);
    }
    return (size_t)(at - to);
}

size_t jcf_latin1_size(const uint8_t *units, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += unit_size(units[i]);
    }
    return size;
}

size_t jcf_latin1_encode(const uint8_t *units, size_t count, uint8_t *to)
{
    uint8_t *at = to;
    for (size_t i = 0; i < count; i++) {
        at = put_unit(at, units[i]);
    }
    return (size_t)(at - to);
}
