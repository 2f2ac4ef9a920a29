/* Sockets: see os_socket.h. */
#include "os/os_socket.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/print.h"
#include "base/str.h"
#include "os/os_file.h"
#include "os/os_priv.h"

enum { MAX_FDS = 8 };

int os_socket(int domain, int type, int protocol)
{
    return OS_CALL(socket(domain, type | SOCK_CLOEXEC, protocol));
}

int os_socketpair(int type, int ret_fds[2])
{
    return OS_CALL(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret_fds));
}

int os_bind(int fd, const struct sockaddr *address, socklen_t length)
{
    return OS_CALL(bind(fd, address, length));
}

int os_listen(int fd, int backlog)
{
    return OS_CALL(listen(fd, backlog));
}

int os_accept(int fd, int flags)
{
    return OS_RETRY(accept4(fd, NULL, NULL, flags | SOCK_CLOEXEC));
}

int os_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    return OS_CALL(connect(fd, address, length));
}

int os_shutdown(int fd, int how)
{
    return OS_CALL(shutdown(fd, how));
}

int os_setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
    return OS_CALL(setsockopt(fd, level, name, value, length));
}

int os_getsockopt(int fd, int level, int name, void *ret_value, socklen_t *length)
{
    return OS_CALL(getsockopt(fd, level, name, ret_value, length));
}

int os_getsockname(int fd, struct sockaddr *ret_address, socklen_t *length)
{
    return OS_CALL(getsockname(fd, ret_address, length));
}

ssize_t os_send(int fd, const void *from, size_t size, int flags)
{
    return OS_RETRY(send(fd, from, size, flags | MSG_NOSIGNAL));
}

ssize_t os_recv(int fd, void *to, size_t size, int flags)
{
    return OS_RETRY(recv(fd, to, size, flags));
}

ssize_t os_sendmsg(int fd, const struct msghdr *message, int flags)
{
    return OS_RETRY(sendmsg(fd, message, flags | MSG_NOSIGNAL));
}

ssize_t os_recvmsg(int fd, struct msghdr *message, int flags)
{
    return OS_RETRY(recvmsg(fd, message, flags | MSG_CMSG_CLOEXEC));
}

/* Fills in the address of a path. A path that is too long for one is reached through its folder's
 * descriptor, which the caller keeps open meanwhile. */
static int unix_address(const char *path, struct sockaddr_un *ret_address, int *ret_folder)
{
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (st_strcopy(ret_address->sun_path, sizeof(ret_address->sun_path), path)) {
        return 0;
    }
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return -ST_ENAMETOOLONG;
    }
    st_auto(free) char *folder = strndup(path, (size_t)(slash - path) + 1);
    if (folder == NULL) {
        return -ST_ENOMEM;
    }
    int fd = os_open(folder, O_PATH | O_DIRECTORY, 0);
    if (fd < 0) {
        return fd;
    }
    *ret_folder = fd;
    size_t length = st_snprintf(ret_address->sun_path, sizeof(ret_address->sun_path),
                                "/proc/self/fd/%d/%s", fd, slash + 1);
    return length < sizeof(ret_address->sun_path) ? 0 : -ST_ENAMETOOLONG;
}

int os_unix_connect(const char *path, int type)
{
    struct sockaddr_un address;
    st_auto(fd) int folder = -1;
    int r = unix_address(path, &address, &folder);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int fd = os_socket(AF_UNIX, type, 0);
    if (fd < 0) {
        return fd;
    }
    r = os_connect(fd, (struct sockaddr *)&address, sizeof(address));
    return r < 0 ? r : os_take_fd(fd);
}

int os_unix_listen(const char *path, int type, int backlog, mode_t mode)
{
    struct sockaddr_un address;
    st_auto(fd) int folder = -1;
    int r = unix_address(path, &address, &folder);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int fd = os_socket(AF_UNIX, type, 0);
    if (fd < 0) {
        return fd;
    }
    r = os_fchmod(fd, mode); /* before bind: the path gets this mode */
    if (r == 0) {
        r = os_bind(fd, (struct sockaddr *)&address, sizeof(address));
    }
    if (r == 0) {
        r = os_listen(fd, backlog);
    }
    return r < 0 ? r : os_take_fd(fd);
}

ssize_t os_send_fds(int socket, const void *from, size_t size, const int *fds, size_t fd_count)
{
    union {
        char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)from, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count > MAX_FDS) {
        return -ST_EINVAL;
    }
    if (fd_count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, fd_count * sizeof(int));
    }
    return os_sendmsg(socket, &message, MSG_NOSIGNAL);
}

static void take_fds(struct cmsghdr *header, int *ret_fds, size_t max_fds, size_t *count)
{
    size_t got = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < got; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
        if (*count < max_fds) {
            ret_fds[(*count)++] = fd;
        } else {
            os_close(&fd);
        }
    }
}

ssize_t os_recv_fds(int socket, void *to, size_t size, int *ret_fds, size_t max_fds,
                    size_t *ret_count, int flags)
{
    union {
        char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {.iov_base = to, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    size_t count = 0;
    ssize_t got = os_recvmsg(socket, &message, flags);
    if (got < 0) {
        return got;
    }
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h != NULL; h = CMSG_NXTHDR(&message, h)) {
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS) {
            take_fds(h, ret_fds, max_fds, &count);
        }
    }
    *ret_count = count;
    return got;
}
