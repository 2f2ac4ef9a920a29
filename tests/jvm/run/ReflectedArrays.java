import java.lang.reflect.*;
import java.util.*;
/** java.lang.reflect.Array: every type of element by every way of reading and writing it. */
public class ReflectedArrays {
    interface R {
        Object run() throws Throwable;
    }
    static void t(String n, R r) {
        try {
            Object o = r.run();
            System.out.println(n + " = "
                + (o instanceof Object[]     ? Arrays.deepToString((Object[]) o)
                        : o instanceof int[] ? Arrays.toString((int[]) o)
                                             : o)
                + (o == null ? "" : " " + o.getClass().getName()));
        } catch (Throwable e) { System.out.println(n + " ! " + e); }
    }
    public static void main(String[] a) {
        Class<?>[] cs = {boolean.class, byte.class, char.class, short.class, int.class, long.class, float.class,
            double.class, String.class, Object.class, int[].class};
        Object[] vals = {true, (byte) 1, 'c', (short) 2, 3, 4L, 5f, 6d, "s", null, new int[] {1}};
        for (Class<?> c : cs) {
            Object arr = Array.newInstance(c, 3);
            t(c + "", () -> Array.getLength(arr));
            for (Object v : vals) {
                t(c + " set " + (v instanceof int[] ? "int[]" : v), () -> {
                    Array.set(arr, 1, v);
                    Object g = Array.get(arr, 1);
                    return g instanceof int[] ? "int[]" : g;
                });
            }
            t(c + " setInt", () -> {
                Array.setInt(arr, 0, 65);
                return Array.get(arr, 0);
            });
            t(c + " setByte", () -> {
                Array.setByte(arr, 0, (byte) -65);
                return Array.get(arr, 0);
            });
            t(c + " setShort", () -> {
                Array.setShort(arr, 0, (short) -65);
                return Array.get(arr, 0);
            });
            t(c + " setChar", () -> {
                Array.setChar(arr, 0, 'A');
                return Array.get(arr, 0);
            });
            t(c + " setLong", () -> {
                Array.setLong(arr, 0, 65L << 40);
                return Array.get(arr, 0);
            });
            t(c + " setFloat", () -> {
                Array.setFloat(arr, 0, 1.5f);
                return Array.get(arr, 0);
            });
            t(c + " setDouble", () -> {
                Array.setDouble(arr, 0, 1.5);
                return Array.get(arr, 0);
            });
            t(c + " setBoolean", () -> {
                Array.setBoolean(arr, 0, true);
                return Array.get(arr, 0);
            });
            t(c + " getInt", () -> Array.getInt(arr, 0));
            t(c + " getLong", () -> Array.getLong(arr, 0));
            t(c + " getFloat", () -> Array.getFloat(arr, 0));
            t(c + " getDouble", () -> Array.getDouble(arr, 0));
            t(c + " getBoolean", () -> Array.getBoolean(arr, 0));
            t(c + " getChar", () -> Array.getChar(arr, 0));
            t(c + " getByte", () -> Array.getByte(arr, 0));
            t(c + " getShort", () -> Array.getShort(arr, 0));
            t(c + " oob", () -> Array.get(arr, 3));
            t(c + " oob", () -> Array.get(arr, -1));
            t(c + " oob", () -> Array.getInt(arr, 3));
            t(c + " oob", () -> {
                Array.set(arr, 9, null);
                return 0;
            });
            t(c + " oob", () -> {
                Array.setInt(arr, 9, 1);
                return 0;
            });
        }
        t("null", () -> Array.get(null, 0));
        t("nonarr", () -> Array.get("s", 0));
        t("nonarr", () -> Array.getInt("s", 0));
        t("null", () -> Array.getLength(null));
        t("nonarr", () -> Array.getLength("s"));
        t("nullset", () -> {
            Array.set(null, 0, 1);
            return 0;
        });
        t("nullset", () -> {
            Array.setInt("q", 0, 1);
            return 0;
        });
        t("neg", () -> Array.newInstance(int.class, -1));
        t("void", () -> Array.newInstance(void.class, 1));
        t("nullc", () -> Array.newInstance(null, 1));
        t("multi", () -> Array.newInstance(int.class, 2, 3));
        t("multi", () -> Array.newInstance(String[].class, 2, 0));
        t("multi0", () -> Array.newInstance(int.class));
        t("multineg", () -> Array.newInstance(int.class, 2, -3));
        t("multi256", () -> Array.newInstance(int.class, new int[256]));
        t("multi255", () -> Array.newInstance(int.class, new int[255]).getClass().getName().length());
        t("voidm", () -> Array.newInstance(void.class, 1, 2));
        t("nulldims", () -> Array.newInstance(int.class, (int[]) null));
        t("255+1", () -> Array.newInstance(Array.newInstance(int.class, new int[255]).getClass(), 1));
        t("255+2", () -> Array.newInstance(Array.newInstance(int.class, new int[255]).getClass(), 1, 1));
    }
}
