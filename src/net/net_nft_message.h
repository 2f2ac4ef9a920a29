/*
 * Writing nftables messages: batches, tables, chains, maps, rules and their expressions. Everything
 * is appended to a struct net_nl; a failure sticks there. Numbers and layouts are those of
 * <linux/netfilter/nf_tables.h>.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

#include "net/net_netlink.h"

/* A batch is one transaction: all of it or nothing. `generation` is the ruleset's that it was made
 * for; another one fails with -ERESTART. 0: any. */
void net_nft_batch_begin(struct net_nl *nl, uint32_t generation);
/* Also asks for the acknowledgement of the last message. */
void net_nft_batch_end(struct net_nl *nl);

/* Begins any nftables message (NFT_MSG_*) of a family (NFPROTO_*). Ended by net_nl_end. */
void net_nft_begin(struct net_nl *nl, uint16_t message, uint16_t flags, uint8_t family);

void net_nft_add_table(struct net_nl *nl, const char *table);
/* No failure when there is no such table: it is made first. */
void net_nft_remove_table(struct net_nl *nl, const char *table);

/* A chain; with a type ("filter", "nat") it is a base chain at this hook (NF_INET_*) and priority,
 * with policy accept. */
struct net_nft_chain {
    const char *name;
    const char *type;
    uint32_t hook;
    int32_t priority;
};
void net_nft_add_chain(struct net_nl *nl, const char *table, const struct net_nft_chain *chain);

/* A map of concatenated keys to address . port. key_type and size as nft counts them. */
void net_nft_add_map(struct net_nl *nl, const char *table, const char *name, uint32_t id,
                     uint32_t key_type, uint32_t key_size);

/* Rules are between these; `text` is the comment that nft shows, NULL for none. */
struct net_nft_rule {
    const char *table;
    const char *chain;
    const char *text;
    uint64_t position; /* 0: at the end, else in front of the rule of this handle */
    uint8_t family;
    bool first; /* in front of all others */
    size_t list;
};
void net_nft_rule_begin(struct net_nl *nl, struct net_nft_rule *rule);
void net_nft_rule_end(struct net_nl *nl, const struct net_nft_rule *rule);
void net_nft_remove_rule(struct net_nl *nl, uint8_t family, const char *table, const char *chain,
                         uint64_t handle);

/* Expressions. Each stands for a piece of a rule as nft writes it, in the comment. */
void net_nft_if_name(struct net_nl *nl, bool incoming, bool equal, const char *name);
/* ip saddr, ip daddr: is it, or is it not, in network/prefix? */
void net_nft_if_in(struct net_nl *nl, bool source, bool equal, struct in_addr network,
                   uint8_t prefix);
void net_nft_if_local(struct net_nl *nl);                  /* fib daddr type local */
void net_nft_if_state(struct net_nl *nl, uint32_t states); /* ct state: a mask of state bits */
void net_nft_if_dnat(struct net_nl *nl, bool was);         /* ct status dnat, ! dnat */
void net_nft_counter(struct net_nl *nl);                   /* counter */
void net_nft_verdict(struct net_nl *nl, int verdict, const char *chain); /* accept, drop, jump */
void net_nft_masquerade(struct net_nl *nl);
/* dnat to meta l4proto [. ip daddr] . th dport map @name */
void net_nft_dnat_by_map(struct net_nl *nl, const char *map, uint32_t map_id, bool with_address);
