"""What every random Java program has: the classes that its methods use, but for their random methods."""

LETTERS = (("int", "i"), ("long", "l"), ("byte", "b"), ("char", "c"), ("short", "s"), ("float", "f"), ("double", "d"), ("boolean", "z"),
           ("String", "t"), ("Object", "o"))

BEFORE = """import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.*;
import java.util.function.*;
import java.util.stream.*;
import lab.Run;

public class Main {
    interface FII<T> { T of(int x, int y); }
    interface FLD<T> { T of(long x, double y); }
    interface FSI<T> { T of(String x, int y); }
    static class X0 extends RuntimeException {
        X0(String text) { super(text); }
        X0(String text, Throwable cause) { super(text, cause); }
    }
    static class X1 extends X0 {
        X1(String text, Throwable cause) { super(text, cause); }
        @Override public String getMessage() { return "<" + super.getMessage() + ">"; }
    }
    interface I0 {
        int iv0(int x, long y);
        default long dv(int x) { return iv0(x, 3L) * 5L + own(x); }
        static int twice(int x) { return x + x; }
        private int own(int x) { return twice(x) + 1; }
    }
    static class D implements I0 {
        final int d;
        D(int x) { d = x; }
        public int iv0(int x, long y) { return d * 3 + x - (int) y; }
        @Override public long dv(int x) { return I0.super.dv(x) ^ d; }
    }
    static abstract class G<T> {
        abstract T g(T x);
        T twice(T x) { return g(g(x)); }
    }
    static class GI extends G<Integer> { Integer g(Integer x) { return x == null ? 3 : x + 1; } }
    static class GS extends G<String> { String g(String x) { return Run.cut(x + "g"); } }
    enum E {
        E0, E1 { @Override int ev(int x) { return x * 3; } }, E2;
        int ev(int x) { return x + ordinal(); }
    }
    record Rec(int a, long b, String c, double d) {
        Rec {
            if (a == 77) { throw new X0("77"); }
            c = Run.cut(c);
        }
    }
    static class Res implements AutoCloseable {
        final boolean bad;
        Res(boolean bad) { this.bad = bad; Run.h(bad); }
        @Override public void close() { Run.h(17); if (bad) { throw new X1("close", null); } }
    }
    static class Static0 { static int v = Si * 2; static { Run.p("Static0 " + v); } }
    static class Static1 extends Static0 { static int v = Static0.v + 1; static { Run.p("Static1 " + v); Si++; } }
    static class StaticF { static int v = Sia[8 + (Si & 1)]; }
    interface P<T extends Comparable<T>> {
        int K = noted(3);
        P<T> self();
        T value();
        default int next(T x) { return self().value().compareTo(x) + K; }
    }
    static class Q implements P<String> {
        final String text;
        Q(String text) { this.text = text; }
        @Override public Q self() { return this; }
        @Override public String value() { return text; }
    }
    static int noted(int x) { Run.p("noted " + x); return x; }
    static int sum(Integer... all) { int sum = 0; for (Integer one : all) { sum += one; } return sum; }
    static long product(long... all) { long all1 = 1; for (long one : all) { all1 *= one; } return all1; }
    @SuppressWarnings("unchecked") static <T extends Throwable> RuntimeException raise(Throwable thrown) throws T { throw (T) thrown; }
    static Object reflected(String name, Object... arguments) {
        for (var method : Main.class.getDeclaredMethods()) {
            if (method.getName().equals(name)) {
                try {
                    return method.invoke(null, arguments);
                } catch (java.lang.reflect.InvocationTargetException e) {
                    throw Main.<RuntimeException>raise(e.getCause());
                } catch (IllegalAccessException e) {
                    throw new IllegalStateException(e);
                }
            }
        }
        return null;
    }
    static Object handled(String name, Object... arguments) {
        for (var method : Main.class.getDeclaredMethods()) {
            if (method.getName().equals(name)) {
                try {
                    MethodHandle handle = MethodHandles.lookup().unreflect(method);
                    return handle.asFixedArity().invokeWithArguments(arguments);
                } catch (Throwable e) {
                    throw Main.<RuntimeException>raise(e);
                }
            }
        }
        return null;
    }
    static final VarHandle HI, HL, HA;
    static {
        try {
            HI = MethodHandles.lookup().findVarHandle(A.class, "im", int.class);
            HL = MethodHandles.lookup().findVarHandle(A.class, "lw", long.class);
            HA = MethodHandles.arrayElementVarHandle(int[].class);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
    static class Late2 { static { Run.p("Late2"); } @Override public int hashCode() { return 2; } }
    static A SA;
    static B SB;
    static I0 SI = new D(9);
    static int[][] Siaa = new int[5][6];
    static Rec SR = new Rec(1, 2, "three", 4);""".split("\n")

FIELDS = "".join(f" {kind} {letter}m; volatile {kind} {letter}w; {kind}[] {letter}ma = new {kind}[6];" for kind, letter in LETTERS)
# Heads of classes that random methods follow.
AFTER = {
    "A": "static class A implements I0 {" + FIELDS + """ A next;
        A(int x) { ic += x; start(); next = this; }
        int ic = 5; { ic *= 2; }
        void start() { ic++; }
        class In { int k = ic; int get(int x) { k += x; return k + A.this.ic++; } }
        int inner(int x) { In in = new In(); return in.get(x) + in.get(1); }
        private int hidden() { return 1; }
        int shown() { return hidden(); }""",
    "B": """static class B extends A {
        int ib = 3;
        B(int x) { super(x + 1); }
        @Override void start() { super.start(); ic += ib; }
        private int hidden() { return 2; }""",
    "C": """static class C extends B {
        C(int x) { super(x); ib = x; }
        @Override int inner(int x) { return super.inner(x) + ib; }""",
    "Late": """static class Late extends C {
        static { Run.p("Late"); }
        Late(int x) { super(~x); }""",
}
