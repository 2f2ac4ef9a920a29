/*
 * Opening the store and keeping it clean. docs/state.md has the layout.
 *
 * How a change survives a kill at any instant: what is new grows in a work folder. To put it in
 * place, a command takes the exclusive lock, marks its work folder, renames blobs and layers,
 * syncs, replaces index.json, and removes the work folder. Killed before the mark, its work folder
 * is swept; killed after it, the mark makes the next command collect what the index does not name.
 * Removal runs the same way: mark, replace index.json, collect.
 */
#include "image/image_store_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "image/image_record.h"
#include "os/os_dir.h"
#include "os/os_file.h"
#include "store/store_digest.h"

static const char layout_text[] = "{\"imageLayoutVersion\":\"1.0.0\"}\n";

static int make_layout(const struct image_store *store, struct st_err *err)
{
    static const char *const folders[] = {"blobs/sha256", "layers", "work", "uses"};
    char text[128];
    for (size_t i = 0; i < ST_COUNT(folders); i++) {
        int r = os_make_dirs(store->fd, folders[i], 0700);
        if (r < 0) {
            return st_fail_os(err, r, "making %s/%s", store->path, folders[i]);
        }
    }
    int r = os_read_text(store->fd, "oci-layout", text, sizeof(text));
    if (r == -ST_ENOENT) {
        r = os_replace_file(store->fd, "oci-layout", layout_text, sizeof(layout_text) - 1, 0644,
                            false);
        return r < 0 ? st_fail_os(err, r, "making %s/oci-layout", store->path) : 0;
    }
    if (r < 0) {
        return st_fail_os(err, r, "reading %s/oci-layout", store->path);
    }
    if (strstr(text, "\"1.") == NULL) {
        return st_fail(err, ST_EVERSION, "%s/oci-layout: not version 1 of OCI's image layout: %s",
                       store->path, text);
    }
    return 0;
}

static int open_parts(struct image_store *store, struct st_err *err)
{
    const struct {
        const char *name;
        int *fd;
        int flags;
    } parts[] = {
        {"blobs/sha256", &store->blobs_fd, O_RDONLY | O_DIRECTORY},
        {"layers", &store->layers_fd, O_RDONLY | O_DIRECTORY},
        {"work", &store->work_fd, O_RDONLY | O_DIRECTORY},
        {"uses", &store->uses_fd, O_RDONLY | O_DIRECTORY},
        {"lock", &store->lock_fd, O_RDWR | O_CREAT},
        {"keep", &store->keep_fd, O_RDWR | O_CREAT},
    };
    for (size_t i = 0; i < ST_COUNT(parts); i++) {
        *parts[i].fd = os_openat(store->fd, parts[i].name, parts[i].flags, 0600);
        if (*parts[i].fd < 0) {
            return st_fail_os(err, *parts[i].fd, "opening %s/%s", store->path, parts[i].name);
        }
    }
    return 0;
}

static int sweep(struct image_store *store, struct st_err *err)
{
    bool marked;
    bool done;
    uint64_t freed = 0;
    st_auto(store_work) struct store_work work = STORE_WORK_NONE;
    int r = store_work_sweep(store->work_fd, &marked, &work, err);
    if (r < 0 || !marked) {
        return r;
    }
    struct image_lock lock = {.fd = -1};
    r = image_lock_take(store, LOCK_EX, &lock, err);
    if (r < 0) {
        os_close(&work.fd); /* still marked, for a later sweep */
        return r;
    }
    (void)os_unlinkat(store->fd, ".index.json.new", 0);
    r = image_collect(store, &work, &done, &freed, err);
    image_lock_drop(&lock);
    if (r < 0 || !done) {
        os_close(&work.fd);
    }
    return r;
}

