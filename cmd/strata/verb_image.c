/* `strata image`: looking at images, naming and removing them. What brings them in and out is in
 * verb_image_move.c. */
#include "strata/verb_image.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli_out.h"
#include "engine/engine.h"
#include "os/os_time.h"
#include "store/store_dir.h"
#include "strata/rows.h"
#include "strata/verb_engine.h"
#include "strata/verbs.h"
#include "json/json_write.h"

#define NS_PER_S INT64_C(1000000000)

int verb_open_images(struct cli *cli, struct image_store **ret_store, struct st_err *err)
{
    st_auto(free) char *standard = NULL;
    const char *data = cli_text(cli, "data");
    if (data == NULL) {
        int r = store_data_dir(&standard, err);
        if (r < 0) {
            return r;
        }
        data = standard;
    }
    return image_store_open(data, ret_store, err);
}

void verb_image_report(void *context, const char *line)
{
    (void)context;
    (void)cli_printf("%s\n", line);
}

/* The first digits of an ID, as lists show it. */
static void write_id(struct json_writer *w, const char *id, bool whole)
{
    char brief[13];
    const char *hex = st_after_prefix(id, "sha256:");
    (void)st_strcopy(brief, sizeof(brief), "");
    if (!whole && hex != NULL) {
        memcpy(brief, hex, sizeof(brief) - 1);
        brief[sizeof(brief) - 1] = '\0';
    }
    json_write_key_string(w, "ID", whole || hex == NULL ? id : brief);
}

static void write_since(struct json_writer *w, const char *key, int64_t created_s)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(256);
    if (created_s == 0) {
        st_buf_text(&text, "N/A");
    } else {
        int64_t span = (int64_t)os_realtime_ns() - created_s * NS_PER_S;
        (void)engine_duration_text(ST_MAX(span, (int64_t)0), &text);
        st_buf_text(&text, " ago");
    }
    json_write_key_string(w, key, st_buf_string(&text));
}

static void write_time(struct json_writer *w, int64_t created_s)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(256);
    rows_time(&text, (uint64_t)created_s * (uint64_t)NS_PER_S);
    json_write_key_string(w, "CreatedAt", st_buf_string(&text));
}

static void write_size(struct json_writer *w, const char *key, uint64_t bytes)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(256);
    rows_size(&text, bytes);
    json_write_key_string(w, key, st_buf_string(&text));
}

/* ---- ls ------------------------------------------------------------------------------------ */

static const struct rows_title ls_titles[] = {
    {"Repository", "REPOSITORY"},
    {"Tag", "TAG"},
    {"Digest", "DIGEST"},
    {"ID", "IMAGE ID"},
    {"CreatedSince", "CREATED"},
    {"CreatedAt", "CREATED AT"},
    {"Size", "SIZE"},
    {0},
};

static void write_row(const struct image_listed *item, bool whole, struct st_buf *to)
{
    struct json_writer w = {.to = to};
    json_write_object(&w);
    json_write_key_string(&w, "Containers", "N/A");
    write_time(&w, item->created_s);
    write_since(&w, "CreatedSince", item->created_s);
    json_write_key_string(&w, "Digest", item->manifest);
    write_id(&w, item->id, whole);
    json_write_key_string(&w, "Repository", item->repository);
    json_write_key_string(&w, "SharedSize", "N/A");
    write_size(&w, "Size", item->size_bytes);
    json_write_key_string(&w, "Tag", item->tag);
    json_write_key_string(&w, "UniqueSize", "N/A");
    write_size(&w, "VirtualSize", item->size_bytes);
    json_write_end(&w);
}

/* Does a name match a pattern with '*', with or without its tag? */
static bool matches(const char *pattern, const char *text)
{
    while (*pattern != '\0') {
        if (*pattern == '*') {
            while (*pattern == '*') {
                pattern++;
            }
            for (; *text != '\0'; text++) {
                if (*text == *pattern && matches(pattern, text)) {
                    return true;
                }
            }
            return *pattern == '\0';
        }
        if (*pattern++ != *text++) {
            return false;
        }
    }
    return *text == '\0';
}

