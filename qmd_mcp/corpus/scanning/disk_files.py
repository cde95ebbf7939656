"""Finding files under the names that the file system has for them, and reading only those inside a collection."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from qmd_mcp.corpus.scanning.secret_names import SECRET_FOLDERS, is_secret
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.normal_forms import nfc, normal_form

RACY_NS = 2_000_000_000
"""A file may be written twice within one tick of the file system's clock (2 s on FAT, the coarsest), and has the same
time afterwards. The time of a file that was written less than this before it was read therefore proves nothing: its
content is compared instead, and the result of that comparison is not kept."""


@dataclass(frozen=True, slots=True)
class FileContent:
    """The bytes of a file, with its size and time at the moment when it was read."""

    data: bytes
    size: int
    mtime_ns: int

    @property
    def content_hash(self) -> str:
        """SHA-256 of the bytes, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


def is_inside(root: Path, path: Path) -> bool:
    """Whether a path, after all links are resolved, lies below a root."""
    return path.resolve().is_relative_to(root.resolve())


def on_disk(root: Path, relative: str) -> Path:
    """Find a file or folder below a root by a name in any Unicode form, and return the path that opens it.

    Paths are kept and compared in NFC, but a file system may hold a name in another form: macOS writes NFD, and an
    archive or a synchronised folder brings such names to Linux, where the forms are different names. A path that is
    not there is returned as it was given.
    """
    path = root / relative
    if relative.isascii() or os.path.lexists(path):
        return path
    decomposed = root / normal_form("NFD", relative)
    if os.path.lexists(decomposed):
        return decomposed
    found = root
    for name in PurePosixPath(relative).parts:
        found = _child_on_disk(found, name)
    return found if os.path.lexists(found) else path


def absolute_on_disk(path: Path) -> Path:
    """Find a file or folder by an absolute path in any Unicode form, as `on_disk` does below a root."""
    root = Path(path.anchor)
    return on_disk(root, path.relative_to(root).as_posix())


def _child_on_disk(folder: Path, name: str) -> Path:
    """The entry of a folder that has this name in some Unicode form."""
    if name.isascii() or os.path.lexists(folder / name):
        return folder / name
    composed = nfc(name)
    try:
        with os.scandir(folder) as entries:
            spellings = [entry.name for entry in entries if nfc(entry.name) == composed]
    except OSError:
        spellings = []
    return folder / min(spellings, default=name)


def read_file(root: Path, relative: str, *, max_bytes: int) -> FileContent | Skip:
    """Read a file of a collection, or say why it cannot be read, must not be read or is not there."""
    path = on_disk(root, relative)
    if not is_inside(root, path):
        return Skip(relative, "link out of the collection")
    *folders, name = PurePosixPath(relative).parts
    if is_secret(name) or not SECRET_FOLDERS.isdisjoint(folders):  # an index from elsewhere may list such a file
        return Skip(relative, "secret by its name")
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return Skip(relative, "missing")
    except OSError:
        return Skip(relative, "unreadable")
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            return Skip(relative, "unreadable")
        if state.st_size > max_bytes:
            return Skip(relative, "too large")
        try:
            data = file.read(max_bytes + 1)
        except OSError:
            return Skip(relative, "unreadable")
    if len(data) > max_bytes:
        return Skip(relative, "too large")
    return FileContent(data, size=len(data), mtime_ns=state.st_mtime_ns)
