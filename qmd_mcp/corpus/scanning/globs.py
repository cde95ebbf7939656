"""Globs: which patterns they stand for, and which paths match them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from qmd_mcp.domain.normal_forms import nfc
from qmd_mcp.errors import CollectionError

LONGEST = 1_000
"""Characters of one glob. The default globs have at most 115; an agent's glob comes over the network, and the time to
expand and match it grows with its length."""

MOST = 1_000
"""Patterns that one call may expand to, all its globs together: `{a,b}` ten times over is 1,024."""

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


def compile_globs(globs: Sequence[str]) -> re.Pattern[str] | None:
    """Compile expanded globs to one expression that matches a path if any of them does; None without globs.

    The case of letters does not matter. The expression never tries a `*` or `**` in two ways, so that matching takes
    time proportional to the length of the glob times that of the path, whatever the glob is: an agent may send
    `*?*?*?*?!`, which takes exponential time when it is translated without care.

    Raises:
        CollectionError: the brackets of a glob are not a valid class of characters.
    """
    try:
        return re.compile("|".join(map(_expression, globs)), re.IGNORECASE | re.DOTALL) if globs else None
    except re.error as error:
        raise _unusable(", ".join(globs), str(error)) from error


def _expression(glob: str) -> str:
    """Translate one glob to a regular expression: `**` is any number of folders; `*` and `?` stay within one name.

    What stands between two `**` is matched where it first occurs, in an atomic group: the second `**` can skip
    everything that a later occurrence would leave out, so no other place needs to be tried.
    """
    runs: list[list[str]] = [[]]
    """The segments between one `**` and the next."""
    for segment in filter(None, glob.split("/")):
        if segment == "**":
            runs.append([])
        else:
            runs[-1].append(_segment(segment))
    if len(runs) == 1:
        return "/".join(runs[0])
    first, *middle, last = runs
    skipping = "".join(f"(?>(?:[^/]+/)*?{_folders(run)})" for run in middle if run)
    return _folders(first) + skipping + ("(?:[^/]+/)*" + "/".join(last) if last else ".+")


def _folders(segments: Sequence[str]) -> str:
    return "".join(f"{segment}/" for segment in segments)


def _segment(segment: str) -> str:
    """Translate what stands between two slashes.

    What stands between two `*` has a fixed length and is matched where it first occurs, in an atomic group, for the
    same reason as above (Python's `fnmatch` does it so, too).
    """
    pieces = [""]
    for part in _SEGMENT_PART.findall(segment):
        if part[0] == "*":
            pieces.append("")
        else:
            pieces[-1] += "[^/]" if part == "?" else _class(part) if part[1:] else re.escape(part)
    first, *others = pieces
    if not others:
        return first
    return first + "".join(f"(?>[^/]*?{piece})" for piece in others[:-1]) + f"[^/]*{others[-1]}"


def _class(brackets: str) -> str:
    negated = brackets[1] in "!^"
    inside = re.escape(brackets[1 + negated : -1]).replace(r"\-", "-")
    return f"[^/{inside}]" if negated else f"[{inside}]"


def _too_many(glob: str) -> CollectionError:
    return _unusable(glob, f"it stands for more than {MOST:,} patterns")


def _unusable(glob: str, reason: str) -> CollectionError:
    return CollectionError(f"The glob {glob!r} cannot be used: {reason}.")
