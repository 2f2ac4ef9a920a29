"""A laboratory for the bridge network: a "host", instances and an outside, each a network namespace of its own.

The test process itself stands in the host's namespace, made by `in_lab`; the machine's own interfaces and firewall are
never seen by it. Everything ends with the process.
"""
import ctypes
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

BUILD = os.environ.get("STRATA_BUILD", os.path.join(os.path.dirname(__file__), "..", "..", "out", "dev"))
TOOL = os.path.join(BUILD, "tests", "net", "net_tool")
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)

OUTSIDE, HOST_OUTSIDE = "203.0.113.2", "203.0.113.1"


def check_call(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def run(*words, ok=True, text=None):
    done = subprocess.run(words, capture_output=True, text=True, input=text, timeout=60, check=False)
    if ok and done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Namespace:
    """A network namespace, kept by a child that waits."""

    def __init__(self):
        ready, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            check_call(libc.unshare(CLONE_NEWNET), "unshare")
            os.write(told, b"x")
            while True:
                signal.pause()
        os.read(ready, 1)
        os.close(ready)
        os.close(told)
        self.path = f"/proc/{self.pid}/ns/net"
        self.servers = []

    def spawn(self, function):
        """Runs function in a child inside; returns its pid."""
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                fd = os.open(self.path, os.O_RDONLY)
                check_call(libc.setns(fd, CLONE_NEWNET), "setns")
                function()
                status = 0
            except BaseException:  # pylint: disable=broad-except
                traceback.print_exc()
            finally:
                os._exit(status)
        return pid

    def call(self, function):
        """The text that function returns inside."""
        back, there = os.pipe()
        pid = self.spawn(lambda: os.write(there, function().encode()))
        os.close(there)
        with os.fdopen(back, "rb") as f:
            text = f.read().decode()
        os.waitpid(pid, 0)
        return text

    def serve(self, kind, port, name, address="0.0.0.0"):
        """A server that answers each peer with "name peer-address"."""
        ready, told = os.pipe()

        def loop():
            s = socket.socket(socket.AF_INET, kind)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((address, port))
            if kind == socket.SOCK_STREAM:
                s.listen(64)
            os.write(told, b"x")
            while True:
                if kind == socket.SOCK_STREAM:
                    c, peer = s.accept()
                    c.sendall(f"{name} {peer[0]}".encode())
                    c.close()
                else:
                    _, peer = s.recvfrom(100)
                    s.sendto(f"{name} {peer[0]}".encode(), peer)

        self.servers.append(self.spawn(loop))
        if not select.select([ready], [], [], 10)[0]:
            raise AssertionError(f"the server {name} did not start")
        os.close(ready)
        os.close(told)

    def ask(self, kind, address, port, timeout=2.0, source_port=0):
        return self.call(lambda: ask(kind, address, port, timeout, source_port))

    def stop(self):
        for pid in self.servers + [self.pid]:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def ask(kind, address, port, timeout=2.0, source_port=0):
    """What a server answers; "-" and why if nothing does."""
    with socket.socket(socket.AF_INET, kind) as s:
        s.settimeout(timeout)
        try:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if source_port:
                s.bind(("", source_port))
            s.connect((address, port))
            if kind == socket.SOCK_DGRAM:
                s.send(b"?")
            return s.recv(200).decode() or "- closed"
        except OSError as error:
            return f"- {error}"


class Lab:
    """The host: the process's own namespace, with an interface to an outside."""

    def __init__(self):
        self.folder = os.path.join(tempfile.mkdtemp(prefix="strata-net-"), "net")
        self.instances = {}
        run("ip", "link", "set", "lo", "up")
        self.outside = Namespace()
        run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", str(self.outside.pid))
        run("ip", "addr", "add", HOST_OUTSIDE + "/24", "dev", "up0")
        run("ip", "link", "set", "up0", "up")
        run("nsenter", "-n", "-t", str(self.outside.pid), "sh", "-c",
            f"ip addr add {OUTSIDE}/24 dev eth0; ip link set eth0 up; ip link set lo up")

    def tool(self, *words, ok=True):
        return run(TOOL, self.folder, *words, ok=ok)

    def attach(self, name, *ports, ok=True, options=()):
        """A new instance; returns it, or with ok=False what the tool said."""
        space = self.instances.get(name) or Namespace()
        words = []
        for port in ports:
            words += ["-p", port]
        done = self.tool(*options, "attach", name, space.path, *words, ok=ok)
        if done.returncode == 0:
            space.address = done.stdout.split()[1]
            space.published = done.stdout.split()[3:]
            space.notes = done.stderr
            self.instances[name] = space
            return space
        if name not in self.instances:
            space.stop()
        return done

    def detach(self, name):
        self.tool("detach", name)
        self.instances.pop(name).stop()

    def rules(self):
        return run("nft", "list", "ruleset").stdout

    def leftovers(self):
        """What instances left on the host."""
        found = [line.split()[0] for line in run("ip", "-br", "link").stdout.splitlines() if line.startswith("strata-")]
        if "elements" in self.rules():
            found.append(self.rules())
        for where, folders, files in os.walk(self.folder):
            below = os.path.relpath(where, self.folder)
            found += [os.path.join(below, f) for f in files if (below, f) != (".", "state")]
            found += [os.path.join(below, f) for f in folders if below != "."]
        return found

    def check_empty(self):
        assert not self.leftovers(), self.leftovers()

    def done(self):
        for space in list(self.instances.values()):
            space.stop()
        self.outside.stop()
        shutil.rmtree(os.path.dirname(self.folder))


def in_lab(cases):
    """Runs each case in a process and namespace of its own. Exits with the suite's status."""
    if os.geteuid() != 0:
        skip("needs root")
    for program in ("ip", "nft", "nsenter"):
        if shutil.which(program) is None:
            skip(f"needs the program {program}")
    wanted = sys.argv[1:]
    failed = []
    for case in cases:
        if wanted and case.__name__ not in wanted:
            continue
        sys.stdout.flush()
        start = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os._exit(run_case(case))
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(f"{'ok' if status == 0 else 'FAILED'} {case.__name__} ({time.monotonic() - start:.1f} s)")
        if status != 0:
            failed.append(case.__name__)
    print(f"{len(wanted or cases) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


def run_case(case):
    signal.alarm(240)
    if libc.unshare(CLONE_NEWNET) != 0:
        print("SKIPPED: no network namespace can be made here")
        return 0
    with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as forward:  # a new namespace has the host's setting
        forward.write("0")
    lab = None
    status = 1
    try:
        lab = Lab()
        case(lab)
        status = 0
    except BaseException:  # pylint: disable=broad-except
        traceback.print_exc(file=sys.stdout)
    if lab is not None:
        lab.done()
    sys.stdout.flush()
    return status


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(77)
