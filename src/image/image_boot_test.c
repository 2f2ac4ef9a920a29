/* What virtual machines boot, in a store of its own: made once, made again when its parts change,
 * gone with what it belongs to. What needs root or mkfs.erofs is skipped without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "format/fmt_tar_write.h"
#include "image/image_store_priv.h"
#include "os/os_dir.h"
#include "os/os_file.h"
#include "os/os_identity.h"

static char folder[] = "/tmp/image_boot_test.XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return os_remove_tree(AT_FDCWD, folder);
}

static struct image_store *open_store(void)
{
    struct image_store *store = NULL;
    assert_int_equal(image_store_open(folder, &store, NULL), 0);
    return store;
}

static void write_file(int dir, const char *path, const char *text)
{
    assert_int_equal(os_replace_file(dir, path, text, strlen(text), 0644, false), 0);
}

static void place_kernel(const struct image_store *store)
{
    st_auto(fd) int kernel = -1;
    assert_int_equal(os_make_dirs(store->fd, "kernel/modules", 0755), 0);
    kernel = os_openat(store->fd, "kernel", O_RDONLY | O_DIRECTORY, 0);
    write_file(kernel, "package", "strata-kernel 1 linux_1_amd64.deb\n");
    write_file(kernel, "vmlinuz", "kernel");
    st_auto(fd) int modules = os_openat(kernel, "modules", O_RDONLY | O_DIRECTORY, 0);
    write_file(modules, "01-second.ko", "module 2");
    write_file(modules, "00-first.ko", "module 1");
}

static size_t place_of(const struct st_buf *archive, const char *text)
{
    const char *at = memmem(archive->data, archive->length, text, strlen(text) + 1);
    assert_non_null(at);
    return (size_t)(at - archive->data);
}

static void initrd_has_process_1_and_the_modules_in_their_order(void **state)
{
    (void)state;
    struct image_store *store = open_store();
    struct image_boot boot = {0};
    struct image_boot other = {0};
    char init[64];
    st_auto(buf) struct st_buf archive = ST_BUF_HEAP(1 << 20);
    st_auto(buf) struct st_buf again = ST_BUF_HEAP(1 << 20);
    st_snprintf(init, sizeof(init), "%s/init", folder);
    st_auto(fd) int dir = os_open(folder, O_RDONLY | O_DIRECTORY, 0);
    write_file(dir, "init", "process 1");
    assert_int_equal(image_boot_find(store, init, &boot, NULL), -ST_ENOTFOUND);
    place_kernel(store);
    assert_int_equal(image_boot_find(store, init, &boot, NULL), 0);
    assert_int_equal(os_read_file(AT_FDCWD, boot.initrd, &archive), 0);
    assert_true(place_of(&archive, "init") < place_of(&archive, "modules/00-first.ko"));
    assert_true(place_of(&archive, "modules/00-first.ko") <
                place_of(&archive, "modules/01-second.ko"));
    assert_non_null(memmem(archive.data, archive.length, "process 1", 9));
    assert_non_null(memmem(archive.data, archive.length, "module 2", 8));
    assert_true(st_ends_with(boot.kernel, "/images/kernel/vmlinuz"));
    /* Found, not made again: what is in it now stays. */
    write_file(AT_FDCWD, boot.initrd, "kept");
    assert_int_equal(image_boot_find(store, init, &other, NULL), 0);
    assert_string_equal(other.initrd, boot.initrd);
    assert_int_equal(os_read_file(AT_FDCWD, other.initrd, &again), 0);
    assert_string_equal(st_buf_string(&again), "kept");
    image_boot_done(&other);
    /* Another process 1: another archive, and the old one is gone. */
    write_file(dir, "init", "process one");
    assert_int_equal(image_boot_find(store, init, &other, NULL), 0);
    assert_string_not_equal(other.initrd, boot.initrd);
    assert_int_equal(os_access(AT_FDCWD, boot.initrd, F_OK, 0), -ST_ENOENT);
    image_boot_done(&other);
    image_boot_done(&boot);
    image_store_free(store);
}

