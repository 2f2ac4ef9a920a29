/* nftables messages: see net_nft_message.h. */
#include "net/net_nft_message.h"

#include <netinet/in.h> /* before the kernel's headers, which define less then */

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "net/net_link.h"

enum {
    COMMENT = 0,      /* type of nft's user data that holds a rule's comment */
    IPV4_SOURCE = 12, /* offsets in the IPv4 header */
    IPV4_TARGET = 16,
    TRANSPORT_TARGET = 2,                /* of the destination port, in TCP's and UDP's header */
    TYPE_ADDRESS_AND_PORT = 7 << 6 | 13, /* nft's numbers: ipv4_addr . inet_service */
    NAME_SIZE = 16,
};

static void batch_edge(struct net_nl *nl, uint16_t type, uint32_t generation)
{
    const struct nfgenmsg header = {
        .version = NFNETLINK_V0,
        .res_id = htons(NFNL_SUBSYS_NFTABLES),
    };
    net_nl_begin(nl, type, 0, &header, sizeof(header));
    if (generation != 0) {
        net_nl_put_be32(nl, NFNL_BATCH_GENID, generation);
    }
    net_nl_end(nl);
}

void net_nft_batch_begin(struct net_nl *nl, uint32_t generation)
{
    batch_edge(nl, NFNL_MSG_BATCH_BEGIN, generation);
}

void net_nft_batch_end(struct net_nl *nl)
{
    net_nl_acknowledge(nl);
    batch_edge(nl, NFNL_MSG_BATCH_END, 0);
}

void net_nft_begin(struct net_nl *nl, uint16_t message, uint16_t flags, uint8_t family)
{
    const struct nfgenmsg header = {.nfgen_family = family, .version = NFNETLINK_V0};
    net_nl_begin(nl, NFNL_SUBSYS_NFTABLES << 8 | message, flags, &header, sizeof(header));
}

static void put_be64(struct net_nl *nl, uint16_t type, uint64_t value)
{
    uint64_t big = htobe64(value);
    net_nl_put(nl, type, &big, sizeof(big));
}

void net_nft_add_table(struct net_nl *nl, const char *table)
{
    net_nft_begin(nl, NFT_MSG_NEWTABLE, NLM_F_CREATE, NFPROTO_IPV4);
    net_nl_put_text(nl, NFTA_TABLE_NAME, table);
    net_nl_end(nl);
}

void net_nft_remove_table(struct net_nl *nl, const char *table)
{
    net_nft_add_table(nl, table);
    net_nft_begin(nl, NFT_MSG_DELTABLE, 0, NFPROTO_IPV4);
    net_nl_put_text(nl, NFTA_TABLE_NAME, table);
    net_nl_end(nl);
}

void net_nft_add_chain(struct net_nl *nl, const char *table, const struct net_nft_chain *chain)
{
    net_nft_begin(nl, NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFPROTO_IPV4);
    net_nl_put_text(nl, NFTA_CHAIN_TABLE, table);
    net_nl_put_text(nl, NFTA_CHAIN_NAME, chain->name);
    if (chain->type != NULL) {
        size_t hook = net_nl_nest(nl, NFTA_CHAIN_HOOK);
        net_nl_put_be32(nl, NFTA_HOOK_HOOKNUM, chain->hook);
        net_nl_put_be32(nl, NFTA_HOOK_PRIORITY, (uint32_t)chain->priority);
        net_nl_nest_end(nl, hook);
        net_nl_put_be32(nl, NFTA_CHAIN_POLICY, NF_ACCEPT);
        net_nl_put_text(nl, NFTA_CHAIN_TYPE, chain->type);
    }
    net_nl_end(nl);
}

void net_nft_add_map(struct net_nl *nl, const char *table, const char *name, uint32_t id,
                     uint32_t key_type, uint32_t key_size)
{
    net_nft_begin(nl, NFT_MSG_NEWSET, NLM_F_CREATE, NFPROTO_IPV4);
    net_nl_put_text(nl, NFTA_SET_TABLE, table);
    net_nl_put_text(nl, NFTA_SET_NAME, name);
    net_nl_put_be32(nl, NFTA_SET_FLAGS, NFT_SET_MAP);
    net_nl_put_be32(nl, NFTA_SET_KEY_TYPE, key_type);
    net_nl_put_be32(nl, NFTA_SET_KEY_LEN, key_size);
    net_nl_put_be32(nl, NFTA_SET_DATA_TYPE, TYPE_ADDRESS_AND_PORT);
    net_nl_put_be32(nl, NFTA_SET_DATA_LEN, 8);
    net_nl_put_be32(nl, NFTA_SET_ID, id);
    net_nl_end(nl);
}

