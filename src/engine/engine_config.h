/*
 * The configuration of an instance: what its owner asked for, neutral of the isolation that runs
 * it. It is kept as <home>/config in JSON (docs/state.md, "Instances") and read and written by one
 * set of tables (engine_config.c).
 *
 * Conventions are those of spec/spec_runtime.h: a string is NULL where absent, a list ends with a
 * NULL that `_count` does not count, a number for which absent differs from zero has a `has_`
 * beside it. What engine_config_parse returns is owned by its document and freed by
 * engine_config_free; one that a caller fills in by hand points wherever the caller likes.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "spec/spec_runtime.h"
#include "json/json_bind.h"

/* Bumped whenever an older program would misread the file. */
#define ENGINE_CONFIG_VERSION 1
#define ENGINE_CONFIG_MAX_BYTES (4u << 20)

struct engine_process {
    const char **entrypoint; /* entrypoint and cmd together are the argument vector */
    size_t entrypoint_count;
    const char **cmd;
    size_t cmd_count;
    const char **env; /* NAME=value, the image's first */
    size_t env_count;
    const char *cwd;  /* NULL: "/" */
    const char *user; /* USER[:GROUP], names or numbers; NULL: root */
    bool tty;
    bool open_stdin;
    bool stdin_once; /* close it when the first attached client leaves */
    bool attach_stdin;
    bool attach_stdout;
    bool attach_stderr;
    bool init; /* run strata-init as process 1 */
    const char **groups;
    size_t groups_count;     /* supplementary, names or numbers */
    const char *stop_signal; /* "SIGTERM", "15"; NULL: SIGTERM */
    bool has_stop_timeout_s;
    int64_t stop_timeout_s;
};

struct engine_resources {
    int64_t nano_cpus; /* billionths of a CPU; 0: no limit, as for all below */
    int64_t cpu_shares;
    int64_t cpu_quota_us;
    int64_t cpu_period_us;
    const char *cpuset_cpus;
    const char *cpuset_mems;
    int64_t memory_bytes;
    int64_t memory_swap_bytes; /* memory and swap together; -1: unlimited */
    int64_t memory_reservation_bytes;
    bool has_swappiness;
    int64_t swappiness;
    int64_t pids_limit; /* 0 and -1: no limit */
    int64_t blkio_weight;
    bool oom_kill_disable;
    int64_t oom_score_adj;
    int64_t shm_bytes;           /* 0: 64 MiB */
    struct spec_rlimit *ulimits; /* names as `--ulimit` has them: "nofile" */
    size_t ulimits_count;
};

struct engine_mount {
    const char *type;   /* "bind", "volume", "tmpfs" */
    const char *source; /* bind: a host path; volume: its name, NULL for an anonymous one */
    const char *target; /* absolute path in the instance */
    bool readonly;
    bool no_copy;            /* volume: never filled from the image */
    bool anonymous;          /* volume: named by the engine, goes with a removed --rm instance */
    bool source_must_exist;  /* bind: --mount has it so, -v makes a folder */
    const char *propagation; /* bind: "rprivate" ...; NULL: rprivate */
    const char *options;     /* tmpfs: mount options, comma separated */
    const char *spelled;     /* as -v or --tmpfs had it, for inspect; NULL from --mount */
};

struct engine_device {
    const char *host;
    const char *target;
    const char *access; /* of "rwm" */
};

struct engine_port {
    const char *protocol;     /* "tcp" or "udp" */
    uint32_t port;            /* in the instance */
    const char *host_address; /* NULL: all */
    uint32_t host_first;      /* 0: any free one, chosen at each start */
    uint32_t host_last;       /* above host_first: the first free one of this range */
};

struct engine_network {
    const char *mode; /* "bridge", "host", "none", "container:<64 digits>"; of a vm "user" */
    struct engine_port *ports;
    size_t ports_count;
    const char **exposed; /* "80/tcp" */
    size_t exposed_count;
    bool publish_all; /* every exposed port, on free host ports */
    const char *hostname;
    const char *domainname;
    const char **extra_hosts; /* "name:address" */
    size_t extra_hosts_count;
    const char **dns;
    size_t dns_count;
    const char **dns_search;
    size_t dns_search_count;
    const char **dns_options;
    size_t dns_options_count;
};

struct engine_security {
    bool privileged;
    bool readonly_root;
    const char **cap_add;
    size_t cap_add_count;
    const char **cap_drop;
    size_t cap_drop_count;
    const char **options; /* as --security-opt has them */
    size_t options_count;
    const char *seccomp;     /* the text of a profile of the user's, as JSON; NULL: by options */
    const char *pid_mode;    /* NULL: private, "host", "container:<64 digits>" */
    const char *ipc_mode;    /* NULL: private; "none", "shareable", "host", "container:..." */
    const char *uts_mode;    /* NULL: private; "host" */
    const char *cgroup_mode; /* NULL: by the host's default; "private", "host" */
    struct json_pair *sysctls;
    size_t sysctls_count;
    struct engine_device *devices;
    size_t devices_count;
};

struct engine_restart {
    const char *policy;  /* NULL, "no", "always", "unless-stopped", "on-failure" */
    int64_t max_retries; /* on-failure: 0: no bound */
};

struct engine_logging {
    const char *driver; /* NULL: "json-file"; "none" */
    struct json_pair *options;
    size_t options_count;
};

struct engine_config {
    struct json_doc *doc; /* owns all of a parsed one */
    int64_t version;
    const char *id; /* 64 hexadecimal digits */
    const char *name;
    int64_t created_ns;    /* since 1970 */
    const char *isolation; /* "container", "vm", "jvm" */
    const char *image;     /* as it was asked for; a jar; the kernel of a vm without an image */
    const char *image_id;  /* "sha256:..."; NULL: a jar, or a vm that boots a kernel of its owner's:
                              the process's arguments are strata-vm's */
    bool no_image;         /* for engine_create, not kept: a jar or a kernel of the owner's */
    bool auto_remove;
    struct engine_process process;
    struct engine_resources resources;
    struct engine_mount *mounts;
    size_t mounts_count;
    struct engine_network network;
    struct engine_security security;
    struct engine_restart restart;
    struct engine_logging logging;
    struct json_pair *labels;
    size_t labels_count;
};

/* Reads a config file's text. Returns 0; -ST_EVERSION for one of a newer program, -ST_ECORRUPT for
 * what is not such a file (err says where), -ST_ENOMEM. */
int engine_config_parse(const char *text, size_t length, struct engine_config **ret_config,
                        struct st_err *err);

/* Appends the file's text. Returns 0 or the buffer's failure. */
int engine_config_write(const struct engine_config *config, struct st_buf *to);

/* Returns NULL; takes NULL. Only for what engine_config_parse returned. */
struct engine_config *engine_config_free(struct engine_config *config);

/* 0, or -ST_EINVAL with what cannot be: ranges, names, paths, modes. For a filled-in config before
 * it is made and for every one that is read. */
int engine_config_check(const struct engine_config *config, struct st_err *err);
