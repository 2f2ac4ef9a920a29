"""Random class files: bytecode that no Java compiler makes. See assembler.py for the text that is made.

A method's locals have one type each and are written at its start; the operand stack walks at random, and is what a label says
wherever one stands. Values stay on it over branches, loops and calls. Loops count down locals of their own.
"""
import os
import random
import struct

import assembler

HOTSPOT = ["-Xint"]  # compiled code does not bear ints beyond a boolean's or byte's type as such arguments
OBJECT, STRING, INTS, LONGS, DOUBLES, BYTES, OBJECTS = ("java/lang/Object", "java/lang/String", "[I", "[J", "[D", "[B", "[Ljava/lang/Object;")
MORE_ARRAYS = ("[C", "[S", "[Z", "[F")
OPERATOR, HANDLE = "java/util/function/IntUnaryOperator", "java/lang/invoke/MethodHandle"
LETTER = {"I": "i", "J": "l", "F": "f", "D": "d"}
SMALL = "ZBCS"
NUMBERS = {"I": (0, 1, -1, 2, 3, 5, 7, 31, 32, 33, 63, 127, 128, -128, -129, 255, 256, 32767, -32768, 32768, 65535, 65536, 0x7fffffff, -0x80000000, 0x55555555),
           "J": (0, 1, -1, 2, 31, 63, 64, 255, -32768, 0x7fffffff, -0x80000000, 0x100000000, 0x7fffffffffffffff, -0x8000000000000000, 123456789012345),
           "F": (0, 0x80000000, 0x3f800000, 0xbf800000, 0x40490fdb, 0x7f800000, 0xff800000, 0x7fc00000, 1, 0x4f000000, 0xcf000001, 0x5f000000, 0x7f7fffff),
           "D": (0, 1 << 63, 0x3ff0000000000000, 0xbff0000000000000, 0x400921fb54442d18, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 1,
                 0x41e0000000000000, 0xc1e0000000200000, 0x43e0000000000000, 0x7fefffffffffffff)}
BINARY = {"I": "add sub mul div rem and or xor shl shr ushr".split(), "J": "add sub mul div rem and or xor".split(), "F": "add sub mul div rem".split(),
          "D": "add sub mul div rem".split()}
UNARY = {"I": [("ineg", "I"), ("i2l", "J"), ("i2f", "F"), ("i2d", "D"), ("i2b", "I"), ("i2c", "I"), ("i2s", "I")],
         "J": [("lneg", "J"), ("l2i", "I"), ("l2f", "F"), ("l2d", "D")], "F": [("fneg", "F"), ("f2i", "I"), ("f2l", "J"), ("f2d", "D")],
         "D": [("dneg", "D"), ("d2i", "I"), ("d2l", "J"), ("d2f", "F")]}
ARRAYS = {INTS: ("i", "I", 10), LONGS: ("l", "J", 11), DOUBLES: ("d", "D", 7), BYTES: ("b", "I", 8), OBJECTS: ("a", OBJECT, None),
          "[C": ("c", "I", 5), "[S": ("s", "I", 9), "[Z": ("b", "I", 4), "[F": ("f", "F", 6)}
MOST_DEPTH = 24  # of the stack, mostly
CAUGHT = ("java/lang/Throwable", "java/lang/RuntimeException", "java/lang/ArithmeticException", "java/lang/NullPointerException",
          "java/lang/ArrayIndexOutOfBoundsException", "java/lang/Error")


def width(kind):
    return 2 if kind in ("J", "D") else 1


def descriptor(kind):
    return kind if len(kind) == 1 or kind[0] == "[" else f"L{kind};"


class Method:
    """What callers know."""

    def __init__(self, name, parameters, result, cost, static):
        self.name, self.parameters, self.result, self.cost, self.static = name, parameters, result, cost, static
        self.descriptor = f"({''.join(map(descriptor, parameters))}){descriptor(result)}"


