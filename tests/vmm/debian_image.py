"""A Debian with systemd on a disk, with its kernel, its initial RAM disk and a repository of a few packages: made by mmdebstrap
without loop devices, kept by the digest of its recipe below the build."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile

from vmm_lab import skip

PASSWORD = "strata"
DISK_SIZE = "2G"
PACKAGES = ("systemd-sysv", "udev", "dbus", "login", "iproute2", "procps", "linux-image-cloud-amd64", "initramfs-tools")
OFFERED = ("jq", "hello")  # what the guest installs; jq comes with two libraries
NETWORK = """[Match]
Type=ether

[Network]
DHCP=ipv4
"""
SETUP = f"""set -e
echo root:{PASSWORD} | chpasswd
systemctl enable systemd-networkd
apt-get install -y -q --download-only -o Dir::Cache::Archives=/srv {' '.join(OFFERED)}
"""
FILES = {
    "/etc/hostname": "strata-guest\n",
    "/etc/hosts": "127.0.0.1 localhost strata-guest\n",
    "/etc/resolv.conf": "nameserver 10.0.2.3\n",
    "/etc/fstab": "/dev/vda / ext4 errors=remount-ro 0 1\n",
    "/etc/systemd/network/80-wired.network": NETWORK,
}
NO_MIRROR = re.compile(r"Failed to fetch|[Cc]ould not (resolve|connect)|Unable to (connect|locate)|no longer has a Release|"
                       r"Temporary failure|apt-get update.*failed|keyring|invalid suite")


class DebianImage:
    """Paths of what was made: .kernel .initrd .disk (to be copied before it is written) .repository."""

    def __init__(self, folder):
        self.kernel, self.initrd, self.disk, self.repository = (os.path.join(folder, name) for name in
                                                                ("vmlinuz", "initrd", "disk", "repository"))

    def copy_disk(self, to):
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", self.disk, to], check=True)


def debian_image(cache, suite):
    """Of an earlier run with the same recipe, or made now, which takes a minute and needs a mirror of Debian's."""
    recipe = json.dumps([suite, DISK_SIZE, PACKAGES, SETUP, FILES, MAKE_DISK], sort_keys=True)
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:16]
    folder = os.path.join(cache, f"debian-{suite}-{digest}")
    if not os.path.exists(folder):
        for tool in ("mmdebstrap", "mke2fs", "tar"):
            if shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
                skip(f"no {tool}")
        os.makedirs(cache, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="debian-new.", dir=cache) as new:
            os.chmod(new, 0o755)
            make_root(new, suite)
            make_disk(new)
            made = os.path.join(new, "made")
            make_repository(os.path.join(made, "repository"))
            for old in os.listdir(cache):
                if old.startswith(f"debian-{suite}-"):
                    shutil.rmtree(os.path.join(cache, old))
            os.rename(made, folder)
    return DebianImage(folder)


def make_root(new, suite):
    with open(os.path.join(new, "setup"), "w") as file:
        file.write(SETUP)
    hooks = [f"--customize-hook=chroot \"$1\" sh -c \"$(cat '{new}/setup')\""]
    for path, text in FILES.items():
        source = os.path.join(new, os.path.basename(path))
        with open(source, "w") as file:
            file.write(text)
        hooks.append(f"--customize-hook=upload '{source}' {path}")
    done = subprocess.run(["mmdebstrap", "--variant=minbase", "--include=" + ",".join(PACKAGES), *hooks, suite,
                           os.path.join(new, "root.tar")], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, errors="replace")
    if done.returncode != 0:
        if NO_MIRROR.search(done.stderr):
            skip(f"Debian {suite} cannot be fetched: {done.stderr.strip()[-300:]}")
        raise AssertionError(f"mmdebstrap has failed: {done.stderr[-3000:]}")


# mke2fs fills the file system from a folder; who is not root does so in a user namespace that mmdebstrap makes.
MAKE_DISK = """set -e
cd "$1"; mkdir root made
tar --extract --numeric-owner --xattrs --file root.tar --directory root
cp -L root/vmlinuz root/initrd.img made
mv made/initrd.img made/initrd
mv root/srv made/repository; mkdir root/srv
mke2fs -q -t ext4 -L root -d root made/disk """ + DISK_SIZE + """ >/dev/null
rm -rf root root.tar
chmod -R a+rX made
"""


def make_disk(new):
    command = ["sh", "-c", MAKE_DISK, "sh", new]
    if os.geteuid() != 0:
        os.chmod(new, 0o777)
        command = ["mmdebstrap", "--unshare-helper", *command]
    environment = {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    subprocess.run(command, check=True, env=environment)


def make_repository(folder):
    """The index of a flat repository."""
    with open(os.path.join(folder, "Packages"), "w") as index:
        for name in sorted(os.listdir(folder)):
            if not name.endswith(".deb"):
                continue
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                content = file.read()
            fields = subprocess.run(["dpkg-deb", "--field", path], capture_output=True, text=True, check=True).stdout
            index.write(f"{fields.rstrip()}\nFilename: ./{name}\nSize: {len(content)}\n"
                        f"SHA256: {hashlib.sha256(content).hexdigest()}\n\n")
