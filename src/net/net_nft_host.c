/*
 * Our rules in the host's own forward chains.
 *
 * An accept in one base chain does not outvote a drop in another, so where the host's firewall
 * (ufw, firewalld, docker, an /etc/nftables.conf) drops what it does not know, the bridge is let
 * through in that very chain: by two rules, in and out, marked by a comment. What goes to instances
 * is still filtered by our own forward chain. The rules stand as late as possible, so that what the
 * host drops on purpose stays dropped.
 */
#include <netinet/in.h> /* before the kernel's headers, which define less then */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "net/net_nft.h"
#include "net/net_nft_message.h"

enum {
    MAX_CHAINS = 16, /* forward chains of others that are looked at */
    MAX_RULES = 8,   /* of ours in one of them */
    NAME_SIZE = 128, /* longer names of tables and chains are left alone */
    COMMENT_SIZE = 32,
};

struct host_chain {
    char table[NAME_SIZE];
    char name[NAME_SIZE];
    uint8_t family;
    bool drops;        /* by policy */
    bool stops;        /* a rule ends it for every packet */
    uint64_t position; /* of the rule in front of which ours belong; 0: at the end */
    uint64_t ours[MAX_RULES];
    size_t our_count;
    const char *comment; /* that marks ours */
};

struct host_chains {
    const char *own_table;
    struct host_chain list[MAX_CHAINS];
    size_t count;
};

static void comment_of(const char *bridge, char comment[COMMENT_SIZE])
{
    st_snprintf(comment, COMMENT_SIZE, "strata %s", bridge);
}

static int take_chain(void *data, const struct net_nl_message *message)
{
    struct host_chains *chains = data;
    const struct nlattr *table[NFTA_CHAIN_TYPE + 1];
    const struct nlattr *hook[NFTA_HOOK_PRIORITY + 1];
    const struct nfgenmsg *header = (const void *)message->payload;
    if (message->size < sizeof(*header) || chains->count == MAX_CHAINS ||
        (header->nfgen_family != NFPROTO_IPV4 && header->nfgen_family != NFPROTO_INET)) {
        return 0;
    }
    net_nl_split(message->payload + sizeof(*header), message->size - sizeof(*header), table,
                 NFTA_CHAIN_TYPE);
    net_nl_split(net_nl_data(table[NFTA_CHAIN_HOOK]), net_nl_size(table[NFTA_CHAIN_HOOK]), hook,
                 NFTA_HOOK_PRIORITY);
    struct host_chain *chain = &chains->list[chains->count];
    *chain = (struct host_chain){.family = header->nfgen_family};
    if (!st_streq(net_nl_text(table[NFTA_CHAIN_TYPE]), "filter") ||
        net_nl_be32(hook[NFTA_HOOK_HOOKNUM], NF_INET_NUMHOOKS) != NF_INET_FORWARD ||
        !st_strcopy(chain->table, NAME_SIZE, net_nl_text(table[NFTA_CHAIN_TABLE])) ||
        !st_strcopy(chain->name, NAME_SIZE, net_nl_text(table[NFTA_CHAIN_NAME]))) {
        return 0;
    }
    if (chain->family == NFPROTO_IPV4 && st_streq(chain->table, chains->own_table)) {
        return 0;
    }
    chain->drops = net_nl_be32(table[NFTA_CHAIN_POLICY], NF_ACCEPT) == NF_DROP;
    chains->count++;
    return 0;
}

/* What one rule does, as far as it matters here. */
struct effect {
    bool conditional;
    bool stops;
    bool late; /* jumps to what ufw does with packets that nothing accepted */
};

static void take_verdict(const struct nlattr *data, struct effect *effect)
{
    const struct nlattr *table[NFTA_IMMEDIATE_DATA + 1];
    const struct nlattr *inner[NFTA_DATA_VERDICT + 1];
    const struct nlattr *verdict[NFTA_VERDICT_CHAIN + 1];
    net_nl_split(net_nl_data(data), net_nl_size(data), table, NFTA_IMMEDIATE_DATA);
    net_nl_split(net_nl_data(table[NFTA_IMMEDIATE_DATA]), net_nl_size(table[NFTA_IMMEDIATE_DATA]),
                 inner, NFTA_DATA_VERDICT);
    net_nl_split(net_nl_data(inner[NFTA_DATA_VERDICT]), net_nl_size(inner[NFTA_DATA_VERDICT]),
                 verdict, NFTA_VERDICT_CHAIN);
    int code = (int)net_nl_be32(verdict[NFTA_VERDICT_CODE], NF_ACCEPT);
    const char *target = net_nl_text(verdict[NFTA_VERDICT_CHAIN]);
    effect->stops |= code == NF_DROP;
    effect->late |= (code == NFT_JUMP || code == NFT_GOTO) &&
                    (st_starts_with(target, "ufw-after-") || st_starts_with(target, "ufw-reject-"));
}

