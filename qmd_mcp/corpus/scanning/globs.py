"""Globs: which patterns they stand for, and which paths match them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qmd_mcp.corpus.scanning.path_patterns import ANY_FOLDERS, name_expression, path_expression
from qmd_mcp.domain.normal_forms import nfc
from qmd_mcp.errors import CollectionError

LONGEST = 1_000
"""Characters of one glob. The default globs have at most 115; an agent's glob comes over the network, and the time to
expand and match it grows with its length."""

MOST = 1_000
"""Patterns that one call may expand to, all its globs together: `{a,b}` ten times over is 1,024."""

MOST_CHARACTERS = 20_000
"""Characters of all patterns that are compiled for one call: it takes 20 µs for each. The default globs stand for 1,700
characters; `{a,b}` nine times over before a long name stands for half a million, which take 10 s."""

_CLASS = r"\[[!^]?\]?[^\]/]*\]"
_BRACE_PART = re.compile(rf"{_CLASS}|[{{}},]|[^\[{{}},]+|\[")
"""A class of characters, a brace, a comma, or literal text; a bracket that opens no class is literal text."""
_SEGMENT_PART = re.compile(rf"{_CLASS}|\*+|.", re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:")


def expand_globs(globs: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns without braces and commas that globs stand for, in NFC and relative to the root.

    Braces and commas are unions, and braces may be nested. `[,]` and `[{]` stand for the characters themselves.

    Raises:
        CollectionError: a glob is empty, leaves the root, has a brace without a partner, is too long, or stands for
            too many patterns.
    """
    expanded: list[str] = []
    for written in globs:
        if len(written) > LONGEST:
            raise _unusable(written[:40] + "…", f"it is longer than {LONGEST:,} characters")
        expanded += [_relative(pattern, written=written) for pattern in _alternatives(written)]
        if len(expanded) > MOST:
            raise _too_many(written)
    return tuple(dict.fromkeys(nfc(pattern) for pattern in expanded))


def _alternatives(glob: str) -> list[str]:
    """Expand braces and commas in one pass; the work is bounded by the length of the patterns that come out."""
    open_braces: list[tuple[list[str], list[str]]] = []
    """For each open brace: what stands before it in its own alternative, and the alternatives before that one."""
    finished, current = list[str](), [""]
    for part in _BRACE_PART.findall(glob):
        if part == "{":
            open_braces.append((current, finished))
            finished, current = [], [""]
        elif part == ",":
            finished, current = finished + current, [""]
        elif part == "}":
            if not open_braces:
                raise _unusable(glob, "a brace has no partner")
            (before, outer), union = open_braces.pop(), finished + current
            if len(before) * len(union) > MOST:
                raise _too_many(glob)
            finished, current = outer, [start + end for start in before for end in union]
        else:
            current = [start + part for start in current]
    if open_braces:
        raise _unusable(glob, "a brace has no partner")
    return finished + current


def _relative(pattern: str, *, written: str) -> str:
    bare = pattern.strip()
    while bare.startswith("./"):
        bare = bare[2:]
    if not bare:
        raise _unusable(written, "it is empty")
    if "\\" in bare:
        raise _unusable(written, "write '/' between folders, also on Windows")
    if bare.startswith(("/", "~")) or _DRIVE.match(bare) or ".." in bare.split("/"):
        raise _unusable(written, "globs are relative to the collection's folder and stay inside")
    return bare + "**" if bare.endswith("/") else bare


@dataclass(frozen=True, slots=True)
class GlobMatcher:
    """Tells whether any of several globs matches a path, whatever the case of its letters.

    One comparison takes time proportional to the length of the globs times that of the path, whatever the globs are: an
    agent may send `*?*?*?*?!`.
    """

    expressions: tuple[re.Pattern[str], ...]
    """Of several globs each, which is faster, but of `LONGEST` characters at most: while an expression is compared, the
    interpreter does nothing else. The longest one with the longest path of Linux takes 20 ms."""

    def matches(self, path: str) -> bool:
        """Whether a glob matches the path."""
        return any(each.fullmatch(path) is not None for each in self.expressions)


def compile_globs(globs: Sequence[str]) -> GlobMatcher:
    """Compile expanded globs.

    Raises:
        CollectionError: the brackets of a glob are not a valid class of characters, or the globs are too long together.
    """
    if sum(map(len, globs)) > MOST_CHARACTERS:
        raise _unusable(globs[0], f"the globs stand for patterns of more than {MOST_CHARACTERS:,} characters together")
    groups: list[list[str]] = []
    room = 0
    for glob in globs:
        if len(glob) > room:
            groups.append([])
            room = LONGEST
        groups[-1].append(glob)
        room -= len(glob)
    try:
        return GlobMatcher(
            tuple(re.compile("|".join(map(_expression, group)), re.IGNORECASE | re.DOTALL) for group in groups)
        )
    except re.error as error:
        raise _unusable(", ".join(globs), str(error)) from error


def _expression(glob: str) -> str:
    """Translate one glob to an expression: `**` is any number of folders; `*` and `?` stay within one name."""
    return path_expression(
        [ANY_FOLDERS if name == "**" else name_expression(_pieces(name)) for name in glob.split("/") if name]
    )


def _pieces(name: str) -> list[str]:
    """The expressions of what stands between the `*` of a name."""
    pieces = [""]
    for part in _SEGMENT_PART.findall(name):
        if part[0] == "*":
            pieces.append("")
        else:
            pieces[-1] += "[^/]" if part == "?" else _class(part) if part[1:] else re.escape(part)
    return pieces


def _class(brackets: str) -> str:
    negated = brackets[1] in "!^"
    inside = re.escape(brackets[1 + negated : -1]).replace(r"\-", "-")
    return f"[^/{inside}]" if negated else f"[{inside}]"


def _too_many(glob: str) -> CollectionError:
    return _unusable(glob, f"it stands for more than {MOST:,} patterns")


def _unusable(glob: str, reason: str) -> CollectionError:
    return CollectionError(f"The glob {glob!r} cannot be used: {reason}.")
