/* How an instance is on the network: mode, published ports, names. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "net/net.h"
#include "strata/run_config_priv.h"

static int fill_mode(struct run_parse *p)
{
    struct engine_network *to = &p->config->network;
    const char *mode = cli_text(p->cli, "network");
    if (mode == NULL) {
        mode = cli_text(p->cli, "net");
    }
    if (mode == NULL || mode[0] == '\0' || st_streq(mode, "default")) {
        mode = "bridge";
    }
    if (!st_streq(mode, "bridge") && !st_streq(mode, "host") && !st_streq(mode, "none") &&
        !st_starts_with(mode, "container:")) {
        int r = st_fail(p->err, ST_ENOTFOUND, "network %s not found", mode);
        st_hint(p->err, "Networks are bridge, host, none and container:NAME.");
        return r;
    }
    return run_resolve_mode(p, mode, &to->mode);
}

static int fill_ports(struct run_parse *p)
{
    st_auto(net_ports) struct net_ports ports = {0};
    struct engine_network *to = &p->config->network;
    size_t cursor = 0;
    const char *text;
    while ((text = cli_next(p->cli, "publish", &cursor)) != NULL) {
        int r = net_publish_parse(text, &ports, p->err);
        if (r < 0) {
            return st_wrap(p->err, r, "--publish");
        }
    }
    to->publish_all = cli_flag(p->cli, "publish-all");
    if (ports.count == 0) {
        return 0;
    }
    int r = run_alloc(p, ports.count, sizeof *to->ports, &to->ports);
    for (size_t i = 0; r == 0 && i < ports.count; i++) {
        const struct net_port *from = &ports.list[i];
        char address[INET_ADDRSTRLEN];
        to->ports[i] = (struct engine_port){
            .protocol = from->protocol == IPPROTO_UDP ? "udp" : "tcp",
            .port = from->container_port,
            .host_first = from->host_first,
            .host_last = from->host_last,
        };
        if (from->host.s_addr != INADDR_ANY) {
            inet_ntop(AF_INET, &from->host, address, sizeof address);
            r = run_copy(p, address, strlen(address), &to->ports[i].host_address);
        }
    }
    to->ports_count = ports.count;
    return r;
}

/* "80", "80-82", each with "/tcp" or "/udp": how many ports that is; 0: no such thing. */
static unsigned parse_exposed(const char *text, unsigned *ret_first, const char **ret_protocol)
{
    char number[16];
    uint64_t first;
    uint64_t last;
    size_t length = strcspn(text, "/");
    const char *protocol = text[length] == '/' ? text + length + 1 : "tcp";
    if (length >= sizeof number || (!st_streq(protocol, "tcp") && !st_streq(protocol, "udp"))) {
        return 0;
    }
    memcpy(number, text, length);
    number[length] = '\0';
    char *dash = strchr(number, '-');
    if (dash != NULL) {
        *dash = '\0';
    }
    if (st_parse_u64(number, 10, 65535, &first) < 0 || first == 0) {
        return 0;
    }
    last = first;
    if (dash != NULL && st_parse_u64(dash + 1, 10, 65535, &last) < 0) {
        return 0;
    }
    *ret_first = (unsigned)first;
    *ret_protocol = st_streq(protocol, "udp") ? "udp" : "tcp";
    return last < first ? 0 : (unsigned)(last - first) + 1;
}

static int fill_exposed(struct run_parse *p)
{
    struct engine_network *to = &p->config->network;
    const char *protocol = NULL;
    const char *text;
    unsigned first = 0;
    size_t total = 0;
    size_t cursor = 0;
    while ((text = cli_next(p->cli, "expose", &cursor)) != NULL) {
        unsigned n = parse_exposed(text, &first, &protocol);
        if (n == 0) {
            return run_invalid(p, "expose", text, "it must be PORT[-PORT][/tcp|/udp]");
        }
        total += n;
    }
    if (total == 0) {
        return 0;
    }
    int r = run_alloc(p, total + 1, sizeof *to->exposed, &to->exposed);
    cursor = 0;
    while (r == 0 && (text = cli_next(p->cli, "expose", &cursor)) != NULL) {
        unsigned n = parse_exposed(text, &first, &protocol);
        for (unsigned i = 0; r == 0 && i < n; i++) {
            char shown[16];
            size_t length = st_snprintf(shown, sizeof shown, "%u/%s", first + i, protocol);
            r = run_copy(p, shown, length, &to->exposed[to->exposed_count++]);
        }
    }
    return r;
}

