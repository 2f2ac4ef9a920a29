/* Tests of docker's options of run and create: what configuration they make, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "strata/run_config.h"
#include "strata/run_options.h"

/* The engine behind container:NAME: one instance, "web". */
static const char web_id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

int engine_find(struct engine *engine, const char *ref, struct engine_instance **ret_instance,
                struct st_err *err)
{
    (void)engine;
    if (!st_streq(ref, "web")) {
        return st_fail(err, ST_ENOTFOUND, "no such instance: %s", ref);
    }
    *ret_instance = (struct engine_instance *)web_id;
    return 0;
}

const char *engine_instance_id(const struct engine_instance *instance)
{
    return (const char *)instance;
}

struct engine_instance *engine_instance_free(struct engine_instance *instance)
{
    (void)instance;
    return NULL;
}

int engine_signal_number(const char *name)
{
    return st_streq(name, "SIGINT") ? 2 : -ST_EINVAL;
}

static int run_nothing(struct cli *cli, struct st_err *err)
{
    (void)cli;
    (void)err;
    return 0;
}

static const struct cli_option detach[] = {{.name = "detach", .letter = 'd', .help = "Go."}, {0}};

static const struct cli_verb verb = {
    .name = "run",
    .options = {detach, run_process_options, run_resource_options, run_place_options,
                run_security_options},
    .arguments = "IMAGE [COMMAND [ARG...]]",
    .min = 1,
    .max = CLI_ANY,
    .command = true,
    .run = run_nothing,
};
static const struct cli_verb *const verbs[] = {&verb, NULL};
static const struct cli_program program = {.name = "strata", .verbs = verbs};

struct fixture {
    struct cli cli;
    struct run_config run;
    struct st_err err;
};

#define FILL(f, ...)                                                                               \
    ({                                                                                             \
        static const char *words[] = {"strata", "run", __VA_ARGS__, NULL};                         \
        fill((f), (int)(sizeof words / sizeof words[0]) - 1, (char **)words);                      \
    })

static int fill(struct fixture *f, int argc, char **argv)
{
    *f = (struct fixture){0};
    int r = cli_parse(&f->cli, &program, argc, argv, &f->err);
    return r < 0 ? r : run_config_fill(&f->cli, NULL, &f->run, &f->err);
}

static void done(struct fixture *f)
{
    run_config_done(&f->run);
    cli_done(&f->cli);
}

#define REFUSED(text, ...)                                                                         \
    do {                                                                                           \
        struct fixture refused;                                                                    \
        assert_true(FILL(&refused, __VA_ARGS__) < 0);                                              \
        if (strstr(refused.err.msg, (text)) == NULL) {                                             \
            fail_msg("\"%s\" is not in \"%s\"", (text), refused.err.msg);                          \
        }                                                                                          \
        done(&refused);                                                                            \
    } while (0)

static void leaves_what_is_not_given_to_the_engine(void **state)
{
    (void)state;
    struct fixture f;
    assert_int_equal(FILL(&f, "img"), 0);
    const struct engine_config *c = &f.run.config;
    assert_string_equal(c->image, "img");
    assert_string_equal(c->isolation, "container");
    assert_string_equal(c->network.mode, "bridge");
    assert_null(c->process.entrypoint);
    assert_int_equal(c->process.cmd_count, 0);
    assert_false(c->process.attach_stdin);
    assert_true(c->process.attach_stdout && c->process.attach_stderr);
    assert_null(c->restart.policy);
    assert_int_equal(c->mounts_count, 0);
    done(&f);
}

static void takes_the_process_apart(void **state)
{
    (void)state;
    struct fixture f;
    setenv("RUN_TEST_SET", "from caller", 1);
    unsetenv("RUN_TEST_UNSET");
    assert_int_equal(FILL(&f, "-it", "-e", "A=1", "-e", "RUN_TEST_SET", "-e", "RUN_TEST_UNSET",
                          "--entrypoint", "", "-w", "/srv", "-u", "1:2", "--group-add", "3",
                          "--stop-signal", "SIGINT", "--stop-timeout", "4", "-l", "x=y", "-l", "z",
                          "--rm", "img", "cmd", "-e", "--"),
                     0);
    const struct engine_process *p = &f.run.config.process;
    assert_int_equal(p->env_count, 3);
    assert_string_equal(p->env[0], "A=1");
    assert_string_equal(p->env[1], "RUN_TEST_SET=from caller");
    assert_string_equal(p->env[2], "RUN_TEST_UNSET");
    assert_null(p->env[3]);
    assert_non_null(p->entrypoint);
    assert_int_equal(p->entrypoint_count, 0);
    assert_int_equal(p->cmd_count, 3);
    assert_string_equal(p->cmd[2], "--");
    assert_true(p->tty && p->open_stdin && p->attach_stdin && p->stdin_once);
    assert_true(p->has_stop_timeout_s);
    assert_int_equal(p->stop_timeout_s, 4);
    assert_int_equal(f.run.config.labels_count, 2);
    assert_string_equal(f.run.config.labels[1].key, "z");
    assert_string_equal(f.run.config.labels[1].value, "");
    assert_true(f.run.config.auto_remove);
    done(&f);
    REFUSED("absolute", "-w", "srv", "img");
    REFUSED("no such signal", "--stop-signal", "SIGNONE", "img");
    REFUSED("missing", "-e", "=x", "img");
    REFUSED("--attach and --detach", "-d", "-a", "stdin", "img");
    REFUSED("--restart and --rm", "--rm", "--restart", "always", "img");
    REFUSED("negative", "--restart", "on-failure:-1", "img");
    REFUSED("policy", "--restart", "sometimes", "img");
    REFUSED("not supported", "--gpus", "all", "img");
    REFUSED("not supported", "--platform", "linux/s390x", "img");
    REFUSED("driver none", "--log-driver", "none", "--log-opt", "a=b", "img");
}

