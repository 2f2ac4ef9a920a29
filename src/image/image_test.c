/* Names, times, the meaning of entries, and an image made, found, used, tagged and removed in a
 * store of its own. What needs root is skipped without it. */
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
#include "image/image_entry.h"
#include "image/image_store_priv.h"
#include "os/os_dir.h"
#include "os/os_file.h"
#include "os/os_identity.h"

static char folder[] = "/tmp/image_test.XXXXXX";

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

static void name_is(const char *name, const char *full, const char *brief)
{
    st_auto(free) char *found = NULL;
    assert_int_equal(image_name_full(name, &found, NULL), 0);
    assert_string_equal(found, full);
    st_auto(free) char *shown = image_name_short(found);
    assert_string_equal(shown, brief);
}

static void names_are_completed_and_shown_as_docker_does(void **state)
{
    (void)state;
    static const char *const bad[] = {"",   ":x",   "UPPER", "a//b",     "a:",           "a/",
                                      "-a", "a:.x", "a b",   "a__b___c", "sha256:zz/..", "../a"};
    name_is("busybox", "docker.io/library/busybox:latest", "busybox:latest");
    name_is("docker.io/busybox:1", "docker.io/library/busybox:1", "busybox:1");
    name_is("index.docker.io/library/a", "docker.io/library/a:latest", "a:latest");
    name_is("me/app:v1.2", "docker.io/me/app:v1.2", "me/app:v1.2");
    name_is("localhost/x", "localhost/x:latest", "localhost/x:latest");
    name_is("reg.example:5000/a/b:t", "reg.example:5000/a/b:t", "reg.example:5000/a/b:t");
    for (size_t i = 0; i < ST_COUNT(bad); i++) {
        st_auto(free) char *full = NULL;
        assert_int_equal(image_name_full(bad[i], &full, NULL), -ST_EINVAL);
    }
}

static void times_are_read_with_their_zone(void **state)
{
    (void)state;
    assert_true(image_time_parse("1970-01-01T00:00:00Z") == 0);
    assert_true(image_time_parse("2023-11-14T22:13:20.123456789Z") == 1700000000);
    assert_true(image_time_parse("2023-11-15T00:13:20+02:00") == 1700000000);
    assert_true(image_time_parse("2024-02-29T00:00:00Z") == 1709164800);
    assert_true(image_time_parse("nonsense") == 0);
    assert_true(image_time_parse(NULL) == 0);
}

static int read_entry(const char *path, const char *link, struct image_entry *entry)
{
    static char clean[IMAGE_PATH_SIZE];
    static char target[IMAGE_PATH_SIZE];
    static struct fmt_tar_entry tar;
    tar = (struct fmt_tar_entry){
        .type = link == NULL ? FMT_TAR_FILE : FMT_TAR_HARD_LINK,
        .path = path,
        .link = link == NULL ? "" : link,
    };
    return image_entry_read(&tar, clean, target, entry, NULL);
}

static void entries_stay_below_the_root(void **state)
{
    (void)state;
    struct image_entry entry;
    assert_int_equal(read_entry("./a//b/./c", NULL, &entry), 1);
    assert_string_equal(entry.path, "a/b/c");
    assert_int_equal(read_entry("/etc/x", "/etc/y", &entry), 1);
    assert_string_equal(entry.path, "etc/x");
    assert_string_equal(entry.link, "etc/y");
    assert_int_equal(read_entry("a/../../x", NULL, &entry), -ST_EINVAL);
    assert_int_equal(read_entry("..", NULL, &entry), -ST_EINVAL);
    assert_int_equal(read_entry("a", "../x", &entry), -ST_EINVAL);
    assert_int_equal(read_entry("./", NULL, &entry), -ST_EINVAL);
}

