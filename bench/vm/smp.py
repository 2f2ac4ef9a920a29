#!/usr/bin/python3
"""What a second vCPU is worth: the gain of two threads over one in a guest of two vCPUs, to the gain of the same program
natively on two cores, all four in turn in each round. Work is a fixed number of rounds, found first for a second each.
The last columns tell contention apart from a host that is busy: CPU time of two threads to twice that of one.
"""
import resource
import subprocess
import sys

import lab

WANTED = 0.9
SECONDS = 1.0


def native(program, cores):
    """What runs the program: it returns the seconds of the work, and the CPU time of all who did it."""
    def spent():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def run(kind, threads, rounds):
        before = spent()
        done = subprocess.run(["taskset", "-c", cores, program, kind, str(threads), str(rounds)], capture_output=True, text=True)
        return float(done.stdout.split()[3]), spent() - before
    return run


def guest(machine):
    def run(kind, threads, rounds):
        before = machine.cpu()
        machine.type(f"smp {kind} {threads} {rounds}\n")
        return float(machine.wait_for("SMP")[0].split()[3]), machine.cpu() - before
    return run


def rounds_for(run, kind):
    """How many rounds one thread does in SECONDS."""
    rounds = 1
    while True:
        seconds, _ = run(kind, 1, rounds)
        if seconds > SECONDS / 8:
            return max(int(rounds * SECONDS / seconds), 1)
        rounds *= 4


def main():
    parser = lab.arguments(__doc__, 5)
    parser.add_argument("--kinds", default="compute,atomics,faults")
    options = parser.parse_args()
    cores = "0,1"
    table, failed = [], 0
    with lab.Machine(lab.strata(options, "do=serve", cpus=2), cores) as machine:
        machine.wait_for("READY")
        places = {"native": native(lab.guest_program(options.build, "smp"), cores), "guest": guest(machine)}
        for kind in options.kinds.split(","):
            rounds = {place: rounds_for(run, kind) for place, run in places.items()}
            gains, costs = {place: [] for place in places}, {place: [] for place in places}
            for _ in range(options.runs):
                times = {(place, threads): run(kind, threads, rounds[place])
                         for threads in (1, 2) for place, run in places.items()}
                for place in places:
                    (one, one_cpu), (two, two_cpu) = times[place, 1], times[place, 2]
                    gains[place].append(2 * one / two)
                    costs[place].append(two_cpu / (2 * one_cpu))
            ratio = lab.median(gains["guest"]) / lab.median(gains["native"])
            failed |= ratio < WANTED
            table.append((kind, *(f"{lab.median(gains[p]):.2f}" for p in places), f"{ratio:.2f}",
                          *(f"{lab.spread(gains[p]):.2f}" for p in places),
                          *(f"{lab.median(costs[p]):.2f}" for p in places)))
    lab.table(("gain of two threads", "native", "two vCPUs", "ratio", "spread native", "spread guest", "CPU time native",
               "CPU time guest"), *table)
    return lab.verdict(f"wanted: ratios of at least {WANTED}", not failed)


if __name__ == "__main__":
    sys.exit(main())
