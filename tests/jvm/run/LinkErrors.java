import static jdk.internal.org.objectweb.asm.Opcodes.*;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import jdk.internal.org.objectweb.asm.ClassReader;
import jdk.internal.org.objectweb.asm.ClassWriter;
import jdk.internal.org.objectweb.asm.ConstantDynamic;
import jdk.internal.org.objectweb.asm.Handle;
import jdk.internal.org.objectweb.asm.MethodVisitor;
import jdk.internal.org.objectweb.asm.Type;

/** What linking refuses, with the words that are said: classes that do not fit together, made for it. */
public class LinkErrors {
    static final Map<String, byte[]> files = new HashMap<>();

    /** Defines what was made and is its own to define, and leaves the rest to its parent. */
    static class Own extends ClassLoader {
        final Set<String> own;

        Own(ClassLoader parent, String... own) {
            super("own", parent);
            this.own = Set.of(own);
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            Class<?> known = findLoadedClass(name);
            byte[] file = files.get(name);
            if (known == null && file != null && (own.isEmpty() || own.contains(name))) {
                known = defineClass(name, file, 0, file.length);
            }
            return known != null ? known : super.loadClass(name, resolve);
        }
    }

    /** A class of a constructor and what else `more` gives it. */
    static void make(int access, String name, String parent, String[] interfaces, Consumer<ClassWriter> more) {
        ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
        writer.visit(V17, (access & ACC_INTERFACE) != 0 ? access : access | ACC_SUPER, name, null, parent, interfaces);
        if ((access & ACC_INTERFACE) == 0) {
            code(writer, ACC_PUBLIC, "<init>", "()V", to -> {
                to.visitVarInsn(ALOAD, 0);
                to.visitMethodInsn(INVOKESPECIAL, parent, "<init>", "()V", false);
                to.visitInsn(RETURN);
            });
        }
        more.accept(writer);
        writer.visitEnd();
        files.put(name.replace('/', '.'), writer.toByteArray());
    }

    static void make(int access, String name, Consumer<ClassWriter> more) {
        make(access, name, "java/lang/Object", null, more);
    }

    static void code(ClassWriter writer, int access, String name, String type, Consumer<MethodVisitor> body) {
        MethodVisitor to = writer.visitMethod(access, name, type, null, null);
        if ((access & (ACC_ABSTRACT | ACC_NATIVE)) == 0) {
            to.visitCode();
            body.accept(to);
            to.visitMaxs(0, 0);
        }
        to.visitEnd();
    }

    static void method(ClassWriter writer, int access, String name, String type) {
        code(writer, access, name, type, to -> {
            to.visitInsn(type.endsWith("V") ? NOP : ACONST_NULL);
            to.visitInsn(type.endsWith("V") ? RETURN : ARETURN);
        });
    }

    /** A class whose static run() does it. */
    static void runner(String name, Consumer<MethodVisitor> body) {
        make(ACC_PUBLIC, name, writer -> code(writer, ACC_PUBLIC | ACC_STATIC, "run", "()V", to -> {
            body.accept(to);
            to.visitInsn(RETURN);
        }));
    }

    static void create(MethodVisitor to, String name) {
        to.visitTypeInsn(NEW, name);
        to.visitInsn(DUP);
        to.visitMethodInsn(INVOKESPECIAL, name, "<init>", "()V", false);
    }

    /** A runner that calls a static method of an int, maybe, and a null. */
    static void caller(String name, String owner, String method, String type, boolean isInterface, String... then) {
        runner(name, to -> {
            if (type.startsWith("(I")) {
                to.visitInsn(ICONST_0);
            }
            to.visitInsn(ACONST_NULL);
            to.visitMethodInsn(INVOKESTATIC, owner, method, type, isInterface);
            for (String made : then) {
                create(to, made);
                to.visitInsn(POP);
            }
        });
    }

    /** A runner that reads a static field. */
    static void getter(String name, String owner, String field, String type) {
        runner(name, to -> {
            to.visitFieldInsn(GETSTATIC, owner, field, type);
            to.visitInsn(POP);
        });
    }

