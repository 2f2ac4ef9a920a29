/* Opening and making paths inside a root that is not trusted.
 *
 * Making is a walk over the text: `done` is what was walked, free of links and "..", `todo` is what
 * is left. Each step opens `done` anew without following any link, so that a folder which is
 * exchanged for a link in between makes the step fail and not go astray. */
#include "container/ctr_mount_path.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>

#include "base/print.h"
#include "base/str.h"
#include "os/os_file.h"

enum { MAX_LINKS = 40 };

int ctr_mount_path_open(int root_fd, const char *path, int flags)
{
    return os_openat2(root_fd, path, O_PATH | flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int ctr_mount_path_open_plain(int root_fd, const char *path, int flags)
{
    return os_openat2(root_fd, path, O_PATH | flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
}

struct walk {
    int root_fd;
    enum ctr_mount_path_kind kind;
    unsigned links;
    char done[PATH_MAX]; /* "" or "/a/b" */
    char todo[PATH_MAX];
};

static void strip_last(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
}

/* Takes the first part off `todo` into part. Returns 1, or 0 when nothing is left. */
static int take_part(struct walk *walk, char part[NAME_MAX + 1])
{
    char *start = walk->todo + strspn(walk->todo, "/");
    size_t length = strcspn(start, "/");
    if (length == 0) {
        return 0;
    }
    if (length > NAME_MAX) {
        return -ST_ENAMETOOLONG;
    }
    memcpy(part, start, length);
    part[length] = '\0';
    char *rest = start + length;
    rest += strspn(rest, "/");
    memmove(walk->todo, rest, strlen(rest) + 1);
    return 1;
}

static int follow_link(struct walk *walk, int folder, const char *part)
{
    char target[PATH_MAX];
    char joined[PATH_MAX];
    if (++walk->links > MAX_LINKS) {
        return -ST_ELOOP;
    }
    int r = os_readlinkat(folder, part, target, sizeof(target));
    if (r < 0) {
        return r;
    }
    if (st_snprintf(joined, sizeof(joined), "%s/%s", target, walk->todo) >= sizeof(joined)) {
        return -ST_ENAMETOOLONG;
    }
    memcpy(walk->todo, joined, sizeof(joined));
    if (target[0] == '/') {
        walk->done[0] = '\0';
    }
    return 0;
}

static int make_part(struct walk *walk, int folder, const char *part)
{
    if (walk->todo[0] != '\0' || walk->kind == CTR_MOUNT_PATH_FOLDER) {
        return os_mkdirat(folder, part, 0755);
    }
    return os_mknodat(folder, part, S_IFREG | 0644, 0);
}

static int walk_part(struct walk *walk, const char *part)
{
    if (strcmp(part, ".") == 0) {
        return 0;
    }
    if (strcmp(part, "..") == 0) {
        strip_last(walk->done);
        return 0;
    }
    st_auto(fd) int folder = ctr_mount_path_open_plain(
        walk->root_fd, walk->done[0] == '\0' ? "/" : walk->done, O_DIRECTORY);
    if (folder < 0) {
        return folder;
    }
    struct stat found;
    int r = os_fstatat(folder, part, &found, AT_SYMLINK_NOFOLLOW);
    if (r == 0 && S_ISLNK(found.st_mode)) {
        return follow_link(walk, folder, part);
    }
    if (r == -ST_ENOENT) {
        r = make_part(walk, folder, part);
        r = r == -ST_EEXIST ? 0 : r;
    }
    if (r < 0) {
        return r;
    }
    size_t length = strlen(walk->done);
    if (st_snprintf(walk->done + length, sizeof(walk->done) - length, "/%s", part) >=
        sizeof(walk->done) - length) {
        return -ST_ENAMETOOLONG;
    }
    return 0;
}

/* Splits off the last part. Returns the length of the folder's text (0: the root), or -ST_EINVAL
 * for a path that ends in "/", "." or "..". */
static int split_last(const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return -ST_EINVAL;
    }
    size_t length = slash == NULL ? 0 : (size_t)(slash - path);
    *ret_name = name;
    return length >= PATH_MAX ? -ST_ENAMETOOLONG : (int)length;
}

/* The usual case: only the last part is missing. -ST_ENOENT when it is another. */
static int make_last(int root_fd, const char *path, enum ctr_mount_path_kind kind)
{
    char above[PATH_MAX] = "/";
    const char *name;
    int length = split_last(path, &name);
    if (length < 0) {
        return -ST_ENOENT;
    }
    if (length > 0) {
        memcpy(above, path, (size_t)length);
        above[length] = '\0';
    }
    st_auto(fd) int folder = ctr_mount_path_open(root_fd, above, O_DIRECTORY);
    if (folder < 0) {
        return -ST_ENOENT;
    }
    int r = kind == CTR_MOUNT_PATH_FOLDER ? os_mkdirat(folder, name, 0755)
                                          : os_mknodat(folder, name, S_IFREG | 0644, 0);
    if (r < 0) {
        return r == -ST_EEXIST ? -ST_ENOENT : r; /* a link that leads nowhere is there */
    }
    return os_openat2(folder, name, O_PATH | O_NOFOLLOW, 0,
                      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

int ctr_mount_path_make(int root_fd, const char *path, enum ctr_mount_path_kind kind)
{
    int fd = ctr_mount_path_open(root_fd, path, 0);
    if (fd == -ST_ENOENT) {
        fd = make_last(root_fd, path, kind);
    }
    if (fd != -ST_ENOENT) {
        return fd;
    }
    struct walk walk = {.root_fd = root_fd, .kind = kind};
    if (!st_strcopy(walk.todo, sizeof(walk.todo), path)) {
        return -ST_ENAMETOOLONG;
    }
    char part[NAME_MAX + 1];
    int r;
    while ((r = take_part(&walk, part)) > 0) {
        r = walk_part(&walk, part);
        if (r < 0) {
            return r;
        }
    }
    if (r < 0) {
        return r;
    }
    return ctr_mount_path_open_plain(root_fd, walk.done[0] == '\0' ? "/" : walk.done, 0);
}

int ctr_mount_path_parent(int root_fd, const char *path, const char **ret_name)
{
    char above[PATH_MAX] = "/";
    const char *name;
    int length = split_last(path, &name);
    if (length < 0) {
        return length;
    }
    if (length > 0) {
        memcpy(above, path, (size_t)length);
        above[length] = '\0';
    }
    int fd = ctr_mount_path_make(root_fd, above, CTR_MOUNT_PATH_FOLDER);
    if (fd >= 0) {
        *ret_name = name;
    }
    return fd;
}

int ctr_mount_path_clean(const char *path, char *ret_path, size_t size)
{
    size_t used = 0;
    if (size < 2) {
        return -ST_ENAMETOOLONG;
    }
    ret_path[0] = '\0';
    while (*(path += strspn(path, "/")) != '\0') {
        size_t length = strcspn(path, "/");
        if (length == 2 && path[0] == '.' && path[1] == '.') {
            strip_last(ret_path);
            used = strlen(ret_path);
        } else if (length != 1 || path[0] != '.') {
            if (used + 1 + length >= size) {
                return -ST_ENAMETOOLONG;
            }
            ret_path[used++] = '/';
            memcpy(ret_path + used, path, length);
            used += length;
            ret_path[used] = '\0';
        }
        path += length;
    }
    if (used == 0) {
        memcpy(ret_path, "/", 2);
    }
    return 0;
}
