/*
 * The list of instances, and docker's filters over it: those of one key are alternatives (labels
 * all must fit), those of different keys all must fit.
 */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_priv.h"
#include "os/os_dir.h"

enum { DEPTH_MAX = 200 };

struct walk {
    struct engine *engine;
    const struct engine_list_options *options;
    struct engine_list found;
    size_t capacity;
    bool all;
    int64_t before_ns; /* of the filters before and since; 0: none */
    int64_t since_ns;
    struct st_err *err;
};

/* ---- filters ---- */

typedef bool fits_fn(struct walk *walk, const struct engine_item *item, const char *value);

static const struct engine_config *config_of(const struct engine_item *item)
{
    return engine_instance_config(item->instance);
}

static bool fits_id(struct walk *walk, const struct engine_item *item, const char *value)
{
    (void)walk;
    return strstr(config_of(item)->id, value) != NULL;
}

/* A regular expression, over the name with and without docker's slash before it. */
static bool fits_name(struct walk *walk, const struct engine_item *item, const char *value)
{
    const char *name = config_of(item)->name;
    char slashed[256];
    regex_t expression;

    (void)walk;
    if (regcomp(&expression, value, REG_EXTENDED | REG_NOSUB) != 0) {
        return strstr(name, value) != NULL;
    }
    st_snprintf(slashed, sizeof(slashed), "/%s", name);
    bool fits = regexec(&expression, name, 0, NULL, 0) == 0 ||
                regexec(&expression, slashed, 0, NULL, 0) == 0;
    regfree(&expression);
    return fits;
}

static bool fits_label(struct walk *walk, const struct engine_item *item, const char *value)
{
    const struct engine_config *config = config_of(item);
    size_t length = strcspn(value, "=");

    (void)walk;
    for (size_t i = 0; i < config->labels_count; i++) {
        const struct json_pair *label = &config->labels[i];
        if (strlen(label->key) == length && strncmp(label->key, value, length) == 0 &&
            (value[length] == '\0' || st_streq(label->value, value + length + 1))) {
            return true;
        }
    }
    return false;
}

static bool fits_status(struct walk *walk, const struct engine_item *item, const char *value)
{
    (void)walk;
    return st_streq(engine_status_name(item->state.status), value);
}

static bool fits_exited(struct walk *walk, const struct engine_item *item, const char *value)
{
    int64_t code;

    (void)walk;
    return item->state.status == ENGINE_EXITED &&
           st_parse_i64(value, INT32_MIN, INT32_MAX, &code) == 0 && code == item->state.exit_code;
}

static bool fits_ancestor(struct walk *walk, const struct engine_item *item, const char *value)
{
    st_auto(image) struct image *image = NULL;
    struct image_store *store;
    const struct engine_config *config = config_of(item);

    if (st_streq(config->image, value)) {
        return true;
    }
    return engine_images(walk->engine, &store, NULL) >= 0 &&
           image_find(store, value, &image, NULL) >= 0 && st_streq(image->id, config->image_id);
}

static bool fits_before(struct walk *walk, const struct engine_item *item, const char *value)
{
    (void)value;
    return config_of(item)->created_ns < walk->before_ns;
}

static bool fits_since(struct walk *walk, const struct engine_item *item, const char *value)
{
    (void)value;
    return config_of(item)->created_ns > walk->since_ns;
}

static bool fits_volume(struct walk *walk, const struct engine_item *item, const char *value)
{
    const struct engine_config *config = config_of(item);

    (void)walk;
    for (size_t i = 0; i < config->mounts_count; i++) {
        if (st_streq(config->mounts[i].source, value) ||
            st_streq(config->mounts[i].target, value)) {
            return true;
        }
    }
    return false;
}

static bool fits_network(struct walk *walk, const struct engine_item *item, const char *value)
{
    (void)walk;
    return st_streq(config_of(item)->network.mode, value);
}

/* Is PORT/PROTOCOL among "80", "80/udp" or "80-90/tcp"? */
static bool in_ports(const char *value, unsigned port, const char *protocol)
{
    char text[32];
    uint64_t first;
    uint64_t last;
    size_t length = strcspn(value, "/");
    const char *wanted = value[length] == '/' ? value + length + 1 : "tcp";

    if (length >= sizeof(text) || !st_streq(wanted, protocol)) {
        return false;
    }
    memcpy(text, value, length);
    text[length] = '\0';
    char *dash = strchr(text, '-');
    if (dash != NULL) {
        *dash = '\0';
    }
    if (st_parse_u64(text, 10, 65535, &first) < 0) {
        return false;
    }
    last = first;
    if (dash != NULL && st_parse_u64(dash + 1, 10, 65535, &last) < 0) {
        return false;
    }
    return port >= first && port <= last;
}

