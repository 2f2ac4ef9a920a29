/* Talking to the monitor of a running instance: see monitor/mon_protocol.h. */
#include <stdlib.h>
#include <sys/uio.h>

#include "base/print.h"
#include "engine/engine_priv.h"
#include "engine/monitor/mon_protocol.h"
#include "os/os_event.h"
#include "os/os_socket.h"

/* A monitor answers at once, or is in trouble. */
enum { ANSWER_MS = 3000 };

int engine_control_connect(const struct engine_instance *instance, struct st_err *err)
{
    char path[64];

    st_snprintf(path, sizeof(path), "/proc/self/fd/%d", instance->engine->folders_fd);
    st_auto(free) char *socket = engine_path(path, instance->config->id, "control");
    if (socket == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    int fd = os_unix_connect(socket, SOCK_SEQPACKET);
    if (fd == -ST_ENOENT || fd == -ST_ECONNREFUSED) {
        return st_fail(err, ST_ESRCH, "Container %s is not running", instance->config->id);
    }
    return fd < 0 ? st_fail_os(err, fd, "connecting to the monitor of %s", instance->config->name)
                  : fd;
}

int engine_control_receive(int fd, struct mon_record *ret_head, void *bytes)
{
    struct iovec parts[] = {{ret_head, sizeof(*ret_head)}, {bytes, MON_PAYLOAD_MAX}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t n = os_recvmsg(fd, &message, MSG_CMSG_CLOEXEC);

    /* A peer that left without reading all that we sent is told first, and what it said last after.
     */
    if (n == -ST_ECONNRESET) {
        n = os_recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    }
    if (n <= 0) {
        return n < 0 ? (int)n : -ST_ECONNRESET;
    }
    if (n < (ssize_t)sizeof(*ret_head) || ret_head->version != MON_PROTOCOL_VERSION) {
        return -ST_EVERSION;
    }
    return ret_head->length == (size_t)n - sizeof(*ret_head) ? 0 : -ST_ECORRUPT;
}

int engine_control_answer(int fd, struct mon_record *ret_head, void *bytes)
{
    struct pollfd poll = {.fd = fd, .events = POLLIN};
    int r = os_poll(&poll, 1, ANSWER_MS);

    return r < 0 ? r : r == 0 ? -ST_ETIMEDOUT : engine_control_receive(fd, ret_head, bytes);
}

int engine_control_send(int fd, int type, int flags, int a, int b, const void *payload,
                        size_t length)
{
    struct mon_record head = {.version = MON_PROTOCOL_VERSION,
                              .type = (uint8_t)type,
                              .flags = (uint16_t)flags,
                              .a = a,
                              .b = b,
                              .length = (uint32_t)length};
    struct iovec parts[] = {{&head, sizeof(head)}, {(void *)(uintptr_t)payload, length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = length > 0 ? 2 : 1};
    ssize_t n = os_sendmsg(fd, &message, MSG_NOSIGNAL);

    return n < 0 ? (int)n : 0;
}

int engine_control_signal(const struct engine_instance *instance, int number, bool stop,
                          struct st_err *err)
{
    char bytes[MON_PAYLOAD_MAX];
    struct mon_record head;
    st_auto(fd) int fd = engine_control_connect(instance, err);

    if (fd < 0) {
        return fd;
    }
    int r = engine_control_send(fd, MON_SIGNAL, stop ? MON_SIGNAL_STOP : 0, number, 0, NULL, 0);
    r = r < 0 ? r : engine_control_answer(fd, &head, bytes);
    if (r == -ST_ECONNRESET || r == -ST_EPIPE) {
        return st_fail(err, ST_ESRCH, "Container %s is not running", instance->config->id);
    }
    if (r >= 0) {
        r = head.type == MON_DONE ? -head.a : -ST_EIO;
    }
    if (r == -ST_ESRCH) {
        return st_fail(err, ST_ESRCH, "Container %s is not running", instance->config->id);
    }
    return r < 0 ? st_fail_os(err, r, "signalling %s", instance->config->name) : 0;
}
