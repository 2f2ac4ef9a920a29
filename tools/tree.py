"""What the checkers share: the files of the tree, a result cache, parallel work, the report."""
import concurrent.futures
import hashlib
import os
import shutil
import sys

SKIPPED_FOLDERS = {".git", ".cache", "__pycache__", "out", "build"}
SKIP = 77  # the exit status that meson counts as a skipped test


def source_root():
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def files(root, folders=(".",), endings=None):
    """Paths of the tree's files, relative to root, sorted."""
    found = []
    for start in folders:
        for folder, subs, names in os.walk(os.path.join(root, start)):
            subs[:] = sorted(s for s in subs if s not in SKIPPED_FOLDERS)
            for name in names:
                path = os.path.join(folder, name)
                if (endings is None or name.endswith(endings)) and not os.path.islink(path):
                    found.append(os.path.relpath(path, root))
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), errors="replace") as file:
        return file.read()


def need(*tools):
    """Ends the check as skipped, and says so, where a tool is missing."""
    missing = [t for t in tools if shutil.which(t) is None]
    if missing:
        print(f"SKIPPED: {' and '.join(missing)} is not installed (./bootstrap install-packages)")
        sys.exit(SKIP)


def finish(name, bad, looked_at):
    """Prints the violations, one a line, and ends the check."""
    print("\n".join(bad) if bad else f"{name}: {looked_at}, no violation")
    sys.exit(1 if bad else 0)


def each(function, items):
    """The results of function for the items, in order, computed side by side."""
    with concurrent.futures.ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool:
        return list(pool.map(function, items))


class Cache:
    """Remembers which inputs were found good, by the hash of all that the verdict depends on.

    Only success is remembered, so a failure is computed and shown each time.
    """

    def __init__(self, name):
        build = os.environ.get("STRATA_BUILD")
        self.folder = os.path.join(build, "check-cache", name) if build else None
        if self.folder:
            os.makedirs(self.folder, exist_ok=True)

    @staticmethod
    def key(*parts):
        digest = hashlib.sha256()
        for part in parts:
            data = part if isinstance(part, bytes) else part.encode(errors="surrogateescape")
            digest.update(len(data).to_bytes(8, "little") + data)
        return digest.hexdigest()

    def good(self, key):
        return self.folder is not None and os.path.exists(os.path.join(self.folder, key))

    def remember(self, key):
        if self.folder:
            with open(os.path.join(self.folder, key), "w"):
                pass
