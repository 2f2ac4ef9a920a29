#!/usr/bin/python3
"""What idle guests cost: the share of a core that the whole VMM uses while its guest has nothing to do. Debian's kernel is
tickless. Machines with 1, 2 and 4 vCPUs, and QEMU's TCG with one, are measured at the same time.
"""
import sys
import time

import lab

WANTED_PERCENT = 1
SETTLE_SECONDS = 5


def main():
    parser = lab.arguments(__doc__, 1)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    machines = {f"strata-vm, {n} vCPU{'s' if n > 1 else ''}": lab.Machine(lab.strata(options, "do=idle", cpus=n), "0,1")
                for n in (1, 2, 4)}
    machines["QEMU TCG, 1 vCPU"] = lab.Machine(lab.qemu(options, "do=idle"), "0,1")
    try:
        for machine in machines.values():
            machine.wait_for("BENCH-START")
        time.sleep(SETTLE_SECONDS)
        before = {name: (time.monotonic(), machine.cpu()) for name, machine in machines.items()}
        time.sleep(options.seconds)
        shares = {name: 100 * (machine.cpu() - before[name][1]) / (time.monotonic() - before[name][0])
                  for name, machine in machines.items()}
    finally:
        for machine in machines.values():
            machine.process.kill()
            machine.process.wait()
    lab.table((f"idle for {options.seconds:.0f} s", "% of a core"), *((name, f"{share:.2f}") for name, share in shares.items()))
    worst = max(share for name, share in shares.items() if name.startswith("strata-vm"))
    return lab.verdict(f"at most {worst:.2f} %, wanted: under {WANTED_PERCENT}", worst < WANTED_PERCENT)


if __name__ == "__main__":
    sys.exit(main())
