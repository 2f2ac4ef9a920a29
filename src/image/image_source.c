/* Where images are loaded from: see image_source.h. */
#include "image/image_source.h"

#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/str.h"
#include "image/image_entry.h"
#include "os/os_file.h"

enum {
    MAX_MEMBERS = 1 << 16,
    MAX_LINKS = 8,     /* followed one after the other */
    MAX_OPENED = 1024, /* files of a folder */
    SCAN_BUFFER = 8 << 10,
    SPOOL_BUFFER = 1 << 20,
};

struct member {
    char *name;
    char *link; /* where it points to, as a clean path; NULL: it is a file */
    uint64_t offset;
    uint64_t size;
};

struct image_source {
    int folder_fd; /* or -1 */
    int file_fd;   /* the tar, or -1 */
    bool owns_file;
    char *base;
    size_t count;
    size_t capacity;
    struct member *members;
    struct opened { /* files of the folder */
        char *name;
        int fd;
    } * opened;
    size_t opened_count;
};

struct image_source *image_source_free(struct image_source *source)
{
    if (source == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < source->count; i++) {
        free(source->members[i].name);
        free(source->members[i].link);
    }
    for (size_t i = 0; i < source->opened_count; i++) {
        free(source->opened[i].name);
        os_close(&source->opened[i].fd);
    }
    if (source->owns_file) {
        os_close(&source->file_fd);
    }
    os_close(&source->folder_fd);
    free(source->opened);
    free(source->members);
    free(source->base);
    free(source);
    return NULL;
}

const char *image_source_base(const struct image_source *source)
{
    return source->base;
}

static char *base_of(const char *path)
{
    static const char *const suffixes[] = {".gz", ".zst", ".tgz", ".tar"};
    const char *slash = strrchr(path, '/');
    char *base = strdup(slash == NULL ? path : slash + 1);
    for (size_t i = 0; base != NULL && i < ST_COUNT(suffixes); i++) {
        if (st_ends_with(base, suffixes[i])) {
            base[strlen(base) - strlen(suffixes[i])] = '\0';
        }
    }
    return base;
}

/* ---- Making a regular, plain file of what is none ------------------------------------------ */

static int spool_plain(int fd, const uint8_t *first, size_t have, uint8_t *buffer, int spool_fd,
                       uint64_t max_bytes)
{
    uint64_t total = have;
    int r = os_write_all(spool_fd, first, have);
    while (r == 0) {
        ssize_t got = os_read(fd, buffer, SPOOL_BUFFER);
        if (got <= 0) {
            return (int)got;
        }
        total += (uint64_t)got;
        r = total > max_bytes ? -ST_ELIMIT : os_write_all(spool_fd, buffer, (size_t)got);
    }
    return r;
}

static int spool_inflated(int fd, uint8_t *input, size_t have, uint8_t *buffer, int spool_fd,
                          const struct image_limits *limits, struct image_inflate *inflate)
{
    uint64_t total_in = have;
    uint64_t total = 0;
    size_t at = 0;
    for (;;) {
        size_t used = 0;
        size_t made = 0;
        int r =
            image_inflate_feed(inflate, input + at, have - at, buffer, SPOOL_BUFFER, &used, &made);
        at += used;
        total += made;
        if (r == 0 && made > 0) {
            bool bomb = total > ((uint64_t)1 << 28) && total / limits->max_ratio > total_in;
            r = bomb || total > limits->max_layer_bytes ? -ST_ELIMIT
                                                        : os_write_all(spool_fd, buffer, made);
        }
        if (r < 0) {
            return r;
        }
        if (used > 0 || made > 0) {
            continue;
        }
        ssize_t got = os_read(fd, input, SPOOL_BUFFER);
        if (got <= 0) {
            return got == 0 && !image_inflate_ended(inflate) ? -ST_ECORRUPT : (int)got;
        }
        at = 0;
        have = (size_t)got;
        total_in += (uint64_t)got;
    }
}

static ssize_t read_first(int fd, uint8_t *to, size_t size)
{
    size_t have = 0;
    while (have < size) {
        ssize_t got = os_read(fd, to + have, size - have);
        if (got < 0) {
            return got;
        }
        if (got == 0) {
            break;
        }
        have += (size_t)got;
    }
    return (ssize_t)have;
}