    static void run(String what, ClassLoader loader, String name) {
        System.out.println(what + ":");
        for (int i = 0; i < 2; i++) { // what was found is found again
            try {
                Class.forName(name.replace('/', '.'), true, loader).getDeclaredMethod("run").invoke(null);
                System.out.println("  done");
            } catch (Throwable e) {
                Throwable at = e instanceof java.lang.reflect.InvocationTargetException ? e.getCause() : e;
                for (; at != null; at = at.getCause()) {
                    System.out.println("  " + at.toString().replaceAll("@(0x)?[0-9a-f]+", "@x"));
                }
            }
        }
    }

    static void run(String what, String name) {
        run(what, new Own(LinkErrors.class.getClassLoader()), name);
    }

    static void nests() {
        make(ACC_PUBLIC, "n/Host", writer -> writer.visitNestMember("n/Listed"));
        for (String[] row : new String[][] {{"Missing", "n/Nowhere"}, {"Unlisted", "n/Host"}, {"Far", "Elsewhere"}, {"Listed", "n/Host"},
                {"Array", "[Ln/Host;"}, {"Plain", null}}) {
            make(ACC_PUBLIC, "n/" + row[0], writer -> {
                if (row[1] != null) {
                    writer.visitNestHost(row[1]);
                }
                writer.visitField(ACC_PRIVATE | ACC_STATIC, "field", "I", null, null).visitEnd();
                method(writer, ACC_PRIVATE | ACC_STATIC, "method", "()V");
                code(writer, ACC_PUBLIC | ACC_STATIC, "run", "()V", to -> {
                    to.visitMethodInsn(INVOKESTATIC, "n/Unlisted", "method", "()V", false);
                    to.visitInsn(RETURN);
                });
            });
            runner("n/Use" + row[0], to -> to.visitMethodInsn(INVOKESTATIC, "n/" + row[0], "method", "()V", false));
            getter("n/Get" + row[0], "n/" + row[0], "field", "I");
            run("call of a private method, nest host " + row[1], "n/Use" + row[0]);
            run("get of a private field, nest host " + row[1], "n/Get" + row[0]);
            run("call from there, nest host " + row[1], "n/" + row[0]);
        }
        make(ACC_PUBLIC, "Elsewhere", writer -> writer.visitNestMember("n/Far"));
        run("nest host in another package", "n/UseFar");
    }

    static void sealed() {
        for (boolean isInterface : new boolean[] {false, true}) {
            String name = isInterface ? "s/Face" : "s/Base";
            make(ACC_PUBLIC | ACC_ABSTRACT | (isInterface ? ACC_INTERFACE : 0), name, writer -> {
                writer.visitPermittedSubclassExperimental("s/Good");
                writer.visitPermittedSubclassExperimental("t/Hidden");
                writer.visitPermittedSubclassExperimental("t/Public");
            });
            for (String sub : new String[] {"s/Good", "s/Bad", "t/Hidden", "t/Public"}) {
                make(sub.equals("t/Hidden") ? 0 : ACC_PUBLIC, sub, isInterface ? "java/lang/Object" : name,
                        isInterface ? new String[] {name} : null, writer -> method(writer, ACC_PUBLIC | ACC_STATIC, "run", "()V"));
                run(sub + " of sealed " + name, sub.replace('/', '.'));
            }
        }
    }

