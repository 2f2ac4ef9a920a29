#!/usr/bin/python3
"""The command line of our virtual machine and of HotSpot: what is accepted, refused, warned of and printed, and exit codes.

    options_test.py LIBJVM-FOLDER SOURCE-FOLDER [TEST...]
"""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

import jvm_lab

FOLDER, SOURCE = (os.path.abspath(word) for word in (sys.argv.pop(1), sys.argv.pop(1)))
HOTSPOT, OURS = "OpenJDK 64-Bit Server VM", "Strata 64-Bit VM"
IGNORED = re.compile(f"{OURS} warning: -XX:.* and the like are HotSpot's own and are ignored here\n")

# Options that are refused, each by itself.
REFUSED = """
-XX:Foo  -XX:+Foo  -XX:-Foo  -XX:Foo=3  -XX:  -XX:+  -XX:+MaxHeapSize  -XX:UseG1GC  -XX:UseG1GC=true  -XX:+UseG1GC=1  -XX:MaxHeapSize
-XX:MaxHeapSize=  -XX:MaxHeapSiz=3m  -XX:UseZGCC=3  -XX:ErrorFile  -XX:ParallelGCThreads=x  -XX:ParallelGCThreads=-1
-XX:ParallelGCThreads=99999999999999999999  -XX:+PrintInlining  -XX:PrintInlining  -XX:+UseEpsilonGC  -XX:+UseConcMarkSweepGC
-XX:MaxPermSize=3m  -XX:MaxRAMPercentage=200  -XX:MaxRAMPercentage=x  -XX:MaxJavaStackTraceDepth=-3  -XX:ActiveProcessorCount=x
-XX:ThreadStackSize=9999999999  -XX:+DefaultMaxRAMFraction  -XX:CreateMinidumpOnCrash=1  -XX:MaxRAMFraction=x  -Xss2g  -Xss135k  -Xmx0  -Xmx1x
-Xmx1m  -Xms1k  -Xmnx  -Foo  -Xcheck:foo  -Xshare:foo  -Xbootclasspath:foo  -Xbootclasspath/p:foo  -Xverify:foo  -Xincgc
-Djava.ext.dirs=/x  -Djava.endorsed.dirs=/x  --add-modules=nope  --patch-module=foo  --add-opens=foo  -XX:Flags=/none
-XX:VMOptionsFile=/none  -XX:VMOptionsFile=/  -XX:VMOptionsFile=nested  -XX:MaxRAMPercentage=5e-1  -XX:MaxRAMPercentage=nan
-XX:MaxDirectMemorySize=9223372036854775808  -XX:InitialHeapSize=x  -Xmn0  -Xmaxfx  -Xminf2  -Xmaxjitcodesizex  -Xdebugfoo  -Xcheck  -Xshare:dumpx
-Xlog:foo  -Xlog:gc=foo  -Xlog:gc=inf  -Xlog:gc+foo  -Xlog:gc+gc  -Xlog:*  -Xlog:disable:x  -Xlogfoo
-Xlog:gc:foo=x  -Xlog:gc:stdout:foo  -Xlog:gc:file=a.log::foo=1  -Xlog:gc:file=a.log::filesize=x
-Xlog:all*  -Xlog:foo=bar  -Xlog:gc+start+ref+task+time+age  -Xlog:gc:#9  -Xlog:gc:"a  -Xlog:gc:"a"b  -Xlog:gc:stdout:"none"
-Xlog:gc:file=/dev/null  -Xlog:gc:file=a.log::filecount  -Xlog:gc:file=a.log::filecount=0x1  -Xlog:gc:file=a.log::filecount=1,
"""
# The program runs.
TAKEN = """
-XX:+IgnoreUnrecognizedVMOptions -XX:Foo -Foo
-XX:#+Foo
-XX:ErrorFile=
-XX:ThreadStackSize=0
-XX:ThreadStackSize=136 -XX:-CompactStrings -XX:-CreateCoredumpOnCrash
-XX:+PrintVMOptions -XX:ActiveProcessorCount=0
-XX:+AssertOnSuspendWaitFailure
-XX:MaxRAMFraction=2
-XX:+UseBiasedLocking
-XX:MaxMetaspaceSize=1g -XX:+UseG1GC
-Xprof -Xmaxf0.6 -Xminf0.3 -Xmaxjitcodesize10m -Xnoclassgc -Xfuture
-Djdk.module.addmods.0=x -Djdk.module.path=y
-Xverify:none --illegal-access=permit
-ea:foo... -da:foo.Bar -esa -dsa
-Xlog:disable -Xlog:async -Xlog:safepoint
-Xlog:gc::none
-Xlog:gc:stderr:l,tg
-Xlog:gc:file=a.log
-Xlog:gc*:file="a:b.log":time,level:filecount=2,filesize=1M
-XX:+PrintGC
-Xloggc:c.log
-verbose:gc
-XX:MaxRAMFraction=18446744073709551615 -Xnoagent -Xdebug -Xmaxf0.5
-Xlog:GC=INFO:stdout:NONE -Xlog:safepoint=off
-Xlog:gc:stdout:level,tags:x:y:z
-Xlog:gc:#1 -Xlog:gc:"stdout"
-Xlog:gc:file=/dev/stdout
-Xlog:gc+foo -Xlog:gc+start+ref+task
"""
# What is not there, and what is said: agents and what else people must not believe to be there.
ABSENT = [(f"{option}", f"{option}: agents, debugging and recording are not in this virtual machine yet\n") for option in (
    "-agentlib:jdwp=transport=dt_socket,server=y", "-agentpath:/nope.so", "-javaagent:a.jar", "-Xrunjdwp:x", "-XX:StartFlightRecording",
    "-XX:StartFlightRecording=filename=a.jfr")] + [
    ("-Xshare:dump", "-Xshare:dump: archives of classes are not in this virtual machine yet\n")]
