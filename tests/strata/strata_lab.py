"""A place of their own for tests of `strata`: data, run-time folder, network namespace and a small image.

Everything a test makes is below one folder and in one network namespace, and gone when the lab is closed. The image is
busybox, static, as a docker-archive that is made here.
"""
import ctypes
import fcntl
import hashlib
import io
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import termios
import time
import unittest

BUILD = os.environ.get("STRATA_BUILD", "out/dev")
BUSYBOX = "/bin/busybox"
APPLETS = ("sh true false ls cat echo sleep id env ps mount hostname wget nc date kill tty head stat pwd printf test "
           "mkdir touch rm ln chmod df httpd md5sum wc sed grep tr seq dd yes cp").split()
CLONE_NEWNET = 0x40000000


def skip_unless_possible():
    """Leaves the program with 77 where instances cannot run."""
    if os.geteuid() != 0:
        skip("instances need root")
    if not os.path.exists(BUSYBOX):
        skip("busybox-static is not installed")
    for program in ("strata", "strata-oci", "strata-monitor"):
        if not os.path.exists(os.path.join(BUILD, program)):
            skip(f"{program} is not built")


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(77)


def own_network():
    """Moves this process into a network namespace of its own, with lo up."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        skip("no network namespace can be made")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=10)


def archive(path, name, entries, config):
    """Writes a docker-archive of one layer: entries are (name, bytes | ("link", target) | None for a folder, mode)."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for entry, content, mode in entries:
            info = tarfile.TarInfo(entry)
            info.mode = mode
            if content is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            elif isinstance(content, tuple):
                info.type = tarfile.SYMTYPE
                info.linkname = content[1]
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    digest = "sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()
    document = json.dumps({"architecture": "amd64" if os.uname().machine == "x86_64" else "arm64", "os": "linux",
                           "created": "2024-01-02T03:04:05Z", "config": config,
                           "rootfs": {"type": "layers", "diff_ids": [digest]}}).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(path, "w") as tar:
        for member, content in (("manifest.json", manifest), ("config.json", document),
                                ("layer.tar", layer.getvalue())):
            info = tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


class Lab:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="strata-test-", dir="/var/tmp")
        self.data = os.path.join(self.folder, "data")
        self.env = dict(os.environ, STRATA_DATA=self.data, STRATA_RUN=os.path.join(self.folder, "run"), TZ="UTC")
        self.program = os.path.abspath(os.path.join(BUILD, "strata"))

    def load(self, name="busybox:latest", config=None, extra=()):
        path = os.path.join(self.folder, "image.tar")
        with open(BUSYBOX, "rb") as file:
            entries = [("bin", None, 0o755), ("bin/busybox", file.read(), 0o755)]
        entries += [("bin/" + applet, ("link", "busybox"), 0o777) for applet in APPLETS]
        entries += [(folder, None, 0o755) for folder in ("etc", "proc", "sys", "dev", "root", "srv")]
        entries += [("tmp", None, 0o1777),
                    ("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/srv:/bin/sh\n", 0o644),
                    ("etc/group", b"root:x:0:\nuser:x:1000:\nextra:x:2000:user\n", 0o644), *extra]
        archive(path, name, entries, config or {"Env": ["PATH=/bin"], "Cmd": ["sh"]})
        self.must("load", "-i", path)
        os.unlink(path)

    def run(self, *words, stdin=subprocess.DEVNULL, timeout=30, env=None, text=True, **more):
        if isinstance(stdin, (str, bytes)):
            more["input"] = stdin
        else:
            more["stdin"] = stdin
        return subprocess.run([self.program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=text,
                              timeout=timeout, env={**self.env, **(env or {})}, check=False, **more)

    def must(self, *words, **more):
        """Standard output of a command that must succeed, without the last newline."""
        done = self.run(*words, **more)
        if done.returncode != 0:
            raise AssertionError(f"strata {' '.join(words)}: {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout.rstrip("\n") if isinstance(done.stdout, str) else done.stdout

    def start(self, *words, **more):
        return subprocess.Popen([self.program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=self.env, **more)

    def remove_all(self):
        left = self.run("ps", "-aq").stdout.split()
        if left:
            self.run("rm", "-f", "-v", *left)

    def close(self):
        self.remove_all()
        leftovers = self.leftovers()
        shutil.rmtree(self.folder, ignore_errors=True)
        if leftovers:
            raise AssertionError("left behind: " + "; ".join(leftovers))

    def leftovers(self):
        """What must not be there any more when all instances are removed."""
        found = []
        with open("/proc/self/mountinfo", encoding="ascii", errors="replace") as mounts:
            found += [line.strip() for line in mounts if self.folder in line]
        for folder in ("instances", "oci"):
            path = os.path.join(self.folder, "run", folder)
            if os.path.isdir(path):
                found += [os.path.join(path, name) for name in os.listdir(path) if not name.startswith("@")]
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as environ:
                    if f"STRATA_DATA={self.data}".encode() in environ.read() and int(pid) != os.getpid():
                        with open(f"/proc/{pid}/cmdline", "rb") as line:
                            found.append(f"process {pid}: {line.read().decode(errors='replace')}")
            except OSError:
                pass
        return found


class Case(unittest.TestCase):
    """Tests that share one lab with the image busybox; each test removes its instances."""

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.load()

    def tearDown(self):
        self.lab.remove_all()

    def strata(self, *words, **more):
        return self.lab.must(*words, **more)

    def inside(self, *options, script="true", image="busybox", **more):
        """Runs a shell script in a new instance without a network, which is removed; its output."""
        network = () if any(o.startswith(("--net", "-p")) for o in options) else ("--network", "none")
        return self.lab.must("run", "--rm", *network, *options, image, "sh", "-c", script, **more)

    def refused(self, *words, code, text):
        done = self.lab.run(*words)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertIn(text, done.stderr)
        self.assertEqual(done.stdout, "")
        return done


class Terminal:
    """A command on a pseudo-terminal of 40 rows and 120 columns."""

    def __init__(self, lab, *words):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
            os.execve(lab.program, [lab.program, *words], lab.env)
        self.seen = b""

    def until(self, wanted, seconds=10):
        end = time.monotonic() + seconds
        while wanted not in self.seen:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f"{wanted} did not come: {self.seen}")
            try:
                self.seen += os.read(self.fd, 65536)
            except OSError as error:
                raise AssertionError(f"{wanted} did not come: {self.seen}") from error
        at = self.seen.index(wanted) + len(wanted)
        before, self.seen = self.seen[:at], self.seen[at:]
        return before

    def send(self, data):
        os.write(self.fd, data)

    def end(self, seconds=10):
        """Waits for the end of the command; its exit status."""
        end = time.monotonic() + seconds
        while True:
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    self.seen += os.read(self.fd, 65536)
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid != 0:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"the command does not end: {self.seen}")


def main():
    skip_unless_possible()
    own_network()
    unittest.main()