    static void abstracts() {
        make(ACC_PUBLIC, "a/Top", writer -> method(writer, ACC_PUBLIC, "m", "()V"));
        make(ACC_PUBLIC | ACC_ABSTRACT, "a/Middle", "a/Top", null, writer -> method(writer, ACC_PUBLIC | ACC_ABSTRACT, "m", "()V"));
        make(ACC_PUBLIC | ACC_ABSTRACT | ACC_INTERFACE, "a/Face", writer -> method(writer, ACC_PUBLIC | ACC_ABSTRACT, "f", "([IJ)Ljava/lang/String;"));
        make(ACC_PUBLIC, "a/Bottom", "a/Middle", new String[] {"a/Face"}, writer -> {
            code(writer, ACC_PUBLIC, "up", "()V", to -> {
                to.visitVarInsn(ALOAD, 0);
                to.visitMethodInsn(INVOKESPECIAL, "a/Middle", "m", "()V", false);
                to.visitInsn(RETURN);
            });
        });
        for (String[] row : new String[][] {{"a/Top", "m"}, {"a/Middle", "m"}, {"a/Bottom", "m"}, {"a/Bottom", "up"}}) {
            String user = "a/Use" + row[0].substring(2) + row[1];
            runner(user, to -> {
                create(to, "a/Bottom");
                to.visitMethodInsn(INVOKEVIRTUAL, row[0], row[1], "()V", false);
            });
            run("abstract " + row[0] + "." + row[1], user);
        }
        make(ACC_PUBLIC | ACC_ABSTRACT, "a/Halfway", "java/lang/Object", new String[] {"a/Face"}, writer -> method(writer, ACC_PUBLIC | ACC_ABSTRACT, "f", "([IJ)Ljava/lang/String;"));
        make(ACC_PUBLIC, "a/End", "a/Halfway", null, writer -> { });
        for (String[] row : new String[][] {{"a/Bottom", "a/Face"}, {"a/End", "a/Face"}, {"a/Bottom", "a/Bottom"}}) {
            boolean isInterface = row[1].equals("a/Face");
            String user = "a/Use" + row[0].substring(2) + "As" + row[1].substring(2);
            runner(user, to -> {
                create(to, row[0]);
                to.visitInsn(ACONST_NULL);
                to.visitInsn(LCONST_0);
                to.visitMethodInsn(isInterface ? INVOKEINTERFACE : INVOKEVIRTUAL, row[1], "f", "([IJ)Ljava/lang/String;", isInterface);
                to.visitInsn(POP);
            });
            run("abstract f of " + row[0] + ", by " + row[1], user);
        }
    }

