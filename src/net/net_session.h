/* One command's work on the network: the locked folder, the sockets, and the network made ready. */
#pragma once

#include "net/net.h"
#include "net/net_lease.h"
#include "net/net_link.h"

struct net_session {
    const struct net_config *config;
    struct net_folder folder;
    struct net_bridge bridge; /* set by net_session_ready */
    int rtnl;                 /* opened when first used; -1 before */
    int nft;
    bool rebuild; /* the table is to be made anew, whatever it looks like */
    bool rebuilt; /* it was, with the ports of every lease on disk */
};

/* Locks the folder. As net_folder_open, with `make`. */
int net_session_open(const struct net_config *config, bool make, struct net_session *ret_session,
                     struct st_err *err);
void net_session_done(struct net_session *session);

static inline void st_cleanup_net_session(struct net_session *session)
{
    net_session_done(session);
}

const char *net_session_bridge_name(const struct net_session *session);

/* The sockets, opened on demand. */
int net_session_rtnl(struct net_session *session, struct st_err *err);
int net_session_nft(struct net_session *session, struct st_err *err);

/* Makes sure that bridge, table, host rules and forwarding are as they should be. Cheap when
 * nothing changed since the last command. */
int net_session_ready(struct net_session *session, struct st_buf *notes, struct st_err *err);

/* As net_session_ready for the nftables part alone. */
int net_session_rules(struct net_session *session, struct st_buf *notes, struct st_err *err);

/* Calls visit for each lease that can be read. The first nonzero result ends it and is returned. A
 * lease file that cannot be read comes from an attempt that was killed: with `clean` it is removed.
 */
int net_session_each(struct net_session *session, bool clean, net_visit_fn visit, void *data,
                     struct st_err *err);