int image_store_open(const char *data_dir, struct image_store **ret_store, struct st_err *err)
{
    st_auto(buf) struct st_buf path = ST_BUF_HEAP(4096);
    struct image_store *store = calloc(1, sizeof(*store));
    st_buf_printf(&path, "%s/images", data_dir);
    int r = st_buf_status(&path);
    if (store == NULL || r < 0) {
        free(store);
        return st_fail_os(err, r < 0 ? r : -ST_ENOMEM, "opening the image store");
    }
    store->fd = store->blobs_fd = store->layers_fd = store->work_fd = store->uses_fd = -1;
    store->lock_fd = store->keep_fd = -1;
    store->path = st_buf_steal(&path);
    store->fd = os_open(store->path, O_RDONLY | O_DIRECTORY, 0);
    if (store->fd == -ST_ENOENT) {
        r = os_make_dirs(AT_FDCWD, store->path, 0711);
        store->fd = r < 0 ? r : os_open(store->path, O_RDONLY | O_DIRECTORY, 0);
        if (store->fd >= 0) {
            r = os_fchmod(store->fd, 0700); /* unpacked layers have set-user-ID programs */
        }
    }
    r = store->fd < 0 ? store->fd : r;
    if (r < 0) {
        st_fail_os(err, r, "opening %s", store->path);
    } else if (os_access(store->fd, "keep", F_OK, 0) < 0 ||
               os_access(store->fd, "oci-layout", F_OK, 0) < 0) {
        r = make_layout(store, err);
    }
    if (r >= 0 && (r = open_parts(store, err)) >= 0) {
        r = sweep(store, err);
    }
    if (r < 0) {
        image_store_free(store);
        return r;
    }
    *ret_store = store;
    return 0;
}

struct image_store *image_store_free(struct image_store *store)
{
    if (store != NULL) {
        os_close(&store->fd);
        os_close(&store->blobs_fd);
        os_close(&store->layers_fd);
        os_close(&store->work_fd);
        os_close(&store->uses_fd);
        os_close(&store->lock_fd);
        os_close(&store->keep_fd);
        free(store->path);
        free(store);
    }
    return NULL;
}

int image_lock_take(const struct image_store *store, int operation, struct image_lock *ret_lock,
                    struct st_err *err)
{
    int r = os_flock(store->lock_fd, operation);
    if (r < 0) {
        return st_fail_os(err, r, "locking %s", store->path);
    }
    ret_lock->fd = store->lock_fd;
    return 0;
}

void image_lock_drop(struct image_lock *lock)
{
    if (lock->fd >= 0) {
        (void)os_flock(lock->fd, LOCK_UN);
        lock->fd = -1;
    }
}

/* ---- Collecting ---------------------------------------------------------------------------- */

struct hexes { /* the digests that something refers to, by their digits */
    size_t count;
    size_t capacity;
    char (*hex)[STORE_HEX_SIZE];
};

static int add_hex(struct hexes *set, const char *digest)
{
    if (set->count == set->capacity) {
        size_t capacity = set->capacity == 0 ? 64 : 2 * set->capacity;
        void *grown = realloc(set->hex, capacity * sizeof(*set->hex));
        if (grown == NULL) {
            return -ST_ENOMEM;
        }
        set->hex = grown;
        set->capacity = capacity;
    }
    st_strcopy(set->hex[set->count++], STORE_HEX_SIZE, store_digest_hex(digest));
    return 0;
}

