/* Sizes and times as people write them: see unit.h. */
#include "base/unit.h"

#include <stdbool.h>

#include "base/arith.h"
#include "base/err.h"
#include "base/str.h"

#define BILLION 1000000000u

/* Reads "12" or "12.5" into whole and thousandths-of-a-billion (10^-9) parts. */
static int parse_decimal(const char **at, uint64_t *ret_whole, uint64_t *ret_nano)
{
    const char *p = *at;
    uint64_t whole = 0;
    uint64_t nano = 0;
    uint64_t weight = BILLION / 10;
    bool digits = false;
    for (; *p >= '0' && *p <= '9'; p++) {
        digits = true;
        if (st_mul_overflows(whole, 10u, &whole) ||
            st_add_overflows(whole, (uint64_t)(*p - '0'), &whole)) {
            return -ST_ERANGE;
        }
    }
    if (*p == '.') {
        for (p++; *p >= '0' && *p <= '9'; p++, weight /= 10) {
            digits = true;
            nano += (uint64_t)(*p - '0') * weight;
        }
    }
    if (!digits) {
        return -ST_EINVAL;
    }
    *at = p;
    *ret_whole = whole;
    *ret_nano = nano;
    return 0;
}

/* whole.nano times unit. */
static int scale(uint64_t whole, uint64_t nano, uint64_t unit, uint64_t *ret_value)
{
    uint64_t value;
    uint64_t part = unit / BILLION * nano + unit % BILLION * nano / BILLION;
    if (st_mul_overflows(whole, unit, &value) || st_add_overflows(value, part, &value)) {
        return -ST_ERANGE;
    }
    *ret_value = value;
    return 0;
}

int st_parse_size(const char *text, uint64_t *ret_bytes)
{
    static const char units[] = "bkmgtp";
    uint64_t whole;
    uint64_t nano;
    int r = parse_decimal(&text, &whole, &nano);
    if (r < 0) {
        return r;
    }
    if (*text == ' ') {
        text++;
    }
    unsigned power = 0;
    char letter = *text >= 'A' && *text <= 'Z' ? (char)(*text + 32) : *text;
    for (unsigned i = 0; letter != '\0' && units[i] != '\0'; i++) {
        if (units[i] == letter) {
            power = i;
            text++;
            break;
        }
    }
    if (power > 0 && text[0] == 'i' && (text[1] == 'b' || text[1] == 'B')) {
        text += 2;
    } else if (power > 0 && (text[0] == 'b' || text[0] == 'B')) {
        text += 1;
    }
    return *text != '\0' ? -ST_EINVAL : scale(whole, nano, 1ull << (10 * power), ret_bytes);
}

int st_parse_duration(const char *text, uint64_t *ret_ns)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"ns", 1},         {"us", 1000},        {"\xc2\xb5s", 1000},  {"ms", 1000000},
                 {"s", 1000000000}, {"m", 60000000000u}, {"h", 3600000000000u}};
    uint64_t sum = 0;
    if (st_streq(text, "0")) {
        *ret_ns = 0;
        return 0;
    }
    if (*text == '\0') {
        return -ST_EINVAL;
    }
    while (*text != '\0') {
        uint64_t whole;
        uint64_t nano;
        uint64_t part = 0;
        int r = parse_decimal(&text, &whole, &nano);
        size_t i = 0;
        for (; r == 0 && i < ST_COUNT(units); i++) {
            const char *after = st_after_prefix(text, units[i].name);
            if (after != NULL &&
                (*after == '\0' || (*after >= '0' && *after <= '9') || *after == '.')) {
                text = after;
                break;
            }
        }
        if (r < 0 || i == ST_COUNT(units)) {
            return r < 0 ? r : -ST_EINVAL;
        }
        if (scale(whole, nano, units[i].ns, &part) < 0 || st_add_overflows(sum, part, &sum)) {
            return -ST_ERANGE;
        }
    }
    *ret_ns = sum;
    return 0;
}
