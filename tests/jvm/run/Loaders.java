import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.management.ManagementFactory;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntSupplier;

/** Class loaders: definition and its refusals, hidden classes, initialization that fails, unloading. */
public class Loaders {
    /** Defines the classes of this program itself, a copy each, and leaves the rest to the boot loader. */
    static class Own extends ClassLoader {
        Own() {
            super("own", null);
        }

        @Override
        protected Class<?> findClass(String name) throws ClassNotFoundException {
            byte[] file = file(name);
            if (file == null) {
                throw new ClassNotFoundException(name);
            }
            return defineClass(name, file, 0, file.length);
        }

        Class<?> again(String name) {
            byte[] file = file(name);
            return defineClass(name, file, 0, file.length);
        }

        Class<?> of(String name, byte[] file) {
            return defineClass(name, file, 0, file.length);
        }

        static byte[] file(String name) {
            try (InputStream in = Loaders.class.getClassLoader().getResourceAsStream(name + ".class")) {
                return in == null ? null : in.readAllBytes();
            } catch (IOException e) {
                return null;
            }
        }
    }

    static class Part {
        static int made;
        final int number = ++made;
    }

    static class Fails {
        static int value = Integer.parseInt("x");
    }

    /** Says where it failed itself. */
    static class FailsElsewhere {
        static int value = fail();

        static int fail() {
            Error error = new Error("elsewhere");
            error.setStackTrace(new StackTraceElement[] {new StackTraceElement("Elsewhere", "method", "Elsewhere.java", 7)});
            throw error;
        }
    }

    interface Action {
        void run() throws Throwable;
    }

    static void tell(Action action) {
        try {
            action.run();
            System.out.println("done");
        } catch (Throwable e) {
            for (Throwable at = e; at != null; at = at.getCause()) {
                System.out.println(at.toString().replaceAll("@[0-9a-f]+", "@x"));
            }
        }
    }

    public static void main(String[] args) throws Throwable {
        Own own = new Own();
        Class<?> part = own.loadClass("Loaders$Part");
        System.out.println(part != Part.class && part.getClassLoader() == own && own.loadClass("Loaders$Part") == part);
        tell(() -> own.again("Loaders$Part"));
        tell(() -> own.of("Other", Own.file("Loaders$Part")));
        tell(() -> own.of("Short", new byte[] {(byte) 0xca, (byte) 0xfe, (byte) 0xba, (byte) 0xbe}));
        tell(() -> own.loadClass("Nothing"));
        tell(() -> System.out.println(Fails.value));
        tell(() -> System.out.println(Fails.value));
        tell(() -> System.out.println(FailsElsewhere.value));
        try {
            System.out.println(FailsElsewhere.value);
        } catch (NoClassDefFoundError e) {
            System.out.println(e.getCause() + " " + java.util.Arrays.toString(e.getCause().getStackTrace()));
        }
        tell(() -> System.out.println((Object) Part.class.cast(part.getDeclaredConstructor().newInstance())));

        MethodHandles.Lookup hidden =
            MethodHandles.lookup().defineHiddenClass(Own.file("Loaders$Part"), true, MethodHandles.Lookup.ClassOption.NESTMATE);
        Class<?> secret = hidden.lookupClass();
        System.out.println(secret.isHidden() + " " + secret.getNestHost() + " "
            + secret.getName().replaceAll("/0x[0-9a-f]+", "/0x"));
        hidden.findConstructor(secret, MethodType.methodType(void.class)).invoke();
        System.out.println((int) hidden.findStaticGetter(secret, "made", int.class).invoke() + " " + Part.made);

        List<WeakReference<Class<?>>> gone = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            Class<?> one = new Own().loadClass("Loaders$Part");
            java.lang.reflect.Array.newInstance(one, 2);
            gone.add(new WeakReference<>(one));
        }
        int left = gone.size();
        for (int i = 0; i < 20 && left > 10; i++) {
            System.gc();
            left = (int) gone.stream().filter(r -> r.get() != null).count();
        }
        System.out.println(left <= 10 ? "unloaded" : left + " left");
        spin();
    }

    static class One implements IntSupplier {
        public int getAsInt() {
            return 1;
        }
    }

    static class Two implements IntSupplier {
        public int getAsInt() {
            return 2;
        }
    }

    /** Hidden classes that come and go: their memory does, and a call site knows none of another's. */
    static void spin() throws Throwable {
        byte[][] files = {Own.file("Loaders$One"), Own.file("Loaders$Two")};
        int sum = 0;
        for (int i = 0; i < 30000; i++) {
            Class<?> made = MethodHandles.lookup().defineHiddenClass(files[i % 3 / 2], false).lookupClass();
            sum += ((IntSupplier) made.getDeclaredConstructor().newInstance()).getAsInt();
        }
        long used = ManagementFactory.getMemoryPoolMXBeans().stream().filter(pool -> pool.getName().equals("Metaspace"))
            .findFirst().get().getUsage().getUsed();
        System.out.println(sum + (used < 64 << 20 ? " in little memory" : " in " + used));
    }
}
