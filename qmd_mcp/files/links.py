"""Finding what in a folder leads out of it, or is somebody else's."""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qmd_mcp.files.owners import belongs_to_me, others_may_look, others_may_write

_NAME_SURROGATE = 0x2000_0000
"""The bit of a reparse tag of Windows which says that the entry stands for another place, as links and junctions do
(IsReparseTagNameSurrogate); files that a cloud service fetches on demand have other tags."""

_LOOKS = 5
_PAUSE_SECONDS = 0.02
"""LanceDB commits by giving a file a second name and deleting the first, so that while another process writes, a file
has a name more for an instant. A file that has one too many in all of these looks keeps it."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found out about a folder and everything in it."""

    fault: str | None
    """Why it cannot be relied on: the end of a sentence; None if it can."""
    writable: tuple[Path, ...] = ()
    """What other users may write."""
    visible: tuple[Path, ...] = ()
    """What other users may do anything with, each folder before what is in it."""


def is_link(state: os.stat_result) -> bool:
    """Whether an entry, as `lstat` sees it, stands for another place."""
    return stat.S_ISLNK(state.st_mode) or bool(getattr(state, "st_reparse_tag", 0) & _NAME_SURROGATE)


def examine(folder: Path) -> Examined:
    """Look at a folder and everything in it, without following any link.

    Raises:
        OSError: the folder is not there, or a folder in it cannot be listed.
    """
    writable: list[Path] = []
    visible: list[Path] = []
    names = Counter[tuple[int, int]]()
    several: list[tuple[str, tuple[int, int]]] = []
    for path, state in _entries(folder):
        if is_link(state):
            return Examined(f"{path} is a link")
        if not (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode)):
            return Examined(f"{path} is neither a file nor a folder")
        if not belongs_to_me(state):
            return Examined(f"{path} belongs to another user of this machine")
        if others_may_write(state):
            writable.append(Path(path))
        if others_may_look(state):
            visible.append(Path(path))
        if stat.S_ISREG(state.st_mode) and state.st_nlink > 1:
            names[state.st_dev, state.st_ino] += 1
            several.append((path, (state.st_dev, state.st_ino)))
    for path, file in several:
        if _has_more_names(path, names[file]):
            return Examined(f"{path} is a hard link, which has another name outside")
    return Examined(None, tuple(writable), tuple(visible))


def _entries(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """The folder itself and everything below it; what a writer deletes meanwhile is left out."""
    top = folder.lstat()
    yield str(folder), top
    waiting = [str(folder)] if stat.S_ISDIR(top.st_mode) and not is_link(top) else []
    while waiting:
        place = waiting.pop()
        try:
            names = os.listdir(place)  # noqa: PTH208  names are cheaper than paths, and an index has thousands of files
        except FileNotFoundError:
            continue
        for name in names:
            path = os.path.join(place, name)  # noqa: PTH118  as above
            try:
                state = os.lstat(path)
            except FileNotFoundError:
                continue
            yield path, state
            if stat.S_ISDIR(state.st_mode) and not is_link(state):
                waiting.append(path)


def _has_more_names(path: str, known: int) -> bool:
    """Whether a file has more names than those that were found, and keeps them for a while."""
    for _ in range(_LOOKS):
        try:
            if os.lstat(path).st_nlink <= known:
                return False
        except FileNotFoundError:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True
