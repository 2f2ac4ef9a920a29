"""A sandbox for the stock engines (docker, podman, containerd, buildah) that drive strata-oci.

The test process and all daemons live in mount, network and process namespaces of their own, with a tmpfs in place of
/run and of the folders that engines write below /var/lib and /etc. When the first process of the sandbox ends, the
kernel ends everything in it; cgroups, which no namespace owns, are below one of our own and are removed from outside.
"""
import ctypes
import fcntl
import hashlib
import io
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import traceback
import urllib.request

BUILD = os.environ.get("STRATA_BUILD", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "out", "dev"))
# Another runtime (runc, crun) checks the tests themselves.
RUNTIME = os.environ.get("STRATA_PEER_RUNTIME") or os.path.join(BUILD, "strata-oci")
INSIDE = "STRATA_PEERS_INSIDE"
WORK = "/run/peers"
IMAGE = "localhost/peers:latest"
CGROUP = "/sys/fs/cgroup"
BUSYBOX = "/bin/busybox"
PATH = "/usr/bin:/usr/sbin:/bin:/sbin:/usr/lib/podman"


class Skip(Exception):
    """A case that cannot run here, and why."""


def skip_all(why):
    print(f"SKIPPED: {why}")
    sys.exit(77)


# --- programs ---

class Done:
    def __init__(self, words, code, out, err):
        self.words, self.code, self.out, self.err = words, code, out, err

    def __str__(self):
        return f"{' '.join(self.words)}\nexit {self.code}\n{self.out}{self.err}"


def run(*words, code=0, text=None, timeout=60, env=None):
    """Runs a program; any exit status but `code` (None: all are welcome) is a failure."""
    words = [str(w) for w in words]
    try:
        p = subprocess.run(words, capture_output=True, input=text, timeout=timeout, check=False,
                           env={**os.environ, **(env or {})}, text=True, errors="replace")
    except subprocess.TimeoutExpired as slow:
        raise AssertionError(f"{' '.join(words)}: nothing within {timeout} s\n{slow.stdout}{slow.stderr}") from None
    done = Done(words, p.returncode, p.stdout, p.stderr)
    if code is not None and done.code != code:
        raise AssertionError(f"expected exit {code}: {done}")
    return done


class Terminal:
    """A program on a terminal of its own, spoken to as a person would."""

    def __init__(self, *words, rows=33, columns=111):
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.execvp(words[0], words)
            finally:
                os._exit(127)
        self.size(rows, columns)

    def size(self, rows, columns):
        import struct  # pylint: disable=import-outside-toplevel
        import termios  # pylint: disable=import-outside-toplevel
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def expect(self, pattern, timeout=20):
        end = time.monotonic() + timeout
        while not re.search(pattern, self.text):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0] or not self.read():
                raise AssertionError(f"no {pattern!r} on the terminal, but:\n{self.text}")

    def read(self):
        try:
            got = os.read(self.fd, 4096).decode(errors="replace")
        except OSError:
            return False
        self.text += got
        return got != ""

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self, timeout=20):
        end = time.monotonic() + timeout
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"the program on the terminal does not end:\n{self.text}")
            if select.select([self.fd], [], [], 0.05)[0]:
                self.read()


def wait_for(what, condition, timeout=20):
    end = time.monotonic() + timeout
    while True:
        if condition():
            return
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s in vain: {what}")
        time.sleep(0.05)


def page(address):
    """What a web server says; "" if nothing."""
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return answer.read().decode()
    except OSError:
        return ""


class Daemon:
    """A daemon with its output in a file below WORK."""

    def __init__(self, name, *words):
        self.name = name
        self.log = f"{WORK}/{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([str(w) for w in words], stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def ready(self, condition, timeout=40):
        wait_for(f"{self.name} to be ready", lambda: self.alive() and condition(), timeout)

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended:\n{self.tail()}")
        return True

    def tail(self, lines=30):
        with open(self.log, errors="replace", encoding="utf-8") as log:
            return "".join(log.readlines()[-lines:])


# --- the image ---

def add(tar, name, kind=tarfile.REGTYPE, data=b"", mode=0o755, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mode, info.linkname = kind, len(data), mode, link
    tar.addfile(info, io.BytesIO(data))


def make_layer():
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for folder in ("bin", "etc", "root", "home", "home/user", "tmp", "proc", "sys", "dev", "var", "data"):
            add(tar, folder, tarfile.DIRTYPE, mode=0o1777 if folder in ("tmp", "data") else 0o755)
        with open(BUSYBOX, "rb") as f:
            add(tar, "bin/busybox", data=f.read())
        for applet in subprocess.check_output([BUSYBOX, "--list"], text=True).split():
            if applet != "busybox":
                add(tar, "bin/" + applet, tarfile.LNKTYPE, link="bin/busybox")
        add(tar, "etc/passwd", data=b"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n", mode=0o644)
        add(tar, "etc/group", data=b"root:x:0:\nuser:x:1000:\nextra:x:2000:user\n", mode=0o644)
        add(tar, "data/plain", data=b"#!/bin/sh\n", mode=0o644)
    return raw.getvalue()


def make_image(path):
    """A docker archive of busybox that docker, podman, buildah and containerd load."""
    layer = make_layer()
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z",
        "config": {"Cmd": ["sh"], "Env": ["PATH=/bin", "FROM_IMAGE=yes"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "tests/peers"}],
    }).encode()
    name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": name, "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(path, "w") as tar:
        add(tar, name, data=config, mode=0o644)
        add(tar, "layer.tar", data=layer, mode=0o644)
        add(tar, "manifest.json", data=manifest, mode=0o644)


# --- the sandbox ---

def cgroup_name(pid):
    return f"strata-peers-{pid}"


