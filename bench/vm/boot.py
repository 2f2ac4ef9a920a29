#!/usr/bin/python3
"""Boot to init of a guest of 512 MiB, strata-vm's software CPU and QEMU's TCG in turn, and strata-vm's memory at init.

Time is from the start of the VMM to the first line of the guest's init on the serial line. Memory is the process's
proportional set size but for the memfd that is the guest's RAM, the process standing still meanwhile.
"""
import sys

import lab

BOOT_MAX, MEMORY_MAX_MIB = 8, 24


def boot(command, core, look=None):
    with lab.Machine(command, core) as machine:
        _, seconds = machine.wait_for("BENCH-START")
        return seconds, machine.stopped(look) if look else None


def main():
    options = lab.arguments(__doc__, 5).parse_args()
    ours, theirs, sizes = [], [], {}
    for _ in range(options.runs):
        seconds, sizes = boot(lab.strata(options, "do=off"), options.core, lab.mappings)
        ours.append(seconds)
        theirs.append(boot(lab.qemu(options, "do=off"), options.core)[0])
    lab.table(("boot to init, 512 MiB", "best s", "median s", "spread"),
              *((name, f"{min(s):.2f}", f"{lab.median(s):.2f}", f"{lab.spread(s):.2f}")
                for name, s in (("strata-vm, software CPU", ours), ("QEMU TCG", theirs))))
    ratio = lab.median(ours) / lab.median(theirs)
    failed = lab.verdict(f"strata-vm's median is {ratio:.2f} of QEMU's, wanted: at most {BOOT_MAX}", ratio <= BOOT_MAX)

    guest = sum(rss for name, (_, rss) in sizes.items() if "memfd:guest-ram" in name)
    rest = {name: pss for name, (pss, _) in sizes.items() if "memfd:guest-ram" not in name and pss > 0}
    largest = sorted(rest.items(), key=lambda item: -item[1])[:5]
    total = sum(rest.values()) / 1024
    lab.table(("memory of strata-vm at init", "MiB"), ("guest RAM in use", f"{guest / 1024:.1f}"),
              *((name, f"{kib / 1024:.2f}") for name, kib in largest), ("all but guest RAM", f"{total:.2f}"))
    return failed | lab.verdict(f"{total:.1f} MiB besides guest RAM, wanted: under {MEMORY_MAX_MIB}", total < MEMORY_MAX_MIB)


if __name__ == "__main__":
    sys.exit(main())
