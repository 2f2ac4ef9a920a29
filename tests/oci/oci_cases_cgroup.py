"""Control groups: limits are read back, enforced, changed; events; devices."""
import json
import os
import subprocess
import sys

from oci_lib import PROBE, case, is_error

MIB = 1 << 20


@case
def memory_limits_are_written(t):
    c = t.container()
    c.resources["memory"] = {"limit": 64 * MIB, "reservation": 32 * MIB}
    c.up()
    t.equal(c.limit("memory", "memory.limit_in_bytes", "memory.max"), str(64 * MIB), "limit")
    t.equal(c.limit("memory", "memory.soft_limit_in_bytes", "memory.low"), str(32 * MIB), "reservation")


@case
def swap_is_limited_together_with_memory(t):
    c = t.container()
    c.resources["memory"] = {"limit": 64 * MIB, "swap": 96 * MIB}
    probe = t.container().up()
    if probe.limit("memory", "memory.memsw.limit_in_bytes", "memory.swap.max") is None:
        t.skip("this kernel does not account swap")
    c.up()
    wanted = 32 * MIB if t.runtime.cgroups.v2 else 96 * MIB
    t.equal(c.limit("memory", "memory.memsw.limit_in_bytes", "memory.swap.max"), str(wanted), "swap")


@case
def memory_beyond_the_limit_is_not_given(t):
    c = t.container()
    c.resources["memory"] = {"limit": 24 * MIB, "swap": 24 * MIB}
    probe = t.container().up()
    if probe.limit("memory", "memory.memsw.limit_in_bytes", "memory.swap.max") is None:
        c.resources["memory"] = {"limit": 24 * MIB}
    little, much = c.run("touch 4", "touch 64")
    t.equal((little, much), (0, -9), "ends of the children")


@case
def cpu_shares_quota_and_period_are_written(t):
    c = t.container()
    c.resources["cpu"] = {"shares": 512, "quota": 20000, "period": 50000}
    c.up()
    if t.runtime.cgroups.v2:
        t.equal(c.limit("cpu", "", "cpu.max"), "20000 50000", "cpu.max")
        t.equal(c.limit("cpu", "", "cpu.weight"), "20", "cpu.weight")
    else:
        t.equal(c.limit("cpu", "cpu.shares"), "512", "shares")
        t.equal(c.limit("cpu", "cpu.cfs_quota_us"), "20000", "quota")
        t.equal(c.limit("cpu", "cpu.cfs_period_us"), "50000", "period")


@case
def cpu_burst_and_idle_are_written(t):
    if t.kind != "strata":
        t.skip(f"{t.kind} of these versions cannot")
    c = t.container()
    c.resources["cpu"] = {"quota": 20000, "period": 50000, "burst": 10000}
    c.up()
    got = c.limit("cpu", "cpu.cfs_burst_us", "cpu.max.burst")
    t.true(got in ("10000", None), f"burst {got}")


@case
def cpuset_is_written(t):
    c = t.container()
    c.resources["cpu"] = {"cpus": "0", "mems": "0"}
    c.up("facts", "wait-signal")
    t.equal(c.limit("cpuset", "cpuset.cpus", "cpuset.cpus"), "0", "cpus")
    t.equal(json.loads(c.output() + "null]")[0]["cpus"] if c.output() else [0], [0], "affinity")


@case
def pids_limit_is_written_and_enforced(t):
    c = t.container()
    c.resources["pids"] = {"limit": 10}
    forks = c.run("forks 50")[0]
    t.true(5 <= forks <= 9, f"{forks} children")
    c.resources["pids"] = {"limit": -1}
    c.up()
    t.equal(c.limit("pids", "pids.max", "pids.max"), "max", "pids.max")


@case
def block_io_limits_are_written(t):
    c = t.container()
    device = os.stat("/").st_dev
    numbers = {"major": os.major(device) or 8, "minor": os.minor(device) & ~15 if os.major(device) else 0}
    c.resources["blockIO"] = {"throttleReadBpsDevice": [{**numbers, "rate": 1048576}]}
    done = c.create(check=False)
    if done.code != 0 and ("no such device" in done.err.lower() or "invalid" in done.err.lower()):
        t.skip("no block device to limit")
    t.equal(done.code, 0, f"create ({done.err})")
    got = c.limit("blkio", "blkio.throttle.read_bps_device", "io.max")
    t.true("1048576" in (got or ""), f"limit {got!r}")


@case
def hugepage_limits_are_written(t):
    if not t.runtime.cgroups.has("hugetlb"):
        t.skip("this machine has no hugetlb controller for containers")
    c = t.container()
    c.resources["hugepageLimits"] = [{"pageSize": "2MB", "limit": 4194304}]
    c.up()
    t.equal(c.limit("hugetlb", "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max"), "4194304", "limit")