static void reads_files_of_variables(void **state)
{
    (void)state;
    struct fixture f;
    char good[] = "/tmp/strata-run-test-XXXXXX";
    static const char text[] = "\xef\xbb\xbf# comment\nA=1\n\n  B=2 3 \r\nRUN_TEST_UNSET\nC=";
    int fd = mkstemp(good);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    unsetenv("RUN_TEST_UNSET");
    char *argv[] = {(char *)"strata", (char *)"run", (char *)"--env-file", good,
                    (char *)"-e",     (char *)"Z=9", (char *)"img",        NULL};
    assert_int_equal(fill(&f, 7, argv), 0);
    const struct engine_process *p = &f.run.config.process;
    assert_int_equal(p->env_count, 4);
    assert_string_equal(p->env[0], "A=1");
    assert_string_equal(p->env[1], "B=2 3 ");
    assert_string_equal(p->env[2], "C=");
    assert_string_equal(p->env[3], "Z=9");
    done(&f);
    assert_int_equal(pwrite(fd, "A B=1\n", 6, 0), 6);
    char *bad[] = {(char *)"strata", (char *)"run", (char *)"--env-file", good, (char *)"i", NULL};
    assert_int_equal(fill(&f, 5, bad), -ST_EINVAL);
    assert_non_null(strstr(f.err.msg, "whitespace"));
    done(&f);
    close(fd);
    unlink(good);
    REFUSED("no such file", "--env-file", "/nonexistent/x", "img");
}

static void counts_resources_exactly(void **state)
{
    (void)state;
    struct fixture f;
    assert_int_equal(FILL(&f, "--cpus", "1.5", "-m", "64m", "--memory-swap", "-1", "--pids-limit",
                          "-1", "--ulimit", "nofile=1:2", "--ulimit", "core=0", "--ulimit",
                          "nofile=3:-1", "--shm-size", "1k", "img"),
                     0);
    const struct engine_resources *r = &f.run.config.resources;
    assert_int_equal(r->nano_cpus, 1500000000);
    assert_int_equal(r->memory_bytes, 64 << 20);
    assert_int_equal(r->memory_swap_bytes, -1);
    assert_int_equal(r->pids_limit, -1);
    assert_int_equal(r->ulimits_count, 2);
    assert_string_equal(r->ulimits[0].type, "nofile");
    assert_int_equal(r->ulimits[0].soft, 3);
    assert_true(r->ulimits[0].hard == UINT64_MAX);
    assert_int_equal(r->shm_bytes, 1024);
    done(&f);
    REFUSED("--cpus", "--cpus", "0.0000000001", "img");
    REFUSED("--cpus", "--cpus", "-1", "img");
    REFUSED("--cpus", "--cpus", "1e3", "img");
    REFUSED("excludes", "--cpus", "1", "--cpu-quota", "5000", "img");
    REFUSED("above the hard", "--ulimit", "nofile=5:2", "img");
    REFUSED("no such limit", "--ulimit", "files=5", "img");
    REFUSED("must be numbers", "--ulimit", "core=x", "img");
    REFUSED("size", "--memory-swap", "-2", "img");
}

