"""Namespaces: new ones, shared ones, joined ones; users, time."""
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import time

from oci_lib import case, is_error, unsupported, wait_for

LINKS = {"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "mount": "mnt", "cgroup": "cgroup"}


@case
def each_namespace_is_a_new_one(t):
    results = t.container().run(*[f"readlink /proc/self/ns/{l}" for l in LINKS.values()])
    for (name, link), got in zip(LINKS.items(), results):
        t.true(got.startswith(link + ":["), f"{name}: {got}")
        t.true(got != os.readlink(f"/proc/self/ns/{link}"), f"the {name} namespace is the caller's")


@case
def a_namespace_that_is_not_listed_is_the_callers(t):
    for name in ("pid", "network", "ipc", "uts", "cgroup"):
        c = t.container().without_namespace(name)
        if name == "uts":
            del c.config["hostname"]
        if name == "network":  # sysfs belongs to the network namespace
            c.config["mounts"] = [m for m in c.config["mounts"] if m["destination"] != "/sys"]
            c.linux["maskedPaths"] = [p for p in c.linux["maskedPaths"] if not p.startswith("/sys")]
        got = c.run(f"readlink /proc/self/ns/{LINKS[name]}")[0]
        t.equal(got, os.readlink(f"/proc/self/ns/{LINKS[name]}"), f"{name} namespace")


@case
def the_first_process_of_a_pid_namespace_is_one(t):
    facts, listed = t.container().run("facts", "ls /proc")
    t.equal((facts["pid"], facts["ppid"]), (1, 0), "pid and parent")
    t.equal([p for p in listed if p.isdigit()], ["1"], "processes")


@case
def a_new_network_has_only_a_loopback_that_is_up(t):
    names, state = t.container().run("interfaces", "read /sys/class/net/lo/flags")
    t.true("lo" in names, f"interfaces {names}")
    t.true(not {"eth0", "ens3", "enp0s3"} & set(names), f"interfaces {names}")
    if not is_error(state):
        t.true(int(state, 16) & 1, "loopback is down")


@contextlib.contextmanager
def holder(*flags):
    """A process of the host in new namespaces; gives its pid."""
    with subprocess.Popen(["unshare", *flags, "sleep", "60"]) as child:
        try:
            wait_for(lambda: comm(child.pid) == "sleep" or children(child.pid), what="unshare")
            yield child.pid
        finally:
            child.send_signal(signal.SIGKILL)


def comm(pid):
    with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        return file.read().strip()


@case
def network_ipc_and_uts_namespaces_can_be_joined(t):
    with holder("--net", "--ipc", "--uts") as pid:
        c = t.container()
        del c.config["hostname"]
        for name in ("network", "ipc", "uts"):
            c.namespace(name, f"/proc/{pid}/ns/{LINKS[name]}")
        results = c.run(*[f"readlink /proc/self/ns/{LINKS[n]}" for n in ("network", "ipc", "uts")])
        for name, got in zip(("network", "ipc", "uts"), results):
            t.equal(got, os.readlink(f"/proc/{pid}/ns/{LINKS[name]}"), f"{name} namespace")


@case
def the_pid_namespace_of_another_container_can_be_joined(t):
    first = t.container().up()
    second = t.container()
    second.namespace("pid", f"/proc/{first.pid()}/ns/pid")
    link, facts, listed = second.run("readlink /proc/self/ns/pid", "facts", "ls /proc")
    t.equal(link, os.readlink(f"/proc/{first.pid()}/ns/pid"), "pid namespace")
    t.true(facts["pid"] != 1, "pid")
    t.true("1" in listed, f"/proc lists {listed}")


@case
def the_user_namespace_of_another_container_can_be_joined(t):
    first = t.container().map_users().up()
    second = t.container().map_users()
    second.namespace("user", f"/proc/{first.pid()}/ns/user")
    for kind in ("uidMappings", "gidMappings"):
        if t.kind != "runc":
            del second.linux[kind]
    got = second.run("readlink /proc/self/ns/user", "facts")
    t.equal(got[0], os.readlink(f"/proc/{first.pid()}/ns/user"), "user namespace")
    t.equal(got[1]["uid"], 0, "uid")


@case
def the_cgroup_namespace_hides_the_path_of_the_host(t):
    lines = t.container().run("read /proc/self/cgroup")[0].strip().split("\n")
    mine = [l for l in lines if l.split(":")[1] in ("memory", "pids") or l.startswith("0::")]
    t.true(any(l.endswith(":/") for l in mine), f"cgroups {lines}")


@case
def a_namespace_path_that_does_not_exist_is_refused(t):
    c = t.container().namespace("network", "/no/such/namespace")
    c.run_fails("/no/such/namespace")


@case
def a_namespace_path_of_the_wrong_kind_is_refused(t):
    c = t.container().namespace("network", "/proc/self/ns/uts")
    c.run_fails()


@case
def an_unknown_namespace_is_refused(t):
    t.container().namespace("moon").run_fails("moon")


@case
def a_namespace_given_twice_is_refused(t):
    c = t.container()
    c.linux["namespaces"].append({"type": "pid"})
    if t.kind == "crun":
        t.skip("crun accepts it")
    c.run_fails("pid" if t.kind == "strata" else "duplicate" if t.kind == "runc" else "")


@case
def users_are_mapped(t):
    c = t.container().map_users(100000, 1000)
    facts, uid_map, gid_map, owner, made, mine = c.run(
        "facts", "read /proc/self/uid_map", "read /proc/self/gid_map", "stat /probe", "create /tmp/made",
        "stat /tmp/made")
    t.equal((facts["uid"], facts["gid"]), (0, 0), "ids inside")
    t.equal(uid_map.split(), ["0", "100000", "1000"], "uid_map")
    t.equal(gid_map.split(), ["0", "100000", "1000"], "gid_map")
    t.equal((owner["uid"], made, mine["uid"]), (0, None, 0), "owners seen inside")
    t.equal(os.stat(c.rootfs + "/tmp/made").st_uid, 100000, "owner seen outside")


@case
def several_ranges_of_users_are_mapped(t):
    c = t.container().map_users(100000, 10)
    c.linux["uidMappings"].append({"containerID": 500, "hostID": 300000, "size": 5})
    c.process["user"] = {"uid": 500, "gid": 0}
    facts, uid_map = c.run("facts", "read /proc/self/uid_map")
    t.equal(facts["uid"], 500, "uid")
    t.equal(uid_map.split(), ["0", "100000", "10", "500", "300000", "5"], "uid_map")


@case
def devices_are_there_in_a_user_namespace_too(t):
    c = t.container().map_users()
    stat, text = c.run("stat /dev/null", "write /dev/null x")
    t.equal((stat["type"], stat["major"], stat["minor"], text), ("char", 1, 3, None), "/dev/null")


@case
def cgroups_and_exec_work_in_a_user_namespace(t):
    c = t.container().map_users()
    c.resources["pids"] = {"limit": 20}
    c.up()
    facts = c.exec("facts")[0]
    t.equal(facts["uid"], 0, "uid of exec")
    t.equal(c.limit("pids", "pids.max", "pids.max"), "20", "pids.max")


@case
def mappings_without_a_user_namespace_are_ignored(t):
    c = t.container()
    c.linux["uidMappings"] = [{"containerID": 0, "hostID": 1000, "size": 1}]
    c.linux["gidMappings"] = [{"containerID": 0, "hostID": 1000, "size": 1}]
    t.equal(c.run("readlink /proc/self/ns/user")[0], os.readlink("/proc/self/ns/user"), "user namespace")


@case
def a_new_user_namespace_without_mappings_is_refused(t):
    c = t.container().namespace("user")
    if t.kind == "crun":
        t.skip("crun accepts it")
    c.run_fails("mappings")


@case
@unsupported("runc")
def time_offsets_are_set(t):
    if not os.path.exists("/proc/self/ns/time"):
        t.skip("this kernel has no time namespaces")
    c = t.container().namespace("time")
    c.linux["timeOffsets"] = {"monotonic": {"secs": 1000000}, "boottime": {"secs": 2000000}}
    facts = c.run("facts")[0]
    mono = facts["monotonic"] - time.clock_gettime(time.CLOCK_MONOTONIC)
    boot = facts["boottime"] - time.clock_gettime(time.CLOCK_BOOTTIME)
    t.true(999990 < mono < 1000010, f"monotonic differs by {mono}")
    t.true(1999990 < boot < 2000010, f"boottime differs by {boot}")


@case
@unsupported("runc")
def a_time_namespace_can_be_joined(t):
    if not os.path.exists("/proc/self/ns/time"):
        t.skip("this kernel has no time namespaces")
    with holder("--time", "--fork", "--kill-child") as pid:
        child = children(pid)[0]
        c = t.container().namespace("time", f"/proc/{child}/ns/time")
        t.equal(c.run("readlink /proc/self/ns/time")[0], os.readlink(f"/proc/{child}/ns/time"), "namespace")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return file.read().split()


@case
def exec_joins_a_user_namespace_as_the_mapped_root(t):
    c = t.container().map_users().up()
    facts, uid_map = c.exec("facts", "read /proc/self/uid_map")
    t.equal((facts["uid"], uid_map.split()[1]), (0, "100000"), "uid and mapping")


@case
def a_rootless_user_can_run_a_container(t):
    user = 65533
    t.need_user_namespaces(user)
    c = t.container()
    c.map_users(user, 1).without_namespace("network", "cgroup")
    c.config["mounts"] = [m for m in c.config["mounts"] if m["destination"] not in ("/sys", "/dev/mqueue")]
    for entry in c.config["mounts"]:
        entry["options"] = [o for o in entry["options"] if not o.startswith("gid=")]
    del c.linux["resources"], c.linux["cgroupsPath"]
    c.linux["maskedPaths"] = []
    c.do("facts").write()
    run_dir = t.folder("run")
    program = run_dir + "/runtime"  # the tree may lie where only root comes
    shutil.copy(shutil.which(t.runtime.path), program)
    for path in (c.dir, t.dir, run_dir):
        os.chown(path, user, user)

    def become():
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: /proc/self is this user's again
    done = subprocess.run([program, "--root", run_dir + "/root", "run", "--bundle", c.dir, c.id],
                          preexec_fn=become, capture_output=True, text=True, timeout=30, check=False,
                          stdin=subprocess.DEVNULL, env={"XDG_RUNTIME_DIR": run_dir, "HOME": run_dir})
    if done.returncode != 0 and ("cgroup" in done.stderr and t.kind != "strata"):
        t.skip(f"{t.kind}: {done.stderr.strip()[:200]}")
    t.equal(done.returncode, 0, f"exit status ({done.stderr.strip()})")
