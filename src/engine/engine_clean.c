/*
 * Cleaning up: after an instance whose monitor is gone, after one that is removed, and after
 * commands that were killed in the middle. Every step may be done twice, and a crash between two
 * leaves something that the next command finds again.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_isolation.h"
#include "os/os_dir.h"
#include "os/os_process.h"
#include "os/os_time.h"

enum { NAME_SIZE = sizeof(ENGINE_NEW_PREFIX) + ENGINE_ID_LENGTH, EXIT_KILLED = 137 };

/* Says in a folder that is being removed that anonymous volumes go with it. */
#define WITH_VOLUMES "with-volumes"

/* Gives dir/id the name that says that it is being removed: from here on there is no way back. */
static int condemn(int dir, const char *id, char *ret_name)
{
    st_snprintf(ret_name, NAME_SIZE, ENGINE_DEL_PREFIX "%s", id);
    int r = os_renameat2(dir, id, dir, ret_name, 0);
    if (r == -ST_EEXIST || r == -ST_ENOTEMPTY) {
        r = os_remove_tree(dir, ret_name);
        r = r < 0 ? r : os_renameat2(dir, id, dir, ret_name, 0);
    }
    return r;
}

/* Removes a folder that holds nothing but files. */
static int remove_folder(int dir, const char *id)
{
    char name[NAME_SIZE];
    int r = condemn(dir, id, name);

    return r == -ST_ENOENT ? 0 : r < 0 ? r : os_remove_tree(dir, name);
}

/* Gives back what an instance has outside of its condemned home, then removes that. Two may be at
 * it at once. */
static int remove_condemned(struct engine *engine, int dir, const char *name, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(ENGINE_CONFIG_MAX_BYTES);
    struct engine_config *config = NULL;
    struct image_store *store;
    const char *id = st_after_prefix(name, ENGINE_DEL_PREFIX);

    st_auto(fd) int home = os_openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    int r = home < 0 ? home : os_read_file(home, "config", &text);
    if (r >= 0 && engine_config_parse(st_buf_string(&text), text.length, &config, NULL) >= 0) {
        engine_name_release(engine, config->name, config->id);
        if (os_access(home, WITH_VOLUMES, F_OK, 0) == 0) {
            engine_volume_drop(engine, config);
        }
        engine_config_free(config);
    }
    /* A folder without a config was a run folder alone. */
    if (r >= 0 && engine_is_id(id)) {
        r = engine_images(engine, &store, err);
        r = r < 0 ? r : image_release(store, id, err);
        if (r < 0) {
            return r;
        }
    }
    r = os_remove_tree(dir, name);
    return r < 0 ? st_fail_os(err, r, "removing the instance's folder") : 0;
}

/* The monitor was killed before it could write the end down: say so. */
static int record_death(struct engine_instance *instance)
{
    char path[ENGINE_ID_LENGTH + 8];
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(65536);
    struct engine_state ran = {0};
    struct engine_state ended = {0};
    uint64_t start;

    st_snprintf(path, sizeof(path), "%s/state", instance->config->id);
    if (os_read_file(instance->engine->folders_fd, path, &text) < 0 ||
        engine_state_parse(st_buf_string(&text), text.length, &ran, &start, NULL) < 0) {
        return 0;
    }
    st_buf_reset(&text);
    if (os_read_file(instance->home_fd, "exit", &text) >= 0 &&
        engine_state_parse(st_buf_string(&text), text.length, &ended, &start, NULL) >= 0 &&
        ended.started_ns >= ran.started_ns) {
        return 0;
    }
    ran.exit_code = EXIT_KILLED;
    ran.finished_ns = (int64_t)os_realtime_ns();
    st_strcopy(ran.error, sizeof(ran.error), "the instance's monitor was killed");
    return engine_exit_write(instance, &ran);
}

/* What belongs to its run: process, network, run folder. */
static int end_run(struct engine_instance *instance, struct st_err *err)
{
    const struct engine_config *config = instance->config;
    const struct engine *engine = instance->engine;
    const char *mode = config->network.mode;
    int r = engine_isolation_of(config)->clean(instance, err);

    if (st_streq(mode, "bridge")) {
        int n = net_detach(&engine->net, config->id, NET_DETACH_ENDED_NS, r < 0 ? NULL : err);
        r = r < 0 ? r : n;
    }
    return r;
}

