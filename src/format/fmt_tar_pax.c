/*
 * Extended headers: records "LENGTH KEY=VALUE\n", where LENGTH counts the whole record, itself
 * included (POSIX.1-2017 pax, "pax Extended Header"); and GNU's sparse maps, which live in them.
 */
#include "format/fmt_tar_priv.h"

#include "base/str.h"

struct record {
    const char *key;
    size_t key_length;
    char *value; /* ends with a zero in place of the record's newline */
    size_t value_length;
};

static int bad_record(struct st_err *err)
{
    return st_fail(err, ST_ECORRUPT, "tar: an extended header is damaged");
}

/* Splits the record at *at off; the text is the buffer's own, so ends of values may become zeros. A
 * second reading (of a global header) finds these zeros where newlines were. */
static int next_record(char **at, char *end, struct record *ret_record, struct st_err *err)
{
    char *p = *at;
    size_t length = 0;
    while (p < end && *p >= '0' && *p <= '9' && length <= FMT_TAR_MAX_PAX) {
        length = length * 10 + (size_t)(*p++ - '0');
    }
    if (p == *at || p == end || *p != ' ' || length > (size_t)(end - *at)) {
        return bad_record(err);
    }
    char *stop = *at + length - 1; /* the newline */
    char *key = p + 1;
    if (length == 0 || stop <= key || (*stop != '\n' && *stop != '\0')) {
        return bad_record(err);
    }
    char *equals = key;
    while (equals < stop && *equals != '=') {
        equals++;
    }
    if (equals == stop || equals == key) {
        return bad_record(err);
    }
    *stop = '\0';
    *ret_record = (struct record){
        .key = key,
        .key_length = (size_t)(equals - key),
        .value = equals + 1,
        .value_length = (size_t)(stop - equals - 1),
    };
    *at = stop + 1;
    return 0;
}

static bool key_is(const struct record *record, const char *key)
{
    return st_strlen(key) == record->key_length &&
           __builtin_memcmp(record->key, key, record->key_length) == 0;
}

static int take_name(struct st_buf *to, const struct record *record, struct st_err *err)
{
    if (st_strlen(record->value) != record->value_length) {
        return bad_record(err);
    }
    st_buf_reset(to);
    st_buf_append(to, record->value, record->value_length);
    int r = st_buf_status(to);
    return r < 0 ? st_fail_os(err, r, "tar: reading a name") : 0;
}

static int take_number(const struct record *record, uint64_t max, uint64_t *ret_number,
                       struct st_err *err)
{
    if (st_strlen(record->value) != record->value_length ||
        st_parse_u64(record->value, 10, max, ret_number) < 0) {
        return bad_record(err);
    }
    return 0;
}

static int take_time(struct fmt_tar_entry *entry, const struct record *record, struct st_err *err)
{
    char *dot = record->value;
    uint32_t ns = 0;
    uint32_t unit = 100000000;
    while (*dot != '\0' && *dot != '.') {
        dot++;
    }
    if (*dot == '.') {
        for (const char *p = dot + 1; *p != '\0'; p++, unit /= 10) {
            if (*p < '0' || *p > '9') {
                return bad_record(err);
            }
            ns += (uint32_t)(*p - '0') * unit;
        }
        *dot = '\0';
    }
    int64_t seconds;
    int r = st_parse_i64(record->value, INT64_MIN / 4, INT64_MAX / 4, &seconds);
    if (dot < record->value + record->value_length) {
        *dot = '.';
    }
    if (r < 0) {
        return bad_record(err);
    }
    if (record->value[0] == '-' && ns > 0) { /* -1.25 is 0.75 after -2 */
        seconds -= 1;
        ns = 1000000000 - ns;
    }
    entry->mtime_s = seconds;
    entry->mtime_ns = ns;
    return 0;
}

static int take_xattr(struct fmt_tar *tar, const struct record *record, size_t prefix,
                      struct st_err *err)
{
    char *name = (char *)(uintptr_t)record->key + prefix;
    char *equals = record->value - 1;
    size_t length = record->key_length - prefix;
    if (length == 0 || length > 255 || record->value_length > FMT_TAR_MAX_XATTR ||
        tar->entry.xattr_count == FMT_TAR_MAX_XATTRS) {
        return st_fail(err, ST_ELIMIT, "tar: %s: too many or too long extended attributes",
                       st_buf_string(&tar->path));
    }
    for (size_t i = 0; i < length; i++) {
        if (name[i] == '\0') {
            return bad_record(err);
        }
    }
    *equals = '\0';
    tar->xattrs[tar->entry.xattr_count++] = (struct fmt_tar_xattr){
        .name = name,
        .value = (const uint8_t *)record->value,
        .size = record->value_length,
    };
    return 0;
}