static int spool(int fd, int work_fd, const struct image_limits *limits, int *ret_fd)
{
    st_auto(free) uint8_t *input = malloc(SPOOL_BUFFER);
    st_auto(free) uint8_t *buffer = malloc(SPOOL_BUFFER);
    struct image_inflate *inflate = NULL;
    st_auto(fd) int spool_fd = os_openat(work_fd, ".", O_RDWR | O_TMPFILE, 0600);
    if (spool_fd == -ST_EOPNOTSUPP || spool_fd == -ST_EISDIR) {
        spool_fd = os_openat(work_fd, "spool", O_RDWR | O_CREAT | O_TRUNC, 0600);
    }
    if (input == NULL || buffer == NULL || spool_fd < 0) {
        return spool_fd < 0 ? spool_fd : -ST_ENOMEM;
    }
    ssize_t have = read_first(fd, input, SPOOL_BUFFER);
    if (have < 0) {
        return (int)have;
    }
    enum image_compression compression = image_compression_of(input, (size_t)have);
    int r;
    if (compression == IMAGE_PLAIN) {
        r = spool_plain(fd, input, (size_t)have, buffer, spool_fd, limits->max_layer_bytes);
    } else {
        r = image_inflate_new(compression, &inflate);
        if (r == 0) {
            r = spool_inflated(fd, input, (size_t)have, buffer, spool_fd, limits, inflate);
        }
        image_inflate_free(inflate);
    }
    if (r == 0) {
        *ret_fd = os_take_fd(spool_fd);
    }
    return r;
}

/* ---- The members of an archive ------------------------------------------------------------- */

static int add_member(struct image_source *source, const struct fmt_tar_entry *entry,
                      uint64_t offset, struct st_err *err)
{
    char path[IMAGE_PATH_SIZE];
    if (source->count == MAX_MEMBERS) {
        return st_fail(err, ST_ELIMIT, "the archive has more than %d members", MAX_MEMBERS);
    }
    if (source->count == source->capacity) {
        size_t capacity = 2 * source->capacity + 64;
        void *grown = realloc(source->members, capacity * sizeof(*source->members));
        if (grown == NULL) {
            return st_fail_os(err, -ST_ENOMEM, "reading the archive");
        }
        source->members = grown;
        source->capacity = capacity;
    }
    int r = image_entry_clean(entry->path, path, err);
    if (r < 0) {
        return r;
    }
    struct member *member = &source->members[source->count++];
    *member = (struct member){.name = strdup(path), .offset = offset, .size = entry->size};
    if (entry->type != FMT_TAR_FILE) {
        member->link = strdup(entry->type == FMT_TAR_HARD_LINK ? entry->link : "");
        if (entry->type == FMT_TAR_SYMLINK && member->link != NULL) {
            st_auto(buf) struct st_buf target = ST_BUF_HEAP(2 * (size_t)IMAGE_PATH_SIZE);
            char *slash = strrchr(path, '/');
            int folder = slash == NULL || entry->link[0] == '/' ? 0 : (int)(slash - path);
            st_buf_printf(&target, "%.*s/%s", folder, path, entry->link);
            free(member->link);
            member->link = st_buf_steal(&target);
        }
    }
    return member->name == NULL || (entry->type != FMT_TAR_FILE && member->link == NULL)
               ? st_fail_os(err, -ST_ENOMEM, "reading the archive")
               : 0;
}

static int scan_piece(struct image_source *source, struct fmt_tar *tar, const uint8_t *bytes,
                      size_t size, uint64_t *at, struct st_err *err)
{
    while (size > 0) {
        size_t used = 0;
        int event = fmt_tar_feed(tar, bytes, size, &used, err);
        bytes += used;
        size -= used;
        *at += used;
        if (event == FMT_TAR_ENTRY && tar->entry.sparse) {
            return st_fail(err, ST_EUNSUPPORTED, "%s: an image archive with sparse members",
                           tar->entry.path);
        }
        if (event == FMT_TAR_ENTRY) {
            int r = add_member(source, &tar->entry, *at, err);
            uint64_t skipped = fmt_tar_skip(tar);
            *at += skipped;
            if (r < 0 || skipped >= size) {
                return r < 0 ? r : FMT_TAR_MORE;
            }
            bytes += skipped;
            size -= skipped;
        } else if (event == FMT_TAR_END || event < 0) {
            return event;
        }
    }
    return FMT_TAR_MORE;
}

