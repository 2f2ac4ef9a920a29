#!/usr/bin/python3
"""Debian as people have it: the cloud kernel, systemd and apt from a virtio disk on the software CPU. It boots to a login
prompt, installs packages from a repository that this machine serves, restarts and switches itself off.

  debian_test.py                          bookworm with two CPUs
  debian_test.py --full                   bookworm and trixie with one, two and four
  debian_test.py --killed                 the machine is killed in the middle of apt-get install (part of --full)
  debian_test.py trixie:4 [--keep FOLDER] what is named; transcripts of the serial line stay in the folder"""
import functools
import http.server
import os
import subprocess
import sys
import tempfile
import threading
import time

from debian_image import PASSWORD, debian_image
from vmm_lab import BUILD, PROGRAM, Machine, check, skip

ALL = [(suite, cpus) for suite in ("bookworm", "trixie") for cpus in (1, 2, 4)]
KILLED = ("bookworm", 0)  # stands for killed_while_it_installs


class Guest(Machine):
    """With a shell on the serial line. What was waited for is taken from the text, all of it stays in the transcript."""

    def __init__(self, command):
        super().__init__(command)
        self.transcript = ""
        self.commands = 0

    def take(self, text, seconds):
        self.wait_for(text, seconds)
        end = self.text.index(text) + len(text)
        taken, self.text = self.text[:end], self.text[end:]
        self.transcript += taken
        return taken

    def log_in(self, seconds=300):
        self.take("guest login: ", seconds)
        self.type("root\n")
        self.take("Password: ", 60)
        self.type(PASSWORD + "\n")
        self.take("root@", 120)
        self.run("export TERM=dumb PAGER=cat; dmesg -n 1")

    def run(self, command, seconds=120, status=0):
        """Its output, between two marks that the echo of what is typed does not hold."""
        self.commands += 1
        number = self.commands
        self.type(f'echo "<{number}"">"; {command}; echo "[{number}"":$?]"\n')
        self.take(f"<{number}>", 60)
        text = self.take(f"[{number}:", seconds)
        code = self.take("]", 60)[:-1]
        check(code == str(status), command, "ended with", code, text[-2000:])
        return text[:-len(f"[{number}:")].replace("\r", "").strip()

    def ends(self, seconds=120):
        """The exit status, once the machine has ended."""
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read(1)
        check(self.process.poll() is not None, "still runs:", self.text[-1500:])
        while self.read(0):
            pass
        return self.process.returncode


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *unused):
        pass


class Repository:
    """A folder, served on a port of the loopback of this machine."""

    def __init__(self, folder):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=folder))
        self.port = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *unused):
        self.server.shutdown()
        self.server.server_close()


def machine_command(image, disk, cpus, *options, accel="software"):
    return [PROGRAM, "--accel", accel, "--run", os.path.dirname(disk), "--cpus", str(cpus), "--memory", "512m", "--kernel",
            image.kernel, "--initrd", image.initrd, "--append", "root=/dev/vda console=ttyS0 quiet", "--disk", disk, "--net", "user", *options]


def use_apt(guest, port):
    guest.run(f"echo 'deb [trusted=yes] http://10.0.2.2:{port} ./' >/etc/apt/sources.list; rm -f /etc/apt/sources.list.d/*")
    guest.run("apt-get -q update", 240)


def systemd_is_content(guest):
    guest.run("systemctl is-system-running --wait", 240)
    check(guest.run("systemctl --failed --no-legend --plain") == "", "units have failed")


def whole_life(image, folder, suite, cpus):
    disk = os.path.join(folder, f"{suite}-{cpus}.img")
    times, started = {}, time.monotonic()

    def took(what):
        nonlocal started
        now = time.monotonic()
        times[what], started = now - started, now

    image.copy_disk(disk)
    with Repository(image.repository) as repository, Guest(machine_command(image, disk, cpus)) as guest:
        try:
            started = time.monotonic()
            guest.log_in()
            took("boot to shell")
            systemd_is_content(guest)
            check(guest.run("nproc") == str(cpus), "the guest does not see its CPUs")
            first = guest.run("cat /proc/sys/kernel/random/boot_id")
            use_apt(guest, repository.port)
            guest.run("DEBIAN_FRONTEND=noninteractive apt-get -q -y install jq", 300)
            check(guest.run("echo '{\"a\": [1, 2]}' | jq -cM .a") == "[1,2]", "jq was not installed")
            took("apt")
            guest.type("reboot\n")
            guest.log_in()
            took("reboot to shell")
            check(guest.run("cat /proc/sys/kernel/random/boot_id") != first, "the guest has not booted again")
            guest.run("jq --version")
            guest.type("poweroff\n")
            status = guest.ends()
            took("poweroff")
            check(status == 0, "poweroff ended the command with", status, guest.process.stderr.read().decode()[-500:])
        finally:
            with open(os.path.join(folder, f"{suite}-{cpus}.txt"), "w") as file:
                file.write(guest.transcript + guest.text)
    os.unlink(disk)
    return times


def killed_while_it_installs(image, folder):
    """The process is killed while dpkg unpacks; the next start replays the journal, and the work can be finished."""
    disk = os.path.join(folder, "killed.img")
    image.copy_disk(disk)
    with Repository(image.repository) as repository:
        with Guest(machine_command(image, disk, 2)) as guest:
            guest.log_in()
            use_apt(guest, repository.port)
            guest.type("apt-get -q -y install jq hello\n")
            guest.take("Unpacking ", 300)
            guest.process.kill()
            guest.process.wait()
        with Guest(machine_command(image, disk, 2)) as guest:
            guest.log_in()
            guest.run("dmesg | grep -q 'recovery complete'")
            guest.run("dpkg --configure -a && apt-get -q -y install jq hello && hello && jq --version", 300)
            guest.type("poweroff\n")
            check(guest.ends() == 0, "poweroff")
    checked = subprocess.run(["/usr/sbin/e2fsck", "-fn", disk], capture_output=True, text=True)
    check(checked.returncode == 0, "the file system is broken:", checked.stdout)
    os.unlink(disk)


def arguments():
    words, keep = sys.argv[1:], None
    if "--keep" in words:
        place = words.index("--keep")
        keep = words[place + 1]
        del words[place:place + 2]
    if "--full" in words:
        return [*ALL, KILLED], keep
    if "--killed" in words:
        return [KILLED], keep
    named = [(word.split(":")[0], int(word.split(":")[1])) for word in words]
    return named or [("bookworm", 2)], keep


def main():
    if not os.path.exists(PROGRAM):
        skip("no strata-vm was built")
    configurations, keep = arguments()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="strata-debian.") as folder:
        for suite, cpus in configurations:
            started = time.monotonic()
            image = debian_image(os.path.join(BUILD, "vm"), suite)
            made = time.monotonic() - started
            try:
                if (suite, cpus) == KILLED:
                    killed_while_it_installs(image, keep or folder)
                    print(f"ok   {suite} killed while it installs ({time.monotonic() - started:.0f} s)", flush=True)
                    continue
                times = whole_life(image, keep or folder, suite, cpus)
                told = ", ".join(f"{what} {seconds:.0f} s" for what, seconds in times.items())
                print(f"ok   {suite} with {cpus} CPUs: image {made:.0f} s, {told}", flush=True)
            except (AssertionError, OSError) as problem:
                failed += 1
                print(f"FAIL {suite} with {cpus} CPUs: {problem}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
