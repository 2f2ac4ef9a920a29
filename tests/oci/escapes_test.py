#!/usr/bin/python3
"""Attempts to get out of a container by the known ways of other runtimes: each must fail, or do its harm inside."""
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oci_case import PROGRAM, SHORT, Case, main, read, shell  # noqa: E402


def bind(destination, source, *options):
    return {"destination": destination, "type": "bind", "source": source, "options": ["rbind", *options]}


class Escapes(Case):
    def outside(self, name="outside"):
        path = os.path.join(self.folder, name)
        os.makedirs(path)
        with open(os.path.join(path, "file"), "w", encoding="utf-8") as file:
            file.write("host")
        return path

    def test_links_as_mount_targets_stay_inside(self):
        """Destinations through links of the image: CVE-2019-19921 and CVE-2021-30465, without the race."""
        outside = self.outside()
        os.symlink(outside, os.path.join(self.root, "absolute"))
        os.symlink("../../../../../../../.." + outside, os.path.join(self.root, "relative"))
        os.symlink("/proc/self/root", os.path.join(self.root, "magic"))
        source = self.outside("source")
        for place in ("absolute", "relative"):
            conf = shell(f"cat /{place}/new/file; ls {outside}")
            conf["mounts"].append(bind(f"/{place}/new", source))
            self.assertIn("host", self.output(conf))
            self.assertEqual(os.listdir(outside), ["file"])
        conf = shell("true")
        conf["mounts"].append(bind("/magic/new", source))
        self.run_config(conf, check=False)
        self.assertFalse(os.path.exists("/new"))

    def test_exec_stays_inside_when_the_runtime_runs_in_a_chroot(self):
        """Who joins a mount namespace stands at its root, which must be the container's and not the chroot's host."""
        jail = os.path.join(self.folder, "jail")
        os.mkdir(jail)
        self.write(shell("echo inside > /mark; exec sleep 100"))
        name = self.name()
        runtime = f"{PROGRAM} --root {self.state}"
        jailed = (f"cd {self.bundle}; {runtime} run -d {name} && "
                  f"{runtime} exec {name} sh -c 'until [ -s /mark ]; do :; done; cat /mark'")
        done = self.call(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                          f'mount --rbind / {jail} && exec chroot {jail} sh -c "$1"', "sh", jailed], timeout=20)
        self.assertEqual(done.stdout, "inside\n", done.stderr)

    def test_racing_links_never_move_a_mount_out(self):
        """CVE-2021-30465: a volume in which another container exchanges a folder and a link while mounts are made."""
        outside = self.outside()
        volume = os.path.join(self.folder, "volume")
        os.makedirs(os.path.join(volume, "folder/below"))
        os.symlink(outside, os.path.join(volume, "link"))
        stop = threading.Event()

        def exchange():
            names = ("folder", "link")
            while not stop.is_set():
                subprocess.run(["python3", "-c", EXCHANGE, volume, *names], check=False)

        racer = threading.Thread(target=exchange)
        racer.start()
        try:
            conf = shell("true")
            conf["mounts"] += [bind("/v", volume), {"destination": "/v/folder/below", "type": "tmpfs", "source": "tmpfs"}]
            end = time.monotonic() + (3 if SHORT else 10)
            while time.monotonic() < end:
                self.run_config(conf, check=False)
                self.assertEqual(os.listdir(outside), ["file"])
        finally:
            stop.set()
            racer.join()

    def test_links_in_place_of_proc_are_refused(self):
        """CVE-2019-16884: a /proc that is not the kernel's makes the writing of labels meaningless."""
        os.rmdir(os.path.join(self.root, "proc"))
        os.makedirs(os.path.join(self.root, "fake"))
        os.symlink("/fake", os.path.join(self.root, "proc"))
        done = self.run_config(shell("true"), check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/proc", done.stderr)

    def test_nothing_is_mounted_inside_proc(self):
        outside = self.outside()
        for destination in ("/proc/self/attr", "/proc/sys/kernel", "/proc/1/", "/./proc/../proc/self"):
            conf = shell("true")
            conf["mounts"].append(bind(destination, outside))
            self.assertNotEqual(self.run_config(conf, check=False).returncode, 0, destination)
        conf = shell("cat /proc/uptime")
        conf["mounts"].append(bind("/proc/uptime", os.path.join(outside, "file")))
        self.assertEqual(self.output(conf), "host")

    def test_fake_null_does_not_open_masked_files(self):
        """CVE-2025-31133: /dev/null of a shared /dev replaced by a link to what should be masked or written."""
        dev = os.path.join(self.folder, "dev")
        os.makedirs(dev)
        os.symlink("/proc/sys/kernel/core_pattern", os.path.join(dev, "null"))
        conf = shell("stat -c %t:%T /proc/keys; echo '|/evil' > /proc/keys; cat /proc/sys/kernel/core_pattern")
        conf["mounts"] = [m for m in conf["mounts"] if not m["destination"].startswith("/dev")] + [bind("/dev", dev)]
        before = read("/proc/sys/kernel/core_pattern")
        said = self.run_config(conf, check=False)
        self.assertEqual(read("/proc/sys/kernel/core_pattern"), before)
        self.assertTrue(said.stdout.startswith("1:3"), said.stdout + said.stderr)

    def test_links_in_place_of_devices_are_replaced(self):
        dev = os.path.join(self.root, "dev")
        victim = os.path.join(self.outside(), "file")
        for name in ("null", "tty", "zero"):
            os.symlink(victim, os.path.join(dev, name))
        conf = shell("stat -c %t:%T /dev/null; stat -c %F /dev/zero")
        conf["mounts"] = [m for m in conf["mounts"] if not m["destination"].startswith("/dev")]
        self.assertEqual(self.output(conf).split("\n")[:2], ["1:3", "character special file"])
        self.assertEqual(read(victim), "host")

    def test_working_folder_does_not_lead_to_open_descriptors(self):
        """CVE-2024-21626: a working folder of /proc/self/fd/N, N a folder of the host that leaked."""
        for number in range(3, 16):
            conf = shell("cat ../../../../../../../../etc/hostname ../../../../../../etc/shadow 2>/dev/null; pwd")
            conf["process"]["cwd"] = f"/proc/self/fd/{number}"
            done = self.run_config(conf, check=False)
            self.assertNotIn("root:", done.stdout)
            self.assertFalse(done.returncode == 0 and done.stdout.strip() not in ("", f"/proc/self/fd/{number}"),
                             done.stdout)

    def test_no_descriptor_leaks_into_the_container(self):
        """A descriptor that the caller left open must not reach the container."""
        reading, writing = os.pipe()
        host = os.open("/", os.O_RDONLY)
        for number in (reading, writing, host):
            os.set_inheritable(number, True)
        self.write(shell("ls /proc/self/fd | sort -n | tr '\\n' ' '"))
        done = subprocess.run([PROGRAM, "--root", self.state, "run", self.name()], cwd=self.bundle, close_fds=False,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
        for number in (reading, writing, host):
            os.close(number)
        # 3 is the folder that ls itself reads.
        self.assertEqual(done.stdout.split(), ["0", "1", "2", "3"], done.stderr)

    def test_the_program_cannot_be_overwritten(self):
        """CVE-2019-5736: the container's program is /proc/self/exe, which is then opened for writing."""
        before = os.stat(PROGRAM)
        os.symlink("/proc/self/exe", os.path.join(self.root, "bin/self"))
        conf = shell("for i in 1 2 3 4 5 6 7 8 9; do for p in /proc/[0-9]*; do "
                     "echo evil > $p/exe; done; done 2>/dev/null; true")
        conf["process"]["capabilities"] = {k: ["CAP_DAC_OVERRIDE", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN"]
                                           for k in ("bounding", "effective", "permitted")}
        self.output(conf)
        conf["process"]["args"] = ["/bin/self", "--version"]
        self.run_config(conf, check=False)
        after = os.stat(PROGRAM)
        self.assertEqual((before.st_size, before.st_mtime_ns), (after.st_size, after.st_mtime_ns))

    def test_the_root_cannot_be_left_by_chroot_or_dots(self):
        conf = shell("mkdir -p /x; cd /; for i in 1 2 3 4 5 6 7 8 9; do cd ..; done; ls -d " + self.folder +
                     " 2>/dev/null; ls")
        conf["process"]["capabilities"] = {k: ["CAP_SYS_CHROOT", "CAP_DAC_OVERRIDE"]
                                           for k in ("bounding", "effective", "permitted")}
        said = self.output(conf).split()
        self.assertNotIn(self.folder, said)
        self.assertIn("x", said)

    def test_masks_and_write_protection_cannot_be_undone(self):
        conf = shell("umount /proc/keys /proc/sys /sys/firmware; mount -o remount,bind,rw /proc/sys; mount -o remount,rw /sys; "
                     "stat -c %t:%T /proc/keys; echo 1 > /proc/sys/kernel/sysrq && echo wrote")
        said = self.run_config(conf, check=False)
        self.assertEqual(said.stdout.split(), ["1:3"])


EXCHANGE = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
folder = os.open(sys.argv[1], os.O_RDONLY)
for _ in range(20000):
    libc.renameat2(folder, sys.argv[2].encode(), folder, sys.argv[3].encode(), 2)
"""

if __name__ == "__main__":
    main()
