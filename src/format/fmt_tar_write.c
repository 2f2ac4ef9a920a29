/* Writing tar archives: see fmt_tar_write.h; the header's layout stands in fmt_tar_header.c. */
#include "format/fmt_tar_write.h"

#include "base/str.h"

static const char type_flags[] = {
    [FMT_TAR_FILE] = '0', [FMT_TAR_HARD_LINK] = '1',    [FMT_TAR_SYMLINK] = '2',
    [FMT_TAR_CHAR] = '3', [FMT_TAR_BLOCK_DEVICE] = '4', [FMT_TAR_FOLDER] = '5',
    [FMT_TAR_FIFO] = '6',
};

/* Octal digits and a zero; what does not fit is written as 0 and left to the extended header. */
static void put_number(uint8_t *field, size_t size, uint64_t number)
{
    if (number >> (3 * (size - 1)) != 0) {
        number = 0;
    }
    field[size - 1] = 0;
    for (size_t i = size - 1; i-- > 0; number >>= 3) {
        field[i] = (uint8_t)('0' + (number & 7));
    }
}

static void put_name(uint8_t *field, size_t size, const char *name)
{
    __builtin_memcpy(field, name, ST_MIN(size, st_strlen(name)));
}

static void put_sum(uint8_t block[FMT_TAR_BLOCK])
{
    uint64_t sum = 0;
    __builtin_memset(block + 148, ' ', 8);
    for (size_t i = 0; i < FMT_TAR_BLOCK; i++) {
        sum += block[i];
    }
    put_number(block + 148, 7, sum);
}

static int write_block(struct st_buf *to, const struct fmt_tar_entry *entry, char flag,
                       const char *path, uint64_t size)
{
    uint8_t block[FMT_TAR_BLOCK] = {0};
    put_name(block, 100, path);
    put_number(block + 100, 8, entry->mode);
    put_number(block + 108, 8, entry->uid);
    put_number(block + 116, 8, entry->gid);
    put_number(block + 124, 12, size);
    put_number(block + 136, 12, entry->mtime_s < 0 ? 0 : (uint64_t)entry->mtime_s);
    block[156] = (uint8_t)flag;
    put_name(block + 157, 100, entry->link);
    __builtin_memcpy(block + 257,
                     "ustar\0"
                     "00",
                     8);
    put_number(block + 329, 8, entry->device_major);
    put_number(block + 337, 8, entry->device_minor);
    put_sum(block);
    return st_buf_append(to, block, sizeof(block));
}

static size_t digits_of(size_t number)
{
    size_t digits = 1;
    for (; number >= 10; number /= 10) {
        digits++;
    }
    return digits;
}

static void add_record(struct st_buf *pax, const char *prefix, const char *key, const void *value,
                       size_t size)
{
    size_t rest = 1 + st_strlen(prefix) + st_strlen(key) + 1 + size + 1;
    size_t length = rest + digits_of(rest);
    length = rest + digits_of(length); /* its own digits may have made it one longer */
    st_buf_printf(pax, "%zu %s%s=", length, prefix, key);
    if (size > 0) {
        st_buf_append(pax, value, size);
    }
    st_buf_char(pax, '\n');
}

static void add_number(struct st_buf *pax, const char *key, uint64_t number)
{
    char digits[24];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    add_record(pax, "", key, digits + at, sizeof(digits) - at);
}

static void collect(struct st_buf *pax, const struct fmt_tar_entry *entry)
{
    if (st_strlen(entry->path) > 100) {
        add_record(pax, "", "path", entry->path, st_strlen(entry->path));
    }
    if (st_strlen(entry->link) > 100) {
        add_record(pax, "", "linkpath", entry->link, st_strlen(entry->link));
    }
    if (entry->uid > 07777777) {
        add_number(pax, "uid", entry->uid);
    }
    if (entry->gid > 07777777) {
        add_number(pax, "gid", entry->gid);
    }
    if (entry->size > 077777777777) {
        add_number(pax, "size", entry->size);
    }
    if (entry->mtime_s > 077777777777) {
        add_number(pax, "mtime", (uint64_t)entry->mtime_s);
    }
    for (size_t i = 0; i < entry->xattr_count; i++) {
        add_record(pax, "SCHILY.xattr.", entry->xattrs[i].name, entry->xattrs[i].value,
                   entry->xattrs[i].size);
    }
}

int fmt_tar_write_header(struct st_buf *to, const struct fmt_tar_entry *entry)
{
    const struct fmt_tar_entry plain = {.mode = 0644, .link = ""};
    struct st_buf pax = {.max = FMT_TAR_MAX_PAX, .resize = to->resize, .release = to->release};
    collect(&pax, entry);
    if (pax.length > 0) {
        write_block(to, &plain, 'x', "pax", pax.length);
        st_buf_append(to, pax.data, pax.length);
        fmt_tar_write_padding(to, pax.length);
    }
    int r = st_buf_status(&pax);
    st_buf_done(&pax);
    if (r < 0) {
        return r;
    }
    return write_block(to, entry, type_flags[entry->type], entry->path, entry->size);
}

static const uint8_t zeros[2 * FMT_TAR_BLOCK];

int fmt_tar_write_padding(struct st_buf *to, uint64_t size)
{
    size_t count = (FMT_TAR_BLOCK - size % FMT_TAR_BLOCK) % FMT_TAR_BLOCK;
    return count == 0 ? st_buf_status(to) : st_buf_append(to, zeros, count);
}

int fmt_tar_write_end(struct st_buf *to)
{
    return st_buf_append(to, zeros, sizeof(zeros));
}
