#!/usr/bin/env python3
"""Checks that functions stay small: at most 100 lines and a cyclomatic complexity of at most 25 (by pmccabe).

Usage: check_complexity.py [SOURCE_ROOT]

One dispatch switch is a table in disguise: a function whose complexity is at most 10 when each switch counts once may
have more cases. Prints one line per violation; exit status 1 if any.
"""
import os
import subprocess
import sys

import tree

MAX_LINES = 100
MAX_COMPLEXITY = 25
MAX_BESIDE_SWITCH = 10


def main():
    tree.need("pmccabe")
    root = sys.argv[1] if len(sys.argv) > 1 else tree.source_root()
    paths = tree.files(root, ("src", "cmd", "boot", "guest", "tests", "fuzz"), (".c", ".h"))
    out = subprocess.run(["pmccabe", *paths], cwd=root, capture_output=True, text=True,
                         errors="replace").stdout if paths else ""
    bad, functions = [], 0
    for line in out.splitlines():
        words = line.split("\t")
        if len(words) < 6:
            continue
        functions += 1
        modified, plain, _, _, lines = (int(w) for w in words[:5])
        if plain > MAX_COMPLEXITY and modified > MAX_BESIDE_SWITCH:
            bad.append(f"{words[5]}: complexity: {plain}, the limit is {MAX_COMPLEXITY}")
        elif lines > MAX_LINES and modified > MAX_BESIDE_SWITCH:
            bad.append(f"{words[5]}: complexity: {lines} lines, the limit is {MAX_LINES}")
        elif lines > MAX_LINES and plain == modified:
            bad.append(f"{words[5]}: complexity: {lines} lines, the limit is {MAX_LINES}")
    tree.finish("complexity", bad, f"{functions} functions")


if __name__ == "__main__":
    main()
