#!/usr/bin/python3
"""Random programs on our virtual machine and on HotSpot: each must say the same on both.

    random_test.py LIBJVM-FOLDER [--kind java|bytecode] [--seed N] [--count N] [--minutes N] [--times N] [--ours=OPTION]... [--theirs=OPTION]...

Java source is by java_source.py, class files by class_code.py, which make what no compiler does.

A program that differs is made as small as it can be and told with its seed; `--count 1 --seed N` runs it again. With --minutes
programs of further seeds are run until the time is over. --times is how often each program calls its methods: as many as make
compilers compile. The options are the machines', such as --ours=-XX:GCStress=100 or --theirs=-Xint.
"""
import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../run"))
import class_code  # noqa: E402
import java_source  # noqa: E402
import jvm_lab  # noqa: E402
from reduce import reduce  # noqa: E402

KINDS = {"java": java_source, "bytecode": class_code}
AT_ONCE = 60  # programs in one machine
SHORT = os.environ.get("STRATA_SHORT")


class Lab:
    def __init__(self, given, folder):
        self.given, self.folder = given, folder
        self.helpers = self.path("lab")
        sources = [os.path.join(HERE, "lab", name) for name in ("Boot.java", "Lab.java", "Run.java")]
        subprocess.run([f"{jvm_lab.JDK}/bin/javac", "-nowarn", "-d", self.helpers, *sources], check=True)
        # Compiled code of HotSpot's throws exceptions without a trace otherwise.
        self.theirs = [f"{jvm_lab.JDK}/bin/java", "-XX:-OmitStackTraceInFastThrow", "-XX:+UseSerialGC"]
        self.ours = [f"{jvm_lab.JDK}/bin/java", f"-XXaltjvm={given.machine}", *given.ours]
        self.sanitizer = jvm_lab.sanitizer(given.machine)
        self.batches, self.reducing = 0, False

    def path(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path, exist_ok=True)
        return path

    def lab(self, java, words, more, limit):
        """What the programs' runner does: its status, 'no end' after the limit, and what it says."""
        with open(os.path.join(self.folder, "said"), "w+b") as said, open(os.path.join(self.folder, "errors"), "w+b") as errors:
            environment = {name: value for name, value in os.environ.items() if not name.startswith(("JAVA", "_JAVA", "JDK"))}
            process = subprocess.Popen([*java, "-Xmx512m", "-cp", self.helpers, "lab.Lab", *words], stdout=said, stderr=errors, cwd=self.folder,
                                       env={**environment, **more})
            try:
                status = process.wait(limit)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                status = "no end"
            said.seek(0)
            errors.seek(0)
            return status, said.read().decode(errors="replace"), errors.read().decode(errors="replace")

    def run(self, java, classes, names, more):
        """What each program says. One that ends the machine, or has no end, says that."""
        told, waiting = {}, list(names)
        while waiting:
            limit = 15 + (1 if self.reducing else self.given.limit) * len(waiting)
            status, said, errors = self.lab(java, ["run", classes, str(self.given.times), *waiting], more, limit)
            told.update(re.findall(r"(?ms)^=== (\S+)\n(.*?)^===$", said))
            left = [name for name in waiting if name not in told]
            if left:
                told[left[0]] = f"the machine ended: {status}\n{said[said.rfind('==='):][-300:]}\n{errors[-3000:]}\n"
            elif status != 0 or errors:
                told[waiting[-1]] += f"status {status}\n{errors[-3000:]}\n"
            waiting = left[1:]
        return told

    def compare(self, kind, texts):
        """The names of programs that differ, with what the two machines say. texts: by name, which is the package."""
        self.batches += 1
        classes = self.path(f"{self.batches}/classes")
        names = kind.build(texts, self, self.path(f"{self.batches}/sources"), classes)
        theirs = self.run([*self.theirs, *kind.HOTSPOT, *self.given.theirs], classes, names, {})
        ours = self.run(self.ours, classes, names, self.sanitizer)
        if not self.given.keep:
            subprocess.run(["rm", "-rf", self.path(str(self.batches))], check=True)
        return {name: (ours[name], theirs[name]) for name in names if ours[name] != theirs[name]}

    def smaller(self, kind, name, text):
        """A difference without what it does not need."""
        def are_bad(texts):
            named = {f"r{i}": text.replace(f"{name}", f"r{i}") for i, text in enumerate(texts)}
            different = self.compare(kind, named)
            return [f"r{i}" in different and "no end" not in different[f"r{i}"][1] for i in range(len(texts))]
        self.reducing = True
        small = reduce(text, are_bad, self.given.reduce)
        self.reducing = False
        return small


def tell(lab, kind, name, text, outputs):
    print(f"{name}: ours and HotSpot's differ")
    print("\n".join(line[:300] for line in list(difflib.unified_diff(*(out.splitlines() for out in reversed(outputs)), "HotSpot", "ours", lineterm="", n=1))[:20]), flush=True)
    if lab.given.reduce:
        small = lab.smaller(kind, name, text)
        print(f"---- {name}, reduced\n{small}\n----", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("machine", type=os.path.abspath)
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=15 if SHORT else 40)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--ours", action="append", default=[])
    parser.add_argument("--theirs", action="append", default=[])
    parser.add_argument("--limit", type=int, default=5, help="seconds for each program")
    parser.add_argument("--reduce", type=int, default=240, help="seconds for making a program small; 0: as it is")
    parser.add_argument("--keep", help="a folder in which programs stay")
    given = parser.parse_args()
    jvm_lab.skip_unless_possible()
    until, different, run = time.monotonic() + given.minutes * 60, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(given, os.path.abspath(given.keep) if given.keep else folder)
        first = given.seed
        while run == 0 or run < given.count or time.monotonic() < until:
            seeds = range(first, first + (AT_ONCE if given.minutes else min(AT_ONCE, given.count - run)))
            for letter, kind in KINDS.items():
                if given.kind and letter not in given.kind:
                    continue
                texts = {f"{letter}{seed}": kind.generate(seed, f"{letter}{seed}") for seed in seeds}
                for name, outputs in lab.compare(kind, texts).items():
                    different += 1
                    tell(lab, kind, name, texts[name], outputs)
            run, first = run + len(seeds), seeds[-1] + 1
            if given.minutes:
                print(f"seeds to {first - 1}: {different} differ", flush=True)
    print(f"{run} seeds from {given.seed}: {different} programs differ")
    sys.exit(different != 0)


main()
