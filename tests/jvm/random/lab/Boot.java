package lab;

import java.lang.invoke.CallSite;
import java.lang.invoke.ConstantCallSite;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.invoke.MutableCallSite;

/** Bootstrap methods of random class files. */
public final class Boot {
    private Boot() {
    }

    /** A call of the static method of that name. */
    public static CallSite site(MethodHandles.Lookup lookup, String name, MethodType type) throws ReflectiveOperationException {
        Run.p("site " + name + type);
        var target = lookup.findStatic(lookup.lookupClass(), name, type);
        return type.parameterCount() % 2 == 0 ? new ConstantCallSite(target) : new MutableCallSite(target);
    }

    /** A constant that its name and type make. */
    public static Object constant(MethodHandles.Lookup lookup, String name, Class<?> type) {
        Run.p("constant " + name + " " + type.getName());
        int hash = name.hashCode() * 0x9e3779b9;
        if (name.endsWith("bad")) {
            throw new IllegalStateException(name);
        }
        if (type == int.class) {
            return hash;
        }
        if (type == long.class) {
            return hash * 0x123456789L;
        }
        if (type == float.class) {
            return hash / 3f;
        }
        if (type == double.class) {
            return hash / 7d;
        }
        if (type == byte.class) {
            return (byte) hash;
        }
        if (type == char.class) {
            return (char) hash;
        }
        if (type == short.class) {
            return (short) hash;
        }
        if (type == boolean.class) {
            return hash < 0;
        }
        return name.endsWith("null") ? null : type == String.class ? name : type == int[].class ? (Object) new int[] {hash, 2, 3, 4} : new Object[] {name, name, null, name};
    }
}
