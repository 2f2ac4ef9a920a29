"""Debian's cloud kernel for tests: its package is downloaded and unpacked below the build, never installed."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(77)


def kernel_package():
    listed = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], capture_output=True, text=True).stdout
    match = re.search(r"Depends: (linux-image-\S+)", listed)
    return match[1] if match else None


def fetch_kernel(cache):
    """The unpacked package: from an earlier run, or downloaded now."""
    os.makedirs(cache, exist_ok=True)
    unpacked = os.path.join(cache, "kernel")
    if not glob.glob(f"{unpacked}/boot/vmlinuz-*"):
        package = kernel_package()
        if package is None:
            skip("no package linux-image-cloud-amd64 is known to apt")
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            done = subprocess.run(["apt-get", "download", "-q", package], cwd=folder, capture_output=True, text=True)
            files = glob.glob(f"{folder}/*.deb")
            if done.returncode != 0 or not files:
                skip(f"{package} cannot be downloaded: {done.stderr.strip()[-200:]}")
            subprocess.run(["dpkg-deb", "-x", files[0], f"{folder}/unpacked"], check=True)
            shutil.rmtree(unpacked, ignore_errors=True)
            os.rename(f"{folder}/unpacked", unpacked)
    return glob.glob(f"{unpacked}/boot/vmlinuz-*")[0], unpacked
