/*
 * Debian's cloud kernel for virtual machines: its package is downloaded by apt, which checks it
 * against its signed lists, and unpacked by dpkg-deb; nothing is installed. The folder `kernel` is
 * made in a work folder and comes to its place by one rename, which takes an older one away.
 */
#include "image/image.h"

#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "image/image_child.h"
#include "image/image_modules.h"
#include "image/image_store_priv.h"
#include "os/os_dir.h"
#include "os/os_file.h"

#define META_PACKAGE "linux-image-cloud-" IMAGE_ARCHITECTURE

enum {
    OUTPUT_MAX_BYTES = 1 << 20,
    PACKAGE_SIZE = 128,
    FILE_SIZE = 256,
};

/* A name that apt gave, and that goes into paths and arguments. */
static bool is_plain(const char *name)
{
    return name[0] != '-' && name[0] != '.' && name[0] != '\0' &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             ".+-_~%:")] == '\0';
}

static int ask(const char *const *argv, struct st_buf *answer, struct st_err *err)
{
    int r = image_child_run(argv, answer);
    if (r == -ST_ENOENT) {
        st_fail(err, ST_ENOTFOUND, "%s is missing: the kernel comes from Debian's packages",
                argv[0]);
        st_hint(err, "on a machine that is not Debian there is none to be had this way");
        return -ST_ENOTFOUND;
    }
    return r == -ST_ECHILD ? st_fail(err, ST_ECHILD, "%s has failed: its messages say why", argv[0])
           : r < 0         ? st_fail_os(err, r, "running %s", argv[0])
                           : 0;
}

/* The word after `before`, which ends at a space. */
static bool word_after(const char *text, const char *before, char *ret_word, size_t size)
{
    const char *at = strstr(text, before);
    if (at == NULL) {
        return false;
    }
    at += strlen(before);
    size_t length = strcspn(at, " \n");
    if (length >= size) {
        return false;
    }
    memcpy(ret_word, at, length);
    ret_word[length] = '\0';
    return is_plain(ret_word);
}

/* The package that the newest kernel is in, and the name of its file, which has the version. */
static int look_up(char ret_package[PACKAGE_SIZE], char ret_file[FILE_SIZE], struct st_err *err)
{
    st_auto(buf) struct st_buf answer = ST_BUF_HEAP(OUTPUT_MAX_BYTES);
    int r = ask((const char *const[]){"/usr/bin/apt-cache", "depends", META_PACKAGE, NULL}, &answer,
                err);
    if (r == 0 && !word_after(st_buf_string(&answer), "Depends: ", ret_package, PACKAGE_SIZE)) {
        r = -ST_ECHILD;
    }
    if (r == -ST_ECHILD) {
        st_fail(err, ST_ENOTFOUND, "apt knows no package " META_PACKAGE);
        st_hint(err, "apt-get update fetches the lists of packages");
        return -ST_ENOTFOUND;
    }
    st_buf_reset(&answer);
    if (r == 0) {
        r = ask((const char *const[]){"/usr/bin/apt-get", "download", "--print-uris", ret_package,
                                      NULL},
                &answer, err);
    }
    if (r == 0 && (!word_after(st_buf_string(&answer), "' ", ret_file, FILE_SIZE) ||
                   !st_ends_with(ret_file, ".deb") || strchr(ret_file, '_') == NULL)) {
        return st_fail(err, ST_EINVAL, "apt does not say what file %s is", ret_package);
    }
    return r;
}

static int download(const char *folder, const char *package, const char *file, struct st_err *err)
{
    st_auto(buf) struct st_buf said = ST_BUF_HEAP(OUTPUT_MAX_BYTES);
    st_auto(buf) struct st_buf deb = ST_BUF_HEAP(8192);
    st_auto(buf) struct st_buf tree = ST_BUF_HEAP(8192);
    st_buf_printf(&deb, "%s/%s", folder, file);
    st_buf_printf(&tree, "%s/tree", folder);
    /* The folder is for root alone, so apt's own user cannot write there. */
    int r = ask((const char *const[]){"/usr/bin/env", "-C", folder, "/usr/bin/apt-get", "-qq", "-o",
                                      "APT::Sandbox::User=root", "download", package, NULL},
                &said, err);
    return r < 0 ? r
                 : ask((const char *const[]){"/usr/bin/dpkg-deb", "-x", st_buf_string(&deb),
                                             st_buf_string(&tree), NULL},
                       &said, err);
}

/* Finds boot/vmlinuz-RELEASE. */
static int find_release(int tree_fd, char *ret_release, size_t size, struct st_err *err)
{
    st_auto(os_dir) struct os_dir *dir = NULL;
    const char *name;
    int r = os_dir_open(tree_fd, "boot", &dir);
    while (r >= 0 && (r = os_dir_next(dir, &name, NULL)) > 0) {
        const char *release = st_after_prefix(name, "vmlinuz-");
        if (release != NULL && is_plain(release) && st_strcopy(ret_release, size, release)) {
            return 0;
        }
    }
    return r < 0 ? st_fail_os(err, r, "looking for the kernel in its package")
                 : st_fail(err, ST_ENOTFOUND, "the kernel's package has no kernel in it");
}

