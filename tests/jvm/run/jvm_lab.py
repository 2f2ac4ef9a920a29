"""What the tests of this folder share: Java programs run on HotSpot and on our libjvm.so."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
JDK = "/usr/lib/jvm/java-17-openjdk-amd64"
# The library's own class writer, which makes classes that no compiler makes.
WRITER = "--add-exports=java.base/jdk.internal.org.objectweb.asm=ALL-UNNAMED"


def skip_unless_possible():
    if not os.access(f"{JDK}/bin/javac", os.X_OK):
        print("SKIPPED: no javac of OpenJDK 17 (openjdk-17-jdk-headless)")
        sys.exit(77)


def compile_programs(classes, *names):
    """All programs of this folder, or those."""
    names = names or [name for name in os.listdir(HERE) if name.endswith(".java")]
    sources = [os.path.join(HERE, name) for name in names]
    subprocess.run([f"{JDK}/bin/javac", "-nowarn", "-Xlint:none", "-XDignore.symbol.file", WRITER, "-d", classes, *sources], check=True)


def sanitizer(folder):
    """What a library built with AddressSanitizer needs in a launcher that was not."""
    with open(f"{folder}/libjvm.so", "rb") as library:
        if b"__asan_init" not in library.read():
            return {}
    found = subprocess.run(["clang", "-print-file-name=libclang_rt.asan-x86_64.so"], capture_output=True, text=True, check=True)
    # Launcher and library leave what they have to the end of the process; stacks are scanned where they are.
    # SIGBUS is the machine's own: it is what an access to a file that became shorter gives.
    return {"LD_PRELOAD": found.stdout.strip(),
            "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0:abort_on_error=1:handle_sigbus=0"}


def run(java, words, classes, more=None):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JAVA", "_JAVA", "JDK"))}
    environment.update(more or {})
    done = subprocess.run([*java, *words], cwd=classes, capture_output=True, timeout=600, env=environment)
    return done.returncode, done.stdout.decode(), done.stderr.decode()
