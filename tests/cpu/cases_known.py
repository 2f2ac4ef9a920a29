"""Where other machines do otherwise than the software CPU in the image of cases, and what the manuals say.

SDM is Intel's manual (March 2023), APM AMD's. explain() names the reason of one case's difference, or None: then it is one
that nobody has looked at, and the test fails. An entry explains only what it says: on which machines, of which operations,
which fields of the state may differ, and under which condition.
"""

USER = ("v86", "16_3", "32_3", "c16_3", "c32_3", "64_3")
SIXTEEN = ("real", "v86", "16_0", "16_3", "c16_0", "c16_3")
COMPATIBLE = ("c16_0", "c16_3", "c32_0", "c32_3")
WIDE = ("64_0", "64_3")
LONG = COMPATIBLE + WIDE
FAR = "callf jmpf retf iret int int3 into int1 les lds lss lfs lgs mov pop"
UNALIGNED = f"{FAR} ins outs pushf popf lar lsl verr verw sgdt sidt sldt str smsw"
DB, BP, UD, NP, SS, GP, PF, AC = 1, 3, 6, 11, 12, 13, 14, 17
NO_ERROR = 0xffffffff

LOW = "rax rcx rdx rbx rsp rbp rsi rdi"
REGISTERS = LOW + " r8 r9 r10 r11 r12 r13 r14 r15"
# What another fault, or none, tells of itself.
FAULT = "vector error rip cr2 tables"
# ... and what is done without one: by an operand, by a load of a segment, by a far transfer.
DONE = f"{FAULT} flags {REGISTERS} memory stack"
LOADED = f"{FAULT} {REGISTERS} es ss ds fs gs fs_base gs_base"
TRANSFERRED = f"{FAULT} flags rsp cs ss stack"

CR0_BITS, DR6_BITS, DR7_BITS = 0xe005003f, 0xe00f, 0xffff23ff
CARRY_AND_OVERFLOW, ARITHMETIC, INTERRUPTS, VM, WRITE = 0x801, 0x8d5, 0x200, 0x20000, 2
UPPER = 0xffff0000
BOTH_L_AND_D = 0x138  # the selector of CASES_CODE_L_AND_D


class Both:
    """The two outcomes of a case."""

    def __init__(self, mine, other, fields):
        self.op, self.mode, self.fields, self.case, self.mine, self.other = (
            mine.op, mine.mode, fields, mine, mine.after, other.after)

    def vectors(self, mine, other):
        """None: any."""
        return (mine is None or self.mine["vector"] == mine) and (other is None or self.other["vector"] == other)

    def same(self, *fields):
        return not self.fields & set(fields)

    def flips(self, bits, *fields):
        """In these fields nothing but these bits differs."""
        return all((self.mine[f] ^ self.other[f]) & ~bits == 0 for f in fields)

    def prefixed(self, *prefixes):
        return bool(set(prefixes) & set(self.case.bytes[:4]))


def either(b, vector):
    return b.vectors(vector, None) or b.vectors(None, vector)


def both(b, *vectors):
    return b.mine["vector"] == b.other["vector"] and b.mine["vector"] in vectors


