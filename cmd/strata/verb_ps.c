/* `strata ps`: the list of instances. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli_out.h"
#include "os/os_time.h"
#include "strata/rows.h"
#include "strata/verb_engine.h"
#include "strata/verb_filter.h"
#include "strata/verbs.h"
#include "json/json_write.h"

#define COMMAND_SHORT 20u
#define MOUNT_SHORT 15u

static void st_cleanup_engine_list(struct engine_list *list)
{
    engine_list_done(list);
}

static const struct rows_title titles[] = {
    {"ID", "CONTAINER ID"},
    {"Image", "IMAGE"},
    {"Command", "COMMAND"},
    {"CreatedAt", "CREATED AT"},
    {"RunningFor", "CREATED"},
    {"Status", "STATUS"},
    {"State", "STATE"},
    {"Ports", "PORTS"},
    {"Names", "NAMES"},
    {"Size", "SIZE"},
    {"Labels", "LABELS"},
    {"Mounts", "MOUNTS"},
    {"LocalVolumes", "LOCAL VOLUMES"},
    {"Networks", "NETWORKS"},
    {"Isolation", "ISOLATION"},
    {0},
};

struct row {
    const struct engine_item *item;
    const struct engine_config *config;
    bool no_trunc;
    bool size;
    bool label_map;
    int64_t now_ns;
};

/* A field whose text is made in a buffer. */
static void write_field(struct json_writer *w, const char *key, struct st_buf *text)
{
    json_write_key_string(w, key, st_buf_string(text));
    st_buf_reset(text);
}

/* The command between double quotes, as Go writes a string. */
static void command_text(const struct row *row, struct st_buf *to)
{
    st_auto(buf) struct st_buf whole = ST_BUF_HEAP(1 << 20);
    st_auto(buf) struct st_buf cut = ST_BUF_HEAP(1 << 20);
    (void)engine_command_text(row->config, &whole);
    rows_short(&cut, st_buf_string(&whole), row->no_trunc ? SIZE_MAX : COMMAND_SHORT);
    st_buf_char(to, '"');
    for (const char *at = st_buf_string(&cut); *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            st_buf_char(to, '\\');
            st_buf_char(to, *at);
        } else if (*at == '\n') {
            st_buf_text(to, "\\n");
        } else if (*at == '\t') {
            st_buf_text(to, "\\t");
        } else if ((unsigned char)*at < 0x20) {
            st_buf_printf(to, "\\x%02x", (unsigned)(unsigned char)*at);
        } else {
            st_buf_char(to, *at);
        }
    }
    st_buf_char(to, '"');
}

static void mounts_text(const struct row *row, struct st_buf *to)
{
    for (size_t i = 0; i < row->config->mounts_count; i++) {
        const struct engine_mount *mount = &row->config->mounts[i];
        if (mount->source != NULL) {
            st_buf_text(to, to->length > 0 ? "," : "");
            rows_short(to, mount->source, row->no_trunc ? SIZE_MAX : MOUNT_SHORT);
        }
    }
}

static unsigned volume_count(const struct engine_config *config)
{
    unsigned n = 0;
    for (size_t i = 0; i < config->mounts_count; i++) {
        n += st_streq(config->mounts[i].type, "volume");
    }
    return n;
}

static void labels_text(const struct engine_config *config, struct st_buf *to)
{
    for (size_t i = 0; i < config->labels_count; i++) {
        st_buf_printf(to, "%s%s=%s", i > 0 ? "," : "", config->labels[i].key,
                      config->labels[i].value);
    }
}

static void write_labels(const struct engine_config *config, struct json_writer *w)
{
    json_write_key(w, "Label");
    json_write_object(w);
    for (size_t i = 0; i < config->labels_count; i++) {
        json_write_key_string(w, config->labels[i].key, config->labels[i].value);
    }
    json_write_end(w);
}

static void size_text(const struct row *row, struct st_buf *to)
{
    rows_size(to, (uint64_t)ST_MAX(row->item->size_bytes, 0));
    if (row->item->virtual_bytes > 0) {
        st_buf_text(to, " (virtual ");
        rows_size(to, (uint64_t)row->item->virtual_bytes);
        st_buf_char(to, ')');
    }
}

