/*
 * Unpacking a tar stream into a folder: see arc_tar.h. The archive is not trusted and neither is
 * the folder, which a running instance may be changing: every parent is opened beneath the folder
 * without following a link, and nodes are made in it by their last name.
 */
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "archive/arc_tar.h"
#include "base/print.h"
#include "base/str.h"
#include "format/fmt_tar.h"
#include "os/os_dir.h"
#include "os/os_file.h"

enum { PATH_SIZE = FMT_TAR_MAX_NAME * 2, CHUNK = 65536 };

#define BENEATH (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

struct unpack {
    const struct arc_unpack *how;
    struct fmt_tar tar;
    int file; /* being written */
    char path[PATH_SIZE];
};

/* Clean and renamed; an empty text is the folder itself. */
static int clean_path(const struct unpack *u, const char *path, char *to)
{
    size_t n = 0;
    bool first = true;

    to[0] = 0;
    for (const char *at = path; *at != 0;) {
        size_t length = strcspn(at, "/");
        bool dot = length == 1 && at[0] == '.';

        if (length == 2 && at[0] == '.' && at[1] == '.') {
            return -ST_EINVAL;
        }
        if (length > 0 && !dot) {
            const char *part = first && u->how->as != NULL ? u->how->as : at;
            size_t part_length = part == at ? length : strlen(part);
            if (n + part_length + 2 > PATH_SIZE) {
                return -ST_ENAMETOOLONG;
            }
            if (n > 0) {
                to[n++] = '/';
            }
            memcpy(to + n, part, part_length);
            n += part_length;
            to[n] = 0;
            first = false;
        }
        at += length;
        at += *at == '/';
    }
    return 0;
}

static int open_beneath(const struct unpack *u, const char *path)
{
    return os_openat2(u->how->into, path[0] == 0 ? "." : path, O_RDONLY | O_DIRECTORY, 0, BENEATH);
}

/* The folder that path's last part is in, made if it is missing; *ret_name: the last part. */
static int open_parent(const struct unpack *u, char *path, const char **ret_name)
{
    char *slash = strrchr(path, '/');

    *ret_name = slash == NULL ? path : slash + 1;
    if (slash == NULL) {
        return open_beneath(u, "");
    }
    *slash = 0;
    int fd = open_beneath(u, path);
    if (fd == -ST_ENOENT) {
        const char *name;
        st_auto(free) char *copy = strdup(path);
        if (copy == NULL) {
            return -ST_ENOMEM;
        }
        st_auto(fd) int above = open_parent(u, copy, &name);
        int r = above < 0 ? above : os_mkdirat(above, name, 0755);
        fd = r < 0 && r != -ST_EEXIST ? r : open_beneath(u, path);
    }
    *slash = '/';
    return fd;
}

static int set_attributes(const struct unpack *u, int dir, const char *name)
{
    const struct fmt_tar_entry *e = &u->tar.entry;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                      {.tv_sec = e->mtime_s, .tv_nsec = e->mtime_ns}};
    bool keep = u->how->keep_owner;
    int r = os_fchownat(dir, name, keep ? e->uid : u->how->uid, keep ? e->gid : u->how->gid,
                        AT_SYMLINK_NOFOLLOW);

    if (r >= 0 && e->type != FMT_TAR_SYMLINK) {
        r = os_fchmodat(dir, name, e->mode);
    }
    return r < 0 ? r : os_utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
}

static int make_folder(const struct unpack *u, int dir, const char *name)
{
    struct stat stat;
    int r = os_mkdirat(dir, name, 0700);

    if (r == -ST_EEXIST) { /* One that is there keeps its own attributes, as docker does. */
        r = os_fstatat(dir, name, &stat, AT_SYMLINK_NOFOLLOW);
        return r < 0 ? r : S_ISDIR(stat.st_mode) ? 0 : -ST_ENOTDIR;
    }
    return r < 0 ? r : set_attributes(u, dir, name);
}

