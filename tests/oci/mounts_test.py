#!/usr/bin/python3
"""Mounts, propagation, devices, masked and read-only paths of strata-oci, as the container and the host see them."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oci_case import Case, main, shell  # noqa: E402


def mount(destination, source=None, kind=None, *options, **more):
    made = {"destination": destination, "options": list(options), **more}
    if source is not None:
        made["source"] = source
    if kind is not None:
        made["type"] = kind
    return made


class Mounts(Case):
    def flags(self, path, *mounts):
        """Options of the mount at path inside of the container, and its propagation fields."""
        conf = shell(f"grep ' {path} ' /proc/self/mountinfo | tail -n 1")
        conf["mounts"] += mounts
        line = self.output(conf).split()
        self.assertGreater(len(line), 6, f"{path} is no mount")
        dash = line.index("-")
        return set(line[5].split(",")), line[6:dash], set(line[dash + 3].split(",")), line[dash + 1]

    def source(self, name="source"):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.join(path, "below"))
        with open(os.path.join(path, "file"), "w", encoding="utf-8") as file:
            file.write("content\n")
        return path

    def test_default_view(self):
        conf = shell("cut -d' ' -f5 /proc/self/mountinfo; ls /dev; readlink /dev/ptmx; readlink /dev/stdin; hostname; pwd")
        said = self.output(conf).split()
        for path in ("/", "/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/proc/keys", "/proc/sys",
                     "null", "zero", "full", "random", "urandom", "tty", "pts/ptmx", "/proc/self/fd/0", "case"):
            self.assertIn(path, said)

    def test_flags(self):
        flags, _, _, _ = self.flags("/a", mount("/a", "tmpfs", "tmpfs", "nosuid", "nodev", "noexec", "noatime", "ro"))
        self.assertLessEqual({"nosuid", "nodev", "noexec", "noatime", "ro"}, flags)
        flags, _, data, kind = self.flags("/a", mount("/a", "tmpfs", "tmpfs", "size=64k", "mode=700", "nosuid", "suid"))
        self.assertNotIn("nosuid", flags)
        self.assertLessEqual({"size=64k", "mode=700"}, data)
        self.assertEqual(kind, "tmpfs")

    def test_bind_flags_and_recursion(self):
        source = self.source()
        subprocess.run(["mount", "-t", "tmpfs", "below", source + "/below"], check=True)
        self.addCleanup(subprocess.run, ["umount", source + "/below"], check=False)
        bind = mount("/a", source, "bind", "rbind", "ro", "nosuid")
        self.assertLessEqual({"ro", "nosuid"}, self.flags("/a", bind)[0])
        self.assertIn("rw", self.flags("/a/below", bind)[0])
        bind = mount("/a", source, None, "rbind", "rro", "rnoexec")
        self.assertLessEqual({"ro", "noexec"}, self.flags("/a", bind)[0])
        self.assertLessEqual({"ro", "noexec"}, self.flags("/a/below", bind)[0])
        conf = shell("cut -d' ' -f5 /proc/self/mountinfo")
        conf["mounts"].append(mount("/a", source, "bind", "bind"))
        self.assertNotIn("/a/below", self.output(conf).split())

    def test_bind_of_files_makes_the_target(self):
        source = self.source()
        conf = shell("cat /new/deep/file; stat -c %F /new/deep/file; touch /new/deep/file")
        conf["mounts"].append(mount("/new/deep/file", source + "/file", "bind", "bind", "ro"))
        done = self.run_config(conf, check=False)
        self.assertEqual(done.stdout.split("\n")[:2], ["content", "regular file"])
        self.assertNotEqual(done.returncode, 0)

    def test_relative_source(self):
        os.makedirs(os.path.join(self.bundle, "data"))
        conf = shell("touch /a/made")
        conf["mounts"].append(mount("/a", "data", "bind", "bind"))
        self.output(conf)
        self.assertTrue(os.path.exists(os.path.join(self.bundle, "data/made")))

    def test_missing_source_is_named(self):
        conf = shell("true")
        conf["mounts"].append(mount("/a", "/does/not/exist", "bind", "bind"))
        done = self.run_config(conf, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/does/not/exist", done.stderr)

    def test_propagation(self):
        source = self.source()
        subprocess.run(["mount", "--bind", source, source], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", source], check=False)
        subprocess.run(["mount", "--make-shared", source], check=True)
        fields = {kind: self.flags("/a", mount("/a", source, "bind", "rbind", kind))[1]
                  for kind in ("private", "rslave", "shared", "unbindable")}
        self.assertEqual(fields["private"], [])
        self.assertTrue(fields["rslave"][0].startswith("master:"))
        self.assertTrue(any(field.startswith("shared:") for field in fields["shared"]))
        self.assertEqual(fields["unbindable"], ["unbindable"])

    def test_a_mount_arrives_in_a_slave_and_not_in_a_private_one(self):
        source = self.source()
        subprocess.run(["mount", "--bind", source, source], check=True)
        self.addCleanup(subprocess.run, ["umount", "-R", source], check=False)
        subprocess.run(["mount", "--make-shared", source], check=True)
        conf = shell("while ! test -e /slave/go; do usleep 20000; done; "
                     "grep -c ' /slave/below ' /proc/self/mountinfo; grep -c ' /alone/below ' /proc/self/mountinfo; true")
        conf["mounts"] += [mount("/slave", source, "bind", "rbind", "rslave"),
                           mount("/alone", source, "bind", "rbind", "rprivate")]
        conf["linux"]["rootfsPropagation"] = "rslave"
        name, _ = self.start(conf)
        subprocess.run(["mount", "-t", "tmpfs", "below", source + "/below"], check=True)
        with open(source + "/go", "w", encoding="utf-8"):
            pass
        self.wait_for("the container", lambda: self.status(name)["status"] == "stopped")
        with open(os.path.join(self.folder, "out"), encoding="utf-8") as file:
            self.assertEqual(file.read().split(), ["1", "0"])

    def test_rootfs_propagation(self):
        for kind, begin in (("private", None), ("shared", "shared:"), ("unbindable", "unbindable")):
            conf = shell("while read -r a b c d e rest; do [ $e = / ] && echo $a $b $c $d $e $rest; done "
                         "< /proc/self/mountinfo; true")
            conf["linux"]["rootfsPropagation"] = kind
            line = self.output(conf).split()
            fields = line[6:line.index("-")]
            self.assertEqual(len(fields), 0 if begin is None else 1, kind)
            self.assertTrue(begin is None or fields[0].startswith(begin), kind)

    def test_readonly_root_with_writable_mounts(self):
        conf = shell("touch /x 2>/dev/null && echo root; touch /tmp/x && echo tmp; touch /dev/shm/x && echo shm; ls -d /w")
        conf["root"]["readonly"] = True
        conf["process"]["cwd"] = "/w"
        conf["mounts"].append(mount("/tmp", "tmpfs", "tmpfs", "nosuid"))
        self.assertEqual(self.output(conf).split(), ["tmp", "shm", "/w"])

    def test_masked_and_readonly_paths(self):
        os.makedirs(os.path.join(self.root, "etc/folder"))
        for name in ("etc/secret", "etc/folder/secret"):
            with open(os.path.join(self.root, name), "w", encoding="utf-8") as file:
                file.write("secret")
        conf = shell("cat /etc/secret; ls /etc/folder; touch /etc/folder/x 2>/dev/null && echo wrote; "
                     "stat -c %t:%T /proc/keys; echo 1 2>/dev/null > /proc/sys/net/ipv4/ip_forward && echo set; "
                     "ls /sys/firmware | wc -l")
        conf["linux"]["maskedPaths"] += ["/etc/secret", "/etc/folder", "/not/there"]
        conf["process"]["capabilities"] = {k: ["CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_DAC_OVERRIDE"]
                                           for k in ("bounding", "effective", "permitted")}
        self.assertEqual(self.output(conf).split(), ["1:3", "0"])

    def test_tmpcopyup(self):
        os.makedirs(os.path.join(self.root, "data/below"), mode=0o711)
        with open(os.path.join(self.root, "data/below/file"), "w", encoding="utf-8") as file:
            file.write("copied")
        os.chown(os.path.join(self.root, "data/below/file"), 12, 34)
        os.chmod(os.path.join(self.root, "data/below/file"), 0o4751)
        os.symlink("below/file", os.path.join(self.root, "data/link"))
        conf = shell("cat /data/link; stat -c ' %a %u %g' /data/below/file; echo changed > /data/below/file; stat -fc %T /data")
        conf["mounts"].append(mount("/data", "tmpfs", "tmpfs", "tmpcopyup"))
        self.assertEqual(self.output(conf).split(), ["copied", "4751", "12", "34", "tmpfs"])
        with open(os.path.join(self.root, "data/below/file"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "copied")

    def test_idmapped_mount(self):
        self.need_user_namespaces()  # the mappings are those of one that the runtime makes
        source = self.source()
        os.chown(source + "/file", 1000, 1000)
        conf = shell("stat -c '%u %g' /a/file")
        maps = [{"containerID": 1000, "hostID": 5000, "size": 10}]
        conf["mounts"].append(mount("/a", source, "bind", "bind", "idmap", uidMappings=maps, gidMappings=maps))
        done = self.run_config(conf, check=False)
        if "mapping the ids" in done.stderr:
            self.skipTest("the file system of the test folder has no id-mapped mounts")
        self.assertEqual(done.stdout.split(), ["5000", "5000"])

    def test_devices(self):
        conf = shell("stat -c '%F %t:%T %a %u' /dev/net/tun /dev/fifo /dev/null; echo x > /dev/null; "
                     "head -c 4 /dev/zero | wc -c")
        conf["linux"]["devices"] = [
            {"type": "c", "path": "/dev/net/tun", "major": 10, "minor": 200, "fileMode": 0o600, "uid": 7, "gid": 8},
            {"type": "p", "path": "/dev/fifo", "fileMode": 0o640},
        ]
        self.assertEqual(self.output(conf).split("\n")[:4],
                         ["character special file a:c8 600 7", "fifo 0:0 640 0",
                          "character special file 1:3 666 0", "4"])

    def test_bound_dev_is_left_alone(self):
        os.makedirs(os.path.join(self.folder, "dev"))
        conf = shell("ls /dev | wc -l")
        conf["mounts"] = [m for m in conf["mounts"] if not m["destination"].startswith("/dev")]
        conf["mounts"].append(mount("/dev", os.path.join(self.folder, "dev"), "bind", "rbind"))
        self.assertEqual(self.output(conf).strip(), "0")

    def test_no_pivot(self):
        conf = shell("ls -d /etc/passwd /host 2>/dev/null; cut -d' ' -f5 /proc/self/mountinfo | sort | uniq -c | wc -l")
        done = self.run_config(conf, "--no-pivot")
        self.assertEqual(done.stdout.split()[0], "/etc/passwd")

    def test_nothing_of_the_host_stays_visible(self):
        conf = shell("cut -d' ' -f5 /proc/self/mountinfo")
        points = self.output(conf).split()
        allowed = tuple(m["destination"] for m in conf["mounts"])
        for point in points:
            self.assertTrue(point == "/" or point.startswith(allowed), point)

    def test_cgroup_view(self):
        conf = shell("stat -fc %T /sys/fs/cgroup; cut -d: -f3 /proc/self/cgroup | sort | uniq; "
                     "find /sys/fs/cgroup -name cgroup.procs | head -n 1 | wc -l; grep ' /sys/fs/cgroup' /proc/self/mountinfo | "
                     "grep -vc ' ro,'; true")
        conf["mounts"].append(mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"))
        lines = self.output(conf).split("\n")
        self.assertIn(lines[0], ("tmpfs", "cgroup2fs", "cgroup2", "UNKNOWN"))
        self.assertEqual(lines[1], "/")
        self.assertEqual(lines[2], "1")
        self.assertEqual(lines[3], "0")

    def test_cgroup_view_without_namespace(self):
        conf = shell("find /sys/fs/cgroup -name cgroup.procs | head -n 1 | wc -l")
        conf["linux"]["namespaces"] = [n for n in conf["linux"]["namespaces"] if n["type"] != "cgroup"]
        conf["mounts"].append(mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "ro"))
        self.assertEqual(self.output(conf).strip(), "1")

    def test_overlay(self):
        for name in ("lower", "upper", "work"):
            os.makedirs(os.path.join(self.folder, name))
        with open(os.path.join(self.folder, "lower/file"), "w", encoding="utf-8") as file:
            file.write("lower")
        conf = shell("cat /o/file; echo upper > /o/file")
        conf["mounts"].append(mount("/o", "overlay", "overlay", *(f"{key}={self.folder}/{name}" for key, name in (
            ("lowerdir", "lower"), ("upperdir", "upper"), ("workdir", "work")))))
        done = self.run_config(conf, check=False)
        if "no such device" in done.stderr:
            self.skipTest("the kernel has no overlayfs")
        self.assertEqual(done.stdout, "lower")
        with open(os.path.join(self.folder, "upper/file"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "upper\n")


if __name__ == "__main__":
    main()
