#!/usr/bin/python3
"""Work that a virtio disk and network card complete for each second of the host's CPU, strata-vm beside QEMU's TCG.

Usage: virtio.py [--build DIR] [--runs N] [--core N] [--disk FILE] [--json FILE]

A bare guest (guest/vio_bench) posts prepared rings and sleeps until they are used; host CPU seconds of the whole
process, all threads and the kernel's work for it included, are read between its START and END lines. Both are given
the same guest, disk (through the page cache) and user-mode network, in turn, on one core.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """User and system time of all threads of a process, in ns where the kernel says so."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                total += int(file.read().split()[0])
        except OSError:
            continue
    return total / 1e9


def run(command, core):
    """name -> completed per CPU second"""
    process = subprocess.Popen(["taskset", "-c", str(core)] + command, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, text=True)
    results, begun = {}, 0
    deadline = time.time() + 300
    for line in process.stdout:
        words = line.split()
        if words[:1] == ["START"]:
            begun = cpu_seconds(process.pid)
        elif words[:1] == ["END"]:
            results[words[1]] = int(words[2]) / max(cpu_seconds(process.pid) - begun, 1e-6)
        elif words[:1] == ["DONE"] or time.time() > deadline:
            break
        elif words and words[0] != "no":
            print(line, end="", file=sys.stderr)
    process.kill()
    process.wait()
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(TREE, "out/release"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--core", type=int, default=1)
    parser.add_argument("--disk")
    parser.add_argument("--json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        disk = options.disk or os.path.join(folder, "disk.img")
        if not options.disk:
            with open(disk, "wb") as file:
                for _ in range(64):
                    file.write(os.urandom(1 << 20))
        guest = os.path.join(options.build, "guest/vio-bench.elf")
        commands = {
            "strata-vm": [os.path.join(options.build, "strata-vm"), "--accel", "software", "--memory", "256M",
                          "--kernel", guest, "--disk", disk, "--net", "user"],
            "QEMU": ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", "256",
                     "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot", "-kernel", guest,
                     "-drive", f"file={disk},if=none,id=d,format=raw,cache=writeback", "-device",
                     "virtio-blk-pci,drive=d,disable-legacy=on", "-netdev", "user,id=n", "-device",
                     "virtio-net-pci,netdev=n,disable-legacy=on"],
        }
        samples = {who: {} for who in commands}
        for _ in range(options.runs):
            for who, command in commands.items():
                for name, rate in run(command, options.core).items():
                    samples[who].setdefault(name, []).append(rate)
    print(f"| {'completed per CPU second':<24} | strata-vm | QEMU | ratio | spread |\n|---|---|---|---|---|")
    worst = None
    for name, rates in samples["QEMU"].items():
        ours, theirs = sorted(samples["strata-vm"].get(name, [0])), sorted(rates)
        if name in ("block_warm_up", "net_arp"):
            continue
        ratio = ours[len(ours) // 2] / theirs[len(theirs) // 2]
        spread = max(ours[-1] / max(ours[0], 1e-9), theirs[-1] / theirs[0])
        worst = ratio if worst is None else min(worst, ratio)
        print(f"| {name:<24} | {ours[len(ours) // 2]:,.0f} | {theirs[len(theirs) // 2]:,.0f} | {ratio:.2f} | "
              f"{spread:.2f} |")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(samples, file, indent=1)
    return 0 if worst is not None and worst >= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
