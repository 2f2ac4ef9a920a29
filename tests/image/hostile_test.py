"""Archives that lie, are torn, or attack: each is refused with one clear error and leaves nothing."""
import json
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from image_lab import (SHORT, Skip, block, config_of, digest, docker_archive, entry, folder, gz,  # noqa: E402  pylint: disable=wrong-import-position
                       hard_link, link, main, oci_archive, pax, tar_of, zstd)

LAYER = tar_of(folder("etc"), entry("etc/passwd", b"root\n" * 2000), entry("bin", b"#!" * 5000))


def torn_archives_are_refused(store):
    for data in (docker_archive(LAYER), docker_archive(LAYER, packed=[gz(LAYER)]), oci_archive(LAYER, packed=[zstd(LAYER)]),
                 gz(docker_archive(LAYER)), zstd(docker_archive(LAYER))):
        end = len(data.rstrip(b"\0")) if data[:2] != b"\x1f\x8b" else len(data) - 1
        for length in sorted(random.sample(range(1, end), 6 if SHORT else 25)):
            store.refuses(data[:length])
    store.refuses(b"", "no image")
    store.refuses(b"garbage" * 1000)
    store.refuses(gz(b"garbage" * 1000))
    store.refuses(tar_of(entry("readme", b"no image")), "no image")


