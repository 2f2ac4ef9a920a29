#!/usr/bin/python3
"""The control socket of strata-vm: what docs/vm.md says, and what it does with nonsense."""
import json
import socket
import time

from vmm_lab import check, main


class Control:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        end = time.monotonic() + 20
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        self.rest = b""
        self.greeting = self.line()

    def line(self):
        while b"\n" not in self.rest:
            got = self.socket.recv(65536)
            if not got:
                raise AssertionError("the control socket was closed")
            self.rest += got
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)

    def ask(self, command, number=1):
        self.socket.sendall(json.dumps({"id": number, "command": command}).encode() + b"\n")
        answer = self.line()
        check(answer["id"] == number, answer)
        return answer


def ticks(machine, seconds):
    """How many more lines the guest writes in this time."""
    before = machine.text.count("TICK")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        machine.read(0.1)
    return machine.text.count("TICK") - before


def status_pause_resume_metrics_and_quit(lab):
    path = lab.path("control")
    with lab.start("ticks", "--control", path, "--name", "tester") as machine:
        control = Control(path)
        check(control.greeting["protocol"] == 1, control.greeting)
        machine.wait_for("TICK 3")
        status = control.ask("status")["result"]
        check(status["name"] == "tester" and status["state"] == "running" and status["cpus"] == 1, status)
        check(status["accel"] == "software" and status["memory"] == 512 << 20, status)
        check("result" in control.ask("pause", 7), "pause")
        ticks(machine, 0.5)
        check(ticks(machine, 1) == 0, "it ticks while it is paused")
        first, second = control.ask("status")["result"], control.ask("status")["result"]
        check(first["state"] == "paused" and first["uptime_ns"] == second["uptime_ns"], first, second)
        check("result" in control.ask("resume"), "resume")
        check(ticks(machine, 3) > 0, "it does not go on")
        metrics = control.ask("metrics")["result"]
        check(metrics["vcpus"][0]["instructions"] > 1000000 and metrics["memory_used"] > 1 << 20, metrics)
        check(isinstance(control.ask("log")["result"], str), "log")
        control.ask("quit")
        check(control.line() == {"event": "ended", "reason": "quit"}, "the end")
        check(machine.process.wait(30) == 104, machine.process.returncode)


def devices_are_counted(lab):
    path, disk = lab.path("control"), lab.path("disk")
    with open(disk, "wb") as file:
        file.truncate(8 << 20)
    with lab.start("sh", "--control", path, "--disk", disk, "--net", "user") as machine:
        control = Control(path)
        machine.wait_for("INIT sh")
        for line in ("b=/bin/busybox", "$b dd if=/dev/vda of=/dev/null bs=1M count=4",
                     "$b dd if=/dev/zero of=/dev/vda bs=1M count=2 conv=fsync",
                     "$b ip link set eth0 up; $b ip addr add 10.0.2.15/24 dev eth0",
                     "$b ping -c 2 10.0.2.2; echo ALL\"\"DONE"):
            machine.type(line + "\n")
        machine.wait_for("ALLDONE")
        disk, net, entropy = control.ask("metrics")["result"]["devices"]
        check(disk["kind"] == "disk" and disk["read_bytes"] >= 4 << 20 and disk["written_bytes"] >= 2 << 20, disk)
        check(disk["reads"] > 0 and disk["writes"] > 0 and disk["flushes"] > 0 and disk["errors"] == 0, disk)
        check(disk["notifications"] > 0 and disk["interrupts"] > 0, disk)
        check(net["kind"] == "net" and net["sent"] >= 3 and net["received"] >= 3, net)
        check(net["sent_bytes"] >= 2 * 98 and net["received_bytes"] >= 2 * 98, net)
        check(entropy["kind"] == "entropy", entropy)
        control.ask("quit")


def reset_boots_again(lab):
    path = lab.path("control")
    with lab.start("ticks", "--control", path) as machine:
        machine.wait_for("TICK 2")
        control = Control(path)
        control.ask("reset")
        machine.text = ""
        machine.wait_for("INIT ticks")
        check(control.ask("status")["result"]["resets"] == 1, "resets")


def a_client_can_be_the_console(lab):
    path = lab.path("control")
    with lab.start("echo", "--control", path, "--serial", "none") as machine:
        control = Control(path)
        control.ask("console")
        end, text = time.monotonic() + 60, b""
        while b"INIT echo" not in text and time.monotonic() < end:
            text += control.socket.recv(4096)
        control.socket.sendall(b"through the socket\nend\n")
        while b"ECHO through the socket" not in text and time.monotonic() < end:
            text += control.socket.recv(4096)
        check(b"ECHO through the socket" in text, text[-500:])
        check(machine.process.wait(30) == 0, machine.process.returncode)


def nonsense_is_refused_and_harms_nobody(lab):
    path = lab.path("control")
    with lab.start("ticks", "--control", path) as machine:
        control = Control(path)
        for line in (b"\n", b"nonsense\n", b"{}\n", b"[1,2]\n", b'{"command":"fly"}\n', b'{"command":7,"id":-1}\n'):
            control.socket.sendall(line)
            check("error" in control.line(), line)
        others = [Control(path) for _ in range(15)]
        others[0].socket.sendall(b"x" * 5000)
        try:
            check(others[0].socket.recv(100) == b"", "a line without end is read for ever")
        except ConnectionResetError:
            pass
        for other in others[1:]:
            other.socket.close()
        check(control.ask("status")["result"]["state"] == "running", "status")
        machine.wait_for("TICK")


if __name__ == "__main__":
    main([status_pause_resume_metrics_and_quit, devices_are_counted, reset_boots_again, a_client_can_be_the_console,
          nonsense_is_refused_and_harms_nobody])