static void take_expression(const struct nlattr *element, struct effect *effect)
{
    static const char *const harmless[] = {"counter", "log", "limit"};
    const struct nlattr *table[NFTA_EXPR_DATA + 1];
    const struct nlattr *target[NFTA_TARGET_NAME + 1];
    net_nl_split(net_nl_data(element), net_nl_size(element), table, NFTA_EXPR_DATA);
    const char *name = net_nl_text(table[NFTA_EXPR_NAME]);
    const struct nlattr *data = table[NFTA_EXPR_DATA];
    if (st_streq(name, "immediate")) {
        take_verdict(data, effect);
        return;
    }
    if (st_streq(name, "reject")) {
        effect->stops = true;
        return;
    }
    if (st_streq(name, "target")) {
        net_nl_split(net_nl_data(data), net_nl_size(data), target, NFTA_TARGET_NAME);
        effect->stops |= st_streq(net_nl_text(target[NFTA_TARGET_NAME]), "REJECT");
        return;
    }
    for (size_t i = 0; i < ST_COUNT(harmless); i++) {
        if (st_streq(name, harmless[i])) {
            return;
        }
    }
    effect->conditional = true;
}

static bool has_comment(const struct nlattr *user_data, const char *comment)
{
    const uint8_t *bytes = net_nl_data(user_data);
    size_t size = strlen(comment) + 1;
    return net_nl_size(user_data) == size + 2 && bytes[0] == 0 && bytes[1] == size &&
           memcmp(bytes + 2, comment, size) == 0;
}

static uint64_t be64(const struct nlattr *attr)
{
    uint64_t value = 0;
    if (net_nl_size(attr) >= sizeof(value)) {
        memcpy(&value, net_nl_data(attr), sizeof(value));
    }
    return be64toh(value);
}

static int take_rule(void *data, const struct net_nl_message *message)
{
    struct host_chain *chain = data;
    const struct nlattr *table[NFTA_RULE_USERDATA + 1];
    struct effect effect = {0};
    if (message->size < sizeof(struct nfgenmsg)) {
        return 0;
    }
    net_nl_split(message->payload + sizeof(struct nfgenmsg),
                 message->size - sizeof(struct nfgenmsg), table, NFTA_RULE_USERDATA);
    uint64_t handle = be64(table[NFTA_RULE_HANDLE]);
    if (!st_streq(net_nl_text(table[NFTA_RULE_TABLE]), chain->table) ||
        !st_streq(net_nl_text(table[NFTA_RULE_CHAIN]), chain->name)) {
        return 0;
    }
    if (has_comment(table[NFTA_RULE_USERDATA], chain->comment)) {
        if (chain->our_count < MAX_RULES) {
            chain->ours[chain->our_count++] = handle;
        }
        return 0;
    }
    const uint8_t *list = net_nl_data(table[NFTA_RULE_EXPRESSIONS]);
    size_t left = net_nl_size(table[NFTA_RULE_EXPRESSIONS]);
    while (left >= NLA_HDRLEN) {
        const struct nlattr *element = (const void *)list;
        size_t length = NLA_ALIGN((size_t)element->nla_len);
        if (element->nla_len < NLA_HDRLEN || length > left) {
            break;
        }
        take_expression(element, &effect);
        list += length;
        left -= length;
    }
    if (chain->position == 0 && !effect.conditional && (effect.stops || effect.late)) {
        chain->position = handle;
        chain->stops = effect.stops;
    }
    return 0;
}

/* Reads all forward chains of others with what matters of their rules. */
static int read_chains(int nft, const char *bridge, const char *comment,
                       struct host_chains *ret_chains, struct st_err *err)
{
    st_auto(net_nl) struct net_nl nl = NET_NL_EMPTY;
    *ret_chains = (struct host_chains){.own_table = bridge};
    net_nft_begin(&nl, NFT_MSG_GETCHAIN, NLM_F_DUMP, NFPROTO_UNSPEC);
    net_nl_end(&nl);
    int r = net_nl_query(nft, &nl, take_chain, ret_chains, "reading the nftables chains", err);
    for (size_t i = 0; r == 0 && i < ret_chains->count; i++) {
        struct host_chain *chain = &ret_chains->list[i];
        chain->comment = comment;
        net_nl_reset(&nl);
        net_nft_begin(&nl, NFT_MSG_GETRULE, NLM_F_DUMP, chain->family);
        net_nl_put_text(&nl, NFTA_RULE_TABLE, chain->table);
        net_nl_put_text(&nl, NFTA_RULE_CHAIN, chain->name);
        net_nl_end(&nl);
        r = net_nl_query(nft, &nl, take_rule, chain, "reading the host's forward rules", err);
    }
    return r;
}