@case
def unified_keys_are_written_or_refused(t):
    c = t.container().do("facts")
    c.resources["unified"] = {"pids.max": "44"}
    if not t.runtime.cgroups.v2:
        if t.kind == "crun":
            t.skip("crun ignores them")
        c.run_fails("unified" if t.kind != "strata" else "pids.max")
        return
    c.up()
    t.equal(c.limit("pids", "", "pids.max"), "44", "pids.max")


@case
def only_allowed_devices_can_be_made_and_opened(t):
    c = t.container()
    for kind in c.process["capabilities"].values():
        kind.append("CAP_MKNOD")
    c.resources["devices"] = [{"allow": False, "access": "rwm"},
                              {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "m"},
                              {"allow": True, "type": "c", "major": 10, "minor": 200, "access": "rm"}]
    # Engines rely on it that every device may be made; only opening is denied by default.
    _, disk, null, fuse, opened, tun, tun_r, tun_w = c.run(
        "mknod /tmp/disk b 8 0",
        "open /tmp/disk r", "open /dev/null w", "mknod /tmp/fuse c 10 229", "open /tmp/fuse r",
        "mknod /tmp/tun c 10 200", "open /tmp/tun r", "open /tmp/tun w")
    t.true(is_error(disk, "EPERM"), f"open of a disk gave {disk}")
    t.equal((null, fuse, tun), (None, None, None), "what is allowed")
    t.true(is_error(opened, "EPERM"), f"open of what may only be made gave {opened}")
    t.true(is_error(tun_w, "EPERM"), f"write of what may only be read gave {tun_w}")
    t.true(not is_error(tun_r, "EPERM"), f"read gave {tun_r}")


@case
def all_devices_can_be_allowed(t):
    c = t.container()
    for kind in c.process["capabilities"].values():
        kind.append("CAP_MKNOD")
    c.resources["devices"] = [{"allow": True, "access": "rwm"}]
    t.equal(c.run("mknod /tmp/disk b 8 0")[0], None, "mknod")


@case
def a_later_device_rule_overrides_an_earlier_one(t):
    c = t.container()
    for kind in c.process["capabilities"].values():
        kind.append("CAP_MKNOD")
    c.resources["devices"] = [{"allow": True, "access": "rwm"},
                              {"allow": False, "type": "b", "major": 8, "minor": 0, "access": "rwm"}]
    a, b = c.run("mknod /tmp/disk b 8 0", "mknod /tmp/other b 8 1")
    t.true(is_error(a, "EPERM"), f"mknod of what is denied gave {a}")
    t.equal(b, None, "mknod of its neighbour")


@case
def the_cgroup_is_where_the_config_says(t):
    c = t.container().up()
    folders = t.runtime.cgroups.left(c.id)
    t.true(folders, "no cgroup")
    pid = str(c.pid())
    member = 0
    for folder in folders:
        with open(folder + "/cgroup.procs", encoding="ascii") as file:
            member += pid in file.read().split()
    t.true(member > 0, "the process is in none of them")


@case
def without_a_cgroup_path_one_is_chosen_and_removed(t):
    c = t.container()
    del c.linux["cgroupsPath"]
    c.resources["pids"] = {"limit": 17}
    c.up()
    with open(f"/proc/{c.pid()}/cgroup", encoding="ascii") as file:
        paths = [l.strip().split(":", 2) for l in file if l.split(":")[1] == "pids" or l.startswith("0::")]
    chosen = [p for p in paths if c.id in p[2]]
    t.true(chosen, f"cgroups {paths}")
    c.delete("--force")
    base = "/sys/fs/cgroup" if t.runtime.cgroups.v2 else "/sys/fs/cgroup/" + chosen[0][1]
    t.true(not os.path.exists(base + chosen[0][2]), "it is still there")


@case
def update_changes_limits_by_flags(t):
    c = t.container()
    c.resources["memory"] = {"limit": 64 * MIB}
    c.up()
    c.verb("update", "--memory", str(80 * MIB), "--pids-limit", "25", "--cpu-share", "256", c.id)
    t.equal(c.limit("memory", "memory.limit_in_bytes", "memory.max"), str(80 * MIB), "memory")
    t.equal(c.limit("pids", "pids.max", "pids.max"), "25", "pids")
    if not t.runtime.cgroups.v2:
        t.equal(c.limit("cpu", "cpu.shares"), "256", "shares")


