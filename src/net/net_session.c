/*
 * Making the network ready: see net_session.h.
 *
 * What the last command found in order is remembered with two numbers of the kernel's that change
 * when anybody changes something: the bridge's index and the generation of the nftables ruleset. As
 * long as both are the same, nothing is read again.
 */
#include "net/net_session.h"

#include <netinet/in.h> /* before the kernel's headers, which define less then */

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/str.h"
#include "net/net_netlink.h"
#include "net/net_nft.h"
#include "net/net_nft_message.h"
#include "os/os_dir.h"
#include "os/os_file.h"
#include "os/os_terminal.h"

enum { MAX_ROUNDS = 5 }; /* to find a ruleset at rest */

int net_session_open(const struct net_config *config, bool make, struct net_session *ret_session,
                     struct st_err *err)
{
    struct net_session session = {.config = config, .rtnl = -1, .nft = -1};
    int r = net_folder_open(config->folder, make, &session.folder, err);
    if (r == 0) {
        *ret_session = session;
    }
    return r;
}

void net_session_done(struct net_session *session)
{
    os_close(&session->rtnl);
    os_close(&session->nft);
    net_folder_done(&session->folder);
}

const char *net_session_bridge_name(const struct net_session *session)
{
    return session->config->bridge != NULL ? session->config->bridge : "strata0";
}

static int open_once(int *fd, int protocol, struct st_err *err)
{
    if (*fd < 0) {
        *fd = net_nl_open(protocol, err);
    }
    return *fd;
}

int net_session_rtnl(struct net_session *session, struct st_err *err)
{
    return open_once(&session->rtnl, NETLINK_ROUTE, err);
}

int net_session_nft(struct net_session *session, struct st_err *err)
{
    return open_once(&session->nft, NETLINK_NETFILTER, err);
}

/* --- leases --- */

int net_session_each(struct net_session *session, bool clean, net_visit_fn visit, void *data,
                     struct st_err *err)
{
    st_auto(os_dir) struct os_dir *dir = NULL;
    const char *name;
    unsigned char type;
    int r = os_dir_open(session->folder.dir, "leases", &dir);
    while (r >= 0 && (r = os_dir_next(dir, &name, &type)) == 1) {
        st_auto(net_lease) struct net_lease lease = {.prefix = 0};
        int read = net_lease_read(&session->folder, name, &lease);
        if (read == -ST_ECORRUPT && clean) {
            net_lease_remove(&session->folder, name);
        }
        if (read == -ST_ECORRUPT || read == -ST_ENOTFOUND || read == -ST_EINVAL) {
            continue;
        }
        if (read < 0) {
            return st_fail_os(err, read, "reading the lease of %s", name);
        }
        int result = visit(data, &lease);
        if (result != 0) {
            return result;
        }
    }
    return r < 0 ? st_fail_os(err, r, "reading the leases") : 0;
}

static int stop_at_first(void *data, const struct net_lease *lease)
{
    (void)data;
    (void)lease;
    return 1;
}

/* --- the bridge --- */

/* The pool that the configuration asks for. Returns 1, 0 when it leaves the choice to us. */
static int wanted_subnet(const struct net_session *session, struct in_addr *ret_network,
                         uint8_t *ret_prefix, struct st_err *err)
{
    const char *text = session->config->subnet;
    if (text == NULL || text[0] == '\0') {
        return 0;
    }
    int r = net_subnet_parse(text, ret_network, ret_prefix, err);
    return r < 0 ? r : 1;
}

static bool in_subnet(struct in_addr address, uint8_t prefix, struct in_addr network,
                      uint8_t wanted_prefix)
{
    return prefix == wanted_prefix && (address.s_addr & net_mask(prefix).s_addr) == network.s_addr;
}