static bool reference_fits(const struct image_listed *item, const char *pattern)
{
    st_auto(buf) struct st_buf name = ST_BUF_HEAP(1024);
    st_buf_printf(&name, "%s:%s", item->repository, item->tag);
    return matches(pattern, item->repository) || matches(pattern, st_buf_string(&name));
}

/* Filters dangling=BOOL and reference=PATTERN. 1: show it. */
static int passes(const struct cli *cli, const struct image_listed *item, struct st_err *err)
{
    size_t cursor = 0;
    const char *text;
    bool nameless = st_streq(item->tag, "<none>");
    while ((text = cli_next(cli, "filter", &cursor)) != NULL) {
        const char *dangling = st_after_prefix(text, "dangling=");
        const char *reference = st_after_prefix(text, "reference=");
        bool wanted;
        if (dangling != NULL) {
            if (cli_parse_bool(dangling, &wanted) < 0) {
                return st_fail(err, ST_EINVAL, "invalid filter \"%s\"", text);
            }
            if (wanted != nameless) {
                return 0;
            }
        } else if (reference != NULL) {
            if (!reference_fits(item, reference)) {
                return 0;
            }
        } else {
            return st_fail(err, ST_EINVAL,
                           "invalid filter \"%s\": there are dangling and reference", text);
        }
    }
    return cli->n_args == 0 || reference_fits(item, cli->args[0]);
}

static int verb_ls(struct cli *cli, struct st_err *err)
{
    st_auto(image_store) struct image_store *store = NULL;
    st_auto(image_list) struct image_list list = {0};
    st_auto(rows) struct rows rows = {0};
    st_auto(buf) struct st_buf object = ST_BUF_HEAP(1 << 16);
    const char *preset =
        cli_flag(cli, "digests")
            ? "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
            : "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
    bool quiet = cli_flag(cli, "quiet");
    const char *last = "";
    int r = rows_begin(&rows, quiet ? "{{.ID}}" : cli_text(cli, "format"), preset, ls_titles, err);
    r = r < 0 ? r : verb_open_images(cli, &store, err);
    r = r < 0 ? r : image_list_all(store, &list, err);
    for (size_t i = 0; r >= 0 && i < list.count; i++) {
        const struct image_listed *item = &list.items[i];
        r = passes(cli, item, err);
        /* An image with two names is one line less where only IDs are shown. */
        if (r > 0 && !(quiet && st_streq(last, item->id))) {
            st_buf_reset(&object);
            write_row(item, cli_flag(cli, "no-trunc"), &object);
            r = rows_add(&rows, st_buf_string(&object), err);
            last = item->id;
        }
    }
    return r < 0 ? r : rows_end(&rows, err);
}

static const struct cli_option ls_options[] = {
    {.name = "all", .letter = 'a', .kind = CLI_FLAG, .help = "Show all images, as is done anyway."},
    {.name = "digests", .kind = CLI_FLAG, .help = "Show the manifests' digests."},
    {.name = "filter",
     .letter = 'f',
     .kind = CLI_LIST,
     .value = "NAME=VALUE",
     .help = "Show only those that fit: dangling or reference."},
    {.name = "format",
     .kind = CLI_STRING,
     .value = "FORMAT",
     .help = "Show by a template such as '{{.Repository}}', or as json."},
    {.name = "no-trunc", .kind = CLI_FLAG, .help = "Do not shorten IDs."},
    {.name = "quiet", .letter = 'q', .kind = CLI_FLAG, .help = "Show IDs only."},
    {.name = "tree", .kind = CLI_UNSUPPORTED},
    {0},
};

const struct cli_verb strata_verb_image_ls = {
    .name = "ls",
    .aliases = {"list"},
    .summary = "List images.",
    .options = {ls_options},
    .arguments = "[NAME]",
    .max = 1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = verb_ls,
};

/* ---- inspect ------------------------------------------------------------------------------- */

static int describe(struct cli *cli, void *store, const char *ref, struct st_buf *to,
                    struct st_err *err)
{
    (void)cli;
    return image_inspect(store, ref, to, err);
}

