/* Files: see os_file.h. */
#include "os/os_file.h"

#include <errno.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/print.h"
#include "os/os_priv.h"

void os_close(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

int os_open(const char *path, int flags, mode_t mode)
{
    return os_openat(AT_FDCWD, path, flags, mode);
}

int os_openat(int dir, const char *path, int flags, mode_t mode)
{
    return OS_RETRY(openat(dir, path, flags | O_CLOEXEC, mode));
}

int os_openat2(int dir, const char *path, int flags, mode_t mode, unsigned long long resolve)
{
    struct open_how how = {
        .flags = (unsigned)flags | O_CLOEXEC,
        .mode = (flags & O_CREAT) != 0 ? mode : 0,
        .resolve = resolve,
    };
    for (int tries = 0;; tries++) {
        int fd = (int)OS_RETRY(syscall(SYS_openat2, dir, path, &how, sizeof(how)));
        /* A rename anywhere in the system makes RESOLVE_IN_ROOT and RESOLVE_BENEATH give up with
         * EAGAIN. */
        if (fd != -EAGAIN || tries == 128) {
            return fd;
        }
    }
}

int os_dup(int fd)
{
    return OS_CALL(fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

int os_dup_to(int fd, int to_fd, int flags)
{
    return OS_RETRY(dup3(fd, to_fd, flags));
}

int os_pipe(int ret_fds[2], int flags)
{
    return OS_CALL(pipe2(ret_fds, flags | O_CLOEXEC));
}

int os_memfd(const char *name, unsigned flags)
{
    return OS_CALL(memfd_create(name, flags | MFD_CLOEXEC));
}

int os_get_seals(int fd)
{
    return OS_CALL(fcntl(fd, F_GET_SEALS));
}

int os_add_seals(int fd, int seals)
{
    return OS_CALL(fcntl(fd, F_ADD_SEALS, seals));
}

int os_set_cloexec(int fd, bool on)
{
    return OS_CALL(fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0));
}

int os_is_cloexec(int fd)
{
    int flags = OS_CALL(fcntl(fd, F_GETFD));
    return flags < 0 ? flags : (flags & FD_CLOEXEC) != 0;
}

int os_set_nonblocking(int fd, bool on)
{
    int flags = OS_CALL(fcntl(fd, F_GETFL));
    if (flags < 0) {
        return flags;
    }
    return OS_CALL(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

int os_close_range(unsigned first, unsigned last, unsigned flags)
{
    return (int)OS_CALL(syscall(SYS_close_range, first, last, flags));
}

ssize_t os_read(int fd, void *to, size_t size)
{
    return OS_RETRY(read(fd, to, size));
}

ssize_t os_pread(int fd, void *to, size_t size, off_t at)
{
    return OS_RETRY(pread(fd, to, size, at));
}

ssize_t os_write(int fd, const void *from, size_t size)
{
    return OS_RETRY(write(fd, from, size));
}

ssize_t os_pwrite(int fd, const void *from, size_t size, off_t at)
{
    return OS_RETRY(pwrite(fd, from, size, at));
}

ssize_t os_writev(int fd, const struct iovec *parts, int count)
{
    return OS_RETRY(writev(fd, parts, count));
}

off_t os_lseek(int fd, off_t at, int whence)
{
    return OS_CALL(lseek(fd, at, whence));
}

int os_fsync(int fd)
{
    return OS_RETRY(fsync(fd));
}

int os_fdatasync(int fd)
{
    return OS_RETRY(fdatasync(fd));
}

int os_syncfs(int fd)
{
    return OS_RETRY(syncfs(fd));
}

int os_ftruncate(int fd, off_t size)
{
    return OS_RETRY(ftruncate(fd, size));
}

int os_fallocate(int fd, int mode, off_t at, off_t size)
{
    return OS_RETRY(fallocate(fd, mode, at, size));
}

ssize_t os_copy_file_range(int from, int to, size_t size)
{
    return OS_RETRY(copy_file_range(from, NULL, to, NULL, size, 0));
}

ssize_t os_sendfile(int to, int from, size_t size)
{
    return OS_RETRY(sendfile(to, from, NULL, size));
}

ssize_t os_splice(int from, int to, size_t size, unsigned flags)
{
    return OS_RETRY(splice(from, NULL, to, NULL, size, flags));
}

int os_fstat(int fd, struct stat *ret_stat)
{
    return OS_CALL(fstat(fd, ret_stat));
}

int os_fstatat(int dir, const char *path, struct stat *ret_stat, int flags)
{
    return OS_CALL(fstatat(dir, path, ret_stat, flags));
}

int os_statx(int dir, const char *path, int flags, unsigned mask, struct statx *ret_stat)
{
    return (int)OS_CALL(syscall(SYS_statx, dir, path, flags, mask, ret_stat));
}

int os_fstatfs(int fd, struct statfs *ret_stat)
{
    return OS_RETRY(fstatfs(fd, ret_stat));
}

int os_statfs(const char *path, struct statfs *ret_stat)
{
    return OS_RETRY(statfs(path, ret_stat));
}

int os_access(int dir, const char *path, int mode, int flags)
{
    return OS_CALL(faccessat(dir, path, mode, flags));
}

int os_mkdirat(int dir, const char *path, mode_t mode)
{
    return OS_CALL(mkdirat(dir, path, mode));
}

int os_mknodat(int dir, const char *path, mode_t mode, dev_t device)
{
    return OS_CALL(mknodat(dir, path, mode, device));
}

int os_symlinkat(const char *target, int dir, const char *path)
{
    return OS_CALL(symlinkat(target, dir, path));
}

int os_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    return OS_CALL(linkat(from_dir, from, to_dir, to, flags));
}

int os_unlinkat(int dir, const char *path, int flags)
{
    return OS_CALL(unlinkat(dir, path, flags));
}

int os_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return (int)OS_CALL(syscall(SYS_renameat2, from_dir, from, to_dir, to, flags));
}

int os_fchmod(int fd, mode_t mode)
{
    return OS_CALL(fchmod(fd, mode));
}

int os_fchmodat(int dir, const char *path, mode_t mode)
{
    return OS_CALL(fchmodat(dir, path, mode, 0));
}

int os_fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags)
{
    return OS_CALL(fchownat(dir, path, uid, gid, flags));
}

int os_fchown(int fd, uid_t uid, gid_t gid)
{
    return OS_CALL(fchown(fd, uid, gid));
}

int os_futimens(int fd, const struct timespec times[2])
{
    return OS_CALL(futimens(fd, times));
}

int os_utimensat(int dir, const char *path, const struct timespec times[2], int flags)
{
    return OS_CALL(utimensat(dir, path, times, flags));
}

int os_chdir(const char *path)
{
    return OS_CALL(chdir(path));
}

int os_fchdir(int fd)
{
    return OS_CALL(fchdir(fd));
}

int os_getcwd(char *ret_path, size_t size)
{
    int length = (int)OS_CALL(syscall(SYS_getcwd, ret_path, size));
    if (length < 0) {
        return length;
    }
    return ret_path[0] == '/' ? 0 : -ST_ENOENT; /* the kernel says "(unreachable)/..." */
}

int os_umask(mode_t mask)
{
    return (int)umask(mask);
}

ssize_t os_fgetxattr(int fd, const char *name, void *to, size_t size)
{
    return OS_CALL(fgetxattr(fd, name, to, size));
}

int os_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
    return OS_CALL(fsetxattr(fd, name, value, size, flags));
}

