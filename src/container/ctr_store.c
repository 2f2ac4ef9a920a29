/* The folders of containers: see ctr_store.h. */
#include "container/ctr_store.h"

#include <stdlib.h>
#include <sys/file.h>

#include "base/print.h"
#include "base/str.h"
#include "container/ctr_id.h"
#include "os/os_dir.h"
#include "os/os_file.h"

int ctr_store_path(const char *root, const char *id, const char *name, char ret_path[CTR_PATH_MAX],
                   struct st_err *err)
{
    size_t length = st_snprintf(ret_path, CTR_PATH_MAX, "%s/%s%s%s", root, id,
                                name[0] == '\0' ? "" : "/", name);
    if (length >= CTR_PATH_MAX) {
        return st_fail(err, ST_ENAMETOOLONG, "path of container %s is too long", id);
    }
    return 0;
}

static int make_folder(const char *root, const char *path, const char *id, struct st_err *err)
{
    int r = os_mkdirat(AT_FDCWD, path, 0711);
    if (r == -ST_ENOENT) {
        r = os_make_dirs(AT_FDCWD, root, 0700);
        if (r < 0) {
            return st_fail_os(err, r, "making %s", root);
        }
        r = os_mkdirat(AT_FDCWD, path, 0711);
    }
    if (r == -ST_EEXIST) {
        return st_fail(err, ST_EEXIST, "container with id exists: %s", id);
    }
    return r < 0 ? st_fail_os(err, r, "making %s", path) : 0;
}

/* -ST_ENOENT if somebody removed the folder before we had its lock. */
static int check_there(int folder)
{
    struct stat st;
    int r = os_fstat(folder, &st);
    return r < 0 ? r : st.st_nlink == 0 ? -ST_ENOENT : 0;
}

/* A link is there with its whole target or not at all; only a text that is too long for one goes
 * into a file. */
static int write_cgroup(int folder, const char *text)
{
    int r = os_symlinkat(text, folder, "cgroup");
    if (r != -ST_ENAMETOOLONG) {
        return r;
    }
    st_auto(fd) int fd = os_openat(folder, "cgroup", O_WRONLY | O_CREAT | O_EXCL, 0600);
    return fd < 0 ? fd : os_write_all(fd, text, st_strlen(text));
}

int ctr_store_claim(const char *root, const char *id, const char *cgroup, int *ret_folder,
                    struct st_err *err)
{
    char path[CTR_PATH_MAX];
    int r = ctr_store_path(root, id, "", path, err);
    if (r == 0) {
        r = make_folder(root, path, id, err);
    }
    if (r < 0) {
        return r;
    }
    st_auto(fd) int folder = os_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    r = folder < 0 ? folder : os_flock(folder, LOCK_EX);
    if (r == 0 && cgroup[0] != '\0') {
        r = write_cgroup(folder, cgroup);
    }
    if (r < 0) {
        (void)os_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
        return st_fail_os(err, r, "preparing %s", path);
    }
    *ret_folder = os_take_fd(folder);
    return 0;
}

int ctr_store_open(const char *root, const char *id, bool locked, int *ret_folder,
                   struct st_err *err)
{
    char path[CTR_PATH_MAX];
    int r = ctr_id_check(id, err);
    if (r == 0) {
        r = ctr_store_path(root, id, "", path, err);
    }
    if (r < 0) {
        return r;
    }
    st_auto(fd) int folder = os_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (folder == -ST_ENOENT) {
        return st_fail(err, ST_ENOENT, "container \"%s\" does not exist", id);
    }
    if (folder < 0) {
        return st_fail_os(err, folder, "opening %s", path);
    }
    if (locked) {
        r = os_flock(folder, LOCK_EX);
        r = r < 0 ? r : check_there(folder);
        if (r == -ST_ENOENT) {
            return st_fail(err, ST_ENOENT, "container \"%s\" does not exist", id);
        }
        if (r < 0) {
            return st_fail_os(err, r, "locking container %s", id);
        }
    }
    *ret_folder = os_take_fd(folder);
    return 0;
}

int ctr_store_unlock(int folder)
{
    return os_flock(folder, LOCK_UN);
}

int ctr_store_save(int folder, const struct ctr_record *record, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(CTR_RECORD_MAX_BYTES + (2u << 20));
    int r = ctr_record_write(record, &text);
    if (r == 0) {
        r = st_buf_append(&text, record->config, record->config_length);
    }
    if (r == 0) {
        r = os_replace_file(folder, "state", text.data, text.length, 0600, false);
    }
    return r < 0 ? st_fail_os(err, r, "writing the state of container %s", record->id) : 0;
}

int ctr_store_load(int folder, struct st_buf *text, struct ctr_record *ret_record,
                   struct st_err *err)
{
    int r = os_read_file(folder, "state", text);
    if (r == -ST_ENOENT) {
        return st_fail(err, ST_ENODATA, "the container was never completed; delete it");
    }
    if (r < 0) {
        return st_fail_os(err, r, "reading the container's state");
    }
    return ctr_record_read(text->data == NULL ? "" : text->data, text->length, ret_record, err);
}

int ctr_store_cgroup(int folder, struct st_buf *ret_text)
{
    char target[CTR_PATH_MAX];
    int r = os_readlinkat(folder, "cgroup", target, sizeof(target));
    if (r >= 0) {
        return st_buf_text(ret_text, target);
    }
    if (r == -ST_EINVAL) {
        r = os_read_file(folder, "cgroup", ret_text);
    }
    return r == -ST_ENOENT ? 0 : r;
}

int ctr_store_remove(const char *root, const char *id, int folder, struct st_err *err)
{
    /* The name of the cgroup goes last: a crash in between leaves a folder that can be deleted
     * again. */
    static const char *const names[] = {"start", ".state.new", "state", "cgroup"};
    char path[CTR_PATH_MAX];
    int r = ctr_store_path(root, id, "", path, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < ST_COUNT(names); i++) {
        r = os_unlinkat(folder, names[i], 0);
        if (r < 0 && r != -ST_ENOENT) {
            return st_fail_os(err, r, "removing %s/%s", path, names[i]);
        }
    }
    r = os_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
    if (r == -ST_ENOTEMPTY || r == -ST_EEXIST) {
        r = os_remove_tree(AT_FDCWD, path);
    }
    return r < 0 && r != -ST_ENOENT ? st_fail_os(err, r, "removing %s", path) : 0;
}
