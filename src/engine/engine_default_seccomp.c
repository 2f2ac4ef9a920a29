/*
 * The default system-call policy of containers: what docker's default profile decides, as a table
 * of our own (tests/engine compares the two decision by decision). Whatever is not listed is
 * refused with EPERM; clone3 without CAP_SYS_ADMIN with ENOSYS, so that C libraries fall back to
 * clone, whose flags a filter can see.
 */
#include <errno.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include "engine/engine_isolation.h"
#include "engine/engine_machine.h"

/* Without condition. Names that an architecture does not have are skipped by the compiler of the
 * filter. */
static const char *const always[] = {
    "accept",
    "accept4",
    "access",
    "adjtimex",
    "alarm",
    "bind",
    "brk",
    "cachestat",
    "capget",
    "capset",
    "chdir",
    "chmod",
    "chown",
    "chown32",
    "clock_adjtime",
    "clock_adjtime64",
    "clock_getres",
    "clock_getres_time64",
    "clock_gettime",
    "clock_gettime64",
    "clock_nanosleep",
    "clock_nanosleep_time64",
    "close",
    "close_range",
    "connect",
    "copy_file_range",
    "creat",
    "dup",
    "dup2",
    "dup3",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_ctl_old",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "epoll_wait_old",
    "eventfd",
    "eventfd2",
    "execve",
    "execveat",
    "exit",
    "exit_group",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fadvise64_64",
    "fallocate",
    "fanotify_mark",
    "fchdir",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "fchown",
    "fchown32",
    "fchownat",
    "fcntl",
    "fcntl64",
    "fdatasync",
    "fgetxattr",
    "flistxattr",
    "flock",
    "fork",
    "fremovexattr",
    "fsetxattr",
    "fstat",
    "fstat64",
    "fstatat64",
    "fstatfs",
    "fstatfs64",
    "fsync",
    "ftruncate",
    "ftruncate64",
    "futex",
    "futex_requeue",
    "futex_time64",
    "futex_wait",
    "futex_waitv",
    "futex_wake",
    "futimesat",
    "get_robust_list",
    "get_thread_area",
    "getcpu",
    "getcwd",
    "getdents",
    "getdents64",
    "getegid",
    "getegid32",
    "geteuid",
    "geteuid32",
    "getgid",
    "getgid32",
    "getgroups",
    "getgroups32",
    "getitimer",
    "getpeername",
    "getpgid",
    "getpgrp",
    "getpid",
    "getppid",
    "getpriority",
    "getrandom",
    "getresgid",
    "getresgid32",
    "getresuid",
    "getresuid32",
    "getrlimit",
    "getrusage",
    "getsid",
    "getsockname",
    "getsockopt",
    "gettid",
    "gettimeofday",
    "getuid",
    "getuid32",
    "getxattr",
    "getxattrat",
    "inotify_add_watch",
    "inotify_init",
    "inotify_init1",
    "inotify_rm_watch",
    "io_cancel",
    "io_destroy",
    "io_getevents",
    "io_pgetevents",
    "io_pgetevents_time64",
    "io_setup",
    "io_submit",
    "ioctl",
    "ioprio_get",
    "ioprio_set",
    "ipc",
    "kill",
    "landlock_add_rule",
    "landlock_create_ruleset",
    "landlock_restrict_self",
    "lchown",
    "lchown32",
    "lgetxattr",
    "link",
    "linkat",
    "listen",
    "listmount",
    "listxattr",
    "listxattrat",
    "llistxattr",
    "_llseek",
    "lremovexattr",
    "lseek",
    "lsetxattr",
    "lstat",
    "lstat64",
    "madvise",
    "map_shadow_stack",
    "membarrier",
    "memfd_create",
    "memfd_secret",
    "mincore",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "mlock",
    "mlock2",
    "mlockall",
    "mmap",
    "mmap2",
    "mprotect",
    "mq_getsetattr",
    "mq_notify",
    "mq_open",
    "mq_timedreceive",
    "mq_timedreceive_time64",
    "mq_timedsend",
    "mq_timedsend_time64",
    "mq_unlink",
    "mremap",
    "mseal",
    "msgctl",
    "msgget",
    "msgrcv",
    "msgsnd",
    "msync",
    "munlock",
    "munlockall",
    "munmap",
    "name_to_handle_at",
    "nanosleep",
    "newfstatat",
    "_newselect",
    "open",
    "openat",
    "openat2",
    "pause",
    "pidfd_open",
    "pidfd_send_signal",
    "pipe",
    "pipe2",
    "pkey_alloc",
    "pkey_free",
    "pkey_mprotect",
    "poll",
    "ppoll",
    "ppoll_time64",
    "prctl",
    "pread64",
    "preadv",
    "preadv2",
    "prlimit64",
    "process_mrelease",
    "process_vm_readv",
    "process_vm_writev",
    "pselect6",
    "pselect6_time64",
    "ptrace",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "read",
    "readahead",
    "readlink",
    "readlinkat",
    "readv",
    "recv",
    "recvfrom",
    "recvmmsg",
    "recvmmsg_time64",
    "recvmsg",
    "remap_file_pages",
    "removexattr",
    "removexattrat",
    "rename",
    "renameat",
    "renameat2",
    "restart_syscall",
    "rmdir",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigqueueinfo",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "rt_sigtimedwait_time64",
    "rt_tgsigqueueinfo",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_getaffinity",
    "sched_getattr",
    "sched_getparam",
    "sched_getscheduler",
    "sched_rr_get_interval",
    "sched_rr_get_interval_time64",
    "sched_setaffinity",
    "sched_setattr",
    "sched_setparam",
    "sched_setscheduler",
    "sched_yield",
    "seccomp",
    "select",
    "semctl",
    "semget",
    "semop",
    "semtimedop",
    "semtimedop_time64",
    "send",
    "sendfile",
    "sendfile64",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "set_robust_list",
    "set_thread_area",
    "set_tid_address",
    "setfsgid",
    "setfsgid32",
    "setfsuid",
    "setfsuid32",
    "setgid",
    "setgid32",
    "setgroups",
    "setgroups32",
    "setitimer",
    "setpgid",
    "setpriority",
    "setregid",
    "setregid32",
    "setresgid",
    "setresgid32",
    "setresuid",
    "setresuid32",
    "setreuid",
    "setreuid32",
    "setrlimit",
    "setsid",
    "setsockopt",
    "setuid",
    "setuid32",
    "setxattr",
    "setxattrat",
    "shmat",
    "shmctl",
    "shmdt",
    "shmget",
    "shutdown",
    "sigaltstack",
    "signalfd",
    "signalfd4",
    "sigprocmask",
    "sigreturn",
    "socketcall",
    "socketpair",
    "splice",
    "stat",
    "stat64",
    "statfs",
    "statfs64",
    "statmount",
    "statx",
    "symlink",
    "symlinkat",
    "sync",
    "sync_file_range",
    "syncfs",
    "sysinfo",
    "tee",
    "tgkill",
    "time",
    "timer_create",
    "timer_delete",
    "timer_getoverrun",
    "timer_gettime",
    "timer_gettime64",
    "timer_settime",
    "timer_settime64",
    "timerfd_create",
    "timerfd_gettime",
    "timerfd_gettime64",
    "timerfd_settime",
    "timerfd_settime64",
    "times",
    "tkill",
    "truncate",
    "truncate64",
    "ugetrlimit",
    "umask",
    "uname",
    "unlink",
    "unlinkat",
    "uretprobe",
    "utime",
    "utimensat",
    "utimensat_time64",
    "utimes",
    "vfork",
    "vmsplice",
    "wait4",
    "waitid",
    "waitpid",
    "write",
    "writev",
    NULL,
};

