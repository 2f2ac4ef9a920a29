/*
 * The binding tables of config.json: which member is which field of the structs in spec_runtime.h.
 */
#include "spec/spec_runtime_priv.h"

#define COUNTED(names_of) ST_COUNT(names_of), names_of

static const char *const namespace_names[] = {
    [SPEC_NS_PID] = "pid",       [SPEC_NS_NETWORK] = "network", [SPEC_NS_MOUNT] = "mount",
    [SPEC_NS_IPC] = "ipc",       [SPEC_NS_UTS] = "uts",         [SPEC_NS_USER] = "user",
    [SPEC_NS_CGROUP] = "cgroup", [SPEC_NS_TIME] = "time",
};
static_assert(ST_COUNT(namespace_names) == SPEC_NS_COUNT, "each namespace type has its name");
const struct json_names spec_namespace_names = {"namespace type", COUNTED(namespace_names)};

static const char *const action_names[] = {
    [SPEC_ACT_KILL] = "SCMP_ACT_KILL",
    [SPEC_ACT_KILL_THREAD] = "SCMP_ACT_KILL_THREAD",
    [SPEC_ACT_KILL_PROCESS] = "SCMP_ACT_KILL_PROCESS",
    [SPEC_ACT_TRAP] = "SCMP_ACT_TRAP",
    [SPEC_ACT_ERRNO] = "SCMP_ACT_ERRNO",
    [SPEC_ACT_TRACE] = "SCMP_ACT_TRACE",
    [SPEC_ACT_ALLOW] = "SCMP_ACT_ALLOW",
    [SPEC_ACT_LOG] = "SCMP_ACT_LOG",
    [SPEC_ACT_NOTIFY] = "SCMP_ACT_NOTIFY",
};
static_assert(ST_COUNT(action_names) == SPEC_ACT_COUNT, "each action has its name");
const struct json_names spec_action_names = {"seccomp action", COUNTED(action_names)};

static const char *const op_names[] = {
    [SPEC_CMP_NE] = "SCMP_CMP_NE",
    [SPEC_CMP_LT] = "SCMP_CMP_LT",
    [SPEC_CMP_LE] = "SCMP_CMP_LE",
    [SPEC_CMP_EQ] = "SCMP_CMP_EQ",
    [SPEC_CMP_GE] = "SCMP_CMP_GE",
    [SPEC_CMP_GT] = "SCMP_CMP_GT",
    [SPEC_CMP_MASKED_EQ] = "SCMP_CMP_MASKED_EQ",
};
static_assert(ST_COUNT(op_names) == SPEC_CMP_COUNT, "each operator has its name");
const struct json_names spec_op_names = {"seccomp operator", COUNTED(op_names)};

/* The process. */

#define T struct spec_console_size
static const struct json_field console_size_fields[] = {
    JSON_U32(T, "height", height, JSON_KEEP),
    JSON_U32(T, "width", width, JSON_KEEP),
};
static const struct json_table console_size = JSON_TABLE(T, console_size_fields);
#undef T

#define T struct spec_user
static const struct json_field user_fields[] = {
    JSON_U32(T, "uid", uid, JSON_KEEP), JSON_U32(T, "gid", gid, JSON_KEEP),
    JSON_OPT_U32(T, "umask", umask),    JSON_U32S(T, "additionalGids", additional_gids),
    JSON_STR(T, "username", username),
};
static const struct json_table user = JSON_TABLE(T, user_fields);
#undef T

#define T struct spec_capabilities
static const struct json_field capabilities_fields[] = {
    JSON_STRINGS(T, "bounding", bounding),       JSON_STRINGS(T, "effective", effective),
    JSON_STRINGS(T, "inheritable", inheritable), JSON_STRINGS(T, "permitted", permitted),
    JSON_STRINGS(T, "ambient", ambient),
};
static const struct json_table capabilities = JSON_TABLE(T, capabilities_fields);
#undef T

#define T struct spec_rlimit
static const struct json_field rlimit_fields[] = {
    JSON_STR(T, "type", type),
    JSON_U64(T, "hard", hard, JSON_KEEP),
    JSON_U64(T, "soft", soft, JSON_KEEP),
};
static const struct json_table rlimit = JSON_TABLE(T, rlimit_fields);
#undef T

#define T struct spec_scheduler
static const struct json_field scheduler_fields[] = {
    JSON_STR(T, "policy", policy),         JSON_I32(T, "nice", nice, 0),
    JSON_I32(T, "priority", priority, 0),  JSON_STRINGS(T, "flags", flags),
    JSON_U64(T, "runtime", runtime_ns, 0), JSON_U64(T, "deadline", deadline_ns, 0),
    JSON_U64(T, "period", period_ns, 0),
};
static const struct json_table scheduler = JSON_TABLE(T, scheduler_fields);
#undef T

#define T struct spec_io_priority
static const struct json_field io_priority_fields[] = {
    JSON_STR(T, "class", class),
    JSON_I32(T, "priority", priority, JSON_KEEP),
};
static const struct json_table io_priority = JSON_TABLE(T, io_priority_fields);
#undef T

