/*
 * The three files that tell an instance about names: /etc/hosts, /etc/hostname and
 * /etc/resolv.conf, made as docker makes them. Any thread.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct net_names {
    const char *hostname;
    const char *domain;           /* NULL or empty: none */
    struct in_addr address;       /* of the instance; 0.0.0.0: no line for the host name */
    struct in_addr gateway;       /* what "host-gateway" stands for; 0.0.0.0: it is refused */
    const char *const *add_hosts; /* "name:address" or "name=address", as --add-host takes it */
    size_t add_hosts_count;
};

/* Appends the text of /etc/hosts. -ST_EINVAL for a bad name or address. */
int net_hosts_text(const struct net_names *names, struct st_buf *out,
                   struct st_err *err) ST_MUST_CHECK;

/* Is this an --add-host value? -ST_EINVAL with docker's words if not. host-gateway is allowed. */
int net_add_host_check(const char *text, struct st_err *err) ST_MUST_CHECK;

/* What --dns, --dns-search and --dns-option said; each overrides its part of the host's file. */
struct net_dns {
    const char *const *servers;
    size_t server_count;
    const char *const *search; /* a single "." means none */
    size_t search_count;
    const char *const *options;
    size_t option_count;
};

/*
 * Appends the text of /etc/resolv.conf for an instance with a network namespace of its own, from
 * the host's text: name servers on a loopback address are left out, since they do not answer there,
 * and if none is left the public default (8.8.8.8, 8.8.4.4) is put in. Pure.
 */
int net_resolv_filter(const char *host_text, const struct net_dns *dns, struct st_buf *out,
                      struct st_err *err) ST_MUST_CHECK;

/* As net_resolv_filter with the host's own file: /etc/resolv.conf, or what systemd-resolved writes
 * to /run/systemd/resolve/resolv.conf when the former names only its stub, 127.0.0.53. A missing
 * file counts as empty. With share_host the host's network namespace is used, and its text is
 * taken as it is where `dns` says nothing. */
int net_resolv_text(bool share_host, const struct net_dns *dns, struct st_buf *out,
                    struct st_err *err) ST_MUST_CHECK;
