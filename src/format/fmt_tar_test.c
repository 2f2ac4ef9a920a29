/* The tar reader on archives of our own writer and on blocks made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/str.h"
#include "format/fmt_tar.h"
#include "format/fmt_tar_write.h"

/* Feeds an archive in pieces and keeps what the last entry was. */
struct seen {
    int result;
    unsigned entries;
    char path[FMT_TAR_MAX_NAME + 1];
    char link[FMT_TAR_MAX_NAME + 1];
    struct fmt_tar_entry entry;
    char xattr[64];
    char data[4096]; /* of the last file, at its offsets */
    struct st_err err;
};

static void read_archive(const struct st_buf *archive, size_t piece, struct seen *seen)
{
    struct fmt_tar tar;
    memset(seen, 0, sizeof(*seen));
    fmt_tar_init(&tar, realloc, free);
    for (size_t at = 0; at < archive->length && seen->result >= 0;) {
        size_t used = 0;
        size_t left = archive->length - at;
        seen->result = fmt_tar_feed(&tar, (uint8_t *)archive->data + at,
                                    left < piece ? left : piece, &used, &seen->err);
        at += used;
        if (seen->result == FMT_TAR_ENTRY) {
            seen->entries++;
            seen->entry = tar.entry;
            assert_true(st_strcopy(seen->path, sizeof(seen->path), tar.entry.path));
            assert_true(st_strcopy(seen->link, sizeof(seen->link), tar.entry.link));
            seen->xattr[0] = '\0';
            if (tar.entry.xattr_count > 0) {
                snprintf(seen->xattr, sizeof(seen->xattr), "%s=%.*s", tar.xattrs[0].name,
                         (int)tar.xattrs[0].size, (const char *)tar.xattrs[0].value);
            }
        } else if (seen->result == FMT_TAR_DATA) {
            assert_true(tar.data.offset + tar.data.size <= sizeof(seen->data));
            memcpy(seen->data + tar.data.offset, tar.data.bytes, tar.data.size);
        } else if (seen->result == FMT_TAR_END) {
            break;
        }
    }
    if (seen->result >= 0) {
        seen->result = fmt_tar_finish(&tar, &seen->err);
    }
    fmt_tar_done(&tar);
}

/* A header block of any type with a right sum, and its payload padded. */
static void add_block(struct st_buf *archive, char type, const char *name, const void *payload,
                      size_t size)
{
    char block[FMT_TAR_BLOCK] = {0};
    unsigned sum = 0;
    memcpy(block, name, strlen(name));
    snprintf(block + 100, 8, "%07o", 0644U);
    snprintf(block + 124, 12, "%011o", (unsigned)size & 07777777);
    block[156] = type;
    memcpy(block + 257,
           "ustar\0"
           "00",
           8);
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < sizeof(block); i++) {
        sum += (uint8_t)block[i];
    }
    snprintf(block + 148, 8, "%06o", sum);
    st_buf_append(archive, block, sizeof(block));
    if (size > 0) {
        st_buf_append(archive, payload, size);
    }
    fmt_tar_write_padding(archive, size);
}

static void add_text(struct st_buf *archive, char type, const char *name, const char *text)
{
    add_block(archive, type, name, text, strlen(text));
}

