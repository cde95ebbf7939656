"""Walking through a collection's folder and finding the files that belong to it."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TypeAlias

from qmd_mcp.corpus.scanning import gitignore, worktrees
from qmd_mcp.corpus.scanning.admission import Rules, file_refusal, folder_refusal, is_ignored, rules_inside
from qmd_mcp.corpus.scanning.default_rules import INDEX_TABLE
from qmd_mcp.corpus.scanning.disk_files import is_foreign_hard_link
from qmd_mcp.corpus.scanning.membership import Membership
from qmd_mcp.corpus.scanning.secret_names import is_secret
from qmd_mcp.domain.answers import Skip, SkipReason
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.normal_forms import nfc
from qmd_mcp.errors import CollectionError
from qmd_mcp.files.beneath import folder_beneath

MAX_FILE_BYTES = 5 * 1024 * 1024
"""A larger file is taken for data. The largest page of the five documentation folders that were measured has 92 kB and
CPython's largest source file 0.8 MB; a file of this size makes 6,000 passages, a minute of embedding on 2 cores."""


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A file that belongs to the collection and has not been opened yet."""

    path: str
    """Relative to the collection's root, with slashes, in NFC."""
    absolute: Path
    """The same file under the name that the file system has for it."""
    size: int
    mtime_ns: int
    names: int = 1
    """How many names the file has: more than one if there are hard links to it, here or elsewhere."""


@dataclass(frozen=True, slots=True)
class _Folder:
    path: str
    """Relative to the root, in NFC, with a slash at the end; empty for the root itself."""
    on_disk: str
    """The same folder under the names that the file system has for it, as text of `os`."""
    rules: Rules
    """The `.gitignore` files that hold in it, the outermost first; its own is not among them."""


_Child: TypeAlias = ScannedFile | Skip | _Folder


def scan(collection: Collection, *, max_file_bytes: int = MAX_FILE_BYTES) -> Iterator[ScannedFile | Skip]:
    """Yield the files of a collection, and those left out with the reason, in the order of their paths.

    Folders are read while the caller iterates. A file that no glob selects, or that an ignore leaves out, does not
    belong to the collection and is not mentioned. A file with the name of a secret is always mentioned. The path of a
    folder that was left out ends with a slash. Links are not followed: a target inside the root is found at its own
    place, and a target outside the root does not belong to the collection. Git worktrees below the root are left out,
    because their files are copies of files that are indexed anyway.

    Raises:
        CollectionError: the root is not a folder or cannot be read, or a glob cannot be used.
    """
    walk = _Walk(Membership.of(collection), root=collection.root, max_file_bytes=max_file_bytes)
    try:
        os.scandir(collection.root).close()
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        sentence = f"The folder {collection.root} of collection {collection.name!r} cannot be read: {reason}."
        raise CollectionError(sentence) from error
    return walk.entries(_Folder("", "", gitignore.rules_above(Path(os.path.realpath(collection.root)))))


