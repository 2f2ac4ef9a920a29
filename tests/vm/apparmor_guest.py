#!/usr/bin/python3
"""AppArmor profiles of containers, with a profile that this test loads."""
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oci"))
from oci_case import Case, main, shell  # noqa: E402

PROFILE = """profile strata-case flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  signal,
  umount,
  deny /etc/secret r,
}
profile strata-other flags=(attach_disconnected,mediate_deleted) {
  file,
  deny /etc/other r,
}
"""


class AppArmor(Case):
    def setUp(self):
        super().setUp()
        if not os.path.isdir("/sys/kernel/security/apparmor/features"):
            self.skipTest("the kernel does not run AppArmor")
        if shutil.which("apparmor_parser") is None:
            self.skipTest("apparmor_parser is not installed (package apparmor)")
        done = subprocess.run(["apparmor_parser", "--replace", "--skip-cache", "--config-file", "/dev/null"], input=PROFILE,
                              text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        for name in ("secret", "other"):
            with open(os.path.join(self.root, "etc", name), "w", encoding="utf-8") as file:
                file.write(name)

    def confined(self, profile):
        conf = shell("cat /proc/self/attr/current; cat /etc/other; cat /etc/secret 2>&1 | grep -o denied; sleep 0")
        conf["process"]["apparmorProfile"] = profile
        return conf

    def test_profile_is_in_force(self):
        said = self.output(self.confined("strata-case"))
        self.assertTrue(said.startswith("strata-case (enforce)"), said)
        self.assertIn("other", said)
        self.assertIn("denied", said)

    def test_profile_without_no_new_privileges(self):
        conf = self.confined("strata-case")
        conf["process"]["noNewPrivileges"] = False
        self.assertTrue(self.output(conf).startswith("strata-case (enforce)"))

    def test_exec_has_the_containers_profile_or_its_own(self):
        conf = shell("while :; do sleep 1; done")
        conf["process"]["apparmorProfile"] = "strata-case"
        name, _ = self.start(conf)
        read = ("cat", "/proc/self/attr/current")
        self.assertIn("strata-case", self.oci("exec", name, *read).stdout)
        self.assertIn("strata-other", self.oci("exec", "--apparmor", "strata-other", name, *read).stdout)

    def test_missing_profile_is_an_error_and_unconfined_is_none(self):
        self.assertNotEqual(self.run_config(self.confined("strata-missing"), check=False).returncode, 0)
        self.assertTrue(self.output(self.confined("unconfined")).startswith("unconfined"))


if __name__ == "__main__":
    if os.environ.get("STRATA_VM") != "1":
        print("SKIPPED: only for the virtual machine: it loads profiles")
        sys.exit(77)
    unittest.TestCase.maxDiff = None
    main()