void net_nft_rule_begin(struct net_nl *nl, struct net_nft_rule *rule)
{
    bool append = rule->position == 0 && !rule->first;
    net_nft_begin(nl, NFT_MSG_NEWRULE, NLM_F_CREATE | (append ? NLM_F_APPEND : 0), rule->family);
    net_nl_put_text(nl, NFTA_RULE_TABLE, rule->table);
    net_nl_put_text(nl, NFTA_RULE_CHAIN, rule->chain);
    if (rule->position != 0) {
        put_be64(nl, NFTA_RULE_POSITION, rule->position);
    }
    rule->list = net_nl_nest(nl, NFTA_RULE_EXPRESSIONS);
}

void net_nft_rule_end(struct net_nl *nl, const struct net_nft_rule *rule)
{
    net_nl_nest_end(nl, rule->list);
    if (rule->text != NULL) {
        uint8_t data[2 + 64] = {COMMENT};
        size_t size = ST_MIN(strlen(rule->text) + 1, sizeof(data) - 2);
        data[1] = (uint8_t)size;
        memcpy(data + 2, rule->text, size - 1);
        net_nl_put(nl, NFTA_RULE_USERDATA, data, size + 2);
    }
    net_nl_end(nl);
}

void net_nft_remove_rule(struct net_nl *nl, uint8_t family, const char *table, const char *chain,
                         uint64_t handle)
{
    net_nft_begin(nl, NFT_MSG_DELRULE, 0, family);
    net_nl_put_text(nl, NFTA_RULE_TABLE, table);
    net_nl_put_text(nl, NFTA_RULE_CHAIN, chain);
    put_be64(nl, NFTA_RULE_HANDLE, handle);
    net_nl_end(nl);
}

/* --- expressions --- */

struct expression {
    size_t element;
    size_t data;
};

static struct expression begin(struct net_nl *nl, const char *name)
{
    struct expression e = {.element = net_nl_nest(nl, NFTA_LIST_ELEM)};
    net_nl_put_text(nl, NFTA_EXPR_NAME, name);
    e.data = net_nl_nest(nl, NFTA_EXPR_DATA);
    return e;
}

static void end(struct net_nl *nl, struct expression e)
{
    net_nl_nest_end(nl, e.data);
    net_nl_nest_end(nl, e.element);
}

static void put_data(struct net_nl *nl, uint16_t type, const void *bytes, size_t size)
{
    size_t nest = net_nl_nest(nl, type);
    net_nl_put(nl, NFTA_DATA_VALUE, bytes, size);
    net_nl_nest_end(nl, nest);
}

static void meta(struct net_nl *nl, uint32_t key, uint32_t reg)
{
    struct expression e = begin(nl, "meta");
    net_nl_put_be32(nl, NFTA_META_KEY, key);
    net_nl_put_be32(nl, NFTA_META_DREG, reg);
    end(nl, e);
}

