import java.io.*;
import java.lang.invoke.*;
import java.lang.ref.*;
import java.lang.reflect.*;
import java.nio.ByteBuffer;
import java.util.*;
import java.util.function.*;
import java.util.stream.*;

/** Makes objects in every way there is, and says what is in them afterwards: run with a collection at each allocation. */
public class Allocations {
    record Pair(String name, int[] values) { }

    enum Color { RED, GREEN }

    static class Node implements Serializable, Cloneable {
        Node next;
        long number;
        transient String text = "text";

        Node(long number, Node next) {
            this.number = number;
            this.next = next;
        }

        @Override
        protected Object clone() throws CloneNotSupportedException {
            return super.clone();
        }
    }

    static class Final {
        static int finalized;

        @Override
        protected void finalize() {
            finalized++;
        }
    }

    static int sum(int... values) {
        return IntStream.of(values).sum();
    }

    static void arrays() {
        Object[] all = {new boolean[3], new byte[5], new char[] {'a', 'b'}, new short[] {1}, new int[] {1, 2, 3}, new long[] {4, 5}, new float[] {1.5f},
            new double[] {2.5, 3.5}, new String[] {"x", null}, new int[2][3], new Object[2][][], new byte[20000], new long[3000]};
        long[][][] deep = new long[2][2][5000];
        deep[1][1][4999] = 77;
        int[] copy = ((int[]) all[4]).clone();
        copy[0] = Arrays.copyOf(copy, 10000).length;
        System.out.println(Stream.of(all).map(a -> a.getClass().getSimpleName() + Array.getLength(a)).collect(Collectors.joining(",")) + " "
            + deep[1][1][4999] + " " + Arrays.toString(copy) + " " + sum(1, 2, 3));
    }

    static void objects() throws Exception {
        Node list = null;
        for (int i = 0; i < 50; i++) {
            list = new Node(i, list);
        }
        Node copied = (Node) list.clone();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        new ObjectOutputStream(bytes).writeObject(list);
        Node read = (Node) new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray())).readObject();
        Node reflected = Node.class.getDeclaredConstructor(long.class, Node.class).newInstance(9L, read);
        Object array = Array.newInstance(Node.class, 2, 3);
        System.out.println(copied.next.number + " " + read.next.next.number + " " + read.text + " " + reflected.next.number + " " + Array.getLength(array)
            + " " + new Pair("p", new int[] {1}).name() + " " + Color.valueOf("GREEN") + " " + Color.values().length);
    }

    static void strings() {
        StringBuilder builder = new StringBuilder();
        for (int i = 0; i < 20; i++) {
            builder.append(i).append(' ').append((char) (0x3b1 + i)).append(1.5 * i);
        }
        String joined = "a" + builder.length() + 'c' + 4L + null + true;
        System.out.println(joined + " " + joined.intern().toUpperCase() + String.format(" %s %05d %.3f", "s", 42, 3.14159) + " " + "x,y,z".split(",").length
            + " " + new String(builder.toString().getBytes()).hashCode() + " " + "ab".repeat(3) + System.getenv().getClass().getSimpleName());
    }

    static void calls() throws Throwable {
        int base = sum(4, 5);
        Supplier<Integer> captured = () -> base + 1;
        Function<Integer, Function<Integer, Integer>> nested = x -> y -> x * y + captured.get();
        MethodHandle handle = MethodHandles.lookup().findStatic(Allocations.class, "sum", MethodType.methodType(int.class, int[].class));
        Runnable proxy = (Runnable) Proxy.newProxyInstance(Allocations.class.getClassLoader(), new Class<?>[] {Runnable.class}, (self, method, words) -> {
            System.out.println("proxied " + method.getName());
            return null;
        });
        proxy.run();
        Object local = new Object() {
            @Override
            public String toString() {
                return "local " + base;
            }
        };
        System.out.println(captured.get() + " " + nested.apply(3).apply(4) + " " + (int) handle.invoke(new int[] {7, 8}) + " " + local);
        try {
            Object[] strings = new String[1];
            strings[0] = 1;
        } catch (ArrayStoreException e) {
            System.out.println(e.getMessage() + " " + e.getStackTrace()[0].getMethodName());
        }
        try {
            System.arraycopy(new String[] {"a"}, 0, new Integer[1], 0, 1);
        } catch (ArrayStoreException e) {
            System.out.println(e.getMessage());
        }
        try {
            List.of(1).iterator().next().getClass().getMethod("none");
        } catch (NoSuchMethodException e) {
            System.out.println(e.getMessage());
        }
    }

    static void references() throws Exception {
        ReferenceQueue<Object> queue = new ReferenceQueue<>();
        WeakReference<Object> weak = new WeakReference<>(new Object(), queue);
        SoftReference<Object> soft = new SoftReference<>(new byte[100]);
        PhantomReference<Object> phantom = new PhantomReference<>(new Object(), queue);
        java.lang.reflect.Field unsafe = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
        unsafe.setAccessible(true);
        for (int i = 0; i < 10; i++) {
            ((sun.misc.Unsafe) unsafe.get(null)).allocateInstance(Final.class); // its constructor did not run: it is not finalized
            new Final();
        }
        ByteBuffer direct = ByteBuffer.allocateDirect(1000).putLong(0, 5);
        System.gc();
        Reference<?> first = queue.remove(5000);
        Reference<?> second = queue.remove(5000);
        for (int i = 0; i < 500 && Final.finalized < 10; i++) {
            System.runFinalization();
            Thread.sleep(1);
        }
        System.out.println((weak.get() == null) + " " + (soft.get() != null) + " " + (first != second && (first == weak || first == phantom)) + " " + Final.finalized
            + " " + direct.getLong(0));
    }

    static void threads() throws Exception {
        Map<Integer, List<String>> made = Collections.synchronizedMap(new TreeMap<>());
        Thread[] threads = new Thread[3];
        for (int i = 0; i < threads.length; i++) {
            int number = i;
            threads[i] = new Thread(() -> {
                List<String> mine = new LinkedList<>();
                for (int k = 0; k < 20; k++) {
                    mine.add(number + "." + k);
                }
                made.put(number, mine);
            });
            threads[i].start();
        }
        for (Thread each : threads) {
            each.join();
        }
        System.out.println(made);
    }

    public static void main(String[] arguments) throws Throwable {
        arrays();
        objects();
        strings();
        calls();
        references();
        threads();
        System.out.println(new Random(5).ints(5, 0, 100).boxed().sorted(Comparator.reverseOrder()).collect(Collectors.toList()) + " "
            + Stream.iterate(1L, x -> x * 3).limit(20).mapToLong(Long::longValue).sum() + " " + new ArrayDeque<>(List.of(1, 2)).pollLast());
    }
}
