/* The options of `strata run` and `strata create`: docker's, by their names, with help of our own.
 */
#include "strata/run_options.h"

#include "base/attr.h"

#define FLAG(opt, short_name, text)                                                                \
    {                                                                                              \
        .name = opt, .letter = short_name, .kind = CLI_FLAG, .help = text                          \
    }
#define TEXT(opt, short_name, value_name, text)                                                    \
    {                                                                                              \
        .name = opt, .letter = short_name, .kind = CLI_STRING, .value = value_name, .help = text   \
    }
#define LIST(opt, short_name, value_name, text)                                                    \
    {                                                                                              \
        .name = opt, .letter = short_name, .kind = CLI_LIST, .value = value_name, .help = text     \
    }
#define NUMBER(opt, short_name, value_name, text)                                                  \
    {                                                                                              \
        .name = opt, .letter = short_name, .kind = CLI_I64, .value = value_name, .help = text      \
    }
#define SIZE(opt, short_name, text)                                                                \
    {                                                                                              \
        .name = opt, .letter = short_name, .kind = CLI_SIZE, .value = "BYTES", .help = text        \
    }
#define UNSUPPORTED(opt)                                                                           \
    {                                                                                              \
        .name = opt, .kind = CLI_UNSUPPORTED                                                       \
    }

const struct cli_option run_process_options[] = {
    FLAG("interactive", 'i', "Keep standard input open."),
    FLAG("tty", 't', "Give the process a terminal."),
    FLAG("rm", 0, "Remove the instance and its anonymous volumes when it ends."),
    TEXT("name", 0, "NAME", "Give the instance this name. Without it a name is made up."),
    LIST("attach", 'a', "STREAM",
         "Attach stdin, stdout or stderr. Without it, those that -i asks for."),
    LIST("env", 'e', "NAME[=VALUE]",
         "Set a variable. Without a value it is the caller's variable of that name."),
    {.name = "env-file",
     .kind = CLI_LIST,
     .value = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .help = "Read variables from a file: one NAME=VALUE a line, # begins a comment."},
    TEXT("workdir", 'w', "PATH", "Start in this folder of the instance."),
    TEXT("user", 'u', "USER[:GROUP]", "Run as this user, by name or number."),
    LIST("group-add", 0, "GROUP", "Be a member of this group as well."),
    TEXT("entrypoint", 0, "COMMAND",
         "Run this instead of the image's entry point. An empty text removes the entry point."),
    FLAG("init", 0, "Run a small init as process 1 that passes on signals and reaps processes."),
    LIST("label", 'l', "NAME[=VALUE]", "Attach a label."),
    {.name = "label-file",
     .kind = CLI_LIST,
     .value = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .help = "Read labels from a file: one NAME=VALUE a line."},
    {.name = "cidfile",
     .kind = CLI_STRING,
     .value = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .help = "Write the instance's ID to this file, which must not exist yet."},
    TEXT("restart", 0, "POLICY",
         "Start it again when it ends: no, on-failure[:N], always or unless-stopped."),
    TEXT("stop-signal", 0, "SIGNAL", "Signal that asks the process to end."),
    NUMBER("stop-timeout", 0, "SECONDS", "Time that stop waits before it kills. -1: for ever."),
    {.name = "pull",
     .kind = CLI_STRING,
     .value = "WHEN",
     .fallback = "missing",
     .choices = "missing|never|always",
     .help = "Pull the image before running it."},
    TEXT("platform", 0, "OS/ARCH", "Want an image for this platform, which must be the host's."),
    {.name = "isolation",
     .kind = CLI_STRING,
     .value = "KIND",
     .fallback = "container",
     .help =
         "Layer that the instance is isolated at: container; vm, a virtual machine of its own with "
         "a network behind the host's; jvm, a Java virtual machine in a jail of its own, for which "
         "IMAGE is a jar. What that does not have is refused."},
    TEXT("log-driver", 0, "DRIVER", "Where the output is kept: json-file or none."),
    LIST("log-opt", 0, "NAME=VALUE", "Option of the log: max-size, max-file, compress ..."),
    {.name = "quiet", .letter = 'q', .kind = CLI_FLAG, .help = "Say nothing about pulling."},
    {.name = "disable-content-trust", .kind = CLI_FLAG},
    {.name = "no-healthcheck", .kind = CLI_FLAG, .help = "Do without the image's health check."},
    {0},
};

const struct cli_option run_resource_options[] = {
    TEXT("cpus", 0, "NUMBER", "Use at most this many CPUs; may have a fraction."),
    NUMBER("cpu-shares", 'c', "N", "Weight among those who compete for the CPUs."),
    NUMBER("cpu-period", 0, "MICROSECONDS", "Length of the period that --cpu-quota counts in."),
    NUMBER("cpu-quota", 0, "MICROSECONDS", "CPU time that may be used in a period."),
    TEXT("cpuset-cpus", 0, "LIST", "CPUs that may be used, such as 0-2,4."),
    TEXT("cpuset-mems", 0, "LIST", "Memory nodes that may be used."),
    SIZE("memory", 'm', "Use at most this much memory."),
    TEXT("memory-swap", 0, "BYTES",
         "Use at most this much memory and swap together. -1: no limit."),
    SIZE("memory-reservation", 0, "Memory that is left to it when memory is short."),
    NUMBER("memory-swappiness", 0, "PERCENT", "How readily its memory is swapped out, 0 to 100."),
    FLAG("oom-kill-disable", 0, "Do not kill processes when the memory limit is reached."),
    NUMBER("oom-score-adj", 0, "N", "Likelihood of being killed when the host has no memory left."),
    NUMBER("pids-limit", 0, "N", "Have at most this many processes. -1: no limit."),
    NUMBER("blkio-weight", 0, "N", "Weight among those who compete for disks, 10 to 1000."),
    LIST("ulimit", 0, "NAME=SOFT[:HARD]", "Limit of each process, such as nofile=1024:2048."),
    SIZE("shm-size", 0, "Size of /dev/shm."),
    {0},
};

