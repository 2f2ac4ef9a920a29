"""Java for tests of `strata`: where it is, and classes and jars made from the sources beside this file.

The class library of openjdk-17-jre-headless has the compiler: no JDK is needed.
"""
import glob
import os
import subprocess
import sys
import zipfile

BUILD = os.path.abspath(os.environ.get("STRATA_BUILD", "out/dev"))
HERE = os.path.dirname(os.path.abspath(__file__))
HOME = os.path.realpath(next(iter(sorted(glob.glob("/usr/lib/jvm/java-17-openjdk-*"))), "/nowhere"))
LAUNCHER = f"{HOME}/bin/java"


def skip_unless_possible():
    """Leaves the program with 77 where there is no Java 17."""
    if not os.access(LAUNCHER, os.X_OK):
        print("SKIPPED: openjdk-17-jre-headless is not installed")
        sys.exit(77)


def environment():
    """The caller's, without what steers Java."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("JAVA", "_JAVA", "JDK"))}


def compile_class(name, folder):
    """Compiles NAME.java, which stands beside this file, into the folder."""
    subprocess.run([LAUNCHER, "-m", "jdk.compiler/com.sun.tools.javac.Main", "-d", folder, os.path.join(HERE, f"{name}.java")],
                   env=environment(), check=True, timeout=120)


def make_jar(path, main, folder):
    """A jar of all classes in the folder that starts main's class; None: it does not say which."""
    manifest = "Manifest-Version: 1.0\r\n" + (f"Main-Class: {main}\r\n" if main else "") + "\r\n"
    with zipfile.ZipFile(path, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", manifest)
        for name in sorted(os.listdir(folder)):
            if name.endswith(".class"):
                jar.write(os.path.join(folder, name), name)
