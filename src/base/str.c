/* Strings without a C library: see str.h. */
#include "base/str.h"

#include "base/arith.h"
#include "base/err.h"

size_t st_strlen(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}

bool st_streq(const char *a, const char *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    while (*a == *b && *a != '\0') {
        a++;
        b++;
    }
    return *a == *b;
}

const char *st_after_prefix(const char *text, const char *prefix)
{
    while (*prefix != '\0') {
        if (*text++ != *prefix++) {
            return NULL;
        }
    }
    return text;
}

bool st_starts_with(const char *text, const char *prefix)
{
    return st_after_prefix(text, prefix) != NULL;
}

bool st_ends_with(const char *text, const char *suffix)
{
    size_t length = st_strlen(text);
    size_t wanted = st_strlen(suffix);
    return length >= wanted && st_streq(text + (length - wanted), suffix);
}

bool st_strcopy(char *to, size_t size, const char *text)
{
    size_t length = st_strlen(text);
    if (length >= size) {
        if (size > 0) {
            to[0] = '\0';
        }
        return false;
    }
    for (size_t i = 0; i <= length; i++) {
        to[i] = text[i];
    }
    return true;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return 16;
}

int st_parse_u64(const char *text, unsigned base, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    bool too_big = false;
    if (*text == '\0') {
        return -ST_EINVAL;
    }
    for (; *text != '\0'; text++) {
        unsigned digit = (unsigned)digit_of(*text);
        if (digit >= base) {
            return -ST_EINVAL;
        }
        too_big |= st_mul_overflows(value, base, &value);
        too_big |= st_add_overflows(value, digit, &value);
    }
    if (too_big || value > max) {
        return -ST_ERANGE;
    }
    *ret_value = value;
    return 0;
}

int st_parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret_value)
{
    bool negative = *text == '-';
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t magnitude;
    int r = st_parse_u64(text + negative, 10, limit, &magnitude);
    if (r < 0) {
        return r;
    }
    int64_t value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    if (value < min || value > max) {
        return -ST_ERANGE;
    }
    *ret_value = value;
    return 0;
}