static int scan(struct image_source *source, struct st_err *err)
{
    uint8_t buffer[SCAN_BUFFER];
    struct stat st;
    uint64_t at = 0;
    int r = os_fstat(source->file_fd, &st);
    if (r < 0) {
        return st_fail_os(err, r, "reading the archive");
    }
    struct fmt_tar *tar = malloc(sizeof(*tar));
    if (tar == NULL) {
        return st_fail_os(err, -ST_ENOMEM, "reading the archive");
    }
    fmt_tar_init(tar, realloc, free);
    r = FMT_TAR_MORE;
    while (r == FMT_TAR_MORE) {
        ssize_t got = os_pread(source->file_fd, buffer, sizeof(buffer), (off_t)at);
        if (got < 0) {
            r = st_fail_os(err, (int)got, "reading the archive");
        } else if (got == 0) {
            r = fmt_tar_finish(tar, err);
            break;
        } else {
            r = scan_piece(source, tar, buffer, (size_t)got, &at, err);
        }
    }
    if (r >= 0 && at > (uint64_t)st.st_size) {
        r = st_fail(err, ST_ECORRUPT, "the archive is torn: its last member is not all there");
    }
    fmt_tar_done(tar);
    free(tar);
    return r < 0 ? r : 0;
}

static int open_archive(struct image_source *source, int fd, int work_fd,
                        const struct image_limits *limits, struct st_err *err)
{
    struct stat st;
    uint8_t magic[IMAGE_MAGIC_BYTES];
    int spooled = -1;
    int r = os_fstat(fd, &st);
    if (r < 0) {
        return st_fail_os(err, r, "reading the archive");
    }
    if (S_ISREG(st.st_mode)) {
        ssize_t got = os_pread(fd, magic, sizeof(magic), 0);
        if (got < 0) {
            return st_fail_os(err, (int)got, "reading the archive");
        }
        if (image_compression_of(magic, (size_t)got) == IMAGE_PLAIN) {
            source->file_fd = fd;
            return scan(source, err);
        }
        (void)os_lseek(fd, 0, SEEK_SET);
    }
    r = spool(fd, work_fd, limits, &spooled);
    if (source->owns_file) {
        os_close(&fd);
    }
    source->file_fd = spooled;
    source->owns_file = true;
    if (r == -ST_ELIMIT) {
        return st_fail(err, ST_ELIMIT,
                       "the archive is refused: it is larger than what the disk has free or the "
                       "limit that was given, or grows as decompression bombs do");
    }
    if (r < 0) {
        return st_fail_os(err, r, "reading the archive");
    }
    return scan(source, err);
}

int image_source_open(const char *path, int fd, int work_fd, const struct image_limits *limits,
                      struct image_source **ret_source, struct st_err *err)
{
    struct stat st;
    struct image_source *source = calloc(1, sizeof(*source));
    if (source == NULL) {
        return st_fail_os(err, -ST_ENOMEM, "reading the archive");
    }
    source->folder_fd = source->file_fd = -1;
    int r = 0;
    if (path != NULL) {
        source->base = base_of(path);
        fd = os_open(path, O_RDONLY | O_NOCTTY, 0);
        if (fd < 0) {
            image_source_free(source);
            return st_fail_os(err, fd, "open %s", path);
        }
        source->owns_file = true;
    }
    r = os_fstat(fd, &st);
    if (r == 0 && S_ISDIR(st.st_mode)) {
        source->folder_fd = path != NULL ? fd : os_openat(fd, ".", O_RDONLY | O_DIRECTORY, 0);
        source->owns_file = false;
    } else {
        r = open_archive(source, fd, work_fd, limits, err);
    }
    if (r < 0) {
        image_source_free(source);
        return r;
    }
    *ret_source = source;
    return 0;
}

/* ---- Looking up ---------------------------------------------------------------------------- */

/* A clean path may have come from "a/b/../c": archives of images link so. Resolves within the
 * archive. */
