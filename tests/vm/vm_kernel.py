"""Debian's cloud kernel for tests: its package is downloaded and unpacked below the build, never installed."""
import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from debian_package import skip, unpack  # noqa: E402


def kernel_package():
    listed = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], capture_output=True, text=True).stdout
    match = re.search(r"Depends: (linux-image-\S+)", listed)
    return match[1] if match else None


def fetch_kernel(cache):
    """The unpacked package: from an earlier run, or downloaded now."""
    unpacked = os.path.join(cache, "kernel")
    if not glob.glob(f"{unpacked}/boot/vmlinuz-*"):
        package = kernel_package()
        if package is None:
            skip("no package linux-image-cloud-amd64 is known to apt")
        unpack(package, unpacked)
    return glob.glob(f"{unpacked}/boot/vmlinuz-*")[0], unpacked
