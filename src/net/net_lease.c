/* The text of a lease file: see net_lease.h. */
#include "net/net_lease.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "net/net_link.h"
#include "os/os_file.h"

enum {
    MAX_LEASE = 256 << 10, /* bytes of a lease file */
    MAX_WORDS = 6,
};

static const char first_line[] = "strata-lease 1";

void net_lease_done(struct net_lease *lease)
{
    net_ports_done(&lease->ports);
}

bool net_id_valid(const char *id)
{
    size_t length = strnlen(id, NET_ID_SIZE);
    if (length == 0 || length >= NET_ID_SIZE || !isalnum((unsigned char)id[0])) {
        return false;
    }
    for (size_t i = 1; i < length; i++) {
        if (!isalnum((unsigned char)id[i]) && strchr("._-", id[i]) == NULL) {
            return false;
        }
    }
    return true;
}

void net_lease_print(const struct net_lease *lease, struct st_buf *out)
{
    char address[INET_ADDRSTRLEN];
    char gateway[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &lease->address, address, sizeof(address));
    inet_ntop(AF_INET, &lease->gateway, gateway, sizeof(gateway));
    st_buf_printf(out, "%s\nid %s\nlink %s\nbridge %s\naddress %s %u\ngateway %s\n", first_line,
                  lease->id, lease->link, lease->bridge, address, lease->prefix, gateway);
    for (size_t i = 0; i < lease->ports.count; i++) {
        const struct net_port *port = &lease->ports.list[i];
        inet_ntop(AF_INET, &port->host, address, sizeof(address));
        st_buf_printf(out, "port %s %s %u %u\n", port->protocol == IPPROTO_UDP ? "udp" : "tcp",
                      address, port->host_first, port->container_port);
    }
    st_buf_text(out, "end\n");
}

/* Cuts the line at *text into words; *text is behind it afterwards. Returns their number, 0 for a
 * line without an end or with more words than any has. */
static size_t next_line(char **text, char *words[MAX_WORDS])
{
    size_t count = 0;
    char *end = strchr(*text, '\n');
    if (end == NULL) {
        return 0;
    }
    *end = '\0';
    for (char *word = *text; word != NULL; count++) {
        if (count == MAX_WORDS) {
            return 0;
        }
        words[count] = strsep(&word, " ");
    }
    *text = end + 1;
    return count;
}

static int parse_port(char *words[], struct net_ports *ports)
{
    uint64_t host;
    uint64_t container;
    struct net_port port = {.protocol = IPPROTO_TCP};
    if (st_streq(words[1], "udp")) {
        port.protocol = IPPROTO_UDP;
    } else if (!st_streq(words[1], "tcp")) {
        return -ST_ECORRUPT;
    }
    if (inet_pton(AF_INET, words[2], &port.host) != 1 ||
        st_parse_u64(words[3], 10, UINT16_MAX, &host) < 0 || host == 0 ||
        st_parse_u64(words[4], 10, UINT16_MAX, &container) < 0 || container == 0 ||
        ports->count == NET_PORTS_MAX) {
        return -ST_ECORRUPT;
    }
    port.host_first = port.host_last = (uint16_t)host;
    port.container_port = (uint16_t)container;
    struct net_port *list = realloc(ports->list, (ports->count + 1) * sizeof(*list));
    if (list == NULL) {
        return -ST_ENOMEM;
    }
    ports->list = list;
    list[ports->count++] = port;
    return 0;
}

