#!/usr/bin/python3
"""User namespaces: containers of root that are nobody outside, and containers that an unprivileged user makes."""
import json
import os
import pwd
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oci_case import PROGRAM, V2, Case, gone, main, read, shell  # noqa: E402

USER = 1000


def own(top, user):
    for folder, folders, files in os.walk(top):
        for name in [".", *folders, *files]:
            os.chown(os.path.join(folder, name), user, user, follow_symlinks=False)


def mapped(conf, maps):
    conf["linux"]["namespaces"].append({"type": "user"})
    conf["linux"]["uidMappings"] = conf["linux"]["gidMappings"] = [
        {"containerID": inside, "hostID": outside, "size": size} for inside, outside, size in maps]
    return conf


class UserNamespaces(Case):
    """Made by root, as docker does with userns-remap."""

    def setUp(self):
        super().setUp()
        self.need_user_namespaces()

    def remapped(self, script):
        own(self.root, 100000)
        return mapped(shell(script), [(0, 100000, 65536)])

    def test_ids(self):
        conf = self.remapped("id -u; id -g; cat /proc/self/uid_map")
        self.assertEqual(self.output(conf).split(), ["0", "0", "0", "100000", "65536"])

    def test_mounts_and_devices(self):
        conf = self.remapped("echo x > /dev/null && stat -c %t:%T /dev/null /dev/tty; touch /dev/shm/x && stat -c %u /dev/shm/x;"
                             "ls /proc/self/fd > /dev/null && ls /sys > /dev/null && echo views; stat -c %t:%T /proc/keys")
        self.assertEqual(self.output(conf).split(), ["1:3", "5:0", "0", "views", "1:3"])

    def test_sources_that_the_container_could_not_open(self):
        """A bind source and a bundle in folders that only the real root may enter."""
        secret = os.path.join(self.folder, "secret")
        os.makedirs(os.path.join(secret, "data"))
        with open(os.path.join(secret, "data/file"), "w", encoding="utf-8") as file:
            file.write("reached")
        os.chmod(secret, 0o700)
        conf = self.remapped("cat /data/file; ls /data/..  > /dev/null && echo fine")
        conf["mounts"].append({"destination": "/data", "type": "bind", "source": secret + "/data",
                               "options": ["rbind", "ro"]})
        os.chmod(self.root, 0o755)
        os.chmod(self.bundle, 0o700)
        self.assertEqual(self.output(conf), "reachedfine\n")

    def test_idmapped_by_the_containers_namespace(self):
        source = os.path.join(self.folder, "data")
        os.makedirs(source)
        os.chown(source, 5, 6)
        conf = self.remapped("stat -c '%u %g' /data; touch /data/made && echo wrote")
        conf["mounts"].append({"destination": "/data", "type": "bind", "source": source, "options": ["bind", "idmap"]})
        done = self.run_config(conf, check=False)
        if "mapping the ids" in done.stderr:
            self.skipTest("the file system of the test folder has no id-mapped mounts")
        self.assertEqual(done.stdout.split()[:2], ["5", "6"], done.stderr)

    def test_limits_hold_and_lifecycle_works(self):
        conf = self.remapped("trap 'exit 0' TERM; while :; do sleep 1; done")
        conf["linux"]["resources"]["pids"] = {"limit": 55}
        name, pid = self.start(conf)
        folders = self.cgroup_folders(pid)
        self.assertEqual(read(os.path.join(folders["" if V2 else "pids"], "pids.max")), "55")
        self.oci("kill", name, "TERM")
        self.wait_for("the end", lambda: self.status(name)["status"] == "stopped")
        self.oci("delete", name)
        self.assertTrue(gone(pid))


