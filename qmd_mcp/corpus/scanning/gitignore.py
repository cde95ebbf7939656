"""What the `.gitignore` files of a folder and of those above it say about paths."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qmd_mcp.corpus.scanning.ignore_patterns import MOST_WILD, IgnorePatterns, PatternError
from qmd_mcp.domain.normal_forms import nfc
from qmd_mcp.files.beneath import open_beneath

FILE_NAME = ".gitignore"

MAX_BYTES = 64 * 1024
"""How much of a `.gitignore` is read; lines beyond it say nothing."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The patterns of one `.gitignore`."""

    patterns: IgnorePatterns
    complete: bool
    """False if there were too many bytes, or too many lines with wildcards, for all lines to be heeded."""
    above: str
    """If the file lies above the collection's root: the path from its folder down to the root, in NFC, with a slash."""
    below: int
    """If the file lies below the collection's root: the length of its folder's path."""

    def decision(self, path: str) -> bool | None:
        """Whether the file ignores a path below the collection's root or takes it back; None if it says nothing."""
        return self.patterns.decision(self.above + path[self.below :])


def rules_above(root: Path) -> tuple[Rules, ...]:
    """Read the `.gitignore` files from the top of the repository down to the parent of a collection's root.

    If they ignore the root itself, there are none: a person who makes a collection of an ignored folder wants it.
    """
    folders = [root, *root.parents]
    top = next((folder for folder in folders if (folder / ".git").exists()), root)
    rules: tuple[Rules, ...] = ()
    for folder in reversed(folders[1 : folders.index(top) + 1]):
        above = nfc(root.relative_to(folder).as_posix())
        rules += rules_in(folder, "", rules, above=above + "/")
    return () if _ignores_the_root(rules) else rules


def _ignores_the_root(rules: Sequence[Rules]) -> bool:
    """Whether rules from above the root ignore it, or a folder between them and the root."""
    paths = [each.above.split("/")[:-1] for each in rules]
    for upwards in range(max(map(len, paths), default=0)):
        for each, names in zip(reversed(rules), reversed(paths), strict=True):
            folder = names[: len(names) - upwards]
            decision = each.patterns.decision("/".join(folder) + "/") if folder else None
            if decision is not None:
                if decision:
                    return True
                break
    return False


def rules_in(root: Path, folder: str, outer: Sequence[Rules], *, above: str = "", below: int = 0) -> tuple[Rules, ...]:
    """Read the `.gitignore` of a folder below a root; as with git, a line that cannot be understood says nothing.

    `folder` ends with a slash unless it is empty. `outer` are the rules that hold in it already: they and the new ones
    share the room for wildcards. As with git, a `.gitignore` that is a link says nothing.
    """
    try:
        descriptor = open_beneath(root, folder + FILE_NAME)
    except OSError:
        return ()
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ()
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError:
        return ()
    finally:
        os.close(descriptor)
    complete = len(data) <= MAX_BYTES
    if not complete:
        data = data[: data.rfind(b"\n", 0, MAX_BYTES) + 1]
    patterns = IgnorePatterns()
    room = MOST_WILD - sum(each.patterns.wild for each in outer)
    for line in data.decode("utf-8-sig", "replace").split("\n"):
        try:
            complete &= patterns.add(line, most_wild=room)
        except PatternError:
            continue
    return (Rules(patterns, complete, above, below),) if patterns or not complete else ()
