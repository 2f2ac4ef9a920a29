/* `strata`: the command line of Strata. Its verbs are the files verb_*.c. */
#include "cli/cli.h"
#include "strata/verbs.h"

static const struct cli_option program_options[] = {
    {.name = "data",
     .kind = CLI_STRING,
     .value = "FOLDER",
     .env = "STRATA_DATA",
     .complete = CLI_COMPLETE_FOLDER,
     .help = "Keep images, instances and volumes here. Without it, /var/lib/strata."},
    {.name = "run",
     .kind = CLI_STRING,
     .value = "FOLDER",
     .env = "STRATA_RUN",
     .complete = CLI_COMPLETE_FOLDER,
     .help = "Keep what dies with the host here. Without it, /run/strata."},
    {0},
};

/* docker's short forms. */
static const struct cli_verb images = {.name = "images", .same_as = &strata_verb_image_ls};
static const struct cli_verb history = {.name = "history", .same_as = &strata_verb_image_history};
static const struct cli_verb import = {.name = "import", .same_as = &strata_verb_image_import};
static const struct cli_verb load = {.name = "load", .same_as = &strata_verb_image_load};
static const struct cli_verb rmi = {.name = "rmi", .same_as = &strata_verb_image_rm};
static const struct cli_verb save = {.name = "save", .same_as = &strata_verb_image_save};
static const struct cli_verb tag = {.name = "tag", .same_as = &strata_verb_image_tag};

static const struct cli_verb *const verbs[] = {
    &strata_verb_attach,
    &strata_verb_cp,
    &strata_verb_create,
    &strata_verb_exec,
    &history,
    &strata_verb_image,
    &images,
    &import,
    &strata_verb_inspect,
    &strata_verb_java,
    &strata_verb_kill,
    &load,
    &strata_verb_logs,
    &strata_verb_pause,
    &strata_verb_port,
    &strata_verb_ps,
    &strata_verb_rename,
    &strata_verb_restart,
    &strata_verb_rm,
    &rmi,
    &strata_verb_run,
    &save,
    &strata_verb_start,
    &strata_verb_stop,
    &tag,
    &strata_verb_unpause,
    &strata_verb_vm,
    &strata_verb_volume,
    &strata_verb_wait,
    &strata_verb_internal_cleanup,
    NULL,
};

static const struct cli_example examples[] = {
    {"strata image bootstrap debian", "Make a Debian image from Debian's packages."},
    {"strata run -it --rm debian bash", "Work in a shell of it, and leave nothing behind."},
    {0},
};

static const struct cli_exit exits[] = {
    {"0", "All went well."},
    {"1", "Something failed; standard error says what."},
    {"125", "As 1, for run, create and exec, whose other codes are the command's."},
    {0},
};

static const struct cli_program program = {
    .name = "strata",
    .version = STRATA_VERSION,
    .summary = "Run and manage instances of images, as containers.",
    .about = "An instance is made from an image and has a name, resources, networks, volumes and a "
             "life. No daemon is needed: each command does its work and ends.",
    .options = {program_options},
    .verbs = verbs,
    .examples = examples,
    .exits = exits,
    .files = "/var/lib/strata keeps images, instances and volumes.\n\n"
             "/run/strata keeps what dies with the host.",
    .see_also = "strata-oci(1)",
    .failure = 1,
};

int main(int argc, char **argv)
{
    return cli_main(&program, argc, argv);
}
