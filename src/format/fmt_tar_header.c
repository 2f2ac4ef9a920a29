/*
 * One tar header block of 512 bytes, as POSIX.1-2017 (pax, "ustar Interchange Format") and GNU tar
 * lay it out:
 *
 *     0 name 100 | 100 mode 8 | 108 uid 8 | 116 gid 8 | 124 size 12 | 136 mtime 12 | 148 sum 8
 *     156 type 1 | 157 link 100 | 257 magic 8 | 265 user 32 | 297 group 32 | 329 major 8
 *     337 minor 8 | 345 prefix 155 (ustar)
 *     386 sparse 4 x (12 + 12) | 482 is extended 1 | 483 real size 12 (GNU)
 */
#include "format/fmt_tar_priv.h"

static size_t field_length(const uint8_t *field, size_t size)
{
    size_t length = 0;
    while (length < size && field[length] != 0) {
        length++;
    }
    return length;
}

static int read_base256(const uint8_t *field, size_t size, int64_t *ret_number)
{
    bool negative = (field[0] & 0x40) != 0;
    uint8_t filler = negative ? 0xff : 0;
    uint64_t value = negative ? UINT64_MAX : 0;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = field[i];
        if (i == 0) { /* its top bit is the mark, the sign is the bit below */
            byte = negative ? byte | 0x80 : byte & 0x7f;
        }
        if (size - i > 8 && byte != filler) {
            return -ST_ERANGE;
        }
        value = value << 8 | byte;
    }
    if ((value >> 63 != 0) != negative) {
        return -ST_ERANGE;
    }
    *ret_number = (int64_t)value;
    return 0;
}

int fmt_tar_read_number(const uint8_t *field, size_t size, int64_t *ret_number)
{
    uint64_t value = 0;
    size_t i = 0;
    if ((field[0] & 0x80) != 0) {
        return read_base256(field, size, ret_number);
    }
    while (i < size && (field[i] == ' ' || field[i] == 0)) {
        i++;
    }
    for (; i < size && field[i] != ' ' && field[i] != 0; i++) {
        if (field[i] < '0' || field[i] > '7') {
            return -ST_EINVAL;
        }
        value = value << 3 | (uint64_t)(field[i] - '0'); /* 12 digits at most: 36 bits */
    }
    *ret_number = (int64_t)value;
    return 0;
}

static int check_sum(const uint8_t block[FMT_TAR_BLOCK], struct st_err *err)
{
    int64_t wanted;
    int64_t sum = 0;
    int64_t signed_sum = 0; /* some old programs added signed characters */
    for (size_t i = 0; i < FMT_TAR_BLOCK; i++) {
        uint8_t byte = i >= 148 && i < 156 ? ' ' : block[i];
        sum += byte;
        signed_sum += (int8_t)byte;
    }
    int r = fmt_tar_read_number(block + 148, 8, &wanted);
    if (r < 0 || (wanted != sum && wanted != signed_sum)) {
        return st_fail(err, ST_ECORRUPT, "tar: a header's check sum is wrong");
    }
    return 0;
}

static int read_field(const uint8_t *block, size_t at, size_t size, const char *what,
                      uint64_t *ret_number, struct st_err *err)
{
    int64_t number;
    if (fmt_tar_read_number(block + at, size, &number) < 0 || number < 0) {
        return st_fail(err, ST_ECORRUPT, "tar: a header's %s is no number", what);
    }
    *ret_number = (uint64_t)number;
    return 0;
}

int fmt_tar_read_block(const uint8_t block[FMT_TAR_BLOCK], struct fmt_tar_raw *ret_raw,
                       struct st_err *err)
{
    struct fmt_tar_raw raw = {.type = (char)block[156]};
    uint64_t mode = 0;
    int r = check_sum(block, err);
    if (r < 0) {
        return r;
    }
    raw.is_ustar = __builtin_memcmp(block + 257, "ustar\0", 6) == 0;
    raw.is_gnu = __builtin_memcmp(block + 257, "ustar ", 6) == 0;
    if ((r = read_field(block, 100, 8, "mode", &mode, err)) < 0 ||
        (r = read_field(block, 108, 8, "user", &raw.uid, err)) < 0 ||
        (r = read_field(block, 116, 8, "group", &raw.gid, err)) < 0 ||
        (r = read_field(block, 124, 12, "size", &raw.size, err)) < 0) {
        return r;
    }
    raw.mode = (uint32_t)mode & 07777;
    if (fmt_tar_read_number(block + 136, 12, &raw.mtime_s) < 0) {
        return st_fail(err, ST_ECORRUPT, "tar: a header's time is no number");
    }
    if (raw.type == '3' || raw.type == '4') {
        if ((r = read_field(block, 329, 8, "device number", &raw.device_major, err)) < 0 ||
            (r = read_field(block, 337, 8, "device number", &raw.device_minor, err)) < 0) {
            return r;
        }
    }
    *ret_raw = raw;
    return 0;
}

static int take_path(struct fmt_tar *tar, const uint8_t *block, const struct fmt_tar_raw *raw)
{
    st_buf_reset(&tar->path);
    if (tar->has_long_path) {
        st_buf_append(&tar->path, tar->long_path.data, tar->long_path.length);
        return st_buf_status(&tar->path);
    }
    size_t prefix = raw->is_ustar ? field_length(block + 345, 155) : 0;
    if (prefix > 0) {
        st_buf_append(&tar->path, block + 345, prefix);
        st_buf_char(&tar->path, '/');
    }
    st_buf_append(&tar->path, block, field_length(block, 100));
    return st_buf_status(&tar->path);
}

int fmt_tar_block_names(struct fmt_tar *tar, const uint8_t block[FMT_TAR_BLOCK],
                        const struct fmt_tar_raw *raw, struct st_err *err)
{
    int r = take_path(tar, block, raw);
    st_buf_reset(&tar->link);
    if (tar->has_long_link) {
        st_buf_append(&tar->link, tar->long_link.data, tar->long_link.length);
    } else {
        st_buf_append(&tar->link, block + 157, field_length(block + 157, 100));
    }
    if (r == 0) {
        r = st_buf_status(&tar->link);
    }
    tar->has_long_path = false;
    tar->has_long_link = false;
    return r < 0 ? st_fail_os(err, r, "tar: reading a name") : 0;
}
