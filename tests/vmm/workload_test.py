#!/usr/bin/python3
"""Workloads in virtual machines: strata-vm --workload with the agent (guest/init) in Debian's kernel, a root on EROFS under
a writable layer on ext4, and what docs/vm-agent.md promises."""
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time

from vmm_lab import BUILD, PROGRAM, Lab, check, fetch_kernel, main, skip

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from vm_image import Image  # noqa: E402

# In the order in which they are loaded.
MODULES = ("virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk",
           "failover", "net_failover", "virtio_net", "vsock", "vmw_vsock_virtio_transport_common",
           "vmw_vsock_virtio_transport", "crc32c-intel", "libcrc32c", "erofs", "overlay")
SETUP = {"root": "/dev/vda", "upper": "/dev/vdb", "hostname": "tested", "address": "10.0.2.15/24",
         "gateway": "10.0.2.2", "dns": "10.0.2.3", "host": "127.0.0.1 localhost"}


class WorkloadLab(Lab):
    def __init__(self):
        for tool in ("mkfs.erofs", "mkfs.ext4"):
            if shutil.which(tool) is None:
                skip(f"no {tool} (packages erofs-utils, e2fsprogs)")
        super().__init__()
        _, unpacked = fetch_kernel(os.path.join(BUILD, "vm"))
        image = Image()
        image.file(os.path.join(BUILD, "guest/strata-guest-init"), "/init")
        image.device("/dev/console", 0o600, 5, 1)
        for folder in ("proc", "sys", "modules"):
            image.folder(folder)
        for folder, _, files in os.walk(os.path.join(unpacked, "lib/modules")):
            for name in files:
                if name.removesuffix(".ko") in MODULES:
                    image.file(os.path.join(folder, name), f"/modules/{MODULES.index(name[:-3]):02}-{name}")
        image.write(self.initrd)
        self.make_root()

    def make_root(self):
        root = self.path("rootfs")
        os.makedirs(f"{root}/bin")
        busybox = next(p for p in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(p))
        shutil.copy(busybox, f"{root}/bin/busybox")
        for name in ("sh", "cat", "echo", "ps", "id", "stty", "hostname", "sleep", "ls", "kill", "head", "tail", "wc",
                     "seq", "nslookup", "ip", "touch", "sync"):
            os.symlink("busybox", f"{root}/bin/{name}")
        for folder in ("etc", "proc", "sys", "dev", "tmp"):
            os.mkdir(f"{root}/{folder}")
        subprocess.run(["mkfs.erofs", self.path("root"), root], check=True, capture_output=True)
        self.new_upper()

    def new_upper(self):
        with open(self.path("upper"), "wb") as file:
            file.truncate(256 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.path("upper")], check=True)

    def workload(self, *arguments, setup=None, **settings):
        """The command of a machine that runs this."""
        folder = self.path("workload")
        os.makedirs(folder, exist_ok=True)
        start = [("main", 1), *(("arg", a) for a in arguments), ("env", "PATH=/bin"), ("env", "COLOUR=green")]
        start += settings.items()
        for name, pairs in (("setup", (setup or SETUP).items()), ("start", start)):
            with open(f"{folder}/{name}", "wb") as file:
                file.write(b"".join(f"{key}={value}\0".encode() for key, value in pairs))
        return [PROGRAM, "--accel", "software", "--run", self.folder.name, "--memory", "256m", "--kernel", self.kernel,
                "--initrd", self.initrd, "--append", "console=ttyS0 panic=-1", "--serial", "file:" + self.path("serial"),
                "--disk", self.path("root") + ",ro", "--disk", self.path("upper"),
                *(("--net", "user") if "address" in (setup or SETUP) else ()), "--workload", folder]

    def runs(self, *arguments, stdin=b"", timeout=120, **settings):
        done = subprocess.run(self.workload(*arguments, **settings), input=stdin, capture_output=True, timeout=timeout)
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def streams_exit_code_and_what_it_finds_itself_in(lab):
    code, out, err = lab.runs("sh", "-c", "cat; echo to-err >&2; echo $$ $COLOUR $(hostname); id -u; cat /etc/hosts;"
                              "ip -4 addr show eth0 | head -2 | tail -1; exit 42", stdin=b"from stdin\n")
    check(code == 42, code, out, err)
    check(err == "to-err\n", repr(err))
    lines = out.splitlines()
    check(lines[:4] == ["from stdin", "1 green tested", "0", "127.0.0.1 localhost"], out)
    check("10.0.2.15/24" in lines[4], out)


