#!/usr/bin/env python3
"""Makes each call of src/os fail, one after another, in every command: no crash, no hang, an error in one line, and
nothing left that the next command does not clean. Or kills a process of every command at random instants.

Usage: torture.py BUILD [--program strata-oci|strata] [--case NAME]... [--call N]... [--every N] [--turn N]
                  [--budget SECONDS] [--list]
       torture.py BUILD --kill COUNT [--seed N] [--program ...] [--case NAME]...

With --kill (any build) each try runs one command and kills with SIGKILL, at a random instant of it, the command or one
of the strata, strata-oci and strata-monitor processes that it started; a user's next command must clean what is left.
Without, BUILD is configured with -Dfault_injection=true (./bootstrap build torture). A command is run once to count its calls,
which all processes of its family number together, then once for each number with that call failing (src/os/fault.h).
Numbers are chosen with --call, or every N-th is tried with --every; with a budget, numbers are drawn evenly so that the time suffices; another
--turn gives each call another errno. Every command that --help tells of must have a case. Needs root: it runs in a
network, a mount and a process namespace of its own.
Prints one line per finding and one per case; exit status 1 if anything was found, 77 if it cannot run.
"""
import argparse
import errno
import os
import pty
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torture_cases  # noqa: E402

PLAN = struct.Struct("=IIII48s")
ERRNOS = (errno.EIO, errno.ENOMEM, errno.EACCES, errno.ENOSPC, errno.EMFILE)
TIME_LIMIT = 30
ID_LENGTH = 64  # of an instance, which its cgroup is called by


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(77)


def own_namespaces():
    """Network, mounts and processes of our own; process 1 only reaps, as the machine's does."""
    if not os.environ.get("STRATA_TORTURE_INSIDE"):
        os.environ["STRATA_TORTURE_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--propagation", "private",
                              sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
    child = os.fork()
    while child:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xff)


class Plan:
    """The file that tells the processes of a family which call must fail."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "plan")

    def write(self, fail_at, error):
        with open(self.path, "wb") as file:
            file.write(PLAN.pack(0, fail_at, error, 0, b""))

    def read(self):
        calls, _, _, failed, name = PLAN.unpack(open(self.path, "rb").read())
        return calls, failed, name.split(b"\0")[0].decode()


def family():
    """Names of all processes of our namespace but process 1 and ourselves."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            head, tail = open(f"/proc/{pid}/stat").read().rsplit(")", 1)
        except OSError:
            continue
        if tail.split()[0] != "Z" and int(pid) not in (1, os.getpid()):
            found[int(pid)] = head.split("(", 1)[1]
    return found


def is_dead_instance(folder):
    """A cgroup that an instance of anybody's left: others that run meanwhile have processes."""
    try:
        return len(os.path.basename(folder)) == ID_LENGTH and not open(os.path.join(folder, "cgroup.procs")).read()
    except OSError:
        return False


def what_is_there(tag):
    """Mounts and cgroups that a container of ours could have left."""
    things = {line.split()[4] for line in open("/proc/self/mountinfo") if tag in line}
    for folder, subs, _ in os.walk("/sys/fs/cgroup"):
        for sub in (os.path.join(folder, sub) for sub in subs):
            if tag in sub or (os.path.basename(folder) == "strata" and is_dead_instance(sub)):
                things.add(sub)
    return things


def net_is_there():
    """Links and rules of our network namespace."""
    out = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True).stdout
    things = {"link " + line.split(":")[1].strip().split("@")[0] for line in out.splitlines()}
    if shutil.which("nft"):
        rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True).stdout
        things.update("rule " + line.strip() for line in rules.splitlines() if len(line.strip()) > 1)
    return things