ssize_t os_lgetxattr(const char *path, const char *name, void *to, size_t size)
{
    return OS_CALL(lgetxattr(path, name, to, size));
}

int os_lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)
{
    return OS_CALL(lsetxattr(path, name, value, size, flags));
}

ssize_t os_llistxattr(const char *path, char *to, size_t size)
{
    return OS_CALL(llistxattr(path, to, size));
}

ssize_t os_flistxattr(int fd, char *to, size_t size)
{
    return OS_CALL(flistxattr(fd, to, size));
}

int os_flock(int fd, int operation)
{
    return OS_RETRY(flock(fd, operation));
}

int os_readlinkat(int dir, const char *path, char *ret_target, size_t size)
{
    ssize_t length = OS_CALL(readlinkat(dir, path, ret_target, size));
    if (length < 0) {
        return (int)length;
    }
    if ((size_t)length == size) {
        return -ST_ENAMETOOLONG;
    }
    ret_target[length] = '\0';
    return (int)length;
}

int os_write_all(int fd, const void *from, size_t size)
{
    const char *at = from;
    while (size > 0) {
        ssize_t written = os_write(fd, at, size);
        if (written < 0) {
            return (int)written;
        }
        at += written;
        size -= (size_t)written;
    }
    return 0;
}

int os_read_exactly(int fd, void *to, size_t size)
{
    char *at = to;
    while (size > 0) {
        ssize_t got = os_read(fd, at, size);
        if (got <= 0) {
            return got < 0 ? (int)got : -ST_ENODATA;
        }
        at += got;
        size -= (size_t)got;
    }
    return 0;
}

