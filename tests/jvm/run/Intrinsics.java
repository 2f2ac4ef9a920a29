import java.lang.reflect.*;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.*;
import java.util.zip.*;
import javax.crypto.Cipher;
import javax.crypto.spec.*;

/**
 * Methods whose work is done by the virtual machine: a digest of what each returns, changes and throws for random
 * arguments, good and bad, is printed. Those that need private access are called by reflection.
 */
public class Intrinsics {
    static final Random random = new Random(20);
    static final StringBuilder seen = new StringBuilder();

    static void report(String what) {
        System.out.printf("%s %08x%n", what, seen.toString().hashCode());
        seen.setLength(0);
    }

    static void note(Object value) {
        if (value instanceof byte[] bytes) {
            seen.append(Arrays.toString(bytes));
        } else if (value instanceof int[] ints) {
            seen.append(Arrays.toString(ints));
        } else if (value instanceof long[] longs) {
            seen.append(Arrays.toString(longs));
        } else if (value instanceof char[] chars) {
            seen.append(Arrays.hashCode(chars));
        } else if (value instanceof Double number) {
            seen.append(Double.doubleToLongBits(number));
        } else if (value instanceof Float number) {
            seen.append(Float.floatToIntBits(number));
        } else if (value == null || value instanceof Number || value instanceof Boolean || value instanceof Character) {
            seen.append(value);
        } else {
            seen.append(value.getClass());
        }
        seen.append(';');
    }

    /* ---- random arguments ---- */

    static final double[] DOUBLES = {0.0, -0.0, 1, -1, 0.5, 2, 10, 1000, 1e300, -1e-300, Double.MIN_VALUE, Double.MAX_VALUE,
        Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Math.PI, 1e15, 4503599627370497.5, 2.5, -2.5,
        0x1.81ae0dffa3b33p959, -0x1.6ac5b262ca1ffp849, 0x1.604759040fb6fp68};

    static double someDouble() {
        return random.nextInt(3) == 0 ? DOUBLES[random.nextInt(DOUBLES.length)] : random.nextGaussian() * Math.scalb(1.0, random.nextInt(60) - 30);
    }

    static int someInt(boolean index) {
        int[] bounds = {0, 1, -1, Integer.MAX_VALUE, Integer.MIN_VALUE, 16, 64, 255};
        return random.nextInt(index ? 12 : 3) == 0 ? bounds[random.nextInt(bounds.length)]
            : index ? random.nextInt(40) : random.nextInt() >> random.nextInt(32);
    }

    static long someLong() {
        long[] bounds = {0, 1, -1, Long.MAX_VALUE, Long.MIN_VALUE};
        return random.nextInt(4) == 0 ? bounds[random.nextInt(bounds.length)] : random.nextLong() >> random.nextInt(64);
    }

    /* Letters often, so that something is found and equal. */
    static Object someArray(Class<?> of) {
        if (random.nextInt(15) == 0) {
            return null;
        }
        Object array = Array.newInstance(of, random.nextInt(4) == 0 ? random.nextInt(300) : random.nextInt(50));
        int kind = random.nextInt(3);
        for (int i = 0; i < Array.getLength(array); i++) {
            int value = kind == 0 ? 'a' + random.nextInt(2) : kind == 1 ? random.nextInt(128) : random.nextInt();
            if (of == byte.class) {
                ((byte[]) array)[i] = (byte) value;
            } else if (of == char.class) {
                ((char[]) array)[i] = (char) value;
            } else if (of == int.class) {
                ((int[]) array)[i] = kind == 2 ? value : value - 'a';
            } else if (of == long.class) {
                ((long[]) array)[i] = kind == 2 ? random.nextLong() : value;
            }
        }
        return array;
    }

    static Object some(Class<?> type, boolean index, Object before) {
        if (type == int.class) {
            return someInt(index);
        } else if (type == long.class) {
            return someLong();
        } else if (type == double.class) {
            return someDouble();
        } else if (type == float.class) {
            return (float) someDouble();
        } else if (type == boolean.class) {
            return random.nextBoolean();
        } else if (type == char.class) {
            return (char) random.nextInt();
        } else if (type == byte.class) {
            return (byte) random.nextInt();
        } else if (type == short.class) {
            return (short) random.nextInt();
        } else if (type.isArray()) {
            int same = random.nextInt(6); /* as an argument before, or equal to it */
            if (before != null && before.getClass() == type && same < 2) {
                return same == 0 ? before : cloned(before);
            }
            return someArray(type.getComponentType());
        }
        return null;
    }