static bool resolve_dots(const char *path, char ret_path[IMAGE_PATH_SIZE])
{
    size_t length = 0;
    const char *at = path;
    while (*at != '\0') {
        size_t part = strcspn(at, "/");
        if (part == 2 && at[0] == '.' && at[1] == '.') {
            while (length > 0 && ret_path[--length] != '/') {
            }
        } else if (part > 0 && !(part == 1 && at[0] == '.')) {
            if (length + 1 + part >= IMAGE_PATH_SIZE) {
                return false;
            }
            if (length > 0) {
                ret_path[length++] = '/';
            }
            memcpy(ret_path + length, at, part);
            length += part;
        }
        at += part + (at[part] == '/');
    }
    ret_path[length] = '\0';
    return true;
}

static const struct member *find_member(const struct image_source *source, const char *name)
{
    char path[IMAGE_PATH_SIZE];
    const char *wanted = name;
    for (int links = 0; links < MAX_LINKS; links++) {
        const struct member *found = NULL;
        if (!resolve_dots(wanted, path)) {
            return NULL;
        }
        for (size_t i = source->count; i-- > 0 && found == NULL;) { /* the last one counts */
            found = st_streq(source->members[i].name, path) ? &source->members[i] : NULL;
        }
        if (found == NULL || found->link == NULL) {
            return found;
        }
        wanted = found->link;
    }
    return NULL;
}

static int open_in_folder(struct image_source *source, const char *name,
                          struct image_range *ret_range, struct st_err *err)
{
    struct stat st;
    for (size_t i = 0; i < source->opened_count; i++) {
        if (st_streq(source->opened[i].name, name) && os_fstat(source->opened[i].fd, &st) == 0) {
            *ret_range =
                (struct image_range){.fd = source->opened[i].fd, .left = (uint64_t)st.st_size};
            return 0;
        }
    }
    st_auto(fd) int fd = os_openat2(source->folder_fd, name, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0,
                                    RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
    int r = fd < 0 ? fd : os_fstat(fd, &st);
    if (r == -ST_ENOENT) {
        return st_fail(err, ST_ENOTFOUND, "the image has no file %s", name);
    }
    if (r == 0 && !S_ISREG(st.st_mode)) {
        return st_fail(err, ST_EINVAL, "%s is not a regular file", name);
    }
    if (r < 0) {
        return st_fail_os(err, r, "opening %s", name);
    }
    if (source->opened_count == MAX_OPENED) {
        return st_fail(err, ST_ELIMIT, "the image has more than %d files", MAX_OPENED);
    }
    void *grown = realloc(source->opened, (source->opened_count + 1) * sizeof(*source->opened));
    char *copy = strdup(name);
    if (grown != NULL) {
        source->opened = grown;
    }
    if (grown == NULL || copy == NULL) {
        free(copy);
        return st_fail_os(err, -ST_ENOMEM, "opening %s", name);
    }
    *ret_range = (struct image_range){.fd = fd, .left = (uint64_t)st.st_size};
    source->opened[source->opened_count++] = (struct opened){.name = copy, .fd = os_take_fd(fd)};
    return 0;
}

int image_source_find(struct image_source *source, const char *name, struct image_range *ret_range,
                      struct st_err *err)
{
    if (source->folder_fd >= 0) {
        return open_in_folder(source, name, ret_range, err);
    }
    const struct member *member = find_member(source, name);
    if (member == NULL) {
        return st_fail(err, ST_ENOTFOUND, "the archive has no file %s", name);
    }
    *ret_range = (struct image_range){
        .fd = source->file_fd,
        .offset = member->offset,
        .left = member->size,
    };
    return 0;
}

bool image_source_has(struct image_source *source, const char *name)
{
    struct image_range range;
    return image_source_find(source, name, &range, NULL) == 0;
}

int image_source_read(struct image_source *source, const char *name, struct st_buf *to,
                      struct st_err *err)
{
    struct image_range range;
    int r = image_source_find(source, name, &range, err);
    if (r < 0) {
        return r;
    }
    uint64_t size = range.left;
    if (size > to->max || st_buf_reserve(to, size) < 0) {
        return st_fail(err, ST_ELIMIT, "%s of %llu bytes is too large", name,
                       (unsigned long long)size);
    }
    while (range.left > 0) {
        ssize_t got = image_range_read(&range, to->data + to->length, range.left);
        if (got <= 0) {
            return got < 0 ? st_fail_os(err, (int)got, "reading %s", name)
                           : st_fail(err, ST_ECORRUPT, "%s is torn", name);
        }
        st_buf_added(to, (size_t)got);
    }
    return 0;
}