static void compare(struct net_nl *nl, bool equal, const void *bytes, size_t size)
{
    struct expression e = begin(nl, "cmp");
    net_nl_put_be32(nl, NFTA_CMP_SREG, NFT_REG_1);
    net_nl_put_be32(nl, NFTA_CMP_OP, equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
    put_data(nl, NFTA_CMP_DATA, bytes, size);
    end(nl, e);
}

static void load_payload(struct net_nl *nl, uint32_t base, uint32_t offset, uint32_t size,
                         uint32_t reg)
{
    struct expression e = begin(nl, "payload");
    net_nl_put_be32(nl, NFTA_PAYLOAD_DREG, reg);
    net_nl_put_be32(nl, NFTA_PAYLOAD_BASE, base);
    net_nl_put_be32(nl, NFTA_PAYLOAD_OFFSET, offset);
    net_nl_put_be32(nl, NFTA_PAYLOAD_LEN, size);
    end(nl, e);
}

static void mask_word(struct net_nl *nl, uint32_t mask)
{
    static const uint32_t zero;
    struct expression e = begin(nl, "bitwise");
    net_nl_put_be32(nl, NFTA_BITWISE_SREG, NFT_REG_1);
    net_nl_put_be32(nl, NFTA_BITWISE_DREG, NFT_REG_1);
    net_nl_put_be32(nl, NFTA_BITWISE_LEN, sizeof(mask));
    put_data(nl, NFTA_BITWISE_MASK, &mask, sizeof(mask));
    put_data(nl, NFTA_BITWISE_XOR, &zero, sizeof(zero));
    end(nl, e);
}

static void load_ct(struct net_nl *nl, uint32_t key)
{
    struct expression e = begin(nl, "ct");
    net_nl_put_be32(nl, NFTA_CT_KEY, key);
    net_nl_put_be32(nl, NFTA_CT_DREG, NFT_REG_1);
    end(nl, e);
}

void net_nft_if_name(struct net_nl *nl, bool incoming, bool equal, const char *name)
{
    char padded[NAME_SIZE] = {0};
    memcpy(padded, name, strnlen(name, sizeof(padded) - 1));
    meta(nl, incoming ? NFT_META_IIFNAME : NFT_META_OIFNAME, NFT_REG_1);
    compare(nl, equal, padded, sizeof(padded));
}

void net_nft_if_in(struct net_nl *nl, bool source, bool equal, struct in_addr network,
                   uint8_t prefix)
{
    load_payload(nl, NFT_PAYLOAD_NETWORK_HEADER, source ? IPV4_SOURCE : IPV4_TARGET,
                 sizeof(network), NFT_REG_1);
    mask_word(nl, net_mask(prefix).s_addr);
    network.s_addr &= net_mask(prefix).s_addr;
    compare(nl, equal, &network, sizeof(network));
}

void net_nft_if_local(struct net_nl *nl)
{
    static const uint32_t local = RTN_LOCAL;
    struct expression e = begin(nl, "fib");
    net_nl_put_be32(nl, NFTA_FIB_DREG, NFT_REG_1);
    net_nl_put_be32(nl, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    net_nl_put_be32(nl, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
    end(nl, e);
    compare(nl, true, &local, sizeof(local));
}

static void if_any_bit(struct net_nl *nl, uint32_t key, uint32_t bits, bool set)
{
    static const uint32_t zero;
    load_ct(nl, key);
    mask_word(nl, bits);
    compare(nl, !set, &zero, sizeof(zero));
}

void net_nft_if_state(struct net_nl *nl, uint32_t states)
{
    if_any_bit(nl, NFT_CT_STATE, states, true);
}

void net_nft_if_dnat(struct net_nl *nl, bool was)
{
    if_any_bit(nl, NFT_CT_STATUS, IPS_DST_NAT, was);
}

void net_nft_counter(struct net_nl *nl)
{
    end(nl, begin(nl, "counter"));
}

void net_nft_verdict(struct net_nl *nl, int verdict, const char *chain)
{
    struct expression e = begin(nl, "immediate");
    net_nl_put_be32(nl, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    size_t data = net_nl_nest(nl, NFTA_IMMEDIATE_DATA);
    size_t inner = net_nl_nest(nl, NFTA_DATA_VERDICT);
    net_nl_put_be32(nl, NFTA_VERDICT_CODE, (uint32_t)verdict);
    if (chain != NULL) {
        net_nl_put_text(nl, NFTA_VERDICT_CHAIN, chain);
    }
    net_nl_nest_end(nl, inner);
    net_nl_nest_end(nl, data);
    end(nl, e);
}

void net_nft_masquerade(struct net_nl *nl)
{
    end(nl, begin(nl, "masq"));
}

void net_nft_dnat_by_map(struct net_nl *nl, const char *map, uint32_t map_id, bool with_address)
{
    uint32_t reg = NFT_REG32_00;
    meta(nl, NFT_META_L4PROTO, reg++);
    if (with_address) {
        load_payload(nl, NFT_PAYLOAD_NETWORK_HEADER, IPV4_TARGET, 4, reg++);
    }
    load_payload(nl, NFT_PAYLOAD_TRANSPORT_HEADER, TRANSPORT_TARGET, 2, reg);

    struct expression e = begin(nl, "lookup");
    net_nl_put_text(nl, NFTA_LOOKUP_SET, map);
    net_nl_put_be32(nl, NFTA_LOOKUP_SREG, NFT_REG32_00);
    net_nl_put_be32(nl, NFTA_LOOKUP_DREG, NFT_REG32_00);
    net_nl_put_be32(nl, NFTA_LOOKUP_SET_ID, map_id);
    end(nl, e);

    e = begin(nl, "nat");
    net_nl_put_be32(nl, NFTA_NAT_TYPE, NFT_NAT_DNAT);
    net_nl_put_be32(nl, NFTA_NAT_FAMILY, NFPROTO_IPV4);
    net_nl_put_be32(nl, NFTA_NAT_REG_ADDR_MIN, NFT_REG32_00);
    net_nl_put_be32(nl, NFTA_NAT_REG_PROTO_MIN, NFT_REG32_01);
    end(nl, e);
}
