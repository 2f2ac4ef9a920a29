/*
 * The mounts of a container: docker's base set, the files that name the host, and what -v, --mount
 * and --tmpfs ask for, in the order of their depth.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "engine/engine_isolation.h"
#include "os/os_dir.h"

#define SHM_DEFAULT_BYTES (64 << 20)

struct mounts {
    struct json_doc *arena;
    struct spec_mount *items;
    size_t count;
    size_t room;
    int status;
};

/* Adds one whose options are a comma-separated list. */
static void add(struct mounts *m, const char *target, const char *type, const char *source,
                const char *options)
{
    struct engine_strings list = {.arena = m->arena};
    char *text = options == NULL ? NULL : (char *)(uintptr_t)json_doc_copy(m->arena, options);

    for (char *word = text; word != NULL && *word != 0;) {
        char *comma = strchr(word, ',');
        if (comma != NULL) {
            *comma++ = 0;
        }
        engine_strings_add(&list, word);
        word = comma;
    }
    if (list.failed || source == NULL || m->count >= m->room) {
        m->status = -ST_ENOMEM;
        return;
    }
    m->items[m->count++] = (struct spec_mount){.destination = target,
                                               .type = type,
                                               .source = source,
                                               .options = list.items,
                                               .options_count = list.count};
}

static void add_shm(struct mounts *m, const struct engine_launch *launch, struct engine *engine)
{
    const struct engine_config *config = launch->instance->config;
    const char *mode = config->security.ipc_mode;
    const char *id = mode == NULL ? NULL : st_after_prefix(mode, "container:");
    int64_t size = config->resources.shm_bytes;

    if (st_streq(mode, "none")) {
        return;
    }
    if (st_streq(mode, "host")) {
        add(m, "/dev/shm", "bind", "/dev/shm", "rbind,rprivate");
    } else if (id != NULL) {
        add(m, "/dev/shm", "bind", engine_textf(m->arena, "%s/instances/%s/shm", engine->run, id),
            "rbind,rprivate");
    } else if (st_streq(mode, "shareable")) {
        add(m, "/dev/shm", "bind", engine_textf(m->arena, "%s/shm", launch->folder),
            "rbind,rprivate,nosuid,noexec,nodev");
    } else {
        const char *options = engine_textf(m->arena, "nosuid,noexec,nodev,mode=1777,size=%lld",
                                           (long long)(size > 0 ? size : SHM_DEFAULT_BYTES));
        add(m, "/dev/shm", "tmpfs", "shm", options);
    }
}

