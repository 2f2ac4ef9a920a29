"""Class files from text: an instruction a line, as random bytecode programs are written.

    class b1/Main 52            version; 49 and below have no StackMapTable
    implements java/lang/Runnable
    field 9 si I                access flags
    method 9 name (I)V          access flags
    stack 12
    frame I J java/lang/String  types of the locals wherever there is a label; - where a slot holds none
    L1: I [I U:L2               a label, and the types on the stack there; U: made by the `new` at L2, not initialized
    iload 0                     or wide iload 0; switches: tableswitch LOW DEFAULT LABEL*COUNT ...
    try L1 L2 L3 java/lang/Throwable
    end
Braces are for the reducer alone. Bootstrap methods are lab.Boot's.
"""
import re
import struct

NAMES = """nop aconst_null iconst_m1 iconst_0 iconst_1 iconst_2 iconst_3 iconst_4 iconst_5 lconst_0 lconst_1 fconst_0 fconst_1 fconst_2 dconst_0 dconst_1
bipush sipush ldc ldc_w ldc2_w iload lload fload dload aload iload_0 iload_1 iload_2 iload_3 lload_0 lload_1 lload_2 lload_3 fload_0 fload_1 fload_2 fload_3
dload_0 dload_1 dload_2 dload_3 aload_0 aload_1 aload_2 aload_3 iaload laload faload daload aaload baload caload saload istore lstore fstore dstore astore
istore_0 istore_1 istore_2 istore_3 lstore_0 lstore_1 lstore_2 lstore_3 fstore_0 fstore_1 fstore_2 fstore_3 dstore_0 dstore_1 dstore_2 dstore_3 astore_0
astore_1 astore_2 astore_3 iastore lastore fastore dastore aastore bastore castore sastore pop pop2 dup dup_x1 dup_x2 dup2 dup2_x1 dup2_x2 swap iadd ladd
fadd dadd isub lsub fsub dsub imul lmul fmul dmul idiv ldiv fdiv ddiv irem lrem frem drem ineg lneg fneg dneg ishl lshl ishr lshr iushr lushr iand land ior
lor ixor lxor iinc i2l i2f i2d l2i l2f l2d f2i f2l f2d d2i d2l d2f i2b i2c i2s lcmp fcmpl fcmpg dcmpl dcmpg ifeq ifne iflt ifge ifgt ifle if_icmpeq
if_icmpne if_icmplt if_icmpge if_icmpgt if_icmple if_acmpeq if_acmpne goto jsr ret tableswitch lookupswitch ireturn lreturn freturn dreturn areturn return
getstatic putstatic getfield putfield invokevirtual invokespecial invokestatic invokeinterface invokedynamic new newarray anewarray arraylength athrow
checkcast instanceof monitorenter monitorexit wide multianewarray ifnull ifnonnull goto_w jsr_w""".split()
OPCODES = {name: number for number, name in enumerate(NAMES)}
BRANCHES = {*(n for n in NAMES if n.startswith("if")), "goto", "jsr"}
MEMBERS = {"getstatic": 9, "putstatic": 9, "getfield": 9, "putfield": 9, "invokevirtual": 10, "invokespecial": 10, "invokestatic": 10, "invokeinterface": 11}
LOCALS = {f"{t}{w}" for t in "ilfda" for w in ("load", "store")} | {"ret"}


class Wrong(Exception):
    """The text is no class file: what the reducer finds out."""


def argument_slots(descriptor):
    slots = 0
    for one in re.findall(r"\[*(?:L[^;]*;|.)", descriptor[1:descriptor.index(")")]):
        slots += 2 if one in ("J", "D") else 1
    return slots


