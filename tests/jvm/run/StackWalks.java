import java.lang.reflect.*;
import java.util.*;
import java.util.stream.*;
/** StackWalker, stack traces, who calls, traces of other threads, access control contexts. */
public class StackWalks {
    static void p(Object o) { System.out.println(o); }
    static String norm(Object o) {
        return String.valueOf(o)
            .replaceAll("0x[0-9a-f]+", "N")
            .replaceAll("Lambda\\$[0-9]+", "Lambda\\$N")
            .replaceAll("Accessor(Impl)?[0-9]+", "AccessorN");
    }
    static void show(StackWalker w) {
        w.forEach(f
            -> p("  " + norm(f) + " " + f.getByteCodeIndex() + " " + f.getMethodName() + " " + f.getDescriptor() + " "
                + f.isNativeMethod() + " " + f.getLineNumber() + " " + f.getFileName()));
    }
    static void go(int d, Runnable r) {
        if (d == 0)
            r.run();
        else
            go(d - 1, r);
    }
    static Class<?> caller() {
        return StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE).getCallerClass();
    }
    static class Q {
        static Class<?> c() { return caller(); }
        Q() { throw new IllegalStateException("ctor"); }
        Q(int i) { this(); }
    }
    static class MyEx extends RuntimeException {
        MyEx(String s) { super(s); }
        MyEx() { this("dflt"); }
        @Override
        public synchronized Throwable fillInStackTrace() {
            return super.fillInStackTrace();
        }
    }
    static void rec(int n) { rec(n + 1); }
    public static void main(String[] a) throws Throwable {
        StackWalker w = StackWalker.getInstance(),
                    rc = StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE),
                    sh = StackWalker.getInstance(EnumSet.allOf(StackWalker.Option.class));
        p("plain");
        go(3, () -> show(w));
        p("hidden");
        go(1, () -> show(sh));
        p("refl");
        StackWalks.class.getDeclaredMethod("show", StackWalker.class)
            .invoke(null, StackWalker.getInstance(StackWalker.Option.SHOW_REFLECT_FRAMES));
        StackWalks.class.getDeclaredMethod("show", StackWalker.class).invoke(null, w);
        p(Q.c() + " " + rc.walk(s -> s.map(StackWalker.StackFrame::getDeclaringClass).collect(Collectors.toList()))
            + " " + rc.walk(s -> s.map(f -> f.getMethodType()).findFirst()));
        go(50, () -> p(w.walk(Stream::count)));
        go(50,
            ()
                -> p(w.walk(
                    s -> s.skip(45).map(StackWalker.StackFrame::getMethodName).collect(Collectors.joining(",")))));
        go(2000, () -> p(w.walk(s -> s.limit(1500).count())));
        try {
            w.getCallerClass();
        } catch (Throwable t) { p(t); }
        Stream<StackWalker.StackFrame>[] leak = new Stream[1];
        w.walk(s -> {
            leak[0] = s;
            return 0;
        });
        try {
            leak[0].count();
        } catch (Throwable t) { p(t); }
        try {
            new Q(1);
        } catch (Throwable t) {
            for (StackTraceElement e : t.getStackTrace()) p(norm(e));
        }
        try {
            throw new MyEx();
        } catch (Throwable t) {
            for (StackTraceElement e : t.getStackTrace()) p(norm(e));
        }
        try {
            rec(0);
        } catch (StackOverflowError e) { p(e + " " + e.getStackTrace().length + " " + e.getStackTrace()[5]); }
        try {
            List.of(1).forEach(q -> { throw new RuntimeException("lam"); });
        } catch (Throwable t) {
            for (StackTraceElement e : t.getStackTrace()) p(norm(e));
        }
        try {
            Integer.parseInt("zz");
        } catch (Throwable t) {
            java.io.StringWriter sw = new java.io.StringWriter();
            t.printStackTrace(new java.io.PrintWriter(sw));
            p(sw);
        }
        try {
            try {
                Object o = null;
                o.hashCode();
            } catch (NullPointerException e) { throw new IllegalStateException("wrap", e); }
        } catch (Throwable t) {
            java.io.StringWriter sw = new java.io.StringWriter();
            t.printStackTrace(new java.io.PrintWriter(sw));
            p(sw);
        }
        Throwable t1 = new Throwable("s");
        t1.addSuppressed(new Exception("sup"));
        p(t1.getSuppressed()[0]);
        StackTraceElement e0 = t1.getStackTrace()[0];
        p(e0.getClassLoaderName() + e0.getModuleName() + e0.getModuleVersion() + e0.getFileName() + e0.getLineNumber());
        Thread t = new Thread(() -> { synchronized (StackWalks.class) { try { StackWalks.class.wait();
    }
    catch (InterruptedException e) {
        p("int");
    }
}
}, "waiter");
t.start();
Thread.sleep(200);
for (StackTraceElement e : t.getStackTrace()) p(norm(e));
p(Thread.getAllStackTraces().keySet().contains(t));
t.interrupt();
t.join();
p(t.getStackTrace().length);
for (StackTraceElement e : Thread.currentThread().getStackTrace()) p(e);
p(new SecurityManager() {
    Class<?>[] c() { return getClassContext(); }
}.c()
        .length);
Object o = java.security.AccessController.doPrivileged(
    (java.security.PrivilegedAction<Object>) () -> java.security.AccessController.getContext());
p(o != null);
try {
    java.security.AccessController.doPrivileged(
        (java.security.PrivilegedExceptionAction<Object>) () -> { throw new Exception("pae"); });
} catch (Exception e) { p(e + " " + e.getCause()); }
}
}
