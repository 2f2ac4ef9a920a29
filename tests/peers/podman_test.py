"""Debian's podman with strata-oci as its runtime."""
import json
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers_lab as lab  # noqa: E402  pylint: disable=wrong-import-position
from peers_lab import IMAGE, WORK, Skip, Terminal, run, wait_for  # noqa: E402  pylint: disable=wrong-import-position

GLOBAL = ("--root", WORK + "/storage", "--runroot", WORK + "/runroot", "--tmpdir", WORK + "/libpod", "--runtime",
          lab.RUNTIME, "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--storage-driver", "overlay")


def podman(*words, **options):
    return run("podman", *GLOBAL, *words, **options)


def in_new(*words, options=(), **more):
    network = () if "--network" in options else ("--network", "none")
    return podman("run", "--rm", "--cgroup-parent", lab.cgroup_parent(), *network, *options, IMAGE, *words, **more).out


class Running:
    """A container in the background, removed at the end of a `with`."""

    def __init__(self, *options, command=("sleep", "1000"), network="none"):
        self.id = podman("run", "-d", "--cgroup-parent", lab.cgroup_parent(), "--network", network, *options, IMAGE,
                         *command).out.strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        podman("rm", "-f", "-t", "0", self.id, code=None)

    def exec(self, *words, options=(), **more):
        return podman("exec", *options, self.id, *words, **more).out

    def state(self, field="Status"):
        return podman("inspect", "-f", "{{.State." + field + "}}", self.id).out.strip()


def start():
    os.makedirs(WORK + "/etc", exist_ok=True)
    with open(WORK + "/etc/containers.conf", "w", encoding="utf-8") as f:
        f.write("[engine]\n[network]\n")
    os.environ["CONTAINERS_CONF"] = WORK + "/etc/containers.conf"  # instead of the machine's own configuration
    podman("load", "-i", WORK + "/image.tar")


def test_runs_as_root_without_any_help():
    # podman asks for more open files than this host may grant: the runtime takes what it can get.
    assert in_new("echo", "hello") == "hello\n"


def test_hands_on_exit_statuses():
    podman("run", "--rm", "--network", "none", IMAGE, "sh", "-c", "exit 42", code=42)
    assert "no-such-program" in podman("run", "--rm", "--network", "none", IMAGE, "no-such-program", code=127).err
    podman("run", "--rm", "--network", "none", IMAGE, "/data/plain", code=126)
    podman("run", "--rm", "--network", "none", IMAGE, "/data", code=126)


def test_gives_environment_folder_user_and_name():
    out = in_new("sh", "-c", "echo $A $FROM_IMAGE; pwd; id -u; hostname",
                 options=("-e", "A=b", "-w", "/tmp", "-u", "user", "-h", "box"))
    assert out.splitlines() == ["b yes", "/tmp", "1000", "box"], out
    assert podman("run", "--rm", "-i", "--network", "none", IMAGE, "cat", text="piped").out == "piped"


def test_confines_by_default():
    fields = dict(line.split(":\t", 1) for line in in_new("cat", "/proc/self/status").splitlines() if ":\t" in line)
    caps = int(fields["CapEff"], 16)
    assert fields["Seccomp"] == "2" and caps & 1 and not caps & 1 << 21, fields  # CHOWN, but not SYS_ADMIN
    assert "Read-only" in podman("run", "--rm", "--network", "none", "--read-only", IMAGE, "touch", "/etc/x", code=1).err
    out = in_new("cat", "/proc/self/status", options=("--privileged",))
    assert "Seccomp:\t0" in out, out
    lab.check_privileged(out)


def test_mounts_and_limits():
    os.makedirs(WORK + "/shared", exist_ok=True)
    with open(WORK + "/shared/file", "w", encoding="utf-8") as f:
        f.write("from the host\n")
    out = in_new("sh", "-c", "cat /a/file; grep ' /c ' /proc/mounts; ulimit -n; sysctl -n kernel.msgmax",
                 options=("-v", WORK + "/shared:/a:ro", "--tmpfs", "/c:size=1m", "--ulimit", "nofile=400:500", "--memory",
                          "64m", "--pids-limit", "30", "--sysctl", "kernel.msgmax=4242"))
    assert "from the host" in out and "size=1024k" in out and out.split()[-2:] == ["400", "4242"], out


