#!/usr/bin/python3
"""strata run --isolation vm: what a container does, a virtual machine does. Most tests take the same steps with both and
compare what is said and the exit codes. By hand: isolation_test.py [WORD of a test's name]..."""
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import urllib.request

BUILD = os.environ["STRATA_BUILD"]
BOTH = ("container", "vm")


def check(condition, *facts):
    if not condition:
        raise AssertionError(" ".join(str(fact) for fact in facts))


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(77)


def wait_until(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        check(time.monotonic() < end, "waited in vain")
        time.sleep(0.05)


class Lab:
    def __init__(self, place):
        self.place = place
        self.env = dict(os.environ, STRATA_DATA=os.path.join(place, "data"), STRATA_RUN=os.path.join(place, "run"))
        for tool in ("mkfs.erofs", "mke2fs"):
            if shutil.which(tool) is None:
                skip(f"no {tool} (packages erofs-utils, e2fsprogs)")
        self.strata("image", "bootstrap", "busybox")
        code, _, err = self.strata("image", "bootstrap", "kernel", good=False)
        if code != 0:
            skip(f"no kernel: {err.strip()}")

    def path(self, name):
        return os.path.join(self.place, name)

    def strata(self, *arguments, stdin=b"", good=True, timeout=60):
        done = subprocess.run([os.path.join(BUILD, "strata"), *arguments], input=stdin, capture_output=True, env=self.env,
                              timeout=timeout)
        code, out, err = done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        check(not good or code == 0, arguments, code, err)
        return code, out, err

    def run(self, *arguments, isolation="vm", **more):
        return self.strata("run", "--isolation", isolation, *arguments, good=False, **more)

    def runs_alike(self, *arguments, **more):
        """One command as a container and as a virtual machine: the same code, output and errors."""
        seen = {isolation: self.run("--rm", *arguments, isolation=isolation, **more) for isolation in BOTH}
        check(seen["container"] == seen["vm"], arguments, *seen.values())
        return seen["vm"]

    def start(self, name, *arguments, isolation="vm"):
        code, _, err = self.run("-d", "--name", name, *arguments, isolation=isolation)
        check(code == 0, arguments, err)
        return name

    def pair(self, name, *arguments):
        """The same instance twice: {isolation: name}."""
        return {isolation: self.start(f"{name}-{isolation}", *arguments, isolation=isolation) for isolation in BOTH}

    def alike(self, pair, *arguments, stdin=b""):
        """A verb for both instances, NAME standing for each: what it says must differ in the name alone."""
        seen = []
        for name in pair.values():
            code, out, err = self.strata(*(a.replace("NAME", name) for a in arguments), stdin=stdin, good=False)
            # strata-oci, a program of its own, tells its failure too.
            err = "\n".join(line for line in err.split("\n") if not line.startswith("strata-oci: "))
            identity = self.facts(name)["Id"] if self.exists(name) else "?"
            seen.append(tuple(text.replace(name, "NAME").replace(identity, "ID") for text in (out, err)) + (code,))
        check(seen[0] == seen[1], arguments, *seen)
        return seen[1][2], seen[1][0], seen[1][1]

    def exists(self, name):
        return self.strata("inspect", name, good=False)[0] == 0

    def facts(self, name):
        return json.loads(self.strata("inspect", name)[1])[0]

    def wait_for_log(self, name, text):
        wait_until(lambda: text in self.strata("logs", name)[1])

    def remove(self, pair):
        for name in pair.values():
            self.strata("rm", "-f", name)

    def disk(self, name):
        return os.path.join(self.env["STRATA_DATA"], "instances", self.facts(name)["Id"], "disk")

    def is_clean(self, name):
        """Was the file system on its disk unmounted?"""
        head = subprocess.run(["dumpe2fs", "-h", self.disk(name)], capture_output=True, text=True, check=True).stdout
        return "needs_recovery" not in head and re.search(r"state: *clean\n", head) is not None


class Terminal:
    """A command of ours at a terminal of its own."""

    def __init__(self, lab, *arguments, rows=24, columns=80):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.process = subprocess.Popen([os.path.join(BUILD, "strata"), *arguments], stdin=slave, stdout=slave, stderr=slave,
                                        env=lab.env, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.text = ""

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def wait_for(self, text, seconds=60):
        end = time.monotonic() + seconds
        while text not in self.text:
            check(time.monotonic() < end, "no", repr(text), "in", repr(self.text))
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.text += os.read(self.master, 4096).decode(errors="replace")
                except OSError:
                    check(text in self.text, "it ended with", self.process.wait(10), "and without", repr(text), repr(self.text))

    def end(self):
        code = self.process.wait(30)
        os.close(self.master)
        return code


# ---- one command ----

def streams_and_exit_code(lab):
    code, out, err = lab.runs_alike("-i", "-m", "256m", "-e", "A=b", "-w", "/made", "--hostname", "inside", "busybox", "sh", "-c",
                                    "cat; pwd; echo $A; hostname; echo $$; echo e >&2; exit 3", stdin=b"in\n")
    check((code, out, err) == (3, "in\n/made\nb\ninside\n1\n", "e\n"), code, out, err)
    check(lab.strata("ps", "-aq")[1] == "", "it is still there")


def options_of_the_process_and_its_surroundings(lab):
    lab.runs_alike("--user", "www-data", "--group-add", "daemon", "--group-add", "4321", "--ulimit", "nofile=100:200",
                   "--oom-score-adj", "7", "--cap-drop", "CHOWN", "--cap-add", "NET_ADMIN", "--security-opt", "no-new-privileges",
                   "--entrypoint", "sh", "--init", "--hostname", "inside", "busybox", "-c",
                   "id; ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj; env | sort; cat /proc/1/comm;"
                   "grep -E 'Cap|NoNewPrivs' /proc/self/status")
    lab.runs_alike("--read-only", "--tmpfs", "/t:size=64k,mode=700", "--tmpfs", "/t/deeper:exec", "--shm-size", "1m", "--sysctl",
                   "net.ipv4.ip_default_ttl=99", "--add-host", "one:10.1.2.3", "--dns", "10.9.8.7", "--dns-search", "example.org",
                   "--dns-option", "ndots:3", "--domainname", "domain", "--network", "none", "busybox", "sh", "-c",
                   "touch /x 2>&1; touch /t/x; stat -c %a /t; grep ' /t' /proc/mounts | cut -d' ' -f2 | sort;"
                   "df /dev/shm | tail -1; cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/domainname; grep one /etc/hosts;"
                   "ls /sys/class/net | grep -v -E 'gre|tunl|sit|vti|tnl|erspan'; cat /proc/sys/net/ipv4/ping_group_range;"
                   "grep CapEff /proc/self/status")


def names_of_hosts_and_servers(lab):
    seen = []
    for isolation in BOTH:
        code, out, _ = lab.run("--rm", "--add-host", "one:10.1.2.3", "--dns", "10.9.8.7", "--dns-search", "example.org", "--dns-option",
                               "ndots:3", "--hostname", "inside", "busybox", "cat", "/etc/hosts", "/etc/resolv.conf",
                               isolation=isolation)
        check(code == 0, code)
        seen.append(sorted(re.sub(r"\d+\.\d+\.\d+\.\d+\tinside", "ADDRESS\tinside", out).split("\n")))
    check(seen[0] == seen[1], *seen)


def what_cannot_start_says_why(lab):
    check(lab.runs_alike("busybox", "no-such-program")[0] == 127, "code")
    check(lab.runs_alike("-u", "nosuch", "busybox", "true")[0] == 125, "code")
    for isolation in BOTH:
        code, out, err = lab.run("-d", "--rm", "busybox", "/etc", isolation=isolation)
        check(code == 126 and "is a directory" in err and err.count("\n") == 1, code, out, err)
    check(lab.strata("ps", "-aq")[1] == "", "one is still there")


def what_a_machine_does_not_have_is_refused_by_name(lab):
    for options in (("-v", "/tmp:/x"), ("-v", "named:/x"), ("-v", "/anonymous"), ("--mount", "type=bind,source=/tmp,target=/x"),
                    ("--network", "host"), ("--network", "bridge"), ("--network", "container:x"), ("--privileged",),
                    ("--pid", "host"), ("--ipc", "host"), ("--uts", "host"), ("--cgroupns", "host"), ("--userns", "host"),
                    ("--device", "/dev/null"), ("--cpus", "1.5"), ("--cpu-shares", "2"), ("--cpu-period", "2000"),
                    ("--cpu-quota", "2000"), ("--cpuset-cpus", "0"), ("--cpuset-mems", "0"), ("--memory-swap", "1g"),
                    ("--memory-reservation", "1g"), ("--memory-swappiness", "1"), ("--oom-kill-disable",), ("--pids-limit", "9"),
                    ("--blkio-weight", "10"), ("--security-opt", "apparmor=x")):
        code, _, err = lab.run("--rm", *options, "busybox", "true")
        said = {"-v": "--volume"}.get(options[0], options[0])
        check(code == 125 and said in err and "--isolation vm" in err and err.count("\n") == 1, options, code, err)
    check(lab.strata("ps", "-aq")[1] == "" and lab.strata("volume", "ls", "-q")[1] == "", "one was made")


def what_listens_on_the_hosts_loopback_is_not_reached(lab):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        code, _, _ = lab.run("--rm", "busybox", "wget", "-q", "-O", "-", f"http://10.0.2.2:{server.getsockname()[1]}/")
        check(code == 1, code)
        try:
            server.accept()
            raise AssertionError("the guest came through")
        except BlockingIOError:
            pass


# ---- instances ----

PROGRAM = ("trap 'echo usr1' USR1; trap 'echo term; exit 9' TERM; echo served >/index.html; httpd -p 80 -h /;"
           "echo start $(cat /starts 2>/dev/null); echo x >>/starts; while :; do sleep 0.05; done")


def exec_beside_it(lab, pair):
    for arguments in (("exec", "NAME", "sh", "-c", "echo out; echo err >&2; exit 7"), ("exec", "NAME", "no-such-program"),
                      ("exec", "NAME", "/etc"), ("exec", "NAME", "/no/such"), ("exec", "-u", "nosuch", "NAME", "true"),
                      ("exec", "-w", "/nosuch", "NAME", "true"), ("exec", "NAME", "sh", "-c", "kill -9 $$"),
                      ("exec", "-u", "www-data:4", "-w", "/tmp", "-e", "A=b", "-e", "HOME=/x", "NAME", "sh", "-c",
                       "id; pwd; echo $A $HOME; grep CapBnd /proc/self/status"),
                      ("exec", "NAME", "cat"), ("exec", "-d", "NAME", "sh", "-c", "sleep 0.2; touch /detached")):
        lab.alike(pair, *arguments)
    check(lab.alike(pair, "exec", "-i", "NAME", "wc", "-c", stdin=b"x" * 300000)[1].strip() == "300000", "input")
    check(lab.alike(pair, "exec", "NAME", "seq", "20000")[1].endswith("20000\n"), "output")
    time.sleep(0.3)
    lab.alike(pair, "exec", "NAME", "ls", "/detached")
    for name in pair.values():
        terminal = Terminal(lab, "exec", "-it", name, "sh", "-c", "stty size; trap 'stty size; exit 4' WINCH; echo ready; while :; do sleep 0.05; done",
                            rows=30, columns=100)
        terminal.wait_for("30 100\r\nready")
        terminal.resize(31, 101)
        terminal.wait_for("31 101")
        check(terminal.end() == 4, "code")


def files_both_ways(lab, pair):
    source = lab.path("source")
    os.makedirs(f"{source}/folder/deeper", exist_ok=True)
    for name, text in (("folder/one", "one"), ("folder/deeper/two", "two" * 100000)):
        with open(f"{source}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    os.chmod(f"{source}/folder/one", 0o640)
    if not os.path.lexists(f"{source}/folder/link"):
        os.symlink("one", f"{source}/folder/link")
    archive = subprocess.run(["tar", "-C", source, "-c", "folder"], capture_output=True, check=True).stdout
    for target in ("/tmp", "/tmp/new", "/nosuch/x", "/etc/passwd"):
        lab.alike(pair, "cp", f"{source}/folder", f"NAME:{target}")
    for path, target in (("folder/.", "/tmp/content"), ("folder/one", "/tmp/file"), ("nosuch", "/tmp")):
        lab.alike(pair, "cp", f"{source}/{path}", f"NAME:{target}")
    lab.alike(pair, "cp", "-", "NAME:/root", stdin=archive)
    lab.alike(pair, "cp", "-", "NAME:/etc/passwd", stdin=archive)
    lab.alike(pair, "exec", "NAME", "sh", "-c", "find /tmp /root | sort; stat -c '%a %u %s %F' /tmp/new/one /tmp/folder/link")
    lab.alike(pair, "cp", "NAME:/nosuch", lab.path("x"))
    for name in pair.values():
        out = lab.path(f"out-{name}")
        os.mkdir(out)
        lab.strata("cp", f"{name}:/tmp/folder", out)
        lab.strata("cp", f"{name}:/tmp/folder/.", f"{out}/content")
        lab.strata("cp", "-L", f"{name}:/tmp/folder/link", f"{out}/followed")
        for folder in (f"{out}/folder", f"{out}/content"):
            subprocess.run(["diff", "-r", "--no-dereference", f"{source}/folder", folder], check=True)
        with open(f"{out}/followed", encoding="utf-8") as file:
            check(file.read() == "one", "followed")


def ports_from_outside(lab, pair):
    for name in pair.values():
        where = lab.strata("port", name, "80/tcp")[1].strip()
        wait_until(lambda: answers(where))
        check(where.startswith("127.0.0.1:") and f"{where}->80/tcp" in lab.strata("ps")[1], where)
        bindings = lab.facts(name)["NetworkSettings"]["Ports"]["80/tcp"]
        check(f"{bindings[0]['HostIp']}:{bindings[0]['HostPort']}" == where, bindings)
    taken = where.split(":")[1]
    code, _, err = lab.run("--rm", "-p", f"127.0.0.1:{taken}:80", "busybox", "true")
    check(code == 125 and taken in err and err.count("\n") == 1, code, err)


def answers(where):
    try:
        return urllib.request.urlopen(f"http://{where}/", timeout=5).read() == b"served\n"
    except OSError:
        return False


def signals_pauses_and_the_end(lab, pair):
    lab.alike(pair, "kill", "-s", "USR1", "NAME")
    for name in pair.values():
        lab.wait_for_log(name, "usr1")
    lab.alike(pair, "pause", "NAME")
    lab.alike(pair, "pause", "NAME")
    lab.alike(pair, "exec", "NAME", "true")
    for name in pair.values():
        check("(Paused)" in lab.strata("ps", "--filter", f"name={name}")[1], "not paused")
    lab.alike(pair, "unpause", "NAME")
    lab.alike(pair, "stop", "NAME")
    lab.alike(pair, "wait", "NAME")
    lab.alike(pair, "logs", "NAME")
    lab.alike(pair, "exec", "NAME", "true")
    lab.alike(pair, "kill", "NAME")
    check(lab.is_clean(pair["vm"]), "its disk was not unmounted")
    lab.alike(pair, "cp", lab.path("source/folder/one"), "NAME:/stopped")
    lab.alike(pair, "cp", "NAME:/stopped", lab.path("back"))
    lab.alike(pair, "start", "NAME")
    for name in pair.values():
        wait_until(lambda n=name: lab.strata("logs", n)[1].count("start") == 2)
    lab.alike(pair, "exec", "NAME", "sh", "-c", "cat /stopped; head -1 /starts")
    lab.alike(pair, "kill", "NAME")
    lab.alike(pair, "wait", "NAME")
    check(lab.facts(pair["vm"])["State"]["ExitCode"] == 137 and lab.is_clean(pair["vm"]), "killed, and not unmounted")
    lab.alike(pair, "rm", "NAME")


def an_instance_and_all_its_verbs(lab):
    pair = lab.pair("long", "-p", "127.0.0.1::80", "busybox", "sh", "-c", PROGRAM)
    for part in (exec_beside_it, files_both_ways, ports_from_outside, signals_pauses_and_the_end):
        try:
            part(lab, pair)
        except AssertionError as problem:
            raise AssertionError(f"{part.__name__}: {problem}") from None


def a_terminal_that_is_resized_left_and_found_again(lab):
    for isolation in BOTH:
        name = f"terminal-{isolation}"
        terminal = Terminal(lab, "run", "-it", "--isolation", isolation, "--name", name, "busybox", "sh", rows=33, columns=99)
        terminal.type("stty size\r")
        terminal.wait_for("33 99")
        terminal.resize(34, 98)
        terminal.type("sleep 0.2; stty size\r")
        terminal.wait_for("34 98")
        terminal.type("\x10\x11")
        terminal.wait_for("read escape sequence")
        check(terminal.end() == 0, "detached")
        again = Terminal(lab, "attach", name, rows=35, columns=97)
        again.type("sleep 0.2; stty size\r")
        again.wait_for("35 97")
        again.type("exit 6\r")
        check(again.end() == 6, "code")
        lab.strata("rm", name)


def one_that_does_not_listen_to_its_stop_signal(lab):
    pair = lab.pair("deaf", "--stop-timeout", "1", "--stop-signal", "USR2", "busybox", "sh", "-c",
                    "trap '' TERM USR2; echo kept >/kept; echo deaf; while :; do sleep 0.05; done")
    for name in pair.values():
        lab.wait_for_log(name, "deaf")
        began = time.monotonic()
        lab.strata("stop", name)
        check(0.9 < time.monotonic() - began < 8, "stopped within", time.monotonic() - began)
        check(lab.facts(name)["State"]["ExitCode"] == 137, "code")
    check(lab.is_clean(pair["vm"]), "its disk was not unmounted")
    lab.alike(pair, "cp", "NAME:/kept", lab.path("kept"))
    lab.remove(pair)


def one_that_is_started_again(lab):
    pair = lab.pair("again", "--restart", "on-failure:1", "busybox", "sh", "-c", "echo run; exit 5")
    for name in pair.values():
        wait_until(lambda n=name: not lab.facts(n)["State"]["Running"] and not lab.facts(n)["State"]["Restarting"])
        facts = lab.facts(name)
        check(facts["RestartCount"] == 1 and facts["State"]["ExitCode"] == 5, facts["State"])
    lab.alike(pair, "logs", "NAME")
    lab.remove(pair)


# ---- ends that nobody wished ----

def the_process_of(lab, name, which):
    identity = lab.facts(name)["Id"]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{pid}/cmdline", encoding="utf-8").read().split("\0")
        except OSError:
            continue
        if os.path.basename(words[0]) == which and any(identity in word for word in words):
            return int(pid)
    return None


def a_machine_whose_process_is_killed(lab):
    name = lab.start("killed", "--rm", "busybox", "sleep", "100")
    process = subprocess.Popen([os.path.join(BUILD, "strata"), "exec", name, "sh", "-c", "echo on; sleep 100"],
                                              env=lab.env, stdout=subprocess.PIPE)
    check(process.stdout.readline() == b"on\n", "exec")
    os.kill(the_process_of(lab, name, "strata-vm"), signal.SIGKILL)
    check(process.wait(20) == 137, "exec ended with", process.returncode)
    process.stdout.close()
    wait_until(lambda: lab.strata("ps", "-aq")[1] == "", 20)


def a_monitor_that_is_killed(lab):
    name = lab.start("orphan", "busybox", "sleep", "100")
    machine = the_process_of(lab, name, "strata-vm")
    os.kill(the_process_of(lab, name, "strata-monitor"), signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f"/proc/{machine}"), 20)
    state = lab.facts(name)["State"]
    check(not state["Running"] and state["ExitCode"] == 137, state)
    lab.strata("start", name)
    check(lab.strata("exec", name, "echo", "well")[1] == "well\n", "it does not start again")
    lab.strata("rm", "-f", name)


def a_start_that_is_killed_at_each_moment(lab):
    for moment in (0.02, 0.3, 0.8):
        for which in ("strata", "strata-monitor", "strata-vm"):
            process = subprocess.Popen([os.path.join(BUILD, "strata"), "run", "--rm", "--isolation", "vm", "--name", "unborn", "busybox",
                                        "true"], env=lab.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(moment)
            victim = process.pid if which == "strata" else the_process_of(lab, "unborn", which) if lab.exists("unborn") else None
            if victim is not None:
                try:
                    os.kill(victim, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            process.wait(60)
            wait_until(lambda: lab.strata("ps", "-aq")[1] == "", 30)
    wait_until(lambda: not [p for p in os.listdir("/proc") if p.isdigit() and is_ours(lab, p)], 20)


def is_ours(lab, pid):
    try:
        return lab.place in open(f"/proc/{pid}/cmdline", encoding="utf-8").read()
    except OSError:
        return False


CASES = (streams_and_exit_code, options_of_the_process_and_its_surroundings, names_of_hosts_and_servers, what_cannot_start_says_why,
         what_a_machine_does_not_have_is_refused_by_name, what_listens_on_the_hosts_loopback_is_not_reached,
         an_instance_and_all_its_verbs, a_terminal_that_is_resized_left_and_found_again,
         one_that_does_not_listen_to_its_stop_signal, one_that_is_started_again, a_machine_whose_process_is_killed,
         a_monitor_that_is_killed, a_start_that_is_killed_at_each_moment)


def main():
    failed = 0
    with tempfile.TemporaryDirectory(prefix="strata-isolation.") as place:
        lab = Lab(place)
        for case in CASES:
            if sys.argv[1:] and not any(word in case.__name__ for word in sys.argv[1:]):
                continue
            started = time.monotonic()
            try:
                case(lab)
                print(f"ok   {case.__name__} ({time.monotonic() - started:.1f} s)", flush=True)
            except (AssertionError, subprocess.SubprocessError, OSError) as problem:
                failed += 1
                print(f"FAIL {case.__name__}: {problem}", flush=True)
            for line in lab.strata("ps", "-aq")[1].split():
                lab.strata("rm", "-f", line, good=False)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