#define T struct spec_exec_affinity
static const struct json_field exec_affinity_fields[] = {
    JSON_STR(T, "initial", initial),
    JSON_STR(T, "final", final),
};
static const struct json_table exec_affinity = JSON_TABLE(T, exec_affinity_fields);
#undef T

#define T struct spec_process
static const struct json_field process_fields[] = {
    JSON_BOOLEAN(T, "terminal", terminal, 0),
    JSON_STRUCT(T, "consoleSize", console_size, struct spec_console_size, &console_size),
    JSON_EMBED(T, "user", user, struct spec_user, &user),
    JSON_STRINGS(T, "args", args),
    JSON_STRINGS(T, "env", env),
    JSON_STR(T, "cwd", cwd),
    JSON_STRUCT(T, "capabilities", capabilities, struct spec_capabilities, &capabilities),
    JSON_STRUCTS(T, "rlimits", rlimits, struct spec_rlimit, &rlimit),
    JSON_BOOLEAN(T, "noNewPrivileges", no_new_privileges, 0),
    JSON_STR(T, "apparmorProfile", apparmor_profile),
    JSON_STR(T, "selinuxLabel", selinux_label),
    JSON_OPT_I32(T, "oomScoreAdj", oom_score_adj),
    JSON_STRUCT(T, "scheduler", scheduler, struct spec_scheduler, &scheduler),
    JSON_STRUCT(T, "ioPriority", io_priority, struct spec_io_priority, &io_priority),
    JSON_STRUCT(T, "execCPUAffinity", exec_cpu_affinity, struct spec_exec_affinity, &exec_affinity),
};
const struct json_table spec_process_table = JSON_TABLE(T, process_fields);
#undef T

/* Root, mounts, hooks. */

#define T struct spec_root
static const struct json_field root_fields[] = {
    JSON_STR(T, "path", path),
    JSON_BOOLEAN(T, "readonly", readonly, 0),
};
static const struct json_table root = JSON_TABLE(T, root_fields);
#undef T

#define T struct spec_id_mapping
static const struct json_field id_mapping_fields[] = {
    JSON_U32(T, "containerID", container_id, JSON_KEEP),
    JSON_U32(T, "hostID", host_id, JSON_KEEP),
    JSON_U32(T, "size", size, JSON_KEEP),
};
static const struct json_table id_mapping = JSON_TABLE(T, id_mapping_fields);
#undef T

#define T struct spec_mount
static const struct json_field mount_fields[] = {
    JSON_STR(T, "destination", destination),
    JSON_STR(T, "type", type),
    JSON_STR(T, "source", source),
    JSON_STRINGS(T, "options", options),
    JSON_STRUCTS(T, "uidMappings", uid_mappings, struct spec_id_mapping, &id_mapping),
    JSON_STRUCTS(T, "gidMappings", gid_mappings, struct spec_id_mapping, &id_mapping),
};
static const struct json_table mount = JSON_TABLE(T, mount_fields);
#undef T

#define T struct spec_hook
static const struct json_field hook_fields[] = {
    JSON_STR(T, "path", path),
    JSON_STRINGS(T, "args", args),
    JSON_STRINGS(T, "env", env),
    JSON_OPT_I32(T, "timeout", timeout_seconds),
};
static const struct json_table hook = JSON_TABLE(T, hook_fields);
#undef T

#define T struct spec_hooks
static const struct json_field hooks_fields[] = {
    JSON_STRUCTS(T, "prestart", prestart, struct spec_hook, &hook),
    JSON_STRUCTS(T, "createRuntime", create_runtime, struct spec_hook, &hook),
    JSON_STRUCTS(T, "createContainer", create_container, struct spec_hook, &hook),
    JSON_STRUCTS(T, "startContainer", start_container, struct spec_hook, &hook),
    JSON_STRUCTS(T, "poststart", poststart, struct spec_hook, &hook),
    JSON_STRUCTS(T, "poststop", poststop, struct spec_hook, &hook),
};
static const struct json_table hooks = JSON_TABLE(T, hooks_fields);
#undef T

/* Linux. */

#define T struct spec_namespace
static const struct json_field namespace_fields[] = {
    JSON_NAMED(T, "type", type, enum spec_namespace_type, &spec_namespace_names),
    JSON_STR(T, "path", path),
};
static const struct json_table namespace = JSON_TABLE(T, namespace_fields);
#undef T

#define T struct spec_time_offset
static const struct json_field time_offset_fields[] = {
    JSON_I64(T, "secs", seconds, 0),
    JSON_U32(T, "nanosecs", nanoseconds, 0),
};
static const struct json_table time_offset = JSON_TABLE(T, time_offset_fields);
#undef T