def test_executes_in_a_running_container():
    with Running("-e", "A=1") as box:
        assert box.exec("sh", "-c", "echo $A $B; pwd; id -u", options=("-e", "B=2", "-w", "/tmp", "-u", "user")) \
            == "1 2\n/tmp\n1000\n"
        box.exec("sh", "-c", "exit 9", code=9)
        assert "not found" in podman("exec", box.id, "nothing", code=127).err
        assert podman("exec", "-i", box.id, "cat", text="piped").out == "piped"
        box.exec("sh", "-c", "sleep 0.2; touch /tmp/done", options=("-d",))
        wait_for("the detached exec", lambda: podman("exec", box.id, "test", "-e", "/tmp/done", code=None).code == 0)


def test_gives_a_terminal_that_is_resized():
    term = Terminal("podman", *GLOBAL, "run", "--rm", "-it", "--network", "none", IMAGE, "sh")
    term.expect(r"# ")
    term.type("tty; stty size\n")
    term.expect(r"/dev/(pts/0|console)\s+33 111")
    term.size(20, 70)
    os.kill(term.pid, 28)  # SIGWINCH
    time.sleep(0.5)
    term.type("stty size; exit 5\n")
    term.expect(r"20 70")
    assert term.wait() == 5
    with Running() as box:
        term = Terminal("podman", *GLOBAL, "exec", "-it", box.id, "sh")
        term.expect(r"# ")
        term.type("test -t 0 && echo it is a terminal; exit 6\n")
        term.expect("\nit is a terminal")
        assert term.wait() == 6


def test_pauses_and_goes_on():
    with Running(command=("sh", "-c", "while true; do echo x; sleep 0.05; done")) as box:
        podman("pause", box.id)
        assert box.state() == "paused"
        before = podman("logs", box.id).out
        time.sleep(0.4)
        assert podman("logs", box.id).out == before
        podman("unpause", box.id)
        wait_for("more output", lambda: podman("logs", box.id).out != before)


def test_shows_processes_and_statistics():
    with Running(command=("sh", "-c", "sleep 1001 & exec sleep 1002")) as box:
        wait_for("two processes", lambda: "sleep 1001" in podman("top", box.id).out)
        done = podman("stats", "--no-stream", "--format", "json", box.id, code=None)
        if done.code != 0:
            raise Skip("podman stats cannot read this host's cgroups: " + done.err.strip())
        assert json.loads(done.out)[0]["pids"] == "2", done.out


def test_updates_limits():
    with Running("--memory", "64m") as box:
        done = podman("update", "--memory", "96m", "--memory-swap", "200m", box.id, code=None)
        if "unrecognized command" in done.err or "unknown" in done.err:
            raise Skip("this podman has no update")
        assert done.code == 0, done
        with open(f"/proc/{box.state('Pid')}/cgroup", encoding="utf-8") as f:
            path = [line.split(":")[2].strip() for line in f if ":memory:" in line]
        if path:
            with open(f"/sys/fs/cgroup/memory{path[0]}/memory.limit_in_bytes", encoding="utf-8") as f:
                assert f.read().strip() == str(96 << 20)


def test_stops_kills_and_starts_again():
    with Running(command=("sh", "-c", "trap 'exit 3' TERM; while true; do sleep 0.1; done")) as box:
        podman("stop", box.id)
        assert box.state("ExitCode") == "3"
        podman("start", box.id)
        assert box.state() == "running"
        podman("kill", box.id)
        assert podman("wait", box.id).out.strip() == "137"
    with Running(command=("sh", "-c", "echo out; echo err >&2; sleep 1000")) as box:
        wait_for("the log", lambda: podman("logs", box.id).out == "out\n")
        assert podman("logs", box.id).err == "err\n"
        podman("restart", "-t", "0", box.id)
        assert box.state() == "running"


