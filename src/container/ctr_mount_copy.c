/* Copying a folder's content into a fresh tmpfs (tmpcopyup). Both sides are named by descriptors
 * and no link is followed; the depth is bounded, since each level holds two descriptors. */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "container/ctr_rootfs_priv.h"
#include "os/os_dir.h"
#include "os/os_file.h"

enum { MAX_DEPTH = 100, CHUNK = 1 << 20 };

static int copy_folder(int from_fd, int to_fd, int depth);

static int copy_bytes(int from_fd, const char *name, int to_fd, mode_t mode)
{
    st_auto(fd) int from = os_openat(from_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (from < 0) {
        return from;
    }
    st_auto(fd) int to = os_openat(to_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    if (to < 0) {
        return to;
    }
    ssize_t n;
    while ((n = os_sendfile(to, from, CHUNK)) > 0) {
    }
    return (int)n;
}

static int copy_link(int from_fd, const char *name, int to_fd)
{
    char target[PATH_MAX];
    int r = os_readlinkat(from_fd, name, target, sizeof(target));
    return r < 0 ? r : os_symlinkat(target, to_fd, name);
}

static int copy_subfolder(int from_fd, const char *name, int to_fd, int depth)
{
    int r = os_mkdirat(to_fd, name, 0700);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int from = os_openat(from_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (from < 0) {
        return from;
    }
    st_auto(fd) int to = os_openat(to_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (to < 0) {
        return to;
    }
    return copy_folder(from, to, depth + 1);
}

static int copy_entry(int from_fd, const char *name, int to_fd, int depth)
{
    struct stat found;
    int r = os_fstatat(from_fd, name, &found, AT_SYMLINK_NOFOLLOW);
    if (r < 0) {
        return r;
    }
    switch (found.st_mode & S_IFMT) {
    case S_IFDIR:
        r = copy_subfolder(from_fd, name, to_fd, depth);
        break;
    case S_IFREG:
        r = copy_bytes(from_fd, name, to_fd, found.st_mode & 07777);
        break;
    case S_IFLNK:
        r = copy_link(from_fd, name, to_fd);
        break;
    default:
        r = os_mknodat(to_fd, name, found.st_mode, found.st_rdev);
        break;
    }
    if (r < 0) {
        return r;
    }
    r = os_fchownat(to_fd, name, found.st_uid, found.st_gid, AT_SYMLINK_NOFOLLOW);
    if (r >= 0 && !S_ISLNK(found.st_mode)) {
        /* After the change of owner, which takes the set-user-id bits away. */
        r = os_fchmodat(to_fd, name, found.st_mode & 07777);
    }
    if (r >= 0) {
        const struct timespec times[2] = {found.st_atim, found.st_mtim};
        r = os_utimensat(to_fd, name, times, AT_SYMLINK_NOFOLLOW);
    }
    return r;
}

static int copy_folder(int from_fd, int to_fd, int depth)
{
    if (depth > MAX_DEPTH) {
        return -ST_ELOOP;
    }
    st_auto(os_dir) struct os_dir *dir = NULL;
    int r = os_dir_open(from_fd, ".", &dir);
    const char *name;
    unsigned char type;
    while (r >= 0 && (r = os_dir_next(dir, &name, &type)) > 0) {
        r = copy_entry(from_fd, name, to_fd, depth);
    }
    return r;
}

int ctr_mount_copy(int from_fd, int to_fd)
{
    struct stat found;
    int r = copy_folder(from_fd, to_fd, 0);
    if (r < 0) {
        return r;
    }
    r = os_fstat(from_fd, &found);
    if (r >= 0) {
        r = os_fchownat(to_fd, ".", found.st_uid, found.st_gid, 0);
    }
    return r;
}
