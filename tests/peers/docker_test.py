"""Debian's docker daemon with strata-oci as its runtime."""
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers_lab as lab  # noqa: E402  pylint: disable=wrong-import-position
from peers_lab import IMAGE, WORK, Skip, Terminal, run, wait_for  # noqa: E402  pylint: disable=wrong-import-position

HOST = f"unix://{WORK}/docker.sock"
daemon = None


def docker(*words, **options):
    return run("/usr/bin/docker", "-H", HOST, *words, **options)


def in_new(*words, options=(), **more):
    """What a command prints in a container that is removed afterwards."""
    return docker("run", "--rm", *options, IMAGE, *words, **more).out


class Running:
    """A container in the background, removed at the end of a `with`."""

    def __init__(self, *options, command=("sleep", "1000")):
        self.id = docker("run", "-d", *options, IMAGE, *command).out.strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        docker("rm", "-f", self.id, code=None)

    def exec(self, *words, options=(), **more):
        return docker("exec", *options, self.id, *words, **more).out

    def state(self, field="Status"):
        return docker("inspect", "-f", "{{.State." + field + "}}", self.id).out.strip()


def start():
    global daemon  # pylint: disable=global-statement
    with open(WORK + "/none.json", "w", encoding="utf-8") as f:
        f.write("{}")  # instead of the machine's own configuration
    daemon = lab.Daemon("dockerd", "/usr/sbin/dockerd", "-H", HOST, "--data-root", WORK + "/docker", "--exec-root",
                        WORK + "/exec", "--pidfile", WORK + "/docker.pid", "--add-runtime", f"peer={lab.RUNTIME}",
                        "--default-runtime", "peer", "--cgroup-parent", lab.cgroup_parent(), "--exec-opt",
                        "native.cgroupdriver=cgroupfs", "--config-file", WORK + "/none.json", "--debug")
    daemon.ready(lambda: docker("version", code=None).code == 0)
    docker("load", "-i", WORK + "/image.tar")


def stop(failed):
    if failed:
        print("--- the end of the daemon's log", daemon.tail(60), sep="\n")


def test_uses_the_runtime_under_test():
    info = json.loads(docker("info", "-f", "{{json .}}").out)
    assert info["DefaultRuntime"] == "peer" and info["Runtimes"]["peer"]["path"] == lab.RUNTIME, info["Runtimes"]


def test_runs_a_command_and_hands_on_its_exit_status():
    assert in_new("echo", "hello") == "hello\n"
    docker("run", "--rm", IMAGE, "sh", "-c", "exit 42", code=42)
    done = docker("run", "--rm", IMAGE, "sh", "-c", "echo out; echo err >&2")
    assert (done.out, done.err) == ("out\n", "err\n"), done


def test_says_why_a_command_cannot_run():
    assert "not found" in docker("run", "--rm", IMAGE, "no-such-program", code=127).err
    assert "denied" in docker("run", "--rm", IMAGE, "/data/plain", code=126).err
    assert "denied" in docker("run", "--rm", IMAGE, "/data", code=126).err


def test_gives_environment_folder_user_and_name():
    out = in_new("sh", "-c", "echo $A $FROM_IMAGE; pwd; id; hostname; umask",
                 options=("-e", "A=b", "-w", "/new/folder", "-u", "user", "-h", "box", "--group-add", "3000"))
    assert out.splitlines() == ["b yes", "/new/folder", "uid=1000(user) gid=1000(user) groups=1000(user),2000(extra),3000",
                                "box", "0022"], out


def test_reads_standard_input():
    assert docker("run", "--rm", "-i", IMAGE, "cat", text="to the container").out == "to the container"


def test_confines_by_default():
    out = in_new("cat", "/proc/self/status")
    fields = dict(line.split(":\t", 1) for line in out.splitlines() if ":\t" in line)
    assert fields["Seccomp"] == "2", out
    assert fields["CapEff"] == "00000000a80425fb" and fields["CapBnd"] == fields["CapEff"], out
    assert in_new("sh", "-c", "wc -c < /proc/keys; ls /proc/acpi /sys/firmware").strip().startswith("0")
    done = docker("run", "--rm", IMAGE, "sh", "-c", "echo 1 > /proc/sys/vm/swappiness", code=1)
    assert "Read-only" in done.err, done
    assert "Operation not permitted" in docker("run", "--rm", IMAGE, "unshare", "-m", "true", code=1).err


