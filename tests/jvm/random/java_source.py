"""Random Java programs: from a seed a class whose methods use all types, statements and exceptions, and end soon.

Nothing runs for long: loops have fixed bounds, methods call only those made before them, and each has a budget that
calls in loops are counted against. What a program tells goes through lab.Run.
"""
import os
import random
import subprocess
import zlib

import jvm_lab
from java_shape import AFTER, BEFORE

HOTSPOT = ["-XX:TieredStopAtLevel=1"]  # starts sooner, and compiles what is called often
INTEGERS = ("int", "long", "byte", "char", "short")
PRIMITIVES = (*INTEGERS, "float", "double", "boolean")
NUMBERS = PRIMITIVES[:-1]
BOXES = {"int": "Integer", "long": "Long", "byte": "Byte", "char": "Character", "short": "Short", "float": "Float", "double": "Double",
         "boolean": "Boolean"}
# What names of fields begin with.
LETTER = {"int": "i", "long": "l", "byte": "b", "char": "c", "short": "s", "float": "f", "double": "d", "boolean": "z", "String": "t", "Object": "o"}
ELEMENTS = (*PRIMITIVES, "String", "Object")
LOCALS = ("int", "int", "int", "long", "long", "byte", "char", "short", "float", "double", "double", "boolean", "String", "Object", "A", "int[]", "long[]",
          "double[]", "byte[]", "char[]", "short[]", "float[]", "boolean[]", "String[]", "Object[]", "int[][]", "Integer", "Long", "E", "Rec", "I0")
INTS = ("0", "1", "-1", "2", "3", "5", "7", "10", "31", "32", "33", "63", "64", "100", "127", "128", "-128", "255", "256", "32767", "-32768", "32768", "65535",
        "65536", "1000003", "0x7fffffff", "0x80000000", "-0x7fffffff", "0x55555555", "0xdeadbeef")
LONGS = ("0L", "1L", "-1L", "2L", "7L", "31L", "63L", "64L", "255L", "32767L", "-32768L", "0x7fffffffL", "-0x80000000L", "0x100000000L", "0x7fffffffffffffffL",
         "0x8000000000000000L", "0x5555555555555555L", "1000000007L", "-123456789012345L")
FLOATS = ("0f", "-0f", "1f", "-1f", "2f", "0.5f", "3.25f", "1e10f", "-1e-10f", "1e38f", "Float.NaN", "Float.POSITIVE_INFINITY", "Float.NEGATIVE_INFINITY",
          "Float.MIN_VALUE", "Float.MAX_VALUE", "16777217f", "2147483648f", "9.3e18f")
DOUBLES = ("0d", "-0d", "1d", "-1d", "2d", "0.5d", "3.25d", "1e10d", "-1e-10d", "1e300d", "Double.NaN", "Double.POSITIVE_INFINITY", "Double.NEGATIVE_INFINITY",
           "Double.MIN_VALUE", "Double.MAX_VALUE", "2147483648d", "-2147483649d", "9.3e18d", "1e-310d")
STRINGS = ('""', '"a"', '"ab"', '"hello"', '"x y z"', '"12"', '"-7"', '"\\u00e9t\\u00e9"', '"\\u4e2d\\ud83d\\ude00"', '"\\0"', '"Aa"', '"BB"')
CAUGHT = ("ArithmeticException", "ArrayIndexOutOfBoundsException", "IndexOutOfBoundsException", "NullPointerException", "ClassCastException",
          "ArrayStoreException", "NegativeArraySizeException", "NumberFormatException", "IllegalArgumentException", "IllegalStateException", "X0", "X1",
          "RuntimeException", "Throwable", "Exception", "StringIndexOutOfBoundsException")
# What stands before another must be caught before it.
PARENTS = {"ArrayIndexOutOfBoundsException": "IndexOutOfBoundsException", "StringIndexOutOfBoundsException": "IndexOutOfBoundsException",
           "IndexOutOfBoundsException": "RuntimeException", "NumberFormatException": "IllegalArgumentException",
           "X1": "X0", "RuntimeException": "Exception", "Exception": "Throwable", "Throwable": None}


def ancestors(name):
    while name is not None:
        yield name
        name = PARENTS.get(name, "RuntimeException")


class Variable:
    def __init__(self, name, kind, assigned=True, captured=False):
        self.name, self.kind, self.assigned, self.captured = name, kind, assigned, captured


class Method:
    def __init__(self, name, result, parameters, cost, owner=None):
        self.name, self.result, self.parameters, self.cost, self.owner = name, result, parameters, cost, owner


