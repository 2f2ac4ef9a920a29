"""What the tests of strata-oci share: bundles with a busybox root, the program under test, and what must not be left
behind. Each test file is a unittest program; main() turns skips into the lines and the exit status that the build looks
for."""
import copy
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

import oci_user_namespace

BUILD = os.environ.get("STRATA_BUILD", "out/dev")
PROGRAM = os.environ.get("STRATA_OCI", os.path.join(BUILD, "strata-oci"))
SHORT = os.environ.get("STRATA_SHORT") == "1"
IN_VM = os.environ.get("STRATA_VM") == "1"
BUSYBOX = "/bin/busybox"
V2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
APPLETS = ("sh", "cat", "ls", "echo", "sleep", "true", "false", "id", "mount", "umount", "mkdir", "touch", "stat",
           "readlink", "test", "kill", "ps", "head", "dd", "ln", "rm", "env", "hostname", "grep", "mknod", "pwd", "tty",
           "chmod", "chown", "wc", "sync", "sed", "cut", "tr", "sort", "find", "printf", "seq", "usleep")
CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
                "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETUID", "CAP_SYS_CHROOT"]
MOUNTS = [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
     "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
     "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
     "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
    {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
]
MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi", "/sys/firmware"]
READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def config(*args):
    """A config as engines make it, running args."""
    return {
        "ociVersion": "1.2.1",
        "process": {"user": {"uid": 0, "gid": 0}, "args": list(args) or ["true"], "cwd": "/",
                    "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"],
                    "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")},
                    "noNewPrivileges": True},
        "root": {"path": "rootfs"}, "hostname": "case", "mounts": copy.deepcopy(MOUNTS),
        "linux": {"namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
                  "maskedPaths": list(MASKED), "readonlyPaths": list(READONLY),
                  "resources": {"devices": [{"allow": False, "access": "rwm"}]}},
    }


def shell(script):
    return config("sh", "-c", script)


def fill_root(root):
    for folder in ("bin", "etc", "proc", "sys", "dev", "tmp", "root", "run"):
        os.makedirs(os.path.join(root, folder), exist_ok=True)
    shutil.copy(BUSYBOX, os.path.join(root, "bin/busybox"))
    for applet in APPLETS:
        os.symlink("busybox", os.path.join(root, "bin", applet))
    with open(os.path.join(root, "etc/passwd"), "w", encoding="utf-8") as file:
        file.write("root:x:0:0:root:/root:/bin/sh\n")


class Case(unittest.TestCase):
    """A test with a bundle of its own, whose containers are removed afterwards."""

    needs_root = True

    def setUp(self):
        if self.needs_root and os.geteuid() != 0:
            self.skipTest("needs root")
        self.folder = tempfile.mkdtemp(prefix="strata-oci-case.")
        os.chmod(self.folder, 0o755)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.state = os.path.join(self.folder, "state")
        self.bundle = os.path.join(self.folder, "bundle")
        self.root = os.path.join(self.bundle, "rootfs")
        fill_root(self.root)
        self.ids = []
        self.addCleanup(self.remove_containers)

    def need_user_namespaces(self, user=0):
        why = oci_user_namespace.why_none(user)
        if why:
            self.skipTest(why)

    def remove_containers(self):
        for name in self.ids:
            self.oci("delete", "-f", name, check=False)

    def name(self):
        self.ids.append("case-" + uuid.uuid4().hex[:12])
        return self.ids[-1]

    def write(self, conf, bundle=None):
        with open(os.path.join(bundle or self.bundle, "config.json"), "w", encoding="utf-8") as file:
            json.dump(conf, file)

    def oci(self, *args, check=True, **more):
        """Runs a command; with check its failure is the test's."""
        done = self.call([PROGRAM, "--root", self.state, *args], **more)
        if check and done.returncode != 0:
            self.fail(f"{' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def call(self, command, timeout=60, stdin=None, **more):
        """Runs with output to files, since a container that goes on would hold pipes open."""
        with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as out, \
                tempfile.TemporaryFile("w+") as err:
            given.write(stdin or "")
            given.seek(0)
            done = subprocess.run(command, stdin=given, stdout=out, stderr=err, timeout=timeout, check=False,
                                  **{"cwd": self.bundle, **more})
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(command, done.returncode, out.read(), err.read())

    def run_config(self, conf, *options, check=True, name=None):
        """`run` in the foreground. Returns what came out."""
        self.write(conf)
        return self.oci("run", *options, name or self.name(), check=check)

    def output(self, conf, *options):
        return self.run_config(conf, *options).stdout

    def start(self, conf, *options):
        """A detached container; returns its name and pid."""
        name = self.name()
        self.write(conf)
        log = open(os.path.join(self.folder, "out"), "w+", encoding="utf-8")
        self.addCleanup(log.close)
        done = subprocess.run([PROGRAM, "--root", self.state, "run", "-d", *options, name], cwd=self.bundle,
                              stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=60, check=False)
        if done.returncode != 0:
            log.seek(0)
            self.fail(f"run -d: exit {done.returncode}\n{log.read()}")
        return name, self.status(name)["pid"]

    def status(self, name):
        return json.loads(self.oci("state", name).stdout)

    def wait_for(self, what, condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                self.fail(f"waited {seconds} s for {what}")
            time.sleep(0.02)

    def cgroup_folders(self, pid):
        """Controller (\"\" for version 2) -> folder of a process, as the host sees it."""
        found = {}
        with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
            for line in file:
                _, names, path = line.rstrip("\n").split(":", 2)
                mount = names.removeprefix("name=") if names else ("" if V2 else "unified")
                folder = os.path.join("/sys/fs/cgroup", mount) + path
                for controller in names.split(","):
                    if os.path.isdir(folder):
                        found[controller] = folder
        return found

    def assert_no_cgroup(self, name):
        left = [path for path in glob.glob("/sys/fs/cgroup/**/*" + name + "*", recursive=True)]
        self.assertEqual(left, [])


def gone(pid):
    """Is the process no more, or only a zombie that somebody has not waited for?"""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def main():
    if not os.path.exists(PROGRAM):
        print(f"SKIPPED: {PROGRAM} was not built")
        sys.exit(77)
    if not os.path.exists(BUSYBOX) or b"statically linked" not in subprocess.run(
            ["sh", "-c", f"ldd {BUSYBOX} 2>&1 || echo statically linked"], capture_output=True, check=False).stdout.replace(
                b"not a dynamic executable", b"statically linked"):
        print(f"SKIPPED: {BUSYBOX} is missing or not static (package busybox-static)")
        sys.exit(77)
    test = unittest.main(exit=False, verbosity=1)
    for case, why in test.result.skipped:
        print(f"SKIPPED: {case}: {why}")
    if not test.result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if test.result.testsRun == len(test.result.skipped) else 0)
