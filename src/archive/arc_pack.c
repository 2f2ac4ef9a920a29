/* Writing a folder as a tar stream: see arc_tar.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "archive/arc_tar.h"
#include "base/print.h"
#include "base/str.h"
#include "format/fmt_tar_write.h"
#include "os/os_dir.h"
#include "os/os_file.h"

enum { DEPTH_MAX = 128, PATH_SIZE = 4096, CHUNK = 65536, HEADER_MAX = 1 << 20 };

struct linked {
    dev_t dev;
    ino_t ino;
    char *path;
};

struct pack {
    int fd;
    struct st_buf head;
    struct linked *links;
    size_t links_count;
    size_t links_room;
};

static int flush(struct pack *p)
{
    int r = st_buf_status(&p->head);

    r = r < 0 ? r : os_write_all(p->fd, st_buf_string(&p->head), p->head.length);
    st_buf_reset(&p->head);
    return r;
}

static int write_data(struct pack *p, int from, uint64_t size)
{
    char bytes[CHUNK];
    uint64_t left = size;

    while (left > 0) {
        ssize_t n = os_read(from, bytes, (size_t)ST_MIN(left, sizeof(bytes)));
        if (n < 0) {
            return (int)n;
        }
        if (n == 0) { /* It shrank meanwhile: the header's promise is kept with zeros. */
            n = (ssize_t)ST_MIN(left, sizeof(bytes));
            memset(bytes, 0, (size_t)n);
        }
        int r = os_write_all(p->fd, bytes, (size_t)n);
        if (r < 0) {
            return r;
        }
        left -= (uint64_t)n;
    }
    int r = fmt_tar_write_padding(&p->head, size);
    return r < 0 ? r : flush(p);
}

static const char *other_name(const struct pack *p, const struct stat *stat)
{
    for (size_t i = 0; i < p->links_count; i++) {
        if (p->links[i].dev == stat->st_dev && p->links[i].ino == stat->st_ino) {
            return p->links[i].path;
        }
    }
    return NULL;
}

static int remember(struct pack *p, const struct stat *stat, const char *path)
{
    if (p->links_count == p->links_room) {
        size_t room = p->links_room * 2 + 64;
        void *grown = realloc(p->links, room * sizeof(*p->links));
        if (grown == NULL) {
            return -ST_ENOMEM;
        }
        p->links = grown;
        p->links_room = room;
    }
    char *copy = strdup(path);
    if (copy == NULL) {
        return -ST_ENOMEM;
    }
    p->links[p->links_count++] = (struct linked){stat->st_dev, stat->st_ino, copy};
    return 0;
}

static struct fmt_tar_entry entry_of(const struct stat *stat, const char *path)
{
    return (struct fmt_tar_entry){
        .type = S_ISDIR(stat->st_mode)    ? FMT_TAR_FOLDER
                : S_ISLNK(stat->st_mode)  ? FMT_TAR_SYMLINK
                : S_ISCHR(stat->st_mode)  ? FMT_TAR_CHAR
                : S_ISBLK(stat->st_mode)  ? FMT_TAR_BLOCK_DEVICE
                : S_ISFIFO(stat->st_mode) ? FMT_TAR_FIFO
                                          : FMT_TAR_FILE,
        .path = path,
        .link = "",
        .mode = stat->st_mode & 07777,
        .uid = stat->st_uid,
        .gid = stat->st_gid,
        .mtime_s = stat->st_mtim.tv_sec,
        .mtime_ns = (uint32_t)stat->st_mtim.tv_nsec,
        .size = S_ISREG(stat->st_mode) ? (uint64_t)stat->st_size : 0,
        .device_major = S_ISCHR(stat->st_mode) || S_ISBLK(stat->st_mode) ? major(stat->st_rdev) : 0,
        .device_minor = S_ISCHR(stat->st_mode) || S_ISBLK(stat->st_mode) ? minor(stat->st_rdev) : 0,
    };
}

static int pack_folder(struct pack *p, int fd, const char *path, unsigned depth);

