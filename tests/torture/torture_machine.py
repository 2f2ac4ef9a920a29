"""Virtual machines for torture.py: kernels of a few bytes, so that a machine starts in a tenth of a second, and the cases
of the verbs on them."""
import os
import struct

from torture_cases_strata import StrataCase

OFF = b"\x66\xba\x04\x06\x66\xb8\x00\x34\x66\xef"  # mov dx, 604h; mov ax, 3400h; out dx, ax: it switches itself off
IDLE = b"\xfa\xf4\xeb\xfc"  # cli; 1: hlt; jmp 1b
SPIN = b"\xb9" + struct.pack("<I", 20000000) + b"\xe2\xfe"  # mov ecx, N; 1: loop 1b


def write_kernel(path, code):
    """An ELF file with a PVH note."""
    at, base = 0x1000, 0x100000
    note = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", base)  # XEN_ELFNOTE_PHYS32_ENTRY
    heads = (struct.pack("<IIQQQQQQ", 1, 5, at, base, base, len(code), len(code), 0x1000) +
             struct.pack("<IIQQQQQQ", 4, 4, 64 + 112, 0, 0, len(note), len(note), 4))
    elf = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, base, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    with open(path, "wb") as file:
        file.write((elf + heads + note).ljust(at, b"\0") + code)


class MachineCase(StrataCase):
    """A verb of strata vm, with a machine in a state first."""

    def prepare(self):
        options = ["--name", self.tag, "--net", "none", "--accel", "software", "--memory", "16m", "--kernel"]
        if self.state == "created":
            self.call("vm", "create", *options, self.strata.kernels["idle"])
        elif self.state == "brief":
            self.call("vm", "run", "-d", *options, self.strata.kernels["brief"])
        elif self.state != "none":
            self.call("vm", "run", "-d", *options, self.strata.kernels["idle"])
        if self.state == "paused":
            self.call("vm", "pause", self.tag)


class ImageMachineCase(MachineCase):
    """run --isolation vm with a kernel in which no agent waits: all that there is up to the start, and taking it back."""
    status = 125
    silent = True  # the word that fails to be written may be the one on the start that failed anyway


def place_kernels(strata):
    """Kernels in the work folder, and one in the store, where strata image bootstrap kernel has one."""
    strata.kernels = {name: os.path.join(strata.work, "kernel-" + name) for name in ("off", "idle", "brief")}
    write_kernel(strata.kernels["off"], OFF + IDLE)
    write_kernel(strata.kernels["idle"], IDLE)
    write_kernel(strata.kernels["brief"], SPIN + OFF + IDLE)
    store = os.path.join(strata.env["STRATA_DATA"], "images/kernel")
    os.makedirs(os.path.join(store, "modules"))
    write_kernel(os.path.join(store, "vmlinuz"), OFF + IDLE)
    with open(os.path.join(store, "package"), "w", encoding="utf-8") as file:
        file.write("strata-kernel 1 torture.deb\n")


def machine_cases(strata):
    place_kernels(strata)
    tag, kernels = strata.tag, strata.kernels
    machine = ["--name", tag, "--net", "none", "--accel", "software", "--memory", "16m", "--kernel"]
    yield MachineCase(strata, "vm-run", "none", ["vm", "run", "--rm", *machine, kernels["off"]], "gone")
    yield MachineCase(strata, "vm-run-detached", "none", ["vm", "run", "-d", *machine, kernels["idle"]], "running")
    yield MachineCase(strata, "vm-create", "none", ["vm", "create", *machine, kernels["idle"]], "created")
    yield MachineCase(strata, "vm-start", "created", ["vm", "start", tag], "running")
    yield MachineCase(strata, "vm-ls", "running", ["vm", "ls", "-a"], shows=tag)
    yield MachineCase(strata, "vm-inspect", "running", ["vm", "inspect", tag], shows=tag)
    yield MachineCase(strata, "vm-logs", "running", ["vm", "logs", tag])
    yield MachineCase(strata, "vm-console", "brief", ["vm", "console", tag], "exited", tty=True)
    yield MachineCase(strata, "vm-pause", "running", ["vm", "pause", tag], "paused")
    yield MachineCase(strata, "vm-resume", "paused", ["vm", "resume", tag], "running")
    yield MachineCase(strata, "vm-reboot", "running", ["vm", "reboot", tag], "running")
    yield MachineCase(strata, "vm-stop", "running", ["vm", "stop", "--timeout", "0", tag], "exited")
    yield MachineCase(strata, "vm-kill", "running", ["vm", "kill", tag], "exited")
    yield MachineCase(strata, "vm-rm", "running", ["vm", "rm", "-f", tag], "gone")
    image = ["run", "--isolation", "vm", "--name", tag, "-m", "64m", "-p", "127.0.0.1::80", "--tmpfs", "/t", "-u", "1"]
    yield ImageMachineCase(strata, "machine-run", "none", [*image, "busybox", "true"])
    yield ImageMachineCase(strata, "machine-run-rm", "none", [*image, "--rm", "busybox", "true"])