class Generator:
    def __init__(self, seed, package):
        self.r = random.Random(seed)
        self.version = self.r.choice((46, 48, 49, 49, 50, 51, 52, 55, 61, 61))
        self.main, self.lines, self.labels, self.methods = f"{package}/Main", [], 0, []
        self.old = self.version < 50
        self.risk = self.r.choice((0, 0.02, 0.1))
        self.null, self.constants = self.risk > 0, set()

    # ---- output, and what the stack is ----

    def chance(self, p):
        return self.r.random() < p

    def put(self, line):
        self.lines.append(line)

    def label(self):
        self.labels += 1
        return f"L{self.labels}"

    def place(self, label):
        self.put(f"{label}: {' '.join(self.stack)}")

    def op(self, text, pops=(), pushes=()):
        """An instruction: pops from the deepest to the top."""
        if pops:
            assert self.stack[len(self.stack) - len(pops):] == list(pops), (text, self.stack)
            del self.stack[len(self.stack) - len(pops):]
        self.stack.extend(pushes)
        self.deepest = max(self.deepest, sum(map(width, self.stack)))
        self.cost += self.times
        self.put(text)

    # ---- values ----

    def load(self, kind):
        """Pushes a value of the kind."""
        slots = [slot for slot, k in self.locals.items() if k == kind]
        if slots and self.chance(0.7):
            slot = self.r.choice(slots)
            letter = LETTER.get(kind, "a")
            if slot < 4 and self.chance(0.5):
                self.op(f"{letter}load_{slot}", (), (kind,))
            else:
                self.op(f"{'wide ' if self.chance(0.1) else ''}{letter}load {slot}", (), (kind,))
        elif kind in NUMBERS:
            self.constant(kind)
        elif kind == STRING:
            self.op(f"ldc string s{self.r.randrange(9)}", (), (STRING,))
        elif kind == OBJECT:
            self.load(self.r.choice((STRING, INTS, self.main, OBJECTS) if self.main in self.locals.values() else (STRING, INTS)))
            self.stack[-1] = OBJECT
        elif kind in ARRAYS:
            self.new_array(kind)
        else:
            self.new_main()

    def constant(self, kind):
        value = self.r.choice(NUMBERS[kind])
        if kind == "I" and self.chance(0.6):
            small = self.r.randrange(-1, 6)
            text = self.r.choice((f"iconst_{small if small >= 0 else 'm1'}", f"bipush {self.r.randrange(-128, 128)}", f"sipush {self.r.randrange(-32768, 32768)}"))
        elif kind in "JFD" and self.chance(0.3):
            text = f"{LETTER[kind]}const_{self.r.randrange(3 if kind == 'F' else 2)}"
        elif self.version >= 55 and self.chance(0.2):
            # HotSpot counts the stack wrong behind a dynamic constant when it tells what was null: apart where something is.
            text = self.apart(kind) if self.null else f"ldc condy c{self.r.randrange(9)} {kind}"
        else:
            form = f"{value:x}" if kind in "FD" else value
            text = f"{'ldc_w' if self.chance(0.2) else 'ldc'} {dict(I='int', J='long', F='float', D='double')[kind]} {form}"
        self.op(text, (), (kind,))

    def apart(self, kind):
        """A call of a method that gives a dynamic constant alone."""
        name = f"c{self.r.randrange(9)}{'bad' if self.chance(self.risk) else ''}"
        self.constants.add((name, kind))
        return f"invokestatic {self.main} {name} (){kind}"

    def new_array(self, kind):
        if self.chance(self.risk / 4):
            self.op("aconst_null", (), (kind,))
            return
        if kind == INTS and self.chance(0.2):
            self.op("iconst_2", (), ("I",))
            self.op(f"bipush {4 if not self.chance(self.risk / 8) else -4}", (), ("I",))
            self.op("multianewarray [[I 2", ("I", "I"), ("[[I",))
            self.op(f"iconst_{self.r.randrange(2)}", (), ("I",))
            self.op("aaload", ("[[I", "I"), (INTS,))
            return
        self.op(f"bipush {self.r.randrange(4, 9) if not self.chance(self.risk / 8) else -1}", (), ("I",))
        code = ARRAYS[kind][2]
        self.op(f"newarray {code}" if code else f"anewarray {OBJECT}", ("I",), (kind,))

    def new_main(self):
        """An object whose constructor is called after its references moved about, over a branch maybe."""
        if self.chance(self.risk / 4):
            self.op("aconst_null", (), (self.main,))
            return
        at = self.label()
        self.place(at)
        raw = f"U:{at}"
        self.op(f"new {self.main}", (), (raw,))
        how = self.r.randrange(5)
        if how == 0:
            self.op("dup", (raw,), (raw, raw))
            self.load("I")
        elif how == 1:  # the argument is under one of them
            self.load("I")
            self.op("swap", (raw, "I"), ("I", raw))
            self.op("dup_x1", ("I", raw), (raw, "I", raw))
            self.op("swap", ("I", raw), (raw, "I"))
        elif how == 2:
            self.op("dup", (raw,), (raw, raw))
            self.op("dup2", (raw, raw), (raw, raw, raw, raw))
            self.op("pop2", (raw, raw), ())
            self.load("I")
        elif how == 3:
            self.load("I")
            self.op("dup2", (raw, "I"), (raw, "I", raw, "I"))
            self.op("dup2_x2", (raw, "I", raw, "I"), (raw, "I", raw, "I", raw, "I"))
            self.op("pop2", (raw, "I"), ())
            self.op("pop", ("I",), ())
            self.op("dup_x2", (raw, "I", raw), (raw, raw, "I", raw))
            self.op("pop", (raw,), ())
        else:
            self.op("dup", (raw,), (raw, raw))
            self.load("I")
            other, join = self.label(), self.label()
            self.load("I")
            self.op(f"ifle {other}", ("I",))
            self.op("iconst_3", (), ("I",))
            self.op("iadd", ("I", "I"), ("I",))
            self.op(f"goto {join}")
            self.place(other)
            self.op("ineg", ("I",), ("I",))
            self.place(join)
        self.op(f"invokespecial {self.main} <init> (I)V", (raw, "I"), ())
        self.stack[-1] = self.main

    # ---- random walks ----

    def tops(self, *kinds):
        return tuple(self.stack[len(self.stack) - len(kinds):]) == kinds if len(self.stack) >= len(kinds) else False

    def pop_one(self):
        kind = self.stack[-1]
        how = self.r.randrange(4)
        slots = [slot for slot, k in self.locals.items() if k == kind and slot not in self.fixed]
        if slots and how == 0:
            self.op(f"{LETTER.get(kind, 'a')}store {self.r.choice(slots)}", (kind,))
        elif how == 1 and not kind.startswith("U:"):
            self.op(f"invokestatic lab/Run h ({descriptor(kind) if kind in NUMBERS else 'Ljava/lang/Object;'})V", (kind,))
        elif width(kind) == 2:
            self.op("pop2", (kind,))
        elif how == 2 and len(self.stack) > self.floor + 1 and width(self.stack[-2]) == 1:
            self.op("pop2", tuple(self.stack[-2:]))
        else:
            self.op("pop", (kind,))

    def to(self, wanted):
        """Makes the stack what is wanted, from where both are the same on."""
        common = 0
        while common < min(len(wanted), len(self.stack)) and wanted[common] == self.stack[common]:
            common += 1
        while len(self.stack) > common:
            before, self.floor = self.floor, common
            self.pop_one()
            self.floor = before
        for kind in wanted[common:]:
            self.load(kind)

    def shuffle(self):
        """dup and its kind, in whatever form the stack allows."""
        s = self.stack
        w = [width(k) for k in s[-4:]]
        ways = []
        if w[-1:] == [1]:
            ways.append(("dup", 1, lambda a: (*a, *a)))
            if w[-2:-1] == [1]:
                ways += [("swap", 2, lambda a: (a[1], a[0])), ("dup_x1", 2, lambda a: (a[1], *a)), ("dup2", 2, lambda a: (*a, *a))]
                if w[-3:-2] == [1]:
                    ways += [("dup_x2", 3, lambda a: (a[2], *a)), ("dup2_x1", 3, lambda a: (a[1], a[2], *a))]
                    if w[-4:-3] == [1]:
                        ways.append(("dup2_x2", 4, lambda a: (a[2], a[3], *a)))
                elif w[-3:-2] == [2]:
                    ways.append(("dup2_x2", 3, lambda a: (a[1], a[2], *a)))
            elif w[-2:-1] == [2]:
                ways.append(("dup_x2", 2, lambda a: (a[1], *a)))
        elif w[-1:] == [2]:
            ways.append(("dup2", 1, lambda a: (*a, *a)))
            if w[-2:-1] == [1]:
                ways.append(("dup2_x1", 2, lambda a: (a[1], *a)))
                if w[-3:-2] == [1]:
                    ways.append(("dup2_x2", 3, lambda a: (a[2], *a)))
            elif w[-2:-1] == [2]:
                ways.append(("dup2_x2", 2, lambda a: (a[1], *a)))
        ways = [way for way in ways if len(s) - way[1] >= 0]
        if not ways or sum(map(width, s)) > MOST_DEPTH:
            return
        name, count, made = self.r.choice(ways)
        operands = tuple(s[len(s) - count:])
        self.op(name, operands, made(operands))

    def compute(self):
        """Something with what is on top."""
        top = self.stack[-1]
        if top in NUMBERS and self.tops(top, top) and self.chance(0.7):
            name = self.r.choice(BINARY[top])
            if name in ("div", "rem") and top in "IJ" and not self.chance(2 * self.risk):
                self.op("iconst_1" if top == "I" else "lconst_1", (), (top,))
                self.op(LETTER[top] + "or", (top, top), (top,))
            self.op(LETTER[top] + name, (top, top), (top,))
        elif top == "I" and self.tops("J", "I") and self.chance(0.7):
            self.op("l" + self.r.choice(("shl", "shr", "ushr")), ("J", "I"), ("J",))
        elif top in "JFD" and self.tops(top, top):
            self.op({"J": "lcmp", "F": self.r.choice(("fcmpl", "fcmpg")), "D": self.r.choice(("dcmpl", "dcmpg"))}[top], (top, top), ("I",))
        elif top in UNARY and self.chance(0.6):
            name, result = self.r.choice(UNARY[top])
            self.op(name, (top,), (result,))
        elif top in ARRAYS:
            self.element(top)
        elif top == self.main:
            self.field(top)
        elif top in (OBJECT, STRING):
            kind = self.r.choice((STRING, INTS, self.main, OBJECTS, "java/lang/Comparable"))
            if self.chance(0.5):
                self.op(f"instanceof {kind}", (top,), ("I",))
            elif top == OBJECT and self.chance(self.risk):
                cast = self.r.choice((STRING, INTS, self.main, OBJECTS))
                self.op(f"checkcast {cast}", (top,), (cast,))
            else:
                self.op("invokestatic lab/Run text (Ljava/lang/Object;)Ljava/lang/String;", (top,), (STRING,))
                self.op("invokestatic lab/Run cut (Ljava/lang/String;)Ljava/lang/String;", (STRING,), (STRING,))
        else:
            self.load(top)

    def element(self, kind):
        letter, element, _ = ARRAYS[kind]
        how = self.r.randrange(3)
        if how == 0:
            self.op("arraylength", (kind,), ("I",))
            return
        if self.chance(0.5):
            self.op(f"iconst_{self.r.randrange(4)}", (), ("I",))
        else:
            self.load("I")
            if not self.chance(2 * self.risk):
                self.op("iconst_3", (), ("I",))
                self.op("iand", ("I", "I"), ("I",))
        if how == 1:
            self.op(f"{letter}aload", (kind, "I"), (element,))
        else:
            self.load(element)
            self.op(f"{letter}astore", (kind, "I", element))

    def field(self, kind):
        if self.chance(0.3):
            self.op(f"invokevirtual {self.main} self ()I", (kind,), ("I",))
            return
        small = self.r.choice((*SMALL, "I", "J", "F", "D"))
        value = "I" if small in SMALL else small
        if self.chance(0.5):
            self.op(f"getfield {self.main} f{small} {small}", (kind,), (value,))
        else:
            self.load(value)
            self.op(f"putfield {self.main} f{small} {small}", (kind, value))

    def static(self):
        small = self.r.choice((*SMALL, "I", "J", "F", "D"))
        value = "I" if small in SMALL else small
        if self.stack and self.stack[-1] == value and self.chance(0.4) and len(self.stack) > self.floor:
            self.op(f"putstatic {self.main} s{small} {small}", (value,))
        else:
            self.op(f"getstatic {self.main} s{small} {small}", (), (value,))

    def call(self):
        fitting = [m for m in self.methods if self.cost + m.cost * self.times < self.budget]
        if not fitting:
            return
        method = self.r.choice(fitting)
        self.cost += method.cost * self.times
        result = "I" if method.result in SMALL else method.result
        arguments = tuple("I" if kind in SMALL else kind for kind in method.parameters)
        receiver = () if method.static else (self.main,)
        by_handle = method.static and self.version >= 51 and self.chance(0.2)
        if by_handle:
            self.op(f"ldc handle {self.main} {method.name} {method.descriptor}", (), (HANDLE,))
            receiver = (HANDLE,)
        elif receiver:
            self.load(self.main)
        for kind in arguments:
            self.load(kind)
        if by_handle:
            how = f"invokevirtual {HANDLE} invokeExact {method.descriptor}"
        elif receiver:
            how = f"invokevirtual {self.main} {method.name} {method.descriptor}"
            if method.name == "applyAsInt" and self.chance(0.6):
                how = f"invokeinterface {OPERATOR} applyAsInt (I)I"
        elif self.version >= 51 and self.chance(0.3):
            how = f"invokedynamic {method.name} {method.descriptor}"
        else:
            how = f"invokestatic {self.main} {method.name} {method.descriptor}"
        self.op(how, receiver + arguments, (result,))

    def throw(self):
        """On some condition an exception, or the end of the method."""
        on = self.label()
        before = list(self.stack)
        self.condition(on)
        if self.chance(0.5):
            kind = self.r.choice(("java/lang/IllegalStateException", "java/lang/RuntimeException", "java/lang/Error"))
            self.op(f"new {kind}", (), ("U:0",))
            self.op("dup", ("U:0",), ("U:0", "U:0"))
            self.op(f"ldc string t{self.labels}", (), (STRING,))
            self.op(f"invokespecial {kind} <init> (Ljava/lang/String;)V", ("U:0", STRING), ())
            self.op("athrow", ("U:0",))
        else:
            self.load(self.result)
            self.op(f"{LETTER.get(self.result, 'a')}return", (self.result,))
        self.stack = before
        self.place(on)

    def walk(self, steps):
        for _ in range(steps):
            how = self.r.randrange(13)
            deep = sum(map(width, self.stack)) > MOST_DEPTH
            if len(self.stack) > self.floor and (deep or how == 0):
                self.pop_one()
            elif len(self.stack) - self.floor < 1 or how <= 2 and not deep:
                self.load(self.r.choice(("I", "I", "J", "F", "D", "D", OBJECT, STRING, INTS, LONGS, DOUBLES, BYTES, OBJECTS, self.main, self.r.choice(MORE_ARRAYS))))
            elif how <= 5 and not deep:
                self.shuffle()
            elif how == 6 and not deep:
                self.static()
            elif how == 7 and not deep:
                self.call()
            elif how == 8 and self.counters:
                self.increment()
            elif how == 12 and self.risk and self.result and self.chance(0.3):
                self.throw()
            elif not self.stack[-1].startswith("U:"):
                self.compute()

    def increment(self):
        slots = [slot for slot, kind in self.locals.items() if kind == "I" and slot not in self.fixed]
        if slots:
            self.op(f"iinc {self.r.choice(slots)} {self.r.choice((1, -1, 127, -128, 128, 1000, -32768, 32767))}")

    # ---- control ----

    def fragment(self, d):
        """Instructions that leave the stack as they find it: what the reducer takes away."""
        before, floor = list(self.stack), self.floor
        self.put("{")
        self.floor = 0 if self.chance(0.5) else len(before)
        ways = [self.plain] * 3
        if d > 0 and self.cost < self.budget:
            ways += [self.diamond, self.diamond, self.loop, self.loop, self.switch, self.attempt, self.attempt, self.locked, self.far, self.irreducible]
            if self.version <= 49:
                ways += [self.subroutine] * 3
        self.r.choice(ways)(d)
        self.to(before)
        self.floor = floor
        self.put("}")

    def plain(self, d):
        self.walk(self.r.randrange(2, 14))

    def body(self, d):
        if self.chance(0.5):
            self.walk(self.r.randrange(1, 8))
        for _ in range(self.r.randrange(1, 3)):
            self.fragment(d - 1)
        if self.chance(0.3):
            self.walk(self.r.randrange(1, 5))

    def condition(self, label):
        """A branch to the label or on, with operands of its own."""
        how = self.r.randrange(6)
        if how <= 1:
            self.load("I")
            self.op(f"if{self.r.choice(('eq', 'ne', 'lt', 'ge', 'gt', 'le'))} {label}", ("I",))
        elif how == 2:
            self.load("I")
            self.load("I")
            self.op(f"if_icmp{self.r.choice(('eq', 'ne', 'lt', 'ge', 'gt', 'le'))} {label}", ("I", "I"))
        elif how == 3:
            kind = self.r.choice((OBJECT, STRING, self.main))
            self.load(kind)
            if self.chance(0.5):
                self.op(f"{self.r.choice(('ifnull', 'ifnonnull'))} {label}", (kind,))
            else:
                self.load(kind)
                self.op(f"if_acmp{self.r.choice(('eq', 'ne'))} {label}", (kind, kind))
        else:
            kind = self.r.choice("JFD")
            self.load(kind)
            self.load(kind)
            self.op({"J": "lcmp", "F": self.r.choice(("fcmpl", "fcmpg")), "D": self.r.choice(("dcmpl", "dcmpg"))}[kind], (kind, kind), ("I",))
            if self.chance(0.2):
                self.place(self.label())
            self.op(f"if{self.r.choice(('eq', 'ne', 'lt', 'ge', 'gt', 'le'))} {label}", ("I",))

    def shape(self):
        """A stack to agree on."""
        return self.stack[:self.r.randrange(len(self.stack) + 1)] + [self.r.choice(("I", "I", "J", "F", "D", OBJECT, STRING, INTS))
                                                                    for _ in range(self.r.randrange(4))]

    def diamond(self, d):
        other, join = self.label(), self.label()
        self.walk(self.r.randrange(4))
        self.condition(other)
        before, wanted = list(self.stack), self.shape()
        self.body(d)
        self.to(wanted)
        self.op(f"{'goto_w' if self.chance(0.1) else 'goto'} {join}")
        self.stack = before
        self.place(other)
        if self.chance(0.7):
            self.body(d)
        self.to(wanted)
        self.place(join)
        self.walk(self.r.randrange(4))

    def counter(self, bound):
        slot = self.counters.pop()
        self.op(f"bipush {bound}", (), ("I",))
        self.op(f"istore {slot}", ("I",))
        self.fixed.add(slot)
        return slot

    def loop(self, d):
        """Values on the stack at its head, changed in its body."""
        if not self.counters or self.times > 30:
            self.plain(d)
            return
        bound = self.r.choice((1, 2, 3, 5, 9)) if self.cost + 400 * self.times < self.budget else 2
        slot = self.counter(bound)
        head, out = self.label(), self.label()
        self.to(self.shape())
        wanted = list(self.stack)
        self.place(head)
        self.times *= bound
        self.body(d)
        if self.chance(0.3):
            self.to(wanted)
            self.condition(out)
        self.to(wanted)
        self.op(f"iinc {slot} -1")
        self.op(f"iload {slot}", (), ("I",))
        self.op(f"ifgt {head}", ("I",))
        self.times //= bound
        self.place(out)
        self.counters.append(slot)
        self.fixed.discard(slot)

    def irreducible(self, d):
        """A loop that is entered at two places."""
        if not self.counters or self.times > 30:
            self.plain(d)
            return
        slot = self.counter(3)
        first, second, out = self.label(), self.label(), self.label()
        wanted, half = self.shape(), self.shape()
        before = list(self.stack)
        self.condition(first)
        self.to(half)
        self.op(f"goto {second}")
        self.stack = before
        self.place(first)
        self.to(wanted)
        again = self.label()
        self.place(again)
        self.times *= 3
        self.body(d)
        self.to(half)
        self.place(second)
        self.body(d)
        self.to(wanted)
        self.op(f"iinc {slot} -1")
        self.op(f"iload {slot}", (), ("I",))
        self.op(f"ifgt {again}", ("I",))
        self.times //= 3
        self.place(out)
        self.counters.append(slot)
        self.fixed.discard(slot)

    def switch(self, d):
        self.load("I")
        if self.chance(0.7):
            self.op("bipush 7", (), ("I",))
            self.op("iand", ("I", "I"), ("I",))
        count = self.r.randrange(1, 5)
        labels = [self.label() for _ in range(count + 1)]
        join = self.label()
        if self.chance(0.5):
            low = self.r.choice((0, 1, -2, 3, -0x80000000, 0x7fffffff - 60))
            repeats = [self.r.choice((1, 1, 1, 2, 3, self.r.choice((5, 200, 3000)) if self.chance(0.05) and low != 0x7fffffff - 60 else 1)) for _ in labels[1:]]
            self.op(f"tableswitch {low} {labels[0]} {' '.join(f'{name}*{n}' for name, n in zip(labels[1:], repeats))}", ("I",))
        else:
            keys = self.r.sample([0, 1, 2, 3, 4, 5, 6, 7, -1, 100, -0x80000000, 0x7fffffff], count)
            self.op(f"lookupswitch {labels[0]} {' '.join(f'{k}={name}' for k, name in zip(keys, labels[1:]))}", ("I",))
        before, wanted = list(self.stack), self.shape()
        for number, label in enumerate(labels):
            self.stack = list(before)
            self.place(label)
            if self.chance(0.6):
                self.fragment(d - 1)
            self.walk(self.r.randrange(4))
            if number < count and self.chance(0.2):  # falls through
                self.to(before)
            else:
                self.to(wanted)
                self.op(f"goto {join}")
                self.stack = None
            if self.stack is not None:
                self.op(f"goto {labels[number + 1]}")
        self.stack = list(wanted)
        self.place(join)

    def attempt(self, d):
        """A range with a handler, which it may cover too: a local that counts down ends that."""
        begin, end, handler, after = self.label(), self.label(), self.label(), self.label()
        fuel = self.counter(2) if self.counters else None
        covers = fuel is not None and self.chance(0.3)
        self.place(begin)
        kind = self.r.choice(CAUGHT) if self.chance(0.8) else "any"
        risk, self.risk = self.risk, self.risk and max(self.risk, self.r.choice((0.1, 0.3)))
        wanted = self.shape()
        self.body(d)
        self.to(wanted)
        if not covers:
            self.place(end)
        self.op(f"goto {after}")
        caught = kind if kind != "any" else "java/lang/Throwable"
        self.stack = [caught]
        self.deepest = max(self.deepest, 1)
        self.place(handler)
        if self.chance(0.6) and self.times < 20:
            self.op("invokestatic lab/Run t (Ljava/lang/Throwable;)V", (caught,))
        else:
            self.op("invokestatic lab/Run h (Ljava/lang/Object;)V", (caught,))
        if covers:
            stop = self.label()
            self.op(f"iinc {fuel} -1")
            self.op(f"iload {fuel}", (), ("I",))
            self.op(f"ifle {stop}", ("I",))
            self.floor = 0
            self.walk(self.r.randrange(1, 6))
            self.to([])
            if self.chance(0.5):
                self.op("aconst_null", (), ("java/lang/Throwable",))
                self.op("athrow", ("java/lang/Throwable",))
            self.place(end)
            self.place(stop)
        self.floor = 0
        self.to(wanted)
        self.place(after)
        self.tries.append(f"try {begin} {end} {handler} {kind}")
        self.risk = risk
        if fuel is not None:
            self.counters.append(fuel)
            self.fixed.discard(fuel)

    def locked(self, d):
        """A monitor that is entered on two ways and left on two, and by a handler that covers itself."""
        kind = self.main
        slots = [slot for slot, k in self.locals.items() if k == kind and slot not in self.fixed]
        if not slots:
            self.plain(d)
            return
        slot = self.r.choice(slots)
        self.fixed.add(slot)
        begin, end, handler, after, other, join, last = (self.label() for _ in range(7))
        floor, self.floor = self.floor, len(self.stack)
        below = list(self.stack)
        self.condition(other)
        for label, on in ((None, join), (other, None)):
            if label:
                self.stack = list(below)
                self.place(label)
            self.op(f"aload {slot}", (), (kind,))
            self.op("monitorenter", (kind,))
            if on:
                self.op(f"goto {on}")
        self.place(join)
        self.place(begin)
        self.fragment(d - 1)
        self.to(below)
        if not self.chance(self.risk / 2):  # the method's end tells of it
            self.op(f"aload {slot}", (), (kind,))
            self.op("monitorexit", (kind,))
        self.place(end)
        self.op(f"goto {after}")
        self.stack = ["java/lang/Throwable"]
        self.place(handler)
        self.op(f"aload {slot}", (), (kind,))
        self.op("monitorexit", (kind,))
        self.place(last)
        self.op("athrow", ("java/lang/Throwable",))
        self.stack = list(below)
        self.place(after)
        # The innermost ranges come first in the table, where this one is now: what it holds is there already.
        self.tries.append(f"try {begin} {end} {handler} any")
        self.tries.append(f"try {handler} {last} {handler} any")
        self.floor = floor
        self.fixed.discard(slot)

    def far(self, d):
        """A jump over more than 32 K."""
        if d < 3 or self.huge or not self.chance(0.3):
            self.diamond(d)
            return
        self.huge = True
        near, out, one = self.label(), self.label(), self.label()
        before = list(self.stack)
        self.condition(near)
        self.op(f"goto_w {out}")
        self.stack = list(before)
        self.place(near)
        self.load("I")
        self.op(f"tableswitch 0 {one} {one}*{self.r.choice((9000, 12000))}", ("I",))
        self.place(one)
        self.walk(5)
        self.to(before)
        self.place(out)

    def subroutine(self, d):
        """jsr from two places, over whatever is on the stack."""
        if not self.returns:
            self.plain(d)
            return
        slot = self.returns.pop()
        routine, after = self.label(), self.label()
        calls = self.r.randrange(1, 4)
        below = list(self.stack)
        left = self.shape() if self.chance(0.4) else below  # it may leave another stack
        for _ in range(calls):
            self.op(f"{'jsr_w' if self.chance(0.1) else 'jsr'} {routine}")
            self.stack = list(left)
            self.place(self.label())
            self.walk(self.r.randrange(3))
            self.to(below)
        self.op(f"goto {after}")
        self.stack = [*below, "return"]
        self.deepest = max(self.deepest, sum(map(width, self.stack)))
        self.place(routine)
        if self.chance(0.3):
            self.op("dup", ("return",), ("return", "return"))
            self.op("pop", ("return",))
        self.op(f"astore {slot}", ("return",))
        self.times *= calls
        if d > 1 and self.chance(0.5):
            self.fragment(d - 1)
        self.walk(self.r.randrange(1, 8))
        self.to(left)
        self.times //= calls
        self.op(f"{'wide ' if self.chance(0.2) else ''}ret {slot}")
        self.stack = below
        self.place(after)
        self.returns.append(slot)

    # ---- methods ----

    def begin(self, access, name, parameters, result, budget, many=False):
        """Writes all locals; those of the parameters have values. Counters of loops and returns of subroutines come last."""
        self.result = None if result == "V" else "I" if result in SMALL else result
        self.put(f"method {access} {name} ({''.join(map(descriptor, parameters))}){descriptor(result)}")
        self.at_stack = len(self.lines)
        self.stack, self.deepest, self.cost, self.times, self.budget, self.floor, self.huge = [], 0, 5, 1, budget, 0, False
        self.locals, self.fixed, self.tries = {}, set(), []
        kinds = ["I" if kind in SMALL else kind for kind in parameters]
        if not access & 8:
            kinds.insert(0, self.main)
        more = ["I", "I", "J", "D", "F", STRING, INTS, self.main, OBJECTS, "I", LONGS, DOUBLES, OBJECT]
        self.r.shuffle(more)
        slot, shape, written = 0, [], []
        for number, kind in enumerate(kinds + more):
            if many and number == len(kinds) + 3:
                gap = self.r.choice((250, 300, 1000, 3000))
                shape += ["-"] * gap
                slot += gap
            if number >= len(kinds):
                self.op({"I": "iconst_0", "J": "lconst_0", "F": "fconst_0", "D": "dconst_0"}.get(kind, "aconst_null"), (), (kind,))
                self.op(f"{LETTER.get(kind, 'a')}store {slot}", (kind,))
                written.append((kind, slot))
            else:
                self.locals[slot] = kind
            shape.append(kind)
            slot += width(kind)
        self.counters = list(range(slot, slot + 6))
        for counter in self.counters:
            self.op("iconst_0", (), ("I",))
            self.op(f"istore {counter}", ("I",))
            self.locals[counter] = "I"
            self.fixed.add(counter)
            shape.append("I")
        for kind, local in written:  # labels stand among these
            self.load(kind)
            self.op(f"{LETTER.get(kind, 'a')}store {local}", (kind,))
            self.locals[local] = kind
        self.fixed -= set(self.counters[3:])
        self.counters = self.counters[:3]
        slot += 6
        self.returns = [slot, slot + 1, slot + 2]
        shape += ["-"] * 3
        self.shape_line = "frame " + " ".join(shape)

    def finish(self, result):
        self.to(["I" if result in SMALL else result] if result != "V" else [])
        if result == "V":
            self.op("return")
        else:
            kind = self.stack[-1]
            self.op(f"{LETTER.get(kind, 'a')}return", (kind,))
        self.lines[self.at_stack:self.at_stack] = [f"stack {self.deepest + 2}", self.shape_line]
        for line in self.tries:
            self.put(line)
        self.put("end")

    def method(self, number):
        kinds = ("I", "I", "J", "F", "D", STRING, INTS, *SMALL, self.main, OBJECT)
        parameters = [self.r.choice(kinds) for _ in range(self.r.randrange(6))]
        result = self.r.choice(("I", "J", "F", "D", STRING, *SMALL, *SMALL))
        name, access = f"m{number}", self.r.choice((9, 9, 9, 0x29, 1, 0x21))
        if number == 1 and self.chance(0.5):
            name, access, parameters, result = "applyAsInt", 1, ["I"], "I"
        self.begin(access, name, parameters, result, self.r.choice((300, 1500, 6000)), self.chance(0.08))
        for _ in range(self.r.randrange(1, 6)):
            if self.chance(0.5):
                self.walk(self.r.randrange(8))
            self.fragment(3)
        self.walk(3)
        self.finish(result)
        self.methods.append(Method(name, parameters, result, self.cost, access & 8 != 0))

    def program(self):
        self.put(f"class {self.main} {self.version}")
        self.put(f"implements {OPERATOR}")
        for small in (*SMALL, "I", "J", "F", "D"):
            self.put(f"field {self.r.choice((9, 73))} s{small} {small}")
            self.put(f"field {self.r.choice((1, 65))} f{small} {small}")
        for line in (f"method 1 <init> (I)V|stack 2|frame {self.main} I|aload_0|invokespecial java/lang/Object <init> ()V|aload_0|iload_1|"
                     f"putfield {self.main} fI I|return|end|method 1 self ()I|stack 2|frame {self.main}|aload_0|getfield {self.main} fI I|ireturn|end").split("|"):
            self.put(line)
        for number in range(self.r.randrange(2, 6)):
            self.method(number)
        if not any(method.name == "applyAsInt" for method in self.methods):
            for line in "method 1 applyAsInt (I)I|stack 2|frame - -|iload_1|ineg|ireturn|end".split("|"):
                self.put(line)
        self.calls()
        for name, kind in sorted(self.constants):
            for line in f"method 9 {name} (){kind}|stack 2|frame|ldc condy {name} {kind}|{LETTER[kind]}return|end".split("|"):
                self.put(line)
        return "\n".join(self.lines) + "\n"

    def calls(self):
        """main: every method as often as it is asked for, and what it gives or throws."""
        roots = self.methods
        self.put("method 9 main ([Ljava/lang/String;)V")
        self.at_stack = len(self.lines)
        self.stack, self.deepest, self.cost, self.times, self.budget, self.floor, self.result = [], 3, 0, 1, 10, 0, None
        self.locals, self.fixed, self.tries, self.counters, self.returns, self.risk = {0: "[Ljava/lang/String;", 1: "I"}, {1}, [], [], [], 0
        self.op("aload_0", (), ("[Ljava/lang/String;",))
        self.op("iconst_0", (), ("I",))
        self.op("aaload", ("[Ljava/lang/String;", "I"), (STRING,))
        self.op("invokestatic java/lang/Integer parseInt (Ljava/lang/String;)I", (STRING,), ("I",))
        self.op("istore 1", ("I",))
        head = self.label()
        self.place(head)
        for method in roots:
            begin, end, handler, after = (self.label() for _ in range(4))
            self.put("{")
            self.place(begin)
            arguments = tuple("I" if kind in SMALL else kind for kind in method.parameters)
            if not method.static:
                arguments = (self.main, *arguments)
            for kind in arguments:
                self.load(kind)
            given = "I" if method.result in SMALL else method.result
            self.op(f"{'invokestatic' if method.static else 'invokevirtual'} {self.main} {method.name} {method.descriptor}", arguments, (given,))
            self.op(f"invokestatic lab/Run h ({given if given in NUMBERS else 'Ljava/lang/Object;'})V", (given,))
            self.place(end)
            self.op(f"goto {after}")
            self.stack = ["java/lang/Throwable"]
            self.place(handler)
            self.op("invokestatic lab/Run t (Ljava/lang/Throwable;)V", ("java/lang/Throwable",))
            self.place(after)
            self.tries.append(f"try {begin} {end} {handler} any")
            self.put("}")
        for small in (*SMALL, "I", "J", "F", "D"):
            self.op(f"getstatic {self.main} s{small} {small}", (), ("I" if small in SMALL else small,))
            self.op(f"invokestatic lab/Run h ({'I' if small in SMALL else small})V", (self.stack[-1],))
        self.op("iinc 1 -1")
        self.op("iload 1", (), ("I",))
        self.op(f"ifgt {head}", ("I",))
        self.shape_line = "frame [Ljava/lang/String; I"
        self.finish("V")


def generate(seed, package):
    """The text of a program."""
    return Generator(seed, package).program()


def build(texts, lab, sources, classes):
    """Writes class files; the names of those that can be made."""
    names = []
    for name, text in texts.items():
        try:
            data = assembler.assemble(text)
        except (assembler.Wrong, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error) as error:
            if not name.startswith("r"):  # the reducer's
                print(f"{name}: {error!r}", flush=True)
            continue
        os.makedirs(os.path.join(classes, name))
        with open(os.path.join(classes, name, "Main.class"), "wb") as out:
            out.write(data)
        names.append(name)
    return names
