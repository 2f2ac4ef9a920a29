/* Links, addresses and routes: see net_link.h. */
#include "net/net_link.h"

#include <netinet/in.h> /* before the kernel's headers, which define less then */

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/print.h"
#include "base/str.h"
#include "net/net_namespace.h"
#include "net/net_netlink.h"
#include "os/os_file.h"
#include "os/os_terminal.h"

enum { LOOPBACK_INDEX = 1, HAIRPIN_ON = 1 };

struct in_addr net_mask(uint8_t prefix)
{
    return (struct in_addr){.s_addr = htonl(prefix == 0 ? 0 : UINT32_MAX << (32 - prefix))};
}

int net_subnet_parse(const char *text, struct in_addr *ret_network, uint8_t *ret_prefix,
                     struct st_err *err)
{
    char address[INET_ADDRSTRLEN];
    struct in_addr network;
    uint64_t prefix = 0;
    const char *slash = strchr(text, '/');
    if (slash == NULL || (size_t)(slash - text) >= sizeof(address)) {
        return st_fail(err, ST_EINVAL, "subnet %s: want ADDRESS/LENGTH", text);
    }
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    if (inet_pton(AF_INET, address, &network) != 1 ||
        st_parse_u64(slash + 1, 10, 28, &prefix) < 0 || prefix < 8) {
        return st_fail(err, ST_EINVAL, "subnet %s: want an IPv4 network with a length of 8 to 28",
                       text);
    }
    *ret_prefix = (uint8_t)prefix;
    ret_network->s_addr = network.s_addr & net_mask(*ret_prefix).s_addr;
    return 0;
}

void net_link_mac(struct in_addr address, uint8_t ret_mac[6])
{
    ret_mac[0] = 0x02; /* locally administered, unicast */
    ret_mac[1] = 'S';
    memcpy(ret_mac + 2, &address, sizeof(address));
}

/* --- choosing a pool --- */

struct pools {
    uint32_t network[32]; /* host byte order */
    uint8_t prefix[32];
    bool taken[32];
    size_t count;
};

static void add_pool(struct pools *pools, uint32_t network, uint8_t prefix)
{
    pools->network[pools->count] = network;
    pools->prefix[pools->count++] = prefix;
}

static int strike_out(void *data, const struct net_nl_message *message)
{
    struct pools *pools = data;
    const struct nlattr *table[RTA_DST + 1];
    const struct rtmsg *route = (const void *)message->payload;
    if (message->type != RTM_NEWROUTE || message->size < sizeof(*route) ||
        route->rtm_dst_len == 0) {
        return 0;
    }
    net_nl_split(message->payload + NLMSG_ALIGN(sizeof(*route)),
                 message->size - NLMSG_ALIGN(sizeof(*route)), table, RTA_DST);
    uint32_t network = net_nl_be32(table[RTA_DST], 0);
    for (size_t i = 0; i < pools->count; i++) {
        uint8_t shorter = ST_MIN(pools->prefix[i], route->rtm_dst_len);
        uint32_t mask = ntohl(net_mask(shorter).s_addr);
        pools->taken[i] |= ((network ^ pools->network[i]) & mask) == 0;
    }
    return 0;
}

int net_link_pick_subnet(int rtnl, struct in_addr *ret_network, uint8_t *ret_prefix,
                         struct st_err *err)
{
    struct pools pools = {.count = 0};
    const struct rtmsg all = {.rtm_family = AF_INET};
    st_auto(net_nl) struct net_nl nl = NET_NL_EMPTY;
    /* 172.17.0.0/16 is docker's by default, also where docker is not running at the moment. */
    for (uint32_t i = 18; i <= 31; i++) {
        add_pool(&pools, 172U << 24 | i << 16, 16);
    }
    for (uint32_t i = 0; i < 16; i++) {
        add_pool(&pools, 192U << 24 | 168U << 16 | i << 12, 20);
    }
    net_nl_begin(&nl, RTM_GETROUTE, NLM_F_DUMP, &all, sizeof(all));
    net_nl_end(&nl);
    int r = net_nl_query(rtnl, &nl, strike_out, &pools, "reading the routes", err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < pools.count; i++) {
        if (!pools.taken[i]) {
            ret_network->s_addr = htonl(pools.network[i]);
            *ret_prefix = pools.prefix[i];
            return 0;
        }
    }
    st_fail(err, ST_EADDRNOTAVAIL, "every address pool overlaps a route of this host");
    st_hint(err, "name a free network with STRATA_BRIDGE_SUBNET=ADDRESS/LENGTH");
    return -ST_EADDRNOTAVAIL;
}

/* --- the bridge --- */

