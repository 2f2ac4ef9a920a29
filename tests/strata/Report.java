import java.util.Arrays;
import java.util.List;

/** Tells what a test asks of the machine it runs on, and ends as it is told to. */
public class Report {
    public static void main(String[] args) throws Exception {
        String what = args.length == 0 ? "machine" : args[0];
        switch (what) {
        case "machine":
            System.out.println(System.getProperty("java.vm.name"));
            System.out.println(System.getProperty("java.home"));
            System.out.println(ProcessHandle.current().info().command().orElse("unknown"));
            break;
        case "arguments":
            System.out.println(Arrays.toString(args) + " " + System.getProperty("given"));
            break;
        case "child":
            List<String> command = List.of(System.getProperty("java.home") + "/bin/java", "-cp", System.getProperty("java.class.path"), "Report");
            System.exit(new ProcessBuilder(command).inheritIO().start().waitFor());
            break;
        case "exit":
            System.exit(Integer.parseInt(args[1]));
            break;
        case "throw":
            throw new IllegalStateException("thrown");
        case "wait":
            Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
            System.out.println("waiting");
            System.out.flush();
            Thread.sleep(60_000);
            break;
        default:
            throw new IllegalArgumentException(what);
        }
    }
}
