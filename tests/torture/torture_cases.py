"""The commands that torture.py tries, each with what must be there before it and how a user cleans up after it."""
import json
import os
import shutil
import subprocess

QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def make_root(folder):
    for name in ("bin", "etc", "tmp", "proc", "dev", "sys", "root"):
        os.makedirs(os.path.join(folder, name))
    shutil.copy(shutil.which("busybox"), os.path.join(folder, "bin", "busybox"))
    for name in ("sh", "true", "sleep", "cat"):
        os.symlink("busybox", os.path.join(folder, "bin", name))


def make_config(tag, args):
    capabilities = ["CAP_KILL", "CAP_AUDIT_WRITE"]

    def mount(path, kind, *options):
        return {"destination": path, "type": kind, "source": kind, "options": list(options)}
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


def quietly(command, folder, env):
    """A command of the surroundings; when it hangs, what it should have done is found missing later."""
    try:
        subprocess.run(command, cwd=folder, env=env, timeout=20, **QUIET)
    except subprocess.TimeoutExpired:
        print(f"hangs: {' '.join(command)}", flush=True)


class Case:
    """One command. A failure may take max_lines lines of stderr; a silent command may fail without any."""
    max_lines = 2  # the error and its hint
    status = 0
    silent = False

    def __init__(self, program, name, command, folder, env, tag):
        self.program, self.name, self.command, self.folder, self.env, self.tag = program, name, command, folder, env, tag
        self.before = set()

    def prepare(self):
        pass

    def clean(self):
        pass

    def left(self):
        return []


class OciCase(Case):
    """A command of strata-oci on a container that is brought into a state first."""

    def __init__(self, oci, name, state, words, process_id="c"):
        self.oci, self.state = oci, state
        super().__init__("strata-oci", "oci-" + name, [*oci.base, *words], oci.bundle, oci.env, oci.tag)

    def call(self, *words):
        quietly([*self.oci.base, *words], self.oci.bundle, self.oci.env)

    def prepare(self):
        if self.state != "none":
            self.call("create", self.tag)
        if self.state in ("running", "paused"):
            self.call("start", self.tag)
        if self.state == "paused":
            self.call("pause", self.tag)

    def clean(self):
        self.call("delete", "-f", self.tag)

    def left(self):
        return [os.path.join(self.oci.root, name) for name in os.listdir(self.oci.root) if not name.startswith(".")]


class Oci:
    def __init__(self, build, work):
        self.root, self.bundle = os.path.join(work, "oci"), os.path.join(work, "bundle")
        self.tag = f"tort{os.getpid()}"
        os.makedirs(self.root)
        os.makedirs(self.bundle)
        make_root(os.path.join(self.bundle, "rootfs"))
        self.base = [os.path.join(build, "strata-oci"), "--root", self.root]
        self.env = {"PATH": PATH, "HOME": work}
        config = make_config(self.tag, ["/bin/sleep", "100"])
        json.dump(config, open(os.path.join(self.bundle, "config.json"), "w"))
        self.short = os.path.join(work, "short")
        os.makedirs(self.short)
        config["process"]["args"] = ["/bin/true"]
        config["root"]["path"] = os.path.join(self.bundle, "rootfs")
        json.dump(config, open(os.path.join(self.short, "config.json"), "w"))

    def cases(self):
        tag = self.tag
        yield OciCase(self, "create", "none", ["create", tag])
        yield OciCase(self, "run", "none", ["run", "-b", self.short, tag])
        yield OciCase(self, "run-detached", "none", ["run", "-d", tag])
        yield OciCase(self, "start", "created", ["start", tag])
        yield OciCase(self, "exec", "running", ["exec", tag, "/bin/true"])
        yield OciCase(self, "exec-detached", "running", ["exec", "-d", tag, "/bin/sleep", "100"])
        yield OciCase(self, "state", "running", ["state", tag])
        yield OciCase(self, "list", "running", ["list"])
        yield OciCase(self, "ps", "running", ["ps", tag])
        yield OciCase(self, "kill", "running", ["kill", tag, "KILL"])
        yield OciCase(self, "pause", "running", ["pause", tag])
        yield OciCase(self, "resume", "paused", ["resume", tag])
        yield OciCase(self, "update", "running", ["update", "--memory", "67108864", tag])
        yield OciCase(self, "events", "running", ["events", "--stats", tag])
        yield OciCase(self, "delete-force", "running", ["delete", "-f", tag])
        yield OciCase(self, "features", "none", ["features"])


class StrataCase(Case):
    """A command of strata, with an instance in a state first."""
    max_lines = 3

    def __init__(self, strata, name, state, words):
        self.strata, self.state = strata, state
        super().__init__("strata", "strata-" + name, [strata.exe, *words], strata.work, strata.env, strata.tag)

    def call(self, *words):
        quietly([self.strata.exe, *words], self.strata.work, self.strata.env)

    def prepare(self):
        options = ["--name", self.tag, "--network", "none", "busybox", "sleep", "100"]
        if self.state == "created":
            self.call("create", *options)
        elif self.state != "none":
            self.call("run", "-d", *options)
        if self.state == "paused":
            self.call("pause", self.tag)

    def clean(self):
        names = subprocess.run([self.strata.exe, "ps", "-aq"], env=self.strata.env, stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, timeout=60).stdout.split()
        if names:
            self.call("rm", "-f", *names)
        self.call("volume", "prune", "-a", "-f")

    def left(self):
        folders = [os.path.join(self.strata.env["STRATA_DATA"], name) for name in ("instances", "volumes")]
        return [os.path.join(folder, name) for folder in folders if os.path.isdir(folder) for name in os.listdir(folder)]


