"""What `strata run` makes of docker's options, against what Debian's docker makes of the same ones: the OCI
configurations that the two hand to their runtimes are compared, the default system-call policy decision by decision."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers_lab as lab  # noqa: E402  pylint: disable=wrong-import-position
from peers_lab import IMAGE, WORK, run  # noqa: E402  pylint: disable=wrong-import-position

HOST = f"unix://{WORK}/docker.sock"
STRATA = os.path.join(lab.BUILD, "strata")
ENV = {"STRATA_DATA": WORK + "/data", "STRATA_RUN": WORK + "/strata"}
daemon = None

# System calls that newer releases of docker allow as well, with the release that began to.
NEWER = set("""
    cachestat fchmodat2 futex_requeue futex_wait futex_waitv futex_wake getxattrat landlock_add_rule
    landlock_create_ruleset landlock_restrict_self listmount listxattrat map_shadow_stack memfd_secret mseal
    process_mrelease process_madvise quotactl_fd removexattrat set_mempolicy_home_node setxattrat statmount uretprobe
    pkey_alloc pkey_free pkey_mprotect name_to_handle_at clock_settime64 close_range epoll_pwait2 faccessat2
    openat2 process_vm_readv process_vm_writev pidfd_getfd pidfd_open pidfd_send_signal mount_setattr io_uring_setup io_uring_enter io_uring_register
    """.split())
# Those that newer releases allow no more, or not without more: io_uring since 23, and what never existed.
OLDER = set("io_uring_setup io_uring_enter io_uring_register".split())
# AF_VSOCK, whose peers no network namespace separates, is refused since 23.
STRICTER = {"socket": {("SCMP_ACT_ALLOW", 0, ((0, 40, 0, "SCMP_CMP_NE"),))}}


def docker(*words, **options):
    return run("/usr/bin/docker", "-H", HOST, *words, **options)


def strata(*words, **options):
    return run(STRATA, *words, env=ENV, **options)


def start():
    global daemon  # pylint: disable=global-statement
    with open(WORK + "/none.json", "w", encoding="utf-8") as f:
        f.write("{}")
    recorder = WORK + "/recorder"
    with open(recorder, "w", encoding="utf-8") as f:
        f.write(f"""#!/bin/sh
for word; do
    [ "$previous" = --bundle ] && [ -e "$word/config.json" ] && cp "$word/config.json" {WORK}/docker.json
    previous=$word