def test_takes_security_options():
    assert "Seccomp:\t0" in in_new("cat", "/proc/self/status", options=("--security-opt", "seccomp=unconfined"))
    assert "NoNewPrivs:\t1" in in_new("cat", "/proc/self/status", options=("--security-opt", "no-new-privileges"))
    out = in_new("grep", "CapEff", "/proc/self/status", options=("--cap-drop", "ALL", "--cap-add", "NET_RAW"))
    assert out.split()[1] == "0000000000002000", out
    out = in_new("sh", "-c", "mount -t tmpfs x /tmp && ls /dev/kmsg && cat /proc/self/status", options=("--privileged",))
    assert "Seccomp:\t0" in out and "/dev/kmsg" in out, out
    lab.check_privileged(out)


def test_mounts_what_was_asked_for():
    os.makedirs(WORK + "/shared", exist_ok=True)
    with open(WORK + "/shared/file", "w", encoding="utf-8") as f:
        f.write("from the host")
    out = in_new("sh", "-c", "cat /a/file; echo; touch /b/x; grep -E ' /(c|dev/shm) ' /proc/mounts; touch /v/new; echo $?",
                 options=("-v", WORK + "/shared:/a", "-v", WORK + "/shared:/b:ro", "--tmpfs", "/c:size=1m,noexec",
                          "--shm-size", "8m", "-v", "named:/v"))
    lines = out.splitlines()
    assert lines[0] == "from the host" and lines[-1] == "0", out
    assert any("/c tmpfs" in line and "noexec" in line and "size=1024k" in line for line in lines), out
    assert any("/dev/shm" in line and "size=8192k" in line for line in lines), out
    assert not os.path.exists(WORK + "/shared/x")
    assert "Read-only" in docker("run", "--rm", "--read-only", IMAGE, "touch", "/x", code=1).err


