#!/usr/bin/python3
"""What a second vCPU is worth: the gain of two threads over one in a guest of two vCPUs, to the gain of the same program
natively on two cores, all four in turn in each round. Work is a fixed number of rounds, found first for a second each.
"""
import subprocess
import sys

import lab

WANTED = 0.9
SECONDS = 1.0
KINDS = ("compute", "atomics", "faults")


def native(program, cores):
    def run(kind, threads, rounds):
        done = subprocess.run(["taskset", "-c", cores, program, kind, str(threads), str(rounds)], capture_output=True, text=True)
        return float(done.stdout.split()[3])
    return run


def guest(machine):
    def run(kind, threads, rounds):
        machine.type(f"smp {kind} {threads} {rounds}\n")
        return float(machine.wait_for("SMP")[0].split()[3])
    return run


def rounds_for(run, kind):
    """How many rounds one thread does in SECONDS."""
    rounds = 1
    while True:
        seconds = run(kind, 1, rounds)
        if seconds > SECONDS / 8:
            return max(int(rounds * SECONDS / seconds), 1)
        rounds *= 4


def main():
    options = lab.arguments(__doc__, 5).parse_args()
    cores = "0,1"
    table, failed = [], 0
    with lab.Machine(lab.strata(options, "do=serve", cpus=2), cores) as machine:
        machine.wait_for("READY")
        places = {"native": native(lab.guest_program(options.build, "smp"), cores), "guest": guest(machine)}
        for kind in KINDS:
            rounds = {place: rounds_for(run, kind) for place, run in places.items()}
            gains = {place: [] for place in places}
            for _ in range(options.runs):
                times = {(place, threads): run(kind, threads, rounds[place])
                         for threads in (1, 2) for place, run in places.items()}
                for place in places:
                    gains[place].append(2 * times[place, 1] / times[place, 2])
            ratio = lab.median(gains["guest"]) / lab.median(gains["native"])
            failed |= ratio < WANTED
            table.append((kind, *(f"{lab.median(gains[p]):.2f}" for p in places), f"{ratio:.2f}",
                          *(f"{lab.spread(gains[p]):.2f}" for p in places)))
    lab.table(("gain of two threads", "native", "two vCPUs", "ratio", "spread native", "spread guest"), *table)
    return lab.verdict(f"wanted: ratios of at least {WANTED}", not failed)


if __name__ == "__main__":
    sys.exit(main())
