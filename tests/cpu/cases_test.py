#!/usr/bin/env python3
"""The image of cases (guest/cases) on the software CPU and on other machines: what user code cannot enter.

Usage: cases_test.py [--peer QEMU|Bochs|KVM]... [--seed N] [--share N] [--rows FIRST-LAST] [--tell N] [--cpu MODEL]

Each case is one instruction in one mode; the image prints a digest of the state after each. Where a peer's differs, both
machines tell the whole state of the case, and what differs must be explained by cases_known.py, with the manual's section:
a difference without explanation fails, and is told (--tell N of them). STRATA_SHORT=1 tries fewer cases.
"""
import argparse
import collections
import itertools
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases_known  # noqa: E402
from cases_peers import TREE, Bochs, Kvm, Qemu, Software  # noqa: E402

ROWS = os.path.join(TREE, "src/x86/x86_rows.def")
FEATURES = os.path.join(TREE, "src/cpu/cpu_features.def")
REGISTERS = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split()
FIELDS = {
    "registers": REGISTERS,
    "rip, flags, vector, error": "rip flags vector error".split(),
    "segments": "es cs ss ds fs gs".split(),
    "control": "cr0 cr2 cr3 cr4".split(),
    "table registers": "gdt_base gdt_limit idt_base idt_limit ldtr tr".split(),
    "debug": "dr0 dr1 dr2 dr3 dr6 dr7".split(),
    "xcr0, cr8": "xcr0 cr8".split(),
    "msrs": "efer star lstar cstar sfmask fs_base gs_base kernel_gs_base sysenter_cs sysenter_esp sysenter_eip pat".split(),
    "memory, stack, tables": "memory stack tables".split(),
}
NOTHING = {name: 0 for names in FIELDS.values() for name in names}


class Case:
    """One that was told: its lines before, its fields after."""

    def __init__(self, words, last):
        self.row, self.op, self.mode, self.number = int(words[1]), words[2], words[3], int(words[4].rstrip(":"))
        self.bytes = words[5:]
        self.before, self.after = [], dict(last)

    def name(self):
        return f"{self.row}.{self.mode}.{self.number}"

    def add(self, line):
        for title, names in FIELDS.items():
            if line.startswith(f"  after {title} "):
                values = line[len(f"  after {title} "):].split()
                self.after.update((name, int(v, 16)) for name, v in zip(names, values) if v != ".")
                return
        self.before.append(line)

    def number_before(self, name):
        match = re.search(rf"\b{name} ([0-9a-f]+)", self.before[0])
        return int(match[1], 16)


class Output:
    """What the image printed."""

    def __init__(self, text):
        self.groups, self.told, self.words, self.stopped, self.done = collections.OrderedDict(), {}, {}, {}, None
        group = case = last = None
        for line in text.replace("\r", "").split("\n"):
            words = line.split()
            if not words:
                continue
            if words[0] == "G":
                key, case = (int(words[1]), words[3]), None
                earlier, group = self.groups.get(key, []), []
                self.groups[key] = group
            elif words[0] == "C":
                case = last = Case(words, last.after if last else NOTHING)
                self.told[case.name()] = case
            elif line.startswith("  ") and case:
                case.add(line)
            elif words[0] == "F":
                self.words[words[1]] = int(words[2], 16)
            elif words[0] == "DONE":
                self.done = int(words[1])
            elif words[0] == "STOPPED":
                self.stopped[words[1]] = " ".join(words[2:])
            elif words[0] == "CASES":
                last = None
            elif group is not None:
                group.extend(words if not earlier else
                             (before if w == "-" else w for w, before in
                              itertools.zip_longest(words, earlier[len(group):len(group) + len(words)], fillvalue="-")))

    def has(self, feature):
        if feature is None or feature[0] not in self.words:
            return True
        return bool(self.words[feature[0]] >> feature[1] & 1)


def read_rows():
    """By number: mnemonic, and where CPUID has its feature."""
    sys.path.insert(0, os.path.join(TREE, "tools"))
    from make_x86_tables import read_rows as read
    known = {"monitor": ("1_ECX", 3), "xsaves": ("D1_EAX", 3), "pku": ("7_ECX", 3), "serialize": ("7_EDX", 14)}
    with open(FEATURES) as file:
        for name, word, bit in re.findall(r'X\("(\w+)",\s*(\w+),\s*(\d+)', file.read()):
            known[name] = (word, int(bit))
    return {row.number: (row.name, known.get(row.feature)) for row in read(ROWS)[0]}


def differing(rows, ours, theirs):
    """Names of the cases whose digests differ; (cases compared, groups without the feature)."""
    names, compared, absent = [], 0, set()
    for (row, mode), digests in ours.groups.items():
        feature = rows[row][1]
        if ours.has(feature) != theirs.has(feature):
            absent.add(rows[row][0])
            continue
        for number, (mine, other) in enumerate(zip(digests, theirs.groups.get((row, mode), []))):
            if "-" in (mine, other) or "none" in (mine, other):
                continue
            compared += 1
            if mine != other:
                names.append(f"{row}.{mode}.{number}")
    return names, compared, sorted(absent)


