/*
 * Strings: java.lang.String, StringLatin1, StringUTF16, and the encoders' loops. A string's bytes
 * are one each (Latin-1) or two each (UTF-16, in the host's order).
 */
#include <string.h>

#include "jvm/intrinsic/jis_priv.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_known.h"

/* All of a byte[] (not null). */
static const uint8_t *all_bytes(const struct job_array *array)
{
    return (const uint8_t *)array + JOB_WIDE_ELEMENTS_AT;
}

static const uint16_t *all_units(const struct job_array *array)
{
    return (const uint16_t *)all_bytes(array);
}

/* `count` UTF-16 units of a byte[] from `from` on; NULL: it has not so many. */
static uint16_t *units(const struct job_array *bytes, int32_t from, int32_t count)
{
    if (bytes == NULL || (from | count) < 0 ||
        (uint32_t)from + (uint32_t)count > (uint32_t)bytes->length / 2) {
        return NULL;
    }
    return (uint16_t *)((char *)bytes + JOB_WIDE_ELEMENTS_AT) + from;
}

static bool both(const union jrt_slot *args)
{
    return args[0].ref.word != 0 && args[1].ref.word != 0;
}

static bool same_bytes(const struct job_array *a, const struct job_array *b)
{
    return a->length == b->length &&
           memcmp(all_bytes(a), all_bytes(b), (size_t)(uint32_t)a->length) == 0;
}

/* (byte[], byte[]) */
JIS(latin1_equals)
{
    return both(args) && jis_give(result, same_bytes(jis_array(&args[0]), jis_array(&args[1])));
}

JIS(string_equals)
{
    const struct job_object *self = job_from_ref(args[0].ref);
    const struct job_object *other = job_from_ref(args[1].ref);
    if (self == NULL) {
        return false;
    }
    if (self == other || other == NULL || other->class_at != self->class_at) {
        return jis_give(result, self == other);
    }
    const struct job_array *a = (struct job_array *)jrt_ref(self, JRT_AT(String, value));
    const struct job_array *b = (struct job_array *)jrt_ref(other, JRT_AT(String, value));
    return a != NULL && b != NULL &&
           jis_give(result, jrt_byte(self, JRT_AT(String, coder)) ==
                                    jrt_byte(other, JRT_AT(String, coder)) &&
                                same_bytes(a, b));
}

JIS(string_length)
{
    const struct job_object *self = job_from_ref(args[0].ref);
    const struct job_array *value =
        self != NULL ? (struct job_array *)jrt_ref(self, JRT_AT(String, value)) : NULL;
    return value != NULL &&
           jis_give(result, value->length >> (jrt_byte(self, JRT_AT(String, coder)) & 1));
}

JIS(string_char_at)
{
    const struct job_object *self = job_from_ref(args[0].ref);
    const struct job_array *value =
        self != NULL ? (struct job_array *)jrt_ref(self, JRT_AT(String, value)) : NULL;
    if (value == NULL) {
        return false;
    }
    uint32_t at = (uint32_t)args[1].i;
    if (jrt_byte(self, JRT_AT(String, coder)) == 0) {
        return at < (uint32_t)value->length && jis_give(result, all_bytes(value)[at]);
    }
    return at < (uint32_t)value->length / 2 && jis_give(result, all_units(value)[at]);
}

/* (byte[], int) */
JIS(latin1_char_at)
{
    const struct job_array *value = jis_array(&args[0]);
    return value != NULL && (uint32_t)args[1].i < (uint32_t)value->length &&
           jis_give(result, all_bytes(value)[args[1].i]);
}

JIS(utf16_get_char)
{
    const struct job_array *value = jis_array(&args[0]);
    return value != NULL && (uint32_t)args[1].i < (uint32_t)value->length / 2 &&
           jis_give(result, all_units(value)[args[1].i]);
}

/* (byte[], int at, int unit) */
JIS(utf16_put_char)
{
    uint16_t *to = units(jis_array(&args[0]), args[1].i, 1);
    if (to == NULL) {
        return false;
    }
    *to = (uint16_t)args[2].i;
    return true;
}

