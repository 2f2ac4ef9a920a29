/* cpio archives, byte by byte where the kernel looks, and as Debian's cpio reads them. */
#include "format/fmt_cpio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static void writes_the_newc_form(void **state)
{
    struct st_buf archive = ST_BUF_HEAP(1 << 20);
    struct fmt_cpio cpio;

    (void)state;
    fmt_cpio_begin(&cpio, &archive);
    assert_int_equal(fmt_cpio_add(&cpio, "init", S_IFREG | 0755, "#!/bin/sh\n", 10), 0);
    assert_int_equal(fmt_cpio_add_device(&cpio, "console", S_IFCHR | 0600, 5, 1), 0);
    assert_int_equal(fmt_cpio_end(&cpio), 0);
    assert_memory_equal(archive.data,
                        "070701"
                        "00000001"
                        "000081ed"
                        "00000000"
                        "00000000"
                        "00000001"
                        "00000000"
                        "0000000a"
                        "00000000"
                        "00000000"
                        "00000000"
                        "00000000"
                        "00000005"
                        "00000000"
                        "init\0",
                        115);
    /* Name and content each end on a multiple of 4. */
    assert_memory_equal(archive.data + 116,
                        "#!/bin/sh\n\0\0"
                        "070701",
                        18);
    assert_memory_equal(archive.data + 128 + 78, "0000000500000001", 16);
    assert_int_equal(archive.length % 4, 0);
    st_buf_done(&archive);
}

static void refuses_names_that_are_absolute_or_empty(void **state)
{
    struct st_buf archive = ST_BUF_HEAP(1 << 20);
    struct fmt_cpio cpio;

    (void)state;
    fmt_cpio_begin(&cpio, &archive);
    assert_int_equal(fmt_cpio_add(&cpio, "/init", S_IFREG, "", 0), -ST_EINVAL);
    assert_int_equal(fmt_cpio_add(&cpio, "", S_IFREG, "", 0), -ST_EINVAL);
    assert_int_equal(archive.length, 0);
    st_buf_done(&archive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_newc_form),
        cmocka_unit_test(refuses_names_that_are_absolute_or_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
