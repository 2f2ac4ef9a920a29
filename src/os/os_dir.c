/* Folders: see os_dir.h. */
#include "os/os_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "os/os_file.h"
#include "os/os_priv.h"

struct os_dir {
    DIR *stream;
};

int os_dir_from_fd(int fd, struct os_dir **ret_dir)
{
    struct os_dir *dir = malloc(sizeof(*dir));
    if (dir == NULL) {
        os_close(&fd);
        return -ST_ENOMEM;
    }
    dir->stream = fdopendir(fd);
    if (dir->stream == NULL) {
        int r = -errno;
        os_close(&fd);
        free(dir);
        return r;
    }
    *ret_dir = dir;
    return 0;
}

int os_dir_open(int dir, const char *path, struct os_dir **ret_dir)
{
    int fd = os_openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    return fd < 0 ? fd : os_dir_from_fd(fd, ret_dir);
}

static struct dirent *read_entry(DIR *stream)
{
    errno = 0;
    return readdir(stream);
}

int os_dir_next(struct os_dir *dir, const char **ret_name, unsigned char *ret_type)
{
    for (;;) {
        struct dirent *entry = read_entry(dir->stream);
        if (entry == NULL) {
            return -errno;
        }
        if (st_streq(entry->d_name, ".") || st_streq(entry->d_name, "..")) {
            continue;
        }
        *ret_name = entry->d_name;
        if (ret_type != NULL) {
            *ret_type = entry->d_type;
        }
        return 1;
    }
}

int os_dir_fd(const struct os_dir *dir)
{
    return dirfd(dir->stream);
}

void os_dir_free(struct os_dir *dir)
{
    if (dir != NULL) {
        closedir(dir->stream);
        free(dir);
    }
}

int os_make_dirs(int dir, const char *path, mode_t mode)
{
    int r = os_mkdirat(dir, path, mode);
    if (r == 0) {
        return 0;
    }
    if (r == -ST_EEXIST) {
        struct stat st;
        r = os_fstatat(dir, path, &st, 0);
        return r < 0 ? r : S_ISDIR(st.st_mode) ? 0 : -ST_ENOTDIR;
    }
    if (r != -ST_ENOENT) {
        return r;
    }
    st_auto(free) char *above = strdup(path);
    if (above == NULL) {
        return -ST_ENOMEM;
    }
    size_t length = strlen(above);
    while (length > 1 && above[length - 1] == '/') {
        above[--length] = '\0';
    }
    char *slash = strrchr(above, '/');
    if (slash == NULL || slash == above) {
        return r;
    }
    *slash = '\0';
    r = os_make_dirs(dir, above, mode);
    if (r < 0) {
        return r;
    }
    r = os_mkdirat(dir, path, mode);
    return r == -ST_EEXIST ? 0 : r;
}

static int remove_entry(int dir, const char *name, unsigned char type, dev_t device, int depth);

static int remove_below(int fd, dev_t device, int depth)
{
    st_auto(os_dir) struct os_dir *entries = NULL;
    const char *name = NULL;
    unsigned char type = 0;
    int r = os_dir_from_fd(fd, &entries);
    if (r < 0) {
        return r;
    }
    while ((r = os_dir_next(entries, &name, &type)) > 0) {
        r = remove_entry(os_dir_fd(entries), name, type, device, depth);
        if (r < 0) {
            return r;
        }
    }
    return r;
}

static int remove_entry(int dir, const char *name, unsigned char type, dev_t device, int depth)
{
    struct stat st;
    if (type != DT_DIR) {
        int r = os_unlinkat(dir, name, 0);
        if (r != -ST_EISDIR && r != -ST_EPERM) {
            return r == -ST_ENOENT ? 0 : r;
        }
    }
    if (depth == 0) {
        return -ST_ELOOP;
    }
    int fd = os_openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd < 0) {
        return fd == -ST_ENOENT ? 0 : fd;
    }
    int r = os_fstat(fd, &st);
    if (r == 0 && st.st_dev != device) {
        r = -ST_EXDEV;
    }
    if (r < 0) {
        os_close(&fd);
        return r;
    }
    r = remove_below(fd, device, depth - 1);
    if (r < 0) {
        return r;
    }
    r = os_unlinkat(dir, name, AT_REMOVEDIR);
    return r == -ST_ENOENT ? 0 : r;
}

int os_remove_tree(int dir, const char *path)
{
    struct stat st;
    int r = os_fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW);
    if (r < 0) {
        return r == -ST_ENOENT ? 0 : r;
    }
    /* Deeper than any path that the kernel takes at once, and bounded, since each level holds a
     * descriptor. */
    return remove_entry(dir, path, S_ISDIR(st.st_mode) ? DT_DIR : DT_REG, st.st_dev, 2048);
}
