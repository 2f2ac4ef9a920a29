import java.lang.management.*;
import java.util.concurrent.*;
import java.util.concurrent.locks.LockSupport;

/** How often and how long threads were kept waiting, as ThreadMXBean tells it. */
public class Contention {
    static final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    static final Object lock = new Object();

    interface Task {
        void run() throws Exception;
    }

    static int entered;

    static synchronized void enterMethod() {
        entered++;
    }

    static void say(Object... what) {
        for (Object one : what) {
            System.out.print(one + " ");
        }
        System.out.println();
    }

    static Thread start(Task task) {
        Thread thread = new Thread(() -> {
            try {
                task.run();
            } catch (Exception e) {
                System.out.println(e);
            }
        });
        thread.start();
        return thread;
    }

    static void until(Thread thread, Thread.State state) throws Exception {
        while (thread.getState() != state) {
            if (!thread.isAlive()) {
                throw new IllegalStateException("it has ended");
            }
            Thread.sleep(1);
        }
    }

    static ThreadInfo info(Thread thread) {
        return threads.getThreadInfo(thread.getId());
    }

    /** What a task adds to the counts of its own thread. */
    static void counts(String name, Task task) throws Exception {
        start(() -> {
            ThreadInfo before = info(Thread.currentThread());
            try {
                task.run();
            } catch (Exception e) {
                say(name, "throws", e);
            }
            ThreadInfo after = info(Thread.currentThread());
            say(name, "blocked", after.getBlockedCount() - before.getBlockedCount(), "waited", after.getWaitedCount() - before.getWaitedCount(),
                "timed", after.getBlockedTime() != -1, after.getWaitedTime() != -1);
        }).join();
    }

    /** A thread that is blocked by the lock or by the class. */
    static void blocked(String name, Object by, Task enter) throws Exception {
        Thread thread;
        synchronized (by) {
            thread = start(() -> {
                enter.run();
                ThreadInfo info = info(Thread.currentThread());
                say(name, "then", info.getBlockedCount(), info.getWaitedCount(), info.getBlockedTime() >= 40 || info.getBlockedTime() == -1, info.getWaitedTime() <= 0);
            });
            until(thread, Thread.State.BLOCKED);
            Thread.sleep(50);
            ThreadInfo info = info(thread);
            say(name, info.getBlockedCount(), info.getWaitedCount(), info.getBlockedTime() >= 40 || info.getBlockedTime() == -1, info.getLockOwnerName());
        }
        thread.join();
    }

    static void notified() throws Exception {
        Thread thread = start(() -> {
            synchronized (lock) {
                lock.wait();
            }
            ThreadInfo info = info(Thread.currentThread());
            say("notified then", info.getBlockedCount(), info.getWaitedCount(), info.getBlockedTime() >= 40, info.getWaitedTime() >= info.getBlockedTime());
        });
        until(thread, Thread.State.WAITING);
        say("waiting", info(thread).getBlockedCount(), info(thread).getWaitedCount(), info(thread).getBlockedTime());
        synchronized (lock) {
            lock.notify();
            say(thread.getState(), info(thread).getBlockedCount());
            Thread.sleep(50);
            say("notified", info(thread).getBlockedCount(), info(thread).getWaitedCount(), info(thread).getBlockedTime() >= 40);
        }
        thread.join();
    }

    /** A wait that ends by its time while another thread has the lock. */
    static void timedOut() throws Exception {
        Thread thread = start(() -> {
            synchronized (lock) {
                lock.wait(500);
            }
            ThreadInfo info = info(Thread.currentThread());
            say("timed out then", info.getBlockedCount(), info.getWaitedCount(), info.getBlockedTime() >= 40, info.getWaitedTime() >= info.getBlockedTime());
        });
        until(thread, Thread.State.TIMED_WAITING);
        synchronized (lock) {
            until(thread, Thread.State.BLOCKED);
            Thread.sleep(50);
            lock.notifyAll();
            say("timed out", info(thread).getBlockedCount(), info(thread).getWaitedCount());
        }
        thread.join();
    }

    static void all() throws Exception {
        blocked("statement", lock, () -> {
            synchronized (lock) {
            }
        });
        blocked("method", Contention.class, Contention::enterMethod);
        blocked("reflection", Contention.class, () -> Contention.class.getDeclaredMethod("enterMethod").invoke(null));
        counts("nothing", () -> { });
        counts("uncontended", () -> {
            synchronized (lock) {
                enterMethod();
            }
        });
        counts("sleep", () -> Thread.sleep(2));
        counts("sleep 0", () -> Thread.sleep(0));
        counts("sleep -1", () -> Thread.sleep(-1));
        counts("yield", () -> Thread.yield());
        counts("interrupted sleep", () -> {
            Thread.currentThread().interrupt();
            Thread.sleep(1000);
        });
        counts("interrupted yield", () -> {
            Thread.currentThread().interrupt();
            Thread.yield();
        });
        counts("wait", () -> {
            synchronized (lock) {
                lock.wait(2);
            }
        });
        counts("interrupted wait", () -> {
            Thread.currentThread().interrupt();
            synchronized (lock) {
                lock.wait();
            }
        });
        counts("wait -1", () -> lock.wait(-1));
        counts("not owner", () -> {
            try {
                lock.wait();
            } catch (IllegalMonitorStateException e) {
                say(e);
            }
        });
        counts("park", () -> LockSupport.parkNanos(1000));
        counts("permit", () -> {
            LockSupport.unpark(Thread.currentThread());
            LockSupport.park();
        });
        counts("no park", () -> LockSupport.parkNanos(0));
        counts("past", () -> LockSupport.parkUntil(1));
        counts("join", () -> {
            Thread other = start(() -> Thread.sleep(100));
            other.join();
        });
    }

    public static void main(String[] arguments) throws Exception {
        say(threads.isThreadContentionMonitoringSupported(), threads.isThreadContentionMonitoringEnabled());
        all();
        threads.setThreadContentionMonitoringEnabled(true);
        say(threads.isThreadContentionMonitoringEnabled());
        all();
        notified();
        timedOut();
        Thread sleeper = start(() -> {
            Thread.sleep(30);
            LockSupport.park();
        });
        until(sleeper, Thread.State.WAITING);
        say(info(sleeper).getWaitedTime() >= 30, info(sleeper).getWaitedCount());
        threads.setThreadContentionMonitoringEnabled(false);
        say(info(sleeper).getWaitedTime(), info(sleeper).getBlockedTime());
        threads.setThreadContentionMonitoringEnabled(true);
        say(info(sleeper).getWaitedTime(), info(sleeper).getWaitedCount());
        LockSupport.unpark(sleeper);
        sleeper.join();
    }
}
