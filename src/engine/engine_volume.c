/*
 * Volumes: folders that outlive instances. <data>/volumes/NAME holds the folder `_data` and the
 * file `volume`, which says in JSON what the volume is.
 *
 * A volume is made as ".new-NAME" and removed by way of ".del-NAME", each by a rename, under the
 * lock of the folder of volumes; what a killed command left half done has such a name and goes with
 * the next one that takes the lock.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_priv.h"
#include "os/os_dir.h"
#include "os/os_time.h"
#include "json/json_bind.h"
#include "json/json_write.h"

enum { RECORD_MAX = 1 << 20, NAME_SIZE = 256 };

struct record { /* the file "volume" */
    int64_t version;
    int64_t created_ns;
    bool anonymous;
    struct json_pair *labels;
    size_t labels_count;
    struct json_pair *options;
    size_t options_count;
};

static const struct json_field record_fields[] = {
    JSON_I64(struct record, "version", version, JSON_KEEP),
    JSON_I64(struct record, "createdNs", created_ns, JSON_KEEP),
    JSON_BOOLEAN(struct record, "anonymous", anonymous, JSON_KEEP),
    JSON_PAIRS(struct record, "labels", labels),
    JSON_PAIRS(struct record, "options", options),
};
static const struct json_table record_table = JSON_TABLE(struct record, record_fields);

static bool is_volume_name(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

    return n > 1 && n < NAME_SIZE - 8 && name[n] == '\0' && strchr("_.-", name[0]) == NULL;
}

static int check_name(const char *name, struct st_err *err)
{
    return is_volume_name(name)
               ? 0
               : st_fail(err, ST_EINVAL,
                         "\"%s\" is no name of a volume: it must have two or more letters, digits "
                         "and _.- and begin with a letter or digit",
                         name);
}

/* ---- the folder of volumes ---- */

static int open_volumes(const struct engine *engine, struct st_err *err)
{
    int fd = os_openat(engine->data_fd, "volumes", O_RDONLY | O_DIRECTORY, 0);

    if (fd == -ST_ENOENT) {
        int r = os_mkdirat(engine->data_fd, "volumes", 0711);
        if (r < 0 && r != -ST_EEXIST) {
            return st_fail_os(err, r, "making the folder of volumes");
        }
        fd = os_openat(engine->data_fd, "volumes", O_RDONLY | O_DIRECTORY, 0);
    }
    return fd < 0 ? st_fail_os(err, fd, "opening the folder of volumes") : fd;
}

static void sweep(int volumes)
{
    st_auto(os_dir) struct os_dir *dir = NULL;
    const char *name;
    unsigned char type;

    if (os_dir_open(volumes, ".", &dir) < 0) {
        return;
    }
    while (os_dir_next(dir, &name, &type) > 0) {
        if (st_starts_with(name, ENGINE_NEW_PREFIX) || st_starts_with(name, ENGINE_DEL_PREFIX)) {
            (void)os_remove_tree(volumes, name);
        }
    }
}

/* As open_volumes, locked: closing it unlocks. */
static int lock_volumes(const struct engine *engine, struct st_err *err)
{
    st_auto(fd) int fd = open_volumes(engine, err);
    int r = fd < 0 ? fd : os_flock(fd, LOCK_EX);

    if (fd >= 0 && r < 0) {
        return st_fail_os(err, r, "locking the folder of volumes");
    }
    if (r < 0) {
        return r;
    }
    sweep(fd);
    return os_take_fd(fd);
}

/* ---- one volume ---- */

void engine_volume_done(struct engine_volume *volume)
{
    free(volume->name);
    free(volume->path);
    json_doc_free(volume->memory);
    *volume = (struct engine_volume){0};
}

static int read_volume(const struct engine *engine, int volumes, const char *name,
                       struct engine_volume *ret_volume, struct st_err *err)
{
    static const struct json_limits limits = {RECORD_MAX, 8};
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(RECORD_MAX);
    st_auto(buf) struct st_buf path = ST_BUF_HEAP(8192);
    char file[NAME_SIZE + 8];
    struct json_doc *doc = NULL;
    void *memory = NULL;

