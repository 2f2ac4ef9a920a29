/*
 * GDB's remote protocol: see vmm_gdb.h. Packets are $TEXT#CHECKSUM, acknowledged by '+' until the
 * client switches that off; one packet is answered before the next is read.
 */
#include "vmm/vmm_gdb.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "os/os_file.h"
#include "os/os_socket.h"
#include "vmm/vmm_gdb_priv.h"

/* ---- packets ---- */

static void drop_client(struct vmm_gdb *gdb)
{
    os_loop_remove(vmm_loop(gdb->vmm), &gdb->client);
    os_close(&gdb->client.fd);
    vmm_gdb_detach(gdb);
}

static void send_bytes(struct vmm_gdb *gdb, const void *bytes, size_t size)
{
    if (gdb->client.fd >= 0 &&
        os_send(gdb->client.fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)size) {
        drop_client(gdb);
    }
}

void vmm_gdb_send(struct vmm_gdb *gdb, const char *text, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t sum = 0;
    st_auto(buf) struct st_buf packet = ST_BUF_HEAP(VMM_GDB_PACKET_MAX * 2);
    st_buf_char(&packet, '$');
    for (size_t i = 0; i < length; i++) {
        sum = (uint8_t)(sum + (uint8_t)text[i]);
    }
    st_buf_append(&packet, text, length);
    st_buf_char(&packet, '#');
    st_buf_char(&packet, digits[sum >> 4]);
    st_buf_char(&packet, digits[sum & 15]);
    send_bytes(gdb, packet.data, packet.length);
}

/* Takes one whole packet, or a single byte outside of one, off the front of what was received. The
 * return value says whether there was one. */
static bool take_packet(struct vmm_gdb *gdb)
{
    char *in = gdb->in;
    if (gdb->in_length == 0) {
        return false;
    }
    size_t used = 1;
    if (in[0] == 3) {
        vmm_gdb_interrupt(gdb);
    } else if (in[0] == '$') {
        char *hash = memchr(in, '#', gdb->in_length);
        if (hash == NULL || (size_t)(hash - in) + 3 > gdb->in_length) {
            return false;
        }
        size_t length = (size_t)(hash - in) - 1;
        char text[VMM_GDB_PACKET_MAX + 1];
        memcpy(text, in + 1, length);
        text[length] = 0;
        used = length + 4;
        gdb->in_length -= used;
        memmove(in, in + used, gdb->in_length);
        if (!gdb->no_acks) {
            send_bytes(gdb, "+", 1);
        }
        vmm_gdb_answer(gdb, text);
        return true;
    }
    gdb->in_length -= used;
    memmove(in, in + used, gdb->in_length);
    return true;
}

void vmm_gdb_take(struct vmm_gdb *gdb, const void *bytes, size_t size)
{
    const char *from = bytes;
    while (size > 0 && gdb->client.fd >= 0) {
        size_t part = ST_MIN(size, sizeof gdb->in - gdb->in_length);
        if (part == 0) { /* a packet without end */
            drop_client(gdb);
            return;
        }
        memcpy(gdb->in + gdb->in_length, from, part);
        gdb->in_length += part;
        from += part;
        size -= part;
        while (gdb->client.fd >= 0 && take_packet(gdb)) {
        }
    }
}

static void client_ready(void *argument, uint32_t events)
{
    struct vmm_gdb *gdb = argument;
    char bytes[4096];
    (void)events;
    ssize_t got = os_recv(gdb->client.fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got == -ST_EAGAIN) {
        return;
    }
    if (got <= 0) {
        drop_client(gdb);
        return;
    }
    vmm_gdb_take(gdb, bytes, (size_t)got);
}

static void accept_client(void *argument, uint32_t events)
{
    struct vmm_gdb *gdb = argument;
    (void)events;
    st_auto(fd) int fd = os_accept(gdb->listener.fd, SOCK_CLOEXEC);
    if (fd < 0 || gdb->client.fd >= 0) { /* one debugger at a time */
        return;
    }
    const int on = 1;
    (void)os_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    gdb->client = (struct os_watch){.fd = fd, .ready = client_ready, .argument = gdb};
    gdb->in_length = 0;
    gdb->no_acks = false;
    if (os_loop_add(vmm_loop(gdb->vmm), &gdb->client, EPOLLIN) < 0) {
        gdb->client.fd = -1;
        return;
    }
    (void)os_take_fd(fd);
    vmm_gdb_attach(gdb);
}

/* ---- making ---- */

static int listen_tcp(const char *address, struct st_err *err)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const char *colon = strrchr(address, ':');
    uint64_t port;
    char host[64] = "127.0.0.1";
    if (colon != NULL && colon != address) {
        st_snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    }
    if (st_parse_u64(colon == NULL ? address : colon + 1, 10, 65535, &port) < 0 || port == 0 ||
        inet_pton(AF_INET, host, &at.sin_addr) != 1) {
        return st_fail(err, ST_EINVAL, "\"%s\" is no address for a debugger: [IPV4:]PORT or a path",
                       address);
    }
    at.sin_port = htons((uint16_t)port);
    const int on = 1;
    st_auto(fd) int fd = os_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = fd < 0 ? fd : os_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    r = r < 0 ? r : os_bind(fd, (const struct sockaddr *)&at, sizeof at);
    r = r < 0 ? r : os_listen(fd, 1);
    return r < 0 ? st_fail_os(err, r, "listening for a debugger at %s", address) : os_take_fd(fd);
}

int vmm_gdb_new(struct vmm *vmm, const char *address, struct vmm_gdb **ret_gdb, struct st_err *err)
{
    int fd;
    if (strchr(address, '/') != NULL) {
        (void)os_unlinkat(AT_FDCWD, address, 0);
        fd = os_unix_listen(address, SOCK_STREAM, 1, 0600);
        if (fd < 0) {
            return st_fail_os(err, fd, "listening for a debugger at %s", address);
        }
    } else {
        fd = listen_tcp(address, err);
        if (fd < 0) {
            return fd;
        }
    }
    struct vmm_gdb *gdb = calloc(1, sizeof *gdb);
    if (gdb == NULL) {
        os_close(&fd);
        return st_fail(err, ST_ENOMEM, "no memory for the debugger's door");
    }
    gdb->vmm = vmm;
    gdb->client.fd = -1;
    gdb->listener = (struct os_watch){.fd = fd, .ready = accept_client, .argument = gdb};
    int r = os_loop_add(vmm_loop(vmm), &gdb->listener, EPOLLIN);
    if (r < 0) {
        vmm_gdb_free(gdb);
        return st_fail_os(err, r, "listening for a debugger");
    }
    vmm_on_debug(vmm, vmm_gdb_stopped, gdb);
    *ret_gdb = gdb;
    return 0;
}

void vmm_gdb_free(struct vmm_gdb *gdb)
{
    if (gdb == NULL) {
        return;
    }
    vmm_on_debug(gdb->vmm, NULL, NULL);
    if (gdb->client.fd >= 0) {
        vmm_gdb_send(gdb, "W00", 3);
        os_loop_remove(vmm_loop(gdb->vmm), &gdb->client);
        os_close(&gdb->client.fd);
    }
    os_loop_remove(vmm_loop(gdb->vmm), &gdb->listener);
    os_close(&gdb->listener.fd);
    free(gdb);
}