static int take_link(void *data, const struct net_nl_message *message)
{
    struct net_bridge *bridge = data;
    const struct nlattr *table[IFLA_LINKINFO + 1];
    const struct nlattr *info[IFLA_INFO_KIND + 1];
    const struct ifinfomsg *link = (const void *)message->payload;
    if (message->type != RTM_NEWLINK || message->size < sizeof(*link)) {
        return 0;
    }
    net_nl_split(message->payload + NLMSG_ALIGN(sizeof(*link)),
                 message->size - NLMSG_ALIGN(sizeof(*link)), table, IFLA_LINKINFO);
    net_nl_split(net_nl_data(table[IFLA_LINKINFO]), net_nl_size(table[IFLA_LINKINFO]), info,
                 IFLA_INFO_KIND);
    if (!st_streq(net_nl_text(info[IFLA_INFO_KIND]), "bridge")) {
        return -ST_ECONFLICT;
    }
    bridge->index = link->ifi_index;
    return 0;
}

static int take_address(void *data, const struct net_nl_message *message)
{
    struct net_bridge *bridge = data;
    const struct nlattr *table[IFA_LOCAL + 1];
    const struct ifaddrmsg *address = (const void *)message->payload;
    if (message->type != RTM_NEWADDR || message->size < sizeof(*address) ||
        (int)address->ifa_index != bridge->index || bridge->address.s_addr != 0) {
        return 0;
    }
    net_nl_split(message->payload + NLMSG_ALIGN(sizeof(*address)),
                 message->size - NLMSG_ALIGN(sizeof(*address)), table, IFA_LOCAL);
    bridge->address.s_addr = net_nl_u32(table[IFA_LOCAL], 0);
    bridge->prefix = address->ifa_prefixlen;
    return 0;
}

int net_link_find_bridge(int rtnl, const char *name, struct net_bridge *ret_bridge,
                         struct st_err *err)
{
    struct net_bridge bridge = {.index = 0};
    const struct ifinfomsg any = {.ifi_family = AF_UNSPEC};
    st_auto(net_nl) struct net_nl nl = NET_NL_EMPTY;
    if (!st_strcopy(bridge.name, sizeof(bridge.name), name)) {
        return st_fail(err, ST_ENAMETOOLONG, "bridge %s: the name is too long", name);
    }
    net_nl_begin(&nl, RTM_GETLINK, 0, &any, sizeof(any));
    net_nl_put_text(&nl, IFLA_IFNAME, name);
    net_nl_end(&nl);
    struct st_err why = {0};
    int r = net_nl_query(rtnl, &nl, take_link, &bridge, "reading the bridge", &why);
    if (r == -ST_ENODEV) {
        return 0;
    }
    if (r == -ST_ECONFLICT) {
        return st_fail(err, ST_ECONFLICT, "%s is not a bridge: another program made it", name);
    }
    if (r < 0) {
        return st_fail(err, -r, "%s", why.msg);
    }
    const struct ifaddrmsg all = {.ifa_family = AF_INET, .ifa_index = (unsigned)bridge.index};
    net_nl_reset(&nl);
    net_nl_begin(&nl, RTM_GETADDR, NLM_F_DUMP, &all, sizeof(all));
    net_nl_end(&nl);
    r = net_nl_query(rtnl, &nl, take_address, &bridge, "reading the bridge's address", err);
    if (r < 0) {
        return r;
    }
    *ret_bridge = bridge;
    return 1;
}

static void put_kind(struct net_nl *nl, const char *kind)
{
    size_t info = net_nl_nest(nl, IFLA_LINKINFO);
    net_nl_put_text(nl, IFLA_INFO_KIND, kind);
    net_nl_nest_end(nl, info);
}

/* The bridge up, and route_localnet on it alone: a packet from 127.0.0.1 may leave by it. */
static void put_bridge_settings(struct net_nl *nl, const char *name)
{
    const struct ifinfomsg up = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    net_nl_begin(nl, RTM_SETLINK, 0, &up, sizeof(up));
    net_nl_put_text(nl, IFLA_IFNAME, name);
    size_t families = net_nl_nest(nl, IFLA_AF_SPEC);
    size_t inet = net_nl_nest(nl, AF_INET);
    size_t values = net_nl_nest(nl, IFLA_INET_CONF);
    net_nl_put_u32(nl, IPV4_DEVCONF_ROUTE_LOCALNET, 1);
    net_nl_nest_end(nl, values);
    net_nl_nest_end(nl, inet);
    net_nl_nest_end(nl, families);
    net_nl_end(nl);
}

