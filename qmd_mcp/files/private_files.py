"""Files and folders that nobody but their owner may read, written whole or not at all, and never through a link."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600

LARGEST = 1024 * 1024
"""Bytes that `read_private` reads at most. The largest of our own small files, the list of trusted indexes, has about
200 bytes for each index, so that this is room for 5,000."""

_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_REPLACING_ATTEMPTS = 50
_PAUSE_SECONDS = 0.01
"""Windows replaces no file that somebody has open. Reading one of these takes less than a millisecond, so that half a
second is only used up if it is not a reader that is in the way."""


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner alone whatever the umask is.

    Raises:
        OSError: it cannot be made, or something else has its name.
    """
    missing = []
    for each in (folder, *folder.parents):
        if os.path.isdir(each):  # noqa: PTH112  Path.is_dir raises where a folder above may not be entered
            break
        missing.append(each)
    for each in reversed(missing):
        each.mkdir(mode=FOLDER_MODE, exist_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Write a file for its owner alone.

    A process that reads meanwhile, or after the machine lost its power, finds the old content or the new one. If there
    is a link at this place, it is replaced and what it leads to stays as it was.

    Raises:
        OSError: the file cannot be written.
    """
    new = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _replace(new, path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
    _keep_name(path.parent)


def read_private(path: Path) -> bytes:
    """Read a small file, unless there is a link or anything else that is no ordinary file.

    Raises:
        OSError: there is no such file, it is no ordinary one, or it has more than `LARGEST` bytes.
    """
    if not _NO_LINK and path.is_symlink():  # Windows, where only an administrator or a developer can make one
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    descriptor = os.open(path, os.O_RDONLY | _NO_LINK | getattr(os, "O_NONBLOCK", 0))  # a pipe would make it wait
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not an ordinary file", str(path))
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content


def make_private(path: Path) -> None:
    """Take every right from group and others at a file or folder that is there, without following a link.

    Raises:
        OSError: it is a link, or it is not ours.
    """
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY | _NO_LINK | os.O_NONBLOCK)
    try:
        os.fchmod(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode) & ~(stat.S_IRWXG | stat.S_IRWXO))
    finally:
        os.close(descriptor)


def _replace(new: Path, path: Path) -> None:
    for _ in range(_REPLACING_ATTEMPTS if sys.platform == "win32" else 0):
        try:
            new.replace(path)
        except PermissionError:
            time.sleep(_PAUSE_SECONDS)
        else:
            return
    new.replace(path)


def _keep_name(folder: Path) -> None:
    """Bring the new name to the disk too; a file system that cannot is left alone."""
    if sys.platform == "win32":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
