/*
 * A user-mode network (libslirp): the guest's frames become ordinary sockets of this process, so
 * that nothing of the host's network is touched and no privilege is needed. IPv4 10.0.2.0/24: the
 * guest is .15 by DHCP, the host .2, names are served by .3; IPv6 fd00:: alike.
 *
 * A thread of its own waits for the sockets. Everything else runs with the device lock held.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "net/net.h"
#include "platform/plat_backend.h"
#include "platform/platform.h"

struct net_user;

enum { NET_USER_MTU_MAX = 65521 };

struct net_user_config {
    struct platform *platform; /* its device lock is used */
    uint8_t mac[6];            /* the guest's */
    uint16_t mtu;              /* 576 to NET_USER_MTU_MAX; 0: the largest */
    bool restricted;           /* the guest reaches nothing outside; published ports work */
    bool host_loopback;        /* 10.0.2.2 reaches what listens on the host's 127.0.0.1 */
    const char *hostname;      /* the guest's by DHCP; NULL: none */
    const struct net_ports
        *ports; /* published to the guest, with host_first == host_last; NULL: none */
};

/* 0 or -ST_Exxx; *err names the port that cannot be listened on. Lock not held. */
int net_user_open(const struct net_user_config *config, struct net_user **ret_user,
                  struct st_err *err) ST_MUST_CHECK;

/* What a device is given. Lives as long as the network. */
struct plat_packet *net_user_packet(struct net_user *user);

/* Ends its thread and connections. NULL allowed. Lock not held. */
void net_user_close(struct net_user *user);
