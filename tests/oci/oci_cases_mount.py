"""The root file system: mounts of all kinds, flags, propagation, devices, masked and read-only paths."""
import os
import subprocess

from oci_lib import Failure, bind, case, is_error, mount, mounts_below, unsupported

RDONLY, NOSUID, NODEV, NOEXEC, NOATIME, NODIRATIME, RELATIME = 1, 2, 4, 8, 1024, 2048, 4096


def line_of(mountinfo, point):
    """Fields of the last mount at a point: (options, optional fields, type, source, super options)."""
    for line in reversed(mountinfo.strip().split("\n")):
        left, right = line.split(" - ", 1)
        fields = left.split()
        if fields[4] == point:
            kind, source, options = right.split(" ", 2)
            return fields[5].split(","), fields[6:], kind, source, options.split(",")
    raise Failure(f"nothing is mounted on {point}")


@case
def the_default_mounts_are_there(t):
    info = t.container().run("read /proc/self/mountinfo")[0]
    for point, kind in (("/proc", "proc"), ("/dev", "tmpfs"), ("/dev/pts", "devpts"), ("/dev/shm", "tmpfs"),
                        ("/dev/mqueue", "mqueue"), ("/sys", "sysfs")):
        t.equal(line_of(info, point)[2], kind, point)


@case
def nothing_of_the_host_is_mounted(t):
    info = t.container().run("read /proc/self/mountinfo")[0]
    points = [l.split()[4] for l in info.strip().split("\n")]
    allowed = ("/", "/proc", "/dev", "/sys")
    extra = [p for p in points if p not in allowed and not p.startswith(("/proc/", "/dev/", "/sys/"))]
    t.equal(extra, [], "further mounts")


@case
def tmpfs_takes_size_and_mode(t):
    c = t.container().mount(mount("/t", "tmpfs", "tmpfs", "size=64k", "mode=1750", "noexec", "nodev"))
    stat, fs, info = c.run("stat /t", "statfs /t", "read /proc/self/mountinfo")
    t.equal((stat["type"], stat["mode"]), ("dir", 0o1750), "mode")
    t.equal(fs["bytes"], 65536, "size")
    options = line_of(info, "/t")[0]
    t.true({"rw", "noexec", "nodev"} <= set(options), f"options {options}")


@case
def a_folder_and_a_file_are_bound(t):
    folder = t.folder("source")
    with open(folder + "/file", "w", encoding="ascii") as file:
        file.write("content")
    c = t.container().mount(bind(folder, "/made/folder"), bind(folder + "/file", "/made/file"))
    a, b, _ = c.run("read /made/folder/file", "read /made/file", "create /made/folder/new")
    t.equal((a, b), ("content", "content"), "contents")
    t.true(os.path.exists(folder + "/new"), "a file made inside is not there outside")


@case
def a_read_only_bind_is_read_only(t):
    c = t.container().mount(bind(t.folder("source"), "/m", "ro"))
    made, info = c.run("create /m/x", "read /proc/self/mountinfo")
    t.true(is_error(made, "EROFS"), f"create gave {made}")
    t.true("ro" in line_of(info, "/m")[0], "options")


@case
def bind_flags_are_applied(t):
    c = t.container().mount(bind(t.folder("source"), "/m", "nosuid", "nodev", "noexec", "noatime"))
    options = line_of(c.run("read /proc/self/mountinfo")[0], "/m")[0]
    t.true({"nosuid", "nodev", "noexec", "noatime"} <= set(options), f"options {options}")


@case
def noexec_forbids_to_execute(t):
    folder = t.folder("source")
    os.link(t.container().rootfs + "/probe", folder + "/probe")
    c = t.container().mount(bind(folder, "/m", "noexec"))
    t.equal(c.run("exec /m/probe")[0], 101, "result of exec")


@case
def strictatime_relatime_and_nodiratime_are_applied(t):
    c = t.container().mount(mount("/a", "tmpfs", "tmpfs", "strictatime"),
                            mount("/b", "tmpfs", "tmpfs", "relatime", "nodiratime"))
    info = c.run("read /proc/self/mountinfo")[0]
    t.true("relatime" not in line_of(info, "/a")[0], "strictatime")
    t.true({"relatime", "nodiratime"} <= set(line_of(info, "/b")[0]), "relatime, nodiratime")


@case
def rbind_takes_the_mounts_below_and_bind_does_not(t):
    folder = t.folder("source")
    os.mkdir(folder + "/sub")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder + "/sub"], check=True)
    try:
        with open(folder + "/sub/file", "w", encoding="ascii"):
            pass
        c = t.container().mount(bind(folder, "/r", "rbind"), bind(folder, "/b"))
        with_sub, without = c.run("ls /r/sub", "ls /b/sub")
    finally:
        subprocess.run(["umount", folder + "/sub"], check=True)
    t.equal((with_sub, without), (["file"], []), "lists")


