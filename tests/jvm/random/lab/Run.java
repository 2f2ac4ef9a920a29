package lab;

import java.util.regex.Pattern;

/** What random programs tell: a checksum of values, lines and exceptions. */
public final class Run {
    private static final int MOST_LINES = 400, MOST_FRAMES = 6, MOST_TEXT = 48;
    private static final Pattern NUMBERS = Pattern.compile("(\\$Loader|\\$\\$Lambda)(?: @[0-9a-f]+|\\$[0-9]+/0x[0-9a-f]+)");
    private static final StringBuilder out = new StringBuilder();
    private static long sum;
    private static int lines;

    private Run() {
    }

    static void begin() {
        sum = 1;
        lines = 0;
        out.setLength(0);
    }

    static String end() {
        return out + "sum " + Long.toHexString(sum) + " of " + lines + " lines\n";
    }

    public static void h(long value) {
        sum = sum * 0x5851f42d4c957f2dL + value + 1;
        sum ^= sum >>> 29;
    }

    public static void h(int value) {
        h((long) value);
    }

    public static void h(boolean value) {
        h(value ? 3 : 5);
    }

    // A NaN's bits are the CPU's choice.
    public static void h(float value) {
        h((long) Float.floatToIntBits(value));
    }

    public static void h(double value) {
        h(Double.doubleToLongBits(value));
    }

    public static void h(Object value) {
        h((long) text(value).hashCode());
    }

    /** Without the numbers of a loader or a lambda's class. */
    private static String anonymous(String text) {
        return text.contains("$Loader @") || text.contains("$$Lambda$") ? NUMBERS.matcher(text).replaceAll("$1") : text;
    }

    public static String text(Object value) {
        if (value instanceof int[]) {
            return java.util.Arrays.toString((int[]) value);
        }
        if (value instanceof long[]) {
            return java.util.Arrays.toString((long[]) value);
        }
        if (value instanceof float[]) {
            return java.util.Arrays.toString((float[]) value);
        }
        if (value instanceof double[]) {
            return java.util.Arrays.toString((double[]) value);
        }
        if (value instanceof byte[]) {
            return java.util.Arrays.toString((byte[]) value);
        }
        if (value instanceof char[]) {
            return java.util.Arrays.toString((char[]) value);
        }
        if (value instanceof short[]) {
            return java.util.Arrays.toString((short[]) value);
        }
        if (value instanceof boolean[]) {
            return java.util.Arrays.toString((boolean[]) value);
        }
        if (value instanceof Object[]) {
            StringBuilder all = new StringBuilder(value.getClass().getName());
            for (Object one : (Object[]) value) {
                all.append(' ').append(one == value ? "itself" : text(one));
            }
            return all.toString();
        }
        if (value instanceof VerifyError) { // the order in which methods are verified is the machine's
            return "VerifyError";
        }
        if (value instanceof Throwable) {
            return anonymous(value.toString());
        }
        if (value == null || value.getClass().getName().startsWith("java.lang.") || value instanceof Enum || value instanceof Record) {
            return String.valueOf(value);
        }
        String name = value.getClass().getName(); // numbers of lambdas are the machine's
        return name.contains("$$Lambda") ? "lambda" : name;
    }

    /** Strings stay short in whatever loop they grow. */
    public static String cut(String text) {
        return text != null && text.length() > MOST_TEXT ? text.substring(text.length() - MOST_TEXT) : text;
    }

    public static void p(String line) {
        h((Object) line);
        if (++lines > MOST_LINES) {
            return;
        }
        for (int i = 0; line != null && i < line.length(); i++) {
            char one = line.charAt(i);
            if (one >= ' ' && one < 127) {
                out.append(one);
            } else {
                out.append("\\u").append(Integer.toHexString(one));
            }
        }
        out.append('\n');
    }

    /** An exception with its messages and where it comes from, down to the method that began the program. */
    public static void t(Throwable thrown) {
        for (int causes = 0; thrown != null && causes < 4; causes++, thrown = thrown.getCause()) {
            p((causes == 0 ? "! " : "! by ") + text(thrown));
            int frames = 0;
            for (StackTraceElement frame : thrown.getStackTrace()) {
                if (frame.getClassName().startsWith("lab.") || frame.getClassName().startsWith("jdk.internal.reflect.") || ++frames > MOST_FRAMES) {
                    break;
                }
                p("  " + frame);
            }
            for (Throwable other : thrown.getSuppressed()) {
                p("! with " + text(other));
            }
        }
    }
}
