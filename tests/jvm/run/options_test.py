#!/usr/bin/python3
"""The command line of our virtual machine and of HotSpot: what is accepted, refused, warned of and printed, and exit codes.

    options_test.py LIBJVM-FOLDER SOURCE-FOLDER [TEST...]
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import jvm_lab

FOLDER, SOURCE = (os.path.abspath(word) for word in (sys.argv.pop(1), sys.argv.pop(1)))
HOTSPOT, OURS = "OpenJDK 64-Bit Server VM", "Strata 64-Bit VM"
IGNORED = re.compile(f"{OURS} warning: -XX:.* and the like are HotSpot's own and are ignored here\n")

# -XX flags that are refused, each by itself.
REFUSED = """
-XX:Foo  -XX:+Foo  -XX:-Foo  -XX:Foo=3  -XX:  -XX:+  -XX:+MaxHeapSize  -XX:UseG1GC  -XX:UseG1GC=true  -XX:+UseG1GC=1  -XX:MaxHeapSize
-XX:MaxHeapSize=  -XX:MaxHeapSiz=3m  -XX:UseZGCC=3  -XX:ErrorFile  -XX:ParallelGCThreads=x  -XX:ParallelGCThreads=-1
-XX:ParallelGCThreads=99999999999999999999  -XX:+PrintInlining  -XX:PrintInlining  -XX:+UseEpsilonGC  -XX:+UseConcMarkSweepGC
-XX:MaxPermSize=3m  -XX:MaxRAMPercentage=200  -XX:MaxRAMPercentage=x  -XX:MaxJavaStackTraceDepth=-3  -XX:ActiveProcessorCount=x
-XX:ThreadStackSize=9999999999  -XX:+DefaultMaxRAMFraction  -XX:CreateMinidumpOnCrash=1  -XX:MaxRAMFraction=x  -Xss2g  -Xmx0  -Xmx1x
-Xmx1m  -Xms1k  -Xmnx  -Foo
"""
# The program runs.
TAKEN = """
-XX:+IgnoreUnrecognizedVMOptions -XX:Foo -Foo
-XX:#+Foo
-XX:ErrorFile=
-XX:ThreadStackSize=0
-XX:+PrintVMOptions -XX:ActiveProcessorCount=0
-XX:+AssertOnSuspendWaitFailure
-XX:MaxRAMFraction=2
-XX:+UseBiasedLocking
-XX:MaxMetaspaceSize=1g -XX:+UseG1GC
"""


class Options(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="strata-options-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        jvm_lab.compile_programs(cls.folder, "Hello.java")

    def both(self, *words, **variables):
        """(status, output, errors) of HotSpot and of ours, whose names are left out."""
        theirs = jvm_lab.run([f"{jvm_lab.JDK}/bin/java"], words, self.folder, variables)
        ours = jvm_lab.run([f"{jvm_lab.JDK}/bin/java", f"-XXaltjvm={FOLDER}"], words, self.folder, {**jvm_lab.sanitizer(FOLDER), **variables})
        return (theirs[0], *(text.replace(HOTSPOT, "VM") for text in theirs[1:])), ours

    def same(self, *words, **variables):
        theirs, ours = self.both(*words, **variables)
        errors, ignored = IGNORED.subn("", ours[2])
        self.assertEqual((*ours[:2], errors.replace(OURS, "VM")), theirs, words)
        self.assertLessEqual(ignored, 1, words)
        return ignored

    def test_what_hotspot_refuses_is_refused_with_its_words(self):
        for option in REFUSED.split():
            with self.subTest(option):
                self.same(option, "Hello")

    def test_what_hotspot_takes_is_taken_with_its_warnings(self):
        for line in TAKEN.strip().splitlines():
            with self.subTest(line):
                self.same(*line.split(), "Hello")

    def test_hotspots_own_flags_are_ignored_with_one_warning(self):
        self.assertEqual(self.same("-XX:+UseG1GC", "-XX:MaxMetaspaceSize=1g", "-XX:-TieredCompilation", "Hello"), 1)
        self.assertEqual(self.same("-XX:+IgnoreUnrecognizedVMOptions", "-XX:+UseG1GC", "Hello"), 0)

    def test_all_of_hotspots_flags_are_known(self):
        words = ["-XX:+UnlockDiagnosticVMOptions", "-XX:+UnlockExperimentalVMOptions", "-XX:+PrintFlagsFinal", "-version"]
        printed = subprocess.run([f"{jvm_lab.JDK}/bin/java", *words], capture_output=True, text=True, check=True).stdout
        theirs = {}
        for kind, name, states in re.findall(r"^ *(\w+) (\w+) += .*?\{([^{}]*)\} \{[^{}]*\}$", printed, re.M):
            state = set(states.split()) & {"product", "manageable", "diagnostic", "experimental"}
            theirs[name] = (kind, *state)
        with open(os.path.join(SOURCE, "src/jvm/jdk/jdk_flags.def"), encoding="ascii") as file:
            rows = re.findall(r"^FLAG\((\w+), (\w+), (\w+)\)$", file.read(), re.M)
        names = [row[2] for row in rows]
        self.assertEqual(names, sorted(set(names)))
        self.assertEqual({name: (kind, state) for kind, state, name in rows if name in theirs}, theirs)

    def test_prints_flags_as_hotspot_does(self):
        theirs, ours = self.both("-Xmx64m", "-XX:MaxRAMPercentage=30", "-XX:+PrintFlagsFinal", "-XX:+UseContainerSupport", "Hello")
        for name in ("ActiveProcessorCount", "ErrorFile", "MaxHeapSize", "MaxRAMPercentage", "ThreadStackSize", "UseContainerSupport"):
            line = next(line for line in theirs[1].splitlines() if f" {name} " in line)
            self.assertIn(line.replace("{pd product}", "   {product}"), ours[1])
        self.assertEqual([text.splitlines()[0] for text in (theirs[1], ours[1])], ["[Global flags]"] * 2)
        said = self.both("-Xmx64m", "-XX:+PrintCommandLineFlags", "Hello")[1][1]
        self.assertRegex(said, r"^-XX:InitialHeapSize=\d+ -XX:MaxHeapSize=67108864 -XX:\+PrintCommandLineFlags \nHello")


if __name__ == "__main__":
    jvm_lab.skip_unless_possible()
    unittest.main()