const struct cli_option run_place_options[] = {
    LIST("volume", 'v', "[SOURCE:]TARGET[:OPTIONS]",
         "Mount a folder of the host (a path) or a volume (a name) at TARGET."),
    LIST("mount", 0, "FIELDS",
         "Mount by fields: type=bind|volume|tmpfs,source=...,target=...,readonly."),
    LIST("tmpfs", 0, "TARGET[:OPTIONS]", "Mount an empty folder that lives in memory."),
    FLAG("read-only", 0, "Mount the root folder read-only."),
    LIST("device", 0, "HOST[:TARGET[:ACCESS]]", "Give access to a device of the host."),
    LIST("publish", 'p', "[[ADDRESS:]PORT:]PORT[/PROTOCOL]",
         "Publish a port of the instance on the host."),
    FLAG("publish-all", 'P', "Publish all exposed ports on free ports of the host."),
    LIST("expose", 0, "PORT[/PROTOCOL]", "Say that the instance serves this port."),
    TEXT("network", 0, "MODE", "Network: bridge (the default), host, none or container:NAME."),
    {.name = "net", .kind = CLI_STRING, .value = "MODE"},
    TEXT("hostname", 'h', "NAME", "Host name inside. Without it, the beginning of the ID."),
    TEXT("domainname", 0, "NAME", "NIS domain name inside."),
    LIST("add-host", 0, "NAME:ADDRESS", "Add a line to /etc/hosts. host-gateway: the host itself."),
    LIST("dns", 0, "ADDRESS", "Ask this name server."),
    LIST("dns-search", 0, "DOMAIN", "Search names in this domain."),
    LIST("dns-option", 0, "OPTION", "Add an option to resolv.conf."),
    {.name = "dns-opt", .kind = CLI_LIST, .value = "OPTION"},
    {0},
};

const struct cli_option run_security_options[] = {
    FLAG("privileged", 0, "Give all capabilities and devices and no filters. It can own the host."),
    LIST("cap-add", 0, "CAPABILITY", "Add a capability, or ALL."),
    LIST("cap-drop", 0, "CAPABILITY", "Drop a capability, or ALL."),
    LIST("security-opt", 0, "OPTION",
         "Security option: no-new-privileges, seccomp=unconfined, seccomp=FILE, apparmor=PROFILE, "
         "label=..., systempaths=unconfined."),
    TEXT("pid", 0, "MODE", "Processes to see: host or container:NAME. Without it, its own."),
    TEXT("ipc", 0, "MODE", "IPC: none, private, shareable, host or container:NAME."),
    TEXT("uts", 0, "MODE", "Host name: host. Without it, its own."),
    TEXT("cgroupns", 0, "MODE", "View of cgroups: private or host."),
    TEXT("userns", 0, "MODE", "Users: host."),
    LIST("sysctl", 0, "NAME=VALUE", "Set a kernel parameter of the instance's namespaces."),
    UNSUPPORTED("annotation"),
    UNSUPPORTED("blkio-weight-device"),
    UNSUPPORTED("cgroup-parent"),
    UNSUPPORTED("cpu-count"),
    UNSUPPORTED("cpu-percent"),
    UNSUPPORTED("cpu-rt-period"),
    UNSUPPORTED("cpu-rt-runtime"),
    UNSUPPORTED("device-cgroup-rule"),
    UNSUPPORTED("device-read-bps"),
    UNSUPPORTED("device-read-iops"),
    UNSUPPORTED("device-write-bps"),
    UNSUPPORTED("device-write-iops"),
    UNSUPPORTED("gpus"),
    UNSUPPORTED("health-cmd"),
    UNSUPPORTED("health-interval"),
    UNSUPPORTED("health-retries"),
    UNSUPPORTED("health-start-interval"),
    UNSUPPORTED("health-start-period"),
    UNSUPPORTED("health-timeout"),
    UNSUPPORTED("io-maxbandwidth"),
    UNSUPPORTED("io-maxiops"),
    UNSUPPORTED("ip"),
    UNSUPPORTED("ip6"),
    UNSUPPORTED("kernel-memory"),
    UNSUPPORTED("link"),
    UNSUPPORTED("link-local-ip"),
    UNSUPPORTED("mac-address"),
    UNSUPPORTED("net-alias"),
    UNSUPPORTED("network-alias"),
    UNSUPPORTED("runtime"),
    UNSUPPORTED("storage-opt"),
    UNSUPPORTED("use-api-socket"),
    UNSUPPORTED("volume-driver"),
    UNSUPPORTED("volumes-from"),
    {0},
};