    static Object cloned(Object array) {
        Object copy = Array.newInstance(array.getClass().getComponentType(), Array.getLength(array));
        System.arraycopy(array, 0, copy, 0, Array.getLength(array));
        return copy;
    }

    /* Calls every method of that name with `times` sets of arguments. */
    static void call(Class<?> of, Object self, String name, int times) throws Exception {
        Method[] methods = of.getDeclaredMethods();
        Arrays.sort(methods, Comparator.comparing(Method::toString));
        for (Method method : methods) {
            if (!method.getName().equals(name)) {
                continue;
            }
            method.setAccessible(true);
            Class<?>[] types = method.getParameterTypes();
            boolean index = Arrays.stream(types).anyMatch(Class::isArray) || of == String.class;
            for (int i = 0; i < times; i++) {
                Object[] arguments = new Object[types.length];
                Object before = null;
                for (int k = 0; k < types.length; k++) {
                    arguments[k] = some(types[k], index, before);
                    before = types[k].isArray() ? arguments[k] : before;
                }
                try {
                    note(method.invoke(self, arguments));
                } catch (InvocationTargetException e) {
                    seen.append(e.getCause());
                }
                for (Object argument : arguments) {
                    if (argument != null && argument.getClass().isArray()) {
                        note(argument);
                    }
                }
            }
            report(method.toString());
        }
    }

    static void calls(String of, Object self, String... names) throws Exception {
        for (String name : names) {
            call(Class.forName(of), self, name, 150);
        }
    }

    /* ---- objects for methods that need one ---- */

    static Object make(String name, Class<?>[] types, Object... arguments) throws Exception {
        Constructor<?> constructor = Class.forName(name).getDeclaredConstructor(types);
        constructor.setAccessible(true);
        return constructor.newInstance(arguments);
    }

    static void init(Object of, Object... arguments) throws Exception {
        for (Method method : of.getClass().getDeclaredMethods()) {
            if (method.getName().equals("init") && method.getParameterCount() == arguments.length) {
                method.setAccessible(true);
                method.invoke(of, arguments);
            }
        }
    }

    static void modes() throws Exception {
        String crypto = "com.sun.crypto.provider.";
        Class<?> cipher = Class.forName(crypto + "SymmetricCipher");
        for (boolean decrypting : new boolean[] {false, true}) {
            byte[] key = new byte[decrypting ? 32 : 16];
            random.nextBytes(key);
            Object aes = make(crypto + "AESCrypt", new Class<?>[0]);
            init(aes, decrypting, "AES", key);
            calls(crypto + "AESCrypt", aes, decrypting ? "implDecryptBlock" : "implEncryptBlock");
            Object cbc = make(crypto + "CipherBlockChaining", new Class<?>[] {cipher}, aes);
            init(cbc, decrypting, "AES", key, new byte[16]);
            calls(crypto + "CipherBlockChaining", cbc, decrypting ? "implDecrypt" : "implEncrypt");
            Object book = make(crypto + "ElectronicCodeBook", new Class<?>[] {cipher}, aes);
            init(book, decrypting, "AES", key, null);
            calls(crypto + "ElectronicCodeBook", book, decrypting ? "implECBDecrypt" : "implECBEncrypt");
        }
        Object aes = make(crypto + "AESCrypt", new Class<?>[0]);
        Object counter = make(crypto + "CounterMode", new Class<?>[] {cipher}, aes);
        byte[] start = new byte[16];
        Arrays.fill(start, (byte) -1);
        init(counter, false, "AES", new byte[24], start);
        calls(crypto + "CounterMode", counter, "implCrypt");
        calls(crypto + "GHASH", null, "processBlocks");
    }

    /* ---- by the library's own front ---- */