static void write_row(const struct row *row, struct st_buf *to)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(1 << 20);
    struct json_writer w = {.to = to};
    struct engine_instance *instance = row->item->instance;
    json_write_object(&w);
    command_text(row, &text);
    write_field(&w, "Command", &text);
    rows_time(&text, (uint64_t)row->config->created_ns);
    write_field(&w, "CreatedAt", &text);
    st_buf_append(&text, engine_instance_id(instance),
                  row->no_trunc ? ENGINE_ID_LENGTH : ENGINE_ID_SHORT);
    write_field(&w, "ID", &text);
    json_write_key_string(&w, "Image", row->config->image);
    json_write_key_string(&w, "Isolation", row->config->isolation);
    if (row->label_map) {
        write_labels(row->config, &w);
    }
    labels_text(row->config, &text);
    write_field(&w, "Labels", &text);
    st_buf_printf(&text, "%u", volume_count(row->config));
    write_field(&w, "LocalVolumes", &text);
    mounts_text(row, &text);
    write_field(&w, "Mounts", &text);
    json_write_key_string(&w, "Names", engine_instance_name(instance));
    json_write_key_string(&w, "Networks", row->config->network.mode);
    (void)engine_ports_text(instance, &row->item->state, &text);
    write_field(&w, "Ports", &text);
    (void)engine_duration_text(row->now_ns - row->config->created_ns, &text);
    st_buf_text(&text, " ago");
    write_field(&w, "RunningFor", &text);
    if (row->size) {
        size_text(row, &text);
    } else {
        st_buf_text(&text, "0B");
    }
    write_field(&w, "Size", &text);
    json_write_key_string(&w, "State", engine_status_name(row->item->state.status));
    (void)engine_status_text(row->item, row->now_ns, &text);
    write_field(&w, "Status", &text);
    json_write_end(&w);
}

static int list(struct cli *cli, struct engine *engine, struct engine_list *ret_list,
                struct st_err *err)
{
    st_auto(verb_filters) struct verb_filters filters = {0};
    struct engine_list_options options = {.all = cli_flag(cli, "all"),
                                          .size = cli_flag(cli, "size")};
    int64_t last = cli_signed(cli, "last");
    last = ST_MAX(last, 0);
    options.last = (int)ST_MIN(last, INT32_MAX);
    if (cli_flag(cli, "latest")) {
        options.last = 1;
    }
    int r = verb_filters_read(cli, &filters, err);
    options.filters = filters.list;
    options.filters_count = filters.count;
    return r < 0 ? r : engine_list(engine, &options, ret_list, err);
}

static int verb_ps(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    st_auto(engine_list) struct engine_list found = {0};
    st_auto(rows) struct rows rows = {0};
    st_auto(buf) struct st_buf object = ST_BUF_HEAP(16 << 20);
    bool size = cli_flag(cli, "size");
    const char *format = cli_flag(cli, "quiet") ? "{{.ID}}" : cli_text(cli, "format");
    const char *preset = size ? "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t"
                                "{{.Status}}\t{{.Ports}}\t{{.Names}}\t{{.Size}}"
                              : "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t"
                                "{{.Status}}\t{{.Ports}}\t{{.Names}}";
    int r = rows_begin(&rows, format, preset, titles, err);
    r = r < 0 ? r : verb_open(cli, &engine, err);
    r = r < 0 ? r : list(cli, engine, &found, err);
    int64_t now = (int64_t)os_realtime_ns();
    for (size_t i = 0; r >= 0 && i < found.count; i++) {
        struct row row = {
            .item = &found.items[i],
            .config = engine_instance_config(found.items[i].instance),
            .no_trunc = cli_flag(cli, "no-trunc"),
            .size = size,
            .label_map = format != NULL && strstr(format, ".Label ") != NULL,
            .now_ns = now,
        };
        st_buf_reset(&object);
        write_row(&row, &object);
        r = rows_add(&rows, st_buf_string(&object), err);
    }
    r = r < 0 ? r : rows_end(&rows, err);
    if (r >= 0 && found.left_out.code != 0) {
        r = st_fail(err, found.left_out.code, "an instance is missing here: %s",
                    found.left_out.msg);
    }
    return r;
}

static const struct cli_option ps_options[] = {
    {.name = "all", .letter = 'a', .kind = CLI_FLAG, .help = "Show those that do not run as well."},
    {.name = "filter",
     .letter = 'f',
     .kind = CLI_LIST,
     .value = "NAME=VALUE",
     .help = "Show only those that fit: id, name, label, status, exited, ancestor, before, since, "
             "volume, network, publish, expose or isolation."},
    {.name = "format",
     .kind = CLI_STRING,
     .value = "FORMAT",
     .help = "Show by a template such as '{{.ID}} {{.Names}}', or as json."},
    {.name = "last",
     .letter = 'n',
     .kind = CLI_I64,
     .value = "N",
     .fallback = "-1",
     .help = "Show this many of the newest, running or not. -1: all."},
    {.name = "latest", .letter = 'l', .kind = CLI_FLAG, .help = "Show the newest, running or not."},
    {.name = "no-trunc", .kind = CLI_FLAG, .help = "Show everything in full length."},
    {.name = "quiet", .letter = 'q', .kind = CLI_FLAG, .help = "Show IDs only."},
    {.name = "size", .letter = 's', .kind = CLI_FLAG, .help = "Show the space taken on disk."},
    {0},
};

static const struct cli_example ps_examples[] = {
    {"strata ps -a --filter status=exited", "List the instances that have ended."},
    {"strata ps --format 'table {{.Names}}\\t{{.Ports}}'", "List names and ports in columns."},
    {0},
};

const struct cli_verb strata_verb_ps = {
    .name = "ps",
    .aliases = {"ls", "list"},
    .summary = "List instances.",
    .options = {ps_options},
    .examples = ps_examples,
    .see_also = "strata-inspect(1)",
    .run = verb_ps,
};
