#!/usr/bin/python3
"""Java programs on our virtual machine and on HotSpot: the same output, messages and exit codes.

    programs_test.py LIBJVM-FOLDER EMBEDDER [NAME...]
"""
import glob
import os
import sys
import tempfile

from jvm_lab import JDK, WRITER, compile_programs, run, sanitizer, skip_unless_possible

# What of the library looks into the machine: a program each.
LIBRARY = ("Reflection", "ReflectedArrays", "Records", "Handles", "StackWalks", "NullMessages")
OPENED = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in (
    "java.math", "java.lang", "java.util", "java.util.zip", "sun.security.provider", "com.sun.crypto.provider", "jdk.internal.util",
    "sun.nio.cs")]
# Name, options of the machine, class and arguments.
RUNS = [
    ("basics", ["-Xmx64m"], ["Basics"]),
    ("basics_stressed", ["-Xmx64m", "-XX:GCStress=5000"], ["Basics"]),
    ("hello_at_each_allocation", ["-Xmx32m", "-XX:GCStress=1"], ["Hello"]),
    ("allocations", ["-Xmx32m"], ["Allocations"]),
    ("allocations_stressed", ["-Xmx32m", "-XX:GCStress=50"], ["Allocations"]),
    ("loaders", ["-Xmx32m"], ["Loaders"]),
    ("loaders_stressed", ["-Xmx32m", "-XX:GCStress=2000"], ["Loaders"]),
    *((f"ends_{how}", [], ["Ends", how]) for how in ("return", "exit", "halt", "throw", "thread", "handler", "daemon", "cause")),
    *((f"ends_{how}", [], ["Ends", how]) for how in ("TERM", "INT", "HUP")),
    ("ends_stressed", ["-XX:GCStress=1"], ["Ends", "return"]),
    *((f"ends_{how}", ["-Xmx32m"], ["Ends", how]) for how in ("memory", "caught")),
    ("ends_exit_on_oom", ["-Xmx32m", "-XX:+ExitOnOutOfMemoryError"], ["Ends", "caught"]),
    *((name.lower(), [], [name]) for name in LIBRARY),
    *((f"{name.lower()}_stressed", ["-XX:GCStress=500"], [name]) for name in ("Reflection", "Handles")),
    ("link_errors", [WRITER], ["LinkErrors"]),
    ("limits", [WRITER], ["Limits"]),
    ("beans", ["-Xmx64m"], ["Beans"]),
    # HotSpot's compiled code does not bear bad arguments of the library's private methods.
    ("intrinsics", ["-Xint", *OPENED], ["Intrinsics"]),
    ("faults", ["-Xint", "--add-opens=java.base/java.nio=ALL-UNNAMED"], ["Faults"]),
    ("no_such_class", [], ["Nowhere"]),
    ("assertions", ["-ea"], ["Ends", "return"]),
    ("bad_option", ["-Xmx1x"], ["Ends", "return"]),
]
# What takes minutes: only by name.
LONG_RUNS = [("allocations_at_each_allocation", ["-Xmx32m", "-XX:GCStress=1"], ["Allocations"])]


def crash(folder, classes):
    """A fault ends the process as HotSpot does, with a report that names the signal and the Java frames."""
    words = ["-XX:ErrorFile=report%p.log", "Ends", "crash"]
    expected = run([f"{JDK}/bin/java"], words, classes)
    ours = run([f"{JDK}/bin/java", f"-XXaltjvm={folder}"], words, classes)
    reports = sorted(glob.glob(os.path.join(classes, "report*.log")), key=os.path.getmtime)
    with open(reports[-1], encoding="utf-8") as report:
        text = report.read()
    parts = ("A fatal error has been detected", "SIGSEGV (0xb) at pc=0x", "Ends.main(Ends.java:", "si_addr: 0x10", "-XX:ErrorFile=report%p.log", "END.")
    missing = [part for part in parts if part not in text]
    good = ours[0] == expected[0] and len(reports) == 2 and not missing and os.path.basename(reports[-1]) in ours[1]
    print("ok     crash" if good else f"FAILED crash\n  {ours!r}\n  HotSpot: {expected!r}\n  not in the report: {missing}")
    return good


def main():
    folder, embedder, only = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3:]
    skip_unless_possible()
    with tempfile.TemporaryDirectory() as classes:
        compile_programs(classes)
        failed = 0
        for name, options, words in RUNS if not only else [row for row in RUNS + LONG_RUNS if row[0] in only]:
            theirs = [option for option in options if "GCStress" not in option]
            expected = run([f"{JDK}/bin/java", *theirs, "-XX:+UseSerialGC"], words, classes)
            ours = run([f"{JDK}/bin/java", f"-XXaltjvm={folder}", *options], words, classes, sanitizer(folder))
            good = ours == expected
            failed += not good
            print(("ok    " if good else "FAILED"), name)
            for what, one, other in zip(("status", "output", "errors"), ours, expected):
                if one != other:
                    print(f"  {what}: {one!r}\n  HotSpot: {other!r}")
        if not only or "embedded" in only:
            words = ["-Djava.class.path=" + classes, "-Xmx64m"]
            expected = run([embedder, f"{JDK}/lib/server/libjvm.so"], words, classes)
            ours = run([embedder, f"{folder}/libjvm.so"], [*words, "-XX:GCStress=500"], classes,
                       {"JAVA_HOME": JDK, **sanitizer(folder)})
            failed += ours != expected
            if not sanitizer(folder):  # which handles faults itself
                failed += not crash(folder, classes)
            print("ok     embedded" if ours == expected else f"FAILED embedded\n  {ours!r}\n  HotSpot: {expected!r}")
    sys.exit(failed != 0)


main()