def without_a_network_in_the_narrower_jail(lab):
    setup = {key: value for key, value in SETUP.items() if key not in ("address", "gateway", "dns")}
    reader, writer = os.pipe()
    process = subprocess.Popen(lab.workload("sh", "-c", "sleep 1; echo ready; cat; ip addr | wc -l", setup=setup), stdin=reader,
                               stdout=subprocess.PIPE)
    try:
        # While nothing is there to read, the machine must not stand still.
        check(select.select([process.stdout], [], [], 60)[0], "it waits for its input before it goes on")
        check(process.stdout.readline() == b"ready\n", "it does not start")
        check(os.get_blocking(reader), "a descriptor that it shares was made non-blocking")
        os.write(writer, b"late\n")
        os.close(writer)
        out = process.communicate(timeout=60)[0].decode().split()
        check(out[0] == "late" and int(out[1]) > 0 and process.returncode == 0, out, process.returncode)
        check(os.get_blocking(reader), "a descriptor that it shares was left non-blocking")
    finally:
        process.kill()
        process.wait()
        os.close(reader)


def much_output_and_much_input(lab):
    code, out, err = lab.runs("sh", "-c", "wc -c; seq 200000", stdin=b"x" * 3000000)
    check(code == 0, code, err)
    lines = out.splitlines()
    check(lines[0] == "3000000" and len(lines) == 200001 and lines[-1] == "200000", lines[0], len(lines))


def programs_that_cannot_run_say_why(lab):
    code, out, err = lab.runs("no-such-program")
    check(code == 127 and "no-such-program" in err and out == "", code, err)
    code, _, err = lab.runs("/etc")
    check(code == 126 and "/etc" in err, code, err)
    code, _, err = lab.runs("echo", setup=dict(SETUP, root="/dev/vdz"))
    check(code == 125 and "/dev/vdz" in err, code, err)
    code, _, err = lab.runs("echo", nonsense=1)
    check(code == 125 and "nonsense=1" in err, code, err)


def another_user_in_another_folder(lab):
    code, out, _ = lab.runs("sh", "-c", "id; touch /etc/x 2>/dev/null || echo refused", uid=1000, gid=1000, group=2000, cwd="/tmp")
    check(code == 0 and "uid=1000" in out and "gid=1000" in out and "2000" in out and "refused" in out, out)


def what_was_written_is_there_the_next_time(lab):
    check(lab.runs("sh", "-c", "echo kept >/kept; sync")[0] == 0, "writing")
    check(lab.runs("cat", "/kept")[1] == "kept\n", "it is gone")
    lab.new_upper()


def signals_reach_it(lab):
    process = subprocess.Popen(lab.workload("sh", "-c", "trap 'echo term; exit 7' TERM; echo ready; while :; do sleep 0.1; done"),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        check(process.stdout.readline() == b"ready\n", "it does not start")
        process.send_signal(signal.SIGTERM)
        check(process.stdout.readline() == b"term\n", "the signal is lost")
        check(process.wait(60) == 7, process.returncode)
    finally:
        process.kill()
        process.wait()


def a_terminal_with_its_size(lab):
    master, slave = pty.openpty()
    process = subprocess.Popen(lab.workload("sh", "-c", "stty size; read line; echo got $line; exit 3", tty=1, rows=30, columns=100),
                               stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    text, end = b"", time.monotonic() + 60
    try:
        while b"30 100" not in text and time.monotonic() < end:
            text += os.read(master, 4096)
        os.write(master, b"typed\r")
        while b"got typed" not in text and time.monotonic() < end:
            text += os.read(master, 4096)
        check(process.wait(60) == 3, process.returncode, text)
    except OSError:
        raise AssertionError(f"the terminal ended after {text}") from None
    finally:
        process.kill()
        process.wait()
        os.close(master)


if __name__ == "__main__":
    main([streams_exit_code_and_what_it_finds_itself_in, without_a_network_in_the_narrower_jail,
          much_output_and_much_input, programs_that_cannot_run_say_why,
          another_user_in_another_folder, what_was_written_is_there_the_next_time, signals_reach_it,
          a_terminal_with_its_size], WorkloadLab)
