#!/usr/bin/python3
"""strata vm: machines as instances, several at once. Needs root, as all of strata does."""
import json
import os
import subprocess
import time

from vmm_lab import BUILD, check, main, skip

STRATA = os.path.join(BUILD, "strata")


class Engine:
    def __init__(self, lab):
        self.lab = lab
        self.env = {**os.environ, "STRATA_DATA": lab.path("data"), "STRATA_RUN": lab.path("run")}

    def run(self, *words, code=0, timeout=120):
        done = subprocess.run([STRATA, *words], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout)
        check(done.returncode == code, words, done.returncode, done.stdout[-1000:], done.stderr)
        return done.stdout

    def machine(self, verb, *options):
        return ["--accel", "software", "--memory", "256m", "--net", "none", "--kernel", self.lab.kernel, "--initrd",
                self.lab.initrd, "--append", f"console=ttyS0 quiet panic=-1 do={verb}", *options]

    def wait_for(self, name, text, seconds=120):
        end = time.monotonic() + seconds
        while text not in self.run("logs", name):
            check(time.monotonic() < end, "no", text, "in the log of", name)
            time.sleep(0.2)

    def ticks(self, name):
        return self.run("logs", name).count("TICK")


def run_ends_with_the_guest(lab):
    engine = Engine(lab)
    out = engine.run("vm", "run", "--rm", *engine.machine("off"))
    check("INIT ends" in out, out)
    engine.run("vm", "run", "--rm", *engine.machine("panic"), code=101)
    check(engine.run("vm", "ls", "-a").count("\n") == 1, "something is left")


def a_machine_lives_as_an_instance(lab):
    engine = Engine(lab)
    engine.run("vm", "create", "--name", "one", *engine.machine("ticks"))
    check("Created" in engine.run("vm", "ls", "-a"), "ls")
    engine.run("vm", "start", "one")
    engine.wait_for("one", "TICK 3")
    check("one" in engine.run("ps") and "Up" in engine.run("vm", "ls"), "ps")
    facts = json.loads(engine.run("vm", "inspect", "one"))[0]
    check(facts["State"]["Status"] == "running" and facts["Path"] == "strata-vm", facts)
    check(facts["Metrics"]["vcpus"][0]["instructions"] > 1000000 and facts["Metrics"]["devices"], facts)
    engine.run("vm", "pause", "one")
    time.sleep(0.5)
    before = engine.ticks("one")
    time.sleep(1)
    check(engine.ticks("one") == before and "Paused" in engine.run("vm", "ls"), "it is not paused")
    engine.run("vm", "resume", "one")
    time.sleep(3)
    check(engine.ticks("one") > before, "it does not go on")
    boots = engine.run("logs", "one").count("INIT ticks")
    engine.run("vm", "reboot", "one")
    end = time.monotonic() + 120
    while engine.run("logs", "one").count("INIT ticks") == boots:
        check(time.monotonic() < end, "no second boot")
        time.sleep(0.2)
    engine.run("exec", "one", "true", code=126)
    engine.run("cp", "one:/etc/hostname", "-", code=1)
    engine.run("create", "--network", "container:one", "nothing", code=125)
    engine.run("vm", "kill", "one")
    check(engine.run("wait", "one").strip() == "137", "wait")
    engine.run("vm", "rm", "one")
    check(engine.run("vm", "ls", "-a").count("\n") == 1, "something is left")


def what_one_guest_does_harms_no_other(lab):
    engine = Engine(lab)
    for name, verb in (("good", "ticks"), ("panics", "panic"), ("spins", "spin"), ("eats", "eat")):
        engine.run("vm", "run", "-d", "--name", name, *engine.machine(verb))
    engine.wait_for("good", "TICK 1")
    engine.wait_for("spins", "INIT spin")
    engine.wait_for("eats", "INIT eat")
    check(engine.run("wait", "panics").strip() == "101", "panics")
    before = engine.ticks("good")
    time.sleep(5)
    check(engine.ticks("good") > before, "the good one stands still")
    for name in ("good", "panics", "spins", "eats"):
        engine.run("vm", "rm", "-f", name)


if os.geteuid() != 0:
    skip("not root")
if not os.path.exists(STRATA):
    skip("no strata was built")
main([run_ends_with_the_guest, a_machine_lives_as_an_instance, what_one_guest_does_harms_no_other])
