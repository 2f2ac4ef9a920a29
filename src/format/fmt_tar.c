/*
 * The tar reader's state machine: see fmt_tar.h.
 *
 *     HEADER -> PAYLOAD -> HEADER                        long names, extended headers
 *     HEADER -> [EXTRA | MAP] -> ENTRY -> DATA -> SKIP -> ENTRY_END -> HEADER
 *     HEADER -> ENDED                                    two blocks of zeros
 *
 * Only header blocks, extended headers and sparse maps are copied; file data is handed out where it
 * lies.
 */
#include "format/fmt_tar_priv.h"

#include "base/str.h"

enum state {
    STATE_HEADER,
    STATE_PAYLOAD,
    STATE_EXTRA, /* a block of the map of an old GNU sparse file */
    STATE_MAP,   /* a block of the map of a sparse file in format 1.0 */
    STATE_ENTRY,
    STATE_DATA,
    STATE_SKIP, /* `left` bytes, then on to after_padding */
    STATE_ENTRY_END,
    STATE_ENDED,
};

void fmt_tar_init(struct fmt_tar *tar, void *(*resize)(void *old, size_t size),
                  void (*release)(void *old))
{
    const struct st_buf name = {.max = FMT_TAR_MAX_NAME, .resize = resize, .release = release};
    *tar = (struct fmt_tar){.state = STATE_HEADER};
    tar->path = tar->link = tar->long_path = tar->long_link = tar->pax = tar->global = name;
    tar->map = tar->regions = name;
    tar->long_path.max = tar->long_link.max = FMT_TAR_MAX_NAME + FMT_TAR_BLOCK;
    tar->pax.max = FMT_TAR_MAX_PAX;
    tar->global.max = FMT_TAR_MAX_GLOBAL;
    tar->map.max = 4 * FMT_TAR_BLOCK;
    tar->regions.max = FMT_TAR_MAX_REGIONS * sizeof(struct fmt_tar_region);
    tar->entry.xattrs = tar->xattrs;
}

void fmt_tar_done(struct fmt_tar *tar)
{
    struct st_buf *const all[] = {
        &tar->path, &tar->link,   &tar->long_path, &tar->long_link,
        &tar->pax,  &tar->global, &tar->map,       &tar->regions,
    };
    for (size_t i = 0; i < ST_COUNT(all); i++) {
        st_buf_done(all[i]);
    }
}

static void skip(struct fmt_tar *tar, uint64_t bytes, enum state then)
{
    tar->left = bytes;
    tar->after_padding = then;
    tar->state = bytes > 0 ? STATE_SKIP : then;
}

static uint64_t padding_of(uint64_t size)
{
    return (FMT_TAR_BLOCK - size % FMT_TAR_BLOCK) % FMT_TAR_BLOCK;
}

/* Headers that say something about the next one. */
static int begin_payload(struct fmt_tar *tar, const struct fmt_tar_raw *raw, struct st_err *err)
{
    switch (raw->type) {
    case 'L':
        tar->payload = &tar->long_path;
        break;
    case 'K':
        tar->payload = &tar->long_link;
        break;
    case 'g':
        tar->payload = &tar->global;
        break;
    default:
        tar->payload = &tar->pax;
        break;
    }
    if (raw->type != 'g') {
        st_buf_reset(tar->payload);
    }
    if (raw->size > tar->payload->max - tar->payload->length) {
        return st_fail(err, ST_ELIMIT, "tar: an extended header or name of %llu bytes is too long",
                       (unsigned long long)raw->size);
    }
    tar->payload_type = raw->type;
    tar->left = raw->size;
    tar->padding = padding_of(raw->size);
    tar->state = STATE_PAYLOAD;
    return 0;
}

static void end_payload(struct fmt_tar *tar)
{
    if (tar->payload_type == 'L' || tar->payload_type == 'K') {
        bool is_path = tar->payload_type == 'L';
        tar->payload->length = st_strlen(st_buf_string(tar->payload));
        *(is_path ? &tar->has_long_path : &tar->has_long_link) = tar->payload->length > 0;
    } else if (tar->payload_type != 'g') {
        tar->has_pax = tar->payload->length > 0;
    }
    skip(tar, tar->padding, STATE_HEADER);
}

