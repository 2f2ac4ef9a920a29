/* Tests of the state file's text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "container/ctr_record.h"
#include "json/json_doc.h"

static struct json_pair pairs[] = {{"key", "value \"quoted\""}};

static const struct ctr_record sample = {
    .id = "some-id",
    .bundle = "/bundle",
    .rootfs = "/bundle/rootfs",
    .cgroup = "memory /sys/fs/cgroup/memory /a\ncpu /sys/fs/cgroup/cpu /a\n",
    .oci_version = "1.2.1",
    .pid = 4711,
    .start_ticks = UINT64_MAX,
    .created_ns = 1700000000123456789u,
    .uid = 1000,
    .no_new_keyring = true,
    .annotations = pairs,
    .annotations_count = 1,
    .config = "{\"ociVersion\": \"1.2.1\"}\n",
    .config_length = 24,
};

static void write_sample(struct st_buf *to)
{
    assert_int_equal(ctr_record_write(&sample, to), 0);
    assert_int_equal(st_buf_append(to, sample.config, sample.config_length), 0);
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    struct st_buf text = ST_BUF_HEAP(1 << 16);
    struct ctr_record got;
    write_sample(&text);
    assert_int_equal(ctr_record_read(text.data, text.length, &got, NULL), 0);
    assert_string_equal(got.id, sample.id);
    assert_string_equal(got.bundle, sample.bundle);
    assert_string_equal(got.rootfs, sample.rootfs);
    assert_string_equal(got.cgroup, sample.cgroup);
    assert_int_equal(got.pid, sample.pid);
    assert_true(got.start_ticks == sample.start_ticks);
    assert_true(got.created_ns == sample.created_ns);
    assert_int_equal(got.uid, sample.uid);
    assert_true(got.no_new_keyring);
    assert_int_equal(got.annotations_count, 1);
    assert_string_equal(got.annotations[0].value, "value \"quoted\"");
    assert_int_equal(got.config_length, sample.config_length);
    assert_memory_equal(got.config, sample.config, sample.config_length);
    ctr_record_done(&got);
    st_buf_done(&text);
}

static void a_file_that_was_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct st_buf text = ST_BUF_HEAP(1 << 16);
    struct ctr_record got;
    write_sample(&text);
    for (size_t length = 0; length < text.length; length++) {
        assert_int_equal(ctr_record_read(text.data, length, &got, NULL), -ST_ECORRUPT);
    }
    st_buf_done(&text);
}

static void another_version_is_named(void **state)
{
    (void)state;
    struct ctr_record got;
    struct st_err err;
    static const char text[] = "strata-oci 2 5 5\n";
    assert_int_equal(ctr_record_read(text, sizeof(text) - 1, &got, &err), -ST_EVERSION);
}

static void a_process_number_that_is_none_is_refused(void **state)
{
    (void)state;
    struct st_buf text = ST_BUF_HEAP(1 << 16);
    struct ctr_record bad = sample, got;
    bad.pid = 0;
    assert_int_equal(ctr_record_write(&bad, &text), 0);
    assert_int_equal(st_buf_append(&text, bad.config, bad.config_length), 0);
    assert_int_equal(ctr_record_read(text.data, text.length, &got, NULL), -ST_ECORRUPT);
    st_buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_file_that_was_cut_anywhere_is_refused),
        cmocka_unit_test(another_version_is_named),
        cmocka_unit_test(a_process_number_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
