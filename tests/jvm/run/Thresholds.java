import com.sun.management.GarbageCollectionNotificationInfo;
import com.sun.management.GarbageCollectorMXBean;
import com.sun.management.GcInfo;
import java.lang.management.*;
import java.lang.reflect.*;
import java.util.*;
import java.util.concurrent.*;
import javax.management.*;
import javax.management.openmbean.CompositeData;

/** Thresholds of memory pools, what a collection did, who is told of both, and calls with arguments that the library never gives. */
public class Thresholds {
    static final int MB = 1 << 20;
    static final MemoryMXBean memory = ManagementFactory.getMemoryMXBean();
    static final BlockingQueue<String> told = new LinkedBlockingQueue<>();
    static byte[][] kept;
    static long lastCollection, lastCount;

    interface Task {
        Object run() throws Exception;
    }

    static void say(Object... what) {
        for (Object one : what) {
            System.out.print(one + " ");
        }
        System.out.println();
    }

    static void attempt(String name, Task task) {
        try {
            Object result = task.run();
            say(name, result instanceof long[] array ? Arrays.toString(array) : result);
        } catch (InvocationTargetException e) {
            say(name, e.getCause());
        } catch (Exception e) {
            say(name, e.getClass().getName(), e instanceof UnsupportedOperationException ? e.getMessage() : "");
        }
    }

    static String next() throws Exception {
        return told.poll(60, TimeUnit.SECONDS);
    }