/* (byte[]) */
JIS(latin1_hash)
{
    const struct job_array *value = jis_array(&args[0]);
    if (value == NULL) {
        return false;
    }
    uint32_t hash = 0;
    const uint8_t *bytes = all_bytes(value);
    int32_t i = 0;
    for (; i + 4 <= value->length; i += 4) {
        hash = 31u * 31 * 31 * 31 * hash + 31u * 31 * 31 * bytes[i] + 31u * 31 * bytes[i + 1] +
               31u * bytes[i + 2] + bytes[i + 3];
    }
    for (; i < value->length; i++) {
        hash = 31 * hash + bytes[i];
    }
    return jis_give(result, (int32_t)hash);
}

JIS(utf16_hash)
{
    const struct job_array *value = jis_array(&args[0]);
    if (value == NULL) {
        return false;
    }
    uint32_t hash = 0;
    for (int32_t i = 0; i < value->length / 2; i++) {
        hash = 31 * hash + all_units(value)[i];
    }
    return jis_give(result, (int32_t)hash);
}

/* ---- compareTo(byte[], byte[]) ---- */

JIS(latin1_compare)
{
    const struct job_array *a = jis_array(&args[0]);
    const struct job_array *b = jis_array(&args[1]);
    if (!both(args)) {
        return false;
    }
    int32_t least = a->length < b->length ? a->length : b->length;
    for (int32_t i = 0; i < least; i++) {
        if (all_bytes(a)[i] != all_bytes(b)[i]) {
            return jis_give(result, all_bytes(a)[i] - all_bytes(b)[i]);
        }
    }
    return jis_give(result, a->length - b->length);
}

JIS(utf16_compare)
{
    const struct job_array *a = jis_array(&args[0]);
    const struct job_array *b = jis_array(&args[1]);
    if (!both(args)) {
        return false;
    }
    int32_t a_length = a->length / 2;
    int32_t b_length = b->length / 2;
    for (int32_t i = 0; i < a_length && i < b_length; i++) {
        if (all_units(a)[i] != all_units(b)[i]) {
            return jis_give(result, all_units(a)[i] - all_units(b)[i]);
        }
    }
    return jis_give(result, a_length - b_length);
}

static int32_t compare_mixed(const struct job_array *latin1, const struct job_array *utf16)
{
    int32_t length = utf16->length / 2;
    for (int32_t i = 0; i < latin1->length && i < length; i++) {
        if (all_bytes(latin1)[i] != all_units(utf16)[i]) {
            return all_bytes(latin1)[i] - all_units(utf16)[i];
        }
    }
    return latin1->length - length;
}

JIS(latin1_compare_utf16)
{
    return both(args) && jis_give(result, compare_mixed(jis_array(&args[0]), jis_array(&args[1])));
}

JIS(utf16_compare_latin1)
{
    return both(args) && jis_give(result, -compare_mixed(jis_array(&args[1]), jis_array(&args[0])));
}

/* ---- indexOf ---- */

static int32_t find_bytes(const uint8_t *in, int32_t from, int32_t count, const uint8_t *what,
                          int32_t what_count)
{
    if (from > count - what_count) {
        return -1;
    }
    const uint8_t *found =
        memmem(in + from, (size_t)(uint32_t)(count - from), what, (size_t)(uint32_t)what_count);
    return found != NULL ? (int32_t)(found - in) : -1;
}

static int32_t find_unit(const uint16_t *in, int32_t from, int32_t to, int32_t unit)
{
    for (; from < to; from++) {
        if (in[from] == unit) {
            return from;
        }
    }
    return -1;
}

static int32_t find_units(const uint16_t *in, int32_t from, int32_t count, const uint16_t *what,
                          int32_t what_count)
{
    int32_t last = count - what_count;
    while ((from = find_unit(in, from, last + 1, what[0])) >= 0) {
        if (memcmp(in + from, what, (size_t)(uint32_t)what_count * 2) == 0) {
            return from;
        }
        from++;
    }
    return -1;
}

static int32_t find_latin1(const uint16_t *in, int32_t from, int32_t count, const uint8_t *what,
                           int32_t what_count)
{
    int32_t last = count - what_count;
    while ((from = find_unit(in, from, last + 1, what[0])) >= 0) {
        int32_t i = 1;
        while (i < what_count && in[from + i] == what[i]) {
            i++;
        }
        if (i == what_count) {
            return from;
        }
        from++;
    }
    return -1;
}

/* (byte[] in, byte[] what) */
JIS(latin1_index_of)
{
    const struct job_array *in = jis_array(&args[0]);
    const struct job_array *what = jis_array(&args[1]);
    return both(args) && what->length > 0 &&
           jis_give(result,
                    find_bytes(all_bytes(in), 0, in->length, all_bytes(what), what->length));
}

