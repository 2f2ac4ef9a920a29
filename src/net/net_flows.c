/* Deleting tracked connections by ctnetlink (<linux/netfilter/nfnetlink_conntrack.h>). */
#include <netinet/in.h> /* before the kernel's headers, which define less then */

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

#include "net/net_nft.h"

enum { MAX_FLOWS = 4096 }; /* deleted for one lease */

/* What a flow's direction is known by. */
struct tuple {
    struct in_addr source;
    struct in_addr target;
    uint16_t target_port;
    uint8_t protocol;
};

struct search {
    const struct net_lease *lease;
    struct net_nl *deletes;
    unsigned count;
};

static struct tuple read_tuple(const struct nlattr *attr)
{
    const struct nlattr *table[CTA_TUPLE_PROTO + 1];
    const struct nlattr *ip[CTA_IP_V4_DST + 1];
    const struct nlattr *proto[CTA_PROTO_DST_PORT + 1];
    struct tuple tuple = {.protocol = 0};
    net_nl_split(net_nl_data(attr), net_nl_size(attr), table, CTA_TUPLE_PROTO);
    net_nl_split(net_nl_data(table[CTA_TUPLE_IP]), net_nl_size(table[CTA_TUPLE_IP]), ip,
                 CTA_IP_V4_DST);
    net_nl_split(net_nl_data(table[CTA_TUPLE_PROTO]), net_nl_size(table[CTA_TUPLE_PROTO]), proto,
                 CTA_PROTO_DST_PORT);
    tuple.source.s_addr = net_nl_u32(ip[CTA_IP_V4_SRC], 0);
    tuple.target.s_addr = net_nl_u32(ip[CTA_IP_V4_DST], 0);
    if (net_nl_size(proto[CTA_PROTO_NUM]) >= 1) {
        tuple.protocol = net_nl_data(proto[CTA_PROTO_NUM])[0];
    }
    if (net_nl_size(proto[CTA_PROTO_DST_PORT]) >= 2) {
        uint16_t port;
        memcpy(&port, net_nl_data(proto[CTA_PROTO_DST_PORT]), sizeof(port));
        tuple.target_port = ntohs(port);
    }
    return tuple;
}

/* Is it to a published UDP port of the lease? */
static bool to_port(const struct net_lease *lease, const struct tuple *original)
{
    for (size_t i = 0; i < lease->ports.count; i++) {
        const struct net_port *port = &lease->ports.list[i];
        if (port->protocol == IPPROTO_UDP && port->host_first == original->target_port &&
            (port->host.s_addr == INADDR_ANY || port->host.s_addr == original->target.s_addr)) {
            return true;
        }
    }
    return false;
}

static int take_flow(void *data, const struct net_nl_message *message)
{
    struct search *search = data;
    const struct nlattr *table[CTA_ID + 1];
    const struct nfgenmsg *header = (const void *)message->payload;
    if (message->size < sizeof(*header) || search->count == MAX_FLOWS) {
        return 0;
    }
    net_nl_split(message->payload + sizeof(*header), message->size - sizeof(*header), table,
                 CTA_ID);
    const struct nlattr *original = table[CTA_TUPLE_ORIG];
    struct tuple there = read_tuple(original);
    struct tuple back = read_tuple(table[CTA_TUPLE_REPLY]);
    if (there.protocol != IPPROTO_UDP ||
        (back.source.s_addr != search->lease->address.s_addr &&
         there.source.s_addr != search->lease->address.s_addr && !to_port(search->lease, &there))) {
        return 0;
    }
    const struct nfgenmsg out = {.nfgen_family = AF_INET, .version = NFNETLINK_V0};
    net_nl_begin(search->deletes, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0, &out,
                 sizeof(out));
    net_nl_put(search->deletes, CTA_TUPLE_ORIG | NLA_F_NESTED, net_nl_data(original),
               net_nl_size(original));
    /* Its id, so that a newer flow of the same tuple is spared. */
    net_nl_put(search->deletes, CTA_ID, net_nl_data(table[CTA_ID]), net_nl_size(table[CTA_ID]));
    net_nl_end(search->deletes);
    search->count++;
    return 0;
}

static bool has_udp(const struct net_lease *lease)
{
    for (size_t i = 0; i < lease->ports.count; i++) {
        if (lease->ports.list[i].protocol == IPPROTO_UDP) {
            return true;
        }
    }
    return false;
}

int net_flows_remove(int nft, const struct net_lease *lease, struct st_err *err)
{
    const struct nfgenmsg all = {.nfgen_family = AF_INET, .version = NFNETLINK_V0};
    st_auto(net_nl) struct net_nl query = NET_NL_EMPTY;
    st_auto(net_nl) struct net_nl deletes = NET_NL_EMPTY;
    struct search search = {.lease = lease, .deletes = &deletes};
    if (!has_udp(lease)) {
        return 0;
    }
    net_nl_begin(&query, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_DUMP, &all,
                 sizeof(all));
    net_nl_end(&query);
    int r = net_nl_query(nft, &query, take_flow, &search, "reading the tracked connections", err);
    if (r < 0 || search.count == 0) {
        return r;
    }
    net_nl_acknowledge(&deletes);
    r = net_nl_talk(nft, &deletes, "deleting tracked connections", err);
    return r == -ST_ENOENT ? 0 : r; /* one ended by itself meanwhile */
}
