"""An initramfs made of files of this machine: a cpio archive of the "newc" form, written here so that no tool is needed
for it. Paths are those of this machine, so that programs find their libraries."""
import os
import re
import stat
import subprocess


class Image:
    def __init__(self):
        self.entries = {}  # path without the first slash -> (mode, source or bytes, device)

    def folder(self, path, mode=0o755):
        path = path.strip("/")
        if path and path not in self.entries:
            self.folder(os.path.dirname(path))
            self.entries[path] = (stat.S_IFDIR | mode, b"", (0, 0))

    def bytes(self, path, content, mode=0o644):
        self.folder(os.path.dirname(path))
        self.entries[path.strip("/")] = (stat.S_IFREG | mode, content, (0, 0))

    def link(self, path, target):
        self.folder(os.path.dirname(path))
        self.entries[path.strip("/")] = (stat.S_IFLNK | 0o777, target.encode(), (0, 0))

    def device(self, path, mode, major, minor):
        self.folder(os.path.dirname(path))
        self.entries[path.strip("/")] = (stat.S_IFCHR | mode, b"", (major, minor))

    def file(self, source, path=None):
        """Copies a file, or the link and what it leads to."""
        path = path or source
        if os.path.islink(source):
            target = os.readlink(source)
            self.link(path, target)
            return self.file(os.path.normpath(os.path.join(os.path.dirname(source), target)))
        self.folder(os.path.dirname(path))
        self.entries[path.strip("/")] = (stat.S_IFREG | stat.S_IMODE(os.stat(source).st_mode), source, (0, 0))
        return None

    def program(self, source, path=None):
        """Copies a program and the shared libraries that it is linked with."""
        self.file(source, path)
        listed = subprocess.run(["ldd", source], capture_output=True, text=True).stdout
        for library in re.findall(r"(/\S+) \(0x", listed):
            # The dynamic loader's name is fixed; /lib may be a link to /usr/lib here.
            self.file(os.path.realpath(library), library)

    def tree(self, source, skip=lambda path: False, path=None):
        path = path or source
        for folder, folders, files in os.walk(source):
            folders[:] = sorted(f for f in folders if not skip(os.path.join(folder, f)))
            for name in sorted(files):
                full = os.path.join(folder, name)
                if not skip(full) and os.path.isfile(full):
                    self.file(full, os.path.join(path, os.path.relpath(full, source)))

    def write(self, to):
        number = 0
        with open(to, "wb") as out:
            for path, (mode, content, device) in sorted(self.entries.items()):
                if isinstance(content, str):
                    with open(content, "rb") as file:
                        content = file.read()
                number += 1
                write_entry(out, number, path, mode, content, device)
            write_entry(out, 0, "TRAILER!!!", 0, b"", (0, 0))


def write_entry(out, number, path, mode, content, device):
    name = path.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    out.write(head + bytes(-len(head) % 4))
    out.write(content + bytes(-len(content) % 4))
