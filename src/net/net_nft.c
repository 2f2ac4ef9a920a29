/* Our table: see net_nft.h. */
#include "net/net_nft.h"

#include <netinet/in.h> /* before the kernel's headers, which define less then */

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/str.h"
#include "net/net_nft_message.h"

enum {
    MAP_ANY = 1, /* ids of the maps within a transaction */
    MAP_ADDRESS = 2,
    KEY_ANY = 12 << 6 | 13,                /* nft's numbers: inet_proto . inet_service */
    KEY_ADDRESS = (12 << 6 | 7) << 6 | 13, /* inet_proto . ipv4_addr . inet_service */
    ELEMENTS_PER_MESSAGE = 400,            /* an attribute's length is 16 bits */
    STATE_FOLLOWS =
        NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED), /* ct state */
};

static const char map_any[] = "ports";
static const char map_address[] = "address_ports";
static const struct in_addr loopback = {.s_addr = __builtin_bswap32(INADDR_LOOPBACK)};
enum { LOOPBACK_PREFIX = 8 };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the loopback constant is swapped");

/* Our chains, and how many rules each has. */
struct own_chain {
    struct net_nft_chain chain;
    unsigned rules;
};
static const struct own_chain chains[] = {
    {{.name = "publish"}, 2},
    {{"raw_prerouting", "filter", NF_INET_PRE_ROUTING, -300}, 2},
    {{"prerouting", "nat", NF_INET_PRE_ROUTING, -100}, 1},
    {{"output", "nat", NF_INET_LOCAL_OUT, -100}, 1},
    {{"forward", "filter", NF_INET_FORWARD, 0}, 5},
    {{"postrouting", "nat", NF_INET_POST_ROUTING, 100}, 3},
};

/* --- looking --- */

static int take_generation(void *data, const struct net_nl_message *message)
{
    const struct nlattr *table[NFTA_GEN_ID + 1];
    if (message->size < sizeof(struct nfgenmsg)) {
        return 0;
    }
    net_nl_split(message->payload + sizeof(struct nfgenmsg),
                 message->size - sizeof(struct nfgenmsg), table, NFTA_GEN_ID);
    *(uint32_t *)data = net_nl_be32(table[NFTA_GEN_ID], 0);
    return 0;
}

int net_nft_generation(int nft, uint32_t *ret_generation, struct st_err *err)
{
    uint32_t generation = 0;
    st_auto(net_nl) struct net_nl nl = NET_NL_EMPTY;
    net_nft_begin(&nl, NFT_MSG_GETGEN, 0, NFPROTO_UNSPEC);
    net_nl_end(&nl);
    int r = net_nl_query(nft, &nl, take_generation, &generation, "reading the nftables generation",
                         err);
    if (r == 0) {
        *ret_generation = generation;
    }
    return r;
}

struct look {
    const char *table;
    unsigned good; /* chains that are as they should be */
};

static int take_chain(void *data, const struct net_nl_message *message)
{
    struct look *look = data;
    const struct nlattr *table[NFTA_CHAIN_USE + 1];
    const struct nfgenmsg *header = (const void *)message->payload;
    if (message->size < sizeof(*header) || header->nfgen_family != NFPROTO_IPV4) {
        return 0;
    }
    net_nl_split(message->payload + sizeof(*header), message->size - sizeof(*header), table,
                 NFTA_CHAIN_USE);
    if (!st_streq(net_nl_text(table[NFTA_CHAIN_TABLE]), look->table)) {
        return 0;
    }
    for (size_t i = 0; i < ST_COUNT(chains); i++) {
        /* A chain counts its rules and the jumps to it. */
        unsigned uses = chains[i].rules + (chains[i].chain.type == NULL ? 2 : 0);
        look->good += st_streq(net_nl_text(table[NFTA_CHAIN_NAME]), chains[i].chain.name) &&
                      net_nl_be32(table[NFTA_CHAIN_USE], 0) == uses;
    }
    return 0;
}

