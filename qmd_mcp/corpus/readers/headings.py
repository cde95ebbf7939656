"""Finding the headings of a document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from qmd_mcp.domain.normal_forms import nfc

LONGEST = 300
"""Most characters of a heading or title; a longer one is a paragraph that somebody marked as a heading, and is cut."""

FENCE = r"^[-*+>\d.) \t]*(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)"
"""A line that may open or close fenced code, also inside a list or a quotation."""

_MARKDOWN = re.compile(
    rf"{FENCE}|^ {{0,3}}(?P<hashes>#{{1,6}})(?=[ \t\n]|\Z)(?P<text>[^\n]*)|^ {{0,3}}(?:=+|-+)[ \t]*$",
    re.MULTILINE,
)
_NO_PARAGRAPH = re.compile(r" {4}|\t|\s*(?:[#>|<]|[-*+][ \t]|\d+[.)][ \t]|`{3}|~{3}|$)")
_ADORNMENT = re.compile(r"^([!-/:-@\[-`{-~])\1{2,}[ \t]*$", re.MULTILINE)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*]*[^\s*])\1(?![\w*])")
_MARKUP = re.compile(r"</?(?:a|b|br|code|em|i|img|kbd|small|span|strong|sub|sup)\b[^<>]*>|\{#[^{}]*\}|`+")
_MARKED = re.compile(r"[\[*<{`]")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading, and where its markup stands in the text."""

    start: int
    """Start of its first line."""
    end: int
    """End of its last line."""
    level: int
    """1 for the outermost headings."""
    text: str
    """Its words on one line, without markup."""


def markdown_headings(text: str, *, start: int = 0) -> Iterator[Heading]:
    """Yield ATX and Setext headings from an offset on, in their order; a comment in fenced code is not a heading."""
    fence = ""
    for match in _MARKDOWN.finditer(text, start):
        if match["fence"]:
            fence = fence_after(match, fence)
        elif fence:
            continue
        elif match["hashes"]:
            title = match["text"].strip()
            bare = title.rstrip("#")
            closed = not bare or bare[-1].isspace()
            yield Heading(match.start(), match.end(), len(match["hashes"]), plain(bare if closed else title))
        elif match.start() > start:
            line_start, line = _line_above(text, match.start(), start)
            _, above = _line_above(text, line_start, start)
            if not _NO_PARAGRAPH.match(line) and not above.strip():  # else a rule below a paragraph
                yield Heading(line_start, match.end(), 1 if "=" in match[0] else 2, plain(line))


def fence_after(line: re.Match[str], fence: str) -> str:
    """Return the fence that is open after a line that matches `FENCE`, given the one open before it; empty for none."""
    run, info = line["fence"], line["info"]
    if fence:
        return "" if run.startswith(fence) and not info.strip() else fence
    return "" if run[0] == "`" and "`" in info else run


def underlined_headings(text: str, *, start: int = 0) -> Iterator[Heading]:
    """Yield the headings of reStructuredText; their levels follow the order in which the adornments first appear."""
    levels: dict[tuple[str, bool], int] = {}
    free = start
    for match in _ADORNMENT.finditer(text, start):
        line_start, line = _line_above(text, match.start(), start)
        rule_start, rule = _line_above(text, line_start, start)
        adornment = match[0].strip()
        over = rule.strip() == adornment
        fits = 0 < len(line.strip()) <= len(adornment) + 2 and not line.startswith(("    ", "\t", ".."))
        if line_start < free or not fits or _ADORNMENT.match(line) or not (over or not rule.strip()):
            continue
        level = levels.setdefault((match[1], over), len(levels) + 1)
        free = match.end()
        yield Heading(rule_start if over else line_start, free, level, plain(line))


def plain(heading: str) -> str:
    """Return the words of a heading without links, emphasis, tags and anchors."""
    if not _MARKED.search(heading):
        return one_line(heading)
    return one_line(_MARKUP.sub("", _EMPHASIS.sub(r"\2", _LINK.sub(r"\1", heading))))


def one_line(title: str, *, longest: int = LONGEST) -> str:
    """Make one line of a title or another value, in NFC and without control characters, and cut it at a length.

    Escapes in YAML can stand for any character, also for one half of a surrogate pair, which cannot be encoded.
    """
    if not title.isascii():
        title = nfc(title.encode(errors="ignore").decode())
    line = " ".join(_CONTROL.sub(" ", title).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _line_above(text: str, position: int, start: int) -> tuple[int, str]:
    """Return where the line above begins, and that line; nothing above the start of the text."""
    if position <= start:
        return start, ""
    line_start = max(text.rfind("\n", start, position - 1) + 1, start)
    return line_start, text[line_start : position - 1]
