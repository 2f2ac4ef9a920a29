#!/usr/bin/python3
"""Where the time of `strata run --isolation vm IMAGE true` goes.

First the whole command's wall time, then runs whose workload prints the kernel's log: process starts and ends are strace's
(only those system calls stop, by seccomp), the guest's instants the kernel's own, tied to the host's clock by a line that the
workload writes to both. Images and kernel come by `strata image bootstrap` into a store below the build.
"""
import os
import re
import subprocess
import sys
import tempfile
import time

import lab

# The guest's instants, by what the kernel says then.
KERNEL = (
    ("kernel: memory, interrupts, timers", r"Freeing SMP alternatives"),
    ("kernel: core services, PCI, ACPI", r"Switched to clocksource kvm-clock"),
    ("kernel: network protocols, initrd unpacked", r"Freeing initrd memory"),
    ("kernel: block layer, serial line, RTC", r"NET: Registered PF_INET6"),
    ("kernel: IPv6, certificates, integrity", r"evm: HMAC attrs"),
    ("kernel: self-tests of ciphers, late initialisation", r"Freeing unused decrypted"),
    ("kernel: memory made read-only", r"Run /init as init process"),
    ("init: modules", r"Registered PF_VSOCK"),
    ("init: connects, network, root", r"erofs: .* mounted"),
    ("init: overlay, workload started", r"WORKLOAD"),
)
WORKLOAD = "echo WORKLOAD >/dev/kmsg; echo now; dmesg; echo end"


class Store:
    def __init__(self, options, run_folder):
        self.program = os.path.join(os.path.abspath(options.build), "strata")
        self.core = str(options.core)
        data = os.path.join(os.path.abspath(options.build), "bench/data")
        self.env = dict(os.environ, STRATA_DATA=data, STRATA_RUN=run_folder)
        for image in ("busybox", "kernel"):
            subprocess.run([self.program, "image", "bootstrap", image], env=self.env, check=True, stdout=subprocess.DEVNULL)

    def command(self, *words):
        return ["taskset", "-c", self.core, self.program, "run", "--rm", "--isolation", "vm", *words]

    def whole(self):
        begun = time.monotonic()
        subprocess.run(self.command("busybox", "true"), env=self.env, check=True)
        return (time.monotonic() - begun) * 1000

    def traced(self, folder):
        """name of a stage -> ms, in order"""
        trace = os.path.join(folder, "trace")
        command = ["strace", "-f", "--seccomp-bpf", "-ttt", "-e", "trace=execve,clone,exit_group", "-o", trace,
                   *self.command("--cap-add", "SYSLOG", "busybox", "sh", "-c", WORKLOAD)]
        process = subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        log, now = [], {}
        for line in process.stdout:
            if line.strip() in ("now", "end"):
                now[line.strip()] = time.time()
            log.append(line)
        if process.wait() != 0:
            raise RuntimeError("the traced run failed")
        with open(trace) as file:
            return stages(file.read(), "".join(log), now)


def instant(trace, pattern):
    return float(re.search(rf"^\d+ +(\d+\.\d+) {pattern}", trace, re.M)[1])


def stages(trace, log, now):
    start = instant(trace, r'execve\(".*/strata"')
    machine = instant(trace, r'execve\(".*/strata-vm"')
    pid = re.search(r'^(\d+) +\S+ execve\(".*/strata-vm"', trace, re.M)[1]
    threads = [float(t) for t in re.findall(rf"^{pid} +(\S+) clone\(", trace, re.M)]
    machine_end = float(re.findall(rf"^{pid} +(\S+) exit_group", trace, re.M)[-1])
    end = float(re.findall(r"^\d+ +(\S+) exit_group", trace, re.M)[-1])
    marks = [("strata: options, store, configuration", instant(trace, r'execve\(".*/strata-monitor"')),
             ("monitor: files, control socket", machine),
             ("strata-vm: RAM, devices, jail, kernel and initrd into RAM", threads[0])]

    def said(pattern):
        return float(re.search(rf"\[ *(\d+\.\d+)\] .*{pattern}", log)[1])
    zero = now["now"] - said("WORKLOAD")
    marks += [("guest: the kernel decompresses itself", zero)]
    marks += [(name, zero + said(pattern)) for name, pattern in KERNEL]
    marks += [("workload (here: the log's output)", now["end"]), ("power-off, strata-vm ends", machine_end),
              ("monitor and strata end", end)]
    result, last = {}, start
    for name, at in marks:
        result[name] = (at - last) * 1000
        last = at
    return result


def main():
    options = lab.arguments(__doc__, 5).parse_args()
    with tempfile.TemporaryDirectory(prefix="strata-isolation.") as folder:
        store = Store(options, os.path.join(folder, "run"))
        store.whole()
        whole, traced = [], []
        for _ in range(options.runs):
            whole.append(store.whole())
            traced.append(store.traced(folder))
    lab.table(("strata run --isolation vm busybox true", "ms", "spread"),
              *((name, f"{lab.median([t[name] for t in traced]):.0f}",
                 f"{lab.spread([max(t[name], 0.1) for t in traced]):.1f}") for name in traced[0]),
              ("the whole command, not traced", f"{lab.median(whole):.0f}", f"{lab.spread(whole):.1f}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