int net_nft_complete(int nft, const char *bridge, struct st_err *err)
{
    struct look look = {.table = bridge};
    st_auto(net_nl) struct net_nl nl = NET_NL_EMPTY;
    net_nft_begin(&nl, NFT_MSG_GETCHAIN, NLM_F_DUMP, NFPROTO_IPV4);
    net_nl_end(&nl);
    int r = net_nl_query(nft, &nl, take_chain, &look, "reading the nftables chains", err);
    return r < 0 ? r : look.good == ST_COUNT(chains);
}

/* --- making --- */

static void begin(struct net_nl *nl, struct net_nft_rule *rule, const char *chain)
{
    rule->chain = chain;
    net_nft_rule_begin(nl, rule);
}

/* 127.0.0.0/8 never comes by the bridge: route_localnet alone would let it in. */
static void put_raw(struct net_nl *nl, struct net_nft_rule *rule, const char *bridge)
{
    for (int source = 0; source <= 1; source++) {
        begin(nl, rule, "raw_prerouting");
        net_nft_if_name(nl, true, true, bridge);
        net_nft_if_in(nl, source != 0, true, loopback, LOOPBACK_PREFIX);
        net_nft_verdict(nl, NF_DROP, NULL);
        net_nft_rule_end(nl, rule);
    }
}

/* Whatever goes to an address of the host may be for a published port. From outside nothing for
 * 127.0.0.0/8 is: a neighbour could otherwise reach ports that are published there alone. */
static void put_publish(struct net_nl *nl, struct net_nft_rule *rule)
{
    begin(nl, rule, "prerouting");
    net_nft_if_in(nl, false, false, loopback, LOOPBACK_PREFIX);
    net_nft_if_local(nl);
    net_nft_verdict(nl, NFT_JUMP, "publish");
    net_nft_rule_end(nl, rule);

    begin(nl, rule, "output");
    net_nft_if_local(nl);
    net_nft_verdict(nl, NFT_JUMP, "publish");
    net_nft_rule_end(nl, rule);

    begin(nl, rule, "publish");
    net_nft_dnat_by_map(nl, map_address, MAP_ADDRESS, true);
    net_nft_rule_end(nl, rule);

    begin(nl, rule, "publish");
    net_nft_dnat_by_map(nl, map_any, MAP_ANY, false);
    net_nft_rule_end(nl, rule);
}

/* To the bridge: answers, published ports, and what instances send each other; nothing else. */
static void put_forward(struct net_nl *nl, struct net_nft_rule *rule, const char *bridge)
{
    begin(nl, rule, "forward");
    net_nft_if_name(nl, false, false, bridge);
    net_nft_verdict(nl, NF_ACCEPT, NULL);
    net_nft_rule_end(nl, rule);

    begin(nl, rule, "forward");
    net_nft_if_name(nl, true, true, bridge);
    net_nft_verdict(nl, NF_ACCEPT, NULL);
    net_nft_rule_end(nl, rule);

    begin(nl, rule, "forward");
    net_nft_if_state(nl, STATE_FOLLOWS);
    net_nft_verdict(nl, NF_ACCEPT, NULL);
    net_nft_rule_end(nl, rule);

    begin(nl, rule, "forward");
    net_nft_if_dnat(nl, true);
    net_nft_verdict(nl, NF_ACCEPT, NULL);
    net_nft_rule_end(nl, rule);

    begin(nl, rule, "forward");
    net_nft_verdict(nl, NF_DROP, NULL);
    net_nft_rule_end(nl, rule);
}

/* Out of the host, with its address; back to the bridge, with the bridge's address: from an
 * instance that used a published port (its peer would answer it directly, past the translation),
 * and from 127.0.0.1. */
static void put_postrouting(struct net_nl *nl, struct net_nft_rule *rule,
                            const struct net_bridge *bridge)
{
    begin(nl, rule, "postrouting");
    net_nft_if_in(nl, true, true, bridge->address, bridge->prefix);
    net_nft_if_name(nl, false, false, bridge->name);
    net_nft_masquerade(nl);
    net_nft_rule_end(nl, rule);

    begin(nl, rule, "postrouting");
    net_nft_if_name(nl, false, true, bridge->name);
    net_nft_if_in(nl, true, true, bridge->address, bridge->prefix);
    net_nft_if_dnat(nl, true);
    net_nft_masquerade(nl);
    net_nft_rule_end(nl, rule);

    begin(nl, rule, "postrouting");
    net_nft_if_name(nl, false, true, bridge->name);
    net_nft_if_in(nl, true, true, loopback, LOOPBACK_PREFIX);
    net_nft_masquerade(nl);
    net_nft_rule_end(nl, rule);
}

