#!/usr/bin/env python3
"""Checks that each program of a release build is hardened.

Usage: check_hardening.py PROGRAM...

  pie        position independent
  relro      relocations are read-only after start, all of them (BIND_NOW; a static program resolves none late)
  stack      not executable
  canary     the stack protector is linked in
  fortify    checked variants of the C library's functions are used (only where a program calls any that have one)
  writable   no segment is writable and executable
Prints one line per violation; exit status 1 if any.
"""
import re
import subprocess
import sys

import tree

FORTIFIABLE = {"memcpy", "memmove", "memset", "snprintf", "vsnprintf", "read", "pread", "recv", "readlink", "readlinkat",
               "getcwd", "printf", "fprintf", "vfprintf", "realpath"}


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, errors="replace").stdout


def check(path, bad):
    def need(rule, condition, text):
        if not condition:
            bad.append(f"{path}:0: {rule}: {text}")

    header = output("readelf", "-hW", path)
    segments = output("readelf", "-lW", path)
    dynamic = output("readelf", "-dW", path)
    static = "NEEDED" not in dynamic
    need("pie", re.search(r"Type:\s+DYN", header), "not position independent")
    need("relro", "GNU_RELRO" in segments, "no GNU_RELRO segment")
    need("relro", re.search(r"BIND_NOW|FLAGS_1.*NOW|\(FLAGS\).*NOW", dynamic), "not BIND_NOW")
    need("stack", not re.search(r"GNU_STACK.*\bRWE\b", segments) and "GNU_STACK" in segments, "executable stack")
    need("writable", not re.search(r"LOAD.*\bRWE\b", segments), "a segment is writable and executable")
    names = {line.split()[-1].split("@")[0] for line in output("nm", "-D" if not static else "-a", path).splitlines()}
    if static and len(names) < 10:  # stripped: there is nothing to look at
        return
    need("canary", names & {"__stack_chk_fail", "__stack_chk_guard", "__stack_chk_fail_local"}, "no stack protector")
    if not static and names & FORTIFIABLE:
        need("fortify", any(n.endswith("_chk") and n != "__stack_chk_fail" for n in names) or
             not names & {"snprintf", "vsnprintf", "printf", "fprintf"}, "no _FORTIFY_SOURCE")


def main():
    tree.need("readelf", "nm")
    bad = []
    for path in sys.argv[1:]:
        check(path, bad)
    tree.finish("hardening", bad, f"{len(sys.argv) - 1} programs")


if __name__ == "__main__":
    main()