def test_gives_devices():
    assert "c" in in_new("ls", "-l", "/dev/peer", options=("--device", "/dev/null:/dev/peer"))[0]
    out = in_new("sh", "-c", "ls /dev; mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg", code=1)
    assert {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue", "fd"} <= set(out.split()), out


def cgroup_file(box, controller, name_v1, name_v2):
    """A limit as the host sees it, by the cgroup of the container's first process."""
    pid = box.state("Pid")
    with open(f"/proc/{pid}/cgroup", encoding="utf-8") as f:
        lines = [line.strip().split(":", 2) for line in f]
    for _, controllers, path in lines:
        if controller in controllers.split(","):
            base = [m for m in lab.hierarchies() if controller in os.path.basename(m).split(",")]
            with open(f"{base[0]}{path}/{name_v1}", encoding="utf-8") as f:
                return f.read().split()
    base = [m for m in lab.hierarchies() if os.path.exists(m + "/cgroup.subtree_control")]
    with open(f"{base[0]}{[p for n, _, p in lines if n == '0'][0]}/{name_v2}", encoding="utf-8") as f:
        return f.read().split()


def test_limits_resources_and_updates_them():
    with Running("--memory", "64m", "--cpus", "0.5", "--pids-limit", "50", "--cpuset-cpus", "0") as box:
        assert cgroup_file(box, "memory", "memory.limit_in_bytes", "memory.max") == ["67108864"]
        assert cgroup_file(box, "pids", "pids.max", "pids.max") == ["50"]
        assert cgroup_file(box, "cpu", "cpu.cfs_quota_us", "cpu.max")[0] == "50000"
        assert cgroup_file(box, "cpuset", "cpuset.cpus", "cpuset.cpus") == ["0"]
        docker("update", "--memory", "96m", "--memory-swap", "200m", "--pids-limit", "60", box.id)
        assert cgroup_file(box, "memory", "memory.limit_in_bytes", "memory.max") == ["100663296"]
        assert cgroup_file(box, "pids", "pids.max", "pids.max") == ["60"]


def test_tells_of_a_process_that_ran_out_of_memory():
    with Running("--memory", "16m", "--memory-swap", "16m", command=("sh", "-c", "tail /dev/zero")) as box:
        assert docker("wait", box.id).out.strip() == "137"
        wait_for("OOMKilled", lambda: box.state("OOMKilled") == "true")


def test_sets_limits_and_sysctls():
    out = in_new("sh", "-c", "ulimit -n; sysctl -n net.ipv4.ip_unprivileged_port_start kernel.msgmax",
                 options=("--ulimit", "nofile=500:1000", "--sysctl", "net.ipv4.ip_unprivileged_port_start=7", "--sysctl",
                          "kernel.msgmax=4242"))
    assert out.split() == ["500", "7", "4242"], out


def test_executes_in_a_running_container():
    with Running("-e", "A=1", "--init") as box:
        assert box.exec("sh", "-c", "echo $A $B; pwd; id -u", options=("-e", "B=2", "-w", "/tmp", "-u", "user")) \
            == "1 2\n/tmp\n1000\n"
        box.exec("sh", "-c", "exit 9", code=9)
        done = docker("exec", box.id, "nothing", code=None)
        assert done.code in (126, 127) and "not found" in done.out + done.err, done
        assert docker("exec", "-i", box.id, "cat", text="piped").out == "piped"
        fields = box.exec("cat", "/proc/self/status")
        assert "Seccomp:\t2" in fields and "CapEff:\t00000000a80425fb" in fields, fields
        lab.check_privileged(box.exec("cat", "/proc/self/status", options=("--privileged",)))
        docker("exec", "-d", box.id, "sh", "-c", "echo done > /tmp/detached")
        wait_for("the detached exec", lambda: box.exec("cat", "/tmp/detached", code=None) == "done\n")


def test_gives_a_terminal_that_is_resized():
    term = Terminal("/usr/bin/docker", "-H", HOST, "run", "--rm", "-it", IMAGE, "sh")
    term.expect(r"# ")
    term.type("tty; stty size; echo $TERM\n")
    term.expect(r"/dev/(pts/0|console)\s+33 111\s+xterm")
    term.size(20, 70)
    os.kill(term.pid, 28)  # SIGWINCH
    time.sleep(0.5)
    term.type("stty size; exit 5\n")
    term.expect(r"20 70")
    assert term.wait() == 5
    with Running() as box:
        term = Terminal("/usr/bin/docker", "-H", HOST, "exec", "-it", box.id, "sh")
        term.expect(r"# ")
        term.type("stty size; test -t 0 && echo it is a terminal; exit 6\n")
        term.expect(r"33 111\s+it is a terminal")
        assert term.wait() == 6


def test_detaches_and_attaches():
    with Running("-it", command=("sh",)) as box:
        term = Terminal("/usr/bin/docker", "-H", HOST, "attach", box.id)
        time.sleep(0.5)
        term.type("echo seen $((40+2))\n")
        term.expect("seen 42")
        term.type("\x10\x11")
        term.expect("read escape sequence")
        term.wait()
        assert box.state() == "running"


def test_pauses_and_goes_on():
    with Running(command=("sh", "-c", "while true; do echo x; sleep 0.05; done")) as box:
        docker("pause", box.id)
        assert box.state() == "paused"
        before = docker("logs", box.id).out
        time.sleep(0.4)
        assert docker("logs", box.id).out == before
        assert "paused" in docker("exec", box.id, "true", code=1).err
        docker("unpause", box.id)
        wait_for("more output", lambda: docker("logs", box.id).out != before)


def test_shows_processes_and_statistics():
    with Running("--memory", "64m", command=("sh", "-c", "sleep 1001 & exec sleep 1002")) as box:
        wait_for("two processes", lambda: "sleep 1001" in docker("top", box.id).out)
        out = docker("top", box.id, "-eo", "pid,args").out
        assert "sleep 1002" in out and len(out.splitlines()) == 3, out
        stats = json.loads(docker("stats", "--no-stream", "--format", "{{json .}}", box.id).out)
        assert stats["PIDs"] == "2" and stats["MemUsage"].endswith("/ 64MiB"), stats
        assert not stats["MemUsage"].startswith("0B"), stats


def test_stops_kills_and_signals():
    with Running(command=("sh", "-c", "trap 'exit 3' TERM; while true; do sleep 0.1; done")) as box:
        docker("stop", box.id)
        assert box.state("ExitCode") == "3"
    with Running(command=("sh", "-c", "trap '' TERM; while true; do sleep 0.1; done")) as box:
        begin = time.monotonic()
        docker("stop", "-t", "1", box.id)
        assert box.state("ExitCode") == "137" and time.monotonic() - begin < 6
    with Running(command=("sh", "-c", "trap 'echo got it' USR1; while true; do sleep 0.1; done")) as box:
        time.sleep(0.3)
        docker("kill", "-s", "USR1", box.id)
        wait_for("the signal", lambda: "got it" in docker("logs", box.id).out)
        docker("kill", box.id)
        assert box.state("ExitCode") == "137" and box.state() == "exited"
        assert docker("kill", box.id, code=1)


def test_starts_again_with_its_files():
    with Running(command=("sh", "-c", "echo again >> /tmp/log; sleep 1000")) as box:
        docker("restart", "-t", "0", box.id)
        docker("stop", "-t", "0", box.id)
        docker("start", box.id)
        wait_for("three lines", lambda: box.exec("cat", "/tmp/log").count("again") == 3)
    with Running("--restart", "on-failure:2", command=("sh", "-c", "echo try; exit 1")) as box:
        wait_for("three tries", lambda: docker("logs", box.id).out == "try\n" * 3)


def test_joins_namespaces_of_another():
    with Running("--name", "peer-a", "-h", "a", "--ipc", "shareable") as box:
        out = in_new("sh", "-c", "hostname -i; ps | grep -c 'sleep 1000'; readlink /proc/self/ns/ipc",
                     options=("--network", "container:peer-a", "--pid", "container:peer-a", "--ipc", "container:peer-a"))
        inside = box.exec("readlink", "/proc/self/ns/ipc").strip()
        assert inside in out, (out, inside)
        assert int(out.splitlines()[1]) >= 1, out
    assert in_new("readlink", "/proc/self/ns/net", options=("--network", "host")).strip() == \
        os.readlink("/proc/self/ns/net")
    assert in_new("readlink", "/proc/self/ns/uts", options=("--uts", "host")).strip() == os.readlink("/proc/self/ns/uts")


def test_publishes_ports():
    with Running("-p", "127.0.0.1:8099:80", command=("sh", "-c", "echo page > /tmp/index.html; httpd -f -h /tmp")) as box:
        wait_for("the page", lambda: lab.page("http://127.0.0.1:8099/") == "page\n")
        assert "8099" in docker("port", box.id).out


def test_runs_its_small_init():
    with Running("--init", command=("sh", "-c", "(sleep 0.1 &); (sleep 0.1 &); exec sleep 1000")) as box:
        time.sleep(0.5)
        out = box.exec("sh", "-c", "ps -o pid,stat,args; cat /proc/1/cmdline")
        assert " Z " not in out and "init" in out, out


def test_remaps_users():
    second = WORK + "/remap"
    os.makedirs(second)
    words = ["/usr/bin/docker", "-H", f"unix://{second}/docker.sock"]
    # In a network of its own: without a bridge it removes the other daemon's.
    remapping = lab.Daemon("dockerd-remap", "unshare", "-n", "/usr/sbin/dockerd", "-H", words[2], "--data-root", second + "/data",
                           "--exec-root", second + "/exec", "--pidfile", second + "/pid", "--add-runtime",
                           f"peer={lab.RUNTIME}", "--default-runtime", "peer", "--cgroup-parent", lab.cgroup_parent(),
                           "--config-file", WORK + "/none.json", "--userns-remap", lab.USER, "--bridge", "none")
    remapping.ready(lambda: run(*words, "version", code=None).code == 0)
    run(*words, "load", "-i", WORK + "/image.tar")
    out = run(*words, "run", "--rm", IMAGE, "sh", "-c", "cat /proc/self/uid_map; id -u; touch /etc/x && echo made; "
              "echo 1 > /proc/sys/kernel/msgmax || echo refused").out
    assert out.split() == ["0", str(lab.FIRST_SUB_ID), str(lab.SUB_IDS), "0", "made", "refused"], out
    box = run(*words, "run", "-d", IMAGE, "sleep", "1000").out.strip()
    assert run(*words, "exec", box, "cat", "/proc/self/uid_map").out.split()[1] == str(lab.FIRST_SUB_ID)
    run(*words, "rm", "-f", box)
    remapping.process.terminate()
    remapping.process.wait(30)


def test_healthcheck_executes():
    with Running("--health-cmd", "test -e /tmp/ok", "--health-interval", "200ms", "--health-retries", "1") as box:
        wait_for("unhealthy", lambda: box.state("Health.Status") == "unhealthy")
        box.exec("touch", "/tmp/ok")
        wait_for("healthy", lambda: box.state("Health.Status") == "healthy")


def test_lives_beside_the_bridge_of_strata():
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "net"))
    import net_lab  # pylint: disable=import-outside-toplevel
    if not os.path.exists(net_lab.TOOL) or not lab.shutil.which("nft"):
        raise Skip("needs net_tool and nft")
    tcp = net_lab.socket.SOCK_STREAM

    def rules():
        return run("iptables", "-S").out

    with Running("-p", "8097:80", command=("sh", "-c", "echo page > /tmp/index.html; httpd -f -h /tmp")) as box:
        before = rules()
        assert "-P FORWARD DROP" in before, before
        net = net_lab.Lab()
        web = net.attach("web", "8096:80")
        web.serve(tcp, 80, "web")
        net.outside.serve(tcp, 7000, "out")
        assert "-A FORWARD -i strata0" in rules(), rules()
        # Ours, from the host and from outside; and out.
        assert net_lab.ask(tcp, "127.0.0.1", 8096).startswith("web ")
        assert net.outside.ask(tcp, net_lab.HOST_OUTSIDE, 8096) == f"web {net_lab.OUTSIDE}"
        assert web.ask(tcp, net_lab.OUTSIDE, 7000).startswith("out ")
        # docker's, as before; and each by the other's published port.
        assert lab.page("http://127.0.0.1:8097/") == "page\n"
        assert box.exec("nc", net_lab.OUTSIDE, "7000").startswith("out ")
        assert box.exec("nc", net_lab.HOST_OUTSIDE, "8096").startswith("web ")
        said = net.attach("second", "8097:80", ok=False)
        assert "address already in use" in said.stderr, said.stderr
        with Running("-p", "8095:80") as other:
            assert other.state() == "running"
        net.detach("web")
        assert rules() == before, rules()
        net.tool("remove")
        net.done()


