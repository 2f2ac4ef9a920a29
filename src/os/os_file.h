/*
 * Files: thin wrappers and what every module does with files.
 *
 * Wrappers take what the system call takes (man 2 NAME), return its result or -errno (which is
 * -ST_Exxx), and open every descriptor close-on-exec. Calls that a signal may interrupt are made
 * again. Any thread.
 */
#pragma once

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/heap.h"

struct statx;
struct statfs;
struct open_how;
struct iovec;

/* Closes *fd if it is one and sets it to -1. */
void os_close(int *fd);

static inline void st_cleanup_fd(int *fd)
{
    os_close(fd);
}

/* Hands a descriptor over: the variable is -1 afterwards. */
#define os_take_fd(fd)                                                                             \
    ({                                                                                             \
        int os_taken_fd = (fd);                                                                    \
        (fd) = -1;                                                                                 \
        os_taken_fd;                                                                               \
    })

int os_open(const char *path, int flags, mode_t mode);
int os_openat(int dir, const char *path, int flags, mode_t mode);
/* resolve: RESOLVE_* of <linux/openat2.h>. */
int os_openat2(int dir, const char *path, int flags, mode_t mode, unsigned long long resolve);
int os_dup(int fd);
int os_dup_to(int fd, int to_fd, int flags);
int os_pipe(int ret_fds[2], int flags);
int os_memfd(const char *name, unsigned flags);
/* Seals of a memfd (F_SEAL_*). */
int os_get_seals(int fd);
int os_add_seals(int fd, int seals);
int os_set_cloexec(int fd, bool on);
/* 1 or 0. */
int os_is_cloexec(int fd);
int os_set_nonblocking(int fd, bool on);
/* flags: CLOSE_RANGE_*. */
int os_close_range(unsigned first, unsigned last, unsigned flags);

ssize_t os_read(int fd, void *to, size_t size);
ssize_t os_pread(int fd, void *to, size_t size, off_t at);
ssize_t os_write(int fd, const void *from, size_t size);
ssize_t os_pwrite(int fd, const void *from, size_t size, off_t at);
ssize_t os_writev(int fd, const struct iovec *parts, int count);
off_t os_lseek(int fd, off_t at, int whence);
int os_fsync(int fd);
int os_fdatasync(int fd);
int os_syncfs(int fd);
int os_ftruncate(int fd, off_t size);
int os_fallocate(int fd, int mode, off_t at, off_t size);
ssize_t os_copy_file_range(int from, int to, size_t size);
ssize_t os_sendfile(int to, int from, size_t size);
ssize_t os_splice(int from, int to, size_t size, unsigned flags);

int os_fstat(int fd, struct stat *ret_stat);
int os_fstatat(int dir, const char *path, struct stat *ret_stat, int flags);
int os_statx(int dir, const char *path, int flags, unsigned mask, struct statx *ret_stat);
int os_fstatfs(int fd, struct statfs *ret_stat);
int os_statfs(const char *path, struct statfs *ret_stat);
int os_access(int dir, const char *path, int mode, int flags);

int os_mkdirat(int dir, const char *path, mode_t mode);
int os_mknodat(int dir, const char *path, mode_t mode, dev_t device);
int os_symlinkat(const char *target, int dir, const char *path);
int os_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
int os_unlinkat(int dir, const char *path, int flags);
int os_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int os_fchmod(int fd, mode_t mode);
int os_fchmodat(int dir, const char *path, mode_t mode);
int os_fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags);
int os_fchown(int fd, uid_t uid, gid_t gid);
int os_futimens(int fd, const struct timespec times[2]);
int os_utimensat(int dir, const char *path, const struct timespec times[2], int flags);
int os_chdir(const char *path);
int os_fchdir(int fd);
/* The current folder's path; -ST_ENOENT when it is outside of the root. */
int os_getcwd(char *ret_path, size_t size);
int os_umask(mode_t mask);

/* Extended attributes of an open file, and of a path without following its last link. */
ssize_t os_fgetxattr(int fd, const char *name, void *to, size_t size);
int os_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags);
ssize_t os_lgetxattr(const char *path, const char *name, void *to, size_t size);
int os_lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags);
ssize_t os_llistxattr(const char *path, char *to, size_t size);
ssize_t os_flistxattr(int fd, char *to, size_t size);

/* Locks of an open file description: operation is LOCK_SH, LOCK_EX or LOCK_UN, with LOCK_NB to not
 * wait
 * (-ST_EAGAIN when it is held). */
int os_flock(int fd, int operation);

/* The target of a link, with its zero; -ST_ENAMETOOLONG when it does not fit. */
int os_readlinkat(int dir, const char *path, char *ret_target, size_t size);

/* Writes everything. Returns 0 or -errno. */
int os_write_all(int fd, const void *from, size_t size);

/* Reads exactly size bytes: -ST_ENODATA when the file ends before. */
int os_read_exactly(int fd, void *to, size_t size);

/* Appends everything up to the end of the file to buf, whose limit bounds it (-ST_ELIMIT). */
int os_read_all(int fd, struct st_buf *buf);

/* Appends a whole file to buf. */
int os_read_file(int dir, const char *path, struct st_buf *buf);

/* Reads a small file (of /proc, say) into text, with a zero, without the last newline. Returns its
 * length; -ST_ELIMIT when it does not fit. */
int os_read_text(int dir, const char *path, char *ret_text, size_t size);

/* Writes text into an existing file in one write, as control files want it. */
int os_write_text(int dir, const char *path, const char *text);

/* Makes or replaces dir/path with these bytes so that a reader, and a crash, finds the old or the
 * new file and never half of one; durable: on disk too when this returns (the folder's entry
 * included). The temporary name is
 * ".PATH.new"; one that a killed writer left is replaced. */
int os_replace_file(int dir, const char *path, const void *bytes, size_t size, mode_t mode,
                    bool durable);
