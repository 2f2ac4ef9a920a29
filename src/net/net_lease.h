/*
 * What is written down: the folder of a network with its lock, its state, its leases, and the slots
 * that make addresses and ports unique. The layout is in docs/networking.md. All under the lock.
 */
#pragma once

#include "net/net.h"

/* What the last command knew: a cache, checked against the kernel's own numbers. */
struct net_state {
    uint64_t ns_device; /* of the network namespace that it is true for */
    uint64_t ns_inode;
    int bridge_index;       /* 0: nothing is known */
    struct in_addr address; /* the bridge's */
    uint8_t prefix;
    uint32_t generation; /* of the nftables ruleset that was found in order; 0: none */
    uint32_t next;       /* address to try first, host byte order */
    bool host_rules;     /* we have rules in the host's own chains */
    bool legacy;         /* iptables-legacy was seen to block the bridge */
};

struct net_folder {
    int dir;
    int lock; /* also the file of the state */
    struct net_state state;
};

/* Opens the folder and waits for its lock. With `make` the folder is made when it is missing,
 * otherwise that is -ST_ENOENT without a message. */
int net_folder_open(const char *path, bool make, struct net_folder *ret_folder, struct st_err *err);
void net_folder_done(struct net_folder *folder);
int net_folder_save(const struct net_folder *folder, struct st_err *err);

static inline void st_cleanup_net_folder(struct net_folder *folder)
{
    net_folder_done(folder);
}

/* Is it an instance id that can name a file? */
bool net_id_valid(const char *id);

/* The lease file's text, and back: -ST_ECORRUPT for anything that net_lease_print does not write,
 * a torn file among it. Pure. */
void net_lease_print(const struct net_lease *lease, struct st_buf *out);
int net_lease_parse(const char *text, struct net_lease *ret_lease) ST_MUST_CHECK;

/* A lease by id. -ST_ENOTFOUND, -ST_ECORRUPT without a message. */
int net_lease_read(const struct net_folder *folder, const char *id,
                   struct net_lease *ret_lease) ST_MUST_CHECK;
/* -ST_EEXIST without a message. */
int net_lease_write(const struct net_folder *folder, const struct net_lease *lease);
int net_lease_remove(const struct net_folder *folder, const char *id);

/* Takes or gives back an address or a port. Giving back is for its owner alone: a slot of another
 * id is left. Taking a taken one: -ST_EADDRINUSE. owns: 1, 0 or -errno. */
int net_slot_take_address(const struct net_folder *folder, const struct net_lease *lease);
int net_slot_free_address(const struct net_folder *folder, const struct net_lease *lease);
int net_slot_owns_address(const struct net_folder *folder, const struct net_lease *lease);
/* The next free address of the pool, for a lease whose gateway and prefix are set. */
int net_slot_next_address(struct net_folder *folder, const struct net_lease *lease,
                          struct in_addr *ret_address);

int net_slot_take_port(const struct net_folder *folder, const char *id,
                       const struct net_port *port);
int net_slot_free_port(const struct net_folder *folder, const char *id,
                       const struct net_port *port);
/* The part of a lease's ports whose slots are its own: those alone may be published. The caller
 * frees them. */
int net_slot_owned_ports(const struct net_folder *folder, const struct net_lease *lease,
                         struct net_ports *ret_ports);
/* Would host_first be free? */
bool net_slot_port_free(const struct net_folder *folder, const struct net_port *port);
