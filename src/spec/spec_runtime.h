/*
 * The container configuration of the OCI runtime specification 1.2.1 (config.json) for Linux, as C
 * structs: read, checked and written through one set of tables.
 *
 * Conventions of all structs here:
 *  - a string is NULL where its member is absent;
 *  - an array of strings ends with a NULL that `_count` does not count, and is itself NULL where
 * the member is absent, so an absent list differs from an empty one;
 *  - a pointer to a struct is NULL where the member is absent;
 *  - a number or flag for which absent differs from zero has a `has_` member beside it.
 *
 * Memory: everything that spec_runtime_parse returns, strings included, is owned by the root struct
 * and lives until spec_runtime_free; it may be changed in place, also to point at the caller's own
 * memory (the root never frees a member by itself). A struct that the caller fills in by hand for
 * spec_runtime_write needs no allocation rule at all. Not thread-safe while being changed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "json/json_doc.h"

/* The largest config.json that is read. */
#define SPEC_RUNTIME_MAX_BYTES (4u << 20)

/* The version of the specification that spec_runtime_default writes. */
#define SPEC_RUNTIME_VERSION "1.2.1"

struct spec_console_size {
    uint32_t height; /* rows */
    uint32_t width;  /* columns */
};

struct spec_user {
    uint32_t uid;
    uint32_t gid;
    bool has_umask;
    uint32_t umask;
    uint32_t *additional_gids;
    size_t additional_gids_count;
    const char *username; /* of no meaning on Linux */
};

struct spec_capabilities { /* names such as CAP_NET_RAW */
    const char **bounding;
    size_t bounding_count;
    const char **effective;
    size_t effective_count;
    const char **inheritable;
    size_t inheritable_count;
    const char **permitted;
    size_t permitted_count;
    const char **ambient;
    size_t ambient_count;
};

struct spec_rlimit {
    const char *type; /* RLIMIT_NOFILE ... */
    uint64_t hard;    /* UINT64_MAX: unlimited */
    uint64_t soft;
};

struct spec_scheduler {
    const char *policy; /* SCHED_OTHER ... SCHED_DEADLINE */
    int32_t nice;
    int32_t priority;
    const char **flags; /* SCHED_FLAG_... */
    size_t flags_count;
    uint64_t runtime_ns;
    uint64_t deadline_ns;
    uint64_t period_ns;
};

struct spec_io_priority {
    const char *class; /* IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE */
    int32_t priority;
};

struct spec_exec_affinity { /* lists of CPUs as "0-3,7" */
    const char *initial;
    const char *final;
};

struct spec_process {
    bool terminal;
    struct spec_console_size *console_size;
    struct spec_user user;
    const char **args;
    size_t args_count;
    const char **env; /* NAME=value */
    size_t env_count;
    const char *cwd;
    struct spec_capabilities *capabilities; /* absent: no change is asked for */
    struct spec_rlimit *rlimits;
    size_t rlimits_count;
    bool no_new_privileges;
    const char *apparmor_profile;
    const char *selinux_label;
    bool has_oom_score_adj;
    int32_t oom_score_adj;
    struct spec_scheduler *scheduler;
    struct spec_io_priority *io_priority;
    struct spec_exec_affinity *exec_cpu_affinity;
};

struct spec_root {
    const char *path;
    bool readonly;
};

struct spec_id_mapping {
    uint32_t container_id;
    uint32_t host_id;
    uint32_t size;
};

struct spec_mount {
    const char *destination;
    const char *type;
    const char *source;
    const char **options;
    size_t options_count;
    struct spec_id_mapping *uid_mappings;
    size_t uid_mappings_count;
    struct spec_id_mapping *gid_mappings;
    size_t gid_mappings_count;
};

struct spec_hook {
    const char *path;
    const char **args;
    size_t args_count;
    const char **env;
    size_t env_count;
    bool has_timeout_seconds;
    int32_t timeout_seconds;
};

struct spec_hooks {
    struct spec_hook *prestart; /* deprecated, still run */
    size_t prestart_count;
    struct spec_hook *create_runtime;
    size_t create_runtime_count;
    struct spec_hook *create_container;
    size_t create_container_count;
    struct spec_hook *start_container;
    size_t start_container_count;
    struct spec_hook *poststart;
    size_t poststart_count;
    struct spec_hook *poststop;
    size_t poststop_count;
};

enum spec_namespace_type {
    SPEC_NS_PID,
    SPEC_NS_NETWORK,
    SPEC_NS_MOUNT,
    SPEC_NS_IPC,
    SPEC_NS_UTS,
    SPEC_NS_USER,
    SPEC_NS_CGROUP,
    SPEC_NS_TIME,
    SPEC_NS_COUNT,
};

struct spec_namespace {
    enum spec_namespace_type type;
    const char *path; /* NULL: a new one */
};

struct spec_time_offset {
    int64_t seconds;
    uint32_t nanoseconds;
};