JIS(utf16_index_of)
{
    const struct job_array *in = jis_array(&args[0]);
    const struct job_array *what = jis_array(&args[1]);
    return both(args) && what->length > 1 &&
           jis_give(result, find_units(all_units(in), 0, in->length / 2, all_units(what),
                                       what->length / 2));
}

JIS(utf16_index_of_latin1)
{
    const struct job_array *in = jis_array(&args[0]);
    const struct job_array *what = jis_array(&args[1]);
    return both(args) && what->length > 0 &&
           jis_give(result,
                    find_latin1(all_units(in), 0, in->length / 2, all_bytes(what), what->length));
}

/* (byte[] in, int count, byte[] what, int count, int from) */
JIS(latin1_index_of_part)
{
    const uint8_t *in = jis_bytes(jis_array(&args[0]), 0, args[1].i);
    const uint8_t *what = jis_bytes(jis_array(&args[2]), 0, args[3].i);
    return in != NULL && what != NULL && args[3].i > 0 && args[4].i >= 0 &&
           jis_give(result, find_bytes(in, args[4].i, args[1].i, what, args[3].i));
}

JIS(utf16_index_of_part)
{
    const uint16_t *in = units(jis_array(&args[0]), 0, args[1].i);
    const uint16_t *what = units(jis_array(&args[2]), 0, args[3].i);
    return in != NULL && what != NULL && args[3].i > 0 && args[4].i >= 0 &&
           args[4].i <= args[1].i &&
           jis_give(result, find_units(in, args[4].i, args[1].i, what, args[3].i));
}

JIS(utf16_index_of_latin1_part)
{
    const uint16_t *in = units(jis_array(&args[0]), 0, args[1].i);
    const uint8_t *what = jis_bytes(jis_array(&args[2]), 0, args[3].i);
    return in != NULL && what != NULL && args[3].i > 0 && args[4].i >= 0 &&
           args[4].i <= args[1].i &&
           jis_give(result, find_latin1(in, args[4].i, args[1].i, what, args[3].i));
}

/* (byte[] in, int what, int from, int to) */
JIS(latin1_index_of_char)
{
    int32_t from = args[2].i;
    int32_t to = args[3].i;
    const uint8_t *in = jis_bytes(jis_array(&args[0]), 0, to);
    if (in == NULL || from < 0) {
        return false;
    }
    const uint8_t *found =
        from < to ? memchr(in + from, (uint8_t)args[1].i, (size_t)(uint32_t)(to - from)) : NULL;
    return jis_give(result, found != NULL ? (int32_t)(found - in) : -1);
}

JIS(utf16_index_of_char)
{
    int32_t from = args[2].i;
    const uint16_t *in = units(jis_array(&args[0]), 0, args[3].i);
    return in != NULL && from >= 0 && from <= args[3].i &&
           jis_give(result, find_unit(in, from, args[3].i, args[1].i));
}

/* ---- one form to another ---- */

static void widen(uint16_t *to, const uint8_t *from, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        to[i] = from[i];
    }
}

/* Copies what is below `bound`; how many were. */
static int32_t narrow(uint8_t *to, const uint16_t *from, int32_t count, unsigned bound)
{
    int32_t i = 0;
    for (; i + 8 <= count; i += 8) {
        unsigned all = 0;
        for (int32_t k = 0; k < 8; k++) {
            all |= from[i + k];
        }
        if (all >= bound) {
            break;
        }
        for (int32_t k = 0; k < 8; k++) {
            to[i + k] = (uint8_t)from[i + k];
        }
    }
    for (; i < count && from[i] < bound; i++) {
        to[i] = (uint8_t)from[i];
    }
    return i;
}

/* (byte[] from, int at, byte[] or char[] to, int at, int count) */
JIS(latin1_inflate)
{
    const uint8_t *from = jis_bytes(jis_array(&args[0]), args[1].i, args[4].i);
    uint16_t *to = units(jis_array(&args[2]), args[3].i, args[4].i);
    if (from == NULL || to == NULL || args[0].ref.word == args[2].ref.word) {
        return false;
    }
    widen(to, from, args[4].i);
    return true;
}

JIS(latin1_inflate_chars)
{
    const uint8_t *from = jis_bytes(jis_array(&args[0]), args[1].i, args[4].i);
    uint16_t *to = jis_chars(jis_array(&args[2]), args[3].i, args[4].i);
    if (from == NULL || to == NULL) {
        return false;
    }
    widen(to, from, args[4].i);
    return true;
}