class Pool:
    def __init__(self):
        self.index, self.parts, self.next, self.bootstraps = {}, [], 1, []

    def add(self, data, width=1):
        if data not in self.index:
            self.index[data] = self.next
            self.parts.append(data)
            self.next += width
        return self.index[data]

    def utf8(self, text):
        data = text.encode("utf-8")
        return self.add(struct.pack(">BH", 1, len(data)) + data)

    def of_utf8(self, tag, text):
        return self.add(struct.pack(">BH", tag, self.utf8(text)))

    def klass(self, name):
        return self.of_utf8(7, name)

    def pair(self, name, descriptor):
        return self.add(struct.pack(">BHH", 12, self.utf8(name), self.utf8(descriptor)))

    def member(self, tag, owner, name, descriptor):
        return self.add(struct.pack(">BHH", tag, self.klass(owner), self.pair(name, descriptor)))

    def handle(self, kind, tag, owner, name, descriptor):
        return self.add(struct.pack(">BBH", 15, kind, self.member(tag, owner, name, descriptor)))

    def dynamic(self, tag, name, descriptor, arguments=()):
        bootstrap = ("constant", "(Ljava/lang/invoke/MethodHandles$Lookup;Ljava/lang/String;Ljava/lang/Class;)Ljava/lang/Object;") if tag == 17 else (
            "site", "(Ljava/lang/invoke/MethodHandles$Lookup;Ljava/lang/String;Ljava/lang/invoke/MethodType;)Ljava/lang/invoke/CallSite;")
        entry = struct.pack(">HH", self.handle(6, 10, "lab/Boot", *bootstrap), 0)
        if entry not in self.bootstraps:
            self.bootstraps.append(entry)
        return self.add(struct.pack(">BHH", tag, self.bootstraps.index(entry), self.pair(name, descriptor)))

    def constant(self, words):
        """What ldc names: the index and the slots of its value."""
        kind, value = words[0], " ".join(words[1:])
        if kind == "int":
            return self.add(struct.pack(">Bi", 3, int(value))), 1
        if kind == "float":
            return self.add(struct.pack(">BI", 4, int(value, 16))), 1
        if kind == "long":
            return self.add(struct.pack(">Bq", 5, int(value)), 2), 2
        if kind == "double":
            return self.add(struct.pack(">BQ", 6, int(value, 16)), 2), 2
        if kind == "string":
            return self.of_utf8(8, value), 1
        if kind == "class":
            return self.klass(value), 1
        if kind == "methodtype":
            return self.of_utf8(16, value), 1
        if kind == "handle":
            return self.handle(6, 10, *words[1:]), 1
        if kind == "condy":
            return self.dynamic(17, *words[1:]), 2 if words[2] in ("J", "D") else 1
        raise Wrong(kind)