int fmt_tar_add_region(struct fmt_tar *tar, uint64_t offset, uint64_t size)
{
    const struct fmt_tar_region region = {.offset = offset, .size = size};
    return st_buf_append(&tar->regions, &region, sizeof(region));
}

/* Format 0.1: "OFFSET,SIZE,OFFSET,SIZE...". */
static int take_map(struct fmt_tar *tar, const struct record *record, struct st_err *err)
{
    uint64_t pair[2] = {0};
    unsigned which = 0;
    bool has_digit = false;
    st_buf_reset(&tar->regions);
    for (size_t i = 0; i <= record->value_length; i++) {
        char c = i < record->value_length ? record->value[i] : ',';
        if (c >= '0' && c <= '9') {
            if (pair[which] > (UINT64_MAX - 9) / 10) {
                return bad_record(err);
            }
            pair[which] = pair[which] * 10 + (uint64_t)(c - '0');
            has_digit = true;
            continue;
        }
        if (c != ',' || !has_digit) {
            return record->value_length == 0 ? 0 : bad_record(err);
        }
        if (which == 1 && fmt_tar_add_region(tar, pair[0], pair[1]) < 0) {
            return st_fail(err, ST_ELIMIT, "tar: a sparse file has too many regions");
        }
        if (which == 1) {
            pair[0] = pair[1] = 0;
        }
        which ^= 1;
        has_digit = false;
    }
    return which == 0 ? 0 : bad_record(err);
}

static int apply_sparse(struct fmt_tar *tar, struct fmt_tar_extended *extended,
                        const struct record *record, const char *key, struct st_err *err)
{
    uint64_t number;
    extended->is_sparse = true;
    if (st_streq(key, "name")) {
        extended->has_sparse_name = true;
        return take_name(&tar->path, record, err);
    }
    if (st_streq(key, "map")) {
        return take_map(tar, record, err);
    }
    int r = take_number(record, INT64_MAX, &number, err);
    if (r < 0) {
        return r;
    }
    if (st_streq(key, "major")) {
        extended->sparse_major = number;
    } else if (st_streq(key, "size") || st_streq(key, "realsize")) {
        extended->has_real_size = true;
        extended->real_size = number;
    } else if (st_streq(key, "offset")) {
        extended->has_offset = true;
        extended->offset = number;
    } else if (st_streq(key, "numbytes")) {
        if (!extended->has_offset || fmt_tar_add_region(tar, extended->offset, number) < 0) {
            return bad_record(err);
        }
        extended->has_offset = false;
    }
    return 0;
}

static int apply_plain(struct fmt_tar *tar, struct fmt_tar_extended *extended,
                       const struct record *record, struct st_err *err)
{
    uint64_t number;
    int r = 0;
    if (record->value_length == 0) {
        return 0; /* an empty value takes a global record back; there is nothing to apply */
    }
    if (key_is(record, "path")) {
        return extended->has_sparse_name ? 0 : take_name(&tar->path, record, err);
    }
    if (key_is(record, "linkpath")) {
        return take_name(&tar->link, record, err);
    }
    if (key_is(record, "mtime")) {
        return take_time(&tar->entry, record, err);
    }
    if (key_is(record, "size")) {
        r = take_number(record, INT64_MAX, &number, err);
        if (r == 0) {
            extended->has_size = true;
            extended->size = number;
        }
    } else if (key_is(record, "uid")) {
        r = take_number(record, UINT32_MAX - 1, &number, err);
        if (r == 0) {
            tar->entry.uid = (uint32_t)number;
        }
    } else if (key_is(record, "gid")) {
        r = take_number(record, UINT32_MAX - 1, &number, err);
        if (r == 0) {
            tar->entry.gid = (uint32_t)number;
        }
    }
    return r;
}

static int apply_record(struct fmt_tar *tar, struct fmt_tar_extended *extended,
                        const struct record *record, struct st_err *err)
{
    static const char xattr[] = "SCHILY.xattr.";
    static const char sparse[] = "GNU.sparse.";
    const size_t xattr_length = sizeof(xattr) - 1;
    const size_t sparse_length = sizeof(sparse) - 1;
    char key[16];
    if (record->key_length > xattr_length &&
        __builtin_memcmp(record->key, xattr, xattr_length) == 0) {
        return take_xattr(tar, record, xattr_length, err);
    }
    if (record->key_length > sparse_length &&
        __builtin_memcmp(record->key, sparse, sparse_length) == 0) {
        size_t length = record->key_length - sparse_length;
        if (length >= sizeof(key)) {
            return 0;
        }
        __builtin_memcpy(key, record->key + sparse_length, length);
        key[length] = '\0';
        return apply_sparse(tar, extended, record, key, err);
    }
    return apply_plain(tar, extended, record, err);
}

