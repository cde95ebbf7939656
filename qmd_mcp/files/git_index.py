"""Finding out whether git would write into a folder, without running git, which runs what a repository configures."""

from __future__ import annotations

import mmap
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path

_HEADER = struct.Struct(">4sII")
_STATE_BYTES = 40
_HASH_BYTES = (20, 32)
"""Bytes of a SHA-1 and of a SHA-256: the file does not say which one its repository uses."""
_EXTENDED = 0x4000
"""The flag of an entry that has two more bytes of flags."""
_COMPRESSED_VERSION = 4
"""From this version on, a path is written as what differs from the path before it."""


def is_tracked(folder: Path) -> bool:
    """Whether the repository around a folder has files in it, so that `git pull` changes them.

    This reads git's own list of files, as gitformat-index describes it. What cannot be read is no list of git's.
    """
    for above in folder.parents:
        lists = _lists_of(above / ".git")
        if lists:
            prefix = os.fsencode(folder.relative_to(above).as_posix()).lower() + b"/"  # macOS and Windows ignore case
            return any(_has(each, prefix) for each in lists)
    return False


def _lists_of(place: Path) -> list[Path]:
    """The lists of a repository; in a worktree or a submodule, `.git` is a file with the path of the folder."""
    try:
        if place.is_file():
            place = place.parent / place.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        return [each for each in (place / "index", *place.glob("sharedindex.*")) if each.is_file()]
    except (OSError, ValueError):
        return []


def _has(list_file: Path, prefix: bytes) -> bool:
    try:
        with list_file.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return any(_read_as(content, size, prefix) for size in _HASH_BYTES)
    except (OSError, ValueError):
        return False


def _read_as(content: mmap.mmap, hash_bytes: int, prefix: bytes) -> bool:
    try:
        signature, version, count = _HEADER.unpack_from(content)
        if signature != b"DIRC" or (
            version < _COMPRESSED_VERSION and not re.search(re.escape(prefix), content, re.IGNORECASE)
        ):
            return False
        return any(path.lower().startswith(prefix) for path in _paths(content, version, count, hash_bytes))
    except (struct.error, IndexError, ValueError):  # its hashes have the other length
        return False


def _paths(content: mmap.mmap, version: int, count: int, hash_bytes: int) -> Iterator[bytes]:
    position, path = _HEADER.size, b""
    for _ in range(count):
        start = position
        position += _STATE_BYTES + hash_bytes
        (flags,) = struct.unpack_from(">H", content, position)
        position += 4 if flags & _EXTENDED else 2
        if version >= _COMPRESSED_VERSION:
            dropped, position = _number(content, position)
            end = content.find(b"\0", position)
            path = path[: len(path) - dropped] + content[position:end]
            position = end + 1
        else:
            end = content.find(b"\0", position)
            path = content[position:end]
            position = end + 8 - (end - start) % 8  # filled with NUL to a multiple of eight bytes, by one at least
        if end < 0:
            raise IndexError
        yield path


def _number(content: mmap.mmap, position: int) -> tuple[int, int]:
    """A number in the variable width of git's packs, and the position behind it."""
    byte = content[position]
    value = byte & 0x7F
    while byte & 0x80:
        position += 1
        byte = content[position]
        value = ((value + 1) << 7) | (byte & 0x7F)
    return value, position + 1
