"""Terminals: the console socket, sizes, exec with a terminal, a terminal in the foreground."""
import array
import fcntl
import json
import os
import pty
import select
import socket
import struct
import subprocess
import termios
import threading
import time

from oci_lib import PROBE, Failure, case, operations, wait_for


class Console(threading.Thread):
    """The far end of --console-socket: takes one terminal and collects what it prints."""

    def __init__(self, t, name="console"):
        super().__init__(daemon=True)
        self.path = os.path.join(t.dir, name)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(self.path)
        self.socket.listen(1)
        self.socket.settimeout(20)
        self.fd = -1
        self.text = b""
        self.start()

    def run(self):
        try:
            peer, _ = self.socket.accept()
            _, ancillary, _, _ = peer.recvmsg(4096, socket.CMSG_SPACE(16))
            for _, kind, data in ancillary:
                if kind == socket.SCM_RIGHTS:
                    fds = array.array("i")
                    fds.frombytes(data[:len(data) - len(data) % 4])
                    self.fd = fds[0]
            while self.fd >= 0:
                self.text += os.read(self.fd, 4096)
        except OSError:
            pass

    def output(self):
        text = self.text.decode(errors="replace")
        return json.loads(text[text.index("["):text.rindex("]") + 1])

    def results(self):
        def ready():
            try:
                return self.output()
            except ValueError:
                return None
        return wait_for(ready, what=f"output on the terminal (got {self.text!r})")

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


@case
def the_console_socket_gets_the_terminal(t):
    console = Console(t)
    c = t.container()
    c.process["terminal"] = True
    c.process["consoleSize"] = {"height": 33, "width": 77}
    c.up("tty", "stat /dev/console", "sleep 1", options=["--console-socket", console.path])
    tty, device, _ = console.results()
    t.equal((tty["0"], tty["1"], tty["2"]), (1, 1, 1), "terminals")
    t.equal((tty["rows"], tty["columns"]), (33, 77), "size")
    t.equal(device["type"], "char", "/dev/console")
    t.true(tty["name"] in ("/dev/pts/0", "/dev/console"), f"name {tty['name']}")
    t.true(tty["foreground"] == 1, "it is not the controlling terminal")
    c.wait_stopped()


@case
def input_typed_on_the_terminal_arrives(t):
    console = Console(t)
    c = t.container()
    c.process["terminal"] = True
    c.up("read-fd 0", options=["--console-socket", console.path])
    wait_for(lambda: console.fd >= 0, what="the terminal")
    os.write(console.fd, b"typed\n")
    t.equal(console.results(), ["typed\n"], "input")


@case
def resizing_the_terminal_is_seen_inside(t):
    console = Console(t)
    c = t.container()
    c.process["terminal"] = True
    c.do("tty").create("--console-socket", console.path)
    wait_for(lambda: console.fd >= 0, what="the terminal")
    fcntl.ioctl(console.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 11, 22, 0, 0))
    c.start()
    tty = console.results()[0]
    t.equal((tty["rows"], tty["columns"]), (11, 22), "size")


@case
def the_terminal_belongs_to_the_user_of_the_process(t):
    console = Console(t)
    c = t.container()
    c.process["terminal"] = True
    c.process["user"] = {"uid": 1000, "gid": 1000}
    c.up("tty", "stat /dev/pts/0", "sleep 0.2", options=["--console-socket", console.path])
    stat = console.results()[1]
    t.equal(stat["uid"], 1000, "owner")


@case
def create_with_a_terminal_needs_a_console_socket(t):
    c = t.container().do("facts")
    c.process["terminal"] = True
    t.fails(c.create(check=False), "console")


@case
def a_console_socket_without_a_terminal_is_refused(t):
    console = Console(t)
    c = t.container().do("facts")
    if t.kind == "crun":
        t.skip("crun accepts it")
    t.fails(c.create("--console-socket", console.path, check=False), "console")


@case
def a_console_socket_that_is_not_there_is_refused(t):
    c = t.container().do("facts")
    c.process["terminal"] = True
    t.fails(c.create("--console-socket", "/no/such/console", check=False), "/no/such/console")


@case
def exec_can_have_a_terminal_on_a_console_socket(t):
    console = Console(t)
    c = t.container().up()
    done = c.exec_raw(PROBE, *operations(["tty", "sleep 0.2"]),
                      options=["--tty", "--detach", "--console-socket", console.path, "--pid-file",
                               os.path.join(t.dir, "pid")])
    t.equal(done.code, 0, f"exit status ({done.err})")
    tty = console.results()[0]
    t.equal((tty["0"], tty["1"], tty["2"]), (1, 1, 1), "terminals")


def in_terminal(command, rows=25, columns=60, send=b"", timeout=20):
    """Runs a command on a terminal of its own: (exit status, output)."""
    main, side = pty.openpty()
    fcntl.ioctl(main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    with subprocess.Popen(command, stdin=side, stdout=side, stderr=side, start_new_session=True) as child:
        os.close(side)
        text = b""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if select.select([main], [], [], 0.1)[0]:
                try:
                    got = os.read(main, 4096)
                except OSError:
                    break
                if not got:
                    break
                text += got
            if send and child.poll() is None and time.monotonic() > end - timeout + 1:
                os.write(main, send)
                send = b""
            if child.poll() is not None and not select.select([main], [], [], 0.1)[0]:
                break
        else:
            child.kill()
            raise Failure(f"no end within {timeout} s: {text!r}")
        os.close(main)
        return child.wait(), text.decode(errors="replace")


def results_of(text):
    text = text.replace("typed\r\n", "")  # the terminal's echo
    try:
        return json.loads(text[text.index("["):text.rindex("]") + 1])
    except ValueError as error:
        raise Failure(f"no results in {text!r}") from error


@case
def run_in_the_foreground_relays_the_terminal(t):
    c = t.container().do("tty", "read-fd 0")
    c.process["terminal"] = True
    c.write()
    code, text = in_terminal([t.runtime.path, "--root", t.runtime.root, "run", "--bundle", c.dir, c.id],
                             send=b"typed\n")
    results = results_of(text)
    t.equal(code, 0, f"exit status ({text!r})")
    t.equal((results[0]["0"], results[0]["1"], results[1]), (1, 1, "typed\n"), "terminal and input")
    t.equal((results[0]["rows"], results[0]["columns"]), (25, 60), "size")


@case
def exec_in_the_foreground_relays_the_terminal(t):
    c = t.container().up()
    code, text = in_terminal([t.runtime.path, "--root", t.runtime.root, "exec", "--tty", c.id, PROBE,
                              *operations(["tty", "exit 5"])])
    t.equal(code, 5, f"exit status ({text!r})")
    t.equal(results_of(text)[0]["0"], 1, "terminal")


@case
def without_a_terminal_the_streams_are_the_callers(t):
    tty, facts = t.container().run("tty", "facts")
    t.equal((tty["0"], tty["1"], tty["2"]), (0, 0, 0), "terminals")
    t.true(facts["fds"]["1"].startswith("pipe:"), f"standard output {facts['fds']['1']}")
