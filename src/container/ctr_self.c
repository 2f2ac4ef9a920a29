/* Protecting our own file (CVE-2019-5736): see ctr_protect_self in ctr.h. */
#include <linux/mount.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "base/heap.h"
#include "container/ctr.h"
#include "os/os_file.h"
#include "os/os_mount.h"
#include "os/os_process.h"

#define SELF "/proc/self/exe"

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

/* Whoever opens our file by our process can't write to it: its mount is read-only, or it is sealed
 * memory. */
static bool is_protected(void)
{
    struct statfs fs;
    if (os_statfs(SELF, &fs) == 0 && (fs.f_flags & ST_RDONLY) != 0) {
        return true;
    }
    st_auto(fd) int self = os_open(SELF, O_RDONLY, 0);
    return self >= 0 && os_get_seals(self) == SEALS;
}

/* Our file by a mount of its own that is attached nowhere and read-only. */
static int read_only_view(void)
{
    const struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    st_auto(fd) int tree = os_open_tree(AT_FDCWD, SELF, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0) {
        return tree;
    }
    int r = os_mount_setattr(tree, "", AT_EMPTY_PATH, &attr);
    return r < 0 ? r : os_take_fd(tree);
}

/* A copy in memory, for those who may not mount. */
static int sealed_copy(void)
{
    struct stat st;
    st_auto(fd) int self = os_open(SELF, O_RDONLY, 0);
    if (self < 0) {
        return self;
    }
    st_auto(fd) int copy = os_memfd("strata-oci", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    int r = copy < 0 ? copy : os_fstat(self, &st);
    for (off_t left = r < 0 ? 0 : st.st_size; r >= 0 && left > 0; left -= r) {
        r = (int)os_sendfile(copy, self, (size_t)left);
        if (r == 0) {
            r = -ST_ENODATA;
        }
    }
    if (r >= 0) {
        r = os_add_seals(copy, SEALS);
    }
    return r < 0 ? r : os_take_fd(copy);
}

int ctr_protect_self(char **argv, struct st_err *err)
{
    if (is_protected()) {
        return 0;
    }
    st_auto(fd) int view = read_only_view();
    if (view < 0) {
        view = sealed_copy();
    }
    if (view < 0) {
        return st_fail_os(err, view, "making a read-only view of the runtime's own file");
    }
    int r = os_execveat(view, "", (const char *const *)argv, os_environ(), AT_EMPTY_PATH);
    return st_fail_os(err, r, "running again from a read-only view of the runtime's own file");
}
