import java.lang.annotation.*;
import java.util.*;
import java.util.function.*;

/** Language features of all kinds: its classes (javac -g -parameters) are the seeds fuzz/corpus/jcf_parse. */
public class Everything<T extends Comparable<T>> implements Runnable, Comparator<T> {
    @Retention(RetentionPolicy.RUNTIME)
    @Target({ElementType.TYPE, ElementType.METHOD, ElementType.FIELD, ElementType.TYPE_USE})
    @interface Mark {
        int value() default 3;
        String[] names() default {"a", "b"};
        Class<?> of() default Object.class;
    }

    enum Colour { RED, GREEN { int f() { return 2; } }; int f() { return 1; } }

    sealed interface Shape permits Circle, Square {}

    record Circle(@Mark double radius, List<String> names) implements Shape {}

    record Square(int side) implements Shape {
        Square { if (side < 0) throw new IllegalArgumentException("side " + side); }
    }

    static final int NUMBER = 42;
    static final long LONG = 1L << 40;
    static final String TEXT = "text\u0000\u00e9\u20ac";
    static final double DOUBLE = 2.5;
    static final float FLOAT = 1.5f;
    @Deprecated volatile transient int counter;
    private int[][][] cubes = new int[2][3][4];

    static { System.setProperty("x", TEXT); }

    @Mark(names = "c", of = String.class)
    public int compare(T a, T b) { return a.compareTo(b); }

    public synchronized void run() {
        Supplier<String> s = () -> "counter " + counter;
        Function<Integer, int[]> maker = int[]::new;
        for (Colour colour : Colour.values()) {
            switch (colour) {
                case RED: counter += s.get().length(); break;
                default: counter -= maker.apply(3).length;
            }
        }
        try (AutoCloseable c = () -> counter++) {
            synchronized (this) { counter <<= 2; }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Exception e) {
            counter = -1;
        } finally {
            counter++;
        }
    }

    static double numbers(int i, long l, float f, double d, Object o, String... rest) throws java.io.IOException {
        long sum = i * l / 3 % 7 + (long) f - (i >>> 3) ^ l & 5 | i;
        char c = (char) i; byte b = (byte) l; short s = (short) d;
        boolean z = i > 3 && l < 2 || f >= d || d != f;
        for (int j = 0; j < rest.length; j++) { if (rest[j] == null) continue; sum += rest[j].hashCode(); }
        switch (i) { case 1: case 2: sum++; break; case 100: sum--; break; case 100000: return 0; default: }
        String t = switch (rest.length) { case 0 -> "none"; case 1 -> "one"; default -> "many"; };
        if (o instanceof Circle k && k.radius() > 1) sum += k.names().size();
        Object[] objects = {o, t, c, b, s, z}; long[] longs = {1, 2}; boolean[] flags = new boolean[3];
        flags[1] = z; longs[0] += sum; objects[0] = longs;
        int[] counts = new int[5]; counts[i & 3]++; counts[2] ^= i--;
        return i + l + f + d + (z ? longs[0] : Math.sqrt(-sum)) + (o == null ? 1 : 2) + ~i;
    }

    class Inner { int get() { return counter + Everything.this.cubes[0][1][2]; } }

    interface Defaults { default int twice(int x) { return helper(x) * 2; } private int helper(int x) { return x; } static void none() {} }

    static Object local() { class Local { Object x = new Object() { public String toString() { return "a"; } }; } return new Local().x; }

    native int native0(byte[] bytes, Object[][] objects);
    protected void finalize() { counter = 0; }
}