static bool is_address(const char *text)
{
    unsigned char address[16];
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

/* NAME:ADDRESS or NAME=ADDRESS; an IPv6 address may stand in brackets. Kept as "NAME:ADDRESS". */
static int parse_host(struct run_parse *p, const char *text, const char **ret_host)
{
    char address[80];
    size_t at = strcspn(text, ":=");
    if (at == 0 || text[at] == '\0') {
        return run_invalid(p, "add-host", text, "it must be NAME:ADDRESS");
    }
    const char *from = text + at + 1;
    size_t length = strlen(from);
    if (length > 1 && from[0] == '[' && from[length - 1] == ']') {
        from++;
        length -= 2;
    }
    if (length >= sizeof address) {
        return run_invalid(p, "add-host", text, "the address is too long");
    }
    memcpy(address, from, length);
    address[length] = '\0';
    if (!st_streq(address, "host-gateway") && !is_address(address)) {
        return run_invalid(p, "add-host", text, "\"%s\" is no IP address", address);
    }
    char *copy = NULL;
    int r = run_alloc(p, at + length + 2, 1, &copy);
    if (r == 0) {
        memcpy(copy, text, at);
        copy[at] = ':';
        memcpy(copy + at + 1, address, length);
        *ret_host = copy;
    }
    return r;
}

static int fill_names(struct run_parse *p)
{
    struct engine_network *to = &p->config->network;
    to->hostname = cli_text(p->cli, "hostname");
    to->domainname = cli_text(p->cli, "domainname");
    int r = run_list(p, "add-host", &to->extra_hosts, &to->extra_hosts_count);
    for (size_t i = 0; r == 0 && i < to->extra_hosts_count; i++) {
        r = parse_host(p, to->extra_hosts[i], &to->extra_hosts[i]);
    }
    r = r == 0 ? run_list(p, "dns", &to->dns, &to->dns_count) : r;
    for (size_t i = 0; r == 0 && i < to->dns_count; i++) {
        if (!is_address(to->dns[i])) {
            r = run_invalid(p, "dns", to->dns[i], "it must be an IP address");
        }
    }
    r = r == 0 ? run_list(p, "dns-search", &to->dns_search, &to->dns_search_count) : r;
    const char *option = cli_given(p->cli, "dns-opt") ? "dns-opt" : "dns-option";
    return r == 0 ? run_list(p, option, &to->dns_options, &to->dns_options_count) : r;
}

/* Who shares another's network shares its names and ports too. */
static int check_conflicts(struct run_parse *p)
{
    const struct engine_network *net = &p->config->network;
    const char *what = NULL;
    if (!st_starts_with(net->mode, "container:")) {
        return 0;
    }
    if (net->hostname != NULL) {
        what = "--hostname";
    } else if (net->dns_count > 0) {
        what = "--dns";
    } else if (net->extra_hosts_count > 0) {
        what = "--add-host";
    } else if (net->ports_count > 0 || net->publish_all) {
        what = "publishing ports";
    } else if (net->exposed_count > 0) {
        what = "--expose";
    }
    return what == NULL
               ? 0
               : st_fail(p->err, ST_EINVAL,
                         "conflicting options: %s and the network of another instance", what);
}

int run_fill_network(struct run_parse *p)
{
    int r = fill_mode(p);
    r = r == 0 ? fill_ports(p) : r;
    r = r == 0 ? fill_exposed(p) : r;
    r = r == 0 ? fill_names(p) : r;
    return r == 0 ? check_conflicts(p) : r;
}
