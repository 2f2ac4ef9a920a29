"""What the measurements of virtual machines share: a small guest, ways to run it under a VMM, CPU time, and tables.

The guest is one initramfs of busybox, ubench and smp, made below the build. The word do=VERB on the kernel's command line
says what it is for: off (one line, then it switches off: the boot), fixed (ubench's rows, a fixed number of calls), idle
(one line, then nothing), serve (runs each command that comes on the serial line).
"""
import argparse
import functools
import math
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TREE, "tests/vm"))
from vm_image import Image  # noqa: E402
from vm_kernel import fetch_kernel  # noqa: E402

INIT = b"""#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
exec >/dev/console 2>&1 </dev/console
for word in $(/bin/busybox cat /proc/cmdline); do case $word in do=*) verb=${word#do=};; rows=*) rows=${word#rows=};; esac; done
echo "BENCH-START"
case $verb in
fixed) /bin/busybox mount -t tmpfs tmp /tmp; /bin/busybox mount -t devtmpfs dev /dev
  /bin/ubench -f $(echo $rows | /bin/busybox tr , ' '); echo "BENCH-END"; /bin/busybox usleep 100000;;
idle) /bin/busybox sleep 1000000;;
serve) /bin/busybox stty -echo; echo "READY"; while read line; do $line; done;;
esac
/bin/busybox poweroff -f
"""


def arguments(text, runs):
    """The parser that all of them begin with."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(TREE, "out/release"), help="where strata-vm was built")
    parser.add_argument("--kernel", default=os.environ.get("BENCH_KERNEL"),
                        help="a bzImage; without it Debian's cloud kernel is unpacked below the build")
    parser.add_argument("--runs", type=int, default=runs)
    parser.add_argument("--core", type=int, default=os.cpu_count() - 1, help="the core that what is measured is pinned to")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a time limit leaves no machine behind
    return parser


def kernel(options):
    return options.kernel or fetch_kernel(os.path.join(os.path.abspath(options.build), "vm"))[0]


def guest_program(build, name):
    """A static program of src/, compiled below the build when its source is newer."""
    folder = os.path.join(build, "bench")
    os.makedirs(folder, exist_ok=True)
    to, sources = os.path.join(folder, name), [os.path.join(HERE, "src", f) for f in (f"{name}.c", "ubench_calls.def")]
    if not os.path.exists(to) or os.path.getmtime(to) < max(map(os.path.getmtime, sources)):
        subprocess.run(["gcc", "-O2", "-w", "-static", "-pthread", "-o", to, sources[0], "-lm"], check=True)
    return to


def initrd(options):
    return make_initrd(options.build)


@functools.cache
def make_initrd(build):
    """The guest, made anew once for each program: under a new name first, since a machine may have the old one mapped."""
    image = Image()
    image.program(shutil.which("busybox"), "/bin/busybox")
    for name in ("ubench", "smp"):
        image.program(guest_program(build, name), f"/bin/{name}")
    image.bytes("/init", INIT, 0o755)
    image.device("/dev/console", 0o600, 5, 1)
    image.device("/dev/null", 0o666, 1, 3)
    image.device("/dev/zero", 0o666, 1, 5)
    for folder in ("proc", "tmp"):
        image.folder(folder)
    to = os.path.join(build, "bench/initrd")
    image.write(to + ".new")
    os.rename(to + ".new", to)
    return to


def strata(options, append, *more, memory="512m", cpus=1):
    return [os.path.join(options.build, "strata-vm"), "--accel", "software", "--memory", memory, "--cpus", str(cpus),
            "--kernel", kernel(options), "--initrd", initrd(options), "--append", f"console=ttyS0 quiet {append}", *more]


def qemu(options, append, *more, memory="512", cpus=1):
    return ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", memory, "-smp", str(cpus),
            "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot", "-kernel", kernel(options),
            "-initrd", initrd(options), "-append", f"console=ttyS0 quiet {append}", *more]


def cpu_seconds(pid):
    """User and system time of all live threads of a process."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                total += int(file.read().split()[0])
        except OSError:
            continue
    return total / 1e9


class Machine:
    """A VMM that runs, pinned to cores. The guest's serial line is its standard input and output; or the file `serial`, and
    those are `terminal`."""

    def __init__(self, command, cores, serial=None, terminal=subprocess.PIPE):
        self.begun = time.monotonic()
        self.process = subprocess.Popen(["taskset", "-c", str(cores)] + command, stdin=terminal, stdout=terminal)
        self.serial = serial or self.process.stdout.fileno()
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()

    def line(self, seconds=600):
        """The next line, without its end; None when there are no more."""
        end = time.monotonic() + seconds
        while b"\n" not in self.rest:
            if not select.select([self.serial], [], [], 1)[0]:
                if self.process.poll() is not None:
                    return None
                if time.monotonic() > end:
                    raise TimeoutError(f"nothing on the serial line for {seconds} s: {self.rest[-500:]!r}")
                continue
            got = os.read(self.serial, 65536)
            if not got:
                return None
            self.rest += got
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode(errors="replace").strip()

    def wait_for(self, text, seconds=600):
        """The line that begins so, and the seconds since the VMM was started."""
        while True:
            line = self.line(seconds)
            if line is None:
                raise EOFError(f"the machine ended before it said {text}")
            if line.startswith(text):
                return line, time.monotonic() - self.begun

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def cpu(self):
        return cpu_seconds(self.process.pid)

    def stopped(self, look):
        """look(pid), while the process stands still."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            return look(self.process.pid)
        finally:
            os.kill(self.process.pid, signal.SIGCONT)


def mappings(pid):
    """name of a mapping -> (proportional, resident) KiB of all mappings of that name, of /proc/PID/smaps; anonymous ones by
    their size"""
    sizes, name = {}, ""
    with open(f"/proc/{pid}/smaps") as file:
        for line in file:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \S+ *(.*)", line)
            if head:
                mib = (int(head[2], 16) - int(head[1], 16)) / 2**20
                name = head[3] or (f"anonymous, {mib:.1f} MiB mapped" if mib > 0.5 else "anonymous, small")
            elif line.startswith(("Pss:", "Rss:")):
                pss, rss = sizes.get(name, (0, 0))
                amount = int(line.split()[1])
                sizes[name] = (pss + amount, rss) if line[0] == "P" else (pss, rss + amount)
    return sizes


def median(values):
    return sorted(values)[len(values) // 2]


def spread(values):
    return max(values) / max(min(values), 1e-12)


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def table(head, *rows):
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print(flush=True)


def verdict(text, good):
    print(f"{text}: {'held' if good else 'MISSED'}\n", flush=True)
    return 0 if good else 1
