#!/usr/bin/python3
"""`strata java` is the `java` command with our virtual machine: words, variables, files of arguments, exit codes, signals,
children; where it finds Java and libjvm.so, and what it says where it does not.

    java_test.py LIBDIR         LIBDIR: where below a prefix libraries are installed
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import java_lab

LIBDIR = sys.argv.pop(1)
STRATA = os.path.join(java_lab.BUILD, "strata")
OURS = "Strata 64-Bit VM"


class Java(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="strata-java-", dir="/var/tmp")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.env = java_lab.environment()
        java_lab.compile_class("Report", cls.folder)

    def java(self, *words, program=STRATA, before=(), **variables):
        done = subprocess.run([*before, program, "java", *words], cwd=self.folder, env={**self.env, **variables}, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def test_runs_our_machine_under_the_jdks_launcher(self):
        self.assertEqual(self.java("Report"), (0, f"{OURS}\n{java_lab.HOME}\n{java_lab.HOME}/bin/java\n", ""))

    def test_children_from_java_home_run_it_too(self):
        status, said, errors = self.java("Report", "child")
        self.assertEqual((status, said.splitlines()[0], errors), (0, OURS, ""))

    def test_all_words_are_javas(self):
        for words in (["--help"], ["-help"], ["--version"], ["-X"], [], ["--no-such-option"], ["Nowhere"]):
            ours = self.java(*words)
            theirs = subprocess.run([java_lab.LAUNCHER, *words], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=60)
            self.assertEqual(ours[0], theirs.returncode, words)
            for one, other in ((ours[1], theirs.stdout), (ours[2], theirs.stderr)):
                self.assertEqual(one.splitlines()[:2], other.splitlines()[:2], words)

    def test_arguments_arrive_as_they_are(self):
        self.assertEqual(self.java("-Dgiven=a b", "Report", "arguments", "", "two words", "--help", "-server", "@none")[1],
                         "[arguments, , two words, --help, -server, @none] a b\n")

    def test_files_of_arguments_and_variables(self):
        with open(os.path.join(self.folder, "words"), "w", encoding="ascii") as file:
            file.write("-Dgiven='from a file'\nReport arguments\n")
        self.assertEqual(self.java("@words"), (0, "[arguments] from a file\n", ""))
        status, said, errors = self.java("Report", "arguments", JDK_JAVA_OPTIONS="-Dgiven=variable")
        self.assertEqual((status, said, errors), (0, "[arguments] variable\n", "NOTE: Picked up JDK_JAVA_OPTIONS: -Dgiven=variable\n"))
        status, said, errors = self.java("Report", "arguments", JAVA_TOOL_OPTIONS="-Dgiven=tool")
        self.assertEqual((status, said, errors), (0, "[arguments] tool\n", "Picked up JAVA_TOOL_OPTIONS: -Dgiven=tool\n"))

    def test_words_that_choose_hotspot_are_left_out(self):
        self.assertEqual(self.java("-server", "-cp", ".", "-client", "Report")[1].splitlines()[0], OURS)

    def test_exit_codes_are_the_programs(self):
        self.assertEqual(self.java("Report", "exit", "0"), (0, "", ""))
        self.assertEqual(self.java("Report", "exit", "7"), (7, "", ""))
        status, said, errors = self.java("Report", "throw")
        self.assertEqual((status, said), (1, ""))
        self.assertIn('Exception in thread "main" java.lang.IllegalStateException: thrown\n\tat Report.main(Report.java:', errors)

    def test_signals_reach_the_program(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with subprocess.Popen([STRATA, "java", "Report", "wait"], cwd=self.folder, env=self.env, text=True, stdout=subprocess.PIPE) as process:
                self.assertEqual(process.stdout.readline(), "waiting\n")
                process.send_signal(number)
                self.assertEqual((process.stdout.read(), process.wait(30)), ("hook\n", 128 + number))

    def test_java_home_counts_where_it_is_a_17(self):
        link = os.path.join(self.folder, "linked")
        os.symlink(java_lab.HOME, link)
        self.assertEqual(self.java("Report", JAVA_HOME=link)[1].splitlines()[:2], [OURS, java_lab.HOME])
        for version in ("21.0.1", "1.8.0_17", "170.1"):
            other = os.path.join(self.folder, version)
            os.makedirs(os.path.join(other, "bin"))
            shutil.copy("/bin/false", os.path.join(other, "bin/java"))
            with open(os.path.join(other, "release"), "w", encoding="ascii") as file:
                file.write(f'JAVA_VERSION="{version}"\n')
            self.assertEqual(self.java("Report", JAVA_HOME=other)[1].splitlines()[0], OURS, version)

    @unittest.skipIf(os.geteuid() != 0, "needs root, to hide Java")
    def test_without_java_it_says_what_to_install(self):
        hidden = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /usr/lib/jvm && exec "$0" "$@"')
        status, said, errors = self.java("Report", before=hidden, JAVA_HOME="/nowhere")
        self.assertEqual((status, said), (1, ""))
        self.assertEqual(errors, "strata: no Java 17 in $JAVA_HOME and /usr/lib/jvm: install the package openjdk-17-jre-headless\n")

    def test_finds_the_machine_where_it_is_installed(self):
        prefix = os.path.join(self.folder, "prefix")
        program = os.path.join(prefix, "bin/strata")
        library = os.path.join(prefix, LIBDIR, "strata")
        os.makedirs(os.path.dirname(program))
        os.makedirs(library)
        shutil.copy(STRATA, program)
        status, _, errors = self.java("Report", program=program)
        self.assertEqual(status, 1)
        self.assertRegex(errors, r"^strata: libjvm.so is neither in .* nor in .*\n$")
        shutil.copy(os.path.join(java_lab.BUILD, "cmd/libjvm/libjvm.so"), library)
        self.assertEqual(self.java("Report", program=program)[1].splitlines()[0], OURS)


if __name__ == "__main__":
    java_lab.skip_unless_possible()
    unittest.main()
