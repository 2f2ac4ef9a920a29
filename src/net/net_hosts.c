/* /etc/hosts and /etc/resolv.conf of an instance: see net_hosts.h. */
#include "net/net_hosts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/str.h"
#include "os/os_file.h"

enum {
    MAX_FILE = 64 << 10, /* of the host's resolv.conf */
    MAX_NAME = 255,      /* RFC 1035, 2.3.4 */
};

static const char host_file[] = "/etc/resolv.conf";
static const char resolved_file[] = "/run/systemd/resolve/resolv.conf";
static const char default_servers[] = "nameserver 8.8.8.8\nnameserver 8.8.4.4\n";

/* --- /etc/hosts --- */

static bool is_address(const char *text)
{
    struct in6_addr any;
    return inet_pton(AF_INET, text, &any) == 1 || inet_pton(AF_INET6, text, &any) == 1;
}

/* Cuts "name:address" (an IPv6 address has colons too, a name has none) or "name=address". */
static const char *split(const char *text, size_t *ret_name_length)
{
    size_t length = strcspn(text, ":=");
    if (length == 0 || length > MAX_NAME || text[length] == '\0') {
        return NULL;
    }
    for (size_t i = 0; i < length; i++) {
        if (isspace((unsigned char)text[i]) || iscntrl((unsigned char)text[i])) {
            return NULL;
        }
    }
    *ret_name_length = length;
    return text + length + 1;
}

int net_add_host_check(const char *text, struct st_err *err)
{
    size_t length;
    const char *address = split(text, &length);
    if (address == NULL) {
        return st_fail(err, ST_EINVAL, "bad format for add-host: \"%s\"", text);
    }
    if (!st_streq(address, "host-gateway") && !is_address(address)) {
        return st_fail(err, ST_EINVAL, "invalid IP address in add-host: \"%s\"", address);
    }
    return 0;
}

static int put_added(const struct net_names *names, const char *text, struct st_buf *out,
                     struct st_err *err)
{
    char gateway[INET_ADDRSTRLEN];
    size_t length = 0;
    int r = net_add_host_check(text, err);
    if (r < 0) {
        return r;
    }
    const char *address = split(text, &length);
    if (st_streq(address, "host-gateway")) {
        if (names->gateway.s_addr == 0) {
            return st_fail(err, ST_EINVAL, "add-host %s: there is no bridge network", text);
        }
        inet_ntop(AF_INET, &names->gateway, gateway, sizeof(gateway));
        address = gateway;
    }
    st_buf_printf(out, "%s\t%.*s\n", address, (int)length, text);
    return 0;
}

int net_hosts_text(const struct net_names *names, struct st_buf *out, struct st_err *err)
{
    char address[INET_ADDRSTRLEN];
    st_buf_text(out, "127.0.0.1\tlocalhost\n"
                     "::1\tlocalhost ip6-localhost ip6-loopback\n"
                     "fe00::0\tip6-localnet\n"
                     "ff00::0\tip6-mcastprefix\n"
                     "ff02::1\tip6-allnodes\n"
                     "ff02::2\tip6-allrouters\n");
    for (size_t i = 0; i < names->add_hosts_count; i++) {
        int r = put_added(names, names->add_hosts[i], out, err);
        if (r < 0) {
            return r;
        }
    }
    if (names->address.s_addr != 0 && names->hostname != NULL) {
        inet_ntop(AF_INET, &names->address, address, sizeof(address));
        if (names->domain != NULL && names->domain[0] != '\0') {
            st_buf_printf(out, "%s\t%s.%s %s\n", address, names->hostname, names->domain,
                          names->hostname);
        } else {
            st_buf_printf(out, "%s\t%s\n", address, names->hostname);
        }
    }
    int r = st_buf_status(out);
    return r < 0 ? st_fail_os(err, r, "making /etc/hosts") : 0;
}

/* --- /etc/resolv.conf --- */

static bool is_loopback(const char *address, size_t length)
{
    return (length >= 4 && memcmp(address, "127.", 4) == 0) ||
           (length == 3 && memcmp(address, "::1", 3) == 0);
}

struct line {
    const char *text;
    size_t length;
};

/* The next line of *text without its end, which is moved on; NULL text at the end. */
static struct line next_line(const char **text)
{
    struct line line = {.text = *text, .length = strcspn(*text, "\n")};
    if (line.length == 0 && line.text[0] == '\0') {
        line.text = NULL;
        return line;
    }
    *text += line.length + (line.text[line.length] == '\n');
    return line;
}

