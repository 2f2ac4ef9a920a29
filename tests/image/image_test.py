"""Images as a user meets them: load, save, inspect, tag, remove, bootstrap; what becomes of layers."""
import io
import json
import os
import stat
import subprocess
import sys
import tarfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from image_lab import (Skip, digest, docker_archive, entry, folder, gz, hard_link, link, main,  # noqa: E402  pylint: disable=wrong-import-position
                       oci_archive, pax, tar_of, zstd)


def have(program):
    return subprocess.run(["sh", "-c", f"command -v {program}"], stdout=subprocess.DEVNULL, check=False).returncode == 0


def bootstrap_busybox_makes_the_same_image_each_time(store):
    if not os.path.exists("/bin/busybox"):
        raise Skip("no busybox")
    first = store.run("image", "bootstrap", "busybox").out
    assert store.run("image", "bootstrap", "busybox").out == first
    root = store.layers("busybox")[0]
    assert os.path.samefile(os.path.join(root, "bin/sh"), os.path.join(root, "bin/busybox"))
    assert stat.S_IMODE(os.stat(os.path.join(root, "tmp")).st_mode) == 0o1777
    assert store.run("images", "--format", "{{.Repository}}:{{.Tag}}").out == "busybox:latest\n"
    store.check_clean()


def layers_of_every_form_are_unpacked_alike(store):
    base = tar_of(folder("etc"), entry("etc/one", b"1"), folder("gone"), entry("gone/x", b"x"), folder("hidden"),
                  entry("hidden/old", b"old"))
    middle = tar_of(entry("etc/two", b"2"), entry(".wh.gone"), folder("hidden"), entry("hidden/.wh..wh..opq"),
                    entry("hidden/new", b"new"))
    top = tar_of(entry("etc/three", b"3" * 100000))
    packed = [gz(base), zstd(middle), top]
    for data in (docker_archive(base, middle, top, packed=packed),
                 oci_archive(base, middle, top, packed=packed),
                 gz(docker_archive(base, middle, top, packed=packed)),
                 zstd(oci_archive(base, middle, top, packed=packed))):
        assert store.run("load", data=data).out == "Loaded image: test:1\n"
        layers = store.layers("test:1")
        gone = os.lstat(os.path.join(layers[1], "gone"))
        assert stat.S_ISCHR(gone.st_mode) and gone.st_rdev == 0
        assert os.getxattr(os.path.join(layers[1], "hidden"), "trusted.overlay.opaque") == b"y"
        assert sorted(os.listdir(os.path.join(layers[1], "hidden"))) == ["new"]
        check_merged(store, layers)
        store.check_clean()
        store.run("rmi", "test:1")
        store.check_clean()
    assert os.listdir(os.path.join(store.images, "layers")) == []


def check_merged(store, layers):
    """What overlayfs makes of the layers."""
    merged = os.path.join(store.folder, "merged")
    os.makedirs(merged, exist_ok=True)
    options = "lowerdir=" + ":".join(reversed(layers))
    if subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, merged], check=False).returncode != 0:
        raise Skip("overlayfs cannot be mounted")
    try:
        assert sorted(os.listdir(merged)) == ["etc", "hidden"], os.listdir(merged)
        assert sorted(os.listdir(merged + "/etc")) == ["one", "three", "two"]
        assert os.listdir(merged + "/hidden") == ["new"]
    finally:
        subprocess.run(["umount", merged], check=True)


