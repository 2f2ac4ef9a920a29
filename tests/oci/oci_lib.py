"""The base of the OCI suite: a runtime under test, bundles, containers, and the runner of the cases."""
import collections
import concurrent.futures
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import traceback

import oci_known
import oci_user_namespace

CAPS = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi", "/sys/firmware"]
READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
SAFE = ["nosuid", "noexec", "nodev"]
PROBE = "/probe"

Result = collections.namedtuple("Result", "code out err")
CASES = []


class Failure(Exception):
    """The runtime did what it must not, or did not what it must."""


class Skip(Exception):
    """The case cannot run here."""


def case(function):
    """Registers a case: a function of one argument, the Context."""
    CASES.append(function)
    return function


def unsupported(*kinds):
    """The case is not for these runtimes (they lack what it asks for, at the versions known)."""
    def decorate(function):
        function.unsupported = kinds
        return function
    return decorate


def mount(destination, type, source, *options):
    return {"destination": destination, "type": type, "source": source, "options": list(options)}


def bind(source, destination, *options):
    return mount(destination, "bind", source, "rbind" if "rbind" in options else "bind",
                 *[o for o in options if o != "rbind"])


def default_config():
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False, "user": {"uid": 0, "gid": 0}, "args": [PROBE, "facts"],
            "env": ["PATH=/usr/bin:/bin:/", "TERM=xterm"], "cwd": "/",
            "capabilities": {k: list(CAPS) for k in ("bounding", "effective", "permitted")},
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "probe",
        "mounts": [
            mount("/proc", "proc", "proc"),
            mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666",
                  "mode=0620", "gid=5"),
            mount("/dev/shm", "tmpfs", "shm", *SAFE, "mode=1777", "size=65536k"),
            mount("/dev/mqueue", "mqueue", "mqueue", *SAFE),
            mount("/sys", "sysfs", "sysfs", *SAFE, "ro"),
        ],
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": n} for n in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
            "maskedPaths": list(MASKED), "readonlyPaths": list(READONLY),
        },
    }


def operations(ops):
    """Arguments of the probe for a list of operations, each a list or a string of words."""
    args = []
    for op in ops:
        words = op.split() if isinstance(op, str) else [str(w) for w in op]
        args += (["--"] if args else []) + words
    return args


def is_error(result, *names):
    return isinstance(result, dict) and "error" in result and (not names or result["error"] in names)