    static MemoryPoolMXBean pool(MemoryType type, boolean collected) {
        for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
            if (pool.getType() == type && pool.isUsageThresholdSupported() && pool.isCollectionUsageThresholdSupported() == collected) {
                return pool;
            }
        }
        throw new IllegalStateException("no such pool");
    }

    static GarbageCollectorMXBean collector() {
        return ManagementFactory.getPlatformMXBeans(GarbageCollectorMXBean.class).stream().filter(bean -> !bean.getName().equals("Copy")).findFirst().get();
    }

    static void until(boolean exceeded, MemoryPoolMXBean pool) throws Exception {
        while (pool.isUsageThresholdExceeded() != exceeded) {
            memory.gc();
            Thread.sleep(5);
        }
    }

    /** What is below the threshold and above it differs by more than what happens to be garbage. */
    static void usage(MemoryPoolMXBean pool) throws Exception {
        say(pool.getUsageThreshold(), pool.getUsageThresholdCount(), pool.isUsageThresholdExceeded());
        memory.gc();
        long threshold = pool.getUsage().getUsed() + 10 * MB;
        pool.setUsageThreshold(threshold);
        say(pool.getUsageThreshold() == threshold, pool.getUsageThresholdCount(), pool.isUsageThresholdExceeded());
        kept = new byte[][] {new byte[20 * MB]};
        say(next(), pool.isUsageThresholdExceeded(), pool.getUsageThresholdCount());
        memory.gc();
        say(pool.isUsageThresholdExceeded(), pool.getUsageThresholdCount());
        pool.setUsageThreshold(threshold + 30 * MB);
        until(false, pool);
        say(pool.getUsageThresholdCount(), told.size());
        pool.setUsageThreshold(threshold);
        say(next(), pool.isUsageThresholdExceeded(), pool.getUsageThresholdCount());
        pool.setUsageThreshold(0);
        say(pool.isUsageThresholdExceeded(), pool.getUsageThreshold(), pool.getUsageThresholdCount(), told.size());
        pool.setUsageThreshold(threshold + 20 * MB);
        until(false, pool);
        byte[][] many = new byte[20 * 1024][]; // small ones: what a stack may seem to refer to is little
        for (int i = 0; i < many.length; i++) {
            many[i] = new byte[1024];
        }
        memory.gc();
        say(next().replaceFirst("[0-9]+", "N"), pool.isUsageThresholdExceeded());
        Arrays.fill(many, null);
        until(false, pool);
        say(pool.getUsageThresholdCount() >= 3, many.length);
        pool.setUsageThreshold(0);
        Thread.sleep(50);
        told.clear();
    }

    static void collections(MemoryPoolMXBean pool) throws Exception {
        say(pool.getCollectionUsageThreshold(), pool.getCollectionUsageThresholdCount(), pool.isCollectionUsageThresholdExceeded());
        pool.setCollectionUsageThreshold(1000);
        say(pool.getCollectionUsageThreshold(), pool.getCollectionUsageThresholdCount());
        for (int round = 1; round <= 3; round++) {
            memory.gc();
            say(next(), pool.isCollectionUsageThresholdExceeded(), pool.getCollectionUsageThresholdCount() >= round);
        }
        pool.setCollectionUsageThreshold(0);
        memory.gc();
        Thread.sleep(50);
        say(pool.isCollectionUsageThresholdExceeded(), pool.getCollectionUsageThresholdCount() >= lastCount, pool.getCollectionUsage().getUsed() > 1000);
        told.clear();
    }

    static boolean sane(GcInfo info) {
        Set<String> names = new HashSet<>();
        ManagementFactory.getMemoryPoolMXBeans().forEach(pool -> names.add(pool.getName()));
        return info.getEndTime() >= info.getStartTime() && info.getStartTime() > 0 && info.getDuration() == info.getEndTime() - info.getStartTime()
            && info.getMemoryUsageBeforeGc().keySet().equals(names) && info.getMemoryUsageAfterGc().keySet().equals(names)
            && !info.getMemoryUsageBeforeGc().containsValue(null) && !info.getMemoryUsageAfterGc().containsValue(null);
    }

    static void told(Notification notification, Object unused) {
        CompositeData data = (CompositeData) notification.getUserData();
        if (notification.getType().equals(GarbageCollectionNotificationInfo.GARBAGE_COLLECTION_NOTIFICATION)) {
            GarbageCollectionNotificationInfo info = GarbageCollectionNotificationInfo.from(data);
            if (info.getGcCause().equals("System.gc()")) {
                boolean later = info.getGcInfo().getId() > lastCollection;
                lastCollection = info.getGcInfo().getId();
                told.add(Thread.currentThread() + " " + info.getGcName().equals(collector().getName()) + " " + info.getGcAction() + " " + later + " " + sane(info.getGcInfo()) + " " + new TreeSet<>(info.getGcInfo().getCompositeType().keySet()) + " " + info.getGcInfo().get("GcThreadCount"));
            }
        } else {
            MemoryNotificationInfo info = MemoryNotificationInfo.from(data);
            boolean more = info.getCount() > lastCount, collection = notification.getType().equals(MemoryNotificationInfo.MEMORY_COLLECTION_THRESHOLD_EXCEEDED);
            lastCount = collection ? info.getCount() : 0;
            told.add(notification.getType() + " " + (collection ? more : info.getCount()) + " " + (info.getUsage().getUsed() > 0) + " " + notification.getMessage() + " " + Thread.currentThread());
        }
    }

    static void infos() throws Exception {
        GarbageCollectorMXBean collector = collector();
        long count = collector.getCollectionCount();
        memory.gc();
        GcInfo info = collector.getLastGcInfo();
        kept = new byte[][] {new byte[8 * MB]};
        memory.gc();
        GcInfo later = collector.getLastGcInfo();
        say(info.getId() > count, later.getId() > info.getId(), sane(info), sane(later), info.equals(info), info.get("GcThreadCount"), new TreeSet<>(info.getCompositeType().keySet()));
        long before = 0, after = 0;
        for (String pool : collector.getMemoryPoolNames()) {
            before += later.getMemoryUsageBeforeGc().get(pool).getUsed();
            after += later.getMemoryUsageAfterGc().get(pool).getUsed();
        }
        say(before > 8 * MB, after > 8 * MB, before >= after);
        NotificationEmitter emitter = (NotificationEmitter) collector;
        say(emitter.getNotificationInfo()[0].getNotifTypes()[0]);
        NotificationListener listener = Thresholds::told;
        emitter.addNotificationListener(listener, null, null);
        for (int round = 0; round < 3; round++) {
            lastCollection = Math.max(lastCollection, collector.getLastGcInfo().getId());
            memory.gc();
            say(next());
        }
        emitter.removeNotificationListener(listener);
        memory.gc();
        Thread.sleep(20);
        say(told.size());
    }

    static Object call(Object of, Class<?> in, String name, Object... arguments) throws Exception {
        for (Method method : in.getDeclaredMethods()) {
            if (method.getName().equals(name)) {
                method.setAccessible(true);
                return method.invoke(of, arguments);
            }
        }
        throw new NoSuchMethodException(name);
    }

    /** Native methods of the library with what they are never called with. */
    static void strange(MemoryPoolMXBean heap) throws Exception {
        Class<?> threads = Class.forName("sun.management.ThreadImpl");
        Class<?> pools = Class.forName("sun.management.MemoryPoolImpl");
        Class<?> managers = Class.forName("sun.management.MemoryManagerImpl");
        long[] one = {Thread.currentThread().getId()}, bad = {1, -5}, zero = {0}, ended = {1 << 30}, result = new long[1];
        for (String name : List.of("getThreadTotalCpuTime0", "getThreadUserCpuTime0", "getThreadAllocatedMemory0")) {
            attempt(name, () -> call(null, threads, name, -1L));
            attempt(name, () -> call(null, threads, name, Long.MIN_VALUE));
            attempt(name, () -> call(null, threads, name, (long) 1 << 40));
            attempt(name, () -> (long) call(null, threads, name, 0L) >= 0);
        }
        for (String name : List.of("getThreadTotalCpuTime1", "getThreadUserCpuTime1", "getThreadAllocatedMemory1")) {
            attempt(name, () -> call(null, threads, name, null, result));
            attempt(name, () -> call(null, threads, name, one, null));
            attempt(name, () -> call(null, threads, name, bad, new long[2]));
            attempt(name, () -> call(null, threads, name, zero, result));
            attempt(name, () -> call(null, threads, name, one, new long[2]));
            attempt(name, () -> call(null, threads, name, new long[0], new long[0]));
            attempt(name, () -> {
                call(null, threads, name, ended, result);
                return result;
            });
        }
        attempt("info", () -> call(null, threads, "getThreadInfo1", null, 0, new ThreadInfo[1]));
        attempt("info", () -> call(null, threads, "getThreadInfo1", one, 0, null));
        attempt("info", () -> call(null, threads, "getThreadInfo1", one, -2, new ThreadInfo[1]));
        attempt("info", () -> call(null, threads, "getThreadInfo1", zero, 0, new ThreadInfo[1]));
        attempt("info", () -> call(null, threads, "getThreadInfo1", one, 0, new ThreadInfo[2]));
        attempt("info", () -> {
            ThreadInfo[] infos = new ThreadInfo[2];
            call(null, threads, "getThreadInfo1", new long[] {one[0], 1 << 30}, -1, infos);
            return infos[0].getThreadName() + infos[1];
        });
        attempt("dump", () -> call(null, threads, "dumpThreads0", bad, true, true, -1));
        attempt("dump", () -> ((Object[]) call(null, threads, "dumpThreads0", new long[0], true, true, -1)).length);
        attempt("times", () -> call(null, threads, "resetContentionTimes0", -1L));
        attempt("times", () -> call(null, threads, "resetContentionTimes0", (long) 1 << 40));
        Constructor<?> made = pools.getDeclaredConstructor(String.class, boolean.class, long.class, long.class);
        made.setAccessible(true);
        Object stranger = made.newInstance("Stranger", true, 0L, 0L);
        for (String name : List.of("getUsage0", "getPeakUsage0", "getCollectionUsage0", "resetPeakUsage0", "getMemoryManagers0")) {
            attempt(name, () -> call(stranger, pools, name));
        }
        attempt("threshold", () -> call(heap, pools, "setUsageThreshold0", 5L, -1L));
        attempt("threshold", () -> call(heap, pools, "setCollectionThreshold0", 5L, -1L));
        attempt("sensor", () -> call(heap, pools, "setPoolUsageSensor", (Object) null));
        attempt("sensor", () -> call(heap, pools, "setPoolCollectionSensor", (Object) null));
        Constructor<?> manager = managers.getDeclaredConstructor(String.class);
        manager.setAccessible(true);
        Object strangers = manager.newInstance("Stranger");
        attempt("pools", () -> call(strangers, managers, "getMemoryPools0"));
        Class<?> builder = Class.forName("com.sun.management.internal.GcInfoBuilder");
        Constructor<?> builds = builder.getDeclaredConstructor(java.lang.management.GarbageCollectorMXBean.class, String[].class);
        builds.setAccessible(true);
        Object info = builds.newInstance(collector(), collector().getMemoryPoolNames());
        int pools1 = ManagementFactory.getMemoryPoolMXBeans().size();
        for (MemoryUsage[] usages : new MemoryUsage[][] {null, new MemoryUsage[pools1 + 1], {}}) {
            attempt("last", () -> call(info, builder, "getLastGcInfo0", collector(), 1, new Object[1], new char[] {'I'}, usages, new MemoryUsage[pools1]));
        }
        Constructor<?> extended = Class.forName("com.sun.management.internal.GarbageCollectorExtImpl").getDeclaredConstructor(String.class);
        extended.setAccessible(true);
        GarbageCollectorMXBean unknown = (GarbageCollectorMXBean) extended.newInstance("Unknown");
        attempt("count", unknown::getCollectionCount);
        attempt("time", unknown::getCollectionTime);
        attempt("last", unknown::getLastGcInfo);
        attempt("last", () -> call(info, builder, "getLastGcInfo0", null, 1, new Object[1], new char[] {'I'}, new MemoryUsage[pools1], new MemoryUsage[pools1]));
        attempt("notify", () -> call(unknown, unknown.getClass(), "setNotificationEnabled", null, true));
        attempt("notify", () -> call(unknown, unknown.getClass(), "setNotificationEnabled", unknown, true));
    }

    public static void main(String[] arguments) throws Exception {
        MemoryPoolMXBean heap = pool(MemoryType.HEAP, true), other = pool(MemoryType.NON_HEAP, false);
        ((NotificationEmitter) memory).addNotificationListener(Thresholds::told, null, null);
        say(heap.getCollectionUsage() != null, other.getCollectionUsage());
        usage(heap);
        collections(heap);
        attempt("negative", () -> {
            heap.setUsageThreshold(-1);
            return null;
        });
        attempt("too much", () -> {
            heap.setCollectionUsageThreshold(Long.MAX_VALUE);
            return null;
        });
        attempt("other", other::getCollectionUsageThreshold);
        attempt("other", other::isCollectionUsageThresholdExceeded);
        other.setUsageThreshold(1);
        say(next(), other.isUsageThresholdExceeded(), other.getUsageThresholdCount());
        other.setUsageThreshold(other.getUsage().getMax() == -1 ? 1 << 30 : other.getUsage().getMax());
        while (other.isUsageThresholdExceeded()) {
            Thread.sleep(1);
        }
        say(other.getUsageThresholdCount());
        long most = heap.getPeakUsage().getUsed();
        heap.resetPeakUsage();
        say(most > 18 * MB, heap.getPeakUsage().getUsed() < most);
        infos();
        strange(heap);
    }
}
