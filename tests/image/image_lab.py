"""Stores of images to try things in, and archives made by hand to try them with."""
import gzip
import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback

STRATA = os.path.join(os.environ.get("STRATA_BUILD", "out/dev"), "strata")
SHORT = os.environ.get("STRATA_SHORT") == "1"


class Skip(Exception):
    """A case that cannot run here, with the reason."""


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


class Store:
    """A data folder of its own, and what it holds."""

    def __init__(self, folder):
        self.folder = folder
        self.images = os.path.join(folder, "images")
        self.env = dict(os.environ, STRATA_DATA=folder, STRATA_RUN=os.path.join(folder, "run"))

    def run(self, *args, data=None, path=None, check=True, timeout=120):
        stdin = open(path, "rb") if path else None
        try:
            done = subprocess.run([STRATA, *args], input=data, stdin=stdin if data is None else None,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env, timeout=timeout,
                                  check=False)
        finally:
            if stdin:
                stdin.close()
        done.out = done.stdout.decode(errors="replace")
        done.err = done.stderr.decode(errors="replace")
        if check and done.returncode != 0:
            raise AssertionError(f"strata {' '.join(args)}: {done.returncode}: {done.err}")
        assert done.returncode in (0, 1), (args, done.returncode, done.err)
        return done

    def refuses(self, data, *words, args=("load",)):
        """Loading fails with one line that has these words, and leaves the store as it was."""
        self.run("images")  # makes the store if there is none yet
        before = self.listing()
        done = self.run(*args, data=data, check=False)
        assert done.returncode == 1, f"was not refused: {done.out}"
        lines = done.err.splitlines()
        assert len(lines) in (1, 2) and lines[0].startswith("strata: "), done.err
        for word in words:
            assert word in done.err, (word, done.err)
        assert done.out == "", done.out
        assert self.listing() == before, "the store has changed"

    def listing(self):
        """Every path below the store with what tells a change."""
        found = {}
        for folder, folders, files in os.walk(self.images):
            for name in folders + files:
                path = os.path.join(folder, name)
                at = os.lstat(path)
                found[os.path.relpath(path, self.images)] = (
                    at.st_mode, at.st_uid, at.st_gid, at.st_size if stat.S_ISREG(at.st_mode) else 0)
        return found

    def check_clean(self):
        """After some command: nothing half made, and nothing that no image needs."""
        self.run("images")
        assert os.listdir(os.path.join(self.images, "work")) == [], os.listdir(os.path.join(self.images, "work"))
        extra = [name for name in os.listdir(self.images) if name.startswith(".")]
        assert extra == [], extra
        blobs, layers = set(), set()
        index = os.path.join(self.images, "index.json")
        entries = json.load(open(index, encoding="utf-8"))["manifests"] if os.path.exists(index) else []
        for entry in entries:
            manifest = json.loads(self.blob(entry["digest"]))
            config = json.loads(self.blob(manifest["config"]["digest"]))
            blobs |= {entry["digest"], manifest["config"]["digest"]} | {d["digest"] for d in manifest["layers"]}
            layers |= set(config["rootfs"]["diff_ids"])
        hexes = {d.split(":")[1] for d in blobs}
        assert set(os.listdir(os.path.join(self.images, "blobs/sha256"))) == hexes, "blobs"
        assert set(os.listdir(os.path.join(self.images, "layers"))) == {d.split(":")[1] for d in layers}, "layers"
        for name in hexes:
            data = open(os.path.join(self.images, "blobs/sha256", name), "rb").read()
            assert hashlib.sha256(data).hexdigest() == name, f"blob {name} is damaged"

    def blob(self, name):
        return open(os.path.join(self.images, "blobs/sha256", name.split(":")[1]), "rb").read()

    def layers(self, image):
        """Folders of the image's layers, lowest first."""
        found = json.loads(self.run("image", "inspect", image).out)[0]["RootFS"]["Layers"]
        return [os.path.join(self.images, "layers", d.split(":")[1], "root") for d in found]


