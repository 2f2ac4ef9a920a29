/*
 * An image's merged layers as a read-only EROFS disk, for virtual machines: made by mkfs.erofs of
 * what overlayfs makes of the layers, in a mount namespace of its own, when it is first asked for.
 * `roots/HEX` has the digest of the layers' digests, so images of the same layers share one.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "image/image_store_priv.h"
#include "os/os_dir.h"
#include "os/os_file.h"
#include "os/os_mount.h"
#include "os/os_process.h"
#include "store/store_digest.h"

enum {
    OPTIONS_MAX_BYTES = 4095, /* of a mount: a page */
    EXIT_MOUNT = 126,
    EXIT_MISSING = 127,
};

int image_root_digest(const struct spec_image_config *config, char ret_digest[STORE_DIGEST_SIZE])
{
    struct store_digest *digest = NULL;
    int r = store_digest_new(&digest);
    if (r < 0) {
        return r;
    }
    store_digest_add(digest, "erofs 1\n", 8);
    for (size_t i = 0; i < config->rootfs.diff_ids_count; i++) {
        const char *layer = config->rootfs.diff_ids[i];
        store_digest_add(digest, layer, strlen(layer) + 1);
    }
    r = store_digest_end(digest, ret_digest);
    store_digest_free(digest);
    return r;
}

/* lowerdir= of the layers, relative to the folder of all layers, and of an empty folder, since
 * overlayfs wants two. */
static int mount_options(const struct image *image, const char *empty, struct st_buf *to)
{
    size_t skipped = strlen(image->layers_dir) + 1;
    st_buf_text(to, "lowerdir=");
    for (size_t i = 0; i < image->layer_count; i++) {
        st_buf_printf(to, "%s:", image->layers[i].path + skipped);
    }
    return st_buf_text(to, empty);
}

/* In a child with a mount namespace of its own, which ends with it. */
ST_NORETURN static void run_mkfs(const char *layers_dir, const char *options, const char *merged,
                                 const char *const *argv)
{
    int null = os_open("/dev/null", O_RDWR, 0);
    if (os_unshare(CLONE_NEWNS) < 0 || os_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        os_chdir(layers_dir) < 0 ||
        os_mount("overlay", merged, "overlay", MS_RDONLY, options) < 0 || null < 0 ||
        os_dup_to(null, 0, 0) < 0 || os_dup_to(null, 1, 0) < 0) {
        os_exit(EXIT_MOUNT);
    }
    os_execve(argv[0], argv, os_environ());
    os_exit(EXIT_MISSING);
}

static int make_root(struct image_store *store, const struct image *image, const char *name,
                     struct st_err *err)
{
    st_auto(store_work) struct store_work work = STORE_WORK_NONE;
    st_auto(buf) struct st_buf options = ST_BUF_HEAP(OPTIONS_MAX_BYTES);
    st_auto(buf) struct st_buf merged = ST_BUF_HEAP(8192);
    st_auto(buf) struct st_buf to = ST_BUF_HEAP(8192);
    st_auto(buf) struct st_buf empty = ST_BUF_HEAP(8192);
    siginfo_t info;
    int r = store_work_begin(store->work_fd, &work, err);
    if (r < 0) {
        return r;
    }
    st_buf_printf(&merged, "%s/work/%s/merged", store->path, work.name);
    st_buf_printf(&to, "%s/work/%s/root", store->path, work.name);
    st_buf_printf(&empty, "../work/%s/empty", work.name);
    r = mount_options(image, st_buf_string(&empty), &options);
    if (r == -ST_ELIMIT) {
        return st_fail(err, ST_ELIMIT, "%s has too many layers (%zu) for a virtual machine",
                       image->id, image->layer_count);
    }
    if (r == 0 && (r = os_mkdirat(work.fd, "merged", 0700)) == 0 &&
        (r = os_mkdirat(work.fd, "empty", 0755)) == 0) {
        r = os_make_dirs(store->fd, "roots", 0700);
    }
    if (r < 0) {
        return st_fail_os(err, r, "making the disk of %s", image->id);
    }
    const char *const argv[] = {"/usr/bin/mkfs.erofs", "--quiet", st_buf_string(&to),
                                st_buf_string(&merged), NULL};
    pid_t child = os_fork();
    if (child == 0) {
        run_mkfs(image->layers_dir, st_buf_string(&options), st_buf_string(&merged), argv);
    }
    r = child < 0 ? (int)child : os_waitid(P_PID, (unsigned)child, &info, WEXITED);
    if (r < 0) {
        return st_fail_os(err, r, "running %s", argv[0]);
    }
    r = os_exit_code(&info);
    if (r == EXIT_MISSING) {
        st_fail(err, ST_ENOTFOUND, "mkfs.erofs is missing, which makes the disks of images");
        st_hint(err, "install the package erofs-utils");
        return -ST_ENOTFOUND;
    }
    if (r != 0) {
        return st_fail(err, ST_ECHILD,
                       r == EXIT_MOUNT ? "the layers of %s cannot be mounted"
                                       : "mkfs.erofs has failed with %s: its messages say why",
                       image->id);
    }
    st_auto(fd) int fd = os_openat(work.fd, "root", O_RDONLY, 0);
    st_auto(fd) int roots_fd = os_openat(store->fd, "roots", O_RDONLY | O_DIRECTORY, 0);
    r = fd < 0 ? fd : roots_fd < 0 ? roots_fd : os_fsync(fd);
    if (r == 0) {
        r = os_renameat2(work.fd, "root", roots_fd, name, 0);
    }
    return r < 0 ? st_fail_os(err, r, "keeping the disk of %s", image->id) : 0;
}

int image_root_find(struct image_store *store, const struct image *image, char **ret_path,
                    struct st_err *err)
{
    char digest[STORE_DIGEST_SIZE];
    st_auto(buf) struct st_buf path = ST_BUF_HEAP(8192);
    int r = image_root_digest(image->config, digest);
    if (r == 0) {
        st_buf_printf(&path, "%s/roots/%s", store->path, store_digest_hex(digest));
        r = st_buf_status(&path);
    }
    if (r < 0) {
        return st_fail_os(err, r, "naming the disk of %s", image->id);
    }
    if (os_access(AT_FDCWD, path.data, F_OK, 0) < 0 &&
        (r = make_root(store, image, store_digest_hex(digest), err)) < 0) {
        return r;
    }
    *ret_path = st_buf_steal(&path);
    return 0;
}
