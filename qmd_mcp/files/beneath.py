"""Opening files and folders below a folder without following a link.

A path is looked up and opened in one step. Checking a path first and opening it afterwards could be raced: whoever may
write in the folder swaps a link into the path between the two, and a file of somebody else is read. A link anywhere
below the folder is therefore an error, wherever it leads; the folder itself may be a link.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Protocol, cast

_OPENAT2 = 437
"""The number of the system call: the same on every architecture that CPython supports on Linux."""

_RESOLVE = 0x04 | 0x08
"""`RESOLVE_NO_SYMLINKS`, which forbids the links of /proc as well, and `RESOLVE_BENEATH`."""

_UNAVAILABLE = {errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG, errno.EAGAIN}
"""What `openat2` fails with on a kernel before 5.6, in a sandbox that does not know it (EPERM), and while folders are
renamed (EAGAIN). Walking then finds out what is the case."""

_FOLDER = getattr(os, "O_DIRECTORY", 0)
_ONLY_A_PLACE = getattr(os, "O_PATH", os.O_RDONLY)
"""Linux opens a folder as a place to start from even if it may not be listed."""
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0)
"""Without blocking, since a pipe that lies in a folder would be waited for; never as the terminal of this process."""

CAN_WALK = os.open in os.supports_dir_fd
"""Whether the system opens files relative to an open folder: Linux and macOS do, Windows does not."""


class Opener(Protocol):
    """One way to open what lies below a folder."""

    def __call__(self, root: str, parts: tuple[str, ...], flags: int) -> int:
        """Return a descriptor. Raises OSError; its `errno` is ELOOP if there is a link in the path."""
        ...


class _How(ctypes.Structure):
    """`struct open_how` of Linux."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def _system_call() -> Callable[..., int] | None:
    if sys.platform != "linux":
        return None
    try:
        call = ctypes.CDLL(None, use_errno=True).syscall
    except (OSError, AttributeError):  # a C library without it
        return None
    call.restype = ctypes.c_long
    call.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(_How), ctypes.c_size_t)
    return cast("Callable[..., int]", call)


_SYSTEM_CALL = _system_call()


def by_openat2(root: str, parts: tuple[str, ...], flags: int) -> int:
    """Have Linux open it in one system call, which no change of the folder can come between."""
    if _SYSTEM_CALL is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    how = _How(flags=flags | os.O_CLOEXEC, mode=0, resolve=_RESOLVE)
    start = os.open(root, _ONLY_A_PLACE | _FOLDER)
    try:
        path = "/".join(parts) or "."
        descriptor = _SYSTEM_CALL(_OPENAT2, start, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how))
        failure = ctypes.get_errno()
    finally:
        os.close(start)
    if descriptor < 0:
        raise OSError(failure, os.strerror(failure), path)
    return descriptor


def by_walking(root: str, parts: tuple[str, ...], flags: int) -> int:
    """Open one folder after the other, each relative to the one before, and none through a link."""
    place = os.open(root, (_ONLY_A_PLACE if parts else flags) | _FOLDER)
    for depth, name in enumerate(parts, 1):
        wanted = flags if depth == len(parts) else _ONLY_A_PLACE | _FOLDER
        try:
            place, above = _step(place, name, wanted | _NO_LINK), place
        except OSError:
            os.close(place)
            raise
        os.close(above)
    return place


def _step(place: int, name: str, flags: int) -> int:
    try:
        descriptor = os.open(name, flags, dir_fd=place)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.EACCES, errno.ELOOP}:
            raise
        if _is_link(name, place):  # opened as a folder, a link is no folder; and FreeBSD has an error of its own
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name) from error
        raise
    if flags & getattr(os, "O_PATH", 0) and stat.S_ISLNK(os.fstat(descriptor).st_mode):  # O_PATH opens the link itself
        os.close(descriptor)
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
    return descriptor


def _is_link(name: str, place: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=place, follow_symlinks=False).st_mode)
    except OSError:
        return False


def by_comparing(root: str, parts: tuple[str, ...], flags: int) -> int:
    """Open it by its path, and keep it only if there is no link in the path afterwards and the path still leads to it.

    This is what is left where files cannot be opened relative to a folder. Somebody who swaps a link in and out again
    within this function gains nothing: what was opened is then not the file at the path.
    """
    path = os.path.join(root, *parts)  # noqa: PTH118  Path would take out the dots that are refused
    descriptor = os.open(path, flags)
    try:
        same = not _leads_through_a_link(root, parts) and os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        os.close(descriptor)
        raise
    if not same:
        os.close(descriptor)
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
    return descriptor


def _leads_through_a_link(root: str, parts: tuple[str, ...]) -> bool:
    below = root
    for name in parts:
        below = os.path.join(below, name)  # noqa: PTH118  as above
        state = os.lstat(below)
        if stat.S_ISLNK(state.st_mode) or getattr(state, "st_reparse_tag", 0) == _MOUNT_POINT:
            return True
    return False


_MOUNT_POINT = 0xA0000003
"""`IO_REPARSE_TAG_MOUNT_POINT`: a junction, by which Windows leads from one folder to another."""


def open_beneath(root: str | os.PathLike[str], relative: str, *, flags: int = _READ) -> int:
    """Open a file or folder by its path below a folder, with slashes, and return the descriptor.

    Raises:
        OSError: it cannot be opened; `errno` is ELOOP if there is a link in the path, and EXDEV if the path is absolute
            or has `..` in it.
    """
    parts = PurePosixPath(relative).parts
    if any(part in {"..", "/"} or "\0" in part or (os.altsep and {os.sep, ":"} & set(part)) for part in parts):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), relative)
    folder = os.fspath(root)
    if not CAN_WALK:
        return by_comparing(folder, parts, flags)
    try:
        return by_openat2(folder, parts, flags)
    except OSError as error:
        if error.errno not in _UNAVAILABLE:
            raise
    return by_walking(folder, parts, flags)


def state_beneath(root: str | os.PathLike[str], relative: str) -> os.stat_result:
    """Return the state of a file below a folder, also of one that may not be read.

    Raises:
        OSError: as from `open_beneath`.
    """
    descriptor = open_beneath(root, relative, flags=getattr(os, "O_PATH", _READ))
    try:
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def folder_beneath(root: str | os.PathLike[str], relative: str) -> Generator[int | str]:
    """Open a folder below a folder, for `os.scandir`.

    Raises:
        OSError: as from `open_beneath`.
    """
    if os.scandir not in os.supports_fd or not CAN_WALK:
        if os.path.islink(os.path.join(root, relative)):  # noqa: PTH114, PTH118  texts, as everywhere here
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), relative)
        yield os.path.join(root, relative)  # noqa: PTH118  as above
        return
    descriptor = open_beneath(root, relative, flags=os.O_RDONLY | _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
