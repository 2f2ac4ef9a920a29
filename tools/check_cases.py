#!/usr/bin/env python3
"""Every row of the instruction table has its cases: at least 200, in the tests that compare the software CPU with
another, and a row without ends the build's checks by name.

Usage: check_cases.py ROWS DIFFER VECTOR_DIFFER CASES_COUNT

Each of the three sources says how many cases it makes of each row, without running one: tests/cpu/differ and
vector_differ (beside the host's CPU) and the bare image (guest/cases, beside QEMU and Bochs).
"""
import collections
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from make_x86_tables import read_rows  # noqa: E402

WANTED = 200


def main():
    rows, _ = read_rows(sys.argv[1])
    sources = {"differ": [sys.argv[2], "--cases", str(WANTED), "--count"], "vector_differ": [sys.argv[3], "count", str(WANTED)],
               "guest/cases": [sys.argv[4]]}
    total, all_cases = collections.Counter(), collections.Counter()
    for name, command in sources.items():
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for line in output.splitlines():
            words = line.split()
            total[int(words[0])] += int(words[-1])
            all_cases[name] += int(words[-1])
    bad = [f"x86_rows.def:{row.line}: cases: {row.name} (row {row.number}) has {total[row.number]} of {WANTED}"
           for row in rows if total[row.number] < WANTED]
    print("\n".join(bad))
    print(f"cases: {len(rows)} rows, {', '.join(f'{n} {c}' for n, c in all_cases.items())}, {len(bad)} without")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
