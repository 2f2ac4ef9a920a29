"""Machines that run the image of cases (guest/cases): strata-vm's software CPU, QEMU's TCG, Bochs, and strata-vm's KVM back
end in a guest of QEMU's. Each returns what the image wrote to its serial line."""
import fcntl
import os
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("STRATA_BUILD", os.path.join(TREE, "out/dev"))
IMAGE = os.path.join(BUILD, "guest/cases.elf")
# What the software CPU does not claim (src/cpu/cpu_features.def).
QEMU_CPU = "max,-vme,-pku,-pks,-la57,-xsaves,-monitor,-mpx"


def output_of(command, timeout):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        return process.communicate(timeout=timeout)[0].decode(errors="replace")
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0].decode(errors="replace")


class Software:
    name = "software"
    without = ""
    ignore = ""
    told_at_once = 1000

    @staticmethod
    def missing():
        return None if os.path.exists(os.path.join(BUILD, "strata-vm")) else "no strata-vm was built"

    @staticmethod
    def run(arguments, timeout, cpu="host"):
        with tempfile.NamedTemporaryFile(prefix="strata-cases.") as module:
            module.write(arguments.encode() + b"\0")
            module.flush()
            return output_of([os.path.join(BUILD, "strata-vm"), "--accel", "software", "--cpu", cpu, "--memory", "256M",
                              "--on-reset", "stop", "--test-devices", "--kernel", IMAGE, "--initrd", module.name], timeout)


class Qemu:
    name = "QEMU"
    ignore = ""
    told_at_once = 150
    # It checks neither segments' limits and types nor reserved bits of control registers.
    without = "segments,reserved"

    @staticmethod
    def missing():
        return None if shutil.which("qemu-system-x86_64") else "no qemu-system-x86_64"

    @staticmethod
    def run(arguments, timeout, cpu=QEMU_CPU):
        return output_of(["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-cpu", cpu, "-m", "256", "-nodefaults",
                          "-display", "none", "-serial", "stdio", "-no-reboot", "-device",
                          "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel", IMAGE, "-append", arguments], timeout)


BOCHS = """display_library: term
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
megs: 128
cpu: model={model}, count=1, ips=100000000, reset_on_triple_fault=0
clock: sync=none
ata0-master: type=cdrom, path={folder}/cases.iso, status=inserted
boot: cdrom
speaker: enabled=0
sound: waveoutdrv=dummy
com1: enabled=1, mode=file, dev={folder}/serial
log: {folder}/log
panic: action=fatal
error: action=ignore
info: action=ignore
"""


