/* The value of `-p`, as docker takes it: [address:][port[-port]:]port[-port][/protocol]. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "net/net.h"

/* A range of ports; first 0: none was given. */
struct range {
    uint16_t first;
    uint16_t last;
};

void net_ports_done(struct net_ports *ports)
{
    free(ports->list);
    *ports = (struct net_ports){0};
}

static int parse_port(const char *text, size_t length, uint16_t *ret_port)
{
    char digits[6];
    uint64_t value;
    if (length == 0 || length >= sizeof(digits)) {
        return -ST_EINVAL;
    }
    memcpy(digits, text, length);
    digits[length] = '\0';
    if (st_parse_u64(digits, 10, 65535, &value) < 0 || value == 0) {
        return -ST_EINVAL;
    }
    *ret_port = (uint16_t)value;
    return 0;
}

static int parse_range(const char *text, size_t length, struct range *ret_range)
{
    const char *dash = memchr(text, '-', length);
    struct range range;
    size_t first_length = dash != NULL ? (size_t)(dash - text) : length;
    int r = parse_port(text, first_length, &range.first);
    if (r < 0) {
        return r;
    }
    range.last = range.first;
    if (dash != NULL) {
        r = parse_port(dash + 1, length - first_length - 1, &range.last);
        if (r < 0 || range.last < range.first) {
            return -ST_EINVAL;
        }
    }
    *ret_range = range;
    return 0;
}

static int parse_address(const char *text, size_t length, struct in_addr *ret_address)
{
    char copy[INET_ADDRSTRLEN];
    if (length >= sizeof(copy)) {
        return -ST_EINVAL;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    return inet_pton(AF_INET, copy, ret_address) == 1 ? 0 : -ST_EINVAL;
}

/* Cuts "/tcp" or "/udp" off the end. */
static int parse_protocol(const char *text, size_t *length, uint8_t *ret_protocol)
{
    const char *slash = memchr(text, '/', *length);
    *ret_protocol = IPPROTO_TCP;
    if (slash == NULL) {
        return 0;
    }
    const char *name = slash + 1;
    *length = (size_t)(slash - text);
    if (strcasecmp(name, "udp") == 0) {
        *ret_protocol = IPPROTO_UDP;
        return 0;
    }
    return strcasecmp(name, "tcp") == 0 ? 0 : -ST_EUNSUPPORTED;
}

/* Appends the ports of one -p. A single container port with a range of host ports takes one of the
 * range; ranges on both sides are paired. */
static int append(struct net_ports *ports, struct in_addr address, struct range host,
                  struct range container, uint8_t protocol, struct st_err *err)
{
    size_t count = (size_t)(container.last - container.first) + 1;
    if (count > NET_PORTS_MAX || ports->count + count > NET_PORTS_MAX) {
        return st_fail(err, ST_ELIMIT, "more than %d published ports", NET_PORTS_MAX);
    }
    struct net_port *list = realloc(ports->list, (ports->count + count) * sizeof(*list));
    if (list == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    ports->list = list;
    for (size_t i = 0; i < count; i++) {
        struct net_port port = {
            .host = address,
            .host_first = host.first,
            .host_last = host.last,
            .container_port = (uint16_t)(container.first + i),
            .protocol = protocol,
        };
        if (count > 1 && host.first != 0) {
            port.host_first = (uint16_t)(host.first + i);
            port.host_last = port.host_first;
        }
        list[ports->count++] = port;
    }
    return 0;
}

/* The colon in front of which the rest of a value of this length lies; NULL: there is none. */
static const char *last_colon(const char *text, size_t length)
{
    return memrchr(text, ':', length);
}

int net_publish_parse(const char *text, struct net_ports *ports, struct st_err *err)
{
    struct in_addr address = {0};
    struct range host = {0};
    struct range container;
    uint8_t protocol;
    size_t length = strlen(text);

    if (text[0] == '[') {
        return st_fail(err, ST_EUNSUPPORTED, "%s: publishing on an IPv6 address is not supported",
                       text);
    }
    if (parse_protocol(text, &length, &protocol) < 0) {
        return st_fail(err, ST_EUNSUPPORTED, "%s: invalid proto: only tcp and udp are supported",
                       text);
    }
    const char *colon = last_colon(text, length);
    const char *port = colon != NULL ? colon + 1 : text;
    if (parse_range(port, length - (size_t)(port - text), &container) < 0) {
        return st_fail(err, ST_EINVAL, "%s: invalid containerPort: want a port or a range 1-65535",
                       text);
    }
    if (colon != NULL) {
        size_t rest = (size_t)(colon - text);
        const char *before = last_colon(text, rest);
        port = before != NULL ? before + 1 : text;
        size_t port_length = rest - (size_t)(port - text);
        /* "address::port" has no host port; ":port" is refused as docker does. */
        if (port_length == 0 ? before == NULL : parse_range(port, port_length, &host) < 0) {
            return st_fail(err, ST_EINVAL, "%s: invalid hostPort: want a port or a range 1-65535",
                           text);
        }
        size_t address_length = before != NULL ? (size_t)(before - text) : 0;
        if (address_length > 0 && parse_address(text, address_length, &address) < 0) {
            return st_fail(err, ST_EINVAL, "%s: invalid IP address: %.*s", text,
                           (int)address_length, text);
        }
    }
    if (container.last != container.first && host.first != 0 &&
        host.last - host.first != container.last - container.first) {
        return st_fail(err, ST_EINVAL, "%s: invalid ranges specified for container and host ports",
                       text);
    }
    return append(ports, address, host, container, protocol, err);
}

void net_port_print(const struct net_port *port, struct st_buf *out)
{
    char address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &port->host, address, sizeof(address));
    st_buf_printf(out, "%s:%u->%u/%s", address, port->host_first, port->container_port,
                  port->protocol == IPPROTO_UDP ? "udp" : "tcp");
}
