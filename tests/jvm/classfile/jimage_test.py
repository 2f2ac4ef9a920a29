"""Our reader of lib/modules against the JDK's libjimage: every resource and every package.
    jimage_test.py COMPARE
"""
import os
import subprocess
import sys

JDKS = ("/usr/lib/jvm/java-17-openjdk-amd64", "/usr/lib/jvm/java-17-openjdk-arm64")


def main():
    jdk = next((j for j in JDKS if os.path.exists(os.path.join(j, "lib/libjimage.so"))), None)
    if jdk is None:
        print("SKIPPED: openjdk-17-jre-headless is not installed")
        return 77
    # The library and the libjvm it wants keep what they allocate until the process ends.
    options = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    return subprocess.run([sys.argv[1], jdk], timeout=200, env={**os.environ, "ASAN_OPTIONS": options}).returncode


if __name__ == "__main__":
    sys.exit(main())
