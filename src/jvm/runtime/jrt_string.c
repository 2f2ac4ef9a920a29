/*
 * Strings made and read: chars that are all below 256 make a Latin-1 string, as the library
 * expects (with -XX:-CompactStrings: none).
 */
#include "jvm/runtime/jrt_string.h"

#include <stdlib.h>
#include <string.h>

#include "jvm/classfile/jcf_utf8.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_string_priv.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"
#include "jvm/runtime/jrt_vm.h"

enum { LATIN1 = 0, UTF16 = 1 };

/* A string of `count` chars whose bytes are to be filled in. */
static struct job_object *make(struct jrt_thread *thread, size_t count, int coder,
                               uint8_t **ret_bytes)
{
    if (count << coder > INT32_MAX) {
        (void)jrt_throw_oom(thread, JRT_OOM_ARRAY_SIZE);
        return NULL;
    }
    struct job_array *value =
        jrt_new_array(thread, jrt_known.primitive_array[JRT_BYTE], (int32_t)(count << coder));
    struct job_object *string = value ? jrt_new(thread, jrt_known.class[JRT_String]) : NULL;
    if (string) {
        jrt_set_ref(string, JRT_AT(String, value), &value->object);
        jrt_set_byte(string, JRT_AT(String, coder), (uint8_t)coder);
        *ret_bytes = job_elements(value);
    }
    return string;
}

struct job_object *jrt_string(struct jrt_thread *thread, const char *modified_utf8, size_t length)
{
    const uint8_t *text = (const uint8_t *)modified_utf8;
    bool latin1;
    size_t units = jcf_utf8_units(text, length, &latin1);
    latin1 = latin1 && !jrt_options.wide_strings;
    uint8_t *bytes;
    struct job_object *string = make(thread, units, latin1 ? LATIN1 : UTF16, &bytes);
    if (string && latin1) {
        jcf_utf8_to_latin1(text, length, bytes);
    } else if (string) {
        jcf_utf8_to_utf16(text, length, (uint16_t *)bytes);
    }
    return string;
}

struct job_object *jrt_string_of(struct jrt_thread *thread, const char *modified_utf8)
{
    return jrt_string(thread, modified_utf8, strlen(modified_utf8));
}

struct job_object *jrt_string_utf16(struct jrt_thread *thread, const uint16_t *chars, int32_t count)
{
    uint16_t all = 0;
    for (int32_t i = 0; i < count; i++) {
        all |= chars[i];
    }
    bool latin1 = all < 256 && !jrt_options.wide_strings;
    uint8_t *bytes;
    struct job_object *string = make(thread, (size_t)count, latin1 ? LATIN1 : UTF16, &bytes);
    if (string && !latin1) {
        memcpy(bytes, chars, (size_t)count * 2);
    } else if (string) {
        for (int32_t i = 0; i < count; i++) {
            bytes[i] = (uint8_t)chars[i];
        }
    }
    return string;
}

struct job_object *jrt_string_of_bytes(struct jrt_thread *thread, const struct jrt_chars *chars)
{
    uint8_t *bytes;
    size_t size = (size_t)chars->count << chars->coder;
    struct job_object *string = make(thread, chars->count, chars->coder, &bytes);
    if (string) {
        memcpy(bytes, chars->bytes, size);
    }
    return string;
}

struct jrt_chars jrt_chars_of(const struct job_object *string)
{
    const struct job_array *value =
        (const struct job_array *)jrt_ref(string, JRT_AT(String, value));
    int coder = jrt_byte(string, JRT_AT(String, coder));
    return (struct jrt_chars){
        .bytes = job_elements(value), .count = (uint32_t)value->length >> coder, .coder = coder};
}

int32_t jrt_string_length(const struct job_object *string)
{
    return (int32_t)jrt_chars_of(string).count;
}

static uint16_t unit(const struct jrt_chars *chars, uint32_t index)
{
    return chars->coder == LATIN1 ? chars->bytes[index] : ((const uint16_t *)chars->bytes)[index];
}

uint16_t jrt_string_char(const struct job_object *string, int32_t index)
{
    struct jrt_chars chars = jrt_chars_of(string);
    return unit(&chars, (uint32_t)index);
}

static size_t utf8_bytes(uint16_t c)
{
    return c != 0 && c < 0x80 ? 1 : c < 0x800 ? 2 : 3;
}

size_t jrt_string_utf8_length(const struct job_object *string)
{
    struct jrt_chars chars = jrt_chars_of(string);
    size_t length = 0;
    for (uint32_t i = 0; i < chars.count; i++) {
        length += utf8_bytes(unit(&chars, i));
    }
    return length;
}

size_t jrt_string_utf8(const struct job_object *string, char *text, size_t size)
{
    struct jrt_chars chars = jrt_chars_of(string);
    size_t length = 0;
    for (uint32_t i = 0; i < chars.count; i++) {
        uint16_t c = unit(&chars, i);
        size_t bytes = utf8_bytes(c);
        if (length + bytes >= size) {
            break;
        }
        if (bytes == 1) {
            text[length] = (char)c;
        } else if (bytes == 2) {
            text[length] = (char)(0xc0 | c >> 6);
            text[length + 1] = (char)(0x80 | (c & 0x3f));
        } else {
            text[length] = (char)(0xe0 | c >> 12);
            text[length + 1] = (char)(0x80 | (c >> 6 & 0x3f));
            text[length + 2] = (char)(0x80 | (c & 0x3f));
        }
        length += bytes;
    }
    if (size) {
        text[length] = 0;
    }
    return length;
}

void jrt_string_add(const struct job_object *string, struct st_buf *to)
{
    size_t length = string ? jrt_string_utf8_length(string) : 0;
    if (string && st_buf_reserve(to, length + 1) >= 0) {
        st_buf_added(to, jrt_string_utf8(string, to->data + to->length, length + 1));
    }
}

job_offset_t jrt_string_symbol(const struct job_object *string, bool slashes)
{
    size_t length = jrt_string_utf8_length(string);
    if (length > UINT16_MAX) {
        return 0;
    }
    char small[512];
    char *text = length < sizeof(small) ? small : malloc(length + 1);
    if (!text) {
        return 0;
    }
    (void)jrt_string_utf8(string, text, length + 1);
    for (size_t i = 0; slashes && i < length; i++) {
        text[i] = text[i] == '.' ? '/' : text[i];
    }
    job_offset_t symbol = jrt_symbol(text, length);
    if (text != small) {
        free(text);
    }
    return symbol;
}
