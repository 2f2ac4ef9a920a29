"""kill -9 of strata, strata-oci and strata-monitor at random instants, while several users run, stop, enter and remove
instances; afterwards the next command must find, or clean, everything: no mount, process, cgroup, link, address, rule,
half-made instance, volume or image use may be left.

    torture_kill.py --build BUILD [--kills N] [--seed S]     100 kills by default; ends with "N passed, N failed, N skipped"
"""
import argparse
import ctypes
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

CLONE_NEWNET = 0x40000000
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(77)


class Lab:
    def __init__(self, build, seed):
        self.build = os.path.realpath(build)
        self.strata = os.path.join(self.build, "strata")
        self.work = tempfile.mkdtemp(prefix="strata-kill-")
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "STRATA_DATA": self.work + "/data", "STRATA_RUN": self.work + "/run"}
        self.random = random.Random(seed)
        self.stop = threading.Event()
        self.kills = 0
        self.killed = {}

    def run(self, *words, timeout=60):
        return subprocess.run([self.strata, *words], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout, check=False)

    # --- the users ---

    def user(self, number):
        """Lives until told to stop: a few names of its own, in every state."""
        choose = random.Random(number)
        names = [f"user{number}-{i}" for i in range(3)]
        while not self.stop.is_set():
            name = choose.choice(names)
            words = choose.choice((
                ("run", "--rm", "busybox", "true"),
                ("run", "--rm", "-v", f"vol{number}:/v", "busybox", "sh", "-c", "echo x >/v/x"),
                ("run", "-d", "--name", name, "-p", "80", "busybox", "sleep", "1000"),
                ("run", "-d", "--name", name, "--restart", "always", "busybox", "sleep", "0.05"),
                ("run", "-d", "--rm", "--name", name, "busybox", "sleep", "0.1"),
                ("create", "--name", name, "-v", "/anonymous", "busybox", "sleep", "1000"),
                ("start", name),
                ("exec", name, "true"),
                ("stop", "-t", "0", name),
                ("kill", name),
                ("pause", name),
                ("unpause", name),
                ("restart", "-t", "0", name),
                ("rename", name, choose.choice(names)),
                ("cp", "/bin/busybox", name + ":/tmp/b"),
                ("logs", name),
                ("rm", "-f", "-v", name),
                ("rm", "-f", name),
                ("ps", "-a"),
            ))
            try:
                self.run(*words, timeout=60)
            except subprocess.TimeoutExpired:
                print(f"hangs: {' '.join(words)}", flush=True)
                self.stop.set()
                self.killed["hang"] = 1

    # --- the killer ---

    def ours(self):
        """Processes of programs of this build that belong to this lab."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                exe = os.readlink(f"/proc/{pid}/exe")
                with open(f"/proc/{pid}/environ", "rb") as f:
                    environment = f.read()
            except OSError:
                continue
            program = os.path.basename(exe.removesuffix(" (deleted)").removeprefix("/memfd:"))
            if program.startswith("strata") and self.work.encode() in environment:
                found.append((int(pid), program))
        return found

    def kill_some(self, wanted):
        while self.kills < wanted and not self.stop.is_set():
            time.sleep(self.random.uniform(0.001, 0.06))
            targets = self.ours()
            if not targets:
                continue
            program = self.random.choice(sorted({p for _, p in targets}))
            pid = self.random.choice([pid for pid, p in targets if p == program])
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            self.kills += 1
            self.killed[program] = self.killed.get(program, 0) + 1

    # --- what is left ---

    def left(self):
        """Everything that should not be there after all instances are removed."""
        found = []
        for folder in ("data/instances", "run/instances", "run/names", "run/net/leases", "run/net/addresses", "run/net/ports"):
            path = os.path.join(self.work, folder)
            found += [f"{folder}/{name}" for name in (os.listdir(path) if os.path.isdir(path) else [])]
        found += [f"run/{n}" for n in os.listdir(self.work + "/run") if n.startswith(".")]
        found += [f"run/oci/{n}" for n in os.listdir(self.work + "/run/oci") if not n.startswith(("@", "."))]
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            found += [f"mount {line.split()[4]}" for line in f if self.work in line]
        for where, folders, _ in os.walk("/sys/fs/cgroup"):
            if os.path.basename(where) == "strata":
                found += [f"cgroup {where}/{n}" for n in folders if self.is_mine(n)]
                folders.clear()
        links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout.splitlines()
        found += [f"link {line.split(':')[1].strip()}" for line in links
                  if line.split(":")[1].strip() not in ("lo", "strata0")]
        rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=False).stdout
        found += [f"rule {line.strip()}" for line in rules.splitlines() if "dnat to" in line or "elements" in line]
        found += [f"process {pid} {program}" for pid, program in self.ours()]
        return found

    def is_mine(self, name):
        return name in self.ids

    def collect_ids(self):
        """Ids that were ever seen, from the log of names; other labs share the hierarchies."""
        self.ids = set()
        for where, folders, _ in os.walk("/sys/fs/cgroup"):
            if os.path.basename(where) == "strata":
                self.ids.update(f for f in folders if self.seen(f))
                folders.clear()

    def seen(self, name):
        return name in self.seen_ids

    def watch_ids(self):
        self.seen_ids = set()
        while not self.done.is_set():
            for folder in ("data/instances", "run/instances"):
                path = os.path.join(self.work, folder)
                for name in os.listdir(path) if os.path.isdir(path) else ():
                    self.seen_ids.add(name.removeprefix(".new-").removeprefix(".del-"))
            time.sleep(0.002)

    def settle(self):
        """What a user would do next: look, and remove everything."""
        for _ in range(3):
            names = self.run("ps", "-aq").stdout.split()
            if not names:
                break
            self.run("rm", "-f", "-v", *names)
        self.run("ps", "-a")
        end = time.monotonic() + 10
        while self.ours() and time.monotonic() < end:
            time.sleep(0.05)

    def close(self):
        for pid, _ in self.ours():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.work, ignore_errors=True)


def torture(lab, kills):
    if lab.run("image", "bootstrap", "busybox").returncode != 0:
        skip("no image can be made")
    lab.done = threading.Event()
    watcher = threading.Thread(target=lab.watch_ids)
    users = [threading.Thread(target=lab.user, args=(n,)) for n in range(4)]
    for thread in [watcher, *users]:
        thread.start()
    try:
        lab.kill_some(kills)
    finally:
        lab.stop.set()
        for user in users:
            user.join()
        lab.settle()
        lab.done.set()
        watcher.join()
    lab.collect_ids()
    left = lab.left()
    end = time.monotonic() + 10  # the kernel takes a network namespace, and the links in it, apart in its own time
    while left and time.monotonic() < end:
        time.sleep(0.2)
        left = lab.left()
    print(f"killed {lab.kills}: {lab.killed}, of {len(lab.seen_ids)} instances")
    for what in left:
        print(f"left: {what}")
    again = lab.run("run", "--rm", "busybox", "echo", "alive")
    if again.stdout != "alive\n":
        left.append("no new instance runs")
        print(f"afterwards: exit {again.returncode} {again.stdout}{again.stderr}")
    return not left and "hang" not in lab.killed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.environ.get("STRATA_BUILD", "out/dev"))
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    if os.geteuid() != 0:
        skip("instances need root")
    for program in ("ip", "nft"):
        if shutil.which(program) is None:
            skip(f"{program} is not installed")
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        skip("no network namespace can be made")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    seed = options.seed if options.seed is not None else random.randrange(1 << 31)
    print(f"seed {seed}", flush=True)
    lab = Lab(options.build, seed)
    try:
        good = torture(lab, options.kills)
    finally:
        lab.close()
    print(f"{int(good)} passed, {int(not good)} failed, 0 skipped")
    sys.exit(not good)


main()
