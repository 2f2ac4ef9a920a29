"""Every call of src/os that a network command makes is made to fail once: the command says so, ends in order, and what it
left is cleaned by the next one."""
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from net_lab import TOOL, Namespace, in_lab, run, skip  # noqa: E402  pylint: disable=wrong-import-position

PLAN = struct.Struct("IIII48s")
EIO, ENOMEM = 5, 12


class Plan:
    def __init__(self, path):
        self.path = path

    def run(self, fail_at, errno, words):
        with open(self.path, "wb") as f:
            f.write(PLAN.pack(0, fail_at, errno, 0, b""))
        done = subprocess.run(words, env={**os.environ, "STRATA_FAULT_PLAN": self.path}, capture_output=True, text=True,
                              timeout=30, check=False)
        with open(self.path, "rb") as f:
            calls, _, _, failed, name = PLAN.unpack(f.read())
        return done, calls, bool(failed), name.rstrip(b"\0").decode()


def each_call_may_fail(lab):
    run("nft", "-f", "-", text="table inet filter { chain forward { type filter hook forward priority 0; policy drop; }\n}")
    keeper = lab.attach("keeper", "7000:70")
    space = Namespace()
    plan = Plan(os.path.dirname(lab.folder) + "/plan")

    def clean(what):
        lab.tool("collect", "keeper")
        left = [x for x in lab.leftovers() if x.startswith("strata-")]
        assert len(left) == 1, (what, left)
        assert sorted(os.listdir(lab.folder + "/ports")) == ["tcp-7000"], (what, os.listdir(lab.folder + "/ports"))
        assert os.listdir(lab.folder + "/addresses") == [keeper.address], what
        assert lab.rules().count("comment") == 2, what

    attach = [TOOL, lab.folder, "attach", "x", space.path, "-p", "8000:80", "-p", "81/udp"]
    detach = [TOOL, lab.folder, "detach", "x"]
    collect = [TOOL, lab.folder, "collect", "keeper"]
    for errno in (EIO, ENOMEM):
        for words, before in ((attach, None), (detach, attach), (collect, attach)):
            number = 0
            while True:
                number += 1
                if before:
                    done = subprocess.run(before, capture_output=True, text=True, check=False)
                    assert done.returncode == 0, done.stderr
                if words is attach:  # from nothing that is known, every third time
                    if number % 3 == 0:
                        run("nft", "add", "table", "ip", "other")
                        run("nft", "delete", "table", "ip", "other")
                done, _, failed, name = plan.run(number, errno, words)
                what = (words[2], number, name, done.returncode, done.stderr)
                assert done.returncode in (0, 1), what
                assert done.returncode == 0 or "error: " in done.stderr, what
                clean(what)
                if not failed:
                    break
    space.stop()


if run(TOOL, "/nowhere", "list", ok=False).returncode not in (0, 1):
    skip("net_tool does not run")
PROBE = Plan("/tmp/strata-net-plan-%d" % os.getpid())
COUNTED = PROBE.run(0, 0, [TOOL, "/nowhere", "list"])[1]
os.unlink(PROBE.path)
if COUNTED == 0:
    skip("needs a build with -Dfault_injection=true")
in_lab([each_call_may_fail])
