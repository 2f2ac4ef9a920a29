/* Work folders: see store_work.h. */
#include "store/store_work.h"

#include <sys/file.h>

#include "base/print.h"
#include "base/str.h"
#include "os/os_dir.h"
#include "os/os_time.h"

static const char mark_name[] = "collect";

/* Opens and locks a folder: -ST_EAGAIN when a living command has it, -ST_ENOENT when it went away
 * meanwhile. */
static int take(int parent_fd, const char *name)
{
    struct stat opened;
    struct stat named;
    st_auto(fd) int fd = os_openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd < 0) {
        return fd;
    }
    int r = os_flock(fd, LOCK_EX | LOCK_NB);
    if (r == 0) {
        r = os_fstat(fd, &opened);
    }
    if (r == 0) {
        r = os_fstatat(parent_fd, name, &named, AT_SYMLINK_NOFOLLOW);
    }
    if (r < 0) {
        return r;
    }
    return opened.st_ino == named.st_ino ? os_take_fd(fd) : -ST_ENOENT;
}

int store_work_begin(int parent_fd, struct store_work *ret_work, struct st_err *err)
{
    struct store_work work = {.parent_fd = parent_fd, .fd = -1};
    for (int tries = 0; tries < 16; tries++) {
        uint64_t number;
        int r = os_random(&number, sizeof(number));
        if (r < 0) {
            return st_fail_os(err, r, "making a work folder");
        }
        st_snprintf(work.name, sizeof(work.name), "%016llx", (unsigned long long)number);
        r = os_mkdirat(parent_fd, work.name, 0700);
        if (r < 0 && r != -ST_EEXIST) {
            return st_fail_os(err, r, "making a work folder");
        }
        /* A sweep may have come between making and locking: then try again. */
        work.fd = r < 0 ? r : take(parent_fd, work.name);
        if (work.fd >= 0) {
            *ret_work = work;
            return 0;
        }
    }
    return st_fail(err, ST_EAGAIN, "making a work folder: others keep removing it");
}

int store_work_mark(struct store_work *work, struct st_err *err)
{
    st_auto(fd) int fd = os_openat(work->fd, mark_name, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
    return fd < 0 ? st_fail_os(err, fd, "marking a work folder") : 0;
}

/* Removes everything in the folder but the mark. */
static int empty(int fd)
{
    st_auto(os_dir) struct os_dir *dir = NULL;
    const char *name;
    int r = os_dir_open(fd, ".", &dir);
    while (r >= 0 && (r = os_dir_next(dir, &name, NULL)) > 0) {
        if (!st_streq(name, mark_name)) {
            r = os_remove_tree(fd, name);
        }
    }
    return r;
}

void store_work_end(struct store_work *work)
{
    if (work->fd >= 0) {
        /* The next sweep removes what cannot be removed now. */
        (void)os_remove_tree(work->parent_fd, work->name);
        os_close(&work->fd);
    }
}

int store_work_sweep(int parent_fd, bool *ret_marked, struct store_work *ret_work,
                     struct st_err *err)
{
    st_auto(os_dir) struct os_dir *dir = NULL;
    st_auto(store_work) struct store_work marked = STORE_WORK_NONE;
    const char *name;
    int r = os_dir_open(parent_fd, ".", &dir);
    while (r >= 0 && (r = os_dir_next(dir, &name, NULL)) > 0) {
        struct store_work work = {.parent_fd = parent_fd};
        if (!st_strcopy(work.name, sizeof(work.name), name)) {
            continue;
        }
        work.fd = take(parent_fd, name);
        if (work.fd < 0) {
            continue;
        }
        r = empty(work.fd);
        if (r == -ST_ENOTEMPTY) {
            /* A program that a killed process of ours had started still writes there: the next
             * sweep's. */
            os_close(&work.fd);
            r = 0;
            continue;
        }
        if (r < 0) {
            os_close(&work.fd);
            break;
        }
        if (os_access(work.fd, mark_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 && marked.fd < 0) {
            marked = work;
            continue;
        }
        store_work_end(&work);
    }
    if (r < 0) {
        return st_fail_os(err, r, "sweeping the work folders");
    }
    *ret_marked = marked.fd >= 0;
    *ret_work = marked;
    marked.fd = -1;
    return 0;
}