# (machines, operations or None, fields that may differ, condition, why it is so). KVM's guest runs on QEMU's TCG below it, so
# that what KVM does not intercept is done as there.
KNOWN = [
    # Of some operations.
    ("QEMU KVM", "callf retf iret int", TRANSFERRED, lambda b: b.mode in USER and either(b, PF),
     "QEMU has the stack of far transfers accessed by the supervisor, SMAP included (SDM 3A 4.6.1)"),
    ("QEMU KVM", "callf jmpf retf iret int", "tables", lambda b: True,
     "QEMU does not mark all descriptors that it loads as accessed (SDM 3A 3.4.5.1)"),
    ("QEMU KVM", "int", "vector error",
     lambda b: b.mode in LONG and b.mine["vector"] in (GP, NP) and b.other["vector"] in (GP, NP),
     "QEMU's error codes name a gate of long mode by twice its number, and absent code before code of the wrong size "
     "(SDM 3A 6.13, 6.14.1)"),
    ("QEMU KVM", "int", "ss", lambda b: b.mode in ("c16_0", "c32_0", "64_0"),
     "without a change of level a stack of the IST leaves SS alone (SDM 3A 6.14.4, 6.14.5)"),
    ("QEMU KVM", "callf jmpf iret", f"{LOW} tables", lambda b: b.flips(UPPER, *LOW.split()),
     "the upper halves of registers after a switch to a task of the 286 are undefined (SDM 3A 7.6)"),
    ("QEMU KVM", "callf jmpf retf", f"{FAULT} rsp cs stack",
     lambda b: b.mode in LONG and b.vectors(GP, None) and b.mine["error"] == BOTH_L_AND_D,
     "QEMU runs code of long mode that has both of L and D (SDM 2A CALL, JMP)"),
    ("QEMU KVM", "callf jmpf", "error", lambda b: both(b, GP) and b.mine["error"] == 0,
     "QEMU names the code where an offset is behind its limit (SDM 2A CALL, JMP: #GP(0))"),
    ("QEMU KVM", "callf", "rip rsp cs ss stack tables", lambda b: both(b, BP) and not b.same("cs"),
     "QEMU enters conforming code through a gate at the code's level; it runs at the caller's (SDM 3A 5.8.4)"),
    ("QEMU KVM", "clflush clflushopt clwb", "tables", lambda b: both(b, BP),
     "QEMU does nothing; the line is accessed as a byte is read (SDM 2A CLFLUSH)"),
    ("QEMU KVM", "clflush clflushopt clwb", FAULT, lambda b: b.mine["vector"] in (PF, GP, SS) and b.vectors(None, BP),
     "QEMU does nothing; the line is accessed as a byte is read (SDM 2A CLFLUSH)"),
    ("QEMU KVM", "crc32 movbe", f"{FAULT} {REGISTERS} memory stack",
     lambda b: b.mode in SIXTEEN or b.prefixed("66", "67"),
     "QEMU takes operands of 32 bits in 16-bit code (SDM 2A, operand-size attribute)"),
    ("QEMU KVM", "nop prefetchnta prefetcht0 prefetcht1 prefetcht2", "vector rip tables", lambda b: b.vectors(BP, UD),
     "QEMU refuses some of the opcodes reserved as NOP (SDM 2D table A-3, 0F 18 to 0F 1F)"),
    ("QEMU KVM", "test", f"{FAULT} flags", lambda b: b.vectors(None, UD),
     "QEMU has no /1 of F6 and F7, which is TEST (APM 3 table A-6)"),
    ("QEMU KVM", "int1", "vector rip", lambda b: b.vectors(DB, UD), "QEMU refuses INT1 (SDM 2A INT1)"),
    ("QEMU", "mov", "cr0", lambda b: b.mine["cr0"] & CR0_BITS == b.other["cr0"] & CR0_BITS,
     "reserved bits of CR0 read as zero (SDM 3A 2.5)"),
    ("QEMU KVM", "mov", "vector error rip flags", lambda b: b.mode == "64_0" and b.vectors(GP, BP) and "22" in b.case.bytes,
     "bits of CR8 from 4 on are reserved (SDM 3A 2.5)"),
    ("QEMU KVM", "mov", "dr6 dr7", lambda b: b.flips(~DR6_BITS, "dr6") and b.flips(~DR7_BITS, "dr7"),
     "reserved bits of DR6 and DR7 read as they are fixed (SDM 3B 18.2)"),
    ("QEMU KVM", "lss lfs lgs", LOADED, lambda b: b.mode in WIDE,
     "QEMU has no far pointers with offsets of 64 bits, nor one over the edge of what is canonical (SDM 2A LDS)"),
    ("QEMU KVM", "popa", LOW, lambda b: both(b, PF), "a fault leaves registers as they were before (SDM 3A 6.5)"),
    ("QEMU KVM", "rcl rcr", "flags error cr2 tables", lambda b: both(b, PF) and b.flips(CARRY_AND_OVERFLOW, "flags"),
     "a fault leaves the flags as they were before (SDM 3A 6.5)"),
    ("QEMU KVM", "enter", "error cr2 tables", lambda b: True,
     "which of ENTER's accesses comes first is left open (SDM 2A ENTER)"),
    ("QEMU", "rdpmc", "vector rip rax rdx", lambda b: b.vectors(BP, UD), "QEMU has no RDPMC (SDM 2B RDPMC)"),
    ("QEMU KVM", "syscall", "flags", lambda b: b.flips(ARITHMETIC, "flags"),
     "QEMU loses the arithmetic flags, which are masked by IA32_FMASK alone (SDM 2B SYSCALL)"),
    ("QEMU KVM", "sysenter sysexit", TRANSFERRED, lambda b: b.mode in COMPATIBLE and b.vectors(UD, None),
     "AMD's CPUs have no SYSENTER and SYSEXIT in long mode, which has compatibility mode (APM 3 SYSENTER)"),
    ("QEMU", "sysexit", "vector error", lambda b: b.mode in LONG and b.vectors(GP, UD),
     "CPUs of AMD's look at the level of SYSEXIT before they refuse it in long mode (seen by tests/cpu/differ)"),
    ("QEMU KVM", "sysret", "flags", lambda b: b.flips(VM, "flags"), "VM is not loaded (SDM 2B SYSRET)"),
    ("QEMU KVM", "sysret", "flags", lambda b: b.mode in ("c16_0", "c32_0"),
     "outside of 64-bit mode SYSRET sets IF and leaves the other flags alone (APM 3 SYSRET)"),
    ("QEMU", "sysret", "vector error", lambda b: b.mode in ("real", "v86") and b.vectors(UD, GP),
     "with EFER.SCE off SYSRET is undefined before anything else (APM 3 SYSRET)"),
    ("QEMU", "vmcall vmmcall", "vector rip rax", lambda b: b.vectors(BP, UD),
     "KVM's hypercalls are there (its CPUID leaf 40000001H), QEMU's TCG has none"),
    # What KVM intercepts or emulates.
    ("KVM", "mov", "vector error rip flags cr0 cr4",
     lambda b: b.case.number_before("paging") == 2 and b.vectors(BP, GP) and not b.same("cr0", "cr4"),
     "QEMU marks entries of PAE's first table as accessed, which is reserved there, so that KVM refuses them when CR0 or CR4 is "
     "loaded anew (SDM 3A 4.4.1)"),
    ("KVM", "sysexit", TRANSFERRED, lambda b: b.mode == "64_0" and b.vectors(UD, None),
     "AMD's CPUs have no SYSEXIT in long mode, but KVM's emulator, which an undefined instruction comes to (APM 3 SYSEXIT)"),
    ("KVM", "vmcall", "rip flags rsp tables", lambda b: b.mode == "64_0" and both(b, BP),
     "KVM writes VMMCALL over VMCALL, without its prefixes"),
    ("KVM", "vmcall", "vector error rip rax", lambda b: b.mode == "64_3" and b.vectors(BP, GP),
     "KVM refuses at level 3 what is undefined on AMD's CPUs and Intel's give to it at every level (APM 3, SDM 3C VMCALL)"),
    ("KVM", "monitor mwait", "vector error rip", lambda b: b.vectors(UD, BP) or b.vectors(UD, GP),
     "KVM takes MONITOR and MWAIT for NOP where CPUID has not got them, and QEMU wants ECX to be 0 first (SDM 2B MONITOR)"),
    ("KVM", "xgetbv", "rax", lambda b: both(b, BP) and b.mine["rax"] == 3 and b.other["rax"] == 1,
     "QEMU does not intercept XSETBV, so KVM has its own XCR0 in force after each exit (APM 2 15.9)"),
    # Of all.
    ("QEMU KVM", None, "tables", lambda b: both(b, PF),
     "whether a page is marked accessed by an access that faults is left open (SDM 3A 4.8)"),
    ("QEMU KVM", None, "tables", lambda b: both(b, UD, GP),
     "whether the rest of an instruction that is refused, on the next page, is fetched is left open (SDM 3A 4.8)"),
    ("QEMU KVM", None, "error cr2 tables",
     lambda b: both(b, PF) and b.op not in FAR.split() and (b.flips(WRITE, "error") or not b.same("cr2")),
     "QEMU reads what is read and written, and then writes it: the fault is that of a write (SDM 3A 4.7)"),
    ("QEMU KVM", None, f"{DONE} cs es ss ds fs gs fs_base gs_base",
     lambda b: b.vectors(AC, None) and b.mine["error"] == 0 and (b.mode == "v86" or b.op in UNALIGNED.split()),
     "QEMU checks no alignment in virtual-8086 mode, nor that of far pointers, of INS, OUTS, PUSHF and POPF, and of system "
     "instructions' operands (SDM 3A 6.15, #AC)"),
    ("QEMU KVM", None, "vector error", lambda b: b.mode in WIDE and b.vectors(SS, GP) and b.mine["error"] == 0,
     "a stack that is not canonical is #SS (SDM 3A 6.15)"),
    ("QEMU KVM", None, "vector error cr2",
     lambda b: b.mode in WIDE and b.vectors(GP, PF) and b.other["cr2"] & ~0xf == 0x7ffffffffff0,
     "QEMU looks only where an operand begins for whether it is canonical (SDM 1 3.3.7.1)"),
    ("QEMU KVM", None, f"{DONE} cr0", lambda b: b.mode in WIDE and b.prefixed("26", "2e", "36", "3e"),
     "QEMU adds the base of a segment for a prefix that 64-bit mode ignores (SDM 1 3.4.4)"),

    ("Bochs", "les lds lss lfs lgs", "tables", lambda b: True,
     "which part of a far pointer is read first is left open (SDM 2A LDS)"),
    ("Bochs", f"{FAR} lgdt lidt", "error cr2 tables", lambda b: both(b, PF),
     "which part of a far pointer or a frame is read first, and whether that marks its page, is left open (SDM 3A 4.8)"),
    ("Bochs", "sgdt sidt", "tables memory stack", lambda b: both(b, GP, SS),
     "Bochs stores the limit before it looks where the base goes; a store that faults stores nothing (SDM 3A 6.5)"),
    ("Bochs", "popf", "tables", lambda b: b.mode == "v86",
     "whether a POPF that is refused has read its stack is left open (SDM 2B POPF)"),
    ("Bochs", "adox", "flags", lambda b: b.flips(CARRY_AND_OVERFLOW, "flags"), "Bochs loses the carry of ADOX in OF (SDM 2A ADOX)"),
    ("Bochs", "mov", LOADED, lambda b: b.mode in WIDE and b.vectors(None, UD),
     "REX.R is ignored where ModRM names a segment register (SDM 2A 2.2.1.2)"),
    ("Bochs", "mov", "vector error", lambda b: b.mode in USER and b.vectors(GP, UD),
     "which comes first, the level or that DR4 and DR5 are not there with CR4.DE, is left open (SDM 2B MOV)"),
    ("Bochs", "mov", "dr7", lambda b: b.flips(0x800, "dr7"), "bit 11 of DR7 is reserved without RTM (SDM 3B 18.2.4)"),
    ("Bochs", "push callf", "stack", lambda b: True,
     "a segment register pushed as a dword may be written as a word (SDM 2B PUSH)"),
    ("Bochs", "callf", f"flags {LOW}", lambda b: b.flips(UPPER, "flags", *LOW.split()),
     "the upper halves of registers after a switch to a task of the 286 are undefined (SDM 3A 7.6)"),
    ("Bochs", "callf", TRANSFERRED, lambda b: b.mode in LONG and not b.same("stack", "error") and b.same("flags"),
     "the caller's mode pushes, whatever the size of the code that is called (SDM 2A CALL)"),
    ("Bochs", "retf iret", "vector cr2 tables", lambda b: b.mode == "64_0" and b.vectors(PF, SS),
     "whether the first pop or the whole frame is looked at first is left open (SDM 2B RET)"),
    ("Bochs", "iret", TRANSFERRED, lambda b: b.mode in WIDE and not b.same("rsp"),
     "in 64-bit mode IRET always pops SS:rSP (APM 3 IRET)"),
    ("Bochs", "int", TRANSFERRED, lambda b: b.vectors(PF, None) and b.case.number_before("cr4") & 0x200000,
     "whether the frame of an interrupt is an implicit access to SMAP is left open (SDM 3A 4.6.1)"),
    ("Bochs", "sysenter sysexit", TRANSFERRED, lambda b: b.mode in LONG and b.vectors(UD, None),
     "AMD's CPUs have no SYSENTER and SYSEXIT in long mode, which Bochs's have (APM 3 SYSENTER)"),
    ("Bochs", "xsetbv", "vector error", lambda b: b.mode in USER and b.vectors(GP, UD),
     "which comes first, the level or CR4.OSXSAVE, is left open (SDM 2D XSETBV)"),
    ("Bochs", "vmcall vmmcall", "vector rip rax", lambda b: b.vectors(BP, UD),
     "KVM's hypercalls are there (its CPUID leaf 40000001H), Bochs has none"),
    ("Bochs", "les lds lss lfs lgs callf jmpf", f"{LOADED} {TRANSFERRED} cr0 ldtr tr",
     lambda b: b.mode in SIXTEEN and b.mine["vector"] in (GP, SS),
     "an operand does not wrap at the end of its segment (SDM 3A 6.15, #GP and #SS)"),
    ("Bochs", None, f"{FAULT} rsp gs gs_base memory stack", lambda b: either(b, AC),
     "what comes first, #AC or another fault of an access, is left open, as is how SGDT and SIDT store (SDM 3A 6.9)"),
]

