/*
 * The bridge network's interface: see net.h.
 *
 * Order is what makes it crash-safe. Attaching: the lease file, then the slots, then rules and
 * link. Detaching: rules, link, slots, the lease file last. So whatever exists is named by a lease,
 * and undoing is the same for a lease that was never finished.
 */
#include "net/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "net/net_lease.h"
#include "net/net_link.h"
#include "net/net_netlink.h"
#include "net/net_nft.h"
#include "net/net_nft_message.h"
#include "net/net_ports.h"
#include "net/net_session.h"
#include "os/os_dir.h"
#include "os/os_file.h"

enum { MAX_ROUNDS = 5 }; /* when others change the ruleset at the same time */

/* --- publishing --- */

static int send_ports(struct net_session *session, const struct net_lease *lease, bool add,
                      uint32_t generation, struct st_err *err)
{
    st_auto(net_nl) struct net_nl nl = NET_NL_EMPTY;
    net_nft_batch_begin(&nl, generation);
    net_nft_put_ports(&nl, lease, add);
    net_nft_batch_end(&nl);
    return net_nl_talk(session->nft, &nl, add ? "publishing ports" : "taking ports back", err);
}

/* Publishes in one transaction, made for the ruleset that was found in order. */
static int publish(struct net_session *session, const struct net_lease *lease, struct st_err *err)
{
    struct net_state *state = &session->folder.state;
    if (lease->ports.count == 0) {
        return 0;
    }
    for (int round = 0; round < MAX_ROUNDS; round++) {
        struct st_err why = {0};
        int r = send_ports(session, lease, true, state->generation, &why);
        if (r == 0) {
            state->generation++;
            return 0;
        }
        if (r != -ERESTART && r != -ST_EEXIST) {
            return st_fail(err, -r, "%s", why.msg);
        }
        /* Another program changed the ruleset, or the map has a port of a lease that is forgotten.
         */
        session->rebuild = r == -ST_EEXIST;
        session->rebuilt = false;
        r = net_session_rules(session, NULL, err);
        if (r < 0 || session->rebuilt) { /* rebuilt: from what is on disk, this lease included */
            return r;
        }
    }
    return st_fail(err, ST_EBUSY, "publishing ports: other programs keep changing the firewall");
}

/* Takes back what is published: all at once, or, when a killed attempt or a flushed table left only
 * a part of them, one by one. */
static int unpublish(struct net_session *session, const struct net_lease *lease, struct st_err *err)
{
    struct net_state *state = &session->folder.state;
    struct st_err why = {0};
    int r = send_ports(session, lease, false, 0, &why);
    if (r == 0) {
        /* Known to be in order still, unless somebody else's change came in between. */
        state->generation += state->generation != 0;
        return 0;
    }
    for (size_t i = 0; i < lease->ports.count && r == -ST_ENOENT; i++) {
        struct net_lease one = *lease;
        one.ports = (struct net_ports){.list = &lease->ports.list[i], .count = 1};
        r = send_ports(session, &one, false, 0, &why);
        r = r == 0 ? -ST_ENOENT : r;
    }
    state->generation = 0;
    return r == -ST_ENOENT ? 0 : st_fail(err, -r, "%s", why.msg);
}

/* --- undoing --- */

static int undo_ports(struct net_session *session, const struct net_lease *lease,
                      struct st_err *err)
{
    st_auto(net_ports) struct net_ports ports = {0};
    int r = net_slot_owned_ports(&session->folder, lease, &ports);
    if (r < 0 || ports.count == 0) {
        return r < 0 ? st_fail_os(err, r, "taking ports back") : 0;
    }
    struct net_lease owned = *lease;
    owned.ports = ports;
    r = net_session_nft(session, err);
    r = r < 0 ? r : unpublish(session, &owned, err);
    return r < 0 ? r : net_flows_remove(session->nft, &owned, err);
}

static int undo_link(struct net_session *session, const struct net_lease *lease, struct st_err *err)
{
    int r = net_slot_owns_address(&session->folder, lease);
    if (r <= 0) {
        return r < 0 ? st_fail_os(err, r, "the address of %s", lease->id) : 0;
    }
    r = net_session_rtnl(session, err);
    return r < 0 ? r : net_link_remove(session->rtnl, lease->link, err);
}

/* Everything that a lease stands for. On failure the lease stays, for the next try. */
static int undo(struct net_session *session, const struct net_lease *lease, enum net_detach_how how,
                struct st_err *err)
{
    int r = undo_ports(session, lease, err);
    if (r < 0) {
        return r;
    }
    r = how == NET_DETACH_LINK ? undo_link(session, lease, err) : 0;
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; r >= 0 && i < lease->ports.count; i++) {
        r = net_slot_free_port(&session->folder, lease->id, &lease->ports.list[i]);
    }
    r = r < 0 ? r : net_slot_free_address(&session->folder, lease);
    r = r < 0 ? r : net_lease_remove(&session->folder, lease->id);
    return r < 0 ? st_fail_os(err, r, "removing the lease of %s", lease->id) : 0;
}