static void whiteouts_are_told_from_files(void **state)
{
    (void)state;
    struct image_entry entry;
    assert_int_equal(read_entry("a/.wh.b", NULL, &entry), 1);
    assert_int_equal(entry.kind, IMAGE_ENTRY_WHITEOUT);
    assert_string_equal(entry.path, "a/b");
    assert_int_equal(read_entry("a/.wh..wh..opq", NULL, &entry), 1);
    assert_int_equal(entry.kind, IMAGE_ENTRY_OPAQUE);
    assert_string_equal(entry.path, "a");
    assert_int_equal(read_entry(".wh..wh..opq", NULL, &entry), 1);
    assert_string_equal(entry.path, "");
    assert_int_equal(read_entry(".wh..wh.plnk/1", NULL, &entry), 0);
    assert_int_equal(read_entry("a/.wh..wh.aufs", NULL, &entry), 0);
    assert_int_equal(read_entry(".wh.", NULL, &entry), -ST_EINVAL);
    assert_int_equal(read_entry(".wh...", NULL, &entry), -ST_EINVAL);
    assert_int_equal(read_entry(".wh.a/b", NULL, &entry), -ST_EINVAL);
}

/* A tar with one file, in an anonymous file. */
static int tar_of(const char *path, const char *text)
{
    st_auto(buf) struct st_buf tar = ST_BUF_HEAP(1 << 16);
    const struct fmt_tar_entry entry = {
        .type = FMT_TAR_FILE, .path = path, .link = "", .mode = 0640, .size = strlen(text)};
    fmt_tar_write_header(&tar, &entry);
    st_buf_text(&tar, text);
    fmt_tar_write_padding(&tar, entry.size);
    fmt_tar_write_end(&tar);
    int fd = os_memfd("tar", 0);
    assert_true(fd >= 0);
    assert_int_equal(os_write_all(fd, tar.data, tar.length), 0);
    assert_true(os_lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static void collect_line(void *context, const char *line)
{
    st_buf_printf(context, "%.9s\n", line);
}

static void an_image_lives_from_import_to_removal(void **state)
{
    (void)state;
    struct image_store *store = NULL;
    struct st_err err = {0};
    char id[IMAGE_ID_SIZE];
    char text[32];
    st_auto(buf) struct st_buf lines = ST_BUF_HEAP(4096);
    st_auto(image) struct image *image = NULL;
    const struct image_import import = {
        .name = "me/x:1", .cmd = (const char *const[]){"sh", NULL}, .created_s = 1700000000};
    if (os_geteuid() != 0) {
        skip();
    }
    assert_int_equal(image_store_open(folder, &store, &err), 0);
    st_auto(fd) int tar = tar_of("a/b", "hello");
    assert_int_equal(image_import_tar(store, tar, &import, NULL, id, &err), 0);
    assert_int_equal(image_acquire(store, "me/x:1", "instance1", &image, &err), 0);
    assert_string_equal(image->id, id);
    assert_string_equal(image->config->config->cmd[0], "sh");
    assert_int_equal(image->layer_count, 1);
    st_auto(fd) int layer = os_open(image->layers[0].path, O_RDONLY | O_DIRECTORY, 0);
    assert_int_equal(os_read_text(layer, "a/b", text, sizeof(text)), 5);
    assert_int_equal(image_tag(store, id, "other", &err), 0);
    assert_int_equal(image_remove(store, id, false, NULL, NULL, &err), -ST_ECONFLICT);
    assert_int_equal(image_remove(store, "me/x:1", false, collect_line, &lines, &err), 0);
    assert_int_equal(image_remove(store, "other", false, NULL, NULL, &err), -ST_ECONFLICT);
    assert_int_equal(image_release(store, "instance1", &err), 0);
    assert_int_equal(image_remove(store, "other", false, collect_line, &lines, &err), 0);
    assert_string_equal(st_buf_string(&lines), "Untagged:\nUntagged:\nDeleted: \nDeleted: \n");
    assert_int_equal(os_access(layer, "a", F_OK, 0), -ST_ENOENT);
    image_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_completed_and_shown_as_docker_does),
        cmocka_unit_test(times_are_read_with_their_zone),
        cmocka_unit_test(entries_stay_below_the_root),
        cmocka_unit_test(whiteouts_are_told_from_files),
        cmocka_unit_test(an_image_lives_from_import_to_removal),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
