/* Multiboot headers. */
#include "format/fmt_multiboot.h"

#include "base/memops.h"

enum {
    SEARCH = 8192,
    SEARCH2 = 32768,
    FLAG_PAGE_ALIGN = 1 << 0,
    FLAG_ADDRESSES = 1 << 16,
    TAG_END = 0,
    TAG_INFORMATION = 1,
    TAG_ADDRESS = 2,
    TAG_ENTRY = 3,
    TAG_CONSOLE = 4,
    TAG_FRAMEBUFFER = 5,
    TAG_ALIGN = 6,
    TAG_RELOCATABLE = 10,
    TAG_OPTIONAL = 1,
};
#define HEADER_MAGIC 0x1badb002u
#define HEADER2_MAGIC 0xe85250d6u

static uint32_t get(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

/* The address fields, alike in both versions. header_at: the header's place in the file. load_end
 * 0: to the end of the file; bss_end 0: no zeroes. */
static int set_addresses(struct fmt_multiboot *header, size_t header_at, size_t size,
                         const uint32_t fields[4], struct st_err *err)
{
    uint32_t at = fields[0], load = fields[1], load_end = fields[2], bss_end = fields[3];
    uint64_t before = (uint64_t)at - load;

    /* FFFFFFFFh: load from the beginning of the file (version 2). */
    if (load == UINT32_MAX && header->version == 2) {
        load = (uint32_t)(at - header_at);
        before = header_at;
    }
    if (load > at || before > header_at || (load_end != 0 && load_end < load)) {
        return st_fail(err, ST_ECORRUPT, "multiboot header: load addresses make no sense");
    }
    header->has_addresses = true;
    header->load = load;
    header->load_offset = header_at - before;
    header->load_size = size - header->load_offset;
    if (load_end != 0) {
        if (load_end - load > header->load_size) {
            return st_fail(err, ST_ECORRUPT, "multiboot header: it loads more than the file has");
        }
        header->load_size = load_end - load;
    }
    header->memory_size = header->load_size;
    if (bss_end != 0 && bss_end > load && bss_end - load > header->memory_size) {
        header->memory_size = bss_end - load;
    }
    return 0;
}

static int parse_1(const uint8_t *bytes, size_t size, size_t at, struct fmt_multiboot *header,
                   struct st_err *err)
{
    uint32_t flags = get(bytes + at + 4), fields[4];

    header->version = 1;
    header->page_align_modules = (flags & FLAG_PAGE_ALIGN) != 0;
    /* Bits 0 to 15 are requirements; memory information is always given, a video mode never. */
    if ((flags & 0xfff8) != 0) {
        return st_fail(err, ST_EUNSUPPORTED, "multiboot header: requires features %x",
                       flags & 0xfff8);
    }
    if ((flags & FLAG_ADDRESSES) == 0) {
        return 0;
    }
    if (size - at < 32) {
        return st_fail(err, ST_ECORRUPT, "multiboot header: the file ends in it");
    }
    for (unsigned i = 0; i < 4; i++) {
        fields[i] = get(bytes + at + 12 + 4 * i);
    }
    header->has_entry = true;
    header->entry = get(bytes + at + 28);
    return set_addresses(header, at, size, fields, err);
}

static int parse_tag(struct fmt_multiboot *header, size_t header_at, size_t size,
                     const uint8_t *tag, uint32_t tag_size, struct st_err *err)
{
    unsigned type = get(tag) & 0xffff, flags = get(tag) >> 16;
    uint32_t fields[4];

    if (type == TAG_ADDRESS && tag_size >= 24) {
        for (unsigned i = 0; i < 4; i++) {
            fields[i] = get(tag + 8 + 4 * i);
        }
        return set_addresses(header, header_at, size, fields, err);
    }
    if (type == TAG_ENTRY && tag_size >= 12) {
        header->has_entry = true;
        header->entry = get(tag + 8);
    } else if (type == TAG_ALIGN) {
        header->page_align_modules = true;
    } else if (type != TAG_INFORMATION && type != TAG_CONSOLE && type != TAG_FRAMEBUFFER &&
               type != TAG_RELOCATABLE && (flags & TAG_OPTIONAL) == 0) {
        return st_fail(err, ST_EUNSUPPORTED, "multiboot 2 header: requires tag %u", type);
    }
    return 0;
}

static int parse_2(const uint8_t *bytes, size_t size, size_t at, struct fmt_multiboot *header,
                   struct st_err *err)
{
    uint64_t end = (uint64_t)at + get(bytes + at + 8);
    size_t tag = at + 16;

    header->version = 2;
    if (get(bytes + at + 4) != 0) {
        return st_fail(err, ST_EUNSUPPORTED, "multiboot 2 header: not for x86");
    }
    if (end > size || end < tag) {
        return st_fail(err, ST_ECORRUPT, "multiboot 2 header: longer than the file");
    }
    while (end - tag >= 8) {
        uint32_t tag_size = get(bytes + tag + 4);
        int r;
        if (get(bytes + tag) == TAG_END) {
            return 0;
        }
        if (tag_size < 8 || tag_size > end - tag) {
            break;
        }
        r = parse_tag(header, at, size, bytes + tag, tag_size, err);
        if (r < 0) {
            return r;
        }
        if (end - tag < (((uint64_t)tag_size + 7) & ~UINT64_C(7))) {
            break;
        }
        tag += (tag_size + 7) & ~(size_t)7;
    }
    return st_fail(err, ST_ECORRUPT, "multiboot 2 header: its tags do not end");
}

int fmt_multiboot_parse(const void *data, size_t size, struct fmt_multiboot *ret_header,
                        struct st_err *err)
{
    const uint8_t *bytes = data;
    struct fmt_multiboot header = {0};
    int r = -ST_ENOEXEC;

    for (size_t at = 0; at + 16 <= size && at < SEARCH2; at += 8) {
        if (get(bytes + at) == HEADER2_MAGIC &&
            HEADER2_MAGIC + get(bytes + at + 4) + get(bytes + at + 8) + get(bytes + at + 12) == 0) {
            r = parse_2(bytes, size, at, &header, err);
            break;
        }
    }
    for (size_t at = 0; r == -ST_ENOEXEC && at + 12 <= size && at < SEARCH; at += 4) {
        if (get(bytes + at) == HEADER_MAGIC &&
            HEADER_MAGIC + get(bytes + at + 4) + get(bytes + at + 8) == 0) {
            r = parse_1(bytes, size, at, &header, err);
            break;
        }
    }
    if (r == -ST_ENOEXEC) {
        return st_fail(err, ST_ENOEXEC, "no multiboot header");
    }
    if (r >= 0) {
        *ret_header = header;
    }
    return r;
}
