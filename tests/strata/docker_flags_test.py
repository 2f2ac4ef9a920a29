"""Every option of docker's commands is known to strata: done, or refused by name. Asks the docker client for its help."""
import os
import re
import shutil
import subprocess
import sys
import unittest

STRATA = os.path.join(os.environ.get("STRATA_BUILD", "out/dev"), "strata")
COMMANDS = ("run", "create", "exec", "ps", "logs", "start", "stop", "restart", "kill", "rm", "attach", "cp", "inspect",
            "port", "wait", "rename", "pause", "unpause", "volume create", "volume ls", "volume rm", "volume prune",
            "volume inspect", "image ls", "image rm", "image prune", "image inspect", "image load", "image save",
            "image history", "image tag", "image import", "images", "rmi", "load", "save", "history", "tag", "import")
# Taken, and not in the man page: of no effect, or what older clients call --timeout.
SILENT = {"disable-content-trust", "quiet", "help", "time"}


def text(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=20, check=True).stdout


class Flags(unittest.TestCase):
    def test_all_are_known(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                theirs = set(re.findall(r"(?m)^\s+(?:-\w, )?--([a-z0-9-]+)", text("docker", *command.split(), "--help")))
                page = text(STRATA, "--generate", "man", *command.split()).replace("\\-", "-")
                self.assertEqual(theirs - set(re.findall(r"--([a-z0-9-]+)", page)) - SILENT, set())

    def test_letters_mean_the_same(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                letters = {name: letter for letter, name in
                           re.findall(r"(?m)^\s+-(\w), --([a-z0-9-]+)", text("docker", *command.split(), "--help"))}
                ours = text(STRATA, *command.split(), "--help")
                for letter, name in re.findall(r"(?m)^\s+-(\w), --([a-z0-9-]+)", ours):
                    self.assertEqual(letters.get(name, letter), letter, name)
                    others = [other for other, theirs in letters.items() if theirs == letter and other != name and other not in SILENT]
                    self.assertEqual(others, [], f"-{letter}")


if __name__ == "__main__":
    if shutil.which("docker") is None:
        print("SKIPPED: docker is not installed")
        sys.exit(77)
    unittest.main()
