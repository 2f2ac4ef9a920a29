import java.util.Arrays;
import java.util.List;

/** Tells what a test asks of the machine it runs on, and ends as it is told to. */
public class Report {
    /** Answers one client with a line. */
    private static void serve(int port) throws Exception {
        try (java.net.ServerSocket server = new java.net.ServerSocket(port)) {
            System.out.println("serving");
            System.out.flush();
            try (java.net.Socket client = server.accept()) {
                client.getOutputStream().write("from the jar\n".getBytes());
            }
        }
    }

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
        case "limits":
            System.out.println((Runtime.getRuntime().maxMemory() >> 20) + " " + Runtime.getRuntime().availableProcessors());
            break;
        case "fill":
            List<byte[]> all = new java.util.ArrayList<>();
            while (true) {
                all.add(new byte[1 << 20]);
            }
        case "serve":
            serve(Integer.parseInt(args[1]));
            break;
        case "touch": // memory that is not of the heap
            java.nio.ByteBuffer[] buffers = new java.nio.ByteBuffer[256];
            for (int i = 0; i < buffers.length; i++) {
                buffers[i] = java.nio.ByteBuffer.allocateDirect(1 << 20);
            }
            System.exit(buffers[255].get(0));
            break;
        case "write":
            try (java.io.FileWriter file = new java.io.FileWriter(args[1])) {
                file.write("text");
                System.out.println("written");
            } catch (java.io.IOException error) {
                System.out.println("refused");
            }
            break;
        case "read":
            System.out.println(Arrays.toString(new java.io.File(args[1]).list()));
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