/* firewalld accepts by policy and rejects in chains below: only in front of all is soon enough. */
static bool is_firewalld(const struct host_chain *chain)
{
    return st_streq(chain->table, "firewalld");
}

static void put_accept(struct net_nl *nl, const struct host_chain *chain, const char *bridge,
                       bool incoming)
{
    struct net_nft_rule rule = {
        .table = chain->table,
        .chain = chain->name,
        .text = chain->comment,
        .family = chain->family,
        .first = is_firewalld(chain),
        .position = is_firewalld(chain) ? 0 : chain->position,
    };
    net_nft_rule_begin(nl, &rule);
    net_nft_if_name(nl, incoming, true, bridge);
    net_nft_counter(nl); /* iptables shows no rule without one */
    net_nft_verdict(nl, NF_ACCEPT, NULL);
    net_nft_rule_end(nl, &rule);
}

static int remove_ours(int nft, const struct host_chain *chain, struct st_err *err)
{
    st_auto(net_nl) struct net_nl nl = NET_NL_EMPTY;
    net_nft_batch_begin(&nl, 0);
    for (size_t i = 0; i < chain->our_count; i++) {
        net_nft_remove_rule(&nl, chain->family, chain->table, chain->name, chain->ours[i]);
    }
    net_nft_batch_end(&nl);
    int r = net_nl_talk(nft, &nl, "removing our rules from the host's firewall", err);
    return r == -ST_ENOENT ? 0 : r; /* the host's firewall was loaded anew meanwhile */
}

static int add_ours(int nft, const struct host_chain *chain, const char *bridge, struct st_err *err)
{
    st_auto(net_nl) struct net_nl nl = NET_NL_EMPTY;
    net_nft_batch_begin(&nl, 0);
    put_accept(&nl, chain, bridge, true);
    put_accept(&nl, chain, bridge, false);
    net_nft_batch_end(&nl);
    return net_nl_talk(nft, &nl, "adding rules to the host's firewall", err);
}

static void say_by_hand(const struct host_chain *chain, const char *bridge, const char *why,
                        struct st_buf *notes)
{
    if (notes == NULL) {
        return;
    }
    if (is_firewalld(chain)) {
        st_buf_printf(notes,
                      "firewalld may block instances (%s): run `firewall-cmd --zone=trusted "
                      "--add-interface=%s`\n",
                      why, bridge);
        return;
    }
    st_buf_printf(notes,
                  "the firewall's chain %s %s may block instances (%s): let it accept what "
                  "comes from and goes to interface %s\n",
                  chain->table, chain->name, why, bridge);
}

int net_nft_host_open(int nft, const char *bridge, struct st_buf *notes, struct st_err *err)
{
    char comment[COMMENT_SIZE];
    struct host_chains chains;
    int rules = 0;
    comment_of(bridge, comment);
    int r = read_chains(nft, bridge, comment, &chains, err);
    for (size_t i = 0; r == 0 && i < chains.count; i++) {
        struct host_chain *chain = &chains.list[i];
        if (!chain->drops && !chain->stops && !is_firewalld(chain)) {
            rules += (int)chain->our_count;
            continue;
        }
        if (chain->our_count != 2) {
            struct st_err why = {0};
            r = chain->our_count > 0 ? remove_ours(nft, chain, err) : 0;
            if (r == 0 && add_ours(nft, chain, bridge, &why) < 0) {
                say_by_hand(chain, bridge, why.msg, notes);
                continue;
            }
        }
        rules += 2;
    }
    return r < 0 ? r : rules;
}

int net_nft_host_close(int nft, const char *bridge, struct st_err *err)
{
    char comment[COMMENT_SIZE];
    struct host_chains chains;
    comment_of(bridge, comment);
    int r = read_chains(nft, bridge, comment, &chains, err);
    for (size_t i = 0; r == 0 && i < chains.count; i++) {
        if (chains.list[i].our_count > 0) {
            r = remove_ours(nft, &chains.list[i], err);
        }
    }
    return r;
}