static int verb_inspect(struct cli *cli, struct st_err *err)
{
    st_auto(image_store) struct image_store *store = NULL;
    int r = verb_open_images(cli, &store, err);
    return r < 0 ? r : verb_inspect_each(cli, describe, store, err);
}

static const struct cli_option inspect_options[] = {
    {.name = "format",
     .letter = 'f',
     .kind = CLI_STRING,
     .value = "FORMAT",
     .help = "Show by a template such as '{{.Config.Cmd}}', or as json on one line."},
    {.name = "platform", .kind = CLI_UNSUPPORTED},
    {0},
};

static const struct cli_verb image_inspect_verb = {
    .name = "inspect",
    .summary = "Show all there is to know about images, as JSON.",
    .options = {inspect_options},
    .arguments = "IMAGE...",
    .min = 1,
    .max = CLI_ANY,
    .complete = CLI_COMPLETE_IMAGE,
    .run = verb_inspect,
};

/* ---- history ------------------------------------------------------------------------------- */

static const struct rows_title history_titles[] = {
    {"ID", "IMAGE"},
    {"CreatedSince", "CREATED"},
    {"CreatedAt", "CREATED AT"},
    {"CreatedBy", "CREATED BY"},
    {"Size", "SIZE"},
    {"Comment", "COMMENT"},
    {0},
};

static void write_step(const struct cli *cli, const struct image_history *history,
                       const struct image_history_item *item, struct st_buf *to)
{
    enum { WIDTH = 45 };
    st_auto(buf) struct st_buf by = ST_BUF_HEAP(1 << 20);
    struct json_writer w = {.to = to};
    bool whole = cli_flag(cli, "no-trunc");
    rows_short(&by, item->created_by, whole ? SIZE_MAX : WIDTH);
    json_write_object(&w);
    json_write_key_string(&w, "Comment", item->comment);
    write_time(&w, item->created_s);
    json_write_key_string(&w, "CreatedBy", st_buf_string(&by));
    write_since(&w, "CreatedSince", item->created_s);
    write_id(&w, item->is_top ? history->id : "<missing>", whole);
    write_size(&w, "Size", item->size_bytes);
    json_write_end(&w);
}

static int verb_history(struct cli *cli, struct st_err *err)
{
    st_auto(image_store) struct image_store *store = NULL;
    st_auto(image_history) struct image_history history = {0};
    st_auto(rows) struct rows rows = {0};
    st_auto(buf) struct st_buf object = ST_BUF_HEAP(1 << 22);
    int r = rows_begin(&rows, cli_flag(cli, "quiet") ? "{{.ID}}" : cli_text(cli, "format"),
                       "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
                       history_titles, err);
    r = r < 0 ? r : verb_open_images(cli, &store, err);
    r = r < 0 ? r : image_history_of(store, cli->args[0], &history, err);
    for (size_t i = 0; r >= 0 && i < history.count; i++) {
        st_buf_reset(&object);
        write_step(cli, &history, &history.items[i], &object);
        r = rows_add(&rows, st_buf_string(&object), err);
    }
    return r < 0 ? r : rows_end(&rows, err);
}

static const struct cli_option history_options[] = {
    {.name = "format",
     .kind = CLI_STRING,
     .value = "FORMAT",
     .help = "Show by a template such as '{{.CreatedBy}}', or as json."},
    {.name = "human",
     .letter = 'H',
     .kind = CLI_FLAG,
     .fallback = "true",
     .help = "Show sizes and times in words."},
    {.name = "no-trunc", .kind = CLI_FLAG, .help = "Do not shorten what is shown."},
    {.name = "quiet", .letter = 'q', .kind = CLI_FLAG, .help = "Show IDs only."},
    {.name = "platform", .kind = CLI_UNSUPPORTED},
    {0},
};

const struct cli_verb strata_verb_image_history = {
    .name = "history",
    .summary = "Show the steps that made an image.",
    .options = {history_options},
    .arguments = "IMAGE",
    .min = 1,
    .max = 1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = verb_history,
};

/* ---- tag, rm, prune ------------------------------------------------------------------------ */