def entry(name, data=b"", **values):
    """A member for tar_of: a TarInfo and its data."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mode = 0o644
    info.mtime = 1700000000
    for key, value in values.items():
        setattr(info, key, value)
    if info.type == tarfile.DIRTYPE and "mode" not in values:
        info.mode = 0o755
    return info, data


def folder(name, **values):
    return entry(name, type=tarfile.DIRTYPE, **values)


def link(name, target, **values):
    return entry(name, type=tarfile.SYMTYPE, linkname=target, **values)


def hard_link(name, target, **values):
    return entry(name, type=tarfile.LNKTYPE, linkname=target, **values)


def tar_of(*members, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for member in members:
            if isinstance(member, bytes):
                out.write(member)
                tar.offset += len(member)
            else:
                tar.addfile(member[0], io.BytesIO(member[1]))
    return out.getvalue()


def config_of(*diff_ids, **values):
    document = {"architecture": "amd64", "os": "linux", "created": "2023-11-14T22:13:20Z", "config": {},
                "rootfs": {"type": "layers", "diff_ids": list(diff_ids)}}
    document.update(values)
    return json.dumps(document).encode()


def docker_archive(*layers, name="test:1", packed=None, diff_ids=None, config=None, manifest=None):
    """A docker-archive of layers that are tars; packed: what is stored in their place."""
    packed = packed or layers
    config = config or config_of(*(diff_ids or [digest(data) for data in layers]))
    names = [f"layer{i}.tar" for i in range(len(packed))]
    document = [{"Config": "config.json", "RepoTags": [name] if name else [], "Layers": names}]
    members = [entry(n, data) for n, data in zip(names, packed)]
    members.append(entry("config.json", config))
    members.append(entry("manifest.json", manifest or json.dumps(document).encode()))
    return tar_of(*members)


def media_type(data):
    forms = {b"\x1f\x8b": "+gzip", b"\x28\xb5": "+zstd"}
    return "application/vnd.oci.image.layer.v1.tar" + forms.get(data[:2], "")


def oci_archive(*layers, name="docker.io/library/test:1", packed=None, change=None):
    """An oci-archive. change(documents) may alter what it says before it is written: config, manifest and
    index as dictionaries, packed layers as bytes by their digest."""
    packed = packed or layers
    blobs = {digest(data): data for data in packed}
    config = json.loads(config_of(*[digest(data) for data in layers]))
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "layers": [{"mediaType": media_type(data), "digest": digest(data),
                            "size": len(data)} for data in packed]}
    descriptor = {"mediaType": "application/vnd.oci.image.manifest.v1+json",
                  "annotations": {"io.containerd.image.name": name} if name else {}}
    documents = {"config": config, "manifest": manifest, "descriptor": descriptor, "blobs": blobs}
    if change:
        change(documents)
    config_data = json.dumps(config).encode()
    manifest.setdefault("config", {"mediaType": "application/vnd.oci.image.config.v1+json",
                                   "digest": digest(config_data), "size": len(config_data)})
    manifest_data = json.dumps(manifest).encode()
    descriptor.setdefault("digest", digest(manifest_data))
    descriptor.setdefault("size", len(manifest_data))
    blobs.setdefault(digest(config_data), config_data)
    blobs.setdefault(digest(manifest_data), manifest_data)
    members = [entry("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')]
    members += [entry("blobs/sha256/" + d.split(":")[1], data) for d, data in blobs.items()]
    members.append(entry("index.json", json.dumps({"schemaVersion": 2, "manifests": [descriptor]}).encode()))
    return tar_of(*members)


def block(kind, payload, size=None, name="x"):
    """A header of any kind, with what follows it, as tarfile would not write it."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = len(payload) if size is None else size
    return info.tobuf(tarfile.USTAR_FORMAT) + payload + bytes(-len(payload) % 512)


def pax(*pairs):
    """An extended header with records of bytes: key, value, key, value..."""
    records = b""
    for key, value in zip(pairs[::2], pairs[1::2]):
        rest = b" " + key.encode() + b"=" + value + b"\n"
        length = len(rest)
        while length != len(rest) + len(str(length)):
            length = len(rest) + len(str(length))
        records += str(length).encode() + rest
    return block(b"x", records)


def gz(data):
    return gzip.compress(data, 6, mtime=0)


def main(cases):
    """Runs the cases, each with a store of its own; the names given as arguments, or all."""
    if not os.path.exists(STRATA):
        print(f"SKIPPED: {STRATA} is not built")
        return 77
    if os.geteuid() != 0:
        print("SKIPPED: unpacking layers needs root")
        return 77
    failed = []
    for case in cases:
        if len(sys.argv) > 1 and case.__name__ not in sys.argv[1:]:
            continue
        place = tempfile.mkdtemp(prefix="strata-image-")
        begun = time.monotonic()
        try:
            case(Store(os.path.join(place, "data")))
            print(f"ok {case.__name__} {time.monotonic() - begun:.1f}s", flush=True)
        except Skip as why:
            print(f"SKIPPED: {case.__name__}: {why}", flush=True)
        except Exception:  # pylint: disable=broad-except
            traceback.print_exc()
            failed.append(case.__name__)
            print(f"FAILED {case.__name__}", flush=True)
        finally:
            shutil.rmtree(place, ignore_errors=True)
    return 1 if failed else 0
