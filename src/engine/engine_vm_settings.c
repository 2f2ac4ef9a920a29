/*
 * What the agent in a virtual machine is told (docs/vm-agent.md): the machine's settings, and those
 * of a process, from the neutral config. Users are looked up by the agent, in the guest's files.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_vm_image.h"
#include "format/fmt_agent.h"
#include "net/net_hosts.h"
#include "sandbox/sbx_rlimit.h"

#define SHM_DEFAULT_BYTES (64 << 20)

enum { FILE_MAX = 1 << 20 };

static int add_number(struct st_buf *to, const char *key, int64_t value)
{
    char text[24];
    st_snprintf(text, sizeof(text), "%lld", (long long)value);
    return fmt_agent_add_setting(to, key, text);
}

static void add_flag(struct st_buf *to, const char *key, bool on)
{
    if (on) {
        fmt_agent_add_setting(to, key, "1");
    }
}

/* Each line of a text whose first word is `word` (NULL: whatever it is, all of it) as a setting. */
static void add_lines(struct st_buf *to, const char *key, const char *word,
                      const struct st_buf *from)
{
    for (const char *at = st_buf_string(from); *at != 0;) {
        char line[1024];
        size_t length = strcspn(at, "\n");
        st_snprintf(line, sizeof(line), "%.*s", (int)length, at);
        const char *rest = word == NULL ? line : st_after_prefix(line, word);
        if (rest != NULL && (word == NULL || *rest == ' ')) {
            fmt_agent_add_setting(to, key, word == NULL ? line : rest + strspn(rest, " "));
        }
        at += length + (at[length] == '\n');
    }
}

/* /etc/hosts and /etc/resolv.conf as a container's. */
static int add_names(const struct engine_config *config, struct st_buf *to, struct st_err *err)
{
    static const char *const own_server[] = {ENGINE_VM_NAME_SERVER};
    const struct engine_network *n = &config->network;
    bool connected = engine_vm_is_connected(config);
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(FILE_MAX);
    struct net_names names = {
        .hostname = n->hostname,
        .domain = n->domainname,
        .add_hosts = n->extra_hosts,
        .add_hosts_count = n->extra_hosts_count,
    };
    const struct net_dns dns = {
        .servers = n->dns_count > 0 ? n->dns : own_server,
        .server_count = n->dns_count > 0 ? n->dns_count : 1,
        .search = n->dns_search,
        .search_count = n->dns_search_count,
        .options = n->dns_options,
        .option_count = n->dns_options_count,
    };
    if (connected) {
        inet_pton(AF_INET, ENGINE_VM_ADDRESS, &names.address);
        inet_pton(AF_INET, ENGINE_VM_GATEWAY, &names.gateway);
    }
    int r = net_hosts_text(&names, &text, err);
    add_lines(to, "host", NULL, &text);
    st_buf_reset(&text);
    r = r < 0 || !connected ? r : net_resolv_text(false, &dns, &text, err);
    add_lines(to, "dns", "nameserver", &text);
    add_lines(to, "search", "search", &text);
    add_lines(to, "dns-option", "options", &text);
    return r;
}

int engine_vm_setup(const struct engine_config *config, bool has_disk, struct st_buf *to,
                    struct st_err *err)
{
    const struct engine_security *s = &config->security;
    const int64_t shm = config->resources.shm_bytes;
    fmt_agent_add_setting(to, "root", "/dev/vda");
    if (has_disk) {
        fmt_agent_add_setting(to, "upper", "/dev/vdb");
    }
    fmt_agent_add_setting(to, "hostname", config->network.hostname);
    if (config->network.domainname != NULL && config->network.domainname[0] != 0) {
        fmt_agent_add_setting(to, "domain", config->network.domainname);
    }
    add_number(to, "shm", shm > 0 ? shm : SHM_DEFAULT_BYTES);
    if (engine_vm_is_connected(config)) {
        char address[32];
        st_snprintf(address, sizeof(address), "%s/%d", ENGINE_VM_ADDRESS, ENGINE_VM_PREFIX);
        fmt_agent_add_setting(to, "address", address);
        fmt_agent_add_setting(to, "gateway", ENGINE_VM_GATEWAY);
    }
    fmt_agent_add_setting(to, "sysctl", "net.ipv4.ip_unprivileged_port_start=0");
    fmt_agent_add_setting(to, "sysctl", "net.ipv4.ping_group_range=0 2147483647");
    for (size_t i = 0; i < s->sysctls_count; i++) {
        char setting[1024];
        st_snprintf(setting, sizeof(setting), "%s=%s", s->sysctls[i].key, s->sysctls[i].value);
        fmt_agent_add_setting(to, "sysctl", setting);
    }
    return add_names(config, to, err);
}

/* ---- a process ---- */

static int add_limits(const struct engine_resources *resources, struct st_buf *to,
                      struct st_err *err)
{
    for (size_t i = 0; i < resources->ulimits_count; i++) {
        const struct spec_rlimit *limit = &resources->ulimits[i];
        char name[32] = "RLIMIT_";
        char setting[80];
        size_t n = strlen(name);
        for (const char *c = limit->type; *c != 0 && n < sizeof(name) - 1; c++) {
            name[n++] = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
        }
        int number = sbx_rlimit_number(name);
        if (number < 0) {
            return st_fail(err, ST_EINVAL, "invalid ulimit type: %s", limit->type);
        }
        st_snprintf(setting, sizeof(setting), "%d:%llu:%llu", number,
                    (unsigned long long)limit->soft, (unsigned long long)limit->hard);
        fmt_agent_add_setting(to, "limit", setting);
    }
    return 0;
}