def every_kind_of_entry_keeps_what_it_is(store):
    capability = b"\x01\x00\x00\x02\x00\x04\x00\x00" + bytes(12)
    long = "/".join(["n" * 200] * 5)
    members = [
        folder(".", mode=0o711, mtime=1600000000),
        folder("sgid", mode=0o2775, gid=50, mtime=1500000000),
        entry("sgid/file", b"in", uid=7, gid=8),
        entry("suid", b"s", mode=0o4755, uid=1000, gid=1000),
        folder("sticky", mode=0o1777),
        pax("SCHILY.xattr.security.capability", capability),
        entry("caps", b"c", mode=0o755),
        entry("attr", b"a", pax_headers={"SCHILY.xattr.user.note": "text", "SCHILY.xattr.trusted.overlay.redirect": "/x"}),
        hard_link("suid2", "./suid"),
        link("sym", "/etc/passwd", uid=3, gid=4),
        hard_link("sym2", "sym"),
        entry("fifo", type=tarfile.FIFOTYPE, mode=0o600),
        entry("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
        entry("loop", type=tarfile.BLKTYPE, devmajor=7, devminor=0, mode=0o660),
        entry(long, b"long"),
        entry("twice", b"first"),
        entry("twice", b"second", mode=0o600),
        folder("turns"), entry("turns/x", b"x"), entry("turns", b"file now"),
        entry("back", b"file"), folder("back"), entry("back/y", b"y"),
        entry("read only", b"", mode=0),
        entry("big uid", b"", uid=4000000000, gid=2**31),
    ]
    data = tar_of(*members)
    store.run("load", data=docker_archive(data))
    root = store.layers("test:1")[0]

    def at_path(name):
        return os.lstat(os.path.join(root, name))

    assert stat.S_IMODE(at_path(".").st_mode) == 0o711 and at_path(".").st_mtime == 1600000000
    assert stat.S_IMODE(at_path("sgid").st_mode) == 0o2775 and at_path("sgid").st_gid == 50
    assert at_path("sgid").st_mtime == 1500000000
    assert (at_path("sgid/file").st_uid, at_path("sgid/file").st_gid) == (7, 8)
    assert stat.S_IMODE(at_path("suid").st_mode) == 0o4755 and at_path("suid").st_uid == 1000
    assert os.path.samefile(os.path.join(root, "suid"), os.path.join(root, "suid2"))
    assert stat.S_IMODE(at_path("sticky").st_mode) == 0o1777
    assert os.getxattr(os.path.join(root, "caps"), "security.capability") == capability
    assert os.listxattr(os.path.join(root, "attr")) == ["user.note"]
    assert os.readlink(os.path.join(root, "sym")) == "/etc/passwd" and at_path("sym").st_uid == 3
    assert at_path("sym").st_ino == at_path("sym2").st_ino
    assert stat.S_ISFIFO(at_path("fifo").st_mode)
    assert at_path("null").st_rdev == os.makedev(1, 3) and stat.S_IMODE(at_path("null").st_mode) == 0o666
    assert stat.S_ISBLK(at_path("loop").st_mode) and at_path("loop").st_rdev == os.makedev(7, 0)
    assert open(os.path.join(root, long), encoding="ascii").read() == "long"
    assert open(os.path.join(root, "twice"), encoding="ascii").read() == "second"
    assert open(os.path.join(root, "turns"), encoding="ascii").read() == "file now"
    assert os.listdir(os.path.join(root, "back")) == ["y"]
    assert at_path("big uid").st_uid == 4000000000 and at_path("big uid").st_gid == 2**31
    assert stat.S_IMODE(at_path("read only").st_mode) == 0
    assert at_path("suid").st_mtime == 1700000000


def sparse_and_huge_files_stay_sparse(store):
    place = store.folder + "-sparse"
    os.makedirs(place)
    with open(os.path.join(place, "sparse"), "wb") as file:
        file.truncate(40 << 30)
        file.seek(20 << 30)
        file.write(b"middle")
        file.seek((30 << 30) + 123)
        file.write(b"x" * 10000)
    for form in (["--format=gnu"], ["--format=pax", "--sparse-version=0.0"], ["--format=pax", "--sparse-version=0.1"],
                 ["--format=pax", "--sparse-version=1.0"]):
        data = subprocess.run(["tar", "-C", place, "-S", "-cf", "-", *form, "sparse"], stdout=subprocess.PIPE,
                              check=True).stdout
        store.run("import", "-", "sparse", data=data)
        path = os.path.join(store.layers("sparse")[0], "sparse")
        at = os.stat(path)
        assert at.st_size == 40 << 30 and at.st_blocks < 1000, (form, at)
        with open(path, "rb") as file:
            file.seek(20 << 30)
            assert file.read(8) == b"middle\0\0", form
            file.seek((30 << 30) + 122)
            assert file.read(10002) == b"\0" + b"x" * 10000 + b"\0", form
        store.run("rmi", "sparse")
    os.unlink(os.path.join(place, "sparse"))
    os.rmdir(place)


def a_saved_image_loads_again(store):
    one, two = tar_of(entry("a", b"1")), tar_of(entry("b", b"2"))
    store.run("load", data=docker_archive(one, two, packed=[gz(one), zstd(two)]))
    image_id = store.run("image", "inspect", "-f", "{{.Id}}", "test:1").out
    store.run("tag", "test:1", "other/name:2")
    for form in ("docker-archive", "oci-archive"):
        data = store.run("save", "--format", form, "test:1", "other/name:2").stdout
        store.run("rmi", "-f", image_id.strip())
        store.check_clean()
        loaded = sorted(store.run("load", data=data).out.splitlines())
        assert loaded == ["Loaded image: other/name:2", "Loaded image: test:1"], loaded
        assert store.run("image", "inspect", "-f", "{{.Id}}", "other/name:2").out == image_id
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar.getmembers():
                if member.name.startswith("blobs/sha256/") and member.isfile():
                    content = tar.extractfile(member).read()
                    assert digest(content).endswith(member.name.split("/")[-1]), member.name
        assert store.run("save", "--format", form, "test:1", "other/name:2").stdout == data


def other_tools_read_what_is_saved_and_write_what_is_loaded(store):
    if not have("skopeo"):
        raise Skip("no skopeo")
    one, two = tar_of(folder("etc"), entry("etc/a", b"1" * 5000)), tar_of(entry("b", b"2"))
    place = store.folder + "-peer"
    os.makedirs(place)
    store.run("load", data=docker_archive(one, two, packed=[gz(one), two]))
    want = store.run("image", "inspect", "-f", "{{json .RootFS}}", "test:1").out
    for form in ("docker-archive", "oci-archive"):
        path = os.path.join(place, form + ".tar")
        store.run("save", "--format", form, "-o", path, "test:1")
        for target in (f"docker-archive:{place}/again-{form}.tar:peer:1", f"oci-archive:{place}/again-oci-{form}.tar:peer:1",
                       f"oci:{place}/layout-{form}:peer:1"):
            subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", f"{form}:{path}", target], check=True)
            kind, rest = target.split(":", 1)
            source = rest.split(":")[0]
            out = store.run("load", "-i", source).out
            assert out == "Loaded image: peer:1\n", (kind, out)
            assert store.run("image", "inspect", "-f", "{{json .RootFS}}", "peer:1").out == want, kind
            store.run("rmi", "peer:1")
    subprocess.run(["rm", "-rf", place], check=True)


def umoci_unpacks_the_same_files(store):
    if not have("umoci"):
        raise Skip("no umoci")
    one = tar_of(folder("etc", mtime=1500000000), entry("etc/a", b"1" * 5000, uid=5, mode=0o4755), link("l", "etc/a"),
                 hard_link("h", "etc/a"), folder("gone"), entry("gone/x", b"x"), entry("changes", b"1"),
                 folder("hidden"), entry("hidden/old", b""))
    two = tar_of(entry(".wh.gone"), entry("changes", b"22"), folder("hidden"), entry("hidden/.wh..wh..opq"),
                 entry("hidden/new", b"n"), entry("fifo", type=tarfile.FIFOTYPE, mode=0o600))
    place = store.folder + "-umoci"
    merged = os.path.join(place, "merged")
    os.makedirs(merged)
    store.run("load", data=oci_archive(one, two, packed=[gz(one), gz(two)]))
    data = store.run("save", "--format", "oci-archive", "test:1").stdout
    os.makedirs(os.path.join(place, "layout"))
    subprocess.run(["tar", "-C", os.path.join(place, "layout"), "-xf", "-"], input=data, check=True)
    index = json.load(open(os.path.join(place, "layout/index.json"), encoding="utf-8"))
    index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] = "tag"
    with open(os.path.join(place, "layout/index.json"), "w", encoding="utf-8") as file:
        json.dump(index, file)
    subprocess.run(["umoci", "--log=error", "unpack", "--image", os.path.join(place, "layout:tag"),
                    os.path.join(place, "bundle")], check=True)
    options = "lowerdir=" + ":".join(reversed(store.layers("test:1")))
    if subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, merged], check=False).returncode != 0:
        raise Skip("overlayfs cannot be mounted")
    try:
        ours, theirs = tree(merged), tree(os.path.join(place, "bundle/rootfs"))
        assert ours == theirs, {name: (ours.get(name), theirs.get(name)) for name in ours.keys() | theirs.keys()
                                if ours.get(name) != theirs.get(name)}
    finally:
        subprocess.run(["umount", merged], check=True)
    subprocess.run(["rm", "-rf", place], check=True)