/* With a capability that the container has. */
static const struct {
    const char *cap;
    const char *names[24];
} with_cap[] = {
    {"CAP_DAC_READ_SEARCH", {"open_by_handle_at"}},
    {"CAP_SYS_ADMIN",
     {"bpf",           "clone",         "clone3",      "fanotify_init",   "fsconfig",
      "fsmount",       "fsopen",        "fspick",      "lookup_dcookie",  "mount",
      "mount_setattr", "move_mount",    "open_tree",   "perf_event_open", "quotactl",
      "quotactl_fd",   "setdomainname", "sethostname", "setns",           "syslog",
      "umount",        "umount2",       "unshare"}},
    {"CAP_SYS_BOOT", {"reboot"}},
    {"CAP_SYS_CHROOT", {"chroot"}},
    {"CAP_SYS_MODULE", {"delete_module", "init_module", "finit_module"}},
    {"CAP_SYS_PACCT", {"acct"}},
    {"CAP_SYS_PTRACE", {"kcmp", "pidfd_getfd", "process_madvise"}},
    {"CAP_SYS_RAWIO", {"iopl", "ioperm"}},
    {"CAP_SYS_TIME", {"settimeofday", "stime", "clock_settime", "clock_settime64"}},
    {"CAP_SYS_TTY_CONFIG", {"vhangup"}},
    {"CAP_SYS_NICE", {"get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"}},
    {"CAP_SYSLOG", {"syslog"}},
    {"CAP_BPF", {"bpf"}},
    {"CAP_PERFMON", {"perf_event_open"}},
};

