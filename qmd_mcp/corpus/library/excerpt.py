"""Cutting lines out of a document for an agent to read."""

from __future__ import annotations

from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.corpus.scanning.disk_files import FileContent
from qmd_mcp.domain.answers import Excerpt
from qmd_mcp.domain.documents import Document, shown_docid, uri_of
from qmd_mcp.errors import ArgumentError

MAX_CHARACTERS = 24_000
"""Most characters of one excerpt: about 6,000 tokens, a fourth of what clients accept in one answer. Another call reads
the rest."""


def excerpt_of(
    source: SourceText,
    *,
    document: Document,
    data: FileContent,
    context: str | None,
    from_line: int,
    max_lines: int | None,
    line_numbers: bool,
    section: range | None = None,
    room: int = MAX_CHARACTERS,
) -> Excerpt:
    """Cut whole lines out of a document, within `MAX_CHARACTERS` or within `room` if that is less.

    `section` has the lines of the text, counted from 1, of which the excerpt is a part.

    Raises:
        ArgumentError: `from_line` is beyond the last line.
    """
    lines = source.text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    numbered = [(source.source_line(position), line) for position, line in enumerate(lines, 1)]
    last = numbered[-1][0] if numbered else 0
    if from_line > max(last, 1):
        sentence = f"from_line is {from_line}, but {document.key} has {last} lines."
        raise ArgumentError(sentence)
    within = numbered if section is None else numbered[section.start - 1 : section.stop - 1]
    wanted = [(number, line) for number, line in within if number >= from_line]
    chosen: list[tuple[int, str]] = []
    notes: list[str] = []
    room = min(room, MAX_CHARACTERS)
    overhead = len(str(last)) + 3 if line_numbers else 1  # the number, two blanks and the newline
    for number, line in wanted[:max_lines]:
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
    text = "\n".join(f"{number:>{width}}  {line}" if line_numbers else line for number, line in chosen)
    return Excerpt(
        docid=shown_docid(document.docid),
        collection=document.collection,
        path=document.path,
        uri=uri_of(document.collection, document.path),
        title=source.title,
        start_line=chosen[0][0] if chosen else 0,
        end_line=chosen[-1][0] if chosen else 0,
        total_lines=last,
        text=text,
        freshness="current" if data.content_hash == document.content_hash else "changed",
        context=context,
        next_line=rest[0][0] if rest else None,
        notes=tuple(notes),
    )