def tree(root):
    """What can be seen of every file below root."""
    found = {}
    for where, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(where, name)
            at = os.lstat(path)
            content = open(path, "rb").read() if stat.S_ISREG(at.st_mode) else None
            target = os.readlink(path) if stat.S_ISLNK(at.st_mode) else None
            found[os.path.relpath(path, root)] = (at.st_mode, at.st_uid, at.st_gid, int(at.st_mtime), content, target)
    return found


def podman_and_strata_load_what_the_other_saves(store):
    if not have("podman"):
        raise Skip("no podman")
    podman = ["podman", "--root", store.folder + "-podman", "--runroot", store.folder + "-podman-run",
              "--storage-driver", "overlay"]
    if subprocess.run([*podman, "images"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode != 0:
        raise Skip("podman does not work here")
    one, two = tar_of(folder("etc"), entry("etc/a", b"1" * 5000)), tar_of(entry("b", b"2"))
    archive = store.folder + ".tar"
    store.run("load", data=docker_archive(one, two, packed=[gz(one), two]))
    image_id = store.run("image", "inspect", "-f", "{{.Id}}", "test:1").out
    for form in ("docker-archive", "oci-archive"):
        store.run("save", "--format", form, "-o", archive, "test:1")
        out = subprocess.run([*podman, "load", "-q", "-i", archive], stdout=subprocess.PIPE, check=True).stdout.decode()
        assert "test:1" in out, out
        os.unlink(archive)
        store.run("rmi", "test:1")
        subprocess.run([*podman, "save", "-q", "--format", form, "-o", archive, "docker.io/library/test:1"], check=True)
        assert store.run("load", "-i", archive).out == "Loaded image: test:1\n"
        assert store.run("image", "inspect", "-f", "{{.Id}}", "test:1").out == image_id
        subprocess.run([*podman, "rmi", "-f", "docker.io/library/test:1"], stdout=subprocess.DEVNULL, check=True)
        os.unlink(archive)
    subprocess.run(["rm", "-rf", store.folder + "-podman", store.folder + "-podman-run"], check=True)


def names_tags_and_removal_are_dockers(store):
    first, second = docker_archive(tar_of(entry("a", b"1"))), docker_archive(tar_of(entry("a", b"2")))
    store.run("load", data=first)
    store.run("tag", "test:1", "registry.example:5000/x/y")
    listed = store.run("images", "--format", "{{.Repository}} {{.Tag}}").out.splitlines()
    assert listed == ["registry.example:5000/x/y latest", "test 1"], listed
    # A name moves over, and what it leaves stays with its other name, or without any.
    store.run("load", data=second)
    listed = store.run("images", "--format", "{{.Repository}}").out.splitlines()
    assert sorted(listed) == ["registry.example:5000/x/y", "test"], listed
    store.run("load", data=first)
    assert "<none>" in store.run("images").out
    pruned = store.run("image", "prune", "-f").out
    assert pruned.startswith("Deleted Images:\ndeleted: sha256:") and "Total reclaimed space: " in pruned, pruned
    image_id = store.run("images", "-q", "--no-trunc").out.strip()
    short = image_id.split(":")[1][:12]
    conflict = store.run("rmi", short, check=False)
    assert conflict.returncode == 1 and "referenced in multiple repositories" in conflict.err, conflict.err
    assert store.run("rmi", "test:1").out == "Untagged: test:1\n"
    out = store.run("rmi", short).out.splitlines()
    assert out[0] == "Untagged: registry.example:5000/x/y:latest" and out[1] == f"Deleted: {image_id}", out
    missing = store.run("rmi", "test:1", check=False)
    assert "No such image: test:1" in missing.err
    store.check_clean()


def history_and_inspect_have_dockers_shape(store):
    layer = tar_of(entry("a", b"1" * 1500))
    config = {"architecture": "amd64", "os": "linux", "created": "2023-11-14T22:13:20Z", "author": "me",
              "config": {"Env": ["A=b"], "Cmd": ["/bin/sh"], "Labels": {"k": "v"}, "ExposedPorts": {"80/tcp": {}}},
              "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
              "history": [{"created": "2023-11-14T22:13:19Z", "created_by": "ADD file"},
                          {"created": "2023-11-14T22:13:20Z", "created_by": "CMD sh", "empty_layer": True}]}
    store.run("load", data=docker_archive(layer, config=json.dumps(config).encode()))
    found = json.loads(store.run("image", "inspect", "test:1").out)
    assert len(found) == 1
    found = found[0]
    assert found["RepoTags"] == ["test:1"] and found["Size"] == 1500 and found["Architecture"] == "amd64"
    assert found["Config"]["Labels"] == {"k": "v"} and found["Config"]["ExposedPorts"] == {"80/tcp": {}}
    assert found["RootFS"] == {"Type": "layers", "Layers": [digest(layer)]}
    steps = store.run("history", "--format", "{{.CreatedBy}}|{{.Size}}", "test:1").out
    assert steps == "CMD sh|0B\nADD file|1.5kB\n", steps
    assert store.run("history", "-q", "test:1").out.splitlines()[1] == "<missing>"


def many_commands_at_once_agree(store):
    layers = [tar_of(entry(f"file{i}", os.urandom(200000))) for i in range(3)]
    data = docker_archive(*layers)
    failures = []

    def work(number):
        for turn in range(4):
            done = store.run("load", data=data, check=False)
            if done.returncode != 0:
                failures.append(done.err)
            store.run("images")
            if number == 0 and turn % 2:
                store.run("rmi", "test:1", check=False)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [], failures
    store.run("load", data=data)
    store.check_clean()


if __name__ == "__main__":
    sys.exit(main([
        bootstrap_busybox_makes_the_same_image_each_time,
        layers_of_every_form_are_unpacked_alike,
        every_kind_of_entry_keeps_what_it_is,
        sparse_and_huge_files_stay_sparse,
        a_saved_image_loads_again,
        other_tools_read_what_is_saved_and_write_what_is_loaded,
        umoci_unpacks_the_same_files,
        podman_and_strata_load_what_the_other_saves,
        names_tags_and_removal_are_dockers,
        history_and_inspect_have_dockers_shape,
        many_commands_at_once_agree,
    ]))
