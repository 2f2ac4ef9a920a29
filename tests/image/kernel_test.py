"""The kernel of virtual machines, from a repository of packages made here: what is taken, in which order, and that a kill
leaves the old one or the new one."""
import hashlib
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from image_lab import SHORT, STRATA, Skip, main  # noqa: E402  pylint: disable=wrong-import-position

NEEDS = {  # of each module; those that nobody asks for are not taken
    "drivers/virtio/virtio_pci": "virtio_pci_modern_dev,virtio,virtio_ring", "drivers/virtio/virtio_pci_modern_dev": "",
    "drivers/virtio/virtio": "", "drivers/virtio/virtio_ring": "virtio", "drivers/block/virtio_blk": "virtio,virtio_ring",
    "drivers/net/virtio_net": "virtio,virtio_ring,net_failover", "drivers/net/net_failover": "failover",
    "net/core/failover": "", "net/vmw_vsock/vmw_vsock_virtio_transport": "vsock", "net/vmw_vsock/vsock": "",
    "drivers/char/hw_random/virtio-rng": "virtio,rng-core", "drivers/char/hw_random/rng-core": "", "fs/erofs/erofs": "",
    "fs/overlayfs/overlay": "", "fs/ext4/ext4": "jbd2", "fs/jbd2/jbd2": "", "drivers/unused": "nothing"}


def module(name, needs):
    """An ELF object with a .modinfo section alone."""
    names = b"\0.shstrtab\0.modinfo\0"
    texts = f"license=GPL\0depends={needs}\0name={name}\0".encode()
    start = 64 + 3 * 64

    def section(at, offset, size):
        return struct.pack("<IIQQQQIIQQ", at, 3, 0, 0, offset, size, 0, 0, 1, 0)
    head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, 64, 0, 64, 0, 0, 64, 3, 1)
    return head + section(0, 0, 0) + section(1, start, len(names)) + section(11, start + len(names), len(texts)) + names + texts


