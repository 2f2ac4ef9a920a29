import java.lang.management.ManagementFactory;
import java.util.concurrent.locks.LockSupport;

/** The options that the machine was given, as its management bean has them; or threads until there is no room for more. */
public class Options {
    private static void fill() {
        try {
            while (true) {
                Thread thread = new Thread(null, () -> LockSupport.park(), "large", 1 << 30);
                thread.setDaemon(true);
                thread.start();
            }
        } catch (OutOfMemoryError error) {
            System.out.println(error);
        }
    }

    public static void main(String[] arguments) {
        if (arguments.length != 0) {
            fill();
            return;
        }
        System.out.println(ManagementFactory.getRuntimeMXBean().getInputArguments());
        for (String name : new String[] {"tool", "q", "jdk", "x", "argfile", "file", "quoted", "last"}) {
            System.out.println(name + "=" + System.getProperty(name));
        }
    }
}
