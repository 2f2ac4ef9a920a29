"""kill -9 of every command that changes the store, at random instants: the next command finds it whole, without
anything half made, and without what a name does not need."""
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from image_lab import SHORT, STRATA, docker_archive, entry, folder, gz, main, tar_of, zstd  # noqa: E402  pylint: disable=wrong-import-position

ROUNDS = int(os.environ.get("STRATA_KILLS", "30" if SHORT else "100"))


def archives(place):
    """Three archives that share layers; their paths."""
    os.makedirs(place)
    rng = random.Random(5)
    layers = [tar_of(folder(f"d{i}"), *[entry(f"d{i}/f{j}", rng.randbytes(3000)) for j in range(60)]) for i in range(4)]
    paths = []
    for number, chosen in enumerate(([0, 1], [0, 1, 2], [3])):
        tars = [layers[i] for i in chosen]
        packed = [(bytes, gz, zstd)[i % 3](data) for i, data in zip(chosen, tars)]
        paths.append(os.path.join(place, f"{number}.tar"))
        with open(paths[-1], "wb") as file:
            file.write(docker_archive(*tars, packed=packed, name=f"image{number}:1"))
    return paths


def commands(paths):
    number = random.randrange(len(paths))
    name = f"image{number}:1"
    return random.choice([
        ["load", "-i", paths[number]],
        ["load", "-i", paths[number]],
        ["load", "-i", paths[number]],
        ["rmi", "-f", name],
        ["rmi", "-f", name],
        ["tag", name, f"other{random.randrange(3)}"],
        ["rmi", f"other{random.randrange(3)}"],
        ["image", "prune", "-a", "-f"],
        ["images"],
    ])


def how_long(store, paths):
    """Seconds that a load takes here."""
    begun = time.monotonic()
    for path in paths:
        store.run("load", "-i", path)
    return (time.monotonic() - begun) / len(paths)


def start(store, command):
    return subprocess.Popen([STRATA, *command], env=store.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def what_was_killed_leaves_nothing(store):
    paths = archives(store.folder + "-archives")
    span = how_long(store, paths)
    killed = tried = 0
    while killed < ROUNDS and tried < 20 * ROUNDS:
        tried += 1
        command = commands(paths)
        if command[0] == "load":  # so that there is something to do
            store.run("rmi", "-f", *store.run("images", "-q").out.split()[:2], check=False)
        process = start(store, command)
        time.sleep(random.uniform(0, span))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        try:
            store.check_clean()
        except AssertionError as why:
            raise AssertionError(f"after {command}: {why}") from why
    print(f"killed {killed} of {tried}")
    assert killed > ROUNDS // 2
    for path in paths:
        store.run("load", "-i", path)
    store.check_clean()
    subprocess.run(["rm", "-rf", store.folder + "-archives"], check=True)


def others_are_not_harmed_by_one_that_dies(store):
    paths = archives(store.folder + "-archives")
    span = how_long(store, paths) * 1.2
    for _ in range(ROUNDS // 10):
        victim, other = start(store, commands(paths)), start(store, ["load", "-i", paths[0]])
        time.sleep(random.uniform(0, span))
        victim.kill()
        victim.wait()
        assert other.wait() == 0
    store.run("load", "-i", paths[0])
    store.check_clean()
    subprocess.run(["rm", "-rf", store.folder + "-archives"], check=True)


if __name__ == "__main__":
    if os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 1 << 28:
        tempfile.tempdir = "/dev/shm"  # a kill is a kill on any file system, and here syncs cost nothing
    sys.exit(main([what_was_killed_leaves_nothing, others_are_not_harmed_by_one_that_dies]))
