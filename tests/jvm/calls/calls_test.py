#!/usr/bin/python3
"""The main thread's calls of the machine's functions, in their order, under HotSpot and under ours.

    calls_test.py FORWARDING-LIBRARY NAMES LIBJVM

forward_x86_64.c records them. Runs of the same function count once: only its native caller's loops are in their lengths. What
differs must be in the tables here; docs/jvm.md says the same in words.
"""
import collections
import itertools
import os
import re
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
JDK = "/usr/lib/jvm/java-17-openjdk-amd64"
# Native methods that our machine answers itself, without a call of a function: fast natives. HotSpot's own are left out.
ANSWERED = {"JVM_" + name for name in (
    "ArrayCopy", "CurrentThread", "CurrentTimeMillis", "NanoTime", "IHashCode", "InternString", "IsArrayClass", "IsPrimitiveClass",
    "IsInterface", "IsHiddenClass", "ReferenceClear", "ReferenceRefersTo", "SetThreadPriority", "StartThread", "HoldsLock", "Sleep",
    "Yield", "Interrupt")}
# The library builds the module graph in the order of hash tables: one step here, of which the numbers must agree.
MODULES = {"JVM_" + name for name in ("DefineModule", "AddReadsModule", "AddModuleExports", "AddModuleExportsToAll")}
# Loaders are asked when a verifier meets a name, and HotSpot verifies a class's methods in the order of their names' addresses:
# where many classes are verified (javac's), these are compared by their numbers alone.
LOADING = {"JVM_" + name for name in ("FindLoadedClass", "DefineClassWithSource", "FindClassFromBootLoader", "InitClassName")}
# Function: how many more calls HotSpot's sequence and ours may have, and why.
EXPLAINED = {
    "JVM_GetStackAccessControlContext": (4, 0, "HotSpot makes Thread objects for threads that our machine has not (service, "
                                               "deflation of monitors, notification) or makes when they are needed"),
    "JVM_GetInheritedAccessControlContext": (4, 0, "as above"),
    "JVM_FindLibraryEntry": (2, 0, "NativeImageBuffer.getNativeMap is the machine's own, not libjimage's"),
    "JVM_FillInStackTrace": (2, 2, "whether a method is there is answered without an exception while no class has said its "
                                   "descriptor, which depends on the order in which classes are loaded"),
    "JVM_DesiredAssertionStatus": (2, 2, "strings' methods are C code, so that StringLatin1 is initialized later"),
}
# javac walks sets that are ordered by identity hashes: so many calls may be in another place.
MOVED_MAX = 80
COUNTS_MAX = 0.01  # of LOADING: a loader that was asked before another is not asked again by it

PROGRAMS = {
    "hello": (["java", "-cp", ".", "Hello"], False),
    "streams": (["java", "-cp", ".", "Streams"], False),
    "javac": (["javac", "-d", "out", "Hello.java"], True),
}


def skip(why):
    print("SKIPPED:", why)
    sys.exit(77)


def record(program, forwarder, machine, names, folder):
    """Runs the program; returns its output and the names of what was called."""
    words, _ = PROGRAMS[program]
    to_machine = "-J" if words[0] != "java" else ""
    options = [f"-XXaltjvm={forwarder}", "-Xint", "-Xshare:off", "-XX:+UseSerialGC", "-XX:+IgnoreUnrecognizedVMOptions"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JAVA", "_JAVA", "JDK", "LD_"))}
    path = os.path.join(folder, "calls")
    environment.update(CALLS_JVM=machine, CALLS_FILE=path)
    done = subprocess.run([f"{JDK}/bin/{words[0]}", *(to_machine + option for option in options), *words[1:]], cwd=folder,
                          capture_output=True, timeout=200, env=environment)
    with open(path, "rb") as calls:
        count, = struct.unpack("<Q", calls.read(8))
        numbers = struct.unpack(f"<{count}H", calls.read(2 * count))
    os.remove(path)
    return (done.returncode, done.stdout, done.stderr), [names[number] for number in numbers]


def sequence(calls, unordered):
    """The names in their order, runs of one as one."""
    kept = ("modules" if call in MODULES else call for call in calls if call not in ANSWERED and call not in unordered)
    return [name for name, _ in itertools.groupby(kept)]


def differences(theirs, ours, folder):
    """What of either sequence is not in their longest common one, as [(HotSpot's, ours)] by place."""
    for name, calls in (("theirs", theirs), ("ours", ours)):
        with open(os.path.join(folder, name), "w") as out:
            out.writelines(call + "\n" for call in calls)
    text = subprocess.run(["diff", "--minimal", "-U0", "theirs", "ours"], cwd=folder, capture_output=True, text=True).stdout
    return [tuple([line[1:] for line in hunk.splitlines()[1:] if line[0] == sign] for sign in "-+") for hunk in text.split("\n@@")[1:]]


def explain(program, found):
    """Lines that say what no table explains."""
    only = [collections.Counter(), collections.Counter()]
    for theirs, ours in found:
        only[0].update(theirs), only[1].update(ours)
    moved = (only[0] & only[1]) if PROGRAMS[program][1] else collections.Counter()
    wrong = [f"{moved.total()} calls in another place"] if moved.total() > MOVED_MAX else []
    for side, name in enumerate(("HotSpot", "ours")):
        for call, count in (only[side] - moved).items():
            if count > EXPLAINED.get(call, (0, 0))[side]:
                wrong.append(f"{call}: {count} times more under {name}")
    return wrong


def compare_counts(theirs, ours, program):
    theirs, ours = collections.Counter(theirs), collections.Counter(ours)
    wrong = [f"{name}: {ours[name]} calls where the machine answers itself" for name in sorted(ANSWERED) if ours[name]]
    for name in sorted(MODULES | LOADING):
        allowed = COUNTS_MAX * theirs[name] if name in LOADING and PROGRAMS[program][1] else 0
        if abs(theirs[name] - ours[name]) > allowed:
            wrong.append(f"{name}: {ours[name]} calls, HotSpot {theirs[name]}")
    return wrong


def main():
    forwarder, names, machine = (os.path.abspath(path) for path in sys.argv[1:4])
    if not os.access(f"{JDK}/bin/javac", os.X_OK):
        skip("no javac of OpenJDK 17 (openjdk-17-jdk-headless)")
    with open(names) as rows:
        names = re.findall(r"^NAME\(\d+, (\w+)\)", rows.read(), re.M)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "Hello.java"), "w") as out:
            out.write('public class Hello {\n    public static void main(String[] a) {\n        System.out.println("Hello, World");\n    }\n}\n')
        subprocess.run([f"{JDK}/bin/javac", "-d", folder, os.path.join(folder, "Hello.java"), os.path.join(HERE, "Streams.java")], check=True)
        for program, (_, verifies) in PROGRAMS.items():
            said, theirs = record(program, os.path.dirname(forwarder), f"{JDK}/lib/server/libjvm.so", names, folder)
            answer, ours = record(program, os.path.dirname(forwarder), machine, names, folder)
            unordered = LOADING if verifies else set()
            found = differences(sequence(theirs, unordered), sequence(ours, unordered), folder)
            wrong = explain(program, found) + compare_counts(theirs, ours, program)
            if said != answer or said[0] != 0:
                wrong.append(f"{answer!r}\n  HotSpot: {said!r}")
            failed |= bool(wrong)
            print("FAILED" if wrong else "ok    ", program, f"{len(theirs)} calls, of ours {len(ours)}")
            for line in wrong:
                print(" ", line)
            for one, other in found if wrong else []:
                print("  place:", "HotSpot", one, "ours", other)
    sys.exit(failed)


main()
