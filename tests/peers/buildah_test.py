"""Debian's buildah with strata-oci as its runtime."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers_lab as lab  # noqa: E402  pylint: disable=wrong-import-position
from peers_lab import IMAGE, WORK, run  # noqa: E402  pylint: disable=wrong-import-position

GLOBAL = ("--root", WORK + "/storage", "--runroot", WORK + "/runroot", "--storage-driver", "overlay")


def buildah(*words, **options):
    return run("buildah", *GLOBAL, *words, **options)


def start():
    os.makedirs(WORK + "/etc", exist_ok=True)
    with open(WORK + "/etc/containers.conf", "w", encoding="utf-8") as f:
        f.write("[engine]\n")
    os.environ["CONTAINERS_CONF"] = WORK + "/etc/containers.conf"
    buildah("pull", f"docker-archive:{WORK}/image.tar")


def in_container(*words, options=(), **more):
    return buildah("run", "--runtime", lab.RUNTIME, "--network", "none", *options, "peer", "--", *words, **more)


def test_runs_commands_in_a_working_container():
    buildah("from", "--name", "peer", "--cgroup-parent", lab.cgroup_parent(), IMAGE)
    assert in_container("echo", "hello").out == "hello\n"
    in_container("sh", "-c", "exit 7", code=7)
    in_container("sh", "-c", "echo kept > /kept")
    assert in_container("cat", "/kept").out == "kept\n"
    assert in_container("id", "-u", options=("--user", "user")).out == "1000\n"


def test_confines():
    out = in_container("cat", "/proc/self/status").out
    assert "Seccomp:\t2" in out, out


def test_builds_an_image():
    folder = WORK + "/context"
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/Dockerfile", "w", encoding="utf-8") as f:
        f.write(f"FROM {IMAGE}\nRUN echo built > /built && test $(id -u) = 0\nUSER user\nRUN test $(id -u) = 1000\n"
                "RUN exit 0\n")
    buildah("bud", "--runtime", lab.RUNTIME, "--network", "none", "--isolation", "oci", "-t", "built", folder)
    with open(folder + "/Dockerfile", "w", encoding="utf-8") as f:
        f.write(f"FROM {IMAGE}\nRUN exit 3\n")
    assert "exit status 3" in buildah("bud", "--runtime", lab.RUNTIME, "--network", "none", folder, code=None).err


def test_leaves_nothing_behind():
    buildah("rm", "-a")
    assert run(lab.RUNTIME, "list", "-q", code=None).out == ""


lab.enter(["buildah"])
lab.cases(sys.modules[__name__], start)
