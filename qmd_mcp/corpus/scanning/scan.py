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
from qmd_mcp.corpus.scanning.default_rules import INDEX_TABLE
from qmd_mcp.corpus.scanning.membership import Membership
from qmd_mcp.corpus.scanning.secret_names import SECRET_FOLDERS, is_secret
from qmd_mcp.domain.answers import Skip, SkipReason
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.normal_forms import nfc
from qmd_mcp.errors import CollectionError

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


@dataclass(frozen=True, slots=True)
class _Folder:
    path: str
    """Relative to the root, in NFC, with a slash at the end; empty for the root itself."""
    absolute: str
    """The same folder under the name that the file system has for it."""
    rules: tuple[gitignore.Rules, ...]
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
    root = Path(os.path.realpath(collection.root))
    walk = _Walk(Membership.of(collection), root=root, max_file_bytes=max_file_bytes)
    try:
        os.scandir(collection.root).close()
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        sentence = f"The folder {collection.root} of collection {collection.name!r} cannot be read: {reason}."
        raise CollectionError(sentence) from error
    return walk.entries(_Folder("", os.fspath(collection.root), gitignore.rules_above(root)))


class _Walk:
    def __init__(self, membership: Membership, *, root: Path, max_file_bytes: int) -> None:
        self._membership = membership
        self._root = root
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
            with os.scandir(folder.absolute) as found:
                entries = sorted(
                    found, key=lambda entry: (not unicodedata.is_normalized("NFC", entry.name), entry.name)
                )
        except OSError:
            yield Skip(folder.path, "unreadable")
            return
        if any(entry.name == INDEX_TABLE for entry in entries):
            return
        if self._copies_a_checkout(folder, entries):
            yield Skip(folder.path, "a git worktree of another checkout")
            return
        rules = folder.rules
        if any(entry.name == gitignore.FILE_NAME for entry in entries):
            rules += gitignore.rules_in(Path(folder.absolute), below=len(folder.path))
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
        marked = bool(folder.path) and any(entry.name == worktrees.FILE_NAME and entry.is_file() for entry in entries)
        return marked and worktrees.copies_a_checkout(Path(folder.absolute), root=self._root)

    def _child(
        self, entry: os.DirEntry[str], name: str, *, folder: _Folder, rules: tuple[gitignore.Rules, ...]
    ) -> _Child | None:
        path = folder.path + name
        try:
            if entry.is_dir(follow_symlinks=False):
                return self._folder(name, path + "/", absolute=entry.path, rules=rules)
            if is_secret(name):
                return _skip(path, "secret by its name")
            if name == gitignore.FILE_NAME and entry.is_file() and entry.stat().st_size > gitignore.MAX_BYTES:
                return _skip(path, "too large")  # mentioned because the lines beyond the limit say nothing
            if entry.is_symlink():
                return self._link(entry, name, path=path, rules=rules)
            if not self._membership.selects(path, name=name) or self._is_ignored(path, rules):
                return None
            if not _is_encodable(path):
                return _skip(path, "name is not UTF-8")
            state = entry.stat(follow_symlinks=False)
        except OSError:  # deleted since the folder was listed, or this process has no permission to read it
            return _skip(path, "unreadable")
        if not entry.is_file(follow_symlinks=False):  # a pipe or a device: opening it could block for ever
            return _skip(path, "unreadable")
        if state.st_size > self._max_file_bytes:
            return _skip(path, "too large")
        return ScannedFile(path, Path(entry.path), size=state.st_size, mtime_ns=state.st_mtime_ns)

    def _folder(self, name: str, path: str, *, absolute: str, rules: tuple[gitignore.Rules, ...]) -> _Child | None:
        if name in SECRET_FOLDERS:
            return _skip(path, "secret by its name")
        if name in self._membership.ignored_folders or self._is_ignored(path, rules):
            return None
        if gitignore.decision_of(self._membership.ignores, path) is False:
            rules = ()  # the collection takes the folder back, so no .gitignore above it holds inside
        return _Folder(path, absolute, rules) if _is_encodable(path) else _skip(path, "name is not UTF-8")

    def _link(
        self, entry: os.DirEntry[str], name: str, *, path: str, rules: tuple[gitignore.Rules, ...]
    ) -> _Child | None:
        target = Path(os.path.realpath(entry.path))
        exists = target.exists()
        if exists and target.is_relative_to(self._root):
            return None
        if target.is_dir():
            path += "/"
            wanted = name not in self._membership.ignored_folders
        else:
            wanted = self._membership.selects(path, name=name)
        if not wanted or self._is_ignored(path, rules):
            return None
        return _skip(path, "link out of the collection" if exists else "unreadable")

    def _is_ignored(self, path: str, rules: tuple[gitignore.Rules, ...]) -> bool:
        """Ask the collection's own ignores first, then each `.gitignore`, the nearest first, until one decides."""
        if self._membership.ignores:
            decision = gitignore.decision_of(self._membership.ignores, path)
            if decision is not None:
                return decision
        for each in reversed(rules):
            decision = each.decision(path)
            if decision is not None:
                return decision
        return False


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
