/* Copies folders: see engine_copy.h. */
#include "engine/engine_copy.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/print.h"
#include "os/os_dir.h"
#include "os/os_file.h"

enum { DEPTH_MAX = 128, CHUNK = 1 << 30, NAMES_MAX = 65536, VALUE_MAX = 65536 };

/* Files with several names that were copied under one of them. */
struct linked {
    dev_t dev;
    ino_t ino;
    char *path; /* relative to the target's root */
};

struct copy {
    int target;
    struct linked *links;
    size_t links_count;
    size_t links_room;
};

static int copy_xattrs(int from, int to)
{
    st_auto(free) char *names = malloc(NAMES_MAX);
    st_auto(free) char *value = malloc(VALUE_MAX);

    if (names == NULL || value == NULL) {
        return -ST_ENOMEM;
    }
    ssize_t length = os_flistxattr(from, names, NAMES_MAX);
    for (ssize_t at = 0; at < length; at += (ssize_t)strlen(names + at) + 1) {
        ssize_t n = os_fgetxattr(from, names + at, value, VALUE_MAX);
        if (n >= 0 && strncmp(names + at, "trusted.overlay.", 16) != 0) {
            (void)os_fsetxattr(to, names + at, value, (size_t)n, 0);
        }
    }
    return 0;
}

static int copy_attributes(int from, int to, const struct stat *stat)
{
    const struct timespec times[2] = {stat->st_atim, stat->st_mtim};
    int r = os_fchownat(to, "", stat->st_uid, stat->st_gid, AT_EMPTY_PATH);

    r = r < 0 ? r : copy_xattrs(from, to);
    r = r < 0 ? r : os_fchmod(to, stat->st_mode & 07777);
    return r < 0 ? r : os_utimensat(to, "", times, AT_EMPTY_PATH);
}

static int copy_file(int from_dir, const char *name, int to_dir, const struct stat *stat)
{
    st_auto(fd) int from = os_openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (from < 0) {
        return from;
    }
    st_auto(fd) int to = os_openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (to < 0) {
        return to;
    }
    ssize_t n;
    do {
        n = os_copy_file_range(from, to, CHUNK);
        if (n == -ST_EXDEV || n == -ST_EOPNOTSUPP || n == -ST_EINVAL) {
            n = os_sendfile(to, from, CHUNK);
        }
    } while (n > 0);
    return n < 0 ? (int)n : copy_attributes(from, to, stat);
}

static int copy_link(int from_dir, const char *name, int to_dir, const struct stat *stat)
{
    char target[4096];
    int r = os_readlinkat(from_dir, name, target, sizeof(target));

    r = r < 0 ? r : os_symlinkat(target, to_dir, name);
    return r < 0 ? r : os_fchownat(to_dir, name, stat->st_uid, stat->st_gid, AT_SYMLINK_NOFOLLOW);
}

static int copy_node(int to_dir, const char *name, const struct stat *stat)
{
    int r = os_mknodat(to_dir, name, stat->st_mode, stat->st_rdev);

    r = r < 0 ? r : os_fchownat(to_dir, name, stat->st_uid, stat->st_gid, AT_SYMLINK_NOFOLLOW);
    return r < 0 ? r : os_fchmodat(to_dir, name, stat->st_mode & 07777);
}

/* 1: made as a link to the copy of another name; 0: it is the first of its names. */
static int link_to_copy(struct copy *copy, const struct stat *stat, const char *path, int to_dir,
                        const char *name)
{
    for (size_t i = 0; i < copy->links_count; i++) {
        const struct linked *l = &copy->links[i];
        if (l->dev == stat->st_dev && l->ino == stat->st_ino) {
            int r = os_linkat(copy->target, l->path, to_dir, name, 0);
            return r < 0 ? r : 1;
        }
    }
    if (copy->links_count == copy->links_room) {
        size_t room = copy->links_room * 2 + 64;
        void *grown = realloc(copy->links, room * sizeof(*copy->links));
        if (grown == NULL) {
            return -ST_ENOMEM;
        }
        copy->links = grown;
        copy->links_room = room;
    }
    char *kept = strdup(path);
    if (kept == NULL) {
        return -ST_ENOMEM;
    }
    copy->links[copy->links_count++] = (struct linked){stat->st_dev, stat->st_ino, kept};
    return 0;
}

static int copy_folder(struct copy *copy, int from, int to, const char *path, unsigned depth);

static int copy_entry(struct copy *copy, int from, int to, const char *name, const char *path,
                      unsigned depth)
{
    struct stat stat;
    int r = os_fstatat(from, name, &stat, AT_SYMLINK_NOFOLLOW);

    if (r < 0) {
        return r;
    }
    if (S_ISDIR(stat.st_mode)) {
        st_auto(fd) int below = os_openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        r = below < 0 ? below : os_mkdirat(to, name, 0700);
        st_auto(fd) int made =
            r < 0 ? r : os_openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        return made < 0 ? made : copy_folder(copy, below, made, path, depth + 1);
    }
    if (stat.st_nlink > 1) {
        r = link_to_copy(copy, &stat, path, to, name);
        if (r != 0) {
            return r < 0 ? r : 0;
        }
    }
    if (S_ISREG(stat.st_mode)) {
        return copy_file(from, name, to, &stat);
    }
    return S_ISLNK(stat.st_mode) ? copy_link(from, name, to, &stat) : copy_node(to, name, &stat);
}

static int copy_folder(struct copy *copy, int from, int to, const char *path, unsigned depth)
{
    st_auto(os_dir) struct os_dir *dir = NULL;
    const char *name;
    unsigned char type;
    struct stat stat;
    int r = depth > DEPTH_MAX ? -ST_ELOOP : os_dir_open(from, ".", &dir);

    while (r >= 0 && (r = os_dir_next(dir, &name, &type)) > 0) {
        char below[4096];

        if (st_snprintf(below, sizeof(below), "%s%s%s", path, path[0] != 0 ? "/" : "", name) >=
            sizeof(below)) {
            return -ST_ENAMETOOLONG;
        }
        r = copy_entry(copy, from, to, name, below, depth);
    }
    r = r < 0 ? r : os_fstat(from, &stat);
    return r < 0 ? r : copy_attributes(from, to, &stat);
}

int engine_copy_tree(int from, int to)
{
    struct copy copy = {.target = to};
    int r = copy_folder(&copy, from, to, "", 0);

    for (size_t i = 0; i < copy.links_count; i++) {
        free(copy.links[i].path);
    }
    free(copy.links);
    return r;
}
