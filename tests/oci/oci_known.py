"""Where crun 1.8.1 and runc 1.1.5, the versions of Debian 12, are known to differ: these cases are skipped."""

KNOWN = {
    "crun": {
        "pids limit is written and enforced": "it refuses -1 on cgroup v1",
        "update refuses bad values and unknown containers": "it ignores bad values",
        "spec takes a bundle and rootless": "it keeps the network namespace",
        "members of the wrong type are named": "it takes wrong types for zero",
        "configs without what is needed are refused": "it does not name the member",
        "a link in place of the null device is not used for masking": "CVE-2025-31133",
        "a link in place of the console is not followed": "CVE-2025-52565",
        "a console that is swapped while it is mounted does not lead out": "CVE-2025-52565",
        "run removes the container when it ends": "it leaves a folder of a hybrid hierarchy",
        "kill takes names and numbers and defaults to term": "it takes an unknown signal for 0",
        "pause and resume refuse the wrong state": "it accepts to resume what runs",
        "exec takes env cwd user and groups": "it has no --additional-gids",
        "exec applies capabilities seccomp and no new privileges": "exec does not set no_new_privs",
        "an unknown file system is refused by name": "it names the type only",
        "propagation of mounts is as configured": "it does not make a bind shared",
        "flags of a locked mount are kept in a user namespace": "it loses the flags",
        "time offsets are set": "it fails on this kernel",
        "a failed create leaves nothing": "it leaves a folder of a hybrid hierarchy",
        "listen fds are handed over with their variables": "it loses LISTEN_FDS",
        "unknown actions operators and flags are refused by name": "it does not name them",
        "run in the foreground relays the terminal": "it does not pass the size on",
    },
    "runc": {
        "a link in place of the null device is not used for masking": "CVE-2025-31133",
        "a link to procfs in place of the null device opens no way": "CVE-2025-31133",
        "a link in place of the console is not followed": "CVE-2025-52565",
        "a console that is swapped while it is mounted does not lead out": "CVE-2025-52565",
    },
}
