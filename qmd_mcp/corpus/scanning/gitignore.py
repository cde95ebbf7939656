"""What `.gitignore` files say about paths."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from qmd_mcp.domain.normal_forms import nfc

FILE_NAME = ".gitignore"

MAX_BYTES = 64 * 1024
"""How much of a `.gitignore` is read; lines beyond it say nothing. Every file is compared with every line: 64 KiB of
names take 0.2 s to compile and 1.3 ms for each file, and a megabyte takes 4.5 s and 25 ms."""

_STAR = re.escape("[^/]*")
_ONE_CHARACTER = rf"(?:\\.|(?!{_STAR})\[\^?\]?[^\]]*\]|[^\\\[/()])"
_STAR_BEFORE_STAR = re.compile(rf"{_STAR}({_ONE_CHARACTER}*)(?={_STAR})", re.DOTALL)
"""In pathspec's expression for a line: a `*` with what stands between it and the next `*` of the same name."""

_LEADING_FOLDERS = "^(?:.+/)?"
_INNER_FOLDERS = "(?:/.+)?"
"""How pathspec translates a `**/` at the start of a line and a `/**` within it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The patterns of one `.gitignore`."""

    spec: GitIgnoreSpec
    above: str
    """If the file lies above the collection's root: the path from its folder down to the root, in NFC, with a slash."""
    below: int
    """If the file lies below the collection's root: the length of its folder's path."""

    def decision(self, path: str) -> bool | None:
        """Whether the file ignores a path below the collection's root or takes it back; None if it says nothing."""
        return decision_of(self.spec, self.above + path[self.below :])


def decision_of(spec: GitIgnoreSpec, path: str) -> bool | None:
    """Whether patterns ignore a path (True) or take it back (False); None if they say nothing about it.

    pathspec judges files, and judges them by the folders above them as well. Here the folders have been judged already
    on the way down, so a pattern that is about a folder says nothing about a file in it. For a folder the last pattern
    that matches decides, so that `*`, `!*/`, `!*.md` leads into every folder, and `folder/**` is about the folder's
    contents, not about the folder.
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
    """Read the `.gitignore` files from the top of the repository down to the parent of a collection's root.

    If they ignore the root itself, there are none: a person who makes a collection of an ignored folder wants it.
    """
    folders = [root, *root.parents]
    top = next((folder for folder in folders if (folder / ".git").exists()), root)
    rules: tuple[Rules, ...] = ()
    for folder in reversed(folders[1 : folders.index(top) + 1]):
        above = nfc(root.relative_to(folder).as_posix())
        rules += rules_in(folder, above=above + "/")
    decisions = [decision for each in reversed(rules) if (decision := each.decision("")) is not None]
    return () if decisions and decisions[0] else rules


def rules_in(folder: Path, *, above: str = "", below: int = 0) -> tuple[Rules, ...]:
    """Read the `.gitignore` of a folder; as with git, a line that cannot be understood says nothing."""
    path = folder / FILE_NAME
    try:
        if not path.is_file():
            return ()
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError:
        return ()
    if len(data) > MAX_BYTES:
        data = data[: data.rfind(b"\n", 0, MAX_BYTES) + 1]
    lines = data.decode("utf-8-sig", "replace").split("\n")
    patterns = [line for line in lines if line.strip() and not line.startswith("#")]
    try:
        spec = compile_patterns(patterns)
    except (GitIgnorePatternError, re.error):
        spec = compile_patterns([pattern for pattern in patterns if _is_pattern(pattern)])
    return (Rules(spec, above, below),) if spec else ()


def compile_patterns(lines: Iterable[str]) -> GitIgnoreSpec:
    """Compile lines as they stand in a `.gitignore`, for paths in NFC.

    Raises:
        GitIgnorePatternError, re.error: a line is no pattern.
    """
    composed = [nfc(line) for line in lines]
    return GitIgnoreSpec.from_lines(composed, _pattern, backend="simple")


def _pattern(line: str) -> GitIgnoreSpecPattern:
    pattern = GitIgnoreSpecPattern(line)
    if pattern.regex is not None and line.count("*") > 1:
        pattern.regex = re.compile(linear(pattern.regex.pattern))
    return pattern


def linear(expression: str) -> str:
    """Rewrite pathspec's expression for a line, so that it never tries a `*` or `**` in two ways.

    A line such as `*?*?*?*?!` takes exponential time without this, and a cloned repository may contain one. As in
    `globs`, what stands between two `*`, or between two `**`, is matched where it first occurs, in an atomic group.
    """
    expression = _STAR_BEFORE_STAR.sub(r"(?>[^/]*?\1)", expression)
    first, *others = expression.split(_INNER_FOLDERS)
    if not others:
        return expression
    if first.startswith(_LEADING_FOLDERS):
        first = f"^(?>(?:.+?/)??{first.removeprefix(_LEADING_FOLDERS)}(?=/))"
    skipping = "".join(f"(?>(?:/.+?)??{run}(?=/))" for run in others[:-1])
    return f"{first}{skipping}{_INNER_FOLDERS}{others[-1]}"


def _is_pattern(line: str) -> bool:
    try:
        compile_patterns([line])
    except (GitIgnorePatternError, re.error):
        return False
    return True
