/*
 * Links, addresses and routes of the bridge network, by NETLINK_ROUTE. `rtnl` is a socket of
 * net_nl_open(NETLINK_ROUTE) in the namespace that the bridge is in.
 */
#pragma once

#include <netinet/in.h>

#include "net/net.h"

struct net_bridge {
    char name[NET_LINK_SIZE];
    int index;
    struct in_addr address; /* the bridge's own: the instances' gateway */
    uint8_t prefix;
};

/* Host mask of a prefix length, in network byte order. */
struct in_addr net_mask(uint8_t prefix);

/* "a.b.c.d/n" with n in 8..28; the bits behind the prefix are cleared. -ST_EINVAL. */
int net_subnet_parse(const char *text, struct in_addr *ret_network, uint8_t *ret_prefix,
                     struct st_err *err) ST_MUST_CHECK;

/* The first pool of ours that overlaps no route and no address of the host. */
int net_link_pick_subnet(int rtnl, struct in_addr *ret_network, uint8_t *ret_prefix,
                         struct st_err *err);

/* Fills in index and address of the bridge of that name. Returns 1, or 0 when there is none.
 * -ST_ECONFLICT when the name is another kind of link's. */
int net_link_find_bridge(int rtnl, const char *name, struct net_bridge *ret_bridge,
                         struct st_err *err);

/* Makes the bridge with the given name, address and prefix if it is missing, gives it the address,
 * sets it up and lets it carry packets for 127.0.0.0/8 (route_localnet). Fills in the index. */
int net_link_make_bridge(int rtnl, struct net_bridge *bridge, struct st_err *err);

/* Makes the pair lease->link (a port of the bridge) and eth0 (in the namespace, with address,
 * default route and lo up). A link of that name that is there already is replaced. */
int net_link_connect(int rtnl, const struct net_bridge *bridge, const struct net_lease *lease,
                     int netns, struct st_err *err);

/* Removes a link by name, 0 when there is none. */
int net_link_remove(int rtnl, const char *name, struct st_err *err);

/* Hardware address of an interface with this address: ours, locally administered. */
void net_link_mac(struct in_addr address, uint8_t ret_mac[6]);