    st_snprintf(file, sizeof(file), "%s/volume", name);
    int r = os_read_file(volumes, file, &text);
    if (r == -ST_ENOENT || r == -ST_ENOTDIR) {
        return st_fail(err, ST_ENOTFOUND, "no such volume: %s", name);
    }
    r = r < 0 ? st_fail_os(err, r, "reading the volume %s", name)
              : json_bind_parse(&record_table, st_buf_string(&text), text.length, &limits, &memory,
                                &doc, err);
    if (r < 0) {
        return st_wrap(err, r, "volume %s", name);
    }
    const struct record *record = memory;
    if (record->version != 1) {
        json_doc_free(doc);
        return st_fail(err, ST_EVERSION, "the volume %s is of another version of strata", name);
    }
    st_buf_printf(&path, "%s/volumes/%s/_data", engine->data, name);
    struct engine_volume volume = {
        .name = strdup(name),
        .path = st_buf_steal(&path),
        .created_ns = record->created_ns,
        .anonymous = record->anonymous,
        .labels = record->labels,
        .labels_count = record->labels_count,
        .options = record->options,
        .options_count = record->options_count,
        .memory = doc,
    };
    if (volume.name == NULL || volume.path == NULL) {
        engine_volume_done(&volume);
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    *ret_volume = volume;
    return 0;
}

static int write_volume(int volumes, const char *name, const struct record *record)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(RECORD_MAX);
    struct json_writer w = {.to = &text};
    char making[NAME_SIZE + 8];
    bool durable = !record->anonymous; /* nobody was promised a volume without a name */

    json_bind_write(&record_table, record, &w);
    int r = st_buf_char(&text, '\n');
    st_snprintf(making, sizeof(making), ENGINE_NEW_PREFIX "%s", name);
    r = r < 0 ? r : os_mkdirat(volumes, making, 0701);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int folder = os_openat(volumes, making, O_RDONLY | O_DIRECTORY, 0);
    r = folder < 0 ? folder : os_mkdirat(folder, "_data", 0755);
    /* mkdir obeys the caller's umask, which says nothing about volumes. */
    r = r < 0 ? r : os_fchmodat(folder, "_data", 0755);
    r = r < 0 ? r : os_fchmod(folder, 0701);
    r = r < 0 ? r : os_replace_file(folder, "volume", text.data, text.length, 0600, durable);
    r = r < 0 ? r : os_renameat2(volumes, making, volumes, name, 0);
    r = r < 0 || !durable ? r : os_fsync(volumes);
    if (r < 0) {
        (void)os_remove_tree(volumes, making);
    }
    return r;
}

