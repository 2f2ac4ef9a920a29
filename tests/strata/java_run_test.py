#!/usr/bin/python3
"""`strata run --isolation jvm`: a jar as an instance: its jail, limits, logs, life, and what is said of what cannot be."""
import os
import signal
import socket
import subprocess
import time

import java_lab
import strata_lab


class Jar(strata_lab.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        java_lab.compile_class("Report", cls.lab.folder)
        cls.jar = os.path.join(cls.lab.folder, "the app.jar")
        java_lab.make_jar(cls.jar, "Report", cls.lab.folder)

    def run_jar(self, *words, options=()):
        """Runs the jar without a network; its exit code, output and errors."""
        done = self.lab.run("run", "--rm", "--network", "none", "--isolation", "jvm", *options, self.jar, *words)
        return done.returncode, done.stdout, done.stderr

    def start(self, *words, options=()):
        self.strata("run", "-d", "--name", "app", "--network", "none", "--isolation", "jvm", *options, self.jar, *words)

    def until_logged(self, text, times=1):
        end = time.monotonic() + 20
        while self.strata("logs", "app").count(text) < times:
            self.assertLess(time.monotonic(), end, self.strata("logs", "app"))
            time.sleep(0.05)

    def state(self, field):
        return self.strata("inspect", "--format", "{{.State." + field + "}}", "app")

    def test_runs_the_jar_on_our_machine(self):
        self.assertEqual(self.run_jar("machine"), (0, f"Strata 64-Bit VM\n{java_lab.HOME}\n{java_lab.LAUNCHER}\n", ""))
        self.assertEqual(self.run_jar("arguments", "a b", "--help", options=("-e", "JDK_JAVA_OPTIONS=-Dgiven=too"))[:2],
                         (0, "[arguments, a b, --help] too\n"))
        self.assertEqual(self.run_jar("exit", "7"), (7, "", ""))
        self.assertEqual(self.run_jar("throw")[0], 1)

    def test_children_run_on_it_too(self):
        self.assertEqual(self.run_jar("child")[1].splitlines()[0], "Strata 64-Bit VM")

    def test_the_jail_has_what_it_needs_and_no_more(self):
        root = self.run_jar("read", "/")[1]
        for name in ("home", "work", "srv", "boot", "bin"):
            self.assertNotIn(name, root)
        self.assertEqual(self.run_jar("read", "/app")[1], "[the app.jar]\n")
        self.assertEqual(self.run_jar("read", self.lab.folder)[1], "null\n")
        for path in ("/app/the app.jar", "/usr/lib/strata/libjvm.so", java_lab.HOME + "/release", "/usr/lib/x86_64-linux-gnu/new"):
            self.assertEqual(self.run_jar("write", path)[1], "refused\n", path)
        self.assertEqual(self.run_jar("write", "/tmp/new")[1], "written\n")
        self.assertEqual(self.run_jar("write", "/tmp/new", options=("--user", "1000:1000"))[1], "written\n")

    def test_options_are_those_of_containers(self):
        folder = os.path.join(self.lab.folder, "kept")
        os.mkdir(folder)
        self.assertEqual(self.run_jar("write", "/data/new", options=("-v", f"{folder}:/data"))[1], "written\n")
        self.assertTrue(os.path.exists(os.path.join(folder, "new")))
        self.assertEqual(self.run_jar("read", ".", options=("-w", "/data", "-v", f"{folder}:/data:ro"))[1], "[new]\n")
        self.assertEqual(self.run_jar("write", "/tmp/new", options=("--read-only",))[1], "refused\n")

    def test_memory_and_cpus_are_limited_and_the_heap_fits(self):
        self.assertEqual(self.run_jar("limits", options=("-m", "64m", "--cpus", "0.5"))[1], "32 1\n")
        self.assertEqual(self.run_jar("limits", options=("-m", "2g"))[1].split()[0], "512")
        status, _, errors = self.run_jar("fill", options=("-m", "64m"))
        self.assertEqual(status, 1)
        self.assertIn("java.lang.OutOfMemoryError: Java heap space", errors)

    def test_more_than_the_limit_ends_with_the_kernels_kill(self):
        self.start("touch", options=("-m", "32m", "--memory-swap", "32m", "-e", "JDK_JAVA_OPTIONS=-Xmx512m"))
        self.assertEqual(self.strata("wait", "app"), "137")
        self.assertEqual(self.state("OOMKilled"), "true")

    def test_stops_restarts_and_keeps_its_files(self):
        self.start("wait")
        self.until_logged("waiting")
        self.strata("exec", "app", "java", "-jar", "/app/the app.jar", "write", "/kept")
        self.strata("stop", "app")
        self.assertEqual(self.state("ExitCode"), "143")
        self.assertEqual(self.strata("logs", "app"), "waiting\nhook")
        self.strata("start", "app")
        self.until_logged("waiting", 2)
        self.assertEqual(self.strata("exec", "app", "java", "-jar", "/app/the app.jar", "read", "/kept"), "null")  # a file
        self.strata("restart", "app")
        self.until_logged("waiting", 3)
        self.assertIn("the app.jar", self.strata("ps"))
        self.strata("cp", "app:/kept", os.path.join(self.lab.folder, "copied"))

    def test_a_killed_monitor_takes_the_application_with_it(self):
        self.start("wait")
        self.until_logged("waiting")
        pid = int(self.state("Pid"))
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            parent = next(line.split()[1] for line in status if line.startswith("PPid:"))
        os.kill(int(parent), signal.SIGKILL)
        end = time.monotonic() + 10
        while os.path.exists(f"/proc/{pid}"):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        self.strata("start", "app")
        self.until_logged("waiting", 2)

    def test_published_ports_reach_it(self):
        self.strata("run", "-d", "--name", "app", "--isolation", "jvm", "-p", "127.0.0.1:18080:8080", self.jar, "serve", "8080")
        self.until_logged("serving")
        with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as forward:
            forward.write("0")
        address = self.strata("inspect", "--format", "{{.NetworkSettings.IPAddress}}", "app")
        with socket.create_connection((address, 8080), 10) as client:
            self.assertEqual(client.recv(100), b"from the jar\n")
        self.assertEqual(self.strata("wait", "app"), "0")

    def test_what_cannot_be_is_said_in_a_line(self):
        no_jar = os.path.join(self.lab.folder, "none.jar")
        base = ("run", "--rm", "--network", "none", "--isolation", "jvm")
        self.refused(*base, no_jar, code=125, text=f"strata: the jar {no_jar}: no such file or directory\n")
        self.refused(*base, "/tmp", code=125, text="strata: /tmp is no jar: it must be a file\n")
        self.refused(*base, "--entrypoint", "sh", self.jar, code=125,
                     text="--entrypoint is not supported with --isolation jvm: it runs what the jar says")
        self.refused(*base, "--privileged", self.jar, code=125, text="--privileged is not supported with --isolation jvm")
        with open(no_jar, "w", encoding="ascii") as file:
            file.write("no archive")
        self.refused(*base, no_jar, code=1, text="Error: Invalid or corrupt jarfile /app/none.jar\n")
        os.unlink(no_jar)
        hidden = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /usr/lib/jvm && exec "$0" "$@"']
        done = subprocess.run([*hidden, self.lab.program, *base, self.jar], env={**self.lab.env, "JAVA_HOME": ""},
                              capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (125, "strata: no Java 17 in $JAVA_HOME and /usr/lib/jvm: install the package openjdk-17-jre-headless\n"))
        self.assertEqual(self.strata("ps", "-aq"), "")


if __name__ == "__main__":
    java_lab.skip_unless_possible()
    strata_lab.main()
