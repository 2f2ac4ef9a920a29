import java.lang.annotation.*;
import java.lang.reflect.*;
import java.util.*;
/** Records, sealed classes, parameters. */
public class Records {
    @Retention(RetentionPolicy.RUNTIME)
    @interface An {
        int v() default 1;
    }
    @Retention(RetentionPolicy.RUNTIME)
    @Target({ElementType.TYPE_USE})
    @interface Tu {}
    record P(int x, @An(v = 5) List<String> y, @Tu double... z) {
        P {
            if (x < 0)
                throw new IllegalArgumentException("neg");
        }
        static int c;
    }
    record Empty() {}
    record G<T extends Comparable<T>>(T t, long l, char c, boolean b, float f, short s, byte by, Object o, int[] arr) {}
    sealed interface Shape permits Circle, Square, Sub {}
    record Circle(double r) implements Shape {}
    record Square(double s) implements Shape {}
    static non-sealed class Sub implements Shape {}
    static sealed abstract class S permits S1, S2 {}
    static final class S1 extends S {}
    static final class S2 extends S {}
    static void p(Object o) { System.out.println(o); }
    public static void main(String[] a) throws Throwable {
        for (Class<?> c :
            new Class<?>[] {P.class, Empty.class, G.class, String.class, Record.class, int.class, int[].class}) {
            p(c + " " + c.isRecord());
            RecordComponent[] rc = c.getRecordComponents();
            if (rc == null) {
                p("null");
                continue;
            }
            for (RecordComponent r : rc)
                p("  " + r + " " + r.getGenericType() + " " + r.getAccessor() + " " + r.getGenericSignature() + " "
                    + Arrays.toString(r.getAnnotations()) + " " + Arrays.toString(r.getAnnotatedType().getAnnotations())
                    + " " + r.getDeclaringRecord());
        }
        P p1 = new P(1, List.of("a"), 2.5), p2 = new P(1, List.of("a"), p1.z());
        p(p1.equals(p2) + " " + (p1.hashCode() == p2.hashCode()) + " " + p1.toString().replaceAll("@[0-9a-f]+", "@N"));
        G<String> g = new G<>("t", 5L, 'c', true, 1.5f, (short) 2, (byte) 3, null, null);
        p(g + " " + g.equals(new G<>("t", 5L, 'c', true, 1.5f, (short) 2, (byte) 3, null, null)) + " " + g.hashCode()
            + " " + g.equals(null));
        p(new Empty() + " " + new Empty().hashCode() + new Empty().equals(new Empty()));
        try {
            new P(-1, null);
        } catch (IllegalArgumentException e) { p(e); }
        try {
            Field f = P.class.getDeclaredField("x");
            f.setAccessible(true);
            f.set(p1, 3);
            p("set!");
        } catch (IllegalAccessException e) { p(e); }
        for (Class<?> c : new Class<?>[] {Shape.class, S.class, Circle.class, String.class, int.class})
            p(c + " " + c.isSealed() + " " + Arrays.toString(c.getPermittedSubclasses()));
        for (Parameter q : P.class.getDeclaredConstructors()[0].getParameters())
            p(q + " " + q.isNamePresent() + " " + q.isImplicit() + q.isSynthetic() + " " + q.getModifiers());
        for (Constructor<?> k : Inner.class.getDeclaredConstructors())
            p(k + Arrays.toString(k.getParameters()) + Arrays.toString(k.getGenericParameterTypes()));
        p(Records.class.getDeclaredMethod("main", String[].class).getParameters()[0]);
        Object o = new Circle(2);
        p(o instanceof Circle cc ? cc.r() : 0);
    }
    class Inner {
        Inner(int q) {}
    }
}
