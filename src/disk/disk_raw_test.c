/* Raw disks by both methods: data, flushes, holes, locks, bad images. */
#include "disk/disk_raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/os_file.h"

enum { SIZE = 1 << 20 };

static char path[] = "/tmp/strata-disk-XXXXXX";
static char memory_path[] = "/dev/shm/strata-disk-XXXXXX";
static struct os_loop *loop;
static unsigned left;
static int last_result;

static void no_lock(void *argument)
{
    (void)argument;
}

static void done(struct plat_block_request *request, int result)
{
    (void)request;
    last_result = result;
    if (--left == 0) {
        os_loop_stop(loop);
    }
}

static int make(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    if (fd < 0 || os_ftruncate(fd, SIZE) < 0) {
        return -1;
    }
    os_close(&fd);
    return os_loop_new(no_lock, no_lock, NULL, &loop);
}

static int unmake(void **state)
{
    (void)state;
    os_loop_free(loop);
    unlink(path);
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    return 0;
}

static struct disk_raw *open_disk(bool no_uring)
{
    struct disk_raw *disk;
    struct disk_raw_config config = {.path = path, .no_uring = no_uring, .loop = loop};
    struct st_err err;

    assert_int_equal(disk_raw_open(&config, &disk, &err), 0);
    return disk;
}

static int run(struct disk_raw *disk, struct plat_block_request *requests, unsigned count)
{
    struct plat_block *block = disk_raw_block(disk);

    left = count;
    last_result = 1;
    for (unsigned i = 0; i < count; i++) {
        requests[i].done = done;
        block->ops->submit(block, &requests[i]);
    }
    block->ops->kick(block);
    assert_int_equal(os_loop_run(loop), 0);
    assert_int_equal(left, 0);
    return last_result;
}

static void transfers(bool no_uring)
{
    struct disk_raw *disk = open_disk(no_uring);
    static uint8_t written[3 * 4096], read_back[3 * 4096];
    struct plat_span parts[2] = {{written, 4096}, {written + 4096, 8192}};
    struct plat_span back = {read_back, sizeof read_back};
    struct plat_block_request request = {.op = PLAT_BLOCK_WRITE,
                                         .at_bytes = SIZE - sizeof written,
                                         .size_bytes = sizeof written,
                                         .spans = parts,
                                         .spans_count = 2};
    struct plat_block_request flush = {.op = PLAT_BLOCK_FLUSH};
    struct plat_block_request zeroes = {
        .op = PLAT_BLOCK_WRITE_ZEROES, .at_bytes = SIZE - 8192, .size_bytes = 4096};

    for (size_t i = 0; i < sizeof written; i++) {
        written[i] = (uint8_t)(i * 7 + i / 4096);
    }
    assert_int_equal(disk_raw_block(disk)->size_bytes, SIZE);
    assert_int_equal(run(disk, &request, 1), 0);
    assert_int_equal(run(disk, &flush, 1), 0);
    if (disk_raw_block(disk)->can_discard && run(disk, &zeroes, 1) == 0) {
        memset(written + 4096, 0, 4096);
    }
    request.op = PLAT_BLOCK_READ;
    request.spans = &back;
    request.spans_count = 1;
    assert_int_equal(run(disk, &request, 1), 0);
    assert_memory_equal(read_back, written, sizeof written);
    disk_raw_close(disk);
}

static void reads_back_what_was_written(void **state)
{
    (void)state;
    transfers(false);
}

static void reads_back_what_was_written_by_threads(void **state)
{
    struct disk_raw *disk = open_disk(true);

    (void)state;
    assert_string_equal(disk_raw_method(disk), "threads");
    disk_raw_close(disk);
    transfers(true);
}