/* Chooses address and prefix of a bridge that has none. */
static int choose_address(struct net_session *session, struct net_bridge *bridge,
                          struct st_err *err)
{
    struct in_addr network;
    int r = wanted_subnet(session, &network, &bridge->prefix, err);
    if (r == 0) {
        r = net_link_pick_subnet(session->rtnl, &network, &bridge->prefix, err);
    }
    if (r >= 0) {
        bridge->address.s_addr = htonl(ntohl(network.s_addr) + 1);
    }
    return r;
}

/* A bridge whose subnet is not the wanted one goes, unless somebody uses it. */
static int check_subnet(struct net_session *session, struct net_bridge *bridge, struct st_err *err)
{
    struct in_addr network;
    uint8_t prefix;
    int r = wanted_subnet(session, &network, &prefix, err);
    if (r <= 0 || bridge->address.s_addr == 0 ||
        in_subnet(bridge->address, bridge->prefix, network, prefix)) {
        return r;
    }
    r = net_session_each(session, false, stop_at_first, NULL, err);
    if (r == 1) {
        char address[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, &bridge->address, address, sizeof(address));
        return st_fail(err, ST_EBUSY,
                       "the network has instances with addresses of %s/%u: remove them before "
                       "changing it to %s",
                       address, bridge->prefix, session->config->subnet);
    }
    r = r < 0 ? r : net_link_remove(session->rtnl, bridge->name, err);
    bridge->index = 0;
    bridge->address.s_addr = 0;
    return r;
}

static int make_bridge(struct net_session *session, struct st_err *err)
{
    struct net_bridge bridge = {.index = 0};
    const char *name = net_session_bridge_name(session);
    int r = net_link_find_bridge(session->rtnl, name, &bridge, err);
    if (r < 0) {
        return r;
    }
    if (!st_strcopy(bridge.name, sizeof(bridge.name), name)) {
        return st_fail(err, ST_ENAMETOOLONG, "bridge %s: the name is too long", name);
    }
    r = check_subnet(session, &bridge, err);
    if (r >= 0 && bridge.address.s_addr == 0) {
        r = choose_address(session, &bridge, err);
    }
    r = r < 0 ? r : net_link_make_bridge(session->rtnl, &bridge, err);
    if (r < 0) {
        return r;
    }
    session->bridge = bridge;
    return 0;
}

static void switch_forwarding_on(struct st_buf *notes)
{
    static const char path[] = "/proc/sys/net/ipv4/ip_forward";
    char text[8];
    if (os_read_text(AT_FDCWD, path, text, sizeof(text)) < 0 || !st_streq(text, "0")) {
        return;
    }
    int r = os_write_text(AT_FDCWD, path, "1");
    if (notes != NULL && r >= 0) {
        st_buf_printf(notes,
                      "IP forwarding was off: switched it on for the bridge network "
                      "(%s)\n",
                      path);
    } else if (notes != NULL) {
        st_buf_printf(notes,
                      "IP forwarding is off and cannot be switched on (%s: %s): instances "
                      "reach this host alone\n",
                      path, st_strerror(r));
    }
}

/* Is what the state says about the bridge true, and what the configuration asks for? */
static bool bridge_known(struct net_session *session, const struct stat *ns)
{
    const struct net_state *state = &session->folder.state;
    struct ifreq request = {0};
    struct in_addr network;
    uint8_t prefix;
    if (state->bridge_index == 0 || state->ns_device != ns->st_dev ||
        state->ns_inode != ns->st_ino ||
        !st_strcopy(request.ifr_name, IFNAMSIZ, net_session_bridge_name(session)) ||
        os_ioctl(session->rtnl, SIOCGIFINDEX, &request) < 0 ||
        request.ifr_ifindex != state->bridge_index) {
        return false;
    }
    int r = wanted_subnet(session, &network, &prefix, NULL);
    if (r < 0 || (r > 0 && !in_subnet(state->address, state->prefix, network, prefix))) {
        return false;
    }
    session->bridge = (struct net_bridge){
        .index = state->bridge_index,
        .address = state->address,
        .prefix = state->prefix,
    };
    st_strcopy(session->bridge.name, sizeof(session->bridge.name), request.ifr_name);
    return true;
}

