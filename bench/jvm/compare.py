#!/usr/bin/env python3
"""compare.py OURS[,OURS...] PEER...: what run.py wrote (standard output), side by side.

For each benchmark the best time in ms of ours (of several runs the better one), of each peer, and the ratios; then for each peer
the geometric mean over the benchmarks that use the CPU alone: those of SyncBench and IoBench, whose threads and files wait for
the host, are left out of it.
"""
import math
import sys

WAITING = ("io_", "sync_", "wait_", "reentrantlock", "blockingqueue", "concqueue", "atomics", "thread_", "forkjoin")


def read(path):
    best = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            fields = line.rstrip("\n").split("\t")
            if fields[0] == "BENCH" and fields[1].endswith(".best"):
                best[fields[1].removesuffix(".best")] = float(fields[2])
    return best


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    runs = [read(path) for path in sys.argv[1].split(",")]
    ours = {name: min(run[name] for run in runs if name in run) for name in runs[0]}
    peers = [read(path) for path in sys.argv[2:]]
    print("benchmark", "ours", *sys.argv[2:], *(f"to {path}" for path in sys.argv[2:]), sep="\t")
    for name in sorted(ours):
        others = [peer.get(name) for peer in peers]
        print(name, f"{ours[name]:.1f}", *(f"{o:.1f}" if o else "-" for o in others),
              *(f"{ours[name] / o:.2f}" if o else "-" for o in others), sep="\t")
    for path, peer in zip(sys.argv[2:], peers):
        ratios = [ours[name] / peer[name] for name in ours if peer.get(name) and not name.startswith(WAITING)]
        print(f"geometric mean of {len(ratios)} to {path}: {math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}, at most {max(ratios):.2f}")
    for name in sorted(runs[0]) if len(runs) > 1 else []:
        times = [run[name] for run in runs if name in run]
        if max(times) > 1.2 * min(times):
            print(f"spread of ours over 1.2: {name} {max(times) / min(times):.2f}")


main()