struct spec_time_offsets {
    struct spec_time_offset *monotonic;
    struct spec_time_offset *boottime;
};

struct spec_device {
    const char *type; /* "c", "b", "u" or "p" */
    const char *path;
    int64_t major;
    int64_t minor;
    bool has_file_mode;
    uint32_t file_mode;
    bool has_uid;
    uint32_t uid;
    bool has_gid;
    uint32_t gid;
};

struct spec_device_rule {
    bool allow;
    const char *type; /* "a", "c", "b"; NULL: all */
    bool has_major;   /* absent or negative: all */
    int64_t major;
    bool has_minor;
    int64_t minor;
    const char *access; /* of the letters "rwm" */
};

struct spec_memory { /* bytes; -1: unlimited */
    bool has_limit;
    int64_t limit;
    bool has_reservation;
    int64_t reservation;
    bool has_swap; /* memory and swap together */
    int64_t swap;
    bool has_kernel;
    int64_t kernel;
    bool has_kernel_tcp;
    int64_t kernel_tcp;
    bool has_swappiness;
    uint64_t swappiness;
    bool has_disable_oom_killer;
    bool disable_oom_killer;
    bool has_use_hierarchy;
    bool use_hierarchy;
    bool has_check_before_update;
    bool check_before_update;
};

struct spec_cpu { /* times in microseconds */
    bool has_shares;
    uint64_t shares;
    bool has_quota;
    int64_t quota;
    bool has_burst;
    uint64_t burst;
    bool has_period;
    uint64_t period;
    bool has_realtime_runtime;
    int64_t realtime_runtime;
    bool has_realtime_period;
    uint64_t realtime_period;
    const char *cpus;
    const char *mems;
    bool has_idle;
    int64_t idle;
};

struct spec_pids {
    bool has_limit;
    int64_t limit; /* 0 and below: see the specification; -1: unlimited */
};

struct spec_weight_device {
    int64_t major;
    int64_t minor;
    bool has_weight;
    uint16_t weight;
    bool has_leaf_weight;
    uint16_t leaf_weight;
};

struct spec_throttle_device {
    int64_t major;
    int64_t minor;
    uint64_t rate; /* bytes or operations a second */
};

struct spec_block_io {
    bool has_weight;
    uint16_t weight;
    bool has_leaf_weight;
    uint16_t leaf_weight;
    struct spec_weight_device *weight_device;
    size_t weight_device_count;
    struct spec_throttle_device *read_bps;
    size_t read_bps_count;
    struct spec_throttle_device *write_bps;
    size_t write_bps_count;
    struct spec_throttle_device *read_iops;
    size_t read_iops_count;
    struct spec_throttle_device *write_iops;
    size_t write_iops_count;
};

struct spec_hugepage_limit {
    const char *page_size; /* "2MB", "1GB", "64KB" */
    uint64_t limit;        /* bytes */
};

struct spec_interface_priority {
    const char *name;
    uint32_t priority;
};

struct spec_network {
    bool has_class_id;
    uint32_t class_id;
    struct spec_interface_priority *priorities;
    size_t priorities_count;
};

struct spec_rdma {
    const char *device;
    bool has_hca_handles;
    uint32_t hca_handles;
    bool has_hca_objects;
    uint32_t hca_objects;
};

struct spec_resources {
    struct spec_device_rule *devices;
    size_t devices_count;
    struct spec_memory *memory;
    struct spec_cpu *cpu;
    struct spec_pids *pids;
    struct spec_block_io *block_io;
    struct spec_hugepage_limit *hugepage_limits;
    size_t hugepage_limits_count;
    struct spec_network *network;
    struct spec_rdma *rdma;
    size_t rdma_count;
    struct json_pair *unified; /* cgroup v2 file -> text to write */
    size_t unified_count;
};

enum spec_seccomp_action {
    SPEC_ACT_KILL, /* the thread */
    SPEC_ACT_KILL_THREAD,
    SPEC_ACT_KILL_PROCESS,
    SPEC_ACT_TRAP,
    SPEC_ACT_ERRNO,
    SPEC_ACT_TRACE,
    SPEC_ACT_ALLOW,
    SPEC_ACT_LOG,
    SPEC_ACT_NOTIFY,
    SPEC_ACT_COUNT,
};

enum spec_seccomp_op {
    SPEC_CMP_NE,
    SPEC_CMP_LT,
    SPEC_CMP_LE,
    SPEC_CMP_EQ,
    SPEC_CMP_GE,
    SPEC_CMP_GT,
    SPEC_CMP_MASKED_EQ, /* (argument & value) == value_two */
    SPEC_CMP_COUNT,
};

struct spec_seccomp_arg {
    uint32_t index; /* 0 to 5 */
    uint64_t value;
    uint64_t value_two;
    enum spec_seccomp_op op;
};