/* Makes a node that is no folder in the place of one that is none either. */
static int make_node(struct unpack *u, int dir, const char *name)
{
    static const mode_t kinds[] = {
        [FMT_TAR_CHAR] = S_IFCHR, [FMT_TAR_BLOCK_DEVICE] = S_IFBLK, [FMT_TAR_FIFO] = S_IFIFO};
    const struct fmt_tar_entry *e = &u->tar.entry;
    char link[PATH_SIZE];
    int r = os_unlinkat(dir, name, 0);

    if (r < 0 && r != -ST_ENOENT) {
        return r;
    }
    switch (e->type) {
    case FMT_TAR_FILE:
        u->file = os_openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
        return u->file < 0 ? u->file : set_attributes(u, dir, name);
    case FMT_TAR_SYMLINK:
        r = os_symlinkat(e->link, dir, name);
        break;
    case FMT_TAR_HARD_LINK: {
        const char *other;
        r = clean_path(u, e->link, link);
        st_auto(fd) int from = r < 0 ? r : open_parent(u, link, &other);
        return from < 0 ? from : os_linkat(from, other, dir, name, 0);
    }
    case FMT_TAR_CHAR:
    case FMT_TAR_BLOCK_DEVICE:
    case FMT_TAR_FIFO:
        r = os_mknodat(dir, name, kinds[e->type] | 0600, makedev(e->device_major, e->device_minor));
        break;
    case FMT_TAR_FOLDER:
        return make_folder(u, dir, name);
    }
    return r < 0 ? r : set_attributes(u, dir, name);
}

static int begin_entry(struct unpack *u)
{
    const char *name;
    int r = clean_path(u, u->tar.entry.path, u->path);

    if (r < 0 || u->path[0] == 0) {
        return r;
    }
    st_auto(fd) int dir = open_parent(u, u->path, &name);
    if (dir < 0) {
        return dir;
    }
    return u->tar.entry.type == FMT_TAR_FOLDER ? make_folder(u, dir, name)
                                               : make_node(u, dir, name);
}

static int write_data(const struct unpack *u)
{
    const uint8_t *bytes = u->tar.data.bytes;
    uint64_t at = u->tar.data.offset;
    size_t left = u->tar.data.size;

    while (left > 0 && u->file >= 0) {
        ssize_t n = os_pwrite(u->file, bytes, left, (off_t)at);
        if (n < 0) {
            return (int)n;
        }
        bytes += n;
        at += (uint64_t)n;
        left -= (size_t)n;
    }
    return 0;
}

static int end_entry(struct unpack *u)
{
    const struct fmt_tar_entry *e = &u->tar.entry;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                      {.tv_sec = e->mtime_s, .tv_nsec = e->mtime_ns}};
    int r = 0;

    if (u->file >= 0) {
        r = e->sparse ? os_ftruncate(u->file, (off_t)e->size) : 0;
        r = r < 0 ? r : os_utimensat(u->file, "", times, AT_EMPTY_PATH);
        os_close(&u->file);
    }
    return r;
}

/* 1: the archive is over. */
static int feed(struct unpack *u, const uint8_t *bytes, size_t size, struct st_err *err)
{
    while (size > 0) {
        size_t used = 0;
        int event = fmt_tar_feed(&u->tar, bytes, size, &used, err);
        int r = 0;

        if (event < 0) {
            return event;
        }
        bytes += used;
        size -= used;
        switch ((enum fmt_tar_event)event) {
        case FMT_TAR_MORE:
            return 0;
        case FMT_TAR_ENTRY:
            r = begin_entry(u);
            break;
        case FMT_TAR_DATA:
            r = write_data(u);
            break;
        case FMT_TAR_ENTRY_END:
            r = end_entry(u);
            break;
        case FMT_TAR_END:
            return 1;
        }
        if (r < 0) {
            return st_fail_os(err, r, "unpacking %s", u->tar.entry.path);
        }
    }
    return 0;
}

int arc_unpack(const struct arc_unpack *how, int fd, struct st_err *err)
{
    struct unpack *u = calloc(1, sizeof(*u));
    st_auto(free) uint8_t *bytes = malloc(CHUNK);
    int r = 0;

    if (u == NULL || bytes == NULL) {
        free(u);
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    u->how = how;
    u->file = -1;
    fmt_tar_init(&u->tar, realloc, free);
    while (r == 0) {
        ssize_t n = os_read(fd, bytes, CHUNK);
        if (n <= 0) {
            r = n < 0 ? st_fail_os(err, (int)n, "reading the archive")
                      : fmt_tar_finish(&u->tar, err);
            break;
        }
        r = feed(u, bytes, (size_t)n, err);
    }
    while (r == 1 && os_read(fd, bytes, CHUNK) > 0) {
        /* What follows the end is padding: whoever writes it is not to be stopped. */
    }
    os_close(&u->file);
    fmt_tar_done(&u->tar);
    free(u);
    return r < 0 ? r : 0;
}
