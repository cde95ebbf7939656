"""Cutting lines out of a document for an agent to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from qmd_mcp.corpus.library.section import section_of
from qmd_mcp.corpus.readers.source_text import SourceText

MAX_CHARACTERS = 24_000
"""Most characters of one excerpt: about 6,000 tokens, a fourth of what clients accept in one answer. Another call reads
the rest."""

LISTED_HEADINGS = 20
"""Headings that are named where a section was asked for that a document does not have: a table of contents."""


@dataclass(frozen=True, slots=True)
class LinesAsked:
    """Which lines of a document are asked for."""

    from_line: int = 1
    max_lines: int | None = None
    line_numbers: bool = False
    section: str | None = None
    room: int = MAX_CHARACTERS
    """Most characters, if that is less than `MAX_CHARACTERS`."""


class Lines(NamedTuple):
    """Lines of a document."""

    title: str
    start_line: int
    end_line: int
    total_lines: int
    text: str
    next_line: int | None
    notes: tuple[str, ...]


class NoSection(NamedTuple):
    """The document has no heading of the name that was asked for."""

    headings: tuple[str, ...]
    """The first ones that it has, `LISTED_HEADINGS` at most."""
    total: int
    """How many it has."""


class BeyondEnd(NamedTuple):
    """The first line that was asked for is behind the last one."""

    last: int


LinesAnswer: TypeAlias = Lines | NoSection | BeyondEnd


def lines_of(source: SourceText, asked: LinesAsked) -> LinesAnswer:
    """Cut whole lines out of a document, within the room for them."""
    section = section_of(source, asked.section) if asked.section is not None else None
    if asked.section is not None and section is None:
        headings = [heading.text for heading in source.headings()]
        return NoSection(tuple(headings[:LISTED_HEADINGS]), len(headings))
    lines = source.text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    numbered = [(source.source_line(position), line) for position, line in enumerate(lines, 1)]
    last = numbered[-1][0] if numbered else 0
    if asked.from_line > max(last, 1):
        return BeyondEnd(last)
    within = numbered if section is None else numbered[section.start - 1 : section.stop - 1]
    wanted = [(number, line) for number, line in within if number >= asked.from_line]
    chosen: list[tuple[int, str]] = []
    notes: list[str] = []
    room = min(asked.room, MAX_CHARACTERS)
    overhead = len(str(last)) + 3 if asked.line_numbers else 1  # the number, two blanks and the newline
    for number, line in wanted[: asked.max_lines]:
        if len(line) + overhead > room:
            if chosen:
                break
            notes.append(f"Line {number} is cut at {room:,} of its {len(line):,} characters.")
            chosen.append((number, line[:room]))
            break
        chosen.append((number, line))
        room -= len(line) + overhead
    rest = [*wanted[len(chosen) :], *(() if section is None else numbered[section.stop - 1 :])]
    width = len(str(chosen[-1][0])) if chosen else 1
    return Lines(
        title=source.title,
        start_line=chosen[0][0] if chosen else 0,
        end_line=chosen[-1][0] if chosen else 0,
        total_lines=last,
        text="\n".join(f"{number:>{width}}  {line}" if asked.line_numbers else line for number, line in chosen),
        next_line=rest[0][0] if rest else None,
        notes=tuple(notes),
    )