    static void constants() {
        make(ACC_PUBLIC, "c/Has", writer -> {
            method(writer, ACC_PUBLIC | ACC_STATIC, "there", "(Lc/Nowhere;)V");
            writer.visitField(ACC_PUBLIC | ACC_STATIC, "field", "Lc/Nowhere;", null, null).visitEnd();
            writer.visitField(ACC_PUBLIC | ACC_STATIC, "counted", "I", null, null).visitEnd();
            writer.visitField(ACC_PUBLIC | ACC_STATIC | ACC_FINAL, "fixed", "I", null, null).visitEnd();
            writer.visitField(ACC_PRIVATE | ACC_STATIC, "secret", "I", null, null).visitEnd();
            method(writer, ACC_PRIVATE | ACC_STATIC, "secret", "()V");
            method(writer, ACC_PUBLIC, "inst", "()V");
        });
        Handle[] handles = {new Handle(H_INVOKESTATIC, "c/Has", "there", "(Lc/Nowhere;)V", false),
            new Handle(H_INVOKESTATIC, "c/Has", "missing", "(Lc/Nowhere;)V", false),
            new Handle(H_INVOKESTATIC, "c/Has", "missing", "()V", false),
            new Handle(H_INVOKEINTERFACE, "c/Has", "missing", "()V", true),
            new Handle(H_INVOKESTATIC, "c/Has", "there", "(Lc/Nowhere;)V", true),
            new Handle(H_INVOKEVIRTUAL, "c/Has", "there", "(Lc/Nowhere;)V", false),
            new Handle(H_NEWINVOKESPECIAL, "c/Has", "<init>", "(I)V", false),
            new Handle(H_GETSTATIC, "c/Has", "field", "Lc/Nowhere;", false),
            new Handle(H_GETSTATIC, "c/Has", "missing", "Lc/Nowhere;", false),
            new Handle(H_GETFIELD, "c/Has", "counted", "I", false),
            new Handle(H_PUTSTATIC, "c/Has", "fixed", "I", false),
            new Handle(H_GETSTATIC, "c/Has", "secret", "I", false),
            new Handle(H_INVOKESTATIC, "c/Has", "secret", "()V", false),
            new Handle(H_INVOKESPECIAL, "c/Has", "inst", "()V", false),
            new Handle(H_INVOKEVIRTUAL, "c/Has", "inst", "()V", false),
            new Handle(H_INVOKEVIRTUAL, "java/lang/invoke/MethodHandle", "invokeExact", "(Lc/Has;)V", false),
            new Handle(H_INVOKEVIRTUAL, "java/lang/invoke/VarHandle", "get", "(Lc/Has;)V", false),
            new Handle(H_INVOKEINTERFACE, "java/lang/Runnable", "hashCode", "()I", true),
            new Handle(H_INVOKEVIRTUAL, "java/lang/Runnable", "run", "()V", false),
            new Handle(H_NEWINVOKESPECIAL, "java/util/AbstractList", "<init>", "()V", false),
            new Handle(H_INVOKESTATIC, "c/Nowhere", "missing", "()V", false)};
        for (int i = 0; i < handles.length; i++) {
            Handle handle = handles[i];
            runner("c/Handle" + i, to -> {
                to.visitLdcInsn(handle);
                to.visitInsn(POP);
            });
            run("handle of " + handle, "c/Handle" + i);
        }
        runner("c/Type", to -> {
            to.visitLdcInsn(Type.getMethodType("(Lc/Nowhere;)V"));
            to.visitInsn(POP);
        });
        run("type of nowhere", "c/Type");
        String type = "(Ljava/lang/invoke/MethodHandles$Lookup;Ljava/lang/String;Ljava/lang/Class;)Ljava/lang/Object;";
        Handle nothing = new Handle(H_INVOKESTATIC, "java/lang/invoke/ConstantBootstraps", "nullConstant", type, false);
        Handle site = new Handle(H_INVOKESTATIC, "c/Boot", "site", type.replace("Class", "invoke/MethodType"), false);
        Handle made = new Handle(H_INVOKESTATIC, "c/Boot", "make", type, false);
        Handle more = new Handle(H_INVOKESTATIC, "c/Boot", "more",
                "(Ljava/lang/invoke/MethodHandles$Lookup;Ljava/lang/String;Ljava/lang/Class;[Ljava/lang/Object;)Ljava/lang/Object;", false);
        make(ACC_PUBLIC, "c/Fails", writer -> code(writer, ACC_STATIC, "<clinit>", "()V", to -> {
            to.visitInsn(ICONST_0);
            to.visitInsn(ICONST_0);
            to.visitInsn(IDIV);
            to.visitInsn(POP);
            to.visitInsn(RETURN);
        }));
        make(ACC_PUBLIC, "c/Boot", writer -> {
            for (Handle fails : new Handle[] {made, site}) {
                code(writer, ACC_PUBLIC | ACC_STATIC, fails.getName(), fails.getDesc(), to -> {
                    create(to, "c/Fails");
                    to.visitInsn(ARETURN);
                });
            }
            code(writer, ACC_PUBLIC | ACC_STATIC, "more", more.getDesc(), to -> {
                to.visitVarInsn(ALOAD, 3);
                to.visitInsn(ARRAYLENGTH);
                to.visitMethodInsn(INVOKESTATIC, "java/lang/Integer", "valueOf", "(I)Ljava/lang/Integer;", false);
                to.visitInsn(ARETURN);
            });
        });
        runner("c/Indy0", to -> to.visitInvokeDynamicInsn("thrown", "()V", site));
        runner("c/Indy1", to -> to.visitInvokeDynamicInsn("absent", "()V", new Handle(H_INVOKESTATIC, "c/Boot", "absent", site.getDesc(), false)));
        runner("c/Indy2", to -> {
            to.visitInsn(ACONST_NULL);
            to.visitInvokeDynamicInsn("typed", "(Lc/Nowhere;)V", site);
        });
        runner("c/Indy3", to -> to.visitInvokeDynamicInsn("wrong", "()V", new Handle(H_INVOKESTATIC, "java/lang/Thread", "yield", "()V", false)));
        runner("c/Indy4", to -> to.visitInvokeDynamicInsn("argument", "()V", site, new ConstantDynamic("first", "Ljava/lang/Object;", made)));
        for (int i = 0; i < 5; i++) {
            run("invokedynamic " + i, "c/Indy" + i);
        }
        ConstantDynamic[] dynamics = {new ConstantDynamic("nothing", "Ljava/lang/Object;", nothing),
            new ConstantDynamic("first", "Ljava/lang/Object;", made),
            new ConstantDynamic("typed", "I", more, "x", "y"),
            new ConstantDynamic("typed", "Ljava/lang/String;", more, "x"),
            new ConstantDynamic("inner", "Ljava/lang/Object;", more, new ConstantDynamic("innermost", "Ljava/lang/Object;", made)),
            new ConstantDynamic("nobody", "Ljava/lang/Object;", new Handle(H_INVOKESTATIC, "c/Boot", "absent", type, false)),
            new ConstantDynamic("odd", "Lc/Nowhere;", made),
            new ConstantDynamic("virtual", "I", new Handle(H_INVOKEVIRTUAL, "java/lang/Object", "hashCode", "()I", false))};
        for (int i = 0; i < dynamics.length; i++) {
            ConstantDynamic dynamic = dynamics[i];
            runner("c/Dynamic" + i, to -> {
                to.visitLdcInsn(dynamic);
                to.visitMethodInsn(INVOKESTATIC, "java/lang/String", "valueOf", dynamic.getDescriptor().equals("I") ? "(I)Ljava/lang/String;" : "(Ljava/lang/Object;)Ljava/lang/String;", false);
                to.visitInsn(POP);
            });
            run("dynamic " + dynamic.getName() + " " + dynamic.getDescriptor(), "c/Dynamic" + i);
        }
        itself(more);
    }