/* One line but the first and the last. */
static int parse_line(char *words[], size_t count, struct net_lease *lease)
{
    uint64_t prefix;
    if (st_streq(words[0], "port") && count == 5) {
        return parse_port(words, &lease->ports);
    }
    if (st_streq(words[0], "id") && count == 2) {
        return net_id_valid(words[1]) && st_strcopy(lease->id, sizeof(lease->id), words[1])
                   ? 0
                   : -ST_ECORRUPT;
    }
    if (st_streq(words[0], "link") && count == 2) {
        return st_strcopy(lease->link, sizeof(lease->link), words[1]) ? 0 : -ST_ECORRUPT;
    }
    if (st_streq(words[0], "bridge") && count == 2) {
        return st_strcopy(lease->bridge, sizeof(lease->bridge), words[1]) ? 0 : -ST_ECORRUPT;
    }
    if (st_streq(words[0], "gateway") && count == 2) {
        return inet_pton(AF_INET, words[1], &lease->gateway) == 1 ? 0 : -ST_ECORRUPT;
    }
    if (st_streq(words[0], "address") && count == 3) {
        if (inet_pton(AF_INET, words[1], &lease->address) != 1 ||
            st_parse_u64(words[2], 10, 30, &prefix) < 0) {
            return -ST_ECORRUPT;
        }
        lease->prefix = (uint8_t)prefix;
        net_link_mac(lease->address, lease->mac);
        return 0;
    }
    return -ST_ECORRUPT;
}

int net_lease_parse(const char *text, struct net_lease *ret_lease)
{
    st_auto(free) char *copy = strdup(text);
    st_auto(net_lease) struct net_lease lease = {.prefix = 0};
    char *words[MAX_WORDS];
    char *rest = copy;
    if (copy == NULL) {
        return -ST_ENOMEM;
    }
    size_t first = strlen(first_line);
    if (!st_starts_with(rest, first_line) || rest[first] != '\n') {
        return -ST_ECORRUPT;
    }
    rest += first + 1;
    for (;;) {
        size_t count = next_line(&rest, words);
        if (count == 0) {
            return -ST_ECORRUPT;
        }
        if (count == 1 && st_streq(words[0], "end")) {
            break;
        }
        int r = parse_line(words, count, &lease);
        if (r < 0) {
            return r;
        }
    }
    if (rest[0] != '\0' || lease.id[0] == '\0' || lease.link[0] == '\0' ||
        lease.bridge[0] == '\0' || lease.address.s_addr == 0 || lease.gateway.s_addr == 0) {
        return -ST_ECORRUPT;
    }
    *ret_lease = lease;
    lease.ports = (struct net_ports){0};
    return 0;
}

static int lease_path(const char *id, char path[NET_ID_SIZE + 8])
{
    if (!net_id_valid(id)) {
        return -ST_EINVAL;
    }
    memcpy(path, "leases/", 7);
    return st_strcopy(path + 7, NET_ID_SIZE, id) ? 0 : -ST_EINVAL;
}

int net_lease_read(const struct net_folder *folder, const char *id, struct net_lease *ret_lease)
{
    char path[NET_ID_SIZE + 8];
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(MAX_LEASE);
    int r = lease_path(id, path);
    r = r < 0 ? r : os_read_file(folder->dir, path, &text);
    if (r == -ST_ENOENT) {
        return -ST_ENOTFOUND;
    }
    if (r < 0) {
        return r;
    }
    if (strlen(st_buf_string(&text)) != text.length) {
        return -ST_ECORRUPT;
    }
    return net_lease_parse(st_buf_string(&text), ret_lease);
}

int net_lease_write(const struct net_folder *folder, const struct net_lease *lease)
{
    char path[NET_ID_SIZE + 8];
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(MAX_LEASE);
    int r = lease_path(lease->id, path);
    if (r < 0) {
        return r;
    }
    net_lease_print(lease, &text);
    r = st_buf_status(&text);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int fd = os_openat(folder->dir, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0) {
        return fd;
    }
    r = os_write_all(fd, text.data, text.length);
    if (r < 0) {
        os_unlinkat(folder->dir, path, 0);
    }
    return r;
}

int net_lease_remove(const struct net_folder *folder, const char *id)
{
    char path[NET_ID_SIZE + 8];
    int r = lease_path(id, path);
    r = r < 0 ? r : os_unlinkat(folder->dir, path, 0);
    return r == -ST_ENOENT ? 0 : r;
}
