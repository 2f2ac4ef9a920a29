"""The verbs of `strata` on instances and volumes, their output in docker's shapes."""
import io
import json
import os
import re
import signal
import tarfile
import tempfile
import time

import strata_lab


class Life(strata_lab.Case):
    def detached(self, *options, name="one", command=("sleep", "1000")):
        return self.strata("run", "-d", "--name", name, "--network", "none", *options, "busybox", *command)

    def status(self, name="one"):
        return self.strata("inspect", "-f", "{{.State.Status}}", name)

    def test_an_instance_goes_through_all_its_states(self):
        identity = self.strata("create", "--name", "one", "--network", "none", "busybox", "sleep", "1000")
        self.assertRegex(identity, r"^[0-9a-f]{64}$")
        self.assertEqual(self.status(), "created")
        self.assertEqual(self.strata("start", "one"), "one")
        self.assertEqual(self.status(), "running")
        self.strata("pause", identity[:8])
        self.assertEqual(self.status(), "paused")
        self.refused("exec", "one", "true", code=1, text="paused")
        self.strata("unpause", "one")
        self.strata("restart", "-t", "0", "one")
        self.assertEqual(self.status(), "running")
        self.strata("rename", "one", "two")
        self.refused("rm", "two", code=1, text="two")
        self.assertEqual(self.strata("stop", "-t", "0", "two"), "two")
        self.assertEqual(self.status("two"), "exited")
        self.assertEqual(self.strata("inspect", "-f", "{{.State.ExitCode}}", "two"), "137")
        self.assertEqual(self.strata("rm", "two"), "two")
        self.assertEqual(self.strata("ps", "-aq"), "")

    def test_stop_asks_first_and_kill_does_not(self):
        self.detached(command=("sh", "-c", "trap 'echo asked; exit 4' TERM; echo up; while :; do sleep 0.05; done"))
        wait_for(lambda: "up" in self.strata("logs", "one"))
        self.strata("stop", "one")
        self.assertEqual(self.strata("logs", "one"), "up\nasked")
        self.assertEqual(self.strata("wait", "one"), "4")
        self.strata("start", "one")
        wait_for(lambda: self.strata("logs", "one").count("up") == 2)
        self.strata("kill", "-s", "TERM", "one")
        self.assertEqual(self.strata("wait", "one"), "4")
        self.refused("kill", "one", code=1, text="not running")
        self.refused("kill", "-s", "NOPE", "one", code=1, text="invalid signal")

    def test_several_are_acted_on_and_failures_told(self):
        self.detached(name="aa")
        self.detached(name="bb")
        done = self.lab.run("stop", "-t", "0", "aa", "nosuch", "bb")
        self.assertEqual((done.returncode, done.stdout), (1, "aa\nbb\n"))
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertIn("nosuch", done.stderr)
        self.assertEqual(self.strata("rm", "aa", "bb"), "aa\nbb")

    def test_names_are_unique_and_made_up(self):
        self.detached()
        done = self.lab.run("run", "-d", "--name", "one", "--network", "none", "busybox", "true")
        self.assertEqual(done.returncode, 125)
        self.assertIn("already in use", done.stderr)
        self.detached(name="other")
        self.refused("rename", "other", "one", code=1, text="already in use")
        self.strata("run", "-d", "--network", "none", "busybox", "true")
        self.assertRegex(self.strata("ps", "-l", "--format", "{{.Names}}", "-a"), r"^[a-z]+_[a-z]+$")
        self.refused("run", "--name", "-bad-", "busybox", code=125, text="-bad-")

    def test_removed_at_its_end(self):
        self.detached("--rm", "-v", "/anonymous")
        self.strata("stop", "-t", "0", "one")
        wait_for(lambda: self.strata("ps", "-aq") == "")
        wait_for(lambda: self.strata("volume", "ls", "-q") == "")

    def test_attach_start_and_detach(self):
        terminal = strata_lab.Terminal(self.lab, "run", "-it", "--name", "one", "--network", "none", "busybox", "sh")
        terminal.until(b"# ")
        terminal.send(b"\x10\x11")
        self.assertEqual(terminal.end(), 0)
        self.assertEqual(self.status(), "running")
        terminal = strata_lab.Terminal(self.lab, "attach", "--detach-keys", "ctrl-x", "one")
        terminal.send(b"echo a''gain\n")
        terminal.until(b"again")
        terminal.send(b"\x18")
        self.assertEqual(terminal.end(), 0)
        terminal = strata_lab.Terminal(self.lab, "attach", "one")
        terminal.send(b"exit 6\n")
        self.assertEqual(terminal.end(), 6)
        self.refused("attach", "one", code=1, text="exited")
        self.strata("create", "-i", "--name", "two", "--network", "none", "busybox", "sh", "-c", "cat; exit 5")
        done = self.lab.run("start", "-ai", "two", stdin="through\n")
        self.assertEqual((done.returncode, done.stdout), (5, "through\n"))
        self.strata("run", "-d", "--name", "three", "--network", "none", "busybox", "sh", "-c", "sleep 0.5; echo x; exit 2")
        done = self.lab.run("start", "-a", "three")
        self.assertEqual((done.returncode, done.stdout), (2, "x\n"))

    def test_signals_are_passed_on(self):
        running = self.lab.start("run", "--rm", "--name", "one", "--network", "none", "busybox", "sh", "-c",
                                 "trap 'echo got; exit 9' INT; echo up; while :; do sleep 0.05; done")
        self.assertEqual(running.stdout.readline(), "up\n")
        running.send_signal(signal.SIGINT)
        self.assertEqual((running.communicate(timeout=10)[0], running.returncode), ("got\n", 9))

    def test_an_ended_monitor_ends_the_instance(self):
        self.detached()
        pid = int(self.strata("inspect", "-f", "{{.State.Pid}}", "one"))
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            monitor = int(re.search(r"PPid:\s+(\d+)", status.read()).group(1))
        os.kill(monitor, signal.SIGKILL)
        wait_for(lambda: not os.path.exists(f"/proc/{pid}") or "zombie" in open(f"/proc/{pid}/status").read())
        self.assertEqual(self.status(), "exited")
        self.assertEqual(self.strata("ps", "-q"), "")
        self.strata("rm", "one")