@case
def recursive_read_only_reaches_the_mounts_below(t):
    folder = t.folder("source")
    os.mkdir(folder + "/sub")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder + "/sub"], check=True)
    try:
        c = t.container().mount(bind(folder, "/r", "rbind", "rro"), bind(folder, "/n", "rbind", "ro"))
        deep, shallow = c.run("create /r/sub/x", "create /n/sub/y")
    finally:
        subprocess.run(["umount", folder + "/sub"], check=True)
    t.true(is_error(deep, "EROFS"), f"rro: create gave {deep}")
    t.equal(shallow, None, "ro: create below")


@case
def a_missing_source_is_refused_by_name(t):
    t.container().mount(bind("/no/such/source", "/m")).run_fails("/no/such/source")


@case
def an_unknown_file_system_is_refused_by_name(t):
    t.container().mount(mount("/m", "moonfs", "moon")).run_fails("moon" if t.kind == "strata" else "/m")


@case
def an_option_that_the_file_system_refuses_is_an_error(t):
    t.container().mount(mount("/m", "tmpfs", "tmpfs", "size=many")).run_fails()


@case
def mount_points_are_made_as_needed(t):
    source = t.folder("source")
    with open(source + "/f", "w", encoding="ascii"):
        pass
    c = t.container().mount(bind(source, "/a/b/c"), bind(source + "/f", "/d/e/f"),
                            mount("/g/h", "tmpfs", "tmpfs"))
    kinds = [s["type"] for s in c.run("stat /a/b/c", "stat /d/e/f", "stat /g/h")]
    t.equal(kinds, ["dir", "file", "dir"], "kinds")


@case
def a_later_mount_may_lie_on_an_earlier_one(t):
    source = t.folder("source")
    c = t.container().mount(mount("/m", "tmpfs", "tmpfs"), bind(source, "/m/inner"))
    made, stat = c.run("create /m/inner/x", "stat /m/inner/x")
    t.equal((made, stat["type"]), (None, "file"), "file")
    t.equal(os.listdir(source), ["x"], "source")


@case
def a_mount_point_behind_links_stays_in_the_root(t):
    outside = t.folder("outside")
    c = t.container()
    os.symlink(outside, c.rootfs + "/absolute")
    os.symlink("../" * 20 + outside, c.rootfs + "/relative")
    c.mount(mount("/absolute/a", "tmpfs", "tmpfs"), mount("/relative/b", "tmpfs", "tmpfs"))
    done = c.do("read /proc/self/mountinfo").run_raw()
    t.equal(os.listdir(outside), [], "the folder of the host")
    if done.code == 0:
        line_of(c.parse(done)[0], f"{outside}/a")
        t.true(os.path.isdir(c.rootfs + outside + "/a"), "the mount point is not in the root")


@case
def dots_in_a_mount_point_stay_in_the_root(t):
    c = t.container().mount(mount("/../../../../../../oci-suite-dots", "tmpfs", "tmpfs"))
    done = c.do("read /proc/self/mountinfo").run_raw()
    t.true(not os.path.exists("/oci-suite-dots"), "it was made on the host")
    if done.code == 0:
        line_of(c.parse(done)[0], "/oci-suite-dots")


@case
def tmpcopyup_keeps_the_content_below(t):
    c = t.container()
    c.file("/data/file", "kept", 0o644)
    c.file("/data/sub/deep", "deep")
    os.symlink("file", c.rootfs + "/data/link")
    os.chown(c.rootfs + "/data/file", 12, 13)
    c.mount(mount("/data", "tmpfs", "tmpfs", "tmpcopyup"))
    text, deep, link, stat, made, info = c.run(
        "read /data/file", "read /data/sub/deep", "readlink /data/link", "stat /data/file",
        "create /data/new", "read /proc/self/mountinfo")
    t.equal((text, deep, link, made), ("kept", "deep", "file", None), "content")
    t.equal((stat["mode"], stat["uid"], stat["gid"]), (0o644, 12, 13), "mode and owner")
    t.equal(line_of(info, "/data")[2], "tmpfs", "kind")
    t.true(not os.path.exists(c.rootfs + "/data/new"), "the root below was written")


@case
def overlay_and_other_kinds_are_mounted_with_their_data(t):
    lower, upper, work = t.folder("lower"), t.folder("upper"), t.folder("work")
    with open(lower + "/file", "w", encoding="ascii") as file:
        file.write("lower")
    c = t.container().mount(mount("/o", "overlay", "overlay", f"lowerdir={lower}", f"upperdir={upper}",
                                  f"workdir={work}"))
    text, made = c.run("read /o/file", "create /o/new")
    t.equal((text, made), ("lower", None), "file")
    t.equal(os.listdir(upper), ["new"], "upper folder")