int engine_clean_run(struct engine_instance *instance, struct st_err *err)
{
    /* "alive" comes last: it says that there was a run to clean up after. */
    static const char *const files[] = {
        "state",   "monitor", "config.json", "control",     "console",  "pid",
        "oci.log", "hosts",   "hostname",    "resolv.conf", "paused",   "arguments",
        "setup",   "start",   "ports",       "vm.sock",     "gdb.sock", "alive"};
    int r = end_run(instance, err);

    if (r < 0) {
        return r;
    }
    if (!instance->in_run) {
        r = remove_folder(instance->engine->folders_fd, instance->config->id);
        return r < 0 ? st_fail_os(err, r, "removing the run folder") : 0;
    }
    for (size_t i = 0; i < ST_COUNT(files); i++) {
        (void)os_unlinkat(instance->home_fd, files[i], 0);
    }
    return 0;
}

int engine_erase(struct engine_instance *instance, bool volumes, struct st_err *err)
{
    struct engine *engine = instance->engine;
    int homes = instance->in_run ? engine->folders_fd : engine->homes_fd;
    char name[NAME_SIZE];
    int r = instance->in_run ? 0 : remove_folder(engine->folders_fd, instance->config->id);

    if (r >= 0 && volumes) {
        st_auto(fd) int fd = os_openat(instance->home_fd, WITH_VOLUMES, O_WRONLY | O_CREAT, 0600);
        r = fd < 0 ? fd : 0;
    }
    r = r < 0 ? r : condemn(homes, instance->config->id, name);
    if (r < 0) {
        return r == -ST_ENOENT ? 0 : st_fail_os(err, r, "removing the instance's folder");
    }
    instance->removed = true;
    return remove_condemned(engine, homes, name, err);
}

int engine_clean(struct engine_instance *instance, struct st_err *err)
{
    int r = record_death(instance);

    if (r < 0) {
        return st_fail_os(err, r, "recording the end of %s", instance->config->name);
    }
    if (!instance->config->auto_remove) {
        return engine_clean_run(instance, err);
    }
    r = end_run(instance, err);
    return r < 0 ? r : engine_erase(instance, true, err);
}

/* The folder of an instance that has no home any more, or never had one. */
static void clean_orphan(struct engine *engine, const char *id)
{
    struct engine_config config = {.id = id, .name = "", .network = {.mode = "bridge"}};
    struct engine_instance orphan = {
        .engine = engine, .config = &config, .home_fd = -1, .locked = true};

    (void)end_run(&orphan, NULL);
    (void)remove_folder(engine->folders_fd, id);
}

int engine_cleanup(struct engine *engine, const char *id, struct st_err *err)
{
    st_auto(engine_instance) struct engine_instance *instance = NULL;

    if (!engine_is_id(id)) {
        return st_fail(err, ST_EINVAL, "not an instance's id: %s", id);
    }
    int r = engine_home_open(engine, id, &instance, err);
    if (r == -ST_ENOTFOUND) {
        return 0;
    }
    r = r < 0 ? r : engine_home_lock(instance, true, err);
    if (r == -ST_ENOTFOUND) {
        return 0;
    }
    int alive = r < 0 ? r : engine_alive(engine, id);
    if (alive < 0 && alive != -ST_ENOENT) {
        return r < 0 ? r : st_fail_os(err, alive, "the state of %s", instance->config->name);
    }
    return alive == 0 ? engine_clean(instance, err) : 0;
}

/* ---- collection ---- */

/* A run folder: of a living instance, of one that died, or of a start that was killed. Returns how
 * many it cleaned up after. */
