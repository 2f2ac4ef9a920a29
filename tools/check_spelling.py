#!/usr/bin/env python3
"""Checks the spelling of code, comments and documents (by codespell).

Usage: check_spelling.py [SOURCE_ROOT]
Prints one line per finding; exit status 1 if any. Words it does not know are in tools/spelling.txt.
"""
import subprocess
import sys

import tree

TEXT = (".c", ".h", ".S", ".py", ".sh", ".md", ".txt", ".build", ".yaml")


def main():
    tree.need("codespell")
    root = sys.argv[1] if len(sys.argv) > 1 else tree.source_root()
    paths = [p for p in tree.files(root, endings=TEXT) if not p.startswith(("fuzz/corpus/", "bench/jvm/", "LICENSE"))]
    cache, words = tree.Cache("spelling"), tree.read(root, "tools/spelling.txt")
    keys = {p: tree.Cache.key(words, tree.read(root, p)) for p in paths}
    fresh = [p for p in paths if not cache.good(keys[p])]
    out = ""
    if fresh:
        out = subprocess.run(["codespell", "--ignore-words", "tools/spelling.txt", *fresh], cwd=root,
                             capture_output=True, text=True).stdout
    bad = [line for line in out.splitlines() if line.strip()]
    wrong = {line.split(":")[0] for line in bad}
    for path in fresh:
        if path not in wrong:
            cache.remember(keys[path])
    tree.finish("spelling", bad, f"{len(paths)} files")


if __name__ == "__main__":
    main()
