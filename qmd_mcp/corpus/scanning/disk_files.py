"""Files on disk, opened only where they belong."""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from qmd_mcp.corpus.scanning.membership import SECRET_FOLDERS, is_secret
from qmd_mcp.domain.answers import Skip

RACY_NS = 2_000_000_000
"""A file that was written so shortly before it was read may be written again within one tick of the file system's clock
(2 s on FAT, the coarsest): its time proves nothing, so its content is compared, and what was found is not kept."""


@dataclass(frozen=True, slots=True)
class FileContent:
    """What was read, and how the file was at that moment."""

    data: bytes
    size: int
    mtime_ns: int

    @property
    def content_hash(self) -> str:
        """SHA-256, hex."""
        return hashlib.sha256(self.data).hexdigest()


def is_inside(root: Path, path: Path) -> bool:
    """Whether a path, all links resolved, lies below a root."""
    return path.resolve().is_relative_to(root.resolve())


def on_disk(root: Path, relative: str) -> Path:
    """The file of an NFC path; a file system may hold its name in NFD."""
    path = root / relative
    if relative.isascii() or path.exists():
        return path
    decomposed = root / unicodedata.normalize("NFD", relative)
    return decomposed if decomposed.exists() else path


def read_file(root: Path, relative: str, *, max_bytes: int) -> FileContent | Skip:
    """Read a file of a collection; a reason where it cannot be, should not be or is not there."""
    path = on_disk(root, relative)
    if not is_inside(root, path):
        return Skip(relative, "link out of the collection")
    *folders, name = PurePosixPath(relative).parts
    if is_secret(name) or not SECRET_FOLDERS.isdisjoint(folders):  # a cloned index may list it
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