/* Debian had its modules in lib/, and has them in usr/lib/ since the two are one. */
static int open_modules(int tree_fd, const char *tree, const char *release, struct st_buf *ret_path,
                        struct st_err *err)
{
    static const char *const places[] = {"lib/modules", "usr/lib/modules"};
    int fd = -ST_ENOENT;
    for (size_t i = 0; fd == -ST_ENOENT && i < ST_COUNT(places); i++) {
        char path[FILE_SIZE];
        st_snprintf(path, sizeof(path), "%s/%s", places[i], release);
        st_buf_reset(ret_path);
        st_buf_printf(ret_path, "%s/%s", tree, path);
        fd = os_openat(tree_fd, path, O_RDONLY | O_DIRECTORY, 0);
    }
    return fd < 0 ? st_fail_os(err, fd, "opening the modules of the kernel %s", release) : fd;
}

/* Makes the folder `kernel` in the work folder from the unpacked package. Returns the number of
 * modules. */
static int assemble(int work_fd, const char *folder, const char *file, struct st_err *err)
{
    char release[PACKAGE_SIZE];
    char path[FILE_SIZE];
    char record[FILE_SIZE + sizeof(IMAGE_KERNEL_RECORD) + 2];
    st_auto(buf) struct st_buf modules_path = ST_BUF_HEAP(8192);
    st_auto(buf) struct st_buf tree = ST_BUF_HEAP(8192);
    st_auto(fd) int tree_fd = os_openat(work_fd, "tree", O_RDONLY | O_DIRECTORY, 0);
    int r = os_make_dirs(work_fd, "kernel/modules", 0755);
    st_auto(fd) int to_fd = os_openat(work_fd, "kernel/modules", O_RDONLY | O_DIRECTORY, 0);
    r = tree_fd < 0 ? tree_fd : r < 0 ? r : to_fd < 0 ? to_fd : 0;
    if (r < 0) {
        return st_fail_os(err, r, "making the kernel's folder");
    }
    r = find_release(tree_fd, release, sizeof(release), err);
    if (r < 0) {
        return r;
    }
    st_buf_printf(&tree, "%s/tree", folder);
    st_auto(fd) int modules_fd =
        open_modules(tree_fd, st_buf_string(&tree), release, &modules_path, err);
    if (modules_fd < 0) {
        return modules_fd;
    }
    int count = image_modules_take(modules_fd, st_buf_string(&modules_path), to_fd, err);
    if (count < 0) {
        return count;
    }
    st_snprintf(path, sizeof(path), "tree/boot/vmlinuz-%s", release);
    st_snprintf(record, sizeof(record), IMAGE_KERNEL_RECORD "%s\n", file);
    r = os_renameat2(work_fd, path, work_fd, "kernel/vmlinuz", 0);
    if (r == 0) {
        r = os_replace_file(work_fd, "kernel/package", record, strlen(record), 0644, false);
    }
    if (r == 0) {
        r = os_syncfs(work_fd);
    }
    return r < 0 ? st_fail_os(err, r, "making the kernel's folder") : count;
}

/* Is this package's kernel in the store? */
static bool is_there(const struct image_store *store, const char *file)
{
    char record[FILE_SIZE + sizeof(IMAGE_KERNEL_RECORD)];
    return os_read_text(store->fd, "kernel/package", record, sizeof(record)) >= 0 &&
           st_streq(st_after_prefix(record, IMAGE_KERNEL_RECORD), file);
}

/* The new folder comes in place; an older one is in the work folder afterwards. */
static int put_in_place(struct image_store *store, int work_fd, struct st_err *err)
{
    struct image_lock lock = {.fd = -1};
    int r = image_lock_take(store, LOCK_EX, &lock, err);
    if (r < 0) {
        return r;
    }
    r = os_renameat2(work_fd, "kernel", store->fd, "kernel", RENAME_EXCHANGE);
    if (r == -ST_ENOENT) {
        r = os_renameat2(work_fd, "kernel", store->fd, "kernel", RENAME_NOREPLACE);
    }
    if (r == 0) {
        r = os_fsync(store->fd);
    }
    image_lock_drop(&lock);
    return r < 0 ? st_fail_os(err, r, "putting the kernel in place") : 0;
}

int image_bootstrap_kernel(struct image_store *store, struct st_buf *ret_line, struct st_err *err)
{
    st_auto(store_work) struct store_work work = STORE_WORK_NONE;
    st_auto(buf) struct st_buf folder = ST_BUF_HEAP(8192);
    char package[PACKAGE_SIZE];
    char file[FILE_SIZE];
    int r = look_up(package, file, err);
    if (r < 0) {
        return r;
    }
    /* PACKAGE_VERSION_ARCHITECTURE.deb */
    const char *version = strchr(file, '_') + 1;
    int length = (int)strcspn(version, "_");
    if (is_there(store, file)) {
        return st_buf_printf(ret_line, "%s %.*s is in the store already", package, length, version);
    }
    r = store_work_begin(store->work_fd, &work, err);
    if (r < 0) {
        return r;
    }
    st_buf_printf(&folder, "%s/work/%s", store->path, work.name);
    r = st_buf_status(&folder);
    if (r < 0) {
        return st_fail_os(err, r, "naming the work folder");
    }
    r = download(st_buf_string(&folder), package, file, err);
    int count = r < 0 ? r : assemble(work.fd, st_buf_string(&folder), file, err);
    r = count < 0 ? count : put_in_place(store, work.fd, err);
    return r < 0 ? r
                 : st_buf_printf(ret_line, "%s %.*s is in the store now, with %d modules", package,
                                 length, version, count);
}