class Inside(strata_lab.Case):
    def setUp(self):
        self.strata("run", "-d", "--name", "one", "-e", "MADE=run", "-w", "/srv", "--network", "none", "busybox", "sleep",
                    "1000")

    def test_exec(self):
        self.assertEqual(self.strata("exec", "one", "sh", "-c", "echo $MADE; pwd; id -u"), "run\n/srv\n0")
        self.assertEqual(self.strata("exec", "-e", "X=1", "-w", "/tmp", "-u", "1000", "one", "sh", "-c",
                                     "echo $X; pwd; id -u"), "1\n/tmp\n1000")
        self.assertEqual(self.strata("exec", "-i", "one", "cat", stdin="in"), "in")
        done = self.lab.run("exec", "one", "sh", "-c", "echo o; echo e >&2; exit 3")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (3, "o\n", "e\n"))
        self.refused("exec", "one", "nosuch", code=127, text="not found")
        self.refused("exec", "one", "/etc/passwd", code=126, text="permission denied")
        self.strata("exec", "-d", "one", "touch", "/tmp/detached")
        wait_for(lambda: self.lab.run("exec", "one", "test", "-e", "/tmp/detached").returncode == 0)
        terminal = strata_lab.Terminal(self.lab, "exec", "-it", "one", "sh")
        terminal.send(b"tty\n")
        terminal.until(b"/dev/pts/")
        terminal.send(b"exit 8\n")
        self.assertEqual(terminal.end(), 8)
        status = self.strata("exec", "one", "cat", "/proc/self/status")
        self.assertIn("CapEff:\t00000000a80425fb", status)
        self.assertIn("Seccomp:\t2", status)

    def test_cp(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "file")
            with open(path, "w", encoding="ascii") as file:
                file.write("content")
            os.chmod(path, 0o640)
            self.strata("cp", path, "one:/tmp/copy")
            self.assertEqual(self.strata("exec", "one", "sh", "-c", "cat /tmp/copy; stat -c %a /tmp/copy"), "content640")
            self.strata("cp", folder, "one:/srv")
            self.assertEqual(self.strata("exec", "one", "cat", f"/srv/{os.path.basename(folder)}/file"), "content")
            self.strata("cp", "one:/etc", os.path.join(folder, "etc"))
            self.assertTrue(os.path.exists(os.path.join(folder, "etc/passwd")))
            self.strata("exec", "one", "ln", "-s", "/etc/passwd", "/tmp/link")
            self.strata("cp", "one:/tmp/link", os.path.join(folder, "link"))
            self.assertTrue(os.path.islink(os.path.join(folder, "link")))
            self.strata("cp", "-L", "one:/tmp/link", os.path.join(folder, "followed"))
            self.assertFalse(os.path.islink(os.path.join(folder, "followed")))
            stream = self.strata("cp", "one:/etc/passwd", "-", text=False)
            with tarfile.open(fileobj=io.BytesIO(stream)) as tar:
                self.assertEqual(tar.getnames(), ["passwd"])
            self.strata("cp", "-", "one:/tmp", stdin=stream, text=False)
            self.strata("exec", "one", "test", "-e", "/tmp/passwd")
            self.strata("stop", "-t", "0", "one")
            self.strata("cp", path, "one:/tmp/stopped")
            self.strata("cp", "one:/tmp/stopped", os.path.join(folder, "back"))
            self.refused("cp", "one:/nosuch", folder, code=1, text="nosuch")
            self.refused("cp", "one:/a", "one:/b", code=1, text="between instances")

    def test_links_do_not_lead_cp_out(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "file"), "w", encoding="ascii") as file:
                file.write("x")
            outside = os.path.join(folder, "outside")
            os.mkdir(outside)
            self.strata("exec", "one", "ln", "-s", outside, "/tmp/out")
            self.lab.run("cp", os.path.join(folder, "file"), "one:/tmp/out/planted")
            self.assertEqual(os.listdir(outside), [])