static int any_lease(void *data, const struct net_lease *lease)
{
    (void)data;
    (void)lease;
    return 1;
}

/* After a lease went: without instances the host's own chains are as they were before. */
static int close_if_last(struct net_session *session, struct st_err *err)
{
    struct net_state *state = &session->folder.state;
    if (state->host_rules) {
        int r = net_session_each(session, false, any_lease, NULL, err);
        if (r == 0) {
            r = net_session_nft(session, err);
            r = r < 0 ? r : net_nft_host_close(session->nft, net_session_bridge_name(session), err);
            if (r == 0) {
                state->host_rules = false;
                state->generation = 0;
            }
        }
        if (r < 0) {
            return r;
        }
    }
    return net_folder_save(&session->folder, err);
}

/* --- attaching --- */

static int take_slots(struct net_session *session, const struct net_lease *lease)
{
    int r = net_slot_take_address(&session->folder, lease);
    for (size_t i = 0; r >= 0 && i < lease->ports.count; i++) {
        r = net_slot_take_port(&session->folder, lease->id, &lease->ports.list[i]);
    }
    return r;
}

/* Decides what the instance gets; nothing is taken yet. */
static int plan(struct net_session *session, const char *id, const struct net_ports *ports,
                struct net_lease *lease, struct st_err *err)
{
    st_strcopy(lease->id, sizeof(lease->id), id);
    st_strcopy(lease->bridge, sizeof(lease->bridge), session->bridge.name);
    lease->gateway = session->bridge.address;
    lease->prefix = session->bridge.prefix;
    int r = net_slot_next_address(&session->folder, lease, &lease->address);
    if (r < 0) {
        return st_fail_os(err, r, "no free address in the pool of %s", lease->bridge);
    }
    net_link_mac(lease->address, lease->mac);
    st_snprintf(lease->link, sizeof(lease->link), "strata-%08x", ntohl(lease->address.s_addr));
    return net_ports_choose(&session->folder, ports, &lease->ports, err);
}

/* The steps that net_detach undoes. */
static int carry_out(struct net_session *session, const struct net_lease *lease, int netns,
                     struct st_err *err)
{
    int r = take_slots(session, lease);
    if (r < 0) {
        return st_fail_os(err, r, "taking the address and ports of %s", lease->id);
    }
    r = net_link_connect(session->rtnl, &session->bridge, lease, netns, err);
    r = r < 0 ? r : publish(session, lease, err);
    return r < 0 || lease->ports.count == 0 ? r : net_flows_remove(session->nft, lease, err);
}

int net_attach(const struct net_config *config, int netns, const char *id,
               const struct net_ports *ports, struct net_lease *ret_lease, struct st_buf *notes,
               struct st_err *err)
{
    st_auto(net_session) struct net_session session = {
        .folder = {.dir = -1, .lock = -1}, .rtnl = -1, .nft = -1};
    st_auto(net_lease) struct net_lease lease = {.prefix = 0};
    if (!net_id_valid(id)) {
        return st_fail(err, ST_EINVAL, "%s cannot be the id of an instance", id);
    }
    int r = net_session_open(config, true, &session, err);
    r = r < 0 ? r : net_session_ready(&session, notes, err);
    r = r < 0 ? r : plan(&session, id, ports, &lease, err);
    if (r < 0) {
        return r;
    }
    r = net_lease_write(&session.folder, &lease);
    if (r < 0) {
        return r == -ST_EEXIST ? st_fail(err, ST_EEXIST, "%s is connected already", id)
                               : st_fail_os(err, r, "writing the lease of %s", id);
    }
    r = carry_out(&session, &lease, netns, err);
    if (r < 0) {
        undo(&session, &lease, NET_DETACH_LINK, NULL);
        close_if_last(&session, NULL);
        return r;
    }
    r = net_folder_save(&session.folder, err);
    if (r < 0) {
        undo(&session, &lease, NET_DETACH_LINK, NULL);
        return r;
    }
    *ret_lease = lease;
    lease.ports = (struct net_ports){0};
    return 0;
}

int net_ports_pick(const struct net_config *config, const struct net_ports *wanted,
                   struct net_ports *ret_chosen, struct st_err *err)
{
    st_auto(net_session) struct net_session session = {
        .folder = {.dir = -1, .lock = -1}, .rtnl = -1, .nft = -1};
    int r = net_session_open(config, true, &session, err);
    return r < 0 ? r : net_ports_choose(&session.folder, wanted, ret_chosen, err);
}

