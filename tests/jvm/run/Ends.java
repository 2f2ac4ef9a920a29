/** How a program ends: by its argument. */
public class Ends {
    static int deeper(int depth) {
        return deeper(depth + 1) + 1;
    }

    public static void main(String[] arguments) throws Exception {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
        switch (arguments[0]) {
            case "return" -> System.out.println("returns");
            case "hashes" -> System.out.println(new Object().hashCode() + " " + new Object().hashCode());
            case "exit" -> System.exit(7);
            case "halt" -> Runtime.getRuntime().halt(9);
            case "throw" -> throw new IllegalStateException("thrown");
            case "thread" -> {
                Thread thread = new Thread(() -> {
                    throw new RuntimeException("in a thread");
                }, "worker");
                thread.start();
                thread.join();
            }
            case "handler" -> {
                Thread thread = new Thread(() -> {
                    throw new RuntimeException("handled");
                }, "handled");
                thread.setUncaughtExceptionHandler((of, e) -> {
                    throw new IllegalStateException("not told");
                });
                thread.start();
                thread.join();
            }
            case "overflow" -> deeper(0);
            case "daemon" -> {
                Thread thread = new Thread(() -> {
                    while (true) { }
                });
                thread.setDaemon(true);
                thread.start();
            }
            case "TERM", "INT", "HUP" -> {
                new ProcessBuilder("kill", "-" + arguments[0], "" + ProcessHandle.current().pid()).start();
                Thread.sleep(60_000);
            }
            case "attach" -> { // as jstack and jcmd begin
                java.nio.file.Path file = java.nio.file.Path.of("/tmp/.attach_pid" + ProcessHandle.current().pid());
                java.nio.file.Files.createFile(file);
                new ProcessBuilder("kill", "-QUIT", "" + ProcessHandle.current().pid()).start().waitFor();
                Thread.sleep(500);
                java.nio.file.Files.delete(file);
                System.out.println("goes on");
            }
            case "quit", "ignored" -> {
                for (String signal : arguments[0].equals("quit") ? new String[] {"QUIT"} : new String[] {"INT", "HUP", "TERM"}) {
                    new ProcessBuilder("kill", "-" + signal, "" + ProcessHandle.current().pid()).start().waitFor();
                }
                Thread.sleep(500);
                System.out.println("goes on");
            }
            case "memory", "caught" -> {
                try {
                    System.out.println(new long[1 << 26].length);
                } catch (OutOfMemoryError error) {
                    System.out.println(error.getMessage());
                    if (arguments[0].equals("memory")) {
                        throw error;
                    }
                }
            }
            case "crash" -> {
                java.lang.reflect.Field field = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
                field.setAccessible(true);
                ((sun.misc.Unsafe) field.get(null)).putLong(16L, 1L);
            }
            case "cause" -> throw new Exception("outer", new RuntimeException("inner"));
            default -> System.out.println(arguments[0]);
        }
    }
}
