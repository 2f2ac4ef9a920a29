import java.lang.invoke.*;
import java.util.*;
import java.util.function.*;
import java.util.stream.*;
/** Method handles and their combinators, variable handles, call sites, lambdas, concatenation, hidden classes. */
public class Handles {
    interface R {
        Object run() throws Throwable;
    }
    static void p(Object o) {
        System.out.println(String.valueOf(o).replaceAll("@[0-9a-f]+", "@N").replaceAll("/0x[0-9a-f]+", "/N"));
    }
    static void t(String n, R r) {
        try {
            p(n + " = " + r.run());
        } catch (Throwable e) { p(n + " ! " + e); }
    }
    int f = 5;
    static long sf = 6;
    volatile int vi;
    final int ff = 7;
    static final String SS = "ss";
    int[] arr = {1, 2, 3};
    static String cat(Object a, int b, long c, double d) { return a + "|" + b + "|" + c + "|" + d; }
    String inst(String s) { return "inst" + s + f; }
    private int priv(int x) { return x * 2; }
    Handles() {}
    Handles(int q) { f = q; }
    static int sum(int... xs) {
        int s = 0;
        for (int x : xs) s += x;
        return s;
    }
    static int thrower(int x) { throw new IllegalStateException("x" + x); }
    static int handler(IllegalStateException e, int x) { return -x; }
    public static class Sub extends Handles {
        String inst(String s) { return "sub" + s; }
        MethodHandle sup() throws Throwable {
            return MethodHandles.lookup().findSpecial(
                Handles.class, "inst", MethodType.methodType(String.class, String.class), Sub.class);
        }
    }
    public static void main(String[] a) throws Throwable {
        MethodHandles.Lookup l = MethodHandles.lookup();
        MethodHandle cat = l.findStatic(Handles.class, "cat",
            MethodType.methodType(String.class, Object.class, int.class, long.class, double.class));
        t("exact", () -> (String) cat.invokeExact((Object) "a", 1, 2L, 3d));
        t("invoke", () -> cat.invoke("a", (short) 1, 'c', 3f));
        t("wrongexact", () -> cat.invokeExact("a", 1, 2L, 3d));
        t("args", () -> cat.invokeWithArguments("q", 1, 2L, 3.5));
        t("args bad", () -> cat.invokeWithArguments("q", 1, 2L));
        t("args bad", () -> cat.invokeWithArguments("q", "r", 2L, 1d));
        p(cat + " " + cat.type());
        MethodHandle inst = l.findVirtual(Handles.class, "inst", MethodType.methodType(String.class, String.class));
        t("virt", () -> (String) inst.invokeExact(new Handles(), "x"));
        t("virt sub", () -> (String) inst.invoke(new Sub(), "x"));
        t("super", () -> new Sub().sup().invoke(new Sub(), "y"));
        t("null recv", () -> (String) inst.invokeExact((Handles) null, "x"));
        t("priv",
            ()
                -> (int) l.findVirtual(Handles.class, "priv", MethodType.methodType(int.class, int.class))
                       .invokeExact(new Handles(), 4));
        t("ctor",
            ()
                -> ((Handles) l.findConstructor(Handles.class, MethodType.methodType(void.class, int.class)).invoke(9))
                       .f);
        t("iface", () -> l.findVirtual(List.class, "size", MethodType.methodType(int.class)).invoke(List.of(1, 2, 3)));
        t("iface obj",
            () -> l.findVirtual(List.class, "hashCode", MethodType.methodType(int.class)).invoke(List.of(1, 2, 3)));
        t("iface def",
            ()
                -> l.findVirtual(Comparator.class, "reversed", MethodType.methodType(Comparator.class))
                       .invoke(Comparator.naturalOrder())
                != null);
        t("def class",
            ()
                -> l.findVirtual(ArrayList.class, "stream", MethodType.methodType(Stream.class))
                       .invoke(new ArrayList<>(List.of(1)))
                != null);
        t("iface wrong",
            () -> l.findVirtual(List.class, "size", MethodType.methodType(int.class)).invoke((Object) "s"));
        t("getter", () -> (int) l.findGetter(Handles.class, "f", int.class).invokeExact(new Handles(3)));
        t("sgetter", () -> (long) l.findStaticGetter(Handles.class, "sf", long.class).invokeExact());
        t("setter", () -> {
            Handles x = new Handles();
            l.findSetter(Handles.class, "f", int.class).invokeExact(x, 77);
            return x.f;
        });
        t("ssetter", () -> {
            l.findStaticSetter(Handles.class, "sf", long.class).invokeExact(8L);
            return sf;
        });
        t("finalsetter", () -> l.findSetter(Handles.class, "ff", int.class));
        t("nofield", () -> l.findGetter(Handles.class, "zz", int.class));
        t("nometh", () -> l.findStatic(Handles.class, "zz", MethodType.methodType(void.class)));
        t("static as virt", () -> l.findVirtual(Handles.class, "cat", cat.type()));
        t("virt as static", () -> l.findStatic(Handles.class, "inst", inst.type().dropParameterTypes(0, 1)));
        t("access",
            ()
                -> MethodHandles.publicLookup().findVirtual(
                    Handles.class, "priv", MethodType.methodType(int.class, int.class)));
        t("privstring", () -> l.findVirtual(String.class, "isLatin1", MethodType.methodType(boolean.class)));
        t("varargs",
            () -> l.findStatic(Handles.class, "sum", MethodType.methodType(int.class, int[].class)).invoke(1, 2, 3));
        t("spread", () -> cat.asSpreader(Object[].class, 4).invoke(new Object[] {"z", 1, 2L, 3d}));
        t("collect",
            ()
                -> l.findStatic(Handles.class, "sum", MethodType.methodType(int.class, int[].class))
                       .asCollector(int[].class, 2)
                       .invoke(4, 5));
        t("insert", () -> MethodHandles.insertArguments(cat, 1, 10, 20L).invoke("i", 1.0));
        t("permute",
            ()
                -> MethodHandles.permuteArguments(
                    cat, MethodType.methodType(String.class, double.class, Object.class), 1, 1 == 1 ? 1 : 0, 1, 0));
        t("drop", () -> MethodHandles.dropArguments(cat, 0, String.class).invoke("drop", "a", 1, 2L, 3d));
        t("filter",
            ()
                -> MethodHandles
                       .filterArguments(cat, 0,
                           l.findVirtual(Object.class, "toString", MethodType.methodType(String.class))
                               .asType(MethodType.methodType(Object.class, Object.class)))
                       .invoke(List.of(), 1, 2L, 3d));
        t("fold",
            ()
                -> MethodHandles
                       .foldArguments(
                           l.findStatic(Math.class, "max", MethodType.methodType(int.class, int.class, int.class)),
                           l.findStatic(Math.class, "abs", MethodType.methodType(int.class, int.class)))
                       .invoke(-5));
        t("guard",
            ()
                -> MethodHandles
                       .guardWithTest(l.findVirtual(String.class, "isEmpty", MethodType.methodType(boolean.class)),
                           MethodHandles.dropArguments(MethodHandles.constant(String.class, "E"), 0, String.class),
                           MethodHandles.identity(String.class))
                       .invoke("full"));
        t("catch",
            ()
                -> MethodHandles
                       .catchException(
                           l.findStatic(Handles.class, "thrower", MethodType.methodType(int.class, int.class)),
                           IllegalStateException.class,
                           l.findStatic(Handles.class, "handler",
                               MethodType.methodType(int.class, IllegalStateException.class, int.class)))
                       .invoke(5));
        t("throw", () -> l.findStatic(Handles.class, "thrower", MethodType.methodType(int.class, int.class)).invoke(5));
        t("loop",
            ()
                -> MethodHandles
                       .countedLoop(MethodHandles.constant(int.class, 5), MethodHandles.constant(int.class, 1),
                           l.findStatic(Math.class, "addExact", MethodType.methodType(int.class, int.class, int.class)))
                       .invoke());
        t("tryfin",
            ()
                -> MethodHandles
                       .tryFinally(MethodHandles.constant(int.class, 3),
                           MethodHandles.dropArguments(MethodHandles.identity(int.class), 0, Throwable.class))
                       .invoke());
        t("bind", () -> inst.bindTo(new Handles(1)).invoke("b"));
        t("arrelem", () -> (int) MethodHandles.arrayElementGetter(int[].class).invokeExact(new int[] {7, 8}, 1));
        t("arroob", () -> (int) MethodHandles.arrayElementGetter(int[].class).invokeExact(new int[] {7, 8}, 2));
        t("arrctor", () -> ((int[]) MethodHandles.arrayConstructor(int[].class).invokeExact(3)).length);
        t("arrlen", () -> (int) MethodHandles.arrayLength(int[].class).invokeExact(new int[4]));
        t("astype",
            ()
                -> l.findStatic(Math.class, "max", MethodType.methodType(long.class, long.class, long.class))
                       .asType(MethodType.methodType(Object.class, int.class, Object.class))
                       .invoke(3, (Object) 4));
        t("explicit",
            ()
                -> MethodHandles
                       .explicitCastArguments(
                           l.findStatic(Math.class, "abs", MethodType.methodType(int.class, int.class)),
                           MethodType.methodType(byte.class, long.class))
                       .invoke(-200L));
        t("clone",
            ()
                -> ((int[]) l.findVirtual(int[].class, "clone", MethodType.methodType(Object.class))
                        .invoke(new int[] {1, 2}))
                       .length);
        t("unreflect", () -> l.unreflect(Handles.class.getDeclaredMethod("sum", int[].class)).invoke(1, 2));
        t("unreflectC", () -> l.unreflectConstructor(Handles.class.getDeclaredConstructor()).invoke() != null);
        t("unreflectG", () -> l.unreflectGetter(Handles.class.getDeclaredField("sf")).invoke());
        t("reveal", () -> l.revealDirect(inst) + " " + l.revealDirect(cat));
        t("getClass", () -> l.findVirtual(Object.class, "getClass", MethodType.methodType(Class.class)).invoke("s"));
        VarHandle vi = l.findVarHandle(Handles.class, "vi", int.class),
                  vs = l.findStaticVarHandle(Handles.class, "sf", long.class),
                  va = MethodHandles.arrayElementVarHandle(int[].class),
                  vb = MethodHandles.byteArrayViewVarHandle(long[].class, java.nio.ByteOrder.BIG_ENDIAN);
        Handles x = new Handles();
        t("vh", () -> {
            vi.set(x, 3);
            vi.setVolatile(x, 4);
            return vi.compareAndSet(x, 4, 9) + " " + (int) vi.get(x) + " " + (int) vi.getAndAdd(x, 2) + " "
                + (int) vi.getVolatile(x) + " " + (int) vi.getAndBitwiseOr(x, 0x40) + " "
                + vi.compareAndExchange(x, 1, 2) + " " + (int) vi.getAcquire(x) + (int) vi.getOpaque(x)
                + vi.weakCompareAndSetPlain(x, 75, 1) + (int) vi.getAndSet(x, 5);
        });
        t("vhs", () -> {
            vs.set(5L);
            return (long) vs.getAndAdd(3L) + " " + vs.get();
        });
        t("vha", () -> {
            int[] q = {1, 2};
            va.set(q, 1, 5);
            return va.getAndAdd(q, 1, 5) + " " + q[1];
        });
        t("vha oob", () -> va.get(new int[1], 1));
        t("vhb", () -> (long) vb.get(new byte[] {0, 0, 0, 0, 0, 0, 1, 2}, 0));
        t("vh wrong", () -> {
            vi.set(x, "s");
            return 0;
        });
        t("vh wmt", () -> {
            vi.set("x", 1);
            return 0;
        });
        t("vh null", () -> {
            vi.set((Handles) null, 1);
            return 0;
        });
        t("vh mh", () -> vi.toMethodHandle(VarHandle.AccessMode.GET_AND_ADD).invoke(x, 1));
        t("vh inv",
            ()
                -> MethodHandles
                       .varHandleInvoker(VarHandle.AccessMode.GET, MethodType.methodType(int.class, Handles.class))
                       .invoke(vi, x));
        t("refl", () -> VarHandle.class.getMethod("get", Object[].class).invoke(vi, (Object) new Object[] {x}));
        t("reflinvoke", () -> {
            try {
                return MethodHandle.class.getMethod("invokeExact", Object[].class).invoke(cat, (Object) new Object[0]);
            } catch (java.lang.reflect.InvocationTargetException e) { return "ITE " + e.getCause(); }
        });
        t("reflvh", () -> {
            try {
                return VarHandle.class.getMethod("get", Object[].class).invoke(vi, (Object) new Object[0]);
            } catch (java.lang.reflect.InvocationTargetException e) { return "ITE " + e.getCause(); }
        });
        int loc = 3;
        String str = "s";
        Function<Integer, Integer> add = q -> q + loc;
        Supplier<Handles> ctor = Handles::new;
        Function<String, String> bound = x::inst;
        BiFunction<Handles, String, String> unbound = Handles::inst;
        IntBinaryOperator mx = Math::max;
        Runnable run = (Runnable & java.io.Serializable) () -> p("ser");
        IntFunction<int[]> mk = int[] ::new;
        ToLongFunction<String> box = Long::parseLong;
        Function<Object, Integer> hc = Object::hashCode;
        p(add.apply(4) + " " + ctor.get().f + " " + bound.apply("q") + " " + unbound.apply(x, "r") + mx.applyAsInt(3, 9)
            + mk.apply(4).length + box.applyAsLong("55") + hc.apply("z"));
        run.run();
        p(IntStream.range(0, 100).filter(i -> i % 3 == 0).mapToObj(Integer::toString).collect(Collectors.joining(",")));
        p(Stream.of("a", "bb", "ccc")
                .collect(Collectors.groupingBy(String::length, TreeMap::new, Collectors.counting())));
        byte by = 1;
        char ch = 'c';
        short sh = 2;
        float fl = 1.5f;
        double db = 2.5;
        long lo = 9;
        boolean bo = true;
        Object nul = null;
        p("" + by + ch + sh + fl + db + lo + bo + nul + str + loc + "\u0001\u0002 \ud83d\ude00" + new int[0].length);
        p("const" + x.f + "mid" + str + 'x' + 1L);
        String s = "";
        for (int i = 0; i < 5; i++) s += i + ",";
        p(s);
        MutableCallSite cs = new MutableCallSite(MethodHandles.constant(int.class, 1));
        MethodHandle dyn = cs.dynamicInvoker();
        t("cs", () -> (int) dyn.invokeExact());
        cs.setTarget(MethodHandles.constant(int.class, 2));
        t("cs2", () -> (int) dyn.invokeExact());
        VolatileCallSite vcs = new VolatileCallSite(MethodHandles.constant(int.class, 3));
        vcs.setTarget(MethodHandles.constant(int.class, 4));
        t("vcs", () -> (int) vcs.dynamicInvoker().invokeExact());
        SwitchPoint sp = new SwitchPoint();
        MethodHandle spm = sp.guardWithTest(MethodHandles.constant(int.class, 1), MethodHandles.constant(int.class, 2));
        t("sp", () -> spm.invoke());
        SwitchPoint.invalidateAll(new SwitchPoint[] {sp});
        t("sp2", () -> spm.invoke());
        for (int i = 0; i < 300; i++) {
            String q = (String) cat.invokeExact((Object) "a", i, 2L, 3d);
            if (!q.startsWith("a|" + i))
                p("BAD");
        }
        MethodHandle deep = MethodHandles.identity(int.class);
        MethodHandle inc = MethodHandles.insertArguments(
            l.findStatic(Math.class, "addExact", MethodType.methodType(int.class, int.class, int.class)), 0, 1);
        for (int i = 0; i < 200; i++) deep = MethodHandles.filterReturnValue(deep, inc);
        MethodHandle d2 = deep;
        t("deep", () -> d2.invoke(0));
        t("hidden", () -> {
            byte[] b = Handles.class.getResourceAsStream("HiddenOne.class").readAllBytes();
            MethodHandles.Lookup h = l.defineHiddenClass(b, true, MethodHandles.Lookup.ClassOption.NESTMATE);
            Class<?> c = h.lookupClass();
            return c.isHidden() + " " + c.getNestHost() + " " + c.getName().replaceAll("/.*", "/N") + " "
                + c.getDeclaredConstructor().newInstance().toString().replaceAll("/0x[0-9a-f]+", "/N")
                + c.getSimpleName().replaceAll("/.*", "/N");
        });
        t("classdata", () -> {
            byte[] b = Handles.class.getResourceAsStream("HiddenOne.class").readAllBytes();
            MethodHandles.Lookup h = l.defineHiddenClassWithClassData(b, "data", true);
            return MethodHandles.classData(h, "_", String.class);
        });
        t("proxies", () -> MethodHandleProxies.asInterfaceInstance(IntUnaryOperator.class, inc).applyAsInt(4));
    }
}
class HiddenOne {
    public String toString() {
        return "HiddenOne of " + getClass().getName() + " " + new Handles().f
            + ((java.util.function.Supplier<String>) () -> "lam").get();
    }
}