static size_t collect_folder(struct engine *engine, const char *id)
{
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    struct st_err ignored;

    int alive = engine_alive(engine, id);
    if (alive != 0 && alive != -ST_ENOENT) {
        return 0;
    }
    int r = engine_home_open(engine, id, &instance, &ignored);
    if (r == -ST_ENOTFOUND) {
        clean_orphan(engine, id);
        return 1;
    }
    if (r < 0 || (instance->in_run && alive == -ST_ENOENT)) {
        return 0; /* Made, and not started. */
    }
    if (engine_home_lock(instance, false, &ignored) < 0) {
        return 0; /* Somebody is at it. */
    }
    if (engine_has_monitor(instance, &ignored) == 0) {
        (void)engine_clean(instance, &ignored);
    }
    return 1;
}

/* ".new-ID" that nobody has locked, ".del-ID" in any case. Returns how many it cleaned up after. */
static size_t collect_half(struct engine *engine, int dir, const char *name)
{
    struct image_store *store;
    const char *id = st_after_prefix(name, ENGINE_NEW_PREFIX);

    if (id == NULL) {
        (void)remove_condemned(engine, dir, name, NULL);
        return 1;
    }
    st_auto(fd) int fd = os_openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd < 0 || os_flock(fd, LOCK_EX | LOCK_NB) < 0) {
        return 0;
    }
    if (engine_is_id(id) && engine_images(engine, &store, NULL) >= 0) {
        (void)image_release(store, id, NULL);
    }
    (void)os_remove_tree(dir, name); /* Its name, if it had one, goes by the sweep. */
    return 1;
}

/* Adds what was dead to *cleaned. */
static int collect_in(struct engine *engine, int dir, bool folders, size_t *cleaned)
{
    st_auto(os_dir) struct os_dir *entries = NULL;
    const char *name;
    unsigned char type;
    int r = os_dir_open(dir, ".", &entries);

    while (r >= 0 && (r = os_dir_next(entries, &name, &type)) > 0) {
        if (st_starts_with(name, ENGINE_NEW_PREFIX) || st_starts_with(name, ENGINE_DEL_PREFIX)) {
            *cleaned += collect_half(engine, dir, name);
        } else if (folders && engine_is_id(name)) {
            *cleaned += collect_folder(engine, name);
        }
    }
    return r;
}

/* What killed commands left in the run folder: ".oci-PID-N.log", ".exec-PID.json", ".cp-PID". */
static void collect_files(struct engine *engine)
{
    st_auto(os_dir) struct os_dir *entries = NULL;
    const char *name;
    unsigned char type;

    if (os_dir_open(engine->run_fd, ".", &entries) < 0) {
        return;
    }
    while (os_dir_next(entries, &name, &type) > 0) {
        static const char *const prefixes[] = {".oci-", ".exec-", ".cp-"};
        const char *rest = NULL;
        char pid[24];
        uint64_t n;

        for (size_t i = 0; rest == NULL && i < ST_COUNT(prefixes); i++) {
            rest = st_after_prefix(name, prefixes[i]);
        }
        size_t digits = rest == NULL ? 0 : strspn(rest, "0123456789");
        if (digits == 0 || digits >= sizeof(pid)) {
            continue;
        }
        memcpy(pid, rest, digits);
        pid[digits] = 0;
        if (st_parse_u64(pid, 10, INT32_MAX, &n) >= 0 && os_kill((pid_t)n, 0) == -ST_ESRCH) {
            (void)os_remove_tree(engine->run_fd, name);
        }
    }
}

/* A run folder with its lock file stands from before an address is asked for until it was given
 * back. */
static bool lease_is_alive(void *data, const char *id)
{
    const struct engine *engine = data;

    return engine_alive(engine, id) != -ST_ENOENT;
}

int engine_collect(struct engine *engine, struct st_err *err)
{
    size_t cleaned = 0;
    int r = collect_in(engine, engine->homes_fd, false, &cleaned);

    r = r < 0 ? r : collect_in(engine, engine->folders_fd, true, &cleaned);
    if (r < 0) {
        return st_fail_os(err, r, "collecting what dead processes left");
    }
    collect_files(engine);
    if (cleaned > 0) {
        engine_name_sweep(engine);
        (void)net_collect(&engine->net, lease_is_alive, engine, NULL);
    }
    return 0;
}
