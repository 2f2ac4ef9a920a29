#!/usr/bin/env python3
"""Checks that every C file is as clang-format writes it (.clang-format).

Usage: check_format.py [SOURCE_ROOT]
Prints one line per violation; exit status 1 if any. `clang-format -i FILE` mends one.
"""
import subprocess
import sys

import tree


def main():
    tree.need("clang-format")
    root = sys.argv[1] if len(sys.argv) > 1 else tree.source_root()
    paths = tree.files(root, ("src", "cmd", "boot", "guest", "tests", "fuzz"), (".c", ".h"))
    cache, rules = tree.Cache("format"), tree.read(root, ".clang-format")

    def check(path):
        key = tree.Cache.key(rules, tree.read(root, path))
        if cache.good(key):
            return None
        done = subprocess.run(["clang-format", "--dry-run", "-Werror", path], cwd=root, capture_output=True, text=True)
        if done.returncode == 0:
            cache.remember(key)
            return None
        first = done.stderr.splitlines()[0] if done.stderr else path
        return f"{first.split(': error:')[0]}: format: run clang-format -i {path}"

    bad = [line for line in tree.each(check, paths) if line]
    tree.finish("format", bad, f"{len(paths)} files")


if __name__ == "__main__":
    main()
