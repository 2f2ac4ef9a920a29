#!/usr/bin/python3
"""GDB against strata-vm: registers by target XML, breakpoints, watchpoints, steps, a thread for each vCPU."""
import shutil
import subprocess

from vmm_lab import check, main, skip


def gdb(path, *commands, timeout=60):
    argv = ["gdb", "-nx", "-batch", "-ex", "set pagination off", "-ex", "set confirm off", "-ex", f"target remote {path}"]
    for command in commands:
        argv += ["-ex", command]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout)
    return done.stdout + done.stderr


def shows_registers_memory_and_threads(lab):
    path = lab.path("gdb")
    with lab.start("ticks", "--gdb", path, "--cpus", "2") as machine:
        machine.wait_for("TICK 2")
        out = gdb(path, "info threads", "info registers rip cr0 cr3 efer gs_base", "x/2i $rip", "p/x $xmm0", "p $st0",
                  "p/x $cs", "thread 2", "p/x $cr4")
        check("vCPU 0" in out and "vCPU 1" in out, out)
        check("cr3" in out and "=> 0x" in out and "$1 = " in out, out)
        # The client has left: the machine goes on.
        machine.text = ""
        machine.wait_for("TICK")


def steps_and_stops_at_breakpoints(lab):
    path = lab.path("gdb")
    with lab.start("ticks", "--gdb", path, append="nokaslr") as machine:
        machine.wait_for("TICK 2")
        out = gdb(path, "set $lstar_at = $lstar", "hbreak *$lstar", "continue", "p $rip == $lstar", "stepi", "p $rip != $lstar",
                  "delete", "break *$lstar", "continue", "p $rip == $lstar", "x/1xb $rip", "delete", "stepi", "p $rip != $lstar")
        check([line.split(" = ")[1] for line in out.splitlines() if line.startswith("$")] == ["1", "1", "1", "1"], out)
        check("0xcc" not in out, "the breakpoint's own byte is seen", out)
        machine.text = ""
        machine.wait_for("TICK")


def stops_at_watchpoints(lab):
    path = lab.path("gdb")
    with lab.start("ticks", "--gdb", path, append="nokaslr") as machine:
        machine.wait_for("TICK 2")
        # Behind its first instructions the system call's entry pushes onto the kernel's stack.
        out = gdb(path, "hbreak *$lstar", "continue", "delete", *["stepi"] * 6, "watch -l *(long *)($rsp - 8)", "continue",
                  "p $_exitcode", "delete")
        check("Hardware watchpoint" in out and "Old value" in out and "New value" in out, out)
        machine.text = ""
        machine.wait_for("TICK")


def begins_at_the_first_instruction(lab):
    path = lab.path("gdb")
    with lab.start("ticks", "--gdb", path, "--paused") as machine:
        out = ""
        for _ in range(50):
            out = gdb(path, "p/x $rip", "stepi", "p/x $rip", "set var $rax = 0x1234", "p/x $rax")
            if "$1" in out:
                break
        values = [line.split(" = ")[1] for line in out.splitlines() if line.startswith("$")]
        check(len(values) == 3 and values[0] != values[1] and values[2] == "0x1234", out)
        machine.wait_for("INIT ticks")


if shutil.which("gdb") is None:
    skip("no gdb")
main([shows_registers_memory_and_threads, steps_and_stops_at_breakpoints, stops_at_watchpoints,
      begins_at_the_first_instruction])
