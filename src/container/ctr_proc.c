/* The runtime's own view of /proc: see ctr_proc.h. */
#include "container/ctr_proc.h"

#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/vfs.h>

#include "os/os_file.h"

/* The inode number of procfs's root folder (PROC_ROOT_INO). */
enum { PROC_ROOT = 1 };

int ctr_proc_open(int *ret_proc, struct st_err *err)
{
    struct statfs fs;
    struct stat st;
    st_auto(fd) int proc = os_open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
    int r = proc < 0 ? proc : os_fstatfs(proc, &fs);
    if (r == 0) {
        r = os_fstat(proc, &st);
    }
    if (r < 0) {
        return st_fail_os(err, r, "opening /proc");
    }
    if (fs.f_type != PROC_SUPER_MAGIC || st.st_ino != PROC_ROOT) {
        return st_fail(err, ST_EINVAL, "/proc is not a procfs");
    }
    *ret_proc = os_take_fd(proc);
    return 0;
}

int ctr_proc_openat(int proc, const char *path, int flags)
{
    return os_openat2(proc, path, flags, 0,
                      RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}

int ctr_proc_write(int proc, const char *path, const char *text, size_t length)
{
    st_auto(fd) int fd = ctr_proc_openat(proc, path, O_WRONLY);
    if (fd < 0) {
        return fd;
    }
    ssize_t n = os_write(fd, text, length);
    return n < 0 ? (int)n : n == (ssize_t)length ? 0 : -ST_EIO;
}