    /** A dynamic constant whose only static argument is it itself. */
    static void itself(Handle bootstrap) {
        runner("c/Itself", to -> {
            to.visitLdcInsn(new ConstantDynamic("itself", "Ljava/lang/Object;", bootstrap, "not this"));
            to.visitInsn(POP);
        });
        byte[] file = files.get("c.Itself");
        ClassReader reader = new ClassReader(file);
        for (int i = 1; i < reader.getItemCount(); i++) {
            int at = reader.getItem(i);
            if (at > 0 && file[at - 1] == 17) { // the file ends with the bootstrap method's argument
                file[file.length - 1] = (byte) i;
            }
        }
        run("dynamic itself", "c/Itself");
    }

    static void constraints() {
        ClassLoader app = LinkErrors.class.getClassLoader();
        make(ACC_PUBLIC, "l/Foo", writer -> { });
        make(ACC_PUBLIC, "l/Base", writer -> {
            method(writer, ACC_PUBLIC, "m", "()Ll/Foo;");
            writer.visitField(ACC_PUBLIC | ACC_STATIC, "f", "Ll/Foo;", null, null).visitEnd();
            writer.visitField(ACC_PUBLIC | ACC_STATIC, "fs", "[[Ll/Foo;", null, null).visitEnd();
            method(writer, ACC_PUBLIC | ACC_STATIC, "s", "(I[Ll/Foo;)V");
        });
        make(ACC_PUBLIC | ACC_ABSTRACT | ACC_INTERFACE, "l/Face", writer -> {
            method(writer, ACC_PUBLIC | ACC_ABSTRACT, "m", "()Ll/Foo;");
            method(writer, ACC_PUBLIC | ACC_STATIC, "i", "(Ll/Foo;)V");
        });
        make(ACC_PUBLIC | ACC_ABSTRACT | ACC_INTERFACE, "l/Default", writer -> method(writer, ACC_PUBLIC, "m", "()Ll/Foo;"));
        Consumer<ClassWriter> simple = writer -> {
            method(writer, ACC_PUBLIC, "m", "()Ll/Foo;");
            method(writer, ACC_PUBLIC | ACC_STATIC, "run", "()V");
        };
        make(ACC_PUBLIC, "l/Over", "l/Base", null, simple);
        make(ACC_PUBLIC, "l/Does", "java/lang/Object", new String[] {"l/Face"}, simple);
        make(ACC_PUBLIC, "l/Joins", "l/Base", new String[] {"l/Face"}, writer -> method(writer, ACC_PUBLIC | ACC_STATIC, "run", "()V"));
        make(ACC_PUBLIC, "l/Takes", "java/lang/Object", new String[] {"l/Default"}, writer -> method(writer, ACC_PUBLIC | ACC_STATIC, "run", "()V"));
        getter("l/Field", "l/Base", "f", "Ll/Foo;");
        getter("l/Fields", "l/Base", "fs", "[[Ll/Foo;");
        caller("l/Call", "l/Base", "s", "(I[Ll/Foo;)V", false);
        caller("l/Interface", "l/Face", "i", "(Ll/Foo;)V", true);
        caller("l/Later", "l/Base", "s", "(I[Ll/Foo;)V", false, "l/Foo");
        for (String name : new String[] {"Over", "Does", "Joins", "Takes", "Field", "Fields", "Call", "Interface", "Later"}) {
            for (String of : new String[] {"l.Base", "l.Face"}) {
                Own other = new Own(app, "l.Foo", "l.Base", "l.Face", "l.Default");
                try {
                    other.loadClass("l.Foo");
                    Own own = of.equals("l.Base") ? new Own(other, "l.Foo", "l." + name, "l.Face", "l.Default") : new Own(other, "l.Foo", "l." + name, "l.Base");
                    if (!name.equals("Later")) {
                        own.loadClass("l.Foo");
                    }
                    run("constraint " + name + ", " + of + " another loader's", own, "l/" + name);
                } catch (ClassNotFoundException e) {
                    System.out.println(e);
                }
            }
        }
    }

