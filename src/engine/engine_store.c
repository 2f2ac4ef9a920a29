/*
 * Folders of the engine and of its instances: opening, making, finding, locking. The layout is
 * drawn in engine_priv.h.
 */
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_priv.h"
#include "os/os_dir.h"
#include "os/os_process.h"
#include "os/os_time.h"

#define DEFAULT_DATA "/var/lib/strata"
#define DEFAULT_RUN "/run/strata"

char *engine_path(const char *first, const char *second, const char *third)
{
    struct st_buf path = ST_BUF_HEAP(4096);

    st_buf_text(&path, first);
    if (second != NULL) {
        st_buf_printf(&path, "/%s", second);
    }
    if (third != NULL) {
        st_buf_printf(&path, "/%s", third);
    }
    char *text = st_buf_steal(&path);
    st_buf_done(&path);
    return text;
}

char *engine_program(const struct engine *engine, const char *name)
{
    return engine_path(engine->programs, name, NULL);
}

static const char *choose(const char *given, const char *variable, const char *otherwise)
{
    const char *set = given == NULL ? getenv(variable) : given;

    return set != NULL && set[0] != 0 ? set : otherwise;
}

char *engine_own_folder(const char *given)
{
    char path[4096];
    const char *set = choose(given, "STRATA_PROGRAMS", NULL);

    if (set != NULL) {
        return strdup(set);
    }
    if (os_readlinkat(AT_FDCWD, "/proc/self/exe", path, sizeof(path)) < 0) {
        return NULL;
    }
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return NULL;
    }
    *slash = 0;
    return strdup(path);
}

/* Overlay's options have no way to quote these everywhere. */
static int check_folder(const char *path, struct st_err *err)
{
    if (path[0] != '/' || strpbrk(path, ":,\\\n") != NULL) {
        return st_fail(err, ST_EINVAL,
                       "the folder '%s' must be an absolute path without ':', ',' and '\\'", path);
    }
    return 0;
}

static int open_folder(int dir, const char *path, mode_t mode, struct st_err *err)
{
    int fd = os_openat(dir, path, O_RDONLY | O_DIRECTORY, 0);

    if (fd == -ST_ENOENT) {
        int r = os_make_dirs(dir, path, mode);
        if (r < 0) {
            return st_fail_os(err, r, "making the folder %s", path);
        }
        fd = os_openat(dir, path, O_RDONLY | O_DIRECTORY, 0);
    }
    return fd < 0 ? st_fail_os(err, fd, "opening the folder %s", path) : fd;
}

static int open_folders(struct engine *engine, struct st_err *err)
{
    int r = check_folder(engine->data, err);

    r = r < 0 ? r : check_folder(engine->run, err);
    r = r < 0 ? r : (engine->data_fd = open_folder(AT_FDCWD, engine->data, 0711, err));
    r = r < 0 ? r : (engine->run_fd = open_folder(AT_FDCWD, engine->run, 0711, err));
    r = r < 0 ? r : (engine->homes_fd = open_folder(engine->data_fd, "instances", 0710, err));
    r = r < 0 ? r : (engine->folders_fd = open_folder(engine->run_fd, "instances", 0710, err));
    if (r < 0) {
        return r;
    }
    engine->names_fd = os_openat(engine->run_fd, "names", O_RDONLY | O_DIRECTORY, 0);
    if (engine->names_fd >= 0) {
        return 0;
    }
    return engine_name_rebuild(engine, err);
}

int engine_open(const struct engine_options *options, struct engine **ret_engine,
                struct st_err *err)
{
    static const struct engine_options none;
    const struct engine_options *o = options == NULL ? &none : options;
    struct engine *engine = calloc(1, sizeof(*engine));

