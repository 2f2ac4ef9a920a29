"""The known ways out of containers: each is tried."""
import hashlib
import os
import shutil
import subprocess
import threading
import time

from oci_lib import PROBE, Failure, bind, case, is_error, mount, operations


# A sysctl of the host whose change would hurt nobody; an attacker would choose core_pattern.
SYSCTL = "/proc/sys/kernel/printk_ratelimit_burst"


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


@case
def the_program_of_the_runtime_cannot_be_overwritten(t):
    """CVE-2019-5736: a process inside keeps /proc/PID/exe of a runtime that enters, and writes to it."""
    copy = os.path.join(t.dir, "runtime")
    shutil.copy(shutil.which(t.runtime.path) or t.runtime.path, copy)
    before = digest(copy)
    t.runtime.path = copy
    c = t.container()
    for kind in c.process["capabilities"].values():
        kind += ["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH"]
    os.symlink("/proc/self/exe", c.rootfs + "/again")
    c.do(["overwrite-runtime", "#!/probe"], "wait-signal").create()
    c.start()
    end = time.monotonic() + (2 if t.short else 6)
    while time.monotonic() < end and "seen" not in c.output() and "written" not in c.output():
        c.exec_raw("/again", "--version", timeout=20)
        c.exec_raw(PROBE, "facts", timeout=20)
    time.sleep(1.2 if "seen" not in c.output() else 0)
    t.equal(digest(copy), before, f"the program after the attack ({c.output()!r})")
    t.true("written" not in c.output(), "the attack wrote into a program")


@case
def the_program_cannot_be_run_by_the_first_process_and_overwritten(t):
    copy = os.path.join(t.dir, "runtime")
    shutil.copy(shutil.which(t.runtime.path) or t.runtime.path, copy)
    before = digest(copy)
    t.runtime.path = copy
    c = t.container()
    c.process["args"] = ["/proc/self/exe", "--version"]
    c.run_raw()
    t.equal(digest(copy), before, "the program after the attack")


@case
def a_working_folder_behind_a_descriptor_does_not_lead_out(t):
    """CVE-2024-21626: process.cwd = /proc/self/fd/N with a leaked descriptor of a folder of the host."""
    for number in range(3, 10 if t.short else 24):
        c = t.container()
        c.process["cwd"] = f"/proc/self/fd/{number}"
        done = c.do("ls .", "ls ..", "readlink /proc/self/cwd").run_raw()
        if done.code == 0:
            here, above, link = c.parse(done)
            for listed in (here, above):
                names = set(listed) if isinstance(listed, list) else set()
                t.true(not names & {"config.json", "root", "usr", "boot"}, f"descriptor {number}: {names}")
            t.true("unreachable" not in str(link), f"descriptor {number}: {link}")


@case
def exec_with_a_working_folder_behind_a_descriptor_does_not_lead_out(t):
    c = t.container().up()
    for number in range(3, 10 if t.short else 24):
        for path in (f"/proc/self/fd/{number}", f"/proc/self/fd/{number}/../../.."):
            done = c.exec_raw(PROBE, *operations(["ls .", "readlink /proc/self/cwd"]),
                              options=["--cwd", path])
            if done.code == 0:
                here, link = c.parse(done)
                names = set(here) if isinstance(here, list) else set()
                t.true(not names & {"config.json", "usr", "boot"}, f"{path}: {names}")
                t.true("unreachable" not in str(link), f"{path}: {link}")


@case
def a_link_in_place_of_the_null_device_is_not_used_for_masking(t):
    """CVE-2025-31133: /dev/null of the container is a link when the runtime binds it over masked paths."""
    c = t.container()
    c.config["mounts"] = [m for m in c.config["mounts"] if not m["destination"].startswith("/dev")]
    c.file("/target", "untouched")
    c.file("/masked", "secret")
    os.symlink("/target", c.rootfs + "/dev/null")
    c.linux["maskedPaths"] = ["/masked"]
    done = c.do("stat /masked", "read /masked", "write /masked attack", "read /target").run_raw()
    with open(c.rootfs + "/target", encoding="ascii") as file:
        t.equal(file.read(), "untouched", "the target of the link")
    if done.code == 0:
        stat, text, _, target = c.parse(done)
        t.equal((stat["type"], text), ("char", ""), "the masked path")
        t.true(target == "untouched", f"the target seen inside: {target!r}")


