import static jdk.internal.org.objectweb.asm.Opcodes.*;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.function.Consumer;
import jdk.internal.org.objectweb.asm.ClassWriter;
import jdk.internal.org.objectweb.asm.Label;
import jdk.internal.org.objectweb.asm.MethodVisitor;

/** What frames do with monitors that compilers of Java never write: left, kept, left twice, entered without an end. */
public class Monitors {
    static class Own extends ClassLoader {
        Class<?> of(byte[] file) {
            return defineClass(null, file, 0, file.length);
        }
    }

    static final Object first = new StringBuilder();
    static final Object second = new StringBuilder();

    /** A method run(Object, Object) of these bytecodes. */
    static Method made(int access, Consumer<MethodVisitor> body) throws Exception {
        ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_FRAMES | ClassWriter.COMPUTE_MAXS);
        writer.visit(V17, ACC_PUBLIC | ACC_SUPER, "Made", null, "java/lang/Object", null);
        MethodVisitor to = writer.visitMethod(ACC_PUBLIC | ACC_STATIC | access, "run",
            "(Ljava/lang/Object;Ljava/lang/Object;)V", null, null);
        to.visitCode();
        body.accept(to);
        to.visitMaxs(0, 0);
        to.visitEnd();
        writer.visitEnd();
        return new Own().of(writer.toByteArray()).getMethod("run", Object.class, Object.class);
    }

    static void run(String what, int access, Consumer<MethodVisitor> body) throws Exception {
        Method method = made(access, body);
        String end = "returned";
        try {
            method.invoke(null, first, second);
        } catch (InvocationTargetException e) {
            end = e.getCause().toString();
        }
        System.out.println(what + ": " + end + ", held after it: " + Thread.holdsLock(first) + " " + Thread.holdsLock(second)
            + " " + Thread.holdsLock(method.getDeclaringClass()));
    }

    static void run(String what, Consumer<MethodVisitor> body) throws Exception {
        run(what, 0, body);
    }

    static void enter(MethodVisitor to, int variable) {
        to.visitVarInsn(ALOAD, variable);
        to.visitInsn(MONITORENTER);
    }

    static void exit(MethodVisitor to, int variable) {
        to.visitVarInsn(ALOAD, variable);
        to.visitInsn(MONITOREXIT);
    }

    static void say(MethodVisitor to, String what) {
        to.visitLdcInsn(what);
        to.visitMethodInsn(INVOKESTATIC, "Monitors", "say", "(Ljava/lang/String;)V", false);
    }

    public static void say(String what) {
        System.out.println("  " + what + " " + Thread.holdsLock(first) + " " + Thread.holdsLock(second));
    }

    static void fail(MethodVisitor to) {
        to.visitInsn(ICONST_0);
        to.visitInsn(ICONST_0);
        to.visitInsn(IDIV);
        to.visitInsn(POP);
    }

    static void ends() throws Exception {
        run("kept", to -> {
            enter(to, 0);
            to.visitInsn(RETURN);
        });
        run("entered twice, left once", to -> {
            enter(to, 0);
            enter(to, 0);
            exit(to, 0);
            to.visitInsn(RETURN);
        });
        run("left in the other order", to -> {
            enter(to, 0);
            enter(to, 1);
            exit(to, 0);
            say(to, "first left");
            exit(to, 1);
            to.visitInsn(RETURN);
        });
        run("not entered", to -> {
            exit(to, 0);
            to.visitInsn(RETURN);
        });
        run("left twice", to -> {
            enter(to, 0);
            exit(to, 0);
            exit(to, 0);
            to.visitInsn(RETURN);
        });
        synchronized (first) {
            run("the caller's", to -> {
                exit(to, 0);
                to.visitInsn(RETURN);
            });
            run("the caller's and its own", to -> {
                enter(to, 0);
                exit(to, 0);
                exit(to, 0);
                to.visitInsn(RETURN);
            });
        }
        run("kept over an exception", to -> {
            enter(to, 0);
            enter(to, 1);
            fail(to);
            to.visitInsn(RETURN);
        });
        run("null", to -> {
            to.visitInsn(ACONST_NULL);
            to.visitInsn(MONITORENTER);
            to.visitInsn(RETURN);
        });
        run("null left", to -> {
            to.visitInsn(ACONST_NULL);
            to.visitInsn(MONITOREXIT);
            to.visitInsn(RETURN);
        });
        run("a thousand times", to -> {
            for (int i = 0; i < 1000; i++) {
                enter(to, i % 2);
            }
            for (int i = 0; i < 1000; i++) {
                exit(to, i % 3 == 0 ? 0 : i % 3 == 1 ? 1 : i % 2);
            }
            to.visitInsn(RETURN);
        });
        run("without an end", to -> {
            Label again = new Label();
            to.visitLabel(again);
            enter(to, 0);
            to.visitJumpInsn(GOTO, again);
        });
    }

    static void handlers() throws Exception {
        run("the return's handler", to -> {
            Label from = new Label();
            Label until = new Label();
            enter(to, 0);
            to.visitLabel(from);
            to.visitInsn(RETURN);
            to.visitLabel(until);
            to.visitTryCatchBlock(from, until, until, "java/lang/IllegalMonitorStateException");
            to.visitInsn(POP);
            say(to, "caught");
            exit(to, 0);
            to.visitInsn(RETURN);
        });
        run("the exit's handler", to -> {
            Label from = new Label();
            Label until = new Label();
            enter(to, 1);
            to.visitLabel(from);
            exit(to, 0);
            to.visitInsn(RETURN);
            to.visitLabel(until);
            to.visitTryCatchBlock(from, until, until, "java/lang/Throwable");
            to.visitInsn(POP);
            say(to, "caught");
            exit(to, 1);
            to.visitInsn(RETURN);
        });
    }

    static void methods() throws Exception {
        Consumer<MethodVisitor> lock = to -> {
            to.visitLdcInsn(jdk.internal.org.objectweb.asm.Type.getObjectType("Made"));
            to.visitVarInsn(ASTORE, 2);
        };
        run("a synchronized method's, left", ACC_SYNCHRONIZED, to -> {
            lock.accept(to);
            exit(to, 2);
            to.visitInsn(RETURN);
        });
        run("left and entered again", ACC_SYNCHRONIZED, to -> {
            lock.accept(to);
            exit(to, 2);
            enter(to, 2);
            to.visitInsn(RETURN);
        });
        run("left, and another entered", ACC_SYNCHRONIZED, to -> {
            lock.accept(to);
            exit(to, 2);
            enter(to, 0);
            to.visitInsn(RETURN);
        });
        run("left, and an exception", ACC_SYNCHRONIZED, to -> {
            lock.accept(to);
            exit(to, 2);
            fail(to);
            to.visitInsn(RETURN);
        });
        run("entered once more", ACC_SYNCHRONIZED, to -> {
            lock.accept(to);
            enter(to, 2);
            exit(to, 2);
            to.visitInsn(RETURN);
        });
        run("and kept", ACC_SYNCHRONIZED, to -> {
            lock.accept(to);
            enter(to, 2);
            to.visitInsn(RETURN);
        });
        run("its return's handler", ACC_SYNCHRONIZED, to -> {
            Label from = new Label();
            Label until = new Label();
            enter(to, 0);
            to.visitLabel(from);
            to.visitInsn(RETURN);
            to.visitLabel(until);
            to.visitTryCatchBlock(from, until, until, null);
            to.visitInsn(POP);
            say(to, "caught");
            exit(to, 0);
            to.visitInsn(RETURN);
        });
    }

    /** Whatever goes round for ever keeps nobody from stopping the world. */
    static void circle(String what, Consumer<MethodVisitor> body) throws Exception {
        Method method = made(0, body);
        Thread thread = new Thread(() -> {
            try {
                method.invoke(null, null, null);
            } catch (ReflectiveOperationException e) {
                System.out.println(what + " ended by " + e.getCause());
            }
        });
        thread.setDaemon(true);
        thread.start();
        while (thread.getStackTrace().length == 0 || !thread.getStackTrace()[0].getClassName().equals("Made")) {
            Thread.sleep(1);
        }
        System.gc();
        System.out.println("circle by " + what + ": " + thread.isAlive() + " " + thread.getStackTrace()[0].getClassName());
        thread.stop();
        thread.join();
    }

    static void circles() throws Exception {
        circle("a handler", to -> {
            Label from = new Label();
            Label until = new Label();
            to.visitInsn(ACONST_NULL);
            to.visitTypeInsn(CHECKCAST, "java/lang/ClassCastException");
            to.visitLabel(from);
            to.visitInsn(ATHROW);
            to.visitLabel(until);
            to.visitTryCatchBlock(from, until, from, "java/lang/ClassCastException");
            to.visitTryCatchBlock(from, until, from, "java/lang/NullPointerException");
        });
        circle("goto", to -> {
            Label again = new Label();
            to.visitLabel(again);
            to.visitJumpInsn(GOTO, again);
        });
        circle("a conditional branch", to -> {
            Label again = new Label();
            to.visitLabel(again);
            to.visitInsn(ICONST_0);
            to.visitJumpInsn(IFEQ, again);
            to.visitInsn(RETURN);
        });
        circle("tableswitch", to -> {
            Label again = new Label();
            to.visitLabel(again);
            to.visitInsn(ICONST_0);
            to.visitTableSwitchInsn(0, 1, again, again, again);
        });
        circle("lookupswitch", to -> {
            Label again = new Label();
            Label end = new Label();
            to.visitLabel(again);
            to.visitInsn(ICONST_4);
            to.visitLookupSwitchInsn(end, new int[] {4}, new Label[] {again});
            to.visitLabel(end);
            to.visitInsn(RETURN);
        });
    }

    public static void main(String[] arguments) throws Exception {
        ends();
        handlers();
        methods();
        circles();
    }
}
