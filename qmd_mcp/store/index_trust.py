"""Which indexes of projects the user trusts.

An index that is found in a project may have come with it: from a repository, an archive, or another user who could
write there. It is opened only if it is in the user's own list. An entry of the list names the index by three things
that an index put in its place does not have together: the folder's path, the number that the file system gave the
folder, and a secret that lies in the folder and of which the list has the hash. The number of the device is left out:
Btrfs, NFS and overlays give a file system another one when it is mounted again.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from qmd_mcp.errors import SettingsError
from qmd_mcp.files.git_index import is_tracked
from qmd_mcp.files.private_files import FILE_MODE, make_private_folder, read_private, write_private
from qmd_mcp.index_errors import NotAnIndexError, UnsafeIndexError
from qmd_mcp.settings import PROJECT_FOLDER, IndexLocation, config_file
from qmd_mcp.store.index_folder import IDENTITY_FILE, check_folder, check_project, is_own_file, quoted


@dataclass(frozen=True, slots=True)
class TrustedIndex:
    """One index that the user trusts."""

    folder: str
    """Absolute path of the index, with all links resolved."""
    number: int
    """What the file system calls the folder: its inode."""
    secret: str
    """SHA-256 of the secret in the folder, hexadecimal."""


def check_trust(location: IndexLocation) -> None:
    """Make sure that an index may be opened; one that the person has named may, unless it has replaced a trusted one.

    A client's configuration names the index of a project for months. What stands in its place after the project was
    cloned anew is not what the person meant.

    Raises:
        UnsafeIndexError: it was found in a project or is listed, and is not trusted or could be somebody else's.
        SettingsError: the list of trusted indexes cannot be read.
    """
    if location.found:
        check_project(location)
    elif location.project is None or not _is_listed(Path(location.uri)):
        return
    if not is_trusted(Path(location.uri)):
        assert location.project is not None, "only the index of a project is looked for"
        sentence = (
            f"The index {location.uri} is not used, because it may have come with the project: look at its collections "
            f"and have them indexed anew with qmd-mcp trust {quoted(location.project)} (with --as-is if you made it "
            f"yourself), or name another index with --index FOLDER."
        )
        raise UnsafeIndexError(sentence)
    check_not_tracked(Path(location.uri))


def check_not_tracked(folder: Path) -> None:
    """Make sure that git does not write into an index: a pull could put passages into one that is trusted.

    Raises:
        UnsafeIndexError: files of the index are in the repository.
    """
    if is_tracked(folder):
        sentence = (
            f"The index {folder} is not used, because git tracks files in it, so that a pull could change what it "
            f"holds. Take them out of the repository: git rm -r --cached {quoted(folder)}"
        )
        raise UnsafeIndexError(sentence)


def may_be_opened(location: IndexLocation) -> bool:
    """Whether `check_trust` has no objection."""
    try:
        check_trust(location)
    except (UnsafeIndexError, SettingsError):
        return False
    return True


def check_or_begin(location: IndexLocation) -> None:
    """Make sure that an index may be opened or made; the index of a project that is made now is trusted from now on.

    It is trusted before anything is in it, so that a process that dies while it makes the index leaves one that the
    next process can finish.

    Raises:
        UnsafeIndexError: there is an index that must not be opened, or the project is not this user's alone.
        SettingsError: the list of trusted indexes cannot be read or written.
    """
    folder = Path(location.uri)
    if location.project is None or folder.name != PROJECT_FOLDER:
        return
    if location.found:
        check_project(location)
    try:
        if not _is_vacant(folder):
            check_trust(location)
            return
        make_private_folder(folder)
        check_folder(location.uri)
        with nullcontext() if location.found else suppress(SettingsError):  # a named index needs no entry in the list
            trust(folder)
    except OSError as error:
        raise NotAnIndexError(location.uri, reason=f"the folder cannot be made ({error.strerror})") from error


def is_trusted(folder: Path) -> bool:
    """Whether the user trusts the index that is in this folder now.

    Raises:
        SettingsError: the list of trusted indexes cannot be read.
    """
    try:
        return _entry(folder, secret=read_private(folder / IDENTITY_FILE)) in trusted()
    except OSError:  # there is none, or it is no ordinary file
        return False


def trust(folder: Path) -> None:
    """Trust the index in a folder from now on; the caller has looked at what is in it.

    Raises:
        SettingsError: the list of trusted indexes cannot be written.
        OSError: the secret cannot be written into the folder.
    """
    secret = secrets.token_bytes(32)
    write_private(folder / IDENTITY_FILE, secret)
    write_private(folder / ".gitignore", b"*\n")  # an index is copies of the person's texts, and no part of the project
    entry = _entry(folder, secret=secret)
    _change(lambda known: (*(each for each in known if each.folder != entry.folder), entry))


def distrust(folder: Path) -> bool:
    """Trust an index no longer, and return whether it was in the list; the folder need not exist any more.

    Raises:
        SettingsError: the list of trusted indexes cannot be written.
    """
    place, was_there = os.path.realpath(folder), _is_listed(folder)
    _change(lambda known: tuple(each for each in known if each.folder != place))
    return was_there


def trusted() -> tuple[TrustedIndex, ...]:
    """Every index that the user trusts, in the order in which they were trusted.

    Raises:
        SettingsError: the list cannot be read.
    """
    try:
        return tuple(TrustedIndex(**each) for each in json.loads(read_private(trust_file()))["indexes"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        sentence = (
            f"The list of trusted indexes {trust_file()} cannot be read. Delete it, and trust your projects again with "
            f"qmd-mcp trust FOLDER --as-is."
        )
        raise SettingsError(sentence) from error


def trust_file() -> Path:
    """Return the path of the list of trusted indexes; it need not exist."""
    return config_file().with_name("trusted.json")


def _is_listed(folder: Path) -> bool:
    """Whether the user trusts some index at this path, which need not be the one that is there now."""
    place = os.path.realpath(folder)
    return any(each.folder == place for each in trusted())


def _entry(folder: Path, *, secret: bytes) -> TrustedIndex:
    digest = hashlib.sha256(secret).hexdigest()
    return TrustedIndex(os.path.realpath(folder), number=folder.lstat().st_ino, secret=digest)


def _change(change: Callable[[tuple[TrustedIndex, ...]], tuple[TrustedIndex, ...]]) -> None:
    file = trust_file()
    try:
        make_private_folder(file.parent)
        with FileLock(file.with_suffix(".lock"), mode=FILE_MODE):
            indexes = [asdict(each) for each in change(trusted())]
            write_private(file, json.dumps({"indexes": indexes}, indent=2).encode())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        sentence = f"The list of trusted indexes {file} cannot be written: {reason}. Give yourself write access to it."
        raise SettingsError(sentence) from error


def _is_vacant(folder: Path) -> bool:
    """Whether there is no index in this place, and nothing from which one could be."""
    try:
        with os.scandir(folder) as entries:
            return all(is_own_file(entry.name) and entry.is_file(follow_symlinks=False) for entry in entries)
    except FileNotFoundError:
        return True
