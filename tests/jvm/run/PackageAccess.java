import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.security.AllPermission;
import java.security.CodeSource;
import java.security.Permission;
import java.security.Permissions;
import java.security.ProtectionDomain;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;

/** Which packages a security manager is asked about when classes of a protection domain refer to others, and when not again. */
public class PackageAccess {
    static final List<String> log = new ArrayList<>();
    static Set<String> refused = Set.of();
    static boolean asking;

    static class Manager extends SecurityManager {
        @Override
        public void checkPermission(Permission permission) { }

        @Override
        public void checkPackageAccess(String name) {
            if (asking) {
                asking = false;
                log.add(name);
                asking = !refused.contains(name);
                if (!asking) {
                    throw new SecurityException("not " + name);
                }
            }
        }
    }

    /** Defines the classes named here itself, each kind of name with a domain of its own. */
    static class Own extends ClassLoader {
        final ProtectionDomain[] domains = new ProtectionDomain[2];

        Own() {
            super(PackageAccess.class.getClassLoader());
            Permissions all = new Permissions();
            all.add(new AllPermission());
            for (int i = 0; i < domains.length; i++) {
                domains[i] = new ProtectionDomain(new CodeSource(null, (java.security.cert.Certificate[]) null), all, this, null);
            }
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            Class<?> known = findLoadedClass(name);
            if (known == null && name.startsWith("PackageAccess$U")) {
                try (var file = PackageAccess.class.getResourceAsStream(name + ".class")) {
                    byte[] bytes = file.readAllBytes();
                    known = defineClass(name, bytes, 0, bytes.length, domains[name.endsWith("Too") ? 1 : 0]);
                } catch (java.io.IOException e) {
                    throw new ClassNotFoundException(name, e);
                }
            }
            return known != null ? known : super.loadClass(name, resolve);
        }
    }

    public static class User {
        java.util.zip.CRC32 field;

        java.util.zip.Deflater method(java.util.zip.Inflater in) { return null; }
        public static void makes() {
            new java.util.zip.CRC32();
            new java.util.concurrent.atomic.AtomicLong();
        }
        public static void casts() {
            Object o = "x";
            boolean is = o instanceof java.util.jar.JarFile;
            try {
                o = (java.text.Collator) o;
            } catch (ClassCastException e) {
                o = null;
            }
        }
        public static void arrays() { Object o = new java.util.logging.Level[2][3], p = new int[2]; }
        public static void catches() {
            try {
                throw new IllegalStateException();
            } catch (java.nio.channels.IllegalSelectorException e) {
                System.out.println("caught");
            } catch (IllegalStateException e) {
                e.getMessage();
            }
        }
        public static void literals() { Object o = java.util.zip.ZipFile[].class; }
        public static void names() throws ClassNotFoundException { Class.forName("java.util.jar.Manifest"); }
        public static void inherits() { new UserSum(); }
        public static void lambdas() { ((java.util.function.Supplier<Object>) java.util.zip.Adler32::new).get(); }
        public static void handles() throws ReflectiveOperationException {
            MethodHandles.lookup().findConstructor(java.util.zip.CRC32.class, MethodType.methodType(void.class));
        }
    }

    public static class UserSum extends java.util.zip.Adler32 implements java.util.zip.Checksum, java.util.concurrent.Callable<Object> {
        @Override
        public Object call() { return null; }
    }

    public static class UserToo {
        public static void makes() { new java.util.zip.CRC32(); }
    }

    interface Body {
        void run() throws Throwable;
    }

    static void say(String what, Body body) {
        asking = true;
        try {
            body.run();
        } catch (Throwable e) {
            asking = false;
            System.out.println("  " + (e instanceof InvocationTargetException ? e.getCause() : e));
        }
        asking = false;
        Collections.sort(log);
        System.out.println(what + " " + log);
        log.clear();
    }

    public static void main(String[] args) throws Throwable {
        Own before = new Own();
        before.loadClass("PackageAccess$User").getMethod("makes").invoke(null);
        System.setSecurityManager(new Manager());
        for (Own loader : List.of(before, new Own(), new Own())) {
            Class<?> user = loader.loadClass("PackageAccess$User");
            say("members", user::getDeclaredMethods);
            for (String name : new String[] {"makes", "casts", "arrays", "catches", "literals", "names", "inherits", "lambdas", "handles"}) {
                for (int i = 0; i < 2; i++) {
                    say(name, () -> user.getMethod(name).invoke(null));
                }
            }
            say("another domain", () -> loader.loadClass("PackageAccess$UserToo").getMethod("makes").invoke(null));
            say("by name", () -> Class.forName("java.util.zip.GZIPInputStream", true, loader));
            say("fields", user::getDeclaredFields);
            refused = loader == before ? refused : Set.of("java.util.zip", "java.util.logging");
        }
    }
}
