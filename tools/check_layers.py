#!/usr/bin/env python3
"""Checks that the source tree obeys layers.txt.

layers.txt, one module a line:   name  kind  prefix  deps...  [ "|" libraries... ]
  name       folder below src/ ("jvm/gc" is a module of its own); a row NAME/* stands for the folders below NAME/
             beside src/, where "(anything above)" allows every module
  kind       bare (freestanding, no libc, no mutable globals), own (the same with globals) or host
  prefix     what every external symbol of the module starts with (a|b: either)
  deps       modules whose headers it may include; not transitive
  libraries  outside libraries it may link

Usage:  check_layers.py ROOT [--nm NM] [--globals] [--archive MODULE=LIBRARY.a]... [--uses MODULE=MODULE,...]...
  --archive   an object library of a module: its external symbols, its data sections, and what it asks the C
              library for (system calls are src/os's alone)
  --globals   look at data sections (not in builds whose compiler adds some: sanitizers)
  --uses      what the build links a module with: must be in its row
Prints one line per violation (file:line: rule: text); exit status 1 if any.
"""
import argparse
import os
import re
import subprocess

import tree

FREESTANDING = {h + ".h" for h in (
    "float iso646 limits stdalign stdarg stdatomic stdbool stddef stdint stdnoreturn").split()}
CPU_FOLDERS = {"x86_64", "aarch64", "riscv64", "fake"}
CPU_IF = re.compile(r"^\s*#\s*(?:el)?if\w*\b.*__(?:x86_64__|i386__|aarch64__|arm__|riscv)")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
TEST_FILE = re.compile(r"_(test|fuzz)\.[ch]$")
# Names that the compiler or a sanitizer adds.
COMPILERS_OWN = ("__asan", "__odr", "__ubsan", "__tsan", "__sancov", "__start_", "__stop_", "__x86.get_pc_thunk", "DW.ref.")
# System calls by their C library names: a module that needs one calls its os_NAME.
SYSTEM_CALLS = set("""
    accept accept4 access bind capset chdir chmod chown chroot clock_nanosleep clone close close_range connect dup dup2 dup3
    epoll_create1 epoll_ctl epoll_wait eventfd execv execve execvp execvpe faccessat fallocate fchdir fchmod fchmodat fchown
    fchownat fcntl fdatasync flock fork fstat fstatat fstatfs fsync ftruncate getdents64 getrandom getsockname getsockopt
    inotify_add_watch inotify_init1 ioctl kill lchown link linkat listen lseek lstat madvise memfd_create mkdir mkdirat
    mkfifo mknod mknodat mlock mmap mount mprotect munmap nanosleep open open64 openat openat64 pidfd_open
    pidfd_send_signal pipe pipe2 pivot_root poll posix_spawn ppoll prctl pread pread64 prlimit ptrace pwrite pwrite64 read
    readlink readlinkat readv reboot recv recvfrom recvmsg rename renameat renameat2 rmdir select send sendfile sendmsg
    sendto setgid setgroups sethostname setns setpgid setpriority setresgid setresuid setrlimit setsid setsockopt setuid
    setxattr shutdown sigaction signalfd socket socketpair splice stat statfs statvfs statx symlink symlinkat sync_file_range
    syncfs syscall tcgetattr tcsetattr tgkill timerfd_create timerfd_settime truncate umask umount umount2 unlink unlinkat
    unshare utimensat vfork wait4 waitid waitpid write writev fopen fdopen fread fwrite opendir fdopendir readdir
    """.split())


class Row:
    def __init__(self, kind, prefix, deps):
        self.kind, self.prefix, self.deps = kind, tuple(prefix.split("|")), set(deps)


def read_layers(path, report):
    rows, wild = {}, {}
    for number, line in enumerate(open(path), 1):
        words = re.split(r"\s\|\s", line.split("#")[0])[0].split()
        if not words:
            continue
        if len(words) < 3 or words[1] not in ("bare", "own", "host"):
            report(path, number, "row", "expected: name bare|own|host prefix deps...")
            continue
        if "*" in words[0]:
            anything = "(anything" in words
            wild[words[0].split("/")[0]] = Row(words[1], words[2], rows if anything else words[3:])
        else:
            rows[words[0]] = Row(*words[1:3], words[3:])
    for name, row in rows.items():
        for dep in row.deps:
            if dep not in rows:
                report(path, 0, "row", f"{name} depends on unknown module {dep}")
            elif "bare own host".index(rows[dep].kind) > "bare own host".index(row.kind):
                report(path, 0, "row", f"{row.kind} {name} depends on {rows[dep].kind} {dep}")
    return rows, wild


def find_cycle(rows):
    done = set()

    def visit(name, trail):
        if name in done:
            return None
        if name in trail:
            return trail[trail.index(name):] + [name]
        for dep in sorted(rows[name].deps & set(rows)):
            cycle = visit(dep, trail + [name])
            if cycle:
                return cycle
        done.add(name)
        return None
    return next(filter(None, (visit(name, []) for name in rows)), None)


