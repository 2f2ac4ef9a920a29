#!/usr/bin/env python3
"""Checks that every header compiles alone.

Usage: check_headers.py SOURCE_ROOT COMPILER [ARGUMENT...]
Prints what the compiler says of each that does not; exit status 1 if any.
"""
import os
import re
import subprocess
import sys

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def reached(root, path, texts):
    """The header's text and those of all headers of the tree that it includes."""
    todo, seen = [path], []
    while todo:
        at = todo.pop()
        if at in seen or not os.path.exists(os.path.join(root, at)):
            continue
        seen.append(at)
        text = texts.setdefault(at, tree.read(root, at))
        for name in INCLUDE.findall(text):
            todo += [f"src/{name}", f"cmd/{name}", f"guest/{name}", os.path.join(os.path.dirname(at), name)]
    return [texts[p] for p in sorted(seen)]


def main():
    root, compiler = sys.argv[1], sys.argv[2:]
    tree.need(compiler[0])
    paths = tree.files(root, ("src", "cmd", "guest"), (".h",))
    cache, texts = tree.Cache("headers"), {}

    def check(path):
        key = tree.Cache.key(*compiler, path, *reached(root, path, texts))
        if cache.good(key):
            return None
        command = [*compiler, "-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-Isrc", "-Icmd", "-Iguest", "-Wall", "-Wextra",
                   "-Wno-unused-function", "-Wno-missing-field-initializers", "-Werror", "-x", "c", "-"]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True,
                              input=f'#include "{os.path.relpath(path, "src") if path.startswith("src/") else path}"\n')
        if done.returncode == 0:
            cache.remember(key)
            return None
        return f"{path}:1: header: does not compile alone\n{done.stderr}"

    bad = [line for line in tree.each(check, paths) if line]
    tree.finish("headers", bad, f"{len(paths)} headers")


if __name__ == "__main__":
    main()
