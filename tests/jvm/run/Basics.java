import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;

/** What most programs use: lambdas, streams, records, formatting, exceptions with their messages, threads, collections. */
public class Basics {
    record Point(String name, int value) {}

    interface Shape {
        default String kind() {
            return "shape " + getClass().getSimpleName();
        }
    }

    static class Square implements Shape {}

    static int deep(int depth) {
        return deep(depth + 1) + 1;
    }

    static void failure(String what, Callable<?> action) {
        try {
            System.out.println(what + ": " + action.call());
        } catch (Throwable thrown) {
            StackTraceElement top = thrown.getStackTrace().length > 0 ? thrown.getStackTrace()[0] : null;
            System.out.println(what + ": " + thrown.getClass().getName() + ": " + thrown.getMessage() + " at " + top);
        }
    }

    static void failures() {
        Object text = "s";
        int[] numbers = new int[2];
        String none = null;
        Object[] strings = new String[1];
        failure("cast", () -> (Integer) text);
        failure("bounds", () -> numbers[5]);
        failure("null", () -> none.length());
        failure("store", () -> strings[0] = 1);
        failure("size", () -> new int[numbers[0] - 1]);
        failure("divide", () -> 1 / numbers[0]);
        failure("parse", () -> Integer.parseInt("x"));
        failure("remainder", () -> Integer.MIN_VALUE % (numbers[0] - 1));
        try {
            deep(0);
        } catch (StackOverflowError expected) {
            System.out.println("stack overflow survived");
        }
        try {
            List<long[]> kept = new ArrayList<>();
            while (true) {
                kept.add(new long[1 << 20]);
            }
        } catch (OutOfMemoryError expected) {
            System.out.println("out of memory survived: " + expected.getMessage());
        }
    }

    static void arithmetic() {
        System.out.println((int) Double.NaN + " " + (long) 1e30 + " " + (byte) 300 + " " + (char) 65 + " " + (5 << 33) + " " + (-5 >>> 28)
            + " " + (-7 % 3) + " " + (7.5 % 2) + " " + Long.MIN_VALUE / -1 + " " + (float) 0.1 + " " + Math.sqrt(2) + " " + (1.0f < Float.NaN));
    }

    static void threads() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        ConcurrentHashMap<Integer, Integer> counts = new ConcurrentHashMap<>();
        List<Future<?>> all = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            int seed = i;
            all.add(pool.submit(() -> {
                for (int j = 0; j < 1000; j++) {
                    counts.merge((seed + j) % 10, 1, Integer::sum);
                }
            }));
        }
        for (Future<?> each : all) {
            each.get();
        }
        pool.shutdown();
        System.out.println(new TreeMap<>(counts) + " " + pool.awaitTermination(10, TimeUnit.SECONDS));
        Object lock = new Object();
        int[] turn = {0};
        Thread other = new Thread(() -> {
            synchronized (lock) {
                turn[0] = 1;
                lock.notifyAll();
            }
        }, "other");
        synchronized (lock) {
            other.start();
            while (turn[0] == 0) {
                lock.wait();
            }
        }
        other.join();
        System.out.println(other.getState() + " " + other.isAlive());
        Thread sleeper = new Thread(() -> {
            try {
                Thread.sleep(100000);
            } catch (InterruptedException interrupted) {
                System.out.println("interrupted: " + interrupted.getMessage() + " " + Thread.currentThread().isInterrupted());
            }
        });
        sleeper.start();
        sleeper.interrupt();
        sleeper.join();
    }

    static volatile long turns;
    static volatile boolean enough;

    /** What is deprecated for good reasons still works: a suspended thread does nothing until it is resumed. */
    @SuppressWarnings("removal")
    static void suspended() throws Exception {
        Thread runner = new Thread(() -> {
            while (!enough) {
                turns++;
            }
        });
        runner.setDaemon(true);
        runner.start();
        runner.suspend();
        long before = turns;
        Thread.sleep(20);
        boolean still = turns == before;
        runner.resume();
        while (turns == before) {
            Thread.sleep(1);
        }
        enough = true;
        System.out.println("suspended: " + still);
    }

    /** A child has the usual actions of signals. */
    static void children() throws Exception {
        Process child = new ProcessBuilder("sh", "-c", "(yes; echo $? >&2) | head -n 1 > /dev/null").redirectErrorStream(true).start();
        System.out.println("child: " + new String(child.getInputStream().readAllBytes()).replace('\n', ' ') + child.waitFor());
    }

    public static void main(String[] arguments) throws Exception {
        suspended();
        children();
        System.out.println(IntStream.range(0, 20).mapToObj(i -> new Point("n" + i, i * i)).filter(p -> p.value() % 2 == 0)
            .collect(Collectors.groupingBy(p -> p.value() % 3)));
        System.out.println(String.format("%5.2f %s %x %,d %-6s| %e", 3.14159, new Point("x", 3), 255, 1234567, "ab", 12345.678));
        System.out.println(new Square().kind() + " " + String.join(",", List.of("a", "b")) + " " + "x".repeat(3) + " ü€😀");
        StringBuilder text = new StringBuilder();
        for (Map.Entry<String, Integer> each : new TreeMap<>(Map.of("one", 1, "two", 2, "three", 3)).entrySet()) {
            text.append(each).append(' ');
        }
        System.out.println(text.reverse());
        System.out.println("a1b22c333".replaceAll("[0-9]+", "#") + " " + Arrays.toString("a,b,,c".split(",")));
        arithmetic();
        failures();
        threads();
        System.out.println(switch (arguments.length) { case 0 -> "no arguments"; default -> "arguments"; });
    }
}
