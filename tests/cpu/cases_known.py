"""Where other machines do otherwise than the software CPU in the image of cases, and what the manuals say.

SDM is Intel's manual (March 2023), APM AMD's. explain() names the reason of one case's difference, or None: then it is one
that nobody has looked at, and the test fails."""

USER = ("v86", "16_3", "32_3", "c16_3", "c32_3", "64_3")
SIXTEEN = ("real", "v86", "16_0", "16_3", "c16_0", "c16_3")
LONG = ("c16_0", "c16_3", "c32_0", "c32_3", "64_0", "64_3")
FAR = ("callf", "jmpf", "retf", "iret", "int", "int3", "into", "int1", "les", "lds", "lss", "lfs", "lgs", "mov", "pop")
AC, SS, GP, PF, UD, NP, BP = 17, 12, 13, 14, 6, 11, 3


class Both:
    """The two outcomes of a case."""

    def __init__(self, mine, other, fields):
        self.op, self.mode, self.fields, self.case, self.mine, self.other = (
            mine.op, mine.mode, fields, mine, mine.after, other.after)

    def vectors(self, mine, other):
        return (mine is None or self.mine["vector"] == mine) and (other is None or self.other["vector"] == other)

    def flipped(self, field):
        return self.mine[field] ^ self.other[field]

    def within(self, *fields):
        return self.fields <= set(fields)


def is_fault_of_page(b):
    return b.vectors(PF, None) or b.vectors(None, PF)


