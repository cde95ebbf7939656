"""Finding the headings of Org and of AsciiDoc."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from qmd_mcp.corpus.readers.headings import LONGEST, Heading, one_line

_DEEPEST = 16
"""Most levels of headings in Org, which has no limit of its own; deeper ones count as this level. Each passage stores
all headings above it, so that a file which goes one level deeper in each line would make an index of any size."""

_READ = 4 * LONGEST
"""Most characters of a heading's line that are looked at: markup is seldom longer than the words."""

_ORG = re.compile(
    r"^(?P<stars>\*+)[ \t]+(?P<text>[^\n]*)|^[ \t]*#\+(?P<edge>begin|end)_(?P<block>[^\s:]+)",
    re.MULTILINE | re.IGNORECASE,
)
_ORG_END = re.compile(r"^[ \t]*#\+end_(?P<block>[^\s:]+)", re.MULTILINE | re.IGNORECASE)
_ORG_TODO = re.compile(r"^#\+(?:seq_|typ_)?todo:(?P<states>[^\n]*)", re.MULTILINE | re.IGNORECASE)
_ORG_TAGS = re.compile(r":(?:[\w@#%-]+:)+")
_ORG_MARKS = re.compile(r"\[#\w+\]|\[\d*(?:/\d*|%)\]")
_ORG_LINK = re.compile(r"\[\[([^\[\]]*)\](?:\[([^\[\]]*)\])?\]")
_ORG_EMPHASIS = re.compile(r"(?<![\w*/_=~+])([*/_=~+])(?=\S)([^*/_=~+]*[^\s*/_=~+])\1(?!\w)")

_STATES = frozenset(("TODO", "DONE", "NEXT", "WAITING", "HOLD", "STARTED", "SOMEDAY", "CANCELLED", "CANCELED"))
"""States of a task: those of Org itself, and those that most people add; a file can name more."""

_ADOC = re.compile(
    r"^(?P<signs>={1,6}|#{1,6})[ \t]+(?P<text>\S[^\n]*)|^(?P<line>(?P<sign>[-=~^+./])(?P=sign){2,}|```)[^\n]*$",
    re.MULTILINE,
)
_ADOC_EDGE = re.compile(r"^(?:([-+./])\1{3,}|```)[ \t]*$", re.MULTILINE)
_ADOC_UNDERLINES = {"=": 1, "-": 2, "~": 3, "^": 4, "+": 5}
_ADOC_TITLE = re.compile(r"(?![.\[|*=/:+-]|\s)[^\n]*\w")
_ADOC_LINK = re.compile(r"(?:link:|xref:|https?://)[^\s\[\]]*\[([^\[\]]*)\]|<<[^<>,]*,([^<>]*)>>|\[\[[^\[\]]*\]\]")
_ADOC_EMPHASIS = re.compile(r"(?<![\w*_`#+])([*_`#+]{1,2})(?=\S)([^*_`#+]*[^\s*_`#+])\1(?!\w)")


@dataclass(frozen=True, slots=True)
class OrgHeadline:
    """A heading of Org with what stands behind its words."""

    heading: Heading
    tags: tuple[str, ...]


def org_headlines(text: str, *, start: int = 0) -> Iterator[OrgHeadline]:
    """Yield the headings of Org in their order, without the state of a task, priority and tags.

    A line within a block, such as one of source code, is no heading. A block that never ends is no block.
    """
    states = {state.partition("(")[0] for match in _ORG_TODO.finditer(text) for state in match["states"].split()}
    ends = {match["block"].lower(): match.start() for match in _ORG_END.finditer(text, start)}
    block = ""
    for match in _ORG.finditer(text, start):
        name = (match["block"] or "").lower()
        if block:
            if name == block and match["edge"].lower() == "end":
                block = ""
        elif match["stars"]:
            words, tags = _org_words(match["text"][:_READ], _STATES | states)
            level = min(len(match["stars"]), _DEEPEST)
            yield OrgHeadline(Heading(match.start(), match.end(), level, words), tags)
        elif match["edge"].lower() == "begin" and ends.get(name, -1) > match.start():
            block = name


def org_headings(text: str, *, start: int = 0) -> Iterator[Heading]:
    """Yield the headings of Org in their order."""
    return (headline.heading for headline in org_headlines(text, start=start))


def asciidoc_headings(text: str, *, start: int = 0) -> Iterator[Heading]:
    """Yield the headings of AsciiDoc in their order, those with signs in front and those that are underlined.

    The title of the document has level 1. Lines within listings, literal text and comments are no headings.
    """
    ends = {match[0].rstrip(): match.start() for match in _ADOC_EDGE.finditer(text, start)}
    block = ""
    for match in _ADOC.finditer(text, start):
        line = match[0].rstrip()
        if block:
            if line == block:
                block = ""
        elif match["signs"]:
            level = len(match["signs"])
            words = match["text"][:_READ].strip()
            yield Heading(match.start(), match.end(), level, _adoc_words(words.removesuffix(match["signs"])))
        elif (title_start := _underlined(text, match, start)) >= 0:
            title = text[title_start : match.start()][:_READ]
            yield Heading(title_start, match.end(), _ADOC_UNDERLINES[match["sign"]], _adoc_words(title))
        else:
            edge = match["line"]
            if match["sign"] != "=" and ends.get(edge, -1) > match.start() and edge in {"```", line}:
                block = edge


def _underlined(text: str, line: re.Match[str], start: int) -> int:
    """Where the title begins whose length a line of signs has; -1 if there is none above it."""
    if line["sign"] not in _ADOC_UNDERLINES or line["line"] != line[0].rstrip() or line.start() <= start:
        return -1
    title_start = max(text.rfind("\n", start, line.start() - 1) + 1, start)
    above_start = max(text.rfind("\n", start, max(title_start - 1, start)) + 1, start)
    length = line.start() - 1 - title_start
    fits = abs(length - len(line["line"])) <= 1 and _ADOC_TITLE.match(text, title_start, line.start() - 1)
    return title_start if fits and not text[above_start:title_start].strip() else -1


def _org_words(text: str, states: frozenset[str]) -> tuple[str, tuple[str, ...]]:
    """Return the words of a heading, and its tags."""
    words = text.split()
    tags = words.pop() if words and _ORG_TAGS.fullmatch(words[-1]) else ""
    if words[1:] and words[0] in states:
        del words[0]
    plain = _ORG_MARKS.sub(" ", " ".join(words))
    plain = _ORG_LINK.sub(lambda link: link[2] or link[1], plain)
    return one_line(_ORG_EMPHASIS.sub(r"\2", plain)), tuple(filter(None, tags.split(":")))


def _adoc_words(text: str) -> str:
    plain = _ADOC_LINK.sub(lambda link: link[1] or link[2] or "", text)
    return one_line(_ADOC_EMPHASIS.sub(r"\2", plain))