def owner(path, rows):
    """The module of a path below src/: the longest module name that is a folder of it."""
    parts = path.split("/")[:-1]
    for n in range(len(parts), 0, -1):
        if "/".join(parts[:n]) in rows:
            return "/".join(parts[:n])
    return None


def check_include(where, number, name, me, row, test, root, rows, report):
    """One #include "name" of a file that belongs to module (or program folder) me."""
    if os.path.exists(os.path.join(root, "src", name)) and ".." not in name.split("/"):
        target = owner(name, rows)
    elif any(where.startswith(top) and os.path.exists(os.path.join(root, top, name)) for top in ("cmd/", "guest/")):
        return
    elif test or name.endswith((".inc", ".gen.h")):
        return
    else:
        report(where, number, "spelling", f'"{name}" must be spelled from src/')
        return
    if target == me:
        return
    if target not in row.deps:
        report(where, number, "layer", f"{me} may not include {target} ({name})")
    elif name.endswith("_priv.h"):
        report(where, number, "private", f"{name} belongs to {target} alone")


def check_file(root, where, me, row, rows, report):
    test = bool(TEST_FILE.search(where))
    for number, line in enumerate(tree.read(root, where).splitlines(), 1):
        if CPU_IF.match(line) and not CPU_FOLDERS & set(where.split("/")):
            report(where, number, "cpu", "CPU #if outside a folder named after a CPU")
        match = INCLUDE.match(line)
        if not match:
            continue
        if match[1] == "<":
            if row.kind != "host" and not test and match[2] not in FREESTANDING:
                report(where, number, "bare", f"<{match[2]}> is not a freestanding header")
        else:
            check_include(where, number, match[2], me, row, test, root, rows, report)


def check_sources(root, rows, wild, report):
    count = 0
    for where in tree.files(root, ("src", *wild), (".c", ".h", ".S")):
        count += 1
        top, rest = where.split("/", 1)
        if top in wild:
            check_file(root, where, os.path.dirname(where), wild[top], rows, report)
            continue
        me = owner(rest, rows)
        if me is None:
            report(where, 1, "orphan", "no module in layers.txt owns this file")
        else:
            check_file(root, where, me, rows[me], rows, report)
    return count


def check_symbols(module, archive, nm, row, report):
    out = subprocess.run([nm, "-g", archive], capture_output=True, text=True, check=True).stdout
    asked = set()
    for line in out.splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == "U":
            asked.add(words[1])
        elif len(words) == 3 and not words[2].startswith(row.prefix + COMPILERS_OWN):
            report(archive, 0, "prefix", f"{words[2]} does not start with {' or '.join(row.prefix)}")
    if module != "os":
        for name in sorted(asked & SYSTEM_CALLS):
            report(archive, 0, "door", f"{module} calls {name}: system calls go through os_{name}")


def check_globals(module, archive, row, report):
    """A bare module has no mutable data: .data, .bss and their thread-local kin are empty."""
    if row.kind != "bare":
        return
    out = subprocess.run(["size", "-A", archive], capture_output=True, text=True, check=True).stdout
    unit = archive
    for line in out.splitlines():
        words = line.split()
        if len(words) > 1 and words[1] == "(ex":
            unit = words[0]
        elif len(words) == 3 and re.fullmatch(r"\.t?(data|bss)(\.(?!rel\.ro).*)?", words[0]) and words[1] != "0":
            report(unit, 0, "global", f"{words[1]} bytes of {words[0]} in bare module {module}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--globals", action="store_true")
    parser.add_argument("--archive", action="append", default=[])
    parser.add_argument("--uses", action="append", default=[])
    args = parser.parse_args()
    bad = []

    def report(where, line, rule, text):
        bad.append(f"{where}:{line}: {rule}: {text}")

    rows, wild = read_layers(os.path.join(args.root, "layers.txt"), report)
    cycle = find_cycle(rows)
    if cycle:
        report("layers.txt", 0, "cycle", " -> ".join(cycle))
    count = check_sources(args.root, rows, wild, report)
    for pair in args.uses:
        module, used = pair.split("=", 1)
        for name in sorted(set(filter(None, used.split(","))) - (rows[module].deps if module in rows else set())):
            report("layers.txt", 0, "uses", f"the build links {module} with {name}, which is not in its row")
    for pair in args.archive:
        module, archive = pair.split("=", 1)
        if module not in rows:
            report(archive, 0, "orphan", f"{module} has no row in layers.txt")
            continue
        check_symbols(module, archive, args.nm, rows[module], report)
        if args.globals:
            check_globals(module, archive, rows[module], report)
    tree.finish("layers", bad, f"{len(rows)} rows, {count} files, {len(args.archive)} libraries")


if __name__ == "__main__":
    main()