class Repository:
    """A repository in a folder, and apt set up to know nothing else."""

    def __init__(self, store):
        for program in ("apt-get", "dpkg-deb"):
            if shutil.which(program) is None:
                raise Skip(f"no {program}")
        self.place = store.folder + "-apt"
        self.arch = subprocess.run(["dpkg", "--print-architecture"], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
        self.entries = {}
        for name in ("repository", "state/lists/partial", "cache/archives/partial", "etc"):
            os.makedirs(f"{self.place}/{name}")
        open(f"{self.place}/state/status", "w", encoding="utf-8").close()
        with open(f"{self.place}/etc/sources.list", "w", encoding="utf-8") as file:
            file.write(f"deb [trusted=yes] file:{self.place}/repository ./\n")
        with open(f"{self.place}/etc/apt.conf", "w", encoding="utf-8") as file:
            file.write(f'Dir::State "{self.place}/state"; Dir::State::status "{self.place}/state/status";\n'
                       f'Dir::Cache "{self.place}/cache"; Dir::Etc::sourcelist "{self.place}/etc/sources.list";\n'
                       'Dir::Etc::sourceparts "/dev/null"; APT::Sandbox::User "root"; Acquire::Languages "none";\n')
        store.env["APT_CONFIG"] = f"{self.place}/etc/apt.conf"
        self.env = store.env

    def package(self, name, version, depends, files):
        tree = f"{self.place}/tree"
        os.makedirs(f"{tree}/DEBIAN")
        control = (f"Package: {name}\nVersion: {version}\nArchitecture: {self.arch}\nMaintainer: Test <test@example.org>\n"
                   f"{f'Depends: {depends}' + chr(10) if depends else ''}Description: test\n")
        for path, data in {"DEBIAN/control": control.encode(), **files}.items():
            os.makedirs(os.path.dirname(f"{tree}/{path}"), exist_ok=True)
            with open(f"{tree}/{path}", "wb") as file:
                file.write(data)
        deb = f"{name}_{version}_{self.arch}.deb"
        subprocess.run(["dpkg-deb", "-b", "-Znone", tree, f"{self.place}/repository/{deb}"], stdout=subprocess.DEVNULL, check=True)
        shutil.rmtree(tree)
        with open(f"{self.place}/repository/{deb}", "rb") as file:
            data = file.read()
        self.entries[name] = f"{control}Filename: ./{deb}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"

    def kernel(self, number, needs=None, packed=False, lib="lib", without=()):
        """The packages of a kernel of this number."""
        release = f"6.{number}.0-cloud-{self.arch}"
        base = f"{lib}/modules/{release}"
        files = {f"boot/vmlinuz-{release}": f"kernel {number} ".encode() * 50000,
                 f"{base}/modules.builtin": b"kernel/crypto/crc32c_generic.ko\n"}
        known = {path: need for path, need in (needs or NEEDS).items() if path not in without}
        files[f"{base}/modules.order"] = "".join(f"kernel/{path}.ko\n" for path in known).encode()
        for path, need in known.items():
            data = module(os.path.basename(path), need)
            if packed:
                data = subprocess.run(["xz", "-c", "--check=crc32"], input=data, stdout=subprocess.PIPE, check=True).stdout
            files[f"{base}/kernel/{path}.ko{'.xz' if packed else ''}"] = data
        self.package(f"linux-image-{release}", f"6.{number}-1", "", files)
        self.package(f"linux-image-cloud-{self.arch}", f"6.{number}-1", f"linux-image-{release}", {})
        with open(f"{self.place}/repository/Packages", "w", encoding="utf-8") as file:
            file.write("\n".join(self.entries.values()))
        subprocess.run(["apt-get", "update", "-qq"], env=self.env, check=True, stderr=subprocess.DEVNULL)
        return f"linux-image-{release} 6.{number}-1"


def taken(store):
    """The kernel's number and the modules' names, in the order of loading."""
    with open(f"{store.images}/kernel/vmlinuz", "rb") as file:
        number = file.read(20).split()[1].decode()
    names = sorted(os.listdir(f"{store.images}/kernel/modules"))
    assert [int(name[:2]) for name in names] == list(range(len(names))), names
    return number, [name[3:].removesuffix(".ko") for name in names]


def check_order(names):
    assert len(set(names)) == len(names), names
    assert set(names) == {os.path.basename(path).replace("-", "_") for path in NEEDS} - {"unused"}, names
    for path, needs in NEEDS.items():
        for need in needs.split(",") if needs and not path.endswith("unused") else []:
            me, other = os.path.basename(path).replace("-", "_"), need.replace("-", "_")
            assert names.index(other) < names.index(me), (me, other, names)


def refuses(store, *words):
    """Fails with these words, whatever apt may have said before, and leaves the store as it was."""
    store.run("images")
    before = store.listing()
    done = store.run("image", "bootstrap", "kernel", check=False)
    assert done.returncode == 1 and done.out == "" and "\nstrata: " in "\n" + done.err, done
    for word in words:
        assert word in done.err, (word, done.err)
    assert store.listing() == before, "the store has changed"


def the_kernel_is_taken_with_what_its_modules_need(store):
    what = Repository(store).kernel(1)
    assert store.run("image", "bootstrap", "kernel").out == f"{what} is in the store now, with {len(NEEDS) - 1} modules\n"
    number, names = taken(store)
    assert number == "1"
    check_order(names)
    store.run("image", "prune", "-a", "-f")
    before = store.listing()
    assert store.run("image", "bootstrap", "kernel").out == f"{what} is in the store already\n"
    assert store.listing() == before and taken(store)[0] == "1"
    store.check_clean()


def a_newer_kernel_takes_the_place_of_an_older_one(store):
    repository = Repository(store)
    repository.kernel(1)
    store.run("image", "bootstrap", "kernel")
    what = repository.kernel(2, packed=True, lib="usr/lib")
    assert store.run("image", "bootstrap", "kernel").out.startswith(f"{what} is in the store now")
    number, names = taken(store)
    assert number == "2"
    check_order(names)
    with open(f"{store.images}/kernel/modules/{names.index('erofs'):02}-erofs.ko", "rb") as file:
        assert file.read() == module("erofs", "")
    store.check_clean()


def what_is_missing_is_named_and_leaves_the_store_as_it_was(store):
    repository = Repository(store)
    refuses(store, "apt knows no package linux-image-cloud-", "apt-get update")
    repository.kernel(1)
    store.run("image", "bootstrap", "kernel")
    repository.kernel(2, without=("drivers/net/net_failover",))
    refuses(store, "has no module net_failover")
    repository.kernel(3, needs=dict(NEEDS, **{"net/vmw_vsock/vsock": "vmw_vsock_virtio_transport"}))
    refuses(store, "is no module that can be loaded")
    assert taken(store)[0] == "1"
    store.check_clean()


def a_kill_leaves_the_old_kernel_or_the_new_one(store):
    repository = Repository(store)
    repository.kernel(1)
    begun = time.monotonic()
    store.run("image", "bootstrap", "kernel")
    span = time.monotonic() - begun
    rounds, killed, number = 8 if SHORT else 20, 0, 1
    for _ in range(rounds):
        number += 1
        repository.kernel(number)
        process = subprocess.Popen([STRATA, "image", "bootstrap", "kernel"], env=store.env, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(span / 3, span))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        # What dpkg-deb had started may write for a moment longer: the next sweep after that takes it away.
        end = time.monotonic() + 5
        while store.run("images") and os.listdir(os.path.join(store.images, "work")) and time.monotonic() < end:
            time.sleep(0.05)
        store.check_clean()
        now, names = taken(store)
        check_order(names)
        assert int(now) <= number
    print(f"killed {killed} of {rounds}")
    store.run("image", "bootstrap", "kernel")
    assert taken(store)[0] == str(number)


if __name__ == "__main__":
    sys.exit(main([
        the_kernel_is_taken_with_what_its_modules_need,
        a_newer_kernel_takes_the_place_of_an_older_one,
        what_is_missing_is_named_and_leaves_the_store_as_it_was,
        a_kill_leaves_the_old_kernel_or_the_new_one,
    ]))
