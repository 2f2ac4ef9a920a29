"""The process: identity, environment, limits, capabilities, scheduling."""
import os
import resource
import socket
import tempfile
import time

from oci_lib import PROBE, case, is_error, unsupported

CAP_BITS = {"CAP_CHOWN": 0, "CAP_KILL": 5, "CAP_SETUID": 7, "CAP_NET_BIND_SERVICE": 10, "CAP_NET_RAW": 13,
            "CAP_AUDIT_WRITE": 29}


def status_of(text):
    return dict(l.split(":\t", 1) for l in text.strip().split("\n") if ":\t" in l)


def bits(*names):
    return sum(1 << CAP_BITS[n] for n in names)


@case
def environment_arguments_and_folder_are_as_configured(t):
    c = t.container()
    c.process["env"] = ["PATH=/usr/bin:/", "A=b c", "E="]
    c.process["cwd"] = "/tmp"
    facts = c.run("facts")[0]
    t.equal(facts["args"], [PROBE, "facts"], "arguments")
    t.equal([e for e in facts["env"] if not e.startswith("HOME=")], c.process["env"], "environment")
    t.equal(facts["cwd"], "/tmp", "folder")


@case
def home_is_taken_from_the_passwd_of_the_container(t):
    c = t.container()
    c.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
    c.process["user"] = {"uid": 1000, "gid": 1000}
    t.true("HOME=/home/user" in c.run("facts")[0]["env"], "HOME")


@case
def the_program_is_searched_in_the_path_of_the_container(t):
    c = t.container()
    os.rename(c.rootfs + PROBE, c.rootfs + "/bin/tool")
    c.process["env"] = ["PATH=/nowhere:/bin"]
    c.process["args"] = ["tool", "exit", "3"]
    t.equal(c.run_raw().code, 3, "exit status")


@case
def a_missing_program_is_named(t):
    c = t.container()
    c.process["args"] = ["/no/such/program"]
    done = c.run_fails("/no/such/program", "no such file")
    if t.kind == "strata":
        t.equal(done.code, 127, "exit status")


@case
def a_file_that_is_not_executable_is_refused(t):
    c = t.container()
    c.file("/plain", "x", 0o644)
    c.process["args"] = ["/plain"]
    done = c.run_fails("denied")
    if t.kind == "strata":
        t.equal(done.code, 126, "exit status")


@case
def a_missing_working_folder_is_made_or_refused_by_name(t):
    c = t.container().do("facts")
    c.process["cwd"] = "/made/by/runtime"
    done = c.run_raw()
    if done.code == 0:
        t.equal(c.parse(done)[0]["cwd"], "/made/by/runtime", "folder")
    else:
        t.mentions(done, "/made/by/runtime")


@case
def user_group_and_additional_groups_are_set(t):
    c = t.container()
    c.process["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [5, 42]}
    facts, status = c.run("facts", "read /proc/self/status")
    t.equal((facts["uid"], facts["euid"], facts["gid"]), (1000, 1000, 1001), "ids")
    t.true({5, 42} <= set(facts["groups"]) <= {5, 42, 1001}, f"groups {facts['groups']}")
    t.equal(status_of(status)["Uid"].split(), ["1000"] * 4, "all four user ids")


@case
def without_additional_groups_there_are_none_of_the_caller(t):
    c = t.container()
    c.process["user"] = {"uid": 1000, "gid": 1000}
    t.true(set(c.run("facts")[0]["groups"]) <= {1000}, "groups")


@case
def umask_is_set(t):
    c = t.container()
    c.process["user"]["umask"] = 0o27
    facts, _, made = c.run("facts", "create /tmp/x", "stat /tmp/x")
    t.equal((facts["umask"], made["mode"]), (0o27, 0o640), "umask and mode")


@case
def without_umask_it_is_022(t):
    c = t.container().do("facts")
    t.equal(c.parse(c.run_in_shell("umask 077"))[0]["umask"], 0o22, "umask")


@case
def the_five_capability_sets_are_set_exactly(t):
    c = t.container()
    c.process["noNewPrivileges"] = False
    c.process["capabilities"] = {
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_SETUID"],
        "permitted": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"], "effective": ["CAP_CHOWN", "CAP_NET_RAW"],
        "inheritable": ["CAP_NET_RAW"], "ambient": ["CAP_NET_RAW"]}
    c.process["user"] = {"uid": 1000, "gid": 1000}
    status = status_of(c.run("read /proc/self/status")[0])
    t.equal(int(status["CapBnd"], 16), bits("CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_SETUID"), "bounding")
    # After execve as a user that is not root only the ambient set is left.
    for name in ("CapAmb", "CapPrm", "CapEff", "CapInh"):
        t.equal(int(status[name], 16), bits("CAP_NET_RAW"), name)


@case
def without_capabilities_root_has_none(t):
    c = t.container()
    c.process["capabilities"] = {}
    status = status_of(c.run("read /proc/self/status")[0])
    for name in ("CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb"):
        t.equal(int(status[name], 16), 0, name)


@case
def an_unknown_capability_is_ignored_or_refused_by_name(t):
    c = t.container().do("read /proc/self/status")
    for kind in c.process["capabilities"].values():
        kind.append("CAP_OF_TOMORROW")
    done = c.run_raw()
    if done.code != 0:
        t.mentions(done, "CAP_OF_TOMORROW")
    else:
        t.equal(int(status_of(c.parse(done)[0])["CapBnd"], 16),
                bits("CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"), "bounding")


@case
def no_new_privileges_is_as_configured(t):
    for wanted in (True, False):
        c = t.container()
        c.process["noNewPrivileges"] = wanted
        t.equal(status_of(c.run("read /proc/self/status")[0])["NoNewPrivs"], str(int(wanted)), "NoNewPrivs")


@case
def rlimits_are_set(t):
    c = t.container()
    c.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
                            {"type": "RLIMIT_CORE", "soft": 0, "hard": 4096},
                            {"type": "RLIMIT_FSIZE", "soft": 1 << 40, "hard": 1 << 41}]
    limits = c.run("facts")[0]["rlimits"]
    t.equal(limits["NOFILE"], [100, 200], "NOFILE")
    t.equal(limits["CORE"], [0, 4096], "CORE")
    t.equal(limits["FSIZE"], [1 << 40, 1 << 41], "FSIZE")