done
exec {lab.RUNTIME} "$@"
""")
    os.chmod(recorder, 0o755)
    daemon = lab.Daemon("dockerd", "/usr/sbin/dockerd", "-H", HOST, "--data-root", WORK + "/docker", "--exec-root",
                        WORK + "/exec", "--pidfile", WORK + "/docker.pid", "--add-runtime", f"peer={recorder}",
                        "--default-runtime", "peer", "--cgroup-parent", lab.cgroup_parent(), "--exec-opt",
                        "native.cgroupdriver=cgroupfs", "--config-file", WORK + "/none.json")
    daemon.ready(lambda: docker("version", code=None).code == 0)
    docker("load", "-i", WORK + "/image.tar")
    strata("load", "-i", WORK + "/image.tar")


def stop(failed):
    for name in strata("ps", "-aq", code=None).out.split():
        strata("rm", "-f", name, code=None)
    if failed:
        print("--- the end of the daemon's log", daemon.tail(30), sep="\n")


def configs(*options, command=("sleep", "1000")):
    """The configurations of a container started with the same options by both."""
    box = docker("run", "-d", *options, IMAGE, *command).out.strip()
    with open(WORK + "/docker.json", encoding="utf-8") as f:
        theirs = json.load(f)
    docker("rm", "-f", box)
    box = strata("run", "-d", *options, IMAGE, *command).out.strip()
    with open(f"{ENV['STRATA_RUN']}/instances/{box}/config.json", encoding="utf-8") as f:
        ours = json.load(f)
    strata("rm", "-f", box)
    return ours, theirs


# --- the policy ---

def rules(policy):
    """name -> set of (action, errno, arguments), and what holds for every other name."""
    table = {}
    for rule in policy["syscalls"]:
        args = tuple(sorted((a["index"], a["value"], a.get("valueTwo", 0), a["op"]) for a in rule.get("args") or ()))
        for name in rule["names"]:
            table.setdefault(name, set()).add((rule["action"], rule.get("errnoRet", 1 if "ERRNO" in rule["action"] else 0),
                                               args))
    return {name: {("SCMP_ACT_ALLOW", 0, ())} if ("SCMP_ACT_ALLOW", 0, ()) in found else found
            for name, found in table.items()}


def compare_policies(*options):
    ours, theirs = (c["linux"]["seccomp"] for c in configs(*options))
    assert ours["defaultAction"] == theirs["defaultAction"] and ours.get("defaultErrnoRet", 1) == 1, ours["defaultAction"]
    assert set(ours["architectures"]) == set(theirs["architectures"]), (ours["architectures"], theirs["architectures"])
    ours, theirs = rules(ours), rules(theirs)
    more = sorted(n for n in ours if n not in theirs and n not in NEWER)
    less = sorted(n for n in theirs if n not in ours and n not in OLDER)
    other = sorted(n for n in ours if n in theirs and ours[n] not in (theirs[n], STRICTER.get(n)))
    assert not more and not less and not other, \
        f"allowed beyond docker: {more}\nmissing: {less}\n" + "\n".join(f"{n}: {ours[n]} {theirs[n]}" for n in other)


def test_decides_system_calls_as_docker():
    compare_policies()


def test_decides_system_calls_as_docker_for_each_capability():
    for cap in ("SYS_ADMIN", "DAC_READ_SEARCH", "SYS_BOOT", "SYS_MODULE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO",
                "SYS_TIME", "SYS_TTY_CONFIG", "SYS_NICE", "SYSLOG"):
        compare_policies("--cap-add", cap)
    compare_policies("--cap-drop", "ALL")


def test_leaves_the_policy_out_as_docker():
    for options in (("--security-opt", "seccomp=unconfined"), ("--privileged",)):
        ours, theirs = configs(*options)
        assert ours["linux"].get("seccomp") is None and theirs["linux"].get("seccomp") is None, options


# --- the rest ---

def caps(config):
    return {k: sorted(v) for k, v in config["process"]["capabilities"].items() if v}


def mounts(config):
    """destination -> (type, options), where docker's paths of its own do not matter."""
    found = {}
    for m in config["mounts"]:
        options = set(m.get("options") or ()) - {"rw", "rprivate", "relatime"}
        found[m["destination"]] = (m["type"], tuple(sorted(options)))
    return found


def compare(*options, keys=(), command=("sleep", "1000")):
    ours, theirs = configs(*options, command=command)
    for key in keys:
        a, b = ours, theirs
        for part in key.split("."):
            a = a.get(part) if isinstance(a, dict) else None
            b = b.get(part) if isinstance(b, dict) else None
        assert (a or None) == (b or None), f"{options}: {key}: {a} and docker has {b}"
    return ours, theirs


def test_gives_docker_s_capabilities():
    for options in ((), ("--cap-add", "NET_ADMIN"), ("--cap-drop", "ALL"), ("--cap-drop", "CHOWN", "--cap-add", "cap_sys_time"),
                    ("--cap-drop", "ALL", "--cap-add", "net_raw"), ("-u", "1000")):
        ours, theirs = configs(*options)
        a, b = caps(ours), caps(theirs)
        for kind in ("bounding", "effective", "permitted"):
            assert a.get(kind) == b.get(kind), f"{options}: {kind}: {a.get(kind)} and docker has {b.get(kind)}"
        assert not a.get("inheritable") and not a.get("ambient")


def test_gives_docker_s_process():
    keys = ("process.cwd", "process.args", "process.user.uid", "process.user.gid", "process.rlimits",
            "process.noNewPrivileges", "root.readonly")
    compare(keys=keys)
    compare("-w", "/some/where", "-u", "user", keys=keys)
    compare("-u", "1000:2000", "--ulimit", "nofile=100:200", keys=keys)
    compare("--security-opt", "no-new-privileges", "--read-only", keys=keys)
    compare("--entrypoint", "/bin/sleep", keys=keys, command=("1000",))


