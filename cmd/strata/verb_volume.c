/* `strata volume`: folders that outlive instances. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli_out.h"
#include "strata/rows.h"
#include "strata/run_config_priv.h"
#include "strata/verb_engine.h"
#include "strata/verbs.h"
#include "json/json_write.h"

struct volumes {
    struct engine_volume *list;
    size_t count;
};

static void st_cleanup_volumes(struct volumes *volumes)
{
    engine_volumes_free(volumes->list, volumes->count);
}

static void st_cleanup_memory(struct json_doc **memory)
{
    *memory = json_doc_free(*memory);
}

/* ---- create ---- */

static int verb_create(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    st_auto(memory) struct json_doc *memory = json_doc_new();
    struct engine_config unused = {0};
    struct run_parse parse = {.cli = cli, .config = &unused, .memory = memory, .err = err};
    struct json_pair *labels = NULL;
    struct json_pair *options = NULL;
    size_t labels_count = 0;
    size_t options_count = 0;
    struct engine_volume volume = {0};
    const char *driver = cli_text(cli, "driver");
    const char *name = cli->n_args > 0 ? cli->args[0] : cli_text(cli, "name");
    if (memory == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory while reading the options");
    }
    if (!st_streq(driver, "local")) {
        return st_fail(err, ST_EUNSUPPORTED, "volume driver %s is not supported: local is", driver);
    }
    int r = run_pairs(&parse, "label", &labels, &labels_count);
    r = r < 0 ? r : run_pairs(&parse, "opt", &options, &options_count);
    r = r < 0 ? r : verb_open(cli, &engine, err);
    r = r < 0 ? r
              : engine_volume_create(engine, name, labels, labels_count, options, options_count,
                                     &volume, err);
    if (r < 0) {
        return r;
    }
    r = cli_printf("%s\n", volume.name);
    engine_volume_done(&volume);
    return r;
}

static const struct cli_option create_options[] = {
    {.name = "driver",
     .letter = 'd',
     .kind = CLI_STRING,
     .value = "DRIVER",
     .fallback = "local",
     .help = "Driver of the volume: local."},
    {.name = "label",
     .letter = 'l',
     .kind = CLI_LIST,
     .value = "NAME[=VALUE]",
     .help = "Attach a label."},
    {.name = "opt",
     .letter = 'o',
     .kind = CLI_LIST,
     .value = "NAME=VALUE",
     .help = "Option of the driver."},
    {.name = "name", .kind = CLI_STRING, .value = "NAME"},
    {.name = "availability", .kind = CLI_UNSUPPORTED},
    {.name = "group", .kind = CLI_UNSUPPORTED},
    {.name = "limit-bytes", .kind = CLI_UNSUPPORTED},
    {.name = "required-bytes", .kind = CLI_UNSUPPORTED},
    {.name = "scope", .kind = CLI_UNSUPPORTED},
    {.name = "secret", .kind = CLI_UNSUPPORTED},
    {.name = "sharing", .kind = CLI_UNSUPPORTED},
    {.name = "topology-preferred", .kind = CLI_UNSUPPORTED},
    {.name = "topology-required", .kind = CLI_UNSUPPORTED},
    {.name = "type", .kind = CLI_UNSUPPORTED},
    {0},
};

static const struct cli_verb volume_create = {
    .name = "create",
    .summary = "Make a volume, and print its name.",
    .about = "Without NAME a name is made up. A volume that exists already is left as it is.",
    .options = {create_options},
    .arguments = "[NAME]",
    .max = 1,
    .run = verb_create,
};

/* ---- ls ---- */

static const struct rows_title titles[] = {
    {"Driver", "DRIVER"},
    {"Name", "VOLUME NAME"},
    {"Labels", "LABELS"},
    {"Scope", "SCOPE"},
    {"Mountpoint", "MOUNTPOINT"},
    {"Size", "SIZE"},
    {0},
};

