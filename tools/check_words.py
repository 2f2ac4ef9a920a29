#!/usr/bin/env python3
"""Checks that no file names a place of the machine it was written on: the folder of the sources, or a host that this
machine's package manager downloads from.

Usage: check_words.py [SOURCE_ROOT]
Prints one line per violation; exit status 1 if any.
"""
import glob
import os
import re
import sys

import tree

BINARY = (".png", ".gz", ".zst", ".tar", ".img", ".bin")


def package_hosts():
    hosts = set()
    for path in ["/etc/apt/sources.list", *glob.glob("/etc/apt/sources.list.d/*")]:
        try:
            with open(path, errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        hosts.update(re.findall(r"^(?:URIs:|deb(?:-src)? ).*?https?://([^/\s:]+)", text, re.M))
    return {h for h in hosts if "." in h}


def source_folders(root):
    """The folder of the sources and the one above it, but for those too general to mean this machine."""
    root = os.path.realpath(root)
    return {f for f in (root, os.path.dirname(root)) if f.count("/") >= 2 and len(f) > 8}


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else tree.source_root()
    bad = []
    hosts = sorted(map(re.escape, package_hosts()))
    folders = sorted(map(re.escape, source_folders(root)))
    patterns = [rf"(?<![\w.-]){h}(?![\w-])" for h in hosts] + [rf"(?<![\w./-]){f}(?![\w-])" for f in folders]
    looked_at = [p for p in tree.files(root) if not p.endswith(BINARY) and not p.startswith("fuzz/corpus/")]
    if patterns:
        word = re.compile("|".join(patterns))
        for path in looked_at:
            for number, line in enumerate(tree.read(root, path).splitlines(), 1):
                if word.search(line):
                    bad.append(f"{path}:{number}: words: names a place of this machine")
    tree.finish("words", bad, f"{len(looked_at)} files")


if __name__ == "__main__":
    main()
