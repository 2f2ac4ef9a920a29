#!/usr/bin/python3
"""Stock applications of Debian on our virtual machine and on HotSpot: the same output, exit codes and files.

    apps_test.py LIBJVM-FOLDER APPLICATION [--long] [--keep FOLDER] [--time] [--limit SECONDS]

Each application does its work once on either machine, in a folder of its own. JDK_ALTERNATE_VM puts our machine below all
Java programs that are started, also those that they start; java.vm.name is printed in each and counted.
"""
import argparse
import contextlib
import glob
import hashlib
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))
from debian_package import skip, unpack  # noqa: E402

JDK = "/usr/lib/jvm/java-17-openjdk-amd64"
JAVA = f"{JDK}/bin/java"
SHARED = "/usr/share/java"
OURS, HOTSPOT = "Strata 64-Bit VM", "OpenJDK 64-Bit Server VM"
# Tools that take it print java.vm.name and more: what remains of that is the one line.
SETTINGS = "-XshowSettings:properties"
SETTINGS_BLOCK = re.compile(r"^Property settings:\n(?:    .*\n)*?    java\.vm\.name = (.*)\n(?:    .*\n)*\n?", re.M)


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Place:
    """Where one machine does an application's work."""

    def __init__(self, folder, machine, deadline):
        self.folder, self.machine, self.deadline = folder, machine, deadline
        self.environment = {"PATH": f"{JDK}/bin:/usr/bin:/bin", "JAVA_HOME": JDK, "HOME": folder, "LC_ALL": "C.UTF-8", "TERM": "dumb"}
        if machine:
            self.environment["JDK_ALTERNATE_VM"] = machine
        self.seen, self.told, self.times = 0, [], []

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def put(self, name, *parts):
        """A copy of one of the files beside this test."""
        path = self.path(*parts, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return shutil.copy(os.path.join(HERE, name), path)

    def write(self, text, *parts):
        os.makedirs(os.path.dirname(self.path(*parts)), exist_ok=True)
        with open(self.path(*parts), "w") as out:
            out.write(text)

    @contextlib.contextmanager
    def started(self, *words, **more):
        """A program that runs; at the end, or when the test's time is over, it is gone with all that it started."""
        process = subprocess.Popen(words, cwd=self.folder, env={**self.environment, **more}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, start_new_session=True)
        over = threading.Event()

        def end():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        def expire():
            over.set()
            end()

        timer = threading.Timer(self.deadline - time.monotonic(), expire)
        timer.start()
        try:
            with process:
                try:
                    yield process
                finally:
                    if process.poll() is None:
                        end()
        finally:
            timer.cancel()
            if over.is_set():
                sys.exit(f"FAILED: the time was over and ended on {OURS if self.machine else HOTSPOT}: {' '.join(words)}")

    def run(self, *words, masks=(), feed="", **more):
        """Runs a program and remembers what it told."""
        begun = time.monotonic()
        with self.started(*words, **more) as process:
            out, errors = process.communicate(feed.encode())
        self.times.append((time.monotonic() - begun, words[0]))
        self.tell("status", process.returncode)
        for kind, text in (("output", out), ("errors", errors)):
            self.tell(kind, self.masked(text.decode(errors="replace"), masks))

    def masked(self, text, masks):
        text = SETTINGS_BLOCK.sub(r"\1\n", text)
        wrong = HOTSPOT if self.machine else OURS
        if wrong in text:
            self.tell("another machine", text)
        name = OURS if self.machine else HOTSPOT
        self.seen += text.count(name)
        text = text.replace(name, "VM").replace(self.folder, "FOLDER")
        for pattern, instead in masks:
            text = re.sub(pattern, instead, text, flags=re.M)
        return text

    def tell(self, kind, what):
        self.told.append((kind, what))

    def tell_files(self, pattern):
        """The contents of files; those of archives by their members."""
        paths = sorted(p for p in glob.glob(self.path(pattern), recursive=True) if os.path.isfile(p))
        self.tell("number of files", len(paths))
        for path in paths:
            if path.endswith(".jar"):
                with zipfile.ZipFile(path) as jar:
                    told = [(name, digest(jar.read(name))) for name in jar.namelist()]
            else:
                with open(path, "rb") as file:
                    told = digest(file.read())
            self.tell(os.path.relpath(path, self.folder), told)


class Application:
    needs = {}      # a file that must be there, and its package
    machines = 1    # how many of the virtual machines that do the work tell their name

    def work(self, place, long):
        raise NotImplementedError


class Javac(Application):
    """Compiles a program, what no compiler accepts and, in the long form, parts of java.base."""
    machines = 3

    def work(self, place, long):
        place.put("Sample.java"), place.put("Broken.java")
        place.write('class Hello {\n    public static void main(String[] a) {\n        System.out.println("Hello, World");\n    }\n}\n',
                    "Hello.java")
        place.run("javac", "-J" + SETTINGS, "-Xlint:all", "-d", "out", "Hello.java", "Sample.java")
        place.run("java", "-cp", "out", "Hello")
        place.run("java", "-cp", "out", "sample.Sample")
        place.run("javac", "-J" + SETTINGS, "-d", "out", "Broken.java")
        place.tell_files("out/**")


class JavaBase(Application):
    """javac on java.base's own java/util and java/time."""
    machines = 2
    archive = "usr/lib/jvm/openjdk-17/lib/src.zip"

    def source(self):
        """Of the package openjdk-17-source, which wants a desktop's libraries: as it is installed, or unpacked below the build."""
        installed, folder = "/" + self.archive, os.path.join(os.environ.get("STRATA_BUILD", tempfile.gettempdir()), "java", "source")
        if not os.path.exists(installed) and not os.path.exists(os.path.join(folder, self.archive)):
            unpack("openjdk-17-source", folder)
        return installed if os.path.exists(installed) else os.path.join(folder, self.archive)

    def work(self, place, long):
        for part in ("util", "time"):
            with zipfile.ZipFile(self.source()) as source:
                names = sorted(n for n in source.namelist() if n.startswith(f"java.base/java/{part}/") and n.endswith(".java"))
                source.extractall(place.path("source"), names)
            place.write("".join(f"source/{name}\n" for name in names), part)
            place.run("javac", "-J" + SETTINGS, "-J-Xmx1g", "-nowarn", "--patch-module", "java.base=source/java.base", "-d", "out/" + part, "@" + part)
            place.tell_files(f"out/{part}/**")


class Jshell(Application):
    needs = {f"{JDK}/bin/jshell": "openjdk-17-jdk-headless"}

    def work(self, place, long):
        place.put("sample.jsh")
        place.run("jshell", "--execution", "local", "-s", "sample.jsh")
        place.run("jshell", "--execution", "local", "--feedback", "normal", feed=open(place.path("sample.jsh")).read())


class Jar(Application):
    machines = 5

    def work(self, place, long):
        place.put("Sample.java")
        subprocess.run([f"{JDK}/bin/javac", "-d", place.path("out"), place.path("Sample.java")], check=True)
        tool = ("jar", "-J" + SETTINGS)
        place.run(*tool, "--create", "--file", "sample.jar", "--main-class", "sample.Sample", "--date=2020-01-01T00:00:00Z", "-C", "out", ".")
        place.run(*tool, "--list", "--verbose", "--file", "sample.jar", TZ="UTC")
        place.run(*tool, "--extract", "--file", "sample.jar", "META-INF/MANIFEST.MF")
        place.run(*tool, "--list", "--file", "nowhere.jar")
        place.run("java", "-jar", "sample.jar")
        place.tell_files("sample.jar"), place.tell_files("META-INF/*")


class Keytool(Application):
    """A key pair: made by each machine, and its certificate read by HotSpot."""
    machines = 3
    masks = ((r"(?:[0-9A-F]{2}:){19,}[0-9A-F]{2}", "FINGERPRINT"), (r"^Serial number: [0-9a-f]+", "SERIAL"),
             (r"^(0000|0010): .*", r"\1: KEY"), (r"^(Creation date|Valid from): .*", r"\1"), (r"\w{3} \d+, \d{4}", "DATE"))

    def work(self, place, long):
        tool, store = ("keytool", "-J" + SETTINGS), ("-keystore", "keys", "-storepass", "secret")
        place.run(*tool, "-genkeypair", "-keyalg", "RSA", "-keysize", "2048", "-alias", "key", "-dname", "CN=sample", *store, masks=self.masks)
        place.run(*tool, "-list", "-v", *store, masks=self.masks)
        place.run(*tool, "-list", "-keystore", "keys", "-storepass", "another", masks=self.masks)
        read = subprocess.run([f"{JDK}/bin/keytool", "-exportcert", "-rfc", "-alias", "key", *store], cwd=place.folder, capture_output=True)
        checked = subprocess.run(["openssl", "verify", "-check_ss_sig", "-CAfile", "/dev/stdin"], input=read.stdout, capture_output=True)
        place.tell("read by HotSpot", (read.returncode, len(read.stdout) > 1000, checked.returncode))


class Ant(Application):
    needs = {"/usr/share/ant/lib/ant.jar": "ant"}
    machines = 2

    def work(self, place, long):
        place.put("build.xml"), place.put("Sample.java", "src", "sample")
        place.run("ant", masks=((r"^Total time: .*", "TIME"),))
        place.tell_files("out/**/*.class")


class Maven(Application):
    """Offline, on a copy of Debian's repository that is its own to write; surefire starts another machine."""
    repository = "/usr/share/maven-repo/org/apache/maven/plugins"
    needs = {"/usr/share/maven/bin/mvn": "maven", f"{repository}/maven-compiler-plugin": "libmaven-compiler-plugin-java",
             f"{repository}/maven-jar-plugin": "libmaven-jar-plugin-java", f"{repository}/maven-surefire-plugin": "libsurefire-java",
             f"{repository}/maven-resources-plugin": "libmaven-resources-plugin-java", f"{SHARED}/junit4.jar": "junit4"}
    masks = ((r"\d+[.,]?\d* m?s\b", "TIME"), (r"Finished at: .*", "TIME"), (r"(Total time|Time elapsed): .*?(?= - in|$| <<<)", r"\1"))

    def work(self, place, long):
        subprocess.run(["cp", "-rs", "/usr/share/maven-repo", place.path("repository")], check=True)
        place.put("pom.xml")
        place.put("Sample.java", "src", "main", "java", "sample"), place.put("SampleTest.java", "src", "test", "java", "sample")
        place.run("sh", "/usr/share/maven/bin/mvn", "-o", "-B", "-Dmaven.repo.local=" + place.path("repository"), "package", masks=self.masks)
        place.tell_files("target/*.jar")


class Ecj(Application):
    needs = {"/usr/bin/ecj": "ecj"}
    machines = 2

    def work(self, place, long):
        place.put("Sample.java"), place.put("Broken.java")
        place.run("ecj", "-17", "-d", "out", "Sample.java", JAVA_ARGS=SETTINGS)
        place.run("java", "-cp", "out", "sample.Sample")
        place.run("ecj", "-17", "-d", "out", "Broken.java", JAVA_ARGS=SETTINGS)
        place.tell_files("out/**")


class Groovy(Application):
    needs = {"/usr/share/groovy/bin/groovy": "groovy"}

    def work(self, place, long):
        place.put("sample.groovy")
        place.run("sh", "/usr/share/groovy/bin/groovy", "sample.groovy")


class Clojure(Application):
    needs = {"/usr/bin/clojure1.11": "clojure"}

    def work(self, place, long):
        place.put("sample.clj")
        place.run("/usr/bin/clojure1.11", "sample.clj")


class Scala(Application):
    needs = {"/usr/share/scala-2.11/bin/scalac": "scala"}

    def work(self, place, long):
        place.put("Sample.scala")
        os.mkdir(place.path("out"))
        place.run("/usr/share/scala-2.11/bin/scalac", "-J" + SETTINGS, "-d", "out", "Sample.scala")
        place.run("/usr/share/scala-2.11/bin/scala", "-cp", "out", "Sample")
        place.tell_files("out/**")


class Kotlin(Application):
    needs = {"/usr/share/kotlin/kotlinc/bin/kotlinc": "kotlin"}

    def work(self, place, long):
        place.put("sample.kt")
        place.run("/usr/share/kotlin/kotlinc/bin/kotlinc", "-J" + SETTINGS, "-d", "out", "sample.kt")
        place.run("java", "-cp", "out:/usr/share/java/kotlin-stdlib.jar", "SampleKt")
        place.tell_files("out/**")


class Jython(Application):
    needs = {"/usr/share/jython/bin/jython": "jython"}

    def work(self, place, long):
        place.put("sample.py")
        place.run("sh", "/usr/share/jython/bin/jython", "-Dpython.cachedir.skip=true", "sample.py")


class H2(Application):
    needs = {f"{SHARED}/h2.jar": "libh2-java"}

    def work(self, place, long):
        place.put("Database.java")
        subprocess.run([f"{JDK}/bin/javac", "-d", place.folder, place.path("Database.java")], check=True)
        place.run("java", "-cp", f".:{SHARED}/h2.jar", "Database", "./database", "20000" if long else "1000")


class Tomcat(Application):
    """A servlet with sessions, a page of JSP and a file, asked by several clients at once."""
    needs = {f"{SHARED}/tomcat10-catalina.jar": "libtomcat10-java"}
    slow = r"^org\.apache\.catalina\.util\.SessionIdGeneratorBase createSecureRandom\nWARNING: Creation of SecureRandom .*\n"  # on a busy machine
    masks = ((r"^\w{3} \d+, \d{4} .*? (?=\S+ \S+$)", ""), (slow, ""), (r"\[\d+\]( milliseconds)?", "NUMBER"), (r"-\d+\"", '-PORT"'))
    clients = 4

    def work(self, place, long):
        jars = [j for j in glob.glob(f"{SHARED}/tomcat10-*.jar") if not re.search(r"-\d|i18n|-ant|-ha|storeconfig|tribes", j)]
        path = ":".join([place.folder, *sorted(jars), f"{SHARED}/eclipse-jdt-core.jar"])
        place.put("Server.java")
        place.write("<%@ page session=\"false\" %><% for (int i = 0; i < 3; i++) { %>row <%= i %> of ${param.name}\n<% } %>", "application", "page.jsp")
        place.write("static\n" * 10000, "application", "file.txt")
        subprocess.run([f"{JDK}/bin/javac", "-cp", path, "-d", place.folder, place.path("Server.java")], check=True)
        begun = time.monotonic()
        with place.started(JAVA, "-cp", path, "Server", place.folder) as server:
            errors = []
            drain = threading.Thread(target=lambda: errors.append(server.stderr.read()))
            drain.start()
            out = server.stdout.readline(), server.stdout.readline()
            if out[1].startswith(b"port "):
                place.tell("answers", self.ask(int(out[1].split()[1]), 10000 if long else 400))
            rest = self.end(server)
            drain.join()
        place.times.append((time.monotonic() - begun, "tomcat"))
        place.tell("status", server.returncode)
        place.tell("output", place.masked((out[0] + rest).decode(), self.masks))
        place.tell("errors", place.masked(errors[0].decode(), self.masks))

    @staticmethod
    def end(server):
        server.stdin.close()
        rest = server.stdout.read()
        server.wait(60)
        return rest

    def ask(self, port, count):
        """The answers, by client: each asks in turn for everything, on a connection that is kept."""
        answers = [None] * self.clients

        def client(number):
            connection, cookie, found = http.client.HTTPConnection("127.0.0.1", port, timeout=60), {}, hashlib.sha256()
            for i in range(count // self.clients):
                what = i % 5
                if what == 0:
                    connection.request("POST", "/app/sums", body=bytes([i % 256]) * (i * 37 % 20000), headers=cookie)
                else:
                    connection.request("GET", ["", f"/app/sums?to={i}", "/app/page.jsp?name=" + str(number), "/app/file.txt", "/app/none"][what],
                                       headers=cookie)
                answer = connection.getresponse()
                body = answer.read()
                if answer.getheader("Set-Cookie"):
                    cookie = {"Cookie": answer.getheader("Set-Cookie").split(";")[0]}
                found.update(repr((answer.status, answer.getheader("X-Length"), answer.getheader("Content-Type"), body)).encode())
            connection.close()
            answers[number] = (i, found.hexdigest(), body[-200:])

        threads = [threading.Thread(target=client, args=(number,)) for number in range(self.clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers


APPLICATIONS = {kind.__name__.lower(): kind for kind in Application.__subclasses__()}


def show(ours, theirs):
    """Prints what differs; returns whether anything does."""
    differ = len(ours) != len(theirs)
    for (kind, one), (other_kind, other) in zip(ours, theirs):
        if kind != other_kind or one != other:
            differ = True
            print(f"--- {kind} of ours:\n{one}\n--- {other_kind} of HotSpot's:\n{other}")
    return differ


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("libjvm")
    parser.add_argument("application", choices=APPLICATIONS)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--keep", help="the folder to work in, which is left")
    parser.add_argument("--limit", type=int, default=1000, help="seconds after which the program that runs is ended and named")
    parser.add_argument("--time", action="store_true", help="tell how long each program took")
    args = parser.parse_args()
    application = APPLICATIONS[args.application]()
    for path, package in {f"{JDK}/bin/javac": "openjdk-17-jdk-headless", **application.needs}.items():
        if not os.path.exists(path):
            skip(f"{package} is not installed (./bootstrap install-packages --peers)")
    base = args.keep or tempfile.mkdtemp()
    deadline = time.monotonic() + args.limit
    places = [Place(os.path.join(base, "hotspot"), None, deadline), Place(os.path.join(base, "strata"), os.path.abspath(args.libjvm), deadline)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("FAILED: ended from outside"))
    try:
        for place in places:
            os.makedirs(place.folder)
            application.work(place, args.long)
            if args.time:
                print(*(f"{seconds:.1f} s {word}" for seconds, word in place.times), sep=", ")
        theirs, ours = places
        bad = show(ours.told, theirs.told)
        if ours.seen != theirs.seen or ours.seen < application.machines:
            print(f"{ours.seen} machines are ours, {theirs.seen} HotSpot's, at least {application.machines} meant to be")
            bad = True
        print("FAILED" if bad else "ok", args.application)
        sys.exit(bad)
    finally:
        if not args.keep:
            shutil.rmtree(base)


main()
