#!/usr/bin/python3
"""Java programs on our virtual machine and on HotSpot: the same output, messages and exit codes.

    programs_test.py LIBJVM-FOLDER EMBEDDER [NAME...]
"""
import difflib
import glob
import os
import re
import sys
import tempfile

from jvm_lab import JDK, WRITER, compile_programs, run, sanitizer, skip_unless_possible

# What of the library looks into the machine: a program each.
LIBRARY = ("Reflection", "ReflectedArrays", "Records", "Handles", "StackWalks", "NullMessages")
OPENED = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in (
    "java.math", "java.lang", "java.util", "java.util.zip", "sun.security.provider", "com.sun.crypto.provider", "jdk.internal.util",
    "sun.nio.cs")]
BEANS = ["--add-opens=java.management/sun.management=ALL-UNNAMED", "--add-opens=jdk.management/com.sun.management.internal=ALL-UNNAMED"]
NATIVES = "-Djava.library.path=" + os.path.dirname(os.path.abspath(sys.argv[2]))
# Name, options of the machine, class and arguments.
RUNS = [
    ("basics", ["-Xmx64m"], ["Basics"]),
    ("basics_stressed", ["-Xmx64m", "-XX:GCStress=5000"], ["Basics"]),
    ("basics_wide", ["-Xmx64m", "-XX:-CompactStrings"], ["Basics"]),
    ("hello_at_each_allocation", ["-Xmx32m", "-XX:GCStress=1"], ["Hello"]),
    ("allocations", ["-Xmx32m"], ["Allocations"]),
    ("allocations_stressed", ["-Xmx32m", "-XX:GCStress=50"], ["Allocations"]),
    ("loaders", ["-Xmx32m"], ["Loaders"]),
    ("loaders_stressed", ["-Xmx32m", "-XX:GCStress=2000"], ["Loaders"]),
    *((f"ends_{how}", [], ["Ends", how]) for how in ("return", "exit", "halt", "throw", "thread", "handler", "daemon", "cause", "overflow")),
    *((f"ends_{how}", [], ["Ends", how]) for how in ("TERM", "INT", "HUP")),
    ("ends_stressed", ["-XX:GCStress=1"], ["Ends", "return"]),
    *((f"ends_{how}", ["-Xmx32m"], ["Ends", how]) for how in ("memory", "caught")),
    ("ends_commands_on_oom", ["-Xmx32m", "-XX:OnOutOfMemoryError=echo one%%; echo two", "-XX:OnOutOfMemoryError=echo three"], ["Ends", "caught"]),
    ("ends_exit_on_oom", ["-Xmx32m", "-XX:+ExitOnOutOfMemoryError"], ["Ends", "caught"]),
    *((name.lower(), [], [name]) for name in LIBRARY),
    *((f"{name.lower()}_stressed", ["-XX:GCStress=500"], [name]) for name in ("Reflection", "Handles")),
    ("package_access", ["-Djava.security.manager=allow"], ["PackageAccess"]),
    ("package_access_stressed", ["-Djava.security.manager=allow", "-XX:GCStress=200"], ["PackageAccess"]),
    # Without a collection that clears what methods need no more; HotSpot's interpreter keeps it.
    ("live_frames", ["-Xint", "-Xms64m", "--add-opens=java.base/java.lang=ALL-UNNAMED"], ["LiveFrames"]),
    ("link_errors", [WRITER], ["LinkErrors"]),
    ("limits", [WRITER], ["Limits"]),
    ("monitors", [WRITER], ["Monitors"]),
    ("beans", ["-Xmx64m"], ["Beans"]),
    ("contention", [], ["Contention"]),
    ("thresholds", ["-Xmx64m", "-Xmn8m", *BEANS], ["Thresholds"]),
    ("thresholds_stressed", ["-Xmx64m", "-Xmn8m", "-XX:GCStress=2000", *BEANS], ["Thresholds"]),
    # HotSpot's compiled code does not bear bad arguments of the library's private methods.
    ("intrinsics", ["-Xint", *OPENED], ["Intrinsics"]),
    ("faults", ["-Xint", "--add-opens=java.base/java.nio=ALL-UNNAMED"], ["Faults"]),
    ("natives", [NATIVES], ["Natives"]),
    ("natives_stressed", [NATIVES, "-XX:GCStress=20"], ["Natives"]),
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
    codes = [run([f"{JDK}/bin/java", *chosen, "-XX:-CreateCoredumpOnCrash"], words, classes)[0] for chosen in ([], [f"-XXaltjvm={folder}"])]
    good = ours[0] == expected[0] and len(reports) == 2 and not missing and os.path.basename(reports[-1]) in ours[1] and codes == [1, 1]
    print("ok     crash" if good else f"FAILED crash\n  {ours!r}\n  HotSpot: {expected!r}\n  not in the report: {missing}, without a core {codes}")
    return good


def ignored(folder, classes):
    """Signals that were ignored when the program started stay so, as nohup and shells want it; SIGTERM is not one of them."""
    results = []
    for java in ([f"{JDK}/bin/java"], [f"{JDK}/bin/java", f"-XXaltjvm={folder}"]):
        results.append(run(["sh", "-c", 'trap "" INT HUP; exec "$@"', "sh", *java], ["Ends", "ignored"], classes, sanitizer(folder)))
    print("ok     ignored" if results[0] == results[1] else f"FAILED ignored\n  {results[1]!r}\n  HotSpot: {results[0]!r}")
    return results[0] == results[1]


def hashes(folder, classes):
    """Identity hashes, and with them the order in which programs walk their sets, are the same in each run."""
    ran = [run([f"{JDK}/bin/java", f"-XXaltjvm={folder}"], ["Ends", "hashes"], classes, sanitizer(folder)) for _ in range(2)]
    good = ran[0] == ran[1] and re.match(r"(\d+) (?!\1\n)\d+\n", ran[0][1]) is not None
    print("ok     hashes" if good else f"FAILED hashes\n  {ran!r}")
    return good


def limited(folder, classes):
    """A limit of files' size is none of the machine's own memory."""
    results = []
    for java in ([f"{JDK}/bin/java"], [f"{JDK}/bin/java", f"-XXaltjvm={folder}"]):
        results.append(run(["sh", "-c", 'ulimit -f 100; exec "$@"', "sh", *java], ["Hello"], classes, sanitizer(folder)))
    print("ok     limited" if results[0] == results[1] else f"FAILED limited\n  {results[1]!r}\n  HotSpot: {results[0]!r}")
    return results[0] == results[1]


def attach(folder, classes):
    """Tools that attach are told that they cannot, and the program goes on."""
    ours = run([f"{JDK}/bin/java", f"-XXaltjvm={folder}"], ["Ends", "attach"], classes, sanitizer(folder))
    said = "Strata 64-Bit VM warning: attaching (jcmd, jstack, jmap, jinfo) is not in this virtual machine yet\n"
    good = ours == (0, "goes on\nhook\n", said)
    print("ok     attach" if good else f"FAILED attach\n  {ours!r}")
    return good


def shape(text):
    """The threads of a dump that both machines have, and deadlocks, without numbers."""
    parts = re.split(r"\n(?=\"|Found one|JNI|Heap)", text)
    parts = [part for part in parts if not re.match('"(Signal|Service|Monitor Defl|Notification|Common-C|process reaper|VM|main|C[12] |G1|GC|Sweeper|Reference)', part)]
    parts = [re.sub("\\nHeap.*", "\\nHeap\n" if "\n\n" in part else "", part, flags=re.S) if part.startswith("Heap") else part for part in parts]
    text = "\n".join(parts[1:])
    for pattern, instead in (("0x[0-9a-f]+", "0xN"), (r"cpu=[\d.]+ms elapsed=[\d.]+s", "cpu elapsed"), (r" #\d+ ", " #N "), (r"refs: \d+", "refs: N"),
                             (r"(?s)Heap\n.*?\n\n", "Heap\n")):
        text = re.sub(pattern, instead, text)
    return text


def dump(folder, classes):
    """SIGQUIT: a thread dump in HotSpot's form, and the program goes on."""
    expected = run([f"{JDK}/bin/java", "-Xint", "-XX:+UseSerialGC"], ["Threads"], classes)
    ours = run([f"{JDK}/bin/java", f"-XXaltjvm={folder}"], ["Threads"], classes, sanitizer(folder))
    good = (ours[0], shape(ours[1]), ours[2]) == (expected[0], shape(expected[1]), expected[2])
    good = good and re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\nFull thread dump Strata 64-Bit VM \(.*\):\n\n", ours[1]) is not None
    print("ok     dump" if good else "FAILED dump")
    if not good:
        print("\n".join(difflib.unified_diff(shape(expected[1]).splitlines(), shape(ours[1]).splitlines(), "HotSpot", "ours", lineterm="")), ours[2])
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
            failed += not dump(folder, classes)
            failed += not ignored(folder, classes)
            failed += not hashes(folder, classes)
            failed += not attach(folder, classes)
            failed += not limited(folder, classes)
            if not sanitizer(folder):  # which handles faults itself
                failed += not crash(folder, classes)
            print("ok     embedded" if ours == expected else f"FAILED embedded\n  {ours!r}\n  HotSpot: {expected!r}")
    sys.exit(failed != 0)


main()
