"""The commands of strata for torture.py: on instances, volumes and images."""
import os
import subprocess

from torture_case import PATH, QUIET, Case, quietly

SLEEP = ["busybox", "sleep", "100"]


class StrataCase(Case):
    """A command of strata, with an instance in a state first. words: of one command, or a list of commands of which
    each runs when the one before went well."""
    max_lines = 3

    def __init__(self, strata, name, state, words, promise=None, shows=None, tty=False):
        self.strata, self.state, self.promise, self.shows, self.tty = strata, state, promise, shows, tty
        commands = words if isinstance(words[0], list) else [words]
        command = [strata.exe, *words]
        if commands is words:
            lines = [" ".join(f"'{word}'" for word in [strata.exe, *one]) for one in commands]
            command = ["/bin/sh", "-c", " && ".join(lines)]
        super().__init__("strata", "strata-" + name, command, strata.work, strata.env, strata.tag)
        self.verbs = [tuple(one[:2]) if one[0] in ("image", "volume", "vm") else (one[0],) for one in commands]

    def call(self, *words):
        quietly([self.strata.exe, *words], self.folder, self.env)

    def prepare(self):
        options = ["--name", self.tag, "--network", "none"]
        if self.state == "created":
            self.call("create", *options, *SLEEP)
        elif self.state == "brief":
            self.call("run", "-d", *options, "busybox", "sh", "-c", "echo words; sleep 0.2")
        elif self.state == "reading":
            self.call("run", "-d", "-i", *options, "busybox", "cat")
        elif self.state == "bridged":
            self.call("run", "-d", "--name", self.tag, "-p", "127.0.0.1::80", *SLEEP)
        elif self.state == "volume":
            self.call("volume", "create", self.tag)
        elif self.state != "none":
            self.call("run", "-d", *options, *SLEEP)
        if self.state == "paused":
            self.call("pause", self.tag)

    def clean(self):
        names = subprocess.run([self.strata.exe, "ps", "-aq"], env=self.env, stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, timeout=60).stdout.split()
        if names:
            self.call("rm", "-f", *names)
        self.call("volume", "prune", "-a", "-f")

    def left(self):
        folders = [os.path.join(self.env["STRATA_DATA"], name) for name in ("instances", "volumes")]
        return [os.path.join(folder, name) for folder in folders if os.path.isdir(folder) for name in os.listdir(folder)]

    def state_now(self):
        answer = subprocess.run([self.strata.exe, "inspect", "-f", "{{.State.Status}}", self.tag], env=self.env,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        return answer.stdout.strip() if answer.returncode == 0 else "gone"


def images_now(case):
    """The names of images that are whole, as strata sees them."""
    def ask(*words):
        return subprocess.run([case.strata.exe, "image", *words], env=case.env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=20)
    names = sorted(ask("ls", "--format", "{{.Repository}}").stdout.split())
    return " ".join(name for name in names if ask("save", "-o", os.devnull, name).returncode == 0)


class UsedCase(StrataCase):
    """Whatever happens, an instance that runs goes on, and its image and volume stay."""

    def prepare(self):
        self.call("run", "-d", "--name", self.tag, "-v", self.tag + ":/data", *SLEEP)

    def clean(self):
        super().clean()
        if images_now(self) != "busybox":
            self.call("load", "-i", self.strata.archive)

    def wrong(self, status):
        volumes = subprocess.run([self.strata.exe, "volume", "ls", "-q"], env=self.env, capture_output=True, text=True,
                                 timeout=20).stdout.split()
        images, state = images_now(self), self.state_now()
        if images != "busybox" or volumes != [self.tag] or state != "running":
            return f"status {status}; there is image {images}, volume {volumes}, and the instance is {state}"
        return super().wrong(status)


class RenameCase(StrataCase):
    """Whatever happens, the instance has one name: the new one if all went well."""

    def __init__(self, strata):
        super().__init__(strata, "rename", "created", ["rename", strata.tag, strata.tag + "-new"])

    def wrong(self, status):
        names = subprocess.run([self.strata.exe, "ps", "-a", "--format", "{{.Names}}"], env=self.env,
                               capture_output=True, text=True, timeout=20).stdout.split()
        if len(names) != 1 or not names[0].startswith(self.tag) or (status == 0 and names != [self.tag + "-new"]):
            return f"status {status}, and it is called {names}"
        self.call("create", "--name", self.tag, *SLEEP)
        self.call("create", "--name", self.tag + "-new", *SLEEP)
        left = set(self.left())
        return None if len(left) == 2 else "of its two names not one alone is free"


class FileCase(StrataCase):
    """A command that writes a file on the host; if whole, that or nothing."""

    def __init__(self, strata, name, state, words, out, whole=True):
        super().__init__(strata, name, state, words)
        self.out, self.whole = out, whole

    def written(self):
        folder, name = os.path.split(self.out)
        return [os.path.join(folder, one) for one in os.listdir(folder) if name in one]

    def clean(self):
        super().clean()
        for path in self.written():
            os.unlink(path)

    def half_made(self):
        return self.written() if self.whole else []

    def wrong(self, status):
        if status == 0 and self.written() != [self.out]:
            return f"said that all is well, yet there is {self.written()}"
        return super().wrong(status)


class JavaCase(StrataCase):
    """A Java program; a machine that cannot be made says so in the launcher's words, or in its own on standard output, as
    HotSpot does."""
    max_lines = 12
    says_on_output = True


class ImageCase(Case):
    """A command on a store of images of its own, which is empty or has one image with two names. promise: its names
    afterwards."""
    max_lines = 3

    def __init__(self, strata, name, loaded, words, promise=None):
        self.strata, self.loaded, self.promise = strata, loaded, promise
        self.data = os.path.join(strata.work, "images-only")
        super().__init__("strata", "strata-image-" + name, [strata.exe, "image", *words], strata.work,
                         dict(strata.env, STRATA_DATA=self.data), strata.tag)
        self.verbs = [("image", words[0])]

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

    def state_now(self):
        return images_now(self)


class Strata:
    def __init__(self, build, work):
        self.build = build
        self.exe, self.work, self.tag = os.path.join(build, "strata"), work, "tort" + os.urandom(4).hex()
        self.env = {"PATH": PATH, "HOME": work, "STRATA_DATA": os.path.join(work, "data"),
                    "STRATA_RUN": os.path.join(work, "run")}
        subprocess.run([self.exe, "image", "bootstrap", "busybox"], env=self.env, check=True, **QUIET)
        self.archive = os.path.join(work, "busybox.tar")
        subprocess.run([self.exe, "image", "save", "-o", self.archive, "busybox"], env=self.env, check=True, **QUIET)
        self.layer = os.path.join(work, "layer.tar")
        subprocess.run(["tar", "-cf", self.layer, "-C", os.path.dirname(os.path.abspath(__file__)), "."], check=True)
        self.out = os.path.join(work, "written")
        os.makedirs(self.out)

    def runs(self):
        """Instances that end, and instances that stay."""
        tag = self.tag
        alone, true = ["--name", tag, "--network", "none"], ["busybox", "true"]
        limits = ["--read-only", "--tmpfs", "/tmp", "--memory", "64m", "--cpus", "0.5", "--pids-limit", "50", "--ulimit",
                  "nofile=100", "--cap-add", "NET_ADMIN", "--security-opt", "no-new-privileges", "-h", "torture",
                  "--add-host", "a:1.2.3.4", "--dns", "1.1.1.1", "--sysctl", "net.ipv4.ip_forward=1", "--device",
                  "/dev/fuse", "-u", "1000:1000", "-w", "/tmp", "--shm-size", "1m", "--init"]
        yield StrataCase(self, "run", "none", ["run", "--rm", *alone, *true], "gone")
        yield StrataCase(self, "run-bridge", "none", ["run", "--rm", "--name", tag, "-p", "127.0.0.1::80", *true], "gone")
        yield StrataCase(self, "run-detached", "none", ["run", "-d", "--name", tag, *SLEEP], "running")
        yield StrataCase(self, "run-limits", "none", ["run", "--rm", "--name", tag, *limits, *true], "gone")
        yield StrataCase(self, "run-terminal", "none", ["run", "-it", "--rm", *alone, *true], "gone", tty=True)
        yield StrataCase(self, "run-terminal-detached", "none", ["run", "-dt", *alone, *SLEEP], "running")
        yield StrataCase(self, "run-privileged", "none", ["run", "--rm", "--privileged", "--pid", "host", "--ipc", "host",
                                                          "--name", tag, "--network", "host", *true], "gone")
        yield StrataCase(self, "run-joined", "running", ["run", "--rm", "--name", tag + "-2", "--network",
                                                         f"container:{tag}", *true], "running")
        yield StrataCase(self, "run-volumes", "none", ["run", "--rm", "-v", f"{tag}:/bin2", "-v", "/etc", *alone, *true],
                         "gone")
        yield StrataCase(self, "run-logs", "none", ["run", "--rm", "--log-opt", "max-size=1k", "--log-opt", "max-file=2",
                                                    *alone, "busybox", "seq", "500"], "gone")
        if os.path.exists(os.path.join(self.build, "cmd/libjvm/libjvm.so")):
            yield JavaCase(self, "java", "none", ["java", "-version"])
        # Commands after one another: what the monitor of the first does for the second fails too.
        yield StrataCase(self, "served-stop", "none", [["run", "-d", *alone, *SLEEP], ["stop", "-t", "0", tag]], "exited")
        yield StrataCase(self, "served-attach", "none", [["run", "-di", *alone, "busybox", "cat"], ["attach", tag]],
                         "exited")
        yield StrataCase(self, "served-wait", "none", [["run", "-d", "--restart", "on-failure:1", *alone, "busybox",
                                                        "false"], ["wait", tag]], "exited")

    def lives(self):
        """What is done to an instance."""
        tag = self.tag
        yield StrataCase(self, "create", "none", ["create", "--name", tag, "busybox", "true"], "created")
        yield StrataCase(self, "start", "created", ["start", tag], "running")
        yield StrataCase(self, "restart", "running", ["restart", "-t", "0", tag], "running")
        yield StrataCase(self, "attach", "reading", ["attach", tag], "exited")
        yield StrataCase(self, "wait", "brief", ["wait", tag], "exited")
        yield StrataCase(self, "exec", "running", ["exec", tag, "true"])
        yield StrataCase(self, "exec-terminal", "running", ["exec", "-it", tag, "true"], tty=True)
        yield StrataCase(self, "exec-detached", "running", ["exec", "-d", tag, "sleep", "100"])
        yield StrataCase(self, "ps", "running", ["ps", "-a"], shows=tag)
        yield StrataCase(self, "ps-size", "bridged", ["ps", "-as"], shows="virtual")
        yield StrataCase(self, "inspect", "bridged", ["inspect", tag], shows='"HostIp": "127.0.0.1"')
        yield StrataCase(self, "logs", "running", ["logs", tag])
        yield StrataCase(self, "logs-follow", "brief", ["logs", "-f", tag], shows="words")
        yield StrataCase(self, "port", "bridged", ["port", tag], shows="127.0.0.1:")
        yield StrataCase(self, "pause", "running", ["pause", tag], "paused")
        yield StrataCase(self, "unpause", "paused", ["unpause", tag], "running")
        yield StrataCase(self, "cp", "running", ["cp", "/etc/hostname", f"{tag}:/tmp/hostname"])
        yield StrataCase(self, "cp-stopped", "created", ["cp", "/etc/hostname", f"{tag}:/tmp/hostname"])
        yield FileCase(self, "cp-out", "running", ["cp", f"{tag}:/etc/hostname", self.out + "/file"], self.out + "/file",
                       whole=False)
        yield RenameCase(self)
        yield StrataCase(self, "stop", "running", ["stop", "-t", "0", tag], "exited")
        yield StrataCase(self, "kill", "running", ["kill", tag], "exited")
        yield StrataCase(self, "rm", "created", ["rm", tag], "gone")
        yield StrataCase(self, "rm-force", "bridged", ["rm", "-f", tag], "gone")

    def stores(self):
        """Volumes and images."""
        tag = self.tag
        yield StrataCase(self, "volume-create", "none", ["volume", "create", tag])
        yield StrataCase(self, "volume-ls", "volume", ["volume", "ls"], shows=tag)
        yield StrataCase(self, "volume-inspect", "volume", ["volume", "inspect", tag], shows=tag)
        yield StrataCase(self, "volume-rm", "volume", ["volume", "rm", tag])
        yield StrataCase(self, "volume-prune", "volume", ["volume", "prune", "-a", "-f"])
        yield UsedCase(self, "volume-prune-used", "running", ["volume", "prune", "-a", "-f"])
        yield UsedCase(self, "image-prune-used", "running", ["image", "prune", "-a", "-f"])
        yield UsedCase(self, "ps-used", "running", ["ps", "-a"])
        yield StrataCase(self, "image-ls", "none", ["image", "ls"], shows="busybox")
        for name, loaded, promise, words in (
                ("load", False, "busybox", ["load", "-i", self.archive]),
                ("load-again", True, "busybox more", ["load", "-i", self.archive]),
                ("tag", True, "busybox more other", ["tag", "busybox", "other"]),
                ("rm", True, "more", ["rm", "busybox"]), ("rm-name", True, "busybox", ["rm", "more"]),
                ("prune", True, "", ["prune", "-a", "-f"]), ("inspect", True, None, ["inspect", "busybox"]),
                ("history", True, None, ["history", "busybox"]), ("import", False, "other", ["import", self.layer, "other"]),
                ("bootstrap", False, "busybox", ["bootstrap", "busybox"])):
            yield ImageCase(self, name, loaded, words, promise)
        yield FileCase(self, "image-save", "none", ["image", "save", "-o", self.out + "/tar", "busybox"], self.out + "/tar")
        yield FileCase(self, "image-save-oci", "none", ["image", "save", "--format", "oci-archive", "-o",
                                                        self.out + "/tar", "busybox"], self.out + "/tar")

    def cases(self):
        yield from self.runs()
        yield from self.lives()
        yield from self.stores()
