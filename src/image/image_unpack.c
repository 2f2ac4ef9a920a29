/* Unpacking a layer: see image_unpack.h. */
#include "image/image_unpack.h"

#include <stdlib.h>

#include "image/image_entry.h"

struct image_unpack {
    const struct image_form *form;
    void *state;
    struct image_unpack_limits limits;
    struct fmt_tar tar;
    bool skips; /* the entry means nothing */
    uint64_t bytes;
    uint64_t data_bytes;
    char path[IMAGE_PATH_SIZE];
    char link[IMAGE_PATH_SIZE];
};

int image_unpack_new(const struct image_form *form, int layer_fd,
                     const struct image_unpack_limits *limits, struct image_unpack **ret_unpack,
                     struct st_err *err)
{
    struct image_unpack *unpack = calloc(1, sizeof(*unpack));
    if (unpack == NULL) {
        return st_fail_os(err, -ST_ENOMEM, "unpacking a layer");
    }
    unpack->form = form;
    unpack->limits = *limits;
    fmt_tar_init(&unpack->tar, realloc, free);
    int r = form->begin(layer_fd, &unpack->state, err);
    if (r < 0) {
        image_unpack_free(unpack);
        return r;
    }
    *ret_unpack = unpack;
    return 0;
}

struct image_unpack *image_unpack_free(struct image_unpack *unpack)
{
    if (unpack != NULL) {
        unpack->form->free(unpack->state);
        fmt_tar_done(&unpack->tar);
        free(unpack);
    }
    return NULL;
}

static int take_entry(struct image_unpack *unpack, struct st_err *err)
{
    struct image_entry entry;
    const struct fmt_tar_entry *tar = &unpack->tar.entry;
    if (unpack->tar.entries > unpack->limits.max_entries) {
        return st_fail(err, ST_ELIMIT, "the layer has more than %llu entries",
                       (unsigned long long)unpack->limits.max_entries);
    }
    int r = image_entry_read(tar, unpack->path, unpack->link, &entry, err);
    unpack->skips = r <= 0;
    if (r <= 0) {
        return r;
    }
    if (entry.kind == IMAGE_ENTRY_NODE && tar->type == FMT_TAR_FILE) {
        if (!tar->sparse && tar->size > unpack->limits.max_bytes - unpack->data_bytes) {
            return st_fail(err, ST_ELIMIT,
                           "layer entry \"%s\" of %llu bytes: the layer would grow beyond %llu "
                           "bytes, which is what the disk has free or the limit that was given",
                           unpack->path, (unsigned long long)tar->size,
                           (unsigned long long)unpack->limits.max_bytes);
        }
        unpack->bytes += tar->size;
    } else if (tar->type == FMT_TAR_FILE) {
        unpack->skips = true; /* of a whiteout, nothing but its name counts */
        return unpack->form->add(unpack->state, &entry, err);
    }
    return unpack->form->add(unpack->state, &entry, err);
}

static int take_data(struct image_unpack *unpack, struct st_err *err)
{
    const struct fmt_tar *tar = &unpack->tar;
    if (unpack->skips) {
        return 0;
    }
    unpack->data_bytes += tar->data.size;
    if (unpack->data_bytes > unpack->limits.max_bytes) {
        return st_fail(err, ST_ELIMIT, "the layer has more than %llu bytes",
                       (unsigned long long)unpack->limits.max_bytes);
    }
    return unpack->form->data(unpack->state, tar->data.bytes, tar->data.size, tar->data.offset,
                              err);
}

int image_unpack_feed(struct image_unpack *unpack, const uint8_t *bytes, size_t size,
                      struct st_err *err)
{
    for (;;) {
        size_t used = 0;
        int event = fmt_tar_feed(&unpack->tar, bytes, size, &used, err);
        bytes += used;
        size -= used;
        int r = 0;
        switch (event) {
        case FMT_TAR_ENTRY:
            r = take_entry(unpack, err);
            break;
        case FMT_TAR_DATA:
            r = take_data(unpack, err);
            break;
        case FMT_TAR_ENTRY_END:
            r = unpack->skips ? 0 : unpack->form->end(unpack->state, err);
            break;
        default: /* more is needed, the end has come, or an error */
            return event < 0 ? event : 0;
        }
        if (r < 0) {
            return r;
        }
    }
}

int image_unpack_finish(struct image_unpack *unpack, uint64_t *ret_bytes, uint64_t *ret_entries,
                        struct st_err *err)
{
    int r = fmt_tar_finish(&unpack->tar, err);
    if (r == 0) {
        r = unpack->form->finish(unpack->state, err);
    }
    if (r < 0) {
        return r;
    }
    *ret_bytes = unpack->bytes;
    *ret_entries = unpack->tar.entries;
    return 0;
}
