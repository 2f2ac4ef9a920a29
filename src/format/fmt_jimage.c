/* The reader of jimage files. A name is hashed in pieces, so that it need not be put together. */
#include "format/fmt_jimage.h"

#include "base/memops.h"
#include "base/str.h"

#define MAGIC 0xCAFEDADAu
#define MAGIC_SWAPPED 0xDADAFECAu
#define VERSION 0x00010000u
#define HASH_MULTIPLIER 0x01000193u

enum { HEADER = 28 };

enum attribute {
    END,
    MODULE,
    PARENT,
    BASE,
    EXTENSION,
    OFFSET,
    COMPRESSED,
    UNCOMPRESSED,
    ATTRIBUTES,
};

struct piece {
    const char *text;
    size_t length;
};

static uint32_t word_at(const struct fmt_jimage *image, size_t at)
{
    uint32_t word;
    memcpy(&word, image->bytes + at, sizeof(word));
    return word;
}

int fmt_jimage_open(const void *bytes, size_t size, struct fmt_jimage *ret_image,
                    struct st_err *err)
{
    struct fmt_jimage image = {.bytes = bytes, .size = size};
    if (size < HEADER) {
        return st_fail(err, ST_ENOEXEC, "not a jimage: %zu bytes", size);
    }
    uint32_t magic = word_at(&image, 0);
    if (magic != MAGIC && magic != MAGIC_SWAPPED) {
        return st_fail(err, ST_ENOEXEC, "not a jimage: magic %08x", magic);
    }
    if (magic == MAGIC_SWAPPED || word_at(&image, 4) != VERSION) {
        return st_fail(err, ST_EVERSION, "jimage of version %08x or of another byte order",
                       word_at(&image, 4));
    }
    image.resources = word_at(&image, 12);
    image.places = word_at(&image, 16);
    image.locations_size = word_at(&image, 20);
    image.strings_size = word_at(&image, 24);
    uint64_t table = (uint64_t)image.places * 4;
    uint64_t content = HEADER + table * 2 + image.locations_size + image.strings_size;
    if (content > size) {
        return st_fail(err, ST_ECORRUPT, "jimage of %zu bytes with an index of %llu", size,
                       (unsigned long long)content);
    }
    image.redirect = HEADER;
    image.offsets = HEADER + (size_t)table;
    image.locations = image.offsets + (size_t)table;
    image.strings = image.locations + image.locations_size;
    image.content = (size_t)content;
    *ret_image = image;
    return 0;
}

/* The string at an offset; NULL where none ends inside the strings. */
static const char *string_at(const struct fmt_jimage *image, uint64_t offset)
{
    if (offset >= image->strings_size) {
        return NULL;
    }
    const char *text = (const char *)image->bytes + image->strings + offset;
    size_t left = image->strings_size - (size_t)offset;
    for (size_t i = 0; i < left; i++) {
        if (text[i] == 0) {
            return text;
        }
    }
    return NULL;
}

/* The attributes of a location; false: it runs out of the locations or has an unknown kind. */
static bool read_location(const struct fmt_jimage *image, uint32_t offset,
                          uint64_t values[ATTRIBUTES])
{
    const uint8_t *from = image->bytes + image->locations;
    uint32_t at = offset;
    memset(values, 0, ATTRIBUTES * sizeof(values[0]));
    while (at < image->locations_size) {
        uint8_t head = from[at++];
        unsigned kind = head >> 3;
        unsigned length = (head & 7) + 1u;
        if (kind == END) {
            return true;
        }
        if (kind >= ATTRIBUTES || image->locations_size - at < length) {
            return false;
        }
        uint64_t value = 0;
        for (unsigned i = 0; i < length; i++) {
            value = (value << 8) | from[at++];
        }
        values[kind] = value;
    }
    return false;
}

