/* Choosing host ports that are free: among the instances, and on the host. */
#pragma once

#include "net/net.h"
#include "net/net_lease.h"

/* Fills in ret_chosen, one for each wanted, with host_first == host_last; nothing is taken yet. The
 * caller frees it. */
int net_ports_choose(const struct net_folder *folder, const struct net_ports *wanted,
                     struct net_ports *ret_chosen, struct st_err *err);