def test_survives_a_daemon_that_is_killed():
    global daemon  # pylint: disable=global-statement
    box = Running("--name", "survivor")
    daemon.process.kill()
    daemon.process.wait()
    if os.path.exists(WORK + "/docker.pid"):
        os.unlink(WORK + "/docker.pid")
    start()
    assert box.state() in ("exited", "running")
    docker("start", box.id)
    assert box.exec("echo", "back") == "back\n"
    docker("rm", "-f", box.id)


def test_leaves_nothing_behind():
    docker("ps", "-aq")
    names = docker("ps", "-aq").out.split()
    if names:
        docker("rm", "-f", *names)
    wait_for("all cgroups to go", lambda: not left_cgroups())
    with open("/proc/mounts", encoding="utf-8") as f:
        left = [line for line in f if re.search(r"/rootfs|/merged", line)]
    assert not left, left
    states = [os.path.join(where, name) for where, folders, _ in os.walk(WORK + "/exec/runtime-peer") for name in folders
              if name != "moby"]
    assert not states, states


def left_cgroups():
    return [os.path.join(where, name) for mount in lab.hierarchies()
            for where, folders, _ in os.walk(mount + lab.cgroup_parent()) for name in folders]


lab.enter(["/usr/sbin/dockerd", "/usr/bin/docker", "containerd", "iptables"])
lab.cases(sys.modules[__name__], start, stop)