/* One that is no folder. */
static int pack_node(struct pack *p, int dir, const char *name, const struct stat *stat,
                     const char *path)
{
    char target[PATH_SIZE];
    struct fmt_tar_entry entry = entry_of(stat, path);

    if (S_ISSOCK(stat->st_mode)) {
        return 0;
    }
    const char *other = stat->st_nlink > 1 ? other_name(p, stat) : NULL;
    if (other != NULL) {
        entry.type = FMT_TAR_HARD_LINK;
        entry.link = other;
        entry.size = 0;
        int r = fmt_tar_write_header(&p->head, &entry);
        return r < 0 ? r : flush(p);
    }
    int r = stat->st_nlink > 1 ? remember(p, stat, path) : 0;
    st_auto(fd) int fd = -1;
    if (r >= 0 && S_ISREG(stat->st_mode)) {
        fd = os_openat(dir, name, O_RDONLY | O_NONBLOCK, 0);
        r = fd;
    }
    if (r >= 0 && S_ISLNK(stat->st_mode)) {
        r = os_readlinkat(dir, name, target, sizeof(target));
        entry.link = target;
    }
    r = r < 0 ? r : fmt_tar_write_header(&p->head, &entry);
    r = r < 0 ? r : flush(p);
    return r < 0 || fd < 0 ? r : write_data(p, fd, entry.size);
}

static int pack_entry(struct pack *p, int dir, const char *name, int flags, const char *path,
                      unsigned depth)
{
    struct stat stat;
    int r = os_fstatat(dir, name, &stat, flags);

    if (r < 0 || !S_ISDIR(stat.st_mode)) {
        return r < 0 ? r : pack_node(p, dir, name, &stat, path);
    }
    int fd = os_openat(dir, name, O_RDONLY | O_DIRECTORY, 0);
    return fd < 0 ? fd : pack_folder(p, fd, path, depth + 1);
}

/* Takes fd. */
static int pack_folder(struct pack *p, int fd, const char *path, unsigned depth)
{
    st_auto(os_dir) struct os_dir *dir = NULL;
    const char *name;
    unsigned char type;
    struct stat stat;
    int r = os_dir_from_fd(fd, &dir);

    r = r < 0 ? r : depth > DEPTH_MAX ? -ST_ELOOP : os_fstat(os_dir_fd(dir), &stat);
    if (r >= 0 && path[0] != 0) {
        st_auto(free) char *slashed = malloc(strlen(path) + 2);
        if (slashed == NULL) {
            return -ST_ENOMEM;
        }
        st_snprintf(slashed, strlen(path) + 2, "%s/", path);
        struct fmt_tar_entry entry = entry_of(&stat, slashed);
        r = fmt_tar_write_header(&p->head, &entry);
        r = r < 0 ? r : flush(p);
    }
    while (r >= 0 && (r = os_dir_next(dir, &name, &type)) > 0) {
        char below[PATH_SIZE];
        if (st_snprintf(below, sizeof(below), "%s%s%s", path, path[0] != 0 ? "/" : "", name) >=
            sizeof(below)) {
            return -ST_ENAMETOOLONG;
        }
        r = pack_entry(p, os_dir_fd(dir), name, AT_SYMLINK_NOFOLLOW, below, depth);
    }
    return r;
}

int arc_pack(int dir, const char *name, const char *as, bool follow, int fd, struct st_err *err)
{
    struct pack p = {.fd = fd, .head = ST_BUF_HEAP(HEADER_MAX)};
    const char *path = as != NULL ? as : st_streq(name, ".") ? "" : name;

    int r = pack_entry(&p, dir, name, follow ? 0 : AT_SYMLINK_NOFOLLOW, path, 0);
    r = r < 0 ? r : fmt_tar_write_end(&p.head);
    r = r < 0 ? r : flush(&p);
    for (size_t i = 0; i < p.links_count; i++) {
        free(p.links[i].path);
    }
    free(p.links);
    st_buf_done(&p.head);
    return r < 0 ? st_fail_os(err, r, "archiving %s", name) : 0;
}
