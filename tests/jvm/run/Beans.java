import java.lang.management.*;
import java.util.*;
import java.util.concurrent.locks.*;
import javax.management.*;

/** What the platform beans tell of a machine that does known things. */
public class Beans {
    static final Object first = new Object(), second = new Object();
    static final ReentrantLock lock = new ReentrantLock();

    static void say(Object... what) {
        for (Object one : what) {
            System.out.print(one + " ");
        }
        System.out.println();
    }

    static boolean sane(MemoryUsage usage) {
        return usage.getUsed() > 0 && usage.getCommitted() >= usage.getUsed() && (usage.getMax() == -1 || usage.getMax() >= usage.getCommitted());
    }

    static synchronized void holdClass(Thread other) throws Exception {
        synchronized (first) {
            lock.lock();
            other.start();
            while (other.getState() != Thread.State.BLOCKED) {
                Thread.sleep(1);
            }
            ThreadMXBean threads = ManagementFactory.getThreadMXBean();
            ThreadInfo[] all = threads.dumpAllThreads(true, true);
            Arrays.sort(all, Comparator.comparing(ThreadInfo::getThreadName));
            for (ThreadInfo info : all) {
                if (info.getThreadName().equals("main") || info.getThreadName().equals("other")) {
                    say(info.getThreadName(), info.getThreadState(), info.getLockInfo() == null ? null : info.getLockInfo().getClassName(), info.getLockOwnerName());
                    MonitorInfo[] monitors = info.getLockedMonitors();
                    for (MonitorInfo monitor : monitors) {
                        say("  holds", monitor.getClassName(), monitor.getLockedStackFrame() == null ? null : monitor.getLockedStackFrame().getMethodName());
                    }
                    for (LockInfo held : info.getLockedSynchronizers()) {
                        say("  holds", held.getClassName());
                    }
                    say("  at", info.getStackTrace().length > 0);
                }
            }
            say(threads.getThreadInfo(other.getId()).getStackTrace().length, threads.getThreadInfo(other.getId(), 1).getStackTrace().length,
                threads.getThreadInfo(1234567), threads.getThreadInfo(other.getId()).getLockOwnerId() == Thread.currentThread().getId());
            say(threads.findDeadlockedThreads() == null, threads.findMonitorDeadlockedThreads() == null);
            lock.unlock();
        }
    }

    static void sayMonitors(Thread of) {
        ThreadInfo info = ManagementFactory.getThreadMXBean().getThreadInfo(new long[] {of.getId()}, true, true)[0];
        say(info.getThreadState(), info.getLockInfo() == null ? null : info.getLockInfo().getClassName());
        for (MonitorInfo monitor : info.getLockedMonitors()) {
            say("  holds", monitor.getClassName(), monitor.getLockedStackDepth(), monitor.getLockedStackFrame());
        }
    }

    static synchronized void nested(Object locked, int depth) {
        synchronized (locked) {
            if (depth > 0) {
                nested(locked, depth - 1);
            } else {
                sayMonitors(Thread.currentThread());
            }
        }
    }

    /** What a thread waits on it does not hold meanwhile. */
    static void waiting() throws Exception {
        Object outer = new Object();
        Object inner = new Object();
        Thread other = new Thread(() -> {
            synchronized (outer) {
                synchronized (inner) {
                    synchronized (inner) {
                        try {
                            inner.wait();
                        } catch (InterruptedException e) {
                            say("interrupted");
                        }
                    }
                }
            }
        });
        other.start();
        while (other.getState() != Thread.State.WAITING) {
            Thread.sleep(1);
        }
        sayMonitors(other);
        other.interrupt();
        other.join();
    }

    static void deadlock() throws Exception {
        var both = new java.util.concurrent.CyclicBarrier(2);
        ReentrantLock a = new ReentrantLock();
        Thread one = new Thread(() -> {
            synchronized (first) {
                await(both);
                synchronized (second) {
                }
            }
        }, "one");
        Thread two = new Thread(() -> {
            synchronized (second) {
                await(both);
                synchronized (first) {
                }
            }
        }, "two");
        ReentrantLock b = new ReentrantLock();
        Thread three = new Thread(() -> {
            a.lock();
            await(both);
            b.lock();
        }, "three");
        Thread four = new Thread(() -> {
            b.lock();
            await(both);
            a.lock();
        }, "four");
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        for (Thread[] pair : new Thread[][] {{one, two}, {three, four}}) {
            for (Thread each : pair) {
                each.setDaemon(true);
                each.start();
            }
            while (pair[0].getState() == Thread.State.RUNNABLE || pair[1].getState() == Thread.State.RUNNABLE) {
                Thread.sleep(1);
            }
            Thread.sleep(20);
        }
        say("deadlocked", names(threads.findDeadlockedThreads()), names(threads.findMonitorDeadlockedThreads()));
    }

    static String names(long[] ids) {
        TreeSet<String> names = new TreeSet<>();
        for (long id : ids) {
            names.add(ManagementFactory.getThreadMXBean().getThreadInfo(id).getThreadName());
        }
        return names.toString();
    }