static int make_name(char ret_name[ENGINE_ID_LENGTH + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char random[ENGINE_ID_LENGTH / 2];
    int r = os_random(random, sizeof(random));

    for (size_t i = 0; i < sizeof(random); i++) {
        ret_name[2 * i] = digits[random[i] >> 4];
        ret_name[2 * i + 1] = digits[random[i] & 15];
    }
    ret_name[ENGINE_ID_LENGTH] = '\0';
    return r;
}

/* Makes the volume if there is none of that name. */
static int ensure(struct engine *engine, const char *name, const struct record *record,
                  struct engine_volume *ret_volume, struct st_err *err)
{
    struct st_err missing = {0};
    st_auto(fd) int volumes = lock_volumes(engine, err);

    if (volumes < 0) {
        return volumes;
    }
    int r = read_volume(engine, volumes, name, ret_volume, &missing);
    if (r != -ST_ENOTFOUND) {
        return r < 0 ? st_fail(err, missing.code, "%s", missing.msg) : r;
    }
    r = write_volume(volumes, name, record);
    return r < 0 ? st_fail_os(err, r, "making the volume %s", name)
                 : read_volume(engine, volumes, name, ret_volume, err);
}

int engine_volume_create(struct engine *engine, const char *name, const struct json_pair *labels,
                         size_t labels_count, const struct json_pair *options, size_t options_count,
                         struct engine_volume *ret_volume, struct st_err *err)
{
    char made_up[ENGINE_ID_LENGTH + 1];
    struct record record = {
        .version = 1,
        .created_ns = (int64_t)os_realtime_ns(),
        .anonymous = name == NULL,
        .labels = (struct json_pair *)labels,
        .labels_count = labels_count,
    };

    if (options_count > 0) {
        return st_fail(err, ST_EUNSUPPORTED, "the option %s of a volume is not supported",
                       options[0].key);
    }
    int r = name == NULL ? make_name(made_up) : check_name(name, err);
    if (r < 0) {
        return name == NULL ? st_fail_os(err, r, "making up a name") : r;
    }
    return ensure(engine, name == NULL ? made_up : name, &record, ret_volume, err);
}

int engine_volume_find(struct engine *engine, const char *name, struct engine_volume *ret_volume,
                       struct st_err *err)
{
    st_auto(fd) int volumes = -1;

    if (!is_volume_name(name)) {
        return st_fail(err, ST_ENOTFOUND, "no such volume: %s", name);
    }
    volumes = open_volumes(engine, err);
    return volumes < 0 ? volumes : read_volume(engine, volumes, name, ret_volume, err);
}

/* ---- who uses them ---- */

struct users {
    struct engine *engine;
    const char *volume; /* NULL: gather all names */
    char **names;
    size_t count;
    char user[ENGINE_ID_LENGTH + 1]; /* of one that uses `volume` */
};

static int gather(struct users *users, const char *name)
{
    char **grown = realloc(users->names, (users->count + 1) * sizeof(*grown));

    if (grown == NULL) {
        return -ST_ENOMEM;
    }
    users->names = grown;
    users->names[users->count] = strdup(name);
    return users->names[users->count] == NULL ? -ST_ENOMEM : (users->count++, 0);
}

static int visit_user(void *data, const char *id)
{
    struct users *users = data;
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    int r = engine_home_open(users->engine, id, &instance, NULL);

    if (r < 0) { /* One whose config cannot be read may use any. */
        return r == -ST_ENOTFOUND ? 0 : r;
    }
    for (size_t i = 0; r >= 0 && i < instance->config->mounts_count; i++) {
        const struct engine_mount *mount = &instance->config->mounts[i];
        if (!st_streq(mount->type, "volume") || mount->source == NULL) {
            continue;
        }
        if (users->volume == NULL) {
            r = gather(users, mount->source);
        } else if (st_streq(mount->source, users->volume)) {
            st_strcopy(users->user, sizeof(users->user), id);
        }
    }
    return r;
}

static int find_users(struct engine *engine, const char *volume, struct users *users,
                      struct st_err *err)
{
    *users = (struct users){.engine = engine, .volume = volume};
    int r = engine_home_each(engine, visit_user, users);
    return r < 0 ? st_fail_os(err, r, "looking for the users of volumes") : 0;
}

static void users_done(struct users *users)
{
    for (size_t i = 0; i < users->count; i++) {
        free(users->names[i]);
    }
    free(users->names);
}

static bool is_used(const struct users *users, const char *name)
{
    for (size_t i = 0; i < users->count; i++) {
        if (st_streq(users->names[i], name)) {
            return true;
        }
    }
    return false;
}

/* ---- many ---- */

void engine_volumes_free(struct engine_volume *volumes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        engine_volume_done(&volumes[i]);
    }
    free(volumes);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct engine_volume *)a)->name, ((const struct engine_volume *)b)->name);
}