class Generator:
    """One program."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.risk = self.r.choice((0, 0.01, 0.03, 0.08))
        self.methods, self.lines, self.indent, self.names = [], [], 1, 0
        self.begin("", None, 1000)

    def begin(self, this, result, budget):
        """A method begins: no locals, no loops."""
        self.this, self.result, self.budget, self.cost, self.times = this, result, budget, 10, 1
        self.scope, self.loops, self.depth, self.leaves = [], [], 0, True

    # ---- small things ----

    def chance(self, p):
        return self.r.random() < p

    def risky(self):
        return self.r.random() < self.risk

    def one(self, *choices):
        return self.r.choice(choices)

    def weighted(self, pairs):
        return self.r.choices([p[1] for p in pairs], [p[0] for p in pairs])[0]

    def name(self, letter="v"):
        self.names += 1
        return f"{letter}{self.names}"

    def put(self, line):
        self.lines.append("    " * self.indent + line)

    def open(self, line):
        self.put(line)
        self.indent += 1

    def close(self, line="}"):
        self.indent -= 1
        self.put(line)

    def find(self, kind, assigned=False):
        return [v.name for v in self.scope if v.kind == kind and (v.assigned or not assigned)]

    # ---- expressions: e(kind, depth) gives an operand, in parentheses where that may matter ----

    def e(self, kind, d=2):
        if kind == "boolean":
            return self.boolean(d)
        if kind in NUMBERS:
            return self.number(kind, d)
        if kind == "String":
            return self.string(d)
        if kind.endswith("[]"):
            return self.array(kind, d)
        return self.reference(kind, d)

    def literal(self, kind):
        if kind == "int":
            return f"({self.r.choice(INTS)})"
        if kind == "long":
            return f"({self.r.choice(LONGS)})"
        if kind == "float":
            return f"({self.r.choice(FLOATS)})"
        if kind == "double":
            return f"({self.r.choice(DOUBLES)})"
        if kind == "boolean":
            return self.one("true", "false")
        if kind == "char" and self.chance(0.3):
            return self.one("'a'", "'0'", "'\\n'", "'\\uffff'", "'\\u00e9'")
        return f"(({kind}) {self.r.choice(INTS)})"

    def index(self, d):
        """An index of an array of four elements at least, mostly."""
        if self.risky():
            return self.r.choice(("-1", "8", "100", "0x7fffffff")) if d <= 0 or self.chance(0.5) else self.e("int", d - 1)
        names = self.find("int")
        if d > 0 and self.chance(0.3):
            return f"{self.e('int', d - 1)} & 3"
        return f"{self.r.choice(names)} & 3" if names and self.chance(0.6) else str(self.r.randrange(4))

    def lvalue(self, kind, d):
        """Something of the kind that can be assigned."""
        ways = [(5, lambda name=name: name) for name in self.find(kind, assigned=True)][-6:]
        letter = LETTER.get(kind)
        if letter:
            ways += [(1, lambda: f"S{letter}"), (1, lambda: f"V{letter}"), (1, lambda: f"S{letter}a[{self.index(d)}]")]
            ways += [(2, lambda name=name: f"{name}[{self.index(d)}]") for name in self.find(kind + "[]")][:3]
            if self.this:
                ways += [(3, lambda: f"{letter}m"), (1, lambda: f"this.{letter}w")]
            if d > 0:
                ways += [(1, lambda: f"{self.e('A', d - 1)}.{letter}m"), (0.3, lambda: f"{self.e('A', 0)}.{letter}w")]
        if kind == "int" and d > 0:
            ways += [(0.5, lambda: f"{self.e('int[][]', d - 1)}[{self.index(d)}][{self.index(d)}]"),
                     (0.1, lambda: self.one("Static0.v", "Static1.v", "StaticF.v" if self.risk else "Static0.v"))]
        if kind == "A":
            ways += [(1, lambda: "SA"), (0.5, lambda: f"{self.e('A', d - 1)}.next" if d > 0 else "SA")]
        return self.weighted(ways)() if ways else None

    def rvalue(self, kind, d):
        names = self.find(kind)
        if names and self.chance(0.7):
            return self.r.choice(names)
        return self.lvalue(kind, d) or self.literal(kind)

    def call(self, kind, d):
        """A call of a method that gives the kind and may be paid, or None."""
        fitting = [m for m in self.methods if m.result == kind and self.cost + m.cost * self.times <= self.budget]
        if not fitting:
            return None
        method = self.r.choice(fitting[-8:])
        self.cost += method.cost * self.times
        arguments = ", ".join(self.argument(p, d - 1) for p in method.parameters)
        if method.owner is None:
            how = self.r.randrange(12)
            if how < 2 and method.result != "void" and not any("..." in p for p in method.parameters):
                boxed = BOXES.get(method.result, method.result)
                self.cost += 200 * self.times
                called = f"(({boxed}) {'reflected' if how else 'handled'}(\"{method.name}\"{', ' if arguments else ''}{arguments}))"
                return f"(({method.result}) {called})" if method.result in BOXES else called
            return f"{method.name}({arguments})"
        return f"{self.receiver(method.owner, d - 1)}.{method.name}({arguments})"

    def receiver(self, owner, d):
        if owner.startswith("G<"):
            return f"(({owner}) new {'GI' if 'Integer' in owner else 'GS'}())"
        return self.e(owner, d)

    def argument(self, kind, d):
        if kind.endswith("..."):
            return ", ".join(self.e(kind[:-3], d) for _ in range(self.r.randrange(4))) or f"new {kind[:-3]}[0]"
        return self.e(kind, d) if kind in PRIMITIVES or kind == "String" else f"({kind}) {self.e(kind, d)}"

    def common(self, kind, d):
        """Ways that every kind has."""
        ways = [(3, lambda: self.rvalue(kind, d)), (1, lambda: f"({self.boolean(d - 1)} ? {self.cast(kind, d - 1)} : {self.cast(kind, d - 1)})"),
                (2, lambda: self.call(kind, d) or self.rvalue(kind, d)), (0.7, lambda: self.assignment(kind, d)), (0.25, lambda: self.choice(kind, d)),
                (0.25, lambda: self.function(kind, d))]
        return ways

    def cast(self, kind, d):
        return f"({kind}) {self.e(kind, d)}"

    def assignment(self, kind, d):
        to = self.lvalue(kind, d - 1)
        value = self.e(kind, d - 1)
        if to is None:
            return value
        return f"({to} = Run.cut({value}))" if kind == "String" else f"({to} = {value})"

    def choice(self, kind, d):
        """A switch that gives a value."""
        if self.depth > 2:
            return f"({self.cast(kind, d)})"
        selector, labels = self.selector(d - 1)
        kept = self.loops, self.leaves
        self.loops, self.leaves, self.depth = [], False, self.depth + 1
        parts = []
        for label in labels:
            how = self.r.randrange(6)
            if how == 0:
                parts.append(f"case {label} -> {{ {self.inline(d, False)} yield {self.cast(kind, d - 1)}; }}")
            elif how == 1 and self.risk > 0:
                parts.append(f"case {label} -> throw new X0({self.string(0)});")
            else:
                parts.append(f"case {label} -> {self.cast(kind, d - 1)};")
        default = f"default -> {self.cast(kind, d - 1)};"
        self.loops, self.leaves = kept
        self.depth -= 1
        return f"(({kind}) (switch ({selector}) {{ {' '.join(parts)} {default} }}))"

    def inline(self, d, tries=True):
        """One statement in an expression. javac 17 does not bear a try in a switch over a long on the stack."""
        kind = self.r.choice(PRIMITIVES)
        ways = [(1, lambda: f"Run.h({self.e(kind, d - 1)});"), (1, lambda: f"{self.assignment(kind, 1)[1:-1]};"), (1, lambda: "Sl ^= Si;")]
        if tries:
            ways += [(1, lambda: f"try {{ Run.h({self.e('int', 1)}); }} catch (RuntimeException {self.name('x')}) {{ Si++; }}")]
        return self.weighted(ways)()

    def selector(self, d):
        """What a switch looks at, with labels."""
        how = self.r.randrange(5)
        if how == 0:
            return self.e("String", d), self.r.sample(STRINGS, self.r.randrange(1, 7))
        if how == 1:
            return self.e("E", d), self.r.sample(("E0", "E1", "E2"), self.r.randrange(1, 4))
        if how == 2:
            return self.e("int", d), self.r.sample([x for x in INTS if "0xd" not in x], self.r.randrange(1, 9))
        if how == 3:
            kind = self.one("byte", "char", "short")
            return f"({kind}) {self.e(kind, d)}", [str(x) for x in self.r.sample(range(0, 128), self.r.randrange(1, 6))]
        low = self.one(-2, 0, 0, 5, 1000, 0x7ffffff0, -0x80000000)
        count = self.r.randrange(1, 9)
        wrapped = f"({self.e('int', d)} & {self.one(7, 15)}) + ({low})"
        return wrapped, [f"{low + i}" for i in range(count) if self.chance(0.8)] or [f"{low}"]

    def function(self, kind, d):
        """A lambda or method reference, called at once. It sees locals that do not change."""
        if self.depth > 2:
            return f"({self.cast(kind, d)})"
        if kind in ("int", "long", "String") and self.chance(0.3):
            return self.streamed(kind, d)
        if kind == "int" and self.chance(0.4):
            return self.one(f"((IntBinaryOperator) Math::max).applyAsInt({self.e('int', d - 1)}, {self.e('int', d - 1)})",
                            f"((ToIntFunction<String>) String::length).applyAsInt({self.string(d - 1)})",
                            f"((IntUnaryOperator) {self.e('E', 0)}::ev).applyAsInt({self.e('int', d - 1)})",
                            f"((IntFunction<int[]>) int[]::new).apply({self.index(d)}).length")
        arguments = [self.r.choice(("int", "long", "double", "String")) for _ in range(2)]
        shapes = {("int", "int"): "FII", ("long", "double"): "FLD", ("String", "int"): "FSI"}
        shape = self.r.choice(list(shapes))
        arguments = [self.cast(a, d - 1) for a in shape]
        kept = self.scope, self.loops, self.leaves
        names = [self.name("p"), self.name("p")]
        self.scope = [v for v in self.scope if v.captured] + [Variable(n, k, assigned=True) for n, k in zip(names, shape)]
        self.loops, self.leaves, self.depth = [], False, self.depth + 1
        body = f"{{ {self.inline(d)} return {self.cast(kind, d - 1)}; }}"
        self.scope, self.loops, self.leaves = kept
        self.depth -= 1
        called = f"(({shapes[shape]}<{BOXES.get(kind, kind)}>) ({', '.join(names)}) -> {body}).of({', '.join(arguments)})"
        return f"(({kind}) {called})" if kind in BOXES else called

    def streamed(self, kind, d):
        """A pipeline of the library's, with lambdas that see locals that do not change."""
        if self.cost + 100 * self.times > self.budget:
            return f"({self.cast(kind, d)})"
        self.cost += 100 * self.times
        name, other = self.name("p"), self.name("p")
        kept = self.scope, self.loops, self.leaves
        self.scope = [v for v in self.scope if v.captured] + [Variable(name, "int", assigned=False)]
        self.loops, self.leaves, self.depth = [], False, self.depth + 1
        mapped, chosen, text = self.cast("int", d - 1), self.boolean(d - 1), self.string(d - 1)
        self.scope, self.loops, self.leaves = kept
        self.depth -= 1
        if kind == "int":
            return f"IntStream.range(0, {self.one(2, 4, 6)}).filter({name} -> {chosen}).map({name} -> {mapped}).sum()"
        if kind == "long":
            return f"LongStream.of({self.cast('long', d - 1)}, 3L, -1L).map({other} -> {other} * 31 + 1).reduce(7L, Long::sum)"
        return (f"Run.cut(Stream.of(1, 2, 3).filter({name} -> {chosen}).map({name} -> Run.text({text}))"
                f".sorted(Comparator.reverseOrder()).collect(Collectors.joining(\",\", \"[\", \"]\")))")

    def number(self, kind, d):
        if d <= 0:
            return self.rvalue(kind, 0) if self.chance(0.6) else self.literal(kind)
        ways = [*self.common(kind, d), (1, lambda: self.literal(kind)), (3, lambda: self.arithmetic(kind, d)), (1.2, lambda: self.step(kind, d)),
                (1, lambda: self.compound(kind, d)), (1.5, lambda: f"(({kind}) {self.number(self.r.choice(NUMBERS), d - 1)})"),
                (0.7, lambda: f"({kind}) ({self.one('-', '~' if kind in INTEGERS else '-', '+')}{self.number(kind, d - 1)})"),
                (0.4, lambda: f"(({kind}) ({BOXES[kind]}) {self.cast(kind, d - 1)})"), (0.5, lambda: self.library(kind, d)),
                (0.2, lambda: f"(({kind}) ({BOXES[kind]}) {self.e('Object', d - 1)})" if self.risky() else self.literal(kind))]
        text = self.weighted(ways)()
        return text if text.startswith("((") or text.isalnum() else f"({text})"

    def arithmetic(self, kind, d):
        def part(*kinds):
            return self.number(self.r.choice(kinds), d - 1)
        small = ("int", "byte", "char", "short")
        if kind in small:
            operator = self.one("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", ">>>")
            left, right = part(*small), part(*small, "long") if operator in ("<<", ">>", ">>>") else part(*small)
        elif kind == "long":
            operator = self.one("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", ">>>")
            left, right = part("long"), part("int", "long", "byte")
            if operator not in ("<<", ">>", ">>>") and self.chance(0.3):
                left, right = right, left
        else:
            operator = self.one("+", "-", "*", "/", "%")
            left, right = part(kind), part("float", "long", "int", kind)
        if operator in ("/", "%") and kind in INTEGERS and not self.risky():
            right = f"({right} | 1)"
        return f"({kind}) ({left} {operator} {right})"

    def step(self, kind, d):
        to = self.lvalue(kind, d - 1)
        operator = self.one("++", "--")
        return f"({to}{operator})" if self.chance(0.5) else f"({operator}{to})"

    def compound(self, kind, d):
        to = self.lvalue(kind, d - 1)
        operators = ["+=", "-=", "*="]
        if kind in INTEGERS:
            operators += ["&=", "|=", "^=", "<<=", ">>=", ">>>="]
            operator = self.r.choice(operators)
            value = self.number(self.r.choice(INTEGERS if operator not in ("+=", "-=", "*=") else NUMBERS), d - 1)
            if self.chance(0.1):
                operator, value = self.one("/=", "%="), f"({self.number(self.one('int', 'long'), d - 1)} | 1)"
        else:
            operator, value = self.one(*operators, "/=", "%="), self.number(self.r.choice(NUMBERS), d - 1)
        return f"({to} {operator} {value})"

    def library(self, kind, d):
        def n(k):
            return self.cast(k, d - 1)
        if kind == "int":
            return self.one(f"Integer.bitCount({n('int')})", f"Integer.rotateLeft({n('int')}, {n('int')})", f"Math.abs({n('int')})",
                            f"Math.min({n('int')}, {n('int')})", f"Long.compare({n('long')}, {n('long')})", f"Double.compare({n('double')}, {n('double')})",
                            f"Float.floatToIntBits({n('float')})", f"Integer.numberOfLeadingZeros({n('int')})", f"{self.string(d - 1)}.length()",
                            f"{self.string(d - 1)}.hashCode()", f"{self.string(d - 1)}.indexOf({n('char')})", f"Integer.reverse({n('int')})",
                            f"{self.e(self.r.choice(ELEMENTS) + '[]', d - 1)}.length", f"Math.floorMod({n('int')}, {n('int')} | 1)",
                            f"Integer.compareUnsigned({n('int')}, {n('int')})", f"{self.e('Rec', d - 1)}.a()", f"{self.e('E', d - 1)}.ordinal()",
                            f"Math.round({n('float')})", f"(int) HI.getAndAdd({self.cast('A', 1)}, {n('int')})", f"(int) HA.getVolatile({self.e('int[]', 1)}, {self.index(d)})",
                            f"sum({n('int')}, {n('int')}, {n('int')})", f"new Q({self.string(d - 1)}).next({self.string(d - 1)})", "((P<String>) new Q(\"q\")).self().value().length()", f"{self.string(d - 1)}.compareTo({self.string(d - 1)})",
                            *([f"Math.addExact({n('int')}, {n('int')})", f"Integer.parseInt({self.string(d - 1)})", f"Math.toIntExact({n('long')})"]
                              if self.risk else []))
        if kind == "long":
            return self.one(f"Long.bitCount({n('long')})", f"Long.rotateRight({n('long')}, {n('int')})", f"Math.abs({n('long')})",
                            f"Math.multiplyHigh({n('long')}, {n('long')})", f"Double.doubleToLongBits({n('double')})", f"Long.reverseBytes({n('long')})",
                            f"Math.floorDiv({n('long')}, {n('long')} | 1)", f"Long.divideUnsigned({n('long')}, {n('long')} | 1)", f"Math.round({n('double')})",
                            f"Integer.toUnsignedLong({n('int')})", f"product({n('long')}, {n('long')})", f"(long) HL.getAndSet({self.cast('A', 1)}, {n('long')})", f"{self.e('Rec', d - 1)}.b()", f"Math.max({n('long')}, {n('long')})",
                            *([f"Math.multiplyExact({n('long')}, {n('long')})"] if self.risk else []))
        if kind == "double":
            return self.one(f"Math.sqrt({n('double')})", f"Math.abs({n('double')})", f"Math.max({n('double')}, {n('double')})", f"Math.rint({n('double')})",
                            f"Math.floor({n('double')})", f"Math.ceil({n('double')})", f"Math.fma({n('double')}, {n('double')}, {n('double')})",
                            f"Math.nextAfter({n('double')}, {n('double')})", f"Math.copySign({n('double')}, {n('double')})",
                            f"Math.scalb({n('double')}, {n('byte')})", f"Math.min({n('double')}, {n('double')})", f"Math.IEEEremainder({n('double')}, {n('double')})",
                            f"Math.ulp({n('double')})", f"Math.signum({n('double')})", f"{self.e('Rec', d - 1)}.d()")
        if kind == "float":
            return self.one(f"Math.abs({n('float')})", f"Math.max({n('float')}, {n('float')})", f"Math.min({n('float')}, {n('float')})",
                            f"Float.intBitsToFloat({n('int')} & 0x807fffff)", f"Math.fma({n('float')}, {n('float')}, {n('float')})", f"Math.nextUp({n('float')})")
        if kind == "char":
            return self.one(f"Character.toUpperCase({n('char')})", f'("abcd" + {self.string(d - 1)}).charAt({self.index(d)})')
        if kind == "short":
            return f"Short.reverseBytes({n('short')})"
        return self.literal(kind)

    def boolean(self, d):
        if d <= 0:
            return self.rvalue("boolean", 0) if self.chance(0.6) else self.literal("boolean")
        kind = self.r.choice(PRIMITIVES)
        return self.weighted((
            *self.common("boolean", d), (5, lambda: self.comparison(d)),
            (2, lambda: f"({self.boolean(d - 1)} {self.one('&&', '||')} {self.boolean(d - 1)})"), (1, lambda: f"(!{self.boolean(d - 1)})"),
            (1, lambda: f"({self.boolean(d - 1)} {self.one('&', '|', '^', '==', '!=')} {self.boolean(d - 1)})"),
            (0.5, lambda: f"({self.lvalue('boolean', d - 1)} {self.one('&=', '|=', '^=')} {self.boolean(d - 1)})"),
            (0.7, lambda: f"({self.e('Object', d - 1)} instanceof {self.one('String', 'Integer', 'A', 'B', 'I0', 'int[]', 'Object[]', 'E', 'Comparable', 'Rec')})"),
            (0.5, lambda: f"({self.e('Object', d - 1)} instanceof Integer {self.pattern()} && {self.pattern_last} > {self.number('int', d - 1)})"),
            (0.5, lambda: f"({self.e(self.one('A', 'String', 'Object', 'int[]'), d - 1)} {self.one('==', '!=')} null)"),
            (0.4, lambda: f"{self.string(d - 1)}.equals({self.e('Object', d - 1)})"), (0.3, lambda: f"{self.e('Rec', d - 1)}.equals({self.e('Rec', d - 1)})"),
            (0.3, lambda: f"({self.e('A', d - 1)} {self.one('==', '!=')} {self.e('A', d - 1)})"),
            (0.3, lambda: f"(({BOXES[kind]}) {self.cast(kind, d - 1)}).equals({self.e('Object', d - 1)})")))()

    def pattern(self):
        self.pattern_last = self.name("q")
        return self.pattern_last

    def comparison(self, d):
        left, right = self.r.choice(NUMBERS), self.r.choice(NUMBERS)
        if self.chance(0.6):
            right = left
        return f"({self.number(left, d - 1)} {self.one('<', '<=', '>', '>=', '==', '!=')} {self.number(right, d - 1)})"

    def string(self, d):
        if d <= 0:
            return self.rvalue("String", 0) if self.chance(0.6) else self.r.choice(STRINGS)
        return self.weighted((
            *self.common("String", d), (2, lambda: self.r.choice(STRINGS)), (3, lambda: self.concatenation(d)),
            (0.5, lambda: f"String.valueOf({self.cast(self.r.choice(PRIMITIVES), d - 1)})"),
            (0.5, lambda: f'("wxyz" + {self.string(d - 1)}).substring({self.index(d)})'), (0.3, lambda: f"{self.e('E', d - 1)}.name()"),
            (0.3, lambda: f"Run.text({self.e('Object', d - 1)})"), (0.2, lambda: f"{self.string(d - 1)}.trim()"),
            (0.2, lambda: f"{self.string(d - 1)}.replace({self.cast('char', d - 1)}, {self.cast('char', d - 1)})"),
            (0.2, lambda: f"new StringBuilder({self.string(d - 1)}).append({self.e(self.r.choice(PRIMITIVES), d - 1)}).reverse().toString()"),
            (0.2, lambda: f"{self.e('Rec', d - 1)}.toString()"), (0.1, lambda: f"{self.string(d - 1)}.intern()"),
            (0.2, lambda: f"Integer.toHexString({self.e('int', d - 1)})"),
            (0.2 if self.risk else 0, lambda: f"((String) {self.e('Object', d - 1)})"), (self.risk, lambda: "((String) null)")))()

    def concatenation(self, d):
        parts = [self.string(d - 1)]
        for _ in range(self.r.randrange(1, 4)):
            kind = self.r.choice((*PRIMITIVES, "String", "E", "Integer"))
            parts.append(self.e(kind, d - 1))
        return f"Run.cut({' + '.join(parts)})"

    def array(self, kind, d):
        element = kind[:-2]
        letter = LETTER.get(element)
        names = self.find(kind)
        ways = [(3, lambda: self.r.choice(names))] if names else []
        ways += [(1, lambda: f"S{letter}a" if letter else "Siaa"), (self.risk, lambda: f"(({kind}) null)")]
        if d > 0:
            ways += [(1, lambda: f"(new {kind} {{{self.elements(element, d - 1)}}})"), (0.5, lambda: f"(({kind}) {self.array(kind, d - 1)}.clone())"),
                     (1, lambda: f"(new {element}[{self.size(d)}])" if letter else f"(new int[{self.size(d)}][{self.size(d)}])")]
            if letter:
                ways += [(0.6, lambda: f"{self.e('A', d - 1)}.{letter}ma")]
            if kind == "int[]":
                ways += [(0.7, lambda: f"{self.array('int[][]', d - 1)}[{self.index(d)}]")]
            if kind == "Object[]":
                ways += [(0.3, lambda: f"((Object[]) {self.array('String[]', d - 1)})")]
        return self.weighted(ways)()

    def elements(self, element, d):
        return ", ".join(self.cast(element, d) for _ in range(self.r.randrange(4, 7)))

    def size(self, d):
        if self.risky():
            return self.one("-1", "3", self.e("byte", d - 1))
        return self.one("4", "5", "8", f"({self.e('int', d - 1)} & 3) + 4")

    def reference(self, kind, d):
        if self.risky():
            return f"(({kind}) null)"
        names = self.find(kind)
        ways = [(3, lambda: self.r.choice(names))] if names else []
        leaf = {"A": "SA", "I0": "SI", "E": "E.E1", "Rec": "SR", "Integer": "((Integer) Si)", "Long": "((Long) Sl)", "Object": "So"}[kind]
        ways += [(1, lambda: leaf)]
        if d <= 0:
            return self.weighted(ways)()
        if kind == "A":
            ways += [(1, lambda: "this")] if self.this else []
            ways += [(0.4, lambda: self.call("A", d) or "SA"), (self.risk * 4, lambda: f"((A) {self.one('(Object)', '(I0)')} {self.e('I0', d - 1)})")]
            if self.cost + 40 * self.times < self.budget:
                ways += [(1, lambda: self.new_object(d))]
        elif kind == "I0":
            ways += [(2, lambda: self.e("A", d - 1)), (1, lambda: f"new D({self.cast('int', d - 1)})"), (0.5, lambda: "((I0) (lx, ly) -> lx + (int) ly)")]
        elif kind == "E":
            ways += [(2, lambda: self.one("E.E0", "E.E1", "E.E2")), (1, lambda: f"E.values()[{self.one(0, 1, 2)}]"), (0.2, lambda: 'E.valueOf("E1")')]
        elif kind == "Rec":
            ways += [(1, lambda: f"new Rec({self.cast('int', d - 1)}, {self.cast('long', d - 1)}, {self.string(d - 1)}, {self.cast('double', d - 1)})")]
        elif kind in ("Integer", "Long"):
            primitive = "int" if kind == "Integer" else "long"
            ways += [(2, lambda: f"(({kind}) {self.cast(primitive, d - 1)})"), (0.5, lambda: f"{kind}.valueOf({self.cast(primitive, d - 1)})")]
        else:
            other = self.r.choice((*PRIMITIVES, "String", "A", "E", "Rec", "int[]", "String[]", "Object[]"))
            ways += [(1, lambda: self.rvalue("Object", d - 1)), (2, lambda: f"((Object) {self.cast(other, d - 1)})")]
        return self.weighted(ways)()

    def new_object(self, d):
        self.cost += 40 * self.times
        return f"new {self.one('A', 'B', 'C')}({self.cast('int', d - 1)})"

    # ---- statements ----

    def block(self, count, d):
        """Statements between braces that are there already."""
        kept = len(self.scope)
        self.depth += 1
        for _ in range(count):
            self.statement(d)
        self.depth -= 1
        del self.scope[kept:]

    def statement(self, d):
        self.cost += self.times
        simple = [(0.6, self.boxed), (0.4, self.nested_arrays), (4, self.local), (6, self.assign), (2, self.tell), (1.5, self.call_statement), (1 if self.risk else 0, self.raise_some), (0.5, self.leave),
                  (0.6, self.store_some), (0.5, self.lambda_local)]
        nested = [(3, self.if_else), (3, self.loop), (2, self.switch), (2.5, self.attempt), (0.6, self.locked), (0.4, self.resource), (0.3, self.local_class),
                  (1, self.accumulate), (0.5, self.labelled), (0.5, self.collected)]
        self.weighted(simple + (nested if d > 0 and self.depth < 5 and self.cost < self.budget else []))(d)

    def local(self, d):
        kind = self.r.choice(LOCALS)
        name = self.name()
        final = self.chance(0.35)
        value = self.e(kind, 3)
        self.put(f"{'final ' if final else ''}{kind} {name} = {f'Run.cut({value})' if kind == 'String' else value};")
        self.scope.append(Variable(name, kind, assigned=not final, captured=final))

    def assign(self, d):
        kind = self.r.choice((*PRIMITIVES, *PRIMITIVES, "String", "A", "Object"))
        to = self.lvalue(kind, 2)
        if to is None:
            return
        if kind == "String":
            self.put(f"{to} = Run.cut({self.e(kind, 3)});")
            if self.chance(0.3) and self.find("String", assigned=True):
                name = self.r.choice(self.find("String", assigned=True))
                self.put(f"{name} += {self.e(self.r.choice(PRIMITIVES), 2)}; {name} = Run.cut({name});")
        elif kind in NUMBERS and self.chance(0.5):
            self.put(f"{self.one(self.compound, self.step)(kind, 3)[1:-1]};")
        elif kind == "boolean" and self.chance(0.4):
            self.put(f"{to} {self.one('&=', '|=', '^=')} {self.boolean(3)};")
        else:
            self.put(f"{to} = {self.e(kind, 3)};")

    def tell(self, d):
        if self.chance(0.15) and self.times <= 16:
            self.put(f"Run.p({self.concatenation(2)});")
        elif self.chance(0.3):
            self.put(f"Run.h({self.cast('Object', 2)});")
        else:
            kind = self.r.choice(PRIMITIVES)
            self.put(f"Run.h({self.cast(kind, 3)});")

    def call_statement(self, d):
        kind = self.r.choice((*PRIMITIVES, "String", "A", "void"))
        called = self.call(kind, 3)
        if called:
            self.put(f"{called};" if kind == "void" else f"Run.h((Object) {called});")

    def raise_some(self, d):
        what = self.one(f"new X0({self.string(1)})", f"new X1({self.string(1)}, new X0(\"cause\"))", "new IllegalStateException()",
                        f"new IllegalArgumentException({self.string(1)})", "new Error(\"error\")", "(RuntimeException) null" if self.risky() else "new X0(\"z\")")
        self.put(f"if ({self.boolean(2)}) {{ throw {what}; }}")

    def leave(self, d):
        ways = [f"{self.one('break', 'continue')} {self.r.choice(self.loops)};"] if self.loops else []
        if self.leaves and self.result is not None:
            ways += [f"return {self.returned(2)};" if self.result != "void" else "return;"]
        if ways:
            self.put(f"if ({self.boolean(2)}) {{ {self.r.choice(ways)} }}")

    def returned(self, d):
        return f"Run.cut({self.string(d)})" if self.result == "String" else self.cast(self.result, d)

    def store_some(self, d):
        """Stores that may fail by type or index."""
        array = self.e("Object[]", 1)
        self.guarded(self.one(f"{array}[{self.index(2)}] = {self.e('Object', 2)};", f"((Object[]) {self.e('String[]', 1)})[{self.index(2)}] = {self.e('Object', 1)};",
                              f"System.arraycopy({self.e('int[]', 1)}, {self.index(1)}, {self.e('int[]', 1)}, {self.index(1)}, {self.index(1)});",
                              f"Run.h(((Integer) {self.e('Object', 1)}).intValue());", f"synchronized ({self.e('Object', 1)}) {{ Si++; }}",
                              f"Run.h(((B) {self.e('A', 1)}).ib);", f"Run.h({self.e('Object', 1)}.hashCode() == 0);",
                              f"{self.e('int[][]', 1)}[{self.index(2)}] = {self.e('int[]', 1)};", f"Run.h(new int[{self.e('byte', 1)}][{self.e('byte', 1)} & 7]);",
                              f"Static{self.one('0', '1', 'F')}.v += {self.e('int', 1)};"))

    def guarded(self, text):
        if self.chance(0.1) and self.risk:
            self.put(text)
        else:
            name = self.name("x")
            self.put(f"try {{ {text} }} catch (Throwable {name}) {{ {self.told(name)} }}")

    def told(self, name):
        return f"Run.t({name});" if self.times <= 16 and self.chance(0.7) else f"Run.h((Object) {name});"

    def lambda_local(self, d):
        kind = self.one("int", "long", "double", "String")
        name = self.name("f")
        shape, kinds = self.one(("FII", ("int", "int")), ("FLD", ("long", "double")), ("FSI", ("String", "int")))
        names = [self.name("p"), self.name("p")]
        kept = self.scope, self.loops, self.leaves, self.result, self.times
        self.scope = [v for v in self.scope if v.captured] + [Variable(n, k) for n, k in zip(names, kinds)]
        self.loops, self.leaves, self.result, self.times = [], True, kind, self.times * 4
        self.open(f"final {shape}<{BOXES.get(kind, kind)}> {name} = ({', '.join(names)}) -> {{")
        self.block(self.r.randrange(3), 1 if self.depth < 3 else 0)
        self.put(f"return {self.returned(2)};")
        self.close("};")
        self.scope, self.loops, self.leaves, self.result, self.times = kept
        self.put(f"Run.h({name}.of({', '.join(self.cast(k, 2) for k in kinds)}));")

    def boxed(self, d):
        """Arithmetic on boxes, and conditionals whose sides are of different types."""
        names = self.find("Integer", assigned=True) + self.find("Long", assigned=True)
        if names and self.chance(0.6):
            name = self.r.choice(names)
            self.put(self.one(f"{name}++;", f"--{name};", f"{name} += {self.cast('int', 2)};", f"Run.h({name}++ + ++{name});"))
            return
        kinds = [self.r.choice(NUMBERS) for _ in range(2)]
        sides = [f"({BOXES[kind]}) {self.cast(kind, 2)}" if self.chance(0.7) else self.number(kind, 2) for kind in kinds]
        if self.risky():
            sides[0] = f"({BOXES[kinds[0]]}) null"
        self.put(f"Run.h((Object) ({self.boolean(2)} ? {sides[0]} : {sides[1]}));")

    def nested_arrays(self, d):
        kind, name = self.r.choice(ELEMENTS), self.name()
        last = "" if self.risky() else "4"
        self.put(f"{kind}[][][] {name} = new {kind}[2][3][{last}];")
        to = f"{name}[{self.one(0, 1)}][{self.one(0, 1, 2)}][{self.index(1)}]"
        self.guarded(f"{to} = {self.e(kind, 2)}; Run.h({name}[{self.one(0, 1)}][{self.one(0, 1, 2)}].length);")
        if kind in ("int", "long", "double"):
            self.guarded(f"{to} += {self.number('byte', 2)}; {to}++; Run.h({to});")

    def labelled(self, d):
        """A block that is left by its label."""
        label = self.name("L")
        self.open(f"{label}: {{")
        self.block(self.r.randrange(1, 3), d - 1)
        self.put(f"if ({self.boolean(2)}) {{ break {label}; }}")
        self.block(self.r.randrange(1, 3), d - 1)
        self.close()

    def collected(self, d):
        """A map of the library's, filled in a loop."""
        if self.cost + 200 * self.times > self.budget:
            return
        self.cost += 200 * self.times
        name, index = self.name("m"), self.name("i")
        self.put(f"Map<String, Integer> {name} = new {self.one('TreeMap', 'HashMap', 'LinkedHashMap')}<>();")
        kept = len(self.scope)
        self.open(f"for (int {index} = 0; {index} < 4; {index}++) {{")
        self.scope.append(Variable(index, "int", assigned=False))
        self.times *= 4
        self.put(f"{name}.merge({self.string(2)} + \"\", {self.cast('int', 2)}, {self.one('Integer::sum', '(a1, b1) -> a1 * 31 ^ b1', 'Math::max')});")
        self.times //= 4
        self.close()
        del self.scope[kept:]
        self.put(f"for (Map.Entry<String, Integer> {index} : {name}.entrySet()) {{ Run.h({index}.getKey().length() + {index}.getValue()); }}")

    def if_else(self, d):
        self.open(f"if ({self.boolean(3)}) {{")
        self.block(self.r.randrange(1, 4), d - 1)
        if self.chance(0.5):
            self.close(f"}} else {{")
            self.indent += 1
            self.block(self.r.randrange(1, 3), d - 1)
        self.close()

    def loop(self, d):
        bound = self.one(1, 2, 3, 4, 5, 8, 12, 40)
        if self.cost + bound * 10 * self.times > self.budget:
            bound = 2
        label, name = self.name("L"), self.name("i")
        how = self.r.randrange(6)
        kept = len(self.scope)
        after = "}"
        if how <= 1:
            kind = self.one("int", "int", "int", "long", "byte", "short", "char", "double")
            first = self.r.randrange(4)
            step = self.one(1, 1, 1, 2, 3)
            if self.chance(0.5) or kind in ("char", "byte"):
                head = f"for ({kind} {name} = {first}; {name} < {first + bound * step if kind != 'byte' else min(120, first + bound * step)}; {name} += {step})"
            else:
                head = f"for ({kind} {name} = {bound * step}; {name} > 0; {name} -= {step})"
            self.scope.append(Variable(name, kind, assigned=False))
        elif how == 2:
            self.put(f"int {name} = {bound};")
            head = f"while ({name}-- > 0)" if self.chance(0.6) else f"while (--{name} >= 0 && {self.boolean(2)})"
        elif how == 3:
            self.put(f"int {name} = 0;")
            head, after = "do", f"}} while (++{name} < {bound}{' && ' + self.boolean(2) if self.chance(0.4) else ''});"
        elif how == 4:
            kind = self.r.choice(ELEMENTS)
            head, bound = f"for ({kind} {name} : {self.array(kind + '[]', 1)})", 8
            self.scope.append(Variable(name, kind, assigned=True))
        else:
            head, bound = f"for (final Integer {name} : List.of({', '.join(self.cast('int', 1) for _ in range(3))}))", 3
            self.scope.append(Variable(name, "Integer", assigned=False, captured=True))
        self.open(f"{label}: {head} {{")
        self.loops.append(label)
        self.times *= bound
        self.block(self.r.randrange(1, 5), d - 1)
        self.times //= bound
        self.loops.pop()
        self.close(after)
        del self.scope[kept:]

    def switch(self, d):
        selector, labels = self.selector(2)
        arrow = self.chance(0.4)
        self.open(f"switch ({selector}) {{")
        for label in [*labels, None]:
            head = f"case {label}" if label is not None else "default"
            self.open(f"{head} {'->' if arrow else ':'} {{")
            self.block(self.r.randrange(3), d - 1)
            self.close("}" if arrow or self.chance(0.3) else "} break;")
        self.close()

    def attempt(self, d):
        self.open("try {")
        self.block(self.r.randrange(1, 5), d - 1)
        caught = []
        for name in self.r.sample(CAUGHT, self.r.randrange(0, 4)):
            if not any(name in ancestors(c) or c in ancestors(name) for c in caught):
                caught.append(name)
        if not caught and self.chance(0.6):
            caught = ["Throwable" if self.chance(0.3) else "RuntimeException"]
        groups = [" | ".join(caught)] if len(caught) > 1 and self.chance(0.3) else caught
        for group in groups:
            name = self.name("x")
            self.close(f"}} catch ({group} {name}) {{")
            self.indent += 1
            self.put(self.told(name))
            self.block(self.r.randrange(0, 3), d - 1)
            if self.chance(0.15):
                self.put(f"if ({self.boolean(1)}) {{ throw {name}; }}" if "Throwable" not in group and "Exception" != group else "Si--;")
        if not groups or self.chance(0.35):
            self.close("} finally {")
            self.indent += 1
            self.block(self.r.randrange(1, 3), d - 1)
        self.close()

    def locked(self, d):
        self.open(f"synchronized ({self.e(self.one('A', 'String', 'int[]'), 1)}) {{")
        self.block(self.r.randrange(1, 4), d - 1)
        self.close()

    def resource(self, d):
        name = self.name("r")
        more = f"; Res {name}b = new Res({self.boolean(1)})" if self.chance(0.4) else ""
        self.open(f"try (Res {name} = new Res({self.boolean(1)}){more}) {{")
        self.block(self.r.randrange(1, 3), d - 1)
        self.close(f"}} catch (RuntimeException {name}x) {{ {self.told(name + 'x')} }}")

    def local_class(self, d):
        """A local class that captures, or an anonymous one."""
        name = self.name("K")
        kept = self.scope, self.loops, self.leaves, self.result, self.this
        self.scope = [v for v in self.scope if v.captured]
        self.loops, self.leaves, self.result, self.this = [], True, "int", ""
        extends = self.chance(0.5)
        self.open(f"final I0 {name} = new D({self.e('int', 1)}) {{" if extends else f"final I0 {name} = new I0() {{")
        self.put(f"int k = {self.e('int', 1)};")
        self.scope.append(Variable("k", "int"))
        parameters = [self.name("p"), self.name("p")]
        self.open(f"public int iv0(int {parameters[0]}, long {parameters[1]}) {{")
        self.scope += [Variable(parameters[0], "int"), Variable(parameters[1], "long")]
        self.times *= 2
        self.block(self.r.randrange(2), 0)
        self.put(f"return k++ + {self.e('int', 2)};")
        self.times //= 2
        self.close()
        self.close("};")
        self.scope, self.loops, self.leaves, self.result, self.this = kept
        self.put(f"Run.h({name}.iv0({self.e('int', 1)}, {self.e('long', 1)}) + {name}.iv0({self.e('int', 0)}, 1L));")

    def accumulate(self, d):
        """A hot loop over arrays: what compilers change most. Something happens late in it, once in a while."""
        if self.cost + 300 * self.times > self.budget:
            return
        kind, name, index = self.r.choice(NUMBERS), self.name("n"), self.name("i")
        letter, bound = LETTER[kind], self.one(20, 50, 100)
        self.cost += bound * 4 * self.times
        self.put(f"{kind} {name} = {self.literal(kind)};")
        self.scope.append(Variable(name, kind))
        self.open(f"for (int {index} = 0; {index} < {bound}; {index}++) {{")
        self.put(f"{name} {self.one('+=', '-=', '*=', '+=')} {self.one(f'S{letter}a[{index} & 7]', f'S{letter}a[{index} % 7]', self.literal(kind), index)};")
        if self.chance(0.6):
            self.put(f"S{letter}a[{index} & 7] {self.one('=', '+=', '-=')} {name};")
        if self.chance(0.5):
            late = self.one(f"SA = new {self.one('B', 'C', 'Late')}({index});", f"Run.h(SA.iv0({index}, 2L));", f"{name}++;", "So = new Late2();")
            self.put(f"if ({index} == {bound - 1}) {{ {late} }}")
        if self.chance(0.3):
            self.put(f"try {{ Run.h(Sia[{index} == {bound - 2} ? 99 : 1]); }} catch (ArrayIndexOutOfBoundsException {index}x) {{ {name}--; }}")
        if self.chance(0.3):
            self.put(f"{name} += ({kind}) SA.iv0({index}, (long) {name});")
            self.cost += bound * 30 * self.times
        self.close()
        self.put(f"Run.h({name});")

    # ---- methods and the program ----

    def parameters(self):
        kinds = [self.r.choice(("int", "long", "double", "byte", "char", "short", "float", "boolean", "String", "A", "int[]")) for _ in range(self.r.randrange(5))]
        if self.chance(0.05):
            kinds += [self.r.choice(("int", "long", "float", "double")) for _ in range(self.r.randrange(3, 30))]
        if self.chance(0.1):
            kinds.append(self.one("int...", "String...", "Object..."))
        return kinds

    def method(self, name, modifiers, result, kinds, this="", budget=2000, owner=None, many=False, body=5):
        self.begin(this, result, budget)
        names = [self.name("p") for _ in kinds]
        self.scope = [Variable(n, k.replace("...", "[]"), captured=False) for n, k in zip(names, kinds)]
        self.open(f"{modifiers}{' synchronized' if self.chance(0.1) else ''} {result} {name}({', '.join(f'{k} {n}' for k, n in zip(kinds, names))}) {{")
        if many:  # locals beyond 255, and branches beyond a byte or two
            for _ in range(270):
                kind = self.r.choice(PRIMITIVES)
                local = self.name()
                self.put(f"{kind} {local} = {self.literal(kind)};")
                self.scope.append(Variable(local, kind))
            self.r.shuffle(self.scope)
        self.block(self.r.randrange(max(1, body // 2), body + 1), 3)
        if result != "void":
            self.put(f"return {self.returned(2)};")
        self.close()
        if owner is None or this == "":
            self.methods.append(Method(name, result, kinds, self.cost, owner))
        return self.cost

    def virtuals(self):
        """The same methods of A, B and C, which cost as much as the dearest."""
        shapes = [("iv0", "int", ["int", "long"]), ("il", "int", [])]
        shapes += [(f"vm{i}", self.r.choice((*PRIMITIVES, "String", "A", "void")), self.parameters()) for i in range(3)]
        made = []
        for owner in ("A", "B", "C", "Late"):
            self.open(self.class_head(owner))
            for name, result, kinds in shapes:
                if owner != "A" and name != "iv0" and self.chance(0.4):
                    continue
                cost = self.method(name, "public", result, kinds, this=owner, budget=150, owner=owner, body=3)
                made.append(Method(name, result, kinds, cost, "A"))
            if owner == "B":
                self.put("int sup(int x) { return super.iv0(x, x) + super.il() + this.iv0(x, 1L); }")
            self.close()
        dearest = {name: max(m.cost for m in made if m.name == name) for name, _, _ in shapes}
        self.methods += [Method(name, result, kinds, dearest[name] + 10, "A") for name, result, kinds in shapes]
        self.methods.append(Method("iv0", "int", ["int", "long"], dearest["iv0"] + 10, "I0"))
        self.methods.append(Method("dv", "long", ["int"], dearest["iv0"] * 2 + 10, "I0"))
        self.methods += [Method("ev", "int", ["int"], 10, "E"), Method("twice", "Integer", ["Integer"], 20, "G<Integer>"),
                         Method("twice", "String", ["String"], 20, "G<String>"), Method("inner", "int", ["int"], 30, "A")]

    def class_head(self, owner):
        return {"A": AFTER["A"], "B": AFTER["B"], "C": AFTER["C"], "Late": AFTER["Late"]}[owner]

    def program(self, package):
        self.lines = [f"package {package};", *BEFORE]
        for kind in ELEMENTS:
            letter = LETTER[kind]
            value = self.literal(kind) if kind in PRIMITIVES else self.r.choice(STRINGS) if kind == "String" else "Integer.valueOf(7)"
            self.put(f"static {kind} S{letter} = {value};")
            self.put(f"static volatile {kind} V{letter} = {value};")
            self.put(f"static {kind}[] S{letter}a = new {kind}[8];")
        for i in range(3):  # small ones, which the classes call
            self.method(f"u{i}", "static", self.r.choice(PRIMITIVES), self.parameters(), budget=25, body=2)
        self.virtuals()
        roots = []
        for i in range(self.r.randrange(3, 7)):
            result = self.r.choice((*PRIMITIVES, "String", "A", "void"))
            self.method(f"m{i}", "static", result, self.parameters(), budget=self.one(500, 2000, 8000), many=self.chance(0.04), body=self.one(4, 8, 14))
            roots.append(self.methods[-1])
        self.recursion(roots)
        self.open("static void reset() {")
        self.put("SA = new A(1); SB = new B(2); Siaa = new int[5][6]; So = \"o\";")
        self.close()
        self.open("public static void main(String[] args) {")
        self.put("int times = Integer.parseInt(args[0]);")
        self.put("reset();")
        self.open("for (int i = 0; i < times; i++) {")
        for method in roots:
            self.begin("", None, 1000)
            self.scope = [Variable("i", "int", assigned=False)]
            arguments = ", ".join(self.argument(p, 1) for p in method.parameters)
            if method.name == "rec":
                arguments = f"{self.e('int', 1)} & 31, {self.cast(method.result, 1)}"
            called = f"{method.name}({arguments})"
            self.put(f"try {{ {'Run.h(' + called + ')' if method.result != 'void' else called}; }} catch (Throwable x) {{ Run.t(x); }}")
        self.put("state();")
        self.close()
        self.close()
        self.open("static void state() {")
        for kind in ELEMENTS:
            letter = LETTER[kind]
            self.put(f"Run.h(S{letter}); Run.h(V{letter}); Run.h((Object) S{letter}a);")
            self.put(f"if (SA != null) {{ Run.h(SA.{letter}m); Run.h(SA.{letter}w); Run.h((Object) SA.{letter}ma); }}")
        self.close()
        self.lines.append("}")
        return "\n".join(self.lines) + "\n"

    def recursion(self, roots):
        kind = self.r.choice(NUMBERS)
        self.begin("", kind, 40)
        self.scope = [Variable("n", "int", assigned=False), Variable("x", kind)]
        self.open(f"static {kind} rec(int n, {kind} x) {{")
        self.put(f"if (n <= 0) {{ {self.one('return x;', 'return x;', f'return ({kind}) Sia[n + 8];' if self.risk else 'return x;')} }}")
        self.times = 30
        self.budget = 3000
        self.block(2, 1)
        self.put(f"return ({kind}) ({self.e(kind, 1)} {self.one('+', '-', '*')} rec(n - 1, {self.cast(kind, 1)}) {self.one('+', '-')} {self.e(kind, 1)});")
        self.close()
        roots.append(Method("rec", kind, ["int", kind], self.cost))
        self.put("static int deep(int n) { return deep(n + 1) + 1; }")
        if self.chance(0.05):
            self.put("static int so() { try { return deep(0); } catch (StackOverflowError e) { return 7; } }")
            roots.append(Method("so", "int", [], 0))


def generate(seed, package):
    """The text of a program."""
    return Generator(seed).program(package)


def build(texts, lab, sources, classes):
    """Compiles programs; the names of those that can be."""
    paths = []
    for name, text in texts.items():
        os.makedirs(os.path.join(sources, name))
        paths.append(os.path.join(sources, name, "Main.java"))
        with open(paths[-1], "w", encoding="utf-8") as out:
            out.write(text)
    # By half of them NullPointerExceptions know locals by their names.
    debug = ["-g"] if zlib.crc32(next(iter(texts)).encode()) % 2 else []
    javac = [f"{jvm_lab.JDK}/bin/javac", "-nowarn", "-Xlint:none", "-proc:none", "-encoding", "UTF-8", *debug]
    # Where it crashes it leaves a file in the folder that it runs in.
    done = subprocess.run([*javac, "-cp", os.path.abspath(lab.helpers), "-d", os.path.abspath(classes), *map(os.path.abspath, paths)],
                          capture_output=True, text=True, cwd=classes)
    if done.returncode != 0:
        made = [name for name in texts if not name.startswith("r")]  # not by the reducer, which tries what cannot be
        if made:
            print(f"of {made[0]} to {made[-1]} javac says:\n{done.stdout[:2000]}{done.stderr[:2000]}", flush=True)
        lab.lab(lab.theirs, ["compile", sources, classes, *texts], {}, 600)
    return [name for name in texts if os.path.exists(os.path.join(classes, name, "Main.class"))]
