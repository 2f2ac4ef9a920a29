#!/usr/bin/python3
"""The KVM back end where KVM is real: in a guest of QEMU's, which emulates a CPU with SVM. The guest (Debian's cloud kernel) runs
vmm_kvm_test, then strata-vm --accel kvm with the same kernel as its guest."""
import os
import shutil
import subprocess
import sys

from vmm_lab import BUILD, Image, Lab, check, skip

MODULES = ("irqbypass", "ccp", "kvm", "kvm-amd")
INIT = b"""#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
exec >/dev/console 2>&1 </dev/console
for m in /modules/*; do /bin/busybox insmod $m; done
/bin/busybox ip link set lo up
echo "L1 ready"
/vmm_kvm_test; echo "L1 test $?"
for cpus in 1 2; do
  /strata-vm --accel kvm --run /tmp --cpus $cpus --memory 256m --kernel /vmlinuz --initrd /initrd --append "console=ttyS0 quiet do=smp" --log-level info </dev/null
  echo "L1 strata-vm $cpus ended with $?"
done
/strata-vm --accel auto --run /tmp --memory 256m --kernel /vmlinuz --initrd /initrd --append "console=ttyS0 quiet do=off" --log-level info </dev/null
echo "L1 auto ended with $?"
/bin/busybox cat /tmp/kvm-speed
/bin/busybox poweroff -f
"""


def main():
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None:
        skip("no qemu-system-x86_64")
    lab = Lab()
    unpacked = os.path.dirname(os.path.dirname(lab.kernel))
    image = Image()
    image.program("/bin/busybox" if os.path.exists("/bin/busybox") else "/usr/bin/busybox", "/bin/busybox")
    image.program(os.path.join(BUILD, "strata-vm"), "/strata-vm")
    image.program(os.path.join(BUILD, "vmm_kvm_test"), "/vmm_kvm_test")
    image.file(lab.kernel, "/vmlinuz")
    image.file(lab.initrd, "/initrd")
    image.bytes("/init", INIT, 0o755)
    image.device("/dev/console", 0o600, 5, 1)
    for folder in ("proc", "sys", "modules", "tmp"):
        image.folder(folder)
    for folder, _, files in os.walk(os.path.join(unpacked, "lib/modules")):
        for name in files:
            if name.removesuffix(".ko") in MODULES:
                image.file(os.path.join(folder, name), f"/modules/{MODULES.index(name[:-3])}-{name}")
    initrd = lab.path("l1-initrd")
    image.write(initrd)
    command = [qemu, "-accel", "tcg", "-cpu", "EPYC,+svm,+npt", "-m", "1024", "-smp", "2", "-nodefaults", "-display", "none",
               "-serial", "stdio", "-no-reboot", "-kernel", lab.kernel, "-initrd", initrd, "-append", "console=ttyS0 quiet panic=-1"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=800)
    out = done.stdout.decode(errors="replace")
    if len(sys.argv) > 1:
        print(out)
    check("L1 test 0" in out, out[-3000:])
    for line in ("L1 strata-vm 1 ended with 0", "L1 strata-vm 2 ended with 0", "INIT smp cpus 2", "L1 auto ended with 0"):
        check(line in out, line, out[-3000:])
    check("too slow" not in out, out[-2000:])
    print("ok   nested")


main()