static int compare_hex(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void sort_hexes(struct hexes *set)
{
    if (set->count > 0) {
        qsort(set->hex, set->count, sizeof(*set->hex), compare_hex);
    }
}

static bool has_hex(const struct hexes *set, const char *hex)
{
    return set->count > 0 &&
           bsearch(hex, set->hex, set->count, sizeof(*set->hex), compare_hex) != NULL;
}

/* Is the document damaged, or can it only not be read now? */
static bool is_damaged(int r)
{
    return r == -ST_ENOENT || r == -ST_EINVAL || r <= -ST_ECORRUPT;
}

/* What one image needs. A manifest that is damaged keeps nothing but itself. */
static int mark_image(struct image_store *store, const struct image_name *name, struct hexes *blobs,
                      struct hexes *layers, struct hexes *roots)
{
    char root[STORE_DIGEST_SIZE];
    struct spec_manifest *manifest = NULL;
    struct spec_image_config *config = NULL;
    int r = add_hex(blobs, name->manifest);
    if (r == 0) {
        r = add_hex(blobs, name->id);
    }
    if (r == 0) {
        r = image_read_manifest(store, name->manifest, &manifest, NULL);
        r = r < 0 && is_damaged(r) ? 0 : r;
    }
    for (size_t i = 0; r == 0 && manifest != NULL && i < manifest->layers_count; i++) {
        r = add_hex(blobs, manifest->layers[i].digest);
    }
    if (r == 0) {
        r = image_read_config(store, name->id, &config, NULL);
        r = r < 0 && is_damaged(r) ? 0 : r;
    }
    for (size_t i = 0; r == 0 && config != NULL && i < config->rootfs.diff_ids_count; i++) {
        r = add_hex(layers, config->rootfs.diff_ids[i]);
    }
    if (r == 0 && config != NULL) {
        r = image_root_digest(config, root);
        r = r < 0 ? r : add_hex(roots, root);
    }
    spec_manifest_free(manifest);
    spec_image_config_free(config);
    return r;
}

/* Moves entries of a folder that the set does not have into the work folder and removes them. */
static int clear_folder(struct image_store *store, int dir_fd, bool are_layers,
                        const struct hexes *set, struct store_work *work, uint64_t *freed_bytes)
{
    st_auto(os_dir) struct os_dir *dir = NULL;
    const char *name;
    int r = os_dir_open(dir_fd, ".", &dir);
    while (r >= 0 && (r = os_dir_next(dir, &name, NULL)) > 0) {
        char digest[STORE_DIGEST_SIZE];
        struct image_record record;
        struct stat st;
        if (has_hex(set, name)) {
            continue;
        }
        st_snprintf(digest, sizeof(digest), "sha256:%s", name);
        if (are_layers && store_digest_valid(digest) &&
            image_record_read(store->layers_fd, digest, &record, NULL) == 0) {
            *freed_bytes += record.bytes;
        } else if (!are_layers && os_fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
            *freed_bytes += (uint64_t)st.st_size;
        }
        r = are_layers ? os_renameat2(dir_fd, name, work->fd, "gone", 0)
                       : os_unlinkat(dir_fd, name, 0);
        if (r == 0 && are_layers) {
            r = os_remove_tree(work->fd, "gone");
        }
    }
    return r;
}

/* Disks of layers that no image has; the folder is made with the first disk. */
static int clear_roots(struct image_store *store, const struct hexes *set, struct store_work *work,
                       uint64_t *freed_bytes)
{
    st_auto(fd) int fd = os_openat(store->fd, "roots", O_RDONLY | O_DIRECTORY, 0);
    return fd == -ST_ENOENT ? 0
           : fd < 0         ? fd
                            : clear_folder(store, fd, false, set, work, freed_bytes);
}

/* Images that were removed while in use and are not any more leave the index. */
static int drop_orphans(struct image_store *store, struct image_index *index, struct st_err *err)
{
    bool changed = false;
    for (size_t i = index->count; i-- > 0;) {
        st_auto(free) char *instance = NULL;
        if (index->names[i].orphan) {
            int r = image_first_use(store, index->names[i].id, &instance, err);
            if (r < 0) {
                return r;
            }
            if (instance == NULL) {
                image_index_drop(index, i);
                changed = true;
            }
        }
    }
    return changed ? image_index_write(store, index, err) : 0;
}

int image_collect(struct image_store *store, struct store_work *work, bool *ret_done,
                  uint64_t *freed_bytes, struct st_err *err)
{
    st_auto(image_index) struct image_index index = {0};
    struct hexes blobs = {0};
    struct hexes layers = {0};
    struct hexes roots = {0};
    *ret_done = false;
    int r = os_flock(store->keep_fd, LOCK_EX | LOCK_NB);
    if (r < 0) {
        return r == -ST_EAGAIN ? 0 : st_fail_os(err, r, "locking %s", store->path);
    }
    r = image_index_read(store, &index, err);
    if (r == 0) {
        r = drop_orphans(store, &index, err);
    }
    if (r == 0) {
        for (size_t i = 0; r == 0 && i < index.count; i++) {
            r = mark_image(store, &index.names[i], &blobs, &layers, &roots);
        }
        if (r == 0) {
            sort_hexes(&blobs);
            sort_hexes(&layers);
            sort_hexes(&roots);
            r = clear_folder(store, store->blobs_fd, false, &blobs, work, freed_bytes);
        }
        if (r == 0) {
            r = clear_folder(store, store->layers_fd, true, &layers, work, freed_bytes);
        }
        if (r == 0) {
            r = clear_roots(store, &roots, work, freed_bytes);
        }
        if (r < 0) {
            st_fail_os(err, r, "removing what no image needs any more");
        }
    }
    free(blobs.hex);
    free(layers.hex);
    free(roots.hex);
    (void)os_flock(store->keep_fd, LOCK_UN);
    *ret_done = r == 0;
    return r;
}