@case
@unsupported("runc")
def an_idmapped_mount_shifts_owners(t):
    folder = t.folder("source")
    with open(folder + "/file", "w", encoding="ascii"):
        pass
    os.chown(folder + "/file", 0, 0)
    c = t.container().map_users(100000, 1000)
    entry = bind(folder, "/m")
    entry["uidMappings"] = entry["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 1000}]
    c.mount(entry)
    if t.kind == "crun":
        entry["options"].append("idmap")
    stat, plain = c.run("stat /m/file", "create /m/new")
    t.equal((stat["uid"], stat["gid"]), (0, 0), "owner inside")
    t.equal(plain, None, "create")
    t.equal(os.stat(folder + "/new").st_uid, 0, "owner outside")


@case
@unsupported("runc", "crun")
def an_idmapped_mount_needs_no_user_namespace(t):
    t.need_user_namespaces()  # the mount's mappings are those of one that the runtime makes
    folder = t.folder("source")
    with open(folder + "/file", "w", encoding="ascii"):
        pass
    os.chown(folder + "/file", 7, 7)
    entry = bind(folder, "/m")
    entry["uidMappings"] = entry["gidMappings"] = [{"containerID": 0, "hostID": 1000, "size": 100}]
    stat = t.container().mount(entry).run("stat /m/file")[0]
    t.equal((stat["uid"], stat["gid"]), (1007, 1007), "owner inside")


@case
def propagation_of_mounts_is_as_configured(t):
    for option, mark in (("shared", "shared:"), ("private", None), ("unbindable", "unbindable")):
        c = t.container().mount(bind(t.folder("source"), "/m", option))
        fields = line_of(c.run("read /proc/self/mountinfo")[0], "/m")[1]
        if mark:
            t.true(any(f.startswith(mark) for f in fields), f"{option}: {fields}")
        else:
            t.true(not any(f.startswith("shared:") for f in fields), f"{option}: {fields}")


@case
@unsupported("runc")
def propagation_of_the_root_is_as_configured(t):
    for option, mark in (("shared", "shared:"), ("private", None), ("slave", None)):
        c = t.container()
        c.linux["rootfsPropagation"] = option
        fields = line_of(c.run("read /proc/self/mountinfo")[0], "/")[1]
        shared = any(f.startswith("shared:") for f in fields)
        t.equal(shared, mark is not None, f"{option}: shared ({fields})")


@case
def mounts_made_inside_do_not_reach_the_host(t):
    c = t.container()
    c.process["capabilities"] = {k: ["CAP_SYS_ADMIN"] for k in ("bounding", "effective", "permitted")}
    os.mkdir(c.rootfs + "/m")
    c.up("mount tmpfs /m tmpfs 0", "wait-signal")
    t.equal(mounts_below(c.dir), [], "mounts of the host")


@case
def the_root_can_be_read_only(t):
    c = t.container().mount(mount("/t", "tmpfs", "tmpfs"))
    c.config["root"]["readonly"] = True
    a, b, c2 = c.run("create /x", "create /t/x", "create /dev/shm/x")
    t.true(is_error(a, "EROFS"), f"create in the root gave {a}")
    t.equal((b, c2), (None, None), "create in tmpfs")


@case
def the_root_is_left_as_it_was(t):
    c = t.container()
    before = sorted(os.listdir(c.rootfs))
    c.run("facts")
    t.equal(sorted(os.listdir(c.rootfs)), before, "the root after a run")
    t.equal(os.listdir(c.rootfs + "/dev"), [], "/dev after a run")


@case
def masked_paths_are_empty_and_not_writable(t):
    c = t.container()
    c.file("/secret/file", "secret")
    c.file("/secretfile", "secret")
    c.linux["maskedPaths"] = ["/secret", "/secretfile", "/not/there"]
    listed, text, made = c.run("ls /secret", "read /secretfile", "create /secret/x")
    t.equal((listed, text), ([], ""), "content")
    t.true(is_error(made), f"create gave {made}")


@case
def the_default_masked_paths_of_proc_are_masked(t):
    results = t.container().run(*[f"read {p}" for p in MASKED_FILES])
    for path, got in zip(MASKED_FILES, results):
        t.true(got == "" or is_error(got, "ENOENT"), f"{path}: {str(got)[:50]}")


MASKED_FILES = ["/proc/kcore", "/proc/keys", "/proc/timer_list"]


@case
def readonly_paths_are_read_only(t):
    c = t.container()
    c.file("/fixed/file", "x")
    c.linux["readonlyPaths"] += ["/fixed", "/not/there"]
    a, b, d = c.run("write /fixed/file y", "create /fixed/new", "write /proc/sys/kernel/core_pattern x")
    for got in (a, b, d):
        t.true(is_error(got, "EROFS", "EACCES"), f"write gave {got}")


@case
def the_default_devices_are_there(t):
    wanted = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9),
              "tty": (5, 0)}
    results = t.container().run(*[f"stat /dev/{n}" for n in wanted], "write /dev/null x", "open /dev/zero r")
    for (name, number), got in zip(wanted.items(), results):
        t.equal((got["type"], got["major"], got["minor"], got["mode"], got["uid"]),
                ("char", *number, 0o666, 0), name)
    t.equal(results[-2:], [None, None], "use of null and zero")


