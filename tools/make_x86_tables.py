#!/usr/bin/env python3
"""Makes the C tables of src/x86 from src/x86/x86_rows.def.

Usage: make_x86_tables.py ROWS OPS_H TABLES_C
  OPS_H     enum x86_op (one per mnemonic) and enum x86_feature
  TABLES_C  x86_rows[] and what the decoder, the encoder and the disassembler look up (x86_tables_priv.h)

The format of a row is explained at the top of x86_rows.def. Two rows that match the same bytes in the same mode, an
unknown word or a hole in a table end the build with the row's line number.
"""
import re
import sys

# Attributes that a row may name, as enum x86_attr has them.
ATTRIBUTES = {
    "lock": "LOCKABLE", "rep": "REP", "repcc": "REPCC", "branch": "BRANCH", "cond": "CONDITIONAL", "call": "CALL",
    "ret": "RETURN", "priv": "PRIVILEGED", "iopl": "IOPL_SENSITIVE", "sys": "SYSTEM", "serial": "SERIALIZING",
    "not64": "NOT_64", "only64": "ONLY_64", "notreal": "NOT_REAL", "def64": "DEFAULT_64", "force64": "FORCE_64",
    "fpu": "FPU", "simd": "SIMD", "xm": "FPX", "align": "ALIGNED", "partial": "PARTIAL", "host": "HOST_RUNS",
    "bitmem": "BIT_STRING", "hint": "HINT", "else_np": "ELSE_LEGACY", "atomic": "ATOMIC",
}
FLAGS = dict(c="CF", p="PF", a="AF", z="ZF", s="SF", t="TF", i="IF", d="DF", o="OF", L="IOPL", n="NT", R="RF", V="VM",
             K="AC", F="VIF", P="VIP", I="ID")
PREFIXES = {"NP": 0, "66": 1, "F3": 2, "F2": 3}  # as VEX.pp has them
MAPS = {"0F": 1, "0F38": 2, "0F3A": 3}
SPACES = ["", "0F", "0F38", "0F3A", "VEX 0F", "VEX 0F38", "VEX 0F3A"]

# What tells rows of one opcode apart: name -> (lowest bit in the decoder's key, number of values). The order is the
# order in which a decision is tried.
FIELDS = {
    "m64": (11, 2), "pp": (0, 4), "mod3": (2, 2), "reg": (6, 8), "rm": (3, 8), "w": (9, 2), "l": (10, 2),
    "y64": (12, 2), "osize": (13, 3), "asize": (15, 3), "rexb": (17, 2),
}

SIZES = {"8": "1", "16": "2", "32": "4", "64": "8", "80": "10", "128": "16", "256": "32", "v": "V", "z": "Z", "y": "Y",
         "n": "N", "L": "L", "p": "FAR", "2v": "PAIR", "t": "TABLE", "env": "ENV", "save": "SAVE", "": "0", "a": "A",
         "H": "H", "Q": "Q"}
GPRS = {"al": (0, "1"), "cl": (1, "1"), "ah": (4, "1"), "ax": (0, "2"), "cx": (1, "2"), "dx": (2, "2"),
        "eax": (0, "4"), "ecx": (1, "4"), "edx": (2, "4"), "ebx": (3, "4"), "rax": (0, "8"), "rcx": (1, "8"),
        "rdx": (2, "8"), "rbx": (3, "8"), "r11": (11, "8"), "av": (0, "V"), "dv": (2, "V"), "ay": (0, "Y"),
        "dy": (2, "Y"), "az": (0, "Z"), "sp": (4, "N"), "bp": (5, "N"), "cx_a": (1, "A"), "si": (6, "A"),
        "di": (7, "A"), "ncx": (1, "N"), "ndx": (2, "N"), "cy": (1, "Y")}
SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs"]
IMMEDIATES = {"imm8": ("IMM8", "1"), "imm8.2": ("IMM8_SECOND", "1"), "imm16": ("IMM16", "2"), "imm8s": ("IMM8S", None),
              "immz": ("IMMZ", None), "immv": ("IMMV", None), "rel8": ("REL8", "1"), "relz": ("RELZ", "Z"),
              "far": ("FAR", "FAR"), "moffs8": ("MOFFS", "1"), "moffsv": ("MOFFS", "V"), "1": ("ONE", "1")}