    static void supers() {
        make(ACC_PUBLIC | ACC_FINAL, "o/Final", writer -> { });
        make(0, "o/Packaged", writer -> { });
        make(ACC_PUBLIC | ACC_ABSTRACT | ACC_INTERFACE, "o/Face", writer -> { });
        Object[][] supers = {{"FinalSuper", "o/Final", null}, {"FaceSuper", "o/Face", null}, {"PackagedSuper", "o/Packaged", null},
            {"ClassFace", "java/lang/Object", "java/lang/String"}, {"OwnFace", "java/lang/Object", "o/Final"}, {"Itself", "q/Itself", null}, {"NoSuper", "q/Absent", null},
            {"Hiding", "java/lang/Enum", null}, {"Magic", "jdk/internal/reflect/MagicAccessorImpl", null}, {"Accessor", "jdk/internal/reflect/MethodAccessorImpl", null}, {"Inner", "java/lang/Object", "jdk/internal/misc/VM"}};
        for (Object[] row : supers) {
            make(ACC_PUBLIC, "q/" + row[0], (String) row[1], row[2] == null ? null : new String[] {(String) row[2]}, writer -> method(writer, ACC_PUBLIC | ACC_STATIC, "run", "()V"));
            run("super " + row[0], "q/" + row[0]);
        }
    }

    /** What java.lang.invoke keeps to itself, and the others by the wrong instruction. */
    static void polymorphic() {
        Object[][] calls = {{INVOKESTATIC, "linkToStatic"}, {INVOKESTATIC, "linkToVirtual"}, {INVOKEVIRTUAL, "linkToSpecial"}, {INVOKEVIRTUAL, "invokeBasic"},
            {INVOKESTATIC, "invokeBasic"}, {INVOKESTATIC, "invokeExact"}, {INVOKEVIRTUAL, "invoke"}};
        for (Object[] row : calls) {
            String name = row[1] + "By" + row[0];
            make(ACC_PUBLIC, "q/" + name, writer -> code(writer, ACC_PUBLIC | ACC_STATIC, "run", "()V", to -> {
                to.visitInsn(ACONST_NULL);
                to.visitTypeInsn(CHECKCAST, "java/lang/invoke/MethodHandle");
                to.visitInsn(ACONST_NULL);
                to.visitMethodInsn((int) row[0], "java/lang/invoke/MethodHandle", (String) row[1],
                        (int) row[0] == INVOKESTATIC ? "(Ljava/lang/Object;Ljava/lang/Object;)V" : "(Ljava/lang/Object;)V", false);
                to.visitInsn(RETURN);
            }));
            run("polymorphic " + name, "q/" + name);
        }
    }

