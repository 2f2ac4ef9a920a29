/* Making an image of a tar that comes from anywhere. Private to the module. */
#pragma once

#include "image/image_layer.h"

/* As image_import_tar; an error of `read`, also one at the end, leaves no image. */
int image_import_stream(struct image_store *store, image_read_fn *read, void *context,
                        const struct image_import *import, const struct image_limits *limits,
                        char ret_id[IMAGE_ID_SIZE], struct st_err *err);