static int apply_all(struct fmt_tar *tar, struct st_buf *records, struct fmt_tar_extended *extended,
                     struct st_err *err)
{
    char *at = records->data;
    char *end = at + records->length;
    while (at < end) {
        struct record record = {0};
        int r = next_record(&at, end, &record, err);
        if (r == 0) {
            r = apply_record(tar, extended, &record, err);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int fmt_tar_apply_pax(struct fmt_tar *tar, struct fmt_tar_extended *extended, struct st_err *err)
{
    int r = 0;
    if (tar->global.length > 0) {
        r = apply_all(tar, &tar->global, extended, err);
        /* Attributes were cut in place: a global header gives its '=' back for the next entry. */
        for (size_t i = 0; i < tar->entry.xattr_count; i++) {
            char *equals = (char *)(uintptr_t)tar->xattrs[i].value - 1;
            *equals = '=';
        }
        tar->entry.xattr_count = 0;
    }
    if (r == 0 && tar->has_pax) {
        r = apply_all(tar, &tar->pax, extended, err);
    }
    tar->has_pax = false;
    return r;
}

int fmt_tar_old_regions(struct fmt_tar *tar, const uint8_t *at, unsigned count, struct st_err *err)
{
    for (unsigned i = 0; i < count; i++, at += 24) {
        int64_t offset;
        int64_t size;
        if (at[0] == 0 && at[12] == 0) {
            return 0; /* unused from here on */
        }
        if (fmt_tar_read_number(at, 12, &offset) < 0 || offset < 0 ||
            fmt_tar_read_number(at + 12, 12, &size) < 0 || size < 0) {
            return st_fail(err, ST_ECORRUPT, "tar: a sparse map is damaged");
        }
        if (fmt_tar_add_region(tar, (uint64_t)offset, (uint64_t)size) < 0) {
            return st_fail(err, ST_ELIMIT, "tar: a sparse file has too many regions");
        }
    }
    return 0;
}

/* One decimal line of a map at *at: 1, 0 when the line isn't complete, or an error. */
static int map_line(const struct fmt_tar *tar, size_t *at, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = *at; i < tar->map.length; i++) {
        char c = tar->map.data[i];
        if (c == '\n' && i > *at) {
            *at = i + 1;
            *ret_number = number;
            return 1;
        }
        if (c < '0' || c > '9' || i - *at > 19 || number > (UINT64_MAX - 9) / 10) {
            return -ST_ECORRUPT;
        }
        number = number * 10 + (uint64_t)(c - '0');
    }
    return 0;
}

int fmt_tar_read_map(struct fmt_tar *tar, struct st_err *err)
{
    size_t at = 0; /* what is before it has been understood */
    int r = 1;
    if (!tar->has_map_count) {
        r = map_line(tar, &at, &tar->map_left);
        tar->has_map_count = r == 1;
        if (r == 1 && tar->map_left > FMT_TAR_MAX_REGIONS) {
            return st_fail(err, ST_ELIMIT, "tar: a sparse file has too many regions");
        }
    }
    while (r == 1 && tar->map_left > 0) {
        size_t next = at;
        uint64_t offset;
        uint64_t size;
        r = map_line(tar, &next, &offset);
        if (r == 1) {
            r = map_line(tar, &next, &size);
        }
        if (r == 1 && fmt_tar_add_region(tar, offset, size) < 0) {
            return st_fail(err, ST_ENOMEM, "tar: out of memory for a sparse map");
        }
        if (r == 1) {
            at = next;
            tar->map_left--;
        }
    }
    if (r < 0) {
        return st_fail(err, ST_ECORRUPT, "tar: a sparse map is damaged");
    }
    tar->map.length -= at;
    __builtin_memmove(tar->map.data, tar->map.data + at, tar->map.length);
    return r;
}

int fmt_tar_check_regions(const struct fmt_tar *tar, struct st_err *err)
{
    const struct fmt_tar_region *regions = (const void *)tar->regions.data;
    size_t count = tar->regions.length / sizeof(*regions);
    uint64_t at = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (regions[i].offset < at || regions[i].offset > tar->real_size ||
            regions[i].size > tar->real_size - regions[i].offset) {
            return st_fail(err, ST_ECORRUPT, "tar: %s: the sparse map is no ascending map of it",
                           st_buf_string(&tar->path));
        }
        at = regions[i].offset + regions[i].size;
        bytes += regions[i].size;
    }
    if (bytes != tar->left) {
        return st_fail(err, ST_ECORRUPT, "tar: %s: the sparse map is not as long as its data",
                       st_buf_string(&tar->path));
    }
    return 0;
}