def wait_for(check, seconds=10, what="it"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = check()
        if value:
            return value
        time.sleep(0.01)
    raise Failure(f"{what} did not happen within {seconds} s")


def mounts_below(folder):
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        return [line.split()[4] for line in file if line.split()[4].startswith(folder + "/")]


def catches(pid, number):
    """Has the process a handler for the signal? A first process is deaf to others."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            caught = [line for line in file if line.startswith("SigCgt:")]
    except OSError:
        return False
    return bool(caught) and int(caught[0].split()[1], 16) >> (number - 1) & 1 == 1


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Cgroups:
    """Where limits are read back: version 1 folders, or the unified one."""

    def __init__(self, parent):
        self.parent = parent
        self.v2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")

    def folder(self, controller, id):
        if self.v2:
            return f"/sys/fs/cgroup{self.parent}/{id}"
        return f"/sys/fs/cgroup/{controller}{self.parent}/{id}"

    def has(self, controller):
        if self.v2:
            with open("/sys/fs/cgroup/cgroup.controllers", encoding="ascii") as file:
                return {"blkio": "io"}.get(controller, controller) in file.read().split()
        return os.path.isdir(f"/sys/fs/cgroup/{controller}")

    def read(self, controller, id, v1_file, v2_file):
        path = os.path.join(self.folder(controller, id), v2_file if self.v2 else v1_file)
        try:
            with open(path, encoding="ascii") as file:
                return file.read().strip()
        except FileNotFoundError:
            return None

    def left(self, id=None):
        """Folders that exist although they must not."""
        found = []
        tops = [""] if self.v2 else os.listdir("/sys/fs/cgroup")
        for top in tops:
            base = os.path.join("/sys/fs/cgroup", top)
            path = base + self.parent + (f"/{id}" if id else "")
            if os.path.isdir(path):
                found.append(path)
        return found

    def clean(self):
        """Ends what is left of the suite's containers, and removes their folders."""
        for path in self.left():
            for folder, _, _ in os.walk(path):
                try:
                    with open(folder + "/cgroup.procs", encoding="ascii") as file:
                        for pid in file.read().split():
                            os.kill(int(pid), signal.SIGKILL)
                except OSError:
                    pass
        time.sleep(0.1)
        for path in self.left():
            for folder, _, _ in os.walk(path, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass


class Runtime:
    """The program under test."""

    def __init__(self, path, root, cgroups):
        self.path = path
        self.root = root
        self.cgroups = cgroups
        version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
        first = version.split("\n", 1)[0]
        self.kind = "crun" if "crun" in first else "runc" if "runc" in first else "strata"
        self.version = first

    def call(self, *args, root=True, path=None, timeout=30, **options):
        command = [path or self.path] + (["--root", self.root] if root else []) + [str(a) for a in args]
        options.setdefault("stdin", subprocess.DEVNULL)
        if "input" in options:
            options.pop("stdin")
        done = subprocess.run(command, capture_output=True, text=True, errors="replace",
                              timeout=timeout, check=False, **options)
        return Result(done.returncode, done.stdout, done.stderr)


class Container:
    """One bundle and the container made of it."""

    def __init__(self, context, id):
        self.t = context
        self.runtime = context.runtime
        self.id = id
        self.dir = os.path.join(context.dir, id)
        self.rootfs = os.path.join(self.dir, "rootfs")
        self.config = default_config()
        self.config["linux"]["cgroupsPath"] = f"{context.runtime.cgroups.parent}/{id}"
        for folder in ("proc", "sys", "dev", "tmp", "etc", "bin"):
            os.makedirs(os.path.join(self.rootfs, folder))
        # By another process: one that a thread forks while this one writes would keep the program busy.
        subprocess.run(["cp", context.probe, self.rootfs + PROBE], check=True)
        self.out = os.path.join(self.dir, "stdout")
        self.err = os.path.join(self.dir, "stderr")

    @property
    def process(self):
        return self.config["process"]

    @property
    def linux(self):
        return self.config["linux"]

    @property
    def resources(self):
        return self.config["linux"]["resources"]

    def file(self, path, text="", mode=0o644):
        """Makes a file in the root and returns its host path."""
        full = self.rootfs + path
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(full, mode)
        return full

    def do(self, *ops):
        self.process["args"] = [PROBE] + operations(ops)
        return self

    def mount(self, *entries):
        self.config["mounts"] += entries
        return self

    def without_namespace(self, *types):
        self.linux["namespaces"] = [n for n in self.linux["namespaces"] if n["type"] not in types]
        return self

    def namespace(self, type, path=None):
        self.without_namespace(type)
        self.linux["namespaces"].append({"type": type, **({"path": path} if path else {})})
        return self

    def map_users(self, first=100000, size=65536):
        """A user namespace of its own. Skips where there can be none."""
        self.t.need_user_namespaces()
        self.namespace("user")
        for kind in ("uidMappings", "gidMappings"):
            self.linux[kind] = [{"containerID": 0, "hostID": first, "size": size}]
        for folder, names, files in os.walk(self.rootfs):
            for name in [folder] + [os.path.join(folder, n) for n in names + files]:
                os.lchown(name, first, first)
        os.chmod(self.dir, 0o755)
        return self

    def write(self):
        with open(os.path.join(self.dir, "config.json"), "w", encoding="utf-8") as file:
            json.dump(self.config, file)
        return self

    def run_raw(self, *options, **kwargs):
        self.write()
        return self.runtime.call("run", "--bundle", self.dir, *options, self.id, **kwargs)

    def run(self, *ops, options=(), **kwargs):
        """Runs the operations in a container of their own and returns their results."""
        self.do(*ops)
        done = self.run_raw(*options, **kwargs)
        return self.parse(done)

    def parse(self, done):
        if done.code != 0:
            raise Failure(f"exit status {done.code}: {done.err.strip() or done.out.strip()}")
        try:
            return json.loads(done.out)
        except ValueError as error:
            raise Failure(f"output is no JSON ({error}): {done.out[:300]!r} {done.err[:300]!r}") from error

    def run_in_shell(self, prelude, options="", **kwargs):
        """The run command after shell commands that change descriptors, umask or environment."""
        self.write()
        done = subprocess.run(["sh", "-c", f"{prelude}; exec {self.runtime.path} --root {self.runtime.root} "
                               f"run {options} --bundle {self.dir} {self.id}"], capture_output=True,
                              text=True, timeout=30, stdin=subprocess.DEVNULL, check=False, **kwargs)
        return Result(done.returncode, done.stdout, done.stderr)

    def run_fails(self, *words, options=()):
        """The container must be refused; all words must be in the message."""
        done = self.run_raw(*options)
        if done.code == 0:
            raise Failure(f"it ran, but must be refused: {done.out[:200]!r}")
        self.t.mentions(done, *words)
        return done

    def create(self, *options, check=True, **kwargs):
        self.write()
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            kwargs.setdefault("stdin", subprocess.DEVNULL)
            code = subprocess.run([self.runtime.path, "--root", self.runtime.root, "create", "--bundle",
                                   self.dir, *options, self.id], stdout=out, stderr=err, timeout=30,
                                  check=False, **kwargs).returncode
        if check and code != 0:
            raise Failure(f"create: exit status {code}: {self.errors()}")
        return Result(code, self.output(), self.errors())

    def verb(self, name, *args, check=True, **kwargs):
        done = self.runtime.call(name, *args, **kwargs)
        if check and done.code != 0:
            raise Failure(f"{name}: exit status {done.code}: {(done.err or done.out).strip()}")
        return done

    def start(self, **kwargs):
        return self.verb("start", self.id, **kwargs)

    def up(self, *ops, options=(), **kwargs):
        """Created and started; without operations it waits for SIGTERM."""
        self.do(*(ops or ["wait-signal"]))
        self.create(*options, **kwargs)
        self.start()
        if self.process["args"][-1] == "wait-signal":
            wait_for(lambda: catches(self.pid(), signal.SIGTERM), what="the signal handler of the container")
        return self

    def state(self):
        return json.loads(self.verb("state", self.id).out)

    def status(self):
        done = self.runtime.call("state", self.id)
        return json.loads(done.out)["status"] if done.code == 0 else None

    def pid(self):
        return self.state()["pid"]

    def wait_stopped(self):
        wait_for(lambda: self.status() == "stopped", what="the end of the container")
        return self

    def results(self):
        """What the operations of a created and started container printed."""
        self.wait_stopped()
        return self.parse(Result(0, self.output(), self.errors()))

    def output(self):
        with open(self.out, encoding="utf-8", errors="replace") as file:
            return file.read()

    def errors(self):
        with open(self.err, encoding="utf-8", errors="replace") as file:
            return file.read().strip()

    def kill(self, *args, **kwargs):
        return self.verb("kill", self.id, *args, **kwargs)

    def delete(self, *options, **kwargs):
        return self.verb("delete", *options, self.id, **kwargs)

    def exec_raw(self, *args, options=(), **kwargs):
        return self.runtime.call("exec", *options, self.id, *args, **kwargs)

    def exec(self, *ops, options=(), **kwargs):
        return self.parse(self.exec_raw(PROBE, *operations(ops), options=options, **kwargs))

    def limit(self, controller, v1_file, v2_file=None):
        """A file of its cgroup. Skips where the controller is not there."""
        if not self.runtime.cgroups.has(controller):
            raise Skip(f"this machine has no {controller} controller")
        if self.runtime.cgroups.v2 and v2_file is None:
            raise Skip(f"cgroup v2 has no {v1_file}")
        return self.runtime.cgroups.read(controller, self.id, v1_file, v2_file)


class Context:
    """What a case works with: its folder, its runtime and its containers."""
    number = 0
    lock = threading.Lock()

    def __init__(self, suite, name):
        with Context.lock:
            Context.number += 1
            self.serial = Context.number
        self.suite = suite
        self.name = name
        self.short = suite.short
        self.dir = os.path.join(suite.dir, f"case{self.serial}")
        os.makedirs(self.dir)
        os.chmod(self.dir, 0o755)
        self.probe = suite.probe
        self.runtime = Runtime.__new__(Runtime)
        self.runtime.__dict__.update(suite.runtime.__dict__)
        self.runtime.root = os.path.join(self.dir, "root")
        self.kind = suite.runtime.kind
        self.containers = []

    def container(self):
        made = Container(self, f"oci-{os.getpid()}-{self.serial}-{len(self.containers)}")
        self.containers.append(made)
        return made

    def folder(self, name):
        path = os.path.join(self.dir, name)
        os.makedirs(path, exist_ok=True)
        return path

    def script(self, name, text):
        """A program of the host: a shell script."""
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)
        return path

    def skip(self, why):
        raise Skip(why)

    def need_user_namespaces(self, user=0):
        why = oci_user_namespace.why_none(user)
        if why:
            raise Skip(why)

    def equal(self, got, wanted, what="value"):
        if got != wanted:
            raise Failure(f"{what}: {got!r} instead of {wanted!r}")

    def true(self, condition, what):
        if not condition:
            raise Failure(what)

    def mentions(self, done, *words):
        text = (done.err + done.out).lower()
        for word in words:
            if word.lower() not in text:
                raise Failure(f"the message does not say {word!r}: {text.strip()[:300]!r}")

    def fails(self, done, *words):
        self.true(done.code != 0, f"exit status 0, but it must fail: {done.out[:200]!r}")
        self.mentions(done, *words)

    def finish(self):
        """Removes everything; returns what was left behind."""
        left = []
        for container in self.containers:
            done = self.runtime.call("delete", "--force", container.id)
            if done.code != 0 and self.runtime.kind == "strata":
                left.append(f"delete --force: {done.err.strip()}")
            for _ in range(100 if self.runtime.kind != "crun" else 1):
                groups = self.runtime.cgroups.left(container.id)
                if not groups:
                    break
                time.sleep(0.01)
            if self.runtime.kind != "crun":  # its version 1.8 leaves folders of a hybrid hierarchy
                left += [f"cgroup {g}" for g in groups]
        left += [f"mount {m}" for m in mounts_below(self.dir)]
        for path in sorted(mounts_below(self.dir), reverse=True):
            subprocess.run(["umount", "-l", path], check=False)
        if not mounts_below(self.dir):
            shutil.rmtree(self.dir, ignore_errors=True)
        return left


class Suite:
    """All cases against one runtime."""

    def __init__(self, runtime, probe, short, jobs):
        self.dir = tempfile.mkdtemp(prefix="oci-suite-")
        os.chmod(self.dir, 0o755)
        self.cgroups = Cgroups(f"/oci-suite-{os.getpid()}")
        self.runtime = Runtime(runtime, os.path.join(self.dir, "root"), self.cgroups)
        self.probe = probe
        self.short = short
        self.jobs = jobs
        self.counts = collections.Counter()
        self.lock = threading.Lock()

    def report(self, kind, name, text=""):
        with self.lock:
            self.counts[kind] += 1
            word = {"passed": "ok", "failed": "FAILED", "skipped": "SKIPPED:"}[kind]
            print(f"{word} {name}{': ' + text if text else ''}", flush=True)

    def run_one(self, function):
        name = function.__name__.replace("_", " ")
        if self.runtime.kind in getattr(function, "unsupported", ()):
            self.report("skipped", name, f"{self.runtime.kind} does not support it")
            return
        known = oci_known.KNOWN.get(self.runtime.kind, {}).get(name)
        if known:
            self.report("skipped", name, f"known of {self.runtime.kind}: {known}")
            return
        context = Context(self, name)
        outcome, text = "passed", ""
        try:
            function(context)
        except Skip as skip:
            outcome, text = "skipped", str(skip)
        except Failure as failure:
            outcome, text = "failed", str(failure)
        except subprocess.TimeoutExpired as late:
            outcome, text = "failed", f"no end within {late.timeout} s: {' '.join(late.cmd)[-200:]}"
        except Exception:  # pylint: disable=broad-except
            outcome, text = "failed", traceback.format_exc(limit=-4)
        left = context.finish()
        if left and outcome == "passed":
            outcome, text = "failed", "left behind: " + ", ".join(left)
        self.report(outcome, name, text)

    def run(self, pattern):
        chosen = [c for c in CASES if re.search(pattern, c.__name__.replace("_", " "))]
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            for done in [pool.submit(self.run_one, c) for c in chosen]:
                done.result()
        self.cgroups.clean()
        for _ in range(20):  # the kernel lets go of mount points a little later
            shutil.rmtree(self.dir, ignore_errors=True)
            if not os.path.exists(self.dir):
                break
            time.sleep(0.1)
        c = self.counts
        print(f"{c['passed']} passed, {c['failed']} failed, {c['skipped']} skipped")
        return 1 if c["failed"] else 0