class _Walk:
    def __init__(self, membership: Membership, *, root: Path, max_file_bytes: int) -> None:
        self._membership = membership
        self._root = root
        self._real = Path(os.path.realpath(root))
        self._max_file_bytes = max_file_bytes

    def entries(self, root: _Folder) -> Iterator[ScannedFile | Skip]:
        """Walk depth first; a folder is sorted by its path with its slash, so that all entries are in order."""
        pending: list[_Child] = [root]
        while pending:
            child = pending.pop()
            if isinstance(child, _Folder):
                pending += sorted(self._children(child), key=attrgetter("path"), reverse=True)
            else:
                yield child

    def _children(self, folder: _Folder) -> Iterator[_Child]:
        try:
            with folder_beneath(self._root, folder.on_disk) as opened, os.scandir(opened) as found:
                entries = sorted(
                    found, key=lambda entry: (not unicodedata.is_normalized("NFC", entry.name), entry.name)
                )
                yield from self._found(folder, entries)
        except OSError:
            yield Skip(folder.path, "unreadable")

    def _found(self, folder: _Folder, entries: Sequence[os.DirEntry[str]]) -> Iterator[_Child]:
        """What belongs to the collection of the entries of a folder, which is open meanwhile."""
        if any(entry.name == INDEX_TABLE for entry in entries):
            return
        if self._copies_a_checkout(folder, entries):
            yield Skip(folder.path, "a git worktree of another checkout")
            return
        rules = folder.rules
        if any(entry.name == gitignore.FILE_NAME for entry in entries):
            own = gitignore.rules_in(self._root, folder.on_disk, rules, below=len(folder.path))
            if any(not each.complete for each in own):
                yield _skip(folder.path + gitignore.FILE_NAME, "too large")  # some of its lines say nothing
            rules += own
        seen: set[str] = set()
        for entry in entries:
            name = entry.name if entry.name.isascii() else nfc(entry.name)
            child = self._child(entry, name, folder=folder, rules=rules)
            if child is None:
                continue
            if name in seen:  # Linux can hold the same name in NFC and in NFD; in the index both have one path
                yield _skip(folder.path + entry.name, "same name as another file")
                continue
            seen.add(name)
            yield child

    def _copies_a_checkout(self, folder: _Folder, entries: Sequence[os.DirEntry[str]]) -> bool:
        marked = bool(folder.path) and any(
            entry.name == worktrees.FILE_NAME and entry.is_file(follow_symlinks=False) for entry in entries
        )
        return marked and worktrees.copies_a_checkout(self._root, folder.on_disk)

    def _child(self, entry: os.DirEntry[str], name: str, *, folder: _Folder, rules: Rules) -> _Child | None:
        path = folder.path + name
        try:
            if entry.is_dir(follow_symlinks=False):
                return self._folder(name, path + "/", on_disk=f"{folder.on_disk}{entry.name}/", rules=rules)
            if entry.is_symlink() and not is_secret(path):
                return self._link(folder.on_disk + entry.name, name, path=path, rules=rules)
            refused = file_refusal(self._membership, path, name=name, rules=rules)
            if refused is not None:
                return _mentioned(path, refused)
            if not _is_encodable(path):
                return _skip(path, "name is not UTF-8")
            state = entry.stat(follow_symlinks=False)
        except OSError:  # deleted since the folder was listed, or this process has no permission to read it
            return _skip(path, "unreadable")
        if not entry.is_file(follow_symlinks=False):  # a pipe or a device: opening it could block for ever
            return _skip(path, "unreadable")
        if state.st_size > self._max_file_bytes:
            return _skip(path, "too large")
        if is_foreign_hard_link(state):
            return _skip(path, "another user's hard link")
        absolute = self._root / folder.on_disk / entry.name
        return ScannedFile(path, absolute, size=state.st_size, mtime_ns=state.st_mtime_ns, names=max(1, state.st_nlink))

    def _folder(self, name: str, path: str, *, on_disk: str, rules: Rules) -> _Child | None:
        refused = folder_refusal(self._membership, path, name=name, rules=rules)
        if refused is not None:
            return _mentioned(path, refused)
        rules = rules_inside(self._membership, path, rules)
        return _Folder(path, on_disk, rules) if _is_encodable(path) else _skip(path, "name is not UTF-8")

    def _link(self, on_disk: str, name: str, *, path: str, rules: Rules) -> _Child | None:
        target = Path(os.path.realpath(self._root / on_disk))
        exists = target.exists()
        if exists and target.is_relative_to(self._real):
            return None
        if target.is_dir():
            path += "/"
            wanted = name not in self._membership.ignored_folders
        else:
            wanted = self._membership.selects(path, name=name)
        if not wanted or is_ignored(self._membership, path, rules):
            return None
        return _skip(path, "link out of the collection" if exists else "unreadable")


def _mentioned(path: str, reason: SkipReason) -> Skip | None:
    """What is left out, unless it does not belong to the collection at all."""
    return None if reason == "not in the collection" else _skip(path, reason)


def _skip(path: str, reason: SkipReason) -> Skip:
    return Skip(os.fsencode(path).decode(errors="backslashreplace"), reason)


def _is_encodable(path: str) -> bool:
    """Whether a path is valid text: Linux allows names that are not, and the index cannot store them."""
    if path.isascii():
        return True
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
