/* `strata inspect`: everything about instances, images and volumes, as JSON. */
#include "base/str.h"
#include "image/image.h"
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
static int inspect_any(struct cli *cli, void *engine, const char *name, struct st_buf *to,
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
    int r = verb_open(cli, &engine, err);
    return r < 0 ? r : verb_inspect_each(cli, inspect_any, engine, err);
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