def torn_layers_are_refused(store):
    for pack in (gz, zstd):
        packed = pack(LAYER)
        for length in (10, len(packed) // 2, len(packed) - 4):
            store.refuses(docker_archive(LAYER, packed=[packed[:length]]), "layer0.tar")
            store.refuses(oci_archive(LAYER, packed=[packed[:length]]))
        store.refuses(docker_archive(LAYER, packed=[packed + b"trailing garbage"]), "damaged")
    cut = LAYER[:1024 + 512]
    store.refuses(docker_archive(cut), "ends in the middle")


def bytes_that_changed_are_noticed(store):
    def change(packed, changed):
        return lambda documents: documents["blobs"].__setitem__(digest(packed), changed)

    for pack in (bytes, gz, zstd):
        packed = pack(LAYER)
        for at in random.sample(range(len(packed)), 5 if SHORT else 20):
            changed = packed[:at] + bytes([packed[at] ^ 0x10]) + packed[at + 1:]
            store.refuses(oci_archive(LAYER, packed=[packed], change=change(packed, changed)))
            if pack is bytes:
                store.refuses(docker_archive(LAYER, packed=[changed]))


def lies_of_documents_are_found(store):
    other = tar_of(entry("other", b"x"))
    store.refuses(docker_archive(LAYER, diff_ids=[digest(other)]), "diff ID")
    store.refuses(docker_archive(LAYER, config=config_of()), "layers")
    store.refuses(docker_archive(LAYER, diff_ids=["sha256:../../../etc"]))
    store.refuses(docker_archive(LAYER, config=b"{"), "config.json")
    store.refuses(docker_archive(LAYER, config=config_of(digest(LAYER), os="windows")), "windows")
    store.refuses(docker_archive(LAYER, manifest=b"[]"), "names no image")
    store.refuses(docker_archive(LAYER, manifest=b'[{"Config":"../../etc/passwd","RepoTags":[],"Layers":[]}]'))
    store.refuses(docker_archive(LAYER, manifest=b'[{"Config":"nowhere","RepoTags":[],"Layers":["layer0.tar"]}]'))
    store.refuses(docker_archive(LAYER, name="UPPER/../x"), "not a valid image name")
    store.refuses(docker_archive(LAYER, manifest=b"[" * 100000))

    def lie(**values):
        def change(documents):
            for path, value in values.items():
                which, key = path.split("_", 1)
                place = documents[which]
                if which == "layer":
                    place = documents["manifest"]["layers"][0]
                place[key] = value
        return change

    def layer(key, value):
        return lambda documents: documents["manifest"]["layers"][0].__setitem__(key, value)

    store.refuses(oci_archive(LAYER, change=layer("size", len(LAYER) - 1)), "should have")
    store.refuses(oci_archive(LAYER, change=layer("size", -1)))
    store.refuses(oci_archive(LAYER, change=layer("digest", digest(b"absent"))), "no file")
    store.refuses(oci_archive(LAYER, change=layer("digest", "sha256:../../../../etc/passwd")))
    store.refuses(oci_archive(LAYER, change=layer("digest", "md5:0")))
    store.refuses(oci_archive(LAYER, change=lie(descriptor_size=5)), "should have")
    store.refuses(oci_archive(LAYER, change=lie(descriptor_digest=digest(b"absent"))), "no file")
    store.refuses(oci_archive(LAYER, change=lie(descriptor_mediaType="text/plain")), "no image")

    def wrong_blob(documents):
        documents["blobs"][digest(LAYER)] = LAYER[:-512] + b"x" * 512

    store.refuses(oci_archive(LAYER, change=wrong_blob), "damaged")

    def loop(documents):
        index = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
        for _ in range(8):
            documents["blobs"][digest(index)] = index
            index = json.dumps({"schemaVersion": 2, "manifests": [
                {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest(index), "size": len(index)}]}).encode()
        documents["blobs"][digest(index)] = index
        documents["descriptor"].update(mediaType="application/vnd.oci.image.index.v1+json", digest=digest(index),
                                       size=len(index))

    store.refuses(oci_archive(LAYER, change=loop), "one in the other")


def nothing_leaves_the_layer(store):
    outside = store.folder + "-outside"
    os.makedirs(outside)
    with open(outside + "/victim", "w", encoding="ascii") as file:
        file.write("safe")
    os.chmod(outside + "/victim", 0o600)
    before = os.stat(outside + "/victim")
    up = "/".join([".."] * 12) + outside
    attacks = [
        [entry("../x", b"x")],
        [entry(up + "/victim", b"x")],
        [entry("a/../../x", b"x")],
        [entry("..", b"x")],
        [folder("..")],
        [link("l", outside), entry("l/victim", b"x")],
        [link("l", outside), entry("l/new", b"x")],
        [link("l", "."), link("l/m", outside), entry("l/m/victim", b"x")],
        [link("l", outside), folder("l/made")],
        [link("l", outside), link("l/s", "x")],
        [link("l", outside), entry("l/.wh.victim")],
        [link("l", outside), entry("l/.wh..wh..opq")],
        [link("l", outside), hard_link("h", "l/victim")],
        [link("l", outside), hard_link("l/h", "l")],
        [hard_link("h", up + "/victim")],
        [hard_link("h", "../../../../../../etc/passwd")],
        [hard_link("h", "not there")],
        [hard_link("h", "")],
        [folder("d"), hard_link("h", "d")],
        [entry(".wh...", b"")],
        [entry("a/.wh.", b"")],
        [entry(".wh.x/y", b"")],
        [entry("file", b"x"), entry("file/below", b"x")],
        [entry("n" * 256, b"x")],
        [entry("/".join(["d"] * 3000), b"x")],
        [pax("path", b"../x"), entry("a", b"x")],
        [pax("linkpath", (up + "/victim").encode()), hard_link("a", "b")],
        [block(b"L", b"../../x\0"), entry("a", b"x")],
    ]
    for members in attacks:
        try:
            store.refuses(docker_archive(tar_of(*members)))
        except AssertionError as why:
            raise AssertionError(f"{[m if isinstance(m, bytes) else m[0].name for m in members]}: {why}") from why
    store.refuses(docker_archive(tar_of(entry("../\x1b[31m\n\x7fx", b""))), "../?[31m??x")
    # What leads nowhere is made as it is, below the layer's root: only following it would be wrong.
    members = [entry("/absolute", b"1"), entry("//a//b", b"2"), link("out", outside), link("up", up + "/victim"),
               hard_link("up2", "up"),
               # A folder with a time to set at the end becomes a link before that.
               folder("late", mode=0o7777, mtime=1), folder("late/in", mode=0o7777, mtime=1),
               entry("late2", b""), folder("out2", mode=0o4777, mtime=1), link("out2", outside)]
    store.run("load", data=docker_archive(tar_of(*members)))
    root = store.layers("test:1")[0]
    assert os.readlink(root + "/out") == outside and os.readlink(root + "/out2") == outside
    assert sorted(os.listdir(root)) == ["a", "absolute", "late", "late2", "out", "out2", "up", "up2"]
    after = os.stat(outside + "/victim")
    assert (after.st_mode, after.st_mtime, after.st_nlink, after.st_ctime) == \
           (before.st_mode, before.st_mtime, 1, before.st_ctime)
    assert os.listdir(outside) == ["victim"]
    os.unlink(outside + "/victim")
    os.rmdir(outside)


def archives_that_do_not_make_sense_are_refused(store):
    bad = [
        pax("size", b"-5") + block(b"0", b""),
        pax("size", b"99999999999999999999") + block(b"0", b""),
        pax("uid", b"x") + block(b"0", b""),
        block(b"x", b"5 a=b\n") + block(b"0", b""),
        block(b"x", b"99 a=b\n") + block(b"0", b""),
        block(b"x", b"", size=1 << 21),
        block(b"L", b"", size=1 << 16),
        block(b"g", b"", size=1 << 20),
        block(b"Z", b""),
        block(b"0", b"", name=""),
        pax("GNU.sparse.map", b"5,5,0,5") + block(b"0", b"0123456789"),
        pax("GNU.sparse.map", b"0,18446744073709551615") + block(b"0", b"0123456789"),
        pax("GNU.sparse.major", b"1") + block(b"0", b"999999999\n" + bytes(502)),
        b"x" * 512,
        bytes(512) + block(b"0", b""),
    ]
    many = b"".join(f"{len(str(i)) + 28} SCHILY.xattr.user.a{i}=value\n".encode() for i in range(1000, 2000))
    bad.append(block(b"x", many) + block(b"0", b""))
    bad.append(pax("SCHILY.xattr.user.big", b"v" * 70000) + block(b"0", b""))
    for data in bad:
        store.refuses(docker_archive(data + bytes(1024)))


def bombs_are_refused(store):
    size = 400 << 20
    header = entry("zeros")[0]
    header.size = size
    head = header.tobuf(tarfile.USTAR_FORMAT)

    def compressed(make, finish):
        out = [make(head)]
        chunk = bytes(1 << 20)
        out += [make(chunk) for _ in range(size >> 20)]
        out += [make(bytes(1024)), finish()]
        return b"".join(out)

    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = compressed(deflate.compress, deflate.flush)
    store.refuses(docker_archive(LAYER, packed=[bomb]), "decompression bombs", "--max-ratio")
    tar = head + bytes(size + 1024)
    store.refuses(docker_archive(LAYER, packed=[zstd(tar)]), "decompression bombs")
    store.refuses(zstd(tar), "grows as decompression bombs do")
    # It is the ratio that is refused, not the size, and who trusts it says so.
    out = store.run("load", "--max-ratio", "100000", data=docker_archive(tar, packed=[bomb])).out
    assert out == "Loaded image: test:1\n", out
    assert os.path.getsize(store.layers("test:1")[0] + "/zeros") == size
    # A size that no disk has.
    huge = tar_of(entry("a"))
    store.refuses(docker_archive(pax("size", b"9000000000000000000") + huge), "what the disk has free")
    # Holes cost nothing, but there is no file as long as this one (on tmpfs there is).
    with tempfile.TemporaryFile(dir=os.path.dirname(store.folder)) as file:
        try:
            file.truncate(9100000000000000000)
            return
        except OSError:
            pass
    sparse = pax("GNU.sparse.major", b"1", "GNU.sparse.minor", b"0", "GNU.sparse.realsize", b"9100000000000000000")
    sparse += block(b"0", b"1\n0\n5\n".ljust(512, b"\0") + b"12345")
    store.refuses(docker_archive(sparse + bytes(1024)), "too large")


def folders_are_read_only_within(store):
    place = store.folder + "-layout"
    os.makedirs(place)
    data = oci_archive(LAYER)
    subprocess.run(["tar", "-C", place, "-xf", "-"], input=data, check=True)
    assert store.run("load", "-i", place).out == "Loaded image: test:1\n"
    store.run("rmi", "test:1")
    blob = os.path.join(place, "blobs/sha256", digest(LAYER).split(":")[1])
    elsewhere = store.folder + "-elsewhere"
    os.rename(blob, elsewhere)
    os.symlink(elsewhere, blob)
    before = store.listing()
    done = store.run("load", "-i", place, check=False)
    assert done.returncode == 1 and store.listing() == before, done.out
    os.unlink(blob)
    os.mkfifo(blob)
    done = store.run("load", "-i", place, check=False, timeout=20)
    assert done.returncode == 1 and "regular file" in done.err, done.err
    os.unlink(elsewhere)
    subprocess.run(["rm", "-rf", place], check=True)
    assert "open" in store.run("load", "-i", "/not/there", check=False).err


def a_full_disk_leaves_nothing(store):
    os.makedirs(store.folder)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,nr_inodes=3000", "tmpfs", store.folder],
                      check=False).returncode != 0:
        raise Skip("no tmpfs can be mounted")
    try:
        store.run("load", data=docker_archive(LAYER, name="small:1"))
        large = tar_of(*[entry(f"f{i}", os.urandom(100000)) for i in range(70)])
        store.refuses(docker_archive(large))
        too_many = tar_of(*[entry(f"f{i}", b"") for i in range(4000)])
        store.refuses(docker_archive(too_many))
        # Neither the check beforehand nor luck: the disk really fills while files are written.
        almost = tar_of(*[entry(f"f{i}", os.urandom(1000)) for i in range(2800)])
        store.refuses(docker_archive(almost, almost[:-1024] + tar_of(entry("one more", os.urandom(3 << 20)))))
        store.check_clean()
        store.run("rmi", "small:1")
        store.check_clean()
    finally:
        subprocess.run(["umount", store.folder], check=True)


if __name__ == "__main__":
    random.seed(7)
    sys.exit(main([
        torn_archives_are_refused,
        torn_layers_are_refused,
        bytes_that_changed_are_noticed,
        lies_of_documents_are_found,
        nothing_leaves_the_layer,
        archives_that_do_not_make_sense_are_refused,
        bombs_are_refused,
        folders_are_read_only_within,
        a_full_disk_leaves_nothing,
    ]))
