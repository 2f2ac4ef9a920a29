/*
 * Our nftables table, `ip BRIDGE`, and our accept rules in the host's own forward chains. `nft` is
 * a socket of net_nl_open(NETLINK_NETFILTER). The rules are drawn in docs/networking.md.
 */
#pragma once

#include <netinet/in.h>

#include "net/net.h"
#include "net/net_link.h"
#include "net/net_netlink.h"

/* The number of the host's current ruleset: each transaction of anybody changes it. */
int net_nft_generation(int nft, uint32_t *ret_generation, struct st_err *err);

/* Is our table there with all its chains and rules? Returns 1 or 0. */
int net_nft_complete(int nft, const char *bridge, struct st_err *err);

/* Appends the messages that make our table anew, empty of ports. */
void net_nft_put_table(struct net_nl *nl, const struct net_bridge *bridge);

/* Appends the messages that publish the ports of a lease, or take them back. */
void net_nft_put_ports(struct net_nl *nl, const struct net_lease *lease, bool add);

/* Puts our accept rules into the host's forward chains where they would drop the bridge's packets,
 * except where they are already. Returns how many rules of ours there are now. What cannot be
 * changed is said in `notes`. */
int net_nft_host_open(int nft, const char *bridge, struct st_buf *notes, struct st_err *err);

/* Takes all our rules out of the host's chains. */
int net_nft_host_close(int nft, const char *bridge, struct st_err *err);

/* Removes our table. */
int net_nft_remove(int nft, const char *bridge, struct st_err *err);

/* Is the host's firewall an iptables-legacy one whose FORWARD policy stops the bridge's packets?
 * Then appends the line that says which rule to add and returns 1, else 0. */
int net_legacy_check(const char *bridge, struct st_buf *notes);

/* Deletes the tracked UDP flows to a lease's published ports, and those of its address: they would
 * send packets of old peers the old way. */
int net_flows_remove(int nft, const struct net_lease *lease, struct st_err *err);