class Lists(strata_lab.Case):
    def setUp(self):
        self.strata("run", "-d", "--name", "up", "-l", "role=web", "-l", "x", "--network", "none", "busybox", "sleep",
                    "1000")
        self.lab.run("run", "--name", "ended", "--network", "none", "busybox", "sh", "-c", "exit 3")
        self.strata("create", "--name", "made", "-v", "vol:/v", "--network", "none", "busybox", "echo",
                    "very long text that is cut")

    def tearDown(self):
        super().tearDown()
        self.strata("volume", "prune", "-af")

    def names(self, *options):
        return self.strata("ps", "--format", "{{.Names}}", *options).split()

    def test_ps_is_docker_s_table(self):
        lines = self.strata("ps", "-a").splitlines()
        self.assertRegex(lines[0], r"^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES$")
        self.assertRegex(lines[1], r'^[0-9a-f]{12} +busybox +"echo \'very long tex…" .* ago +Created +made$')
        self.assertRegex(lines[2], r'^[0-9a-f]{12} +busybox +"sh -c \'exit 3\'" .* Exited \(3\) .* ago +ended$')
        self.assertRegex(lines[3], r'^[0-9a-f]{12} +busybox +"sleep 1000" .* Up .*up$')
        self.assertEqual(len(self.strata("ps").splitlines()), 2)
        self.assertIn("very long text that is cut", self.strata("ps", "-a", "--no-trunc"))
        self.assertRegex(self.strata("ps", "-as").splitlines()[1], r"\d+B \(virtual [\d.]+[kM]B\)$")

    def test_ps_filters_and_formats(self):
        self.assertEqual(self.names("-a"), ["made", "ended", "up"])
        self.assertEqual(self.names("-l"), ["made"])
        self.assertEqual(self.names("-n", "2"), ["made", "ended"])
        for filters, wanted in ((["status=exited"], ["ended"]), (["exited=3"], ["ended"]), (["label=role=web"], ["up"]),
                                (["label=role", "label=x"], ["up"]), (["label=role=db"], []),
                                (["name=^en", "name=^ma"], ["made", "ended"]), (["volume=vol"], ["made"]),
                                (["before=ended"], ["up"]), (["since=ended"], ["made"]), (["ancestor=busybox"],
                                ["made", "ended", "up"]), (["status=created", "status=running"], ["made", "up"]),
                                (["isolation=container"], ["made", "ended", "up"])):
            options = [word for text in filters for word in ("--filter", text)]
            self.assertEqual(self.names("-a", *options), wanted, filters)
        self.refused("ps", "--filter", "nosuch=1", code=1, text="nosuch")
        self.refused("ps", "--filter", "status=odd", code=1, text="odd")
        row = json.loads(self.strata("ps", "--format", "json"))
        self.assertEqual((row["Names"], row["State"], row["Labels"]), ("up", "running", "role=web,x="))
        self.assertEqual(self.strata("ps", "--format", '{{.Label "role"}}|{{.Image | upper}}'), "web|BUSYBOX")
        self.refused("ps", "--format", "{{.Nosuch}}", code=1, text="Nosuch")

    def test_inspect(self):
        up, made = json.loads(self.strata("inspect", "up", "made"))
        self.assertEqual((up["Name"], up["State"]["Status"], up["Config"]["Labels"]["role"]), ("/up", "running", "web"))
        self.assertEqual(made["Config"]["Cmd"][0], "echo")
        image = json.loads(self.strata("inspect", "busybox"))[0]
        self.assertEqual(image["RepoTags"], ["busybox:latest"])
        self.assertEqual(json.loads(self.strata("inspect", "vol"))[0]["Name"], "vol")
        done = self.lab.run("inspect", "nosuch", "up")
        self.assertEqual((done.returncode, len(json.loads(done.stdout))), (1, 1))
        self.assertIn("no such object: nosuch", done.stderr)
        self.assertEqual(self.lab.run("inspect", "--type", "image", "up").returncode, 1)

    def test_volumes(self):
        self.assertEqual(self.strata("volume", "create", "-l", "a=b", "named"), "named")
        anonymous = self.strata("volume", "create")
        self.assertEqual(sorted(self.strata("volume", "ls", "-q").split()), sorted(["named", "vol", anonymous]))
        self.assertRegex(self.strata("volume", "ls").splitlines()[0], r"^DRIVER +VOLUME NAME$")
        self.assertEqual(self.strata("volume", "ls", "-q", "-f", "label=a=b"), "named")
        self.assertEqual(self.strata("volume", "ls", "-q", "-f", "dangling=false"), "vol")
        self.assertEqual(self.strata("volume", "inspect", "-f", "{{.Labels.a}}", "named"), "b")
        self.refused("volume", "rm", "vol", code=1, text="in use")
        self.assertIn(anonymous, self.strata("volume", "prune", "-f"))
        self.assertEqual(self.strata("volume", "rm", "named"), "named")
        self.assertEqual(self.lab.run("volume", "rm", "-f", "named").returncode, 0)
        self.refused("volume", "create", "a/b", code=1, text="a/b")