    if (engine == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    engine->data_fd = engine->run_fd = engine->homes_fd = -1;
    engine->folders_fd = engine->names_fd = -1;
    engine->data = strdup(choose(o->data, "STRATA_DATA", DEFAULT_DATA));
    engine->run = strdup(choose(o->run, "STRATA_RUN", DEFAULT_RUN));
    engine->programs = engine_own_folder(o->programs);
    engine->net_folder = engine->run == NULL ? NULL : engine_path(engine->run, "net", NULL);
    int r = 0;
    if (engine->data == NULL || engine->programs == NULL || engine->net_folder == NULL) {
        r = st_fail(err, ST_ENOMEM, "out of memory");
    }
    engine->net.folder = engine->net_folder;
    engine->net.bridge = choose(NULL, "STRATA_BRIDGE", NULL);
    engine->net.subnet = choose(NULL, "STRATA_BRIDGE_SUBNET", NULL);
    r = r < 0 ? r : open_folders(engine, err);
    r = r < 0 ? r : engine_collect(engine, err);
    if (r < 0) {
        engine_close(engine);
        return r;
    }
    *ret_engine = engine;
    return 0;
}

struct engine *engine_close(struct engine *engine)
{
    if (engine != NULL) {
        image_store_free(engine->images);
        os_close(&engine->data_fd);
        os_close(&engine->run_fd);
        os_close(&engine->homes_fd);
        os_close(&engine->folders_fd);
        os_close(&engine->names_fd);
        free(engine->data);
        free(engine->run);
        free(engine->programs);
        free(engine->net_folder);
        free(engine);
    }
    return NULL;
}

const char *engine_data_path(const struct engine *engine)
{
    return engine->data;
}

const char *engine_run_path(const struct engine *engine)
{
    return engine->run;
}

int engine_images(struct engine *engine, struct image_store **ret_store, struct st_err *err)
{
    if (engine->images == NULL) {
        int r = image_store_open(engine->data, &engine->images, err);
        if (r < 0) {
            return r;
        }
    }
    *ret_store = engine->images;
    return 0;
}

struct engine_instance *engine_instance_free(struct engine_instance *instance)
{
    if (instance != NULL) {
        os_close(&instance->home_fd);
        image_free(instance->image);
        engine_config_free(instance->config);
        free(instance);
    }
    return NULL;
}

const char *engine_instance_id(const struct engine_instance *instance)
{
    return instance->config->id;
}

const char *engine_instance_name(const struct engine_instance *instance)
{
    return instance->config->name;
}

const struct engine_config *engine_instance_config(const struct engine_instance *instance)
{
    return instance->config;
}

static int homes_of(const struct engine_instance *instance)
{
    return instance->in_run ? instance->engine->folders_fd : instance->engine->homes_fd;
}

char *engine_home_path(const struct engine_instance *instance)
{
    const struct engine *engine = instance->engine;

    return engine_path(instance->in_run ? engine->run : engine->data, "instances",
                       instance->config->id);
}

/* A config of the instance's own, read back from the text that is in its file. */
static int take_config(struct engine_instance *instance, const struct st_buf *text,
                       struct st_err *err)
{
    return engine_config_parse(st_buf_string(text), text->length, &instance->config, err);
}

int engine_home_begin(struct engine *engine, const char *id, bool in_run,
                      struct engine_instance **ret_instance, struct st_err *err)
{
    char folder[sizeof(ENGINE_NEW_PREFIX) + ENGINE_ID_LENGTH];
    struct engine_instance *instance = calloc(1, sizeof(*instance));

