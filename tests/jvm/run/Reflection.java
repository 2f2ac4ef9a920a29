import java.lang.annotation.*;
import java.lang.reflect.*;
import java.util.*;

/** What reflection tells of classes and members, annotations, calls with all conversions and errors, proxies, nests. */
public class Reflection {
    @Retention(RetentionPolicy.RUNTIME)
    @interface A {
        String v() default "d";
        int[] n() default {1, 2};
        Class<?> c() default Object.class;
        ElementType e() default ElementType.FIELD;
        B b() default @B;
        B[] bs() default {};
        double d() default 1.5;
        long l() default 7L;
        char ch() default 'x';
        boolean z() default true;
        byte by() default 1;
        short s() default 2;
        float f() default 2.5f;
    }
    @Retention(RetentionPolicy.RUNTIME)
    @interface B {
        int x() default 9;
    }
    @Retention(RetentionPolicy.RUNTIME)
    @Target(ElementType.TYPE_USE)
    @interface T {
        int x() default 3;
    }
    @Retention(RetentionPolicy.RUNTIME)
    @Inherited
    @interface Inh {}
    @Retention(RetentionPolicy.RUNTIME)
    @Repeatable(Reps.class)
    @interface Rep {
        int x();
    }
    @Retention(RetentionPolicy.RUNTIME)
    @interface Reps {
        Rep[] value();
    }

