/*
 * Making an instance: what the caller asked for is completed by what the image says and by
 * defaults, checked, and kept. docker's rules: the image's environment comes first, an entrypoint
 * that is given switches the image's command off, exposed ports and volumes of both count.
 */
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_isolation.h"
#include "os/os_process.h"
#include "os/os_time.h"
#include "spec/spec_image.h"

struct making {
    struct engine *engine;
    struct json_doc *arena;
    struct engine_config config;
    struct image *image;
    char id[ENGINE_ID_LENGTH + 1];
    char name[260];
    bool claimed;
    bool acquired;
    struct st_buf *warnings;
};

static int make_id(char *to)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[ENGINE_ID_LENGTH / 2];
    int r = os_random(bytes, sizeof(bytes));

    for (size_t i = 0; r >= 0 && i < sizeof(bytes); i++) {
        to[2 * i] = digits[bytes[i] >> 4];
        to[2 * i + 1] = digits[bytes[i] & 15];
    }
    to[ENGINE_ID_LENGTH] = 0;
    return r;
}

static size_t name_length(const char *assignment)
{
    const char *equals = strchr(assignment, '=');

    return equals == NULL ? strlen(assignment) : (size_t)(equals - assignment);
}

/* The image's variables, each replaced by one of the same name that was given, then the new ones. A
 * given name without a value was meant to take one away. */
static int merge_env(struct making *m, const struct spec_image_run *run)
{
    struct engine_process *p = &m->config.process;
    struct engine_strings list = {.arena = m->arena};
    const char **given = p->env;
    size_t given_count = p->env_count;

    for (size_t i = 0; i < run->env_count; i++) {
        const char *variable = run->env[i];
        size_t n = name_length(variable);
        for (size_t j = 0; j < given_count; j++) {
            if (name_length(given[j]) == n && strncmp(given[j], run->env[i], n) == 0) {
                variable = given[j];
            }
        }
        if (strchr(variable, '=') != NULL) {
            engine_strings_add(&list, variable);
        }
    }
    for (size_t j = 0; j < given_count; j++) {
        size_t n = name_length(given[j]);
        bool taken = strchr(given[j], '=') == NULL;
        for (size_t i = 0; i < list.count && !taken; i++) {
            taken = name_length(list.items[i]) == n && strncmp(list.items[i], given[j], n) == 0;
            if (taken) { /* Of several of one name the last counts. */
                list.items[i] = given[j];
            }
        }
        if (!taken) {
            engine_strings_add(&list, given[j]);
        }
    }
    p->env = list.items;
    p->env_count = list.count;
    return list.failed ? -ST_ENOMEM : 0;
}

static int merge_labels(struct making *m, const struct spec_image_run *run)
{
    struct engine_config *c = &m->config;
    struct json_pair *all =
        json_doc_alloc(m->arena, run->labels_count + c->labels_count + 1, sizeof(*all));
    size_t n = 0;

    if (all == NULL) {
        return -ST_ENOMEM;
    }
    for (size_t i = 0; i < run->labels_count; i++) {
        all[n++] = run->labels[i];
    }
    for (size_t i = 0; i < c->labels_count; i++) {
        size_t at = 0;
        while (at < n && !st_streq(all[at].key, c->labels[i].key)) {
            at++;
        }
        all[at] = c->labels[i];
        n = at == n ? n + 1 : n;
    }
    c->labels = all;
    c->labels_count = n;
    return 0;
}

static int merge_exposed(struct making *m, const struct spec_image_run *run)
{
    struct engine_network *network = &m->config.network;
    struct engine_strings list = {.arena = m->arena};

    for (size_t i = 0; i < run->exposed_ports_count; i++) {
        const char *port = run->exposed_ports[i];
        engine_strings_add(
            &list, strchr(port, '/') != NULL ? port : engine_textf(m->arena, "%s/tcp", port));
    }
    for (size_t i = 0; i < network->exposed_count; i++) {
        engine_strings_add(&list, network->exposed[i]);
    }
    network->exposed = list.items;
    network->exposed_count = list.count;
    return list.failed ? -ST_ENOMEM : 0;
}

