/* `strata image`: bringing images in and out: load, save, import, bootstrap. */
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "cli/cli_out.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_terminal.h"
#include "os/os_time.h"
#include "strata/verb_image.h"
#include "strata/verbs.h"

/* ---- load ---------------------------------------------------------------------------------- */

static void quiet_report(void *context, const char *line)
{
    (void)context;
    (void)line;
}

static int verb_load(struct cli *cli, struct st_err *err)
{
    st_auto(image_store) struct image_store *store = NULL;
    const char *input = cli_text(cli, "input");
    const struct image_limits limits = {.max_ratio = (uint32_t)cli_number(cli, "max-ratio")};
    if (input != NULL && st_streq(input, "-")) {
        input = NULL;
    }
    if (cli->n_args > 0) {
        input = cli->args[0];
    }
    if (input == NULL && os_is_terminal(0)) {
        return st_fail(err, ST_EINVAL,
                       "there is nothing to load: name a file with --input, or send one to "
                       "standard input");
    }
    int r = verb_open_images(cli, &store, err);
    return r < 0 ? r
                 : image_load(store, input, 0, &limits,
                              cli_flag(cli, "quiet") ? quiet_report : verb_image_report, NULL, err);
}

static const struct cli_option load_options[] = {
    {.name = "input",
     .letter = 'i',
     .kind = CLI_STRING,
     .value = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .help = "Read this file or folder instead of standard input."},
    {.name = "max-ratio",
     .kind = CLI_U64,
     .value = "N",
     .fallback = "250",
     .help = "Refuse layers that unpack to more than N times their size."},
    {.name = "quiet", .letter = 'q', .kind = CLI_FLAG, .help = "Do not say what was loaded."},
    {.name = "platform", .kind = CLI_UNSUPPORTED},
    {0},
};

static const struct cli_example load_examples[] = {
    {"strata image load -i app.tar.gz", "Load what docker save and gzip have written."},
    {"skopeo copy docker-daemon:app:1 oci:app:1 && strata load app", "Load an OCI layout."},
    {0},
};

const struct cli_verb strata_verb_image_load = {
    .name = "load",
    .summary = "Load images from an archive or a folder.",
    .about = "Archives may be docker's or OCI's, plain or compressed with gzip or zstd, their "
             "layers too; a folder is an OCI layout. What it is is told by its content. Everything "
             "in it is checked against its digest; if anything is wrong, nothing is loaded.",
    .options = {load_options},
    .arguments = "[FILE]",
    .max = 1,
    .complete = CLI_COMPLETE_FILE,
    .examples = load_examples,
    .run = verb_load,
};

/* ---- save ---------------------------------------------------------------------------------- */

/* The file that an archive goes to, and its name until it is whole: empty for what is no
 * regular file, such as a pipe, which is written at once. */
struct target {
    int fd;
    char making[4096];
};

