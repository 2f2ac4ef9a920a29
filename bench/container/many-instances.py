#!/usr/bin/env python3
"""Many detached containers under several docker-like command lines, one after another on the same machine.

  many-instances.py --image IMAGE [--count 100] [--network bridge] [--rounds 3] [--podman-options '...'] 'CLI ARGS'...
    e.g. many-instances.py --image busybox strata 'docker -H unix:///x.sock' podman

Each command line already has IMAGE. Per round: COUNT x `run -d`, one after another, then `rm -f` of all. Printed is the
best round's total, the mean, the medians of the first and of the last ten (does it slow down with many alive?), and the
memory of what is neither the workload nor short-lived: the proportional set size of the monitors or shims, and the growth
of the daemons, per container. Run it as root. --podman-options go to podman alone: as root without CAP_SYS_RESOURCE it
needs the default, '--ulimit nofile=1000:1000 --ulimit nproc=1000:1000'.
"""
import argparse
import os
import shlex
import statistics
import subprocess
import sys
import time

HELPERS = {"strata-monitor", "strata-init", "stratad", "dockerd", "containerd", "containerd-shim-runc-v2", "docker-proxy",
           "conmon"}


def pss_kib():
    """Proportional set size of all helper processes, by name."""
    total = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            name = os.path.basename(open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")[0].decode())
            if name in HELPERS:
                for line in open(f"/proc/{pid}/smaps_rollup"):
                    if line.startswith("Pss:"):
                        total[name] = total.get(name, 0) + int(line.split()[1])
        except (OSError, UnicodeDecodeError):
            continue
    return total


def call(words, quiet=True):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode and not quiet:
        sys.exit(f"failed ({done.returncode}): {' '.join(words)}\n{done.stderr.decode(errors='replace')}")


def one_round(cli, args, number):
    extra = shlex.split(args.podman_options) if "podman" in cli[0] else []
    names = [f"many-{os.getpid()}-{number}-{n}" for n in range(args.count)]
    before, times = pss_kib(), []
    for name in names:
        start = time.perf_counter()
        call([*cli, "run", *extra, "-d", "--name", name, "--network", args.network, args.image, "sleep", "100000"], False)
        times.append(time.perf_counter() - start)
    time.sleep(2)
    after = pss_kib()
    start = time.perf_counter()
    call([*cli, "rm", "-f", *names])
    removal = time.perf_counter() - start
    grown = {name: after[name] - before.get(name, 0) for name in after}
    return times, removal, grown


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("clis", nargs="+")
    parser.add_argument("--image", required=True)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--network", default="bridge")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--podman-options", default="--ulimit nofile=1000:1000 --ulimit nproc=1000:1000")
    args = parser.parse_args()
    first = None
    for cli in args.clis:
        words = shlex.split(cli)
        rounds = [one_round(words, args, n) for n in range(args.rounds)]
        times, removal, grown = min(rounds, key=lambda r: sum(r[0]))
        slow = min(statistics.median(r[0][-10:]) / statistics.median(r[0][:10]) for r in rounds)
        total, memory = sum(times), sum(grown.values()) / args.count
        first = first or (total, memory)
        print(f"{os.path.basename(words[0])}: {args.count} x run -d --network {args.network}: {total:.2f} s, "
              f"{total / args.count * 1e3:.1f} ms each ({total / first[0]:.3f} of the first); last ten to first ten, medians: "
              f"{slow:.2f}; rm -f of all: {removal:.2f} s")
        print(f"   memory: {memory:.0f} KiB a container ({memory / max(first[1], 1e-9):.3f} of the first): " +
              ", ".join(f"{name} {kib} KiB" for name, kib in sorted(grown.items()) if kib))


if __name__ == "__main__":
    main()
