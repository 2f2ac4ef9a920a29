import java.io.DataInputStream;
import java.io.BufferedInputStream;
import java.io.FileInputStream;
import java.io.EOFException;
import java.io.PrintStream;

/**
 * HotSpot's verdict on each class of a file of records: "accepted", or the error that defining, linking
 * or initializing it throws. Each class has a loader of its own, whose parent is the platform's.
 */
public class Verdicts {
    static class Single extends ClassLoader {
        private final String name;
        private final byte[] bytes;

        Single(String name, byte[] bytes) {
            super(Verdicts.class.getClassLoader());
            this.name = name;
            this.bytes = bytes;
        }

        @Override
        protected Class<?> loadClass(String wanted, boolean resolve) throws ClassNotFoundException {
            if (!wanted.equals(name)) {
                return super.loadClass(wanted, resolve);
            }
            synchronized (this) {
                Class<?> found = findLoadedClass(wanted);
                return found != null ? found : defineClass(name, bytes, 0, bytes.length);
            }
        }
    }

    static byte[] part(DataInputStream in) throws Exception {
        byte[] bytes = new byte[in.readInt()];
        in.readFully(bytes);
        return bytes;
    }

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(new java.io.FileOutputStream(args[1]), false, "UTF-8");
        try (DataInputStream in =
                new DataInputStream(new BufferedInputStream(new FileInputStream(args[0])))) {
            while (true) {
                String name;
                try {
                    name = new String(part(in), "UTF-8").replace('/', '.');
                } catch (EOFException end) {
                    break;
                }
                byte[] bytes = part(in);
                try {
                    Class.forName(name, true, new Single(name, bytes));
                    out.println("accepted");
                } catch (Throwable thrown) {
                    String message = String.valueOf(thrown.getMessage()).replace("\n", "\\n");
                    out.println(thrown.getClass().getName().replace('.', '/') + ": " + message);
                }
            }
        }
        out.close();
    }
}