#define T struct spec_time_offsets
static const struct json_field time_offsets_fields[] = {
    JSON_STRUCT(T, "monotonic", monotonic, struct spec_time_offset, &time_offset),
    JSON_STRUCT(T, "boottime", boottime, struct spec_time_offset, &time_offset),
};
static const struct json_table time_offsets = JSON_TABLE(T, time_offsets_fields);
#undef T

#define T struct spec_device
static const struct json_field device_fields[] = {
    JSON_STR(T, "path", path),
    JSON_STR(T, "type", type),
    JSON_I64(T, "major", major, JSON_KEEP),
    JSON_I64(T, "minor", minor, JSON_KEEP),
    JSON_OPT_U32(T, "fileMode", file_mode),
    JSON_OPT_U32(T, "uid", uid),
    JSON_OPT_U32(T, "gid", gid),
};
static const struct json_table device = JSON_TABLE(T, device_fields);
#undef T

#define T struct spec_personality
static const struct json_field personality_fields[] = {
    JSON_STR(T, "domain", domain),
    JSON_STRINGS(T, "flags", flags),
};
static const struct json_table personality = JSON_TABLE(T, personality_fields);
#undef T

#define T struct spec_seccomp_arg
static const struct json_field seccomp_arg_fields[] = {
    JSON_U32(T, "index", index, JSON_KEEP),
    JSON_U64(T, "value", value, JSON_KEEP),
    JSON_U64(T, "valueTwo", value_two, 0),
    JSON_NAMED(T, "op", op, enum spec_seccomp_op, &spec_op_names),
};
static const struct json_table seccomp_arg = JSON_TABLE(T, seccomp_arg_fields);
#undef T

#define T struct spec_seccomp_syscall
static const struct json_field seccomp_syscall_fields[] = {
    JSON_STRINGS(T, "names", names),
    JSON_NAMED(T, "action", action, enum spec_seccomp_action, &spec_action_names),
    JSON_OPT_U32(T, "errnoRet", errno_ret),
    JSON_STRUCTS(T, "args", args, struct spec_seccomp_arg, &seccomp_arg),
};
static const struct json_table seccomp_syscall = JSON_TABLE(T, seccomp_syscall_fields);
#undef T

#define T struct spec_seccomp
static const struct json_field seccomp_fields[] = {
    JSON_NAMED(T, "defaultAction", default_action, enum spec_seccomp_action, &spec_action_names),
    JSON_OPT_U32(T, "defaultErrnoRet", default_errno_ret),
    JSON_STRINGS(T, "architectures", architectures),
    JSON_STRINGS(T, "flags", flags),
    JSON_STR(T, "listenerPath", listener_path),
    JSON_STR(T, "listenerMetadata", listener_metadata),
    JSON_STRUCTS(T, "syscalls", syscalls, struct spec_seccomp_syscall, &seccomp_syscall),
};
static const struct json_table seccomp = JSON_TABLE(T, seccomp_fields);
#undef T

#define T struct spec_linux
static const struct json_field linux_fields[] = {
    JSON_STRUCTS(T, "uidMappings", uid_mappings, struct spec_id_mapping, &id_mapping),
    JSON_STRUCTS(T, "gidMappings", gid_mappings, struct spec_id_mapping, &id_mapping),
    JSON_PAIRS(T, "sysctl", sysctl),
    JSON_STRUCT(T, "resources", resources, struct spec_resources, &spec_resources_table),
    JSON_STR(T, "cgroupsPath", cgroups_path),
    JSON_STRUCTS(T, "namespaces", namespaces, struct spec_namespace, &namespace),
    JSON_STRUCTS(T, "devices", devices, struct spec_device, &device),
    JSON_STRUCT(T, "seccomp", seccomp, struct spec_seccomp, &seccomp),
    JSON_STR(T, "rootfsPropagation", rootfs_propagation),
    JSON_STRINGS(T, "maskedPaths", masked_paths),
    JSON_STRINGS(T, "readonlyPaths", readonly_paths),
    JSON_STR(T, "mountLabel", mount_label),
    JSON_STRUCT(T, "personality", personality, struct spec_personality, &personality),
    JSON_STRUCT(T, "timeOffsets", time_offsets, struct spec_time_offsets, &time_offsets),
};
static const struct json_table linux_table = JSON_TABLE(T, linux_fields);
#undef T

#define T struct spec_runtime
static const struct json_field runtime_fields[] = {
    JSON_STR(T, "ociVersion", oci_version),
    JSON_STRUCT(T, "process", process, struct spec_process, &spec_process_table),
    JSON_STRUCT(T, "root", root, struct spec_root, &root),
    JSON_STR(T, "hostname", hostname),
    JSON_STR(T, "domainname", domainname),
    JSON_STRUCTS(T, "mounts", mounts, struct spec_mount, &mount),
    JSON_STRUCT(T, "hooks", hooks, struct spec_hooks, &hooks),
    JSON_PAIRS(T, "annotations", annotations),
    JSON_STRUCT(T, "linux", linux_, struct spec_linux, &linux_table),
};
const struct json_table spec_runtime_table = JSON_TABLE(T, runtime_fields);
#undef T