static void reads_what_the_writer_wrote(void **state)
{
    (void)state;
    char long_name[3000];
    memset(long_name, 'n', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = '\0';
    const struct fmt_tar_xattr xattr = {"user.a", (const uint8_t *)"v=\n", 3};
    const struct fmt_tar_entry entry = {
        .type = FMT_TAR_HARD_LINK,
        .path = long_name,
        .link = long_name,
        .mode = 04755,
        .uid = 4000000000,
        .gid = 7,
        .mtime_s = 1700000000,
        .xattr_count = 1,
        .xattrs = &xattr,
    };
    st_auto(buf) struct st_buf archive = ST_BUF_HEAP(1 << 20);
    assert_int_equal(fmt_tar_write_header(&archive, &entry), 0);
    assert_int_equal(fmt_tar_write_end(&archive), 0);
    for (size_t piece = 1; piece < 2000; piece = piece * 3 + 1) {
        struct seen seen;
        read_archive(&archive, piece, &seen);
        assert_int_equal(seen.result, 0);
        assert_int_equal(seen.entries, 1);
        assert_string_equal(seen.path, long_name);
        assert_string_equal(seen.link, long_name);
        assert_int_equal(seen.entry.type, FMT_TAR_HARD_LINK);
        assert_int_equal(seen.entry.uid, 4000000000);
        assert_int_equal(seen.entry.mode, 04755);
        assert_true(seen.entry.mtime_s == 1700000000);
        assert_string_equal(seen.xattr, "user.a=v=\n");
    }
}

static void reads_gnu_long_names_and_global_headers(void **state)
{
    (void)state;
    struct seen seen;
    st_auto(buf) struct st_buf archive = ST_BUF_HEAP(1 << 20);
    add_text(&archive, 'g', "g", "19 SCHILY.xattr.a=b\n");
    read_archive(&archive, 512, &seen);
    assert_int_equal(seen.result, 0);
    st_buf_reset(&archive);
    add_text(&archive, 'g', "g", "12 mtime=-2\n");
    add_block(&archive, 'L', "././@LongLink", "a/long/name", 12);
    add_text(&archive, '0', "short", "data");
    add_text(&archive, '0', "second/", "");
    fmt_tar_write_end(&archive);
    read_archive(&archive, 100, &seen);
    assert_int_equal(seen.result, 0);
    assert_int_equal(seen.entries, 2);
    assert_string_equal(seen.path, "second/");
    assert_int_equal(seen.entry.type, FMT_TAR_FOLDER);
    assert_true(seen.entry.mtime_s == -2);
    assert_memory_equal(seen.data, "data", 4);
}

static void puts_sparse_data_where_the_map_says(void **state)
{
    (void)state;
    struct seen seen;
    char payload[1024] = "2\n10\n3\n1000\n2\n";
    memcpy(payload + 512, "abcde", 5);
    st_auto(buf) struct st_buf archive = ST_BUF_HEAP(1 << 20);
    add_text(&archive, 'x', "x",
             "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n21 GNU.sparse.name=f\n"
             "28 GNU.sparse.realsize=1200\n");
    add_block(&archive, '0', "GNUSparseFile.1/f", payload, 517);
    fmt_tar_write_end(&archive);
    for (size_t piece = 1; piece <= 600; piece += 599) {
        read_archive(&archive, piece, &seen);
        assert_string_equal(seen.err.msg, "");
        assert_int_equal(seen.result, 0);
        assert_string_equal(seen.path, "f");
        assert_int_equal(seen.entry.size, 1200);
        assert_memory_equal(seen.data + 10, "abc", 3);
        assert_memory_equal(seen.data + 1000, "de", 2);
    }
    st_buf_reset(&archive);
    add_text(&archive, 'x', "x", "25 GNU.sparse.map=5,2,3,1\n");
    add_text(&archive, '0', "f", "abc");
    read_archive(&archive, 512, &seen);
    assert_int_equal(seen.result, -ST_ECORRUPT);
}

static void refuses_damaged_and_oversized_archives(void **state)
{
    (void)state;
    static const char *const bad_pax[] = {
        "9 path=a\nx",  "99 path=a\n", "0 path=a\n",
        "11 size=-1\n", "10 uid=4x\n", "99999999999999999999 a=b\n",
        "5 =a\n",
    };
    struct seen seen;
    st_auto(buf) struct st_buf archive = ST_BUF_HEAP(1 << 22);
    for (size_t i = 0; i < ST_COUNT(bad_pax); i++) {
        st_buf_reset(&archive);
        add_text(&archive, 'x', "x", bad_pax[i]);
        add_text(&archive, '0', "f", "");
        read_archive(&archive, 512, &seen);
        assert_int_equal(seen.result, -ST_ECORRUPT);
    }
    st_buf_reset(&archive);
    add_text(&archive, '0', "f", "data");
    archive.data[3] ^= 1; /* the sum is wrong now */
    read_archive(&archive, 512, &seen);
    assert_int_equal(seen.result, -ST_ECORRUPT);
    archive.data[3] ^= 1;
    archive.length -= 1;
    read_archive(&archive, 512, &seen);
    assert_int_equal(seen.result, -ST_ECORRUPT);
    st_buf_reset(&archive);
    char *name = calloc(1, 2 << 20);
    memset(name, 'a', 5000);
    add_block(&archive, 'L', "l", name, 5000);
    read_archive(&archive, 512, &seen);
    assert_int_equal(seen.result, -ST_ELIMIT);
    st_buf_reset(&archive);
    add_block(&archive, 'x', "x", name, (1 << 20) + 1);
    read_archive(&archive, 512, &seen);
    assert_int_equal(seen.result, -ST_ELIMIT);
    free(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_writer_wrote),
        cmocka_unit_test(reads_gnu_long_names_and_global_headers),
        cmocka_unit_test(puts_sparse_data_where_the_map_says),
        cmocka_unit_test(refuses_damaged_and_oversized_archives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