/* (char[] or byte[] from, int at, byte[] to, int at, int count): count, or 0: it does not fit. */
JIS(utf16_compress_chars)
{
    const uint16_t *from = jis_chars(jis_array(&args[0]), args[1].i, args[4].i);
    uint8_t *to = jis_bytes(jis_array(&args[2]), args[3].i, args[4].i);
    return from != NULL && to != NULL &&
           jis_give(result, narrow(to, from, args[4].i, 0x100) == args[4].i ? args[4].i : 0);
}

JIS(utf16_compress)
{
    const uint16_t *from = units(jis_array(&args[0]), args[1].i, args[4].i);
    uint8_t *to = jis_bytes(jis_array(&args[2]), args[3].i, args[4].i);
    return from != NULL && to != NULL && args[0].ref.word != args[2].ref.word &&
           jis_give(result, narrow(to, from, args[4].i, 0x100) == args[4].i ? args[4].i : 0);
}

/* (byte[] from, int begin, int end, char[] to, int at) */
JIS(utf16_get_chars)
{
    int32_t begin = args[1].i;
    int32_t end = args[2].i;
    if (begin < 0 || end < begin) {
        return false;
    }
    const uint16_t *from = units(jis_array(&args[0]), begin, end - begin);
    uint16_t *to = jis_chars(jis_array(&args[3]), args[4].i, end - begin);
    if (from == NULL || to == NULL) {
        return false;
    }
    memcpy(to, from, (size_t)(uint32_t)(end - begin) * 2);
    return true;
}

/* (char[] from, int at, int count): a new byte[] */
JIS(utf16_to_bytes)
{
    int32_t count = args[2].i;
    const uint16_t *from = jis_chars(jis_array(&args[0]), args[1].i, count);
    if (from == NULL || count > JOB_ARRAY_MAX / 2) {
        return false;
    }
    struct job_array *made = jrt_new_array(thread, jrt_known.primitive_array[JRT_BYTE], 2 * count);
    if (made == NULL) {
        return false;
    }
    memcpy(units(made, 0, count), from, (size_t)(uint32_t)count * 2);
    result->word = job_to_ref(made).word;
    return true;
}

/* ---- the coders ---- */

/* (byte[], int at, int count) */
JIS(has_negatives)
{
    int32_t count = args[2].i;
    const uint8_t *bytes = jis_bytes(jis_array(&args[0]), args[1].i, count);
    if (bytes == NULL) {
        return false;
    }
    int32_t i = 0;
    for (; i + 8 <= count; i += 8) {
        if ((jis_load_le64(bytes + i) & 0x8080808080808080) != 0) {
            return jis_give(result, 1);
        }
    }
    for (; i < count; i++) {
        if (bytes[i] >= 0x80) {
            return jis_give(result, 1);
        }
    }
    return jis_give(result, 0);
}

/* (char[] from, int at, byte[] to, int at, int count): how many could be encoded */
JIS(encode_latin1)
{
    const uint16_t *from = jis_chars(jis_array(&args[0]), args[1].i, args[4].i);
    uint8_t *to = jis_bytes(jis_array(&args[2]), args[3].i, args[4].i);
    return from != NULL && to != NULL && jis_give(result, narrow(to, from, args[4].i, 0x100));
}

JIS(encode_ascii)
{
    const uint16_t *from = jis_chars(jis_array(&args[0]), args[1].i, args[4].i);
    uint8_t *to = jis_bytes(jis_array(&args[2]), args[3].i, args[4].i);
    return from != NULL && to != NULL && jis_give(result, narrow(to, from, args[4].i, 0x80));
}

/* The same from a string's bytes. */
JIS(encode_latin1_of_string)
{
    const uint16_t *from = units(jis_array(&args[0]), args[1].i, args[4].i);
    uint8_t *to = jis_bytes(jis_array(&args[2]), args[3].i, args[4].i);
    return from != NULL && to != NULL && args[0].ref.word != args[2].ref.word &&
           jis_give(result, narrow(to, from, args[4].i, 0x100));
}

/* Once it is known. */
JIS(string_hash)
{
    const struct job_object *self = job_from_ref(args[0].ref);
    int32_t hash = self != NULL ? jrt_int(self, JRT_AT(String, hash)) : 0;
    return hash != 0 && jis_give(result, hash);
}
