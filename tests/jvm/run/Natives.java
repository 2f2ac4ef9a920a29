import java.io.UncheckedIOException;

/** JNI's functions as native code calls them: what they throw, and with an exception pending. */
public class Natives implements Runnable {
    static native boolean onText(boolean pending, int place, String text);
    static native boolean onObject(boolean pending, int place, Object object, String name, String descriptor);
    static native int onWord(int place, Object object, int number);
    static native boolean callPending(Runnable object, Class<?> type);
    static native int register(Class<?> type, String name, String descriptor);

    static final int FIND_CLASS = 6, THROW_NEW = 14, PUSH_FRAME = 19, ENSURE_CAPACITY = 26, GET_METHOD = 33, GET_FIELD = 94,
            GET_STATIC_METHOD = 113, GET_STATIC_FIELD = 144, NEW_UTF = 167, MONITOR_ENTER = 217, MONITOR_EXIT = 218;

    interface Action {
        Object run() throws Throwable;
    }

    int field;
    static int count;

    static {
        count = 1;
    }

    public void run() {
        StringBuilder text = new StringBuilder();
        try {
            Object.class.getMethod("nothing");
        } catch (NoSuchMethodException e) {
            text.append(e).append(' ').append(e.getStackTrace().length > 1);
        }
        System.out.println("ran " + text);
        if (++count > 2) {
            throw new IllegalStateException("later");
        }
    }

    static void say(String what, Action action) {
        try {
            System.out.println(what + ": " + action.run());
        } catch (Throwable t) {
            System.out.println(what + " threw " + t + (t.getCause() != null ? " because of " + t.getCause() : ""));
        }
    }

    static void names() {
        for (String name : new String[] {"java/util/BitSet", "Ljava/util/BitSet;", "java.util.BitSet", "[I", "I", "[Ljava/lang/String;",
            "[java/lang/String", "[Lno/such;", "no/such", "", "a//b", "/a", "a;b", "[", "[V"}) {
            say("FindClass " + name, () -> onText(false, FIND_CLASS, name));
            say("FindClass pending " + name, () -> onText(true, FIND_CLASS, name));
            say("forName " + name, () -> Class.forName(name));
        }
        say("FindClass null", () -> onText(false, FIND_CLASS, null));
    }

    static void members() {
        for (String[] row : new String[][] {{"run", "()V"}, {"main", "([Ljava/lang/String;)V"}, {"<init>", "()V"}, {"<init>", "(I)V"},
            {"<clinit>", "()V"}, {"toString", "()Ljava/lang/String;"}, {"neverHeardOf", "()V"}, {"field", "I"}, {"count", "I"}, {"field", "J"}}) {
            for (Class<?> type : new Class<?>[] {Natives.class, Runnable.class, int[].class}) {
                String what = type.getName() + " " + row[0] + row[1];
                int first = row[1].startsWith("(") ? GET_METHOD : GET_FIELD;
                int second = row[1].startsWith("(") ? GET_STATIC_METHOD : GET_STATIC_FIELD;
                say("ID " + what, () -> onObject(false, first, type, row[0], row[1]));
                say("static ID " + what, () -> onObject(true, second, type, row[0], row[1]));
            }
            if (row[1].startsWith("(")) {
                say("register " + row[0] + row[1], () -> register(Natives.class, row[0], row[1]));
            }
        }
    }

    public static void main(String[] args) {
        System.loadLibrary("natives");
        names();
        members();
        say("ThrowNew", () -> onObject(false, THROW_NEW, Error.class, "message", null));
        say("ThrowNew pending", () -> onObject(true, THROW_NEW, Error.class, "message", null));
        say("ThrowNew without a constructor", () -> onObject(false, THROW_NEW, UncheckedIOException.class, "message", null));
        say("NewStringUTF pending", () -> onText(true, NEW_UTF, "text"));
        say("MonitorEnter null", () -> onWord(MONITOR_ENTER, null, 0));
        say("MonitorExit null", () -> onWord(MONITOR_EXIT, null, 0));
        say("MonitorExit", () -> onWord(MONITOR_EXIT, "free", 0));
        for (int capacity : new int[] {-1, 0, 16, 65536, 65537}) {
            say("EnsureLocalCapacity " + capacity, () -> onWord(ENSURE_CAPACITY, null, capacity));
            say("PushLocalFrame " + capacity, () -> onWord(PUSH_FRAME, null, capacity));
        }
        say("call pending", () -> callPending(new Natives(), Natives.class));
        say("call pending", () -> callPending(new Natives(), Natives.class));
    }
}