ROLES = {"": "REG", "b": "RM", "v": "VVVV", "i": "IS4", "o": "OPCODE"}
VECTOR = {"mm": ("MMX", "8"), "xmm": ("XMM", "16"), "ymm": ("YMM", "32"), "xy": ("XY", "L")}


class Row:
    """A row as written, and what follows from it."""

    def __init__(self, line, text):
        self.line = line
        columns = [c.strip() for c in text.split("|")]
        if not 3 <= len(columns) <= 6:
            self.fail("3 to 6 columns are wanted")
        columns += [""] * (6 - len(columns))
        self.name, encoding, operands, flags, attributes, self.feature = columns
        self.want = {}      # field of the key -> set of values it matches
        self.map, self.vex, self.pp, self.opcode, self.opcode_reg = 0, False, None, None, False
        self.modrm, self.has_modrm, self.fixed, self.any_mod = 0, False, False, False
        self.vex_w, self.vex_l = None, None
        self.encoding(encoding.split())
        self.attributes = set()
        for word in attributes.split():
            if word not in ATTRIBUTES:
                self.fail(f"no attribute {word}")
            self.attributes.add(ATTRIBUTES[word])
        if "NOT_64" in self.attributes:
            self.need("m64", {0})
        if "ONLY_64" in self.attributes:
            self.need("m64", {1})
        if self.vex:
            self.attributes.add("NOT_REAL")
        self.flags(flags.split())
        self.operands(operands)

    def fail(self, text):
        sys.exit(f"x86_rows.def:{self.line}: {text}")

    def need(self, field, values):
        self.want[field] = self.want.get(field, set(range(FIELDS[field][1]))) & values
        if not self.want[field]:
            self.fail(f"nothing matches {field}")

    def encoding(self, words):
        if words[0].startswith("VEX."):
            self.vex_prefix(words.pop(0))
        else:
            self.legacy_prefix(words)
        match = re.fullmatch(r"([0-9A-F]{2})(\+r)?", words.pop(0) if words else "")
        if not match:
            self.fail("no opcode")
        self.opcode, self.opcode_reg = int(match[1], 16), bool(match[2])
        for word in words:
            self.condition(word)
        if self.modrm >= 0xC0 or self.fixed:
            self.need("mod3", {1})

    def vex_prefix(self, word):
        _, length, pp, opmap, *w = word.split(".")
        self.vex, self.map = True, MAPS[opmap]
        self.pp = PREFIXES[pp]
        self.need("pp", {self.pp})
        self.vex_l = {"128": 0, "LZ": 0, "256": 1, "L": None, "LIG": None}[length]
        if self.vex_l is not None:
            self.need("l", {self.vex_l})
        if w and w[0] != "WIG":
            self.vex_w = {"W0": 0, "W1": 1}[w[0]]
            self.need("w", {self.vex_w})

    def legacy_prefix(self, words):
        if words[0] in PREFIXES:
            self.pp = PREFIXES[words.pop(0)]
            self.need("pp", {self.pp})
        elif words[0] == "NFx":
            words.pop(0)
            self.need("pp", {0, 1})
        if words[0] in MAPS:
            self.map = MAPS[words.pop(0)]

    def condition(self, word):
        if word == "/r":
            self.has_modrm = True
        elif re.fullmatch(r"/[0-7]", word):
            self.has_modrm = True
            self.modrm = int(word[1]) << 3
            self.need("reg", {int(word[1])})
        elif re.fullmatch(r"[C-F][0-9A-F]", word):
            self.has_modrm, self.fixed, self.modrm = True, True, int(word, 16)
            self.need("reg", {self.modrm >> 3 & 7})
            self.need("rm", {self.modrm & 7})
        elif word in ("mod3", "mem"):
            self.need("mod3", {int(word == "mod3")})
            if word == "mod3":
                self.modrm |= 0xC0
        elif word == "anymod":
            self.any_mod = True
        elif re.fullmatch(r"[oa](16|32|64)", word):
            field = "osize" if word[0] == "o" else "asize"
            self.need(field, {["16", "32", "64"].index(word[1:])})
        elif word in ("y32", "y64"):
            self.need("y64", {int(word == "y64")})
        elif word in ("rexb0", "rexb1"):
            self.need("rexb", {int(word[-1])})
        else:
            self.fail(f"{word} means nothing in an encoding")

    def flags(self, words):
        self.read, self.written, self.undefined = set(), set(), set()
        for word in words:
            what, _, letters = word.partition("=")
            for letter in letters:
                if letter not in FLAGS:
                    self.fail(f"no flag {letter}")
            names = {FLAGS[c] for c in letters}
            if what == "r":
                self.read |= names
            elif what in ("w", "w?"):
                self.written |= names
            elif what == "u":
                self.undefined |= names
            else:
                self.fail(f"{word}: r=, w=, w?= or u= are wanted")
            if what == "w?":
                self.attributes.add("FLAGS_MAYBE")

    def operands(self, text):
        self.specs, self.explicit, first = [], 0, None
        for brace, plain in re.findall(r"\{([^}]*)\}|([^,{}\s]+)", text):
            word = brace or plain
            access = {"=": "W", "+": "RW", "?": "WC", "*": "RWC", "@": ""}.get(word[0], "R")
            spec = self.operand(word.lstrip("=+?*@"), first)
            first = first or spec[2]
            self.specs.append((*spec, access, bool(brace)))
            if not brace:
                if len(self.specs) > self.explicit + 1:
                    self.fail("an explicit operand after an implicit one")
                self.explicit += 1
        if len(self.specs) > 6:
            self.fail("more than 6 operands")
        self.vvvv = any(s[0] == "VVVV" for s in self.specs)

    def operand(self, word, first):
        """Returns (how, kind or number, width, width in memory)."""
        if word in IMMEDIATES:
            how, width = IMMEDIATES[word]
            return (how, 0, width or first or "V", "0")
        if word in GPRS:
            number, width = GPRS[word]
            return ("FIXED_GPR", number, width, "0")
        if word in SEGMENTS:
            return ("FIXED_SEG", SEGMENTS.index(word), "2", "0")
        if word in ("sreg", "creg", "dreg"):
            return (word.upper(), 0, "2" if word == "sreg" else "N", "0")
        if word == "st.b":
            self.need("mod3", {1})
            return ("RM", "ST", "10", "0")
        if re.fullmatch(r"st[0-7]", word):
            return ("FIXED_ST", int(word[2]), "10", "0")
        if word == "xmm0":
            return ("FIXED_XMM", 0, "16", "0")
        if word in ("mxlat", "max", "mdi64", "mdi128"):
            number = {"x": 3, "a": 0, "d": 7}[word[1]]
            width = {"mxlat": "1", "max": "0", "mdi64": "8", "mdi128": "16"}[word]
            return ("FIXED_MEM", number, width, width)
        match = re.fullmatch(r"(si|di|stack)(\w*)", word)
        if match:
            how = {"si": "STRING_SOURCE", "di": "STRING_TARGET", "stack": "STACK"}[match[1]]
            return (how, 0, SIZES[match[2]], "0")
        match = re.fullmatch(r"vm(32|64)([xyL])", word)
        if match:
            self.need("mod3", {0})
            self.attributes |= {"MEM_ONLY"}
            kind = {"x": "XMM", "y": "YMM", "L": "XY"}[match[2]]
            return ("VSIB", kind, SIZES[match[1]], SIZES[match[1]])
        return self.modrm_operand(word)

    def modrm_operand(self, word):
        match = re.fullmatch(r"m(\w*)", word)
        if match and match[1] in SIZES:
            self.need("mod3", {0})
            self.attributes.add("MEM_ONLY")
            return ("RM", "NONE", SIZES[match[1]], SIZES[match[1]])
        match = re.fullmatch(r"r/m(\w+)", word)
        if match:
            return ("RM", "GPR", SIZES[match[1]], SIZES[match[1]])
        match = re.fullmatch(r"(r(?=[\dvyzn])|mm|xmm|ymm|xy)(\w*?)(?:/m(\w+)|\.(\w))?", word)
        if not match:
            self.fail(f"{word} is no operand")
        if match[1] == "r":
            kind, width = "GPR", SIZES[match[2]]
        else:
            kind, width = VECTOR[match[1]]
            width = SIZES[match[2]] if match[2] else width
        if match[3]:
            return ("RM", kind, width, SIZES[match[3]])
        if match[4] == "b" and not self.any_mod:
            self.need("mod3", {1})
            self.attributes.add("REG_ONLY")
        return (ROLES[match[4] or ""], kind, width, "0")

    def space(self):
        return self.map + (3 if self.vex else 0)


