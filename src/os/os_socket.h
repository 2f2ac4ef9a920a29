/* Sockets, with descriptors passed over them. Wrappers follow the rules of os_file.h. */
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include "base/err.h"

int os_socket(int domain, int type, int protocol);
int os_socketpair(int type, int ret_fds[2]);
int os_bind(int fd, const struct sockaddr *address, socklen_t length);
int os_listen(int fd, int backlog);
int os_accept(int fd, int flags);
int os_connect(int fd, const struct sockaddr *address, socklen_t length);
int os_shutdown(int fd, int how);
int os_setsockopt(int fd, int level, int name, const void *value, socklen_t length);
int os_getsockopt(int fd, int level, int name, void *ret_value, socklen_t *length);
int os_getsockname(int fd, struct sockaddr *ret_address, socklen_t *length);
ssize_t os_send(int fd, const void *from, size_t size, int flags);
ssize_t os_recv(int fd, void *to, size_t size, int flags);
ssize_t os_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t os_recvmsg(int fd, struct msghdr *message, int flags);

/* A stream or seqpacket socket at a path of any length below 4096: long paths go through
 * /proc/self/fd. */
int os_unix_connect(const char *path, int type);
int os_unix_listen(const char *path, int type, int backlog, mode_t mode);

/* Sends bytes together with up to 8 descriptors. Returns the bytes sent. */
ssize_t os_send_fds(int socket, const void *from, size_t size, const int *fds, size_t fd_count);

/* Receives bytes and up to max_fds (at most 8) descriptors, close-on-exec; descriptors beyond
 * max_fds are closed. */
ssize_t os_recv_fds(int socket, void *to, size_t size, int *ret_fds, size_t max_fds,
                    size_t *ret_count, int flags);