static void write_row(const struct engine_volume *volume, struct st_buf *to)
{
    st_auto(buf) struct st_buf labels = ST_BUF_HEAP(1 << 20);
    struct json_writer w = {.to = to};
    for (size_t i = 0; i < volume->labels_count; i++) {
        st_buf_printf(&labels, "%s%s=%s", i > 0 ? "," : "", volume->labels[i].key,
                      volume->labels[i].value);
    }
    json_write_object(&w);
    json_write_key_string(&w, "Driver", "local");
    json_write_key_string(&w, "Labels", st_buf_string(&labels));
    json_write_key_string(&w, "Mountpoint", volume->path);
    json_write_key_string(&w, "Name", volume->name);
    json_write_key_string(&w, "Scope", "local");
    json_write_key_string(&w, "Size", "N/A");
    json_write_end(&w);
}

static bool has_label(const struct engine_volume *volume, const char *wanted)
{
    size_t length = strcspn(wanted, "=");
    for (size_t i = 0; i < volume->labels_count; i++) {
        const struct json_pair *label = &volume->labels[i];
        if (strlen(label->key) == length && strncmp(label->key, wanted, length) == 0 &&
            (wanted[length] == '\0' || st_streq(label->value, wanted + length + 1))) {
            return true;
        }
    }
    return false;
}

/* Does it pass the filters that are not the engine's? */
static bool passes(const struct cli *cli, const struct engine_volume *volume)
{
    size_t cursor = 0;
    const char *text;
    while ((text = cli_next(cli, "filter", &cursor)) != NULL) {
        const char *name = st_after_prefix(text, "name=");
        const char *label = st_after_prefix(text, "label=");
        const char *driver = st_after_prefix(text, "driver=");
        if ((name != NULL && strstr(volume->name, name) == NULL) ||
            (label != NULL && !has_label(volume, label)) ||
            (driver != NULL && !st_streq(driver, "local"))) {
            return false;
        }
    }
    return true;
}

/* The filter dangling: 1, 0, or -1 without it. */
static int read_dangling(const struct cli *cli, int *ret_dangling, struct st_err *err)
{
    size_t cursor = 0;
    const char *text;
    *ret_dangling = -1;
    while ((text = cli_next(cli, "filter", &cursor)) != NULL) {
        const char *value = st_after_prefix(text, "dangling=");
        bool dangling;
        if (value != NULL) {
            if (cli_parse_bool(value, &dangling) < 0) {
                return st_fail(err, ST_EINVAL, "invalid filter \"%s\"", text);
            }
            *ret_dangling = dangling;
        } else if (!st_starts_with(text, "name=") && !st_starts_with(text, "label=") &&
                   !st_starts_with(text, "driver=")) {
            return st_fail(err, ST_EINVAL,
                           "invalid filter \"%s\": there are dangling, driver, label and name",
                           text);
        }
    }
    return 0;
}

static int verb_ls(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    st_auto(volumes) struct volumes volumes = {0};
    st_auto(rows) struct rows rows = {0};
    st_auto(buf) struct st_buf object = ST_BUF_HEAP(1 << 20);
    struct st_err left_out = {0};
    const char *format = cli_flag(cli, "quiet") ? "{{.Name}}" : cli_text(cli, "format");
    int dangling = -1;
    int r = rows_begin(&rows, format, "table {{.Driver}}\t{{.Name}}", titles, err);
    r = r < 0 ? r : read_dangling(cli, &dangling, err);
    r = r < 0 ? r : verb_open(cli, &engine, err);
    r = r < 0 ? r
              : engine_volume_list(engine, dangling, &volumes.list, &volumes.count, &left_out, err);
    for (size_t i = 0; r >= 0 && i < volumes.count; i++) {
        if (passes(cli, &volumes.list[i])) {
            st_buf_reset(&object);
            write_row(&volumes.list[i], &object);
            r = rows_add(&rows, st_buf_string(&object), err);
        }
    }
    r = r < 0 ? r : rows_end(&rows, err);
    if (r >= 0 && left_out.code != 0) {
        r = st_fail(err, left_out.code, "a volume is missing here: %s", left_out.msg);
    }
    return r;
}

static const struct cli_option ls_options[] = {
    {.name = "filter",
     .letter = 'f',
     .kind = CLI_LIST,
     .value = "NAME=VALUE",
     .help = "Show only those that fit: dangling, driver, label or name."},
    {.name = "format",
     .kind = CLI_STRING,
     .value = "FORMAT",
     .help = "Show by a template such as '{{.Name}}', or as json."},
    {.name = "quiet", .letter = 'q', .kind = CLI_FLAG, .help = "Show names only."},
    {.name = "cluster", .kind = CLI_UNSUPPORTED},
    {0},
};