static bool fits_publish(struct walk *walk, const struct engine_item *item, const char *value)
{
    const struct engine_network *network = &config_of(item)->network;

    (void)walk;
    for (size_t i = 0; i < network->ports_count; i++) {
        if (in_ports(value, network->ports[i].port, network->ports[i].protocol)) {
            return true;
        }
    }
    return false;
}

static bool fits_expose(struct walk *walk, const struct engine_item *item, const char *value)
{
    const struct engine_network *network = &config_of(item)->network;

    for (size_t i = 0; i < network->exposed_count; i++) {
        char number[16];
        uint64_t port;
        size_t length = strcspn(network->exposed[i], "/");
        if (length >= sizeof(number)) {
            continue;
        }
        memcpy(number, network->exposed[i], length);
        number[length] = '\0';
        if (st_parse_u64(number, 10, 65535, &port) == 0 &&
            in_ports(value, (unsigned)port, network->exposed[i] + length + 1)) {
            return true;
        }
    }
    return fits_publish(walk, item, value);
}

static bool fits_isolation(struct walk *walk, const struct engine_item *item, const char *value)
{
    (void)walk;
    return st_streq(config_of(item)->isolation, value);
}

static const struct {
    const char *key;
    fits_fn *fits;
    bool each; /* every one given must fit */
    bool all;  /* shows those that do not run as well */
} filters[] = {
    {"ancestor", fits_ancestor, false, false},
    {"before", fits_before, true, false},
    {"exited", fits_exited, false, true},
    {"expose", fits_expose, false, false},
    {"id", fits_id, false, false},
    {"isolation", fits_isolation, false, false},
    {"label", fits_label, true, false},
    {"name", fits_name, false, false},
    {"network", fits_network, false, false},
    {"publish", fits_publish, false, false},
    {"since", fits_since, true, false},
    {"status", fits_status, false, true},
    {"volume", fits_volume, false, false},
};

static int check_value(const struct engine_filter *given, struct st_err *err)
{
    int64_t number;

    if (st_streq(given->key, "status")) {
        for (int i = ENGINE_CREATED; i <= ENGINE_DEAD; i++) {
            if (st_streq(engine_status_name((enum engine_status)i), given->value)) {
                return 0;
            }
        }
        return st_fail(err, ST_EINVAL, "invalid filter 'status=%s'", given->value);
    }
    if (st_streq(given->key, "exited") &&
        st_parse_i64(given->value, INT32_MIN, INT32_MAX, &number) < 0) {
        return st_fail(err, ST_EINVAL, "invalid filter 'exited=%s'", given->value);
    }
    return 0;
}

static int created_of(struct walk *walk, const char *ref, int64_t *ret_ns)
{
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    int r = engine_find(walk->engine, ref, &instance, walk->err);

    if (r >= 0) {
        *ret_ns = instance->config->created_ns;
    }
    return r;
}

