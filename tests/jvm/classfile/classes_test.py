"""Class files: our parser and verifier against a JDK 17.

Every class of lib/modules must pass both. Then classes with a random change each are told of by HotSpot (defined, linked
and initialized by Verdicts.java), by class_checker and by our machine, as HotSpot: the verdicts, accepted or the class of the
error, must agree; so must the machine's on the same classes as of older versions.
    classes_test.py CHECKER [--machine LIBJVM-FOLDER] [--count N] [--seed N] [--messages]
                                                                    --messages: those of agreeing errors that differ too
"""
import argparse
import collections
import os
import shutil
import struct
import subprocess
import sys
import tempfile

JDKS = ("/usr/lib/jvm/java-17-openjdk-amd64", "/usr/lib/jvm/java-17-openjdk-arm64")
# Below version 50 and, where the typed verifier refuses, in 50 itself, the library's inferring verifier decides.
UNDECIDED = "old"
OLD = (46, 50)


def skip(why):
    print("SKIPPED:", why)
    sys.exit(77)


def run(*words):
    done = subprocess.run(words, capture_output=True, timeout=400)
    out, errors = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}: status {done.returncode}\n{out[-4000:]}{errors[-4000:]}")
    return out


def records(path):
    """The (name, bytes) of a file of classes."""
    data, at, found = open(path, "rb").read(), 0, []
    while at < len(data):
        parts = []
        for _ in range(2):
            length = struct.unpack_from(">I", data, at)[0]
            parts.append(data[at + 4:at + 4 + length])
            at += 4 + length
        found.append(tuple(parts))
    return found


class Lab:
    def __init__(self, checker, jdk, folder):
        self.checker, self.jdk, self.folder = checker, jdk, folder
        self.modules = os.path.join(jdk, "lib/modules")
        run(os.path.join(jdk, "bin/javac"), "-d", folder, os.path.join(os.path.dirname(__file__), "Verdicts.java"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def ours(self, classes):
        return run(self.checker, self.modules, "verdicts", classes).split("\n")[:-1]

    def machines(self, classes, *options):
        """The verdicts of a Java machine: HotSpot's unless an option names ours."""
        run(os.path.join(self.jdk, "bin/java"), *options, "--add-modules", "ALL-SYSTEM", "-Xint", "-XX:+UseSerialGC", "-Xmx512m", "-cp", self.folder,
            "Verdicts", classes, classes + ".told")
        with open(classes + ".told", "rb") as told:
            return told.read().decode(errors="replace").split("\n")[:-1]

    def write(self, name, classes):
        with open(self.path(name), "wb") as out:
            for name_bytes, data in classes:
                out.write(struct.pack(">I", len(name_bytes)) + name_bytes + struct.pack(">I", len(data)) + data)
        return self.path(name)

    def seeds(self, count, version):
        """Classes that both accept as they are, or as classes of another version."""
        run(self.checker, self.modules, "seeds", self.path("candidates"), str(count))
        classes = records(self.path("candidates"))
        if version:
            classes = [(name, data[:4] + struct.pack(">HH", 0, version) + data[8:]) for name, data in classes]
            self.write("candidates", classes)
        told = zip(classes, self.ours(self.path("candidates")), self.machines(self.path("candidates")))
        return self.write("seeds", [one for one, ours, hotspots in told if kind(ours) in ("accepted", UNDECIDED) and hotspots == "accepted"])


def kind(verdict):
    return verdict.split(": ")[0]


def compare(lab, machine, count, seed, messages, version=None):
    run(lab.checker, lab.modules, "mutate", lab.seeds(4000, version), lab.path("mutants"), str(count), str(seed))
    ours, hotspots = lab.ours(lab.path("mutants")), lab.machines(lab.path("mutants"))
    machines = lab.machines(lab.path("mutants"), f"-XXaltjvm={machine}") if machine else hotspots
    if not len(ours) == len(hotspots) == len(machines) == count:
        sys.exit(f"{count} classes, {len(ours)} verdicts of ours, {len(machines)} of our machine's, {len(hotspots)} of HotSpot's")
    kinds, differ, worded = collections.Counter(), 0, 0
    for number, (our, hotspot) in enumerate(zip(machines, hotspots)):
        if kind(our) != kind(hotspot):
            differ += 1
            print(f"class {number}: our machine's {our[:300]}\n    HotSpot's {hotspot[:300]}")
    for number, (our, hotspot) in enumerate(zip(ours, hotspots)):
        kinds[kind(our)] += 1
        if kind(our) == UNDECIDED:
            continue
        if kind(our) != kind(hotspot):
            differ += 1
            print(f"class {number}: ours {our[:300]}\n    HotSpot's {hotspot[:300]}")
        elif our != hotspot and ": " in our and our.split(": ", 1)[1]:
            worded += 1
            if messages:
                print(f"class {number}: ours {our}\n    HotSpot's {hotspot}")
    print(f"seed {seed}: {count} changed classes{f' of version {version}' if version else ''}, {differ} verdicts differ, {worded} messages differ;",
          ", ".join(f"{k} {n}" for k, n in kinds.most_common()))
    if messages or differ:
        shutil.copy(lab.path("mutants"), "mutants.bin")
    return differ


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("checker")
    parser.add_argument("--machine")
    parser.add_argument("--count", type=int, default=1000 if os.environ.get("STRATA_SHORT") else 10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--messages", action="store_true")
    args = parser.parse_args()
    jdk = next((j for j in JDKS if os.path.exists(os.path.join(j, "lib/modules"))), None)
    if jdk is None:
        skip("openjdk-17-jre-headless is not installed")
    print(run(args.checker, os.path.join(jdk, "lib/modules"), "all").strip().split("\n")[-1])
    if not os.path.exists(os.path.join(jdk, "bin/javac")):
        print("SKIPPED: openjdk-17-jdk-headless is not installed: no comparison with HotSpot")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(args.checker, jdk, folder)
        differ = compare(lab, args.machine, args.count, args.seed, args.messages)
        for version in OLD if args.machine else ():
            differ += compare(lab, args.machine, args.count // 5, args.seed, args.messages, version)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
