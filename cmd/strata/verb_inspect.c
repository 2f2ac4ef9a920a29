/* `strata inspect`: everything about instances, images and volumes, as JSON. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli_out.h"
#include "image/image.h"
#include "strata/rows.h"
#include "strata/verb_engine.h"
#include "strata/verbs.h"

static void st_cleanup_store(struct image_store **store)
{
    *store = image_store_free(*store);
}

static int inspect_instance(struct cli *cli, struct engine *engine, const char *name,
                            struct st_buf *to, struct st_err *err)
{
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    int r = engine_find(engine, name, &instance, err);
    return r < 0 ? r : engine_inspect(instance, cli_flag(cli, "size"), to, err);
}

static int inspect_image(struct cli *cli, struct engine *engine, const char *name,
                         struct st_buf *to, struct st_err *err)
{
    st_auto(store) struct image_store *store = NULL;
    (void)cli;
    int r = image_store_open(engine_data_path(engine), &store, err);
    return r < 0 ? r : image_inspect(store, name, to, err);
}

static int inspect_volume(struct cli *cli, struct engine *engine, const char *name,
                          struct st_buf *to, struct st_err *err)
{
    struct engine_volume volume = {0};
    (void)cli;
    int r = engine_volume_find(engine, name, &volume, err);
    if (r >= 0) {
        r = engine_volume_inspect(&volume, to);
        engine_volume_done(&volume);
    }
    return r;
}

static const struct {
    const char *type;
    int (*inspect)(struct cli *cli, struct engine *engine, const char *name, struct st_buf *to,
                   struct st_err *err);
} kinds[] = {
    {"container", inspect_instance},
    {"image", inspect_image},
    {"volume", inspect_volume},
};

/* Tries each kind of object until one has the name. */
static int inspect_any(struct cli *cli, struct engine *engine, const char *name, struct st_buf *to,
                       struct st_err *err)
{
    const char *type = cli_text(cli, "type");
    bool found_type = false;
    int r = -ST_ENOTFOUND;
    for (size_t i = 0; i < ST_COUNT(kinds); i++) {
        if (type == NULL || st_streq(type, kinds[i].type)) {
            struct st_err failure = {0};
            found_type = true;
            r = kinds[i].inspect(cli, engine, name, to, &failure);
            if (r != -ST_ENOTFOUND) {
                *err = failure;
                return r;
            }
        }
    }
    return found_type && type != NULL ? st_fail(err, ST_ENOTFOUND, "no such %s: %s", type, name)
                                      : st_fail(err, ST_ENOTFOUND, "no such object: %s", name);
}

static int verb_inspect(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    int status = 0;
    size_t count = 0;
    int r = verb_open(cli, &engine, err);
    if (r < 0) {
        return r;
    }
    struct st_buf *objects = calloc(cli->n_args, sizeof *objects);
    if (objects == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < cli->n_args; i++) {
        struct st_err failure = {0};
        objects[count] = ST_BUF_HEAP(64u << 20);
        r = inspect_any(cli, engine, cli->args[i], &objects[count], &failure);
        if (r < 0) {
            cli_print_error(cli->program->name, &failure);
            st_buf_done(&objects[count]);
            status = 1;
        } else {
            count++;
        }
    }
    r = rows_inspect(cli_text(cli, "format"), objects, count, err);
    for (size_t i = 0; i < count; i++) {
        st_buf_done(&objects[i]);
    }
    free(objects);
    return r < 0 ? r : status;
}

static const struct cli_option inspect_options[] = {
    {.name = "format",
     .letter = 'f',
     .kind = CLI_STRING,
     .value = "FORMAT",
     .help = "Show by a template such as '{{.State.Status}}', or as json on one line."},
    {.name = "size", .letter = 's', .kind = CLI_FLAG, .help = "Tell the sizes of instances too."},
    {.name = "type",
     .kind = CLI_STRING,
     .value = "TYPE",
     .choices = "container|image|volume",
     .help = "Look only among these."},
    {0},
};

static const struct cli_example inspect_examples[] = {
    {"strata inspect --format '{{.NetworkSettings.IPAddress}}' web",
     "Show the address of an instance."},
    {0},
};

const struct cli_verb strata_verb_inspect = {
    .name = "inspect",
    .summary = "Show all there is to know about instances, images or volumes, as JSON.",
    .options = {inspect_options},
    .arguments = "NAME...",
    .min = 1,
    .max = CLI_ANY,
    .complete = CLI_COMPLETE_INSTANCE,
    .examples = inspect_examples,
    .see_also = "strata-ps(1)",
    .run = verb_inspect,
};
