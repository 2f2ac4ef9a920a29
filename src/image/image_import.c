/* Making an image of one layer from a tar. */
#include "image/image_import.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/str.h"
#include "image/image_plan.h"
#include "os/os_file.h"
#include "os/os_time.h"

static ssize_t read_fd(void *context, void *to, size_t size)
{
    const int *fd = context;
    return os_read(*fd, to, size);
}

static size_t count_of(const char *const *list)
{
    size_t count = 0;
    while (list != NULL && list[count] != NULL) {
        count++;
    }
    return count;
}

static int write_config(const struct image_import *import, const char *diff_id, struct st_buf *to)
{
    char created[OS_TIME_TEXT];
    const char *diff_ids[] = {diff_id, NULL};
    struct spec_image_run run = {
        .env = (const char **)(uintptr_t)import->env,
        .env_count = count_of(import->env),
        .cmd = (const char **)(uintptr_t)import->cmd,
        .cmd_count = count_of(import->cmd),
        .working_dir = import->working_dir,
    };
    os_time_rfc3339((uint64_t)import->created_s * 1000000000U, created);
    (void)st_strcopy(strchr(created, '.'), sizeof("Z"), "Z"); /* whole seconds */
    struct spec_image_history history = {
        .created = created,
        .created_by = import->created_by,
    };
    const struct spec_image_config config = {
        .created = created,
        .author = import->author,
        .architecture = IMAGE_ARCHITECTURE,
        .os = "linux",
        .config = &run,
        .rootfs = {.type = "layers", .diff_ids = diff_ids, .diff_ids_count = 1},
        .history = &history,
        .history_count = 1,
    };
    return spec_image_config_write(&config, 0, to);
}

int image_import_stream(struct image_store *store, image_read_fn *read, void *context,
                        const struct image_import *import, const struct image_limits *limits,
                        char ret_id[IMAGE_ID_SIZE], struct st_err *err)
{
    struct image_plan plan;
    struct image_planned *image;
    st_auto(free) char *full = NULL;
    const struct image_planned_layer layer = {
        .label = (char *)(uintptr_t) "the imported tar",
        .read = read,
        .read_context = context,
    };
    if (import->name != NULL) {
        int r = image_name_full(import->name, &full, err);
        if (r < 0) {
            return r;
        }
    }
    int r = image_plan_begin(store, limits, &plan, err);
    if (r == 0) {
        r = image_plan_image(&plan, &image, err);
    }
    if (r == 0 && full != NULL) {
        r = image_plan_name(image, full, err);
    }
    if (r == 0) {
        r = image_plan_layer(&plan, image, &layer, err);
    }
    if (r == 0) {
        r = image_plan_make(&plan, err);
    }
    if (r == 0) {
        image->created_s = import->created_s;
        r = write_config(import, plan.layers[0].diff_id, &image->config);
        r = r < 0 ? st_fail_os(err, r, "writing the image's config") : 0;
    }
    if (r == 0) {
        r = image_plan_commit(&plan, NULL, NULL, err);
    }
    if (r == 0) {
        st_strcopy(ret_id, IMAGE_ID_SIZE, image->id);
    }
    image_plan_done(&plan);
    return r;
}

int image_import_tar(struct image_store *store, int fd, const struct image_import *import,
                     const struct image_limits *limits, char ret_id[IMAGE_ID_SIZE],
                     struct st_err *err)
{
    return image_import_stream(store, read_fd, &fd, import, limits, ret_id, err);
}