class Tree:
    """The decision trees of all opcodes, equal parts shared."""

    def __init__(self):
        self.nodes, self.branches, self.known = [], [], {}

    def add(self, rows, fields):
        """Returns the value of a slot: 0, the number of a row, or 0x4000 + the number of a node."""
        if not rows:
            return 0
        for field in FIELDS:
            if field in fields or not any(field in r.want for r in rows):
                continue
            shift, count = FIELDS[field]
            sons = tuple(self.add([r for r in rows if v in r.want.get(field, {v})], fields | {field})
                         for v in range(count))
            return self.node(shift, count, sons)
        if len(rows) > 1:
            rows[1].fail(f"matches what line {rows[0].line} matches")
        return rows[0].number

    def node(self, shift, count, sons):
        if len(set(sons)) == 1:
            return sons[0]
        sons += (0,) * ((4 if count == 3 else count) - count)
        key = (shift, sons)
        if key not in self.known:
            self.known[key] = 0x4000 + len(self.nodes)
            self.nodes.append((len(self.branches), shift, len(sons) - 1))
            self.branches += sons
        return self.known[key]


def read_rows(path):
    rows = []
    with open(path) as file:
        for number, line in enumerate(file, 1):
            text = line.split("#")[0].rstrip()
            if text:
                rows.append(Row(number, text))
    order = {}
    for row in rows:
        order.setdefault(row.name, len(order) + 1)
    rows.sort(key=lambda r: order[r.name])
    for number, row in enumerate(rows, 1):
        row.number, row.op = number, order[row.name]
    return rows, list(order)


