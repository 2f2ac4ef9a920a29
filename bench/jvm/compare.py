#!/usr/bin/env python3
"""compare.py OURS[,OURS...] PEER[=BARS]...: what run.py wrote (standard output), side by side.

For each benchmark the best time in ms of ours (of several runs the better one), of each peer, and the ratios; then for each peer
the geometric mean over the benchmarks that use the CPU alone: those of SyncBench and IoBench, whose threads and files wait for
the host, are left out of it. BARS is MEAN[,MOST[,GC]]: the highest allowed mean, ratio of any of those, and ratio of any gc_*;
exit status 1 if one was missed.
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
    specs = [spec.partition("=") for spec in sys.argv[2:]]
    paths = [spec[0] for spec in specs]
    peers = [read(path) for path in paths]
    print("benchmark", "ours", *paths, *(f"to {path}" for path in paths), sep="\t")
    for name in sorted(ours):
        others = [peer.get(name) for peer in peers]
        print(name, f"{ours[name]:.1f}", *(f"{o:.1f}" if o else "-" for o in others),
              *(f"{ours[name] / o:.2f}" if o else "-" for o in others), sep="\t")
    missed = False
    for (path, _, bars), peer in zip(specs, peers):
        ratios = {name: ours[name] / peer[name] for name in ours if peer.get(name) and not name.startswith(WAITING)}
        collector = max((ratio for name, ratio in ratios.items() if name.startswith("gc_")), default=0)
        mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
        print(f"geometric mean of {len(ratios)} to {path}: {mean:.2f}, at most {max(ratios.values()):.2f}, gc_* at most {collector:.2f}")
        for what, value, bar in zip(("mean", "most", "gc_*"), (mean, max(ratios.values()), collector), bars.split(",") if bars else ()):
            if value > float(bar):
                print(f"MISSED: {what} to {path} is {value:.2f}, the bar {bar}")
                missed = True
    for name in sorted(runs[0]) if len(runs) > 1 else []:
        times = [run[name] for run in runs if name in run]
        if max(times) > 1.2 * min(times):
            print(f"spread of ours over 1.2: {name} {max(times) / min(times):.2f}")
    sys.exit(missed)


main()