int net_detach(const struct net_config *config, const char *id, enum net_detach_how how,
               struct st_err *err)
{
    st_auto(net_session) struct net_session session = {
        .folder = {.dir = -1, .lock = -1}, .rtnl = -1, .nft = -1};
    st_auto(net_lease) struct net_lease lease = {.prefix = 0};
    int r = net_session_open(config, false, &session, err);
    if (r < 0) {
        return r == -ST_ENOENT ? 0 : r;
    }
    r = net_lease_read(&session.folder, id, &lease);
    if (r == -ST_ENOTFOUND) {
        return 0;
    }
    if (r == -ST_ECORRUPT) { /* torn: its writer was killed before it did anything */
        r = net_lease_remove(&session.folder, id);
        return r < 0 ? st_fail_os(err, r, "removing the lease of %s", id) : 0;
    }
    if (r < 0) {
        return st_fail_os(err, r, "reading the lease of %s", id);
    }
    r = undo(&session, &lease, how, err);
    return r < 0 ? r : close_if_last(&session, err);
}

/* --- looking and cleaning --- */

int net_lease_get(const struct net_config *config, const char *id, struct net_lease *ret_lease,
                  struct st_err *err)
{
    st_auto(net_session) struct net_session session = {
        .folder = {.dir = -1, .lock = -1}, .rtnl = -1, .nft = -1};
    int r = net_session_open(config, false, &session, err);
    if (r == -ST_ENOENT) {
        r = -ST_ENOTFOUND;
    }
    r = r < 0 ? r : net_lease_read(&session.folder, id, ret_lease);
    return r < 0 ? st_fail_os(err, r, "the lease of %s", id) : 0;
}

int net_each(const struct net_config *config, net_visit_fn visit, void *data, struct st_err *err)
{
    st_auto(net_session) struct net_session session = {
        .folder = {.dir = -1, .lock = -1}, .rtnl = -1, .nft = -1};
    int r = net_session_open(config, false, &session, err);
    if (r < 0) {
        return r == -ST_ENOENT ? 0 : r;
    }
    return net_session_each(&session, false, visit, data, err);
}

struct collection {
    struct net_session *session;
    net_alive_fn is_alive;
    void *data;
    struct st_err *err;
    int removed;
};

static int collect_one(void *data, const struct net_lease *lease)
{
    struct collection *c = data;
    if (c->is_alive(c->data, lease->id)) {
        return 0;
    }
    int r = undo(c->session, lease, NET_DETACH_LINK, c->err);
    c->removed += r == 0;
    return r;
}

int net_collect(const struct net_config *config, net_alive_fn is_alive, void *data,
                struct st_err *err)
{
    st_auto(net_session) struct net_session session = {
        .folder = {.dir = -1, .lock = -1}, .rtnl = -1, .nft = -1};
    int r = net_session_open(config, false, &session, err);
    if (r < 0) {
        return r == -ST_ENOENT ? 0 : r;
    }
    struct collection c = {
        .session = &session,
        .is_alive = is_alive,
        .data = data,
        .err = err,
    };
    r = net_session_each(&session, true, collect_one, &c, err);
    if (r < 0) {
        return r;
    }
    /* Also when nothing was removed: the command that removed the last lease may have been killed
     * before it came to the host's chains. */
    if (c.removed > 0 || session.folder.state.host_rules) {
        r = close_if_last(&session, err);
    }
    return r < 0 ? r : c.removed;
}

int net_remove(const struct net_config *config, struct st_err *err)
{
    st_auto(net_session) struct net_session session = {
        .folder = {.dir = -1, .lock = -1}, .rtnl = -1, .nft = -1};
    int r = net_session_open(config, false, &session, err);
    if (r < 0) {
        return r == -ST_ENOENT ? 0 : r;
    }
    const char *bridge = net_session_bridge_name(&session);
    r = net_session_each(&session, true, any_lease, NULL, err);
    if (r == 1) {
        return st_fail(err, ST_EBUSY, "the network %s has instances", bridge);
    }
    r = r < 0 ? r : net_session_rtnl(&session, err);
    r = r < 0 ? r : net_session_nft(&session, err);
    r = r < 0 ? r : net_nft_host_close(session.nft, bridge, err);
    r = r < 0 ? r : net_nft_remove(session.nft, bridge, err);
    r = r < 0 ? r : net_link_remove(session.rtnl, bridge, err);
    if (r < 0) {
        return r;
    }
    session.folder.state = (struct net_state){.bridge_index = 0};
    return net_folder_save(&session.folder, err);
}
