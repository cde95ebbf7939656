"""Globs: what they stand for, and how paths match them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from qmd_mcp.errors import CollectionError

LONGEST = 1_000
"""Characters of one glob."""

MOST = 1_000
"""After braces are expanded: `{a,b}` ten times over is 1,024."""

_CLASS = r"\[[!^]?\]?[^\]/]*\]"
_SIGN = re.compile(rf"{_CLASS}|[{{}},]")
_PART = re.compile(rf"{_CLASS}|\*+|.", re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:")


def expand_globs(globs: Iterable[str]) -> tuple[str, ...]:
    """Globs without braces and commas, relative to the root; both are unions and nest, and `[,]` is a comma.

    Raises:
        CollectionError: a glob is empty, leaves the root, has an open brace or stands for too many.
    """
    expanded: list[str] = []
    for written in globs:
        if len(written) > LONGEST:
            raise _unfit(written[:40] + "…", f"it is longer than {LONGEST:,} characters")
        _check_braces(written)
        for glob in _alternatives(f"{{{written}}}"):
            expanded.append(_relative(glob, written=written))
            if len(expanded) > MOST:
                raise _unfit(written, f"it stands for more than {MOST:,} patterns")
    return tuple(dict.fromkeys(expanded))


def _check_braces(glob: str) -> None:
    depth = 0
    for sign in _SIGN.findall(glob):
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            break
    if depth:
        raise _unfit(glob, "a brace has no partner")


def _alternatives(glob: str) -> Iterator[str]:
    """Expand the first pair of braces, then those in what it leaves."""
    depth, cuts = 0, list[int]()
    for match in _SIGN.finditer(glob):
        sign = match[0]
        depth += (sign == "{") - (sign == "}")
        if sign in "{," and depth == 1:
            cuts.append(match.start())
        elif sign == "}" and depth == 0:
            for start, end in pairwise([*cuts, match.start()]):
                yield from _alternatives(glob[: cuts[0]] + glob[start + 1 : end] + glob[match.end() :])
            return
    yield glob


def _relative(glob: str, *, written: str) -> str:
    bare = glob.strip()
    while bare.startswith("./"):
        bare = bare[2:]
    if not bare:
        raise _unfit(written, "it is empty")
    if "\\" in bare:
        raise _unfit(written, "write '/' between folders, also on Windows")
    if bare.startswith(("/", "~")) or _DRIVE.match(bare) or ".." in bare.split("/"):
        raise _unfit(written, "globs are relative to the collection's folder and stay inside")
    return bare + "**" if bare.endswith("/") else bare


def compile_globs(globs: Sequence[str]) -> re.Pattern[str] | None:
    """One expression for paths that any of the expanded globs takes, whatever the letters' case; null without globs.

    Raises:
        CollectionError: brackets of a glob are no class of characters.
    """
    try:
        return re.compile("|".join(map(_expression, globs)), re.IGNORECASE | re.DOTALL) if globs else None
    except re.error as error:
        raise _unfit(", ".join(globs), str(error)) from error


def _expression(glob: str) -> str:
    """A regular expression: `**` is any number of folders, `*` and `?` stay inside of one."""
    segments = [segment for segment in glob.split("/") if segment]
    parts = [
        ("(?:[^/]+/)*" if position < len(segments) - 1 else ".+") if segment == "**" else _segment(segment) + "/"
        for position, segment in enumerate(segments)
        if segment != "**" or position == 0 or segments[position - 1] != "**"
    ]
    return "".join(parts).removesuffix("/")


def _segment(segment: str) -> str:
    return "".join(
        "[^/]*" if sign[0] == "*" else "[^/]" if sign == "?" else _class(sign) if sign[1:] else re.escape(sign)
        for sign in _PART.findall(segment)
    )


def _class(brackets: str) -> str:
    negated = brackets[1] in "!^"
    inside = re.escape(brackets[1 + negated : -1]).replace(r"\-", "-")
    return f"[^/{inside}]" if negated else f"[{inside}]"


def _unfit(glob: str, reason: str) -> CollectionError:
    return CollectionError(f"The glob {glob!r} cannot be used: {reason}.")
