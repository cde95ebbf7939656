"""What `.gitignore` files say about paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore import GitIgnorePatternError

FILE_NAME = ".gitignore"

_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Rules:
    """One `.gitignore`."""

    spec: GitIgnoreSpec
    above: str
    """Path of the collection's root below the file's folder: set where that folder is above the root."""
    below: int
    """Length of the path of the file's folder below the root."""

    def decision(self, path: str) -> bool | None:
        """Whether it ignores a path below the collection's root or takes it back; null if it says nothing."""
        return decision_of(self.spec, self.above + path[self.below :])


def decision_of(spec: GitIgnoreSpec, path: str) -> bool | None:
    """Whether a spec ignores a path or takes it back; null if it says nothing.

    A specification judges files, and by the folders above them too. Here these are judged on the way: what is said
    about a folder alone says nothing of a file, and for a folder the last pattern counts, so that `*`, `!*/`, `!*.md`
    leads into it, and `folder/**` is about what is inside.
    """
    if not path.endswith("/"):
        found = spec.check_file(path)
        about_folder = found.index is not None and str(spec.patterns[found.index].pattern).endswith("/")
        return None if about_folder else found.include
    for pattern in reversed(spec.patterns):
        inside = str(pattern.pattern).endswith("/**")
        if pattern.include is not None and pattern.match_file(path[:-1] if inside else path):
            return pattern.include
    return None


def rules_above(root: Path) -> tuple[Rules, ...]:
    """The `.gitignore` files from the top of the repository down to the root's parent.

    None where they ignore the root itself: who makes a collection of an ignored folder wants it.
    """
    folders = [root, *root.parents]
    top = next((folder for folder in folders if (folder / ".git").exists()), root)
    rules: tuple[Rules, ...] = ()
    for folder in reversed(folders[1 : folders.index(top) + 1]):
        rules += rules_in(folder, above=root.relative_to(folder).as_posix() + "/")
    decisions = [decision for each in reversed(rules) if (decision := each.decision("")) is not None]
    return () if decisions and decisions[0] else rules


def rules_in(folder: Path, *, above: str = "", below: int = 0) -> tuple[Rules, ...]:
    """What a folder's `.gitignore` says; lines that cannot be read say nothing, as for git."""
    path = folder / FILE_NAME
    try:
        if not path.is_file() or path.stat().st_size > _MAX_BYTES:
            return ()
        lines = path.read_text(encoding="utf-8-sig", errors="replace").split("\n")
    except OSError:
        return ()
    patterns = [line for line in lines if line.strip() and not line.startswith("#")]
    try:
        spec = GitIgnoreSpec.from_lines(patterns)
    except (GitIgnorePatternError, re.error):
        spec = GitIgnoreSpec.from_lines([pattern for pattern in patterns if _is_pattern(pattern)])
    return (Rules(spec, above, below),) if spec else ()


def _is_pattern(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except (GitIgnorePatternError, re.error):
        return False
    return True
