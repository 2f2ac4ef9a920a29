/*
 * What a load or an import is going to do: which layers to make, which images they are for. First
 * the plan is drawn up, then the layers are made in a work folder, then all of it is put in place
 * at once. Private to the module.
 */
#pragma once

#include "image/image_layer.h"
#include "image/image_store_priv.h"

struct image_planned_layer {
    struct image_range range; /* of the source, unless read says otherwise */
    image_read_fn *read;      /* NULL: image_range_read of range */
    void *read_context;
    uint64_t size;               /* of the blob, as it was claimed */
    char *label;                 /* for messages */
    char digest[IMAGE_ID_SIZE];  /* wanted, or "" for any; the one found once it is made */
    char diff_id[IMAGE_ID_SIZE]; /* the same */
    bool present;                /* is in the store already */
    char name[24];               /* in the work folder */
    char blob_name[24];
    enum image_compression compression;
    uint64_t blob_bytes;
    uint64_t file_bytes;
};

struct image_planned {
    struct st_buf config;
    struct st_buf manifest; /* empty: made from the layers */
    char id[IMAGE_ID_SIZE]; /* filled in when it is put in place */
    char manifest_digest[IMAGE_ID_SIZE];
    int64_t created_s;
    size_t layer_count;
    size_t *layers; /* positions in the plan, lowest first */
    size_t name_count;
    char **names; /* full */
};

struct image_plan {
    struct image_store *store;
    struct image_limits limits;
    struct store_work work;
    size_t layer_count;
    struct image_planned_layer *layers;
    size_t image_count;
    struct image_planned *images;
};

/* Begins a plan, with its work folder; until the plan is done nothing is removed from the store. */
int image_plan_begin(struct image_store *store, const struct image_limits *limits,
                     struct image_plan *ret_plan, struct st_err *err);
void image_plan_done(struct image_plan *plan);

/* Adds an image without layers and names; the pointer is valid until the next one is added. */
int image_plan_image(struct image_plan *plan, struct image_planned **ret_image, struct st_err *err);

/* Adds a layer to the image, on top; one that the plan or the store has already is not made again.
 * `layer` is copied, with its label. */
int image_plan_layer(struct image_plan *plan, struct image_planned *image,
                     const struct image_planned_layer *layer, struct st_err *err);

/* Gives the image a full name, which is copied. */
int image_plan_name(struct image_planned *image, const char *full, struct st_err *err);

/* Makes the layers. */
int image_plan_make(struct image_plan *plan, struct st_err *err);

/* Puts everything in place, durably, and reports what was loaded. */
int image_plan_commit(struct image_plan *plan, image_report_fn *report, void *context,
                      struct st_err *err);
