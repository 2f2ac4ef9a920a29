/* A layer's record, `layer.json` in its folder (docs/state.md): what form it has and how large it
 * is. Private to the module. */
#pragma once

#include <stdint.h>

#include "base/err.h"

struct image_record {
    const char *form; /* an image_form's name; static */
    uint64_t bytes;   /* of its files */
    uint64_t entries;
};

int image_record_write(const struct image_record *record, const char *diff_id, int layer_fd,
                       struct st_err *err);

/* Reads layers/HEX/layer.json. -ST_ENOTFOUND: there is no such layer; -ST_EVERSION. */
int image_record_read(int layers_fd, const char *diff_id, struct image_record *ret_record,
                      struct st_err *err);