    /** Where an interface of a class has a default method, be it another one, missing methods are told of otherwise. */
    static void besideDefaults() {
        final int face = ACC_PUBLIC | ACC_ABSTRACT | ACC_INTERFACE, missing = ACC_PUBLIC | ACC_ABSTRACT;
        make(face, "d/Has", writer -> method(writer, ACC_PUBLIC, "m", "()V"));
        make(face, "d/HasToo", writer -> method(writer, ACC_PUBLIC, "m", "()V"));
        make(face, "d/Takes", "java/lang/Object", new String[] {"d/Has"}, writer -> method(writer, missing, "m", "()V"));
        make(face, "d/Plain", writer -> method(writer, missing, "m", "()V"));
        make(face, "d/Another", writer -> method(writer, ACC_PUBLIC, "other", "()V"));
        make(ACC_PUBLIC, "d/Taken", "java/lang/Object", new String[] {"d/Takes"}, writer -> { });
        make(ACC_PUBLIC, "d/Below", "d/Taken", null, writer -> { });
        make(ACC_PUBLIC, "d/Both", "java/lang/Object", new String[] {"d/Has", "d/HasToo"}, writer -> { });
        make(ACC_PUBLIC, "d/Beside", "java/lang/Object", new String[] {"d/Plain", "d/Another"}, writer -> { });
        make(ACC_PUBLIC | ACC_ABSTRACT, "d/Before", "java/lang/Object", new String[] {"d/Plain"}, writer -> { });
        make(ACC_PUBLIC, "d/After", "d/Before", new String[] {"d/Another"}, writer -> { });
        make(ACC_PUBLIC, "d/Private", "java/lang/Object", new String[] {"d/Plain", "d/Another"}, writer -> method(writer, ACC_PRIVATE, "m", "()V"));
        make(ACC_PUBLIC, "d/Package", "java/lang/Object", new String[] {"d/Plain", "d/Another"}, writer -> method(writer, 0, "m", "()V"));
        for (String[] row : new String[][] {{"Taken", "Takes", "Has"}, {"Below", "Taken", "Takes", "Has"}, {"Both", "Has"}, {"Beside", "Plain"},
                {"After", "Before", "Plain"}, {"Private", "Plain"}, {"Package", "Plain"}}) {
            for (String named : row) {
                String user = "d/Use" + row[0] + named;
                boolean isFace = Set.of("Has", "Takes", "Plain").contains(named);
                runner(user, to -> {
                    create(to, "d/" + row[0]);
                    to.visitMethodInsn(isFace ? INVOKEINTERFACE : INVOKEVIRTUAL, "d/" + named, "m", "()V", isFace);
                });
                run("d/" + named + ".m of d/" + row[0], user);
            }
        }
    }

    static void instances() {
        for (String name : new String[] {"java/lang/Class", "java/lang/Number", "java/lang/Runnable", "java/lang/Void", "java/lang/Enum", "[I", "Nowhere"}) {
            runner("i/New" + name.replace('/', '_').replace('[', '_'), to -> {
                to.visitTypeInsn(NEW, name);
                to.visitInsn(POP);
            });
            run("new " + name, "i/New" + name.replace('/', '_').replace('[', '_'));
        }
    }

    public static void main(String[] args) throws Throwable {
        nests();
        sealed();
        abstracts();
        besideDefaults();
        instances();
        constants();
        constraints();
        supers();
        polymorphic();
    }
}