    static void ciphers() throws Exception {
        for (String mode : new String[] {"AES/ECB/PKCS5Padding", "AES/CBC/PKCS5Padding", "AES/CTR/NoPadding", "AES/GCM/NoPadding",
                "DES/CBC/PKCS5Padding"}) {
            for (int bytes : new int[] {0, 1, 15, 16, 17, 127, 128, 129, 1000}) {
                byte[] data = new byte[bytes];
                random.nextBytes(data);
                boolean aes = mode.startsWith("AES");
                SecretKeySpec key = new SecretKeySpec(data.length >= 32 ? Arrays.copyOf(data, aes ? 32 : 8) : new byte[aes ? 16 : 8], aes ? "AES" : "DES");
                var parameters = mode.contains("GCM") ? new GCMParameterSpec(128, new byte[12])
                    : mode.contains("ECB") ? null : new IvParameterSpec(new byte[aes ? 16 : 8]);
                Cipher cipher = Cipher.getInstance(mode);
                cipher.init(Cipher.ENCRYPT_MODE, key, parameters);
                int cut = bytes / 3;
                note(cipher.update(data, 0, cut));
                note(cipher.doFinal(data, cut, bytes - cut));
                cipher.init(Cipher.ENCRYPT_MODE, key, mode.contains("GCM") ? new GCMParameterSpec(128, new byte[13]) : parameters);
                byte[] secret = cipher.doFinal(data);
                cipher.init(Cipher.DECRYPT_MODE, key, mode.contains("GCM") ? new GCMParameterSpec(128, new byte[13]) : parameters);
                seen.append(Arrays.equals(data, cipher.doFinal(secret)));
            }
            report(mode);
        }
    }

    static void digests() throws Exception {
        for (String name : new String[] {"MD5", "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512", "SHA-512/256", "SHA3-224", "SHA3-512"}) {
            MessageDigest digest = MessageDigest.getInstance(name);
            for (int bytes = 0; bytes < 600; bytes += 37) {
                byte[] data = new byte[bytes];
                random.nextBytes(data);
                digest.update(data, 0, bytes / 2);
                note(digest.digest(data));
            }
            report(name);
        }
    }

    static void numbers() {
        for (int bits = 1; bits < 9000; bits += bits / 3 + 1) {
            BigInteger a = new BigInteger(bits, random);
            BigInteger b = new BigInteger(random.nextInt(bits) + 1, random);
            BigInteger odd = new BigInteger(Math.min(bits, 2200), random).setBit(0);
            seen.append(a.multiply(b)).append(a.multiply(a)).append(a.shiftLeft(bits % 97)).append(a.shiftRight(bits % 61));
            seen.append(b.modPow(BigInteger.valueOf(65537), odd)).append(a.mod(odd).pow(3));
        }
        report("BigInteger");
    }

    static void checksums() {
        for (Checksum sum : new Checksum[] {new CRC32(), new CRC32C(), new Adler32()}) {
            for (int bytes = 0; bytes < 400; bytes += 7) {
                byte[] data = new byte[bytes];
                random.nextBytes(data);
                sum.update(data, bytes / 5, bytes - bytes / 5);
                sum.update(bytes);
                note(sum.getValue());
            }
            report(sum.getClass().getName());
        }
    }

    static void base64() {
        for (int bytes = 0; bytes < 200; bytes++) {
            byte[] data = new byte[bytes];
            random.nextBytes(data);
            String text = Base64.getEncoder().encodeToString(data);
            String lines = Base64.getMimeEncoder().encodeToString(data);
            seen.append(text).append(lines).append(Base64.getUrlEncoder().encodeToString(data));
            note(Base64.getDecoder().decode(text));
            note(Base64.getMimeDecoder().decode(lines));
            try {
                note(Base64.getDecoder().decode(text.replace('Q', '!')));
            } catch (IllegalArgumentException e) {
                seen.append(e);
            }
        }
        report("Base64");
    }

