/*
 * A small netlink client: messages are written one after the other into one buffer, sent by one
 * system call, and their answers are read. Used for links, addresses and routes (NETLINK_ROUTE) and
 * for nftables and connection tracking (NETLINK_NETFILTER). One struct or socket is used by one
 * thread at a time.
 */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"

/* Messages under construction. A failure (out of memory, too large) sticks and is returned by
 * net_nl_talk. */
struct net_nl {
    struct st_buf bytes;
    size_t start;      /* offset of the message that is open */
    uint32_t first;    /* sequence number of the first message */
    uint32_t sequence; /* of the newest message */
    uint32_t last;     /* of the message whose acknowledgement ends net_nl_talk */
    uint32_t failed;   /* set by net_nl_talk: sequence number of the message that failed first */
};

/* What one begins as. */
#define NET_NL_EMPTY ((struct net_nl){.bytes = ST_BUF_HEAP(1 << 20), .first = 1})
void net_nl_done(struct net_nl *nl);
/* Drops all messages, keeps the memory. */
void net_nl_reset(struct net_nl *nl);

static inline void st_cleanup_net_nl(struct net_nl *nl)
{
    net_nl_done(nl);
}

/* Begins a message with its protocol header (an ifinfomsg, nfgenmsg ...). NLM_F_REQUEST is added.
 */
void net_nl_begin(struct net_nl *nl, uint16_t type, uint16_t flags, const void *header,
                  size_t size);
/* Ends it. Every net_nl_begin has its net_nl_end. Returns its sequence number. */
uint32_t net_nl_end(struct net_nl *nl);
/* Asks for an acknowledgement of the newest message, after its net_nl_end. */
void net_nl_acknowledge(struct net_nl *nl);

void net_nl_put(struct net_nl *nl, uint16_t type, const void *data, size_t size);
void net_nl_put_u8(struct net_nl *nl, uint16_t type, uint8_t value);
void net_nl_put_u16(struct net_nl *nl, uint16_t type, uint16_t value);
void net_nl_put_u32(struct net_nl *nl, uint16_t type, uint32_t value);
/* In network byte order, as netfilter wants it. */
void net_nl_put_be32(struct net_nl *nl, uint16_t type, uint32_t value);
/* With its closing zero. */
void net_nl_put_text(struct net_nl *nl, uint16_t type, const char *text);
/* Opens a nested attribute; its end is told the result. */
size_t net_nl_nest(struct net_nl *nl, uint16_t type);
void net_nl_nest_end(struct net_nl *nl, size_t nest);

/* A netlink socket in the calling thread's network namespace, with long error texts on. */
int net_nl_open(int protocol, struct st_err *err);

/*
 * Sends all messages and reads the answers until the one of net_nl_acknowledge is there (by habit
 * the last). Returns 0 or the first failure, -errno, with the kernel's own words if it has some in
 * *err behind `what`, and the message that failed in nl->failed.
 */
int net_nl_talk(int fd, struct net_nl *nl, const char *what, struct st_err *err);

/* A received message: after the netlink header. */
struct net_nl_message {
    uint16_t type;
    const uint8_t *payload;
    size_t size;
};
/* Called for each message of an answer, until it returns nonzero: that is the result. */
typedef int (*net_nl_fn)(void *data, const struct net_nl_message *message);

/* Sends the one message that nl has, a dump (NLM_F_DUMP) or a get, and hands each message of the
 * answer to `each`. Returns 0, what `each` returned, or the failure. */
int net_nl_query(int fd, struct net_nl *nl, net_nl_fn each, void *data, const char *what,
                 struct st_err *err);

/* Splits the attributes at bytes into table[0..max], missing ones NULL, later ones win. The bytes
 * are the kernel's, yet lengths are checked. Flags in the type are masked off. */
void net_nl_split(const uint8_t *bytes, size_t size, const struct nlattr **table, unsigned max);

/* The attribute's value if it is there and at least so large, otherwise the fallback. */
uint32_t net_nl_u32(const struct nlattr *attr, uint32_t otherwise);
uint32_t net_nl_be32(const struct nlattr *attr, uint32_t otherwise);
/* The attribute's text, "" when it is missing or does not end with a zero. */
const char *net_nl_text(const struct nlattr *attr);
const uint8_t *net_nl_data(const struct nlattr *attr);
size_t net_nl_size(const struct nlattr *attr);