@case
def a_link_to_procfs_in_place_of_the_null_device_opens_no_way(t):
    c = t.container()
    c.config["mounts"] = [m for m in c.config["mounts"] if not m["destination"].startswith("/dev")]
    os.symlink(SYSCTL, c.rootfs + "/dev/null")
    c.linux["maskedPaths"] = ["/proc/cmdline"]
    with open(SYSCTL, encoding="ascii") as file:
        before = file.read()
    try:
        done = c.do("write /proc/cmdline 11", f"write {SYSCTL} 11", "stat /proc/cmdline").run_raw()
    finally:
        with open(SYSCTL, encoding="ascii") as file:
            after = file.read()
        if after != before:
            with open(SYSCTL, "w", encoding="ascii") as file:
                file.write(before)
    t.equal(after, before, "sysctl of the host")
    if done.code == 0:
        stat = c.parse(done)[2]
        t.equal((stat["type"], stat["major"], stat["minor"]), ("char", 1, 3), "/proc/cmdline")


@case
def a_link_in_place_of_the_console_is_not_followed(t):
    """CVE-2025-52565: /dev/console is a link when the runtime binds the terminal there."""
    c = t.container()
    c.config["mounts"] = [m for m in c.config["mounts"] if m["destination"] != "/dev"]
    c.file("/target", "untouched")
    os.symlink("/target", c.rootfs + "/dev/console")
    os.mkdir(c.rootfs + "/dev/pts")
    c.process["terminal"] = True
    c.do("stat /target", "read /target").write()
    command = [t.runtime.path, "--root", t.runtime.root, "run", "--bundle", c.dir, c.id]
    done = subprocess.run(["script", "-qec", " ".join(command), "/dev/null"], capture_output=True, text=True,
                          timeout=30, stdin=subprocess.DEVNULL, check=False)
    with open(c.rootfs + "/target", encoding="ascii") as file:
        t.equal(file.read(), "untouched", "the target of the link")
    if '"type":"' in done.stdout:
        t.true('"type":"file"' in done.stdout, f"the terminal lies on the target: {done.stdout!r}")


@case
def a_console_that_is_swapped_while_it_is_mounted_does_not_lead_out(t):
    c = t.container()
    c.config["mounts"] = [m for m in c.config["mounts"] if m["destination"] != "/dev"]
    os.mkdir(c.rootfs + "/dev/pts")
    c.process["terminal"] = True
    c.do("stat /target").write()
    c.file("/target", "untouched")
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            for make in (lambda p: os.symlink("/target", p), lambda p: open(p, "w").close()):
                try:
                    os.unlink(c.rootfs + "/dev/console")
                except OSError:
                    pass
                try:
                    make(c.rootfs + "/dev/console")
                except OSError:
                    pass
    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(3 if t.short else 15):
            command = [t.runtime.path, "--root", t.runtime.root, "run", "--bundle", c.dir, c.id]
            done = subprocess.run(["script", "-qec", " ".join(command), "/dev/null"], text=True, timeout=30,
                                  capture_output=True, stdin=subprocess.DEVNULL, check=False)
            t.true('"type":"char"' not in done.stdout, f"the terminal lies on the target: {done.stdout!r}")
            t.runtime.call("delete", "--force", c.id)
    finally:
        stop.set()
        thread.join()


@case
def attributes_are_not_written_into_a_false_procfs(t):
    """CVE-2025-52881: /proc of the container is not procfs when sysctls and labels are written."""
    fake = t.folder("fake")
    os.makedirs(fake + "/sys/net/ipv4")
    with open(fake + "/sys/net/ipv4/ip_forward", "w", encoding="ascii") as file:
        file.write("untouched")
    c = t.container()
    c.config["mounts"] = [m for m in c.config["mounts"] if m["destination"] != "/proc"]
    c.mount(bind(fake, "/proc", "rbind"))
    c.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    c.linux["maskedPaths"] = c.linux["readonlyPaths"] = []
    c.do("facts").run_raw()
    with open(fake + "/sys/net/ipv4/ip_forward", encoding="ascii") as file:
        t.equal(file.read(), "untouched", "the false file")


@case
def a_sysctl_is_not_redirected_by_a_mount_inside_proc(t):
    """CVE-2025-52881: a bind over /proc/sys/net makes the runtime write somewhere else."""
    fake = t.folder("fake")
    os.makedirs(fake + "/ipv4")
    target = os.path.join(t.dir, "target")
    with open(target, "w", encoding="ascii") as file:
        file.write("untouched")
    with open(fake + "/ipv4/ip_forward", "w", encoding="ascii") as file:
        file.write("untouched")
    c = t.container().mount(bind(fake, "/proc/sys/net"))
    c.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    c.linux["readonlyPaths"] = []
    c.do("facts").run_raw()
    with open(fake + "/ipv4/ip_forward", encoding="ascii") as file:
        t.equal(file.read(), "untouched", "the false file")