static void reads_docker_mounts(void **state)
{
    (void)state;
    struct fixture f;
    assert_int_equal(FILL(&f, "-v", "/a/./b/../c://x//y/", "-v", "data:/data:ro,nocopy", "-v",
                          "/anon", "--mount", "\"type=bind\",src=/s,dst=/d,ro", "--mount",
                          "type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1777", "--tmpfs",
                          "/run:size=64k,exec", "img"),
                     0);
    const struct engine_mount *m = f.run.config.mounts;
    assert_int_equal(f.run.config.mounts_count, 6);
    assert_string_equal(m[0].type, "bind");
    assert_string_equal(m[0].source, "/a/c");
    assert_string_equal(m[0].target, "/x/y");
    assert_false(m[0].source_must_exist);
    assert_string_equal(m[1].type, "volume");
    assert_true(m[1].readonly && m[1].no_copy);
    assert_true(m[2].anonymous);
    assert_null(m[2].source);
    assert_string_equal(m[3].source, "/s");
    assert_true(m[3].readonly && m[3].source_must_exist);
    assert_string_equal(m[4].options, "size=1048576,mode=1777");
    assert_string_equal(m[5].options, "size=64k,exec");
    done(&f);
    REFUSED("duplicate mount point", "-v", "/a:/x", "--tmpfs", "/x/", "img");
    REFUSED("absolute", "-v", "ab:b", "img");
    REFUSED("cannot be /", "-v", "/a:/", "img");
    REFUSED("cannot be /", "-v", "/a:/x/..", "img");
    REFUSED("no option", "-v", "/a:/b:xx", "img");
    REFUSED("SOURCE", "-v", "/a:/b:ro:z", "img");
    REFUSED("name of a volume", "-v", "x/y:/b", "img");
    REFUSED("name of a volume", "-v", "-x:/b", "img");
    REFUSED("source is missing", "--mount", "type=bind,dst=/x", "img");
    REFUSED("absolute", "--mount", "type=tmpfs", "img");
    REFUSED("NAME=VALUE", "--mount", "type", "img");
    REFUSED("not supported", "--mount", "type=volume,dst=/x,volume-driver=y", "img");
    REFUSED("type must be", "--mount", "type=npipe,dst=/x", "img");
}

static void reads_networks_and_ports(void **state)
{
    (void)state;
    struct fixture f;
    assert_int_equal(FILL(&f, "-p", "8080:80", "-p", "127.0.0.1:53:53/udp", "--expose", "90-91",
                          "--add-host", "a:10.0.0.1", "--add-host", "b=[::1]", "--add-host",
                          "c:host-gateway", "--dns", "1.1.1.1", "-h", "box", "img"),
                     0);
    const struct engine_network *n = &f.run.config.network;
    assert_int_equal(n->ports_count, 2);
    assert_int_equal(n->ports[0].host_first, 8080);
    assert_null(n->ports[0].host_address);
    assert_string_equal(n->ports[1].protocol, "udp");
    assert_string_equal(n->ports[1].host_address, "127.0.0.1");
    assert_int_equal(n->exposed_count, 2);
    assert_string_equal(n->exposed[1], "91/tcp");
    assert_string_equal(n->extra_hosts[1], "b:::1");
    assert_string_equal(n->hostname, "box");
    done(&f);
    assert_int_equal(FILL(&f, "--net", "container:web", "--pid", "container:web", "img"), 0);
    assert_string_equal(f.run.config.network.mode + 10, web_id);
    assert_string_equal(f.run.config.security.pid_mode + 10, web_id);
    done(&f);
    REFUSED("not found", "--network", "mine", "img");
    REFUSED("no such instance", "--network", "container:db", "img");
    REFUSED("publishing", "--network", "container:web", "-p", "80", "img");
    REFUSED("--hostname", "--network", "container:web", "-h", "x", "img");
    REFUSED("no IP address", "--add-host", "a:b", "img");
    REFUSED("--expose", "--expose", "0", "img");
    REFUSED("IP address", "--dns", "x", "img");
}

static void reads_security(void **state)
{
    (void)state;
    struct fixture f;
    assert_int_equal(FILL(&f, "--security-opt", "no-new-privileges", "--security-opt",
                          "seccomp:unconfined", "--cap-add", "ALL", "--cap-drop", "mknod",
                          "--device", "/dev/fuse", "--device", "/dev/a:r", "--device",
                          "/dev/b:/dev/c:rw", "--sysctl", "net.ipv4.ip_forward=1", "--uts", "host",
                          "img"),
                     0);
    const struct engine_security *s = &f.run.config.security;
    assert_int_equal(s->options_count, 2);
    assert_string_equal(s->options[1], "seccomp=unconfined");
    assert_string_equal(s->cap_drop[0], "mknod");
    assert_int_equal(s->devices_count, 3);
    assert_string_equal(s->devices[0].access, "rwm");
    assert_string_equal(s->devices[1].target, "/dev/a");
    assert_string_equal(s->devices[1].access, "r");
    assert_string_equal(s->devices[2].target, "/dev/c");
    assert_string_equal(s->sysctls[0].key, "net.ipv4.ip_forward");
    assert_string_equal(s->uts_mode, "host");
    done(&f);
    REFUSED("namespace", "--sysctl", "kernel.panic=1", "img");
    REFUSED("reading the seccomp profile", "--security-opt", "seccomp=/nonexistent/x", "img");
    REFUSED("no such option", "--security-opt", "magic", "img");
    REFUSED("no such mode", "--pid", "other", "img");
    REFUSED("no such mode", "--userns", "private", "img");
    REFUSED("letters", "--device", "/dev/a:/dev/b:x", "img");
    REFUSED("--uts host", "--uts", "host", "-h", "x", "img");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_what_is_not_given_to_the_engine),
        cmocka_unit_test(takes_the_process_apart),
        cmocka_unit_test(reads_files_of_variables),
        cmocka_unit_test(counts_resources_exactly),
        cmocka_unit_test(reads_docker_mounts),
        cmocka_unit_test(reads_networks_and_ports),
        cmocka_unit_test(reads_security),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