int os_read_all(int fd, struct st_buf *buf)
{
    size_t chunk = 4096;
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size < 1 << 30) {
        chunk = (size_t)st.st_size + 1; /* one more, so that the end is seen without growing */
    }
    for (;;) {
        if (buf->length + chunk > buf->max) {
            chunk = buf->max - buf->length + (buf->max == buf->length ? 1 : 0);
        }
        int r = st_buf_reserve(buf, chunk);
        if (r < 0) {
            char more;
            if (buf->length == buf->max && os_read(fd, &more, 1) == 0) {
                buf->status = 0;
                return 0;
            }
            return r;
        }
        ssize_t got = os_read(fd, buf->data + buf->length, chunk);
        if (got <= 0) {
            return (int)got;
        }
        st_buf_added(buf, (size_t)got);
        if (chunk < 65536) {
            chunk = 65536;
        }
    }
}

int os_read_file(int dir, const char *path, struct st_buf *buf)
{
    st_auto(fd) int fd = os_openat(dir, path, O_RDONLY, 0);
    return fd < 0 ? fd : os_read_all(fd, buf);
}

int os_read_text(int dir, const char *path, char *ret_text, size_t size)
{
    st_auto(fd) int fd = os_openat(dir, path, O_RDONLY, 0);
    if (fd < 0) {
        return fd;
    }
    size_t length = 0;
    for (;;) {
        ssize_t got = os_read(fd, ret_text + length, size - length);
        if (got < 0) {
            return (int)got;
        }
        if (got == 0) {
            break;
        }
        length += (size_t)got;
        if (length == size) {
            return -ST_ELIMIT;
        }
    }
    if (length > 0 && ret_text[length - 1] == '\n') {
        length--;
    }
    ret_text[length] = '\0';
    return (int)length;
}

int os_write_text(int dir, const char *path, const char *text)
{
    st_auto(fd) int fd = os_openat(dir, path, O_WRONLY, 0);
    if (fd < 0) {
        return fd;
    }
    size_t length = strlen(text);
    ssize_t written = os_write(fd, text, length);
    if (written < 0) {
        return (int)written;
    }
    return (size_t)written == length ? 0 : -ST_EIO;
}

static int sync_folder_of(int dir, const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - path);
    if (length == 0) {
        st_snprintf(folder, sizeof(folder), "%s", slash == NULL ? "." : "/");
    } else {
        st_snprintf(folder, sizeof(folder), "%.*s", (int)length, path);
    }
    st_auto(fd) int fd = os_openat(dir, folder, O_RDONLY | O_DIRECTORY, 0);
    return fd < 0 ? fd : os_fsync(fd);
}

static int write_new(int dir, const char *path, const void *bytes, size_t size, mode_t mode,
                     bool durable)
{
    st_auto(fd) int fd = os_openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return fd;
    }
    int r = os_write_all(fd, bytes, size);
    if (r == 0 && durable) {
        r = os_fsync(fd);
    }
    return r;
}

int os_replace_file(int dir, const char *path, const void *bytes, size_t size, mode_t mode,
                    bool durable)
{
    char new_path[4096];
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    if (st_snprintf(new_path, sizeof(new_path), "%.*s.%s.new", (int)(name - path), path, name) >=
        sizeof(new_path)) {
        return -ST_ENAMETOOLONG;
    }
    int r = write_new(dir, new_path, bytes, size, mode, durable);
    if (r == 0) {
        r = os_renameat2(dir, new_path, dir, path, 0);
    }
    if (r < 0) {
        (void)unlinkat(dir, new_path, 0);
        return r;
    }
    return durable ? sync_folder_of(dir, path) : 0;
}
