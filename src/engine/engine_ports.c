/*
 * Published ports: what the config asks for, and what a running instance has. On the bridge that is
 * its lease; a machine's process listens itself, on the ports of the file "ports" in the run folder
 * (a line each: protocol, address, host's port, machine's port), which is written before it starts.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_priv.h"

#define PORTS "ports"

enum { FILE_MAX = 256 << 10, LINE_MAX_BYTES = 96 };

static int add_port(struct net_ports *ports, const struct engine_port *from, struct st_err *err)
{
    struct net_port *list = realloc(ports->list, (ports->count + 1) * sizeof(*list));

    if (list == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    ports->list = list;
    struct net_port *port = &list[ports->count];
    *port = (struct net_port){
        .host_first = (uint16_t)from->host_first,
        .host_last = (uint16_t)ST_MAX(from->host_first, from->host_last),
        .container_port = (uint16_t)from->port,
        .protocol = st_streq(from->protocol, "udp") ? IPPROTO_UDP : IPPROTO_TCP,
    };
    if (from->host_address != NULL && from->host_address[0] != 0 &&
        inet_pton(AF_INET, from->host_address, &port->host) != 1) {
        return st_fail(err, ST_EINVAL, "invalid address of a published port: %s",
                       from->host_address);
    }
    ports->count++;
    return 0;
}

/* "80/tcp" or "80-90/udp": each port on a free one of the host. */
static int add_exposed(struct net_ports *ports, const char *text, struct st_err *err)
{
    char copy[64];
    uint64_t first = 0;
    uint64_t last = 0;

    if (!st_strcopy(copy, sizeof(copy), text)) {
        return st_fail(err, ST_EINVAL, "invalid exposed port: %s", text);
    }
    char *protocol = strchr(copy, '/');
    if (protocol != NULL) {
        *protocol++ = 0;
    }
    char *dash = strchr(copy, '-');
    if (dash != NULL) {
        *dash++ = 0;
    }
    int r = st_parse_u64(copy, 10, 65535, &first);
    r = r < 0 ? r : st_parse_u64(dash == NULL ? copy : dash, 10, 65535, &last);
    if (r < 0 || first == 0 || last < first) {
        return st_fail(err, ST_EINVAL, "invalid exposed port: %s", text);
    }
    for (uint64_t port = first; r >= 0 && port <= last; port++) {
        const struct engine_port one = {.protocol = protocol == NULL ? "tcp" : protocol,
                                        .port = (uint32_t)port};
        r = add_port(ports, &one, err);
    }
    return r;
}

int engine_ports_wanted(const struct engine_network *network, struct net_ports *ports,
                        struct st_err *err)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < network->ports_count; i++) {
        r = add_port(ports, &network->ports[i], err);
    }
    for (size_t i = 0; r >= 0 && network->publish_all && i < network->exposed_count; i++) {
        r = add_exposed(ports, network->exposed[i], err);
    }
    return r;
}

int engine_ports_write(int folder_fd, const struct net_ports *ports, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(FILE_MAX);
    for (size_t i = 0; i < ports->count; i++) {
        const struct net_port *port = &ports->list[i];
        char address[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, &port->host, address, sizeof(address));
        st_buf_printf(&text, "%s %s %u %u\n", port->protocol == IPPROTO_UDP ? "udp" : "tcp",
                      address, port->host_first, port->container_port);
    }
    st_auto(fd) int fd = os_openat(folder_fd, PORTS, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int r = st_buf_status(&text);
    r = r < 0 ? r : fd;
    r = r < 0 ? r : os_write_all(fd, st_buf_string(&text), text.length);
    return r < 0 ? st_fail_os(err, r, "writing the published ports") : 0;
}

/* "tcp 0.0.0.0 8080 80" */
static bool parse_line(char *line, struct net_port *ret_port)
{
    uint64_t host = 0, port = 0;
    const char *protocol = strsep(&line, " ");
    const char *address = strsep(&line, " ");
    const char *first = strsep(&line, " ");
    struct net_port parsed = {.protocol = st_streq(protocol, "udp") ? IPPROTO_UDP : IPPROTO_TCP};

    if (line == NULL || inet_pton(AF_INET, address, &parsed.host) != 1 ||
        st_parse_u64(first, 10, UINT16_MAX, &host) < 0 ||
        st_parse_u64(line, 10, UINT16_MAX, &port) < 0) {
        return false;
    }
    parsed.host_first = parsed.host_last = (uint16_t)host;
    parsed.container_port = (uint16_t)port;
    *ret_port = parsed;
    return true;
}

static int read_file(struct engine_instance *instance, struct net_ports *ports, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(FILE_MAX);
    st_auto(free) char *path = engine_path(instance->config->id, PORTS, NULL);
    int r = path == NULL ? -ST_ENOMEM : os_read_file(instance->engine->folders_fd, path, &text);

    if (r < 0 || text.length == 0) {
        return r == -ST_ENOENT || r >= 0 ? 0 : st_fail_os(err, r, "reading the published ports");
    }
    ports->list = calloc(text.length, sizeof(*ports->list)); /* a line takes more than one byte */
    if (ports->list == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    for (char *rest = text.data, *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (parse_line(line, &ports->list[ports->count])) {
            ports->count++;
        }
    }
    return 0;
}

static int read_ports(struct engine_instance *instance, struct net_ports *ports, struct st_err *err)
{
    const char *mode = instance->config->network.mode;
    st_auto(net_lease) struct net_lease lease = {0};

    if (st_streq(mode, "user")) {
        return read_file(instance, ports, err);
    }
    if (!st_streq(mode, "bridge")) {
        return 0;
    }
    int r = net_lease_get(&instance->engine->net, instance->config->id, &lease, err);
    if (r >= 0) {
        *ports = lease.ports;
        lease.ports = (struct net_ports){0};
    }
    return r == -ST_ENOTFOUND ? 0 : r;
}

int engine_ports(struct engine_instance *instance, struct engine_binding **ret_bindings,
                 struct st_err *err)
{
    st_auto(net_ports) struct net_ports ports = {0};
    int r = engine_has_monitor(instance, err);

    *ret_bindings = NULL;
    if (r < 1) {
        return r;
    }
    r = read_ports(instance, &ports, err);
    if (r < 0 || ports.count == 0) {
        return r;
    }
    struct engine_binding *all = calloc(ports.count, sizeof(*all));
    if (all == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < ports.count; i++) {
        const struct net_port *port = &ports.list[i];
        const uint8_t *a = (const uint8_t *)&port->host;

        st_strcopy(all[i].protocol, sizeof(all[i].protocol),
                   port->protocol == IPPROTO_UDP ? "udp" : "tcp");
        st_snprintf(all[i].host_address, sizeof(all[i].host_address), "%u.%u.%u.%u", a[0], a[1],
                    a[2], a[3]);
        all[i].port = port->container_port;
        all[i].host_port = port->host_first;
    }
    *ret_bindings = all;
    return (int)ports.count;
}