static const struct cli_verb volume_ls = {
    .name = "ls",
    .aliases = {"list"},
    .summary = "List volumes.",
    .options = {ls_options},
    .run = verb_ls,
};

/* ---- inspect ---- */

static int describe(struct cli *cli, void *engine, const char *ref, struct st_buf *to,
                    struct st_err *err)
{
    struct engine_volume volume = {0};
    (void)cli;
    int r = engine_volume_find(engine, ref, &volume, err);
    if (r >= 0) {
        (void)engine_volume_inspect(&volume, to);
        engine_volume_done(&volume);
    }
    return r;
}

static int verb_inspect(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    int r = verb_open(cli, &engine, err);
    return r < 0 ? r : verb_inspect_each(cli, describe, engine, err);
}

static const struct cli_option inspect_options[] = {
    {.name = "format",
     .letter = 'f',
     .kind = CLI_STRING,
     .value = "FORMAT",
     .help = "Show by a template such as '{{.Mountpoint}}', or as json on one line."},
    {0},
};

static const struct cli_verb volume_inspect = {
    .name = "inspect",
    .summary = "Show all there is to know about volumes, as JSON.",
    .options = {inspect_options},
    .arguments = "VOLUME...",
    .min = 1,
    .max = CLI_ANY,
    .complete = CLI_COMPLETE_VOLUME,
    .run = verb_inspect,
};

/* ---- rm, prune ---- */

static int act_rm(struct cli *cli, struct engine *engine, const char *ref, struct st_err *err)
{
    return engine_volume_remove(engine, ref, cli_flag(cli, "force"), err);
}

static int verb_rm(struct cli *cli, struct st_err *err)
{
    return verb_each(cli, act_rm, true, err);
}

static const struct cli_option rm_options[] = {
    {.name = "force",
     .letter = 'f',
     .kind = CLI_FLAG,
     .help = "Do not mind volumes that do not exist."},
    {0},
};

static const struct cli_verb volume_rm = {
    .name = "rm",
    .aliases = {"remove"},
    .summary = "Remove volumes that no instance uses.",
    .options = {rm_options},
    .arguments = "VOLUME...",
    .min = 1,
    .max = CLI_ANY,
    .complete = CLI_COMPLETE_VOLUME,
    .run = verb_rm,
};

static int verb_prune(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    st_auto(buf) struct st_buf removed = ST_BUF_HEAP(16 << 20);
    int64_t freed = 0;
    bool all = cli_flag(cli, "all");
    if (!cli_flag(cli, "force") &&
        verb_confirm(all ? "WARNING! This will remove all volumes that no instance uses.\n"
                           "Are you sure you want to continue? [y/N] "
                         : "WARNING! This will remove anonymous volumes that no instance uses.\n"
                           "Are you sure you want to continue? [y/N] ") == 0) {
        return 0;
    }
    int r = verb_open(cli, &engine, err);
    r = r < 0 ? r : engine_volume_prune(engine, all, &removed, &freed, err);
    return r < 0 ? r : verb_pruned("Volumes", &removed, (uint64_t)ST_MAX(freed, 0));
}

static const struct cli_option prune_options[] = {
    {.name = "all",
     .letter = 'a',
     .kind = CLI_FLAG,
     .help = "Remove named volumes too, not only anonymous ones."},
    {.name = "force", .letter = 'f', .kind = CLI_FLAG, .help = "Do not ask."},
    {.name = "filter", .kind = CLI_UNSUPPORTED},
    {0},
};

static const struct cli_verb volume_prune = {
    .name = "prune",
    .summary = "Remove volumes that no instance uses.",
    .options = {prune_options},
    .run = verb_prune,
};

const struct cli_verb strata_verb_volume = {
    .name = "volume",
    .summary = "Work with volumes: folders that outlive instances.",
    .verbs = (const struct cli_verb *const[]){&volume_create, &volume_inspect, &volume_ls,
                                              &volume_prune, &volume_rm, NULL},
    .see_also = "strata-run(1)",
};