/* Checks the filters and looks up what they refer to. */
static int prepare(struct walk *walk)
{
    const struct engine_list_options *options = walk->options;

    walk->all = options->all || options->last > 0;
    for (size_t i = 0; i < options->filters_count; i++) {
        const struct engine_filter *given = &options->filters[i];
        size_t known = 0;
        while (known < ST_COUNT(filters) && !st_streq(filters[known].key, given->key)) {
            known++;
        }
        if (known == ST_COUNT(filters)) {
            return st_fail(walk->err, ST_EINVAL, "invalid filter '%s'", given->key);
        }
        walk->all = walk->all || filters[known].all;
        int r = check_value(given, walk->err);
        if (r >= 0 && filters[known].fits == fits_before) {
            r = created_of(walk, given->value, &walk->before_ns);
        } else if (r >= 0 && filters[known].fits == fits_since) {
            r = created_of(walk, given->value, &walk->since_ns);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static bool fits(struct walk *walk, const struct engine_item *item)
{
    const struct engine_list_options *options = walk->options;

    if (!walk->all && item->state.status != ENGINE_RUNNING && item->state.status != ENGINE_PAUSED &&
        item->state.status != ENGINE_RESTARTING) {
        return false;
    }
    for (size_t known = 0; known < ST_COUNT(filters); known++) {
        bool any = false;
        bool given = false;
        for (size_t i = 0; i < options->filters_count; i++) {
            if (st_streq(options->filters[i].key, filters[known].key)) {
                bool one = filters[known].fits(walk, item, options->filters[i].value);
                if (!one && filters[known].each) {
                    return false;
                }
                given = true;
                any = any || one;
            }
        }
        if (given && !any) {
            return false;
        }
    }
    return true;
}

/* ---- sizes ---- */

int64_t engine_tree_bytes(int dir, const char *path, unsigned depth)
{
    st_auto(os_dir) struct os_dir *entries = NULL;
    const char *entry;
    unsigned char type;
    int64_t sum = 0;

    if (depth > DEPTH_MAX || os_dir_open(dir, path, &entries) < 0) {
        return 0;
    }
    while (os_dir_next(entries, &entry, &type) > 0) {
        struct stat status;
        if (type == DT_DIR) {
            sum += engine_tree_bytes(os_dir_fd(entries), entry, depth + 1);
        } else if (os_fstatat(os_dir_fd(entries), entry, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                   S_ISREG(status.st_mode)) {
            sum += status.st_size;
        }
    }
    return sum;
}

/* Fills the sizes in; an image that is gone counts nothing. */
static int measure(struct walk *walk)
{
    st_auto(image_list) struct image_list images = {0};
    struct image_store *store;
    int r = engine_images(walk->engine, &store, walk->err);

    r = r < 0 ? r : image_list_all(store, &images, walk->err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < walk->found.count; i++) {
        struct engine_item *item = &walk->found.items[i];
        item->size_bytes = engine_own_bytes(item->instance);
        item->virtual_bytes = item->size_bytes;
        for (size_t j = 0; j < images.count; j++) {
            if (st_streq(images.items[j].id, item->instance->config->image_id)) {
                item->virtual_bytes += (int64_t)images.items[j].size_bytes;
                break;
            }
        }
    }
    return 0;
}

/* ---- the walk ---- */

static int visit(void *data, const char *id)
{
    struct walk *walk = data;
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    struct engine_item item = {0};
    struct st_err problem = {0};
    int r = engine_home_open(walk->engine, id, &instance, &problem);

    r = r < 0 ? r : engine_state_read(instance, &item.state, &problem);
    if (r < 0) {
        if (r != -ST_ENOTFOUND) {
            walk->found.left_out = problem;
        }
        return 0;
    }
    item.instance = instance;
    if (!fits(walk, &item)) {
        return 0;
    }
    if (walk->found.count == walk->capacity) {
        size_t capacity = walk->capacity == 0 ? 16 : walk->capacity * 2;
        struct engine_item *grown = realloc(walk->found.items, capacity * sizeof(*grown));
        if (grown == NULL) {
            return -ST_ENOMEM;
        }
        walk->found.items = grown;
        walk->capacity = capacity;
    }
    item.instance = st_take(instance);
    walk->found.items[walk->found.count++] = item;
    return 0;
}

static int compare_newest(const void *a, const void *b)
{
    const struct engine_config *x = config_of(a);
    const struct engine_config *y = config_of(b);

    return x->created_ns != y->created_ns
               ? (x->created_ns < y->created_ns) - (x->created_ns > y->created_ns)
               : strcmp(x->id, y->id);
}

void engine_list_done(struct engine_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        engine_instance_free(list->items[i].instance);
    }
    free(list->items);
    *list = (struct engine_list){0};
}

int engine_list(struct engine *engine, const struct engine_list_options *options,
                struct engine_list *ret_list, struct st_err *err)
{
    struct walk walk = {.engine = engine, .options = options, .err = err};
    int r = prepare(&walk);

    if (r < 0) {
        return r;
    }
    r = engine_home_each(engine, visit, &walk);
    if (r < 0) {
        engine_list_done(&walk.found);
        return st_fail_os(err, r, "listing instances");
    }
    if (walk.found.count > 0) {
        qsort(walk.found.items, walk.found.count, sizeof(*walk.found.items), compare_newest);
    }
    while (options->last > 0 && walk.found.count > (size_t)options->last) {
        engine_instance_free(walk.found.items[--walk.found.count].instance);
    }
    r = options->size ? measure(&walk) : 0;
    if (r < 0) {
        engine_list_done(&walk.found);
        return r;
    }
    *ret_list = walk.found;
    return 0;
}
