/*
 * A layer as a folder for overlayfs (Documentation/filesystems/overlayfs.rst): a whiteout is a
 * character device 0:0, an opaque folder has the attribute trusted.overlay.opaque=y.
 *
 * One pass, few system calls an entry: parents are kept open, a file's owner, mode and time are set
 * through the descriptor that wrote it, and folders get their times and special modes at the end,
 * when nothing changes them any more (a set-group-ID folder would also give its group to what is
 * made in it). The thread's umask is 0, so plain modes come with creation. Nothing is synced here.
 */
#include "image/image_form.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "image/image_parents.h"
#include "os/os_dir.h"
#include "os/os_file.h"
#include "os/os_identity.h"

static const char opaque_name[] = "trusted.overlay.opaque";

struct later { /* what is set on a folder at the end */
    uint32_t path;
    uint32_t mode;
    int64_t mtime_s;
    uint32_t mtime_ns;
};

struct folder {
    int root_fd;
    int file_fd; /* the file that data goes to, or -1 */
    struct image_parents parents;
    struct fmt_tar_entry file; /* its owner, mode and time */
    char *file_path;           /* for messages */
    struct st_buf later;       /* of struct later */
    struct st_buf later_paths; /* their paths, each with its zero */
    uid_t uid;
    gid_t gid;
};

static void folder_free(void *state)
{
    struct folder *f = state;
    if (f != NULL) {
        image_parents_done(&f->parents);
        os_close(&f->file_fd);
        os_close(&f->root_fd);
        st_buf_done(&f->later);
        st_buf_done(&f->later_paths);
        free(f->file_path);
        free(f);
    }
}