static bool mounted(const struct engine_config *config, const char *target)
{
    size_t n = strlen(target);

    while (n > 1 && target[n - 1] == '/') {
        n--;
    }
    for (size_t i = 0; i < config->mounts_count; i++) {
        const char *other = config->mounts[i].target;
        if (strncmp(other, target, n) == 0 && other[n] == 0) {
            return true;
        }
    }
    return false;
}

/* The image's volumes become anonymous ones where nothing else is mounted. */
static int merge_volumes(struct making *m, const struct spec_image_run *run)
{
    struct engine_config *c = &m->config;
    size_t n = c->mounts_count;
    struct engine_mount *all = json_doc_alloc(m->arena, n + run->volumes_count + 1, sizeof(*all));

    if (all == NULL) {
        return -ST_ENOMEM;
    }
    if (n > 0) {
        memcpy(all, c->mounts, n * sizeof(*all));
    }
    for (size_t i = 0; i < run->volumes_count; i++) {
        if (!mounted(c, run->volumes[i])) {
            all[n++] = (struct engine_mount){
                .type = "volume", .target = run->volumes[i], .anonymous = true};
        }
    }
    c->mounts = all;
    c->mounts_count = n;
    return 0;
}

static int merge_image(struct making *m)
{
    static const struct spec_image_run nothing;
    const struct spec_image_run *run = m->image->config->config;
    struct engine_process *p = &m->config.process;

    run = run == NULL ? &nothing : run;
    if (p->entrypoint == NULL) {
        p->entrypoint = run->entrypoint;
        p->entrypoint_count = run->entrypoint_count;
        if (p->cmd_count == 0) {
            p->cmd = run->cmd;
            p->cmd_count = run->cmd_count;
        }
    }
    p->cwd = p->cwd != NULL ? p->cwd : run->working_dir;
    p->cwd = p->cwd != NULL && p->cwd[0] != 0 ? p->cwd : NULL;
    p->user = p->user != NULL ? p->user : run->user;
    p->stop_signal = p->stop_signal != NULL ? p->stop_signal : run->stop_signal;
    int r = merge_env(m, run);
    r = r < 0 ? r : merge_labels(m, run);
    r = r < 0 ? r : merge_exposed(m, run);
    /* A virtual machine's disk has the image's volumes as folders. */
    return r < 0 || !engine_isolation_of(&m->config)->files ? r : merge_volumes(m, run);
}

/* "container:NAME" to "container:ID"; the other must exist. */
static int resolve_mode(struct making *m, const char **mode, struct st_err *err)
{
    const char *ref = *mode == NULL ? NULL : st_after_prefix(*mode, "container:");
    struct engine_instance *other = NULL;

    if (ref == NULL) {
        return 0;
    }
    int r = engine_find(m->engine, ref, &other, err);
    if (r < 0) {
        return r;
    }
    if (!engine_isolation_of(other->config)->files) { /* Its process is in the host's namespaces. */
        r = st_fail(err, ST_EUNSUPPORTED,
                    "%s is a virtual machine: its namespaces cannot be joined", ref);
        engine_instance_free(other);
        return r;
    }
    *mode = engine_textf(m->arena, "container:%s", other->config->id);
    engine_instance_free(other);
    return *mode == NULL ? st_fail(err, ST_ENOMEM, "out of memory") : 0;
}

static int set_network(struct making *m, struct st_err *err)
{
    struct engine_network *network = &m->config.network;
    static char host_name[256];

    if (network->mode == NULL || st_streq(network->mode, "default")) {
        network->mode = "bridge";
    }
    int r = resolve_mode(m, &network->mode, err);
    r = r < 0 ? r : resolve_mode(m, &m->config.security.pid_mode, err);
    r = r < 0 ? r : resolve_mode(m, &m->config.security.ipc_mode, err);
    if (r < 0 || network->hostname != NULL) {
        return r;
    }
    if (st_streq(network->mode, "host")) {
        r = os_read_text(AT_FDCWD, "/proc/sys/kernel/hostname", host_name, sizeof(host_name));
        network->hostname = r < 0 ? NULL : host_name;
        return 0;
    }
    network->hostname = engine_textf(m->arena, "%.12s", m->id);
    return network->hostname == NULL ? st_fail(err, ST_ENOMEM, "out of memory") : 0;
}