static void put_address(struct net_nl *nl, int index, struct in_addr address, uint8_t prefix)
{
    const struct ifaddrmsg header = {
        .ifa_family = AF_INET,
        .ifa_prefixlen = prefix,
        .ifa_scope = RT_SCOPE_UNIVERSE,
        .ifa_index = (unsigned)index,
    };
    struct in_addr broadcast = {.s_addr = address.s_addr | ~net_mask(prefix).s_addr};
    net_nl_begin(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof(header));
    net_nl_put(nl, IFA_LOCAL, &address, sizeof(address));
    net_nl_put(nl, IFA_ADDRESS, &address, sizeof(address));
    net_nl_put(nl, IFA_BROADCAST, &broadcast, sizeof(broadcast));
    net_nl_end(nl);
}

/* The index of a link in the namespace of the socket. */
static int link_index(int fd, const char *name, struct st_err *err)
{
    struct ifreq request = {0};
    st_strcopy(request.ifr_name, sizeof(request.ifr_name), name);
    int r = os_ioctl(fd, SIOCGIFINDEX, &request);
    return r < 0 ? st_fail_os(err, r, "link %s", name) : request.ifr_ifindex;
}

int net_link_make_bridge(int rtnl, struct net_bridge *bridge, struct st_err *err)
{
    const struct ifinfomsg any = {.ifi_family = AF_UNSPEC};
    uint8_t mac[6];
    st_auto(net_nl) struct net_nl nl = NET_NL_EMPTY;
    net_link_mac(bridge->address, mac);
    if (bridge->index == 0) {
        net_nl_begin(&nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &any, sizeof(any));
        net_nl_put_text(&nl, IFLA_IFNAME, bridge->name);
        /* Of its own: otherwise it is the lowest of the ports' and changes with them. */
        net_nl_put(&nl, IFLA_ADDRESS, mac, sizeof(mac));
        put_kind(&nl, "bridge");
        net_nl_end(&nl);
    }
    put_bridge_settings(&nl, bridge->name);
    net_nl_acknowledge(&nl);
    int r = net_nl_talk(rtnl, &nl, "making the bridge", err);
    if (r < 0) {
        return r;
    }
    bridge->index = r = link_index(rtnl, bridge->name, err);
    if (r < 0) {
        return r;
    }
    net_nl_reset(&nl);
    put_address(&nl, bridge->index, bridge->address, bridge->prefix);
    net_nl_acknowledge(&nl);
    return net_nl_talk(rtnl, &nl, "giving the bridge its address", err);
}

/* --- an instance's link --- */

/* One queue: more of them cost time to make, and nothing here uses them. */
static void put_end(struct net_nl *nl, const char *name)
{
    net_nl_put_text(nl, IFLA_IFNAME, name);
    net_nl_put_u32(nl, IFLA_NUM_TX_QUEUES, 1);
    net_nl_put_u32(nl, IFLA_NUM_RX_QUEUES, 1);
}

static void put_pair(struct net_nl *nl, const struct net_bridge *bridge,
                     const struct net_lease *lease, int netns)
{
    const struct ifinfomsg any = {.ifi_family = AF_UNSPEC};
    net_nl_begin(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &any, sizeof(any));
    put_end(nl, lease->link);
    net_nl_put_u32(nl, IFLA_MASTER, (uint32_t)bridge->index);
    size_t info = net_nl_nest(nl, IFLA_LINKINFO);
    net_nl_put_text(nl, IFLA_INFO_KIND, "veth");
    size_t data = net_nl_nest(nl, IFLA_INFO_DATA);
    size_t peer = net_nl_nest(nl, VETH_INFO_PEER);
    st_buf_append(&nl->bytes, &any, sizeof(any));
    put_end(nl, "eth0");
    net_nl_put(nl, IFLA_ADDRESS, lease->mac, sizeof(lease->mac));
    net_nl_put_u32(nl, IFLA_NET_NS_FD, (uint32_t)netns);
    net_nl_nest_end(nl, peer);
    net_nl_nest_end(nl, data);
    net_nl_nest_end(nl, info);
    net_nl_end(nl);
}