int fmt_jimage_at(const struct fmt_jimage *image, uint32_t place,
                  struct fmt_jimage_entry *ret_entry)
{
    uint64_t values[ATTRIBUTES];
    uint32_t offset = word_at(image, image->offsets + (size_t)place * 4);
    if (!read_location(image, offset, values)) {
        return -ST_ECORRUPT;
    }
    struct fmt_jimage_entry entry = {
        .module = string_at(image, values[MODULE]),
        .parent = string_at(image, values[PARENT]),
        .base = string_at(image, values[BASE]),
        .extension = string_at(image, values[EXTENSION]),
        .size = values[UNCOMPRESSED],
        .compressed = values[COMPRESSED],
    };
    if (entry.module == NULL || entry.parent == NULL || entry.base == NULL ||
        entry.extension == NULL) {
        return -ST_ECORRUPT;
    }
    if (entry.module[0] == 0 && entry.base[0] == 0) {
        return -ST_ENOENT;
    }
    uint64_t left = image->size - image->content;
    uint64_t stored = entry.compressed != 0 ? entry.compressed : entry.size;
    if (values[OFFSET] > left || stored > left - values[OFFSET]) {
        return -ST_ECORRUPT;
    }
    if (entry.compressed != 0) {
        *ret_entry = entry;
        return -ST_EUNSUPPORTED;
    }
    entry.data = image->bytes + image->content + (size_t)values[OFFSET];
    *ret_entry = entry;
    return 0;
}

static uint32_t hash_piece(uint32_t hash, struct piece piece)
{
    for (size_t i = 0; i < piece.length; i++) {
        hash = (hash * HASH_MULTIPLIER) ^ (uint8_t)piece.text[i];
    }
    return hash;
}

/* "/MODULE/PATH" */
static uint32_t hash_name(uint32_t seed, struct piece module, struct piece path)
{
    struct piece slash = {"/", 1};
    uint32_t hash = hash_piece(hash_piece(seed, slash), module);
    return hash_piece(hash_piece(hash, slash), path) & 0x7FFFFFFF;
}

/* Takes `part` from the front of *left if it stands there. */
static bool take(struct piece *left, const char *part)
{
    size_t length = st_strlen(part);
    if (length > left->length || memcmp(left->text, part, length) != 0) {
        return false;
    }
    left->text += length;
    left->length -= length;
    return true;
}

static bool is_called(const struct fmt_jimage_entry *entry, struct piece module, struct piece path)
{
    bool same = take(&module, entry->module) && module.length == 0;
    same = same && take(&path, entry->parent);
    same = same && (entry->parent[0] == 0 || take(&path, "/"));
    same = same && take(&path, entry->base);
    same =
        same && (entry->extension[0] == 0 || (take(&path, ".") && take(&path, entry->extension)));
    return same && path.length == 0;
}

int fmt_jimage_find(const struct fmt_jimage *image, const char *module, size_t module_length,
                    const char *path, size_t path_length, struct fmt_jimage_entry *ret_entry)
{
    struct piece in = {module, module_length};
    struct piece of = {path, path_length};
    if (image->places == 0) {
        return -ST_ENOENT;
    }
    uint32_t place = hash_name(HASH_MULTIPLIER, in, of) % image->places;
    int32_t redirect = (int32_t)word_at(image, image->redirect + (size_t)place * 4);
    if (redirect == 0) {
        return -ST_ENOENT;
    }
    if (redirect > 0) {
        place = hash_name((uint32_t)redirect, in, of) % image->places;
    } else {
        place = (uint32_t)(-1 - redirect);
    }
    if (place >= image->places) {
        return -ST_ECORRUPT;
    }
    struct fmt_jimage_entry entry;
    int r = fmt_jimage_at(image, place, &entry);
    if (r < 0 && r != -ST_EUNSUPPORTED) {
        return r;
    }
    if (!is_called(&entry, in, of)) {
        return -ST_ENOENT;
    }
    *ret_entry = entry;
    return r;
}

/* "/packages/java.lang" holds pairs of words: whether the package is empty in a module, and the
 * module's name. */
const char *fmt_jimage_module_of(const struct fmt_jimage *image, const char *package, size_t length)
{
    static const char packages[] = "packages";
    char dotted[512];
    if (length == 0 || length > sizeof(dotted)) {
        return NULL;
    }
    for (size_t i = 0; i < length; i++) {
        dotted[i] = package[i] == '/' ? '.' : package[i];
    }
    struct fmt_jimage_entry entry;
    if (fmt_jimage_find(image, packages, sizeof(packages) - 1, dotted, length, &entry) < 0) {
        return NULL;
    }
    size_t from = (size_t)(entry.data - image->bytes);
    for (uint64_t at = 0; entry.size - at >= 8; at += 8) {
        if (word_at(image, from + (size_t)at) == 0) {
            return string_at(image, word_at(image, from + (size_t)at + 4));
        }
    }
    return NULL;
}
