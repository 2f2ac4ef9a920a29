#!/usr/bin/env python3
"""Checks that a program needs only the shared libraries that the rows of its modules name.

Usage: check_libraries.py LAYERS PROGRAM=MODULE,...[:static]...

A program's modules are those it names and all that these may use. A static program needs no library at all.
Prints one line per violation; exit status 1 if any.
"""
import re
import subprocess
import sys

import tree

SYSTEM = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
SONAMES = {"zlib": "libz.so", "isal": "libisal.so", "sqlite3": "libsqlite3.so", "jansson": "libjansson.so"}


def read_rows(path):
    """module -> (modules it may use, its libraries)"""
    rows = {}
    for line in open(path):
        parts = re.split(r"\s\|\s", line.split("#")[0])
        words = parts[0].split()
        if words and "*" not in words[0]:
            libraries = parts[1].split() if len(parts) > 1 else []
            rows[words[0]] = (words[3:], [name for name in libraries if "(dlopen)" not in name])
    return rows


def allowed(modules, rows):
    names, seen, todo = set(), set(), list(modules)
    while todo:
        module = todo.pop()
        if module not in seen and module in rows:
            seen.add(module)
            todo += rows[module][0]
            names.update(SONAMES.get(n, f"{n}.so") for n in rows[module][1])
    return names


def main():
    tree.need("readelf")
    rows, bad = read_rows(sys.argv[1]), []
    for pair in sys.argv[2:]:
        program, modules = pair.split("=", 1)
        modules, static = modules.removesuffix(":static"), modules.endswith(":static")
        out = subprocess.run(["readelf", "-dW", program], capture_output=True, text=True).stdout
        needed = re.findall(r"\(NEEDED\).*\[([^\]]+)\]", out)
        if static and needed:
            bad.append(f"{program}:0: library: a static program needs {' '.join(needed)}")
            continue
        may = allowed(modules.split(","), rows)
        for name in needed:
            if name not in SYSTEM and re.sub(r"\.so.*", ".so", name) not in may:
                bad.append(f"{program}:0: library: {name} is in no row of layers.txt that this program stands on")
    tree.finish("libraries", bad, f"{len(sys.argv) - 2} programs")


if __name__ == "__main__":
    main()
