/*
 * Choosing host ports: see net_ports.h.
 *
 * Translation happens before a socket is looked up, so a published port would take away what a
 * program of the host listens on. Hence each port is bound for a moment, as that program did.
 */
#include "net/net_ports.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "os/os_file.h"
#include "os/os_socket.h"

enum { TRIES = 64 }; /* to find a port that the kernel gives and no instance has */

/* Binds address:port of the host for a moment; *port 0: becomes the one that the kernel chose. */
static int try_bind(const struct net_port *wanted, uint16_t *port)
{
    static const int on = 1;
    bool udp = wanted->protocol == IPPROTO_UDP;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr = wanted->host,
        .sin_port = htons(*port),
    };
    socklen_t length = sizeof(address);
    st_auto(fd) int fd = os_socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (fd < 0) {
        return fd;
    }
    if (!udp) {
        /* As servers do: connections that are ending do not count, listeners still do. */
        int r = os_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (r < 0) {
            return r;
        }
    }
    int r = os_bind(fd, (struct sockaddr *)&address, length);
    r = r < 0 ? r : os_getsockname(fd, (struct sockaddr *)&address, &length);
    if (r == 0) {
        *port = ntohs(address.sin_port);
    }
    return r;
}

static bool overlap(const struct net_port *a, const struct net_port *b)
{
    return a->protocol == b->protocol && a->host_first == b->host_first &&
           (a->host.s_addr == b->host.s_addr || a->host.s_addr == INADDR_ANY ||
            b->host.s_addr == INADDR_ANY);
}

/* Is it taken by another port of the same request? */
static bool taken_before(const struct net_ports *chosen, const struct net_port *port)
{
    for (size_t i = 0; i < chosen->count; i++) {
        if (overlap(&chosen->list[i], port)) {
            return true;
        }
    }
    return false;
}

/* Why a port that was asked for by number cannot be had, in docker's words. */
static int say_why(const struct net_port *port, int why, struct st_err *err)
{
    char address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &port->host, address, sizeof(address));
    if (why == -ST_ECONFLICT) {
        return st_fail(err, ST_EADDRINUSE, "Bind for %s:%u failed: port is already allocated",
                       address, port->host_first);
    }
    return st_fail_os(err, why, "listen %s %s:%u: bind",
                      port->protocol == IPPROTO_UDP ? "udp4" : "tcp4", address, port->host_first);
}

/* 0, -ST_ECONFLICT when an instance has it, or what the host said. */
static int try_port(const struct net_folder *folder, const struct net_ports *chosen,
                    const struct net_port *port)
{
    uint16_t number = port->host_first;
    if (taken_before(chosen, port) || !net_slot_port_free(folder, port)) {
        return -ST_ECONFLICT;
    }
    return try_bind(port, &number);
}

static int choose_from_range(const struct net_folder *folder, const struct net_ports *chosen,
                             struct net_port *port, struct st_err *err)
{
    uint32_t last = port->host_last;
    int r = -ST_EADDRINUSE;
    for (uint32_t number = port->host_first; number <= last; number++) {
        port->host_first = port->host_last = (uint16_t)number;
        r = try_port(folder, chosen, port);
        if (r != -ST_ECONFLICT && r != -ST_EADDRINUSE) {
            break;
        }
    }
    return r < 0 ? say_why(port, r, err) : 0;
}

static int choose_any(const struct net_folder *folder, const struct net_ports *chosen,
                      struct net_port *port, struct st_err *err)
{
    for (int i = 0; i < TRIES; i++) {
        uint16_t number = 0;
        int r = try_bind(port, &number);
        if (r < 0) {
            return say_why(port, r, err);
        }
        port->host_first = port->host_last = number;
        if (!taken_before(chosen, port) && net_slot_port_free(folder, port)) {
            return 0;
        }
        port->host_first = port->host_last = 0;
    }
    return st_fail(err, ST_EADDRINUSE, "no free host port for container port %u",
                   port->container_port);
}

int net_ports_choose(const struct net_folder *folder, const struct net_ports *wanted,
                     struct net_ports *ret_chosen, struct st_err *err)
{
    st_auto(net_ports) struct net_ports chosen = {0};
    if (wanted == NULL || wanted->count == 0) {
        *ret_chosen = chosen;
        return 0;
    }
    chosen.list = calloc(wanted->count, sizeof(*chosen.list));
    if (chosen.list == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < wanted->count; i++) {
        struct net_port port = wanted->list[i];
        int r = port.host_first != 0 ? choose_from_range(folder, &chosen, &port, err)
                                     : choose_any(folder, &chosen, &port, err);
        if (r < 0) {
            return r;
        }
        chosen.list[chosen.count++] = port;
    }
    *ret_chosen = chosen;
    chosen = (struct net_ports){0};
    return 0;
}
