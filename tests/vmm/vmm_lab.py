"""What the tests of strata-vm share: a small Linux guest that does what its command line says, and ways to run it."""
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TREE, "tests/vm"))
from vm_image import Image  # noqa: E402
from vm_kernel import fetch_kernel, skip  # noqa: E402

BUILD = os.environ.get("STRATA_BUILD", os.path.join(TREE, "out/dev"))
PROGRAM = os.path.join(BUILD, "strata-vm")
MODULES = ("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk",
           "failover", "net_failover", "virtio_net", "pvpanic", "pvpanic-mmio")

# do=VERB on the kernel's command line says what it is for.
INIT = b"""#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
exec >/dev/console 2>&1 </dev/console
for word in $(/bin/busybox cat /proc/cmdline); do case $word in do=*) verb=${word#do=};; port=*) port=${word#port=};; esac; done
load() { for m in /modules/*; do /bin/busybox insmod $m 2>/dev/null; done; }
echo "INIT $verb cpus $(/bin/busybox grep -c ^processor /proc/cpuinfo)"
case $verb in
off) ;;
panic) load; echo c >/proc/sysrq-trigger; /bin/busybox sleep 5;;
reset) /bin/busybox reboot -f;;
disk) load
  /bin/busybox cat /sys/block/vda/size /sys/block/vda/serial
  /bin/busybox dd if=/dev/vda bs=1M count=4 2>/dev/null | /bin/busybox md5sum
  echo "written by the guest" | /bin/busybox dd of=/dev/vda bs=512 seek=2048 conv=notrunc,fsync 2>/dev/null;;
net) load
  /bin/busybox ip link set lo up; /bin/busybox ip link set eth0 up
  /bin/busybox ip addr add 10.0.2.15/24 dev eth0; /bin/busybox ip route add default via 10.0.2.2
  /bin/busybox wget -q -O - http://10.0.2.2:$port/;;
ticks) n=0; while :; do echo "TICK $n"; n=$((n + 1)); /bin/busybox sleep 0.1; done;;
echo) while read line; do echo "ECHO $line"; [ "$line" = end ] && break; done;;
work) n=0; while [ $n -lt 20000 ]; do n=$((n + 1)); done; echo "WORKED $n";;
dmi) cd /sys/class/dmi/id; /bin/busybox cat sys_vendor product_name product_serial product_uuid
  [ -x /bin/dmidecode ] && /bin/dmidecode;;
sh) load; /bin/busybox sh;;
spin) while :; do :; done;;
eat) /bin/busybox mount -t tmpfs -o size=100% tmpfs /sys; /bin/busybox dd if=/dev/zero of=/sys/all bs=1M 2>/dev/null; echo "ATE"; /bin/busybox sleep 600;;
smp) for i in 1 2 3 4; do (n=0; while [ $n -lt 5000 ]; do n=$((n + 1)); done; echo "DONE $i") & done; wait;;
esac
echo "INIT ends"
/bin/busybox poweroff -f
"""


class Lab:
    def __init__(self):
        if not os.path.exists(PROGRAM):
            skip("no strata-vm was built")
        busybox = next((p for p in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(p)), None)
        if busybox is None:
            skip("no busybox")
        self.kernel, unpacked = fetch_kernel(os.path.join(BUILD, "vm"))
        self.folder = tempfile.TemporaryDirectory(prefix="strata-vmm.")
        self.initrd = os.path.join(self.folder.name, "initrd")
        image = Image()
        image.program(busybox, "/bin/busybox")
        self.dmidecode = shutil.which("dmidecode", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if self.dmidecode is not None:
            image.program(self.dmidecode, "/bin/dmidecode")
        image.bytes("/init", INIT, 0o755)
        image.device("/dev/console", 0o600, 5, 1)
        for folder in ("proc", "sys", "modules"):
            image.folder(folder)
        self.add_modules(image, unpacked)
        image.write(self.initrd)

    @staticmethod
    def add_modules(image, unpacked):
        for folder, _, files in os.walk(os.path.join(unpacked, "lib/modules")):
            for name in files:
                if name.removesuffix(".ko") in MODULES:
                    image.file(os.path.join(folder, name), f"/modules/{MODULES.index(name[:-3]):02}-{name}")

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def command(self, verb, *options, append=""):
        return [PROGRAM, "--accel", "software", "--run", self.folder.name, "--kernel", self.kernel, "--initrd", self.initrd,
                "--append", f"console=ttyS0 quiet panic=-1 do={verb} {append}", *options]

    def start(self, verb, *options, append=""):
        return Machine(self.command(verb, *options, append=append))

    @staticmethod
    def start_command(command, **process):
        """As start, with what subprocess.Popen should know of the process."""
        return Machine(command, **process)

    def run(self, verb, *options, append="", timeout=120):
        """(exit code, output, errors) of a machine that ends by itself."""
        done = subprocess.run(self.command(verb, *options, append=append), stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=timeout)
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


class Machine:
    """One that runs, with its serial line on pipes."""

    def __init__(self, command, **process):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        **process)
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def read(self, seconds):
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        got = os.read(self.process.stdout.fileno(), 65536) if ready else b""
        self.text += got.decode(errors="replace")
        return len(got)

    def wait_for(self, text, seconds=120):
        end = time.monotonic() + seconds
        while text not in self.text:
            if time.monotonic() > end:
                raise AssertionError(f"no {text!r} within {seconds} s in {self.text[-2000:]!r}")
            if self.read(1) == 0 and self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode} before {text!r}: {self.text[-2000:]!r} "
                                     f"{self.process.stderr.read().decode()!r}")
        return self.text

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()


def check(condition, *facts):
    if not condition:
        raise AssertionError(" ".join(str(fact) for fact in facts))


def main(cases, make_lab=Lab):
    """Runs the cases whose name holds an argument, or all. Each takes the lab."""
    lab, failed = make_lab(), 0
    for case in cases:
        if sys.argv[1:] and not any(word in case.__name__ for word in sys.argv[1:]):
            continue
        started = time.monotonic()
        try:
            case(lab)
            print(f"ok   {case.__name__} ({time.monotonic() - started:.1f} s)", flush=True)
        except (AssertionError, subprocess.TimeoutExpired, OSError) as problem:
            failed += 1
            print(f"FAIL {case.__name__}: {problem}", flush=True)
    sys.exit(1 if failed else 0)