@case
def an_unlimited_rlimit_is_18446744073709551615(t):
    c = t.container()
    c.process["rlimits"] = [{"type": "RLIMIT_CPU", "soft": 2 ** 64 - 1, "hard": 2 ** 64 - 1}]
    t.equal(c.run("facts")[0]["rlimits"]["CPU"], [2 ** 64 - 1] * 2, "CPU")


@case
@unsupported("runc", "crun")
def without_the_capability_an_rlimit_is_clamped_with_one_warning(t):
    with open("/proc/self/status", encoding="ascii") as file:
        if int(status_of(file.read())["CapEff"], 16) >> 24 & 1:
            t.skip("this root has CAP_SYS_RESOURCE")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    c = t.container().do("facts")
    c.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 1 << 20, "hard": 1 << 20}]
    done = c.run_raw()
    t.equal(c.parse(done)[0]["rlimits"]["NOFILE"], [hard, hard], "NOFILE")
    t.equal(len([l for l in done.err.split("\n") if "limit" in l]), 1, f"warnings: {done.err}")


@case
def an_unknown_rlimit_is_refused_by_name(t):
    c = t.container()
    c.process["rlimits"] = [{"type": "RLIMIT_MOON", "soft": 1, "hard": 1}]
    c.run_fails("RLIMIT_MOON")


@case
def oom_score_adj_is_set(t):
    c = t.container()
    c.process["oomScoreAdj"] = 321
    t.equal(c.run("read /proc/self/oom_score_adj")[0].strip(), "321", "oom_score_adj")


@case
def only_the_three_standard_descriptors_are_open(t):
    read, write = os.pipe()
    os.set_inheritable(read, True)
    try:
        facts = t.container().run("facts", close_fds=False)[0]
    finally:
        os.close(read)
        os.close(write)
    t.equal(sorted(map(int, facts["fds"])), [0, 1, 2], f"descriptors {facts['fds']}")


@case
def preserve_fds_hands_descriptors_over(t):
    c = t.container().do("read-fd 3", "facts")
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"from outside")
        file.flush()
        results = c.parse(c.run_in_shell(f"exec 3<{file.name}", "--preserve-fds 1"))
    t.equal(results[0], "from outside", "descriptor 3")
    t.equal(sorted(map(int, results[1]["fds"])), [0, 1, 2, 3], "descriptors")


@case
def listen_fds_are_handed_over_with_their_variables(t):
    c = t.container().do("read-fd 3", "facts")
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"socket")
        file.flush()
        # LISTEN_PID is the runtime's own pid, as systemd sets it.
        got, facts = c.parse(c.run_in_shell(f"exec 3<{file.name}; export LISTEN_FDS=1 LISTEN_PID=$$"))
    t.equal(got, "socket", "descriptor 3")
    t.true("LISTEN_FDS=1" in facts["env"] and "LISTEN_PID=1" in facts["env"], f"env {facts['env']}")