def test_joins_namespaces_of_another():
    with Running("--name", "peer-a") as box:
        out = in_new("sh", "-c", "readlink /proc/self/ns/ipc; readlink /proc/self/ns/net",
                     options=("--ipc", "container:peer-a", "--network", "container:peer-a"))
        assert out == box.exec("sh", "-c", "readlink /proc/self/ns/ipc; readlink /proc/self/ns/net"), out
    assert in_new("readlink", "/proc/self/ns/net", options=("--network", "host")).strip() == \
        os.readlink("/proc/self/ns/net")


def test_works_in_a_user_namespace():
    out = in_new("sh", "-c", "cat /proc/self/uid_map; id -u; touch /root/x && echo writable",
                 options=("--uidmap", "0:100000:5000", "--gidmap", "0:100000:5000"), code=None)
    assert out.split() == ["0", "100000", "5000", "0", "writable"], out


def test_is_reached_by_its_network():
    box = podman("run", "-d", "-p", "8098:80", IMAGE, "sh", "-c", "echo page > /tmp/index.html; httpd -f -h /tmp", code=None)
    if box.code != 0:
        raise Skip("podman cannot make its own network here: " + box.err.strip().splitlines()[-1])
    wait_for("the page", lambda: lab.page("http://127.0.0.1:8098/") == "page\n")
    podman("rm", "-f", "-t", "0", box.out.strip())


def test_runs_for_a_user_without_privileges():
    if not shutil.which("newuidmap") or lab.RUNTIME.startswith("/root"):
        raise Skip("needs newuidmap (package uidmap), and a runtime that the user may execute")
    home = WORK + "/home"
    shutil.copy(WORK + "/image.tar", home)
    shutil.copy(lab.RUNTIME, home + "/runtime")
    os.makedirs(home + "/run", mode=0o700, exist_ok=True)
    run("chown", "-R", f"{lab.USER}:{lab.USER}", home)

    def rootless(*words, **options):
        return run("setpriv", "--reuid", lab.USER, "--regid", lab.USER, "--init-groups", "--inh-caps=-all", "podman",
                   "--runtime", home + "/runtime", "--cgroup-manager", "cgroupfs", "--events-backend", "file",
                   "--storage-driver", "vfs", *words,
                   env={"HOME": home, "XDG_RUNTIME_DIR": home + "/run", "TMPDIR": home, "CONTAINERS_CONF": ""}, **options)

    loaded = rootless("load", "-i", home + "/image.tar", code=None)
    if loaded.code != 0:
        raise Skip("podman cannot work for a user here: " + loaded.err.strip().splitlines()[-1])
    options = ("--network", "none")
    out = rootless("run", "--rm", *options, IMAGE, "sh", "-c", "id -u; cat /proc/self/uid_map; touch /etc/x && echo made").out
    assert out.split() == ["0", "0", str(lab.USER_ID), "1", "1", str(lab.FIRST_SUB_ID), str(lab.SUB_IDS), "made"], out
    rootless("run", "--rm", *options, IMAGE, "sh", "-c", "exit 42", code=42)
    box = rootless("run", "-d", *options, IMAGE, "sleep", "1000").out.strip()
    assert rootless("exec", box, "cat", "/proc/1/cmdline").out == "sleep\0001000\0"
    rootless("rm", "-f", "-t", "0", box)


def test_leaves_nothing_behind():
    podman("rm", "-fa", "-t", "0")
    assert run(lab.RUNTIME, "list", "-q", code=None).out == ""
    with open("/proc/mounts", encoding="utf-8") as f:
        left = [line for line in f if "/merged" in line]
    assert not left, left


def test_survives_a_monitor_that_is_killed():
    with Running() as box:
        pid = int(podman("inspect", "-f", "{{.State.ConmonPid}}", box.id).out)
        os.kill(pid, 9)
        podman("rm", "-f", "-t", "0", box.id)


lab.enter(["podman", "conmon"])
lab.cases(sys.modules[__name__], start)