static int type_of(const struct fmt_tar *tar, const struct fmt_tar_raw *raw,
                   enum fmt_tar_type *ret_type, struct st_err *err)
{
    static const struct {
        char flag;
        enum fmt_tar_type type;
    } types[] = {
        {'0', FMT_TAR_FILE},   {'\0', FMT_TAR_FILE},        {'7', FMT_TAR_FILE},
        {'S', FMT_TAR_FILE},   {'1', FMT_TAR_HARD_LINK},    {'2', FMT_TAR_SYMLINK},
        {'3', FMT_TAR_CHAR},   {'4', FMT_TAR_BLOCK_DEVICE}, {'5', FMT_TAR_FOLDER},
        {'D', FMT_TAR_FOLDER}, {'6', FMT_TAR_FIFO},
    };
    for (size_t i = 0; i < ST_COUNT(types); i++) {
        if (types[i].flag == raw->type) {
            *ret_type = types[i].type;
            /* Archives older than POSIX mark a folder by its name alone. */
            if (*ret_type == FMT_TAR_FILE && st_ends_with(st_buf_string(&tar->path), "/")) {
                *ret_type = FMT_TAR_FOLDER;
            }
            return 0;
        }
    }
    return st_fail(err, ST_EUNSUPPORTED, "tar: %s: entries of type %c are not supported",
                   st_buf_string(&tar->path), raw->type > ' ' && raw->type < 127 ? raw->type : '?');
}

static int check_entry(struct fmt_tar *tar, struct st_err *err)
{
    struct fmt_tar_entry *entry = &tar->entry;
    entry->path = st_buf_string(&tar->path);
    entry->link = st_buf_string(&tar->link);
    if (entry->path[0] == '\0') {
        return st_fail(err, ST_ECORRUPT, "tar: an entry has no name");
    }
    if (entry->type != FMT_TAR_HARD_LINK && entry->type != FMT_TAR_SYMLINK) {
        entry->link = "";
    } else if (entry->link[0] == '\0') {
        return st_fail(err, ST_ECORRUPT, "tar: %s: a link to nothing", entry->path);
    }
    if (entry->uid == UINT32_MAX || entry->gid == UINT32_MAX) {
        return st_fail(err, ST_ECORRUPT, "tar: %s: no such user or group can be", entry->path);
    }
    return 0;
}

