"""The options of `strata run`, each by its effect inside the instance."""
import os
import re
import tempfile
import time

import strata_lab


class Process(strata_lab.Case):
    def test_exit_codes_are_the_command_s_or_docker_s(self):
        for script, code in (("exit 0", 0), ("exit 7", 7), ("(sh -c 'kill -9 $$'; exit $?) 2>/dev/null", 137)):
            done = self.lab.run("run", "--rm", "--network", "none", "busybox", "sh", "-c", script)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (code, "", ""))
        self.refused("run", "--rm", "--network", "none", "busybox", "nosuch", code=127, text="not found")
        self.refused("run", "--rm", "--network", "none", "busybox", "/etc/passwd", code=126, text="permission denied")
        self.refused("run", "--rm", "nosuch", code=125, text="nosuch")
        self.refused("run", "--gpus", "all", "busybox", code=125, text="option --gpus is not supported")
        self.refused("run", "--nmae", "x", "busybox", code=125, text="did you mean --name?")
        self.assertEqual(self.strata("ps", "-aq"), "")

    def test_streams_are_apart_and_input_is_passed(self):
        done = self.lab.run("run", "--rm", "-i", "--network", "none", "busybox", "sh", "-c", "cat; echo e >&2",
                            stdin="given\n")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "given\n", "e\n"))
        big = "x" * 5_000_000
        self.assertEqual(self.inside("-i", script="wc -c", stdin=big), str(len(big)))
        self.assertEqual(len(self.inside(script="yes | head -c 3000000")), 3000000 - 1)

    def test_variables_come_from_options_files_and_the_caller(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("# comment\nFROM_FILE=1 2\nLATER=file\nCALLER\n")
            file.flush()
            shown = self.inside("--env-file", file.name, "-e", "LATER=option", "-e", "CALLER", "-e", "NOT_SET",
                                script="env", env={"CALLER": "yes"}).splitlines()
        for line in ("FROM_FILE=1 2", "LATER=option", "CALLER=yes", "PATH=/bin", "HOME=/root"):
            self.assertIn(line, shown)
        self.assertFalse([line for line in shown if line.startswith("NOT_SET")])

    def test_user_group_folder_and_entry_point(self):
        self.assertEqual(self.inside("-u", "user", script="id -u; id -g; id -G; echo $HOME"),
                         "1000\n1000\n1000 2000\n/srv")
        shown = self.inside("-u", "5:6", "--group-add", "extra", "--group-add", "77", script="id -u; id -g; id -G")
        self.assertEqual(shown.split()[:2], ["5", "6"])
        self.assertEqual(set(shown.split()[2:]), {"6", "2000", "77"})
        self.assertEqual(self.inside("-w", "/new/folder", script="pwd"), "/new/folder")
        self.assertEqual(self.strata("run", "--rm", "--network", "none", "--entrypoint", "echo", "busybox", "a", "b"),
                         "a b")
        self.refused("run", "--rm", "--network", "none", "-u", "nobodyhere", "busybox", "true", code=125,
                     text="nobodyhere")

    def test_a_terminal_begins_with_the_size_of_the_callers(self):
        for _ in range(5):
            terminal = strata_lab.Terminal(self.lab, "run", "-it", "--rm", "--network", "none", "busybox", "sh", "-c",
                                            "busybox stty size")
            terminal.until(b"40 120")
            self.assertEqual(terminal.end(), 0)

    def test_input_that_nobody_reads_does_not_cost_the_exit_code(self):
        for _ in range(10):
            done = self.lab.run("run", "-i", "--rm", "--network", "none", "busybox", "sh", "-c", "exit 9",
                                stdin="x" * 200000)
            self.assertEqual((done.returncode, done.stderr), (9, ""))

    def test_init_reaps_and_passes_signals_on(self):
        with open(os.path.join(strata_lab.BUILD, "strata-init"), "rb") as program:
            if b"/ld-linux" in program.read():
                print("SKIPPED: --init: strata-init is not static in this build")
                return
        self.assertEqual(self.inside("--init", script="[ $$ != 1 ] && echo not first"), "not first")

    def test_id_file_is_new_and_has_the_id(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "id")
            self.strata("run", "-d", "--cidfile", path, "--network", "none", "busybox", "sleep", "100")
            with open(path, encoding="ascii") as file:
                self.assertEqual(file.read(), self.strata("ps", "-q", "--no-trunc"))
            self.refused("run", "--cidfile", path, "busybox", "true", code=125, text="exists")
            other = os.path.join(folder, "other")
            self.refused("run", "--cidfile", other, "nosuch", code=125, text="nosuch")
            self.assertFalse(os.path.exists(other))

    def test_terminal(self):
        terminal = strata_lab.Terminal(self.lab, "run", "-it", "--rm", "--network", "none", "busybox", "sh")
        terminal.until(b"# ")
        terminal.send(b"tty; test -t 0 && echo ter''minal; exit 3\n")
        terminal.until(b"/dev/pts/0")
        terminal.until(b"terminal")
        self.assertEqual(terminal.end(), 3)
        self.refused("run", "-it", "busybox", "true", code=1, text="not a TTY")

    def test_restart_policy_starts_it_again(self):
        self.strata("run", "-d", "--name", "again", "--restart", "on-failure:2", "--network", "none", "busybox", "sh",
                    "-c", "echo life; exit 3")
        self.assertEqual(self.strata("wait", "again"), "3")
        end = time.monotonic() + 10
        while self.strata("logs", "again").count("life") < 3 and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual(self.strata("logs", "again").splitlines(), ["life"] * 3)

    def test_logs_can_be_off_and_bounded(self):
        self.strata("run", "--name", "silent", "--log-driver", "none", "--network", "none", "busybox", "echo", "x")
        self.refused("logs", "silent", code=1, text="none")
        self.strata("run", "--name", "bounded", "--log-opt", "max-size=100k", "--log-opt", "max-file=2", "--network",
                    "none", "busybox", "seq", "1", "50000")
        lines = self.strata("logs", "bounded").splitlines()
        self.assertEqual(lines[-1], "50000")
        self.assertLess(len(lines), 10000)


class Resources(strata_lab.Case):
    def test_limits_of_processes(self):
        self.assertEqual(self.inside("--ulimit", "nofile=100:200", "--ulimit", "core=0",
                                     script="ulimit -Sn; ulimit -Hn; ulimit -c"), "100\n200\n0")
        self.refused("run", "--ulimit", "nofile=5:2", "busybox", code=125, text="soft limit")

    def test_control_groups_have_the_limits(self):
        self.strata("run", "-d", "--name", "limited", "--network", "none", "--memory", "32m", "--pids-limit", "33",
                    "--cpus", "0.5", "--cpuset-cpus", "0", "busybox", "sleep", "100")
        pid = self.strata("inspect", "-f", "{{.State.Pid}}", "limited")
        found = {}
        with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
            for line in file:
                _, controllers, path = line.strip().split(":", 2)
                for controller in controllers.split(","):
                    found[controller] = path
        v1 = "/sys/fs/cgroup"
        if "memory" in found and os.path.isdir(v1 + "/memory"):
            self.assertEqual(read(v1 + "/memory" + found["memory"] + "/memory.limit_in_bytes"), str(32 << 20))
            self.assertEqual(read(v1 + "/pids" + found["pids"] + "/pids.max"), "33")
            self.assertEqual(read(v1 + "/cpuset" + found["cpuset"] + "/cpuset.cpus"), "0")
            period = int(read(v1 + "/cpu" + found["cpu"] + "/cpu.cfs_period_us"))
            self.assertEqual(int(read(v1 + "/cpu" + found["cpu"] + "/cpu.cfs_quota_us")), period // 2)
        else:
            self.assertEqual(read(v1 + found[""] + "/memory.max"), str(32 << 20))
            self.assertEqual(read(v1 + found[""] + "/pids.max"), "33")

    def test_out_of_memory_kills(self):
        done = self.lab.run("run", "--name", "eater", "--network", "none", "--memory", "16m", "--memory-swap", "16m",
                            "busybox", "sh", "-c", "x=$(yes | head -c 200000000); echo survived")
        self.assertNotIn("survived", done.stdout)
        self.assertEqual(done.returncode, 137)
        self.assertEqual(self.strata("inspect", "-f", "{{.State.OOMKilled}}", "eater"), "true")

    def test_shared_memory_size(self):
        self.assertIn("size=2048k", self.inside("--shm-size", "2m", script="grep /dev/shm /proc/mounts"))


class Places(strata_lab.Case):
    def test_bind_mounts_and_volumes(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "file"), "w", encoding="ascii") as file:
                file.write("host")
            for options in (("-v", f"{folder}:/m:ro"), ("--mount", f"type=bind,src={folder},dst=/m,ro")):
                self.assertEqual(self.inside(*options, script="cat /m/file; touch /m/n 2>/dev/null || echo /refused"),
                                 "host/refused")
            self.assertEqual(self.inside("-v", f"{folder}:/m", script="echo new > /m/n; cat /m/file"), "host")
            self.assertEqual(read(os.path.join(folder, "n")), "new")
            made = os.path.join(folder, "made/by/us")
            self.inside("-v", f"{made}:/m")
            self.assertTrue(os.path.isdir(made))
            self.refused("run", "--network", "none", "--mount", f"type=bind,src={folder}/missing,dst=/m", "busybox",
                         "true", code=125, text="missing")

    def test_volumes_live_on_and_are_filled_from_the_image(self):
        self.inside("-v", "kept:/etc", script="echo mine > /etc/mine")
        self.assertIn("root:x", self.inside("-v", "kept:/copy", script="cat /copy/passwd"))
        self.assertEqual(self.inside("-v", "kept:/copy", script="cat /copy/mine"), "mine")
        self.assertEqual(self.inside("-v", "empty:/etc:nocopy", script="ls /etc/passwd 2>/dev/null || echo none"), "none")
        self.assertEqual(self.strata("volume", "ls", "-q"), "empty\nkept")
        self.inside("-v", "/anonymous")
        self.assertEqual(self.strata("volume", "ls", "-q"), "empty\nkept")
        self.strata("create", "--name", "user", "-v", "kept:/x", "busybox")
        self.refused("volume", "rm", "kept", code=1, text="in use")
        self.strata("rm", "user")
        self.strata("volume", "rm", "kept", "empty")

    def test_tmpfs_and_read_only_root(self):
        self.assertIn("size=1024k", self.inside("--tmpfs", "/t:size=1m", script="grep /t /proc/mounts"))
        self.assertEqual(self.inside("--read-only", "--tmpfs", "/t", script="touch /x 2>/dev/null || echo refused; "
                                     "touch /t/x && echo written"), "refused\nwritten")
        self.assertIn("mode=1770", self.inside("--mount", "type=tmpfs,dst=/t,tmpfs-mode=1770",
                                               script="grep ' /t ' /proc/mounts"))

    def test_devices(self):
        self.assertEqual(self.inside("--device", "/dev/zero:/dev/nought:r", script="head -c 3 /dev/nought | wc -c"), "3")
        self.refused("run", "--network", "none", "--device", "/dev/nosuchdevice", "busybox", "true", code=125,
                     text="/dev/nosuchdevice")


class Names(strata_lab.Case):
    def test_host_name_and_files(self):
        self.assertEqual(self.inside("-h", "box", script="hostname"), "box")
        identity = self.strata("run", "-d", "--network", "none", "busybox", "sleep", "100")
        self.assertEqual(self.strata("exec", identity, "hostname"), identity[:12])
        shown = self.inside("--network", "bridge", "--add-host", "db:10.1.2.3", "--dns", "9.9.9.9", "--dns-search", "a.b",
                            "--dns-option", "ndots:3", script="cat /etc/hosts /etc/resolv.conf")
        self.assertRegex(shown, r"(?m)^10\.1\.2\.3\s+db$")
        for line in ("nameserver 9.9.9.9", "search a.b", "options ndots:3"):
            self.assertIn(line, shown)

    def test_published_ports_answer_and_are_free_again(self):
        self.strata("run", "-d", "--name", "web", "-p", "18080:80", "busybox", "sh", "-c",
                    "mkdir -p /www; echo served > /www/index.html; httpd -f -p 80 -h /www")
        self.assertEqual(self.strata("port", "web", "80"), "0.0.0.0:18080")
        self.assertIn("0.0.0.0:18080->80/tcp", self.strata("ps", "--format", "{{.Ports}}"))
        self.assertEqual(fetch("127.0.0.1", 18080), "served")
        self.refused("run", "-p", "18080:80", "--rm", "busybox", "true", code=125, text="already allocated")
        address = self.strata("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "web")
        self.assertEqual(self.inside("--network", "bridge", script=f"wget -q -O - http://{address}/"), "served")
        self.assertEqual(self.inside("--network", "container:web", script="wget -q -O - http://127.0.0.1/"), "served")
        self.strata("rm", "-f", "web")
        self.inside("-p", "18080:80")

    def test_network_modes(self):
        self.assertEqual(self.inside("--network", "none", script="ls /sys/class/net"), "lo")
        self.assertIn("eth0", self.inside("--network", "bridge", script="ls /sys/class/net"))
        self.assertEqual(self.inside("--network", "host", script="hostname"), os.uname().nodename)
        self.refused("run", "--network", "nosuch", "busybox", code=125, text="nosuch")


class Security(strata_lab.Case):
    def status(self, *options):
        text = self.inside(*options, script="cat /proc/self/status")
        return dict(re.findall(r"(?m)^(\w+):\s+(.*)$", text))

    def test_capabilities_are_docker_s_and_can_be_changed(self):
        self.assertEqual(self.status()["CapEff"], "00000000a80425fb")
        self.assertEqual(self.status("--cap-drop", "ALL")["CapEff"], "0" * 16)
        self.assertEqual(self.status("--cap-drop", "ALL", "--cap-add", "chown")["CapEff"], "%016x" % 1)
        self.refused("run", "--cap-add", "flying", "busybox", code=125, text="flying")

    def test_filters_and_privileges(self):
        self.assertEqual(self.status()["Seccomp"], "2")
        self.assertEqual(self.status("--security-opt", "seccomp=unconfined")["Seccomp"], "0")
        self.assertEqual(self.status()["NoNewPrivs"], "0")
        self.assertEqual(self.status("--security-opt", "no-new-privileges")["NoNewPrivs"], "1")
        privileged = self.status("--privileged")
        self.assertEqual(privileged["Seccomp"], "0")
        self.assertEqual(privileged["CapEff"], re.search(r"CapBnd:\s+(\w+)", read("/proc/self/status")).group(1))
        with tempfile.NamedTemporaryFile("w") as profile:
            profile.write('{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],'
                          '"action":"SCMP_ACT_ERRNO"}]}')
            profile.flush()
            self.assertEqual(self.inside("--security-opt", "seccomp=" + profile.name,
                                         script="mkdir /x 2>/dev/null || echo refused"), "refused")

    def test_masked_paths(self):
        self.assertEqual(self.inside(script="cat /proc/keys | wc -c; touch /proc/sys/x 2>/dev/null || echo ro"), "0\nro")

    def test_shared_namespaces(self):
        self.assertEqual(self.inside("--pid", "host", script="ls -d /proc/" + str(os.getpid())),
                         "/proc/" + str(os.getpid()))
        self.strata("run", "-d", "--name", "first", "--network", "none", "--ipc", "shareable", "busybox", "sleep",
                    "12345")
        self.assertIn("sleep 12345", self.inside("--pid", "container:first", script="ps"))
        theirs = self.strata("exec", "first", "ls", "-l", "/proc/self/ns/ipc").split("-> ")[1]
        self.assertEqual(self.inside("--ipc", "container:first", script="ls -l /proc/self/ns/ipc").split("-> ")[1], theirs)
        self.assertEqual(self.inside("--uts", "host", script="hostname"), os.uname().nodename)

    def test_sysctls(self):
        self.assertEqual(self.inside("--sysctl", "kernel.msgmax=4096", script="cat /proc/sys/kernel/msgmax"), "4096")
        self.refused("run", "--sysctl", "kernel.panic=1", "busybox", code=125, text="namespace")


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def fetch(host, port):
    import urllib.request
    end = time.monotonic() + 5
    while True:
        try:
            with urllib.request.urlopen(f"http://{host}:{port}/", timeout=5) as answer:
                return answer.read().decode().strip()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    strata_lab.main()