REFUSAL = "Error: Could not create the Java Virtual Machine.\nError: A fatal exception has occurred. Program will exit.\n"
STAMP = re.compile(r"^\[\d+\.\d+s\]", re.M)


class Options(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="strata-options-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        jvm_lab.compile_programs(cls.folder, "Hello.java", "Options.java", "Agent.java")

    def ours(self, *words, **variables):
        return jvm_lab.run([f"{jvm_lab.JDK}/bin/java", f"-XXaltjvm={FOLDER}"], words, self.folder, {**jvm_lab.sanitizer(FOLDER), **variables})

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="ascii") as file:
            file.write(text)

    def both(self, *words, **variables):
        """(status, output, errors) of HotSpot and of ours, whose names are left out."""
        theirs = jvm_lab.run([f"{jvm_lab.JDK}/bin/java"], words, self.folder, variables)
        return (theirs[0], *(text.replace(HOTSPOT, "VM") for text in theirs[1:])), self.ours(*words, **variables)

    def same(self, *words, **variables):
        theirs, ours = self.both(*words, **variables)
        errors, ignored = IGNORED.subn("", ours[2])
        texts = (text.replace(OURS, "VM").replace("Using Mark Region", "Using G1") for text in (ours[1], errors))
        self.assertEqual((ours[0], *(STAMP.sub("[]", text) for text in texts)), (theirs[0], *(STAMP.sub("[]", text) for text in theirs[1:])), words)
        self.assertLessEqual(ignored, 1, words)
        return ignored

    def test_what_hotspot_refuses_is_refused_with_its_words(self):
        self.write("nested", "-Dx=1 -XX:VMOptionsFile=nested")
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

    def test_few_addresses_are_shared_as_hotspot_shares_them(self):
        if jvm_lab.sanitizer(FOLDER):
            self.skipTest("AddressSanitizer reserves 20 TiB")
        java = f"{jvm_lab.JDK}/bin/java"
        for kib, *words in (("500000", "-Xmx512m", "Hello"), ("3000000", "-Xmx64m", "Hello"), ("8000000", "Hello"), ("6000000", "-Xmx64m", "Options", "threads")):
            with self.subTest(kib):
                limited = ["sh", "-c", 'ulimit -v $1; shift; exec "$@"', "sh", kib]
                theirs, ours = (jvm_lab.run([*limited, java, *chosen], words, self.folder) for chosen in ([], [f"-XXaltjvm={FOLDER}"]))
                self.assertEqual(*((status, STAMP.sub("[]", said), errors) for status, said, errors in (ours, theirs)))

    def test_what_is_not_there_is_refused_by_name(self):
        for option, said in ABSENT:
            with self.subTest(option):
                self.assertEqual(self.ours(option, "Hello"), (1, "", said + REFUSAL))
        said = f"{OURS} warning: -XX:+HeapDumpOnOutOfMemoryError: heap dumps are not in this virtual machine yet\n"
        self.assertEqual(self.ours("-XX:+HeapDumpOnOutOfMemoryError", "-XX:HeapDumpPath=a", "Hello"), (0, "Hello, World\n", said))

    def test_options_come_from_variables_and_files_too(self):
        self.write("flags", "-Dfile=1 '-Dquoted=a b'\n-Xmx033m\n")
        self.write("words", "-Dargfile='c d' # not\n-XX:VMOptionsFile=flags Options\n")
        self.same("-Dx=1", "-ea", "--add-opens", "java.base/java.lang=ALL-UNNAMED", "@words", JAVA_TOOL_OPTIONS="-Dtool=1 '-Dq=a b'",
                  JDK_JAVA_OPTIONS="-Djdk=1", _JAVA_OPTIONS="-Dlast=1")
        for text in ("-Dtool='1", "-Foo", "-cp x", "", "-XX:+IgnoreUnrecognizedVMOptions -Foo", "-XX:VMOptionsFile=flags -XX:VMOptionsFile=/none"):
            with self.subTest(text):
                self.same("Options", JAVA_TOOL_OPTIONS=text)
        self.same("-Foo", "Options", _JAVA_OPTIONS="-Dx")  # all is read before anything is done

    def test_images_of_jlink_run_compressed_and_with_their_options(self):
        image = os.path.join(self.folder, "image")
        words = ["--add-modules", "java.management", "--compress=2", "--add-options", "-Dx=1 -Dq='a b' -Dlast=1 -XX:VMOptionsFile=image.flags"]
        subprocess.run([f"{jvm_lab.JDK}/bin/jlink", *words, "--output", image], check=True, capture_output=True)
        self.write("image.flags", "-Dfile=1")
        ran = [jvm_lab.run([f"{image}/bin/java", *chosen], ["-Dx=2", "Options"], self.folder, {**more, "_JAVA_OPTIONS": "-Dlast=2"})
               for chosen, more in (([], {}), ([f"-XXaltjvm={FOLDER}"], jvm_lab.sanitizer(FOLDER)))]
        self.assertEqual(ran[0], ran[1])
        self.assertIn("[-Dx=1, -Dq=a b, -Dlast=1, -Dfile=1, -Dx=2, -Dlast=2]", ran[1][1])

    def test_settings_have_hotspots_shape(self):
        for option in ("-XshowSettings", "-XshowSettings:all", "-XshowSettings:vm", "-XshowSettings:properties", "-XshowSettings:locale"):
            with self.subTest(option):
                theirs, ours = self.both("-Xmx64m", option, "Hello")
                # HotSpot's names and versions, and two properties that are about what only it has.
                kept = [[re.sub(r"(Using VM:|java.vm.\w+ =).*", r"\1", line) for line in text.splitlines()
                         if not re.search("compressedOopsMode|sun.management.compiler", line)] for text in (theirs[2], ours[2])]
                self.assertEqual((ours[:2], kept[1]), (theirs[:2], kept[0]))

    def test_logs_go_where_they_are_sent(self):
        self.assertEqual(self.ours("-Xlog:class+load=info,gc:file=log%p.txt:tags:filesize=8k,filecount=2", "Hello"), (0, "Hello, World\n", ""))
        names = sorted(re.sub(r"\d+", "N", name, count=1) for name in os.listdir(self.folder) if name.startswith("log"))
        self.assertEqual(names, ["logN.txt", "logN.txt.0", "logN.txt.1"])
        self.assertRegex(self.ours("-verbose", "Hello")[1], r"(?m)^\[[\d.]+s\]\[info\]\[class,load\] Hello source: file:/.*/$")
        theirs, ours = self.both("-verbose:jni", "Hello")
        for line in ("Dynamic-linking native method java.io.FileOutputStream.writeBytes ... JNI", "Registering JNI native method java.lang.System.nanoTime"):
            for text in (theirs[1], ours[1]):
                self.assertRegex(text, re.compile(r"^\[[\d.]+s\]\[debug\]\[jni,resolve\] \[" + re.escape(line) + r"\]$", re.M))

    def test_selections_of_nothing_are_told(self):
        for option in ("-Xlog:gc+class,class+gc*=off", "-Xlog:load:stdout:level", "-Xlog:disable -Xlog:all=warning:stderr -Xlog:jni"):
            told = [re.sub("Did you mean any of the following.*", "", text) for status, *texts in self.both(*option.split(), "Hello") for text in texts]
            self.assertEqual([STAMP.sub("[]", text) for text in told[:2]], [STAMP.sub("[]", text) for text in told[2:]], option)
        self.assertRegex(self.ours("-Xlog:load", "Hello")[1], r"selection: load\. Did you mean any of the following\? load\* class\+load\* ")
        listed = subprocess.run([f"{jvm_lab.JDK}/bin/java", "-Xlog:logging=debug:stdout:none", "-version"], capture_output=True, text=True).stdout
        with open(os.path.join(SOURCE, "src/jvm/jdk/jdk_log_tags.c"), encoding="ascii") as file:
            tables = ["".join(re.findall(r'"(.*)"', text)).split() for text in re.findall(r"\[\] =\n(.*?);", file.read(), re.S)]
        self.assertEqual(tables, [re.search(f"Available {what}: (?:, )?(.*)", listed)[1].split(", ") for what in ("log tags", "tag sets")])

    def test_the_management_agent_listens(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        agent = "-Dcom.sun.management.jmxremote"
        self.same(f"{agent}.port={port}", f"{agent}.authenticate=false", f"{agent}.ssl=false", "-Djava.rmi.server.hostname=localhost", "Agent")
        self.same(f"{agent}.port=x", "Hello")

    def test_versions(self):
        self.assertRegex(self.ours("-Xinternalversion")[1], rf"^{OURS} \(\d+\.\d+\.\d+\) for linux-amd64, ")
        for option in ("-version", "--version", "-showversion", "--show-version", "-fullversion"):
            theirs, ours = self.both(option, "Hello")
            last = re.compile(r"(64-Bit |VM).*\n")
            self.assertEqual((ours[0], *(last.sub("VM\n", text.replace(OURS, "VM")) for text in ours[1:])),
                             (theirs[0], *(last.sub("VM\n", text) for text in theirs[1:])), option)

    def test_what_the_jdks_libraries_import_is_there(self):
        def names(which, *libraries):
            printed = subprocess.run(["nm", "-D", which, *libraries], capture_output=True, text=True, check=True).stdout
            return set(re.findall(r"(?m) [TU] ((?:JVM|JNI|jio)_\w+)", printed))

        libraries = [os.path.join(jvm_lab.JDK, "lib", name) for name in os.listdir(f"{jvm_lab.JDK}/lib") if name.endswith(".so")]
        self.assertEqual(names("-u", *libraries) - names("--defined-only", f"{FOLDER}/libjvm.so"), set())

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