class Logs(strata_lab.Case):
    def test_streams_tail_and_times(self):
        self.lab.run("run", "--name", "one", "--network", "none", "busybox", "sh", "-c",
                     "for i in 1 2 3; do echo out$i; echo err$i >&2; done; printf unended")
        done = self.lab.run("logs", "one")
        self.assertEqual((done.stdout, done.stderr), ("out1\nout2\nout3\nunended", "err1\nerr2\nerr3\n"))
        self.assertEqual(self.strata("logs", "--tail", "1", "one"), "unended")
        self.assertRegex(self.strata("logs", "-t", "-n", "1", "one"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z unended$")
        self.assertEqual(self.strata("logs", "--since", "1h", "--tail", "1", "one"), "unended")
        self.assertEqual(self.strata("logs", "--until", "1h", "one"), "")
        self.refused("logs", "--since", "yesterday", "one", code=1, text="yesterday")

    def test_following_sees_everything_to_the_end(self):
        self.strata("run", "-d", "--name", "one", "--log-opt", "max-size=20k", "--log-opt", "max-file=3", "--network",
                    "none", "busybox", "sh", "-c", "echo first; sleep 0.3; for i in $(seq 1 30); do seq 1 20; sleep 0.01; "
                    "done; echo last")
        started = time.monotonic()
        shown = self.strata("logs", "-f", "one").splitlines()
        self.assertEqual((shown[0], shown[-1], len(shown)), ("first", "last", 602))
        self.assertLess(time.monotonic() - started, 5)


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it does not come about")
        time.sleep(0.02)


if __name__ == "__main__":
    strata_lab.main()
