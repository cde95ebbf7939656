"""Patterns as they stand in a `.gitignore`, and what they say about a path."""

from __future__ import annotations

import re
from dataclasses import dataclass

from qmd_mcp.corpus.scanning.path_patterns import ANY_FOLDERS, name_expression, path_expression
from qmd_mcp.domain.normal_forms import nfc

LONGEST = 1_000
"""Characters of one line; a longer one is no pattern. It is the limit of globs, and no name of a file is that long."""

MOST_WILD = 16 * 1024
"""Characters of those lines that hold for one folder and can only be compared one by one, because they have a wildcard
elsewhere than in `*.suffix`. Every file is compared with every one of them: as many in lines of seven characters take
.3 s to compile and 1 ms for each file. A `.gitignore` of a large project has 500 such characters."""

_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"!-/:-@\[-`{-~",
    "space": r" \t\n\r\f\v",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}
_NAMED_CLASS = re.compile(r"\[:([a-z]+):\]")
_SUFFIX = re.compile(r"\*\.([^*?\[\]\\/.]+)")
_WILD = re.compile(r"[*?\[\\]")


class PatternError(ValueError):
    """A line that is no pattern."""


@dataclass(frozen=True, slots=True)
class _Line:
    place: int
    """Which line it is: the last one that matches a path decides."""
    ignores: bool
    """False if the line takes back what others ignore."""
    folders_only: bool
    expression: re.Pattern[str] | None = None
    whole: bool = False
    """Whether the expression is compared with the whole path, not with the last name of it."""


class IgnorePatterns:
    """The lines of one `.gitignore` or of one collection's ignores.

    Names, paths without a wildcard, and `*.suffix` are looked up; other lines are compared one by one, the last first.
    """

    def __init__(self) -> None:
        self._names: dict[str, list[_Line]] = {}
        self._suffixes: dict[str, list[_Line]] = {}
        self._paths: dict[str, list[_Line]] = {}
        self._others: list[_Line] = []
        self._count = 0
        self.wild = 0
        """Characters of the lines that are compared one by one."""

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, line: str, *, most_wild: int = MOST_WILD) -> bool:
        """Add a line to the others, for paths in NFC; return whether there was room for it.

        A comment or an empty line adds nothing.

        Raises:
            PatternError: the line is no pattern.
        """
        pattern = _trimmed(nfc(line))
        if not pattern or pattern.startswith("#"):
            return True
        if len(pattern) > LONGEST:
            sentence = f"{pattern[:40]}… is longer than {LONGEST:,} characters"
            raise PatternError(sentence)
        ignores = not pattern.startswith("!")
        bare = pattern.removeprefix("!")
        folders_only = bare.endswith("/")
        bare = bare.removesuffix("/")
        if not bare:
            sentence = f"{pattern!r} names nothing"
            raise PatternError(sentence)
        whole, bare = "/" in bare, bare.removeprefix("/")
        place, self._count = self._count, self._count + 1
        suffix = _SUFFIX.fullmatch(bare)
        if not _WILD.search(bare):
            looked_up = self._paths if whole else self._names
            looked_up.setdefault(bare, []).append(_Line(place, ignores, folders_only))
        elif suffix and not whole:
            self._suffixes.setdefault(suffix[1], []).append(_Line(place, ignores, folders_only))
        elif self.wild + len(bare) > most_wild:
            return False
        else:
            self.wild += len(bare)
            expression = re.compile(_expression(bare, whole=whole), re.DOTALL)
            self._others.append(_Line(place, ignores, folders_only, expression, whole))
        return True

    def decision(self, path: str) -> bool | None:
        """Whether the lines ignore a path (True) or take it back (False); None if they say nothing about it.

        The path of a folder ends with a slash. Only the path itself is judged, not the folders above it.
        """
        folder = path.endswith("/")
        bare = path[:-1] if folder else path
        name = bare[bare.rfind("/") + 1 :]
        best: _Line | None = None
        for lines in (
            self._names.get(name, ()),
            self._paths.get(bare, ()),
            self._suffixes.get(name[name.rfind(".") + 1 :], ()) if "." in name else (),
        ):
            for line in lines:
                if (folder or not line.folders_only) and (best is None or line.place > best.place):
                    best = line
        for line in reversed(self._others):
            if best is not None and line.place < best.place:
                break
            if line.folders_only and not folder:
                continue
            if line.expression is not None and line.expression.fullmatch(bare if line.whole else name):
                best = line
                break
        return None if best is None else best.ignores


def _trimmed(line: str) -> str:
    """A line without the blanks at its end, except one that follows a backslash."""
    bare = line.removesuffix("\r").rstrip(" ")
    backslashes = len(bare) - len(bare.rstrip("\\"))
    return bare + " " if backslashes % 2 and len(bare) < len(line) and line[len(bare)] == " " else bare


def _expression(pattern: str, *, whole: bool) -> str:
    """Translate a line without its `!` and its slashes at both ends."""
    names: list[str | None] = []
    pieces = [""]
    stars = position = 0
    while position <= len(pattern):
        sign = pattern[position : position + 1]
        if sign == "\\" and pattern[position + 1 : position + 2] == "/":
            position += 1
            sign = "/"
        if sign in {"/", ""}:
            is_folders = whole and stars > 1 and pieces == [""] * (stars + 1)
            names.append(ANY_FOLDERS if is_folders else name_expression(_merged(pieces)))
            pieces, stars = [""], 0
            position += 1
        elif sign == "*":
            pieces.append("")
            stars += 1
            position += 1
        elif sign == "[":
            expression, position = _class(pattern, position)
            pieces[-1] += expression
        elif sign == "?":
            pieces[-1] += "[^/]"
            position += 1
        elif sign == "\\":
            if position + 1 == len(pattern):
                sentence = f"{pattern!r} ends with a backslash"
                raise PatternError(sentence)
            pieces[-1] += re.escape(pattern[position + 1])
            position += 2
        else:
            pieces[-1] += re.escape(sign)
            position += 1
    return path_expression(names)


def _merged(pieces: list[str]) -> list[str]:
    """Several `*` in a row mean one."""
    return [pieces[0], *(piece for piece in pieces[1:-1] if piece), *pieces[1:][-1:]]


def _class(pattern: str, start: int) -> tuple[str, int]:
    """The expression for the class of characters that begins at a bracket, and the position behind it."""
    position = start + 1
    negated = pattern[position : position + 1] in {"!", "^"}
    position += negated
    inside = ""
    first = True
    while first or pattern[position : position + 1] != "]":
        first = False
        named = _NAMED_CLASS.match(pattern, position)
        if named and named[1] in _CLASSES:
            inside += _CLASSES[named[1]]
            position = named.end()
            continue
        low, position = _character(pattern, position)
        high = low
        if pattern[position : position + 1] == "-" and pattern[position + 1 : position + 2] not in {"]", ""}:
            high, position = _character(pattern, position + 1)
        if low > high:
            sentence = f"in {pattern!r}, the range {low}-{high} has no characters"
            raise PatternError(sentence)
        inside += re.escape(low) + ("" if low == high else f"-{re.escape(high)}")
    return (f"[^/{inside}]" if negated else f"(?!/)[{inside}]"), position + 1


def _character(pattern: str, position: int) -> tuple[str, int]:
    """A character of a class, which a backslash may stand before, and the position behind it."""
    position += pattern[position : position + 1] == "\\"
    if position >= len(pattern):
        sentence = f"{pattern!r} has a bracket without a partner"
        raise PatternError(sentence)
    return pattern[position], position + 1