class Bochs:
    """Debian's Bochs is the debugger's build and draws on a terminal alone, so it gets one."""
    name = "Bochs"
    ignore = ""
    told_at_once = 1000
    without = ""

    @staticmethod
    def missing():
        for program in ("bochs", "grub-mkrescue", "xorriso"):
            if not shutil.which(program):
                return f"no {program}"
        return None

    @staticmethod
    def make_disk(folder, arguments):
        root = os.path.join(folder, "root")
        os.makedirs(os.path.join(root, "boot/grub"))
        subprocess.run(["strip", "-o", os.path.join(root, "cases"), IMAGE], check=True)
        with open(os.path.join(root, "boot/grub/grub.cfg"), "w") as file:
            file.write("multiboot2 /cases\nmodule2 /arguments\nboot\n")
        with open(os.path.join(root, "arguments"), "wb") as file:
            file.write(arguments.encode() + b"\0")
        subprocess.run(["grub-mkrescue", "-d", "/usr/lib/grub/i386-pc", "--install-modules=multiboot2 normal iso9660 biosdisk",
                        "--fonts=", "--locales=", "--themes=", "-o", os.path.join(folder, "cases.iso"), root],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @staticmethod
    def drain(fd):
        try:
            while os.read(fd, 65536):
                pass
        except OSError:
            pass

    @classmethod
    def run(cls, arguments, timeout, cpu="ryzen"):
        with tempfile.TemporaryDirectory(prefix="strata-cases.") as folder:
            cls.make_disk(folder, arguments)
            with open(os.path.join(folder, "bochsrc"), "w") as file:
                file.write(BOCHS.format(folder=folder, model=cpu))
            with open(os.path.join(folder, "commands"), "w") as file:
                file.write("c\n")
            serial = os.path.join(folder, "serial")
            pid, fd = pty.fork()
            if pid == 0:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
                os.environ["TERM"] = "xterm"
                os.execvp("bochs", ["bochs", "-q", "-f", os.path.join(folder, "bochsrc"), "-rc",
                                    os.path.join(folder, "commands")])
            threading.Thread(target=cls.drain, args=(fd,), daemon=True).start()
            text, end = "", time.monotonic() + timeout
            while time.monotonic() < end and "\nDONE " not in text:
                time.sleep(0.3)
                if os.path.exists(serial):
                    with open(serial, errors="replace") as file:
                        text = file.read()
                if os.waitpid(pid, os.WNOHANG) != (0, 0):
                    pid = 0
                    break
            if pid:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
            os.close(fd)
            if "\nDONE " not in text and os.environ.get("STRATA_KEEP"):
                shutil.copytree(folder, os.environ["STRATA_KEEP"], dirs_exist_ok=True)
            return text


class Kvm:
    """strata-vm --accel kvm where KVM is real: in a guest of QEMU's, which emulates a CPU with SVM. Where a case ends the
    machine, the output says so, "STOPPED ROW.MODE.CASE message", and another one goes on behind it."""
    name = "KVM"
    without = Qemu.without
    # QEMU 7.2 has SVM's intercept of XSETBV not done: KVM knows nothing of the guest's XCR0, and sets its own at each entry.
    ignore = "xcr0"
    told_at_once = 1000
    runs_lines = True  # several runs, one machine
    modules = ("irqbypass", "ccp", "kvm", "kvm-amd")
    init = b"""#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
exec >/dev/console 2>&1 </dev/console
for m in /modules/*; do /bin/busybox insmod $m; done
while read line; do
  behind=
  while :; do
    printf '%s\\0' "$line${behind:+ behind=$behind}" >/line
    /strata-vm --accel kvm --run /tmp --memory 128M --on-reset stop --test-devices --kernel /cases --initrd /line \\
      </dev/null 2>/errors | /bin/busybox tee /output
    /bin/busybox grep -q ^DONE /output && break
    at=$(/bin/busybox awk '$1 == "G" { at = $2 "." $4; n = 0; next } at { n += NF } END { print at "." n }' /output)
    echo
    echo STOPPED "$at" $(/bin/busybox head -n 1 /errors)
    [ "$at" = "$behind" ] && break
    behind=$at
  done
done </arguments
/bin/busybox poweroff -f
"""

    @staticmethod
    def missing():
        return Qemu.missing() or (None if os.path.exists("/bin/busybox") else "no busybox")

    @classmethod
    def run(cls, arguments, timeout, cpu="max,-la57,+svm,+npt"):
        """`arguments` may be several lines: a run each."""
        sys.path.insert(0, os.path.join(TREE, "tests/vm"))
        from vm_image import Image
        from vm_kernel import fetch_kernel
        kernel, unpacked = fetch_kernel(os.path.join(BUILD, "vm"))
        image = Image()
        image.program("/bin/busybox")
        image.program(os.path.join(BUILD, "strata-vm"), "/strata-vm")
        image.file(IMAGE, "/cases")
        image.bytes("/init", cls.init, 0o755)
        image.bytes("/arguments", arguments.encode() + b"\n")
        image.device("/dev/console", 0o600, 5, 1)
        for folder in ("dev", "proc", "modules", "tmp"):
            image.folder("/" + folder)
        for folder, _, files in os.walk(os.path.join(unpacked, "lib/modules")):
            for name in files:
                if name.removesuffix(".ko") in cls.modules:
                    image.file(os.path.join(folder, name), f"/modules/{cls.modules.index(name[:-3])}-{name}")
        with tempfile.NamedTemporaryFile(prefix="strata-cases.") as initrd:
            image.write(initrd.name)
            return output_of(["qemu-system-x86_64", "-accel", "tcg", "-cpu", cpu, "-m", "768", "-nodefaults", "-display", "none",
                              "-serial", "stdio", "-no-reboot", "-kernel", kernel, "-initrd", initrd.name, "-append",
                              "console=ttyS0 quiet panic=-1"], timeout)
