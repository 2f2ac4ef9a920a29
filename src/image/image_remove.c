/* Tags and removals, with docker's rules of what is in the way of what. */
#include "image/image_store_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "store/store_digest.h"

int image_tag(struct image_store *store, const char *reference, const char *name,
              struct st_err *err)
{
    st_auto(image_index) struct image_index index = {0};
    st_auto(image_lock) struct image_lock lock = {.fd = -1};
    st_auto(free) char *full = NULL;
    size_t at;
    bool by_id;
    int r = image_name_full(name, &full, err);
    if (r < 0 || (r = image_lock_take(store, LOCK_EX, &lock, err)) < 0 ||
        (r = image_index_read(store, &index, err)) < 0 ||
        (r = image_index_find(&index, reference, &at, &by_id, err)) < 0) {
        return r;
    }
    struct image_name entry = index.names[at];
    entry.full = full;
    r = image_index_add(&index, &entry);
    return r < 0 ? st_fail_os(err, r, "tagging %s", reference)
                 : image_index_write(store, &index, err);
}

/* ---- Removal ------------------------------------------------------------------------------- */

struct removal {
    struct image_store *store;
    struct image_index index;
    struct store_work work;
    image_report_fn *report;
    void *context;
    const char *untagged; /* how a line begins */
    const char *deleted;
};

static void report(const struct removal *removal, const char *what, const char *which)
{
    char line[1200];
    if (removal->report != NULL) {
        st_snprintf(line, sizeof(line), "%s: %s", what, which);
        removal->report(removal->context, line);
    }
}

static void report_untagged(const struct removal *removal, const char *full)
{
    st_auto(free) char *brief = image_name_short(full);
    report(removal, removal->untagged, brief == NULL ? full : brief);
}

/* Chain IDs (image-spec, config.md) name a layer together with those below it. `chain` holds that
 * of the layers below, or "" for the lowest. */
static int next_chain(char chain[STORE_DIGEST_SIZE], const char *diff_id)
{
    char text[2 * STORE_DIGEST_SIZE];
    if (chain[0] == '\0') {
        st_strcopy(chain, STORE_DIGEST_SIZE, diff_id);
        return 0;
    }
    size_t length = st_snprintf(text, sizeof(text), "%s %s", chain, diff_id);
    return store_digest_of(text, length, chain);
}

/* How many of the image's layers, from the lowest, another image of the index has as well. */
static size_t shared_layers(const struct removal *removal, const struct spec_image_config *config)
{
    size_t shared = 0;
    for (size_t i = 0; i < removal->index.count; i++) {
        struct spec_image_config *other = NULL;
        if (image_read_config(removal->store, removal->index.names[i].id, &other, NULL) < 0) {
            continue;
        }
        size_t same = 0;
        while (same < config->rootfs.diff_ids_count && same < other->rootfs.diff_ids_count &&
               st_streq(config->rootfs.diff_ids[same], other->rootfs.diff_ids[same])) {
            same++;
        }
        shared = ST_MAX(shared, same);
        spec_image_config_free(other);
    }
    return shared;
}

/* The entries of the image have left the index. */
static void report_deleted(const struct removal *removal, const char *id)
{
    struct spec_image_config *config = NULL;
    report(removal, removal->deleted, id);
    if (removal->report == NULL || image_read_config(removal->store, id, &config, NULL) < 0) {
        return;
    }
    size_t count = config->rootfs.diff_ids_count;
    size_t shared = shared_layers(removal, config);
    st_auto(free) char(*chains)[STORE_DIGEST_SIZE] = calloc(count + 1, sizeof(*chains));
    char chain[STORE_DIGEST_SIZE] = "";
    for (size_t i = 0; chains != NULL && i < count; i++) {
        if (next_chain(chain, config->rootfs.diff_ids[i]) < 0) {
            break;
        }
        st_strcopy(chains[i], sizeof(chains[i]), chain);
    }
    for (size_t i = count; chains != NULL && i-- > shared;) {
        report(removal, removal->deleted, chains[i]);
    }
    spec_image_config_free(config);
}

/* Takes all entries of an image out of the index; one in use stays as an orphan. */
static int drop_image(struct removal *removal, const char *id, bool in_use)
{
    bool kept = false;
    char copy[IMAGE_ID_SIZE];
    st_strcopy(copy, sizeof(copy), id);
    for (size_t i = removal->index.count; i-- > 0;) {
        struct image_name *name = &removal->index.names[i];
        if (!st_streq(name->id, copy)) {
            continue;
        }
        if (name->full != NULL) {
            report_untagged(removal, name->full);
        }
        if (in_use && !kept) {
            name->full = NULL;
            name->orphan = true;
            kept = true;
        } else {
            image_index_drop(&removal->index, i);
        }
    }
    if (!in_use) {
        report_deleted(removal, copy);
    }
    return 0;
}