    @A(v = "cls", n = {}, c = int[].class, bs = { @B(x = 1)
                                                  , @B })
    @Inh
    @Rep(x = 1)
    @Rep(x = 2)
    static class X<K extends Comparable<K>> implements Comparable<X<K>> {
        @A public static final int SF = 42;
        @B protected volatile long vl;
        private transient List<? super K> list;
        @T String ts;
        public final String fin = "q";
        X() {}
        protected X(@B int a, String b, @A(v = "p") List<K> c) throws java.io.IOException {}
        public int compareTo(X<K> o) { return 0; }
        public static int st(int a) { return a + 1; }
        private String pr(String s, long l, double d, char c) { return s + l + d + c; }
        @A(v = "m")
        @T
        public synchronized strictfp<Q extends Number & Runnable> Map<String, Q[]> gen(Q q, K... ks)
            throws IllegalStateException, java.io.IOException {
            return null;
        }
        native void nat();
        void thr() { throw new IllegalStateException("boo"); }
        public boolean z(boolean z) { return !z; }
        public byte b(byte z) { return z; }
        public char c(char z) { return z; }
        public short s(short z) { return z; }
        public float f(float z) { return z; }
        public double d(double z) { return z; }
        public long l(long z) { return z; }
        public int i(int z) { return z; }
        public void v() {}
    }
    static class Y extends X<String> {
        Y() {}
        public static void hidden() {}
    }
    static abstract class Abs {
        Abs() {}
        abstract void a();
    }
    interface I {
        default int def() { return 5; }
        int abs();
        static int sm() { return 6; }
        private int pm() { return 7; }
    }
    static class Impl implements I {
        public int abs() { return 8; }
    }
    enum E {
        P {
            void q() {}
        },
        Q;
        void q() {}
    }
    static void p(Object o) { System.out.println(o); }
    static void sorted(String title, Object[] os) {
        p("-- " + title);
        String[] s = new String[os.length];
        for (int i = 0; i < s.length; i++) s[i] = String.valueOf(os[i]);
        Arrays.sort(s);
        for (String x : s) p("  " + x);
    }
    interface R {
        Object run() throws Throwable;
    }
    static void t(String n, R r) {
        try {
            Object o = r.run();
            p(n + " = " + (o instanceof Object[] ? Arrays.deepToString((Object[]) o) : o)
                + (o == null ? "" : " " + o.getClass().getName()));
        } catch (InvocationTargetException e) {
            p(n + " ITE " + e.getMessage() + " <- " + e.getCause());
        } catch (Throwable e) { p(n + " ! " + e); }
    }
    static Method m(Class<?> c, String n) {
        for (Method m : c.getDeclaredMethods())
            if (m.getName().equals(n) && !m.isBridge()) {
                return m;
            }
        throw new Error(n);
    }
    public static void main(String[] a) throws Throwable {
        for (Class<?> c : new Class<?>[] {X.class, Y.class, Abs.class, I.class, E.class, Runnable.class, int.class,
                 int[].class, String[][].class, Map.Entry.class, A.class}) {
            p("== " + c + " " + Modifier.toString(c.getModifiers()) + " " + c.getModifiers() + " " + c.getSimpleName()
                + " " + c.getCanonicalName() + " " + c.getTypeName() + " " + c.toGenericString() + " decl "
                + c.getDeclaringClass() + " encl " + c.getEnclosingClass() + " pkg " + c.getPackageName() + " super "
                + c.getGenericSuperclass() + " " + Arrays.toString(c.getGenericInterfaces()));
            sorted("methods", Arrays.stream(c.getDeclaredMethods()).map(Method::toGenericString).toArray());
            sorted("pmethods", c.getMethods());
            p("-- fields");
            for (Field f : c.getDeclaredFields()) p("  " + f.toGenericString() + " " + f.getModifiers());
            sorted("ctors", Arrays.stream(c.getDeclaredConstructors()).map(Constructor::toGenericString).toArray());
            sorted("classes", c.getDeclaredClasses());
            sorted("annos", c.getAnnotations());
        }
        Method[] xm = X.class.getDeclaredMethods();
        Arrays.sort(xm, Comparator.comparing(Method::toString));
        for (Method m : xm)
            if (m.getAnnotations().length > 0)
                p(m + " " + Arrays.toString(m.getAnnotations()));
        for (Field f : X.class.getDeclaredFields())
            p(f + " " + Arrays.toString(f.getAnnotations()) + " "
                + Arrays.toString(f.getAnnotatedType().getAnnotations()));
        Constructor<?> k = X.class.getDeclaredConstructor(int.class, String.class, List.class);
        p(k + Arrays.deepToString(k.getParameterAnnotations()) + Arrays.toString(k.getParameters())
            + Arrays.toString(k.getExceptionTypes()));
        Method g = m(X.class, "gen");
        p(Arrays.toString(g.getParameters()) + g.isVarArgs() + Arrays.toString(g.getGenericExceptionTypes())
            + Arrays.toString(g.getAnnotatedReturnType().getAnnotations()));
        for (Method m : new Method[] {A.class.getDeclaredMethod("v"), A.class.getDeclaredMethod("n"),
                 A.class.getDeclaredMethod("b"), A.class.getDeclaredMethod("e")})
            p(m + " "
                + (m.getDefaultValue() instanceof int[] ? Arrays.toString((int[]) m.getDefaultValue())
                                                        : m.getDefaultValue()));
        p(Arrays.toString(X.class.getAnnotationsByType(Rep.class)));
        p(X.class.getAnnotation(A.class).equals(X.class.getAnnotation(A.class)) + " "
            + X.class.getAnnotation(A.class).c());
        X<String> x = new X<>();
        t("st", () -> m(X.class, "st").invoke(null, 5));
        t("st byte", () -> m(X.class, "st").invoke(null, (byte) 5));
        t("st char", () -> m(X.class, "st").invoke(null, 'a'));
        t("st long", () -> m(X.class, "st").invoke(null, 5L));
        t("st null", () -> m(X.class, "st").invoke(null, (Object) null));
        t("st none", () -> m(X.class, "st").invoke(null));
        t("st str", () -> m(X.class, "st").invoke(null, "s"));
        t("pr", () -> m(X.class, "pr").invoke(x, "s", 1, 2f, 'c'));
        t("pr bad", () -> m(X.class, "pr").invoke(x, 1, 1, 2f, 'c'));
        t("null recv", () -> m(X.class, "pr").invoke(null, "s", 1, 2f, 'c'));
        t("bad recv", () -> m(X.class, "pr").invoke("str", "s", 1, 2f, 'c'));
        t("thr", () -> m(X.class, "thr").invoke(x));
        t("nat", () -> m(X.class, "nat").invoke(x));
        t("z", () -> m(X.class, "z").invoke(x, true));
        t("b", () -> m(X.class, "b").invoke(x, (byte) -3));
        t("c", () -> m(X.class, "c").invoke(x, 'c'));
        t("s", () -> m(X.class, "s").invoke(x, (byte) -3));
        t("f", () -> m(X.class, "f").invoke(x, 5L));
        t("d", () -> m(X.class, "d").invoke(x, 5f));
        t("l", () -> m(X.class, "l").invoke(x, 'a'));
        t("i", () -> m(X.class, "i").invoke(x, (short) -9));
        t("v", () -> m(X.class, "v").invoke(x));
        t("f int", () -> m(X.class, "f").invoke(x, 16777217));
        t("z int", () -> m(X.class, "z").invoke(x, 1));
        t("c short", () -> m(X.class, "c").invoke(x, (short) 1));
        t("virt", () -> Object.class.getMethod("toString").invoke(new StringBuilder("sb")));
        t("iface", () -> I.class.getDeclaredMethod("abs").invoke(new Impl()));
        t("def", () -> I.class.getDeclaredMethod("def").invoke(new Impl()));
        t("sm", () -> I.class.getDeclaredMethod("sm").invoke(null));
        t("pm", () -> I.class.getDeclaredMethod("pm").invoke(new Impl()));
        t("list size", () -> List.class.getMethod("size").invoke(List.of(1, 2)));
        t("arr hash", () -> Object.class.getMethod("getClass").invoke(new int[0]));
        t("clinit fail", () -> Bad.class.getDeclaredMethod("x").invoke(null));
        t("clinit fail2", () -> Bad.class.getDeclaredMethod("x").invoke(null));
        t("ctor", () -> k.newInstance(1, "b", null) != null);
        t("abs", () -> Abs.class.getDeclaredConstructor().newInstance());
        t("string ctor", () -> String.class.getConstructor(char[].class).newInstance((Object) "hey".toCharArray()));
        t("cls", () -> Class.class.getDeclaredConstructors()[0].newInstance(null, null));
        t("Integer parse", () -> Integer.class.getMethod("parseInt", String.class).invoke(null, "x1"));
        Method st = m(X.class, "st");
        Constructor<?> yc = Y.class.getDeclaredConstructor();
        Method th = m(X.class, "thr");
        for (int i = 0; i < 40; i++) {
            if ((Integer) st.invoke(null, i) != i + 1)
                p("BAD");
            yc.newInstance();
        }
        for (int i = 0; i < 20; i++) {
            try {
                th.invoke(x);
            } catch (InvocationTargetException e) {
                if (!(e.getCause() instanceof IllegalStateException))
                    p("BAD " + e);
            }
        }
        t("st null infl", () -> st.invoke(null, (Object) null));
        t("st str infl", () -> st.invoke(null, "s"));
        Field vl = X.class.getDeclaredField("vl");
        vl.setInt(x, 4);
        p(vl.getLong(x) + " " + vl.get(x));
        t("set", () -> {
            vl.set(x, 1.5);
            return null;
        });
        Field fin = X.class.getDeclaredField("fin");
        t("fin", () -> {
            fin.set(x, "z");
            return fin.get(x);
        });
        fin.setAccessible(true);
        t("fin", () -> {
            fin.set(x, "z");
            return fin.get(x);
        });
        t("sf", () -> {
            X.class.getDeclaredField("SF").set(null, 1);
            return 0;
        });
        t("nope", () -> X.class.getDeclaredField("nope"));
        t("nope", () -> X.class.getMethod("nope", int.class));
        t("ctornope", () -> X.class.getConstructor(int.class));
        Object pr = Proxy.newProxyInstance(Reflection.class.getClassLoader(), new Class<?>[] {I.class, Runnable.class},
            (q, mm, args) -> mm.getName().length());
        t("proxy", () -> ((I) pr).abs());
        t("proxy", () -> pr.getClass().getName().replaceAll("[0-9]", "N"));
        Object lam = (Runnable) () -> {};
        p(lam.getClass().isSynthetic() + " " + lam.getClass().isHidden() + " " + lam.getClass().getNestHost() + " "
            + lam.getClass().getModifiers() + " " + lam.getClass().isAnonymousClass() + " "
            + lam.getClass().getSimpleName().replaceAll("[0-9]+/0x.*", "N"));
        Object anon = new Object() { int q; };
        p(anon.getClass() + " " + anon.getClass().isAnonymousClass() + " " + anon.getClass().getEnclosingMethod() + " ["
            + anon.getClass().getSimpleName() + "] " + anon.getClass().getDeclaringClass() + " "
            + anon.getClass().getEnclosingClass());
        class Loc {}
        p(Loc.class + " " + Loc.class.isLocalClass() + " " + Loc.class.getEnclosingMethod() + " "
            + Loc.class.getSimpleName() + " " + Loc.class.getModifiers());
        p(E.P.getClass() + " " + E.P.getClass().isEnum() + " " + Arrays.toString(E.class.getEnumConstants())
            + E.P.getClass().getEnclosingClass());
        p(X.class.getNestHost() + " " + Reflection.class.getNestMembers().length + " " + X.class.isNestmateOf(Y.class)
            + " " + X.class.isNestmateOf(String.class));
        Class<?>[] nm = Reflection.class.getNestMembers();
        p(nm[0]);
        sorted("nest", nm);
        p(Reflection.class.getProtectionDomain().getCodeSource().getLocation().getProtocol());
        p(Reflection.class.getClassLoader().getClass() + " " + String.class.getClassLoader() + " "
            + Reflection.class.getModule().isNamed() + " " + String.class.getModule());
        p(Package.getPackages().length > 20);
        p(String.class.getPackage());
        p(ClassLoader.getSystemClassLoader().getName());
        t("forName", () -> Class.forName("[I"));
        t("forName", () -> Class.forName("[Ljava.lang.String;"));
        t("forName", () -> Class.forName("int"));
        t("forName", () -> Class.forName("a.b.C"));
        t("forName", () -> Class.forName("java/lang/String"));
    }
    static class Bad {
        static {
            if (true)
                throw new RuntimeException("clinit");
        }
        static void x() {}
    }
}
