/*
 * Errors.
 *
 * A function that can fail returns an int: >= 0 is success, a negative value is -ST_Exxx. Where a
 * person must read the failure it also takes a `struct st_err *err` as its last argument (NULL is
 * allowed everywhere): on failure it fills it in, on success it leaves it alone. Decide by the
 * result, never by looking into *err.
 *
 * The storage is the caller's and fixed in size, so that making an error cannot fail and bare code
 * can do it. Codes named after an errno have that errno's number on Linux, so the thin wrappers of
 * src/os return -errno as it is.
 */
#pragma once

#include <stdarg.h>

#include "base/attr.h"

/* X(name, number, text). Numbers below 1000 are Linux's errno values. */
#define ST_ERRORS(X)                                                                               \
    X(EPERM, 1, "operation not permitted")                                                         \
    X(ENOENT, 2, "no such file or directory")                                                      \
    X(ESRCH, 3, "no such process")                                                                 \
    X(EINTR, 4, "interrupted")                                                                     \
    X(EIO, 5, "input/output error")                                                                \
    X(ENXIO, 6, "no such device or address")                                                       \
    X(E2BIG, 7, "argument list too long")                                                          \
    X(ENOEXEC, 8, "exec format error")                                                             \
    X(EBADF, 9, "bad file descriptor")                                                             \
    X(ECHILD, 10, "no child process")                                                              \
    X(EAGAIN, 11, "resource temporarily unavailable")                                              \
    X(ENOMEM, 12, "out of memory")                                                                 \
    X(EACCES, 13, "permission denied")                                                             \
    X(EFAULT, 14, "bad address")                                                                   \
    X(EBUSY, 16, "device or resource busy")                                                        \
    X(EEXIST, 17, "file exists")                                                                   \
    X(EXDEV, 18, "invalid cross-device link")                                                      \
    X(ENODEV, 19, "no such device")                                                                \
    X(ENOTDIR, 20, "not a directory")                                                              \
    X(EISDIR, 21, "is a directory")                                                                \
    X(EINVAL, 22, "invalid argument")                                                              \
    X(ENFILE, 23, "too many open files in the system")                                             \
    X(EMFILE, 24, "too many open files")                                                           \
    X(ENOTTY, 25, "not a terminal")                                                                \
    X(ETXTBSY, 26, "text file busy")                                                               \
    X(EFBIG, 27, "file too large")                                                                 \
    X(ENOSPC, 28, "no space left on device")                                                       \
    X(ESPIPE, 29, "illegal seek")                                                                  \
    X(EROFS, 30, "read-only file system")                                                          \
    X(EMLINK, 31, "too many links")                                                                \
    X(EPIPE, 32, "broken pipe")                                                                    \
    X(ERANGE, 34, "result out of range")                                                           \
    X(ENAMETOOLONG, 36, "file name too long")                                                      \
    X(ENOSYS, 38, "function not implemented")                                                      \
    X(ENOTEMPTY, 39, "directory not empty")                                                        \
    X(ELOOP, 40, "too many levels of symbolic links")                                              \
    X(ENODATA, 61, "no data available")                                                            \
    X(EOVERFLOW, 75, "value too large")                                                            \
    X(ENOTSOCK, 88, "not a socket")                                                                \
    X(EMSGSIZE, 90, "message too long")                                                            \
    X(EOPNOTSUPP, 95, "operation not supported")                                                   \
    X(EADDRINUSE, 98, "address already in use")                                                    \
    X(EADDRNOTAVAIL, 99, "address not available")                                                  \
    X(ENETUNREACH, 101, "network is unreachable")                                                  \
    X(ECONNRESET, 104, "connection reset by peer")                                                 \
    X(ENOTCONN, 107, "not connected")                                                              \
    X(ETIMEDOUT, 110, "timed out")                                                                 \
    X(ECONNREFUSED, 111, "connection refused")                                                     \
    X(EINPROGRESS, 115, "operation in progress")                                                   \
    X(EDQUOT, 122, "disk quota exceeded")                                                          \
    X(ECORRUPT, 1001, "damaged data")                                                              \
    X(ELIMIT, 1002, "limit exceeded")                                                              \
    X(ESTATE, 1003, "not possible in this state")                                                  \
    X(EVERSION, 1004, "written by another version")                                                \
    X(EUNSUPPORTED, 1005, "not supported")                                                         \
    X(ECONFLICT, 1006, "name is taken")                                                            \
    X(ENOTFOUND, 1007, "not found")

enum st_code {
#define ST_ERROR_ENUM(name, number, text) ST_##name = (number),
    ST_ERRORS(ST_ERROR_ENUM)
#undef ST_ERROR_ENUM
};

struct st_err {
    int code;       /* an enum st_code, positive; 0: none was recorded */
    char msg[1024]; /* one line: names the thing, the value and what would be right */
    char hint[240]; /* one line: what to do about it; may be empty */
};

/* Sets *err to code and message. Returns -code. Any thread. */
int st_fail(struct st_err *err, int code, const char *format, ...) ST_PRINTF(3, 4);

/* As st_fail for a wrapper's negative result: the text of the code follows the message after ": ".
 * Returns result. */
int st_fail_os(struct st_err *err, int result, const char *format, ...) ST_PRINTF(3, 4);

/* Puts "message: " before the message that *err already has (recorded by the function that returned
 * `result`). Returns result. */
int st_wrap(struct st_err *err, int result, const char *format, ...) ST_PRINTF(3, 4);

/* Sets the hint of *err. */
void st_hint(struct st_err *err, const char *format, ...) ST_PRINTF(2, 3);

/* Text of a code, with either sign; "unknown error" for what the table does not have. Static
 * storage. */
const char *st_strerror(int code);
