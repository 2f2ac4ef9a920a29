#!/usr/bin/python3
"""A guest that attacks its devices (guest/hostile): strata-vm obeys its control socket all the same, and other machines do not
notice."""
import os
import subprocess
import time

from control_test import Control
from vmm_lab import BUILD, PROGRAM, Machine, check, main, skip

GUEST = os.path.join(BUILD, "guest/hostile.elf")
ENDLESS = {"r": "a ring that another CPU refills", "k": "notifications", "l": "queues broken and reset", "i": "interrupts",
           "m": "memory", "e": "entropy"}
PROMPT_S = 10


def hostile(lab, letter, *options):
    """A machine that does so, and its control socket's path."""
    disk, control = lab.path(f"disk-{letter}"), lab.path(f"control-{letter}")
    with open(disk, "wb") as file:
        file.truncate(8 << 20)
    machine = Machine([PROGRAM, "--accel", "software", "--kernel", GUEST, "--memory", "64m", "--cpus", "2", "--disk", disk,
                       "--net", "user", "--control", control, "--test-devices", "--name", f"hostile-{letter}", *options])
    machine.wait_for("READY")
    machine.type(letter)
    return machine, control


def attacks_that_end_leave_devices_that_work(lab):
    machine, _ = hostile(lab, "a")
    with machine:
        machine.wait_for("DONE")
        check(machine.process.wait(30) == 1, machine.process.returncode)


def obeys(path, what):
    """Every command is answered promptly, and ends the machine at last."""
    control = Control(path)
    for command in ("status", "metrics", "pause", "metrics", "resume", "power-button", "nmi", "pause", "reset", "resume", "log"):
        started = time.monotonic()
        check("result" in control.ask(command), what, command)
        check(time.monotonic() - started < PROMPT_S, what, command, "took", time.monotonic() - started)
    control.ask("quit")


def commands_get_through(lab):
    for letter, what in ENDLESS.items():
        machine, path = hostile(lab, letter)
        with machine:
            machine.wait_for("ENDLESS")
            time.sleep(0.5)
            obeys(path, what)
            check(machine.process.wait(PROMPT_S) == 104, what, machine.process.returncode)


def triple_faults_without_end(lab):
    machine, path = hostile(lab, "t", "--on-crash", "restart")
    with machine:
        for boots in range(2, 6):
            while machine.text.count("READY") < boots:
                machine.read(1)
            machine.type("t")
        control = Control(path)
        check(control.ask("status")["result"]["resets"] >= 4, "resets")
        control.ask("quit")
        check(machine.process.wait(PROMPT_S) == 104, machine.process.returncode)


def others_do_not_notice(lab):
    """A guest that ticks goes on beside all of them at once, and its disk stays its own."""
    with lab.start("ticks", "--memory", "256m") as good:
        good.wait_for("TICK 2")
        machines = [hostile(lab, letter) for letter in ENDLESS]
        try:
            for machine, _ in machines:
                machine.wait_for("ENDLESS")
            before, end = good.text.count("TICK"), time.monotonic() + 10
            while time.monotonic() < end:
                good.read(0.2)
            check(good.text.count("TICK") - before >= 5, "it stands still:", good.text[-300:])
            for machine, _ in machines:
                check(machine.process.poll() is None, "a hostile machine ended")
            for _, path in machines:
                Control(path).ask("quit")
        finally:
            for machine, _ in machines:
                try:
                    machine.process.wait(PROMPT_S)
                except subprocess.TimeoutExpired:
                    machine.process.kill()
                    raise


if not os.path.exists(GUEST):
    skip("no hostile guest was built")
main([attacks_that_end_leave_devices_that_work, commands_get_through, triple_faults_without_end, others_do_not_notice])
