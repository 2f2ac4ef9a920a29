/* Messages between the runtime and its child: see ctr_sync.h. */
#include "container/ctr_sync.h"

#include <string.h>
#include <sys/uio.h>

#include "base/heap.h"
#include "base/str.h"
#include "os/os_file.h"
#include "os/os_socket.h"

struct header {
    int type;
    int number;
};

int ctr_sync_pair(int ret_ends[2], struct st_err *err)
{
    int r = os_socketpair(SOCK_SEQPACKET, ret_ends);
    return r < 0 ? st_fail_os(err, r, "making a socket pair") : 0;
}

int ctr_sync_send_text(int end, enum ctr_sync_type type, int number, const char *text)
{
    struct header header = {.type = (int)type, .number = number};
    struct iovec parts[2] = {
        {.iov_base = &header, .iov_len = sizeof(header)},
        {.iov_base = (void *)(uintptr_t)text, .iov_len = st_strlen(text)},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t n = os_sendmsg(end, &message, MSG_NOSIGNAL);
    return n < 0 ? (int)n : 0;
}

int ctr_sync_send(int end, enum ctr_sync_type type, int number)
{
    struct header header = {.type = (int)type, .number = number};
    ssize_t n = os_send(end, &header, sizeof(header), MSG_NOSIGNAL);
    return n < 0 ? (int)n : 0;
}

int ctr_sync_send_fd(int end, enum ctr_sync_type type, int fd)
{
    struct header header = {.type = (int)type};
    ssize_t n = os_send_fds(end, &header, sizeof(header), &fd, 1);
    return n < 0 ? (int)n : 0;
}

int ctr_sync_receive(int end, struct ctr_sync_message *ret_message)
{
    char bytes[sizeof(struct header) + sizeof(ret_message->text)];
    struct header header = {0};
    size_t fd_count = 0;
    int fd = -1;
    ssize_t n = os_recv_fds(end, bytes, sizeof(bytes) - 1, &fd, 1, &fd_count, 0);
    if (n == -ST_ECONNRESET) { /* told before what the other side said last */
        n = os_recv_fds(end, bytes, sizeof(bytes) - 1, &fd, 1, &fd_count, 0);
        n = n == 0 ? -ST_ECONNRESET : n;
    }
    if (n < 0) {
        return (int)n;
    }
    if (n > 0 && (size_t)n < sizeof(header)) {
        os_close(&fd);
        return -ST_EIO;
    }
    memcpy(&header, bytes, ST_MIN((size_t)n, sizeof(header)));
    size_t text_length = n == 0 ? 0 : (size_t)n - sizeof(header);
    ret_message->type = header.type;
    ret_message->number = header.number;
    ret_message->fd = fd_count == 1 ? fd : -1;
    memcpy(ret_message->text, bytes + sizeof(header), text_length);
    ret_message->text[text_length] = '\0';
    return 0;
}

int ctr_sync_program_status(int code)
{
    return code == -ST_ENOENT ? 127 : 126;
}

int ctr_sync_wait_go(int end)
{
    struct ctr_sync_message message;
    int r = ctr_sync_receive(end, &message);
    if (r < 0) {
        return r;
    }
    os_close(&message.fd);
    return message.type == CTR_SYNC_GO ? 0 : -ST_ECONNRESET;
}
