/*
 * The default bridge network: how instances get an address, a way out, and published ports.
 *
 * One network is a Linux bridge (strata0) with an IPv4 pool, an nftables table (`ip strata`), and a
 * folder of state. The kernel is spoken to by netlink alone. An instance is known by its id; what
 * it has (address, link, ports) is its lease, a file in the folder that is written before anything
 * is done and removed after everything is undone. So a command that is killed at any instant leaves
 * at most what net_collect removes, given only which ids are alive.
 *
 * All functions serialise on a lock of the folder. They may enter another network namespace for a
 * moment, in the calling thread alone. docs/networking.md describes layout and rules.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/heap.h"

enum {
    NET_ID_SIZE = 80,     /* of an instance id with its zero: letters, digits, '.', '_' and '-' */
    NET_LINK_SIZE = 16,   /* of an interface name with its zero */
    NET_PORTS_MAX = 2048, /* published ports of one instance */
};

struct net_config {
    const char *folder; /* of state that dies with the host, /run/strata/net; made when missing */
    const char *bridge; /* NULL: "strata0" */
    const char
        *subnet; /* "172.18.0.0/16"; NULL: the first pool that overlaps no route of the host */
};

/* One published port. */
struct net_port {
    struct in_addr host;     /* 0.0.0.0: every address of the host */
    uint16_t host_first;     /* wanted host port; 0: one that the kernel chooses */
    uint16_t host_last;      /* above host_first: the first free one of this range is taken */
    uint16_t container_port; /* never 0 */
    uint8_t protocol;        /* IPPROTO_TCP or IPPROTO_UDP */
};

/* A list of ports: zero it before first use, free it with net_ports_done. */
struct net_ports {
    struct net_port *list;
    size_t count;
};
void net_ports_done(struct net_ports *ports);

static inline void st_cleanup_net_ports(struct net_ports *ports)
{
    net_ports_done(ports);
}

/* Appends what one `-p` means to *ports: [address:][port[-port]:]port[-port][/tcp|/udp], as docker
 * takes it. Pure. -ST_EINVAL with a message; *ports is then as before. */
int net_publish_parse(const char *text, struct net_ports *ports, struct st_err *err) ST_MUST_CHECK;

/* "0.0.0.0:8080->80/tcp", as `ps` shows it. */
void net_port_print(const struct net_port *port, struct st_buf *out);

struct net_lease {
    char id[NET_ID_SIZE];
    char link[NET_LINK_SIZE]; /* the host's end of the veth pair; the other end is "eth0" */
    char bridge[NET_LINK_SIZE];
    struct in_addr address;
    struct in_addr gateway; /* also the bridge's address, and what "host-gateway" means */
    uint8_t prefix;         /* length of the pool's prefix */
    uint8_t mac[6];
    struct net_ports ports; /* as published: host_first is the port and host_last equals it */
};
void net_lease_done(struct net_lease *lease);

static inline void st_cleanup_net_lease(struct net_lease *lease)
{
    net_lease_done(lease);
}

/* A new network namespace with its lo down, as a descriptor that keeps it alive (give it to the
 * runtime as /proc/PID/fd/N). The calling thread stays in its own. */
int net_namespace_new(struct st_err *err);

/* Brings lo up in a namespace that is not going to be attached. */
int net_loopback_up(int netns, struct st_err *err);

/*
 * Connects the namespace `netns` (a descriptor) to the bridge as instance `id`: makes the network
 * if it is missing, takes an address, makes eth0 with address and default route, brings lo up, and
 * publishes `ports`. An id that has a lease already gets -ST_EEXIST.
 *
 * `notes` (NULL allowed) receives lines, each ended by a newline, that the person should see: that
 * IP forwarding was switched on, or which rule to add to a firewall that we cannot change.
 *
 * Ports: -ST_EADDRINUSE with docker's words ("port is already allocated") when another instance or
 * another program of the host has one, -ST_EADDRNOTAVAIL when the address is not the host's. On
 * failure nothing is left. The caller frees *ret_lease with net_lease_done.
 */
int net_attach(const struct net_config *config, int netns, const char *id,
               const struct net_ports *ports, struct net_lease *ret_lease, struct st_buf *notes,
               struct st_err *err) ST_MUST_CHECK;

enum net_detach_how {
    NET_DETACH_LINK,     /* remove the link too: somebody may still hold the namespace */
    NET_DETACH_ENDED_NS, /* the namespace is ending: the kernel removes the link with it (cheaper)
                          */
};

/* Chooses host ports for a user-mode network, whose process listens on them itself: numbers that
 * neither an instance nor a program of the host has now, with host_first == host_last. Nothing is
 * taken. Failures are net_attach's. The caller frees *ret_chosen. */
int net_ports_pick(const struct net_config *config, const struct net_ports *wanted,
                   struct net_ports *ret_chosen, struct st_err *err) ST_MUST_CHECK;

/* Takes back all that net_attach gave: ports, flows, link, address. 0 too when there is no lease.
 * When it was the last lease, our rules in the host's own firewall go as well; bridge and table
 * stay, ready for the next. */
int net_detach(const struct net_config *config, const char *id, enum net_detach_how how,
               struct st_err *err);

/* The lease of an instance; -ST_ENOTFOUND. The caller frees it. */
int net_lease_get(const struct net_config *config, const char *id, struct net_lease *ret_lease,
                  struct st_err *err) ST_MUST_CHECK;

/* Calls `visit` for each lease until it returns nonzero, which is then the result. The lease is
 * valid during the call. `visit` must not call functions of this header. */
typedef int (*net_visit_fn)(void *data, const struct net_lease *lease);
int net_each(const struct net_config *config, net_visit_fn visit, void *data, struct st_err *err);

/* Detaches every lease whose id is not alive, and removes what attempts that were killed left
 * behind. Returns how many leases it removed. `is_alive` must not call functions of this header;
 * it is called with the folder locked, so an attach that is going on has already its answer. */
typedef bool (*net_alive_fn)(void *data, const char *id);
int net_collect(const struct net_config *config, net_alive_fn is_alive, void *data,
                struct st_err *err);

/* Removes the network itself: bridge, table, our rules in the host's firewall, the folder's
 * content. -ST_EBUSY while there are leases. 0 when there is none. */
int net_remove(const struct net_config *config, struct st_err *err);
