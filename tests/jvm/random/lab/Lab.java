package lab;

import java.io.IOException;
import java.io.PrintStream;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * Runs programs, each a package with a class Main in a folder of classes, each by a loader of its own.
 *
 * <pre>
 *     Lab run CLASSES TIMES NAME...     what each says, between lines of '=== NAME' and '==='
 *     Lab compile SOURCES CLASSES NAME...     each by itself; of those that are wrong there are no classes
 * </pre>
 */
public final class Lab {
    private static final PrintStream screen = System.out;

    private Lab() {
    }

    private static final class Loader extends ClassLoader {
        private final Path classes;

        Loader(Path classes) {
            super(Lab.class.getClassLoader());
            this.classes = classes;
        }

        @Override
        protected Class<?> findClass(String name) throws ClassNotFoundException {
            Path path = classes.resolve(name.replace('.', '/') + ".class");
            try {
                byte[] bytes = Files.readAllBytes(path);
                return defineClass(name, bytes, 0, bytes.length);
            } catch (IOException e) {
                throw new ClassNotFoundException(name);
            }
        }
    }

    private static void run(Path classes, String times, String name) {
        Run.begin();
        try {
            Class<?> main = new Loader(classes).loadClass(name + ".Main");
            main.getMethod("main", String[].class).invoke(null, (Object) new String[] {times});
        } catch (InvocationTargetException e) {
            Run.t(e.getCause());
        } catch (Throwable e) { // a class that is refused
            Run.t(e);
        }
        screen.print("=== " + name + "\n" + Run.end() + "===\n");
        screen.flush();
    }

    private static void compile(String sources, String classes, String name) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        try (Stream<Path> found = Files.list(Path.of(sources, name));
                StandardJavaFileManager files = compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8)) {
            List<String> options = List.of("-proc:none", "-nowarn", "-Xlint:none", "-g", "-cp", System.getProperty("java.class.path"), "-d", classes);
            compiler.getTask(new StringWriter(), files, null, options, null,
                files.getJavaFileObjectsFromPaths(found.collect(Collectors.toList()))).call();
        }
    }

    public static void main(String[] args) throws IOException {
        for (int i = 3; i < args.length; i++) {
            if (args[0].equals("run")) {
                run(Path.of(args[1]), args[2], args[i]);
            } else {
                compile(args[1], args[2], args[i]);
            }
        }
    }
}