/* --- the rules --- */

struct republish {
    struct net_session *session;
    struct net_nl *nl;
};

static int put_lease(void *data, const struct net_lease *lease)
{
    struct republish *r = data;
    struct net_lease owned = *lease;
    st_auto(net_ports) struct net_ports ports = {0};
    int result = net_slot_owned_ports(&r->session->folder, lease, &ports);
    owned.ports = ports;
    net_nft_put_ports(r->nl, &owned, true);
    return result;
}

/* Makes the table anew, with the ports of all leases: somebody flushed or changed it. */
static int rebuild_table(struct net_session *session, struct st_err *err)
{
    session->rebuild = false;
    session->rebuilt = true;
    st_auto(net_nl) struct net_nl nl = NET_NL_EMPTY;
    struct republish republish = {.session = session, .nl = &nl};
    net_nft_batch_begin(&nl, 0);
    net_nft_put_table(&nl, &session->bridge);
    int r = net_session_each(session, false, put_lease, &republish, err);
    if (r < 0) {
        return st_fail_os(err, r, "setting the nftables rules");
    }
    net_nft_batch_end(&nl);
    r = net_nl_talk(session->nft, &nl, "setting the nftables rules", err);
    if (r == -ST_EOPNOTSUPP || r == -ST_ENOENT) {
        st_hint(err, "the kernel needs nf_tables with NAT, masquerading and fib expressions");
    }
    return r;
}

int net_session_rules(struct net_session *session, struct st_buf *notes, struct st_err *err)
{
    struct net_state *state = &session->folder.state;
    uint32_t generation = 0;
    int r = net_session_nft(session, err);
    for (int round = 0; r >= 0 && round < MAX_ROUNDS; round++) {
        r = net_nft_generation(session->nft, &generation, err);
        if (r < 0 || (generation == state->generation && !session->rebuild)) {
            break;
        }
        /* Something changed. What is found in order now is in order for this generation; what had
         * to be changed leads to another one, and to another look. */
        state->generation = generation;
        r = session->rebuild ? 0 : net_nft_complete(session->nft, session->bridge.name, err);
        if (r == 0) {
            r = rebuild_table(session, err);
        }
        if (r >= 0) {
            r = net_nft_host_open(session->nft, session->bridge.name, round == 0 ? notes : NULL,
                                  err);
        }
        if (r >= 0) {
            state->host_rules = r > 0;
            state->legacy = net_legacy_check(session->bridge.name, NULL) > 0;
        }
    }
    if (r < 0) {
        state->generation = 0;
        return r;
    }
    if (state->legacy) {
        net_legacy_check(session->bridge.name, notes);
    }
    return 0;
}

int net_session_ready(struct net_session *session, struct st_buf *notes, struct st_err *err)
{
    struct net_state *state = &session->folder.state;
    struct stat ns;
    int r = net_session_rtnl(session, err);
    if (r < 0) {
        return r;
    }
    r = os_fstatat(AT_FDCWD, "/proc/thread-self/ns/net", &ns, 0);
    if (r < 0) {
        return st_fail_os(err, r, "/proc/thread-self/ns/net");
    }
    if (!bridge_known(session, &ns)) {
        r = make_bridge(session, err);
        if (r < 0) {
            return r;
        }
        switch_forwarding_on(notes);
        session->rebuild = true; /* a table that is there may have ports of forgotten leases */
        uint32_t next = state->next;
        *state = (struct net_state){
            .ns_device = ns.st_dev,
            .ns_inode = ns.st_ino,
            .bridge_index = session->bridge.index,
            .address = session->bridge.address,
            .prefix = session->bridge.prefix,
            .next = next,
        };
    }
    return net_session_rules(session, notes, err);
}