class Rootless(Case):
    """Made by a user without any privilege."""

    def setUp(self):
        super().setUp()
        self.need_user_namespaces(USER)
        shutil.copy(PROGRAM, os.path.join(self.folder, "strata-oci"))
        own(self.folder, USER)

    def call(self, command, **more):
        return super().call([os.path.join(self.folder, "strata-oci"), *command[1:]], user=USER, group=USER, extra_groups=[],
                            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "XDG_RUNTIME_DIR": self.folder}, **more)

    def rootless(self, script, maps=((0, USER, 1),)):
        conf = mapped(shell(script), maps)
        # Without a network namespace's owner there is no sysfs of one's own: the host's is bound.
        for mount in conf["mounts"]:
            mount["options"] = [o for o in mount.get("options", []) if not o.startswith("gid=")]
        del conf["linux"]["resources"]
        return conf

    def test_run(self):
        said = self.output(self.rootless("id -u; echo x > /dev/null; hostname; touch /made; ls /proc | head -n 1; "
                                         "cut -d' ' -f5 /proc/self/mountinfo | grep -c /")).split()
        self.assertEqual(said[0], "0")
        self.assertEqual(said[1], "case")
        self.assertEqual(os.stat(os.path.join(self.root, "made")).st_uid, USER)

    def test_host_network(self):
        conf = self.rootless("ls /sys/class > /dev/null && echo sys")
        conf["linux"]["namespaces"] = [n for n in conf["linux"]["namespaces"] if n["type"] != "network"]
        for mount in conf["mounts"]:
            if mount["type"] == "sysfs":
                mount.update({"type": "none", "source": "/sys", "options": ["rbind", "nosuid", "noexec", "nodev", "ro"]})
        self.assertEqual(self.output(conf).strip(), "sys")

    def test_lifecycle(self):
        self.write(self.rootless("trap 'exit 0' TERM; while :; do sleep 0.1; done"))
        name = self.name()
        self.oci("create", name)
        self.assertEqual(json.loads(self.oci("state", name).stdout)["status"], "created")
        self.oci("start", name)
        self.assertEqual(self.status(name)["status"], "running")
        self.oci("kill", name, "TERM")
        self.wait_for("the end", lambda: self.status(name)["status"] == "stopped")
        self.oci("delete", name)
        self.assertNotEqual(self.oci("state", name, check=False).returncode, 0)

    def test_ranges_by_newuidmap(self):
        try:
            user = pwd.getpwuid(USER).pw_name
        except KeyError:
            self.skipTest(f"there is no user with the id {USER}")
        if shutil.which("newuidmap") is None:
            self.skipTest("newuidmap is not installed")
        if not any(line.startswith(f"{user}:") for line in read("/etc/subuid").splitlines()):
            self.skipTest(f"/etc/subuid gives {user} nothing")
        first = int(next(line for line in read("/etc/subuid").splitlines() if line.startswith(f"{user}:")).split(":")[1])
        conf = self.rootless("cat /proc/self/uid_map | wc -l; chown 5:5 /tmp && stat -c %u /tmp",
                             ((0, USER, 1), (1, first, 60000)))
        conf["process"]["capabilities"] = {k: ["CAP_CHOWN"] for k in ("bounding", "effective", "permitted")}
        self.assertEqual(self.output(conf).split(), ["2", "5"])

    def test_delegated_cgroup(self):
        if not V2:
            self.skipTest("delegation needs cgroup version 2")
        base = "/sys/fs/cgroup/strata-delegated"
        os.makedirs(base + "/leaf", exist_ok=True)
        self.addCleanup(os.rmdir, base)
        self.addCleanup(os.rmdir, base + "/leaf")
        with open(base + "/cgroup.subtree_control", "w", encoding="utf-8") as file:
            file.write("+memory +pids")
        for path in (base, base + "/leaf", base + "/cgroup.procs", base + "/cgroup.subtree_control",
                     base + "/leaf/cgroup.procs"):
            os.chown(path, USER, USER)
        conf = self.rootless("exec sleep 100")
        conf["linux"]["resources"] = {"pids": {"limit": 33}}
        conf["linux"]["cgroupsPath"] = "/strata-delegated/inner"
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            own = "/sys/fs/cgroup" + file.read().strip().partition("::")[2]
        pid = str(os.getpid())
        with open(base + "/leaf/cgroup.procs", "w", encoding="utf-8") as file:
            file.write(pid)
        try:
            name = self.name()
            self.write(conf)
            self.oci("create", name)
            self.assertEqual(read(base + "/inner/pids.max"), "33")
            self.oci("pause", name)
            self.oci("resume", name)
            self.oci("delete", "-f", name)
            self.assertFalse(os.path.exists(base + "/inner"))
        finally:
            with open(own + "/cgroup.procs", "w", encoding="utf-8") as file:
                file.write(pid)


if __name__ == "__main__":
    main()
