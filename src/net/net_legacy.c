/*
 * A look at a firewall made by iptables-legacy, which nftables can neither see nor change: does its
 * FORWARD chain drop by policy, and has it a rule for our bridge? Read by the interface that
 * iptables-legacy itself uses, <linux/netfilter_ipv4/ip_tables.h>.
 */
#include <netinet/in.h> /* before the kernel's headers, which define less then */

#include <limits.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include "net/net_nft.h"
#include "os/os_file.h"
#include "os/os_socket.h"

enum { MAX_TABLE = 4 << 20 }; /* bytes of rules that are looked through */

static bool has_filter_table(void)
{
    char names[256];
    int length = os_read_text(AT_FDCWD, "/proc/net/ip_tables_names", names, sizeof(names));
    return length > 0 && strstr(names, "filter") != NULL;
}

/* The verdict of a rule with a standard target, in netfilter's numbers; -1 for any other rule. */
static int verdict_of(const struct ipt_entry *entry, size_t room)
{
    const struct xt_standard_target *target =
        (const void *)((const char *)entry + entry->target_offset);
    if (entry->target_offset + sizeof(*target) > room || target->target.u.user.name[0] != '\0' ||
        target->verdict >= 0) {
        return -1;
    }
    return -target->verdict - 1;
}

/* Walks FORWARD. Returns true when its policy is to drop and no rule accepts the bridge. */
static bool drops(const struct ipt_getinfo *info, const struct ipt_get_entries *table,
                  const char *bridge)
{
    const char *bytes = (const char *)table->entrytable;
    size_t at = info->hook_entry[NF_INET_FORWARD];
    size_t policy = info->underflow[NF_INET_FORWARD];
    while (at + sizeof(struct ipt_entry) <= table->size) {
        const struct ipt_entry *entry = (const void *)(bytes + at);
        size_t size = entry->next_offset;
        if (size < sizeof(*entry) || size > table->size - at) {
            return false;
        }
        int verdict = verdict_of(entry, size);
        if (at == policy) {
            return verdict == NF_DROP;
        }
        if (verdict == NF_ACCEPT && (strncmp(entry->ip.iniface, bridge, IFNAMSIZ) == 0 ||
                                     strncmp(entry->ip.outiface, bridge, IFNAMSIZ) == 0)) {
            return false;
        }
        at += size;
    }
    return false;
}

int net_legacy_check(const char *bridge, struct st_buf *notes)
{
    struct ipt_getinfo info = {.name = "filter"};
    socklen_t length = sizeof(info);
    if (!has_filter_table()) {
        return 0;
    }
    st_auto(fd) int fd = os_socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || os_getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &length) < 0 ||
        info.size > MAX_TABLE) {
        return 0;
    }
    length = (socklen_t)(sizeof(struct ipt_get_entries) + info.size);
    st_auto(free) struct ipt_get_entries *table = calloc(1, length);
    if (table == NULL) {
        return 0;
    }
    st_strcopy(table->name, sizeof(table->name), "filter");
    table->size = info.size;
    if (os_getsockopt(fd, IPPROTO_IP, IPT_SO_GET_ENTRIES, table, &length) < 0 ||
        !drops(&info, table, bridge)) {
        return 0;
    }
    if (notes != NULL) {
        st_buf_printf(
            notes,
            "the host's firewall (iptables-legacy) drops forwarded packets: run "
            "`iptables-legacy -A FORWARD -i %s -j ACCEPT; iptables-legacy -A FORWARD -o %s "
            "-j ACCEPT`\n",
            bridge, bridge);
    }
    return 1;
}