static int verb_tag(struct cli *cli, struct st_err *err)
{
    st_auto(image_store) struct image_store *store = NULL;
    int r = verb_open_images(cli, &store, err);
    return r < 0 ? r : image_tag(store, cli->args[0], cli->args[1], err);
}

const struct cli_verb strata_verb_image_tag = {
    .name = "tag",
    .summary = "Give an image one more name.",
    .about = "A name that another image has moves over.",
    .arguments = "IMAGE NAME",
    .min = 2,
    .max = 2,
    .complete = CLI_COMPLETE_IMAGE,
    .run = verb_tag,
};

static int verb_rm(struct cli *cli, struct st_err *err)
{
    st_auto(image_store) struct image_store *store = NULL;
    bool force = cli_flag(cli, "force");
    int status = 0;
    int r = verb_open_images(cli, &store, err);
    for (size_t i = 0; r >= 0 && i < cli->n_args; i++) {
        struct st_err failure = {0};
        int result = image_remove(store, cli->args[i], force, verb_image_report, NULL, &failure);
        if (result < 0 && !(force && result == -ST_ENOTFOUND)) {
            cli_print_error(cli->program->name, &failure);
            status = 1;
        }
    }
    return r < 0 ? r : status;
}

static const struct cli_option rm_options[] = {
    {.name = "force",
     .letter = 'f',
     .kind = CLI_FLAG,
     .help = "Remove the image even if it has several names or an instance uses it, whose layers "
             "stay until it is gone."},
    {.name = "no-prune", .kind = CLI_UNSUPPORTED},
    {.name = "platform", .kind = CLI_UNSUPPORTED},
    {0},
};

const struct cli_verb strata_verb_image_rm = {
    .name = "rm",
    .aliases = {"remove"},
    .summary = "Take names from images, and remove those that have none left.",
    .options = {rm_options},
    .arguments = "IMAGE...",
    .min = 1,
    .max = CLI_ANY,
    .complete = CLI_COMPLETE_IMAGE,
    .run = verb_rm,
};

static void collect(void *context, const char *line)
{
    st_buf_printf(context, "%s\n", line);
}

static int verb_prune(struct cli *cli, struct st_err *err)
{
    st_auto(image_store) struct image_store *store = NULL;
    st_auto(buf) struct st_buf lines = ST_BUF_HEAP(16 << 20);
    uint64_t freed = 0;
    bool all = cli_flag(cli, "all");
    if (!cli_flag(cli, "force") &&
        verb_confirm(all ? "WARNING! This will remove all images that no instance uses.\n"
                           "Are you sure you want to continue? [y/N] "
                         : "WARNING! This will remove all images without a name.\n"
                           "Are you sure you want to continue? [y/N] ") == 0) {
        return 0;
    }
    int r = verb_open_images(cli, &store, err);
    r = r < 0 ? r : image_prune(store, all, collect, &lines, &freed, err);
    return r < 0 ? r : verb_pruned("Images", &lines, freed);
}

static const struct cli_option prune_options[] = {
    {.name = "all",
     .letter = 'a',
     .kind = CLI_FLAG,
     .help = "Remove every image that no instance uses, not only those without a name."},
    {.name = "force", .letter = 'f', .kind = CLI_FLAG, .help = "Do not ask."},
    {.name = "filter", .kind = CLI_UNSUPPORTED},
    {0},
};

static const struct cli_verb image_prune_verb = {
    .name = "prune",
    .summary = "Remove images that nothing uses.",
    .options = {prune_options},
    .run = verb_prune,
};

const struct cli_verb strata_verb_image = {
    .name = "image",
    .summary = "Work with images: what instances are made from.",
    .verbs =
        (const struct cli_verb *const[]){
            &strata_verb_image_bootstrap, &strata_verb_image_history, &strata_verb_image_import,
            &image_inspect_verb, &strata_verb_image_load, &strata_verb_image_ls, &image_prune_verb,
            &strata_verb_image_rm, &strata_verb_image_save, &strata_verb_image_tag, NULL},
    .see_also = "strata-run(1)",
};
