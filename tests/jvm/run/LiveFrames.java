import java.lang.StackWalker.StackFrame;
import java.lang.reflect.*;
import java.util.*;
import java.util.function.*;
/** The library's own live frames: locals, operands and monitors of methods on the stack, as HotSpot's interpreter has them. */
public class LiveFrames {
    static Method locals, operands, monitors, value;
    static Class<?> primitive;
    static StackWalker walker;
    static {
        try {
            Class<?> live = Class.forName("java.lang.LiveStackFrame");
            primitive = Class.forName("java.lang.LiveStackFrame$PrimitiveSlot");
            locals = opened(live.getDeclaredMethod("getLocals"));
            operands = opened(live.getDeclaredMethod("getStack"));
            monitors = opened(live.getDeclaredMethod("getMonitors"));
            value = opened(primitive.getDeclaredMethod("longValue"));
            walker = (StackWalker) opened(live.getMethod("getStackWalker", Set.class))
                         .invoke(null, EnumSet.allOf(StackWalker.Option.class));
        } catch (ReflectiveOperationException e) {
            throw new RuntimeException(e);
        }
    }
    static Method opened(Method m) {
        m.setAccessible(true);
        return m;
    }
    /** l: a local of a method is a long or double, which is in the second of its slots; what the first has is not said. */
    static String text(Object[] slots, String kinds) throws ReflectiveOperationException {
        StringBuilder all = new StringBuilder();
        for (int i = 0; i < slots.length; i++) {
            Object o = slots[i];
            char kind = i < kinds.length() ? kinds.charAt(i) : '-', last = i > 0 && i <= kinds.length() ? kinds.charAt(i - 1) : '-';
            all.append(' ');
            if (primitive.isInstance(o))
                all.append(kind == 'l' ? "first" : last == 'l' ? value.invoke(o) : (Object) (int) (long) value.invoke(o));
            else
                all.append(o instanceof String || o instanceof Integer || o == null ? o : o.getClass().getSimpleName().replaceAll("\\$\\$Lambda.*", "Lambda"));
        }
        return all.toString();
    }
    static int show(String kinds, String operandKinds, String... names) {
        List<String> wanted = List.of(names);
        for (StackFrame f : walker.walk(s -> s.filter(each -> wanted.contains(each.getMethodName())).toList())) {
            try {
                Object[] held = Arrays.stream((Object[]) monitors.invoke(f)).filter(o -> o != null).toArray();
                System.out.println(f + " locals" + text((Object[]) locals.invoke(f), kinds) + ", operands"
                    + text((Object[]) operands.invoke(f), operandKinds) + ", monitors" + text(held, ""));
            } catch (ReflectiveOperationException e) {
                throw new RuntimeException(e);
            }
        }
        return 7;
    }
    static int arguments(int a, long b, String s, double d) {
        int x = a + 1;
        return x + show("-l--l", "", "arguments");
    }
    int blocks(Object o, int[] xs) {
        synchronized (o) {
            synchronized (xs) {
                return xs[1] + 3 * show("", "", "blocks");
            }
        }
    }
    synchronized void narrow(byte b, char c, float f, boolean z) {
        String dead = "dead";
        dead.length();
        show("", "", "narrow");
    }
    static synchronized long wide(long l) {
        long m = l + 1;
        return m + l * changed(show("l-l-", "l-l-", "wide"), m, "text");
    }
    static long changed(int i, long l, String s) {
        i = 100;
        s = null;
        l = -5;
        show("-l--", "l-l-", "changed", "wide");
        return 3;
    }
    static String loop(int n) {
        String all = "a";
        for (int i = 0; i < n; i++) {
            all = all + i;
            if (i == 1)
                show("", "", "loop");
        }
        return all;
    }
    static Object merged(boolean b) {
        Object o;
        int y;
        if (b) {
            o = "x";
        } else {
            o = 3;
            y = 1;
        }
        return new String[] {"p", "q" + o, b ? new StringBuilder("r").append(show("", "", "merged")).toString() : "s"};
    }
    static class Init {
        static int value = show("", "", "initializes", "<clinit>");
    }
    static void initializes(int k, String s) { Init.value = k * 2; }
    static void caught() {
        try {
            throw new IllegalStateException("t");
        } catch (RuntimeException e) {
            show("", "", "caught");
        } finally {
            show("", "", "caught");
        }
    }
    static void lambda(Supplier<String> s, int i) { s.get(); }
    static String collected(String a, int[] b, long c) {
        Object more = new int[5];
        System.gc();
        show("--l-", "", "collected");
        return a + b.length + c + more.hashCode();
    }
    static void chosen(int i) {
        long w = 9;
        switch (i) {
        case 1: {
            long q = 4;
            show("-l-l-", "", "chosen");
        } break;
        default: {
            int z = 4;
            String u = "u";
            show("-l--", "", "chosen");
        }
        }
    }
    static void reflected(int i, Object o) { show("", "", "reflected", "invoke0", "invoke"); }
    public static void main(String[] words) throws Exception {
        arguments(-5, 0x123456789abcL, "s", 1.5);
        new LiveFrames().blocks("lock", new int[] {1, 2});
        new LiveFrames().narrow((byte) -1, 'c', 2.5f, true);
        wide(77);
        loop(3);
        merged(true);
        initializes(4, "s");
        caught();
        int captured = 42;
        lambda(() -> "r" + captured + show("", "", "lambda", "lambda$main$1", "main"), 3);
        collected("x", new int[3], 5);
        chosen(1);
        chosen(2);
        LiveFrames.class.getDeclaredMethod("reflected", int.class, Object.class).invoke(null, 5, "arg");
    }
}
