import java.lang.management.ManagementFactory;

/** The options that the machine was given, as its management bean has them. */
public class Options {
    public static void main(String[] arguments) {
        System.out.println(ManagementFactory.getRuntimeMXBean().getInputArguments());
        for (String name : new String[] {"tool", "q", "jdk", "x", "argfile", "file", "quoted", "last"}) {
            System.out.println(name + "=" + System.getProperty(name));
        }
    }
}