def hierarchies():
    """The mount points of all cgroup hierarchies."""
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        for line in f:
            fields = line.split()
            if fields[fields.index("-") + 1] in ("cgroup", "cgroup2"):
                yield fields[4]


def remove_cgroups():
    """Removes ours, and those of sandboxes that are gone."""
    for mount in hierarchies():
        for entry in os.scandir(mount):
            pid = entry.name.removeprefix("strata-peers-")
            if entry.name != pid and (pid == str(os.getpid()) or not os.path.exists(f"/proc/{pid}")):
                remove_cgroup(entry.path)


def remove_cgroup(path):
    for where, _, _ in os.walk(path, topdown=False):
        for _ in range(50):
            try:
                os.rmdir(where)
                break
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.1)


def enter(programs):
    """Starts this script again inside a sandbox and ends with its status; returns only inside."""
    if os.environ.get(INSIDE):
        return
    if os.geteuid() != 0:
        skip_all("needs root")
    os.environ["PATH"] = PATH
    for program in programs + ["unshare", "mount", "ip"]:
        if shutil.which(program) is None:
            skip_all(f"{program} is not installed (./bootstrap install-packages --peers)")
    if not os.path.exists(BUSYBOX) or not is_static(BUSYBOX):
        skip_all("needs busybox-static")
    if shutil.which(RUNTIME) is None:
        skip_all(f"{RUNTIME} is not built")
    # Nothing but the processors is shared with another run; two at once would be late for their time limits.
    with open("/tmp/strata-peers.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status = in_sandbox()
    remove_cgroups()
    sys.exit(status if status >= 0 else 1)


def in_sandbox():
    """This script's exit status inside a sandbox."""
    os.environ[INSIDE] = str(os.getpid())
    p = subprocess.Popen(["unshare", "-m", "-n", "-p", "--fork", "--kill-child", "--mount-proc", sys.executable,
                          os.path.abspath(sys.argv[0]), *sys.argv[1:]],
                         preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL))  # PR_SET_PDEATHSIG
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: p.kill())
    return p.wait()


def is_static(path):
    with open(path, "rb") as f:
        return b"/ld-linux" not in f.read(1 << 16)


def first_process():
    """The first process of the sandbox collects orphans; the test is its child."""
    pid = os.fork()
    if pid == 0:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        return
    while True:
        ended, status = os.wait()
        if ended == pid:
            sys.stdout.flush()
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def set_up():
    run("mount", "--make-rprivate", "/")
    for folder in ("/run", "/var/lib/cni", "/etc/cni", "/var/lib/containers", "/var/lib/docker", "/var/lib/containerd",
                   "/var/lib/buildkit"):
        if os.path.isdir(folder):
            run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
    for folder in (WORK, "/run/lock", "/run/netns"):
        os.makedirs(folder)
    add_user()
    run("ip", "link", "set", "lo", "up")
    with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as forward:  # a new namespace has the host's setting
        forward.write("0")
    os.environ.update(PATH=PATH, HOME=WORK, XDG_RUNTIME_DIR=WORK, TMPDIR=WORK, LC_ALL="C.UTF-8", TERM="xterm")
    make_image(WORK + "/image.tar")


USER, USER_ID, FIRST_SUB_ID, SUB_IDS = "peer", 4242, 300000, 65536


def add_user():
    """A user with subordinate ids, in the sandbox alone."""
    lines = {"passwd": f"{USER}:x:{USER_ID}:{USER_ID}::{WORK}/home:/bin/sh", "group": f"{USER}:x:{USER_ID}:",
             "subuid": f"{USER}:{FIRST_SUB_ID}:{SUB_IDS}", "subgid": f"{USER}:{FIRST_SUB_ID}:{SUB_IDS}"}
    for name, line in lines.items():
        path = "/etc/" + name
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as f:
            text = f.read()
        with open(f"{WORK}/{name}", "w", encoding="utf-8") as f:
            f.write(text.rstrip("\n") + "\n" + line + "\n")
        run("mount", "--bind", f"{WORK}/{name}", path)
    os.makedirs(WORK + "/home")
    os.chown(WORK + "/home", USER_ID, USER_ID)


def check_privileged(status):
    """As many capabilities as the host has to give (and the engine knows of), in the text of /proc/self/status."""
    with open("/proc/self/status", encoding="utf-8") as f:
        own = int(re.search(r"CapBnd:\t(\w+)", f.read()).group(1), 16)
    has = int(re.search(r"CapEff:\t(\w+)", status).group(1), 16)
    known_for_long = (1 << 38) - 1
    assert has & ~own == 0 and has & known_for_long == own & known_for_long, f"{has:x} of {own:x}"


def cgroup_parent():
    return "/" + cgroup_name(os.environ[INSIDE])


def cases(module, start, stop=None):
    """Runs the functions of a module whose names begin with test_, and ends with the suite's status."""
    first_process()
    set_up()
    wanted = sys.argv[1:]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    signal.alarm(900)
    start()
    for name, function in list(vars(module).items()):
        if not name.startswith("test_") or (wanted and name.removeprefix("test_") not in wanted):
            continue
        begin = time.monotonic()
        try:
            function()
            result = "passed"
        except Skip as why:
            print(f"SKIPPED: {name.removeprefix('test_')}: {why}")
            result = "skipped"
        except Exception:  # pylint: disable=broad-except
            traceback.print_exc(file=sys.stdout)
            result = "failed"
        counts[result] += 1
        print(f"{result}: {name.removeprefix('test_')} ({time.monotonic() - begin:.1f} s)", flush=True)
    if stop is not None:
        stop(counts["failed"])
    print(", ".join(f"{n} {what}" for what, n in counts.items()), flush=True)
    os._exit(1 if counts["failed"] else 0)
