/*
 * What --isolation vm and --isolation jvm make of the options of `strata run` and `strata create`:
 * most mean what they mean for a container; the others are refused by name before anything is made.
 * docs/vm.md and docs/jvm.md have the tables.
 */
#include "base/str.h"
#include "strata/run_config_priv.h"

struct refusal {
    const char *name;
    const char *why;
};

static const struct refusal refused[] = {
    {"device", "its devices are its own"},
    {"privileged", "--cap-add ALL gives it all that its own kernel has"},
    {"pid", "its processes are those of a kernel of its own"},
    {"ipc", "it shares nothing with other kernels"},
    {"uts", "its host name is its own"},
    {"cgroupns", "its control groups are its own"},
    {"userns", "its users are its own"},
    {"cpu-shares", "--cpus gives it whole CPUs"},
    {"cpu-period", "--cpus gives it whole CPUs"},
    {"cpu-quota", "--cpus gives it whole CPUs"},
    {"cpuset-cpus", "--cpus gives it whole CPUs"},
    {"cpuset-mems", "its memory is of one node"},
    {"memory-swap", "its memory is what --memory says, and it has no swap"},
    {"memory-reservation", "its memory is what --memory says"},
    {"memory-swappiness", "it has no swap"},
    {"oom-kill-disable", "its memory is what --memory says"},
    {"pids-limit", "its kernel counts its processes itself: --ulimit nproc=N bounds a user's"},
    {"blkio-weight", "its disks are its own"},
};

static const struct refusal refused_java[] = {
    {"entrypoint", "it runs what the jar says"},
    {"privileged", "--cap-add and --device give it what it needs"},
};

static int refuse(struct run_parse *p, const char *option, const char *value, const char *why)
{
    return st_fail(p->err, ST_EUNSUPPORTED, "--%s%s%s is not supported with --isolation %s: %s",
                   option, value[0] == '\0' ? "" : " ", value, p->config->isolation, why);
}

static int refuse_given(struct run_parse *p, const struct refusal *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (cli_given(p->cli, list[i].name)) {
            return refuse(p, list[i].name, "", list[i].why);
        }
    }
    return 0;
}

static bool own_network(struct run_parse *p, const char **ret_option, const char **ret_mode)
{
    *ret_option = cli_given(p->cli, "network") ? "network" : "net";
    *ret_mode = cli_text(p->cli, *ret_option);
    return !cli_given(p->cli, *ret_option) || (*ret_mode)[0] == '\0' ||
           st_streq(*ret_mode, "default");
}

int run_check_machine(struct run_parse *p)
{
    const char *option, *mode;
    if (!own_network(p, &option, &mode) && !st_streq(mode, "none")) {
        return refuse(p, option, mode,
                      "its network is a user-mode one of its own, or none; -p lets others in");
    }
    return refuse_given(p, refused, ST_COUNT(refused));
}

int run_check_java(struct run_parse *p)
{
    return refuse_given(p, refused_java, ST_COUNT(refused_java));
}

static int check_mounts(struct run_parse *p)
{
    for (size_t i = 0; i < p->config->mounts_count; i++) {
        const struct engine_mount *mount = &p->config->mounts[i];
        if (!st_streq(mount->type, "tmpfs")) {
            return refuse(p, mount->spelled != NULL ? "volume" : "mount",
                          mount->spelled != NULL ? mount->spelled : mount->target,
                          "it shares no folder with the host; its own disk keeps files, strata cp "
                          "copies them");
        }
    }
    return 0;
}

static int check_security(struct run_parse *p)
{
    const struct engine_security *s = &p->config->security;
    for (size_t i = 0; i < s->options_count; i++) {
        const char *option = s->options[i];
        bool taken = st_starts_with(option, "no-new-privileges") ||
                     st_streq(option, "seccomp=unconfined") ||
                     st_streq(option, "systempaths=unconfined");
        if (!taken) {
            return refuse(p, "security-opt", option, "its kernel is its own");
        }
    }
    return s->seccomp == NULL ? 0 : refuse(p, "security-opt", "seccomp", "its kernel is its own");
}

int run_fill_machine(struct run_parse *p)
{
    struct engine_config *config = p->config;
    if (!st_streq(config->isolation, "vm")) {
        return 0;
    }
    const char *option, *mode;
    config->network.mode = own_network(p, &option, &mode) ? "user" : "none";
    int r = check_mounts(p);
    r = r < 0 ? r : check_security(p);
    if (r >= 0 && config->resources.nano_cpus % 1000000000 != 0) {
        r = refuse(p, "cpus", cli_text(p->cli, "cpus"), "it has whole CPUs: 1, 2 ...");
    }
    return r;
}