static int add_security(const struct engine_config *config, bool privileged, struct st_buf *to,
                        struct st_err *err)
{
    char mask_text[24];
    uint64_t mask = UINT64_MAX;
    int r = privileged ? 0 : engine_caps_mask(config, UINT64_MAX, &mask, err);
    st_snprintf(mask_text, sizeof(mask_text), "%llx", (unsigned long long)mask);
    fmt_agent_add_setting(to, "capabilities", mask_text);
    add_flag(to, "no-new-privileges", engine_no_new_privileges(config));
    if (config->resources.oom_score_adj != 0) {
        add_number(to, "oom-score", config->resources.oom_score_adj);
    }
    return r < 0 ? r : add_limits(&config->resources, to, err);
}

static int add_env(const struct engine_config *config, struct st_buf *to, struct st_err *err)
{
    struct json_doc *arena = json_doc_new();
    struct engine_strings env = {.arena = arena};
    if (arena == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    engine_process_env(&env, config, NULL);
    for (size_t i = 0; i < env.count; i++) {
        fmt_agent_add_setting(to, "env", env.items[i]);
    }
    int r = env.failed ? st_fail(err, ST_ENOMEM, "out of memory") : 0;
    json_doc_free(arena);
    return r;
}

static int add_process(const struct engine_config *config, bool privileged, struct st_buf *to,
                       struct st_err *err)
{
    const struct engine_process *p = &config->process;
    for (size_t i = 0; i < p->entrypoint_count; i++) {
        fmt_agent_add_setting(to, "arg", p->entrypoint[i]);
    }
    for (size_t i = 0; i < p->cmd_count; i++) {
        fmt_agent_add_setting(to, "arg", p->cmd[i]);
    }
    fmt_agent_add_setting(to, "cwd", p->cwd == NULL ? "/" : p->cwd);
    fmt_agent_add_setting(to, "user", p->user == NULL ? "" : p->user);
    for (size_t i = 0; i < p->groups_count; i++) {
        fmt_agent_add_setting(to, "group", p->groups[i]);
    }
    add_flag(to, "tty", p->tty);
    int r = add_env(config, to, err);
    return r < 0 ? r : add_security(config, privileged, to, err);
}

static size_t depth(const char *path)
{
    size_t n = 0;
    for (; *path != 0; path++) {
        n += *path == '/' && path[1] != '/' && path[1] != 0;
    }
    return n;
}

/* What lies deeper is mounted later. */
static void add_tmpfs(const struct engine_config *config, struct st_buf *to)
{
    size_t deepest = 0;
    for (size_t i = 0; i < config->mounts_count; i++) {
        deepest = ST_MAX(deepest, depth(config->mounts[i].target));
    }
    for (size_t level = 0; level <= deepest; level++) {
        for (size_t i = 0; i < config->mounts_count; i++) {
            const struct engine_mount *mount = &config->mounts[i];
            char options[1024];
            if (!st_streq(mount->type, "tmpfs") || depth(mount->target) != level) {
                continue;
            }
            st_snprintf(options, sizeof(options), "%s%s",
                        mount->options == NULL ? "" : mount->options, mount->readonly ? ",ro" : "");
            fmt_agent_add_setting(to, "tmpfs", mount->target);
            fmt_agent_add_setting(to, "tmpfs-options", options);
        }
    }
}

int engine_vm_start(const struct engine_config *config, unsigned rows, unsigned columns,
                    struct st_buf *to, struct st_err *err)
{
    const struct engine_process *p = &config->process;
    add_flag(to, "main", true);
    add_flag(to, "init", p->init);
    add_flag(to, "read-only", config->security.readonly_root);
    add_tmpfs(config, to);
    if (p->tty) {
        add_number(to, "rows", rows);
        add_number(to, "columns", columns);
    }
    if (!p->open_stdin) {
        fmt_agent_add_setting(to, "stdin", "0");
    }
    return add_process(config, false, to, err);
}

int engine_vm_exec_start(const struct engine_config *config,
                         const struct engine_exec_options *options, unsigned rows, unsigned columns,
                         struct st_buf *to, struct st_err *err)
{
    struct engine_config changed = *config;
    struct engine_process *p = &changed.process;
    struct json_doc *arena = json_doc_new();
    struct engine_strings env = {.arena = arena};
    if (arena == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < p->env_count; i++) {
        engine_strings_add(&env, p->env[i]);
    }
    for (size_t i = 0; i < options->env_count; i++) {
        engine_strings_add(&env, options->env[i]);
    }
    p->env = env.items;
    p->env_count = env.count;
    p->entrypoint_count = 0;
    p->cmd = (const char **)(uintptr_t)options->args;
    p->cmd_count = options->args_count;
    p->tty = options->tty;
    p->cwd = options->cwd != NULL ? options->cwd : p->cwd;
    p->user = options->user != NULL ? options->user : p->user;
    add_flag(to, "detached", options->detach);
    if (p->tty) {
        add_number(to, "rows", rows);
        add_number(to, "columns", columns);
    }
    if (!options->interactive) {
        fmt_agent_add_setting(to, "stdin", "0");
    }
    int r = env.failed ? st_fail(err, ST_ENOMEM, "out of memory")
                       : add_process(&changed, options->privileged, to, err);
    json_doc_free(arena);
    return r;
}