def flag_set(names, prefix="X86_"):
    return " | ".join(prefix + n for n in sorted(names)) or "0"


def make_slots(rows):
    tree, slots = Tree(), []
    for space in range(len(SPACES)):
        for opcode in range(256):
            here = [r for r in rows if r.space() == space and
                    (r.opcode <= opcode < r.opcode + 8 if r.opcode_reg else r.opcode == opcode)]
            if len({r.has_modrm for r in here}) > 1:
                here[0].fail("rows of one opcode with and without ModRM")
            value = tree.add(here, frozenset())
            slots.append(value | (0x8000 if here and here[0].has_modrm else 0))
    return tree, slots


def encoding_flags(row):
    flags = [f"X86_ENC_MAP({row.map})"]
    if row.vex:
        flags.append("X86_ENC_VEX")
    if row.pp is not None:
        flags.append(f"X86_ENC_MANDATORY | X86_ENC_PP({row.pp})")
    elif row.want.get("pp"):
        flags.append("X86_ENC_NO_REP")
    for name, on in (("MODRM", row.has_modrm), ("FIXED", row.fixed), ("OPCODE_REG", row.opcode_reg),
                     ("ANY_MOD", row.any_mod), ("VVVV", row.vvvv), ("GATHER", any(s[0] == "VSIB" for s in row.specs)),
                     ("DIGIT", row.has_modrm and "reg" in row.want and not row.fixed),
                     ("LOCKABLE", "LOCKABLE" in row.attributes), ("DEFAULT_64", "DEFAULT_64" in row.attributes),
                     ("FORCE_64", "FORCE_64" in row.attributes), ("W1", row.vex_w == 1), ("L1", row.vex_l == 1)):
        if on:
            flags.append("X86_ENC_" + name)
    for field, bits in (("y64", "Y"), ("osize", "OSIZE"), ("asize", "ASIZE"), ("rexb", "REXB")):
        if field in row.want:
            if len(row.want[field]) != 1:
                row.fail(f"{field} of several values")
            flags.append(f"X86_ENC_{bits}({min(row.want[field])})")
    return " | ".join(flags)


