"""Debian's containerd, by ctr and its runc shim, with strata-oci as the shim's binary."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers_lab as lab  # noqa: E402  pylint: disable=wrong-import-position
from peers_lab import IMAGE, WORK, Terminal, run, wait_for  # noqa: E402  pylint: disable=wrong-import-position

SOCKET = WORK + "/containerd.sock"
daemon = None
number = 0


def ctr(*words, **options):
    return run("ctr", "-a", SOCKET, *words, **options)


def name():
    global number  # pylint: disable=global-statement
    number += 1
    return f"peer{number}"


def run_words(box, *options):
    return ("run", "--runc-binary", lab.RUNTIME, "--runtime", "io.containerd.runc.v2", "--runc-root", WORK + "/runc",
            "--cgroup", lab.cgroup_parent() + "/" + box, *options)


def in_new(*words, options=(), **more):
    box = name()
    return ctr(*run_words(box, "--rm", *options), IMAGE, box, *words, **more).out


class Running:
    """A container in the background, removed at the end of a `with`."""

    def __init__(self, *options, command=("sleep", "1000")):
        self.id = name()
        ctr(*run_words(self.id, "-d", *options), IMAGE, self.id, *command)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        ctr("task", "kill", "-s", "KILL", self.id, code=None)
        wait_for("the task to end", lambda: self.state() != "RUNNING")
        ctr("task", "rm", self.id, code=None)
        ctr("c", "rm", self.id, code=None)

    def exec(self, *words, options=(), **more):
        return ctr("task", "exec", "--exec-id", name(), *options, self.id, *words, **more).out

    def state(self):
        for line in ctr("task", "ls").out.splitlines():
            if line.split()[0] == self.id:
                return line.split()[2]
        return "gone"


def start():
    global daemon  # pylint: disable=global-statement
    with open(WORK + "/containerd.toml", "w", encoding="utf-8") as f:
        f.write(f'version = 2\nroot = "{WORK}/containerd"\nstate = "{WORK}/containerd-state"\n'
                f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{SOCKET}"\n')
    daemon = lab.Daemon("containerd", "containerd", "-c", WORK + "/containerd.toml")
    daemon.ready(lambda: ctr("version", code=None).code == 0)
    ctr("image", "import", WORK + "/image.tar")


def stop(failed):
    if failed:
        print("--- the end of the daemon's log", daemon.tail(60), sep="\n")


def test_runs_a_command_and_hands_on_its_exit_status():
    assert in_new("echo", "hello") == "hello\n"
    in_new("sh", "-c", "exit 42", code=42)
    assert "no-such-program" in ctr(*run_words("x", "--rm"), IMAGE, "x", "no-such-program", code=1).err
    ctr("c", "rm", "x", code=None)


def test_gives_environment_and_folder():
    out = in_new("sh", "-c", "echo $A; pwd; id -u", options=("--env", "A=b", "--cwd", "/tmp"))
    assert out.split() == ["b", "/tmp", "0"], out


def test_confines():
    out = in_new("cat", "/proc/self/status", options=("--seccomp",))
    assert "Seccomp:\t2" in out and "CapEff:\t00000000a80425fb" in out, out
    assert "Seccomp:\t0" in in_new("cat", "/proc/self/status", options=("--privileged",))


def test_limits_and_mounts():
    os.makedirs(WORK + "/shared", exist_ok=True)
    out = in_new("sh", "-c", "touch /m/made; echo $?",
                 options=("--memory-limit", str(64 << 20), "--mount",
                          f"type=bind,src={WORK}/shared,dst=/m,options=rbind:rw"))
    assert out == "0\n" and os.path.exists(WORK + "/shared/made"), out
    assert "Read-only" in ctr(*run_words("ro", "--rm", "--read-only"), IMAGE, "ro", "touch", "/x", code=1).err


def test_executes_in_a_running_task():
    with Running("--env", "A=1") as box:
        assert box.exec("sh", "-c", "echo $A; pwd", options=("--cwd", "/tmp")) == "1\n/tmp\n"
        box.exec("sh", "-c", "exit 9", code=9)
        assert "no-such" in ctr("task", "exec", "--exec-id", name(), box.id, "no-such", code=1).err
        assert "1000" in box.exec("id", "-u", options=("--user", "1000"))


def test_gives_a_terminal():
    box = name()
    term = Terminal("ctr", "-a", SOCKET, *run_words(box, "--rm", "-t"), IMAGE, box, "sh")
    term.expect(r"# ")
    term.type("tty; stty size; exit 5\n")
    term.expect(r"/dev/(pts/0|console)\s+33 111")
    assert term.wait() == 5


def test_pauses_and_goes_on():
    with Running() as box:
        ctr("task", "pause", box.id)
        assert box.state() == "PAUSED"
        ctr("task", "resume", box.id)
        assert box.state() == "RUNNING"


def test_lists_processes_and_measures():
    with Running(command=("sh", "-c", "sleep 1001 & exec sleep 1002")) as box:
        wait_for("two processes", lambda: len(ctr("task", "ps", box.id).out.splitlines()) == 3)
        out = ctr("task", "metrics", box.id).out
        assert "memory" in out, out


def test_kills_with_the_signal_asked_for():
    with Running(command=("sh", "-c", "trap 'exit 3' USR1; while true; do sleep 0.1; done")) as box:
        time.sleep(0.3)
        ctr("task", "kill", "-s", "USR1", box.id)
        wait_for("the end", lambda: box.state() == "STOPPED")


def test_survives_a_daemon_that_is_killed():
    global daemon  # pylint: disable=global-statement
    with Running() as box:
        daemon.process.kill()
        daemon.process.wait()
        daemon = lab.Daemon("containerd", "containerd", "-c", WORK + "/containerd.toml")
        daemon.ready(lambda: ctr("version", code=None).code == 0)
        wait_for("the task", lambda: box.state() == "RUNNING")
        assert box.exec("echo", "back") == "back\n"


def test_leaves_nothing_behind():
    assert len(ctr("task", "ls").out.splitlines()) == 1
    left = [os.path.join(where, n) for where, folders, _ in os.walk(WORK + "/runc") for n in folders
            if n != "default" and not n.startswith("@")]
    assert not left, left
    wait_for("all cgroups to go", lambda: not [n for m in lab.hierarchies() if os.path.isdir(m + lab.cgroup_parent())
                                               for n in os.scandir(m + lab.cgroup_parent()) if n.is_dir()])


lab.enter(["containerd", "ctr", "containerd-shim-runc-v2"])
lab.cases(sys.modules[__name__], start, stop)
