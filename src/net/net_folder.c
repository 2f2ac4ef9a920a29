/* The folder of a network, its lock and its state, and the slots in it: see net_lease.h. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/print.h"
#include "base/str.h"
#include "net/net_lease.h"
#include "net/net_link.h"
#include "os/os_dir.h"
#include "os/os_file.h"

enum {
    STATE_SIZE = 256, /* fixed, so that it is written in one go */
    STATE_WORDS = 9,
    SLOT_SIZE = 48, /* of "ports/tcp-65535/255.255.255.255" and its kind */
};

static const char first_word[] = "strata-net1 ";

static void state_read(struct net_folder *folder)
{
    char text[STATE_SIZE + 1];
    uint64_t words[STATE_WORDS];
    ssize_t got = os_pread(folder->lock, text, STATE_SIZE, 0);
    if (got < 0) {
        return;
    }
    text[got] = '\0';
    text[strcspn(text, "\n")] = '\0';
    const char *start = st_after_prefix(text, first_word);
    if (start == NULL) {
        return;
    }
    char *rest = text + (start - text);
    for (size_t i = 0; i < STATE_WORDS; i++) {
        const char *word = strsep(&rest, " ");
        if (word == NULL || st_parse_u64(word, 10, UINT64_MAX, &words[i]) < 0) {
            return;
        }
    }
    folder->state = (struct net_state){
        .ns_device = words[0],
        .ns_inode = words[1],
        .bridge_index = (int)words[2],
        .address.s_addr = htonl((uint32_t)words[3]),
        .prefix = (uint8_t)words[4],
        .generation = (uint32_t)words[5],
        .next = (uint32_t)words[6],
        .host_rules = words[7] != 0,
        .legacy = words[8] != 0,
    };
    /* A file that another hand damaged must not lead to a shift by more than a word. */
    if (folder->state.prefix < 8 || folder->state.prefix > 28) {
        folder->state = (struct net_state){.bridge_index = 0};
    }
}

int net_folder_save(const struct net_folder *folder, struct st_err *err)
{
    const struct net_state *s = &folder->state;
    char text[STATE_SIZE];
    memset(text, ' ', sizeof(text));
    size_t length =
        st_snprintf(text, sizeof(text), "%s%llu %llu %u %u %u %u %u %u %u", first_word,
                    (unsigned long long)s->ns_device, (unsigned long long)s->ns_inode,
                    (unsigned)s->bridge_index, ntohl(s->address.s_addr), s->prefix, s->generation,
                    s->next, (unsigned)s->host_rules, (unsigned)s->legacy);
    text[ST_MIN(length, sizeof(text) - 1)] = ' ';
    text[sizeof(text) - 1] = '\n';
    ssize_t r = os_pwrite(folder->lock, text, sizeof(text), 0);
    return r < 0 ? st_fail_os(err, (int)r, "writing the network's state") : 0;
}

static int make_folder(const char *path)
{
    static const char *const parts[] = {"leases", "addresses", "ports"};
    int r = os_make_dirs(AT_FDCWD, path, 0700);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int dir = os_open(path, O_RDONLY | O_DIRECTORY, 0);
    if (dir < 0) {
        return dir;
    }
    for (size_t i = 0; i < ST_COUNT(parts); i++) {
        r = os_mkdirat(dir, parts[i], 0700);
        if (r < 0 && r != -ST_EEXIST) {
            return r;
        }
    }
    /* Last: the lock file says that the folder is complete. */
    st_auto(fd) int lock = os_openat(dir, "state", O_RDWR | O_CREAT, 0600);
    return lock < 0 ? lock : 0;
}

int net_folder_open(const char *path, bool make, struct net_folder *ret_folder, struct st_err *err)
{
    struct net_folder folder = {.dir = -1, .lock = -1};
    folder.dir = os_open(path, O_RDONLY | O_DIRECTORY, 0);
    int r = folder.dir;
    if (r >= 0) {
        r = folder.lock = os_openat(folder.dir, "state", O_RDWR, 0);
    }
    if (r == -ST_ENOENT && make) {
        net_folder_done(&folder);
        r = make_folder(path);
        return r < 0 ? st_fail_os(err, r, "%s", path)
                     : net_folder_open(path, false, ret_folder, err);
    }
    if (r >= 0) {
        r = os_flock(folder.lock, LOCK_EX);
    }
    if (r < 0) {
        net_folder_done(&folder);
        return r == -ST_ENOENT ? r : st_fail_os(err, r, "%s", path);
    }
    state_read(&folder);
    *ret_folder = folder;
    return 0;
}

void net_folder_done(struct net_folder *folder)
{
    os_close(&folder->lock);
    os_close(&folder->dir);
}

/* --- slots: a symbolic link that says who has it --- */

/* 1, 0, or why that cannot be said. */
static int owns(const struct net_folder *folder, const char *slot, const char *id)
{
    char target[NET_ID_SIZE];
    int r = os_readlinkat(folder->dir, slot, target, sizeof(target));
    if (r == -ST_ENOENT) {
        return 0;
    }
    return r < 0 ? r : st_streq(target, id);
}

/* Removes a slot if it is this id's. */
static int give_back(const struct net_folder *folder, const char *slot, const char *id)
{
    int r = owns(folder, slot, id);
    return r == 1 ? os_unlinkat(folder->dir, slot, 0) : r;
}

