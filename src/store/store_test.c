/* Digests, blobs and work folders, in a folder of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "os/os_dir.h"
#include "os/os_process.h"
#include "store/store_blob.h"
#include "store/store_dir.h"
#include "store/store_work.h"

static char folder[] = "/tmp/store_test.XXXXXX";
static int folder_fd;

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && (folder_fd = os_open(folder, O_RDONLY, 0)) >= 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    os_close(&folder_fd);
    return os_remove_tree(AT_FDCWD, folder);
}

static void a_blob_is_found_by_its_digest_and_checked(void **state)
{
    (void)state;
    char digest[STORE_DIGEST_SIZE];
    struct st_err err = {0};
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(100);
    st_auto(store_work) struct store_work work = STORE_WORK_NONE;
    assert_int_equal(os_mkdirat(folder_fd, "blobs", 0700), 0);
    assert_int_equal(os_mkdirat(folder_fd, "work1", 0700), 0);
    st_auto(fd) int blobs = os_openat(folder_fd, "blobs", O_RDONLY | O_DIRECTORY, 0);
    st_auto(fd) int works = os_openat(folder_fd, "work1", O_RDONLY | O_DIRECTORY, 0);
    assert_int_equal(store_work_begin(works, &work, &err), 0);
    assert_int_equal(store_blob_put(blobs, work.fd, "abc", 3, digest, &err), 0);
    assert_string_equal(digest,
                        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(store_digest_valid(digest));
    assert_int_equal(store_blob_read(blobs, digest, &text, &err), 0);
    assert_string_equal(st_buf_string(&text), "abc");
    assert_int_equal(os_replace_file(blobs, store_digest_hex(digest), "abd", 3, 0600, false), 0);
    assert_int_equal(store_blob_read(blobs, digest, &text, &err), -ST_ECORRUPT);
    digest[10] ^= 1;
    assert_int_equal(store_blob_read(blobs, digest, &text, &err), -ST_ENOTFOUND);
    assert_int_equal(store_blob_read(blobs, "sha256:../../x", &text, &err), -ST_EINVAL);
}

static void a_sweep_takes_what_the_dead_left_and_nothing_else(void **state)
{
    (void)state;
    bool marked = false;
    struct st_err err = {0};
    st_auto(store_work) struct store_work mine = STORE_WORK_NONE;
    st_auto(store_work) struct store_work found = STORE_WORK_NONE;
    assert_int_equal(os_mkdirat(folder_fd, "work2", 0700), 0);
    st_auto(fd) int works = os_openat(folder_fd, "work2", O_RDONLY | O_DIRECTORY, 0);
    assert_int_equal(store_work_begin(works, &mine, &err), 0);
    for (int i = 0; i < 2; i++) {
        pid_t child = os_fork();
        if (child == 0) {
            struct store_work work;
            int r = store_work_begin(works, &work, NULL);
            r = r < 0 ? r : os_make_dirs(work.fd, "a/b/c", 0700);
            r = r < 0 || i == 0 ? r : store_work_mark(&work, NULL);
            os_exit(r < 0); /* without store_work_end, as if killed */
        }
        int status = -1;
        assert_int_equal(os_waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    assert_int_equal(store_work_sweep(works, &marked, &found, &err), 0);
    assert_true(marked);
    assert_int_equal(os_access(found.fd, "a", F_OK, 0), -ST_ENOENT);
    assert_int_equal(os_access(works, mine.name, F_OK, 0), 0);
    store_work_end(&found);
    assert_int_equal(store_work_sweep(works, &marked, &found, &err), 0);
    assert_false(marked);
    st_auto(os_dir) struct os_dir *dir = NULL;
    const char *name;
    assert_int_equal(os_dir_open(works, ".", &dir), 0);
    assert_int_equal(os_dir_next(dir, &name, NULL), 1);
    assert_string_equal(name, mine.name);
    assert_int_equal(os_dir_next(dir, &name, NULL), 0);
}

static void the_environment_moves_the_folders(void **state)
{
    (void)state;
    st_auto(free) char *path = NULL;
    struct st_err err = {0};
    setenv("STRATA_DATA", "relative", 1);
    assert_int_equal(store_data_dir(&path, &err), -ST_EINVAL);
    setenv("STRATA_DATA", "/somewhere", 1);
    assert_int_equal(store_data_dir(&path, &err), 0);
    assert_string_equal(path, "/somewhere");
    unsetenv("STRATA_DATA");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blob_is_found_by_its_digest_and_checked),
        cmocka_unit_test(a_sweep_takes_what_the_dead_left_and_nothing_else),
        cmocka_unit_test(the_environment_moves_the_folders),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