/* The value if the line is that keyword's: its first word. */
static bool value_of(struct line line, const char *keyword, struct line *ret_value)
{
    size_t at = strlen(keyword);
    if (line.length <= at || memcmp(line.text, keyword, at) != 0 ||
        (line.text[at] != ' ' && line.text[at] != '\t')) {
        return false;
    }
    while (at < line.length && (line.text[at] == ' ' || line.text[at] == '\t')) {
        at++;
    }
    size_t end = at;
    while (end < line.length && !isspace((unsigned char)line.text[end])) {
        end++;
    }
    *ret_value = (struct line){.text = line.text + at, .length = end - at};
    return true;
}

/* Does what was asked for replace this line of the host? */
static bool replaced(struct line line, const struct net_dns *dns)
{
    struct line value;
    if (value_of(line, "nameserver", &value)) {
        return dns->server_count > 0;
    }
    if (value_of(line, "search", &value) || value_of(line, "domain", &value)) {
        return dns->search_count > 0;
    }
    return value_of(line, "options", &value) && dns->option_count > 0;
}

static int put_list(const char *keyword, const char *const *values, size_t count,
                    struct st_buf *out, struct st_err *err)
{
    if (count == 0 || (count == 1 && st_streq(values[0], "."))) {
        return 0;
    }
    st_buf_text(out, keyword);
    for (size_t i = 0; i < count; i++) {
        if (values[i][0] == '\0' || strpbrk(values[i], " \t\r\n") != NULL) {
            return st_fail(err, ST_EINVAL, "\"%s\" cannot be in %s of resolv.conf", values[i],
                           keyword);
        }
        st_buf_printf(out, " %s", values[i]);
    }
    st_buf_char(out, '\n');
    return 0;
}

static int put_asked(const struct net_dns *dns, struct st_buf *out, struct st_err *err)
{
    for (size_t i = 0; i < dns->server_count; i++) {
        if (!is_address(dns->servers[i])) {
            return st_fail(err, ST_EINVAL, "invalid IP address in dns: \"%s\"", dns->servers[i]);
        }
        st_buf_printf(out, "nameserver %s\n", dns->servers[i]);
    }
    int r = put_list("search", dns->search, dns->search_count, out, err);
    return r < 0 ? r : put_list("options", dns->options, dns->option_count, out, err);
}

/* Copies the host's text but for what is replaced, and for loopback servers unless they answer. */
static int make_text(const char *host_text, bool loopback_answers, const struct net_dns *dns,
                     struct st_buf *out, struct st_err *err)
{
    size_t servers = dns->server_count;
    for (;;) {
        struct line value;
        struct line line = next_line(&host_text);
        if (line.text == NULL) {
            break;
        }
        bool server = value_of(line, "nameserver", &value);
        if (replaced(line, dns) ||
            (server && !loopback_answers && is_loopback(value.text, value.length))) {
            continue;
        }
        servers += server && value.length > 0;
        st_buf_append(out, line.text, line.length);
        st_buf_char(out, '\n');
    }
    if (servers == 0 && !loopback_answers) {
        st_buf_text(out, default_servers);
    }
    int r = put_asked(dns, out, err);
    if (r < 0) {
        return r;
    }
    r = st_buf_status(out);
    return r < 0 ? st_fail_os(err, r, "making /etc/resolv.conf") : 0;
}

int net_resolv_filter(const char *host_text, const struct net_dns *dns, struct st_buf *out,
                      struct st_err *err)
{
    return make_text(host_text, false, dns, out, err);
}

/* Are there name servers, and all of them systemd-resolved's stub? */
static bool names_only_stub(const char *text)
{
    bool any = false;
    for (;;) {
        struct line value;
        struct line line = next_line(&text);
        if (line.text == NULL) {
            return any;
        }
        if (value_of(line, "nameserver", &value)) {
            any = true;
            if (value.length != 10 || memcmp(value.text, "127.0.0.53", 10) != 0) {
                return false;
            }
        }
    }
}

int net_resolv_text(bool share_host, const struct net_dns *dns, struct st_buf *out,
                    struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(MAX_FILE);
    st_auto(buf) struct st_buf upstream = ST_BUF_HEAP(MAX_FILE);
    int r = os_read_file(AT_FDCWD, host_file, &text);
    if (r < 0 && r != -ST_ENOENT) {
        return st_fail_os(err, r, "%s", host_file);
    }
    const char *host_text = st_buf_string(&text);
    if (!share_host && names_only_stub(host_text) &&
        os_read_file(AT_FDCWD, resolved_file, &upstream) >= 0) {
        host_text = st_buf_string(&upstream);
    }
    return make_text(host_text, share_host, dns, out, err);
}
