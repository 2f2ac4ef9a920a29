/*
 * Modified UTF-8 (JVMS 17 4.4.7): U+0000 is C0 80, a supplementary character is its two surrogates
 * of three bytes each, and there are no zero bytes. Lengths are bytes or UTF-16 units.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"

/* Whether the bytes are what a class file may hold: no 00, no F0 to FF, no piece of a sequence;
 * where `shortest` (class files above version 47) no form longer than needed, but for C0 80. */
bool jcf_utf8_is_legal(const uint8_t *text, size_t length, bool shortest);

/* UTF-16 units of a legal text; *ret_latin1 (NULL allowed) says whether all are below 256. */
size_t jcf_utf8_units(const uint8_t *text, size_t length, bool *ret_latin1);

/* Writes the units of a legal text: jcf_utf8_units of them. jcf_utf8_to_latin1 only where all are
 * below 256. A text that is not legal is read as HotSpot reads one: a byte that begins no sequence
 * is a unit of its own; never beyond `length`. */
void jcf_utf8_to_utf16(const uint8_t *text, size_t length, uint16_t *to);
void jcf_utf8_to_latin1(const uint8_t *text, size_t length, uint8_t *to);

/* The next unit at *at, which moves on. *at < length. */
uint16_t jcf_utf8_next(const uint8_t *text, size_t length, size_t *at);

/* Bytes that units take when encoded, and encoding them. No closing zero. */
size_t jcf_utf8_size(const uint16_t *units, size_t count);
size_t jcf_utf8_encode(const uint16_t *units, size_t count, uint8_t *to);
size_t jcf_latin1_size(const uint8_t *units, size_t count);
size_t jcf_latin1_encode(const uint8_t *units, size_t count, uint8_t *to);
