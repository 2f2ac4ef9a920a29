#!/usr/bin/python3
"""The KVM back end where KVM is real: in a guest of QEMU's, which emulates a CPU with SVM.

  nested_test.py                 the guest (Debian's cloud kernel) runs vmm_kvm_test, then strata-vm --accel kvm with the same
                                 kernel as its guest
  nested_test.py --debian [CPUS] strata-vm --accel kvm boots Debian with systemd from a disk there; it installs a package,
                                 restarts and switches itself off
  -v shows the serial line."""
import os
import shutil
import subprocess
import sys
import time

from debian_image import debian_image
from debian_test import Guest, systemd_is_content, use_apt
from vmm_lab import BUILD, MODULES, Image, Lab, check, skip

KVM_MODULES = ("irqbypass", "ccp", "kvm", "kvm-amd")
START = b"""#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
exec >/dev/console 2>&1 </dev/console
for m in /modules/*; do /bin/busybox insmod $m; done
/bin/busybox ip link set lo up
echo "L1 ready"
"""
END = b"/bin/busybox poweroff -f\n"
SMALL = b"""/vmm_kvm_test; echo "L1 test $?"
for cpus in 1 2; do
  /strata-vm --accel kvm --run /tmp --cpus $cpus --memory 256m --kernel /vmlinuz --initrd /initrd --append "console=ttyS0 quiet do=smp" --log-level info </dev/null
  echo "L1 strata-vm $cpus ended with $?"
done
/strata-vm --accel auto --run /tmp --memory 256m --kernel /vmlinuz --initrd /initrd --append "console=ttyS0 quiet do=off" --log-level info </dev/null
echo "L1 auto ended with $?"
/bin/busybox cat /tmp/kvm-speed
"""
DEBIAN = """/bin/busybox httpd -p 127.0.0.1:8000 -h /repository
/strata-vm --accel kvm --run /tmp --cpus %d --memory 512m --kernel /vmlinuz --initrd /initrd --append "root=/dev/vda console=ttyS0 quiet" --disk /dev/vda --net user
echo "L1 strata-vm ended with $?"
"""


def level_1(lab, script, kernel, initrd, repository=None):
    """The initial RAM disk of QEMU's guest."""
    image = Image()
    image.program("/bin/busybox" if os.path.exists("/bin/busybox") else "/usr/bin/busybox", "/bin/busybox")
    image.program(os.path.join(BUILD, "strata-vm"), "/strata-vm")
    image.program(os.path.join(BUILD, "vmm_kvm_test"), "/vmm_kvm_test")
    image.file(kernel, "/vmlinuz")
    image.file(initrd, "/initrd")
    image.bytes("/init", START + script + END, 0o755)
    image.device("/dev/console", 0o600, 5, 1)
    for folder in ("proc", "sys", "modules", "tmp"):
        image.folder(folder)
    if repository is not None:
        image.tree(repository, path="/repository")
    wanted = MODULES + KVM_MODULES
    for folder, _, files in os.walk(os.path.join(os.path.dirname(os.path.dirname(lab.kernel)), "lib/modules")):
        for name in files:
            if name.removesuffix(".ko") in wanted:
                image.file(os.path.join(folder, name), f"/modules/{wanted.index(name[:-3]):02}-{name}")
    path = lab.path("l1-initrd")
    image.write(path)
    return path


def qemu(lab, initrd, *options):
    return ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "EPYC,+svm,+npt", "-m", "1536", "-smp", "2", "-nodefaults",
            "-display", "none", "-serial", "stdio", "-no-reboot", "-kernel", lab.kernel, "-initrd", initrd,
            "-append", "console=ttyS0 quiet panic=-1", *options]


def small_guests(lab):
    command = qemu(lab, level_1(lab, SMALL, lab.kernel, lab.initrd))
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=800)
    out = done.stdout.decode(errors="replace")
    if "-v" in sys.argv:
        print(out)
    check("L1 test 0" in out, out[-3000:])
    for line in ("L1 strata-vm 1 ended with 0", "L1 strata-vm 2 ended with 0", "INIT smp cpus 2", "L1 auto ended with 0"):
        check(line in out, line, out[-3000:])
    check("too slow" not in out, out[-2000:])
    print("ok   nested")


def debian(lab, cpus):
    image = debian_image(os.path.join(BUILD, "vm"), "bookworm")
    disk = lab.path("disk")
    image.copy_disk(disk)
    script = (DEBIAN % cpus).encode()
    initrd = level_1(lab, script, image.kernel, image.initrd, image.repository)
    started = time.monotonic()
    with Guest(qemu(lab, initrd, "-drive", f"file={disk},format=raw,if=virtio")) as guest:
        try:
            guest.log_in(900)
            booted = time.monotonic() - started
            systemd_is_content(guest)
            check(guest.run("nproc") == str(cpus), "the guest does not see its CPUs")
            check("KVM" in guest.run("lscpu | grep -i hypervisor"), "not under KVM")
            use_apt(guest, 8000)
            guest.run("DEBIAN_FRONTEND=noninteractive apt-get -q -y install jq", 600)
            guest.type("reboot\n")
            guest.log_in(900)
            guest.run("jq --version")
            guest.type("poweroff\n")
            guest.take("L1 strata-vm ended with 0", 300)
            guest.ends()
        finally:
            if "-v" in sys.argv:
                print(guest.transcript + guest.text)
    print(f"ok   Debian nested with {cpus} CPUs: {booted:.0f} s to the shell, {time.monotonic() - started:.0f} s in all")


def main():
    if shutil.which("qemu-system-x86_64") is None:
        skip("no qemu-system-x86_64")
    lab = Lab()
    words = [word for word in sys.argv[1:] if word != "-v"]
    if words[:1] == ["--debian"]:
        debian(lab, int(words[1]) if len(words) > 1 else 2)
    else:
        small_guests(lab)


main()
