#!/usr/bin/python3
"""The jail of strata-vm, from outside: what /proc says of each thread of a machine that runs."""
import os
import subprocess

from vmm_lab import check, main, skip

ALL_ZERO = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
NOBODY = 65534


def facts_of(process, thread):
    lines = open(f"/proc/{process}/task/{thread}/status").read().splitlines()
    return {key: value.strip() for key, value in (line.split(":", 1) for line in lines)}


def check_threads(machine, wanted, bounded):
    """They have the names that are wanted, and those that a guest drives a filter of their own."""
    process = machine.process.pid
    threads = [facts_of(process, thread) for thread in os.listdir(f"/proc/{process}/task")]
    names = {facts["Name"] for facts in threads if not facts["Name"].startswith("iou-")}
    check(names == {"strata-vm", "io", *wanted}, names)
    for facts in threads:
        name = facts["Name"]
        for key in ALL_ZERO:
            if bounded or key != "CapBnd":
                check(int(facts[key], 16) == 0, name, key, facts[key])
        check(facts["NoNewPrivs"] == "1" and facts["Seccomp"] == "2", name, facts)
        own = name == "io" or name.startswith("vcpu ")
        check(int(facts["Seccomp_filters"]) >= (2 if own else 1), name, facts["Seccomp_filters"])


def check_root(process, network):
    """The root is another file system than the host's, empty but for etc/resolv.conf, and nothing that is open leads out."""
    root = f"/proc/{process}/root"
    check(os.stat(root).st_dev != os.stat("/").st_dev, "the root is the host's")
    check(os.listdir(root) == (["etc"] if network else []), os.listdir(root))
    if network:
        check(os.listdir(f"{root}/etc") == ["resolv.conf"], os.listdir(f"{root}/etc"))
        check(open(f"{root}/etc/resolv.conf").read() == open("/etc/resolv.conf").read(), "resolv.conf")
    check(os.statvfs(root).f_flag & os.ST_RDONLY, "the root can be written")
    check(os.path.samefile(f"/proc/{process}/cwd", root), "the current folder")
    for fd in os.listdir(f"/proc/{process}/fd"):
        path = f"/proc/{process}/fd/{fd}"
        check(not os.path.isdir(path) or os.path.samefile(path, root), "a folder is open:", os.readlink(path))


def check_namespaces(process, names):
    for name in names:
        for thread in os.listdir(f"/proc/{process}/task"):
            there = os.readlink(f"/proc/{process}/task/{thread}/ns/{name}")
            check(there != os.readlink(f"/proc/self/ns/{name}"), name, "is the host's in", thread)


def a_machine_without_a_card(lab):
    disk = lab.path("disk")
    with open(disk, "wb") as file:
        file.truncate(1 << 20)
    with lab.start("ticks", "--cpus", "2", "--disk", f"{disk},aio=threads", "--control", lab.path("c1")) as machine:
        machine.wait_for("TICK 1")
        check_threads(machine, ("vcpu 0", "vcpu 1", "disk"), True)
        check_root(machine.process.pid, False)
        check_namespaces(machine.process.pid, ("ipc", "uts"))


def a_machine_with_a_card(lab):
    with lab.start("ticks", "--net", "user") as machine:
        machine.wait_for("TICK 1")
        check_threads(machine, ("vcpu 0", "net"), True)
        check_root(machine.process.pid, True)
        check_namespaces(machine.process.pid, ("ipc", "uts"))


def a_machine_of_a_user_without_privileges(lab):
    """It has a user namespace for its root, where the host lets it."""
    os.chmod(lab.folder.name, 0o777)
    allowed = subprocess.run(["unshare", "--user", "true"], user=NOBODY, group=NOBODY, extra_groups=[],
                             stderr=subprocess.DEVNULL).returncode == 0
    for network in (False, True):
        command = lab.command("ticks", "--net", "user" if network else "none")
        with lab.start_command(command, user=NOBODY, group=NOBODY, extra_groups=[]) as machine:
            machine.wait_for("TICK 1")
            check_threads(machine, ("vcpu 0", "net") if network else ("vcpu 0",), allowed)
            if allowed:
                check_root(machine.process.pid, network)
                check_namespaces(machine.process.pid, ("user", "mnt", "ipc", "uts"))


if os.geteuid() != 0:
    skip("not root, who alone sees the files of a process in a jail")
main([a_machine_without_a_card, a_machine_with_a_card, a_machine_of_a_user_without_privileges])
