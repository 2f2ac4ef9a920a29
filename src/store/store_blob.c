/* Blobs by their digest: see store_blob.h. */
#include "store/store_blob.h"

#include "base/str.h"
#include "os/os_file.h"

int store_blob_keep(int blobs_fd, const char *digest, int dir_fd, const char *name,
                    struct st_err *err)
{
    int r = os_renameat2(dir_fd, name, blobs_fd, store_digest_hex(digest), 0);
    return r < 0 ? st_fail_os(err, r, "keeping blob %s", digest) : 0;
}

int store_blob_put(int blobs_fd, int work_fd, const void *bytes, size_t size,
                   char ret_digest[STORE_DIGEST_SIZE], struct st_err *err)
{
    char digest[STORE_DIGEST_SIZE];
    int r = store_digest_of(bytes, size, digest);
    if (r < 0) {
        return st_fail_os(err, r, "computing a digest");
    }
    const char *name = store_digest_hex(digest);
    st_auto(fd) int fd = os_openat(work_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    r = fd < 0 ? fd : os_write_all(fd, bytes, size);
    if (r < 0) {
        return st_fail_os(err, r, "writing blob %s", digest);
    }
    r = store_blob_keep(blobs_fd, digest, work_fd, name, err);
    if (r < 0) {
        return r;
    }
    st_strcopy(ret_digest, STORE_DIGEST_SIZE, digest);
    return 0;
}

int store_blob_open(int blobs_fd, const char *digest, int *ret_fd, uint64_t *ret_size,
                    struct st_err *err)
{
    struct stat st;
    if (!store_digest_valid(digest)) {
        return st_fail(err, ST_EINVAL, "\"%s\" is not a SHA-256 digest", digest);
    }
    st_auto(fd) int fd = os_openat(blobs_fd, store_digest_hex(digest), O_RDONLY | O_NOFOLLOW, 0);
    if (fd == -ST_ENOENT) {
        return st_fail(err, ST_ENOTFOUND, "there is no blob %s", digest);
    }
    int r = fd < 0 ? fd : os_fstat(fd, &st);
    if (r < 0) {
        return st_fail_os(err, r, "opening blob %s", digest);
    }
    *ret_fd = os_take_fd(fd);
    *ret_size = (uint64_t)st.st_size;
    return 0;
}

int store_blob_read(int blobs_fd, const char *digest, struct st_buf *to, struct st_err *err)
{
    char found[STORE_DIGEST_SIZE];
    st_auto(fd) int fd = -1;
    uint64_t size;
    size_t before = to->length;
    int r = store_blob_open(blobs_fd, digest, &fd, &size, err);
    if (r < 0) {
        return r;
    }
    r = os_read_all(fd, to);
    if (r == 0) {
        r = store_digest_of(to->data + before, to->length - before, found);
    }
    if (r < 0) {
        return st_fail_os(err, r, "reading blob %s", digest);
    }
    if (!st_streq(found, digest)) {
        return st_fail(err, ST_ECORRUPT, "blob %s is damaged: its digest is %s", digest, found);
    }
    return 0;
}

bool store_blob_exists(int blobs_fd, const char *digest)
{
    return os_access(blobs_fd, store_digest_hex(digest), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}
