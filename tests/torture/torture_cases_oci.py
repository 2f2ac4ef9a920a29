"""The commands of strata-oci for torture.py, on containers that ask for more and for less."""
import copy
import json
import os
import shutil
import socket
import subprocess

from torture_case import PATH, Case, quietly


def make_root(folder):
    for name in ("bin", "etc", "tmp", "proc", "dev", "sys", "root", "data", "shifted"):
        os.makedirs(os.path.join(folder, name))
    shutil.copy(shutil.which("busybox"), os.path.join(folder, "bin", "busybox"))
    for name in ("sh", "true", "sleep", "cat"):
        os.symlink("busybox", os.path.join(folder, "bin", name))


def mount(path, kind, *options, source=None, **more):
    return {"destination": path, "type": kind, "source": source or kind, "options": list(options), **more}


def make_config(tag, args):
    capabilities = ["CAP_KILL", "CAP_AUDIT_WRITE"]
    return {
        "ociVersion": "1.0.2", "hostname": "torture", "root": {"path": "rootfs", "readonly": True},
        "process": {"args": args, "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}, "noNewPrivileges": True,
                    "capabilities": {k: capabilities for k in ("bounding", "effective", "permitted")}},
        "mounts": [mount("/proc", "proc"), mount("/dev", "tmpfs", "nosuid", "mode=755"),
                   mount("/dev/pts", "devpts", "newinstance"), mount("/dev/shm", "tmpfs", "size=64k"),
                   mount("/sys", "sysfs", "ro"), mount("/sys/fs/cgroup", "cgroup", "ro")],
        "linux": {
            "cgroupsPath": "/" + tag, "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"],
            "namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
            "resources": {"memory": {"limit": 1 << 26}, "pids": {"limit": 64}, "devices": [{"allow": False}]},
            "seccomp": {"defaultAction": "SCMP_ACT_ALLOW",
                        "syscalls": [{"names": ["swapon"], "action": "SCMP_ACT_ERRNO"}]},
        },
    }


def enrich(config, agent):
    """Everything that has a call of its own and needs no user namespace."""
    maps = [{"containerID": 0, "hostID": 1000, "size": 1000}]
    config["process"].update({
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 512, "hard": 512}], "oomScoreAdj": 100,
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 6}, "scheduler": {"policy": "SCHED_BATCH", "nice": 5},
        "execCPUAffinity": {"initial": "0", "final": "0"}})
    config["process"]["user"]["additionalGids"] = [1000]
    config["mounts"] += [mount("/data", "bind", "rbind", "rro", source="/etc"), mount("/etc", "tmpfs", "tmpcopyup"),
                         mount("/dev/mqueue", "mqueue"),
                         mount("/shifted", "bind", "bind", "idmap", source="/var/tmp", uidMappings=maps, gidMappings=maps)]
    config["linux"]["namespaces"].append({"type": "time"})
    config["linux"].update({
        "personality": {"domain": "LINUX32"}, "sysctl": {"net.ipv4.ip_forward": "1"}, "rootfsPropagation": "private",
        "timeOffsets": {"monotonic": {"secs": 1000}},
        "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o666}]})
    config["linux"]["resources"].update({"cpu": {"shares": 512, "quota": 50000, "period": 100000}, "cpuset": {"cpus": "0"},
                                         "blockIO": {"weight": 100}})
    config["linux"]["seccomp"]["listenerPath"] = agent
    config["linux"]["seccomp"]["syscalls"].append({"names": ["swapoff"], "action": "SCMP_ACT_NOTIFY"})


def make_foreign(config):
    """In a user namespace, with all hooks."""
    maps = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    config["linux"]["namespaces"].append({"type": "user"})
    config["linux"].update({"uidMappings": maps, "gidMappings": maps})
    hook = [{"path": "/bin/true", "args": ["true"]}]
    config["hooks"] = {kind: hook for kind in ("prestart", "createRuntime", "createContainer", "startContainer",
                                               "poststart", "poststop")}


class OciCase(Case):
    """A command of strata-oci on a container that is brought into a state first."""

    def __init__(self, oci, name, state, words, bundle="plain", promise=None, shows=None, tty=False):
        self.oci, self.state, self.promise, self.shows, self.tty = oci, state, promise, shows, tty
        super().__init__("strata-oci", "oci-" + name, [*oci.base, *words], oci.bundles[bundle], oci.env, oci.tag)
        self.verbs = [(words[0],)]

    def call(self, *words):
        quietly([*self.oci.base, *words], self.folder, self.env)

    def prepare(self):
        self.oci.listen()
        if self.state == "stopped":
            self.call("run", "-d", "-b", self.oci.bundles["short"], self.tag)
        elif self.state != "none":
            self.call("create", self.tag)
        if self.state in ("running", "paused"):
            self.call("start", self.tag)
        if self.state == "paused":
            self.call("pause", self.tag)

    def clean(self):
        self.call("delete", "-f", self.tag)
        self.oci.close()

    def left(self):
        return [os.path.join(self.oci.root, name) for name in os.listdir(self.oci.root) if not name.startswith(".")]

    def state_now(self):
        answer = subprocess.run([*self.oci.base, "state", self.tag], env=self.env, stdin=subprocess.DEVNULL,
                                capture_output=True, timeout=20)
        return json.loads(answer.stdout)["status"] if answer.returncode == 0 else "gone"


class KeepCase(OciCase):
    """A command that must be refused, whatever happens."""
    status = 1
    silent = True  # its only message may be what could not be written

    def __init__(self, oci, name, state, words, kept):
        super().__init__(oci, name, state, words)
        self.kept = kept

    def wrong(self, status):
        state = self.state_now()
        return None if status == 1 and state == self.kept else f"status {status}, and it is {state}"


class SpecCase(OciCase):
    """`spec` writes a whole file or none."""

    def __init__(self, oci):
        self.out = os.path.join(oci.bundles["empty"], "config.json")
        super().__init__(oci, "spec", "none", ["spec"], bundle="empty")

    def clean(self):
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))

    def half_made(self):
        return [os.path.join(self.folder, name) for name in os.listdir(self.folder)]

    def wrong(self, status):
        if status == 0:
            json.load(open(self.out))
        return super().wrong(status)