class ImageCase(Case):
    """A command on a store of images of its own, which is empty or has one image with two names."""
    max_lines = 3

    def __init__(self, strata, name, loaded, words):
        self.strata, self.loaded = strata, loaded
        self.data = os.path.join(strata.work, "images-only")
        super().__init__("strata", "strata-image-" + name, [strata.exe, "image", *words], strata.work,
                         dict(strata.env, STRATA_DATA=self.data), strata.tag)

    def prepare(self):
        if self.loaded:
            quietly([self.strata.exe, "load", "-i", self.strata.archive], self.strata.work, self.env)
            quietly([self.strata.exe, "tag", "busybox", "more"], self.strata.work, self.env)

    def clean(self):
        quietly([self.strata.exe, "image", "prune", "-a", "-f"], self.strata.work, self.env)

    def left(self):
        images = os.path.join(self.data, "images")
        return [os.path.join(folder, name) for folder in ("work", "layers", "blobs/sha256")
                for name in os.listdir(os.path.join(images, folder))] if os.path.isdir(images) else []


class Strata:
    def __init__(self, build, work):
        self.exe, self.work, self.tag = os.path.join(build, "strata"), work, f"tort{os.getpid()}"
        self.env = {"PATH": PATH, "HOME": work, "STRATA_DATA": os.path.join(work, "data"),
                    "STRATA_RUN": os.path.join(work, "run")}
        subprocess.run([self.exe, "image", "bootstrap", "busybox"], env=self.env, check=True, **QUIET)
        self.archive = os.path.join(work, "busybox.tar")
        subprocess.run([self.exe, "image", "save", "-o", self.archive, "busybox"], env=self.env, **QUIET)

    def cases(self):
        tag = self.tag
        yield StrataCase(self, "run", "none", ["run", "--rm", "--network", "none", "busybox", "true"])
        yield StrataCase(self, "run-bridge", "none", ["run", "--rm", "-p", "127.0.0.1::80", "busybox", "true"])
        yield StrataCase(self, "run-detached", "none", ["run", "-d", "--name", tag, "busybox", "sleep", "100"])
        yield StrataCase(self, "create", "none", ["create", "--name", tag, "busybox", "true"])
        yield StrataCase(self, "start", "created", ["start", tag])
        yield StrataCase(self, "exec", "running", ["exec", tag, "true"])
        yield StrataCase(self, "ps", "running", ["ps", "-a"])
        yield StrataCase(self, "inspect", "running", ["inspect", tag])
        yield StrataCase(self, "logs", "running", ["logs", tag])
        yield StrataCase(self, "port", "running", ["port", tag])
        yield StrataCase(self, "pause", "running", ["pause", tag])
        yield StrataCase(self, "unpause", "paused", ["unpause", tag])
        yield StrataCase(self, "cp", "running", ["cp", "/etc/hostname", f"{tag}:/tmp/hostname"])
        yield StrataCase(self, "stop", "running", ["stop", "-t", "0", tag])
        yield StrataCase(self, "kill", "running", ["kill", tag])
        yield StrataCase(self, "rm-force", "running", ["rm", "-f", tag])
        yield StrataCase(self, "run-volumes", "none", ["run", "--rm", "-v", f"{tag}:/bin2", "-v", "/etc", "--network",
                                                       "none", "busybox", "true"])
        yield StrataCase(self, "volume-create", "none", ["volume", "create", tag])
        yield StrataCase(self, "volume-ls", "running", ["volume", "ls"])
        yield StrataCase(self, "volume-prune", "none", ["volume", "prune", "-a", "-f"])
        yield StrataCase(self, "image-ls", "none", ["image", "ls"])
        for name, loaded, words in (
                ("load", False, ["load", "-i", self.archive]), ("load-again", True, ["load", "-i", self.archive]),
                ("tag", True, ["tag", "busybox", "other"]), ("rm", True, ["rm", "busybox"]),
                ("rm-name", True, ["rm", "more"]), ("prune", True, ["prune", "-a", "-f"]),
                ("inspect", True, ["inspect", "busybox"]), ("history", True, ["history", "busybox"]),
                ("bootstrap", False, ["bootstrap", "busybox"])):
            yield ImageCase(self, name, loaded, words)
        yield StrataCase(self, "image-save", "none", ["image", "save", "-o", os.devnull, "busybox"])


def all_cases(build, work):
    cases = []
    for program, maker in (("strata-oci", Oci), ("strata", Strata)):
        if os.path.exists(os.path.join(build, program)):
            cases += maker(build, work).cases()
    return cases