# (peer, operations or None, what is seen, why it is so)
KNOWN = [
    ("QEMU", None, lambda b: b.within("tables") and b.vectors(PF, PF),
     "whether a page is marked accessed by an access that faults is left open (SDM 3A 4.8)"),
    ("QEMU", None, lambda b: b.within("error", "cr2", "tables") and b.vectors(PF, PF) and b.op not in FAR,
     "QEMU reads what is read and written, and then writes it: the fault is that of a write (SDM 3A 4.7)"),
    ("QEMU", None, lambda b: b.vectors(AC, None),
     "QEMU checks no alignment in virtual-8086 mode and where descriptors are read (SDM 3A 6.15, #AC)"),
    ("QEMU", "callf jmpf retf iret int", lambda b: b.within("tables"),
     "QEMU does not mark all descriptors that it loads as accessed (SDM 3A 3.4.5.1)"),
    ("QEMU", "callf retf iret int", lambda b: b.mode in USER and is_fault_of_page(b),
     "QEMU has the stack of far transfers accessed by the supervisor, SMAP included (SDM 3A 4.6.1)"),
    ("QEMU", "int", lambda b: b.mode in LONG and b.within("error", "vector") and b.mine["vector"] in (GP, NP),
     "QEMU's error codes name a gate of long mode by twice its number, and absent code before code of the wrong size "
     "(SDM 3A 6.13, 6.14.1)"),
    ("QEMU", "int", lambda b: b.mode in ("c16_0", "c32_0", "64_0") and b.within("ss"),
     "without a change of level a stack of the IST leaves SS alone (SDM 3A 6.14.4, 6.14.5)"),
    ("QEMU", "callf", lambda b: b.within("cs", "ss", "rsp", "tables", "rip", "vector", "error", "cr2", "stack"),
     "QEMU enters conforming code through a gate at the code's level; it runs at the caller's (SDM 3A 5.8.4)"),
    ("QEMU", "callf jmpf iret", lambda b: b.mine["tr"] == b.other["tr"] and not b.fields & {"vector", "rip", "cs", "ss"},
     "the upper halves of registers after a switch to a task of the 286 are undefined (SDM 3A 7.6)"),
    ("QEMU", "callf jmpf retf", lambda b: b.vectors(GP, None) or b.vectors(None, GP),
     "QEMU checks neither that code of long mode has one of L and D, nor all of a descriptor's rights (SDM 2A CALL, JMP)"),
    ("QEMU", "clflush clflushopt clwb", lambda b: True,
     "QEMU does nothing; the line is accessed as a byte is read (SDM 2A CLFLUSH)"),
    ("QEMU", "crc32 movbe", lambda b: b.mode in SIXTEEN or b.case.bytes[0] in ("66", "67"),
     "QEMU takes operands of 32 bits in 16-bit code (SDM 2A, operand-size attribute)"),
    ("QEMU", "nop prefetchnta prefetcht0 prefetcht1 prefetcht2", lambda b: b.vectors(BP, UD),
     "QEMU refuses some of the opcodes reserved as NOP (SDM 2D table A-3, 0F 18 to 0F 1F)"),
    ("QEMU", "test", lambda b: b.vectors(None, UD), "QEMU has no /1 of F6 and F7, which is TEST (APM 3 table A-6)"),
    ("QEMU", "int1", lambda b: b.vectors(1, UD), "QEMU refuses INT1 (SDM 2A INT1)"),
    ("QEMU", "ltr", lambda b: b.mine["vector"] == GP, "QEMU loads a null selector (SDM 2A LTR: #GP(0))"),
    ("QEMU", "mov", lambda b: b.within("cr0"), "reserved bits of CR0 read as zero (SDM 3A 2.5)"),
    ("QEMU", "mov", lambda b: b.within("dr6", "dr7"), "reserved bits of DR6 and DR7 read as they are fixed (SDM 3B 18.2)"),
    ("QEMU", "lss lfs lgs", lambda b: b.mode in LONG,
     "QEMU has no far pointers with offsets of 64 bits, nor one over the edge of what is canonical (SDM 2A LDS)"),
    ("QEMU", "popa", lambda b: b.vectors(PF, PF), "a fault leaves registers as they were before (SDM 3A 6.5)"),
    ("QEMU", None, lambda b: b.mode in ("64_0", "64_3") and {"26", "2e", "36", "3e"} & set(b.case.bytes[:4]),
     "QEMU adds the base of a segment for a prefix that 64-bit mode ignores (SDM 1 3.4.4)"),
    ("QEMU", "enter", lambda b: b.within("tables", "error", "cr2"),
     "which of ENTER's accesses comes first is left open (SDM 2A ENTER)"),
    ("QEMU", None, lambda b: b.vectors(SS, GP) and b.mode in ("64_0", "64_3"),
     "a stack that is not canonical is #SS (SDM 3A 6.15)"),
    ("QEMU", "rdpmc", lambda b: True, "QEMU has no RDPMC (SDM 2B RDPMC)"),
    ("QEMU", "syscall", lambda b: b.within("flags") and b.flipped("flags") & ~0x8d5 == 0,
     "QEMU loses the arithmetic flags, which are masked by IA32_FMASK alone (SDM 2B SYSCALL)"),
    ("QEMU", "sysenter sysexit", lambda b: b.mode in ("c16_0", "c16_3", "c32_0", "c32_3"),
     "AMD's CPUs have no SYSENTER and SYSEXIT in long mode, which has compatibility mode (APM 3 SYSENTER)"),
    ("QEMU", "sysret", lambda b: b.within("flags") and b.flipped("flags") == 0x20000,
     "VM is not loaded (SDM 2B SYSRET)"),
    ("QEMU", "rcl rcr", lambda b: b.vectors(PF, PF) and b.within("flags", "tables", "error", "cr2"),
     "a fault leaves the flags as they were before (SDM 3A 6.5)"),
    ("QEMU", "sysret", lambda b: b.mode in ("c16_0", "c32_0") and b.within("flags"),
     "outside of 64-bit mode SYSRET sets IF and leaves the other flags alone (APM 3 SYSRET)"),
    ("Bochs", None, lambda b: b.within("tables") and b.vectors(PF, PF) or b.within("cr2", "tables", "error") and
     b.vectors(PF, PF) and b.op in FAR + ("lgdt", "lidt"),
     "which part of a far pointer or a frame is read first, and whether that marks its page, is left open (SDM 3A 4.8)"),
    ("Bochs", "les lds lss lfs lgs", lambda b: b.within("tables"),
     "which part of a far pointer is read first is left open (SDM 2A LDS)"),
    ("Bochs", "sgdt sidt", lambda b: b.within("tables", "memory", "stack") and b.mine["vector"] in (GP, SS),
     "Bochs stores the limit before it looks where the base goes; a store that faults stores nothing (SDM 3A 6.5)"),
    ("Bochs", "popf", lambda b: b.mode == "v86" and b.within("tables"),
     "whether a POPF that is refused has read its stack is left open (SDM 2B POPF)"),
    ("Bochs", "adox", lambda b: b.within("flags"), "Bochs loses the carry of ADOX in OF (SDM 2A ADOX)"),
    ("Bochs", "mov", lambda b: b.mode in ("64_0", "64_3") and b.vectors(None, UD) and b.op == "mov",
     "REX.R is ignored where ModRM names a segment register (SDM 2A 2.2.1.2)"),
    ("Bochs", "mov", lambda b: b.vectors(GP, UD) and b.mode in USER,
     "which comes first, the level or that DR4 and DR5 are not there with CR4.DE, is left open (SDM 2B MOV)"),
    ("Bochs", "mov", lambda b: b.within("dr7"), "bit 11 of DR7 is reserved without RTM (SDM 3B 18.2.4)"),
    ("Bochs", "push callf", lambda b: b.within("stack"),
     "a segment register pushed as a dword may be written as a word (SDM 2B PUSH)"),
    ("Bochs", "callf", lambda b: b.within("flags", "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"),
     "the upper halves of registers after a switch to a task of the 286 are undefined (SDM 3A 7.6)"),
    ("Bochs", "callf", lambda b: b.mode in LONG and not b.within("vector", "error"),
     "the caller's mode pushes, whatever the size of the code that is called (SDM 2A CALL)"),
    ("Bochs", "les lds lss lfs lgs callf jmpf", lambda b: b.mode in SIXTEEN,
     "an operand does not wrap at the end of its segment (SDM 3A 6.15, #GP and #SS)"),
    ("Bochs", None, lambda b: b.vectors(None, AC) or b.vectors(AC, None),
     "what comes first, #AC or another fault of an access, is left open, as is how SGDT and SIDT store (SDM 3A 6.9)"),
    ("Bochs", "retf iret", lambda b: b.mode == "64_0" and b.vectors(PF, SS),
     "whether the first pop or the whole frame is looked at first is left open (SDM 2B RET)"),
    ("Bochs", "iret", lambda b: b.mode in ("64_0", "64_3"), "in 64-bit mode IRET always pops SS:rSP (APM 3 IRET)"),
    ("Bochs", "int", lambda b: b.vectors(PF, None) and b.case.number_before("cr4") & 0x200000,
     "whether the frame of an interrupt is an implicit access to SMAP is left open (SDM 3A 4.6.1)"),
    ("Bochs", "sysenter sysexit", lambda b: b.mode in LONG,
     "AMD's CPUs have no SYSENTER and SYSEXIT in long mode, which Bochs's have (APM 3 SYSENTER)"),
    ("Bochs", "xsetbv", lambda b: b.mode in USER and b.vectors(GP, UD),
     "which comes first, the level or CR4.OSXSAVE, is left open (SDM 2D XSETBV)"),
    ("Bochs", "vmcall vmmcall", lambda b: True, "KVM's hypercalls are there (its CPUID leaf 40000001H), Bochs has none"),
    ("QEMU", "sysret", lambda b: b.mode in ("real", "v86") and b.vectors(UD, GP),
     "with EFER.SCE off SYSRET is undefined before anything else (APM 3 SYSRET)"),
    ("QEMU", None, lambda b: b.within("tables") and (b.vectors(UD, UD) or b.vectors(GP, GP)),
     "whether the rest of an instruction that is refused, on the next page, is fetched is left open (SDM 3A 4.8)"),
    ("QEMU", None, lambda b: b.mode in ("64_0", "64_3") and b.vectors(GP, PF) and b.other["cr2"] & ~0xf == 0x7ffffffffff0,
     "QEMU looks only where an operand begins for whether it is canonical (SDM 1 3.3.7.1)"),
    ("QEMU", "sysexit", lambda b: b.mode in LONG and b.vectors(GP, UD),
     "CPUs of AMD's look at the level of SYSEXIT before they refuse it in long mode (seen by tests/cpu/differ)"),
    ("QEMU", "vmcall vmmcall", lambda b: True, "KVM's hypercalls are there (its CPUID leaf 40000001H), QEMU's TCG has none"),
]


def explain(peer, mine, other, fields):
    both = Both(mine, other, fields)
    for name, ops, test, why in KNOWN:
        # What KVM does not intercept is run by QEMU's TCG, below it.
        if name in (peer, "QEMU" if peer == "KVM" else peer) and (ops is None or mine.op in ops.split()) and test(both):
            return why
    return None
