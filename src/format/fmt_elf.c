/* ELF executables. */
#include "format/fmt_elf.h"

#include "base/memops.h"

enum {
    MACHINE_386 = 3,
    MACHINE_X86_64 = 62,
    TYPE_EXEC = 2,
    TYPE_DYN = 3,
    SEGMENT_LOAD = 1,
    SEGMENT_NOTE = 4,
    NOTE_PHYS32_ENTRY = 18, /* XEN_ELFNOTE_PHYS32_ENTRY */
};

/* Program header, both sizes. */
struct header {
    uint32_t type;
    uint64_t offset, virtual, physical, file_size, memory_size, align;
};

static uint64_t get(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, at, size);
    return value;
}

static bool within(uint64_t offset, uint64_t size, uint64_t whole)
{
    return offset <= whole && size <= whole - offset;
}

bool fmt_elf_is(const void *bytes, size_t size)
{
    return size >= 4 && memcmp(bytes, "\177ELF", 4) == 0;
}

static void read_header(const uint8_t *at, bool is_64, struct header *ret_header)
{
    struct header h = {.type = (uint32_t)get(at, 4)};

    if (is_64) {
        h.offset = get(at + 8, 8);
        h.virtual = get(at + 16, 8);
        h.physical = get(at + 24, 8);
        h.file_size = get(at + 32, 8);
        h.memory_size = get(at + 40, 8);
        h.align = get(at + 48, 8);
    } else {
        h.offset = get(at + 4, 4);
        h.virtual = get(at + 8, 4);
        h.physical = get(at + 12, 4);
        h.file_size = get(at + 16, 4);
        h.memory_size = get(at + 20, 4);
        h.align = get(at + 28, 4);
    }
    *ret_header = h;
}

/* Looks for the PVH entry among the notes. Notes that make no sense end the search. */
static void read_notes(const uint8_t *notes, uint64_t size, uint64_t align, struct fmt_elf *elf)
{
    uint64_t at = 0;

    align = align == 8 ? 8 : 4;
    while (within(at, 12, size)) {
        uint64_t name_size = get(notes + at, 4), desc_size = get(notes + at + 4, 4);
        uint64_t name = at + 12, desc = (name + name_size + align - 1) & ~(align - 1);

        if (!within(name, name_size, size) || !within(desc, desc_size, size)) {
            return;
        }
        if (get(notes + at + 8, 4) == NOTE_PHYS32_ENTRY && name_size == 4 &&
            memcmp(notes + name, "Xen", 4) == 0 && desc_size >= 4) {
            elf->has_pvh = true;
            elf->pvh_entry = (uint32_t)get(notes + desc, 4);
        }
        at = (desc + desc_size + align - 1) & ~(align - 1);
    }
}

static int add_segment(struct fmt_elf *elf, const struct header *h, struct st_err *err)
{
    if (elf->segments_count == FMT_ELF_SEGMENTS) {
        return st_fail(err, ST_ELIMIT, "ELF file has more than %d segments", FMT_ELF_SEGMENTS);
    }
    if (h->memory_size < h->file_size || h->physical + h->memory_size < h->physical) {
        return st_fail(err, ST_ECORRUPT, "ELF segment %u: sizes make no sense",
                       elf->segments_count);
    }
    elf->segments[elf->segments_count++] = (struct fmt_elf_segment){
        .physical = h->physical,
        .virtual = h->virtual,
        .offset = h->offset,
        .size = h->file_size,
        .memory_size = h->memory_size,
    };
    return 0;
}

static int read_headers(const uint8_t *bytes, size_t size, struct fmt_elf *elf, struct st_err *err)
{
    uint64_t start = elf->is_64 ? get(bytes + 32, 8) : get(bytes + 28, 4);
    unsigned entry = (unsigned)get(bytes + (elf->is_64 ? 54 : 42), 2);
    unsigned count = (unsigned)get(bytes + (elf->is_64 ? 56 : 44), 2);
    struct header h;

    if (entry < (elf->is_64 ? 56u : 32u) || !within(start, (uint64_t)entry * count, size)) {
        return st_fail(err, ST_ECORRUPT, "ELF program headers are outside the file");
    }
    for (unsigned i = 0; i < count; i++) {
        int r = 0;
        read_header(bytes + start + (uint64_t)entry * i, elf->is_64, &h);
        if (h.type != SEGMENT_LOAD && h.type != SEGMENT_NOTE) {
            continue;
        }
        if (!within(h.offset, h.file_size, size)) {
            return st_fail(err, ST_ECORRUPT, "ELF segment %u is outside the file", i);
        }
        if (h.type == SEGMENT_NOTE) {
            read_notes(bytes + h.offset, h.file_size, h.align, elf);
        } else if (h.memory_size > 0) {
            r = add_segment(elf, &h, err);
        }
        if (r < 0) {
            return r;
        }
    }
    return elf->segments_count > 0 ? 0 : st_fail(err, ST_ENOEXEC, "ELF file has nothing to load");
}

int fmt_elf_parse(const void *data, size_t size, struct fmt_elf *ret_elf, struct st_err *err)
{
    const uint8_t *bytes = data;
    struct fmt_elf elf = {0};
    uint64_t type, machine;
    int r;

    if (!fmt_elf_is(bytes, size) || size < 52 || bytes[5] != 1 ||
        (bytes[4] != 1 && (bytes[4] != 2 || size < 64))) {
        return st_fail(err, ST_ENOEXEC, "not a little-endian ELF file");
    }
    type = get(bytes + 16, 2);
    machine = get(bytes + 18, 2);
    if ((type != TYPE_EXEC && type != TYPE_DYN) ||
        (machine != MACHINE_386 && machine != MACHINE_X86_64)) {
        return st_fail(err, ST_ENOEXEC, "not an ELF executable for x86");
    }
    elf.is_64 = bytes[4] == 2;
    elf.entry = elf.is_64 ? get(bytes + 24, 8) : get(bytes + 24, 4);
    r = read_headers(bytes, size, &elf, err);
    if (r < 0) {
        return r;
    }
    *ret_elf = elf;
    return 0;
}

uint64_t fmt_elf_physical_entry(const struct fmt_elf *elf)
{
    for (unsigned i = 0; i < elf->segments_count; i++) {
        const struct fmt_elf_segment *segment = &elf->segments[i];
        if (elf->entry >= segment->virtual &&
            elf->entry - segment->virtual < segment->memory_size) {
            return elf->entry - segment->virtual + segment->physical;
        }
    }
    return elf->entry;
}