def tell(machine, names, arguments, timeout, cpu):
    lines = [f"{arguments} tell={','.join(names[at:at + machine.told_at_once])}"
             for at in range(0, len(names), machine.told_at_once)]
    if getattr(machine, "runs_lines", False):
        lines = ["\n".join(lines)] if lines else []
    told = {}
    for line in lines:
        told.update(Output(machine.run(line, timeout, **cpu)).told)
    return told


def show(name, mine, other, fields):
    print(f"  {name} {mine.op if mine else ''}: {' '.join(mine.bytes) if mine else ''}")
    for line in mine.before if mine else []:
        print("    " + line.strip())
    for field in fields:
        print(f"    {field}: {mine.after[field]:x}, the peer {other.after[field]:x}")
    if mine:
        print(f"    ended by vector {mine.after['vector']}, error {mine.after['error']:x}, rip {mine.after['rip']:x}, "
              f"flags {mine.after['flags']:x}")


def compare(peer, rows, options):
    """How many unexplained differences there are."""
    arguments = f"seed={options.seed} share={options.share}"
    if options.rows:
        arguments += f" rows={options.rows}"
    if peer.ignore:
        arguments += f" ignore={peer.ignore}"
    left_out = cases_known.left_out(peer.name, rows)
    skip = f" skip={','.join(left_out)}" if left_out else ""
    model = {"cpu": options.cpu} if options.cpu else {}
    ours = Output(Software.run(arguments, options.timeout, **model))
    theirs = Output(peer.run(f"{arguments} without={peer.without}{skip}", options.timeout))
    if ours.done is None or theirs.done is None:
        for who, output in (("software CPU", ours), (peer.name, theirs)):
            if output.done is None:
                last = list(output.groups)[-1] if output.groups else None
                print(f"FAILED: the {who} did not come to the end: {last and rows[last[0]][0]} {last}")
        return 1
    names, compared, absent = differing(rows, ours, theirs)
    mine = tell(Software, names, arguments, options.timeout, model)
    other = tell(peer, names, f"{arguments} brief", options.timeout, {})
    known, unknown = collections.Counter(), []
    ended = []
    for name, message in theirs.stopped.items():
        op = rows[int(name.split('.')[0])][0]
        why = cases_known.explain_end(peer.name, op, message)
        if why is None:
            ended.append(f"{name} {op}: {message}")
        else:
            known[why] += 1
    for name in names:
        if name not in mine or name not in other:
            unknown.append((name, None, None, []))
            continue
        fields = [f for f in mine[name].after if mine[name].after[f] != other[name].after.get(f)]
        why = cases_known.explain(peer.name, mine[name], other[name], set(fields)) if fields else "before"
        if why is None or not fields:
            unknown.append((name, mine[name], other[name], fields))
        else:
            known[why] += 1
    print(f"{peer.name}: {ours.done} cases, {compared} compared, {len(names)} differ, {len(unknown)} of these unexplained" +
          (f"; {len(theirs.stopped)} ended the machine" if theirs.stopped else ""))
    for line in ended:
        print(f"  ended the machine without explanation: {line}")
    for why, count in sorted(known.items()):
        print(f"  {count} explained: {why}")
    if absent:
        print(f"  not compared, since one of the two has not got it: {' '.join(absent)}")
    if peer.ignore:
        print(f"  not compared: {peer.ignore}")
    count = collections.Counter()
    for (row, mode), cases in ours.groups.items():
        if f"{row}.{mode}" in left_out:
            count[left_out[f"{row}.{mode}"]] += len(cases)
    for why, cases in count.items():
        print(f"  {cases} left out: {why}")
    by_row = collections.Counter((rows[int(n.split('.')[0])][0], n.split(".")[1], " ".join(f)) for n, _, _, f in unknown)
    for (op, mode, fields), count in list(by_row.items())[:options.groups]:
        print(f"  {count} of {op} in {mode}: {fields or 'alone it does not differ'}")
    for name, a, b, fields in unknown[:options.tell]:
        show(name, a, b, fields)
    return len(unknown) + len(ended)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", action="append", choices=["QEMU", "Bochs", "KVM"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=int, default=4 if os.environ.get("STRATA_SHORT") else 12)
    parser.add_argument("--rows", default="")
    parser.add_argument("--tell", type=int, default=5)
    parser.add_argument("--groups", type=int, default=40)
    parser.add_argument("--cpu", default="")
    parser.add_argument("--timeout", type=int, default=600)
    options = parser.parse_args()
    rows, failed, tried = read_rows(), 0, 0
    for peer in (Qemu, Bochs, Kvm):
        if peer.name not in (options.peer or ["QEMU"]):
            continue
        missing = Software.missing() or peer.missing()
        if missing:
            print(f"SKIPPED: {peer.name}: {missing}")
            continue
        tried += 1
        failed += compare(peer, rows, options)
    sys.exit(1 if failed else 0 if tried else 77)


if __name__ == "__main__":
    main()
