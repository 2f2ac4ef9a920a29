import static jdk.internal.org.objectweb.asm.Opcodes.*;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.function.Consumer;
import jdk.internal.org.objectweb.asm.ClassWriter;
import jdk.internal.org.objectweb.asm.Label;
import jdk.internal.org.objectweb.asm.MethodVisitor;

/** Methods as large as the class file's format lets them be: locals, operands, code, arguments, switches. */
public class Limits {
    static class Own extends ClassLoader {
        Class<?> of(byte[] file) {
            return defineClass(null, file, 0, file.length);
        }
    }

    static void run(String what, int locals, int stack, String type, Consumer<MethodVisitor> body, Object... arguments) {
        ClassWriter writer = new ClassWriter(0);
        writer.visit(V17, ACC_PUBLIC | ACC_SUPER, "Made", null, "java/lang/Object", null);
        MethodVisitor to = writer.visitMethod(ACC_PUBLIC | ACC_STATIC, "run", type, null, null);
        to.visitCode();
        body.accept(to);
        to.visitMaxs(stack, locals);
        to.visitEnd();
        writer.visitEnd();
        try {
            for (Method method : new Own().of(writer.toByteArray()).getMethods()) {
                if (method.getName().equals("run")) {
                    System.out.println(what + ": " + method.invoke(null, arguments));
                }
            }
        } catch (InvocationTargetException e) {
            System.out.println(what + ": " + e.getCause());
        } catch (Throwable e) {
            System.out.println(what + ": " + e);
        }
    }

    static void repeat(int times, Runnable what) {
        for (int i = 0; i < times; i++) {
            what.run();
        }
    }

    static void frames() {
        for (int locals : new int[] {60000, 65000, 65535}) {
            run("last of " + locals + " locals", locals, 1, "()I", to -> {
                to.visitInsn(ICONST_5);
                to.visitVarInsn(ISTORE, locals - 1);
                to.visitIincInsn(locals - 1, 30000);
                to.visitVarInsn(ILOAD, locals - 1);
                to.visitInsn(IRETURN);
            });
        }
        run("long above two arguments", 65535, 4, "(IJ)J", to -> {
            to.visitVarInsn(LLOAD, 1);
            to.visitVarInsn(LSTORE, 65533);
            to.visitVarInsn(LLOAD, 65533);
            to.visitVarInsn(ILOAD, 0);
            to.visitInsn(I2L);
            to.visitInsn(LADD);
            to.visitInsn(LRETURN);
        }, 3, 1L << 40);
        run("stack that is not used", 1, 65535, "()I", to -> {
            to.visitInsn(ICONST_1);
            to.visitInsn(IRETURN);
        });
        run("stack that is", 65535, 20000, "()I", to -> {
            repeat(20000, () -> to.visitInsn(ICONST_1));
            to.visitMethodInsn(INVOKESTATIC, "java/lang/System", "gc", "()V", false);
            repeat(19999, () -> to.visitInsn(IADD));
            to.visitInsn(IRETURN);
        });
    }

    static void code() {
        run("65535 bytes", 1, 2, "()I", to -> {
            to.visitInsn(ICONST_0);
            repeat(32766, () -> {
                to.visitInsn(ICONST_1);
                to.visitInsn(IADD);
            });
            to.visitInsn(NOP);
            to.visitInsn(IRETURN);
        });
        run("65535 handlers", 1, 2, "()I", to -> {
            Label start = new Label();
            Label end = new Label();
            repeat(65535, () -> to.visitTryCatchBlock(start, end, end, "java/lang/RuntimeException"));
            to.visitLabel(start);
            to.visitInsn(ICONST_0);
            to.visitInsn(ICONST_0);
            to.visitInsn(IDIV);
            to.visitInsn(IRETURN);
            to.visitLabel(end);
            to.visitFrame(F_SAME1, 0, null, 1, new Object[] {"java/lang/RuntimeException"});
            to.visitInsn(POP);
            to.visitInsn(ICONST_2);
            to.visitInsn(IRETURN);
        });
        for (int value : new int[] {0, 15999, 16000, -1, Integer.MIN_VALUE}) {
            run("switch of 16000 by " + value, 1, 1, "(I)I", to -> {
                Label even = new Label();
                Label other = new Label();
                Label[] labels = new Label[16000];
                Arrays.setAll(labels, i -> i % 2 == 0 ? even : other);
                to.visitVarInsn(ILOAD, 0);
                to.visitTableSwitchInsn(0, labels.length - 1, other, labels);
                to.visitLabel(even);
                to.visitFrame(F_SAME, 0, null, 0, null);
                to.visitInsn(ICONST_5);
                to.visitInsn(IRETURN);
                to.visitLabel(other);
                to.visitFrame(F_SAME, 0, null, 0, null);
                to.visitInsn(ICONST_4);
                to.visitInsn(IRETURN);
            }, value);
        }
    }

    /** The longest name that a class may have. */
    static void names() {
        ClassWriter writer = new ClassWriter(0);
        writer.visit(V17, ACC_PUBLIC | ACC_SUPER, "p/" + "n".repeat(65533), null, "java/lang/Object", null);
        writer.visitEnd();
        Class<?> made = new Own().of(writer.toByteArray());
        System.out.println("names: " + made.getName().length() + " " + made.getSimpleName().length() + " " + made.getPackageName());
    }

    public static void main(String[] args) {
        names();
        frames();
        code();
        for (int count : new int[] {255, 256}) {
            Object[] threes = new Object[count];
            Arrays.fill(threes, 3);
            run(count + " arguments", count, 1, "(" + "I".repeat(count) + ")I", to -> {
                to.visitVarInsn(ILOAD, count - 1);
                to.visitInsn(IRETURN);
            }, threes);
        }
        run("255 dimensions", 1, 255, "()I", to -> {
            repeat(255, () -> to.visitInsn(ICONST_1));
            to.visitMultiANewArrayInsn("[".repeat(255) + "I", 255);
            to.visitInsn(ARRAYLENGTH);
            to.visitInsn(IRETURN);
        });
    }
}