    static void await(java.util.concurrent.CyclicBarrier both) {
        try {
            both.await();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    public static void main(String[] arguments) throws Exception {
        RuntimeMXBean runtime = ManagementFactory.getRuntimeMXBean();
        say(runtime.getSpecVersion(), runtime.getInputArguments().get(0), runtime.getInputArguments().size() <= 2, runtime.getPid() == ProcessHandle.current().pid(), runtime.getUptime() > 0,
            Math.abs(System.currentTimeMillis() - runtime.getStartTime()) < 60000, runtime.getSystemProperties().get("java.version"));
        MemoryMXBean memory = ManagementFactory.getMemoryMXBean();
        byte[][] kept = new byte[200][];
        for (int i = 0; i < kept.length; i++) {
            kept[i] = new byte[i * 100];
        }
        long before = 0;
        for (GarbageCollectorMXBean each : ManagementFactory.getGarbageCollectorMXBeans()) {
            before += each.getCollectionCount();
        }
        memory.gc();
        long after = 0;
        for (GarbageCollectorMXBean each : ManagementFactory.getGarbageCollectorMXBeans()) {
            after += each.getCollectionCount();
            if (each.getCollectionTime() < 0 || each.getMemoryPoolNames().length == 0 || !each.isValid()) {
                say("insane", each.getName());
            }
        }
        say("collected", after > before, sane(memory.getHeapMemoryUsage()), sane(memory.getNonHeapMemoryUsage()), memory.isVerbose(),
            memory.getObjectPendingFinalizationCount() >= 0);
        for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
            if (pool.getType() == MemoryType.HEAP || pool.getName().equals("Metaspace")) {
                MemoryUsage usage = pool.getUsage();
                pool.resetPeakUsage();
                if (usage.getUsed() > usage.getCommitted() || pool.getPeakUsage() == null || pool.getMemoryManagerNames().length == 0) {
                    say("insane", pool.getName(), usage);
                }
            }
        }
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        Thread short1 = new Thread(() -> { });
        long started = threads.getTotalStartedThreadCount();
        short1.start();
        short1.join();
        say("threads", threads.getTotalStartedThreadCount() - started, threads.getThreadCount() >= threads.getDaemonThreadCount(), threads.getPeakThreadCount() >= 2,
            threads.getAllThreadIds().length > 1, threads.isThreadCpuTimeSupported(), threads.getCurrentThreadCpuTime() > 0,
            threads.getCurrentThreadUserTime() >= 0, threads.getThreadCpuTime(Thread.currentThread().getId()) > 0, threads.getThreadCpuTime(99999));
        say(Arrays.stream(threads.dumpAllThreads(false, false)).map(ThreadInfo::getThreadName).filter(Set.of("main", "Finalizer", "Common-Cleaner")::contains).toList());
        var more = (com.sun.management.ThreadMXBean) threads;
        long allocated = more.getThreadAllocatedBytes(Thread.currentThread().getId());
        byte[] much = new byte[1 << 20];
        say(more.getThreadAllocatedBytes(Thread.currentThread().getId()) - allocated >= much.length, more.getThreadAllocatedBytes(new long[] {1, 99999})[1]);
        ClassLoadingMXBean classes = ManagementFactory.getClassLoadingMXBean();
        say("classes", classes.getLoadedClassCount() > 300, classes.getTotalLoadedClassCount() >= classes.getLoadedClassCount(), classes.getUnloadedClassCount() >= 0);
        OperatingSystemMXBean system = ManagementFactory.getOperatingSystemMXBean();
        say(system.getName(), system.getArch(), system.getAvailableProcessors() == Runtime.getRuntime().availableProcessors(),
            ((com.sun.management.OperatingSystemMXBean) system).getTotalMemorySize() > 0, ((com.sun.management.OperatingSystemMXBean) system).getProcessCpuTime() > 0);
        var options = ManagementFactory.getPlatformMXBean(com.sun.management.HotSpotDiagnosticMXBean.class);
        say(options.getVMOption("MaxHeapSize").getValue().equals(String.valueOf(64 << 20)), options.getDiagnosticOptions() != null);
        try {
            options.getVMOption("NoSuchOption");
        } catch (IllegalArgumentException e) {
            say(e.getMessage());
        }
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        Set<String> names = new TreeSet<>();
        for (ObjectName name : server.queryNames(new ObjectName("java.lang:*"), null)) {
            if (!name.toString().contains("name=")) {
                names.add(name.toString());
            }
        }
        names.remove("java.lang:type=Compilation");
        say(names);
        say(server.getAttribute(new ObjectName("java.lang:type=Runtime"), "SpecName"), server.getAttribute(new ObjectName("java.lang:type=Memory"), "HeapMemoryUsage") != null);
        Thread other = new Thread(() -> {
            synchronized (first) {
                say("entered");
            }
        }, "other");
        holdClass(other);
        other.join();
        nested(new StringBuilder(), 2);
        waiting();
        deadlock();
    }
}
