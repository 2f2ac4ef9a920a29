#!/usr/bin/python3
"""The software CPU beside Bochs: host CPU seconds of the whole VMM for the same fixed work in the same guest.

The work is the micro set's int_, mem_ and sys_ rows with a fixed number of calls (src/ubench_calls.def), since Bochs's guest
sees simulated time. CPU seconds are read at the ROW and BENCH lines on the serial line. Bochs (Debian's package, needs
grub-pc-bin, xorriso and mtools for the ISO that it boots) runs without throttling; both see an AVX2 CPU, pinned to one core.
--rows int_,sys_stat takes a part; --runs are strata-vm's, Bochs runs once.
"""
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import tty

import lab

WANTED = 3
COUNTS_MOST = 100  # times as fast, in the mean: Bochs takes seconds where two buffers share a slot of its TLB
MEMORY = 512
# One kernel path for both: no mitigations (Bochs's Haswell would have more of them), the TSC as the clock.
APPEND = "do=fixed mitigations=off no-kvmclock clocksource=tsc tsc=reliable nokaslr"

GRUB = """set timeout=0
menuentry bench {{ linux /kernel console=ttyS0 quiet {append}
initrd /initrd }}
"""

BOCHSRC = """megs: {memory}
cpu: model=corei7_haswell_4770, count=1, ips=100000000
clock: sync=none, time0=local
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0-master: type=cdrom, path={folder}/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=term, dev={serial}
panic: action=fatal
error: action=ignore
info: action=ignore
speaker: enabled=0
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
log: {folder}/bochs.log
debugger_log: -
display_library: term
"""


def make_iso(options, folder, append):
    os.makedirs(f"{folder}/iso/boot/grub")
    for source, name in ((lab.kernel(options), "kernel"), (lab.initrd(options), "initrd")):
        os.link(source, f"{folder}/iso/{name}") if os.stat(source).st_dev == os.stat(folder).st_dev else \
            subprocess.run(["cp", source, f"{folder}/iso/{name}"], check=True)
    with open(f"{folder}/iso/boot/grub/grub.cfg", "w") as file:
        file.write(GRUB.format(append=append))
    subprocess.run(["grub-mkrescue", "-o", f"{folder}/boot.iso", f"{folder}/iso"], check=True, capture_output=True)


def drain(file):
    """Throws away what is written to a terminal."""
    tty.setraw(file)
    try:
        while os.read(file, 65536):
            pass
    except OSError:
        pass  # Bochs has ended


def follow(output):
    """Reads what Bochs says, and opens the terminal that it names as its display: unread, it would block when full."""
    text = b""
    while got := os.read(output, 65536):
        text += got
        named = re.search(rb'connected to screen "([^"]+)"', text)
        if named:
            screen = os.open(named[1].decode(), os.O_RDWR | os.O_NOCTTY)
            threading.Thread(target=drain, args=(screen,), daemon=True).start()
            text = b""


def bochs(options, folder, append):
    """The machine. Its serial line is one terminal, its own output another, and its display a third."""
    make_iso(options, folder, append)
    (serial, their_serial), (output, their_output) = pty.openpty(), pty.openpty()
    tty.setraw(their_serial)
    fcntl.ioctl(output, termios.TIOCSWINSZ, struct.pack("4H", 40, 100, 0, 0))
    threading.Thread(target=follow, args=(output,), daemon=True).start()
    with open(f"{folder}/bochsrc", "w") as file:
        file.write(BOCHSRC.format(memory=MEMORY, folder=folder, serial=os.ttyname(their_serial)))
    with open(f"{folder}/commands", "w") as file:
        file.write("c\n")
    command = ["env", "TERM=xterm", "bochs", "-q", "-f", f"{folder}/bochsrc", "-rc", f"{folder}/commands"]
    return lab.Machine(command, options.core, serial, their_output)


def measure(machine):
    """name -> CPU seconds of each row, and of all"""
    rows, begun = {}, 0
    machine.wait_for("BENCH-START", 300)
    start = machine.cpu()
    while True:
        line = machine.line(300)
        words = line.split()
        if words[:1] == ["ROW"]:
            begun = machine.cpu()
        elif words[:1] == ["BENCH"]:
            rows[words[1]] = max(machine.cpu() - begun, 1e-6)
        elif words[:1] == ["BENCH-END"]:
            return rows, machine.cpu() - start


def main():
    parser = lab.arguments(__doc__, 2)
    parser.add_argument("--rows", default="int_,mem_,sys_")
    options = parser.parse_args()
    append = f"{APPEND} rows={options.rows}"
    with tempfile.TemporaryDirectory(prefix="strata-bochs.") as folder, bochs(options, folder, append) as machine:
        theirs, their_total = measure(machine)
    runs = []
    for _ in range(options.runs):
        with lab.Machine(lab.strata(options, append, "--cpu", "v3,vendor=intel", memory=f"{MEMORY}m"), options.core) as machine:
            runs.append(measure(machine))
    ours = {name: lab.median([rows[name] for rows, _ in runs]) for name in theirs}
    ratios = {name: theirs[name] / ours[name] for name in theirs}
    lab.table(("host CPU seconds", "strata-vm", "Bochs 2.7", "times as fast", "spread of strata-vm"),
              *((name, f"{ours[name]:.3f}", f"{theirs[name]:.3f}", f"{ratios[name]:.1f}",
                 f"{lab.spread([rows[name] for rows, _ in runs]):.2f}") for name in theirs))
    total = lab.median([total for _, total in runs])
    classes = {prefix: lab.geomean([min(r, COUNTS_MOST) for name, r in ratios.items() if name.startswith(prefix)])
               for prefix in ("int_", "mem_", "sys_") if any(name.startswith(prefix) for name in ratios)}
    print(f"BENCH-START to BENCH-END: {total:.2f} s and {their_total:.2f} s, {their_total / total:.1f} times as fast; geomeans: "
          + ", ".join(f"{prefix} {value:.1f}" for prefix, value in classes.items()))
    mean = lab.geomean([min(r, COUNTS_MOST) for r in ratios.values()])
    return lab.verdict(f"geomean of {len(ratios)} rows {mean:.2f}, wanted: at least {WANTED}", mean >= WANTED)


if __name__ == "__main__":
    sys.exit(main())