@case
def the_default_links_of_dev_are_there(t):
    wanted = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
              "stderr": "/proc/self/fd/2"}
    results = t.container().run(*[f"readlink /dev/{n}" for n in wanted], "readlink /dev/ptmx")
    t.equal(dict(zip(wanted, results)), wanted, "links")
    t.true(results[-1] in ("pts/ptmx", "/dev/pts/ptmx"), f"ptmx: {results[-1]}")


@case
def configured_devices_are_made(t):
    c = t.container()
    c.linux["devices"] = [
        {"path": "/dev/own", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 3, "gid": 4},
        {"path": "/dev/deep/er", "type": "c", "major": 1, "minor": 3},
        {"path": "/dev/pipe", "type": "p", "fileMode": 0o600}]
    c.resources["devices"].append({"allow": True, "type": "c", "major": 1, "minor": 5, "access": "rw"})
    own, deep, pipe, opened = c.run("stat /dev/own", "stat /dev/deep/er", "stat /dev/pipe", "open /dev/zero r")
    t.equal((own["type"], own["major"], own["minor"], own["mode"], own["uid"], own["gid"]),
            ("char", 1, 5, 0o640, 3, 4), "/dev/own")
    t.equal((deep["type"], deep["minor"]), ("char", 3), "/dev/deep/er")
    t.equal((pipe["type"], pipe["mode"]), ("fifo", 0o600), "/dev/pipe")
    t.equal(opened, None, "open")


@case
def dev_can_be_bound_from_the_host(t):
    c = t.container()
    c.config["mounts"] = [m for m in c.config["mounts"] if not m["destination"].startswith("/dev")]
    c.mount(bind("/dev", "/dev", "rbind"))
    t.equal(c.run("stat /dev/null")[0]["type"], "char", "/dev/null")
    t.true(os.stat("/dev/null").st_rdev == os.makedev(1, 3), "/dev/null of the host")


@case
def cgroups_are_mounted_read_only_and_rooted_in_the_container(t):
    c = t.container().mount(mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev",
                                  "relatime", "ro"))
    c.resources["pids"] = {"limit": 33}
    listed, info, one, two = c.run("ls /sys/fs/cgroup", "read /proc/self/mountinfo",
                                   "read /sys/fs/cgroup/pids/pids.max", "read /sys/fs/cgroup/pids.max")
    t.true(listed, "nothing is there")
    t.true("33" in (str(one).strip(), str(two).strip()), f"pids.max: {one} {two}")
    line_of(info, "/sys/fs/cgroup")


@case
def no_pivot_works_too(t):
    c = t.container()
    listed = c.run("ls /", options=["--no-pivot"])[0]
    t.true("probe" in listed and "usr" not in listed, f"root: {listed}")


@case
def a_root_given_by_a_relative_path_and_a_link_works(t):
    c = t.container()
    os.rename(c.rootfs, c.dir + "/real")
    os.symlink("real", c.rootfs)
    c.config["root"]["path"] = "rootfs"
    if t.kind == "runc":
        t.skip("runc refuses a link")
    t.true("probe" in c.run("ls /")[0], "root")


@case
def a_missing_root_is_refused_by_name(t):
    c = t.container()
    c.config["root"]["path"] = "nowhere"
    c.run_fails("nowhere")


@case
@unsupported("runc")
def flags_of_a_locked_mount_are_kept_in_a_user_namespace(t):
    folder = t.folder("source")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nosuid,nodev,noexec", "tmpfs", folder], check=True)
    try:
        c = t.container().map_users().mount(bind(folder, "/m", "ro"))
        options = line_of(c.run("read /proc/self/mountinfo")[0], "/m")[0]
    finally:
        subprocess.run(["umount", folder], check=True)
    t.true({"ro", "nosuid", "nodev", "noexec"} <= set(options), f"options {options}")