static bool exists(const struct net_folder *folder, const char *slot)
{
    struct stat st;
    return os_fstatat(folder->dir, slot, &st, AT_SYMLINK_NOFOLLOW) != -ST_ENOENT;
}

static void address_slot(struct in_addr address, char slot[SLOT_SIZE])
{
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address, text, sizeof(text));
    st_snprintf(slot, SLOT_SIZE, "addresses/%s", text);
}

int net_slot_take_address(const struct net_folder *folder, const struct net_lease *lease)
{
    char slot[SLOT_SIZE];
    address_slot(lease->address, slot);
    int r = os_symlinkat(lease->id, folder->dir, slot);
    return r == -ST_EEXIST ? -ST_EADDRINUSE : r;
}

int net_slot_owns_address(const struct net_folder *folder, const struct net_lease *lease)
{
    char slot[SLOT_SIZE];
    address_slot(lease->address, slot);
    return owns(folder, slot, lease->id);
}

int net_slot_free_address(const struct net_folder *folder, const struct net_lease *lease)
{
    char slot[SLOT_SIZE];
    address_slot(lease->address, slot);
    return give_back(folder, slot, lease->id);
}

int net_slot_next_address(struct net_folder *folder, const struct net_lease *lease,
                          struct in_addr *ret_address)
{
    uint32_t mask = ntohl(net_mask(lease->prefix).s_addr);
    uint32_t network = ntohl(lease->gateway.s_addr) & mask;
    uint32_t gateway = ntohl(lease->gateway.s_addr);
    uint32_t first = network + 1;
    uint32_t last = (network | ~mask) - 1;
    uint32_t try = folder->state.next;
    for (uint32_t i = 0; i <= last - first; i++, try++) {
        char slot[SLOT_SIZE];
        if (try < first || try > last) {
            try = first;
        }
        struct in_addr address = {.s_addr = htonl(try)};
        address_slot(address, slot);
        if (try != gateway && !exists(folder, slot)) {
            folder->state.next = try + 1;
            *ret_address = address;
            return 0;
        }
    }
    return -ST_EADDRNOTAVAIL;
}

/* "ports/tcp-80" and, below it, "ports/tcp-80/0.0.0.0". */
static void port_slot(const struct net_port *port, struct in_addr host, char folder[SLOT_SIZE],
                      char slot[SLOT_SIZE])
{
    char address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &host, address, sizeof(address));
    st_snprintf(folder, SLOT_SIZE, "ports/%s-%u", port->protocol == IPPROTO_UDP ? "udp" : "tcp",
                port->host_first);
    st_snprintf(slot, SLOT_SIZE, "%s/%s", folder, address);
}

/* All addresses together exclude each one, and each excludes all together. */
bool net_slot_port_free(const struct net_folder *folder, const struct net_port *port)
{
    char above[SLOT_SIZE];
    char slot[SLOT_SIZE];
    const struct in_addr any = {.s_addr = INADDR_ANY};
    port_slot(port, any, above, slot);
    if (!exists(folder, above)) {
        return true;
    }
    if (port->host.s_addr == INADDR_ANY) {
        return os_unlinkat(folder->dir, above, AT_REMOVEDIR) == 0;
    }
    if (exists(folder, slot)) {
        return false;
    }
    port_slot(port, port->host, above, slot);
    return !exists(folder, slot);
}

int net_slot_take_port(const struct net_folder *folder, const char *id, const struct net_port *port)
{
    char above[SLOT_SIZE];
    char slot[SLOT_SIZE];
    if (!net_slot_port_free(folder, port)) {
        return -ST_EADDRINUSE;
    }
    port_slot(port, port->host, above, slot);
    int r = os_mkdirat(folder->dir, above, 0700);
    if (r < 0 && r != -ST_EEXIST) {
        return r;
    }
    r = os_symlinkat(id, folder->dir, slot);
    return r == -ST_EEXIST ? -ST_EADDRINUSE : r;
}

int net_slot_free_port(const struct net_folder *folder, const char *id, const struct net_port *port)
{
    char above[SLOT_SIZE];
    char slot[SLOT_SIZE];
    port_slot(port, port->host, above, slot);
    int r = give_back(folder, slot, id);
    if (r < 0) {
        return r;
    }
    /* Also when the slot was never made, or is gone already. */
    r = os_unlinkat(folder->dir, above, AT_REMOVEDIR);
    return r == -ST_ENOENT || r == -ST_ENOTEMPTY ? 0 : r;
}

int net_slot_owned_ports(const struct net_folder *folder, const struct net_lease *lease,
                         struct net_ports *ret_ports)
{
    struct net_ports owned = {0};
    if (lease->ports.count > 0) {
        owned.list = calloc(lease->ports.count, sizeof(*owned.list));
        if (owned.list == NULL) {
            return -ST_ENOMEM;
        }
    }
    for (size_t i = 0; i < lease->ports.count; i++) {
        char above[SLOT_SIZE];
        char slot[SLOT_SIZE];
        port_slot(&lease->ports.list[i], lease->ports.list[i].host, above, slot);
        int r = owns(folder, slot, lease->id);
        if (r < 0) {
            net_ports_done(&owned);
            return r;
        }
        if (r == 1) {
            owned.list[owned.count++] = lease->ports.list[i];
        }
    }
    *ret_ports = owned;
    return 0;
}