def spec_text(spec):
    how, kind, width, mem_width, access, implicit = spec
    if isinstance(kind, str):
        kind = "X86_SPEC_XY" if kind == "XY" else "X86_" + kind
    bits = flag_set({"R": ["READ"], "W": ["WRITE"], "RW": ["READ", "WRITE"], "WC": ["WRITE", "COND"],
                     "RWC": ["READ", "WRITE", "COND"], "": []}[access])
    return (f"{{X86_HOW_{how}, {kind}, X86_WIDTH_{width}, X86_WIDTH_{mem_width}, {bits}, "
            f"{'true' if implicit else 'false'}}}")


def c_array(kind, name, items):
    return f"const {kind} {name}[] = {{\n" + "".join(f"    {i},\n" for i in items) + "};\n"


def packed(items, size=16):
    return [", ".join(str(i) for i in items[at:at + size]) for at in range(0, len(items), size)]


def write_ops(path, source, ops, features):
    enum = "enum x86_op {\n    X86_OP_NONE,\n" + "".join(f"    X86_OP_{o.upper()},\n" for o in ops)
    enum += "    X86_OPS,\n};\n\nenum x86_feature {\n    X86_FEATURE_NONE,\n"
    enum += "".join(f"    X86_FEATURE_{f.upper()},\n" for f in features) + "    X86_FEATURES,\n};\n"
    with open(path, "w") as file:
        file.write(f"/* Made from {source} by tools/make_x86_tables.py. */\n#pragma once\n\n{enum}")


def write_tables(path, source, rows, ops, features):
    tree, slots = make_slots(rows)
    specs = {}
    encodings, facts = ["{{0}, 0, 0, 0, 0}"], ["{0, 0, 0, 0, 0, 0}"]
    for row in rows:
        indexes = [specs.setdefault(s, len(specs)) for s in row.specs]
        encodings.append(f"{{{{{', '.join(map(str, indexes)) or '0'}}}, {len(indexes)}, 0x{row.opcode:02x}, "
                         f"0x{row.modrm:02x}, {encoding_flags(row)}}}")
        feature = "X86_FEATURE_" + (row.feature.upper() or "NONE")
        facts.append(f"{{X86_OP_{row.name.upper()}, {feature}, {flag_set(row.attributes)}, "
                     f"{flag_set(row.read)}, {flag_set(row.written)}, {flag_set(row.undefined)}}}")
    if len(specs) > 0xffff or len(rows) >= 0x4000 or len(tree.nodes) >= 0x4000:
        sys.exit(f"a table is too long for its index: {len(specs)} operands, {len(rows)} rows, {len(tree.nodes)} nodes")
    names, at = [], [0]
    for op in ops:
        at.append(at[-1] + (len(names[-1]) + 1 if names else 1))
        names.append(op)
    first = {}
    for row in rows:
        first.setdefault(row.op, row.number)
    parts = [
        f"/* Made from {source} by tools/make_x86_tables.py. */",
        '#include "x86/x86_tables_priv.h"\n',
        c_array("struct x86_row", "x86_rows", facts),
        f"const uint16_t x86_rows_count = {len(rows) + 1};\n",
        c_array("struct x86_encoding", "x86_encodings", encodings),
        c_array("struct x86_spec", "x86_specs", map(spec_text, specs)),
        c_array("uint16_t", "x86_slots", packed(slots)),
        c_array("struct x86_node", "x86_nodes", [f"{{{b}, {s}, {m}}}" for b, s, m in tree.nodes] or ["{0, 0, 0}"]),
        c_array("uint16_t", "x86_branches", packed(tree.branches) or ["0"]),
        "const char x86_names[] =\n" + "\n".join(f'    "{n}\\0"' for n in [""] + names) + ";\n",
        c_array("uint16_t", "x86_name_at", packed(at)),
        c_array("uint16_t", "x86_op_rows", packed([0] + [first[o + 1] for o in range(len(ops))] + [len(rows) + 1])),
        "const char x86_feature_names[] =\n" + "\n".join(f'    "{n}\\0"' for n in [""] + features) + ";\n",
    ]
    with open(path, "w") as file:
        file.write("\n".join(parts))


def main():
    source, ops_path, tables_path = sys.argv[1:4]
    rows, ops = read_rows(source)
    features = sorted({r.feature for r in rows if r.feature})
    name = "x86_rows.def"
    write_ops(ops_path, name, ops, features)
    write_tables(tables_path, name, rows, ops, features)


if __name__ == "__main__":
    main()