struct spec_seccomp_syscall {
    const char **names;
    size_t names_count;
    enum spec_seccomp_action action;
    bool has_errno_ret;
    uint32_t errno_ret; /* also the datum of SPEC_ACT_TRACE */
    struct spec_seccomp_arg *args;
    size_t args_count;
};

struct spec_seccomp {
    enum spec_seccomp_action default_action;
    bool has_default_errno_ret;
    uint32_t default_errno_ret;
    const char **architectures; /* SCMP_ARCH_X86_64 ... */
    size_t architectures_count;
    const char **flags; /* SECCOMP_FILTER_FLAG_... */
    size_t flags_count;
    const char *listener_path;
    const char *listener_metadata;
    struct spec_seccomp_syscall *syscalls;
    size_t syscalls_count;
};

struct spec_personality {
    const char *domain; /* "LINUX" or "LINUX32" */
    const char **flags; /* none is defined */
    size_t flags_count;
};

struct spec_linux {
    struct spec_namespace *namespaces;
    size_t namespaces_count;
    struct spec_id_mapping *uid_mappings;
    size_t uid_mappings_count;
    struct spec_id_mapping *gid_mappings;
    size_t gid_mappings_count;
    struct spec_time_offsets *time_offsets;
    struct spec_device *devices;
    size_t devices_count;
    const char *cgroups_path;
    struct spec_resources *resources;
    const char *rootfs_propagation; /* "shared", "slave", "private", "unbindable", r-forms too */
    struct spec_seccomp *seccomp;
    struct json_pair *sysctl;
    size_t sysctl_count;
    const char **masked_paths;
    size_t masked_paths_count;
    const char **readonly_paths;
    size_t readonly_paths_count;
    const char *mount_label;
    struct spec_personality *personality;
};

struct spec_runtime {
    struct json_doc *doc; /* owns all memory of a parsed one; NULL in one that was made by hand */
    const char *oci_version;
    struct spec_process *process; /* may be absent for create without start */
    struct spec_root *root;
    const char *hostname;
    const char *domainname;
    struct spec_mount *mounts;
    size_t mounts_count;
    struct spec_hooks *hooks;
    struct json_pair *annotations;
    size_t annotations_count;
    struct spec_linux *linux_; /* "linux" itself is a macro of GNU C */
};

/* Reads and checks a whole config.json. Members that the specification does not know are ignored.
 * Returns 0; -ST_ELIMIT above SPEC_RUNTIME_MAX_BYTES or nesting bounds, -ST_EINVAL for text that is
 * not JSON or not a valid configuration (err names the member), -ST_ENOMEM. */
int spec_runtime_parse(const char *text, size_t length, struct spec_runtime **ret_config,
                       struct st_err *err);

/* The checks that spec_runtime_parse makes, for one made by hand: 0 or -ST_EINVAL. */
int spec_runtime_check(const struct spec_runtime *config, struct st_err *err);

/* Returns NULL; takes NULL. Only for what spec_runtime_parse and spec_runtime_default returned. */
struct spec_runtime *spec_runtime_free(struct spec_runtime *config);

/* Appends the configuration as JSON: absent members are left out. indent: spaces a level, 0 for one
 * line. Returns 0 or the buffer's failure. */
int spec_runtime_write(const struct spec_runtime *config, unsigned indent, struct st_buf *to);

/* The configuration that `spec` prints: a shell in a fresh container; with rootless, in a user
 * namespace that maps uid and gid of the caller. Returns 0 or -ST_ENOMEM. */
int spec_runtime_default(bool rootless, uint32_t uid, uint32_t gid,
                         struct spec_runtime **ret_config);

/* One process (the file given to `exec --process`), checked as the config's own. It owns itself
 * through *ret_doc, freed by json_doc_free. */
int spec_process_parse(const char *text, size_t length, struct spec_process **ret_process,
                       struct json_doc **ret_doc, struct st_err *err);

/* Appends such a file, as spec_runtime_write. */
int spec_process_write(const struct spec_process *process, unsigned indent, struct st_buf *to);

/* 0, or -ST_EINVAL with what is wrong. */
int spec_process_check(const struct spec_process *process, struct st_err *err);

/* 0, or -ST_EINVAL with what is wrong. */
int spec_resources_check(const struct spec_resources *resources, struct st_err *err);

/* One resources object (the file given to `update --resources`). */
int spec_resources_parse(const char *text, size_t length, struct spec_resources **ret_resources,
                         struct json_doc **ret_doc, struct st_err *err);

/* The configuration's name of a namespace type ("pid", "network"...). Static storage. */
const char *spec_namespace_name(enum spec_namespace_type type);

/* The namespace entry of that type, or NULL. */
const struct spec_namespace *spec_runtime_namespace(const struct spec_runtime *config,
                                                    enum spec_namespace_type type);

/* The value of an annotation, or NULL. */
const char *spec_runtime_annotation(const struct spec_runtime *config, const char *key);
