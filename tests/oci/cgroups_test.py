#!/usr/bin/python3
"""Control groups of strata-oci: where they are, limits, devices, pause, statistics, removal. Runs with version 1, hybrid
and version 2; the names of the files are the only difference."""
import glob
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oci_case import PROGRAM, V2, Case, gone, main, read, shell  # noqa: E402

WAIT = "while ! test -e /go; do usleep 20000; done"


def forever():
    return shell("trap 'exit 0' TERM; while :; do sleep 1; done")


class Cgroups(Case):
    def value(self, pid, controller, v1, v2=None):
        folders = self.cgroup_folders(pid)
        folder = folders[""] if V2 else folders.get(controller)
        if folder is None:
            self.skipTest(f"there is no {controller} controller")
        path = os.path.join(folder, (v2 or v1) if V2 else v1)
        if not os.path.exists(path):
            self.skipTest(f"there is no {os.path.basename(path)}")
        return read(path)

    def limited(self, resources):
        conf = forever()
        conf["linux"]["resources"].update(resources)
        return self.start(conf)

    def test_default_path_is_removed_with_the_container(self):
        name, pid = self.start(forever())
        for folder in self.cgroup_folders(pid).values():
            self.assertTrue(folder.endswith("/" + name), folder)
        self.oci("kill", name, "KILL")
        self.wait_for("the end", lambda: self.status(name)["status"] == "stopped")
        self.oci("delete", name)
        self.assert_no_cgroup(name)

    def test_absolute_path_with_missing_parents(self):
        conf = forever()
        parent = f"/strata-case-{os.getpid()}"
        conf["linux"]["cgroupsPath"] = f"{parent}/../{parent}/a/./b"
        name, pid = self.start(conf)
        folders = self.cgroup_folders(pid).values()
        try:
            for folder in folders:
                self.assertTrue(folder.endswith(f"{parent}/a/b"), folder)
            self.oci("delete", "-f", name)
            for folder in folders:
                self.assertFalse(os.path.exists(folder))
        finally:
            for path in glob.glob(f"/sys/fs/cgroup/**{parent}/a", recursive=True):
                os.rmdir(path)
                os.rmdir(os.path.dirname(path))

    def test_memory(self):
        _, pid = self.limited({"memory": {"limit": 64 << 20, "reservation": 32 << 20}})
        self.assertEqual(self.value(pid, "memory", "memory.limit_in_bytes", "memory.max"), str(64 << 20))
        self.assertEqual(self.value(pid, "memory", "memory.soft_limit_in_bytes", "memory.low"), str(32 << 20))

    def test_memory_with_swap(self):
        try:
            _, pid = self.limited({"memory": {"limit": 64 << 20, "swap": 96 << 20}})
        except AssertionError as failure:
            if "memsw" in str(failure) or "swap.max" in str(failure):
                self.skipTest("the kernel does not account for swap")
            raise
        self.assertEqual(self.value(pid, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max"),
                         str((32 if V2 else 96) << 20))

    def test_cpu(self):
        _, pid = self.limited({"cpu": {"shares": 2048, "quota": 50000, "period": 200000}})
        if V2:
            self.assertEqual(self.value(pid, "cpu", "cpu.weight"), "79")
            self.assertEqual(self.value(pid, "cpu", "cpu.max"), "50000 200000")
        else:
            self.assertEqual(self.value(pid, "cpu", "cpu.shares"), "2048")
            self.assertEqual(self.value(pid, "cpu", "cpu.cfs_quota_us"), "50000")
            self.assertEqual(self.value(pid, "cpu", "cpu.cfs_period_us"), "200000")

    def test_cpuset(self):
        _, pid = self.limited({"cpu": {"cpus": "0", "mems": "0"}})
        self.assertEqual(self.value(pid, "cpuset", "cpuset.cpus"), "0")
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            self.assertIn("Cpus_allowed_list:\t0\n", file.read())

    def test_pids(self):
        conf = shell("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1 & done; wait")
        conf["linux"]["resources"]["pids"] = {"limit": 6}
        self.assertIn("fork", self.run_config(conf, check=False).stderr)

    def test_unlimited_and_zero_are_no_limits(self):
        _, pid = self.limited({"pids": {"limit": -1}, "memory": {"limit": -1, "swap": 0}, "cpu": {"quota": -1},
                               "blockIO": {"weight": 0}})
        self.assertEqual(self.value(pid, "pids", "pids.max"), "max")
        if V2:
            self.assertEqual(self.value(pid, "memory", "", "memory.max"), "max")

    def test_unified(self):
        conf = shell("true")
        conf["linux"]["resources"]["unified"] = {"memory.high": "50000000", "pids.max": "50"}
        if not V2:
            self.assertNotEqual(self.run_config(conf, check=False).returncode, 0)
            return
        conf["process"]["args"] = forever()["process"]["args"]
        _, pid = self.start(conf)
        self.assertEqual(self.value(pid, "memory", "", "memory.high"), str(50000000 // 4096 * 4096))
        self.assertEqual(self.value(pid, "pids", "pids.max"), "50")
        conf["linux"]["resources"]["unified"] = {"../escape": "1"}
        self.assertNotEqual(self.run_config(conf, check=False).returncode, 0)

    def test_update(self):
        name, pid = self.limited({"memory": {"limit": 64 << 20}})
        self.oci("update", "--memory", "128m", "--pids-limit", "99", "--cpu-quota", "30000", "--cpu-share", "512", name)
        self.assertEqual(self.value(pid, "memory", "memory.limit_in_bytes", "memory.max"), str(128 << 20))
        self.assertEqual(self.value(pid, "pids", "pids.max"), "99")
        self.assertEqual(self.value(pid, "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0], "30000")
        self.oci("update", "-r", "-", name, stdin='{"memory": {"limit": 33554432}, "cpu": {"period": 50000}}')
        self.assertEqual(self.value(pid, "memory", "memory.limit_in_bytes", "memory.max"), str(32 << 20))
        if V2:
            self.assertEqual(self.value(pid, "cpu", "", "cpu.max"), "30000 50000")
        self.oci("update", "--memory", "-1", name)
        if V2:
            self.assertEqual(self.value(pid, "memory", "", "memory.max"), "max")

    def test_update_says_what_is_wrong(self):
        name, _ = self.start(forever())
        for arguments in (("--memory", "lots"), ("--pids-limit", "x"), ("--cpuset-cpus", "9999")):
            done = self.oci("update", *arguments, name, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertNotEqual(done.stderr, "")

    def test_check_before_update(self):
        conf = shell("dd if=/dev/zero of=/dev/shm/x bs=1M count=20 2>/dev/null; touch /ready; " + WAIT)
        name, _ = self.start(conf)
        self.wait_for("the file", lambda: os.path.exists(self.root + "/ready"))
        done = self.oci("update", "-r", "-", name, check=False,
                        stdin='{"memory": {"limit": 8388608, "checkBeforeUpdate": true}}')
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.status(name)["status"], "running")

    def test_devices(self):
        conf = shell("mknod /tmp/mem c 1 1 && mknod /tmp/kmsg c 1 11 && mknod /tmp/disk b 7 0 && echo made; "
                     "head -c 0 /tmp/kmsg && dd if=/tmp/kmsg of=/dev/null count=0 2>/dev/null && echo kmsg; "
                     "head -c 1 /tmp/mem 2>&1 | grep -o 'not permitted'; head -c 1 /tmp/disk 2>&1 | grep -o 'not permitted'; "
                     "echo > /tmp/kmsg 2>/dev/null || echo readonly; head -c 1 /dev/urandom | wc -c")
        conf["process"]["capabilities"] = {k: ["CAP_MKNOD", "CAP_SYS_ADMIN", "CAP_SYSLOG", "CAP_SYS_RAWIO",
                                               "CAP_DAC_OVERRIDE"] for k in ("bounding", "effective", "permitted")}
        conf["linux"]["resources"]["devices"] = [
            {"allow": True, "type": "c", "major": 1, "access": "rwm"}, {"allow": False, "access": "rwm"},
            {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "r"}]
        self.assertEqual(self.output(conf).split("\n")[:-1],
                         ["made", "kmsg", "not permitted", "not permitted", "readonly", "1"])

    def test_devices_can_be_changed(self):
        conf = shell("mknod /tmp/mem c 1 12; " + WAIT + "; head -c 0 /tmp/mem; cat < /tmp/mem > /dev/null")
        conf["process"]["capabilities"]["bounding"] = conf["process"]["capabilities"]["effective"] = \
            conf["process"]["capabilities"]["permitted"] = ["CAP_MKNOD", "CAP_DAC_OVERRIDE"]
        conf["linux"]["resources"]["devices"] = [{"allow": False, "access": "rwm"}]
        name, _ = self.start(conf)
        for _ in range(2):
            self.oci("update", "-r", "-", name,
                     stdin='{"devices": [{"allow": true, "type": "c", "major": 1, "minor": 12, "access": "rwm"}]}')
        with open(self.root + "/go", "w", encoding="utf-8"):
            pass
        self.wait_for("the end", lambda: self.status(name)["status"] == "stopped")
        # There is no device 1:12: it is not the list that refuses any more.
        self.assertNotIn("not permitted", read(os.path.join(self.folder, "out")))

    def test_pause_and_resume(self):
        conf = shell("n=0; while :; do n=$((n+1)); echo $n > /count; usleep 5000; done")
        name, pid = self.start(conf)
        self.wait_for("a count", lambda: os.path.exists(self.root + "/count"))
        self.oci("pause", name)
        self.assertEqual(self.status(name)["status"], "paused")
        before = read(self.root + "/count")
        time.sleep(0.1)
        self.assertEqual(read(self.root + "/count"), before)
        self.oci("resume", name)
        self.assertEqual(self.status(name)["status"], "running")
        self.wait_for("counting", lambda: read(self.root + "/count") not in ("", before))
        self.oci("pause", name)
        self.oci("delete", "-f", name)
        self.assert_no_cgroup(name)
        self.assertTrue(gone(pid))

    def test_ps(self):
        name, pid = self.start(shell("sleep 77 & sleep 77 & wait"))
        self.wait_for("three processes", lambda: len(json.loads(self.oci("ps", "-f", "json", name).stdout)) == 3)
        self.assertIn(pid, json.loads(self.oci("ps", "-f", "json", name).stdout))

    def test_statistics(self):
        name, _ = self.limited({"memory": {"limit": 64 << 20}, "pids": {"limit": 44}})
        event = json.loads(self.oci("events", "--stats", name).stdout)
        self.assertEqual((event["type"], event["id"]), ("stats", name))
        self.assertEqual(event["data"]["pids"]["limit"], 44)
        self.assertGreater(event["data"]["pids"]["current"], 0)
        self.assertEqual(event["data"]["memory"]["usage"]["limit"], 64 << 20)
        self.assertGreater(event["data"]["memory"]["usage"]["usage"], 0)
        self.assertGreater(event["data"]["cpu"]["usage"]["total"], 0)
        for key in ("blkio", "hugetlb", "cpuset"):
            self.assertIn(key, event["data"])

    def test_out_of_memory_event(self):
        conf = shell(WAIT + "; dd if=/dev/zero of=/dev/null bs=200M count=1; sleep 60")
        conf["linux"]["resources"]["memory"] = {"limit": 16 << 20}
        name, _ = self.start(conf)
        events = subprocess.Popen([PROGRAM, "--root", self.state, "events", "--interval", "100ms", name],
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(events.stdout.close)
        self.addCleanup(events.wait)
        self.addCleanup(events.kill)
        self.assertEqual(json.loads(events.stdout.readline())["type"], "stats")
        with open(self.root + "/go", "w", encoding="utf-8"):
            pass
        self.assertIn("oom", (json.loads(events.stdout.readline())["type"] for _ in range(100)))

    def test_nested_cgroups_are_removed(self):
        conf = shell("for f in /sys/fs/cgroup /sys/fs/cgroup/*; do test -e $f/cgroup.procs && mkdir -p $f/n/m; done; "
                     "test -d /sys/fs/cgroup/n/m -o -d /sys/fs/cgroup/pids/n/m && touch /made; "
                     "(for f in /sys/fs/cgroup /sys/fs/cgroup/*; do echo 0 > $f/n/m/cgroup.procs; done 2>/dev/null; "
                     "exec sleep 100) & sleep 100")
        conf["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                               "options": ["rw", "nosuid"]})
        name, _ = self.start(conf)
        self.wait_for("nested cgroups", lambda: os.path.exists(self.root + "/made"))
        time.sleep(0.1)
        self.oci("delete", "-f", name)
        self.assert_no_cgroup(name)

    def test_exec_into_a_cgroup_that_the_container_shared_out(self):
        if not V2:
            self.skipTest("only in version 2 a cgroup with children takes no process")
        conf = shell("mkdir /sys/fs/cgroup/init; echo 1 > /sys/fs/cgroup/init/cgroup.procs; "
                     "echo +pids > /sys/fs/cgroup/cgroup.subtree_control && touch /made; sleep 100")
        conf["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"]})
        name, _ = self.start(conf)
        self.wait_for("the cgroup", lambda: os.path.exists(self.root + "/made"))
        self.assertEqual(self.oci("exec", name, "cat", "/proc/self/cgroup").stdout.strip(), "0::/init")

    def test_failed_creation_leaves_no_cgroup(self):
        conf = shell("true")
        conf["linux"]["resources"]["cpu"] = {"cpus": "77777"}
        self.write(conf)
        name = self.name()
        self.assertNotEqual(self.oci("create", name, check=False).returncode, 0)
        self.assert_no_cgroup(name)
        self.assertNotEqual(self.oci("state", name, check=False).returncode, 0)

    def test_shared_pid_namespace_is_killed_by_the_cgroup(self):
        conf = shell("sleep 1000 & sleep 1000 & sleep 0.2; touch /made; exec sleep 1000")
        conf["linux"]["namespaces"] = [n for n in conf["linux"]["namespaces"] if n["type"] != "pid"]
        name, _ = self.start(conf)
        self.wait_for("the processes", lambda: os.path.exists(self.root + "/made"))
        pids = json.loads(self.oci("ps", "-f", "json", name).stdout)
        self.assertEqual(len(pids), 3)
        self.oci("delete", "-f", name)
        self.assert_no_cgroup(name)
        self.wait_for("their end", lambda: all(gone(pid) for pid in pids))


if __name__ == "__main__":
    main()
