"""The folder of an index on this machine: what may be in it, and that nobody but its owner can read it."""

from __future__ import annotations

import os
import re
import shlex
import sys
from contextlib import suppress
from pathlib import Path

from qmd_mcp.files.links import Examined, examine, is_link
from qmd_mcp.files.owners import belongs_to_me, others_may_write
from qmd_mcp.files.private_files import make_private
from qmd_mcp.index_errors import UnsafeIndexError
from qmd_mcp.index_uri import is_local
from qmd_mcp.settings import IndexLocation

IDENTITY_FILE = "identity"
"""The file with the secret name by which a trusted index is known."""

_OWN_FILES = re.compile(r"\.gitignore|writer\.lock|(writer\.json|identity)(\.[0-9a-f]{16}\.new)?")
"""Files that this program puts into the folder before the index is created there."""


def is_own_file(name: str) -> bool:
    """Whether a file is one that the folder may have before there is an index in it."""
    return _OWN_FILES.fullmatch(name) is not None


def check_folder(uri: str) -> None:
    """Make sure that everything in the folder of an index is in it and is ours, and make it readable for us alone.

    LanceDB follows every link: one in the folder would let it show another index's passages, and delete and write
    outside. An index on object storage has no links.

    Raises:
        UnsafeIndexError: there is a link in the folder, or something that another user made.
    """
    if not is_local(uri):
        return
    folder = Path(os.path.realpath(uri))  # a person may name an index by a link
    for path in _examined(folder).visible:
        with suppress(OSError):  # another user's (`belongs_to_me`), or on a disk that is only read
            make_private(path)


def check_not_by_sudo(uri: str) -> None:
    """Make sure that root does not write into the index of the user who called it with sudo.

    Raises:
        UnsafeIndexError: it would, and its owner could then not read what root has written.
    """
    caller = os.environ.get("SUDO_UID", "")
    if not is_local(uri) or sys.platform == "win32" or os.geteuid() != 0 or not caller.isdecimal():
        return
    with suppress(OSError):
        if int(caller) != 0 and Path(uri).stat().st_uid == int(caller):
            sentence = (
                f"The index {uri} is not written by root, because you could not read it afterwards. Leave sudo out."
            )
            raise UnsafeIndexError(sentence)


def check_project(location: IndexLocation) -> None:
    """Make sure that nobody but this user can have put the index of a project there, or exchange it.

    Raises:
        UnsafeIndexError: somebody else could.
    """
    folder, project = Path(location.uri), location.project
    assert project is not None, "only the index of a project is looked for"
    for each in (project, folder):
        try:
            state = each.lstat() if each == folder else each.stat()
        except FileNotFoundError:
            continue  # it is about to be made
        except OSError as error:
            raise _not_looked_at(folder, error) from error
        if is_link(state):
            raise _refused(folder, f"{each} is a link")
        if not belongs_to_me(state):
            raise _refused(folder, f"{each} belongs to another user of this machine")
        if others_may_write(state):
            raise _refused(folder, f"other users may write {each}; if that is a mistake: chmod go-w {quoted(each)}")


def check_not_writable(folder: Path) -> None:
    """Make sure that nobody else could have changed a file of an index that is to be trusted.

    Raises:
        UnsafeIndexError: somebody could, or the folder has a link or something that another user made.
    """
    writable = _examined(folder).writable
    if writable:
        raise _refused(
            folder, f"other users may write {writable[0]}; if that is a mistake: chmod -R go-w {quoted(folder)}"
        )


def quoted(path: Path) -> str:
    """A path as a shell takes it."""
    return shlex.quote(str(path))


def _examined(folder: Path) -> Examined:
    try:
        examined = examine(folder)
    except OSError as error:
        raise _not_looked_at(folder, error) from error
    if examined.fault:
        raise _refused(folder, examined.fault)
    return examined


def _not_looked_at(folder: Path, error: OSError) -> UnsafeIndexError:
    return _refused(folder, f"it cannot be looked through ({(error.strerror or str(error)).lower()})")


def _refused(folder: Path, reason: str) -> UnsafeIndexError:
    return UnsafeIndexError(f"The index {folder} is not used: {reason}. Name another index with --index FOLDER.")
