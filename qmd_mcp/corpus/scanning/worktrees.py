"""Telling git worktrees, which hold another copy of the files of a checkout, from other checkouts."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from qmd_mcp.files.beneath import open_beneath

FILE_NAME = ".git"
"""In a checkout a folder; in a worktree or a submodule a file that names the folder which git uses instead."""

_LONGEST = 8_192
"""Most bytes of such a file that are read: twice the longest path of Linux."""

_GITDIR = re.compile(r"gitdir:[ \t]*([^\r\n\0]+)")


def copies_a_checkout(root: Path, folder: str) -> bool:
    """Whether a folder below a collection's root is a git worktree of a checkout that is in reach of the collection.

    That is a checkout that lies in the collection, or that the collection lies in. A submodule is no such copy, since
    its files are nowhere else. Neither is a worktree of a checkout elsewhere or of a bare repository, because leaving
    it out could leave out the only copy. If the repository has been moved or deleted, so that this cannot be told, a
    worktree counts as a copy.
    """
    target = _git_folder(root, folder)
    if target is None or target.parent.name != "worktrees":
        return False
    if not target.is_dir():
        return True
    checkouts = [parent.parent for parent in target.parents if parent.name == FILE_NAME]
    root = Path(os.path.realpath(root))
    return any(checkout.is_relative_to(root) or root.is_relative_to(checkout) for checkout in checkouts)


def _git_folder(root: Path, folder: str) -> Path | None:
    """The folder that the `.git` file of a folder names; None if it is no such file."""
    try:
        descriptor = open_beneath(root, f"{folder}/{FILE_NAME}")
    except OSError:
        return None
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        match = _GITDIR.match(os.fsdecode(os.read(descriptor, _LONGEST))) if regular else None
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return Path(os.path.realpath(root / folder / match[1].strip().replace("\\", "/"))) if match else None
