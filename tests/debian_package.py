"""Debian packages for tests: downloaded and unpacked below the build, never installed."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(77)


def unpack(package, folder):
    """Puts a package's files there, in place of what is there; skips the test where they cannot be had."""
    cache = os.path.dirname(folder)
    os.makedirs(cache, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as place:
        try:
            done = subprocess.run(["apt-get", "download", "-q", package], cwd=place, capture_output=True, text=True)
        except FileNotFoundError:
            skip(f"{package} cannot be downloaded: there is no apt-get")
        files = glob.glob(f"{place}/*.deb")
        if done.returncode != 0 or not files:
            skip(f"{package} cannot be downloaded: {done.stderr.strip()[-200:]}")
        subprocess.run(["dpkg-deb", "-x", files[0], f"{place}/unpacked"], check=True)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(f"{place}/unpacked", folder)
