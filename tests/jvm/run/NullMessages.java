/** Messages of NullPointerExceptions that tell what was null. */
public class NullMessages {
    static Object so;
    Object f;
    NullMessages n;
    int i;
    int[] ia;
    Object[][] oo;
    long[] la;
    interface R {
        Object run() throws Throwable;
    }
    static void t(R r) {
        try {
            r.run();
            System.out.println("none");
        } catch (NullPointerException e) { System.out.println(e.getMessage()); } catch (Throwable e) {
            System.out.println(e);
        }
    }
    static NullMessages nul() { return null; }
    int[] nia() { return null; }
    static void par(NullMessages p, int[] q, int k) {
        t(() -> p.i);
        t(() -> q[k]);
        try {
            q[k + 1] = 5;
        } catch (NullPointerException e) { System.out.println(e.getMessage()); }
        try {
            System.out.println(p.n.n.f);
        } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    }
    public static void main(String[] a) {
        NullMessages x = new NullMessages();
        NullMessages[] arr = new NullMessages[3];
        t(() -> so.hashCode());
        t(() -> x.f.toString());
        t(() -> x.n.n.n);
        t(() -> x.n.i);
        t(() -> x.ia[3]);
        t(() -> x.oo[1][2]);
        t(() -> arr[2].f);
        t(() -> nul().f);
        t(() -> nul().nia()[2]);
        t(() -> x.nia()[1]);
        t(() -> {
            x.ia[2] = 4;
            return 0;
        });
        t(() -> {
            nul().i = 3;
            return 0;
        });
        t(() -> { throw null; }); t(() -> { synchronized (x.f) { return 0;
    }
});
t(() -> x.ia.length);
t(() -> {
    x.la[0]++;
    return 0;
});
t(() -> {
    Integer q = null;
    int z = q;
    return z;
});
t(() -> ((String) x.f).length());
t(() -> {
    String s = null;
    return s.length();
});
t(() -> { throw new NullPointerException(); });
t(() -> { throw new NullPointerException("msg"); });
t(() -> java.util.Objects.requireNonNull(null));
par(null, null, 1);
int[][][] m = new int[2][][];
t(() -> m[1][0][0]);
try {
    int k = 1;
    m[k][k - 1][2] = 1;
} catch (NullPointerException e) { System.out.println(e.getMessage()); }
try {
    Object o = null;
    o.wait();
} catch (Exception e) { System.out.println(e.getMessage()); }
try {
    int[] q = null;
    for (int z : q) {}
} catch (Exception e) { System.out.println(e.getMessage()); }
try {
    String s = null;
    switch (s) { case "a": }
} catch (Exception e) { System.out.println(e.getMessage()); }
t(() -> x.<String>gen().length());
t(() -> x.n.gen());
t(() -> new int[] {1}[x.n.i]);
t(() -> {
    boolean[] z = null;
    return z[0];
});
t(() -> {
    byte[] z = null;
    return z[0];
});
t(() -> {
    char[] z = null;
    z[0] = 'c';
    return 0;
});
t(() -> {
    double[] z = null;
    return z[0];
});
t(() -> {
    short[] z = null;
    return z[0];
});
t(() -> {
    float[] z = null;
    return z[0];
});
}
<T> T gen() { return null; }
}
