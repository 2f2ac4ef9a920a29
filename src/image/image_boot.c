/* What virtual machines boot: the kernel in the store, and an initial RAM file system of its
 * modules and our process 1, which is made when it is first asked for and found by digest
 * afterwards. */
#include "image/image.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "format/fmt_cpio.h"
#include "image/image_store_priv.h"
#include "os/os_dir.h"
#include "os/os_file.h"
#include "store/store_digest.h"

#define INITRD "initrd-"
#define RECORD "init"

enum {
    INIT_MAX_BYTES = 64 << 20,
    MODULE_MAX_BYTES = 64 << 20,
    INITRD_MAX_BYTES = 256 << 20,
    MODULES_MAX = 100, /* their names begin with two digits */
    RECORD_SIZE = 256,
};

static int add_file(struct fmt_cpio *cpio, int dir, const char *from, const char *to, uint32_t mode)
{
    st_auto(buf) struct st_buf bytes = ST_BUF_HEAP(MODULE_MAX_BYTES);
    int r = os_read_file(dir, from, &bytes);
    return r < 0 ? r : fmt_cpio_add(cpio, to, S_IFREG | mode, bytes.data, bytes.length);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* In the order of their names, so that the archive is the same each time. */
static int add_modules(struct fmt_cpio *cpio, int kernel_fd)
{
    st_auto(os_dir) struct os_dir *dir = NULL;
    char names[MODULES_MAX][128];
    size_t count = 0;
    const char *name;
    int r = os_dir_open(kernel_fd, "modules", &dir);
    while (r >= 0 && (r = os_dir_next(dir, &name, NULL)) > 0) {
        if (count == MODULES_MAX || !st_strcopy(names[count++], sizeof(names[0]), name)) {
            return -ST_ELIMIT;
        }
    }
    qsort(names, count, sizeof(names[0]), compare_names);
    for (size_t i = 0; r == 0 && i < count; i++) {
        char path[160];
        st_snprintf(path, sizeof(path), "modules/%s", names[i]);
        r = add_file(cpio, kernel_fd, path, path, 0644);
    }
    return r;
}

static int fill_initrd(const struct st_buf *init, int kernel_fd, struct st_buf *to)
{
    static const char *const folders[] = {"dev", "modules", "proc", "sys"};
    struct fmt_cpio cpio;
    int r = 0;
    fmt_cpio_begin(&cpio, to);
    for (size_t i = 0; r == 0 && i < ST_COUNT(folders); i++) {
        r = fmt_cpio_add(&cpio, folders[i], S_IFDIR | 0755, NULL, 0);
    }
    if (r == 0) { /* the kernel opens it for process 1 */
        r = fmt_cpio_add_device(&cpio, "dev/console", S_IFCHR | 0600, 5, 1);
    }
    if (r == 0) {
        r = fmt_cpio_add(&cpio, "init", S_IFREG | 0755, init->data, init->length);
    }
    if (r == 0) {
        r = add_modules(&cpio, kernel_fd);
    }
    return r < 0 ? r : fmt_cpio_end(&cpio);
}

/* Removes those of other versions of process 1. */
static int clear_initrds(int kernel_fd)
{
    st_auto(os_dir) struct os_dir *dir = NULL;
    const char *name;
    int r = os_dir_open(kernel_fd, ".", &dir);
    while (r >= 0 && (r = os_dir_next(dir, &name, NULL)) > 0) {
        if (st_starts_with(name, INITRD)) {
            r = os_unlinkat(kernel_fd, name, 0);
        }
    }
    return r;
}

static int make_initrd(const struct st_buf *init, int kernel_fd, const char *name,
                       struct st_err *err)
{
    st_auto(buf) struct st_buf archive = ST_BUF_HEAP(INITRD_MAX_BYTES);
    int r = fill_initrd(init, kernel_fd, &archive);
    if (r == 0) {
        r = clear_initrds(kernel_fd);
    }
    if (r == 0) {
        r = os_replace_file(kernel_fd, name, archive.data, archive.length, 0644, true);
    }
    return r < 0 ? st_fail_os(err, r, "making the initial RAM file system") : 0;
}

static int open_kernel(const struct image_store *store, struct st_err *err)
{
    char record[512];
    int fd = os_openat(store->fd, "kernel", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd == -ST_ENOENT) {
        st_fail(err, ST_ENOTFOUND, "there is no kernel for virtual machines in the store");
        st_hint(err, "strata image bootstrap kernel brings it there");
        return -ST_ENOTFOUND;
    }
    int r = fd < 0 ? fd : os_read_text(fd, "package", record, sizeof(record));
    if (r >= 0 && !st_starts_with(record, IMAGE_KERNEL_RECORD)) {
        r = st_fail(err, ST_EVERSION, "%s/kernel: not version 1 of the kernel's folder",
                    store->path);
    } else if (r < 0) {
        st_fail_os(err, r, "opening %s/kernel", store->path);
    }
    if (r < 0) {
        os_close(&fd);
        return r;
    }
    return fd;
}

/* Process 1's file as the store last read it: who has not changed need not be read again. */
static void print_record(const struct stat *init, const char *hex, char *to, size_t size)
{
    st_snprintf(to, size, "strata-init 1 %llu %llu %llu %lld.%09ld %lld.%09ld %s\n",
                (unsigned long long)init->st_dev, (unsigned long long)init->st_ino,
                (unsigned long long)init->st_size, (long long)init->st_mtim.tv_sec,
                init->st_mtim.tv_nsec, (long long)init->st_ctim.tv_sec, init->st_ctim.tv_nsec, hex);
}

static int name_files(const struct image_store *store, const char *hex, struct image_boot *ret_boot,
                      struct st_err *err)
{
    st_auto(buf) struct st_buf path = ST_BUF_HEAP(8192);
    st_buf_printf(&path, "%s/kernel/vmlinuz", store->path);
    st_auto(free) char *kernel = st_buf_steal(&path);
    st_buf_printf(&path, "%s/kernel/" INITRD "%s", store->path, hex);
    st_auto(free) char *initrd = st_buf_steal(&path);
    if (kernel == NULL || initrd == NULL) {
        return st_fail_os(err, -ST_ENOMEM, "naming the kernel");
    }
    ret_boot->kernel = st_take(kernel);
    ret_boot->initrd = st_take(initrd);
    return 0;
}

/* 1: found by the record, without reading process 1; 0: not. */
static int find_by_record(struct image_store *store, const char *init_path,
                          struct image_boot *ret_boot, struct st_err *err)
{
    st_auto(image_lock) struct image_lock lock = {.fd = -1};
    struct stat init;
    char kept[RECORD_SIZE];
    char now[RECORD_SIZE];
    char name[sizeof(INITRD) + STORE_HEX_SIZE];
    int r = image_lock_take(store, LOCK_SH, &lock, err);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int kernel_fd = open_kernel(store, err);
    if (kernel_fd < 0) {
        return kernel_fd;
    }
    r = os_read_text(kernel_fd, RECORD, kept, sizeof(kept));
    size_t length = r < 0 ? 0 : strcspn(kept, "\n");
    if (length < STORE_HEX_SIZE || os_fstatat(AT_FDCWD, init_path, &init, 0) < 0) {
        return 0;
    }
    kept[length] = 0;
    const char *hex = kept + length - (STORE_HEX_SIZE - 1);
    print_record(&init, hex, now, sizeof(now));
    st_snprintf(name, sizeof(name), INITRD "%s", hex);
    now[strcspn(now, "\n")] = 0;
    if (!st_streq(kept, now) || os_access(kernel_fd, name, F_OK, 0) < 0) {
        return 0;
    }
    r = name_files(store, hex, ret_boot, err);
    return r < 0 ? r : 1;
}

int image_boot_find(struct image_store *store, const char *init_path, struct image_boot *ret_boot,
                    struct st_err *err)
{
    st_auto(buf) struct st_buf init = ST_BUF_HEAP(INIT_MAX_BYTES);
    st_auto(image_lock) struct image_lock lock = {.fd = -1};
    struct stat stat;
    char digest[STORE_DIGEST_SIZE];
    char name[sizeof(INITRD) + STORE_HEX_SIZE];
    char record[RECORD_SIZE];
    int r = find_by_record(store, init_path, ret_boot, err);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    st_auto(fd) int fd = os_open(init_path, O_RDONLY, 0);
    r = fd < 0 ? fd : os_fstat(fd, &stat);
    r = r < 0 ? r : os_read_all(fd, &init);
    r = r < 0 ? r : store_digest_of(init.data, init.length, digest);
    if (r < 0) {
        return st_fail_os(err, r, "reading %s", init_path);
    }
    r = image_lock_take(store, LOCK_EX, &lock, err);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int kernel_fd = open_kernel(store, err);
    if (kernel_fd < 0) {
        return kernel_fd;
    }
    const char *hex = store_digest_hex(digest);
    st_snprintf(name, sizeof(name), INITRD "%s", hex);
    if (os_access(kernel_fd, name, F_OK, 0) < 0 &&
        (r = make_initrd(&init, kernel_fd, name, err)) < 0) {
        return r;
    }
    print_record(&stat, hex, record, sizeof(record));
    r = os_replace_file(kernel_fd, RECORD, record, strlen(record), 0644, false);
    return r < 0 ? st_fail_os(err, r, "recording process 1 of virtual machines")
                 : name_files(store, hex, ret_boot, err);
}

void image_boot_done(struct image_boot *boot)
{
    free(boot->kernel);
    free(boot->initrd);
    *boot = (struct image_boot){0};
}