static uint32_t id_of(uint64_t number)
{
    return number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

/* What the map says comes after it is known: now, or after EXTRA or MAP blocks. */
static int begin_data(struct fmt_tar *tar, struct st_err *err)
{
    tar->region = 0;
    tar->region_done = 0;
    tar->stored_bytes = tar->left;
    tar->padding = padding_of(tar->left);
    tar->state = STATE_ENTRY;
    return tar->entry.sparse ? fmt_tar_check_regions(tar, err) : 0;
}

static int begin_file(struct fmt_tar *tar, const struct fmt_tar_raw *raw,
                      const struct fmt_tar_extended *extended, struct st_err *err)
{
    int64_t real_size;
    tar->left = extended->has_size ? extended->size : raw->size;
    tar->real_size = extended->has_real_size ? extended->real_size : tar->left;
    tar->entry.sparse = extended->is_sparse || raw->type == 'S';
    tar->entry.size = tar->real_size;
    if (raw->type == 'S') {
        if (fmt_tar_read_number(tar->block + 483, 12, &real_size) < 0 || real_size < 0) {
            return st_fail(err, ST_ECORRUPT, "tar: a sparse map is damaged");
        }
        st_buf_reset(&tar->regions);
        tar->real_size = tar->entry.size = (uint64_t)real_size;
        int r = fmt_tar_old_regions(tar, tar->block + 386, 4, err);
        if (r < 0 || tar->block[482] != 0) {
            tar->state = STATE_EXTRA;
            return r;
        }
    } else if (extended->is_sparse && extended->sparse_major == 1) {
        st_buf_reset(&tar->map);
        st_buf_reset(&tar->regions);
        tar->has_map_count = false;
        tar->state = STATE_MAP;
        return 0;
    }
    return begin_data(tar, err);
}

static int begin_entry(struct fmt_tar *tar, const struct fmt_tar_raw *raw, struct st_err *err)
{
    struct fmt_tar_entry *entry = &tar->entry;
    struct fmt_tar_extended extended = {0};
    *entry = (struct fmt_tar_entry){
        .mode = raw->mode,
        .uid = id_of(raw->uid),
        .gid = id_of(raw->gid),
        .mtime_s = raw->mtime_s,
        .xattrs = tar->xattrs,
    };
    if (raw->device_major > UINT32_MAX || raw->device_minor > UINT32_MAX) {
        return st_fail(err, ST_ECORRUPT, "tar: no such device number can be");
    }
    entry->device_major = (uint32_t)raw->device_major;
    entry->device_minor = (uint32_t)raw->device_minor;
    st_buf_reset(&tar->regions);
    int r = fmt_tar_block_names(tar, tar->block, raw, err);
    if (r < 0 || (r = fmt_tar_apply_pax(tar, &extended, err)) < 0 ||
        (r = type_of(tar, raw, &entry->type, err)) < 0 || (r = check_entry(tar, err)) < 0) {
        return r;
    }
    tar->entries++;
    if (entry->type == FMT_TAR_FILE) {
        return begin_file(tar, raw, &extended, err);
    }
    /* Links, devices and folders have no data whatever their size says, but for GNU's folder
     * listings and for folders that are marked as files. */
    tar->left = 0;
    if (entry->type == FMT_TAR_FOLDER && raw->type != '5') {
        tar->left = extended.has_size ? extended.size : raw->size;
    }
    return begin_data(tar, err);
}

static bool is_zero(const uint8_t block[FMT_TAR_BLOCK])
{
    uint8_t any = 0;
    for (size_t i = 0; i < FMT_TAR_BLOCK; i++) {
        any |= block[i];
    }
    return any == 0;
}

static int read_header(struct fmt_tar *tar, struct st_err *err)
{
    struct fmt_tar_raw raw;
    if (tar->block[0] == 0 && is_zero(tar->block)) {
        tar->zero_blocks++;
        if (tar->zero_blocks == 2) {
            tar->state = STATE_ENDED;
        }
        return 0;
    }
    if (tar->zero_blocks > 0) {
        return st_fail(err, ST_ECORRUPT, "tar: a block of zeros stands between entries");
    }
    int r = fmt_tar_read_block(tar->block, &raw, err);
    if (r < 0) {
        return r;
    }
    if (raw.type == 'L' || raw.type == 'K' || raw.type == 'g' || raw.type == 'x' ||
        raw.type == 'X') {
        return begin_payload(tar, &raw, err);
    }
    return begin_entry(tar, &raw, err);
}

static int read_extra(struct fmt_tar *tar, struct st_err *err)
{
    int r = fmt_tar_old_regions(tar, tar->block, 21, err);
    if (r < 0 || tar->block[504] != 0) {
        return r;
    }
    return begin_data(tar, err);
}

static int read_map_block(struct fmt_tar *tar, struct st_err *err)
{
    if (tar->left < FMT_TAR_BLOCK) {
        return st_fail(err, ST_ECORRUPT, "tar: a sparse map is longer than its file");
    }
    tar->left -= FMT_TAR_BLOCK;
    if (st_buf_append(&tar->map, tar->block, FMT_TAR_BLOCK) < 0) {
        return st_fail(err, ST_ECORRUPT, "tar: a sparse map is damaged");
    }
    int r = fmt_tar_read_map(tar, err);
    return r <= 0 ? r : begin_data(tar, err);
}

/* Fills the block; true when it is complete. */
static bool gather(struct fmt_tar *tar, const uint8_t *bytes, size_t size, size_t *ret_used)
{
    size_t part = ST_MIN(size, FMT_TAR_BLOCK - tar->block_used);
    __builtin_memcpy(tar->block + tar->block_used, bytes, part);
    tar->block_used += part;
    *ret_used = part;
    if (tar->block_used < FMT_TAR_BLOCK) {
        return false;
    }
    tar->block_used = 0;
    return true;
}

static int take_payload(struct fmt_tar *tar, const uint8_t *bytes, size_t size, size_t *ret_used,
                        struct st_err *err)
{
    size_t part = (size_t)ST_MIN((uint64_t)size, tar->left);
    st_buf_append(tar->payload, bytes, part);
    int r = st_buf_status(tar->payload);
    if (r < 0) {
        return st_fail_os(err, r, "tar: reading an extended header");
    }
    *ret_used = part;
    tar->left -= part;
    if (tar->left == 0) {
        end_payload(tar);
    }
    return 0;
}

/* Sets tar->data to the next run of bytes that belong together. */
static size_t take_data(struct fmt_tar *tar, const uint8_t *bytes, size_t size)
{
    uint64_t part = ST_MIN((uint64_t)size, tar->left);
    tar->data.offset = tar->stored_bytes - tar->left;
    if (tar->entry.sparse) { /* the map was checked to be as long as the data */
        const struct fmt_tar_region *regions = (const void *)tar->regions.data;
        while (tar->region_done == regions[tar->region].size) {
            tar->region++;
            tar->region_done = 0;
        }
        part = ST_MIN(part, regions[tar->region].size - tar->region_done);
        tar->data.offset = regions[tar->region].offset + tar->region_done;
        tar->region_done += part;
    }
    tar->data.bytes = bytes;
    tar->data.size = (size_t)part;
    tar->left -= part;
    return (size_t)part;
}

/* One step within a state that reads input; size > 0. Returns an event or an error. */
static int step(struct fmt_tar *tar, const uint8_t *bytes, size_t size, size_t *ret_used,
                struct st_err *err)
{
    int r = 0;
    switch (tar->state) {
    case STATE_HEADER:
        r = gather(tar, bytes, size, ret_used) ? read_header(tar, err) : 0;
        break;
    case STATE_PAYLOAD:
        r = take_payload(tar, bytes, size, ret_used, err);
        break;
    case STATE_EXTRA:
        r = gather(tar, bytes, size, ret_used) ? read_extra(tar, err) : 0;
        break;
    case STATE_MAP:
        r = gather(tar, bytes, size, ret_used) ? read_map_block(tar, err) : 0;
        break;
    case STATE_DATA:
        *ret_used = take_data(tar, bytes, size);
        return tar->entry.type == FMT_TAR_FILE ? FMT_TAR_DATA : FMT_TAR_MORE;
    case STATE_SKIP:
        *ret_used = (size_t)ST_MIN((uint64_t)size, tar->left);
        tar->left -= *ret_used;
        tar->state = tar->left > 0 ? STATE_SKIP : tar->after_padding;
        break;
    default:
        *ret_used = size;
        break;
    }
    return r < 0 ? r : FMT_TAR_MORE;
}

/* Steps that need no input: true when there is an event. */
static bool event_without_input(struct fmt_tar *tar, int *ret_event)
{
    switch (tar->state) {
    case STATE_ENTRY:
        tar->state = STATE_DATA;
        *ret_event = FMT_TAR_ENTRY;
        return true;
    case STATE_ENTRY_END:
        tar->state = STATE_HEADER;
        *ret_event = FMT_TAR_ENTRY_END;
        return true;
    case STATE_ENDED:
        *ret_event = FMT_TAR_END;
        return true;
    default:
        return false;
    }
}

int fmt_tar_feed(struct fmt_tar *tar, const uint8_t *bytes, size_t size, size_t *ret_used,
                 struct st_err *err)
{
    size_t used = 0;
    int event = FMT_TAR_MORE;
    for (;;) {
        if (tar->state == STATE_DATA && tar->left == 0) {
            skip(tar, tar->padding, STATE_ENTRY_END);
        }
        if (tar->state == STATE_PAYLOAD && tar->left == 0) {
            end_payload(tar);
        }
        if (event_without_input(tar, &event) || used == size) {
            break;
        }
        size_t part = 0;
        event = step(tar, bytes + used, size - used, &part, err);
        used += part;
        if (event != FMT_TAR_MORE) {
            break;
        }
    }
    *ret_used = used;
    return event;
}

uint64_t fmt_tar_skip(struct fmt_tar *tar)
{
    uint64_t bytes = tar->state == STATE_DATA ? tar->left : 0;
    tar->left -= bytes;
    return bytes;
}

int fmt_tar_finish(const struct fmt_tar *tar, struct st_err *err)
{
    if (tar->state == STATE_ENDED ||
        (tar->state == STATE_HEADER && tar->block_used == 0 && !tar->has_pax &&
         !tar->has_long_path && !tar->has_long_link)) {
        return 0;
    }
    return st_fail(err, ST_ECORRUPT, "tar: the archive ends in the middle of an entry");
}