@case
def update_changes_limits_by_a_file_and_standard_input(t):
    c = t.container().up()
    path = os.path.join(t.dir, "resources.json")
    with open(path, "w", encoding="ascii") as file:
        json.dump({"memory": {"limit": 72 * MIB}}, file)
    c.verb("update", "--resources", path, c.id)
    t.equal(c.limit("memory", "memory.limit_in_bytes", "memory.max"), str(72 * MIB), "memory")
    c.verb("update", "--resources", "-", c.id, input=json.dumps({"pids": {"limit": 31}}))
    t.equal(c.limit("pids", "pids.max", "pids.max"), "31", "pids")
    t.equal(c.limit("memory", "memory.limit_in_bytes", "memory.max"), str(72 * MIB), "memory stays")


OPENER = """
import select, sys
with open(sys.argv[1], "w", encoding="ascii") as file:
    file.write("0")
failed, tries = 0, 0
print("ready", flush=True)
while tries % 500 != 0 or tries == 0 or not select.select([sys.stdin], [], [], 0)[0]:
    tries += 1
    try:
        open("/dev/null", "wb").close()
    except PermissionError:
        failed += 1
print(failed, flush=True)
"""


def opens_denied_during(t, c, change):
    """Runs change() while a process in the container's cgroup opens /dev/null: how often it was denied."""
    procs = os.path.join(t.runtime.cgroups.folder("devices", c.id), "cgroup.procs")
    with subprocess.Popen([sys.executable, "-c", OPENER, procs], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as opener:
        opener.stdout.readline()
        change()
        return int(opener.communicate("\n", timeout=30)[0])


@case
def update_changes_devices_and_denies_none_meanwhile(t):
    c = t.container()
    c.resources["devices"] = [{"allow": False, "access": "rwm"},
                              {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rwm"}]
    c.up()

    def change():
        for minor in [200, 229] * 10:
            rules = [{"allow": False, "access": "rwm"},
                     {"allow": True, "type": "c", "major": 10, "minor": minor, "access": "rw"}]
            c.verb("update", "--resources", "-", c.id, input=json.dumps({"devices": rules}))

    t.equal(opens_denied_during(t, c, change), 0, "times that /dev/null was denied")
    if not t.runtime.cgroups.v2:
        devices = c.limit("devices", "devices.list").split("\n")
        t.true("c 10:229 rw" in devices and "c 1:3 rwm" in devices, f"what is allowed: {devices}")
        t.true("c 10:200 rw" not in devices, f"what was allowed before the last update: {devices}")


@case
def update_refuses_bad_values_and_unknown_containers(t):
    t.fails(t.runtime.call("update", "--memory", "1000000", "oci-unknown"))
    c = t.container().up()
    t.fails(t.runtime.call("update", "--memory", "lots", c.id))
    t.fails(t.runtime.call("update", "--resources", "-", c.id, input='{"memory": {"limit": "x"}}'))


@case
def ps_shows_the_processes(t):
    c = t.container().up()
    pids = json.loads(c.verb("ps", "--format", "json", c.id).out)
    t.equal(pids, [c.pid()], "json")
    table = c.verb("ps", c.id).out.strip().split("\n")
    t.true("PID" in table[0] and len(table) == 2, f"table {table}")
    t.true(str(c.pid()) in table[1].split(), f"row {table[1]}")


@case
def events_stats_prints_one_record(t):
    if t.kind == "crun":
        t.skip("crun has no events")
    c = t.container().up()
    record = json.loads(c.verb("events", "--stats", c.id).out)
    t.equal((record["type"], record["id"]), ("stats", c.id), "head")
    t.true(record["data"]["memory"]["usage"]["usage"] > 0, "memory")
    t.true(record["data"]["cpu"]["usage"]["total"] > 0, "cpu")
    t.true(record["data"]["pids"]["current"] >= 1, "pids")


@case
def events_needs_a_running_container(t):
    if t.kind == "crun":
        t.skip("crun has no events")
    c = t.container().up("facts").wait_stopped()
    t.fails(t.runtime.call("events", "--stats", c.id))


@case
def a_failing_limit_refuses_the_container(t):
    c = t.container()
    c.resources["cpu"] = {"cpus": "9999", "mems": "0"}
    c.run_fails()


@case
def an_exec_can_go_into_a_cgroup_below(t):
    if t.kind != "strata" or not t.runtime.cgroups.v2:
        t.skip("needs cgroup v2")
    c = t.container().without_namespace("cgroup").up()
    os.mkdir(t.runtime.cgroups.folder("", c.id) + "/below")
    text = c.parse(c.exec_raw(PROBE, "read", "/proc/self/cgroup", options=["--cgroup", "below"]))[0]
    t.true(text.strip().endswith("/below"), text)
