"""Files that hold secrets: only their owner can read them, and they are never reached through a link."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from qmd_mcp.errors import SettingsError

_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
"""No link is followed, and a pipe in the place of the file keeps nobody waiting."""


def read_secret(path: Path) -> str | None:
    """Return the text of the file, or None if there is none.

    Raises:
        SettingsError: the file cannot be read, is a link, or others may have read or written it.
    """
    try:
        descriptor = os.open(path, _OPEN)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, "it cannot be opened, or is a link") from error
    with os.fdopen(descriptor, encoding="utf-8") as file:
        objection = _objection(os.fstat(descriptor))
        if objection is not None:
            raise _unusable(path, objection)
        try:
            return file.read()
        except (OSError, ValueError) as error:
            raise _unusable(path, "it cannot be read") from error


def write_secret(path: Path, text: str) -> None:
    """Replace the file in one step.

    Raises:
        SettingsError: the file cannot be written.
    """
    with _written(path, text) as temporary:
        temporary.replace(path)


def create_secret(path: Path, text: str) -> None:
    """Make the file with its whole text in one step, unless another process has made it meanwhile.

    Raises:
        SettingsError: the file cannot be written.
    """
    with _written(path, text) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            temporary.replace(path)


@contextmanager
def _written(path: Path, text: str) -> Generator[Path]:
    """Give a temporary file with the text beside the path; `mkstemp` makes one that only its owner can read."""
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(dir=path.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        yield temporary
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        sentence = f"{path} cannot be written: {reason}. Give yourself write access to its folder."
        raise SettingsError(sentence) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _objection(status: os.stat_result) -> str | None:
    """What makes the content of a file no secret, or not the user's own; Windows keeps others out of the folder."""
    if not stat.S_ISREG(status.st_mode):
        return "it is no plain file"
    if sys.platform != "win32":
        if status.st_uid != os.geteuid():
            return "it belongs to another user"
        if status.st_mode & 0o077:
            return "other users may read or write it"
    return None


def _unusable(path: Path, objection: str) -> SettingsError:
    return SettingsError(f"{path} is not used because {objection}. Delete it; what it held is no secret any more.")