# (peer, operation, modes, why these cases are not run there): they end the machine.
LEFT_OUT = [
    ("KVM", "sysenter", ("64_0",),
     "KVM's emulator, which an undefined instruction comes to, refuses SYSENTER of 64-bit mode (#UD: APM 3 SYSENTER)"),
    ("KVM", "sysenter", COMPATIBLE,
     "QEMU runs SYSENTER in compatibility mode and has CS.L and CS.D set then, with which VMRUN fails (APM 2 15.5.1)"),
    ("KVM", "vmcall", SIXTEEN + ("32_0", "32_3", "c32_0", "c32_3"),
     "KVM writes VMMCALL over VMCALL, at the offset in CS as though that were the address, and tries again for ever"),
]
# (peer, operations, message, why such cases end the machine): another one goes on behind them.
ENDS = [
    ("KVM", "callf jmpf retf", "entry failed",
     "QEMU runs code of long mode that has both of L and D, with which VMRUN fails (SDM 2A CALL, JMP; APM 2 15.5.1)"),
]


def explain_end(peer, op, message):
    return next((why for name, ops, text, why in ENDS if name == peer and op in ops.split() and text in message), None)


def left_out(peer, rows):
    """Names of groups, ROW.MODE, and why."""
    return {f"{number}.{mode}": why for name, op, modes, why in LEFT_OUT if name == peer
            for number, (row_op, _) in rows.items() if row_op == op for mode in modes}


def explain(peer, mine, other, fields):
    case = Both(mine, other, fields)
    for machines, ops, may_differ, condition, why in KNOWN:
        if (peer in machines.split() and (ops is None or mine.op in ops.split()) and fields <= set(may_differ.split()) and
                condition(case)):
            return why
    return None