/* personality(2): PER_LINUX, PER_LINUX32, each also with UNAME26, and the question. */
static const uint64_t personas[] = {0x0, 0x8, 0x20000, 0x20008, 0xffffffff};

/* clone(2): without any new namespace. */
#define NAMESPACE_FLAGS                                                                            \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)

enum { RULES_MAX = 2 + ST_COUNT(with_cap) + ST_COUNT(personas) + 3 };

static bool has_cap(const char *const *caps, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (st_streq(caps[i], name)) {
            return true;
        }
    }
    return false;
}

static size_t length_of(const char *const *names)
{
    size_t n = 0;

    while (names[n] != NULL) {
        n++;
    }
    return n;
}

static struct spec_seccomp_syscall *add(struct spec_seccomp *policy, const char *const *names)
{
    struct spec_seccomp_syscall *rule = &policy->syscalls[policy->syscalls_count++];

    *rule = (struct spec_seccomp_syscall){.names = (const char **)(uintptr_t)names,
                                          .names_count = length_of(names),
                                          .action = SPEC_ACT_ALLOW};
    return rule;
}

static int add_with_arg(struct json_doc *arena, struct spec_seccomp *policy,
                        const char *const *names, const struct spec_seccomp_arg *arg)
{
    struct spec_seccomp_arg *copy = json_doc_alloc(arena, 1, sizeof(*copy));

    if (copy == NULL) {
        return -ST_ENOMEM;
    }
    *copy = *arg;
    struct spec_seccomp_syscall *rule = add(policy, names);
    rule->args = copy;
    rule->args_count = 1;
    return 0;
}

int engine_default_seccomp(struct json_doc *arena, const char *const *caps, size_t caps_count,
                           struct spec_seccomp **ret_policy)
{
    static const char *const personality[] = {"personality", NULL};
    static const char *const socket[] = {"socket", NULL};
    static const char *const clone[] = {"clone", NULL};
    static const char *const clone3[] = {"clone3", NULL};
    struct spec_seccomp *policy = json_doc_alloc(arena, 1, sizeof(*policy));
    int r = 0;

    if (policy == NULL) {
        return -ST_ENOMEM;
    }
    policy->syscalls = json_doc_alloc(arena, RULES_MAX, sizeof(*policy->syscalls));
    if (policy->syscalls == NULL) {
        return -ST_ENOMEM;
    }
    policy->default_action = SPEC_ACT_ERRNO;
    policy->has_default_errno_ret = true;
    policy->default_errno_ret = EPERM;
    policy->architectures = (const char **)(uintptr_t)engine_machine_archs;
    policy->architectures_count = length_of(engine_machine_archs);
    add(policy, always);
    add(policy, engine_machine_syscalls);
    for (size_t i = 0; i < ST_COUNT(with_cap); i++) {
        if (has_cap(caps, caps_count, with_cap[i].cap)) {
            add(policy, with_cap[i].names);
        }
    }
    for (size_t i = 0; r == 0 && i < ST_COUNT(personas); i++) {
        const struct spec_seccomp_arg arg = {.value = personas[i], .op = SPEC_CMP_EQ};
        r = add_with_arg(arena, policy, personality, &arg);
    }
    const struct spec_seccomp_arg no_vsock = {.value = AF_VSOCK, .op = SPEC_CMP_NE};
    r = r < 0 ? r : add_with_arg(arena, policy, socket, &no_vsock);
    if (r == 0 && !has_cap(caps, caps_count, "CAP_SYS_ADMIN")) {
        const struct spec_seccomp_arg plain = {.value = NAMESPACE_FLAGS, .op = SPEC_CMP_MASKED_EQ};
        r = add_with_arg(arena, policy, clone, &plain);
        struct spec_seccomp_syscall *rule = add(policy, clone3);
        rule->action = SPEC_ACT_ERRNO;
        rule->has_errno_ret = true;
        rule->errno_ret = ENOSYS;
    }
    *ret_policy = policy;
    return r;
}
