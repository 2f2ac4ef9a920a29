#!/usr/bin/env python3
"""Checks the rules of the house style that are a matter of text (docs/design/style.md).

Usage: check_style.py [SOURCE_ROOT]

  long      a file of more than 1,200 lines
  name      two source files of one name
  opening   a C file that does not begin with a comment saying what it is
  banned    a call of a function in tools/banned.txt
  marker    open work noted in the tree instead of an issue
  shape     tabs, carriage returns, trailing blanks, lines over 100 columns, no newline at the end
  guard     a header without #pragma once
Prints one line per violation; exit status 1 if any.
"""
import collections
import os
import re
import sys

import tree

CODE = ("src", "cmd", "boot", "guest", "tests", "fuzz", "tools", "bench")
MAX_LINES = 1200
MAX_COLUMNS = 100
MARKER = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
SHARED_NAMES = {"meson.build", "README.md"}
# Comments and literals, to be blanked before names are looked for.
QUIET = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(text):
    return QUIET.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def read_banned():
    """name -> (folders where it is banned, what to use instead)"""
    banned = {}
    for line in tree.read(tree.source_root(), "tools/banned.txt").splitlines():
        words = line.split("#")[0].split(None, 2)
        if words:
            banned[words[0]] = (words[1].split(","), words[2])
    return banned


def check_banned(path, text, banned, call, bad):
    program = path.startswith("src/") and not re.search(r"_(test|fuzz)\.c$", path)
    for match in call.finditer(blank(text)):
        places, instead = banned[match[1]]
        if "all" in places or (program and "src" in places):
            if any(path.startswith(p[1:]) for p in places if p.startswith("-")):
                continue
            line = text.count("\n", 0, match.start()) + 1
            bad.append(f"{path}:{line}: banned: {match[1]}(): {instead}")


def check_shape(path, text, bad):
    if not text.endswith("\n"):
        bad.append(f"{path}:1: shape: the last line has no end")
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{path}:{number}"
        if "\r" in line or "\t" in line:
            bad.append(f"{where}: shape: tab or carriage return")
        if line != line.rstrip():
            bad.append(f"{where}: shape: blank at the end of the line")
        if len(line) > MAX_COLUMNS:
            bad.append(f"{where}: shape: {len(line)} columns")


def check_file(root, path, banned, call, bad):
    text = tree.read(root, path)
    lines = text.count("\n")
    if lines > MAX_LINES:
        bad.append(f"{path}:{lines}: long: more than {MAX_LINES} lines; it is probably two ideas")
    for number, line in enumerate(text.splitlines(), 1):
        if MARKER.search(line):
            bad.append(f"{path}:{number}: marker: open work is an issue, not a comment")
    if path.endswith((".c", ".h")):
        if not text.startswith("/*"):
            bad.append(f"{path}:1: opening: must begin with a comment that says what the file is")
        if not path.startswith("bench/"):
            check_shape(path, text, bad)
            check_banned(path, text, banned, call, bad)
        if path.endswith(".h") and not re.search(r"^#pragma once$", text, re.M):
            bad.append(f"{path}:1: guard: no #pragma once")


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else tree.source_root()
    bad, names = [], collections.defaultdict(list)
    banned = read_banned()
    call = re.compile(r"(?<![\w.>])(" + "|".join(map(re.escape, banned)) + r")\s*\(")
    looked_at = tree.files(root, CODE, (".c", ".h", ".S", ".py", ".sh", ".build"))
    for path in looked_at:
        if not path.startswith("bench/"):
            names[os.path.basename(path)].append(path)
        check_file(root, path, banned, call, bad)
    for name, paths in names.items():
        if len(paths) > 1 and name not in SHARED_NAMES:
            bad.append(f"{paths[1]}:1: name: also the name of {paths[0]}")
    tree.finish("style", bad, f"{len(looked_at)} files")


if __name__ == "__main__":
    main()