static void process_1_is_read_again_only_when_it_has_changed(void **state)
{
    (void)state;
    struct image_store *store = open_store();
    struct image_boot boot = {0};
    struct image_boot other = {0};
    char init[64];
    char path[128];
    st_snprintf(init, sizeof(init), "%s/init", folder);
    place_kernel(store);
    write_file(AT_FDCWD, init, "process 1");
    assert_int_equal(image_boot_find(store, init, &boot, NULL), 0);
    /* A record of another archive is believed as long as process 1 is the same file. */
    st_snprintf(path, sizeof(path), "%s/images/kernel", folder);
    st_auto(fd) int kernel = os_open(path, O_RDONLY | O_DIRECTORY, 0);
    char record[256];
    assert_true(os_read_text(kernel, "init", record, sizeof(record)) > 64);
    char *digit = record + strcspn(record, "\n") - 1;
    *digit = *digit == '0' ? '1' : '0';
    write_file(kernel, "init", record);
    st_snprintf(path, sizeof(path), "initrd-%s", digit - 63);
    path[strcspn(path, "\n")] = 0;
    write_file(kernel, path, "found by its record");
    assert_int_equal(image_boot_find(store, init, &other, NULL), 0);
    assert_string_not_equal(boot.initrd, other.initrd);
    image_boot_done(&other);
    /* The same size, and yet another file. */
    write_file(AT_FDCWD, init, "process 2");
    assert_int_equal(image_boot_find(store, init, &other, NULL), 0);
    assert_string_not_equal(boot.initrd, other.initrd);
    assert_int_equal(os_access(AT_FDCWD, boot.initrd, F_OK, 0), -ST_ENOENT);
    image_boot_done(&other);
    image_boot_done(&boot);
    image_store_free(store);
}

static void kernel_of_another_version_is_refused(void **state)
{
    (void)state;
    struct image_store *store = open_store();
    struct image_boot boot = {0};
    place_kernel(store);
    st_auto(fd) int kernel = os_openat(store->fd, "kernel", O_RDONLY | O_DIRECTORY, 0);
    write_file(kernel, "package", "strata-kernel 2 linux_1_amd64.deb\n");
    assert_int_equal(image_boot_find(store, "/proc/self/exe", &boot, NULL), -ST_EVERSION);
    image_store_free(store);
}

static void import(struct image_store *store, const char *name, const char *text)
{
    char id[IMAGE_ID_SIZE];
    st_auto(buf) struct st_buf tar = ST_BUF_HEAP(1 << 16);
    const struct image_import how = {.name = name};
    const struct fmt_tar_entry entry = {
        .type = FMT_TAR_FILE, .path = "a", .link = "", .mode = 0640, .size = strlen(text)};
    fmt_tar_write_header(&tar, &entry);
    st_buf_text(&tar, text);
    fmt_tar_write_padding(&tar, entry.size);
    fmt_tar_write_end(&tar);
    st_auto(fd) int fd = os_memfd("tar", 0);
    assert_int_equal(os_write_all(fd, tar.data, tar.length), 0);
    assert_true(os_lseek(fd, 0, SEEK_SET) == 0);
    assert_int_equal(image_import_tar(store, fd, &how, NULL, id, NULL), 0);
}

static char *root_of(struct image_store *store, const char *name)
{
    char *path = NULL;
    struct st_err err = {0};
    st_auto(image) struct image *image = NULL;
    assert_int_equal(image_find(store, name, &image, NULL), 0);
    if (image_root_find(store, image, &path, &err) < 0) {
        print_error("%s\n", err.msg);
    }
    return path;
}

static void layers_become_a_disk_that_goes_with_the_last_image(void **state)
{
    static const uint8_t magic[4] = {0xe2, 0xe1, 0xf5, 0xe0};
    (void)state;
    uint8_t found[4] = {0};
    struct stat first, second;
    if (os_geteuid() != 0 || os_access(AT_FDCWD, "/usr/bin/mkfs.erofs", X_OK, 0) < 0) {
        skip();
    }
    struct image_store *store = open_store();
    import(store, "x:1", "hello");
    import(store, "x:2", "other");
    st_auto(free) char *one = root_of(store, "x:1");
    st_auto(free) char *two = root_of(store, "x:2");
    assert_non_null(one);
    assert_non_null(two);
    assert_string_not_equal(one, two);
    st_auto(fd) int fd = os_open(one, O_RDONLY, 0);
    assert_int_equal(os_pread(fd, found, sizeof(found), 1024), sizeof(found));
    assert_memory_equal(found, magic, sizeof(magic));
    st_auto(free) char *again = root_of(store, "x:1");
    assert_string_equal(again, one);
    assert_int_equal(os_fstat(fd, &first), 0);
    assert_int_equal(os_fstatat(AT_FDCWD, again, &second, 0), 0);
    assert_true(first.st_ino == second.st_ino);
    assert_int_equal(image_remove(store, "x:1", false, NULL, NULL, NULL), 0);
    assert_int_equal(os_access(AT_FDCWD, one, F_OK, 0), -ST_ENOENT);
    assert_int_equal(os_access(AT_FDCWD, two, F_OK, 0), 0);
    image_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initrd_has_process_1_and_the_modules_in_their_order),
        cmocka_unit_test(process_1_is_read_again_only_when_it_has_changed),
        cmocka_unit_test(kernel_of_another_version_is_refused),
        cmocka_unit_test(layers_become_a_disk_that_goes_with_the_last_image),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
