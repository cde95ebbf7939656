"""Finding files under the names that the file system has for them, and reading only those inside a collection."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias

from qmd_mcp.corpus.scanning.redaction import redacted
from qmd_mcp.corpus.scanning.secret_names import SECRET_FOLDERS, is_secret
from qmd_mcp.domain.answers import Skip, SkipReason
from qmd_mcp.domain.normal_forms import nfc, normal_form
from qmd_mcp.files.beneath import folder_beneath, open_beneath

RACY_NS = 2_000_000_000
"""A file may be written twice within one tick of the file system's clock (2 s on FAT, the coarsest), and has the same
time afterwards. The time of a file that was written less than this before it was read therefore proves nothing: its
content is compared instead, and the result of that comparison is not kept."""


Secrets: TypeAlias = Literal["redact", "keep"]
"""What becomes of the secrets in a file: they are replaced in what is stored and shown, or are text like any other."""


@dataclass(frozen=True, slots=True)
class FileContent:
    """What a file holds, with its size and time at the moment when it was read."""

    data: bytes
    """The bytes without secrets, unless these are kept."""
    size: int
    mtime_ns: int
    content_hash: str
    """SHA-256 of the bytes of the file, hexadecimal."""
    secrets: tuple[str, ...] = ()
    """The kinds of the secrets that the file has."""


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


def relative_on_disk(root: Path, relative: str) -> str:
    """Return the path below a root, with slashes, under the names that the file system has for a path in any form."""
    if relative.isascii():
        return relative
    try:
        return on_disk(root, relative).relative_to(root).as_posix()
    except ValueError:  # an absolute path, which nothing opens
        return relative


def is_spelled(root: Path, relative: str) -> bool:
    """Whether every name of a path below a root is spelled as in the folder that has it.

    A file system that ignores the case of letters opens `.GIT/config` as well, which no rule leaves out.
    """
    folder = ""
    for name in relative.split("/"):
        try:
            with folder_beneath(root, folder) as opened:
                if name not in os.listdir(opened):  # noqa: PTH208  a folder may be given by its descriptor
                    return False
        except OSError:
            return True  # opening the file fails as well, and says why
        folder += name + "/"
    return True


def is_foreign_hard_link(state: os.stat_result) -> bool:
    """Whether a file has several names and belongs to somebody else.

    A hard link cannot be told from the file itself. If the file is the user's own, a link was made by somebody who may
    read it; if it is not, whoever may write in the collection could have put any file of its owner there.
    """
    return state.st_nlink > 1 and hasattr(os, "geteuid") and state.st_uid != os.geteuid()


def read_file(root: Path, relative: str, *, max_bytes: int, secrets: Secrets = "redact") -> FileContent | Skip:
    """Read a file below a root, or say why it cannot be read, must not be read or is not there.

    No link is followed, and what is checked is the file that was opened, so that nobody can swap it in between. Secrets
    whose form tells what they are are replaced, unless they are to be kept.
    """
    folders = PurePosixPath(relative).parts[:-1]
    in_secret_folder = not SECRET_FOLDERS.isdisjoint(name.lower() for name in folders)
    if in_secret_folder or is_secret(f"{root.name}/{relative}"):  # an index from elsewhere may list such a file
        return Skip(relative, "secret by its name")
    try:
        descriptor = open_beneath(root, relative_on_disk(root, relative))
    except OSError as error:
        return Skip(relative, _REASONS.get(error.errno or 0, "unreadable"))
    try:
        return _content(descriptor, relative, max_bytes=max_bytes, secrets=secrets)
    except OSError:
        return Skip(relative, "unreadable")
    finally:
        os.close(descriptor)


def _content(descriptor: int, relative: str, *, max_bytes: int, secrets: Secrets) -> FileContent | Skip:
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        return Skip(relative, "unreadable")
    if is_foreign_hard_link(state):
        return Skip(relative, "another user's hard link")
    if state.st_size > max_bytes:
        return Skip(relative, "too large")
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        return Skip(relative, "too large")
    content_hash = hashlib.sha256(data).hexdigest()
    shown, kinds = redacted(data)
    return FileContent(
        shown if secrets == "redact" else data,
        size=len(data),
        mtime_ns=state.st_mtime_ns,
        content_hash=content_hash,
        secrets=kinds,
    )


_REASONS: Mapping[int, SkipReason | Literal["missing"]] = {
    errno.ENOENT: "missing",
    errno.ENOTDIR: "missing",
    errno.ELOOP: "a link in its path",
    errno.EXDEV: "not in the collection",
}