@case
def the_process_leads_its_own_session(t):
    facts = t.container().run("facts")[0]
    t.equal((facts["pid"], facts["sid"]), (1, 1), "pid and session")


@case
def the_process_has_a_session_keyring_of_its_own(t):
    c = t.container()
    own = c.run("syscall 250 0 -3 0")[0]
    shared = t.container()
    kept = shared.run("syscall 250 0 -3 0", options=["--no-new-keyring"])[0]
    if is_error(own) or is_error(kept):
        t.skip("this kernel has no keyrings")
    t.true(own != kept, "the keyring is the caller's")


@case
def signals_are_neither_blocked_nor_ignored(t):
    status = status_of(t.container().run("read /proc/self/status")[0])
    t.equal((int(status["SigBlk"], 16), int(status["SigIgn"], 16)), (0, 0), "blocked and ignored")


@case
@unsupported("runc")
def personality_is_set(t):
    c = t.container()
    c.linux["personality"] = {"domain": "LINUX32"}
    facts = c.run("facts")[0]
    t.equal(facts["personality"], 8, "personality")
    t.equal(facts["machine"], "i686", "machine")


@case
@unsupported("runc", "crun")
def scheduler_is_set(t):
    c = t.container()
    c.process["scheduler"] = {"policy": "SCHED_BATCH", "nice": 5}
    facts = c.run("facts")[0]
    t.equal((facts["policy"], facts["nice"]), (3, 5), "policy and nice")
    c.process["scheduler"] = {"policy": "SCHED_IDLE"}
    t.equal(c.run("facts")[0]["policy"], 5, "policy")
    c.process["scheduler"] = {"policy": "SCHED_LATE"}
    c.run_fails("SCHED_LATE")


@case
@unsupported("runc", "crun")
def io_priority_is_set(t):
    c = t.container()
    c.process["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": 6}
    t.equal(c.run("facts")[0]["ioprio"], 2 << 13 | 6, "ioprio")
    c.process["ioPriority"] = {"class": "IOPRIO_CLASS_IDLE", "priority": 0}
    t.equal(c.run("facts")[0]["ioprio"] >> 13, 3, "class")


@case
@unsupported("runc", "crun")
def exec_cpu_affinity_is_set_for_exec(t):
    if os.cpu_count() < 2 or not {0, 1} <= os.sched_getaffinity(0):
        t.skip("needs two CPUs")
    c = t.container()
    c.process["execCPUAffinity"] = {"initial": "0", "final": "1"}
    c.up()
    t.equal(c.exec("facts")[0]["cpus"], [1], "CPUs")


@case
@unsupported("runc", "crun")
def sd_notify_is_passed_on(t):
    path = os.path.join(t.dir, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(10)
        c = t.container().do(["notify", "READY=1"], "sleep 0.2")
        done = c.run_raw(env={**os.environ, "NOTIFY_SOCKET": path})
        t.equal(c.parse(done)[0], None, "the container's own message")
        got = ""
        end = time.monotonic() + 10
        while "READY=1" not in got and time.monotonic() < end:
            got += listener.recv(4096).decode() + "\n"
        t.true("READY=1" in got, f"messages {got!r}")


@case
def apparmor_profiles_are_set_or_refused(t):
    c = t.container().do("read /proc/self/attr/current")
    c.process["apparmorProfile"] = "no-such-profile-anywhere"
    done = c.run_raw()
    if os.path.isdir("/sys/kernel/security/apparmor"):
        t.fails(done, "apparmor")
    elif done.code != 0:
        t.mentions(done, "apparmor")


@case
def hostname_and_domainname_are_set(t):
    c = t.container()
    c.config["hostname"] = "name-of-host"
    if t.kind == "strata":
        c.config["domainname"] = "name.of.domain"
    facts = c.run("facts")[0]
    t.equal(facts["hostname"], "name-of-host", "host name")
    if t.kind == "strata":
        t.equal(facts["domainname"], "name.of.domain", "domain name")


@case
def sysctls_of_the_namespaces_are_set(t):
    c = t.container()
    c.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.shmmax": "123456"}
    c.linux["readonlyPaths"] = []
    a, b = c.run("read /proc/sys/net/ipv4/ip_forward", "read /proc/sys/kernel/shmmax")
    t.equal((a.strip(), b.strip()), ("1", "123456"), "sysctls")


@case
def a_sysctl_of_the_host_is_refused(t):
    c = t.container()
    c.linux["sysctl"] = {"vm.swappiness": "60"}
    c.run_fails("vm.swappiness")
    c.without_namespace("network")
    c.linux["sysctl"] = {"net.ipv4.ip_forward": "0"}
    c.run_fails("net.ipv4.ip_forward")