/* The host's end needs no address: without one it has nobody to talk to in IPv6. */
static void put_no_ipv6(struct net_nl *nl, const char *link)
{
    const struct ifinfomsg any = {.ifi_family = AF_UNSPEC};
    net_nl_begin(nl, RTM_SETLINK, 0, &any, sizeof(any));
    net_nl_put_text(nl, IFLA_IFNAME, link);
    size_t families = net_nl_nest(nl, IFLA_AF_SPEC);
    size_t inet6 = net_nl_nest(nl, AF_INET6);
    net_nl_put_u8(nl, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    net_nl_nest_end(nl, inet6);
    net_nl_nest_end(nl, families);
    net_nl_end(nl);
}

/* The host's end up; and back out of the same port, since an instance that uses its own published
 * port comes that way where br_netfilter translates within the bridge. */
static void put_port_up(struct net_nl *nl, const char *link)
{
    const struct ifinfomsg up = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    net_nl_begin(nl, RTM_NEWLINK, 0, &up, sizeof(up));
    net_nl_put_text(nl, IFLA_IFNAME, link);
    size_t info = net_nl_nest(nl, IFLA_LINKINFO);
    net_nl_put_text(nl, IFLA_INFO_SLAVE_KIND, "bridge");
    size_t data = net_nl_nest(nl, IFLA_INFO_SLAVE_DATA);
    net_nl_put_u8(nl, IFLA_BRPORT_MODE, HAIRPIN_ON);
    net_nl_nest_end(nl, data);
    net_nl_nest_end(nl, info);
    net_nl_end(nl);
}

static int make_pair(int rtnl, const struct net_bridge *bridge, const struct net_lease *lease,
                     int netns, struct st_err *err)
{
    st_auto(net_nl) struct net_nl nl = NET_NL_EMPTY;
    put_pair(&nl, bridge, lease, netns);
    if (os_access(AT_FDCWD, "/proc/sys/net/ipv6", F_OK, 0) == 0) {
        put_no_ipv6(&nl, lease->link);
    }
    put_port_up(&nl, lease->link);
    net_nl_acknowledge(&nl);
    return net_nl_talk(rtnl, &nl, "connecting to the bridge", err);
}

static void put_up(struct net_nl *nl, int index)
{
    const struct ifinfomsg up = {
        .ifi_index = index,
        .ifi_flags = IFF_UP,
        .ifi_change = IFF_UP,
    };
    net_nl_begin(nl, RTM_SETLINK, 0, &up, sizeof(up));
    net_nl_end(nl);
}

static void put_default_route(struct net_nl *nl, int index, struct in_addr gateway)
{
    const struct rtmsg route = {
        .rtm_family = AF_INET,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_BOOT,
        .rtm_scope = RT_SCOPE_UNIVERSE,
        .rtm_type = RTN_UNICAST,
    };
    net_nl_begin(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &route, sizeof(route));
    net_nl_put(nl, RTA_GATEWAY, &gateway, sizeof(gateway));
    net_nl_put_u32(nl, RTA_OIF, (uint32_t)index);
    net_nl_end(nl);
}

/* Runs in the instance's namespace. Without this its end would ask every other instance for routers
 * and neighbours of a protocol that the bridge does not carry. A missing or read-only /proc/sys
 * costs only that. */
static int no_ipv6(void *data, struct st_err *err)
{
    (void)data;
    int fd = net_nl_open(NETLINK_ROUTE, err);
    if (fd >= 0) {
        os_write_text(AT_FDCWD, "/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1");
    }
    return fd;
}

int net_link_connect(int rtnl, const struct net_bridge *bridge, const struct net_lease *lease,
                     int netns, struct st_err *err)
{
    st_auto(net_nl) struct net_nl nl = NET_NL_EMPTY;
    struct st_err why = {0};
    int r = make_pair(rtnl, bridge, lease, netns, &why);
    if (r == -ST_EEXIST) {
        /* The end of an earlier instance with this address, whose namespace lives on. */
        r = net_link_remove(rtnl, lease->link, &why);
        r = r < 0 ? r : make_pair(rtnl, bridge, lease, netns, &why);
    }
    if (r < 0) {
        return st_fail(err, -r, "%s", why.msg);
    }
    st_auto(fd) int inside = net_namespace_call(netns, no_ipv6, NULL, err);
    if (inside < 0) {
        return inside;
    }
    int index = link_index(inside, "eth0", err);
    if (index < 0) {
        return index;
    }
    put_up(&nl, LOOPBACK_INDEX);
    put_up(&nl, index);
    put_address(&nl, index, lease->address, lease->prefix);
    put_default_route(&nl, index, lease->gateway);
    net_nl_acknowledge(&nl);
    return net_nl_talk(inside, &nl, "setting up eth0", err);
}

int net_link_remove(int rtnl, const char *name, struct st_err *err)
{
    const struct ifinfomsg any = {.ifi_family = AF_UNSPEC};
    struct st_err why = {0};
    st_auto(net_nl) struct net_nl nl = NET_NL_EMPTY;
    net_nl_begin(&nl, RTM_DELLINK, 0, &any, sizeof(any));
    net_nl_put_text(&nl, IFLA_IFNAME, name);
    net_nl_end(&nl);
    net_nl_acknowledge(&nl);
    int r = net_nl_talk(rtnl, &nl, "removing a link", &why);
    return r == -ST_ENODEV || r == 0 ? 0 : st_fail(err, -r, "%s", why.msg);
}