def test_gives_docker_s_environment():
    ours, theirs = configs("-e", "A=b", "-e", "PATH=/bin:/usr/bin", "-h", "box", "-t")
    a, b = set(ours["process"]["env"]), set(theirs["process"]["env"])
    assert a - {e for e in a if e.startswith("HOME=")} == b, (a, b)  # docker leaves HOME to its runtime
    assert ours["process"]["terminal"] and theirs["process"]["terminal"]
    assert ours["hostname"] == theirs["hostname"] == "box"


def test_hides_the_same_paths():
    newer = {"/sys/devices/virtual/powercap", "/proc/interrupts"}
    ours, theirs = configs()
    masked = set(ours["linux"]["maskedPaths"])
    assert masked - newer == set(theirs["linux"]["maskedPaths"]) - newer, masked
    assert set(ours["linux"]["readonlyPaths"]) == set(theirs["linux"]["readonlyPaths"])
    ours, theirs = configs("--privileged")
    assert not ours["linux"].get("maskedPaths") and not theirs["linux"].get("maskedPaths")


def test_makes_the_same_namespaces():
    def kinds(config):
        # docker names the host's network namespace by a path, where ours has none.
        return sorted(n["type"] for n in config["linux"]["namespaces"]
                      if n["type"] != "network" or ("--network", "host") != options)
    for options in ((), ("--pid", "host"), ("--ipc", "host"), ("--network", "host"), ("--uts", "host")):
        ours, theirs = configs(*options)
        assert kinds(ours) == kinds(theirs), f"{options}: {kinds(ours)} and docker has {kinds(theirs)}"


def test_mounts_the_same():
    os.makedirs(WORK + "/shared", exist_ok=True)
    for options in ((), ("-v", f"{WORK}/shared:/data:ro"), ("--tmpfs", "/scratch:size=1m"), ("--shm-size", "1m"),
                    ("--read-only",), ("--privileged",)):
        ours, theirs = (mounts(c) for c in configs(*options))
        for place in sorted(set(ours) | set(theirs)):
            if place in ("/dev/mqueue", "/sys/fs/cgroup", "/sys") and "--privileged" in options:
                continue
            assert ours.get(place) == theirs.get(place), \
                f"{options}: {place}: {ours.get(place)} and docker has {theirs.get(place)}"


def allowed_devices(config):
    """The rules in force, as a set: denials of everything first."""
    found = set()
    for rule in config["linux"]["resources"]["devices"]:
        key = (rule.get("type", "a"), rule.get("major", -1), rule.get("minor", -1))
        if not rule["allow"] and key[1] == -1:
            found.clear()
        elif rule["allow"]:
            found.add((*key, "".join(sorted(rule["access"]))))
        else:
            found = {f for f in found if f[:3] != key}
    return found


def test_allows_the_same_devices():
    for options in ((), ("--device", "/dev/zero:/dev/mine:r"), ("--device", "/dev/fuse")):
        ours, theirs = (allowed_devices(c) for c in configs(*options))
        # docker's runtime adds its own on top of these; ours are complete.
        missing = theirs - ours
        assert not missing, f"{options}: {missing} are allowed by docker alone"
        names = {(d["path"], d["type"], d["major"], d["minor"]) for d in configs(*options)[0]["linux"].get("devices") or ()}
        assert names == {(d["path"], d["type"], d["major"], d["minor"]) for d in
                         configs(*options)[1]["linux"].get("devices") or ()}, options


def test_limits_the_same():
    keys = ("linux.resources.memory.limit", "linux.resources.cpu.quota", "linux.resources.cpu.period",
            "linux.resources.cpu.shares", "linux.resources.cpu.cpus", "linux.resources.pids.limit",
            "linux.resources.memory.reservation")
    compare("-m", "64m", "--cpus", "0.5", "--pids-limit", "77", "--cpuset-cpus", "0", keys=keys)
    compare("--cpu-shares", "512", "--memory-reservation", "32m", keys=keys)


def test_sets_the_same_sysctls():
    for options in ((), ("--sysctl", "net.ipv4.ip_forward=1"), ("--network", "host")):
        ours, theirs = (c["linux"].get("sysctl") or {} for c in configs(*options))
        assert ours == theirs, f"{options}: {ours} and docker has {theirs}"


lab.enter(["/usr/sbin/dockerd", "/usr/bin/docker", "containerd", "iptables"])
lab.cases(sys.modules[__name__], start, stop)