static bool has_swap_limit(void)
{
    return os_access(AT_FDCWD, "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", F_OK, 0) == 0 ||
           os_access(AT_FDCWD, "/sys/fs/cgroup/cgroup.controllers", F_OK, 0) == 0;
}

static void set_memory(struct making *m)
{
    struct engine_resources *r = &m->config.resources;

    if (r->memory_bytes > 0 && !has_swap_limit()) {
        if (r->memory_swap_bytes > 0 && m->warnings != NULL) {
            st_buf_text(m->warnings, "Your kernel does not support swap limit capabilities or the "
                                     "cgroup is not mounted. Memory limited without swap.\n");
        }
        r->memory_swap_bytes = 0;
    } else if (r->memory_bytes > 0 && r->memory_swap_bytes == 0) {
        r->memory_swap_bytes = r->memory_bytes * 2;
    }
}

static int complete(struct making *m, struct st_err *err)
{
    struct engine_config *c = &m->config;

    c->version = ENGINE_CONFIG_VERSION;
    c->id = m->id;
    c->isolation = c->isolation == NULL ? "container" : c->isolation;
    c->created_ns = (int64_t)os_realtime_ns();
    int r = 0;
    if (m->image != NULL) {
        c->image_id = m->image->id;
        r = merge_image(m);
    }
    if (r < 0) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    if (m->image == NULL && engine_isolation_of(c)->complete != NULL) {
        r = engine_isolation_of(c)->complete(c, m->arena, err);
    }
    if (r < 0) {
        return r;
    }
    r = set_network(m, err);
    set_memory(m);
    if (r >= 0 && c->process.entrypoint_count + c->process.cmd_count == 0) {
        r = st_fail(err, ST_EINVAL, "No command specified");
    }
    const char *given = c->name;
    c->name = "unnamed";
    r = r < 0 ? r : engine_config_check(c, err);
    c->name = given;
    if (r >= 0 && engine_isolation_of(c)->check != NULL) {
        r = engine_isolation_of(c)->check(c, err);
    }
    if (r < 0) {
        return r;
    }
    if (given != NULL) {
        r = engine_config_check(c, err);
        r = r < 0 ? r : engine_name_claim(m->engine, given, m->id, err);
    } else {
        r = engine_name_make(m->engine, m->id, m->name, sizeof(m->name), err);
        c->name = m->name;
    }
    m->claimed = r >= 0;
    return r < 0 ? r : engine_volume_prepare(m->engine, c, m->arena, err);
}

static int make(struct making *m, struct engine_instance **ret_instance, struct st_err *err)
{
    struct engine_instance *instance = NULL;
    struct image_store *store;
    int r = make_id(m->id);

    r = r < 0 ? st_fail_os(err, r, "making an id") : engine_images(m->engine, &store, err);
    r = r < 0 ? r : engine_home_begin(m->engine, m->id, m->config.auto_remove, &instance, err);
    if (r < 0) {
        return r;
    }
    if (!m->config.no_image) {
        r = image_acquire(store, m->config.image, m->id, &m->image, err);
        m->acquired = r >= 0;
    }
    r = r < 0 ? r : complete(m, err);
    r = r < 0 ? r : engine_home_fill(instance, &m->config, err);
    r = r < 0 ? r : engine_home_publish(instance, err);
    if (r >= 0) {
        instance->image = st_take(m->image);
        *ret_instance = instance;
        return 0;
    }
    if (m->claimed) {
        engine_name_release(m->engine, m->config.name, m->id);
    }
    if (m->acquired) {
        (void)image_release(store, m->id, NULL);
    }
    engine_home_abandon(instance, m->id);
    return r;
}

int engine_create(struct engine *engine, const struct engine_config *config,
                  struct st_buf *warnings, struct engine_instance **ret_instance,
                  struct st_err *err)
{
    struct making m = {
        .engine = engine, .arena = json_doc_new(), .config = *config, .warnings = warnings};

    if (m.arena == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    int r = make(&m, ret_instance, err);
    image_free(m.image);
    json_doc_free(m.arena);
    return r;
}