class Code:
    """The code of a method: sizes first, then bytes."""

    def __init__(self, pool, version, access, name, descriptor):
        self.pool, self.version, self.access, self.name, self.descriptor = pool, version, access, name, descriptor
        self.stack, self.locals, self.lines, self.tries, self.labels, self.stacks = 0, [], [], [], {}, {}

    def encode(self, words, at):
        """The bytes of an instruction; labels not placed yet are at 0."""
        op, rest = words[0], words[1:]
        number = OPCODES[op] if op in OPCODES else None
        if op == "wide":
            if rest[0] == "iinc":
                return struct.pack(">BBHh", OPCODES["wide"], OPCODES["iinc"], int(rest[1]), int(rest[2]))
            return struct.pack(">BBH", OPCODES["wide"], OPCODES[rest[0]], int(rest[1]))
        if number is None:
            raise Wrong(op)
        if op in LOCALS:
            return struct.pack(">BB", number, int(rest[0])) if int(rest[0]) < 256 else self.encode(["wide", *words], at)
        if op == "iinc":
            small = int(rest[0]) < 256 and -128 <= int(rest[1]) < 128
            return struct.pack(">BBb", number, int(rest[0]), int(rest[1])) if small else self.encode(["wide", *words], at)
        if op in BRANCHES:
            return struct.pack(">Bh", number, self.distance(rest[0], at, 1 << 15))
        if op in ("goto_w", "jsr_w"):
            return struct.pack(">Bi", number, self.distance(rest[0], at, 1 << 31))
        if op in ("ldc", "ldc_w"):
            index, width = self.pool.constant(rest)
            if width == 2:
                return struct.pack(">BH", OPCODES["ldc2_w"], index)
            return struct.pack(">BB", number, index) if op == "ldc" and index < 256 else struct.pack(">BH", OPCODES["ldc_w"], index)
        if op in MEMBERS:
            index = self.pool.member(MEMBERS[op], *rest)
            return struct.pack(">BH", number, index) + (struct.pack(">BB", argument_slots(rest[2]) + 1, 0) if op == "invokeinterface" else b"")
        if op == "invokedynamic":
            return struct.pack(">BHH", number, self.pool.dynamic(18, *rest), 0)
        if op in ("new", "anewarray", "checkcast", "instanceof"):
            return struct.pack(">BH", number, self.pool.klass(rest[0]))
        if op == "multianewarray":
            return struct.pack(">BHB", number, self.pool.klass(rest[0]), int(rest[1]))
        if op in ("bipush", "newarray"):
            return struct.pack(">Bb", number, int(rest[0]))
        if op == "sipush":
            return struct.pack(">Bh", number, int(rest[0]))
        if op in ("tableswitch", "lookupswitch"):
            return self.encode_switch(op, rest, at)
        return bytes((number,))

    def encode_switch(self, op, rest, at):
        head = bytes((OPCODES[op],)) + b"\0" * (3 - at % 4)
        if op == "tableswitch":
            low, targets = int(rest[0]), []
            for target in rest[2:]:
                label, _, count = target.partition("*")
                targets += [self.distance(label, at, 1 << 31)] * int(count or 1)
            return head + struct.pack(f">iii{len(targets)}i", self.distance(rest[1], at, 1 << 31), low, low + len(targets) - 1, *targets)
        pairs = sorted((int(pair.split("=")[0]), self.distance(pair.split("=")[1], at, 1 << 31)) for pair in rest[1:])
        return head + struct.pack(">ii", self.distance(rest[0], at, 1 << 31), len(pairs)) + b"".join(struct.pack(">ii", *pair) for pair in pairs)

    def distance(self, label, at, most):
        if not self.labels:  # the first time round, for the sizes
            return 0
        if label not in self.labels:
            raise Wrong(f"no label {label}")
        distance = self.labels[label] - at
        if not -most <= distance < most:
            raise Wrong("too far")
        return distance

    def verification_type(self, name):
        simple = {"-": 0, "I": 1, "F": 2, "D": 3, "J": 4, "null": 5}
        if name in simple:
            return bytes((simple[name],))
        if name.startswith("U:"):
            if name[2:] not in self.labels:
                raise Wrong(name)
            return struct.pack(">BH", 8, self.labels[name[2:]])
        return struct.pack(">BH", 7, self.pool.klass(name))

    def frames(self):
        entries, last = [], -1
        for at, stack in sorted({self.labels[label]: stack for label, stack in self.stacks.items()}.items()):
            data = struct.pack(">BHH", 255, at - last - 1, len(self.locals)) + b"".join(map(self.verification_type, self.locals))
            entries.append(data + struct.pack(">H", len(stack)) + b"".join(map(self.verification_type, stack)))
            last = at
        return entries

    def attribute(self):
        for final in (False, True):
            placed, code = {}, b""
            for words in self.lines:
                if words[0].endswith(":"):
                    placed[words[0][:-1]] = len(code)
                    self.stacks[words[0][:-1]] = words[1:]
                else:
                    code += self.encode(words, len(code))
            if not final:
                self.labels = placed or {"": 0}
        if not 0 < len(code) < 65536 or any(at >= len(code) for label, at in self.labels.items() if label):
            raise Wrong("no good length")
        table = b"".join(struct.pack(">HHHH", self.labels[b], self.labels[e], self.labels[h], self.pool.klass(kind) if kind != "any" else 0)
                         for b, e, h, kind in self.tries if self.labels[b] < self.labels[e])
        slots = max(argument_slots(self.descriptor) + (0 if self.access & 8 else 1), sum(2 if t in ("J", "D") else 1 for t in self.locals))
        attributes = b""
        if self.version >= 50:
            entries = self.frames()
            body = struct.pack(">H", len(entries)) + b"".join(entries)
            attributes = struct.pack(">HI", self.pool.utf8("StackMapTable"), len(body)) + body
        body = struct.pack(">HHI", self.stack, slots, len(code)) + code + struct.pack(">H", len(table) // 8) + table
        body += struct.pack(">H", 1 if attributes else 0) + attributes
        return struct.pack(">HI", self.pool.utf8("Code"), len(body)) + body


def assemble(text):
    """The bytes of a class file."""
    pool, fields, methods, code = Pool(), [], [], None
    name, version, interfaces = None, 0, []
    for line in text.split("\n"):
        words = line.split("//")[0].split()
        if not words or words[0] in ("{", "}"):
            continue
        if words[0] == "class":
            name, version = words[1], int(words[2])
        elif words[0] == "implements":
            interfaces.append(pool.klass(words[1]))
        elif words[0] == "field":
            fields.append(struct.pack(">HHHH", int(words[1]), pool.utf8(words[2]), pool.utf8(words[3]), 0))
        elif words[0] == "method":
            code = Code(pool, version, int(words[1]), words[2], words[3])
        elif words[0] == "end" and code:
            attribute = code.attribute()
            methods.append(struct.pack(">HHHH", code.access, pool.utf8(code.name), pool.utf8(code.descriptor), 1) + attribute)
            code = None
        elif code is None:
            raise Wrong(line)
        elif words[0] == "stack":
            code.stack = int(words[1])
        elif words[0] == "frame":
            code.locals = words[1:]
        elif words[0] == "try":
            code.tries.append(words[1:])
        else:
            code.lines.append(words)
    inherited = struct.pack(f">H{len(interfaces)}H", len(interfaces), *interfaces)
    this, parent = pool.klass(name), pool.klass("java/lang/Object")
    attributes = b""
    if pool.bootstraps:
        body = struct.pack(">H", len(pool.bootstraps)) + b"".join(pool.bootstraps)
        attributes = struct.pack(">HI", pool.utf8("BootstrapMethods"), len(body)) + body
    head = struct.pack(">IHHH", 0xcafebabe, 0, version, pool.next) + b"".join(pool.parts)
    return (head + struct.pack(">HHH", 0x21, this, parent) + inherited + struct.pack(">H", len(fields)) + b"".join(fields)
            + struct.pack(">H", len(methods)) + b"".join(methods) + struct.pack(">H", 1 if attributes else 0) + attributes)
