#!/usr/bin/python3
"""Programs of bench/jvm, and javac of one class, with a collection that moves everything at every N-th allocation: HotSpot's output.

    stress_test.py LIBJVM-FOLDER [--every N] [NAME...]
"""
import argparse
import filecmp
import os
import subprocess
import sys
import tempfile

import jvm_lab

SOURCES = os.path.normpath(os.path.join(jvm_lab.HERE, "../../../bench/jvm/src"))
PROGRAMS = ("NBody Fannkuch SpectralNorm BinaryTrees Mandelbrot KNucleotide RegexBench StringBuild SortBench Sieve SciMark Exceptions "
            "Dispatch Streams MHBench Crypto Colls Richards MiniInterp MatLong HugeMethod ClassLoadBench GcChurn GcPause IoBench "
            "SyncBench").split()
# Those that are compiled with string concatenation by invokedynamic.
DYNAMIC = ("StringBuild", "RegexBench", "Streams")
SCALE, REPEATS = "10", "1"


def compile_benchmarks(classes):
    javac = [f"{jvm_lab.JDK}/bin/javac", "-nowarn", "-Xlint:none", "-d", classes]
    sources = [os.path.join(SOURCES, name) for name in os.listdir(SOURCES) if name.endswith(".java")]
    subprocess.run([*javac, "-XDstringConcat=inline", *sources], check=True)
    subprocess.run([*javac, "-cp", classes, *(os.path.join(SOURCES, name + ".java") for name in DYNAMIC)], check=True)


def untimed(done):
    """The end of a run without the lines that tell times."""
    status, out, errors = done
    return status, [line for line in out.splitlines() if not line.startswith("BENCH")], errors


def benchmark(name, folder, options, classes):
    words = ["-Xmx512m", name, SCALE, REPEATS]
    expected = untimed(jvm_lab.run([f"{jvm_lab.JDK}/bin/java"], words, classes))
    ours = untimed(jvm_lab.run([f"{jvm_lab.JDK}/bin/java", f"-XXaltjvm={folder}", *options], words, classes, jvm_lab.sanitizer(folder)))
    return ours, expected


def javac(folder, options, classes):
    """What javac says of one class, and whether the class file is the same."""
    source, made = os.path.join(jvm_lab.HERE, "Basics.java"), [os.path.join(classes, name) for name in ("theirs", "ours")]
    machine = [f"-XXaltjvm={folder}", *options]
    expected = jvm_lab.run([f"{jvm_lab.JDK}/bin/javac"], ["-Xlint:all", "-d", made[0], source], classes)
    ours = jvm_lab.run([f"{jvm_lab.JDK}/bin/javac", *("-J" + option for option in machine)], ["-Xlint:all", "-d", made[1], source], classes,
                       jvm_lab.sanitizer(folder))
    names = sorted(os.listdir(made[0]))
    different = filecmp.cmpfiles(*made, names, shallow=False)[1:]
    return (ours, different), (expected, ([], []))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--every", default="20000")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    folder, options = os.path.abspath(given.folder), [f"-XX:GCStress={given.every}"]
    jvm_lab.skip_unless_possible()
    failed = 0
    with tempfile.TemporaryDirectory() as classes:
        compile_benchmarks(classes)
        for name in given.names or [*PROGRAMS, "javac"]:
            ours, expected = javac(folder, options, classes) if name == "javac" else benchmark(name, folder, options, classes)
            failed += ours != expected
            print(f"ok     {name}" if ours == expected else f"FAILED {name}\n  {ours!r}\n  HotSpot: {expected!r}", flush=True)
    sys.exit(failed != 0)


main()
