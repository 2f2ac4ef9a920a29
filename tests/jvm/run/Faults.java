import java.io.RandomAccessFile;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import sun.misc.Unsafe;

/* What is mapped of a file that became shorter: each access throws, none ends the process. */
public class Faults {
    interface Use {
        void run() throws Exception;
    }

    static final int MIB = 1 << 20;
    static final int GONE = 8192;

    static void attempt(String what, Use use) throws Exception {
        try {
            use.run();
            System.out.println(what + ": nothing");
        } catch (InternalError e) {
            System.out.println(what + ": " + e.getMessage());
        }
    }

    static void buffers(MappedByteBuffer map) throws Exception {
        attempt("get", () -> map.get(GONE));
        attempt("put", () -> map.put(GONE, (byte) 1));
        attempt("getChar", () -> map.getChar(GONE));
        attempt("putShort", () -> map.putShort(GONE, (short) 1));
        attempt("getFloat", () -> map.getFloat(GONE));
        attempt("getLong", () -> map.getLong(GONE));
        attempt("putDouble", () -> map.putDouble(GONE, 1.0));
        attempt("into an array", () -> map.get(4000, new byte[10000]));
        attempt("from an array", () -> map.put(4000, new byte[10000]));
        attempt("swapped", () -> map.slice(GONE, 4096).asIntBuffer().get(new int[1000]));
        attempt("down", () -> map.slice(GONE, 4096).put(map.slice(2 * GONE, 4096)));
        attempt("up, overlapping", () -> map.duplicate().position(GONE + 8).put(map.slice(GONE, 4096)));
        attempt("mismatch", () -> map.slice(0, GONE).mismatch(map.slice(GONE, GONE)));
        attempt("compareTo", () -> map.slice(GONE, 100).compareTo(ByteBuffer.allocate(100)));
    }

    static void addresses(Unsafe unsafe, long at) throws Exception {
        attempt("Unsafe get", () -> unsafe.getInt(at));
        attempt("Unsafe put", () -> unsafe.putShort(at, (short) 1));
        attempt("Unsafe volatile get", () -> unsafe.getIntVolatile(null, at));
        attempt("Unsafe volatile put", () -> unsafe.putLongVolatile(null, at, 1));
        attempt("Unsafe copy", () -> unsafe.copyMemory(at, at + 4096, 4096));
    }

    public static void main(String[] arguments) throws Exception {
        Path path = Files.createTempFile("faults", null);
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(MIB);
            MappedByteBuffer map = file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, MIB);
            map.put(0, (byte) 1);
            file.setLength(4096);
            Field theUnsafe = Unsafe.class.getDeclaredField("theUnsafe");
            theUnsafe.setAccessible(true);
            Unsafe unsafe = (Unsafe) theUnsafe.get(null);
            Field address = java.nio.Buffer.class.getDeclaredField("address");
            address.setAccessible(true);
            long gone = address.getLong(map) + GONE;
            buffers(map);
            addresses(unsafe, gone);
            if (arguments.length > 0) {
                attempt("Unsafe fill", () -> unsafe.setMemory(gone, 100000, (byte) 1));
            }
            ByteBuffer direct = ByteBuffer.allocateDirect(1000);
            for (int i = 0; i < 1000; i++) {
                direct.put(i, (byte) i);
            }
            direct.duplicate().position(3).put(direct.slice(0, 900));
            System.out.println(direct.get(902) + " " + direct.get(2) + " " + direct.slice(3, 900).mismatch(ByteBuffer.allocate(900)) + " " + map.get(0));
        } finally {
            Files.delete(path);
        }
    }
}