/* Adds the volume of that name to the list; one that cannot be read is left out, and why. */
static int add(struct engine *engine, int fd, const char *name, struct engine_volume **list,
               size_t *count, struct st_err *left_out, struct st_err *err)
{
    struct engine_volume volume;
    struct st_err problem = {0};
    struct engine_volume *grown = realloc(*list, (*count + 1) * sizeof(**list));

    if (grown == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    *list = grown;
    int r = read_volume(engine, fd, name, &volume, &problem);
    if (r == 0) {
        (*list)[(*count)++] = volume;
    } else if (r != -ST_ENOTFOUND && left_out != NULL) {
        *left_out = problem;
    }
    return 0;
}

int engine_volume_list(struct engine *engine, int dangling, struct engine_volume **ret_volumes,
                       size_t *ret_count, struct st_err *left_out, struct st_err *err)
{
    st_auto(os_dir) struct os_dir *dir = NULL;
    struct engine_volume *list = NULL;
    struct users users = {0};
    size_t count = 0;
    const char *name;
    unsigned char type;
    st_auto(fd) int fd = open_volumes(engine, err);
    int r = fd < 0 ? fd : os_dir_open(fd, ".", &dir);

    r = r < 0 || dangling < 0 ? r : find_users(engine, NULL, &users, err);
    while (r >= 0 && (r = os_dir_next(dir, &name, &type)) > 0) {
        if (is_volume_name(name) && (dangling < 0 || is_used(&users, name) == (dangling == 0))) {
            r = add(engine, fd, name, &list, &count, left_out, err);
        }
    }
    users_done(&users);
    if (r < 0) {
        engine_volumes_free(list, count);
        return r;
    }
    if (count > 0) {
        qsort(list, count, sizeof(*list), compare);
    }
    *ret_volumes = list;
    *ret_count = count;
    return 0;
}

/* ---- removing ---- */

static int drop(int volumes, const char *name)
{
    char dying[NAME_SIZE + 8];

    st_snprintf(dying, sizeof(dying), ENGINE_DEL_PREFIX "%s", name);
    int r = os_renameat2(volumes, name, volumes, dying, 0);
    return r < 0 ? r : os_remove_tree(volumes, dying);
}

int engine_volume_remove(struct engine *engine, const char *name, bool force, struct st_err *err)
{
    struct engine_volume volume;
    struct users users;
    int r = engine_volume_find(engine, name, &volume, err);

    if (r < 0) {
        return r == -ST_ENOTFOUND && force ? 0 : r;
    }
    engine_volume_done(&volume);
    st_auto(fd) int volumes = lock_volumes(engine, err);
    r = volumes < 0 ? volumes : find_users(engine, name, &users, err);
    if (r < 0) {
        return r;
    }
    if (users.user[0] != '\0') {
        return st_fail(err, ST_EBUSY, "volume is in use: %s is used by %s", name, users.user);
    }
    r = drop(volumes, name);
    return r < 0 && r != -ST_ENOENT ? st_fail_os(err, r, "removing the volume %s", name) : 0;
}

int engine_volume_prune(struct engine *engine, bool all, struct st_buf *removed,
                        int64_t *ret_freed_bytes, struct st_err *err)
{
    struct engine_volume *list = NULL;
    size_t count = 0;
    int64_t freed = 0;
    st_auto(fd) int volumes = lock_volumes(engine, err);
    int r = volumes < 0 ? volumes : engine_volume_list(engine, 1, &list, &count, NULL, err);

    for (size_t i = 0; r >= 0 && i < count; i++) {
        if (!all && !list[i].anonymous) {
            continue;
        }
        char data[NAME_SIZE + 8];
        st_snprintf(data, sizeof(data), "%s/_data", list[i].name);
        int64_t bytes = engine_tree_bytes(volumes, data, 0);
        r = drop(volumes, list[i].name);
        if (r < 0) {
            st_fail_os(err, r, "removing the volume %s", list[i].name);
        } else {
            freed += bytes;
            st_buf_printf(removed, "%s\n", list[i].name);
        }
    }
    engine_volumes_free(list, count);
    if (r >= 0) {
        *ret_freed_bytes = freed;
    }
    return r;
}

/* ---- for instances ---- */

int engine_volume_prepare(struct engine *engine, const struct engine_config *config,
                          struct json_doc *arena, struct st_err *err)
{
    for (size_t i = 0; i < config->mounts_count; i++) {
        struct engine_mount *mount = &config->mounts[i];
        struct engine_volume volume;

        if (!st_streq(mount->type, "volume")) {
            continue;
        }
        int r = engine_volume_create(engine, mount->source, NULL, 0, NULL, 0, &volume, err);
        if (r < 0) {
            return r;
        }
        if (mount->source == NULL) {
            mount->anonymous = true;
            mount->source = json_doc_copy(arena, volume.name);
        }
        engine_volume_done(&volume);
        if (mount->source == NULL) {
            return st_fail(err, ST_ENOMEM, "out of memory");
        }
    }
    return 0;
}

void engine_volume_drop(struct engine *engine, const struct engine_config *config)
{
    for (size_t i = 0; i < config->mounts_count; i++) {
        const struct engine_mount *mount = &config->mounts[i];

        if (st_streq(mount->type, "volume") && mount->anonymous && mount->source != NULL) {
            struct st_err ignored = {0};
            (void)engine_volume_remove(engine, mount->source, true, &ignored);
        }
    }
}

/* ---- showing ---- */

static void write_pairs(struct json_writer *w, const char *key, const struct json_pair *pairs,
                        size_t count)
{
    json_write_key(w, key);
    if (count == 0) {
        json_write_null(w);
        return;
    }
    json_write_object(w);
    for (size_t i = 0; i < count; i++) {
        json_write_key_string(w, pairs[i].key, pairs[i].value);
    }
    json_write_end(w);
}

int engine_volume_inspect(const struct engine_volume *volume, struct st_buf *to)
{
    struct json_writer w = {.to = to};
    char created[OS_TIME_TEXT];

    os_time_rfc3339((uint64_t)volume->created_ns, created);
    json_write_object(&w);
    json_write_key_string(&w, "CreatedAt", created);
    json_write_key_string(&w, "Driver", "local");
    write_pairs(&w, "Labels", volume->labels, volume->labels_count);
    json_write_key_string(&w, "Mountpoint", volume->path);
    json_write_key_string(&w, "Name", volume->name);
    write_pairs(&w, "Options", volume->options, volume->options_count);
    json_write_key_string(&w, "Scope", "local");
    json_write_end(&w);
    return st_buf_status(to);
}
