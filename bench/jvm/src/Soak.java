import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Resident memory while gc_young, gc_mutate, gc_big and gc_deep run round after round in one machine: java -Xmx256m -cp bench.jar
 * Soak [GiB=200]. The rounds are cut into tenths; a thread looks every 50 ms. Exit code 1: the last tenth's peak is not within 5 %
 * of the second's. (The mean falls where the machine is slow: memory that was not needed for seconds is given back.)
 */
public class Soak {
    static final class Watch extends Thread {
        long sum, samples, peak;

        Watch() {
            setDaemon(true);
        }

        static long residentKib() throws IOException {
            String line = Files.readString(Path.of("/proc/self/statm"));
            return Long.parseLong(line.split(" ")[1]) * 4;
        }

        /** Mean, peak and number of the samples since the last call. */
        synchronized long[] take() {
            long[] taken = {samples == 0 ? 0 : sum / samples, peak, samples};
            sum = samples = peak = 0;
            return taken;
        }

        @Override
        public void run() {
            try {
                for (;;) {
                    long now = residentKib();
                    synchronized (this) {
                        sum += now;
                        samples++;
                        peak = Math.max(peak, now);
                    }
                    sleep(50);
                }
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    static long allocated() {
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        return threads.getThreadAllocatedBytes(Thread.currentThread().getId());
    }

    static void round() throws Throwable {
        new GcChurn.Young().run();
        new GcChurn.Mutate().run();
        new GcChurn.Big().run();
        new GcChurn.Deep().run();
        GcChurn.Mutate.old = null;
    }

    public static void main(String[] arguments) throws Throwable {
        long wanted = (arguments.length > 0 ? Long.parseLong(arguments[0]) : 200) << 30;
        long begun = allocated();
        round();
        long bytes = allocated() - begun;
        long rounds = Math.max(1, (wanted / bytes + 9) / 10);
        System.out.println("a round is " + (bytes >> 20) + " MiB, a tenth " + rounds + " rounds");
        Watch watch = new Watch();
        watch.start();
        long[] peaks = new long[10];
        for (int tenth = 0; tenth < 10; tenth++) {
            for (long i = 0; i < rounds; i++) {
                round();
            }
            long[] seen = watch.take();
            peaks[tenth] = seen[1];
            System.out.println("tenth " + (tenth + 1) + ": resident mean " + seen[0] + " KiB, peak " + seen[1] + " KiB, " + seen[2]
                    + " samples, allocated " + (allocated() - begun >> 30) + " GiB");
        }
        double ratio = (double) peaks[9] / peaks[1];
        System.out.println("last to second tenth: " + Math.round(ratio * 1000) / 1000.0);
        System.exit(ratio > 1.05 || ratio < 0.95 ? 1 : 0);
    }
}