class Oci:
    def __init__(self, build, work):
        self.root, self.work, self.tag = os.path.join(work, "oci"), work, "tort" + os.urandom(4).hex()
        os.makedirs(self.root)
        self.base = [os.path.join(build, "strata-oci"), "--root", self.root]
        self.env = {"PATH": PATH, "HOME": work}
        self.sockets = {name: os.path.join(work, name) for name in ("agent", "console")}
        self.listeners = []
        self.rootfs = os.path.join(work, "rootfs")
        make_root(self.rootfs)
        self.bundles = {}
        plain = make_config(self.tag, ["/bin/sleep", "100"])
        short = make_config(self.tag, ["/bin/true"])
        rich, foreign, tty = copy.deepcopy(plain), copy.deepcopy(plain), copy.deepcopy(short)
        enrich(rich, self.sockets["agent"])
        make_foreign(foreign)
        tty["process"]["terminal"] = True
        for name, config in (("plain", plain), ("short", short), ("rich", rich), ("foreign", foreign), ("tty", tty),
                             ("empty", None)):
            self.bundles[name] = os.path.join(work, name)
            os.makedirs(self.bundles[name])
            if config is not None:
                config["root"]["path"] = self.rootfs
                json.dump(config, open(os.path.join(self.bundles[name], "config.json"), "w"))
        self.process = os.path.join(work, "process.json")
        json.dump(short["process"], open(self.process, "w"))

    def listen(self):
        """The seccomp agent and the console, which take what they are sent and never look at it."""
        for path in self.sockets.values():
            if os.path.exists(path):
                os.unlink(path)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(path)
            listener.listen(16)
            self.listeners.append(listener)

    def close(self):
        while self.listeners:
            self.listeners.pop().close()

    def cases(self):
        tag, short, console = self.tag, self.bundles["short"], self.sockets["console"]
        yield OciCase(self, "create", "none", ["create", tag], promise="created")
        yield OciCase(self, "create-rich", "none", ["create", tag], bundle="rich", promise="created")
        yield OciCase(self, "create-terminal", "none", ["create", "--console-socket", console, tag], bundle="tty",
                      promise="created")
        yield OciCase(self, "run", "none", ["run", "-b", short, tag], promise="gone")
        yield OciCase(self, "run-terminal", "none", ["run", tag], bundle="tty", promise="gone", tty=True)
        yield OciCase(self, "run-detached", "none", ["run", "-d", "--pid-file", os.path.join(self.work, "pid"), tag],
                      promise="running")
        yield OciCase(self, "run-foreign", "none", ["run", "-d", tag], bundle="foreign", promise="running")
        yield OciCase(self, "start", "created", ["start", tag], promise="running")
        yield OciCase(self, "start-rich", "created", ["start", tag], bundle="rich", promise="running")
        yield OciCase(self, "start-foreign", "created", ["start", tag], bundle="foreign", promise="running")
        yield OciCase(self, "exec", "running", ["exec", tag, "/bin/true"])
        yield OciCase(self, "exec-rich", "running", ["exec", tag, "/bin/true"], bundle="rich")
        yield OciCase(self, "exec-foreign", "running", ["exec", tag, "/bin/true"], bundle="foreign")
        yield OciCase(self, "exec-terminal", "running", ["exec", "-t", tag, "/bin/true"], tty=True)
        yield OciCase(self, "exec-process", "running", ["exec", "--process", self.process, tag])
        yield OciCase(self, "exec-detached", "running", ["exec", "-d", tag, "/bin/sleep", "100"])
        yield OciCase(self, "state", "running", ["state", tag], shows='"status": "running"')
        yield OciCase(self, "list", "running", ["list"], shows="running")
        yield OciCase(self, "ps", "running", ["ps", tag], shows="sleep")
        yield KeepCase(self, "delete-running", "running", ["delete", tag], "running")
        yield KeepCase(self, "start-running", "running", ["start", tag], "running")
        yield OciCase(self, "kill", "running", ["kill", tag, "KILL"], promise="stopped")
        yield OciCase(self, "pause", "running", ["pause", tag], promise="paused")
        yield OciCase(self, "resume", "paused", ["resume", tag], promise="running")
        yield OciCase(self, "update", "running", ["update", "--memory", "67108864", "--pids-limit", "32", tag])
        yield OciCase(self, "events", "running", ["events", "--stats", tag], shows="memory")
        yield OciCase(self, "delete", "stopped", ["delete", tag], promise="gone")
        yield OciCase(self, "delete-force", "running", ["delete", "-f", tag], promise="gone")
        yield OciCase(self, "delete-foreign", "running", ["delete", "-f", tag], bundle="foreign", promise="gone")
        yield OciCase(self, "features", "none", ["features"], shows="mountOptions")
        yield SpecCase(self)