@case
def proc_that_is_a_link_is_not_followed(t):
    outside = t.folder("outside")
    c = t.container()
    os.rmdir(c.rootfs + "/proc")
    os.symlink(outside, c.rootfs + "/proc")
    done = c.do("facts").run_raw()
    t.equal(os.listdir(outside), [], "the folder of the host")
    if done.code == 0 and t.kind == "strata":
        t.equal(c.parse(done)[0]["pid"], 1, "pid")


@case
def a_mount_point_that_is_swapped_does_not_lead_out(t):
    """The race of CVE-2019-19921 and CVE-2021-30465: a folder becomes a link while mounts are made."""
    outside = t.folder("outside")
    c = t.container()
    os.mkdir(c.rootfs + "/a")
    c.mount(*[mount(f"/a/b{i}", "tmpfs", "tmpfs") for i in range(6)])
    stop = threading.Event()

    def swap():
        os.mkdir(c.rootfs + "/folder")
        os.symlink(outside, c.rootfs + "/link")
        while not stop.is_set():
            for source in ("/link", "/folder"):
                try:
                    os.rename(c.rootfs + "/a", c.rootfs + "/old")
                    os.rename(c.rootfs + source, c.rootfs + "/a")
                    os.rename(c.rootfs + "/a", c.rootfs + source)
                    os.rename(c.rootfs + "/old", c.rootfs + "/a")
                except OSError:
                    pass
    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(5 if t.short else 30):
            c.do("facts").run_raw()
            t.runtime.call("delete", "--force", c.id)
    finally:
        stop.set()
        thread.join()
    t.equal(os.listdir(outside), [], "the folder of the host")


@case
def the_old_root_cannot_be_reached(t):
    c = t.container()
    for kind in c.process["capabilities"].values():
        kind += ["CAP_SYS_CHROOT", "CAP_SYS_ADMIN"]
    os.mkdir(c.rootfs + "/jail")
    results = c.run("chroot /jail", *["chdir .."] * 12, "ls .", "umount /", "ls /")
    names = set(results[13]) if isinstance(results[13], list) else set()
    t.true("boot" not in names and "usr" not in names, f"names {names}")


@case
def descriptors_of_the_first_process_are_only_its_own(t):
    c = t.container().do("wait-signal")
    c.create()
    for fd in os.listdir(f"/proc/{c.pid()}/fd"):
        link = os.readlink(f"/proc/{c.pid()}/fd/{fd}")
        if os.path.isdir(link) and not link.startswith((c.rootfs, "/proc")):
            raise Failure(f"descriptor {fd} of the waiting process is the folder {link}")


@case
def the_waiting_process_cannot_be_traced_from_inside(t):
    """A process of the container must not see the memory or descriptors of one that enters."""
    c = t.container()
    for kind in c.process["capabilities"].values():
        kind.append("CAP_SYS_PTRACE")
    c.up()
    results = c.exec("readlink /proc/1/exe", "ls /proc/1/fd")
    t.equal(results[0], PROBE, "program")


@case
def devices_of_the_host_cannot_be_opened(t):
    c = t.container()
    for kind in c.process["capabilities"].values():
        kind.append("CAP_MKNOD")
    device = os.stat("/").st_dev
    _, opened, _, memory = c.run(f"mknod /tmp/d b {os.major(device) or 8} {os.minor(device)}",
                                 "open /tmp/d r", "mknod /tmp/mem c 1 1", "open /tmp/mem r")
    t.true(is_error(opened), f"open of the disk gave {opened}")
    t.true(is_error(memory, "EPERM"), f"open of memory gave {memory}")


@case
def cgroups_of_the_host_cannot_be_written(t):
    c = t.container().mount(mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev",
                                  "relatime", "ro"))
    results = c.run("write /sys/fs/cgroup/pids/pids.max 5", "write /sys/fs/cgroup/pids.max 5",
                    "write /sys/fs/cgroup/release_agent /x", "write /sys/fs/cgroup/memory/release_agent /x")
    for got in results:
        t.true(is_error(got), f"write gave {got}")


@case
def a_bundle_path_with_odd_characters_works(t):
    odd = os.path.join(t.dir, "odd:,\\ \"name\" ü")
    c = t.container()
    os.rename(c.dir, odd)
    c.dir, c.rootfs = odd, odd + "/rootfs"
    c.out, c.err = odd + "/stdout", odd + "/stderr"
    t.equal(c.run("facts")[0]["pid"], 1, "pid")