static int folder_begin(int layer_fd, void **ret_state, struct st_err *err)
{
    struct folder *f = calloc(1, sizeof(*f));
    if (f == NULL) {
        return st_fail_os(err, -ST_ENOMEM, "unpacking a layer");
    }
    f->file_fd = -1;
    f->later = ST_BUF_HEAP((size_t)1 << 30);
    f->later_paths = ST_BUF_HEAP(UINT32_MAX / 2);
    f->uid = os_geteuid();
    f->gid = os_getegid();
    int r = os_mkdirat(layer_fd, "root", 0755);
    f->root_fd = r < 0 ? r : os_openat(layer_fd, "root", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    image_parents_init(&f->parents, f->root_fd);
    if (f->root_fd < 0) {
        r = f->root_fd;
        folder_free(f);
        return st_fail_os(err, r, "making a layer's root");
    }
    *ret_state = f;
    return 0;
}

static int fail_entry(struct st_err *err, int r, const char *path)
{
    if (r == -ST_ELOOP || r == -ST_EXDEV) {
        return st_fail(err, ST_EINVAL,
                       "layer entry \"%s\" is refused: its path leads through a symbolic link",
                       path);
    }
    if (r == -ST_ENOTDIR) {
        return st_fail(err, ST_EINVAL,
                       "layer entry \"%s\" is refused: its path leads through something that is no "
                       "folder",
                       path);
    }
    return st_fail_os(err, r, "unpacking \"%s\"", path);
}

/* Takes away what stands at the place of a new entry. */
static int clear_place(struct folder *f, int parent, const char *name, const char *path)
{
    int r = os_unlinkat(parent, name, 0);
    if (r == -ST_EISDIR) {
        r = os_remove_tree(parent, name);
        image_parents_forget(&f->parents, path);
    }
    return r;
}

/* Only attributes that have a meaning in a container; those of overlayfs would let a layer redirect
 * its lookups, and labels of security modules are the host's to give. */
static bool attribute_is_kept(const char *name)
{
    return st_starts_with(name, "user.")
               ? !st_starts_with(name, "user.overlay.")
               : st_streq(name, "security.capability") || st_starts_with(name, "system.posix_acl_");
}

/* Attributes by path, of what cannot be opened or need not be. */
static int set_attributes(int parent, const char *name, const struct fmt_tar_entry *tar)
{
    char path[300];
    for (size_t i = 0; i < tar->xattr_count; i++) {
        const struct fmt_tar_xattr *x = &tar->xattrs[i];
        if (!attribute_is_kept(x->name)) {
            continue;
        }
        if (st_snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", parent, name) >= sizeof(path)) {
            return -ST_ENAMETOOLONG;
        }
        int r = os_lsetxattr(path, x->name, x->value, x->size, 0);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int set_file_attributes(int fd, const struct fmt_tar_entry *tar)
{
    for (size_t i = 0; i < tar->xattr_count; i++) {
        const struct fmt_tar_xattr *x = &tar->xattrs[i];
        if (attribute_is_kept(x->name)) {
            int r = os_fsetxattr(fd, x->name, x->value, x->size, 0);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

static void times_of(const struct fmt_tar_entry *tar, struct timespec ret_times[2])
{
    ret_times[0] = ret_times[1] = (struct timespec){
        .tv_sec = (time_t)tar->mtime_s,
        .tv_nsec = (long)tar->mtime_ns,
    };
}

static int open_new(struct folder *f, int parent, const char *name, const struct image_entry *entry)
{
    mode_t mode = entry->tar->mode & 0777;
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    int fd = os_openat(parent, name, flags, mode);
    if (fd == -ST_EEXIST) {
        int r = clear_place(f, parent, name, entry->path);
        fd = r < 0 ? r : os_openat(parent, name, flags, mode);
    }
    return fd;
}

static int add_file(struct folder *f, int parent, const char *name, const struct image_entry *entry)
{
    int fd = open_new(f, parent, name, entry);
    if (fd < 0) {
        return fd;
    }
    f->file_fd = fd;
    f->file = *entry->tar;
    free(f->file_path);
    f->file_path = strdup(entry->path);
    return f->file_path == NULL ? -ST_ENOMEM : 0;
}

static int folder_data(void *state, const uint8_t *bytes, size_t size, uint64_t offset,
                       struct st_err *err)
{
    struct folder *f = state;
    while (size > 0) {
        ssize_t written = os_pwrite(f->file_fd, bytes, size, (off_t)offset);
        if (written < 0) {
            return st_fail_os(err, (int)written, "writing \"%s\"", f->file_path);
        }
        bytes += written;
        size -= (size_t)written;
        offset += (uint64_t)written;
    }
    return 0;
}

static int folder_end(void *state, struct st_err *err)
{
    struct folder *f = state;
    struct timespec times[2];
    int r = 0;
    if (f->file_fd < 0) {
        return 0;
    }
    if (f->file.sparse) {
        r = os_ftruncate(f->file_fd, (off_t)f->file.size);
    }
    if (r == 0 && (f->file.uid != f->uid || f->file.gid != f->gid)) {
        r = os_fchown(f->file_fd, f->file.uid, f->file.gid);
    }
    if (r == 0 && (f->file.mode & ~0777U) != 0) {
        r = os_fchmod(f->file_fd, f->file.mode);
    }
    if (r == 0 && f->file.xattr_count > 0) {
        r = set_file_attributes(f->file_fd, &f->file);
    }
    if (r == 0) {
        times_of(&f->file, times);
        r = os_futimens(f->file_fd, times);
    }
    os_close(&f->file_fd);
    return r < 0 ? fail_entry(err, r, f->file_path) : 0;
}

static int remember(struct folder *f, const char *path, const struct fmt_tar_entry *tar)
{
    const struct later later = {
        .path = (uint32_t)f->later_paths.length,
        .mode = tar->mode,
        .mtime_s = tar->mtime_s,
        .mtime_ns = tar->mtime_ns,
    };
    st_buf_append(&f->later_paths, path, strlen(path) + 1);
    int r = st_buf_status(&f->later_paths);
    return r < 0 ? r : st_buf_append(&f->later, &later, sizeof(later));
}

static int set_opaque(int parent, const char *name)
{
    char path[300];
    if (st_snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", parent, name) >= sizeof(path)) {
        return -ST_ENAMETOOLONG;
    }
    return os_lsetxattr(path, opaque_name, "y", 1, 0);
}

/* A folder at a place where something stands: another folder is taken over, a whiteout becomes the
 * folder's opaqueness, anything else goes. */
static int take_over(struct folder *f, int parent, const char *name, const char *path, mode_t mode)
{
    struct stat st;
    int r = os_fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW);
    if (r < 0 || S_ISDIR(st.st_mode)) {
        return r < 0 ? r : os_fchmodat(parent, name, mode);
    }
    bool whiteout = S_ISCHR(st.st_mode) && st.st_rdev == 0;
    r = clear_place(f, parent, name, path);
    if (r == 0) {
        r = os_mkdirat(parent, name, mode);
    }
    return r == 0 && whiteout ? set_opaque(parent, name) : r;
}

static int add_folder(struct folder *f, int parent, const char *name,
                      const struct image_entry *entry)
{
    mode_t mode = entry->tar->mode & 0777;
    int r;
    if (entry->path[0] == '\0') {
        r = os_fchmod(f->root_fd, mode);
    } else {
        r = os_mkdirat(parent, name, mode);
        if (r == -ST_EEXIST) {
            r = take_over(f, parent, name, entry->path, mode);
        }
    }
    const char *own = entry->path[0] == '\0' ? "." : name;
    if (r == 0 && (entry->tar->uid != f->uid || entry->tar->gid != f->gid)) {
        r = os_fchownat(parent, own, entry->tar->uid, entry->tar->gid, AT_SYMLINK_NOFOLLOW);
    }
    if (r == 0 && entry->tar->xattr_count > 0) {
        r = set_attributes(parent, own, entry->tar);
    }
    return r < 0 ? r : remember(f, entry->path, entry->tar);
}

static mode_t device_type(enum fmt_tar_type type)
{
    return type == FMT_TAR_CHAR ? S_IFCHR : type == FMT_TAR_FIFO ? S_IFIFO : S_IFBLK;
}

static int make_special(int parent, const char *name, const struct image_entry *entry)
{
    const struct fmt_tar_entry *tar = entry->tar;
    if (tar->type == FMT_TAR_SYMLINK) {
        return os_symlinkat(entry->link, parent, name);
    }
    return os_mknodat(parent, name, device_type(tar->type) | (tar->mode & 0777),
                      makedev(tar->device_major, tar->device_minor));
}

/* Links, devices and fifos: nothing that is opened. */
static int add_special(struct folder *f, int parent, const char *name,
                       const struct image_entry *entry)
{
    const struct fmt_tar_entry *tar = entry->tar;
    struct timespec times[2];
    int r = make_special(parent, name, entry);
    if (r == -ST_EEXIST) {
        r = clear_place(f, parent, name, entry->path);
        r = r < 0 ? r : make_special(parent, name, entry);
    }
    if (r == 0 && (tar->uid != f->uid || tar->gid != f->gid)) {
        r = os_fchownat(parent, name, tar->uid, tar->gid, AT_SYMLINK_NOFOLLOW);
    }
    if (r == 0 && tar->type != FMT_TAR_SYMLINK && (tar->mode & ~0777U) != 0) {
        r = os_fchmodat(parent, name, tar->mode); /* just made, and no link */
    }
    if (r == 0 && tar->xattr_count > 0) {
        r = set_attributes(parent, name, tar);
    }
    times_of(tar, times);
    return r < 0 ? r : os_utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW);
}

static int add_hard_link(struct folder *f, int parent, const char *name,
                         const struct image_entry *entry, struct st_err *err)
{
    int target_parent;
    const char *target_name;
    if (st_streq(entry->path, entry->link)) {
        return 0;
    }
    int r = image_parents_of(&f->parents, entry->link, false, &target_parent, &target_name);
    if (r == 0) {
        r = os_linkat(target_parent, target_name, parent, name, 0);
    }
    if (r == -ST_EEXIST) {
        r = clear_place(f, parent, name, entry->path);
        r = r < 0 ? r : os_linkat(target_parent, target_name, parent, name, 0);
    }
    if (r == -ST_ENOENT) {
        return st_fail(err, ST_ECORRUPT,
                       "layer entry \"%s\" is a hard link to \"%s\", which is not in the layer",
                       entry->path, entry->link);
    }
    return r;
}

static int add_node(struct folder *f, int parent, const char *name, const struct image_entry *entry,
                    struct st_err *err)
{
    switch (entry->tar->type) {
    case FMT_TAR_FILE:
        return add_file(f, parent, name, entry);
    case FMT_TAR_FOLDER:
        return add_folder(f, parent, name, entry);
    case FMT_TAR_HARD_LINK:
        return add_hard_link(f, parent, name, entry, err);
    case FMT_TAR_SYMLINK:
    case FMT_TAR_CHAR:
    case FMT_TAR_BLOCK_DEVICE:
    case FMT_TAR_FIFO:
        break;
    }
    return add_special(f, parent, name, entry);
}

/* A whiteout hides what lower layers have; what this layer itself has at the place stays. */
static int add_whiteout(int parent, const char *name)
{
    struct stat st;
    int r = os_mknodat(parent, name, S_IFCHR, makedev(0, 0));
    if (r != -ST_EEXIST) {
        return r;
    }
    r = os_fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW);
    return r == 0 && S_ISDIR(st.st_mode) ? set_opaque(parent, name) : r;
}

static int add_opaque(struct folder *f, int parent, const char *name, const char *path)
{
    struct stat st;
    if (path[0] == '\0') {
        return os_fsetxattr(f->root_fd, opaque_name, "y", 1, 0);
    }
    int r = os_mkdirat(parent, name, 0755);
    if (r == -ST_EEXIST) {
        r = os_fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW);
        if (r == 0 && !S_ISDIR(st.st_mode)) {
            r = S_ISCHR(st.st_mode) ? take_over(f, parent, name, path, 0755) : -ST_ENOTDIR;
        }
    }
    return r < 0 ? r : set_opaque(parent, name);
}

static int folder_add(void *state, const struct image_entry *entry, struct st_err *err)
{
    struct folder *f = state;
    int parent = f->root_fd;
    const char *name = "";
    int r = entry->path[0] == '\0'
                ? 0
                : image_parents_of(&f->parents, entry->path, true, &parent, &name);
    if (r < 0) {
        return fail_entry(err, r, entry->path);
    }
    switch (entry->kind) {
    case IMAGE_ENTRY_WHITEOUT:
        r = add_whiteout(parent, name);
        break;
    case IMAGE_ENTRY_OPAQUE:
        r = add_opaque(f, parent, name, entry->path);
        break;
    case IMAGE_ENTRY_NODE:
        r = add_node(f, parent, name, entry, err);
        break;
    }
    /* A hard link has said already what is wrong. */
    return r < 0 && r != -ST_ECORRUPT ? fail_entry(err, r, entry->path) : r;
}

/* Sets what was put off. The folder may have been replaced since: then there is nothing to do. */
static int settle(struct folder *f, const struct later *later, const char *path)
{
    const struct timespec times[2] = {
        {.tv_sec = (time_t)later->mtime_s, .tv_nsec = (long)later->mtime_ns},
        {.tv_sec = (time_t)later->mtime_s, .tv_nsec = (long)later->mtime_ns},
    };
    int parent = f->root_fd;
    const char *name = ".";
    int r = path[0] == '\0' ? 0 : image_parents_of(&f->parents, path, false, &parent, &name);
    if (r == 0 && (later->mode & ~0777U) != 0) {
        st_auto(fd) int fd = os_openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        r = fd < 0 ? fd : os_fchmod(fd, later->mode);
    }
    if (r == 0) {
        r = os_utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW);
    }
    return r == -ST_ENOENT || r == -ST_ENOTDIR || r == -ST_ELOOP ? 0 : r;
}

static int folder_finish(void *state, struct st_err *err)
{
    struct folder *f = state;
    const struct later *later = (const void *)f->later.data;
    for (size_t i = f->later.length / sizeof(*later); i-- > 0;) {
        const char *path = f->later_paths.data + later[i].path;
        int r = settle(f, &later[i], path);
        if (r < 0) {
            return fail_entry(err, r, path);
        }
    }
    return 0;
}

const struct image_form image_form_folder = {
    .name = "folder",
    .begin = folder_begin,
    .add = folder_add,
    .data = folder_data,
    .end = folder_end,
    .finish = folder_finish,
    .free = folder_free,
};