static void add_base(struct mounts *m, const struct engine_launch *launch)
{
    const struct engine_config *config = launch->instance->config;
    bool privileged = config->security.privileged;

    add(m, "/proc", "proc", "proc", "nosuid,noexec,nodev");
    add(m, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k");
    add(m, "/dev/pts", "devpts", "devpts",
        "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5");
    add(m, "/sys", "sysfs", "sysfs", privileged ? "nosuid,noexec,nodev" : "nosuid,noexec,nodev,ro");
    add(m, "/sys/fs/cgroup", "cgroup", "cgroup",
        privileged ? "nosuid,noexec,nodev" : "nosuid,noexec,nodev,ro");
    add(m, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev");
    add_shm(m, launch, launch->instance->engine);
}

static bool has_target(const struct engine_config *config, const char *target)
{
    for (size_t i = 0; i < config->mounts_count; i++) {
        if (st_streq(config->mounts[i].target, target)) {
            return true;
        }
    }
    return false;
}

/* /etc/hosts and its kin, from our run folder or from that of the instance whose network it is. */
static void add_names(struct mounts *m, const struct engine_launch *launch)
{
    static const char *const files[][2] = {{"/etc/resolv.conf", "resolv.conf"},
                                           {"/etc/hostname", "hostname"},
                                           {"/etc/hosts", "hosts"}};
    const struct engine_instance *source =
        launch->net_source != NULL ? launch->net_source : launch->instance;
    const char *readonly = launch->instance->config->security.readonly_root ? ",ro" : "";

    for (size_t i = 0; i < ST_COUNT(files); i++) {
        if (has_target(launch->instance->config, files[i][0])) {
            continue;
        }
        add(m, files[i][0], "bind",
            engine_textf(m->arena, "%s/instances/%s/%s", source->engine->run, source->config->id,
                         files[i][1]),
            engine_textf(m->arena, "rbind,rprivate%s", readonly));
    }
}

static void add_user_mount(struct mounts *m, const struct engine *engine,
                           const struct engine_mount *mount)
{
    const char *mode = mount->readonly ? ",ro" : "";

    if (st_streq(mount->type, "tmpfs")) {
        const char *more = mount->options == NULL ? "" : mount->options;
        add(m, mount->target, "tmpfs", "tmpfs",
            engine_textf(m->arena, "noexec,nosuid,nodev%s%s%s", *more != 0 ? "," : "", more, mode));
    } else if (st_streq(mount->type, "volume")) {
        add(m, mount->target, "bind",
            engine_textf(m->arena, "%s/volumes/%s/_data", engine->data, mount->source),
            engine_textf(m->arena, "rbind,rprivate%s", mode));
    } else {
        add(m, mount->target, "bind", mount->source,
            engine_textf(m->arena, "rbind,%s%s",
                         mount->propagation == NULL ? "rprivate" : mount->propagation, mode));
    }
}

static size_t depth(const char *path)
{
    size_t n = 0;

    for (; *path != 0; path++) {
        n += *path == '/' && path[1] != '/' && path[1] != 0;
    }
    return n;
}

static void sort_by_depth(struct spec_mount *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct spec_mount one = items[i];
        size_t at = i;
        while (at > 0 && depth(items[at - 1].destination) > depth(one.destination)) {
            items[at] = items[at - 1];
            at--;
        }
        items[at] = one;
    }
}

/* What the host must have before a bind: -v makes a missing folder, --mount refuses. */
static int check_source(const struct engine_mount *mount, struct st_err *err)
{
    if (!st_streq(mount->type, "bind") || os_access(AT_FDCWD, mount->source, F_OK, 0) == 0) {
        return 0;
    }
    if (mount->source_must_exist) {
        return st_fail(err, ST_EINVAL,
                       "invalid mount config for type \"bind\": bind source path does not exist: "
                       "%s",
                       mount->source);
    }
    int r = os_make_dirs(AT_FDCWD, mount->source, 0755);
    return r < 0 ? st_fail_os(err, r, "making the folder %s", mount->source) : 0;
}

/* A bind that is to see or to show later mounts needs a root that lets them through. */
static const char *root_propagation(const struct engine_config *config)
{
    const char *propagation = NULL;

    for (size_t i = 0; i < config->mounts_count; i++) {
        const char *p = config->mounts[i].propagation;
        if (p != NULL && st_ends_with(p, "shared")) {
            return "shared";
        }
        if (p != NULL && st_ends_with(p, "slave")) {
            propagation = "rslave";
        }
    }
    return propagation;
}

int engine_oci_mounts(struct json_doc *arena, const struct engine_launch *launch,
                      struct spec_runtime *spec, struct st_err *err)
{
    const struct engine_config *config = launch->instance->config;
    struct engine *engine = launch->instance->engine;
    struct mounts m = {.arena = arena, .room = config->mounts_count + 16};

    m.items = json_doc_alloc(arena, m.room, sizeof(*m.items));
    if (m.items == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    add_base(&m, launch);
    size_t base = m.count;
    for (size_t i = 0; i < config->mounts_count; i++) {
        int r = check_source(&config->mounts[i], err);
        if (r < 0) {
            return r;
        }
        add_user_mount(&m, engine, &config->mounts[i]);
    }
    add_names(&m, launch);
    if (config->process.init) {
        st_auto(free) char *init = engine_program(engine, "strata-init");
        add(&m, "/sbin/docker-init", "bind", init == NULL ? NULL : json_doc_copy(arena, init),
            "bind,ro");
    }
    if (m.status < 0) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    sort_by_depth(m.items + base, m.count - base);
    spec->mounts = m.items;
    spec->mounts_count = m.count;
    spec->linux_->rootfs_propagation = root_propagation(config);
    return 0;
}