static int in_the_way(struct st_err *err, const char *reference, const char *id, bool by_id,
                      const char *instance)
{
    if (by_id) {
        return st_fail(err, ST_ECONFLICT,
                       "conflict: unable to delete %.12s (must be forced) - image is being used by "
                       "container %.12s",
                       store_digest_hex(id), instance);
    }
    return st_fail(err, ST_ECONFLICT,
                   "conflict: unable to remove repository reference \"%s\" (must force) - "
                   "container %.12s is using its referenced image %.12s",
                   reference, instance, store_digest_hex(id));
}

static int remove_found(struct removal *removal, const char *reference, size_t at, bool by_id,
                        bool force, struct st_err *err)
{
    const struct image_name found = removal->index.names[at];
    size_t names = image_index_count(&removal->index, found.id);
    if (!by_id && names > 1) {
        report_untagged(removal, found.full);
        image_index_drop(&removal->index, at);
        return 0;
    }
    if (by_id && names > 1 && !force) {
        return st_fail(err, ST_ECONFLICT,
                       "conflict: unable to delete %.12s (must be forced) - image is referenced in "
                       "multiple repositories",
                       store_digest_hex(found.id));
    }
    st_auto(free) char *instance = NULL;
    int r = image_first_use(removal->store, found.id, &instance, err);
    if (r == 0 && instance != NULL && !force) {
        r = in_the_way(err, reference, found.id, by_id, instance);
    }
    return r < 0 ? r : drop_image(removal, found.id, instance != NULL);
}

/* Marks, writes the index and collects; see image_store.c. */
static int commit(struct removal *removal, uint64_t *freed_bytes, struct st_err *err)
{
    bool done = false;
    int r = store_work_mark(&removal->work, err);
    if (r == 0) {
        r = image_index_write(removal->store, &removal->index, err);
    }
    if (r == 0) {
        r = image_collect(removal->store, &removal->work, &done, freed_bytes, err);
    }
    if (!done) {
        os_close(&removal->work.fd); /* stays marked for a later sweep */
    }
    return r;
}

static int begin(struct removal *removal, struct image_lock *lock, struct st_err *err)
{
    int r = store_work_begin(removal->store->work_fd, &removal->work, err);
    if (r < 0 || (r = image_lock_take(removal->store, LOCK_EX, lock, err)) < 0) {
        return r;
    }
    return image_index_read(removal->store, &removal->index, err);
}

static void end(struct removal *removal)
{
    store_work_end(&removal->work);
    image_index_done(&removal->index);
}

int image_remove(struct image_store *store, const char *reference, bool force,
                 image_report_fn *report_line, void *context, struct st_err *err)
{
    struct removal removal = {
        .store = store,
        .work = STORE_WORK_NONE,
        .report = report_line,
        .context = context,
        .untagged = "Untagged",
        .deleted = "Deleted",
    };
    st_auto(image_lock) struct image_lock lock = {.fd = -1};
    size_t at;
    bool by_id;
    uint64_t freed = 0;
    int r = begin(&removal, &lock, err);
    if (r == 0) {
        r = image_index_find(&removal.index, reference, &at, &by_id, err);
    }
    if (r == 0) {
        r = remove_found(&removal, reference, at, by_id, force, err);
    }
    if (r == 0) {
        r = commit(&removal, &freed, err);
    }
    end(&removal);
    return r;
}

int image_prune(struct image_store *store, bool all, image_report_fn *report_line, void *context,
                uint64_t *ret_freed_bytes, struct st_err *err)
{
    struct removal removal = {
        .store = store,
        .work = STORE_WORK_NONE,
        .report = report_line,
        .context = context,
        .untagged = "untagged",
        .deleted = "deleted",
    };
    st_auto(image_lock) struct image_lock lock = {.fd = -1};
    uint64_t freed = 0;
    int r = begin(&removal, &lock, err);
    for (size_t i = 0; r == 0 && i < removal.index.count;) {
        const struct image_name *name = &removal.index.names[i];
        st_auto(free) char *instance = NULL;
        if (name->orphan || (name->full != NULL && !all)) {
            i++;
            continue;
        }
        r = image_first_use(store, name->id, &instance, err);
        if (r == 0 && instance == NULL) {
            r = drop_image(&removal, name->id, false);
            i = 0; /* several entries may be gone */
        } else {
            i++;
        }
    }
    if (r == 0) {
        r = commit(&removal, &freed, err);
    }
    end(&removal);
    if (r == 0) {
        *ret_freed_bytes = freed;
    }
    return r;
}