    static String someString(int letters, boolean wide) {
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(40); i > 0; i--) {
            text.append((char) (random.nextInt(wide ? 8 : 100) == 0 && wide ? 0x3b1 : 'a' + random.nextInt(letters)));
        }
        return text.toString();
    }

    static void strings() {
        for (int i = 0; i < 2000; i++) {
            String a = someString(2, i % 2 == 0);
            String b = i % 7 == 0 ? new String(a) : someString(2, i % 3 == 0);
            String small = b.substring(0, Math.min(b.length(), 3));
            seen.append(a.equals(b)).append(a.compareTo(b)).append(a.hashCode()).append(a.hashCode()).append(a.indexOf(small))
                .append(a.indexOf(small, 5)).append(a.indexOf('b', 2)).append(a.indexOf(0x3b1)).append(a.contentEquals(b))
                .append(a.replace(small, "x")).append(new String(a.toCharArray())).append(a.equals(null)).append(a.equals(small));
            note(a.getBytes(StandardCharsets.ISO_8859_1));
            note(a.getBytes(StandardCharsets.US_ASCII));
            note(a.getBytes(StandardCharsets.UTF_8));
            seen.append(new String(a.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8));
        }
        report("String");
    }

    /* Math's functions may differ from StrictMath's by what is allowed: one unit in the last place of either. */
    static void functions() {
        int far = 0;
        for (int i = 0; i < 4000; i++) {
            double x = someDouble();
            double y = someDouble();
            double[][] pairs = {{Math.sin(x), StrictMath.sin(x)}, {Math.cos(x), StrictMath.cos(x)}, {Math.tan(x), StrictMath.tan(x)},
                {Math.exp(x), StrictMath.exp(x)}, {Math.log(x), StrictMath.log(x)}, {Math.log10(x), StrictMath.log10(x)},
                {Math.pow(x, y), StrictMath.pow(x, y)}};
            for (double[] pair : pairs) {
                boolean same = Double.compare(pair[0], pair[1]) == 0;
                far += same || Math.abs(pair[0] - pair[1]) <= 2 * Math.ulp(pair[1]) ? 0 : 1;
            }
            note(Math.sqrt(x));
            note(StrictMath.sqrt(x));
            note(StrictMath.sin(x));
        }
        System.out.println("far from exact: " + far);
        for (double x : DOUBLES) {
            for (double y : DOUBLES) {
                double power = Math.pow(x, y);
                seen.append(power == 0 || power == 1 || Double.isNaN(power) || Double.isInfinite(power) ? power : "number");
            }
            seen.append(Double.isNaN(Math.sin(x))).append(Double.isNaN(Math.log(x))).append(Math.exp(Math.copySign(0, x)));
        }
        for (int power = -307; power <= 308; power++) {
            seen.append(Math.log10(Double.parseDouble("1e" + power))).append(' ');
        }
        report("functions");
    }

    public static void main(String[] arguments) throws Exception {
        calls("java.math.BigInteger", null, "implMultiplyToLen", "implSquareToLen", "implMulAdd", "shiftLeftImplWorker",
            "shiftRightImplWorker");
        calls("java.util.Base64$Encoder", Base64.getEncoder(), "encodeBlock");
        calls("java.util.Base64$Decoder", Base64.getDecoder(), "decodeBlock");
        calls("java.lang.StringLatin1", null, "equals", "charAt", "hashCode", "compareTo", "compareToUTF16", "indexOf", "indexOfChar", "inflate");
        calls("java.lang.StringUTF16", null, "getChar", "putChar", "hashCode", "compareTo", "compareToLatin1", "indexOfChar", "compress", "getChars",
            "toBytes");
        calls("java.lang.StringCoding", null, "hasNegatives", "implEncodeISOArray", "implEncodeAsciiArray");
        calls("java.lang.String", "text \u03b1", "charAt", "length", "equals");
        calls("java.lang.String", "text", "charAt", "length", "hashCode");
        calls("java.util.Arrays", null, "equals", "hashCode", "fill");
        calls("jdk.internal.util.Preconditions", null, "checkIndex");
        calls("java.lang.Math", null, "fma", "floor", "ceil", "rint", "abs", "max", "min", "addExact", "subtractExact", "multiplyExact", "multiplyHigh");
        calls("java.lang.Integer", null, "bitCount", "numberOfLeadingZeros", "numberOfTrailingZeros", "reverseBytes");
        calls("java.lang.Long", null, "bitCount", "numberOfLeadingZeros", "numberOfTrailingZeros", "reverseBytes");
        calls("java.lang.Float", null, "floatToIntBits", "intBitsToFloat");
        calls("java.lang.Double", null, "doubleToLongBits", "longBitsToDouble");
        calls("sun.security.provider.MD5", make("sun.security.provider.MD5", new Class<?>[0]), "implCompress0");
        calls("sun.security.provider.DigestBase", make("sun.security.provider.SHA", new Class<?>[0]), "implCompressMultiBlock0");
        calls("sun.security.provider.DigestBase", make("sun.security.provider.SHA3$SHA256", new Class<?>[0]), "implCompressMultiBlock0");
        modes();
        ciphers();
        digests();
        numbers();
        checksums();
        base64();
        strings();
        functions();
    }
}