class Torturer:
    def __init__(self, work, turn):
        self.work, self.turn, self.plan = work, turn, Plan(work)
        self.bad = []

    def find(self, case, number, text):
        self.bad.append(f"{case.name}: call {number}: {text}")
        print(self.bad[-1], flush=True)

    def run(self, case, fail_at, error):
        self.plan.write(fail_at, error)
        env = {**case.env, "STRATA_FAULT_PLAN": self.plan.path}
        paths = [os.path.join(self.work, name) for name in ("output", "messages")]
        with open(paths[0], "wb") as out, open(paths[1], "wb") as messages:
            ends = pty.openpty() if case.tty else ()
            process = subprocess.Popen(case.command, cwd=case.folder, env=env, stdin=ends[1] if ends else subprocess.DEVNULL,
                                       stdout=ends[1] if ends else out, stderr=messages, start_new_session=True)
            try:
                status = process.wait(TIME_LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                status = None
            for end in ends:
                os.close(end)
        case.output = open(paths[0], errors="replace").read()
        messages = open(paths[1], errors="replace").read()
        return status, messages + case.output if status and case.says_on_output else messages

    def judge(self, case, number, status, text):
        calls, failed, name = self.plan.read()
        what = f"{name or '?'} failing: "
        lines = [line for line in text.splitlines() if line.strip()]
        if status is None:
            self.find(case, number, what + "hangs")
        elif status < 0 or status in (132, 134, 135, 136, 139) or "Sanitizer" in text:
            self.find(case, number, what + f"crashes ({status}): {text.strip()[-200:]}")
        elif status > 0 and failed and not lines and not case.silent:
            self.find(case, number, what + f"status {status} without a word")
        elif status > 0 and len(lines) > case.max_lines:
            self.find(case, number, what + f"{len(lines)} lines: {text.strip()[:300]}")
        else:
            wrong = case.wrong(status)
            if wrong:
                self.find(case, number, f"{what}{wrong}; it said: {text.strip()[:300]}")

    def settle(self, case, number, what):
        """Cleans up as a user would, and looks at what is still there."""
        case.clean()
        end = time.monotonic() + 5
        while True:
            left = self.everything(case) - case.before
            if not left or time.monotonic() > end:
                break
            time.sleep(0.02)
        if left:
            self.find(case, number, f"{what}: leaves {', '.join(sorted(left)[:4])}")
            for pid in family():
                os.kill(pid, signal.SIGKILL)
            case.clean()
            case.before = self.everything(case)

    @staticmethod
    def everything(case):
        return (what_is_there(case.tag) | {f"process {name}" for name in family().values()} | net_is_there() |
                set(case.left()))

    def start(self, case):
        """One good run, after which what is there counts as the machine's own. Returns its seconds."""
        case.prepare()
        began = time.monotonic()
        status, text = self.run(case, 0, 0)
        took = time.monotonic() - began
        wrong = case.wrong(status) if status == case.status else text.strip()[-300:]
        if wrong or status != case.status:
            self.find(case, 0, f"status {status} without any failure: {wrong}")
        case.clean()
        time.sleep(0.2)
        case.before = self.everything(case)
        for line in sorted(case.before):
            if line.startswith("process"):
                self.find(case, 0, f"a good run leaves {line}")
        return took

    def kill_one(self, case, number, took):
        case.prepare()
        self.plan.write(0, 0)
        moment = time.monotonic() + random.random() * took * 1.1
        process = subprocess.Popen(case.command, cwd=case.folder, env=case.env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(max(0.0, moment - time.monotonic()))
        victims = [pid for pid, name in family().items() if pid == process.pid or name.startswith("strata")]
        victim = random.choice(victims or [process.pid])
        name = family().get(victim, "?")
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            process.wait(TIME_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            self.find(case, number, f"{name} killed: the command hangs")
        self.settle(case, number, f"{name} killed")

    def torture(self, case, calls_wanted, every, seconds):
        self.start(case)
        calls = self.plan.read()[0]
        if calls == 0:
            self.find(case, 0, "no call counted: is this a build with -Dfault_injection=true?")
            return
        numbers, began = calls_wanted or list(range(1, calls + 1, every)), time.monotonic()
        if seconds:
            random.shuffle(numbers)
        tried = ended_badly = 0
        for number in numbers:
            if seconds and time.monotonic() - began > seconds:
                break
            case.prepare()
            status, text = self.run(case, number, ERRNOS[(number + self.turn) % len(ERRNOS)])
            self.judge(case, number, status, text)
            self.settle(case, number, f"{self.plan.read()[2]} failing")
            tried += 1
            ended_badly += status != case.status
        print(f"{case.name}: {tried} of {calls} calls made to fail, {ended_badly} ended in an error", flush=True)


def kill_loop(torturer, cases, count, seed):
    seed = seed if seed is not None else random.randrange(1 << 30)
    random.seed(seed)
    print(f"seed {seed}", flush=True)
    took = {case: torturer.start(case) for case in cases}
    for case in cases:  # what they share (a bridge and its rules) exists by now
        case.before = torturer.everything(case)
    for number in range(1, count + 1):
        case = random.choice(cases)
        torturer.kill_one(case, number, took[case])
    print(f"{count} processes killed in {len(cases)} commands", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--program")
    parser.add_argument("--case", action="append", default=[])
    parser.add_argument("--call", type=int, action="append", default=[])
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--turn", type=int, default=0)
    parser.add_argument("--budget", type=int, default=0)
    parser.add_argument("--kill", type=int, default=0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    if os.geteuid() != 0:
        skip("needs root")
    if shutil.which("busybox") is None:
        skip("busybox is not installed")
    own_namespaces()
    work = tempfile.mkdtemp(prefix="strata-torture-", dir="/var/tmp")
    os.chmod(work, 0o755)  # root of a container's user namespace finds its way through it
    try:
        build = os.path.abspath(args.build)
        cases = [c for c in torture_cases.all_cases(build, work) if args.program in (None, c.program)]
        missing = [f"{verb}: there is no case of it" for verb in torture_cases.missing(build, cases)]
        cases = [c for c in cases if not args.case or c.name in args.case]
        if args.list:
            print("\n".join(c.name for c in cases))
            return
        if not cases:
            skip("no such case, or its program is not built")
        torturer = Torturer(work, args.turn)
        torturer.bad += missing
        for line in missing:
            print(line, flush=True)
        if args.kill:
            kill_loop(torturer, cases, args.kill, args.seed)
        else:
            for case in cases:  # what they share (a bridge and its rules) exists after this
                torturer.start(case)
            for case in cases:
                torturer.torture(case, args.call, args.every, args.budget / len(cases) if args.budget else 0)
        print(f"torture: {len(cases)} cases, {len(torturer.bad)} findings")
        sys.exit(1 if torturer.bad else 0)
    finally:
        for pid in family():
            os.kill(pid, signal.SIGKILL)
        subprocess.run(["rm", "-rf", "--one-file-system", work])


if __name__ == "__main__":
    main()
