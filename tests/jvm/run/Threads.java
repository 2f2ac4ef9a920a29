import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/** Threads that hold and wait for locks in every way, then a dump of them all. */
public class Threads {
    static final Object one = new Object();
    static final Object other = new StringBuilder();
    static final ReentrantLock lock = new ReentrantLock();
    static final ReentrantLock opposite = new ReentrantLock();

    interface Work {
        void run() throws Exception;
    }

    static Thread start(String name, Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        }, name);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    static void cross(Object first, Object second, CountDownLatch both) throws Exception {
        synchronized (first) {
            both.countDown();
            both.await();
            synchronized (second) { first.notify(); } // one line: HotSpot's interpreter stands behind the bytecode that locks
        }
    }

    static void crossLocks(ReentrantLock first, ReentrantLock second, CountDownLatch both) throws Exception {
        first.lock();
        both.countDown();
        both.await();
        second.lock();
    }

    static synchronized void hold() throws Exception {
        Thread.sleep(600_000);
    }

    static synchronized void want() {
        System.out.println("never");
    }

    synchronized void waitInside() throws Exception {
        synchronized (new int[0]) {
            wait();
        }
    }

    public static void main(String[] arguments) throws Exception {
        CountDownLatch monitors = new CountDownLatch(2);
        CountDownLatch locks = new CountDownLatch(2);
        Thread[] all = {
            start("cross 1", () -> cross(one, other, monitors)),
            start("cross 2", () -> cross(other, one, monitors)),
            start("locks 1", () -> crossLocks(lock, opposite, locks)),
            start("locks 2", () -> crossLocks(opposite, lock, locks)),
            start("sleeps", () -> hold()),
            start("waits", () -> new Threads().waitInside()),
            start("waits for a time", () -> {
                synchronized (Threads.lock) {
                    Threads.lock.wait(600_000);
                }
            }),
            start("parks", () -> LockSupport.park()),
            start("parks on something", () -> LockSupport.parkNanos("something", 600_000_000_000L)),
        };
        while (all[4].getState() != Thread.State.TIMED_WAITING) {
            Thread.sleep(10);
        }
        Thread last = start("blocked", () -> want());
        for (Thread thread : all) {
            while (thread.getState() == Thread.State.RUNNABLE) {
                Thread.sleep(10);
            }
        }
        while (last.getState() != Thread.State.BLOCKED) {
            Thread.sleep(10);
        }
        Thread.sleep(200);
        new ProcessBuilder("sh", "-c", "kill -QUIT $PPID").start().waitFor();
        Thread.sleep(1000);
        System.out.println("goes on");
    }
}