void net_nft_put_table(struct net_nl *nl, const struct net_bridge *bridge)
{
    struct net_nft_rule rule = {.table = bridge->name, .family = NFPROTO_IPV4};
    net_nft_remove_table(nl, bridge->name);
    net_nft_add_table(nl, bridge->name);
    net_nft_add_map(nl, bridge->name, map_any, MAP_ANY, KEY_ANY, 8);
    net_nft_add_map(nl, bridge->name, map_address, MAP_ADDRESS, KEY_ADDRESS, 12);
    for (size_t i = 0; i < ST_COUNT(chains); i++) {
        net_nft_add_chain(nl, bridge->name, &chains[i].chain);
    }
    put_raw(nl, &rule, bridge->name);
    put_publish(nl, &rule);
    put_forward(nl, &rule, bridge->name);
    put_postrouting(nl, &rule, bridge);
}

/* --- ports --- */

static void put_value(struct net_nl *nl, uint16_t type, const void *bytes, size_t size)
{
    size_t nest = net_nl_nest(nl, type);
    net_nl_put(nl, NFTA_DATA_VALUE, bytes, size);
    net_nl_nest_end(nl, nest);
}

static void put_element(struct net_nl *nl, const struct net_lease *lease,
                        const struct net_port *port, bool add)
{
    uint32_t key[3] = {port->protocol}; /* each field begins a word */
    uint32_t data[2] = {lease->address.s_addr, htons(port->container_port)};
    size_t words = 1;
    if (port->host.s_addr != INADDR_ANY) {
        key[words++] = port->host.s_addr;
    }
    key[words++] = htons(port->host_first);
    size_t element = net_nl_nest(nl, NFTA_LIST_ELEM);
    put_value(nl, NFTA_SET_ELEM_KEY, key, words * sizeof(key[0]));
    if (add) {
        put_value(nl, NFTA_SET_ELEM_DATA, data, sizeof(data));
    }
    net_nl_nest_end(nl, element);
}

/* One message with the elements from *at on that are for one of the two maps. */
static void put_some(struct net_nl *nl, const struct net_lease *lease, bool any, bool add,
                     size_t *at)
{
    unsigned count = 0;
    net_nft_begin(nl, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
                  add ? NLM_F_CREATE | NLM_F_EXCL : 0, NFPROTO_IPV4);
    net_nl_put_text(nl, NFTA_SET_ELEM_LIST_TABLE, lease->bridge);
    net_nl_put_text(nl, NFTA_SET_ELEM_LIST_SET, any ? map_any : map_address);
    size_t list = net_nl_nest(nl, NFTA_SET_ELEM_LIST_ELEMENTS);
    for (; *at < lease->ports.count && count < ELEMENTS_PER_MESSAGE; ++*at) {
        if ((lease->ports.list[*at].host.s_addr == INADDR_ANY) == any) {
            put_element(nl, lease, &lease->ports.list[*at], add);
            count++;
        }
    }
    net_nl_nest_end(nl, list);
    net_nl_end(nl);
}

void net_nft_put_ports(struct net_nl *nl, const struct net_lease *lease, bool add)
{
    for (int any = 0; any <= 1; any++) {
        size_t left = 0;
        for (size_t i = 0; i < lease->ports.count; i++) {
            left += (lease->ports.list[i].host.s_addr == INADDR_ANY) == (any != 0);
        }
        size_t at = 0;
        while (left > 0) {
            put_some(nl, lease, any != 0, add, &at);
            left -= ST_MIN(left, (size_t)ELEMENTS_PER_MESSAGE);
        }
    }
}

int net_nft_remove(int nft, const char *bridge, struct st_err *err)
{
    st_auto(net_nl) struct net_nl nl = NET_NL_EMPTY;
    net_nft_batch_begin(&nl, 0);
    net_nft_remove_table(&nl, bridge);
    net_nft_batch_end(&nl);
    return net_nl_talk(nft, &nl, "removing the nftables rules", err);
}