static int open_target(const char *output, struct target *target, struct st_err *err)
{
    struct stat st;
    int r = os_fstatat(AT_FDCWD, output, &st, AT_SYMLINK_NOFOLLOW);
    bool replaced = r == -ST_ENOENT || (r == 0 && S_ISREG(st.st_mode));
    if (replaced && st_snprintf(target->making, sizeof(target->making), "%s.%d.new", output,
                                (int)os_getpid()) >= sizeof(target->making)) {
        return st_fail(err, ST_ENAMETOOLONG, "--output is too long");
    }
    target->fd = os_open(replaced ? target->making : output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    return target->fd < 0 ? st_fail_os(err, target->fd, "opening %s", output) : 0;
}

/* Gives the whole archive its name, or leaves nothing of a torn one. */
static int close_target(const char *output, struct target *target, int result, struct st_err *err)
{
    os_close(&target->fd);
    if (result == 0 && target->making[0] != '\0') {
        result = os_renameat2(AT_FDCWD, target->making, AT_FDCWD, output, 0);
        result = result < 0 ? st_fail_os(err, result, "writing %s", output) : 0;
    }
    if (result < 0 && target->making[0] != '\0') {
        (void)os_unlinkat(AT_FDCWD, target->making, 0);
    }
    return result;
}

static int verb_save(struct cli *cli, struct st_err *err)
{
    st_auto(image_store) struct image_store *store = NULL;
    struct target target = {.fd = -1};
    const char *output = cli_text(cli, "output");
    const char *format = cli_text(cli, "format");
    if (output == NULL && os_is_terminal(1)) {
        return st_fail(err, ST_EINVAL,
                       "an archive is nothing for a terminal: name a file with --output, or send "
                       "standard output to one");
    }
    int r = verb_open_images(cli, &store, err);
    if (r == 0 && output != NULL) {
        r = open_target(output, &target, err);
    }
    if (r < 0) {
        return r;
    }
    r = image_save(store, (const char *const *)cli->args, cli->n_args,
                   st_streq(format, "oci-archive") ? IMAGE_ARCHIVE_OCI : IMAGE_ARCHIVE_DOCKER,
                   output != NULL ? target.fd : 1, err);
    return close_target(output, &target, r, err);
}

static const struct cli_option save_options[] = {
    {.name = "format",
     .kind = CLI_STRING,
     .value = "FORMAT",
     .fallback = "docker-archive",
     .choices = "docker-archive|oci-archive",
     .help = "Form of the archive."},
    {.name = "output",
     .letter = 'o',
     .kind = CLI_STRING,
     .value = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .help = "Write this file instead of standard output."},
    {.name = "platform", .kind = CLI_UNSUPPORTED},
    {0},
};

const struct cli_verb strata_verb_image_save = {
    .name = "save",
    .summary = "Write images into one archive.",
    .options = {save_options},
    .arguments = "IMAGE...",
    .min = 1,
    .max = CLI_ANY,
    .complete = CLI_COMPLETE_IMAGE,
    .run = verb_save,
};

/* ---- import -------------------------------------------------------------------------------- */

static int verb_import(struct cli *cli, struct st_err *err)
{
    st_auto(image_store) struct image_store *store = NULL;
    st_auto(fd) int file = -1;
    char id[IMAGE_ID_SIZE];
    const struct image_import import = {
        .name = cli->n_args > 1 ? cli->args[1] : NULL,
        .created_by = cli_text(cli, "message"),
        .created_s = (int64_t)(os_realtime_ns() / 1000000000U),
    };
    int r = verb_open_images(cli, &store, err);
    if (r == 0 && !st_streq(cli->args[0], "-")) {
        file = os_open(cli->args[0], O_RDONLY, 0);
        r = file < 0 ? st_fail_os(err, file, "opening %s", cli->args[0]) : 0;
    }
    r = r < 0 ? r : image_import_tar(store, file >= 0 ? file : 0, &import, NULL, id, err);
    return r < 0 ? r : cli_printf("%s\n", id);
}

static const struct cli_option import_options[] = {
    {.name = "message",
     .letter = 'm',
     .kind = CLI_STRING,
     .value = "TEXT",
     .help = "What the image's history is to say."},
    {.name = "change", .letter = 'c', .kind = CLI_UNSUPPORTED},
    {.name = "platform", .kind = CLI_UNSUPPORTED},
    {0},
};

const struct cli_verb strata_verb_image_import = {
    .name = "import",
    .summary = "Make an image of one layer from a tar, and print its ID.",
    .options = {import_options},
    .arguments = "FILE|- [NAME]",
    .min = 1,
    .max = 2,
    .complete = CLI_COMPLETE_FILE,
    .run = verb_import,
};

/* ---- bootstrap ----------------------------------------------------------------------------- */

static int verb_bootstrap(struct cli *cli, struct st_err *err)
{
    st_auto(image_store) struct image_store *store = NULL;
    char id[IMAGE_ID_SIZE];
    const char *what = cli->args[0];
    const struct image_bootstrap_debian debian = {
        .suite = cli_text(cli, "suite"),
        .variant = cli_text(cli, "variant"),
        .mirror = cli_text(cli, "mirror"),
        .include = cli_text(cli, "include"),
    };
    bool is_debian = st_streq(what, "debian");
    bool is_kernel = st_streq(what, "kernel");
    if (!is_debian && !is_kernel && !st_streq(what, "busybox")) {
        return st_fail(err, ST_EINVAL, "\"%s\" cannot be made: busybox, debian and kernel can",
                       what);
    }
    int r = verb_open_images(cli, &store, err);
    if (r == 0 && is_kernel) {
        st_auto(buf) struct st_buf line = ST_BUF_HEAP(4096);
        r = image_bootstrap_kernel(store, &line, err);
        return r < 0 ? r : cli_printf("%s\n", st_buf_string(&line));
    }
    if (r == 0) {
        r = is_debian ? image_bootstrap_debian(store, &debian, id, err)
                      : image_bootstrap_busybox(store, id, err);
    }
    return r < 0 ? r : cli_printf("%s\n", id);
}

static const struct cli_option bootstrap_options[] = {
    {.name = "include",
     .kind = CLI_STRING,
     .value = "PACKAGES",
     .help = "Packages that Debian's image is to have as well, separated by commas."},
    {.name = "mirror",
     .kind = CLI_STRING,
     .value = "URL",
     .help = "Where Debian's packages come from, if not from where mmdebstrap takes them."},
    {.name = "suite",
     .kind = CLI_STRING,
     .value = "SUITE",
     .help = "Debian's suite, such as bookworm. Without it, the machine's own."},
    {.name = "variant",
     .kind = CLI_STRING,
     .value = "VARIANT",
     .fallback = "minbase",
     .help = "How much of Debian, as mmdebstrap names it."},
    {0},
};

static const struct cli_example bootstrap_examples[] = {
    {"strata image bootstrap busybox", "Make busybox:latest in a blink."},
    {"strata image bootstrap debian --include curl", "Make debian:latest with one more package."},
    {"strata image bootstrap kernel", "Fetch the kernel that virtual machines run."},
    {0},
};

const struct cli_verb strata_verb_image_bootstrap = {
    .name = "bootstrap",
    .summary = "Make a first image from the machine's own packages, without a registry.",
    .about = "busybox is made of the package busybox-static, debian by mmdebstrap, which downloads "
             "packages as apt does. kernel is no image but what virtual machines boot: Debian's "
             "newest cloud kernel that apt knows, and its modules; the package is downloaded and "
             "unpacked into the store, never installed.",
    .options = {bootstrap_options},
    .arguments = "busybox|debian|kernel",
    .min = 1,
    .max = 1,
    .examples = bootstrap_examples,
    .run = verb_bootstrap,
};