    if (instance == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    instance->engine = engine;
    instance->home_fd = -1;
    instance->in_run = in_run;
    int homes = homes_of(instance);
    st_snprintf(folder, sizeof(folder), ENGINE_NEW_PREFIX "%s", id);
    int r = os_mkdirat(homes, folder, 0710);
    r = r < 0 ? r : (instance->home_fd = os_openat(homes, folder, O_RDONLY | O_DIRECTORY, 0));
    r = r < 0 ? r : os_flock(instance->home_fd, LOCK_EX);
    if (r < 0) {
        st_fail_os(err, r, "making the instance's folder");
        engine_home_abandon(instance, id);
        return r;
    }
    instance->locked = true;
    *ret_instance = instance;
    return 0;
}

int engine_home_fill(struct engine_instance *instance, const struct engine_config *config,
                     struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(ENGINE_CONFIG_MAX_BYTES);
    int r = engine_config_write(config, &text);

    r = r < 0 ? st_fail_os(err, r, "the instance's config") : take_config(instance, &text, err);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int file =
        os_openat(instance->home_fd, "config", O_WRONLY | O_CREAT | O_EXCL, 0640);
    r = file < 0 ? file : os_write_all(file, text.data, text.length);
    return r < 0 ? st_fail_os(err, r, "writing the instance's config") : 0;
}

int engine_home_publish(struct engine_instance *instance, struct st_err *err)
{
    char folder[sizeof(ENGINE_NEW_PREFIX) + ENGINE_ID_LENGTH];
    int homes = homes_of(instance);

    st_snprintf(folder, sizeof(folder), ENGINE_NEW_PREFIX "%s", instance->config->id);
    int r = os_renameat2(homes, folder, homes, instance->config->id, 0);
    if (r >= 0 && !instance->in_run) {
        /* The rename first: one commit of the file system's journal takes both. */
        st_auto(fd) int file = os_openat(instance->home_fd, "config", O_RDONLY, 0);
        r = file < 0 ? file : os_fsync(file);
        r = r < 0 ? r : os_fsync(homes);
    }
    return r < 0 ? st_fail_os(err, r, "keeping the instance") : 0;
}

void engine_home_abandon(struct engine_instance *instance, const char *id)
{
    char folder[sizeof(ENGINE_NEW_PREFIX) + ENGINE_ID_LENGTH];

    if (instance != NULL) {
        st_snprintf(folder, sizeof(folder), ENGINE_NEW_PREFIX "%s", id);
        (void)os_remove_tree(homes_of(instance), folder);
    }
    engine_instance_free(instance);
}

int engine_home_open(struct engine *engine, const char *id, struct engine_instance **ret_instance,
                     struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(ENGINE_CONFIG_MAX_BYTES);
    struct engine_instance *instance = calloc(1, sizeof(*instance));

    if (instance == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    instance->engine = engine;
    instance->home_fd = os_openat(engine->homes_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    /* What cannot be opened now is not to be taken for an instance that is gone. */
    if (instance->home_fd == -ST_ENOENT) {
        instance->home_fd =
            os_openat(engine->folders_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        instance->in_run = true;
    }
    int r = instance->home_fd < 0 ? instance->home_fd
                                  : os_read_file(instance->home_fd, "config", &text);
    if (r == -ST_ENOENT) {
        r = st_fail(err, ST_ENOTFOUND, "No such container: %s", id);
    } else if (r < 0) {
        st_fail_os(err, r, "reading the config of %s", id);
    } else {
        r = take_config(instance, &text, err);
    }
    if (r >= 0 && !st_streq(instance->config->id, id)) {
        r = st_fail(err, ST_ECORRUPT, "the config in the folder of %s is another instance's", id);
    }
    if (r < 0) {
        engine_instance_free(instance);
        return r;
    }
    *ret_instance = instance;
    return 0;
}

int engine_home_lock(struct engine_instance *instance, bool wait, struct st_err *err)
{
    struct stat ours;
    struct stat there;

    if (instance->locked) {
        return 0;
    }
    int r = os_flock(instance->home_fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
    r = r < 0 ? r : os_fstat(instance->home_fd, &ours);
    if (r < 0) {
        return st_fail_os(err, r, "locking %s", instance->config->name);
    }
    r = os_fstatat(homes_of(instance), instance->config->id, &there, AT_SYMLINK_NOFOLLOW);
    bool same = r >= 0 && there.st_ino == ours.st_ino && there.st_dev == ours.st_dev;
    if (!same) {
        (void)os_flock(instance->home_fd, LOCK_UN);
        return r < 0 && r != -ST_ENOENT
                   ? st_fail_os(err, r, "locking %s", instance->config->name)
                   : st_fail(err, ST_ENOTFOUND, "No such container: %s", instance->config->name);
    }
    instance->locked = true;
    return 0;
}

void engine_home_unlock(struct engine_instance *instance)
{
    /* Tried again, because whoever opens the home next, perhaps this very process, would wait. */
    for (int attempt = 0; instance->locked && attempt < 3; attempt++) {
        instance->locked = os_flock(instance->home_fd, LOCK_UN) < 0;
    }
}

int engine_config_save(const struct engine_instance *instance, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(ENGINE_CONFIG_MAX_BYTES);
    int r = engine_config_write(instance->config, &text);

    r = r < 0 ? r
              : os_replace_file(instance->home_fd, "config", text.data, text.length, 0640,
                                !instance->in_run);
    return r < 0 ? st_fail_os(err, r, "writing the instance's config") : 0;
}

static int each_in(int fd, bool need_config, engine_visit_fn *visit, void *data)
{
    st_auto(os_dir) struct os_dir *dir = NULL;
    const char *name;
    unsigned char type;
    int r = os_dir_open(fd, ".", &dir);

    while (r >= 0 && (r = os_dir_next(dir, &name, &type)) > 0) {
        char path[ENGINE_ID_LENGTH + sizeof("/config")];

        if (!engine_is_id(name)) {
            continue;
        }
        st_snprintf(path, sizeof(path), "%s/config", name);
        if (need_config && os_access(fd, path, F_OK, 0) == -ST_ENOENT) {
            continue;
        }
        r = visit(data, name);
    }
    return r;
}

int engine_home_each(struct engine *engine, engine_visit_fn *visit, void *data)
{
    int r = each_in(engine->homes_fd, false, visit, data);

    return r < 0 ? r : each_in(engine->folders_fd, true, visit, data);
}

struct prefix_search {
    const char *prefix;
    char found[ENGINE_ID_LENGTH + 1];
    unsigned count;
};

static int match_prefix(void *data, const char *id)
{
    struct prefix_search *search = data;

    if (st_starts_with(id, search->prefix)) {
        st_strcopy(search->found, sizeof(search->found), id);
        search->count++;
    }
    return 0;
}

int engine_find(struct engine *engine, const char *ref, struct engine_instance **ret_instance,
                struct st_err *err)
{
    char id[ENGINE_ID_LENGTH + 8];
    struct prefix_search search = {.prefix = ref};

    if (engine_is_id(ref)) {
        return engine_home_open(engine, ref, ret_instance, err);
    }
    const char *name = ref[0] == '/' ? ref + 1 : ref;
    if (engine_is_name(name) && os_readlinkat(engine->names_fd, name, id, sizeof(id)) >= 0 &&
        engine_is_id(id)) {
        int r = engine_home_open(engine, id, ret_instance, err);
        if (r != -ST_ENOTFOUND) {
            return r;
        }
    }
    if (ref[0] != 0 && strspn(ref, "0123456789abcdef") == strlen(ref)) {
        int r = engine_home_each(engine, match_prefix, &search);
        if (r < 0) {
            return st_fail_os(err, r, "looking for %s", ref);
        }
    }
    if (search.count > 1) {
        return st_fail(err, ST_EINVAL, "Multiple IDs found with provided prefix: %s", ref);
    }
    if (search.count == 0) {
        return st_fail(err, ST_ENOTFOUND, "No such container: %s", ref);
    }
    return engine_home_open(engine, search.found, ret_instance, err);
}