/* On a file system that has holes but no ranges of zeroes. */
static void zeroes_what_is_in_memory(void **state)
{
    uint8_t bytes[4096];
    struct plat_span span = {bytes, sizeof bytes};
    struct plat_block_request request = {
        .at_bytes = 4096, .size_bytes = sizeof bytes, .spans = &span, .spans_count = 1};
    struct plat_block_request zeroes = {
        .op = PLAT_BLOCK_WRITE_ZEROES, .at_bytes = 4096, .size_bytes = 4096};
    int fd = mkstemp(memory_path);

    (void)state;
    if (fd < 0) {
        print_message("SKIPPED: no /dev/shm\n");
        skip();
    }
    assert_int_equal(os_ftruncate(fd, SIZE), 0);
    os_close(&fd);
    for (unsigned no_uring = 0; no_uring < 2; no_uring++) {
        struct disk_raw_config config = {.path = memory_path, .no_uring = no_uring, .loop = loop};
        struct disk_raw *disk;

        assert_int_equal(disk_raw_open(&config, &disk, NULL), 0);
        assert_true(disk_raw_block(disk)->can_discard);
        memset(bytes, 0x5a, sizeof bytes);
        request.op = PLAT_BLOCK_WRITE;
        assert_int_equal(run(disk, &request, 1), 0);
        assert_int_equal(run(disk, &zeroes, 1), 0);
        request.op = PLAT_BLOCK_READ;
        assert_int_equal(run(disk, &request, 1), 0);
        for (size_t i = 0; i < sizeof bytes; i++) {
            assert_int_equal(bytes[i], 0);
        }
        disk_raw_close(disk);
    }
    unlink(memory_path);
}

static void takes_more_requests_than_the_ring_has_entries(void **state)
{
    enum { COUNT = 500 };
    static struct plat_block_request requests[COUNT];
    static uint8_t bytes[COUNT][512];
    static struct plat_span spans[COUNT];
    struct disk_raw *disk = open_disk(false);

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        memset(bytes[i], (int)i, 512);
        spans[i] = (struct plat_span){bytes[i], 512};
        requests[i] = (struct plat_block_request){.op = PLAT_BLOCK_WRITE,
                                                  .at_bytes = 512ull * i,
                                                  .size_bytes = 512,
                                                  .spans = &spans[i],
                                                  .spans_count = 1};
    }
    assert_int_equal(run(disk, requests, COUNT), 0);
    disk_raw_close(disk);
}

static void says_so_when_the_file_got_shorter(void **state)
{
    uint8_t bytes[4096];
    struct plat_span span = {bytes, sizeof bytes};
    struct plat_block_request request = {.op = PLAT_BLOCK_READ,
                                         .at_bytes = SIZE - 4096,
                                         .size_bytes = 4096,
                                         .spans = &span,
                                         .spans_count = 1};
    struct disk_raw *disk = open_disk(false);

    (void)state;
    assert_int_equal(truncate(path, 4096), 0);
    assert_int_equal(run(disk, &request, 1), -ST_EIO);
    disk_raw_close(disk);
}

static void refuses_a_second_writer_and_odd_sizes(void **state)
{
    struct disk_raw *disk = open_disk(false);
    struct disk_raw *other;
    struct disk_raw_config config = {.path = path, .loop = loop};
    struct st_err err;

    (void)state;
    assert_int_equal(disk_raw_open(&config, &other, &err), -ST_EBUSY);
    config.read_only = true;
    assert_int_equal(disk_raw_open(&config, &other, &err), -ST_EBUSY);
    disk_raw_close(disk);
    assert_int_equal(disk_raw_open(&config, &disk, &err), 0);
    assert_int_equal(disk_raw_open(&config, &other, &err), 0);
    disk_raw_close(disk);
    disk_raw_close(other);

    assert_int_equal(truncate(path, 1000), 0);
    assert_int_equal(disk_raw_open(&config, &other, &err), -ST_EINVAL);
    assert_non_null(strstr(err.msg, "1000"));
    config.path = "/nonexistent";
    assert_int_equal(disk_raw_open(&config, &other, &err), -ST_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_back_what_was_written, make, unmake),
        cmocka_unit_test_setup_teardown(reads_back_what_was_written_by_threads, make, unmake),
        cmocka_unit_test_setup_teardown(zeroes_what_is_in_memory, make, unmake),
        cmocka_unit_test_setup_teardown(takes_more_requests_than_the_ring_has_entries, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(says_so_when_the_file_got_shorter, make, unmake),
        cmocka_unit_test_setup_teardown(refuses_a_second_writer_and_odd_sizes, make, unmake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
