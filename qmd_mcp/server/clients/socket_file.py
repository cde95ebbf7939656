"""A Unix socket in place of an address: only the user who serves can connect, and nobody else can take its place."""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from qmd_mcp.errors import SettingsError
from qmd_mcp.files.owners import belongs_to_me, others_may_write

SCHEME = "unix:"
"""Before the path of a socket in the place of a URL."""


@contextmanager
def bound_to_file(path: Path, *, backlog: int) -> Generator[socket.socket]:
    """Give a socket that listens at a path, and delete the file at the end.

    Raises:
        SettingsError: the system has no such sockets, others could replace the file, or the path cannot be bound.
    """
    if sys.platform == "win32":
        sentence = "This system has no Unix sockets for Python. Leave --socket out."
        raise SettingsError(sentence)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder = path.parent.stat()
            if not belongs_to_me(folder) or others_may_write(folder):
                raise _not_bound(path, "other users can write into its folder, and so put a socket of theirs there")
            _remove_abandoned(path)
            listener.bind(str(path))
            path.chmod(0o600)  # before it listens, so that nobody can have connected
            listener.listen(backlog)
            mine = path.lstat().st_ino
        except OSError as error:
            raise _not_bound(path, (error.strerror or str(error)).lower()) from error
        try:
            yield listener
        finally:
            with suppress(OSError):
                if path.lstat().st_ino == mine:
                    path.unlink()


def _remove_abandoned(path: Path) -> None:
    """Delete the socket of a server that was killed.

    Raises:
        SettingsError: the file is something else, or somebody listens.
    """
    if sys.platform == "win32" or not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise _not_bound(path, "another file is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise _not_bound(path, "a server listens there")


def _not_bound(path: Path, reason: str) -> SettingsError:
    return SettingsError(f"The socket {path} cannot be served: {reason}. Choose another path with --socket.")
